/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: addresses, state and options of any; peers of unix sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/net_messages.h"

static uint32_t
option(int fd, int level, int name)
{
	socklen_t len = sizeof(int);
	int v = 0;

	return getsockopt(fd, level, name, &v, &len) == 0 ? (uint32_t)v : 0;
}

/* Options that are plain ints: field of SocketOptions, level, name. */
static const struct { uint32_t field; int level, name; bool tcp, ip; } plain[] = {
	{ PSNAP_F_SOCKET_OPTIONS_SEND_BUFFER, SOL_SOCKET, SO_SNDBUF, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_RECEIVE_BUFFER, SOL_SOCKET, SO_RCVBUF, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_RECEIVE_LOW_WATER, SOL_SOCKET, SO_RCVLOWAT, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_PRIORITY, SOL_SOCKET, SO_PRIORITY, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_REUSE_ADDRESS, SOL_SOCKET, SO_REUSEADDR, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_REUSE_PORT, SOL_SOCKET, SO_REUSEPORT, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_BROADCAST, SOL_SOCKET, SO_BROADCAST, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_KEEP_ALIVE, SOL_SOCKET, SO_KEEPALIVE, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_OUT_OF_BAND_INLINE, SOL_SOCKET, SO_OOBINLINE, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_DONT_ROUTE, SOL_SOCKET, SO_DONTROUTE, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_PASS_CREDENTIALS, SOL_SOCKET, SO_PASSCRED, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TIMESTAMP, SOL_SOCKET, SO_TIMESTAMP, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_MARK, SOL_SOCKET, SO_MARK, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_NO_DELAY, IPPROTO_TCP, TCP_NODELAY, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_CORK, IPPROTO_TCP, TCP_CORK, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_IDLE_S, IPPROTO_TCP, TCP_KEEPIDLE, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_INTERVAL_S, IPPROTO_TCP, TCP_KEEPINTVL, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_KEEP_COUNT, IPPROTO_TCP, TCP_KEEPCNT, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_USER_TIMEOUT_MS, IPPROTO_TCP, TCP_USER_TIMEOUT, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_DEFER_ACCEPT_S, IPPROTO_TCP, TCP_DEFER_ACCEPT, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_FAST_OPEN_QUEUE, IPPROTO_TCP, TCP_FASTOPEN, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_TOS, IPPROTO_IP, IP_TOS, false, true },
	{ PSNAP_F_SOCKET_OPTIONS_TTL, IPPROTO_IP, IP_TTL, false, true },
	{ PSNAP_F_SOCKET_OPTIONS_TRANSPARENT, IPPROTO_IP, IP_TRANSPARENT, false, true },
	{ PSNAP_F_SOCKET_OPTIONS_FREE_BIND, IPPROTO_IP, IP_FREEBIND, false, true },
};

