/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Address spaces: what the seed brought goes, the vdso moves to where it was,
 * and every mapping is made at its place.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>

#include "libsnap/restore/linux/linux.h"

#ifndef MAP_FIXED_NOREPLACE
#define MAP_FIXED_NOREPLACE	0x100000
#endif
#define GUARD_INSTALL		102	/* MADV_GUARD_INSTALL, Linux 6.13 */
#define PARKING			(64u << 10)	/* for the vdso on its way */
#define SCRATCH_BASE		(96u << 10)
#define SCRATCH_THREAD		512

struct range {
	uint64_t	start, end;
};

static const struct snap_object *const *
mappings(struct restore *r, const struct target *t, size_t *n)
{
	return snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, n);
}

/* ---- a place for us ---- */

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The middle of the highest gap that is large enough, between what is there and what will be. */
static int
find_gap(struct restore *r, struct target *t, uint64_t size, struct range taken, uint64_t *hole)
{
	uint64_t floor = 1 << 20, ceiling = t->is32 ? 0xbf000000 : UINT64_C(0x7ffffff00000), last;
	size_t n, total = 0;
	const struct snap_object *const *v = mappings(r, t, &n);
	const struct layout *l = &t->host->layout;
	struct range *all = malloc((n + l->n + 2) * sizeof *all);

	if (all == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		all[total++] = (struct range){ m->start, m->end };
	}
	for (size_t i = 0; i < l->n; i++)
		all[total++] = (struct range){ l->part[i].start, l->part[i].end };
	if (taken.end > 0)
		all[total++] = taken;
	qsort(all, total, sizeof *all, compare_ranges);
	*hole = 0;
	last = floor;
	for (size_t i = 0; i <= total; i++) {
		uint64_t end = i < total && all[i].start < ceiling ? all[i].start : ceiling;

		if (end > last && end - last >= size + (1 << 20))
			*hole = (last + (end - last - size) / 2) & ~(uint64_t)(PAGE_SIZE_LINUX - 1);
		if (i < total && all[i].end > last)
			last = all[i].end;
	}
	free(all);
	return *hole != 0 ? 0 : restore_fail(r, t, t->p->address_space_id, ENOMEM,
	    "no gap of %llu bytes in its address space to work from", (unsigned long long)size);
}

static int
find_hole(struct restore *r, struct target *t, uint64_t size, uint64_t *hole)
{
	return find_gap(r, t, size, (struct range){ 0, 0 }, hole);
}

int
space_find_gap(struct restore *r, struct target *t, uint64_t size, uint64_t *gap)
{
	const struct host *h = t->host;

	return find_gap(r, t, size, (struct range){ h->scratch, h->scratch + h->scratch_size + PAGE_SIZE_LINUX + PARKING },
	    gap);
}

/* ---- copies ---- */

static bool
same_mapping(const Psnap__Mapping *a, const Psnap__Mapping *b)
{
	return a->start == b->start && a->end == b->end && a->kind == b->kind && a->offset == b->offset &&
	    a->file_id == b->file_id && a->memory_object_id == b->memory_object_id &&
	    a->readable == b->readable && a->writable == b->writable && a->executable == b->executable &&
	    a->may_write == b->may_write && a->grows_down == b->grows_down &&
	    a->no_reserve == b->no_reserve && a->huge_tlb == b->huge_tlb && a->stack_flag == b->stack_flag;
}

