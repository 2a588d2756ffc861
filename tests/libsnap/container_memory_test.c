/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that runs out, at every allocation in turn: SNAP_E_NOMEM each time,
 * nothing leaked, nothing left behind.  And how much is asked for.
 *
 * The library's allocations come here by the linker's --wrap (module.mk).
 */
#include "tests/libsnap/container_util.h"
#include "tests/libsnap/failing_alloc.h"

/* No allocations of the test's own between here and there. */
static int
write_quietly(uint32_t threads, enum psnap_codec codec, struct snap_error *err)
{
	struct snap_writer_options options = { .codec = codec, .threads = threads, .block_pages = 4 };
	static uint8_t pages[9][PAGE];
	uint8_t record[PSNAP_REC_LEN + 40] = { 0 };
	struct snap_writer *w;
	int r;

	for (size_t i = 0; i < 9; i++)
		make_page(pages[i], 1, i, PAGE);
	psnap_put16(record + PSNAP_REC_OFF_KIND, 3);
	psnap_put32(record + PSNAP_REC_OFF_LEN, 40);
	if ((r = snap_writer_create(&w, "m.psnap", &options, err)) != 0) {
		ATF_REQUIRE(w == NULL);
		return r;
	}
	for (uint64_t id = 1; id < 200 && r == 0; id++) {
		psnap_put64(record + PSNAP_REC_OFF_ID, id);
		r = snap_writer_records(w, record, sizeof record, err);
	}
	for (uint64_t i = 0; i < 90 && r == 0; i++)
		r = snap_writer_pages(w, 1, 20 * i, pages, 9, err);
	if (r == 0)
		r = snap_writer_finish(w, NULL, err);
	snap_writer_free(w);
	return r;
}

static int
read_quietly(int fd, bool stream, struct snap_error *err)
{
	struct snap_stream_item item = { .type = SNAP_ITEM_RECORD };
	struct snap_stream *s;
	struct container *c;
	uint8_t page[PAGE];
	int r;

	if (!stream) {
		if ((r = container_open(&c, fd, false, NULL, err)) != 0)
			return r;
		if ((r = container_read(c, 1, 20 * PAGE, page, PAGE, NULL, err)) == 0)
			r = container_verify(c, NULL, NULL, err);
		container_close(c);
		return r;
	}
	ATF_REQUIRE_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = snap_stream_open(&s, fd, NULL, err);
	while (r == 0 && item.type != SNAP_ITEM_END)
		r = snap_stream_next(s, &item, err);
	snap_stream_close(s);
	return r;
}

static void
each_failure_of_writing(uint32_t threads, enum psnap_codec codec)
{
	unsigned failures = 0;

	for (unsigned long n = 1;; n++) {
		struct snap_error err = { .code = SNAP_OK };
		bool used_up;
		int r;

		countdown = n;
		r = write_quietly(threads, codec, &err);
		used_up = countdown > 0;
		countdown = 0;
		if (used_up) {
			ATF_REQUIRE_EQ(r, 0);
			break;
		}
		/* a thread fewer is not a failure */
		if (r == 0) {
			unlink("m.psnap");
			continue;
		}
		ATF_REQUIRE_MSG(r == SNAP_E_NOMEM && err.code == SNAP_E_NOMEM, "allocation %lu: %d %s", n, r,
		    err.msg);
		ATF_REQUIRE(access("m.psnap", F_OK) != 0);
		failures++;
	}
	ATF_CHECK(failures > 20);
	unlink("m.psnap");
}

ATF_TC_WITHOUT_HEAD(writing_without_memory_fails_cleanly);
ATF_TC_BODY(writing_without_memory_fails_cleanly, tc)
{
	each_failure_of_writing(1, PSNAP_CODEC_ZSTD);
	each_failure_of_writing(1, PSNAP_CODEC_NONE);
	each_failure_of_writing(3, PSNAP_CODEC_ZSTD);
}

ATF_TC_WITHOUT_HEAD(reading_without_memory_fails_cleanly);
ATF_TC_BODY(reading_without_memory_fails_cleanly, tc)
{
	struct snap_error err = { .code = SNAP_OK };
	int fd;

	OK(write_quietly(1, PSNAP_CODEC_ZSTD, &err), &err);
	ATF_REQUIRE((fd = open("m.psnap", O_RDONLY)) >= 0);
	for (int stream = 0; stream < 2; stream++)
		for (unsigned long n = 1;; n++) {
			bool used_up;
			int r;

			countdown = n;
			r = read_quietly(fd, stream, &err);
			used_up = countdown > 0;
			countdown = 0;
			if (used_up) {
				ATF_REQUIRE_EQ(r, 0);
				ATF_CHECK(n > 5);
				break;
			}
			ATF_REQUIRE_MSG(r == SNAP_E_NOMEM && err.code == SNAP_E_NOMEM,
			    "allocation %lu: %d %s", n, r, err.msg);
		}
	close(fd);
}

ATF_TC_WITHOUT_HEAD(opening_a_gibibyte_takes_a_few_mebibytes);
ATF_TC_BODY(opening_a_gibibyte_takes_a_few_mebibytes, tc)
{
	struct snap_writer *w;
	struct snap_error err;
	struct container *c;
	uint8_t *pages = malloc(64 * PAGE);
	int fd;

	for (size_t i = 0; i < 64; i++)
		memset(pages + i * PAGE, (int)i + 1, PAGE);
	OK(snap_writer_create(&w, "big.psnap", NULL, &err), &err);
	write_record(w, 1, 2, 100);
	for (uint64_t i = 0; i < 4096; i++)
		OK(snap_writer_pages(w, 1, i * 65, pages, 64, &err), &err);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	free(pages);
	ATF_REQUIRE((fd = open("big.psnap", O_RDONLY)) >= 0);
	asked = 0;
	OK(container_open(&c, fd, false, NULL, &err), &err);
	ATF_CHECK_MSG(asked < 4u << 20, "%zu bytes", asked);
	container_close(c);
	close(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, writing_without_memory_fails_cleanly);
	ATF_TP_ADD_TC(tp, reading_without_memory_fails_cleanly);
	ATF_TP_ADD_TC(tp, opening_a_gibibyte_takes_a_few_mebibytes);
	return atf_no_error();
}
