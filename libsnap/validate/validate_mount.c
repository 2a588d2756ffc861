/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Mounts, their file systems, and what is in those that are held.
 */
#include <stdlib.h>
#include <string.h>

#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/mount.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

#define PATH_MAX_BYTES	4095
#define NAME_MAX_BYTES	255
#define VALUE_MAX	65536

/* ---- paths ---- */

/* Absolute, and each part of it a name: no "." or "..", no slash at the end. */
static bool
is_plain(const ProtobufCBinaryData *path)
{
	const char *p = (const void *)path->data;
	size_t n = path->len;

	if (n == 0 || n > PATH_MAX_BYTES || p[0] != '/' || memchr(p, '\0', n) != NULL)
		return false;
	if (n == 1)
		return true;
	for (size_t from = 1; from <= n;) {
		const char *slash = memchr(p + from, '/', n - from);
		size_t len = slash != NULL ? (size_t)(slash - p) - from : n - from;

		if (len == 0 || len > NAME_MAX_BYTES || (len == 1 && p[from] == '.') ||
		    (len == 2 && p[from] == '.' && p[from + 1] == '.'))
			return false;
		from += len + 1;
	}
	return true;
}

/* Whether a path is that one, or below it. */
static bool
is_within(const ProtobufCBinaryData *path, const ProtobufCBinaryData *folder)
{
	if (folder->len == 1)
		return true;
	return path->len >= folder->len && memcmp(path->data, folder->data, folder->len) == 0 &&
	    (path->len == folder->len || path->data[folder->len] == '/');
}

static bool
is_name(const ProtobufCBinaryData *name)
{
	return name->len > 0 && name->len <= NAME_MAX_BYTES && memchr(name->data, '\0', name->len) == NULL &&
	    memchr(name->data, '/', name->len) == NULL && !(name->len == 1 && name->data[0] == '.') &&
	    !(name->len == 2 && memcmp(name->data, "..", 2) == 0);
}

static void
check_namespace_kind(struct check *v, const struct snap_object *o, uint64_t id)
{
	const Psnap__Namespace *n = snap_get_message(v->s, id, PSNAP_KIND_NAMESPACE);

	if (n != NULL && n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_MOUNT)	/* MNT-1 */
		check_corrupt(v, o, "MNT-1", "it is in a namespace of kind %d", (int)n->kind);
}

/* ---- file systems ---- */

static bool
is_folder(const Psnap__OverlayFolder *f)
{
	return f == NULL || is_plain(&f->host_path);
}

static bool
has_sound_layers(const Psnap__FileSystem *f)
{
	if ((f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_OVERLAY) != (f->n_lower > 0) ||
	    (f->upper != NULL) != (f->work != NULL) || (f->upper != NULL && f->n_lower == 0))
		return false;
	for (size_t i = 0; i < f->n_lower; i++)
		if (!is_folder(f->lower[i]))
			return false;
	return is_folder(f->upper) && is_folder(f->work);
}

void
check_file_system(struct check *v, const struct snap_object *o)
{
	const Psnap__FileSystem *f = CHECK_MESSAGE(Psnap__FileSystem, o);

	check_namespace_kind(v, o, f->namespace_id);
	if (!has_sound_layers(f))						/* FSY-1 */
		check_corrupt(v, o, "FSY-1", "%lu lower folders, in a file system of kind %d", (unsigned long)f->n_lower,
		    (int)f->kind);
	for (size_t i = 0; i < f->n_options; i++)
		if (f->options[i][0] == '\0' || strlen(f->options[i]) > PATH_MAX_BYTES)	/* FSY-2 */
			check_corrupt(v, o, "FSY-2", "option %lu has %lu bytes", (unsigned long)i,
			    (unsigned long)strlen(f->options[i]));
}

/* ---- mounts ---- */

