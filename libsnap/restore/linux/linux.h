/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Restoring on Linux, amd64 and i386 (ptrace and remote system calls, no code
 * of ours in the target).
 *
 *	restore.c	the order of it all
 *	trace.c		ptrace, and system calls made by the new tasks for us
 *	cpus.c		where it all runs
 *	seed.c		the tiny program every process begins as
 *	root.c		how the first process begins
 *	tree.c		processes, sessions, groups, threads
 *	zombies.c	those that die before the tree is let go
 *	space.c		address spaces: the seed's goes, the snapshot's comes
 *	vdso.c		the vdso of another kernel
 *	pages.c		their contents: what goes where,
 *	fill.c		and written by several threads
 *	objects.c	open files, made in our own table; object_*.c by kind
 *	object_queue.c	and what is unread in sockets, once all of them are there
 *	object_tcp.c	TCP connections, until they are let go; segment.c
 *	tcp_lock.c	and what keeps the network from them
 *	descriptors.c	and handed over
 *	ipc.c		System V objects, POSIX queues; ipc_*.c by kind
 *	net.c		the network stack of a namespace; net_*.c by kind
 *	mount.c		what is mounted in a namespace; mount_*.c what that is
 *	cgroups.c	cgroups, made by the caller before all this; cgroups_*.c
 *	users.c		their user namespace, seen from outside
 *	process.c	what a process has: dispositions, limits, ...
 *	timers.c	its interval and POSIX timers
 *	credentials.c	who it runs as, seccomp
 *	thread.c	registers, FPU, masks; letting go
 *	host.c		what of the snapshot does not fit this host
 *	host_files.c	and which of its files,
 *	host_ipc.c	of its System V objects,
 *	host_net.c	of its network stack,
 *	host_tcp.c	and of its TCP connections
 *
 * Functions return 0 or a negative snap_code with r->err filled.
 */
#ifndef LIBSNAP_RESTORE_LINUX_LINUX_H
#define LIBSNAP_RESTORE_LINUX_LINUX_H

#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "libsnap/model/signal_set.h"
#include "libsnap/restore/restore.h"

#define PAGE_SIZE_LINUX	4096u
#define VDSO_MAX	(64u << 10)
#define CPUS_MAX	2048u

/* A number stays taken as long as something of the original is waited for. */
#define TAKEN_TRIES	200
#define TAKEN_PAUSE_NS	10000000

struct clone_arguments {	/* clone3(2) */
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
	    set_tid_size, cgroup;
};

#define SIGSET_ALL	(~UINT64_C(0))
#define NS		UINT64_C(1000000000)

/* A growing array of pointers into the arena. */
struct list {
	void	**v;
	size_t	n, cap;
};

/* General registers in the order of amd64's PTRACE_GETREGS. */
struct regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
	    flags, sp, ss, fs_base, gs_base, ds, es, fs, gs;
};

/* What of the kernel's is in a fresh address space. */
struct part {
	uint64_t	start, end;
	bool		vdso, special;		/* special: vdso or vvar, which can only be moved */
};
#define PARTS_MAX	16

struct layout {
	struct part	part[PARTS_MAX];
	size_t		n;
	uint64_t	insn;			/* a system call instruction, in the vdso */
};

/* The backend's side of a thread. */
struct remote {
	pid_t		tid;
	bool		made;			/* exists, traced, stopped */
	bool		adopted;		/* it was there before us, and is not killed by us */
	struct regs	base;			/* registers remote calls start from */
	struct list	calls;			/* struct call */
	size_t		calls_made;
	bool		primed;			/* its restart block holds what remains */
};

/* The backend's side of a process. */
struct host {
	struct layout	layout;
	uint64_t	insn;
	uint64_t	scratch, scratch_size;	/* in its address space; of the owner of the space */
	uint8_t		*data;			/* what is to be in scratch, copied over before calls run */
	size_t		data_used, data_sent;
	bool		mode32;			/* it runs i386 code now */
	bool		foreign_vdso;		/* the snapshot's is of another kernel */
	bool		inherits;		/* its space began as a copy of its origin's */
	bool		spawned, built;		/* it exists; its space is made */
	int		channel;		/* of the owner of the table: our end of its own channel */
};

