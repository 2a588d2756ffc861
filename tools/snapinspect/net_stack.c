/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network stack, as JSON and for people.
 */
#include <arpa/inet.h>
#include <string.h>

#include "format/net.pb-c.h"
#include "tools/snapinspect/view.h"

/* ---- parts ---- */

/* "10.0.0.1", "fd00::1", or "" */
static json_t *
ip_json(const ProtobufCBinaryData *a)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (a->len == 4 || a->len == 16)
		inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->data, text, sizeof text);
	return json_string(text);
}

/* "10.0.0.0/8", or "" for any */
static json_t *
prefix_json(const ProtobufCBinaryData *a, uint32_t bits)
{
	json_t *ip = ip_json(a), *j;

	j = a->len > 0 ? json_sprintf("%s/%u", json_string_value(ip), bits) : json_string("");
	json_decref(ip);
	return j;
}

static json_t *
link_address_json(const ProtobufCBinaryData *a)
{
	char text[3 * 32 + 1] = "";

	for (size_t i = 0; i < a->len && i < 32; i++)
		sprintf(text + 3 * i - (i > 0), "%s%02x", i > 0 ? ":" : "", a->data[i]);
	return json_string(text);
}

/* Its name, or "". */
static json_t *
interface_name(struct snap *s, uint64_t id)
{
	const Psnap__Interface *i = snap_get_message(s, id, PSNAP_KIND_INTERFACE);

	return i != NULL ? json_text(i->name) : json_string("");
}

static json_t *
settings_json(Psnap__NetworkSetting *const *v, size_t n)
{
	json_t *all = json_object();
	char w[64];

	for (size_t i = 0; i < n; i++) {
		json_t *values = json_array();

		for (size_t k = 0; k < v[i]->n_values; k++)
			json_array_append_new(values, json_integer(v[i]->values[k]));
		json_object_set_new(all, word(&psnap__network_setting_kind__descriptor, (int)v[i]->kind, w), values);
	}
	return all;
}

/* ---- interfaces ---- */

static json_t *
bridge_json(const Psnap__BridgeInterface *b)
{
	return b == NULL ? json_null() : json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:I, s:b}",
	    "spanning_tree", (int)b->spanning_tree, "priority", (json_int_t)b->priority,
	    "forward_delay_ns", (json_int_t)b->forward_delay_ns, "hello_ns", (json_int_t)b->hello_ns,
	    "max_age_ns", (json_int_t)b->max_age_ns, "ageing_ns", (json_int_t)b->ageing_ns,
	    "vlan_filtering", (int)b->vlan_filtering, "vlan_protocol", (json_int_t)b->vlan_protocol,
	    "default_vlan", (json_int_t)b->default_vlan, "multicast_snooping", (int)b->multicast_snooping);
}

static json_t *
port_json(const Psnap__BridgePort *p)
{
	return p == NULL ? json_null() : json_pack("{s:I, s:I, s:I, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b, s:b}",
	    "number", (json_int_t)p->number, "priority", (json_int_t)p->priority, "cost", (json_int_t)p->cost,
	    "hairpin", (int)p->hairpin, "guard", (int)p->guard, "root_block", (int)p->root_block, "fast_leave", (int)p->fast_leave,
	    "no_learning", (int)p->no_learning, "no_unicast_flood", (int)p->no_unicast_flood,
	    "no_multicast_flood", (int)p->no_multicast_flood, "no_broadcast_flood", (int)p->no_broadcast_flood,
	    "isolated", (int)p->isolated);
}

static json_t *
tun_json(const Psnap__TunInterface *t)
{
	return t == NULL ? json_null() : json_pack("{s:o, s:o, s:b, s:b, s:b}",
	    "owner", t->has_owner ? json_integer(t->owner) : json_null(),
	    "group", t->has_group ? json_integer(t->group) : json_null(),
	    "packet_information", (int)t->packet_information, "virtio_header", (int)t->virtio_header,
	    "multi_queue", (int)t->multi_queue);
}

static json_t *
vlan_json(const Psnap__VlanInterface *v)
{
	return v == NULL ? json_null() : json_pack("{s:I, s:I, s:b, s:b, s:b, s:b}", "id", (json_int_t)v->id,
	    "protocol", (json_int_t)v->protocol, "keep_header", (int)v->keep_header, "gvrp", (int)v->gvrp,
	    "loose_binding", (int)v->loose_binding, "mvrp", (int)v->mvrp);
}

