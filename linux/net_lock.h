/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of TCP connections: while nobody has them, a table of nftables
 * drops their packets, so that the kernel does not answer the peer with a
 * reset, and tells it nothing of its own.
 *
 * Whoever freezes connections makes it, whoever brings them back removes it:
 * its name follows from the connections alone.  What it does can be seen, and
 * undone, with nft(8): `nft list ruleset`, `nft delete table inet NAME`.
 */
#ifndef LINUX_NET_LOCK_H
#define LINUX_NET_LOCK_H

#include <stddef.h>
#include <sys/socket.h>

/* IPv4, IPv6, or IPv4 mapped into it, which is the same. */
struct net_connection {
	struct sockaddr_storage local, remote;
};

/* Packets with this mark (SO_MARK) pass. */
#define NET_LOCK_MARK	0x50534e41

#define NET_LOCK_NAME_MAX	32
void	net_lock_name(const struct net_connection *v, size_t n, char name[NET_LOCK_NAME_MAX]);

/*
 * Drop the packets of these, both ways, in a network namespace (a descriptor
 * on it; -1 the caller's).  1 made, 0 there is one of that name, or -errno.
 */
int	net_lock_make(int netns, const char *name, const struct net_connection *v, size_t n);

/* 0, even if there is none, or -errno. */
int	net_lock_remove(int netns, const char *name);

#endif
