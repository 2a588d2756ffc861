/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets whose segments are signed (TCP_MD5SIG, TCP_AO): the kernel tells
 * the keys to nobody who could not change them, and not all of them, so such
 * sockets are refused.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "kernel-glue/linux/fd.h"

#ifndef TCP_AO_INFO
#define TCP_AO_INFO	40		/* linux/tcp.h, 6.7 */
#endif

static int
cover(struct dump *d, const struct socket_object *s)
{
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, "tcp-keys",
	    "a TCP socket whose segments are signed");
}

int
tcp_ao_collect(struct dump *d, const struct socket_object *s, int local)
{
	uint64_t info[8] = { 0 };
	socklen_t len = sizeof info;

	return getsockopt(local, IPPROTO_TCP, TCP_AO_INFO, info, &len) == 0 ? cover(d, s) : 0;
}

/* ---- by sock_diag ---- */

static bool
is_signed(const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(const void *)(m + 1);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == INET_DIAG_MD5SIG)
			return true;
	return false;
}

static int
take_answer(struct dump *d, const struct nlmsghdr *h, void *none)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const struct socket_object *s;

	(void)none;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || !is_signed(h))
		return 0;
	return (s = socket_find(d, m->idiag_inode)) != NULL ? cover(d, s) : 0;
}

int
tcp_keys_collect(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];

		if (s->tcp_state == 0 || s->told)
			continue;
		/* keys come with what the extensions ask for only */
		r = diag_dump_tcp(d, UINT32_MAX, 1 << (INET_DIAG_INFO - 1), take_answer, NULL);
		return r == DIAG_UNKNOWN ? dump_note(d, "TCP sockets with keys unknown: no sock_diag") : r;
	}
	return 0;
}