static const Psnap__Mapping *
find_mapping(struct restore *r, const struct target *t, uint64_t start)
{
	size_t lo = 0, hi;
	const struct snap_object *const *v = mappings(r, t, &hi);

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const Psnap__Mapping *m = (const void *)v[mid]->message;

		if (m->start == start)
			return m;
		if (m->start < start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

bool
space_has(struct restore *r, const struct target *t, const Psnap__Mapping *m)
{
	const Psnap__Mapping *own = find_mapping(r, t, m->start);

	return own != NULL && same_mapping(own, m);
}

/* One program, one layout: made by fork(2), and no exec since. */
static bool
began_as_copy(struct restore *r, const struct target *t)
{
	const struct target *origin = t->origin;
	size_t n, common = 0;
	const struct snap_object *const *v;

	if (origin == NULL || t->zombie || t->space != t || origin->space == t || t->is32 != origin->is32)
		return false;
	v = mappings(r, t, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;
		bool special = m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO ||
		    m->kind == PSNAP__MAPPING_KIND__MAPPING_VVAR;

		if (space_has(r, origin->space, m))
			common++;
		else if (special)
			return false;
	}
	return common * 2 > n;
}

/* One that only dies has no space, but may hand on what it began with. */
bool
space_inherits(struct restore *r, const struct target *t)
{
	for (size_t i = 0; t->zombie && i < t->nmade; i++)
		if (began_as_copy(r, t->made[i]))
			return true;
	return began_as_copy(r, t);
}

/* ---- the kernel's part ---- */

/* Where the snapshot had the first of its special mappings; 0 none. */
static uint64_t
special_start(struct restore *r, const struct target *t)
{
	size_t n;
	const struct snap_object *const *v = mappings(r, t, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO || m->kind == PSNAP__MAPPING_KIND__MAPPING_VVAR)
			return m->start;
	}
	return 0;
}

static int
move_special(struct restore *r, struct target *t, uint64_t to)
{
	struct layout *l = &t->host->layout;
	uint64_t first = 0;
	int e;

	for (size_t i = 0; i < l->n; i++) {
		struct part *p = &l->part[i];

		if (!p->special)
			continue;
		first = first == 0 ? p->start : first;
		/* the code finds its data relative to itself: distances stay */
		if ((e = ask(r, &t->tasks[0], NR_MREMAP, WANT_NOT_NEGATIVE, "moving the vdso",
		    t->p->address_space_id, ARGS(p->start, p->end - p->start, p->end - p->start,
		    MREMAP_MAYMOVE | MREMAP_FIXED, to + (p->start - first)))) != 0)
			return e;
		if (p->vdso) {
			/* later calls are made from there */
			t->host->insn = to + (p->start - first) + (l->insn - p->start);
			l->insn = t->host->insn;
		}
		p->end = to + (p->end - first);
		p->start = to + (p->start - first);
	}
	return 0;
}

static int
place_special(struct restore *r, struct target *t, uint64_t parking)
{
	const struct layout *l = &t->host->layout;
	uint64_t to = special_start(r, t), from = 0, end = 0;
	int e;

	for (size_t i = 0; i < l->n; i++)
		if (l->part[i].special) {
			from = from == 0 ? l->part[i].start : from;
			end = l->part[i].end;
		}
	if ((e = vdso_compare(r, t, to, &t->host->foreign_vdso)) != 0)
		return e;
	if (to == 0 || t->host->foreign_vdso)
		to = parking;		/* it had none, or another: out of the way, for good */
	if (to == from)
		return 0;
	if (to < end && from < to + (end - from) && (e = move_special(r, t, parking)) != 0)
		return e;
	return move_special(r, t, to);
}

/* ---- clearing ---- */

static int
clear(struct restore *r, struct target *t)
{
	struct host *h = t->host;
	size_t special = 0;
	int e;

	for (size_t i = 0; i < h->layout.n; i++) {
		const struct part *p = &h->layout.part[i];

		if (p->special)
			continue;
		if ((e = ask(r, &t->tasks[0], NR_MUNMAP, WANT_ZERO, "unmapping the seed program",
		    t->p->address_space_id, ARGS(p->start, p->end - p->start))) != 0)
			return e;
	}
	for (size_t i = 0; i < h->layout.n; i++)
		if (h->layout.part[i].special)
			h->layout.part[special++] = h->layout.part[i];
	h->layout.n = special;
	return 0;
}

static uint64_t
scratch_need(const struct target *t)
{
	uint64_t threads = t->ntasks;

	for (size_t i = 0; i < t->nmade; i++)
		if (t->made[i]->space == t)
			threads += t->made[i]->ntasks;
	return (SCRATCH_BASE + threads * SCRATCH_THREAD) & ~(uint64_t)(PAGE_SIZE_LINUX - 1);
}

/* What the origin has and a copy has not. */
static int
clear_copy(struct restore *r, struct target *t)
{
	size_t n;
	const struct snap_object *const *v = mappings(r, t->origin->space, &n);
	int e;

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_VSYSCALL || space_has(r, t, m))
			continue;
		if ((e = ask(r, &t->tasks[0], NR_MUNMAP, WANT_ZERO, "unmapping what is its origin's",
		    t->p->address_space_id, ARGS(m->start, m->end - m->start))) != 0)
			return e;
	}
	return 0;
}

