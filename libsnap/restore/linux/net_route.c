/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Routes, and the rules that choose among their tables.
 */
#include <errno.h>
#include <linux/fib_rules.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/restore/linux/net.h"
#include "linux/net_routes.h"

static uint32_t
table_number(uint32_t table)
{
	return table == 0 ? RT_TABLE_MAIN : table;
}

/* ---- routes ---- */

static void
put_gateway(struct netlink_batch *b, const Psnap__Route *r, const Psnap__NextHop *h)
{
	struct { uint16_t family; uint8_t address[16]; } via = { .family = net_family(h->gateway_family) };

	if (h->gateway.len == 0)
		return;
	if (h->gateway_family == r->family) {
		net_put_bytes(b, RTA_GATEWAY, &h->gateway);
		return;
	}
	memcpy(via.address, h->gateway.data, h->gateway.len);
	netlink_put(b, RTA_VIA, &via, sizeof via.family + h->gateway.len);
}

/* Each is a header with attributes behind it. */
static void
put_next_hops(struct netlink_batch *b, const struct net *n, const Psnap__Route *r)
{
	size_t list = netlink_nest(b, RTA_MULTIPATH);

	for (size_t i = 0; i < r->n_next_hops; i++) {
		const Psnap__NextHop *h = r->next_hops[i];
		struct rtnexthop head = { .rtnh_flags = h->on_link ? RTNH_F_ONLINK : 0,
		    .rtnh_hops = (uint8_t)(h->weight - 1), .rtnh_ifindex = (int)net_index(n, h->interface_id) };
		size_t at = b->len;

		netlink_put_raw(b, &head, sizeof head);
		put_gateway(b, r, h);
		netlink_nest_end(b, at);	/* its length is where an attribute's is */
	}
	netlink_nest_end(b, list);
}

static void
put_metrics(struct netlink_batch *b, const Psnap__Route *r)
{
	size_t at = netlink_nest(b, RTA_METRICS);
	uint32_t locked = 0;

	for (size_t i = 0; i < r->n_metrics; i++) {
		uint32_t kind = net_metric_number(r->metrics[i]->kind);

		netlink_put32(b, (uint16_t)kind, r->metrics[i]->value);
		locked |= (uint32_t)(r->metrics[i]->locked != 0) << kind;
	}
	if (locked != 0)
		netlink_put32(b, RTAX_LOCK, locked);
	netlink_nest_end(b, at);
}

static int
restore_route(struct net *n, const struct snap_object *o, const Psnap__Route *r)
{
	static const uint8_t preferences[] = { 0, 3, 1 };	/* icmpv6.h: medium, low, high */
	const Psnap__NextHop *only = r->n_next_hops == 1 ? r->next_hops[0] : NULL;
	struct rtmsg h = { .rtm_family = net_family(r->family), .rtm_dst_len = (uint8_t)r->destination_bits,
	    .rtm_src_len = (uint8_t)r->source_bits, .rtm_tos = (uint8_t)r->service, .rtm_table = RT_TABLE_UNSPEC,
	    .rtm_protocol = net_origin_number(r->origin, r->origin_number), .rtm_type = net_route_type_number(r->type),
	    .rtm_scope = net_scope(r->scope), .rtm_flags = only != NULL && only->on_link ? RTNH_F_ONLINK : 0 };
	struct netlink_batch b = { 0 };

	netlink_begin(&b, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_APPEND | NLM_F_ACK, &h, sizeof h);
	netlink_put32(&b, RTA_TABLE, table_number(r->table));
	net_put_bytes(&b, RTA_DST, &r->destination);
	net_put_bytes(&b, RTA_SRC, &r->source);
	if (r->metric != 0)
		netlink_put32(&b, RTA_PRIORITY, r->metric);
	net_put_bytes(&b, RTA_PREFSRC, &r->preferred_source);
	if (only != NULL) {
		if (only->interface_id != 0)
			netlink_put32(&b, RTA_OIF, net_index(n, only->interface_id));
		put_gateway(&b, r, only);
	} else if (r->n_next_hops > 1) {
		put_next_hops(&b, n, r);
	}
	if (r->n_metrics > 0)
		put_metrics(&b, r);
	if (r->preference != 0)
		netlink_put8(&b, RTA_PREF, preferences[r->preference]);
	return net_send(n, &b, o->id, "adding a route", "");
}

static bool
has_gateway(const Psnap__Route *r)
{
	for (size_t i = 0; i < r->n_next_hops; i++)
		if (r->next_hops[i]->gateway.len > 0)
			return true;
	return false;
}

/* A gateway is to be reached by a route without one. */
int
routes_restore(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_ROUTE, &count);
	int e = 0;

	for (size_t i = 0; i < 2 * count && e == 0; i++) {
		const Psnap__Route *r = (const void *)v[i % count]->message;

		if (has_gateway(r) == (i >= count))
			e = restore_route(n, v[i % count], r);
	}
	return e;
}

