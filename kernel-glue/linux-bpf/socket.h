/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets, for file.bpf.c: which are told, and their records.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_H

#include "kernel-glue/linux-bpf/socket_inet.h"
#include "kernel-glue/linux-bpf/socket_netlink.h"
#include "kernel-glue/linux-bpf/socket_unix.h"

SCRATCH(socket_scratch, struct rec_socket);

static __always_inline const struct sock *
sock_of(struct file *f)
{
	const struct socket *s = f->private_data;

	return BPF_CORE_READ(s, sk);
}

static __always_inline bool
is_told(const struct sock *k)
{
	if (k == NULL || has_rare_options(k))
		return 0;
	switch (family_of(k)) {
	case FAMILY_UNIX:
		return unix_is_told(k);
	case FAMILY_INET:
	case FAMILY_INET6:
		return inet_is_told(k);
	case FAMILY_NETLINK:
		return netlink_is_told(k);
	default:
		return 0;
	}
}

static __always_inline void
common_state(struct rec_socket *r, const struct sock *k)
{
	__u8 shut = BPF_CORE_READ(k, sk_shutdown);

	r->family = family_of(k);
	r->type = BPF_CORE_READ(k, sk_type);
	r->protocol = BPF_CORE_READ(k, sk_protocol);
	if (shut & 1)
		r->bits |= REC_SOCKET_SHUT_READ;
	if (shut & 2)
		r->bits |= REC_SOCKET_SHUT_WRITE;
	if (listens(k)) {
		r->bits |= REC_SOCKET_LISTENS;
		r->backlog = BPF_CORE_READ(k, sk_max_ack_backlog);
	}
	common_options(r, k);
}

static __always_inline void
write_socket(struct seq_file *seq, const struct rec_descriptor *d, struct file *f)
{
	struct rec_socket *r = scratch(&socket_scratch);
	const struct sock *k = sock_of(f);

	if (r == NULL)
		return;
	clear(r, sizeof *r);
	r->h = d->h;
	r->h.size = sizeof *r;
	r->h.kind = REC_SOCKET;
	r->file = d->file;
	common_state(r, k);
	switch (r->family) {
	case FAMILY_UNIX:
		unix_state(r, k);
		break;
	case FAMILY_NETLINK:
		netlink_state(r, k);
		break;
	default:
		inet_state(r, k);
	}
	bpf_seq_write(seq, r, sizeof *r);
}

#endif
