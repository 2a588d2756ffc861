/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock (linux/net_lock.h) of a tree that is to be killed, in each network
 * namespace that it has TCP sockets in, and its listeners: nobody gets into
 * their queues any more once it is there, so who waits in them is counted then.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/net_lock.h"

#ifndef SIOCGSKNS
#define SIOCGSKNS	0x894C		/* asm-generic/sockios.h: the socket's network namespace */
#endif

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE	71		/* asm-generic/socket.h, 5.14 */
#endif

struct tcp_listener {
	struct socket_object *s;
	int		fd;			/* our duplicate */
};

struct tcp_hold {
	char		name[NET_LOCK_NAME_MAX];
	struct net_lock	what;
};

static int
no_memory(struct dump *d)
{
	return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

/* ---- namespaces ---- */

/* Once each; mostly it is the one of the socket before. */
int
tcp_namespace_note(struct dump *d, int local)
{
	struct stat st, other;
	uint64_t cookie = 0;
	socklen_t len = sizeof cookie;
	int fd;

	getsockopt(local, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
	if (cookie != 0 && cookie == d->last_namespace)
		return 0;
	if ((fd = ioctl(local, SIOCGSKNS)) < 0)
		return -ENOENT;
	if (fstat(fd, &st) != 0) {
		close(fd);
		return -ENOENT;
	}
	d->last_namespace = cookie;
	for (size_t i = 0; i < d->net_namespaces.n; i++)
		if (fstat((int)(intptr_t)d->net_namespaces.v[i], &other) == 0 && other.st_ino == st.st_ino) {
			close(fd);
			return 0;
		}
	if (list_add(d, &d->net_namespaces, (void *)(intptr_t)fd) == 0)
		return 0;
	close(fd);
	return no_memory(d);
}

static int
namespace_at(const struct dump *d, size_t i)
{
	return (int)(intptr_t)d->net_namespaces.v[i];
}

/* ---- listeners ---- */

int
tcp_listens(struct dump *d, struct socket_object *s, int local)
{
	struct tcp_listener *t = dump_alloc(d, sizeof *t);
	int r;

	if (t == NULL || list_add(d, &d->tcp_listeners, t) != 0)
		return no_memory(d);
	t->s = s;
	if ((t->fd = fcntl(local, F_DUPFD_CLOEXEC, 0)) < 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, s->proc, "duplicating descriptor %d", s->fd);
	if (d->options->after != GLUE_KILL || (r = tcp_namespace_note(d, local)) == -ENOENT)
		return 0;
	return r;
}

static int
cover_pending(struct dump *d, const struct socket_object *s)
{
	return d->options->tcp == GLUE_TCP_CLOSE ?
	    dump_cover(d, PSNAP_COVERAGE_DEGRADES, s->proc, 0, s->fd, s->id, "tcp-closed",
	    "%u connections wait to be accepted: their other ends will find them reset", s->pending) :
	    dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, "tcp-pending",
	    "%u connections wait to be accepted", s->pending);
}

int
tcp_listeners_collect(struct dump *d)
{
	struct tcp_info info;
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->tcp_listeners.n; i++) {
		const struct tcp_listener *t = d->tcp_listeners.v[i];
		socklen_t len = sizeof info;

		if (getsockopt(t->fd, IPPROTO_TCP, TCP_INFO, &info, &len) != 0)
			return dump_fail(d, GLUE_E_SYSTEM, errno, t->s->proc, "examining socket %d", t->s->fd);
		t->s->pending = tcp_accept_waiting(d, t->s->ino, info.tcpi_unacked);
		t->s->backlog = info.tcpi_sacked;
		if (t->s->pending > 0)
			r = cover_pending(d, t->s);
	}
	return r;
}

/* ---- the lock ---- */

