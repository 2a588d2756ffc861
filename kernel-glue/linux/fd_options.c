/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Options of sockets: some always told, others only where they differ from
 * those of a new socket.
 */
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/socket_options.h"

uint32_t
option_read(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = 0;

	return getsockopt(fd, level, name, &v, &len) == 0 ? (uint32_t)v : 0;
}

/* Options that are plain ints, always told: field of SocketOptions, level, name. */
static const struct plain { uint32_t field; int level, name; } plains[] = {
	{ PSNAP_F_SOCKET_OPTIONS_SEND_BUFFER, SOL_SOCKET, SO_SNDBUF },
	{ PSNAP_F_SOCKET_OPTIONS_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF },
	{ PSNAP_F_SOCKET_OPTIONS_RECEIVE_LOW_WATER, SOL_SOCKET, SO_RCVLOWAT },
	{ PSNAP_F_SOCKET_OPTIONS_PRIORITY, SOL_SOCKET, SO_PRIORITY },
	{ PSNAP_F_SOCKET_OPTIONS_REUSE_ADDRESS, SOL_SOCKET, SO_REUSEADDR },
	{ PSNAP_F_SOCKET_OPTIONS_REUSE_PORT, SOL_SOCKET, SO_REUSEPORT },
	{ PSNAP_F_SOCKET_OPTIONS_BROADCAST, SOL_SOCKET, SO_BROADCAST },
	{ PSNAP_F_SOCKET_OPTIONS_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE },
	{ PSNAP_F_SOCKET_OPTIONS_OUT_OF_BAND_INLINE, SOL_SOCKET, SO_OOBINLINE },
	{ PSNAP_F_SOCKET_OPTIONS_DONT_ROUTE, SOL_SOCKET, SO_DONTROUTE },
	{ PSNAP_F_SOCKET_OPTIONS_PASS_CREDENTIALS, SOL_SOCKET, SO_PASSCRED },
	{ PSNAP_F_SOCKET_OPTIONS_TIMESTAMP, SOL_SOCKET, SO_TIMESTAMP_OLD },
	{ PSNAP_F_SOCKET_OPTIONS_MARK, SOL_SOCKET, SO_MARK },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_NO_DELAY, IPPROTO_TCP, TCP_NODELAY },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_CORK, IPPROTO_TCP, TCP_CORK },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_IDLE_S, IPPROTO_TCP, TCP_KEEPIDLE },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_INTERVAL_S, IPPROTO_TCP, TCP_KEEPINTVL },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_COUNT, IPPROTO_TCP, TCP_KEEPCNT },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_USER_TIMEOUT_MS, IPPROTO_TCP, TCP_USER_TIMEOUT },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_DEFER_ACCEPT_S, IPPROTO_TCP, TCP_DEFER_ACCEPT },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_FAST_OPEN_QUEUE, IPPROTO_TCP, TCP_FASTOPEN },
	{ PSNAP_F_SOCKET_OPTIONS_TOS, IPPROTO_IP, IP_TOS },
	{ PSNAP_F_SOCKET_OPTIONS_TTL, IPPROTO_IP, IP_TTL },
	{ PSNAP_F_SOCKET_OPTIONS_TRANSPARENT, IPPROTO_IP, IP_TRANSPARENT },
	{ PSNAP_F_SOCKET_OPTIONS_FREE_BIND, IPPROTO_IP, IP_FREEBIND },
	{ PSNAP_F_SOCKET_OPTIONS_IPV6_ONLY, IPPROTO_IPV6, IPV6_V6ONLY },
};
#define PLAINS		(sizeof plains / sizeof *plains)

static bool
is_of(const struct plain *p, const struct socket_object *s)
{
	switch (p->level) {
	case IPPROTO_TCP:
		return s->protocol == IPPROTO_TCP && (s->family == AF_INET || s->family == AF_INET6);
	case IPPROTO_IP:
		return s->family == AF_INET;
	case IPPROTO_IPV6:
		return s->family == AF_INET6;
	default:
		return true;
	}
}

/* ---- what a new socket has ---- */

/* A new socket of this kind: what its options are. */
struct usual {
	uint32_t	family, type, protocol;
	bool		known;			/* one can be made here */
	char		congestion_control[16];
	uint32_t	plains[PLAINS];
	uint32_t	values[];		/* by place in socket_options */
};

static void
read_text(int fd, int level, int name, char text[16])
{
	socklen_t len = 15;

	if (getsockopt(fd, level, name, text, &len) != 0)
		text[0] = '\0';
}

static bool
fits(const struct socket_option *o, const struct socket_object *s)
{
	return socket_option_fits(o, (int)s->family, (int)s->type, (int)s->protocol);
}

