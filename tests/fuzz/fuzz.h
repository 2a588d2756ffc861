/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the fuzz targets share.  Each takes bytes and must not crash, hang or
 * leak, whatever they are; a contradiction between two answers ends in abort().
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/snap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An empty file without a name, the same one of three each time. */
static inline int
fuzz_file_at(unsigned n)
{
	static FILE *files[3];

	if (files[n] == NULL && (files[n] = tmpfile()) == NULL)
		abort();
	if (ftruncate(fileno(files[n]), 0) != 0 || lseek(fileno(files[n]), 0, SEEK_SET) != 0)
		abort();
	return fileno(files[n]);
}

static inline int
fuzz_file(void)
{
	return fuzz_file_at(0);
}

/* So that no input costs more than a moment. */
static const struct snap_limits fuzz_limits = {
	.max_objects = 100000, .max_meta_bytes = 64 << 20, .max_index_bytes = 16 << 20,
};

#endif
