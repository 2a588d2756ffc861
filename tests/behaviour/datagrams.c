/* SPDX-License-Identifier: BSD-2-Clause */
/* Sockets of UDP and UDP-Lite: what is unread in them, their options, groups and filters. */
#include <arpa/inet.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stddef.h>
#include <sys/socket.h>

#include "tests/behaviour/behave.h"

#define UDPLITE_SEND_CSCOV	10
#define UDPLITE_RECV_CSCOV	11
#define IPV6_MULTICAST_ALL_HERE	29

static int fd, from;
static struct sockaddr_storage at, source;	/* of fd, of from */
static socklen_t at_len = sizeof at, source_len = sizeof source;
static char buf[70000], want[70000];

/* ---- sockets ---- */

static int
bound(int family, int protocol, const char *ip)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	int s = socket(family, SOCK_DGRAM, protocol);

	EXPECT(s >= 0 && inet_pton(family, ip, family == AF_INET ? (void *)&in.sin_addr : &in6.sin6_addr) == 1);
	EXPECT(family == AF_INET ? bind(s, (void *)&in, sizeof in) == 0 : bind(s, (void *)&in6, sizeof in6) == 0);
	return s;
}

/* One that receives, and one that sends to it. */
static void
two(int family, int protocol)
{
	const char *ip = family == AF_INET ? "127.0.0.1" : "::1";

	fd = bound(family, protocol, ip);
	from = bound(family, protocol, ip);
	EXPECT(getsockname(fd, (void *)&at, &at_len) == 0 && getsockname(from, (void *)&source, &source_len) == 0);
}

static void
send_text(const char *text)
{
	EQUAL(sendto(from, text, strlen(text), 0, (void *)&at, at_len), strlen(text));
}

/* From whom it was sent. */
static void
expect_text(const char *text)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	ssize_t n = recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&a, &len);

	EQUAL(n, strlen(text));
	EXPECT(memcmp(buf, text, (size_t)n) == 0);
	EXPECT(len == source_len && memcmp(&a, &source, len) == 0);
}

static void
expect_no_more(void)
{
	EXPECT(recv(fd, buf, sizeof buf, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

/* ---- unread ---- */

static void
send_three(void)
{
	send_text("first");
	send_text("");
	send_text("third");
}

static void
three_check(void)
{
	expect_text("first");
	expect_text("");
	expect_text("third");
	expect_no_more();
	send_text("more");
	expect_text("more");
}

static void
unread_setup(void)
{
	two(AF_INET, 0);
	send_three();
}

static void
unread6_setup(void)
{
	two(AF_INET6, 0);
	send_three();
}

static void
lite_setup(void)
{
	two(AF_INET, IPPROTO_UDPLITE);
	set_option(from, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV, 20);
	set_option(fd, IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV, 12);
	send_text("first");
	send_text("second");
}

static void
lite_check(void)
{
	expect_text("first");
	expect_text("second");
	expect_no_more();
	EQUAL(get_option(from, IPPROTO_UDPLITE, UDPLITE_SEND_CSCOV), 20);
	EQUAL(get_option(fd, IPPROTO_UDPLITE, UDPLITE_RECV_CSCOV), 12);
	send_text("third");
	expect_text("third");
}

/* To a socket of both families, from one of IPv4. */
static void
mapped_setup(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 *mapped = (void *)&source;

	fd = bound(AF_INET6, 0, "::");
	from = bound(AF_INET, 0, "127.0.0.1");
	EXPECT(getsockname(fd, (void *)&at, &at_len) == 0);
	in.sin_port = ((struct sockaddr_in6 *)(void *)&at)->sin6_port;
	memcpy(&at, &in, at_len = sizeof in);
	EXPECT(getsockname(from, (void *)&in, &(socklen_t){ sizeof in }) == 0);
	*mapped = (struct sockaddr_in6){ .sin6_family = AF_INET6, .sin6_port = in.sin_port };
	EXPECT(inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped->sin6_addr) == 1);
	source_len = sizeof *mapped;
	send_three();
}

/* From an address that nobody here has. */
static void
foreign(int family, const char *ip)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(5353) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(5353) };
	bool four = family == AF_INET;

	two(family, 0);
	close(from);
	EXPECT((from = socket(family, SOCK_DGRAM, 0)) >= 0);
	EXPECT(inet_pton(family, ip, four ? (void *)&in.sin_addr : &in6.sin6_addr) == 1);
	set_option(from, four ? IPPROTO_IP : IPPROTO_IPV6, four ? IP_TRANSPARENT : IPV6_TRANSPARENT, 1);
	memcpy(&source, four ? (void *)&in : (void *)&in6, source_len = four ? sizeof in : sizeof in6);
	EXPECT(bind(from, (void *)&source, source_len) == 0);
	send_three();
}

