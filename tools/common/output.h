/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_COMMON_OUTPUT_H
#define TOOLS_COMMON_OUTPUT_H

#include "libsnap/snap.h"

/*
 * A file that appears whole at path with output_done(), or not at all, not
 * even if we are interrupted; "-" is standard output.  Mode 0600.  Each prints
 * its own message and returns -1.
 */
struct output_file {
	int		fd;
	const char	*path;
	struct snap_output *out;	/* NULL: standard output */
};
int	output_open(struct output_file *o, const char *path);
int	output_done(struct output_file *o);
void	output_drop(struct output_file *o);

#endif
