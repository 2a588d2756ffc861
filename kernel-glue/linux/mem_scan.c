/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which pages of a process are its own and must be held.
 *
 * A private mapping's page is held when it is anonymous: present or swapped,
 * not a file's and not the shared page of zeros.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel-glue/linux/mem.h"

/* ioctl of 6.7, linux/fs.h; Debian 12's headers lack it. */
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages, category_inverted,
	    category_mask, category_anyof_mask, return_mask;
};
struct page_region {
	uint64_t start, end, categories;
};
#define SCAN_IOCTL	_IOWR('f', 16, struct pm_scan_arg)
#define IS_FILE		(1u << 2)
#define IS_PRESENT	(1u << 3)
#define IS_SWAPPED	(1u << 4)
#define IS_PFNZERO	(1u << 5)
#define IS_GUARD	(1u << 8)	/* 6.15 */

/* pagemap(5) bits of an entry. */
#define PM_PRESENT	(UINT64_C(1) << 63)
#define PM_SWAPPED	(UINT64_C(1) << 62)
#define PM_FILE		(UINT64_C(1) << 61)
#define PM_GUARD	(UINT64_C(1) << 58)

#define REGIONS		4096

int
runs_add(struct dump *d, struct list *runs, uint64_t first, uint64_t count, bool zero)
{
	struct page_run *last = runs->n > 0 ? runs->v[runs->n - 1] : NULL;

	if (last != NULL && last->first + last->count == first && last->zero == zero) {
		last->count += count;
		return 0;
	}
	if ((last = dump_alloc(d, sizeof *last)) == NULL || list_add(d, runs, last) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	last->first = first;
	last->count = count;
	last->zero = zero;
	return 0;
}

static int
found(struct dump *d, struct mapping *m, uint64_t start, uint64_t end, bool guard)
{
	struct range *g;

	if (guard) {
		if ((g = dump_alloc(d, sizeof *g)) == NULL || list_add(d, &m->guards, g) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		g->start = start;
		g->end = end;
		return 0;
	}
	m->held += (end - start) / DUMP_PAGE;
	return runs_add(d, &m->mm->runs, start / DUMP_PAGE, (end - start) / DUMP_PAGE, false);
}

/* 0, or -errno if the kernel has no such call; a glue_code is never below -100. */
static int
scan(struct dump *d, struct mapping *m, int fd, bool everything, uint64_t guard)
{
	static struct page_region regions[REGIONS];
	struct pm_scan_arg a = {
		.size = sizeof a,
		.start = m->start,
		.end = m->end,
		.vec = (uintptr_t)regions,
		.vec_len = REGIONS,
		.category_inverted = everything ? 0 : IS_FILE | IS_PFNZERO,
		.category_mask = everything ? 0 : IS_FILE | IS_PFNZERO,
		.category_anyof_mask = IS_PRESENT | IS_SWAPPED | guard,
		.return_mask = guard,
	};
	int n, r;

	do {
		if ((n = ioctl(fd, SCAN_IOCTL, &a)) < 0)
			return -1000 - errno;
		for (int i = 0; i < n; i++) {
			if ((r = found(d, m, regions[i].start, regions[i].end,
			    regions[i].categories & guard)) != 0)
				return r;
			a.start = regions[i].end;
		}
		/* 6.18 was seen to say it had walked less far than to the last region it gave */
		if (a.walk_end > a.start)
			a.start = a.walk_end;
	} while (a.start < m->end);
	return 0;
}

static int
scan_pagemap(struct dump *d, struct mapping *m, int fd, bool everything)
{
	static uint64_t entries[REGIONS];
	int r;

	for (uint64_t at = m->start; at < m->end; at += (uint64_t)REGIONS * DUMP_PAGE) {
		uint64_t pages = (m->end - at) / DUMP_PAGE;
		size_t n = pages < REGIONS ? (size_t)pages : REGIONS;

		if (pread(fd, entries, n * 8, (off_t)(at / DUMP_PAGE * 8)) != (ssize_t)(n * 8))
			return dump_fail(d, GLUE_E_SYSTEM, errno, m->mm->proc, "reading pagemap");
		for (size_t i = 0; i < n; i++) {
			uint64_t page = at + i * DUMP_PAGE;

			if (entries[i] & PM_GUARD && !(entries[i] & (PM_PRESENT | PM_SWAPPED)))
				r = found(d, m, page, page + DUMP_PAGE, true);
			else if (entries[i] & (PM_PRESENT | PM_SWAPPED) &&
			    (everything || !(entries[i] & PM_FILE)))
				r = found(d, m, page, page + DUMP_PAGE, false);
			else
				continue;
			if (r != 0)
				return r;
		}
	}
	return 0;
}

/* ---- a whole address space at once: what it holds, and what is resident ---- */

struct regions {
	struct page_region *v;		/* ascending; of any mapping */
	size_t		n, cap;
};

/* All pages there are from start to end: 0 or -errno. */
static int
scan_range(const struct dump *d, int fd, uint64_t start, uint64_t end, struct regions *out)
{
	uint64_t guard = d->no_guard_scan ? 0 : IS_GUARD;
	struct pm_scan_arg a = {
		.size = sizeof a, .start = start, .end = end, .vec_len = REGIONS,
		.category_anyof_mask = IS_PRESENT | IS_SWAPPED | guard,
		.return_mask = IS_PRESENT | IS_FILE | IS_PFNZERO | guard,
	};
	int n;

	do {
		if (out->cap - out->n < REGIONS) {
			size_t cap = out->cap * 2 + REGIONS;
			struct page_region *v = realloc(out->v, cap * sizeof *v);

			if (v == NULL)
				return -ENOMEM;
			out->v = v;
			out->cap = cap;
		}
		a.vec = (uintptr_t)(out->v + out->n);
		if ((n = ioctl(fd, SCAN_IOCTL, &a)) < 0)
			return -errno;
		out->n += (size_t)n;
		if (n > 0)
			a.start = out->v[out->n - 1].end;
		if (a.walk_end > a.start)
			a.start = a.walk_end;
	} while (a.start < end);
	return 0;
}

int
mem_learn_scan(struct dump *d)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC), r = -ENOENT;
	uint64_t page = (uintptr_t)d & ~(uint64_t)(DUMP_PAGE - 1);
	struct regions none = { 0 };

	if (fd >= 0) {
		r = scan_range(d, fd, page, page + DUMP_PAGE, &none);
		if (r == -EINVAL) {
			d->no_guard_scan = true;
			r = scan_range(d, fd, page, page + DUMP_PAGE, &none);
		}
		close(fd);
	}
	free(none.v);
	return r;
}

