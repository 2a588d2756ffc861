/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The tree's network stack, between net*.c.  What the kernel tells while the
 * tree is stopped is kept as it is; its fields are looked up when it becomes a
 * record.
 */
#ifndef KERNEL_GLUE_LINUX_NET_H
#define KERNEL_GLUE_LINUX_NET_H

#include "kernel-glue/linux/dump.h"
#include "linux/net_messages.h"

/* A setting with its values. */
struct setting {
	uint32_t	kind;
	size_t		n;
	int64_t		values[3];
};

/* One object of the kernel's: its message, with the fixed header of its type and the attributes. */
struct net_object {
	uint64_t	id;
	const struct net *net;
	size_t		order;			/* in which the kernel told it */
	const void	*header;
	const struct rtattr **a;		/* by type */
	struct list	settings;		/* struct setting; of an interface */
};

struct net {
	uint64_t	id, namespace_id;
	int		fd, filter_fd;		/* rtnetlink, nfnetlink */
	struct list	interfaces, addresses, routes, rules, neighbours;	/* struct net_object */
	struct list	tables, parts;		/* of filters: net_filter.h */
	struct list	settings, for_all, for_new;	/* struct setting */
};

/* One type of object, as rtnetlink or nfnetlink has it. */
struct net_type {
	uint16_t	get, new;		/* RTM_GET*, RTM_NEW*, or NFT_MSG_* with their subsystem */
	size_t		header;			/* bytes */
	size_t		attributes;		/* types below it are looked at */
	/* 1 take it, 0 leave it, or an error; what cannot be carried is covered */
	int		(*take)(struct dump *d, struct net *net, const struct net_object *o);
};

/* net.c: all objects of a type, asked for by fd with this header, to the list. */
int	net_collect_objects(struct dump *d, struct net *net, const struct net_type *type, const void *header,
	    struct list *to);
/* The same, with attributes behind the header: n bytes. */
int	net_collect_asked(struct dump *d, struct net *net, int fd, const struct net_type *type, const void *header,
	    size_t n, struct list *to);
/* The record of the interface with this index; 0 if it is none of those carried. */
uint64_t net_interface_id(const struct net *net, uint32_t index);
/* What an attribute holds, as it is; nothing if it is missing. */
void	net_emit_bytes(struct glue_emit *e, uint32_t field, const struct rtattr *a);
/* SocketFamily */
uint32_t net_record_family(uint8_t family);
uint32_t net_record_scope(uint8_t scope);
void	net_emit_settings(struct glue_emit *e, uint32_t field, const struct list *settings);

/* net_interface.c */
int	interfaces_collect(struct dump *d, struct net *net);
int	interfaces_emit(struct dump *d, const struct net *net);

/* net_address.c: addresses and neighbours */
int	addresses_collect(struct dump *d, struct net *net);
int	addresses_emit(struct dump *d, const struct net *net);

/* net_route.c: routes and rules */
int	routes_collect(struct dump *d, struct net *net);
int	routes_emit(struct dump *d, const struct net *net);

/* net_setting.c: after the interfaces */
int	settings_collect(struct dump *d, struct net *net);

/* net_filter.c: tables of nftables and what is in them */
int	net_filters_collect(struct dump *d, struct net *net);
int	net_filters_emit(struct dump *d, const struct net *net);

#endif
