/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/net.h"

#define TICK_NS		UINT64_C(10000000)	/* of a bridge's times (USER_HZ) */
#define TUN_TYPE_TAP	2			/* IFLA_TUN_TYPE */

/* What is particular to a kind, and to the port of a bridge. */
struct info {
	const char	*kind, *master_kind;
	const struct rtattr *data, *port;
};

static struct info
info_of(const struct net_object *o)
{
	const struct rtattr *a[IFLA_INFO_SLAVE_DATA + 1];

	netlink_parse_nested(o->a[IFLA_LINKINFO], a, IFLA_INFO_SLAVE_DATA + 1);
	return (struct info){ netlink_get_text(a[IFLA_INFO_KIND]), netlink_get_text(a[IFLA_INFO_SLAVE_KIND]),
	    a[IFLA_INFO_DATA], a[IFLA_INFO_SLAVE_DATA] };
}

static uint32_t
kind_of(const struct net_object *o)
{
	static const struct { const char *name; uint32_t kind; } kinds[] = {
		{ "veth", PSNAP_INTERFACE_PAIR }, { "bridge", PSNAP_INTERFACE_BRIDGE },
		{ "dummy", PSNAP_INTERFACE_DUMMY }, { "vlan", PSNAP_INTERFACE_VLAN },
		{ "macvlan", PSNAP_INTERFACE_MACVLAN },
	};
	const struct info info = info_of(o);
	const struct rtattr *a[IFLA_TUN_MAX + 1];

	if (((const struct ifinfomsg *)o->header)->ifi_type == ARPHRD_LOOPBACK)
		return PSNAP_INTERFACE_LOOPBACK;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(info.kind, kinds[i].name) == 0)
			return kinds[i].kind;
	if (strcmp(info.kind, "tun") != 0)
		return 0;
	netlink_parse_nested(info.data, a, IFLA_TUN_MAX + 1);
	return netlink_get8(a[IFLA_TUN_TYPE], 0) == TUN_TYPE_TAP ? PSNAP_INTERFACE_TAP : PSNAP_INTERFACE_TUN;
}

/* ---- collecting ---- */

/* Of some tunnels, every namespace has one that nobody has made. */
static bool
comes_with_namespace(const struct net_object *o)
{
	static const char *const names[] = { "tunl0", "gre0", "gretap0", "erspan0", "ip_vti0", "sit0", "ip6tnl0",
	    "ip6_vti0", "ip6gre0" };

	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcmp(netlink_get_text(o->a[IFLA_IFNAME]), names[i]) == 0)
			return (((const struct ifinfomsg *)o->header)->ifi_flags & IFF_UP) == 0;
	return false;
}

static uint32_t
macvlan_mode(const struct rtattr *data)
{
	const struct rtattr *a[IFLA_MACVLAN_FLAGS + 1];

	netlink_parse_nested(data, a, IFLA_MACVLAN_FLAGS + 1);
	switch (netlink_get32(a[IFLA_MACVLAN_MODE], 0)) {
	case MACVLAN_MODE_PRIVATE:
		return PSNAP_MACVLAN_PRIVATE;
	case MACVLAN_MODE_VEPA:
		return PSNAP_MACVLAN_VEPA;
	case MACVLAN_MODE_BRIDGE:
		return PSNAP_MACVLAN_BRIDGE;
	case MACVLAN_MODE_PASSTHRU:
		return PSNAP_MACVLAN_PASSTHROUGH;
	default:
		return 0;
	}
}

/* Why an interface of a kind we know cannot be carried; NULL: it can. */
static const char *
obstacle(const struct net_object *o, uint32_t kind)
{
	const struct rtattr *a[IFLA_TUN_MAX + 1];
	const struct info info = info_of(o);

	if (kind == 0)
		return "it is of a kind that is not carried";
	if ((kind == PSNAP_INTERFACE_VLAN || kind == PSNAP_INTERFACE_MACVLAN) && o->a[IFLA_LINK_NETNSID] != NULL)
		return "its lower interface is outside the namespace";
	if (kind == PSNAP_INTERFACE_MACVLAN && macvlan_mode(info.data) == 0)
		return "it is a macvlan of mode source";
	if (info.master_kind[0] != '\0' && strcmp(info.master_kind, "bridge") != 0)
		return "its master is not a bridge";
	if (kind == PSNAP_INTERFACE_TUN || kind == PSNAP_INTERFACE_TAP) {
		netlink_parse_nested(info.data, a, IFLA_TUN_MAX + 1);
		if (netlink_get8(a[IFLA_TUN_PERSIST], 0) == 0)
			return "it is a tun or tap interface that goes with the program that has made it";
	}
	return NULL;
}

