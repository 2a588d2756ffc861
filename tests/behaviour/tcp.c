/* SPDX-License-Identifier: BSD-2-Clause */
/* TCP connections over loopback, mostly with both ends in one process. */
#include <fcntl.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"
#include "tests/helpers/rights.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK	72
#endif

#define WAIT_MS	20000
#define ASK_MS	130000		/* an unanswered SYN is sent again, each time after twice as long */

static int listener, client, server;
static struct sockaddr_storage address;		/* the listener's */
static socklen_t address_len;
static char buf[65536];

/* ---- ends ---- */

static void
listen_on(int family, bool mapped)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };

	if (mapped) {
		memset(&in6.sin6_addr, 0, sizeof in6.sin6_addr);
		in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
		memcpy(in6.sin6_addr.s6_addr + 12, &in.sin_addr, 4);
	}
	if (family == AF_INET)
		memcpy(&address, &in, address_len = sizeof in);
	else
		memcpy(&address, &in6, address_len = sizeof in6);
	EXPECT((listener = socket(family, SOCK_STREAM, 0)) >= 0);
	EXPECT(bind(listener, (void *)&address, address_len) == 0 && listen(listener, 128) == 0 &&
	    getsockname(listener, (void *)&address, &address_len) == 0);
}

static void
connect_ends(void)
{
	EXPECT((client = socket(address.ss_family, SOCK_STREAM, 0)) >= 0);
	EXPECT(connect(client, (void *)&address, address_len) == 0);
	EXPECT((server = accept(listener, NULL, NULL)) >= 0);
}

static void
pair_setup(void)
{
	listen_on(AF_INET, false);
	connect_ends();
	close(listener);
}

/* Whatever is next, within a time. */
static ssize_t
next(int fd, void *to, size_t n)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	EXPECT(poll(&p, 1, WAIT_MS) == 1);
	return recv(fd, to, n, MSG_DONTWAIT);
}

static void
expect(int fd, const char *want)
{
	size_t got = 0;

	while (got < strlen(want)) {
		ssize_t n = next(fd, buf + got, strlen(want) - got);

		EXPECT(n > 0);
		got += (size_t)n;
	}
	EXPECT(memcmp(buf, want, got) == 0);
}

static void
expect_end(int fd)
{
	EQUAL(next(fd, buf, 1), 0);
}

static void
say(int fd, const char *what)
{
	EQUAL(send(fd, what, strlen(what), MSG_NOSIGNAL), (ssize_t)strlen(what));
}

/* It still connects, both ways. */
static void
pair_check(void)
{
	say(client, "to the server");
	expect(server, "to the server");
	say(server, "to the client");
	expect(client, "to the client");
}

static void
ipv6_setup(void)
{
	listen_on(AF_INET6, false);
	connect_ends();
	say(client, "unread");
}

static void
mapped_setup(void)
{
	listen_on(AF_INET6, true);
	connect_ends();
	say(client, "unread");
}

static void
unread_setup(void)
{
	pair_setup();
	say(client, "un");
	say(client, "read");
	say(server, "waiting");
}

static void
unread_check(void)
{
	int n;

	EXPECT(ioctl(server, FIONREAD, &n) == 0);
	EQUAL(n, 6);
	expect(server, "unread");
	expect(client, "waiting");
	pair_check();
}

static void
first_unread_check(void)
{
	expect(server, "unread");
	pair_check();
}

/* ---- full queues ---- */

#define OVERFULL	(24u << 20)

static size_t written, read_back;

static char
pattern(size_t at)
{
	return (char)(at * 31 + (at >> 8) * 7 + (at >> 16));
}

/* Until neither end takes any more, or it is that much. */
static void
fill(size_t most)
{
	struct pollfd p = { .fd = client, .events = POLLOUT };
	ssize_t n;

	do {
		for (size_t i = 0; i < sizeof buf; i++)
			buf[i] = pattern(written + i);
		if ((n = send(client, buf, sizeof buf, MSG_DONTWAIT)) > 0)
			written += (size_t)n;
	} while (written < most && (n > 0 || poll(&p, 1, 300) == 1));
}

static void
fill_setup(void)
{
	pair_setup();
	fill(SIZE_MAX);
	EXPECT(written > 100000);
}

