/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP and UDP sockets, for socket.h: such as have no connection under way and
 * nothing of what their descriptor tells more of.  An option that is not in the
 * record is as in a new socket, also if what a new socket shows is a setting of
 * its network namespace: that has to be the same as where the reader is.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_INET_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_INET_H

#include "kernel-glue/linux-bpf/socket_common.h"

/* Set before loading. */
const volatile struct socket_bits inet_bits = { 0 };

#define PROTOCOL_TCP	6		/* IPPROTO_* */
#define PROTOCOL_UDP	17
#define PROTOCOL_UDPLITE 136
#define STATE_ESTABLISHED 1		/* TCP_*, of connected UDP sockets, too */
#define STATE_CLOSE	7
#define NO_DELAY	1		/* TCP_NAGLE_OFF, of tcp_sock.nonagle */
#define CORK		2		/* TCP_NAGLE_CORK */

static __always_inline bool
is_tcp(const struct sock *k)
{
	return BPF_CORE_READ(k, sk_type) == TYPE_STREAM && BPF_CORE_READ(k, sk_protocol) == PROTOCOL_TCP;
}

static __always_inline bool
is_udp(const struct sock *k)
{
	return BPF_CORE_READ(k, sk_type) == TYPE_DGRAM && (BPF_CORE_READ(k, sk_protocol) == PROTOCOL_UDP ||
	    BPF_CORE_READ(k, sk_protocol) == PROTOCOL_UDPLITE);
}

/* ---- whether it is told ---- */

#define SAME(a, b, field) \
	(BPF_CORE_READ_BITFIELD_PROBED(a, field) == BPF_CORE_READ_BITFIELD_PROBED(b, field))

static __always_inline bool
has_readers_settings(const struct sock *k)
{
	const struct net *own = BPF_CORE_READ(k, __sk_common.skc_net.net);
	const struct net *readers = BPF_CORE_READ((struct task_struct *)(void *)bpf_get_current_task(), nsproxy, net_ns);

	return own == readers || (SAME(own, readers, ipv4.sysctl_ip_default_ttl) &&
	    SAME(own, readers, ipv4.sysctl_tcp_keepalive_time) &&
	    SAME(own, readers, ipv4.sysctl_tcp_keepalive_intvl) &&
	    SAME(own, readers, ipv4.sysctl_tcp_keepalive_probes) &&
	    SAME(own, readers, ipv4.sysctl_tcp_syn_retries) &&
	    SAME(own, readers, ipv4.sysctl_tcp_fin_timeout) &&
	    SAME(own, readers, ipv6.sysctl.auto_flowlabels) &&
	    BPF_CORE_READ(own, ipv6.devconf_all, hop_limit) == BPF_CORE_READ(readers, ipv6.devconf_all, hop_limit));
}

/* What the route says is told for the hop limit, if there is one. */
static __always_inline bool
ipv6_is_plain(const struct sock *k, const struct ipv6_pinfo *p)
{
	return p != NULL && BPF_CORE_READ(p, hop_limit) < 0 && BPF_CORE_READ(k, sk_dst_cache) == NULL &&
	    BPF_CORE_READ(p, min_hopcount) == 0 && BPF_CORE_READ(p, mcast_oif) == 0 &&
	    BPF_CORE_READ(p, ipv6_mc_list) == NULL;
}

static __always_inline bool
ip_is_plain(const struct sock *k)
{
	const struct inet_sock *i = (const void *)k;

	return BPF_CORE_READ(i, uc_ttl) < 0 && BPF_CORE_READ(i, min_ttl) == 0 && BPF_CORE_READ(i, mc_addr) == 0 &&
	    BPF_CORE_READ(i, mc_list) == NULL && !(BPF_CORE_READ(i, inet_flags) & inet_bits.rare) &&
	    (family_of(k) == FAMILY_INET || ipv6_is_plain(k, BPF_CORE_READ(i, pinet6)));
}

static __always_inline bool
is_signed(const struct tcp_sock *t)
{
	return (bpf_core_field_exists(t->md5sig_info) && BPF_CORE_READ(t, md5sig_info) != NULL) ||
	    (bpf_core_field_exists(t->ao_info) && BPF_CORE_READ(t, ao_info) != NULL);
}

/* It listens, or has no connection and no marks of one. */
static __always_inline bool
tcp_is_idle(const struct sock *k)
{
	const struct tcp_sock *t = (const void *)k;
	__u8 state = BPF_CORE_READ(k, __sk_common.skc_state);

	return (state == STATE_LISTEN && BPF_CORE_READ(k, sk_ack_backlog) == 0) ||
	    (state == STATE_CLOSE && BPF_CORE_READ(t, write_seq) == BPF_CORE_READ(t, snd_una));
}

