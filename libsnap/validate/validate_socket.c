/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/socket.pb-c.h"
#include "libsnap/model/tcp_queue.h"
#include "libsnap/validate/validate.h"

#define IPPROTO_TCP_NUMBER	6	/* IANA */
#define INTERFACE_MAX_LEN	15	/* IFNAMSIZ, without its NUL */
#define FILTER_MAX	4096		/* instructions; BPF_MAXINSNS */
#define LINK_MAX_LEN	32		/* MAX_ADDR_LEN */
#define MEMBERSHIP_MAX	65536
#define TCP_WINDOW_MAX		(65535u << 14)	/* RFC 7323 */
#define TCP_QUEUES_MAX		(UINT64_C(1) << 30)	/* what a window lets wait, about */
#define UNIX_PATH_MAX_LEN	108	/* sun_path, on every Unix at most */

static void
check_address(struct check *v, const struct snap_object *o, const Psnap__Socket *s, const char *name,
    const Psnap__SocketAddress *a)
{
	size_t ip = s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4 ? 4 :
	    s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 ? 16 : 0;
	bool is_unix = s->family == PSNAP__SOCKET_FAMILY__SOCKET_UNIX;

	if (a == NULL)
		return;
	if (a->ip.len != ip || (ip == 0 && a->port != 0) || a->port > 65535)	/* SOC-1 */
		check_corrupt(v, o, "SOC-1", "%s: address of %lu bytes, port %u in family %d", name,
		    (unsigned long)a->ip.len, a->port, (int)s->family);
	if ((!is_unix && (a->unix_path.len != 0 || a->unix_abstract.len != 0)) ||
	    (a->unix_path.len != 0 && a->unix_abstract.len != 0) ||
	    a->unix_path.len > UNIX_PATH_MAX_LEN || a->unix_abstract.len > UNIX_PATH_MAX_LEN)	/* SOC-2 */
		check_corrupt(v, o, "SOC-2", "%s: names of %lu and %lu bytes in family %d", name,
		    (unsigned long)a->unix_path.len, (unsigned long)a->unix_abstract.len, (int)s->family);
	if ((a->netlink_port != 0 && s->family != PSNAP__SOCKET_FAMILY__SOCKET_NETLINK) ||
	    (a->interface.len != 0 && s->family != PSNAP__SOCKET_FAMILY__SOCKET_PACKET) ||
	    a->interface.len > INTERFACE_MAX_LEN)				/* SOC-16 */
		check_corrupt(v, o, "SOC-16", "%s: netlink port %u, interface of %lu bytes in family %d", name,
		    a->netlink_port, (unsigned long)a->interface.len, (int)s->family);
	if ((a->scope != 0 || a->flow != 0) && s->family != PSNAP__SOCKET_FAMILY__SOCKET_IPV6)	/* SOC-1 */
		check_corrupt(v, o, "SOC-1", "%s: scope or flow label in family %d", name, (int)s->family);
}

static void
check_peer(struct check *v, const struct snap_object *o, const Psnap__Socket *s)
{
	const Psnap__Socket *peer = snap_get_message(v->s, s->peer_id, PSNAP_KIND_SOCKET);

	if (s->peer_id != 0 && s->peer_outside)					/* SOC-3 */
		check_corrupt(v, o, "SOC-3", "its peer is in the snapshot and outside");
	if (peer == NULL)
		return;
	/* datagram sockets may be connected to one that is not connected back */
	if (peer->family != s->family || peer->type != s->type ||
	    (s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM && peer->peer_id != o->id))	/* SOC-4 */
		check_corrupt(v, o, "SOC-4", "its peer %llu is of another family or type, or has peer %llu",
		    (unsigned long long)s->peer_id, (unsigned long long)peer->peer_id);
}