/* Its parts that are lost. */
static int
cover_parts(struct dump *d, const struct net_object *o, uint32_t kind)
{
	const struct rtattr *a[IFLA_BR_MAX + 1];
	const struct info info = info_of(o);
	const char *what = NULL;

	netlink_parse_nested(info.data, a, IFLA_BR_MAX + 1);
	if (kind == PSNAP_INTERFACE_BRIDGE && netlink_get8(a[IFLA_BR_VLAN_FILTERING], 0) != 0)
		what = "which VLANs the ports of a bridge are in";
	if (kind == PSNAP_INTERFACE_VLAN && (a[IFLA_VLAN_INGRESS_QOS] != NULL || a[IFLA_VLAN_EGRESS_QOS] != NULL))
		what = "the priorities of a VLAN";
	if (o->a[IFLA_XDP] != NULL) {
		const struct rtattr *xdp[IFLA_XDP_ATTACHED + 1];

		netlink_parse_nested(o->a[IFLA_XDP], xdp, IFLA_XDP_ATTACHED + 1);
		if (netlink_get8(xdp[IFLA_XDP_ATTACHED], 0) != 0)
			what = "an XDP program";
	}
	return what == NULL ? 0 : dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0, "network-interface-part",
	    "%s: not carried, of interface %s", what, netlink_get_text(o->a[IFLA_IFNAME]));
}

static int
take_interface(struct dump *d, struct net *net, const struct net_object *o)
{
	uint32_t kind = kind_of(o);
	const char *why = obstacle(o, kind);
	int r;

	(void)net;
	if (kind == 0 && comes_with_namespace(o))
		return 0;
	if (why != NULL)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-interface", "interface %s: %s",
		    netlink_get_text(o->a[IFLA_IFNAME]), why);
	return (r = cover_parts(d, o, kind)) != 0 ? r : 1;
}

static int
by_index(const void *a, const void *b)
{
	const struct net_object *const *x = a, *const *y = b;

	return ((const struct ifinfomsg *)(*x)->header)->ifi_index - ((const struct ifinfomsg *)(*y)->header)->ifi_index;
}

static bool
is_there(const struct net *net, uint32_t index)
{
	for (size_t i = 0; i < net->interfaces.n; i++) {
		const struct net_object *o = net->interfaces.v[i];

		if ((uint32_t)((const struct ifinfomsg *)o->header)->ifi_index == index)
			return true;
	}
	return false;
}

/* What is on top of one that cannot be carried goes with it; and so do those on top of that. */
static void
drop_baseless(struct net *net)
{
	size_t before, kept;

	do {
		before = net->interfaces.n;
		kept = 0;
		for (size_t i = 0; i < before; i++) {
			struct net_object *o = net->interfaces.v[i];
			uint32_t kind = kind_of(o);

			if ((kind != PSNAP_INTERFACE_VLAN && kind != PSNAP_INTERFACE_MACVLAN) ||
			    is_there(net, netlink_get32(o->a[IFLA_LINK], 0)))
				net->interfaces.v[kept++] = o;
		}
		net->interfaces.n = kept;
	} while (kept != before);
}

int
interfaces_collect(struct dump *d, struct net *net)
{
	static const struct net_type type = { RTM_GETLINK, RTM_NEWLINK, sizeof(struct ifinfomsg), IFLA_MAX + 1,
	    take_interface };
	const struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	int r = net_collect_objects(d, net, &type, &any, &net->interfaces);

	if (r != 0)
		return r;
	drop_baseless(net);
	if (net->interfaces.n > 0)
		qsort(net->interfaces.v, net->interfaces.n, sizeof *net->interfaces.v, by_index);
	for (size_t i = 0; i < net->interfaces.n; i++)
		((struct net_object *)net->interfaces.v[i])->id = dump_new_id(d);
	return 0;
}

/* ---- emitting ---- */

/* Outside, the index means nothing. */
static void
emit_pair(struct glue_emit *e, const struct net_object *o)
{
	uint64_t peer = o->a[IFLA_LINK_NETNSID] != NULL ? 0 : net_interface_id(o->net, netlink_get32(o->a[IFLA_LINK], 0));

	glue_emit_open(e, PSNAP_F_INTERFACE_PAIR);
	glue_emit_uint(e, PSNAP_F_PAIR_INTERFACE_PEER_ID, peer);
	glue_emit_close(e);
}

