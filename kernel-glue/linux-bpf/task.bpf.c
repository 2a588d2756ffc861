/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads, processes and their dispositions.
 */
#include "kernel-glue/linux-bpf/collect.h"
#include "kernel-glue/linux-bpf/undo.h"

SCRATCH(thread_scratch, struct rec_thread);
SCRATCH(process_scratch, struct rec_process);
SCRATCH(handlers_scratch, struct rec_handlers);

#define NICE_0		120	/* static_prio of nice 0 */
#define NO_NEW_PRIVS	1	/* 1 << PFA_NO_NEW_PRIVS */
#define SHADOW_STACK	1	/* ARCH_SHSTK_SHSTK in thread.features */
#define DUMPABLE_MASK	3	/* of mm flags */
#define MMF_THP		(3ul << 23)	/* PR_SET_THP_DISABLE, both kinds; the lower is another thing before 6.18 */
#define MMF_HAS_MDWE	(1ul << 28)
#define HAS_VSYSCALL	2	/* of mm->context.flags */
#define ENQUEUED	1	/* of hrtimer.state */
#define GROUP_EXIT	4	/* SIGNAL_GROUP_EXIT, of signal->flags */

/* ---- numbers ---- */

/*
 * p's at every level that the task has, from the reader's on.  Not static, as
 * identity_of(); the verifier takes addresses only as numbers here.
 */
__noinline int
numbers(struct rec_numbers *out, __u64 task_pid, __u64 p_pid)
{
	const struct pid *task = (const void *)task_pid, *p = (const void *)p_pid;
	unsigned int from = reader_level(), depth = BPF_CORE_READ(task, level);
	unsigned int own = p != NULL ? BPF_CORE_READ(p, level) : 0;

	if (out == NULL)
		return 0;
	out->count = 0;
	for (unsigned int i = 0; i < REC_LEVELS; i++) {
		unsigned int at = from + i;
		struct upid u;

		if (at > depth)
			break;
		u = upid_at(p, at);
		out->number[i] = p != NULL && at <= own && u.ns == upid_at(task, at).ns ? u.nr : 0;
		out->count = i + 1;
	}
	return 0;
}

/* ---- threads ---- */

static __always_inline void
credentials(struct rec_thread *r, struct task_struct *t)
{
	const struct cred *c = BPF_CORE_READ(t, real_cred);
	const struct group_info *g = BPF_CORE_READ(c, group_info);
	__u32 n = BPF_CORE_READ(g, ngroups);

	r->uid[0] = BPF_CORE_READ(c, uid.val);
	r->uid[1] = BPF_CORE_READ(c, euid.val);
	r->uid[2] = BPF_CORE_READ(c, suid.val);
	r->uid[3] = BPF_CORE_READ(c, fsuid.val);
	r->gid[0] = BPF_CORE_READ(c, gid.val);
	r->gid[1] = BPF_CORE_READ(c, egid.val);
	r->gid[2] = BPF_CORE_READ(c, sgid.val);
	r->gid[3] = BPF_CORE_READ(c, fsgid.val);
	bpf_core_read(&r->cap[0], 8, &c->cap_inheritable);
	bpf_core_read(&r->cap[1], 8, &c->cap_permitted);
	bpf_core_read(&r->cap[2], 8, &c->cap_effective);
	bpf_core_read(&r->cap[3], 8, &c->cap_bset);
	bpf_core_read(&r->cap[4], 8, &c->cap_ambient);
	r->securebits = BPF_CORE_READ(c, securebits);
	r->ngroups = n;
	if (n <= REC_GROUPS) {
		bpf_core_read(r->group, n * sizeof r->group[0], &g->gid);
		r->have |= REC_HAVE_GROUPS;
	}
	if (BPF_CORE_READ(t, atomic_flags) & NO_NEW_PRIVS)
		r->flags |= REC_THREAD_NO_NEW_PRIVS;
	r->have |= REC_HAVE_CREDENTIALS;
}