static void
read_options(struct socket_object *s, int fd)
{
	bool tcp = s->protocol == IPPROTO_TCP, ip = s->family == AF_INET;
	struct linger linger = { 0 };
	struct timeval tv;
	socklen_t len = sizeof linger;

	for (size_t i = 0; i < sizeof plain / sizeof *plain; i++)
		if ((!plain[i].tcp || tcp) && (!plain[i].ip || ip))
			s->options[plain[i].field] = option(fd, plain[i].level, plain[i].name);
	if (s->family == AF_INET6)
		s->options[PSNAP_F_SOCKET_OPTIONS_IPV6_ONLY] = option(fd, IPPROTO_IPV6, IPV6_V6ONLY);
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

/* ---- options of which only what differs from a new socket is told ---- */

static const struct { uint32_t field; int level, name; bool tcp, v6, from_0; } unusual[] = {
	{ PSNAP_F_SOCKET_OPTIONS_TCP_UNREAD_NOTES, IPPROTO_TCP, TCP_INQ, true, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_NOT_SENT_LOW_WATER, IPPROTO_TCP, TCP_NOTSENT_LOWAT, true, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_FIN_WAIT_S, IPPROTO_TCP, TCP_LINGER2, true, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_SYN_COUNT, IPPROTO_TCP, TCP_SYNCNT, true, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_IP_MTU_DISCOVERY, IPPROTO_IP, IP_MTU_DISCOVER, false, false, true },
	{ PSNAP_F_SOCKET_OPTIONS_IPV6_MTU_DISCOVERY, IPPROTO_IPV6, IPV6_MTU_DISCOVER, false, true, true },
	{ PSNAP_F_SOCKET_OPTIONS_IPV6_TRAFFIC_CLASS, IPPROTO_IPV6, IPV6_TCLASS, false, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_IPV6_HOP_LIMIT, IPPROTO_IPV6, IPV6_UNICAST_HOPS, false, true, false },
	{ PSNAP_F_SOCKET_OPTIONS_ZERO_COPY, SOL_SOCKET, SO_ZEROCOPY, true, false, false },
	/* of a connection these say something else */
	{ PSNAP_F_SOCKET_OPTIONS_TCP_USER_MAX_SEGMENT, IPPROTO_TCP, TCP_MAXSEG, true, false, false },
	{ PSNAP_F_SOCKET_OPTIONS_TCP_WINDOW_CLAMP, IPPROTO_TCP, TCP_WINDOW_CLAMP, true, false, false },
};
#define UNUSUAL		(sizeof unusual / sizeof *unusual)
#define UNCONNECTED	2	/* at its end */

static void
read_text(int fd, int level, int name, char text[16])
{
	socklen_t len = 15;

	if (getsockopt(fd, level, name, text, &len) != 0)
		text[0] = '\0';
}

/* Having had a connection leaves its marks. */
static bool
was_connected(const struct socket_object *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLRDHUP };

	return s->state == PSNAP_SOCKET_CONNECTED || (poll(&p, 1, 0) == 1 && p.revents & POLLRDHUP);
}

static void
read_unusual(struct socket_object *s, int fd)
{
	int fresh = socket((int)s->family, (int)s->type | SOCK_CLOEXEC, (int)s->protocol);
	bool tcp = s->protocol == IPPROTO_TCP;
	size_t n = was_connected(s, fd) ? UNUSUAL - UNCONNECTED : UNUSUAL;
	char usual[16] = "";

	read_text(fd, SOL_SOCKET, SO_BINDTODEVICE, s->device);
	if (fresh < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		uint32_t v;

		if ((unusual[i].tcp && !tcp) || (unusual[i].v6 && s->family != AF_INET6))
			continue;
		v = option(fd, unusual[i].level, unusual[i].name);
		if (v != option(fresh, unusual[i].level, unusual[i].name))
			s->options[unusual[i].field] = v + unusual[i].from_0;	/* Linux counts from 0 */
	}
	if (tcp) {
		read_text(fd, IPPROTO_TCP, TCP_CONGESTION, s->congestion_control);
		read_text(fresh, IPPROTO_TCP, TCP_CONGESTION, usual);
		if (strcmp(s->congestion_control, usual) == 0)
			s->congestion_control[0] = '\0';
	}
	close(fresh);
}

/* A program that has set the size of a buffer keeps the kernel from choosing it. */
static void
read_automatic(struct socket_object *s, int fd)
{
	socklen_t len = sizeof(uint32_t);
	uint32_t locked;

	if (getsockopt(fd, SOL_SOCKET, SO_BUF_LOCK, &locked, &len) != 0)
		return;
	s->options[PSNAP_F_SOCKET_OPTIONS_AUTO_SEND_BUFFER] = !(locked & 1);
	s->options[PSNAP_F_SOCKET_OPTIONS_AUTO_RECEIVE_BUFFER] = !(locked & 2);
}

/* ---- unix ---- */

/* Its messages are read when every table is known: fd_queue.c. */
static void
unix_collect(struct socket_object *s, int fd)
{
	struct { int32_t pid; uint32_t uid, gid; } cred;
	socklen_t len = sizeof cred;
	int unread;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.pid != 0) {
		s->has_peer_cred = true;
		s->peer_cred[0] = cred.pid;
		s->peer_cred[1] = (int32_t)cred.uid;
		s->peer_cred[2] = (int32_t)cred.gid;
	}
	if (ioctl(fd, FIONREAD, &unread) == 0 && unread > 0)
		s->unread = (uint64_t)unread;
}

static struct socket_object *
find_socket(const struct dump *d, uint64_t ino)
{
	for (size_t i = 0; i < d->sockets.n; i++) {
		struct socket_object *s = d->sockets.v[i];

		if (s->ino == ino)
			return s;
	}
	return NULL;
}

