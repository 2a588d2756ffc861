/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Each rule of the container broken by itself, every checksum and digest
 * around it right: both readers give the code, rule and place that
 * spec/rules-container.md states.
 */
#include "tests/libsnap/container_craft.h"

struct answer {
	enum snap_code code;
	const char *rule;
	uint64_t offset;
};

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
	{ { HEADER, 0, 8, 2, 3 }, { UNSUPPORTED, "HDR-3", 8 }, { 0 } },
	{ { HEADER, 0, 16, 8, 1 }, { UNSUPPORTED, "HDR-4", 16 }, { 0 } },
	{ { HEADER, 0, 16, 8, UINT64_C(1) << 63 }, { UNSUPPORTED, "HDR-4", 16 }, { 0 } },
	{ { HEADER, 0, 12, 4, 65 }, { UNSUPPORTED, "HDR-5", 12 }, { 0 } },
	{ { HEADER, 0, 40, 1, 11 }, { UNSUPPORTED, "HDR-6", 40 }, { 0 } },
	{ { HEADER, 0, 40, 1, 17 }, { UNSUPPORTED, "HDR-6", 40 }, { 0 } },
	{ { HEADER, 0, 41, 1, 2 }, { UNSUPPORTED, "HDR-7", 41 }, { 0 } },
	{ { HEADER, 0, 42, 1, 0 }, { UNSUPPORTED, "HDR-7", 42 }, { 0 } },
	{ { HEADER, 0, 59, 1, 1 }, { UNSUPPORTED, "HDR-8", 59 }, { 0 } },
	{ { HEADER, 0, 44, 1, 'x' }, { UNSUPPORTED, "HDR-9", 43 }, { 0 } },

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

		craft(c, &k->patch, 1);
		fd = file_of(c->bytes, LENGTH);
		check(i, "at random", at_random(fd, &err), &err, &k->random);
		check(i, "as a stream", as_stream(fd, &err), &err,
		    k->stream.rule != NULL ? &k->stream : &k->random);
		close(fd);
		free(c);
	}
}

ATF_TC_WITHOUT_HEAD(two_wrongs_that_fit_each_other_are_found);
ATF_TC_BODY(two_wrongs_that_fit_each_other_are_found, tc)
{
	static const struct { struct patch patches[2]; struct answer random, stream; } pairs[] = {
		/* the second record hidden in the first, which alone is counted */
		{ { { BODY, META, 4, 4, 20 }, { HEAD, META, 12, 4, 1 } },
		    { CORRUPT, "TRL-6", TRAILER + 72 }, { CORRUPT, "IDX-7", OBJECTS } },
		/* a byte before the first block, which is the shorter for it */
		{ { { BODY, BLOCKS, PSNAP_IDX_BLOCK_OFFSET, 8, META + 1 },
		    { BODY, BLOCKS, PSNAP_IDX_BLOCK_LENGTH, 4, PADDING - META - 1 } },
		    { CORRUPT, "IDX-5", BLOCKS }, { CORRUPT, "IDX-5", BLOCKS } },
		/* a trailer that begins one byte later */
		{ { { END, 0, PSNAP_TRL_DIR_OFFSET, 8, DIR + 1 },
		    { END, 0, PSNAP_TRL_DIR_LENGTH, 4, TRAILER - DIR - 1 } },
		    { CORRUPT, "BLK-1", DIR + 1 }, { CORRUPT, "TRL-4", TRAILER + 16 } },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		struct craft *c = malloc(sizeof *c);
		struct snap_error err = { .code = SNAP_OK };
		int fd;

		craft(c, pairs[i].patches, 2);
		fd = file_of(c->bytes, LENGTH);
		check(i, "at random", at_random(fd, &err), &err, &pairs[i].random);
		check(i, "as a stream", as_stream(fd, &err), &err, &pairs[i].stream);
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

		craft(k, &bad[i].patch, 1);
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
	ATF_TP_ADD_TC(tp, two_wrongs_that_fit_each_other_are_found);
	ATF_TP_ADD_TC(tp, a_run_that_points_at_the_wrong_block_is_not_read);
	return atf_no_error();
}
