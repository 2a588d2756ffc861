/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups that processes are in, and of an instance which are its own and what
 * limits them.
 */
#ifndef KERNEL_GLUE_LINUX_CGROUP_H
#define KERNEL_GLUE_LINUX_CGROUP_H

#include "kernel-glue/linux/task.h"

#define OWN_CGROUPS_MAX	64	/* INS-2; a kernel has no more hierarchies than controllers */

struct cgroup {
	uint64_t	id;
	uint32_t	hierarchy;
	const char	*controllers, *path;
	struct list	limits;		/* struct cgroup_limit, of an instance's */
	struct list	handed_down;	/* char *: controllers, sorted */
};

/* The one of this hierarchy and path, made if need be; NULL without memory. */
struct cgroup *cgroup_intern(struct dump *d, uint32_t hierarchy, const char *controllers, const char *path);

/*
 * Call fn with each line of a "cgroup" file, "hierarchy:controllers:path", until
 * it returns other than 0, which is returned.  text is taken apart.
 */
int	cgroup_lines(char *text, int (*fn)(void *ctx, uint32_t hierarchy, const char *controllers, const char *path),
	    void *ctx);

/* Of an instance: which are its own, and all about them. */
int	cgroups_collect(struct dump *d);
/* Of a record. */
void	cgroup_fields(struct glue_emit *e, const void *object);

#endif
