/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a writer was given, a reader finds; and the same calls give the same
 * bytes, whatever they go to and however many threads compress.
 */
#include <pthread.h>

#include "tests/libsnap/container_util.h"

#include "libsnap/core/checksum.h"

static struct container *
open_file(const char *path, int *fd)
{
	struct container *c;
	struct snap_error err;

	ATF_REQUIRE((*fd = open(path, O_RDONLY)) >= 0);
	OK(container_open(&c, *fd, false, NULL, &err), &err);
	OK(container_verify(c, NULL, NULL, &err), &err);
	return c;
}

/* A mix of everything: large and small records, noise, zeros, several owners, scattered pages. */
static void
write_mix(struct snap_writer *w, size_t page_size)
{
	uint64_t seed = 42;
	struct snap_error err;
	uint8_t *zeros = calloc(3, page_size);

	for (uint64_t id = 1; id <= 300; id++)
		write_record(w, id, 1 + id % 20, next_random(&seed) % 3000);
	write_pages(w, 5, 0x1000, 700, page_size);
	OK(snap_writer_pages(w, 5, 0x1000 + 700, zeros, 3, &err), &err);
	for (uint64_t i = 0; i < 500; i++)
		write_pages(w, 6, 3 * i, 1 + i % 2, page_size);
	OK(snap_writer_zero(w, 7, 0, UINT64_C(1) << 33, &err), &err);
	write_record(w, 1000, 3, 700000);
	write_pages(w, 5, 0, 65, page_size);
	write_record(w, 1001, 3, 10);
	free(zeros);
}

static struct bytes
mix_in_file(const struct snap_writer_options *options)
{
	struct snap_writer *w;
	struct snap_error err;
	struct bytes b;

	OK(snap_writer_create(&w, "mix.psnap", options, &err), &err);
	write_mix(w, options->page_shift == 0 ? PAGE : (size_t)1 << options->page_shift);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	b = read_whole("mix.psnap");
	return b;
}

static void
check_pages(struct container *c, uint64_t owner, uint64_t first, size_t count, size_t size)
{
	uint8_t *got = malloc(count * size), *want = malloc(size);
	struct snap_error err;
	size_t done;

	OK(container_read(c, owner, first * size, got, count * size, &done, &err), &err);
	ATF_REQUIRE_EQ(done, count * size);
	for (size_t i = 0; i < count; i++) {
		make_page(want, owner, first + i, size);
		ATF_REQUIRE(memcmp(got + i * size, want, size) == 0);
	}
	free(got);
	free(want);
}

