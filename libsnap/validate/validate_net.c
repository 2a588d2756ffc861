/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Network stacks: interfaces, what they have, and where packets go.
 */
#include <stdlib.h>
#include <string.h>

#include "format/host.pb-c.h"
#include "format/net.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

#define NAME_MAX_BYTES	15
#define ALIAS_MAX	255
#define LINK_ADDRESS_MAX 32
#define MTU_MAX		(1u << 30)
#define VLAN_MAX	4095
#define VLAN_Q		0x8100
#define VLAN_AD		0x88a8
#define TICK_NS		UINT64_C(10000000)
#define TICKS_MAX	INT32_MAX
#define VALUES_MAX	3
#define PORTS_MAX	1023
#define MAX_LOWER	8	/* as deep as Linux nests them */

/* ---- names, addresses, namespaces ---- */

bool
check_is_interface_name(const char *s)
{
	const unsigned char *c = (const void *)s;
	size_t n = strlen(s);

	if (n == 0 || n > NAME_MAX_BYTES || strcmp(s, ".") == 0 || strcmp(s, "..") == 0 || strcmp(s, "all") == 0 ||
	    strcmp(s, "default") == 0)
		return false;
	for (size_t i = 0; i < n; i++)
		if (c[i] <= ' ' || c[i] == 0x7f || c[i] == '/' || c[i] == ':' || c[i] == '%')
			return false;
	return true;
}

/* Bytes of an address of a family; 0: it has none. */
static size_t
address_len(Psnap__SocketFamily family)
{
	return family == PSNAP__SOCKET_FAMILY__SOCKET_IPV4 ? 4 : family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6 ? 16 : 0;
}

static bool
is_address(Psnap__SocketFamily family, const ProtobufCBinaryData *a, bool needed)
{
	return a->len == 0 ? !needed : a->len == address_len(family);
}

/* What is behind the prefix is 0. */
static bool
is_prefix(Psnap__SocketFamily family, const ProtobufCBinaryData *a, uint32_t bits)
{
	if (a->len == 0)
		return bits == 0;
	if (a->len != address_len(family) || bits > a->len * 8)
		return false;
	for (size_t i = bits; i < a->len * 8; i++)
		if (a->data[i / 8] & 0x80 >> i % 8)
			return false;
	return true;
}

static uint64_t
namespace_of(const struct check *v, uint64_t interface_id)
{
	const Psnap__Interface *i = snap_get_message(v->s, interface_id, PSNAP_KIND_INTERFACE);

	return i != NULL ? i->namespace_id : 0;
}

void
check_network_namespace(struct check *v, const struct snap_object *o, uint64_t id)
{
	const Psnap__Namespace *n = snap_get_message(v->s, id, PSNAP_KIND_NAMESPACE);

	if (n != NULL && n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_NET)	/* NET-1 */
		check_corrupt(v, o, "NET-1", "it is in a namespace of kind %d", (int)n->kind);
}

/* ---- settings ---- */

static size_t
values_of(Psnap__NetworkSettingKind kind)
{
	switch (kind) {
	case PSNAP__NETWORK_SETTING_KIND__NET_LOCAL_PORTS:
	case PSNAP__NETWORK_SETTING_KIND__NET_PING_GROUPS:
		return 2;
	case PSNAP__NETWORK_SETTING_KIND__NET_TCP_RECEIVE_BUFFER:
	case PSNAP__NETWORK_SETTING_KIND__NET_TCP_SEND_BUFFER:
		return VALUES_MAX;
	default:
		return 1;
	}
}

static void
check_settings(struct check *v, const struct snap_object *o, Psnap__NetworkSetting *const *s, size_t n,
    bool of_interfaces)
{
	for (size_t i = 0; i < n; i++) {
		bool is_interfaces = s[i]->kind >= PSNAP__NETWORK_SETTING_KIND__NET_FORWARDING;

		if (is_interfaces != of_interfaces || s[i]->n_values != values_of(s[i]->kind) ||
		    (i > 0 && s[i]->kind <= s[i - 1]->kind))			/* NET-3 */
			check_corrupt(v, o, "NET-3", "setting %lu is of kind %d and has %lu values", (unsigned long)i,
			    (int)s[i]->kind, (unsigned long)s[i]->n_values);
	}
}

