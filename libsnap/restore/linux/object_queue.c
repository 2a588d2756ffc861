/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unread messages of unix sockets, sent again by whoever is at the other end.
 * What is under way in them, even the socket itself, exists by then.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

/* ---- one message ---- */

/*
 * The sender is named as it was.  One that is gone has no number any more:
 * this process's takes its place, but never its user.
 */
static ssize_t
send_as(int from, struct msghdr *m, const int *fds, size_t n, const Psnap__PeerCredentials *c)
{
	struct ucred sender;
	ssize_t sent;

	if (c == NULL)
		return descriptors_message(from, m, MSG_DONTWAIT, fds, n, NULL);
	sender = (struct ucred){ c->pid, c->uid, c->gid };
	sent = descriptors_message(from, m, MSG_DONTWAIT, fds, n, &sender);
	if (sent < 0 && errno == ESRCH) {
		sender.pid = getpid();
		sent = descriptors_message(from, m, MSG_DONTWAIT, fds, n, &sender);
	}
	return sent;
}

static int
send_message(struct restore *r, const struct made_socket *to, int from, const Psnap__SocketMessage *m,
    struct sockaddr_storage *name, socklen_t name_len)
{
	size_t n = m->n_open_file_ids, done = 0;
	int fds[RIGHTS_MAX];

	if (n > RIGHTS_MAX)
		return restore_fail(r, NULL, to->id, 0, "%zu descriptors in a message", n);
	for (size_t i = 0; i < n; i++) {
		const struct object *x = object_find(r, m->open_file_ids[i]);

		if (x == NULL || x->fd < 0)
			return restore_fail(r, NULL, m->open_file_ids[i], ENOENT, "what is under way in a socket");
		fds[i] = x->fd;
	}
	do {
		struct iovec io = { m->data.len > 0 ? m->data.data + done : NULL, m->data.len - done };
		struct msghdr h = { .msg_name = name_len > 0 ? name : NULL, .msg_namelen = name_len,
		    .msg_iov = &io, .msg_iovlen = 1 };
		ssize_t k = send_as(from, &h, fds, done == 0 ? n : 0, m->credentials);

		if (k < 0)
			return restore_fail(r, NULL, to->id, errno, "filling a socket");
		done += (size_t)k;
	} while (to->s->type == PSNAP__SOCKET_TYPE__SOCKET_STREAM && done < m->data.len);
	return 0;
}

/* ---- who sends ---- */

static bool
same_bytes(const ProtobufCBinaryData *a, const ProtobufCBinaryData *b)
{
	return a->len == b->len && (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

/* The socket with the name a datagram came from. */
static int
find_source(struct restore *r, const Psnap__SocketMessage *m)
{
	if (m->source_path.len == 0 && m->source_abstract.len == 0)
		return -1;
	for (size_t i = 0; i < r->sockets.n; i++) {
		const struct made_socket *from = r->sockets.v[i];
		const Psnap__SocketAddress *a = from->s->local;

		if (a != NULL && from->s->type == PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM &&
		    same_bytes(&a->unix_path, &m->source_path) && same_bytes(&a->unix_abstract, &m->source_abstract))
			return from->fd;
	}
	return -1;
}

/* Room for all of it: the recorded size comes with socket_finish(). */
static void
make_room(int fd)
{
	int size = INT32_MAX / 2;

	if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) != 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
}

static int
fill_pair(struct restore *r, const struct made_socket *to)
{
	int from = to->peer != NULL ? to->peer->fd : to->far, e = 0;

	make_room(from);
	for (size_t i = 0; e == 0 && i < to->s->n_queue; i++)
		e = send_message(r, to, from, to->s->queue[i], NULL, 0);
	return e;
}

/* Datagrams came from whoever knew its name; a sender not in the snapshot has none any more. */
static int
fill_single(struct restore *r, const struct made_socket *to)
{
	int stranger = socket(AF_UNIX, socket_type(to->s) | SOCK_CLOEXEC, 0), from, home = -1, left, e;
	struct sockaddr_storage name;
	socklen_t len = socket_address(r->p, to->s, to->s->local, &name);

	if (stranger < 0)
		return restore_fail(r, NULL, to->id, errno, "making a socket");
	make_room(stranger);
	e = socket_folder_enter(r, to->id, &name, &home);
	for (size_t i = 0; e == 0 && i < to->s->n_queue; i++) {
		const Psnap__SocketMessage *m = to->s->queue[i];

		if ((from = find_source(r, m)) < 0)
			from = stranger;
		e = send_message(r, to, from, m, &name, len);
	}
	left = socket_folder_leave(r, home);
	close(stranger);
	return e != 0 ? e : left;
}

static int
fill(struct restore *r, const struct made_socket *to)
{
	if (to->s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX || to->s->n_queue == 0)
		return 0;
	return to->peer != NULL || to->far >= 0 ? fill_pair(r, to) : fill_single(r, to);
}

/* ---- all ---- */

/* Datagram sockets remember an address; from then on they take messages from there only.  Others begin anew. */
static int
connect_remote(struct restore *r, const struct made_socket *m)
{
	struct sockaddr_storage a;
	socklen_t len;

	if (m->peer != NULL || m->far >= 0 || m->fd < 0 ||
	    (m->s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM && m->s->type != PSNAP__SOCKET_TYPE__SOCKET_RAW &&
	    !m->s->external) ||
	    (len = socket_address(r->p, m->s, m->s->remote, &a)) == 0)
		return 0;
	return socket_name(r, m->id, connect, m->fd, &a, len, "connecting a socket");
}

int
sockets_fill(struct restore *r)
{
	int e = 0;

	for (size_t i = 0; e == 0 && i < r->sockets.n; i++)
		e = fill(r, r->sockets.v[i]);
	for (size_t i = 0; e == 0 && i < r->sockets.n; i++)
		e = connect_remote(r, r->sockets.v[i]);
	for (size_t i = 0; e == 0 && i < r->sockets.n; i++)
		if ((e = socket_finish(r, r->sockets.v[i])) == 0)
			e = filter_attach(r, r->sockets.v[i]);
	return e;
}

void
sockets_close_far(struct restore *r)
{
	for (size_t i = 0; i < r->sockets.n; i++) {
		const struct made_socket *m = r->sockets.v[i];

		if (m->far >= 0)
			close(m->far);
	}
}
