/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP connections: what is in their queues and what both ends have agreed on,
 * by TCP_REPAIR on a duplicate of ours.
 *
 * The kernel goes on talking to the other end while the tree stands still.  A
 * tree that is to be killed has its connections locked first (fd_tcp_lock.c), so
 * that nothing is acknowledged that is not in the snapshot; of one that runs on
 * what comes while it is read is left out.  Repair mode is left right after
 * reading, and entered again only so that the end of the processes is not told
 * to the other end.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/tcp_state.h"

#define READ_TRIES	16
#define END_TRIES	1000
#define QUEUES_MAX	(1u << 30)	/* both: TCP-7 */
#define PART_MAX	(4u << 20)	/* of a queue, in a record: two in one fit PSNAP_MAX_RECORD */
#define SEGMENT_MAX	(1u << 16)	/* of which the beginning may be acknowledged */

struct tcp_connection {
	uint64_t	id;
	struct socket_object *s;
	int		fd;			/* our duplicate */
	uint32_t	state;
	uint32_t	send_sequence, receive_sequence, not_sent, max_segment, timestamp;
	uint8_t		*send, *receive;
	size_t		send_len, receive_len;
	struct tcp_repair_window window;
	bool		has_window, has_scale, selective_acks, timestamps;
	bool		sends_early;		/* data with its request to connect */
	uint8_t		send_scale, receive_scale;
};

/* What a record has no room for of a queue. */
struct tcp_queue_part {
	uint64_t	id, connection_id;
	uint32_t	queue;			/* PSNAP_TCP_QUEUE_* */
	size_t		offset, len;
	const uint8_t	*data;
};

/* ---- which there are ---- */

static int
cover(struct dump *d, const struct socket_object *s, const char *feature, const char *reason)
{
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, feature, "%s", reason);
}

static bool
can_be_held(uint32_t state)
{
	switch (state) {
	case PSNAP_TCP_STATE_SYN_SENT:
	case PSNAP_TCP_STATE_ESTABLISHED:
	case PSNAP_TCP_STATE_FIN_WAIT_1:
	case PSNAP_TCP_STATE_FIN_WAIT_2:
	case PSNAP_TCP_STATE_CLOSE_WAIT:
	case PSNAP_TCP_STATE_LAST_ACK:
	case PSNAP_TCP_STATE_CLOSING:
		return true;
	default:
		return false;
	}
}

static int
cover_connecting(struct dump *d, const struct socket_object *s)
{
	return cover(d, s, "tcp-connecting", "a TCP connection that is being made");
}

int
tcp_found(struct dump *d, struct socket_object *s, int local)
{
	struct tcp_connection *c;
	int r;

	if (d->options->tcp == GLUE_TCP_CLOSE)
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, s->proc, 0, s->fd, s->id, "tcp-closed",
		    "a TCP connection: its program will find it reset");
	if (d->options->tcp == GLUE_TCP_REFUSE)
		return cover(d, s, "tcp-established", "a TCP connection");
	if (s->tcp_state == PSNAP_TCP_STATE_SYN_SENT)
		s->state = PSNAP_SOCKET_CONNECTING;
	if (!can_be_held(s->tcp_state))
		return cover_connecting(d, s);
	if ((c = dump_alloc(d, sizeof *c)) == NULL || list_add(d, &d->tcp_found, c) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	c->s = s;
	if ((c->fd = fcntl(local, F_DUPFD_CLOEXEC, 0)) < 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, s->proc, "duplicating descriptor %d", s->fd);
	if (d->options->after != GLUE_KILL)
		return 0;
	return (r = tcp_namespace_note(d, local)) != -ENOENT ? r :
	    cover(d, s, "tcp-established", "a TCP connection: its network namespace is not shown");
}

/* The end of what is read, and an error, show without taking them. */
int
tcp_ended(struct dump *d, struct socket_object *s, int local)
{
	struct pollfd p = { .fd = local, .events = POLLRDHUP };
	struct socket_message *m;
	int n = 0;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLRDHUP))
		return 0;
	s->shut_read = s->shut_write = true;
	s->error_untold = p.revents & POLLERR;
	if (ioctl(local, SIOCINQ, &n) != 0 || n <= 0)
		return 0;
	if ((m = dump_alloc(d, sizeof *m)) == NULL || (m->data = dump_alloc(d, (size_t)n)) == NULL ||
	    list_add(d, &s->queue, m) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	m->len = s->unread = (uint32_t)n;
	return recv(local, m->data, m->len, MSG_PEEK | MSG_DONTWAIT) == n ? 0 :
	    cover(d, s, "tcp-queue", "unread data of a TCP connection that is over cannot be peeked at");
}

