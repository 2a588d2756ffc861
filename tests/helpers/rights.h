/* SPDX-License-Identifier: BSD-2-Clause */
/* Messages that carry descriptors (SCM_RIGHTS). */
#ifndef TESTS_HELPERS_RIGHTS_H
#define TESTS_HELPERS_RIGHTS_H

#include <string.h>
#include <sys/socket.h>
#include <sys/types.h>

#define RIGHTS_MAX	253

union rights_control {
	struct cmsghdr	h;
	char		bytes[CMSG_SPACE(RIGHTS_MAX * sizeof(int))];
};

static inline ssize_t
rights_send(int to, void *data, size_t len, const int *fds, size_t n)
{
	union rights_control control;
	struct iovec io = { data, len };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = CMSG_SPACE(n * sizeof *fds) };

	memset(&control, 0, sizeof control);
	control.h.cmsg_len = CMSG_LEN(n * sizeof *fds);
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	memcpy(CMSG_DATA(&control.h), fds, n * sizeof *fds);
	return sendmsg(to, &m, 0);
}

/* *n: descriptors received, RIGHTS_MAX + 1 if something else came beside them. */
static inline ssize_t
rights_receive(int from, void *data, size_t max, int flags, int fds[RIGHTS_MAX], size_t *n)
{
	union rights_control control;
	struct iovec io = { data, max };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof control };
	ssize_t got = recvmsg(from, &m, flags | MSG_DONTWAIT);
	struct cmsghdr *c = got < 0 ? NULL : CMSG_FIRSTHDR(&m);

	*n = 0;
	if (c == NULL)
		return got;
	if (c->cmsg_type == SCM_RIGHTS && CMSG_NXTHDR(&m, c) == NULL && !(m.msg_flags & MSG_CTRUNC)) {
		*n = (c->cmsg_len - CMSG_LEN(0)) / sizeof *fds;
		memcpy(fds, CMSG_DATA(c), *n * sizeof *fds);
	} else {
		*n = RIGHTS_MAX + 1;
	}
	return got;
}

#endif
