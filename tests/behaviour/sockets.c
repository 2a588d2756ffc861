/* SPDX-License-Identifier: BSD-2-Clause */
/* Unix sockets and such of the network that have no connection. */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"
#include "tests/helpers/rights.h"

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

/* Three wait: one with a name, one that has nothing more to say, one from another process. */
static int waiting[3];

static void
name_client(int c, const char *text)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	strcpy(a.sun_path + 1, text);
	EXPECT(bind(c, (void *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text))) == 0);
}

static void
wait_at(const char *path, int type)
{
	char text[64];
	pid_t child;

	listen_at(path, type);
	for (int i = 0; i < 3; i++)
		EXPECT((waiting[i] = socket(AF_UNIX, type, 0)) >= 0);
	sprintf(text, "named-%d", (int)getpid());
	name_client(waiting[2], text);
	EXPECT(connect(waiting[2], (void *)&name, name_len) == 0);
	EXPECT(connect(waiting[0], (void *)&name, name_len) == 0 && shutdown(waiting[0], SHUT_WR) == 0);
	if ((child = fork()) == 0)
		_exit(connect(waiting[1], (void *)&name, name_len) == 0 ? 0 : 1);
	EXPECT(child > 0 && waitpid(child, NULL, 0) == child);
	/* there is no room for a fourth any more */
	EXPECT(listen(fd, 1) == 0);
}

static void
expect_waited(int c, bool said_all)
{
	int s = accept4(fd, NULL, NULL, SOCK_NONBLOCK);

	EXPECT(s >= 0);
	if (said_all)
		EQUAL(recv(s, buf, 1, 0), 0);
	else
		EXPECT(send(c, "at last", 7, 0) == 7);
	if (!said_all)
		expect_message(s, "at last");
	EXPECT(send(s, "welcome", 7, 0) == 7);
	expect_message(c, "welcome");
	close(s);
}

static void
wait_check(void)
{
	int c = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct sockaddr_un from;
	socklen_t n = sizeof from;
	char text[64];
	int s;

	EXPECT(connect(c, (void *)&name, name_len) == -1 && (errno == EAGAIN || errno == EPROTOTYPE));
	sprintf(text, "named-%d", (int)getpid());
	EXPECT((s = accept4(fd, (void *)&from, &n, SOCK_NONBLOCK)) >= 0);
	EXPECT(n == offsetof(struct sockaddr_un, sun_path) + 1 + strlen(text) && memcmp(from.sun_path + 1, text, strlen(text)) == 0);
	EXPECT(send(s, "you are the first", 17, 0) == 17);
	expect_message(waiting[2], "you are the first");
	expect_waited(waiting[0], true);
	expect_waited(waiting[1], false);
	EXPECT(accept4(fd, NULL, NULL, SOCK_NONBLOCK) == -1);
}

static void
wait_stream_setup(void)
{
	wait_at("waiting.sock", SOCK_STREAM);
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
}

