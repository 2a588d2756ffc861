/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/if_vlan.h>
#include <linux/veth.h>

#include "libsnap/restore/linux/net.h"

#define TICK_NS		10000000	/* of a bridge's times (USER_HZ) */

const char *
net_outside_name(const struct plan *p, const char *name)
{
	const struct snap_own_net *o = p->o->own_net;

	for (size_t i = 0; i < o->npairs; i++)
		if (strcmp(o->pairs[i].name, name) == 0)
			return o->pairs[i].outside;
	return NULL;
}

/* ---- what a kind has of its own ---- */

static void
put_bridge(struct netlink_batch *b, const Psnap__BridgeInterface *i)
{
	netlink_put32(b, IFLA_BR_FORWARD_DELAY, (uint32_t)(i->forward_delay_ns / TICK_NS));
	netlink_put32(b, IFLA_BR_HELLO_TIME, (uint32_t)(i->hello_ns / TICK_NS));
	netlink_put32(b, IFLA_BR_MAX_AGE, (uint32_t)(i->max_age_ns / TICK_NS));
	netlink_put32(b, IFLA_BR_AGEING_TIME, (uint32_t)(i->ageing_ns / TICK_NS));
	netlink_put32(b, IFLA_BR_STP_STATE, i->spanning_tree != 0);
	netlink_put16(b, IFLA_BR_PRIORITY, (uint16_t)i->priority);
	if (i->vlan_filtering)	/* a kernel that cannot do it does not take a "no" either */
		netlink_put8(b, IFLA_BR_VLAN_FILTERING, 1);
	netlink_put16(b, IFLA_BR_VLAN_PROTOCOL, htons((uint16_t)i->vlan_protocol));
	netlink_put16(b, IFLA_BR_VLAN_DEFAULT_PVID, (uint16_t)i->default_vlan);
	netlink_put8(b, IFLA_BR_MCAST_SNOOPING, i->multicast_snooping != 0);
}

static void
put_vlan(struct netlink_batch *b, const Psnap__VlanInterface *i)
{
	struct ifla_vlan_flags flags;

	flags.flags = (i->keep_header ? 0 : VLAN_FLAG_REORDER_HDR) | (i->gvrp ? VLAN_FLAG_GVRP : 0) |
	    (i->loose_binding ? VLAN_FLAG_LOOSE_BINDING : 0) | (i->mvrp ? VLAN_FLAG_MVRP : 0);
	flags.mask = VLAN_FLAG_REORDER_HDR | VLAN_FLAG_GVRP | VLAN_FLAG_LOOSE_BINDING | VLAN_FLAG_MVRP;
	netlink_put16(b, IFLA_VLAN_ID, (uint16_t)i->id);
	netlink_put16(b, IFLA_VLAN_PROTOCOL, htons((uint16_t)i->protocol));
	netlink_put(b, IFLA_VLAN_FLAGS, &flags, sizeof flags);
}

static void
put_macvlan(struct netlink_batch *b, const Psnap__MacvlanInterface *i)
{
	static const uint32_t modes[] = {
		[PSNAP_MACVLAN_PRIVATE] = MACVLAN_MODE_PRIVATE, [PSNAP_MACVLAN_VEPA] = MACVLAN_MODE_VEPA,
		[PSNAP_MACVLAN_BRIDGE] = MACVLAN_MODE_BRIDGE, [PSNAP_MACVLAN_PASSTHROUGH] = MACVLAN_MODE_PASSTHRU,
	};

	netlink_put32(b, IFLA_MACVLAN_MODE, modes[i->mode]);
	netlink_put16(b, IFLA_MACVLAN_FLAGS, i->not_promiscuous ? MACVLAN_FLAG_NOPROMISC : 0);
}

