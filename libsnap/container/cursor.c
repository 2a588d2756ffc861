/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Reading page blocks with buffers of one's own: of the container only what
 * does not change is used, so every thread can have a cursor.
 */
#include <stdlib.h>

#include <zstd.h>

#include "libsnap/container/reader.h"

struct page_cursor {
	const struct container *c;
	struct block_buffer buffer;
	uint8_t		*room;		/* what was compressed */
	size_t		room_cap;

	/* the block at hand */
	bool		valid;
	uint32_t	seq;
	const uint8_t	*raw;		/* in one of the two */
	uint32_t	raw_len;
};

struct page_cursor *
page_cursor_new(const struct container *c)
{
	struct page_cursor *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->c = c;
	if ((p->buffer.zstd = ZSTD_createDCtx()) == NULL) {
		free(p);
		return NULL;
	}
	return p;
}

void
page_cursor_free(struct page_cursor *p)
{
	if (p == NULL)
		return;
	ZSTD_freeDCtx(p->buffer.zstd);
	free(p->buffer.stored);
	free(p->room);
	free(p);
}

static int
load(struct page_cursor *p, uint32_t seq, const struct block_entry *e, struct snap_error *err)
{
	struct block_header h;
	const uint8_t *body;
	int r;

	p->valid = false;
	if ((r = reader_block(p->c, &p->buffer, seq, e, &h, err)) != 0)
		return r;
	body = p->buffer.stored + PSNAP_BLK_LEN;
	p->raw = body + h.aux_len;
	if (h.codec != PSNAP_CODEC_NONE) {
		if ((r = reader_room(&p->room, &p->room_cap, h.raw_len, err)) != 0 ||
		    (r = block_payload(&h, body, e->offset, p->room, p->buffer.zstd, err)) != 0)
			return r;
		p->raw = p->room;
	}
	p->raw_len = h.raw_len;
	p->seq = seq;
	p->valid = true;
	return 0;
}

int
page_cursor_read(struct page_cursor *p, const struct snap_run *run, const struct block_entry *e,
    const uint8_t **bytes, struct snap_error *err)
{
	uint32_t shift = p->c->header.page_shift;
	uint64_t start = (uint64_t)run->page << shift;
	int r;

	if ((!p->valid || p->seq != run->block) && (r = load(p, run->block, e, err)) != 0)
		return r;
	if ((r = reader_run_fits(p->c, run, start, run->count << shift, p->raw_len, err)) != 0)
		return r;
	*bytes = p->raw + start;
	return 0;
}
