/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	records [--no-times] FILE
 *
 * The content of a snapshot byte for byte, as text: every record but the
 * provenance, every run, every page.  Two snapshots that print the same hold
 * the same, whatever blocks it is in.  Without times, two of the same stopped
 * processes do: clocks, CPU time used, what remains of timers, and when segments
 * were attached, which a dump does, too, are left out.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "format/psnap_fields.h"
#include "libsnap/model/model.h"
#include "libsnap/snap.h"

static bool no_times;

static void
print_bytes(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	putchar('\n');
}

/* What differs from one moment to the next; intervals and limits do not. */
static bool
is_time(const ProtobufCFieldDescriptor *f)
{
	static const char *const names[] = { "realtime_ns", "monotonic_ns", "boottime_ns", "user_ns", "system_ns",
	    "children_user_ns", "children_system_ns", "remaining_ns", "attached_ns", "detached_ns" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	/* of TCP; a socket's option is called so, too */
	return strcmp(f->name, "timestamp") == 0 && f->type == PROTOBUF_C_TYPE_UINT32;
}

/* As deep as the schema is. */
static void
clear_times(ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		char *at = (char *)m + f->offset;
		bool many = f->label == PROTOBUF_C_LABEL_REPEATED;
		size_t n = many ? *(size_t *)(void *)((char *)m + f->quantifier_offset) : 1;

		if (f->type != PROTOBUF_C_TYPE_MESSAGE) {
			if (is_time(f))
				memset(at, 0, f->type == PROTOBUF_C_TYPE_UINT32 ? 4 : 8);
			continue;
		}
		/* which member of a oneof is there */
		if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF &&
		    *(uint32_t *)(void *)((char *)m + f->quantifier_offset) != f->id)
			continue;
		for (size_t k = 0; k < n; k++) {
			ProtobufCMessage *sub = many ? (*(ProtobufCMessage ***)(void *)at)[k] :
			    *(ProtobufCMessage **)(void *)at;

			if (sub != NULL)
				clear_times(sub);
		}
	}
}

static void
print_without_times(const struct snap_stream_item *item)
{
	const struct kind *k = kind_find(item->kind);
	ProtobufCMessage *m = protobuf_c_message_unpack(k->message, NULL, item->payload_len, item->payload);
	uint8_t *bytes = malloc(item->payload_len + 1);

	if (m == NULL || bytes == NULL)
		exit(1);
	clear_times(m);
	print_bytes(bytes, protobuf_c_message_pack(m, bytes));
	protobuf_c_message_free_unpacked(m, NULL);
	free(bytes);
}

static void
print_item(const struct snap_stream_item *item, uint32_t page_size)
{
	if (item->type == SNAP_ITEM_RECORD && item->kind != PSNAP_KIND_PROVENANCE) {
		printf("%" PRIu64 " kind %u revision %u criticality %u: ", item->id, item->kind, item->revision,
		    item->critical);
		if (no_times)
			print_without_times(item);
		else
			print_bytes(item->payload, item->payload_len);
	} else if (item->type == SNAP_ITEM_PAGES) {
		printf("%" PRIu64 " from %" PRIu64 ", %" PRIu64 " pages of kind %d: ", item->run.owner,
		    item->run.first, item->run.count, (int)item->run.kind);
		print_bytes(item->pages, item->pages != NULL ? (size_t)item->run.count * page_size : 0);
	}
}

int
main(int argc, char **argv)
{
	struct snap_stream_item item;
	struct snap_summary sum;
	struct snap_stream *in;
	struct snap_error err;
	struct snap *s;
	int fd, r;

	no_times = argc == 3 && strcmp(argv[1], "--no-times") == 0;
	if (argc != 2 + no_times || (fd = open(argv[argc - 1], O_RDONLY)) < 0)
		return 2;
	if ((r = snap_open(&s, argv[argc - 1], NULL, &err)) == 0 && (r = snap_stream_open(&in, fd, NULL, &err)) == 0) {
		snap_get_summary(s, &sum);
		while ((r = snap_stream_next(in, &item, &err)) == 0 && item.type != SNAP_ITEM_END)
			print_item(&item, sum.page_size);
		snap_stream_close(in);
		snap_close(s);
	}
	if (r != 0)
		fprintf(stderr, "records: %s\n", err.msg);
	return r != 0;
}
