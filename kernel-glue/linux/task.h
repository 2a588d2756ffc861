/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * State of threads and processes, between task_*.c.
 */
#ifndef KERNEL_GLUE_LINUX_TASK_H
#define KERNEL_GLUE_LINUX_TASK_H

#include "kernel-glue/linux/dump.h"
#include "kernel-glue/linux/regs.h"

#define XSAVE_MAX	16384

struct queue {
	uint8_t		*infos;		/* kernel siginfo, 128 bytes each */
	size_t		count;
};

struct tls_entry {
	uint32_t	entry, base, limit, flags;	/* struct user_desc */
};

struct seccomp_filter {
	uint64_t	id;
	struct seccomp_filter *previous;
	uint8_t		*program;
	size_t		len;		/* bytes, 8 an instruction */
	bool		log;
};

struct thread_state {
	char		comm[64];
	struct regs	regs;		/* at the stop, after the fixes */
	uint8_t		*xsave;
	size_t		xsave_len;	/* 512: FXSAVE only */
	struct tls_entry tls[3];
	size_t		ntls;
	uint64_t	sigmask;
	struct queue	pending;
	uint64_t	ss_sp, ss_size;
	uint32_t	ss_flags;
	uint64_t	robust, robust_len, clear_tid;
	uint64_t	rseq;
	uint32_t	rseq_size, rseq_sig;
	uint32_t	restart, restart_clock;
	bool		in_syscall, remaining_known;
	uint64_t	remaining_ns;
	struct creds	*creds;
	uint32_t	policy, priority, seccomp_mode, seccomp_count;
	struct seccomp_filter *filter;	/* newest */
	int32_t		nice;
	bool		reset_on_fork;
	uint64_t	runtime_ns, deadline_ns, period_ns;
	uint64_t	cpus[16];
	size_t		ncpus;
	uint32_t	ioprio;
	uint32_t	death_signal;
	uint64_t	timer_slack;
	int32_t		ns_tids[32];
	size_t		nns_tids;
};

struct creds {
	uint64_t	id;
	uint32_t	uid[4], gid[4];		/* real, effective, saved, file system */
	uint32_t	*groups;
	size_t		ngroups;
	uint64_t	cap[5];			/* inheritable, permitted, effective, bounding, ambient */
	uint32_t	securebits;
	bool		securebits_known, no_new_privs;
	const char	*label;
};

struct action {
	uint64_t	handler, flags, restorer, mask;
};

struct handlers {
	uint64_t	id;
	bool		asked;
	struct action	actions[65];		/* by signal number */
};

struct fs_context {
	uint64_t	id;
	struct file	*cwd, *root;
	uint32_t	umask;
};

/* Consecutive users, or groups, of a user namespace; outside: in the dumper's. */
struct id_range {
	uint32_t	inside, outside, length;
};

struct id_map {
	struct id_range	*v;
	size_t		n;
};

struct ns {
	uint64_t	id, ino;
	uint32_t	kind;
	bool		of_dumper, for_children;
	bool		asked;
	const char	*hostname, *domainname;	/* UTS, not the dumper's; NULL not known */
	uint64_t	monotonic, boottime;	/* time, not the dumper's; 0 not known */
	struct id_map	uids, gids;		/* user, not the dumper's, as what follows */
	bool		setgroups_denied;
	uint32_t	owner;
};

struct posix_timer {
	int32_t		id, signal, notify, tid, clock, clock_pid, overrun;
	uint64_t	value, remaining_ns, interval_ns;
};

struct proc_state {
	char		comm[64];
	uint64_t	personality;
	uint32_t	umask;
	uint64_t	caught, ignored;
	struct queue	pending;
	uint64_t	itimer[3][2];		/* remaining, interval in ns */
	struct list	timers;			/* struct posix_timer */
	struct list	limits;			/* struct limit */
	struct list	namespaces, cgroups;
	struct session	*session;
	struct group	*group;
	int32_t		ns_pids[32];
	size_t		nns_pids;
	int32_t		oom_adjust;
	uint32_t	login_uid;
	bool		has_login_uid, subreaper, thp_disabled;
	uint32_t	membarrier, exit_code, child_exit_signal;
	uint64_t	start_ns, times[4];
	int32_t		tty_nr, tpgid;
};

