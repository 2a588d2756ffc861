/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets and maps of nftables with their elements.
 */
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/net_filter.h"
#include "linux/nft_words.h"

#define MS_NS		1000000
#define KNOWN_FLAGS	(NFT_SET_ANONYMOUS | NFT_SET_CONSTANT | NFT_SET_INTERVAL | NFT_SET_MAP | NFT_SET_TIMEOUT | \
	NFT_SET_EVAL | NFT_SET_OBJECT | NFT_SET_CONCAT | NFT_SET_EXPR)

/* Told in milliseconds. */
static uint64_t
get_ns(const struct rtattr *a)
{
	return nft_get64(a) * MS_NS;
}

/* The bytes of a key or value; none if it is missing. */
static const struct rtattr *
bytes_of(const struct rtattr *data)
{
	const struct rtattr *a[NFTA_DATA_MAX + 1];

	netlink_parse_nested(data, a, NFTA_DATA_MAX + 1);
	return a[NFTA_DATA_VALUE];
}

static uint32_t
flags_of(const struct filter_part *p)
{
	return nft_get32(p->o->a[NFTA_SET_FLAGS]);
}

static bool
ends_interval(const struct filter_element *x)
{
	return (nft_get32(x->a[NFTA_SET_ELEM_FLAGS]) & NFT_SET_ELEM_INTERVAL_END) != 0;
}

/* ---- collecting ---- */

/* One, several, or none. */
static int
keep_expressions(struct dump *d, struct filter_part *p, const struct rtattr *one, const struct rtattr *several,
    const char **text)
{
	struct nft_text t = { 0 };
	struct nft_what what;
	int r = one != NULL ? nft_tell_one(&t, one, &what) : nft_tell_list(&t, several, &what);

	return filter_keep_text(d, p, r, &t, &what, text);
}

static int
keep_verdict(struct dump *d, struct filter_part *p, struct filter_element *x)
{
	const struct rtattr *a[NFTA_DATA_MAX + 1];
	struct nft_text t = { 0 };
	struct nft_what what;

	netlink_parse_nested(x->a[NFTA_SET_ELEM_DATA], a, NFTA_DATA_MAX + 1);
	return a[NFTA_DATA_VERDICT] == NULL ? 0 :
	    filter_keep_text(d, p, nft_tell_verdict(&t, a[NFTA_DATA_VERDICT], &what), &t, &what, &x->verdict);
}

