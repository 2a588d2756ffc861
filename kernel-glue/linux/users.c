/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * User namespaces: whose users they have, and what belongs to them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/nsfs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

#define RANGES_MAX	340	/* user_namespaces(7) */

/* ---- what one has of its own ---- */

/* "inside outside length" a line; the errno. */
static int
read_map(struct dump *d, const struct proc *p, const char *file, struct id_map *m)
{
	char *text;
	int e = proc_try_read(d, p, file, &text, NULL), used;

	if (e != 0)
		return -e;
	if ((m->v = dump_alloc(d, RANGES_MAX * sizeof *m->v)) == NULL)
		return ENOMEM;
	for (; m->n < RANGES_MAX; m->n++, text += used) {
		struct id_range *x = &m->v[m->n];

		if (sscanf(text, "%" SCNu32 " %" SCNu32 " %" SCNu32 " %n", &x->inside, &x->outside, &x->length, &used) != 3)
			break;
		/* so the kernel shows users whom we have not */
		if (x->outside > UINT32_MAX - x->length) {
			m->n = 0;
			return EOVERFLOW;
		}
	}
	return *text == '\0' ? 0 : EPROTO;
}

static int
read_owner(const struct proc *p, uint32_t *owner)
{
	int fd = openat(p->proc_fd, "ns/user", O_RDONLY | O_CLOEXEC), e = 0;
	uid_t uid = 0;

	if (fd < 0 || ioctl(fd, NS_GET_OWNER_UID, &uid) != 0)
		e = errno;
	if (fd >= 0)
		close(fd);
	*owner = uid;
	return e;
}

int
users_read(struct dump *d, const struct proc *p, struct ns *n)
{
	char setgroups[16];
	int e;

	if ((e = read_map(d, p, "uid_map", &n->uids)) != 0 || (e = read_map(d, p, "gid_map", &n->gids)) != 0)
		return e;
	if (proc_read_small(p, "setgroups", setgroups, sizeof setgroups) < 0)
		return EIO;
	n->setgroups_denied = strncmp(setgroups, "deny", 4) == 0;
	return read_owner(p, &n->owner);
}

/* ---- of an instance ---- */

/* The inode of the namespace that a namespace belongs to, or is made in: 0 as errno says. */
static ino_t
related(const struct proc *p, const char *name, unsigned long request)
{
	char path[24];
	struct stat st = { 0 };
	int fd, other = -1;

	snprintf(path, sizeof path, "ns/%s", name);
	if ((fd = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC)) < 0)
		return 0;
	if ((other = ioctl(fd, request)) >= 0 && fstat(other, &st) != 0)
		st.st_ino = 0;
	if (other >= 0)
		close(other);
	close(fd);
	return st.st_ino;
}

/* A restore makes all of an instance's namespaces in its user namespace, which has power over them. */
int
users_check_instance(struct dump *d, struct proc *root)
{
	static const struct { uint32_t kind; const char *name; } kinds[] = {
		{ PSNAP_NAMESPACE_MOUNT, "mnt" }, { PSNAP_NAMESPACE_UTS, "uts" }, { PSNAP_NAMESPACE_IPC, "ipc" },
		{ PSNAP_NAMESPACE_PID, "pid" }, { PSNAP_NAMESPACE_NET, "net" }, { PSNAP_NAMESPACE_CGROUP, "cgroup" },
		{ PSNAP_NAMESPACE_TIME, "time" },
	};
	const struct ns *users = namespace_of(root, PSNAP_NAMESPACE_USER);
	struct stat own;
	int r = 0;

	if (stat("/proc/self/ns/user", &own) != 0 || related(root, "user", NS_GET_PARENT) != own.st_ino)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, root, 0, -1, 0, "user-namespace",
		    "its user namespace was not made in ours");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && r == 0; i++)
		if (namespace_is_own(d, kinds[i].kind) && related(root, kinds[i].name, NS_GET_USERNS) != users->ino)
			r = dump_cover(d, PSNAP_COVERAGE_BREAKS, root, 0, -1, 0, "user-namespace",
			    "its %s namespace does not belong to its user namespace", kinds[i].name);
	return r;
}
