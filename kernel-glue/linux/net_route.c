/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes, and the rules that choose among their tables.
 */
#include <arpa/inet.h>
#include <linux/fib_rules.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/net.h"
#include "linux/net_routes.h"

/* ---- collecting ---- */

static uint32_t
table_of(const struct net_object *o)
{
	return netlink_get32(o->a[RTA_TABLE], ((const struct rtmsg *)o->header)->rtm_table);
}

static int
cover(struct dump *d, const char *what)
{
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-route",
	    "the network namespace has routes that are not carried: %s", what);
}

/* Metrics that a record has no kind for. */
static bool
has_other_metrics(const struct rtattr *metrics)
{
	const struct rtattr *a[RTAX_MAX + 1];

	netlink_parse_nested(metrics, a, RTAX_MAX + 1);
	for (uint32_t i = 1; i <= RTAX_MAX; i++)
		if (a[i] != NULL && i != RTAX_LOCK && net_metric_kind(i) == 0)
			return true;
	return false;
}

/* What the kernel has made, or was told by routers, it makes again. */
static int
take_route(struct dump *d, struct net *net, const struct net_object *o)
{
	const struct rtmsg *h = o->header;

	if (net_record_family(h->rtm_family) == 0 || h->rtm_flags & RTM_F_CLONED || h->rtm_protocol == RTPROT_KERNEL ||
	    h->rtm_protocol == RTPROT_RA || h->rtm_protocol == RTPROT_REDIRECT)
		return 0;
	if (net_route_type_of(h->rtm_type) == 0)
		return cover(d, "to groups, or of an unusual type");
	if (o->a[RTA_ENCAP] != NULL || o->a[RTA_NH_ID] != NULL || o->a[RTA_NEWDST] != NULL)
		return cover(d, "that encapsulate packets, or share next hops");
	if (has_other_metrics(o->a[RTA_METRICS]))
		return cover(d, "with unusual metrics");
	/* not by an interface that is not carried */
	return o->a[RTA_OIF] == NULL || net_interface_id(net, netlink_get32(o->a[RTA_OIF], 0)) != 0;
}

static int
take_rule(struct dump *d, struct net *net, const struct net_object *o)
{
	const struct fib_rule_hdr *h = o->header;

	(void)net;
	if (net_record_family(h->family) == 0)
		return 0;
	if (net_rule_action_of(h->action) == 0 || o->a[FRA_TUN_ID] != NULL || o->a[FRA_FLOW] != NULL ||
	    netlink_get8(o->a[FRA_L3MDEV], 0) != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-rule",
		    "the network namespace has rules of routing that are not carried (of tunnels, realms or l3mdev)");
	return 1;
}

static int
compare_bytes(const struct rtattr *a, const struct rtattr *b)
{
	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	return memcmp(RTA_DATA(a), RTA_DATA(b), RTA_PAYLOAD(a) < RTA_PAYLOAD(b) ? RTA_PAYLOAD(a) : RTA_PAYLOAD(b));
}

/* By what tells one from the other, so that it does not matter how the kernel keeps them. */
static int
compare_routes(const void *a, const void *b)
{
	const struct net_object *x = *(const struct net_object *const *)a, *y = *(const struct net_object *const *)b;
	const struct rtmsg *p = x->header, *q = y->header;
	const uint32_t v[][2] = {
		{ p->rtm_family, q->rtm_family }, { table_of(x), table_of(y) }, { p->rtm_dst_len, q->rtm_dst_len },
		{ p->rtm_tos, q->rtm_tos },
		{ netlink_get32(x->a[RTA_PRIORITY], 0), netlink_get32(y->a[RTA_PRIORITY], 0) },
	};
	int c;

	for (size_t i = 0; i < sizeof v / sizeof v[0]; i++)
		if (v[i][0] != v[i][1])
			return v[i][0] < v[i][1] ? -1 : 1;
	if ((c = compare_bytes(x->a[RTA_DST], y->a[RTA_DST])) != 0)
		return c;
	return x->order < y->order ? -1 : x->order > y->order;
}

