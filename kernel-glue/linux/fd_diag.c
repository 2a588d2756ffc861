/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel lists of sockets by sock_diag(7).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/net_messages.h"

struct taker {
	struct dump	*d;
	diag_answer	*take;
	void		*ctx;
	int		failed;
};

static int
hand_on(void *ctx, const struct nlmsghdr *h)
{
	struct taker *t = ctx;

	return t->failed = t->take(t->d, h, t->ctx);
}

int
diag_dump(struct dump *d, int netns, const void *request, size_t size, diag_answer *take, void *ctx)
{
	struct taker t = { .d = d, .take = take, .ctx = ctx };
	int fd = netlink_open(netns, NETLINK_SOCK_DIAG), r;

	if (fd < 0)
		return DIAG_UNKNOWN;
	r = netlink_dump(fd, SOCK_DIAG_BY_FAMILY, request, size, hand_on, &t);
	close(fd);
	if (t.failed != 0)
		return t.failed;
	/* others' sockets came and went meanwhile; those of the tree stand still */
	return r == 0 || r == -EAGAIN ? 0 : DIAG_UNKNOWN;
}

/* ---- TCP sockets, of every network namespace that the tree is in ---- */

static bool
is_known(const struct dump *d, const struct stat *st)
{
	for (size_t i = 0; i < d->tree_namespaces.n; i++)
		if (((const struct tree_namespace *)d->tree_namespaces.v[i])->ino == st->st_ino)
			return true;
	return false;
}

static int
add_namespace(struct dump *d, const struct stat *st, int fd)
{
	struct tree_namespace *n = dump_alloc(d, sizeof *n);

	if (n != NULL && list_add(d, &d->tree_namespaces, n) == 0) {
		*n = (struct tree_namespace){ st->st_ino, fd };
		return 0;
	}
	if (fd >= 0)
		close(fd);
	return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

int
tree_namespaces_find(struct dump *d)
{
	struct stat own = { 0 }, st;
	int r = 0;

	stat("/proc/thread-self/ns/net", &own);
	for (size_t i = 0; r == 0 && i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];
		int fd = -1;

		if (p->zombie || fstatat(p->proc_fd, "ns/net", &st, 0) != 0 || is_known(d, &st))
			continue;
		/* our own one takes no privilege */
		if (st.st_ino == own.st_ino || (fd = openat(p->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC)) >= 0)
			r = add_namespace(d, &st, fd);
	}
	return r;
}

void
tree_namespaces_close(struct dump *d)
{
	for (size_t i = 0; i < d->tree_namespaces.n; i++) {
		const struct tree_namespace *n = d->tree_namespaces.v[i];

		if (n->fd >= 0)
			close(n->fd);
	}
	d->tree_namespaces.n = 0;
}

int
diag_dump_tcp(struct dump *d, uint32_t states, uint8_t extensions, diag_answer *take, void *ctx)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < d->tree_namespaces.n * 2; i++) {
		const struct tree_namespace *n = d->tree_namespaces.v[i / 2];
		const struct inet_diag_req_v2 request = { .sdiag_family = families[i % 2],
		    .sdiag_protocol = IPPROTO_TCP, .idiag_states = states, .idiag_ext = extensions };

		r = diag_dump(d, n->fd, &request, sizeof request, take, ctx);
	}
	return r;
}

/* Mapped addresses come as such, from either family's sockets. */
socklen_t
diag_address(const struct inet_diag_msg *m, bool remote, void *to)
{
	const void *address = remote ? m->id.idiag_dst : m->id.idiag_src;
	in_port_t port = remote ? m->id.idiag_dport : m->id.idiag_sport;
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = port };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = port };

	if (m->idiag_family == AF_INET) {
		memcpy(&in.sin_addr, address, sizeof in.sin_addr);
		memcpy(to, &in, sizeof in);
		return sizeof in;
	}
	memcpy(&in6.sin6_addr, address, sizeof in6.sin6_addr);
	if (IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr))
		in6.sin6_scope_id = m->id.idiag_if;
	memcpy(to, &in6, sizeof in6);
	return sizeof in6;
}
