/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a collector inside a kernel hands out: one stream of records, each
 * beginning with struct rec_header, of one size for amd64, i386, BPF and
 * kernel code.  A record is written whole or not at all, its size a multiple
 * of 8; a name (where there is one) follows the fixed part, NUL-terminated
 * and padded with zeros.
 *
 * Numbers of tasks are those of the pid namespace of whoever reads; an
 * identity is a kernel object's address enciphered with a key made for each
 * dump (identity.h): equal means the same object, 0 none.  Sizes and offsets
 * are bytes, times nanoseconds.  `have` tells which groups of facts a
 * collector could give; for the others /proc or ptrace is asked as ever.
 *
 * Only <linux/types.h> is needed, so that BPF programs and kernel modules
 * include this as it is.
 */
#ifndef KERNEL_GLUE_RECORDS_RECORDS_H
#define KERNEL_GLUE_RECORDS_RECORDS_H

#include <linux/types.h>

#define REC_VERSION	1
#define REC_MAX		8192	/* bytes of the longest record */
#define REC_NAME_MAX	4096	/* bytes of a name with its NUL: PATH_MAX */

typedef __u64 rec_u64 __attribute__((aligned(8)));
typedef __s64 rec_s64 __attribute__((aligned(8)));

enum rec_kind {
	REC_THREAD	= 1,	/* every task that is not dead, and leaders that are: names, numbers and times */
	REC_PROCESS	= 2,	/* by its leader, and by other threads if that has exited */
	REC_HANDLERS	= 3,	/* with each REC_PROCESS that has a table of them */
	REC_MAPPING	= 4,	/* of a process, ascending */
	REC_DESCRIPTOR	= 5,	/* of a process, or of a thread with a table of its own; ascending */
	REC_EPOLL	= 6,	/* what an epoll watches, after its descriptor */
	REC_SOCKET	= 7,	/* after its descriptor */
	REC_ADJUSTMENT	= 8,	/* of a thread: what a System V semaphore owes to it, if not nothing */
};

struct rec_header {
	__u32	size;		/* of the record with this header and its name */
	__u16	kind;		/* enum rec_kind */
	__u16	version;	/* REC_VERSION */
	__s32	tgid, tid;	/* whose it is */
};

/* A number in every pid namespace from the reader's inwards: task_pid_nr_ns(). */
#define REC_LEVELS	32	/* MAX_PID_NS_LEVEL */
struct rec_numbers {
	__u32	count;
	__s32	number[REC_LEVELS];
	__u32	pad;
};

/* ---- threads ---- */

enum {	/* rec_thread.have */
	REC_HAVE_CREDENTIALS	= 1 << 0,
	REC_HAVE_GROUPS		= 1 << 1,	/* all of them fitted in */
	REC_HAVE_MASK		= 1 << 2,
	REC_HAVE_ALT_STACK	= 1 << 3,
	REC_HAVE_SECCOMP	= 1 << 4,
	REC_HAVE_RSEQ		= 1 << 5,
	REC_HAVE_SCHEDULING	= 1 << 6,
	REC_HAVE_POINTERS	= 1 << 7,	/* clear_tid and robust lists */
	REC_HAVE_FEATURES	= 1 << 8,	/* shadow_stack */
	REC_HAVE_OWN		= 1 << 9,	/* files, fs and namespaces of this thread */
	REC_HAVE_SLACK		= 1 << 10,
	REC_HAVE_PENDING	= 1 << 11,
	REC_HAVE_RESTART	= 1 << 12,
	REC_HAVE_UNDO		= 1 << 13,
	REC_HAVE_ADJUSTMENTS	= 1 << 14,	/* all of them were written */
};

/* Calls that were interrupted and go on until the same moment: which, their number tells. */
enum { REC_RESTART_SLEEP, REC_RESTART_FUTEX, REC_RESTART_POLL, REC_RESTARTS };
#define REC_NO_END	(~0ull)

enum {	/* rec_thread.flags */
	REC_THREAD_NO_NEW_PRIVS	= 1 << 0,
	REC_THREAD_RESET_ON_FORK = 1 << 1,	/* of its scheduling */
	REC_THREAD_IO_CONTEXT	= 1 << 2,	/* has an I/O priority of its own */
	REC_THREAD_SHADOW_STACK	= 1 << 3,
};

#define REC_GROUPS	64
#define REC_CPU_WORDS	16

