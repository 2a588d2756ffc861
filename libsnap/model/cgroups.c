/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "format/psnap_fields.h"
#include "libsnap/model/cgroups.h"

#define PATH_BYTES	4095
#define NAME_BYTES	255

static const Psnap__Instance *
instance_of(const struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_INSTANCE, &n);

	return n > 0 ? (const void *)v[0]->message : NULL;
}

const char *
cgroup_place(const struct snap *s, const Psnap__Cgroup *c)
{
	const Psnap__Instance *in = instance_of(s);

	for (size_t i = 0; in != NULL && i < in->n_cgroup_ids && i < INSTANCE_CGROUPS_MAX; i++) {
		const Psnap__Cgroup *own = snap_get_message(s, in->cgroup_ids[i], PSNAP_KIND_CGROUP);
		size_t n = own != NULL ? strlen(own->path) : 0;

		if (own != NULL && own->hierarchy == c->hierarchy && strncmp(c->path, own->path, n) == 0 &&
		    (c->path[n] == '\0' || c->path[n] == '/'))
			return c->path + n;
	}
	return NULL;
}

bool
cgroup_path_is_plain(const char *path)
{
	if (path[0] != '/' || strlen(path) > PATH_BYTES)
		return false;
	while (*path == '/') {
		size_t n = strcspn(++path, "/");

		if (n == 0 || n > NAME_BYTES || (path[0] == '.' && (n == 1 || (n == 2 && path[1] == '.'))))
			return false;
		path += n;
	}
	return true;
}
