/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers and POSIX timers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

/* Seconds and a fraction counted in unit ns, as struct timeval and timespec have it. */
static uint64_t
time_at(const uint8_t *p, bool is32, uint64_t unit)
{
	return is32 ? psnap_get32(p) * UINT64_C(1000000000) + psnap_get32(p + 4) * unit :
	    psnap_get64(p) * 1000000000 + psnap_get64(p + 8) * unit;
}

uint32_t
clock_kind(int32_t clock)
{
	static const uint32_t kinds[] = {
		[0] = PSNAP_CLOCK_REALTIME_UTC, [1] = PSNAP_CLOCK_MONOTONIC_BOOT,
		[2] = PSNAP_CLOCK_PROCESS_CPU, [3] = PSNAP_CLOCK_THREAD_CPU,
		[7] = PSNAP_CLOCK_BOOTTIME_SUSPEND, [8] = PSNAP_CLOCK_REALTIME_WAKE,
		[9] = PSNAP_CLOCK_BOOTTIME_WAKE, [11] = PSNAP_CLOCK_TAI_ATOMIC,
	};

	/* a negative id is another task's CPU clock: clock_getcpuclockid(3) */
	if (clock < 0)
		return clock & 4 ? PSNAP_CLOCK_THREAD_CPU : PSNAP_CLOCK_PROCESS_CPU;
	return (size_t)clock < sizeof kinds / sizeof kinds[0] ? kinds[clock] : PSNAP_CLOCK_UNKNOWN;
}

/* "ID: n", "signal: signo/value", "notify: how/pid.N", "ClockID: n" for each (proc(5)). */
static int
compare_timers(const void *a, const void *b)
{
	const struct posix_timer *x = *(struct posix_timer *const *)a, *y = *(struct posix_timer *const *)b;

	return (x->id > y->id) - (x->id < y->id);
}

int
timers_collect(struct dump *d, struct proc *p)
{
	struct posix_timer *pt = NULL;
	char *text, *value;

	if (proc_try_read(d, p, "timers", &text, NULL) != 0)
		return dump_note(d, "POSIX timers could not be read");
	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		if ((value = strchr(line, ':')) == NULL)
			continue;
		value += 1 + strspn(value + 1, " ");
		if (strncmp(line, "ID:", 3) == 0) {
			if ((pt = dump_alloc(d, sizeof *pt)) == NULL ||
			    list_add(d, &p->state->timers, pt) != 0)
				return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
			pt->id = (int32_t)strtol(value, NULL, 10);
		} else if (pt == NULL) {
			continue;
		} else if (strncmp(line, "signal:", 7) == 0) {
			pt->signal = (int32_t)strtol(value, &value, 10);
			if (*value == '/')
				pt->value = strtoull(value + 1, NULL, 16);
		} else if (strncmp(line, "notify:", 7) == 0) {
			pt->notify = strncmp(value, "none", 4) == 0 ? PSNAP_TIMER_NOTIFY_NONE :
			    strncmp(value, "thread", 6) == 0 ? PSNAP_TIMER_NOTIFY_THREAD :
			    PSNAP_TIMER_NOTIFY_SIGNAL;
			if ((value = strstr(value, "/tid.")) != NULL) {
				pt->notify = PSNAP_TIMER_NOTIFY_THREAD_ID;
				pt->tid = (int32_t)strtol(value + 5, NULL, 10);
			}
		} else if (strncmp(line, "ClockID:", 8) == 0) {
			int32_t clock = (int32_t)strtol(value, NULL, 10);

			pt->clock = (int32_t)clock_kind(clock);
			if (clock < 0)	/* ~pid << 3 | ...: clock_getcpuclockid(3); pid 0 is its own */
				pt->clock_pid = ~(clock >> 3);
		}
	}
	if (p->state->timers.n > 1)
		qsort(p->state->timers.v, p->state->timers.n, sizeof *p->state->timers.v, compare_timers);
	return 0;
}

static int
got_itimer(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	uint64_t *itimer = object;
	bool is32 = t->proc->is32;

	(void)d, (void)ret;
	if (out != NULL) {
		itimer[0] = time_at(out + (is32 ? 8 : 16), is32, 1000);
		itimer[1] = time_at(out, is32, 1000);
	}
	return 0;
}

static int
got_timer(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	struct posix_timer *pt = object;
	bool is32 = t->proc->is32;

	(void)d, (void)ret;
	if (out != NULL) {
		pt->interval_ns = time_at(out, is32, 1);
		pt->remaining_ns = time_at(out + (is32 ? 8 : 16), is32, 1);
	}
	return 0;
}

static int
got_overrun(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	struct posix_timer *pt = object;

	(void)d, (void)t, (void)out;
	pt->overrun = ret > 0 ? (int32_t)ret : 0;
	return 0;
}

/* getitimer(2) tells microseconds. */
static uint64_t
microseconds(uint64_t ns)
{
	return ns / 1000 * 1000;
}

void
timers_take(struct proc *p, const struct rec_process *k)
{
	p->state->itimer[0][0] = microseconds(k->real_remaining);
	p->state->itimer[0][1] = microseconds(k->real_interval);
	/* ITIMER_VIRTUAL and ITIMER_PROF, not armed */
	p->state->itimer[1][1] = microseconds(k->cpu_interval[1]);
	p->state->itimer[2][1] = microseconds(k->cpu_interval[0]);
}

int
timers_ask(struct dump *d, struct proc *p, struct task *t)
{
	size_t size = p->is32 ? 16 : 32;
	uint64_t out;
	int r;

	for (unsigned which = 0; which < 3; which++) {
		out = remote_out(p, size);
		if ((r = remote_ask(d, t, REMOTE_GETITIMER, REMOTE_ARGS(which, out), out, size,
		    got_itimer, p->state->itimer[which])) != 0)
			return r;
	}
	for (size_t i = 0; i < p->state->timers.n; i++) {
		struct posix_timer *pt = p->state->timers.v[i];

		out = remote_out(p, size);
		if ((r = remote_ask(d, t, REMOTE_TIMER_GETTIME, REMOTE_ARGS((uint64_t)pt->id, out), out, size,
		    got_timer, pt)) != 0 ||
		    (r = remote_ask(d, t, REMOTE_TIMER_GETOVERRUN, REMOTE_ARGS((uint64_t)pt->id), 0, 0,
		    got_overrun, pt)) != 0)
			return r;
	}
	return 0;
}
