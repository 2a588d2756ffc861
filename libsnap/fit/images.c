/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What mapped files say of themselves: levels they were linked for (GNU
 * properties), folders they were taken from, and functions chosen by CPU.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/fit/image.h"

#define ISA_KNOWN	0xfu	/* bits of x86-64, v2, v3 and v4 */

/* ---- which files ---- */

static int
compare_images(const void *a, const void *b)
{
	const struct image *x = a, *y = b;

	return (x->file_id > y->file_id) - (x->file_id < y->file_id);
}

struct image *
image_find(struct image *images, size_t n, uint64_t file_id)
{
	const struct image key = { .file_id = file_id };

	return n > 0 ? bsearch(&key, images, n, sizeof *images, compare_images) : NULL;
}

static int
compare_ids(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static bool
is_code(const Psnap__Mapping *m)
{
	return m->executable && (m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED);
}

/* Files that code is mapped from: their ids, ascending, each once; to be freed. */
static int
code_files(struct fit *f, uint64_t **out, size_t *nout)
{
	size_t n, k = 0, unique = 0;
	const struct snap_object *const *v = snap_get_kind(f->s, PSNAP_KIND_MAPPING, &n);
	uint64_t *ids = malloc((n + 1) * sizeof *ids);

	if (ids == NULL)
		return error_nomem(f->err);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (is_code(m) && snap_get_message(f->s, m->file_id, PSNAP_KIND_FILE) != NULL)
			ids[k++] = m->file_id;
	}
	qsort(ids, k, sizeof *ids, compare_ids);
	for (size_t i = 0; i < k; i++)
		if (unique == 0 || ids[unique - 1] != ids[i])
			ids[unique++] = ids[i];
	*out = ids;
	*nout = unique;
	return 0;
}

static int
gather(struct fit *f, struct image **out, size_t *nout)
{
	struct image *images = NULL;
	uint64_t *ids = NULL;
	int r = code_files(f, &ids, nout);

	if (r != 0)
		return r;
	if ((images = calloc(*nout + 1, sizeof *images)) == NULL)
		r = error_nomem(f->err);
	for (size_t i = 0; r == 0 && i < *nout; i++) {
		images[i].file_id = ids[i];
		images[i].file = snap_get_message(f->s, ids[i], PSNAP_KIND_FILE);
	}
	free(ids);
	*out = images;
	return r;
}

/* Which processes map them. */
static void
note_processes(struct fit *f, struct image *images, size_t nimages)
{
	size_t n, nmaps;
	const struct snap_object *const *v = snap_get_kind(f->s, PSNAP_KIND_PROCESS, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;
		const struct snap_object *const *maps =
		    snap_get_children(f->s, p->address_space_id, PSNAP_KIND_MAPPING, &nmaps);

		for (size_t k = 0; k < nmaps; k++) {
			const Psnap__Mapping *m = (const void *)maps[k]->message;
			struct image *im = is_code(m) ? image_find(images, nimages, m->file_id) : NULL;

			if (im != NULL)
				witness_add(&im->mapped, p->pid, im->file_id, NULL);
		}
	}
}

/* ---- what they say ---- */

/* A path without what could upset a message. */
static void
printable_path(const Psnap__File *file, char out[128])
{
	size_t n = file->path.len < 127 ? file->path.len : 127;

	for (size_t i = 0; i < n; i++)
		out[i] = file->path.data[i] > ' ' && file->path.data[i] < 0x7f ? (char)file->path.data[i] : '?';
	out[n] = '\0';
}

/* The level of the folder glibc took it from, ".../glibc-hwcaps/x86-64-v3/libm.so". */
static enum level
folder_level(const char *path)
{
	static const char folder[] = "/glibc-hwcaps/";
	const char *p = strstr(path, folder), *end;
	char name[16];

	if (p == NULL || (end = strchr(p += strlen(folder), '/')) == NULL || (size_t)(end - p) >= sizeof name)
		return LEVEL_NONE;
	memcpy(name, p, (size_t)(end - p));
	name[end - p] = '\0';
	return level_find(name);
}

/* The highest level of a mask of GNU_PROPERTY_X86_ISA_1_*. */
static enum level
isa_level(uint32_t isa)
{
	return isa & GNU_PROPERTY_X86_ISA_1_V4 ? LEVEL_V4 : isa & GNU_PROPERTY_X86_ISA_1_V3 ? LEVEL_V3 :
	    isa & GNU_PROPERTY_X86_ISA_1_V2 ? LEVEL_V2 : isa & GNU_PROPERTY_X86_ISA_1_BASELINE ? LEVEL_AMD64 :
	    LEVEL_NONE;
}

