/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The whole file checked: every block, and every table against the blocks.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/core/error.h"

struct verify {
	struct container *c;
	snap_finding_fn	*fn;
	void		*ctx;
	struct snap_error finding;
	struct snap_error first;	/* the first finding; code 0: none */
	bool		stop;
	struct tables	seen;		/* objects and runs as the blocks have them */
	uint64_t	stored, zero;
};

static void
report(struct verify *v)
{
	if (v->first.code == SNAP_OK)
		v->first = v->finding;
	if (v->fn != NULL && v->fn(v->ctx, &v->finding) != 0)
		v->stop = true;
}

/* A finding, or a reason to give up (memory, I/O). */
static bool
fatal(int r)
{
	return r == SNAP_E_NOMEM || r == SNAP_E_IO || r == SNAP_E_LIMIT;
}

static int
see_records(struct verify *v, const struct block_header *h, uint64_t offset, struct snap_error *err)
{
	uint8_t *raw = malloc(h->raw_len + 1);
	struct record rec;
	int r;

	if (raw == NULL)
		return error_nomem(err);
	r = block_payload(h, v->c->scratch + PSNAP_BLK_LEN, offset, raw, &v->finding);
	for (uint32_t at = 0; r == 0 && at < h->raw_len; at += PSNAP_REC_LEN + rec.payload_len) {
		struct object_entry o;

		if ((r = record_decode(&rec, raw, h->raw_len, at, offset, &v->finding)) != 0)
			break;
		o = (struct object_entry){ .id = rec.id, .kind = (uint16_t)rec.kind, .block = h->seq,
		    .offset = at, .length = rec.payload_len };
		if (tables_add_object(&v->seen, &o) != 0)
			r = error_nomem(&v->finding);
	}
	free(raw);
	return r;
}

/* Decompress for its own sake: a frame that does not yield its pages is a finding. */
static int
see_pages(struct verify *v, const struct block_header *h, uint64_t offset, struct snap_error *err)
{
	const uint8_t *body = v->c->scratch + PSNAP_BLK_LEN;
	struct run run;
	uint8_t *raw;
	int r = 0;

	if (tables_add_runs(&v->seen, h, body) != 0)
		return error_nomem(err);
	for (uint32_t i = 0; i < h->aux_len; i += PSNAP_RUN_LEN) {
		run_decode(&run, body + i);
		if (run.kind == PSNAP_RUN_ZERO)
			v->zero += run.count;
	}
	v->stored += h->count;
	if (h->codec == PSNAP_CODEC_NONE)
		return 0;
	if ((raw = malloc(h->raw_len + 1)) == NULL)
		return error_nomem(err);
	r = block_payload(h, body, offset, raw, &v->finding);
	free(raw);
	return r;
}

static int
verify_block(struct verify *v, uint32_t seq)
{
	struct block_header h;
	struct block_entry e;
	int r;

	if ((r = reader_block_entry(v->c, seq, &e, &v->finding)) != 0 ||
	    (r = reader_block(v->c, seq, &e, &h, &v->finding)) != 0)
		return r;
	if (h.type == PSNAP_BLOCK_META)
		return see_records(v, &h, e.offset, &v->finding);
	if (h.type == PSNAP_BLOCK_PAGES)
		return see_pages(v, &h, e.offset, &v->finding);
	return 0;
}

/* The index's table must be what the blocks gave, entry by entry. */
static int
compare_table(struct verify *v, uint32_t table, const char *rule, const char *what)
{
	struct table_chunk chunk = { .table = table };
	const struct table_range *t = &v->c->tables[table];
	const uint8_t *bytes;
	int r;

	for (size_t i = 0; i < t->count; i++) {
		if ((r = reader_chunk(v->c, t->first + i, &bytes, &v->finding)) != 0)
			goto out;
		r = tables_next_chunk(&v->seen, &chunk);
		if (r == TABLES_NOMEM) {
			r = error_nomem(&v->finding);
			goto out;
		}
		if (r == 0 || chunk.count != v->c->dir[t->first + i].count ||
		    memcmp(chunk.bytes, bytes, chunk.len) != 0) {
			r = error_set(&v->finding, SNAP_E_CORRUPT, rule, v->c->dir[t->first + i].offset,
			    "index of %s is not what the blocks hold", what);
			goto out;
		}
	}
	r = tables_next_chunk(&v->seen, &chunk);
	if (r > 0)
		r = error_set(&v->finding, SNAP_E_CORRUPT, rule, v->c->trailer.dir_offset,
		    "index lacks %s that the blocks hold", what);
out:
	free(chunk.bytes);
	return r;
}

static int
compare_tables(struct verify *v)
{
	uint64_t at = v->c->length - PSNAP_TRL_LEN;
	int r;

	if (tables_sort(&v->seen, &v->finding) != 0) {	/* REC-6, RUN-6 */
		v->finding.code = SNAP_E_CORRUPT;
		return SNAP_E_CORRUPT;
	}
	if ((r = compare_table(v, PSNAP_TABLE_OBJECTS, "IDX-7", "objects")) != 0 ||
	    (r = compare_table(v, PSNAP_TABLE_RUNS, "IDX-8", "runs")) != 0)
		return r;
	if (v->stored != v->c->trailer.stored_pages)			/* TRL-6 */
		return error_set(&v->finding, SNAP_E_CORRUPT, "TRL-6", at + PSNAP_TRL_STORED,
		    "trailer tells %llu stored pages, there are %llu",
		    (unsigned long long)v->c->trailer.stored_pages, (unsigned long long)v->stored);
	if (v->zero != v->c->trailer.zero_pages)
		return error_set(&v->finding, SNAP_E_CORRUPT, "TRL-6", at + PSNAP_TRL_ZERO,
		    "trailer tells %llu zero pages, there are %llu",
		    (unsigned long long)v->c->trailer.zero_pages, (unsigned long long)v->zero);
	return 0;
}

int
container_verify(struct container *c, snap_finding_fn *fn, void *ctx, struct snap_error *err)
{
	struct verify v = { .c = c, .fn = fn, .ctx = ctx };
	int r = 0;

	for (uint64_t seq = 0; seq < c->trailer.blocks && !v.stop; seq++) {
		if ((r = verify_block(&v, (uint32_t)seq)) == 0)
			continue;
		if (fatal(r))
			goto out;
		report(&v);
	}
	/* tables can be compared only with blocks that were all readable */
	if (v.first.code == SNAP_OK && (r = compare_tables(&v)) != 0) {
		if (fatal(r))
			goto out;
		report(&v);
	}
	v.finding = v.first;
	r = v.first.code;
out:
	if (err != NULL && r != 0)
		*err = v.finding;
	tables_fini(&v.seen);
	return r;
}
