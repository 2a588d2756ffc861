/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is in a temporary file system that only the tree has: every file with
 * what makes it, looked at through a view of our own that changes nothing.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/mount.h"

#define ENTRIES_MAX	(1u << 18)
#define HELD_MAX	(UINT64_C(1) << 30)	/* bytes of what is in files, of all file systems */
#define XATTRS_MAX	65536			/* XATTR_LIST_MAX, XATTR_SIZE_MAX */

struct entry {
	uint64_t	id;
	const struct file_system *fs;
	struct stat	st;
	const char	*path;		/* from the top, without a slash in front; "." that itself */
	struct list	names;		/* struct name; none of the top */
	const char	*target;	/* of a symbolic link */
	struct memory_object *content;	/* NULL: it is empty, or no regular file */
	struct list	attributes;	/* struct attribute */
};

struct name {
	const struct entry *folder;
	const char	*name;
};

struct attribute {
	const char	*name;
	const void	*value;
	size_t		len;
};

struct walk {
	struct dump	*d;
	struct proc	*root;
	struct mounts	*m;
	struct file_system *fs;
	bool		leases;		/* the tree has some */
	struct index	linked;		/* struct entry, by inode: of more names than one */
};

static int
walk_nomem(struct walk *w)
{
	return dump_fail(w->d, GLUE_E_NOMEM, 0, w->root, "out of memory");
}

/* What it has cannot be carried: 1, or an error. */
static int
refuse(struct walk *w, const char *path, const char *why)
{
	int r = dump_cover(w->d, PSNAP_COVERAGE_BREAKS, w->root, 0, -1, w->fs->id, "mount-content",
	    "%s of the file system %s is not carried: %s", path, w->fs->source, why);

	return r != 0 ? r : 1;
}

/* ---- attributes ---- */

static int
compare_attributes(const void *a, const void *b)
{
	const struct attribute *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static int
add_attribute(struct walk *w, struct entry *e, const char *self, const char *name, uint8_t *buf)
{
	ssize_t n = getxattr(self, name, buf, XATTRS_MAX);
	struct attribute *a;

	if (n < 0)
		return refuse(w, e->path, "an extended attribute of it cannot be read");
	if ((a = dump_alloc(w->d, sizeof *a)) == NULL || (a->name = dump_strdup(w->d, name)) == NULL ||
	    (a->value = dump_memdup(w->d, buf, (size_t)n)) == NULL || list_add(w->d, &e->attributes, a) != 0)
		return walk_nomem(w);
	a->len = (size_t)n;
	return 0;
}

/* self: our descriptor on it, by its name in /proc. */
static int
read_attributes(struct walk *w, struct entry *e, const char *self)
{
	char *names = malloc(2 * XATTRS_MAX);
	ssize_t n = names != NULL ? listxattr(self, names, XATTRS_MAX) : 0;
	int r = names != NULL ? 0 : walk_nomem(w);

	if (n < 0 && errno != EOPNOTSUPP)
		r = refuse(w, e->path, "its extended attributes cannot be listed");
	for (char *at = names; r == 0 && n > 0 && at < names + n; at += strlen(at) + 1)
		r = add_attribute(w, e, self, at, (uint8_t *)names + XATTRS_MAX);
	free(names);
	if (e->attributes.n > 1)
		qsort(e->attributes.v, e->attributes.n, sizeof *e->attributes.v, compare_attributes);
	return r;
}

/* ---- one file ---- */

static int
read_target(struct walk *w, struct entry *e, int fd)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(fd, "", target, sizeof target - 1);

	if (n <= 0)
		return refuse(w, e->path, "where that link leads cannot be read");
	target[n] = '\0';
	return (e->target = dump_strdup(w->d, target)) != NULL ? 0 : walk_nomem(w);
}

/* Who has a lease on a file is told when anybody opens it; st NULL: on any file. */
static bool
has_lease(const struct dump *d, const struct stat *st)
{
	for (size_t i = 0; i < d->open_files.n; i++) {
		const struct open_file *o = d->open_files.v[i];

		if (st != NULL && (o->st.st_ino != st->st_ino || o->st.st_dev != st->st_dev))
			continue;
		for (size_t k = 0; k < o->locks.n; k++)
			if (((const struct file_lock *)o->locks.v[k])->kind == PSNAP_FILE_LOCK_LEASE)
				return true;
	}
	return false;
}