static struct tcp_hold *
new_lock(struct dump *d, const struct list *connections)
{
	struct tcp_hold *l = dump_alloc(d, sizeof *l);
	struct net_connection *ends = dump_alloc(d, (connections->n + 1) * sizeof *ends);
	struct net_listener *listeners = dump_alloc(d, (d->tcp_listeners.n + 1) * sizeof *listeners);

	if (l == NULL || ends == NULL || listeners == NULL)
		return NULL;
	for (size_t i = 0; i < connections->n; i++) {
		const struct socket_object *s = tcp_socket(connections->v[i]);

		memcpy(&ends[i].local, s->local, sizeof s->local);
		memcpy(&ends[i].remote, s->remote, sizeof s->remote);
	}
	for (size_t i = 0; i < d->tcp_listeners.n; i++) {
		const struct socket_object *s = ((const struct tcp_listener *)d->tcp_listeners.v[i])->s;

		memcpy(&listeners[i].local, s->local, sizeof s->local);
		listeners[i].only_v6 = s->options[PSNAP_F_SOCKET_OPTIONS_IPV6_ONLY];
	}
	l->what = (struct net_lock){ .connections = ends, .nconnections = connections->n, .listeners = listeners,
	    .nlisteners = d->tcp_listeners.n, .seconds = d->options->hold_requests_s };
	net_lock_name(&l->what, l->name);
	return l;
}

static bool
holds_requests(const struct tcp_hold *l)
{
	return l->what.nlisteners > 0 && l->what.seconds > 0;
}

int
tcp_lock_make(int netns, const char *name, const struct net_lock *what)
{
	int r = net_lock_make(netns, name, what);

	if (r == 0 && (r = net_lock_remove(netns, name)) == 0)
		r = net_lock_make(netns, name, what);
	return r < 0 ? r : 0;
}

/* Packets of connections must not get through; that nobody is refused meanwhile is only better. */
static int
make_in(struct dump *d, int netns, struct tcp_hold *l)
{
	int r;

	if (holds_requests(l)) {
		if ((r = tcp_lock_make(netns, l->name, &l->what)) == 0)
			return 0;
		l->what.seconds = 0;
		if ((r = dump_cover(d, PSNAP_COVERAGE_NOTE, NULL, 0, -1, 0, "tcp-lock",
		    "requests to TCP listeners cannot be held back by nftables: %s", strerror(-r))) != 0)
			return r;
	}
	if (l->what.nconnections == 0 || (r = tcp_lock_make(netns, l->name, &l->what)) == 0)
		return 0;
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "tcp-lock",
	    "packets of TCP connections cannot be held back by nftables: %s", strerror(-r));
}

static void
remove_lock(struct dump *d, const struct tcp_hold *l)
{
	for (size_t i = 0; l != NULL && i < d->net_namespaces.n; i++)
		net_lock_remove(namespace_at(d, i), l->name);
}

int
tcp_hold(struct dump *d, const struct list *connections)
{
	const struct tcp_hold *earlier = d->net_lock;
	int r = 0;

	if ((d->net_lock = new_lock(d, connections)) == NULL)
		r = no_memory(d);
	for (size_t i = 0; r == 0 && i < d->net_namespaces.n; i++)
		r = make_in(d, namespace_at(d, i), d->net_lock);
	remove_lock(d, earlier);
	return r;
}

void
tcp_hold_end(struct dump *d)
{
	remove_lock(d, d->net_lock);
	d->net_lock = NULL;
}

void
tcp_hold_leave(struct dump *d)
{
	for (size_t i = 0; i < d->tcp_listeners.n; i++) {
		struct tcp_listener *t = d->tcp_listeners.v[i];

		if (t->fd >= 0)
			close(t->fd);
		t->fd = -1;
	}
	for (size_t i = 0; i < d->net_namespaces.n; i++) {
		/* else they end by themselves, too */
		if (d->net_lock != NULL && holds_requests(d->net_lock))
			net_lock_abandon(namespace_at(d, i), d->net_lock->name, &d->net_lock->what);
		if (d->net_lock != NULL && d->options->netns)
			net_end(d, namespace_at(d, i));
		close(namespace_at(d, i));
	}
	d->net_namespaces.n = 0;
}
