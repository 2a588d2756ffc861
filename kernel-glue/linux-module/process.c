// SPDX-License-Identifier: BSD-2-Clause
/*
 * One process: what its threads have together, and what it does with signals.
 */
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/ipc_namespace.h>
#include <linux/mm.h>
#include <linux/nsproxy.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/sched/coredump.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/time_namespace.h>
#include <linux/tty.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#include "namespaces.h"
#include "module.h"

/* ---- relatives ---- */

static void
relatives(const struct collector *c, struct rec_process *r, struct task_struct *t)
{
	rcu_read_lock();
	numbers(c, &r->group, task_pid(t), task_pgrp(t));
	numbers(c, &r->session, task_pid(t), task_session(t));
	rcu_read_unlock();
	r->exit_signal = t->exit_signal;
}

/* ---- what is in signal_struct, under its lock ---- */

static void
terminal(const struct collector *c, struct rec_process *r, struct tty_struct *tty)
{
	struct pid *group;

	r->have |= REC_HAVE_TERMINAL;
	r->tty_group = -1;
	if (tty == NULL)
		return;
	r->tty = new_encode_dev(tty_devnum(tty));
	group = tty_get_pgrp(tty);
	r->tty_group = pid_nr_ns(group, c->pids);
	put_pid(group);
}

static void
times(struct rec_process *r, const struct signal_struct *s)
{
	r->utime = s->utime;
	r->stime = s->stime;
	r->cutime = s->cutime;
	r->cstime = s->cstime;
	r->runtime = s->sum_sched_runtime;
#ifndef CONFIG_VIRT_CPU_ACCOUNTING_NATIVE
	r->prev_utime = s->prev_cputime.utime;
	r->prev_stime = s->prev_cputime.stime;
#endif
	r->have |= REC_HAVE_TIMES;
}

/* As getitimer(2) tells it: one that is due has not gone yet. */
static u64
real_remaining(const struct hrtimer *timer)
{
	ktime_t left;

	if (!hrtimer_active(timer))
		return 0;
	left = hrtimer_get_remaining(timer);
	return left > 0 ? left : NSEC_PER_USEC;
}

static void
timers(struct rec_process *r, const struct signal_struct *s)
{
	r->real_remaining = real_remaining(&s->real_timer);
	r->real_interval = ktime_to_ns(s->it_real_incr);
	for (int i = 0; i < 2; i++) {
		r->cpu_interval[i] = s->it[i].incr;
		r->flags |= s->it[i].expires != 0 ? REC_PROCESS_CPU_TIMERS : 0;
	}
	r->flags |= list_empty(&s->posix_timers) ? 0 : REC_PROCESS_POSIX_TIMERS;
	r->have |= REC_HAVE_TIMERS;
}

static void
shared_state(const struct collector *c, struct rec_process *r, struct task_struct *t)
{
	unsigned long flags;
	struct sighand_struct *hand = lock_signals(t, &flags);

	if (hand == NULL)
		return;
	r->handlers = identity(c, hand);
	r->flags |= t->signal->is_child_subreaper ? REC_PROCESS_SUBREAPER : 0;
	r->oom_adjust = t->signal->oom_score_adj;
	terminal(c, r, t->signal->tty);
	times(r, t->signal);
	timers(r, t->signal);
	spin_unlock_irqrestore(&hand->siglock, flags);
}

/* ---- limits, names, namespaces ---- */

static u64
limit_value(unsigned long v)
{
	return v == RLIM_INFINITY ? U64_MAX : v;
}

static void
limits(struct rec_process *r, struct task_struct *t)
{
	BUILD_BUG_ON(RLIM_NLIMITS > REC_LIMITS);
	task_lock(t->group_leader);
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		r->limit[i][0] = limit_value(t->signal->rlim[i].rlim_cur);
		r->limit[i][1] = limit_value(t->signal->rlim[i].rlim_max);
	}
	task_unlock(t->group_leader);
	r->have |= REC_HAVE_LIMITS;
}

static void
places(const struct collector *c, struct rec_process *r, struct task_struct *t)
{
	struct fs_struct *fs;

	task_lock(t);
	r->files = identity(c, t->files);
	if ((fs = t->fs) != NULL) {
		spin_lock(&fs->lock);
		r->fs = identity(c, fs);
		r->umask = fs->umask;
		r->cwd_path = path_identity(c, &fs->pwd);
		r->root_path = path_identity(c, &fs->root);
		spin_unlock(&fs->lock);
	}
	task_unlock(t);
}

