/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "format/psnap_fields.h"
#include "linux/cgroup_limits.h"
#include "linux/cgroup_mounts.h"

#define US		UINT64_C(1000)		/* nanoseconds */
#define USUAL_WEIGHT	UINT64_C(1000000)	/* Resource: CPU_WEIGHT */

/* A limit of as many pages as fit a long, in bytes, is none: of amd64 and of i386 kernels. */
#define NONE_PAGES64	(INT64_MAX / 4096 * UINT64_C(4096))
#define NONE_PAGES32	(INT32_MAX * UINT64_C(4096))

/* How a file tells it. */
enum form {
	NONE,		/* there is no such file */
	LIMIT,		/* a number; "max", "-1" or the largest there is: none */
	PROTECTION,	/* a number, 0: none; "max": everything */
	WITH_MEMORY,	/* LIMIT, together with what the second file limits */
	QUOTA,		/* "max" or microseconds, and those of a period, in one file or two */
	WEIGHT,		/* a number, compared with that of one without */
	SET,		/* numbers, as "0-2,7"; none at all: no limit */
	SET_OF_ITS_OWN,	/* the same, but one that limits no more than that of the cgroup above has its numbers */
};

struct file {
	enum form	form;
	const char	*name, *second;
	uint64_t	usual, least, most;	/* of a WEIGHT */
};

struct cgroup_resource {
	uint32_t	resource;
	const char	*controller;
	struct file	v2, v1;
};

#define FILE_OF(f, n)		{ .form = f, .name = n }
#define FILES_OF(f, n, other)	{ .form = f, .name = n, .second = other }
#define WEIGHT_OF(n, u, from, to)	{ .form = WEIGHT, .name = n, .usual = u, .least = from, .most = to }
#define NO_FILE			{ .form = NONE }

static const struct cgroup_resource resources[] = {
	{ PSNAP_RESOURCE_MEMORY, "memory", FILE_OF(LIMIT, "memory.max"), FILE_OF(LIMIT, "memory.limit_in_bytes") },
	{ PSNAP_RESOURCE_MEMORY_HIGH, "memory", FILE_OF(LIMIT, "memory.high"), NO_FILE },
	{ PSNAP_RESOURCE_MEMORY_LOW, "memory", FILE_OF(PROTECTION, "memory.low"),
	    FILE_OF(LIMIT, "memory.soft_limit_in_bytes") },
	{ PSNAP_RESOURCE_MEMORY_MIN, "memory", FILE_OF(PROTECTION, "memory.min"), NO_FILE },
	{ PSNAP_RESOURCE_SWAP, "memory", FILE_OF(LIMIT, "memory.swap.max"),
	    FILES_OF(WITH_MEMORY, "memory.memsw.limit_in_bytes", "memory.limit_in_bytes") },
	{ PSNAP_RESOURCE_PROCESSES, "pids", FILE_OF(LIMIT, "pids.max"), FILE_OF(LIMIT, "pids.max") },
	{ PSNAP_RESOURCE_CPU_TIME, "cpu", FILE_OF(QUOTA, "cpu.max"),
	    FILES_OF(QUOTA, "cpu.cfs_quota_us", "cpu.cfs_period_us") },
	{ PSNAP_RESOURCE_CPU_WEIGHT, "cpu", WEIGHT_OF("cpu.weight", 100, 1, 10000),
	    WEIGHT_OF("cpu.shares", 1024, 2, 262144) },
	{ PSNAP_RESOURCE_CPUS, "cpuset", FILE_OF(SET, "cpuset.cpus"),
	    FILES_OF(SET_OF_ITS_OWN, "cpuset.cpus", "../cpuset.cpus") },
	{ PSNAP_RESOURCE_MEMORY_NODES, "cpuset", FILE_OF(SET, "cpuset.mems"),
	    FILES_OF(SET_OF_ITS_OWN, "cpuset.mems", "../cpuset.mems") },
	{ PSNAP_RESOURCE_DEPTH, "", FILE_OF(LIMIT, "cgroup.max.depth"), NO_FILE },
	{ PSNAP_RESOURCE_DESCENDANTS, "", FILE_OF(LIMIT, "cgroup.max.descendants"), NO_FILE },
};
#define NRESOURCES	(sizeof resources / sizeof resources[0])

const struct cgroup_resource *
cgroup_resource_at(size_t n)
{
	return n < NRESOURCES ? &resources[n] : NULL;
}

const struct cgroup_resource *
cgroup_resource_find(uint32_t resource)
{
	for (size_t i = 0; i < NRESOURCES; i++)
		if (resources[i].resource == resource)
			return &resources[i];
	return NULL;
}

uint32_t
cgroup_resource_number(const struct cgroup_resource *x)
{
	return x->resource;
}

const char *
cgroup_resource_controller(const struct cgroup_resource *x)
{
	return x->controller;
}

static const struct file *
file_of(const struct cgroup_resource *x, bool v2)
{
	return v2 ? &x->v2 : &x->v1;
}

bool
cgroup_resource_is_in(const struct cgroup_resource *x, bool v2)
{
	return file_of(x, v2)->form != NONE;
}

/* ---- reading ---- */

/* A limit in *value, or false: none. */
static bool
parse_limit(const char *text, uint64_t *value)
{
	char *end;

	*value = strtoull(text, &end, 10);
	return end != text && *text != '-' && *value != NONE_PAGES64 && *value != NONE_PAGES32;
}

static bool
parse_protection(const char *text, uint64_t *value)
{
	*value = strncmp(text, "max", 3) == 0 ? UINT64_MAX : strtoull(text, NULL, 10);
	return *value != 0;
}

