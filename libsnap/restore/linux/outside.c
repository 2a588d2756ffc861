/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Files that were not in the mount namespace that is made: found by the host's
 * paths, before that namespace has a root of its own, and opened from there.
 */
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "libsnap/restore/linux/mount.h"

#define PLACE_MAX	32	/* "/proc/self/fd/N" */

int
outside_find(struct plan *p, struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_FILE, &n);

	if ((p->outside = plan_alloc(p, (n + 1) * sizeof *p->outside)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const Psnap__File *f = (const void *)v[i]->message;
		const char *path = f->outside ? plan_path(p, &f->path) : NULL;

		if (!f->outside)
			continue;
		if (path == NULL)
			return error_nomem(err);
		/* one that is missing is told with all the others */
		p->outside[p->noutside++] = (struct outside){ v[i]->id, open(path, O_PATH | O_CLOEXEC) };
	}
	return 0;
}

void
outside_close(struct plan *p)
{
	for (size_t i = 0; i < p->noutside; i++)
		if (p->outside[i].fd >= 0)
			close(p->outside[i].fd);
}

/* A missing one has a place where nothing is: inside, its path may lead to another file. */
const char *
file_place(struct plan *p, uint64_t id, const char *path)
{
	size_t i = 0;
	char *place;

	while (i < p->noutside && p->outside[i].id != id)
		i++;
	if (i == p->noutside || path == NULL)
		return path;
	if ((place = plan_alloc(p, PLACE_MAX)) != NULL)
		snprintf(place, PLACE_MAX, "/proc/self/fd/%d", p->outside[i].fd);
	return place;
}
