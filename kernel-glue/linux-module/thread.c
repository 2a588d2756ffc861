// SPDX-License-Identifier: BSD-2-Clause
/*
 * One thread: who it is, its signals, how it is scheduled.
 */
#include <linux/cred.h>
#include <linux/ipc_namespace.h>
#include <linux/mnt_namespace.h>
#include <linux/ns_common.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/restart_block.h>
#include <linux/rseq.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/seccomp.h>
#include <linux/timekeeping.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "namespaces.h"
#include "module.h"

static u64
capabilities(const kernel_cap_t *set)
{
	return (u64)set->cap[1] << 32 | set->cap[0];
}

static void
credentials(const struct collector *c, struct rec_thread *r, struct task_struct *t)
{
	const struct cred *cred = get_task_cred(t);
	const kuid_t uid[] = { cred->uid, cred->euid, cred->suid, cred->fsuid };
	const kgid_t gid[] = { cred->gid, cred->egid, cred->sgid, cred->fsgid };
	const kernel_cap_t *cap[] = { &cred->cap_inheritable, &cred->cap_permitted, &cred->cap_effective,
	    &cred->cap_bset, &cred->cap_ambient };
	const struct group_info *groups = cred->group_info;

	for (int i = 0; i < 4; i++) {
		r->uid[i] = from_kuid_munged(c->users, uid[i]);
		r->gid[i] = from_kgid_munged(c->users, gid[i]);
	}
	for (int i = 0; i < 5; i++)
		r->cap[i] = capabilities(cap[i]);
	r->securebits = cred->securebits;
	r->ngroups = groups->ngroups;
	for (int i = 0; i < groups->ngroups && i < REC_GROUPS; i++)
		r->group[i] = from_kgid_munged(c->users, groups->gid[i]);
	r->have |= REC_HAVE_CREDENTIALS | (groups->ngroups <= REC_GROUPS ? REC_HAVE_GROUPS : 0);
	put_cred(cred);
}

static u64
signal_set(const sigset_t *set)
{
	u64 v;

	BUILD_BUG_ON(sizeof v != sizeof *set);
	memcpy(&v, set, sizeof v);
	return v;
}

/* __lock_task_sighand() does the same, and is not for modules. */
struct sighand_struct *
lock_signals(struct task_struct *t, unsigned long *flags)
{
	struct sighand_struct *s;

	rcu_read_lock();
	for (;;) {
		if ((s = rcu_dereference(t->sighand)) == NULL)
			break;
		spin_lock_irqsave(&s->siglock, *flags);
		if (likely(s == rcu_access_pointer(t->sighand)))
			break;
		spin_unlock_irqrestore(&s->siglock, *flags);
	}
	rcu_read_unlock();
	return s;
}

static void
signals(struct rec_thread *r, struct task_struct *t)
{
	unsigned long flags;
	struct sighand_struct *s = lock_signals(t, &flags);

	if (s == NULL)
		return;
	r->mask = signal_set(test_tsk_restore_sigmask(t) ? &t->saved_sigmask : &t->blocked);
	r->pending = signal_set(&t->pending.signal);
	r->shared_pending = signal_set(&t->signal->shared_pending.signal);
	r->ss_sp = t->sas_ss_sp;
	r->ss_size = t->sas_ss_size;
	r->ss_flags = (t->sas_ss_flags & SS_FLAG_BITS) | (t->sas_ss_size == 0 ? SS_DISABLE : 0);
	r->death_signal = t->pdeath_signal;
	spin_unlock_irqrestore(&s->siglock, flags);
	r->have |= REC_HAVE_MASK | REC_HAVE_PENDING | REC_HAVE_ALT_STACK;
}

/* What user space has told the kernel to look at in its memory. */
static void
pointers(struct rec_thread *r, struct task_struct *t)
{
	r->clear_tid = (unsigned long)t->clear_child_tid;
	r->robust = (unsigned long)t->robust_list;
#ifdef CONFIG_COMPAT
	r->compat_robust = (unsigned long)t->compat_robust_list;
#elif !defined(CONFIG_64BIT)
	r->compat_robust = r->robust;
#endif
	r->rseq = (unsigned long)t->rseq;
	r->rseq_size = sizeof *t->rseq;
	r->rseq_signature = t->rseq_sig;
	r->have |= REC_HAVE_POINTERS | REC_HAVE_RSEQ;
}

