/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What sockets of all families have, for socket.h.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_COMMON_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_COMMON_H

#include "kernel-glue/linux-bpf/collect.h"
#include "kernel-glue/linux-bpf/names.h"

#define FAMILY_UNIX	1		/* AF_*, */
#define FAMILY_INET	2
#define FAMILY_INET6	10
#define FAMILY_NETLINK	16
#define TYPE_STREAM	1		/* SOCK_*, */
#define TYPE_DGRAM	2		/* which programs cannot include */
#define STATE_LISTEN	10		/* TCP_LISTEN, of unix sockets, too */
#define NO_TIMEOUT	(~0ul >> 1)	/* MAX_SCHEDULE_TIMEOUT */
#define PASS_CREDENTIALS 3		/* SOCK_PASSCRED, of socket.flags */
#define PASS_SECURITY	4		/* SOCK_PASSSEC */

#define HAS_FLAG(flags, name)	((flags) >> bpf_core_enum_value(enum sock_flags, name) & 1)
/* on: 0 or 1.  Where there is no branch, the verifier has no two ways to go. */
#define SET_FLAG(r, option, on)	((r)->flags |= (__u64)(on) << REC_OPTION_##option)
#define NUMBER(r, option)	((r)->number[REC_OPTION_##option - REC_FLAGS])

static __always_inline __u32
family_of(const struct sock *k)
{
	return BPF_CORE_READ(k, __sk_common.skc_family);
}

static __always_inline bool
listens(const struct sock *k)
{
	return BPF_CORE_READ(k, __sk_common.skc_state) == STATE_LISTEN;
}

/* ---- whether it is told ---- */

/* Others have another field where this is. */
static __always_inline bool
may_pass(const struct sock *k)
{
	return family_of(k) == FAMILY_UNIX || family_of(k) == FAMILY_NETLINK;
}

static __always_inline bool
passes_security(const struct sock *k)
{
	const struct socket *s = BPF_CORE_READ(k, sk_socket);

	if (bpf_core_field_exists(k->sk_scm_security))
		return may_pass(k) && BPF_CORE_READ_BITFIELD_PROBED(k, sk_scm_security);
	return BPF_CORE_READ(s, flags) >> PASS_SECURITY & 1;
}

/* Options that few have, and records have no place for. */
static __always_inline bool
has_rare_options(const struct sock *k)
{
	unsigned long flags = BPF_CORE_READ(k, __sk_common.skc_flags);

	return HAS_FLAG(flags, SOCK_LINGER) || HAS_FLAG(flags, SOCK_RCVTSTAMPNS) || HAS_FLAG(flags, SOCK_TSTAMP_NEW) ||
	    HAS_FLAG(flags, SOCK_RXQ_OVFL) || HAS_FLAG(flags, SOCK_SELECT_ERR_QUEUE) ||
	    HAS_FLAG(flags, SOCK_FILTER_LOCKED) || BPF_CORE_READ(k, sk_filter) != NULL ||
	    BPF_CORE_READ(k, sk_rcvtimeo) != NO_TIMEOUT || BPF_CORE_READ(k, sk_sndtimeo) != NO_TIMEOUT ||
	    BPF_CORE_READ(k, sk_peek_off) >= 0 || BPF_CORE_READ_BITFIELD_PROBED(k, sk_tsflags) != 0 ||
	    passes_security(k);
}

/* Of those that are not unix sockets more options are asked. */
static __always_inline bool
is_plain(const struct sock *k)
{
	unsigned long flags = BPF_CORE_READ(k, __sk_common.skc_flags);

	return BPF_CORE_READ(k, sk_receive_queue.qlen) == 0 && BPF_CORE_READ(k, sk_error_queue.qlen) == 0 &&
	    BPF_CORE_READ(k, sk_err) == 0 && BPF_CORE_READ(k, sk_shutdown) == 0 &&
	    BPF_CORE_READ(k, __sk_common.skc_bound_dev_if) == 0 && !HAS_FLAG(flags, SOCK_ZEROCOPY) &&
	    !BPF_CORE_READ_BITFIELD_PROBED(k, sk_no_check_tx);
}

/* ---- the record ---- */

static __always_inline bool
passes_credentials(const struct sock *k)
{
	const struct socket *s = BPF_CORE_READ(k, sk_socket);

	if (bpf_core_field_exists(k->sk_scm_credentials))
		return may_pass(k) && BPF_CORE_READ_BITFIELD_PROBED(k, sk_scm_credentials);
	return BPF_CORE_READ(s, flags) >> PASS_CREDENTIALS & 1;
}

static __always_inline void
common_options(struct rec_socket *r, const struct sock *k)
{
	unsigned long flags = BPF_CORE_READ(k, __sk_common.skc_flags);

	NUMBER(r, SEND_BUFFER) = BPF_CORE_READ(k, sk_sndbuf);
	NUMBER(r, RECEIVE_BUFFER) = BPF_CORE_READ(k, sk_rcvbuf);
	NUMBER(r, RECEIVE_LOW_WATER) = BPF_CORE_READ(k, sk_rcvlowat);
	NUMBER(r, PRIORITY) = BPF_CORE_READ(k, sk_priority);
	NUMBER(r, MARK) = BPF_CORE_READ(k, sk_mark);
	if (bpf_core_field_exists(k->sk_ll_usec))
		NUMBER(r, BUSY_POLL_US) = BPF_CORE_READ(k, sk_ll_usec);
	SET_FLAG(r, REUSE_ADDRESS, BPF_CORE_READ_BITFIELD_PROBED(k, __sk_common.skc_reuse) != 0);
	SET_FLAG(r, REUSE_PORT, BPF_CORE_READ_BITFIELD_PROBED(k, __sk_common.skc_reuseport));
	SET_FLAG(r, BROADCAST, HAS_FLAG(flags, SOCK_BROADCAST));
	SET_FLAG(r, KEEP_ALIVE, HAS_FLAG(flags, SOCK_KEEPOPEN));
	SET_FLAG(r, OOB_INLINE, HAS_FLAG(flags, SOCK_URGINLINE));
	SET_FLAG(r, DONT_ROUTE, HAS_FLAG(flags, SOCK_LOCALROUTE));
	SET_FLAG(r, TIMESTAMP, HAS_FLAG(flags, SOCK_RCVTSTAMP));
	SET_FLAG(r, PASS_CREDENTIALS, passes_credentials(k));
}

/* Options that are bits of a word with names of the kernel's. */
static __always_inline void
named_options(struct rec_socket *r, unsigned long word, const volatile struct socket_bits *bits)
{
	for (int i = 0; i < REC_FLAGS; i++) {
		__u8 place = bits->option[i];

		if (place > 0)
			r->flags |= (word >> ((place - 1) & 63) & 1) << i;
	}
}

#endif
