/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "linux/net_messages.h"

#define ANSWER_MAX	(64u << 10)	/* the kernel makes none larger */

/* ---- making messages ---- */

static void
fail(struct netlink_batch *b, int error)
{
	if (b->error == 0)
		b->error = error;
}

static void
put(struct netlink_batch *b, const void *bytes, size_t n)
{
	size_t padded = NLMSG_ALIGN(n);

	if (b->cap - b->len < padded) {
		size_t cap = (b->cap + padded) * 2;
		uint8_t *bigger = realloc(b->buf, cap);

		if (bigger == NULL) {
			fail(b, ENOMEM);
			return;
		}
		b->buf = bigger;
		b->cap = cap;
	}
	memset(b->buf + b->len, 0, padded);
	if (n > 0)
		memcpy(b->buf + b->len, bytes, n);
	b->len += padded;
}

void
netlink_end(struct netlink_batch *b)
{
	uint32_t len = (uint32_t)(b->len - b->message);

	if (b->error == 0 && len > 0)
		memcpy(b->buf + b->message, &len, sizeof len);
}

void
netlink_begin(struct netlink_batch *b, uint16_t type, uint16_t flags, const void *header, size_t n)
{
	struct nlmsghdr h = { .nlmsg_type = type, .nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
	    .nlmsg_seq = ++b->count };

	netlink_end(b);
	b->message = b->len;
	put(b, &h, sizeof h);
	put(b, header, n);
}

void
netlink_put(struct netlink_batch *b, uint16_t type, const void *bytes, size_t n)
{
	struct nlattr a = { .nla_len = (uint16_t)(sizeof a + n), .nla_type = type };

	if (n > UINT16_MAX - sizeof a) {
		fail(b, EMSGSIZE);
		return;
	}
	put(b, &a, sizeof a);
	put(b, bytes, n);
}

void
netlink_put_raw(struct netlink_batch *b, const void *bytes, size_t n)
{
	put(b, bytes, n);
}

void
netlink_put_text(struct netlink_batch *b, uint16_t type, const char *s)
{
	netlink_put(b, type, s, strlen(s) + 1);
}

void
netlink_put8(struct netlink_batch *b, uint16_t type, uint8_t v)
{
	netlink_put(b, type, &v, sizeof v);
}

void
netlink_put16(struct netlink_batch *b, uint16_t type, uint16_t v)
{
	netlink_put(b, type, &v, sizeof v);
}

void
netlink_put32(struct netlink_batch *b, uint16_t type, uint32_t v)
{
	netlink_put(b, type, &v, sizeof v);
}

size_t
netlink_nest(struct netlink_batch *b, uint16_t type)
{
	size_t at = b->len;

	netlink_put(b, type | NLA_F_NESTED, "", 0);
	return at;
}

void
netlink_nest_end(struct netlink_batch *b, size_t at)
{
	uint16_t len = (uint16_t)(b->len - at);

	if (b->len - at > UINT16_MAX)
		fail(b, EMSGSIZE);
	if (b->error == 0)
		memcpy(b->buf + at, &len, sizeof len);
}

/* ---- asking the kernel ---- */

int
netlink_open(int netns, int protocol)
{
	int own = -1, fd, e, on = 1;

	if (netns >= 0 && ((own = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)) < 0 ||
	    setns(netns, CLONE_NEWNET) != 0)) {
		e = errno;
		if (own >= 0)
			close(own);
		return -e;
	}
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	e = errno;
	/* an error comes without the message, which may be longer than what answers are read into */
	if (fd >= 0)
		setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof on);
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

static void
take_error(const struct nlmsghdr *h, int *result, uint32_t *failed)
{
	const struct nlmsgerr *e = NLMSG_DATA(h);

	if (h->nlmsg_type != NLMSG_ERROR || h->nlmsg_len < NLMSG_LENGTH(sizeof *e) || *result != 0)
		return;
	*result = e->error;
	*failed = e->error != 0 ? e->msg.nlmsg_seq : 0;
}