void
check_network_stack(struct check *v, const struct snap_object *o)
{
	const Psnap__NetworkStack *s = CHECK_MESSAGE(Psnap__NetworkStack, o);

	check_network_namespace(v, o, s->namespace_id);
	check_settings(v, o, s->settings, s->n_settings, false);
	check_settings(v, o, s->for_all, s->n_for_all, true);
	check_settings(v, o, s->for_new, s->n_for_new, true);
}

/* ---- interfaces ---- */

static bool
is_vlan_protocol(uint32_t p)
{
	return p == VLAN_Q || p == VLAN_AD;
}

static bool
is_ticks(uint64_t ns)
{
	return ns % TICK_NS == 0 && ns / TICK_NS <= TICKS_MAX;
}

static bool
is_sound_bridge(const Psnap__BridgeInterface *b)
{
	return b == NULL || (b->priority <= UINT16_MAX && is_ticks(b->forward_delay_ns) && is_ticks(b->hello_ns) &&
	    is_ticks(b->max_age_ns) && is_ticks(b->ageing_ns) && is_vlan_protocol(b->vlan_protocol) &&
	    b->default_vlan < VLAN_MAX);
}

static bool
is_sound_port(const Psnap__BridgePort *p)
{
	return p == NULL || (p->priority <= 63 && p->cost >= 1 && p->cost <= UINT16_MAX && p->number <= PORTS_MAX);
}

static bool
is_sound_tun(const Psnap__TunInterface *t)
{
	return t == NULL || ((t->has_owner || t->owner == 0) && (t->has_group || t->group == 0));
}

static bool
is_sound_vlan(const Psnap__VlanInterface *l)
{
	return l == NULL || (l->id <= VLAN_MAX && is_vlan_protocol(l->protocol));
}

static bool
is_sound_macvlan(const Psnap__MacvlanInterface *m)
{
	return m == NULL || !m->not_promiscuous || m->mode == PSNAP__MACVLAN_MODE__MACVLAN_PASSTHROUGH;
}

/* Each kind has its own message, and no other's. */
static bool
has_own_parts(const Psnap__Interface *i)
{
	bool tun = i->kind == PSNAP__INTERFACE_KIND__INTERFACE_TUN || i->kind == PSNAP__INTERFACE_KIND__INTERFACE_TAP;
	bool vlan = i->kind == PSNAP__INTERFACE_KIND__INTERFACE_VLAN;
	bool macvlan = i->kind == PSNAP__INTERFACE_KIND__INTERFACE_MACVLAN;

	return (i->pair != NULL) == (i->kind == PSNAP__INTERFACE_KIND__INTERFACE_PAIR) &&
	    (i->bridge != NULL) == (i->kind == PSNAP__INTERFACE_KIND__INTERFACE_BRIDGE) && (i->tun != NULL) == tun &&
	    (i->vlan != NULL) == vlan && (i->macvlan != NULL) == macvlan && (i->port != NULL) == (i->master_id != 0) &&
	    (i->lower_id != 0) == (vlan || macvlan);
}

static void
check_master(struct check *v, const struct snap_object *o, const Psnap__Interface *i)
{
	const Psnap__Interface *m = snap_get_message(v->s, i->master_id, PSNAP_KIND_INTERFACE);
	const Psnap__Interface *l = snap_get_message(v->s, i->lower_id, PSNAP_KIND_INTERFACE);

	if (m != NULL && (m->kind != PSNAP__INTERFACE_KIND__INTERFACE_BRIDGE || m->namespace_id != i->namespace_id ||
	    i->kind == PSNAP__INTERFACE_KIND__INTERFACE_BRIDGE ||
	    i->kind == PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK))		/* IFC-6 */
		check_corrupt(v, o, "IFC-6", "%s cannot be a port of %s", i->name, m->name);
	if (l != NULL && (l->namespace_id != i->namespace_id ||
	    l->kind == PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK))		/* IFC-7 */
		check_corrupt(v, o, "IFC-7", "%s cannot be on top of %s", i->name, l->name);
}

