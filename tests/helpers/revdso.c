/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	revdso IN OUT
 *
 * The same snapshot as if another kernel had written it: one byte of every
 * vdso is another, past what any code or table of it uses.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/memory.pb-c.h"
#include "format/psnap_fields.h"
#include "libsnap/snap.h"

static struct snap *s;

static void
check(int r, const struct snap_error *err)
{
	if (r == 0)
		return;
	fprintf(stderr, "revdso: %s\n", err->msg);
	exit(1);
}

/* Last byte of the last page of a vdso. */
static bool
is_last(uint64_t owner, uint64_t page)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, owner, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Mapping *m = (const void *)v[i]->message;

		if (m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO && m->end / 4096 - 1 == page)
			return true;
	}
	return false;
}

int
main(int argc, char **argv)
{
	struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD };
	struct snap_stream_item item;
	struct snap_stream *in;
	struct snap_writer *out;
	struct snap_error err;
	int fd;

	if (argc != 3 || (fd = open(argv[1], O_RDONLY)) < 0)
		return 2;
	check(snap_open(&s, argv[1], NULL, &err), &err);
	check(snap_stream_open(&in, fd, NULL, &err), &err);
	check(snap_writer_create(&out, argv[2], &options, &err), &err);
	for (;;) {
		check(snap_stream_next(in, &item, &err), &err);
		if (item.type == SNAP_ITEM_END)
			break;
		if (item.type == SNAP_ITEM_RECORD) {
			uint8_t head[PSNAP_REC_LEN];
			uint8_t *both = malloc(PSNAP_REC_LEN + item.payload_len);

			psnap_put16(head + PSNAP_REC_OFF_KIND, (uint16_t)item.kind);
			head[PSNAP_REC_OFF_REVISION] = item.revision;
			head[PSNAP_REC_OFF_CRITICAL] = item.critical;
			psnap_put32(head + PSNAP_REC_OFF_LEN, item.payload_len);
			psnap_put64(head + PSNAP_REC_OFF_ID, item.id);
			memcpy(both, head, sizeof head);
			memcpy(both + sizeof head, item.payload, item.payload_len);
			check(snap_writer_records(out, both, sizeof head + item.payload_len, &err), &err);
			free(both);
		} else if (item.pages == NULL) {
			check(snap_writer_zero(out, item.run.owner, item.run.first, item.run.count, &err), &err);
		} else {
			for (uint64_t i = 0; i < item.run.count; i++) {
				uint8_t page[4096];

				memcpy(page, item.pages + i * 4096, 4096);
				if (is_last(item.run.owner, item.run.first + i))
					page[4095] ^= 1;
				check(snap_writer_pages(out, item.run.owner, item.run.first + i, page, 1, &err), &err);
			}
		}
	}
	check(snap_writer_finish(out, NULL, &err), &err);
	snap_writer_free(out);
	snap_stream_close(in);
	snap_close(s);
	close(fd);
	return 0;
}
