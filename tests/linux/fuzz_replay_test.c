/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The fuzz targets of what only Linux does, as tests/libsnap/fuzz_replay_test.c
 * has the others.
 */
#include <atf-c.h>

#define LLVMFuzzerTestOneInput filter_fuzz
#include "tests/fuzz/filter_fuzz.c"
#undef LLVMFuzzerTestOneInput
#define LLVMFuzzerTestOneInput restore_fuzz
#include "tests/fuzz/restore_fuzz.c"
#undef LLVMFuzzerTestOneInput

#include "tests/fuzz/replay.h"
#include "tests/fuzz/seeds.h"

int filter_fuzz(const uint8_t *data, size_t size);
int restore_fuzz(const uint8_t *data, size_t size);

ATF_TC_WITHOUT_HEAD(corpus);
ATF_TC_BODY(corpus, tc)
{
	replay_corpus("filter", filter_fuzz);
	replay_corpus("restore", restore_fuzz);
}

ATF_TC_WITHOUT_HEAD(filter);
ATF_TC_BODY(filter, tc)
{
	static uint8_t bytes[SEED_MAX];
	size_t n;

	for (size_t i = 0; (n = seed_filter(i, bytes)) > 0; i++)
		replay(filter_fuzz, bytes, n, 2000);
}

ATF_TC_WITHOUT_HEAD(restore);
ATF_TC_BODY(restore, tc)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];
	size_t n;

	for (size_t i = 0; (n = seed_restore(&w, i, bytes)) > 0; i++)
		replay(restore_fuzz, bytes, n, 100);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, corpus);
	ATF_TP_ADD_TC(tp, filter);
	ATF_TP_ADD_TC(tp, restore);
	return atf_no_error();
}
