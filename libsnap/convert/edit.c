/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The caller's edits: checked before anything is done, and one pass that makes
 * them all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "libsnap/convert/edit.h"
#include "libsnap/core/error.h"

#define LAST_ID		(UINT32_MAX - 1)	/* the last number is nobody's: "no change", "unknown" */
#define ENV		"env:"

/* What can be edited, by name; env:NAME beside it. */
static const struct {
	const char	*what;
	enum edit_subject subject;
} subjects[] = {
	{ "hostname", EDIT_HOSTNAME },
	{ "domainname", EDIT_DOMAINNAME },
	{ "name", EDIT_NAME },
	{ "path", EDIT_PATH },
	{ "cgroup", EDIT_CGROUP },
	{ "uid", EDIT_UID },
	{ "gid", EDIT_GID },
};
#define NSUBJECTS	(sizeof subjects / sizeof subjects[0])

/* ---- the edit as text ---- */

/* Bytes that do not print, and backslashes, become \xNN. */
static char *
append_printable(char *p, const char *s)
{
	for (; *s != '\0'; s++) {
		uint8_t b = (uint8_t)*s;

		if (b >= ' ' && b <= '~' && b != '\\')
			*p++ = *s;
		else
			p += sprintf(p, "\\x%02x", b);
	}
	*p = '\0';
	return p;
}

static bool
is_variable(const struct snap_edit *g)
{
	return strncmp(g->what, ENV, strlen(ENV)) == 0;
}

/* Without the value of a variable, which may be a secret: provenance is for everyone. */
static char *
spell(struct conversion *c, const struct snap_edit *g)
{
	const char *from = g->from != NULL ? g->from : "";
	char *text = records_alloc(c, 4 * (strlen(g->what) + strlen(from) + strlen(g->to)) + sizeof ":=");
	char *p;

	if (text == NULL)
		return NULL;
	p = append_printable(text, g->what);
	if (g->from != NULL)
		p = append_printable(append_printable(p, ":"), from);
	if (!is_variable(g))
		append_printable(append_printable(p, "="), g->to);
	return text;
}

/* ---- checks ---- */

static int
wrong(struct conversion *c, const struct edit *e, const char *why)
{
	return error_misuse(c->err, "edit %s: %s", e->text, why);
}

/* Absolute, and no component empty, "." or "..". */
static bool
is_plain_path(const char *path)
{
	const char *s = path;

	if (strcmp(s, "/") == 0)
		return true;
	while (*s == '/') {
		size_t n = strcspn(++s, "/");

		if (n == 0 || (n == 1 && s[0] == '.') || (n == 2 && s[0] == '.' && s[1] == '.'))
			return false;
		s += n;
	}
	return *s == '\0' && s != path;
}

static bool
is_word(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s <= ' ' || *s > '~')
			return false;
	return true;
}

static bool
parse_id(const char *s, uint32_t *id)
{
	uint64_t v = 0;

	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9' || (v = v * 10 + (uint64_t)(*s - '0')) > LAST_ID)
			return false;
	}
	*id = (uint32_t)v;
	return true;
}

static int
check_texts(struct conversion *c, struct edit *e)
{
	switch (e->subject) {
	case EDIT_HOSTNAME:
	case EDIT_DOMAINNAME:	/* there may be none */
	case EDIT_NAME:
		return is_word(e->to) && (*e->to != '\0' || e->subject == EDIT_DOMAINNAME) ? 0 :
		    wrong(c, e, "printable characters without blanks are wanted");
	case EDIT_VARIABLE:
		return *e->from != '\0' && is_word(e->from) && strchr(e->from, '=') == NULL ? 0 :
		    wrong(c, e, "this is no name of a variable");
	case EDIT_PATH:
	case EDIT_CGROUP:
		return is_plain_path(e->from) && is_plain_path(e->to) ? 0 :
		    wrong(c, e, "absolute paths without '.', '..' and '//' are wanted");
	default:
		return parse_id(e->from, &e->from_id) && parse_id(e->to, &e->to_id) ? 0 :
		    wrong(c, e, "numbers from 0 to 4294967294 are wanted");
	}
}

