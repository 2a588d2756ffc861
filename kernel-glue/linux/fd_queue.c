/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unread messages of unix sockets and datagrams of UDP, by peeking, and the
 * descriptors under way in those of unix sockets.  These may be sockets with
 * messages of their own: the list of sockets grows while it is gone through.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"

#define MESSAGE_MAX	(4u << 20)
#define RIGHTS_MAX	253		/* SCM_MAX_FD */
#define CONTROL_MAX	4096		/* all of SCM_*, security labels too */
#define QUEUE_MAX	(15u << 20)	/* fits a record: PSNAP_MAX_RECORD */
#define UDP6_MAX	65487u		/* in one packet of the loopback device */
#define SCM_PIDFD_LINUX	4		/* SCM_PIDFD, of SO_PASSPIDFD */

struct reader {
	struct dump	*d;
	struct proc	*self;		/* this process: whose table holds what was peeked at */
	struct socket_object *s;
	const char	*queue;		/* what it is called where it cannot be held */
	int		fd;		/* ours on it */
	uint8_t		*buf;		/* MESSAGE_MAX */
	void		*nowhere;	/* memory that cannot be written to */
};

struct peeked {
	int		flags;		/* MSG_TRUNC, MSG_CTRUNC */
	int		fds[RIGHTS_MAX];
	size_t		nfds, taken;	/* the first of them are somebody's already */
	bool		has_cred;
	struct ucred	cred;
	struct sockaddr_storage source;
	socklen_t	source_len;
	struct arrival	arrival;
	uint32_t	segment;	/* several datagrams of this many bytes each; 0: one */
	uint32_t	interface;	/* that it came by, 0 not known */
};

static void
close_rest(struct peeked *m)
{
	while (m->nfds > m->taken)
		close(m->fds[--m->nfds]);
}

static void
take_destination(struct peeked *m, const void *address, uint32_t len, uint32_t interface)
{
	memcpy(m->arrival.destination, address, len);
	m->arrival.destination_len = len;
	m->interface = interface;
}

/* Told only to who has asked for it. */
static void
take_arrival(const struct cmsghdr *c, size_t len, struct peeked *m)
{
	struct in6_pktinfo six;
	struct in_pktinfo four;
	int v = 0;

	memcpy(&v, CMSG_DATA(c), len < sizeof v ? len : sizeof v);
	if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO && len == sizeof four) {
		memcpy(&four, CMSG_DATA(c), len);
		take_destination(m, &four.ipi_addr, 4, (uint32_t)four.ipi_ifindex);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO && len == sizeof six) {
		memcpy(&six, CMSG_DATA(c), len);
		take_destination(m, &six.ipi6_addr, 16, six.ipi6_ifindex);
	} else if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
	    (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
		m->arrival.hop_limit = (uint32_t)v;
	} else if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS) {
		m->arrival.traffic_class = *CMSG_DATA(c);
	} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_TCLASS) {
		m->arrival.traffic_class = (uint32_t)v;
	} else if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO) {
		m->segment = (uint32_t)v;
	}
}

static void
take_control(const struct cmsghdr *c, struct peeked *m)
{
	size_t len = c->cmsg_len - CMSG_LEN(0);
	int fd;

	if (c->cmsg_level != SOL_SOCKET) {
		take_arrival(c, len, m);
		return;
	}
	if (c->cmsg_type == SCM_RIGHTS && len <= sizeof m->fds) {
		memcpy(m->fds, CMSG_DATA(c), len);
		m->nfds = len / sizeof m->fds[0];
	} else if (c->cmsg_type == SCM_CREDENTIALS && len == sizeof m->cred) {
		memcpy(&m->cred, CMSG_DATA(c), len);
		m->has_cred = m->cred.pid != 0;	/* 0: sent before they were asked for */
	} else if (c->cmsg_type == SCM_PIDFD_LINUX && len == sizeof fd) {
		memcpy(&fd, CMSG_DATA(c), len);
		if (fd >= 0)
			close(fd);
	}
}

/* What is so many bytes into the queue; its length, or -1 as errno says. */
static ssize_t
peek(const struct reader *q, uint64_t offset, struct iovec *io, size_t nio, struct peeked *m)
{
	union { struct cmsghdr h; uint8_t bytes[CONTROL_MAX]; } control;
	struct msghdr msg = { .msg_name = &m->source, .msg_namelen = sizeof m->source, .msg_iov = io,
	    .msg_iovlen = nio, .msg_control = control.bytes, .msg_controllen = sizeof control };
	int at = (int)offset;
	ssize_t n;

	memset(m, 0, sizeof *m);
	if (setsockopt(q->fd, SOL_SOCKET, SO_PEEK_OFF, &at, sizeof at) != 0 ||
	    (n = recvmsg(q->fd, &msg, MSG_PEEK | MSG_DONTWAIT | MSG_CMSG_CLOEXEC)) < 0)
		return -1;
	m->flags = msg.msg_flags;
	m->source_len = msg.msg_namelen;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		take_control(c, m);
	return n;
}

