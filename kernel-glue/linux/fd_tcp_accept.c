/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Connections that wait to be accepted.  The kernel puts none back into the
 * queue of a listener, so a tree that is found with some runs on for a moment
 * and takes them, while those who ask now are held back: they ask again.
 *
 * Of a tree that is to be killed, whoever asks between its stop and its end
 * would be lost: they are held back before anybody is counted, and handshakes
 * under way count, too.
 */
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"
#include "linux/net_lock.h"
#include "linux/net_messages.h"

#define PATIENCE_NS	UINT64_C(2000000000)	/* for a program to accept, and a lost packet to come again */
#define PAUSE_NS	2000000
#define HOLD_S		10		/* longer than that and collecting take; should we be killed, not for long */

/* A listener in the tree's network namespaces. */
struct waited_for {
	uint64_t	ino;
	struct sockaddr_storage local;
	bool		only_v6, of_tree;
	uint32_t	queued, half_done;	/* connections, as last counted */
};

struct tcp_accept {
	struct list	listeners;		/* struct waited_for; once found, they stay */
	uint64_t	deadline;		/* by dump_now(); 0: not looked yet */
	struct net_lock	hold;
	char		name[NET_LOCK_NAME_MAX];	/* of its table; "": none */
};

static int
no_memory(struct dump *d)
{
	return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

static bool
is_to_end(const struct dump *d)
{
	return d->options->after == GLUE_KILL;
}

/* ---- counting ---- */

static struct waited_for *
find_listener(const struct tcp_accept *a, uint64_t ino)
{
	for (size_t i = 0; i < a->listeners.n; i++) {
		struct waited_for *w = a->listeners.v[i];

		if (w->ino == ino)
			return w;
	}
	return NULL;
}

static bool
hears_ipv6_only(const struct nlmsghdr *h)
{
	const struct rtattr *v[INET_DIAG_SKV6ONLY + 1];

	netlink_parse(h, sizeof(struct inet_diag_msg), v, sizeof v / sizeof v[0]);
	return netlink_get8(v[INET_DIAG_SKV6ONLY], 0);
}

static int
take_listener(struct dump *d, const struct nlmsghdr *h, void *accept)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct tcp_accept *a = accept;
	struct waited_for *w;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
		return 0;
	if ((w = find_listener(a, m->idiag_inode)) == NULL) {
		if ((w = dump_alloc(d, sizeof *w)) == NULL || list_add(d, &a->listeners, w) != 0)
			return no_memory(d);
		w->ino = m->idiag_inode;
		w->only_v6 = hears_ipv6_only(h);
		diag_address(m, false, &w->local);
	}
	w->queued = m->idiag_rqueue;
	return 0;
}

static in_port_t
port_of(const struct waited_for *w)
{
	return ((const struct sockaddr_in *)(const void *)&w->local)->sin_port;	/* as in IPv6 */
}

/* That of another one on the same port costs patience only. */
static int
take_handshake(struct dump *d, const struct nlmsghdr *h, void *accept)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	struct tcp_accept *a = accept;

	(void)d;
	for (size_t i = 0; h->nlmsg_len >= NLMSG_LENGTH(sizeof *m) && i < a->listeners.n; i++) {
		struct waited_for *w = a->listeners.v[i];

		w->half_done += port_of(w) == m->id.idiag_sport;
	}
	return 0;
}

/* The listeners there are, and who is in their queues. */
static int
count_queued(struct dump *d, struct tcp_accept *a)
{
	for (size_t i = 0; i < a->listeners.n; i++)
		((struct waited_for *)a->listeners.v[i])->queued = 0;
	return diag_dump_tcp(d, 1u << PSNAP_TCP_STATE_LISTEN, 0, take_listener, a);
}

/* Handshakes first: one that ends meanwhile is in a queue then. */
static int
count_waiting(struct dump *d, struct tcp_accept *a)
{
	int r = 0;

	for (size_t i = 0; i < a->listeners.n; i++)
		((struct waited_for *)a->listeners.v[i])->half_done = 0;
	if (is_to_end(d))
		r = diag_dump_tcp(d, 1u << PSNAP_TCP_STATE_SYN_RECEIVED, 0, take_handshake, a);
	return r != 0 ? r : count_queued(d, a);
}

static bool
somebody_waits(const struct tcp_accept *a, bool for_tree)
{
	for (size_t i = 0; i < a->listeners.n; i++) {
		const struct waited_for *w = a->listeners.v[i];

		if ((w->of_tree || !for_tree) && w->queued + w->half_done > 0)
			return true;
	}
	return false;
}

/* ---- whose listeners they are ---- */

