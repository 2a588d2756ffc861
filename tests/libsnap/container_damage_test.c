/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cut anywhere or flipped anywhere, a snapshot is a clear error that names
 * the place, and never wrong data.
 */
#include "tests/libsnap/container_craft.h"

#include "libsnap/core/checksum.h"

typedef int reader_fn(const struct sample *s, int fd, struct snap_error *err);

static reader_fn *const readers[] = { read_at_random, read_as_stream };
#define NREADERS (sizeof readers / sizeof readers[0])

/* Start and end of the structure that byte `at` is in: header, block or trailer. */
static void
structure_of(const struct bytes *b, size_t at, uint64_t *start, uint64_t *end)
{
	uint64_t next = PSNAP_HDR_LEN;

	*start = 0;
	while (at >= next) {
		*start = next;
		if (next == b->n - PSNAP_TRL_LEN)
			next = b->n;
		else
			next += (uint64_t)PSNAP_BLK_LEN + psnap_get32(b->p + next + PSNAP_BLK_OFF_AUX_LEN) +
			    psnap_get32(b->p + next + PSNAP_BLK_OFF_STORED);
	}
	*end = next;
}

static void
put_byte(int fd, size_t at, uint8_t value)
{
	ATF_REQUIRE_EQ(pwrite(fd, &value, 1, (off_t)at), 1);
}

static void
flip_bit(const struct sample *s, const struct bytes *b, int fd, size_t bit)
{
	size_t at = bit / 8;
	enum snap_code want = at < PSNAP_MAGIC_LEN ? SNAP_E_NOT_SNAPSHOT : SNAP_E_CORRUPT;
	uint64_t start, end;

	structure_of(b, at, &start, &end);
	put_byte(fd, at, b->p[at] ^ (uint8_t)(1u << bit % 8));
	for (size_t i = 0; i < NREADERS; i++) {
		struct snap_error err = { .code = SNAP_OK };
		int r = readers[i](s, fd, &err);

		ATF_REQUIRE_MSG(r == want && err.code == want, "%s: bit %zu, reader %zu: %s (%s)", s->name,
		    bit, i, snap_code_name((enum snap_code)r), err.msg);
		ATF_REQUIRE_MSG(err.offset >= start && err.offset < end,
		    "%s: bit %zu is in 0x%llx-0x%llx, reader %zu blames 0x%llx", s->name, bit,
		    (unsigned long long)start, (unsigned long long)end, i, (unsigned long long)err.offset);
		ATF_REQUIRE(err.rule[0] != '\0' && err.msg[0] != '\0');
	}
	put_byte(fd, at, b->p[at]);
}

/* Bits of page contents are all alike: every 61st of those is enough. */
static bool
worth_flipping(const struct bytes *b, size_t bit)
{
	uint64_t start, end;

	structure_of(b, bit / 8, &start, &end);
	return end - start < 1024 || bit / 8 - start < 160 || end - bit / 8 < 32 || bit % 61 == 0;
}

ATF_TC_WITHOUT_HEAD(every_flipped_bit_is_found_where_it_is);
ATF_TC_BODY(every_flipped_bit_is_found_where_it_is, tc)
{
	for (size_t i = 0; i < NSAMPLES; i++) {
		struct bytes b = make_sample(&samples[i]);
		int fd = file_of(b.p, b.n);

		for (size_t bit = 0; bit < b.n * 8; bit++)
			if (worth_flipping(&b, bit))
				flip_bit(&samples[i], &b, fd, bit);
		close(fd);
		free(b.p);
	}
}

ATF_TC_WITHOUT_HEAD(every_cut_is_truncated);
ATF_TC_BODY(every_cut_is_truncated, tc)
{
	for (size_t i = 0; i < NSAMPLES; i++) {
		struct bytes b = make_sample(&samples[i]);
		int fd = file_of(b.p, b.n);

		for (size_t n = b.n; n-- > 0;) {
			enum snap_code want = n == 0 ? SNAP_E_NOT_SNAPSHOT : SNAP_E_TRUNCATED;

			ATF_REQUIRE_EQ(ftruncate(fd, (off_t)n), 0);
			for (size_t k = 0; k < NREADERS; k++) {
				struct snap_error err = { .code = SNAP_OK };
				int r = readers[k](&samples[i], fd, &err);

				ATF_REQUIRE_MSG(r == want && err.code == want,
				    "%s: %zu of %zu bytes, reader %zu: %s (%s)", samples[i].name, n, b.n, k,
				    snap_code_name((enum snap_code)r), err.msg);
				ATF_REQUIRE(err.offset <= n);
			}
		}
		close(fd);
		free(b.p);
	}
}

