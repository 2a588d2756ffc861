/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the container tests share: small snapshots with known content, and
 * readers that compare with it.
 */
#ifndef TESTS_LIBSNAP_CONTAINER_UTIL_H
#define TESTS_LIBSNAP_CONTAINER_UTIL_H

#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/container/container.h"
#include "libsnap/snap.h"

#define PAGE	4096u

/* Shows the error's own words when a call fails. */
#define OK(call, err) do {							\
	int ok_r = (call);							\
	ATF_REQUIRE_MSG(ok_r == 0, "%s: %s: %s [%s] at 0x%llx", #call,		\
	    snap_code_name((enum snap_code)ok_r), (err)->msg, (err)->rule,	\
	    (unsigned long long)(err)->offset);					\
} while (0)

/* xorshift64*: the same bytes on every machine. */
static inline uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed >> 12;
	*seed ^= *seed << 25;
	*seed ^= *seed >> 27;
	return *seed * UINT64_C(0x2545f4914f6cdd1d);
}

/* Page `page` of `owner`: half noise, half text, so that it compresses, but not to nothing. */
static inline void
make_page(uint8_t *p, uint64_t owner, uint64_t page, size_t size)
{
	uint64_t seed = owner << 40 ^ page ^ UINT64_C(0x9e3779b97f4a7c15);

	for (size_t i = 0; i < size; i++)
		p[i] = i < size / 2 ? (uint8_t)next_random(&seed) : (uint8_t)("snapshot "[i % 9]);
}

struct bytes {
	uint8_t	*p;
	size_t	n;
};

static inline struct bytes
read_whole(const char *path)
{
	struct bytes b = { NULL, 0 };
	struct stat st;
	FILE *f = fopen(path, "rb");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE(fstat(fileno(f), &st) == 0);
	b.n = (size_t)st.st_size;
	ATF_REQUIRE((b.p = malloc(b.n + 1)) != NULL);
	ATF_REQUIRE_EQ(fread(b.p, 1, b.n, f), b.n);
	fclose(f);
	return b;
}

/* An open file with these bytes, without a name. */
static inline int
file_of(const uint8_t *p, size_t n)
{
	int fd = open("scratch", O_RDWR | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd >= 0);
	unlink("scratch");
	ATF_REQUIRE_EQ(write(fd, p, n), (ssize_t)n);
	return fd;
}

/* One record with a payload of len bytes, each (uint8_t)id. */
static inline struct bytes
make_record(uint64_t id, uint32_t kind, size_t len)
{
	struct bytes b = { malloc(PSNAP_REC_LEN + len), PSNAP_REC_LEN + len };

	ATF_REQUIRE(b.p != NULL);
	psnap_put16(b.p + PSNAP_REC_OFF_KIND, (uint16_t)kind);
	b.p[PSNAP_REC_OFF_REVISION] = 0;
	b.p[PSNAP_REC_OFF_CRITICAL] = PSNAP_CRITICAL_CARRY;
	psnap_put32(b.p + PSNAP_REC_OFF_LEN, (uint32_t)len);
	psnap_put64(b.p + PSNAP_REC_OFF_ID, id);
	memset(b.p + PSNAP_REC_LEN, (int)(id & 0xff), len);
	return b;
}

static inline void
write_record(struct snap_writer *w, uint64_t id, uint32_t kind, size_t len)
{
	struct bytes b = make_record(id, kind, len);
	struct snap_error err;

	OK(snap_writer_records(w, b.p, b.n, &err), &err);
	free(b.p);
}

static inline void
write_pages(struct snap_writer *w, uint64_t owner, uint64_t first, size_t count, size_t size)
{
	struct snap_error err;
	uint8_t *p = malloc(count * size);

	ATF_REQUIRE(p != NULL);
	for (size_t i = 0; i < count; i++)
		make_page(p + i * size, owner, first + i, size);
	OK(snap_writer_pages(w, owner, first, p, count, &err), &err);
	free(p);
}

/* ---- small snapshots, one for each way a block can be ---- */

struct sample {
	const char	*name;
	struct snap_writer_options options;
	/* pages [first, first + count) of an owner; kind as written */
	struct sample_run {
		uint64_t owner, first;
		uint32_t count;
		bool zero;
	} runs[8];
	unsigned	records;
};

static const struct sample samples[] = {
	{ .name = "zstd", .options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 }, .records = 3,
	    .runs = { { 1, 0x10, 2, false } } },
	{ .name = "raw", .options = { .codec = PSNAP_CODEC_NONE, .threads = 1 }, .records = 2,
	    .runs = { { 1, 0x400, 1, false } } },
	{ .name = "owners", .options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1, .block_pages = 2 },
	    .records = 4, .runs = { { 7, 0x7ff00, 1, false }, { 7, 0x7ff01, 9, true }, { 2, 0, 1, false },
	    { 2, 5, 1, false }, { 3, 0, 70000, true } } },
	{ .name = "empty", .options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 } },
};
#define NSAMPLES (sizeof samples / sizeof samples[0])

