/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each rule of the container broken by itself, every checksum and digest
 * around it right: both readers give the code, rule and place that
 * spec/rules-container.md states.
 */
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

struct answer {
	enum snap_code code;
	const char *rule;
	uint64_t offset;
};

static void
apply(const struct patch *p, enum stage stage, uint64_t block, uint8_t *bytes)
{
	if (p->stage != stage || p->block != block)
		return;
	for (uint32_t i = 0; i < p->width; i++)
		bytes[p->at + i] = (uint8_t)(p->value >> 8 * i);
}

struct craft {
	uint8_t		bytes[LENGTH];
	size_t		n;
	struct tables	t;
	uint32_t	seq;
};

/* Append a block with this aux and payload, the patch applied, sealed. */
static void
add_block(struct craft *c, const struct patch *p, struct block_header h, const uint8_t *aux,
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
	apply(p, BODY, c->n, body);
	h.aux_crc = crc32c(body, h.aux_len);
	h.data_crc = crc32c(body + h.aux_len, h.raw_len);
	block_header_encode(head, &h);
	apply(p, HEAD, c->n, head);
	if (p->stage != HEAD || p->block != c->n || p->at != PSNAP_BLK_OFF_CRC)
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

static void
put_run(uint8_t *p, uint64_t owner, uint64_t first, uint32_t count, uint32_t kind)
{
	psnap_put64(p + PSNAP_RUN_OFF_OWNER, owner);
	psnap_put64(p + PSNAP_RUN_OFF_FIRST, first);
	psnap_put32(p + PSNAP_RUN_OFF_COUNT, count);
	psnap_put32(p + PSNAP_RUN_OFF_KIND, kind);
}

static void
add_content(struct craft *c, const struct patch *p)
{
	static const uint8_t zeros[4096];
	struct bytes one = make_record(1, 10, 4), two = make_record(2, 11, 0);
	uint8_t raw[PAGE], aux[2 * PSNAP_RUN_LEN], leaf[PSNAP_DIGEST_LEN];

	memcpy(raw, one.p, one.n);
	memcpy(raw + one.n, two.p, two.n);
	add_block(c, p, (struct block_header){ .type = PSNAP_BLOCK_META, .count = 2, .raw_len = 36 }, NULL,
	    raw, leaf);
	tables_add_object(&c->t, &(struct object_entry){ .id = 1, .kind = 10, .length = 4 });
	tables_add_object(&c->t, &(struct object_entry){ .id = 2, .kind = 11, .offset = 20 });
	ATF_REQUIRE_EQ(c->n, PADDING);
	add_block(c, p, (struct block_header){ .type = PSNAP_BLOCK_PAD, .raw_len = PAGES - PADDING - 48 },
	    NULL, zeros, leaf);
	ATF_REQUIRE_EQ(c->n, PAGES);
	put_run(aux, 1, 16, 1, PSNAP_RUN_STORED);
	put_run(aux + PSNAP_RUN_LEN, 1, 17, 3, PSNAP_RUN_ZERO);
	make_page(raw, 1, 16, PAGE);
	add_block(c, p, (struct block_header){ .type = PSNAP_BLOCK_PAGES, .flags = PSNAP_BLK_F_ALIGNED,
	    .count = 1, .aux_len = sizeof aux, .raw_len = PAGE }, aux, raw, leaf);
	free(one.p);
	free(two.p);
}

static void
add_index(struct craft *c, const struct patch *p, uint8_t root[PSNAP_DIGEST_LEN])
{
	struct table_chunk chunk = { 0 };
	struct snap_error err;

	OK(tables_sort(&c->t, SNAP_E_MISUSE, &err), &err);
	for (uint32_t table = PSNAP_TABLE_BLOCKS; table <= PSNAP_TABLE_DIRECTORY; table++) {
		struct dir_entry e = { .table = table, .offset = c->n };

		chunk.table = table;
		chunk.done = 0;
		ATF_REQUIRE_EQ(tables_next_chunk(&c->t, &chunk), 1);
		add_block(c, p, (struct block_header){ .type = PSNAP_BLOCK_INDEX, .table = table,
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

static void
craft(struct craft *c, const struct patch *p)
{
	struct file_header h = { .major = 1, .page_shift = 12 };
	struct trailer t = { .file_length = LENGTH, .dir_offset = DIR, .dir_length = TRAILER - DIR,
	    .blocks = 3, .objects = 2, .stored_pages = 1, .zero_pages = 3 };
	uint8_t *end;

	memset(c, 0, sizeof *c);
	file_header_encode(c->bytes, &h);
	apply(p, HEADER, 0, c->bytes);
	psnap_put32(c->bytes + PSNAP_HDR_CRC, crc32c(c->bytes, PSNAP_HDR_CRC));
	c->n = PSNAP_HDR_LEN;
	add_content(c, p);
	add_index(c, p, t.root);
	ATF_REQUIRE_EQ(c->n, TRAILER);
	end = c->bytes + c->n;
	trailer_encode(end, &t);
	apply(p, END, 0, end);
	psnap_put32(end + PSNAP_TRL_CRC, crc32c(end, PSNAP_TRL_CRC));
	tables_fini(&c->t);
}

static int
at_random(int fd, struct snap_error *err)
{
	struct container *c;
	int r;

	if ((r = container_open(&c, fd, false, NULL, err)) == 0)
		r = container_verify(c, NULL, NULL, err);
	container_close(c);
	return r;
}

static int
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

static void
check(size_t n, const char *reader, int r, const struct snap_error *err, const struct answer *want)
{
	ATF_CHECK_MSG(r == (int)want->code && (r == 0 || (err->code == want->code &&
	    strcmp(err->rule, want->rule) == 0 && err->offset == want->offset)),
	    "case %zu %s: wanted %s %s at 0x%llx, got %s %s at 0x%llx (%s)", n, reader,
	    snap_code_name(want->code), want->rule, (unsigned long long)want->offset,
	    snap_code_name((enum snap_code)r), err->rule, (unsigned long long)err->offset, err->msg);
}

#define CORRUPT		SNAP_E_CORRUPT
#define UNSUPPORTED	SNAP_E_UNSUPPORTED
#define ENTRY(n, size)	((n) * (size))

struct rule_case {
	struct patch patch;
	struct answer random, stream;	/* stream all zero: as random */
};

static const struct rule_case cases[] = {
	{ { HEADER, 0, 24, 8, 1u << 5 }, { 0 }, { 0 } },	/* compatible: ignored */
	{ { HEADER, 0, 10, 2, 7 }, { 0 }, { 0 } },		/* a newer minor */
	{ { HEADER, 0, 8, 2, 2 }, { UNSUPPORTED, "HDR-3", 8 }, { 0 } },
	{ { HEADER, 0, 16, 8, 1 }, { UNSUPPORTED, "HDR-4", 16 }, { 0 } },
	{ { HEADER, 0, 16, 8, UINT64_C(1) << 63 }, { UNSUPPORTED, "HDR-4", 16 }, { 0 } },
	{ { HEADER, 0, 12, 4, 65 }, { UNSUPPORTED, "HDR-5", 12 }, { 0 } },
	{ { HEADER, 0, 40, 1, 11 }, { UNSUPPORTED, "HDR-6", 40 }, { 0 } },
	{ { HEADER, 0, 40, 1, 17 }, { UNSUPPORTED, "HDR-6", 40 }, { 0 } },
	{ { HEADER, 0, 41, 1, 2 }, { UNSUPPORTED, "HDR-7", 41 }, { 0 } },
	{ { HEADER, 0, 42, 1, 0 }, { UNSUPPORTED, "HDR-7", 42 }, { 0 } },
	{ { HEADER, 0, 59, 1, 1 }, { UNSUPPORTED, "HDR-8", 43 }, { 0 } },

	{ { HEAD, META, 0, 1, 'p' }, { CORRUPT, "BLK-1", META }, { 0 } },
	{ { HEAD, META, 44, 4, 0 }, { CORRUPT, "BLK-2", META + 44 }, { 0 } },
	{ { HEAD, META, 4, 1, 5 }, { UNSUPPORTED, "BLK-3", META + 4 }, { 0 } },
	{ { HEAD, META, 5, 1, 2 }, { UNSUPPORTED, "BLK-4", META + 5 }, { 0 } },
	{ { HEAD, META, 6, 2, 2 }, { UNSUPPORTED, "BLK-5", META + 6 }, { 0 } },
	{ { HEAD, META, 6, 2, 1 }, { CORRUPT, "BLK-5", META + 6 }, { 0 } },
	{ { HEAD, META, 28, 4, 1 }, { CORRUPT, "BLK-6", META + 28 }, { 0 } },
	{ { HEAD, BLOCKS, 28, 4, 5 }, { UNSUPPORTED, "BLK-6", BLOCKS + 28 }, { 0 } },
	{ { HEAD, META, 24, 4, PSNAP_MAX_BLOCK_RAW + 1 }, { CORRUPT, "LIM-2", META + 24 }, { 0 } },
	{ { HEAD, META, 20, 4, 35 }, { CORRUPT, "BLK-7", META + 20 }, { 0 } },
	{ { HEAD, META, 16, 4, 24 }, { CORRUPT, "BLK-8", META + 16 }, { 0 } },
	{ { HEAD, PAGES, 16, 4, 47 }, { CORRUPT, "BLK-8", PAGES + 16 }, { 0 } },
	{ { HEAD, PAGES, 16, 4, 8193 * 24 }, { CORRUPT, "LIM-4", PAGES + 16 }, { 0 } },
	{ { HEAD, PAGES, 12, 4, 4097 }, { CORRUPT, "LIM-3", PAGES + 12 }, { 0 } },
	{ { HEAD, PAGES, 12, 4, 2 }, { CORRUPT, "BLK-13", PAGES + 12 }, { 0 } },
	{ { HEAD, PADDING, 12, 4, 1 }, { CORRUPT, "BLK-14", PADDING + 12 }, { 0 } },
	{ { HEAD, META, 40, 4, 1 }, { UNSUPPORTED, "BLK-15", META + 40 }, { 0 } },
	{ { HEAD, PADDING, 8, 4, 2 }, { CORRUPT, "BLK-16", PADDING + 8 }, { 0 } },
	{ { HEAD, DIR, 8, 4, 7 }, { CORRUPT, "BLK-16", DIR + 8 }, { 0 } },
	{ { HEAD, PAGES, 32, 4, 0 }, { CORRUPT, "BLK-9", PAGES + 48 }, { 0 } },
	{ { HEAD, PAGES, 36, 4, 0 }, { CORRUPT, "BLK-10", PAGES + 96 }, { 0 } },
	{ { BODY, PADDING, 9, 1, 1 }, { CORRUPT, "BLK-14", PADDING + 48 }, { 0 } },
	{ { HEAD, META, 5, 1, 1 }, { CORRUPT, "IDX-6", META }, { CORRUPT, "BLK-11", META + 48 } },
	{ { HEAD, PAGES, 6, 2, 0 }, { CORRUPT, "IDX-6", PAGES }, { CORRUPT, "IDX-5", BLOCKS } },

	{ { BODY, PAGES, 20, 4, 3 }, { UNSUPPORTED, "RUN-1", PAGES + 48 + 20 }, { 0 } },
	{ { BODY, PAGES, 44, 4, 2 }, { CORRUPT, "RUN-1", PAGES + 48 + 44 }, { 0 } },
	{ { BODY, PAGES, 0, 8, 0 }, { CORRUPT, "RUN-2", PAGES + 48 }, { 0 } },
	{ { BODY, PAGES, 40, 4, 0 }, { CORRUPT, "RUN-3", PAGES + 48 + 40 }, { 0 } },
	{ { BODY, PAGES, 32, 8, (UINT64_MAX >> 12) - 2 }, { CORRUPT, "RUN-4", PAGES + 48 + 32 }, { 0 } },
	{ { BODY, PAGES, 16, 4, 2 }, { CORRUPT, "RUN-5", PAGES + 12 }, { 0 } },
	{ { BODY, PAGES, 32, 8, 14 }, { CORRUPT, "RUN-6", PAGES }, { 0 } },

	{ { BODY, META, 4, 4, 10 }, { CORRUPT, "REC-1", META + 26 }, { 0 } },
	{ { BODY, META, 4, 4, PSNAP_MAX_RECORD + 1 }, { CORRUPT, "LIM-1", META }, { 0 } },
	{ { BODY, META, 24, 4, 1 }, { CORRUPT, "REC-2", META + 20 }, { 0 } },
	{ { BODY, META, 8, 8, 0 }, { CORRUPT, "REC-3", META }, { 0 } },
	{ { BODY, META, 23, 1, 3 }, { UNSUPPORTED, "REC-4", META + 20 }, { 0 } },
	{ { HEAD, META, 12, 4, 3 }, { CORRUPT, "REC-5", META + 12 }, { 0 } },
	{ { BODY, META, 28, 8, 1 }, { CORRUPT, "REC-6", META + 20 }, { 0 } },

	{ { HEAD, DIR, 28, 4, 3 }, { CORRUPT, "DIR-1", DIR }, { CORRUPT, "IDX-1", DIR } },
	{ { HEAD, DIR, 12, 4, 2 }, { CORRUPT, "DIR-2", DIR + 12 }, { CORRUPT, "IDX-4", DIR } },
#define AT(n, field) ENTRY(n, PSNAP_IDX_DIR_LEN) + PSNAP_IDX_DIR_##field
	{ { BODY, DIR, AT(1, TABLE), 4, 0 }, { CORRUPT, "IDX-1", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(1, TABLE), 4, 3 }, { CORRUPT, "IDX-2", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(2, TABLE), 4, 1 }, { CORRUPT, "IDX-1", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(0, RESERVED), 4, 1 }, { UNSUPPORTED, "IDX-1", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(2, COUNT), 4, 0 }, { CORRUPT, "IDX-2", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(2, COUNT), 4, 4097 }, { CORRUPT, "IDX-2", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(0, LENGTH), 4, 47 }, { CORRUPT, "IDX-3", DIR }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(1, OFFSET), 8, OBJECTS + 1 }, { CORRUPT, "IDX-3", DIR },
	    { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(2, LENGTH), 4, DIR - RUNS - 1 }, { CORRUPT, "IDX-3", DIR },
	    { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(0, KEY), 8, 1 }, { CORRUPT, "IDX-4", DIR }, { 0 } },
	{ { BODY, DIR, AT(1, KEY2), 8, 1 }, { CORRUPT, "IDX-4", DIR }, { 0 } },
	{ { BODY, DIR, AT(0, DIGEST), 1, 0x55 }, { CORRUPT, "HASH-2", BLOCKS }, { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(1, COUNT), 4, 3 }, { CORRUPT, "TRL-6", TRAILER + 72 },
	    { CORRUPT, "IDX-4", DIR } },
	{ { BODY, DIR, AT(2, COUNT), 4, 3 }, { CORRUPT, "IDX-9", RUNS }, { CORRUPT, "IDX-4", DIR } },
#undef AT
#define AT(n, field) ENTRY(n, PSNAP_IDX_BLOCK_LEN) + PSNAP_IDX_BLOCK_##field
	{ { BODY, BLOCKS, AT(0, TYPE), 1, 3 }, { CORRUPT, "IDX-5", BLOCKS }, { 0 } },
	{ { BODY, BLOCKS, AT(0, OFFSET), 8, 65 }, { CORRUPT, "IDX-5", BLOCKS }, { 0 } },
	{ { BODY, BLOCKS, AT(1, LENGTH), 4, 47 }, { CORRUPT, "IDX-5", BLOCKS }, { 0 } },
	{ { BODY, BLOCKS, AT(2, LENGTH), 4, BLOCKS - PAGES + 1 }, { CORRUPT, "IDX-5", BLOCKS }, { 0 } },
	{ { BODY, BLOCKS, AT(2, LENGTH), 4, BLOCKS - PAGES - 1 }, { CORRUPT, "IDX-5", BLOCKS }, { 0 } },
	{ { BODY, BLOCKS, AT(2, TYPE), 1, 4 }, { CORRUPT, "IDX-6", PAGES }, { CORRUPT, "IDX-5", BLOCKS } },
	{ { BODY, BLOCKS, AT(2, DIGEST), 1, 0x55 }, { CORRUPT, "HASH-1", PAGES },
	    { CORRUPT, "IDX-5", BLOCKS } },
#undef AT
#define AT(n, field) ENTRY(n, PSNAP_IDX_OBJECT_LEN) + PSNAP_IDX_OBJECT_##field
	{ { BODY, OBJECTS, AT(0, ID), 8, 3 }, { CORRUPT, "IDX-7", OBJECTS }, { 0 } },
	{ { BODY, OBJECTS, AT(1, ID), 8, 1 }, { CORRUPT, "IDX-7", OBJECTS }, { 0 } },
	{ { BODY, OBJECTS, AT(1, BLOCK), 4, 3 }, { CORRUPT, "IDX-7", OBJECTS }, { 0 } },
	{ { BODY, OBJECTS, AT(1, KIND), 2, 12 }, { CORRUPT, "IDX-7", OBJECTS }, { 0 } },
	{ { BODY, OBJECTS, AT(1, RESERVED), 2, 1 }, { UNSUPPORTED, "IDX-7", OBJECTS },
	    { CORRUPT, "IDX-7", OBJECTS } },
#undef AT
#define AT(n, field) ENTRY(n, PSNAP_IDX_RUN_LEN) + PSNAP_IDX_RUN_##field
	{ { BODY, RUNS, AT(0, KIND), 4, 3 }, { UNSUPPORTED, "RUN-1", RUNS }, { CORRUPT, "IDX-8", RUNS } },
	{ { BODY, RUNS, AT(0, KIND), 4, 2 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(0, FIRST), 8, 15 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(0, COUNT), 4, 2 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(1, COUNT), 4, 0 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(1, BLOCK), 4, 1 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(0, BLOCK), 4, 3 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
	{ { BODY, RUNS, AT(0, PAGE), 4, 1 }, { CORRUPT, "IDX-8", RUNS }, { 0 } },
#undef AT
	{ { END, 0, 0, 1, 'p' }, { CORRUPT, "TRL-1", TRAILER }, { 0 } },
	{ { END, 0, 8, 8, LENGTH + 1 }, { SNAP_E_TRUNCATED, "TRL-3", TRAILER + 8 }, { 0 } },
	{ { END, 0, 8, 8, LENGTH - 1 }, { CORRUPT, "TRL-3", TRAILER + 8 }, { 0 } },
	{ { END, 0, 16, 8, DIR + 1 }, { CORRUPT, "TRL-4", TRAILER + 16 }, { 0 } },
	{ { END, 0, 24, 4, 0 }, { CORRUPT, "TRL-4", TRAILER + 16 }, { 0 } },
	{ { END, 0, 28, 4, 1 }, { UNSUPPORTED, "TRL-5", TRAILER + 28 }, { 0 } },
	{ { END, 0, 123, 1, 1 }, { UNSUPPORTED, "TRL-5", TRAILER + 28 }, { 0 } },
	{ { END, 0, 32, 1, 0x55 }, { CORRUPT, "HASH-3", TRAILER + 32 }, { 0 } },
	{ { END, 0, 64, 8, 4 }, { CORRUPT, "TRL-6", TRAILER + 64 }, { 0 } },
	{ { END, 0, 72, 8, 1 }, { CORRUPT, "TRL-6", TRAILER + 72 }, { 0 } },
	{ { END, 0, 80, 8, 2 }, { CORRUPT, "TRL-6", TRAILER + 80 }, { 0 } },
	{ { END, 0, 88, 8, 2 }, { CORRUPT, "TRL-6", TRAILER + 88 }, { 0 } },
};

ATF_TC_WITHOUT_HEAD(each_broken_rule_is_named_with_its_place);
ATF_TC_BODY(each_broken_rule_is_named_with_its_place, tc)
{
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct rule_case *k = &cases[i];
		struct craft *c = malloc(sizeof *c);
		struct snap_error err = { .code = SNAP_OK };
		int fd;

		craft(c, &k->patch);
		fd = file_of(c->bytes, LENGTH);
		check(i, "at random", at_random(fd, &err), &err, &k->random);
		check(i, "as a stream", as_stream(fd, &err), &err,
		    k->stream.rule != NULL ? &k->stream : &k->random);
		close(fd);
		free(c);
	}
}

ATF_TC_WITHOUT_HEAD(a_run_that_points_at_the_wrong_block_is_not_read);
ATF_TC_BODY(a_run_that_points_at_the_wrong_block_is_not_read, tc)
{
	static const struct { struct patch patch; uint64_t offset; } bad[] = {
		{ { BODY, RUNS, PSNAP_IDX_RUN_BLOCK, 4, 0 }, META },
		{ { BODY, RUNS, PSNAP_IDX_RUN_PAGE, 4, 1 }, DIR },
		{ { BODY, RUNS, PSNAP_IDX_RUN_PAGE, 4, UINT32_MAX }, DIR },
	};

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct craft *k = malloc(sizeof *k);
		struct container *c;
		struct snap_error err;
		uint8_t page[PAGE];
		int fd;

		craft(k, &bad[i].patch);
		fd = file_of(k->bytes, LENGTH);
		OK(container_open(&c, fd, false, NULL, &err), &err);
		ATF_CHECK_EQ(container_read(c, 1, 16 * PAGE, page, PAGE, NULL, &err), SNAP_E_CORRUPT);
		ATF_CHECK_STREQ(err.rule, "IDX-10");
		ATF_CHECK_EQ(err.offset, bad[i].offset);
		container_close(c);
		close(fd);
		free(k);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_broken_rule_is_named_with_its_place);
	ATF_TP_ADD_TC(tp, a_run_that_points_at_the_wrong_block_is_not_read);
	return atf_no_error();
}
