/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Packets made by hand, from anywhere to an address of this host: TCP segments
 * without data, and UDP datagrams.  They never leave the host, and pass the
 * lock of connections.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/net_lock.h"

#define HOPS	64

struct ends { const uint8_t *from, *to; size_t len; uint16_t from_port, to_port; uint32_t scope; };

/* What follows the header of IP. */
struct packet {
	struct ends	ends;
	uint8_t		protocol, hop_limit, traffic_class;
	const uint8_t	*bytes;
	size_t		len;
};

static void
find_ends(const struct sockaddr_storage *from, const struct sockaddr_storage *to, struct ends *e)
{
	const struct sockaddr_in *a = (const void *)from, *b = (const void *)to;
	const struct sockaddr_in6 *a6 = (const void *)from, *b6 = (const void *)to;
	bool six = to->ss_family == AF_INET6, mapped = six && IN6_IS_ADDR_V4MAPPED(&b6->sin6_addr);

	e->len = six && !mapped ? 16 : 4;
	e->from = six ? a6->sin6_addr.s6_addr + 16 - e->len : (const uint8_t *)&a->sin_addr;
	e->to = six ? b6->sin6_addr.s6_addr + 16 - e->len : (const uint8_t *)&b->sin_addr;
	e->from_port = six ? a6->sin6_port : a->sin_port;
	e->to_port = six ? b6->sin6_port : b->sin_port;
	e->scope = six ? b6->sin6_scope_id : 0;
}

/* RFC 1071; an odd byte at the end has a 0 behind it. */
static uint32_t
add_up(uint32_t sum, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)p[i] << 8 | (i + 1 < n ? p[i + 1] : 0);
	return sum;
}

/* With the header that stands for the one below: addresses, protocol, length. */
static uint16_t
checksum(const struct packet *p)
{
	uint32_t sum = (uint32_t)(p->protocol + p->len);

	sum = add_up(sum, p->ends.from, p->ends.len);
	sum = add_up(sum, p->ends.to, p->ends.len);
	sum = add_up(sum, p->bytes, p->len);
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

/* ---- below ---- */

static int
send_raw(int family, void *header, size_t n, const struct packet *p, void *to, socklen_t len)
{
	const int mark = NET_LOCK_MARK;
	struct iovec io[2] = { { header, n }, { (void *)(uintptr_t)p->bytes, p->len } };
	struct msghdr m = { .msg_name = to, .msg_namelen = len, .msg_iov = io, .msg_iovlen = 2 };
	int fd = socket(family, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW), e = 0;

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_MARK, &mark, sizeof mark) != 0 ||
	    sendmsg(fd, &m, MSG_DONTWAIT) != (ssize_t)(n + p->len))
		e = errno;
	close(fd);
	errno = e;
	return e == 0 ? 0 : -1;
}

static int
send_4(const struct packet *p)
{
	/* the kernel fills in lengths and its checksum */
	struct iphdr ip = { .ihl = 5, .version = 4, .ttl = p->hop_limit, .tos = p->traffic_class,
	    .protocol = p->protocol };
	struct sockaddr_in to = { .sin_family = AF_INET };

	memcpy(&ip.saddr, p->ends.from, 4);
	memcpy(&ip.daddr, p->ends.to, 4);
	memcpy(&to.sin_addr, p->ends.to, 4);
	return send_raw(AF_INET, &ip, sizeof ip, p, &to, sizeof to);
}

static int
send_6(const struct packet *p)
{
	struct ip6_hdr ip = { 0 };
	struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_scope_id = p->ends.scope };

	ip.ip6_flow = htonl(UINT32_C(6) << 28 | (uint32_t)p->traffic_class << 20);
	ip.ip6_plen = htons((uint16_t)p->len);
	ip.ip6_nxt = p->protocol;
	ip.ip6_hops = p->hop_limit;
	memcpy(&ip.ip6_src, p->ends.from, 16);
	memcpy(&ip.ip6_dst, p->ends.to, 16);
	memcpy(&to.sin6_addr, p->ends.to, 16);
	return send_raw(AF_INET6, &ip, sizeof ip, p, &to, sizeof to);
}

static int
send_packet(const struct packet *p, const struct sockaddr_storage *to)
{
	if (!address_is_here(to)) {
		errno = EADDRNOTAVAIL;
		return -1;
	}
	return p->ends.len == 4 ? send_4(p) : send_6(p);
}

/* ---- above ---- */

int
segment_send(const struct segment *f)
{
	struct tcphdr h = { .seq = htonl(f->sequence), .ack_seq = htonl(f->acknowledged), .doff = sizeof h / 4,
	    .fin = f->fin, .ack = 1, .window = htons(f->window) };
	struct packet p = { .protocol = IPPROTO_TCP, .hop_limit = HOPS, .bytes = (const void *)&h, .len = sizeof h };

	find_ends(f->from, f->to, &p.ends);
	h.source = p.ends.from_port;
	h.dest = p.ends.to_port;
	h.check = checksum(&p);
	return send_packet(&p, f->to);
}

int
datagram_send(const struct datagram *d)
{
	struct packet p = { .protocol = d->protocol, .hop_limit = d->hop_limit != 0 ? d->hop_limit : HOPS,
	    .traffic_class = d->traffic_class, .len = sizeof(struct udphdr) + d->len };
	struct udphdr h = { 0 };
	uint8_t *bytes;
	int r;

	if (p.len > UINT16_MAX) {
		errno = EMSGSIZE;
		return -1;
	}
	if ((bytes = malloc(p.len)) == NULL)
		return -1;
	find_ends(d->from, d->to, &p.ends);
	p.bytes = bytes;
	h.source = p.ends.from_port;
	h.dest = p.ends.to_port;
	/* of UDP-Lite how much the checksum covers: all */
	h.len = htons((uint16_t)p.len);
	memcpy(bytes, &h, sizeof h);
	if (d->len > 0)
		memcpy(bytes + sizeof h, d->bytes, d->len);
	h.check = checksum(&p);
	if (h.check == 0)
		h.check = 0xffff;	/* 0 is for none (RFC 768) */
	memcpy(bytes, &h, sizeof h);
	r = send_packet(&p, d->to);
	free(bytes);
	return r;
}
