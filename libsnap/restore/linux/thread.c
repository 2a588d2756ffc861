/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Threads: what each has for itself, the calls they were in, and the end,
 * when all are let go together.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsnap/core/siginfo.h"
#include "libsnap/restore/linux/linux.h"
#include "libsnap/restore/linux/x86.h"

#define USER_HZ	100	/* ticks of times the kernel tells */

enum { ERESTARTSYS = -512, ERESTARTNOINTR = -513, ERESTARTNOHAND = -514, ERESTART_RESTARTBLOCK = -516 };

/* ---- state ---- */

/* EINVAL: this host has none of those CPUs; any that are ours will do then. */
static int
set_cpus(struct restore *r, const struct task *k)
{
	const Psnap__Scheduling *s = k->t->scheduling;
	uint64_t mask[CPUS_MAX / 64] = { 0 };
	pid_t tid = k->remote->tid;

	if (s != NULL && s->n_cpu_mask > 0) {
		memcpy(mask, s->cpu_mask, (s->n_cpu_mask < CPUS_MAX / 64 ? s->n_cpu_mask : CPUS_MAX / 64) * sizeof *mask);
		if (syscall(SYS_sched_setaffinity, tid, sizeof mask, mask) == 0)
			return 0;
		if (errno != EINVAL)
			return restore_fail(r, k->target, k->id, errno, "setting the CPUs of thread %d", (int)tid);
	}
	syscall(SYS_sched_setaffinity, tid, sizeof r->cpus_all, r->cpus_all);
	return 0;
}

/* From outside: sched_setattr(2) and its kin take a thread's number. */
static int
set_scheduling(struct restore *r, const struct task *k)
{
	static const uint32_t policies[] = {	/* by SchedulingPolicy */
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_OTHER] = SCHED_OTHER,
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_FIFO] = SCHED_FIFO,
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_ROUND_ROBIN] = SCHED_RR,
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_BATCH] = SCHED_BATCH,
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_IDLE] = SCHED_IDLE,
		[PSNAP__SCHEDULING_POLICY__SCHEDULING_DEADLINE] = 6,
	};
	const Psnap__Scheduling *s = k->t->scheduling;
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = 48 }, have = { 0 };
	pid_t tid = k->remote->tid;

	if (s == NULL || s->policy == 0 || (size_t)s->policy >= sizeof policies / sizeof *policies)
		return 0;
	a.policy = policies[s->policy];
	a.flags = s->reset_on_fork ? 1 : 0;
	a.nice = s->nice;
	a.priority = s->priority;
	a.runtime = s->runtime_ns;
	a.deadline = s->deadline_ns;
	a.period = s->period_ns;
	if ((syscall(SYS_sched_getattr, tid, &have, 48u, 0u) != 0 || have.policy != a.policy ||
	    have.nice != a.nice || have.priority != a.priority || have.flags != a.flags) &&
	    syscall(SYS_sched_setattr, tid, &a, 0u) != 0)
		return restore_fail(r, k->target, k->id, errno, "setting the scheduling of thread %d", (int)tid);
	if (syscall(SYS_ioprio_get, 1, tid) != (long)(s->io_class << 13 | s->io_priority) &&
	    syscall(SYS_ioprio_set, 1, tid, (int)(s->io_class << 13 | s->io_priority)) != 0)
		return restore_fail(r, k->target, k->id, errno, "setting the I/O priority of thread %d", (int)tid);
	return 0;
}

