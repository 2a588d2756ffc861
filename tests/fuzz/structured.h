/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A sound file of whatever records and runs of pages the bytes tell:
 *	kind (1), id (1), length (2, little-endian), payload		a record
 *	0xff, owner (1), first page (4), count (1)			a run
 * Pages hold contexts of signal handlers, as one kernel ABI saves them or the
 * other.
 */
#ifndef TESTS_FUZZ_STRUCTURED_H
#define TESTS_FUZZ_STRUCTURED_H

#include "tests/fuzz/fuzz.h"
#include "tests/libsnap/world.h"

static inline int
fuzz_put_record(struct snap_writer *w, const uint8_t *p, size_t len)
{
	uint8_t *record = calloc(1, PSNAP_REC_LEN + len);
	int r;

	if (record == NULL)
		return SNAP_E_NOMEM;
	psnap_put16(record + PSNAP_REC_OFF_KIND, p[0]);
	record[PSNAP_REC_OFF_CRITICAL] = PSNAP_CRITICAL_CARRY;
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)len);
	psnap_put64(record + PSNAP_REC_OFF_ID, p[1]);
	memcpy(record + PSNAP_REC_LEN, p + 4, len);
	r = snap_writer_records(w, record, PSNAP_REC_LEN + len, NULL);
	free(record);
	return r;
}

/* How many pages a run has at most that are not zeros, and what is in them: both is told by its count. */
enum { FUZZ_PAGES = 4, FUZZ_AMD64 = 0, FUZZ_I386 = FUZZ_PAGES, FUZZ_BOTH = 2 * FUZZ_PAGES, FUZZ_ZEROS = 3 * FUZZ_PAGES };

static inline const uint8_t *
fuzz_pages(uint8_t what)
{
	static uint8_t pages[FUZZ_PAGES * WORLD_PAGE];

	memset(pages, 0, sizeof pages);
	for (size_t i = 0; i < FUZZ_PAGES; i++) {
		pages[i * WORLD_PAGE] = 1;
		if (what != FUZZ_I386)
			world_context(pages + i * WORLD_PAGE + 100, PSNAP_ABI_AMD64);
		if (what != FUZZ_AMD64)
			world_context(pages + i * WORLD_PAGE + 500, PSNAP_ABI_I386);
	}
	/* in two pages */
	world_context(pages + WORLD_PAGE - 40, what == FUZZ_I386 ? PSNAP_ABI_I386 : PSNAP_ABI_AMD64);
	return pages;
}

static inline int
fuzz_put_run(struct snap_writer *w, const uint8_t *p)
{
	if (p[6] >= FUZZ_ZEROS)
		return snap_writer_zero(w, p[1], psnap_get32(p + 2), p[6], NULL);
	return snap_writer_pages(w, p[1], psnap_get32(p + 2), fuzz_pages(p[6] / FUZZ_PAGES * FUZZ_PAGES),
	    p[6] % FUZZ_PAGES + 1u, NULL);
}

static inline int
fuzz_write(int fd, const uint8_t *p, size_t size)
{
	static const struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1,
		.block_pages = 1 };
	struct snap_writer *w;
	int r;

	if ((r = snap_writer_open_fd(&w, fd, &options, NULL)) != 0)
		return r;
	while (r == 0 && size >= 7) {
		size_t len = p[0] == 0xff ? 3 : psnap_get16(p + 2);

		if (len > size - 4)
			len = size - 4;
		r = p[0] == 0xff ? fuzz_put_run(w, p) : fuzz_put_record(w, p, len);
		p += 4 + len;
		size -= 4 + len;
	}
	if (r == 0)
		r = snap_writer_finish(w, NULL, NULL);
	snap_writer_free(w);
	return r;
}

#endif
