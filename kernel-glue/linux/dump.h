/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One dump under way: the objects found, and who finds them.
 *
 *	freeze.c	finds and stops the tree, lets it go again
 *	remote.c	system calls made by stopped tasks for us
 *	task_*.c	threads and processes: registers, signals, timers, credentials, ...
 *	mem_*.c		address spaces, mappings, memory objects, pages
 *	fd_*.c		descriptor tables, open files and what they are open on
 *	ipc*.c		System V and POSIX IPC
 *	net*.c		the network stack of the tree's namespace
 *	mount*.c	what is mounted in the tree's namespace
 *	namespaces.c	what others have of their own; users.c whose users
 *	index.c		finding again what may be many
 *	dump.c		the order of it all
 *
 * Collectors fill these structures while the tree is stopped; emitters
 * (`*_emit`) turn them into records after it runs again.  Everything lives in
 * the dump's arena: nothing is freed one by one.  Functions return 0 or a
 * negative enum glue_code with d->err filled by dump_fail().
 */
#ifndef KERNEL_GLUE_LINUX_DUMP_H
#define KERNEL_GLUE_LINUX_DUMP_H

#include <limits.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "format/psnap.h"
#include "format/psnap_fields.h"
#include "kernel-glue/emit/emit.h"
#include "kernel-glue/linux/index.h"
#include "kernel-glue/linux/linux.h"
#include "kernel-glue/records/records.h"

#define DUMP_PAGE	4096u
#define DUMP_PAGE_SHIFT	12

/* A growing array of pointers into the arena; index order is finding order. */
struct list {
	void	**v;
	size_t	n, cap;
};

/* Objects found shared; share.h. */
struct share_set {
	struct list	entries;	/* struct share_entry, in kcmp's order */
};

struct dump {
	const struct glue_linux_options	*options;
	const struct glue_sink		*sink;
	struct glue_linux_result	*result;
	struct glue_error		*err;
	struct arena			*arena;
	struct glue_emit		emit;
	uint64_t	began, stopped;	/* CLOCK_MONOTONIC */
	uint64_t	next_id;
	struct rlimit	files_limit;	/* of open files, as it was */
	bool		privileged;	/* CAP_SYS_PTRACE and CAP_SYS_ADMIN in the initial user namespace */

	size_t		pid_level;	/* of the root's pid namespace: 0 ours, 1 nested in it, ...; numbers.c */
	struct list	procs;		/* struct proc, parents before children, siblings by pid */
	struct list	sessions;	/* struct session */
	struct list	groups;		/* struct group */
	struct list	mms;		/* struct mm */
	struct list	tables;		/* struct fd_table */
	struct list	handlers;	/* struct handlers */
	struct list	fs_contexts;	/* struct fs_context */
	struct list	creds;		/* struct creds */
	struct list	namespaces;	/* struct ns */
	struct list	cgroups;	/* struct cgroup */
	struct list	own_cgroups;	/* of these, by hierarchy: the instance's own; cgroup.c */
	char		*cgroups_within;	/* what those of the first process are in its cgroup namespace; NULL not known */
	struct list	filters;	/* struct seccomp_filter */
	struct list	files;		/* struct file */
	struct list	open_files;	/* struct open_file */
	struct list	pipes;		/* struct pipe_object */
	struct list	terminals;	/* struct terminal */
	struct list	sockets;	/* struct socket_object */
	struct list	usual_options;	/* struct usual; fd_options.c */
	struct list	multicast_groups;	/* struct groups; fd_multicast.c */
	struct list	tcp_found, connections;	/* struct tcp_connection: all, and those held */
	struct list	tcp_parts;	/* struct tcp_queue_part: of these */
	struct list	tcp_listeners;	/* struct tcp_listener; fd_tcp_lock.c */
	struct list	net_namespaces;	/* intptr_t: descriptors on those of these, to be locked in: */
	uint64_t	last_namespace;	/* of these, by SO_NETNS_COOKIE; 0 not known */
	struct list	tree_namespaces;	/* struct tree_namespace: fd_diag.c */
	struct tcp_accept *accept;	/* fd_tcp_accept.c; NULL: nothing is known of who waits */
	struct tcp_hold	*net_lock;	/* NULL: not locked */
	struct list	memory_objects;	/* struct memory_object */
	struct ipc	*ipc;		/* ipc.c */
	struct list	posix_queues;	/* struct posix_queue */
	struct net	*net;		/* net.c; NULL: not taken along */
	struct mounts	*mounts;	/* mount.c; NULL: not taken along */
	struct index	buckets;	/* fd_table.c: candidates for sharing */
	struct index	files_by_inode, pipes_by_inode, sockets_by_inode, memory_by_inode;
	struct list	coverage;	/* struct coverage */
	struct list	notes;		/* char *: provenance notes */

