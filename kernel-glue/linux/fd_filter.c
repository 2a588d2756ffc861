/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Classic BPF programs attached to sockets.
 */
#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>

#include "kernel-glue/linux/fd.h"

/* The kernel counts instructions, not bytes. */
int
filter_collect(struct dump *d, struct socket_object *s, int local)
{
	socklen_t n = 0;

	s->options[PSNAP_F_SOCKET_OPTIONS_FILTER_LOCKED] = option_read(local, SOL_SOCKET, SO_LOCK_FILTER);
	if (getsockopt(local, SOL_SOCKET, SO_GET_FILTER, NULL, &n) != 0)
		return errno == EACCES ? dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id,
		    "socket-filter", "an extended BPF program is attached to a socket") : 0;
	if (n == 0)
		return 0;
	if ((s->filter = dump_alloc(d, n * sizeof *s->filter)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	if (getsockopt(local, SOL_SOCKET, SO_GET_FILTER, s->filter, &n) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, s->proc, "reading the filter of socket %d", s->fd);
	s->filter_n = n;
	return 0;
}