struct rec_thread {
	struct rec_header h;
	rec_u64	have;
	__u32	flags;
	char	comm[16];		/* task->comm, NUL-terminated */
	__u32	pad0;
	struct rec_numbers numbers;	/* of the thread */
	/* credentials: real, effective, saved, file system */
	__u32	uid[4], gid[4];
	rec_u64	cap[5];			/* inheritable, permitted, effective, bounding, ambient */
	__u32	securebits;
	__u32	ngroups;
	__u32	group[REC_GROUPS];	/* as the kernel has them: ascending */
	/* signals, bit n - 1 for signal n */
	rec_u64	mask;			/* what PTRACE_GETSIGMASK tells: saved_sigmask if that is to be restored */
	rec_u64	pending;		/* task->pending.signal */
	rec_u64	shared_pending;		/* signal->shared_pending.signal */
	rec_u64	ss_sp, ss_size;		/* alternate stack */
	__u32	ss_flags;		/* SS_DISABLE, SS_AUTODISARM; never SS_ONSTACK */
	__u32	death_signal;
	__u32	seccomp_mode, seccomp_filters;
	rec_u64	rseq;			/* address, 0 none */
	__u32	rseq_size, rseq_signature;
	rec_u64	clear_tid;		/* addresses in the process */
	rec_u64	robust, compat_robust;	/* heads; compat_robust of a 32-bit task */
	rec_u64	timer_slack;		/* ns */
	/* scheduling: SCHED_*, nice -20 to 19, sched_dl_entity in ns */
	__u32	policy, priority;
	__s32	nice;
	__u32	pad1;
	rec_u64	runtime, deadline, period;
	rec_u64	cpus[REC_CPU_WORDS];	/* cpus_mask, bit n for CPU n; those off line, too */
	/* what threads mostly share with their process: identities; numbers of namespaces are ns_common.inum */
	rec_u64	files, fs;
	__u32	ns_net, ns_mount, ns_uts, ns_ipc, ns_cgroup;
	__u32	pad2;
	rec_u64	utime, stime, runtime_used; /* task->utime, stime, se.sum_exec_runtime */
	/* task->restart_block, which holds one of them: what is left if it is that; REC_NO_END: not known, or none */
	rec_u64	restart_left[REC_RESTARTS];
	__s32	restart_clock;		/* of a sleep: CLOCK_* that the kernel counts by */
	__u32	pad3;
	rec_u64	undo;			/* identity of its sem_undo_list, 0 none */
};

struct rec_adjustment {
	struct rec_header h;
	__s32	set;			/* its id */
	__u32	semaphore;
	__s32	value;			/* to be added when it ends */
	__u32	pad;
};

/* ---- processes ---- */

enum {	/* rec_process.have */
	REC_HAVE_LIMITS		= 1 << 0,
	REC_HAVE_NAMESPACES	= 1 << 1,
	REC_HAVE_MM		= 1 << 2,	/* marks, auxv, dumpable, membarrier, exe, and the flags of memory */
	REC_HAVE_TIMERS		= 1 << 3,
	REC_HAVE_TIMES		= 1 << 4,
	REC_HAVE_TERMINAL	= 1 << 5,	/* tty, tty_group: 0 and -1 without one */
	REC_HAVE_EXIT		= 1 << 6,	/* exit_status, of a process or leader that is dead */
};

enum {	/* rec_process.flags */
	REC_PROCESS_SUBREAPER	= 1 << 0,
	REC_PROCESS_THP		= 1 << 1,	/* PR_SET_THP_DISABLE may have been called: it has to be asked */
	REC_PROCESS_NO_WRITE_EXEC = 1 << 2,	/* PR_SET_MDWE */
	REC_PROCESS_LDT		= 1 << 3,
	REC_PROCESS_VSYSCALL	= 1 << 4,	/* has the page of amd64's vsyscall, if the kernel has */
	REC_PROCESS_POSIX_TIMERS = 1 << 5,	/* has some */
	REC_PROCESS_CPU_TIMERS	= 1 << 6,	/* ITIMER_VIRTUAL or ITIMER_PROF is armed */
};

enum { REC_MARK_START_CODE, REC_MARK_END_CODE, REC_MARK_START_DATA, REC_MARK_END_DATA, REC_MARK_START_BRK,
    REC_MARK_BRK, REC_MARK_START_STACK, REC_MARK_ARG_START, REC_MARK_ARG_END, REC_MARK_ENV_START,
    REC_MARK_ENV_END, REC_MARKS };
