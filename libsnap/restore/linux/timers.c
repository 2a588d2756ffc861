/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers and POSIX timers of processes.
 */
#include "libsnap/restore/linux/linux.h"

/* Seconds and a fraction in units of ns. */
static void
put_time(uint8_t *p, bool is32, uint64_t ns, uint64_t unit)
{
	if (is32) {
		psnap_put32(p, (uint32_t)(ns / NS));
		psnap_put32(p + 4, (uint32_t)(ns % NS / unit));
	} else {
		psnap_put64(p, ns / NS);
		psnap_put64(p + 8, ns % NS / unit);
	}
}

static uint64_t
put_times(struct restore *r, struct task *k, uint64_t value, uint64_t interval, uint64_t unit)
{
	bool is32 = k->target->is32;
	uint8_t raw[32];

	/* what is left of less than a unit still has to come */
	if (value > 0 && value < unit)
		value = unit;
	put_time(raw, is32, interval, unit);
	put_time(raw + (is32 ? 8 : 16), is32, value, unit);
	return put(r, k, raw, is32 ? 16 : 32);
}

static int
interval_timers(struct restore *r, struct target *t)
{
	int e;

	for (size_t i = 0; i < t->p->n_interval_timers; i++) {
		const Psnap__IntervalTimer *v = t->p->interval_timers[i];
		/* expired, and to be armed again once its signal is taken: that signal waits */
		uint64_t left = v->remaining_ns != 0 ? v->remaining_ns : v->interval_ns, at;

		if (left == 0)
			continue;
		if ((at = put_times(r, &t->tasks[0], left, v->interval_ns, 1000)) == 0)
			return restore_nomem(r);
		if ((e = ask(r, &t->tasks[0], NR_SETITIMER, WANT_ZERO, "setting an interval timer", t->id,
		    ARGS((uint64_t)v->kind - 1, at, 0))) != 0)
			return e;
	}
	return 0;
}

uint64_t
sigevent_put(struct restore *r, struct task *k, uint32_t notify, uint32_t signal, uint64_t value, int32_t tid)
{
	uint8_t raw[64] = { 0 };
	size_t at = k->target->is32 ? 4 : 8;

	if (k->target->is32)
		psnap_put32(raw, (uint32_t)value);
	else
		psnap_put64(raw, value);
	psnap_put32(raw + at, signal);
	psnap_put32(raw + at + 4, notify);
	psnap_put32(raw + at + 8, (uint32_t)tid);
	return put(r, k, raw, sizeof raw);
}

static uint64_t
put_event(struct restore *r, struct task *k, const Psnap__PosixTimer *v)
{
	uint32_t notify = v->notify == PSNAP__TIMER_NOTIFY__TIMER_NOTIFY_NONE ? SIGEV_NONE :
	    v->notify == PSNAP__TIMER_NOTIFY__TIMER_NOTIFY_THREAD ? SIGEV_THREAD :
	    v->notify == PSNAP__TIMER_NOTIFY__TIMER_NOTIFY_THREAD_ID ? SIGEV_THREAD_ID : SIGEV_SIGNAL;

	return sigevent_put(r, k, notify, (uint32_t)v->signal, v->value, v->tid);
}

/* Another task's CPU clock has a number made of its pid (clock_getcpuclockid(3)). */
static uint64_t
timer_clock(const Psnap__PosixTimer *v)
{
	if (v->clock_pid != 0)
		return (uint64_t)(int64_t)((int32_t)(~(uint32_t)v->clock_pid << 3) |
		    (v->clock == PSNAP__CLOCK__CLOCK_THREAD_CPU ? 6 : 2));
	return (uint64_t)clock_number(v->clock);
}

#define RESTORE_IDS	77	/* PR_TIMER_CREATE_RESTORE_IDS, Linux 6.15 */

/* number: where the kernel reads the id wanted, or writes the one it chose. */
static int
make_timer(struct restore *r, struct task *k, const Psnap__PosixTimer *v, uint64_t number)
{
	uint64_t event = put_event(r, k, v);

	if (event == 0 || number == 0)
		return restore_nomem(r);
	return ask(r, k, NR_TIMER_CREATE, WANT_ZERO, "making a timer", k->target->id,
	    ARGS(timer_clock(v), event, number));
}

