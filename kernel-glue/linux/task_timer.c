/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Interval timers and POSIX timers.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

static int
itimers(struct dump *d, struct proc *p, struct task *t)
{
	uint64_t v[4];
	uint32_t n[4];
	int64_t ret;
	int r;

	for (unsigned which = 0; which < 3; which++) {
		if ((r = remote_call(d, t, REMOTE_GETITIMER, which, p->scratch, 0, 0, 0, 0, &ret)) != 0)
			return r;
		if (ret != 0 || mem_read(p, p->scratch, p->is32 ? (void *)n : v, p->is32 ? 16 : 32) != 0)
			continue;
		for (int i = 0; p->is32 && i < 4; i++)
			v[i] = n[i];
		p->state->itimer[which][0] = v[2] * 1000000000 + v[3] * 1000;
		p->state->itimer[which][1] = v[0] * 1000000000 + v[1] * 1000;
	}
	return 0;
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

static int
timer_times(struct dump *d, struct proc *p, struct task *t, struct posix_timer *pt)
{
	uint64_t v[4];
	uint32_t n[4];
	int64_t ret;
	int r;

	if ((r = remote_call(d, t, REMOTE_TIMER_GETTIME, (uint64_t)pt->id, p->scratch, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret == 0 && mem_read(p, p->scratch, p->is32 ? (void *)n : v, p->is32 ? 16 : 32) == 0) {
		for (int i = 0; p->is32 && i < 4; i++)
			v[i] = n[i];
		pt->interval_ns = v[0] * 1000000000 + v[1];
		pt->remaining_ns = v[2] * 1000000000 + v[3];
	}
	if ((r = remote_call(d, t, REMOTE_TIMER_GETOVERRUN, (uint64_t)pt->id, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	pt->overrun = ret > 0 ? (int32_t)ret : 0;
	return 0;
}

/* "ID: n", "signal: signo/value", "notify: how/pid.N", "ClockID: n" for each (proc(5)). */
static int
posix_timers(struct dump *d, struct proc *p, struct task *t)
{
	struct posix_timer *pt = NULL;
	char *text, *value;
	int r;

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
			if ((r = timer_times(d, p, t, pt)) != 0)
				return r;
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
	return 0;
}

int
timers_collect(struct dump *d, struct proc *p, struct task *t)
{
	int r = itimers(d, p, t);

	return r != 0 ? r : posix_timers(d, p, t);
}
