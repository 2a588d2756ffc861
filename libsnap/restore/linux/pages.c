/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What processes had in their memory: which pages of the snapshot are written
 * where, which are mapped from it, and which of the origin's are not the copy's.
 */
#include <errno.h>
#include <sys/mman.h>

#include "libsnap/restore/linux/linux.h"

/* ---- what a copy has from its origin ---- */

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

/* Pages the origin had and the copy has not are dropped from it. */
static int
drop_extra(struct restore *r, struct target *t, const Psnap__Mapping *m)
{
	uint64_t page = r->p->page, last = m->end / page, until;
	struct snap_run run = { .owner = t->origin->p->address_space_id, .first = m->start / page };
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first < m->start / page ? m->start / page : run.first;
		uint64_t end = run.first + run.count < last ? run.first + run.count : last;

		for (; at < end; at = until) {
			bool held = holds(r, t, at, &until, end);

			until = until < end ? until : end;
			if (!held && (e = ask(r, &t->tasks[0], NR_MADVISE, WANT_ZERO, "dropping its origin's pages",
			    t->p->address_space_id, ARGS(at * page, (until - at) * page, MADV_DONTNEED))) != 0)
				return e;
		}
	}
	return more == 0 ? 0 : restore_unreadable(r, &err);
}

/* ---- pages that stay in the file ---- */

/* Those of ordinary anonymous memory; what the kernel grows by itself is not. */
static bool
may_map(const struct restore *r, const struct piece *p)
{
	const Psnap__Mapping *m = p->m;

	return r->p->o->lazy && m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS && !p->copied &&
	    !m->grows_down && !m->huge_tlb && !m->locked && p->run.kind == PSNAP_RUN_STORED;
}

/*
 * Map a piece over its place, if it is not compressed: the snapshot is
 * descriptor 0 of the target once *sent.  1 done, 0 it has to be written.
 */
static int
map_piece(struct restore *r, struct target *t, const struct piece *p, bool *sent)
{
	const Psnap__Mapping *m = p->m;
	uint64_t offset, prot = (m->readable ? PROT_READ : 0) | (m->writable ? PROT_WRITE : 0) |
	    (m->executable ? PROT_EXEC : 0);
	struct snap_error err;
	int fd, e = container_map(r->s->container, &p->run, &fd, &offset, &err);

	if (e != 1)
		return e == 0 ? 0 : restore_unreadable(r, &err);
	if (!*sent && (e = descriptors_send(r, &t->tasks[0], &fd, 1, false)) != 0)
		return e;
	*sent = true;
	e = ask(r, &t->tasks[0], NR_MMAP, WANT_SAME, "mapping pages from the snapshot", t->p->address_space_id,
	    ARGS(p->addr, p->n, prot, MAP_PRIVATE | MAP_FIXED, 0, t->is32 ? offset / PAGE_SIZE_LINUX : offset));
	return e != 0 ? e : 1;
}

/* ---- what a process had written ---- */

static bool
has_pages(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE;
}

/* What of the run is in pages [first, last). */
static void
clip(struct snap_run *run, uint64_t first, uint64_t last)
{
	uint64_t skip = run->first < first ? first - run->first : 0;

	run->first += skip;
	run->count -= skip;
	run->page += run->kind == PSNAP_RUN_STORED ? (uint32_t)skip : 0;
	if (run->count > last - run->first)
		run->count = last - run->first;
}

static int
collect_mapping(struct restore *r, struct target *t, const Psnap__Mapping *m, struct fill *f, bool *sent)
{
	struct piece p = { .t = t, .m = m, .copied = t->host->inherits && space_has(r, t->origin->space, m) };
	struct snap_run run = { .owner = t->p->address_space_id, .first = m->start / r->p->page };
	uint64_t first = run.first, last = m->end / r->p->page;
	struct snap_error err;
	int more = 0, e;

	if (p.copied && (e = drop_extra(r, t, m)) != 0)
		return e;
	while (m->held_pages > 0 && (more = snap_next_run(r->s, &run, last, &err)) == 1) {
		/* fresh anonymous memory is zero already */
		if (run.kind == PSNAP_RUN_ZERO && m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS && !p.copied)
			continue;
		p.run = run;
		clip(&p.run, first, last);
		p.addr = p.run.first * r->p->page;
		p.n = p.run.count * r->p->page;
		r->result->pages += p.run.count;
		if ((e = may_map(r, &p) ? map_piece(r, t, &p, sent) : 0) < 0)
			return e;
		if (e == 1)
			continue;
		r->result->bytes += p.n;
		if ((e = fill_add(f, &p)) != 0)
			return e;
	}
	return more == 0 ? 0 : restore_unreadable(r, &err);
}

static int
collect(struct restore *r, struct target *t, struct fill *f)
{
	size_t n;
	const struct snap_object *const *v =
	    snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, &n);
	bool sent = false;
	int e;

	put_reset(t);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (has_pages(m) && (e = collect_mapping(r, t, m, f, &sent)) != 0)
			return e;
	}
	return sent ? ask(r, &t->tasks[0], NR_CLOSE, WANT_ZERO, "closing the snapshot", t->id, ARGS(0)) : 0;
}

int
pages_write(struct restore *r, struct target *const *v, size_t n)
{
	struct fill f = { .r = r };
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		struct target *t = v[i];

		if (t->zombie || t->space != t)
			continue;
		/* tables in common are used by one at a time */
		if ((e = t->table != t ? run(r) : 0) == 0 && (e = collect(r, t, &f)) == 0)
			e = t->table != t ? run(r) : 0;
	}
	if (e == 0 && (e = run(r)) == 0)
		e = fill_write(&f);
	fill_fini(&f);
	return e;
}

int
pages_read_object(struct restore *r, uint64_t id, int fd, uint64_t size)
{
	uint64_t page = r->p->page, last = (size + page - 1) / page;
	struct snap_run run = { .owner = id };
	struct fill f = { .r = r };
	struct snap_error err;
	int more, e = 0;

	while (e == 0 && (more = snap_next_run(r->s, &run, last, &err)) == 1) {
		struct piece p = { .run = run, .addr = run.first * page, .fd = fd };

		if (run.kind == PSNAP_RUN_ZERO)
			continue;
		clip(&p.run, 0, last);
		p.n = p.run.count * page < size - p.addr ? p.run.count * page : size - p.addr;
		r->result->pages += p.run.count;
		r->result->bytes += p.n;
		e = fill_add(&f, &p);
	}
	if (e == 0)
		e = more == 0 ? fill_write(&f) : restore_unreadable(r, &err);
	fill_fini(&f);
	return e;
}
