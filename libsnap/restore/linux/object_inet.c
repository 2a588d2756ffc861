/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What an internet socket belongs to, and what any socket is filtered by.
 */
#include <errno.h>
#include <linux/filter.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "libsnap/restore/linux/linux.h"

/* ---- multicast ---- */

static void
fill_address(struct sockaddr_storage *to, const ProtobufCBinaryData *ip)
{
	struct sockaddr_in *in = (void *)to;
	struct sockaddr_in6 *in6 = (void *)to;

	memset(to, 0, sizeof *to);
	to->ss_family = ip->len == 4 ? AF_INET : AF_INET6;
	if (ip->len == 4)
		memcpy(&in->sin_addr, ip->data, 4);
	else if (ip->len == 16)
		memcpy(&in6->sin6_addr, ip->data, 16);
}

static int
join(int fd, const Psnap__MulticastMembership *m)
{
	int level = m->group.len == 4 ? IPPROTO_IP : IPPROTO_IPV6, interface = interface_here(fd, &m->interface);
	struct group_source_req source = { .gsr_interface = (uint32_t)interface };
	struct group_req all = { .gr_interface = (uint32_t)interface };

	fill_address(&all.gr_group, &m->group);
	fill_address(&source.gsr_group, &m->group);
	if (interface <= 0 || (!m->include && setsockopt(fd, level, MCAST_JOIN_GROUP, &all, sizeof all) != 0))
		return -1;
	for (size_t i = 0; i < m->n_sources; i++) {
		fill_address(&source.gsr_source, &m->sources[i]);
		if (setsockopt(fd, level, m->include ? MCAST_JOIN_SOURCE_GROUP : MCAST_BLOCK_SOURCE, &source,
		    sizeof source) != 0)
			return -1;
	}
	return 0;
}

int
multicast_join(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	for (size_t i = 0; i < s->n_memberships; i++)
		if (join(fd, s->memberships[i]) != 0)
			return restore_fail(r, NULL, id, errno, "joining a multicast group on %.*s",
			    (int)s->memberships[i]->interface.len, (const char *)s->memberships[i]->interface.data);
	return 0;
}

/* ---- filters ---- */

static int
attach(const Psnap__Socket *s, int fd)
{
	size_t n = s->filter.len / sizeof(struct sock_filter);
	struct sock_filter *v;
	struct sock_fprog program = { .len = (unsigned short)n };
	int e;

	if (n == 0)
		return 0;
	if ((v = malloc(n * sizeof *v)) == NULL)
		return -1;
	/* instructions of 8 bytes, little-endian, as here */
	memcpy(v, s->filter.data, n * sizeof *v);
	program.filter = v;
	e = setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
	free(v);
	return e;
}

int
filter_set(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	return attach(s, fd) == 0 ? 0 : restore_fail(r, NULL, id, errno, "attaching the filter of a socket");
}

int
filter_attach(struct restore *r, const struct made_socket *m)
{
	int e;

	if (m->fd < 0)
		return 0;
	if ((e = filter_set(r, m->id, m->s, m->fd)) != 0)
		return e;
	if (m->s->options->filter_locked && option_set(m->fd, SOL_SOCKET, SO_LOCK_FILTER, 1) != 0)
		return restore_fail(r, NULL, m->id, errno, "locking the filter of a socket");
	return 0;
}