struct limit {
	uint32_t	kind;
	uint64_t	soft, hard;		/* UINT64_MAX: unlimited */
};

struct session {
	uint64_t	id;
	pid_t		sid;
	int32_t		foreground;
	uint32_t	tty;			/* kernel's dev number, 0 none */
	uint64_t	terminal_id;
	bool		leader_outside;
};

struct group {
	uint64_t	id;
	pid_t		pgid;
	struct session	*session;
	bool		leader_outside;
};

/* task_signal.c */
int	queue_collect(struct dump *d, struct task *t, bool shared, struct queue *q);
void	siginfo_emit(struct glue_emit *e, const uint8_t *info, bool is32_layout);
void	queue_emit(struct glue_emit *e, uint32_t field, const struct queue *q);
void	handlers_fields(struct glue_emit *e, const void *object);
int	handlers_ask(struct dump *d, struct proc *p, struct task *t);
void	handlers_take(struct proc *p, const struct rec_handlers *k);

/* task_x86.c: fields of Thread by field number of the message */
void	registers_emit(struct glue_emit *e, const struct regs *r);
void	fpu_emit(struct glue_emit *e, const uint8_t *xsave, size_t len, bool is32);
void	tls_emit(struct glue_emit *e, const struct tls_entry *tls, size_t n);
int	fpu_collect(struct dump *d, struct task *t);
int	tls_collect(struct dump *d, struct task *t);

/* task_restart.c */
int	rseq_fix(struct dump *d, struct task *t);
/* k: the facts, or NULL */
void	restart_classify(struct task *t, const struct rec_thread *k);

/* task_timer.c */
int	timers_collect(struct dump *d, struct proc *p);
int	timers_ask(struct dump *d, struct proc *p, struct task *t);
void	timers_take(struct proc *p, const struct rec_process *k);
/* PSNAP_CLOCK_* of a Linux clock id. */
uint32_t clock_kind(int32_t clock);

/* task_cred.c */
/* Of one thread; NULL without memory.  Equal ones become one by creds_share(), once all is known. */
struct creds *creds_read(struct dump *d, struct proc *p, struct task *t, const char *status);
/* The same by the facts. */
struct creds *creds_take(struct dump *d, struct proc *p, struct task *t, const struct rec_thread *k);
struct creds *creds_share(struct dump *d, struct creds *c);
void	creds_fields(struct glue_emit *e, const void *object);

/* task_seccomp.c: filters of a stopped task in mode FILTERED; what cannot be read is covered */
int	filters_collect(struct dump *d, struct task *t);
void	filter_fields(struct glue_emit *e, const void *object);

/* namespaces.c */
struct ns *namespace_of(const struct proc *p, uint32_t kind);	/* NULL: none, or not known */
/*
 * fn()'s result, called in that namespace of p (setns(2)'s type, and its name
 * in /proc/PID/ns); *error, an errno, why it could not be entered.
 */
int	in_namespace(struct dump *d, struct proc *p, const char *name, int type, int *error,
	    int (*fn)(struct dump *d, struct proc *p));
/* A restore has one namespace of its kind for all: processes in another are told. */
int	namespaces_cover_others(struct dump *d, const struct ns *only, const char *feature);
/* Whether the root has one of this kind that is not the dumper's. */
bool	namespace_is_own(const struct dump *d, uint32_t kind);
/* What those that are not the dumper's have of their own. */
int	namespaces_collect(struct dump *d);

/* users.c: what p's user namespace n has of its own; the errno */
int	users_read(struct dump *d, const struct proc *p, struct ns *n);
/* Tell what of the root's own user namespace cannot be made again. */
int	users_check_instance(struct dump *d, struct proc *root);

/* task_host.c */
int	host_collect(struct dump *d);
void	host_clocks(const struct dump *d, uint64_t *monotonic, uint64_t *boottime);
int	host_emit(struct dump *d);

#endif
