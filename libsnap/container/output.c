/* SPDX-License-Identifier: BSD-2-Clause */
#define _GNU_SOURCE	/* O_TMPFILE, where there is one */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/container/output.h"
#include "libsnap/core/error.h"

#define TEMP_TRIES	100

void
output_init(struct output *o)
{
	memset(o, 0, sizeof *o);
	o->fd = o->dir = -1;
}

void
output_borrow(struct output *o, int fd)
{
	o->fd = fd;
}

static void
remove_temp(struct output *o)
{
	if (o->temp[0] != '\0')
		unlinkat(o->dir, o->temp, 0);
	o->temp[0] = '\0';
}

void
output_fini(struct output *o)
{
	if (o->dir >= 0) {
		remove_temp(o);
		if (o->fd >= 0)
			close(o->fd);
		close(o->dir);
	}
	free(o->path);
	output_init(o);
}

/* ---- names ---- */

/* Split path. */
static int
set_path(struct output *o, const char *path, struct snap_error *err)
{
	char *slash;

	if ((o->path = strdup(path)) == NULL)
		return error_nomem(err);
	slash = strrchr(o->path, '/');
	o->name = slash == NULL ? o->path : slash + 1;
	return 0;
}

/* The folder is held open, so that a later chdir() changes nothing. */
static int
open_folder(struct output *o, struct snap_error *err)
{
	char *slash = strrchr(o->path, '/');

	if (slash == NULL || slash == o->path) {
		o->dir = open(slash == NULL ? "." : "/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else {
		*slash = '\0';
		o->dir = open(o->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		*slash = '/';
	}
	return o->dir >= 0 ? 0 : error_io(err, 0, "opening the folder of %s", o->path);
}

/* Replacing a folder cannot work; replacing a device would be a nasty surprise. */
static int
check_target(const struct output *o, struct snap_error *err)
{
	struct stat st;

	if (o->name[0] == '\0' || (fstatat(o->dir, o->name, &st, 0) == 0 && S_ISDIR(st.st_mode))) {
		errno = EISDIR;
		return error_io(err, 0, "%s", o->path);
	}
	if (fstatat(o->dir, o->name, &st, 0) == 0 && !S_ISREG(st.st_mode))
		return error_set(err, SNAP_E_REFUSED, "", 0,
		    "%s is not a regular file, and would be replaced by one", o->path);
	return 0;
}

/* One hidden name after the other until `try` does not meet a file; 0, or -1 with errno. */
static int
with_temp_name(struct output *o, int (*try)(struct output *o))
{
	for (unsigned n = 0; n < TEMP_TRIES; n++) {
		snprintf(o->temp, sizeof o->temp, ".psnap.%ld.%u.tmp", (long)getpid(), n);
		if (try(o) == 0)
			return 0;
		if (errno != EEXIST)
			break;
	}
	o->temp[0] = '\0';
	return -1;
}

/* ---- creating ---- */

#define SELF_MAX	32

static void
self_path(char self[SELF_MAX], const struct output *o)
{
	snprintf(self, SELF_MAX, "/proc/self/fd/%d", o->fd);
}

/* Of use only if /proc is there to name it by in the end. */
static int
open_unnamed(struct output *o)
{
#ifdef O_TMPFILE
	char self[SELF_MAX];

	if ((o->fd = openat(o->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600)) < 0)
		return -1;
	self_path(self, o);
	if (access(self, F_OK) == 0)
		return 0;
	close(o->fd);
	o->fd = -1;
#else
	(void)o;
#endif
	return -1;
}

static int
open_temp(struct output *o)
{
	o->fd = openat(o->dir, o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return o->fd >= 0 ? 0 : -1;
}

static int
create(struct output *o, struct snap_error *err)
{
	if (open_unnamed(o) != 0 && with_temp_name(o, open_temp) != 0)
		return error_io(err, 0, "creating a file beside %s", o->path);
	return 0;
}

int
output_create(struct output *o, const char *path, struct snap_error *err)
{
	int r;

	o->replace = true;
	if ((r = set_path(o, path, err)) != 0 || (r = open_folder(o, err)) != 0 || (r = check_target(o, err)) != 0)
		return r;
	return create(o, err);
}

int
output_create_new(struct output *o, int dir, const char *path, struct snap_error *err)
{
	int r;

	o->dir = dir;
	return (r = set_path(o, path, err)) != 0 ? r : create(o, err);
}

/* ---- committing ---- */

static int
link_as(const struct output *o, const char *name)
{
	char self[SELF_MAX];

	self_path(self, o);
	return linkat(AT_FDCWD, self, o->dir, name, AT_SYMLINK_FOLLOW);
}

/* Where no file is: link(2) replaces none.  A hidden name goes with output_fini(). */
static int
name_new(const struct output *o)
{
	return o->temp[0] == '\0' ? link_as(o, o->name) : linkat(o->dir, o->temp, o->dir, o->name, 0);
}

static int
link_temp(struct output *o)
{
	return link_as(o, o->temp);
}

int
output_commit(struct output *o, struct snap_error *err)
{
	if (o->dir < 0)
		return 0;
	if (fdatasync(o->fd) != 0)
		return error_io(err, 0, "writing %s to disk", o->path);
	if (!o->replace) {
		if (name_new(o) != 0)
			return error_io(err, 0, "naming the file %s", o->path);
		goto named;
	}
	if (o->temp[0] == '\0') {
		if (link_as(o, o->name) == 0)
			goto named;
		/* linkat() cannot replace a file: a hidden name first, which rename() can */
		if (errno != EEXIST || with_temp_name(o, link_temp) != 0)
			return error_io(err, 0, "naming the file %s", o->path);
	}
	if (renameat(o->dir, o->temp, o->dir, o->name) != 0)
		return error_io(err, 0, "renaming to %s", o->path);
	o->temp[0] = '\0';
named:
	(void)fsync(o->dir);	/* not every file system can; the file itself is safe */
	return 0;
}

/* ---- for callers of the library ---- */

struct snap_output {
	struct output o;
};

int
snap_output_create(struct snap_output **op, const char *path, struct snap_error *err)
{
	struct snap_output *new = malloc(sizeof *new);
	int r;

	*op = NULL;
	if (new == NULL)
		return error_nomem(err);
	output_init(&new->o);
	if ((r = output_create(&new->o, path, err)) != 0) {
		snap_output_free(new);
		return r;
	}
	*op = new;
	return 0;
}

int
snap_output_fd(const struct snap_output *o)
{
	return o->o.fd;
}

int
snap_output_commit(struct snap_output *o, struct snap_error *err)
{
	return output_commit(&o->o, err);
}

void
snap_output_abandon(struct snap_output *o)
{
	remove_temp(&o->o);
}

void
snap_output_free(struct snap_output *o)
{
	if (o == NULL)
		return;
	output_fini(&o->o);
	free(o);
}
