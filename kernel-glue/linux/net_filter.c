/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables, chains, rules and objects of nftables.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kernel-glue/linux/net_filter.h"
#include "linux/net_lock.h"

#define MESSAGE(type)	(NFNL_SUBSYS_NFTABLES << 8 | (type))
#define TYPE(get, new, max) { MESSAGE(get), MESSAGE(new), sizeof(struct nfgenmsg), (max) + 1, take_any }
#define GENERATION_TAKEN 2
#define OF_TABLE	1	/* in all types of objects, the name of their table */

_Static_assert((int)NFTA_TABLE_NAME == OF_TABLE && (int)NFTA_CHAIN_TABLE == OF_TABLE &&
    (int)NFTA_RULE_TABLE == OF_TABLE && (int)NFTA_SET_TABLE == OF_TABLE && (int)NFTA_OBJ_TABLE == OF_TABLE &&
    (int)NFTA_FLOWTABLE_TABLE == OF_TABLE, "the same for all");

/* ---- what is not carried ---- */

uint8_t
filter_family(const struct net_object *o)
{
	return ((const struct nfgenmsg *)o->header)->nfgen_family;
}

/* What can be told in a line, as all names that nft(8) and iptables(8) take. */
static bool
is_name(const char *s)
{
	for (size_t i = 0; s[i] != '\0'; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return s[0] != '\0';
}

int
filter_cover(struct dump *d, struct filter_table *t, const char *what, const char *name, const char *why)
{
	t->left_out = true;
	return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "network-filter",
	    "table %s of nftables is not carried, because of its %s%s%s: %s", is_name(t->name) ? t->name : "?", what,
	    name[0] != '\0' ? " " : "", name, why);
}

static const char *
name_of(const struct filter_part *p)
{
	/* rules have none: that of their chain */
	uint16_t type = p->kind == PSNAP_KIND_FILTER_CHAIN ? NFTA_CHAIN_NAME : p->kind == PSNAP_KIND_FILTER_SET ?
	    NFTA_SET_NAME : p->kind == PSNAP_KIND_FILTER_RULE ? NFTA_RULE_CHAIN : NFTA_OBJ_NAME;

	return netlink_get_text(p->o->a[type]);
}

int
filter_keep_text(struct dump *d, struct filter_part *p, int r, struct nft_text *t, const struct nft_what *what,
    const char **text)
{
	const char *kind = p->kind == PSNAP_KIND_FILTER_RULE ? "rule in chain" : p->kind == PSNAP_KIND_FILTER_SET ?
	    "set" : "object";

	if (r == 0 && t->len > NFT_TEXT_BYTES)
		r = filter_cover(d, p->table, kind, name_of(p), "it is too long");
	else if (r == -EOPNOTSUPP)
		r = filter_cover(d, p->table, kind, name_of(p), what->s);
	else if (r != 0 || (*text = dump_strdup(d, t->s != NULL ? t->s : "")) == NULL)
		r = dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	free(t->s);
	return r;
}

/* ---- tables ---- */

