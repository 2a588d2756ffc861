/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroups of an instance, and what limits them.
 */
#include <inttypes.h>
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

/* ---- as JSON ---- */

static json_t *
numbers_json(const Psnap__ResourceLimit *l)
{
	json_t *all = json_array();

	for (size_t i = 0; i < l->n_numbers; i++) {
		const Psnap__NumberRange *r = l->numbers[i];

		json_array_append_new(all, r->first == r->last ? json_sprintf("%" PRIu32, r->first) :
		    json_sprintf("%" PRIu32 "-%" PRIu32, r->first, r->last));
	}
	return all;
}

static json_t *
limit_json(const Psnap__ResourceLimit *l)
{
	char w[64];
	json_t *j = json_pack("{s:s}", "resource", word(&psnap__resource__descriptor, (int)l->resource, w));

	if (l->n_numbers > 0) {
		json_object_set_new(j, "numbers", numbers_json(l));
		return j;
	}
	json_object_set_new(j, "value", json_integer(l->value <= INT64_MAX ? (json_int_t)l->value : INT64_MAX));
	if (l->period_ns != 0)
		json_object_set_new(j, "period_ns", json_integer((json_int_t)l->period_ns));
	return j;
}

static json_t *
words_json(char **v, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_text(v[i]));
	return all;
}

static json_t *
cgroup_json(const Psnap__Cgroup *c)
{
	json_t *limits = json_array();

	for (size_t i = 0; i < c->n_limits; i++)
		json_array_append_new(limits, limit_json(c->limits[i]));
	return json_pack("{s:o, s:i, s:o, s:o, s:o}", "path", json_text(c->path), "version", c->hierarchy == 0 ? 2 : 1,
	    "controllers", words_json(c->controllers, c->n_controllers), "limits", limits,
	    "handed_down", words_json(c->handed_down, c->n_handed_down));
}

static bool
is_own(const Psnap__Instance *in, uint64_t id)
{
	for (size_t i = 0; i < in->n_cgroup_ids; i++)
		if (in->cgroup_ids[i] == id)
			return true;
	return false;
}

json_t *
cgroups_json(struct snap *s, const Psnap__Instance *in)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_CGROUP, &n);
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++) {
		const Psnap__Cgroup *c = (const void *)v[i]->message;

		/* only those of an instance limit anything: CGR-2 */
		if (c != NULL && (c->n_limits > 0 || is_own(in, v[i]->id)))
			json_array_append_new(all, cgroup_json(c));
	}
	return all;
}

/* ---- for people ---- */

static void
print_numbers(const char *what, const json_t *numbers)
{
	const json_t *range;
	size_t i;

	printf("%s ", what);
	json_array_foreach(numbers, i, range)
		printf("%s%s", i > 0 ? "," : "", json_string_value(range));
}

static void
print_limit(const json_t *j)
{
	static const struct { const char *resource, *fmt; double unit; } words[] = {
		{ "memory", "%.1f MiB of memory", 1 << 20 }, { "memory-high", "slower beyond %.1f MiB", 1 << 20 },
		{ "memory-low", "%.1f MiB kept if possible", 1 << 20 }, { "memory-min", "%.1f MiB kept", 1 << 20 },
		{ "swap", "%.1f MiB of swap", 1 << 20 }, { "processes", "%.0f processes and threads", 1 },
		{ "cpu-weight", "CPU weight %.3f", 1000000 }, { "depth", "%.0f levels of cgroups", 1 },
		{ "descendants", "%.0f cgroups", 1 },
	};
	const char *resource = str(j, "resource");

	if (strcmp(resource, "cpu-time") == 0)
		printf("CPU %.1f ms of %.1f ms", (double)num(j, "value") / 1e6, (double)num(j, "period_ns") / 1e6);
	else if (strcmp(resource, "cpus") == 0)
		print_numbers("CPUs", json_object_get(j, "numbers"));
	else if (strcmp(resource, "memory-nodes") == 0)
		print_numbers("memory of nodes", json_object_get(j, "numbers"));
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(resource, words[i].resource) == 0)
			printf(words[i].fmt, (double)num(j, "value") / words[i].unit);
}

void
cgroup_print(const json_t *j)
{
	const json_t *limits = json_object_get(j, "limits"), *controllers = json_object_get(j, "controllers"), *v;
	size_t i;

	printf("%-12s%s", "cgroup", str(j, "path"));
	json_array_foreach(controllers, i, v)
		printf("%s%s", i > 0 ? "," : " ", json_string_value(v));
	if (num(j, "version") == 2)
		printf(" version 2");
	json_array_foreach(limits, i, v) {
		printf(i > 0 ? ", " : ": ");
		print_limit(v);
	}
	putchar('\n');
}
