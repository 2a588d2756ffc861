/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_CORE_IO_H
#define LIBSNAP_CORE_IO_H

#include <stddef.h>
#include <stdint.h>

/* All n bytes, whatever EINTR and short transfers do; 0, or -1 with errno. */
int	io_write(int fd, const void *p, size_t n);

/* Up to n bytes, fewer only at the end of the file; *got says how many. 0, or -1 with errno. */
int	io_pread(int fd, void *p, size_t n, uint64_t offset, size_t *got);
int	io_read(int fd, void *p, size_t n, size_t *got);

/*
 * n bytes at offset of `from` to where `to` is, inside the kernel if it can;
 * *done says how many, fewer at the end of `from`. 0, or -1 with errno.
 */
int	io_copy(int to, int from, uint64_t offset, uint64_t n, uint64_t *done);

#endif
