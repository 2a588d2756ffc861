/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz targets on what fuzzing left, on their seeds, and on seeds changed.
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

#include "tests/fuzz/replay.h"
#include "tests/fuzz/seeds.h"

int convert_fuzz(const uint8_t *data, size_t size);
int reader_fuzz(const uint8_t *data, size_t size);
int unpack_fuzz(const uint8_t *data, size_t size);
int validate_fuzz(const uint8_t *data, size_t size);

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
