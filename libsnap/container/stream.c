/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading front to back: what was seen is remembered in the form of the
 * index, and compared with the index when it comes.
 */
#include <stdlib.h>
#include <string.h>

#include <zstd.h>

#include "libsnap/container/container.h"
#include "libsnap/container/tables.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"
#include "libsnap/core/io.h"
#include "libsnap/core/limits.h"

struct buffer {
	uint8_t		*p;
	size_t		cap;
};

struct snap_stream {
	int		fd;
	uint64_t	offset;		/* bytes read */
	uint32_t	seq;		/* of the next block */
	struct snap_limits limits;
	struct file_header header;
	uint8_t		header_bytes[PSNAP_HDR_LEN];
	struct tables	seen;
	struct table_chunk expected;	/* the next index block's content */
	struct snap_summary summary;

	struct ZSTD_DCtx_s *zstd;
	struct buffer	body, raw;	/* of the current block */
	struct block_header block;
	uint64_t	block_offset;
	uint32_t	at;		/* next record in raw, or next run in aux */
	uint32_t	page;		/* next stored page in raw */
	bool		failed, ended;
};

static int
room(struct buffer *b, size_t n, struct snap_error *err)
{
	uint8_t *p;

	if (n <= b->cap && b->p != NULL)
		return 0;
	if ((p = realloc(b->p, n > 0 ? n : 1)) == NULL)
		return error_nomem(err);
	b->p = p;
	b->cap = n;
	return 0;
}

static int
take(struct snap_stream *s, void *p, size_t n, struct snap_error *err)
{
	size_t got;

	if (io_read(s->fd, p, n, &got) != 0)
		return error_io(err, s->offset, "reading the snapshot");
	s->offset += got;
	if (got != n)
		return error_set(err, SNAP_E_TRUNCATED, "TRL-1", s->offset, "stream ends early");
	return 0;
}

int
snap_stream_open(struct snap_stream **sp, int fd, const struct snap_limits *limits,
    struct snap_error *err)
{
	struct snap_stream *s;
	size_t got;
	int r;

	*sp = NULL;
	if ((s = calloc(1, sizeof *s)) == NULL)
		return error_nomem(err);
	s->fd = fd;
	s->expected.table = PSNAP_TABLE_BLOCKS;
	if ((s->zstd = ZSTD_createDCtx()) == NULL) {
		r = error_nomem(err);
		goto fail;
	}
	if ((r = limits_resolve(&s->limits, limits, err)) != 0)
		goto fail;
	if (io_read(fd, s->header_bytes, PSNAP_HDR_LEN, &got) != 0) {
		r = error_io(err, 0, "reading the snapshot");
		goto fail;
	}
	if ((r = file_header_decode(&s->header, s->header_bytes, got, err)) != 0)
		goto fail;
	s->offset = PSNAP_HDR_LEN;
	s->summary.major = s->header.major;
	s->summary.minor = s->header.minor;
	s->summary.page_size = 1u << s->header.page_shift;
	s->summary.incompat = s->header.incompat;
	s->summary.compat = s->header.compat;
	s->summary.autoclear = s->header.autoclear;
	*sp = s;
	return 0;
fail:
	snap_stream_close(s);
	return r;
}

void
snap_stream_close(struct snap_stream *s)
{
	if (s == NULL)
		return;
	tables_fini(&s->seen);
	ZSTD_freeDCtx(s->zstd);
	free(s->expected.bytes);
	free(s->body.p);
	free(s->raw.p);
	free(s);
}

/* ---- index and trailer ---- */

/* The tables come in order; what was seen tells each block's content. */
static int
expect_chunk(struct snap_stream *s, struct snap_error *err)
{
	uint32_t table = s->block.table;
	int r = 0;

	while (s->expected.table <= table && (r = tables_next_chunk(&s->seen, &s->expected)) == 0) {
		s->expected.table++;
		s->expected.done = 0;
	}
	if (r == TABLES_NOMEM)
		return error_nomem(err);
	if (r == 0 || s->expected.table != table)				/* IDX-1 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-1", s->block_offset,
		    "index block of table %u is not expected here", table);
	if (s->block.count != s->expected.count || s->block.raw_len != s->expected.len ||
	    (s->expected.len > 0 && memcmp(s->raw.p, s->expected.bytes, s->expected.len) != 0))
		return error_set(err, SNAP_E_CORRUPT, table == PSNAP_TABLE_BLOCKS ? "IDX-5" :
		    table == PSNAP_TABLE_OBJECTS ? "IDX-7" : table == PSNAP_TABLE_RUNS ? "IDX-8" :
		    "IDX-4", s->block_offset, "index is not what the blocks hold");
	return 0;
}

static int
index_block(struct snap_stream *s, const uint8_t *head, struct snap_error *err)
{
	struct dir_entry e = {
		.table = s->block.table,
		.count = s->block.count,
		.length = block_length(&s->block),
		.offset = s->block_offset,
	};
	int r;

	if (s->seen.ndir == 0 && (r = tables_sort(&s->seen, SNAP_E_CORRUPT, err)) != 0)
		return r;							/* REC-6, RUN-6 */
	if ((r = expect_chunk(s, err)) != 0)
		return r;
	e.key = s->expected.key;
	e.key2 = s->expected.key2;
	if (s->block.table == PSNAP_TABLE_DIRECTORY)
		digest(e.digest, PSNAP_HASH_ROOT, s->header_bytes, PSNAP_HDR_LEN, head, PSNAP_BLK_LEN,
		    s->body.p, s->block.stored_len);
	else
		digest(e.digest, PSNAP_HASH_CHUNK, head, PSNAP_BLK_LEN, s->body.p,
		    s->block.stored_len, NULL, 0);
	return tables_add_dir(&s->seen, &e) != 0 ? error_nomem(err) : 0;
}

