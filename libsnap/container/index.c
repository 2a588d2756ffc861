/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The index, read at random: the directory at once, its chunks on demand.
 *
 * Each chunk is checked by itself when it is loaded, and against its
 * neighbours by way of the directory's keys, so that no order of loading
 * skips a check.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"

static const size_t entry_len[] = {
	[PSNAP_TABLE_BLOCKS]	= PSNAP_IDX_BLOCK_LEN,
	[PSNAP_TABLE_OBJECTS]	= PSNAP_IDX_OBJECT_LEN,
	[PSNAP_TABLE_RUNS]	= PSNAP_IDX_RUN_LEN,
};

void
run_entry_decode(struct run_entry *e, const uint8_t in[PSNAP_IDX_RUN_LEN])
{
	e->owner = psnap_get64(in + PSNAP_IDX_RUN_OWNER);
	e->first = psnap_get64(in + PSNAP_IDX_RUN_FIRST);
	e->count = psnap_get32(in + PSNAP_IDX_RUN_COUNT);
	e->kind = psnap_get32(in + PSNAP_IDX_RUN_KIND);
	e->block = psnap_get32(in + PSNAP_IDX_RUN_BLOCK);
	e->page = psnap_get32(in + PSNAP_IDX_RUN_PAGE);
}

/* ---- the directory ---- */

static void
dir_entry_decode(struct dir_entry *e, const uint8_t in[PSNAP_IDX_DIR_LEN])
{
	e->table = psnap_get32(in + PSNAP_IDX_DIR_TABLE);
	e->count = psnap_get32(in + PSNAP_IDX_DIR_COUNT);
	e->offset = psnap_get64(in + PSNAP_IDX_DIR_OFFSET);
	e->length = psnap_get32(in + PSNAP_IDX_DIR_LENGTH);
	e->key = psnap_get64(in + PSNAP_IDX_DIR_KEY);
	e->key2 = psnap_get64(in + PSNAP_IDX_DIR_KEY2);
	memcpy(e->digest, in + PSNAP_IDX_DIR_DIGEST, PSNAP_DIGEST_LEN);
}

