/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: addresses, state and options of any; peers of unix sockets.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/unix_diag.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"

#define SENT_TRIES	20
#define SENT_PAUSE_NS	1000000		/* for a device to send what it has */

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

struct socket_object *
socket_find(const struct dump *d, uint64_t ino)
{
	size_t at = 0;

	return index_next(&d->sockets_by_inode, ino, &at);
}

static int
compare_ino(const void *a, const void *b)
{
	const struct socket_object *x = *(struct socket_object *const *)a, *y = *(struct socket_object *const *)b;

	return (x->ino > y->ino) - (x->ino < y->ino);
}

/* All unix sockets, once they are known, by inode number. */
static int
sort_unix(struct dump *d, struct list *sorted)
{
	for (size_t i = 0; i < d->sockets.n; i++) {
		struct socket_object *s = d->sockets.v[i];

		if (s->family == AF_UNIX && list_add(d, sorted, s) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	if (sorted->n > 1)
		qsort(sorted->v, sorted->n, sizeof *sorted->v, compare_ino);
	return 0;
}

struct socket_object *
unix_find(const struct list *sorted, uint64_t ino)
{
	const struct socket_object wanted = { .ino = ino }, *key = &wanted;
	struct socket_object **found = sorted->n == 0 ? NULL :
	    bsearch(&key, sorted->v, sorted->n, sizeof *sorted->v, compare_ino);

	return found != NULL ? *found : NULL;
}

static int
take_unix_diag(struct dump *d, const struct nlmsghdr *h, void *sockets)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	struct socket_object *s = unix_find(sockets, m->udiag_ino);
	const struct rtattr *a = (const struct rtattr *)(const void *)(m + 1);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

	if (s == NULL)
		return 0;
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		uint32_t v[2] = { 0 };
		int r = a->rta_type == UNIX_DIAG_ICONS ? pending_take(d, sockets, s, RTA_DATA(a), RTA_PAYLOAD(a)) : 0;

		if (r != 0)
			return r;

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
	return 0;
}

/* Ask the kernel for all unix sockets of the root's network namespace; DIAG_UNKNOWN: it cannot tell. */
static int
unix_diag(struct dump *d, struct list *sockets)
{
	const struct unix_diag_req request = { .sdiag_family = AF_UNIX, .udiag_states = UINT32_MAX,
	    .udiag_show = UDIAG_SHOW_PEER | UDIAG_SHOW_RQLEN | UDIAG_SHOW_ICONS };
	int netns = openat(((const struct proc *)d->procs.v[0])->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC);
	int r = diag_dump(d, netns, &request, sizeof request, take_unix_diag, sockets);

	if (r == DIAG_UNKNOWN)	/* who may not enter it has no tree in another one */
		r = diag_dump(d, -1, &request, sizeof request, take_unix_diag, sockets);
	if (netns >= 0)
		close(netns);
	return r;
}

/* ---- any ---- */

static int
cover(struct dump *d, const struct socket_object *s, uint32_t severity, const char *feature, const char *what)
{
	return dump_cover(d, severity, s->proc, 0, s->fd, s->id, feature, "%s", what);
}

/* Its datagrams are read when every table is known: fd_queue.c. */
static int
udp_collect(struct dump *d, struct socket_object *s, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int n = 0;

	if (option_read(fd, IPPROTO_UDP, UDP_ENCAP) != 0)
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "udp-encap", "a UDP socket that carries another protocol");
	for (int i = 0; s->unsent > 0 && i < SENT_TRIES; i++) {
		nanosleep(&(struct timespec){ .tv_nsec = SENT_PAUSE_NS }, NULL);
		s->unsent = ioctl(fd, TIOCOUTQ, &n) == 0 && n > 0 ? (uint64_t)n : 0;
	}
	if (s->unsent > 0)
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "udp-corked",
		    "what was written to a UDP socket, and is not sent yet, cannot be seen");
	if (ioctl(fd, FIONREAD, &n) == 0 && n > 0)
		s->unread = (uint64_t)n;
	return poll(&p, 1, 0) == 1 && p.revents & POLLERR ? cover(d, s, PSNAP_COVERAGE_DEGRADES, "udp-error",
	    "errors not told to the program yet are not held") : 0;
}

