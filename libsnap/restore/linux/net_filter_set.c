/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets and maps of nftables with their elements.
 */
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "format/psnap_fields.h"
#include "libsnap/restore/linux/net_filter.h"
#include "linux/nft_words.h"

#define MS_NS		1000000
#define CHUNK_BYTES	(24u << 10)	/* of elements a message: an attribute has 64 KiB at most */

/* Rounded up: what has not ended is not over. */
static uint64_t
milliseconds(uint64_t ns)
{
	return ns / MS_NS + (ns % MS_NS != 0);
}

static void
put_ms(struct netlink_batch *b, uint16_t type, uint64_t ns)
{
	nft_put64(b, type, milliseconds(ns));
}

static void
put_value(struct netlink_batch *b, uint16_t type, const ProtobufCBinaryData *bytes)
{
	size_t at;

	if (bytes->len == 0)
		return;
	at = netlink_nest(b, type);
	netlink_put(b, NFTA_DATA_VALUE, bytes->data, bytes->len);
	netlink_nest_end(b, at);
}

/* ---- the set ---- */

static uint32_t
flags_of(const Psnap__FilterSet *s)
{
	bool map = s->kind == PSNAP__FILTER_SET_KIND__FILTER_MAP ||
	    s->kind == PSNAP__FILTER_SET_KIND__FILTER_VERDICT_MAP;

	return (s->anonymous ? NFT_SET_ANONYMOUS : 0) | (s->constant ? NFT_SET_CONSTANT : 0) |
	    (s->intervals ? NFT_SET_INTERVAL : 0) | (map ? NFT_SET_MAP : 0) | (s->expires ? NFT_SET_TIMEOUT : 0) |
	    (s->dynamic ? NFT_SET_EVAL : 0) | (s->kind == PSNAP__FILTER_SET_KIND__FILTER_OBJECT_MAP ? NFT_SET_OBJECT : 0) |
	    (s->concatenation ? NFT_SET_CONCAT : 0) | (strchr(s->expressions, '\n') != NULL ? NFT_SET_EXPR : 0);
}

static void
put_description(struct netlink_batch *b, const Psnap__FilterSet *s)
{
	size_t all, parts;

	all = netlink_nest(b, NFTA_SET_DESC);
	if (s->max_elements != 0)
		nft_put32(b, NFTA_SET_DESC_SIZE, s->max_elements);
	if (s->n_key_parts > 0) {
		parts = netlink_nest(b, NFTA_SET_DESC_CONCAT);
		for (size_t i = 0; i < s->n_key_parts; i++) {
			size_t at = netlink_nest(b, NFTA_LIST_ELEM);

			nft_put32(b, NFTA_SET_FIELD_LEN, s->key_parts[i]);
			netlink_nest_end(b, at);
		}
		netlink_nest_end(b, parts);
	}
	netlink_nest_end(b, all);
}

/* -EINVAL: there are no such objects */
static int
put_types(struct filter_batch *f, const Psnap__FilterSet *s)
{
	const struct nft_expression *object = nft_expression_find(s->object_type, strlen(s->object_type));

	nft_put32(&f->b, NFTA_SET_KEY_TYPE, s->key_type);
	nft_put32(&f->b, NFTA_SET_KEY_LEN, s->key_size);
	if (s->kind == PSNAP__FILTER_SET_KIND__FILTER_MAP) {
		nft_put32(&f->b, NFTA_SET_DATA_TYPE, s->value_type);
		nft_put32(&f->b, NFTA_SET_DATA_LEN, s->value_size);
	} else if (s->kind == PSNAP__FILTER_SET_KIND__FILTER_VERDICT_MAP) {
		nft_put32(&f->b, NFTA_SET_DATA_TYPE, NFT_DATA_VERDICT);
	} else if (s->kind == PSNAP__FILTER_SET_KIND__FILTER_OBJECT_MAP) {
		if (object == NULL || object->object == 0) {
			strcpy(f->what.s, "object_type");
			return -EINVAL;
		}
		nft_put32(&f->b, NFTA_SET_OBJ_TYPE, object->object);
	}
	return 0;
}

