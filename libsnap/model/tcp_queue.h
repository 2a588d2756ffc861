/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The queues of TCP connections: what is in the record of one, and how it goes
 * on in others.
 */
#ifndef LIBSNAP_MODEL_TCP_QUEUE_H
#define LIBSNAP_MODEL_TCP_QUEUE_H

#include "format/socket.pb-c.h"
#include "libsnap/snap.h"

/* Bytes in a queue of this TcpConnection. */
uint64_t tcp_queue_length(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue);

/* Hand out what is from byte `from` to byte `to` of it, in pieces; fn returns non-zero to stop, which is returned. */
typedef int tcp_queue_fn(void *ctx, const uint8_t *bytes, size_t n);
int	tcp_queue_each(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue, uint64_t from,
	    uint64_t to, tcp_queue_fn *fn, void *ctx);

#endif