static bool
parse_with_memory(const char *text, const char *second, uint64_t *value)
{
	uint64_t memory;

	if (!parse_limit(text, value) || !parse_limit(second, &memory) || *value < memory)
		return false;
	*value -= memory;
	return true;
}

/* second: the period, if that is not behind the quota. */
static bool
parse_quota(const char *text, const char *second, struct cgroup_limit *l)
{
	const char *space = strchr(text, ' ');

	if (space != NULL)
		second = space + 1;
	if (!parse_limit(text, &l->value) || !parse_limit(second, &l->period_ns))
		return false;
	l->value *= US;
	l->period_ns *= US;
	return l->value != 0 && l->period_ns != 0;
}

static bool
parse_weight(const struct file *f, const char *text, uint64_t *value)
{
	uint64_t weight = strtoull(text, NULL, 10);

	if (weight == 0 || weight == f->usual || weight > f->most)
		return false;
	*value = (weight * USUAL_WEIGHT + f->usual / 2) / f->usual;
	return true;
}

/* 1 or 0 numbers or none, or -EOVERFLOW. */
static int
parse_set(const char *text, struct cgroup_limit *l)
{
	while (*text >= '0' && *text <= '9') {
		struct cgroup_range *r = &l->numbers[l->nnumbers];
		char *end;

		if (l->nnumbers++ == CGROUP_RANGES_MAX)
			return -EOVERFLOW;
		r->first = r->last = (uint32_t)strtoul(text, &end, 10);
		if (*end == '-')
			r->last = (uint32_t)strtoul(end + 1, &end, 10);
		text = end + (*end == ',');
	}
	return l->nnumbers > 0;
}

static int
parse(const struct file *f, const char *text, const char *second, struct cgroup_limit *l)
{
	switch (f->form) {
	case LIMIT:
		return parse_limit(text, &l->value);
	case PROTECTION:
		return parse_protection(text, &l->value);
	case WITH_MEMORY:
		return parse_with_memory(text, second, &l->value);
	case QUOTA:
		return parse_quota(text, second, l);
	case WEIGHT:
		return parse_weight(f, text, &l->value);
	case SET_OF_ITS_OWN:
		return strcmp(text, second) == 0 ? 0 : parse_set(text, l);
	case SET:
		return parse_set(text, l);
	default:
		return 0;
	}
}

int
cgroup_limit_read(const struct cgroup_resource *x, bool v2, int folder, struct cgroup_limit *l)
{
	const struct file *f = file_of(x, v2);
	char text[CGROUP_TEXT_MAX], second[CGROUP_TEXT_MAX] = "";
	int n = -ENOENT;

	l->resource = x->resource;
	l->value = l->period_ns = l->nnumbers = 0;
	if (f->form != NONE && (n = cgroup_file_read(folder, f->name, text, sizeof text)) >= 0 && f->second != NULL)
		n = cgroup_file_read(folder, f->second, second, sizeof second);
	if (n < 0)
		return n == -ENOENT ? 0 : n;
	return parse(f, text, second, l);
}

/* ---- writing ---- */

static size_t
put_number(struct cgroup_writing *w, const char *file, uint64_t value)
{
	w->file = file;
	snprintf(w->text, sizeof w->text, "%" PRIu64, value);
	return 1;
}

static size_t
put_quota(struct cgroup_writing *w, const struct file *f, const struct cgroup_limit *l)
{
	if (f->second != NULL)
		return put_number(&w[0], f->second, l->period_ns / US) + put_number(&w[1], f->name, l->value / US);
	w->file = f->name;
	snprintf(w->text, sizeof w->text, "%" PRIu64 " %" PRIu64, l->value / US, l->period_ns / US);
	return 1;
}

static uint64_t
weight_of(const struct file *f, uint64_t value)
{
	uint64_t most = f->most * USUAL_WEIGHT / f->usual, weight;

	weight = ((value < most ? value : most) * f->usual + USUAL_WEIGHT / 2) / USUAL_WEIGHT;
	return weight < f->least ? f->least : weight;
}

static size_t
put_set(struct cgroup_writing *w, const char *file, const struct cgroup_limit *l)
{
	size_t n = 0;

	w->file = file;
	for (size_t i = 0; i < l->nnumbers && n < sizeof w->text; i++)
		n += (size_t)snprintf(w->text + n, sizeof w->text - n, "%s%u-%u", i > 0 ? "," : "",
		    l->numbers[i].first, l->numbers[i].last);
	return n < sizeof w->text;
}

size_t
cgroup_limit_write(bool v2, const struct cgroup_limit *l, const uint64_t *memory,
    struct cgroup_writing w[CGROUP_WRITINGS_MAX])
{
	const struct cgroup_resource *x = cgroup_resource_find(l->resource);
	const struct file *f = x != NULL ? file_of(x, v2) : NULL;

	switch (f != NULL ? f->form : NONE) {
	case LIMIT:
	case PROTECTION:
		return put_number(w, f->name, l->value);
	case WITH_MEMORY:
		return memory != NULL && *memory <= INT64_MAX && l->value <= INT64_MAX - *memory ?
		    put_number(w, f->name, *memory + l->value) : 0;
	case QUOTA:
		return put_quota(w, f, l);
	case WEIGHT:
		return put_number(w, f->name, weight_of(f, l->value));
	case SET:
	case SET_OF_ITS_OWN:
		return put_set(w, f->name, l);
	default:
		return 0;
	}
}
