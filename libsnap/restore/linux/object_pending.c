/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unix sockets that wait to be accepted: they connect again, in the order they
 * had, when those who listen do so.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static int
compare_ids(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int
pending_find(struct restore *r)
{
	size_t n, total = 0;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SOCKET, &n);

	for (size_t i = 0; i < n; i++)
		total += ((const Psnap__Socket *)(const void *)v[i]->message)->n_pending_ids;
	if ((r->waiting = plan_alloc(r->p, (total + 1) * sizeof *r->waiting)) == NULL)
		return restore_nomem(r);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Socket *s = (const void *)v[i]->message;

		for (size_t k = 0; k < s->n_pending_ids; k++)
			r->waiting[r->nwaiting++] = s->pending_ids[k];
	}
	qsort(r->waiting, r->nwaiting, sizeof *r->waiting, compare_ids);
	return 0;
}

bool
pending_waits(const struct restore *r, uint64_t id)
{
	return bsearch(&id, r->waiting, r->nwaiting, sizeof id, compare_ids) != NULL;
}

/* One that is open: -1 if none is. */
static int
descriptor_on(struct restore *r, uint64_t id)
{
	size_t n;
	struct object **v = objects_on(r, id, &n);

	return n > 0 ? v[0]->fd : -1;
}

/* Without waiting for room: there is some, or the snapshot is wrong. */
static int
connect_now(int fd, const struct sockaddr *a, socklen_t len)
{
	int flags = fcntl(fd, F_GETFL), r;

	fcntl(fd, F_SETFL, flags | O_NONBLOCK);
	r = connect(fd, a, len);
	fcntl(fd, F_SETFL, flags);
	return r;
}

static int
connect_all(struct restore *r, uint64_t id, const Psnap__Socket *s)
{
	int listener = descriptor_on(r, id), e;
	struct sockaddr_storage a;
	socklen_t len = socket_address(r->p, s, s->local, &a);

	/* it may have had more room when they came */
	if (listen(listener, (int)s->pending_connections) != 0)
		return restore_fail(r, NULL, id, errno, "listening");
	for (size_t i = 0; i < s->n_pending_ids; i++)
		if ((e = socket_name(r, id, connect_now, descriptor_on(r, s->pending_ids[i]), &a, len,
		    "connecting those who wait to be accepted")) != 0)
			return e;
	return socket_listen(r, id, s, listener);
}

int
pending_connect(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SOCKET, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++) {
		const Psnap__Socket *s = (const void *)v[i]->message;

		if (s->n_pending_ids > 0)
			e = connect_all(r, v[i]->id, s);
	}
	return e;
}