static void
wait_seqpacket_setup(void)
{
	wait_at("waiting-packets.sock", SOCK_SEQPACKET);
	EXPECT(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
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

static void
options_check(void)
{
	struct timeval t;
	socklen_t n = sizeof t;

	EQUAL(get_option(fd, SOL_SOCKET, SO_REUSEADDR), 1);
	EQUAL(get_option(fd, SOL_SOCKET, SO_KEEPALIVE), 1);
	EQUAL(get_option(fd, SOL_SOCKET, SO_RCVBUF), 200000);
	EQUAL(get_option(fd, IPPROTO_TCP, TCP_KEEPIDLE), 77);
	EXPECT(getsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, &n) == 0 && t.tv_sec == 5 && t.tv_usec == 0);
}

static const struct { int name, value, told; } unix_options[] = {
	{ SO_REUSEADDR, 1, 1 }, { SO_BROADCAST, 1, 1 }, { SO_KEEPALIVE, 1, 1 }, { SO_OOBINLINE, 1, 1 },
	{ SO_DONTROUTE, 1, 1 }, { SO_TIMESTAMP, 1, 1 }, { SO_PASSCRED, 1, 1 }, { SO_PRIORITY, 5, 5 },
	{ SO_MARK, 77, 77 }, { SO_RCVLOWAT, 3, 3 }, { SO_SNDBUF, 50000, 100000 }, { SO_RCVBUF, 60000, 120000 },
};

/* Every second option at one end, the others at the other, which lingers and has a limit of time. */
static void
unix_options_setup(void)
{
	const struct linger linger = { 1, 9 };
	const struct timeval t = { 5, 0 };

	pair_setup();
	for (size_t i = 0; i < sizeof unix_options / sizeof *unix_options; i++)
		EXPECT(setsockopt(fds[i & 1], SOL_SOCKET, unix_options[i].name, &unix_options[i].value,
		    sizeof(int)) == 0);
	EXPECT(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
	EXPECT(setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &t, sizeof t) == 0);
}

static void
unix_options_check(void)
{
	struct linger linger;
	socklen_t n = sizeof linger;
	struct timeval t;

	for (size_t i = 0; i < sizeof unix_options / sizeof *unix_options; i++) {
		fd = fds[i & 1];
		EQUAL(get_option(fd, SOL_SOCKET, unix_options[i].name), unix_options[i].told);
		fd = fds[~i & 1];
		EXPECT(get_option(fd, SOL_SOCKET, unix_options[i].name) != unix_options[i].told);
	}
	EXPECT(getsockopt(fds[1], SOL_SOCKET, SO_LINGER, &linger, &n) == 0 && linger.l_onoff && linger.l_linger == 9);
	n = sizeof t;
	EXPECT(getsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &t, &n) == 0 && t.tv_sec == 5 && t.tv_usec == 0);
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

/* ---- descriptors under way ---- */

static void
send_fds(int to, const char *text, const int *v, size_t n)
{
	EQUAL(rights_send(to, (void *)(uintptr_t)text, strlen(text), v, n), strlen(text));
}

static void
send_fd(int to, const char *text, int what)
{
	send_fds(to, text, &what, 1);
}

/* Up to max bytes, which are to be text, with want descriptors. */
static void
expect_fds(int from, size_t max, const char *text, int *v, size_t want)
{
	int got[RIGHTS_MAX];
	size_t n;

	EQUAL(rights_receive(from, buf, max, 0, got, &n), strlen(text));
	EXPECT(memcmp(buf, text, strlen(text)) == 0);
	EQUAL(n, want);
	if (n > 0)
		memcpy(v, got, n * sizeof *v);
}

static int
expect_fd(int from, const char *text)
{
	int got = -1;

	expect_fds(from, sizeof buf, text, &got, 1);
	return got;
}

static void
expect_text(int from, const char *want)
{
	char got[64] = "";

	EXPECT(read(from, got, sizeof got - 1) >= 0);
	EXPECT(strcmp(got, want) == 0);
}

/* A file that is open nowhere else. */
static void
send_file(int to)
{
	int f = new_file("under-way", "0123456789");

	EXPECT(lseek(f, 4, SEEK_SET) == 4);
	send_fd(to, "file", f);
	close(f);
}

static void
rights_stream_setup(void)
{
	pair_setup();
	send_file(fds[0]);
}

static void
rights_datagram_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0);
	send_file(fds[0]);
}

static void
rights_seqpacket_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds) == 0);
	send_file(fds[0]);
}

static void
rights_check(void)
{
	expect_text(expect_fd(fds[1], "file"), "456789");
	EXPECT(recv(fds[1], buf, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
}

static void
rights_shared_setup(void)
{
	pair_setup();
	fd = new_file("shared", "0123456789");
	send_fd(fds[0], "s", fd);
	EXPECT(lseek(fd, 7, SEEK_SET) == 7);
}

static void
rights_shared_check(void)
{
	int got = expect_fd(fds[1], "s");

	EQUAL(lseek(got, 0, SEEK_CUR), 7);
	EXPECT(lseek(got, 3, SEEK_SET) == 3);
	EQUAL(lseek(fd, 0, SEEK_CUR), 3);
}

/* One description in two messages, open nowhere. */
static void
rights_twice_setup(void)
{
	int more[2], f = new_file("twice", "0123456789");

	pair_setup();
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, more) == 0);
	send_fd(fds[0], "a", f);
	send_fd(more[0], "b", f);
	close(f);
	fd = more[1];
}