static int
check_count(uint64_t seen, uint64_t told, uint64_t at, const char *what, struct snap_error *err)
{
	if (seen == told)
		return 0;
	return error_set(err, SNAP_E_CORRUPT, "TRL-6", at, "trailer tells %llu %s, there are %llu",
	    (unsigned long long)told, what, (unsigned long long)seen);	/* TRL-6 */
}

static int
read_trailer(struct snap_stream *s, struct snap_error *err)
{
	const struct dir_entry *dir = tables_last_dir(&s->seen);
	uint8_t bytes[PSNAP_TRL_LEN], extra;
	uint64_t at = s->offset;
	struct trailer t;
	size_t got;
	int r;

	if ((r = take(s, bytes, sizeof bytes, err)) != 0 ||
	    (r = trailer_decode(&t, bytes, at, err)) != 0)
		return r;
	if (t.dir_offset != dir->offset)					/* TRL-4 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-4", at + PSNAP_TRL_DIR_OFFSET,
		    "directory is not where the trailer says");
	if (memcmp(t.root, dir->digest, PSNAP_DIGEST_LEN) != 0)			/* HASH-3 */
		return error_set(err, SNAP_E_CORRUPT, "HASH-3", at + PSNAP_TRL_ROOT,
		    "root digest does not match");
	if ((r = check_count(s->seen.blocks, t.blocks, at + PSNAP_TRL_BLOCKS, "blocks", err)) != 0 ||
	    (r = check_count(s->seen.nobjects, t.objects, at + PSNAP_TRL_OBJECTS, "objects", err)) != 0 ||
	    (r = check_count(s->summary.stored_pages, t.stored_pages, at + PSNAP_TRL_STORED,
	    "stored pages", err)) != 0 ||
	    (r = check_count(s->summary.zero_pages, t.zero_pages, at + PSNAP_TRL_ZERO,
	    "zero pages", err)) != 0)
		return r;
	if (io_read(s->fd, &extra, 1, &got) != 0)
		return error_io(err, s->offset, "reading the snapshot");
	if (got != 0)								/* TRL-1 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-1", s->offset,
		    "something follows the trailer");
	s->summary.file_bytes = s->offset;
	s->summary.blocks = t.blocks;
	s->summary.objects = t.objects;
	memcpy(s->summary.root, t.root, PSNAP_DIGEST_LEN);
	return 0;
}

/* ---- blocks ---- */

/* What is kept to compare the index with must stay within the limits. */
static int
check_limits(const struct snap_stream *s, struct snap_error *err)
{
	uint64_t index = (uint64_t)s->seen.blocks * PSNAP_IDX_BLOCK_LEN +
	    (uint64_t)s->seen.nobjects * PSNAP_IDX_OBJECT_LEN +
	    (uint64_t)s->seen.nruns * PSNAP_IDX_RUN_LEN;

	if (s->summary.meta_bytes > s->limits.max_meta_bytes)
		return error_set(err, SNAP_E_LIMIT, "", s->block_offset, "more than %llu bytes of metadata",
		    (unsigned long long)s->limits.max_meta_bytes);
	if (index > s->limits.max_index_bytes)
		return error_set(err, SNAP_E_LIMIT, "", s->block_offset, "more than %llu bytes of index",
		    (unsigned long long)s->limits.max_index_bytes);
	return 0;
}

/* Read and check the next block; its payload is in raw. */
static int
next_block(struct snap_stream *s, struct snap_error *err)
{
	uint8_t head[PSNAP_BLK_LEN], leaf[PSNAP_DIGEST_LEN];
	struct block_header *h = &s->block;
	size_t n;
	int r;

	s->block_offset = s->offset;
	if (s->seq == PSNAP_MAX_BLOCKS)						/* LIM-5 */
		return error_set(err, SNAP_E_CORRUPT, "LIM-5", s->offset, "too many blocks");
	if ((r = take(s, head, sizeof head, err)) != 0 ||
	    (r = block_header_decode(h, head, s->block_offset, s->seq, s->header.page_shift, err)) != 0)
		return r;
	s->seq++;
	n = (size_t)h->aux_len + h->stored_len;
	if ((r = room(&s->body, n, err)) != 0 || (r = take(s, s->body.p, n, err)) != 0 ||
	    (r = block_body_check(h, s->body.p, s->block_offset, s->header.page_shift,
	    s->header.incompat, err)) != 0 ||
	    (r = room(&s->raw, h->raw_len, err)) != 0 ||
	    (r = block_payload(h, s->body.p, s->block_offset, s->raw.p, s->zstd, err)) != 0)
		return r;
	s->at = s->page = 0;
	if (h->type == PSNAP_BLOCK_INDEX)
		return index_block(s, head, err);
	if (s->seen.ndir > 0)							/* IDX-3 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-3", s->block_offset,
		    "block of type %u behind the index", h->type);
	digest(leaf, PSNAP_HASH_LEAF, head, PSNAP_BLK_LEN, s->body.p, n, NULL, 0);
	if (tables_add_block(&s->seen, s->block_offset, h, leaf) != 0 ||
	    tables_add_runs(&s->seen, h, s->body.p) != 0)
		return error_nomem(err);
	if (h->type == PSNAP_BLOCK_META)
		s->summary.meta_bytes += h->raw_len;
	return check_limits(s, err);
}

/* The next record of the current block: 1, or 0 at its end. */
static int
next_record(struct snap_stream *s, struct snap_stream_item *item, struct snap_error *err)
{
	struct object_entry o;
	struct record rec;
	int r;

	if (s->at >= s->block.raw_len) {
		if (s->page != s->block.count)					/* REC-5 */
			return error_set(err, SNAP_E_CORRUPT, "REC-5",
			    s->block_offset + PSNAP_BLK_OFF_COUNT,
			    "%u records in a block that tells %u", s->page, s->block.count);
		return 0;
	}
	if ((r = record_decode(&rec, s->raw.p, s->block.raw_len, s->at, s->block_offset, err)) != 0)
		return r;
	o = (struct object_entry){ .id = rec.id, .kind = (uint16_t)rec.kind, .block = s->block.seq,
	    .offset = s->at, .length = rec.payload_len };
	if (s->seen.nobjects >= s->limits.max_objects)
		return error_set(err, SNAP_E_LIMIT, "", rec.offset, "more than %llu objects",
		    (unsigned long long)s->limits.max_objects);
	if (tables_add_object(&s->seen, &o) != 0)
		return error_nomem(err);
	s->at += PSNAP_REC_LEN + rec.payload_len;
	s->page++;		/* records of this block so far */
	item->type = SNAP_ITEM_RECORD;
	item->id = rec.id;
	item->kind = rec.kind;
	item->revision = rec.revision;
	item->critical = rec.critical;
	item->offset = rec.offset;
	item->payload = rec.payload;
	item->payload_len = rec.payload_len;
	return 1;
}

static int
next_run(struct snap_stream *s, struct snap_stream_item *item)
{
	struct run run;

	if (s->at >= s->block.aux_len)
		return 0;
	run_decode(&run, s->body.p + s->at);
	s->at += PSNAP_RUN_LEN;
	item->type = SNAP_ITEM_PAGES;
	item->run.owner = run.owner;
	item->run.first = run.first;
	item->run.count = run.count;
	item->run.kind = (enum psnap_run_kind)run.kind;
	item->run.block = s->block.seq;
	item->run.page = s->page;
	if (run.kind == PSNAP_RUN_STORED) {
		item->pages = s->raw.p + ((size_t)s->page << s->header.page_shift);
		s->page += run.count;
		s->summary.stored_pages += run.count;
	} else if (run.kind == PSNAP_RUN_ZERO) {
		s->summary.zero_pages += run.count;
	}
	return 1;
}

static int
next_item(struct snap_stream *s, struct snap_stream_item *item, struct snap_error *err)
{
	int r;

	for (;;) {
		r = 0;
		if (s->seq > 0 && s->block.type == PSNAP_BLOCK_META)
			r = next_record(s, item, err);
		else if (s->seq > 0 && s->block.type == PSNAP_BLOCK_PAGES)
			r = next_run(s, item);
		if (r != 0)
			return r < 0 ? r : 0;
		if (s->seq > 0 && s->block.table == PSNAP_TABLE_DIRECTORY)
			break;
		if ((r = next_block(s, err)) != 0)
			return r;
	}
	if ((r = read_trailer(s, err)) != 0)
		return r;
	s->ended = true;
	item->type = SNAP_ITEM_END;
	item->summary = s->summary;
	return 0;
}

int
snap_stream_next(struct snap_stream *s, struct snap_stream_item *item, struct snap_error *err)
{
	struct snap_error ignored;
	int r;

	if (s->failed || s->ended)
		return error_misuse(err, "stream read after its end");
	memset(item, 0, sizeof *item);
	r = next_item(s, item, err != NULL ? err : &ignored);
	s->failed = r != 0;
	return r;
}
