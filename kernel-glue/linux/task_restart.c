/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a thread stopped in the middle of: a restartable sequence, or a system
 * call that has to go on (restore-engine sections 3.2 and 5).
 */
#include <string.h>
#include <time.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/task.h"

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

/* A call that goes on waiting for what remains of a time it was given. */
struct wait {
	int		nr;
	enum { TIMESPEC, TIMESPEC32, MILLISECONDS } unit;
	int		request, remain;	/* argument numbers; remain -1: none */
	int		clock;			/* argument number, -1: monotonic */
	int		kind;			/* REC_RESTART_* */
};
static const struct wait waits64[] = {
	{ 35, TIMESPEC, 0, 1, -1, REC_RESTART_SLEEP },		/* nanosleep */
	{ 230, TIMESPEC, 2, 3, 0, REC_RESTART_SLEEP },		/* clock_nanosleep */
	{ 7, MILLISECONDS, 2, -1, -1, REC_RESTART_POLL },	/* poll */
	{ 202, TIMESPEC, 3, -1, -1, REC_RESTART_FUTEX },	/* futex */
};
static const struct wait waits32[] = {
	{ 162, TIMESPEC32, 0, 1, -1, REC_RESTART_SLEEP },
	{ 267, TIMESPEC32, 2, 3, 0, REC_RESTART_SLEEP },
	{ 407, TIMESPEC, 2, 3, 0, REC_RESTART_SLEEP },		/* clock_nanosleep_time64 */
	{ 168, MILLISECONDS, 2, -1, -1, REC_RESTART_POLL },
	{ 240, TIMESPEC32, 3, -1, -1, REC_RESTART_FUTEX },
	{ 422, TIMESPEC, 3, -1, -1, REC_RESTART_FUTEX },	/* futex_time64 */
};

static uint64_t
argument(const struct regs *r, int n)
{
	const uint64_t args64[] = { r->di, r->si, r->dx, r->r10 };
	const uint64_t args32[] = { r->bx, r->cx, r->dx, r->si };

	return regs_is32(r) ? args32[n] & UINT32_MAX : args64[n];
}

static const struct wait *
find_wait(const struct regs *r)
{
	const struct wait *v = regs_is32(r) ? waits32 : waits64;
	size_t n = regs_is32(r) ? sizeof waits32 / sizeof waits32[0] : sizeof waits64 / sizeof waits64[0];

	for (size_t i = 0; i < n; i++)
		if (v[i].nr == regs_syscall(r))
			return &v[i];
	return NULL;
}

static bool
read_time(struct task *t, const struct wait *w, int n, uint64_t *ns)
{
	uint64_t arg = argument(t->regs, n);
	int64_t v[2];
	int32_t v32[2];

	if (w->unit == MILLISECONDS) {
		*ns = (uint32_t)arg * UINT64_C(1000000);
		return (int32_t)arg >= 0;
	}
	if (arg == 0 || mem_read(t->proc, arg, w->unit == TIMESPEC ? (void *)v : v32,
	    w->unit == TIMESPEC ? sizeof v : sizeof v32) != 0)
		return false;
	if (w->unit == TIMESPEC32) {
		v[0] = v32[0];
		v[1] = v32[1];
	}
	if (v[0] < 0 || v[1] < 0 || v[1] >= 1000000000)
		return false;
	*ns = (uint64_t)v[0] * 1000000000 + (uint64_t)v[1];
	return true;
}

/* Whether the kernel's clock for a sleep is the call's: real time stands for a time from now on there. */
static bool
counts_by(const struct rec_thread *k, uint32_t clock)
{
	switch (clock) {
	case PSNAP_CLOCK_REALTIME_UTC:
	case PSNAP_CLOCK_MONOTONIC_BOOT:
		return k->restart_clock == CLOCK_MONOTONIC;
	case PSNAP_CLOCK_BOOTTIME_SUSPEND:
		return k->restart_clock == CLOCK_BOOTTIME;
	default:
		return false;
	}
}