static void
rights_twice_check(void)
{
	int a = expect_fd(fds[1], "a"), b = expect_fd(fd, "b");

	EXPECT(lseek(a, 5, SEEK_SET) == 5);
	EQUAL(lseek(b, 0, SEEK_CUR), 5);
}

/* Both ends of a pipe are under way, with bytes between them. */
static void
rights_pipe_setup(void)
{
	int ends[2];

	pair_setup();
	EXPECT(pipe(ends) == 0 && write(ends[1], "piped", 5) == 5);
	send_fd(fds[0], "r", ends[0]);
	send_fd(fds[1], "w", ends[1]);
	close(ends[0]);
	close(ends[1]);
}

static void
rights_pipe_check(void)
{
	int r = expect_fd(fds[1], "r"), w = expect_fd(fds[0], "w");

	expect_text(r, "piped");
	EXPECT(write(w, "more", 4) == 4);
	expect_text(r, "more");
	close(w);
	expect_text(r, "");
}

/* One end of the pipe stays open. */
static void
rights_half_pipe_setup(void)
{
	int ends[2];

	pair_setup();
	EXPECT(pipe(ends) == 0 && write(ends[1], "half", 4) == 4);
	send_fd(fds[0], "r", ends[0]);
	close(ends[0]);
	fd = ends[1];
}

static void
rights_half_pipe_check(void)
{
	int r = expect_fd(fds[1], "r");

	close(fd);
	expect_text(r, "half");
	expect_text(r, "");
}

static void
rights_kinds_setup(void)
{
	uint64_t count = 42;
	int v[4];

	pair_setup();
	EXPECT((v[0] = eventfd(0, 0)) >= 0 && write(v[0], &count, sizeof count) == (ssize_t)sizeof count);
	EXPECT((v[1] = memfd_create("under way", 0)) >= 0 && write(v[1], "memory", 6) == 6 &&
	    lseek(v[1], 0, SEEK_SET) == 0);
	EXPECT((v[2] = epoll_create1(0)) >= 0);
	EXPECT(epoll_ctl(v[2], EPOLL_CTL_ADD, fds[0], &(struct epoll_event){ .events = EPOLLIN, .data.u64 = 7 }) == 0);
	EXPECT((v[3] = open("gone", O_RDWR | O_CREAT | O_TRUNC, 0600)) >= 0 && write(v[3], "deleted", 7) == 7 &&
	    lseek(v[3], 0, SEEK_SET) == 0 && unlink("gone") == 0);
	send_fds(fds[0], "kinds", v, 4);
	for (size_t i = 0; i < 4; i++)
		close(v[i]);
}

static void
rights_kinds_check(void)
{
	struct epoll_event ev;
	uint64_t count = 0;
	int v[4];

	expect_fds(fds[1], sizeof buf, "kinds", v, 4);
	EXPECT(read(v[0], &count, sizeof count) == (ssize_t)sizeof count);
	EQUAL(count, 42);
	expect_text(v[1], "memory");
	EQUAL(epoll_wait(v[2], &ev, 1, 0), 0);
	EXPECT(send(fds[1], "x", 1, 0) == 1);
	EXPECT(epoll_wait(v[2], &ev, 1, 0) == 1 && ev.data.u64 == 7);
	expect_text(v[3], "deleted");
}

#define MANY	200

static void
rights_many_setup(void)
{
	int v[MANY];

	pair_setup();
	for (int i = 0; i < MANY; i++) {
		char name[16];

		sprintf(name, "%d", i % 10);
		v[i] = new_file(name, "0123456789");
		EXPECT(lseek(v[i], i % 10, SEEK_SET) == i % 10);
	}
	send_fds(fds[0], "many", v, MANY);
	send_fds(fds[0], "again", v, MANY / 2);
	for (int i = 0; i < MANY; i++)
		close(v[i]);
}

static void
rights_many_check(void)
{
	int v[MANY], again[MANY / 2];

	expect_fds(fds[1], sizeof buf, "many", v, MANY);
	expect_fds(fds[1], sizeof buf, "again", again, MANY / 2);
	for (int i = 0; i < MANY; i++)
		EQUAL(lseek(v[i], 0, SEEK_CUR), i % 10);
	for (int i = 0; i < MANY / 2; i++) {
		EXPECT(lseek(v[i], 100 + i, SEEK_SET) == 100 + i);
		EQUAL(lseek(again[i], 0, SEEK_CUR), 100 + i);
	}
}

