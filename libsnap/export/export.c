/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/export/export.h"

/* By name. */
static const struct exporter *const exporters[] = {
	&export_core,
	&export_psnap,
};
#define NEXPORTERS (sizeof exporters / sizeof *exporters)

const struct snap_format *
snap_get_format(size_t n)
{
	return n < NEXPORTERS ? &exporters[n]->format : NULL;
}

int
snap_export(struct snap *s, const char *format, const struct snap_export_options *options, int fd,
    struct snap_error *err)
{
	static const struct snap_export_options defaults;

	if (options == NULL)
		options = &defaults;
	for (size_t i = 0; i < sizeof options->reserved / sizeof *options->reserved; i++)
		if (options->reserved[i] != 0)
			return error_misuse(err, "export options: reserved members must be zero");
	for (size_t i = 0; i < NEXPORTERS; i++)
		if (strcmp(exporters[i]->format.name, format) == 0)
			return exporters[i]->write(s, options, fd, err);
	return error_set(err, SNAP_E_NOT_FOUND, "", 0, "no format '%s' to write", format);
}
