/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix sockets and such of the network that have no connection. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "tests/behaviour/behave.h"

static int fds[2], fd;
static char buf[65536];

static void
expect_message(int from, const char *want)
{
	ssize_t n = recv(from, buf, sizeof buf, MSG_DONTWAIT);

	EXPECT(n == (ssize_t)strlen(want) && memcmp(buf, want, strlen(want)) == 0);
}

static void
pair_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
}

static void
pair_check(void)
{
	EXPECT(send(fds[0], "to 1", 4, 0) == 4);
	expect_message(fds[1], "to 1");
	EXPECT(send(fds[1], "to 0", 4, 0) == 4);
	expect_message(fds[0], "to 0");
}

static void
pair_data_setup(void)
{
	pair_setup();
	EXPECT(send(fds[0], "queued", 6, 0) == 6 && send(fds[1], "other", 5, 0) == 5);
}

static void
pair_data_check(void)
{
	expect_message(fds[1], "queued");
	expect_message(fds[0], "other");
}

static void
datagram_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0);
	EXPECT(send(fds[0], "first", 5, 0) == 5 && send(fds[0], "second", 6, 0) == 6);
}

static void
seqpacket_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	EXPECT(send(fds[0], "first", 5, 0) == 5 && send(fds[0], "second", 6, 0) == 6);
}

static void
two_check(void)
{
	expect_message(fds[1], "first");
	expect_message(fds[1], "second");
	EXPECT(recv(fds[1], buf, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

static void
shutdown_setup(void)
{
	pair_setup();
	EXPECT(send(fds[0], "last", 4, 0) == 4 && shutdown(fds[0], SHUT_WR) == 0);
}

static void
shutdown_check(void)
{
	expect_message(fds[1], "last");
	EQUAL(recv(fds[1], buf, 1, 0), 0);
	EXPECT(send(fds[1], "back", 4, 0) == 4);
	expect_message(fds[0], "back");
}

static void
closed_setup(void)
{
	pair_setup();
	EXPECT(send(fds[0], "bye", 3, 0) == 3);
	close(fds[0]);
}

static void
closed_check(void)
{
	expect_message(fds[1], "bye");
	EQUAL(recv(fds[1], buf, 1, 0), 0);
}

static void
nonblock_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
}

static void
nonblock_check(void)
{
	EXPECT(recv(fds[0], buf, 1, 0) == -1 && errno == EAGAIN);
}

static struct sockaddr_un name = { .sun_family = AF_UNIX };
static socklen_t name_len;

static void
listen_at(const char *path, int type)
{
	strcpy(name.sun_path, path);
	name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
	unlink(path);
	EXPECT((fd = socket(AF_UNIX, type, 0)) >= 0 && bind(fd, (void *)&name, name_len) == 0);
	if (type != SOCK_DGRAM)
		EXPECT(listen(fd, 7) == 0);
}

static void
accept_one(void)
{
	int c = socket(AF_UNIX, SOCK_STREAM, 0), s;

	EXPECT(connect(c, (void *)&name, name_len) == 0);
	EXPECT((s = accept(fd, NULL, NULL)) >= 0);
	EXPECT(send(c, "hello", 5, 0) == 5);
	expect_message(s, "hello");
}

static void
listen_setup(void)
{
	listen_at("listening.sock", SOCK_STREAM);
}

static void
abstract_setup(void)
{
	name.sun_path[0] = '\0';
	sprintf(name.sun_path + 1, "behave-%d", (int)getpid());
	name_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(name.sun_path + 1));
	EXPECT((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0 && bind(fd, (void *)&name, name_len) == 0 &&
	    listen(fd, 5) == 0);
}

static void
bound_datagram_setup(void)
{
	listen_at("datagram.sock", SOCK_DGRAM);
}

static void
bound_datagram_check(void)
{
	int c = socket(AF_UNIX, SOCK_DGRAM, 0);
	EXPECT(sendto(c, "dgram", 5, 0, (void *)&name, name_len) == 5);
	expect_message(fd, "dgram");
}

static void
unbound_setup(void)
{
	EXPECT((fd = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
}

static void
unbound_check(void)
{
	EXPECT(connect(fd, (void *)&name, sizeof name) == -1);
	struct sockaddr_un a;
	socklen_t n = sizeof a;
	EXPECT(getsockname(fd, (void *)&a, &n) == 0 && n == sizeof(sa_family_t));
}

static struct sockaddr_in in4;
static socklen_t in4_len = sizeof in4;

static void
tcp_listen_setup(void)
{
	in4.sin_family = AF_INET;
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0 && bind(fd, (void *)&in4, sizeof in4) == 0 &&
	    listen(fd, 9) == 0);
	EXPECT(getsockname(fd, (void *)&in4, &in4_len) == 0);
}

static void
tcp_listen_check(void)
{
	int c = socket(AF_INET, SOCK_STREAM, 0), s;

	EXPECT(connect(c, (void *)&in4, sizeof in4) == 0);
	EXPECT((s = accept(fd, NULL, NULL)) >= 0);
	EXPECT(send(c, "tcp", 3, 0) == 3);
	EXPECT(recv(s, buf, 3, MSG_WAITALL) == 3);
}

static struct sockaddr_in6 in6;

static void
tcp6_setup(void)
{
	socklen_t n = sizeof in6;
	int on = 1;

	in6.sin6_family = AF_INET6;
	in6.sin6_addr = in6addr_loopback;
	fd = socket(AF_INET6, SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0 ||
	    bind(fd, (void *)&in6, sizeof in6) != 0) {
		fd = -1; /* a host without IPv6 */
		return;
	}
	EXPECT(listen(fd, 3) == 0 && getsockname(fd, (void *)&in6, &n) == 0);
}

static void
tcp6_check(void)
{
	int c;

	if (fd < 0)
		return;
	c = socket(AF_INET6, SOCK_STREAM, 0);
	EXPECT(connect(c, (void *)&in6, sizeof in6) == 0 && accept(fd, NULL, NULL) >= 0);
}

static void
udp_setup(void)
{
	in4.sin_family = AF_INET;
	in4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	EXPECT((fd = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && bind(fd, (void *)&in4, sizeof in4) == 0 &&
	    getsockname(fd, (void *)&in4, &in4_len) == 0);
}

static void
udp_check(void)
{
	int c = socket(AF_INET, SOCK_DGRAM, 0);
	EXPECT(sendto(c, "udp", 3, 0, (void *)&in4, sizeof in4) == 3);
	EXPECT(recv(fd, buf, sizeof buf, 0) == 3);
}

static void
udp_connected_setup(void)
{
	udp_setup();
	EXPECT(
	    (fds[0] = socket(AF_INET, SOCK_DGRAM, 0)) >= 0 && connect(fds[0], (void *)&in4, sizeof in4) == 0);
}

static void
udp_connected_check(void)
{
	EXPECT(send(fds[0], "conn", 4, 0) == 4);
	EXPECT(recv(fd, buf, sizeof buf, 0) == 4);
}

static void
tcp_unconnected_setup(void)
{
	int on = 1;
	EXPECT((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0 &&
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0);
}

static void
tcp_unconnected_check(void)
{
	int v = 0;
	socklen_t n = sizeof v;
	EXPECT(getsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &v, &n) == 0 && v != 0);
}

static void
options_setup(void)
{
	struct timeval t = { 5, 0 };
	int on = 1, size = 100000, idle_s = 77;

	EXPECT((fd = socket(AF_INET, SOCK_STREAM, 0)) >= 0);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on) == 0);
	EXPECT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size) == 0);
	EXPECT(setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle_s, sizeof idle_s) == 0);
}