static void
cpus(struct rec_thread *r, const struct cpumask *mask)
{
	unsigned int cpu;

	for_each_cpu(cpu, mask)
		if (cpu < REC_CPU_WORDS * 64)
			r->cpus[cpu / 64] |= 1ull << cpu % 64;
}

static void
scheduling(struct rec_thread *r, struct task_struct *t)
{
	r->policy = t->policy;
	r->priority = t->rt_priority;
	r->nice = task_nice(t);
	r->runtime = t->dl.dl_runtime;
	r->deadline = t->dl.dl_deadline;
	r->period = t->dl.dl_period;
	cpus(r, &t->cpus_mask);
	r->timer_slack = t->timer_slack_ns;
	r->flags |= t->sched_reset_on_fork ? REC_THREAD_RESET_ON_FORK : 0;
	r->flags |= t->io_context != NULL ? REC_THREAD_IO_CONTEXT : 0;
	r->utime = t->utime;
	r->stime = t->stime;
	r->runtime_used = t->se.sum_exec_runtime;
	r->have |= REC_HAVE_SCHEDULING | REC_HAVE_SLACK | REC_HAVE_FEATURES;
}

static u64
until(u64 end, u64 now)
{
	return end > now ? end - now : 0;
}

/* What its call is, the registers tell. */
static void
restart(struct rec_thread *r, const struct restart_block *b)
{
	u64 now = ktime_get_ns();

	for (int i = 0; i < REC_RESTARTS; i++)
		r->restart_left[i] = REC_NO_END;
	r->restart_clock = b->nanosleep.clockid;
	if (r->restart_clock == CLOCK_MONOTONIC || r->restart_clock == CLOCK_BOOTTIME)
		r->restart_left[REC_RESTART_SLEEP] = until(b->nanosleep.expires,
		    r->restart_clock == CLOCK_BOOTTIME ? ktime_get_boottime_ns() : now);
	r->restart_left[REC_RESTART_FUTEX] = until(b->futex.time, now);
	if (b->poll.has_timeout)
		r->restart_left[REC_RESTART_POLL] = until((u64)b->poll.tv_sec * NSEC_PER_SEC + b->poll.tv_nsec, now);
	r->have |= REC_HAVE_RESTART;
}

/* What is in the list is private to its file in the kernel. */
static void
undo(const struct collector *c, struct rec_thread *r, const struct task_struct *t)
{
#ifdef CONFIG_SYSVIPC
	r->undo = identity(c, t->sysvsem.undo_list);
#endif
	r->have |= REC_HAVE_UNDO;
}

/* What it may have for itself. */
static void
own(const struct collector *c, struct rec_thread *r, struct task_struct *t)
{
	const struct nsproxy *ns;

	task_lock(t);
	r->files = identity(c, t->files);
	r->fs = identity(c, t->fs);
	if ((ns = t->nsproxy) != NULL) {
		r->ns_net = ns->net_ns->ns.inum;
		r->ns_mount = mount_namespace(ns);
		r->ns_uts = ns->uts_ns->ns.inum;
		r->ns_ipc = ns->ipc_ns->ns.inum;
		r->ns_cgroup = cgroup_namespace(ns);
		r->have |= REC_HAVE_OWN;
	}
	task_unlock(t);
}

int
thread_record(struct collector *c, struct task_struct *t)
{
	struct rec_thread *r = record_begin(c, REC_THREAD, sizeof *r, t);

	if (r == NULL)
		return -ENOBUFS;
	get_task_comm(r->comm, t);
	rcu_read_lock();
	numbers(c, &r->numbers, task_pid(t), task_pid(t));
	rcu_read_unlock();
	credentials(c, r, t);
	signals(r, t);
	pointers(r, t);
	scheduling(r, t);
	own(c, r, t);
	restart(r, &t->restart_block);
	undo(c, r, t);
	r->flags |= task_no_new_privs(t) ? REC_THREAD_NO_NEW_PRIVS : 0;
	r->seccomp_mode = t->seccomp.mode;
	r->seccomp_filters = atomic_read(&t->seccomp.filter_count);
	r->have |= REC_HAVE_SECCOMP;
	record_end(c, r, sizeof *r, 0);
	return 0;
}