enum { REC_NS_MOUNT, REC_NS_UTS, REC_NS_IPC, REC_NS_PID, REC_NS_PID_CHILDREN, REC_NS_NET, REC_NS_USER,
    REC_NS_CGROUP, REC_NS_TIME, REC_NS_TIME_CHILDREN, REC_NS_COUNT };
#define REC_LIMITS	16	/* RLIM_NLIMITS, by RLIMIT_* */
#define REC_AUXV	128	/* words */

struct rec_process {
	struct rec_header h;
	rec_u64	have;
	__u32	flags;
	__u32	pad0;
	struct rec_numbers group, session;
	__s32	exit_signal;		/* sent to the parent; -1 of no leader */
	__u32	exit_status;		/* as wait(2) tells it */
	__u32	personality;
	__s32	oom_adjust;		/* signal->oom_score_adj */
	__u32	login_uid;		/* UINT32_MAX: not set */
	__u32	umask;			/* fs->umask */
	rec_u64	start;			/* ns since boot, in the reader's time namespace */
	rec_u64	utime, stime, cutime, cstime, runtime; /* of the signal_struct: threads that are gone; children waited for */
	rec_u64	prev_utime, prev_stime;	/* told last; times never go back */
	rec_u64	limit[REC_LIMITS][2];	/* soft, hard; UINT64_MAX: unlimited */
	__u32	ns[REC_NS_COUNT];	/* ns_common.inum, 0 not known */
	rec_u64	real_remaining, real_interval;	/* ITIMER_REAL, ns */
	rec_u64	cpu_interval[2];	/* ITIMER_PROF, ITIMER_VIRTUAL */
	__u32	tty;			/* kernel's number of the controlling terminal as /proc/PID/stat has it */
	__s32	tty_group;		/* its foreground process group */
	/* identities */
	rec_u64	mm, files, fs, handlers, cgroups;
	rec_u64	exe;			/* struct file */
	rec_u64	cwd_path, root_path;	/* dentry and mount */
	/* the address space */
	rec_u64	mark[REC_MARKS];
	__u32	dumpable;		/* 0, 1, 2 as PR_GET_DUMPABLE */
	__u32	membarrier;		/* MEMBARRIER_STATE_* */
	__u32	auxv_words;		/* filled in, */
	__u32	auxv_word;		/* of so many bytes: the kernel's own, 4 or 8 */
	rec_u64	auxv[REC_AUXV];		/* saved_auxv as it is in memory */
};

struct rec_action {		/* struct sigaction of the kernel */
	rec_u64	handler, flags, restorer, mask;
};

struct rec_handlers {
	struct rec_header h;
	rec_u64	handlers;		/* identity of the sighand_struct */
	struct rec_action action[64];	/* of signal n at n - 1 */
};

/* ---- mappings ---- */

enum {	/* rec_mapping.bits */
	REC_MAPPING_ASK		= 1 << 0,	/* /proc has to be asked about this process's mappings */
	REC_MAPPING_RELATIVES	= 1 << 1,	/* its pages may be a relative's, too, until written */
};

struct rec_mapping {
	struct rec_header h;
	rec_u64	mm;			/* identity */
	rec_u64	start, end;
	rec_u64	offset;			/* in the file; 0 without one */
	rec_u64	vm_flags;		/* VM_*: those below 1 << 32 are the same on all kernels from 5.10 on */
	rec_u64	ino;			/* of the file, 0 without one */
	rec_u64	file, path;		/* identities of struct file, and of dentry and mount */
	__u32	dev;			/* s_dev: major << 20 | minor */
	__u32	bits;
	__u32	name_size;		/* with the NUL; of what /proc/PID/maps shows, not escaped, "" if nothing */
	__u32	pad;
};

/* ---- descriptors ---- */

enum rec_file_kind {
	REC_FILE_OTHER,		/* its name and mode tell; /proc is asked for the state of what has any */
	REC_FILE_EVENTFD,	/* count, flags */
	REC_FILE_TIMERFD,	/* remaining, interval, ticks, clock, flags */
	REC_FILE_SIGNALFD,	/* mask of what it takes */
	REC_FILE_EPOLL,		/* count of REC_EPOLL that follow */
	REC_FILE_SOCKET,	/* REC_SOCKET follows */
};

enum {	/* rec_descriptor.bits */
	REC_DESCRIPTOR_CLOSE_ON_EXEC	= 1 << 0,
	REC_DESCRIPTOR_LOCKS	= 1 << 1,	/* its inode has file locks: /proc tells which */
	REC_DESCRIPTOR_OWNER	= 1 << 2,	/* owner_* are known; owner_kind -1: none */
	REC_DESCRIPTOR_ASK	= 1 << 3,	/* its state did not fit in: fdinfo tells it */
};

