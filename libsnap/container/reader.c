/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Opening a snapshot at random: header, trailer, directory, metadata.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <zstd.h>

#include "libsnap/container/reader.h"
#include "libsnap/core/arena.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"
#include "libsnap/core/io.h"
#include "libsnap/core/limits.h"

int
reader_room(uint8_t **buf, size_t *cap, size_t n, struct snap_error *err)
{
	uint8_t *p;

	if (n <= *cap && *buf != NULL)
		return 0;
	if ((p = malloc(n > 0 ? n : 1)) == NULL)
		return error_nomem(err);
	free(*buf);
	*buf = p;
	*cap = n;
	return 0;
}

int
reader_pread(const struct container *c, void *buf, size_t n, uint64_t offset, struct snap_error *err)
{
	size_t got;

	if (io_pread(c->fd, buf, n, offset, &got) != 0)
		return error_io(err, offset, "reading the snapshot");
	if (got != n)
		return error_set(err, SNAP_E_TRUNCATED, "TRL-3", offset + got, "file ends early");
	return 0;
}

/* ---- blocks ---- */

void
block_entry_decode(struct block_entry *e, const uint8_t in[PSNAP_IDX_BLOCK_LEN])
{
	e->offset = psnap_get64(in + PSNAP_IDX_BLOCK_OFFSET);
	e->length = psnap_get32(in + PSNAP_IDX_BLOCK_LENGTH);
	e->type = in[PSNAP_IDX_BLOCK_TYPE];
	e->codec = in[PSNAP_IDX_BLOCK_CODEC];
	e->flags = psnap_get16(in + PSNAP_IDX_BLOCK_FLAGS);
	memcpy(e->digest, in + PSNAP_IDX_BLOCK_DIGEST, PSNAP_DIGEST_LEN);
}

int
reader_block(const struct container *c, struct block_buffer *b, uint32_t seq, const struct block_entry *e,
    struct block_header *h, struct snap_error *err)
{
	uint8_t leaf[PSNAP_DIGEST_LEN];
	int r;

	/* e->length is within the file and the limits: IDX-5, checked when its chunk was loaded */
	if ((r = reader_room(&b->stored, &b->cap, e->length, err)) != 0 ||
	    (r = reader_pread(c, b->stored, e->length, e->offset, err)) != 0 ||
	    (r = block_header_decode(h, b->stored, e->offset, seq, c->header.page_shift, err)) != 0)
		return r;
	if (h->type != e->type || h->codec != e->codec || h->flags != e->flags ||
	    block_length(h) != e->length)					/* IDX-6 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-6", e->offset,
		    "block %u is not as the index describes it", seq);
	if ((r = block_body_check(h, b->stored + PSNAP_BLK_LEN, e->offset, c->header.page_shift,
	    c->header.incompat, err)) != 0)
		return r;
	digest(leaf, PSNAP_HASH_LEAF, b->stored, e->length, NULL, 0, NULL, 0);
	if (memcmp(leaf, e->digest, PSNAP_DIGEST_LEN) != 0)			/* HASH-1 */
		return error_set(err, SNAP_E_CORRUPT, "HASH-1", e->offset,
		    "digest of block %u does not match", seq);
	return 0;
}

/* ---- metadata ---- */

int
record_decode(struct record *r, const uint8_t *raw, uint32_t raw_len, uint32_t at,
    uint64_t block_offset, struct snap_error *err)
{
	const uint8_t *p = raw + at;
	uint64_t offset = block_offset + at;

	if (raw_len - at < PSNAP_REC_LEN)					/* REC-1 */
		return error_set(err, SNAP_E_CORRUPT, "REC-1", offset,
		    "%u bytes left for a record header", raw_len - at);
	r->kind = psnap_get16(p + PSNAP_REC_OFF_KIND);
	r->revision = p[PSNAP_REC_OFF_REVISION];
	r->critical = p[PSNAP_REC_OFF_CRITICAL];
	r->payload_len = psnap_get32(p + PSNAP_REC_OFF_LEN);
	r->id = psnap_get64(p + PSNAP_REC_OFF_ID);
	r->offset = offset;
	r->payload = p + PSNAP_REC_LEN;
	if (r->payload_len > PSNAP_MAX_RECORD)					/* LIM-1 */
		return error_object(err, SNAP_E_CORRUPT, "LIM-1", r->id, offset,
		    "record of %u bytes", r->payload_len);
	if (r->payload_len > raw_len - at - PSNAP_REC_LEN)			/* REC-2 */
		return error_object(err, SNAP_E_CORRUPT, "REC-2", r->id, offset,
		    "record of %u bytes in the last %u of its block", r->payload_len,
		    raw_len - at - PSNAP_REC_LEN);
	if (r->id == 0)								/* REC-3 */
		return error_set(err, SNAP_E_CORRUPT, "REC-3", offset, "record without an object id");
	if (r->critical > PSNAP_CRITICAL_CARRY)					/* REC-4 */
		return error_object(err, SNAP_E_UNSUPPORTED, "REC-4", r->id, offset,
		    "record of criticality %u", r->critical);
	return 0;
}

