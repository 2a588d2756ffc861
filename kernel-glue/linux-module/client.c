/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel-glue/linux-module/client.h"
#include "kernel-glue/linux-module/psnap_device.h"

/* Processes at a time: a few MiB of records, which any kernel has room for. */
#define BATCH	256

static int
read_all(int fd, struct rec_table *t, uint64_t bytes)
{
	uint64_t at = 0;

	while (at < bytes) {
		size_t left = bytes - at < SIZE_MAX / 4 ? (size_t)(bytes - at) : 0;
		void *room = left > 0 ? rec_table_room(t, left) : NULL;
		ssize_t n;

		if (room == NULL)
			return -ENOMEM;
		n = pread(fd, room, left, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		rec_table_added(t, (size_t)n);
		at += (uint64_t)n;
	}
	return 0;
}

/* Fewer at a time if the kernel has no room for the records of so many. */
static int
collect_batch(int fd, struct rec_table *t, const int32_t *pids, size_t *count, bool mappings)
{
	for (;;) {
		struct psnap_collect a = { .pids = (uintptr_t)pids, .count = (uint32_t)*count,
		    .flags = mappings ? PSNAP_MAPPINGS : 0 };

		if (ioctl(fd, PSNAP_COLLECT, &a) == 0)
			return read_all(fd, t, a.bytes);
		if (errno == EINTR)
			continue;
		if ((errno != ENOSPC && errno != ENOMEM) || *count == 1)
			return -errno;
		*count /= 2;
	}
}

int
module_open(void)
{
	int fd = open(PSNAP_DEVICE, O_RDONLY | O_CLOEXEC);

	return fd >= 0 ? fd : -errno;
}

int
module_collect(int fd, struct rec_table *t, const int32_t *pids, size_t count, bool mappings)
{
	size_t batch = BATCH;
	int r = 0;

	for (size_t at = 0; r == 0 && at < count; at += batch) {
		if (batch > count - at)
			batch = count - at;
		r = collect_batch(fd, t, pids + at, &batch, mappings);
	}
	return r;
}
