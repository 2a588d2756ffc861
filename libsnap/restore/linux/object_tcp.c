/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP connections, by TCP_REPAIR: a socket in repair mode says nothing to the
 * other end, whatever is done to it, and vanishes without a word when it is
 * closed.  So all of them stay in that mode, and their packets are dropped
 * (tcp_lock.c), until nothing can fail any more; only then are they let
 * go: what was never sent is sent, a FIN follows, the other end is asked where
 * it stands.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/model/tcp_queue.h"
#include "libsnap/restore/linux/linux.h"
#include "linux/net_lock.h"
#include "linux/tcp_state.h"

#ifndef SO_BUF_LOCK
#define SO_BUF_LOCK	72		/* asm-generic/socket.h, 5.15 */
#endif

#define PIECE		(64u << 10)	/* of a queue, written at once */
#define ROOM		(INT32_MAX / 2)	/* for a buffer while its queue is filled */
#define FIN_TRIES	200
#define FIN_PAUSE_NS	1000000

/* ---- what it is ---- */

bool
tcp_is_connected(const Psnap__Socket *s)
{
	switch (s->tcp_state) {
	case PSNAP__TCP_STATE__TCP_STATE_NONE:
	case PSNAP__TCP_STATE__TCP_STATE_CLOSED:
	case PSNAP__TCP_STATE__TCP_STATE_LISTEN:
		return false;
	default:
		return true;
	}
}

bool
tcp_has_ended(const Psnap__Socket *s)
{
	return s->tcp_state == PSNAP__TCP_STATE__TCP_STATE_CLOSED && s->shutdown_read && s->shutdown_write;
}

const struct snap_object *
tcp_connection_of(struct snap *s, uint64_t socket_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, socket_id, PSNAP_KIND_TCP_CONNECTION, &n);

	return n > 0 ? v[0] : NULL;
}

static const Psnap__TcpConnection *
message(const struct snap_object *connection)
{
	return (const void *)connection->message;
}

/* ---- small calls ---- */

static int
set(int fd, int option, uint32_t value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

static int
set_sequence(int fd, int queue, uint32_t value)
{
	return set(fd, TCP_REPAIR_QUEUE, (uint32_t)queue) != 0 ? -1 : set(fd, TCP_QUEUE_SEQ, value);
}

static void
make_room(int fd, int forced, int plain)
{
	int size = ROOM;

	if (setsockopt(fd, SOL_SOCKET, forced, &size, sizeof size) != 0)
		setsockopt(fd, SOL_SOCKET, plain, &size, sizeof size);
}

static int
write_all(int fd, const uint8_t *p, size_t n)
{
	while (n > 0) {
		ssize_t k = send(fd, p, n < PIECE ? n : PIECE, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return -1;
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

static int
write_piece(void *fd, const uint8_t *p, size_t n)
{
	return write_all(*(const int *)fd, p, n);
}

/* What is to be sent, from byte `from` to byte `to`; in repair mode nothing leaves it. */
static int
write_sent(struct restore *r, const struct snap_object *o, uint64_t from, uint64_t to, int fd)
{
	return tcp_queue_each(r->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_SEND, from, to, write_piece, &fd);
}

static uint64_t
sent_length(struct restore *r, const struct snap_object *o)
{
	return tcp_queue_length(r->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_SEND);
}

/* Behind what was received. */
static uint32_t
next_received(struct restore *r, const struct snap_object *o)
{
	return message(o)->receive_sequence + (uint32_t)tcp_queue_length(r->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_RECEIVE);
}

/* ---- made, in repair mode ---- */

static int
set_agreed(const Psnap__TcpConnection *c, int fd)
{
	struct tcp_repair_opt v[4] = { { TCPOPT_MAXSEG, c->max_segment } };
	size_t n = 1;

	if (c->window_scale != NULL)
		v[n++] = (struct tcp_repair_opt){ TCPOPT_WINDOW,
		    c->window_scale->send | c->window_scale->receive << 16 };
	if (c->selective_acks)
		v[n++] = (struct tcp_repair_opt){ TCPOPT_SACK_PERMITTED, 0 };
	if (c->timestamps)
		v[n++] = (struct tcp_repair_opt){ TCPOPT_TIMESTAMP, 0 };
	if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_OPTIONS, v, (socklen_t)(n * sizeof *v)) != 0)
		return -1;
	return c->timestamps ? set(fd, TCP_TIMESTAMP, c->timestamp) : 0;
}

/* Of the send queue, what has been sent: of that an acknowledgement may come. */
static int
fill_queues(struct restore *r, const struct snap_object *o, const Psnap__SocketOptions *options, int fd)
{
	make_room(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	if (set(fd, TCP_REPAIR_QUEUE, TCP_RECV_QUEUE) != 0 ||
	    tcp_queue_each(r->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_RECEIVE, 0, UINT64_MAX, write_piece, &fd) != 0)
		return -1;
	/* the other end would be told of all that room */
	socket_set_buffers(options, fd);
	make_room(fd, SO_SNDBUFFORCE, SO_SNDBUF);
	if (set(fd, TCP_REPAIR_QUEUE, TCP_SEND_QUEUE) != 0)
		return -1;
	return write_sent(r, o, 0, sent_length(r, o) - message(o)->not_sent, fd);
}

/* An empty one takes no FIN. */
static int
open_window(const Psnap__TcpConnection *c, uint32_t next, int fd)
{
	struct tcp_repair_window w = { .snd_wl1 = next - 1, .rcv_wnd = 65535, .rcv_wup = next };

	w.snd_wnd = c->window != NULL ? c->window->send_window : 65535;
	w.max_window = c->window != NULL ? c->window->max_send_window : 65535;
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof w);
}

static int
set_window(const Psnap__TcpConnection *c, int fd)
{
	struct tcp_repair_window w;

	if (c->window == NULL)
		return 0;
	w = (struct tcp_repair_window){ c->window->send_update, c->window->send_window,
	    c->window->max_send_window, c->window->receive_window, c->window->receive_update };
	return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &w, sizeof w);
}

static bool
waits_for_close(int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 && info.tcpi_state == TCP_CLOSE_WAIT;
}

/* The FIN that came is told to the socket again; nobody else gets to see it. */
static int
receive_fin(const Psnap__TcpConnection *c, uint32_t next, int fd, const struct net_connection *ends)
{
	struct segment f = { .from = &ends->remote, .to = &ends->local, .sequence = next, .acknowledged = c->send_sequence,
	    .window = (uint16_t)((c->window != NULL ? c->window->send_window : 65535) >>
	    (c->window_scale != NULL ? c->window_scale->send : 0)), .fin = true };

	if (open_window(c, next, fd) != 0 || segment_send(&f) != 0)
		return -1;
	for (int i = 0; i < FIN_TRIES; i++) {
		if (waits_for_close(fd))
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = FIN_PAUSE_NS }, NULL);
	}
	errno = ETIMEDOUT;
	return -1;
}

