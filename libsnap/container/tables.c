/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/tables.h"
#include "libsnap/core/error.h"

/* Room for one more element. */
static int
reserve(void **array, size_t n, size_t *cap, size_t size)
{
	size_t want;
	void *p;

	if (n < *cap)
		return 0;
	want = *cap == 0 ? 64 : *cap * 2;
	if (want > SIZE_MAX / size || (p = realloc(*array, want * size)) == NULL)
		return -1;
	*array = p;
	*cap = want;
	return 0;
}

void
tables_fini(struct tables *t)
{
	free(t->block_bytes);
	free(t->objects);
	free(t->runs);
	free(t->dir);
	memset(t, 0, sizeof *t);
}

void
block_entry_encode(uint8_t out[PSNAP_IDX_BLOCK_LEN], uint64_t offset, const struct block_header *h,
    const uint8_t leaf[PSNAP_DIGEST_LEN])
{
	psnap_put64(out + PSNAP_IDX_BLOCK_OFFSET, offset);
	psnap_put32(out + PSNAP_IDX_BLOCK_LENGTH, block_length(h));
	out[PSNAP_IDX_BLOCK_TYPE] = h->type;
	out[PSNAP_IDX_BLOCK_CODEC] = h->codec;
	psnap_put16(out + PSNAP_IDX_BLOCK_FLAGS, h->flags);
	memcpy(out + PSNAP_IDX_BLOCK_DIGEST, leaf, PSNAP_DIGEST_LEN);
}

void
object_entry_encode(uint8_t out[PSNAP_IDX_OBJECT_LEN], const struct object_entry *o)
{
	psnap_put64(out + PSNAP_IDX_OBJECT_ID, o->id);
	psnap_put16(out + PSNAP_IDX_OBJECT_KIND, o->kind);
	psnap_put16(out + PSNAP_IDX_OBJECT_RESERVED, 0);
	psnap_put32(out + PSNAP_IDX_OBJECT_BLOCK, o->block);
	psnap_put32(out + PSNAP_IDX_OBJECT_OFFSET, o->offset);
	psnap_put32(out + PSNAP_IDX_OBJECT_LENGTH, o->length);
}

void
run_entry_encode(uint8_t out[PSNAP_IDX_RUN_LEN], const struct run_entry *r)
{
	psnap_put64(out + PSNAP_IDX_RUN_OWNER, r->owner);
	psnap_put64(out + PSNAP_IDX_RUN_FIRST, r->first);
	psnap_put32(out + PSNAP_IDX_RUN_COUNT, r->count);
	psnap_put32(out + PSNAP_IDX_RUN_KIND, r->kind);
	psnap_put32(out + PSNAP_IDX_RUN_BLOCK, r->kind == PSNAP_RUN_STORED ? r->block : 0);
	psnap_put32(out + PSNAP_IDX_RUN_PAGE, r->kind == PSNAP_RUN_STORED ? r->page : 0);
}

static void
dir_entry_encode(uint8_t out[PSNAP_IDX_DIR_LEN], const struct dir_entry *e)
{
	psnap_put32(out + PSNAP_IDX_DIR_TABLE, e->table);
	psnap_put32(out + PSNAP_IDX_DIR_COUNT, e->count);
	psnap_put64(out + PSNAP_IDX_DIR_OFFSET, e->offset);
	psnap_put32(out + PSNAP_IDX_DIR_LENGTH, e->length);
	psnap_put32(out + PSNAP_IDX_DIR_RESERVED, 0);
	psnap_put64(out + PSNAP_IDX_DIR_KEY, e->key);
	psnap_put64(out + PSNAP_IDX_DIR_KEY2, e->key2);
	memcpy(out + PSNAP_IDX_DIR_DIGEST, e->digest, PSNAP_DIGEST_LEN);
}

int
tables_add_block(struct tables *t, uint64_t offset, const struct block_header *h,
    const uint8_t leaf[PSNAP_DIGEST_LEN])
{
	if (reserve((void **)&t->block_bytes, t->blocks, &t->blocks_cap, PSNAP_IDX_BLOCK_LEN) != 0)
		return -1;
	block_entry_encode(t->block_bytes + t->blocks * PSNAP_IDX_BLOCK_LEN, offset, h, leaf);
	t->blocks++;
	return 0;
}

int
tables_add_runs(struct tables *t, const struct block_header *h, const uint8_t *aux)
{
	uint32_t page = 0;
	struct run run;

	for (uint32_t i = 0; i < h->aux_len; i += PSNAP_RUN_LEN) {
		struct run_entry *e;

		if (reserve((void **)&t->runs, t->nruns, &t->runs_cap, sizeof *t->runs) != 0)
			return -1;
		run_decode(&run, aux + i);
		e = &t->runs[t->nruns++];
		e->owner = run.owner;
		e->first = run.first;
		e->count = run.count;
		e->kind = run.kind;
		e->block = h->seq;
		e->page = page;
		if (run.kind == PSNAP_RUN_STORED)
			page += run.count;
	}
	return 0;
}

