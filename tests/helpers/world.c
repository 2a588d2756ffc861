/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the world of tests/libsnap/world.h.
 *
 *	world FILE [i386|reversed|refused]
 *
 *	i386		its root process is an i386 one
 *	reversed	with a mapping that ends before it starts
 *	refused		with a record that only a newer reader understands
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/libsnap/world.h"

int
main(int argc, char **argv)
{
	static struct world w;
	struct snap_error err;
	const char *how = argc > 2 ? argv[2] : "";
	int fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

	if (fd < 0) {
		perror("world");
		return 2;
	}
	world_init(&w);
	if (strcmp(how, "i386") == 0)
		world_i386(&w);
	if (strcmp(how, "reversed") == 0)
		w.heap.end = w.heap.start - WORLD_PAGE;
	if (strcmp(how, "refused") == 0)
		world_add(&w, FREE_ID, 79, &w.cgroup.base);
	if (world_write(&w, fd, &err) != 0 || close(fd) != 0) {
		fprintf(stderr, "world: %s\n", err.msg);
		return 1;
	}
	return 0;
}
