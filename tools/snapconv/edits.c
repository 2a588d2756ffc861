/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "tools/snapconv/edits.h"

/* End what is before the character; what is behind it, or NULL. */
static char *
cut(char *s, char at)
{
	char *p = strchr(s, at);

	if (p == NULL)
		return NULL;
	*p = '\0';
	return p + 1;
}

static bool
add(struct edits *e, const char *what, const char *from, const char *to)
{
	struct snap_edit *v = realloc(e->v, (e->n + 1) * sizeof *v);

	if (v == NULL)
		return false;
	v[e->n++] = (struct snap_edit){ what, from, to };
	e->v = v;
	return true;
}

bool
edits_set(struct edits *e, char *arg)
{
	const char *to = cut(arg, '=');

	return to != NULL && add(e, arg, NULL, to);
}

bool
edits_map(struct edits *e, char *arg)
{
	char *from = cut(arg, ':'), *to = from != NULL ? cut(from, '=') : NULL;

	return to != NULL && add(e, arg, from, to);
}