static bool
holds_pages(const struct mapping *m)
{
	return m->kind == PSNAP_MAPPING_ANONYMOUS || m->kind == PSNAP_MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP_MAPPING_OBJECT_PRIVATE;
}

/* Of a region, what lies in m from start to end. */
static int
take_region(struct dump *d, struct mapping *m, uint64_t start, uint64_t end, uint64_t categories)
{
	/* the kernel's own pages are nobody's memory, as smaps has it */
	if (categories & IS_PRESENT && !(categories & IS_PFNZERO) && m->kind != PSNAP_MAPPING_VVAR)
		m->resident_kib += (end - start) >> 10;
	if (!holds_pages(m) || categories & (IS_FILE | IS_PFNZERO))
		return 0;
	return found(d, m, start, end, categories & IS_GUARD);
}

static int
take_regions(struct dump *d, struct mm *mm, const struct regions *all)
{
	size_t at = 0;
	int r = 0;

	for (size_t i = 0; i < mm->mappings.n && r == 0; i++) {
		struct mapping *m = mm->mappings.v[i];

		if (m->kind == PSNAP_MAPPING_VDSO)
			r = found(d, m, m->start, m->end, false);
		while (at < all->n && all->v[at].end <= m->start)
			at++;
		for (size_t k = at; k < all->n && all->v[k].start < m->end && r == 0; k++) {
			const struct page_region *g = &all->v[k];

			r = take_region(d, m, g->start > m->start ? g->start : m->start,
			    g->end < m->end ? g->end : m->end, g->categories);
		}
	}
	return r;
}

static int
scan_all(struct dump *d, struct mm *mm, int fd)
{
	const struct mapping *first = mm->mappings.v[0], *last = first;
	struct regions all = { 0 };
	int r;

	for (size_t i = 0; i < mm->mappings.n; i++)
		if (((struct mapping *)mm->mappings.v[i])->kind != PSNAP_MAPPING_VSYSCALL)
			last = mm->mappings.v[i];
	if ((r = scan_range(d, fd, first->start, last->end, &all)) != 0)
		r = dump_fail(d, GLUE_E_SYSTEM, -r, mm->proc, "scanning its pages");
	else
		r = take_regions(d, mm, &all);
	free(all.v);
	return r;
}

/* ---- mapping by mapping ---- */

static int
scan_mapping(struct dump *d, struct mapping *m, int fd)
{
	/* the vdso's pages are the kernel's: all of them are the image */
	bool everything = m->kind == PSNAP_MAPPING_VDSO;
	int r;

	if (everything)
		return found(d, m, m->start, m->end, false);
	if (!d->no_pagemap_scan) {
		r = scan(d, m, fd, everything, d->no_guard_scan ? 0 : IS_GUARD);
		if (r == -1000 - EINVAL && !d->no_guard_scan) {
			d->no_guard_scan = true;
			r = scan(d, m, fd, everything, 0);
		}
		if (r > -1000)
			return r;
		d->no_pagemap_scan = true;
		if ((r = dump_note(d, "pages found by pagemap: this kernel has no PAGEMAP_SCAN")) != 0)
			return r;
	}
	return scan_pagemap(d, m, fd, everything);
}

int
mem_scan(struct dump *d, struct mm *mm)
{
	int fd = openat(mm->proc->proc_fd, "pagemap", O_RDONLY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return dump_fail(d, GLUE_E_DENIED, errno, mm->proc, "opening pagemap");
	if (mm->told) {
		r = scan_all(d, mm, fd);
		close(fd);
		return r;
	}
	for (size_t i = 0; i < mm->mappings.n && r == 0; i++) {
		struct mapping *m = mm->mappings.v[i];

		/* a file's clean pages are shared by all who map it: those are not meant */
		mm->cow |= !m->shared && (m->shared_dirty_kib > 0 ||
		    (m->kind == PSNAP_MAPPING_ANONYMOUS && m->shared_clean_kib > 0));
		switch (m->kind) {
		case PSNAP_MAPPING_ANONYMOUS:
		case PSNAP_MAPPING_FILE_PRIVATE:
		case PSNAP_MAPPING_OBJECT_PRIVATE:
		case PSNAP_MAPPING_VDSO:
			r = scan_mapping(d, m, fd);
			break;
		default:
			break;
		}
	}
	close(fd);
	return r;
}
