/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Text to expressions of nftables.  Nothing is trusted: a text is these
 * expressions or it is refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "linux/nft.h"
#include "linux/nft_text.h"
#include "linux/nft_words.h"

#define REGISTERS	16	/* of 4 bytes */
#define NAME_SIZE	16	/* bytes of an interface's name in a register */

/* A piece of text. */
struct piece {
	const char	*s;
	size_t		n;
};

static int
is_none(const struct piece *p, struct nft_what *what)
{
	snprintf(what->s, sizeof what->s, "%.*s", p->n < sizeof what->s ? (int)p->n : (int)sizeof what->s - 1, p->s);
	return -EINVAL;
}

static bool
is_word(const struct piece *p, const char *word)
{
	return p->n == strlen(word) && memcmp(p->s, word, p->n) == 0;
}

/* Whether p begins with it, which is cut off. */
static bool
cut(struct piece *p, const char *begin)
{
	size_t n = strlen(begin);

	if (p->n < n || memcmp(p->s, begin, n) != 0)
		return false;
	p->s += n;
	p->n -= n;
	return true;
}

/* What is before c, which is cut off with it; all of it if there is no c. */
static struct piece
cut_to(struct piece *p, char c)
{
	const char *end = p->n > 0 ? memchr(p->s, c, p->n) : NULL;
	struct piece first = { p->s, end != NULL ? (size_t)(end - p->s) : p->n };
	size_t used = end != NULL ? first.n + 1 : first.n;

	p->s += used;
	p->n -= used;
	return first;
}

/* ---- values ---- */

static int
digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool
get_number(const struct piece *p, uint64_t max, uint64_t *v)
{
	*v = 0;
	for (size_t i = 0; i < p->n; i++) {
		int d = digit(p->s[i]);

		if (d < 0 || d > 9 || *v > (max - (uint64_t)d) / 10)
			return false;
		*v = *v * 10 + (uint64_t)d;
	}
	return p->n > 0;
}

/* Pairs of digits, at most cap of them; 0: that is not what it is. */
static size_t
get_bytes(const struct piece *p, uint8_t *to, size_t cap)
{
	if (p->n % 2 != 0 || p->n / 2 > cap)
		return 0;
	for (size_t i = 0; i < p->n; i += 2) {
		int high = digit(p->s[i]), low = digit(p->s[i + 1]);

		if (high < 0 || low < 0)
			return 0;
		to[i / 2] = (uint8_t)(high << 4 | low);
	}
	return p->n / 2;
}

/* With a NUL at its end and none before; at most cap bytes with it. */
static bool
get_name(struct piece p, char *to, size_t cap)
{
	size_t used = 0;

	while (p.n > 0 && used + 1 < cap) {
		if (cut(&p, "%")) {
			struct piece two = { p.s, p.n < 2 ? p.n : 2 };

			if (get_bytes(&two, (uint8_t *)&to[used], 1) != 1 || to[used] == '\0')
				return false;
			p.s += 2;
			p.n -= 2;
		} else {
			to[used] = *p.s++;
			p.n--;
		}
		used++;
	}
	to[used] = '\0';
	return p.n == 0;
}

static bool
put_verdict(struct netlink_batch *b, uint16_t type, struct piece p)
{
	static const struct { const char *word; int32_t code; } words[] = { { "accept", NF_ACCEPT }, { "drop", NF_DROP },
	    { "continue", NFT_CONTINUE }, { "break", NFT_BREAK }, { "return", NFT_RETURN } };
	char chain[NFT_NAME_MAXLEN] = "";
	const int32_t *code = NULL;
	int32_t jump;
	size_t data, verdict;

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (is_word(&p, words[i].word))
			code = &words[i].code;
	if (code == NULL) {
		jump = cut(&p, "jump:") ? NFT_JUMP : cut(&p, "goto:") ? NFT_GOTO : 0;
		if (jump == 0 || !get_name(p, chain, sizeof chain) || chain[0] == '\0')
			return false;
		code = &jump;
	}
	data = netlink_nest(b, type);
	verdict = netlink_nest(b, NFTA_DATA_VERDICT);
	nft_put32(b, NFTA_VERDICT_CODE, (uint32_t)*code);
	if (chain[0] != '\0')
		netlink_put_text(b, NFTA_VERDICT_CHAIN, chain);
	netlink_nest_end(b, verdict);
	netlink_nest_end(b, data);
	return true;
}

