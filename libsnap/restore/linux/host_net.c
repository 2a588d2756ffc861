/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the network stack of a snapshot can be made, and whether the caller
 * is where it may be: in a namespace in which there is nothing yet.
 */
#include <errno.h>
#include <net/if.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/net.h"
#include "libsnap/restore/linux/net_filter.h"

/* Of some tunnels, every namespace has one, which is down. */
static int
count_used(void *ctx, const struct nlmsghdr *h)
{
	const struct ifinfomsg *i = NLMSG_DATA(h);

	*(size_t *)ctx += h->nlmsg_type == RTM_NEWLINK && (i->ifi_flags & IFF_UP) != 0;
	return 0;
}

static int
count_any(void *ctx, const struct nlmsghdr *h)
{
	(void)h;
	++*(size_t *)ctx;
	return 0;
}

/* No interface is up, none has an address; and it is not the one outside. */
static bool
is_new(const struct snap_own_net *o)
{
	const struct ifinfomsg links = { .ifi_family = AF_UNSPEC };
	const struct ifaddrmsg addresses = { .ifa_family = AF_UNSPEC };
	struct stat here, outside;
	size_t used = 0;
	int fd = netlink_open(-1, NETLINK_ROUTE), r;

	if (fd < 0)
		return false;
	r = netlink_dump(fd, RTM_GETLINK, &links, sizeof links, count_used, &used);
	if (r == 0)
		r = netlink_dump(fd, RTM_GETADDR, &addresses, sizeof addresses, count_any, &used);
	close(fd);
	return r == 0 && used == 0 && stat("/proc/thread-self/ns/net", &here) == 0 && fstat(o->outside, &outside) == 0 &&
	    (here.st_dev != outside.st_dev || here.st_ino != outside.st_ino);
}

/* Of each pair one end of which was outside. */
static void
check_pairs(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_INTERFACE, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Interface *x = (const void *)v[i]->message;

		if (x->pair != NULL && x->pair->peer_id == 0 && net_outside_name(p, x->name) == NULL)
			plan_problem(p, SNAP_FATAL, NULL, v[i]->id, "network-pair",
			    "say what it is to be called here (--veth)",
			    "the other end of interface %s was outside its namespace", x->name);
	}
}

static void
check_names(struct plan *p)
{
	const struct snap_own_net *o = p->o->own_net;
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_INTERFACE, &n);

	for (size_t i = 0; i < o->npairs; i++) {
		bool found = false;

		for (size_t k = 0; k < n; k++) {
			const Psnap__Interface *x = (const void *)v[k]->message;

			found = found || (x->pair != NULL && x->pair->peer_id == 0 && strcmp(x->name, o->pairs[i].name) == 0);
		}
		if (!found)
			plan_problem(p, SNAP_FATAL, NULL, 0, "network-pair", "snapinspect net tells which there are",
			    "no interface %s had its other end outside", o->pairs[i].name);
	}
}

/* Each of the stack's objects is in the one namespace that is made. */
static void
check_namespace(struct plan *p, const struct snap_object *o, uint64_t is, uint64_t only)
{
	if (is != only)
		plan_problem(p, SNAP_FATAL, NULL, o->id, "network-namespace", "none but to dump them apart",
		    "it is of more than one network namespace");
}

static void
check_namespaces(struct plan *p, uint64_t only)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_INTERFACE, &n);

	for (size_t i = 0; i < n; i++)
		check_namespace(p, v[i], ((const Psnap__Interface *)(const void *)v[i]->message)->namespace_id, only);
	v = snap_get_kind(p->s, PSNAP_KIND_ROUTE, &n);
	for (size_t i = 0; i < n; i++)
		check_namespace(p, v[i], ((const Psnap__Route *)(const void *)v[i]->message)->namespace_id, only);
	v = snap_get_kind(p->s, PSNAP_KIND_ROUTE_RULE, &n);
	for (size_t i = 0; i < n; i++)
		check_namespace(p, v[i], ((const Psnap__RouteRule *)(const void *)v[i]->message)->namespace_id, only);
	v = snap_get_kind(p->s, PSNAP_KIND_FILTER_TABLE, &n);
	for (size_t i = 0; i < n; i++)
		check_namespace(p, v[i], ((const Psnap__FilterTable *)(const void *)v[i]->message)->namespace_id, only);
}

/* What somebody has edited. */
static void
check_filters(struct plan *p)
{
	struct filter_batch f = { .s = p->s };
	int r = filter_batch_fill(&f);

	if (r != 0 && r != -ENOMEM)
		plan_problem(p, SNAP_FATAL, NULL, f.bad->id, "network-filter", "the words for them are in spec/filter.md",
		    "it is no expression of a filter: %s", f.what.s);
	filter_batch_free(&f);
}

void
host_check_net(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_NETWORK_STACK, &n);

	if (p->o->own_net == NULL)
		return;
	if (!is_new(p->o->own_net)) {
		plan_problem(p, SNAP_FATAL, NULL, 0, "network-not-new", "make a new one for it (--netns)",
		    "a network stack is only made where there is none: this network namespace is in use");
		return;
	}
	if (n != 1) {
		plan_problem(p, SNAP_FATAL, NULL, n > 1 ? v[1]->id : 0, "network-namespace",
		    n == 0 ? "dump with --netns, or restore without" : "none but to dump them apart",
		    n == 0 ? "the snapshot holds no network stack" : "it is of more than one network namespace");
		return;
	}
	check_namespaces(p, ((const Psnap__NetworkStack *)(const void *)v[0]->message)->namespace_id);
	check_pairs(p);
	check_names(p);
	check_filters(p);
}