static void
foreign_setup(void)
{
	foreign(AF_INET, "203.0.113.5");
}

static void
foreign6_setup(void)
{
	foreign(AF_INET6, "2001:db8::5");
}

/* Nobody there sends a second time. */
static void
foreign_check(void)
{
	expect_text("first");
	expect_text("");
	expect_text("third");
	expect_no_more();
}

static void
large_setup(void)
{
	two(AF_INET, 0);
	memset(want, 'x', 65507);
	want[0] = 'a';
	want[65506] = 'z';
	send_text(want);
	send_text("after");
}

static void
large_check(void)
{
	expect_text(want);
	expect_text("after");
	expect_no_more();
}

static void
large6_setup(void)
{
	two(AF_INET6, 0);
	memset(want, 'x', 65487);
	want[65486] = 'z';
	send_text(want);
	send_text("after");
}

static void
many_setup(void)
{
	two(AF_INET, 0);
	for (int i = 0; i < 100; i++) {
		snprintf(want, sizeof want, "number %d", i);
		send_text(want);
	}
}

static void
many_check(void)
{
	for (int i = 0; i < 100; i++) {
		snprintf(want, sizeof want, "number %d", i);
		expect_text(want);
	}
	expect_no_more();
}

static void
connected_setup(void)
{
	two(AF_INET, 0);
	EXPECT(connect(fd, (void *)&source, source_len) == 0);
	send_three();
}

static void
connected_check(void)
{
	expect_text("first");
	expect_text("");
	expect_text("third");
	EQUAL(send(fd, "back", 4, 0), 4);
	EQUAL(recv(from, buf, sizeof buf, MSG_DONTWAIT), 4);
	EXPECT(connect(from, (void *)&at, at_len) == 0 && close(fd) == 0);
}

static void
ended_setup(void)
{
	unread_setup();
	close(from);
}

/* One port, four sockets: which of them gets it is up to the sender's address. */
static int group[4], got[4];

static void
group_setup(void)
{
	from = bound(AF_INET, 0, "127.0.0.1");
	EXPECT(getsockname(from, (void *)&source, &source_len) == 0);
	for (int i = 0; i < 4; i++) {
		struct sockaddr_in in = { .sin_family = AF_INET };

		EXPECT((group[i] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0);
		set_option(group[i], SOL_SOCKET, SO_REUSEPORT, 1);
		EXPECT(bind(group[i], i == 0 ? (void *)&in : (void *)&at, sizeof in) == 0);
		EXPECT(getsockname(group[i], (void *)&at, &at_len) == 0);
	}
	((struct sockaddr_in *)(void *)&at)->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	for (int i = 0; i < 20; i++) {
		int s = socket(AF_INET, SOCK_DGRAM, 0);

		EXPECT(sendto(s, "x", 1, 0, (void *)&at, at_len) == 1 && close(s) == 0);
	}
	for (int i = 0; i < 4; i++) {
		set_option(group[i], SOL_SOCKET, SO_PEEK_OFF, 0);
		while (recv(group[i], buf, 1, MSG_PEEK | MSG_DONTWAIT) == 1)
			got[i]++;
		set_option(group[i], SOL_SOCKET, SO_PEEK_OFF, -1);
	}
	EQUAL(got[0] + got[1] + got[2] + got[3], 20);
}

static void
group_check(void)
{
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < got[i]; k++)
			EQUAL(recv(group[i], buf, sizeof buf, MSG_DONTWAIT), 1);
		fd = group[i];
		expect_no_more();
	}
}