static bool
put_value(struct netlink_batch *b, uint16_t type, struct piece p)
{
	uint8_t v[NFT_DATA_VALUE_MAXLEN] = { 0 };
	size_t n, at;

	if (cut(&p, "0x"))
		n = get_bytes(&p, v, sizeof v);
	else if (cut(&p, "name:"))
		n = get_name(p, (char *)v, NAME_SIZE) ? NAME_SIZE : 0;
	else
		return put_verdict(b, type, p);
	if (n == 0)
		return false;
	at = netlink_nest(b, type);
	netlink_put(b, NFTA_DATA_VALUE, v, n);
	netlink_nest_end(b, at);
	return true;
}

static bool
put_name(struct netlink_batch *b, uint16_t type, const struct piece *p)
{
	char name[NFT_NAME_MAXLEN];

	if (!get_name(*p, name, sizeof name))
		return false;
	netlink_put_text(b, type, name);
	return true;
}

static bool
put_register(struct netlink_batch *b, uint16_t type, struct piece p)
{
	uint64_t n;

	if (is_word(&p, "verdict"))
		nft_put32(b, type, NFT_REG_VERDICT);
	else if (cut(&p, "r") && get_number(&p, REGISTERS - 1, &n))
		nft_put32(b, type, NFT_REG32_00 + (uint32_t)n);
	else
		return false;
	return true;
}

/* By its word, if it has words. */
static bool
find_number(const struct nft_attribute *x, const struct piece *p, uint64_t max, uint64_t *v)
{
	if (x->words == NULL)
		return get_number(p, max, v);
	for (*v = 0; x->words[*v] != NULL; ++*v)
		if (p->n > 0 && is_word(p, x->words[*v]))
			return true;
	return false;
}

static bool
put_number(struct netlink_batch *b, const struct nft_attribute *x, const struct piece *p)
{
	uint64_t v;

	switch (x->shape) {
	case NFT_SHAPE_U8:
		if (!find_number(x, p, UINT8_MAX, &v))
			return false;
		netlink_put8(b, x->type, (uint8_t)v);
		return true;
	case NFT_SHAPE_U16:
		if (!find_number(x, p, UINT16_MAX, &v))
			return false;
		netlink_put16(b, x->type, htons((uint16_t)v));
		return true;
	case NFT_SHAPE_U32:
	case NFT_SHAPE_FLAGS:
		if (!find_number(x, p, UINT32_MAX, &v))
			return false;
		nft_put32(b, x->type, (uint32_t)v);
		return true;
	default:
		if (!find_number(x, p, UINT64_MAX, &v))
			return false;
		nft_put64(b, x->type, v);
		return true;
	}
}

/* ---- expressions ---- */

static bool
put_attribute(struct netlink_batch *b, const struct nft_attribute *x, const struct piece *value)
{
	switch (x->shape) {
	case NFT_SHAPE_NAME:
		return put_name(b, x->type, value);
	case NFT_SHAPE_VALUE:
		return put_value(b, x->type, *value);
	case NFT_SHAPE_REGISTER:
		return put_register(b, x->type, *value);
	default:
		return put_number(b, x, value);
	}
}

/* In the order of the table, each once. */
static int
put_attributes(struct netlink_batch *b, const struct nft_attribute *x, struct piece words, struct nft_what *what)
{
	while (words.n > 0) {
		struct piece value = cut_to(&words, ' '), whole = value, name = cut_to(&value, '=');

		while (x->type != 0 && (x->name == NULL || !is_word(&name, x->name)))
			x++;
		if (x->type == 0 || name.n == whole.n || !put_attribute(b, x, &value))
			return is_none(&whole, what);
		x++;
	}
	return 0;
}

/* An expression under way. */
struct open {
	const struct nft_expression *e;
	size_t		whole, data;
};

static int
begin_expression(struct netlink_batch *b, uint16_t type, struct piece line, struct open *o, struct nft_what *what)
{
	struct piece name = cut_to(&line, ' ');

	if ((o->e = nft_expression_find(name.s, name.n)) == NULL)
		return is_none(&name, what);
	o->whole = netlink_nest(b, type);
	netlink_put_text(b, NFTA_EXPR_NAME, o->e->name);
	o->data = netlink_nest(b, NFTA_EXPR_DATA);
	return put_attributes(b, o->e->attributes, line, what);
}

static void
end_expression(struct netlink_batch *b, const struct open *o)
{
	netlink_nest_end(b, o->data);
	netlink_nest_end(b, o->whole);
}