	struct share_set shared_mms, shared_tables, shared_fs, shared_handlers;
	struct list	asked;		/* struct task with calls to make; remote.c */
	bool		no_pagemap_scan, no_guard_scan;	/* learnt from the kernel */

	struct host	*host;		/* clocks, kernel, CPU; task_host.c */
	struct stage	*stage;		/* page contents held; mem_stage.c */
	struct task	*scheduled;	/* the last thread asked for its CPUs; task_thread.c */
	bool		labels;		/* a security module may have labelled processes */
	struct facts	*facts;		/* of a collector inside the kernel; NULL: /proc is asked for all */
};

/* facts.c */
struct facts;
struct mapping;

/* One task stopped by ptrace. */
struct task {
	uint64_t	id;		/* object id of its Thread record */
	struct proc	*proc;
	pid_t		tid;
	int32_t		inner_tid;	/* in the root's pid namespace */
	bool		seized, stopped;/* traced by us; in a ptrace stop */
	bool		stopped_once;	/* wait_status is of a stop */
	bool		dead;		/* exited group leader: nothing to trace */
	bool		seccomp_suspended; /* its seccomp filters do not see our remote calls */
	uint32_t	wait_status;	/* of the stop */
	uint64_t	slept_since;	/* se.exec_start sampled before the stop, 0 unknown (restore-engine 5) */
	uint64_t	migrations;	/* from CPU to CPU, until then */
	uint64_t	sched_now;	/* the same clock just after the stop, 0 unknown */
	char		wchan[32];	/* kernel function it slept in before the stop, or "0" */
	uint64_t	old_sigmask;	/* to be put back */
	struct thread_state *state;	/* task_thread.c */
	struct regs	*regs;		/* as at the stop, to be put back (fixed for rseq and restart) */
	bool		regs_changed;	/* the live registers differ from *regs: put back on release */
	bool		mask_changed;
	struct list	calls;		/* struct remote_call, to be made; remote.c */
	size_t		calls_made;
};

struct proc {
	uint64_t	id;		/* object id of its Process record */
	struct proc	*parent;	/* in the tree, NULL for the root */
	pid_t		pid, ppid, pgid, sid;
	int32_t		inner_pid, inner_pgid, inner_sid;	/* in the root's pid namespace; 0 not in it */
	pid_t		live;		/* pid, or another thread if the leader has exited: whom /proc and kcmp know */
	bool		zombie;		/* nothing but ids and exit status */
	bool		is32;		/* the leader (or first live thread) runs i386 code */
	bool		group_stopped;	/* stopped by job control before we came */
	struct list	tasks;		/* struct task, leader first, then by tid */
	uint64_t	*thread_ids;	/* of their records */
	bool		told;		/* facts answer all that it would be asked by remote calls */
	struct proc_state *state;	/* task_proc.c */
	struct mm	*mm;		/* shared if CLONE_VM without CLONE_THREAD */
	struct fd_table	*table;
	struct handlers	*handlers;
	struct fs_context *fs;
	int		proc_fd;	/* /proc/PID, O_PATH; -1 none */
	int		pid_fd;		/* pidfd_open(); -1 none */
	uint64_t	syscall_insn;	/* address of a system call instruction, remote.c */
	uint64_t	scratch;	/* from remote_begin() to remote_end(): its scratch memory, */
	size_t		scratch_size, scratch_used;
	uint8_t		*scratch_saved;	/* and what was there, where it could not be mapped */
};