/* One object of ours that becomes descriptors of theirs. */
struct object {
	uint64_t	id;			/* OpenFile */
	const Psnap__OpenFile *o;
	int		fd;			/* -1 not made yet */
};

/* A shared memory object in our hands: id MemoryObject. */
struct shared {
	uint64_t	id;
	const Psnap__MemoryObject *m;
	int		fd;
	const struct snap_object *segment;	/* SysvSegment, or NULL */
	bool		kept;			/* the segment was here, as it is to be */
};

/* A socket made, to be filled when everything exists: id Socket. */
struct made_socket {
	uint64_t	id;
	const Psnap__Socket *s;
	int		fd;			/* -1: no open file has it */
	int		far;			/* the other end of one whose peer is not in the snapshot; else -1 */
	struct made_socket *peer;		/* made as one pair with it */
};

/* A TCP connection made. */
struct connection {
	struct made_socket *m;
	const struct snap_object *o;		/* TcpConnection */
	bool		gone;			/* let go */
};

struct restore {
	struct plan	*p;
	struct snap	*s;
	struct snap_error *err;
	struct snap_restore_result *result;
	bool		failed;			/* r->err has the first error */
	bool		wide;			/* this library is an amd64 one */
	bool		native32;		/* the kernel is an i386 one */
	struct list	asked;			/* struct task with calls to make */
	struct list	all;			/* struct task, made, to be killed should we fail */
	int		seed[2];		/* memfd of the seed programs: amd64, i386 */
	int		channel;		/* our end of the one all inherit, to be given their own by */
	int		channel_fd;		/* their own, above every descriptor of the snapshot; then: */
	int		seed_fd, common_fd, last_fd;	/* the seeds, the channel in common, which is the last */
	int		base_fd;		/* ours are from here on */
	struct object	*objects;		/* sorted by id */
	size_t		nobjects;
	struct object	**by_shared;		/* the same, sorted by the pipe or socket they are on */
	struct shared	*shared;
	size_t		nshared;
	int		filler;			/* /dev/null, for gaps */
	uint64_t	directory_id;		/* File open as directory; process.c */
	int		directory;
	struct list	ptys;			/* object_terminal.c */
	struct list	sockets;		/* struct made_socket */
	uint64_t	*waiting;		/* Sockets that wait to be accepted, ascending; object_pending.c */
	size_t		nwaiting;
	struct list	connections;		/* struct connection */
	struct tcp_lock	*net_lock;		/* tcp_lock.c; NULL: there is nothing to lock */
	struct list	ghosts;			/* struct shared: deleted files, id File */
	struct list	carried;		/* struct carried: files made under their names; object_carried.c */
	struct net	*net;			/* net.c; NULL: none is made */
	struct list	ipc;			/* struct made: System V objects, POSIX queues; ipc.c */
	struct list	posix_queues;		/* struct posix_queue; ipc_posix.c */
	struct list	fds;			/* intptr_t: descriptors to be closed at the end */
	struct credentials *own;		/* ours; credentials.c */
	uint64_t	cpus_all[CPUS_MAX / 64], cpus_one[CPUS_MAX / 64];	/* masks: our own, and where we work; 0 unknown */
};

/* ---- restore.c ---- */

/* Fill r->err with "pid 12: MESSAGE: Reason" once; object 0 none. */
int	restore_fail(struct restore *r, const struct target *t, uint64_t object, int os_errno,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));
int	restore_nomem(struct restore *r);
/* The snapshot's fault, in its own words. */
int	restore_unreadable(struct restore *r, const struct snap_error *err);
/* 0, unless the caller has asked us to give up. */
int	restore_goes_on(struct restore *r);
int	restore_list_add(struct restore *r, struct list *l, void *item);
/* An own descriptor moved to base_fd or above and remembered to be closed; -1 fails as errno says. */
int	keep_fd(struct restore *r, int fd);
/* One of ours opened again, as another description on the same file; -1 fails as errno says. */
int	fd_reopen(int fd, int flags);

