/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptors on anonymous inodes: eventfd, epoll, timerfd, signalfd,
 * inotify, pidfd.  Their state is what fdinfo shows (proc(5)).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

/* Value of "name:" inside one line, in this base; 0 if missing. */
static uint64_t
inline_number(const char *line, const char *name, int base)
{
	size_t n = strlen(name), len = strcspn(line, "\n");

	for (const char *at = line; (at = strstr(at, name)) != NULL && at < line + len; at += n)
		if (at[n] == ':' && (at == line || at[-1] == ' ' || at[-1] == '\t'))
			return strtoull(at + n + 1, NULL, base);
	return 0;
}

static int
epoll_collect(struct dump *d, struct proc *p, struct open_file *o)
{
	for (const char *line = o->info; (line = strstr(line, "tfd:")) != NULL; line += 4) {
		struct epoll_entry *e = dump_alloc(d, sizeof *e);

		if (e == NULL || list_add(d, &o->epoll, e) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		e->fd = (int32_t)inline_number(line, "tfd", 10);
		e->events = (uint32_t)inline_number(line, "events", 16);
		e->data = inline_number(line, "data", 16);
		e->ino = inline_number(line, "ino", 16);
	}
	return 0;
}

static size_t
read_hex(const char *s, uint8_t *out, size_t max)
{
	size_t n = 0;

	while (n < max) {
		char pair[3] = { s[0], s[0] != '\0' ? s[1] : '\0', '\0' };
		char *end;
		unsigned long v = strtoul(pair, &end, 16);

		if (end != pair + 2)
			break;
		out[n++] = (uint8_t)v;
		s += 2;
	}
	return n;
}

static int
inotify_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	int n = 0;

	for (const char *line = o->info; (line = strstr(line, "inotify wd:")) != NULL; line += 8) {
		struct watch *w = dump_alloc(d, sizeof *w);
		const char *handle;

		if (w == NULL || list_add(d, &o->watches, w) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		w->wd = (int32_t)inline_number(line, "wd", 16);
		w->ino = inline_number(line, "ino", 16);
		w->dev = inline_number(line, "sdev", 16);
		w->mask = (uint32_t)inline_number(line, "mask", 16);
		w->handle_type = (uint32_t)inline_number(line, "fhandle-type", 16);
		if ((handle = strstr(line, "f_handle:")) != NULL)
			w->handle_len = read_hex(handle + 9, w->handle, sizeof w->handle);
	}
	if (ioctl(local, FIONREAD, &n) == 0 && n > 0) {
		o->unread = (uint64_t)n;
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, o->id, "inotify-events",
		    "%d bytes of unread events are not held", n);
	}
	return 0;
}

static bool
is(const struct open_file *o, const char *name)
{
	/* "anon_inode:[eventfd]", and some kernels' "anon_inode:inotify" */
	const char *at = strchr(o->link, ':');

	if (at == NULL)
		return false;
	at += 1 + (at[1] == '[');
	return strncmp(at, name, strlen(name)) == 0;
}

int
anon_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	if (is(o, "eventfd")) {
		o->what = FD_EVENTFD;
	} else if (is(o, "eventpoll")) {
		o->what = FD_EPOLL;
		return epoll_collect(d, p, o);
	} else if (is(o, "timerfd")) {
		o->what = FD_TIMERFD;
	} else if (is(o, "signalfd")) {
		o->what = FD_SIGNALFD;
	} else if (is(o, "inotify")) {
		o->what = FD_INOTIFY;
		return inotify_collect(d, p, o, local);
	} else if (is(o, "pidfd")) {
		o->what = FD_PIDFD;
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

static void
emit_timerfd(struct glue_emit *e, const struct open_file *o)
{
	static const uint32_t clocks[] = { [0] = PSNAP_CLOCK_REALTIME_UTC,
	    [1] = PSNAP_CLOCK_MONOTONIC_BOOT, [7] = PSNAP_CLOCK_BOOTTIME_SUSPEND,
	    [8] = PSNAP_CLOCK_REALTIME_WAKE, [9] = PSNAP_CLOCK_BOOTTIME_WAKE };
	uint64_t clock = field_number(o->info, "clockid", 10), flags = field_number(o->info, "settime flags", 8);
	uint64_t left = pair_ns(o->info, "it_value");

	glue_emit_open(e, PSNAP_F_OPEN_FILE_TIMERFD);
	glue_emit_uint(e, PSNAP_F_TIMERFD_CLOCK, clock < 10 ? clocks[clock] : 0);
	glue_emit_uint(e, PSNAP_F_TIMERFD_ARMED, left != 0);
	glue_emit_uint(e, PSNAP_F_TIMERFD_REMAINING_NS, left);
	glue_emit_uint(e, PSNAP_F_TIMERFD_INTERVAL_NS, pair_ns(o->info, "it_interval"));
	glue_emit_uint(e, PSNAP_F_TIMERFD_EXPIRATIONS, field_number(o->info, "ticks", 10));
	glue_emit_uint(e, PSNAP_F_TIMERFD_ABSOLUTE, flags & 1);
	glue_emit_uint(e, PSNAP_F_TIMERFD_CANCEL_ON_SET, flags >> 1 & 1);
	glue_emit_close(e);
}

static void
emit_inotify(struct glue_emit *e, const struct open_file *o)
{
	glue_emit_open(e, PSNAP_F_OPEN_FILE_INOTIFY);
	/* the kernel lists them newest first */
	for (size_t i = o->watches.n; i-- > 0;) {
		const struct watch *w = o->watches.v[i];

		glue_emit_open(e, PSNAP_F_INOTIFY_WATCHES);
		glue_emit_int(e, PSNAP_F_INOTIFY_WATCH_DESCRIPTOR, w->wd);
		/* the kernel's own dev_t: major from bit 20 */
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_DEVICE, (w->dev >> 20) << 32 | (w->dev & 0xfffff));
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_INODE, w->ino);
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_MASK, w->mask);
		glue_emit_uint(e, PSNAP_F_INOTIFY_WATCH_HANDLE_TYPE, w->handle_type);
		glue_emit_bytes(e, PSNAP_F_INOTIFY_WATCH_HANDLE, w->handle, w->handle_len);
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_INOTIFY_UNREAD_EVENTS, o->unread);
	glue_emit_close(e);
}

void
anon_emit(struct glue_emit *e, const struct open_file *o)
{
	switch (o->what) {
	case FD_EVENTFD:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_EVENTFD);
		glue_emit_uint(e, PSNAP_F_EVENTFD_COUNT, field_number(o->info, "eventfd-count", 16));
		glue_emit_uint(e, PSNAP_F_EVENTFD_SEMAPHORE, field_number(o->info, "eventfd-semaphore", 10));
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
		glue_emit_uint(e, PSNAP_F_SIGNALFD_MASK, field_number(o->info, "sigmask", 16));
		glue_emit_close(e);
		break;
	case FD_INOTIFY:
		emit_inotify(e, o);
		break;
	case FD_PIDFD:
		glue_emit_open(e, PSNAP_F_OPEN_FILE_PIDFD);
		glue_emit_int(e, PSNAP_F_PIDFD_PID, (int32_t)strtol(field_find(o->info, "Pid") != NULL ?
		    field_find(o->info, "Pid") : "0", NULL, 10));
		glue_emit_close(e);
		break;
	default:
		break;
	}
}
