/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A file that appears whole under its name, or not at all.
 */
#ifndef LIBSNAP_CONTAINER_OUTPUT_H
#define LIBSNAP_CONTAINER_OUTPUT_H

#include "libsnap/snap.h"

struct output {
	int	fd;		/* -1: none */
	int	dir;		/* folder of name; -1: fd is the caller's, nothing to commit */
	char	*path;		/* as given, for messages */
	const char *name;	/* its last part */
	char	temp[48];	/* name it has meanwhile, "": unnamed */
	bool	replace;	/* what is at path may be replaced */
};

/* Nothing yet; output_fini() is fine. */
void	output_init(struct output *o);

/* Write to fd, which stays the caller's. */
void	output_borrow(struct output *o, int fd);

/* Start a file that will become path; mode 0600. SNAP_E_REFUSED: path is a device, pipe or socket. */
int	output_create(struct output *o, const char *path, struct snap_error *err);

/* The same in the folder dir, which becomes o's, of a file that replaces nothing: SNAP_E_IO, EEXIST when committed. */
int	output_create_new(struct output *o, int dir, const char *path, struct snap_error *err);

/* Make it durable and give it its name, replacing what was there. */
int	output_commit(struct output *o, struct snap_error *err);

/* Release o; a file that was not committed is gone. */
void	output_fini(struct output *o);

#endif