/* Bytes without descriptors around two messages with: each where it was. */
static void
rights_between_setup(void)
{
	pair_setup();
	fd = new_file("between", "0123456789");
	EXPECT(send(fds[0], "before", 6, 0) == 6);
	send_fd(fds[0], "first", fd);
	send_fd(fds[0], "second", fd);
	EXPECT(send(fds[0], "after", 5, 0) == 5);
}

static void
rights_between_check(void)
{
	int got[2];

	expect_fds(fds[1], 4, "befo", NULL, 0);
	expect_fds(fds[1], 2, "re", NULL, 0);
	expect_fds(fds[1], sizeof buf, "first", &got[0], 1);
	expect_fds(fds[1], 3, "sec", &got[1], 1);
	expect_fds(fds[1], sizeof buf, "ondafter", NULL, 0);
	EXPECT(lseek(got[0], 9, SEEK_SET) == 9);
	EQUAL(lseek(got[1], 0, SEEK_CUR), 9);
}

/* The descriptors come with the first byte, however long the rest. */
static void
rights_large_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == 0);
	memset(buf, 'L', sizeof buf - 1);
	fd = new_file("large", "x");
	send_fd(fds[0], buf, fd);
}

static void
rights_large_check(void)
{
	size_t got = 1;
	ssize_t n;
	int f;

	expect_fds(fds[1], 1, "L", &f, 1);
	while ((n = recv(fds[1], buf, sizeof buf, 0)) > 0)
		got += (size_t)n;
	EQUAL(got, sizeof buf - 1);
	EXPECT(write(f, "y", 1) == 1);
	EQUAL(lseek(fd, 0, SEEK_CUR), 2);
}

/* A message of no bytes at all, among others. */
static void
rights_empty_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds) == 0);
	EXPECT(send(fds[0], "", 0, 0) == 0);
	fd = new_file("empty", "0123456789");
	send_fd(fds[0], "", fd);
	EXPECT(send(fds[0], "last", 4, 0) == 4);
}

static void
rights_empty_check(void)
{
	int got;

	expect_fds(fds[1], sizeof buf, "", NULL, 0);
	expect_fds(fds[1], sizeof buf, "", &got, 1);
	expect_message(fds[1], "last");
	EXPECT(lseek(got, 6, SEEK_SET) == 6);
	EQUAL(lseek(fd, 0, SEEK_CUR), 6);
}

/* Sockets in sockets in sockets, each with a message for who takes it out. */
#define DEPTH	6

static void
rights_nested_setup(void)
{
	int inner[2], carried;

	carried = new_file("innermost", "at the bottom");
	EXPECT(lseek(carried, 0, SEEK_SET) == 0);
	for (int i = 0; i < DEPTH; i++) {
		EXPECT(socketpair(AF_UNIX, i % 2 ? SOCK_SEQPACKET : SOCK_STREAM, 0, inner) == 0);
		send_fd(inner[0], "deeper", carried);
		close(carried);
		close(inner[0]);
		carried = inner[1];
	}
	fd = carried;
}

static void
rights_nested_check(void)
{
	for (int i = 0; i < DEPTH; i++) {
		int got = expect_fd(fd, "deeper");

		EQUAL(recv(fd, buf, 1, 0), 0);
		close(fd);
		fd = got;
	}
	expect_text(fd, "at the bottom");
}

/* One end exists only in the other's neighbour. */
static void
rights_end_setup(void)
{
	int other[2];

	pair_setup();
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, other) == 0);
	EXPECT(send(other[0], "to the end", 10, 0) == 10 && send(other[1], "back", 4, 0) == 4);
	send_fd(fds[0], "end", other[1]);
	close(other[1]);
	fd = other[0];
}

static void
rights_end_check(void)
{
	int end = expect_fd(fds[1], "end");

	expect_message(end, "to the end");
	expect_message(fd, "back");
	EXPECT(send(end, "on", 2, 0) == 2);
	expect_message(fd, "on");
}