static __always_inline void
signals(struct rec_thread *r, struct task_struct *t)
{
	if (bpf_core_field_exists(t->restore_sigmask)) {
		r->mask = BPF_CORE_READ_BITFIELD_PROBED(t, restore_sigmask) ?
		    BPF_CORE_READ(t, saved_sigmask.sig[0]) : BPF_CORE_READ(t, blocked.sig[0]);
		r->have |= REC_HAVE_MASK;
	}
	r->pending = BPF_CORE_READ(t, pending.signal.sig[0]);
	r->shared_pending = BPF_CORE_READ(t, signal, shared_pending.signal.sig[0]);
	r->ss_sp = BPF_CORE_READ(t, sas_ss_sp);
	r->ss_size = BPF_CORE_READ(t, sas_ss_size);
	r->ss_flags = BPF_CORE_READ(t, sas_ss_flags);
	r->death_signal = BPF_CORE_READ(t, pdeath_signal);
	r->have |= REC_HAVE_PENDING | REC_HAVE_ALT_STACK;
}

static __always_inline void
scheduling(struct rec_thread *r, struct task_struct *t)
{
	r->policy = BPF_CORE_READ(t, policy);
	r->priority = BPF_CORE_READ(t, rt_priority);
	r->nice = BPF_CORE_READ(t, static_prio) - NICE_0;
	r->runtime = BPF_CORE_READ(t, dl.dl_runtime);
	r->deadline = BPF_CORE_READ(t, dl.dl_deadline);
	r->period = BPF_CORE_READ(t, dl.dl_period);
	if (BPF_CORE_READ_BITFIELD_PROBED(t, sched_reset_on_fork))
		r->flags |= REC_THREAD_RESET_ON_FORK;
	if (BPF_CORE_READ(t, io_context) != NULL)
		r->flags |= REC_THREAD_IO_CONTEXT;
	__u32 size = bpf_core_field_size(t->cpus_mask);

	if (size <= sizeof r->cpus) {
		bpf_core_read(r->cpus, size, &t->cpus_mask);
		r->have |= REC_HAVE_SCHEDULING;
	}
	r->timer_slack = BPF_CORE_READ(t, timer_slack_ns);
	r->have |= REC_HAVE_SLACK;
}

static __always_inline void
pointers(struct rec_thread *r, struct task_struct *t)
{
	r->clear_tid = (__u64)BPF_CORE_READ(t, clear_child_tid);
	r->robust = (__u64)BPF_CORE_READ(t, robust_list);
	if (bpf_core_field_exists(t->compat_robust_list)) {
		r->compat_robust = (__u64)BPF_CORE_READ(t, compat_robust_list);
		r->have |= REC_HAVE_POINTERS;
	}
	if (bpf_core_field_exists(t->rseq) && bpf_core_field_exists(t->rseq_sig)) {
		r->rseq = (__u64)BPF_CORE_READ(t, rseq);
		r->rseq_size = bpf_core_field_exists(t->rseq_len) ? BPF_CORE_READ(t, rseq_len) :
		    bpf_core_type_size(struct rseq);
		r->rseq_signature = BPF_CORE_READ(t, rseq_sig);
		r->have |= REC_HAVE_RSEQ;
	}
	if (bpf_core_field_exists(t->thread.features) && BPF_CORE_READ(t, thread.features) & SHADOW_STACK)
		r->flags |= REC_THREAD_SHADOW_STACK;
	r->have |= REC_HAVE_FEATURES;
	r->seccomp_mode = BPF_CORE_READ(t, seccomp.mode);
	r->seccomp_filters = BPF_CORE_READ(t, seccomp.filter_count.counter);
	r->have |= REC_HAVE_SECCOMP;
}

