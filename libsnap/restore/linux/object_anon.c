/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open files on the kernel's own inodes: eventfd, epoll, timerfd, signalfd,
 * inotify, pidfd, namespaces.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define TFD_SET_TICKS	_IOW('T', 0, uint64_t)	/* TFD_IOC_SET_TICKS */
#define WATCH_MAX	65536			/* descriptors tried for one watch */

int
clock_number(Psnap__Clock clock)
{
	switch (clock) {
	case PSNAP__CLOCK__CLOCK_REALTIME_UTC:
		return CLOCK_REALTIME;
	case PSNAP__CLOCK__CLOCK_MONOTONIC_BOOT:
		return CLOCK_MONOTONIC;
	case PSNAP__CLOCK__CLOCK_BOOTTIME_SUSPEND:
		return CLOCK_BOOTTIME;
	case PSNAP__CLOCK__CLOCK_PROCESS_CPU:
		return CLOCK_PROCESS_CPUTIME_ID;
	case PSNAP__CLOCK__CLOCK_THREAD_CPU:
		return CLOCK_THREAD_CPUTIME_ID;
	case PSNAP__CLOCK__CLOCK_TAI_ATOMIC:
		return CLOCK_TAI;
	case PSNAP__CLOCK__CLOCK_REALTIME_WAKE:
		return CLOCK_REALTIME_ALARM;
	case PSNAP__CLOCK__CLOCK_BOOTTIME_WAKE:
		return CLOCK_BOOTTIME_ALARM;
	default:
		return -1;
	}
}

/* ---- making ---- */

static int
make_eventfd(const Psnap__Eventfd *v)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK | (v->semaphore ? EFD_SEMAPHORE : 0));
	uint64_t count = v->count;

	if (fd >= 0 && count != 0 && write(fd, &count, sizeof count) != (ssize_t)sizeof count) {
		close(fd);
		return -1;
	}
	return fd;
}

static int
make_signalfd(uint64_t mask)
{
	/* the kernel's set: 64 bits, whatever the library's sigset_t is */
	return (int)syscall(SYS_signalfd4, -1, &mask, sizeof mask, SFD_CLOEXEC);
}

static int
make_namespace(struct restore *r, uint64_t id)
{
	static const char *const names[] = { [PSNAP__NAMESPACE_KIND__NAMESPACE_MOUNT] = "mnt",
	    [PSNAP__NAMESPACE_KIND__NAMESPACE_UTS] = "uts", [PSNAP__NAMESPACE_KIND__NAMESPACE_IPC] = "ipc",
	    [PSNAP__NAMESPACE_KIND__NAMESPACE_PID] = "pid", [PSNAP__NAMESPACE_KIND__NAMESPACE_NET] = "net",
	    [PSNAP__NAMESPACE_KIND__NAMESPACE_USER] = "user",
	    [PSNAP__NAMESPACE_KIND__NAMESPACE_CGROUP] = "cgroup",
	    [PSNAP__NAMESPACE_KIND__NAMESPACE_TIME] = "time" };
	const Psnap__Namespace *n = snap_get_message(r->s, id, PSNAP_KIND_NAMESPACE);
	char path[40];

	if (n == NULL || (size_t)n->kind >= sizeof names / sizeof *names || names[n->kind] == NULL) {
		errno = EINVAL;
		return -1;
	}
	snprintf(path, sizeof path, "/proc/self/ns/%s", names[n->kind]);
	return open(path, O_RDONLY | O_CLOEXEC);
}

int
anon_make(struct restore *r, struct object *x)
{
	const Psnap__OpenFile *o = x->o;
	const char *what = "making an open file";
	int fd = -1, clock, flags;

	errno = ENOSYS;
	if (o->eventfd != NULL) {
		what = "making an eventfd";
		fd = make_eventfd(o->eventfd);
	} else if (o->epoll != NULL) {
		what = "making an epoll descriptor";
		fd = epoll_create1(EPOLL_CLOEXEC);
	} else if (o->timerfd != NULL) {
		what = "making a timerfd";
		clock = clock_number(o->timerfd->clock);
		fd = timerfd_create(clock, TFD_CLOEXEC);
	} else if (o->signalfd != NULL) {
		what = "making a signalfd";
		fd = make_signalfd(signal_set_mask(o->signalfd->signals));
	} else if (o->inotify != NULL) {
		what = "making an inotify descriptor";
		fd = inotify_init1(IN_CLOEXEC);
	} else if (o->pidfd != NULL) {
		what = "making a pidfd";
		fd = (int)syscall(SYS_pidfd_open, o->pidfd->pid, 0);
	} else if (o->namespace_file != NULL) {
		what = "opening a namespace";
		fd = make_namespace(r, o->namespace_file->namespace_id);
	}
	if ((x->fd = keep_fd(r, fd)) < 0)
		return restore_fail(r, NULL, x->id, errno, "%s", what);
	if ((flags = fcntl(x->fd, F_GETFL)) < 0 ||
	    fcntl(x->fd, F_SETFL, (flags & ~O_NONBLOCK) | (o->non_block ? O_NONBLOCK : 0)) != 0)
		return restore_fail(r, NULL, x->id, errno, "%s", what);
	return 0;
}

/* ---- settling ---- */

