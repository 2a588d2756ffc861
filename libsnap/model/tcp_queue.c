/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/psnap_fields.h"
#include "libsnap/model/tcp_queue.h"

/* One queue on its way, piece by piece. */
struct cursor {
	const struct snap_object *const *parts;
	size_t		n, next;
	Psnap__TcpQueue	queue;
	bool		begun;
	const Psnap__TcpConnection *c;
};

static struct cursor
begin(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue)
{
	struct cursor k = { .queue = queue, .c = (const void *)connection->message };

	k.parts = snap_get_children(s, connection->id, PSNAP_KIND_TCP_QUEUE_PART, &k.n);
	return k;
}

static bool
next(struct cursor *k, ProtobufCBinaryData *piece)
{
	if (!k->begun) {
		k->begun = true;
		*piece = k->queue == PSNAP__TCP_QUEUE__TCP_QUEUE_SEND ? k->c->send_queue : k->c->receive_queue;
		return true;
	}
	while (k->next < k->n) {
		const Psnap__TcpQueuePart *part = (const void *)k->parts[k->next++]->message;

		if ((part->queue == PSNAP__TCP_QUEUE__TCP_QUEUE_SEND) == (k->queue == PSNAP__TCP_QUEUE__TCP_QUEUE_SEND)) {
			*piece = part->data;
			return true;
		}
	}
	return false;
}

uint64_t
tcp_queue_length(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue)
{
	struct cursor k = begin(s, connection, queue);
	ProtobufCBinaryData piece;
	uint64_t length = 0;

	while (next(&k, &piece))
		length += piece.len;
	return length;
}

int
tcp_queue_each(struct snap *s, const struct snap_object *connection, Psnap__TcpQueue queue, uint64_t from,
    uint64_t to, tcp_queue_fn *fn, void *ctx)
{
	struct cursor k = begin(s, connection, queue);
	ProtobufCBinaryData piece;
	int r = 0;

	for (uint64_t at = 0; r == 0 && at < to && next(&k, &piece); at += piece.len) {
		size_t skip = from <= at ? 0 : from - at < piece.len ? (size_t)(from - at) : piece.len;
		size_t end = to - at < piece.len ? (size_t)(to - at) : piece.len;

		if (skip < end)
			r = fn(ctx, piece.data + skip, end - skip);
	}
	return r;
}
