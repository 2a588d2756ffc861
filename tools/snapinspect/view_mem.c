/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory: a hexdump of a range, or a search.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

#define DUMP_MAX	(1u << 20)
#define WINDOW		(1u << 20)
#define PATTERN_MAX	4096
#define FOUND_MAX	100000

struct pattern {
	uint8_t		byte[PATTERN_MAX];
	bool		any[PATTERN_MAX];	/* ?? */
	size_t		len;
};

static bool
parse_hex(const char *s, struct pattern *p)
{
	for (; *s != '\0'; s++) {
		char pair[3] = { 0 };

		if (*s == ' ')
			continue;
		if (p->len == PATTERN_MAX || s[1] == '\0')
			return false;
		if (s[0] == '?' && s[1] == '?') {
			p->any[p->len++] = true;
		} else {
			if (!isxdigit((unsigned char)s[0]) || !isxdigit((unsigned char)s[1]))
				return false;
			memcpy(pair, s, 2);
			p->byte[p->len++] = (uint8_t)strtoul(pair, NULL, 16);
		}
		s++;
	}
	return p->len > 0;
}

static bool
match(const struct pattern *p, const uint8_t *at)
{
	for (size_t i = 0; i < p->len; i++)
		if (!p->any[i] && p->byte[i] != at[i])
			return false;
	return true;
}

/* ---- search ---- */

/* Where a mapping's pages are: addresses of the process less shift are addresses of owner. */
struct place {
	const Psnap__Process	*p;
	const Psnap__Mapping	*m;
	uint64_t		owner, shift;
};

struct search {
	struct snap		*s;
	const struct options	*o;
	const struct pattern	*pattern;
	uint8_t			*window;
	json_t			*list;
	struct snap_error	err;
};

static json_t *
hit(struct search *x, const struct place *at, uint64_t addr)
{
	uint8_t context[48];
	size_t done = 0;

	snap_read_memory(x->s, at->owner, addr - at->shift, context, sizeof context, &done, NULL);
	return json_pack("{s:i, s:o, s:o, s:o}", "pid", (int)at->p->pid, "address", json_hex(addr),
	    "mapping", mapping_name(x->s, at->m), "bytes", json_bytes(context, done));
}

/* The consecutive held pages from run->first on, as one range of the owner's addresses. */
static int
next_range(struct search *x, struct snap_run *run, uint64_t last, uint64_t page, uint64_t *start,
    uint64_t *end)
{
	int r = snap_next_run(x->s, run, last, &x->err);

	if (r != 1)
		return r;
	*start = run->first * page;
	*end = (run->first + run->count) * page;
	while ((r = snap_next_run(x->s, run, last, &x->err)) == 1) {
		if (run->first * page != *end) {
			/* not adjacent: come back to it */
			run->count = 0;
			return 1;
		}
		*end = (run->first + run->count) * page;
	}
	run->first = *end / page;
	run->count = 0;
	return r < 0 ? r : 1;
}

/* Addresses of the process, [start, end). */
static int
search_range(struct search *x, const struct place *place, uint64_t start, uint64_t end)
{
	const struct pattern *pat = x->pattern;

	/* windows overlap by a pattern less one, so that none is missed between two */
	for (uint64_t at = start; at < end && json_array_size(x->list) < FOUND_MAX;) {
		size_t n = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
		int r = snap_read_memory(x->s, place->owner, at - place->shift, x->window, n, NULL, &x->err);

		if (r != 0)
			return r;
		for (size_t i = 0; i + pat->len <= n; i++) {
			if (!pat->any[0]) {
				const uint8_t *next = memchr(x->window + i, pat->byte[0], n - pat->len + 1 - i);

				if (next == NULL)
					break;
				i = (size_t)(next - x->window);
			}
			if (match(pat, x->window + i))
				json_array_append_new(x->list, hit(x, place, at + i));
		}
		if (n < WINDOW)
			break;
		at += n - (pat->len - 1);
	}
	return 0;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t
smaller(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static int
search_place(struct search *x, const struct place *place)
{
	const Psnap__Mapping *m = place->m;
	struct snap_run run = { .owner = place->owner };
	struct snap_summary sum;
	uint64_t start, end;
	int r;

	snap_get_summary(x->s, &sum);
	run.first = (m->start - place->shift) / sum.page_size;
	while ((r = next_range(x, &run, (m->end - place->shift) / sum.page_size, sum.page_size, &start,
	    &end)) == 1) {
		start = larger(start + place->shift, larger(m->start, x->o->low));
		end = smaller(end + place->shift, smaller(m->end, x->o->high));
		if ((r = search_range(x, place, start, end)) != 0)
			return r;
	}
	return r;
}

static bool
map_wanted(struct snap *s, const struct options *o, const Psnap__Mapping *m)
{
	json_t *name;
	bool yes;

	if (m->end <= o->low || m->start >= o->high)
		return false;
	if (o->map == NULL)
		return true;
	if (strncmp(o->map, "0x", 2) == 0)
		return strtoull(o->map, NULL, 16) >= m->start && strtoull(o->map, NULL, 16) < m->end;
	name = mapping_name(s, m);
	yes = strstr(json_string_value(name), o->map) != NULL;
	json_decref(name);
	return yes;
}

/* A mapping's own pages, then those of the shared object behind it that they do not cover. */
static int
search_process(struct search *x, const Psnap__Process *p)
{
	size_t n;
	const struct snap_object *const *maps =
	    snap_get_children(x->s, p->address_space_id, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)maps[i]->message;
		struct place own = { p, m, p->address_space_id, 0 };
		int r;

		if (m == NULL || !map_wanted(x->s, x->o, m))
			continue;
		if ((r = search_place(x, &own)) != 0)
			return r;
		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED) {
			struct place shared = { p, m, m->memory_object_id, m->start - m->offset };

			if ((r = search_place(x, &shared)) != 0)
				return r;
		}
	}
	return 0;
}

