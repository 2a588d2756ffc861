/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page contents, every block checked as it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libsnap/container/reader.h"
#include "libsnap/restore/linux/linux.h"

static bool
all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int
write_chunk(struct restore *r, struct target *t, const Psnap__Mapping *m, uint64_t addr, const uint8_t *from,
    size_t n)
{
	int e;

	if (!m->writable)
		return task_force_write(r, t, addr, from, n);
	e = task_write(t->p->pid, addr, from, n);
	return e == 0 ? 0 : restore_fail(r, t, t->p->address_space_id, -e, "writing memory at 0x%llx",
	    (unsigned long long)addr);
}

/* ---- what a copy has from its parent ---- */

/*
 * Into the second half of the buffer.  Not by process_vm_readv(2): it pins
 * pages, and a page that is pinned is shared no more.
 */
static int
read_own(struct restore *r, struct target *t, uint64_t addr, size_t n)
{
	uint8_t *to = r->buffer + BUFFER_SIZE / 2;
	char path[32];
	int fd, e = 0;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)t->p->pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0 || pread(fd, to, n, (off_t)addr) != (ssize_t)n)
		e = errno != 0 ? errno : EIO;
	if (fd >= 0)
		close(fd);
	return e == 0 ? 0 : restore_fail(r, t, t->p->address_space_id, e, "reading memory at 0x%llx",
	    (unsigned long long)addr);
}

/* Write pages that differ, in stretches; the others stay shared with the parent. */
static int
write_changed(struct restore *r, struct target *t, const Psnap__Mapping *m, uint64_t addr,
    const uint8_t *bytes, size_t n)
{
	size_t page = r->p->page;
	const uint8_t *own = r->buffer + BUFFER_SIZE / 2;
	int e;

	if ((e = read_own(r, t, addr, n)) != 0)
		return e;
	for (size_t at = 0, end; at < n; at = end + page) {
		for (end = at; end < n && memcmp(bytes + end, own + end, page) != 0; end += page)
			;
		if (end > at && (e = write_chunk(r, t, m, addr + at, bytes + at, end - at)) != 0)
			return e;
	}
	return 0;
}

/* Whether t's snapshot holds this page. */
static bool
holds(struct restore *r, const struct target *t, uint64_t page, uint64_t *until, uint64_t last)
{
	struct snap_run run = { .owner = t->p->address_space_id, .first = page };

	if (snap_next_run(r->s, &run, last, NULL) != 1) {
		*until = last;
		return false;
	}
	if (run.first > page) {
		*until = run.first;
		return false;
	}
	*until = run.first + run.count;
	return true;
}

/* Pages the parent had and the copy has not are dropped from it. */
static int
drop_extra(struct restore *r, struct target *t, const Psnap__Mapping *m)
{
	uint64_t page = r->p->page, last = m->end / page, until;
	struct snap_run run = { .owner = t->parent->p->address_space_id, .first = m->start / page };
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first < m->start / page ? m->start / page : run.first;
		uint64_t end = run.first + run.count < last ? run.first + run.count : last;

		for (; at < end; at = until) {
			bool held = holds(r, t, at, &until, end);

			until = until < end ? until : end;
			if (!held && (e = ask(r, &t->tasks[0], NR_MADVISE, WANT_ZERO, "dropping its parent's pages",
			    t->p->address_space_id, ARGS(at * page, (until - at) * page, MADV_DONTNEED))) != 0)
				return e;
		}
	}
	return more == 0 ? 0 : restore_fail(r, t, t->p->address_space_id, 0, "%s", err.msg);
}

/* ---- what a process had written ---- */

/* A stretch of one mapping to be written. */
struct chunk {
	const Psnap__Mapping *m;
	uint64_t	addr;
	size_t		n;
	bool		copied;		/* in its place is what the parent has */
	uint8_t		*bytes;
};