int
tables_add_object(struct tables *t, const struct object_entry *o)
{
	if (reserve((void **)&t->objects, t->nobjects, &t->objects_cap, sizeof *t->objects) != 0)
		return -1;
	t->objects[t->nobjects++] = *o;
	return 0;
}

int
tables_add_dir(struct tables *t, const struct dir_entry *e)
{
	if (reserve((void **)&t->dir, t->ndir, &t->dir_cap, sizeof *t->dir) != 0)
		return -1;
	t->dir[t->ndir++] = *e;
	return 0;
}

static int
compare_objects(const void *a, const void *b)
{
	const struct object_entry *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

static int
compare_runs(const void *a, const void *b)
{
	const struct run_entry *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->first != y->first)
		return x->first < y->first ? -1 : 1;
	return (x->block > y->block) - (x->block < y->block);
}

static uint64_t
block_offset(const struct tables *t, uint32_t seq)
{
	return psnap_get64(t->block_bytes + (size_t)seq * PSNAP_IDX_BLOCK_LEN + PSNAP_IDX_BLOCK_OFFSET);
}

int
tables_sort(struct tables *t, enum snap_code code, struct snap_error *err)
{
	if (t->nobjects > 0)
		qsort(t->objects, t->nobjects, sizeof *t->objects, compare_objects);
	for (size_t i = 1; i < t->nobjects; i++)
		if (t->objects[i].id == t->objects[i - 1].id)
			return error_object(err, code, "REC-6", t->objects[i].id,
			    block_offset(t, t->objects[i].block) + t->objects[i].offset,
			    "object id %llu was used twice", (unsigned long long)t->objects[i].id);
	if (t->nruns > 0)
		qsort(t->runs, t->nruns, sizeof *t->runs, compare_runs);
	for (size_t i = 1; i < t->nruns; i++) {
		const struct run_entry *a = &t->runs[i - 1], *b = &t->runs[i];

		if (a->owner == b->owner && b->first - a->first < a->count)
			return error_object(err, code, "RUN-6", b->owner, block_offset(t, b->block),
			    "page %llu of object %llu was given twice",
			    (unsigned long long)b->first, (unsigned long long)b->owner);
	}
	return 0;
}

static size_t
table_size(const struct tables *t, uint32_t table, size_t *entry_len)
{
	switch (table) {
	case PSNAP_TABLE_BLOCKS:
		*entry_len = PSNAP_IDX_BLOCK_LEN;
		return t->blocks;
	case PSNAP_TABLE_OBJECTS:
		*entry_len = PSNAP_IDX_OBJECT_LEN;
		return t->nobjects;
	case PSNAP_TABLE_RUNS:
		*entry_len = PSNAP_IDX_RUN_LEN;
		return t->nruns;
	default:
		*entry_len = PSNAP_IDX_DIR_LEN;
		return t->ndir;
	}
}

static void
entry_encode(const struct tables *t, uint32_t table, size_t i, uint8_t *out)
{
	switch (table) {
	case PSNAP_TABLE_BLOCKS:
		memcpy(out, t->block_bytes + i * PSNAP_IDX_BLOCK_LEN, PSNAP_IDX_BLOCK_LEN);
		break;
	case PSNAP_TABLE_OBJECTS:
		object_entry_encode(out, &t->objects[i]);
		break;
	case PSNAP_TABLE_RUNS:
		run_entry_encode(out, &t->runs[i]);
		break;
	default:
		dir_entry_encode(out, &t->dir[i]);
		break;
	}
}

int
tables_next_chunk(const struct tables *t, struct table_chunk *chunk)
{
	size_t entry_len, total = table_size(t, chunk->table, &entry_len), n = total - chunk->done;
	bool directory = chunk->table == PSNAP_TABLE_DIRECTORY;

	/* the directory is one block, even if empty */
	if (directory ? chunk->done == SIZE_MAX : n == 0)
		return 0;
	if (!directory && n > PSNAP_TABLE_CHUNK)
		n = PSNAP_TABLE_CHUNK;
	if (n * entry_len > chunk->cap) {
		uint8_t *p = realloc(chunk->bytes, n * entry_len);

		if (p == NULL)
			return TABLES_NOMEM;
		chunk->bytes = p;
		chunk->cap = n * entry_len;
	}
	for (size_t i = 0; i < n; i++)
		entry_encode(t, chunk->table, chunk->done + i, chunk->bytes + i * entry_len);
	chunk->len = n * entry_len;
	chunk->count = (uint32_t)n;
	chunk->key = chunk->key2 = 0;
	if (chunk->table == PSNAP_TABLE_BLOCKS)
		chunk->key = chunk->done;
	else if (chunk->table == PSNAP_TABLE_OBJECTS)
		chunk->key = t->objects[chunk->done].id;
	else if (chunk->table == PSNAP_TABLE_RUNS) {
		chunk->key = t->runs[chunk->done].owner;
		chunk->key2 = t->runs[chunk->done].first;
	}
	chunk->done = directory ? SIZE_MAX : chunk->done + n;
	return 1;
}

const struct dir_entry *
tables_last_dir(const struct tables *t)
{
	return &t->dir[t->ndir - 1];
}
