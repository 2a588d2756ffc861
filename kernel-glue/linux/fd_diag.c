/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel lists of sockets by sock_diag(7).
 */
#include <linux/netlink.h>
#include <sys/socket.h>

#include "kernel-glue/linux/fd.h"

/* 1 when there is no more. */
static int
take_all(struct dump *d, const void *buf, size_t n, diag_answer *take, void *ctx)
{
	int r = 0;

	for (const struct nlmsghdr *h = buf; r == 0 && NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
			return 1;
		r = take(d, h, ctx);
	}
	return r;
}

int
diag_dump(struct dump *d, int fd, const void *request, size_t size, diag_answer *take, void *ctx)
{
	static uint64_t buf[4096];
	ssize_t n;
	int r = 0;

	if (send(fd, request, size, 0) != (ssize_t)size)
		return 0;
	while (r == 0 && (n = recv(fd, buf, sizeof buf, 0)) > 0)
		r = take_all(d, buf, (size_t)n, take, ctx);
	return r < 0 ? r : 0;
}
