/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits in records, by reflection.  A message that changes is copied, with
 * those it is within and the array it is in; all others stay the snapshot's.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/convert/edit.h"
#include "libsnap/core/error.h"

struct editing {
	struct conversion *c;
	size_t		object;
	const ProtobufCMessage *from;
	ProtobufCMessage *copy;		/* NULL: nothing has changed so far */
};

/* ---- elements of a field, 1 if it is not repeated ---- */

static size_t
element_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_UINT64:
		return sizeof(uint64_t);
	default:
		return sizeof(uint32_t);
	}
}

static const char *
elements(const ProtobufCMessage *m, const ProtobufCFieldDescriptor *f, size_t *n)
{
	const char *member = (const char *)m + f->offset;

	*n = 1;
	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return member;
	*n = *(const size_t *)(const void *)((const char *)m + f->quantifier_offset);
	return *(const char *const *)(const void *)member;
}

static void *
duplicate(struct conversion *c, const void *from, size_t n)
{
	void *to = records_alloc(c, n);

	return to != NULL ? memcpy(to, from, n) : NULL;
}

/* Where element i is to be stored, which is in the copy; NULL without memory. */
static void *
change(struct editing *e, const ProtobufCFieldDescriptor *f, size_t i)
{
	size_t n, size = element_size(f);
	const char *old = elements(e->from, f, &n);
	void *member, **array;

	if (e->copy == NULL &&
	    (e->copy = duplicate(e->c, e->from, e->from->descriptor->sizeof_message)) == NULL)
		return NULL;
	member = (char *)e->copy + f->offset;
	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return member;
	array = member;
	if (*array == (const void *)old && (*array = duplicate(e->c, old, n * size)) == NULL)
		return NULL;
	return (char *)*array + i * size;
}

/* ---- numbers ---- */

static struct edit *
find_id(const struct conversion *c, enum edit_subject subject, uint64_t id)
{
	for (size_t i = 0; i < c->o->nedits; i++)
		if (c->edits[i].subject == subject && c->edits[i].from_id == id)
			return &c->edits[i];
	return NULL;
}

static int
edit_ids(struct editing *e, const struct edit_field *field, const ProtobufCFieldDescriptor *f)
{
	bool wide = f->type == PROTOBUF_C_TYPE_UINT64;
	size_t n;
	const void *old = elements(e->from, f, &n);
	struct edit *edit;
	void *to;

	for (size_t i = 0; i < n; i++) {
		edit = find_id(e->c, field->subject,
		    wide ? ((const uint64_t *)old)[i] : ((const uint32_t *)old)[i]);
		if (edit == NULL)
			continue;
		edit->found = true;
		if ((to = change(e, f, i)) == NULL)
			return e->c->err->code;
		if (wide)
			*(uint64_t *)to = edit->to_id;
		else
			*(uint32_t *)to = edit->to_id;
	}
	return 0;
}