/* ---- repair mode ---- */

static int
set(int fd, int option, int value)
{
	return setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

/* The kernel forgets SO_REUSEADDR on the way. */
static int
leave_repair(const struct tcp_connection *c)
{
	int reuse = (int)c->s->options[PSNAP_F_SOCKET_OPTIONS_REUSE_ADDRESS];

	set(c->fd, TCP_REPAIR_QUEUE, TCP_NO_QUEUE);
	/* before 4.20 there is no way to leave it without a window probe */
	if (set(c->fd, TCP_REPAIR, TCP_REPAIR_OFF_NO_WP) != 0 && set(c->fd, TCP_REPAIR, TCP_REPAIR_OFF) != 0)
		return -1;
	return setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &reuse, sizeof reuse);
}

/* ---- small calls ---- */

static int
get(int fd, int option, uint32_t *value)
{
	socklen_t len = sizeof *value;

	return getsockopt(fd, IPPROTO_TCP, option, value, &len);
}

/* Behind what is in a queue, a FIN counted. */
static int
sequence_behind(int fd, int queue, uint32_t *value)
{
	return set(fd, TCP_REPAIR_QUEUE, queue) != 0 ? -1 : get(fd, TCP_QUEUE_SEQ, value);
}

static int
read_state(int fd, uint32_t *state)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
		return -1;
	*state = info.tcpi_state;	/* same numbers as ours */
	return 0;
}

static bool
fits(const struct tcp_connection *c)
{
	return c->receive_len <= QUEUES_MAX && c->send_len <= QUEUES_MAX - c->receive_len;
}

static int
no_memory(struct dump *d, const struct tcp_connection *c)
{
	return dump_fail(d, GLUE_E_NOMEM, 0, c->s->proc, "out of memory");
}

static int
cannot_read(struct dump *d, const struct tcp_connection *c)
{
	return dump_fail(d, GLUE_E_SYSTEM, errno, c->s->proc, "examining socket %d", c->s->fd);
}

/* ---- what is received: the program does not read now, but more may come ---- */

/* Where that queue ends, in one moment between two segments: 1, 0 there was none, or -1 as errno says. */
static int
find_end(struct tcp_connection *c)
{
	uint32_t state, end, again;
	socklen_t len = sizeof c->window;
	int unread;

	if (read_state(c->fd, &c->state) != 0 || sequence_behind(c->fd, TCP_RECV_QUEUE, &end) != 0 ||
	    ioctl(c->fd, SIOCINQ, &unread) != 0)
		return -1;
	c->has_window = getsockopt(c->fd, IPPROTO_TCP, TCP_REPAIR_WINDOW, &c->window, &len) == 0;
	if (sequence_behind(c->fd, TCP_RECV_QUEUE, &again) != 0 || read_state(c->fd, &state) != 0)
		return -1;
	c->receive_len = (size_t)unread;
	c->receive_sequence = end - tcp_has_received_fin(state) - (uint32_t)unread;
	return end == again && state == c->state;
}

static int
read_received(struct dump *d, struct tcp_connection *c)
{
	socklen_t len = sizeof(int);
	int offset = -1, none = -1, r;
	bool moved;
	ssize_t n;

	for (int i = 0; (r = find_end(c)) == 0 && i < END_TRIES; i++)
		;
	if (r != 1 || c->receive_len == 0 || c->receive_len > QUEUES_MAX)
		return r < 0 ? cannot_read(d, c) : r;
	if ((c->receive = dump_alloc(d, c->receive_len)) == NULL)
		return no_memory(d, c);
	moved = getsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, &len) == 0 && offset >= 0 &&
	    setsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &none, sizeof none) == 0;
	n = recv(c->fd, c->receive, c->receive_len, MSG_PEEK | MSG_DONTWAIT);
	if (moved)
		setsockopt(c->fd, SOL_SOCKET, SO_PEEK_OFF, &offset, sizeof offset);
	return n == (ssize_t)c->receive_len;
}