ATF_TC_WITHOUT_HEAD(bytes_behind_the_trailer_are_refused);
ATF_TC_BODY(bytes_behind_the_trailer_are_refused, tc)
{
	struct bytes b = make_sample(&samples[0]);
	struct snap_error err;
	int fd;

	b.p = realloc(b.p, b.n + 1);
	b.p[b.n] = 0;
	fd = file_of(b.p, b.n + 1);
	ATF_CHECK_EQ(read_as_stream(&samples[0], fd, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(err.rule, "TRL-1");
	ATF_CHECK_EQ(err.offset, b.n);
	ATF_CHECK(read_at_random(&samples[0], fd, &err) != 0);
	ATF_CHECK_STREQ(err.rule, "TRL-1");
	close(fd);
	free(b.p);
}

ATF_TC_WITHOUT_HEAD(root_covers_the_file_header);
ATF_TC_BODY(root_covers_the_file_header, tc)
{
	struct bytes b = make_sample(&samples[0]);
	struct snap_error err;
	int fd;

	/* a compatible feature bit is anybody's to ignore, but not to set afterwards */
	b.p[PSNAP_HDR_COMPAT] ^= 1;
	psnap_put32(b.p + PSNAP_HDR_CRC, crc32c(b.p, PSNAP_HDR_CRC));
	fd = file_of(b.p, b.n);
	for (size_t i = 0; i < NREADERS; i++) {
		ATF_CHECK_EQ(readers[i](&samples[0], fd, &err), SNAP_E_CORRUPT);
		ATF_CHECK_STREQ(err.rule, "HASH-3");
	}
	close(fd);
	free(b.p);
}

struct findings {
	unsigned count;
	uint64_t offsets[16];
};

static int
collect(void *ctx, const struct snap_error *finding)
{
	struct findings *f = ctx;

	ATF_REQUIRE(f->count < 16);
	f->offsets[f->count++] = finding->offset;
	return 0;
}

ATF_TC_WITHOUT_HEAD(verify_reports_every_damaged_block);
ATF_TC_BODY(verify_reports_every_damaged_block, tc)
{
	struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .block_pages = 1 };
	struct findings found = { .count = 0 };
	uint64_t start, end, starts[16], blocks = 0;
	struct container *c;
	struct snap_writer *w;
	struct snap_error err;
	struct bytes b;
	uint8_t page[PAGE];
	int fd;

	OK(snap_writer_create(&w, "v.psnap", &options, &err), &err);
	write_pages(w, 1, 0, 9, PAGE);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	b = read_whole("v.psnap");
	for (uint64_t at = PSNAP_HDR_LEN; b.p[at + PSNAP_BLK_OFF_TYPE] == PSNAP_BLOCK_PAGES; at = end) {
		structure_of(&b, at, &start, &end);
		starts[blocks++] = start;
		if (blocks % 2 == 0)
			b.p[end - 100] ^= 0x10;
	}
	ATF_REQUIRE_EQ(blocks, 9);
	fd = file_of(b.p, b.n);
	OK(container_open(&c, fd, false, NULL, &err), &err);
	ATF_CHECK_EQ(container_verify(c, collect, &found, &err), SNAP_E_CORRUPT);
	ATF_REQUIRE_EQ(found.count, 4);
	for (unsigned i = 0; i < 4; i++)
		ATF_CHECK(found.offsets[i] > starts[2 * i + 1] && found.offsets[i] < starts[2 * i + 2]);
	ATF_CHECK_EQ(err.offset, found.offsets[0]);

	/* the others are still there to be read */
	for (uint64_t i = 0; i < 9; i++)
		ATF_CHECK_EQ(container_read(c, 1, i * PAGE, page, PAGE, NULL, &err),
		    i % 2 == 1 ? SNAP_E_CORRUPT : 0);
	container_close(c);
	close(fd);
	free(b.p);
}

/* ---- sealed damage ---- */

static struct patch
random_patch(uint64_t *seed)
{
	/* where there is something to change, and how much of it */
	static const struct { enum stage stage; uint32_t block, bytes; } places[] = {
		{ HEADER, 0, 60 }, { HEAD, META, 44 }, { BODY, META, 36 }, { HEAD, PADDING, 44 },
		{ HEAD, PAGES, 44 }, { BODY, PAGES, 60 }, { HEAD, BLOCKS, 44 }, { BODY, BLOCKS, 144 },
		{ HEAD, OBJECTS, 44 }, { BODY, OBJECTS, 48 }, { HEAD, RUNS, 44 }, { BODY, RUNS, 64 },
		{ HEAD, DIR, 44 }, { BODY, DIR, 216 }, { END, 0, 124 },
	};
	static const uint64_t values[] = { 0, 1, 2, 3, 4, 16, 36, 47, 48, 64, 4095, 4096, UINT64_MAX, INT64_MAX };
	size_t n = next_random(seed) % (sizeof places / sizeof places[0]);
	struct patch p = { .stage = places[n].stage, .block = places[n].block,
	    .width = 1u << next_random(seed) % 4 };

	p.at = (uint32_t)(next_random(seed) % (places[n].bytes / p.width) * p.width);
	if (p.at + p.width > places[n].bytes)
		p.width = places[n].bytes - p.at;
	p.value = next_random(seed) % 4 == 0 ? next_random(seed) :
	    values[next_random(seed) % (sizeof values / sizeof values[0])];
	return p;
}

/* Also where nobody checks what a page is: every read ends, and well. */
static void
read_everything(int fd)
{
	struct snap_run run = { .owner = 1 };
	struct snap_error err;
	struct container *c;
	uint8_t page[PAGE];

	if (container_open(&c, fd, false, NULL, &err) != 0)
		return;
	while (container_next_run(c, &run, UINT64_MAX, &err) == 1)
		container_read(c, 1, run.first * PAGE, page, PAGE, NULL, &err);
	for (uint64_t i = 10; i < 25; i++)
		container_read(c, 1, i * PAGE, page, PAGE, NULL, &err);
	container_close(c);
}

ATF_TC_WITHOUT_HEAD(both_readers_agree_on_sealed_damage);
ATF_TC_BODY(both_readers_agree_on_sealed_damage, tc)
{
	struct craft *c = malloc(sizeof *c);
	uint64_t seed = 20261121;
	unsigned good = 0;

	for (unsigned i = 0; i < 20000; i++) {
		struct patch patches[3];
		struct snap_error random_err = { 0 }, stream_err = { 0 };
		size_t n = 1 + next_random(&seed) % 3;
		int fd, a, b;

		for (size_t k = 0; k < n; k++)
			patches[k] = random_patch(&seed);
		craft(c, patches, n);
		fd = file_of(c->bytes, LENGTH);
		a = at_random(fd, &random_err);
		b = as_stream(fd, &stream_err);
		ATF_REQUIRE_MSG((a == 0) == (b == 0), "case %u: at random %s %s (%s), as a stream %s %s (%s)",
		    i, snap_code_name((enum snap_code)a), random_err.rule, random_err.msg,
		    snap_code_name((enum snap_code)b), stream_err.rule, stream_err.msg);
		read_everything(fd);
		good += a == 0;
		close(fd);
	}
	ATF_CHECK(good > 100 && good < 10000);
	free(c);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_flipped_bit_is_found_where_it_is);
	ATF_TP_ADD_TC(tp, every_cut_is_truncated);
	ATF_TP_ADD_TC(tp, bytes_behind_the_trailer_are_refused);
	ATF_TP_ADD_TC(tp, root_covers_the_file_header);
	ATF_TP_ADD_TC(tp, verify_reports_every_damaged_block);
	ATF_TP_ADD_TC(tp, both_readers_agree_on_sealed_damage);
	return atf_no_error();
}