struct rec_descriptor {
	struct rec_header h;
	rec_u64	files;			/* identity of the table */
	__s32	fd;
	__u32	bits;
	rec_u64	file;			/* identity of the open file description */
	rec_u64	path;			/* identity of dentry and mount */
	rec_u64	position;
	__u32	open_flags;		/* f_flags: O_*, without O_CLOEXEC */
	__u32	kind;			/* enum rec_file_kind */
	rec_u64	ino, inode;		/* number, identity */
	__u32	mode;			/* of the inode: type and permissions */
	__u32	dev, rdev;		/* major << 20 | minor */
	__u32	owner_signal;
	__s32	owner;			/* number of who gets SIGIO, 0 none that the reader can see */
	__s32	owner_kind;		/* 0 thread, 1 process, 2 group; -1 none */
	rec_u64	count;			/* eventfd's count, timerfd's ticks, signalfd's mask, epoll's entries */
	rec_u64	remaining, interval;	/* timerfd */
	__u32	clock;			/* timerfd: CLOCK_* */
	__u32	state_flags;		/* eventfd: EFD_SEMAPHORE; timerfd: TFD_TIMER_ABSTIME, TFD_TIMER_CANCEL_ON_SET */
	__u32	name_size;		/* of what readlink of /proc/PID/fd/N gives, with the NUL */
	__u32	pad;
};

struct rec_epoll {
	struct rec_header h;
	rec_u64	epoll;			/* identity of the epoll's file */
	rec_u64	data;
	rec_u64	ino;			/* of the file watched */
	rec_u64	file;			/* its identity */
	__s32	fd;			/* it was added under */
	__u32	events;
};

/* ---- sockets ---- */

enum {	/* rec_socket.bits */
	REC_SOCKET_LISTENS	= 1 << 0,
	REC_SOCKET_CONNECTED	= 1 << 1,	/* has a peer, or an address to send to */
	REC_SOCKET_SHUT_READ	= 1 << 2,
	REC_SOCKET_SHUT_WRITE	= 1 << 3,
};

/*
 * Options, with the values that getsockopt() tells, by their names in
 * socket(7), tcp(7), ip(7), ipv6(7) and netlink(7).  One that is not here is as
 * a new socket of the same kind has it that the reader makes.
 */