/* A copy has its origin's scratch, which may be in the way. */
static int
begin_copy(struct restore *r, struct target *t)
{
	struct host *h = t->host;
	uint64_t old = h->scratch, hole;
	int e;

	if ((e = clear_copy(r, t)) != 0 ||
	    (e = find_hole(r, t, scratch_need(t) + PARKING + PAGE_SIZE_LINUX, &hole)) != 0)
		return e;
	if (hole == old && h->scratch_size == scratch_need(t))
		return 0;
	if ((e = ask(r, &t->tasks[0], NR_MUNMAP, WANT_ZERO, "unmapping its origin's scratch",
	    t->p->address_space_id, ARGS(old, h->scratch_size))) != 0)
		return e;
	h->scratch_size = scratch_need(t);
	h->scratch = hole;
	return ask(r, &t->tasks[0], NR_MMAP, WANT_SAME, "mapping memory to work from", t->p->address_space_id,
	    ARGS(hole, h->scratch_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1));
}

static int
begin(struct restore *r, struct target *t)
{
	uint64_t hole;
	int e;

	t->host->scratch_size = scratch_need(t);
	if ((e = find_hole(r, t, t->host->scratch_size + PARKING + PAGE_SIZE_LINUX, &hole)) != 0)
		return e;
	if ((e = ask(r, &t->tasks[0], NR_MMAP, WANT_SAME, "mapping memory to work from",
	    t->p->address_space_id, ARGS(hole, t->host->scratch_size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1))) != 0)
		return e;
	t->host->scratch = hole;
	if ((e = clear(r, t)) != 0)
		return e;
	return place_special(r, t, hole + t->host->scratch_size + PAGE_SIZE_LINUX);
}

/* ---- mappings ---- */

/* Descriptors a space needs while it is made, by their place in the target's table. */
struct batch {
	struct { uint64_t id; bool writable; } *key;
	int		*fds;
	size_t		n, cap;
};

static int
batch_add(struct restore *r, struct batch *b, uint64_t id, bool writable, int fd, size_t *place)
{
	if (b->n == b->cap) {
		size_t cap = b->cap == 0 ? 64 : b->cap * 2;
		void *key = realloc(b->key, cap * sizeof *b->key), *fds;

		if (key == NULL)
			return restore_nomem(r);
		b->key = key;
		if ((fds = realloc(b->fds, cap * sizeof *b->fds)) == NULL)
			return restore_nomem(r);
		b->fds = fds;
		b->cap = cap;
	}
	b->key[b->n].id = id;
	b->key[b->n].writable = writable;
	b->fds[b->n] = fd;
	*place = b->n++;
	return 0;
}

static bool
batch_find(const struct batch *b, uint64_t id, bool writable, size_t *place)
{
	/* newest first: mappings of one file follow each other */
	for (size_t i = b->n; i-- > 0;)
		if (b->key[i].id == id && b->key[i].writable == writable) {
			*place = i;
			return true;
		}
	return false;
}

static bool
from_file(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED;
}

static bool
from_object(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED;
}

static bool
wants_write(const Psnap__Mapping *m)
{
	return m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED && m->may_write;
}

/* To be mapped: all of it, or what a copy has not got from its origin. */
static bool
is_missing(struct restore *r, const struct target *t, const Psnap__Mapping *m)
{
	return !t->host->inherits || !space_has(r, t->origin->space, m);
}

static int
collect(struct restore *r, struct target *t, struct batch *b)
{
	size_t n, place;
	const struct snap_object *const *v = mappings(r, t, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;
		struct shared *s;
		int fd;

		if (!is_missing(r, t, m))
			continue;
		if (from_file(m) && !batch_find(b, m->file_id, wants_write(m), &place)) {
			if ((fd = file_open(r, m->file_id, wants_write(m) ? O_RDWR : O_RDONLY)) < 0)
				return fd;
			e = batch_add(r, b, m->file_id, wants_write(m), fd, &place);
		} else if (from_object(m) && !batch_find(b, m->memory_object_id, false, &place)) {
			if ((s = shared_find(r, m->memory_object_id)) == NULL)
				return restore_fail(r, t, v[i]->id, ENOENT, "its memory object");
			if (s->segment != NULL)
				continue;	/* it has an id */
			e = batch_add(r, b, m->memory_object_id, false, s->fd, &place);
		}
	}
	return e;
}