static int
set_timer(struct restore *r, struct object *x)
{
	const Psnap__Timerfd *t = x->o->timerfd;
	struct itimerspec v = {
		.it_interval = { (time_t)(t->interval_ns / NS), (long)(t->interval_ns % NS) },
		.it_value = { (time_t)(t->remaining_ns / NS), (long)(t->remaining_ns % NS) },
	};
	uint64_t ticks = t->expirations;

	if (t->armed && timerfd_settime(x->fd, 0, &v, NULL) != 0)
		return restore_fail(r, NULL, x->id, errno, "setting a timerfd");
	if (ticks == 0 || ioctl(x->fd, TFD_SET_TICKS, &ticks) == 0)
		return 0;
	/* an i386 program cannot say how often it expired, nor can any without checkpoint support: once, then */
	v.it_value = (struct timespec){ 0, 1 };
	if (timerfd_settime(x->fd, 0, &v, NULL) != 0)
		return restore_fail(r, NULL, x->id, errno, "setting a timerfd");
	return 0;
}

/* The events' numbers are those of the bits, from 1 (inotify(7)). */
static uint32_t
watch_mask(const Psnap__InotifyWatch *w)
{
	/* bits beyond the events are the kernel's own, but for the special ones it shows */
	uint32_t mask = w->other_events & (IN_ONLYDIR | IN_DONT_FOLLOW);

	for (size_t i = 0; i < w->n_events; i++)
		if (w->events[i] > 0 && w->events[i] <= PSNAP__INOTIFY_EVENT__INOTIFY_MOVE_SELF)
			mask |= UINT32_C(1) << (w->events[i] - 1);
	return mask | (w->one_shot ? IN_ONESHOT : 0) | (w->exclude_unlinked ? IN_EXCL_UNLINK : 0);
}

/* The kernel counts descriptors up: watch and unwatch until the number comes. */
static int
add_watches(struct restore *r, struct object *x)
{
	const Psnap__Inotify *n = x->o->inotify;

	for (size_t i = 0; i < n->n_watches; i++) {
		const Psnap__InotifyWatch *w = n->watches[i];
		const Psnap__File *f = snap_get_message(r->s, w->file_id, PSNAP_KIND_FILE);
		const char *path = f != NULL ? plan_path(r->p, &f->path) : NULL;
		const char *place = file_place(r->p, w->file_id, path);
		int wd = -1;

		if (place == NULL)	/* told as coverage when it was dumped */
			continue;
		for (int tries = 0; tries < WATCH_MAX; tries++) {
			wd = inotify_add_watch(x->fd, place, watch_mask(w));
			if (wd < 0 || wd >= w->descriptor)
				break;
			inotify_rm_watch(x->fd, wd);
		}
		if (wd != w->descriptor)
			return restore_fail(r, NULL, x->id, wd < 0 ? errno : EEXIST, "watching %s", path);
	}
	return 0;
}

/* IN_IGNORED of the numbers passed by. */
static void
drop_events(const struct object *x)
{
	int flags = fcntl(x->fd, F_GETFL), n = 0;
	char buf[4096];

	fcntl(x->fd, F_SETFL, flags | O_NONBLOCK);
	while (ioctl(x->fd, FIONREAD, &n) == 0 && n > 0 && read(x->fd, buf, sizeof buf) > 0)
		;
	fcntl(x->fd, F_SETFL, flags);
}

static uint32_t
events(const Psnap__EpollEntry *e)
{
	return (e->in ? EPOLLIN : 0) | (e->out ? EPOLLOUT : 0) | (e->pri ? EPOLLPRI : 0) |
	    (e->err ? EPOLLERR : 0) | (e->hup ? EPOLLHUP : 0) | (e->rdhup ? EPOLLRDHUP : 0) |
	    (e->edge_triggered ? EPOLLET : 0) | (e->one_shot ? EPOLLONESHOT : 0) |
	    (e->wakeup ? EPOLLWAKEUP : 0) | (e->exclusive ? EPOLLEXCLUSIVE : 0) | e->other_events;
}

/* In a process of its own, whose low descriptors may be anything; an errno. */
static int
add_entries(struct restore *r, const struct object *x)
{
	const Psnap__Epoll *ep = x->o->epoll;

	for (size_t i = 0; i < ep->n_entries; i++) {
		const Psnap__EpollEntry *e = ep->entries[i];
		struct object *target = object_find(r, e->open_file_id);
		struct epoll_event ev = { .events = events(e), .data.u64 = e->data };

		if (target == NULL)	/* told as coverage when it was dumped */
			continue;
		if (dup2(target->fd, e->fd) < 0 || epoll_ctl(x->fd, EPOLL_CTL_ADD, e->fd, &ev) != 0)
			return errno;
	}
	return 0;
}

/*
 * An entry is known by its file and the number it was added under, which is
 * to be the program's: in a child, that number can be had without closing
 * anything of the caller's.
 */
static int
add_epoll(struct restore *r, struct object *x)
{
	int status, e;
	pid_t pid;

	if (x->o->epoll->n_entries == 0)
		return 0;
	if ((pid = fork()) < 0)
		return restore_fail(r, NULL, x->id, errno, "filling an epoll descriptor");
	if (pid == 0)
		_exit(add_entries(r, x));
	if ((e = -task_wait(pid, &status)) == 0)
		e = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return e == 0 ? 0 : restore_fail(r, NULL, x->id, e, "filling an epoll descriptor");
}

int
anon_settle(struct restore *r, struct object *x)
{
	int e;

	if (x->o->timerfd != NULL)
		return set_timer(r, x);
	if (x->o->epoll != NULL)
		return add_epoll(r, x);
	if (x->o->inotify == NULL)
		return 0;
	e = add_watches(r, x);
	drop_events(x);
	return e;
}
