/* SPDX-License-Identifier: BSD-2-Clause */
#include <elf.h>
#include <stdlib.h>

#include "libsnap/core/error.h"
#include "libsnap/export/core/core.h"

static int
add(struct segments *out, const struct segment *seg, struct snap_error *err)
{
	struct segment *last = out->n > 0 ? &out->v[out->n - 1] : NULL, *bigger;

	if (seg->start == seg->end)
		return 0;
	if (last != NULL && last->end == seg->start && last->held == seg->held && last->flags == seg->flags &&
	    (!seg->held || (last->owner == seg->owner &&
	    last->base + (last->end - last->start) == seg->base))) {
		last->end = seg->end;
		return 0;
	}
	if (out->n == out->cap) {
		size_t cap = out->cap == 0 ? 64 : out->cap * 2;

		if ((bigger = realloc(out->v, cap * sizeof *bigger)) == NULL)
			return error_nomem(err);
		out->v = bigger;
		out->cap = cap;
	}
	out->v[out->n++] = *seg;
	return 0;
}

/* Where a mapping's pages are kept; 0: nowhere. */
static uint64_t
owner_of(const struct core *c, const Psnap__Mapping *m, uint64_t *base)
{
	*base = m->start;
	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
	case PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_VDSO:
		return c->process->address_space_id;
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED:
		*base = m->offset;
		return m->memory_object_id;
	default:
		return 0;
	}
}

/* Held and unheld stretches of one mapping, in turns. */
static int
cut(struct core *c, struct segments *out, const Psnap__Mapping *m, struct snap_error *err)
{
	struct segment seg = {
		.flags = (m->readable ? PF_R : 0u) | (m->writable ? PF_W : 0u) | (m->executable ? PF_X : 0u),
	};
	struct snap_run run = { 0 };
	uint64_t base, at = m->start, last;
	int r;

	run.owner = seg.owner = owner_of(c, m, &base);
	run.first = base / c->page;
	last = (base + (m->end - m->start)) / c->page;
	while (seg.owner != 0 && (r = snap_next_run(c->s, &run, last, err)) != 0) {
		uint64_t start, end;

		if (r < 0)
			return r;
		/* runs may reach beyond the mapping on either side */
		start = run.first * c->page < base ? base : run.first * c->page;
		end = run.first + run.count > last ? last * c->page : (run.first + run.count) * c->page;
		seg.held = false;
		seg.start = at;
		seg.end = m->start + (start - base);
		if ((r = add(out, &seg, err)) != 0)
			return r;
		seg.held = true;
		seg.start = seg.end;
		seg.end = at = m->start + (end - base);
		seg.base = start;
		if ((r = add(out, &seg, err)) != 0)
			return r;
	}
	seg.held = false;
	seg.start = at;
	seg.end = m->end;
	return add(out, &seg, err);
}

int
core_segments(struct core *c, struct segments *out, struct snap_error *err)
{
	uint64_t end = 0;
	int r;

	for (size_t i = 0; i < c->nmaps; i++) {
		const Psnap__Mapping *m = (const void *)c->maps[i]->message;

		if (m == NULL || m->kind == PSNAP__MAPPING_KIND__MAPPING_VVAR ||
		    m->kind == PSNAP__MAPPING_KIND__MAPPING_VSYSCALL)
			continue;
		if (m->start < end || m->end <= m->start || m->start % c->page != 0 || m->end % c->page != 0 ||
		    m->offset % c->page != 0 || m->offset > UINT64_MAX - (m->end - m->start))
			return error_object(err, SNAP_E_CORRUPT, "MAP-2", c->maps[i]->id, c->maps[i]->offset,
			    "mapping 0x%llx to 0x%llx overlaps or is no range of pages",
			    (unsigned long long)m->start, (unsigned long long)m->end);
		end = m->end;
		if ((r = cut(c, out, m, err)) != 0)
			return r;
	}
	return 0;
}
