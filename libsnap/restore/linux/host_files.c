/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the files that the processes need are here as they were.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/core/elf.h"
#include "libsnap/restore/linux/linux.h"

/* ---- what for ---- */

enum use {
	USE_NAMED	= 1,	/* a directory, a program, opened for its path */
	USE_OPEN	= 2,	/* open for reading or writing: it may have grown */
	USE_MAPPED	= 4,	/* what runs depends on its bytes */
};

/* A File of the snapshot and what it is used for; 0 nothing that needs it. */
struct need {
	const struct snap_object *object;
	unsigned	use;
	const char	*place;		/* where it is looked at; messages have its path */
};

struct needs {
	struct need	*v;	/* by id */
	size_t		n;
};

static int
compare_needs(const void *a, const void *b)
{
	const struct need *x = a, *y = b;

	return (x->object->id > y->object->id) - (x->object->id < y->object->id);
}

static void
add_use(const struct needs *needs, uint64_t file_id, enum use use)
{
	const struct snap_object object = { .id = file_id };
	const struct need key = { .object = &object };
	struct need *found;

	if (file_id != 0 && needs->n > 0 &&
	    (found = bsearch(&key, needs->v, needs->n, sizeof key, compare_needs)) != NULL)
		found->use |= use;
}

static void
add_uses(struct plan *p, const struct needs *needs)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++)
		add_use(needs, ((const Psnap__Mapping *)(const void *)v[i]->message)->file_id, USE_MAPPED);
	v = snap_get_kind(p->s, PSNAP_KIND_OPEN_FILE, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__OpenFile *o = (const void *)v[i]->message;

		add_use(needs, o->file_id, o->access != PSNAP__ACCESS_MODE__ACCESS_PATH ? USE_OPEN : USE_NAMED);
	}
	v = snap_get_kind(p->s, PSNAP_KIND_ADDRESS_SPACE, &n);
	for (size_t i = 0; i < n; i++)
		add_use(needs, ((const Psnap__AddressSpace *)(const void *)v[i]->message)->executable_file_id,
		    USE_NAMED);
	v = snap_get_kind(p->s, PSNAP_KIND_FS_CONTEXT, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__FsContext *f = (const void *)v[i]->message;

		add_use(needs, f->cwd_file_id, USE_NAMED);
		add_use(needs, f->root_file_id, USE_NAMED);
	}
}

static int
find_needs(struct plan *p, struct needs *needs, struct snap_error *err)
{
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_FILE, &needs->n);

	if ((needs->v = plan_alloc(p, (needs->n + 1) * sizeof *needs->v)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < needs->n; i++)
		needs->v[i].object = v[i];
	qsort(needs->v, needs->n, sizeof *needs->v, compare_needs);
	add_uses(p, needs);
	return 0;
}

/* ---- as it was? ---- */

static bool
same_build_id(const char *path, const ProtobufCBinaryData *id)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf *elf;
	bool same;

	if (fd < 0)
		return false;
	elf_version(EV_CURRENT);
	elf = elf_begin(fd, ELF_C_READ, NULL);
	same = elf != NULL && elf_is_build(elf, id->data, id->len);
	elf_end(elf);
	close(fd);
	return same;
}

/* What became of a file. */
enum change { CHANGE_NONE, CHANGE_TIME, CHANGE_GROWN, CHANGE_SHRUNK, CHANGE_BUILD };

static enum change
compare(const struct need *need, enum snap_file_policy policy, const struct stat *st)
{
	const Psnap__File *f = (const void *)need->object->message;
	uint64_t size = (uint64_t)st->st_size;

	if (size == f->size && (int64_t)st->st_mtim.tv_sec * (int64_t)NS + st->st_mtim.tv_nsec == f->mtime_ns)
		return CHANGE_NONE;
	/* a build id stands for the bytes, wherever and whenever they were copied */
	if (policy != SNAP_FILE_GROWN && need->use & USE_MAPPED && f->build_id.len > 0)
		return same_build_id(need->place, &f->build_id) ? CHANGE_NONE : CHANGE_BUILD;
	return size == f->size ? CHANGE_TIME : size > f->size ? CHANGE_GROWN : CHANGE_SHRUNK;
}

static bool
accepts(enum snap_file_policy policy, unsigned use, enum change change)
{
	/* a file open for writing, or a log, may have grown */
	bool may_grow = policy == SNAP_FILE_GROWN ||
	    (policy != SNAP_FILE_EXACT && use & USE_OPEN && !(use & USE_MAPPED));

	return change == CHANGE_NONE || (may_grow && (change == CHANGE_TIME || change == CHANGE_GROWN));
}

static void
check_regular(struct plan *p, const struct need *need, enum snap_file_policy policy, const char *path,
    const struct stat *st)
{
	const Psnap__File *f = (const void *)need->object->message;
	enum change change = compare(need, policy, st);
	enum snap_severity severity = policy == SNAP_FILE_CHANGED ? SNAP_WARNING : SNAP_FATAL;
	uint64_t id = need->object->id;
	const char *mapped = need->use & USE_MAPPED ? "is mapped, and " : "";

	if (accepts(policy, need->use, change))
		return;
	switch (change) {
	case CHANGE_TIME:
		if (*mapped != '\0' && policy != SNAP_FILE_EXACT)
			plan_problem(p, SNAP_WARNING, NULL, id, "file-time", "see that its content is the same",
			    "%s %swas modified since", path, mapped);
		else
			plan_problem(p, severity, NULL, id, "file-changed",
			    "bring that file back, name another with --path, or accept it: --file PATTERN=grown",
			    "%s %swas modified since", path, mapped);
		break;
	case CHANGE_BUILD:
		plan_problem(p, severity, NULL, id, "file-changed",
		    "bring that build back, name another file with --path, or accept it: --file PATTERN=changed",
		    "%s %sis of another build now", path, mapped);
		break;
	default:
		plan_problem(p, severity, NULL, id, "file-changed", change == CHANGE_GROWN ?
		    "bring that file back, name another with --path, or accept it: --file PATTERN=grown" :
		    "bring that file back, name another with --path, or accept it: --file PATTERN=changed",
		    "%s %shas %llu bytes instead of %llu", path, mapped, (unsigned long long)st->st_size,
		    (unsigned long long)f->size);
		break;
	}
}