/* ---- what is to be sent: the program does not write now, but some may be acknowledged ---- */

/*
 * The kernel shows whole segments: of the first one the beginning may be
 * acknowledged.  What is not by the time after that is at the end of it.
 */
static int
read_sent(struct dump *d, struct tcp_connection *c)
{
	uint32_t fin = tcp_has_sent_fin(c->state), end;
	int waiting, not_sent;
	size_t room;
	ssize_t n;

	if (sequence_behind(c->fd, TCP_SEND_QUEUE, &end) != 0 || ioctl(c->fd, SIOCOUTQ, &waiting) != 0)
		return cannot_read(d, c);
	c->send_len = (size_t)waiting;
	if (!fits(c))
		return 1;
	room = c->send_len + SEGMENT_MAX;
	if ((c->send = dump_alloc(d, room)) == NULL)
		return no_memory(d, c);
	n = recv(c->fd, c->send, room, MSG_PEEK | MSG_DONTWAIT);
	if (ioctl(c->fd, SIOCOUTQ, &waiting) != 0 || ioctl(c->fd, SIOCOUTQNSD, &not_sent) != 0)
		return cannot_read(d, c);
	/* a FIN counts as a byte where it is not acknowledged, or not sent */
	c->send_len = (size_t)waiting - (fin && waiting > 0);
	c->not_sent = (uint32_t)not_sent - (fin && not_sent > 0);
	c->send_sequence = end - fin - (uint32_t)c->send_len;
	if (c->send_len == 0)
		return 1;
	if (n < (ssize_t)c->send_len)
		return 0;
	c->send += (size_t)n - c->send_len;
	return 1;
}

/* ---- the rest ---- */

static int
read_agreed(struct dump *d, struct tcp_connection *c)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0 ||
	    get(c->fd, TCP_MAXSEG, &c->max_segment) != 0)
		return cannot_read(d, c);
	c->has_scale = info.tcpi_options & TCPI_OPT_WSCALE;
	c->send_scale = c->has_scale ? info.tcpi_snd_wscale : 0;
	c->receive_scale = c->has_scale ? info.tcpi_rcv_wscale : 0;
	c->selective_acks = info.tcpi_options & TCPI_OPT_SACK;
	c->timestamps = info.tcpi_options & TCPI_OPT_TIMESTAMPS;
	if (c->timestamps && get(c->fd, TCP_TIMESTAMP, &c->timestamp) != 0)
		return cannot_read(d, c);
	return info.tcpi_state == c->state;
}

/* Nothing but where it begins, as its SYN has the number before. */
static int
read_request(struct dump *d, struct tcp_connection *c)
{
	uint32_t state;
	uint8_t byte;

	if (sequence_behind(c->fd, TCP_SEND_QUEUE, &c->send_sequence) != 0)
		return cannot_read(d, c);
	c->sends_early = recv(c->fd, &byte, sizeof byte, MSG_PEEK | MSG_DONTWAIT) > 0;
	return read_state(c->fd, &state) != 0 ? cannot_read(d, c) : state == c->state;
}

/* All of it: 1 done, or there is no more to hold; 0 it changed meanwhile; or a code. */
static int
read_all(struct dump *d, struct tcp_connection *c)
{
	int r;

	if (read_state(c->fd, &c->state) != 0)
		return cannot_read(d, c);
	if (c->state == PSNAP_TCP_STATE_SYN_SENT)
		return read_request(d, c);
	if ((r = read_received(d, c)) != 1 || !can_be_held(c->state) || !fits(c))
		return r;
	if ((r = read_sent(d, c)) != 1 || !fits(c))
		return r;
	return read_agreed(d, c);
}

/* What is not seen in its queues. */
static int
cover_beyond(struct dump *d, const struct tcp_connection *c)
{
	struct pollfd p = { .fd = c->fd, .events = POLLPRI | POLLRDHUP };
	char ulp[16] = "";
	socklen_t len = sizeof ulp - 1;
	int r = 0;

	c->s->shut_read = poll(&p, 1, 0) == 1 && p.revents & POLLRDHUP;
	if (p.revents & POLLPRI)
		r = cover(d, c->s, "tcp-urgent", "unread urgent data of a TCP connection is not held");
	if (r == 0 && getsockopt(c->fd, IPPROTO_TCP, TCP_ULP, ulp, &len) == 0 && ulp[0] != '\0')
		r = cover(d, c->s, "tcp-ulp", "a TCP connection with another protocol in the kernel, as TLS");
	return r;
}

