/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions of nftables to text.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linux/nft.h"
#include "linux/nft_text.h"
#include "linux/nft_words.h"

#define TYPES	32		/* of attributes; there are fewer */
#define NAME_SIZE 16		/* bytes of an interface's name in a register */
#define WORDS_OF_16_BYTES 4	/* registers are in words of 4 bytes, or of 16 */

/* ---- text ---- */

static void tell(struct nft_text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* What is told at a time is short. */
static void
tell(struct nft_text *t, const char *fmt, ...)
{
	char piece[64];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(piece, sizeof piece, fmt, ap);
	va_end(ap);
	if (t->cap - t->len <= (size_t)n) {
		size_t cap = (t->cap + sizeof piece) * 2;
		char *bigger = realloc(t->s, cap);

		if (bigger == NULL) {
			t->no_memory = true;
			return;
		}
		t->s = bigger;
		t->cap = cap;
	}
	memcpy(t->s + t->len, piece, (size_t)n + 1);
	t->len += (size_t)n;
}

static int
no_words(struct nft_what *what, const char *fmt, const char *name, const char *value)
{
	snprintf(what->s, sizeof what->s, fmt, name, value);
	return -EOPNOTSUPP;
}

static void
tell_name(struct nft_text *t, const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] > ' ' && s[i] <= '~' && s[i] != '%')
			tell(t, "%c", s[i]);
		else
			tell(t, "%%%02x", (unsigned char)s[i]);
}

/* ---- values ---- */

/* Letters and zeros behind them. */
static bool
is_name(const char *s, size_t n)
{
	size_t len = strnlen(s, n);

	if (n != NAME_SIZE || len == 0 || len == n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (i < len ? s[i] <= ' ' || s[i] > '~' : s[i] != '\0')
			return false;
	return true;
}

static void
tell_bytes(struct nft_text *t, const struct rtattr *a)
{
	const uint8_t *v = RTA_DATA(a);
	size_t n = RTA_PAYLOAD(a);

	if (is_name((const char *)v, n)) {
		tell(t, "name:");
		tell_name(t, (const char *)v, strnlen((const char *)v, n));
		return;
	}
	tell(t, "0x");
	for (size_t i = 0; i < n; i++)
		tell(t, "%02x", v[i]);
}

int
nft_tell_verdict(struct nft_text *t, const struct rtattr *verdict, struct nft_what *what)
{
	static const struct { int32_t code; const char *name; } words[] = { { NF_ACCEPT, "accept" }, { NF_DROP, "drop" },
	    { NFT_CONTINUE, "continue" }, { NFT_BREAK, "break" }, { NFT_RETURN, "return" }, { NFT_JUMP, "jump" },
	    { NFT_GOTO, "goto" } };
	const struct rtattr *a[NFTA_VERDICT_MAX + 1];
	int32_t code;

	netlink_parse_nested(verdict, a, NFTA_VERDICT_MAX + 1);
	code = (int32_t)nft_get32(a[NFTA_VERDICT_CODE]);
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
		const char *chain = netlink_get_text(a[NFTA_VERDICT_CHAIN]);

		if (words[i].code != code)
			continue;
		tell(t, "%s", words[i].name);
		if (code == NFT_JUMP || code == NFT_GOTO) {
			tell(t, ":");
			tell_name(t, chain, strlen(chain));
		}
		return t->no_memory ? -ENOMEM : 0;
	}
	return no_words(what, "%s%s", "a verdict", "");
}

static int
tell_value(struct nft_text *t, const struct rtattr *value, struct nft_what *what)
{
	const struct rtattr *a[NFTA_DATA_MAX + 1];

	netlink_parse_nested(value, a, NFTA_DATA_MAX + 1);
	if (a[NFTA_DATA_VERDICT] != NULL)
		return nft_tell_verdict(t, a[NFTA_DATA_VERDICT], what);
	if (a[NFTA_DATA_VALUE] == NULL)
		return no_words(what, "%s%s", "a value", "");
	tell_bytes(t, a[NFTA_DATA_VALUE]);
	return 0;
}

static int
tell_register(struct nft_text *t, const struct rtattr *a, struct nft_what *what)
{
	uint32_t n = ntohl(netlink_get32(a, UINT32_MAX));

	if (n == NFT_REG_VERDICT)
		tell(t, "verdict");
	else if (n <= NFT_REG_4)
		tell(t, "r%" PRIu32, (n - NFT_REG_1) * WORDS_OF_16_BYTES);
	else if (n >= NFT_REG32_00 && n <= NFT_REG32_15)
		tell(t, "r%" PRIu32, n - NFT_REG32_00);
	else
		return no_words(what, "%s%s", "a register", "");
	return 0;
}

static uint64_t
number(const struct rtattr *a, enum nft_shape shape)
{
	switch (shape) {
	case NFT_SHAPE_U8:
		return netlink_get8(a, 0);
	case NFT_SHAPE_U16:
		return ntohs(netlink_get16(a, 0));
	case NFT_SHAPE_U32:
	case NFT_SHAPE_FLAGS:
		return nft_get32(a);
	default:
		return nft_get64(a);
	}
}

static int
tell_number(struct nft_text *t, const struct nft_expression *e, const struct nft_attribute *x, uint64_t v,
    struct nft_what *what)
{
	char text[24];
	uint64_t i = 0;

	snprintf(text, sizeof text, "%" PRIu64, v);
	if (x->words == NULL) {
		tell(t, "%s", text);
		return 0;
	}
	while (i < v && x->words[i] != NULL)
		i++;
	if (x->words[i] == NULL || x->words[i][0] == '\0') {
		no_words(what, "%s, %s ", e->name, x->name);
		strncat(what->s, text, sizeof what->s - strlen(what->s) - 1);
		return -EOPNOTSUPP;
	}
	tell(t, "%s", x->words[i]);
	return 0;
}