/* What is held of a datagram beside its bytes. */
static void
check_arrival(struct check *v, const struct snap_object *o, const Psnap__Socket *s, const Psnap__SocketMessage *m)
{
	bool datagram = s->type == PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM &&
	    (s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4 || s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6);

	if (datagram != (m->source != NULL) ||
	    (!datagram && (m->destination != NULL || m->hop_limit != 0 || m->traffic_class != 0)))	/* SOC-10 */
		check_corrupt(v, o, "SOC-10", "a message with%s source in family %d, type %d",
		    m->source != NULL ? "" : "out", (int)s->family, (int)s->type);
	if (m->hop_limit > 255 || m->traffic_class > 255 || (m->destination != NULL && m->destination->port != 0))	/* SOC-10 */
		check_corrupt(v, o, "SOC-10", "a datagram with hop limit %u, traffic class %u, or a port in its destination",
		    m->hop_limit, m->traffic_class);
	check_address(v, o, s, "source", m->source);
	check_address(v, o, s, "destination", m->destination);
}

static void
check_membership(struct check *v, const struct snap_object *o, const Psnap__Socket *s,
    const Psnap__MulticastMembership *m)
{
	bool six = s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6, four = s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4;

	if (!((six && m->group.len == 16) || ((six || four) && m->group.len == 4)) ||
	    s->type == PSNAP__SOCKET_TYPE__SOCKET_STREAM || m->interface.len == 0 ||
	    m->interface.len > INTERFACE_MAX_LEN || (m->include && m->n_sources == 0))	/* SOC-12 */
		check_corrupt(v, o, "SOC-12", "group of %lu bytes on an interface of %lu bytes in family %d, type %d",
		    (unsigned long)m->group.len, (unsigned long)m->interface.len, (int)s->family, (int)s->type);
	for (size_t i = 0; i < m->n_sources; i++)
		if (m->sources[i].len != m->group.len)				/* SOC-12 */
			check_corrupt(v, o, "SOC-12", "source of %lu bytes in a group of %lu",
			    (unsigned long)m->sources[i].len, (unsigned long)m->group.len);
}

static void
check_packet_membership(struct check *v, const struct snap_object *o, const Psnap__PacketMembership *m)
{
	if (m->interface.len == 0 || m->interface.len > INTERFACE_MAX_LEN || m->address.len > LINK_MAX_LEN ||
	    m->count == 0 || m->count > MEMBERSHIP_MAX)				/* SOC-14 */
		check_corrupt(v, o, "SOC-14", "%u times, on an interface of %lu bytes, a link's address of %lu",
		    m->count, (unsigned long)m->interface.len, (unsigned long)m->address.len);
}

/* What only packet and netlink sockets have. */
static void
check_link(struct check *v, const struct snap_object *o, const Psnap__Socket *s)
{
	bool netlink = s->family == PSNAP__SOCKET_FAMILY__SOCKET_NETLINK;
	bool packet = s->family == PSNAP__SOCKET_FAMILY__SOCKET_PACKET;

	if ((!packet && s->n_packet_memberships != 0) || (packet && s->protocol > 65535))	/* SOC-14 */
		check_corrupt(v, o, "SOC-14", "%lu memberships of links, protocol %u in family %d",
		    (unsigned long)s->n_packet_memberships, s->protocol, (int)s->family);
	for (size_t i = 0; i < s->n_packet_memberships; i++)
		check_packet_membership(v, o, s->packet_memberships[i]);
	if (!netlink && s->n_netlink_groups != 0)				/* SOC-15 */
		check_corrupt(v, o, "SOC-15", "%lu netlink groups in family %d", (unsigned long)s->n_netlink_groups,
		    (int)s->family);
	for (size_t i = 0; i < s->n_netlink_groups; i++)
		if (s->netlink_groups[i] == 0)					/* SOC-15 */
			check_corrupt(v, o, "SOC-15", "netlink group 0");
}