static int
compare_id(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* CRD-1: they are ascending. */
static void
sort_groups(struct editing *e)
{
	Psnap__Credentials *to = (void *)e->copy;

	if (to->groups != ((const Psnap__Credentials *)(const void *)e->from)->groups)
		qsort(to->groups, to->n_groups, sizeof *to->groups, compare_id);
}

/* ---- texts ---- */

struct text {
	const char	*p;
	size_t		n;
};

static struct text
text_of(const ProtobufCFieldDescriptor *f, const void *element)
{
	const ProtobufCBinaryData *b = element;
	const char *const *s = element;

	if (f->type == PROTOBUF_C_TYPE_BYTES)
		return (struct text){ (const char *)b->data, b->len };
	return (struct text){ *s, strlen(*s) };
}

/* Bytes that paths under this one begin with. */
static size_t
prefix_len(const char *path)
{
	return strcmp(path, "/") == 0 ? 0 : strlen(path);
}

static bool
is_under(const struct text *path, const char *folder)
{
	size_t n = prefix_len(folder);

	return path->n > 0 && path->n >= n && memcmp(path->p, folder, n) == 0 &&
	    (path->n == n || path->p[n] == '/');
}

/* Of several, the one that tells most of the path. */
static struct edit *
find_text(const struct conversion *c, enum edit_subject subject, const struct text *old)
{
	struct edit *best = NULL;

	for (size_t i = 0; i < c->o->nedits; i++) {
		struct edit *e = &c->edits[i];

		if (e->subject != subject || (e->from != NULL && !is_under(old, e->from)))
			continue;
		if (best == NULL || strlen(e->from) > strlen(best->from))
			best = e;
	}
	return best;
}

/* The text as the edit has it, with a NUL behind it; p is NULL without memory. */
static struct text
edited_text(struct conversion *c, const struct edit *e, const struct text *old)
{
	struct text rest = { "", 0 };
	size_t n = strlen(e->to);
	char *p;

	if (e->from != NULL) {
		size_t skip = prefix_len(e->from);

		rest = (struct text){ old->p + skip, old->n - skip };
		if (rest.n == 1)	/* the slash of the root folder itself */
			rest.n = 0;
		if (rest.n > 0)
			n = prefix_len(e->to);
	}
	if ((p = records_alloc(c, n + rest.n + 1)) == NULL)
		return (struct text){ NULL, 0 };
	memcpy(p, e->to, n);
	memcpy(p + n, rest.p, rest.n);
	p[n + rest.n] = '\0';
	return (struct text){ p, n + rest.n };
}

static int
edit_text(struct editing *e, const struct edit_field *field, const ProtobufCFieldDescriptor *f)
{
	const struct snap_object *o = &e->c->objects[e->object];
	size_t n;
	struct text old = text_of(f, elements(e->from, f, &n)), new;
	struct edit *edit = find_text(e->c, field->subject, &old);
	void *to;

	if (edit == NULL)
		return 0;
	edit->found = true;
	if ((new = edited_text(e->c, edit, &old)).p == NULL)
		return e->c->err->code;
	if (new.n > field->max)
		return error_object(e->c->err, SNAP_E_REFUSED, "", o->id, o->offset,
		    "edit %s: %s would have %lu bytes, and can have %lu", edit->text, f->name,
		    (unsigned long)new.n, (unsigned long)field->max);
	if ((to = change(e, f, 0)) == NULL)
		return e->c->err->code;
	if (f->type == PROTOBUF_C_TYPE_BYTES)
		*(ProtobufCBinaryData *)to = (ProtobufCBinaryData){ new.n, (uint8_t *)(uintptr_t)new.p };
	else
		*(const char **)to = new.p;
	return 0;
}

/* ---- messages ---- */

static int
edit_fields(struct editing *e)
{
	const ProtobufCMessageDescriptor *d = e->from->descriptor;
	const struct edit_field *field;
	int r;

	for (size_t i = 0; (field = edit_field_at(i)) != NULL; i++) {
		const ProtobufCFieldDescriptor *f;

		if (field->in != d || (field->used != NULL && !field->used(e->from)) || (field->as_told && e->c->inside))
			continue;
		f = protobuf_c_message_descriptor_get_field(d, field->field);
		r = field->max > 0 ? edit_text(e, field, f) : edit_ids(e, field, f);
		if (r != 0)
			return r;
	}
	if (e->copy != NULL && d == &psnap__credentials__descriptor)
		sort_groups(e);
	return 0;
}

/*
 * The message with the edits: itself, or a copy; NULL after an error.  Messages
 * nest as deep as the schema, whatever the input is.
 */
static const ProtobufCMessage *
edited(struct conversion *c, size_t object, const ProtobufCMessage *m)
{
	struct editing e = { .c = c, .object = object, .from = m };

	if (edit_fields(&e) != 0)
		return NULL;
	for (unsigned k = 0; k < m->descriptor->n_fields; k++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[k];
		const ProtobufCMessage *const *parts, *part;
		size_t n;
		void *to;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE)
			continue;
		parts = (const void *)elements(m, f, &n);
		for (size_t i = 0; i < n; i++) {
			if (parts[i] == NULL)
				continue;
			if ((part = edited(c, object, parts[i])) == NULL)
				return NULL;
			if (part == parts[i])
				continue;
			if ((to = change(&e, f, i)) == NULL)
				return NULL;
			*(const ProtobufCMessage **)to = part;
		}
	}
	return e.copy != NULL ? e.copy : m;
}

int
edit_record(struct conversion *c, size_t i)
{
	struct snap_object *o = &c->objects[i];
	const ProtobufCMessage *m = edited(c, i, o->message);

	if (m == NULL)
		return c->err->code;
	if (m != o->message) {
		o->message = m;
		c->changed[i] = true;
	}
	return 0;
}