/*
 * Of n bytes of a stream, how many came before the message with descriptors
 * that they end with: a reader may as well stop there.  The kernel hands out
 * whole messages; with no room for the last byte, the last one is left out.
 */
static size_t
before_rights(const struct reader *q, uint64_t offset, size_t n)
{
	struct iovec io[2] = { { q->buf, n - 1 }, { q->nowhere, 1 } };
	struct peeked m;
	ssize_t got = peek(q, offset, io, 2, &m);

	close_rest(&m);
	return got > 0 ? (size_t)got : 0;
}

static bool
polls(const struct reader *q, short event)
{
	struct pollfd p = { .fd = q->fd, .events = event };

	return poll(&p, 1, 0) == 1 && (p.revents & event);
}

/* Nothing read: an empty message, or the end of what a peer that is gone has sent. */
static bool
is_end(const struct reader *q, const struct peeked *m)
{
	return q->s->type == SOCK_STREAM ||
	    (q->s->type == SOCK_SEQPACKET && m->nfds == 0 && polls(q, POLLRDHUP));
}

static int
no_memory(const struct reader *q)
{
	return dump_fail(q->d, GLUE_E_NOMEM, 0, q->s->proc, "out of memory");
}

static int
cover(const struct reader *q, const char *feature, const char *what, uint64_t count)
{
	return dump_cover(q->d, PSNAP_COVERAGE_BREAKS, q->s->proc, 0, q->s->fd, q->s->id, feature, what,
	    (unsigned long long)count);
}

static bool
is_of_group(const struct socket_object *s)
{
	const struct sockaddr_in *in = (const void *)s->local;
	const struct sockaddr_in6 *in6 = (const void *)s->local;

	return s->family == AF_INET ? IN_MULTICAST(ntohl(in->sin_addr.s_addr)) : IN6_IS_ADDR_MULTICAST(&in6->sin6_addr);
}

/*
 * What will be different of a datagram of n bytes that is sent again: it comes
 * from this host's own device.
 */
static int
cover_arrival(const struct reader *q, const struct peeked *p, size_t n)
{
	const struct sockaddr_in6 *from = (const void *)&p->source;
	bool six = q->s->family == AF_INET6;
	int r = 0;

	if (is_of_group(q->s))
		r = cover(q, q->queue, "a datagram of %llu bytes in a socket bound to a multicast address", n);
	if (r == 0 && six && IN6_IS_ADDR_LINKLOCAL(&from->sin6_addr))
		r = cover(q, q->queue, "a datagram of %llu bytes came from a link-local address", n);
	if (r == 0 && six && n > UDP6_MAX && p->segment == 0)
		r = cover(q, q->queue, "an unread datagram of %llu bytes is too long to be sent again", n);
	if (r == 0 && p->interface > 1)
		r = dump_cover(q->d, PSNAP_COVERAGE_DEGRADES, q->s->proc, 0, q->s->fd, q->s->id, "udp-interface",
		    "the interface that an unread datagram came by is not held");
	return r;
}

/* n bytes; descriptors are taken over. */
static int
keep_message(struct reader *q, struct peeked *p, const uint8_t *bytes, size_t n)
{
	struct socket_message *m = dump_alloc(q->d, sizeof *m);
	int r;

	if (m == NULL || (m->data = dump_memdup(q->d, bytes, n)) == NULL || list_add(q->d, &q->s->queue, m) != 0)
		return no_memory(q);
	m->len = n;
	m->arrival = p->arrival;
	m->has_cred = p->has_cred;
	m->cred[0] = p->cred.pid;
	m->cred[1] = (int32_t)p->cred.uid;
	m->cred[2] = (int32_t)p->cred.gid;
	if (p->source_len > sizeof(sa_family_t) && p->source_len <= sizeof m->source) {
		memcpy(m->source, &p->source, p->source_len);
		m->source_len = p->source_len;
	}
	while (p->taken < p->nfds) {
		struct open_file *o;

		if ((r = fd_under_way(q->d, q->self, q->s, p->fds[p->taken++], &o)) != 0)
			return r;
		if (list_add(q->d, &m->files, o) != 0)
			return no_memory(q);
	}
	return 0;
}