/* What was asked has been done, or not, by the time it was sent. */
static int
read_answers(int fd, uint32_t *failed)
{
	_Alignas(struct nlmsghdr) uint8_t buf[8192];
	int result = 0;
	ssize_t n;

	while ((n = recv(fd, buf, sizeof buf, MSG_DONTWAIT)) > 0)
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, (size_t)n); h = NLMSG_NEXT(h, n))
			take_error(h, &result, failed);
	/* more errors than there is room for */
	return result == 0 && n < 0 && errno == ENOBUFS ? -ENOBUFS : result;
}

int
netlink_transact(int fd, struct netlink_batch *b)
{
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	netlink_end(b);
	if (b->error != 0)
		return -b->error;
	return sendto(fd, b->buf, b->len, 0, (const void *)&kernel, sizeof kernel) < 0 ? -errno : read_answers(fd, &b->failed);
}

/* The messages of one answer; 1 there are more to come. */
static int
hand_out(const uint8_t *buf, size_t n, netlink_fn *fn, void *ctx, bool *changed)
{
	int r;

	for (const struct nlmsghdr *h = (const void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
		*changed = *changed || h->nlmsg_flags & NLM_F_DUMP_INTR;
		if (h->nlmsg_type == NLMSG_ERROR && h->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return ((const struct nlmsgerr *)NLMSG_DATA(h))->error;
		if (h->nlmsg_type == NLMSG_DONE)
			return h->nlmsg_len >= NLMSG_LENGTH(sizeof(int)) ? *(const int *)NLMSG_DATA(h) : 0;
		if ((r = fn(ctx, h)) != 0)
			return r;
	}
	return 1;
}

int
netlink_dump(int fd, uint16_t type, const void *header, size_t n, netlink_fn *fn, void *ctx)
{
	struct netlink_batch b = { 0 };
	uint8_t *buf = malloc(ANSWER_MAX);
	bool changed = false;
	ssize_t got;
	int r;

	netlink_begin(&b, type, NLM_F_DUMP, header, n);
	netlink_end(&b);
	r = buf == NULL ? -ENOMEM : b.error != 0 ? -b.error : send(fd, b.buf, b.len, 0) < 0 ? -errno : 1;
	while (r == 1) {
		if ((got = recv(fd, buf, ANSWER_MAX, 0)) <= 0)
			r = got < 0 ? -errno : -EPROTO;
		else
			r = hand_out(buf, (size_t)got, fn, ctx, &changed);
	}
	free(buf);
	free(b.buf);
	return r == 0 && changed ? -EAGAIN : r;
}

/* ---- reading messages ---- */

void
netlink_parse_attributes(const struct rtattr *a, size_t len, const struct rtattr **v, size_t max)
{
	memset(v, 0, max * sizeof *v);
	for (; RTA_OK(a, len); a = RTA_NEXT(a, len))
		if ((a->rta_type & NLA_TYPE_MASK) < max)
			v[a->rta_type & NLA_TYPE_MASK] = a;
}

void
netlink_parse(const struct nlmsghdr *h, size_t n, const struct rtattr **v, size_t max)
{
	size_t skipped = NLMSG_SPACE(n);

	netlink_parse_attributes((const void *)((const uint8_t *)h + skipped),
	    h->nlmsg_len > skipped ? h->nlmsg_len - skipped : 0, v, max);
}

void
netlink_parse_nested(const struct rtattr *in, const struct rtattr **v, size_t max)
{
	netlink_parse_attributes(in != NULL ? RTA_DATA(in) : NULL,
	    in != NULL ? RTA_PAYLOAD(in) : 0, v, max);
}

static void
get(const struct rtattr *a, void *to, size_t n)
{
	if (a != NULL && RTA_PAYLOAD(a) >= n)
		memcpy(to, RTA_DATA(a), n);
}

uint32_t
netlink_get32(const struct rtattr *a, uint32_t other)
{
	get(a, &other, sizeof other);
	return other;
}

uint16_t
netlink_get16(const struct rtattr *a, uint16_t other)
{
	get(a, &other, sizeof other);
	return other;
}

uint8_t
netlink_get8(const struct rtattr *a, uint8_t other)
{
	get(a, &other, sizeof other);
	return other;
}

const char *
netlink_get_text(const struct rtattr *a)
{
	return a != NULL && RTA_PAYLOAD(a) > 0 && memchr(RTA_DATA(a), '\0', RTA_PAYLOAD(a)) != NULL ? RTA_DATA(a) : "";
}
