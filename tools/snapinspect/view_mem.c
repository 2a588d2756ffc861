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

static json_t *
hit(struct snap *s, const Psnap__Process *p, const Psnap__Mapping *m, uint64_t addr)
{
	uint8_t context[48];
	size_t done = 0;

	snap_read_memory(s, p->address_space_id, addr, context, sizeof context, &done, NULL);
	return json_pack("{s:i, s:o, s:o, s:o}", "pid", (int)p->pid, "address", json_hex(addr),
	    "mapping", mapping_name(s, m), "bytes", json_bytes(context, done));
}

/* The consecutive held pages from `first` on, as one range of addresses. */
static int
next_range(struct snap *s, uint64_t owner, struct snap_run *run, uint64_t last, uint64_t page,
    uint64_t *start, uint64_t *end, struct snap_error *err)
{
	int r = snap_next_run(s, run, last, err);

	if (r != 1)
		return r;
	*start = run->first * page;
	*end = (run->first + run->count) * page;
	while ((r = snap_next_run(s, run, last, err)) == 1) {
		if (run->first * page != *end) {
			/* not adjacent: come back to it */
			run->count = 0;
			return 1;
		}
		*end = (run->first + run->count) * page;
	}
	run->owner = owner;
	run->first = *end / page;
	run->count = 0;
	return r < 0 ? r : 1;
}

static int
search_range(struct snap *s, const Psnap__Process *p, const Psnap__Mapping *m, const struct pattern *pat,
    uint64_t start, uint64_t end, uint8_t *buf, json_t *list, struct snap_error *err)
{
	/* windows overlap by a pattern less one, so that none is missed between two */
	for (uint64_t at = start; at < end && json_array_size(list) < FOUND_MAX;) {
		size_t n = end - at < WINDOW ? (size_t)(end - at) : WINDOW;
		int r = snap_read_memory(s, p->address_space_id, at, buf, n, NULL, err);

		if (r != 0)
			return r;
		for (size_t i = 0; i + pat->len <= n; i++) {
			if (!pat->any[0]) {
				const uint8_t *next = memchr(buf + i, pat->byte[0], n - pat->len + 1 - i);

				if (next == NULL)
					break;
				i = (size_t)(next - buf);
			}
			if (match(pat, buf + i))
				json_array_append_new(list, hit(s, p, m, at + i));
		}
		if (n < WINDOW)
			break;
		at += n - (pat->len - 1);
	}
	return 0;
}

static bool
map_wanted(struct snap *s, const struct options *o, const Psnap__Mapping *m)
{
	json_t *name;
	bool yes;

	if (o->map == NULL)
		return true;
	if (strncmp(o->map, "0x", 2) == 0)
		return strtoull(o->map, NULL, 16) >= m->start && strtoull(o->map, NULL, 16) < m->end;
	name = mapping_name(s, m);
	yes = strstr(json_string_value(name), o->map) != NULL;
	json_decref(name);
	return yes;
}

static int
search_process(struct snap *s, const struct options *o, const Psnap__Process *p,
    const struct pattern *pat, uint8_t *buf, json_t *list, struct snap_error *err)
{
	uint64_t lo = 0, hi = UINT64_MAX, page;
	struct snap_summary sum;
	size_t n;
	const struct snap_object *const *maps =
	    snap_get_children(s, p->address_space_id, PSNAP_KIND_MAPPING, &n);

	snap_get_summary(s, &sum);
	page = sum.page_size;
	if (o->range != NULL) {
		char *dash;

		lo = strtoull(o->range, &dash, 16);
		hi = *dash == '-' ? strtoull(dash + 1, NULL, 16) : UINT64_MAX;
	}
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)maps[i]->message;
		struct snap_run run = { .owner = p->address_space_id };
		uint64_t start, end;
		int r;

		if (m == NULL || m->end <= lo || m->start >= hi || !map_wanted(s, o, m))
			continue;
		run.first = m->start / page;
		while ((r = next_range(s, p->address_space_id, &run, m->end / page, page, &start, &end,
		    err)) == 1) {
			if (start < m->start)
				start = m->start;
			if (end > m->end)
				end = m->end;
			if (start < lo)
				start = lo;
			if (end > hi)
				end = hi;
			if ((r = search_range(s, p, m, pat, start, end, buf, list, err)) != 0)
				return r;
		}
		if (r < 0)
			return r;
	}
	return 0;
}

static json_t *
search(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	struct pattern *pat = calloc(1, sizeof *pat);
	uint8_t *buf = malloc(WINDOW);
	json_t *list = json_array();
	struct snap_error err;

	if (pat == NULL || buf == NULL)
		goto out;
	if (o->find != NULL) {
		pat->len = strlen(o->find);
		if (pat->len <= PATTERN_MAX)
			memcpy(pat->byte, o->find, pat->len);
	}
	if (o->find != NULL ? pat->len == 0 || pat->len > PATTERN_MAX : !parse_hex(o->find_hex, pat)) {
		*status = usage_error("mem: a pattern of 1 to %d bytes, hex digits in pairs or ?\?", PATTERN_MAX);
		json_decref(list);
		list = NULL;
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (wanted(o, p) && p->address_space_id != 0 &&
		    search_process(s, o, p, pat, buf, list, &err) != 0) {
			*status = report_error(o->file, s, &err);
			break;
		}
	}
out:
	free(pat);
	free(buf);
	return list;
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
	r = snap_read_memory(s, p->address_space_id, o->addr, buf, (size_t)len, &done, &err);
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
