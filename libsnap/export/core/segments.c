/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which bytes of memory the core has.
 *
 * A page the snapshot holds is in the core.  An absent page of a file mapping
 * is not, so that a debugger takes it from the file that the FILE note names.
 * Absent pages elsewhere are zero: a few between others are written, long
 * stretches are left out, which debuggers read as zeros too.
 */
#include <elf.h>
#include <stdlib.h>

#include "libsnap/core/error.h"
#include "libsnap/export/core/core.h"

#define FILL_PAGES	16	/* zeros written rather than cutting a segment in two */

struct cutter {
	struct core	*c;
	struct segments	*out;
	struct snap_error *err;
	const Psnap__Mapping *m;
	uint32_t	flags;
	bool		zeros;		/* absent pages are zero */
};

static int
add(const struct cutter *k, uint64_t start, uint64_t end, bool held, uint64_t owner, uint64_t base)
{
	struct segments *out = k->out;
	struct segment *last = out->n > 0 ? &out->v[out->n - 1] : NULL, *bigger;

	if (start == end)
		return 0;
	if (last != NULL && start != k->m->start && last->held == held && (!held ||
	    (last->owner == owner && (owner == 0 || last->base + (last->end - last->start) == base)))) {
		last->end = end;
		return 0;
	}
	if (out->n == out->cap) {
		size_t cap = out->cap == 0 ? 64 : out->cap * 2;

		if (cap > SIZE_MAX / sizeof *bigger ||
		    (bigger = realloc(out->v, cap * sizeof *bigger)) == NULL)
			return error_nomem(k->err);
		last = out->n > 0 ? &bigger[out->n - 1] : NULL;
		out->v = bigger;
		out->cap = cap;
	}
	out->v[out->n] = (struct segment){ .start = start, .end = end, .flags = k->flags, .held = held,
	    .joined = held && last != NULL && last->held && start != k->m->start,
	    .owner = owner, .base = base };
	out->loads += !out->v[out->n++].joined;
	return 0;
}

/* Pages that nobody holds. */
static int
absent(const struct cutter *k, uint64_t start, uint64_t end)
{
	return add(k, start, end, k->zeros && end - start <= (uint64_t)FILL_PAGES * k->c->page, 0, 0);
}

/*
 * The stretch from start to end, cut where owner has pages; base is the
 * mapping's beginning there.  What owner lacks is looked for in `below`, the
 * memory object of a private mapping, unless that is 0.
 */
static int
cut(const struct cutter *k, uint64_t owner, uint64_t base, uint64_t below, uint64_t start, uint64_t end)
{
	uint64_t page = k->c->page, shift = base - k->m->start, at = start;
	struct snap_run run = { .owner = owner, .first = (start + shift) / page };
	uint64_t last = (end + shift) / page, from, to;
	int r = 0;

	while (owner != 0 && at < end) {
		bool some = (r = snap_next_run(k->c->s, &run, last, k->err)) != 0;

		if (r < 0)
			return r;
		if (some && run.kind == PSNAP_RUN_ZERO && k->zeros && below == 0)
			continue;
		/* runs may reach beyond the stretch on either side */
		from = !some ? end : run.first * page < at + shift ? at : run.first * page - shift;
		to = !some ? end : run.first + run.count >= last ? end : (run.first + run.count) * page - shift;
		if (below != 0 && from > at)
			r = cut(k, below, k->m->offset, 0, at, from);
		else
			r = absent(k, at, from);
		if (r < 0 || (some && (r = add(k, from, to, true, owner, from + shift)) != 0))
			return r;
		at = to;
	}
	return at < end ? absent(k, at, end) : 0;
}

static int
cut_mapping(struct cutter *k)
{
	const Psnap__Mapping *m = k->m;
	uint64_t space = k->c->process->address_space_id;

	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
		k->zeros = true;
		return cut(k, space, m->start, 0, m->start, m->end);
	case PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_VDSO:
		return cut(k, space, m->start, 0, m->start, m->end);
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED:
		k->zeros = true;
		return cut(k, m->memory_object_id, m->offset, 0, m->start, m->end);
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE:
		k->zeros = true;
		return cut(k, space, m->start, m->memory_object_id, m->start, m->end);
	default:
		return absent(k, m->start, m->end);
	}
}

int
core_segments(struct core *c, struct segments *out, struct snap_error *err)
{
	uint64_t end = 0;
	int r;

	for (size_t i = 0; i < c->nmaps; i++) {
		const Psnap__Mapping *m = (const void *)c->maps[i]->message;
		struct cutter k = { .c = c, .out = out, .err = err, .m = m };

		/* the kernel's own: vvar has no bytes, vsyscall's are nobody's */
		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_VVAR ||
		    m->kind == PSNAP__MAPPING_KIND__MAPPING_VSYSCALL)
			continue;
		if (m->start % c->page != 0 || m->end % c->page != 0 || m->offset % c->page != 0)	/* MAP-1 */
			return error_object(err, SNAP_E_CORRUPT, "MAP-1", c->maps[i]->id, c->maps[i]->offset,
			    "0x%llx-0x%llx is not on page boundaries", (unsigned long long)m->start,
			    (unsigned long long)m->end);
		if (m->end <= m->start || m->offset > UINT64_MAX - (m->end - m->start))	/* MAP-2 */
			return error_object(err, SNAP_E_CORRUPT, "MAP-2", c->maps[i]->id, c->maps[i]->offset,
			    "range 0x%llx-0x%llx is empty or reversed", (unsigned long long)m->start,
			    (unsigned long long)m->end);
		if (m->start < end)						/* MAP-4 */
			return error_object(err, SNAP_E_CORRUPT, "MAP-4", c->maps[i]->id, c->maps[i]->offset,
			    "0x%llx-0x%llx overlaps the mapping before", (unsigned long long)m->start,
			    (unsigned long long)m->end);
		end = m->end;
		k.flags = (m->readable ? PF_R : 0u) | (m->writable ? PF_W : 0u) | (m->executable ? PF_X : 0u);
		if ((r = cut_mapping(&k)) != 0)
			return r;
	}
	return 0;
}
