/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where a mount of the tree's has its files on the host: a mount of the
 * dumper's own namespace shows the same file system, and the path through it
 * is not covered by another one.
 */
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/mount.h"

/* What is left of a path below a folder, with its slash, or NULL. */
static const char *
below(const char *path, const char *folder)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder);

	return strncmp(path, folder, n) == 0 && (path[n] == '/' || path[n] == '\0') ? path + n : NULL;
}

static const char *
join(struct dump *d, const char *folder, const char *rest)
{
	size_t n = strcmp(folder, "/") == 0 ? 0 : strlen(folder), left = strcmp(rest, "/") == 0 ? 0 : strlen(rest);
	char *path = dump_alloc(d, n + left + 2);

	if (path == NULL)
		return NULL;
	memcpy(path, folder, n);
	memcpy(path + n, rest, left);
	if (n + left == 0)
		path[0] = '/';
	return path;
}

static bool
leads_to(const char *path, const struct mount *here)
{
	int fd = mount_open(path, here);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

int
mount_find_host(struct dump *d, const struct mounts *m, struct mount *x)
{
	for (size_t i = 0; i < m->here.n && x->host_path == NULL; i++) {
		const struct mount *here = m->here.v[i];
		const char *rest = here->dev == x->dev ? below(x->root, here->root) : NULL, *path;

		if (rest == NULL)
			continue;
		if ((path = join(d, here->path, rest)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		if (leads_to(path, here))
			x->host_path = path;
	}
	return 0;
}