static void
take_unix_diag(struct dump *d, const struct nlmsghdr *h)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	struct socket_object *s = find_socket(d, m->udiag_ino);
	const struct rtattr *a = (const struct rtattr *)(const void *)(m + 1);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

	if (s == NULL || s->family != AF_UNIX)
		return;
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		uint32_t v[2] = { 0 };

		memcpy(v, RTA_DATA(a), RTA_PAYLOAD(a) < sizeof v ? RTA_PAYLOAD(a) : sizeof v);
		if (a->rta_type == UNIX_DIAG_PEER)
			s->peer_ino = v[0];
		else if (a->rta_type == UNIX_DIAG_SHUTDOWN) {
			s->shut_read = v[0] & 1;
			s->shut_write = v[0] >> 1 & 1;
		} else if (a->rta_type == UNIX_DIAG_RQLEN && s->state == PSNAP_SOCKET_LISTENING) {
			s->pending = v[0];
			s->backlog = v[1];
		}
	}
}

static int
take_answer(void *ctx, const struct nlmsghdr *h)
{
	take_unix_diag(ctx, h);
	return 0;
}

/* Ask the kernel for all unix sockets of the root's network namespace. */
static void
unix_diag(struct dump *d)
{
	const struct unix_diag_req all = { .sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
	    .udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN };
	int ns = openat(((const struct proc *)d->procs.v[0])->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC);
	int fd = netlink_open(ns, NETLINK_SOCK_DIAG);

	if (fd < 0)	/* who may not enter it has no tree in another one */
		fd = netlink_open(-1, NETLINK_SOCK_DIAG);
	if (ns >= 0)
		close(ns);
	if (fd < 0) {
		dump_note(d, "unix socket peers unknown: no sock_diag");
		return;
	}
	netlink_dump(fd, SOCK_DIAG_BY_FAMILY, &all, sizeof all, take_answer, d);
	close(fd);
}

/* ---- any ---- */

static int
inet_coverage(struct dump *d, struct proc *p, struct open_file *o, struct socket_object *s, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	int n = 0;

	if (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP &&
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		s->tcp_state = info.tcpi_state;		/* same numbers as ours */
		if (info.tcpi_state == PSNAP_TCP_STATE_LISTEN) {
			s->pending = info.tcpi_unacked;
			s->backlog = info.tcpi_sacked;
			if (s->pending > 0)
				return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "tcp-pending",
				    "%u connections wait to be accepted", s->pending);
			return 0;
		}
		if (info.tcpi_state == PSNAP_TCP_STATE_CLOSED)
			return tcp_ended(d, s, fd);
		read_automatic(s, fd);
		return tcp_found(d, s, fd);
	}
	if (ioctl(fd, FIONREAD, &n) == 0 && n > 0) {
		s->unread = (uint64_t)n;
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "udp-queue",
		    "unread datagrams are not held");
	}
	if (s->type == SOCK_RAW)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "raw-socket", "a raw socket");
	return 0;
}

static int
family_coverage(struct dump *d, struct proc *p, struct open_file *o, struct socket_object *s, int fd)
{
	switch (s->family) {
	case AF_UNIX:
		unix_collect(s, fd);
		return 0;
	case AF_INET:
	case AF_INET6:
		return inet_coverage(d, p, o, s, fd);
	case AF_NETLINK:
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "netlink-socket",
		    "a netlink socket");
	case AF_PACKET:
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "packet-socket",
		    "a packet socket");
	default:
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "unknown-socket",
		    "a socket of family %u", s->family);
	}
}