static void
put_common(struct netlink_batch *b, const Psnap__Interface *i)
{
	netlink_put_text(b, IFLA_IFNAME, i->name);
	netlink_put32(b, IFLA_MTU, i->mtu);
	netlink_put32(b, IFLA_TXQLEN, i->queue_length);
	net_put_bytes(b, IFLA_ADDRESS, &i->link_address);
}

/* The other end: another of the snapshot's, or one outside, of which the user says the name. */
static void
put_pair(struct netlink_batch *b, const struct net *n, const Psnap__Interface *i)
{
	const Psnap__Interface *peer = snap_get_message(n->r->s, i->pair->peer_id, PSNAP_KIND_INTERFACE);
	const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = peer != NULL ? (int)peer->index : 0 };
	size_t at = netlink_nest(b, VETH_INFO_PEER);

	netlink_put_raw(b, &h, sizeof h);
	if (peer != NULL) {
		put_common(b, peer);
	} else {
		netlink_put_text(b, IFLA_IFNAME, net_outside_name(n->r->p, i->name));
		netlink_put32(b, IFLA_MTU, i->mtu);
		netlink_put32(b, IFLA_NET_NS_FD, (uint32_t)n->r->p->o->own_net->outside);
	}
	netlink_nest_end(b, at);
}

static void
put_info(struct netlink_batch *b, const struct net *n, const Psnap__Interface *i)
{
	static const char *const names[] = {
		[PSNAP_INTERFACE_PAIR] = "veth", [PSNAP_INTERFACE_BRIDGE] = "bridge", [PSNAP_INTERFACE_DUMMY] = "dummy",
		[PSNAP_INTERFACE_VLAN] = "vlan", [PSNAP_INTERFACE_MACVLAN] = "macvlan",
	};
	size_t info = netlink_nest(b, IFLA_LINKINFO), data;

	netlink_put_text(b, IFLA_INFO_KIND, names[i->kind]);
	data = netlink_nest(b, IFLA_INFO_DATA);
	if (i->bridge != NULL)
		put_bridge(b, i->bridge);
	if (i->vlan != NULL)
		put_vlan(b, i->vlan);
	if (i->macvlan != NULL)
		put_macvlan(b, i->macvlan);
	if (i->pair != NULL)
		put_pair(b, n, i);
	netlink_nest_end(b, data);
	netlink_nest_end(b, info);
}

/* ---- making one ---- */

static int
make_link(struct net *n, const struct snap_object *o, const Psnap__Interface *i)
{
	const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = (int)i->index };
	bool outer = i->pair != NULL && i->pair->peer_id == 0;
	struct netlink_batch b = { 0 };
	int e;

	netlink_begin(&b, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &h, sizeof h);
	put_common(&b, i);
	if (i->lower_id != 0)
		netlink_put32(&b, IFLA_LINK, net_index(n, i->lower_id));
	put_info(&b, n, i);
	/* noted before it is there: what is not there is not removed */
	if (outer && restore_list_add(n->r, &n->outer, (void *)(uintptr_t)&i->index) != 0) {
		free(b.buf);
		return restore_nomem(n->r);
	}
	if ((e = net_send(n, &b, o->id, "making interface", i->name)) != 0 && outer)
		n->outer.n--;
	return e;
}

/* Tun and tap are made through their device; 0 or errno. */
static int
set_tun(int fd, const Psnap__Interface *i)
{
	const Psnap__TunInterface *t = i->tun;
	unsigned index = i->index;
	struct ifreq q = { 0 };

	memcpy(q.ifr_name, i->name, strlen(i->name));
	q.ifr_flags = (short)((i->kind == PSNAP__INTERFACE_KIND__INTERFACE_TAP ? IFF_TAP : IFF_TUN) |
	    (t->packet_information ? 0 : IFF_NO_PI) | (t->virtio_header ? IFF_VNET_HDR : 0) |
	    (t->multi_queue ? IFF_MULTI_QUEUE : 0));
	if (ioctl(fd, TUNSETIFINDEX, &index) != 0 || ioctl(fd, TUNSETIFF, &q) != 0 || ioctl(fd, TUNSETPERSIST, 1) != 0 ||
	    (t->has_owner && ioctl(fd, TUNSETOWNER, (unsigned long)t->owner) != 0) ||
	    (t->has_group && ioctl(fd, TUNSETGROUP, (unsigned long)t->group) != 0))
		return errno;
	return 0;
}

