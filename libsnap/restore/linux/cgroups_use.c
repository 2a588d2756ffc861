/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes moved into their cgroups as they are made, so that all they use is
 * counted there, and limits set when all of them are.
 *
 * Whoever is moved comes from outside of the new cgroup namespace, and from
 * within it nobody may set the limits of its root: for both we leave it.
 */
#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/cgroups.h"

static int
leave_namespace(struct restore *r, const struct snap_cgroups *c)
{
	return c->inside < 0 || setns(c->outside, CLONE_NEWCGROUP) == 0 ? 0 :
	    restore_fail(r, NULL, 0, errno, "leaving the new cgroup namespace");
}

static int
enter_namespace(struct restore *r, const struct snap_cgroups *c)
{
	return c->inside < 0 || setns(c->inside, CLONE_NEWCGROUP) == 0 ? 0 :
	    restore_fail(r, NULL, 0, errno, "entering the new cgroup namespace");
}

/* 0 or -errno */
static int
write_at(const struct hierarchy *h, const char *path, const char *file, const char *text)
{
	int folder = cgroup_open(h, path), e;

	if (folder < 0)
		return -errno;
	e = cgroup_file_write(folder, file, text);
	close(folder);
	return e;
}

/* ---- processes ---- */

static int
join(struct restore *r, struct snap_cgroups *c, const struct target *t, const struct hierarchy *h, const char *place)
{
	size_t size = strlen(c->path) + strlen(place) + 1;
	char *path = plan_alloc(r->p, size), pid[16];
	int e;

	if (path == NULL)
		return restore_nomem(r);
	snprintf(path, size, "%s%s", c->path, place);
	snprintf(pid, sizeof pid, "%d", (int)t->tasks[0].remote->tid);
	return (e = write_at(h, path, "cgroup.procs", pid)) == 0 ? 0 :
	    restore_fail(r, t, t->id, -e, "moving it into cgroup %.80s", path);
}

static bool
is_there(const char *place, const char *of_maker)
{
	return place == NULL || (of_maker != NULL && strcmp(place, of_maker) == 0);
}

int
cgroups_join(struct restore *r, const struct target *t, const struct target *maker)
{
	struct snap_cgroups *c = r->p->o->cgroups;
	bool outside = false;
	int e = 0;

	for (size_t i = 0; c != NULL && i < c->mounts.n && e == 0; i++) {
		const struct hierarchy *h = &c->h[i];
		const char *place = h->in_use ? cgroup_place_in(c, t->p, h) : NULL;

		if (is_there(place, maker != NULL ? cgroup_place_in(c, maker->p, h) : NULL))
			continue;
		if (!outside && (e = leave_namespace(r, c)) != 0)
			return e;
		outside = true;
		e = join(r, c, t, h, place);
	}
	return outside && enter_namespace(r, c) != 0 ? r->err->code : e;
}

/* ---- limits ---- */

static bool
read_number(int folder, const char *file, uint64_t *value)
{
	char text[32];

	if (cgroup_file_read(folder, file, text, sizeof text) < 0)
		return false;
	*value = strtoull(text, NULL, 10);
	return true;
}

/*
 * A kernel that is told to limit memory to less than is in use kills, if it
 * cannot take enough back.  So as much as that is taken back first, which
 * memory.high does without killing, and if it does not do nothing is set:
 * all of them stand still, so there will not be more.
 */
static int
take_back(struct restore *r, const struct setting *s, int folder)
{
	uint64_t most = strtoull(s->text, NULL, 10), used;
	char high[32];
	int e;

	if (!read_number(folder, "memory.current", &used) || used <= most)
		return 0;
	if ((e = cgroup_file_read(folder, "memory.high", high, sizeof high)) < 0 ||
	    (e = cgroup_file_write(folder, "memory.high", s->text)) != 0 ||
	    (e = cgroup_file_write(folder, "memory.high", high)) != 0)
		return restore_fail(r, NULL, 0, -e, "cgroup %.80s: memory.high", s->node->path);
	return !read_number(folder, "memory.current", &used) || used <= most ? 0 : restore_fail(r, NULL, 0, ENOMEM,
	    "cgroup %.60s: %" PRIu64 " bytes of memory are in use, of %" PRIu64, s->node->path, used, most);
}

static int
set_limit(struct restore *r, const struct setting *s)
{
	int folder = cgroup_open(s->node->h, s->node->path), e = 0;

	if (folder < 0)
		return restore_fail(r, NULL, 0, errno, "cgroup %.80s", s->node->path);
	if (s->node->h->v2 && strcmp(s->file, "memory.max") == 0)
		e = take_back(r, s, folder);
	if (e == 0 && (e = cgroup_file_write(folder, s->file, s->text)) != 0)
		e = restore_fail(r, NULL, 0, -e, "cgroup %.80s: writing %.60s to %s", s->node->path, s->text, s->file);
	close(folder);
	return e;
}

/* The very last: a limit slows down, or refuses, what is done to make them, too. */
int
cgroups_limit(struct restore *r)
{
	struct snap_cgroups *c = r->p->o->cgroups;
	int e;

	if (c == NULL)
		return 0;
	if ((e = leave_namespace(r, c)) != 0)
		return e;
	for (size_t i = 0; i < c->settings.n && e == 0; i++) {
		const struct setting *s = c->settings.v[i];

		if (!s->early)
			e = set_limit(r, s);
	}
	return enter_namespace(r, c) != 0 ? r->err->code : e;
}
