/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The network stack of the tree's namespace, asked from within it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <linux/nexthop.h>
#include <linux/xfrm.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/net.h"
#include "kernel-glue/linux/task.h"

/* ---- what the kernel tells ---- */

struct collection {
	struct dump	*d;
	struct net	*net;
	const struct net_type *type;
	struct list	*to;
};

static int
take_object(void *ctx, const struct nlmsghdr *h)
{
	const struct collection *c = ctx;
	const struct nlmsghdr *copy;
	struct net_object *o;
	int r;

	if (h->nlmsg_type != c->type->new || h->nlmsg_len < NLMSG_LENGTH(c->type->header))
		return 0;
	if ((o = dump_alloc(c->d, sizeof *o)) == NULL || (copy = dump_memdup(c->d, h, h->nlmsg_len)) == NULL ||
	    (o->a = dump_alloc(c->d, c->type->attributes * sizeof *o->a)) == NULL)
		return dump_fail(c->d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	o->net = c->net;
	o->order = c->to->n;
	o->header = NLMSG_DATA(copy);
	netlink_parse(copy, c->type->header, o->a, c->type->attributes);
	if ((r = c->type->take(c->d, c->net, o)) != 1)
		return r;
	return list_add(c->d, c->to, o) == 0 ? 0 : dump_fail(c->d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

#define TRIES	8	/* while others change it */

int
net_collect_asked(struct dump *d, struct net *net, int fd, const struct net_type *type, const void *header, size_t n,
    struct list *to)
{
	struct collection c = { d, net, type, to };
	size_t before = to->n;
	int r = -EAGAIN;

	for (int i = 0; i < TRIES && r == -EAGAIN; i++) {
		to->n = before;
		r = netlink_dump(fd, type->get, header, n, take_object, &c);
	}
	if (r == 0 || d->err->code != GLUE_OK)
		return r;
	/* a kernel without IPv6, or without rules, has none */
	return r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 :
	    dump_fail(d, GLUE_E_SYSTEM, -r, NULL, "asking for the network stack (message %u)", type->get);
}

int
net_collect_objects(struct dump *d, struct net *net, const struct net_type *type, const void *header, struct list *to)
{
	return net_collect_asked(d, net, net->fd, type, header, type->header, to);
}

uint64_t
net_interface_id(const struct net *net, uint32_t index)
{
	for (size_t i = 0; i < net->interfaces.n; i++) {
		const struct net_object *o = net->interfaces.v[i];

		if ((uint32_t)((const struct ifinfomsg *)o->header)->ifi_index == index)
			return o->id;
	}
	return 0;
}

void
net_emit_bytes(struct glue_emit *e, uint32_t field, const struct rtattr *a)
{
	if (a != NULL)
		glue_emit_bytes(e, field, RTA_DATA(a), RTA_PAYLOAD(a));
}

uint32_t
net_record_family(uint8_t family)
{
	return family == AF_INET ? PSNAP_SOCKET_IPV4 : family == AF_INET6 ? PSNAP_SOCKET_IPV6 : 0;
}

uint32_t
net_record_scope(uint8_t scope)
{
	switch (scope) {
	case RT_SCOPE_UNIVERSE:
		return PSNAP_NETWORK_UNIVERSE;
	case RT_SCOPE_SITE:
		return PSNAP_NETWORK_SITE;
	case RT_SCOPE_LINK:
		return PSNAP_NETWORK_LINK;
	case RT_SCOPE_HOST:
		return PSNAP_NETWORK_HOST;
	default:
		return PSNAP_NETWORK_NOWHERE;
	}
}

/* ---- what is not carried ---- */

static int
count_one(void *ctx, const struct nlmsghdr *h)
{
	/* of queues of packets only what somebody has chosen has a handle */
	*(size_t *)ctx += h->nlmsg_type != RTM_NEWQDISC || ((const struct tcmsg *)NLMSG_DATA(h))->tcm_handle != 0;
	return 0;
}

/* Whether there are objects of a kind that no record is for, or -errno; who has no such protocol has none. */
static int
has_objects(int protocol, uint16_t type, const void *header, size_t len)
{
	size_t found = 0;
	int fd = netlink_open(-1, protocol), r = 0;

	if (fd >= 0) {
		r = netlink_dump(fd, type, header, len, count_one, &found);
		close(fd);
	}
	return found > 0 ? 1 : r;
}

/* The kernel tells a 32-bit program nothing if it is a 64-bit one without XFRM_USER_COMPAT. */
static int
cover_ipsec(struct dump *d)
{
	const struct xfrm_usersa_id state = { 0 };
	const struct xfrm_userpolicy_id policy = { .dir = 0 };
	int r = has_objects(NETLINK_XFRM, XFRM_MSG_GETSA, &state, sizeof state);

	if (r == 0)
		r = has_objects(NETLINK_XFRM, XFRM_MSG_GETPOLICY, &policy, sizeof policy);
	if (r < 0)
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0, "network-ipsec",
		    "whether the network namespace has states or policies of IPsec is not known: %s", strerror(-r));
	return r == 0 ? 0 : dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-ipsec",
	    "the network namespace has states or policies of IPsec, which are not carried");
}

/* Of iptables without nftables: tables are made when they are first looked at, and never go. */
static bool
has_old_tables(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	char c;
	bool any = fd >= 0 && read(fd, &c, 1) == 1;

	if (fd >= 0)
		close(fd);
	return any;
}

static int
cover_rest(struct dump *d)
{
	const struct nfgenmsg connections = { .version = NFNETLINK_V0 };
	const struct tcmsg queues = { 0 };
	const struct nhmsg hops = { 0 };
	int r = 0;

	if (has_old_tables("/proc/thread-self/net/ip_tables_names") ||
	    has_old_tables("/proc/thread-self/net/ip6_tables_names") ||
	    has_old_tables("/proc/thread-self/net/arp_tables_names"))
		r = dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-filter",
		    "the network namespace has tables of iptables without nftables, which are not carried");
	if (r == 0 && has_objects(NETLINK_NETFILTER, NFNL_SUBSYS_CTNETLINK << 8 | IPCTNL_MSG_CT_GET, &connections,
	    sizeof connections) > 0)
		r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0, "network-tracking",
		    "which connections are tracked, and which addresses were translated, is not carried");
	if (r == 0)
		r = cover_ipsec(d);
	if (r == 0 && has_objects(NETLINK_ROUTE, RTM_GETNEXTHOP, &hops, sizeof hops) > 0)
		r = dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-route",
		    "the network namespace has next hops of their own, which are not carried");
	if (r == 0 && has_objects(NETLINK_ROUTE, RTM_GETQDISC, &queues, sizeof queues) > 0)
		r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0, "network-queue",
		    "how packets are queued (tc) is not carried");
	return r;
}

