/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets, for socket.h: their names, and who is at the other end.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_UNIX_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_UNIX_H

#include "kernel-glue/linux-bpf/socket_common.h"

static __always_inline bool
unix_is_told(const struct sock *k)
{
	return bpf_core_type_exists(struct unix_sock) &&
	    (listens(k) || BPF_CORE_READ(k, sk_receive_queue.qlen) == 0);
}

/* A socket without a name has its family only. */
static __always_inline __u32
unix_address(__u8 *out, const struct unix_sock *u)
{
	const struct unix_address *a = BPF_CORE_READ(u, addr);
	__u32 size = a != NULL ? BPF_CORE_READ(a, len) : sizeof(__u16);

	if (size > REC_ADDRESS)
		return 0;
	if (a != NULL)
		bpf_probe_read_kernel(out, size, (const void *)a + bpf_core_field_offset(a->name));
	return size;
}

static __always_inline __u64
inode_number(const struct sock *k)
{
	const struct socket *s = BPF_CORE_READ(k, sk_socket);
	const struct socket_alloc *a = (const void *)s - bpf_core_field_offset(struct socket_alloc, socket);

	if (bpf_core_field_exists(k->sk_ino))
		return BPF_CORE_READ(k, sk_ino);
	return s != NULL ? BPF_CORE_READ(a, vfs_inode.i_ino) : 0;
}

static __always_inline void
unix_peer(struct rec_socket *r, const struct sock *k)
{
	const struct unix_sock *other = (const void *)BPF_CORE_READ((const struct unix_sock *)k, peer);
	const struct cred *c = BPF_CORE_READ(k, sk_peer_cred);

	r->peer_pid = number_of(BPF_CORE_READ(k, sk_peer_pid));
	r->peer_uid = c != NULL ? BPF_CORE_READ(c, euid.val) : ~0u;
	r->peer_gid = c != NULL ? BPF_CORE_READ(c, egid.val) : ~0u;
	if (other == NULL)
		return;
	r->bits |= REC_SOCKET_CONNECTED;
	r->peer_ino = inode_number((const void *)other);
	r->remote_size = unix_address(r->remote, other);
}

static __always_inline void
unix_state(struct rec_socket *r, const struct sock *k)
{
	r->unsent = BPF_CORE_READ(k, sk_wmem_alloc.refs.counter) - 1;
	r->local_size = unix_address(r->local, (const void *)k);
	if (listens(k))
		r->pending = BPF_CORE_READ(k, sk_receive_queue.qlen);
	unix_peer(r, k);
}

#endif