/* ---- trace.c ---- */

enum nr {
	NR_MMAP, NR_MUNMAP, NR_MREMAP, NR_MADVISE, NR_MLOCK2, NR_MLOCKALL, NR_PRCTL, NR_CLONE3, NR_EXECVEAT,
	NR_SETSID, NR_SETPGID, NR_RT_SIGTIMEDWAIT, NR_RECVMSG, NR_CLOSE_RANGE, NR_DUP3,
	NR_CLOSE, NR_FCNTL, NR_IOCTL, NR_RT_SIGACTION, NR_SIGALTSTACK, NR_SET_TID_ADDRESS, NR_SET_ROBUST_LIST,
	NR_RSEQ, NR_SETITIMER, NR_TIMER_CREATE, NR_TIMER_DELETE, NR_TIMER_SETTIME, NR_UMASK, NR_FCHDIR, NR_CHROOT,
	NR_PERSONALITY, NR_SETGROUPS, NR_SETRESGID, NR_SETRESUID, NR_SETFSUID, NR_SETFSGID, NR_CAPSET,
	NR_SECCOMP, NR_RT_SIGQUEUEINFO, NR_RT_TGSIGQUEUEINFO, NR_WAIT4, NR_MEMBARRIER, NR_MPROTECT, NR_SHMAT,
	NR_SEMTIMEDOP, NR_MQ_NOTIFY,
	NR_COUNT
};

enum want { WANT_ZERO, WANT_SAME /* the first argument */, WANT_AT /* the second */, WANT_NOT_NEGATIVE, WANT_ANY };

#define ARGS(...) \
	(const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)

/* Queue a call of a task.  what: for messages ("mapping memory"); object concerned or 0. */
int	ask(struct restore *r, struct task *k, enum nr nr, enum want want, const char *what, uint64_t object,
	    const uint64_t *arg, size_t nargs);
/* Make all queued calls. */
int	run(struct restore *r);
/* Make this one at once, after those queued for the task; *ret unless NULL gets its result, WANT_ANY allowed. */
int	ask_now(struct restore *r, struct task *k, enum nr nr, enum want want, const char *what, uint64_t object,
	    const uint64_t *arg, size_t nargs, int64_t *ret);

/* Copy bytes to the task's scratch before its next calls: their address there, 0 without room. */
uint64_t put(struct restore *r, struct task *k, const void *bytes, size_t n);
/* A struct sigevent of the task's ABI, put likewise; notify: SIGEV_*. */
uint64_t sigevent_put(struct restore *r, struct task *k, uint32_t notify, uint32_t signal, uint64_t value, int32_t tid);
/* Forget what was put: calls that read it have been made. */
void	put_reset(struct target *t);

/* Of a stopped task: 0 or -errno. */
int	task_get_regs(pid_t tid, struct regs *r);
int	task_set_regs(pid_t tid, const struct regs *r);
int	task_write(pid_t pid, uint64_t addr, const void *buf, size_t n);
int	task_read(pid_t pid, uint64_t addr, void *buf, size_t n);
/* The same into memory that is not writable, too: /proc/PID/mem. */
int	task_force_write(pid_t pid, uint64_t addr, const void *buf, size_t n);
/* Wait for a stop: *status; -ECHILD gone. */
int	task_wait(pid_t tid, int *status);
/* Begin a call by hand, to its entry stop: for what must be interrupted in it. */
int	enter_call(struct restore *r, struct task *k, const struct regs *regs);
/* To a stop of the signal kind, from which the kernel restarts calls. */
int	park(struct restore *r, struct task *k);
void	kill_all(struct restore *r);

/* ---- cpus.c ---- */

/* From here on this thread, and what it makes, stays on the CPU it is on. */
void	cpus_choose(struct restore *r);
/* For a while on all that are ours, to work with several threads; and back. */
void	cpus_scatter(const struct restore *r);
void	cpus_gather(const struct restore *r, pid_t tid);	/* 0: us */
size_t	cpus_count(const struct restore *r);

