/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The streaming writer: records and pages go into blocks, blocks to the file
 * in the order they were begun, the index behind them.
 *
 * Compressing is done by worker threads (pack.c).  What is in which block,
 * and so every byte, depends on the calls alone and not on the workers.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <protobuf-c/protobuf-c.h>

#include "libsnap/container/block.h"
#include "libsnap/container/output.h"
#include "libsnap/container/pack.h"
#include "libsnap/container/tables.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"
#include "libsnap/core/io.h"

#define META_BLOCK	(256u << 10)	/* raw bytes a metadata block is closed at */
#define ZSTD_PAGES	64		/* pages a block: compression-and-archive, section 2 */
#define RAW_PAGES	1024		/* larger: each costs up to a page of padding */

struct snap_writer {
	struct output	out;		/* where bytes go */
	uint64_t	offset;		/* bytes written */
	struct snap_writer_options options;
	uint32_t	page_size;
	uint8_t		header[PSNAP_HDR_LEN];

	struct packer	*packer;
	uint32_t	next_seq;
	struct tables	tables;

	/* the metadata block under way */
	uint8_t		*meta;
	size_t		meta_len, meta_cap;
	uint32_t	meta_count;

	/* the page block under way */
	struct pack_job	*pages;
	uint64_t	stored_pages, zero_pages;

	bool		failed;		/* only free may follow */
	bool		finished;
};

/* ---- blocks out ---- */

static int
emit(struct snap_writer *w, const void *p, size_t n, struct snap_error *err)
{
	if (io_write(w->out.fd, p, n) != 0)
		return error_io(err, w->offset, "writing the snapshot");
	w->offset += n;
	return 0;
}

