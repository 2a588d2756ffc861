/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Copying a snapshot while changing a little of it.
 */
#ifndef TESTS_HELPERS_COPY_H
#define TESTS_HELPERS_COPY_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/snap.h"

static void
check(int r, const struct snap_error *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "%s\n", err->msg);
	exit(1);
}

/* What is changed; each may be NULL. */
struct change {
	/* writes the record itself and returns true, or returns false */
	bool	(*record)(struct snap_writer *out, const struct snap_stream_item *item);
	/* changes a page of 4096 bytes before it is written */
	void	(*page)(uint64_t owner, uint64_t number, uint8_t *page);
};

static inline void
copy_record(struct snap_writer *out, const struct snap_stream_item *item)
{
	uint8_t *both = malloc(PSNAP_REC_LEN + item->payload_len);
	struct snap_error err;

	psnap_put16(both + PSNAP_REC_OFF_KIND, (uint16_t)item->kind);
	both[PSNAP_REC_OFF_REVISION] = item->revision;
	both[PSNAP_REC_OFF_CRITICAL] = item->critical;
	psnap_put32(both + PSNAP_REC_OFF_LEN, item->payload_len);
	psnap_put64(both + PSNAP_REC_OFF_ID, item->id);
	memcpy(both + PSNAP_REC_LEN, item->payload, item->payload_len);
	check(snap_writer_records(out, both, PSNAP_REC_LEN + item->payload_len, &err), &err);
	free(both);
}

static inline void
copy_pages(struct snap_writer *out, const struct snap_stream_item *item, const struct change *change)
{
	struct snap_error err;
	uint8_t page[4096];

	for (uint64_t i = 0; i < item->run.count; i++) {
		memcpy(page, item->pages + i * 4096, 4096);
		if (change->page != NULL)
			change->page(item->run.owner, item->run.first + i, page);
		check(snap_writer_pages(out, item->run.owner, item->run.first + i, page, 1, &err), &err);
	}
}

static inline void
copy_snapshot(const char *from, const char *to, const struct change *change)
{
	struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD };
	struct snap_stream_item item;
	struct snap_stream *in;
	struct snap_writer *out;
	struct snap_error err;
	int fd = open(from, O_RDONLY);

	check(snap_stream_open(&in, fd, NULL, &err), &err);
	check(snap_writer_create(&out, to, &options, &err), &err);
	for (;;) {
		check(snap_stream_next(in, &item, &err), &err);
		if (item.type == SNAP_ITEM_END)
			break;
		if (item.type == SNAP_ITEM_PAGES && item.pages != NULL)
			copy_pages(out, &item, change);
		else if (item.type == SNAP_ITEM_PAGES)
			check(snap_writer_zero(out, item.run.owner, item.run.first, item.run.count, &err), &err);
		else if (change->record == NULL || !change->record(out, &item))
			copy_record(out, &item);
	}
	check(snap_writer_finish(out, NULL, &err), &err);
	snap_writer_free(out);
	snap_stream_close(in);
	close(fd);
}

#endif
