/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The streaming writer: records and pages go into blocks, blocks to the file
 * in the order they were begun, the index behind them.
 *
 * Compressing is done by worker threads (pack.c).  What is in which block,
 * and so every byte, depends on the calls alone and not on the workers.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/container/writer.h"
#include "libsnap/core/error.h"

#define ZSTD_PAGES	64		/* pages a block: half a per cent from the best ratio */
#define RAW_PAGES	1024		/* larger: each costs up to a page of padding */
#define MAX_THREADS	64

static uint32_t
default_pages(const struct snap_writer_options *o)
{
	uint32_t most = PSNAP_MAX_BLOCK_RAW >> o->page_shift;
	uint32_t wanted = o->codec == PSNAP_CODEC_ZSTD ? ZSTD_PAGES : RAW_PAGES;

	return wanted < most ? wanted : most;
}

static uint32_t
default_threads(void)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	return cpus < 1 ? 1 : cpus > 8 ? 8 : (uint32_t)cpus;
}

static int
options_resolve(struct snap_writer_options *o, const struct snap_writer_options *given,
    struct snap_error *err)
{
	memset(o, 0, sizeof *o);
	if (given != NULL)
		*o = *given;
	else
		o->codec = PSNAP_CODEC_ZSTD;
	for (size_t i = 0; i < sizeof o->reserved / sizeof o->reserved[0]; i++)
		if (o->reserved[i] != 0)
			return error_misuse(err, "writer options: reserved members must be zero");
	if (o->codec != PSNAP_CODEC_NONE && o->codec != PSNAP_CODEC_ZSTD)
		return error_misuse(err, "writer options: codec %d", (int)o->codec);
	if (o->level == 0)
		o->level = 1;
	if (o->level < -7 || o->level > 19)
		return error_misuse(err, "writer options: level %d is not in -7..19", o->level);
	if (o->page_shift == 0)
		o->page_shift = PSNAP_PAGE_SHIFT_MIN;
	if (o->page_shift < PSNAP_PAGE_SHIFT_MIN || o->page_shift > PSNAP_PAGE_SHIFT_MAX)
		return error_misuse(err, "writer options: page shift %u", o->page_shift);
	if (o->block_pages == 0)
		o->block_pages = default_pages(o);
	if (o->block_pages > PSNAP_MAX_BLOCK_PAGES ||				/* LIM-3 */
	    (uint64_t)o->block_pages << o->page_shift > PSNAP_MAX_BLOCK_RAW)	/* LIM-2 */
		return error_misuse(err, "writer options: %u pages a block", o->block_pages);
	if (o->threads == 0)
		o->threads = default_threads();
	if (o->threads > MAX_THREADS)
		return error_misuse(err, "writer options: %u threads", o->threads);
	if (o->major == 0 && o->minor == 0)
		o->major = 1;
	if (!psnap_version_is_known(o->major, o->minor))
		return error_misuse(err, "writer options: version %u.%u", o->major, o->minor);
	return 0;
}

/* ---- opening and closing ---- */

static int
writer_new(struct snap_writer **wp, const struct snap_writer_options *given, struct snap_error *err)
{
	struct file_header h = { 0 };
	struct snap_writer *w;
	int r;

	*wp = NULL;
	if ((w = calloc(1, sizeof *w)) == NULL)
		return error_nomem(err);
	output_init(&w->out);
	if ((r = options_resolve(&w->options, given, err)) != 0)
		goto fail;
	w->page_size = 1u << w->options.page_shift;
	w->meta_cap = META_BLOCK;
	if ((w->meta = malloc(w->meta_cap)) == NULL ||
	    (w->packer = packer_new(w->options.threads,
	    w->options.block_pages << w->options.page_shift, w->options.level)) == NULL) {
		r = error_nomem(err);
		goto fail;
	}
	h.major = w->options.major;
	h.minor = w->options.minor;
	if (h.major >= 2)
		strcpy(h.needs, h.minor > 0 ? PSNAP_NEEDS_2_1 : PSNAP_NEEDS_2_0);
	h.page_shift = (uint8_t)w->options.page_shift;
	file_header_encode(w->header, &h);
	*wp = w;
	return 0;
fail:
	snap_writer_free(w);
	return r;
}

int
snap_writer_open_fd(struct snap_writer **wp, int fd, const struct snap_writer_options *options,
    struct snap_error *err)
{
	struct snap_writer *w;
	int r;

	*wp = NULL;
	if ((r = writer_new(&w, options, err)) != 0)
		return r;
	output_borrow(&w->out, fd);
	if ((r = writer_emit(w, w->header, PSNAP_HDR_LEN, err)) != 0) {
		snap_writer_free(w);
		return r;
	}
	*wp = w;
	return 0;
}

int
snap_writer_create(struct snap_writer **wp, const char *path,
    const struct snap_writer_options *options, struct snap_error *err)
{
	struct snap_writer *w;
	int r;

	*wp = NULL;
	if ((r = writer_new(&w, options, err)) != 0)
		return r;
	if ((r = output_create(&w->out, path, err)) != 0 ||
	    (r = writer_emit(w, w->header, PSNAP_HDR_LEN, err)) != 0) {
		snap_writer_free(w);
		return r;
	}
	*wp = w;
	return 0;
}

void
snap_writer_free(struct snap_writer *w)
{
	if (w == NULL)
		return;
	packer_free(w->packer);
	output_fini(&w->out);
	tables_fini(&w->tables);
	idset_fini(&w->ids);
	free(w->meta);
	free(w);
}

/* ---- conduct of the public calls ---- */

int
writer_usable(const struct snap_writer *w, struct snap_error *err)
{
	if (w->failed)
		return error_misuse(err, "writer used after it failed");
	if (w->finished)
		return error_misuse(err, "writer used after it finished");
	return 0;
}

int
writer_outcome(struct snap_writer *w, int r)
{
	if (r != 0)
		w->failed = true;
	return r;
}

int
snap_writer_finish(struct snap_writer *w, uint8_t *root, struct snap_error *err)
{
	uint8_t digest[PSNAP_DIGEST_LEN];
	int r;

	if ((r = writer_usable(w, err)) != 0)
		return r;
	if ((r = writer_flush_records(w, err)) != 0 ||
	    (r = writer_flush_pages(w, err)) != 0 ||
	    (r = writer_drain(w, err)) != 0 ||
	    (r = writer_index(w, err)) != 0 ||
	    (r = writer_trailer(w, digest, err)) != 0 ||
	    (r = output_commit(&w->out, err)) != 0)
		return writer_outcome(w, r);
	w->finished = true;
	if (root != NULL)
		memcpy(root, digest, sizeof digest);
	return 0;
}
