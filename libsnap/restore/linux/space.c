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
find_hole(struct restore *r, struct target *t, uint64_t size, uint64_t *hole)
{
	uint64_t floor = 1 << 20, ceiling = t->is32 ? 0xbf000000 : UINT64_C(0x7ffffff00000), last;
	size_t n, total = 0;
	const struct snap_object *const *v = mappings(r, t, &n);
	const struct layout *l = &t->host->layout;
	struct range *all = malloc((n + l->n + 1) * sizeof *all);

	if (all == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		all[total++] = (struct range){ m->start, m->end };
	}
	for (size_t i = 0; i < l->n; i++)
		all[total++] = (struct range){ l->part[i].start, l->part[i].end };
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

/* ---- the kernel's part ---- */

/* Where the snapshot had the first of its special mappings, and how much they cover; 0 none. */
static uint64_t
special_start(struct restore *r, const struct target *t, uint64_t *span)
{
	size_t n;
	const struct snap_object *const *v = mappings(r, t, &n);
	uint64_t start = 0, end = 0;

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (m->kind != PSNAP__MAPPING_KIND__MAPPING_VDSO && m->kind != PSNAP__MAPPING_KIND__MAPPING_VVAR)
			continue;
		start = start == 0 ? m->start : start;
		end = m->end;
	}
	*span = end - start;
	return start;
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
	uint64_t span, to = special_start(r, t, &span), from = 0, end = 0;
	int e;

	for (size_t i = 0; i < l->n; i++)
		if (l->part[i].special) {
			from = from == 0 ? l->part[i].start : from;
			end = l->part[i].end;
		}
	if (to == 0)
		to = parking;		/* it had none: out of the way */
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

static int
begin(struct restore *r, struct target *t)
{
	size_t threads = 0;
	uint64_t hole;
	int e;

	for (size_t i = 0; i < r->p->n; i++)
		if (r->p->targets[i].space == t)
			threads += r->p->targets[i].ntasks;
	t->host->scratch_size = SCRATCH_BASE + (threads * SCRATCH_THREAD & ~(size_t)(PAGE_SIZE_LINUX - 1));
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

		if (from_file(m) && !batch_find(b, m->file_id, wants_write(m), &place)) {
			if ((fd = file_open(r, m->file_id, wants_write(m) ? O_RDWR : O_RDONLY)) < 0)
				return fd;
			e = batch_add(r, b, m->file_id, wants_write(m), fd, &place);
		} else if (from_object(m) && !batch_find(b, m->memory_object_id, false, &place)) {
			if ((s = shared_find(r, m->memory_object_id)) == NULL)
				return restore_fail(r, t, v[i]->id, ENOENT, "its memory object");
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
	size_t place = 0;

	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_VDSO:
	case PSNAP__MAPPING_KIND__MAPPING_VVAR:
	case PSNAP__MAPPING_KIND__MAPPING_VSYSCALL:
		return 0;
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
		offset = 0;
		break;
	default:
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
		e = map_one(r, t, v[i], &b);
	if (e == 0 && b.n > 0)
		e = ask(r, &t->tasks[0], NR_CLOSE_RANGE, WANT_ZERO, "closing mapped files", t->id,
		    ARGS(0, (uint64_t)r->channel_fd - 1, 0));
out:
	free(b.key);
	free(b.fds);
	return e;
}

int
space_make(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie && t->space == t && (e = begin(r, t)) != 0)
			return e;
	}
	if ((e = run(r)) != 0)
		return e;
	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		if (t->zombie)
			continue;
		t->host->insn = t->space->host->insn;
		if (t->space != t)
			continue;
		/* tables in common are used by one at a time */
		if ((e = t->table != t ? run(r) : 0) != 0 || (e = map_all(r, t)) != 0 ||
		    (e = t->table != t ? run(r) : 0) != 0)
			return e;
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

/* struct prctl_mm_map, the same for every ABI */
struct mm_map {
	uint64_t start_code, end_code, start_data, end_data, start_brk, brk, start_stack, arg_start,
	    arg_end, env_start, env_end, auxv;
	uint32_t auxv_size;
	int32_t exe_fd;
};

static int
set_marks(struct restore *r, struct target *t)
{
	const Psnap__AddressSpace *s =
	    snap_get_message(r->s, t->p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);
	struct task *k = &t->tasks[0];
	size_t word = t->is32 ? 4 : 8, raw = s->auxiliary_raw_size, used = (s->n_auxiliary + 1) * 2 * word;
	struct mm_map m = {
		s->code_start, s->code_end, s->data_start, s->data_end, s->heap_start, s->heap_end,
		s->stack_start, s->arguments_start, s->arguments_end, s->environment_start,
		s->environment_end, 0, 0, -1,
	};
	uint8_t *auxv;
	uint64_t at;
	int fd, e;

	if (raw < used)
		raw = used;
	if ((auxv = plan_alloc(r->p, raw)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < s->n_auxiliary; i++)
		for (int half = 0; half < 2; half++) {
			uint64_t v = half == 0 ? s->auxiliary[i]->type : s->auxiliary[i]->value;

			if (t->is32)
				psnap_put32(auxv + (2 * i + (size_t)half) * word, (uint32_t)v);
			else
				psnap_put64(auxv + (2 * i + (size_t)half) * word, v);
		}
	if ((m.auxv = put(r, k, auxv, raw)) == 0)
		return restore_nomem(r);
	m.auxv_size = (uint32_t)raw;
	if ((fd = file_open(r, s->executable_file_id, O_RDONLY)) < 0)
		return fd;
	if ((e = descriptors_send(r, k, &fd, 1, false)) != 0)
		return e;
	m.exe_fd = 0;
	if ((at = put(r, k, &m, sizeof m)) == 0)
		return restore_nomem(r);
	if ((e = ask(r, k, NR_PRCTL, WANT_ZERO, "setting the marks of its address space",
	    t->p->address_space_id, ARGS(PR_SET_MM, PR_SET_MM_MAP, at, sizeof m, 0))) != 0)
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
