/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Fuzz targets on what an hour of fuzzing left (tests/fuzz/corpus, an input in
 * hex a line), and on inputs changed in ways that are the same each time.
 */
#ifndef TESTS_FUZZ_REPLAY_H
#define TESTS_FUZZ_REPLAY_H

#include <atf-c.h>

#include "tests/fuzz/seeds.h"

static inline uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* A few bytes changed, one stretch copied over another, or the end cut off. */
static inline size_t
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

static inline void
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
static inline void
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

#endif