/* ---- expressions ---- */

static const struct nft_attribute *
attribute_of(const struct nft_expression *e, uint16_t type)
{
	for (const struct nft_attribute *x = e->attributes; x->type != 0; x++)
		if (x->type == (type & NLA_TYPE_MASK))
			return x;
	return NULL;
}

/* Every attribute is one that we know. */
static bool
is_known(const struct nft_expression *e, const struct rtattr *data)
{
	size_t len = data != NULL ? RTA_PAYLOAD(data) : 0;

	for (const struct rtattr *a = data != NULL ? RTA_DATA(data) : NULL; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if (attribute_of(e, a->rta_type) == NULL)
			return false;
	return true;
}

/* That there are several expressions Linux does not tell, but wants to be told. */
static uint64_t
flags_of(const struct nft_attribute *x, const struct rtattr *const *a)
{
	const struct nft_attribute *other = x;

	while (other->type != 0 && other->shape != NFT_SHAPE_EXPRESSIONS)
		other++;
	return number(a[x->type], x->shape) | (other->type != 0 && a[other->type] != NULL ? NFT_DYNSET_F_EXPR : 0);
}

static int
tell_attribute(struct nft_text *t, const struct nft_expression *e, const struct nft_attribute *x,
    const struct rtattr *const *a, struct nft_what *what)
{
	const char *name = netlink_get_text(a[x->type]);

	if (x->name == NULL || a[x->type] == NULL || (x->shape == NFT_SHAPE_FLAGS && flags_of(x, a) == 0))
		return 0;
	tell(t, " %s=", x->name);
	switch (x->shape) {
	case NFT_SHAPE_NAME:
		tell_name(t, name, strlen(name));
		return 0;
	case NFT_SHAPE_VALUE:
		return tell_value(t, a[x->type], what);
	case NFT_SHAPE_REGISTER:
		return tell_register(t, a[x->type], what);
	case NFT_SHAPE_FLAGS:
		return tell_number(t, e, x, flags_of(x, a), what);
	default:
		return tell_number(t, e, x, number(a[x->type], x->shape), what);
	}
}

static int
tell_data(struct nft_text *t, const struct nft_expression *e, const struct rtattr *data, struct nft_what *what)
{
	const struct rtattr *a[TYPES];
	int r = 0;

	if (!is_known(e, data))
		return no_words(what, "%s%s", e->name, " with something new");
	netlink_parse_nested(data, a, TYPES);
	tell(t, "%s", e->name);
	for (const struct nft_attribute *x = e->attributes; x->type != 0 && r == 0; x++)
		r = tell_attribute(t, e, x, a, what);
	return r != 0 ? r : t->no_memory ? -ENOMEM : 0;
}

static int
tell_line(struct nft_text *t, const char *begin, const struct rtattr *expression, const struct nft_expression **e,
    const struct rtattr **data, struct nft_what *what)
{
	const struct rtattr *a[NFTA_EXPR_MAX + 1];
	const char *name;

	netlink_parse_nested(expression, a, NFTA_EXPR_MAX + 1);
	name = netlink_get_text(a[NFTA_EXPR_NAME]);
	if ((*e = nft_expression_find(name, strlen(name))) == NULL)
		return no_words(what, "%s%s", name, "");
	*data = a[NFTA_EXPR_DATA];
	tell(t, "%s%s", t->len > 0 ? "\n" : "", begin);
	return tell_data(t, *e, *data, what);
}

static int
tell_below(struct nft_text *t, const struct rtattr *expression, struct nft_what *what)
{
	const struct nft_expression *e;
	const struct rtattr *data;

	return tell_line(t, "+ ", expression, &e, &data, what);
}

typedef int tell_fn(struct nft_text *t, const struct rtattr *expression, struct nft_what *what);

static int
tell_each(struct nft_text *t, const struct rtattr *list, tell_fn *fn, struct nft_what *what)
{
	size_t len = list != NULL ? RTA_PAYLOAD(list) : 0;
	int r = 0;

	for (const struct rtattr *a = list != NULL ? RTA_DATA(list) : NULL; r == 0 && RTA_OK(a, len); a = RTA_NEXT(a, len))
		r = fn(t, a, what);
	return r;
}

int
nft_tell_one(struct nft_text *t, const struct rtattr *expression, struct nft_what *what)
{
	const struct nft_expression *e;
	const struct rtattr *data, *a[TYPES];
	int r;

	if ((r = tell_line(t, "", expression, &e, &data, what)) != 0)
		return r;
	netlink_parse_nested(data, a, TYPES);
	for (const struct nft_attribute *x = e->attributes; x->type != 0 && r == 0; x++) {
		if (a[x->type] != NULL && x->shape == NFT_SHAPE_EXPRESSION)
			r = tell_below(t, a[x->type], what);
		else if (a[x->type] != NULL && x->shape == NFT_SHAPE_EXPRESSIONS)
			r = tell_each(t, a[x->type], tell_below, what);
	}
	return r;
}

int
nft_tell_list(struct nft_text *t, const struct rtattr *list, struct nft_what *what)
{
	return tell_each(t, list, nft_tell_one, what);
}

int
nft_tell_object(struct nft_text *t, uint32_t object, const struct rtattr *data, struct nft_what *what)
{
	const struct nft_expression *e = nft_expression_of_object(object);

	return e != NULL ? tell_data(t, e, data, what) : no_words(what, "%s%s", "an object", " of an unusual kind");
}
