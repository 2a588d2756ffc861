/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Addresses of interfaces, and neighbours that were not learnt.
 */
#include <linux/if_addr.h>
#include <linux/neighbour.h>

#include "libsnap/restore/linux/net.h"

#define FOR_EVER	UINT32_MAX
#define SECOND_NS	UINT64_C(1000000000)

/* Rounded up: what is valid now is valid then. */
static uint32_t
seconds(uint64_t ns)
{
	uint64_t s = ns / SECOND_NS + (ns % SECOND_NS != 0);

	return ns == 0 || s >= FOR_EVER ? FOR_EVER : (uint32_t)s;
}

static void
put_lifetime(struct netlink_batch *b, const Psnap__InterfaceAddress *a)
{
	struct ifa_cacheinfo c = { .ifa_valid = seconds(a->valid_ns) };

	c.ifa_prefered = a->deprecated ? 0 : a->preferred_ns != 0 ? seconds(a->preferred_ns) : c.ifa_valid;
	netlink_put(b, IFA_CACHEINFO, &c, sizeof c);
}

/* With these flags more than its own. */
static int
add_address(struct net *n, const struct snap_object *o, const Psnap__InterfaceAddress *a, uint32_t flags)
{
	const struct ifaddrmsg h = { .ifa_family = net_family(a->family), .ifa_prefixlen = (uint8_t)a->prefix_bits,
	    .ifa_scope = net_scope(a->scope), .ifa_index = net_index(n, a->interface_id) };
	struct netlink_batch b = { 0 };

	flags |= (a->no_prefix_route ? IFA_F_NOPREFIXROUTE : 0) | (a->no_duplicate_detection ? IFA_F_NODAD : 0) |
	    (a->temporary_from_it ? IFA_F_MANAGETEMPADDR : 0);
	netlink_begin(&b, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &h, sizeof h);
	net_put_bytes(&b, IFA_LOCAL, &a->address);
	net_put_bytes(&b, IFA_ADDRESS, a->peer.len > 0 ? &a->peer : &a->address);
	net_put_bytes(&b, IFA_BROADCAST, &a->broadcast);
	if (a->label[0] != '\0')
		netlink_put_text(&b, IFA_LABEL, a->label);
	if (a->metric != 0)
		netlink_put32(&b, IFA_RT_PRIORITY, a->metric);
	netlink_put32(&b, IFA_FLAGS, flags);
	put_lifetime(&b, a);
	return net_send(n, &b, o->id, "adding an address", "");
}

/* The loopback interface has its own as soon as it is up. */
static bool
comes_by_itself(const Psnap__InterfaceAddress *a)
{
	return a->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 && a->scope == PSNAP__NETWORK_SCOPE__NETWORK_HOST;
}

/* It was in use: nobody else has it, and it is not to be asked for first. */
static int
restore_address(struct net *n, const struct snap_object *o, const Psnap__InterfaceAddress *a)
{
	int e = add_address(n, o, a, a->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 ? IFA_F_NODAD : 0);

	if (e != 0 || a->family != PSNAP__SOCKET_FAMILY__SOCKET_IPV6 || a->no_duplicate_detection)
		return e;
	return add_address(n, o, a, 0);
}

/* The kernel puts a new one of IPv4 behind, one of IPv6 before those that are there. */
int
addresses_restore(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE_ADDRESS, &count);
	int e = 0;

	for (size_t i = 0; i < 2 * count && e == 0; i++) {
		const struct snap_object *o = v[i < count ? i : 2 * count - 1 - i];
		const Psnap__InterfaceAddress *a = (const void *)o->message;

		if ((a->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6) == (i >= count) && !comes_by_itself(a))
			e = restore_address(n, o, a);
	}
	return e;
}

static int
restore_neighbour(struct net *n, const struct snap_object *o, const Psnap__Neighbour *x)
{
	const struct ndmsg h = { .ndm_family = net_family(x->family), .ndm_ifindex = (int)net_index(n, x->interface_id),
	    .ndm_state = NUD_PERMANENT, .ndm_flags = (uint8_t)((x->proxy ? NTF_PROXY : 0) | (x->router ? NTF_ROUTER : 0)) };
	struct netlink_batch b = { 0 };

	netlink_begin(&b, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE | NLM_F_ACK, &h, sizeof h);
	net_put_bytes(&b, NDA_DST, &x->address);
	net_put_bytes(&b, NDA_LLADDR, &x->link_address);
	return net_send(n, &b, o->id, "adding a neighbour", "");
}

int
neighbours_restore(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_NEIGHBOUR, &count);
	int e = 0;

	for (size_t i = 0; i < count && e == 0; i++)
		e = restore_neighbour(n, v[i], (const void *)v[i]->message);
	return e;
}
