/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Expressions of nftables, as attributes of netlink and as text:
 *
 *	payload to=r0 header=network offset=12 length=4
 *	cmp from=r0 is=eq value=0x0a000001
 *	immediate to=verdict value=jump:web
 *
 * A line each; "+ " begins one that belongs to the expression before it.
 */
#ifndef LINUX_NFT_TEXT_H
#define LINUX_NFT_TEXT_H

#include "linux/net_messages.h"

#define NFT_EXPRESSIONS_MAX	128	/* in one text, as Linux has it of a rule */
#define NFT_TEXT_BYTES		8192	/* of one text */

/* Text that grows; zero it, and free its s at the end. */
struct nft_text {
	char		*s;
	size_t		len, cap;
	bool		no_memory;
};

/* What there are no words for, or what is none. */
struct nft_what { char s[48]; };

/*
 * Tell a list of expressions, one expression, or the data of an object: 0,
 * -ENOMEM, or -EOPNOTSUPP and what there are no words for.
 */
int	nft_tell_list(struct nft_text *t, const struct rtattr *list, struct nft_what *what);
int	nft_tell_one(struct nft_text *t, const struct rtattr *expression, struct nft_what *what);
int	nft_tell_object(struct nft_text *t, uint32_t object, const struct rtattr *data, struct nft_what *what);
/* What NFTA_DATA_VERDICT holds. */
int	nft_tell_verdict(struct nft_text *t, const struct rtattr *verdict, struct nft_what *what);

/*
 * The reverse, into an attribute of this type: 0, or -EINVAL and what is no
 * expression.
 */
int	nft_put_list(struct netlink_batch *b, uint16_t type, const char *text, struct nft_what *what);
/* Nothing if there is none; one by itself, or a list of several. */
int	nft_put_some(struct netlink_batch *b, uint16_t one, uint16_t several, const char *text, struct nft_what *what);
/* And which object it is of. */
int	nft_put_object(struct netlink_batch *b, uint16_t type, const char *text, uint32_t *object, struct nft_what *what);
int	nft_put_verdict(struct netlink_batch *b, uint16_t type, const char *text, struct nft_what *what);

#endif