static __always_inline void
own(struct rec_thread *r, struct task_struct *t)
{
	const struct nsproxy *ns = BPF_CORE_READ(t, nsproxy);

	r->files = identity(BPF_CORE_READ(t, files));
	r->fs = identity(BPF_CORE_READ(t, fs));
	r->ns_net = BPF_CORE_READ(ns, net_ns, ns.inum);
	r->ns_mount = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	r->ns_uts = BPF_CORE_READ(ns, uts_ns, ns.inum);
	r->ns_ipc = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	r->ns_cgroup = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
	r->have |= REC_HAVE_OWN;
}

/* What its call is, the registers tell. */
static __always_inline void
restart(struct rec_thread *r, struct task_struct *t)
{
	const struct restart_block *b = &t->restart_block;

	for (int i = 0; i < REC_RESTARTS; i++)
		r->restart_left[i] = REC_NO_END;
	if (!bpf_core_field_exists(b->futex.time) || !bpf_core_field_exists(b->nanosleep.expires) ||
	    !bpf_core_field_exists(b->poll.tv_sec))
		return;
	r->restart_clock = BPF_CORE_READ(b, nanosleep.clockid);
	if (r->restart_clock == MONOTONIC || r->restart_clock == BOOTTIME)
		r->restart_left[REC_RESTART_SLEEP] = until(BPF_CORE_READ(b, nanosleep.expires), r->restart_clock);
	r->restart_left[REC_RESTART_FUTEX] = until(BPF_CORE_READ(b, futex.time), MONOTONIC);
	if (BPF_CORE_READ(b, poll.has_timeout))
		r->restart_left[REC_RESTART_POLL] = until(BPF_CORE_READ(b, poll.tv_sec) * 1000000000 +
		    BPF_CORE_READ(b, poll.tv_nsec), MONOTONIC);
	r->have |= REC_HAVE_RESTART;
}

static __always_inline void
write_thread(struct seq_file *seq, struct task_struct *t, bool dead)
{
	struct rec_thread *r = scratch(&thread_scratch);
	const struct pid *pid = BPF_CORE_READ(t, thread_pid);

	if (r == NULL)
		return;
	clear(r, sizeof *r);
	begin(&r->h, sizeof *r, REC_THREAD, t);
	bpf_core_read(r->comm, sizeof r->comm, &t->comm);
	numbers(&r->numbers, (__u64)pid, (__u64)pid);
	r->utime = BPF_CORE_READ(t, utime);
	r->stime = BPF_CORE_READ(t, stime);
	r->runtime_used = BPF_CORE_READ(t, se.sum_exec_runtime);
	if (!dead) {
		credentials(r, t);
		signals(r, t);
		scheduling(r, t);
		pointers(r, t);
		own(r, t);
		restart(r, t);
		write_undo(seq, r, t);
	}
	bpf_seq_write(seq, r, sizeof *r);
}

/* ---- processes ---- */

static __always_inline void
namespaces(struct rec_process *r, struct task_struct *t, const struct pid *pid)
{
	const struct nsproxy *ns = BPF_CORE_READ(t, nsproxy);
	const struct pid_namespace *children = BPF_CORE_READ(ns, pid_ns_for_children);
	struct upid innermost = upid_at(pid, BPF_CORE_READ(pid, level));

	r->ns[REC_NS_MOUNT] = BPF_CORE_READ(ns, mnt_ns, ns.inum);
	r->ns[REC_NS_UTS] = BPF_CORE_READ(ns, uts_ns, ns.inum);
	r->ns[REC_NS_IPC] = BPF_CORE_READ(ns, ipc_ns, ns.inum);
	r->ns[REC_NS_PID] = BPF_CORE_READ(innermost.ns, ns.inum);
	/* one that nobody has been born in yet cannot be entered */
	if (BPF_CORE_READ(children, child_reaper) != NULL)
		r->ns[REC_NS_PID_CHILDREN] = BPF_CORE_READ(children, ns.inum);
	r->ns[REC_NS_NET] = BPF_CORE_READ(ns, net_ns, ns.inum);
	r->ns[REC_NS_USER] = BPF_CORE_READ(t, real_cred, user_ns, ns.inum);
	r->ns[REC_NS_CGROUP] = BPF_CORE_READ(ns, cgroup_ns, ns.inum);
	r->ns[REC_NS_TIME] = BPF_CORE_READ(ns, time_ns, ns.inum);
	r->ns[REC_NS_TIME_CHILDREN] = BPF_CORE_READ(ns, time_ns_for_children, ns.inum);
	r->have |= REC_HAVE_NAMESPACES;
}

