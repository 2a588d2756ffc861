/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages from the snapshot to their places, by several threads: each takes the
 * next block, reads and checks it, and writes what is wanted of it.  A block
 * is read once, whoever's pages it holds.
 *
 * The threads touch nothing of the restore but what is passed here: tracing is
 * the main thread's alone.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define THREADS_MAX	8		/* beyond, the target's page tables are what all wait for */
#define THREAD_BYTES	(2u << 20)	/* less to read than this is not worth one */
#define STEP		(64u << 10)	/* looked at a time where memory is compared, or zero */

/* The first that went wrong, in the order of the pieces. */
struct fault {
	size_t		at;		/* its piece */
	int		os_errno;	/* 0: err tells */
	struct snap_error err;
};

/* The pieces of one block, or those of zeros: what a thread takes at a time. */
struct turn {
	size_t		first, end;
	struct block_entry entry;	/* zeros: length 0 */
};

struct job {
	struct fill	*f;
	struct turn	*turns;
	size_t		nturns;

	pthread_mutex_t	lock;		/* of what follows */
	size_t		next;		/* turn no thread has taken */
	bool		failed;
	struct fault	fault;
};

struct worker {
	struct job	*job;
	pthread_t	thread;
	struct page_cursor *cursor;
	uint8_t		own[STEP];	/* what a copy has from its parent */
};

static const uint8_t zeros[STEP];

/* ---- pieces ---- */

int
fill_add(struct fill *f, const struct piece *p)
{
	if (f->n == f->cap) {
		size_t cap = f->cap == 0 ? 64 : f->cap * 2;
		struct piece *v = cap > SIZE_MAX / sizeof *v ? NULL : realloc(f->v, cap * sizeof *v);

		if (v == NULL)
			return restore_nomem(f->r);
		f->v = v;
		f->cap = cap;
	}
	f->v[f->n++] = *p;
	return 0;
}

void
fill_fini(struct fill *f)
{
	free(f->v);
	f->v = NULL;
	f->n = f->cap = 0;
}

/* By block; pages of zeros are in none, and first. */
static int
by_block(const void *a, const void *b)
{
	const struct piece *x = a, *y = b;

	if (x->run.kind != y->run.kind)
		return x->run.kind == PSNAP_RUN_ZERO ? -1 : 1;
	if (x->run.block != y->run.block)
		return x->run.block < y->run.block ? -1 : 1;
	return x->run.page < y->run.page ? -1 : x->run.page > y->run.page;
}

static bool
same_block(const struct piece *a, const struct piece *b)
{
	return a->run.kind == b->run.kind && a->run.block == b->run.block;
}

static int
find_turns(struct job *j)
{
	const struct piece *v = j->f->v;
	struct snap_error err;

	if ((j->turns = calloc(j->f->n, sizeof *j->turns)) == NULL)
		return restore_nomem(j->f->r);
	for (size_t i = 0; i < j->f->n; i++) {
		struct turn *t = &j->turns[j->nturns];

		if (i > 0 && same_block(&v[i - 1], &v[i])) {
			t[-1].end = i + 1;
			continue;
		}
		t->first = i;
		t->end = i + 1;
		if (v[i].run.kind != PSNAP_RUN_ZERO &&
		    container_find_pages(j->f->r->s->container, v[i].run.block, &t->entry, &err) != 0)
			return restore_unreadable(j->f->r, &err);
		j->nturns++;
	}
	return 0;
}

/* ---- writing; 0 or -errno ---- */

static int
write_plain(const struct piece *p, uint64_t addr, const uint8_t *from, size_t n)
{
	if (p->t == NULL)
		return pwrite(p->fd, from, n, (off_t)addr) == (ssize_t)n ? 0 : errno != 0 ? -errno : -EIO;
	return p->m->writable ? task_write(p->t->p->pid, addr, from, n) :
	    task_force_write(p->t->p->pid, addr, from, n);
}

/* Pages that differ, in stretches; the others stay shared with the parent. */
static int
write_stretches(const struct piece *p, uint64_t addr, const uint8_t *from, const uint8_t *own, size_t n)
{
	size_t page = PAGE_SIZE_LINUX;
	int e;

	for (size_t at = 0, end; at < n; at = end + page) {
		for (end = at; end < n && memcmp(from + end, own + end, page) != 0; end += page)
			;
		if (end > at && (e = write_plain(p, addr + at, from + at, end - at)) != 0)
			return e;
	}
	return 0;
}

/*
 * What the copy has is not read by process_vm_readv(2): that pins pages, and a
 * page that is pinned is shared no more.
 */
static int
write_changed(struct worker *w, const struct piece *p, const uint8_t *from)
{
	char path[32];
	int fd, e = 0;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)p->t->p->pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return -errno;
	for (uint64_t at = 0, n; at < p->n && e == 0; at += n) {
		n = p->n - at < STEP ? p->n - at : STEP;
		if (pread(fd, w->own, (size_t)n, (off_t)(p->addr + at)) != (ssize_t)n)
			e = errno != 0 ? -errno : -EIO;
		else
			e = write_stretches(p, p->addr + at, from != NULL ? from + at : zeros, w->own, (size_t)n);
	}
	close(fd);
	return e;
}

