/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Internet and netlink sockets, with nothing in them.
 *
 *	inet N SOCKETS	N children with so many UDP, listening TCP and netlink sockets each
 *	inet options	a child for each kind of socket, with one for every value of every
 *			option that the kernel lets be set to 0, 1 or 2; and one with sockets
 *			that have been through something
 *	inet elsewhere	a child in a network namespace with settings of its own, with plain
 *			sockets of each kind
 *
 * Prints "ready" when set up, and waits to be killed, as its children do.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum state { FRESH, BOUND, LISTENING, CONNECTED };

static const struct kind { int family, type, protocol; enum state state; } kinds[] = {
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, BOUND },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, LISTENING },
	{ AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, BOUND },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, BOUND },
	{ AF_INET6, SOCK_STREAM, IPPROTO_TCP, LISTENING },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, CONNECTED },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDP, CONNECTED },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDP, FRESH },
	{ AF_INET, SOCK_STREAM, IPPROTO_TCP, FRESH },
	{ AF_INET6, SOCK_STREAM, IPPROTO_TCP, FRESH },
	{ AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE, BOUND },
	{ AF_INET6, SOCK_DGRAM, IPPROTO_UDPLITE, FRESH },
	{ AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT, BOUND },
	{ AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG, FRESH },
	{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, FRESH },
	{ AF_INET, SOCK_RAW, IPPROTO_ICMP, FRESH },
};
#define KINDS		(sizeof kinds / sizeof *kinds)
#define OPTIONS_MAX	90		/* of a level, about */

static int parent[2];			/* a byte of each child that is set up */

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

static socklen_t
loopback(int family, uint16_t port, struct sockaddr_storage *a)
{
	struct sockaddr_in *in = (void *)a;
	struct sockaddr_in6 *in6 = (void *)a;

	memset(a, 0, sizeof *a);
	a->ss_family = (sa_family_t)family;
	if (family == AF_NETLINK)
		return sizeof(struct sockaddr_nl);
	if (family == AF_INET) {
		in->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		in->sin_port = htons(port);
		return sizeof *in;
	}
	in6->sin6_addr = in6addr_loopback;
	in6->sin6_port = htons(port);
	return sizeof *in6;
}

/* An option may keep it from going there. */
static void
bring(int s, const struct kind *k)
{
	struct sockaddr_storage a;
	socklen_t len = loopback(k->family, k->state == CONNECTED ? 9 : 0, &a);

	if (k->state == CONNECTED)
		connect(s, (const struct sockaddr *)&a, len);
	else if (k->state != FRESH)
		bind(s, (const struct sockaddr *)&a, len);
	if (k->state == LISTENING)
		listen(s, 7);
}

static int
make(const struct kind *k)
{
	int s = socket(k->family, k->type, k->protocol);

	if (s < 0 && k->protocol != IPPROTO_UDPLITE && k->protocol != IPPROTO_ICMP)
		fail("socket");
	return s;
}

/* ---- what children have ---- */

static void
many(int n)
{
	for (int i = 0; i < n; i++)
		bring(make(&kinds[i % 3]), &kinds[i % 3]);
}

static void
every_value(const struct kind *k, int level, int name)
{
	for (int value = 0; value <= 2; value++) {
		int s = make(k);

		if (s >= 0 && setsockopt(s, level, name, &value, sizeof value) == 0)
			bring(s, k);
		else if (s >= 0)
			close(s);
	}
}

static void
every_option(int which)
{
	static const int levels[] = { SOL_SOCKET, IPPROTO_IP, IPPROTO_IPV6, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_UDPLITE,
	    SOL_NETLINK };
	const struct kind *k = &kinds[which];

	bring(make(k), k);
	for (size_t l = 0; l < sizeof levels / sizeof *levels; l++)
		for (int name = 1; name <= OPTIONS_MAX; name++)
			every_value(k, levels[l], name);
}

/* To where nobody is: refused, which the one does not know yet, the other does. */
static void
refused(int family)
{
	struct sockaddr_storage a;
	socklen_t len = loopback(family, 9, &a);
	struct kind udp = { family, SOCK_DGRAM, IPPROTO_UDP, CONNECTED }, tcp = { family, SOCK_STREAM, IPPROTO_TCP, FRESH };
	int s = make(&udp);

	bring(s, &udp);
	send(s, "x", 1, 0);
	connect(make(&tcp), (const struct sockaddr *)&a, len);
	sendto(make(&udp), "x", 1, 0, (const struct sockaddr *)&a, len);
}

/* One that was connected, one that had accepted it, one with a connection not accepted, and one that has listened. */
static void
disconnected(int family)
{
	const struct kind listening = { family, SOCK_STREAM, IPPROTO_TCP, LISTENING };
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	int l = make(&listening), s = make(&listening), pending = make(&listening), other = -1;

	bring(l, &listening);
	if (getsockname(l, (struct sockaddr *)&a, &len) != 0 || connect(s, (const struct sockaddr *)&a, len) != 0 ||
	    (other = accept(l, NULL, NULL)) < 0 || send(s, "x", 1, 0) != 1)
		fail("connection");
	connect(s, &none, sizeof none);
	shutdown(other, SHUT_RDWR);
	if (connect(pending, (const struct sockaddr *)&a, len) != 0)
		fail("connect");
	close(pending);
	l = make(&listening);
	bring(l, &listening);
	shutdown(l, SHUT_RDWR);
}

