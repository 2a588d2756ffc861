/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The cgroups of an instance: in each hierarchy one that is its own, and those
 * within it that processes are in, with all on the way to them.
 *
 * Its own is the root of its cgroup namespace, since a container that makes
 * cgroups beneath moves its first process into one of them; without such a
 * namespace it is the one its first process is in.  What limits us, too, is not
 * its own.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/cgroup.h"
#include "kernel-glue/linux/procfs.h"
#include "linux/cgroup_limits.h"
#include "linux/cgroup_mounts.h"
#include "linux/words.h"

#define TEXT_MAX	8192

/* What can be set that is not carried, and what it says if nobody did. */
static const struct { const char *file, *usual; } not_carried[] = {
	{ "blkio.throttle.read_bps_device", "" }, { "blkio.throttle.read_iops_device", "" },
	{ "blkio.throttle.write_bps_device", "" }, { "blkio.throttle.write_iops_device", "" },
	{ "cgroup.type", "domain" }, { "cpu.cfs_burst_us", "0" }, { "cpu.idle", "0" }, { "cpu.max.burst", "0" },
	{ "cpu.rt_runtime_us", "0" }, { "cpu.uclamp.max", "max" }, { "cpu.uclamp.min", "0.00" },
	{ "cpuset.cpus.partition", "member" }, { "devices.list", "a *:* rwm" }, { "io.latency", "" },
	{ "io.max", "" }, { "io.weight", "default 100" }, { "memory.oom.group", "0" },
	{ "memory.swap.high", "max" }, { "memory.zswap.max", "max" }, { "net_cls.classid", "0" },
};

static int
nomem(struct dump *d)
{
	return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

/* ---- which there are ---- */

struct cgroup *
cgroup_intern(struct dump *d, uint32_t hierarchy, const char *controllers, const char *path)
{
	struct cgroup *c;

	for (size_t i = 0; i < d->cgroups.n; i++) {
		c = d->cgroups.v[i];
		if (c->hierarchy == hierarchy && strcmp(c->path, path) == 0)
			return c;
	}
	if ((c = dump_alloc(d, sizeof *c)) == NULL || list_add(d, &d->cgroups, c) != 0 ||
	    (c->controllers = dump_strdup(d, controllers)) == NULL || (c->path = dump_strdup(d, path)) == NULL)
		return NULL;
	c->id = dump_new_id(d);
	c->hierarchy = hierarchy;
	return c;
}

int
cgroup_lines(char *text, int (*fn)(void *ctx, uint32_t hierarchy, const char *controllers, const char *path), void *ctx)
{
	char *line;
	int r = 0;

	while (r == 0 && (line = strsep(&text, "\n")) != NULL) {
		char *controllers, *path;
		uint32_t hierarchy = (uint32_t)strtoul(line, &controllers, 10);

		if (*controllers != ':' || (path = strchr(++controllers, ':')) == NULL)
			continue;
		*path++ = '\0';
		r = fn(ctx, hierarchy, controllers, path);
	}
	return r;
}

/* ---- which are its own ---- */

/* One process's, as somebody sees them. */
struct seen {
	char		text[TEXT_MAX];
	uint32_t	hierarchy;	/* wanted */
	const char	*path;		/* found */
};

static int
match(void *ctx, uint32_t hierarchy, const char *controllers, const char *path)
{
	struct seen *s = ctx;

	(void)controllers;
	s->path = hierarchy == s->hierarchy ? path : NULL;
	return s->path != NULL;
}

/* NULL: it is in none of that hierarchy, or that is not known. */
static const char *
path_in(const char *text, uint32_t hierarchy, struct seen *s)
{
	snprintf(s->text, sizeof s->text, "%s", text);
	s->hierarchy = hierarchy;
	s->path = NULL;
	cgroup_lines(s->text, match, s);
	return s->path;
}

/* What the first process's cgroups are for it; in its namespace. */
static int
look_from_within(struct dump *d, struct proc *root)
{
	if (proc_try_read(d, root, "cgroup", &d->cgroups_within, NULL) != 0)
		d->cgroups_within = NULL;
	return 0;
}

/* The root of its cgroup namespace, of which its path within is the rest; "" if it is not in there. */
static const char *
root_of_namespace(struct dump *d, const struct cgroup *c)
{
	struct seen s;
	const char *within = d->cgroups_within != NULL ? path_in(d->cgroups_within, c->hierarchy, &s) : NULL;
	size_t n = strlen(c->path), rest;

	if (within == NULL)
		return "";
	rest = strcmp(within, "/") == 0 ? 0 : strlen(within);
	if (rest >= n || strcmp(c->path + n - rest, rest > 0 ? within : "") != 0)
		return "";
	return dump_memdup(d, c->path, n - rest);
}

/* Neither above us nor outside of what our own cgroup namespace shows. */
static bool
may_be_its_own(const char *path, const char *ours)
{
	return path != NULL && path[0] == '/' && strncmp(path, "/..", 3) != 0 && !cgroup_is_within(ours, path);
}

/* c: the first process's.  NULL: none of that hierarchy. */
static int
find_own(struct dump *d, const struct cgroup *c, const char *ours)
{
	const char *path = root_of_namespace(d, c);
	struct cgroup *own;

	if (!may_be_its_own(path, ours))
		path = c->path;
	if (!may_be_its_own(path, ours))
		return 0;
	if ((own = cgroup_intern(d, c->hierarchy, c->controllers, path)) == NULL ||
	    list_add(d, &d->own_cgroups, own) != 0)
		return nomem(d);
	return 0;
}

static int
compare_hierarchies(const void *a, const void *b)
{
	const struct cgroup *const *x = a, *const *y = b;

	return ((*x)->hierarchy > (*y)->hierarchy) - ((*x)->hierarchy < (*y)->hierarchy);
}

static int
find_own_ones(struct dump *d, struct proc *root)
{
	const struct proc own = { .proc_fd = open("/proc/self", O_PATH | O_CLOEXEC) };
	char ours[TEXT_MAX] = "";
	struct seen s;
	int error = 0, r = 0;

	if (own.proc_fd >= 0) {
		proc_read_small(&own, "cgroup", ours, sizeof ours);
		close(own.proc_fd);
	}
	if (namespace_is_own(d, PSNAP_NAMESPACE_CGROUP))
		r = in_namespace(d, root, "cgroup", CLONE_NEWCGROUP, &error, look_from_within);
	for (size_t i = 0; i < root->state->cgroups.n && r == 0; i++) {
		const struct cgroup *c = root->state->cgroups.v[i];
		const char *path = path_in(ours, c->hierarchy, &s);

		if (path != NULL && d->own_cgroups.n < OWN_CGROUPS_MAX)
			r = find_own(d, c, path);
	}
	if (r == 0 && d->own_cgroups.n > 1)
		qsort(d->own_cgroups.v, d->own_cgroups.n, sizeof *d->own_cgroups.v, compare_hierarchies);
	return r;
}

static const struct cgroup *
own_of(const struct dump *d, uint32_t hierarchy)
{
	for (size_t i = 0; i < d->own_cgroups.n; i++) {
		const struct cgroup *own = d->own_cgroups.v[i];

		if (own->hierarchy == hierarchy)
			return own;
	}
	return NULL;
}

/* ---- and within them ---- */

/* All on the way from there to c. */
static int
intern_between(struct dump *d, const struct cgroup *own, const struct cgroup *c)
{
	for (const char *at = c->path + strlen(own->path); (at = strchr(at + 1, '/')) != NULL;) {
		const char *path = dump_memdup(d, c->path, (size_t)(at - c->path));

		if (path == NULL || cgroup_intern(d, c->hierarchy, c->controllers, path) == NULL)
			return nomem(d);
	}
	return 0;
}

static int
find_within(struct dump *d, struct proc *p)
{
	int r = 0;

	for (size_t i = 0; i < p->state->cgroups.n && r == 0; i++) {
		const struct cgroup *c = p->state->cgroups.v[i], *own = own_of(d, c->hierarchy);

		if (own == NULL || c == own)
			continue;
		r = cgroup_is_within(c->path, own->path) ? intern_between(d, own, c) :
		    dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, -1, c->id, "cgroup",
		    "it is in cgroup %s, outside of the instance's own", c->path);
	}
	return r;
}