static bool
take_remaining(struct thread_state *s, const struct wait *w, const struct rec_thread *k)
{
	if (k == NULL || !(k->have & REC_HAVE_RESTART) || k->restart_left[w->kind] == REC_NO_END ||
	    (w->kind == REC_RESTART_SLEEP && !counts_by(k, s->restart_clock)))
		return false;
	s->remaining_ns = k->restart_left[w->kind];
	return true;
}

static void
wait_remaining(struct task *t, const struct wait *w, const struct rec_thread *k)
{
	struct thread_state *s = t->state;
	uint64_t asked, slept;

	s->restart = PSNAP_RESTART_REMAINING;
	s->restart_clock = clock_kind(w->clock >= 0 ? (int32_t)argument(t->regs, w->clock) : 1);
	/* the kernel wrote it there when our stop interrupted the sleep */
	if (take_remaining(s, w, k) || (w->remain >= 0 && read_time(t, w, w->remain, &s->remaining_ns))) {
		s->remaining_known = true;
		return;
	}
	/* time asleep is no CPU time */
	if (s->restart_clock == PSNAP_CLOCK_PROCESS_CPU || s->restart_clock == PSNAP_CLOCK_THREAD_CPU ||
	    t->slept_since == 0 || t->sched_now < t->slept_since ||
	    !read_time(t, w, w->request, &asked))
		return;
	slept = t->sched_now - t->slept_since;
	s->remaining_ns = slept < asked ? asked - slept : 0;
	s->remaining_known = true;
}

/* FUTEX_WAIT counts from now; all others wait until a time, and begin again to the same end. */
static bool
is_futex_until(const struct regs *r)
{
	int64_t nr = regs_syscall(r);

	return (regs_is32(r) ? nr == 240 || nr == 422 : nr == 202) && (argument(r, 1) & 0x7f) != 0;
}

/* Whether there are 64-bit seconds and nanoseconds of a reasonable time, not 32-bit ones, at addr. */
static bool
is_time64(struct task *t, uint64_t addr)
{
	uint32_t v[4];

	return mem_read(t->proc, addr, v, sizeof v) == 0 && v[1] == 0 && v[3] == 0 && v[2] < 1000000000;
}

/*
 * A call stopped before is now restart_syscall(2), its arguments still in the
 * registers.  Only poll, futex and the sleeps come to that; where the task
 * slept tells them apart, a sleep begun again leaving no trace there.
 */
static int64_t
original_call(struct task *t)
{
	const struct regs *r = t->regs;
	uint64_t first = argument(r, 0);
	bool is32 = regs_is32(r);

	if (strstr(t->wchan, "poll") != NULL)
		return is32 ? 168 : 7;
	if (strstr(t->wchan, "futex") != NULL)
		return !is32 ? 202 : is_time64(t, argument(r, 3)) ? 422 : 240;
	/* a clock is a small number or, of another task's CPU time, a negative int */
	if (first >= DUMP_PAGE && (first < 0xffff0000 || (!is32 && first > UINT32_MAX)))
		return is32 ? 162 : 35;
	return !is32 ? 230 : is_time64(t, argument(r, 2)) ? 407 : 267;
}

#define RESTART_SYSCALL64	219
#define RESTART_SYSCALL32	0

void
restart_classify(struct task *t, const struct rec_thread *k)
{
	struct thread_state *s = t->state;
	const struct wait *wait;
	int64_t nr = regs_syscall(t->regs);

	s->restart = PSNAP_RESTART_NONE;
	s->regs = *t->regs;
	if (nr < 0)
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
		s->restart = PSNAP_RESTART_REMAINING;
		if (nr == (regs_is32(t->regs) ? RESTART_SYSCALL32 : RESTART_SYSCALL64))
			s->regs.orig_ax = (uint64_t)original_call(t);	/* the live one's stays */
		if (is_futex_until(&s->regs))
			s->restart = PSNAP_RESTART_AGAIN_ALWAYS;
		else if ((wait = find_wait(&s->regs)) != NULL)
			wait_remaining(t, wait, k);
		break;
	default:
		s->in_syscall = false;
		break;
	}
}