static inline void
write_sample(struct snap_writer *w, const struct sample *s)
{
	struct snap_error err;

	for (unsigned i = 0; i < s->records; i++)
		write_record(w, i + 1, 10 + i, 20 * i);
	for (size_t i = 0; i < 8 && s->runs[i].count > 0; i++) {
		const struct sample_run *run = &s->runs[i];

		if (run->zero)
			OK(snap_writer_zero(w, run->owner, run->first, run->count, &err), &err);
		else
			write_pages(w, run->owner, run->first, run->count, PAGE);
	}
}

static inline struct bytes
make_sample(const struct sample *s)
{
	struct snap_writer *w;
	struct snap_error err;
	struct bytes b;

	OK(snap_writer_create(&w, "sample.psnap", &s->options, &err), &err);
	write_sample(w, s);
	OK(snap_writer_finish(w, NULL, &err), &err);
	snap_writer_free(w);
	b = read_whole("sample.psnap");
	unlink("sample.psnap");
	return b;
}

/* ---- readers: 0 or the error; wrong data fails the test at once ---- */

static inline void
check_page(const struct sample *s, uint64_t owner, uint64_t page, const uint8_t *got)
{
	uint8_t want[PAGE] = { 0 };

	for (size_t i = 0; i < 8 && s->runs[i].count > 0; i++) {
		const struct sample_run *run = &s->runs[i];

		if (run->owner != owner || page < run->first || page - run->first >= run->count)
			continue;
		if (!run->zero)
			make_page(want, owner, page, PAGE);
		ATF_REQUIRE_MSG(memcmp(got, want, PAGE) == 0, "%s: page 0x%llx of %llu is wrong",
		    s->name, (unsigned long long)page, (unsigned long long)owner);
		return;
	}
	atf_tc_fail("%s: page 0x%llx of %llu is not in the sample", s->name,
	    (unsigned long long)page, (unsigned long long)owner);
}

static inline void
check_record(const struct sample *s, uint64_t id, uint32_t kind, const uint8_t *payload, uint32_t len)
{
	ATF_REQUIRE_MSG(id >= 1 && id <= s->records && kind == 9 + id && len == 20 * (id - 1),
	    "%s: record %llu of kind %u with %u bytes", s->name, (unsigned long long)id, kind, len);
	for (uint32_t i = 0; i < len; i++)
		ATF_REQUIRE_EQ(payload[i], (uint8_t)id);
}

/* Open, verify, and read every record and the first pages of every run. */
static inline int
read_at_random(const struct sample *s, int fd, struct snap_error *err)
{
	struct container *c;
	const struct meta_block *meta;
	struct record rec;
	uint8_t page[PAGE];
	size_t nmeta, seen = 0;
	int r, first = 0;

	if ((r = container_open(&c, fd, false, NULL, err)) != 0) {
		ATF_REQUIRE(c == NULL);
		return r;
	}
	meta = container_meta(c, &nmeta);
	for (size_t i = 0; i < nmeta; i++)
		for (uint32_t at = 0; at < meta[i].raw_len; at += PSNAP_REC_LEN + rec.payload_len) {
			OK(record_decode(&rec, meta[i].raw, meta[i].raw_len, at, meta[i].offset, err), err);
			check_record(s, rec.id, rec.kind, rec.payload, rec.payload_len);
			seen++;
		}
	ATF_REQUIRE_EQ(seen, s->records);
	first = container_verify(c, NULL, NULL, err);
	for (size_t i = 0; i < 8 && s->runs[i].count > 0; i++)
		for (uint64_t k = 0; k < s->runs[i].count && k < 10; k++) {
			uint64_t n = s->runs[i].first + k;
			struct snap_error read_err;

			r = container_read(c, s->runs[i].owner, n * PAGE, page, PAGE, NULL, &read_err);
			if (r == 0)
				check_page(s, s->runs[i].owner, n, page);
			else
				ATF_REQUIRE_MSG(first != 0, "%s: %s", s->name, read_err.msg);
		}
	container_close(c);
	return first;
}

/* Front to back; every item must be right, and all there at the end. */
static inline int
read_as_stream(const struct sample *s, int fd, struct snap_error *err)
{
	struct snap_stream *stream;
	struct snap_stream_item item;
	unsigned records = 0;
	int r;

	ATF_REQUIRE_EQ(lseek(fd, 0, SEEK_SET), 0);
	if ((r = snap_stream_open(&stream, fd, NULL, err)) != 0) {
		ATF_REQUIRE(stream == NULL);
		return r;
	}
	while ((r = snap_stream_next(stream, &item, err)) == 0 && item.type != SNAP_ITEM_END) {
		static const uint8_t zeros[PAGE];

		if (item.type == SNAP_ITEM_RECORD) {
			check_record(s, item.id, item.kind, item.payload, item.payload_len);
			records++;
			continue;
		}
		ATF_REQUIRE((item.pages == NULL) == (item.run.kind == PSNAP_RUN_ZERO));
		for (uint64_t i = 0; i < item.run.count && i < 10; i++)
			check_page(s, item.run.owner, item.run.first + i,
			    item.pages != NULL ? item.pages + i * PAGE : zeros);
	}
	if (r == 0)
		ATF_REQUIRE_EQ(records, s->records);
	snap_stream_close(stream);
	return r;
}

#endif