int
routes_collect(struct dump *d, struct net *net)
{
	static const struct net_type routes = { RTM_GETROUTE, RTM_NEWROUTE, sizeof(struct rtmsg), RTA_MAX + 1, take_route };
	static const struct net_type rules = { RTM_GETRULE, RTM_NEWRULE, sizeof(struct fib_rule_hdr), FRA_MAX + 1,
	    take_rule };
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	int r;

	for (size_t i = 0; i < sizeof families; i++) {
		const struct rtmsg route = { .rtm_family = families[i] };
		const struct fib_rule_hdr rule = { .family = families[i] };

		if ((r = net_collect_objects(d, net, &routes, &route, &net->routes)) != 0 ||
		    (r = net_collect_objects(d, net, &rules, &rule, &net->rules)) != 0)
			return r;
	}
	if (net->routes.n > 0)
		qsort(net->routes.v, net->routes.n, sizeof *net->routes.v, compare_routes);
	for (size_t i = 0; i < net->routes.n; i++)
		((struct net_object *)net->routes.v[i])->id = dump_new_id(d);
	for (size_t i = 0; i < net->rules.n; i++)
		((struct net_object *)net->rules.v[i])->id = dump_new_id(d);
	return 0;
}

/* ---- routes ---- */

/* Of one way to go; gateway of the family, or via another's. */
static void
emit_next_hop(struct glue_emit *e, const struct net_object *o, uint8_t family, uint32_t index, uint32_t weight,
    unsigned flags, const struct rtattr *gateway, const struct rtattr *via)
{
	const struct rtvia *v = via != NULL ? RTA_DATA(via) : NULL;

	glue_emit_open(e, PSNAP_F_ROUTE_NEXT_HOPS);
	glue_emit_uint(e, PSNAP_F_NEXT_HOP_INTERFACE_ID, net_interface_id(o->net, index));
	if (v != NULL) {
		glue_emit_uint(e, PSNAP_F_NEXT_HOP_GATEWAY_FAMILY, net_record_family((uint8_t)v->rtvia_family));
		glue_emit_bytes(e, PSNAP_F_NEXT_HOP_GATEWAY, v->rtvia_addr, RTA_PAYLOAD(via) - sizeof *v);
	} else if (gateway != NULL) {
		glue_emit_uint(e, PSNAP_F_NEXT_HOP_GATEWAY_FAMILY, net_record_family(family));
		net_emit_bytes(e, PSNAP_F_NEXT_HOP_GATEWAY, gateway);
	}
	glue_emit_uint(e, PSNAP_F_NEXT_HOP_WEIGHT, weight);
	glue_emit_uint(e, PSNAP_F_NEXT_HOP_ON_LINK, (flags & RTNH_F_ONLINK) != 0);
	glue_emit_close(e);
}

static void
emit_several(struct glue_emit *e, const struct net_object *o, uint8_t family)
{
	const struct rtnexthop *h = RTA_DATA(o->a[RTA_MULTIPATH]);
	size_t left = RTA_PAYLOAD(o->a[RTA_MULTIPATH]);

	while (left >= sizeof *h && RTNH_OK(h, (int)left)) {
		const struct rtattr *a[RTA_MAX + 1];
		size_t step = RTNH_ALIGN(h->rtnh_len);

		netlink_parse_attributes(RTNH_DATA(h), h->rtnh_len - sizeof *h, a, RTA_MAX + 1);
		emit_next_hop(e, o, family, (uint32_t)h->rtnh_ifindex, h->rtnh_hops + 1u, h->rtnh_flags, a[RTA_GATEWAY],
		    a[RTA_VIA]);
		if (step >= left)
			break;
		left -= step;
		h = RTNH_NEXT(h);
	}
}

