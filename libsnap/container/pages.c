/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages by owner and page number.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/core/error.h"

/* Where in (chunk, entry) order the runs of owner that end behind page `first` begin. */
struct place {
	size_t		dir;
	uint32_t	entry;
};

static bool
key_after(uint64_t owner, uint64_t first, uint64_t key, uint64_t key2)
{
	return key > owner || (key == owner && key2 > first);
}

/* The first run that ends behind (owner, first); 1, or 0 if there is none. */
static int
seek(struct container *c, uint64_t owner, uint64_t first, struct place *place, struct snap_error *err)
{
	const struct table_range *t = &c->tables[PSNAP_TABLE_RUNS];
	size_t lo = 0, hi = t->count;
	uint32_t a, b;
	const uint8_t *bytes;
	struct run_entry e;
	int r;

	if (t->count == 0)
		return 0;
	/* the last chunk that starts at or before it; the run may also be the next chunk's first */
	while (hi - lo > 1) {
		size_t mid = lo + (hi - lo) / 2;
		const struct dir_entry *d = &c->dir[t->first + mid];

		if (key_after(owner, first, d->key, d->key2))
			hi = mid;
		else
			lo = mid;
	}
	place->dir = t->first + lo;
	if ((r = reader_chunk(c, place->dir, &bytes, err)) != 0)
		return r;
	a = 0;
	b = c->dir[place->dir].count;
	while (a < b) {
		uint32_t mid = a + (b - a) / 2;

		run_entry_decode(&e, bytes + mid * PSNAP_IDX_RUN_LEN);
		if (e.owner < owner || (e.owner == owner && e.first + e.count <= first))
			a = mid + 1;
		else
			b = mid;
	}
	place->entry = a;
	if (a == c->dir[place->dir].count) {
		place->dir++;
		place->entry = 0;
	}
	return place->dir < t->first + t->count;
}

int
container_next_run(struct container *c, struct snap_run *run, uint64_t last, struct snap_error *err)
{
	/* run->count 0: the first call, which starts at run->first */
	uint64_t from = run->first + run->count;
	const uint8_t *bytes;
	struct run_entry e;
	struct place place = { 0 };
	int r;

	if ((r = seek(c, run->owner, from, &place, err)) != 1)
		return r;
	if ((r = reader_chunk(c, place.dir, &bytes, err)) != 0)
		return r;
	run_entry_decode(&e, bytes + place.entry * PSNAP_IDX_RUN_LEN);
	if (e.owner != run->owner || e.first >= last)
		return 0;
	run->first = e.first;
	run->count = e.count;
	run->kind = (enum psnap_run_kind)e.kind;
	run->block = e.block;
	run->page = e.page;
	return 1;
}

/* Keep what other slots hold below PAGE_BYTES together with n bytes more. */
static void
trim_cache(struct container *c, const struct page_slot *keep, size_t n)
{
	for (;;) {
		struct page_slot *oldest = NULL;
		size_t total = n;

		for (size_t k = 0; k < PAGE_SLOTS; k++) {
			struct page_slot *s = &c->pages[k];

			if (s == keep || s->raw == NULL)
				continue;
			total += s->cap;
			if (oldest == NULL || s->used < oldest->used)
				oldest = s;
		}
		if (total <= PAGE_BYTES || oldest == NULL)
			return;
		free(oldest->raw);
		*oldest = (struct page_slot){ 0 };
	}
}

int
container_next_owner(struct container *c, uint64_t *owner, struct snap_error *err)
{
	const uint8_t *bytes;
	struct run_entry e;
	struct place place = { 0 };
	int r;

	if ((r = seek(c, *owner, 0, &place, err)) != 1 ||
	    (r = reader_chunk(c, place.dir, &bytes, err)) != 0)
		return r;
	run_entry_decode(&e, bytes + place.entry * PSNAP_IDX_RUN_LEN);
	*owner = e.owner;
	return 1;
}