static int
set_signal_stack(struct restore *r, struct task *k)
{
	const Psnap__SignalStack *s = k->t->signal_stack;
	uint32_t flags = s == NULL ? 2 : (s->disabled ? 2u : 0) | (s->auto_disarm ? 1u << 31 : 0);
	uint8_t raw[24] = { 0 };
	uint64_t at;

	if (s == NULL || s->disabled || s->size == 0)
		return 0;
	if (k->target->is32) {
		psnap_put32(raw, (uint32_t)s->address);
		psnap_put32(raw + 4, flags);
		psnap_put32(raw + 8, (uint32_t)s->size);
	} else {
		psnap_put64(raw, s->address);
		psnap_put32(raw + 8, flags);
		psnap_put64(raw + 16, s->size);
	}
	if ((at = put(r, k, raw, k->target->is32 ? 12 : 24)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_SIGALTSTACK, WANT_ZERO, "setting the signal stack", k->id, ARGS(at, 0));
}

static int
set_name(struct restore *r, struct task *k)
{
	uint64_t at;

	if ((at = put(r, k, k->t->comm, strlen(k->t->comm) + 1)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_PRCTL, WANT_ZERO, "naming a thread", k->id, ARGS(PR_SET_NAME, at, 0, 0, 0));
}

/*
 * Signals that were waiting: with all blocked they wait again.  The thread
 * sends them to itself, which alone may say what the kernel would.
 */
static int
queue_signals(struct restore *r, struct task *k, Psnap__SigInfo *const *v, size_t n, bool shared)
{
	int e;

	for (size_t i = 0; i < n; i++) {
		uint64_t sig = (uint64_t)v[i]->signal, at;
		uint8_t info[SIGINFO_LEN];

		if (sig == SIGKILL || sig == SIGSTOP)
			continue;
		siginfo_encode(v[i], !k->target->is32, USER_HZ, info);
		if ((at = put(r, k, info, sizeof info)) == 0)
			return restore_nomem(r);
		if (shared)
			e = ask(r, k, NR_RT_SIGQUEUEINFO, WANT_ZERO, "queueing a signal", k->target->id,
			    ARGS((uint64_t)k->target->p->pid, sig, at));
		else
			e = ask(r, k, NR_RT_TGSIGQUEUEINFO, WANT_ZERO, "queueing a signal", k->id,
			    ARGS((uint64_t)k->target->p->pid, (uint64_t)k->t->tid, sig, at));
		if (e != 0)
			return e;
	}
	return 0;
}

static int
restore_thread(struct restore *r, struct task *k)
{
	const Psnap__Thread *t = k->t;
	int e;

	if ((e = set_signal_stack(r, k)) != 0 ||
	    (e = set_name(r, k)) != 0)
		return e;
	if ((e = ask(r, k, NR_SET_TID_ADDRESS, WANT_NOT_NEGATIVE, "setting the clear-tid address", k->id,
	    ARGS(t->clear_tid_address))) != 0)
		return e;
	if (t->robust_list_size != 0 && (e = ask(r, k, NR_SET_ROBUST_LIST, WANT_ZERO, "setting the robust list",
	    k->id, ARGS(t->robust_list, t->robust_list_size))) != 0)
		return e;
	if (t->rseq != NULL && t->rseq->address != 0 && (e = ask(r, k, NR_RSEQ, WANT_ZERO,
	    "registering for rseq", k->id, ARGS(t->rseq->address, t->rseq->size, 0, t->rseq->signature))) != 0)
		return e;
	if (t->timer_slack_ns != 0 && (e = ask(r, k, NR_PRCTL, WANT_ZERO, "setting the timer slack", k->id,
	    ARGS(PR_SET_TIMERSLACK, t->timer_slack_ns, 0, 0, 0))) != 0)
		return e;
	return queue_signals(r, k, t->pending, t->n_pending, false);
}

int
threads_restore(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (t->zombie)
			continue;
		put_reset(t);
		for (size_t n = 0; n < t->ntasks; n++) {
			struct task *k = &t->tasks[n];
			uint64_t all = SIGSET_ALL;

			if (k->t->dead)
				continue;
			if (ptrace((enum __ptrace_request)0x420b /* PTRACE_SETSIGMASK */, k->remote->tid, (void *)8,
			    &all) != 0)
				return restore_fail(r, t, k->id, errno, "blocking signals");
			if ((e = restore_thread(r, k)) != 0)
				return e;
			/* many threads, little scratch */
			if (n % 64 == 63) {
				if ((e = run(r)) != 0)
					return e;
				put_reset(t);
			}
		}
		if ((e = queue_signals(r, &t->tasks[0], t->p->pending, t->p->n_pending, true)) != 0 ||
		    (e = t->space != t ? run(r) : 0) != 0)
			return e;
	}
	return run(r);
}

/* ---- calls that were waiting ---- */

/* Where a call has the time it waits for, by number and ABI. */
struct wait {
	int	nr;
	enum { TIMESPEC, TIMESPEC32, MILLISECONDS } unit;
	int	request;	/* argument number */
};
static const struct wait waits64[] = {
	{ 35, TIMESPEC, 0 }, { 230, TIMESPEC, 2 }, { 7, MILLISECONDS, 2 }, { 202, TIMESPEC, 3 },
};
static const struct wait waits32[] = {
	{ 162, TIMESPEC32, 0 }, { 267, TIMESPEC32, 2 }, { 407, TIMESPEC, 2 }, { 168, MILLISECONDS, 2 },
	{ 240, TIMESPEC32, 3 }, { 422, TIMESPEC, 3 },
};

static const struct wait *
find_wait(const struct task *k)
{
	const struct wait *v = k->target->is32 ? waits32 : waits64;
	size_t n = k->target->is32 ? sizeof waits32 / sizeof *waits32 : sizeof waits64 / sizeof *waits64;

	for (size_t i = 0; i < n; i++)
		if (v[i].nr == (int)k->t->restart->syscall)
			return &v[i];
	return NULL;
}

static void
set_argument(struct regs *g, bool is32, int n, uint64_t v)
{
	uint64_t *const wide[] = { &g->di, &g->si, &g->dx, &g->r10 };
	uint64_t *const narrow[] = { &g->bx, &g->cx, &g->dx, &g->si };

	*(is32 ? narrow : wide)[n] = v;
}

static uint64_t
put_remaining(struct restore *r, struct task *k, const struct wait *w, uint64_t ns)
{
	uint8_t raw[16];

	if (w->unit == TIMESPEC) {
		psnap_put64(raw, ns / NS);
		psnap_put64(raw + 8, ns % NS);
	} else {
		psnap_put32(raw, (uint32_t)(ns / NS));
		psnap_put32(raw + 4, (uint32_t)(ns % NS));
	}
	return put(r, k, raw, w->unit == TIMESPEC ? 16 : 8);
}

/*
 * Begin the call with the time that is left and interrupt it: the kernel
 * itself then remembers how to go on (restore-engine section 5).  A call that
 * comes back at once, its time over or its event there, is over.
 */
static int
prime(struct restore *r, struct task *k)
{
	const struct wait *w = k->t->restart != NULL &&
	    k->t->restart->kind == PSNAP__RESTART_KIND__RESTART_REMAINING && k->t->restart->remaining_known ?
	    find_wait(k) : NULL;
	uint64_t ns = k->t->restart != NULL ? k->t->restart->remaining_ns : 0, arg;
	struct regs g;
	int status, e;

	if (w == NULL)
		return 0;
	put_reset(k->target);
	arg = w->unit == MILLISECONDS ? (ns + 999999) / 1000000 : put_remaining(r, k, w, ns);
	if (w->unit != MILLISECONDS) {
		struct host *h = k->target->space->host;

		if (arg == 0 || (e = task_write(k->remote->tid, h->scratch, h->data, h->data_used)) != 0)
			return restore_fail(r, k->target, k->id, EFAULT, "writing what is left of a wait");
		h->data_sent = h->data_used;
	}
	x86_registers(r, k->t, &g);
	g.cs = k->remote->base.cs;
	g.ss = k->remote->base.ss;
	g.ip = k->target->host->insn;
	g.ax = k->t->restart->syscall;
	g.orig_ax = (uint64_t)-1;
	g.flags = k->remote->base.flags;
	set_argument(&g, k->target->is32, w->request, arg);
	if ((e = enter_call(r, k, &g)) != 0)
		return e;
	if (ptrace(PTRACE_INTERRUPT, k->remote->tid, NULL, NULL) != 0 ||
	    ptrace(PTRACE_SYSCALL, k->remote->tid, NULL, NULL) != 0 ||
	    (e = task_wait(k->remote->tid, &status)) != 0)
		return restore_fail(r, k->target, k->id, errno, "beginning an interrupted call again");
	if ((e = task_get_regs(k->remote->tid, &g)) != 0)
		return restore_fail(r, k->target, k->id, -e, "reading registers");
	k->remote->primed = true;
	k->remote->base.ax = k->target->is32 ? (uint64_t)(int64_t)(int32_t)g.ax : g.ax;
	return 0;
}

/* What the kernel is to find in rax: a result, or how the call goes on. */
static void
set_restart(const struct task *k, struct regs *g)
{
	const Psnap__Restart *s = k->t->restart;

	if (s == NULL || !s->in_syscall)
		return;
	switch (s->kind) {
	case PSNAP__RESTART_KIND__RESTART_AGAIN:
		g->ax = (uint64_t)ERESTARTSYS;
		break;
	case PSNAP__RESTART_KIND__RESTART_AGAIN_ALWAYS:
		g->ax = (uint64_t)ERESTARTNOINTR;
		break;
	case PSNAP__RESTART_KIND__RESTART_AGAIN_NO_HANDLER:
		g->ax = (uint64_t)ERESTARTNOHAND;
		break;
	case PSNAP__RESTART_KIND__RESTART_REMAINING:
		g->ax = k->remote->primed ? k->remote->base.ax : (uint64_t)ERESTARTNOINTR;
		break;
	default:
		break;
	}
}

/* ---- letting go ---- */

/* Registers as they were; the kernel sees to the rest when the task is detached. */
static int
set_state(struct restore *r, struct task *k)
{
	uint64_t mask = signal_set_mask(k->t->blocked);
	struct regs g;
	int e;

	if ((e = park(r, k)) != 0 || (e = x86_tls(r, k)) != 0)
		return e;
	x86_registers(r, k->t, &g);
	set_restart(k, &g);
	if ((e = task_set_regs(k->remote->tid, &g)) != 0)
		return restore_fail(r, k->target, k->id, -e, "setting registers of thread %d", (int)k->t->tid);
	if ((e = x86_fpu(r, k)) != 0)
		return e;
	if (ptrace((enum __ptrace_request)0x420b /* PTRACE_SETSIGMASK */, k->remote->tid, (void *)8, &mask) != 0)
		return restore_fail(r, k->target, k->id, errno, "setting the signal mask");
	/* CPUs first: a deadline wants them all */
	return (e = set_cpus(r, k)) != 0 ? e : set_scheduling(r, k);
}

/* A leader that has exited while its threads live on does so again. */
static int
set_exit(struct restore *r, struct task *k)
{
	struct regs g = k->remote->base;
	int e;

	g.ip = k->target->host->insn;
	g.orig_ax = (uint64_t)-1;
	g.ax = k->target->is32 ? 1 : 60;
	if (k->target->is32)
		g.bx = 0;
	else
		g.di = 0;
	if ((e = park(r, k)) != 0)
		return e;
	return (e = task_set_regs(k->remote->tid, &g)) == 0 ? 0 :
	    restore_fail(r, k->target, k->id, -e, "setting registers of thread %d", (int)k->t->tid);
}

static int
close_channel(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie && t->table == t && (e = ask(r, &t->tasks[0], NR_CLOSE_RANGE, WANT_ZERO,
		    "closing the channel", t->id,
		    ARGS((uint64_t)r->channel_fd, (uint64_t)r->last_fd, 0))) != 0)
			return e;
	}
	return run(r);
}