/* Where a walk over the held pages of a process is. */
struct walk {
	struct restore	*r;
	struct target	*t;
	const struct snap_object *const *v;
	size_t		nv, next;	/* mappings, the next one */
	const Psnap__Mapping *m;	/* current one, NULL none */
	bool		copied;
	struct snap_run	run;
	uint64_t	at, end;	/* rest of the run */
};

static bool
has_pages(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE;
}

/* On to a mapping that holds pages; false at the end. */
static bool
next_mapping(struct walk *w)
{
	while (w->next < w->nv) {
		const Psnap__Mapping *m = (const void *)w->v[w->next++]->message;

		if (m->held_pages == 0 || !has_pages(m))
			continue;
		w->m = m;
		w->copied = w->t->host->inherits && space_has(w->r, w->t->parent->space, m);
		w->run = (struct snap_run){ .owner = w->t->p->address_space_id, .first = m->start / w->r->p->page };
		return true;
	}
	return false;
}

/* 1: something of a run is ahead, from w->at to w->end; 0 at the end; or a snap_code. */
static int
next_run(struct walk *w, struct snap_error *err)
{
	uint64_t page = w->r->p->page;
	int more;

	while (w->at == w->end) {
		if (w->m == NULL && !next_mapping(w))
			return 0;
		if ((more = snap_next_run(w->r->s, &w->run, w->m->end / page, err)) < 0)
			return more;
		if (more == 0) {
			w->m = NULL;
			continue;
		}
		/* fresh anonymous memory is zero already */
		if (w->run.kind == PSNAP_RUN_ZERO && w->m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS &&
		    !w->copied)
			continue;
		w->at = w->run.first * page < w->m->start ? w->m->start : w->run.first * page;
		w->end = (w->run.first + w->run.count) * page;
		w->end = w->end > w->m->end ? w->m->end : w->end;
	}
	return 1;
}

static void
take_chunk(struct walk *w, struct chunk *c)
{
	size_t most = w->copied ? BUFFER_SIZE / 2 : BUFFER_SIZE;

	c->m = w->m;
	c->copied = w->copied;
	c->addr = w->at;
	c->n = w->end - w->at < most ? (size_t)(w->end - w->at) : most;
	w->at += c->n;
}

/* The next chunk, without its bytes; as next_run(). */
static int
next_chunk(struct walk *w, struct chunk *c, struct snap_error *err)
{
	int more = next_run(w, err);

	if (more == 1)
		take_chunk(w, c);
	return more;
}

static int
read_bytes(struct walk *w, const struct chunk *c, struct snap_error *err)
{
	return snap_read_memory(w->r->s, w->t->p->address_space_id, c->addr, c->bytes, c->n, NULL, err);
}

static int
write_bytes(struct restore *r, struct target *t, const struct chunk *c)
{
	r->result->bytes += c->n;
	r->result->pages += c->n / r->p->page;
	if (c->copied)
		return write_changed(r, t, c->m, c->addr, c->bytes, c->n);
	return write_chunk(r, t, c->m, c->addr, c->bytes, c->n);
}

/* The snapshot's fault, in its own words. */
static int
unreadable(struct restore *r, const struct snap_error *err)
{
	if (!r->failed) {
		*r->err = *err;
		r->failed = true;
	}
	return r->err->code;
}

static int
write_alone(struct walk *w)
{
	struct chunk c = { .bytes = w->r->buffer };
	struct snap_error err;
	int more, e;

	while ((more = next_chunk(w, &c, &err)) == 1) {
		if (read_bytes(w, &c, &err) != 0)
			return unreadable(w->r, &err);
		if ((e = write_bytes(w->r, w->t, &c)) != 0)
			return e;
	}
	return more == 0 ? 0 : unreadable(w->r, &err);
}

/* ---- pages that stay in the file ---- */

/* Those of ordinary anonymous memory, uncompressed; what the kernel grows by itself is not. */
static bool
can_map(const struct walk *w)
{
	return w->m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS && !w->copied && !w->m->grows_down &&
	    !w->m->huge_tlb && !w->m->locked && w->run.kind == PSNAP_RUN_STORED;
}