static void
check_peer(struct check *v, const struct snap_object *o, const Psnap__Interface *i)
{
	const Psnap__Interface *p = snap_get_message(v->s, i->pair->peer_id, PSNAP_KIND_INTERFACE);

	if (p != NULL && (p == i || p->pair == NULL || p->pair->peer_id != o->id ||
	    p->namespace_id != i->namespace_id))				/* IFC-8 */
		check_corrupt(v, o, "IFC-8", "%s and %s are not a pair", i->name, p->name);
}

void
check_interface(struct check *v, const struct snap_object *o)
{
	const Psnap__Interface *i = CHECK_MESSAGE(Psnap__Interface, o);

	check_network_namespace(v, o, i->namespace_id);
	if (!check_is_interface_name(i->name) || i->index == 0 || i->index > INT32_MAX)		/* IFC-1 */
		check_corrupt(v, o, "IFC-1", "index %u, a name of %lu bytes", i->index, (unsigned long)strlen(i->name));
	if (i->mtu > MTU_MAX || i->link_address.len > LINK_ADDRESS_MAX || strlen(i->alias) > ALIAS_MAX)	/* IFC-4 */
		check_corrupt(v, o, "IFC-4", "MTU %u, a link address of %lu bytes, an alias of %lu", i->mtu,
		    (unsigned long)i->link_address.len, (unsigned long)strlen(i->alias));
	if (!has_own_parts(i))							/* IFC-5 */
		check_corrupt(v, o, "IFC-5", "%s does not have what its kind, %d, has", i->name, (int)i->kind);
	if (!is_sound_bridge(i->bridge) || !is_sound_port(i->port) || !is_sound_tun(i->tun) ||
	    !is_sound_vlan(i->vlan) || !is_sound_macvlan(i->macvlan))		/* IFC-9 */
		check_corrupt(v, o, "IFC-9", "a value of %s is out of range", i->name);
	check_master(v, o, i);
	if (i->pair != NULL)
		check_peer(v, o, i);
	check_settings(v, o, i->settings, i->n_settings, true);
}

/* ---- addresses and neighbours ---- */

void
check_interface_address(struct check *v, const struct snap_object *o)
{
	const Psnap__InterfaceAddress *a = CHECK_MESSAGE(Psnap__InterfaceAddress, o);
	bool six = a->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6;

	if (!is_address(a->family, &a->address, true) || a->prefix_bits > a->address.len * 8 ||
	    !is_address(a->family, &a->peer, false) || !is_address(a->family, &a->broadcast, false))	/* ADD-1 */
		check_corrupt(v, o, "ADD-1", "an address of %lu bytes, %u bits, in family %d",
		    (unsigned long)a->address.len, a->prefix_bits, (int)a->family);
	if (six ? a->broadcast.len > 0 || a->label[0] != '\0' : a->no_duplicate_detection || a->temporary_from_it)
		check_corrupt(v, o, "ADD-2", "it has what the other family has");	/* ADD-2 */
	if (strlen(a->label) > NAME_MAX_BYTES)					/* ADD-3 */
		check_corrupt(v, o, "ADD-3", "a label of %lu bytes", (unsigned long)strlen(a->label));
}

void
check_neighbour(struct check *v, const struct snap_object *o)
{
	const Psnap__Neighbour *n = CHECK_MESSAGE(Psnap__Neighbour, o);

	if (!is_address(n->family, &n->address, true) || n->link_address.len > LINK_ADDRESS_MAX ||
	    (n->proxy && n->link_address.len > 0))				/* NEI-1 */
		check_corrupt(v, o, "NEI-1", "an address of %lu bytes in family %d, a link address of %lu",
		    (unsigned long)n->address.len, (int)n->family, (unsigned long)n->link_address.len);
}

