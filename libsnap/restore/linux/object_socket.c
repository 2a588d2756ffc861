/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: unix pairs with what is unread, bound and listening sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static int
family_number(const Psnap__Socket *s)
{
	return s->family == PSNAP__SOCKET_FAMILY__SOCKET_UNIX ? AF_UNIX :
	    s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4 ? AF_INET :
	    s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 ? AF_INET6 : -1;
}

static int
type_number(const Psnap__Socket *s)
{
	switch (s->type) {
	case PSNAP__SOCKET_TYPE__SOCKET_STREAM:
		return SOCK_STREAM;
	case PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM:
		return SOCK_DGRAM;
	case PSNAP__SOCKET_TYPE__SOCKET_SEQPACKET:
		return SOCK_SEQPACKET;
	default:
		return SOCK_RAW;
	}
}

/* ---- options ---- */

static int
set_int(int fd, int level, int name, int v)
{
	return setsockopt(fd, level, name, &v, sizeof v);
}

static int
set_time(int fd, int name, uint64_t ns)
{
	struct timeval tv = { (time_t)(ns / NS), (suseconds_t)(ns % NS / 1000) };

	return ns == 0 ? 0 : setsockopt(fd, SOL_SOCKET, name, &tv, sizeof tv);
}

/* What is off, or 0, is so in a new socket, buffer sizes excepted. */
static int
set_options(const Psnap__Socket *s, int fd)
{
	const Psnap__SocketOptions *o = s->options;
	bool tcp = s->protocol == IPPROTO_TCP && s->type == PSNAP__SOCKET_TYPE__SOCKET_STREAM;
	const struct { bool set; int level, name; uint32_t value; } v[] = {
		{ true, SOL_SOCKET, SO_REUSEADDR, o->reuse_address },
		{ o->reuse_port, SOL_SOCKET, SO_REUSEPORT, 1 },
		{ o->broadcast, SOL_SOCKET, SO_BROADCAST, 1 },
		{ o->keep_alive, SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ o->out_of_band_inline, SOL_SOCKET, SO_OOBINLINE, 1 },
		{ o->dont_route, SOL_SOCKET, SO_DONTROUTE, 1 },
		{ o->pass_credentials, SOL_SOCKET, SO_PASSCRED, 1 },
		{ o->timestamp, SOL_SOCKET, SO_TIMESTAMP, 1 },
		{ o->priority != 0, SOL_SOCKET, SO_PRIORITY, o->priority },
		{ o->mark != 0, SOL_SOCKET, SO_MARK, o->mark },
		{ o->receive_low_water > 1, SOL_SOCKET, SO_RCVLOWAT, o->receive_low_water },
		{ tcp && o->tcp_no_delay, IPPROTO_TCP, TCP_NODELAY, 1 },
		{ tcp && o->tcp_cork, IPPROTO_TCP, TCP_CORK, 1 },
		{ tcp && o->tcp_keep_idle_s != 0, IPPROTO_TCP, TCP_KEEPIDLE, o->tcp_keep_idle_s },
		{ tcp && o->tcp_keep_interval_s != 0, IPPROTO_TCP, TCP_KEEPINTVL, o->tcp_keep_interval_s },
		{ tcp && o->tcp_keep_count != 0, IPPROTO_TCP, TCP_KEEPCNT, o->tcp_keep_count },
		{ tcp && o->tcp_user_timeout_ms != 0, IPPROTO_TCP, TCP_USER_TIMEOUT, o->tcp_user_timeout_ms },
		{ tcp && o->tcp_defer_accept_s != 0, IPPROTO_TCP, TCP_DEFER_ACCEPT, o->tcp_defer_accept_s },
		{ o->tos != 0, IPPROTO_IP, IP_TOS, o->tos },
		{ o->ttl != 0, IPPROTO_IP, IP_TTL, o->ttl },
		{ o->transparent, IPPROTO_IP, IP_TRANSPARENT, 1 },
		{ o->free_bind, IPPROTO_IP, IP_FREEBIND, 1 },
		{ s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6, IPPROTO_IPV6, IPV6_V6ONLY, o->ipv6_only },
	};

	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (v[i].set && set_int(fd, v[i].level, v[i].name, (int)v[i].value) != 0)
			return -1;
	if (set_time(fd, SO_RCVTIMEO, o->receive_timeout_ns) != 0 ||
	    set_time(fd, SO_SNDTIMEO, o->send_timeout_ns) != 0)
		return -1;
	/* the kernel doubles what it is told; the forced ones need privilege and know no ceiling */
	if (o->send_buffer != 0 && set_int(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)(o->send_buffer / 2)) != 0)
		set_int(fd, SOL_SOCKET, SO_SNDBUF, (int)(o->send_buffer / 2));
	if (o->receive_buffer != 0 && set_int(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)(o->receive_buffer / 2)) != 0)
		set_int(fd, SOL_SOCKET, SO_RCVBUF, (int)(o->receive_buffer / 2));
	return 0;
}

