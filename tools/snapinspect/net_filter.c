/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The filters of a network stack, as JSON and for people.
 */
#include <string.h>

#include "format/filter.pb-c.h"
#include "tools/snapinspect/view.h"

/* nft(8) keeps pieces in user data: a type, a length, and a text for people with its NUL. */
#define COMMENT		0
#define SET_COMMENT	7

static json_t *
comment_json(const ProtobufCBinaryData *data, uint8_t type)
{
	for (size_t at = 0; data->len - at >= 2; ) {
		size_t n = data->data[at + 1];

		if (n > data->len - at - 2)
			break;
		if (data->data[at] == type && n > 0 && data->data[at + 1 + n] == '\0')
			return json_text((const char *)data->data + at + 2);
		at += 2 + n;
	}
	return json_string("");
}

static json_t *
hex_json(const ProtobufCBinaryData *bytes)
{
	char text[2 * 64 + 3] = "";

	for (size_t i = 0; i < bytes->len && i < 64; i++)
		sprintf(text + (i > 0 ? 2 + 2 * i : 0), "%s%02x", i == 0 ? "0x" : "", bytes->data[i]);
	return json_string(text);
}

/* A list of its lines. */
static json_t *
lines_json(const char *s)
{
	json_t *list = json_array();

	while (*s != '\0') {
		size_t n = strcspn(s, "\n");

		json_array_append_new(list, json_bytes(s, n));
		s += n + (s[n] == '\n');
	}
	return list;
}

/* ---- sets ---- */

static json_t *
element_json(const Psnap__FilterElement *x)
{
	return json_pack("{s:o, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:o, s:o}", "key", hex_json(&x->key),
	    "last_key", hex_json(&x->last_key), "ends_interval", (int)x->ends_interval, "value", hex_json(&x->value),
	    "verdict", json_text(x->verdict), "object", json_text(x->object),
	    "timeout_ns", x->has_timeout ? json_integer((json_int_t)x->timeout_ns) : json_null(),
	    "left_ns", (json_int_t)x->left_ns, "expressions", lines_json(x->expressions),
	    "comment", comment_json(&x->user_data, COMMENT));
}

static json_t *
set_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__FilterSet *x = (const void *)o->message;
	json_t *elements = json_array(), *parts = json_array(), *j;
	char kind[64];

	(void)s;
	for (size_t i = 0; i < x->n_elements; i++)
		json_array_append_new(elements, element_json(x->elements[i]));
	for (size_t i = 0; i < x->n_key_parts; i++)
		json_array_append_new(parts, json_integer(x->key_parts[i]));
	j = json_pack("{s:o, s:s, s:b, s:b, s:b, s:b, s:b, s:b}", "name", json_text(x->name), "kind",
	    word(&psnap__filter_set_kind__descriptor, (int)x->kind, kind), "anonymous", (int)x->anonymous,
	    "constant", (int)x->constant, "intervals", (int)x->intervals, "expires", (int)x->expires,
	    "dynamic", (int)x->dynamic, "concatenation", (int)x->concatenation);
	json_object_update_new(j, json_pack("{s:I, s:I, s:o, s:I, s:I, s:o, s:I, s:b, s:I, s:I, s:o, s:o, s:o}",
	    "key_size", (json_int_t)x->key_size, "key_type", (json_int_t)x->key_type, "key_parts", parts,
	    "value_size", (json_int_t)x->value_size, "value_type", (json_int_t)x->value_type,
	    "object_type", json_text(x->object_type), "max_elements", (json_int_t)x->max_elements, "small", (int)x->small,
	    "timeout_ns", (json_int_t)x->timeout_ns, "sweep_ns", (json_int_t)x->sweep_ns,
	    "expressions", lines_json(x->expressions), "elements", elements,
	    "comment", comment_json(&x->user_data, SET_COMMENT)));
	return j;
}

/* ---- chains ---- */

static json_t *
rule_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__FilterRule *r = (const void *)o->message;

	(void)s;
	return json_pack("{s:o, s:o}", "expressions", lines_json(r->expressions),
	    "comment", comment_json(&r->user_data, COMMENT));
}

static json_t *
counter_json(const Psnap__FilterCounter *c)
{
	return c == NULL ? json_null() : json_pack("{s:I, s:I}", "packets", (json_int_t)c->packets,
	    "bytes", (json_int_t)c->bytes);
}

