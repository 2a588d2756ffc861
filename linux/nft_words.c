/* SPDX-License-Identifier: BSD-2-Clause */
#include <linux/netfilter/nf_tables.h>
#include <string.h>

#include "linux/nft_words.h"

/* ---- values ---- */

#define WORDS(name, ...)	static const char *const name[] = { __VA_ARGS__, NULL }

WORDS(comparisons, "eq", "neq", "lt", "lte", "gt", "gte");
WORDS(range_tests, "eq", "neq");
WORDS(bit_operations, "mask", "shift-left", "shift-right");
WORDS(orders, "to-host", "to-network");
WORDS(set_operations, "add", "update", "delete");
WORDS(headers, "link", "network", "transport", "inner");
WORDS(checksums, "none", "internet", "crc32c");
WORDS(extensions, "ipv6", "tcp-option", "ipv4-option", "sctp-chunk", "dccp-option");
/* security marks are numbers of the running kernel's, so they have no words */
WORDS(packet_keys, "length", "protocol", "priority", "mark", "input-index", "output-index", "input-name", "output-name",
    "input-type", "output-type", "socket-uid", "socket-gid", "trace", "route-class", "", "family", "transport",
    "bridge-input-name", "bridge-output-name", "packet-type", "cpu", "input-group", "output-group", "cgroup-class",
    "random", "ipsec", "input-kind", "output-kind", "bridge-input-vlan", "bridge-input-vlan-protocol", "time-ns",
    "time-day", "time-hour", "lower-index", "lower-name");
WORDS(connection_keys, "state", "direction", "status", "mark", "", "expiration", "helper", "family", "source",
    "destination", "protocol", "source-port", "destination-port", "labels", "packets", "bytes", "average", "zone",
    "event-mask", "ipv4-source", "ipv4-destination", "ipv6-source", "ipv6-destination", "id");
WORDS(directions, "original", "reply");
WORDS(route_keys, "class", "ipv4-next-hop", "ipv6-next-hop", "segment", "ipsec");
/* control groups are told by numbers of the running kernel's */
WORDS(socket_keys, "transparent", "mark", "wildcard");
WORDS(ipsec_keys, "", "ipv4-destination", "ipv6-destination", "ipv4-source", "ipv6-source", "request", "spi");
WORDS(ipsec_directions, "in", "out");
WORDS(fib_results, "", "index", "name", "type");
WORDS(hashes, "jenkins", "symmetric");
WORDS(generators, "incremental", "random");
WORDS(limited, "packets", "bytes");
WORDS(rejections, "icmp", "tcp-reset", "icmpx");
WORDS(translations, "source", "destination");
WORDS(objects, "", "counter", "quota", "", "limit", "connlimit", "", "", "", "", "synproxy");
WORDS(families, "", "inet", "ipv4", "arp", "", "device", "", "bridge", "", "", "ipv6");

/* ---- attributes, in the order in which they are told ---- */

#define NUMBER(type, bits, name)	{ type, NFT_SHAPE_U##bits, name, NULL }
#define WORD(type, bits, name, words)	{ type, NFT_SHAPE_U##bits, name, words }
#define FLAGS(type)			{ type, NFT_SHAPE_FLAGS, "flags", NULL }
#define REGISTER(type, name)		{ type, NFT_SHAPE_REGISTER, name, NULL }
#define NAME(type, name)		{ type, NFT_SHAPE_NAME, name, NULL }
#define VALUE(type, name)		{ type, NFT_SHAPE_VALUE, name, NULL }
#define PAD(type)			{ type, NFT_SHAPE_NOTHING, NULL, NULL }
#define ATTRIBUTES(name, ...)		static const struct nft_attribute name[] = { __VA_ARGS__, { 0 } }

ATTRIBUTES(immediate, REGISTER(NFTA_IMMEDIATE_DREG, "to"), VALUE(NFTA_IMMEDIATE_DATA, "value"));
ATTRIBUTES(bitwise, REGISTER(NFTA_BITWISE_SREG, "from"), REGISTER(NFTA_BITWISE_DREG, "to"),
    NUMBER(NFTA_BITWISE_LEN, 32, "length"), WORD(NFTA_BITWISE_OP, 32, "operation", bit_operations),
    VALUE(NFTA_BITWISE_MASK, "mask"), VALUE(NFTA_BITWISE_XOR, "xor"), VALUE(NFTA_BITWISE_DATA, "value"));
