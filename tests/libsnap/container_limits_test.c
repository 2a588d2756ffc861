/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A reader takes no more than its user allows, and allocates no more than the
 * file can be worth.
 */
#include <errno.h>

#include <zstd.h>

#include "tests/libsnap/container_util.h"

#include "libsnap/core/checksum.h"

static int
open_both(int fd, const struct snap_limits *limits, bool stream, struct snap_error *err)
{
	struct snap_stream_item item = { .type = SNAP_ITEM_RECORD };
	struct snap_stream *s;
	struct container *c;
	int r;

	if (!stream) {
		r = container_open(&c, fd, false, limits, err);
		container_close(c);
		return r;
	}
	ATF_REQUIRE_EQ(lseek(fd, 0, SEEK_SET), 0);
	r = snap_stream_open(&s, fd, limits, err);
	while (r == 0 && item.type != SNAP_ITEM_END)
		r = snap_stream_next(s, &item, err);
	snap_stream_close(s);
	return r;
}

ATF_TC_WITHOUT_HEAD(each_limit_is_kept_to_the_last_unit);
ATF_TC_BODY(each_limit_is_kept_to_the_last_unit, tc)
{
	/* 4 records of 20 * i bytes; 5 runs in 3 page blocks */
	static const struct { struct snap_limits enough, less; bool random, stream; } cases[] = {
		{ { .max_objects = 4 }, { .max_objects = 3 }, true, true },
		{ { .max_meta_bytes = 192 }, { .max_meta_bytes = 183 }, true, true },
		{ { .max_index_bytes = 4096 }, { .max_index_bytes = 300 }, false, true },
		{ { .max_index_bytes = 216 }, { .max_index_bytes = 215 }, true, false },
	};
	struct bytes b = make_sample(&samples[2]);
	int fd = file_of(b.p, b.n);
	struct snap_error err;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		for (int stream = 0; stream < 2; stream++) {
			if (!(stream ? cases[i].stream : cases[i].random))
				continue;
			OK(open_both(fd, &cases[i].enough, stream, &err), &err);
			ATF_CHECK_EQ_MSG(open_both(fd, &cases[i].less, stream, &err), SNAP_E_LIMIT,
			    "case %zu, stream %d: %s", i, stream, err.msg);
			ATF_CHECK_EQ(err.code, SNAP_E_LIMIT);
		}
	close(fd);
	free(b.p);
}

ATF_TC_WITHOUT_HEAD(reserved_limits_must_be_zero);
ATF_TC_BODY(reserved_limits_must_be_zero, tc)
{
	struct snap_limits limits = { .reserved = { 0, 0, 0, 0, 1 } };
	struct bytes b = make_sample(&samples[0]);
	int fd = file_of(b.p, b.n);
	struct snap_error err;

	ATF_CHECK_EQ(open_both(fd, &limits, false, &err), SNAP_E_MISUSE);
	ATF_CHECK_EQ(open_both(fd, &limits, true, &err), SNAP_E_MISUSE);
	close(fd);
	free(b.p);
}

ATF_TC_WITHOUT_HEAD(what_cannot_be_sought_is_an_io_error);
ATF_TC_BODY(what_cannot_be_sought_is_an_io_error, tc)
{
	struct snap_error err;
	struct container *c;
	int fds[2];

	ATF_REQUIRE_EQ(pipe(fds), 0);
	ATF_CHECK_EQ(container_open(&c, fds[0], false, NULL, &err), SNAP_E_IO);
	ATF_CHECK_EQ(err.os_errno, ESPIPE);
	ATF_CHECK(c == NULL);
	close(fds[0]);
	close(fds[1]);
}

/* A header and one block of `stored` bytes, the rest left out. */
static int
file_with_block(struct block_header *h, const uint8_t *stored)
{
	struct file_header header = { .major = 1, .page_shift = 12 };
	uint8_t *p = malloc(PSNAP_HDR_LEN + PSNAP_BLK_LEN + h->stored_len);
	int fd;

	h->data_crc = crc32c(stored, h->stored_len);
	file_header_encode(p, &header);
	block_header_encode(p + PSNAP_HDR_LEN, h);
	memcpy(p + PSNAP_HDR_LEN + PSNAP_BLK_LEN, stored, h->stored_len);
	fd = file_of(p, PSNAP_HDR_LEN + PSNAP_BLK_LEN + h->stored_len);
	free(p);
	return fd;
}

ATF_TC_WITHOUT_HEAD(a_frame_larger_than_it_says_is_corrupt);
ATF_TC_BODY(a_frame_larger_than_it_says_is_corrupt, tc)
{
	static uint8_t zeros[40u << 20];
	struct block_header h = { .type = PSNAP_BLOCK_META, .codec = PSNAP_CODEC_ZSTD, .count = 1 };
	uint8_t frame[8192];
	struct snap_error err;
	int fd;

	h.stored_len = (uint32_t)ZSTD_compress(frame, sizeof frame, zeros, sizeof zeros, 1);
	ATF_REQUIRE(h.stored_len < sizeof frame);
	/* told as it is: above the limit of a block */
	h.raw_len = sizeof zeros;
	fd = file_with_block(&h, frame);
	ATF_CHECK_EQ(open_both(fd, NULL, true, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(err.rule, "LIM-2");
	close(fd);
	/* told as less: not the frame's own size */
	h.raw_len = 4096;
	fd = file_with_block(&h, frame);
	ATF_CHECK_EQ(open_both(fd, NULL, true, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(err.rule, "BLK-11");
	close(fd);
}

ATF_TC_WITHOUT_HEAD(frames_of_other_kinds_are_corrupt);
ATF_TC_BODY(frames_of_other_kinds_are_corrupt, tc)
{
	/* skippable; without content size; two frames */
	static const struct { uint8_t bytes[32]; uint32_t n, raw; } frames[] = {
		{ { 0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0 }, 8, 0 },
		{ { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x58, 0x09, 0x00, 0x00, 'a' }, 10, 1 },
		{ { 0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x01, 0x09, 0x00, 0x00, 'a',
		    0x28, 0xb5, 0x2f, 0xfd, 0x20, 0x00, 0x01, 0x00, 0x00 }, 19, 1 },
		{ { 0x28, 0xb5, 0x2f }, 3, 1 },
		{ { 0 }, 0, 0 },
	};

	for (size_t i = 0; i < sizeof frames / sizeof frames[0]; i++) {
		struct block_header h = { .type = PSNAP_BLOCK_META, .codec = PSNAP_CODEC_ZSTD,
		    .stored_len = frames[i].n, .raw_len = frames[i].raw };
		struct snap_error err;
		int fd = file_with_block(&h, frames[i].bytes);

		ATF_CHECK_EQ(open_both(fd, NULL, true, &err), SNAP_E_CORRUPT);
		ATF_CHECK_STREQ(err.rule, "BLK-11");
		ATF_CHECK_EQ(err.offset, PSNAP_HDR_LEN + PSNAP_BLK_LEN);
		close(fd);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_limit_is_kept_to_the_last_unit);
	ATF_TP_ADD_TC(tp, reserved_limits_must_be_zero);
	ATF_TP_ADD_TC(tp, what_cannot_be_sought_is_an_io_error);
	ATF_TP_ADD_TC(tp, a_frame_larger_than_it_says_is_corrupt);
	ATF_TP_ADD_TC(tp, frames_of_other_kinds_are_corrupt);
	return atf_no_error();
}
