/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filters: tables, chains, rules and objects of nftables.  They are made when
 * what is unread has been sent to its sockets again: that is not to be
 * filtered, nor counted.  Before that nobody can send anything: what reaches
 * out of the namespace is down at its other end.
 */
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/restore/linux/net.h"
#include "libsnap/restore/linux/net_filter.h"

/* ---- messages ---- */

/* Who the messages up to the one under way are made of. */
static void
note_owner(struct filter_batch *f, const struct snap_object *o)
{
	uint32_t n = f->b.count;

	if (n >= f->cap) {
		size_t cap = ((size_t)n + 64) * 2;
		const struct snap_object **v = realloc(f->made_of, cap * sizeof *v);

		if (v == NULL) {
			f->b.error = ENOMEM;
			return;
		}
		memset(v + f->cap, 0, (cap - f->cap) * sizeof *v);
		f->made_of = v;
		f->cap = cap;
	}
	f->made_of[n] = o;
}

void
filter_begin(struct filter_batch *f, const struct snap_object *o, uint16_t message, const Psnap__FilterTable *t)
{
	/* in all of them the table has the same attribute */
	nft_message_of(&f->b, net_filter_family_number(t->family), message,
	    NLM_F_CREATE | (message == NFT_MSG_NEWRULE ? NLM_F_APPEND : NLM_F_EXCL), NFTA_TABLE_NAME, t->name);
	note_owner(f, o);
}

void
filter_put_data(struct filter_batch *f, uint16_t type, const ProtobufCBinaryData *data)
{
	if (data->len > 0)
		netlink_put(&f->b, type, data->data, data->len);
}

/* ---- tables ---- */

static int
put_objects(struct filter_batch *f, const struct snap_object *o, const Psnap__FilterTable *t)
{
	for (size_t i = 0; i < t->n_objects; i++) {
		const Psnap__FilterObject *x = t->objects[i];
		uint32_t type = 0;
		int r;

		filter_begin(f, o, NFT_MSG_NEWOBJ, t);
		netlink_put_text(&f->b, NFTA_OBJ_NAME, x->name);
		if ((r = nft_put_object(&f->b, NFTA_OBJ_DATA, x->expression, &type, &f->what)) != 0)
			return r;
		nft_put32(&f->b, NFTA_OBJ_TYPE, type);
		filter_put_data(f, NFTA_OBJ_USERDATA, &x->user_data);
	}
	return 0;
}

static int
put_table(struct filter_batch *f, const struct snap_object *o)
{
	const Psnap__FilterTable *t = (const void *)o->message;

	filter_begin(f, o, NFT_MSG_NEWTABLE, t);
	nft_put32(&f->b, NFTA_TABLE_FLAGS, t->dormant ? NFT_TABLE_F_DORMANT : 0);
	filter_put_data(f, NFTA_TABLE_USERDATA, &t->user_data);
	return put_objects(f, o, t);
}

/* ---- chains ---- */

static void
put_devices(struct filter_batch *f, const Psnap__FilterChain *c)
{
	size_t at;

	if (c->n_devices == 0)
		return;
	at = netlink_nest(&f->b, NFTA_HOOK_DEVS);
	for (size_t i = 0; i < c->n_devices; i++)
		netlink_put_text(&f->b, NFTA_DEVICE_NAME, c->devices[i]);
	netlink_nest_end(&f->b, at);
}

static void
put_counter(struct filter_batch *f, const Psnap__FilterCounter *c)
{
	size_t at;

	if (c == NULL)
		return;
	at = netlink_nest(&f->b, NFTA_CHAIN_COUNTERS);
	nft_put64(&f->b, NFTA_COUNTER_PACKETS, c->packets);
	nft_put64(&f->b, NFTA_COUNTER_BYTES, c->bytes);
	netlink_nest_end(&f->b, at);
}

static int
put_hook(struct filter_batch *f, const Psnap__FilterTable *t, const Psnap__FilterChain *c)
{
	int hook = net_filter_hook_number(net_filter_family_number(t->family), c->hook);
	const char *type = net_filter_type_name(c->type);
	size_t at;

	if (hook < 0 || type == NULL) {
		strcpy(f->what.s, "hook");
		return -EINVAL;
	}
	at = netlink_nest(&f->b, NFTA_CHAIN_HOOK);
	nft_put32(&f->b, NFTA_HOOK_HOOKNUM, (uint32_t)hook);
	nft_put32(&f->b, NFTA_HOOK_PRIORITY, (uint32_t)c->priority);
	put_devices(f, c);
	netlink_nest_end(&f->b, at);
	nft_put32(&f->b, NFTA_CHAIN_POLICY, c->policy == PSNAP__FILTER_POLICY__FILTER_DROP ? NF_DROP : NF_ACCEPT);
	netlink_put_text(&f->b, NFTA_CHAIN_TYPE, type);
	put_counter(f, c->counter);
	return 0;
}

