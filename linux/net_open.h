/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A netlink socket into any network namespace (a descriptor on it; -1 the
 * caller's): the socket, or -errno.
 */
#ifndef LINUX_NET_OPEN_H
#define LINUX_NET_OPEN_H

int	net_open(int netns, int protocol);

#endif
