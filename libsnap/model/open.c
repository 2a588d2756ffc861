/* SPDX-License-Identifier: BSD-2-Clause */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "libsnap/core/error.h"
#include "libsnap/model/model.h"

/* own_fd: fd is closed with the snapshot, and on failure. */
static int
open_common(struct snap **sp, int fd, bool own_fd, const struct snap_limits *limits,
    struct snap_error *err)
{
	struct snap *s;
	int r;

	*sp = NULL;
	if ((s = calloc(1, sizeof *s)) == NULL) {
		if (own_fd)
			close(fd);
		return error_nomem(err);
	}
	if ((r = container_open(&s->container, fd, own_fd, limits, err)) != 0) {
		free(s);
		return r;
	}
	if ((r = model_build(s, err)) != 0) {
		snap_close(s);
		return r;
	}
	*sp = s;
	return 0;
}

int
snap_open_fd(struct snap **sp, int fd, const struct snap_limits *limits, struct snap_error *err)
{
	return open_common(sp, fd, false, limits, err);
}

int
snap_open(struct snap **sp, const char *path, const struct snap_limits *limits, struct snap_error *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	*sp = NULL;
	if (fd < 0)
		return error_io(err, 0, "opening the snapshot");
	return open_common(sp, fd, true, limits, err);
}

void
snap_close(struct snap *s)
{
	if (s == NULL)
		return;
	model_free(s);
	container_close(s->container);
	free(s);
}

void
snap_get_summary(const struct snap *s, struct snap_summary *summary)
{
	container_summary(s->container, summary);
}

int
snap_next_run(struct snap *s, struct snap_run *run, uint64_t last, struct snap_error *err)
{
	return container_next_run(s->container, run, last, err);
}

int
snap_read_memory(struct snap *s, uint64_t owner, uint64_t addr, void *buf, size_t len, size_t *done,
    struct snap_error *err)
{
	return container_read(s->container, owner, addr, buf, len, done, err);
}

int
snap_verify(struct snap *s, snap_finding_fn *fn, void *ctx, struct snap_error *err)
{
	return container_verify(s->container, fn, ctx, err);
}