static void
device_setup(void)
{
	two(AF_INET, 0);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, "lo", 2) == 0);
	send_three();
}

/* ---- what comes with them ---- */

static void
expect_note(struct msghdr *m, int level, int type, int value)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_level == level && c->cmsg_type == type) {
			int v = 0;

			memcpy(&v, CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0) < 4 ? 1 : 4);
			EQUAL(v, value);
			return;
		}
	fail(__FILE__, __LINE__, "a note is missing");
}

static void
expect_destination(struct msghdr *m, int type, const void *address, size_t offset, size_t len)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c != NULL; c = CMSG_NXTHDR(m, c))
		if (c->cmsg_type == type && (c->cmsg_level == IPPROTO_IP || c->cmsg_level == IPPROTO_IPV6)) {
			EXPECT(memcmp(CMSG_DATA(c) + offset, address, len) == 0);
			return;
		}
	fail(__FILE__, __LINE__, "the destination is missing");
}

static uint8_t control[512];
static struct iovec io = { buf, sizeof buf };

static struct msghdr
receive(void)
{
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control };

	EQUAL(recvmsg(fd, &m, MSG_DONTWAIT), 5);
	return m;
}

static void
notes_setup(void)
{
	struct sockaddr_in *in = (void *)&at;

	fd = bound(AF_INET, 0, "0.0.0.0");
	from = bound(AF_INET, 0, "127.0.0.1");
	EXPECT(getsockname(fd, (void *)&at, &at_len) == 0 && inet_pton(AF_INET, "127.0.0.9", &in->sin_addr) == 1);
	set_option(fd, IPPROTO_IP, IP_PKTINFO, 1);
	set_option(fd, IPPROTO_IP, IP_RECVTTL, 1);
	set_option(fd, IPPROTO_IP, IP_RECVTOS, 1);
	set_option(from, IPPROTO_IP, IP_TTL, 17);
	set_option(from, IPPROTO_IP, IP_TOS, 0x48);
	send_text("notes");
}

static void
notes_once(void)
{
	struct msghdr m = receive();

	expect_note(&m, IPPROTO_IP, IP_TTL, 17);
	expect_note(&m, IPPROTO_IP, IP_TOS, 0x48);
	expect_destination(&m, IP_PKTINFO, &((struct sockaddr_in *)(void *)&at)->sin_addr,
	    offsetof(struct in_pktinfo, ipi_addr), 4);
}

static void
notes_check(void)
{
	notes_once();
	send_text("again");
	notes_once();
}

static void
notes6_setup(void)
{
	two(AF_INET6, 0);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
	set_option(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
	set_option(from, IPPROTO_IPV6, IPV6_UNICAST_HOPS, 17);
	set_option(from, IPPROTO_IPV6, IPV6_TCLASS, 0x48);
	send_text("notes");
}

static void
notes6_once(void)
{
	struct msghdr m = receive();

	expect_note(&m, IPPROTO_IPV6, IPV6_HOPLIMIT, 17);
	expect_note(&m, IPPROTO_IPV6, IPV6_TCLASS, 0x48);
	expect_destination(&m, IPV6_PKTINFO, &in6addr_loopback, offsetof(struct in6_pktinfo, ipi6_addr), 16);
}

static void
notes6_check(void)
{
	notes6_once();
	send_text("again");
	notes6_once();
}

/* Several that arrive as one are read as several, or as one. */
static void
joined_setup(void)
{
	two(AF_INET, 0);
	set_option(fd, IPPROTO_UDP, UDP_GRO, 1);
	set_option(from, IPPROTO_UDP, UDP_SEGMENT, 100);
	memset(want, 'j', 1000);
	for (int i = 0; i < 1000; i++)
		want[i] = (char)('a' + i % 23);
	send_text(want);
}

static void
joined_check(void)
{
	size_t at_byte = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0) {
		EXPECT(n % 100 == 0 && memcmp(buf, want + at_byte, (size_t)n) == 0);
		at_byte += (size_t)n;
	}
	EQUAL(at_byte, 1000);
	EQUAL(get_option(fd, IPPROTO_UDP, UDP_GRO), 1);
	EQUAL(get_option(from, IPPROTO_UDP, UDP_SEGMENT), 100);
}