/*
 * The part of the walk's run that is ahead, mapped over its place: the
 * snapshot is descriptor 0 of the target.  1 done, 0 it has to be read.
 */
static int
map_run(struct walk *w, struct snap_error *err)
{
	uint64_t page = w->r->p->page, skip = w->at - w->run.first * page, offset;
	const Psnap__Mapping *m = w->m;
	uint64_t prot = (m->readable ? PROT_READ : 0) | (m->writable ? PROT_WRITE : 0) |
	    (m->executable ? PROT_EXEC : 0);
	int fd, can = container_map(w->r->s->container, &w->run, &fd, &offset, err);

	if (can != 1)
		return can;
	offset += skip;
	can = ask(w->r, &w->t->tasks[0], NR_MMAP, WANT_SAME, "mapping pages from the snapshot",
	    w->t->p->address_space_id, ARGS(w->at, w->end - w->at, prot, MAP_PRIVATE | MAP_FIXED, 0,
	    w->t->is32 ? offset / PAGE_SIZE_LINUX : offset));
	w->r->result->pages += (w->end - w->at) / page;
	w->at = w->end;
	return can != 0 ? can : 1;
}

/* As its first pages are, so are all of a snapshot. */
static bool
is_uncompressed(const struct walk *w)
{
	struct walk probe = *w;
	uint64_t offset;
	int fd;

	while (next_run(&probe, NULL) == 1) {
		if (probe.run.kind == PSNAP_RUN_STORED)
			return container_map(w->r->s->container, &probe.run, &fd, &offset, NULL) == 1;
		probe.at = probe.end;
	}
	return false;
}

static int
map_what_can_be(struct walk *w)
{
	struct chunk c = { .bytes = w->r->buffer };
	int fd = w->r->s->container->fd, more, e;
	struct snap_error err;

	put_reset(w->t);
	if ((e = descriptors_send(w->r, &w->t->tasks[0], &fd, 1, false)) != 0)
		return e;
	for (;;) {
		if ((more = next_run(w, &err)) != 1)
			break;
		if (can_map(w) && (e = map_run(w, &err)) != 0) {
			if (e < 0)
				return w->r->failed ? e : unreadable(w->r, &err);
			continue;
		}
		while (w->at < w->end) {
			take_chunk(w, &c);
			if (read_bytes(w, &c, &err) != 0)
				return unreadable(w->r, &err);
			if ((e = write_bytes(w->r, w->t, &c)) != 0)
				return e;
		}
	}
	if (more < 0)
		return unreadable(w->r, &err);
	if ((e = ask(w->r, &w->t->tasks[0], NR_CLOSE, WANT_ZERO, "closing the snapshot", w->t->id, ARGS(0))) != 0)
		return e;
	return run(w->r);
}

/*
 * For much memory: a second thread reads and checks ahead.  It alone uses the
 * snapshot meanwhile.
 */
#define AHEAD		3
#define MUCH_PAGES	4096

struct ahead {
	struct walk	*w;
	pthread_mutex_t	lock;
	pthread_cond_t	change;
	struct chunk	chunk[AHEAD];
	size_t		read, written;	/* counts; chunk n is at n % AHEAD */
	bool		end, stop;
	struct snap_error err;		/* code 0: none */
};