static uint64_t
map_flags(const Psnap__Mapping *m)
{
	uint64_t flags = MAP_FIXED_NOREPLACE, size = m->huge_page_size, log = 0;

	flags |= m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED ? MAP_SHARED : MAP_PRIVATE;
	flags |= m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS ? MAP_ANONYMOUS : 0;
	flags |= m->no_reserve ? MAP_NORESERVE : 0;
	flags |= m->grows_down ? MAP_GROWSDOWN : 0;
	flags |= m->stack_flag ? MAP_STACK : 0;
	if (m->huge_tlb) {
		for (; size > 1; size >>= 1)
			log++;
		flags |= MAP_HUGETLB | log << 26;
	}
	return flags;
}

static int
map_one(struct restore *r, struct target *t, const struct snap_object *o, const struct batch *b)
{
	const Psnap__Mapping *m = (const void *)o->message;
	uint64_t fd = (uint64_t)-1, prot = (m->readable ? PROT_READ : 0) | (m->writable ? PROT_WRITE : 0) |
	    (m->executable ? PROT_EXEC : 0);
	uint64_t offset = t->is32 ? m->offset / PAGE_SIZE_LINUX : m->offset;
	const struct shared *s;
	size_t place = 0;

	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_VSYSCALL:
		return 0;
	case PSNAP__MAPPING_KIND__MAPPING_VDSO:
	case PSNAP__MAPPING_KIND__MAPPING_VVAR:
		if (!t->host->foreign_vdso)
			return 0;
		/* zeros for data: code on its way through asks the kernel instead */
		return ask(r, &t->tasks[0], NR_MMAP, WANT_SAME, "making a mapping", o->id, ARGS(m->start,
		    m->end - m->start, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, (uint64_t)-1, 0));
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
		offset = 0;
		break;
	default:
		if ((s = from_object(m) ? shared_find(r, m->memory_object_id) : NULL) != NULL && s->segment != NULL)
			return segment_attach(r, t, o, s);
		if (!batch_find(b, from_file(m) ? m->file_id : m->memory_object_id,
		    from_file(m) && wants_write(m), &place))
			return restore_fail(r, t, o->id, ENOENT, "what is mapped at 0x%llx",
			    (unsigned long long)m->start);
		fd = place;
		break;
	}
	return ask(r, &t->tasks[0], NR_MMAP, WANT_SAME, "making a mapping", o->id,
	    ARGS(m->start, m->end - m->start, prot, map_flags(m), fd, offset));
}

static int
map_all(struct restore *r, struct target *t)
{
	struct batch b = { 0 };
	size_t n;
	const struct snap_object *const *v = mappings(r, t, &n);
	int e;

	if ((e = collect(r, t, &b)) != 0 ||
	    (e = descriptors_send(r, &t->tasks[0], b.fds, b.n, false)) != 0)
		goto out;
	for (size_t i = 0; i < n && e == 0; i++)
		if (is_missing(r, t, (const void *)v[i]->message))
			e = map_one(r, t, v[i], &b);
	if (e == 0 && b.n > 0)
		e = ask(r, &t->tasks[0], NR_CLOSE_RANGE, WANT_ZERO, "closing mapped files", t->id,
		    ARGS(0, (uint64_t)r->channel_fd - 1, 0));
out:
	free(b.key);
	free(b.fds);
	return e;
}

static int
begin_all(struct restore *r, struct target *const *v, size_t n)
{
	int e;

	for (size_t i = 0; i < n; i++) {
		struct target *t = v[i];

		if (!t->zombie && t->space == t && (e = t->host->inherits ? begin_copy(r, t) : begin(r, t)) != 0)
			return e;
	}
	if ((e = run(r)) != 0)
		return e;
	for (size_t i = 0; i < n; i++)
		if (!v[i]->zombie)
			v[i]->host->insn = v[i]->space->host->insn;
	for (size_t i = 0; i < n; i++)
		if (!v[i]->zombie && v[i]->table == v[i] && (e = descriptors_open_channel(r, v[i])) != 0)
			return e;
	return run(r);
}