static int
for_each(struct restore *r, int (*fn)(struct restore *r, struct task *k))
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		for (size_t n = 0; !t->zombie && n < t->ntasks; n++)
			if (!t->tasks[n].t->dead && (e = fn(r, &t->tasks[n])) != 0)
				return e;
	}
	return 0;
}

int
threads_make_ready(struct restore *r)
{
	int e;

	if ((e = close_channel(r)) != 0 ||
	    (e = timers_restore(r)) != 0 ||
	    (e = for_each(r, prime)) != 0 ||
	    (e = space_leave(r)) != 0 ||
	    (e = for_each(r, set_state)) != 0)
		return e;
	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie && t->tasks[0].t->dead && (e = set_exit(r, &t->tasks[0])) != 0)
			return e;
	}
	return 0;
}

/* From here on nothing can fail: no task is killed any more when we end. */
void
threads_let_go(struct restore *r)
{
	for (size_t i = 0; i < r->all.n; i++) {
		struct task *k = r->all.v[i];

		if (k->remote->made)
			ptrace(PTRACE_SETOPTIONS, k->remote->tid, NULL, NULL);
	}
	for (size_t i = r->all.n; i-- > 0;) {
		struct task *k = r->all.v[i];
		bool leader = k == &k->target->tasks[0];

		if (!k->remote->made)
			continue;
		if (leader && (r->p->o->stopped || k->target->p->state == PSNAP__PROCESS_STATE__PROCESS_STOPPED))
			kill(k->target->p->pid, SIGSTOP);
		ptrace(PTRACE_DETACH, k->remote->tid, NULL, NULL);
	}
}