static void
read_new(const struct socket_object *s, int fd, struct usual *u)
{
	for (size_t i = 0; i < PLAINS; i++)
		if (is_of(&plains[i], s))
			u->plains[i] = option_read(fd, plains[i].level, plains[i].name);
	for (size_t i = 0; i < socket_options_n; i++)
		if (fits(&socket_options[i], s))
			u->values[i] = option_read(fd, socket_options[i].level, socket_options[i].name);
	if (s->protocol == IPPROTO_TCP)
		read_text(fd, IPPROTO_TCP, TCP_CONGESTION, u->congestion_control);
}

static int
read_usual(struct dump *d, const struct socket_object *s, struct usual **out)
{
	struct usual *u = *out = dump_alloc(d, sizeof *u + socket_options_n * sizeof u->values[0]);
	int fd;

	if (u == NULL || list_add(d, &d->usual_options, u) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	u->family = s->family;
	u->type = s->type;
	u->protocol = s->protocol;
	fd = socket((int)s->family, (int)s->type | SOCK_CLOEXEC, (int)s->protocol);
	if (!(u->known = fd >= 0))
		return 0;
	read_new(s, fd, u);
	close(fd);
	return 0;
}

static int
find_usual(struct dump *d, const struct socket_object *s, struct usual **out)
{
	for (size_t i = 0; i < d->usual_options.n; i++) {
		*out = d->usual_options.v[i];
		if ((*out)->family == s->family && (*out)->type == s->type && (*out)->protocol == s->protocol)
			return 0;
	}
	return read_usual(d, s, out);
}

/* ---- who tells ---- */

/* A duplicate of the socket, or its record, which leaves out what is as in a new socket. */
struct teller {
	int		fd;
	const struct rec_socket *record;	/* NULL: fd is asked */
};

static uint32_t
value_of(const struct teller *t, uint32_t field, int level, int name, uint32_t usual)
{
	if (t->record == NULL)
		return option_read(t->fd, level, name);
	return socket_told(t->record, field, usual);
}

static void
read_plains(struct socket_object *s, const struct teller *t, const struct usual *u)
{
	for (size_t i = 0; i < PLAINS; i++)
		if (is_of(&plains[i], s))
			s->options[plains[i].field] = value_of(t, plains[i].field, plains[i].level, plains[i].name,
			    u != NULL ? u->plains[i] : 0);
}

/* A socket with one of these has no record. */
static void
read_times(struct socket_object *s, int fd)
{
	struct linger linger = { 0 };
	struct timeval tv;
	socklen_t len = sizeof linger;

	if (getsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, &len) == 0 && linger.l_onoff) {
		s->options[PSNAP_F_SOCKET_OPTIONS_LINGER] = 1;
		s->options[PSNAP_F_SOCKET_OPTIONS_LINGER_SECONDS] = (uint32_t)linger.l_linger;
	}
	for (int i = 0; i < 2; i++) {
		len = sizeof tv;
		if (getsockopt(fd, SOL_SOCKET, i == 0 ? SO_RCVTIMEO : SO_SNDTIMEO, &tv, &len) == 0)
			s->timeouts[i] = (uint64_t)tv.tv_sec * 1000000000 + (uint64_t)tv.tv_usec * 1000;
	}
}

/* ---- what differs from a new socket ---- */

/* Having had a connection leaves its marks. */
static bool
was_connected(const struct socket_object *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return s->state == PSNAP_SOCKET_CONNECTED || (poll(&p, 1, 0) == 1 && p.revents & POLLRDHUP);
}

/* Of a connection these say something else. */
static bool
is_of_connection(const struct socket_option *o)
{
	return o->field == PSNAP_F_SOCKET_OPTIONS_TCP_USER_MAX_SEGMENT ||
	    o->field == PSNAP_F_SOCKET_OPTIONS_TCP_WINDOW_CLAMP;
}

static uint32_t
as_told(const struct socket_option *o, uint32_t v)
{
	return o->form == OPTION_PLUS_1 ? v + 1 : o->form == OPTION_INVERTED ? !v : v;
}

static void
read_congestion_control(struct socket_object *s, const struct teller *t, const struct usual *u)
{
	if (t->record == NULL)
		read_text(t->fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion_control);
	else
		memcpy(s->congestion_control, t->record->congestion_control, sizeof s->congestion_control);
	if (strcmp(s->congestion_control, u->congestion_control) == 0)
		s->congestion_control[0] = '\0';
}