int
socket_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	struct socket_object *s;
	socklen_t len = sizeof s->family;
	int n = 0;

	o->what = FD_SOCKET;
	if ((o->on.socket = find_socket(d, o->st.st_ino)) != NULL)
		return 0;
	if ((s = dump_alloc(d, sizeof *s)) == NULL || list_add(d, &d->sockets, s) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	o->on.socket = s;
	s->id = dump_new_id(d);
	s->ino = o->st.st_ino;
	s->proc = p;
	s->fd = o->fd;
	s->own = o->own;
	if (getsockopt(local, SOL_SOCKET, SO_DOMAIN, &s->family, &len) != 0 ||
	    getsockopt(local, SOL_SOCKET, SO_TYPE, &s->type, &len) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, "examining socket %d", o->fd);
	s->protocol = option(local, SOL_SOCKET, SO_PROTOCOL);
	len = sizeof s->local;
	if (getsockname(local, (struct sockaddr *)(void *)s->local, &len) == 0)
		s->local_len = len;
	len = sizeof s->remote;
	s->state = PSNAP_SOCKET_UNCONNECTED;
	if (option(local, SOL_SOCKET, SO_ACCEPTCONN)) {
		s->state = PSNAP_SOCKET_LISTENING;
	} else if (getpeername(local, (struct sockaddr *)(void *)s->remote, &len) == 0) {
		s->remote_len = len;
		s->state = PSNAP_SOCKET_CONNECTED;
	}
	if (ioctl(local, TIOCOUTQ, &n) == 0 && n > 0)
		s->unsent = (uint64_t)n;
	read_options(s, local);
	if (s->family == AF_INET || s->family == AF_INET6)
		read_unusual(s, local);
	return family_coverage(d, p, o, s, local);
}

/* Peers, once every socket of the tree is known. */
int
socket_resolve(struct dump *d)
{
	bool any = false;
	int r;

	for (size_t i = 0; i < d->sockets.n; i++)
		any |= ((struct socket_object *)d->sockets.v[i])->family == AF_UNIX;
	if (!any)
		return 0;
	unix_diag(d);
	for (size_t i = 0; i < d->sockets.n; i++) {
		struct socket_object *s = d->sockets.v[i];

		if (s->family != AF_UNIX)
			continue;
		if (s->pending > 0 && (r = dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id,
		    "unix-pending", "%u connections wait to be accepted", s->pending)) != 0)
			return r;
		if (s->peer_ino == 0)
			continue;
		s->peer = find_socket(d, s->peer_ino);
		if (s->peer == NULL && (r = dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id,
		    "unix-outside", "the other end belongs to a process outside the tree")) != 0)
			return r;
	}
	return messages_resolve(d);
}

/* ---- emitting ---- */

void
unix_name_emit(struct glue_emit *e, uint32_t path_field, uint32_t abstract_field, const uint8_t *raw,
    uint32_t len)
{
	size_t path = offsetof(struct sockaddr_un, sun_path);

	if (len <= path)
		return;
	if (raw[path] == '\0')
		glue_emit_bytes(e, abstract_field, raw + path + 1, len - path - 1);
	else
		glue_emit_bytes(e, path_field, raw + path, strnlen((const char *)raw + path, len - path));
}

void
ucred_emit(struct glue_emit *e, uint32_t field, const int32_t cred[3])
{
	glue_emit_open(e, field);
	glue_emit_int(e, PSNAP_F_PEER_CREDENTIALS_PID, cred[0]);
	glue_emit_uint(e, PSNAP_F_PEER_CREDENTIALS_UID, (uint32_t)cred[1]);
	glue_emit_uint(e, PSNAP_F_PEER_CREDENTIALS_GID, (uint32_t)cred[2]);
	glue_emit_close(e);
}

static void
emit_address(struct glue_emit *e, uint32_t field, const struct socket_object *s, const uint8_t *raw,
    uint32_t len)
{
	const struct sockaddr_in *in = (const void *)raw;
	const struct sockaddr_in6 *in6 = (const void *)raw;

	if (len <= sizeof(sa_family_t))
		return;
	glue_emit_open(e, field);
	if (s->family == AF_UNIX) {
		unix_name_emit(e, PSNAP_F_SOCKET_ADDRESS_UNIX_PATH, PSNAP_F_SOCKET_ADDRESS_UNIX_ABSTRACT, raw, len);
	} else if (s->family == AF_INET) {
		glue_emit_bytes(e, PSNAP_F_SOCKET_ADDRESS_IP, &in->sin_addr, 4);
		glue_emit_uint(e, PSNAP_F_SOCKET_ADDRESS_PORT, ntohs(in->sin_port));
	} else if (s->family == AF_INET6) {
		glue_emit_bytes(e, PSNAP_F_SOCKET_ADDRESS_IP, &in6->sin6_addr, 16);
		glue_emit_uint(e, PSNAP_F_SOCKET_ADDRESS_PORT, ntohs(in6->sin6_port));
		glue_emit_uint(e, PSNAP_F_SOCKET_ADDRESS_SCOPE, in6->sin6_scope_id);
		glue_emit_uint(e, PSNAP_F_SOCKET_ADDRESS_FLOW, ntohl(in6->sin6_flowinfo));
	}
	glue_emit_close(e);
}

