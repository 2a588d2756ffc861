/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The lock of TCP connections: while nobody has them, a table of nftables
 * drops their packets, so that the kernel does not answer the peer with a
 * reset, and tells it nothing of its own.  Of those who want to connect to a
 * listener that nobody has it drops what they ask with, for a time: they ask
 * again.
 *
 * Whoever freezes sockets makes it, whoever brings them back removes it: its
 * name follows from the sockets alone.  What it does can be seen, and undone,
 * with nft(8): `nft list ruleset`, `nft delete table inet NAME`.
 */
#ifndef LINUX_NET_LOCK_H
#define LINUX_NET_LOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* IPv4, IPv6, or IPv4 mapped into it, which is the same. */
struct net_connection {
	struct sockaddr_storage local, remote;
};

/* On an address, or any; on any of IPv6 it hears IPv4 as well, unless it is not to. */
struct net_listener {
	struct sockaddr_storage local;
	bool	only_v6;
};

struct net_lock {
	const struct net_connection *connections;
	size_t	nconnections;
	const struct net_listener *listeners;
	size_t	nlisteners;
	uint32_t seconds;	/* that requests to the listeners are dropped; 0: they are not */
	bool	passing;	/* not the one that a restore finds, which may be there, too: another name */
};

/* Packets with this mark (SO_MARK) pass. */
#define NET_LOCK_MARK	0x50534e41

#define NET_LOCK_NAME_MAX	32
void	net_lock_name(const struct net_lock *l, char name[NET_LOCK_NAME_MAX]);
/* Whether a table of this name is such a lock, of whichever sockets. */
bool	net_lock_has_name(const char *name);

/*
 * Drop the packets, both ways, in a network namespace (a descriptor on it; -1
 * the caller's).  1 made, 0 there is one of that name, or -errno.
 */
int	net_lock_make(int netns, const char *name, const struct net_lock *l);
/* The listeners are gone: the time begins anew, and requests that another one takes pass.  0 or -errno. */
int	net_lock_abandon(int netns, const char *name, const struct net_lock *l);

/* 0, even if there is none, or -errno. */
int	net_lock_remove(int netns, const char *name);

#endif
