/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounts of a namespace under way, between mount*.c.  Everything is made
 * in the namespace the caller is in for it, and attached where nobody else is;
 * every path of the snapshot is looked up where it cannot lead out.
 */
#ifndef LIBSNAP_RESTORE_LINUX_MOUNT_H
#define LIBSNAP_RESTORE_LINUX_MOUNT_H

#include "format/mount.pb-c.h"
#include "libsnap/restore/linux/linux.h"

/* A file system, or one of its mounts, made: a descriptor on it. */
struct attached {
	uint64_t	id;
	int		fd;
};

struct mounts {
	struct restore	*r;
	int		scratch;	/* a folder that goes with the old root: what is made waits there */
	int		aside;		/* what is of the host waits there for its user namespace; -1 it does not */
	const struct snap_object *const *all;	/* Mounts, ascending by id */
	size_t		count;
	struct attached	*file_systems, *mounts;
	size_t		nfile_systems, nmounts;
};

/*
 * O_PATH of a path below a folder, itself if the path is "/": no symbolic link,
 * and nothing that is mounted on the way, is followed; -1 as errno says.
 */
int	open_within(int folder, const char *path, int flags);
/* The same of a path of the host. */
int	open_of_host(const char *path, int flags);
/* A path of the snapshot with a NUL behind it, or NULL. */
char	*path_text(struct restore *r, const ProtobufCBinaryData *path);
/* The same objects, ascending by id, or NULL. */
const struct snap_object *const *by_ids(struct restore *r, const struct snap_object *const *v, size_t n);

/* mount_fs.c: a file system that nobody has yet; keep_fd()'s descriptor, or a negative code. */
int	file_system_make(struct restore *r, uint64_t id, const Psnap__FileSystem *f);
/* It is only to be read from now on. */
int	file_system_close(struct restore *r, uint64_t id, const Psnap__FileSystem *f, int fd);

/* outside.c: look for the files that are not in the namespace to be made; kept until they are closed. */
int	outside_find(struct plan *p, struct snap_error *err);
void	outside_close(struct plan *p);

/* mount_content.c: all that was in it. */
int	content_make(struct restore *r, uint64_t file_system_id, int fd);

#endif