/* Entry i after the ones before it: order of tables, full chunks, ascending keys, no gaps. */
static int
check_dir_entry(struct container *c, size_t i, uint64_t at, const uint8_t *in, struct snap_error *err)
{
	const struct dir_entry *e = &c->dir[i], *prev = i > 0 ? &c->dir[i - 1] : NULL;
	struct table_range *range;

	if (e->table < PSNAP_TABLE_BLOCKS || e->table >= PSNAP_TABLE_DIRECTORY ||
	    (prev != NULL && e->table < prev->table))				/* IDX-1 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-1", at,
		    "entry %zu of the directory is of table %u", i, e->table);
	if (psnap_get32(in + PSNAP_IDX_DIR_RESERVED) != 0)
		return error_set(err, SNAP_E_UNSUPPORTED, "IDX-1", at,
		    "reserved bytes of directory entry %zu are in use", i);
	if (e->count == 0 || e->count > PSNAP_TABLE_CHUNK ||
	    (prev != NULL && prev->table == e->table && prev->count != PSNAP_TABLE_CHUNK)) /* IDX-2 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-2", at,
		    "index block %zu has %u entries", i, e->count);
	if (e->length < PSNAP_BLK_LEN || e->length > BLOCK_LENGTH_MAX || e->offset < PSNAP_HDR_LEN ||
	    e->offset > c->trailer.dir_offset || e->length > c->trailer.dir_offset - e->offset ||
	    (prev != NULL && e->offset != prev->offset + prev->length))		/* IDX-3 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-3", at,
		    "index block %zu is not where it belongs", i);
	range = &c->tables[e->table];
	if ((e->table == PSNAP_TABLE_BLOCKS && e->key != range->entries) ||
	    (e->table != PSNAP_TABLE_RUNS && e->key2 != 0) ||
	    (prev != NULL && prev->table == e->table &&
	    (e->key < prev->key || (e->key == prev->key && e->key2 <= prev->key2))))	/* IDX-4 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-4", at,
		    "index block %zu starts with key %llu", i, (unsigned long long)e->key);
	if (range->count == 0)
		range->first = i;
	range->count++;
	range->entries += e->count;
	return 0;
}

static int
check_directory(struct container *c, const uint8_t *raw, uint64_t at, struct snap_error *err)
{
	uint64_t trailer = c->length - PSNAP_TRL_LEN;
	const struct dir_entry *last;
	int r;

	for (size_t i = 0; i < c->ndir; i++) {
		dir_entry_decode(&c->dir[i], raw + i * PSNAP_IDX_DIR_LEN);
		if ((r = check_dir_entry(c, i, at, raw + i * PSNAP_IDX_DIR_LEN, err)) != 0)
			return r;
	}
	last = c->ndir > 0 ? &c->dir[c->ndir - 1] : NULL;
	if (last != NULL ? last->offset + last->length != c->trailer.dir_offset :
	    c->trailer.dir_offset != PSNAP_HDR_LEN)				/* IDX-3 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-3", at,
		    "index blocks do not end where the directory begins");
	if (c->ndir > 0 && c->tables[PSNAP_TABLE_BLOCKS].count == 0)		/* IDX-1 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-1", at, "an index without blocks");
	if (c->trailer.blocks != c->tables[PSNAP_TABLE_BLOCKS].entries)		/* TRL-6 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-6", trailer + PSNAP_TRL_BLOCKS,
		    "trailer tells %llu blocks, the index %llu", (unsigned long long)c->trailer.blocks,
		    (unsigned long long)c->tables[PSNAP_TABLE_BLOCKS].entries);
	if (c->trailer.objects != c->tables[PSNAP_TABLE_OBJECTS].entries)
		return error_set(err, SNAP_E_CORRUPT, "TRL-6", trailer + PSNAP_TRL_OBJECTS,
		    "trailer tells %llu objects, the index %llu", (unsigned long long)c->trailer.objects,
		    (unsigned long long)c->tables[PSNAP_TABLE_OBJECTS].entries);
	return 0;
}

int
reader_load_directory(struct container *c, struct snap_error *err)
{
	uint64_t at = c->trailer.dir_offset;
	uint8_t root[PSNAP_DIGEST_LEN], *raw = NULL;
	struct block_header h;
	uint8_t head[PSNAP_BLK_LEN];
	int r;

	/* the sequence number is known only when the index is */
	if ((r = reader_pread(c, head, sizeof head, at, err)) != 0 ||
	    (r = block_header_decode(&h, head, at, psnap_get32(head + PSNAP_BLK_OFF_SEQ),
	    c->header.page_shift, err)) != 0)
		return r;
	if (h.table != PSNAP_TABLE_DIRECTORY || block_length(&h) != c->trailer.dir_length) /* DIR-1 */
		return error_set(err, SNAP_E_CORRUPT, "DIR-1", at, "no directory where the trailer says");
	if (h.raw_len != (uint64_t)h.count * PSNAP_IDX_DIR_LEN)			/* DIR-2 */
		return error_set(err, SNAP_E_CORRUPT, "DIR-2", at + PSNAP_BLK_OFF_COUNT,
		    "directory of %u entries in %u bytes", h.count, h.raw_len);
	if (h.raw_len > c->limits.max_index_bytes)
		return error_set(err, SNAP_E_LIMIT, "", at, "directory of %u bytes", h.raw_len);
	if ((r = reader_room(&c->own.stored, &c->own.cap, c->trailer.dir_length, err)) != 0 ||
	    (r = reader_pread(c, c->own.stored, c->trailer.dir_length, at, err)) != 0 ||
	    (r = block_body_check(&h, c->own.stored + PSNAP_BLK_LEN, at, c->header.page_shift,
	    c->header.incompat, err)) != 0)
		return r;
	digest(root, PSNAP_HASH_ROOT, c->header_bytes, PSNAP_HDR_LEN, c->own.stored,
	    c->trailer.dir_length, NULL, 0);
	if (memcmp(root, c->trailer.root, PSNAP_DIGEST_LEN) != 0)		/* HASH-3 */
		return error_set(err, SNAP_E_CORRUPT, "HASH-3",
		    c->length - PSNAP_TRL_LEN + PSNAP_TRL_ROOT, "root digest does not match");
	c->ndir = h.count;
	if ((raw = malloc(h.raw_len + 1)) == NULL ||
	    (c->dir = calloc(c->ndir + 1, sizeof *c->dir)) == NULL) {
		r = error_nomem(err);
		goto out;
	}
	if ((r = block_payload(&h, c->own.stored + PSNAP_BLK_LEN, at, raw, c->own.zstd, err)) != 0 ||
	    (r = check_directory(c, raw, at, err)) != 0)
		goto out;
	if (h.seq != c->trailer.blocks + c->ndir)				/* BLK-16 */
		r = error_set(err, SNAP_E_CORRUPT, "BLK-16", at + PSNAP_BLK_OFF_SEQ,
		    "sequence number %u, expected %llu", h.seq,
		    (unsigned long long)(c->trailer.blocks + c->ndir));
out:
	free(raw);
	return r;
}

