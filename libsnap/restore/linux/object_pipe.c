/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pipes and FIFOs with what is unread in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static int
flags_of(const Psnap__OpenFile *o)
{
	return (o->access == PSNAP__ACCESS_MODE__ACCESS_READ ? O_RDONLY :
	    o->access == PSNAP__ACCESS_MODE__ACCESS_WRITE ? O_WRONLY : O_RDWR) |
	    (o->non_block ? O_NONBLOCK : 0) | (o->direct ? O_DIRECT : 0) | (o->append ? O_APPEND : 0);
}

static bool
is_standard(struct restore *r, uint64_t open_file, int *fd)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_DESCRIPTOR_TABLE, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__DescriptorTable *t = (const void *)v[i]->message;

		for (size_t k = 0; k < t->n_descriptors && t->descriptors[k]->fd <= 2; k++)
			if (t->descriptors[k]->open_file_id == open_file) {
				*fd = t->descriptors[k]->fd;
				return true;
			}
	}
	return false;
}

/* Whether both of its ends are somewhere in the snapshot. */
static bool
has_both_ends(struct restore *r, uint64_t pipe_id)
{
	bool reads = false, writes = false;
	size_t n;
	struct object *const *v = objects_on(r, pipe_id, &n);

	for (size_t i = 0; i < n; i++) {
		reads |= v[i]->o->access != PSNAP__ACCESS_MODE__ACCESS_WRITE;
		writes |= v[i]->o->access != PSNAP__ACCESS_MODE__ACCESS_READ;
	}
	return reads && writes;
}

static int
fill(struct restore *r, uint64_t id, const Psnap__Pipe *p, int to)
{
	size_t done = 0;

	for (size_t i = 0; i < p->n_packets; i++) {
		if (write(to, p->data.data + done, p->packets[i]) != (ssize_t)p->packets[i])
			return restore_fail(r, NULL, id, errno, "filling a pipe");
		done += p->packets[i];
	}
	while (done < p->data.len) {
		ssize_t k = write(to, p->data.data + done, p->data.len - done);

		if (k <= 0)
			return restore_fail(r, NULL, id, errno, "filling a pipe");
		done += (size_t)k;
	}
	return 0;
}

/*
 * All open files of a pipe at once: further ones on the same end are opened
 * from the first.  ends[0] reads, ends[1] writes, neither blocks.
 */
static int
spread(struct restore *r, uint64_t pipe_id, const int ends[2])
{
	size_t n;
	struct object **v = objects_on(r, pipe_id, &n);

	for (size_t i = 0; i < n; i++) {
		struct object *x = v[i];
		int end = ends[x->o->access == PSNAP__ACCESS_MODE__ACCESS_READ ? 0 : 1];

		if ((x->fd = keep_fd(r, fd_reopen(end, (flags_of(x->o) & O_ACCMODE) | O_NONBLOCK))) < 0)
			return restore_fail(r, NULL, x->id, errno, "opening a pipe");
		if (fcntl(x->fd, F_SETFL, flags_of(x->o)) != 0)
			return restore_fail(r, NULL, x->id, errno, "opening a pipe");
	}
	return 0;
}

/*
 * The process at the other end of a standard stream is not in the snapshot:
 * the caller's own stream takes its place.  Any other such pipe is one whose
 * other end was closed.
 */
static int
adopt_standard(struct restore *r, struct object *x, bool *done)
{
	int fd;

	*done = is_standard(r, x->id, &fd) && fcntl(fd, F_GETFD) >= 0;
	if (*done && (x->fd = keep_fd(r, fcntl(fd, F_DUPFD_CLOEXEC, r->base_fd))) < 0)
		return restore_fail(r, NULL, x->id, errno, "taking over a standard stream");
	return 0;
}

int
pipe_make(struct restore *r, struct object *x)
{
	const Psnap__Pipe *p = snap_get_message(r->s, x->o->pipe_id, PSNAP_KIND_PIPE);
	int ends[2] = { -1, -1 }, e = 0;
	bool done = false;

	if (p == NULL)
		return restore_fail(r, NULL, x->id, ENOENT, "its pipe");
	if (p->file_id == 0 && !has_both_ends(r, x->o->pipe_id) &&
	    ((e = adopt_standard(r, x, &done)) != 0 || done))
		return e;
	if (p->file_id != 0) {
		/* both ways, so that neither waits for the other */
		if ((ends[0] = file_open(r, p->file_id, O_RDWR | O_NONBLOCK)) < 0)
			return ends[0];
		ends[1] = ends[0];
	} else if (pipe2(ends, O_CLOEXEC | O_NONBLOCK | (p->packet_mode ? O_DIRECT : 0)) != 0) {
		return restore_fail(r, NULL, x->id, errno, "making a pipe");
	}
	/* as large as before, or as it may be and can hold what is unread */
	if (p->capacity > 0 && p->capacity <= INT32_MAX &&
	    fcntl(ends[1], F_SETPIPE_SZ, (int)p->capacity) < 0 && p->data.len > 65536)
		e = restore_fail(r, NULL, x->o->pipe_id, errno, "making a pipe of %llu bytes",
		    (unsigned long long)p->capacity);
	if (e == 0 && (e = fill(r, x->o->pipe_id, p, ends[1])) == 0)
		e = spread(r, x->o->pipe_id, ends);
	if (p->file_id == 0) {
		close(ends[0]);
		close(ends[1]);
	}
	return e;
}
