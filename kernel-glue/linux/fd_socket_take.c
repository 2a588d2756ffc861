/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets by the facts: nothing has to be asked of them.
 */
#include <string.h>
#include <sys/socket.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/fd.h"

#define F(name) PSNAP_F_SOCKET_OPTIONS_##name
static const uint8_t told[SOCKET_OPTIONS_MAX] = {
	[F(REUSE_ADDRESS)] = REC_OPTION_REUSE_ADDRESS,
	[F(REUSE_PORT)] = REC_OPTION_REUSE_PORT,
	[F(BROADCAST)] = REC_OPTION_BROADCAST,
	[F(KEEP_ALIVE)] = REC_OPTION_KEEP_ALIVE,
	[F(OUT_OF_BAND_INLINE)] = REC_OPTION_OOB_INLINE,
	[F(DONT_ROUTE)] = REC_OPTION_DONT_ROUTE,
	[F(PASS_CREDENTIALS)] = REC_OPTION_PASS_CREDENTIALS,
	[F(TIMESTAMP)] = REC_OPTION_TIMESTAMP,
	[F(SEND_BUFFER)] = REC_OPTION_SEND_BUFFER,
	[F(RECEIVE_BUFFER)] = REC_OPTION_RECEIVE_BUFFER,
	[F(RECEIVE_LOW_WATER)] = REC_OPTION_RECEIVE_LOW_WATER,
	[F(PRIORITY)] = REC_OPTION_PRIORITY,
	[F(MARK)] = REC_OPTION_MARK,
	[F(BUSY_POLL_US)] = REC_OPTION_BUSY_POLL_US,
	[F(TCP_NO_DELAY)] = REC_OPTION_TCP_NO_DELAY,
	[F(TCP_CORK)] = REC_OPTION_TCP_CORK,
	[F(TCP_USER_TIMEOUT_MS)] = REC_OPTION_TCP_USER_TIMEOUT_MS,
	[F(TCP_FAST_OPEN_QUEUE)] = REC_OPTION_TCP_FAST_OPEN_QUEUE,
	[F(TCP_USER_MAX_SEGMENT)] = REC_OPTION_TCP_MAX_SEGMENT,
	[F(TCP_WINDOW_CLAMP)] = REC_OPTION_TCP_WINDOW_CLAMP,
	[F(TCP_NOT_SENT_LOW_WATER)] = REC_OPTION_TCP_NOT_SENT_LOW_WATER,
	[F(TOS)] = REC_OPTION_IP_TOS,
	[F(TRANSPARENT)] = REC_OPTION_TRANSPARENT,
	[F(FREE_BIND)] = REC_OPTION_FREE_BIND,
	[F(IP_MTU_DISCOVERY)] = REC_OPTION_IP_MTU_DISCOVERY,
	[F(IP_DESTINATION_NOTES)] = REC_OPTION_IP_DESTINATION_NOTES,
	[F(IP_TTL_NOTES)] = REC_OPTION_IP_TTL_NOTES,
	[F(IP_TOS_NOTES)] = REC_OPTION_IP_TOS_NOTES,
	[F(IP_OPTION_NOTES)] = REC_OPTION_IP_OPTION_NOTES,
	[F(IP_RETURN_OPTION_NOTES)] = REC_OPTION_IP_RETURN_OPTION_NOTES,
	[F(IP_ERROR_QUEUE)] = REC_OPTION_IP_ERROR_QUEUE,
	[F(IP_LATE_PORT)] = REC_OPTION_IP_LATE_PORT,
	[F(IP_FRAGMENT_NOTES)] = REC_OPTION_IP_FRAGMENT_NOTES,
	[F(IP_ORIGINAL_DESTINATION_NOTES)] = REC_OPTION_IP_ORIGINAL_DESTINATION_NOTES,
	[F(IP_CHECKSUM_NOTES)] = REC_OPTION_IP_CHECKSUM_NOTES,
	[F(IP_NO_MULTICAST_LOOP)] = REC_OPTION_IP_MULTICAST_LOOP,
	[F(IP_OWN_MULTICAST_ONLY)] = REC_OPTION_IP_MULTICAST_ALL,
	[F(IP_MULTICAST_TTL)] = REC_OPTION_IP_MULTICAST_TTL,
	[F(IPV6_ONLY)] = REC_OPTION_IPV6_ONLY,
	[F(IPV6_MTU_DISCOVERY)] = REC_OPTION_IPV6_MTU_DISCOVERY,
	[F(IPV6_TRAFFIC_CLASS)] = REC_OPTION_IPV6_TRAFFIC_CLASS,
	[F(IPV6_DESTINATION_NOTES)] = REC_OPTION_IPV6_DESTINATION_NOTES,
	[F(IPV6_HOP_LIMIT_NOTES)] = REC_OPTION_IPV6_HOP_LIMIT_NOTES,
	[F(IPV6_TRAFFIC_CLASS_NOTES)] = REC_OPTION_IPV6_TRAFFIC_CLASS_NOTES,
	[F(IPV6_ROUTING_NOTES)] = REC_OPTION_IPV6_ROUTING_NOTES,
	[F(IPV6_HOP_OPTION_NOTES)] = REC_OPTION_IPV6_HOP_OPTION_NOTES,
	[F(IPV6_DESTINATION_OPTION_NOTES)] = REC_OPTION_IPV6_DESTINATION_OPTION_NOTES,
	[F(IPV6_PATH_MTU_NOTES)] = REC_OPTION_IPV6_PATH_MTU_NOTES,
	[F(IPV6_ERROR_QUEUE)] = REC_OPTION_IPV6_ERROR_QUEUE,
	[F(IPV6_DONT_FRAGMENT)] = REC_OPTION_IPV6_DONT_FRAGMENT,
	[F(IPV6_NO_MULTICAST_LOOP)] = REC_OPTION_IPV6_MULTICAST_LOOP,
	[F(IPV6_OWN_MULTICAST_ONLY)] = REC_OPTION_IPV6_MULTICAST_ALL,
	[F(IPV6_MULTICAST_HOPS)] = REC_OPTION_IPV6_MULTICAST_HOPS,
	[F(IPV6_ORIGINAL_DESTINATION_NOTES)] = REC_OPTION_IPV6_ORIGINAL_DESTINATION_NOTES,
	[F(IPV6_FRAGMENT_NOTES)] = REC_OPTION_IPV6_FRAGMENT_NOTES,
	[F(IPV6_FLOW_NOTES)] = REC_OPTION_IPV6_FLOW_NOTES,
	[F(IPV6_FREE_BIND)] = REC_OPTION_FREE_BIND,
	[F(IPV6_TRANSPARENT)] = REC_OPTION_TRANSPARENT,
	[F(NETLINK_GROUP_NOTES)] = REC_OPTION_NETLINK_GROUP_NOTES,
	[F(NETLINK_BROADCAST_ERRORS)] = REC_OPTION_NETLINK_BROADCAST_ERRORS,
	[F(NETLINK_NO_OVERRUN_ERRORS)] = REC_OPTION_NETLINK_NO_OVERRUN_ERRORS,
	[F(NETLINK_ALL_NAMESPACES)] = REC_OPTION_NETLINK_ALL_NAMESPACES,
	[F(NETLINK_SHORT_ACKS)] = REC_OPTION_NETLINK_SHORT_ACKS,
	[F(NETLINK_LONG_ACKS)] = REC_OPTION_NETLINK_LONG_ACKS,
	[F(NETLINK_STRICT_CHECKS)] = REC_OPTION_NETLINK_STRICT_CHECKS,
};

