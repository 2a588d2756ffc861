/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sockets: unix pairs, bound and listening sockets; what is unread in them
 * comes later, from object_queue.c.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

int
socket_family(const Psnap__Socket *s)
{
	switch (s->family) {
	case PSNAP__SOCKET_FAMILY__SOCKET_UNIX:
		return AF_UNIX;
	case PSNAP__SOCKET_FAMILY__SOCKET_IPV4:
		return AF_INET;
	case PSNAP__SOCKET_FAMILY__SOCKET_IPV6:
		return AF_INET6;
	case PSNAP__SOCKET_FAMILY__SOCKET_NETLINK:
		return AF_NETLINK;
	case PSNAP__SOCKET_FAMILY__SOCKET_PACKET:
		return AF_PACKET;
	default:
		return -1;
	}
}

int
socket_type(const Psnap__Socket *s)
{
	switch (s->type) {
	case PSNAP__SOCKET_TYPE__SOCKET_STREAM:
		return SOCK_STREAM;
	case PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM:
		return SOCK_DGRAM;
	case PSNAP__SOCKET_TYPE__SOCKET_SEQPACKET:
		return SOCK_SEQPACKET;
	default:
		return SOCK_RAW;
	}
}

/* ---- addresses ---- */

socklen_t
socket_address(struct plan *p, const Psnap__Socket *s, const Psnap__SocketAddress *a, struct sockaddr_storage *to)
{
	struct sockaddr_un *un = (void *)to;
	struct sockaddr_in *in = (void *)to;
	struct sockaddr_in6 *in6 = (void *)to;
	const char *path;
	size_t base = offsetof(struct sockaddr_un, sun_path);

	memset(to, 0, sizeof *to);
	to->ss_family = (sa_family_t)socket_family(s);
	if (a == NULL)
		return 0;
	switch (s->family) {
	case PSNAP__SOCKET_FAMILY__SOCKET_UNIX:
		if (a->unix_abstract.len > 0 && a->unix_abstract.len < sizeof un->sun_path) {
			memcpy(un->sun_path + 1, a->unix_abstract.data, a->unix_abstract.len);
			return (socklen_t)(base + 1 + a->unix_abstract.len);
		}
		if (a->unix_path.len == 0 || (path = plan_path(p, &a->unix_path)) == NULL ||
		    strlen(path) >= sizeof un->sun_path)
			return 0;
		strcpy(un->sun_path, path);
		return (socklen_t)(base + strlen(path) + 1);
	case PSNAP__SOCKET_FAMILY__SOCKET_IPV4:
		if (a->ip.len != 4)
			return 0;
		memcpy(&in->sin_addr, a->ip.data, 4);
		in->sin_port = htons((uint16_t)a->port);
		return sizeof *in;
	default:
		if (a->ip.len != 16)
			return 0;
		memcpy(&in6->sin6_addr, a->ip.data, 16);
		in6->sin6_port = htons((uint16_t)a->port);
		in6->sin6_scope_id = a->scope;
		in6->sin6_flowinfo = htonl(a->flow);
		return sizeof *in6;
	}
}

/* ---- names that begin where a process is ---- */

static bool
is_relative(const struct sockaddr_storage *a)
{
	const struct sockaddr_un *un = (const void *)a;

	return a->ss_family == AF_UNIX && un->sun_path[0] != '\0' && un->sun_path[0] != '/';
}

static bool
holds(const Psnap__DescriptorTable *t, struct object *const *v, size_t n)
{
	for (size_t i = 0; i < t->n_descriptors; i++)
		for (size_t k = 0; k < n; k++)
			if (t->descriptors[i]->open_file_id == v[k]->id)
				return true;
	return false;
}

/* File of the working directory of the first process that has a socket; 0 of one that none has. */
static uint64_t
folder_of_socket(struct restore *r, uint64_t id)
{
	size_t n, ntables;
	struct object **v = objects_on(r, id, &n);
	const struct snap_object *const *tables = snap_get_kind(r->s, PSNAP_KIND_DESCRIPTOR_TABLE, &ntables);

	for (size_t i = 0; i < ntables; i++) {
		const struct target *t = plan_with(r->p, tables[i]->id);
		const Psnap__FsContext *fs = t == NULL ? NULL :
		    snap_get_message(r->s, t->p->fs_context_id, PSNAP_KIND_FS_CONTEXT);

		if (fs != NULL && holds((const void *)tables[i]->message, v, n))
			return fs->cwd_file_id;
	}
	return 0;
}