/* ---- routes ---- */

static bool
is_sound_hop(const struct check *v, const Psnap__Route *r, const Psnap__NextHop *h)
{
	uint64_t in = namespace_of(v, h->interface_id);

	return (in == 0 || in == r->namespace_id) && (h->gateway.len == 0) == (h->gateway_family == 0) &&
	    is_address(h->gateway_family, &h->gateway, false) && h->weight >= 1 && h->weight <= 256;
}

void
check_route(struct check *v, const struct snap_object *o)
{
	const Psnap__Route *r = CHECK_MESSAGE(Psnap__Route, o);
	bool six = r->family == PSNAP__SOCKET_FAMILY__SOCKET_IPV6;

	check_network_namespace(v, o, r->namespace_id);
	if (address_len(r->family) == 0 || !is_prefix(r->family, &r->destination, r->destination_bits) ||
	    !is_prefix(r->family, &r->source, r->source_bits) || !is_address(r->family, &r->preferred_source, false))
		check_corrupt(v, o, "RTE-1", "%u bits of %lu bytes, in family %d", r->destination_bits,
		    (unsigned long)r->destination.len, (int)r->family);		/* RTE-1 */
	if (six ? r->service != 0 || r->scope != 0 : r->source.len > 0 || r->preference != 0 || r->scope == 0)
		check_corrupt(v, o, "RTE-2", "it has what the other family has");	/* RTE-2 */
	if (r->service > UINT8_MAX || r->preference > 2 || r->origin_number > UINT8_MAX)	/* RTE-3 */
		check_corrupt(v, o, "RTE-3", "service %u, preference %u, origin %u", r->service, r->preference,
		    r->origin_number);
	for (size_t i = 0; i < r->n_next_hops; i++)
		if (!is_sound_hop(v, r, r->next_hops[i]))			/* RTE-4 */
			check_corrupt(v, o, "RTE-4", "next hop %lu", (unsigned long)i);
	for (size_t i = 1; i < r->n_metrics; i++)
		if (r->metrics[i]->kind <= r->metrics[i - 1]->kind)		/* RTE-5 */
			check_corrupt(v, o, "RTE-5", "metric %lu is of kind %d", (unsigned long)i,
			    (int)r->metrics[i]->kind);
}

static bool
is_sound_range(const Psnap__RuleRange *r, uint32_t max)
{
	return r == NULL || (r->first <= r->last && r->last <= max);
}

void
check_route_rule(struct check *v, const struct snap_object *o)
{
	const Psnap__RouteRule *r = CHECK_MESSAGE(Psnap__RouteRule, o);
	bool jumps = r->action == PSNAP__RULE_ACTION__RULE_GOTO;

	check_network_namespace(v, o, r->namespace_id);
	if (address_len(r->family) == 0 || !is_prefix(r->family, &r->source, r->source_bits) ||
	    !is_prefix(r->family, &r->destination, r->destination_bits))	/* RUL-1 */
		check_corrupt(v, o, "RUL-1", "%u and %u bits, in family %d", r->source_bits, r->destination_bits,
		    (int)r->family);
	if (jumps ? r->target <= r->priority : r->target != 0)			/* RUL-2 */
		check_corrupt(v, o, "RUL-2", "rule %u goes to %u", r->priority, r->target);
	if (r->service > UINT8_MAX || r->protocol > UINT8_MAX || r->origin_number > UINT8_MAX ||
	    r->suppressed_bits > 128 || (!r->suppresses && r->suppressed_bits != 0) ||
	    !is_sound_range(r->uids, UINT32_MAX) || !is_sound_range(r->source_ports, UINT16_MAX) ||
	    !is_sound_range(r->destination_ports, UINT16_MAX))			/* RUL-3 */
		check_corrupt(v, o, "RUL-3", "a value of rule %u is out of range", r->priority);
	if ((r->input_interface[0] != '\0' && !check_is_interface_name(r->input_interface)) ||
	    (r->output_interface[0] != '\0' && !check_is_interface_name(r->output_interface)))	/* RUL-4 */
		check_corrupt(v, o, "RUL-4", "what rule %u names is no interface", r->priority);
}

