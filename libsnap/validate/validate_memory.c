/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces, mappings and memory objects, each by itself; their pages
 * are validate_pages.c's.
 */
#include "format/memory.pb-c.h"
#include "libsnap/validate/validate.h"

#define ULL(n)	((unsigned long long)(n))

/* First address above what a process of this ABI can map (MAP-3). */
static uint64_t
ceiling(unsigned abi)
{
	switch (abi) {
	case PSNAP_ABI_I386:
		return UINT64_C(1) << 32;
	case PSNAP_ABI_AMD64:
		return UINT64_C(1) << 56;	/* five-level paging */
	case PSNAP_ABI_ARM64:
		return UINT64_C(1) << 52;
	default:
		return UINT64_MAX;
	}
}

void
check_address_space(struct check *v, const struct snap_object *o)
{
	const Psnap__AddressSpace *a = CHECK_MESSAGE(Psnap__AddressSpace, o);
	const struct {
		const char *name;
		uint64_t start, end;
	} marks[] = {
		{ "code", a->code_start, a->code_end },
		{ "data", a->data_start, a->data_end },
		{ "heap", a->heap_start, a->heap_end },
		{ "arguments", a->arguments_start, a->arguments_end },
		{ "environment", a->environment_start, a->environment_end },
	};
	uint64_t top = ceiling(v->abi[check_index(v, o)]);

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (marks[i].start > marks[i].end || marks[i].end > top)	/* ADR-1 */
			check_corrupt(v, o, "ADR-1", "%s 0x%llx-0x%llx is reversed or too high",
			    marks[i].name, ULL(marks[i].start), ULL(marks[i].end));
	for (size_t i = 0; i < a->n_auxiliary; i++)
		if (a->auxiliary[i]->type == 0)					/* ADR-2 */
			check_corrupt(v, o, "ADR-2", "auxiliary entry %lu is the terminator",
			    (unsigned long)i);
	if (a->lock_future > 7)							/* ADR-3 */
		check_unsupported(v, o, "ADR-3", "lock_future has bits 0x%llx", ULL(a->lock_future));
	if (a->dumpable > 2)							/* ADR-3 */
		check_unsupported(v, o, "ADR-3", "dumpable is %u", a->dumpable);
	/* ADR-4, vdso_start, is checked with the mappings */
}

/* ---- mappings ---- */

/* What each kind of mapping has: MAP-5, MAP-6, MAP-8. */
static const struct {
	bool file, object;	/* must name one; another kind must not */
	bool may_file;
	bool holds;		/* pages of its own in the snapshot */
} kinds[] = {
	[PSNAP_MAPPING_ANONYMOUS] = { .holds = true },
	[PSNAP_MAPPING_FILE_PRIVATE] = { .file = true, .may_file = true, .holds = true },
	[PSNAP_MAPPING_FILE_SHARED] = { .file = true, .may_file = true },
	[PSNAP_MAPPING_OBJECT_SHARED] = { .object = true },
	[PSNAP_MAPPING_OBJECT_PRIVATE] = { .object = true, .holds = true },
	[PSNAP_MAPPING_VDSO] = { .holds = true },
	[PSNAP_MAPPING_DEVICE] = { .may_file = true },
};
#define NKINDS (sizeof kinds / sizeof kinds[0])

static void
check_backing(struct check *v, const struct snap_object *o, const Psnap__Mapping *m)
{
	unsigned kind = (unsigned)m->kind;
	uint64_t len = m->end - m->start;

	if (kind == PSNAP_MAPPING_UNKNOWN || kind >= NKINDS)
		return;		/* ENU-1, ENU-2 */
	if ((kinds[kind].file && m->file_id == 0 && !v->covered[check_index(v, o)]) ||
	    (!kinds[kind].may_file && m->file_id != 0))				/* MAP-5 */
		check_corrupt(v, o, "MAP-5", "mapping of kind %u %s a file", kind,
		    m->file_id == 0 ? "without" : "with");
	if (kinds[kind].object != (m->memory_object_id != 0))			/* MAP-6 */
		check_corrupt(v, o, "MAP-6", "mapping of kind %u %s a memory object", kind,
		    m->memory_object_id == 0 ? "without" : "with");
	if (m->offset % v->page_size != 0 || m->offset > UINT64_MAX - len ||
	    (m->offset != 0 && m->file_id == 0 && m->memory_object_id == 0))	/* MAP-7 */
		check_corrupt(v, o, "MAP-7", "offset 0x%llx is not aligned, wraps around or is of nothing",
		    ULL(m->offset));
	if (m->held_pages > len >> v->page_shift || (m->held_pages != 0 && !kinds[kind].holds))
		check_corrupt(v, o, "MAP-8", "mapping of kind %u and %llu pages holds %llu", kind,	/* MAP-8 */
		    ULL(len >> v->page_shift), ULL(m->held_pages));
	if (m->resident_pages > len >> v->page_shift)				/* MAP-8 */
		check_corrupt(v, o, "MAP-8", "mapping of %llu pages has %llu resident",
		    ULL(len >> v->page_shift), ULL(m->resident_pages));
}