static void
check_options(struct check *v, const struct snap_object *o, const Psnap__SocketOptions *p)
{
	if (p == NULL)
		return;
	if ((p->ip_multicast_address.len != 0 && p->ip_multicast_address.len != 4) ||
	    (p->icmp6_filter.len != 0 && p->icmp6_filter.len != 32) ||
	    p->ipv6_multicast_interface.len > INTERFACE_MAX_LEN)		/* SOC-11 */
		check_corrupt(v, o, "SOC-11", "an ICMP filter of %lu bytes, multicast by an address of %lu, a name of %lu",
		    (unsigned long)p->icmp6_filter.len, (unsigned long)p->ip_multicast_address.len,
		    (unsigned long)p->ipv6_multicast_interface.len);
}

static void
check_message(struct check *v, const struct snap_object *o, const Psnap__Socket *s, const Psnap__SocketMessage *m)
{
	bool is_unix = s->family == PSNAP__SOCKET_FAMILY__SOCKET_UNIX;
	bool source = m->source_path.len != 0 || m->source_abstract.len != 0;

	if (!is_unix && (m->n_open_file_ids != 0 || m->credentials != NULL))	/* SOC-8 */
		check_corrupt(v, o, "SOC-8", "a message with %lu descriptors%s in family %d",
		    (unsigned long)m->n_open_file_ids, m->credentials != NULL ? " and credentials" : "",
		    (int)s->family);
	if (m->n_open_file_ids != 0 && m->data.len == 0 && s->type == PSNAP__SOCKET_TYPE__SOCKET_STREAM)	/* SOC-8 */
		check_corrupt(v, o, "SOC-8", "%lu descriptors at no byte of a stream",
		    (unsigned long)m->n_open_file_ids);
	if ((source && (!is_unix || s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM)) ||
	    (m->source_path.len != 0 && m->source_abstract.len != 0) ||
	    m->source_path.len > UNIX_PATH_MAX_LEN || m->source_abstract.len > UNIX_PATH_MAX_LEN)	/* SOC-9 */
		check_corrupt(v, o, "SOC-9", "a message from names of %lu and %lu bytes in family %d, type %d",
		    (unsigned long)m->source_path.len, (unsigned long)m->source_abstract.len, (int)s->family,
		    (int)s->type);
	check_arrival(v, o, s, m);
}

/* SOC-17 */
static void
check_pending(struct check *v, const struct snap_object *o, const Psnap__Socket *s)
{
	if (s->n_pending_ids == 0)
		return;
	if (s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX || s->state != PSNAP__SOCKET_STATE__SOCKET_LISTENING ||
	    s->n_pending_ids > s->pending_connections)
		check_corrupt(v, o, "SOC-17", "%lu sockets wait at one of family %d with %u pending connections",
		    (unsigned long)s->n_pending_ids, (int)s->family, s->pending_connections);
	for (size_t i = 0; i < s->n_pending_ids; i++) {
		const struct snap_object *c = snap_get_object(v->s, s->pending_ids[i]);
		const Psnap__Socket *from = snap_get_message(v->s, s->pending_ids[i], PSNAP_KIND_SOCKET);

		if (from == NULL)
			continue;
		if (from->family != s->family || from->type != s->type || from->peer_id != 0 || from->peer_outside ||
		    from->state != PSNAP__SOCKET_STATE__SOCKET_CONNECTED || v->users[check_index(v, c)]++ > 0)
			check_corrupt(v, o, "SOC-17", "socket %llu waits, but is not connected to it, or twice",
			    (unsigned long long)s->pending_ids[i]);
	}
}