/* More than a record of a snapshot has room for, where the machine has the memory. */
static void
overfill_setup(void)
{
	int room = OVERFULL;

	pair_setup();
	EXPECT(setsockopt(client, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room) == 0);
	EXPECT(setsockopt(server, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room) == 0);
	fill(OVERFULL);
}

static void
drain(void)
{
	while (read_back < written) {
		ssize_t n = next(server, buf, sizeof buf);

		EXPECT(n > 0);
		for (ssize_t i = 0; i < n; i++)
			EXPECT(buf[i] == pattern(read_back + (size_t)i));
		read_back += (size_t)n;
	}
}

static void
fill_check(void)
{
	drain();
	pair_check();
}

static void
fill_and_end_setup(void)
{
	fill_setup();
	EXPECT(shutdown(client, SHUT_WR) == 0);
}

static void
fill_and_end_check(void)
{
	drain();
	expect_end(server);
	say(server, "still there");
	expect(client, "still there");
}

static void
fill_and_close_setup(void)
{
	fill_setup();
	close(server);
	server = -1;
}

/* What was sent to it is lost, which the kernel tells. */
static void
fill_and_close_check(void)
{
	struct pollfd p = { .fd = client, .events = POLLIN };

	EXPECT(poll(&p, 1, WAIT_MS) == 1);
	EXPECT(recv(client, buf, 1, 0) == -1 && errno == ECONNRESET);
}

/* ---- ending ---- */

static void
half_closed_setup(void)
{
	pair_setup();
	say(client, "last");
	EXPECT(shutdown(client, SHUT_WR) == 0);
	idle(0.1);
}

