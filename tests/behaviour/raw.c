/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets below UDP and TCP: raw, packet and netlink ones. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/socket.h>

#include "tests/behaviour/behave.h"

#define OWN_PROTOCOL	253	/* for experiments (RFC 3692): one that nobody else sends */
#define ICMP_FILTER_NAME 1
#define LO		1

static int fd, other;
static char buf[4096];

/* ---- raw ---- */

static struct sockaddr_in here = { .sin_family = AF_INET }, there = { .sin_family = AF_INET };
static struct sockaddr_in6 here6 = { .sin6_family = AF_INET6 };

/* Each at an address of its own: they all run at the same time. */
static void
bind_raw(const char *address)
{
	EXPECT(inet_pton(AF_INET, address, &here.sin_addr) == 1);
	EXPECT((fd = socket(AF_INET, SOCK_RAW, OWN_PROTOCOL)) >= 0 && bind(fd, (void *)&here, sizeof here) == 0);
	set_option(fd, IPPROTO_IP, IP_TTL, 33);
	set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
}

static void
raw_setup(void)
{
	bind_raw("127.0.0.41");
}

static void
expect_packet(const char *text)
{
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	EQUAL(n, 20 + (ssize_t)strlen(text));
	EXPECT(memcmp(buf + 20, text, strlen(text)) == 0);
}

static void
raw_check(void)
{
	struct sockaddr_in to = here;

	EXPECT(sendto(fd, "to itself", 9, 0, (void *)&to, sizeof to) == 9);
	expect_packet("to itself");
	EQUAL(((struct iphdr *)(void *)buf)->ttl, 33);
	EXPECT(inet_pton(AF_INET, "127.0.0.42", &to.sin_addr) == 1);
	EXPECT(sendto(fd, "elsewhere", 9, 0, (void *)&to, sizeof to) == 9);
	EXPECT(recv(fd, buf, sizeof buf, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	EQUAL(get_option(fd, IPPROTO_IP, IP_RECVTTL), 1);
}

static void
raw_connected_setup(void)
{
	bind_raw("127.0.0.43");
	there = here;
	there.sin_port = htons(1);
	EXPECT(connect(fd, (void *)&there, sizeof there) == 0);
}

static void
raw_connected_check(void)
{
	EXPECT(send(fd, "to itself", 9, 0) == 9);
	expect_packet("to itself");
}

static void
raw_header_setup(void)
{
	EXPECT((fd = socket(AF_INET, SOCK_RAW, OWN_PROTOCOL)) >= 0);
	set_option(fd, IPPROTO_IP, IP_HDRINCL, 1);
}

static void
raw_header_check(void)
{
	EQUAL(get_option(fd, IPPROTO_IP, IP_HDRINCL), 1);
}

static void
raw_icmp_setup(void)
{
	EXPECT((fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)) >= 0);
	set_option(fd, SOL_RAW, ICMP_FILTER_NAME, ~(1 << ICMP_ECHOREPLY));
}

static void
raw_icmp_check(void)
{
	EQUAL(get_option(fd, SOL_RAW, ICMP_FILTER_NAME), ~(1 << ICMP_ECHOREPLY));
}

static void
raw_icmp6_setup(void)
{
	struct icmp6_filter f;

	EXPECT((fd = socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6)) >= 0);
	ICMP6_FILTER_SETBLOCKALL(&f);
	ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &f);
	EXPECT(setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f, sizeof f) == 0);
}

static void
raw_icmp6_check(void)
{
	struct icmp6_filter f;
	socklen_t len = sizeof f;

	EXPECT(getsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, &f, &len) == 0);
	EXPECT(ICMP6_FILTER_WILLPASS(ICMP6_ECHO_REPLY, &f) && ICMP6_FILTER_WILLBLOCK(ICMP6_ECHO_REQUEST, &f));
}

