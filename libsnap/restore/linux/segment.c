/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A TCP segment without data, made by hand, from anywhere to an address of
 * this host.  It never leaves the host, and passes the lock of connections.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/net_lock.h"

#define HOPS	64

struct ends { const uint8_t *from, *to; size_t len; uint16_t from_port, to_port; };

static void
find_ends(const struct segment *f, struct ends *e)
{
	const struct sockaddr_in *a = (const void *)f->from, *b = (const void *)f->to;
	const struct sockaddr_in6 *a6 = (const void *)f->from, *b6 = (const void *)f->to;
	bool six = f->to->ss_family == AF_INET6, mapped = six && IN6_IS_ADDR_V4MAPPED(&b6->sin6_addr);

	e->len = six && !mapped ? 16 : 4;
	e->from = six ? a6->sin6_addr.s6_addr + 16 - e->len : (const uint8_t *)&a->sin_addr;
	e->to = six ? b6->sin6_addr.s6_addr + 16 - e->len : (const uint8_t *)&b->sin_addr;
	e->from_port = six ? a6->sin6_port : a->sin_port;
	e->to_port = six ? b6->sin6_port : b->sin_port;
}

/* RFC 1071; n is even. */
static uint32_t
add_up(uint32_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	return sum;
}

/* With the header that stands for the one below: addresses, protocol, length. */
static uint16_t
checksum(const struct ends *e, const struct tcphdr *h)
{
	uint32_t sum = IPPROTO_TCP + sizeof *h;

	sum = add_up(sum, e->from, e->len);
	sum = add_up(sum, e->to, e->len);
	sum = add_up(sum, h, sizeof *h);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void
fill_header(const struct segment *f, const struct ends *e, struct tcphdr *h)
{
	memset(h, 0, sizeof *h);
	h->source = e->from_port;
	h->dest = e->to_port;
	h->seq = htonl(f->sequence);
	h->ack_seq = htonl(f->acknowledged);
	h->doff = sizeof *h / 4;
	h->fin = f->fin;
	h->ack = 1;
	h->window = htons(f->window);
	h->check = checksum(e, h);
}

static int
send_raw(int family, const void *packet, size_t n, const void *to, socklen_t len)
{
	const int mark = NET_LOCK_MARK;
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), e = 0;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0 ||
	    sendto(fd, packet, n, MSG_DONTWAIT, to, len) != (ssize_t)n)
		e = errno;
	close(fd);
	errno = e;
	return e == 0 ? 0 : -1;
}

static int
send_4(const struct ends *e, const struct tcphdr *h)
{
	/* the kernel fills in lengths and its checksum */
	struct { struct iphdr ip; struct tcphdr tcp; } packet = { .ip = { .ihl = 5, .version = 4, .ttl = HOPS,
	    .protocol = IPPROTO_TCP }, .tcp = *h };
	struct sockaddr_in to = { .sin_family = AF_INET };

	memcpy(&packet.ip.saddr, e->from, 4);
	memcpy(&packet.ip.daddr, e->to, 4);
	memcpy(&to.sin_addr, e->to, 4);
	return send_raw(AF_INET, &packet, sizeof packet, &to, sizeof to);
}

static int
send_6(const struct ends *e, const struct tcphdr *h, uint32_t scope)
{
	struct { struct ip6_hdr ip; struct tcphdr tcp; } packet = { .tcp = *h };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = scope };

	packet.ip.ip6_vfc = 6 << 4;
	packet.ip.ip6_plen = htons(sizeof packet.tcp);
	packet.ip.ip6_nxt = IPPROTO_TCP;
	packet.ip.ip6_hops = HOPS;
	memcpy(&packet.ip.ip6_src, e->from, 16);
	memcpy(&packet.ip.ip6_dst, e->to, 16);
	memcpy(&to.sin6_addr, e->to, 16);
	return send_raw(AF_INET6, &packet, sizeof packet, &to, sizeof to);
}

int
segment_send(const struct segment *f)
{
	const struct sockaddr_in6 *to = (const void *)f->to;
	struct tcphdr h;
	struct ends e;

	find_ends(f, &e);
	fill_header(f, &e, &h);
	return e.len == 4 ? send_4(&e, &h) : send_6(&e, &h, to->sin6_scope_id);
}