int
socket_folder_enter(struct restore *r, uint64_t id, const struct sockaddr_storage *a, int *home)
{
	uint64_t folder_id = is_relative(a) ? folder_of_socket(r, id) : 0;
	int folder, e;

	*home = -1;
	if (folder_id == 0)
		return 0;
	if ((folder = file_open(r, folder_id, O_PATH)) < 0)
		return folder;
	if ((*home = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0 && fchdir(folder) == 0)
		return 0;
	e = restore_fail(r, NULL, folder_id, errno, "going to the folder that the name of a socket begins at");
	if (*home >= 0)
		close(*home);
	return e;
}

int
socket_folder_leave(struct restore *r, int home)
{
	int e = home < 0 || fchdir(home) == 0 ? 0 : restore_fail(r, NULL, 0, errno, "going back to our own folder");

	if (home >= 0)
		close(home);
	return e;
}

int
socket_name(struct restore *r, uint64_t id, int (*fn)(int, const struct sockaddr *, socklen_t), int fd,
    const struct sockaddr_storage *a, socklen_t len, const char *what)
{
	int home, e = socket_folder_enter(r, id, a, &home), left;

	if (e != 0)
		return e;
	if (fn(fd, (const void *)a, len) != 0)
		e = restore_fail(r, NULL, id, errno, "%s", what);
	left = socket_folder_leave(r, home);
	return e != 0 ? e : left;
}

/* The name a dead server left behind goes; never one that somebody listens on. */
static int
bind_anew(int fd, const struct sockaddr *a, socklen_t len)
{
	const struct sockaddr_un *un = (const void *)a;
	int type = SOCK_STREAM, probe;
	struct stat st;

	if (un->sun_path[0] != '\0' && lstat(un->sun_path, &st) == 0 && S_ISSOCK(st.st_mode)) {
		getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &(socklen_t){ sizeof type });
		probe = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (probe >= 0 && connect(probe, a, len) != 0 && errno == ECONNREFUSED)
			unlink(un->sun_path);
		if (probe >= 0)
			close(probe);
	}
	return bind(fd, a, len);
}

static int
bind_local(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sockaddr_storage a;
	socklen_t len = socket_address(r->p, s, s->local, &a);

	if (len == 0)
		return 0;
	/* a socket never bound shows an address of zeros */
	if (a.ss_family != AF_UNIX && s->local->port == 0)
		return 0;
	return socket_name(r, id, a.ss_family == AF_UNIX ? bind_anew : bind, fd, &a, len, "binding a socket");
}

/* Last: what is made before may come from another one. */
static int
bind_device(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	const ProtobufCBinaryData *d = &s->options->bound_device;

	return d->len == 0 || setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, d->data, (socklen_t)d->len) == 0 ? 0 :
	    restore_fail(r, NULL, id, errno, "binding a socket to a device");
}

/* ---- made ---- */

/*
 * Every open file on the socket: each beyond the first is a duplicate, as
 * sockets cannot be reopened.  fd stays the caller's.
 */
static int
add_made(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd, struct made_socket **out)
{
	struct made_socket *m = plan_alloc(r->p, sizeof *m);
	size_t n;
	struct object **v = objects_on(r, id, &n);

	if (m == NULL || restore_list_add(r, &r->sockets, m) != 0)
		return restore_nomem(r);
	*m = (struct made_socket){ id, s, -1, -1, NULL };
	*out = m;
	for (size_t i = 0; i < n; i++) {
		struct object *x = v[i];

		if ((x->fd = keep_fd(r, fcntl(fd, F_DUPFD_CLOEXEC, r->base_fd))) < 0 ||
		    fcntl(x->fd, F_SETFL, (fcntl(x->fd, F_GETFL) & ~O_NONBLOCK) |
		    (x->o->non_block ? O_NONBLOCK : 0)) != 0)
			return restore_fail(r, NULL, x->id, errno, "making a socket");
		m->fd = x->fd;
	}
	return 0;
}

static int
shut_down(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	if ((s->shutdown_read && shutdown(fd, SHUT_RD) != 0) || (s->shutdown_write && shutdown(fd, SHUT_WR) != 0))
		return restore_fail(r, NULL, id, errno, "shutting a socket down");
	return 0;
}

int
socket_finish(struct restore *r, const struct made_socket *m)
{
	if (m->fd < 0 || m->s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX)
		return 0;
	socket_set_buffers(m->s->options, m->fd);
	if (m->s->options->pass_credentials && option_set(m->fd, SOL_SOCKET, SO_PASSCRED, 1) != 0)
		return restore_fail(r, NULL, m->id, errno, "setting socket options");
	/* the ends close what the other has shut down, too */
	return shut_down(r, m->id, m->s, m->fd);
}

/* ---- pairs ---- */