static void
emit_metrics(struct glue_emit *e, const struct rtattr *metrics)
{
	const struct rtattr *a[RTAX_MAX + 1];
	uint32_t locked;

	netlink_parse_nested(metrics, a, RTAX_MAX + 1);
	locked = netlink_get32(a[RTAX_LOCK], 0);
	for (uint32_t kind = 1, i; (i = net_metric_number(kind)) != 0; kind++) {
		if (a[i] == NULL)
			continue;
		glue_emit_open(e, PSNAP_F_ROUTE_METRICS);
		glue_emit_uint(e, PSNAP_F_ROUTE_METRIC_KIND, kind);
		glue_emit_uint(e, PSNAP_F_ROUTE_METRIC_VALUE, netlink_get32(a[i], 0));
		glue_emit_uint(e, PSNAP_F_ROUTE_METRIC_LOCKED, locked >> i & 1);
		glue_emit_close(e);
	}
}

static uint32_t
emitted_table(uint32_t table)
{
	return table == RT_TABLE_MAIN ? 0 : table;
}

static void
route_fields(struct glue_emit *e, const void *object)
{
	/* icmpv6.h: router preference, two bits */
	static const uint32_t preferences[] = { [0] = 0, [1] = 2, [2] = 0, [3] = 1 };
	const struct net_object *o = object;
	const struct rtmsg *h = o->header;
	uint32_t origin = net_origin_of(h->rtm_protocol);

	glue_emit_uint(e, PSNAP_F_ROUTE_NAMESPACE_ID, o->net->namespace_id);
	glue_emit_uint(e, PSNAP_F_ROUTE_FAMILY, net_record_family(h->rtm_family));
	glue_emit_uint(e, PSNAP_F_ROUTE_TABLE, emitted_table(table_of(o)));
	glue_emit_uint(e, PSNAP_F_ROUTE_TYPE, net_route_type_of(h->rtm_type));
	net_emit_bytes(e, PSNAP_F_ROUTE_DESTINATION, o->a[RTA_DST]);
	glue_emit_uint(e, PSNAP_F_ROUTE_DESTINATION_BITS, h->rtm_dst_len);
	net_emit_bytes(e, PSNAP_F_ROUTE_SOURCE, o->a[RTA_SRC]);
	glue_emit_uint(e, PSNAP_F_ROUTE_SOURCE_BITS, h->rtm_src_len);
	glue_emit_uint(e, PSNAP_F_ROUTE_SERVICE, h->rtm_tos);
	glue_emit_uint(e, PSNAP_F_ROUTE_METRIC, netlink_get32(o->a[RTA_PRIORITY], 0));
	glue_emit_uint(e, PSNAP_F_ROUTE_ORIGIN, origin);
	glue_emit_uint(e, PSNAP_F_ROUTE_ORIGIN_NUMBER, origin == PSNAP_ROUTE_DAEMON ? h->rtm_protocol : 0);
	if (h->rtm_family == AF_INET)
		glue_emit_uint(e, PSNAP_F_ROUTE_SCOPE, net_record_scope(h->rtm_scope));
	net_emit_bytes(e, PSNAP_F_ROUTE_PREFERRED_SOURCE, o->a[RTA_PREFSRC]);
	if (o->a[RTA_MULTIPATH] != NULL)
		emit_several(e, o, h->rtm_family);
	else if (o->a[RTA_OIF] != NULL || o->a[RTA_GATEWAY] != NULL || o->a[RTA_VIA] != NULL)
		emit_next_hop(e, o, h->rtm_family, netlink_get32(o->a[RTA_OIF], 0), 1, h->rtm_flags, o->a[RTA_GATEWAY],
		    o->a[RTA_VIA]);
	emit_metrics(e, o->a[RTA_METRICS]);
	glue_emit_uint(e, PSNAP_F_ROUTE_PREFERENCE, preferences[netlink_get8(o->a[RTA_PREF], 0) & 3]);
}

/* ---- rules ---- */

static void
emit_range(struct glue_emit *e, uint32_t field, uint32_t first, uint32_t last)
{
	glue_emit_open(e, field);
	glue_emit_uint(e, PSNAP_F_RULE_RANGE_FIRST, first);
	glue_emit_uint(e, PSNAP_F_RULE_RANGE_LAST, last);
	glue_emit_close(e);
}

static void
emit_ports(struct glue_emit *e, uint32_t field, const struct rtattr *a)
{
	const struct fib_rule_port_range *r = a != NULL && RTA_PAYLOAD(a) >= sizeof *r ? RTA_DATA(a) : NULL;

	if (r != NULL)
		emit_range(e, field, r->start, r->end);
}