/* ---- the rest ---- */

/* The preflight of files: problems are told, 0 unless checking failed. */
int	host_check_files(struct plan *p, struct snap_error *err);
/* The same of System V objects. */
int	host_check_ipc(struct plan *p, struct snap_error *err);
/* And of TCP connections. */
void	tcp_preflight(struct plan *p);

int	seed_make(struct restore *r);
int	seed_layout(struct restore *r, struct target *t);

/* The root or its helper, as a seed; theirs: the other end of the common channel. */
int	root_begin(struct restore *r, struct target *t, int theirs);

int	tree_make(struct restore *r);
int	tree_threads(struct restore *r);

int	tree_zombies(struct restore *r);	/* and the end of helpers */
/* Let a helper end, and its parent wait for it. */
int	helper_end(struct restore *r, struct target *t);

/* Make the spaces of these, which are seeds or copies of their parents. */
int	space_make(struct restore *r, struct target *const *v, size_t n);
/* Whether t's space is best made from a copy of its origin's: what they share stays shared. */
bool	space_inherits(struct restore *r, const struct target *t);
/* Whether t's space has this mapping just so. */
bool	space_has(struct restore *r, const struct target *t, const Psnap__Mapping *m);
/* Where in t's space nothing is, nor will be, nor is ours. */
int	space_find_gap(struct restore *r, struct target *t, uint64_t size, uint64_t *gap);
int	space_finish(struct restore *r);	/* marks, advice, locks; before threads let go */
int	space_leave(struct restore *r);		/* the scratch goes */

/* Whether t's vdso, whose group of mappings began at group_start, is not this kernel's. */
int	vdso_compare(struct restore *r, struct target *t, uint64_t group_start, bool *foreign);
/* A foreign one, as ordinary memory that leads to this kernel's. */
int	vdso_write(struct restore *r, struct target *t);

/* Contents of the spaces of these. */
int	pages_write(struct restore *r, struct target *const *v, size_t n);
int	pages_read_object(struct restore *r, uint64_t id, int fd, uint64_t size);

/* Part of a run of the snapshot, and where its bytes go. */
struct piece {
	struct snap_run	run;		/* clipped to what is wanted */
	uint64_t	addr, n;	/* in the space of t, or in fd */
	const struct target *t;		/* NULL: to fd */
	const Psnap__Mapping *m;
	bool		copied;		/* in its place is what t's parent has */
	int		fd;
};

struct fill {
	struct restore	*r;
	struct piece	*v;		/* malloc'ed */
	size_t		n, cap;
};
int	fill_add(struct fill *f, const struct piece *p);
/* Write all that was added. */
int	fill_write(struct fill *f);
void	fill_fini(struct fill *f);

int	objects_make_shared(struct restore *r);	/* memory, which mappings need */
int	objects_make(struct restore *r);
struct object *object_find(struct restore *r, uint64_t id);
/* All on this pipe or socket. */
struct object **objects_on(struct restore *r, uint64_t id, size_t *n);
struct shared *shared_find(struct restore *r, uint64_t id);
int	objects_settle(struct restore *r);	/* locks, owners, epoll, timers: when everything exists */
/* A File opened anew in our table; flags as open(2). */
int	file_open(struct restore *r, uint64_t file_id, int flags);
/* outside.c: by which name a File is opened that is at path, for people; NULL without memory. */
const char *file_place(struct plan *p, uint64_t id, const char *path);
/* Bits of S_IFMT, 0 for what is not known. */
mode_t	file_format(Psnap__FileType type);
/* Content, owner, mode and time of a new and empty file. */
int	file_fill(struct restore *r, const Psnap__File *f, uint64_t id, int fd, const char *path);
/* The folder a file at path can be made in, O_PATH, and its name there; -1 fails as errno says. */
int	carried_folder(struct plan *p, const char *path, const char **name);
/* Whether fd has size bytes, those that are held of a memory object; a code only if that cannot be told. */
int	content_compare(struct plan *p, uint64_t id, uint64_t size, int fd, bool *same, struct snap_error *err);
int	carried_make(struct restore *r);
void	carried_remove(struct restore *r);	/* after a failure */