/* Also such that send echoes of ICMP only. */
static int
raw_collect(struct dump *d, struct socket_object *s, int fd)
{
	socklen_t len = sizeof s->icmp6_filter;
	int level = s->family == AF_INET ? IPPROTO_IP : IPPROTO_IPV6, mtu;

	if (s->family == AF_INET6 && s->type == SOCK_RAW && s->protocol == IPPROTO_ICMPV6)
		s->has_icmp6_filter = getsockopt(fd, IPPROTO_ICMPV6, ICMP6_FILTER, s->icmp6_filter, &len) == 0;
	/* only one that is connected has one; its other end's port may be 0, and is not told then */
	len = sizeof mtu;
	if (s->state != PSNAP_SOCKET_CONNECTED &&
	    getsockopt(fd, level, level == IPPROTO_IP ? IP_MTU : IPV6_MTU, &mtu, &len) == 0)
		return cover(d, s, PSNAP_COVERAGE_BREAKS, "raw-socket", "a raw socket connected to an address not told");
	return unread_cover(d, s, fd, PSNAP_COVERAGE_DEGRADES);
}

static int
inet_coverage(struct dump *d, struct socket_object *s, int fd)
{
	struct tcp_info info;
	socklen_t len = sizeof info;
	int r;

	if (s->type == SOCK_STREAM && s->protocol == IPPROTO_TCP &&
	    getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0) {
		s->tcp_state = info.tcpi_state;		/* same numbers as ours */
		if ((r = tcp_ao_collect(d, s, fd)) != 0)
			return r;
		if (info.tcpi_state == PSNAP_TCP_STATE_LISTEN)
			return tcp_listens(d, s, fd);
		if (info.tcpi_state == PSNAP_TCP_STATE_CLOSED)
			return tcp_ended(d, s, fd);
		options_collect_automatic(s, fd);
		return tcp_found(d, s, fd);
	}
	if (s->type != SOCK_STREAM && (r = multicast_collect(d, s, fd)) != 0)
		return r;
	if (udp_is(s))
		return udp_collect(d, s, fd);
	if (s->type == SOCK_RAW || s->protocol == IPPROTO_ICMP || s->protocol == IPPROTO_ICMPV6)
		return raw_collect(d, s, fd);
	return cover(d, s, PSNAP_COVERAGE_BREAKS, "unknown-socket", "a socket of a protocol that is not held, as MPTCP");
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
		return inet_coverage(d, s, fd);
	case AF_NETLINK:
		return netlink_collect(d, s, fd);
	case AF_PACKET:
		return packet_collect(d, s, fd);
	default:
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, o->fd, s->id, "unknown-socket",
		    "a socket of family %u", s->family);
	}
}

struct socket_object *
socket_new(struct dump *d, struct proc *p, struct open_file *o)
{
	struct socket_object *s = dump_alloc(d, sizeof *s);

	o->what = FD_SOCKET;
	if (s == NULL || list_add(d, &d->sockets, s) != 0 ||
	    index_add(d, &d->sockets_by_inode, o->st.st_ino, s) != 0) {
		dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		return NULL;
	}
	o->on.socket = s;
	s->id = dump_new_id(d);
	s->ino = o->st.st_ino;
	s->proc = p;
	s->fd = o->fd;
	s->own = o->own;
	s->state = PSNAP_SOCKET_UNCONNECTED;
	return s;
}

int
socket_collect(struct dump *d, struct proc *p, struct open_file *o, int local)
{
	struct socket_object *s;
	socklen_t len = sizeof s->family;
	int n = 0, r;

	if ((o->on.socket = socket_find(d, o->st.st_ino)) != NULL) {
		o->what = FD_SOCKET;
		return 0;
	}
	if ((s = socket_new(d, p, o)) == NULL)
		return d->err->code;
	if (getsockopt(local, SOL_SOCKET, SO_DOMAIN, &s->family, &len) != 0 ||
	    getsockopt(local, SOL_SOCKET, SO_TYPE, &s->type, &len) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, p, "examining socket %d", o->fd);
	s->protocol = option_read(local, SOL_SOCKET, SO_PROTOCOL);
	len = sizeof s->local;
	if (getsockname(local, (struct sockaddr *)(void *)s->local, &len) == 0)
		s->local_len = len;
	len = sizeof s->remote;
	if (option_read(local, SOL_SOCKET, SO_ACCEPTCONN)) {
		s->state = PSNAP_SOCKET_LISTENING;
	} else if (getpeername(local, (struct sockaddr *)(void *)s->remote, &len) == 0) {
		s->remote_len = len;
		s->state = PSNAP_SOCKET_CONNECTED;
	}
	if (ioctl(local, TIOCOUTQ, &n) == 0 && n > 0)
		s->unsent = (uint64_t)n;
	if ((r = options_collect(d, s, local)) != 0 || (r = filter_collect(d, s, local)) != 0)
		return r;
	return family_coverage(d, p, o, s, local);
}

/* But who waits to be accepted. */
static bool
all_are_told(const struct list *sockets)
{
	for (size_t i = 0; i < sockets->n; i++) {
		const struct socket_object *s = sockets->v[i];

		if (!s->told || s->pending > 0)
			return false;
	}
	return true;
}

