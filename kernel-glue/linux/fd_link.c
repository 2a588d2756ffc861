/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink and packet sockets.  What is unread in them cannot be put back, and
 * what subsystems hold for a netlink socket is shown by none of them: only the
 * protocols where that is nothing are held.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/packet_diag.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS	0x894C		/* asm-generic/sockios.h: the socket's network namespace */
#endif
#define GROUPS_MAX	1024

static int
cover(struct dump *d, const struct socket_object *s, uint32_t severity, const char *feature, const char *what)
{
	return dump_cover(d, severity, s->proc, 0, s->fd, s->id, feature, "%s", what);
}

int
unread_cover(struct dump *d, const struct socket_object *s, int local, uint32_t severity)
{
	struct pollfd p = { .fd = local, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & (POLLIN | POLLERR) ? cover(d, s, severity, "unread-lost",
	    "what is unread in a raw, packet or netlink socket is not held") : 0;
}

/* ---- netlink ---- */

bool
netlink_is_held(uint32_t protocol)
{
	return protocol == NETLINK_ROUTE || protocol == NETLINK_SOCK_DIAG || protocol == NETLINK_KOBJECT_UEVENT;
}

int
netlink_groups(struct dump *d, struct socket_object *s, const uint32_t *words, size_t n)
{
	if ((s->groups = dump_alloc(d, n * 32 * sizeof *s->groups)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	for (uint32_t i = 0; i < n * 32; i++)
		if (words[i / 32] & UINT32_C(1) << i % 32)
			s->groups[s->ngroups++] = i + 1;
	return 0;
}

static int
read_groups(struct dump *d, struct socket_object *s, int local)
{
	uint32_t words[GROUPS_MAX / 32] = { 0 };
	socklen_t len = sizeof words;

	if (getsockopt(local, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, words, &len) != 0 || len > sizeof words)
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "netlink-socket", "a netlink socket: its groups are not shown");
	return netlink_groups(d, s, words, len / sizeof *words);
}

/* An answer that does not come is waited for; a note of a change may be lost at any time. */
int
netlink_collect(struct dump *d, struct socket_object *s, int local)
{
	const struct sockaddr_nl *to = (const void *)s->remote;
	int r;

	if (!netlink_is_held(s->protocol))
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "netlink-socket",
		    "a netlink socket for which the kernel may hold more than it shows");
	if (to->nl_pid != 0 || to->nl_groups != 0)
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "netlink-socket", "a netlink socket connected to another");
	s->remote_len = 0;
	s->state = PSNAP_SOCKET_UNCONNECTED;
	if ((r = read_groups(d, s, local)) != 0)
		return r;
	return unread_cover(d, s, local, s->ngroups > 0 ? PSNAP_COVERAGE_DEGRADES : PSNAP_COVERAGE_BREAKS);
}

/* ---- packet ---- */

struct packet {
	struct socket_object *s;
	int		local;
	bool		found, unnamed;		/* in the list; an interface of it is gone */
};

static void
name_interface(const struct packet *p, uint32_t number, char name[16])
{
	struct ifreq i = { .ifr_ifindex = (int)number };

	if (number != 0 && ioctl(p->local, SIOCGIFNAME, &i) == 0)
		memcpy(name, i.ifr_name, 16);
}

static int
take_memberships(struct dump *d, struct packet *p, const struct rtattr *a)
{
	const struct packet_diag_mclist *v = RTA_DATA(a);

	for (size_t i = 0; i < RTA_PAYLOAD(a) / sizeof *v; i++) {
		struct packet_membership *m = dump_alloc(d, sizeof *m);

		if (m == NULL || list_add(d, &p->s->memberships, m) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p->s->proc, "out of memory");
		m->kind = v[i].pdmc_type;
		m->count = v[i].pdmc_count;
		m->len = v[i].pdmc_alen <= sizeof m->address ? v[i].pdmc_alen : 0;
		memcpy(m->address, v[i].pdmc_addr, m->len);
		name_interface(p, v[i].pdmc_index, m->interface);
		if (m->interface[0] == '\0')
			p->unnamed = true;
	}
	return 0;
}