static __always_inline bool
has_posix_timers(const struct signal_struct *s)
{
	const struct signal_struct___list *old = (const void *)s;

	if (bpf_core_field_exists(old->posix_timers.next))
		return (const void *)BPF_CORE_READ(old, posix_timers.next) != (const void *)&old->posix_timers;
	return BPF_CORE_READ(s, posix_timers.first) != NULL;
}

static __always_inline void
timers(struct rec_process *r, const struct signal_struct *s)
{
	if (!bpf_core_field_exists(s->real_timer.state))
		return;
	if (BPF_CORE_READ(s, real_timer.state) & ENQUEUED) {
		__s64 left = BPF_CORE_READ(s, real_timer.node.expires) - (__s64)bpf_ktime_get_ns();

		r->real_remaining = left > 1000 ? left : 1000;
	}
	r->real_interval = BPF_CORE_READ(s, it_real_incr);
	r->cpu_interval[0] = BPF_CORE_READ(s, it[0].incr);
	r->cpu_interval[1] = BPF_CORE_READ(s, it[1].incr);
	if (BPF_CORE_READ(s, it[0].expires) != 0 || BPF_CORE_READ(s, it[1].expires) != 0)
		r->flags |= REC_PROCESS_CPU_TIMERS;
	if (has_posix_timers(s))
		r->flags |= REC_PROCESS_POSIX_TIMERS;
	r->have |= REC_HAVE_TIMERS;
}

static __always_inline void
terminal(struct rec_process *r, const struct signal_struct *s)
{
	const struct tty_struct *tty = BPF_CORE_READ(s, tty);
	__u32 minor;

	r->tty_group = -1;
	if (tty != NULL) {
		minor = BPF_CORE_READ(tty, driver, minor_start) + BPF_CORE_READ(tty, index);
		r->tty = (minor & 0xff) | BPF_CORE_READ(tty, driver, major) << 8 | (minor & ~0xffu) << 12;
		r->tty_group = number_of(BPF_CORE_READ(tty, ctrl.pgrp));
	}
	r->have |= REC_HAVE_TERMINAL;
}

static __always_inline void
times(struct rec_process *r, struct task_struct *t, const struct signal_struct *s)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	const struct time_namespace *ns = BPF_CORE_READ(reader, nsproxy, time_ns);

	r->start = BPF_CORE_READ(t, start_boottime) + BPF_CORE_READ(ns, offsets.boottime.tv_sec) * 1000000000 +
	    BPF_CORE_READ(ns, offsets.boottime.tv_nsec);
	r->utime = BPF_CORE_READ(s, utime);
	r->stime = BPF_CORE_READ(s, stime);
	r->cutime = BPF_CORE_READ(s, cutime);
	r->cstime = BPF_CORE_READ(s, cstime);
	r->runtime = BPF_CORE_READ(s, sum_sched_runtime);
	r->prev_utime = BPF_CORE_READ(s, prev_cputime.utime);
	r->prev_stime = BPF_CORE_READ(s, prev_cputime.stime);
	r->have |= REC_HAVE_TIMES;
}