static int
make_tun(struct net *n, const struct snap_object *o, const Psnap__Interface *i)
{
	int e = net_is_ours(n, n->fd), fd;

	if (e != 0)
		return e;
	if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC)) < 0)
		return restore_fail(n->r, NULL, o->id, errno, "interface %s: /dev/net/tun", i->name);
	e = set_tun(fd, i);
	close(fd);
	return e == 0 ? 0 : restore_fail(n->r, NULL, o->id, e, "interface %s: making it", i->name);
}

/* Whether that is there which it is made on. */
static bool
is_ready(const bool *made, const struct snap_object *const *v, size_t count, const Psnap__Interface *i)
{
	for (size_t k = 0; k < count; k++)
		if (v[k]->id == i->lower_id)
			return made[k];
	return true;	/* it is made on none */
}

/* Of a pair the first makes both. */
static int
make_one(struct net *n, const struct snap_object *o, const Psnap__Interface *i, const bool *made,
    const struct snap_object *const *v, size_t count)
{
	if (i->kind == PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK)
		return 0;	/* every namespace has it */
	if (i->tun != NULL)
		return make_tun(n, o, i);
	for (size_t k = 0; i->pair != NULL && k < count; k++)
		if (v[k]->id == i->pair->peer_id && made[k])
			return 0;
	return make_link(n, o, i);
}

/* ---- what they are given then ---- */

static void
put_port(struct netlink_batch *b, const Psnap__BridgePort *p)
{
	size_t info = netlink_nest(b, IFLA_LINKINFO), data;

	netlink_put_text(b, IFLA_INFO_SLAVE_KIND, "bridge");
	data = netlink_nest(b, IFLA_INFO_SLAVE_DATA);
	netlink_put16(b, IFLA_BRPORT_PRIORITY, (uint16_t)p->priority);
	netlink_put32(b, IFLA_BRPORT_COST, p->cost);
	netlink_put8(b, IFLA_BRPORT_MODE, p->hairpin != 0);
	netlink_put8(b, IFLA_BRPORT_GUARD, p->guard != 0);
	netlink_put8(b, IFLA_BRPORT_PROTECT, p->root_block != 0);
	netlink_put8(b, IFLA_BRPORT_FAST_LEAVE, p->fast_leave != 0);
	netlink_put8(b, IFLA_BRPORT_LEARNING, p->no_learning == 0);
	netlink_put8(b, IFLA_BRPORT_UNICAST_FLOOD, p->no_unicast_flood == 0);
	netlink_put8(b, IFLA_BRPORT_MCAST_FLOOD, p->no_multicast_flood == 0);
	netlink_put8(b, IFLA_BRPORT_BCAST_FLOOD, p->no_broadcast_flood == 0);
	netlink_put8(b, IFLA_BRPORT_ISOLATED, p->isolated != 0);
	netlink_nest_end(b, data);
	netlink_nest_end(b, info);
}

/* A change of the interface itself. */
static void
change(struct netlink_batch *b, const Psnap__Interface *i, unsigned flags, unsigned mask)
{
	const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = (int)i->index, .ifi_flags = flags,
	    .ifi_change = mask };

	netlink_begin(b, RTM_NEWLINK, NLM_F_ACK, &h, sizeof h);
}

