/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink and packet sockets: what they are bound to and belong to.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "libsnap/restore/linux/linux.h"

/* ---- netlink ---- */

int
netlink_bind(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sockaddr_nl a = { .nl_family = AF_NETLINK, .nl_pid = s->local != NULL ? s->local->netlink_port : 0 };

	if (a.nl_pid != 0 && bind(fd, (const void *)&a, sizeof a) != 0)
		return restore_fail(r, NULL, id, errno, "binding a netlink socket to port %u", a.nl_pid);
	for (size_t i = 0; i < s->n_netlink_groups; i++)
		if (option_set(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, (int)s->netlink_groups[i]) != 0)
			return restore_fail(r, NULL, id, errno, "joining netlink group %u", s->netlink_groups[i]);
	return 0;
}

/* ---- packet ---- */

int
interface_here(int fd, const ProtobufCBinaryData *name)
{
	struct ifreq i = { 0 };

	if (name->len == 0)
		return 0;
	memcpy(i.ifr_name, name->data, name->len < IFNAMSIZ ? name->len : IFNAMSIZ - 1);
	return ioctl(fd, SIOCGIFINDEX, &i) == 0 ? i.ifr_ifindex : -1;
}

static int
join(int fd, const Psnap__PacketMembership *m)
{
	static const unsigned short kinds[] = {
		[PSNAP__PACKET_MEMBERSHIP_KIND__PACKET_MEMBERSHIP_MULTICAST] = PACKET_MR_MULTICAST,
		[PSNAP__PACKET_MEMBERSHIP_KIND__PACKET_MEMBERSHIP_PROMISCUOUS] = PACKET_MR_PROMISC,
		[PSNAP__PACKET_MEMBERSHIP_KIND__PACKET_MEMBERSHIP_ALL_MULTICAST] = PACKET_MR_ALLMULTI,
		[PSNAP__PACKET_MEMBERSHIP_KIND__PACKET_MEMBERSHIP_UNICAST] = PACKET_MR_UNICAST,
	};
	struct { struct packet_mreq m; uint8_t rest[32 - 8]; } q = { .m = { .mr_ifindex = interface_here(fd, &m->interface),
	    .mr_type = kinds[(size_t)m->kind < sizeof kinds / sizeof *kinds ? m->kind : 0],
	    .mr_alen = (unsigned short)m->address.len } };

	if (q.m.mr_ifindex < 0)
		return -1;
	if (m->address.len > 0)
		memcpy((uint8_t *)&q + offsetof(struct packet_mreq, mr_address), m->address.data, m->address.len);
	for (uint32_t i = 0; i < m->count; i++)
		if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &q, sizeof q) != 0)
			return -1;
	return 0;
}

/* Made for no protocol, it hears nothing until it is bound. */
int
packet_bind(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sockaddr_ll a = { .sll_family = AF_PACKET, .sll_protocol = htons((uint16_t)s->protocol) };

	if (s->local != NULL && (a.sll_ifindex = interface_here(fd, &s->local->interface)) < 0)
		return restore_fail(r, NULL, id, errno, "finding the interface of a packet socket");
	for (size_t i = 0; i < s->n_packet_memberships; i++)
		if (join(fd, s->packet_memberships[i]) != 0)
			return restore_fail(r, NULL, id, errno, "asking an interface for more than its own packets");
	if ((a.sll_protocol != 0 || a.sll_ifindex != 0) && bind(fd, (const void *)&a, sizeof a) != 0)
		return restore_fail(r, NULL, id, errno, "binding a packet socket");
	return 0;
}