static int
option(int level, int what)
{
	int v = -1;
	socklen_t n = sizeof v;
	EXPECT(getsockopt(fd, level, what, &v, &n) == 0);
	return v;
}

static void
options_check(void)
{
	struct timeval t;
	socklen_t n = sizeof t;

	EQUAL(option(SOL_SOCKET, SO_REUSEADDR), 1);
	EQUAL(option(SOL_SOCKET, SO_KEEPALIVE), 1);
	EQUAL(option(SOL_SOCKET, SO_RCVBUF), 200000);
	EQUAL(option(IPPROTO_TCP, TCP_KEEPIDLE), 77);
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &n) == 0 && t.tv_sec == 5 && t.tv_usec == 0);
}

static void
dup_setup(void)
{
	pair_setup();
	fd = dup(fds[0]);
	EXPECT(send(fds[1], "dup", 3, 0) == 3);
}

static void
dup_check(void)
{
	expect_message(fd, "dup");
	close(fds[0]);
	EXPECT(send(fds[1], "x", 1, 0) == 1);
	expect_message(fd, "x");
	close(fd);
	EXPECT(send(fds[1], "y", 1, MSG_NOSIGNAL) == -1 && errno == EPIPE);
}

static pid_t child;
static void
child_setup(void)
{
	pair_setup();
	if ((child = fork()) == 0) {
		close(fds[0]);
		for (;;) {
			ssize_t n = recv(fds[1], buf, sizeof buf, 0);
			if (n <= 0)
				_exit(0);
			EXPECT(send(fds[1], buf, (size_t)n, 0) == n);
		}
	}
	close(fds[1]);
}

static void
child_check(void)
{
	EXPECT(send(fds[0], "echo", 4, 0) == 4);
	EXPECT(recv(fds[0], buf, 4, MSG_WAITALL) == 4 && memcmp(buf, "echo", 4) == 0);
	kill(child, SIGKILL);
}

static void
large_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	memset(buf, 'q', sizeof buf);
	for (int i = 0; i < 2; i++)
		EXPECT(send(fds[0], buf, 50000, 0) == 50000);
}

static void
large_check(void)
{
	size_t got = 0;
	ssize_t n;
	while ((n = recv(fds[1], buf, sizeof buf, 0)) > 0)
		got += (size_t)n;
	EQUAL(got, 100000);
}

const struct behaviour sockets[] = {
	{ "socket_pair", pair_setup, pair_check },
	{ "socket_pair_unread", pair_data_setup, pair_data_check },
	{ "socket_datagrams", datagram_setup, two_check },
	{ "socket_seqpackets", seqpacket_setup, two_check },
	{ "socket_shut_down", shutdown_setup, shutdown_check },
	{ "socket_peer_closed", closed_setup, closed_check },
	{ "socket_nonblocking", nonblock_setup, nonblock_check },
	{ "socket_listening_path", listen_setup, accept_one },
	{ "socket_listening_abstract", abstract_setup, accept_one },
	{ "socket_bound_datagram", bound_datagram_setup, bound_datagram_check },
	{ "socket_unbound", unbound_setup, unbound_check },
	{ "socket_tcp_listening", tcp_listen_setup, tcp_listen_check },
	{ "socket_tcp6_listening", tcp6_setup, tcp6_check },
	{ "socket_udp_bound", udp_setup, udp_check },
	{ "socket_udp_connected", udp_connected_setup, udp_connected_check },
	{ "socket_tcp_unconnected", tcp_unconnected_setup, tcp_unconnected_check },
	{ "socket_options", options_setup, options_check },
	{ "socket_duplicated", dup_setup, dup_check },
	{ "socket_with_child", child_setup, child_check },
	{ "socket_100000_bytes", large_setup, large_check },
	{ NULL, NULL, NULL },
};
