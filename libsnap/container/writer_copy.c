/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks of another snapshot.  As long as a page block keeps its sequence
 * number it goes over as it is, by copy_file_range(2) where that can be, and
 * so does its digest: what was damaged before is found damaged after.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/container/writer.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"
#include "libsnap/core/io.h"

int
writer_meta_block(struct snap_writer *w, const uint8_t *records, size_t len, struct snap_error *err)
{
	uint8_t *p;
	int r;

	if (len > PSNAP_MAX_BLOCK_RAW)						/* LIM-2 */
		return writer_outcome(w, error_set(err, SNAP_E_LIMIT, "LIM-2", w->offset,
		    "a metadata block would have %zu bytes", len));
	if ((r = writer_flush_records(w, err)) != 0 || (r = writer_flush_pages(w, err)) != 0)
		return writer_outcome(w, r);
	if (len > w->meta_cap) {
		if ((p = realloc(w->meta, len)) == NULL)
			return writer_outcome(w, error_nomem(err));
		w->meta = p;
		w->meta_cap = len;
	}
	w->one_block = true;
	r = snap_writer_records(w, records, len, err);
	w->one_block = false;
	return r != 0 ? r : writer_outcome(w, writer_flush_records(w, err));
}

/* Header and run table of page block seq, and what is wrong with them. */
static int
read_head(struct container *c, uint32_t seq, const struct block_entry *e, struct block_header *h,
    uint8_t **head, struct snap_error *err)
{
	uint8_t first[PSNAP_BLK_LEN];
	int r;

	*head = NULL;
	if ((r = reader_pread(c, first, sizeof first, e->offset, err)) != 0 ||
	    (r = block_header_decode(h, first, e->offset, seq, c->header.page_shift, err)) != 0)
		return r;
	if (h->type != e->type || h->codec != e->codec || h->flags != e->flags ||
	    block_length(h) != e->length)					/* IDX-6 */
		return error_set(err, SNAP_E_CORRUPT, "IDX-6", e->offset,
		    "block %u is not as the index describes it", seq);
	if ((*head = malloc((size_t)PSNAP_BLK_LEN + h->aux_len)) == NULL)
		return error_nomem(err);
	memcpy(*head, first, sizeof first);
	if ((r = reader_pread(c, *head + PSNAP_BLK_LEN, h->aux_len, e->offset + PSNAP_BLK_LEN, err)) != 0)
		return r;
	return block_runs_check(h, *head + PSNAP_BLK_LEN, e->offset, c->header.page_shift, c->header.incompat,
	    err);
}

static void
count_pages(struct snap_writer *w, const struct block_header *h, const uint8_t *aux)
{
	struct run run;

	w->stored_pages += h->count;
	for (uint32_t at = 0; at < h->aux_len; at += PSNAP_RUN_LEN) {
		run_decode(&run, aux + at);
		w->zero_pages += run.kind == PSNAP_RUN_ZERO ? run.count : 0;
	}
}

/* Under another sequence number a block has another header and another digest. */
static int
renumber(struct container *c, const struct block_entry *e, struct block_header *h, uint32_t seq,
    uint8_t *head, uint8_t leaf[PSNAP_DIGEST_LEN], struct snap_error *err)
{
	int r;

	if ((r = reader_block(c, &c->own, h->seq, e, h, err)) != 0)
		return r;
	h->seq = seq;
	block_header_encode(head, h);
	digest(leaf, PSNAP_HASH_LEAF, head, PSNAP_BLK_LEN, c->own.stored + PSNAP_BLK_LEN,
	    e->length - PSNAP_BLK_LEN, NULL, 0);
	return 0;
}

static int
copy_payload(struct snap_writer *w, struct container *c, const struct block_entry *e, uint32_t head_len,
    struct snap_error *err)
{
	uint64_t n = e->length - head_len, done = 0;

	if (io_copy(w->out.fd, c->fd, e->offset + head_len, n, &done) != 0)
		return error_io(err, e->offset, "copying a page block");
	if (done != n)
		return error_set(err, SNAP_E_TRUNCATED, "TRL-3", e->offset + head_len + done, "file ends early");
	w->offset += n;
	return 0;
}

int
writer_copy_pages(struct snap_writer *w, struct container *c, uint32_t seq, const struct block_entry *e,
    struct snap_error *err)
{
	uint8_t leaf[PSNAP_DIGEST_LEN], *head = NULL;
	struct block_header h;
	uint32_t new_seq;
	int r;

	if ((r = writer_drain(w, err)) != 0 || (r = read_head(c, seq, e, &h, &head, err)) != 0)
		goto out;
	new_seq = w->next_seq;
	if (h.flags & PSNAP_BLK_F_ALIGNED) {
		if ((r = writer_pad(w, new_seq++, h.aux_len, err)) != 0)
			goto out;
	}
	memcpy(leaf, e->digest, sizeof leaf);
	if (new_seq != seq && (r = renumber(c, e, &h, new_seq, head, leaf, err)) != 0)
		goto out;
	if (tables_add_block(&w->tables, w->offset, &h, leaf) != 0 ||
	    tables_add_runs(&w->tables, &h, head + PSNAP_BLK_LEN) != 0) {
		r = error_nomem(err);
		goto out;
	}
	count_pages(w, &h, head + PSNAP_BLK_LEN);
	w->next_seq = new_seq + 1;
	if ((r = writer_emit(w, head, (size_t)PSNAP_BLK_LEN + h.aux_len, err)) == 0)
		r = copy_payload(w, c, e, PSNAP_BLK_LEN + h.aux_len, err);
out:
	free(head);
	return writer_outcome(w, r);
}

int
writer_edit_pages(struct snap_writer *w, struct container *c, uint32_t seq, const struct block_entry *e,
    const uint8_t *raw, struct snap_error *err)
{
	struct pack_job *job = NULL;
	struct block_header h;
	uint8_t *head = NULL;
	int r;

	if ((r = read_head(c, seq, e, &h, &head, err)) != 0 || (r = writer_get_job(w, &job, err)) != 0)
		goto out;
	job->header = (struct block_header){ .type = h.type, .codec = h.codec, .flags = h.flags, .count = h.count };
	if (pack_job_set_raw(job, raw, h.raw_len) != 0 ||
	    pack_job_set_aux(job, head + PSNAP_BLK_LEN, h.aux_len) != 0) {
		pack_job_release(w->packer, job);
		r = error_nomem(err);
		goto out;
	}
	count_pages(w, &h, head + PSNAP_BLK_LEN);
	r = writer_submit(w, job, err);
out:
	free(head);
	return writer_outcome(w, r);
}