static int
put_set(struct filter_batch *f, const struct snap_object *o, const Psnap__FilterTable *t, const Psnap__FilterSet *s)
{
	struct netlink_batch *b = &f->b;
	int r;

	filter_begin(f, o, NFT_MSG_NEWSET, t);
	netlink_put_text(b, NFTA_SET_NAME, s->name);
	nft_put32(b, NFTA_SET_ID, ++f->sets);
	nft_put32(b, NFTA_SET_FLAGS, flags_of(s));
	if ((r = put_types(f, s)) != 0)
		return r;
	put_description(b, s);
	nft_put32(b, NFTA_SET_POLICY, s->small ? NFT_SET_POL_MEMORY : NFT_SET_POL_PERFORMANCE);
	if (s->timeout_ns != 0)
		put_ms(b, NFTA_SET_TIMEOUT, s->timeout_ns);
	if (s->sweep_ns != 0)
		nft_put32(b, NFTA_SET_GC_INTERVAL, (uint32_t)milliseconds(s->sweep_ns));
	filter_put_data(f, NFTA_SET_USERDATA, &s->user_data);
	return nft_put_some(b, NFTA_SET_EXPR, NFTA_SET_EXPRESSIONS, s->expressions, &f->what);
}

/* ---- its elements ---- */

static int
put_element(struct filter_batch *f, const Psnap__FilterElement *x)
{
	struct netlink_batch *b = &f->b;
	size_t at = netlink_nest(b, NFTA_LIST_ELEM);
	int r = 0;

	put_value(b, NFTA_SET_ELEM_KEY, &x->key);
	put_value(b, NFTA_SET_ELEM_KEY_END, &x->last_key);
	if (x->ends_interval || x->key.len == 0)
		nft_put32(b, NFTA_SET_ELEM_FLAGS, (x->ends_interval ? NFT_SET_ELEM_INTERVAL_END : 0) |
		    (x->key.len == 0 ? NFT_SET_ELEM_CATCHALL : 0));
	put_value(b, NFTA_SET_ELEM_DATA, &x->value);
	if (x->verdict[0] != '\0')
		r = nft_put_verdict(b, NFTA_SET_ELEM_DATA, x->verdict, &f->what);
	if (x->object[0] != '\0')
		netlink_put_text(b, NFTA_SET_ELEM_OBJREF, x->object);
	if (x->has_timeout)
		put_ms(b, NFTA_SET_ELEM_TIMEOUT, x->timeout_ns);
	if (x->left_ns != 0)
		put_ms(b, NFTA_SET_ELEM_EXPIRATION, x->left_ns);
	filter_put_data(f, NFTA_SET_ELEM_USERDATA, &x->user_data);
	if (r == 0)
		r = nft_put_some(b, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, x->expressions, &f->what);
	netlink_nest_end(b, at);
	return r;
}

/* The next of them, as many as a message has room for. */
static int
put_chunk(struct filter_batch *f, const struct snap_object *o, const Psnap__FilterTable *t, const Psnap__FilterSet *s,
    size_t *next)
{
	size_t list;
	int r = 0;

	filter_begin(f, o, NFT_MSG_NEWSETELEM, t);
	netlink_put_text(&f->b, NFTA_SET_ELEM_LIST_SET, s->name);
	list = netlink_nest(&f->b, NFTA_SET_ELEM_LIST_ELEMENTS);
	while (*next < s->n_elements && f->b.len - list < CHUNK_BYTES && r == 0)
		r = put_element(f, s->elements[(*next)++]);
	netlink_nest_end(&f->b, list);
	return r;
}

int
filter_put_set(struct filter_batch *f, const struct snap_object *o)
{
	const Psnap__FilterSet *s = (const void *)o->message;
	const Psnap__FilterTable *t = snap_get_message(f->s, s->table_id, PSNAP_KIND_FILTER_TABLE);
	int r = put_set(f, o, t, s);

	for (size_t i = 0; i < s->n_elements && r == 0 && f->b.error == 0;)
		r = put_chunk(f, o, t, s, &i);
	return r;
}
