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

/* ---- as it was ---- */

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

static void
check_regular(struct plan *p, const struct need *need, const char *path, const struct stat *st)
{
	const Psnap__File *f = (const void *)need->object->message;
	uint64_t id = need->object->id;
	int64_t mtime = (int64_t)st->st_mtim.tv_sec * (int64_t)NS + st->st_mtim.tv_nsec;
	enum snap_severity severity = p->o->allow_changed ? SNAP_WARNING : SNAP_FATAL;
	const char *advice = "bring that file back, name another with --path, or allow changed files";
	bool mapped = need->use & USE_MAPPED;

	if ((uint64_t)st->st_size == f->size && mtime == f->mtime_ns)
		return;
	/* a build id stands for the bytes, wherever and whenever they were copied */
	if (mapped && f->build_id.len > 0) {
		if (!same_build_id(path, &f->build_id))
			plan_problem(p, severity, NULL, id, "file-changed", advice,
			    "%s is mapped, and is of another build now", path);
		return;
	}
	if (mapped) {
		if ((uint64_t)st->st_size != f->size)
			plan_problem(p, severity, NULL, id, "file-changed", advice,
			    "%s is mapped, and has %llu bytes instead of %llu", path,
			    (unsigned long long)st->st_size, (unsigned long long)f->size);
		else
			plan_problem(p, SNAP_WARNING, NULL, id, "file-time", advice,
			    "%s is mapped, and was modified since", path);
		return;
	}
	/* a file open for writing, or a log, may have grown */
	if (need->use & USE_OPEN && (uint64_t)st->st_size >= f->size)
		return;
	plan_problem(p, severity, NULL, id, "file-changed", advice, "%s has %llu bytes instead of %llu", path,
	    (unsigned long long)st->st_size, (unsigned long long)f->size);
}

int
host_check_files(struct plan *p, struct snap_error *err)
{
	struct needs needs;
	int r;

	if ((r = find_needs(p, &needs, err)) != 0)
		return r;
	for (size_t i = 0; i < needs.n; i++) {
		const struct need *need = &needs.v[i];
		const Psnap__File *f = (const void *)need->object->message;
		const char *path = plan_path(p, &f->path);
		struct stat st;

		if (path == NULL)
			return error_nomem(err);
		/* files of processes are there once those are */
		if (f->deleted || need->use == 0 || strncmp(path, "/proc/", 6) == 0)
			continue;
		if (stat(path, &st) != 0) {
			plan_problem(p, SNAP_FATAL, NULL, need->object->id, "file-missing",
			    "bring it back, or name another with --path", "%s: %s", path, strerror(errno));
			continue;
		}
		if (f->type == PSNAP__FILE_TYPE__FILE_REGULAR && S_ISREG(st.st_mode))
			check_regular(p, need, path, &st);
	}
	return 0;
}