/* ---- addresses ---- */

static socklen_t
make_address(struct restore *r, const Psnap__Socket *s, const Psnap__SocketAddress *a, struct sockaddr_storage *to)
{
	struct sockaddr_un *un = (void *)to;
	struct sockaddr_in *in = (void *)to;
	struct sockaddr_in6 *in6 = (void *)to;
	const char *path;
	size_t base = offsetof(struct sockaddr_un, sun_path);

	memset(to, 0, sizeof *to);
	to->ss_family = (sa_family_t)family_number(s);
	if (a == NULL)
		return 0;
	switch (s->family) {
	case PSNAP__SOCKET_FAMILY__SOCKET_UNIX:
		if (a->unix_abstract.len > 0 && a->unix_abstract.len < sizeof un->sun_path) {
			memcpy(un->sun_path + 1, a->unix_abstract.data, a->unix_abstract.len);
			return (socklen_t)(base + 1 + a->unix_abstract.len);
		}
		if (a->unix_path.len == 0 || (path = plan_path(r->p, &a->unix_path)) == NULL ||
		    strlen(path) >= sizeof un->sun_path)
			return 0;
		strcpy(un->sun_path, path);
		return (socklen_t)(base + strlen(path) + 1);
	case PSNAP__SOCKET_FAMILY__SOCKET_IPV4:
		if (a->ip.len != 4)
			return 0;
		memcpy(&in->sin_addr, a->ip.data, 4);
		in->sin_port = htons((uint16_t)a->port);
		return sizeof *in;
	default:
		if (a->ip.len != 16)
			return 0;
		memcpy(&in6->sin6_addr, a->ip.data, 16);
		in6->sin6_port = htons((uint16_t)a->port);
		in6->sin6_scope_id = a->scope;
		in6->sin6_flowinfo = htonl(a->flow);
		return sizeof *in6;
	}
}

