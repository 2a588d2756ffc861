/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LINUX_SYSV_MEMORY_H
#define LINUX_SYSV_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

/*
 * A descriptor on the memory of a System V segment of size bytes, in the IPC
 * namespace we are in; the attachment that it takes to get it is gone by then.
 * -1 fails as errno says: of shmat(2), or ENOENT for one of huge pages.
 */
int	sysv_memory_open(int id, uint64_t size, bool write);

#endif