/* Asked when it is let go, by the same SYN as before: the other end may have seen that one. */
static bool
is_asking(const Psnap__Socket *s)
{
	return s->tcp_state == PSNAP__TCP_STATE__TCP_STATE_SYN_SENT;
}

int
tcp_make(struct restore *r, uint64_t id, const Psnap__Socket *s, const struct snap_object *connection, int fd)
{
	const Psnap__TcpConnection *c = message(connection);
	struct net_connection ends;
	socklen_t local = socket_address(r->p, s, s->local, &ends.local);
	socklen_t remote = socket_address(r->p, s, s->remote, &ends.remote);

	if (local == 0 || remote == 0)
		return restore_fail(r, NULL, id, 0, "a TCP connection without addresses");
	if (set(fd, TCP_REPAIR, TCP_REPAIR_ON) != 0)
		return restore_fail(r, NULL, id, errno, "repairing a TCP connection");
	if (set_sequence(fd, TCP_SEND_QUEUE, c->send_sequence - is_asking(s)) != 0 ||
	    set_sequence(fd, TCP_RECV_QUEUE, c->receive_sequence) != 0)
		return restore_fail(r, NULL, id, errno, "setting sequence numbers");
	if (bind(fd, (const void *)&ends.local, local) != 0)
		return restore_fail(r, NULL, id, errno, "binding a TCP connection");
	if (is_asking(s))
		return 0;
	if (connect(fd, (const void *)&ends.remote, remote) != 0)
		return restore_fail(r, NULL, id, errno, "connecting a TCP connection");
	if (set_agreed(c, fd) != 0)
		return restore_fail(r, NULL, id, errno, "setting what both ends have agreed on");
	if (fill_queues(r, connection, s->options, fd) != 0)
		return restore_fail(r, NULL, id, errno, "filling a TCP connection");
	if (tcp_has_received_fin(s->tcp_state) && receive_fin(c, next_received(r, connection), fd, &ends) != 0)
		return restore_fail(r, NULL, id, errno, "ending a TCP connection's other direction");
	if (set_window(c, fd) != 0)
		return restore_fail(r, NULL, id, errno, "setting a TCP window");
	if (s->shutdown_read && shutdown(fd, SHUT_RD) != 0)
		return restore_fail(r, NULL, id, errno, "shutting a TCP connection down");
	return 0;
}

int
tcp_keep(struct restore *r, struct made_socket *m, const struct snap_object *connection)
{
	struct connection *k = plan_alloc(r->p, sizeof *k);

	if (k == NULL || restore_list_add(r, &r->connections, k) != 0)
		return restore_nomem(r);
	*k = (struct connection){ m, connection, false };
	return 0;
}

/* ---- one whose other end is gone ---- */

/* Somebody to be reset by. */
static int
listen_here(bool v6, struct sockaddr_storage *a, socklen_t *len)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(v6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	memset(a, 0, sizeof *a);
	if (v6)
		memcpy(a, &in6, *len = sizeof in6);
	else
		memcpy(a, &in, *len = sizeof in);
	if (fd < 0 || (bind(fd, (const void *)a, *len) == 0 && listen(fd, 1) == 0 &&
	    getsockname(fd, (void *)a, len) == 0))
		return fd;
	close(fd);
	return -1;
}