/* With the ids the program knows them by. */
static int
make_by_id(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	int e;

	for (size_t i = 0; i < t->p->n_posix_timers; i++) {
		const Psnap__PosixTimer *v = t->p->posix_timers[i];
		int32_t id = v->id;

		if ((e = make_timer(r, k, v, put(r, k, &id, sizeof id))) != 0)
			return e;
	}
	return ask(r, k, NR_PRCTL, WANT_ZERO, "asking for timers by number", t->id, ARGS(RESTORE_IDS, 0, 0, 0, 0));
}

#define COUNT_MAX	65536	/* ids; a second or two */

/* Take the ids from first up to before end, and give them back. */
static int
skip_ids(struct restore *r, struct task *k, int32_t first, int32_t end, uint64_t number)
{
	static const Psnap__PosixTimer any = { .base = PROTOBUF_C_MESSAGE_INIT(&psnap__posix_timer__descriptor),
	    .clock = PSNAP__CLOCK__CLOCK_MONOTONIC_BOOT, .notify = PSNAP__TIMER_NOTIFY__TIMER_NOTIFY_NONE };
	uint64_t event = put_event(r, k, &any);
	int e;

	if (event == 0 || number == 0)
		return restore_nomem(r);
	for (int32_t id = first; id < end; id++)
		if ((e = ask(r, k, NR_TIMER_CREATE, WANT_ZERO, "making a timer", k->target->id,
		    ARGS(timer_clock(&any), event, number))) != 0 ||
		    (e = ask(r, k, NR_TIMER_DELETE, WANT_ZERO, "removing a timer", k->target->id,
		    ARGS((uint64_t)id))) != 0)
			return e;
	return 0;
}

/* An older kernel gives a new process's timers ids in turn, from 0. */
static int
make_in_turn(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	uint64_t number = put(r, k, &(int32_t){ 0 }, sizeof(int32_t));
	int32_t next = 0;
	int e;

	for (size_t i = 0; i < t->p->n_posix_timers; i++) {
		const Psnap__PosixTimer *v = t->p->posix_timers[i];

		if (v->id < next || v->id >= COUNT_MAX)
			return restore_fail(r, t, t->id, 0,
			    "timer %d: this kernel gives ids in turn, and that many are not tried", (int)v->id);
		if ((e = skip_ids(r, k, next, v->id, number)) != 0 ||
		    (e = make_timer(r, k, v, number)) != 0 || (e = run(r)) != 0)
			return e;
		if ((e = task_read(k->remote->tid, number, &next, sizeof next)) != 0)
			return restore_fail(r, t, t->id, -e, "reading a timer's id");
		if (next++ != v->id)
			return restore_fail(r, t, t->id, 0, "the kernel gave timer %d another id", (int)v->id);
	}
	return 0;
}

static int
arm(struct restore *r, struct task *k, const Psnap__PosixTimer *v)
{
	uint64_t at;

	if (!v->armed)
		return 0;
	if ((at = put_times(r, k, v->remaining_ns, v->interval_ns, 1)) == 0)
		return restore_nomem(r);
	return ask(r, k, NR_TIMER_SETTIME, WANT_ZERO, "setting a timer", k->target->id,
	    ARGS((uint64_t)v->id, 0, at, 0));
}

static int
posix_timers(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	int64_t by_id;
	int e;

	if (t->p->n_posix_timers == 0)
		return 0;
	if ((e = ask_now(r, k, NR_PRCTL, WANT_ANY, "asking for timers by number", t->id,
	    ARGS(RESTORE_IDS, 1, 0, 0, 0), &by_id)) != 0 ||
	    (e = by_id == 0 ? make_by_id(r, t) : make_in_turn(r, t)) != 0)
		return e;
	for (size_t i = 0; i < t->p->n_posix_timers; i++)
		if ((e = arm(r, k, t->p->posix_timers[i])) != 0)
			return e;
	return 0;
}

int
timers_restore(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (t->zombie)
			continue;
		put_reset(t);
		if ((e = interval_timers(r, t)) != 0 || (e = posix_timers(r, t)) != 0)
			return e;
	}
	return run(r);
}