int
container_find_pages(struct container *c, uint32_t seq, struct block_entry *e, struct snap_error *err)
{
	int r;

	if ((r = reader_block_entry(c, seq, e, err)) != 0)
		return r;
	if (e->type != PSNAP_BLOCK_PAGES)					/* IDX-10 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-10", e->offset,
		    "a run's pages are in block %u, which is of type %u", seq, e->type);
	return 0;
}

int
reader_run_fits(const struct container *c, const struct snap_run *run, uint64_t start, uint64_t n,
    uint32_t raw_len, struct snap_error *err)
{
	if (start > raw_len || n > raw_len - start)				/* IDX-10 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-10", c->trailer.dir_offset,
		    "a run's pages lie beyond its block %u", run->block);
	return 0;
}

int
reader_page_block(struct container *c, uint32_t seq, const uint8_t **raw, uint32_t *raw_len,
    struct snap_error *err)
{
	struct page_slot *slot = &c->pages[0];
	struct block_entry e;
	struct block_header h;
	int r;

	for (size_t k = 0; k < PAGE_SLOTS; k++) {
		if (c->pages[k].valid && c->pages[k].seq == seq) {
			slot = &c->pages[k];
			goto found;
		}
		if (c->pages[k].used < slot->used)
			slot = &c->pages[k];
	}
	slot->valid = false;
	if ((r = container_find_pages(c, seq, &e, err)) != 0 ||
	    (r = reader_block(c, &c->own, seq, &e, &h, err)) != 0)
		return r;
	trim_cache(c, slot, h.raw_len);
	if ((r = reader_room(&slot->raw, &slot->cap, h.raw_len, err)) != 0 ||
	    (r = block_payload(&h, c->own.stored + PSNAP_BLK_LEN, e.offset, slot->raw, c->own.zstd, err)) != 0)
		return r;
	slot->seq = seq;
	slot->raw_len = h.raw_len;
	slot->valid = true;
found:
	slot->used = ++c->clock;
	*raw = slot->raw;
	*raw_len = slot->raw_len;
	return 0;
}

int
container_map(struct container *c, const struct snap_run *run, int *fd, uint64_t *offset, struct snap_error *err)
{
	uint8_t head[PSNAP_BLK_LEN];
	struct block_entry e;
	struct block_header h;
	uint64_t start = (uint64_t)run->page << c->header.page_shift;
	int r;

	if (run->kind != PSNAP_RUN_STORED)
		return 0;
	if ((r = reader_block_entry(c, run->block, &e, err)) != 0 ||
	    (r = reader_pread(c, head, sizeof head, e.offset, err)) != 0 ||
	    (r = block_header_decode(&h, head, e.offset, run->block, c->header.page_shift, err)) != 0)
		return r;
	*fd = c->fd;
	*offset = e.offset + PSNAP_BLK_LEN + h.aux_len + start;
	if (h.type != PSNAP_BLOCK_PAGES || h.codec != PSNAP_CODEC_NONE ||
	    *offset % (1u << c->header.page_shift) != 0)
		return 0;
	r = reader_run_fits(c, run, start, run->count << c->header.page_shift, h.raw_len, err);
	return r != 0 ? r : 1;
}

int
reader_run(struct container *c, const struct snap_run *run, uint64_t at, size_t n, const uint8_t **bytes,
    struct snap_error *err)
{
	const uint8_t *raw;
	uint32_t raw_len;
	uint64_t start;
	int r;

	if ((r = reader_page_block(c, run->block, &raw, &raw_len, err)) != 0)
		return r;
	start = ((uint64_t)run->page << c->header.page_shift) + at;
	if ((r = reader_run_fits(c, run, start, n, raw_len, err)) == 0)
		*bytes = raw + start;
	return r;
}

/* n bytes at offset `at` of the run's bytes. */
static int
read_run(struct container *c, const struct snap_run *run, uint64_t at, uint8_t *buf, size_t n,
    struct snap_error *err)
{
	const uint8_t *bytes;
	int r;

	if (run->kind == PSNAP_RUN_ZERO) {
		memset(buf, 0, n);
		return 0;
	}
	if (run->kind != PSNAP_RUN_STORED)
		return error_set(err, SNAP_E_UNSUPPORTED, "RUN-1", 0, "the page is a parent snapshot's");
	if ((r = reader_run(c, run, at, n, &bytes, err)) == 0)
		memcpy(buf, bytes, n);
	return r;
}

int
container_read(struct container *c, uint64_t owner, uint64_t addr, void *buf, size_t len, size_t *done,
    struct snap_error *err)
{
	uint32_t shift = c->header.page_shift;
	struct snap_run run = { .owner = owner };
	size_t got = 0;
	int r = 0;

	while (got < len) {
		uint64_t at = addr + got, page = at >> shift, start, room;
		size_t n = len - got;

		if (run.count == 0 || page - run.first >= run.count) {
			run.first = page;
			run.count = 0;
			if ((r = container_next_run(c, &run, page + 1, err)) < 0)
				break;
			if (r == 0 || page < run.first) {
				r = error_object(err, SNAP_E_NOT_FOUND, "", owner, at,
				    "page 0x%llx is not in the snapshot", (unsigned long long)(page << shift));
				break;
			}
			r = 0;
		}
		start = run.first << shift;
		room = (run.count << shift) - (at - start);
		if (n > room)
			n = (size_t)room;
		if ((r = read_run(c, &run, at - start, (uint8_t *)buf + got, n, err)) != 0)
			break;
		got += n;
	}
	if (done != NULL)
		*done = got;
	return r;
}
