/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors on the kernel's own inodes: eventfd, epoll, timerfd, signalfd,
 * pidfd, namespaces.  Their state is what fdinfo shows (proc(5)), or the facts.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

static int
epoll_collect(struct dump *d, struct proc *p, struct open_file *o)
{
	for (const char *line = o->info; (line = strstr(line, "tfd:")) != NULL; line += 4) {
		struct epoll_entry *e = dump_alloc(d, sizeof *e);

		if (e == NULL || list_add(d, &o->epoll, e) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		e->fd = (int32_t)line_number(line, "tfd", 10);
		e->events = (uint32_t)line_number(line, "events", 16);
		e->data = line_number(line, "data", 16);
		e->ino = line_number(line, "ino", 16);
	}
	return 0;
}

/* Entries of an epoll by the facts, in the order of fdinfo. */
static int
take_epoll(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	struct rec_slice all = facts_of(d, p, REC_EPOLL);

	for (size_t i = 0; i < all.n; i++) {
		const struct rec_epoll *x = (const void *)all.v[i];
		struct epoll_entry *e;

		if (x->epoll != k->file)
			continue;
		if ((e = dump_alloc(d, sizeof *e)) == NULL || list_add(d, &o->epoll, e) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		*e = (struct epoll_entry){ .fd = x->fd, .events = x->events, .data = x->data, .ino = x->ino };
	}
	return 0;
}

static bool
is(const struct open_file *o, const char *name)
{
	/* "anon_inode:[eventfd]", some kernels' "anon_inode:inotify", newer ones' "pidfd:[12]" */
	const char *at = o->link + (strncmp(o->link, "anon_inode:", 11) == 0 ? 11 : 0);

	return strncmp(at + (at[0] == '['), name, strlen(name)) == 0;
}

/* "(seconds, nanoseconds)" */
static uint64_t
pair_ns(const char *info, const char *name)
{
	const char *at = field_find(info, name);
	char *end;
	uint64_t s;

	if (at == NULL || *at != '(')
		return 0;
	s = strtoull(at + 1, &end, 10);
	return s * 1000000000 + (*end == ',' ? strtoull(end + 1, NULL, 10) : 0);
}

static int
eventfd_collect(struct dump *d, struct proc *p, struct open_file *o)
{
	o->what = FD_EVENTFD;
	o->state.count = field_number(o->info, "eventfd-count", 16);
	o->state.flags = (uint32_t)field_number(o->info, "eventfd-semaphore", 10);
	if (field_find(o->info, "eventfd-semaphore") != NULL)
		return 0;
	return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, o->id, "eventfd-semaphore",
	    "kernels before 6.5 do not tell whether it is a semaphore: held as one that is not");
}

static void
timerfd_collect(struct open_file *o)
{
	o->what = FD_TIMERFD;
	o->state.clock = (uint32_t)field_number(o->info, "clockid", 10);
	o->state.flags = (uint32_t)field_number(o->info, "settime flags", 8);
	o->state.remaining = pair_ns(o->info, "it_value");
	o->state.interval = pair_ns(o->info, "it_interval");
	o->state.count = field_number(o->info, "ticks", 10);
}

int
anon_take(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	static const enum fd_what kinds[] = { [REC_FILE_EVENTFD] = FD_EVENTFD, [REC_FILE_TIMERFD] = FD_TIMERFD,
	    [REC_FILE_SIGNALFD] = FD_SIGNALFD, [REC_FILE_EPOLL] = FD_EPOLL };

	o->what = kinds[k->kind];
	o->state.count = k->count;
	o->state.remaining = k->remaining;
	o->state.interval = k->interval;
	o->state.clock = k->clock;
	o->state.flags = k->state_flags;
	return o->what == FD_EPOLL ? take_epoll(d, p, o, k) : 0;
}

static void
pidfd_collect(struct open_file *o)
{
	const char *pid = field_find(o->info, "Pid");

	o->what = FD_PIDFD;
	o->target_pid = pid != NULL ? (int32_t)strtol(pid, NULL, 10) : 0;
	o->target_thread = o->flags & O_EXCL;	/* PIDFD_THREAD */
}

int
anon_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	if (is(o, "eventfd")) {
		return eventfd_collect(d, p, o);
	} else if (is(o, "eventpoll")) {
		o->what = FD_EPOLL;
		return epoll_collect(d, p, o);
	} else if (is(o, "timerfd")) {
		timerfd_collect(o);
	} else if (is(o, "signalfd")) {
		o->what = FD_SIGNALFD;
		o->state.count = field_number(o->info, "sigmask", 16);
	} else if (is(o, "inotify")) {
		return inotify_collect(d, p, o, local);
	} else if (is(o, "pidfd")) {
		pidfd_collect(o);
	} else if ((o->on.ns = ns_of_link(d, o->link, o->st.st_ino)) != NULL) {
		o->what = FD_NAMESPACE;
	} else {
		o->what = FD_UNKNOWN;
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, o->id,
		    is(o, "io_uring") ? "io_uring" : "unknown-file", "%s: its state is the kernel's", o->link);
	}
	return 0;
}

/* ---- emitting ---- */

