/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of sockets, set before anything else is done to them.
 */
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/socket_options.h"

int
option_set(int fd, int level, int name, int v)
{
	return setsockopt(fd, level, name, &v, sizeof v);
}

static int
set_time(int fd, int name, uint64_t ns)
{
	struct timeval tv = { (time_t)(ns / NS), (suseconds_t)(ns % NS / 1000) };

	return ns == 0 ? 0 : setsockopt(fd, SOL_SOCKET, name, &tv, sizeof tv);
}

/* The kernel doubles what it is told; the forced ones need privilege and know no ceiling. */
void
socket_set_buffers(const Psnap__SocketOptions *o, int fd)
{
	if (o->send_buffer != 0 && option_set(fd, SOL_SOCKET, SO_SNDBUFFORCE, (int)(o->send_buffer / 2)) != 0)
		option_set(fd, SOL_SOCKET, SO_SNDBUF, (int)(o->send_buffer / 2));
	if (o->receive_buffer != 0 && option_set(fd, SOL_SOCKET, SO_RCVBUFFORCE, (int)(o->receive_buffer / 2)) != 0)
		option_set(fd, SOL_SOCKET, SO_RCVBUF, (int)(o->receive_buffer / 2));
}

/* ---- what differs from a new socket ---- */

/* Plain options are words of 32 bits in the message, whatever their type. */
static uint32_t
recorded(const Psnap__SocketOptions *o, uint32_t field)
{
	const ProtobufCFieldDescriptor *f =
	    protobuf_c_message_descriptor_get_field(&psnap__socket_options__descriptor, field);
	uint32_t v;

	memcpy(&v, (const uint8_t *)o + f->offset, sizeof v);
	return v;
}

static int
set_unusual(const Psnap__Socket *s, int fd)
{
	for (size_t i = 0; i < socket_options_n; i++) {
		const struct socket_option *o = &socket_options[i];
		uint32_t v = recorded(s->options, o->field);

		if (v == 0 || !socket_option_fits(o, socket_family(s), socket_type(s), (int)s->protocol))
			continue;
		v = o->form == OPTION_PLUS_1 ? v - 1 : o->form == OPTION_INVERTED ? 0 : v;
		if (option_set(fd, o->level, o->name, (int)v) != 0)
			return -1;
	}
	return 0;
}

static int
set_multicast_interface(const Psnap__SocketOptions *o, int fd)
{
	int interface = interface_here(fd, &o->ipv6_multicast_interface);

	if (o->ip_multicast_address.len == 4 && setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF,
	    o->ip_multicast_address.data, 4) != 0)
		return -1;
	return interface > 0 ? option_set(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface) : interface;
}

/* ---- all ---- */

/* What is off, or 0, is so in a new socket, buffer sizes excepted. */
int
options_set(const Psnap__Socket *s, int fd)
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
		{ o->timestamp, SOL_SOCKET, SO_TIMESTAMP_OLD, 1 },
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
		/* after what sets it, too */
		{ o->priority != 0, SOL_SOCKET, SO_PRIORITY, o->priority },
		{ o->ttl != 0, IPPROTO_IP, IP_TTL, o->ttl },
		{ o->transparent, IPPROTO_IP, IP_TRANSPARENT, 1 },
		{ o->free_bind, IPPROTO_IP, IP_FREEBIND, 1 },
		/* of a raw one it cannot be set */
		{ s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 && s->type != PSNAP__SOCKET_TYPE__SOCKET_RAW,
		    IPPROTO_IPV6, IPV6_V6ONLY, o->ipv6_only },
	};
	const struct linger linger = { (int)o->linger, (int)o->linger_seconds };

	if (o->icmp6_filter.len != 0 && setsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, o->icmp6_filter.data,
	    (socklen_t)o->icmp6_filter.len) != 0)
		return -1;
	if (set_unusual(s, fd) != 0 || set_multicast_interface(o, fd) != 0)
		return -1;
	for (size_t i = 0; i < sizeof v / sizeof *v; i++)
		if (v[i].set && option_set(fd, v[i].level, v[i].name, (int)v[i].value) != 0)
			return -1;
	if ((o->linger && setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) != 0) ||
	    (o->tcp_congestion_control.len != 0 && setsockopt(fd, IPPROTO_TCP, TCP_CONGESTION,
	    o->tcp_congestion_control.data, (socklen_t)o->tcp_congestion_control.len) != 0) ||
	    set_time(fd, SO_RCVTIMEO, o->receive_timeout_ns) != 0 ||
	    set_time(fd, SO_SNDTIMEO, o->send_timeout_ns) != 0)
		return -1;
	/* a unix socket's must take all of its messages first */
	if (s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX)
		socket_set_buffers(o, fd);
	return 0;
}
