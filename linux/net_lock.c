/* SPDX-License-Identifier: BSD-2-Clause */
#include <netinet/in.h>		/* before linux/netfilter.h, which needs it */

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/net_lock.h"
#include "linux/nft.h"

#define PRIORITY	(-350)		/* before connection tracking and all rules of others */
#define NAME_BEGIN	"libsnap-"
#define NAME_DIGITS	16
#define CHUNK		512u		/* elements a message: an attribute has 64 KiB at most */
#define SET_NAME_MAX	16
#define REQUESTS	"requests"	/* the chain of these */

/* Bytes, and offsets in the header of IP. */
static const struct family {
	const char	*name;
	uint8_t		nfproto;
	uint32_t	address, source, destination, type;	/* type: of the address in a set's key */
} families[] = {
	{ "ip", NFPROTO_IPV4, 4, 12, 16, 7 },
	{ "ip6", NFPROTO_IPV6, 16, 8, 24, 8 },
};
#define FAMILIES	(sizeof families / sizeof families[0])

/* ---- keys ---- */

/* Addresses and ports, in network order, each in whole words: at most two ends. */
struct key {
	size_t		len;
	uint8_t		bytes[40];
};

static bool
is_v4(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;

	return a->ss_family == AF_INET || IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

static void
put_address(struct key *k, const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;
	size_t len = is_v4(a) ? 4 : 16;

	if (a->ss_family == AF_INET)
		memcpy(k->bytes + k->len, &in->sin_addr, 4);
	else
		memcpy(k->bytes + k->len, in6->sin6_addr.s6_addr + 16 - len, len);
	k->len += len;
}

static void
put_port(struct key *k, const struct sockaddr_storage *a)
{
	/* at the same place in both families */
	memcpy(k->bytes + k->len, &((const struct sockaddr_in *)(const void *)a)->sin_port, 2);
	k->len += 4;
}

static void
make_key(struct key *k, const struct sockaddr_storage *from, const struct sockaddr_storage *to)
{
	memset(k, 0, sizeof *k);
	put_address(k, from);
	put_port(k, from);
	if (to == NULL)
		return;
	put_address(k, to);
	put_port(k, to);
}

static bool
is_any(const struct sockaddr_storage *a)
{
	const struct in6_addr none = IN6ADDR_ANY_INIT;
	struct key k = { 0 };

	put_address(&k, a);
	return memcmp(k.bytes, &none, k.len) == 0;
}

/* ---- the name ---- */

/* FNV-1a */
static uint64_t
hash(const struct key *k)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (size_t b = 0; b < k->len; b++)
		h = (h ^ k->bytes[b]) * UINT64_C(1099511628211);
	return h;
}

/* Of each, added up: in any order they are the same sockets. */
void
net_lock_name(const struct net_lock *l, char name[NET_LOCK_NAME_MAX])
{
	uint64_t sum = l->passing;
	struct key k;

	for (size_t i = 0; i < l->nconnections; i++) {
		make_key(&k, &l->connections[i].local, &l->connections[i].remote);
		sum += hash(&k);
	}
	for (size_t i = 0; i < l->nlisteners; i++) {
		make_key(&k, &l->listeners[i].local, NULL);
		sum += hash(&k);
	}
	snprintf(name, NET_LOCK_NAME_MAX, NAME_BEGIN "%016llx", (unsigned long long)sum);
}

bool
net_lock_has_name(const char *name)
{
	size_t begin = strlen(NAME_BEGIN);

	return strncmp(name, NAME_BEGIN, begin) == 0 && strspn(name + begin, "0123456789abcdef") == NAME_DIGITS &&
	    name[begin + NAME_DIGITS] == '\0';
}

/* ---- what is in the sets ---- */

/* Each of these makes the i-th element, which may belong to other sets: false. */

/* Both ways of a connection. */
static bool
connection_element(const struct net_lock *l, const struct family *f, size_t i, struct key *k)
{
	const struct net_connection *c = &l->connections[i / 2];

	if (is_v4(&c->local) != (f->nfproto == NFPROTO_IPV4))
		return false;
	make_key(k, i % 2 == 0 ? &c->local : &c->remote, i % 2 == 0 ? &c->remote : &c->local);
	return true;
}

