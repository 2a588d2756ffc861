/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "linux/time_offsets.h"

#define SECOND	INT64_C(1000000000)

static bool
is_in_range(int64_t seconds, int64_t ns)
{
	return seconds >= -TIME_OFFSET_MAX / SECOND && seconds < TIME_OFFSET_MAX / SECOND && ns >= 0 && ns < SECOND;
}

/* A line for each clock: its name, seconds, and nanoseconds from there on. */
static int
parse(FILE *f, struct time_offsets *o)
{
	int64_t seconds, ns;
	int found = 0;
	char clock[16];

	while (fscanf(f, "%15s %" SCNd64 " %" SCNd64, clock, &seconds, &ns) == 3) {
		int64_t *offset = strcmp(clock, "monotonic") == 0 ? &o->monotonic_ns :
		    strcmp(clock, "boottime") == 0 ? &o->boottime_ns : NULL;

		if (offset == NULL || !is_in_range(seconds, ns))
			continue;
		*offset = seconds * SECOND + ns;
		found++;
	}
	return found == 2 ? 0 : EPROTO;
}

int
time_offsets_read(int dir, const char *path, struct time_offsets *o)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), e;
	FILE *f = fd >= 0 ? fdopen(fd, "r") : NULL;

	if (f == NULL) {
		e = errno;
		if (fd >= 0)
			close(fd);
		return e;
	}
	e = parse(f, o);
	fclose(f);
	return e;
}

static int
write_line(int fd, const char *clock, int64_t offset)
{
	int64_t ns = (offset % SECOND + SECOND) % SECOND;
	char line[64];
	int n = snprintf(line, sizeof line, "%s %" PRId64 " %" PRId64 "\n", clock, (offset - ns) / SECOND, ns);

	return write(fd, line, (size_t)n) == n ? 0 : errno;
}

int
time_offsets_write(const struct time_offsets *o)
{
	int fd, e;

	if (o->monotonic_ns > TIME_OFFSET_MAX || o->monotonic_ns < -TIME_OFFSET_MAX ||
	    o->boottime_ns > TIME_OFFSET_MAX || o->boottime_ns < -TIME_OFFSET_MAX)
		return ERANGE;
	if ((fd = open(TIME_OFFSETS_OWN, O_WRONLY | O_CLOEXEC)) < 0)
		return errno;
	if ((e = write_line(fd, "monotonic", o->monotonic_ns)) == 0)
		e = write_line(fd, "boottime", o->boottime_ns);
	close(fd);
	return e;
}