static void *
read_ahead(void *arg)
{
	struct ahead *a = arg;
	int more = 1;

	while (more == 1) {
		struct chunk *c = &a->chunk[a->read % AHEAD];
		bool stop;

		pthread_mutex_lock(&a->lock);
		while (a->read - a->written == AHEAD && !a->stop)
			pthread_cond_wait(&a->change, &a->lock);
		stop = a->stop;
		pthread_mutex_unlock(&a->lock);
		if (stop)
			break;
		if ((more = next_chunk(a->w, c, &a->err)) == 1 && read_bytes(a->w, c, &a->err) != 0)
			more = a->err.code;
		pthread_mutex_lock(&a->lock);
		if (more == 1)
			a->read++;
		else
			a->end = true;
		pthread_cond_signal(&a->change);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

static int
write_what_is_read(struct ahead *a)
{
	int e = 0;

	for (;;) {
		pthread_mutex_lock(&a->lock);
		while (a->read == a->written && !a->end)
			pthread_cond_wait(&a->change, &a->lock);
		if (a->read == a->written) {
			pthread_mutex_unlock(&a->lock);
			return a->err.code == 0 ? 0 : unreadable(a->w->r, &a->err);
		}
		pthread_mutex_unlock(&a->lock);
		if ((e = write_bytes(a->w->r, a->w->t, &a->chunk[a->written % AHEAD])) != 0)
			return e;
		pthread_mutex_lock(&a->lock);
		a->written++;
		pthread_cond_signal(&a->change);
		pthread_mutex_unlock(&a->lock);
	}
}

static int
write_in_parallel(struct walk *w)
{
	struct ahead a = { .w = w, .lock = PTHREAD_MUTEX_INITIALIZER, .change = PTHREAD_COND_INITIALIZER };
	uint8_t *buffers = malloc((size_t)AHEAD * BUFFER_SIZE);
	pthread_t reader;
	int e;

	for (size_t i = 0; i < AHEAD && buffers != NULL; i++)
		a.chunk[i].bytes = buffers + i * BUFFER_SIZE;
	if (buffers == NULL || pthread_create(&reader, NULL, read_ahead, &a) != 0) {
		free(buffers);
		return write_alone(w);
	}
	e = write_what_is_read(&a);
	pthread_mutex_lock(&a.lock);
	a.stop = true;
	pthread_cond_signal(&a.change);
	pthread_mutex_unlock(&a.lock);
	pthread_join(reader, NULL);
	free(buffers);
	return e;
}

int
pages_write(struct restore *r, struct target *t)
{
	struct walk w = { .r = r, .t = t };
	uint64_t held = 0;
	int e;

	w.v = snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, &w.nv);
	for (size_t k = 0; k < w.nv; k++) {
		const Psnap__Mapping *m = (const void *)w.v[k]->message;

		held += has_pages(m) ? m->held_pages : 0;
		if (t->host->inherits && has_pages(m) && space_has(r, t->parent->space, m) &&
		    (e = drop_extra(r, t, m)) != 0)
			return e;
	}
	if ((e = run(r)) != 0)
		return e;
	if (r->p->o->lazy && is_uncompressed(&w))
		e = map_what_can_be(&w);
	else
		e = held < MUCH_PAGES ? write_alone(&w) : write_in_parallel(&w);
	if (e == 0 && r->p->o->cancel != NULL && *r->p->o->cancel)
		e = restore_fail(r, NULL, 0, 0, "interrupted");
	return e;
}

int
pages_read_object(struct restore *r, uint64_t id, int fd, uint64_t size)
{
	uint64_t page = r->p->page, last = (size + page - 1) / page;
	struct snap_run run = { .owner = id };
	struct snap_error err;
	int more;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first * page, end = (run.first + run.count) * page;

		if (run.kind == PSNAP_RUN_ZERO)
			continue;
		end = end > size ? size : end;
		for (size_t n; at < end; at += n) {
			n = end - at < BUFFER_SIZE ? (size_t)(end - at) : BUFFER_SIZE;
			if (snap_read_memory(r->s, id, at, r->buffer, n, NULL, &err) != 0)
				return unreadable(r, &err);
			if (!all_zero(r->buffer, n) && pwrite(fd, r->buffer, n, (off_t)at) != (ssize_t)n)
				return restore_fail(r, NULL, id, errno, "writing a memory object");
			r->result->bytes += n;
			r->result->pages += (n + page - 1) / page;
		}
	}
	return more == 0 ? 0 : unreadable(r, &err);
}