/* ---- rules ---- */

/* What it says of a rule is what it wants to be told to remove it. */
static int
note_removal(void *ctx, const struct nlmsghdr *h)
{
	struct netlink_batch *b = ctx;
	const struct fib_rule_hdr *rule = NLMSG_DATA(h);
	size_t skipped = NLMSG_SPACE(sizeof *rule);

	if (h->nlmsg_type != RTM_NEWRULE || h->nlmsg_len < skipped)
		return 0;
	netlink_begin(b, RTM_DELRULE, NLM_F_ACK, rule, sizeof *rule);
	netlink_put_raw(b, (const uint8_t *)h + skipped, h->nlmsg_len - skipped);
	return 0;
}

/* Those every namespace begins with. */
static int
remove_rules(struct net *n, uint8_t family)
{
	const struct fib_rule_hdr all = { .family = family };
	struct netlink_batch b = { 0 };
	int r = netlink_dump(n->fd, RTM_GETRULE, &all, sizeof all, note_removal, &b);

	if (r == 0 && b.len > 0)
		return net_send(n, &b, 0, "removing rules of routing", "");
	free(b.buf);
	return r == 0 || r == -EOPNOTSUPP || r == -EAFNOSUPPORT ? 0 :
	    restore_fail(n->r, NULL, 0, -r, "asking for rules of routing");
}

static void
put_ports(struct netlink_batch *b, uint16_t type, const Psnap__RuleRange *r)
{
	struct fib_rule_port_range v;

	if (r == NULL)
		return;
	v = (struct fib_rule_port_range){ (uint16_t)r->first, (uint16_t)r->last };
	netlink_put(b, type, &v, sizeof v);
}

static void
put_uids(struct netlink_batch *b, const Psnap__RuleRange *r)
{
	struct fib_rule_uid_range v;

	if (r == NULL)
		return;
	v = (struct fib_rule_uid_range){ r->first, r->last };
	netlink_put(b, FRA_UID_RANGE, &v, sizeof v);
}

static void
put_conditions(struct netlink_batch *b, const Psnap__RouteRule *r)
{
	net_put_bytes(b, FRA_SRC, &r->source);
	net_put_bytes(b, FRA_DST, &r->destination);
	if (r->mark_mask != 0) {
		netlink_put32(b, FRA_FWMARK, r->mark);
		netlink_put32(b, FRA_FWMASK, r->mark_mask);
	}
	if (r->input_interface[0] != '\0')
		netlink_put_text(b, FRA_IIFNAME, r->input_interface);
	if (r->output_interface[0] != '\0')
		netlink_put_text(b, FRA_OIFNAME, r->output_interface);
	put_uids(b, r->uids);
	if (r->protocol != 0)
		netlink_put8(b, FRA_IP_PROTO, (uint8_t)r->protocol);
	put_ports(b, FRA_SPORT_RANGE, r->source_ports);
	put_ports(b, FRA_DPORT_RANGE, r->destination_ports);
}

static int
restore_rule(struct net *n, const struct snap_object *o, const Psnap__RouteRule *r)
{
	struct fib_rule_hdr h = { .family = net_family(r->family), .dst_len = (uint8_t)r->destination_bits,
	    .src_len = (uint8_t)r->source_bits, .tos = (uint8_t)r->service, .action = net_rule_action_number(r->action),
	    .flags = r->inverted ? FIB_RULE_INVERT : 0 };
	struct netlink_batch b = { 0 };

	netlink_begin(&b, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, &h, sizeof h);
	netlink_put32(&b, FRA_PRIORITY, r->priority);
	if (r->action == PSNAP__RULE_ACTION__RULE_LOOKUP)
		netlink_put32(&b, FRA_TABLE, table_number(r->table));
	if (r->action == PSNAP__RULE_ACTION__RULE_GOTO)
		netlink_put32(&b, FRA_GOTO, r->target);
	put_conditions(&b, r);
	if (r->suppresses)
		netlink_put32(&b, FRA_SUPPRESS_PREFIXLEN, r->suppressed_bits);
	netlink_put8(&b, FRA_PROTOCOL, net_origin_number(r->origin, r->origin_number));
	return net_send(n, &b, o->id, "adding a rule of routing", "");
}

int
rules_restore(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_ROUTE_RULE, &count);
	int e;

	if ((e = remove_rules(n, AF_INET)) != 0 || (e = remove_rules(n, AF_INET6)) != 0)
		return e;
	for (size_t i = 0; i < count && e == 0; i++)
		e = restore_rule(n, v[i], (const void *)v[i]->message);
	return e;
}
