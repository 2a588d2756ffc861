/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "libsnap/core/arena.h"
#include "libsnap/core/error.h"
#include "libsnap/model/model.h"

/* ---- decoding ---- */

static void *
arena_alloc_fn(void *arena, size_t size)
{
	return arena_alloc(arena, size);
}

static void
arena_free_fn(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

/* REC-7: what is not known is refused or carried, as the record asks. */
static int
unknown(const struct snap *s, const struct snap_object *o, struct snap_error *err)
{
	const char *needs = container_needs(s->container);

	if (o->critical != PSNAP_CRITICAL_REFUSE)
		return 0;
	return error_object(err, SNAP_E_UNSUPPORTED, "REC-7", o->id, o->offset,
	    "record of kind %u revision %u must be understood, and is not%s%s", o->kind, o->revision,
	    needs[0] != '\0' ? ", for feature " : "", needs);
}

static int
decode(struct snap *s, struct snap_object *o, struct snap_error *err)
{
	ProtobufCAllocator allocator = { arena_alloc_fn, arena_free_fn, s->arena };
	const struct kind *kind = kind_find(o->kind);

	if (kind == NULL || o->revision > kind->newest)
		return unknown(s, o, err);
	o->message = protobuf_c_message_unpack(kind->message, &allocator, o->payload_len, o->payload);
	if (o->message != NULL) {
		s->written[o - s->objects] = o->message;
		return revision_upgrade(s->arena, o, &o->message, err);
	}
	if (arena_exhausted(s->arena))
		return error_object(err, SNAP_E_LIMIT, "", o->id, o->offset,
		    "more than %llu bytes of decoded records",
		    (unsigned long long)container_limits(s->container)->max_meta_bytes);
	if (arena_failed(s->arena))
		return error_nomem(err);
	return error_object(err, SNAP_E_CORRUPT, "REC-8", o->id, o->offset,
	    "%s record is not a protobuf message of its kind", kind->name);
}

static int
decode_block(struct snap *s, const struct meta_block *m, struct snap_error *err)
{
	struct record rec;
	int r;

	for (uint32_t at = 0; at < m->raw_len; at += PSNAP_REC_LEN + rec.payload_len) {
		struct snap_object *o = &s->objects[s->count];

		if ((r = record_decode(&rec, m->raw, m->raw_len, at, m->offset, err)) != 0)
			return r;
		o->id = rec.id;
		o->kind = rec.kind;
		o->revision = rec.revision;
		o->critical = rec.critical;
		o->block = m->seq;
		o->offset = rec.offset;
		o->payload = rec.payload;
		o->payload_len = rec.payload_len;
		if ((r = decode(s, o, err)) != 0)
			return r;
		s->order[s->count++] = o;
	}
	return 0;
}

/* ---- indexes ---- */

static size_t
hash(const struct snap *s, uint64_t id)
{
	return (size_t)(id * UINT64_C(0x9e3779b97f4a7c15) >> 20) & (s->hash_size - 1);
}

static int
index_ids(struct snap *s, struct snap_error *err)
{
	s->hash_size = 16;
	while (s->hash_size < s->count * 2)
		s->hash_size *= 2;
	if ((s->by_id = calloc(s->hash_size, sizeof *s->by_id)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < s->count; i++) {
		size_t h = hash(s, s->order[i]->id);

		for (; s->by_id[h] != NULL; h = (h + 1) & (s->hash_size - 1))
			if (s->by_id[h]->id == s->order[i]->id)				/* REC-6 */
				return error_object(err, SNAP_E_CORRUPT, "REC-6", s->order[i]->id,
				    s->order[i]->offset, "object id occurs twice");
		s->by_id[h] = s->order[i];
	}
	return 0;
}

static int
compare_kind(const void *a, const void *b)
{
	const struct snap_object *x = *(const struct snap_object *const *)a;
	const struct snap_object *y = *(const struct snap_object *const *)b;

	if (x->kind != y->kind)
		return x->kind < y->kind ? -1 : 1;
	return (x > y) - (x < y);	/* elements of one array, in file order */
}

static int
compare_child(const void *a, const void *b)
{
	const struct child *x = a, *y = b;

	if (x->object->kind != y->object->kind)
		return x->object->kind < y->object->kind ? -1 : 1;
	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	if (x->key != y->key)
		return x->key < y->key ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

uint64_t
message_uint64(const ProtobufCMessage *m, uint32_t field)
{
	const ProtobufCFieldDescriptor *f = protobuf_c_message_descriptor_get_field(m->descriptor, field);

	if (f == NULL || f->type != PROTOBUF_C_TYPE_UINT64 || f->label == PROTOBUF_C_LABEL_REPEATED)
		return 0;
	return *(const uint64_t *)((const char *)m + f->offset);
}

static int
index_children(struct snap *s, struct snap_error *err)
{
	s->children = calloc(s->count + 1, sizeof *s->children);
	s->child_objects = calloc(s->count + 1, sizeof *s->child_objects);
	if (s->children == NULL || s->child_objects == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < s->count; i++) {
		const struct snap_object *o = s->order[i];
		const struct kind *kind = kind_find(o->kind);
		struct child *c = &s->children[s->nchildren];

		if (o->message == NULL || kind == NULL || kind->owner_field == 0 ||
		    (c->owner = message_uint64(o->message, kind->owner_field)) == 0)
			continue;
		c->key = o->kind == PSNAP_KIND_MAPPING ?
		    message_uint64(o->message, PSNAP_F_MAPPING_START) : i;
		c->object = o;
		s->nchildren++;
	}
	qsort(s->children, s->nchildren, sizeof *s->children, compare_child);
	for (size_t i = 0; i < s->nchildren; i++)
		s->child_objects[i] = s->children[i].object;
	return 0;
}

static int
index_kinds(struct snap *s, struct snap_error *err)
{
	if ((s->by_kind = calloc(s->count + 1, sizeof *s->by_kind)) == NULL)
		return error_nomem(err);
	if (s->count > 0) {
		memcpy(s->by_kind, s->order, s->count * sizeof *s->by_kind);
		qsort(s->by_kind, s->count, sizeof *s->by_kind, compare_kind);
	}
	return 0;
}

static int
prepare(struct snap *s, size_t total, struct snap_error *err)
{
	s->arena = arena_new(container_limits(s->container)->max_meta_bytes);
	s->objects = calloc(total + 1, sizeof *s->objects);
	s->written = calloc(total + 1, sizeof *s->written);
	s->order = calloc(total + 1, sizeof *s->order);
	if (s->arena == NULL || s->objects == NULL || s->written == NULL || s->order == NULL)
		return error_nomem(err);
	return 0;
}

static int
index_all(struct snap *s, struct snap_error *err)
{
	int r;

	if ((r = index_ids(s, err)) != 0 ||
	    (r = index_kinds(s, err)) != 0)
		return r;
	return index_children(s, err);
}

int
model_build(struct snap *s, struct snap_error *err)
{
	const struct meta_block *meta;
	size_t nmeta, total = 0;
	int r;

	meta = container_meta(s->container, &nmeta);
	for (size_t i = 0; i < nmeta; i++)
		total += meta[i].count;
	if ((r = prepare(s, total, err)) != 0)
		return r;
	for (size_t i = 0; i < nmeta; i++)
		if ((r = decode_block(s, &meta[i], err)) != 0)
			return r;
	return index_all(s, err);
}

int
model_rebuild(struct snap *s, struct container *c, const struct snap_object *objects, size_t count,
    struct snap_error *err)
{
	int r;

	s->container = c;
	if ((r = prepare(s, count, err)) != 0)
		return r;
	for (size_t i = 0; i < count; i++) {
		s->objects[i] = objects[i];
		s->objects[i].message = NULL;
		if ((r = decode(s, &s->objects[i], err)) != 0)
			return r;
		s->order[s->count++] = &s->objects[i];
	}
	return index_all(s, err);
}

void
model_free(struct snap *s)
{
	arena_free(s->arena);
	free(s->objects);
	free(s->written);
	free(s->order);
	free(s->by_id);
	free(s->by_kind);
	free(s->children);
	free(s->child_objects);
}

/* ---- looking up ---- */

const struct snap_object *
snap_get_object(const struct snap *s, uint64_t id)
{
	if (id == 0)
		return NULL;
	for (size_t h = hash(s, id); s->by_id[h] != NULL; h = (h + 1) & (s->hash_size - 1))
		if (s->by_id[h]->id == id)
			return s->by_id[h];
	return NULL;
}

const void *
snap_get_message(const struct snap *s, uint64_t id, uint32_t kind)
{
	const struct snap_object *o = snap_get_object(s, id);

	return o != NULL && o->kind == kind ? o->message : NULL;
}

const struct snap_object *const *
snap_get_objects(const struct snap *s, size_t *count)
{
	*count = s->count;
	return s->order;
}

/* The first of by_kind[] whose kind is not below this. */
static size_t
kind_start(const struct snap *s, uint32_t kind)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->by_kind[mid]->kind < kind)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

const struct snap_object *const *
snap_get_kind(const struct snap *s, uint32_t kind, size_t *count)
{
	size_t first = kind_start(s, kind);

	*count = (kind == UINT32_MAX ? s->count : kind_start(s, kind + 1)) - first;
	return *count > 0 ? &s->by_kind[first] : NULL;
}

static bool
child_before(const struct child *c, uint32_t kind, uint64_t owner)
{
	return c->object->kind < kind || (c->object->kind == kind && c->owner < owner);
}

const struct snap_object *const *
snap_get_children(const struct snap *s, uint64_t owner, uint32_t kind, size_t *count)
{
	size_t lo = 0, hi = s->nchildren, first;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (child_before(&s->children[mid], kind, owner))
			lo = mid + 1;
		else
			hi = mid;
	}
	first = lo;
	while (lo < s->nchildren && s->children[lo].object->kind == kind && s->children[lo].owner == owner)
		lo++;
	*count = lo - first;
	return *count > 0 ? &s->child_objects[first] : NULL;
}