/* ---- the namespace ---- */

static int
collect_stack(struct dump *d, struct net *net)
{
	int r;

	if ((r = interfaces_collect(d, net)) != 0 ||
	    (r = settings_collect(d, net)) != 0 ||
	    (r = addresses_collect(d, net)) != 0 ||
	    (r = routes_collect(d, net)) != 0 ||
	    (r = net_filters_collect(d, net)) != 0)
		return r;
	net->id = dump_new_id(d);
	return cover_rest(d);
}

/* From within, by rtnetlink, nfnetlink and /proc/sys/net. */
static int
collect_inside(struct dump *d, struct proc *root)
{
	struct net *net = d->net;
	int r;

	if ((net->fd = netlink_open(-1, NETLINK_ROUTE)) < 0)
		return dump_fail(d, GLUE_E_SYSTEM, -net->fd, root, "asking for its network stack");
	r = collect_stack(d, net);
	close(net->fd);
	return r;
}

int
net_collect(struct dump *d)
{
	struct proc *root = d->procs.v[0];
	const struct ns *n = namespace_of(root, PSNAP_NAMESPACE_NET);
	int error, r;

	if (!d->options->netns && !(d->options->instance && namespace_is_own(d, PSNAP_NAMESPACE_NET)))
		return 0;
	if (n == NULL || n->of_dumper)
		return dump_fail(d, GLUE_E_PARTIAL, 0, root, n == NULL ? "its network namespace is not known" :
		    "it is in our own network namespace, which is not taken along (--netns)");
	if ((d->net = dump_alloc(d, sizeof *d->net)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	d->net->namespace_id = n->id;
	if ((r = namespaces_cover_others(d, n, "network-namespace")) != 0 ||
	    (r = in_namespace(d, root, "net", CLONE_NEWNET, &error, collect_inside)) != 0)
		return r;
	return error == 0 ? 0 : dump_fail(d, GLUE_E_SYSTEM, error, root, "entering its network namespace");
}

/* ---- records ---- */

void
net_emit_settings(struct glue_emit *e, uint32_t field, const struct list *settings)
{
	for (size_t i = 0; i < settings->n; i++) {
		const struct setting *s = settings->v[i];
		uint64_t values[sizeof s->values / sizeof s->values[0]];

		for (size_t k = 0; k < s->n; k++)
			values[k] = (uint64_t)s->values[k];
		glue_emit_open(e, field);
		glue_emit_uint(e, PSNAP_F_NETWORK_SETTING_KIND, s->kind);
		glue_emit_packed64(e, PSNAP_F_NETWORK_SETTING_VALUES, values, s->n);
		glue_emit_close(e);
	}
}

static void
stack_fields(struct glue_emit *e, const void *object)
{
	const struct net *net = object;

	glue_emit_uint(e, PSNAP_F_NETWORK_STACK_NAMESPACE_ID, net->namespace_id);
	net_emit_settings(e, PSNAP_F_NETWORK_STACK_SETTINGS, &net->settings);
	net_emit_settings(e, PSNAP_F_NETWORK_STACK_FOR_ALL, &net->for_all);
	net_emit_settings(e, PSNAP_F_NETWORK_STACK_FOR_NEW, &net->for_new);
}

int
net_emit(struct dump *d)
{
	const struct net *net = d->net;
	int r;

	if (net == NULL)
		return 0;
	if ((r = dump_record(d, PSNAP_KIND_NETWORK_STACK, net->id, stack_fields, net)) != 0 ||
	    (r = interfaces_emit(d, net)) != 0 ||
	    (r = addresses_emit(d, net)) != 0 ||
	    (r = routes_emit(d, net)) != 0)
		return r;
	return net_filters_emit(d, net);
}
