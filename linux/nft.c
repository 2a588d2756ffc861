/* SPDX-License-Identifier: BSD-2-Clause */
#include <arpa/inet.h>
#include <endian.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/nft.h"

/* ---- messages ---- */

static void
message(struct netlink_batch *b, uint16_t type, uint16_t flags, uint8_t family, uint16_t resource)
{
	struct nfgenmsg g = { .nfgen_family = family, .version = NFNETLINK_V0, .res_id = htons(resource) };

	netlink_begin(b, type, flags, &g, sizeof g);
}

void
nft_begin(struct netlink_batch *b)
{
	message(b, NFNL_MSG_BATCH_BEGIN, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

void
nft_end(struct netlink_batch *b)
{
	message(b, NFNL_MSG_BATCH_END, 0, AF_UNSPEC, NFNL_SUBSYS_NFTABLES);
}

int
nft_open(int netns)
{
	int fd = netlink_open(netns, NETLINK_NETFILTER), size = INT32_MAX / 2;

	/* without the privilege some thousand elements still fit */
	if (fd >= 0)
		setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size);
	return fd;
}

int
nft_commit(int netns, struct netlink_batch *b)
{
	int fd = nft_open(netns), r = fd;

	nft_end(b);
	if (fd >= 0) {
		r = netlink_transact(fd, b);
		close(fd);
	}
	free(b->buf);
	return r;
}

void
nft_message_of(struct netlink_batch *b, uint8_t family, uint16_t type, uint16_t flags, uint16_t attribute,
    const char *table)
{
	message(b, (uint16_t)(NFNL_SUBSYS_NFTABLES << 8 | type), flags, family, 0);
	netlink_put_text(b, attribute, table);
}

void
nft_message(struct netlink_batch *b, uint16_t type, uint16_t flags, uint16_t attribute, const char *table)
{
	nft_message_of(b, NFPROTO_INET, type, flags, attribute, table);
}

void
nft_put32(struct netlink_batch *b, uint16_t type, uint32_t v)
{
	netlink_put32(b, type, htonl(v));
}

void
nft_put64(struct netlink_batch *b, uint16_t type, uint64_t v)
{
	v = htobe64(v);
	netlink_put(b, type, &v, sizeof v);
}

uint32_t
nft_get32(const struct rtattr *a)
{
	return ntohl(netlink_get32(a, 0));
}

uint64_t
nft_get64(const struct rtattr *a)
{
	uint64_t v = 0;

	if (a != NULL && RTA_PAYLOAD(a) >= sizeof v)
		memcpy(&v, RTA_DATA(a), sizeof v);
	return be64toh(v);
}

/* ---- expressions ---- */

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
put_data(struct netlink_batch *b, uint16_t type, const void *value, size_t len)
{
	size_t data = netlink_nest(b, type);

	netlink_put(b, NFTA_DATA_VALUE, value, len);
	netlink_nest_end(b, data);
}

void
nft_load_meta(struct netlink_batch *b, uint32_t key)
{
	struct nested n = expression(b, "meta");

	nft_put32(b, NFTA_META_DREG, NFT_REG32_00);
	nft_put32(b, NFTA_META_KEY, key);
	expression_end(b, n);
}

void
nft_load_payload(struct netlink_batch *b, uint32_t word, uint32_t base, uint32_t offset, uint32_t len)
{
	struct nested n = expression(b, "payload");

	nft_put32(b, NFTA_PAYLOAD_DREG, NFT_REG32_00 + word);
	nft_put32(b, NFTA_PAYLOAD_BASE, base);
	nft_put32(b, NFTA_PAYLOAD_OFFSET, offset);
	nft_put32(b, NFTA_PAYLOAD_LEN, len);
	expression_end(b, n);
}

void
nft_load_socket(struct netlink_batch *b)
{
	struct nested n = expression(b, "socket");

	nft_put32(b, NFTA_SOCKET_KEY, NFT_SOCKET_WILDCARD);
	nft_put32(b, NFTA_SOCKET_DREG, NFT_REG32_00);
	expression_end(b, n);
}

void
nft_mask(struct netlink_batch *b, const void *mask, size_t len)
{
	const uint32_t nothing = 0;
	struct nested n = expression(b, "bitwise");

	nft_put32(b, NFTA_BITWISE_SREG, NFT_REG32_00);
	nft_put32(b, NFTA_BITWISE_DREG, NFT_REG32_00);
	nft_put32(b, NFTA_BITWISE_LEN, (uint32_t)len);
	put_data(b, NFTA_BITWISE_MASK, mask, len);
	put_data(b, NFTA_BITWISE_XOR, &nothing, len);
	expression_end(b, n);
}

void
nft_compare(struct netlink_batch *b, uint32_t op, const void *value, size_t len)
{
	struct nested n = expression(b, "cmp");

	nft_put32(b, NFTA_CMP_SREG, NFT_REG32_00);
	nft_put32(b, NFTA_CMP_OP, op);
	put_data(b, NFTA_CMP_DATA, value, len);
	expression_end(b, n);
}

void
nft_compare_byte(struct netlink_batch *b, uint32_t meta_key, uint8_t value)
{
	nft_load_meta(b, meta_key);
	nft_compare(b, NFT_CMP_EQ, &value, sizeof value);
}

void
nft_look_up(struct netlink_batch *b, const char *set)
{
	struct nested n = expression(b, "lookup");

	netlink_put_text(b, NFTA_LOOKUP_SET, set);
	nft_put32(b, NFTA_LOOKUP_SREG, NFT_REG_1);
	expression_end(b, n);
}

void
nft_verdict(struct netlink_batch *b, uint32_t verdict)
{
	struct nested n = expression(b, "immediate");
	size_t data, code;

	nft_put32(b, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
	data = netlink_nest(b, NFTA_IMMEDIATE_DATA);
	code = netlink_nest(b, NFTA_DATA_VERDICT);
	nft_put32(b, NFTA_VERDICT_CODE, verdict);
	netlink_nest_end(b, code);
	netlink_nest_end(b, data);
	expression_end(b, n);
}
