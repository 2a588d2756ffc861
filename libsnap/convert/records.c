/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Records under conversion.  Nothing of the snapshot they come from is
 * changed: what a pass changes is copied first.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/convert/convert.h"
#include "libsnap/core/arena.h"
#include "libsnap/core/error.h"

static int
nomem(struct conversion *c)
{
	if (arena_exhausted(c->arena))
		return error_set(c->err, SNAP_E_LIMIT, "", 0, "more than %llu bytes of converted records",
		    (unsigned long long)container_limits(c->in->container)->max_meta_bytes);
	return error_nomem(c->err);
}

int
records_take(struct conversion *c)
{
	c->arena = arena_new(container_limits(c->in->container)->max_meta_bytes);
	c->objects = calloc(c->in->count + 1, sizeof *c->objects);
	c->changed = calloc(c->in->count + 1, sizeof *c->changed);
	if (c->arena == NULL || c->objects == NULL || c->changed == NULL)
		return error_nomem(c->err);
	c->count = c->in->count;
	if (c->count > 0)
		memcpy(c->objects, c->in->objects, c->count * sizeof *c->objects);
	return 0;
}

void *
records_alloc(struct conversion *c, size_t size)
{
	void *p = arena_alloc(c->arena, size);

	if (p == NULL)
		nomem(c);
	return p;
}

void *
records_edit(struct conversion *c, size_t i, size_t size)
{
	void *copy = records_alloc(c, size);

	if (copy == NULL)
		return NULL;
	memcpy(copy, c->objects[i].message, size);
	c->objects[i].message = copy;
	c->changed[i] = true;
	return copy;
}

const Psnap__Host *
records_host(const struct conversion *c, size_t *at)
{
	size_t i = 0;

	while (c->objects[i].kind != PSNAP_KIND_HOST)	/* GRA-4: there is one */
		i++;
	if (at != NULL)
		*at = i;
	return (const void *)c->objects[i].message;
}

size_t
records_index(const struct conversion *c, uint64_t id)
{
	return (size_t)(snap_get_object(c->in, id) - c->in->objects);
}

