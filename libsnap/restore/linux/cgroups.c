/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is to be made where.  A controller is taken where it is here, be that
 * version 1 or 2; what was in several hierarchies and is in one here must have
 * been in cgroups that lie in each other.
 */
#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsnap/model/cgroups.h"
#include "libsnap/restore/linux/cgroups.h"
#include "linux/cgroup_limits.h"
#include "linux/words.h"

const char *const controller_names[] = { "cpu", "cpuset", "hugetlb", "io", "memory", "misc", "pids", "rdma", NULL };

int
cgroup_open(const struct hierarchy *h, const char *path)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, h->folder, path[0] != '\0' ? path + 1 : ".", &how, sizeof how);
}

static int
nomem(struct snap_error *err)
{
	return error_nomem(err);
}

static int
list_add(struct snap_cgroups *c, struct list *l, void *item)
{
	struct restore r = { .p = &c->plan };

	return restore_list_add(&r, l, item);
}

static const struct snap_object *const *
all_cgroups(const struct snap_cgroups *c, size_t *n)
{
	return snap_get_kind(c->plan.s, PSNAP_KIND_CGROUP, n);
}

/* ---- where ---- */

/* The hierarchy here that has it; "" the one of version 2.  NULL: none. */
static struct hierarchy *
where(struct snap_cgroups *c, const char *controller)
{
	const struct cgroup_mount *m = cgroup_mount_find(&c->mounts, "");

	if (*controller != '\0' && (m == NULL || !words_have(c->v2_controllers, controller)))
		m = cgroup_mount_find(&c->mounts, controller);
	return m != NULL ? &c->h[m - c->mounts.v] : NULL;
}

static bool
is_v2(const Psnap__Cgroup *g)
{
	return g->hierarchy == 0;
}

/* Whether who was in g is to be in a cgroup of h. */
static bool
holds(struct snap_cgroups *c, const struct hierarchy *h, const Psnap__Cgroup *g)
{
	if (is_v2(g))
		return h->v2 || h->holds_v2;
	for (size_t i = 0; i < g->n_controllers; i++)
		if (where(c, g->controllers[i]) == h)
			return true;
	return false;
}

const char *
cgroup_place_in(struct snap_cgroups *c, const Psnap__Process *p, const struct hierarchy *h)
{
	const char *longest = NULL;

	for (size_t i = 0; i < p->n_cgroup_ids; i++) {
		const Psnap__Cgroup *g = snap_get_message(c->plan.s, p->cgroup_ids[i], PSNAP_KIND_CGROUP);
		const char *place = g != NULL && holds(c, h, g) ? cgroup_place(c->plan.s, g) : NULL;

		if (place != NULL && (longest == NULL || strlen(place) > strlen(longest)))
			longest = place;
	}
	return longest;
}

/* Where a limit can be set, or NULL. */
static struct hierarchy *
where_limited(struct snap_cgroups *c, const Psnap__ResourceLimit *l)
{
	const struct cgroup_resource *x = cgroup_resource_find(l->resource);
	struct hierarchy *h = x != NULL ? where(c, cgroup_resource_controller(x)) : NULL;

	return h != NULL && cgroup_resource_is_in(x, h->v2) ? h : NULL;
}

static void
use_for(struct snap_cgroups *c, const Psnap__Cgroup *g)
{
	struct hierarchy *h;

	if (is_v2(g) && (h = where(c, "")) != NULL)
		h->in_use = true;
	for (size_t i = 0; i < g->n_controllers; i++)
		if ((h = where(c, g->controllers[i])) != NULL)
			h->in_use = true;
	for (size_t i = 0; i < g->n_limits; i++)
		if ((h = where_limited(c, g->limits[i])) != NULL) {
			h->in_use = true;
			h->holds_v2 = h->holds_v2 || is_v2(g);
		}
}

