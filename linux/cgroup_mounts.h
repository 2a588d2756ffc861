/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where cgroup file systems are mounted, of version 2 and of version 1, which
 * has one for each group of controllers.
 */
#ifndef LINUX_CGROUP_MOUNTS_H
#define LINUX_CGROUP_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_MOUNTS_MAX	64

struct cgroup_mount {
	bool		v2;
	const char	*options;	/* of version 1: its controllers are among these words */
	const char	*root;		/* what of the hierarchy is mounted, */
	const char	*point;		/* and where */
};

struct cgroup_mounts {
	char		*text;		/* what the strings are in */
	struct cgroup_mount v[CGROUP_MOUNTS_MAX];
	size_t		n;
};

/* 0, or an errno.  One whose path has a space or a backslash in it is passed over. */
int	cgroup_mounts_read(struct cgroup_mounts *m);
void	cgroup_mounts_free(struct cgroup_mounts *m);

/*
 * The first of version 2, if controllers is "", or else of version 1 with all
 * of these, separated by commas; NULL: there is none.
 */
const struct cgroup_mount *cgroup_mount_find(const struct cgroup_mounts *m, const char *controllers);

/* The folder of a cgroup of that hierarchy, O_PATH; -1 as errno says, ENOENT if no mount shows it. */
int	cgroup_folder_open(const struct cgroup_mounts *m, const char *controllers, const char *path);

/* Whether path is that of the cgroup within, or of one beneath it. */
bool	cgroup_is_within(const char *path, const char *within);

/* What a file of a cgroup holds, without the line feed at its end; its length or -errno. */
int	cgroup_file_read(int folder, const char *name, char *buf, size_t cap);
/* 0, or -errno. */
int	cgroup_file_write(int folder, const char *name, const char *text);

#endif
