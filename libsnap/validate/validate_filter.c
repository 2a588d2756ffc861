/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters of network stacks.  Whether their expressions make sense only the
 * kernel that is to run them can tell.
 */
#include <stdlib.h>
#include <string.h>

#include "format/filter.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

#define NAME_MAX_BYTES	255
#define DATA_MAX	256
#define TEXT_MAX	8192
#define LINES_MAX	128
#define KEY_MAX		64
#define PARTS_MAX	16
#define DEVICES_MAX	256
#define MS_NS		1000000

/* ---- names, data, text ---- */

static bool
is_name(const char *s)
{
	size_t n = strlen(s);

	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return n >= 1 && n <= NAME_MAX_BYTES;
}

static void
check_name(struct check *v, const struct snap_object *o, const char *name, const ProtobufCBinaryData *data)
{
	if (!is_name(name) || data->len > DATA_MAX)				/* FLT-1 */
		check_corrupt(v, o, "FLT-1", "a name of %lu bytes, user data of %lu", (unsigned long)strlen(name),
		    (unsigned long)data->len);
}

/* Lines of printable characters, the first of which belongs to none before. */
static bool
is_text(const char *s, size_t max_lines)
{
	size_t lines = s[0] != '\0', n = strlen(s);

	if (n > TEXT_MAX || s[0] == '+')
		return false;
	for (size_t i = 0; i < n; i++) {
		if (s[i] == '\n' ? i == 0 || s[i - 1] == '\n' || i + 1 == n : s[i] < ' ' || s[i] > '~')
			return false;
		lines += s[i] == '\n';
	}
	return lines <= max_lines;
}

static void
check_text(struct check *v, const struct snap_object *o, const char *s, size_t max_lines)
{
	if (!is_text(s, max_lines))						/* FLT-2 */
		check_corrupt(v, o, "FLT-2", "%lu bytes that are no lines of expressions", (unsigned long)strlen(s));
}

/* ---- tables, chains, rules ---- */

void
check_filter_table(struct check *v, const struct snap_object *o)
{
	const Psnap__FilterTable *t = CHECK_MESSAGE(Psnap__FilterTable, o);

	check_network_namespace(v, o, t->namespace_id);
	check_name(v, o, t->name, &t->user_data);
	for (size_t i = 0; i < t->n_objects; i++) {
		check_name(v, o, t->objects[i]->name, &t->objects[i]->user_data);
		check_text(v, o, t->objects[i]->expression, 1);
	}
}

static bool
has_own_hook(const Psnap__FilterChain *c)
{
	bool of_devices = c->hook == PSNAP__FILTER_HOOK__FILTER_INGRESS || c->hook == PSNAP__FILTER_HOOK__FILTER_EGRESS;

	if (c->hook == 0)
		return c->type == 0 && c->policy == 0 && c->priority == 0 && c->n_devices == 0 && c->counter == NULL;
	return c->type != 0 && c->policy != 0 && (of_devices || c->n_devices == 0);
}

void
check_filter_chain(struct check *v, const struct snap_object *o)
{
	const Psnap__FilterChain *c = CHECK_MESSAGE(Psnap__FilterChain, o);

	check_name(v, o, c->name, &c->user_data);
	if (!has_own_hook(c))							/* FLT-3 */
		check_corrupt(v, o, "FLT-3", "it does not have what its hook, %d, has", (int)c->hook);
	if (c->n_devices > DEVICES_MAX)						/* FLT-4 */
		check_corrupt(v, o, "FLT-4", "%lu interfaces", (unsigned long)c->n_devices);
	for (size_t i = 0; i < c->n_devices; i++)
		if (!check_is_interface_name(c->devices[i]))			/* FLT-4 */
			check_corrupt(v, o, "FLT-4", "interface %lu is none", (unsigned long)i);
}

void
check_filter_rule(struct check *v, const struct snap_object *o)
{
	const Psnap__FilterRule *r = CHECK_MESSAGE(Psnap__FilterRule, o);

	if (r->user_data.len > DATA_MAX)					/* FLT-1 */
		check_corrupt(v, o, "FLT-1", "user data of %lu bytes", (unsigned long)r->user_data.len);
	check_text(v, o, r->expressions, LINES_MAX);
}

/* ---- sets ---- */

static bool
is_sound_set(const Psnap__FilterSet *s)
{
	bool map = s->kind == PSNAP__FILTER_SET_KIND__FILTER_MAP;

	for (size_t i = 0; i < s->n_key_parts; i++)
		if (s->key_parts[i] == 0 || s->key_parts[i] > KEY_MAX)
			return false;
	return s->key_size >= 1 && s->key_size <= KEY_MAX && s->n_key_parts <= PARTS_MAX && s->value_size <= KEY_MAX &&
	    (s->value_size != 0) == map && (map || s->value_type == 0) &&
	    (s->object_type[0] != '\0') == (s->kind == PSNAP__FILTER_SET_KIND__FILTER_OBJECT_MAP) &&
	    s->sweep_ns / MS_NS <= UINT32_MAX && (s->expires || (s->timeout_ns == 0 && s->sweep_ns == 0));
}