ATTRIBUTES(byteorder, REGISTER(NFTA_BYTEORDER_SREG, "from"), REGISTER(NFTA_BYTEORDER_DREG, "to"),
    WORD(NFTA_BYTEORDER_OP, 32, "operation", orders), NUMBER(NFTA_BYTEORDER_LEN, 32, "length"),
    NUMBER(NFTA_BYTEORDER_SIZE, 32, "size"));
ATTRIBUTES(cmp, REGISTER(NFTA_CMP_SREG, "from"), WORD(NFTA_CMP_OP, 32, "is", comparisons),
    VALUE(NFTA_CMP_DATA, "value"));
ATTRIBUTES(range, REGISTER(NFTA_RANGE_SREG, "from"), WORD(NFTA_RANGE_OP, 32, "is", range_tests),
    VALUE(NFTA_RANGE_FROM_DATA, "first"), VALUE(NFTA_RANGE_TO_DATA, "last"));
ATTRIBUTES(lookup, NAME(NFTA_LOOKUP_SET, "set"), REGISTER(NFTA_LOOKUP_SREG, "from"),
    REGISTER(NFTA_LOOKUP_DREG, "to"), FLAGS(NFTA_LOOKUP_FLAGS), PAD(NFTA_LOOKUP_SET_ID));
ATTRIBUTES(dynset, NAME(NFTA_DYNSET_SET_NAME, "set"), WORD(NFTA_DYNSET_OP, 32, "operation", set_operations),
    REGISTER(NFTA_DYNSET_SREG_KEY, "key"), REGISTER(NFTA_DYNSET_SREG_DATA, "value"),
    NUMBER(NFTA_DYNSET_TIMEOUT, 64, "timeout-ms"), FLAGS(NFTA_DYNSET_FLAGS),
    { NFTA_DYNSET_EXPR, NFT_SHAPE_EXPRESSION, NULL, NULL },
    { NFTA_DYNSET_EXPRESSIONS, NFT_SHAPE_EXPRESSIONS, NULL, NULL }, PAD(NFTA_DYNSET_SET_ID), PAD(NFTA_DYNSET_PAD));
ATTRIBUTES(payload, REGISTER(NFTA_PAYLOAD_SREG, "from"), REGISTER(NFTA_PAYLOAD_DREG, "to"),
    WORD(NFTA_PAYLOAD_BASE, 32, "header", headers), NUMBER(NFTA_PAYLOAD_OFFSET, 32, "offset"),
    NUMBER(NFTA_PAYLOAD_LEN, 32, "length"), WORD(NFTA_PAYLOAD_CSUM_TYPE, 32, "checksum", checksums),
    NUMBER(NFTA_PAYLOAD_CSUM_OFFSET, 32, "checksum-offset"), NUMBER(NFTA_PAYLOAD_CSUM_FLAGS, 32, "checksum-flags"));
ATTRIBUTES(exthdr, REGISTER(NFTA_EXTHDR_SREG, "from"), REGISTER(NFTA_EXTHDR_DREG, "to"),
    WORD(NFTA_EXTHDR_OP, 32, "header", extensions), NUMBER(NFTA_EXTHDR_TYPE, 8, "type"),
    NUMBER(NFTA_EXTHDR_OFFSET, 32, "offset"), NUMBER(NFTA_EXTHDR_LEN, 32, "length"),
    FLAGS(NFTA_EXTHDR_FLAGS));
ATTRIBUTES(meta, REGISTER(NFTA_META_SREG, "from"), REGISTER(NFTA_META_DREG, "to"),
    WORD(NFTA_META_KEY, 32, "key", packet_keys));
ATTRIBUTES(rt, REGISTER(NFTA_RT_DREG, "to"), WORD(NFTA_RT_KEY, 32, "key", route_keys));
ATTRIBUTES(socket, REGISTER(NFTA_SOCKET_DREG, "to"), WORD(NFTA_SOCKET_KEY, 32, "key", socket_keys),
    NUMBER(NFTA_SOCKET_LEVEL, 32, "level"));
ATTRIBUTES(osf, REGISTER(NFTA_OSF_DREG, "to"), NUMBER(NFTA_OSF_TTL, 8, "hop-limit"),
    FLAGS(NFTA_OSF_FLAGS));