static int
hold(struct walk *w, struct entry *e, const char *self)
{
	int fd, r;

	if (e->st.st_size == 0)
		return 0;
	if ((w->m->held += (uint64_t)e->st.st_blocks * 512) > HELD_MAX)
		return refuse(w, e->path, "the files of temporary file systems hold more than 1 GiB");
	if (w->leases && has_lease(w->d, &e->st))
		return refuse(w, e->path, "somebody has a lease on it");
	if ((fd = open(self, O_RDONLY | O_NOATIME | O_NONBLOCK | O_CLOEXEC)) < 0)
		return refuse(w, e->path, "it cannot be read");
	r = (e->content = mem_object(w->d, e->st.st_dev, e->st.st_ino, PSNAP_MEMORY_OBJECT_FILE_CONTENT, fd)) != NULL ?
	    mem_object_hold(w->d, e->content) : walk_nomem(w);
	close(fd);
	return r;
}

static int
examine(struct walk *w, struct entry *e, int fd)
{
	char self[32];
	int r;

	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	if ((r = read_attributes(w, e, self)) != 0)
		return r;
	return S_ISLNK(e->st.st_mode) ? read_target(w, e, fd) : S_ISREG(e->st.st_mode) ? hold(w, e, self) : 0;
}

static struct entry *
new_entry(struct walk *w, const struct stat *st, const char *path)
{
	struct entry *e = dump_alloc(w->d, sizeof *e);

	if (e == NULL || list_add(w->d, &w->fs->entries, e) != 0)
		return NULL;
	e->fs = w->fs;
	e->st = *st;
	e->path = path;
	return e;
}

/* ---- folders ---- */

static int
open_beneath(const struct walk *w, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)flags | O_CLOEXEC,
	    .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

	return (int)syscall(SYS_openat2, w->fs->fd, path, &how, sizeof how);
}

static char *
path_of(struct dump *d, const struct entry *folder, const char *name)
{
	size_t n = strcmp(folder->path, ".") == 0 ? 0 : strlen(folder->path) + 1, len = strlen(name);
	char *path = dump_alloc(d, n + len + 1);

	if (path == NULL)
		return NULL;
	if (n > 0) {
		memcpy(path, folder->path, n - 1);
		path[n - 1] = '/';
	}
	memcpy(path + n, name, len);
	return path;
}

static int
add_file(struct walk *w, const struct entry *folder, const char *path, int fd)
{
	struct entry *e;
	struct name *n;
	struct stat st;
	size_t at = 0;
	int r = 0;

	if (fd < 0 || fstat(fd, &st) != 0)
		return refuse(w, path, "it cannot be examined");
	if ((e = index_next(&w->linked, st.st_ino, &at)) == NULL) {
		if (w->fs->entries.n == ENTRIES_MAX)
			return refuse(w, path, "there are too many files");
		if ((e = new_entry(w, &st, path)) == NULL ||
		    (st.st_nlink > 1 && !S_ISDIR(st.st_mode) && index_add(w->d, &w->linked, st.st_ino, e) != 0))
			return walk_nomem(w);
		r = examine(w, e, fd);
	}
	if ((n = dump_alloc(w->d, sizeof *n)) == NULL || list_add(w->d, &e->names, n) != 0)
		return walk_nomem(w);
	n->folder = folder;
	n->name = strrchr(path, '/') != NULL ? strrchr(path, '/') + 1 : path;
	return r;
}

static int
add_named(struct walk *w, const struct entry *folder, const char *name)
{
	char *path = path_of(w->d, folder, name);
	int fd, r;

	if (path == NULL)
		return walk_nomem(w);
	if (strlen(path) >= PATH_MAX)
		return refuse(w, folder->path, "the path of a file in it is too long");
	fd = open_beneath(w, path, O_PATH | O_NOFOLLOW);
	r = add_file(w, folder, path, fd);
	if (fd >= 0)
		close(fd);
	return r;
}

