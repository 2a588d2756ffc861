/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets by the facts: nothing has to be asked of them.
 */
#include <string.h>
#include <sys/socket.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/fd.h"

static const struct { uint32_t bit, field; } options[] = {
	{ REC_SOCKET_REUSE_ADDRESS, PSNAP_F_SOCKET_OPTIONS_REUSE_ADDRESS },
	{ REC_SOCKET_REUSE_PORT, PSNAP_F_SOCKET_OPTIONS_REUSE_PORT },
	{ REC_SOCKET_BROADCAST, PSNAP_F_SOCKET_OPTIONS_BROADCAST },
	{ REC_SOCKET_KEEP_ALIVE, PSNAP_F_SOCKET_OPTIONS_KEEP_ALIVE },
	{ REC_SOCKET_OOB_INLINE, PSNAP_F_SOCKET_OPTIONS_OUT_OF_BAND_INLINE },
	{ REC_SOCKET_DONT_ROUTE, PSNAP_F_SOCKET_OPTIONS_DONT_ROUTE },
	{ REC_SOCKET_PASS_CREDENTIALS, PSNAP_F_SOCKET_OPTIONS_PASS_CREDENTIALS },
	{ REC_SOCKET_TIMESTAMP, PSNAP_F_SOCKET_OPTIONS_TIMESTAMP },
};

static void
take_options(struct socket_object *s, const struct rec_socket *k)
{
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		s->options[options[i].field] = (k->bits & options[i].bit) != 0;
	s->options[PSNAP_F_SOCKET_OPTIONS_SEND_BUFFER] = k->send_buffer;
	s->options[PSNAP_F_SOCKET_OPTIONS_RECEIVE_BUFFER] = k->receive_buffer;
	s->options[PSNAP_F_SOCKET_OPTIONS_RECEIVE_LOW_WATER] = k->low_water;
	s->options[PSNAP_F_SOCKET_OPTIONS_PRIORITY] = k->priority;
	s->options[PSNAP_F_SOCKET_OPTIONS_MARK] = k->mark;
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

int
socket_take(struct dump *d, struct proc *p, struct open_file *o, const struct rec_descriptor *k)
{
	const struct rec_socket *record = find_record(d, p, k);
	struct socket_object *s;

	if (record == NULL)
		return dump_fail(d, GLUE_E_SYSTEM, 0, p, "the record of socket %d is missing", o->fd);
	if ((s = socket_new(d, p, o)) == NULL)
		return d->err->code;
	s->told = true;
	take_state(s, record);
	take_peer(s, record);
	take_options(s, record);
	return 0;
}