/* ---- options ---- */

static const struct option { int level, name, value; } socket_level[] = {
	{ SOL_SOCKET, SO_BROADCAST, 1 }, { SOL_SOCKET, SO_NO_CHECK, 1 }, { SOL_SOCKET, SO_RXQ_OVFL, 1 },
	{ SOL_SOCKET, SO_SELECT_ERR_QUEUE, 1 }, { SOL_SOCKET, SO_PEEK_OFF, 3 }, { SOL_SOCKET, SO_PRIORITY, 5 },
	{ SOL_SOCKET, SO_TIMESTAMPING, 0x98 }, { SOL_SOCKET, SO_MARK, 77 }, { SOL_SOCKET, SO_PEEK_OFF, 0 },
	{ 0, 0, 0 },
}, udp_level[] = {
	{ IPPROTO_UDP, UDP_SEGMENT, 1200 }, { IPPROTO_UDP, UDP_GRO, 1 }, { IPPROTO_UDP, UDP_NO_CHECK6_TX, 1 },
	{ IPPROTO_UDP, UDP_NO_CHECK6_RX, 1 }, { 0, 0, 0 },
}, ip_level[] = {
	{ IPPROTO_IP, IP_TOS, 0x10 }, { IPPROTO_IP, IP_TTL, 9 }, { IPPROTO_IP, IP_RECVERR, 1 },
	{ IPPROTO_IP, IP_PKTINFO, 1 }, { IPPROTO_IP, IP_RECVTTL, 1 }, { IPPROTO_IP, IP_RECVTOS, 1 },
	{ IPPROTO_IP, IP_RECVOPTS, 1 }, { IPPROTO_IP, IP_RETOPTS, 1 }, { IPPROTO_IP, IP_MINTTL, 4 },
	{ IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1 }, { IPPROTO_IP, IP_RECVFRAGSIZE, 1 },
	{ IPPROTO_IP, IP_RECVORIGDSTADDR, 1 }, { IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO },
	{ IPPROTO_IP, IP_CHECKSUM, 1 }, { IPPROTO_IP, IP_TRANSPARENT, 1 }, { IPPROTO_IP, IP_FREEBIND, 1 }, { 0, 0, 0 },
}, multicast_level[] = {
	{ IPPROTO_IP, IP_MULTICAST_LOOP, 0 }, { IPPROTO_IP, IP_MULTICAST_ALL, 0 }, { IPPROTO_IP, IP_MULTICAST_TTL, 0 },
	{ IPPROTO_IP, IP_MULTICAST_IF, INADDR_LOOPBACK }, { 0, 0, 0 },
}, ipv6_level[] = {
	{ IPPROTO_IPV6, IPV6_V6ONLY, 1 }, { IPPROTO_IPV6, IPV6_UNICAST_HOPS, 9 }, { IPPROTO_IPV6, IPV6_TCLASS, 0x20 },
	{ IPPROTO_IPV6, IPV6_RECVERR, 1 }, { IPPROTO_IPV6, IPV6_RECVPKTINFO, 1 }, { IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1 },
	{ IPPROTO_IPV6, IPV6_RECVRTHDR, 1 }, { IPPROTO_IPV6, IPV6_RECVHOPOPTS, 1 }, { IPPROTO_IPV6, IPV6_RECVDSTOPTS, 1 },
	{ IPPROTO_IPV6, IPV6_RECVTCLASS, 1 }, { IPPROTO_IPV6, IPV6_RECVPATHMTU, 1 }, { IPPROTO_IPV6, IPV6_DONTFRAG, 1 },
	{ IPPROTO_IPV6, IPV6_AUTOFLOWLABEL, 0 }, { IPPROTO_IPV6, IPV6_MINHOPCOUNT, 3 },
	{ IPPROTO_IPV6, IPV6_RECVFRAGSIZE, 1 }, { IPPROTO_IPV6, IPV6_FREEBIND, 1 }, { IPPROTO_IPV6, IPV6_TRANSPARENT, 1 },
	{ IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE }, { 0, 0, 0 },
}, multicast6_level[] = {
	{ IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0 }, { IPPROTO_IPV6, IPV6_MULTICAST_ALL_HERE, 0 },
	{ IPPROTO_IPV6, IPV6_MULTICAST_HOPS, 0 }, { IPPROTO_IPV6, IPV6_MULTICAST_IF, 1 }, { 0, 0, 0 },
};