static void
emit_options(struct glue_emit *e, const struct socket_object *s)
{
	glue_emit_open(e, PSNAP_F_SOCKET_OPTIONS);
	for (uint32_t f = 1; f < 48; f++) {
		if (f == PSNAP_F_SOCKET_OPTIONS_RECEIVE_TIMEOUT_NS)
			glue_emit_uint(e, f, s->timeouts[0]);
		else if (f == PSNAP_F_SOCKET_OPTIONS_SEND_TIMEOUT_NS)
			glue_emit_uint(e, f, s->timeouts[1]);
		else if (f == PSNAP_F_SOCKET_OPTIONS_BOUND_DEVICE)
			glue_emit_string(e, f, s->device);
		else if (f == PSNAP_F_SOCKET_OPTIONS_TCP_CONGESTION_CONTROL)
			glue_emit_string(e, f, s->congestion_control);
		else
			glue_emit_uint(e, f, s->options[f]);
	}
	glue_emit_close(e);
}

void
socket_fields(struct glue_emit *e, const void *object)
{
	static const uint32_t types[] = { 0, PSNAP_SOCKET_STREAM, PSNAP_SOCKET_DATAGRAM, PSNAP_SOCKET_RAW,
	    0, PSNAP_SOCKET_SEQPACKET };
	const struct socket_object *s = object;
	uint32_t family = s->family == AF_UNIX ? PSNAP_SOCKET_UNIX : s->family == AF_INET ?
	    PSNAP_SOCKET_IPV4 : s->family == AF_INET6 ? PSNAP_SOCKET_IPV6 : s->family == AF_NETLINK ?
	    PSNAP_SOCKET_NETLINK : s->family == AF_PACKET ? PSNAP_SOCKET_PACKET : PSNAP_SOCKET_OTHER;

	glue_emit_uint(e, PSNAP_F_SOCKET_FAMILY, family);
	glue_emit_uint(e, PSNAP_F_SOCKET_TYPE, s->type < 6 ? types[s->type] : 0);
	if (s->family == AF_INET || s->family == AF_INET6)
		glue_emit_uint(e, PSNAP_F_SOCKET_PROTOCOL, s->protocol);
	glue_emit_uint(e, PSNAP_F_SOCKET_STATE, s->state);
	glue_emit_uint(e, PSNAP_F_SOCKET_INODE, s->ino);
	emit_address(e, PSNAP_F_SOCKET_LOCAL, s, s->local, s->local_len);
	emit_address(e, PSNAP_F_SOCKET_REMOTE, s, s->remote, s->remote_len);
	glue_emit_uint(e, PSNAP_F_SOCKET_PEER_ID, s->peer != NULL ? s->peer->id : 0);
	glue_emit_uint(e, PSNAP_F_SOCKET_PEER_OUTSIDE, s->peer_ino != 0 && s->peer == NULL);
	glue_emit_uint(e, PSNAP_F_SOCKET_BACKLOG, s->backlog);
	glue_emit_uint(e, PSNAP_F_SOCKET_SHUTDOWN_READ, s->shut_read);
	glue_emit_uint(e, PSNAP_F_SOCKET_SHUTDOWN_WRITE, s->shut_write);
	messages_emit(e, s);
	emit_options(e, s);
	glue_emit_uint(e, PSNAP_F_SOCKET_TCP_STATE, s->tcp_state);
	if (s->has_peer_cred)
		ucred_emit(e, PSNAP_F_SOCKET_PEER_CREDENTIALS, s->peer_cred);
	glue_emit_uint(e, PSNAP_F_SOCKET_PENDING_CONNECTIONS, s->pending);
	glue_emit_uint(e, PSNAP_F_SOCKET_UNREAD_BYTES, s->unread);
	glue_emit_uint(e, PSNAP_F_SOCKET_UNSENT_BYTES, s->unsent);
	if (family == PSNAP_SOCKET_OTHER)
		glue_emit_uint(e, PSNAP_F_SOCKET_FAMILY_NUMBER, s->family);
	glue_emit_uint(e, PSNAP_F_SOCKET_ERROR_UNTOLD, s->error_untold);
}