void
check_socket(struct check *v, const struct snap_object *o)
{
	const Psnap__Socket *s = CHECK_MESSAGE(Psnap__Socket, o);
	bool inet = s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4 ||
	    s->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6;

	check_address(v, o, s, "local", s->local);
	check_address(v, o, s, "remote", s->remote);
	check_peer(v, o, s);
	check_options(v, o, s->options);
	check_link(v, o, s);
	if (s->tcp_state != PSNAP__TCP_STATE__TCP_STATE_NONE && (!inet ||
	    s->type != PSNAP__SOCKET_TYPE__SOCKET_STREAM || s->protocol != IPPROTO_TCP_NUMBER))	/* SOC-5 */
		check_corrupt(v, o, "SOC-5", "TCP state %d in family %d, protocol %u", (int)s->tcp_state,
		    (int)s->family, s->protocol);
	if (s->pending_connections != 0 && s->state != PSNAP__SOCKET_STATE__SOCKET_LISTENING)	/* SOC-6 */
		check_corrupt(v, o, "SOC-6", "%u pending connections, but it does not listen",
		    s->pending_connections);
	check_pending(v, o, s);
	if (s->external && (s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX || !s->peer_outside || s->remote == NULL ||
	    s->remote->unix_path.len + s->remote->unix_abstract.len == 0 ||
	    s->state != PSNAP__SOCKET_STATE__SOCKET_CONNECTED))			/* SOC-18 */
		check_corrupt(v, o, "SOC-18", "to connect again, but to no name outside");
	if (s->family_number != 0 && s->family != PSNAP__SOCKET_FAMILY__SOCKET_OTHER)	/* SOC-7 */
		check_corrupt(v, o, "SOC-7", "family number %u with family %d", s->family_number,
		    (int)s->family);
	if (s->filter.len % 8 != 0 || s->filter.len > 8 * FILTER_MAX)		/* SOC-13 */
		check_corrupt(v, o, "SOC-13", "filter of %lu bytes", (unsigned long)s->filter.len);
	for (size_t i = 0; i < s->n_queue; i++)
		check_message(v, o, s, s->queue[i]);
	for (size_t i = 0; i < s->n_memberships; i++)
		check_membership(v, o, s, s->memberships[i]);
}

/* ---- TCP connections ---- */

static bool
is_connected(Psnap__TcpState state)
{
	return state == PSNAP__TCP_STATE__TCP_STATE_SYN_SENT || state == PSNAP__TCP_STATE__TCP_STATE_ESTABLISHED || state == PSNAP__TCP_STATE__TCP_STATE_FIN_WAIT_1 ||
	    state == PSNAP__TCP_STATE__TCP_STATE_FIN_WAIT_2 || state == PSNAP__TCP_STATE__TCP_STATE_CLOSE_WAIT ||
	    state == PSNAP__TCP_STATE__TCP_STATE_LAST_ACK || state == PSNAP__TCP_STATE__TCP_STATE_CLOSING;
}

static bool
has_end(const Psnap__SocketAddress *a)
{
	return a != NULL && a->ip.len != 0 && a->port != 0;
}

/* Of sequence numbers, at most half of them apart (RFC 9293, 3.4). */
static bool
is_after(uint32_t a, uint32_t b)
{
	return a != b && a - b < UINT32_C(1) << 31;
}

static void
check_window(struct check *v, const struct snap_object *o, const Psnap__TcpConnection *c, uint64_t received)
{
	const Psnap__TcpWindow *w = c->window;
	/* a FIN that was received counts as one byte more */
	uint32_t next = c->receive_sequence + (uint32_t)received + 1;

	if (w == NULL)
		return;
	if (w->send_window > w->max_send_window ||
	    w->max_send_window > TCP_WINDOW_MAX || w->receive_window > TCP_WINDOW_MAX)	/* TCP-4 */
		check_corrupt(v, o, "TCP-4", "windows of %u, at most %u, and %u bytes", w->send_window,
		    w->max_send_window, w->receive_window);
	if (is_after(w->receive_update, next) || is_after(w->send_update, next + w->receive_window))	/* TCP-5 */
		check_corrupt(v, o, "TCP-5", "windows told at %u and %u, beyond what was received up to %u",
		    w->receive_update, w->send_update, next);
}