/* The n bytes in q->buf. */
static int
keep_messages(struct reader *q, struct peeked *p, size_t n)
{
	size_t each = p->segment != 0 ? p->segment : n, at = 0;
	int r;

	do {
		size_t len = n - at < each ? n - at : each;

		if ((r = keep_message(q, p, q->buf + at, len)) != 0)
			return r;
		at += len;
	} while (at < n);
	return q->s->family == AF_UNIX ? 0 : cover_arrival(q, p, n);
}

/* One message, or a stretch of stream bytes; *n: how long it is. */
static int
read_message(struct reader *q, uint64_t offset, size_t *n, bool *end)
{
	struct iovec io = { q->buf, MESSAGE_MAX };
	struct peeked m;
	ssize_t got = peek(q, offset, &io, 1, &m);
	size_t plain;
	int r = 0;

	if ((*end = got < 0 || (got == 0 && is_end(q, &m))))
		return got == 0 || errno == EAGAIN ? 0 :
		    cover(q, q->queue, "unread data can be peeked at up to byte %llu only", offset);
	*n = (size_t)got;
	if (q->s->type == SOCK_STREAM && m.nfds > 0 && (plain = before_rights(q, offset, (size_t)got)) > 0) {
		close_rest(&m);
		*n = plain;
	}
	if (m.flags & MSG_CTRUNC)
		r = cover(q, "scm-rights", "not all descriptors under way could be taken, after %llu", m.nfds);
	if (r == 0 && m.flags & MSG_TRUNC)
		r = cover(q, q->queue, "an unread message is longer than %llu bytes", MESSAGE_MAX);
	if (r == 0)
		r = keep_messages(q, &m, *n);
	close_rest(&m);
	return r;
}

/* Of a stream no further than there is something: the end may be an error, which would be told to us. */
static int
read_messages(struct reader *q)
{
	bool stream = q->s->type == SOCK_STREAM, end = false;
	uint64_t offset = 0;
	size_t n;
	int r = 0;

	while (r == 0 && !end && (!stream || offset < q->s->unread)) {
		n = 0;
		r = read_message(q, offset, &n, &end);
		offset += n;
	}
	if (r == 0 && (offset < q->s->unread || (udp_is(q->s) && q->s->queue.n == 0 && polls(q, POLLIN))))
		r = cover(q, q->queue, "unread data can be peeked at up to byte %llu only", offset);
	if (r == 0 && offset > QUEUE_MAX)
		r = cover(q, q->queue, "%llu bytes of unread data are more than a snapshot can hold", offset);
	q->s->unread = offset;	/* of datagrams, only the first was counted */
	return r;
}

/* The socket's peek offset is put back. */
static int
read_queue(struct reader *q)
{
	socklen_t len = sizeof(int);
	int old = -1, r;

	/* other than a stream's, messages come after the error, which peeking would take */
	if (q->s->type != SOCK_STREAM && polls(q, POLLERR))
		return q->s->unread == 0 ? 0 :
		    cover(q, q->queue, "%llu bytes of unread data are behind an error not told yet", q->s->unread);
	if (getsockopt(q->fd, SOL_SOCKET, SO_PEEK_OFF, &old, &len) != 0)
		return cover(q, q->queue, "%llu bytes of unread data cannot be peeked at", q->s->unread);
	r = read_messages(q);
	/* a signal may come in between */
	for (int i = 0; i < 3 && setsockopt(q->fd, SOL_SOCKET, SO_PEEK_OFF, &old, sizeof old) != 0; i++)
		;
	return r;
}

static int
open_and_read(struct reader *q)
{
	int r;

	if (q->s->own >= 0) {
		q->fd = q->s->own;
		return read_queue(q);
	}
	if ((q->fd = (int)syscall(SYS_pidfd_getfd, q->s->proc->pid_fd, q->s->fd, 0)) < 0)
		return dump_fail(q->d, GLUE_E_SYSTEM, errno, q->s->proc, "duplicating descriptor %d", q->s->fd);
	r = read_queue(q);
	close(q->fd);
	return r;
}

bool
udp_is(const struct socket_object *s)
{
	return (s->family == AF_INET || s->family == AF_INET6) && s->type == SOCK_DGRAM &&
	    (s->protocol == IPPROTO_UDP || s->protocol == IPPROTO_UDPLITE);
}

static bool
may_have_messages(const struct socket_object *s)
{
	if (s->told)
		return false;
	if (udp_is(s))
		return true;
	return s->family == AF_UNIX && s->state != PSNAP_SOCKET_LISTENING &&
	    (s->type != SOCK_STREAM || s->unread > 0);
}

