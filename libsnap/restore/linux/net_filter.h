/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What makes the filters of a network stack, all of them one transaction,
 * between host_net.c and net_filter*.c.
 */
#ifndef LIBSNAP_RESTORE_LINUX_NET_FILTER_H
#define LIBSNAP_RESTORE_LINUX_NET_FILTER_H

#include "format/filter.pb-c.h"
#include "libsnap/snap.h"
#include "linux/net_filters.h"
#include "linux/nft.h"
#include "linux/nft_text.h"

/* Zero it but for s; free what b and made_of have at the end. */
struct filter_batch {
	struct snap	*s;
	struct netlink_batch b;
	const struct snap_object **made_of;	/* by number of a message, from 1 on; NULL: the transaction's own */
	size_t		cap;
	uint32_t	sets;			/* so far */
	const struct snap_object *bad;		/* after an error: the object, and what of it is no expression */
	struct nft_what	what;
};

/* All filters of the snapshot: 0, -ENOMEM, or another error and what it is about. */
int	filter_batch_fill(struct filter_batch *f);
void	filter_batch_free(struct filter_batch *f);

/* Begin a message for an object of a table. */
void	filter_begin(struct filter_batch *f, const struct snap_object *o, uint16_t message, const Psnap__FilterTable *t);

/* net_filter_set.c: with its elements */
int	filter_put_set(struct filter_batch *f, const struct snap_object *o);
/* User data, unless there is none. */
void	filter_put_data(struct filter_batch *f, uint16_t type, const ProtobufCBinaryData *data);

#endif