void
check_mount(struct check *v, const struct snap_object *o)
{
	const Psnap__Mount *m = CHECK_MESSAGE(Psnap__Mount, o);
	const Psnap__FileSystem *f = snap_get_message(v->s, m->file_system_id, PSNAP_KIND_FILE_SYSTEM);
	const Psnap__Mount *parent = snap_get_message(v->s, m->parent_id, PSNAP_KIND_MOUNT);
	bool of_host = f != NULL && f->kind == PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_HOST;

	check_namespace_kind(v, o, m->namespace_id);
	if (f != NULL && f->namespace_id != m->namespace_id)			/* MNT-1 */
		check_corrupt(v, o, "MNT-1", "its file system is of another namespace");
	if (!is_plain(&m->point) || !is_plain(&m->root))				/* MNT-3 */
		check_corrupt(v, o, "MNT-3", "point of %lu or root of %lu bytes is not absolute and plain",
		    (unsigned long)m->point.len, (unsigned long)m->root.len);
	if (m->parent_id >= o->id || (parent != NULL &&
	    (parent->namespace_id != m->namespace_id || !is_within(&m->point, &parent->point))))	/* MNT-4 */
		check_corrupt(v, o, "MNT-4", "its parent %llu is not above it", (unsigned long long)m->parent_id);
	if (m->parent_id == 0 && m->point.len != 1)				/* MNT-4 */
		check_corrupt(v, o, "MNT-4", "it has no parent, and is not the root");
	if (f != NULL && of_host != (m->host_path.len > 0))			/* MNT-5 */
		check_corrupt(v, o, "MNT-5", "%lu bytes of a path on the host, in a file system of kind %d",
		    (unsigned long)m->host_path.len, (int)f->kind);
	if (m->host_path.len > 0 && !is_plain(&m->host_path))			/* MNT-5 */
		check_corrupt(v, o, "MNT-5", "its path on the host is not absolute and plain");
}

/* ---- entries ---- */

static bool
has_sound_names(const struct check *v, const struct snap_object *o)
{
	const Psnap__FileSystemEntry *e = CHECK_MESSAGE(Psnap__FileSystemEntry, o);
	bool folder = e->type == PSNAP__FILE_TYPE__FILE_DIRECTORY;

	if (folder ? e->n_names > 1 : e->n_names == 0)
		return false;
	for (size_t i = 0; i < e->n_names; i++) {
		uint64_t id = e->names[i]->folder_id;
		const Psnap__FileSystemEntry *in = snap_get_message(v->s, id, PSNAP_KIND_FILE_SYSTEM_ENTRY);

		if (!is_name(&e->names[i]->name) || id >= o->id)
			return false;
		if (in != NULL && (in->type != PSNAP__FILE_TYPE__FILE_DIRECTORY || in->file_system_id != e->file_system_id))
			return false;
	}
	return true;
}

static bool
has_sound_attributes(const Psnap__FileSystemEntry *e)
{
	for (size_t i = 0; i < e->n_attributes; i++) {
		const Psnap__ExtendedAttribute *a = e->attributes[i];

		if (a->name[0] == '\0' || strlen(a->name) > NAME_MAX_BYTES || a->value.len > VALUE_MAX ||
		    (i > 0 && strcmp(a->name, e->attributes[i - 1]->name) <= 0))
			return false;
	}
	return true;
}

static bool
is_content(const struct check *v, const Psnap__FileSystemEntry *e)
{
	const Psnap__MemoryObject *m = snap_get_message(v->s, e->content_object_id, PSNAP_KIND_MEMORY_OBJECT);

	return m == NULL || (e->type == PSNAP__FILE_TYPE__FILE_REGULAR &&
	    m->kind == PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_FILE_CONTENT);
}

void
check_file_system_entry(struct check *v, const struct snap_object *o)
{
	const Psnap__FileSystemEntry *e = CHECK_MESSAGE(Psnap__FileSystemEntry, o);
	const Psnap__FileSystem *f = snap_get_message(v->s, e->file_system_id, PSNAP_KIND_FILE_SYSTEM);
	bool link = e->type == PSNAP__FILE_TYPE__FILE_SYMLINK;
	bool device = e->type == PSNAP__FILE_TYPE__FILE_CHARACTER_DEVICE || e->type == PSNAP__FILE_TYPE__FILE_BLOCK_DEVICE;

	if (f != NULL && f->kind != PSNAP__FILE_SYSTEM_KIND__FILE_SYSTEM_TEMPORARY)	/* FSE-1 */
		check_corrupt(v, o, "FSE-1", "it is in a file system of kind %d", (int)f->kind);
	if (!has_sound_names(v, o))						/* FSE-3 */
		check_corrupt(v, o, "FSE-3", "it has %lu names, or one that is none, or is not in a folder before it",
		    (unsigned long)e->n_names);
	if (e->mode > 07777 || (e->rdev != 0 && !device) || link != (e->target.len > 0) ||
	    e->target.len > PATH_MAX_BYTES || (link && memchr(e->target.data, '\0', e->target.len) != NULL) ||
	    !is_content(v, e))							/* FSE-5 */
		check_corrupt(v, o, "FSE-5", "mode 0%o, device, target or content is not one of type %d", (unsigned)e->mode,
		    (int)e->type);
	if (!has_sound_attributes(e))						/* FSE-6 */
		check_corrupt(v, o, "FSE-6", "its attributes are not ascending, or too long");
}

