/* SPDX-License-Identifier: BSD-2-Clause */
/*
 *	revdso IN OUT
 *
 * The same snapshot as if another kernel had written it: one byte of every
 * vdso is another, past what any code or table of it uses.
 */
#include "format/memory.pb-c.h"
#include "format/psnap_fields.h"
#include "tests/helpers/copy.h"

static struct snap *s;

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

static void
change_vdso(uint64_t owner, uint64_t number, uint8_t *page)
{
	if (is_last(owner, number))
		page[4095] ^= 1;
}

int
main(int argc, char **argv)
{
	const struct change change = { .page = change_vdso };
	struct snap_error err;

	if (argc != 3)
		return 2;
	check(snap_open(&s, argv[1], NULL, &err), &err);
	copy_snapshot(argv[1], argv[2], &change);
	snap_close(s);
	return 0;
}
