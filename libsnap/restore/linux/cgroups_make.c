/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups made, and all as it was.  Ours are ordinary folders: nothing but
 * their own files is written to, and of those above them what they hand down.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/restore/linux/cgroups.h"
#include "linux/words.h"

/* Who is being killed in a cgroup keeps it for a moment. */
#define BUSY_TRIES	500
#define BUSY_PAUSE_NS	10000000

static bool
is_within_own(const struct snap_cgroups *c, const struct node *n)
{
	return cgroup_is_within(n->path, c->path);
}

static bool
is_own(const struct snap_cgroups *c, const struct node *n)
{
	return strcmp(n->path, c->path) == 0;
}

/* The folder it is in; *name: its own there.  -1 as errno says. */
static int
open_parent(const struct node *n, const char **name)
{
	char path[PATH_MAX];

	*name = strrchr(n->path, '/') + 1;
	snprintf(path, sizeof path, "%.*s", (int)(*name - n->path - 1), n->path);
	return cgroup_open(n->h, path);
}

static int
fail(struct snap_error *err, int e, const struct node *n, const char *file)
{
	errno = e;
	return error_io(err, 0, "cgroup %.80s%s%s", n->path[0] != '\0' ? n->path : "/", file[0] != '\0' ? ": " : "", file);
}

/* ---- one ---- */

static int
make_folder(struct node *n, struct snap_error *err)
{
	const char *name;
	int parent = open_parent(n, &name), e = errno;

	if (parent >= 0) {
		e = mkdirat(parent, name, 0755) == 0 ? 0 : errno;
		close(parent);
	}
	n->made = e == 0;
	return e == 0 || e == EEXIST ? 0 : fail(err, e, n, "mkdir");
}

/* Nobody can be in one of version 1 that has no CPUs; it begins with those of the one above. */
static int
inherit_cpus(const struct node *n, int folder, struct snap_error *err)
{
	static const struct { const char *file, *above; } files[] = {
		{ "cpuset.cpus", "../cpuset.cpus" }, { "cpuset.mems", "../cpuset.mems" },
	};
	char text[4096];
	int e;

	for (size_t i = 0; i < sizeof files / sizeof files[0] && !n->h->v2; i++) {
		if ((e = cgroup_file_read(folder, files[i].above, text, sizeof text)) == -ENOENT)
			continue;
		if (e < 0 || (e = cgroup_file_write(folder, files[i].file, text)) != 0)
			return fail(err, -e, n, files[i].file);
	}
	return 0;
}

/* What was there is put back if nothing comes of it: what a limit was is looked up before anything is changed. */
static int
prepare_setting(struct snap_cgroups *c, const struct node *n, int folder, struct setting *s, struct snap_error *err)
{
	char text[4096], *old;
	int e;

	if (!n->made) {
		if ((e = cgroup_file_read(folder, s->file, text, sizeof text)) < 0)
			return fail(err, -e, n, s->file);
		if ((old = plan_alloc(&c->plan, strlen(text) + 1)) == NULL)
			return error_nomem(err);
		s->old = strcpy(old, text);
	}
	if (s->early && (e = cgroup_file_write(folder, s->file, s->text)) != 0)
		return fail(err, -e, n, s->file);
	return 0;
}

static int
make_node(struct snap_cgroups *c, struct node *n, struct snap_error *err)
{
	int folder, r = 0;

	if (n->path[0] == '\0')
		return 0;
	if ((r = make_folder(n, err)) != 0)
		return r;
	if ((folder = cgroup_open(n->h, n->path)) < 0)
		return fail(err, errno, n, "");
	if (n->made)
		r = inherit_cpus(n, folder, err);
	for (size_t i = 0; i < c->settings.n && r == 0; i++) {
		struct setting *s = c->settings.v[i];

		if (s->node == n)
			r = prepare_setting(c, n, folder, s, err);
	}
	close(folder);
	return r;
}

/* ---- what it hands down ---- */

/* "+cpu", or "-cpu" to take it back. */
static int
switch_controller(const struct node *n, int folder, size_t bit, char sign, struct snap_error *err)
{
	char word[32];
	int e;

	snprintf(word, sizeof word, "%c%s", sign, controller_names[bit]);
	if ((e = cgroup_file_write(folder, "cgroup.subtree_control", word)) == 0)
		return 0;
	errno = -e;
	return error_io(err, 0, "cgroup %.80s: writing %s to cgroup.subtree_control", n->path[0] != '\0' ? n->path : "/", word);
}

static int
hand_down(struct node *n, struct snap_error *err)
{
	int folder = n->needs != 0 ? cgroup_open(n->h, n->path) : -1, r = 0;
	char has[512];

	if (n->needs == 0)
		return 0;
	if (folder < 0 || (r = cgroup_file_read(folder, "cgroup.subtree_control", has, sizeof has)) < 0) {
		r = fail(err, folder < 0 ? errno : -r, n, "cgroup.subtree_control");
		goto out;
	}
	r = 0;
	for (size_t bit = 0; controller_names[bit] != NULL && r == 0; bit++) {
		if (!(n->needs >> bit & 1) || words_have(has, controller_names[bit]))
			continue;
		if ((r = switch_controller(n, folder, bit, '+', err)) == 0)
			n->enabled |= UINT32_C(1) << bit;
	}
out:
	if (folder >= 0)
		close(folder);
	return r;
}

/* ---- a namespace ---- */