static void
emit_uids(struct glue_emit *e, const struct rtattr *a)
{
	const struct fib_rule_uid_range *r = a != NULL && RTA_PAYLOAD(a) >= sizeof *r ? RTA_DATA(a) : NULL;

	if (r != NULL)
		emit_range(e, PSNAP_F_ROUTE_RULE_UIDS, r->start, r->end);
}

static void
rule_fields(struct glue_emit *e, const void *object)
{
	const struct net_object *o = object;
	const struct fib_rule_hdr *h = o->header;
	uint32_t suppressed = netlink_get32(o->a[FRA_SUPPRESS_PREFIXLEN], UINT32_MAX);
	uint32_t action = net_rule_action_of(h->action);
	uint8_t protocol = netlink_get8(o->a[FRA_PROTOCOL], RTPROT_UNSPEC);
	uint32_t origin = net_origin_of(protocol);

	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_NAMESPACE_ID, o->net->namespace_id);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_FAMILY, net_record_family(h->family));
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_PRIORITY, netlink_get32(o->a[FRA_PRIORITY], 0));
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_ACTION, action);
	if (action == PSNAP_RULE_LOOKUP)
		glue_emit_uint(e, PSNAP_F_ROUTE_RULE_TABLE, emitted_table(netlink_get32(o->a[FRA_TABLE], h->table)));
	if (action == PSNAP_RULE_GOTO)
		glue_emit_uint(e, PSNAP_F_ROUTE_RULE_TARGET, netlink_get32(o->a[FRA_GOTO], 0));
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_INVERTED, (h->flags & FIB_RULE_INVERT) != 0);
	net_emit_bytes(e, PSNAP_F_ROUTE_RULE_SOURCE, o->a[FRA_SRC]);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_SOURCE_BITS, h->src_len);
	net_emit_bytes(e, PSNAP_F_ROUTE_RULE_DESTINATION, o->a[FRA_DST]);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_DESTINATION_BITS, h->dst_len);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_SERVICE, h->tos);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_MARK, netlink_get32(o->a[FRA_FWMARK], 0));
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_MARK_MASK, netlink_get32(o->a[FRA_FWMASK], 0));
	glue_emit_string(e, PSNAP_F_ROUTE_RULE_INPUT_INTERFACE, netlink_get_text(o->a[FRA_IIFNAME]));
	glue_emit_string(e, PSNAP_F_ROUTE_RULE_OUTPUT_INTERFACE, netlink_get_text(o->a[FRA_OIFNAME]));
	emit_uids(e, o->a[FRA_UID_RANGE]);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_PROTOCOL, netlink_get8(o->a[FRA_IP_PROTO], 0));
	emit_ports(e, PSNAP_F_ROUTE_RULE_SOURCE_PORTS, o->a[FRA_SPORT_RANGE]);
	emit_ports(e, PSNAP_F_ROUTE_RULE_DESTINATION_PORTS, o->a[FRA_DPORT_RANGE]);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_SUPPRESSES, suppressed != UINT32_MAX);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_SUPPRESSED_BITS, suppressed != UINT32_MAX ? suppressed : 0);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_ORIGIN, origin);
	glue_emit_uint(e, PSNAP_F_ROUTE_RULE_ORIGIN_NUMBER, origin == PSNAP_ROUTE_DAEMON ? protocol : 0);
}

int
routes_emit(struct dump *d, const struct net *net)
{
	int r = 0;

	for (size_t i = 0; i < net->routes.n && r == 0; i++)
		r = dump_record(d, PSNAP_KIND_ROUTE, ((const struct net_object *)net->routes.v[i])->id, route_fields,
		    net->routes.v[i]);
	for (size_t i = 0; i < net->rules.n && r == 0; i++)
		r = dump_record(d, PSNAP_KIND_ROUTE_RULE, ((const struct net_object *)net->rules.v[i])->id, rule_fields,
		    net->rules.v[i]);
	return r;
}
