/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * TCP sockets whose segments are signed (TCP_MD5SIG, TCP_AO): the kernel tells
 * the keys to nobody who could not change them, and not all of them, so such
 * sockets are refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"

#ifndef TCP_AO_INFO
#define TCP_AO_INFO	40		/* linux/tcp.h, 6.7 */
#endif

static int
cover(struct dump *d, const struct socket_object *s)
{
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, "tcp-keys",
	    "a TCP socket whose segments are signed");
}

int
tcp_ao_collect(struct dump *d, const struct socket_object *s, int local)
{
	uint64_t info[8] = { 0 };
	socklen_t len = sizeof info;

	return getsockopt(local, IPPROTO_TCP, TCP_AO_INFO, info, &len) == 0 ? cover(d, s) : 0;
}

/* ---- by sock_diag ---- */

static bool
is_signed(const struct nlmsghdr *h)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);
	const struct rtattr *a = (const struct rtattr *)(const void *)(m + 1);
	int len = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));

	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (a->rta_type == INET_DIAG_MD5SIG)
			return true;
	return false;
}

static int
take_answer(struct dump *d, const struct nlmsghdr *h, void *none)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);

	(void)none;
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || !is_signed(h))
		return 0;
	for (size_t i = 0; i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];

		if (s->ino == m->idiag_inode)
			return cover(d, s);
	}
	return 0;
}

static int
ask(struct dump *d, int netns, uint8_t family)
{
	/* keys come with what idiag_ext asks for only */
	const struct inet_diag_req_v2 request = { .sdiag_family = family, .sdiag_protocol = IPPROTO_TCP,
	    .idiag_states = UINT32_MAX, .idiag_ext = 1 << (INET_DIAG_INFO - 1) };

	return diag_dump(d, netns, &request, sizeof request, take_answer, NULL);
}

/* Of the network namespace that a process is in. */
static int
ask_namespace(struct dump *d, const struct proc *p)
{
	int netns = openat(p->proc_fd, "ns/net", O_RDONLY | O_CLOEXEC), r;

	if (netns < 0)
		return 0;
	if ((r = ask(d, netns, AF_INET)) == 0)
		r = ask(d, netns, AF_INET6);
	close(netns);
	return r == DIAG_UNKNOWN ? dump_note(d, "TCP sockets with keys unknown: no sock_diag") : r;
}

/* ---- all ---- */

static bool
is_asked(const ino_t *v, size_t n, ino_t ino)
{
	for (size_t i = 0; i < n; i++)
		if (v[i] == ino)
			return true;
	return false;
}

int
tcp_keys_collect(struct dump *d)
{
	ino_t *asked = dump_alloc(d, (d->sockets.n + 1) * sizeof *asked);
	size_t n = 0;
	int r = 0;

	if (asked == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	for (size_t i = 0; r == 0 && i < d->sockets.n; i++) {
		const struct socket_object *s = d->sockets.v[i];
		struct stat st;

		if (s->tcp_state == 0 || s->told || fstatat(s->proc->proc_fd, "ns/net", &st, 0) != 0 ||
		    is_asked(asked, n, st.st_ino))
			continue;
		asked[n++] = st.st_ino;
		r = ask_namespace(d, s->proc);
	}
	return r;
}
