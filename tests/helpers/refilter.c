/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	refilter IN OUT TEXT
 *
 * The same snapshot, in which every rule of its filters is TEXT, as somebody
 * may edit it.
 */
#include "format/filter.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

static char *text;

/* The rule's own is put back, for it is to be freed. */
static bool
change_record(struct snap_writer *out, const struct snap_stream_item *item)
{
	Psnap__FilterRule *r;
	struct snap_error err;
	char *had;

	if (item->kind != PSNAP_KIND_FILTER_RULE)
		return false;
	r = psnap__filter_rule__unpack(NULL, item->payload_len, item->payload);
	had = r->expressions;
	r->expressions = text;
	check(snap_writer_message(out, item->kind, item->id, item->critical, &r->base, &err), &err);
	r->expressions = had;
	psnap__filter_rule__free_unpacked(r, NULL);
	return true;
}

int
main(int argc, char **argv)
{
	const struct change change = { .record = change_record };

	if (argc != 4)
		return 2;
	text = argv[3];
	copy_snapshot(argv[1], argv[2], &change);
	return 0;
}
