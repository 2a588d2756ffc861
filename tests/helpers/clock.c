/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * clock FILE: write to it, again and again, the host's name, CLOCK_MONOTONIC
 * in seconds, and the longest time by that clock between two looks at it.
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static double
seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int
write_line(const char *path, const char *name, double now, double longest)
{
	char text[256];
	int n = snprintf(text, sizeof text, "%s %.0f %.0f\n", name, now, longest);
	int fd = open(path, O_WRONLY | O_CREAT, 0644), r = fd >= 0 && write(fd, text, (size_t)n) == n ? 0 : -1;

	if (fd >= 0)
		close(fd);
	return r;
}

int
main(int argc, char **argv)
{
	const struct timespec interval = { 0, 20000000 };
	double last = seconds(), longest = 0;
	struct utsname u;

	while (argc == 2 && uname(&u) == 0) {
		double now = seconds(), since = now > last ? now - last : last - now;

		longest = since > longest ? since : longest;
		last = now;
		if (write_line(argv[1], u.nodename, now, longest) != 0)
			return 1;
		nanosleep(&interval, NULL);
	}
	return 2;
}