/* To a listener of IPv4 from a socket of IPv6. */
static void
map_address(struct sockaddr_storage *a, socklen_t *len)
{
	const struct sockaddr_in in = *(const struct sockaddr_in *)(const void *)a;
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = in.sin_port };

	in6.sin6_addr.s6_addr[10] = in6.sin6_addr.s6_addr[11] = 0xff;
	memcpy(in6.sin6_addr.s6_addr + 12, &in.sin_addr, 4);
	memcpy(a, &in6, *len = sizeof in6);
}

/* Its last words, then the end: by a reset, or both ways in peace. */
static int
end_by(const Psnap__Socket *s, int fd, int other)
{
	const struct linger at_once = { .l_onoff = 1 };

	for (size_t i = 0; i < s->n_queue; i++)
		if (write_all(other, s->queue[i]->data.data, s->queue[i]->data.len) != 0)
			return -1;
	if (s->error_untold || !tcp_has_ended(s))
		return setsockopt(other, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	return shutdown(other, SHUT_WR) != 0 ? -1 : shutdown(fd, SHUT_WR);
}

int
tcp_make_ended(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	bool v6 = s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6;
	bool only = v6 && s->options->ipv6_only;
	struct sockaddr_storage a;
	socklen_t len;
	int listener = listen_here(only, &a, &len), other = -1, e = 0;

	if (v6 && !only)
		map_address(&a, &len);
	make_room(fd, SO_RCVBUFFORCE, SO_RCVBUF);
	if (listener < 0 || connect(fd, (const void *)&a, len) != 0 ||
	    (other = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
		e = restore_fail(r, NULL, id, errno, "making a TCP connection that is over");
	if (e == 0) {
		make_room(other, SO_SNDBUFFORCE, SO_SNDBUF);
		if (end_by(s, fd, other) != 0)
			e = restore_fail(r, NULL, id, errno, "ending a TCP connection");
	}
	if (other >= 0)
		close(other);
	if (listener >= 0)
		close(listener);
	return e;
}

/* ---- let go ---- */

/* Sizes that the kernel chose are chosen by it from now on. */
static void
settle_buffers(const struct connection *k)
{
	const Psnap__SocketOptions *o = k->m->s->options;
	uint32_t locked = (o->auto_send_buffer ? 0 : 1) | (o->auto_receive_buffer ? 0 : 2);

	socket_set_buffers(o, k->m->fd);
	setsockopt(k->m->fd, SOL_SOCKET, SO_BUF_LOCK, &locked, sizeof locked);
}

/* What may have happened by now, as the other end is there again. */
static bool
is_over(int e)
{
	return e == EPIPE || e == ECONNRESET || e == ETIMEDOUT || e == ENOTCONN;
}

static int
ask_again(struct restore *r, const struct connection *k)
{
	struct sockaddr_storage remote;
	socklen_t len = socket_address(r->p, k->m->s, k->m->s->remote, &remote);
	int flags = fcntl(k->m->fd, F_GETFL);
	bool asked = fcntl(k->m->fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
	    (connect(k->m->fd, (const void *)&remote, len) == 0 || errno == EINPROGRESS);

	if (!asked || fcntl(k->m->fd, F_SETFL, flags) != 0)
		return restore_fail(r, NULL, k->m->id, errno, "connecting a TCP socket");
	return 0;
}

/* The kernel forgets SO_REUSEADDR in repair mode. */
static int
let_go(struct restore *r, struct connection *k)
{
	int fd = k->m->fd, reuse = k->m->s->options->reuse_address;
	uint64_t sent = sent_length(r, k->o);

	if (set(fd, TCP_REPAIR_QUEUE, TCP_NO_QUEUE) != 0 || set(fd, TCP_REPAIR, TCP_REPAIR_OFF) != 0)
		return restore_fail(r, NULL, k->m->id, errno, "letting a TCP connection go");
	k->gone = true;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse) != 0)
		return restore_fail(r, NULL, k->m->id, errno, "setting socket options");
	if (is_asking(k->m->s))
		return ask_again(r, k);
	if (write_sent(r, k->o, sent - message(k->o)->not_sent, sent, fd) != 0 && !is_over(errno))
		return restore_fail(r, NULL, k->m->id, errno, "sending on a TCP connection");
	if (tcp_has_sent_fin(k->m->s->tcp_state) && shutdown(fd, SHUT_WR) != 0 && !is_over(errno))
		return restore_fail(r, NULL, k->m->id, errno, "shutting a TCP connection down");
	settle_buffers(k);
	return 0;
}

int
tcp_let_go(struct restore *r)
{
	int e = tcp_unlock(r);

	for (size_t i = 0; e == 0 && i < r->connections.n; i++)
		e = let_go(r, r->connections.v[i]);
	return e;
}

void
tcp_abandon(struct restore *r)
{
	tcp_lock_again(r);
	for (size_t i = 0; i < r->connections.n; i++) {
		const struct connection *k = r->connections.v[i];

		if (k->gone)
			set(k->m->fd, TCP_REPAIR, TCP_REPAIR_ON);
	}
}