#define REC_FLAGS	64
enum rec_option {
	REC_OPTION_NONE,
	/* on or off: 1 << n in rec_socket.flags */
	REC_OPTION_REUSE_ADDRESS,
	REC_OPTION_REUSE_PORT,
	REC_OPTION_BROADCAST,
	REC_OPTION_KEEP_ALIVE,
	REC_OPTION_OOB_INLINE,
	REC_OPTION_DONT_ROUTE,
	REC_OPTION_PASS_CREDENTIALS,
	REC_OPTION_TIMESTAMP,
	REC_OPTION_TCP_NO_DELAY,
	REC_OPTION_TCP_CORK,
	REC_OPTION_IP_DESTINATION_NOTES,
	REC_OPTION_IP_TTL_NOTES,
	REC_OPTION_IP_TOS_NOTES,
	REC_OPTION_IP_OPTION_NOTES,
	REC_OPTION_IP_RETURN_OPTION_NOTES,
	REC_OPTION_IP_ORIGINAL_DESTINATION_NOTES,
	REC_OPTION_IP_CHECKSUM_NOTES,
	REC_OPTION_IP_FRAGMENT_NOTES,
	REC_OPTION_IP_ERROR_QUEUE,
	REC_OPTION_IP_LATE_PORT,
	REC_OPTION_IP_MULTICAST_LOOP,
	REC_OPTION_IP_MULTICAST_ALL,
	REC_OPTION_FREE_BIND,
	REC_OPTION_TRANSPARENT,
	REC_OPTION_IPV6_ONLY,
	REC_OPTION_IPV6_DONT_FRAGMENT,
	REC_OPTION_IPV6_ERROR_QUEUE,
	REC_OPTION_IPV6_MULTICAST_LOOP,
	REC_OPTION_IPV6_MULTICAST_ALL,
	REC_OPTION_IPV6_DESTINATION_NOTES,
	REC_OPTION_IPV6_HOP_LIMIT_NOTES,
	REC_OPTION_IPV6_TRAFFIC_CLASS_NOTES,
	REC_OPTION_IPV6_ROUTING_NOTES,
	REC_OPTION_IPV6_HOP_OPTION_NOTES,
	REC_OPTION_IPV6_DESTINATION_OPTION_NOTES,
	REC_OPTION_IPV6_PATH_MTU_NOTES,
	REC_OPTION_IPV6_ORIGINAL_DESTINATION_NOTES,
	REC_OPTION_IPV6_FRAGMENT_NOTES,
	REC_OPTION_IPV6_FLOW_NOTES,
	REC_OPTION_NETLINK_GROUP_NOTES,
	REC_OPTION_NETLINK_BROADCAST_ERRORS,
	REC_OPTION_NETLINK_NO_OVERRUN_ERRORS,
	REC_OPTION_NETLINK_ALL_NAMESPACES,
	REC_OPTION_NETLINK_SHORT_ACKS,
	REC_OPTION_NETLINK_LONG_ACKS,
	REC_OPTION_NETLINK_STRICT_CHECKS,
	/* numbers: rec_socket.number[n - REC_FLAGS] */
	REC_OPTION_SEND_BUFFER = REC_FLAGS,
	REC_OPTION_RECEIVE_BUFFER,
	REC_OPTION_RECEIVE_LOW_WATER,
	REC_OPTION_PRIORITY,
	REC_OPTION_MARK,
	REC_OPTION_BUSY_POLL_US,
	REC_OPTION_TCP_USER_TIMEOUT_MS,
	REC_OPTION_TCP_FAST_OPEN_QUEUE,
	REC_OPTION_TCP_MAX_SEGMENT,
	REC_OPTION_TCP_WINDOW_CLAMP,
	REC_OPTION_TCP_NOT_SENT_LOW_WATER,
	REC_OPTION_IP_TOS,
	REC_OPTION_IP_MTU_DISCOVERY,
	REC_OPTION_IP_MULTICAST_TTL,
	REC_OPTION_IPV6_TRAFFIC_CLASS,
	REC_OPTION_IPV6_MTU_DISCOVERY,
	REC_OPTION_IPV6_MULTICAST_HOPS,
	REC_OPTIONS
};

#define REC_ADDRESS	112	/* bytes: struct sockaddr_un and its NUL */
#define REC_GROUP_WORDS	2	/* of 64 netlink groups each */

/*
 * Of AF_UNIX, AF_INET, AF_INET6 or AF_NETLINK: one with nothing unread, no
 * error, no filter, no TCP connection, no multicast membership, and no option
 * of those that rec_option does not have: of others, a descriptor tells more.
 */
struct rec_socket {
	struct rec_header h;
	rec_u64	file;			/* identity of its open file description */
	rec_u64	peer_ino;		/* unix: inode number of the other end, 0 none */
	rec_u64	unsent;			/* unix: bytes that a peer has not read, as the kernel counts them */
	rec_u64	flags;			/* options */
	rec_u64	groups[REC_GROUP_WORDS]; /* netlink: bit n - 1 for group n */
	__u32	family, type, protocol;	/* AF_*, SOCK_* */
	__u32	bits;
	__u32	backlog, pending;	/* of one that listens: limit, connections not accepted */
	__s32	peer_pid;		/* SO_PEERCRED; 0: not known */
	__u32	peer_uid, peer_gid;
	__u32	tcp_state;		/* as TCP_INFO tells it, 0: not TCP */
	__u32	local_size, remote_size;
	char	congestion_control[16];	/* TCP, NUL-terminated */
	__u32	number[REC_OPTIONS - REC_FLAGS];
	__u32	pad;
	__u8	local[REC_ADDRESS], remote[REC_ADDRESS];	/* as getsockname() and getpeername() tell them */
};

#define REC_SIZE_IS(type, bytes)	_Static_assert(sizeof(struct type) == (bytes), #type)
REC_SIZE_IS(rec_header, 16);
REC_SIZE_IS(rec_numbers, 136);
REC_SIZE_IS(rec_thread, 896);
REC_SIZE_IS(rec_adjustment, 32);
REC_SIZE_IS(rec_process, 1920);
REC_SIZE_IS(rec_handlers, 2072);
REC_SIZE_IS(rec_mapping, 96);
REC_SIZE_IS(rec_descriptor, 144);
REC_SIZE_IS(rec_epoll, 56);
REC_SIZE_IS(rec_socket, 424);
#undef REC_SIZE_IS

#endif
