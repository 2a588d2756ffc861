/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The words for expressions of nftables, their attributes and the values of
 * these: spec/filter.md has them all.
 */
#ifndef LINUX_NFT_WORDS_H
#define LINUX_NFT_WORDS_H

#include <stddef.h>
#include <stdint.h>

/* What an attribute holds; numbers are in network byte order. */
enum nft_shape {
	NFT_SHAPE_NOTHING,	/* it is not told */
	NFT_SHAPE_U8,
	NFT_SHAPE_U16,
	NFT_SHAPE_U32,
	NFT_SHAPE_U64,
	NFT_SHAPE_FLAGS,	/* 32 bits, told unless 0: Linux tells some that it does not take */
	NFT_SHAPE_REGISTER,
	NFT_SHAPE_NAME,
	NFT_SHAPE_VALUE,	/* bytes, or a verdict */
	NFT_SHAPE_EXPRESSION,	/* one that it has, which follows it in a line of its own */
	NFT_SHAPE_EXPRESSIONS,	/* the same, of several */
};

struct nft_attribute {
	uint16_t	type;		/* 0 ends a list */
	enum nft_shape	shape;
	const char	*name;
	const char	*const *words;	/* of numbers from 0 on, "" where there is none, NULL at the end; NULL: a number */
};

struct nft_expression {
	const char	*name;
	uint32_t	object;		/* NFT_OBJECT_*, if there are objects of it; 0 */
	const struct nft_attribute *attributes;
};

/* NULL: there are no words for it. */
const struct nft_expression *nft_expression_find(const char *name, size_t len);
const struct nft_expression *nft_expression_of_object(uint32_t object);

#endif
