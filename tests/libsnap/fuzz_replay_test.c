/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz targets on what an hour of fuzzing left (tests/fuzz/corpus, an input
 * in hex a line), on their seeds, and on seeds changed in ways that are the
 * same each time.
 */
#include <atf-c.h>

#define LLVMFuzzerTestOneInput convert_fuzz
#include "tests/fuzz/convert_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput reader_fuzz
#include "tests/fuzz/reader_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput unpack_fuzz
#include "tests/fuzz/unpack_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput validate_fuzz
#include "tests/fuzz/validate_fuzz.c"
#undef LLVMFuzzerTestOneInput

#include "tests/fuzz/seeds.h"

int convert_fuzz(const uint8_t *data, size_t size);
int reader_fuzz(const uint8_t *data, size_t size);
int unpack_fuzz(const uint8_t *data, size_t size);
int validate_fuzz(const uint8_t *data, size_t size);

static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A few bytes changed, one stretch copied over another, or the end cut off. */
static size_t
mutate(uint8_t *p, size_t n, uint64_t *seed)
{
	for (unsigned i = (unsigned)(next_random(seed) % 4); i > 0 && n > 0; i--)
		p[next_random(seed) % n] = (uint8_t)next_random(seed);
	switch (next_random(seed) % 6) {
	case 0:
		return n > 0 ? next_random(seed) % n : 0;
	case 1:
		if (n > 64)
			memmove(p + next_random(seed) % (n - 32), p + next_random(seed) % (n - 32), 32);
		return n;
	case 2:
		if (n > 0)
			p[next_random(seed) % n] ^= (uint8_t)(1 << next_random(seed) % 8);
		return n;
	default:
		return n;
	}
}

static void
replay(int (*target)(const uint8_t *, size_t), const uint8_t *seed_bytes, size_t n, unsigned times)
{
	static uint8_t copy[SEED_MAX];
	uint64_t seed = UINT64_C(0x9e3779b97f4a7c15) + n;

	ATF_REQUIRE(n > 0 && n <= SEED_MAX);
	target(seed_bytes, n);
	for (unsigned i = 0; i < times; i++) {
		memcpy(copy, seed_bytes, n);
		target(copy, mutate(copy, n, &seed));
	}
}

/* Every input of tests/fuzz/corpus/NAME.hex. */
static void
replay_corpus(const char *name, int (*target)(const uint8_t *, size_t))
{
	static char line[2 * SEED_MAX + 2];
	static uint8_t bytes[SEED_MAX];
	const char *src = getenv("SNAP_SRC");
	char path[4096];
	size_t inputs = 0;
	FILE *f;

	snprintf(path, sizeof path, "%s/tests/fuzz/corpus/%s.hex", src != NULL ? src : ".", name);
	ATF_REQUIRE_MSG((f = fopen(path, "r")) != NULL, "%s", path);
	for (; fgets(line, sizeof line, f) != NULL; inputs++) {
		size_t n = strcspn(line, "\n") / 2;

		for (size_t i = 0; i < n; i++) {
			char pair[3] = { line[2 * i], line[2 * i + 1], '\0' };

			bytes[i] = (uint8_t)strtoul(pair, NULL, 16);
		}
		target(bytes, n);
	}
	fclose(f);
	ATF_REQUIRE(inputs > 50);
}

ATF_TC_WITHOUT_HEAD(corpus);
ATF_TC_BODY(corpus, tc)
{
	replay_corpus("convert", convert_fuzz);
	replay_corpus("reader", reader_fuzz);
	replay_corpus("unpack", unpack_fuzz);
	replay_corpus("validate", validate_fuzz);
}

ATF_TC_WITHOUT_HEAD(convert);
ATF_TC_BODY(convert, tc)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];
	size_t n;

	for (size_t i = 0; (n = seed_convert(&w, i, bytes)) > 0; i++)
		replay(convert_fuzz, bytes, n, 50);
}

ATF_TC_WITHOUT_HEAD(reader);
ATF_TC_BODY(reader, tc)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];
	struct snap_error err;
	FILE *f = fopen("seed.psnap", "w+");
	size_t n;

	world_init(&w);
	ATF_REQUIRE_EQ(world_write(&w, fileno(f), &err), 0);
	rewind(f);
	n = fread(bytes, 1, sizeof bytes, f);
	fclose(f);
	replay(reader_fuzz, bytes, n, 2000);
}

ATF_TC_WITHOUT_HEAD(unpack);
ATF_TC_BODY(unpack, tc)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];
	size_t n;

	world_init(&w);
	world_ipc(&w);
	for (size_t i = 0; (n = seed_unpack(&w, i, bytes)) > 0; i++)
		replay(unpack_fuzz, bytes, n, 300);
}

ATF_TC_WITHOUT_HEAD(validate);
ATF_TC_BODY(validate, tc)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];

	for (int i386 = 0; i386 < 2; i386++) {
		world_init(&w);
		if (i386)
			world_i386(&w);
		else
			world_ipc(&w);
		replay(validate_fuzz, bytes, seed_validate(&w, FUZZ_BOTH, bytes), 1000);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, corpus);
	ATF_TP_ADD_TC(tp, convert);
	ATF_TP_ADD_TC(tp, reader);
	ATF_TP_ADD_TC(tp, unpack);
	ATF_TP_ADD_TC(tp, validate);
	return atf_no_error();
}