/* ---- all together ---- */

/* What is to be unique: a root within a namespace or file system, a name within a folder. */
struct place {
	uint64_t	within;
	const ProtobufCBinaryData *name;	/* NULL: the root */
	const struct snap_object *object;
};

static int
compare_names(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	size_t n = a->len < b->len ? a->len : b->len;
	int c = n > 0 ? memcmp(a->data, b->data, n) : 0;

	return c != 0 ? c : (a->len > b->len) - (a->len < b->len);
}

static int
compare_places(const void *a, const void *b)
{
	const struct place *x = a, *y = b;
	int c;

	if (x->within != y->within)
		return x->within < y->within ? -1 : 1;
	if (x->name != NULL && y->name != NULL && (c = compare_names(x->name, y->name)) != 0)
		return c;
	return (x->object > y->object) - (x->object < y->object);
}

static void
check_unique(struct check *v, struct place *p, size_t n, const char *rule)
{
	qsort(p, n, sizeof *p, compare_places);
	for (size_t i = 1; i < n && !v->stopped; i++)
		if (p[i].within == p[i - 1].within &&
		    (p[i].name == NULL || compare_names(p[i].name, p[i - 1].name) == 0))	/* MNT-2, FSE-2, FSE-4 */
			check_corrupt(v, p[i].object, rule, "in its place is also object %llu",
			    (unsigned long long)p[i - 1].object->id);
}

/* A namespace with mounts has one root, and a file system that is held one folder that everything is in. */
static int
check_roots(struct check *v)
{
	size_t nmounts, nentries, used = 0;
	const struct snap_object *const *mounts = snap_get_kind(v->s, PSNAP_KIND_MOUNT, &nmounts);
	const struct snap_object *const *entries = snap_get_kind(v->s, PSNAP_KIND_FILE_SYSTEM_ENTRY, &nentries);
	struct place *p = malloc((nmounts + nentries + 1) * sizeof *p);

	if (p == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < nmounts; i++) {
		const Psnap__Mount *m = CHECK_MESSAGE(Psnap__Mount, mounts[i]);

		if (m != NULL && m->parent_id == 0)
			p[used++] = (struct place){ m->namespace_id, NULL, mounts[i] };
	}
	check_unique(v, p, used, "MNT-2");
	used = 0;
	for (size_t i = 0; i < nentries; i++) {
		const Psnap__FileSystemEntry *e = CHECK_MESSAGE(Psnap__FileSystemEntry, entries[i]);

		if (e != NULL && e->type == PSNAP__FILE_TYPE__FILE_DIRECTORY && e->n_names == 0)
			p[used++] = (struct place){ e->file_system_id, NULL, entries[i] };
	}
	check_unique(v, p, used, "FSE-2");
	free(p);
	return 0;
}

static int
check_entry_names(struct check *v)
{
	size_t n, count = 0, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, PSNAP_KIND_FILE_SYSTEM_ENTRY, &n);
	struct place *p;

	for (size_t i = 0; i < n; i++)
		count += all[i]->message != NULL ? CHECK_MESSAGE(Psnap__FileSystemEntry, all[i])->n_names : 0;
	if ((p = malloc((count + 1) * sizeof *p)) == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < n; i++) {
		const Psnap__FileSystemEntry *e = CHECK_MESSAGE(Psnap__FileSystemEntry, all[i]);

		for (size_t k = 0; e != NULL && k < e->n_names; k++)
			p[used++] = (struct place){ e->names[k]->folder_id, &e->names[k]->name, all[i] };
	}
	check_unique(v, p, used, "FSE-4");
	free(p);
	return 0;
}

int
check_mounts(struct check *v)
{
	int r = check_roots(v);

	return r != 0 ? r : check_entry_names(v);
}
