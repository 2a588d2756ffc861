/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_MODEL_CGROUPS_H
#define LIBSNAP_MODEL_CGROUPS_H

#include "format/host.pb-c.h"
#include "libsnap/snap.h"

#define INSTANCE_CGROUPS_MAX	64	/* INS-2 */

/*
 * Where c is among an instance's own cgroups: the rest of its path behind that
 * of the one it is in, "" for that one itself; NULL if it is none of the instance's.
 */
const char *cgroup_place(const struct snap *s, const Psnap__Cgroup *c);

/* CGR-1: neither the top of a hierarchy nor a way out of anything. */
bool	cgroup_path_is_plain(const char *path);

#endif