/* Zeros so that the next block's payload, behind header and aux, is aligned. */
static int
emit_padding(struct snap_writer *w, const struct pack_job *next, struct snap_error *err)
{
	uint64_t payload = w->offset + 2 * PSNAP_BLK_LEN + next->header.aux_len;
	uint32_t fill = (uint32_t)(-payload & (w->page_size - 1));
	uint8_t *block = calloc(1, PSNAP_BLK_LEN + fill);
	struct block_header h = {
		.type = PSNAP_BLOCK_PAD,
		.seq = next->header.seq - 1,
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
	if ((r = tables_add_block(&w->tables, w->offset, &h, leaf)) != 0)
		error_nomem(err);
	else
		r = emit(w, block, PSNAP_BLK_LEN + fill, err);
	free(block);
	return r;
}

/* A packed block goes to the file; in order of submission. */
static int
emit_job(struct snap_writer *w, struct pack_job *job, struct snap_error *err)
{
	int r;

	if (job->failed) {
		r = error_nomem(err);
		goto out;
	}
	if (job->header.flags & PSNAP_BLK_F_ALIGNED && (r = emit_padding(w, job, err)) != 0)
		goto out;
	if (tables_add_block(&w->tables, w->offset, &job->header, job->leaf) != 0 ||
	    tables_add_runs(&w->tables, &job->header, job->aux) != 0) {
		r = error_nomem(err);
		goto out;
	}
	if ((r = emit(w, job->head, PSNAP_BLK_LEN, err)) == 0 &&
	    (r = emit(w, job->aux, job->header.aux_len, err)) == 0)
		r = emit(w, job->payload, job->header.stored_len, err);
out:
	pack_job_release(w->packer, job);
	return r;
}

/* Give job to the workers, and write out what is ready or must make room. */
static int
submit(struct snap_writer *w, struct pack_job *job, struct snap_error *err)
{
	struct pack_job *done;
	int r;

	if (w->next_seq >= PSNAP_MAX_BLOCKS - 2)
		return error_set(err, SNAP_E_LIMIT, "LIM-5", w->offset, "too many blocks");
	if (job->header.flags & PSNAP_BLK_F_ALIGNED)
		w->next_seq++;			/* its padding */
	job->header.seq = w->next_seq++;
	pack_submit(w->packer, job);
	while ((done = pack_take(w->packer, false)) != NULL)
		if ((r = emit_job(w, done, err)) != 0)
			return r;
	return 0;
}

static int
get_job(struct snap_writer *w, struct pack_job **jobp, struct snap_error *err)
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

static int
drain(struct snap_writer *w, struct snap_error *err)
{
	struct pack_job *done;
	int r;

	while ((done = pack_take(w->packer, true)) != NULL)
		if ((r = emit_job(w, done, err)) != 0)
			return r;
	return 0;
}

/* ---- opening and closing ---- */

static int
options_resolve(struct snap_writer_options *o, const struct snap_writer_options *given,
    struct snap_error *err)
{
	long cpus;

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
		o->block_pages = o->codec == PSNAP_CODEC_ZSTD ? ZSTD_PAGES : RAW_PAGES;
	if (o->block_pages > PSNAP_MAX_BLOCK_PAGES ||
	    (uint64_t)o->block_pages << o->page_shift > PSNAP_MAX_BLOCK_RAW)
		return error_misuse(err, "writer options: %u pages a block", o->block_pages);
	if (o->threads == 0) {
		cpus = sysconf(_SC_NPROCESSORS_ONLN);
		o->threads = cpus < 1 ? 1 : cpus > 8 ? 8 : (uint32_t)cpus;
	}
	if (o->threads > 64)
		return error_misuse(err, "writer options: %u threads", o->threads);
	return 0;
}

static int
writer_new(struct snap_writer **wp, const struct snap_writer_options *given, struct snap_error *err)
{
	struct file_header h = { .major = PSNAP_VERSION_MAJOR, .minor = PSNAP_VERSION_MINOR };
	struct snap_writer *w;
	int r;

	*wp = NULL;
	if ((w = calloc(1, sizeof *w)) == NULL)
		return error_nomem(err);
	w->out.fd = -1;
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
	h.page_shift = (uint8_t)w->options.page_shift;
	file_header_encode(w->header, &h);
	*wp = w;
	return 0;
fail:
	snap_writer_free(w);
	return r;
}

static int
writer_begin(struct snap_writer **wp, struct snap_error *err)
{
	int r = emit(*wp, (*wp)->header, PSNAP_HDR_LEN, err);

	if (r != 0) {
		snap_writer_free(*wp);
		*wp = NULL;
	}
	return r;
}

int
snap_writer_open_fd(struct snap_writer **wp, int fd, const struct snap_writer_options *options,
    struct snap_error *err)
{
	int r = writer_new(wp, options, err);

	if (r != 0)
		return r;
	(*wp)->out.fd = fd;
	return writer_begin(wp, err);
}

int
snap_writer_create(struct snap_writer **wp, const char *path,
    const struct snap_writer_options *options, struct snap_error *err)
{
	int r = writer_new(wp, options, err);

	if (r != 0)
		return r;
	if ((r = output_create(&(*wp)->out, path, err)) != 0) {
		snap_writer_free(*wp);
		*wp = NULL;
		return r;
	}
	return writer_begin(wp, err);
}

void
snap_writer_free(struct snap_writer *w)
{
	if (w == NULL)
		return;
	packer_free(w->packer);
	output_abandon(&w->out);
	tables_fini(&w->tables);
	free(w->meta);
	free(w);
}

/* Every public call: refuse after a failure, remember a new one. */
static int
usable(const struct snap_writer *w, struct snap_error *err)
{
	if (w->failed)
		return error_misuse(err, "writer used after it failed");
	if (w->finished)
		return error_misuse(err, "writer used after it finished");
	return 0;
}

static int
outcome(struct snap_writer *w, int r)
{
	if (r != 0)
		w->failed = true;
	return r;
}

/* ---- records ---- */

static int
flush_meta(struct snap_writer *w, struct snap_error *err)
{
	struct pack_job *job;
	int r;

	if (w->meta_count == 0)
		return 0;
	if ((r = get_job(w, &job, err)) != 0)
		return r;
	job->header.type = PSNAP_BLOCK_META;
	job->header.codec = PSNAP_CODEC_ZSTD;
	job->header.count = w->meta_count;
	if (pack_job_set_raw(job, w->meta, w->meta_len) != 0) {
		pack_job_release(w->packer, job);
		return error_nomem(err);
	}
	w->meta_len = 0;
	w->meta_count = 0;
	return submit(w, job, err);
}

static int
add_record(struct snap_writer *w, const uint8_t *record, size_t len, struct snap_error *err)
{
	uint64_t id = psnap_get64(record + PSNAP_REC_OFF_ID);
	struct object_entry o = {
		.id = id,
		.kind = psnap_get16(record + PSNAP_REC_OFF_KIND),
		.length = (uint32_t)(len - PSNAP_REC_LEN),
	};
	int r;

	if (id == 0)
		return error_misuse(err, "record without an object id");
	if (record[PSNAP_REC_OFF_CRITICAL] > PSNAP_CRITICAL_CARRY)
		return error_misuse(err, "record with criticality %u", record[PSNAP_REC_OFF_CRITICAL]);
	if (w->meta_len > 0 && len > META_BLOCK - w->meta_len && (r = flush_meta(w, err)) != 0)
		return r;
	if (len > w->meta_cap) {
		uint8_t *p = realloc(w->meta, len);

		if (p == NULL)
			return error_nomem(err);
		w->meta = p;
		w->meta_cap = len;
	}
	/* the block's sequence number is not known yet: count on from the next */
	o.block = w->next_seq;
	o.offset = (uint32_t)w->meta_len;
	if (tables_add_object(&w->tables, &o) != 0)
		return error_nomem(err);
	memcpy(w->meta + w->meta_len, record, len);
	w->meta_len += len;
	w->meta_count++;
	return 0;
}

int
snap_writer_records(struct snap_writer *w, const void *bytes, size_t len, struct snap_error *err)
{
	const uint8_t *p = bytes;
	int r;

	if ((r = usable(w, err)) != 0)
		return r;
	while (len > 0) {
		size_t payload;

		if (len < PSNAP_REC_LEN)
			return outcome(w, error_misuse(err, "%zu bytes are not a record", len));
		payload = psnap_get32(p + PSNAP_REC_OFF_LEN);
		if (payload > PSNAP_MAX_RECORD || payload > len - PSNAP_REC_LEN)
			return outcome(w, error_misuse(err, "record of %zu bytes in %zu", payload, len));
		if ((r = add_record(w, p, PSNAP_REC_LEN + payload, err)) != 0)
			return outcome(w, r);
		p += PSNAP_REC_LEN + payload;
		len -= PSNAP_REC_LEN + payload;
	}
	return 0;
}

int
snap_writer_message(struct snap_writer *w, uint32_t kind, uint64_t id,
    enum psnap_criticality critical, const struct ProtobufCMessage *msg, struct snap_error *err)
{
	size_t len = protobuf_c_message_get_packed_size(msg);
	uint8_t *record;
	int r;

	if ((r = usable(w, err)) != 0)
		return r;
	if (len > PSNAP_MAX_RECORD || kind > UINT16_MAX)
		return error_misuse(err, "record of kind %u with %zu bytes", kind, len);
	if ((record = malloc(PSNAP_REC_LEN + len)) == NULL)
		return outcome(w, error_nomem(err));
	psnap_put16(record + PSNAP_REC_OFF_KIND, (uint16_t)kind);
	record[PSNAP_REC_OFF_REVISION] = 0;
	record[PSNAP_REC_OFF_CRITICAL] = (uint8_t)critical;
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)len);
	psnap_put64(record + PSNAP_REC_OFF_ID, id);
	protobuf_c_message_pack(msg, record + PSNAP_REC_LEN);
	r = snap_writer_records(w, record, PSNAP_REC_LEN + len, err);
	free(record);
	return r;
}