/* ---- chunks ---- */

/* Entry i + 1 of the directory if it is of the same table, else NULL. */
static const struct dir_entry *
next_chunk(const struct container *c, size_t i)
{
	return i + 1 < c->ndir && c->dir[i + 1].table == c->dir[i].table ? &c->dir[i + 1] : NULL;
}

/* IDX-5: blocks follow each other up to the index; see load_all_meta() for the chunks' seams. */
static int
check_blocks_chunk(struct container *c, size_t i, const uint8_t *bytes, struct snap_error *err)
{
	const struct dir_entry *d = &c->dir[i];
	struct block_entry e, prev = { 0 };
	uint64_t end = c->dir[0].offset;

	for (uint32_t k = 0; k < d->count; k++) {
		block_entry_decode(&e, bytes + k * PSNAP_IDX_BLOCK_LEN);
		if (e.type < PSNAP_BLOCK_META || e.type > PSNAP_BLOCK_PAD || e.type == PSNAP_BLOCK_INDEX ||
		    e.length < PSNAP_BLK_LEN || e.length > BLOCK_LENGTH_MAX ||
		    e.offset < PSNAP_HDR_LEN || e.offset > end || e.length > end - e.offset ||
		    (k > 0 && e.offset != prev.offset + prev.length) ||
		    (next_chunk(c, i) == NULL && k + 1 == d->count && e.offset + e.length != end))
			return error_set(err, SNAP_E_CORRUPT, "IDX-5", d->offset,
			    "index has block %llu at 0x%llx with %u bytes",
			    (unsigned long long)(d->key + k), (unsigned long long)e.offset, e.length);
		prev = e;
	}
	return 0;
}

static int
check_objects_chunk(struct container *c, size_t i, const uint8_t *bytes, struct snap_error *err)
{
	const struct dir_entry *d = &c->dir[i], *next = next_chunk(c, i);
	uint64_t prev = 0;

	for (uint32_t k = 0; k < d->count; k++) {
		const uint8_t *e = bytes + k * PSNAP_IDX_OBJECT_LEN;
		uint64_t id = psnap_get64(e + PSNAP_IDX_OBJECT_ID);

		if (psnap_get16(e + PSNAP_IDX_OBJECT_RESERVED) != 0)			/* IDX-7 */
			return error_set(err, SNAP_E_UNSUPPORTED, "IDX-7", d->offset,
			    "reserved bytes of the index of objects are in use");
		if ((k == 0 && id != d->key) || id <= prev ||
		    (next != NULL && id >= next->key) ||
		    psnap_get32(e + PSNAP_IDX_OBJECT_BLOCK) >= c->trailer.blocks)
			return error_set(err, SNAP_E_CORRUPT, "IDX-7", d->offset,
			    "index of objects has %llu after %llu", (unsigned long long)id,
			    (unsigned long long)prev);
		prev = id;
	}
	return 0;
}

static int
check_runs_chunk(struct container *c, size_t i, const uint8_t *bytes, struct snap_error *err)
{
	const struct dir_entry *d = &c->dir[i], *next = next_chunk(c, i);
	struct run_entry e, prev = { 0 };

	for (uint32_t k = 0; k < d->count; k++) {
		run_entry_decode(&e, bytes + k * PSNAP_IDX_RUN_LEN);
		if (e.kind > PSNAP_RUN_PARENT)						/* RUN-1 */
			return error_set(err, SNAP_E_UNSUPPORTED, "RUN-1", d->offset,
			    "run of kind %u", e.kind);
		if (e.owner == 0 || e.count == 0 ||
		    (e.kind == PSNAP_RUN_PARENT && !(c->header.incompat & PSNAP_INCOMPAT_PARENT)) ||
		    e.first > (UINT64_MAX >> c->header.page_shift) - e.count ||
		    (e.kind == PSNAP_RUN_STORED ? e.block >= c->trailer.blocks :
		    e.block != 0 || e.page != 0) ||
		    (k == 0 && (e.owner != d->key || e.first != d->key2)) ||
		    e.owner < prev.owner ||
		    (e.owner == prev.owner && e.first < prev.first + prev.count))	/* IDX-8 */
			return error_set(err, SNAP_E_CORRUPT, "IDX-8", d->offset,
			    "index of runs has page %llu of object %llu out of order",
			    (unsigned long long)e.first, (unsigned long long)e.owner);
		prev = e;
	}
	/* the last run must not reach into the next chunk */
	if (next != NULL && (next->key < prev.owner ||
	    (next->key == prev.owner && next->key2 < prev.first + prev.count)))
		return error_set(err, SNAP_E_CORRUPT, "IDX-8", next->offset,
		    "index of runs has page %llu of object %llu out of order",
		    (unsigned long long)next->key2, (unsigned long long)next->key);
	return 0;
}