/* ---- carried along ---- */

static int
check_carried(struct plan *p, const struct need *need, const char *path, struct snap_error *err)
{
	static const char advice[] =
	    "it is not replaced: move it away, name another folder with --path, or accept it: --file PATTERN=changed";
	const Psnap__File *f = (const void *)need->object->message;
	int fd = open(need->place, O_RDONLY | O_NONBLOCK | O_CLOEXEC), r;
	bool same;

	if (fd < 0) {
		plan_problem(p, SNAP_FATAL, NULL, need->object->id, "file-changed", advice,
		    "%s cannot be compared with what is held: %s", path, strerror(errno));
		return 0;
	}
	if ((r = content_compare(p, f->content_object_id, f->size, fd, &same, err)) == 0 && !same)
		plan_problem(p, SNAP_FATAL, NULL, need->object->id, "file-changed", advice,
		    "%s has another content than the one held", path);
	close(fd);
	return r;
}

/* It will be made, if its place is good. */
static void
plan_carried(struct plan *p, const struct need *need, const char *path)
{
	uint64_t id = need->object->id;
	const char *name;
	struct stat st;
	int folder = carried_folder(p, path, &name);

	if (folder < 0)
		plan_problem(p, SNAP_FATAL, NULL, id, "file-missing",
		    "make its folder, or name another, where it really is, with --path", "%s cannot be made: %s", path,
		    errno == ELOOP ? "a symbolic link leads to its folder" :
		    errno == EINVAL ? "its path has a \"..\" or no name at its end" : strerror(errno));
	else if (faccessat(folder, ".", W_OK | X_OK, AT_EACCESS) != 0)
		plan_problem(p, SNAP_FATAL, NULL, id, "file-missing",
		    "name another folder with --path", "%s cannot be made: %s", path, strerror(errno));
	else if (fstatat(folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		plan_problem(p, SNAP_FATAL, NULL, id, "file-missing", "move that link away",
		    "%s cannot be made: a symbolic link that leads nowhere is in its place", path);
	else {
		p->carried[p->ncarried++] = id;
		plan_problem(p, SNAP_WARNING, NULL, id, "file-carried", "none is needed if that is its place",
		    "%s is missing: it is made with the content held", path);
	}
	if (folder >= 0)
		close(folder);
}

/* ---- all ---- */

static void
tell_missing(struct plan *p, const struct need *need, const char *path, int e)
{
	const Psnap__File *f = (const void *)need->object->message;

	plan_problem(p, SNAP_FATAL, NULL, need->object->id, "file-missing", f->content_object_id != 0 ?
	    "bring it back, name another with --path, or let it be made: --file PATTERN=carry" :
	    "bring it back, or name another with --path", "%s: %s", path, strerror(e));
}

static int
check_file(struct plan *p, struct need *need, struct snap_error *err)
{
	const Psnap__File *f = (const void *)need->object->message;
	const char *path = plan_path(p, &f->path);
	enum snap_file_policy policy;
	struct stat st;

	if ((need->place = file_place(p, need->object->id, path)) == NULL)
		return error_nomem(err);
	/* files of processes are there once those are */
	if (strncmp(path, "/proc/", 6) == 0)
		return 0;
	policy = plan_file_policy(p, path);
	if (policy == SNAP_FILE_CARRY && f->content_object_id == 0)
		policy = SNAP_FILE_EXACT;
	if (fstatat(AT_FDCWD, need->place, &st, f->type == PSNAP__FILE_TYPE__FILE_SYMLINK ? AT_SYMLINK_NOFOLLOW : 0) != 0) {
		if (policy == SNAP_FILE_CARRY && errno == ENOENT && !f->outside)
			plan_carried(p, need, path);
		else
			tell_missing(p, need, path, errno);
	} else if ((st.st_mode & S_IFMT) != file_format(f->type)) {
		plan_problem(p, SNAP_FATAL, NULL, need->object->id, "file-changed",
		    "bring that file back, or name another with --path", "%s is of another kind now", path);
	} else if (policy == SNAP_FILE_CARRY) {
		return check_carried(p, need, path, err);
	} else if (f->type == PSNAP__FILE_TYPE__FILE_REGULAR) {
		check_regular(p, need, policy, path, &st);
	}
	return 0;
}

int
host_check_files(struct plan *p, struct snap_error *err)
{
	struct needs needs;
	int r;

	if ((r = find_needs(p, &needs, err)) != 0)
		return r;
	if ((p->carried = plan_alloc(p, (needs.n + 1) * sizeof *p->carried)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < needs.n; i++) {
		const Psnap__File *f = (const void *)needs.v[i].object->message;

		if (!f->deleted && needs.v[i].use != 0 && (r = check_file(p, &needs.v[i], err)) != 0)
			return r;
	}
	return 0;
}