static void
namespaces(struct rec_process *r, struct task_struct *t)
{
	const struct cred *cred = get_task_cred(t);
	const struct pid_namespace *pids, *children;
	const struct nsproxy *ns;

	r->ns[REC_NS_USER] = cred->user_ns->ns.inum;
	put_cred(cred);
	rcu_read_lock();
	if ((pids = task_active_pid_ns(t)) != NULL)
		r->ns[REC_NS_PID] = pids->ns.inum;
	rcu_read_unlock();
	task_lock(t);
	if ((ns = t->nsproxy) != NULL) {
		r->ns[REC_NS_MOUNT] = mount_namespace(ns);
		r->ns[REC_NS_UTS] = ns->uts_ns->ns.inum;
		r->ns[REC_NS_IPC] = ns->ipc_ns->ns.inum;
		/* one that nobody has been born in yet cannot be entered */
		children = ns->pid_ns_for_children;
		r->ns[REC_NS_PID_CHILDREN] = children->child_reaper != NULL ? children->ns.inum : 0;
		r->ns[REC_NS_NET] = ns->net_ns->ns.inum;
		r->ns[REC_NS_CGROUP] = cgroup_namespace(ns);
#ifdef CONFIG_TIME_NS
		r->ns[REC_NS_TIME] = ns->time_ns->ns.inum;
		r->ns[REC_NS_TIME_CHILDREN] = ns->time_ns_for_children->ns.inum;
#endif
		r->have |= REC_HAVE_NAMESPACES;
	}
	task_unlock(t);
}

/* ---- the address space ---- */

static void
marks(struct rec_process *r, struct mm_struct *mm)
{
	spin_lock(&mm->arg_lock);
	r->mark[REC_MARK_START_CODE] = mm->start_code;
	r->mark[REC_MARK_END_CODE] = mm->end_code;
	r->mark[REC_MARK_START_DATA] = mm->start_data;
	r->mark[REC_MARK_END_DATA] = mm->end_data;
	r->mark[REC_MARK_START_BRK] = mm->start_brk;
	r->mark[REC_MARK_BRK] = mm->brk;
	r->mark[REC_MARK_START_STACK] = mm->start_stack;
	r->mark[REC_MARK_ARG_START] = mm->arg_start;
	r->mark[REC_MARK_ARG_END] = mm->arg_end;
	r->mark[REC_MARK_ENV_START] = mm->env_start;
	r->mark[REC_MARK_ENV_END] = mm->env_end;
	spin_unlock(&mm->arg_lock);
}

static void
auxiliary_vector(struct rec_process *r, const struct mm_struct *mm)
{
	BUILD_BUG_ON(sizeof mm->saved_auxv > sizeof r->auxv);
	memcpy(r->auxv, mm->saved_auxv, sizeof mm->saved_auxv);
	r->auxv_words = AT_VECTOR_SIZE;
	r->auxv_word = sizeof mm->saved_auxv[0];
}

static void
machine_state(struct rec_process *r, struct mm_struct *mm)
{
#ifdef CONFIG_MODIFY_LDT_SYSCALL
	r->flags |= mm->context.ldt != NULL ? REC_PROCESS_LDT : 0;
#endif
#ifdef CONFIG_X86_64
	r->flags |= mm->context.flags & MM_CONTEXT_HAS_VSYSCALL ? REC_PROCESS_VSYSCALL : 0;
#endif
#ifdef CONFIG_MEMBARRIER
	r->membarrier = atomic_read(&mm->membarrier_state);
#endif
}

static void
address_space(const struct collector *c, struct rec_process *r, struct task_struct *t)
{
	struct mm_struct *mm = get_task_mm(t);

	if (mm == NULL)
		return;
	r->mm = identity(c, mm);
	r->dumpable = get_dumpable(mm);
	r->flags |= test_bit(MMF_DISABLE_THP, &mm->flags) ? REC_PROCESS_THP : 0;
	r->exe = identity(c, rcu_access_pointer(mm->exe_file));
	marks(r, mm);
	auxiliary_vector(r, mm);
	machine_state(r, mm);
	r->have |= REC_HAVE_MM;
	mmput(mm);
}

/* ---- the records ---- */

int
process_record(struct collector *c, struct task_struct *t)
{
	struct rec_process *r = record_begin(c, REC_PROCESS, sizeof *r, t);

	if (r == NULL)
		return -ENOBUFS;
	relatives(c, r, t);
	shared_state(c, r, t);
	limits(r, t);
	places(c, r, t);
	namespaces(r, t);
	address_space(c, r, t);
	r->personality = t->personality;
#ifdef CONFIG_AUDIT
	r->login_uid = from_kuid(c->users, t->loginuid);
#else
	r->login_uid = U32_MAX;
#endif
	r->cgroups = identity(c, rcu_access_pointer(t->cgroups));
	r->start = timens_add_boottime_ns(t->start_boottime);
	record_end(c, r, sizeof *r, 0);
	return 0;
}

int
handlers_record(struct collector *c, struct task_struct *t)
{
	struct rec_handlers *r = record_begin(c, REC_HANDLERS, sizeof *r, t);
	struct sighand_struct *hand;
	unsigned long flags;

	BUILD_BUG_ON(ARRAY_SIZE(r->action) != _NSIG);
	if (r == NULL)
		return -ENOBUFS;
	if ((hand = lock_signals(t, &flags)) == NULL)
		return 0;
	r->handlers = identity(c, hand);
	for (int i = 0; i < _NSIG; i++) {
		const struct sigaction *a = &hand->action[i].sa;

		r->action[i].handler = (unsigned long)a->sa_handler;
		r->action[i].flags = a->sa_flags;
		r->action[i].restorer = (unsigned long)a->sa_restorer;
		memcpy(&r->action[i].mask, &a->sa_mask, sizeof r->action[i].mask);
	}
	spin_unlock_irqrestore(&hand->siglock, flags);
	record_end(c, r, sizeof *r, 0);
	return 0;
}
