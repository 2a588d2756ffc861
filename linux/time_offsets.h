/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The offsets of a time namespace's clocks to those of the first namespace
 * (time_namespaces(7)): of the namespace a process makes its children in.
 */
#ifndef LINUX_TIME_OFFSETS_H
#define LINUX_TIME_OFFSETS_H

#include <stdint.h>

struct time_offsets {
	int64_t	monotonic_ns, boottime_ns;
};

/* Beyond these the kernel takes none (ERANGE). */
#define TIME_OFFSET_MAX	(INT64_MAX / 2)

#define TIME_OFFSETS_OWN	"/proc/self/timens_offsets"

/* Of a timens_offsets file, path below folder dir.  0, or an errno; EPROTO: it tells something else. */
int	time_offsets_read(int dir, const char *path, struct time_offsets *o);
/* Of the caller's namespace for children, while nobody is in it.  0, or an errno. */
int	time_offsets_write(const struct time_offsets *o);

#endif