static int
take_element(struct dump *d, struct filter_part *p, const struct rtattr *element)
{
	struct filter_element *x = dump_alloc(d, sizeof *x);
	int r;

	if (x == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	netlink_parse_nested(element, x->a, NFTA_SET_ELEM_MAX + 1);
	/* its time is over */
	if (x->a[NFTA_SET_ELEM_EXPIRATION] != NULL && get_ns(x->a[NFTA_SET_ELEM_EXPIRATION]) == 0)
		return 0;
	if ((r = keep_expressions(d, p, x->a[NFTA_SET_ELEM_EXPR], x->a[NFTA_SET_ELEM_EXPRESSIONS], &x->text)) != 0 ||
	    (r = keep_verdict(d, p, x)) != 0)
		return r;
	return list_add(d, &p->elements, x) == 0 ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

static int
compare_bytes(const struct rtattr *a, const struct rtattr *b)
{
	size_t n = a != NULL ? RTA_PAYLOAD(a) : 0, m = b != NULL ? RTA_PAYLOAD(b) : 0;
	int c = n > 0 && m > 0 ? memcmp(RTA_DATA(a), RTA_DATA(b), n < m ? n : m) : 0;

	return c != 0 ? c : (n > m) - (n < m);
}

/* By key, so that it does not matter how the kernel keeps them; a range ends before the next begins. */
static int
compare_elements(const void *a, const void *b)
{
	const struct filter_element *x = *(const struct filter_element *const *)a;
	const struct filter_element *y = *(const struct filter_element *const *)b;
	int c = compare_bytes(bytes_of(x->a[NFTA_SET_ELEM_KEY]), bytes_of(y->a[NFTA_SET_ELEM_KEY]));

	if (c == 0)
		c = ends_interval(y) - ends_interval(x);
	return c != 0 ? c : compare_bytes(bytes_of(x->a[NFTA_SET_ELEM_KEY_END]), bytes_of(y->a[NFTA_SET_ELEM_KEY_END]));
}

static int
take_message(struct dump *d, struct net *net, const struct net_object *o)
{
	(void)d;
	(void)net;
	return o->a[NFTA_SET_ELEM_LIST_ELEMENTS] != NULL;
}

/* Each message has some of them. */
static int
collect_messages(struct dump *d, struct net *net, const struct filter_part *p, struct list *messages)
{
	static const struct net_type type = { NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETSETELEM,
	    NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_NEWSETELEM, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_MAX + 1,
	    take_message };
	const struct nfgenmsg h = { .nfgen_family = filter_family(p->o), .version = NFNETLINK_V0 };
	struct netlink_batch b = { 0 };
	int r;

	netlink_put_raw(&b, &h, sizeof h);
	netlink_put_text(&b, NFTA_SET_ELEM_LIST_TABLE, p->table->name);
	netlink_put_text(&b, NFTA_SET_ELEM_LIST_SET, netlink_get_text(p->o->a[NFTA_SET_NAME]));
	r = b.error != 0 ? dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory") :
	    net_collect_asked(d, net, net->filter_fd, &type, b.buf, b.len, messages);
	free(b.buf);
	return r;
}

static int
collect_elements(struct dump *d, struct net *net, struct filter_part *p)
{
	struct list messages = { 0 };
	int r = collect_messages(d, net, p, &messages);

	for (size_t i = 0; i < messages.n; i++) {
		const struct rtattr *list = ((const struct net_object *)messages.v[i])->a[NFTA_SET_ELEM_LIST_ELEMENTS];
		size_t len = RTA_PAYLOAD(list);

		for (const struct rtattr *a = RTA_DATA(list); r == 0 && !p->table->left_out && RTA_OK(a, len);
		    a = RTA_NEXT(a, len))
			r = take_element(d, p, a);
	}
	if (p->elements.n > 0)
		qsort(p->elements.v, p->elements.n, sizeof *p->elements.v, compare_elements);
	return r;
}

int
filter_collect_set(struct dump *d, struct net *net, struct filter_part *p)
{
	const struct rtattr *const *a = p->o->a;
	int r;

	if (flags_of(p) & ~(uint32_t)KNOWN_FLAGS || (flags_of(p) & NFT_SET_OBJECT &&
	    nft_expression_of_object(nft_get32(a[NFTA_SET_OBJ_TYPE])) == NULL))
		return filter_cover(d, p->table, "set", netlink_get_text(a[NFTA_SET_NAME]), "it is of an unusual kind");
	r = keep_expressions(d, p, a[NFTA_SET_EXPR], a[NFTA_SET_EXPRESSIONS], &p->text);
	return r != 0 || p->table->left_out ? r : collect_elements(d, net, p);
}

/* ---- records ---- */

static uint32_t
kind_of(const struct filter_part *p)
{
	if (flags_of(p) & NFT_SET_OBJECT)
		return PSNAP_FILTER_OBJECT_MAP;
	if (!(flags_of(p) & NFT_SET_MAP))
		return PSNAP_FILTER_SET;
	return nft_get32(p->o->a[NFTA_SET_DATA_TYPE]) == NFT_DATA_VERDICT ? PSNAP_FILTER_VERDICT_MAP : PSNAP_FILTER_MAP;
}

static void
emit_element(struct glue_emit *e, const struct filter_element *x)
{
	const struct rtattr *const *a = x->a;

	glue_emit_open(e, PSNAP_F_FILTER_SET_ELEMENTS);
	net_emit_bytes(e, PSNAP_F_FILTER_ELEMENT_KEY, bytes_of(a[NFTA_SET_ELEM_KEY]));
	net_emit_bytes(e, PSNAP_F_FILTER_ELEMENT_LAST_KEY, bytes_of(a[NFTA_SET_ELEM_KEY_END]));
	glue_emit_uint(e, PSNAP_F_FILTER_ELEMENT_ENDS_INTERVAL, ends_interval(x));
	net_emit_bytes(e, PSNAP_F_FILTER_ELEMENT_VALUE, bytes_of(a[NFTA_SET_ELEM_DATA]));
	if (x->verdict != NULL)
		glue_emit_string(e, PSNAP_F_FILTER_ELEMENT_VERDICT, x->verdict);
	glue_emit_string(e, PSNAP_F_FILTER_ELEMENT_OBJECT, netlink_get_text(a[NFTA_SET_ELEM_OBJREF]));
	/* of the end of a range the kernel tells a timeout that it does not take */
	glue_emit_uint(e, PSNAP_F_FILTER_ELEMENT_HAS_TIMEOUT, a[NFTA_SET_ELEM_TIMEOUT] != NULL && !ends_interval(x));
	glue_emit_uint(e, PSNAP_F_FILTER_ELEMENT_TIMEOUT_NS, get_ns(a[NFTA_SET_ELEM_TIMEOUT]));
	glue_emit_uint(e, PSNAP_F_FILTER_ELEMENT_LEFT_NS, get_ns(a[NFTA_SET_ELEM_EXPIRATION]));
	glue_emit_string(e, PSNAP_F_FILTER_ELEMENT_EXPRESSIONS, x->text);
	net_emit_bytes(e, PSNAP_F_FILTER_ELEMENT_USER_DATA, a[NFTA_SET_ELEM_USERDATA]);
	glue_emit_close(e);
}

#define PARTS_MAX	16	/* a key has no more words */

static void
emit_parts(struct glue_emit *e, const struct rtattr *parts)
{
	size_t len = parts != NULL ? RTA_PAYLOAD(parts) : 0, n = 0;
	uint32_t sizes[PARTS_MAX];

	for (const struct rtattr *a = parts != NULL ? RTA_DATA(parts) : NULL; n < PARTS_MAX && RTA_OK(a, len);
	    a = RTA_NEXT(a, len)) {
		const struct rtattr *field[NFTA_SET_FIELD_MAX + 1];

		netlink_parse_nested(a, field, NFTA_SET_FIELD_MAX + 1);
		sizes[n++] = nft_get32(field[NFTA_SET_FIELD_LEN]);
	}
	glue_emit_packed32(e, PSNAP_F_FILTER_SET_KEY_PARTS, sizes, n);
}

static void
emit_types(struct glue_emit *e, const struct filter_part *p, const struct rtattr *parts)
{
	const struct rtattr *const *a = p->o->a;
	uint32_t kind = kind_of(p);

	glue_emit_uint(e, PSNAP_F_FILTER_SET_KEY_SIZE, nft_get32(a[NFTA_SET_KEY_LEN]));
	glue_emit_uint(e, PSNAP_F_FILTER_SET_KEY_TYPE, nft_get32(a[NFTA_SET_KEY_TYPE]));
	emit_parts(e, parts);
	if (kind == PSNAP_FILTER_MAP) {
		glue_emit_uint(e, PSNAP_F_FILTER_SET_VALUE_SIZE, nft_get32(a[NFTA_SET_DATA_LEN]));
		glue_emit_uint(e, PSNAP_F_FILTER_SET_VALUE_TYPE, nft_get32(a[NFTA_SET_DATA_TYPE]));
	}
	if (kind == PSNAP_FILTER_OBJECT_MAP)
		glue_emit_string(e, PSNAP_F_FILTER_SET_OBJECT_TYPE,
		    nft_expression_of_object(nft_get32(a[NFTA_SET_OBJ_TYPE]))->name);
}

void
filter_set_fields(struct glue_emit *e, const void *object)
{
	const struct filter_part *p = object;
	const struct rtattr *const *a = p->o->a, *described[NFTA_SET_DESC_MAX + 1];
	uint32_t flags = flags_of(p);

	netlink_parse_nested(a[NFTA_SET_DESC], described, NFTA_SET_DESC_MAX + 1);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_TABLE_ID, p->table->id);
	glue_emit_string(e, PSNAP_F_FILTER_SET_NAME, netlink_get_text(a[NFTA_SET_NAME]));
	glue_emit_uint(e, PSNAP_F_FILTER_SET_KIND, kind_of(p));
	glue_emit_uint(e, PSNAP_F_FILTER_SET_ANONYMOUS, (flags & NFT_SET_ANONYMOUS) != 0);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_CONSTANT, (flags & NFT_SET_CONSTANT) != 0);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_INTERVALS, (flags & NFT_SET_INTERVAL) != 0);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_EXPIRES, (flags & NFT_SET_TIMEOUT) != 0);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_DYNAMIC, (flags & NFT_SET_EVAL) != 0);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_CONCATENATION, (flags & NFT_SET_CONCAT) != 0);
	emit_types(e, p, described[NFTA_SET_DESC_CONCAT]);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_MAX_ELEMENTS, nft_get32(described[NFTA_SET_DESC_SIZE]));
	glue_emit_uint(e, PSNAP_F_FILTER_SET_SMALL, nft_get32(a[NFTA_SET_POLICY]) == NFT_SET_POL_MEMORY);
	glue_emit_uint(e, PSNAP_F_FILTER_SET_TIMEOUT_NS, get_ns(a[NFTA_SET_TIMEOUT]));
	glue_emit_uint(e, PSNAP_F_FILTER_SET_SWEEP_NS, (uint64_t)nft_get32(a[NFTA_SET_GC_INTERVAL]) * MS_NS);
	glue_emit_string(e, PSNAP_F_FILTER_SET_EXPRESSIONS, p->text);
	for (size_t i = 0; i < p->elements.n; i++)
		emit_element(e, p->elements.v[i]);
	net_emit_bytes(e, PSNAP_F_FILTER_SET_USER_DATA, a[NFTA_SET_USERDATA]);
}