/* The SysvSegment of a memory object, or NULL. */
const struct snap_object *segment_find(struct snap *s, uint64_t memory_object_id);
/* A segment, and a descriptor on its memory; *kept: it was here, with its content. */
int	segment_make(struct restore *r, const struct snap_object *o, int *fd, bool *kept);
/* A mapping of it, by t itself. */
int	segment_attach(struct restore *r, struct target *t, const struct snap_object *o, const struct shared *s);
int	segments_settle(struct restore *r);	/* when all have it */
int	queues_make(struct restore *r);
int	semaphores_make(struct restore *r);
int	semaphores_settle(struct restore *r);	/* what they owe to processes, and who used them */
int	posix_queues_make(struct restore *r);
/* A descriptor of ours on one, by its id; -1 none. */
int	posix_queue_find(struct restore *r, uint64_t id);
int	posix_queues_settle(struct restore *r);	/* who is to be told of the next message */
void	ipc_remove(struct restore *r);		/* after a failure */

/* net.c, host_net.c: if the options want one, once the lock of connections is there */
void	host_check_net(struct plan *p);
int	net_make(struct restore *r);
int	filters_make(struct restore *r);	/* net_filter.c: when all that is unread is in its sockets again */
void	net_abandon(struct restore *r);		/* after a failure */

/* cgroups_use.c, if the options have some: a new process into those it was in; maker: it is where that one was, or NULL */
int	cgroups_join(struct restore *r, const struct target *t, const struct target *maker);
int	cgroups_limit(struct restore *r);	/* when all are there */

int	pipe_make(struct restore *r, struct object *o);
int	terminal_make(struct restore *r, struct object *o);
int	terminals_settle(struct restore *r);
int	socket_make(struct restore *r, struct object *o);
/* Address of a unix or internet socket; its length, 0 none. */
socklen_t socket_address(struct plan *p, const Psnap__Socket *s, const Psnap__SocketAddress *a,
	    struct sockaddr_storage *to);
int	socket_family(const Psnap__Socket *s);		/* AF_*, or -1 */
int	socket_type(const Psnap__Socket *s);
/* What must wait until its messages are there: whoever they come from must not be told more than before. */
int	socket_finish(struct restore *r, const struct made_socket *m);
/*
 * A relative name begins at the working directory of who has that Socket: be
 * there, if a is one, until we go back.
 */
int	socket_folder_enter(struct restore *r, uint64_t id, const struct sockaddr_storage *a, int *home);
int	socket_folder_leave(struct restore *r, int home);
/* bind(2) or connect(2) there. */
int	socket_name(struct restore *r, uint64_t id, int (*fn)(int, const struct sockaddr *, socklen_t), int fd,
	    const struct sockaddr_storage *a, socklen_t len, const char *what);