static int
as_given(const struct option *o)
{
	return o->name == IP_MULTICAST_IF && o->level == IPPROTO_IP ? (int)htonl((uint32_t)o->value) : o->value;
}

static void
set_all(int family, const struct option *o)
{
	EXPECT((fd = socket(family, SOCK_DGRAM, 0)) >= 0);
	for (; o->level != 0 || o->name != 0; o++)
		set_option(fd, o->level, o->name, as_given(o));
}

/* Of those named twice, the last. */
static void
check_all(const struct option *v)
{
	for (const struct option *o = v; o->level != 0 || o->name != 0; o++) {
		const struct option *last = o;

		for (const struct option *k = o; k->level != 0 || k->name != 0; k++)
			if (k->level == o->level && k->name == o->name)
				last = k;
		if (get_option(fd, o->level, o->name) != as_given(last)) {
			printf("option %d of level %d: ", o->name, o->level);
			EQUAL(get_option(fd, o->level, o->name), as_given(last));
		}
	}
}

#define OPTIONS(name, family)								\
	static void name##_setup(void) { set_all(family, name##_level); }		\
	static void name##_check(void) { check_all(name##_level); }
OPTIONS(socket, AF_INET)
OPTIONS(udp, AF_INET6)
OPTIONS(ip, AF_INET)
OPTIONS(multicast, AF_INET)
OPTIONS(ipv6, AF_INET6)
OPTIONS(multicast6, AF_INET6)

static void
cork_setup(void)
{
	two(AF_INET, 0);
	set_option(from, IPPROTO_UDP, UDP_CORK, 1);
}

static void
cork_check(void)
{
	send_text("one ");
	expect_no_more();
	send_text("two");
	expect_no_more();
	set_option(from, IPPROTO_UDP, UDP_CORK, 0);
	expect_text("one two");
}

/* ---- multicast ---- */

#define LO	1u	/* the loopback device is the first of a namespace */

static struct group_req joined = { .gr_interface = LO };
static struct group_source_req one = { .gsr_interface = LO };

static void
name_group(int family, const char *group, const char *from_whom)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	bool four = family == AF_INET;

	EXPECT(inet_pton(family, group, four ? (void *)&in.sin_addr : &in6.sin6_addr) == 1);
	memcpy(&joined.gr_group, four ? (void *)&in : (void *)&in6, four ? sizeof in : sizeof in6);
	one.gsr_group = joined.gr_group;
	EXPECT(inet_pton(family, from_whom, four ? (void *)&in.sin_addr : &in6.sin6_addr) == 1);
	memcpy(&one.gsr_source, four ? (void *)&in : (void *)&in6, four ? sizeof in : sizeof in6);
	EXPECT((fd = socket(family, SOCK_DGRAM, 0)) >= 0);
}

/* How many sources are named, and whether they are the only ones. */
static void
expect_sources(int level, uint32_t mode, uint32_t n)
{
	union { struct group_filter f; uint8_t room[GROUP_FILTER_SIZE(8)]; } u = { 0 };
	socklen_t len = sizeof u;

	u.f.gf_interface = LO;
	u.f.gf_group = joined.gr_group;
	u.f.gf_numsrc = 8;
	EXPECT(getsockopt(fd, level, MCAST_MSFILTER, &u.f, &len) == 0);
	EQUAL(u.f.gf_fmode, mode);
	EQUAL(u.f.gf_numsrc, n);
	EXPECT(n == 0 || memcmp(&u.f.gf_slist[0], &one.gsr_source, level == IPPROTO_IP ?
	    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6)) == 0);
}