static void
raw6_setup(void)
{
	here6.sin6_addr = in6addr_loopback;
	EXPECT((fd = socket(AF_INET6, SOCK_RAW, OWN_PROTOCOL)) >= 0 && bind(fd, (void *)&here6, sizeof here6) == 0);
	set_option(fd, IPPROTO_IPV6, IPV6_CHECKSUM, 2);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static void
raw6_check(void)
{
	EQUAL(get_option(fd, IPPROTO_IPV6, IPV6_CHECKSUM), 2);
	EQUAL(get_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
	EXPECT(sendto(fd, "to\0\0 itself", 11, 0, (void *)&here6, sizeof here6) == 11);
	EQUAL(recv(fd, buf, sizeof buf, MSG_DONTWAIT), 11);
}

static void
raw_multicast_setup(void)
{
	struct group_req q = { .gr_interface = LO };
	struct sockaddr_in group = { .sin_family = AF_INET };

	EXPECT(inet_pton(AF_INET, "239.9.9.9", &group.sin_addr) == 1);
	memcpy(&q.gr_group, &group, sizeof group);
	EXPECT((fd = socket(AF_INET, SOCK_RAW, OWN_PROTOCOL)) >= 0);
	EXPECT(setsockopt(fd, IPPROTO_IP, MCAST_JOIN_GROUP, &q, sizeof q) == 0);
}

static void
raw_multicast_check(void)
{
	struct group_req q = { .gr_interface = LO };
	struct sockaddr_in group = { .sin_family = AF_INET };

	EXPECT(inet_pton(AF_INET, "239.9.9.9", &group.sin_addr) == 1);
	memcpy(&q.gr_group, &group, sizeof group);
	EXPECT(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &q, sizeof q) == 0);
}

/* ---- packet ---- */

#define OWN_TYPE	0x88b5	/* local experimental Ethertypes */
#define FILTERED_TYPE	0x88b6

static struct sockaddr_ll link_here = { .sll_family = AF_PACKET, .sll_ifindex = LO, .sll_halen = 6 };

static void
packet(int type, uint16_t protocol)
{
	link_here.sll_protocol = htons(protocol);
	EXPECT((fd = socket(AF_PACKET, type, 0)) >= 0 && bind(fd, (void *)&link_here, sizeof link_here) == 0);
}

static void
packet_setup(void)
{
	packet(SOCK_DGRAM, OWN_TYPE);
	set_option(fd, SOL_PACKET, PACKET_AUXDATA, 1);
	set_option(fd, SOL_PACKET, PACKET_ORIGDEV, 1);
	set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	set_option(fd, SOL_PACKET, PACKET_RESERVE, 64);
}

static void
packet_check(void)
{
	struct sockaddr_ll a;
	socklen_t len = sizeof a;

	EXPECT(getsockname(fd, (void *)&a, &len) == 0);
	EQUAL(ntohs(a.sll_protocol), OWN_TYPE);
	EQUAL(a.sll_ifindex, LO);
	EQUAL(get_option(fd, SOL_PACKET, PACKET_AUXDATA), 1);
	EQUAL(get_option(fd, SOL_PACKET, PACKET_ORIGDEV), 1);
	EQUAL(get_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING), 1);
	EQUAL(get_option(fd, SOL_PACKET, PACKET_RESERVE), 64);
	EXPECT((other = socket(AF_PACKET, SOCK_DGRAM, 0)) >= 0);
	EXPECT(sendto(other, "frame", 5, 0, (void *)&link_here, sizeof link_here) == 5);
	EQUAL(recv(fd, buf, sizeof buf, MSG_DONTWAIT), 5);
}

static void
packet_unbound_setup(void)
{
	EXPECT((fd = socket(AF_PACKET, SOCK_RAW, 0)) >= 0);
}

static void
packet_unbound_check(void)
{
	struct sockaddr_ll a;
	socklen_t len = sizeof a;
	int type = get_option(fd, SOL_SOCKET, SO_TYPE);

	EXPECT(getsockname(fd, (void *)&a, &len) == 0 && a.sll_protocol == 0 && a.sll_ifindex == 0);
	EQUAL(type, SOCK_RAW);
}

static struct packet_mreq asked[] = {
	{ .mr_ifindex = LO, .mr_type = PACKET_MR_ALLMULTI },
	{ .mr_ifindex = LO, .mr_type = PACKET_MR_MULTICAST, .mr_alen = 6, .mr_address = { 1, 0, 0x5e, 1, 2, 3 } },
};

static void
packet_member_setup(void)
{
	packet(SOCK_RAW, OWN_TYPE);
	for (int i = 0; i < 3; i++)
		EXPECT(setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &asked[i / 2], sizeof asked[0]) == 0);
}

static int
drop(int i)
{
	return setsockopt(fd, SOL_PACKET, PACKET_DROP_MEMBERSHIP, &asked[i], sizeof asked[0]);
}

/* One was asked for twice; the kernel says nothing about one too many. */
static void
packet_member_check(void)
{
	FILE *f = fopen("/proc/net/dev_mcast", "r");
	bool found = false;

	EXPECT(f != NULL);
	while (fgets(buf, sizeof buf, f) != NULL)
		found |= strstr(buf, "01005e010203") != NULL;
	fclose(f);
	EXPECT(found);
	EXPECT(drop(0) == 0 && drop(0) == 0 && drop(1) == 0);
}