/* ---- pages ---- */

static int
flush_pages(struct snap_writer *w, struct snap_error *err)
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
	return submit(w, job, err);
}

/*
 * Metadata gathered so far goes out before a page block takes the next
 * sequence number, which its objects were promised.
 */
static int
page_block(struct snap_writer *w, struct snap_error *err)
{
	return w->pages != NULL ? 0 : get_job(w, &w->pages, err);
}

static int
close_pages(struct snap_writer *w, struct snap_error *err)
{
	int r;

	if (w->pages == NULL)
		return 0;
	if ((r = flush_meta(w, err)) != 0)
		return r;
	return flush_pages(w, err);
}

/* Room for one more run and, if stored, one more page, in the block under way. */
static int
page_room(struct snap_writer *w, struct snap_error *err)
{
	int r;

	if (w->pages != NULL && (w->pages->header.count == w->options.block_pages ||
	    w->pages->header.aux_len == PSNAP_MAX_BLOCK_RUNS * PSNAP_RUN_LEN) &&
	    (r = close_pages(w, err)) != 0)
		return r;
	return page_block(w, err);
}

/* count pages of one kind; data NULL for zero pages. Splits where a block is full. */
static int
add_run(struct snap_writer *w, uint64_t owner, uint64_t first, const uint8_t *data, uint64_t count,
    struct snap_error *err)
{
	while (count > 0) {
		struct pack_job *job;
		struct run run = {
			.owner = owner,
			.first = first,
			.kind = data != NULL ? PSNAP_RUN_STORED : PSNAP_RUN_ZERO,
		};
		uint64_t n = count;
		int r;

		if ((r = page_room(w, err)) != 0)
			return r;
		job = w->pages;
		if (data != NULL) {
			if (n > w->options.block_pages - job->header.count)
				n = w->options.block_pages - job->header.count;
			memcpy(job->raw + (size_t)job->header.count * w->page_size, data,
			    (size_t)n * w->page_size);
			data += (size_t)n * w->page_size;
		} else if (n > UINT32_MAX) {
			n = UINT32_MAX;
		}
		run.count = (uint32_t)n;
		if (pack_job_add_run(job, &run) != 0)
			return error_nomem(err);
		if (data != NULL) {
			job->header.count += run.count;
			job->header.raw_len = job->header.count * w->page_size;
			w->stored_pages += n;
		} else {
			w->zero_pages += n;
		}
		first += n;
		count -= n;
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

static int
check_run(const struct snap_writer *w, uint64_t owner, uint64_t first, uint64_t count,
    struct snap_error *err)
{
	if (owner == 0)
		return error_misuse(err, "pages without an owner");
	if (count > UINT64_MAX >> w->options.page_shift ||
	    first > (UINT64_MAX >> w->options.page_shift) - count)
		return error_misuse(err, "pages beyond the last address");
	return 0;
}

int
snap_writer_pages(struct snap_writer *w, uint64_t owner, uint64_t first, const void *pages,
    size_t count, struct snap_error *err)
{
	const uint8_t *p = pages;
	int r;

	if ((r = usable(w, err)) != 0 || (r = check_run(w, owner, first, count, err)) != 0)
		return r;
	while (count > 0) {
		bool zero = page_is_zero(p, w->page_size);
		size_t n = 1;

		while (n < count && page_is_zero(p + n * w->page_size, w->page_size) == zero)
			n++;
		if ((r = add_run(w, owner, first, zero ? NULL : p, n, err)) != 0)
			return outcome(w, r);
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

	if ((r = usable(w, err)) != 0 || (r = check_run(w, owner, first, count, err)) != 0)
		return r;
	return outcome(w, add_run(w, owner, first, NULL, count, err));
}

/* ---- the end ---- */

static int
emit_index_block(struct snap_writer *w, struct table_chunk *chunk, struct snap_error *err)
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

	if ((r = get_job(w, &job, err)) != 0)
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
	if ((r = emit(w, job->head, PSNAP_BLK_LEN, err)) != 0 ||
	    (r = emit(w, job->payload, job->header.stored_len, err)) != 0)
		goto out;
	if (tables_add_dir(&w->tables, &entry) != 0)
		r = error_nomem(err);
out:
	pack_job_release(w->packer, job);
	return r;
}

static int
emit_index(struct snap_writer *w, struct snap_error *err)
{
	static const uint32_t order[] = {
		PSNAP_TABLE_BLOCKS, PSNAP_TABLE_OBJECTS, PSNAP_TABLE_RUNS, PSNAP_TABLE_DIRECTORY,
	};
	struct table_chunk chunk;
	int r;

	if ((r = tables_sort(&w->tables, err)) != 0)
		return r;
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		memset(&chunk, 0, sizeof chunk);
		chunk.table = order[i];
		while ((r = tables_next_chunk(&w->tables, &chunk)) > 0)
			if ((r = emit_index_block(w, &chunk, err)) != 0)
				break;
		free(chunk.bytes);
		if (r < 0)
			return r == TABLES_NOMEM ? error_nomem(err) : r;
	}
	return 0;
}

static int
emit_trailer(struct snap_writer *w, uint8_t *root, struct snap_error *err)
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
	if (root != NULL)
		memcpy(root, t.root, PSNAP_DIGEST_LEN);
	trailer_encode(bytes, &t);
	return emit(w, bytes, sizeof bytes, err);
}

int
snap_writer_finish(struct snap_writer *w, uint8_t *root, struct snap_error *err)
{
	int r;

	if ((r = usable(w, err)) != 0)
		return r;
	if ((r = flush_meta(w, err)) != 0 ||
	    (r = flush_pages(w, err)) != 0 ||
	    (r = drain(w, err)) != 0 ||
	    (r = emit_index(w, err)) != 0 ||
	    (r = emit_trailer(w, root, err)) != 0 ||
	    (r = output_commit(&w->out, err)) != 0)
		return outcome(w, r);
	w->finished = true;
	return 0;
}