/* In a process of its own: a namespace's root is the cgroup one is in that moment, in which we are never. */
static int
enter_all(struct snap_cgroups *c)
{
	for (size_t i = 0; i < c->nodes.n; i++) {
		const struct node *n = c->nodes.v[i];
		int folder = is_own(c, n) ? cgroup_open(n->h, n->path) : -1, e;

		if (!is_own(c, n))
			continue;
		if (folder < 0 || (e = cgroup_file_write(folder, "cgroup.procs", "0")) != 0)
			return folder < 0 ? errno : -e;
		close(folder);
	}
	return unshare(CLONE_NEWCGROUP) == 0 ? 0 : errno;
}

static void
be_in_namespace(struct snap_cgroups *c, int way)
{
	int e = enter_all(c);

	if (write(way, &e, sizeof e) == (ssize_t)sizeof e)
		for (;;)
			pause();	/* until it was looked at */
	_exit(1);
}

static int
make_namespace(struct snap_cgroups *c, struct snap_error *err)
{
	char path[40];
	int ends[2], e = EPIPE;
	pid_t pid;

	if ((c->outside = open("/proc/self/ns/cgroup", O_RDONLY | O_CLOEXEC)) < 0 || pipe2(ends, O_CLOEXEC) != 0)
		return error_io(err, 0, "a new cgroup namespace");
	if ((pid = fork()) == 0) {
		close(ends[0]);
		be_in_namespace(c, ends[1]);
	}
	close(ends[1]);
	if (pid > 0 && read(ends[0], &e, sizeof e) == (ssize_t)sizeof e && e == 0) {
		snprintf(path, sizeof path, "/proc/%d/ns/cgroup", (int)pid);
		e = (c->inside = open(path, O_RDONLY | O_CLOEXEC)) >= 0 ? 0 : errno;
	}
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	errno = e;
	return e == 0 ? 0 : error_io(err, 0, "a new cgroup namespace, in cgroup %.80s", c->path);
}

int
snap_cgroups_enter(const struct snap_cgroups *c, struct snap_error *err)
{
	return c->inside < 0 || setns(c->inside, CLONE_NEWCGROUP) == 0 ? 0 : error_io(err, 0, "entering the new cgroup namespace");
}

/* ---- all ---- */

/* Those above and the instance's own; or else what is in that. */
static int
make_nodes(struct snap_cgroups *c, bool beneath, struct snap_error *err)
{
	int r = 0;

	for (size_t i = 0; i < c->nodes.n && r == 0; i++) {
		struct node *n = c->nodes.v[i];

		if (beneath == (is_within_own(c, n) && !is_own(c, n)))
			r = make_node(c, n, err);
		/* nobody could enter it then, not even for the namespace */
		if (r == 0 && beneath == is_within_own(c, n))
			r = hand_down(n, err);
	}
	return r;
}

int
snap_cgroups_make(struct snap_cgroups *c, struct snap_error *err)
{
	struct snap_error ignored;
	int r;

	if ((r = make_nodes(c, false, err)) != 0 ||
	    (c->own_namespace && (r = make_namespace(c, err)) != 0) ||
	    (r = make_nodes(c, true, err)) != 0)
		snap_cgroups_undo(c, &ignored);
	return r;
}

/* ---- and back ---- */

static int
remove_folder(const struct node *n)
{
	const char *name;
	int parent = open_parent(n, &name), e = parent < 0 ? errno : EBUSY;

	for (int i = 0; parent >= 0 && e == EBUSY && i < BUSY_TRIES; i++) {
		if (i > 0)
			nanosleep(&(struct timespec){ .tv_nsec = BUSY_PAUSE_NS }, NULL);
		e = unlinkat(parent, name, AT_REMOVEDIR) == 0 ? 0 : errno;
	}
	if (parent >= 0)
		close(parent);
	return e;
}

static int
undo_node(struct node *n, struct snap_error *err)
{
	int folder, r = 0, e;

	if (n->made) {
		n->made = false;
		return (e = remove_folder(n)) == 0 ? 0 : fail(err, e, n, "rmdir");
	}
	if (n->enabled == 0)
		return 0;
	if ((folder = cgroup_open(n->h, n->path)) < 0)
		return fail(err, errno, n, "");
	for (size_t bit = 0; controller_names[bit] != NULL && r == 0; bit++)
		if (n->enabled >> bit & 1)
			r = switch_controller(n, folder, bit, '-', err);
	n->enabled = 0;
	close(folder);
	return r;
}

static int
undo_setting(const struct setting *s, struct snap_error *err)
{
	int folder = s->old != NULL ? cgroup_open(s->node->h, s->node->path) : -1, e;

	if (s->old == NULL)
		return 0;
	e = folder < 0 ? -errno : cgroup_file_write(folder, s->file, s->old);
	if (folder >= 0)
		close(folder);
	return e == 0 ? 0 : fail(err, -e, s->node, s->file);
}

/* All of it, whatever fails; the first failure is told. */
int
snap_cgroups_undo(struct snap_cgroups *c, struct snap_error *err)
{
	struct snap_error other;
	int first = 0, r;

	for (size_t i = c->settings.n; i-- > 0;)
		if ((r = undo_setting(c->settings.v[i], first == 0 ? err : &other)) != 0 && first == 0)
			first = r;
	for (size_t i = c->nodes.n; i-- > 0;)
		if ((r = undo_node(c->nodes.v[i], first == 0 ? err : &other)) != 0 && first == 0)
			first = r;
	return first;
}