int
space_make(struct restore *r, struct target *const *v, size_t n)
{
	int e;

	if ((e = begin_all(r, v, n)) != 0)
		return e;
	for (size_t i = 0; i < n; i++) {
		struct target *t = v[i];

		if (t->zombie || t->space != t)
			continue;
		put_reset(t);
		/* tables in common are used by one at a time */
		if ((e = t->table != t ? run(r) : 0) != 0 || (e = map_all(r, t)) != 0 ||
		    (e = t->table != t ? run(r) : 0) != 0)
			return e;
	}
	if ((e = run(r)) != 0 || (e = pages_write(r, v, n)) != 0)
		return e;
	for (size_t i = 0; i < n; i++) {
		if (v[i]->zombie || v[i]->space != v[i])
			continue;
		if (v[i]->host->foreign_vdso && (e = vdso_write(r, v[i])) != 0)
			return e;
		v[i]->host->built = true;
	}
	return run(r);
}

/* ---- marks and flags ---- */

static int
advise(struct restore *r, struct target *t, const struct snap_object *o)
{
	const Psnap__Mapping *m = (const void *)o->message;
	const Psnap__MappingAdvice *a = m->advice;
	const struct { bool set; int advice; } flags[] = {	/* madvise(2) */
		{ a != NULL && a->sequential, MADV_SEQUENTIAL }, { a != NULL && a->random, MADV_RANDOM },
		{ a != NULL && a->dont_fork, MADV_DONTFORK },
		{ a != NULL && a->wipe_on_fork, 18 /* MADV_WIPEONFORK */ },
		{ a != NULL && a->dont_dump, MADV_DONTDUMP }, { a != NULL && a->huge_page, MADV_HUGEPAGE },
		{ a != NULL && a->no_huge_page, MADV_NOHUGEPAGE }, { a != NULL && a->mergeable, MADV_MERGEABLE },
	};
	int e;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
		if (flags[i].set && (e = ask(r, &t->tasks[0], NR_MADVISE, WANT_ZERO, "advice on a mapping", o->id,
		    ARGS(m->start, m->end - m->start, (uint64_t)flags[i].advice))) != 0)
			return e;
	for (size_t i = 0; i < m->n_guards; i++)
		if ((e = ask(r, &t->tasks[0], NR_MADVISE, WANT_ZERO, "making a guard", o->id,
		    ARGS(m->guards[i]->start, m->guards[i]->end - m->guards[i]->start, GUARD_INSTALL))) != 0)
			return e;
	if (m->locked && (e = ask(r, &t->tasks[0], NR_MLOCK2, WANT_ZERO, "locking a mapping", o->id,
	    ARGS(m->start, m->end - m->start, m->lock_on_fault))) != 0)
		return e;
	return 0;
}

#define PR_SET_VMA_LINUX	0x53564d41	/* with option 0: PR_SET_VMA_ANON_NAME */
#define NAME_MAX_LINUX		80

static int
name_mapping(struct restore *r, struct target *t, const struct snap_object *o)
{
	const Psnap__Mapping *m = (const void *)o->message;
	char name[NAME_MAX_LINUX] = { 0 };
	uint64_t at;

	if (m->role != PSNAP__MAPPING_ROLE__MAPPING_ROLE_NAMED || m->kind != PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS)
		return 0;
	memcpy(name, m->name.data, m->name.len < sizeof name ? m->name.len : sizeof name - 1);
	if ((at = put(r, &t->tasks[0], name, strlen(name) + 1)) == 0)
		return restore_nomem(r);
	/* a kernel without CONFIG_ANON_VMA_NAME says EINVAL: it is but a label */
	return ask(r, &t->tasks[0], NR_PRCTL, WANT_ANY, "naming a mapping", o->id,
	    ARGS(PR_SET_VMA_LINUX, 0, m->start, m->end - m->start, at));
}

/* struct prctl_mm_map, which has a pointer of the kernel's width, whatever the task's */
struct mm_map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start,
	    arg_end, env_start, env_end;
	uint32_t rest[4];	/* auxv, in 1 or 2 of them, auxv_size, exe_fd */
};

