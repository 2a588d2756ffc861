/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file made by hand, with fields changed and every checksum and digest
 * around them right.
 */
#ifndef TESTS_LIBSNAP_CONTAINER_CRAFT_H
#define TESTS_LIBSNAP_CONTAINER_CRAFT_H

#include "tests/libsnap/container_util.h"

#include "libsnap/container/tables.h"
#include "libsnap/core/checksum.h"

/* One file, uncompressed: two records, padding, an aligned page and a zero run. */
enum {
	META	= 64,			/* records of 4 and 0 bytes */
	PADDING	= META + 48 + 36,
	PAGES	= 4096 - 48 - 48,	/* two runs */
	BLOCKS	= 8192,
	OBJECTS	= BLOCKS + 48 + 3 * 48,
	RUNS	= OBJECTS + 48 + 2 * 24,
	DIR	= RUNS + 48 + 2 * 32,
	TRAILER	= DIR + 48 + 3 * 72,
	LENGTH	= TRAILER + 128,
};

/* Where a patch goes, before what is around it is sealed. */
enum stage { HEADER, HEAD, BODY, END };

struct patch {
	enum stage stage;
	uint32_t block;		/* HEAD, BODY: offset of the block */
	uint32_t at, width;
	uint64_t value;
};

struct craft {
	uint8_t		bytes[LENGTH];
	size_t		n;
	struct tables	t;
	uint32_t	seq;
	const struct patch *patches;
	size_t		npatches;
};

/* Whether a patch touched [at, at + width). */
static inline bool
apply(const struct craft *c, enum stage stage, uint64_t block, uint8_t *bytes, uint32_t at, uint32_t width)
{
	bool touched = false;

	for (size_t n = 0; n < c->npatches; n++) {
		const struct patch *p = &c->patches[n];

		if (p->stage != stage || p->block != block)
			continue;
		for (uint32_t i = 0; i < p->width; i++)
			bytes[p->at + i] = (uint8_t)(p->value >> 8 * i);
		touched |= p->at < at + width && at < p->at + p->width;
	}
	return touched;
}

/* Append a block with this aux and payload, the patch applied, sealed. */
static inline void
add_block(struct craft *c, struct block_header h, const uint8_t *aux,
    const uint8_t *raw, uint8_t digest_out[PSNAP_DIGEST_LEN])
{
	uint8_t *head = c->bytes + c->n, *body = head + PSNAP_BLK_LEN;
	uint32_t length;

	h.seq = c->seq++;
	h.stored_len = h.raw_len;
	length = block_length(&h);
	ATF_REQUIRE(length <= LENGTH - c->n);
	if (h.aux_len > 0)
		memcpy(body, aux, h.aux_len);
	if (h.raw_len > 0)
		memcpy(body + h.aux_len, raw, h.raw_len);
	apply(c, BODY, c->n, body, 0, 0);
	h.aux_crc = crc32c(body, h.aux_len);
	h.data_crc = crc32c(body + h.aux_len, h.raw_len);
	block_header_encode(head, &h);
	if (!apply(c, HEAD, c->n, head, PSNAP_BLK_OFF_CRC, 4))
		psnap_put32(head + PSNAP_BLK_OFF_CRC, crc32c(head, PSNAP_BLK_OFF_CRC));
	if (h.type != PSNAP_BLOCK_INDEX) {
		digest(digest_out, PSNAP_HASH_LEAF, head, length, NULL, 0, NULL, 0);
		ATF_REQUIRE_EQ(tables_add_block(&c->t, c->n, &h, digest_out), 0);
		ATF_REQUIRE_EQ(tables_add_runs(&c->t, &h, aux), 0);
	} else if (h.table != PSNAP_TABLE_DIRECTORY) {
		digest(digest_out, PSNAP_HASH_CHUNK, head, length, NULL, 0, NULL, 0);
	} else {
		digest(digest_out, PSNAP_HASH_ROOT, c->bytes, PSNAP_HDR_LEN, head, length, NULL, 0);
	}
	c->n += length;
}

static inline void
put_run(uint8_t *p, uint64_t owner, uint64_t first, uint32_t count, uint32_t kind)
{
	psnap_put64(p + PSNAP_RUN_OFF_OWNER, owner);
	psnap_put64(p + PSNAP_RUN_OFF_FIRST, first);
	psnap_put32(p + PSNAP_RUN_OFF_COUNT, count);
	psnap_put32(p + PSNAP_RUN_OFF_KIND, kind);
}