const Psnap__Mapping *
records_mapping(const struct conversion *c, uint64_t space, uint64_t addr)
{
	size_t lo = 0, hi;
	const struct snap_object *const *v = snap_get_children(c->in, space, PSNAP_KIND_MAPPING, &hi);

	while (lo < hi) {	/* MAP-4: they do not overlap */
		size_t mid = lo + (hi - lo) / 2;
		const Psnap__Mapping *m = (const void *)v[mid]->message;

		if (addr >= m->start && addr < m->end)
			return m;
		if (m->start < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}

/* ---- what provenance tells ---- */

static char *
keep_text(struct conversion *c, const char *text)
{
	char *copy = arena_alloc(c->arena, strlen(text) + 1);

	if (copy != NULL)
		memcpy(copy, text, strlen(text) + 1);
	return copy;
}

static int
tell_loss(struct conversion *c, const char *text)
{
	Psnap__Conversion *now = &c->told[c->ntold - 1];

	if (now->n_losses == c->losses_cap) {
		size_t cap = c->losses_cap == 0 ? 8 : 2 * c->losses_cap;
		char **v = arena_alloc(c->arena, cap * sizeof *v);

		if (v == NULL)
			return nomem(c);
		if (now->n_losses > 0)
			memcpy(v, now->losses, now->n_losses * sizeof *v);
		now->losses = v;
		c->losses_cap = cap;
	}
	if ((now->losses[now->n_losses] = keep_text(c, text)) == NULL)
		return nomem(c);
	now->n_losses++;
	return 0;
}

/* Tell the caller at once, of object i. */
static void
tell_caller(struct conversion *c, size_t i, struct snap_loss *loss, const char *fmt, va_list ap)
{
	const struct snap_object *o = &c->objects[i];
	const char *kind = snap_kind_name(o->kind);
	int n = snprintf(loss->message, sizeof loss->message, "%s %llu: ", kind != NULL ? kind : "record",
	    (unsigned long long)o->id);

	vsnprintf(loss->message + n, sizeof loss->message - (size_t)n, fmt, ap);
	loss->pass = c->told[c->ntold - 1].pass;
	loss->object = o->id;
	if (c->fn != NULL)
		c->fn(c->ctx, loss);
}

int
records_lose(struct conversion *c, size_t i, const char *fmt, ...)
{
	struct snap_loss loss;
	va_list ap;

	va_start(ap, fmt);
	tell_caller(c, i, &loss, fmt, ap);
	va_end(ap);
	c->lossy = true;
	return tell_loss(c, loss.message);
}

void
records_refuse(struct conversion *c, size_t i, const char *fmt, ...)
{
	struct snap_loss loss;
	va_list ap;

	va_start(ap, fmt);
	tell_caller(c, i, &loss, fmt, ap);
	va_end(ap);
	c->refused++;
}

int
records_note(struct conversion *c, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if ((c->notes[c->nnotes] = keep_text(c, text)) == NULL)
		return nomem(c);
	c->nnotes++;
	return 0;
}

/* The conversions so far and ours; the first record is the provenance (GRA-4). */
static int
add_provenance(struct conversion *c)
{
	Psnap__Provenance *p = records_edit(c, 0, sizeof *p);
	Psnap__Conversion **all;
	char **notes;

	if (p == NULL)
		return c->err->code;
	if ((all = arena_alloc(c->arena, (p->n_conversions + c->ntold) * sizeof *all)) == NULL ||
	    (notes = arena_alloc(c->arena, (p->n_notes + c->nnotes + 1) * sizeof *notes)) == NULL)
		return nomem(c);
	if (p->n_conversions > 0)
		memcpy(all, p->conversions, p->n_conversions * sizeof *all);
	for (size_t i = 0; i < c->ntold; i++)
		all[p->n_conversions++] = &c->told[i];
	p->conversions = all;
	if (p->n_notes > 0)
		memcpy(notes, p->notes, p->n_notes * sizeof *notes);
	for (size_t i = 0; i < c->nnotes; i++)
		notes[p->n_notes++] = c->notes[i];
	p->notes = notes;
	return 0;
}

/* ---- encoding ---- */

static int
encode(struct conversion *c, struct snap_object *o)
{
	const ProtobufCMessage *m = revision_written(c->arena, o);
	uint8_t *bytes;
	size_t n;

	if (m == NULL)
		return nomem(c);
	if ((n = protobuf_c_message_get_packed_size(m)) > PSNAP_MAX_RECORD)	/* LIM-1 */
		return error_object(c->err, SNAP_E_LIMIT, "LIM-1", o->id, o->offset,
		    "the record would have %zu bytes", n);
	if ((bytes = arena_alloc(c->arena, n)) == NULL)
		return nomem(c);
	o->payload_len = (uint32_t)protobuf_c_message_pack(m, bytes);
	o->payload = bytes;
	return 0;
}

int
records_encode(struct conversion *c)
{
	int r;

	if ((r = add_provenance(c)) != 0)
		return r;
	for (size_t i = 0; i < c->count; i++)
		if (c->changed[i] && (r = encode(c, &c->objects[i])) != 0)
			return r;
	return 0;
}

/* ---- pages ---- */

int
patch_add(struct conversion *c, uint64_t owner, uint64_t addr, const void *bytes, size_t n)
{
	struct snap_run run = { .owner = owner };
	struct snap_summary sum;
	struct patch *p;
	uint64_t page;
	int r;

	snap_get_summary(c->in, &sum);
	run.first = page = addr / sum.page_size;
	if ((r = snap_next_run(c->in, &run, page + 1, c->err)) < 0)
		return r;
	if (r == 0 || run.kind != PSNAP_RUN_STORED || n > sizeof p->bytes || addr % sum.page_size + n > sum.page_size)
		return error_object(c->err, SNAP_E_NOT_FOUND, "", owner, 0, "no page at 0x%llx to be changed",
		    (unsigned long long)addr);
	if (c->npatches == c->patches_cap) {
		size_t cap = c->patches_cap == 0 ? 64 : 2 * c->patches_cap;

		if (cap > container_limits(c->in->container)->max_meta_bytes / sizeof *p)
			return error_set(c->err, SNAP_E_LIMIT, "", 0, "more than %zu places in memory to be changed",
			    c->npatches);
		if ((p = realloc(c->patches, cap * sizeof *p)) == NULL)
			return error_nomem(c->err);
		c->patches = p;
		c->patches_cap = cap;
	}
	p = &c->patches[c->npatches++];
	p->block = run.block;
	p->at = (uint32_t)((run.page + (page - run.first)) * sum.page_size + addr % sum.page_size);
	p->n = (uint8_t)n;
	memcpy(p->bytes, bytes, n);
	return 0;
}

static int
compare_patch(const void *a, const void *b)
{
	const struct patch *x = a, *y = b;

	if (x->block != y->block)
		return x->block < y->block ? -1 : 1;
	return (x->at > y->at) - (x->at < y->at);
}

void
patches_sort(struct conversion *c)
{
	if (c->npatches > 0)
		qsort(c->patches, c->npatches, sizeof *c->patches, compare_patch);
}