/* Threads are made in the cgroups of their process. */
static int
cover_threads(struct dump *d, struct proc *p)
{
	char leader[TEXT_MAX], thread[TEXT_MAX], path[48];

	if (p->zombie || p->tasks.n < 2 || proc_read_small(p, "cgroup", leader, sizeof leader) < 0)
		return 0;
	for (size_t i = 1; i < p->tasks.n; i++) {
		const struct task *t = p->tasks.v[i];

		snprintf(path, sizeof path, "task/%d/cgroup", (int)t->tid);
		if (proc_read_small(p, path, thread, sizeof thread) >= 0 && strcmp(leader, thread) != 0)
			return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, t->tid, -1, 0, "cgroup-thread",
			    "it is in other cgroups than its process");
	}
	return 0;
}

/* ---- what limits them ---- */

static int
read_limit(struct dump *d, struct cgroup *c, int folder, const struct cgroup_resource *x)
{
	struct cgroup_limit l, *kept;
	int n = cgroup_limit_read(x, c->hierarchy == 0, folder, &l);

	if (n < 0)
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, d->procs.v[0], 0, -1, c->id, "cgroup",
		    "what limits cgroup %s is not known: %s", c->path, strerror(-n));
	if (n == 0)
		return 0;
	if ((kept = dump_memdup(d, &l, sizeof l)) == NULL || list_add(d, &c->limits, kept) != 0)
		return nomem(d);
	return 0;
}

static int
read_limits(struct dump *d, struct cgroup *c, int folder)
{
	const struct cgroup_resource *x;
	int r = 0;

	for (size_t i = 0; (x = cgroup_resource_at(i)) != NULL && r == 0; i++)
		if (c->hierarchy == 0 || words_have(c->controllers, cgroup_resource_controller(x)))
			r = read_limit(d, c, folder, x);
	return r;
}