static int
divide(struct dump *d, const struct tcp_connection *c, uint32_t queue, const uint8_t *data, size_t len)
{
	for (size_t at = PART_MAX; at < len; at += PART_MAX) {
		struct tcp_queue_part *part = dump_alloc(d, sizeof *part);

		if (part == NULL || list_add(d, &d->tcp_parts, part) != 0)
			return no_memory(d, c);
		*part = (struct tcp_queue_part){ .id = dump_new_id(d), .connection_id = c->id, .queue = queue,
		    .offset = at, .len = len - at < PART_MAX ? len - at : PART_MAX, .data = data + at };
	}
	return 0;
}

static int
keep(struct dump *d, struct tcp_connection *c)
{
	int r;

	c->id = dump_new_id(d);
	if (list_add(d, &d->connections, c) != 0)
		return no_memory(d, c);
	r = divide(d, c, PSNAP_TCP_QUEUE_SEND, c->send, c->send_len);
	return r != 0 ? r : divide(d, c, PSNAP_TCP_QUEUE_RECEIVE, c->receive, c->receive_len);
}

static int
read_connection(struct dump *d, struct tcp_connection *c)
{
	int r;

	if ((r = cover_beyond(d, c)) != 0)
		return r;
	if (set(c->fd, TCP_REPAIR, TCP_REPAIR_ON) != 0)
		return cover(d, c->s, "tcp-established", errno == EPERM ?
		    "a TCP connection: holding it takes CAP_NET_ADMIN" : "a TCP connection: the kernel does not show it");
	for (int i = 0; (r = read_all(d, c)) == 0 && i < READ_TRIES; i++)
		;
	if (leave_repair(c) != 0 && r >= 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, c->s->proc, "leaving repair mode of socket %d", c->s->fd);
	if (r < 0)
		return r;
	if (r == 0)
		return cover(d, c->s, "tcp-established", "a TCP connection that does not stand still");
	c->s->tcp_state = c->state;
	if (!can_be_held(c->state))
		return 0;	/* the other end has reset it meanwhile */
	if (c->sends_early)
		return cover(d, c->s, "tcp-connecting", "data sent with a request to connect is not held");
	c->s->state = c->state == PSNAP_TCP_STATE_SYN_SENT ? PSNAP_SOCKET_CONNECTING : PSNAP_SOCKET_CONNECTED;
	if (!fits(c))
		return cover(d, c->s, "tcp-queue", "more data waits in a TCP connection than a snapshot can hold");
	return keep(d, c);
}

/* ---- those that wait for an answer ---- */

/* Whom it asks is not told; it may have been refused by now. */
static int
leave_out(struct dump *d, struct tcp_connection *c)
{
	int r;

	if (read_state(c->fd, &c->s->tcp_state) != 0) {
		r = cannot_read(d, c);
	} else if (c->s->tcp_state == PSNAP_TCP_STATE_CLOSED) {
		c->s->state = PSNAP_SOCKET_UNCONNECTED;
		r = tcp_ended(d, c->s, c->fd);
	} else {
		r = cover_connecting(d, c->s);
	}
	close(c->fd);
	c->fd = -1;
	return r;
}

/* Those whose other end is known stay in the list. */
static int
know_remotes(struct dump *d)
{
	int r = tcp_remotes_collect(d);
	size_t n = 0;

	for (size_t i = 0; r == 0 && i < d->tcp_found.n; i++) {
		struct tcp_connection *c = d->tcp_found.v[i];
		socklen_t len = sizeof c->s->remote;

		/* the answer may have come meanwhile */
		if (c->s->remote_len == 0 && getpeername(c->fd, (struct sockaddr *)(void *)c->s->remote, &len) == 0)
			c->s->remote_len = len;
		if (c->s->remote_len > 0)
			d->tcp_found.v[n++] = c;
		else
			r = leave_out(d, c);
	}
	if (r == 0)
		d->tcp_found.n = n;
	return r;
}

/* ---- all ---- */

const struct socket_object *
tcp_socket(const struct tcp_connection *c)
{
	return c->s;
}