/* Only frames of two bytes. */
static void
packet_filter_setup(void)
{
	struct sock_filter two[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 2, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { 4, two };

	packet(SOCK_DGRAM, FILTERED_TYPE);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
}

static void
packet_filter_check(void)
{
	EXPECT((other = socket(AF_PACKET, SOCK_DGRAM, 0)) >= 0);
	set_option(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1);
	while (recv(fd, buf, sizeof buf, MSG_DONTWAIT) >= 0)
		;
	EXPECT(sendto(other, "not", 3, 0, (void *)&link_here, sizeof link_here) == 3);
	EXPECT(sendto(other, "ok", 2, 0, (void *)&link_here, sizeof link_here) == 2);
	EQUAL(recv(fd, buf, sizeof buf, MSG_DONTWAIT), 2);
	EXPECT(recv(fd, buf, sizeof buf, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

/* ---- netlink ---- */

static struct sockaddr_nl port = { .nl_family = AF_NETLINK };

static void
netlink(int protocol)
{
	socklen_t len = sizeof port;

	EXPECT((fd = socket(AF_NETLINK, SOCK_RAW, protocol)) >= 0 && bind(fd, (void *)&port, sizeof port) == 0);
	EXPECT(getsockname(fd, (void *)&port, &len) == 0);
}

static void
netlink_setup(void)
{
	netlink(NETLINK_ROUTE);
	set_option(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, 1);
	set_option(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, 1);
}

/* The answers come to the port it had. */
static void
netlink_answers(void)
{
	struct { struct nlmsghdr h; struct ifinfomsg m; } q = { .h = { .nlmsg_len = sizeof q,
	    .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 7 }, .m = { .ifi_index = LO } };
	struct nlmsghdr *h = (void *)buf;
	struct sockaddr_nl a;
	socklen_t len = sizeof a;

	EXPECT(getsockname(fd, (void *)&a, &len) == 0);
	EQUAL(a.nl_pid, port.nl_pid);
	EXPECT(send(fd, &q, sizeof q, 0) == sizeof q && recv(fd, buf, sizeof buf, 0) > 0);
	EXPECT(h->nlmsg_type == RTM_NEWLINK && h->nlmsg_seq == 7);
}

static void
netlink_check(void)
{
	netlink_answers();
	EQUAL(get_option(fd, SOL_NETLINK, NETLINK_EXT_ACK), 1);
	EQUAL(get_option(fd, SOL_NETLINK, NETLINK_CAP_ACK), 1);
	EQUAL(get_option(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK), 1);
	EQUAL(get_option(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS), 1);
}

static void
netlink_unbound_setup(void)
{
	EXPECT((fd = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE)) >= 0);
}

static void
netlink_unbound_check(void)
{
	EQUAL(get_option(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
	port.nl_pid = (uint32_t)getpid();
	EXPECT(bind(fd, (void *)&port, sizeof port) == 0);
	netlink_answers();
}

static void
netlink_groups_setup(void)
{
	netlink(NETLINK_ROUTE);
	set_option(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_NSID);
	set_option(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, RTNLGRP_MPLS_NETCONF);
}

static void
netlink_groups_check(void)
{
	uint32_t bits[4] = { 0 }, want[4] = { 0 };
	socklen_t len = sizeof bits;

	want[(RTNLGRP_NSID - 1) / 32] |= 1u << (RTNLGRP_NSID - 1) % 32;
	want[(RTNLGRP_MPLS_NETCONF - 1) / 32] |= 1u << (RTNLGRP_MPLS_NETCONF - 1) % 32;
	EXPECT(getsockopt(fd, SOL_NETLINK, NETLINK_LIST_MEMBERSHIPS, bits, &len) == 0);
	EXPECT(memcmp(bits, want, sizeof bits) == 0);
	netlink_answers();
}

static void
netlink_events_setup(void)
{
	port.nl_groups = 1;
	netlink(NETLINK_KOBJECT_UEVENT);
}

static void
netlink_events_check(void)
{
	struct sockaddr_nl a;
	socklen_t len = sizeof a;

	EXPECT(getsockname(fd, (void *)&a, &len) == 0 && a.nl_groups == 1);
	EQUAL(a.nl_pid, port.nl_pid);
	EQUAL(get_option(fd, SOL_SOCKET, SO_PROTOCOL), NETLINK_KOBJECT_UEVENT);
}

const struct behaviour raw[] = {
	{ "raw_ipv4", raw_setup, raw_check },
	{ "raw_connected", raw_connected_setup, raw_connected_check },
	{ "raw_header_included", raw_header_setup, raw_header_check },
	{ "raw_icmp_filter", raw_icmp_setup, raw_icmp_check },
	{ "raw_icmpv6_filter", raw_icmp6_setup, raw_icmp6_check },
	{ "raw_ipv6", raw6_setup, raw6_check },
	{ "raw_multicast", raw_multicast_setup, raw_multicast_check },
	{ "raw_packet", packet_setup, packet_check },
	{ "raw_packet_unbound", packet_unbound_setup, packet_unbound_check },
	{ "raw_packet_memberships", packet_member_setup, packet_member_check },
	{ "raw_packet_filter", packet_filter_setup, packet_filter_check },
	{ "raw_netlink", netlink_setup, netlink_check },
	{ "raw_netlink_unbound", netlink_unbound_setup, netlink_unbound_check },
	{ "raw_netlink_groups", netlink_groups_setup, netlink_groups_check },
	{ "raw_netlink_events", netlink_events_setup, netlink_events_check },
	{ NULL, NULL, NULL },
};
