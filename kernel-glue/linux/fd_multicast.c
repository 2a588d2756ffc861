/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Multicast groups that a socket has joined.  The kernel lists the groups of
 * interfaces only; whether one of them is a socket's, and from which sources,
 * is asked of the socket.
 */
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "kernel-glue/linux/fd.h"

#define SOURCES_MAX	256

struct group {
	uint32_t	interface;
	uint32_t	len;			/* 4 or 16 */
	uint8_t		address[16];
};

/* Those of the network namespace that a process is in. */
struct groups {
	const struct proc *proc;
	struct list	all;			/* struct group */
};

/* ---- which there are ---- */

static int
add_group(struct dump *d, struct groups *g, uint32_t interface, const void *address, uint32_t len)
{
	struct group *x = dump_alloc(d, sizeof *x);

	if (x == NULL || list_add(d, &g->all, x) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, g->proc, "out of memory");
	x->interface = interface;
	x->len = len;
	memcpy(x->address, address, len);
	return 0;
}

/* "2\teth0 : 1 V3" begins an interface, "\t\t\t\t010000E0 1 ..." is a group: the address as a word of memory. */
static int
read_igmp(struct dump *d, struct groups *g, const char *text)
{
	unsigned interface = 0, address;
	int r = 0;

	for (; r == 0 && text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (*text != '\t')
			sscanf(text, "%u", &interface);
		else if (sscanf(text, " %8x", &address) == 1)
			r = add_group(d, g, interface, &address, 4);
	}
	return r;
}

/* "1    lo              ff020000000000000000000000000001     1 0000000C 0" */
static int
read_igmp6(struct dump *d, struct groups *g, const char *text)
{
	unsigned interface, byte;
	uint8_t address[16];
	char hex[33];
	int r = 0;

	for (; r == 0 && text != NULL; text = strchr(text, '\n')) {
		text += *text == '\n';
		if (sscanf(text, "%u %*s %32s", &interface, hex) != 2)
			continue;
		for (int i = 0; i < 16; i++)
			address[i] = sscanf(hex + 2 * i, "%2x", &byte) == 1 ? (uint8_t)byte : 0;
		r = add_group(d, g, interface, address, 16);
	}
	return r;
}

/* Without IPv6, or /proc, there is no such file. */
static int
read_groups(struct dump *d, struct groups *g)
{
	char *text;
	int r = 0;

	if (proc_try_read(d, g->proc, "net/igmp", &text, NULL) == 0)
		r = read_igmp(d, g, text);
	if (r == 0 && proc_try_read(d, g->proc, "net/igmp6", &text, NULL) == 0)
		r = read_igmp6(d, g, text);
	return r;
}

static int
find_groups(struct dump *d, const struct proc *p, struct groups **out)
{
	for (size_t i = 0; i < d->multicast_groups.n; i++) {
		*out = d->multicast_groups.v[i];
		if ((*out)->proc == p)
			return 0;
	}
	if ((*out = dump_alloc(d, sizeof **out)) == NULL || list_add(d, &d->multicast_groups, *out) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	(*out)->proc = p;
	return read_groups(d, *out);
}

/* ---- which are the socket's ---- */

static const uint8_t *
ip_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? (const uint8_t *)&((const struct sockaddr_in *)(const void *)a)->sin_addr :
	    ((const struct sockaddr_in6 *)(const void *)a)->sin6_addr.s6_addr;
}

static void
fill_address(struct sockaddr_storage *a, const struct group *g)
{
	a->ss_family = g->len == 4 ? AF_INET : AF_INET6;
	memcpy((uint8_t *)(uintptr_t)ip_of(a), g->address, g->len);
}

static int
keep_membership(struct dump *d, struct socket_object *s, const struct group *g, const struct group_filter *f,
    int local)
{
	struct ifreq name = { .ifr_ifindex = (int)g->interface };
	struct membership *m = dump_alloc(d, sizeof *m);

	if (f->gf_numsrc > SOURCES_MAX || ioctl(local, SIOCGIFNAME, &name) != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, s->proc, 0, s->fd, s->id, "multicast",
		    "a multicast group of an interface not known, or of %u sources", f->gf_numsrc);
	if (m == NULL || list_add(d, &s->memberships, m) != 0 ||
	    (m->sources = dump_alloc(d, f->gf_numsrc * 16 + 1)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, s->proc, "out of memory");
	memcpy(m->interface, name.ifr_name, sizeof m->interface);
	memcpy(m->group, g->address, m->len = g->len);
	m->include = f->gf_fmode == MCAST_INCLUDE;
	m->nsources = f->gf_numsrc;
	for (uint32_t i = 0; i < m->nsources; i++)
		memcpy(m->sources + i * m->len, ip_of(&f->gf_slist[i]), m->len);
	return 0;
}

static int
ask_about(struct dump *d, struct socket_object *s, const struct group *g, int local)
{
	union { struct group_filter f; uint8_t room[GROUP_FILTER_SIZE(SOURCES_MAX)]; } u = { 0 };
	socklen_t len = sizeof u;

	u.f.gf_interface = g->interface;
	u.f.gf_numsrc = SOURCES_MAX;
	fill_address(&u.f.gf_group, g);
	if (getsockopt(local, g->len == 4 ? IPPROTO_IP : IPPROTO_IPV6, MCAST_MSFILTER, &u.f, &len) != 0)
		return 0;
	return keep_membership(d, s, g, &u.f, local);
}

int
multicast_collect(struct dump *d, struct socket_object *s, int local)
{
	struct groups *g;
	int r;

	if ((r = find_groups(d, s->proc, &g)) != 0)
		return r;
	for (size_t i = 0; r == 0 && i < g->all.n; i++) {
		const struct group *x = g->all.v[i];

		if (x->len == 4 || s->family == AF_INET6)
			r = ask_about(d, s, x, local);
	}
	return r;
}

/* ---- emitting ---- */

void
multicast_emit(struct glue_emit *e, const struct socket_object *s)
{
	for (size_t i = 0; i < s->memberships.n; i++) {
		const struct membership *m = s->memberships.v[i];

		glue_emit_open(e, PSNAP_F_SOCKET_MEMBERSHIPS);
		glue_emit_bytes(e, PSNAP_F_MULTICAST_MEMBERSHIP_GROUP, m->group, m->len);
		glue_emit_string(e, PSNAP_F_MULTICAST_MEMBERSHIP_INTERFACE, m->interface);
		glue_emit_uint(e, PSNAP_F_MULTICAST_MEMBERSHIP_INCLUDE, m->include);
		for (uint32_t k = 0; k < m->nsources; k++)
			glue_emit_bytes(e, PSNAP_F_MULTICAST_MEMBERSHIP_SOURCES, m->sources + k * m->len, m->len);
		glue_emit_close(e);
	}
}
