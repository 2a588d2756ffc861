/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups for what was in cgroups of an instance's own.
 *
 *	cgroups.c	which of the hierarchies here hold what, and what is to be made there
 *	cgroups_make.c	folders, controllers, a cgroup namespace; and all as it was
 *	cgroups_use.c	processes in them, and limits
 *
 * Everything is looked up beneath the folder a hierarchy is mounted on, which
 * is open: no path of a snapshot leads out of there.
 */
#ifndef LIBSNAP_RESTORE_LINUX_CGROUPS_H
#define LIBSNAP_RESTORE_LINUX_CGROUPS_H

#include "libsnap/restore/linux/linux.h"
#include "linux/cgroup_mounts.h"

#define NODES_MAX	4096

/* One that is mounted here; those of struct cgroup_mounts, in the same order. */
struct hierarchy {
	bool		v2;
	int		folder;		/* what is mounted, O_PATH; -1 not in use */
	bool		in_use;
	bool		holds_v2;	/* what limited a cgroup of version 2 limits one here */
};

/* A cgroup that is wanted there. */
struct node {
	struct hierarchy *h;
	const char	*path;		/* beneath the folder: "" that itself, "/a/b" */
	bool		made;
	bool		populated;	/* processes are to be in it */
	uint32_t	needs;		/* version 2: controllers for those beneath, bits of controller_names */
	uint32_t	enabled;	/* of these, that it did not hand down before */
};

/* What is written so that it is limited. */
struct setting {
	struct node	*node;
	const char	*file, *text;
	const char	*old;		/* what it held, if the cgroup was there; else NULL */
	bool		early;		/* before anybody is in it */
};

struct snap_cgroups {
	struct plan	plan;		/* for memory, and to tell problems; it is not to be made */
	const char	*path;		/* of the instance's own, in each hierarchy */
	struct cgroup_mounts mounts;
	struct hierarchy h[CGROUP_MOUNTS_MAX];
	char		v2_controllers[256];	/* those there are in the one of version 2 */
	struct list	nodes;		/* struct node, parents first */
	struct list	settings;	/* struct setting, in the order they are to be made */
	bool		own_namespace;	/* it had a cgroup namespace */
	int		outside, inside;	/* that we were in, and the new one; -1 none */
};

extern const char *const controller_names[];	/* that a cgroup of version 2 can hand down; NULL past the last */

/* The longest of the places process p had in cgroups that h holds, behind those of the instance's own; NULL: none. */
const char *cgroup_place_in(struct snap_cgroups *c, const Psnap__Process *p, const struct hierarchy *h);

/* O_PATH of one beneath the hierarchy's folder; -1 as errno says. */
int	cgroup_open(const struct hierarchy *h, const char *path);

#endif
