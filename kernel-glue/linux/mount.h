/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounts of the tree's namespace, between mount*.c.
 */
#ifndef KERNEL_GLUE_LINUX_MOUNT_H
#define KERNEL_GLUE_LINUX_MOUNT_H

#include <sys/stat.h>

#include "kernel-glue/linux/dump.h"

/* What the mounts of one device show. */
struct file_system {
	uint64_t	id, namespace_id;
	uint64_t	dev;		/* major << 32 | minor */
	uint32_t	kind;		/* PSNAP_FILE_SYSTEM_*; 0: there is no record for it */
	const char	*type, *source;	/* in the kernel's words; options, too */
	char		*options;
	int		fd;		/* TEMPORARY: on all of it; -1 none */
	struct list	entries;	/* struct entry */
};

/* A line of mountinfo. */
struct mount {
	uint64_t	id;		/* 0: not carried */
	int		number, parent_number;
	struct mount	*parent;
	struct file_system *fs;
	uint64_t	dev;
	const char	*root, *path, *host_path;
	const char	*type, *source;
	char		*flags, *options;	/* of the mount, and of its file system */
	bool		unbindable;
	int		peers, master;	/* groups; 0 none */
	bool		visible;	/* its path leads to it */
	bool		wanted;		/* it can be carried */
};

struct mounts {
	struct list	here;		/* struct mount: those of the dumper's namespace */
	struct list	all;		/* and the tree's, as the kernel tells them */
	struct list	carried;	/* of these, parents first */
	struct list	file_systems;	/* struct file_system */
	uint64_t	held;		/* bytes of what is in files */
};

/* mount_table.c: the lines of a process's mountinfo. */
int	mount_table_read(struct dump *d, const struct proc *p, struct list *to);

/* mount_visit.c: O_PATH of what a path of the namespace we are in leads to, if that is this mount; else -1. */
int	mount_open(const char *path, const struct mount *x);
/* In their namespace, see which are visible, and open what is to be read. */
int	mounts_visit(struct dump *d, struct proc *root, struct mounts *m);

/* mount_host.c: find the path on the host of one whose file system is the host's; NULL there is none. */
int	mount_find_host(struct dump *d, const struct mounts *m, struct mount *x);

/* mount_content.c: what is in a temporary file system. */
int	content_collect(struct dump *d, struct proc *root, struct mounts *m, struct file_system *fs);
int	content_emit(struct dump *d, const struct file_system *fs);

#endif
