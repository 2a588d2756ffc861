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

/* "dir/.name.PID.N.tmp" beside path. */
static char *
temp_name(const char *path, unsigned n)
{
	const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
	size_t size = strlen(path) + 48;
	char *name = malloc(size);

	if (name != NULL)
		snprintf(name, size, "%.*s.%s.%ld.%u.tmp", (int)(base - path), path, base,
		    (long)getpid(), n);
	return name;
}

static int
open_unnamed(const char *path)
{
#ifdef O_TMPFILE
	const char *slash = strrchr(path, '/');
	char *dir;
	int fd;

	if (slash == NULL)
		return open(".", O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	if ((dir = malloc((size_t)(slash - path) + 2)) == NULL)
		return -1;
	memcpy(dir, path, (size_t)(slash - path) + 1);
	dir[slash - path + 1] = '\0';
	fd = open(dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
	free(dir);
	return fd;
#else
	(void)path;
	errno = ENOSYS;
	return -1;
#endif
}

static int
open_temp(struct output *o, struct snap_error *err)
{
	for (unsigned n = 0; n < TEMP_TRIES; n++) {
		if ((o->temp = temp_name(o->path, n)) == NULL)
			return error_nomem(err);
		o->fd = open(o->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (o->fd >= 0)
			return 0;
		free(o->temp);
		o->temp = NULL;
		if (errno != EEXIST)
			break;
	}
	return error_io(err, 0, "creating a file beside %s", o->path);
}

int
output_create(struct output *o, const char *path, struct snap_error *err)
{
	struct stat st;

	o->fd = -1;
	o->temp = NULL;
	if ((o->path = strdup(path)) == NULL)
		return error_nomem(err);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		errno = EISDIR;
		return error_io(err, 0, "%s", path);
	}
	if ((o->fd = open_unnamed(path)) >= 0)
		return 0;
	return open_temp(o, err);
}

/* linkat() cannot replace a file: an unnamed one gets a hidden name first. */
static int
name_unnamed(struct output *o, struct snap_error *err)
{
	char self[64];

	snprintf(self, sizeof self, "/proc/self/fd/%d", o->fd);
	for (unsigned n = 0; n < TEMP_TRIES; n++) {
		if ((o->temp = temp_name(o->path, n)) == NULL)
			return error_nomem(err);
		if (linkat(AT_FDCWD, self, AT_FDCWD, o->temp, AT_SYMLINK_FOLLOW) == 0)
			return 0;
		free(o->temp);
		o->temp = NULL;
		if (errno != EEXIST)
			break;
	}
	return error_io(err, 0, "naming the file beside %s", o->path);
}

int
output_commit(struct output *o, struct snap_error *err)
{
	int r;

	if (o->path == NULL)
		return 0;
	if (fdatasync(o->fd) != 0)
		return error_io(err, 0, "writing %s to disk", o->path);
	if (o->temp == NULL && (r = name_unnamed(o, err)) != 0)
		return r;
	if (rename(o->temp, o->path) != 0)
		return error_io(err, 0, "renaming to %s", o->path);
	free(o->temp);
	o->temp = NULL;
	return 0;
}

void
output_abandon(struct output *o)
{
	if (o->path == NULL)
		return;
	if (o->temp != NULL)
		unlink(o->temp);
	if (o->fd >= 0)
		close(o->fd);
	free(o->temp);
	free(o->path);
	o->temp = o->path = NULL;
	o->fd = -1;
}
