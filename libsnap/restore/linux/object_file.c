/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files: those that are here opened again, deleted ones made again without a
 * name.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

mode_t
file_format(Psnap__FileType type)
{
	static const mode_t formats[] = {
		[PSNAP__FILE_TYPE__FILE_REGULAR] = S_IFREG, [PSNAP__FILE_TYPE__FILE_DIRECTORY] = S_IFDIR,
		[PSNAP__FILE_TYPE__FILE_CHARACTER_DEVICE] = S_IFCHR,
		[PSNAP__FILE_TYPE__FILE_BLOCK_DEVICE] = S_IFBLK, [PSNAP__FILE_TYPE__FILE_FIFO] = S_IFIFO,
		[PSNAP__FILE_TYPE__FILE_SYMLINK] = S_IFLNK, [PSNAP__FILE_TYPE__FILE_SOCKET] = S_IFSOCK,
	};

	return (size_t)type < sizeof formats / sizeof *formats ? formats[type] : 0;
}

/*
 * Looked at before it is opened: what is there now may be of another kind,
 * and opening a device or FIFO is an act.
 */
static int
open_checked(struct restore *r, const Psnap__File *f, uint64_t id, const char *path, int flags)
{
	const char *place = file_place(r->p, id, path);
	struct stat st;
	int at, fd;

	if (place == NULL)
		return restore_nomem(r);
	at = open(place, O_PATH | O_CLOEXEC | (f->type == PSNAP__FILE_TYPE__FILE_SYMLINK ? O_NOFOLLOW : 0));
	if (at < 0 || fstat(at, &st) != 0) {
		fd = restore_fail(r, NULL, id, errno, "opening %s", path);
		goto out;
	}
	if ((st.st_mode & S_IFMT) != file_format(f->type)) {
		fd = restore_fail(r, NULL, id, 0, "%s is of another kind now", path);
		goto out;
	}
	if (flags & O_PATH) {
		if ((fd = keep_fd(r, at)) < 0)
			fd = restore_fail(r, NULL, id, errno, "opening %s", path);
		return fd;
	}
	fd = fd_reopen(at, flags | O_NOCTTY);
	if (fd < 0 && flags & O_NOATIME)
		fd = fd_reopen(at, (flags & ~O_NOATIME) | O_NOCTTY);
	if ((fd = keep_fd(r, fd)) < 0)
		fd = restore_fail(r, NULL, id, errno, "opening %s", path);
out:
	if (at >= 0)
		close(at);
	return fd;
}

/* A name beside path that is free; the file is unlinked again at once. */
static int
make_nameless(const char *path, bool directory, mode_t mode)
{
	char name[4096];
	int fd = -1;

	for (int i = 0; i < 100 && fd < 0; i++) {
		if (i == 0)
			snprintf(name, sizeof name, "%s", path);
		else
			snprintf(name, sizeof name, "%s.%d", path, i);
		if (directory) {
			if (mkdir(name, mode) == 0) {
				fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
				rmdir(name);
				return fd;
			}
		} else if ((fd = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode)) >= 0) {
			unlink(name);
		}
		if (fd < 0 && errno != EEXIST)
			break;
	}
	return fd;
}

int
file_fill(struct restore *r, const Psnap__File *f, uint64_t id, int fd, const char *path)
{
	int64_t ns = f->mtime_ns % (int64_t)NS, s = f->mtime_ns / (int64_t)NS - (ns < 0 ? 1 : 0);
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
	    { .tv_sec = (time_t)s, .tv_nsec = (long)(ns < 0 ? ns + (int64_t)NS : ns) } };
	int e;

	if (f->type == PSNAP__FILE_TYPE__FILE_REGULAR) {
		if (ftruncate(fd, (off_t)f->size) != 0)
			return restore_fail(r, NULL, id, errno, "writing %s", path);
		if ((e = pages_read_object(r, f->content_object_id, fd, f->size)) != 0)
			return e;
	}
	/* what has no name can do with another owner, if ours is all we may give */
	if (fchown(fd, f->uid, f->gid) != 0 && !(f->deleted && errno == EPERM))
		return restore_fail(r, NULL, id, errno, "setting the owner of %s", path);
	if (fchmod(fd, f->mode & 07777) != 0 || futimens(fd, times) != 0)
		return restore_fail(r, NULL, id, errno, "setting mode and time of %s", path);
	return 0;
}

/* A deleted file comes back with its content and without a name. */
static int
make_ghost(struct restore *r, const Psnap__File *f, uint64_t id, const char *path)
{
	bool directory = f->type == PSNAP__FILE_TYPE__FILE_DIRECTORY;
	int fd, e;

	if (!directory && (f->type != PSNAP__FILE_TYPE__FILE_REGULAR || f->content_object_id == 0))
		return restore_fail(r, NULL, id, 0, "%s is deleted and its content not in the snapshot", path);
	if ((fd = keep_fd(r, make_nameless(path, directory, directory ? 0700 : 0600))) < 0)
		return restore_fail(r, NULL, id, errno, "making deleted file %s", path);
	e = file_fill(r, f, id, fd, path);
	return e == 0 ? fd : e;
}

/* Deleted files are made once and opened again from there. */
static int
ghost(struct restore *r, const Psnap__File *f, uint64_t id, const char *path)
{
	struct shared *g;
	int fd;

	for (size_t i = 0; i < r->ghosts.n; i++) {
		g = r->ghosts.v[i];
		if (g->id == id)
			return g->fd;
	}
	if ((fd = make_ghost(r, f, id, path)) < 0)
		return fd;
	if ((g = plan_alloc(r->p, sizeof *g)) == NULL || restore_list_add(r, &r->ghosts, g) != 0)
		return restore_nomem(r);
	g->id = id;
	g->fd = fd;
	return fd;
}

int
file_open(struct restore *r, uint64_t file_id, int flags)
{
	const Psnap__File *f = snap_get_message(r->s, file_id, PSNAP_KIND_FILE);
	const char *path;
	int fd;

	if (f == NULL)
		return restore_fail(r, NULL, file_id, ENOENT, "no such file in the snapshot");
	if ((path = plan_path(r->p, &f->path)) == NULL)
		return restore_nomem(r);
	/* O_TMPFILE shows as O_DIRECTORY, among others */
	if (f->type != PSNAP__FILE_TYPE__FILE_DIRECTORY)
		flags &= ~O_DIRECTORY;
	if (!f->deleted)
		return open_checked(r, f, file_id, path, flags);
	if ((fd = ghost(r, f, file_id, path)) < 0)
		return fd;
	if ((fd = keep_fd(r, fd_reopen(fd, flags))) < 0)
		return restore_fail(r, NULL, file_id, errno, "opening deleted file %s", path);
	return fd;
}