static bool
is_map(enum edit_subject subject)
{
	return subject == EDIT_PATH || subject == EDIT_CGROUP || subject == EDIT_UID || subject == EDIT_GID;
}

static int
find_subject(struct conversion *c, struct edit *e, const struct snap_edit *g)
{
	size_t i = 0;

	if (is_variable(g)) {
		e->subject = EDIT_VARIABLE;
		e->from = g->what + strlen(ENV);
	} else {
		while (i < NSUBJECTS && strcmp(subjects[i].what, g->what) != 0)
			i++;
		if (i == NSUBJECTS)
			return wrong(c, e, "there is nothing of this name to be edited");
		e->subject = subjects[i].subject;
		e->from = g->from;
	}
	if (is_map(e->subject) != (g->from != NULL))
		return wrong(c, e, g->from != NULL ? "it is set, not mapped" : "it is mapped, not set");
	return 0;
}

static bool
is_same(const struct edit *a, const struct edit *b)
{
	if (a->subject != b->subject)
		return false;
	if (a->subject == EDIT_UID || a->subject == EDIT_GID)
		return a->from_id == b->from_id;
	return a->from == NULL || strcmp(a->from, b->from) == 0;
}

static int
take_edit(struct conversion *c, size_t n)
{
	const struct snap_edit *g = &c->o->edits[n];
	struct edit *e = &c->edits[n];
	int r;

	if (g->what == NULL || g->to == NULL)
		return error_misuse(c->err, "edit %lu: what and to must not be NULL", (unsigned long)n);
	*e = (struct edit){ .to = g->to };
	if ((e->text = spell(c, g)) == NULL)
		return c->err->code;
	if ((r = find_subject(c, e, g)) != 0 || (r = check_texts(c, e)) != 0)
		return r;
	for (size_t i = 0; i < n; i++)
		if (is_same(&c->edits[i], e))
			return wrong(c, e, "it contradicts another one");
	return 0;
}

/* ---- the pass ---- */

static int
edit_all(struct conversion *c)
{
	int r = 0;

	for (size_t i = 0; i < c->count; i++)
		c->inside = c->inside || users_are_mapped(&c->objects[i]);
	for (size_t i = 0; i < c->count && r == 0; i++) {
		if (c->objects[i].message == NULL)
			r = records_lose(c, i, "of a kind or revision not known here: it is not edited");
		else if ((r = edit_record(c, i)) == 0 && (r = edit_users(c, i)) == 0 &&
		    c->objects[i].kind == PSNAP_KIND_ADDRESS_SPACE)
			r = edit_environment(c, i);
	}
	for (size_t i = 0; i < c->o->nedits && r == 0; i++)
		if (!c->edits[i].found)
			r = error_set(c->err, SNAP_E_NOT_FOUND, "", 0, "edit %s: nothing in the snapshot is concerned",
			    c->edits[i].text);
	return r;
}

/* "edit hostname=web2, path:/old=/new" */
static char *
pass_name(struct conversion *c)
{
	size_t n = sizeof "edit";
	char *name, *p;

	for (size_t i = 0; i < c->o->nedits; i++)
		n += strlen(", ") + strlen(c->edits[i].text);
	if ((name = p = records_alloc(c, n)) == NULL)
		return NULL;
	for (size_t i = 0; i < c->o->nedits; i++)
		p += sprintf(p, "%s%s", i == 0 ? "edit " : ", ", c->edits[i].text);
	return name;
}

int
edit_plan(struct conversion *c)
{
	struct pass *pass;
	int r;

	if (c->o->nedits == 0)
		return 0;
	if (c->o->nedits > SIZE_MAX / sizeof *c->edits)
		return error_misuse(c->err, "%lu edits", (unsigned long)c->o->nedits);
	if ((c->edits = records_alloc(c, c->o->nedits * sizeof *c->edits)) == NULL)
		return c->err->code;
	for (size_t i = 0; i < c->o->nedits; i++)
		if ((r = take_edit(c, i)) != 0)
			return r;
	if ((pass = records_alloc(c, sizeof *pass)) == NULL || (pass->name = pass_name(c)) == NULL)
		return c->err->code;
	pass->run = edit_all;
	c->steps[c->nsteps++] = pass;
	return 0;
}
