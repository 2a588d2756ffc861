/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What is mounted in the tree's namespace.  A file system that the dumper's
 * namespace shows, too, is the host's and named by its path there; one that
 * only the tree has is held if it is temporary, and described if a kernel can
 * make it anew.
 */
#include <string.h>
#include <unistd.h>

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

	if (!d->options->mntns)
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
	    (r = cover_propagation(d, m)) != 0)
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

/* ---- records ---- */

static void
folder_emit(struct glue_emit *e, uint32_t field, const char *path, size_t n)
{
	glue_emit_open(e, field);
	glue_emit_bytes(e, PSNAP_F_OVERLAY_FOLDER_HOST_PATH, path, n);
	glue_emit_close(e);
}

/* The value of "name=value" among words that commas separate; its length, 0 none. */
static size_t
find_value(const char *words, const char *name, const char **value)
{
	size_t n = strlen(name);

	for (const char *at = words; at != NULL; at = (at = strchr(at, ',')) != NULL ? at + 1 : NULL)
		if (strncmp(at, name, n) == 0 && at[n] == '=') {
			*value = at + n + 1;
			return strcspn(*value, ",");
		}
	return 0;
}

static void
layers_emit(struct glue_emit *e, const struct file_system *fs)
{
	const char *lower, *upper, *work;
	size_t nlower = find_value(fs->options, "lowerdir", &lower), nupper = find_value(fs->options, "upperdir", &upper);
	size_t nwork = find_value(fs->options, "workdir", &work);

	while (nlower > 0) {
		const char *colon = memchr(lower, ':', nlower);
		size_t n = colon != NULL ? (size_t)(colon - lower) : nlower, step = colon != NULL ? n + 1 : n;

		folder_emit(e, PSNAP_F_FILE_SYSTEM_LOWER, lower, n);
		lower += step;
		nlower -= step;
	}
	if (nupper > 0 && nwork > 0) {
		folder_emit(e, PSNAP_F_FILE_SYSTEM_UPPER, upper, nupper);
		folder_emit(e, PSNAP_F_FILE_SYSTEM_WORK, work, nwork);
	}
}

static bool
is_layer(const char *option, size_t n)
{
	return (n > 9 && strncmp(option, "lowerdir=", 9) == 0) || (n > 9 && strncmp(option, "upperdir=", 9) == 0) ||
	    (n > 8 && strncmp(option, "workdir=", 8) == 0);
}

/* Of the host's the host knows them. */
static void
options_emit(struct glue_emit *e, const struct file_system *fs)
{
	for (const char *at = fs->options; fs->kind != PSNAP_FILE_SYSTEM_HOST && *at != '\0';) {
		size_t n = strcspn(at, ",");

		if (n > 0 && !is_layer(at, n) && !(n == 2 && (strncmp(at, "rw", 2) == 0 || strncmp(at, "ro", 2) == 0)))
			glue_emit_element(e, PSNAP_F_FILE_SYSTEM_OPTIONS, at, n);
		at += at[n] == ',' ? n + 1 : n;
	}
}

static void
file_system_fields(struct glue_emit *e, const void *object)
{
	const struct file_system *fs = object;

	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_NAMESPACE_ID, fs->namespace_id);
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_KIND, fs->kind);
	glue_emit_string(e, PSNAP_F_FILE_SYSTEM_SOURCE, fs->source);
	glue_emit_uint(e, PSNAP_F_FILE_SYSTEM_READ_ONLY,
	    fs->kind != PSNAP_FILE_SYSTEM_HOST && mount_has_word(fs->options, "ro"));
	options_emit(e, fs);
	if (fs->kind == PSNAP_FILE_SYSTEM_OVERLAY)
		layers_emit(e, fs);
}

static void
mount_fields(struct glue_emit *e, const void *object)
{
	const struct mount *x = object;

	glue_emit_uint(e, PSNAP_F_MOUNT_NAMESPACE_ID, x->fs->namespace_id);
	glue_emit_uint(e, PSNAP_F_MOUNT_PARENT_ID, x->parent != NULL ? x->parent->id : 0);
	glue_emit_uint(e, PSNAP_F_MOUNT_FILE_SYSTEM_ID, x->fs->id);
	glue_emit_bytes(e, PSNAP_F_MOUNT_POINT, x->path, strlen(x->path));
	glue_emit_bytes(e, PSNAP_F_MOUNT_ROOT, x->root, strlen(x->root));
	if (x->host_path != NULL)
		glue_emit_bytes(e, PSNAP_F_MOUNT_HOST_PATH, x->host_path, strlen(x->host_path));
	glue_emit_uint(e, PSNAP_F_MOUNT_READ_ONLY, mount_has_word(x->flags, "ro"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_SUID, mount_has_word(x->flags, "nosuid"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_DEV, mount_has_word(x->flags, "nodev"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_EXEC, mount_has_word(x->flags, "noexec"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_SYMLINKS, mount_has_word(x->flags, "nosymfollow"));
	glue_emit_uint(e, PSNAP_F_MOUNT_ACCESS_TIMES, mount_has_word(x->flags, "noatime") ? PSNAP_ACCESS_TIMES_NEVER :
	    mount_has_word(x->flags, "relatime") ? PSNAP_ACCESS_TIMES_RELATIVE : PSNAP_ACCESS_TIMES_ALWAYS);
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_FOLDER_TIMES, mount_has_word(x->flags, "nodiratime"));
	glue_emit_uint(e, PSNAP_F_MOUNT_PROPAGATION, x->unbindable ? PSNAP_MOUNT_UNBINDABLE :
	    x->peers != 0 ? PSNAP_MOUNT_SHARED : PSNAP_MOUNT_PRIVATE);
}

static bool
is_used(const struct mounts *m, const struct file_system *fs)
{
	for (size_t i = 0; i < m->carried.n; i++)
		if (((const struct mount *)m->carried.v[i])->fs == fs)
			return true;
	return false;
}

int
mounts_emit(struct dump *d)
{
	const struct mounts *m = d->mounts;
	int r = 0;

	for (size_t i = 0; m != NULL && i < m->file_systems.n && r == 0; i++) {
		const struct file_system *fs = m->file_systems.v[i];

		if (is_used(m, fs) &&
		    (r = dump_record(d, PSNAP_KIND_FILE_SYSTEM, fs->id, file_system_fields, fs)) == 0)
			r = content_emit(d, fs);
	}
	for (size_t i = 0; m != NULL && i < m->carried.n && r == 0; i++) {
		const struct mount *x = m->carried.v[i];

		r = dump_record(d, PSNAP_KIND_MOUNT, x->id, mount_fields, x);
	}
	return r;
}