/* REC-5: the records fill the block and are as many as it says. */
static int
check_records(const struct meta_block *m, struct snap_error *err)
{
	struct record rec;
	uint32_t at = 0, n = 0;
	int r;

	for (; at < m->raw_len; n++) {
		if ((r = record_decode(&rec, m->raw, m->raw_len, at, m->offset, err)) != 0)
			return r;
		at += PSNAP_REC_LEN + rec.payload_len;
	}
	if (n != m->count)
		return error_set(err, SNAP_E_CORRUPT, "REC-5", m->offset + PSNAP_BLK_OFF_COUNT,
		    "%u records in a block that tells %u", n, m->count);
	return 0;
}

static int
load_meta(struct container *c, uint32_t seq, const struct block_entry *e, struct snap_error *err)
{
	struct meta_block *m;
	struct block_header h;
	uint8_t *raw;
	int r;

	if ((r = reader_block(c, &c->own, seq, e, &h, err)) != 0)
		return r;
	if ((raw = arena_alloc(c->arena, h.raw_len)) == NULL)
		return arena_exhausted(c->arena) ?
		    error_set(err, SNAP_E_LIMIT, "", e->offset, "more than %llu bytes of metadata",
		    (unsigned long long)c->limits.max_meta_bytes) : error_nomem(err);
	if ((r = block_payload(&h, c->own.stored + PSNAP_BLK_LEN, e->offset, raw, c->own.zstd, err)) != 0)
		return r;
	if (c->nmeta % 64 == 0) {
		m = realloc(c->meta, (c->nmeta + 64) * sizeof *m);
		if (m == NULL)
			return error_nomem(err);
		c->meta = m;
	}
	m = &c->meta[c->nmeta];
	m->seq = seq;
	m->count = h.count;
	m->offset = e->offset;
	m->raw = raw;
	m->raw_len = h.raw_len;
	if ((r = check_records(m, err)) != 0)
		return r;
	c->nmeta++;
	c->meta_bytes += h.raw_len;
	return 0;
}

