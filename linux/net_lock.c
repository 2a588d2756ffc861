/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/net_lock.h"
#include "linux/net_messages.h"

#define PRIORITY	(-350)		/* before connection tracking and all rules of others */
#define CHUNK		512u		/* elements a message: an attribute has 64 KiB at most */

/* Both ways of a connection as the keys of two sets, one for each family. */
struct key {
	size_t		len;		/* 16 or 40 */
	uint8_t		bytes[40];	/* source, port, destination, port, each in whole words */
};

static const struct family {
	const char	*set;
	uint32_t	nfproto, address, source, destination, type;	/* bytes, offsets in the header; of the set's key */
} families[] = {
	{ "ip", NFPROTO_IPV4, 4, 12, 16, 7 },
	{ "ip6", NFPROTO_IPV6, 16, 8, 24, 8 },
};
#define FAMILIES	(sizeof families / sizeof families[0])

/* ---- keys ---- */

static size_t
put_end(uint8_t *to, const struct sockaddr_storage *a, bool v4)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	size_t len = v4 ? 4 : 16;

	if (a->ss_family == AF_INET)
		memcpy(to, &in->sin_addr, 4);
	else
		memcpy(to, in6->sin6_addr.s6_addr + 16 - len, len);
	/* ports are at the same place in both */
	memcpy(to + len, &in->sin_port, sizeof in->sin_port);
	return len + 4;
}

static void
make_key(struct key *k, const struct sockaddr_storage *from, const struct sockaddr_storage *to)
{
	const struct sockaddr_in6 *in6 = (const void *)from;
	bool v4 = from->ss_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);

	memset(k, 0, sizeof *k);
	k->len = put_end(k->bytes, from, v4);
	k->len += put_end(k->bytes + k->len, to, v4);
}

/* FNV-1a of each, added up: in any order they are the same connections. */
void
net_lock_name(const struct net_connection *v, size_t n, char name[NET_LOCK_NAME_MAX])
{
	uint64_t sum = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t h = UINT64_C(14695981039346656037);
		struct key k;

		make_key(&k, &v[i].local, &v[i].remote);
		for (size_t b = 0; b < k.len; b++)
			h = (h ^ k.bytes[b]) * UINT64_C(1099511628211);
		sum += h;
	}
	snprintf(name, NET_LOCK_NAME_MAX, "libsnap-%016llx", (unsigned long long)sum);
}

/* ---- messages of nfnetlink, all of them one transaction ---- */

static void
message(struct netlink_batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nfgenmsg g = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };

	netlink_begin(b, type, flags, &g, sizeof g);
}

static void
number(struct netlink_batch *b, uint16_t type, uint32_t v)
{
	netlink_put32(b, type, htonl(v));
}

static void
table_message(struct netlink_batch *b, uint16_t type, uint16_t flags, uint16_t name, const char *table)
{
	message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, NFPROTO_INET, 0);
	netlink_put_text(b, name, table);
}

/* ---- the expressions of a rule ---- */

struct nested { size_t element, data; };

static struct nested
expression(struct netlink_batch *b, const char *name)
{
	struct nested n;

	n.element = netlink_nest(b, NFTA_LIST_ELEM);
	netlink_put_text(b, NFTA_EXPR_NAME, name);
	n.data = netlink_nest(b, NFTA_EXPR_DATA);
	return n;
}

static void
expression_end(struct netlink_batch *b, struct nested n)
{
	netlink_nest_end(b, n.data);
	netlink_nest_end(b, n.element);
}

static void
load_meta(struct netlink_batch *b, uint32_t key)
{
	struct nested n = expression(b, "meta");

	number(b, NFTA_META_DREG, NFT_REG32_00);
	number(b, NFTA_META_KEY, key);
	expression_end(b, n);
}

static void
load_payload(struct netlink_batch *b, uint32_t word, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nested n = expression(b, "payload");

	number(b, NFTA_PAYLOAD_DREG, NFT_REG32_00 + word);
	number(b, NFTA_PAYLOAD_BASE, base);
	number(b, NFTA_PAYLOAD_OFFSET, offset);
	number(b, NFTA_PAYLOAD_LEN, len);
	expression_end(b, n);
}

/* The rule goes on only if what was loaded is, or is not, this. */
static void
compare(struct netlink_batch *b, uint32_t op, const void *value, size_t len)
{
	struct nested n = expression(b, "cmp");
	size_t data;

	number(b, NFTA_CMP_SREG, NFT_REG32_00);
	number(b, NFTA_CMP_OP, op);
	data = netlink_nest(b, NFTA_CMP_DATA);
	netlink_put(b, NFTA_DATA_VALUE, value, len);
	netlink_nest_end(b, data);
	expression_end(b, n);
}

static void
compare_byte(struct netlink_batch *b, uint32_t key, uint32_t value)
{
	uint8_t byte = (uint8_t)value;

	load_meta(b, key);
	compare(b, NFT_CMP_EQ, &byte, sizeof byte);
}

