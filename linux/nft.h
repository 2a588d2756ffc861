/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages of nfnetlink that make tables of nftables, all of them one
 * transaction, and the expressions that rules consist of.
 */
#ifndef LINUX_NFT_H
#define LINUX_NFT_H

#include "linux/net_messages.h"

void	nft_begin(struct netlink_batch *b);
void	nft_end(struct netlink_batch *b);
/* Done in a network namespace (a descriptor on it; -1 the caller's), or nothing of it: 0 or -errno; b is freed. */
int	nft_commit(int netns, struct netlink_batch *b);

/* A socket as netlink_open() makes one, with room for many messages at once. */
int	nft_open(int netns);

/* type: NFT_MSG_*; attribute: that by which such a message names its table, which is of family inet. */
void	nft_message(struct netlink_batch *b, uint16_t type, uint16_t flags, uint16_t attribute, const char *table);
/* Of any family, NFPROTO_*. */
void	nft_message_of(struct netlink_batch *b, uint8_t family, uint16_t type, uint16_t flags, uint16_t attribute,
	    const char *table);
/* In the kernel's byte order on the wire. */
void	nft_put32(struct netlink_batch *b, uint16_t type, uint32_t v);
void	nft_put64(struct netlink_batch *b, uint16_t type, uint64_t v);

/* 0 if it is missing. */
uint32_t nft_get32(const struct rtattr *a);
uint64_t nft_get64(const struct rtattr *a);

/* What is loaded goes to a 32-bit word, from which it is compared, or looked up from the first one on. */
void	nft_load_meta(struct netlink_batch *b, uint32_t key);
void	nft_load_payload(struct netlink_batch *b, uint32_t word, uint32_t base, uint32_t offset, uint32_t len);
/* Whether the socket that a packet is for is bound to any address; the rule ends if there is no socket. */
void	nft_load_socket(struct netlink_batch *b);
/* Of the word that was loaded first, only these bits; len bytes at most 4. */
void	nft_mask(struct netlink_batch *b, const void *mask, size_t len);
/* The rule goes on only if what was loaded is, or is not, this (NFT_CMP_*). */
void	nft_compare(struct netlink_batch *b, uint32_t op, const void *value, size_t len);
void	nft_compare_byte(struct netlink_batch *b, uint32_t meta_key, uint8_t value);
/* The rule goes on only if it is in the set. */
void	nft_look_up(struct netlink_batch *b, const char *set);
/* NF_DROP, NF_ACCEPT */
void	nft_verdict(struct netlink_batch *b, uint32_t verdict);

#endif
