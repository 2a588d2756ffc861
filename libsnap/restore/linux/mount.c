/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was mounted, made in the mount namespace that our caller is in for it.
 *
 * Of that namespace nothing reaches another one from here on.  File systems
 * are made on a scratch one that covers the root, mounts are copies of parts of
 * them, each attached at a place looked up in its parent alone; the first
 * becomes our root, and the old one goes, with the scratch.  If anything fails
 * nothing is left but that namespace, which goes with who is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "libsnap/restore/linux/mount.h"
#include "libsnap/restore/linux/users.h"

#define PROC_MAGIC	0x9fa0			/* statfs(2) */
#define ASIDE		"/proc/fs"		/* a folder of every /proc, and of no use to us */
#define ASIDE_PATH_MAX	32

/* ---- paths ---- */

int
open_within(int folder, const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(O_PATH | O_CLOEXEC | flags),
	    .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV };

	if (strcmp(path, "/") == 0)	/* which may be a file */
		return fcntl(folder, F_DUPFD_CLOEXEC, 0);
	return (int)syscall(SYS_openat2, folder, path, &how, sizeof how);
}

int
open_of_host(const char *path, int flags)
{
	struct open_how how = { .flags = (unsigned)(O_PATH | O_CLOEXEC | flags),
	    .resolve = RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);
}

char *
path_text(struct restore *r, const ProtobufCBinaryData *path)
{
	char *text = plan_alloc(r->p, path->len + 1);

	if (text != NULL)
		memcpy(text, path->data, path->len);
	return text;
}