static int
load_chunk(struct container *c, size_t i, struct chunk_slot *slot, struct snap_error *err)
{
	const struct dir_entry *d = &c->dir[i];
	uint8_t chunk[PSNAP_DIGEST_LEN];
	struct block_header h;
	int r;

	if ((r = reader_room(&c->own.stored, &c->own.cap, d->length, err)) != 0 ||
	    (r = reader_pread(c, c->own.stored, d->length, d->offset, err)) != 0 ||
	    (r = block_header_decode(&h, c->own.stored, d->offset, (uint32_t)(c->trailer.blocks + i),
	    c->header.page_shift, err)) != 0)
		return r;
	if (h.table != d->table || h.count != d->count || block_length(&h) != d->length ||
	    h.raw_len != h.count * entry_len[d->table])				/* IDX-9 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-9", d->offset,
		    "index block %zu is not as the directory describes it", i);
	if ((r = block_body_check(&h, c->own.stored + PSNAP_BLK_LEN, d->offset, c->header.page_shift,
	    c->header.incompat, err)) != 0)
		return r;
	digest(chunk, PSNAP_HASH_CHUNK, c->own.stored, d->length, NULL, 0, NULL, 0);
	if (memcmp(chunk, d->digest, PSNAP_DIGEST_LEN) != 0)			/* HASH-2 */
		return error_set(err, SNAP_E_CORRUPT, "HASH-2", d->offset,
		    "digest of index block %zu does not match", i);
	if ((r = reader_room(&slot->bytes, &slot->cap, h.raw_len, err)) != 0 ||
	    (r = block_payload(&h, c->own.stored + PSNAP_BLK_LEN, d->offset, slot->bytes, c->own.zstd, err)) != 0)
		return r;
	switch (d->table) {
	case PSNAP_TABLE_BLOCKS:
		return check_blocks_chunk(c, i, slot->bytes, err);
	case PSNAP_TABLE_OBJECTS:
		return check_objects_chunk(c, i, slot->bytes, err);
	default:
		return check_runs_chunk(c, i, slot->bytes, err);
	}
}

int
reader_chunk(struct container *c, size_t i, const uint8_t **bytes, struct snap_error *err)
{
	struct chunk_slot *slot = &c->chunks[0];
	int r;

	for (size_t k = 0; k < CHUNK_SLOTS; k++) {
		if (c->chunks[k].dir == i) {
			slot = &c->chunks[k];
			goto found;
		}
		if (c->chunks[k].used < slot->used)
			slot = &c->chunks[k];
	}
	slot->dir = SIZE_MAX;
	if ((r = load_chunk(c, i, slot, err)) != 0)
		return r;
	slot->dir = i;
found:
	slot->used = ++c->clock;
	*bytes = slot->bytes;
	return 0;
}

int
reader_block_entry(struct container *c, uint32_t seq, struct block_entry *e, struct snap_error *err)
{
	const struct table_range *t = &c->tables[PSNAP_TABLE_BLOCKS];
	const uint8_t *bytes;
	int r;

	if (seq >= t->entries)
		return error_set(err, SNAP_E_CORRUPT, "IDX-5", c->trailer.dir_offset,
		    "there is no block %u", seq);
	if ((r = reader_chunk(c, t->first + seq / PSNAP_TABLE_CHUNK, &bytes, err)) != 0)
		return r;
	block_entry_decode(e, bytes + seq % PSNAP_TABLE_CHUNK * PSNAP_IDX_BLOCK_LEN);
	return 0;
}
