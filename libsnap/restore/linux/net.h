/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A network stack under way, between net*.c.  Everything is done in the
 * namespace the caller has made for it, and nowhere else: whoever writes, asks
 * net_is_ours() first.
 */
#ifndef LIBSNAP_RESTORE_LINUX_NET_H
#define LIBSNAP_RESTORE_LINUX_NET_H

#include <sys/stat.h>

#include "format/net.pb-c.h"
#include "libsnap/restore/linux/linux.h"
#include "linux/net_messages.h"

struct net {
	struct restore	*r;
	int		fd;			/* rtnetlink, in the new namespace */
	struct stat	own, outside;		/* the namespaces' identities */
	struct list	outer;			/* uint32_t: indexes of pairs that have an end outside */
};

/* 0, or the restore fails: our namespace, or that of the socket, is not the one made for it. */
int	net_is_ours(struct net *n, int fd);
/* Send b, which is freed; a failure is told as that of doing `what` to the object, with its name if it has one. */
int	net_send(struct net *n, struct netlink_batch *b, uint64_t object, const char *what, const char *name);
/* AF_* */
uint8_t	net_family(Psnap__SocketFamily family);
uint8_t	net_scope(Psnap__NetworkScope scope);
/* An attribute, unless it is empty. */
void	net_put_bytes(struct netlink_batch *b, uint16_t type, const ProtobufCBinaryData *bytes);
/* Index of an Interface; 0 none. */
uint32_t net_index(const struct net *n, uint64_t interface_id);

/* net_interface.c */
int	interfaces_make(struct net *n);		/* down */
int	interfaces_up(struct net *n);
/* The name the other end of a pair gets outside, or NULL. */
const char *net_outside_name(const struct plan *p, const char *name);

/* net_setting.c */
int	settings_restore(struct net *n);	/* before addresses: no address comes by itself */
int	settings_finish(struct net *n);		/* after them */

/* net_address.c */
int	addresses_restore(struct net *n);
int	neighbours_restore(struct net *n);

/* net_route.c */
int	routes_restore(struct net *n);
int	rules_restore(struct net *n);

#endif