/* In SYN_SENT nothing has been agreed on, and nothing sent or received. */
static bool
has_more_than_request(const Psnap__TcpConnection *c, uint64_t queued)
{
	return c->receive_sequence != 0 || queued != 0 || c->max_segment != 0 || c->window != NULL || c->window_scale != NULL || c->selective_acks ||
	    c->timestamps;
}

/* Each part goes on where its queue ends: those of a connection come in the order of their ids. */
static void
check_parts(struct check *v, const struct snap_object *o, const Psnap__TcpConnection *c)
{
	uint64_t sent = c->send_queue.len, received = c->receive_queue.len;
	size_t n;
	const struct snap_object *const *of = snap_get_children(v->s, o->id, PSNAP_KIND_TCP_QUEUE_PART, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__TcpQueuePart *part = CHECK_MESSAGE(Psnap__TcpQueuePart, of[i]);
		uint64_t *end = part->queue == PSNAP__TCP_QUEUE__TCP_QUEUE_SEND ? &sent : &received;

		if (part->offset != *end || part->data.len == 0)		/* TCP-7 */
			check_corrupt(v, of[i], "TCP-7", "%lu bytes from byte %llu on, and the queue ends at %llu",
			    (unsigned long)part->data.len, (unsigned long long)part->offset, (unsigned long long)*end);
		*end += part->data.len;
	}
	if (sent + received > TCP_QUEUES_MAX)					/* TCP-7 */
		check_corrupt(v, o, "TCP-7", "%llu bytes in its queues", (unsigned long long)(sent + received));
}

void
check_tcp_connection(struct check *v, const struct snap_object *o)
{
	const Psnap__TcpConnection *c = CHECK_MESSAGE(Psnap__TcpConnection, o);
	const Psnap__Socket *s = snap_get_message(v->s, c->socket_id, PSNAP_KIND_SOCKET);
	bool asking = s != NULL && s->tcp_state == PSNAP__TCP_STATE__TCP_STATE_SYN_SENT;
	uint64_t sent = tcp_queue_length(v->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_SEND);
	uint64_t received = tcp_queue_length(v->s, o, PSNAP__TCP_QUEUE__TCP_QUEUE_RECEIVE);
	size_t n;
	const struct snap_object *const *of = snap_get_children(v->s, c->socket_id, PSNAP_KIND_TCP_CONNECTION, &n);

	if (s != NULL && (!is_connected(s->tcp_state) || !has_end(s->local) || !has_end(s->remote)))	/* TCP-1 */
		check_corrupt(v, o, "TCP-1", "its socket %llu is in TCP state %d, or lacks an address",
		    (unsigned long long)c->socket_id, (int)s->tcp_state);
	if (n > 1 && of[0] != o)						/* TCP-1 */
		check_corrupt(v, o, "TCP-1", "a second one of socket %llu", (unsigned long long)c->socket_id);
	if (c->not_sent > sent || (s != NULL && sent != 0 &&
	    s->tcp_state == PSNAP__TCP_STATE__TCP_STATE_FIN_WAIT_2))		/* TCP-2 */
		check_corrupt(v, o, "TCP-2", "%u bytes not sent, %llu not acknowledged", c->not_sent,
		    (unsigned long long)sent);
	if ((c->max_segment == 0 && !asking) || c->max_segment > 65535 ||
	    (c->window_scale != NULL && (c->window_scale->send > 14 || c->window_scale->receive > 14)))	/* TCP-3 */
		check_corrupt(v, o, "TCP-3", "segments of %u bytes, or a window scaled by more than 14 bits",
		    c->max_segment);
	if (c->timestamp != 0 && !c->timestamps)				/* TCP-3 */
		check_corrupt(v, o, "TCP-3", "a timestamp, but none was agreed on");
	if (asking && has_more_than_request(c, sent + received))			/* TCP-6 */
		check_corrupt(v, o, "TCP-6", "of a connection that the other end has not answered");
	check_window(v, o, c, received);
	check_parts(v, o, c);
}