static void
ask(int level, int name)
{
	if (name == MCAST_JOIN_GROUP)
		EXPECT(setsockopt(fd, level, name, &joined, sizeof joined) == 0);
	else
		EXPECT(setsockopt(fd, level, name, &one, sizeof one) == 0);
}

static void
join_setup(void)
{
	name_group(AF_INET, "239.1.2.3", "10.0.0.1");
	ask(IPPROTO_IP, MCAST_JOIN_GROUP);
}

static void
join_check(void)
{
	expect_sources(IPPROTO_IP, MCAST_EXCLUDE, 0);
	EXPECT(setsockopt(fd, IPPROTO_IP, MCAST_LEAVE_GROUP, &joined, sizeof joined) == 0);
}

static void
join6_setup(void)
{
	name_group(AF_INET6, "ff05::123", "2001:db8::1");
	ask(IPPROTO_IPV6, MCAST_JOIN_GROUP);
}

static void
join6_check(void)
{
	expect_sources(IPPROTO_IPV6, MCAST_EXCLUDE, 0);
	EXPECT(setsockopt(fd, IPPROTO_IPV6, MCAST_LEAVE_GROUP, &joined, sizeof joined) == 0);
}

static void
include_setup(void)
{
	name_group(AF_INET, "239.1.2.4", "10.0.0.1");
	ask(IPPROTO_IP, MCAST_JOIN_SOURCE_GROUP);
}

static void
include_check(void)
{
	expect_sources(IPPROTO_IP, MCAST_INCLUDE, 1);
}

static void
include6_setup(void)
{
	name_group(AF_INET6, "ff05::124", "2001:db8::1");
	ask(IPPROTO_IPV6, MCAST_JOIN_SOURCE_GROUP);
}

static void
include6_check(void)
{
	expect_sources(IPPROTO_IPV6, MCAST_INCLUDE, 1);
}

static void
exclude_setup(void)
{
	join_setup();
	ask(IPPROTO_IP, MCAST_BLOCK_SOURCE);
}

static void
exclude_check(void)
{
	expect_sources(IPPROTO_IP, MCAST_EXCLUDE, 1);
}

/* A socket of IPv6 in a group of IPv4. */
static void
join_both_setup(void)
{
	name_group(AF_INET, "239.1.2.5", "10.0.0.1");
	close(fd);
	EXPECT((fd = socket(AF_INET6, SOCK_DGRAM, 0)) >= 0);
	ask(IPPROTO_IP, MCAST_JOIN_GROUP);
}

/* Several of one socket. */
static void
join_many_setup(void)
{
	join_setup();
	for (int i = 1; i < 10; i++) {
		struct sockaddr_in *in = (void *)&joined.gr_group;

		in->sin_addr.s_addr = htonl(0xef010300 + (uint32_t)i);
		ask(IPPROTO_IP, MCAST_JOIN_GROUP);
	}
}

static void
join_many_check(void)
{
	for (int i = 1; i < 10; i++) {
		struct sockaddr_in *in = (void *)&joined.gr_group;

		in->sin_addr.s_addr = htonl(0xef010300 + (uint32_t)i);
		join_check();
	}
}

/* ---- filters ---- */

/* Only what begins with 'y', after the header of UDP. */
static struct sock_filter only_y[] = {
	BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 8),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
	BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
	BPF_STMT(BPF_RET | BPF_K, 0),
};
#define ONLY_Y	(sizeof only_y / sizeof *only_y)

static void
attach(void)
{
	const struct sock_fprog program = { ONLY_Y, only_y };

	EXPECT(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0);
}

static void
expect_filter(void)
{
	struct sock_filter v[ONLY_Y];
	socklen_t n = ONLY_Y;

	EXPECT(getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, v, &n) == 0);
	EXPECT(n == ONLY_Y && memcmp(v, only_y, sizeof v) == 0);
}

/* What was there before may be what it would not let in. */
static void
filter_setup(void)
{
	two(AF_INET, 0);
	send_text("no, before");
	attach();
	send_text("no");
	send_text("yes, before");
}

