/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	records FILE
 *
 * The content of a snapshot byte for byte, as text: every record but the
 * provenance, every run, every page.  Two snapshots that print the same hold
 * the same, whatever blocks it is in.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/psnap_fields.h"
#include "libsnap/snap.h"

static void
print_bytes(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%02x", p[i]);
	putchar('\n');
}

static void
print_item(const struct snap_stream_item *item, uint32_t page_size)
{
	if (item->type == SNAP_ITEM_RECORD && item->kind != PSNAP_KIND_PROVENANCE) {
		printf("%" PRIu64 " kind %u revision %u criticality %u: ", item->id, item->kind, item->revision,
		    item->critical);
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

	if (argc != 2 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 2;
	if ((r = snap_open(&s, argv[1], NULL, &err)) == 0 && (r = snap_stream_open(&in, fd, NULL, &err)) == 0) {
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