int
tcp_collect(struct dump *d)
{
	int r = know_remotes(d);

	if (r == 0 && d->options->after == GLUE_KILL)
		r = tcp_hold(d, &d->tcp_found);
	if (r == 0)
		r = tcp_listeners_collect(d);
	for (size_t i = 0; r == 0 && i < d->tcp_found.n; i++)
		r = read_connection(d, d->tcp_found.v[i]);
	/* a restore knows the lock by the connections that are held */
	if (r == 0 && d->options->after == GLUE_KILL && d->connections.n != d->tcp_found.n)
		r = tcp_hold(d, &d->connections);
	return r;
}

void
tcp_before_release(struct dump *d, bool killed)
{
	if (!killed)
		tcp_hold_end(d);
	for (size_t i = 0; killed && i < d->connections.n; i++)
		set(((const struct tcp_connection *)d->connections.v[i])->fd, TCP_REPAIR, TCP_REPAIR_ON);
}

void
tcp_after_release(struct dump *d)
{
	for (size_t i = 0; i < d->tcp_found.n; i++) {
		struct tcp_connection *c = d->tcp_found.v[i];

		if (c->fd >= 0)
			close(c->fd);
		c->fd = -1;
	}
	tcp_hold_leave(d);
	tcp_accept_end(d);
	tree_namespaces_close(d);
}

/* ---- emitting ---- */

static void
emit_window(struct glue_emit *e, const struct tcp_repair_window *w)
{
	glue_emit_open(e, PSNAP_F_TCP_CONNECTION_WINDOW);
	glue_emit_uint(e, PSNAP_F_TCP_WINDOW_SEND_UPDATE, w->snd_wl1);
	glue_emit_uint(e, PSNAP_F_TCP_WINDOW_SEND_WINDOW, w->snd_wnd);
	glue_emit_uint(e, PSNAP_F_TCP_WINDOW_MAX_SEND_WINDOW, w->max_window);
	glue_emit_uint(e, PSNAP_F_TCP_WINDOW_RECEIVE_WINDOW, w->rcv_wnd);
	glue_emit_uint(e, PSNAP_F_TCP_WINDOW_RECEIVE_UPDATE, w->rcv_wup);
	glue_emit_close(e);
}

static size_t
first_part(size_t len)
{
	return len < PART_MAX ? len : PART_MAX;
}

void
tcp_fields(struct glue_emit *e, const void *object)
{
	const struct tcp_connection *c = object;

	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_SOCKET_ID, c->s->id);
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_SEND_SEQUENCE, c->send_sequence);
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_RECEIVE_SEQUENCE, c->receive_sequence);
	glue_emit_bytes(e, PSNAP_F_TCP_CONNECTION_SEND_QUEUE, c->send, first_part(c->send_len));
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_NOT_SENT, c->not_sent);
	glue_emit_bytes(e, PSNAP_F_TCP_CONNECTION_RECEIVE_QUEUE, c->receive, first_part(c->receive_len));
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_MAX_SEGMENT, c->max_segment);
	if (c->has_window)
		emit_window(e, &c->window);
	if (c->has_scale) {
		glue_emit_open(e, PSNAP_F_TCP_CONNECTION_WINDOW_SCALE);
		glue_emit_uint(e, PSNAP_F_TCP_WINDOW_SCALE_SEND, c->send_scale);
		glue_emit_uint(e, PSNAP_F_TCP_WINDOW_SCALE_RECEIVE, c->receive_scale);
		glue_emit_close(e);
	}
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_SELECTIVE_ACKS, c->selective_acks);
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_TIMESTAMPS, c->timestamps);
	glue_emit_uint(e, PSNAP_F_TCP_CONNECTION_TIMESTAMP, c->timestamp);
}

void
tcp_part_fields(struct glue_emit *e, const void *object)
{
	const struct tcp_queue_part *part = object;

	glue_emit_uint(e, PSNAP_F_TCP_QUEUE_PART_CONNECTION_ID, part->connection_id);
	glue_emit_uint(e, PSNAP_F_TCP_QUEUE_PART_QUEUE, part->queue);
	glue_emit_uint(e, PSNAP_F_TCP_QUEUE_PART_OFFSET, part->offset);
	glue_emit_bytes(e, PSNAP_F_TCP_QUEUE_PART_DATA, part->data, part->len);
}