static void
emit_bridge(struct glue_emit *e, const struct rtattr *data)
{
	const struct rtattr *a[IFLA_BR_MAX + 1];

	netlink_parse_nested(data, a, IFLA_BR_MAX + 1);
	glue_emit_open(e, PSNAP_F_INTERFACE_BRIDGE);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_SPANNING_TREE, netlink_get32(a[IFLA_BR_STP_STATE], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_PRIORITY, netlink_get16(a[IFLA_BR_PRIORITY], 0));
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_FORWARD_DELAY_NS, netlink_get32(a[IFLA_BR_FORWARD_DELAY], 0) * TICK_NS);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_HELLO_NS, netlink_get32(a[IFLA_BR_HELLO_TIME], 0) * TICK_NS);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_MAX_AGE_NS, netlink_get32(a[IFLA_BR_MAX_AGE], 0) * TICK_NS);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_AGEING_NS, netlink_get32(a[IFLA_BR_AGEING_TIME], 0) * TICK_NS);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_VLAN_FILTERING, netlink_get8(a[IFLA_BR_VLAN_FILTERING], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_VLAN_PROTOCOL, ntohs(netlink_get16(a[IFLA_BR_VLAN_PROTOCOL],
	    htons(ETH_P_8021Q))));
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_DEFAULT_VLAN, netlink_get16(a[IFLA_BR_VLAN_DEFAULT_PVID], 0));
	glue_emit_uint(e, PSNAP_F_BRIDGE_INTERFACE_MULTICAST_SNOOPING, netlink_get8(a[IFLA_BR_MCAST_SNOOPING], 0) != 0);
	glue_emit_close(e);
}

static void
emit_port(struct glue_emit *e, const struct rtattr *data)
{
	const struct rtattr *a[IFLA_BRPORT_MAX + 1];

	netlink_parse_nested(data, a, IFLA_BRPORT_MAX + 1);
	glue_emit_open(e, PSNAP_F_INTERFACE_PORT);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_PRIORITY, netlink_get16(a[IFLA_BRPORT_PRIORITY], 0));
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_COST, netlink_get32(a[IFLA_BRPORT_COST], 0));
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_HAIRPIN, netlink_get8(a[IFLA_BRPORT_MODE], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_GUARD, netlink_get8(a[IFLA_BRPORT_GUARD], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_ROOT_BLOCK, netlink_get8(a[IFLA_BRPORT_PROTECT], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_FAST_LEAVE, netlink_get8(a[IFLA_BRPORT_FAST_LEAVE], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_NO_LEARNING, netlink_get8(a[IFLA_BRPORT_LEARNING], 1) == 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_NO_UNICAST_FLOOD, netlink_get8(a[IFLA_BRPORT_UNICAST_FLOOD], 1) == 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_NO_MULTICAST_FLOOD, netlink_get8(a[IFLA_BRPORT_MCAST_FLOOD], 1) == 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_NO_BROADCAST_FLOOD, netlink_get8(a[IFLA_BRPORT_BCAST_FLOOD], 1) == 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_ISOLATED, netlink_get8(a[IFLA_BRPORT_ISOLATED], 0) != 0);
	glue_emit_uint(e, PSNAP_F_BRIDGE_PORT_NUMBER, netlink_get16(a[IFLA_BRPORT_NO], 0));
	glue_emit_close(e);
}

static void
emit_tun(struct glue_emit *e, const struct rtattr *data)
{
	const struct rtattr *a[IFLA_TUN_MAX + 1];

	netlink_parse_nested(data, a, IFLA_TUN_MAX + 1);
	glue_emit_open(e, PSNAP_F_INTERFACE_TUN);
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_HAS_OWNER, a[IFLA_TUN_OWNER] != NULL);
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_OWNER, netlink_get32(a[IFLA_TUN_OWNER], 0));
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_HAS_GROUP, a[IFLA_TUN_GROUP] != NULL);
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_GROUP, netlink_get32(a[IFLA_TUN_GROUP], 0));
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_PACKET_INFORMATION, netlink_get8(a[IFLA_TUN_PI], 0) != 0);
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_VIRTIO_HEADER, netlink_get8(a[IFLA_TUN_VNET_HDR], 0) != 0);
	glue_emit_uint(e, PSNAP_F_TUN_INTERFACE_MULTI_QUEUE, netlink_get8(a[IFLA_TUN_MULTI_QUEUE], 0) != 0);
	glue_emit_close(e);
}

static void
emit_vlan(struct glue_emit *e, const struct rtattr *data)
{
	const struct rtattr *a[IFLA_VLAN_MAX + 1];
	uint32_t flags;

	netlink_parse_nested(data, a, IFLA_VLAN_MAX + 1);
	flags = netlink_get32(a[IFLA_VLAN_FLAGS], VLAN_FLAG_REORDER_HDR);
	glue_emit_open(e, PSNAP_F_INTERFACE_VLAN);
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_ID, netlink_get16(a[IFLA_VLAN_ID], 0));
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_PROTOCOL, ntohs(netlink_get16(a[IFLA_VLAN_PROTOCOL], htons(ETH_P_8021Q))));
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_KEEP_HEADER, (flags & VLAN_FLAG_REORDER_HDR) == 0);
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_GVRP, (flags & VLAN_FLAG_GVRP) != 0);
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_LOOSE_BINDING, (flags & VLAN_FLAG_LOOSE_BINDING) != 0);
	glue_emit_uint(e, PSNAP_F_VLAN_INTERFACE_MVRP, (flags & VLAN_FLAG_MVRP) != 0);
	glue_emit_close(e);
}