static void
mark_descriptor(const struct proc *p, int fd, struct tcp_accept *a)
{
	struct waited_for *w;
	char path[32], link[64];
	ssize_t n;

	snprintf(path, sizeof path, "fd/%d", fd);
	if ((n = readlinkat(p->proc_fd, path, link, sizeof link - 1)) <= 0)
		return;
	link[n] = '\0';
	if (strncmp(link, "socket:[", 8) == 0 && (w = find_listener(a, strtoull(link + 8, NULL, 10))) != NULL)
		w->of_tree = true;
}

/* What cannot be listed fails when descriptors are collected. */
static void
mark_listeners(struct dump *d, struct tcp_accept *a)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];
		int *fds = NULL;
		size_t n = 0;

		if (!p->zombie && proc_list_numbers(p, "fd", &fds, &n) == 0)
			for (size_t k = 0; k < n; k++)
				mark_descriptor(p, fds[k], a);
		free(fds);
	}
}

/* ---- holding back who asks ---- */

static void
remove_table(const struct dump *d, const char *name)
{
	for (size_t i = 0; name[0] != '\0' && i < d->tree_namespaces.n; i++)
		net_lock_remove(((const struct tree_namespace *)d->tree_namespaces.v[i])->fd, name);
}

static void
let_in(const struct dump *d, struct tcp_accept *a)
{
	remove_table(d, a->name);
	a->name[0] = '\0';
}

/* Where nftables cannot do it, the queues may be found empty all the same. */
static int
hold(struct dump *d, struct tcp_accept *a)
{
	struct net_listener *listeners = dump_alloc(d, (a->listeners.n + 1) * sizeof *listeners);
	char earlier[NET_LOCK_NAME_MAX];
	size_t n = 0;

	if (listeners == NULL)
		return no_memory(d);
	for (size_t i = 0; i < a->listeners.n; i++) {
		const struct waited_for *w = a->listeners.v[i];

		if (w->of_tree)
			listeners[n++] = (struct net_listener){ w->local, w->only_v6 };
	}
	if (n == a->hold.nlisteners)
		return 0;
	memcpy(earlier, a->name, sizeof earlier);
	a->hold = (struct net_lock){ .listeners = listeners, .nlisteners = n, .seconds = HOLD_S, .passing = true };
	net_lock_name(&a->hold, a->name);
	for (size_t i = 0; i < d->tree_namespaces.n; i++)
		tcp_lock_make(((const struct tree_namespace *)d->tree_namespaces.v[i])->fd, a->name, &a->hold);
	remove_table(d, earlier);
	return 0;
}

/* ---- all ---- */

/* By job control: it accepts nobody. */
static bool
is_stopped(const struct dump *d)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		if (!p->zombie && !p->group_stopped)
			return false;
	}
	return true;
}

/* Somebody waits, perhaps for this tree; or if it is to be killed, may do so any time. */
static int
look_closely(struct dump *d, struct tcp_accept *a)
{
	int r;

	mark_listeners(d, a);
	if ((is_to_end(d) || somebody_waits(a, true)) && (r = hold(d, a)) != 0)
		return r;
	return is_to_end(d) ? count_waiting(d, a) : 0;
}

int
tcp_accept_look(struct dump *d)
{
	struct tcp_accept *a = d->accept;
	int r;

	if (d->options->tcp != GLUE_TCP_KEEP)
		return 0;
	if (a == NULL && (a = d->accept = dump_alloc(d, sizeof *a)) == NULL)
		return no_memory(d);
	if ((r = count_queued(d, a)) == 0 && (is_to_end(d) ? a->listeners.n > 0 : somebody_waits(a, false)))
		r = look_closely(d, a);
	if (r != 0)
		return r == DIAG_UNKNOWN ? 0 : r;
	if (a->deadline == 0)
		a->deadline = dump_now() + PATIENCE_NS;
	if (somebody_waits(a, true) && !is_stopped(d) && dump_now() < a->deadline)
		return 1;
	/* who comes from now on to one that runs on is not in the snapshot */
	if (!is_to_end(d))
		let_in(d, a);
	return 0;
}

int
tcp_accept_wait(struct dump *d)
{
	struct tcp_accept *a = d->accept;
	int r;

	do {
		nanosleep(&(struct timespec){ .tv_nsec = PAUSE_NS }, NULL);
		if ((r = dump_cancelled(d)) != 0 || (r = count_waiting(d, a)) != 0)
			return r == DIAG_UNKNOWN ? 0 : r;
	} while (somebody_waits(a, true) && dump_now() < a->deadline);
	return 0;
}

uint32_t
tcp_accept_waiting(const struct dump *d, uint64_t ino, uint32_t now)
{
	const struct waited_for *w = d->accept != NULL ? find_listener(d->accept, ino) : NULL;

	return w != NULL && !is_to_end(d) ? w->queued : now;
}

void
tcp_accept_end(struct dump *d)
{
	if (d->accept != NULL)
		let_in(d, d->accept);
}
