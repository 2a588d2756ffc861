/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records into metadata blocks.
 *
 * A metadata block goes out when the next record would not fit, before a page
 * block does, and at the end: so the sequence number it will have is known
 * while it fills.
 */
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "libsnap/container/writer.h"
#include "libsnap/core/error.h"

int
writer_flush_records(struct snap_writer *w, struct snap_error *err)
{
	struct pack_job *job;
	int r;

	if (w->meta_count == 0)
		return 0;
	if ((r = writer_get_job(w, &job, err)) != 0)
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
	return writer_submit(w, job, err);
}

/* Room for len more bytes; a record larger than a block's usual size has one to itself. */
static int
record_room(struct snap_writer *w, size_t len, struct snap_error *err)
{
	uint8_t *p;
	int r;

	if (w->meta_len > 0 && !w->one_block && (w->meta_len >= META_BLOCK || len > META_BLOCK - w->meta_len) &&
	    (r = writer_flush_records(w, err)) != 0)
		return r;
	if (len <= w->meta_cap - w->meta_len)
		return 0;
	/* meta_len is 0 here: what fits beside others fits META_BLOCK */
	if ((p = realloc(w->meta, len)) == NULL)
		return error_nomem(err);
	w->meta = p;
	w->meta_cap = len;
	return 0;
}

static int
add_record(struct snap_writer *w, const uint8_t *record, size_t len, struct snap_error *err)
{
	struct object_entry o = {
		.id = psnap_get64(record + PSNAP_REC_OFF_ID),
		.kind = psnap_get16(record + PSNAP_REC_OFF_KIND),
		.length = (uint32_t)(len - PSNAP_REC_LEN),
	};
	int r;

	if (o.id == 0)
		return error_misuse(err, "record without an object id");
	if (record[PSNAP_REC_OFF_CRITICAL] > PSNAP_CRITICAL_CARRY)
		return error_misuse(err, "record with criticality %u", record[PSNAP_REC_OFF_CRITICAL]);
	if ((r = idset_add(&w->ids, o.id)) < 0)
		return error_nomem(err);
	if (r == 0)
		return error_object(err, SNAP_E_MISUSE, "REC-6", o.id, 0,
		    "object id %llu was used before", (unsigned long long)o.id);
	if ((r = record_room(w, len, err)) != 0)
		return r;
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

	if ((r = writer_usable(w, err)) != 0)
		return r;
	while (len > 0) {
		size_t payload;

		if (len < PSNAP_REC_LEN)
			return writer_outcome(w, error_misuse(err, "%zu bytes are not a record", len));
		payload = psnap_get32(p + PSNAP_REC_OFF_LEN);
		if (payload > PSNAP_MAX_RECORD || payload > len - PSNAP_REC_LEN)
			return writer_outcome(w,
			    error_misuse(err, "record of %zu bytes in %zu", payload, len));
		if ((r = add_record(w, p, PSNAP_REC_LEN + payload, err)) != 0)
			return writer_outcome(w, r);
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

	if ((r = writer_usable(w, err)) != 0)
		return r;
	if (len > PSNAP_MAX_RECORD || kind > UINT16_MAX)
		return writer_outcome(w,
		    error_misuse(err, "record of kind %u with %zu bytes", kind, len));
	if ((record = malloc(PSNAP_REC_LEN + len)) == NULL)
		return writer_outcome(w, error_nomem(err));
	psnap_put16(record + PSNAP_REC_OFF_KIND, (uint16_t)kind);
	record[PSNAP_REC_OFF_REVISION] = 0;
	record[PSNAP_REC_OFF_CRITICAL] = (uint8_t)critical;
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)len);
	psnap_put64(record + PSNAP_REC_OFF_ID, id);
	protobuf_c_message_pack(msg, record + PSNAP_REC_LEN);
	r = writer_outcome(w, add_record(w, record, PSNAP_REC_LEN + len, err));
	free(record);
	return r;
}