static int
write_zeros(const struct piece *p)
{
	int e = 0;

	for (uint64_t at = 0, n; at < p->n && e == 0; at += n) {
		n = p->n - at < STEP ? p->n - at : STEP;
		e = write_plain(p, p->addr + at, zeros, (size_t)n);
	}
	return e;
}

/* from: NULL zeros. */
static int
write_piece(struct worker *w, const struct piece *p, const uint8_t *from)
{
	errno = 0;
	if (p->copied)
		return write_changed(w, p, from);
	return from == NULL ? write_zeros(p) : write_plain(p, p->addr, from, (size_t)p->n);
}

/* ---- threads ---- */

static void
remember(struct job *j, size_t at, int os_errno, const struct snap_error *err)
{
	pthread_mutex_lock(&j->lock);
	if (!j->failed || at < j->fault.at) {
		j->fault.at = at;
		j->fault.os_errno = os_errno;
		if (os_errno == 0)
			j->fault.err = *err;
	}
	j->failed = true;
	pthread_mutex_unlock(&j->lock);
}

/* NULL: nothing is left to do, or there is no use. */
static const struct turn *
take_turn(struct job *j)
{
	const volatile int *cancel = j->f->r->p->o->cancel;
	const struct turn *t = NULL;

	pthread_mutex_lock(&j->lock);
	if (!j->failed && (cancel == NULL || !*cancel) && j->next < j->nturns)
		t = &j->turns[j->next++];
	pthread_mutex_unlock(&j->lock);
	return t;
}

static bool
fill_piece(struct worker *w, const struct turn *t, size_t i)
{
	const struct piece *p = &w->job->f->v[i];
	const uint8_t *from = NULL;
	struct snap_error err;
	int e;

	if (p->run.kind != PSNAP_RUN_ZERO &&
	    page_cursor_read(w->cursor, &p->run, &t->entry, &from, &err) != 0) {
		remember(w->job, i, 0, &err);
		return false;
	}
	if ((e = write_piece(w, p, from)) != 0) {
		remember(w->job, i, -e, NULL);
		return false;
	}
	return true;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	const struct turn *t;

	while ((t = take_turn(w->job)) != NULL)
		for (size_t i = t->first; i < t->end; i++)
			if (!fill_piece(w, t, i))
				break;
	return NULL;
}

static size_t
threads_wanted(const struct job *j)
{
	size_t most = cpus_count(j->f->r);
	uint64_t bytes = 0, wanted;

	for (size_t i = 0; i < j->nturns; i++)
		bytes += j->turns[i].entry.length;
	most = most < THREADS_MAX ? most : THREADS_MAX;
	most = most < j->nturns ? most : j->nturns;
	wanted = bytes / THREAD_BYTES;
	return wanted <= 1 || most <= 1 ? 1 : wanted < most ? (size_t)wanted : most;
}

/* We are one of n; fewer only take longer. */
static void
work_in_threads(struct worker *v, size_t n)
{
	size_t made = 1;

	while (made < n && pthread_create(&v[made].thread, NULL, work, &v[made]) == 0)
		made++;
	work(&v[0]);
	for (size_t i = 1; i < made; i++)
		pthread_join(v[i].thread, NULL);
}

static int
work_together(struct job *j)
{
	struct restore *r = j->f->r;
	size_t n = threads_wanted(j), ready = 0;
	struct worker *v = calloc(n, sizeof *v);

	while (v != NULL && ready < n && (v[ready].cursor = page_cursor_new(r->s->container)) != NULL)
		v[ready++].job = j;
	if (ready > 1) {
		cpus_scatter(r);
		work_in_threads(v, ready);
		cpus_gather(r, 0);
	} else if (ready == 1) {
		work(&v[0]);
	}
	for (size_t i = 0; i < ready; i++)
		page_cursor_free(v[i].cursor);
	free(v);
	return ready > 0 ? 0 : restore_nomem(r);
}

static int
tell(const struct job *j)
{
	const struct piece *p = &j->f->v[j->fault.at];
	struct restore *r = j->f->r;

	if (!j->failed)
		return restore_goes_on(r);
	if (j->fault.os_errno == 0)
		return restore_unreadable(r, &j->fault.err);
	if (p->t == NULL)
		return restore_fail(r, NULL, p->run.owner, j->fault.os_errno, "writing a memory object");
	return restore_fail(r, p->t, p->run.owner, j->fault.os_errno, "writing memory at 0x%llx",
	    (unsigned long long)p->addr);
}

int
fill_write(struct fill *f)
{
	struct job j = { .f = f, .lock = PTHREAD_MUTEX_INITIALIZER };
	int e;

	if (f->n == 0)
		return 0;
	qsort(f->v, f->n, sizeof *f->v, by_block);
	if ((e = find_turns(&j)) == 0 && (e = work_together(&j)) == 0)
		e = tell(&j);
	free(j.turns);
	return e;
}
