/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File systems made anew.  A snapshot chooses among the options named here:
 * none of them names a file, or changes what others see.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/restore/linux/mount.h"
#include "libsnap/restore/linux/users.h"

#define OPTIONS_MAX	10
#define INITIAL_CGROUPS	0xeffffffb	/* inode of the first cgroup namespace, in every kernel */

static const struct type {
	Psnap__FileSystemKind kind;
	const char	*name;
	const char	*options[OPTIONS_MAX + 1];
} types[] = {
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY, "tmpfs", { "size", "nr_blocks", "nr_inodes", "mode", "uid", "gid",
	    "huge", "inode32", "inode64", "noswap", NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_PROCESSES, "proc", { "hidepid", "gid", "subset", NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_KERNEL, "sysfs", { NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TERMINALS, "devpts", { "uid", "gid", "mode", "ptmxmode", "max", NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_QUEUES, "mqueue", { NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_CGROUPS, "cgroup2", { NULL } },
	{ PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_OVERLAY, "overlay", { "redirect_dir", "index", "xino", "metacopy",
	    "nfs_export", "userxattr", "volatile", "uuid", NULL } },
};

static const struct type *
find_type(Psnap__FileSystemKind kind)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (types[i].kind == kind)
			return &types[i];
	return NULL;
}

/*
 * Whether it belongs to the user namespace that the processes are in.  Who made
 * an overlay is not known; one whose attributes are users' was made by who had no others.
 */
static bool
is_of_users(const struct restore *r, const Psnap__FileSystem *f)
{
	if (r->p->users == NULL)
		return false;
	for (size_t i = 0; i < f->n_options; i++)
		if (strcmp(f->options[i], "userxattr") == 0)
			return true;
	return f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY ||
	    f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TERMINALS;
}

/* ---- options ---- */

static bool
is_known(const struct type *t, const char *option)
{
	size_t n = strcspn(option, "=");

	for (size_t i = 0; t->options[i] != NULL; i++)
		if (strlen(t->options[i]) == n && strncmp(t->options[i], option, n) == 0)
			return true;
	return false;
}

/* Its number in the user namespace it is made in; whoever is made outside of one has the same. */
static bool
translate(const struct restore *r, bool user, const char *value, char text[16])
{
	unsigned long id = strtoul(value, NULL, 10);
	uint32_t inside;

	if (id >= UINT32_MAX || !(user ? plan_uid : plan_gid)(r->p, (uint32_t)id, &inside))
		return false;
	snprintf(text, 16, "%" PRIu32, inside);
	return true;
}

/* 0, or -1 as errno says. */
static int
set_option(struct restore *r, int fs, const char *option, bool of_users)
{
	size_t n = strcspn(option, "=");
	bool user = n == 3 && memcmp(option, "uid", 3) == 0, group = n == 3 && memcmp(option, "gid", 3) == 0;
	const char *value = option + n + 1;
	char *name, text[16];

	if (option[n] == '\0')
		return fsconfig(fs, FSCONFIG_SET_FLAG, option, NULL, 0);
	if (of_users && (user || group)) {
		errno = EOVERFLOW;
		if (!translate(r, user, value, text))
			return -1;
		value = text;
	}
	if ((name = plan_alloc(r->p, n + 1)) == NULL) {
		errno = ENOMEM;
		return -1;
	}
	memcpy(name, option, n);
	return fsconfig(fs, FSCONFIG_SET_STRING, name, value, 0);
}

static int
set_options(struct restore *r, uint64_t id, const Psnap__FileSystem *f, const struct type *t, int fs)
{
	/* what a cgroup file system is mounted with is every namespace's */
	bool none = f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_CGROUPS;

	for (size_t i = 0; i < f->n_options && !none; i++) {
		if (!is_known(t, f->options[i]))
			return restore_fail(r, NULL, id, 0, "option %.40s is not one of those that are set of a %s",
			    f->options[i], t->name);
		if (set_option(r, fs, f->options[i], is_of_users(r, f)) != 0)
			return restore_fail(r, NULL, id, errno, "setting option %.40s of a %s", f->options[i], t->name);
	}
	return 0;
}

/* ---- layers ---- */

/* Whether a path can stand in a list, and leads to a folder of the host as it is written. */
static bool
is_folder(const char *path)
{
	int fd;

	errno = EINVAL;
	if (strpbrk(path, ":,\\") != NULL || (fd = open_of_host(path, O_DIRECTORY)) < 0)
		return false;
	close(fd);
	return true;
}

static int
set_folder(struct restore *r, uint64_t id, const Psnap__OverlayFolder *f, const char *option, int fs)
{
	const char *path = plan_path(r->p, &f->host_path);

	if (path == NULL)
		return restore_nomem(r);
	if (!is_folder(path) || fsconfig(fs, FSCONFIG_SET_STRING, option, path, 0) != 0)
		return restore_fail(r, NULL, id, errno, "folder %s of an overlay", path);
	return 0;
}

static int
set_lower(struct restore *r, uint64_t id, const Psnap__FileSystem *f, int fs)
{
	size_t size = 1, n = 0;
	char *all;

	for (size_t i = 0; i < f->n_lower; i++) {
		const char *path = plan_path(r->p, &f->lower[i]->host_path);

		if (path == NULL)
			return restore_nomem(r);
		if (!is_folder(path))
			return restore_fail(r, NULL, id, errno, "folder %s of an overlay", path);
		size += strlen(path) + 1;
	}
	if ((all = plan_alloc(r->p, size)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < f->n_lower; i++) {
		const char *path = plan_path(r->p, &f->lower[i]->host_path);

		if (path == NULL)
			return restore_nomem(r);
		if (i > 0)
			all[n++] = ':';
		memcpy(all + n, path, strlen(path));
		n += strlen(path);
	}
	return fsconfig(fs, FSCONFIG_SET_STRING, "lowerdir", all, 0) == 0 ? 0 :
	    restore_fail(r, NULL, id, errno, "folders %s of an overlay", all);
}

static int
set_layers(struct restore *r, uint64_t id, const Psnap__FileSystem *f, int fs)
{
	int e;

	if (f->n_lower == 0)
		return 0;
	if ((e = set_lower(r, id, f, fs)) != 0 || f->upper == NULL ||
	    (e = set_folder(r, id, f->upper, "upperdir", fs)) != 0)
		return e;
	return set_folder(r, id, f->work, "workdir", fs);
}

/* ---- making one ---- */

/* In the first cgroup namespace, mounting changes how all of the host sees its cgroups. */
static int
check_cgroups(struct restore *r, uint64_t id, const Psnap__FileSystem *f)
{
	struct stat st;

	if (f->kind != PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_CGROUPS)
		return 0;
	if (stat("/proc/thread-self/ns/cgroup", &st) != 0)
		return restore_fail(r, NULL, id, errno, "our cgroup namespace");
	return st.st_ino != INITIAL_CGROUPS ? 0 : restore_fail(r, NULL, id, 0,
	    "a cgroup file system is made in a cgroup namespace other than the host's only");
}

static int
configure(struct restore *r, uint64_t id, const Psnap__FileSystem *f, const struct type *t, int fs)
{
	bool held = f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY;
	int e;

	if (f->source[0] != '\0' && fsconfig(fs, FSCONFIG_SET_STRING, "source", f->source, 0) != 0)
		return restore_fail(r, NULL, id, errno, "naming a %s", t->name);
	if ((e = set_options(r, id, f, t, fs)) != 0 || (e = set_layers(r, id, f, fs)) != 0)
		return e;
	if ((f->read_only && !held && fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) != 0) ||
	    fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) != 0)
		return restore_fail(r, NULL, id, errno, "making a %s", t->name);
	return 0;
}

struct making {
	struct restore	*r;
	uint64_t	id;
	const Psnap__FileSystem *f;
	const struct type *t;
	int		fs;		/* a descriptor on it, by which it can be mounted; -1 none */
};

static int
make(void *arg)
{
	struct making *m = arg;

	if ((m->fs = fsopen(m->t->name, FSOPEN_CLOEXEC)) < 0)
		return restore_fail(m->r, NULL, m->id, errno, "making a %s", m->t->name);
	return configure(m->r, m->id, m->f, m->t, m->fs);
}

int
file_system_make(struct restore *r, uint64_t id, const Psnap__FileSystem *f)
{
	struct making m = { .r = r, .id = id, .f = f, .t = find_type(f->kind), .fs = -1 };
	int fd = -1, e;

	if (m.t == NULL)
		return restore_fail(r, NULL, id, 0, "a file system of kind %d cannot be made here", (int)f->kind);
	if ((e = check_cgroups(r, id, f)) != 0)
		return e;
	e = is_of_users(r, f) ? users_run_inside(r, make, &m) : make(&m);
	if (e == 0 && (fd = keep_fd(r, fsmount(m.fs, FSMOUNT_CLOEXEC, 0))) < 0)
		e = restore_fail(r, NULL, id, errno, "mounting a %s", m.t->name);
	if (m.fs >= 0)
		close(m.fs);
	return e != 0 ? e : fd;
}

int
file_system_close(struct restore *r, uint64_t id, const Psnap__FileSystem *f, int fd)
{
	int fs, e = 0;

	if (!f->read_only)
		return 0;
	if ((fs = fspick(fd, "", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH)) < 0 ||
	    fsconfig(fs, FSCONFIG_SET_FLAG, "ro", NULL, 0) != 0 ||
	    fsconfig(fs, FSCONFIG_CMD_RECONFIGURE, NULL, NULL, 0) != 0)
		e = restore_fail(r, NULL, id, errno, "making a file system one to be read only");
	if (fs >= 0)
		close(fs);
	return e;
}