static void
half_closed_check(void)
{
	expect(server, "last");
	expect_end(server);
	say(server, "answer");
	expect(client, "answer");
	EXPECT(send(client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
	close(server);
	expect_end(client);
}

static void
both_ended_setup(void)
{
	pair_setup();
	say(client, "from the client");
	say(server, "from the server");
	EXPECT(shutdown(client, SHUT_WR) == 0 && shutdown(server, SHUT_WR) == 0);
	idle(0.1);
}

static void
both_ended_check(void)
{
	expect(server, "from the client");
	expect_end(server);
	expect(client, "from the server");
	expect_end(client);
	EXPECT(send(client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
}

static void
peer_closed_setup(void)
{
	pair_setup();
	say(server, "bye");
	close(server);
	idle(0.1);
}

static void
peer_closed_check(void)
{
	expect(client, "bye");
	expect_end(client);
}

static void
read_shutdown_setup(void)
{
	pair_setup();
	EXPECT(shutdown(client, SHUT_RD) == 0);
}

static void
read_shutdown_check(void)
{
	expect_end(client);
	say(client, "there");
	expect(server, "there");
}

static void
reset_setup(void)
{
	struct linger l = { 1, 0 };

	pair_setup();
	EXPECT(setsockopt(server, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	close(server);
	EXPECT(next(client, buf, 1) == -1 && errno == ECONNRESET);
}

static void
reset_check(void)
{
	expect_end(client);
	EXPECT(send(client, "x", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
}

/* ---- options ---- */

static const struct { int level, name, value; } options[] = {
	{ IPPROTO_TCP, TCP_NODELAY, 1 }, { SOL_SOCKET, SO_KEEPALIVE, 1 }, { IPPROTO_TCP, TCP_KEEPIDLE, 77 },
	{ IPPROTO_TCP, TCP_KEEPINTVL, 33 }, { IPPROTO_TCP, TCP_KEEPCNT, 4 }, { IPPROTO_TCP, TCP_USER_TIMEOUT, 91000 },
	{ IPPROTO_TCP, TCP_NOTSENT_LOWAT, 12345 }, { IPPROTO_TCP, TCP_INQ, 1 }, { IPPROTO_TCP, TCP_SYNCNT, 3 },
	{ IPPROTO_TCP, TCP_LINGER2, 21 }, { SOL_SOCKET, SO_OOBINLINE, 1 }, { SOL_SOCKET, SO_RCVLOWAT, 2 },
	/* the first sets the second */
	{ IPPROTO_IP, IP_TOS, 0x28 }, { SOL_SOCKET, SO_PRIORITY, 5 }, { IPPROTO_IP, IP_TTL, 17 },
	{ IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT }, { SOL_SOCKET, SO_REUSEADDR, 1 },
	{ SOL_SOCKET, SO_ZEROCOPY, 1 },
};

static void
options_setup(void)
{
	pair_setup();
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		EXPECT(setsockopt(client, options[i].level, options[i].name, &options[i].value, sizeof(int)) == 0);
}

static void
options_check(void)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		EQUAL(get_option(client, options[i].level, options[i].name), options[i].value);
	EQUAL(get_option(server, IPPROTO_TCP, TCP_NODELAY), 0);
	EQUAL(get_option(server, SOL_SOCKET, SO_REUSEADDR), 0);
	say(server, "xy");
	expect(client, "xy");
}

static void
linger_setup(void)
{
	struct linger l = { 1, 8 };
	struct timeval tv = { 7, 0 };

	pair_setup();
	EXPECT(setsockopt(client, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	EXPECT(setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
}

static void
linger_check(void)
{
	struct linger l;
	struct timeval tv;
	socklen_t len = sizeof l;

	EXPECT(getsockopt(client, SOL_SOCKET, SO_LINGER, &l, &len) == 0 && l.l_onoff == 1 && l.l_linger == 8);
	len = sizeof tv;
	EXPECT(getsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &tv, &len) == 0 && tv.tv_sec == 7);
	pair_check();
}

static void
congestion_setup(void)
{
	pair_setup();
	EXPECT(setsockopt(client, IPPROTO_TCP, TCP_CONGESTION, "reno", 4) == 0);
}

static void
congestion_check(void)
{
	socklen_t len = sizeof buf;

	EXPECT(getsockopt(client, IPPROTO_TCP, TCP_CONGESTION, buf, &len) == 0 && strcmp(buf, "reno") == 0);
	pair_check();
}

static void
options6_setup(void)
{
	const int class = 0x48, hops = 9, probe = IPV6_PMTUDISC_PROBE;

	ipv6_setup();
	EXPECT(setsockopt(client, IPPROTO_IPV6, IPV6_TCLASS, &class, sizeof class) == 0 &&
	    setsockopt(client, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, sizeof hops) == 0 &&
	    setsockopt(client, IPPROTO_IPV6, IPV6_MTU_DISCOVER, &probe, sizeof probe) == 0);
}

static void
options6_check(void)
{
	EQUAL(get_option(client, IPPROTO_IPV6, IPV6_TCLASS), 0x48);
	EQUAL(get_option(client, IPPROTO_IPV6, IPV6_UNICAST_HOPS), 9);
	EQUAL(get_option(client, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
	first_unread_check();
}

static int locks[2], receive_buffer;

static void
buffers_setup(void)
{
	const int size = 30000;

	pair_setup();
	EXPECT(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
	receive_buffer = get_option(client, SOL_SOCKET, SO_RCVBUF);
	locks[0] = get_option(client, SOL_SOCKET, SO_BUF_LOCK);
	locks[1] = get_option(server, SOL_SOCKET, SO_BUF_LOCK);
	EXPECT(locks[0] != locks[1]);
}

static void
buffers_check(void)
{
	EQUAL(get_option(client, SOL_SOCKET, SO_RCVBUF), receive_buffer);
	EQUAL(get_option(client, SOL_SOCKET, SO_BUF_LOCK), locks[0]);
	EQUAL(get_option(server, SOL_SOCKET, SO_BUF_LOCK), locks[1]);
	pair_check();
}

static void
cork_setup(void)
{
	const int on = 1;

	pair_setup();
	EXPECT(setsockopt(client, IPPROTO_TCP, TCP_CORK, &on, sizeof on) == 0);
	say(client, "held back, ");
}

static void
cork_check(void)
{
	const int off = 0;

	EQUAL(get_option(client, IPPROTO_TCP, TCP_CORK), 1);
	say(client, "then sent");
	EXPECT(setsockopt(client, IPPROTO_TCP, TCP_CORK, &off, sizeof off) == 0);
	expect(server, "held back, then sent");
	pair_check();
}

static struct tcp_info info;

static void
agreed_setup(void)
{
	socklen_t len = sizeof info;

	pair_setup();
	EXPECT(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len) == 0);
}

static void
agreed_check(void)
{
	const int asked = TCPI_OPT_TIMESTAMPS | TCPI_OPT_SACK | TCPI_OPT_WSCALE;
	struct tcp_info got;
	socklen_t len = sizeof got;

	EXPECT(getsockopt(client, IPPROTO_TCP, TCP_INFO, &got, &len) == 0);
	EQUAL(got.tcpi_state, TCP_ESTABLISHED);
	EQUAL(got.tcpi_options & asked, info.tcpi_options & asked);
	EQUAL(got.tcpi_snd_wscale, info.tcpi_snd_wscale);
	EQUAL(got.tcpi_rcv_wscale, info.tcpi_rcv_wscale);
	pair_check();
}

static struct sockaddr_storage names[4];

static void
read_names(struct sockaddr_storage v[4])
{
	socklen_t len = sizeof v[0];

	for (int i = 0; i < 4; i++) {
		memset(&v[i], 0, sizeof v[i]);
		EXPECT((i < 2 ? getsockname : getpeername)(i % 2 == 0 ? client : server, (void *)&v[i], &len) == 0);
	}
}

static void
names_setup(void)
{
	pair_setup();
	read_names(names);
}

static void
names_check(void)
{
	struct sockaddr_storage now_[4];

	read_names(now_);
	EXPECT(memcmp(names, now_, sizeof names) == 0);
	pair_check();
}

/* ---- with others ---- */

static void
listener_setup(void)
{
	listen_on(AF_INET, false);
	connect_ends();
}

static void
listener_check(void)
{
	pair_check();
	close(client);
	expect_end(server);
	connect_ends();
	pair_check();
}

static void
reused_setup(void)
{
	const int on = 1;

	listen_on(AF_INET, false);
	EXPECT(setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0);
	connect_ends();
}

static void
reused_check(void)
{
	const int on = 1;

	EQUAL(get_option(server, SOL_SOCKET, SO_REUSEADDR), 1);
	close(listener);
	/* as a server that begins anew while connections are there */
	EXPECT((listener = socket(AF_INET, SOCK_STREAM, 0)) >= 0 &&
	    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    bind(listener, (void *)&address, address_len) == 0 && listen(listener, 5) == 0);
	pair_check();
}

enum { MANY = 100 };
static int many[MANY][2];

static void
many_setup(void)
{
	listen_on(AF_INET, false);
	for (int i = 0; i < MANY; i++) {
		connect_ends();
		many[i][0] = client;
		many[i][1] = server;
		EXPECT(send(client, &i, sizeof i, 0) == sizeof i);
	}
}

static void
many_check(void)
{
	for (int i = 0; i < MANY; i++) {
		int got;

		EXPECT(next(many[i][1], &got, sizeof got) == sizeof got);
		EQUAL(got, i);
		client = many[i][0];
		server = many[i][1];
		pair_check();
	}
}

static pid_t child;

/* Asleep in read(2), it answers. */
static void
blocked_setup(void)
{
	pair_setup();
	if ((child = fork()) != 0) {
		close(server);
		return;
	}
	close(client);
	_exit(read(server, buf, 4) == 4 && memcmp(buf, "wake", 4) == 0 && write(server, "up", 2) == 2 ? 0 : 1);
}

static void
blocked_check(void)
{
	int status;

	say(client, "wake");
	expect(client, "up");
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	expect_end(client);
}

/* ---- being made ---- */

/* A listener that hears nothing, until it is to. */
static void
deaf_setup(void)
{
	struct sock_filter nothing = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog f = { 1, &nothing };

	listen_on(AF_INET, false);
	EXPECT(setsockopt(listener, SOL_SOCKET, SO_ATTACH_FILTER, &f, sizeof f) == 0);
}

static void
hear(void)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	int none = 0;

	EXPECT(setsockopt(listener, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) == 0);
	EXPECT(poll(&p, 1, ASK_MS) == 1 && (server = accept(listener, NULL, NULL)) >= 0);
}

static void
connecting_setup(void)
{
	deaf_setup();
	EXPECT((client = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	EXPECT(fcntl(client, F_SETFL, O_NONBLOCK) == 0);
	EXPECT(connect(client, (void *)&address, address_len) == -1 && errno == EINPROGRESS);
}

static void
connecting_check(void)
{
	struct pollfd p = { .fd = client, .events = POLLOUT };
	struct sockaddr_in from, seen;
	socklen_t len = sizeof from;

	EQUAL(fcntl(client, F_GETFL), O_RDWR | O_NONBLOCK);
	EQUAL(poll(&p, 1, 0), 0);
	EXPECT(connect(client, (void *)&address, address_len) == -1 && errno == EALREADY);
	hear();
	EXPECT(poll(&p, 1, WAIT_MS) == 1 && p.revents == POLLOUT);
	EQUAL(get_option(client, SOL_SOCKET, SO_ERROR), 0);
	EXPECT(getsockname(client, (void *)&from, &len) == 0 && getpeername(server, (void *)&seen, &len) == 0);
	EXPECT(memcmp(&from, &seen, sizeof from) == 0);
	pair_check();
}

/* Asleep in connect(2). */
static void
connecting_blocked_setup(void)
{
	deaf_setup();
	EXPECT((client = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	if ((child = fork()) != 0)
		return;
	_exit(connect(client, (void *)&address, address_len) == 0 && write(client, "made", 4) == 4 ? 0 : 1);
}

static void
connecting_blocked_check(void)
{
	int status;

	hear();
	expect(server, "made");
	EXPECT(waitpid(child, &status, 0) == child && status == 0);
	pair_check();
}

static int epoll;

static void
epoll_setup(void)
{
	struct epoll_event e = { .events = EPOLLIN | EPOLLET, .data = { .u64 = 42 } };

	pair_setup();
	EXPECT((epoll = epoll_create1(0)) >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, server, &e) == 0);
}

static void
epoll_check(void)
{
	struct epoll_event e;

	say(client, "event");
	EXPECT(epoll_wait(epoll, &e, 1, WAIT_MS) == 1 && e.data.u64 == 42 && e.events == EPOLLIN);
	expect(server, "event");
}

static int ways[2];

static void
under_way_setup(void)
{
	pair_setup();
	say(client, "unread");
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, ways) == 0);
	EXPECT(rights_send(ways[0], buf, 1, &server, 1) == 1);
	close(server);
}

static void
under_way_check(void)
{
	int fds[RIGHTS_MAX];
	size_t n;

	EXPECT(rights_receive(ways[1], buf, 1, 0, fds, &n) == 1 && n == 1);
	server = fds[0];
	first_unread_check();
}

const struct behaviour tcp[] = {
	{ "tcp_established", pair_setup, pair_check },
	{ "tcp_ipv6", ipv6_setup, first_unread_check },
	{ "tcp_mapped", mapped_setup, first_unread_check },
	{ "tcp_unread", unread_setup, unread_check },
	{ "tcp_full", fill_setup, fill_check },
	{ "tcp_overfull", overfill_setup, fill_check },
	{ "tcp_full_and_ended", fill_and_end_setup, fill_and_end_check },
	{ "tcp_full_and_closed", fill_and_close_setup, fill_and_close_check },
	{ "tcp_half_closed", half_closed_setup, half_closed_check },
	{ "tcp_both_ended", both_ended_setup, both_ended_check },
	{ "tcp_peer_closed", peer_closed_setup, peer_closed_check },
	{ "tcp_read_shutdown", read_shutdown_setup, read_shutdown_check },
	{ "tcp_reset", reset_setup, reset_check },
	{ "tcp_options", options_setup, options_check },
	{ "tcp_options6", options6_setup, options6_check },
	{ "tcp_linger", linger_setup, linger_check },
	{ "tcp_congestion", congestion_setup, congestion_check },
	{ "tcp_buffers", buffers_setup, buffers_check },
	{ "tcp_cork", cork_setup, cork_check },
	{ "tcp_agreed", agreed_setup, agreed_check },
	{ "tcp_names", names_setup, names_check },
	{ "tcp_listener", listener_setup, listener_check },
	{ "tcp_reused", reused_setup, reused_check },
	{ "tcp_many", many_setup, many_check },
	{ "tcp_blocked", blocked_setup, blocked_check },
	{ "tcp_connecting", connecting_setup, connecting_check },
	{ "tcp_connecting_blocked", connecting_blocked_setup, connecting_blocked_check },
	{ "tcp_epoll", epoll_setup, epoll_check },
	{ "tcp_under_way", under_way_setup, under_way_check },
	{ NULL, NULL, NULL },
};