static inline void
add_content(struct craft *c)
{
	static const uint8_t zeros[4096];
	struct bytes one = make_record(1, 10, 4), two = make_record(2, 11, 0);
	uint8_t raw[PAGE], aux[2 * PSNAP_RUN_LEN], leaf[PSNAP_DIGEST_LEN];

	memcpy(raw, one.p, one.n);
	memcpy(raw + one.n, two.p, two.n);
	add_block(c, (struct block_header){ .type = PSNAP_BLOCK_META, .count = 2, .raw_len = 36 }, NULL,
	    raw, leaf);
	tables_add_object(&c->t, &(struct object_entry){ .id = 1, .kind = 10, .length = 4 });
	tables_add_object(&c->t, &(struct object_entry){ .id = 2, .kind = 11, .offset = 20 });
	ATF_REQUIRE_EQ(c->n, PADDING);
	add_block(c, (struct block_header){ .type = PSNAP_BLOCK_PAD, .raw_len = PAGES - PADDING - 48 },
	    NULL, zeros, leaf);
	ATF_REQUIRE_EQ(c->n, PAGES);
	put_run(aux, 1, 16, 1, PSNAP_RUN_STORED);
	put_run(aux + PSNAP_RUN_LEN, 1, 17, 3, PSNAP_RUN_ZERO);
	make_page(raw, 1, 16, PAGE);
	add_block(c, (struct block_header){ .type = PSNAP_BLOCK_PAGES, .flags = PSNAP_BLK_F_ALIGNED,
	    .count = 1, .aux_len = sizeof aux, .raw_len = PAGE }, aux, raw, leaf);
	free(one.p);
	free(two.p);
}

static inline void
add_index(struct craft *c, uint8_t root[PSNAP_DIGEST_LEN])
{
	struct table_chunk chunk = { 0 };
	struct snap_error err;

	OK(tables_sort(&c->t, SNAP_E_MISUSE, &err), &err);
	for (uint32_t table = PSNAP_TABLE_BLOCKS; table <= PSNAP_TABLE_DIRECTORY; table++) {
		struct dir_entry e = { .table = table, .offset = c->n };

		chunk.table = table;
		chunk.done = 0;
		ATF_REQUIRE_EQ(tables_next_chunk(&c->t, &chunk), 1);
		add_block(c, (struct block_header){ .type = PSNAP_BLOCK_INDEX, .table = table,
		    .count = chunk.count, .raw_len = (uint32_t)chunk.len }, NULL, chunk.bytes, root);
		e.count = chunk.count;
		e.length = (uint32_t)(c->n - e.offset);
		e.key = chunk.key;
		e.key2 = chunk.key2;
		memcpy(e.digest, root, PSNAP_DIGEST_LEN);
		ATF_REQUIRE_EQ(tables_add_dir(&c->t, &e), 0);
	}
	free(chunk.bytes);
}

static inline void
craft(struct craft *c, const struct patch *patches, size_t npatches)
{
	struct file_header h = { .major = 1, .page_shift = 12 };
	struct trailer t = { .file_length = LENGTH, .dir_offset = DIR, .dir_length = TRAILER - DIR,
	    .blocks = 3, .objects = 2, .stored_pages = 1, .zero_pages = 3 };
	uint8_t *end;

	memset(c, 0, sizeof *c);
	c->patches = patches;
	c->npatches = npatches;
	file_header_encode(c->bytes, &h);
	apply(c, HEADER, 0, c->bytes, 0, 0);
	psnap_put32(c->bytes + PSNAP_HDR_CRC, crc32c(c->bytes, PSNAP_HDR_CRC));
	c->n = PSNAP_HDR_LEN;
	add_content(c);
	add_index(c, t.root);
	ATF_REQUIRE_EQ(c->n, TRAILER);
	end = c->bytes + c->n;
	trailer_encode(end, &t);
	apply(c, END, 0, end, 0, 0);
	psnap_put32(end + PSNAP_TRL_CRC, crc32c(end, PSNAP_TRL_CRC));
	tables_fini(&c->t);
}

static inline int
at_random(int fd, struct snap_error *err)
{
	struct container *c;
	int r;

	if ((r = container_open(&c, fd, false, NULL, err)) == 0)
		r = container_verify(c, NULL, NULL, err);
	container_close(c);
	return r;
}

static inline int
as_stream(int fd, struct snap_error *err)
{
	struct snap_stream_item item = { .type = SNAP_ITEM_RECORD };
	struct snap_stream *s;
	int r;

	ATF_REQUIRE_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = snap_stream_open(&s, fd, NULL, err);
	while (r == 0 && item.type != SNAP_ITEM_END)
		r = snap_stream_next(s, &item, err);
	snap_stream_close(s);
	return r;
}

#endif