/* As it did, if it did. */
int	socket_listen(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
/* Unread messages, when all that may be under way in them exists; and what is only needed for that goes. */
int	sockets_fill(struct restore *r);
void	sockets_close_far(struct restore *r);
/* On a new one; -1 as errno says. */
int	options_set(const Psnap__Socket *s, int fd);
int	option_set(int fd, int level, int name, int value);
/* The sizes of its buffers. */
void	socket_set_buffers(const Psnap__SocketOptions *o, int fd);

/* ---- object_pending.c ---- */

int	pending_find(struct restore *r);
/* Whether a Socket waits to be accepted. */
bool	pending_waits(const struct restore *r, uint64_t id);
/* When all are made. */
int	pending_connect(struct restore *r);

/* ---- object_tcp.c ---- */

/* Whether the socket had a connection, or began one. */
bool	tcp_is_connected(const Psnap__Socket *s);
/* What is held of it, or NULL. */
const struct snap_object *tcp_connection_of(struct snap *s, uint64_t socket_id);
/* Make a new socket that connection, silent for now; and remember it. */
int	tcp_make(struct restore *r, uint64_t id, const Psnap__Socket *s, const struct snap_object *connection, int fd);
int	tcp_keep(struct restore *r, struct made_socket *m, const struct snap_object *connection);
/* Whether it had one that is over, which the program may not know yet. */
bool	tcp_has_ended(const Psnap__Socket *s);
/* Make a new socket so, or, of one that was connected, as if the other end had reset it. */
int	tcp_make_ended(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
/* When nothing else can fail: the other ends hear of them. */
int	tcp_let_go(struct restore *r);
/* After a failure: they end without a word, and the lock is as it was found. */
void	tcp_abandon(struct restore *r);

/* ---- tcp_lock.c ---- */

/* Drop the packets of connections from here on. */
int	tcp_lock(struct restore *r);
int	tcp_unlock(struct restore *r);
/* As it was found. */
void	tcp_lock_again(struct restore *r);

/* ---- address.c ---- */

/* Whether it is this host's, and of one host. */
bool	address_is_here(const struct sockaddr_storage *a);

/* ---- segment.c ---- */

struct segment {
	const struct sockaddr_storage *from, *to;
	uint32_t	sequence, acknowledged;
	uint16_t	window;			/* as it is sent, scaled */
	bool		fin;
};
/* To a socket of this host, nothing else is sent to; -1 as errno says. */
int	segment_send(const struct segment *f);

struct datagram {
	const struct sockaddr_storage *from, *to;
	const uint8_t	*bytes;
	size_t		len;
	uint8_t		protocol, hop_limit, traffic_class;	/* a hop limit of 0: any */
};
int	datagram_send(const struct datagram *d);

/* ---- object_link.c ---- */

int	netlink_bind(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
int	packet_bind(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
/* The number of an interface where fd, any socket, is: 0 without a name, -1 as errno says. */
int	interface_here(int fd, const ProtobufCBinaryData *name);

/* ---- object_inet.c ---- */

int	multicast_join(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
int	filter_set(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
/* When all is in its queue that was. */
int	filter_attach(struct restore *r, const struct made_socket *m);

/* ---- object_datagram.c ---- */

bool	datagram_has_queue(const Psnap__Socket *s);
/* Only what we send arrives at it, before it has a name. */
int	datagrams_shut_out(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);
/* Its queue, when it has one; all may arrive from then on. */
int	datagrams_fill(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd);

int	anon_make(struct restore *r, struct object *o);
int	anon_settle(struct restore *r, struct object *o);

#define RIGHTS_MAX	253	/* descriptors in one message: SCM_MAX_FD */

/* sendmsg(2) with descriptors of ours and, unless NULL, a sender to be named. */
ssize_t	descriptors_message(int to, struct msghdr *m, int flags, const int *fds, size_t n,
	    const struct ucred *sender);
/* Give every table a channel of its own, so that many can receive at a time. */
int	descriptors_open_channel(struct restore *r, struct target *t);
int	descriptors_hand_over(struct restore *r);
/* Send our descriptors to a task and queue its receiving: they take the lowest free numbers. */
int	descriptors_send(struct restore *r, struct task *k, const int *fds, size_t n, bool cloexec);

/* One of ours for a moment: *number is free in the task's table. */
int	descriptors_lend(struct restore *r, struct task *k, int fd, int64_t *number);

/* What personality(2) is to be told of a process. */
uint64_t personality_bits(const struct restore *r, const struct target *t);
int	process_restore(struct restore *r);
void	credentials_preflight(struct plan *p);
int	credentials_restore(struct restore *r);
int	limits_restore(struct restore *r);
int	timers_restore(struct restore *r);	/* last: they begin to run */

int	threads_restore(struct restore *r);
int	threads_make_ready(struct restore *r);
void	threads_let_go(struct restore *r);

/* Whether this kernel is an i386 one. */
bool	host_is_i386(void);

/* Clock id of a Clock, -1 unknown. */
int	clock_number(Psnap__Clock clock);

#endif