static int
take_table(struct dump *d, struct net *net, const struct net_object *o)
{
	struct filter_table *t;

	/* what waits for a restore is no rule of the namespace's */
	if (filter_family(o) == NFPROTO_INET && net_lock_has_name(netlink_get_text(o->a[NFTA_TABLE_NAME])))
		return 0;
	if ((t = dump_alloc(d, sizeof *t)) == NULL || list_add(d, &net->tables, t) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	t->o = o;
	t->id = dump_new_id(d);
	t->name = netlink_get_text(o->a[NFTA_TABLE_NAME]);
	if (!is_name(t->name) || net_filter_family_of(filter_family(o)) == 0)
		return filter_cover(d, t, "family or name", "", "there are no words for it");
	if (nft_get32(o->a[NFTA_TABLE_FLAGS]) & ~(uint32_t)NFT_TABLE_F_DORMANT)
		return filter_cover(d, t, "owner", "", "a program that has it as long as it runs");
	return 0;
}

static struct filter_table *
table_of(const struct net *net, const struct net_object *o)
{
	for (size_t i = 0; i < net->tables.n; i++) {
		struct filter_table *t = net->tables.v[i];

		if (filter_family(t->o) == filter_family(o) && strcmp(t->name, netlink_get_text(o->a[OF_TABLE])) == 0)
			return t;
	}
	return NULL;
}

/* ---- parts of them ---- */

/* NULL without an error: of a table that is not carried. */
static int
add_part(struct dump *d, struct net *net, const struct net_object *o, uint32_t kind, struct filter_part **to)
{
	struct filter_table *t = table_of(net, o);
	struct filter_part *p;

	*to = NULL;
	if (t == NULL || t->left_out)
		return 0;
	if ((p = dump_alloc(d, sizeof *p)) == NULL || list_add(d, kind == 0 ? &t->objects : &net->parts, p) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	p->o = o;
	p->kind = kind;
	p->table = t;
	if (!is_name(name_of(p)))
		return filter_cover(d, t, "parts", "", "there are no words for a name");
	if (kind != 0)
		p->id = dump_new_id(d);
	*to = p;
	return 0;
}

static int
take_object(struct dump *d, struct net *net, const struct net_object *o)
{
	struct nft_text t = { 0 };
	struct nft_what what;
	struct filter_part *p;
	int r = add_part(d, net, o, 0, &p);

	if (p == NULL)
		return r;
	r = nft_tell_object(&t, nft_get32(o->a[NFTA_OBJ_TYPE]), o->a[NFTA_OBJ_DATA], &what);
	return filter_keep_text(d, p, r, &t, &what, &p->text);
}

/* By names, not by the beginnings of names. */
static bool
has_sound_devices(const struct rtattr *devices)
{
	size_t len = devices != NULL ? RTA_PAYLOAD(devices) : 0;

	for (const struct rtattr *a = devices != NULL ? RTA_DATA(devices) : NULL; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) != NFTA_DEVICE_NAME)
			return false;
	return true;
}

static int
take_chain(struct dump *d, struct net *net, const struct net_object *o)
{
	const struct rtattr *hook[NFTA_HOOK_MAX + 1];
	struct filter_part *p;
	int r = add_part(d, net, o, PSNAP_KIND_FILTER_CHAIN, &p);

	if (p == NULL)
		return r;
	if (nft_get32(o->a[NFTA_CHAIN_FLAGS]) & ~(uint32_t)NFT_CHAIN_BASE)
		return filter_cover(d, p->table, "chain", name_of(p), "it is of one rule, or runs in hardware");
	netlink_parse_nested(o->a[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX + 1);
	if (o->a[NFTA_CHAIN_HOOK] != NULL && (!has_sound_devices(hook[NFTA_HOOK_DEVS]) ||
	    net_filter_hook_of(filter_family(o), ntohl(netlink_get32(hook[NFTA_HOOK_HOOKNUM], UINT32_MAX))) == 0 ||
	    net_filter_type_of(netlink_get_text(o->a[NFTA_CHAIN_TYPE])) == 0))
		return filter_cover(d, p->table, "chain", name_of(p), "its hook or type is unusual");
	return 0;
}

static const struct filter_part *
chain_of(const struct net *net, const struct filter_part *rule)
{
	const char *name = name_of(rule);

	for (size_t i = 0; i < net->parts.n; i++) {
		const struct filter_part *p = net->parts.v[i];

		if (p->kind == PSNAP_KIND_FILTER_CHAIN && p->table == rule->table && strcmp(name_of(p), name) == 0)
			return p;
	}
	return NULL;
}

static int
take_rule(struct dump *d, struct net *net, const struct net_object *o)
{
	struct nft_text t = { 0 };
	struct nft_what what;
	struct filter_part *p;
	int r = add_part(d, net, o, PSNAP_KIND_FILTER_RULE, &p);

	if (p == NULL)
		return r;
	if ((p->chain = chain_of(net, p)) == NULL)
		return filter_cover(d, p->table, "chain", name_of(p), "it was made meanwhile");
	r = nft_tell_list(&t, o->a[NFTA_RULE_EXPRESSIONS], &what);
	return filter_keep_text(d, p, r, &t, &what, &p->text);
}

static int
take_set(struct dump *d, struct net *net, const struct net_object *o)
{
	struct filter_part *p;
	int r = add_part(d, net, o, PSNAP_KIND_FILTER_SET, &p);

	return p == NULL ? r : filter_collect_set(d, net, p);
}

static int
take_flow_table(struct dump *d, struct net *net, const struct net_object *o)
{
	struct filter_table *t = table_of(net, o);

	return t == NULL || t->left_out ? 0 :
	    filter_cover(d, t, "flow table", netlink_get_text(o->a[NFTA_FLOWTABLE_NAME]), "connections that bypass rules");
}

/* ---- all of them ---- */

static int
take_any(struct dump *d, struct net *net, const struct net_object *o)
{
	(void)d;
	(void)net;
	(void)o;
	return 1;
}

/* In this order: what others are looked up in comes first. */
static const struct {
	struct net_type	type;
	int		(*take)(struct dump *d, struct net *net, const struct net_object *o);
} types[] = {
	{ TYPE(NFT_MSG_GETTABLE, NFT_MSG_NEWTABLE, NFTA_TABLE_MAX), take_table },
	{ TYPE(NFT_MSG_GETOBJ, NFT_MSG_NEWOBJ, NFTA_OBJ_MAX), take_object },
	{ TYPE(NFT_MSG_GETFLOWTABLE, NFT_MSG_NEWFLOWTABLE, NFTA_FLOWTABLE_MAX), take_flow_table },
	{ TYPE(NFT_MSG_GETCHAIN, NFT_MSG_NEWCHAIN, NFTA_CHAIN_MAX), take_chain },
	{ TYPE(NFT_MSG_GETSET, NFT_MSG_NEWSET, NFTA_SET_MAX), take_set },
	{ TYPE(NFT_MSG_GETRULE, NFT_MSG_NEWRULE, NFTA_RULE_MAX), take_rule },
};

static int
collect_type(struct dump *d, struct net *net, size_t i)
{
	const struct nfgenmsg all = { .version = NFNETLINK_V0 };
	struct list found = { 0 };
	int r = net_collect_asked(d, net, net->filter_fd, &types[i].type, &all, sizeof all, &found);

	for (size_t k = 0; k < found.n && r == 0; k++)
		r = types[i].take(d, net, found.v[k]);
	return r;
}

static int
take_generation(void *ctx, const struct nlmsghdr *h)
{
	const struct rtattr *a[NFTA_GEN_ID + 1];

	netlink_parse(h, sizeof(struct nfgenmsg), a, NFTA_GEN_ID + 1);
	*(uint32_t *)ctx = netlink_get32(a[NFTA_GEN_ID], 0);
	return GENERATION_TAKEN;
}

/* Another one after each change; -EINVAL: this kernel has no nftables. */
static int
ask_generation(const struct net *net, uint32_t *generation)
{
	const struct nfgenmsg h = { .version = NFNETLINK_V0 };
	int r = netlink_dump(net->filter_fd, MESSAGE(NFT_MSG_GETGEN), &h, sizeof h, take_generation, generation);

	return r == GENERATION_TAKEN ? 0 : r;
}

static int
collect(struct dump *d, struct net *net)
{
	uint32_t before = 0, after = 0;
	int r = ask_generation(net, &before);

	if (r == -EINVAL || r == -EOPNOTSUPP)
		return 0;
	if (r != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, NULL, "asking for rules of nftables");
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if ((r = collect_type(d, net, i)) != 0)
			return r;
	if ((r = ask_generation(net, &after)) != 0 || before != after)
		return dump_fail(d, GLUE_E_SYSTEM, r != 0 ? -r : EAGAIN, NULL, "rules of nftables were changed meanwhile");
	return 0;
}

int
net_filters_collect(struct dump *d, struct net *net)
{
	int r;

	/* who has no such protocol has no rules */
	if ((net->filter_fd = netlink_open(-1, NETLINK_NETFILTER)) == -EPROTONOSUPPORT)
		return 0;
	if (net->filter_fd < 0)
		return dump_fail(d, GLUE_E_SYSTEM, -net->filter_fd, NULL, "asking for rules of nftables");
	r = collect(d, net);
	close(net->filter_fd);
	return r;
}

/* ---- records ---- */

static void
emit_object(struct glue_emit *e, const struct filter_part *p)
{
	glue_emit_open(e, PSNAP_F_FILTER_TABLE_OBJECTS);
	glue_emit_string(e, PSNAP_F_FILTER_OBJECT_NAME, name_of(p));
	glue_emit_string(e, PSNAP_F_FILTER_OBJECT_EXPRESSION, p->text);
	net_emit_bytes(e, PSNAP_F_FILTER_OBJECT_USER_DATA, p->o->a[NFTA_OBJ_USERDATA]);
	glue_emit_close(e);
}

static void
table_fields(struct glue_emit *e, const void *object)
{
	const struct filter_table *t = object;

	glue_emit_uint(e, PSNAP_F_FILTER_TABLE_NAMESPACE_ID, t->o->net->namespace_id);
	glue_emit_uint(e, PSNAP_F_FILTER_TABLE_FAMILY, net_filter_family_of(filter_family(t->o)));
	glue_emit_string(e, PSNAP_F_FILTER_TABLE_NAME, t->name);
	glue_emit_uint(e, PSNAP_F_FILTER_TABLE_DORMANT, nft_get32(t->o->a[NFTA_TABLE_FLAGS]));
	for (size_t i = 0; i < t->objects.n; i++)
		emit_object(e, t->objects.v[i]);
	net_emit_bytes(e, PSNAP_F_FILTER_TABLE_USER_DATA, t->o->a[NFTA_TABLE_USERDATA]);
}

/* One, or a list of them, in which that one is, too. */
static void
emit_devices(struct glue_emit *e, const struct rtattr *const *hook)
{
	const struct rtattr *devices = hook[NFTA_HOOK_DEVS];
	size_t len = devices != NULL ? RTA_PAYLOAD(devices) : 0;
	const char *name = netlink_get_text(hook[NFTA_HOOK_DEV]);

	if (devices == NULL && name[0] != '\0')
		glue_emit_element(e, PSNAP_F_FILTER_CHAIN_DEVICES, name, strlen(name));
	for (const struct rtattr *a = devices != NULL ? RTA_DATA(devices) : NULL; RTA_OK(a, len); a = RTA_NEXT(a, len))
		glue_emit_element(e, PSNAP_F_FILTER_CHAIN_DEVICES, netlink_get_text(a), strlen(netlink_get_text(a)));
}

static void
emit_counter(struct glue_emit *e, const struct rtattr *counters)
{
	const struct rtattr *a[NFTA_COUNTER_MAX + 1];

	if (counters == NULL)
		return;
	netlink_parse_nested(counters, a, NFTA_COUNTER_MAX + 1);
	glue_emit_open(e, PSNAP_F_FILTER_CHAIN_COUNTER);
	glue_emit_uint(e, PSNAP_F_FILTER_COUNTER_PACKETS, nft_get64(a[NFTA_COUNTER_PACKETS]));
	glue_emit_uint(e, PSNAP_F_FILTER_COUNTER_BYTES, nft_get64(a[NFTA_COUNTER_BYTES]));
	glue_emit_close(e);
}

static void
emit_hook(struct glue_emit *e, const struct net_object *o)
{
	const struct rtattr *hook[NFTA_HOOK_MAX + 1];

	netlink_parse_nested(o->a[NFTA_CHAIN_HOOK], hook, NFTA_HOOK_MAX + 1);
	glue_emit_uint(e, PSNAP_F_FILTER_CHAIN_HOOK,
	    net_filter_hook_of(filter_family(o), nft_get32(hook[NFTA_HOOK_HOOKNUM])));
	glue_emit_uint(e, PSNAP_F_FILTER_CHAIN_TYPE, net_filter_type_of(netlink_get_text(o->a[NFTA_CHAIN_TYPE])));
	glue_emit_int(e, PSNAP_F_FILTER_CHAIN_PRIORITY, (int32_t)nft_get32(hook[NFTA_HOOK_PRIORITY]));
	glue_emit_uint(e, PSNAP_F_FILTER_CHAIN_POLICY,
	    ntohl(netlink_get32(o->a[NFTA_CHAIN_POLICY], htonl(NF_ACCEPT))) == NF_DROP ? PSNAP_FILTER_DROP :
	    PSNAP_FILTER_ACCEPT);
	emit_devices(e, hook);
	emit_counter(e, o->a[NFTA_CHAIN_COUNTERS]);
}

static void
chain_fields(struct glue_emit *e, const void *object)
{
	const struct filter_part *p = object;

	glue_emit_uint(e, PSNAP_F_FILTER_CHAIN_TABLE_ID, p->table->id);
	glue_emit_string(e, PSNAP_F_FILTER_CHAIN_NAME, name_of(p));
	if (p->o->a[NFTA_CHAIN_HOOK] != NULL)
		emit_hook(e, p->o);
	net_emit_bytes(e, PSNAP_F_FILTER_CHAIN_USER_DATA, p->o->a[NFTA_CHAIN_USERDATA]);
}

static void
rule_fields(struct glue_emit *e, const void *object)
{
	const struct filter_part *p = object;

	glue_emit_uint(e, PSNAP_F_FILTER_RULE_CHAIN_ID, p->chain->id);
	glue_emit_string(e, PSNAP_F_FILTER_RULE_EXPRESSIONS, p->text);
	net_emit_bytes(e, PSNAP_F_FILTER_RULE_USER_DATA, p->o->a[NFTA_RULE_USERDATA]);
}

int
net_filters_emit(struct dump *d, const struct net *net)
{
	int r = 0;

	for (size_t i = 0; i < net->tables.n && r == 0; i++) {
		const struct filter_table *t = net->tables.v[i];

		if (!t->left_out)
			r = dump_record(d, PSNAP_KIND_FILTER_TABLE, t->id, table_fields, t);
	}
	for (size_t i = 0; i < net->parts.n && r == 0; i++) {
		const struct filter_part *p = net->parts.v[i];

		if (!p->table->left_out)
			r = dump_record(d, p->kind, p->id, p->kind == PSNAP_KIND_FILTER_CHAIN ? chain_fields :
			    p->kind == PSNAP_KIND_FILTER_SET ? filter_set_fields : rule_fields, p);
	}
	return r;
}
