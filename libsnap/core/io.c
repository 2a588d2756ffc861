/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <unistd.h>

#include "libsnap/core/io.h"

int
io_write(int fd, const void *p, size_t n)
{
	const unsigned char *at = p;

	while (n > 0) {
		ssize_t k = write(fd, at, n);

		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		at += k;
		n -= (size_t)k;
	}
	return 0;
}

int
io_pread(int fd, void *p, size_t n, uint64_t offset, size_t *got)
{
	unsigned char *at = p;

	*got = 0;
	while (*got < n) {
		ssize_t k = pread(fd, at + *got, n - *got, (off_t)(offset + *got));

		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}

int
io_read(int fd, void *p, size_t n, size_t *got)
{
	unsigned char *at = p;

	*got = 0;
	while (*got < n) {
		ssize_t k = read(fd, at + *got, n - *got);

		if (k < 0) {
			if (errno == EINTR)
				continue;
			return -1;
		}
		if (k == 0)
			break;
		*got += (size_t)k;
	}
	return 0;
}