static bool
parse_pattern(const struct options *o, struct pattern *pat)
{
	if (o->find == NULL)
		return parse_hex(o->find_hex, pat);
	pat->len = strlen(o->find);
	if (pat->len == 0 || pat->len > PATTERN_MAX)
		return false;
	memcpy(pat->byte, o->find, pat->len);
	return true;
}

static json_t *
search(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	struct pattern *pat = calloc(1, sizeof *pat);
	struct search x = { .s = s, .o = o, .pattern = pat, .window = malloc(WINDOW), .list = json_array() };

	if (pat == NULL || x.window == NULL) {
		report("out of memory");
		*status = EXIT_REFUSED;
		goto out;
	}
	if (!parse_pattern(o, pat)) {
		*status = usage_error("mem: a pattern of 1 to %d bytes, hex digits in pairs or ?\?", PATTERN_MAX);
		json_decref(x.list);
		x.list = NULL;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (wanted(o, p) && p->address_space_id != 0 && search_process(&x, p) != 0) {
			*status = report_error(o->file, s, &x.err);
			break;
		}
	}
	if (json_array_size(x.list) >= FOUND_MAX) {
		report("stopped after %d matches: give --pid, --map or --range", FOUND_MAX);
		*status = EXIT_REFUSED;
	}
out:
	free(pat);
	free(x.window);
	return x.list;
}

/* ---- hexdump ---- */

static const Psnap__Process *
one_process(struct snap *s, const struct options *o)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);

	for (size_t i = 0; i < n; i++)
		if (wanted(o, (const void *)v[i]->message))
			return (const void *)v[i]->message;
	return NULL;
}

/* Up to len bytes at addr as the process would see them, from its own pages or a shared object's. */
static int
read_process(struct snap *s, const Psnap__Process *p, uint64_t addr, uint8_t *buf, size_t len, size_t *done,
    struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *maps =
	    snap_get_children(s, p->address_space_id, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)maps[i]->message;

		if (m == NULL || addr < m->start || addr >= m->end ||
		    m->kind != PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED)
			continue;
		if (len > m->end - addr)
			len = (size_t)(m->end - addr);
		return snap_read_memory(s, m->memory_object_id, addr - m->start + m->offset, buf, len, done, err);
	}
	return snap_read_memory(s, p->address_space_id, addr, buf, len, done, err);
}

static json_t *
hexdump(struct snap *s, const struct options *o, int *status)
{
	const Psnap__Process *p = one_process(s, o);
	uint64_t len = o->len != 0 ? o->len : 256;
	json_t *lines = json_array();
	struct snap_error err;
	uint8_t *buf;
	size_t done = 0;
	int r;

	if (p == NULL || len > DUMP_MAX || (buf = malloc((size_t)len)) == NULL) {
		report(p == NULL ? "no such process" : "at most %u bytes at once", DUMP_MAX);
		*status = EXIT_REFUSED;
		return lines;
	}
	r = read_process(s, p, o->addr, buf, (size_t)len, &done, &err);
	for (size_t i = 0; i < done; i += 16) {
		size_t n = done - i < 16 ? done - i : 16;
		char hex[49] = "", text[17] = "";

		for (size_t k = 0; k < n; k++) {
			sprintf(hex + 3 * k, "%02x ", buf[i + k]);
			text[k] = buf[i + k] >= 0x20 && buf[i + k] < 0x7f ? (char)buf[i + k] : '.';
		}
		json_array_append_new(lines, json_pack("{s:o, s:s, s:s}", "address", json_hex(o->addr + i), "hex",
		    hex, "text", text));
	}
	free(buf);
	if (r != 0)
		*status = report_error(o->file, s, &err);
	return lines;
}

json_t *
mem_make(struct snap *s, const struct options *o, int *status)
{
	if (o->find != NULL || o->find_hex != NULL)
		return search(s, o, status);
	if (o->has_addr)
		return hexdump(s, o, status);
	*status = usage_error("mem: --addr A [--len N], --find TEXT or --find-hex PATTERN");
	return NULL;
}

void
mem_print(const json_t *list)
{
	const json_t *j;
	size_t i;

	json_array_foreach(list, i, j)
		if (json_object_get(j, "hex") != NULL)
			printf("%-16s %-49s|%s|\n", str(j, "address"), str(j, "hex"), str(j, "text"));
		else
			printf("pid %lld %s %s: %s\n", (long long)num(j, "pid"), str(j, "address"),
			    str(j, "mapping"), str(j, "bytes"));
}