static void
check_guards(struct check *v, const struct snap_object *o, const Psnap__Mapping *m)
{
	uint64_t at = m->start;

	for (size_t i = 0; i < m->n_guards; i++) {
		const Psnap__PageRange *g = m->guards[i];

		if (g->start < at || g->start >= g->end || g->end > m->end ||
		    (g->start | g->end) % v->page_size != 0) {			/* MAP-10 */
			check_corrupt(v, o, "MAP-10",
			    "guard 0x%llx-0x%llx is empty, not aligned, not ascending or outside",
			    ULL(g->start), ULL(g->end));
			return;
		}
		at = g->end;
	}
}

void
check_mapping(struct check *v, const struct snap_object *o)
{
	const Psnap__Mapping *m = CHECK_MESSAGE(Psnap__Mapping, o);
	const struct snap_object *space = snap_get_object(v->s, m->address_space_id);
	uint64_t top = space != NULL && space->kind == PSNAP_KIND_ADDRESS_SPACE ?
	    ceiling(v->abi[check_index(v, space)]) : UINT64_MAX;

	if (m->start % v->page_size != 0 || m->end % v->page_size != 0)		/* MAP-1 */
		check_corrupt(v, o, "MAP-1", "0x%llx-0x%llx is not on page boundaries", ULL(m->start),
		    ULL(m->end));
	if (m->start >= m->end) {						/* MAP-2 */
		check_corrupt(v, o, "MAP-2", "range 0x%llx-0x%llx is empty or reversed", ULL(m->start),
		    ULL(m->end));
		return;
	}
	if (m->end > top && m->kind != PSNAP__MAPPING_KIND__MAPPING_VSYSCALL)	/* MAP-3 */
		check_corrupt(v, o, "MAP-3", "0x%llx-0x%llx is above 0x%llx, the abi's highest address",
		    ULL(m->start), ULL(m->end), ULL(top));
	check_backing(v, o, m);
	check_guards(v, o, m);
	if (m->huge_tlb != (m->huge_page_size != 0) ||
	    (m->huge_page_size & (m->huge_page_size - 1)) != 0 ||
	    (m->huge_page_size != 0 && (m->start | m->end) % m->huge_page_size != 0))	/* MAP-11 */
		check_corrupt(v, o, "MAP-11", "huge page size %llu does not fit 0x%llx-0x%llx",
		    ULL(m->huge_page_size), ULL(m->start), ULL(m->end));
	if (m->role == PSNAP__MAPPING_ROLE__MAPPING_ROLE_NAMED && m->name.len == 0)	/* MAP-12 */
		check_corrupt(v, o, "MAP-12", "named mapping without a name");
	if (m->kind != PSNAP__MAPPING_KIND__MAPPING_VSYSCALL && ((m->readable && !m->may_read) ||
	    (m->writable && !m->may_write) || (m->executable && !m->may_exec)))	/* MAP-13 */
		check_corrupt(v, o, "MAP-13", "protection %c%c%c is beyond its bound %c%c%c",
		    m->readable ? 'r' : '-', m->writable ? 'w' : '-', m->executable ? 'x' : '-',
		    m->may_read ? 'r' : '-', m->may_write ? 'w' : '-', m->may_exec ? 'x' : '-');
}

/* ---- memory objects ---- */

void
check_memory_object(struct check *v, const struct snap_object *o)
{
	const Psnap__MemoryObject *m = CHECK_MESSAGE(Psnap__MemoryObject, o);

	if (m->seals > 0x3f)							/* MOB-1 */
		check_unsupported(v, o, "MOB-1", "seals has bits 0x%x", (unsigned)m->seals);
	if ((m->huge_page_size & (m->huge_page_size - 1)) != 0)			/* MOB-2 */
		check_corrupt(v, o, "MOB-2", "huge page size %llu is no power of two",
		    ULL(m->huge_page_size));
	if (m->mode > 07777)							/* MOB-4 */
		check_corrupt(v, o, "MOB-4", "mode 0%o has bits beyond 07777", (unsigned)m->mode);
}
