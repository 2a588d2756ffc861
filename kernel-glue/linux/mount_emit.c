/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of mount.proto, but for those of what is in a file system.
 */
#include <string.h>

#include "kernel-glue/linux/mount.h"
#include "linux/words.h"

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
	    fs->kind != PSNAP_FILE_SYSTEM_HOST && words_have(fs->options, "ro"));
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
	glue_emit_uint(e, PSNAP_F_MOUNT_READ_ONLY, words_have(x->flags, "ro"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_SUID, words_have(x->flags, "nosuid"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_DEV, words_have(x->flags, "nodev"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_EXEC, words_have(x->flags, "noexec"));
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_SYMLINKS, words_have(x->flags, "nosymfollow"));
	glue_emit_uint(e, PSNAP_F_MOUNT_ACCESS_TIMES, words_have(x->flags, "noatime") ? PSNAP_ACCESS_TIMES_NEVER :
	    words_have(x->flags, "relatime") ? PSNAP_ACCESS_TIMES_RELATIVE : PSNAP_ACCESS_TIMES_ALWAYS);
	glue_emit_uint(e, PSNAP_F_MOUNT_NO_FOLDER_TIMES, words_have(x->flags, "nodiratime"));
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
