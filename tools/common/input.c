/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/input.h"
#include "tools/common/report.h"

/* Copy fd to a file without a name; its descriptor, or -1. */
static int
spool(int fd)
{
	static char buf[1 << 16];
	FILE *f = tmpfile();
	ssize_t n;
	int copy;

	if (f == NULL)
		return -1;
	while ((n = read(fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 || fwrite(buf, 1, (size_t)n, f) != (size_t)n) {
			fclose(f);
			return -1;
		}
	}
	copy = fflush(f) == 0 ? dup(fileno(f)) : -1;
	fclose(f);
	return copy;
}

struct snap *
input_open(const char *path)
{
	struct snap_error err;
	struct snap *s = NULL;
	int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0 && lseek(fd, 0, SEEK_CUR) < 0 && errno == ESPIPE) {
		int copy = spool(fd);

		close(fd);
		fd = copy;
	}
	if (fd < 0) {
		report("%s: %s", path, strerror(errno));
		return NULL;
	}
	/* the descriptor lives as long as the tool */
	if (snap_open_fd(&s, fd, NULL, &err) != 0) {
		report_error(path, NULL, &err);
		close(fd);
	}
	return s;
}