ATTRIBUTES(hash, REGISTER(NFTA_HASH_SREG, "from"), REGISTER(NFTA_HASH_DREG, "to"), NUMBER(NFTA_HASH_LEN, 32, "length"),
    NUMBER(NFTA_HASH_MODULUS, 32, "modulus"), NUMBER(NFTA_HASH_SEED, 32, "seed"),
    NUMBER(NFTA_HASH_OFFSET, 32, "offset"), WORD(NFTA_HASH_TYPE, 32, "type", hashes));
ATTRIBUTES(numgen, REGISTER(NFTA_NG_DREG, "to"), NUMBER(NFTA_NG_MODULUS, 32, "modulus"),
    WORD(NFTA_NG_TYPE, 32, "type", generators), NUMBER(NFTA_NG_OFFSET, 32, "offset"));
ATTRIBUTES(ct, REGISTER(NFTA_CT_SREG, "from"), REGISTER(NFTA_CT_DREG, "to"),
    WORD(NFTA_CT_KEY, 32, "key", connection_keys), WORD(NFTA_CT_DIRECTION, 8, "direction", directions));
ATTRIBUTES(fib, REGISTER(NFTA_FIB_DREG, "to"), WORD(NFTA_FIB_RESULT, 32, "result", fib_results),
    NUMBER(NFTA_FIB_FLAGS, 32, "flags"));
ATTRIBUTES(xfrm, REGISTER(NFTA_XFRM_DREG, "to"), WORD(NFTA_XFRM_KEY, 32, "key", ipsec_keys),
    WORD(NFTA_XFRM_DIR, 8, "direction", ipsec_directions), NUMBER(NFTA_XFRM_SPNUM, 32, "number"));
ATTRIBUTES(counter, NUMBER(NFTA_COUNTER_PACKETS, 64, "packets"), NUMBER(NFTA_COUNTER_BYTES, 64, "bytes"),
    PAD(NFTA_COUNTER_PAD));
ATTRIBUTES(last, NUMBER(NFTA_LAST_SET, 32, "set"), NUMBER(NFTA_LAST_MSECS, 64, "ago-ms"), PAD(NFTA_LAST_PAD));
ATTRIBUTES(quota, NUMBER(NFTA_QUOTA_BYTES, 64, "bytes"), NUMBER(NFTA_QUOTA_CONSUMED, 64, "used"),
    FLAGS(NFTA_QUOTA_FLAGS), PAD(NFTA_QUOTA_PAD));
ATTRIBUTES(limit, NUMBER(NFTA_LIMIT_RATE, 64, "rate"), NUMBER(NFTA_LIMIT_UNIT, 64, "seconds"),
    NUMBER(NFTA_LIMIT_BURST, 32, "burst"), WORD(NFTA_LIMIT_TYPE, 32, "of", limited),
    FLAGS(NFTA_LIMIT_FLAGS), PAD(NFTA_LIMIT_PAD));
ATTRIBUTES(connlimit, NUMBER(NFTA_CONNLIMIT_COUNT, 32, "count"), FLAGS(NFTA_CONNLIMIT_FLAGS));
ATTRIBUTES(logging, NAME(NFTA_LOG_PREFIX, "prefix"), NUMBER(NFTA_LOG_LEVEL, 32, "level"),
    FLAGS(NFTA_LOG_FLAGS), NUMBER(NFTA_LOG_GROUP, 16, "group"), NUMBER(NFTA_LOG_SNAPLEN, 32, "length"),
    NUMBER(NFTA_LOG_QTHRESHOLD, 16, "threshold"));
ATTRIBUTES(queue, NUMBER(NFTA_QUEUE_NUM, 16, "number"), NUMBER(NFTA_QUEUE_TOTAL, 16, "total"),
    REGISTER(NFTA_QUEUE_SREG_QNUM, "from"), NUMBER(NFTA_QUEUE_FLAGS, 16, "flags"));
ATTRIBUTES(reject, WORD(NFTA_REJECT_TYPE, 32, "by", rejections), NUMBER(NFTA_REJECT_ICMP_CODE, 8, "code"));
ATTRIBUTES(nat, WORD(NFTA_NAT_TYPE, 32, "of", translations), WORD(NFTA_NAT_FAMILY, 32, "family", families),
    REGISTER(NFTA_NAT_REG_ADDR_MIN, "first-address"), REGISTER(NFTA_NAT_REG_ADDR_MAX, "last-address"),
    REGISTER(NFTA_NAT_REG_PROTO_MIN, "first-port"), REGISTER(NFTA_NAT_REG_PROTO_MAX, "last-port"),
    FLAGS(NFTA_NAT_FLAGS));
