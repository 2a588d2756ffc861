/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets, for file.bpf.c.  Those of other families mostly have what only
 * their descriptor tells: connections, and options of every protocol.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_SOCKET_H
#define KERNEL_GLUE_LINUX_BPF_SOCKET_H

#include "kernel-glue/linux-bpf/collect.h"

SCRATCH(socket_scratch, struct rec_socket);

#define FAMILY_UNIX	1		/* AF_UNIX */
#define STATE_LISTEN	10		/* TCP_LISTEN, of unix sockets, too */
#define NO_TIMEOUT	(~0ul >> 1)	/* MAX_SCHEDULE_TIMEOUT */
#define PASS_CREDENTIALS 3		/* SOCK_PASSCRED, of socket.flags */
#define PASS_SECURITY	4		/* SOCK_PASSSEC */

static __always_inline const struct sock *
sock_of(struct file *f)
{
	const struct socket *s = f->private_data;

	return BPF_CORE_READ(s, sk);
}

/* ---- whether it is told ---- */

#define HAS_FLAG(flags, name)	((flags) >> bpf_core_enum_value(enum sock_flags, name) & 1)

static __always_inline bool
listens(const struct sock *k)
{
	return BPF_CORE_READ(k, __sk_common.skc_state) == STATE_LISTEN;
}

static __always_inline bool
passes_security(const struct sock *k)
{
	const struct socket *s = BPF_CORE_READ(k, sk_socket);

	if (bpf_core_field_exists(k->sk_scm_security))
		return BPF_CORE_READ_BITFIELD_PROBED(k, sk_scm_security);
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

static __always_inline bool
is_told(const struct sock *k)
{
	return k != NULL && bpf_core_type_exists(struct unix_sock) &&
	    BPF_CORE_READ(k, __sk_common.skc_family) == FAMILY_UNIX &&
	    (listens(k) || BPF_CORE_READ(k, sk_receive_queue.qlen) == 0) && !has_rare_options(k);
}

/* ---- the record ---- */

static __always_inline bool
passes_credentials(const struct sock *k, struct file *f)
{
	const struct socket *s = f->private_data;

	if (bpf_core_field_exists(k->sk_scm_credentials))
		return BPF_CORE_READ_BITFIELD_PROBED(k, sk_scm_credentials);
	return BPF_CORE_READ(s, flags) >> PASS_CREDENTIALS & 1;
}

static __always_inline void
options(struct rec_socket *r, const struct sock *k)
{
	unsigned long flags = BPF_CORE_READ(k, __sk_common.skc_flags);

	r->send_buffer = BPF_CORE_READ(k, sk_sndbuf);
	r->receive_buffer = BPF_CORE_READ(k, sk_rcvbuf);
	r->low_water = BPF_CORE_READ(k, sk_rcvlowat);
	r->priority = BPF_CORE_READ(k, sk_priority);
	r->mark = BPF_CORE_READ(k, sk_mark);
	if (BPF_CORE_READ_BITFIELD_PROBED(k, __sk_common.skc_reuse))
		r->bits |= REC_SOCKET_REUSE_ADDRESS;
	if (BPF_CORE_READ_BITFIELD_PROBED(k, __sk_common.skc_reuseport))
		r->bits |= REC_SOCKET_REUSE_PORT;
	if (HAS_FLAG(flags, SOCK_BROADCAST))
		r->bits |= REC_SOCKET_BROADCAST;
	if (HAS_FLAG(flags, SOCK_KEEPOPEN))
		r->bits |= REC_SOCKET_KEEP_ALIVE;
	if (HAS_FLAG(flags, SOCK_URGINLINE))
		r->bits |= REC_SOCKET_OOB_INLINE;
	if (HAS_FLAG(flags, SOCK_LOCALROUTE))
		r->bits |= REC_SOCKET_DONT_ROUTE;
	if (HAS_FLAG(flags, SOCK_RCVTSTAMP) && !HAS_FLAG(flags, SOCK_TSTAMP_NEW) &&
	    !HAS_FLAG(flags, SOCK_RCVTSTAMPNS))
		r->bits |= REC_SOCKET_TIMESTAMP;
}

/* A socket without a name has its family only. */
static __always_inline __u32
address(__u8 *out, const struct unix_sock *u)
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
peer(struct rec_socket *r, const struct sock *k)
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
	r->remote_size = address(r->remote, other);
}

static __always_inline void
state_of(struct rec_socket *r, const struct sock *k)
{
	__u8 shut = BPF_CORE_READ(k, sk_shutdown);

	r->family = BPF_CORE_READ(k, __sk_common.skc_family);
	r->type = BPF_CORE_READ(k, sk_type);
	r->protocol = BPF_CORE_READ(k, sk_protocol);
	r->unsent = BPF_CORE_READ(k, sk_wmem_alloc.refs.counter) - 1;
	r->local_size = address(r->local, (const void *)k);
	if (shut & 1)
		r->bits |= REC_SOCKET_SHUT_READ;
	if (shut & 2)
		r->bits |= REC_SOCKET_SHUT_WRITE;
	if (listens(k)) {
		r->bits |= REC_SOCKET_LISTENS;
		r->backlog = BPF_CORE_READ(k, sk_max_ack_backlog);
		r->pending = BPF_CORE_READ(k, sk_receive_queue.qlen);
	}
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
	state_of(r, k);
	options(r, k);
	if (passes_credentials(k, f))
		r->bits |= REC_SOCKET_PASS_CREDENTIALS;
	peer(r, k);
	bpf_seq_write(seq, r, sizeof *r);
}

#endif
