/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of struct snap_writer, shared by the files that write.
 *
 *	writer.c		opening, finishing, the public calls' conduct
 *	writer_records.c	records into metadata blocks
 *	writer_pages.c		pages into page blocks
 *	writer_blocks.c		blocks through the packer to the file
 *	writer_copy.c		blocks of another snapshot
 *	writer_index.c		index, directory, trailer
 */
#ifndef LIBSNAP_CONTAINER_WRITER_H
#define LIBSNAP_CONTAINER_WRITER_H

#include "libsnap/container/block.h"
#include "libsnap/container/idset.h"
#include "libsnap/container/output.h"
#include "libsnap/container/pack.h"
#include "libsnap/container/tables.h"

#define META_BLOCK	(256u << 10)	/* raw bytes a metadata block is closed at */

struct snap_writer {
	struct output	out;		/* where bytes go */
	uint64_t	offset;		/* bytes written */
	struct snap_writer_options options;	/* resolved */
	uint32_t	page_size;
	uint8_t		header[PSNAP_HDR_LEN];

	struct packer	*packer;
	uint32_t	next_seq;
	struct tables	tables;
	struct idset	ids;		/* of the records so far */

	/* the metadata block under way */
	uint8_t		*meta;
	size_t		meta_len, meta_cap;
	uint32_t	meta_count;
	bool		one_block;	/* it is as large as it comes */

	/* the page block under way, NULL: none */
	struct pack_job	*pages;
	uint64_t	stored_pages, zero_pages;

	bool		failed;		/* only free may follow */
	bool		finished;
};

/* Every public call begins with the first (SNAP_E_MISUSE after an end) and returns through the second. */
int	writer_usable(const struct snap_writer *w, struct snap_error *err);
int	writer_outcome(struct snap_writer *w, int r);

/* Append bytes to the file. */
int	writer_emit(struct snap_writer *w, const void *p, size_t n, struct snap_error *err);
/* A job to fill; writes finished blocks out until one is free. */
int	writer_get_job(struct snap_writer *w, struct pack_job **jobp, struct snap_error *err);
/* Give it its sequence number and hand it to the workers. */
int	writer_submit(struct snap_writer *w, struct pack_job *job, struct snap_error *err);
/* Wait for all that was submitted and write it out. */
int	writer_drain(struct snap_writer *w, struct snap_error *err);

/* Block seq: zeros, so that the next block's payload, behind header and aux, is aligned. */
int	writer_pad(struct snap_writer *w, uint32_t seq, uint32_t aux_len, struct snap_error *err);

/* ---- writer_copy.c: blocks of another snapshot ---- */
struct container;
struct block_entry;
/* One metadata block of these records and no others; SNAP_E_LIMIT: LIM-2. */
int	writer_meta_block(struct snap_writer *w, const uint8_t *records, size_t len, struct snap_error *err);
/* Page block seq of c as it is, with padding before it if it is aligned. */
int	writer_copy_pages(struct snap_writer *w, struct container *c, uint32_t seq,
	    const struct block_entry *e, struct snap_error *err);
/* The same block with other pages: raw is its whole payload. */
int	writer_edit_pages(struct snap_writer *w, struct container *c, uint32_t seq,
	    const struct block_entry *e, const uint8_t *raw, struct snap_error *err);

/* Submit the block under way, if any. */
int	writer_flush_records(struct snap_writer *w, struct snap_error *err);
int	writer_flush_pages(struct snap_writer *w, struct snap_error *err);

/* Everything behind the last block. */
int	writer_index(struct snap_writer *w, struct snap_error *err);
int	writer_trailer(struct snap_writer *w, uint8_t root[PSNAP_DIGEST_LEN], struct snap_error *err);

#endif
