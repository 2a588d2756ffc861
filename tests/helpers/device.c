/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What /dev/psnap promises, beside what is in its records:
 *
 *	device hostile		arguments of every wrong kind are refused
 *	device alike PID	read and mapped bytes are the same, opens are independent
 *	device limited PID...	a collection above the module's limit is refused, smaller ones are not
 *	device refused|allowed	to open it
 *	device hold		has it open, with a collection, until it is killed
 *
 * Prints a line for each thing that is not so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux-module/psnap_device.h"
#include "kernel-glue/records/records.h"

static int failed;

static void
expect(bool so, const char *what)
{
	if (!so) {
		printf("not so: %s (%s)\n", what, strerror(errno));
		failed = 1;
	}
}

static int
open_device(void)
{
	int fd = open(PSNAP_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0) {
		perror(PSNAP_DEVICE);
		exit(2);
	}
	return fd;
}

static int
collect(int fd, const void *pids, uint32_t count, uint32_t flags, uint32_t reserved, struct psnap_collect *a)
{
	*a = (struct psnap_collect){ .pids = (uintptr_t)pids, .count = count, .flags = flags, .reserved = reserved };
	return ioctl(fd, PSNAP_COLLECT, a) == 0 ? 0 : errno;
}

/* A page nobody may touch, and what the kernel never gives to programs. */
static const void *
nowhere(int which)
{
	static void *page;

	if (page == NULL)
		page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return which == 0 ? NULL : which == 1 ? page : (const void *)(uintptr_t)-8192;
}

static void
hostile(void)
{
	static int32_t many[PSNAP_COLLECT_MAX + 1];
	int32_t self = getpid(), strange[] = { getpid(), 0, -1, INT32_MAX, 2 /* kthreadd */ };
	struct psnap_collect a;
	int fd = open_device();
	char byte;

	expect(read(fd, &byte, 1) == 0, "nothing to read before a collection");
	expect(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED && errno == ENODATA, "or to map");
	expect(ioctl(fd, PSNAP_COLLECT + 1, &a) < 0 && errno == ENOTTY, "another ioctl");
	for (int i = 0; i < 3; i++) {
		expect(ioctl(fd, PSNAP_COLLECT, nowhere(i)) < 0 && errno == EFAULT, "argument nowhere");
		expect(collect(fd, nowhere(i), 1, 0, 0, &a) == EFAULT, "pids nowhere");
	}
	expect(collect(fd, &self, 0, 0, 0, &a) == EINVAL, "no pids");
	expect(collect(fd, many, PSNAP_COLLECT_MAX + 1, 0, 0, &a) == EINVAL, "too many pids");
	expect(collect(fd, many, UINT32_MAX, 0, 0, &a) == EINVAL, "far too many pids");
	expect(collect(fd, &self, 1, PSNAP_MAPPINGS << 1, 0, &a) == EINVAL, "a flag");
	expect(collect(fd, &self, 1, 0, 1, &a) == EINVAL, "a reserved field");
	for (uint32_t i = 1; i < 5; i++) {
		int32_t two[] = { self, strange[i] };

		expect(collect(fd, two, 2, 0, 0, &a) == ESRCH && a.missing == 1, "one that there is not");
	}
	expect(read(fd, &byte, 1) == 0, "nothing to read after what failed");

	expect(collect(fd, &self, 1, 0, 0, &a) == 0 && a.bytes > 0, "a good one after all that");
	expect(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM,
	    "mapped to be written");
	expect(mmap(NULL, (size_t)1 << 30, PROT_READ, MAP_SHARED, fd, 0) == MAP_FAILED, "mapped beyond its end");
	expect(read(fd, (void *)(uintptr_t)nowhere(1), 1) < 0 && errno == EFAULT, "read to nowhere");
	expect(lseek(fd, INT32_MAX, SEEK_SET) == INT32_MAX && read(fd, &byte, 1) == 0, "read beyond its end");
	expect(write(fd, "x", 1) < 0, "written");
	close(fd);
}