static void
unread(int family)
{
	const struct kind udp = { family, SOCK_DGRAM, IPPROTO_UDP, BOUND };
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	int s = make(&udp), ended = make(&udp);

	bring(s, &udp);
	if (getsockname(s, (struct sockaddr *)&a, &len) != 0 || sendto(s, "x", 1, 0, (const struct sockaddr *)&a, len) != 1)
		fail("datagram");
	if (connect(ended, (const struct sockaddr *)&a, len) == 0)
		shutdown(ended, SHUT_RD);
}

static void
netlinks(void)
{
	struct { struct nlmsghdr h; struct rtgenmsg g; } links = {
		.h = { .nlmsg_len = sizeof links, .nlmsg_type = RTM_GETLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
	};
	const struct kind route = { AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, BOUND };
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK | RTMGRP_IPV6_ROUTE };
	struct sockaddr_nl other = { .nl_family = AF_NETLINK, .nl_pid = 1 };
	int s = make(&route), high = RTNLGRP_NEXTHOP;

	bind(s, (struct sockaddr *)&groups, sizeof groups);
	setsockopt(s, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &high, sizeof high);
	connect(make(&route), (struct sockaddr *)&other, sizeof other);
	if (send(make(&route), &links, sizeof links, 0) != sizeof links)
		fail("netlink");
	make(&(struct kind){ AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, FRESH });
}

static void
anywhere(int family)
{
	struct sockaddr_storage a = { .ss_family = (sa_family_t)family };
	struct sockaddr_in6 mapped = { .sin6_family = AF_INET6 };
	struct kind tcp = { family, SOCK_STREAM, IPPROTO_TCP, FRESH }, udp = { family, SOCK_DGRAM, IPPROTO_UDP, FRESH };

	bind(make(&tcp), (struct sockaddr *)&a, family == AF_INET ? sizeof(struct sockaddr_in) : sizeof mapped);
	bind(make(&udp), (struct sockaddr *)&a, family == AF_INET ? sizeof(struct sockaddr_in) : sizeof mapped);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &mapped.sin6_addr);
	bind(make(&udp), (struct sockaddr *)&mapped, sizeof mapped);
	mapped.sin6_port = htons(9);
	connect(make(&udp), (struct sockaddr *)&mapped, sizeof mapped);
	mapped.sin6_port = 0;
	connect(make(&udp), (struct sockaddr *)&mapped, sizeof mapped);
}

static void
been_through(int none)
{
	(void)none;
	for (int i = 0; i < 2; i++) {
		int family = i == 0 ? AF_INET : AF_INET6;

		refused(family);
		disconnected(family);
		unread(family);
		anywhere(family);
	}
	netlinks();
}

static void
settle(const char *name, const char *value)
{
	int fd = open(name, O_WRONLY);

	if (fd < 0 || write(fd, value, strlen(value)) < 0)
		fail(name);
	close(fd);
}

/* Each setting shows in an option of a new socket. */
static void
elsewhere(int setting)
{
	static const struct { const char *name, *value; } settings[] = {
		{ "/proc/sys/net/ipv4/ip_default_ttl", "77" },
		{ "/proc/sys/net/ipv4/ip_no_pmtu_disc", "1" },
		{ "/proc/sys/net/ipv4/tcp_keepalive_time", "99" },
		{ "/proc/sys/net/ipv4/tcp_keepalive_intvl", "33" },
		{ "/proc/sys/net/ipv4/tcp_keepalive_probes", "5" },
		{ "/proc/sys/net/ipv4/tcp_syn_retries", "4" },
		{ "/proc/sys/net/ipv4/tcp_fin_timeout", "44" },
		{ "/proc/sys/net/ipv4/tcp_notsent_lowat", "4444" },
		{ "/proc/sys/net/ipv4/tcp_rmem", "4096 70000 6291456" },
		{ "/proc/sys/net/ipv6/conf/all/hop_limit", "66" },
		{ "/proc/sys/net/ipv6/auto_flowlabels", "0" },
		{ "/proc/sys/net/ipv6/bindv6only", "1" },
		{ "/proc/sys/net/ipv4/tcp_congestion_control", "reno" },
		{ "/proc/sys/net/ipv4/tcp_fastopen", "3" },
	};

	if (unshare(CLONE_NEWNET) != 0)
		fail("unshare");
	if ((size_t)setting < sizeof settings / sizeof *settings)
		settle(settings[setting].name, settings[setting].value);
	for (size_t i = 0; i < KINDS; i++)
		bring(make(&kinds[i]), &kinds[i]);
}
#define SETTINGS	15		/* and none */

/* ---- children ---- */

static void
child(void (*set_up)(int), int n)
{
	pid_t root = getpid();

	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		break;
	default:
		return;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != root)
		exit(0);
	set_up(n);
	if (write(parent[1], "", 1) != 1)
		fail("write");
	for (;;)
		pause();
}

int
main(int argc, char **argv)
{
	struct rlimit files = { 4096, 4096 };
	int n = 0;
	char byte;

	if (argc < 2 || pipe(parent) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0)
		return 2;
	if (strcmp(argv[1], "options") == 0) {
		for (; n < (int)KINDS; n++)
			child(every_option, n);
		child(been_through, n++);
	} else if (strcmp(argv[1], "elsewhere") == 0) {
		for (; n < SETTINGS; n++)
			child(elsewhere, n);
	} else {
		for (; argc == 3 && n < atoi(argv[1]); n++)
			child(many, atoi(argv[2]));
	}
	close(parent[1]);
	while (n-- > 0)
		if (read(parent[0], &byte, 1) != 1)
			fail("child");
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
