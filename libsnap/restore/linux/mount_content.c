/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was in a temporary file system, made in a new one that nobody sees yet.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "libsnap/restore/linux/mount.h"

struct content {
	struct restore	*r;
	int		top;		/* the folder everything is in */
	uint64_t	folder_id;	/* the last folder that was looked for, */
	int		folder;		/* and a descriptor on it; -1 none */
};

static const Psnap__FileSystemEntry *
entry_of(const struct content *c, uint64_t id)
{
	return snap_get_message(c->r->s, id, PSNAP_KIND_FILE_SYSTEM_ENTRY);
}

static int
fail(struct content *c, uint64_t id, const char *what)
{
	const Psnap__FileSystemEntry *e = entry_of(c, id);
	const ProtobufCBinaryData *name = e->n_names > 0 ? &e->names[0]->name : NULL;

	return restore_fail(c->r, NULL, id, errno, "%s %.*s of a temporary file system", what,
	    name != NULL ? (int)name->len : 1, name != NULL ? (const char *)name->data : "/");
}

/* ---- where ---- */

/* From the folder upwards, each part before what is there: ids only descend, so it ends (FSE-3). */
static const char *
path_of(const struct content *c, const Psnap__FileSystemEntry *e, char path[PATH_MAX])
{
	char *at = path + PATH_MAX - 1;

	*at = '\0';
	while (e != NULL && e->n_names > 0) {
		const ProtobufCBinaryData *name = &e->names[0]->name;

		if ((size_t)(at - path) < name->len + 1)
			return NULL;
		at -= name->len;
		memcpy(at, name->data, name->len);
		*--at = '/';
		e = entry_of(c, e->names[0]->folder_id);
	}
	return *at != '\0' ? at : "/";
}

/* A descriptor that stays ours; -1 as errno says. */
static int
folder_of(struct content *c, uint64_t id)
{
	char buf[PATH_MAX];
	const char *path;

	if (c->folder >= 0 && c->folder_id == id)
		return c->folder;
	if (c->folder >= 0)
		close(c->folder);
	c->folder = -1;
	c->folder_id = id;
	if ((path = path_of(c, entry_of(c, id), buf)) == NULL) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return c->folder = open_within(c->top, path, O_DIRECTORY);
}

/* With a NUL behind it: names have at most 255 bytes (FSE-3). */
static void
name_text(const Psnap__EntryName *n, char name[NAME_MAX + 1])
{
	memcpy(name, n->name.data, n->name.len);
	name[n->name.len] = '\0';
}

/* ---- making one ---- */

static int
make_regular(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e, int folder, const char *name)
{
	const Psnap__MemoryObject *m = snap_get_message(c->r->s, e->content_object_id, PSNAP_KIND_MEMORY_OBJECT);
	int fd = openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600), r = 0;

	if (fd < 0 || (m != NULL && ftruncate(fd, (off_t)m->size) != 0))
		r = fail(c, id, "making");
	else if (m != NULL)
		r = pages_read_object(c->r, e->content_object_id, fd, m->size);
	if (fd >= 0)
		close(fd);
	return r;
}

static int
make_link(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e, int folder, const char *name)
{
	const char *target = path_text(c->r, &e->target);

	if (target == NULL)
		return restore_nomem(c->r);
	return symlinkat(target, folder, name) == 0 ? 0 : fail(c, id, "making");
}

static int
make_new(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e, int folder, const char *name)
{
	mode_t format = file_format(e->type);

	switch (format) {
	case 0:
		errno = EINVAL;
		return fail(c, id, "making");
	case S_IFREG:
		return make_regular(c, id, e, folder, name);
	case S_IFLNK:
		return make_link(c, id, e, folder, name);
	case S_IFDIR:
		return mkdirat(folder, name, 0700) == 0 ? 0 : fail(c, id, "making");
	default:
		return mknodat(folder, name, format | 0600, makedev(e->rdev >> 32, e->rdev & UINT32_MAX)) == 0 ? 0 :
		    fail(c, id, "making");
	}
}