/* Identity of the address space in the record of the only process. */
static uint64_t
identity(const char *bytes, size_t n)
{
	for (size_t at = 0; at < n; at += ((const struct rec_header *)(const void *)(bytes + at))->size) {
		const struct rec_process *p = (const void *)(bytes + at);

		if (p->h.kind == REC_PROCESS)
			return p->mm;
	}
	return 0;
}

static void
alike(int32_t pid)
{
	int fd = open_device(), other = open_device();
	struct psnap_collect a, b;
	char *mapped, *copy;
	uint64_t first;

	expect(collect(fd, &pid, 1, PSNAP_MAPPINGS, 0, &a) == 0 && a.bytes > 0, "collected");
	mapped = mmap(NULL, (size_t)a.bytes, PROT_READ, MAP_SHARED, fd, 0);
	copy = malloc((size_t)a.bytes);
	if (mapped == MAP_FAILED || copy == NULL || pread(fd, copy, (size_t)a.bytes, 0) != (ssize_t)a.bytes) {
		expect(false, "mapped and read");
		return;
	}
	expect(memcmp(mapped, copy, (size_t)a.bytes) == 0, "the same read and mapped");
	expect(mprotect(mapped, 4096, PROT_READ | PROT_WRITE) < 0, "and never to be written");
	first = identity(copy, (size_t)a.bytes);

	expect(collect(other, &pid, 1, PSNAP_MAPPINGS, 0, &b) == 0 && b.bytes == a.bytes, "the same length for another open");
	expect(pread(other, copy, (size_t)b.bytes, 0) == (ssize_t)b.bytes && first != 0 &&
	    identity(copy, (size_t)b.bytes) != first, "which has other identities");
	expect(collect(fd, &pid, 1, PSNAP_MAPPINGS, 0, &a) == 0 && pread(fd, copy, (size_t)a.bytes, 0) == (ssize_t)a.bytes &&
	    identity(copy, (size_t)a.bytes) == first, "the first open has the same again");

	/* what is mapped outlives its collection and its descriptor */
	close(fd);
	expect(identity(mapped, (size_t)a.bytes) == first, "mapped bytes stay");
	expect(pread(other, copy, 16, 0) == 16, "the other open is not touched");
	close(other);
	free(copy);
}

static void
limited(char **words, uint32_t count)
{
	int32_t *pids = calloc(count, sizeof *pids);
	struct psnap_collect a;
	int fd = open_device();

	for (uint32_t i = 0; i < count; i++)
		pids[i] = atoi(words[i]);
	expect(collect(fd, pids, count, PSNAP_MAPPINGS, 0, &a) == ENOSPC, "all of them");
	expect(collect(fd, pids, 1, 0, 0, &a) == 0 && a.bytes > 0, "one of them");
	close(fd);
	free(pids);
}

static void
may_open(bool may)
{
	int fd = open(PSNAP_DEVICE, O_RDONLY);
	struct stat st;

	expect(may ? fd >= 0 : fd < 0 && errno == EPERM, may ? "opened" : "opening is not permitted");
	expect(stat(PSNAP_DEVICE, &st) == 0 && (st.st_mode & 0777) == 0600 && st.st_uid == 0, "it is root's");
}

static void
hold(void)
{
	int32_t self = getpid();
	struct psnap_collect a;

	expect(collect(open_device(), &self, 1, 0, 0, &a) == 0, "collected");
	puts("held");
	fflush(stdout);
	pause();
}

int
main(int argc, char **argv)
{
	const char *verb = argc > 1 ? argv[1] : "";

	if (strcmp(verb, "hostile") == 0)
		hostile();
	else if (strcmp(verb, "alike") == 0 && argc == 3)
		alike(atoi(argv[2]));
	else if (strcmp(verb, "limited") == 0 && argc > 3)
		limited(argv + 2, (uint32_t)argc - 2);
	else if (strcmp(verb, "refused") == 0 || strcmp(verb, "allowed") == 0)
		may_open(strcmp(verb, "allowed") == 0);
	else if (strcmp(verb, "hold") == 0)
		hold();
	else
		return 2;
	return failed;
}