static bool
listener_element(const struct net_lock *l, const struct family *f, size_t i, struct key *k)
{
	const struct sockaddr_storage *a = &l->listeners[i].local;

	if (is_any(a) || is_v4(a) != (f->nfproto == NFPROTO_IPV4))
		return false;
	make_key(k, a, NULL);
	return true;
}

static bool
port_element(const struct net_lock *l, const struct family *f, size_t i, struct key *k)
{
	const struct net_listener *m = &l->listeners[i];
	bool v4 = f->nfproto == NFPROTO_IPV4;

	if (!is_any(&m->local) || (v4 ? !is_v4(&m->local) && m->only_v6 : is_v4(&m->local)))
		return false;
	memset(k, 0, sizeof *k);
	put_port(k, &m->local);
	return true;
}

enum { CONNECTIONS, LISTENERS, PORTS, KINDS };
static const struct set_kind {
	const char	*suffix;
	bool		(*element)(const struct net_lock *l, const struct family *f, size_t i, struct key *k);
} kinds[KINDS] = {
	[CONNECTIONS] = { "", connection_element },
	[LISTENERS] = { "-listeners", listener_element },	/* on an address */
	[PORTS] = { "-ports", port_element },			/* of listeners on any address */
};

static const char *
set_name(const struct family *f, int kind, char name[SET_NAME_MAX])
{
	snprintf(name, SET_NAME_MAX, "%s%s", f->name, kinds[kind].suffix);
	return name;
}

static uint32_t
key_length(const struct family *f, int kind)
{
	return kind == CONNECTIONS ? 2 * f->address + 8 : kind == LISTENERS ? f->address + 4 : 4;
}

/* As nft(8) shows it: six bits for each part. */
static uint32_t
key_type(const struct family *f, int kind)
{
	const uint32_t port = 13;	/* inet_service */
	uint32_t end = f->type << 6 | port;

	return kind == CONNECTIONS ? end << 12 | end : kind == LISTENERS ? end : port;
}

static void
set(struct netlink_batch *b, const char *table, const struct family *f, int kind)
{
	char name[SET_NAME_MAX];

	nft_message(b, NFT_MSG_NEWSET, NLM_F_CREATE, NFTA_SET_TABLE, table);
	netlink_put_text(b, NFTA_SET_NAME, set_name(f, kind, name));
	nft_put32(b, NFTA_SET_FLAGS, kind == CONNECTIONS ? 0 : NFT_SET_TIMEOUT);
	nft_put32(b, NFTA_SET_KEY_TYPE, key_type(f, kind));
	nft_put32(b, NFTA_SET_KEY_LEN, key_length(f, kind));
	/* any number, but each its own */
	nft_put32(b, NFTA_SET_ID, (uint32_t)((f - families) * KINDS + kind + 1));
}

/* seconds: after which it goes; 0 never */
static void
element(struct netlink_batch *b, const struct key *k, uint32_t seconds)
{
	size_t at = netlink_nest(b, NFTA_LIST_ELEM), key = netlink_nest(b, NFTA_SET_ELEM_KEY);

	netlink_put(b, NFTA_DATA_VALUE, k->bytes, k->len);
	netlink_nest_end(b, key);
	if (seconds != 0)
		nft_put64(b, NFTA_SET_ELEM_TIMEOUT, (uint64_t)seconds * 1000);
	netlink_nest_end(b, at);
}

static void
elements(struct netlink_batch *b, const char *table, const struct net_lock *l, const struct family *f, int kind)
{
	size_t list = 0, count = 0, n = kind == CONNECTIONS ? 2 * l->nconnections : l->nlisteners;
	char name[SET_NAME_MAX];

	for (size_t i = 0; i < n; i++) {
		struct key k;

		if (!kinds[kind].element(l, f, i, &k))
			continue;
		if (count++ % CHUNK == 0) {
			if (list != 0)
				netlink_nest_end(b, list);
			nft_message(b, NFT_MSG_NEWSETELEM, NLM_F_CREATE, NFTA_SET_ELEM_LIST_TABLE, table);
			netlink_put_text(b, NFTA_SET_ELEM_LIST_SET, set_name(f, kind, name));
			list = netlink_nest(b, NFTA_SET_ELEM_LIST_ELEMENTS);
		}
		element(b, &k, kind == CONNECTIONS ? 0 : l->seconds);
	}
	if (list != 0)
		netlink_nest_end(b, list);
}