static void
tell_properties(struct fit *f, const struct image *im, const char *path)
{
	enum level needed = isa_level(im->needed), used = isa_level(im->used);

	/* every file has the baseline's mark, 32-bit ones too */
	if (needed > LEVEL_AMD64)
		fit_level(f, SNAP_FIT_FATAL, needed, "needed-property", &im->mapped, "%s was linked for it", path);
	if (im->needed & ~ISA_KNOWN)
		fit_tell(f, SNAP_FIT_FATAL, true, "", "needed-property", &im->mapped,
		    "%s was linked for a level that is not known here (0x%x)", path, im->needed);
	if (used > LEVEL_AMD64)
		fit_level(f, SNAP_FIT_POSSIBLE, used, "used-property", &im->mapped,
		    "%s has such instructions", path);
}

static void
tell_folder(struct fit *f, const struct image *im, const char *path)
{
	enum level level = folder_level(path);

	if (level != LEVEL_NONE)
		fit_level(f, SNAP_FIT_FATAL, level, "hwcaps-folder", &im->mapped, "%s was built for it", path);
}

static void
tell_variants(struct fit *f, const struct image *im, const char *path)
{
	for (size_t i = 0; i < feature_count(); i++)
		if (im->chosen[i].count > 0)
			fit_feature(f, SNAP_FIT_FATAL, i, "variant", &im->chosen[i], "%s of %s was chosen",
			    im->chosen[i].name, path);
}

/* Marks of code that works with and without what they are about. */
static void
tell_marks(struct fit *f, const struct image *images, size_t n)
{
	static const struct { uint32_t bit; const char *feature, *what; } marks[] = {
		{ GNU_PROPERTY_X86_FEATURE_1_IBT, "ibt", "indirect branch tracking" },
		{ GNU_PROPERTY_X86_FEATURE_1_SHSTK, "user_shstk", "shadow stacks" },
	};

	for (size_t k = 0; k < sizeof marks / sizeof *marks; k++) {
		struct witness w = { 0 };

		for (size_t i = 0; i < n; i++)
			if (images[i].features & marks[k].bit)
				witness_add(&w, images[i].mapped.pid, images[i].file_id, NULL);
		if (w.count > 0)
			fit_tell(f, SNAP_FIT_HARMLESS, !fit_lists(f->host, marks[k].feature), marks[k].feature,
			    "marked-property", &w, "a file is marked as fit for %s", marks[k].what);
	}
}

/* What a file would have told matters if the host lacks something. */
static void
tell_unknown(struct fit *f, const struct witness *w, const char *path, const char *why)
{
	fit_tell(f, SNAP_FIT_POSSIBLE, !set_within(&f->source_has, &f->has), "", "not-examined", w, "%s: %s", path,
	    why);
}

static void
tell_image(struct fit *f, const struct image *im)
{
	char path[128];

	printable_path(im->file, path);
	tell_folder(f, im, path);
	if (im->unknown != NULL)
		tell_unknown(f, &im->mapped, path, im->unknown);
	tell_properties(f, im, path);
	tell_variants(f, im, path);
}

static int
read_images(struct fit *f, struct image *images, size_t n)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < n; i++)
		r = image_read(f, &images[i]);
	return r != 0 ? r : variants_find(f, images, n);
}

int
fit_images(struct fit *f, bool open_files)
{
	struct witness unopened = { 0 };
	struct image *images = NULL;
	size_t n = 0;
	int r = gather(f, &images, &n);

	if (r != 0)
		goto out;
	note_processes(f, images, n);
	if (open_files && (r = read_images(f, images, n)) != 0)
		goto out;
	for (size_t i = 0; i < n; i++) {
		tell_image(f, &images[i]);
		if (!open_files)
			witness_add(&unopened, images[i].mapped.pid, images[i].file_id, NULL);
	}
	if (unopened.count > 0)
		tell_unknown(f, &unopened, "mapped files", "they were not to be opened");
	tell_marks(f, images, n);
out:
	for (size_t i = 0; images != NULL && i < n; i++)
		image_free(&images[i]);
	free(images);
	return r;
}