static json_t *
macvlan_json(const Psnap__MacvlanInterface *m)
{
	char w[64];

	return m == NULL ? json_null() : json_pack("{s:s, s:b}",
	    "mode", word(&psnap__macvlan_mode__descriptor, (int)m->mode, w), "not_promiscuous", (int)m->not_promiscuous);
}

/* null: no pair; "": outside */
static json_t *
peer_json(struct snap *s, const Psnap__PairInterface *p)
{
	return p == NULL ? json_null() : interface_name(s, p->peer_id);
}

static json_t *
address_json(const Psnap__InterfaceAddress *a)
{
	char w[64];

	return json_pack("{s:o, s:o, s:o, s:s, s:o, s:I, s:b, s:b, s:b, s:I, s:I, s:b}",
	    "address", prefix_json(&a->address, a->prefix_bits), "peer", ip_json(&a->peer),
	    "broadcast", ip_json(&a->broadcast), "scope", word(&psnap__network_scope__descriptor, (int)a->scope, w),
	    "label", json_text(a->label), "metric", (json_int_t)a->metric, "no_prefix_route", (int)a->no_prefix_route,
	    "no_duplicate_detection", (int)a->no_duplicate_detection, "temporary_from_it", (int)a->temporary_from_it,
	    "valid_ns", (json_int_t)a->valid_ns, "preferred_ns", (json_int_t)a->preferred_ns,
	    "deprecated", (int)a->deprecated);
}

static json_t *
addresses_json(struct snap *s, uint64_t interface_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, interface_id, PSNAP_KIND_INTERFACE_ADDRESS, &n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, address_json((const void *)v[i]->message));
	return list;
}

static json_t *
interface_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__Interface *i = (const void *)o->message;
	json_t *j;
	char w[64];

	j = json_pack("{s:I, s:o, s:s, s:o, s:I, s:o, s:I, s:I, s:b, s:b, s:b, s:b, s:b}",
	    "index", (json_int_t)i->index, "name", json_text(i->name), "kind",
	    word(&psnap__interface_kind__descriptor, (int)i->kind, w), "alias", json_text(i->alias),
	    "mtu", (json_int_t)i->mtu, "link_address", link_address_json(&i->link_address),
	    "queue_length", (json_int_t)i->queue_length, "group", (json_int_t)i->group, "up", (int)i->up,
	    "promiscuous", (int)i->promiscuous, "all_multicast", (int)i->all_multicast,
	    "no_multicast", (int)i->no_multicast, "no_arp", (int)i->no_arp);
	json_object_update_new(j, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "master", interface_name(s, i->master_id), "lower", interface_name(s, i->lower_id),
	    "peer", peer_json(s, i->pair), "bridge", bridge_json(i->bridge), "port", port_json(i->port),
	    "tun", tun_json(i->tun), "vlan", vlan_json(i->vlan), "macvlan", macvlan_json(i->macvlan),
	    "addresses", addresses_json(s, o->id), "settings", settings_json(i->settings, i->n_settings)));
	return j;
}

/* ---- routes, rules, neighbours ---- */

static json_t *
hop_json(struct snap *s, const Psnap__NextHop *h)
{
	return json_pack("{s:o, s:o, s:I, s:b}", "gateway", ip_json(&h->gateway), "interface",
	    interface_name(s, h->interface_id), "weight", (json_int_t)h->weight, "on_link", (int)h->on_link);
}

static json_t *
metrics_json(const Psnap__Route *r)
{
	json_t *all = json_object();
	char w[64];

	for (size_t i = 0; i < r->n_metrics; i++)
		json_object_set_new(all, word(&psnap__route_metric_kind__descriptor, (int)r->metrics[i]->kind, w),
		    json_pack("{s:I, s:b}", "value", (json_int_t)r->metrics[i]->value, "locked",
		    (int)r->metrics[i]->locked));
	return all;
}

