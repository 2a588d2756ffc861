/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Writes the world of tests/libsnap/world.h.
 *
 *	world FILE [i386|all-i386|reversed|refused|wide|ipc]
 *
 *	i386		its root process is an i386 one
 *	all-i386	all are, and the root is in two signal handlers
 *	reversed	with a mapping that ends before it starts
 *	refused		with a record that only a newer reader understands
 *	wide		with a signal blocked for which version 1 has no place
 *	ipc		with System V IPC, a network stack and mounts, for which no version
 *			before 2.1 has a place
 *
 *	world FOLDER seeds
 *
 * writes the seeds of the fuzz targets into FOLDER/reader_fuzz and so on.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "tests/fuzz/seeds.h"

static int
write_seed(const char *folder, const char *target, size_t n, const uint8_t *bytes, size_t len)
{
	char path[4096];
	FILE *f;

	mkdir(folder, 0777);
	snprintf(path, sizeof path, "%s/%s", folder, target);
	mkdir(path, 0777);
	snprintf(path, sizeof path, "%s/%s/seed-%03u", folder, target, (unsigned)n);
	if ((f = fopen(path, "wb")) == NULL || fwrite(bytes, 1, len, f) != len || fclose(f) != 0) {
		perror(path);
		return 1;
	}
	return 0;
}

static int
write_seeds(const char *folder)
{
	static struct world w;
	static uint8_t bytes[SEED_MAX];
	struct snap_error err;
	size_t n;
	int r = 0;

	for (size_t i386 = 0; i386 < 2; i386++) {
		FILE *f = tmpfile();

		world_init(&w);
		if (i386)
			world_i386(&w);
		else
			world_ipc(&w);
		if (f == NULL || world_write(&w, fileno(f), &err) != 0)
			return 1;
		rewind(f);
		n = fread(bytes, 1, sizeof bytes, f);
		fclose(f);
		r |= write_seed(folder, "reader_fuzz", i386, bytes, n);
		n = seed_validate(&w, FUZZ_BOTH, bytes);
		r |= write_seed(folder, "validate_fuzz", i386, bytes, n);
	}
	for (size_t i = 0; (n = seed_convert(&w, i, bytes)) > 0; i++)
		r |= write_seed(folder, "convert_fuzz", i, bytes, n);
	for (size_t i = 0; (n = seed_restore(&w, i, bytes)) > 0; i++)
		r |= write_seed(folder, "restore_fuzz", i, bytes, n);
	for (size_t i = 0; (n = seed_filter(i, bytes)) > 0; i++)
		r |= write_seed(folder, "filter_fuzz", i, bytes, n);
	world_init(&w);
	world_ipc(&w);
	for (size_t i = 0; (n = seed_unpack(&w, i, bytes)) > 0; i++)
		r |= write_seed(folder, "unpack_fuzz", i, bytes, n);
	return r;
}

int
main(int argc, char **argv)
{
	static struct world w;
	struct snap_error err;
	const char *how = argc > 2 ? argv[2] : "";
	int fd;

	if (argc > 2 && strcmp(how, "seeds") == 0)
		return write_seeds(argv[1]);
	fd = argc > 1 ? open(argv[1], O_WRONLY | O_CREAT | O_TRUNC, 0600) : -1;

	if (fd < 0) {
		perror("world");
		return 2;
	}
	world_init(&w);
	if (strcmp(how, "i386") == 0)
		world_i386(&w);
	if (strcmp(how, "all-i386") == 0) {
		world_all_i386(&w);
		/* one of them in two pages of the heap */
		world_context(w.pages + 3 * WORLD_PAGE - 1000, PSNAP_ABI_AMD64);
		world_context(w.pages + 2 * WORLD_PAGE - 40, PSNAP_ABI_AMD64);
	}
	if (strcmp(how, "reversed") == 0)
		w.heap.end = w.heap.start - WORLD_PAGE;
	if (strcmp(how, "refused") == 0) {
		world_add(&w, FREE_ID, 79, &w.cgroup.base);
		w.major = 2;
		w.minor = 1;
	}
	if (strcmp(how, "wide") == 0) {
		world_blocked(&w, "\1\0\0\0\0\0\0\0\2", 9);	/* HUP and INFO */
		w.major = 2;
	}
	if (strcmp(how, "ipc") == 0)
		world_ipc(&w);
	if (world_write(&w, fd, &err) != 0 || close(fd) != 0) {
		fprintf(stderr, "world: %s\n", err.msg);
		return 1;
	}
	return 0;
}
