/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linux/net_open.h"

/* A socket stays in the namespace it was made in. */
int
net_open(int netns, int protocol)
{
	int own = -1, fd, e;

	if (netns >= 0 && ((own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) < 0 ||
	    setns(netns, CLONE_NEWNET) != 0)) {
		e = errno;
		if (own >= 0)
			close(own);
		return -e;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	e = errno;
	if (own >= 0) {
		if (setns(own, CLONE_NEWNET) != 0) {
			e = errno;
			if (fd >= 0)
				close(fd);
			fd = -1;
		}
		close(own);
	}
	return fd >= 0 ? fd : -e;
}
