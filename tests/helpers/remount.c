/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	remount IN OUT point|host|name|option FROM TO
 *
 * The same snapshot with another mount point, path on the host, name of a file
 * in a temporary file system, or option of a file system.
 */
#include "format/mount.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

static const char *what, *from, *to;
static int changed;

static bool
is_from(const ProtobufCBinaryData *b)
{
	return b->len == strlen(from) && memcmp(b->data, from, b->len) == 0;
}

/* What was there is put back, for it is to be freed. */
static void
write_with(struct snap_writer *out, const struct snap_stream_item *item, const ProtobufCMessage *m,
    ProtobufCBinaryData *b)
{
	ProtobufCBinaryData had = *b;
	struct snap_error err;

	*b = (ProtobufCBinaryData){ strlen(to), (uint8_t *)(uintptr_t)to };
	check(snap_writer_message(out, item->kind, item->id, item->critical, m, &err), &err);
	*b = had;
	changed++;
}

static bool
change_mount(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__Mount *m = psnap__mount__unpack(NULL, item->payload_len, item->payload);
	ProtobufCBinaryData *b = strcmp(what, "point") == 0 ? &m->point : &m->host_path;
	bool is = strcmp(what, "name") != 0 && is_from(b);

	if (is)
		write_with(out, item, &m->base, b);
	psnap__mount__free_unpacked(m, NULL);
	return is;
}

static bool
change_entry(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__FileSystemEntry *e = psnap__file_system_entry__unpack(NULL, item->payload_len, item->payload);
	bool is = strcmp(what, "name") == 0 && e->n_names > 0 && is_from(&e->names[0]->name);

	if (is)
		write_with(out, item, &e->base, &e->names[0]->name);
	psnap__file_system_entry__free_unpacked(e, NULL);
	return is;
}

static bool
change_file_system(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__FileSystem *f = psnap__file_system__unpack(NULL, item->payload_len, item->payload);
	bool is = strcmp(what, "option") == 0 && f->n_options > 0 && strcmp(f->options[0], from) == 0;
	char *had = is ? f->options[0] : NULL;
	struct snap_error err;

	if (is) {
		f->options[0] = (char *)(uintptr_t)to;
		check(snap_writer_message(out, item->kind, item->id, item->critical, &f->base, &err), &err);
		f->options[0] = had;
		changed++;
	}
	psnap__file_system__free_unpacked(f, NULL);
	return is;
}

static bool
change_record(struct snap_writer *out, const struct snap_stream_item *item)
{
	switch (item->kind) {
	case PSNAP_KIND_MOUNT:
		return change_mount(out, item);
	case PSNAP_KIND_FILE_SYSTEM:
		return change_file_system(out, item);
	case PSNAP_KIND_FILE_SYSTEM_ENTRY:
		return change_entry(out, item);
	default:
		return false;
	}
}

int
main(int argc, char **argv)
{
	const struct change change = { .record = change_record };

	if (argc != 6)
		return 2;
	what = argv[3];
	from = argv[4];
	to = argv[5];
	copy_snapshot(argv[1], argv[2], &change);
	return changed > 0 ? 0 : 1;
}
