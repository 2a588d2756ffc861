/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and FIFOs: what is unread is copied with tee(2), which consumes
 * nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"

static int
copy_unread(struct dump *d, struct proc *p, struct pipe_object *pipe, int from)
{
	int own[2], n = 0, r = 0;
	ssize_t got = 0;

	if (ioctl(from, FIONREAD, &n) != 0 || n <= 0)
		return 0;
	if (pipe2(own, O_CLOEXEC | O_NONBLOCK) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, "making a pipe");
	/* as many slots as the original, or tee() would stop short */
	if (fcntl(own[1], F_SETPIPE_SZ, (int)pipe->capacity) < 0)
		dump_note(d, "a large pipe may be held in part: pipe-max-size");
	if ((pipe->data = dump_alloc(d, (size_t)n)) == NULL) {
		r = dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		goto out;
	}
	got = tee(from, own[1], (size_t)n, SPLICE_F_NONBLOCK);
	while (got > 0 && pipe->len < (size_t)got) {
		ssize_t k = read(own[0], pipe->data + pipe->len, (size_t)got - pipe->len);

		if (k <= 0)
			break;
		pipe->len += (size_t)k;
	}
	if (pipe->len != (size_t)n)
		r = dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, pipe->any->fd, pipe->id, "pipe-data",
		    "%d bytes wait in the pipe, %zu could be read", n, pipe->len);
out:
	close(own[0]);
	close(own[1]);
	return r;
}

static struct pipe_object *
pipe_intern(struct dump *d, const struct stat *st)
{
	struct pipe_object *pipe;
	size_t at = 0;

	/* a FIFO may have the number of a pipe */
	while ((pipe = index_next(&d->pipes_by_inode, st->st_ino, &at)) != NULL)
		if (pipe->dev == st->st_dev)
			return pipe;
	if ((pipe = dump_alloc(d, sizeof *pipe)) == NULL || list_add(d, &d->pipes, pipe) != 0 ||
	    index_add(d, &d->pipes_by_inode, st->st_ino, pipe) != 0)
		return NULL;
	pipe->id = dump_new_id(d);
	pipe->ino = st->st_ino;
	pipe->dev = st->st_dev;
	return pipe;
}

int
pipe_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	struct pipe_object *pipe = pipe_intern(d, &o->st);
	unsigned mode = o->flags & O_ACCMODE;
	bool known;
	int from = local, capacity, r = 0;
	char self[40];

	if (pipe == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	o->what = FD_PIPE;
	o->on.pipe = pipe;
	known = pipe->any != NULL;
	pipe->any = o;
	pipe->read_end |= mode != O_WRONLY;
	pipe->write_end |= mode != O_RDONLY;
	pipe->packet_mode |= mode != O_RDONLY && o->flags & O_DIRECT;
	if (strncmp(o->link, "pipe:", 5) != 0 &&
	    (pipe->fifo = file_intern(d, p, local, o->link)) == NULL)
		return d->err->code;
	if (known)
		return 0;
	if ((capacity = fcntl(local, F_GETPIPE_SZ)) > 0)
		pipe->capacity = (uint64_t)capacity;
	if (mode == O_WRONLY) {
		/* only while the tree stands still: a reader for a moment */
		snprintf(self, sizeof self, "/proc/self/fd/%d", local);
		if ((from = open(self, O_RDONLY | O_NONBLOCK | O_CLOEXEC)) < 0)
			return dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, o->fd, pipe->id, "pipe-data",
			    "what waits in the pipe cannot be read: %s", strerror(errno));
	}
	r = copy_unread(d, p, pipe, from);
	if (from != local)
		close(from);
	return r;
}

void
pipe_fields(struct glue_emit *e, const void *object)
{
	const struct pipe_object *p = object;

	glue_emit_uint(e, PSNAP_F_PIPE_INODE, p->ino);
	glue_emit_uint(e, PSNAP_F_PIPE_CAPACITY, p->capacity);
	glue_emit_bytes(e, PSNAP_F_PIPE_DATA, p->data, p->len);
	if (p->fifo != NULL)
		glue_emit_uint(e, PSNAP_F_PIPE_FILE_ID, p->fifo->id);
	glue_emit_uint(e, PSNAP_F_PIPE_PACKET_MODE, p->packet_mode);
}
