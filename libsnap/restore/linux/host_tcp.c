/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the TCP connections of a snapshot can go on here.
 */
#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static bool
can_repair(void)
{
	const int on = TCP_REPAIR_ON;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	bool can = fd >= 0 && setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof on) == 0;

	if (fd >= 0)
		close(fd);
	return can;
}

/* ---- whether somebody has it ---- */

static void
fill_request(struct inet_diag_req_v2 *q, const struct sockaddr_storage *local, const struct sockaddr_storage *remote)
{
	const struct sockaddr_in *a = (const void *)local, *b = (const void *)remote;
	const struct sockaddr_in6 *a6 = (const void *)local, *b6 = (const void *)remote;
	bool six = local->ss_family == AF_INET6;

	q->sdiag_family = (uint8_t)local->ss_family;
	q->sdiag_protocol = IPPROTO_TCP;
	q->idiag_states = UINT32_MAX;
	q->id.idiag_sport = a->sin_port;
	q->id.idiag_dport = b->sin_port;
	q->id.idiag_cookie[0] = q->id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	memcpy(q->id.idiag_src, six ? (const void *)&a6->sin6_addr : &a->sin_addr, six ? 16 : 4);
	memcpy(q->id.idiag_dst, six ? (const void *)&b6->sin6_addr : &b->sin_addr, six ? 16 : 4);
	if (six)
		q->id.idiag_if = a6->sin6_scope_id;
}

/* The kernel finds a listener where there is no connection.  diag: a socket to ask by, or -1. */
static bool
is_taken(int diag, const struct sockaddr_storage *local, const struct sockaddr_storage *remote)
{
	struct { struct nlmsghdr h; struct inet_diag_req_v2 q; } request = { .h = {
	    .nlmsg_len = sizeof request, .nlmsg_type = SOCK_DIAG_BY_FAMILY, .nlmsg_flags = NLM_F_REQUEST } };
	_Alignas(struct nlmsghdr) uint8_t answer[4096];
	const struct nlmsghdr *h = (const void *)answer;
	const struct inet_diag_msg *m = NLMSG_DATA(h);

	fill_request(&request.q, local, remote);
	return diag >= 0 && send(diag, &request, sizeof request, 0) == (ssize_t)sizeof request &&
	    recv(diag, answer, sizeof answer, 0) >= (ssize_t)NLMSG_LENGTH(sizeof *m) &&
	    h->nlmsg_type == SOCK_DIAG_BY_FAMILY && m->idiag_state != TCP_LISTEN;
}

/* ---- all ---- */

#define CLOSE_ADVICE	"or let its program find it reset: --tcp close"

/* What need not be asked for each of thousands. */
struct preflight {
	int		diag;
	bool		can_repair;
	struct sockaddr_storage last;		/* local address that was looked at, without port */
	bool		last_is_here;
};

static bool
address_is_usable(struct preflight *f, const struct sockaddr_storage *local)
{
	struct sockaddr_storage a = *local;

	/* at the same place in both families */
	((struct sockaddr_in *)(void *)&a)->sin_port = 0;
	if (memcmp(&a, &f->last, sizeof a) != 0) {
		f->last = a;
		f->last_is_here = address_is_here(&a);
	}
	return f->last_is_here;
}

static void
check_connection(struct plan *p, struct preflight *f, const struct snap_object *o, const Psnap__Socket *s)
{
	struct sockaddr_storage local, remote;

	if (socket_address(p, s, s->local, &local) == 0 || socket_address(p, s, s->remote, &remote) == 0)
		return;
	if (!f->can_repair)
		plan_problem(p, SNAP_FATAL, NULL, o->id, "tcp-privilege", "restore with CAP_NET_ADMIN, " CLOSE_ADVICE,
		    "a TCP connection cannot be made again by this user, or this kernel");
	else if (p->o->own_net != NULL)
		return;		/* its stack comes with it */
	else if (!address_is_usable(f, &local))
		plan_problem(p, SNAP_FATAL, NULL, o->id, "tcp-address", "give this host the address, " CLOSE_ADVICE,
		    "the local address of a TCP connection is not here");
	else if (is_taken(f->diag, &local, &remote))
		plan_problem(p, SNAP_FATAL, NULL, o->id, "tcp-taken", "end whoever has it, " CLOSE_ADVICE,
		    "a TCP connection between the same addresses and ports exists");
}

void
tcp_preflight(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_TCP_CONNECTION, &n);
	struct preflight f = { .diag = -1 };

	if (n == 0 || p->o->tcp == SNAP_TCP_CLOSE)
		return;
	f.can_repair = can_repair();
	f.diag = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	for (size_t i = 0; i < n; i++) {
		const Psnap__TcpConnection *c = (const void *)v[i]->message;
		const Psnap__Socket *s = snap_get_message(p->s, c->socket_id, PSNAP_KIND_SOCKET);

		if (s != NULL)
			check_connection(p, &f, v[i], s);
	}
	if (f.diag >= 0)
		close(f.diag);
}