static void
look_up(struct netlink_batch *b, const char *set)
{
	struct nested n = expression(b, "lookup");

	netlink_put_text(b, NFTA_LOOKUP_SET, set);
	number(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	expression_end(b, n);
}

static void
drop(struct netlink_batch *b)
{
	struct nested n = expression(b, "immediate");
	size_t data, verdict;

	number(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(b, NFTA_IMMEDIATE_DATA);
	verdict = netlink_nest(b, NFTA_DATA_VERDICT);
	number(b, NFTA_VERDICT_CODE, NF_DROP);
	netlink_nest_end(b, verdict);
	netlink_nest_end(b, data);
	expression_end(b, n);
}

/* meta mark != MARK, of this family, TCP, source . port . destination . port in the set: drop */
static void
rule(struct netlink_batch *b, const char *table, const char *chain, const struct family *f)
{
	uint32_t mark = NET_LOCK_MARK, words = f->address / 4;
	size_t list;

	table_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFTA_RULE_TABLE, table);
	netlink_put_text(b, NFTA_RULE_CHAIN, chain);
	list = netlink_nest(b, NFTA_RULE_EXPRESSIONS);
	load_meta(b, NFT_META_MARK);
	compare(b, NFT_CMP_NEQ, &mark, sizeof mark);
	compare_byte(b, NFT_META_NFPROTO, f->nfproto);
	compare_byte(b, NFT_META_L4PROTO, IPPROTO_TCP);
	load_payload(b, 0, NFT_PAYLOAD_NETWORK_HEADER, f->source, f->address);
	load_payload(b, words, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2);
	load_payload(b, words + 1, NFT_PAYLOAD_NETWORK_HEADER, f->destination, f->address);
	load_payload(b, 2 * words + 1, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	look_up(b, f->set);
	drop(b);
	netlink_nest_end(b, list);
}

/* ---- the table ---- */

static void
chain(struct netlink_batch *b, const char *table, const char *name, uint32_t hook)
{
	size_t at;

	table_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_TABLE, table);
	netlink_put_text(b, NFTA_CHAIN_NAME, name);
	at = netlink_nest(b, NFTA_CHAIN_HOOK);
	number(b, NFTA_HOOK_HOOKNUM, hook);
	number(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	netlink_nest_end(b, at);
	netlink_put_text(b, NFTA_CHAIN_TYPE, "filter");
	for (size_t i = 0; i < FAMILIES; i++)
		rule(b, table, name, &families[i]);
}

static void
set(struct netlink_batch *b, const char *table, const struct family *f, uint32_t id)
{
	const uint32_t port = 13;	/* inet_service; six bits for each part */

	table_message(b, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_TABLE, table);
	netlink_put_text(b, NFTA_SET_NAME, f->set);
	number(b, NFTA_SET_FLAGS, 0);
	number(b, NFTA_SET_KEY_TYPE, ((f->type << 6 | port) << 6 | f->type) << 6 | port);
	number(b, NFTA_SET_KEY_LEN, 2 * f->address + 8);
	number(b, NFTA_SET_ID, id);
}

static void
element(struct netlink_batch *b, const struct key *k)
{
	size_t at = netlink_nest(b, NFTA_LIST_ELEM), key = netlink_nest(b, NFTA_SET_ELEM_KEY);

	netlink_put(b, NFTA_DATA_VALUE, k->bytes, k->len);
	netlink_nest_end(b, key);
	netlink_nest_end(b, at);
}

/* Of those that are of this family. */
static void
elements(struct netlink_batch *b, const char *table, const struct family *f, const struct net_connection *v, size_t n)
{
	size_t list = 0, count = 0;

	for (size_t i = 0; i < 2 * n; i++) {
		const struct net_connection *c = &v[i / 2];
		struct key k;

		make_key(&k, i % 2 == 0 ? &c->local : &c->remote, i % 2 == 0 ? &c->remote : &c->local);
		if (k.len != 2 * f->address + 8)
			continue;
		if (count++ % CHUNK == 0) {
			if (list != 0)
				netlink_nest_end(b, list);
			table_message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFTA_SET_ELEM_LIST_TABLE, table);
			netlink_put_text(b, NFTA_SET_ELEM_LIST_SET, f->set);
			list = netlink_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		element(b, &k);
	}
	if (list != 0)
		netlink_nest_end(b, list);
}

/* ---- asking the kernel ---- */

static int
transact(int netns, struct netlink_batch *b)
{
	int fd = netlink_open(netns, NETLINK_NETFILTER), size = INT32_MAX / 2, r;

	if (fd < 0)
		return fd;
	/* without the privilege some thousand connections still fit */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	r = netlink_transact(fd, b);
	close(fd);
	return r;
}

static void
begin(struct netlink_batch *b)
{
	message(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

static int
commit(int netns, struct netlink_batch *b)
{
	int r;

	message(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
	r = transact(netns, b);
	free(b->buf);
	return r;
}

int
net_lock_make(int netns, const char *name, const struct net_connection *v, size_t n)
{
	struct netlink_batch b = { 0 };
	int r;

	begin(&b);
	table_message(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFTA_TABLE_NAME, name);
	for (uint32_t i = 0; i < FAMILIES; i++) {
		set(&b, name, &families[i], i + 1);
		elements(&b, name, &families[i], v, n);
	}
	chain(&b, name, "input", NF_INET_LOCAL_IN);
	chain(&b, name, "output", NF_INET_LOCAL_OUT);
	r = commit(netns, &b);
	return r == 0 ? 1 : r == -EEXIST ? 0 : r;
}

int
net_lock_remove(int netns, const char *name)
{
	struct netlink_batch b = { 0 };
	int r;

	begin(&b);
	table_message(&b, NFT_MSG_DELTABLE, NLM_F_ACK, NFTA_TABLE_NAME, name);
	r = commit(netns, &b);
	return r == -ENOENT ? 0 : r;
}
