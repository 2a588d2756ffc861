/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets that wait for the answer to their request: all they have is the
 * address they ask, which only sock_diag tells, and the number they began at.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>

#include "kernel-glue/linux/fd.h"

static bool
is_unknown(const struct socket_object *s)
{
	return s->state == PSNAP_SOCKET_CONNECTING && s->remote_len == 0;
}

static int
take_answer(struct dump *d, const struct nlmsghdr *h, void *none)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct socket_object *s;

	(void)none;
	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) && (s = socket_find(d, m->idiag_inode)) != NULL && is_unknown(s))
		s->remote_len = diag_address(m, true, s->remote);
	return 0;
}

int
tcp_remotes_collect(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->sockets.n; i++)
		if (is_unknown(d->sockets.v[i])) {
			r = diag_dump_tcp(d, 1u << PSNAP_TCP_STATE_SYN_SENT, 0, take_answer, NULL);
			return r == DIAG_UNKNOWN ? 0 : r;
		}
	return 0;
}