/* ---- dump.c ------------------------------------------------------------------- */

/* Fill d->err ("pid 12: reading maps: ...") and return code. */
int	dump_fail(struct dump *d, enum glue_code code, int os_errno, const struct proc *p,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* CLOCK_MONOTONIC, in nanoseconds. */
uint64_t dump_now(void);
/* GLUE_E_INTERRUPTED, or 0. */
int	dump_cancelled(struct dump *d);

/* Zeroed memory from the arena, or NULL (use dump_fail(GLUE_E_NOMEM)). */
void	*dump_alloc(struct dump *d, size_t size);
char	*dump_strdup(struct dump *d, const char *s);
char	*dump_printf(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void	*dump_memdup(struct dump *d, const void *p, size_t n);
int	list_add(struct dump *d, struct list *l, void *item);	/* 0 or GLUE_E_NOMEM */
uint64_t dump_new_id(struct dump *d);

/*
 * Note something that cannot be carried.  fd -1: none; tid 0: whole process;
 * p NULL: of no process.  The same (pid, fd, feature) is noted once.
 * severity PSNAP_COVERAGE_BREAKS makes the dump refuse without allow_partial.
 */
int	dump_cover(struct dump *d, uint32_t severity, const struct proc *p, pid_t tid, int fd,
	    uint64_t object_id, const char *feature, const char *fmt, ...)
	    __attribute__((format(printf, 8, 9)));

/* Sentence for Provenance.notes, once. */
int	dump_note(struct dump *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/*
 * Emit one record: fields(e, object) writes its fields and may be called
 * again after buffers were handed to the sink.
 */
int	dump_record(struct dump *d, uint32_t kind, uint64_t id,
	    void (*fields)(struct glue_emit *e, const void *object), const void *object);

/* Read a whole /proc file of p (path relative to /proc/PID) into the arena, NUL-terminated. */
int	proc_read(struct dump *d, const struct proc *p, const char *path, char **text, size_t *len);
/* The same with -errno instead of an error message, for what may be missing. */
int	proc_try_read(struct dump *d, const struct proc *p, const char *path, char **text, size_t *len);
/* readlink of a /proc entry, NUL-terminated, in the arena; 0 or -errno. */
int	proc_readlink(struct dump *d, const struct proc *p, const char *path, char **target);

/* ---- numbers.c ------------------------------------------------------------------ */

/* A line of status ("NSpid"): a number in each pid namespace from ours inwards. */
struct rec_numbers numbers_of_status(const char *status, const char *name);
/* Which pid namespace is the root's: by its own numbers, before all others. */
void	numbers_begin(struct dump *d, const struct rec_numbers *pid);
/*
 * Those in the root's pid namespace and in those nested in it, to v: how
 * many; v[0] is `here` if there are none at all.
 */
size_t	numbers_inside(const struct dump *d, const struct rec_numbers *all, int32_t here, int32_t *v, size_t max);
/* Of a process or thread of the tree, by the one it has here; 0: not of it. */
int32_t	number_of_task(const struct dump *d, int32_t here);
/* What was collected by numbers we know, to those the tree knows. */
void	numbers_translate(struct dump *d);

/* ---- freeze.c ------------------------------------------------------------------ */

/* Find the tree and stop every task of it; fills procs and tasks (regs, wait_status, state sampled). */
int	freeze_tree(struct dump *d);
/* The process of the tree with this number, or NULL. */
struct proc *find_proc(const struct dump *d, pid_t pid);
/* One of its threads that has not ended; NULL: all have. */
struct task *first_live(const struct proc *p);
/* Undo everything and let the tree go on, or stop or kill it; never fails, safe at any stage. */
void	freeze_release(struct dump *d, enum glue_after after);

/* ---- remote.c ------------------------------------------------------------------ */

enum remote_nr {		/* same name as the call; number by the task's bitness */
	REMOTE_MMAP, REMOTE_MUNMAP, REMOTE_BRK, REMOTE_RT_SIGACTION, REMOTE_SIGALTSTACK,
	REMOTE_PRCTL, REMOTE_GETITIMER, REMOTE_GET_ROBUST_LIST, REMOTE_MEMBARRIER,
	REMOTE_TIMER_GETTIME, REMOTE_TIMER_GETOVERRUN, REMOTE_MODIFY_LDT, REMOTE_SEMOP, REMOTE_COUNT
};

/* What came of a call: its result, -errno for an error, and the bytes it wrote (NULL unless ret >= 0). */
typedef int remote_answer(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out);

/*
 * Remote calls of the whole tree are made together, many tasks at once:
 * remote_begin() blocks every thread's signals and maps scratch memory in
 * every process, remote_ask() queues calls, remote_run() makes them all (in
 * the order of asking for each task) and then hands out the answers,
 * remote_end() unmaps.  Registers and masks are put back on release.
 */
int	remote_begin(struct dump *d);
/* The same for one of which the facts told all before, if it has not begun. */
int	remote_begin_process(struct dump *d, struct proc *p);
int	remote_run(struct dump *d);
int	remote_end(struct dump *d);
/* The same after a failure, as far as it goes. */
void	remote_undo(struct dump *d);

/* n bytes of p's scratch for a call to write to: their address there, 0 if it has no more. */
uint64_t remote_out(struct proc *p, size_t n);

/* arg: up to six; out, size: from remote_out(), or 0, 0; answer may be NULL. */
int	remote_ask(struct dump *d, struct task *t, enum remote_nr nr, const uint64_t *arg, size_t nargs,
	    uint64_t out, size_t size, remote_answer *answer, void *object);
#define REMOTE_ARGS(...) \
	(const uint64_t[]){ __VA_ARGS__ }, sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t)

/* Bytes of the process's memory; process_vm_readv, else /proc/PID/mem. 0 or -errno. */
int	mem_read(struct proc *p, uint64_t addr, void *buf, size_t n);
int	mem_write(struct proc *p, uint64_t addr, const void *buf, size_t n);

/* ---- task_*.c: threads and processes ------------------------------------------- */

/* Of one stopped task, before any remote call: registers fixed for rseq and restart, FPU, TLS, masks, queues. */
int	task_collect(struct dump *d, struct task *t);
/* From /proc, of one process: ids, credentials, limits, namespaces, cgroups, ... */
int	proc_collect(struct dump *d, struct proc *p);
/* The namespace a /proc link like "net:[4026531840]" names, or NULL; begins with its id. */
struct ns *ns_of_link(struct dump *d, const char *link, uint64_t ino);
/* Whether the facts answer all that task_ask() would ask. */
bool	task_is_told(const struct dump *d, const struct proc *p);
/* Ask it, or the facts: dispositions, itimers, alternate stacks, robust lists, prctl values, brk. */
int	task_ask(struct dump *d, struct proc *p);
/* After all are collected: what is shared (sighand, fs, credentials), sessions and groups. */
int	task_resolve(struct dump *d);
/* Records of host.proto and process.proto, and coverage. */
int	task_emit(struct dump *d);

/* ---- mem_*.c: memory ------------------------------------------------------------- */

/* Mappings of p with their flags; before remote_begin(), so that the scratch is not seen. */
int	mem_collect(struct dump *d, struct proc *p);
/* Learn whether this kernel has PAGEMAP_SCAN: 0 or -errno. */
int	mem_learn_scan(struct dump *d);
/* The mapping [vsyscall] of our own, or NULL; for who reads no smaps of others. */
const struct mapping *mem_own_vsyscall(struct dump *d);
/* The brk found by a remote call. */
void	mem_set_brk(struct mm *mm, uint64_t brk);
void	mem_set_deny_write_exec(struct mm *mm, bool denied);
void	mem_set_dumpable(struct mm *mm, int dumpable);
/* Copy every page that must be held to the stage; the last thing done while stopped. */
int	mem_stage_pages(struct dump *d);
int	mem_emit(struct dump *d);		/* records of memory.proto */
int	mem_emit_pages(struct dump *d);		/* pages to the sink */
/* Reserve and fault in staging memory before the tree is stopped. */
int	stage_open(struct dump *d, uint64_t estimate);
void	stage_close(struct dump *d);

/*
 * The memory object with this identity (st_dev, st_ino of shmem), made if
 * new; fd, if not -1, is one to read it by, and is duplicated.  Used for
 * mappings, memfd descriptors and contents of files.
 */
struct memory_object *mem_object(struct dump *d, uint64_t dev, uint64_t ino, uint32_t kind, int fd);
/* Whether it is known, and can be read without a process that maps it. */
bool	mem_object_is_open(const struct dump *d, uint64_t dev, uint64_t ino, uint32_t kind);
uint64_t mem_object_id(const struct memory_object *o);
/* Copy what it holds to the stage now, and close it: there may be many. */
int	mem_object_hold(struct dump *d, struct memory_object *o);

/* ---- ipc*.c: System V and POSIX IPC --------------------------------------------------------- */

/* What of its namespace is the tree's; after all are collected. */
int	ipc_collect(struct dump *d);
/* What only its processes can be asked; between remote_begin() and remote_end(). */
int	ipc_ask(struct dump *d);
/* What those POSIX queues hold that are known by now and were not looked at. */
int	posix_queues_look(struct dump *d);
void	posix_queues_close(struct dump *d);
/* Pids of others than the tree's become 0: a dump attaches segments, too. */
void	ipc_translate(struct dump *d);
bool	ipc_is_empty(const struct dump *d);
bool	namespaces_are_told(const struct dump *d);	/* namespaces.c: what one has of its own */
int	ipc_emit(struct dump *d);		/* records of ipc.proto */

/* ---- net*.c: the network stack, if the options want it ---------------------------- */

int	net_collect(struct dump *d);		/* after the lock of connections is made */
int	net_emit(struct dump *d);		/* records of net.proto and filter.proto */
/* The tree is gone: the links of a namespace go down, if nobody else is in it and it has no name. */
void	net_end(struct dump *d, int netns);

/* ---- mount*.c: mounts, if the options want them ------------------------------------ */

int	mounts_collect(struct dump *d);		/* after all files are known */
void	mounts_close(struct dump *d);
int	mounts_emit(struct dump *d);		/* records of mount.proto */

/* ---- fd_*.c: files ---------------------------------------------------------------- */

/* Descriptors of p. */
int	fd_collect(struct dump *d, struct proc *p);
/* After all are collected: which open files and tables are shared; peers, epoll targets. */
int	fd_resolve(struct dump *d);
int	fd_emit(struct dump *d);		/* records of file.proto and socket.proto */
/* Whether one of the sockets has what a version before 2.1 would lose. */
bool	sockets_need_2_1(const struct dump *d);
/* Network namespaces that the tree is in and are not known yet; they are open until it is let go for good. */
int	tree_namespaces_find(struct dump *d);
/* Right after the stop: 1 connections wait to be accepted, let it run on and wait; 0 go on. */
int	tcp_accept_look(struct dump *d);
/* While it runs, until nobody waits, or for as long as it is borne. */
int	tcp_accept_wait(struct dump *d);
/*
 * When the tree is let go: of one that is killed nothing is told to the other
 * ends of its connections; of one that runs on, their lock goes.
 */
void	tcp_before_release(struct dump *d, bool killed);
void	tcp_after_release(struct dump *d);

/*
 * The File record of an open file or mapping: fd is one of our own on it
 * (O_PATH will do), link the text of its /proc link.  Same (dev, inode, path)
 * is the same file.  Regular files that are deleted or to be
 * carried along get their content held.
 */
struct file *file_intern(struct dump *d, const struct proc *p, int fd, const char *link);
uint64_t file_id(const struct file *f);

#endif
