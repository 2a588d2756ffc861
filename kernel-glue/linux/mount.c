/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mounted in the tree's namespace.  A file system that the dumper's
 * namespace shows, too, is the host's and named by its path there; one that
 * only the tree has is held if it is temporary, and described if a kernel can
 * make it anew.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/mount.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

static int
nomem(struct dump *d)
{
	return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

static int
cover(struct dump *d, uint32_t severity, const struct mount *x, const char *feature, const char *why)
{
	return dump_cover(d, severity, d->procs.v[0], 0, -1, 0, feature, "mount %s (%s): %s", x->path, x->type, why);
}

/* ---- file systems ---- */

static uint32_t
kind_of(const struct mounts *m, const struct mount *x)
{
	static const struct { const char *type; uint32_t kind; } kinds[] = {
		{ "tmpfs", PSNAP_FILE_SYSTEM_TEMPORARY }, { "proc", PSNAP_FILE_SYSTEM_PROCESSES },
		{ "sysfs", PSNAP_FILE_SYSTEM_KERNEL }, { "devpts", PSNAP_FILE_SYSTEM_TERMINALS },
		{ "mqueue", PSNAP_FILE_SYSTEM_QUEUES }, { "cgroup2", PSNAP_FILE_SYSTEM_CGROUPS },
		{ "overlay", PSNAP_FILE_SYSTEM_OVERLAY },
	};

	/* a kernel has one, of which a container sees its own part */
	if (strcmp(x->type, "cgroup2") == 0 && strcmp(x->root, "/") != 0)
		return PSNAP_FILE_SYSTEM_CGROUPS;
	for (size_t i = 0; i < m->here.n; i++)
		if (((const struct mount *)m->here.v[i])->dev == x->dev)
			return PSNAP_FILE_SYSTEM_HOST;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(x->type, kinds[i].type) == 0)
			return kinds[i].kind;
	return 0;
}

static struct file_system *
find_file_system(struct dump *d, struct mounts *m, const struct mount *x, uint64_t namespace_id)
{
	uint32_t kind = kind_of(m, x);
	struct file_system *fs;

	for (size_t i = 0; i < m->file_systems.n; i++) {
		fs = m->file_systems.v[i];
		if (fs->dev == x->dev && fs->kind == kind)
			return fs;
	}
	if ((fs = dump_alloc(d, sizeof *fs)) == NULL || list_add(d, &m->file_systems, fs) != 0)
		return NULL;
	fs->namespace_id = namespace_id;
	fs->dev = x->dev;
	fs->kind = kind;
	fs->type = x->type;
	fs->source = x->source;
	fs->options = x->options;
	fs->fd = -1;
	return fs;
}

static int
find_file_systems(struct dump *d, struct mounts *m, uint64_t namespace_id)
{
	for (size_t i = 0; i < m->all.n; i++) {
		struct mount *x = m->all.v[i];

		if ((x->fs = find_file_system(d, m, x, namespace_id)) == NULL)
			return nomem(d);
		if (x->fs->kind == PSNAP_FILE_SYSTEM_CGROUPS)
			x->root = "/";
	}
	return 0;
}

/* ---- which of them are carried ---- */

/* Why it cannot be; NULL: it can. */
static const char *
obstacle(const struct mount *x)
{
	size_t n = strlen(x->root), deleted = strlen("//deleted");

	if (x->root[0] != '/' || (n >= deleted && strcmp(x->root + n - deleted, "//deleted") == 0))
		return "what is mounted there has no path";
	switch (x->fs->kind) {
	case 0:
		return "a file system of this type is not carried";
	case PSNAP_FILE_SYSTEM_HOST:
		return x->host_path == NULL ? "what is mounted there cannot be reached on the host" : NULL;
	case PSNAP_FILE_SYSTEM_TEMPORARY:
		return x->fs->fd < 0 ? "what is in it cannot be seen" : NULL;
	default:
		return NULL;
	}
}

/* A covered one can be left out: what it is under takes its place. */
static int
decide(struct dump *d, const struct mounts *m, struct mount *x)
{
	const char *why;
	int r = x->fs->kind == PSNAP_FILE_SYSTEM_HOST ? mount_find_host(d, m, x) : 0;

	if (r != 0)
		return r;
	if ((why = obstacle(x)) == NULL) {
		x->wanted = true;
		return 0;
	}
	return x->visible ? cover(d, PSNAP_COVERAGE_BREAKS, x, "mount", why) :
	    cover(d, PSNAP_COVERAGE_DEGRADES, x, "mount-covered", "it is covered, and left out");
}

/* Numbers ascend from parents to children, which the kernel may tell in any order; 1: it has one now. */
static int
number_mount(struct dump *d, struct mounts *m, struct mount *x)
{
	struct mount *p = x->parent;

	while (p != NULL && !p->wanted && strcmp(p->path, x->path) == 0)
		p = p->parent;
	/* its parent comes later, or never */
	if (p != NULL && p->id == 0)
		return 0;
	x->parent = p;
	x->id = dump_new_id(d);
	return list_add(d, &m->carried, x) == 0 ? 1 : nomem(d);
}

static int
number_mounts(struct dump *d, struct mounts *m)
{
	int r = 1;

	for (bool more = true; more && r >= 0;) {
		more = false;
		for (size_t i = 0; i < m->all.n && r >= 0; i++) {
			struct mount *x = m->all.v[i];

			if (x->wanted && x->id == 0 && (r = number_mount(d, m, x)) == 1)
				more = true;
		}
	}
	return r < 0 ? r : 0;
}