uint32_t
socket_told(const struct rec_socket *k, uint32_t field, uint32_t usual)
{
	uint32_t option = told[field];

	if (option == REC_OPTION_NONE)
		return usual;
	return option < REC_FLAGS ? (uint32_t)(k->flags >> option & 1) : k->number[option - REC_FLAGS];
}

static void
take_peer(struct socket_object *s, const struct rec_socket *k)
{
	s->peer_ino = k->peer_ino;
	memcpy(s->remote, k->remote, k->remote_size);
	s->remote_len = k->remote_size;
	if (k->peer_pid == 0)
		return;
	s->has_peer_cred = true;
	s->peer_cred[0] = k->peer_pid;
	s->peer_cred[1] = (int32_t)k->peer_uid;
	s->peer_cred[2] = (int32_t)k->peer_gid;
}

static void
take_state(struct socket_object *s, const struct rec_socket *k)
{
	s->family = k->family;
	s->type = k->type;
	s->protocol = k->protocol;
	s->state = k->bits & REC_SOCKET_LISTENS ? PSNAP_SOCKET_LISTENING :
	    k->bits & REC_SOCKET_CONNECTED ? PSNAP_SOCKET_CONNECTED : PSNAP_SOCKET_UNCONNECTED;
	s->shut_read = k->bits & REC_SOCKET_SHUT_READ;
	s->shut_write = k->bits & REC_SOCKET_SHUT_WRITE;
	s->backlog = k->backlog;
	s->pending = k->pending;
	s->unsent = k->unsent;
	s->tcp_state = k->tcp_state;
	memcpy(s->local, k->local, k->local_size);
	s->local_len = k->local_size;
}

/* The next one behind the descriptor in the stream, which is in the order of addresses. */
static const struct rec_socket *
find_record(const struct dump *d, const struct proc *p, const struct rec_descriptor *k)
{
	struct rec_slice all = facts_of(d, p, REC_SOCKET);
	size_t lo = 0, hi = all.n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (all.v[mid] < &k->h)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < all.n && ((const struct rec_socket *)all.v[lo])->file == k->file ? (const void *)all.v[lo] : NULL;
}

static int
take_groups(struct dump *d, struct socket_object *s, const struct rec_socket *k)
{
	uint32_t words[REC_GROUP_WORDS * 2];

	for (size_t i = 0; i < REC_GROUP_WORDS * 2; i++)
		words[i] = (uint32_t)(k->groups[i / 2] >> i % 2 * 32);
	return netlink_groups(d, s, words, REC_GROUP_WORDS * 2);
}

/* 1, 0 or a code: nothing else has to be known, nor compared with, nor locked by its descriptor. */
static int
is_enough(struct dump *d, struct proc *p, const struct rec_socket *k)
{
	const struct socket_object kind = { .family = k->family, .type = k->type, .protocol = k->protocol,
	    .proc = p };

	if (k->tcp_state == PSNAP_TCP_STATE_LISTEN && d->options->after == GLUE_KILL)
		return 0;
	return k->family == AF_NETLINK && !netlink_is_held(k->protocol) ? 0 : options_can_be_told(d, &kind);
}

int
socket_take(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	const struct rec_socket *record = find_record(d, p, k);
	struct socket_object *s;
	int r;

	if (record == NULL)
		return dump_fail(d, GLUE_E_SYSTEM, 0, p, "the record of socket %d is missing", o->fd);
	if ((r = is_enough(d, p, record)) <= 0)
		return r == 0 ? 1 : r;
	if ((s = socket_new(d, p, o)) == NULL)
		return d->err->code;
	take_state(s, record);
	take_peer(s, record);
	if ((r = options_take(d, s, record)) != 0)
		return r;
	s->told = true;
	return s->family == AF_NETLINK ? take_groups(d, s, record) : 0;
}