static json_t *
route_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__Route *r = (const void *)o->message;
	json_t *hops = json_array();
	char family[64], type[64], origin[64], scope[64];

	for (size_t i = 0; i < r->n_next_hops; i++)
		json_array_append_new(hops, hop_json(s, r->next_hops[i]));
	return json_pack("{s:s, s:s, s:I, s:o, s:o, s:I, s:I, s:s, s:I, s:s, s:o, s:o, s:o, s:I}",
	    "family", word(&psnap__socket_family__descriptor, (int)r->family, family),
	    "type", word(&psnap__route_type__descriptor, (int)r->type, type), "table", (json_int_t)r->table,
	    "destination", prefix_json(&r->destination, r->destination_bits),
	    "source", prefix_json(&r->source, r->source_bits), "service", (json_int_t)r->service,
	    "metric", (json_int_t)r->metric, "origin", word(&psnap__route_origin__descriptor, (int)r->origin, origin),
	    "origin_number", (json_int_t)r->origin_number,
	    "scope", word(&psnap__network_scope__descriptor, (int)r->scope, scope),
	    "preferred_source", ip_json(&r->preferred_source), "next_hops", hops, "metrics", metrics_json(r),
	    "preference", (json_int_t)r->preference);
}

static json_t *
range_json(const Psnap__RuleRange *r)
{
	return r == NULL ? json_null() : json_pack("[I, I]", (json_int_t)r->first, (json_int_t)r->last);
}

static json_t *
rule_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__RouteRule *r = (const void *)o->message;
	char family[64], action[64], origin[64];
	json_t *j;

	(void)s;
	j = json_pack("{s:s, s:I, s:s, s:I, s:I, s:b, s:o, s:o, s:I, s:I, s:I}",
	    "family", word(&psnap__socket_family__descriptor, (int)r->family, family),
	    "priority", (json_int_t)r->priority, "action", word(&psnap__rule_action__descriptor, (int)r->action, action),
	    "table", (json_int_t)r->table, "target", (json_int_t)r->target, "inverted", (int)r->inverted,
	    "source", prefix_json(&r->source, r->source_bits),
	    "destination", prefix_json(&r->destination, r->destination_bits), "service", (json_int_t)r->service,
	    "mark", (json_int_t)r->mark, "mark_mask", (json_int_t)r->mark_mask);
	json_object_update_new(j, json_pack("{s:o, s:o, s:o, s:I, s:o, s:o, s:o, s:s, s:I}",
	    "input_interface", json_text(r->input_interface), "output_interface", json_text(r->output_interface),
	    "uids", range_json(r->uids), "protocol", (json_int_t)r->protocol, "source_ports", range_json(r->source_ports),
	    "destination_ports", range_json(r->destination_ports),
	    "suppressed_bits", r->suppresses ? json_integer(r->suppressed_bits) : json_null(),
	    "origin", word(&psnap__route_origin__descriptor, (int)r->origin, origin),
	    "origin_number", (json_int_t)r->origin_number));
	return j;
}

static json_t *
neighbour_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__Neighbour *n = (const void *)o->message;

	return json_pack("{s:o, s:o, s:o, s:b, s:b}", "interface", interface_name(s, n->interface_id),
	    "address", ip_json(&n->address), "link_address", link_address_json(&n->link_address),
	    "proxy", (int)n->proxy, "router", (int)n->router);
}

/* ---- the stack ---- */

void
add_children(struct snap *s, json_t *list, uint64_t owner, uint32_t kind, child_fn *make)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, owner, kind, &n);

	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, make(s, v[i]));
}

static json_t *
stack_json(struct snap *s, const struct snap_object *o)
{
	const Psnap__NetworkStack *k = (const void *)o->message;
	json_t *interfaces = json_array(), *routes = json_array(), *rules = json_array(), *neighbours = json_array();
	json_t *filters = json_array();
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, k->namespace_id, PSNAP_KIND_INTERFACE, &n);

	add_children(s, interfaces, k->namespace_id, PSNAP_KIND_INTERFACE, interface_json);
	add_children(s, routes, k->namespace_id, PSNAP_KIND_ROUTE, route_json);
	add_children(s, rules, k->namespace_id, PSNAP_KIND_ROUTE_RULE, rule_json);
	for (size_t i = 0; i < n; i++)
		add_children(s, neighbours, v[i]->id, PSNAP_KIND_NEIGHBOUR, neighbour_json);
	add_children(s, filters, k->namespace_id, PSNAP_KIND_FILTER_TABLE, filter_json);
	return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "namespace", (json_int_t)k->namespace_id,
	    "interfaces", interfaces, "routes", routes, "rules", rules, "neighbours", neighbours, "filters", filters,
	    "settings", settings_json(k->settings, k->n_settings), "for_all", settings_json(k->for_all, k->n_for_all),
	    "for_new", settings_json(k->for_new, k->n_for_new));
}

