/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What follows the last block: the tables, the directory, the trailer.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/writer.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"

static int
emit_chunk(struct snap_writer *w, const struct table_chunk *chunk, struct snap_error *err)
{
	struct dir_entry entry = {
		.table = chunk->table,
		.count = chunk->count,
		.offset = w->offset,
		.key = chunk->key,
		.key2 = chunk->key2,
	};
	struct pack_job *job;
	int r;

	if ((r = writer_get_job(w, &job, err)) != 0)
		return r;
	job->header.type = PSNAP_BLOCK_INDEX;
	job->header.codec = PSNAP_CODEC_ZSTD;
	job->header.table = chunk->table;
	job->header.count = chunk->count;
	job->header.seq = w->next_seq++;
	if (pack_job_set_raw(job, chunk->bytes, chunk->len) != 0) {
		r = error_nomem(err);
		goto out;
	}
	pack_now(w->packer, job);
	if (job->failed) {
		r = error_nomem(err);
		goto out;
	}
	entry.length = block_length(&job->header);
	if (chunk->table == PSNAP_TABLE_DIRECTORY)	/* HASH-3 */
		digest(entry.digest, PSNAP_HASH_ROOT, w->header, PSNAP_HDR_LEN, job->head,
		    PSNAP_BLK_LEN, job->payload, job->header.stored_len);
	else						/* HASH-2 */
		digest(entry.digest, PSNAP_HASH_CHUNK, job->head, PSNAP_BLK_LEN, job->payload,
		    job->header.stored_len, NULL, 0);
	if ((r = writer_emit(w, job->head, PSNAP_BLK_LEN, err)) != 0 ||
	    (r = writer_emit(w, job->payload, job->header.stored_len, err)) != 0)
		goto out;
	if (tables_add_dir(&w->tables, &entry) != 0)
		r = error_nomem(err);
out:
	pack_job_release(w->packer, job);
	return r;
}

int
writer_index(struct snap_writer *w, struct snap_error *err)
{
	struct table_chunk chunk = { 0 };
	int r;

	if ((r = tables_sort(&w->tables, SNAP_E_MISUSE, err)) != 0)
		return r;
	for (uint32_t table = PSNAP_TABLE_BLOCKS; table <= PSNAP_TABLE_DIRECTORY; table++) {
		chunk.table = table;
		chunk.done = 0;
		while ((r = tables_next_chunk(&w->tables, &chunk)) > 0)
			if ((r = emit_chunk(w, &chunk, err)) != 0)
				goto out;
		if (r < 0) {
			r = error_nomem(err);
			goto out;
		}
	}
out:
	free(chunk.bytes);
	return r;
}

int
writer_trailer(struct snap_writer *w, uint8_t root[PSNAP_DIGEST_LEN], struct snap_error *err)
{
	const struct dir_entry *dir = tables_last_dir(&w->tables);
	struct trailer t = {
		.file_length = w->offset + PSNAP_TRL_LEN,
		.dir_offset = dir->offset,
		.dir_length = dir->length,
		.blocks = w->tables.blocks,
		.objects = w->tables.nobjects,
		.stored_pages = w->stored_pages,
		.zero_pages = w->zero_pages,
	};
	uint8_t bytes[PSNAP_TRL_LEN];

	memcpy(t.root, dir->digest, PSNAP_DIGEST_LEN);
	memcpy(root, dir->digest, PSNAP_DIGEST_LEN);
	trailer_encode(bytes, &t);
	return writer_emit(w, bytes, sizeof bytes, err);
}
