/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A restore from beginning to end.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

/* ---- errors and lists ---- */

int
restore_fail(struct restore *r, const struct target *t, uint64_t object, int os_errno, const char *fmt, ...)
{
	char text[128], pid[24] = "";
	va_list ap;

	if (r->failed)	/* the first one tells what happened */
		return r->err->code;
	r->failed = true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (t != NULL)
		snprintf(pid, sizeof pid, "pid %d: ", (int)t->p->pid);
	error_object(r->err, os_errno != 0 ? SNAP_E_IO : SNAP_E_REFUSED, "", object != 0 ? object :
	    SNAP_NO_RECORD, 0, "%s%s", pid, text);
	r->err->os_errno = os_errno;
	return r->err->code;
}

int
restore_goes_on(struct restore *r)
{
	return r->p->o->cancel != NULL && *r->p->o->cancel ? restore_fail(r, NULL, 0, 0, "interrupted") : 0;
}

int
restore_unreadable(struct restore *r, const struct snap_error *err)
{
	if (!r->failed)
		*r->err = *err;
	r->failed = true;
	return r->err->code;
}

int
restore_nomem(struct restore *r)
{
	if (!r->failed)
		error_nomem(r->err);
	r->failed = true;
	return r->err->code;
}

int
restore_list_add(struct restore *r, struct list *l, void *item)
{
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 8 : l->cap * 2;
		void **v = plan_alloc(r->p, cap * sizeof *v);

		if (v == NULL)
			return SNAP_E_NOMEM;
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = item;
	return 0;
}

int
keep_fd(struct restore *r, int fd)
{
	int high, e;

	if (fd < 0)
		return -1;
	high = fcntl(fd, F_DUPFD_CLOEXEC, r->base_fd);
	e = errno;
	close(fd);
	if (high >= 0 && restore_list_add(r, &r->fds, (void *)(intptr_t)high) != 0) {
		close(high);
		high = -1;
		e = ENOMEM;
	}
	errno = e;
	return high;
}

int
fd_reopen(int fd, int flags)
{
	char path[40];

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return open(path, flags | O_CLOEXEC);
}

/* ---- numbers of descriptors ---- */

#define NUMBER_MAX	(1 << 30)	/* fs.nr_open can be no larger */

/* In a table, or remembered by an epoll, which wants it in ours. */
static int32_t
highest_number(struct restore *r)
{
	int32_t top = -1;
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_DESCRIPTOR_TABLE, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__DescriptorTable *t = (const void *)v[i]->message;

		if (t->n_descriptors > 0 && t->descriptors[t->n_descriptors - 1]->fd > top)
			top = t->descriptors[t->n_descriptors - 1]->fd;
	}
	v = snap_get_kind(r->s, PSNAP_KIND_OPEN_FILE, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Epoll *e = ((const Psnap__OpenFile *)(const void *)v[i]->message)->epoll;

		for (size_t k = 0; e != NULL && k < e->n_entries; k++)
			top = e->entries[k]->fd > top ? e->entries[k]->fd : top;
	}
	return top;
}

/* Ours and the channel are above every one of theirs. */
static int
choose_numbers(struct restore *r)
{
	int32_t top = highest_number(r);
	size_t open_files;
	struct rlimit rl;

	if (top > NUMBER_MAX)
		return restore_fail(r, NULL, 0, EMFILE, "descriptor %d", (int)top);
	/* a table is used for the files mapped, too */
	r->channel_fd = top + 1 < 512 ? 512 : top + 1;
	r->seed_fd = r->channel_fd + 1;
	r->common_fd = r->last_fd = r->channel_fd + 3;
	r->base_fd = r->last_fd + 1;
	snap_get_kind(r->s, PSNAP_KIND_OPEN_FILE, &open_files);
	if (getrlimit(RLIMIT_NOFILE, &rl) != 0)
		return restore_fail(r, NULL, 0, errno, "reading the limit of open files");
	if (rl.rlim_cur < rl.rlim_max) {
		rl.rlim_cur = rl.rlim_max;
		setrlimit(RLIMIT_NOFILE, &rl);
	}
	if (rl.rlim_cur != RLIM_INFINITY && rl.rlim_cur < (rlim_t)r->base_fd + open_files + 64)
		return restore_fail(r, NULL, 0, EMFILE, "%zu open files do not fit the limit of %llu",
		    open_files, (unsigned long long)rl.rlim_cur);
	return 0;
}

