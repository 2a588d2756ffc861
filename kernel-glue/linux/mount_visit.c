/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The mounts seen from within their namespace.  A thread goes there, which has
 * a root and a working directory of its own for that, and ends with it: we stay
 * where we are.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-glue/linux/mount.h"

struct visit {
	int		namespace;	/* a descriptor on it */
	const struct mounts *m;
	int		error;		/* errno */
};

/* Another view of all of it, nothing mounted on it, that looking at changes nothing of. */
static int
open_whole(int fd)
{
	struct mount_attr quiet = { .attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME, .attr_clr = MOUNT_ATTR__ATIME };
	int whole = open_tree(fd, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (whole >= 0 && mount_setattr(whole, "", AT_EMPTY_PATH, &quiet, sizeof quiet) != 0) {
		close(whole);
		whole = -1;
	}
	return whole;
}

int
mount_open(const char *path, const struct mount *x)
{
	struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
	struct statx st;

	if (fd >= 0 && (statx(fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) != 0 || !(st.stx_mask & STATX_MNT_ID) ||
	    st.stx_mnt_id != (uint64_t)x->number)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

static int
visit_one(struct mount *x)
{
	int fd = mount_open(x->path, x), e = 0;

	if (fd < 0)
		return 0;
	x->visible = true;
	if (x->fs->kind == PSNAP_FILE_SYSTEM_TEMPORARY && x->fs->fd < 0 && strcmp(x->root, "/") == 0 &&
	    (x->fs->fd = open_whole(fd)) < 0)
		e = errno;
	close(fd);
	return e;
}

static void *
visit(void *arg)
{
	struct visit *v = arg;

	if (unshare(CLONE_FS) != 0 || setns(v->namespace, CLONE_NEWNS) != 0)
		v->error = errno;
	for (size_t i = 0; i < v->m->all.n && v->error == 0; i++)
		v->error = visit_one(v->m->all.v[i]);
	return NULL;
}

int
mounts_visit(struct dump *d, struct proc *root, struct mounts *m)
{
	struct visit v = { .namespace = openat(root->proc_fd, "ns/mnt", O_RDONLY | O_CLOEXEC), .m = m };
	pthread_t thread;

	if (v.namespace < 0)
		v.error = errno;
	else if ((v.error = pthread_create(&thread, NULL, visit, &v)) == 0)
		pthread_join(thread, NULL);
	if (v.namespace >= 0)
		close(v.namespace);
	return v.error == 0 ? 0 : dump_fail(d, GLUE_E_SYSTEM, v.error, root, "looking at the mounts of its namespace");
}
