/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections of unix sockets that nobody has accepted yet.  The kernel tells
 * whose they are, and not what was sent on them: no descriptor leads there.
 */
#include <string.h>
#include <sys/socket.h>

#include "kernel-glue/linux/fd.h"

/* Inode numbers of those who connected, oldest first; 0 of one that is closed. */
int
pending_take(struct dump *d, const struct list *sorted, struct socket_object *s, const void *inodes, size_t len)
{
	size_t n = len / sizeof(uint32_t);

	if ((s->waiting = dump_alloc(d, (n + 1) * sizeof *s->waiting)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	for (size_t i = 0; i < n; i++) {
		struct socket_object *from;
		uint32_t ino;

		memcpy(&ino, (const uint8_t *)inodes + i * sizeof ino, sizeof ino);
		if (ino == 0 || (from = unix_find(sorted, ino)) == NULL || from->waits)
			continue;
		from->waits = true;
		s->waiting[s->nwaiting++] = from->id;
	}
	return 0;
}

static int
cover(struct dump *d, const struct socket_object *s, const char *feature, const char *what)
{
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, feature, "%s", what);
}

/* Whose other end is gone cannot read or write. */
static bool
is_alone(const struct socket_object *s)
{
	return s->type != SOCK_DGRAM && s->state == PSNAP_SOCKET_CONNECTED && s->peer_ino == 0 &&
	    !(s->shut_read && s->shut_write);
}

int
pending_cover(struct dump *d, const struct socket_object *s)
{
	if (s->nwaiting < s->pending)
		return cover(d, s, "unix-pending", "connections of processes outside the tree, or closed, wait to be accepted");
	if (s->waits && s->unsent > 0)
		return cover(d, s, "unix-pending", "what was sent on a connection that waits to be accepted cannot be seen");
	return !s->waits && is_alone(s) ?
	    cover(d, s, "unix-outside", "it waits to be accepted by a process outside the tree") : 0;
}
