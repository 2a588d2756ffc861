/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to and from the kernel's network stack (rtnetlink, nfnetlink).
 */
#ifndef LINUX_NET_MESSAGES_H
#define LINUX_NET_MESSAGES_H

#include <sys/socket.h>		/* before linux/netlink.h, which needs it */

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One or several messages, sent as one; zero it, and free its buf at the end. */
struct netlink_batch {
	uint8_t		*buf;
	size_t		len, cap, message;	/* where the one under way begins */
	int		error;			/* first errno: ENOMEM; EMSGSIZE, an attribute of 64 KiB or more */
	uint32_t	count;			/* messages begun */
	uint32_t	failed;			/* number of the first that netlink_transact() failed with; from 1 on, 0 none */
};

/* Begin the next message, with the fixed header of its type. */
void	netlink_begin(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header, size_t n);
void	netlink_end(struct netlink_batch *b);

void	netlink_put(struct netlink_batch *b, uint16_t type, const void *bytes, size_t n);
/* Not an attribute: the header that some begin with. */
void	netlink_put_raw(struct netlink_batch *b, const void *bytes, size_t n);
void	netlink_put_text(struct netlink_batch *b, uint16_t type, const char *s);
void	netlink_put8(struct netlink_batch *b, uint16_t type, uint8_t v);
void	netlink_put16(struct netlink_batch *b, uint16_t type, uint16_t v);
void	netlink_put32(struct netlink_batch *b, uint16_t type, uint32_t v);
/* Attributes in an attribute, until netlink_nest_end(). */
size_t	netlink_nest(struct netlink_batch *b, uint16_t type);
void	netlink_nest_end(struct netlink_batch *b, size_t at);

/*
 * A socket in a network namespace (a descriptor on it; -1 the caller's), where
 * it stays; or -errno.
 */
int	netlink_open(int netns, int protocol);

/* Send b and read the answers: 0, or the first error of all, -errno. */
int	netlink_transact(int fd, struct netlink_batch *b);

/* One message of a dump: 0 go on, else what netlink_dump() returns. */
typedef int netlink_fn(void *ctx, const struct nlmsghdr *h);
/* Hand out all objects of a type; 0, what fn returned, or -errno (-EAGAIN: they changed meanwhile). */
int	netlink_dump(int fd, uint16_t type, const void *header, size_t n, netlink_fn *fn, void *ctx);

/* The attributes behind a header of n bytes, or within one, by type; those of max and above are left out. */
void	netlink_parse(const struct nlmsghdr *h, size_t n, const struct rtattr **v, size_t max);
void	netlink_parse_nested(const struct rtattr *in, const struct rtattr **v, size_t max);
void	netlink_parse_attributes(const struct rtattr *first, size_t len, const struct rtattr **v, size_t max);

/* What is in an attribute that may be missing or short: other then. */
uint32_t netlink_get32(const struct rtattr *a, uint32_t other);
uint16_t netlink_get16(const struct rtattr *a, uint16_t other);
uint8_t	netlink_get8(const struct rtattr *a, uint8_t other);
/* "" if it is missing. */
const char *netlink_get_text(const struct rtattr *a);

#endif