static __always_inline void
from_signal(struct rec_process *r, struct task_struct *t, const struct pid *pid)
{
	const struct signal_struct *s = BPF_CORE_READ(t, signal);

	numbers(&r->group, (__u64)pid, (__u64)BPF_CORE_READ(s, pids[PIDTYPE_PGID]));
	numbers(&r->session, (__u64)pid, (__u64)BPF_CORE_READ(s, pids[PIDTYPE_SID]));
	bpf_core_read(r->limit, sizeof r->limit, &s->rlim);
	r->have |= REC_HAVE_LIMITS;
	r->oom_adjust = BPF_CORE_READ(s, oom_score_adj);
	if (BPF_CORE_READ_BITFIELD_PROBED(s, is_child_subreaper))
		r->flags |= REC_PROCESS_SUBREAPER;
	timers(r, s);
	terminal(r, s);
	times(r, t, s);
}

static __always_inline void
marks(struct rec_process *r, const struct mm_struct *mm)
{
	r->mark[REC_MARK_START_CODE] = BPF_CORE_READ(mm, start_code);
	r->mark[REC_MARK_END_CODE] = BPF_CORE_READ(mm, end_code);
	r->mark[REC_MARK_START_DATA] = BPF_CORE_READ(mm, start_data);
	r->mark[REC_MARK_END_DATA] = BPF_CORE_READ(mm, end_data);
	r->mark[REC_MARK_START_BRK] = BPF_CORE_READ(mm, start_brk);
	r->mark[REC_MARK_BRK] = BPF_CORE_READ(mm, brk);
	r->mark[REC_MARK_START_STACK] = BPF_CORE_READ(mm, start_stack);
	r->mark[REC_MARK_ARG_START] = BPF_CORE_READ(mm, arg_start);
	r->mark[REC_MARK_ARG_END] = BPF_CORE_READ(mm, arg_end);
	r->mark[REC_MARK_ENV_START] = BPF_CORE_READ(mm, env_start);
	r->mark[REC_MARK_ENV_END] = BPF_CORE_READ(mm, env_end);
}

static __always_inline void
from_mm(struct rec_process *r, const struct mm_struct *mm)
{
	const struct mm_struct___bitmap *newer = (const void *)mm;
	__u32 size = bpf_core_field_size(mm->saved_auxv);
	unsigned long flags;

	if (mm == NULL || size > sizeof r->auxv)
		return;
	marks(r, mm);
	bpf_core_read(r->auxv, size, &mm->saved_auxv);
	r->auxv_words = size / sizeof(long);
	r->auxv_word = sizeof(long);
	flags = bpf_core_field_exists(newer->flags.__mm_flags) ? BPF_CORE_READ(newer, flags.__mm_flags[0]) :
	    BPF_CORE_READ(mm, flags);
	r->dumpable = flags & DUMPABLE_MASK;
	if (flags & MMF_HAS_MDWE)
		r->flags |= REC_PROCESS_NO_WRITE_EXEC;
	if (flags & MMF_THP)
		r->flags |= REC_PROCESS_THP;
	if (bpf_core_field_exists(mm->context.ldt) && BPF_CORE_READ(mm, context.ldt) != NULL)
		r->flags |= REC_PROCESS_LDT;
	if (BPF_CORE_READ(mm, context.flags) & HAS_VSYSCALL)
		r->flags |= REC_PROCESS_VSYSCALL;
	r->membarrier = BPF_CORE_READ(mm, membarrier_state.counter);
	r->exe = identity(BPF_CORE_READ(mm, exe_file));
	r->have |= REC_HAVE_MM;
}