static int
begin(struct reader *q)
{
	int r;

	if ((r = proc_open(q->self)) != 0)
		return dump_fail(q->d, GLUE_E_SYSTEM, -r, NULL, "opening /proc/self");
	q->nowhere = mmap(NULL, DUMP_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	q->buf = malloc(MESSAGE_MAX);
	return q->buf == NULL || q->nowhere == MAP_FAILED ?
	    dump_fail(q->d, GLUE_E_NOMEM, 0, NULL, "out of memory") : 0;
}

static void
end(struct reader *q)
{
	for (size_t i = 0; i < q->d->open_files.n; i++) {
		const struct open_file *o = q->d->open_files.v[i];

		if (o->own >= 0)
			close(o->own);
	}
	if (q->self->proc_fd >= 0)
		close(q->self->proc_fd);
	if (q->nowhere != MAP_FAILED)
		munmap(q->nowhere, DUMP_PAGE);
	free(q->buf);
}

int
messages_collect(struct dump *d)
{
	struct proc self = { .pid = getpid(), .live = getpid(), .proc_fd = -1 };
	struct reader q = { .d = d, .self = &self, .nowhere = MAP_FAILED };
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->sockets.n; i++) {
		q.s = d->sockets.v[i];
		q.queue = q.s->family == AF_UNIX ? "unix-queue" : "udp-queue";
		if (may_have_messages(q.s) && (q.buf != NULL || (r = begin(&q)) == 0))
			r = open_and_read(&q);
	}
	end(&q);
	return r;
}

/* ---- senders ---- */

static bool
is_bound(const struct dump *d, const struct socket_message *m)
{
	for (size_t i = 0; i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];

		if (s->family == AF_UNIX && s->type == SOCK_DGRAM && s->local_len == m->source_len &&
		    memcmp(s->local, m->source, m->source_len) == 0)
			return true;
	}
	return false;
}

int
messages_resolve(struct dump *d)
{
	int r = 0;

	for (size_t i = 0; i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];

		for (size_t k = 0; r == 0 && k < s->queue.n; k++) {
			const struct socket_message *m = s->queue.v[k];

			if (s->family != AF_UNIX)
				continue;
			if ((m->source_len > 0 && !is_bound(d, m)) || (m->has_cred && find_proc(d, m->cred[0]) == NULL))
				r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, s->proc, 0, s->fd, s->id, "unix-sender",
				    "an unread message is from outside the tree: its sender's address or pid is not kept");
		}
	}
	return r;
}

/* ---- emitting ---- */

static void
arrival_emit(struct glue_emit *e, const struct socket_object *s, const struct socket_message *m)
{
	const struct arrival *a = &m->arrival;

	address_emit(e, PSNAP_F_SOCKET_MESSAGE_SOURCE, s, m->source, m->source_len);
	if (a->destination_len > 0) {
		bool mapped = a->destination_len == 4 && s->family == AF_INET6;
		uint8_t ip[16] = { [10] = 0xff, [11] = 0xff };

		memcpy(ip + (mapped ? 12 : 0), a->destination, a->destination_len);
		glue_emit_open(e, PSNAP_F_SOCKET_MESSAGE_DESTINATION);
		glue_emit_bytes(e, PSNAP_F_SOCKET_ADDRESS_IP, ip, mapped ? 16 : a->destination_len);
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_SOCKET_MESSAGE_HOP_LIMIT, a->hop_limit);
	glue_emit_uint(e, PSNAP_F_SOCKET_MESSAGE_TRAFFIC_CLASS, a->traffic_class);
}

void
messages_emit(struct glue_emit *e, const struct socket_object *s)
{
	for (size_t i = 0; i < s->queue.n; i++) {
		const struct socket_message *m = s->queue.v[i];
		uint64_t ids[RIGHTS_MAX];

		/* every object begins with its id */
		for (size_t k = 0; k < m->files.n; k++)
			ids[k] = *(const uint64_t *)m->files.v[k];
		glue_emit_open(e, PSNAP_F_SOCKET_QUEUE);
		glue_emit_bytes(e, PSNAP_F_SOCKET_MESSAGE_DATA, m->data, m->len);
		glue_emit_packed64(e, PSNAP_F_SOCKET_MESSAGE_OPEN_FILE_IDS, ids, m->files.n);
		if (m->has_cred)
			ucred_emit(e, PSNAP_F_SOCKET_MESSAGE_CREDENTIALS, m->cred);
		if (s->family == AF_UNIX)
			unix_name_emit(e, PSNAP_F_SOCKET_MESSAGE_SOURCE_PATH, PSNAP_F_SOCKET_MESSAGE_SOURCE_ABSTRACT,
			    m->source, m->source_len);
		else
			arrival_emit(e, s, m);
		glue_emit_close(e);
	}
}
