/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mappings against each other, and every page run against what it is in.
 * Both come sorted, so that one sweep over each suffices.
 */
#include "format/memory.pb-c.h"
#include "libsnap/validate/validate.h"

#define ULL(n)	((unsigned long long)(n))

/* ---- mappings against each other ---- */

static void
check_neighbours(struct check *v, const struct snap_object *space)
{
	const Psnap__AddressSpace *a = CHECK_MESSAGE(Psnap__AddressSpace, space);
	const struct snap_object *const *maps, *highest = NULL;
	uint64_t end = 0;
	bool vdso = a == NULL || a->vdso_start == 0;
	size_t n;

	maps = snap_get_children(v->s, space->id, PSNAP_KIND_MAPPING, &n);
	for (size_t i = 0; i < n && !v->stopped; i++) {
		const Psnap__Mapping *m = CHECK_MESSAGE(Psnap__Mapping, maps[i]);

		if (highest != NULL && m->start < end)				/* MAP-4 */
			check_corrupt(v, maps[i], "MAP-4", "0x%llx-0x%llx overlaps mapping %llu up to 0x%llx",
			    ULL(m->start), ULL(m->end), ULL(highest->id), ULL(end));
		if (m->end > end) {
			end = m->end;
			highest = maps[i];
		}
		if (!vdso)
			vdso = m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO && m->start == a->vdso_start;
	}
	if (!vdso)								/* ADR-4 */
		check_corrupt(v, space, "ADR-4", "vdso_start 0x%llx is not where a vdso is mapped",
		    ULL(a->vdso_start));
}

/* ---- runs against mappings ---- */

static bool
holds_pages(const Psnap__Mapping *m)
{
	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
	case PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_VDSO:
		return true;
	default:
		return false;
	}
}

/* Where a sweep over the mappings of an address space has come. */
struct sweep {
	const struct snap_object *const *maps;
	size_t		n, at;
	uint64_t	held;		/* pages of runs in maps[at] so far */
};

static const Psnap__Mapping *
current(const struct sweep *w)
{
	return w->at < w->n ? CHECK_MESSAGE(Psnap__Mapping, w->maps[w->at]) : NULL;
}

/* Done with maps[at]: MAP-9. */
static void
leave(struct check *v, struct sweep *w)
{
	const Psnap__Mapping *m = current(w);

	if (m->held_pages != w->held && m->start < m->end)			/* MAP-9 */
		check_corrupt(v, w->maps[w->at], "MAP-9", "held_pages is %llu, but %llu pages are there",
		    ULL(m->held_pages), ULL(w->held));
	w->at++;
	w->held = 0;
}

/* Every page of the run lies in a mapping that can hold it: PAG-2. */
static void
sweep_run(struct check *v, struct sweep *w, const struct snap_object *space, const struct snap_run *run)
{
	uint64_t page = run->first, last = run->first + run->count;
	const Psnap__Mapping *m;

	while (page < last && !v->stopped) {
		while ((m = current(w)) != NULL && m->end >> v->page_shift <= page)
			leave(v, w);
		if (m == NULL || m->start >> v->page_shift > page || !holds_pages(m)) {	/* PAG-2 */
			check_corrupt(v, space, "PAG-2", "page 0x%llx is in no mapping that holds pages",
			    ULL(page << v->page_shift));
			return;
		}
		uint64_t end = m->end >> v->page_shift, upto = end < last ? end : last;

		w->held += upto - page;
		page = upto;
	}
}

static int
check_space_runs(struct check *v, const struct snap_object *space)
{
	struct sweep w = { 0 };
	struct snap_run run = { .owner = space->id };
	int r;

	w.maps = snap_get_children(v->s, space->id, PSNAP_KIND_MAPPING, &w.n);
	while (!v->stopped && (r = snap_next_run(v->s, &run, UINT64_MAX, v->err)) != 0) {
		if (r < 0)
			return r;
		sweep_run(v, &w, space, &run);
	}
	while (!v->stopped && current(&w) != NULL)
		leave(v, &w);
	return 0;
}

static int
check_object_runs(struct check *v, const struct snap_object *o)
{
	const Psnap__MemoryObject *m = CHECK_MESSAGE(Psnap__MemoryObject, o);
	uint64_t pages = (m->size >> v->page_shift) + (m->size % v->page_size != 0), held = 0;
	struct snap_run run = { .owner = o->id };
	int r;

	while (!v->stopped && (r = snap_next_run(v->s, &run, UINT64_MAX, v->err)) != 0) {
		if (r < 0)
			return r;
		held += run.count;
		if (run.first >= pages || run.count > pages - run.first)	/* PAG-3 */
			check_corrupt(v, o, "PAG-3", "pages 0x%llx-0x%llx lie beyond the size of %llu",
			    ULL(run.first), ULL(run.first + run.count), ULL(m->size));
	}
	if (!v->stopped && held != m->held_pages)				/* MOB-3 */
		check_corrupt(v, o, "MOB-3", "held_pages is %llu, but %llu pages are there",
		    ULL(m->held_pages), ULL(held));
	return 0;
}

/* Every owner there is in the index: PAG-1. */
static int
check_run_owners(struct check *v)
{
	uint64_t owner = 0;
	int r;

	while (!v->stopped && (r = container_next_owner(v->s->container, &owner, v->err)) != 0) {
		const struct snap_object *o;

		if (r < 0)
			return r;
		o = snap_get_object(v->s, owner);
		if (o == NULL)							/* PAG-1 */
			check_corrupt(v, NULL, "PAG-1", "pages of object %llu, which is not in the snapshot",
			    ULL(owner));
		else if (o->kind != PSNAP_KIND_ADDRESS_SPACE && o->kind != PSNAP_KIND_MEMORY_OBJECT)
			check_corrupt(v, o, "PAG-1", "has pages, but is no address space or memory object");
		if (owner++ == UINT64_MAX)
			break;
	}
	return 0;
}

int
check_pages(struct check *v)
{
	const struct snap_object *const *all;
	size_t n;
	int r;

	all = snap_get_kind(v->s, PSNAP_KIND_ADDRESS_SPACE, &n);
	for (size_t i = 0; i < n && !v->stopped; i++) {
		check_neighbours(v, all[i]);
		if ((r = check_space_runs(v, all[i])) != 0)
			return r;
	}
	all = snap_get_kind(v->s, PSNAP_KIND_MEMORY_OBJECT, &n);
	for (size_t i = 0; i < n && !v->stopped; i++)
		if (all[i]->message != NULL && (r = check_object_runs(v, all[i])) != 0)
			return r;
	return check_run_owners(v);
}