/* ---- all together ---- */

/* Sorted by namespace and then by what is to be unique in it. */
struct entry {
	uint64_t	namespace_id;
	const Psnap__Interface *i;	/* NULL: of a stack */
	const struct snap_object *object;
};

static int
by_namespace(const struct entry *x, const struct entry *y)
{
	return (x->namespace_id > y->namespace_id) - (x->namespace_id < y->namespace_id);
}

static int
by_object(const struct entry *x, const struct entry *y)
{
	return (x->object > y->object) - (x->object < y->object);
}

static int
compare_stacks(const void *a, const void *b)
{
	int c = by_namespace(a, b);

	return c != 0 ? c : by_object(a, b);
}

static int
compare_indexes(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = by_namespace(x, y);

	if (c == 0)
		c = (x->i->index > y->i->index) - (x->i->index < y->i->index);
	return c != 0 ? c : by_object(x, y);
}

static int
compare_names(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int c = by_namespace(x, y);

	if (c == 0)
		c = strcmp(x->i->name, y->i->name);
	return c != 0 ? c : by_object(x, y);
}

static bool
is_same(const struct entry *x, const struct entry *y, const char *rule)
{
	if (x->namespace_id != y->namespace_id)
		return false;
	return x->i == NULL || (strcmp(rule, "IFC-2") == 0 ? x->i->index == y->i->index :
	    strcmp(x->i->name, y->i->name) == 0);
}

static void
check_sorted(struct check *v, struct entry *e, size_t n, int (*compare)(const void *a, const void *b),
    const char *rule)
{
	qsort(e, n, sizeof *e, compare);
	for (size_t i = 1; i < n && !v->stopped; i++)
		if (is_same(&e[i], &e[i - 1], rule))				/* NET-2, IFC-2, IFC-3 */
			check_corrupt(v, e[i].object, rule, "it is there twice, as object %llu",
			    (unsigned long long)e[i - 1].object->id);
}

/* Lower interfaces: each of them is below one with a lower chain that ends. */
static void
check_chains(struct check *v, const struct entry *e, size_t n)
{
	for (size_t k = 0; k < n && !v->stopped; k++) {
		const Psnap__Interface *i = e[k].i;
		size_t steps = 0;

		while (i != NULL && i->lower_id != 0 && steps++ <= MAX_LOWER)
			i = snap_get_message(v->s, i->lower_id, PSNAP_KIND_INTERFACE);
		if (steps > MAX_LOWER)						/* IFC-10 */
			check_corrupt(v, e[k].object, "IFC-10", "%s is on top of itself, or of more than %d others",
			    e[k].i->name, MAX_LOWER);
	}
}

int
check_networks(struct check *v)
{
	size_t n, stacks, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, PSNAP_KIND_NETWORK_STACK, &stacks);
	const struct snap_object *const *interfaces = snap_get_kind(v->s, PSNAP_KIND_INTERFACE, &n);
	struct entry *e = malloc((n + stacks + 1) * sizeof *e);

	if (e == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < stacks; i++)
		if (all[i]->message != NULL)
			e[used++] = (struct entry){ CHECK_MESSAGE(Psnap__NetworkStack, all[i])->namespace_id, NULL, all[i] };
	check_sorted(v, e, used, compare_stacks, "NET-2");
	used = 0;
	for (size_t i = 0; i < n; i++)
		if (interfaces[i]->message != NULL) {
			const Psnap__Interface *x = CHECK_MESSAGE(Psnap__Interface, interfaces[i]);

			e[used++] = (struct entry){ x->namespace_id, x, interfaces[i] };
		}
	check_sorted(v, e, used, compare_indexes, "IFC-2");
	check_sorted(v, e, used, compare_names, "IFC-3");
	check_chains(v, e, used);
	free(e);
	return 0;
}
