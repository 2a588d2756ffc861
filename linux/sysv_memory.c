/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/shm.h>

#include "linux/sysv_memory.h"

#define PAGE	4096u	/* x86 */

int
sysv_memory_open(int id, uint64_t size, bool write)
{
	uintptr_t at = (uintptr_t)shmat(id, NULL, write ? 0 : SHM_RDONLY), end;
	char path[64];
	int fd, e;

	if (at == (uintptr_t)-1)
		return -1;
	end = at + (uintptr_t)((size + PAGE - 1) & ~(uint64_t)(PAGE - 1));
	snprintf(path, sizeof path, "/proc/self/map_files/%lx-%lx", (unsigned long)at, (unsigned long)end);
	fd = open(path, (write ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	e = errno;
	shmdt((void *)at);
	errno = e;
	return fd;
}