/* What the look at all of them needs and finds. */
struct look {
	struct cgroup_mounts mounts;
	char		others[512];	/* what is set that is not carried, in words */
	size_t		used;
};

static void
note_others(struct look *k, const struct cgroup *c, int folder)
{
	char text[256];

	for (size_t i = 0; i < sizeof not_carried / sizeof not_carried[0] && k->used < sizeof k->others; i++) {
		int n = cgroup_file_read(folder, not_carried[i].file, text, sizeof text);

		if (n == -EOVERFLOW || (n >= 0 && strcmp(text, not_carried[i].usual) != 0))
			k->used += (size_t)snprintf(k->others + k->used, sizeof k->others - k->used, "%s%s of %s",
			    k->used > 0 ? ", " : "", not_carried[i].file, c->path);
	}
}

static int
compare_words(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
read_handed_down(struct dump *d, struct cgroup *c, int folder)
{
	char text[512], *rest = text, *word, *copy;

	if (c->hierarchy != 0 || cgroup_file_read(folder, "cgroup.subtree_control", text, sizeof text) <= 0)
		return 0;
	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != '\0' && ((copy = dump_strdup(d, word)) == NULL || list_add(d, &c->handed_down, copy) != 0))
			return nomem(d);
	qsort(c->handed_down.v, c->handed_down.n, sizeof *c->handed_down.v, compare_words);
	return 0;
}

static int
look_into(struct dump *d, struct look *k, struct cgroup *c)
{
	int folder = cgroup_folder_open(&k->mounts, c->controllers, c->path), r;

	if (folder < 0)
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, d->procs.v[0], 0, -1, c->id, "cgroup",
		    "what limits cgroup %s%s%s is not known: %s", c->controllers, *c->controllers != '\0' ? ":" : "", c->path,
		    errno == ENOENT ? "no cgroup file system that has it is mounted" : strerror(errno));
	if ((r = read_limits(d, c, folder)) == 0)
		r = read_handed_down(d, c, folder);
	note_others(k, c, folder);
	close(folder);
	return r;
}

static int
look_into_all(struct dump *d)
{
	struct look k = { .used = 0 };
	int e, r = 0;

	if (d->own_cgroups.n == 0)
		return 0;
	if ((e = cgroup_mounts_read(&k.mounts)) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, e, NULL, "where cgroups are mounted");
	for (size_t i = 0; i < d->cgroups.n && r == 0; i++) {
		struct cgroup *c = d->cgroups.v[i];
		const struct cgroup *own = own_of(d, c->hierarchy);

		if (own != NULL && cgroup_is_within(c->path, own->path))
			r = look_into(d, &k, c);
	}
	cgroup_mounts_free(&k.mounts);
	return r != 0 || k.used == 0 ? r : dump_cover(d, PSNAP_COVERAGE_DEGRADES, d->procs.v[0], 0, -1, 0, "cgroup-limit",
	    "not made again: %s", k.others);
}

int
cgroups_collect(struct dump *d)
{
	int r = find_own_ones(d, d->procs.v[0]);

	for (size_t i = 0; i < d->procs.n && r == 0; i++) {
		struct proc *p = d->procs.v[i];

		if (p->state != NULL && (r = find_within(d, p)) == 0)
			r = cover_threads(d, p);
	}
	return r != 0 ? r : look_into_all(d);
}

/* ---- records ---- */

static void
emit_limit(struct glue_emit *e, const struct cgroup_limit *l)
{
	glue_emit_open(e, PSNAP_F_CGROUP_LIMITS);
	glue_emit_uint(e, PSNAP_F_RESOURCE_LIMIT_RESOURCE, l->resource);
	glue_emit_uint(e, PSNAP_F_RESOURCE_LIMIT_VALUE, l->value);
	glue_emit_uint(e, PSNAP_F_RESOURCE_LIMIT_PERIOD_NS, l->period_ns);
	for (size_t i = 0; i < l->nnumbers; i++) {
		glue_emit_open(e, PSNAP_F_RESOURCE_LIMIT_NUMBERS);
		glue_emit_uint(e, PSNAP_F_NUMBER_RANGE_FIRST, l->numbers[i].first);
		glue_emit_uint(e, PSNAP_F_NUMBER_RANGE_LAST, l->numbers[i].last);
		glue_emit_close(e);
	}
	glue_emit_close(e);
}

void
cgroup_fields(struct glue_emit *e, const void *object)
{
	const struct cgroup *c = object;

	glue_emit_uint(e, PSNAP_F_CGROUP_HIERARCHY, c->hierarchy);
	for (const char *at = c->controllers; *at != '\0';) {
		size_t n = strcspn(at, ",");

		glue_emit_element(e, PSNAP_F_CGROUP_CONTROLLERS, at, n);
		at += n + (at[n] == ',');
	}
	glue_emit_string(e, PSNAP_F_CGROUP_PATH, c->path);
	for (size_t i = 0; i < c->limits.n; i++)
		emit_limit(e, c->limits.v[i]);
	for (size_t i = 0; i < c->handed_down.n; i++)
		glue_emit_element(e, PSNAP_F_CGROUP_HANDED_DOWN, c->handed_down.v[i], strlen(c->handed_down.v[i]));
}
