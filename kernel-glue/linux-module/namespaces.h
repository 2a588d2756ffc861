/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of namespaces whose structures modules do not get, or not always.
 */
#ifndef KERNEL_GLUE_LINUX_MODULE_NAMESPACES_H
#define KERNEL_GLUE_LINUX_MODULE_NAMESPACES_H

#include <linux/cgroup.h>
#include <linux/nsproxy.h>
#include <linux/ns_common.h>

/* fs/mount.h of Linux 6.1: so it begins. */
struct mnt_namespace {
	struct ns_common ns;
};

static inline u32
mount_namespace(const struct nsproxy *ns)
{
	return ns->mnt_ns != NULL ? ns->mnt_ns->ns.inum : 0;
}

static inline u32
cgroup_namespace(const struct nsproxy *ns)
{
#ifdef CONFIG_CGROUPS
	return ns->cgroup_ns->ns.inum;
#else
	return 0;
#endif
}

#endif
