/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Formats a snapshot can be written in: a folder or file each, one line in export.c.
 * The graph was decoded, not validated: an exporter guards every reference.
 */
#ifndef LIBSNAP_EXPORT_EXPORT_H
#define LIBSNAP_EXPORT_EXPORT_H

#include "libsnap/snap.h"

struct exporter {
	struct snap_format format;
	int	(*write)(struct snap *s, const struct snap_export_options *options, int fd,
		    struct snap_error *err);
};

extern const struct exporter export_core;
extern const struct exporter export_psnap;

#endif