static void
emit_macvlan(struct glue_emit *e, const struct rtattr *data)
{
	const struct rtattr *a[IFLA_MACVLAN_FLAGS + 1];

	netlink_parse_nested(data, a, IFLA_MACVLAN_FLAGS + 1);
	glue_emit_open(e, PSNAP_F_INTERFACE_MACVLAN);
	glue_emit_uint(e, PSNAP_F_MACVLAN_INTERFACE_MODE, macvlan_mode(data));
	glue_emit_uint(e, PSNAP_F_MACVLAN_INTERFACE_NOT_PROMISCUOUS,
	    (netlink_get16(a[IFLA_MACVLAN_FLAGS], 0) & MACVLAN_FLAG_NOPROMISC) != 0);
	glue_emit_close(e);
}

static void
emit_flags(struct glue_emit *e, unsigned flags)
{
	glue_emit_uint(e, PSNAP_F_INTERFACE_UP, (flags & IFF_UP) != 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_PROMISCUOUS, (flags & IFF_PROMISC) != 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_ALL_MULTICAST, (flags & IFF_ALLMULTI) != 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_NO_MULTICAST, (flags & IFF_MULTICAST) == 0);
	glue_emit_uint(e, PSNAP_F_INTERFACE_NO_ARP, (flags & IFF_NOARP) != 0);
}

static void
interface_fields(struct glue_emit *e, const void *object)
{
	const struct net_object *o = object;
	const struct ifinfomsg *h = o->header;
	const struct info info = info_of(o);
	uint32_t kind = kind_of(o);
	bool has_lower = kind == PSNAP_INTERFACE_VLAN || kind == PSNAP_INTERFACE_MACVLAN;
	uint64_t master = net_interface_id(o->net, netlink_get32(o->a[IFLA_MASTER], 0));

	glue_emit_uint(e, PSNAP_F_INTERFACE_NAMESPACE_ID, o->net->namespace_id);
	glue_emit_uint(e, PSNAP_F_INTERFACE_INDEX, (uint32_t)h->ifi_index);
	glue_emit_string(e, PSNAP_F_INTERFACE_NAME, netlink_get_text(o->a[IFLA_IFNAME]));
	glue_emit_uint(e, PSNAP_F_INTERFACE_KIND, kind);
	glue_emit_string(e, PSNAP_F_INTERFACE_ALIAS, netlink_get_text(o->a[IFLA_IFALIAS]));
	glue_emit_uint(e, PSNAP_F_INTERFACE_MTU, netlink_get32(o->a[IFLA_MTU], 0));
	net_emit_bytes(e, PSNAP_F_INTERFACE_LINK_ADDRESS, o->a[IFLA_ADDRESS]);
	glue_emit_uint(e, PSNAP_F_INTERFACE_QUEUE_LENGTH, netlink_get32(o->a[IFLA_TXQLEN], 0));
	glue_emit_uint(e, PSNAP_F_INTERFACE_GROUP, netlink_get32(o->a[IFLA_GROUP], 0));
	emit_flags(e, h->ifi_flags);
	glue_emit_uint(e, PSNAP_F_INTERFACE_MASTER_ID, master);
	if (has_lower)
		glue_emit_uint(e, PSNAP_F_INTERFACE_LOWER_ID,
		    net_interface_id(o->net, netlink_get32(o->a[IFLA_LINK], 0)));
	if (kind == PSNAP_INTERFACE_PAIR)
		emit_pair(e, o);
	if (kind == PSNAP_INTERFACE_BRIDGE)
		emit_bridge(e, info.data);
	if (kind == PSNAP_INTERFACE_TUN || kind == PSNAP_INTERFACE_TAP)
		emit_tun(e, info.data);
	if (kind == PSNAP_INTERFACE_VLAN)
		emit_vlan(e, info.data);
	if (kind == PSNAP_INTERFACE_MACVLAN)
		emit_macvlan(e, info.data);
	if (master != 0)
		emit_port(e, info.port);
	net_emit_settings(e, PSNAP_F_INTERFACE_SETTINGS, &o->settings);
}

int
interfaces_emit(struct dump *d, const struct net *net)
{
	int r = 0;

	for (size_t i = 0; i < net->interfaces.n && r == 0; i++) {
		const struct net_object *o = net->interfaces.v[i];

		r = dump_record(d, PSNAP_KIND_INTERFACE, o->id, interface_fields, o);
	}
	return r;
}
