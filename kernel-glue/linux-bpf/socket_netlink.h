/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Netlink sockets, for socket.h: such as are connected to the kernel, as all are at first.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_NETLINK_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_NETLINK_H

#include "kernel-glue/linux-bpf/socket_common.h"

/* Set before loading. */
const volatile struct socket_bits netlink_bits = { 0 };

static __always_inline bool
netlink_is_told(const struct sock *k)
{
	const struct netlink_sock *n = (const void *)k;

	return bpf_core_type_exists(struct netlink_sock) && netlink_bits.known && is_plain(k) &&
	    BPF_CORE_READ(n, dst_portid) == 0 && BPF_CORE_READ(n, dst_group) == 0 &&
	    BPF_CORE_READ(n, ngroups) <= REC_GROUP_WORDS * 64;
}

struct netlink_address {		/* struct sockaddr_nl */
	__u16	family, pad;
	__u32	port, groups;
};

static __always_inline void
netlink_state(struct rec_socket *r, const struct sock *k)
{
	const struct netlink_sock *n = (const void *)k;
	const unsigned long *groups = BPF_CORE_READ(n, groups);
	__u32 ngroups = groups != NULL ? BPF_CORE_READ(n, ngroups) : 0;
	struct netlink_address *a = (void *)r->local;

	if (!netlink_bits.known)	/* as in inet_state() */
		return;
	for (__u32 i = 0; i < REC_GROUP_WORDS; i++)
		if (ngroups > 64 * i)
			bpf_probe_read_kernel(&r->groups[i], sizeof r->groups[i], groups + i);
	a->family = FAMILY_NETLINK;
	a->port = BPF_CORE_READ(n, portid);
	a->groups = r->groups[0];
	r->local_size = sizeof *a;
	named_options(r, BPF_CORE_READ(n, flags), &netlink_bits);
}

#endif