/* Without a peer in the snapshot the other end closes later: it was, or belongs to somebody else. */
static int
make_pair(struct restore *r, uint64_t id, const Psnap__Socket *s)
{
	const Psnap__Socket *peer = snap_get_message(r->s, s->peer_id, PSNAP_KIND_SOCKET);
	struct made_socket *m, *other;
	int ends[2], e;

	if (socketpair(AF_UNIX, socket_type(s) | SOCK_CLOEXEC, 0, ends) != 0)
		return restore_fail(r, NULL, id, errno, "making a socket pair");
	e = options_set(s, ends[0]) != 0 || (peer != NULL && options_set(peer, ends[1]) != 0) ?
	    restore_fail(r, NULL, id, errno, "setting socket options") : 0;
	if (e == 0)
		e = add_made(r, id, s, ends[0], &m);
	if (e == 0 && peer == NULL) {
		m->far = ends[1];
		ends[1] = -1;
	} else if (e == 0 && (e = add_made(r, s->peer_id, peer, ends[1], &other)) == 0) {
		m->peer = other;
		other->peer = m;
	}
	close(ends[0]);
	if (ends[1] >= 0)
		close(ends[1]);
	return e;
}

/* ---- single ---- */

int
socket_listen(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	if (s->state != PSNAP__SOCKET_STATE__SOCKET_LISTENING)
		return 0;
	return listen(fd, s->backlog != 0 ? (int)s->backlog : SOMAXCONN) == 0 ? 0 :
	    restore_fail(r, NULL, id, errno, "listening");
}

static int
make_state(struct restore *r, uint64_t id, const Psnap__Socket *s, const struct snap_object *c, int fd)
{
	int e;

	if (s->family == PSNAP__SOCKET_FAMILY__SOCKET_NETLINK)
		e = netlink_bind(r, id, s, fd);
	else if (s->family == PSNAP__SOCKET_FAMILY__SOCKET_PACKET)
		e = (e = filter_set(r, id, s, fd)) != 0 ? e : packet_bind(r, id, s, fd);
	else if (c != NULL)
		e = tcp_make(r, id, s, c, fd);
	else if (tcp_is_connected(s) || tcp_has_ended(s))
		return tcp_make_ended(r, id, s, fd);
	else if ((e = datagrams_shut_out(r, id, s, fd)) == 0 && (e = bind_local(r, id, s, fd)) == 0 &&
	    (e = datagrams_fill(r, id, s, fd)) == 0)
		e = socket_listen(r, id, s, fd);
	return e != 0 ? e : bind_device(r, id, s, fd);
}

/* A packet socket hears from the moment it has one. */
static int
first_protocol(const Psnap__Socket *s)
{
	return s->family == PSNAP__SOCKET_FAMILY__SOCKET_PACKET ? 0 : (int)s->protocol;
}

static int
make_single(struct restore *r, uint64_t id, const Psnap__Socket *s)
{
	const struct snap_object *c = r->p->o->tcp == SNAP_TCP_CLOSE ? NULL : tcp_connection_of(r->s, id);
	int fd = socket(socket_family(s), socket_type(s) | SOCK_CLOEXEC, first_protocol(s)), e;
	struct made_socket *m;

	if (fd < 0)
		return restore_fail(r, NULL, id, errno, "making a socket");
	e = options_set(s, fd) != 0 ? restore_fail(r, NULL, id, errno, "setting socket options") : 0;
	if (e == 0 && (e = multicast_join(r, id, s, fd)) == 0)
		e = make_state(r, id, s, c, fd);
	if (e == 0 && (e = add_made(r, id, s, fd, &m)) == 0 && c != NULL)
		e = tcp_keep(r, m, c);
	close(fd);
	return e;
}

/* One end of two that know each other; a datagram socket's other end may be gone, if it never had a name. */
static bool
is_paired(const struct restore *r, const Psnap__Socket *s, uint64_t id, const Psnap__Socket *peer)
{
	if (pending_waits(r, id) || s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX || s->state != PSNAP__SOCKET_STATE__SOCKET_CONNECTED)
		return false;
	if (peer != NULL)
		return peer->peer_id == id && peer != s;
	return !s->external &&
	    (s->type != PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM || s->peer_outside || s->remote == NULL);
}

int
socket_make(struct restore *r, struct object *x)
{
	const Psnap__Socket *s = snap_get_message(r->s, x->o->socket_id, PSNAP_KIND_SOCKET), *peer;

	if (s == NULL)
		return restore_fail(r, NULL, x->id, ENOENT, "its socket");
	peer = snap_get_message(r->s, s->peer_id, PSNAP_KIND_SOCKET);
	if (s->options == NULL || (peer != NULL && peer->options == NULL))
		return restore_fail(r, NULL, x->o->socket_id, 0, "a socket without options");
	if (socket_family(s) < 0)
		return restore_fail(r, NULL, x->o->socket_id, 0, "a socket of a family that is not restored");
	return is_paired(r, s, x->o->socket_id, peer) ? make_pair(r, x->o->socket_id, s) :
	    make_single(r, x->o->socket_id, s);
}
