/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Environment variables, where the kernel put them when the program began:
 * strings one behind the other, to which the program has pointers.  So none
 * can become longer, and what is left of a shorter one becomes NULs.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/convert/edit.h"
#include "libsnap/core/error.h"

#define ENVIRONMENT_MAX	(8u << 20)	/* Linux takes 6 MiB, arguments included */

struct environment {
	struct conversion *c;
	size_t		object;		/* the address space */
	uint64_t	start;
	char		*bytes;		/* n, and a NUL */
	size_t		n;
};

static bool
is_wanted(const struct conversion *c)
{
	for (size_t i = 0; i < c->o->nedits; i++)
		if (c->edits[i].subject == EDIT_VARIABLE)
			return true;
	return false;
}

/* What is held from its start on: pages that are not are zeros, no strings. */
static int
read_strings(struct environment *v)
{
	const struct snap_object *o = &v->c->objects[v->object];
	size_t done = 0;
	int r;

	if (v->n > ENVIRONMENT_MAX)
		return error_object(v->c->err, SNAP_E_LIMIT, "", o->id, o->offset,
		    "an environment of %lu bytes", (unsigned long)v->n);
	if ((v->bytes = malloc(v->n + 1)) == NULL)
		return error_nomem(v->c->err);
	r = snap_read_memory(v->c->in, o->id, v->start, v->bytes, v->n, &done, v->c->err);
	if (r != 0 && r != SNAP_E_NOT_FOUND)
		return r;
	v->n = done;
	v->bytes[done] = '\0';
	return 0;
}

/* old: the value, in v->bytes. */
static int
write_value(struct environment *v, const struct edit *e, const char *old)
{
	const struct snap_object *o = &v->c->objects[v->object];
	size_t room = strlen(old), n = strlen(e->to), some;
	uint64_t addr = v->start + (uint64_t)(old - v->bytes);
	uint8_t bytes[sizeof v->c->patches->bytes];
	int r;

	if (n > room)
		return error_object(v->c->err, SNAP_E_REFUSED, "", o->id, o->offset,
		    "edit %s: there is room for %lu bytes only", e->text, (unsigned long)room);
	for (size_t at = 0; at < room; at += some, addr += some) {
		some = sizeof bytes - addr % sizeof bytes;	/* within a page */
		if (some > room - at)
			some = room - at;
		for (size_t i = 0; i < some; i++)
			bytes[i] = at + i < n ? (uint8_t)e->to[at + i] : 0;
		if ((r = patch_add(v->c, o->id, addr, bytes, some)) != 0)
			return r;
	}
	return 0;
}

static int
edit_variable(struct environment *v, struct edit *e)
{
	size_t n = strlen(e->from);
	bool found = false;
	int r;

	for (const char *s = v->bytes; s < v->bytes + v->n; s += strlen(s) + 1) {
		if (strncmp(s, e->from, n) != 0 || s[n] != '=')
			continue;
		if ((r = write_value(v, e, s + n + 1)) != 0)
			return r;
		found = true;
	}
	if (!found)
		return 0;
	e->found = true;
	return records_lose(v->c, v->object, "environment variable %s: copies that the program made keep the old value",
	    e->from);
}

int
edit_environment(struct conversion *c, size_t i)
{
	const Psnap__AddressSpace *a = (const void *)c->objects[i].message;
	struct environment v = { .c = c, .object = i, .start = a->environment_start };
	uint64_t n = a->environment_end - a->environment_start;
	int r;

	if (n == 0 || !is_wanted(c))
		return 0;
	v.n = n < SIZE_MAX ? (size_t)n : SIZE_MAX;
	r = read_strings(&v);
	for (size_t k = 0; k < c->o->nedits && r == 0; k++)
		if (c->edits[k].subject == EDIT_VARIABLE)
			r = edit_variable(&v, &c->edits[k]);
	free(v.bytes);
	return r;
}
