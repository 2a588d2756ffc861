/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was mounted, and how much is held of what.
 */
#include <string.h>

#include "format/mount.pb-c.h"
#include "tools/snapinspect/view.h"

/* How many files of it are held, and their bytes. */
static void
count_entries(struct snap *s, uint64_t file_system_id, json_int_t *files, json_int_t *bytes)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, file_system_id, PSNAP_KIND_FILE_SYSTEM_ENTRY, &n);

	*files = *bytes = 0;
	for (size_t i = 0; i < n; i++) {
		const Psnap__FileSystemEntry *e = (const void *)v[i]->message;
		const Psnap__MemoryObject *m =
		    e != NULL ? snap_get_message(s, e->content_object_id, PSNAP_KIND_MEMORY_OBJECT) : NULL;

		*files += e != NULL;
		*bytes += m != NULL ? (json_int_t)m->size : 0;
	}
}

static json_t *
folder_json(const Psnap__OverlayFolder *f)
{
	return f != NULL ? json_bytes(f->host_path.data, f->host_path.len) : json_null();
}

static json_t *
file_system_json(struct snap *s, uint64_t id, const Psnap__FileSystem *f)
{
	json_t *options = json_array(), *lower = json_array();
	json_int_t files, bytes;
	char w[64];

	count_entries(s, id, &files, &bytes);
	for (size_t i = 0; i < f->n_options; i++)
		json_array_append_new(options, json_text(f->options[i]));
	for (size_t i = 0; i < f->n_lower; i++)
		json_array_append_new(lower, folder_json(f->lower[i]));
	return json_pack("{s:I, s:s, s:o, s:b, s:o, s:o, s:o, s:o, s:I, s:I}", "id", (json_int_t)id,
	    "kind", word(&psnap__file_system_kind__descriptor, (int)f->kind, w), "source", json_text(f->source),
	    "read_only", (int)f->read_only, "options", options, "lower", lower, "upper", folder_json(f->upper),
	    "work", folder_json(f->work), "files", files, "bytes", bytes);
}

static json_t *
mount_json(struct snap *s, uint64_t id, const Psnap__Mount *m)
{
	const Psnap__FileSystem *f = snap_get_message(s, m->file_system_id, PSNAP_KIND_FILE_SYSTEM);
	char times[64], propagation[64];

	return json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:b, s:b, s:b, s:b, s:b, s:s, s:b, s:s, s:o}",
	    "id", (json_int_t)id, "parent", (json_int_t)m->parent_id, "namespace", (json_int_t)m->namespace_id,
	    "point", json_bytes(m->point.data, m->point.len), "root", json_bytes(m->root.data, m->root.len),
	    "host_path", json_bytes(m->host_path.data, m->host_path.len), "read_only", (int)m->read_only,
	    "no_suid", (int)m->no_suid, "no_dev", (int)m->no_dev, "no_exec", (int)m->no_exec,
	    "no_symlinks", (int)m->no_symlinks,
	    "access_times", word(&psnap__access_times__descriptor, (int)m->access_times, times),
	    "no_folder_times", (int)m->no_folder_times,
	    "propagation", word(&psnap__mount_propagation__descriptor, (int)m->propagation, propagation),
	    "file_system", f != NULL ? file_system_json(s, m->file_system_id, f) : json_null());
}

json_t *
mounts_make(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_MOUNT, &n);
	json_t *list = json_array();

	(void)o;
	(void)status;
	for (size_t i = 0; i < n; i++)
		if (v[i]->message != NULL)
			json_array_append_new(list, mount_json(s, v[i]->id, (const void *)v[i]->message));
	return list;
}

static void
print_flags(const json_t *m)
{
	static const char *const flags[] = { "read_only", "no_suid", "no_dev", "no_exec", "no_symlinks", "no_folder_times" };

	for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++)
		if (is_true(m, flags[i]))
			printf(", %s", flags[i]);
	if (strcmp(str(m, "propagation"), "private") != 0)
		printf(", %s", str(m, "propagation"));
}

void
mounts_print(const json_t *list)
{
	const json_t *m;
	size_t i;

	if (json_array_size(list) == 0)
		puts("no mounts are held");
	json_array_foreach(list, i, m) {
		const json_t *f = json_object_get(m, "file_system");

		printf("%-24s %-11s", str(m, "point"), str(f, "kind"));
		if (str(m, "host_path")[0] != '\0')
			printf(" %s", str(m, "host_path"));
		else
			printf(" %s %s", str(f, "source"), str(m, "root"));
		if (num(f, "files") > 0)
			printf(", %lld files, %lld bytes", (long long)num(f, "files"), (long long)num(f, "bytes"));
		print_flags(m);
		putchar('\n');
	}
}
