/* SPDX-License-Identifier: BSD-2-Clause */
#ifdef __linux__
#define _GNU_SOURCE	/* copy_file_range(2) */
#endif
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

#define COPY_BUFFER	65536

/* As far as it goes; what is left is for read and write, which tell what is wrong. */
static void
copy_inside(int to, int from, uint64_t offset, uint64_t n, uint64_t *done)
{
#ifdef __linux__
	while (*done < n) {
		off_t at = (off_t)(offset + *done);
		uint64_t left = n - *done;
		ssize_t k = copy_file_range(from, &at, to, NULL, left < INT32_MAX ? (size_t)left : INT32_MAX, 0);

		if (k <= 0)
			return;
		*done += (uint64_t)k;
	}
#else
	(void)to, (void)from, (void)offset, (void)n, (void)done;
#endif
}

int
io_copy(int to, int from, uint64_t offset, uint64_t n, uint64_t *done)
{
	unsigned char buf[COPY_BUFFER];
	size_t got;

	*done = 0;
	copy_inside(to, from, offset, n, done);
	while (*done < n) {
		size_t want = n - *done < sizeof buf ? (size_t)(n - *done) : sizeof buf;

		if (io_pread(from, buf, want, offset + *done, &got) != 0)
			return -1;
		if (got == 0)
			return 0;
		if (io_write(to, buf, got) != 0)
			return -1;
		*done += got;
	}
	return 0;
}
