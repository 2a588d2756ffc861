/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel lists of sockets by sock_diag(7).
 */
#include <errno.h>
#include <linux/sock_diag.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "linux/net_messages.h"

struct taker {
	struct dump	*d;
	diag_answer	*take;
	void		*ctx;
	int		failed;
};

static int
hand_on(void *ctx, const struct nlmsghdr *h)
{
	struct taker *t = ctx;

	return t->failed = t->take(t->d, h, t->ctx);
}

int
diag_dump(struct dump *d, int netns, const void *request, size_t size, diag_answer *take, void *ctx)
{
	struct taker t = { .d = d, .take = take, .ctx = ctx };
	int fd = netlink_open(netns, NETLINK_SOCK_DIAG), r;

	if (fd < 0)
		return DIAG_UNKNOWN;
	r = netlink_dump(fd, SOCK_DIAG_BY_FAMILY, request, size, hand_on, &t);
	close(fd);
	if (t.failed != 0)
		return t.failed;
	/* others' sockets came and went meanwhile; those of the tree stand still */
	return r == 0 || r == -EAGAIN ? 0 : DIAG_UNKNOWN;
}
