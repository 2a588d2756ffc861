/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits of users and groups where a user namespace has them.  Its maps follow,
 * so that processes in it go on with the numbers they know.
 */
#include "libsnap/convert/edit.h"
#include "libsnap/core/error.h"

static struct edit *
find_within(const struct conversion *c, enum edit_subject subject, const Psnap__IdRange *x)
{
	for (size_t i = 0; i < c->o->nedits; i++) {
		struct edit *e = &c->edits[i];

		if (e->subject == subject && e->from_id >= x->outside && e->from_id - x->outside < x->length)
			return e;
	}
	return NULL;
}

/* A range of one is another one then; what is left of several would be apart. */
static int
edit_range(struct conversion *c, size_t object, struct edit *e, Psnap__IdRange **x)
{
	const struct snap_object *o = &c->objects[object];
	Psnap__IdRange *copy;

	if ((*x)->length > 1)
		return error_object(c->err, SNAP_E_REFUSED, "", o->id, o->offset,
		    "edit %s: it is one of %lu consecutive ones of a user namespace", e->text, (unsigned long)(*x)->length);
	if ((copy = records_alloc(c, sizeof *copy)) == NULL)
		return c->err->code;
	*copy = **x;
	copy->outside = e->to_id;
	e->found = true;
	*x = copy;
	return 0;
}

/* *map: the message's own array, copied before it is changed. */
static int
edit_map(struct conversion *c, size_t object, enum edit_subject subject, Psnap__IdRange ***map, size_t n)
{
	Psnap__IdRange **copy = records_alloc(c, (n + 1) * sizeof *copy);
	int r = 0;

	if (copy == NULL)
		return c->err->code;
	for (size_t i = 0; i < n && r == 0; i++) {
		struct edit *e = find_within(c, subject, (*map)[i]);

		copy[i] = (*map)[i];
		r = e != NULL ? edit_range(c, object, e, &copy[i]) : 0;
	}
	*map = copy;
	return r;
}

bool
users_are_mapped(const struct snap_object *o)
{
	const Psnap__Namespace *n = (const void *)o->message;

	return o->kind == PSNAP_KIND_NAMESPACE && n != NULL && (n->n_uid_map > 0 || n->n_gid_map > 0);
}

int
edit_users(struct conversion *c, size_t i)
{
	Psnap__Namespace *n;
	int r;

	if (!users_are_mapped(&c->objects[i]))
		return 0;
	if ((n = records_edit(c, i, sizeof *n)) == NULL)
		return c->err->code;
	if ((r = edit_map(c, i, EDIT_UID, &n->uid_map, n->n_uid_map)) != 0)
		return r;
	return edit_map(c, i, EDIT_GID, &n->gid_map, n->n_gid_map);
}