static __always_inline bool
tcp_is_plain(const struct sock *k)
{
	const struct inet_connection_sock *c = (const void *)k;
	const struct tcp_sock *t = (const void *)k;

	return tcp_is_idle(k) && !is_signed(t) && !BPF_CORE_READ_BITFIELD_PROBED(t, repair) &&
	    !BPF_CORE_READ_BITFIELD_PROBED(t, recvmsg_inq) && BPF_CORE_READ(t, rx_opt.user_mss) == 0 &&
	    BPF_CORE_READ(t, keepalive_time) == 0 && BPF_CORE_READ(t, keepalive_intvl) == 0 &&
	    BPF_CORE_READ(t, keepalive_probes) == 0 && BPF_CORE_READ(t, linger2) == 0 &&
	    BPF_CORE_READ(c, icsk_syn_retries) == 0 &&
	    BPF_CORE_READ(c, icsk_accept_queue.rskq_defer_accept) == 0;
}

static __always_inline bool
udp_is_plain(const struct sock *k)
{
	const struct udp_sock *u = (const void *)k;

	return bpf_core_field_exists(u->udp_flags) && BPF_CORE_READ(u, udp_flags) == 0 &&
	    BPF_CORE_READ(u, encap_type) == 0 && BPF_CORE_READ(u, gso_size) == 0 && BPF_CORE_READ(u, pcslen) == 0 &&
	    BPF_CORE_READ(u, pcrlen) == 0 && BPF_CORE_READ(u, reader_queue.qlen) == 0 &&
	    BPF_CORE_READ(k, sk_wmem_alloc.refs.counter) == 1;
}

static __always_inline bool
inet_is_told(const struct sock *k)
{
	if (!inet_bits.known || !is_plain(k) || !ip_is_plain(k) || !has_readers_settings(k))
		return 0;
	return is_tcp(k) ? tcp_is_plain(k) : is_udp(k) && udp_is_plain(k);
}

/* ---- addresses ---- */

struct inet_address {			/* struct sockaddr_in */
	__u16	family;
	__be16	port;
	__be32	ip;
	__u8	zero[8];
};

struct inet6_address {			/* struct sockaddr_in6 */
	__u16	family;
	__be16	port;
	__be32	flow;
	struct in6_addr ip;
	__u32	scope;
};

/* It is told where it is bound to, or else what it sends from. */
static __always_inline void
inet_local(struct rec_socket *r, const struct sock *k)
{
	const struct inet_sock *i = (const void *)k;
	struct inet_address *a = (void *)r->local;

	a->family = FAMILY_INET;
	a->port = BPF_CORE_READ(i, inet_sport);
	a->ip = BPF_CORE_READ(k, __sk_common.skc_rcv_saddr);
	if (a->ip == 0)
		a->ip = BPF_CORE_READ(i, inet_saddr);
	r->local_size = sizeof *a;
}

static __always_inline bool
is_any(const struct in6_addr *ip)
{
	__u64 words[2];

	__builtin_memcpy(words, ip, sizeof words);
	return words[0] == 0 && words[1] == 0;
}

static __always_inline void
inet6_local(struct rec_socket *r, const struct sock *k)
{
	const struct inet_sock *i = (const void *)k;
	struct inet6_address *a = (void *)r->local;

	a->family = FAMILY_INET6;
	a->port = BPF_CORE_READ(i, inet_sport);
	BPF_CORE_READ_INTO(&a->ip, k, __sk_common.skc_v6_rcv_saddr);
	if (is_any(&a->ip))
		BPF_CORE_READ_INTO(&a->ip, i, pinet6, saddr);
	r->local_size = sizeof *a;
}

static __always_inline void
inet_remote(struct rec_socket *r, const struct sock *k)
{
	struct inet6_address *six = (void *)r->remote;
	struct inet_address *a = (void *)r->remote;

	if (BPF_CORE_READ(k, __sk_common.skc_state) != STATE_ESTABLISHED ||
	    BPF_CORE_READ(k, __sk_common.skc_dport) == 0)
		return;
	r->bits |= REC_SOCKET_CONNECTED;
	a->family = family_of(k);
	a->port = BPF_CORE_READ(k, __sk_common.skc_dport);
	if (a->family == FAMILY_INET) {
		a->ip = BPF_CORE_READ(k, __sk_common.skc_daddr);
		r->remote_size = sizeof *a;
	} else {
		BPF_CORE_READ_INTO(&six->ip, k, __sk_common.skc_v6_daddr);
		r->remote_size = sizeof *six;
	}
}