/* ---- the order of it all ---- */

static int
make_all(struct restore *r)
{
	int e;

	if ((e = choose_numbers(r)) != 0 ||
	    (e = tcp_lock(r)) != 0 ||
	    (e = net_make(r)) != 0 ||
	    (e = carried_make(r)) != 0 ||
	    (e = seed_make(r)) != 0 ||
	    (e = objects_make_shared(r)) != 0 ||
	    (e = semaphores_make(r)) != 0 ||
	    (e = queues_make(r)) != 0 ||
	    (e = posix_queues_make(r)) != 0 ||
	    (e = tree_make(r)) != 0 ||
	    (e = objects_make(r)) != 0 ||
	    (e = filters_make(r)) != 0 ||
	    (e = space_finish(r)) != 0 ||
	    (e = process_restore(r)) != 0 ||
	    (e = descriptors_hand_over(r)) != 0 ||
	    (e = tree_threads(r)) != 0 ||
	    (e = tree_zombies(r)) != 0 ||
	    (e = objects_settle(r)) != 0 ||
	    (e = segments_settle(r)) != 0 ||
	    (e = semaphores_settle(r)) != 0 ||
	    (e = posix_queues_settle(r)) != 0 ||
	    (e = threads_restore(r)) != 0 ||
	    (e = limits_restore(r)) != 0 ||
	    (e = credentials_restore(r)) != 0)
		return e;
	return (e = threads_make_ready(r)) != 0 ? e : cgroups_limit(r);
}

static void
tell_figures(const struct plan *p, const struct timespec *begin, struct snap_restore_result *result)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	result->total_ns = (uint64_t)(now.tv_sec - begin->tv_sec) * NS + (uint64_t)now.tv_nsec -
	    (uint64_t)begin->tv_nsec;
	result->root_pid = p->targets[0].p->pid;
	result->processes = p->n - p->helpers;
	result->threads = p->threads;
}

int
host_restore(struct plan *p, struct snap_restore_result *result, struct snap_error *err)
{
	struct restore r = { .p = p, .s = p->s, .err = err, .result = result, .wide = sizeof(void *) == 8 };
	struct rlimit files;
	struct snap_error ignored;
	struct timespec begin;
	sigset_t all, old;
	int e;

	if (err == NULL)
		r.err = &ignored;
	r.native32 = host_is_i386();
	clock_gettime(CLOCK_MONOTONIC, &begin);
	getrlimit(RLIMIT_NOFILE, &files);
	/* what we make inherits the mask: nothing is delivered before it is whole */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	cpus_choose(&r);
	e = make_all(&r);
	/* whom we let go may be more urgent than we are */
	cpus_scatter(&r);
	tell_figures(p, &begin, result);
	if (e == 0 && p->o->ready != NULL && p->o->ready(p->problem_ctx, result) != 0)
		e = restore_fail(&r, NULL, 0, 0, "the caller was not ready for it");
	if (e == 0)
		e = tcp_let_go(&r);
	if (e == 0) {
		threads_let_go(&r);
	} else {
		tcp_abandon(&r);
		net_abandon(&r);
		kill_all(&r);
		carried_remove(&r);
		ipc_remove(&r);
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	for (size_t i = 0; i < r.fds.n; i++)
		close((int)(intptr_t)r.fds.v[i]);
	setrlimit(RLIMIT_NOFILE, &files);
	return e;
}