/* Each end is under way to itself, and to the other. */
static void
rights_cycle_setup(void)
{
	pair_setup();
	send_fd(fds[0], "self", fds[1]);
	send_fd(fds[0], "sender", fds[0]);
	send_fd(fds[1], "self", fds[0]);
}

static void
rights_cycle_check(void)
{
	int self = expect_fd(fds[1], "self"), sender = expect_fd(self, "sender");
	int other = expect_fd(fds[0], "self");

	EXPECT(send(sender, "a", 1, 0) == 1 && send(other, "b", 1, 0) == 1);
	expect_message(self, "ab");
	EXPECT(recv(self, buf, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN);
	close(fds[0]);
	close(other);
	close(sender);
	EQUAL(recv(self, buf, 1, 0), 0);
}

/* Two pairs, each end under way in the other pair. */
static void
rights_ring_setup(void)
{
	int a[2], b[2];

	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, a) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, b) == 0);
	send_fd(a[0], "b", b[1]);
	send_fd(b[0], "a", a[1]);
	close(b[1]);
	close(b[0]);
	close(a[0]);
	fd = a[1];
}

static void
rights_ring_check(void)
{
	int b = expect_fd(fd, "b"), a = expect_fd(b, "a");

	EQUAL(recv(a, buf, 1, 0), 0);
	EQUAL(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	EQUAL(fcntl(a, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
}

/* To a child, which takes it out after the restore. */
static void
rights_child_setup(void)
{
	pair_setup();
	if ((child = fork()) == 0) {
		sigset_t usr;
		int sig, got;

		sigemptyset(&usr);
		sigaddset(&usr, SIGUSR1);
		sigprocmask(SIG_BLOCK, &usr, NULL);
		EXPECT(sigwait(&usr, &sig) == 0);
		got = expect_fd(fds[1], "task");
		EXPECT(lseek(got, 8, SEEK_SET) == 8);
		_exit(5);
	}
	close(fds[1]);
	fd = new_file("task", "0123456789");
	send_fd(fds[0], "task", fd);
}

static void
rights_child_check(void)
{
	int status;

	kill(child, SIGUSR1);
	EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 5);
	EQUAL(lseek(fd, 0, SEEK_CUR), 8);
}

/* ---- senders ---- */

static void
pass_credentials(int to)
{
	int on = 1;

	EXPECT(setsockopt(to, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
}

static struct ucred
sender_of(int from, const char *text)
{
	union { struct cmsghdr h; char bytes[CMSG_SPACE(sizeof(struct ucred))]; } control;
	struct iovec io = { buf, sizeof buf };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof control };
	struct cmsghdr *c;
	struct ucred u;

	EQUAL(recvmsg(from, &m, MSG_DONTWAIT), strlen(text));
	EXPECT(memcmp(buf, text, strlen(text)) == 0);
	EXPECT((c = CMSG_FIRSTHDR(&m)) != NULL && c->cmsg_type == SCM_CREDENTIALS);
	memcpy(&u, CMSG_DATA(c), sizeof u);
	return u;
}

static void
expect_sender(int from, const char *text, pid_t pid, uid_t uid)
{
	struct ucred u = sender_of(from, text);

	EQUAL(u.pid, pid);
	EQUAL(u.uid, uid);
}

/* One stream, three senders: the last did not say who it is. */
static void
sender_setup(void)
{
	char c;
	int done[2];

	pair_setup();
	EXPECT(pipe(done) == 0);
	EXPECT(send(fds[0], "nobody", 6, 0) == 6);
	pass_credentials(fds[1]);
	EXPECT(send(fds[0], "parent", 6, 0) == 6);
	if ((child = fork()) == 0) {
		EXPECT(setuid(1234) == 0);
		EXPECT(send(fds[0], "child", 5, 0) == 5 && write(done[1], "x", 1) == 1);
		for (;;)
			pause();
	}
	EXPECT(read(done[0], &c, 1) == 1);
}

static void
sender_check(void)
{
	expect_sender(fds[1], "nobody", 0, 65534);
	expect_sender(fds[1], "parent", getpid(), getuid());
	expect_sender(fds[1], "child", child, 1234);
	EXPECT(send(fds[0], "now", 3, 0) == 3);
	expect_sender(fds[1], "now", getpid(), getuid());
	kill(child, SIGKILL);
}

/* Of one that is gone only the number may change. */
static void
sender_gone_setup(void)
{
	pair_setup();
	pass_credentials(fds[1]);
	if ((child = fork()) == 0) {
		EXPECT(setgid(4321) == 0 && setuid(1234) == 0);
		_exit(send(fds[0], "gone", 4, 0) == 4 ? 0 : 1);
	}
	EXPECT(waitpid(child, NULL, 0) == child);
}

static void
sender_gone_check(void)
{
	struct ucred u = sender_of(fds[1], "gone");

	EQUAL(u.uid, 1234);
	EQUAL(u.gid, 4321);
}

/* Datagrams at a name, one from another name: the answer finds its way. */
static void
named_setup(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "client.sock" };

	listen_at("server.sock", SOCK_DGRAM);
	unlink(a.sun_path);
	EXPECT((fds[0] = socket(AF_UNIX, SOCK_DGRAM, 0)) >= 0 && bind(fds[0], (void *)&a, sizeof a) == 0 &&
	    connect(fds[0], (void *)&name, name_len) == 0);
	EXPECT((fds[1] = socket(AF_UNIX, SOCK_DGRAM, 0)) >= 0);
	EXPECT(send(fds[0], "named", 5, 0) == 5);
	EXPECT(sendto(fds[1], "nameless", 8, 0, (void *)&name, name_len) == 8);
}

static void
named_check(void)
{
	struct sockaddr_un from;
	socklen_t n = sizeof from;

	EXPECT(recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&from, &n) == 5 && memcmp(buf, "named", 5) == 0);
	EXPECT(strcmp(from.sun_path, "client.sock") == 0);
	EXPECT(sendto(fd, "answer", 6, 0, (void *)&from, n) == 6);
	expect_message(fds[0], "answer");
	n = sizeof from;
	EXPECT(recvfrom(fd, buf, sizeof buf, MSG_DONTWAIT, (void *)&from, &n) == 8);
	EQUAL(n, 0);
	EXPECT(send(fds[0], "again", 5, 0) == 5);
	expect_message(fd, "again");
}

const struct behaviour sockets[] = {
	{ "socket_pair", pair_setup, pair_check },
	{ "socket_pair_unread", pair_data_setup, pair_data_check },
	{ "socket_waiting", wait_stream_setup, wait_check },
	{ "socket_waiting_packets", wait_seqpacket_setup, wait_check },
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
	{ "socket_options_unix", unix_options_setup, unix_options_check },
	{ "socket_duplicated", dup_setup, dup_check },
	{ "socket_with_child", child_setup, child_check },
	{ "socket_100000_bytes", large_setup, large_check },
	{ "socket_rights_in_stream", rights_stream_setup, rights_check },
	{ "socket_rights_in_datagram", rights_datagram_setup, rights_check },
	{ "socket_rights_in_seqpacket", rights_seqpacket_setup, rights_check },
	{ "socket_rights_shared_with_table", rights_shared_setup, rights_shared_check },
	{ "socket_rights_shared_by_queues", rights_twice_setup, rights_twice_check },
	{ "socket_rights_pipe", rights_pipe_setup, rights_pipe_check },
	{ "socket_rights_half_a_pipe", rights_half_pipe_setup, rights_half_pipe_check },
	{ "socket_rights_kinds", rights_kinds_setup, rights_kinds_check },
	{ "socket_rights_200_at_once", rights_many_setup, rights_many_check },
	{ "socket_rights_between_bytes", rights_between_setup, rights_between_check },
	{ "socket_rights_large_message", rights_large_setup, rights_large_check },
	{ "socket_rights_empty_message", rights_empty_setup, rights_empty_check },
	{ "socket_rights_nested", rights_nested_setup, rights_nested_check },
	{ "socket_rights_one_end", rights_end_setup, rights_end_check },
	{ "socket_rights_cycle", rights_cycle_setup, rights_cycle_check },
	{ "socket_rights_ring", rights_ring_setup, rights_ring_check },
	{ "socket_rights_for_child", rights_child_setup, rights_child_check },
	{ "socket_senders", sender_setup, sender_check },
	{ "socket_sender_gone", sender_gone_setup, sender_gone_check },
	{ "socket_named_datagrams", named_setup, named_check },
	{ NULL, NULL, NULL },
};