static json_t *
chain_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__FilterChain *c = (const void *)o->message;
	json_t *devices = json_array(), *rules = json_array();
	char hook[64], type[64], policy[64];

	for (size_t i = 0; i < c->n_devices; i++)
		json_array_append_new(devices, json_text(c->devices[i]));
	add_children(s, rules, o->id, PSNAP_KIND_FILTER_RULE, rule_json);
	return json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:o, s:o}", "name", json_text(c->name),
	    "hook", c->hook == 0 ? json_null() : json_string(word(&psnap__filter_hook__descriptor, (int)c->hook, hook)),
	    "type", c->hook == 0 ? json_null() :
	    json_string(word(&psnap__filter_chain_type__descriptor, (int)c->type, type)),
	    "priority", (json_int_t)c->priority, "policy", c->hook == 0 ? json_null() :
	    json_string(word(&psnap__filter_policy__descriptor, (int)c->policy, policy)), "devices", devices,
	    "counter", counter_json(c->counter), "rules", rules, "comment", comment_json(&c->user_data, COMMENT));
}

/* ---- tables ---- */

static json_t *
objects_json(const Psnap__FilterTable *t)
{
	json_t *list = json_array();

	for (size_t i = 0; i < t->n_objects; i++)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o}", "name", json_text(t->objects[i]->name),
		    "expression", json_text(t->objects[i]->expression),
		    "comment", comment_json(&t->objects[i]->user_data, COMMENT)));
	return list;
}

json_t *
filter_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__FilterTable *t = (const void *)o->message;
	json_t *sets = json_array(), *chains = json_array();
	char family[64];

	add_children(s, sets, o->id, PSNAP_KIND_FILTER_SET, set_json);
	add_children(s, chains, o->id, PSNAP_KIND_FILTER_CHAIN, chain_json);
	return json_pack("{s:s, s:o, s:b, s:o, s:o, s:o, s:o}", "family",
	    word(&psnap__filter_family__descriptor, (int)t->family, family), "name", json_text(t->name),
	    "dormant", (int)t->dormant, "objects", objects_json(t), "sets", sets, "chains", chains,
	    "comment", comment_json(&t->user_data, COMMENT));
}

/* ---- for people ---- */

static void
print_comment(const json_t *j)
{
	if (str(j, "comment")[0] != '\0')
		printf(" \"%s\"", str(j, "comment"));
	putchar('\n');
}

/* One after the other, in a line. */
static void
print_lines(const json_t *list)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j)
		printf("%s%s", i > 0 ? "; " : "", json_string_value(j));
}

static void
print_element(const json_t *j)
{
	const char *key = str(j, "key");

	printf("          %s%s", is_true(j, "ends_interval") ? "before " : "", key[0] != '\0' ? key : "all others");
	if (str(j, "last_key")[0] != '\0')
		printf(" to %s", str(j, "last_key"));
	if (str(j, "value")[0] != '\0' || str(j, "verdict")[0] != '\0' || str(j, "object")[0] != '\0')
		printf(": %s%s%s", str(j, "value"), str(j, "verdict"), str(j, "object"));
	if (num(j, "left_ns") != 0)
		printf(" for %lld s", (long long)(num(j, "left_ns") / 1000000000));
	if (json_array_size(json_object_get(j, "expressions")) > 0)
		putchar(' ');
	print_lines(json_object_get(j, "expressions"));
	print_comment(j);
}

static void
print_set(const json_t *j)
{
	const json_t *x, *elements = json_object_get(j, "elements");
	size_t i;

	printf("       %s %s: %zu of %lld bytes", str(j, "kind"), str(j, "name"), json_array_size(elements),
	    (long long)num(j, "key_size"));
	if (num(j, "timeout_ns") != 0)
		printf(" for %lld s", (long long)(num(j, "timeout_ns") / 1000000000));
	print_comment(j);
	json_array_foreach(elements, i, x)
		print_element(x);
}

static void
print_chain(const json_t *j)
{
	const json_t *x;
	size_t i;

	printf("       chain %s", str(j, "name"));
	if (str(j, "hook")[0] != '\0')
		printf(": %s %s %lld, policy %s", str(j, "type"), str(j, "hook"), (long long)num(j, "priority"),
		    str(j, "policy"));
	json_array_foreach(json_object_get(j, "devices"), i, x)
		printf(" %s %s", i == 0 ? "of" : "and", json_string_value(x));
	print_comment(j);
	json_array_foreach(json_object_get(j, "rules"), i, x) {
		printf("          ");
		print_lines(json_object_get(x, "expressions"));
		print_comment(x);
	}
}

void
filter_print(const json_t *j)
{
	const json_t *x;
	size_t i;

	printf("filter %s %s%s", str(j, "family"), str(j, "name"), is_true(j, "dormant") ? " dormant" : "");
	print_comment(j);
	json_array_foreach(json_object_get(j, "objects"), i, x) {
		printf("       object %s: %s", str(x, "name"), str(x, "expression"));
		print_comment(x);
	}
	json_array_foreach(json_object_get(j, "sets"), i, x)
		print_set(x);
	json_array_foreach(json_object_get(j, "chains"), i, x)
		print_chain(x);
}
