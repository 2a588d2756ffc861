/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread stopped in the middle of: a restartable sequence, or a system
 * call that has to go on (restore-engine sections 3.2 and 5).
 */
#include <string.h>

#include "kernel-glue/linux/task.h"
#include "kernel-glue/linux/mem.h"

/* ---- rseq ---- */

/*
 * At the stop the kernel has not aborted a critical section yet, and our
 * first system call would make it forget to: abort it here, in the snapshot
 * and in the live thread, as preemption would have done.
 */
int
rseq_fix(struct dump *d, struct task *t)
{
	struct { uint32_t cpu_start, cpu; uint64_t cs; } area;
	struct { uint32_t version, flags; uint64_t start, length, abort; } cs;
	uint64_t none = 0;
	int r;

	if (t->state->rseq == 0 || mem_read(t->proc, t->state->rseq, &area, sizeof area) != 0 ||
	    area.cs == 0 || mem_read(t->proc, area.cs, &cs, sizeof cs) != 0 ||
	    t->regs->ip - cs.start >= cs.length)
		return 0;
	t->regs->ip = cs.abort;
	if ((r = regs_set(t->tid, t->regs)) != 0 ||
	    (r = mem_write(t->proc, t->state->rseq + 8, &none, sizeof none)) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, t->proc, "aborting a restartable sequence");
	return 0;
}

/* ---- restart ---- */

enum { ERESTARTSYS = -512, ERESTARTNOINTR = -513, ERESTARTNOHAND = -514, ERESTART_RESTARTBLOCK = -516 };

/* Sleeps that leave what remains where the program asked for it. */
struct sleep {
	int		nr;
	bool		clocked;	/* clock_nanosleep: clock, flags, request, remaining */
	bool		time64;
};
static const struct sleep sleeps64[] = { { 35, false, true }, { 230, true, true } };
static const struct sleep sleeps32[] = { { 162, false, false }, { 267, true, false }, { 407, true, true } };

static const struct sleep *
find_sleep(const struct regs *r)
{
	const struct sleep *v = regs_is32(r) ? sleeps32 : sleeps64;
	size_t n = regs_is32(r) ? 3 : 2;

	for (size_t i = 0; i < n; i++)
		if (v[i].nr == regs_syscall(r))
			return &v[i];
	return NULL;
}

static bool
read_timespec(struct task *t, uint64_t addr, bool wide, uint64_t *ns)
{
	int64_t v[2];
	int32_t n[2];

	if (addr == 0)
		return false;
	if (wide) {
		if (mem_read(t->proc, addr, v, sizeof v) != 0)
			return false;
	} else {
		if (mem_read(t->proc, addr, n, sizeof n) != 0)
			return false;
		v[0] = n[0];
		v[1] = n[1];
	}
	if (v[0] < 0 || v[1] < 0 || v[1] >= 1000000000)
		return false;
	*ns = (uint64_t)v[0] * 1000000000 + (uint64_t)v[1];
	return true;
}

static void
sleep_remaining(struct task *t, const struct sleep *s)
{
	const struct regs *r = t->regs;
	bool is32 = regs_is32(r);
	uint64_t request = s->clocked ? r->dx : is32 ? r->bx : r->di;
	uint64_t remain = s->clocked ? (is32 ? r->si : r->r10) : is32 ? r->cx : r->si;
	uint32_t clock = clock_kind(s->clocked ? (int32_t)(is32 ? r->bx : r->di) : 1);
	uint64_t asked, slept;

	t->state->restart = PSNAP_RESTART_REMAINING;
	t->state->restart_clock = clock;
	if (is32)
		remain &= UINT32_MAX, request &= UINT32_MAX;
	/* written there by the kernel when our stop interrupted the sleep */
	if (read_timespec(t, remain, s->time64, &t->state->remaining_ns)) {
		t->state->remaining_known = true;
		return;
	}
	/* time asleep is no CPU time */
	if (clock == PSNAP_CLOCK_PROCESS_CPU || clock == PSNAP_CLOCK_THREAD_CPU ||
	    t->slept_since == 0 || t->sched_now < t->slept_since ||
	    !read_timespec(t, request, s->time64, &asked))
		return;
	slept = t->sched_now - t->slept_since;
	t->state->remaining_ns = slept < asked ? asked - slept : 0;
	t->state->remaining_known = true;
}

void
restart_classify(struct task *t)
{
	struct thread_state *s = t->state;
	const struct sleep *sleep;

	s->restart = PSNAP_RESTART_NONE;
	if (regs_syscall(t->regs) < 0)
		return;
	s->in_syscall = true;
	switch (regs_result(t->regs)) {
	case ERESTARTSYS:
		s->restart = PSNAP_RESTART_AGAIN;
		break;
	case ERESTARTNOINTR:
		s->restart = PSNAP_RESTART_AGAIN_ALWAYS;
		break;
	case ERESTARTNOHAND:
		s->restart = PSNAP_RESTART_AGAIN_NO_HANDLER;
		break;
	case ERESTART_RESTARTBLOCK:
		if ((sleep = find_sleep(t->regs)) != NULL)
			sleep_remaining(t, sleep);
		else	/* poll, futex: the kernel does not tell what remains */
			s->restart = PSNAP_RESTART_REMAINING;
		break;
	default:
		s->in_syscall = false;
		break;
	}
}
