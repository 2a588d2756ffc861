/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that appears whole under its name, or not at all.
 */
#ifndef LIBSNAP_CONTAINER_OUTPUT_H
#define LIBSNAP_CONTAINER_OUTPUT_H

#include "libsnap/snap.h"

struct output {
	int	fd;		/* -1: none */
	char	*path;		/* NULL: fd is the caller's, and there is nothing to commit */
	char	*temp;		/* name it has meanwhile, NULL: unnamed */
};

/* Start a file that will become path; mode 0600. */
int	output_create(struct output *o, const char *path, struct snap_error *err);

/* Make it durable and give it its name, replacing what was there. */
int	output_commit(struct output *o, struct snap_error *err);

/* Forget it unless committed; releases o in any case. */
void	output_abandon(struct output *o);

#endif