static int
find_hierarchies(struct snap_cgroups *c, struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *v = all_cgroups(c, &n);
	int folder;

	if ((errno = cgroup_mounts_read(&c->mounts)) != 0)
		return error_io(err, 0, "where cgroups are mounted");
	for (size_t i = 0; i < c->mounts.n; i++)
		c->h[i] = (struct hierarchy){ .v2 = c->mounts.v[i].v2, .folder = -1 };
	if ((folder = cgroup_folder_open(&c->mounts, "", "/")) >= 0) {
		cgroup_file_read(folder, "cgroup.controllers", c->v2_controllers, sizeof c->v2_controllers);
		close(folder);
	}
	for (size_t i = 0; i < n; i++) {
		const Psnap__Cgroup *g = (const void *)v[i]->message;

		if (cgroup_place(c->plan.s, g) != NULL)
			use_for(c, g);
	}
	for (size_t i = 0; i < c->mounts.n; i++)
		if (c->h[i].in_use &&
		    (c->h[i].folder = open(c->mounts.v[i].point, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
			return error_io(err, 0, "the cgroup file system on %.100s", c->mounts.v[i].point);
	return 0;
}

/* ---- cgroups ---- */

static struct node *
find_node(const struct snap_cgroups *c, const struct hierarchy *h, const char *path, size_t len)
{
	for (size_t i = 0; i < c->nodes.n; i++) {
		struct node *n = c->nodes.v[i];

		if (n->h == h && strlen(n->path) == len && strncmp(n->path, path, len) == 0)
			return n;
	}
	return NULL;
}

static struct node *
add_node(struct snap_cgroups *c, struct hierarchy *h, const char *path, size_t len)
{
	struct node *n = find_node(c, h, path, len);
	char *copy;

	if (n != NULL)
		return n;
	if (c->nodes.n == NODES_MAX || (n = plan_alloc(&c->plan, sizeof *n)) == NULL ||
	    (copy = plan_alloc(&c->plan, len + 1)) == NULL || list_add(c, &c->nodes, n) != 0)
		return NULL;
	memcpy(copy, path, len);
	n->h = h;
	n->path = copy;
	return n;
}

/* The one at this place in that of the instance's own, with all above it; NULL without memory, or of too many. */
static struct node *
node_at(struct snap_cgroups *c, struct hierarchy *h, const char *place)
{
	size_t len = strlen(c->path) + strlen(place);
	char *path = plan_alloc(&c->plan, len + 1);

	if (path == NULL)
		return NULL;
	snprintf(path, len + 1, "%s%s", c->path, place);
	for (size_t n = 0; n < len; n += 1 + strcspn(path + n + 1, "/"))
		if (add_node(c, h, path, n) == NULL)
			return NULL;
	return add_node(c, h, path, len);
}

static int
no_node(const struct snap_cgroups *c, struct snap_error *err)
{
	return c->nodes.n < NODES_MAX ? nomem(err) : error_set(err, SNAP_E_LIMIT, "", 0, "more than %d cgroups", NODES_MAX);
}

static int
want_nodes(struct snap_cgroups *c, const Psnap__Cgroup *g, struct snap_error *err)
{
	const char *place = cgroup_place(c->plan.s, g);

	if (place != NULL && strlen(c->path) + strlen(place) >= PATH_MAX)
		return error_set(err, SNAP_E_LIMIT, "", 0, "cgroup %.40s%.40s...: its path is too long", c->path, place);
	for (size_t i = 0; i < c->mounts.n && place != NULL; i++)
		if (c->h[i].in_use && holds(c, &c->h[i], g) && node_at(c, &c->h[i], place) == NULL)
			return no_node(c, err);
	return 0;
}

/* Everybody above n hands this down, and n itself, too, if the cgroups in it are to have it. */
static void
hand_down(struct snap_cgroups *c, const struct node *n, const char *controller, bool itself)
{
	for (size_t bit = 0; controller_names[bit] != NULL; bit++)
		for (size_t i = 0; i < c->nodes.n && strcmp(controller_names[bit], controller) == 0; i++) {
			struct node *above = c->nodes.v[i];

			if (above->h == n->h && cgroup_is_within(n->path, above->path) && (above != n || itself))
				above->needs |= UINT32_C(1) << bit;
		}
}

/* ---- limits ---- */

static void
to_limit(const Psnap__ResourceLimit *l, struct cgroup_limit *to)
{
	to->resource = l->resource;
	to->value = l->value;
	to->period_ns = l->period_ns;
	to->nnumbers = l->n_numbers;
	for (size_t i = 0; i < l->n_numbers; i++)
		to->numbers[i] = (struct cgroup_range){ l->numbers[i]->first, l->numbers[i]->last };
}

static const uint64_t *
memory_of(const Psnap__Cgroup *g)
{
	for (size_t i = 0; i < g->n_limits; i++)
		if (g->limits[i]->resource == PSNAP__RESOURCE__RESOURCE_MEMORY)
			return &g->limits[i]->value;
	return NULL;
}

static int
add_settings(struct snap_cgroups *c, struct node *n, bool early, const struct cgroup_writing *w, size_t count,
    struct snap_error *err)
{
	for (size_t i = 0; i < count; i++) {
		struct setting *s = plan_alloc(&c->plan, sizeof *s);
		char *text = plan_alloc(&c->plan, strlen(w[i].text) + 1);

		if (s == NULL || text == NULL || list_add(c, &c->settings, s) != 0)
			return nomem(err);
		*s = (struct setting){ .node = n, .file = w[i].file, .text = strcpy(text, w[i].text), .early = early };
	}
	return 0;
}

static int
want_limit(struct snap_cgroups *c, const struct snap_object *o, const Psnap__ResourceLimit *l, bool partial,
    struct snap_error *err)
{
	const Psnap__Cgroup *g = (const void *)o->message;
	struct hierarchy *h = where_limited(c, l);
	struct cgroup_writing w[CGROUP_WRITINGS_MAX];
	struct cgroup_limit limit;
	const char *controller;
	struct node *n;
	size_t count = 0;

	if (h != NULL && l->n_numbers <= CGROUP_RANGES_MAX) {
		to_limit(l, &limit);
		count = cgroup_limit_write(h->v2, &limit, memory_of(g), w);
	}
	if (count == 0) {
		plan_problem(&c->plan, partial ? SNAP_WARNING : SNAP_FATAL, NULL, o->id, "cgroup-limit", partial ?
		    "it is not limited so" : "allow a partial restore, if it need not be limited so",
		    "no cgroup here can be limited as %s was (resource %d)", g->path, (int)l->resource);
		return 0;
	}
	if ((n = node_at(c, h, cgroup_place(c->plan.s, g))) == NULL)
		return no_node(c, err);
	controller = cgroup_resource_controller(cgroup_resource_find(l->resource));
	if (h->v2)
		hand_down(c, n, controller, false);
	/* it changes where those may run who are in the cgroup already */
	return add_settings(c, n, strcmp(controller, "cpuset") == 0, w, count, err);
}

/* What the cgroups in it had, be they limited or not. */
static int
want_handed_down(struct snap_cgroups *c, const struct snap_object *o, struct snap_error *err)
{
	const Psnap__Cgroup *g = (const void *)o->message;
	struct hierarchy *h = g->n_handed_down > 0 ? where(c, "") : NULL;
	const struct node *n;

	if (h == NULL)
		return 0;
	if ((n = node_at(c, h, cgroup_place(c->plan.s, g))) == NULL)
		return no_node(c, err);
	for (size_t i = 0; i < g->n_handed_down; i++)
		if (words_have(c->v2_controllers, g->handed_down[i]))
			hand_down(c, n, g->handed_down[i], true);
		else
			plan_problem(&c->plan, SNAP_WARNING, NULL, o->id, "cgroup-controller", "cgroups made in it later lack it",
			    "controller %.40s is not here", g->handed_down[i]);
	return 0;
}

static int
want_limits(struct snap_cgroups *c, const struct snap_object *o, bool partial, struct snap_error *err)
{
	const Psnap__Cgroup *g = (const void *)o->message;
	int r = 0;

	if (cgroup_place(c->plan.s, g) == NULL)
		return 0;
	for (size_t i = 0; i < g->n_limits && r == 0; i++)
		r = want_limit(c, o, g->limits[i], partial, err);
	return r != 0 ? r : want_handed_down(c, o, err);
}

/* ---- who is in them ---- */

static int
want_process_in(struct snap_cgroups *c, const Psnap__Process *p, uint64_t id, struct hierarchy *h, struct snap_error *err)
{
	const char *place = cgroup_place_in(c, p, h);
	struct node *n;

	if (place == NULL)
		return 0;
	if ((n = node_at(c, h, place)) == NULL)
		return no_node(c, err);
	n->populated = true;
	for (size_t i = 0; i < p->n_cgroup_ids; i++) {
		const Psnap__Cgroup *g = snap_get_message(c->plan.s, p->cgroup_ids[i], PSNAP_KIND_CGROUP);
		const char *other = g != NULL && holds(c, h, g) ? cgroup_place(c->plan.s, g) : NULL;

		if (other != NULL && !cgroup_is_within(place, *other != '\0' ? other : "/"))
			return error_object(err, SNAP_E_REFUSED, "", id, 0,
			    "pid %d was in cgroups that are not in each other, and would be in one here: %.40s and %.40s",
			    (int)p->pid, place, other);
	}
	return 0;
}

static int
want_processes(struct snap_cgroups *c, struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(c->plan.s, PSNAP_KIND_PROCESS, &n);
	int r = 0;

	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < c->mounts.n && r == 0; k++)
			if (c->h[k].in_use)
				r = want_process_in(c, (const void *)v[i]->message, v[i]->id, &c->h[k], err);
	return r;
}

/* cgroups(7): a cgroup of version 2 that hands controllers down has no processes. */
static int
check_processes(const struct snap_cgroups *c, struct snap_error *err)
{
	for (size_t i = 0; i < c->nodes.n; i++) {
		const struct node *n = c->nodes.v[i];

		if (n->populated && n->needs != 0)
			return error_set(err, SNAP_E_REFUSED, "", 0,
			    "cgroup %.80s has processes and others in it that are limited, which version 2 cannot", n->path);
	}
	return 0;
}

/* Whether somebody is in it, or beneath. */
static bool
is_populated(int folder)
{
	char path[40], text[16], *const paths[] = { path, NULL };
	bool found = false;
	FTSENT *e;
	FTS *f;

	snprintf(path, sizeof path, "/proc/self/fd/%d/.", folder);
	if ((f = fts_open(paths, FTS_PHYSICAL | FTS_NOCHDIR | FTS_XDEV, NULL)) == NULL)
		return true;
	while (!found && (e = fts_read(f)) != NULL)
		found = strcmp(e->fts_name, "cgroup.procs") == 0 &&
		    cgroup_file_read(AT_FDCWD, e->fts_path, text, sizeof text) != 0;
	fts_close(f);
	return found;
}

static int
check_is_free(const struct snap_cgroups *c, struct snap_error *err)
{
	for (size_t i = 0; i < c->mounts.n; i++) {
		int folder = c->h[i].in_use ? cgroup_open(&c->h[i], c->path) : -1;
		bool populated;

		if (folder < 0 && c->h[i].in_use && errno != ENOENT)
			return error_io(err, 0, "cgroup %.80s on %.60s", c->path, c->mounts.v[i].point);
		if (folder < 0)
			continue;
		populated = is_populated(folder);
		close(folder);
		if (populated)
			return error_set(err, SNAP_E_REFUSED, "", 0, "there are processes in cgroup %.80s on %.60s", c->path,
			    c->mounts.v[i].point);
	}
	return 0;
}

/* ---- all ---- */

static bool
had_namespace(const struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_INSTANCE, &n);
	const Psnap__Instance *in = n > 0 ? (const void *)v[0]->message : NULL;

	for (size_t i = 0; in != NULL && i < in->n_namespace_ids; i++) {
		const Psnap__Namespace *ns = snap_get_message(s, in->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (ns != NULL && ns->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_CGROUP)
			return true;
	}
	return false;
}

static int
make_plan(struct snap_cgroups *c, bool partial, struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *v = all_cgroups(c, &n);
	int r = find_hierarchies(c, err);

	for (size_t i = 0; i < n && r == 0; i++)
		r = want_nodes(c, (const void *)v[i]->message, err);
	if (r == 0 && c->nodes.n == 0)
		return error_set(err, SNAP_E_REFUSED, "", 0, "it was in no cgroups of its own, or none of them can be here");
	for (size_t i = 0; i < n && r == 0; i++)
		r = want_limits(c, v[i], partial, err);
	if (r != 0 || (r = want_processes(c, err)) != 0 || (r = check_processes(c, err)) != 0 ||
	    (r = check_is_free(c, err)) != 0)
		return r;
	return c->plan.fatal == 0 ? 0 : error_set(err, SNAP_E_REFUSED, "", 0, "cannot be limited here as it was");
}

int
snap_cgroups_open(struct snap_cgroups **cp, struct snap *s, const char *path, bool partial, snap_problem_fn *fn,
    void *ctx, struct snap_error *err)
{
	struct snap_cgroups *c;
	int r;

	*cp = NULL;
	if (!cgroup_path_is_plain(path))
		return error_misuse(err, "no path of a cgroup: %.80s", path);
	if ((r = snap_validate(s, NULL, NULL, err)) != 0)
		return r;
	if ((c = calloc(1, sizeof *c)) == NULL)
		return nomem(err);
	*cp = c;
	c->plan = (struct plan){ .s = s, .problem = fn, .problem_ctx = ctx };
	c->path = path;
	c->outside = c->inside = -1;
	c->own_namespace = had_namespace(s);
	if ((c->plan.arena = arena_new(UINT64_C(1) << 34)) == NULL)
		r = nomem(err);
	else
		r = make_plan(c, partial, err);
	if (r != 0) {
		snap_cgroups_close(c);
		*cp = NULL;
	}
	return r;
}

void
snap_cgroups_close(struct snap_cgroups *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->mounts.n; i++)
		if (c->h[i].folder >= 0)
			close(c->h[i].folder);
	if (c->outside >= 0)
		close(c->outside);
	if (c->inside >= 0)
		close(c->inside);
	cgroup_mounts_free(&c->mounts);
	arena_free(c->plan.arena);
	free(c);
}
