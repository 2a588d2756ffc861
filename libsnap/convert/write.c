/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The converted snapshot, block for block: metadata blocks hold the records
 * they held, so that page blocks keep their sequence numbers and are copied
 * as they are.  Or, if pages are to be encoded anew, records and pages through
 * an ordinary writer.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/container/writer.h"
#include "libsnap/convert/convert.h"
#include "libsnap/core/error.h"

#define CHUNK_PAGES	64u

struct output_blocks {
	struct conversion *c;
	struct snap_writer *w;
	size_t		record;		/* the next one */
	uint8_t		*bytes;		/* of a metadata block, or of changed pages */
	size_t		cap;
};

static void
frame(uint8_t *to, const struct snap_object *o)
{
	psnap_put16(to + PSNAP_REC_OFF_KIND, (uint16_t)o->kind);
	to[PSNAP_REC_OFF_REVISION] = o->revision;
	to[PSNAP_REC_OFF_CRITICAL] = o->critical;
	psnap_put32(to + PSNAP_REC_OFF_LEN, o->payload_len);
	psnap_put64(to + PSNAP_REC_OFF_ID, o->id);
	if (o->payload_len > 0)
		memcpy(to + PSNAP_REC_LEN, o->payload, o->payload_len);
}

/* ---- changed pages ---- */

/* The first patch at this place of this block or behind it. */
static size_t
first_patch(const struct conversion *c, uint32_t block, uint64_t at)
{
	size_t lo = 0, hi = c->npatches;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		const struct patch *p = &c->patches[mid];

		if (p->block < block || (p->block == block && p->at < at))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static bool
is_patched(const struct conversion *c, uint32_t block)
{
	size_t i = first_patch(c, block, 0);

	return i < c->npatches && c->patches[i].block == block;
}

/* buf: n bytes from at on of the payload of block. */
static void
apply_patches(const struct conversion *c, uint32_t block, uint64_t at, uint8_t *buf, size_t n)
{
	for (size_t i = first_patch(c, block, at); i < c->npatches; i++) {
		const struct patch *p = &c->patches[i];

		if (p->block != block || p->at >= at + n)
			break;
		memcpy(buf + (p->at - at), p->bytes, p->n);
	}
}

/* ---- block for block ---- */

static int
write_meta(struct output_blocks *b, uint32_t seq)
{
	struct conversion *c = b->c;
	size_t end = b->record, n = 0;
	int r;

	for (; end < c->count && c->objects[end].block == seq; end++)
		n += PSNAP_REC_LEN + c->objects[end].payload_len;
	if ((r = reader_room(&b->bytes, &b->cap, n, c->err)) != 0)
		return r;
	for (n = 0; b->record < end; b->record++) {
		frame(b->bytes + n, &c->objects[b->record]);
		n += PSNAP_REC_LEN + c->objects[b->record].payload_len;
	}
	return writer_meta_block(b->w, b->bytes, n, c->err);
}

static int
write_pages(struct output_blocks *b, uint32_t seq, const struct block_entry *e)
{
	struct conversion *c = b->c;
	const uint8_t *raw;
	uint32_t raw_len;
	int r;

	if (!is_patched(c, seq))
		return writer_copy_pages(b->w, c->in->container, seq, e, c->err);
	if ((r = reader_page_block(c->in->container, seq, &raw, &raw_len, c->err)) != 0 ||
	    (r = reader_room(&b->bytes, &b->cap, raw_len, c->err)) != 0)
		return r;
	memcpy(b->bytes, raw, raw_len);
	apply_patches(c, seq, 0, b->bytes, raw_len);
	return writer_edit_pages(b->w, c->in->container, seq, e, b->bytes, c->err);
}

static int
write_blocks(struct conversion *c, struct snap_writer *w, uint64_t blocks)
{
	struct output_blocks b = { .c = c, .w = w };
	struct block_entry e;
	int r = 0;

	for (uint64_t seq = 0; seq < blocks && r == 0; seq++) {
		if ((r = reader_block_entry(c->in->container, (uint32_t)seq, &e, c->err)) != 0)
			break;
		if (e.type == PSNAP_BLOCK_META)
			r = write_meta(&b, (uint32_t)seq);
		else if (e.type == PSNAP_BLOCK_PAGES)
			r = write_pages(&b, (uint32_t)seq, &e);
		/* padding is made where it is needed */
	}
	free(b.bytes);
	return r;
}

/* ---- encoded anew ---- */

static int
encode_records(struct conversion *c, struct snap_writer *w)
{
	uint8_t *bytes = NULL;
	size_t cap = 0;
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++) {
		size_t n = (size_t)PSNAP_REC_LEN + c->objects[i].payload_len;

		if ((r = reader_room(&bytes, &cap, n, c->err)) != 0)
			break;
		frame(bytes, &c->objects[i]);
		r = snap_writer_records(w, bytes, n, c->err);
	}
	free(bytes);
	return r;
}

static int
encode_run(struct conversion *c, struct snap_writer *w, const struct snap_run *run, uint32_t page_size,
    uint8_t *buf)
{
	int r;

	if (run->kind == PSNAP_RUN_ZERO)
		return snap_writer_zero(w, run->owner, run->first, run->count, c->err);
	for (uint64_t done = 0; done < run->count;) {
		size_t n = run->count - done < CHUNK_PAGES ? (size_t)(run->count - done) : CHUNK_PAGES;

		if ((r = snap_read_memory(c->in, run->owner, (run->first + done) * page_size, buf,
		    n * page_size, NULL, c->err)) != 0)
			return r;
		apply_patches(c, run->block, (run->page + done) * page_size, buf, n * page_size);
		if ((r = snap_writer_pages(w, run->owner, run->first + done, buf, n, c->err)) != 0)
			return r;
		done += n;
	}
	return 0;
}

static int
encode_pages(struct conversion *c, struct snap_writer *w, uint32_t page_size)
{
	uint8_t *buf = malloc((size_t)CHUNK_PAGES * page_size);
	uint64_t owner = 0;
	int r, some;

	if (buf == NULL)
		return error_nomem(c->err);
	while ((r = container_next_owner(c->in->container, &owner, c->err)) == 1) {
		struct snap_run run = { .owner = owner };

		while ((some = snap_next_run(c->in, &run, UINT64_MAX, c->err)) == 1)
			if ((some = encode_run(c, w, &run, page_size, buf)) != 0)
				break;
		if ((r = some) != 0 || owner++ == UINT64_MAX)
			break;
	}
	free(buf);
	return r;
}

int
conversion_write(struct conversion *c, int fd)
{
	bool anew = c->o->raw || c->o->level != 0;
	struct snap_writer_options wanted = {
		.codec = c->o->raw ? PSNAP_CODEC_NONE : PSNAP_CODEC_ZSTD,
		.level = c->o->level, .major = c->major, .minor = c->minor,
		.threads = anew ? 0 : 1,	/* copying has nothing to do for more */
	};
	struct snap_summary sum;
	struct snap_writer *w;
	int r;

	patches_sort(c);
	snap_get_summary(c->in, &sum);
	while (UINT32_C(1) << wanted.page_shift < sum.page_size)
		wanted.page_shift++;
	if ((r = snap_writer_open_fd(&w, fd, &wanted, c->err)) != 0)
		return r;
	if (!anew)
		r = write_blocks(c, w, sum.blocks);
	else if ((r = encode_records(c, w)) == 0)
		r = encode_pages(c, w, sum.page_size);
	if (r == 0)
		r = snap_writer_finish(w, NULL, c->err);
	snap_writer_free(w);
	return r;
}