static void
emit_epoll(struct glue_emit *e, const struct open_file *o)
{
	static const struct { uint32_t bit, field; } bits[] = {	/* epoll_ctl(2) */
		{ 0x1, PSNAP_F_EPOLL_ENTRY_IN }, { 0x4, PSNAP_F_EPOLL_ENTRY_OUT },
		{ 0x2, PSNAP_F_EPOLL_ENTRY_PRI }, { 0x8, PSNAP_F_EPOLL_ENTRY_ERR },
		{ 0x10, PSNAP_F_EPOLL_ENTRY_HUP }, { 0x2000, PSNAP_F_EPOLL_ENTRY_RDHUP },
		{ 0x80000000, PSNAP_F_EPOLL_ENTRY_EDGE_TRIGGERED },
		{ 0x40000000, PSNAP_F_EPOLL_ENTRY_ONE_SHOT },
		{ 0x20000000, PSNAP_F_EPOLL_ENTRY_WAKEUP },
		{ 0x10000000, PSNAP_F_EPOLL_ENTRY_EXCLUSIVE },
	};

	glue_emit_open(e, PSNAP_F_OPEN_FILE_EPOLL);
	for (size_t i = 0; i < o->epoll.n; i++) {
		const struct epoll_entry *x = o->epoll.v[i];
		uint32_t other = x->events;

		glue_emit_open(e, PSNAP_F_EPOLL_ENTRIES);
		glue_emit_int(e, PSNAP_F_EPOLL_ENTRY_FD, x->fd);
		glue_emit_uint(e, PSNAP_F_EPOLL_ENTRY_OPEN_FILE_ID, x->target != NULL ? x->target->id : 0);
		for (size_t k = 0; k < sizeof bits / sizeof *bits; k++) {
			glue_emit_uint(e, bits[k].field, (other & bits[k].bit) != 0);
			other &= ~bits[k].bit;
		}
		glue_emit_uint(e, PSNAP_F_EPOLL_ENTRY_DATA, x->data);
		glue_emit_uint(e, PSNAP_F_EPOLL_ENTRY_OTHER_EVENTS, other);
		glue_emit_close(e);
	}
	glue_emit_close(e);
}

static void
emit_timerfd(struct glue_emit *e, const struct open_file *o)
{
	static const uint32_t clocks[] = { [0] = PSNAP_CLOCK_REALTIME_UTC,
	    [1] = PSNAP_CLOCK_MONOTONIC_BOOT, [7] = PSNAP_CLOCK_BOOTTIME_SUSPEND,
	    [8] = PSNAP_CLOCK_REALTIME_WAKE, [9] = PSNAP_CLOCK_BOOTTIME_WAKE };
	uint32_t clock = o->state.clock, flags = o->state.flags;

	glue_emit_open(e, PSNAP_F_OPEN_FILE_TIMERFD);
	glue_emit_uint(e, PSNAP_F_TIMERFD_CLOCK, clock < 10 ? clocks[clock] : 0);
	glue_emit_uint(e, PSNAP_F_TIMERFD_ARMED, o->state.remaining != 0);
	glue_emit_uint(e, PSNAP_F_TIMERFD_REMAINING_NS, o->state.remaining);
	glue_emit_uint(e, PSNAP_F_TIMERFD_INTERVAL_NS, o->state.interval);
	glue_emit_uint(e, PSNAP_F_TIMERFD_EXPIRATIONS, o->state.count);
	glue_emit_uint(e, PSNAP_F_TIMERFD_ABSOLUTE, flags & 1);
	glue_emit_uint(e, PSNAP_F_TIMERFD_CANCEL_ON_SET, flags >> 1 & 1);
	glue_emit_close(e);
}

void
anon_emit(struct glue_emit *e, const struct open_file *o)
{
	switch (o->what) {
	case FD_EVENTFD:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_EVENTFD);
		glue_emit_uint(e, PSNAP_F_EVENTFD_COUNT, o->state.count);
		glue_emit_uint(e, PSNAP_F_EVENTFD_SEMAPHORE, o->state.flags & 1);
		glue_emit_close(e);
		break;
	case FD_EPOLL:
		emit_epoll(e, o);
		break;
	case FD_TIMERFD:
		emit_timerfd(e, o);
		break;
	case FD_SIGNALFD:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_SIGNALFD);
		glue_emit_uint(e, PSNAP_F_SIGNALFD_MASK, o->state.count);
		glue_emit_close(e);
		break;
	case FD_INOTIFY:
		inotify_emit(e, o);
		break;
	case FD_PIDFD:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_PIDFD);
		glue_emit_int(e, PSNAP_F_PIDFD_PID, o->target_pid);
		glue_emit_uint(e, PSNAP_F_PIDFD_PROCESS_ID, o->target_id);
		glue_emit_uint(e, PSNAP_F_PIDFD_THREAD, o->target_thread);
		glue_emit_close(e);
		break;
	case FD_NAMESPACE:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_NAMESPACE_FILE);
		glue_emit_uint(e, PSNAP_F_NAMESPACE_FILE_NAMESPACE_ID, *(const uint64_t *)o->on.ns);
		glue_emit_close(e);
		break;
	default:
		break;
	}
}
