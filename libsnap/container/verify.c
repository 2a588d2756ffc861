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
	int		fatal;		/* why it was given up, 0: it was not */
	bool		stop;
	struct tables	seen;		/* what the index should hold */
	uint64_t	stored, zero;
	uint8_t		*raw;
	size_t		raw_cap;
};

/*
 * Take note of what a check returned; the detail is in v->finding.  What is
 * not the file's fault ends the verification.
 */
static void
outcome(struct verify *v, int r)
{
	if (r == 0)
		return;
	if (r == SNAP_E_NOMEM || r == SNAP_E_IO || r == SNAP_E_LIMIT) {
		v->fatal = r;
		v->stop = true;
		return;
	}
	if (v->first.code == SNAP_OK)
		v->first = v->finding;
	if (v->fn != NULL && v->fn(v->ctx, &v->finding) != 0)
		v->stop = true;
}

/* ---- blocks ---- */

static int
see_records(struct verify *v, const struct block_header *h, uint64_t offset)
{
	struct record rec;
	uint32_t n = 0;
	int r;

	for (uint32_t at = 0; at < h->raw_len; at += PSNAP_REC_LEN + rec.payload_len, n++) {
		struct object_entry o;

		if ((r = record_decode(&rec, v->raw, h->raw_len, at, offset, &v->finding)) != 0)
			return r;
		o = (struct object_entry){ .id = rec.id, .kind = (uint16_t)rec.kind, .block = h->seq,
		    .offset = at, .length = rec.payload_len };
		if (tables_add_object(&v->seen, &o) != 0)
			return error_nomem(&v->finding);
	}
	return n == h->count ? 0 : error_set(&v->finding, SNAP_E_CORRUPT, "REC-5",	/* REC-5 */
	    offset + PSNAP_BLK_OFF_COUNT, "%u records in a block that tells %u", n, h->count);
}

static int
see_runs(struct verify *v, const struct block_header *h, const uint8_t *aux)
{
	struct run run;

	if (tables_add_runs(&v->seen, h, aux) != 0)
		return error_nomem(&v->finding);
	for (uint32_t i = 0; i < h->aux_len; i += PSNAP_RUN_LEN) {
		run_decode(&run, aux + i);
		if (run.kind == PSNAP_RUN_ZERO)
			v->zero += run.count;
	}
	v->stored += h->count;
	return 0;
}

/* Checked, decompressed though nobody wants its pages, and remembered. */
static int
verify_block(struct verify *v, uint32_t seq)
{
	const uint8_t *body;
	struct block_header h;
	struct block_entry e;
	int r;

	if ((r = reader_block_entry(v->c, seq, &e, &v->finding)) != 0 ||
	    (r = reader_block(v->c, &v->c->own, seq, &e, &h, &v->finding)) != 0)
		return r;
	body = v->c->own.stored + PSNAP_BLK_LEN;
	if (tables_add_block(&v->seen, e.offset, &h, e.digest) != 0)
		return error_nomem(&v->finding);
	if ((h.type == PSNAP_BLOCK_META || h.codec != PSNAP_CODEC_NONE) &&
	    ((r = reader_room(&v->raw, &v->raw_cap, h.raw_len, &v->finding)) != 0 ||
	    (r = block_payload(&h, body, e.offset, v->raw, v->c->own.zstd, &v->finding)) != 0))
		return r;
	if (h.type == PSNAP_BLOCK_META)
		return see_records(v, &h, e.offset);
	if (h.type == PSNAP_BLOCK_PAGES)
		return see_runs(v, &h, body);
	return 0;
}

/* ---- index ---- */

/*
 * Every index block of a table is loaded, which checks it.  If all blocks
 * were readable, it must also be what they gave, entry by entry.
 */
static void
verify_table(struct verify *v, uint32_t table, bool compare, const char *rule, const char *what)
{
	const struct table_range *t = &v->c->tables[table];
	struct table_chunk chunk = { .table = table };
	const uint8_t *bytes;
	int r, more = 0;

	for (size_t i = t->first; i < t->first + t->count && !v->stop; i++) {
		r = reader_chunk(v->c, i, &bytes, &v->finding);
		if (compare && (more = tables_next_chunk(&v->seen, &chunk)) < 0)
			r = error_nomem(&v->finding);
		if (r == 0 && compare && (more == 0 || chunk.count != v->c->dir[i].count ||
		    memcmp(chunk.bytes, bytes, chunk.len) != 0)) {
			r = error_set(&v->finding, SNAP_E_CORRUPT, rule, v->c->dir[i].offset,
			    "index of %s is not what the blocks hold", what);
			compare = false;	/* what follows would only be shifted */
		}
		outcome(v, r);
	}
	if (compare && !v->stop && (more = tables_next_chunk(&v->seen, &chunk)) != 0)
		outcome(v, more < 0 ? error_nomem(&v->finding) :
		    error_set(&v->finding, SNAP_E_CORRUPT, rule, v->c->trailer.dir_offset,
		    "index lacks %s that the blocks hold", what));
	free(chunk.bytes);
}

static int
verify_counts(struct verify *v)
{
	uint64_t at = v->c->length - PSNAP_TRL_LEN;

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

static void
verify_index(struct verify *v)
{
	/* what damaged blocks held is not known */
	bool compare = v->first.code == SNAP_OK;
	int r;

	if (compare && (r = tables_sort(&v->seen, SNAP_E_CORRUPT, &v->finding)) != 0) {
		outcome(v, r);						/* REC-6, RUN-6 */
		compare = false;
	}
	if (!v->stop)
		verify_table(v, PSNAP_TABLE_OBJECTS, compare, "IDX-7", "objects");
	if (!v->stop)
		verify_table(v, PSNAP_TABLE_RUNS, compare, "IDX-8", "runs");
	if (!v->stop && compare)
		outcome(v, verify_counts(v));
}

int
container_verify(struct container *c, snap_finding_fn *fn, void *ctx, struct snap_error *err)
{
	struct verify v = { .c = c, .fn = fn, .ctx = ctx };
	int r;

	for (uint64_t seq = 0; seq < c->trailer.blocks && !v.stop; seq++)
		outcome(&v, verify_block(&v, (uint32_t)seq));
	if (!v.stop)
		verify_index(&v);
	r = v.fatal != 0 ? v.fatal : (int)v.first.code;
	if (err != NULL && r != 0)
		*err = v.fatal != 0 ? v.finding : v.first;
	tables_fini(&v.seen);
	free(v.raw);
	return r;
}