static int
set_marks(struct restore *r, struct target *t)
{
	const Psnap__AddressSpace *s =
	    snap_get_message(r->s, t->p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);
	struct task *k = &t->tasks[0];
	/* with what ends it, and no more: another kernel may have less room */
	size_t word = t->is32 ? 4 : 8, size = (s->n_auxiliary + 1) * 2 * word;
	struct mm_map m = {
		s->code_start, s->code_end, s->data_start, s->data_end, s->heap_start, s->heap_end,
		s->stack_start, s->arguments_start, s->arguments_end, s->environment_start,
		s->environment_end, { 0 },
	};
	size_t n = 0;
	uint8_t *auxv;
	uint64_t at;
	int fd, e;

	if ((auxv = plan_alloc(r->p, size)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < s->n_auxiliary; i++)
		for (int half = 0; half < 2; half++) {
			uint64_t v = half == 0 ? s->auxiliary[i]->type : s->auxiliary[i]->value;

			if (t->is32)
				psnap_put32(auxv + (2 * i + (size_t)half) * word, (uint32_t)v);
			else
				psnap_put64(auxv + (2 * i + (size_t)half) * word, v);
		}
	if ((at = put(r, k, auxv, size)) == 0)
		return restore_nomem(r);
	m.rest[n++] = (uint32_t)at;
	if (!r->native32)
		m.rest[n++] = (uint32_t)(at >> 32);
	m.rest[n++] = (uint32_t)size;
	m.rest[n++] = 0;	/* the lowest number is free */
	n = offsetof(struct mm_map, rest) + n * sizeof *m.rest;
	if ((fd = file_open(r, s->executable_file_id, O_RDONLY)) < 0)
		return fd;
	if ((e = descriptors_send(r, k, &fd, 1, false)) != 0)
		return e;
	if ((at = put(r, k, &m, n)) == 0)
		return restore_nomem(r);
	if ((e = ask(r, k, NR_PRCTL, WANT_ZERO, "setting the marks of its address space",
	    t->p->address_space_id, ARGS(PR_SET_MM, PR_SET_MM_MAP, at, n, 0))) != 0)
		return e;
	return ask(r, k, NR_CLOSE_RANGE, WANT_ZERO, "closing the program's file", t->id,
	    ARGS(0, (uint64_t)r->channel_fd - 1, 0));
}

/* What holds for the whole space and would be in the way before. */
static int
set_policies(struct restore *r, struct target *t)
{
	const Psnap__AddressSpace *s =
	    snap_get_message(r->s, t->p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);
	struct task *k = &t->tasks[0];
	int e;

	if (s->lock_future != 0 && (e = ask(r, k, NR_MLOCKALL, WANT_ZERO, "locking its memory",
	    t->p->address_space_id, ARGS(s->lock_future))) != 0)
		return e;
	if (t->p->thp_disabled && (e = ask(r, k, NR_PRCTL, WANT_ZERO, "disabling huge pages", t->id,
	    ARGS(41 /* PR_SET_THP_DISABLE */, 1, 0, 0, 0))) != 0)
		return e;
	for (uint32_t bit = 0; bit < 16; bit++)
		if (t->p->membarrier >> bit & 1 && (e = ask(r, k, NR_MEMBARRIER, WANT_ZERO,
		    "registering for membarrier", t->id, ARGS(UINT64_C(1) << bit, 0, 0))) != 0)
			return e;
	return 0;
}

int
space_finish(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];
		size_t n;
		const struct snap_object *const *v = mappings(r, t, &n);

		if (t->zombie || t->space != t)
			continue;
		put_reset(t);
		if ((e = t->table != t ? run(r) : 0) != 0 || (e = set_marks(r, t)) != 0)
			return e;
		for (size_t k = 0; k < n; k++)
			if ((e = advise(r, t, v[k])) != 0 || (e = name_mapping(r, t, v[k])) != 0)
				return e;
		if ((e = set_policies(r, t)) != 0 || (e = t->table != t ? run(r) : 0) != 0)
			return e;
	}
	return run(r);
}

int
space_leave(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];
		const Psnap__AddressSpace *s;

		if (t->zombie || t->space != t)
			continue;
		if ((e = ask(r, &t->tasks[0], NR_MUNMAP, WANT_ZERO, "unmapping what we worked from",
		    t->p->address_space_id, ARGS(t->host->scratch, t->host->scratch_size))) != 0)
			return e;
		s = snap_get_message(r->s, t->p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);
		if (s->deny_write_exec && (e = ask(r, &t->tasks[0], NR_PRCTL, WANT_ZERO,
		    "denying writable code", t->p->address_space_id, ARGS(65 /* PR_SET_MDWE */, 1, 0, 0, 0))) != 0)
			return e;
	}
	return run(r);
}