void
stacks_add(struct snap *s, json_t *list)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_NETWORK_STACK, &n);

	for (size_t i = 0; i < n; i++)
		if (v[i]->message != NULL)
			json_array_append_new(list, stack_json(s, v[i]));
}

/* ---- for people ---- */

/* " via X", unless there is nothing to say. */
static void
print_if(const char *what, const char *value)
{
	if (value[0] != '\0')
		printf(" %s %s", what, value);
}

static void
print_interface(const json_t *j)
{
	const json_t *a, *peer = json_object_get(j, "peer"), *vlan = json_object_get(j, "vlan");
	size_t i;

	printf("%5lld: %s %s %s, mtu %lld", (long long)num(j, "index"), str(j, "name"), str(j, "kind"),
	    is_true(j, "up") ? "up" : "down", (long long)num(j, "mtu"));
	print_if("link", str(j, "link_address"));
	print_if("port of", str(j, "master"));
	print_if("on", str(j, "lower"));
	if (json_is_string(peer))
		printf(" with %s", json_string_length(peer) > 0 ? json_string_value(peer) : "one outside");
	if (json_is_object(vlan))
		printf(" id %lld", (long long)num(vlan, "id"));
	putchar('\n');
	json_array_foreach(json_object_get(j, "addresses"), i, a) {
		printf("       %s", str(a, "address"));
		print_if("to", str(a, "peer"));
		putchar('\n');
	}
}

/* None is the main one, which goes without saying of a route. */
static void
print_table(const json_t *j, const char *none)
{
	if (num(j, "table") != 0)
		printf(" table %lld", (long long)num(j, "table"));
	else
		printf("%s", none);
}

static void
print_route(const json_t *j)
{
	const char *to = str(j, "destination");
	const json_t *h;
	size_t i;

	printf("route  %s %s", str(j, "type"), to[0] != '\0' ? to : strcmp(str(j, "family"), "ipv6") == 0 ? "::/0" :
	    "0.0.0.0/0");
	json_array_foreach(json_object_get(j, "next_hops"), i, h) {
		print_if("via", str(h, "gateway"));
		print_if("on", str(h, "interface"));
	}
	print_if("from", str(j, "preferred_source"));
	if (num(j, "metric") != 0)
		printf(" metric %lld", (long long)num(j, "metric"));
	print_table(j, "");
	putchar('\n');
}

static void
print_rule(const json_t *j)
{
	const char *from = str(j, "source");

	printf("rule   %lld: %s%s from %s", (long long)num(j, "priority"), str(j, "family"),
	    is_true(j, "inverted") ? " not" : "", from[0] != '\0' ? from : "any");
	print_if("to", str(j, "destination"));
	print_if("in by", str(j, "input_interface"));
	print_if("out by", str(j, "output_interface"));
	if (num(j, "mark_mask") != 0)
		printf(" mark 0x%llx/0x%llx", (long long)num(j, "mark"), (long long)num(j, "mark_mask"));
	printf(": %s", str(j, "action"));
	print_table(j, strcmp(str(j, "action"), "lookup") == 0 ? " main table" : "");
	if (num(j, "target") != 0)
		printf(" %lld", (long long)num(j, "target"));
	putchar('\n');
}

static void
print_neighbour(const json_t *j)
{
	printf("neighbour %s on %s %s\n", str(j, "address"), str(j, "interface"),
	    is_true(j, "proxy") ? "proxy" : str(j, "link_address"));
}

void
stack_print(const json_t *j)
{
	const json_t *x;
	size_t i;

	printf("network stack of namespace %lld\n", (long long)num(j, "namespace"));
	json_array_foreach(json_object_get(j, "interfaces"), i, x)
		print_interface(x);
	json_array_foreach(json_object_get(j, "routes"), i, x)
		print_route(x);
	json_array_foreach(json_object_get(j, "rules"), i, x)
		print_rule(x);
	json_array_foreach(json_object_get(j, "neighbours"), i, x)
		print_neighbour(x);
	json_array_foreach(json_object_get(j, "filters"), i, x)
		filter_print(x);
}
