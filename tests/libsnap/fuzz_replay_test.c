/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz targets on their seeds, and on seeds changed in ways that are the
 * same each time.  What fuzzing finds is kept as a case of its own elsewhere.
 */
#include <atf-c.h>

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
		replay(validate_fuzz, bytes, seed_validate(&w, bytes), 1000);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, reader);
	ATF_TP_ADD_TC(tp, unpack);
	ATF_TP_ADD_TC(tp, validate);
	return atf_no_error();
}