static int
load_all_meta(struct container *c, struct snap_error *err)
{
	uint64_t objects = 0, next = PSNAP_HDR_LEN;
	struct block_entry e;
	int r;

	for (uint64_t seq = 0; seq < c->tables[PSNAP_TABLE_BLOCKS].entries; seq++) {
		if ((r = reader_block_entry(c, (uint32_t)seq, &e, err)) != 0)
			return r;
		if (e.offset != next)						/* IDX-5 */
			return error_set(err, SNAP_E_CORRUPT, "IDX-5",
			    c->dir[seq / PSNAP_TABLE_CHUNK].offset,
			    "index has block %llu at 0x%llx, behind one that ends at 0x%llx",
			    (unsigned long long)seq, (unsigned long long)e.offset,
			    (unsigned long long)next);
		next = e.offset + e.length;
		if (e.type != PSNAP_BLOCK_META)
			continue;
		if ((r = load_meta(c, (uint32_t)seq, &e, err)) != 0)
			return r;
		objects += c->meta[c->nmeta - 1].count;
		if (objects > c->limits.max_objects)
			return error_set(err, SNAP_E_LIMIT, "", e.offset, "more than %llu objects",
			    (unsigned long long)c->limits.max_objects);
	}
	if (objects != c->trailer.objects)					/* TRL-6 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-6",
		    c->length - PSNAP_TRL_LEN + PSNAP_TRL_OBJECTS,
		    "trailer tells %llu objects, there are %llu",
		    (unsigned long long)c->trailer.objects, (unsigned long long)objects);
	return 0;
}

/* ---- opening ---- */

static int
read_ends(struct container *c, struct snap_error *err)
{
	uint8_t trailer[PSNAP_TRL_LEN];
	struct stat st;
	size_t got;
	int r;

	if (fstat(c->fd, &st) != 0)
		return error_io(err, 0, "examining the snapshot");
	if (S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return error_io(err, 0, "reading the snapshot");
	}
	c->length = (uint64_t)st.st_size;
	if (io_pread(c->fd, c->header_bytes, PSNAP_HDR_LEN, 0, &got) != 0)
		return error_io(err, 0, "reading the snapshot");
	if ((r = file_header_decode(&c->header, c->header_bytes, got, err)) != 0)
		return r;
	if (c->length < PSNAP_HDR_LEN + PSNAP_BLK_LEN + PSNAP_TRL_LEN)
		return error_set(err, SNAP_E_TRUNCATED, "TRL-1", c->length,
		    "file of %llu bytes has no place for a trailer", (unsigned long long)c->length);
	if ((r = reader_pread(c, trailer, sizeof trailer, c->length - PSNAP_TRL_LEN, err)) != 0)
		return r;
	return trailer_decode(&c->trailer, trailer, c->length - PSNAP_TRL_LEN, err);
}

int
container_open(struct container **cp, int fd, bool own_fd, const struct snap_limits *limits,
    struct snap_error *err)
{
	struct container *c;
	int r;

	*cp = NULL;
	if ((c = calloc(1, sizeof *c)) == NULL) {
		if (own_fd)
			close(fd);
		return error_nomem(err);
	}
	c->fd = fd;
	c->own_fd = own_fd;
	for (size_t i = 0; i < CHUNK_SLOTS; i++)
		c->chunks[i].dir = SIZE_MAX;
	if ((r = limits_resolve(&c->limits, limits, err)) != 0)
		goto fail;
	if ((c->arena = arena_new(c->limits.max_meta_bytes)) == NULL ||
	    (c->own.zstd = ZSTD_createDCtx()) == NULL) {
		r = error_nomem(err);
		goto fail;
	}
	if ((r = read_ends(c, err)) != 0 ||
	    (r = reader_load_directory(c, err)) != 0 ||
	    (r = load_all_meta(c, err)) != 0)
		goto fail;
	*cp = c;
	return 0;
fail:
	container_close(c);
	return r;
}

void
container_close(struct container *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < CHUNK_SLOTS; i++)
		free(c->chunks[i].bytes);
	for (size_t i = 0; i < PAGE_SLOTS; i++)
		free(c->pages[i].raw);
	free(c->own.stored);
	free(c->meta);
	free(c->dir);
	arena_free(c->arena);
	ZSTD_freeDCtx(c->own.zstd);
	if (c->own_fd)
		close(c->fd);
	free(c);
}

const struct snap_limits *
container_limits(const struct container *c)
{
	return &c->limits;
}

const char *
container_needs(const struct container *c)
{
	return c->header.needs;
}

const struct meta_block *
container_meta(const struct container *c, size_t *count)
{
	*count = c->nmeta;
	return c->meta;
}

void
container_summary(const struct container *c, struct snap_summary *s)
{
	memset(s, 0, sizeof *s);
	s->major = c->header.major;
	s->minor = c->header.minor;
	s->page_size = 1u << c->header.page_shift;
	s->incompat = c->header.incompat;
	s->compat = c->header.compat;
	s->autoclear = c->header.autoclear;
	s->file_bytes = c->length;
	s->blocks = c->trailer.blocks;
	s->objects = c->trailer.objects;
	s->stored_pages = c->trailer.stored_pages;
	s->zero_pages = c->trailer.zero_pages;
	s->meta_bytes = c->meta_bytes;
	memcpy(s->root, c->trailer.root, PSNAP_DIGEST_LEN);
}
