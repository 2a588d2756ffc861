/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 2.1 has System V IPC, POSIX queues, TCP connections, sockets with unread
 * datagrams, filters, memberships or connections that wait, network stacks, and
 * mounts.  Nothing stands for them in an earlier version: without them programs
 * would lose what they share, or whom they talk to, so that is refused; and so are
 * maps of users, without which the capabilities a process has in its user namespace
 * would be the host's.  What namespaces have of their own, which namespaces and
 * cgroups are an instance's, and their limits can be lost.
 */
#include "format/socket.pb-c.h"
#include "libsnap/convert/convert.h"

static bool
is_new_socket(const Psnap__Socket *s)
{
	return s->family == PSNAP__SOCKET_FAMILY__SOCKET_NETLINK || s->family == PSNAP__SOCKET_FAMILY__SOCKET_PACKET ||
	    s->filter.len != 0 || s->n_memberships != 0 || s->n_pending_ids != 0 || s->external || (s->n_queue != 0 && s->queue[0]->source != NULL);
}

static bool
has_users(const Psnap__Namespace *n)
{
	return n->n_uid_map > 0 || n->n_gid_map > 0 || n->setgroups_denied || n->owner != 0;
}

static bool
is_new(const struct snap_object *o)
{
	return (o->kind >= PSNAP_KIND_SYSV_SEGMENT && o->kind <= PSNAP_KIND_POSIX_QUEUE) ||
	    o->kind == PSNAP_KIND_TCP_CONNECTION || o->kind == PSNAP_KIND_TCP_QUEUE_PART ||
	    (o->kind >= PSNAP_KIND_NETWORK_STACK && o->kind <= PSNAP_KIND_FILE_SYSTEM_ENTRY) ||
	    (o->kind == PSNAP_KIND_SOCKET && o->message != NULL && is_new_socket((const void *)o->message)) ||
	    (o->kind == PSNAP_KIND_NAMESPACE && o->message != NULL && has_users((const void *)o->message));
}

static bool
has_own(const struct snap_object *o)
{
	const Psnap__Namespace *n = (const void *)o->message;

	return o->kind == PSNAP_KIND_NAMESPACE && n != NULL &&
	    (n->hostname[0] != '\0' || n->domainname[0] != '\0' || n->monotonic_ns != 0 || n->boottime_ns != 0);
}

static bool
is_whole(const struct snap_object *o)
{
	return o->kind == PSNAP_KIND_INSTANCE && o->message != NULL &&
	    (((const Psnap__Instance *)(const void *)o->message)->n_namespace_ids > 0 ||
	    ((const Psnap__Instance *)(const void *)o->message)->n_cgroup_ids > 0);
}

static bool
is_limiting(const struct snap_object *o)
{
	const Psnap__Cgroup *c = (const void *)o->message;

	return o->kind == PSNAP_KIND_CGROUP && c != NULL && (c->n_limits > 0 || c->n_handed_down > 0);
}

bool
records_need_2_1(const struct conversion *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_new(&c->objects[i]) || has_own(&c->objects[i]) || is_whole(&c->objects[i]) ||
		    is_limiting(&c->objects[i]))
			return true;
	return false;
}

static int
up(struct conversion *c)
{
	(void)c;	/* what 2.0 holds is what 2.1 holds */
	return 0;
}

static int
lose_own(struct conversion *c, size_t i)
{
	Psnap__Namespace *n = records_edit(c, i, sizeof *n);

	if (n == NULL)
		return c->err->code;
	n->hostname = n->domainname = (char *)(uintptr_t)"";
	n->monotonic_ns = n->boottime_ns = 0;
	return records_lose(c, i, "the name and clocks of a namespace");
}

static int
lose_whole(struct conversion *c, size_t i)
{
	Psnap__Instance *in = records_edit(c, i, sizeof *in);

	if (in == NULL)
		return c->err->code;
	in->n_namespace_ids = in->n_cgroup_ids = 0;
	return records_lose(c, i, "which namespaces and cgroups are its own");
}

static int
lose_limits(struct conversion *c, size_t i)
{
	Psnap__Cgroup *g = records_edit(c, i, sizeof *g);

	if (g == NULL)
		return c->err->code;
	g->n_limits = g->n_handed_down = 0;
	return records_lose(c, i, "the limits of a cgroup");
}

static int
down(struct conversion *c)
{
	int r = 0;

	for (size_t i = 0; i < c->count && r == 0; i++)
		if (is_new(&c->objects[i]))
			records_refuse(c, i, "no version before 2.1 can hold it");
		else if (has_own(&c->objects[i]))
			r = lose_own(c, i);
		else if (is_whole(&c->objects[i]))
			r = lose_whole(c, i);
		else if (is_limiting(&c->objects[i]))
			r = lose_limits(c, i);
	return r;
}

const struct pass pass_2_0_to_2_1 = { "version 2.0 to 2.1", up };
const struct pass pass_2_1_to_2_0 = { "version 2.1 to 2.0", down };