static int
put_chain(struct filter_batch *f, const struct snap_object *o)
{
	const Psnap__FilterChain *c = (const void *)o->message;
	const Psnap__FilterTable *t = snap_get_message(f->s, c->table_id, PSNAP_KIND_FILTER_TABLE);
	int r = 0;

	filter_begin(f, o, NFT_MSG_NEWCHAIN, t);
	netlink_put_text(&f->b, NFTA_CHAIN_NAME, c->name);
	if (c->hook != 0)
		r = put_hook(f, t, c);
	filter_put_data(f, NFTA_CHAIN_USERDATA, &c->user_data);
	return r;
}

static int
put_rule(struct filter_batch *f, const struct snap_object *o)
{
	const Psnap__FilterRule *x = (const void *)o->message;
	const Psnap__FilterChain *c = snap_get_message(f->s, x->chain_id, PSNAP_KIND_FILTER_CHAIN);
	int r;

	filter_begin(f, o, NFT_MSG_NEWRULE, snap_get_message(f->s, c->table_id, PSNAP_KIND_FILTER_TABLE));
	netlink_put_text(&f->b, NFTA_RULE_CHAIN, c->name);
	r = nft_put_list(&f->b, NFTA_RULE_EXPRESSIONS, x->expressions, &f->what);
	filter_put_data(f, NFTA_RULE_USERDATA, &x->user_data);
	return r;
}

/* ---- all of them ---- */

static int
put_each(struct filter_batch *f, uint32_t kind, int (*fn)(struct filter_batch *f, const struct snap_object *o))
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(f->s, kind, &n);
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++) {
		if ((r = fn(f, v[i])) == 0 && (r = -f->b.error) == -EMSGSIZE)
			strcpy(f->what.s, "too long");
		if (r != 0)
			f->bad = v[i];
	}
	return r;
}

/* In this order: what others name is there when they do. */
int
filter_batch_fill(struct filter_batch *f)
{
	int r;

	nft_begin(&f->b);
	if ((r = put_each(f, PSNAP_KIND_FILTER_TABLE, put_table)) != 0 ||
	    (r = put_each(f, PSNAP_KIND_FILTER_CHAIN, put_chain)) != 0 ||
	    (r = put_each(f, PSNAP_KIND_FILTER_SET, filter_put_set)) != 0 ||
	    (r = put_each(f, PSNAP_KIND_FILTER_RULE, put_rule)) != 0)
		return r;
	nft_end(&f->b);
	return -f->b.error;
}

void
filter_batch_free(struct filter_batch *f)
{
	free(f->b.buf);
	free(f->made_of);
}

/* A rule has none: that of its chain. */
static const char *
name_of(struct snap *s, const struct snap_object *o)
{
	const Psnap__FilterChain *c;

	switch (o->kind) {
	case PSNAP_KIND_FILTER_TABLE:
		return ((const Psnap__FilterTable *)(const void *)o->message)->name;
	case PSNAP_KIND_FILTER_SET:
		return ((const Psnap__FilterSet *)(const void *)o->message)->name;
	case PSNAP_KIND_FILTER_RULE:
		c = snap_get_message(s, ((const Psnap__FilterRule *)(const void *)o->message)->chain_id,
		    PSNAP_KIND_FILTER_CHAIN);
		return c->name;
	default:
		return ((const Psnap__FilterChain *)(const void *)o->message)->name;
	}
}

static int
tell_failure(struct net *n, const struct filter_batch *f, int os_errno)
{
	const struct snap_object *o = f->b.failed < f->cap ? f->made_of[f->b.failed] : NULL;

	return o != NULL ? restore_fail(n->r, NULL, o->id, os_errno, "making a filter of packets (%s)", name_of(f->s, o)) :
	    restore_fail(n->r, NULL, 0, os_errno, "making filters of packets");
}

static int
send_all(struct net *n, struct filter_batch *f)
{
	int fd, e, r;

	if ((fd = keep_fd(n->r, nft_open(-1))) < 0)
		return restore_fail(n->r, NULL, 0, errno, "asking for rules of nftables");
	if ((e = restore_goes_on(n->r)) != 0 || (e = net_is_ours(n, fd)) != 0)
		return e;
	return (r = netlink_transact(fd, &f->b)) == 0 ? 0 : tell_failure(n, f, -r);
}

int
filters_make(struct restore *r)
{
	struct filter_batch f = { .s = r->s };
	size_t tables;
	int e;

	snap_get_kind(r->s, PSNAP_KIND_FILTER_TABLE, &tables);
	if (r->net == NULL || tables == 0)
		return 0;
	if ((e = filter_batch_fill(&f)) == -ENOMEM)
		e = restore_nomem(r);
	else if (e != 0)
		e = restore_fail(r, NULL, f.bad->id, -e, "no expression of a filter: %s", f.what.s);
	else
		e = send_all(r->net, &f);
	filter_batch_free(&f);
	return e;
}