static int
compare_names(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

/* Its names, sorted: in which order they were made is nobody's business. */
static int
list_folder(struct walk *w, const struct entry *folder, struct list *names)
{
	int fd = open_beneath(w, folder->path, O_RDONLY | O_DIRECTORY), r = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *x;

	if (dir == NULL) {
		if (fd >= 0)
			close(fd);
		return refuse(w, folder->path, "it cannot be listed");
	}
	while (r == 0 && (x = readdir(dir)) != NULL) {
		char *name;

		if (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0)
			continue;
		if ((name = dump_strdup(w->d, x->d_name)) == NULL || list_add(w->d, names, name) != 0)
			r = walk_nomem(w);
	}
	closedir(dir);
	if (names->n > 1)
		qsort(names->v, names->n, sizeof *names->v, compare_names);
	return r;
}

static int
walk_folder(struct walk *w, const struct entry *folder)
{
	struct list names = { 0 };
	int r = list_folder(w, folder, &names);

	for (size_t i = 0; i < names.n && r == 0; i++)
		r = add_named(w, folder, names.v[i]);
	return r;
}

/* Folders first: a file may have a name in any of them. */
static void
number_entries(struct walk *w)
{
	for (int folders = 1; folders >= 0; folders--)
		for (size_t i = 0; i < w->fs->entries.n; i++) {
			struct entry *e = w->fs->entries.v[i];

			if (S_ISDIR(e->st.st_mode) == folders)
				e->id = dump_new_id(w->d);
		}
}

int
content_collect(struct dump *d, struct proc *root, struct mounts *m, struct file_system *fs)
{
	struct walk w = { .d = d, .root = root, .m = m, .fs = fs, .leases = has_lease(d, NULL) };
	struct entry *top;
	struct stat st;
	int r;

	if (fstat(fs->fd, &st) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, root, "examining the file system %s", fs->source);
	if ((top = new_entry(&w, &st, ".")) == NULL)
		return walk_nomem(&w);
	r = examine(&w, top, fs->fd);
	/* what is found is looked into in its turn */
	for (size_t i = 0; i < fs->entries.n && r == 0; i++) {
		const struct entry *e = fs->entries.v[i];

		if (d->options->cancel != NULL && *d->options->cancel)
			return dump_fail(d, GLUE_E_INTERRUPTED, 0, NULL, "interrupted");
		if (S_ISDIR(e->st.st_mode))
			r = walk_folder(&w, e);
	}
	number_entries(&w);
	return r < 0 ? r : 0;
}

/* ---- records ---- */

static int64_t
ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void
entry_fields(struct glue_emit *e, const void *object)
{
	const struct entry *x = object;

	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_FILE_SYSTEM_ID, x->fs->id);
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_TYPE, file_type(x->st.st_mode));
	for (size_t i = 0; i < x->names.n; i++) {
		const struct name *n = x->names.v[i];

		glue_emit_open(e, PSNAP_F_FILE_SYSTEM_ENTRY_NAMES);
		glue_emit_uint(e, PSNAP_F_ENTRY_NAME_FOLDER_ID, n->folder->id);
		glue_emit_bytes(e, PSNAP_F_ENTRY_NAME_NAME, n->name, strlen(n->name));
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_MODE, x->st.st_mode & 07777);
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_UID, x->st.st_uid);
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_GID, x->st.st_gid);
	glue_emit_int(e, PSNAP_F_FILE_SYSTEM_ENTRY_ATIME_NS, ns(x->st.st_atim));
	glue_emit_int(e, PSNAP_F_FILE_SYSTEM_ENTRY_MTIME_NS, ns(x->st.st_mtim));
	if (S_ISCHR(x->st.st_mode) || S_ISBLK(x->st.st_mode))
		glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_RDEV,
		    (uint64_t)major(x->st.st_rdev) << 32 | minor(x->st.st_rdev));
	if (x->target != NULL)
		glue_emit_bytes(e, PSNAP_F_FILE_SYSTEM_ENTRY_TARGET, x->target, strlen(x->target));
	if (x->content != NULL)
		glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_ENTRY_CONTENT_OBJECT_ID, mem_object_id(x->content));
	for (size_t i = 0; i < x->attributes.n; i++) {
		const struct attribute *a = x->attributes.v[i];

		glue_emit_open(e, PSNAP_F_FILE_SYSTEM_ENTRY_ATTRIBUTES);
		glue_emit_string(e, PSNAP_F_EXTENDED_ATTRIBUTE_NAME, a->name);
		glue_emit_bytes(e, PSNAP_F_EXTENDED_ATTRIBUTE_VALUE, a->value, a->len);
		glue_emit_close(e);
	}
}

static int
compare_ids(const void *a, const void *b)
{
	const struct entry *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

int
content_emit(struct dump *d, const struct file_system *fs)
{
	int r = 0;

	if (fs->entries.n > 1)
		qsort(fs->entries.v, fs->entries.n, sizeof *fs->entries.v, compare_ids);
	for (size_t i = 0; i < fs->entries.n && r == 0; i++) {
		const struct entry *e = fs->entries.v[i];

		r = dump_record(d, PSNAP_KIND_FILE_SYSTEM_ENTRY, e->id, entry_fields, e);
	}
	return r;
}