static int
put_below(struct netlink_batch *b, uint16_t type, struct piece line, struct nft_what *what)
{
	struct open o;
	int r = begin_expression(b, type, line, &o, what);

	if (r == 0)
		end_expression(b, &o);
	return r;
}

/* How many lines belong to the one before. */
static size_t
count_below(struct piece text)
{
	size_t n = 0;

	while (text.n > 0) {
		struct piece line = cut_to(&text, '\n');

		if (!cut(&line, "+ "))
			break;
		n++;
	}
	return n;
}

static const struct nft_attribute *
attribute_of_shape(const struct nft_expression *e, enum nft_shape shape)
{
	const struct nft_attribute *x = e->attributes;

	while (x->type != 0 && x->shape != shape)
		x++;
	return x->type != 0 ? x : NULL;
}

/* The next n lines, all of which belong to e. */
static int
put_all_below(struct netlink_batch *b, const struct nft_expression *e, struct piece *text, size_t n,
    struct nft_what *what)
{
	const struct nft_attribute *x = attribute_of_shape(e, n > 1 ? NFT_SHAPE_EXPRESSIONS : NFT_SHAPE_EXPRESSION);
	size_t list = 0;
	int r = 0;

	if (x == NULL)
		return is_none(text, what);
	if (n > 1)
		list = netlink_nest(b, x->type);
	for (size_t i = 0; i < n && r == 0; i++) {
		struct piece line = cut_to(text, '\n');

		cut(&line, "+ ");
		r = put_below(b, n > 1 ? NFTA_LIST_ELEM : x->type, line, what);
	}
	if (n > 1)
		netlink_nest_end(b, list);
	return r;
}

/* The next line, and those that belong to it. */
static int
put_next(struct netlink_batch *b, uint16_t type, struct piece *text, struct nft_what *what)
{
	struct piece line = cut_to(text, '\n');
	size_t below = count_below(*text);
	struct open o;
	int r;

	if ((r = begin_expression(b, type, line, &o, what)) == 0 && below > 0)
		r = put_all_below(b, o.e, text, below, what);
	if (r == 0)
		end_expression(b, &o);
	return r;
}

/* Text that is not too long; the lines of it that belong to none before. */
static int
begin_text(struct piece *text, const char *s, size_t *count, struct nft_what *what)
{
	struct piece rest;
	size_t lines = 0;

	*text = rest = (struct piece){ s, strlen(s) };
	*count = 0;
	while (rest.n > 0) {
		struct piece line = cut_to(&rest, '\n');

		*count += !cut(&line, "+ ");
		lines++;
	}
	return text->n > NFT_TEXT_BYTES || lines > NFT_EXPRESSIONS_MAX ? is_none(text, what) : 0;
}

int
nft_put_list(struct netlink_batch *b, uint16_t type, const char *s, struct nft_what *what)
{
	struct piece text;
	size_t n, list;
	int r = begin_text(&text, s, &n, what);

	if (r != 0)
		return r;
	list = netlink_nest(b, type);
	while (text.n > 0 && r == 0)
		r = put_next(b, NFTA_LIST_ELEM, &text, what);
	netlink_nest_end(b, list);
	return r;
}

int
nft_put_some(struct netlink_batch *b, uint16_t one, uint16_t several, const char *s, struct nft_what *what)
{
	struct piece text;
	size_t n;
	int r = begin_text(&text, s, &n, what);

	if (r != 0 || text.n == 0)
		return r;
	return n == 1 ? put_next(b, one, &text, what) : nft_put_list(b, several, s, what);
}

int
nft_put_object(struct netlink_batch *b, uint16_t type, const char *s, uint32_t *object, struct nft_what *what)
{
	struct piece text = { s, strlen(s) }, name = cut_to(&text, ' ');
	const struct nft_expression *e = nft_expression_find(name.s, name.n);
	size_t at;
	int r;

	if (e == NULL || e->object == 0)
		return is_none(&name, what);
	*object = e->object;
	at = netlink_nest(b, type);
	r = put_attributes(b, e->attributes, text, what);
	netlink_nest_end(b, at);
	return r;
}

int
nft_put_verdict(struct netlink_batch *b, uint16_t type, const char *s, struct nft_what *what)
{
	struct piece p = { s, strlen(s) };

	return put_verdict(b, type, p) ? 0 : is_none(&p, what);
}
