/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pages into page blocks: stored ones into the payload, zero ones as runs.
 */
#include <string.h>

#include "libsnap/container/writer.h"
#include "libsnap/core/error.h"

int
writer_flush_pages(struct snap_writer *w, struct snap_error *err)
{
	struct pack_job *job = w->pages;

	if (job == NULL)
		return 0;
	w->pages = NULL;
	job->header.type = PSNAP_BLOCK_PAGES;
	job->header.codec = (uint8_t)w->options.codec;
	if (job->header.count == 0)
		job->header.codec = PSNAP_CODEC_NONE;
	else if (job->header.codec == PSNAP_CODEC_NONE)
		job->header.flags = PSNAP_BLK_F_ALIGNED;
	return writer_submit(w, job, err);
}

static bool
block_is_full(const struct snap_writer *w)
{
	return w->pages->header.count == w->options.block_pages ||
	    w->pages->header.aux_len == PSNAP_MAX_BLOCK_RUNS * PSNAP_RUN_LEN;
}

/* Room for one more run and one more page in the block under way. */
static int
page_room(struct snap_writer *w, struct snap_error *err)
{
	int r;

	if (w->pages != NULL && block_is_full(w)) {
		/* records first: they were promised the next sequence number */
		if ((r = writer_flush_records(w, err)) != 0 ||
		    (r = writer_flush_pages(w, err)) != 0)
			return r;
	}
	return w->pages != NULL ? 0 : writer_get_job(w, &w->pages, err);
}

static int
add_stored(struct snap_writer *w, uint64_t owner, uint64_t first, const uint8_t *data, size_t count,
    struct snap_error *err)
{
	while (count > 0) {
		struct run run = { .owner = owner, .first = first, .kind = PSNAP_RUN_STORED };
		struct pack_job *job;
		size_t n = count;
		int r;

		if ((r = page_room(w, err)) != 0)
			return r;
		job = w->pages;
		if (n > w->options.block_pages - job->header.count)
			n = w->options.block_pages - job->header.count;
		run.count = (uint32_t)n;
		if (pack_job_add_run(job, &run) != 0)
			return error_nomem(err);
		memcpy(job->raw + (size_t)job->header.count * w->page_size, data, n * w->page_size);
		job->header.count += run.count;
		job->header.raw_len = job->header.count * w->page_size;
		w->stored_pages += n;
		data += n * w->page_size;
		first += n;
		count -= n;
	}
	return 0;
}

static int
add_zero(struct snap_writer *w, uint64_t owner, uint64_t first, uint64_t count, struct snap_error *err)
{
	while (count > 0) {
		struct run run = {
			.owner = owner,
			.first = first,
			.count = count < UINT32_MAX ? (uint32_t)count : UINT32_MAX,
			.kind = PSNAP_RUN_ZERO,
		};
		int r;

		if ((r = page_room(w, err)) != 0)
			return r;
		if (pack_job_add_run(w->pages, &run) != 0)
			return error_nomem(err);
		w->zero_pages += run.count;
		first += run.count;
		count -= run.count;
	}
	return 0;
}

static bool
page_is_zero(const uint8_t *page, size_t size)
{
	uint64_t word, any = 0;

	/* most pages differ in their first bytes */
	for (size_t i = 0; i < size; i += 64) {
		for (size_t k = 0; k < 64; k += 8) {
			memcpy(&word, page + i + k, 8);
			any |= word;
		}
		if (any != 0)
			return false;
	}
	return true;
}

/* RUN-2 and RUN-4 */
static int
check_run(const struct snap_writer *w, uint64_t owner, uint64_t first, uint64_t count,
    struct snap_error *err)
{
	uint64_t end = UINT64_MAX >> w->options.page_shift;

	if (owner == 0)
		return error_misuse(err, "pages without an owner");
	if (count > end || first > end - count)
		return error_misuse(err, "pages beyond the last address");
	return 0;
}

int
snap_writer_pages(struct snap_writer *w, uint64_t owner, uint64_t first, const void *pages,
    size_t count, struct snap_error *err)
{
	const uint8_t *p = pages;
	int r;

	if ((r = writer_usable(w, err)) != 0)
		return r;
	if ((r = check_run(w, owner, first, count, err)) != 0)
		return writer_outcome(w, r);
	while (count > 0) {
		bool zero = page_is_zero(p, w->page_size);
		size_t n = 1;

		while (n < count && page_is_zero(p + n * w->page_size, w->page_size) == zero)
			n++;
		r = zero ? add_zero(w, owner, first, n, err) : add_stored(w, owner, first, p, n, err);
		if (r != 0)
			return writer_outcome(w, r);
		p += n * w->page_size;
		first += n;
		count -= n;
	}
	return 0;
}

int
snap_writer_zero(struct snap_writer *w, uint64_t owner, uint64_t first, uint64_t count,
    struct snap_error *err)
{
	int r;

	if ((r = writer_usable(w, err)) != 0)
		return r;
	if ((r = check_run(w, owner, first, count, err)) != 0)
		return writer_outcome(w, r);
	return writer_outcome(w, add_zero(w, owner, first, count, err));
}