static __always_inline void
while_alive(struct rec_process *r, struct task_struct *t)
{
	const struct fs_struct *fs = BPF_CORE_READ(t, fs);

	r->personality = BPF_CORE_READ(t, personality);
	r->login_uid = bpf_core_field_exists(t->loginuid) ? BPF_CORE_READ(t, loginuid.val) : ~0u;
	r->umask = BPF_CORE_READ(fs, umask);
	r->mm = identity(BPF_CORE_READ(t, mm));
	r->files = identity(BPF_CORE_READ(t, files));
	r->fs = identity(fs);
	r->handlers = identity(BPF_CORE_READ(t, sighand));
	r->cgroups = bpf_core_field_exists(t->cgroups) ? identity(BPF_CORE_READ(t, cgroups)) : 0;
	r->cwd_path = path_identity(&fs->pwd);
	r->root_path = path_identity(&fs->root);
	namespaces(r, t, BPF_CORE_READ(t, thread_pid));
	from_mm(r, BPF_CORE_READ(t, mm));
}

static __always_inline void
exit_status(struct rec_process *r, struct task_struct *t)
{
	const struct signal_struct *s = BPF_CORE_READ(t, signal);

	r->exit_status = BPF_CORE_READ(s, flags) & GROUP_EXIT ? BPF_CORE_READ(s, group_exit_code) :
	    BPF_CORE_READ(t, exit_code);
	r->have |= REC_HAVE_EXIT;
}

static __always_inline void
write_process(struct seq_file *seq, struct task_struct *t, bool dead)
{
	struct rec_process *r = scratch(&process_scratch);

	if (r == NULL)
		return;
	clear(r, sizeof *r);
	begin(&r->h, sizeof *r, REC_PROCESS, t);
	r->exit_signal = BPF_CORE_READ(t, exit_signal);
	from_signal(r, t, BPF_CORE_READ(t, thread_pid));
	if (dead)
		exit_status(r, t);
	else
		while_alive(r, t);
	bpf_seq_write(seq, r, sizeof *r);
}

static __always_inline void
write_handlers(struct seq_file *seq, struct task_struct *t)
{
	const struct sighand_struct *s = BPF_CORE_READ(t, sighand);
	struct rec_handlers *r = scratch(&handlers_scratch);

	if (r == NULL || bpf_core_field_size(s->action) != sizeof r->action)
		return;
	begin(&r->h, sizeof *r, REC_HANDLERS, t);
	r->handlers = identity(s);
	bpf_core_read(r->action, sizeof r->action, &s->action);
	bpf_seq_write(seq, r, sizeof *r);
}

/* ---- the dead ---- */

static __always_inline struct task_struct *
second_thread(struct task_struct *leader)
{
	struct list_head *next = BPF_CORE_READ(leader, thread_node.next);

	return (void *)next - bpf_core_field_offset(struct task_struct, thread_node);
}

/*
 * Who is dead cannot be stopped.  A process is of the tree if its parent is;
 * the root of which only the leader is dead, by its other threads.
 */
static __always_inline bool
is_dead_of_ours(struct task_struct *t)
{
	const struct list_head *threads = &t->signal->thread_head;

	if (BPF_CORE_READ(t, exit_state) == 0 || BPF_CORE_READ(t, group_leader) != t)
		return 0;
	return is_ours(BPF_CORE_READ(t, real_parent)) ||
	    (BPF_CORE_READ(t, thread_node.next) != threads && is_ours(second_thread(t)));
}

static __always_inline bool
leader_is_dead(struct task_struct *t)
{
	return BPF_CORE_READ(t, group_leader, sighand) == NULL || BPF_CORE_READ(t, group_leader, mm) == NULL;
}

SEC("iter/task")
int
collect_task(struct bpf_iter__task *ctx)
{
	struct task_struct *t = ctx->task;
	struct seq_file *seq = ctx->meta->seq;
	bool dead;

	if (t == NULL || BPF_CORE_READ(t, sighand) == NULL)
		return 0;
	dead = is_dead_of_ours(t);
	if (!dead && !is_ours(t))
		return 0;
	write_thread(seq, t, dead);
	if (!dead && BPF_CORE_READ(t, group_leader) != t && !leader_is_dead(t))
		return 0;
	write_process(seq, t, dead);
	if (!dead)
		write_handlers(seq, t);
	return 0;
}