/* ---- options ---- */

static __always_inline void
ip_options(struct rec_socket *r, const struct inet_sock *i)
{
	named_options(r, BPF_CORE_READ(i, inet_flags), &inet_bits);
	NUMBER(r, IP_TOS) = BPF_CORE_READ(i, tos);
	NUMBER(r, IP_MTU_DISCOVERY) = BPF_CORE_READ(i, pmtudisc);
	NUMBER(r, IP_MULTICAST_TTL) = BPF_CORE_READ(i, mc_ttl);
}

#define NOTES(p, name)	BPF_CORE_READ_BITFIELD_PROBED(p, rxopt.bits.name)

static __always_inline void
ipv6_options(struct rec_socket *r, const struct sock *k)
{
	const struct ipv6_pinfo *p = BPF_CORE_READ((const struct inet_sock *)(const void *)k, pinet6);

	SET_FLAG(r, IPV6_ONLY, BPF_CORE_READ_BITFIELD_PROBED(k, __sk_common.skc_ipv6only));
	SET_FLAG(r, IPV6_DESTINATION_NOTES, NOTES(p, rxinfo));
	SET_FLAG(r, IPV6_HOP_LIMIT_NOTES, NOTES(p, rxhlim));
	SET_FLAG(r, IPV6_TRAFFIC_CLASS_NOTES, NOTES(p, rxtclass));
	SET_FLAG(r, IPV6_ROUTING_NOTES, NOTES(p, srcrt));
	SET_FLAG(r, IPV6_HOP_OPTION_NOTES, NOTES(p, hopopts));
	SET_FLAG(r, IPV6_DESTINATION_OPTION_NOTES, NOTES(p, dstopts));
	SET_FLAG(r, IPV6_PATH_MTU_NOTES, NOTES(p, rxpmtu));
	SET_FLAG(r, IPV6_ORIGINAL_DESTINATION_NOTES, NOTES(p, rxorigdstaddr));
	SET_FLAG(r, IPV6_FRAGMENT_NOTES, NOTES(p, recvfragsize));
	SET_FLAG(r, IPV6_FLOW_NOTES, NOTES(p, rxflow));
	NUMBER(r, IPV6_TRAFFIC_CLASS) = BPF_CORE_READ(p, tclass);
	NUMBER(r, IPV6_MTU_DISCOVERY) = BPF_CORE_READ_BITFIELD_PROBED(p, pmtudisc);
	NUMBER(r, IPV6_MULTICAST_HOPS) = BPF_CORE_READ_BITFIELD_PROBED(p, mcast_hops);
}

static __always_inline void
tcp_options(struct rec_socket *r, const struct sock *k)
{
	const struct inet_connection_sock *c = (const void *)k;
	const struct tcp_sock *t = (const void *)k;
	__u8 nonagle = BPF_CORE_READ_BITFIELD_PROBED(t, nonagle);

	SET_FLAG(r, TCP_NO_DELAY, (nonagle & NO_DELAY) != 0);
	SET_FLAG(r, TCP_CORK, (nonagle & CORK) != 0);
	NUMBER(r, TCP_USER_TIMEOUT_MS) = BPF_CORE_READ(c, icsk_user_timeout);
	NUMBER(r, TCP_FAST_OPEN_QUEUE) = BPF_CORE_READ(c, icsk_accept_queue.fastopenq.max_qlen);
	NUMBER(r, TCP_MAX_SEGMENT) = BPF_CORE_READ(t, mss_cache);
	NUMBER(r, TCP_WINDOW_CLAMP) = BPF_CORE_READ(t, window_clamp);
	NUMBER(r, TCP_NOT_SENT_LOW_WATER) = BPF_CORE_READ(t, notsent_lowat);
	BPF_CORE_READ_STR_INTO(&r->congestion_control, c, icsk_ca_ops, name);
}

static __always_inline void
inet_state(struct rec_socket *r, const struct sock *k)
{
	if (!inet_bits.known)	/* no such socket is told; the verifier looks at what follows all the same */
		return;
	ip_options(r, (const void *)k);
	if (family_of(k) == FAMILY_INET) {
		inet_local(r, k);
	} else {
		inet6_local(r, k);
		ipv6_options(r, k);
	}
	if (is_tcp(k)) {
		r->tcp_state = BPF_CORE_READ(k, __sk_common.skc_state);
		tcp_options(r, k);
	} else {
		inet_remote(r, k);
	}
}

#endif
