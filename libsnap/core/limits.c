/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/core/limits.h"

int
limits_resolve(struct snap_limits *out, const struct snap_limits *given, struct snap_error *err)
{
	memset(out, 0, sizeof *out);
	if (given != NULL)
		*out = *given;
	for (size_t i = 0; i < sizeof out->reserved / sizeof out->reserved[0]; i++)
		if (out->reserved[i] != 0)
			return error_misuse(err, "limits: reserved members must be zero");
	if (out->max_objects == 0)
		out->max_objects = UINT64_C(1) << 24;
	if (out->max_meta_bytes == 0)
		out->max_meta_bytes = UINT64_C(1) << 30;
	if (out->max_index_bytes == 0)
		out->max_index_bytes = UINT64_C(1) << 30;
	return 0;
}

const char *
snap_version(void)
{
	return SNAP_VERSION;
}