/* ---- rules ---- */

static size_t
rule_begin(struct netlink_batch *b, const char *table, const char *chain)
{
	nft_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND, NFTA_RULE_TABLE, table);
	netlink_put_text(b, NFTA_RULE_CHAIN, chain);
	return netlink_nest(b, NFTA_RULE_EXPRESSIONS);
}

/* meta mark != MARK, of this family, TCP */
static size_t
family_rule_begin(struct netlink_batch *b, const char *table, const char *chain, const struct family *f)
{
	size_t list = rule_begin(b, table, chain);
	uint32_t mark = NET_LOCK_MARK;

	nft_load_meta(b, NFT_META_MARK);
	nft_compare(b, NFT_CMP_NEQ, &mark, sizeof mark);
	nft_compare_byte(b, NFT_META_NFPROTO, f->nfproto);
	nft_compare_byte(b, NFT_META_L4PROTO, IPPROTO_TCP);
	return list;
}

static void
look_up_and_drop(struct netlink_batch *b, const struct family *f, int kind)
{
	char name[SET_NAME_MAX];

	nft_look_up(b, set_name(f, kind, name));
	nft_verdict(b, NF_DROP);
}

/* source . port . destination . port in the set: drop */
static void
connection_rule(struct netlink_batch *b, const char *table, const char *chain, const struct family *f)
{
	size_t list = family_rule_begin(b, table, chain, f);
	uint32_t words = f->address / 4;

	nft_load_payload(b, 0, NFT_PAYLOAD_NETWORK_HEADER, f->source, f->address);
	nft_load_payload(b, words, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 2);
	nft_load_payload(b, words + 1, NFT_PAYLOAD_NETWORK_HEADER, f->destination, f->address);
	nft_load_payload(b, 2 * words + 1, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	look_up_and_drop(b, f, CONNECTIONS);
	netlink_nest_end(b, list);
}

/* Of SYN, ACK, RST and FIN, just the first. */
static void
match_request(struct netlink_batch *b)
{
	const uint8_t mask = 0x17, syn = 0x02;

	nft_load_payload(b, 0, NFT_PAYLOAD_TRANSPORT_HEADER, 13, 1);
	nft_mask(b, &mask, sizeof mask);
	nft_compare(b, NFT_CMP_EQ, &syn, sizeof syn);
}

/* Destination and port, or port, in the set: drop what wants to connect. */
static void
request_rule(struct netlink_batch *b, const char *table, const char *chain, const struct family *f, int kind)
{
	size_t list = family_rule_begin(b, table, chain, f);
	uint32_t words = kind == LISTENERS ? f->address / 4 : 0;

	match_request(b);
	if (words > 0)
		nft_load_payload(b, 0, NFT_PAYLOAD_NETWORK_HEADER, f->destination, f->address);
	nft_load_payload(b, words, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
	look_up_and_drop(b, f, kind);
	netlink_nest_end(b, list);
}

/* A request that there is a socket for goes on to the rules of others. */
static void
taken_rule(struct netlink_batch *b, const char *table, const char *chain)
{
	const uint8_t neither = 2;	/* bound to any address or not: shown by nft(8) as compared with something */
	size_t list = rule_begin(b, table, chain);

	nft_compare_byte(b, NFT_META_L4PROTO, IPPROTO_TCP);
	match_request(b);
	nft_load_socket(b);
	nft_compare(b, NFT_CMP_NEQ, &neither, sizeof neither);
	nft_verdict(b, NF_ACCEPT);
	netlink_nest_end(b, list);
}

/* ---- the table ---- */

static void
chain(struct netlink_batch *b, const char *table, const char *name, uint32_t hook)
{
	size_t at;

	nft_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE, NFTA_CHAIN_TABLE, table);
	netlink_put_text(b, NFTA_CHAIN_NAME, name);
	at = netlink_nest(b, NFTA_CHAIN_HOOK);
	nft_put32(b, NFTA_HOOK_HOOKNUM, hook);
	nft_put32(b, NFTA_HOOK_PRIORITY, (uint32_t)PRIORITY);
	netlink_nest_end(b, at);
	netlink_put_text(b, NFTA_CHAIN_TYPE, "filter");
}

static void
connection_rules(struct netlink_batch *b, const char *table, const struct net_lock *l)
{
	for (size_t i = 0; i < FAMILIES; i++) {
		set(b, table, &families[i], CONNECTIONS);
		elements(b, table, l, &families[i], CONNECTIONS);
	}
	chain(b, table, "input", NF_INET_LOCAL_IN);
	chain(b, table, "output", NF_INET_LOCAL_OUT);
	for (size_t i = 0; i < FAMILIES; i++) {
		connection_rule(b, table, "input", &families[i]);
		connection_rule(b, table, "output", &families[i]);
	}
}

static void
request_rules(struct netlink_batch *b, const char *table, const struct net_lock *l)
{
	for (size_t i = 0; i < FAMILIES; i++)
		for (int kind = LISTENERS; kind <= PORTS; kind++) {
			elements(b, table, l, &families[i], kind);
			request_rule(b, table, REQUESTS, &families[i], kind);
		}
}

static bool
is_there(int netns, const char *name)
{
	struct netlink_batch b = { 0 };
	int fd = netlink_open(netns, NETLINK_NETFILTER), r = -1;

	nft_message(&b, NFT_MSG_GETTABLE, NLM_F_ACK, NFTA_TABLE_NAME, name);
	if (fd >= 0) {
		r = netlink_transact(fd, &b);
		close(fd);
	}
	free(b.buf);
	return r == 0;
}

int
net_lock_make(int netns, const char *name, const struct net_lock *l)
{
	struct netlink_batch b = { 0 };
	int r;

	/* thousands of elements would be looked at before the answer came */
	if (is_there(netns, name))
		return 0;
	nft_begin(&b);
	nft_message(&b, NFT_MSG_NEWTABLE, NLM_F_CREATE | NLM_F_EXCL | NLM_F_ACK, NFTA_TABLE_NAME, name);
	connection_rules(&b, name, l);
	if (l->nlisteners > 0 && l->seconds > 0) {
		for (size_t i = 0; i < FAMILIES; i++) {
			set(&b, name, &families[i], LISTENERS);
			set(&b, name, &families[i], PORTS);
		}
		chain(&b, name, REQUESTS, NF_INET_LOCAL_IN);
		request_rules(&b, name, l);
	}
	r = nft_commit(netns, &b);
	return r == 0 ? 1 : r == -EEXIST ? 0 : r;
}

/* All that is in it. */
static void
empty_set(struct netlink_batch *b, const char *table, const struct family *f, int kind)
{
	char name[SET_NAME_MAX];

	nft_message(b, NFT_MSG_DELSETELEM, 0, NFTA_SET_ELEM_LIST_TABLE, table);
	netlink_put_text(b, NFTA_SET_ELEM_LIST_SET, set_name(f, kind, name));
}

static void
forget_requests(struct netlink_batch *b, const char *name)
{
	nft_begin(b);
	nft_message(b, NFT_MSG_DELRULE, NLM_F_ACK, NFTA_RULE_TABLE, name);
	netlink_put_text(b, NFTA_RULE_CHAIN, REQUESTS);
	for (size_t i = 0; i < FAMILIES; i++) {
		empty_set(b, name, &families[i], LISTENERS);
		empty_set(b, name, &families[i], PORTS);
	}
}

int
net_lock_abandon(int netns, const char *name, const struct net_lock *l)
{
	struct netlink_batch b = { 0 }, none = { 0 };
	int r;

	forget_requests(&b, name);
	taken_rule(&b, name, REQUESTS);
	request_rules(&b, name, l);
	if ((r = nft_commit(netns, &b)) == 0)
		return 0;
	/* a kernel that cannot tell whether another one listens must not hold them back from it */
	forget_requests(&none, name);
	nft_commit(netns, &none);
	return r;
}

static int
remove_once(int netns, const char *name)
{
	struct netlink_batch b = { 0 };
	int r;

	nft_begin(&b);
	nft_message(&b, NFT_MSG_DELTABLE, NLM_F_ACK, NFTA_TABLE_NAME, name);
	r = nft_commit(netns, &b);
	return r == -ENOENT ? 0 : r;
}

/* Left behind, it would be felt: a want of memory or descriptors is given a second chance. */
int
net_lock_remove(int netns, const char *name)
{
	int r = remove_once(netns, name);

	return r == 0 ? 0 : remove_once(netns, name);
}
