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
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#define THREADS_MAX	8		/* beyond, the target's page tables are what all wait for */
#define THREAD_BYTES	(2u << 20)	/* less work than this is not worth one */
#define STEP		(64u << 10)	/* looked at a time where memory is compared, or zero */

/* The first that went wrong, in the order of the pieces. */
struct fault {
	size_t		at;		/* its piece */
	int		os_errno;	/* 0: err tells */
	struct snap_error err;
};

struct job {
	struct fill	*f;
	pthread_mutex_t	lock;		/* of what follows, and of the container */
	size_t		next;		/* piece no thread has taken */
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

/* The next block's pieces, *first to the one before *end, and its place; false: nothing is left, or no use. */
static bool
take(struct job *j, size_t *first, size_t *end, struct block_entry *e)
{
	const struct fill *f = j->f;
	const volatile int *cancel = f->r->p->o->cancel;
	struct snap_error err;
	bool got = false;
	int r = 0;

	pthread_mutex_lock(&j->lock);
	if (!j->failed && (cancel == NULL || !*cancel) && j->next < f->n) {
		got = true;
		*first = j->next;
		while (j->next < f->n && same_block(&f->v[*first], &f->v[j->next]))
			j->next++;
		*end = j->next;
		if (f->v[*first].run.kind != PSNAP_RUN_ZERO)
			r = container_find_pages(f->r->s->container, f->v[*first].run.block, e, &err);
	}
	pthread_mutex_unlock(&j->lock);
	if (r != 0)
		remember(j, *first, 0, &err);
	return got && r == 0;
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct job *j = w->job;
	struct block_entry entry;
	size_t i, end;
	int e;

	while (take(j, &i, &end, &entry))
		for (; i < end; i++) {
			const struct piece *p = &j->f->v[i];
			const uint8_t *from = NULL;
			struct snap_error err;

			if (p->run.kind != PSNAP_RUN_ZERO &&
			    page_cursor_read(w->cursor, &p->run, &entry, &from, &err) != 0) {
				remember(j, i, 0, &err);
				break;
			}
			if ((e = write_piece(w, p, from)) != 0) {
				remember(j, i, -e, NULL);
				break;
			}
		}
	return NULL;
}

static size_t
threads_wanted(const struct fill *f)
{
	uint64_t bytes = 0, wanted;
	cpu_set_t cpus;
	size_t most = sched_getaffinity(0, sizeof cpus, &cpus) == 0 ? (size_t)CPU_COUNT(&cpus) : 1;

	for (size_t i = 0; i < f->n; i++)
		bytes += f->v[i].n;
	most = most < THREADS_MAX ? most : THREADS_MAX;
	wanted = bytes / THREAD_BYTES;
	return wanted < 1 ? 1 : wanted < most ? (size_t)wanted : most;
}

/* We are one of them; fewer than wanted only take longer. */
static int
work_together(struct job *j, struct worker *v, size_t n)
{
	size_t made = 0;

	for (size_t i = 0; i < n; i++) {
		v[i].job = j;
		if ((v[i].cursor = page_cursor_new(j->f->r->s->container)) == NULL)
			break;
		made++;
	}
	if (made == 0)
		return restore_nomem(j->f->r);
	n = made;
	for (made = 1; made < n; made++)
		if (pthread_create(&v[made].thread, NULL, work, &v[made]) != 0)
			break;
	work(&v[0]);
	for (size_t i = 1; i < made; i++)
		pthread_join(v[i].thread, NULL);
	return 0;
}

static int
tell(struct restore *r, const struct job *j)
{
	const struct piece *p = &j->f->v[j->fault.at];

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
	size_t n = threads_wanted(f);
	struct worker *v;
	int e;

	if (f->n == 0)
		return 0;
	qsort(f->v, f->n, sizeof *f->v, by_block);
	if ((v = calloc(n, sizeof *v)) == NULL)
		return restore_nomem(f->r);
	if ((e = work_together(&j, v, n)) == 0)
		e = tell(f->r, &j);
	for (size_t i = 0; i < n; i++)
		page_cursor_free(v[i].cursor);
	free(v);
	return e;
}
