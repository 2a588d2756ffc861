/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets that wait for the answer to their request: all they have is the
 * address they ask, which only sock_diag tells, and the number they began at.
 */
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"

static void
take_remote(struct socket_object *s, const struct inet_diag_sockid *id)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = id->idiag_dport };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = id->idiag_dport };

	if (s->family == AF_INET) {
		memcpy(&in.sin_addr, id->idiag_dst, sizeof in.sin_addr);
		memcpy(s->remote, &in, s->remote_len = sizeof in);
		return;
	}
	memcpy(&in6.sin6_addr, id->idiag_dst, sizeof in6.sin6_addr);
	if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
		in6.sin6_scope_id = id->idiag_if;
	memcpy(s->remote, &in6, s->remote_len = sizeof in6);
}

static int
take_answer(struct dump *d, const struct nlmsghdr *h, void *socket)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct socket_object *s = socket;

	(void)d;
	if (h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) && m->idiag_inode == s->ino)
		take_remote(s, &m->id);
	return 0;
}

/* Mapped addresses come as such, from either family's sockets. */
int
tcp_find_remote(struct dump *d, struct socket_object *s)
{
	const struct inet_diag_req_v2 request = { .sdiag_family = (uint8_t)s->family, .sdiag_protocol = IPPROTO_TCP,
	    .idiag_states = 1u << PSNAP_TCP_STATE_SYN_SENT };
	int netns = openat(s->proc->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC), r;

	if (netns < 0)
		return 0;
	r = diag_dump(d, netns, &request, sizeof request, take_answer, s);
	close(netns);
	return r == DIAG_UNKNOWN ? 0 : r;
}
