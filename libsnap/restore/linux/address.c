/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether an address is one of this host.  Where there is a route to tells it;
 * that it can be bound to does not (net.ipv4.ip_nonlocal_bind).
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/net_messages.h"

/* IPv4 mapped into IPv6 is IPv4. */
static void
put_request(struct netlink_batch *b, const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	bool six = a->ss_family == AF_INET6 && !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
	const void *v4 = a->ss_family == AF_INET6 ? in6->sin6_addr.s6_addr + 12 : (const void *)&in->sin_addr;
	const struct rtmsg m = { .rtm_family = six ? AF_INET6 : AF_INET, .rtm_dst_len = six ? 128 : 32 };

	netlink_begin(b, RTM_GETROUTE, 0, &m, sizeof m);
	netlink_put(b, RTA_DST, six ? (const void *)&in6->sin6_addr : v4, six ? 16 : 4);
	if (six && in6->sin6_scope_id != 0)
		netlink_put32(b, RTA_OIF, in6->sin6_scope_id);
	netlink_end(b);
}

bool
address_is_here(const struct sockaddr_storage *a)
{
	_Alignas(struct nlmsghdr) uint8_t answer[4096];
	const struct nlmsghdr *h = (const void *)answer;
	const struct rtmsg *m = NLMSG_DATA(h);
	struct netlink_batch b = { 0 };
	int fd = netlink_open(-1, NETLINK_ROUTE);
	bool here;

	put_request(&b, a);
	here = fd >= 0 && b.error == 0 && send(fd, b.buf, b.len, 0) == (ssize_t)b.len &&
	    recv(fd, answer, sizeof answer, 0) >= (ssize_t)NLMSG_LENGTH(sizeof *m) &&
	    h->nlmsg_type == RTM_NEWROUTE && m->rtm_type == RTN_LOCAL;
	if (fd >= 0)
		close(fd);
	free(b.buf);
	return here;
}
