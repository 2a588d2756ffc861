/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network stack, made in the namespace that our caller has made for it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "libsnap/restore/linux/net.h"

/* ---- for all parts ---- */

static bool
is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The socket's namespace is ours, and neither is the one outside. */
int
net_is_ours(struct net *n, int socket)
{
	struct stat here, there;
	int fd = ioctl(socket, SIOCGSKNS), e = 0;

	if (fd < 0 || fstat(fd, &there) != 0 || stat("/proc/thread-self/ns/net", &here) != 0)
		e = errno;
	else if (!is_same(&here, &n->own) || !is_same(&there, &n->own) || is_same(&n->own, &n->outside))
		e = EXDEV;
	if (fd >= 0)
		close(fd);
	return e == 0 ? 0 : restore_fail(n->r, NULL, 0, e, "making sure of the new network namespace");
}

int
net_send(struct net *n, struct netlink_batch *b, uint64_t object, const char *what, const char *name)
{
	int e, r;

	if ((e = restore_goes_on(n->r)) == 0 && (e = net_is_ours(n, n->fd)) == 0 && (r = netlink_transact(n->fd, b)) != 0)
		e = restore_fail(n->r, NULL, object, -r, "%s%s%s", what, name[0] != '\0' ? " " : "", name);
	free(b->buf);
	return e;
}

uint8_t
net_family(Psnap__SocketFamily family)
{
	return family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 ? AF_INET6 : AF_INET;
}

uint8_t
net_scope(Psnap__NetworkScope scope)
{
	switch (scope) {
	case PSNAP__NETWORK_SCOPE__NETWORK_SITE:
		return RT_SCOPE_SITE;
	case PSNAP__NETWORK_SCOPE__NETWORK_LINK:
		return RT_SCOPE_LINK;
	case PSNAP__NETWORK_SCOPE__NETWORK_HOST:
		return RT_SCOPE_HOST;
	case PSNAP__NETWORK_SCOPE__NETWORK_NOWHERE:
		return RT_SCOPE_NOWHERE;
	default:
		return RT_SCOPE_UNIVERSE;
	}
}

void
net_put_bytes(struct netlink_batch *b, uint16_t type, const ProtobufCBinaryData *bytes)
{
	if (bytes->len > 0)
		netlink_put(b, type, bytes->data, bytes->len);
}

uint32_t
net_index(const struct net *n, uint64_t interface_id)
{
	const Psnap__Interface *i = snap_get_message(n->r->s, interface_id, PSNAP_KIND_INTERFACE);

	return i != NULL ? i->index : 0;
}

/* ---- the order of it all ---- */

static int
begin(struct net *n)
{
	if ((n->fd = keep_fd(n->r, netlink_open(-1, NETLINK_ROUTE))) < 0)
		return restore_fail(n->r, NULL, 0, errno, "asking for the network stack");
	if (stat("/proc/thread-self/ns/net", &n->own) != 0 || fstat(n->r->p->o->own_net->outside, &n->outside) != 0)
		return restore_fail(n->r, NULL, 0, errno, "the network namespaces");
	return net_is_ours(n, n->fd);
}

int
net_make(struct restore *r)
{
	struct net *n;
	int e;

	if (r->p->o->own_net == NULL)
		return 0;
	if ((n = r->net = plan_alloc(r->p, sizeof *n)) == NULL)
		return restore_nomem(r);
	n->r = r;
	n->fd = -1;
	if ((e = begin(n)) != 0 ||
	    (e = interfaces_make(n)) != 0 ||
	    (e = settings_restore(n)) != 0 ||
	    (e = interfaces_up(n)) != 0 ||
	    (e = addresses_restore(n)) != 0 ||
	    (e = settings_finish(n)) != 0 ||
	    (e = routes_restore(n)) != 0 ||
	    (e = rules_restore(n)) != 0)
		return e;
	return neighbours_restore(n);
}

/* The namespace ends with its last process; what reaches out of it goes at once. */
void
net_abandon(struct restore *r)
{
	struct net *n = r->net;

	for (size_t i = 0; n != NULL && i < n->outer.n; i++) {
		const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = (int)*(const uint32_t *)n->outer.v[i] };
		struct netlink_batch b = { 0 };

		netlink_begin(&b, RTM_DELLINK, NLM_F_ACK, &h, sizeof h);
		netlink_transact(n->fd, &b);
		free(b.buf);
	}
}