static void
read_unusual(struct socket_object *s, const struct teller *t, const struct usual *u)
{
	bool tcp = s->protocol == IPPROTO_TCP;
	bool connected = tcp && t->record == NULL && was_connected(s, t->fd);

	for (size_t i = 0; i < socket_options_n; i++) {
		const struct socket_option *o = &socket_options[i];
		uint32_t v;

		if (!fits(o, s) || (connected && is_of_connection(o)))
			continue;
		v = value_of(t, o->field, o->level, o->name, u->values[i]);
		if (v != u->values[i])
			s->options[o->field] = as_told(o, v);
	}
	if (tcp)
		read_congestion_control(s, t, u);
}

/* ---- options of their own form ---- */

void
options_collect_automatic(struct socket_object *s, int fd)
{
	socklen_t len = sizeof(uint32_t);
	uint32_t locked;

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locked, &len) != 0)
		return;
	s->options[PSNAP_F_SOCKET_OPTIONS_AUTO_SEND_BUFFER] = !(locked & 1);
	s->options[PSNAP_F_SOCKET_OPTIONS_AUTO_RECEIVE_BUFFER] = !(locked & 2);
}

/* The interface that multicast leaves by; its number is of the socket's own network namespace. */
static void
read_multicast_interface(struct socket_object *s, int fd)
{
	struct ifreq i = { .ifr_ifindex = (int)option_read(fd, IPPROTO_IPV6, IPV6_MULTICAST_IF) };

	s->multicast_address = option_read(fd, IPPROTO_IP, IP_MULTICAST_IF);
	if (s->family == AF_INET6 && i.ifr_ifindex != 0 && ioctl(fd, SIOCGIFNAME, &i) == 0)
		memcpy(s->multicast_interface, i.ifr_name, sizeof s->multicast_interface);
}

int
options_collect(struct dump *d, struct socket_object *s, int fd)
{
	bool inet = s->family == AF_INET || s->family == AF_INET6;
	struct teller t = { .fd = fd };
	struct usual *u;
	int r;

	read_plains(s, &t, NULL);
	read_times(s, fd);
	if (s->family == AF_UNIX)
		return 0;
	read_text(fd, SOL_SOCKET, SO_BINDTODEVICE, s->device);
	if (inet && s->protocol != IPPROTO_TCP)
		read_multicast_interface(s, fd);
	if ((r = find_usual(d, s, &u)) == 0 && u->known)
		read_unusual(s, &t, u);
	return r;
}

int
options_can_be_told(struct dump *d, const struct socket_object *kind)
{
	struct usual *u;
	int r;

	if (kind->family == AF_UNIX)
		return 1;
	return (r = find_usual(d, kind, &u)) != 0 ? r : u->known;
}

int
options_take(struct dump *d, struct socket_object *s, const struct rec_socket *k)
{
	struct teller t = { .fd = -1, .record = k };
	struct usual *u;
	int r;

	if (s->family == AF_UNIX) {
		read_plains(s, &t, NULL);
		return 0;
	}
	if ((r = find_usual(d, s, &u)) != 0)
		return r;
	read_plains(s, &t, u);
	read_unusual(s, &t, u);
	return 0;
}

/* ---- emitting ---- */

void
options_emit(struct glue_emit *e, const struct socket_object *s)
{
	glue_emit_open(e, PSNAP_F_SOCKET_OPTIONS);
	for (uint32_t f = 1; f < SOCKET_OPTIONS_MAX; f++) {
		switch (f) {
		case PSNAP_F_SOCKET_OPTIONS_RECEIVE_TIMEOUT_NS:
			glue_emit_uint(e, f, s->timeouts[0]);
			break;
		case PSNAP_F_SOCKET_OPTIONS_SEND_TIMEOUT_NS:
			glue_emit_uint(e, f, s->timeouts[1]);
			break;
		case PSNAP_F_SOCKET_OPTIONS_BOUND_DEVICE:
			glue_emit_string(e, f, s->device);
			break;
		case PSNAP_F_SOCKET_OPTIONS_TCP_CONGESTION_CONTROL:
			glue_emit_string(e, f, s->congestion_control);
			break;
		case PSNAP_F_SOCKET_OPTIONS_IP_MULTICAST_ADDRESS:
			glue_emit_bytes(e, f, &s->multicast_address, s->multicast_address != 0 ? 4 : 0);
			break;
		case PSNAP_F_SOCKET_OPTIONS_ICMP6_FILTER:
			glue_emit_bytes(e, f, s->icmp6_filter, s->has_icmp6_filter ? sizeof s->icmp6_filter : 0);
			break;
		case PSNAP_F_SOCKET_OPTIONS_IPV6_MULTICAST_INTERFACE:
			glue_emit_string(e, f, s->multicast_interface);
			break;
		default:
			glue_emit_uint(e, f, s->options[f]);
		}
	}
	glue_emit_close(e);
}
