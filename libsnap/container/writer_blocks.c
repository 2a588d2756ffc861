/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks to the file, in the order of their sequence numbers, which is the
 * order of submission whatever the workers do.
 */
#include <stdlib.h>

#include "libsnap/container/writer.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"
#include "libsnap/core/io.h"

int
writer_emit(struct snap_writer *w, const void *p, size_t n, struct snap_error *err)
{
	if (io_write(w->out.fd, p, n) != 0)
		return error_io(err, w->offset, "writing the snapshot");
	w->offset += n;
	return 0;
}

int
writer_pad(struct snap_writer *w, uint32_t seq, uint32_t aux_len, struct snap_error *err)
{
	uint64_t payload = w->offset + 2 * PSNAP_BLK_LEN + aux_len;
	uint32_t fill = (uint32_t)(-payload & (w->page_size - 1));
	uint8_t *block = calloc(1, PSNAP_BLK_LEN + fill);
	struct block_header h = {
		.type = PSNAP_BLOCK_PAD,
		.seq = seq,
		.stored_len = fill,
		.raw_len = fill,
	};
	uint8_t leaf[PSNAP_DIGEST_LEN];
	int r;

	if (block == NULL)
		return error_nomem(err);
	h.data_crc = crc32c(block + PSNAP_BLK_LEN, fill);
	block_header_encode(block, &h);
	digest(leaf, PSNAP_HASH_LEAF, block, PSNAP_BLK_LEN + fill, NULL, 0, NULL, 0);
	if (tables_add_block(&w->tables, w->offset, &h, leaf) != 0)
		r = error_nomem(err);
	else
		r = writer_emit(w, block, PSNAP_BLK_LEN + fill, err);
	free(block);
	return r;
}

static int
emit_job(struct snap_writer *w, struct pack_job *job, struct snap_error *err)
{
	int r;

	if (job->failed) {
		r = error_nomem(err);
		goto out;
	}
	if (job->header.flags & PSNAP_BLK_F_ALIGNED && 
	    (r = writer_pad(w, job->header.seq - 1, job->header.aux_len, err)) != 0)
		goto out;
	if (tables_add_block(&w->tables, w->offset, &job->header, job->leaf) != 0 ||
	    tables_add_runs(&w->tables, &job->header, job->aux) != 0) {
		r = error_nomem(err);
		goto out;
	}
	if ((r = writer_emit(w, job->head, PSNAP_BLK_LEN, err)) == 0 &&
	    (r = writer_emit(w, job->aux, job->header.aux_len, err)) == 0)
		r = writer_emit(w, job->payload, job->header.stored_len, err);
out:
	pack_job_release(w->packer, job);
	return r;
}

int
writer_get_job(struct snap_writer *w, struct pack_job **jobp, struct snap_error *err)
{
	struct pack_job *done;
	int r;

	while ((*jobp = pack_job_get(w->packer)) == NULL) {
		/* all are under way: the oldest makes room */
		if ((done = pack_take(w->packer, true)) == NULL)
			return error_nomem(err);
		if ((r = emit_job(w, done, err)) != 0)
			return r;
	}
	return 0;
}

int
writer_submit(struct snap_writer *w, struct pack_job *job, struct snap_error *err)
{
	struct pack_job *done;
	int r;

	/* room for its padding, index and directory beside it */
	if (w->next_seq >= PSNAP_MAX_BLOCKS / 2) {				/* LIM-5 */
		pack_job_release(w->packer, job);
		return error_set(err, SNAP_E_LIMIT, "LIM-5", w->offset, "too many blocks");
	}
	if (job->header.flags & PSNAP_BLK_F_ALIGNED)
		w->next_seq++;			/* its padding */
	job->header.seq = w->next_seq++;
	pack_submit(w->packer, job);
	while ((done = pack_take(w->packer, false)) != NULL)
		if ((r = emit_job(w, done, err)) != 0)
			return r;
	return 0;
}

int
writer_drain(struct snap_writer *w, struct snap_error *err)
{
	struct pack_job *done;
	int r;

	while ((done = pack_take(w->packer, true)) != NULL)
		if ((r = emit_job(w, done, err)) != 0)
			return r;
	return 0;
}
