/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of TCP connections (linux/net_lock.h), as the dump left it, or made
 * here: it stays until nothing can fail any more.
 */
#include <string.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/net_lock.h"

struct tcp_lock {
	char		name[NET_LOCK_NAME_MAX];
	struct net_lock	what;
	bool		made;			/* by us: it was not there before */
};

/* Of all in the snapshot; NULL without memory. */
static struct net_connection *
all_connections(struct restore *r, size_t *n)
{
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_TCP_CONNECTION, n);
	struct net_connection *ends = plan_alloc(r->p, (*n + 1) * sizeof *ends);

	for (size_t i = 0; ends != NULL && i < *n; i++) {
		const Psnap__TcpConnection *c = (const void *)v[i]->message;
		const Psnap__Socket *s = snap_get_message(r->s, c->socket_id, PSNAP_KIND_SOCKET);

		if (s == NULL)
			continue;
		socket_address(r->p, s, s->local, &ends[i].local);
		socket_address(r->p, s, s->remote, &ends[i].remote);
	}
	return ends;
}

static struct net_listener *
all_listeners(struct restore *r, size_t *n)
{
	size_t sockets;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SOCKET, &sockets);
	struct net_listener *listeners = plan_alloc(r->p, (sockets + 1) * sizeof *listeners);

	*n = 0;
	for (size_t i = 0; listeners != NULL && i < sockets; i++) {
		const Psnap__Socket *s = (const void *)v[i]->message;

		if (s->tcp_state == PSNAP__TCP_STATE__TCP_STATE_LISTEN)
			socket_address(r->p, s, s->local, &listeners[(*n)++].local);
	}
	return listeners;
}

/* Requests to listeners are not held back by us: as soon as there is a listener again it gets them. */
int
tcp_lock(struct restore *r)
{
	struct tcp_lock *l;
	int made;

	if (r->p->o->tcp == SNAP_TCP_CLOSE)
		return 0;
	if ((l = plan_alloc(r->p, sizeof *l)) == NULL)
		return restore_nomem(r);
	memset(l, 0, sizeof *l);
	l->what.connections = all_connections(r, &l->what.nconnections);
	l->what.listeners = all_listeners(r, &l->what.nlisteners);
	if (l->what.connections == NULL || l->what.listeners == NULL)
		return restore_nomem(r);
	if (l->what.nconnections + l->what.nlisteners == 0)
		return 0;
	net_lock_name(&l->what, l->name);
	if (l->what.nconnections > 0) {
		if ((made = net_lock_make(-1, l->name, &l->what)) < 0)
			return restore_fail(r, NULL, 0, -made, "holding back packets of TCP connections");
		l->made = made == 1;
	}
	r->net_lock = l;
	return 0;
}

int
tcp_unlock(struct restore *r)
{
	const struct tcp_lock *l = r->net_lock;
	int e = l != NULL ? net_lock_remove(-1, l->name) : 0;

	/* what holds back requests only has no use any more, and ends by itself */
	return e == 0 || l->what.nconnections == 0 ? 0 :
	    restore_fail(r, NULL, 0, -e, "letting packets of TCP connections pass");
}

void
tcp_lock_again(struct restore *r)
{
	const struct tcp_lock *l = r->net_lock;

	if (l == NULL || l->what.nconnections == 0)
		return;
	if (l->made)
		net_lock_remove(-1, l->name);
	else
		net_lock_make(-1, l->name, &l->what);
}