static int
compare_ids(const void *a, const void *b)
{
	const struct snap_object *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

const struct snap_object *const *
by_ids(struct restore *r, const struct snap_object *const *v, size_t n)
{
	const struct snap_object **sorted = plan_alloc(r->p, (n + 1) * sizeof *sorted);

	if (sorted == NULL || n == 0)
		return sorted;
	memcpy(sorted, v, n * sizeof *sorted);
	qsort(sorted, n, sizeof *sorted, compare_ids);
	return sorted;
}

/* ---- where we are ---- */

/* Another mount namespace than the one that is to stay as it is. */
static int
is_ours(struct restore *r, const struct snap_own_mounts *o)
{
	struct stat here, outside;

	if (ioctl(o->outside, NS_GET_NSTYPE) != CLONE_NEWNS)
		return restore_fail(r, NULL, 0, EINVAL, "the mount namespace outside");
	if (stat("/proc/thread-self/ns/mnt", &here) != 0 || fstat(o->outside, &outside) != 0)
		return restore_fail(r, NULL, 0, errno, "our mount namespace");
	return here.st_ino != outside.st_ino || here.st_dev != outside.st_dev ? 0 : restore_fail(r, NULL, 0, 0,
	    "mounts are only made in a mount namespace of their own, and we are in the one outside");
}

/* An empty file system on top of a folder; keep_fd()'s, or -1 as errno says. */
static int
cover(struct mounts *m, const char *folder)
{
	int fs = fsopen("tmpfs", FSOPEN_CLOEXEC), fd = -1, e;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 &&
	    (fd = keep_fd(m->r, fsmount(fs, FSMOUNT_CLOEXEC, 0))) >= 0 &&
	    move_mount(fd, "", AT_FDCWD, folder, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		fd = -1;
	e = errno;
	if (fs >= 0)
		close(fs);
	errno = e;
	return fd;
}

/* Nothing reaches another namespace from here on. */
static int
make_private(struct restore *r)
{
	return mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 ? 0 :
	    restore_fail(r, NULL, 0, errno, "making the new mount namespace private");
}

/* The scratch is on top of the root, where only its descriptor leads. */
static int
begin(struct mounts *m)
{
	return (m->scratch = cover(m, "/")) >= 0 ? 0 :
	    restore_fail(m->r, NULL, 0, errno, "a place to make mounts in");
}

static int
find_attached(const struct attached *v, size_t n, uint64_t id)
{
	for (size_t i = 0; i < n; i++)
		if (v[i].id == id)
			return v[i].fd;
	return -1;
}

/* On a new folder of the scratch, or a new file for what is none. */
static int
attach_aside(struct mounts *m, int scratch, uint64_t id, int fd, const char *name)
{
	struct stat st;
	bool done = fstat(fd, &st) == 0 && (S_ISDIR(st.st_mode) ? mkdirat(scratch, name, 0700) :
	    mknodat(scratch, name, S_IFREG | 0600, 0)) == 0 &&
	    move_mount(fd, "", scratch, name, MOVE_MOUNT_F_EMPTY_PATH) == 0;

	return done ? 0 : restore_fail(m->r, NULL, id, errno, "attaching a file system");
}

/* ---- file systems ---- */

/* While we are where nobody minds what is seen through them. */
static int
make_file_systems(struct mounts *m)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(m->r->s, PSNAP_KIND_FILE_SYSTEM, &n);

	if ((m->file_systems = plan_alloc(m->r->p, (n + 1) * sizeof *m->file_systems)) == NULL)
		return restore_nomem(m->r);
	for (size_t i = 0; i < n; i++) {
		const Psnap__FileSystem *f = (const void *)v[i]->message;
		struct attached *a = &m->file_systems[m->nfile_systems];

		if (f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_HOST)
			continue;
		if ((a->fd = file_system_make(m->r, v[i]->id, f)) < 0)
			return a->fd;
		a->id = v[i]->id;
		m->nfile_systems++;
	}
	return 0;
}

static int
fill_file_system(struct mounts *m, size_t i)
{
	const struct attached *a = &m->file_systems[i];
	const Psnap__FileSystem *f = snap_get_message(m->r->s, a->id, PSNAP_KIND_FILE_SYSTEM);
	char name[24];
	int e;

	snprintf(name, sizeof name, "%zu", i);
	if ((e = attach_aside(m, m->scratch, a->id, a->fd, name)) != 0 ||
	    f->kind != PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY ||
	    (e = content_make(m->r, a->id, a->fd)) != 0)
		return e;
	return file_system_close(m->r, a->id, f, a->fd);
}

static int
fill_file_systems(struct mounts *m)
{
	int e = 0;

	for (size_t i = 0; i < m->nfile_systems && e == 0; i++)
		e = fill_file_system(m, i);
	return e;
}

/* ---- mounts ---- */

static uint64_t
flags_of(const Psnap__Mount *x)
{
	return (x->read_only ? MOUNT_ATTR_RDONLY : 0) | (x->no_suid ? MOUNT_ATTR_NOSUID : 0) |
	    (x->no_dev ? MOUNT_ATTR_NODEV : 0) | (x->no_exec ? MOUNT_ATTR_NOEXEC : 0) |
	    (x->no_symlinks ? MOUNT_ATTR_NOSYMFOLLOW : 0) | (x->no_folder_times ? MOUNT_ATTR_NODIRATIME : 0) |
	    (x->access_times == PSNAP__ACCESS_TIMES__ACCESS_TIMES_NEVER ? MOUNT_ATTR_NOATIME :
	    x->access_times == PSNAP__ACCESS_TIMES__ACCESS_TIMES_ALWAYS ? MOUNT_ATTR_STRICTATIME : MOUNT_ATTR_RELATIME);
}

/* Where what is the host's was set aside, or else its path; NULL without memory. */
static const char *
path_on_host(const struct mounts *m, const Psnap__Mount *x)
{
	char *path;

	if (m->aside < 0)
		return plan_path(m->r->p, &x->host_path);
	if ((path = plan_alloc(m->r->p, ASIDE_PATH_MAX)) != NULL)
		snprintf(path, ASIDE_PATH_MAX, ASIDE "/%zu", m->nmounts);
	return path;
}

/* A copy of what is mounted, of nothing below it; keep_fd()'s, or -1 as errno says. */
static int
copy(struct mounts *m, const Psnap__Mount *x)
{
	int fs = find_attached(m->file_systems, m->nfile_systems, x->file_system_id), from, fd, e;
	struct mount_attr attr = { .attr_set = flags_of(x), .attr_clr = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
	    MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC | MOUNT_ATTR__ATIME | MOUNT_ATTR_NODIRATIME | MOUNT_ATTR_NOSYMFOLLOW };
	const char *path = fs < 0 ? path_on_host(m, x) : path_text(m->r, &x->root);

	if (path == NULL) {
		errno = ENOMEM;
		return -1;
	}
	if ((from = fs < 0 ? open_of_host(path, 0) : open_within(fs, path, 0)) < 0)
		return -1;
	fd = keep_fd(m->r, open_tree(from, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH));
	e = errno;
	close(from);
	errno = e;
	return fd < 0 || mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0 ? -1 : fd;
}

/* Where in its parent, by the rest of its point: MNT-4.  -1 as errno says. */
static int
place_of(struct mounts *m, const Psnap__Mount *x, const char *path)
{
	const Psnap__Mount *parent = snap_get_message(m->r->s, x->parent_id, PSNAP_KIND_MOUNT);
	int fd = find_attached(m->mounts, m->nmounts, x->parent_id);

	if (parent == NULL || fd < 0) {
		errno = ENOENT;
		return -1;
	}
	path += parent->point.len == 1 ? 0 : parent->point.len;
	return open_within(fd, *path != '\0' && x->point.len != parent->point.len ? path : "/", 0);
}

static int
attach(struct mounts *m, const Psnap__Mount *x, const char *path, int fd)
{
	int place = place_of(m, x, path), e;
	bool done;

	if (place < 0)
		return -1;
	done = move_mount(fd, "", place, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
	e = errno;
	close(place);
	errno = e;
	return done ? 0 : -1;
}

static int
make_mount(struct mounts *m, const struct snap_object *o)
{
	const Psnap__Mount *x = (const void *)o->message;
	const char *path = path_text(m->r, &x->point);
	int fd, e;

	if (path == NULL)
		return restore_nomem(m->r);
	if ((fd = copy(m, x)) < 0)
		return restore_fail(m->r, NULL, o->id, errno, "what is to be mounted on %s", path);
	if (x->parent_id == 0)
		e = attach_aside(m, m->scratch, o->id, fd, "root");
	else
		e = attach(m, x, path, fd) == 0 ? 0 : restore_fail(m->r, NULL, o->id, errno, "mounting on %s", path);
	m->mounts[m->nmounts++] = (struct attached){ o->id, fd };
	return e;
}

/* Parents first, which their ids tell. */
static int
make_mounts(struct mounts *m)
{
	int e = 0;

	for (size_t i = 0; i < m->count && e == 0; i++)
		if ((e = restore_goes_on(m->r)) == 0)
			e = make_mount(m, m->all[i]);
	return e;
}

/* ---- the host's, for a user namespace ---- */

static bool
is_of_host(const struct mounts *m, const Psnap__Mount *x)
{
	const Psnap__FileSystem *f = snap_get_message(m->r->s, x->file_system_id, PSNAP_KIND_FILE_SYSTEM);

	return f != NULL && f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_HOST;
}

static int
set_aside(struct mounts *m, int scratch, const struct snap_object *o, size_t number)
{
	const Psnap__Mount *x = (const void *)o->message;
	char name[24];
	int fd = copy(m, x);

	if (fd < 0)
		return restore_fail(m->r, NULL, o->id, errno, "what is to be mounted of the host");
	snprintf(name, sizeof name, "%zu", number);
	return attach_aside(m, scratch, o->id, fd, name);
}

/*
 * In the namespace of mounts that belongs to its user namespace what was the
 * host's can be copied with nothing that is mounted on it only if it was set
 * aside before; and then its flags are locked, for its root is not ours.
 */
static int
take_namespace(struct mounts *m)
{
	int scratch, e = 0;

	if (m->r->p->users == NULL)
		return 0;
	if ((scratch = cover(m, ASIDE)) < 0)
		return restore_fail(m->r, NULL, 0, errno, "a place to set mounts aside");
	for (size_t i = 0; i < m->count && e == 0; i++)
		e = is_of_host(m, (const void *)m->all[i]->message) ? set_aside(m, scratch, m->all[i], i) : 0;
	m->aside = scratch;
	return e != 0 ? e : users_take_mounts(m->r);
}

static int
set_propagation(struct mounts *m)
{
	for (size_t i = 0; i < m->nmounts; i++) {
		const Psnap__Mount *x = snap_get_message(m->r->s, m->mounts[i].id, PSNAP_KIND_MOUNT);
		struct mount_attr attr = { .propagation = x->propagation == PSNAP__MOUNT_PROPAGATION__MOUNT_SHARED ?
		    MS_SHARED : x->propagation == PSNAP__MOUNT_PROPAGATION__MOUNT_UNBINDABLE ? MS_UNBINDABLE : MS_PRIVATE };

		if (mount_setattr(m->mounts[i].fd, "", AT_EMPTY_PATH, &attr, sizeof attr) != 0)
			return restore_fail(m->r, NULL, m->mounts[i].id, errno, "what is to appear below a mount");
	}
	return 0;
}

/* ---- the root ---- */

static bool
detach(int mount)
{
	return fchdir(mount) == 0 && umount2(".", MNT_DETACH) == 0;
}

/*
 * All who are in this namespace and had the old root have the new one then.
 * What is on top of another goes first: a path leads to it.
 */
static int
change_root(struct mounts *m)
{
	int old = keep_fd(m->r, open("/", O_PATH | O_DIRECTORY | O_CLOEXEC));

	if (old < 0 || fchdir(m->mounts[0].fd) != 0 || syscall(SYS_pivot_root, ".", ".") != 0 || !detach(m->scratch) ||
	    !detach(old) || chdir("/") != 0)
		return restore_fail(m->r, NULL, m->mounts[0].id, errno, "changing to the new root (pivot_root)");
	return 0;
}

static int
check_proc(struct restore *r)
{
	struct statfs fs;

	return statfs("/proc/self", &fs) == 0 && fs.f_type == PROC_MAGIC ? 0 : restore_fail(r, NULL, 0, 0,
	    "a restore works through /proc, which is not mounted in that namespace");
}

/* ---- all ---- */

/* Of one namespace, and with a root: MNT-2. */
static int
find_mounts(struct mounts *m)
{
	struct restore *r = m->r;
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_MOUNT, &n);

	if (n == 0)
		return restore_fail(r, NULL, 0, 0, "the snapshot holds no mounts: dump with --mntns, or restore without");
	for (size_t i = 1; i < n; i++)
		if (((const Psnap__Mount *)(const void *)v[i]->message)->namespace_id !=
		    ((const Psnap__Mount *)(const void *)v[0]->message)->namespace_id)
			return restore_fail(r, NULL, v[i]->id, 0, "mounts are of more than one namespace");
	m->count = n;
	m->all = by_ids(r, v, n);
	m->mounts = plan_alloc(r->p, n * sizeof *m->mounts);
	return m->all != NULL && m->mounts != NULL ? 0 : restore_nomem(r);
}

static int
make_all(struct restore *r)
{
	struct mounts m = { .r = r, .aside = -1 };
	int e;

	if ((e = find_mounts(&m)) != 0 ||
	    (e = is_ours(r, r->p->o->own_mounts)) != 0 ||
	    (e = make_private(r)) != 0 ||
	    (e = make_file_systems(&m)) != 0 ||
	    (e = take_namespace(&m)) != 0 ||
	    (e = begin(&m)) != 0 ||
	    (e = fill_file_systems(&m)) != 0 ||
	    (e = make_mounts(&m)) != 0 ||
	    (e = change_root(&m)) != 0 ||
	    (e = set_propagation(&m)) != 0)
		return e;
	return check_proc(r);
}

int
host_enter(struct plan *p, struct snap_error *err)
{
	struct snap_restore_result ignored = { 0 };
	struct restore r = { .p = p, .s = p->s, .err = err, .result = &ignored };
	int e = users_enter(&r);

	if (e == 0 && p->o->own_mounts != NULL && (e = outside_find(p, err)) == 0)
		e = make_all(&r);
	for (size_t i = 0; i < r.fds.n; i++)
		close((int)(intptr_t)r.fds.v[i]);
	return e;
}

void
host_leave(struct plan *p)
{
	outside_close(p);
	users_leave(p);
}