/* What a kernel does not take when it makes one. */
static int
adjust(struct net *n, const struct snap_object *o, const Psnap__Interface *i)
{
	unsigned flags = (i->promiscuous ? IFF_PROMISC : 0) | (i->all_multicast ? IFF_ALLMULTI : 0) |
	    (i->no_multicast ? 0 : IFF_MULTICAST) | (i->no_arp ? IFF_NOARP : 0);
	struct netlink_batch b = { 0 };

	change(&b, i, flags, IFF_PROMISC | IFF_ALLMULTI | IFF_MULTICAST | IFF_NOARP);
	if (i->kind != PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK)
		net_put_bytes(&b, IFLA_ADDRESS, &i->link_address);
	netlink_put32(&b, IFLA_MTU, i->mtu);
	netlink_put32(&b, IFLA_TXQLEN, i->queue_length);
	netlink_put32(&b, IFLA_GROUP, i->group);
	if (i->alias[0] != '\0')
		netlink_put(&b, IFLA_IFALIAS, i->alias, strlen(i->alias));
	return net_send(n, &b, o->id, "adjusting interface", i->name);
}

static int
join(struct net *n, const struct snap_object *o, const Psnap__Interface *i)
{
	struct netlink_batch b = { 0 };
	int e;

	change(&b, i, 0, 0);
	netlink_put32(&b, IFLA_MASTER, net_index(n, i->master_id));
	if ((e = net_send(n, &b, o->id, "joining to its bridge interface", i->name)) != 0)
		return e;
	b = (struct netlink_batch){ 0 };
	change(&b, i, 0, 0);
	put_port(&b, i->port);
	return net_send(n, &b, o->id, "adjusting bridge port", i->name);
}

/* ---- all ---- */

static int
for_each(struct net *n, int (*fn)(struct net *n, const struct snap_object *o, const Psnap__Interface *i))
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE, &count);
	int e = 0;

	for (size_t i = 0; i < count && e == 0; i++)
		e = fn(n, v[i], (const void *)v[i]->message);
	return e;
}

/* From below upwards: a valid snapshot has no circles. */
static int
make_all(struct net *n)
{
	size_t count, left;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE, &count);
	bool *made = plan_alloc(n->r->p, count + 1);
	int e;

	if (made == NULL)
		return restore_nomem(n->r);
	for (left = count; left > 0;)
		for (size_t i = 0; i < count; i++) {
			const Psnap__Interface *x = (const void *)v[i]->message;

			if (made[i] || !is_ready(made, v, count, x))
				continue;
			if ((e = make_one(n, v[i], x, made, v, count)) != 0)
				return e;
			made[i] = true;
			left--;
		}
	return 0;
}

/* The least number of a port that is above this one; 0 none is. */
static uint32_t
next_port(const struct snap_object *const *v, size_t count, uint32_t after)
{
	uint32_t next = 0;

	for (size_t i = 0; i < count; i++) {
		const Psnap__Interface *x = (const void *)v[i]->message;

		if (x->port != NULL && x->port->number > after && (next == 0 || x->port->number < next))
			next = x->port->number;
	}
	return next;
}

/* A bridge numbers its ports as they come; those whose number is not known come first. */
static int
join_all(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE, &count);
	uint32_t number = 0;
	int e = 0;

	do {
		for (size_t i = 0; i < count && e == 0; i++) {
			const Psnap__Interface *x = (const void *)v[i]->message;

			if (x->port != NULL && x->port->number == number)
				e = join(n, v[i], x);
		}
	} while (e == 0 && (number = next_port(v, count, number)) != 0);
	return e;
}

int
interfaces_make(struct net *n)
{
	int e;

	if ((e = make_all(n)) != 0 || (e = join_all(n)) != 0)
		return e;
	return for_each(n, adjust);
}

static int
set_up(struct net *n, const struct snap_object *o, const Psnap__Interface *i)
{
	struct netlink_batch b = { 0 };

	if (!i->up)
		return 0;
	change(&b, i, IFF_UP, IFF_UP);
	return net_send(n, &b, o->id, "setting up interface", i->name);
}

int
interfaces_up(struct net *n)
{
	return for_each(n, set_up);
}
