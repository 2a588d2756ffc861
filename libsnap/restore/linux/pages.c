/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page contents, every block checked as it is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static bool
all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int
read_chunk(struct restore *r, const struct target *t, uint64_t owner, uint64_t addr, size_t n)
{
	struct snap_error err;

	if (snap_read_memory(r->s, owner, addr, r->buffer, n, NULL, &err) == 0)
		return 0;
	/* the snapshot's fault, in its own words */
	if (!r->failed) {
		*r->err = err;
		r->failed = true;
	}
	(void)t;
	return err.code;
}

static int
write_chunk(struct restore *r, struct target *t, const Psnap__Mapping *m, uint64_t addr, const uint8_t *from,
    size_t n)
{
	int e;

	if (!m->writable)
		return mem_force(r, t, addr, from, n);
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
write_changed(struct restore *r, struct target *t, const Psnap__Mapping *m, uint64_t addr, size_t n)
{
	size_t page = r->p->page;
	const uint8_t *own = r->buffer + BUFFER_SIZE / 2;
	int e;

	if ((e = read_own(r, t, addr, n)) != 0)
		return e;
	for (size_t at = 0, end; at < n; at = end + page) {
		for (end = at; end < n && memcmp(r->buffer + end, own + end, page) != 0; end += page)
			;
		if (end > at && (e = write_chunk(r, t, m, addr + at, r->buffer + at, end - at)) != 0)
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

static int
write_mapping(struct restore *r, struct target *t, const Psnap__Mapping *m)
{
	uint64_t owner = t->p->address_space_id, page = r->p->page, last = m->end / page;
	struct snap_run run = { .owner = owner, .first = m->start / page };
	bool copied = t->host->inherits && space_has(r, t->parent->space, m);
	size_t most = copied ? BUFFER_SIZE / 2 : BUFFER_SIZE;
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first * page, end = (run.first + run.count) * page;

		at = at < m->start ? m->start : at;
		end = end > m->end ? m->end : end;
		/* fresh anonymous memory is zero already */
		if (run.kind == PSNAP_RUN_ZERO && m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS && !copied)
			continue;
		for (size_t n; at < end; at += n) {
			n = end - at < most ? (size_t)(end - at) : most;
			if ((e = read_chunk(r, t, owner, at, n)) != 0 ||
			    (e = copied ? write_changed(r, t, m, at, n) : write_chunk(r, t, m, at, r->buffer, n)) != 0)
				return e;
			r->result->bytes += n;
			r->result->pages += n / page;
		}
	}
	return more == 0 ? 0 : restore_fail(r, t, owner, 0, "%s", err.msg);
}

static bool
has_pages(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE;
}

int
pages_write(struct restore *r, struct target *t)
{
	size_t n;
	const struct snap_object *const *v =
	    snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, &n);
	int e;

	for (size_t k = 0; k < n && t->host->inherits; k++) {
		const Psnap__Mapping *m = (const void *)v[k]->message;

		if (has_pages(m) && space_has(r, t->parent->space, m) && (e = drop_extra(r, t, m)) != 0)
			return e;
	}
	if ((e = run(r)) != 0)
		return e;
	for (size_t k = 0; k < n; k++) {
		const Psnap__Mapping *m = (const void *)v[k]->message;

		if (m->held_pages == 0 || !has_pages(m))
			continue;
		if ((e = write_mapping(r, t, m)) != 0)
			return e;
		if (r->p->o->cancel != NULL && *r->p->o->cancel)
			return restore_fail(r, NULL, 0, 0, "interrupted");
	}
	return 0;
}

int
pages_read_object(struct restore *r, uint64_t id, int fd, uint64_t size)
{
	uint64_t page = r->p->page, last = (size + page - 1) / page;
	struct snap_run run = { .owner = id };
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first * page, end = (run.first + run.count) * page;

		if (run.kind == PSNAP_RUN_ZERO)
			continue;
		end = end > size ? size : end;
		for (size_t n; at < end; at += n) {
			n = end - at < BUFFER_SIZE ? (size_t)(end - at) : BUFFER_SIZE;
			if ((e = read_chunk(r, NULL, id, at, n)) != 0)
				return e;
			if (!all_zero(r->buffer, n) && pwrite(fd, r->buffer, n, (off_t)at) != (ssize_t)n)
				return restore_fail(r, NULL, id, errno, "writing a memory object");
			r->result->bytes += n;
			r->result->pages += (n + page - 1) / page;
		}
	}
	return more == 0 ? 0 : restore_fail(r, NULL, id, 0, "%s", err.msg);
}