static int
choose(struct dump *d, struct mounts *m)
{
	size_t roots = 0;
	int r = 0;

	for (size_t i = 0; i < m->all.n && r == 0; i++)
		r = decide(d, m, m->all.v[i]);
	if (r != 0 || (r = number_mounts(d, m)) != 0)
		return r;
	for (size_t i = 0; i < m->carried.n; i++) {
		const struct mount *x = m->carried.v[i];

		roots += x->parent == NULL && strcmp(x->path, "/") == 0;
	}
	return roots == 1 && ((const struct mount *)m->carried.v[0])->parent == NULL ? 0 :
	    dump_fail(d, GLUE_E_PARTIAL, 0, d->procs.v[0],
	    "the root of its mount namespace is not its own root, or cannot be carried (--mntns)");
}

/* ---- what else differs ---- */

static bool
has_peer(const struct list *all, const struct mount *x)
{
	for (size_t i = 0; i < all->n; i++) {
		const struct mount *y = all->v[i];

		if (y != x && y->peers == x->peers)
			return true;
	}
	return false;
}

/* What is mounted in one place and appears in another: a restore makes no such pairs. */
static int
cover_propagation(struct dump *d, const struct mounts *m)
{
	for (size_t i = 0; i < m->carried.n; i++) {
		const struct mount *x = m->carried.v[i];

		if (x->master != 0 || (x->peers != 0 && (has_peer(&m->all, x) || has_peer(&m->here, x))))
			return cover(d, PSNAP_COVERAGE_DEGRADES, x, "mount-propagation",
			    "what is mounted elsewhere appears below it, which ends");
	}
	return 0;
}

/* Whether a path leads to it, or to the same device. */
static bool
leads_to(const char *path, const struct file *f)
{
	struct stat st;

	if (stat(path, &st) != 0 || (st.st_mode & S_IFMT) != (f->st.st_mode & S_IFMT))
		return false;
	if (S_ISCHR(st.st_mode) || S_ISBLK(st.st_mode))
		return st.st_rdev == f->st.st_rdev;
	return st.st_dev == f->st.st_dev && st.st_ino == f->st.st_ino;
}

/* From the root of the namespace. */
static bool
is_inside(const struct proc *root, const struct file *f)
{
	char path[PATH_MAX + 64];

	snprintf(path, sizeof path, "/proc/%d/root%s", (int)root->live, f->path);
	return leads_to(path, f);
}

/*
 * What was opened before the namespace was left, or passed in, as a log: the
 * host's, by our path.  A folder would be a way out of what is restored.
 */
static int
find_files_outside(struct dump *d)
{
	const struct proc *root = d->procs.v[0];

	for (size_t i = 0; i < d->files.n; i++) {
		struct file *f = d->files.v[i];
		int r;

		/* of the files of processes the kernel makes others each time */
		if (f->deleted || f->path[0] != '/' || strcmp(f->fs, "proc") == 0 || is_inside(root, f))
			continue;
		f->outside = !S_ISDIR(f->st.st_mode) && leads_to(f->path, f);
		if (!f->outside && (r = dump_cover(d, PSNAP_COVERAGE_BREAKS, root, 0, -1, f->id, "file-outside",
		    "%s is open or mapped, but is not in its mount namespace", f->path)) != 0)
			return r;
	}
	return 0;
}

/* ---- all ---- */

static int
collect_contents(struct dump *d, struct mounts *m)
{
	int r = 0;

	for (size_t i = 0; i < m->file_systems.n && r == 0; i++) {
		struct file_system *fs = m->file_systems.v[i];

		if (fs->kind == 0)
			continue;
		fs->id = dump_new_id(d);
		if (fs->fd >= 0)
			r = content_collect(d, d->procs.v[0], m, fs);
	}
	return r;
}

static int
read_tables(struct dump *d, struct mounts *m)
{
	struct proc own = { .pid = getpid(), .live = getpid() };
	int r = proc_open(&own);

	if (r != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, NULL, "our own mounts");
	r = mount_table_read(d, &own, &m->here);
	close(own.proc_fd);
	return r != 0 ? r : mount_table_read(d, d->procs.v[0], &m->all);
}

int
mounts_collect(struct dump *d)
{
	struct proc *root = d->procs.v[0];
	const struct ns *n = namespace_of(root, PSNAP_NAMESPACE_MOUNT);
	struct mounts *m;
	int r;

	if (!d->options->mntns && !(d->options->instance && namespace_is_own(d, PSNAP_NAMESPACE_MOUNT)))
		return 0;
	if (n == NULL || n->of_dumper)
		return dump_fail(d, GLUE_E_PARTIAL, 0, root, n == NULL ? "its mount namespace is not known" :
		    "it is in our own mount namespace, which is not taken along (--mntns)");
	if ((m = d->mounts = dump_alloc(d, sizeof *m)) == NULL)
		return nomem(d);
	if ((r = namespaces_cover_others(d, n, "mount-namespace")) != 0 ||
	    (r = read_tables(d, m)) != 0 ||
	    (r = find_file_systems(d, m, n->id)) != 0 ||
	    (r = mounts_visit(d, root, m)) != 0 ||
	    (r = choose(d, m)) != 0 ||
	    (r = cover_propagation(d, m)) != 0 ||
	    (r = find_files_outside(d)) != 0)
		return r;
	return collect_contents(d, m);
}

void
mounts_close(struct dump *d)
{
	for (size_t i = 0; d->mounts != NULL && i < d->mounts->file_systems.n; i++) {
		const struct file_system *fs = d->mounts->file_systems.v[i];

		if (fs->fd >= 0)
			close(fs->fd);
	}
}