/* The name a dead server left behind; never one that somebody listens on. */
static void
remove_stale(const struct sockaddr_storage *a, socklen_t len, int type)
{
	const struct sockaddr_un *un = (const void *)a;
	struct stat st;
	int fd;

	if (un->sun_path[0] == '\0' || lstat(un->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return;
	if ((fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)) < 0)
		return;
	if (connect(fd, (const void *)a, len) != 0 && errno == ECONNREFUSED)
		unlink(un->sun_path);
	close(fd);
}

static int
bind_local(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sockaddr_storage a;
	socklen_t len = make_address(r, s, s->local, &a);
	int bound;

	if (len == 0)
		return 0;
	if (a.ss_family == AF_UNIX)
		remove_stale(&a, len, type_number(s));
	/* a socket never bound shows an address of zeros */
	if (a.ss_family != AF_UNIX && s->local->port == 0)
		return 0;
	bound = bind(fd, (const void *)&a, len);
	return bound == 0 ? 0 : restore_fail(r, NULL, id, errno, "binding a socket");
}

/* ---- pairs ---- */

static int
send_queue(struct restore *r, uint64_t id, const Psnap__Socket *s, int from)
{
	for (size_t i = 0; i < s->n_queue; i++) {
		const Psnap__SocketMessage *m = s->queue[i];
		size_t done = 0;

		do {
			ssize_t k = send(from, m->data.data + done, m->data.len - done, MSG_DONTWAIT | MSG_NOSIGNAL);

			if (k < 0)
				return restore_fail(r, NULL, id, errno, "filling a socket");
			done += (size_t)k;
		} while (s->type == PSNAP__SOCKET_TYPE__SOCKET_STREAM && done < m->data.len);
	}
	return 0;
}

static int
finish_end(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	if (s->shutdown_read && shutdown(fd, SHUT_RD) != 0)
		return restore_fail(r, NULL, id, errno, "shutting a socket down");
	if (s->shutdown_write && shutdown(fd, SHUT_WR) != 0)
		return restore_fail(r, NULL, id, errno, "shutting a socket down");
	return 0;
}

/* Every open file on the socket: each beyond the first is a duplicate, as sockets cannot be reopened. */
static int
spread(struct restore *r, uint64_t id, int fd)
{
	for (size_t i = 0; i < r->nobjects; i++) {
		struct object *x = &r->objects[i];

		if (x->o->socket_id != id)
			continue;
		if ((x->fd = keep_fd(r, fcntl(fd, F_DUPFD_CLOEXEC, r->base_fd))) < 0 ||
		    fcntl(x->fd, F_SETFL, (fcntl(x->fd, F_GETFL) & ~O_NONBLOCK) |
		    (x->o->non_block ? O_NONBLOCK : 0)) != 0)
			return restore_fail(r, NULL, x->id, errno, "making a socket");
	}
	return 0;
}

/* Without a peer in the snapshot the other end is closed again: it was, or belongs to somebody else. */
static int
make_pair(struct restore *r, uint64_t id, const Psnap__Socket *s)
{
	const Psnap__Socket *peer = snap_get_message(r->s, s->peer_id, PSNAP_KIND_SOCKET);
	int ends[2], e;

	if (socketpair(AF_UNIX, type_number(s) | SOCK_CLOEXEC, 0, ends) != 0)
		return restore_fail(r, NULL, id, errno, "making a socket pair");
	e = set_options(s, ends[0]) != 0 || (peer != NULL && set_options(peer, ends[1]) != 0) ?
	    restore_fail(r, NULL, id, errno, "setting socket options") : 0;
	if (e == 0)
		e = send_queue(r, id, s, ends[1]);
	if (e == 0 && peer != NULL)
		e = send_queue(r, s->peer_id, peer, ends[0]);
	/* the ends close what the other has shut down, too */
	if (e == 0)
		e = finish_end(r, id, s, ends[0]);
	if (e == 0 && peer != NULL)
		e = finish_end(r, s->peer_id, peer, ends[1]);
	if (e == 0)
		e = spread(r, id, ends[0]);
	if (e == 0 && peer != NULL)
		e = spread(r, s->peer_id, ends[1]);
	close(ends[0]);
	close(ends[1]);
	return e;
}

/* ---- single ---- */

/* A listening socket's file had an owner and permissions of its own. */
static int
listen_on(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	if (s->state != PSNAP__SOCKET_STATE__SOCKET_LISTENING)
		return 0;
	return listen(fd, s->backlog != 0 ? (int)s->backlog : SOMAXCONN) == 0 ? 0 :
	    restore_fail(r, NULL, id, errno, "listening");
}

static int
connect_remote(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sockaddr_storage a;
	socklen_t len = make_address(r, s, s->remote, &a);

	if (len == 0 || s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM)
		return 0;
	return connect(fd, (const void *)&a, len) == 0 ? 0 : restore_fail(r, NULL, id, errno, "connecting a socket");
}

static int
make_single(struct restore *r, uint64_t id, const Psnap__Socket *s)
{
	int fd = socket(family_number(s), type_number(s) | SOCK_CLOEXEC, (int)s->protocol), e;

	if (fd < 0)
		return restore_fail(r, NULL, id, errno, "making a socket");
	e = set_options(s, fd) != 0 ? restore_fail(r, NULL, id, errno, "setting socket options") : 0;
	if (e == 0)
		e = bind_local(r, id, s, fd);
	if (e == 0)
		e = listen_on(r, id, s, fd);
	if (e == 0)
		e = connect_remote(r, id, s, fd);
	/* datagrams come from whoever: from ourselves will do for what a peer does not name */
	if (e == 0)
		e = finish_end(r, id, s, fd);
	if (e == 0)
		e = spread(r, id, fd);
	close(fd);
	return e;
}

int
socket_make(struct restore *r, struct object *x)
{
	const Psnap__Socket *s = snap_get_message(r->s, x->o->socket_id, PSNAP_KIND_SOCKET), *peer;

	if (s == NULL)
		return restore_fail(r, NULL, x->id, ENOENT, "its socket");
	if (family_number(s) < 0)
		return restore_fail(r, NULL, x->o->socket_id, 0, "a socket of a family that is not restored");
	peer = snap_get_message(r->s, s->peer_id, PSNAP_KIND_SOCKET);
	if (s->family == PSNAP__SOCKET_FAMILY__SOCKET_UNIX &&
	    s->state == PSNAP__SOCKET_STATE__SOCKET_CONNECTED &&
	    (peer != NULL ? peer->peer_id == x->o->socket_id :
	    s->peer_outside || s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM))
		return make_pair(r, x->o->socket_id, s);
	return make_single(r, x->o->socket_id, s);
}
