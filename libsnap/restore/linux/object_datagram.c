/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Unread datagrams of UDP: sent again from this host, as if from where they
 * came, to a socket that takes none but ours meanwhile.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "libsnap/restore/linux/linux.h"
#include "linux/net_lock.h"

#define ARRIVAL_TRIES	500
#define ARRIVAL_PAUSE_NS 1000000
#define ROOM		(INT32_MAX / 2)

bool
datagram_has_queue(const Psnap__Socket *s)
{
	return s->type == PSNAP__SOCKET_TYPE__SOCKET_DATAGRAM && s->family != PSNAP__SOCKET_FAMILY__SOCKET_UNIX &&
	    s->n_queue > 0;
}

int
datagrams_shut_out(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	struct sock_filter ours[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_MARK)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NET_LOCK_MARK, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, UINT32_MAX),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	const struct sock_fprog program = { sizeof ours / sizeof *ours, ours };

	if (!datagram_has_queue(s))
		return 0;
	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0 ? 0 :
	    restore_fail(r, NULL, id, errno, "shutting others out of a socket");
}

/* ---- where to ---- */

static bool
is_any(const struct sockaddr_storage *a)
{
	const struct sockaddr_in *in = (const void *)a;
	const struct sockaddr_in6 *in6 = (const void *)a;

	return a->ss_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY) :
	    IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static bool
is_mapped(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;

	return a->ss_family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr);
}

/* An address of this host, on any of which the socket hears. */
static void
fill_loopback(struct sockaddr_storage *to, bool mapped)
{
	struct sockaddr_in *in = (void *)to;
	struct sockaddr_in6 *in6 = (void *)to;
	const struct in_addr four = { htonl(INADDR_LOOPBACK) };

	if (to->ss_family == AF_INET) {
		in->sin_addr = four;
	} else if (mapped) {
		in6->sin6_addr = in6addr_any;
		in6->sin6_addr.s6_addr[10] = in6->sin6_addr.s6_addr[11] = 0xff;
		memcpy(in6->sin6_addr.s6_addr + 12, &four, sizeof four);
	} else {
		in6->sin6_addr = in6addr_loopback;
	}
}

/* What it was sent to, if that is known and this host's. */
static void
find_destination(const Psnap__SocketMessage *m, const struct sockaddr_storage *from, struct sockaddr_storage *to)
{
	struct sockaddr_in *in = (void *)to;
	struct sockaddr_in6 *in6 = (void *)to;
	const Psnap__SocketAddress *d = m->destination;
	size_t len = to->ss_family == AF_INET ? 4 : 16;

	if (!is_any(to))
		return;
	if (d != NULL && d->ip.len == len)
		memcpy(len == 4 ? (void *)&in->sin_addr : (void *)&in6->sin6_addr, d->ip.data, len);
	if (is_any(to) || !address_is_here(to))
		fill_loopback(to, is_mapped(from));
}

/* ---- one datagram ---- */

static uint32_t
filled(int fd)
{
	uint32_t v[SK_MEMINFO_VARS] = { 0 };
	socklen_t len = sizeof v;

	return getsockopt(fd, SOL_SOCKET, SO_MEMINFO, v, &len) == 0 ? v[SK_MEMINFO_RMEM_ALLOC] : 0;
}

/* Of several sockets with one name, the one that is connected to the sender gets it. */
static int
send_again(const Psnap__Socket *s, const Psnap__SocketMessage *m, int fd, const struct sockaddr_storage *from,
    socklen_t len)
{
	struct sockaddr_storage to = { 0 };
	socklen_t to_len = sizeof to;
	struct datagram d = { .from = from, .to = &to, .bytes = m->data.data, .len = m->data.len,
	    .protocol = (uint8_t)s->protocol, .hop_limit = (uint8_t)m->hop_limit,
	    .traffic_class = (uint8_t)m->traffic_class };
	uint32_t before = filled(fd);

	if ((s->options->reuse_port && connect(fd, (const void *)from, len) != 0) ||
	    getsockname(fd, (void *)&to, &to_len) != 0)
		return -1;
	find_destination(m, from, &to);
	if (datagram_send(&d) != 0)
		return -1;
	for (int i = 0; i < ARRIVAL_TRIES; i++) {
		if (filled(fd) > before)
			return 0;
		nanosleep(&(struct timespec){ .tv_nsec = ARRIVAL_PAUSE_NS }, NULL);
	}
	errno = ETIMEDOUT;
	return -1;
}

/* ---- all ---- */

static int
disconnect(const Psnap__Socket *s, int fd)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };

	return s->options->reuse_port ? connect(fd, &none, sizeof none) : 0;
}

static void
make_room(int fd)
{
	int size = ROOM;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
}

int
datagrams_fill(struct restore *r, uint64_t id, const Psnap__Socket *s, int fd)
{
	int none = 0;

	if (!datagram_has_queue(s))
		return 0;
	make_room(fd);
	for (size_t i = 0; i < s->n_queue; i++) {
		const Psnap__SocketMessage *m = s->queue[i];
		struct sockaddr_storage from;
		socklen_t len = socket_address(r->p, s, m->source, &from);

		if (len == 0)
			return restore_fail(r, NULL, id, 0, "an unread datagram from nowhere");
		if (send_again(s, m, fd, &from, len) != 0)
			return restore_fail(r, NULL, id, errno, "sending an unread datagram again");
	}
	if (disconnect(s, fd) != 0 || setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none) != 0)
		return restore_fail(r, NULL, id, errno, "letting others reach a socket again");
	socket_set_buffers(s->options, fd);
	return 0;
}