static int
take_packet(struct dump *d, const struct nlmsghdr *h, void *ctx)
{
	const struct packet_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(const void *)(m + 1);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m)), r = 0;
	struct packet *p = ctx;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || m->pdiag_ino != p->s->ino)
		return 0;
	p->found = true;
	for (; r == 0 && RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == PACKET_DIAG_MCLIST)
			r = take_memberships(d, p, a);
		else if (a->rta_type == PACKET_DIAG_RX_RING || a->rta_type == PACKET_DIAG_TX_RING)
			r = cover(d, p->s, PSNAP_COVERAGE_BREAKS, "packet-ring",
			    "a packet socket that shares a ring of packets with the kernel");
		else if (a->rta_type == PACKET_DIAG_FANOUT)
			r = cover(d, p->s, PSNAP_COVERAGE_BREAKS, "packet-fanout", "a packet socket in a group");
	}
	return r;
}

/* In its own network namespace. */
static int
ask(struct dump *d, struct packet *p)
{
	const struct packet_diag_req request = { .sdiag_family = AF_PACKET,
	    .pdiag_show = PACKET_SHOW_MCLIST | PACKET_SHOW_RING_CFG | PACKET_SHOW_FANOUT };
	int netns = ioctl(p->local, SIOCGSKNS), r;

	if (netns < 0)
		return 0;
	r = diag_dump(d, netns, &request, sizeof request, take_packet, p);
	close(netns);
	return r == DIAG_UNKNOWN ? 0 : r;
}

int
packet_collect(struct dump *d, struct socket_object *s, int local)
{
	const struct sockaddr_ll *at = (const void *)s->local;
	struct packet p = { .s = s, .local = local };
	int r;

	s->protocol = ntohs(at->sll_protocol);
	name_interface(&p, (uint32_t)at->sll_ifindex, s->interface);
	if ((r = ask(d, &p)) != 0)
		return r;
	if (!p.found || p.unnamed || (at->sll_ifindex != 0 && s->interface[0] == '\0'))
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "packet-socket",
		    "a packet socket: what it is bound to and belongs to is not shown");
	return unread_cover(d, s, local, PSNAP_COVERAGE_DEGRADES);
}

/* ---- emitting ---- */

static void
emit_packet_memberships(struct glue_emit *e, const struct socket_object *s)
{
	static const uint32_t kinds[] = { [PACKET_MR_MULTICAST] = PSNAP_PACKET_MEMBERSHIP_MULTICAST,
	    [PACKET_MR_PROMISC] = PSNAP_PACKET_MEMBERSHIP_PROMISCUOUS,
	    [PACKET_MR_ALLMULTI] = PSNAP_PACKET_MEMBERSHIP_ALL_MULTICAST,
	    [PACKET_MR_UNICAST] = PSNAP_PACKET_MEMBERSHIP_UNICAST };

	for (size_t i = 0; i < s->memberships.n; i++) {
		const struct packet_membership *m = s->memberships.v[i];

		glue_emit_open(e, PSNAP_F_SOCKET_PACKET_MEMBERSHIPS);
		glue_emit_uint(e, PSNAP_F_PACKET_MEMBERSHIP_KIND, m->kind < 4 ? kinds[m->kind] : 0);
		glue_emit_string(e, PSNAP_F_PACKET_MEMBERSHIP_INTERFACE, m->interface);
		glue_emit_bytes(e, PSNAP_F_PACKET_MEMBERSHIP_ADDRESS, m->address, m->len);
		glue_emit_uint(e, PSNAP_F_PACKET_MEMBERSHIP_COUNT, m->count);
		glue_emit_close(e);
	}
}

void
link_emit(struct glue_emit *e, const struct socket_object *s)
{
	glue_emit_packed64(e, PSNAP_F_SOCKET_NETLINK_GROUPS, s->groups, s->ngroups);
	if (s->family == AF_PACKET)
		emit_packet_memberships(e, s);
}