static void
check_mix(struct container *c, size_t size)
{
	uint8_t *got = malloc(3 * size);
	struct snap_error err;
	size_t done = 99;

	check_pages(c, 5, 0x1000, 700, size);
	check_pages(c, 5, 0, 65, size);
	OK(container_read(c, 5, (0x1000 + 700) * (uint64_t)size, got, 3 * size, NULL, &err), &err);
	for (size_t i = 0; i < 3 * size; i++)
		ATF_REQUIRE_EQ(got[i], 0);
	for (uint64_t i = 0; i < 500; i++)
		check_pages(c, 6, 3 * i, 1 + i % 2, size);
	/* across a gap: what is before it, and where it begins */
	ATF_CHECK_EQ(container_read(c, 6, 3 * size + 5, got, 3 * size, &done, &err), SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(done, 2 * size - 5);
	ATF_CHECK_EQ(err.offset, 5 * size);
	ATF_CHECK_EQ(err.record, 6);
	OK(container_read(c, 7, (UINT64_C(1) << 33) * size - 7, got, 7, &done, &err), &err);
	ATF_CHECK_EQ(container_read(c, 7, (UINT64_C(1) << 33) * size, got, 1, &done, &err),
	    SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(container_read(c, 99, 0, got, 1, &done, &err), SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(container_read(c, 7, UINT64_MAX - 2, got, 9, &done, &err), SNAP_E_NOT_FOUND);
	ATF_CHECK_EQ(done, 0);
	free(got);
}

static void
roundtrip(enum psnap_codec codec, uint32_t shift)
{
	struct snap_writer_options options = { .codec = codec, .page_shift = shift };
	struct bytes b = mix_in_file(&options);
	struct container *c;
	int fd;

	c = open_file("mix.psnap", &fd);
	check_mix(c, (size_t)1 << shift);
	container_close(c);
	close(fd);
	free(b.p);
}

ATF_TC_WITHOUT_HEAD(zstd_pages_come_back);
ATF_TC_BODY(zstd_pages_come_back, tc)
{
	roundtrip(PSNAP_CODEC_ZSTD, 12);
}

ATF_TC_WITHOUT_HEAD(raw_pages_come_back);
ATF_TC_BODY(raw_pages_come_back, tc)
{
	roundtrip(PSNAP_CODEC_NONE, 12);
}

ATF_TC_WITHOUT_HEAD(large_pages_come_back);
ATF_TC_BODY(large_pages_come_back, tc)
{
	roundtrip(PSNAP_CODEC_ZSTD, 16);
	roundtrip(PSNAP_CODEC_NONE, 16);
}

ATF_TC_WITHOUT_HEAD(number_of_threads_does_not_change_a_byte);
ATF_TC_BODY(number_of_threads_does_not_change_a_byte, tc)
{
	for (int codec = PSNAP_CODEC_NONE; codec <= PSNAP_CODEC_ZSTD; codec++) {
		struct snap_writer_options options = { .codec = (enum psnap_codec)codec, .threads = 1 };
		struct bytes one = mix_in_file(&options);

		for (uint32_t threads = 2; threads <= 9; threads += 3) {
			struct bytes many;

			options.threads = threads;
			many = mix_in_file(&options);
			ATF_REQUIRE_EQ(one.n, many.n);
			ATF_CHECK(memcmp(one.p, many.p, one.n) == 0);
			free(many.p);
		}
		free(one.p);
	}
}

struct drain {
	int		fd;
	struct bytes	got;
};

static void *
drain_pipe(void *arg)
{
	struct drain *d = arg;
	size_t cap = 0;
	ssize_t k;

	do {
		if (cap - d->got.n < 4096)
			d->got.p = realloc(d->got.p, cap = cap * 2 + 65536);
		k = read(d->fd, d->got.p + d->got.n, 4096);
		d->got.n += k > 0 ? (size_t)k : 0;
	} while (k > 0);
	return NULL;
}

ATF_TC_WITHOUT_HEAD(pipe_and_file_get_the_same_bytes);
ATF_TC_BODY(pipe_and_file_get_the_same_bytes, tc)
{
	struct snap_writer_options options = { .codec = PSNAP_CODEC_NONE };
	struct bytes file = mix_in_file(&options);
	struct drain d = { .got = { NULL, 0 } };
	struct snap_writer *w;
	struct snap_error err;
	pthread_t thread;
	int fds[2];

	ATF_REQUIRE_EQ(pipe(fds), 0);
	d.fd = fds[0];
	ATF_REQUIRE_EQ(pthread_create(&thread, NULL, drain_pipe, &d), 0);
	OK(snap_writer_open_fd(&w, fds[1], &options, &err), &err);
	write_mix(w, PAGE);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	ATF_REQUIRE_EQ(d.got.n, file.n);
	ATF_CHECK(memcmp(d.got.p, file.p, file.n) == 0);
	free(d.got.p);
	free(file.p);
}

ATF_TC_WITHOUT_HEAD(samples_read_the_same_both_ways);
ATF_TC_BODY(samples_read_the_same_both_ways, tc)
{
	for (size_t i = 0; i < NSAMPLES; i++) {
		struct bytes b = make_sample(&samples[i]);
		int fd = file_of(b.p, b.n);
		struct snap_error err;

		OK(read_at_random(&samples[i], fd, &err), &err);
		OK(read_as_stream(&samples[i], fd, &err), &err);
		close(fd);
		free(b.p);
	}
}

ATF_TC_WITHOUT_HEAD(raw_pages_are_aligned_in_the_file);
ATF_TC_BODY(raw_pages_are_aligned_in_the_file, tc)
{
	struct snap_writer_options options = { .codec = PSNAP_CODEC_NONE, .page_shift = 14 };
	struct bytes b = mix_in_file(&options);
	unsigned aligned = 0;

	for (uint64_t at = PSNAP_HDR_LEN; at < b.n - PSNAP_TRL_LEN;
	    at += PSNAP_BLK_LEN + psnap_get32(b.p + at + PSNAP_BLK_OFF_AUX_LEN) +
	    psnap_get32(b.p + at + PSNAP_BLK_OFF_STORED)) {
		const uint8_t *h = b.p + at;

		if (h[PSNAP_BLK_OFF_TYPE] != PSNAP_BLOCK_PAGES || psnap_get32(h + PSNAP_BLK_OFF_COUNT) == 0)
			continue;
		ATF_CHECK_EQ(psnap_get16(h + PSNAP_BLK_OFF_FLAGS), PSNAP_BLK_F_ALIGNED);
		ATF_CHECK_EQ((at + PSNAP_BLK_LEN + psnap_get32(h + PSNAP_BLK_OFF_AUX_LEN)) % (1u << 14), 0);
		aligned++;
	}
	ATF_CHECK(aligned > 1);
	free(b.p);
}

/* Enough of everything that each table takes several index blocks. */
ATF_TC_WITHOUT_HEAD(everything_is_found_in_an_index_of_many_blocks);
ATF_TC_BODY(everything_is_found_in_an_index_of_many_blocks, tc)
{
	enum { N = 9000 };
	struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .block_pages = 1 };
	struct snap_run run = { .owner = 1 };
	struct snap_summary sum;
	struct snap_writer *w;
	struct snap_error err;
	struct container *c;
	int fd, r;

	OK(snap_writer_create(&w, "many.psnap", &options, &err), &err);
	/* ids and pages downwards: the index has to sort them */
	for (uint64_t i = N; i-- > 0;)
		write_record(w, 2 * i + 1, 4, 0);
	for (uint64_t i = N; i-- > 0;)
		write_pages(w, 1 + i / (N - 1), 2 * i, 1, PAGE);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);

	c = open_file("many.psnap", &fd);
	container_summary(c, &sum);
	ATF_CHECK_EQ(sum.objects, N);
	ATF_CHECK_EQ(sum.stored_pages, N);
	ATF_CHECK(sum.blocks > N);
	for (uint64_t i = 0; i < N - 1; i++) {
		ATF_REQUIRE_EQ(container_next_run(c, &run, 2 * N, &err), 1);
		ATF_REQUIRE_EQ(run.first, 2 * i);
		ATF_REQUIRE_EQ(run.count, 1);
		ATF_REQUIRE_EQ(run.kind, PSNAP_RUN_STORED);
	}
	ATF_CHECK_EQ(container_next_run(c, &run, 2 * N, &err), 0);
	for (uint64_t i = 0; i < N; i += 37) {
		uint8_t page[PAGE];

		check_pages(c, 1 + i / (N - 1), 2 * i, 1, PAGE);
		r = container_read(c, 1, (2 * i + 1) * PAGE, page, PAGE, NULL, &err);
		ATF_REQUIRE_EQ(r, SNAP_E_NOT_FOUND);
	}
	/* only what meets the range */
	run = (struct snap_run){ .owner = 1, .first = 8001 };
	ATF_CHECK_EQ(container_next_run(c, &run, 8002, &err), 0);
	run = (struct snap_run){ .owner = 1, .first = 8001 };
	ATF_CHECK_EQ(container_next_run(c, &run, 8003, &err), 1);
	ATF_CHECK_EQ(run.first, 8002);
	container_close(c);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(large_records_come_back_among_small_ones);
ATF_TC_BODY(large_records_come_back_among_small_ones, tc)
{
	static const size_t sizes[] = { 10, 300000, 5, 262144 - 16, 1, PSNAP_MAX_RECORD, 0, 262144, 262143, 3 };
	enum { N = sizeof sizes / sizeof sizes[0] };
	const struct meta_block *meta;
	struct snap_writer *w;
	struct snap_error err;
	struct container *c;
	size_t nmeta, n = 0;
	struct record rec;
	int fd;

	OK(snap_writer_create(&w, "large.psnap", NULL, &err), &err);
	for (size_t i = 0; i < N; i++)
		write_record(w, i + 1, 2, sizes[i]);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	c = open_file("large.psnap", &fd);
	meta = container_meta(c, &nmeta);
	for (size_t i = 0; i < nmeta; i++)
		for (uint32_t at = 0; at < meta[i].raw_len; at += PSNAP_REC_LEN + rec.payload_len, n++) {
			OK(record_decode(&rec, meta[i].raw, meta[i].raw_len, at, meta[i].offset, &err), &err);
			ATF_REQUIRE_EQ(rec.id, n + 1);
			ATF_REQUIRE_EQ(rec.payload_len, sizes[n]);
			ATF_CHECK_EQ(rec.offset, meta[i].offset + at);
			for (uint32_t k = 0; k < rec.payload_len; k++)
				ATF_REQUIRE_EQ(rec.payload[k], n + 1);
		}
	ATF_CHECK_EQ(n, N);
	container_close(c);
	close(fd);
}

ATF_TC_WITHOUT_HEAD(both_checksum_routines_know_the_standard_value);
ATF_TC_BODY(both_checksum_routines_know_the_standard_value, tc)
{
	uint8_t bytes[300];
	uint64_t seed = 7;

	ATF_CHECK_EQ(crc32c("123456789", 9), 0xE3069283);
	ATF_CHECK_EQ(crc32c_portable("123456789", 9), 0xE3069283);
	for (size_t i = 0; i < sizeof bytes; i++)
		bytes[i] = (uint8_t)next_random(&seed);
	for (size_t at = 0; at < 16; at++)
		for (size_t n = 0; n < sizeof bytes - at; n++)
			ATF_REQUIRE_EQ(crc32c(bytes + at, n), crc32c_portable(bytes + at, n));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, zstd_pages_come_back);
	ATF_TP_ADD_TC(tp, raw_pages_come_back);
	ATF_TP_ADD_TC(tp, large_pages_come_back);
	ATF_TP_ADD_TC(tp, number_of_threads_does_not_change_a_byte);
	ATF_TP_ADD_TC(tp, pipe_and_file_get_the_same_bytes);
	ATF_TP_ADD_TC(tp, samples_read_the_same_both_ways);
	ATF_TP_ADD_TC(tp, raw_pages_are_aligned_in_the_file);
	ATF_TP_ADD_TC(tp, everything_is_found_in_an_index_of_many_blocks);
	ATF_TP_ADD_TC(tp, large_records_come_back_among_small_ones);
	ATF_TP_ADD_TC(tp, both_checksum_routines_know_the_standard_value);
	return atf_no_error();
}
