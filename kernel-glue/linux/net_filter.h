/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Tables of nftables, between net_filter*.c.  A table of which anything cannot
 * be carried is left out whole: what remained would filter otherwise.
 */
#ifndef KERNEL_GLUE_LINUX_NET_FILTER_H
#define KERNEL_GLUE_LINUX_NET_FILTER_H

#include "kernel-glue/linux/net.h"
#include "linux/net_filters.h"
#include "linux/nft.h"
#include "linux/nft_text.h"

struct filter_table {
	const struct net_object *o;
	uint64_t	id;
	const char	*name;
	struct list	objects;		/* struct filter_part */
	bool		left_out;		/* and that is covered */
};

/* A chain, a rule of it, a set, or an object. */
struct filter_part {
	const struct net_object *o;
	uint32_t	kind;			/* PSNAP_KIND_*; 0 an object */
	uint64_t	id;
	struct filter_table *table;
	const struct filter_part *chain;	/* of a rule */
	const char	*text;			/* expressions */
	struct list	elements;		/* struct filter_element; of a set */
};

struct filter_element {
	const struct rtattr *a[NFTA_SET_ELEM_MAX + 1];
	const char	*text;			/* expressions */
	const char	*verdict;
};

/* net_filter.c: part of a table is not carried, nor is the table. */
int	filter_cover(struct dump *d, struct filter_table *t, const char *what, const char *name, const char *why);
/* What was told of it, as text of the dump; r is what telling returned. */
int	filter_keep_text(struct dump *d, struct filter_part *p, int r, struct nft_text *t, const struct nft_what *what,
	    const char **text);
uint8_t	filter_family(const struct net_object *o);

/* net_filter_set.c: what a set holds; whether it can be carried at all */
int	filter_collect_set(struct dump *d, struct net *net, struct filter_part *p);
void	filter_set_fields(struct glue_emit *e, const void *object);

#endif