ATTRIBUTES(masq, REGISTER(NFTA_MASQ_REG_PROTO_MIN, "first-port"), REGISTER(NFTA_MASQ_REG_PROTO_MAX, "last-port"),
    FLAGS(NFTA_MASQ_FLAGS));
ATTRIBUTES(redir, REGISTER(NFTA_REDIR_REG_PROTO_MIN, "first-port"), REGISTER(NFTA_REDIR_REG_PROTO_MAX, "last-port"),
    FLAGS(NFTA_REDIR_FLAGS));
ATTRIBUTES(tproxy, WORD(NFTA_TPROXY_FAMILY, 32, "family", families), REGISTER(NFTA_TPROXY_REG_ADDR, "address"),
    REGISTER(NFTA_TPROXY_REG_PORT, "port"));
ATTRIBUTES(dup, REGISTER(NFTA_DUP_SREG_ADDR, "address"), REGISTER(NFTA_DUP_SREG_DEV, "interface"));
ATTRIBUTES(fwd, WORD(NFTA_FWD_NFPROTO, 32, "family", families), REGISTER(NFTA_FWD_SREG_ADDR, "address"),
    REGISTER(NFTA_FWD_SREG_DEV, "interface"));
ATTRIBUTES(objref, WORD(NFTA_OBJREF_IMM_TYPE, 32, "type", objects), NAME(NFTA_OBJREF_IMM_NAME, "name"),
    REGISTER(NFTA_OBJREF_SET_SREG, "key"), NAME(NFTA_OBJREF_SET_NAME, "set"), PAD(NFTA_OBJREF_SET_ID));
ATTRIBUTES(synproxy, NUMBER(NFTA_SYNPROXY_MSS, 16, "segment"), NUMBER(NFTA_SYNPROXY_WSCALE, 8, "window-scale"),
    NUMBER(NFTA_SYNPROXY_FLAGS, 32, "flags"));
static const struct nft_attribute nothing[] = { { 0 } };

/* ---- expressions ---- */

static const struct nft_expression expressions[] = {
	{ "bitwise", 0, bitwise }, { "byteorder", 0, byteorder }, { "cmp", 0, cmp },
	{ "connlimit", NFT_OBJECT_CONNLIMIT, connlimit }, { "counter", NFT_OBJECT_COUNTER, counter }, { "ct", 0, ct },
	{ "dup", 0, dup }, { "dynset", 0, dynset }, { "exthdr", 0, exthdr }, { "fib", 0, fib }, { "fwd", 0, fwd },
	{ "hash", 0, hash }, { "immediate", 0, immediate }, { "last", 0, last }, { "limit", NFT_OBJECT_LIMIT, limit },
	{ "log", 0, logging }, { "lookup", 0, lookup }, { "masq", 0, masq }, { "meta", 0, meta }, { "nat", 0, nat },
	{ "notrack", 0, nothing }, { "numgen", 0, numgen }, { "objref", 0, objref }, { "osf", 0, osf },
	{ "payload", 0, payload }, { "queue", 0, queue }, { "quota", NFT_OBJECT_QUOTA, quota }, { "range", 0, range },
	{ "redir", 0, redir }, { "reject", 0, reject }, { "rt", 0, rt }, { "socket", 0, socket },
	{ "synproxy", NFT_OBJECT_SYNPROXY, synproxy }, { "tproxy", 0, tproxy }, { "xfrm", 0, xfrm },
};
#define EXPRESSIONS	(sizeof expressions / sizeof expressions[0])

const struct nft_expression *
nft_expression_find(const char *name, size_t len)
{
	for (size_t i = 0; i < EXPRESSIONS; i++)
		if (strncmp(expressions[i].name, name, len) == 0 && expressions[i].name[len] == '\0')
			return &expressions[i];
	return NULL;
}

const struct nft_expression *
nft_expression_of_object(uint32_t object)
{
	for (size_t i = 0; i < EXPRESSIONS; i++)
		if (object != 0 && expressions[i].object == object)
			return &expressions[i];
	return NULL;
}