/* What the set's kind has for each element; nothing at the end of a range. */
static bool
has_own_value(const Psnap__FilterSet *s, const Psnap__FilterElement *x)
{
	bool has = !x->ends_interval;

	return x->value.len == (has ? s->value_size : 0) &&
	    (x->verdict[0] != '\0') == (has && s->kind == PSNAP__FILTER_SET_KIND__FILTER_VERDICT_MAP) &&
	    (x->object[0] != '\0') == (has && s->kind == PSNAP__FILTER_SET_KIND__FILTER_OBJECT_MAP);
}

static bool
is_sound_key(const Psnap__FilterSet *s, const Psnap__FilterElement *x)
{
	if (x->ends_interval && (!s->intervals || x->key.len == 0 || x->last_key.len > 0 || x->has_timeout ||
	    x->left_ns != 0 || x->expressions[0] != '\0' || x->user_data.len > 0))
		return false;
	return (x->key.len == 0 || x->key.len == s->key_size) &&
	    (x->last_key.len == 0 || (s->intervals && x->last_key.len == x->key.len));
}

static bool
is_sound_timeout(const Psnap__FilterSet *s, const Psnap__FilterElement *x)
{
	uint64_t timeout = x->has_timeout ? x->timeout_ns : s->timeout_ns;

	return (s->expires || (!x->has_timeout && x->left_ns == 0)) && (x->has_timeout || x->timeout_ns == 0) &&
	    x->left_ns <= timeout;
}

static void
check_element(struct check *v, const struct snap_object *o, const Psnap__FilterSet *s, size_t i)
{
	const Psnap__FilterElement *x = s->elements[i];

	if (x->user_data.len > DATA_MAX || (x->object[0] != '\0' && !is_name(x->object)))	/* FLT-1 */
		check_corrupt(v, o, "FLT-1", "element %lu", (unsigned long)i);
	check_text(v, o, x->verdict, 1);
	check_text(v, o, x->expressions, LINES_MAX);
	if (!is_sound_key(s, x) || !has_own_value(s, x))			/* FLT-6 */
		check_corrupt(v, o, "FLT-6", "element %lu does not have what the set has", (unsigned long)i);
	if (!is_sound_timeout(s, x))						/* FLT-7 */
		check_corrupt(v, o, "FLT-7", "element %lu ends after its timeout", (unsigned long)i);
}

void
check_filter_set(struct check *v, const struct snap_object *o)
{
	const Psnap__FilterSet *s = CHECK_MESSAGE(Psnap__FilterSet, o);

	check_name(v, o, s->name, &s->user_data);
	check_text(v, o, s->expressions, LINES_MAX);
	if (!is_sound_set(s))							/* FLT-5 */
		check_corrupt(v, o, "FLT-5", "a value is out of range");
	for (size_t i = 0; i < s->n_elements && !v->stopped; i++)
		check_element(v, o, s, i);
}

/* ---- all together ---- */

/* What is to be unique: a name in a namespace, or in a table. */
struct entry {
	uint64_t	owner;
	uint32_t	family;		/* of a table; 0 */
	const char	*name;
	const struct snap_object *object;
};

static struct entry
entry_of(const struct snap_object *o)
{
	const Psnap__FilterTable *t = (const void *)o->message;
	const Psnap__FilterChain *c = (const void *)o->message;
	const Psnap__FilterSet *s = (const void *)o->message;

	switch (o->kind) {
	case PSNAP_KIND_FILTER_TABLE:
		return (struct entry){ t->namespace_id, t->family, t->name, o };
	case PSNAP_KIND_FILTER_CHAIN:
		return (struct entry){ c->table_id, 0, c->name, o };
	default:
		return (struct entry){ s->table_id, 0, s->name, o };
	}
}

static int
compare_names(const struct entry *x, const struct entry *y)
{
	int c = (x->owner > y->owner) - (x->owner < y->owner);

	if (c == 0)
		c = (x->family > y->family) - (x->family < y->family);
	return c != 0 ? c : strcmp(x->name, y->name);
}

static int
compare_entries(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = compare_names(x, y);

	return c != 0 ? c : (x->object > y->object) - (x->object < y->object);
}

static int
check_kind(struct check *v, uint32_t kind)
{
	size_t n, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, kind, &n);
	struct entry *e = malloc((n + 1) * sizeof *e);

	if (e == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < n; i++)
		if (all[i]->message != NULL)
			e[used++] = entry_of(all[i]);
	qsort(e, used, sizeof *e, compare_entries);
	for (size_t i = 1; i < used && !v->stopped; i++)
		if (compare_names(&e[i], &e[i - 1]) == 0)			/* FLT-8 */
			check_corrupt(v, e[i].object, "FLT-8", "it is there twice, as object %llu",
			    (unsigned long long)e[i - 1].object->id);
	free(e);
	return 0;
}

int
check_filters(struct check *v)
{
	int r;

	if ((r = check_kind(v, PSNAP_KIND_FILTER_TABLE)) != 0 ||
	    (r = check_kind(v, PSNAP_KIND_FILTER_CHAIN)) != 0)
		return r;
	return check_kind(v, PSNAP_KIND_FILTER_SET);
}