static void
filter_check(void)
{
	expect_filter();
	expect_text("no, before");
	expect_text("yes, before");
	send_text("no");
	send_text("yes");
	expect_text("yes");
	expect_no_more();
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)) == 0);
}

static void
filter_locked_setup(void)
{
	filter_setup();
	set_option(fd, SOL_SOCKET, SO_LOCK_FILTER, 1);
}

static void
filter_locked_check(void)
{
	EQUAL(get_option(fd, SOL_SOCKET, SO_LOCK_FILTER), 1);
	expect_filter();
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &(int){ 0 }, sizeof(int)) == -1 && errno == EPERM);
	expect_text("no, before");
	expect_text("yes, before");
	expect_no_more();
}

static int pair[2];

static void
filter_unix_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, pair) == 0);
	fd = pair[1];
	EXPECT(send(pair[0], "12345678no", 10, 0) == 10);
	attach();
}

static void
filter_unix_check(void)
{
	expect_filter();
	EQUAL(recv(fd, buf, sizeof buf, MSG_DONTWAIT), 10);
	send(pair[0], "12345678no", 10, 0);
	EXPECT(send(pair[0], "12345678yes", 11, 0) == 11);
	EQUAL(recv(fd, buf, sizeof buf, MSG_DONTWAIT), 11);
	expect_no_more();
}

static void
filter_listening_setup(void)
{
	EXPECT((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0 && listen(fd, 1) == 0);
	attach();
}

const struct behaviour datagrams[] = {
	{ "datagram_unread", unread_setup, three_check },
	{ "datagram_unread_ipv6", unread6_setup, three_check },
	{ "datagram_unread_mapped", mapped_setup, three_check },
	{ "datagram_unread_from_elsewhere", foreign_setup, foreign_check },
	{ "datagram_unread_from_elsewhere_ipv6", foreign6_setup, foreign_check },
	{ "datagram_unread_65507_bytes", large_setup, large_check },
	{ "datagram_unread_large_ipv6", large6_setup, large_check },
	{ "datagram_unread_100_in_order", many_setup, many_check },
	{ "datagram_unread_connected", connected_setup, connected_check },
	{ "datagram_unread_sender_gone", ended_setup, foreign_check },
	{ "datagram_unread_one_port", group_setup, group_check },
	{ "datagram_unread_bound_device", device_setup, three_check },
	{ "datagram_unread_notes", notes_setup, notes_check },
	{ "datagram_unread_notes_ipv6", notes6_setup, notes6_check },
	{ "datagram_unread_joined", joined_setup, joined_check },
	{ "datagram_multicast", join_setup, join_check },
	{ "datagram_multicast_ipv6", join6_setup, join6_check },
	{ "datagram_multicast_from_one", include_setup, include_check },
	{ "datagram_multicast_from_one_ipv6", include6_setup, include6_check },
	{ "datagram_multicast_but_from_one", exclude_setup, exclude_check },
	{ "datagram_multicast_of_both", join_both_setup, join_check },
	{ "datagram_multicast_10_groups", join_many_setup, join_many_check },
	{ "datagram_filter", filter_setup, filter_check },
	{ "datagram_filter_locked", filter_locked_setup, filter_locked_check },
	{ "datagram_filter_of_unix", filter_unix_setup, filter_unix_check },
	{ "datagram_filter_of_listener", filter_listening_setup, expect_filter },
	{ "datagram_udp_lite", lite_setup, lite_check },
	{ "datagram_corked", cork_setup, cork_check },
	{ "datagram_options_of_sockets", socket_setup, socket_check },
	{ "datagram_options_of_udp", udp_setup, udp_check },
	{ "datagram_options_of_ip", ip_setup, ip_check },
	{ "datagram_options_of_ip_multicast", multicast_setup, multicast_check },
	{ "datagram_options_of_ipv6", ipv6_setup, ipv6_check },
	{ "datagram_options_of_ipv6_multicast", multicast6_setup, multicast6_check },
	{ NULL, NULL, NULL },
};