/* Peers, once every socket of the tree is known. */
int
socket_resolve(struct dump *d)
{
	struct list sorted = { 0 };
	int r;

	if ((r = sort_unix(d, &sorted)) != 0)
		return r;
	if (!all_are_told(&sorted))
		r = unix_diag(d, &sorted);
	if (r != 0)
		return r == DIAG_UNKNOWN ? dump_note(d, "unix socket peers unknown: no sock_diag") : r;
	for (size_t i = 0; i < sorted.n; i++) {
		struct socket_object *s = sorted.v[i];

		if (s->peer_ino != 0)
			s->peer = unix_find(&sorted, s->peer_ino);
		if (s->peer_ino != 0 && s->peer == NULL && (r = outside_cover(d, s)) != 0)
			return r;
		if ((r = pending_cover(d, s)) != 0)
			return r;
	}
	return messages_resolve(d);
}

bool
sockets_need_2_1(const struct dump *d)
{
	for (size_t i = 0; i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];

		if (s->family == AF_NETLINK || s->family == AF_PACKET || s->filter_n > 0 || s->memberships.n > 0 ||
		    s->nwaiting > 0 || s->external || (udp_is(s) && s->queue.n > 0))
			return true;
	}
	return false;
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

void
address_emit(struct glue_emit *e, uint32_t field, const struct socket_object *s, const uint8_t *raw,
    uint32_t len)
{
	const struct sockaddr_in *in = (const void *)raw;
	const struct sockaddr_in6 *in6 = (const void *)raw;
	const struct sockaddr_nl *nl = (const void *)raw;

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
	} else if (s->family == AF_NETLINK) {
		glue_emit_uint(e, PSNAP_F_SOCKET_ADDRESS_NETLINK_PORT, nl->nl_pid);
	} else if (s->family == AF_PACKET) {
		glue_emit_string(e, PSNAP_F_SOCKET_ADDRESS_INTERFACE, s->interface);
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
	if (s->family != AF_UNIX)
		glue_emit_uint(e, PSNAP_F_SOCKET_PROTOCOL, s->protocol);
	glue_emit_uint(e, PSNAP_F_SOCKET_STATE, s->state);
	glue_emit_uint(e, PSNAP_F_SOCKET_INODE, s->ino);
	address_emit(e, PSNAP_F_SOCKET_LOCAL, s, s->local, s->local_len);
	address_emit(e, PSNAP_F_SOCKET_REMOTE, s, s->remote, s->remote_len);
	glue_emit_uint(e, PSNAP_F_SOCKET_PEER_ID, s->peer != NULL ? s->peer->id : 0);
	glue_emit_uint(e, PSNAP_F_SOCKET_PEER_OUTSIDE, s->peer_ino != 0 && s->peer == NULL);
	glue_emit_uint(e, PSNAP_F_SOCKET_BACKLOG, s->backlog);
	glue_emit_uint(e, PSNAP_F_SOCKET_SHUTDOWN_READ, s->shut_read);
	glue_emit_uint(e, PSNAP_F_SOCKET_SHUTDOWN_WRITE, s->shut_write);
	messages_emit(e, s);
	options_emit(e, s);
	glue_emit_uint(e, PSNAP_F_SOCKET_TCP_STATE, s->tcp_state);
	if (s->has_peer_cred)
		ucred_emit(e, PSNAP_F_SOCKET_PEER_CREDENTIALS, s->peer_cred);
	glue_emit_uint(e, PSNAP_F_SOCKET_PENDING_CONNECTIONS, s->pending);
	glue_emit_uint(e, PSNAP_F_SOCKET_UNREAD_BYTES, s->unread);
	glue_emit_uint(e, PSNAP_F_SOCKET_UNSENT_BYTES, s->unsent);
	if (family == PSNAP_SOCKET_OTHER)
		glue_emit_uint(e, PSNAP_F_SOCKET_FAMILY_NUMBER, s->family);
	glue_emit_uint(e, PSNAP_F_SOCKET_ERROR_UNTOLD, s->error_untold);
	/* in the layout of x86, which is the format's */
	glue_emit_bytes(e, PSNAP_F_SOCKET_FILTER, s->filter, s->filter_n * 8);
	if (s->family == AF_INET || s->family == AF_INET6)
		multicast_emit(e, s);
	link_emit(e, s);
	glue_emit_packed64(e, PSNAP_F_SOCKET_PENDING_IDS, s->waiting, s->nwaiting);
	glue_emit_uint(e, PSNAP_F_SOCKET_EXTERNAL, s->external);
}