/* ---- what it has ---- */

/* fd: O_PATH; the owner before the mode and attributes, which a change of it may clear. */
static int
set_owner(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e, int fd)
{
	char self[32];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	if (fchownat(fd, "", e->uid, e->gid, AT_EMPTY_PATH) != 0 ||
	    (e->type != PSNAP__FILE_TYPE__FILE_SYMLINK && chmod(self, e->mode) != 0))
		return fail(c, id, "setting owner and mode of");
	for (size_t i = 0; i < e->n_attributes; i++) {
		const Psnap__ExtendedAttribute *a = e->attributes[i];

		if (setxattr(self, a->name, a->value.data, a->value.len, 0) != 0)
			return fail(c, id, "setting an extended attribute of");
	}
	return 0;
}

static struct timespec
time_of(int64_t ns)
{
	int64_t rest = ns % (int64_t)NS;

	rest += rest < 0 ? (int64_t)NS : 0;
	return (struct timespec){ .tv_sec = (time_t)((ns - rest) / (int64_t)NS), .tv_nsec = (long)rest };
}

static int
set_times(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e)
{
	struct timespec times[2] = { time_of(e->atime_ns), time_of(e->mtime_ns) };
	char name[NAME_MAX + 1] = ".";
	int folder = e->n_names > 0 ? folder_of(c, e->names[0]->folder_id) : c->top;

	if (e->n_names > 0)
		name_text(e->names[0], name);
	return folder >= 0 && utimensat(folder, name, times, AT_SYMLINK_NOFOLLOW) == 0 ? 0 :
	    fail(c, id, "setting times of");
}

/* ---- all ---- */

/* The first of its names has the folder that is ours then, and each other one asks for its own. */
static int
make_other_names(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e, int fd)
{
	char self[32], name[NAME_MAX + 1];

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	for (size_t i = 1; i < e->n_names; i++) {
		int folder = folder_of(c, e->names[i]->folder_id);

		name_text(e->names[i], name);
		if (folder < 0 || linkat(AT_FDCWD, self, folder, name, AT_SYMLINK_FOLLOW) != 0)
			return fail(c, id, "linking");
	}
	return 0;
}

static int
make_named(struct content *c, uint64_t id, const Psnap__FileSystemEntry *e)
{
	int folder = folder_of(c, e->names[0]->folder_id), fd, r;
	char name[NAME_MAX + 1];

	name_text(e->names[0], name);
	if (folder < 0)
		return fail(c, id, "opening the folder of");
	if ((r = make_new(c, id, e, folder, name)) != 0)
		return r;
	if ((fd = openat(folder, name, O_PATH | O_NOFOLLOW | O_CLOEXEC)) < 0)
		return fail(c, id, "opening");
	if ((r = set_owner(c, id, e, fd)) == 0)
		r = make_other_names(c, id, e, fd);
	close(fd);
	return r;
}

/* Folders before what is in them, which their ids tell; times last: making a file changes its folder's. */
static int
make_entries(struct content *c, const struct snap_object *const *v, size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		const Psnap__FileSystemEntry *e = (const void *)v[i]->message;

		if ((r = restore_goes_on(c->r)) == 0)
			r = e->n_names > 0 ? make_named(c, v[i]->id, e) : set_owner(c, v[i]->id, e, c->top);
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = set_times(c, v[i]->id, (const void *)v[i]->message);
	return r;
}

int
content_make(struct restore *r, uint64_t file_system_id, int fd)
{
	struct content c = { .r = r, .top = fd, .folder = -1 };
	size_t n;
	const struct snap_object *const *v =
	    snap_get_children(r->s, file_system_id, PSNAP_KIND_FILE_SYSTEM_ENTRY, &n);
	int e;

	if ((v = by_ids(r, v, n)) == NULL)
		return restore_nomem(r);
	e = make_entries(&c, v, n);
	if (c.folder >= 0)
		close(c.folder);
	return e;
}
