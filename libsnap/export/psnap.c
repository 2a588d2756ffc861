/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The same content encoded anew: every record byte for byte, those this
 * library does not know included, except that the provenance tells of the
 * conversion.
 */
#include <stdlib.h>
#include <string.h>

#include "format/host.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/export/export.h"
#include "libsnap/model/model.h"

#define CHUNK_PAGES	64u

static int
write_provenance(struct snap_writer *w, const struct snap_object *o, struct snap_error *err)
{
	Psnap__Provenance p = *(const Psnap__Provenance *)(const void *)o->message;
	Psnap__Conversion own = PSNAP__CONVERSION__INIT, **all;
	char program[] = "libsnap", pass[] = "psnap to psnap";
	int r;

	own.program = program;
	own.version = (char *)(uintptr_t)snap_version();
	own.pass = pass;
	if ((all = malloc((p.n_conversions + 1) * sizeof *all)) == NULL)
		return error_nomem(err);
	if (p.n_conversions > 0)
		memcpy(all, p.conversions, p.n_conversions * sizeof *all);
	all[p.n_conversions++] = &own;
	p.conversions = all;
	r = snap_writer_message(w, o->kind, o->id, (enum psnap_criticality)o->critical, &p.base, err);
	free(all);
	return r;
}

static int
write_record(struct snap_writer *w, const struct snap_object *o, struct snap_error *err)
{
	uint8_t *framed = malloc((size_t)PSNAP_REC_LEN + o->payload_len);
	int r;

	if (framed == NULL)
		return error_nomem(err);
	psnap_put16(framed + PSNAP_REC_OFF_KIND, (uint16_t)o->kind);
	framed[PSNAP_REC_OFF_REVISION] = o->revision;
	framed[PSNAP_REC_OFF_CRITICAL] = o->critical;
	psnap_put32(framed + PSNAP_REC_OFF_LEN, o->payload_len);
	psnap_put64(framed + PSNAP_REC_OFF_ID, o->id);
	if (o->payload_len > 0)
		memcpy(framed + PSNAP_REC_LEN, o->payload, o->payload_len);
	r = snap_writer_records(w, framed, (size_t)PSNAP_REC_LEN + o->payload_len, err);
	free(framed);
	return r;
}

static int
write_run(struct snap *s, struct snap_writer *w, const struct snap_run *run, uint32_t page_size,
    uint8_t *buf, struct snap_error *err)
{
	int r;

	if (run->kind == PSNAP_RUN_ZERO)
		return snap_writer_zero(w, run->owner, run->first, run->count, err);
	for (uint64_t done = 0; done < run->count;) {
		size_t n = run->count - done < CHUNK_PAGES ? (size_t)(run->count - done) : CHUNK_PAGES;

		if ((r = snap_read_memory(s, run->owner, (run->first + done) * page_size, buf, n * page_size,
		    NULL, err)) != 0 ||
		    (r = snap_writer_pages(w, run->owner, run->first + done, buf, n, err)) != 0)
			return r;
		done += n;
	}
	return 0;
}

static int
write_pages(struct snap *s, struct snap_writer *w, uint32_t page_size, struct snap_error *err)
{
	uint8_t *buf = malloc((size_t)CHUNK_PAGES * page_size);
	uint64_t owner = 0;
	int r, some;

	if (buf == NULL)
		return error_nomem(err);
	while ((r = container_next_owner(s->container, &owner, err)) == 1) {
		struct snap_run run = { .owner = owner };

		while ((some = snap_next_run(s, &run, UINT64_MAX, err)) == 1)
			if ((some = write_run(s, w, &run, page_size, buf, err)) != 0)
				break;
		if ((r = some) != 0 || owner++ == UINT64_MAX)
			break;
	}
	free(buf);
	return r;
}

static int
psnap_write(struct snap *s, const struct snap_export_options *options, int fd, struct snap_error *err)
{
	struct snap_writer_options wanted = {
		.codec = options->raw ? PSNAP_CODEC_NONE : PSNAP_CODEC_ZSTD,
		.level = options->level,
	};
	struct snap_summary sum;
	struct snap_writer *w;
	int r;

	snap_get_summary(s, &sum);
	while (UINT32_C(1) << wanted.page_shift < sum.page_size)
		wanted.page_shift++;
	if ((r = snap_writer_open_fd(&w, fd, &wanted, err)) != 0)
		return r;
	for (size_t i = 0; i < s->count && r == 0; i++) {
		const struct snap_object *o = s->order[i];

		r = o->kind == PSNAP_KIND_PROVENANCE && o->message != NULL ? write_provenance(w, o, err) :
		    write_record(w, o, err);
	}
	if (r == 0 && (r = write_pages(s, w, sum.page_size, err)) == 0)
		r = snap_writer_finish(w, NULL, err);
	snap_writer_free(w);
	return r;
}

const struct exporter export_psnap = {
	.format = { "psnap", "PSNAP 1.0, encoded anew", true, true },
	.write = psnap_write,
};
