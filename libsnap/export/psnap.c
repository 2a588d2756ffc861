/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A snapshot as a snapshot: the conversion without a change but what the
 * options ask for.
 */
#include "libsnap/export/export.h"

static int
psnap_write(struct snap *s, const struct snap_export_options *options, int fd, struct snap_error *err)
{
	struct snap_convert_options wanted = { .raw = options->raw != 0, .level = options->level };

	return snap_convert(s, &wanted, NULL, NULL, fd, err);
}

const struct exporter export_psnap = {
	.format = { "psnap", "PSNAP 1.0, 1.1 or 2.0: psnap:VERSION", true, true },
	.write = psnap_write,
};
