/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two ends of a TCP connection, each sending and receiving at once.
 *
 *	stream serve ADDRESS PORT	waits for one connection
 *	stream connect ADDRESS PORT
 *
 * Each sends numbers in order, which the other checks one by one, until there
 * is a file called "enough"; then prints "sum SENT RECEIVED", or "failed: WHY".
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define STEP	16384u

static void
fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
open_end(char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	bool serve = strcmp(argv[1], "serve") == 0;
	struct addrinfo *a;
	int fd, one;

	if (getaddrinfo(argv[2], argv[3], &hints, &a) != 0 ||
	    (fd = socket(a->ai_family, SOCK_STREAM, 0)) < 0)
		fail("socket");
	if (!serve) {
		if (connect(fd, a->ai_addr, a->ai_addrlen) != 0)
			fail("connect");
		return fd;
	}
	if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, 5) != 0)
		fail("listen");
	puts("listening");
	if ((one = accept(fd, NULL, NULL)) < 0)
		fail("accept");
	close(fd);
	return one;
}

/* What is at this place of the stream. */
static uint8_t
byte_at(uint64_t at)
{
	uint64_t word = at / 4;

	return (uint8_t)(word >> at % 4 * 8);
}

static void
send_some(int fd, uint64_t *sent)
{
	static uint8_t buf[STEP];
	ssize_t k;

	for (size_t i = 0; i < sizeof buf; i++)
		buf[i] = byte_at(*sent + i);
	if ((k = send(fd, buf, sizeof buf, MSG_DONTWAIT | MSG_NOSIGNAL)) < 0 && errno != EAGAIN)
		fail("send");
	*sent += k > 0 ? (uint64_t)k : 0;
}

/* Whether there is more to come. */
static bool
receive_some(int fd, uint64_t *got)
{
	static uint8_t buf[STEP];
	ssize_t n = recv(fd, buf, sizeof buf, MSG_DONTWAIT);

	if (n < 0 && errno != EAGAIN)
		fail("receive");
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] != byte_at(*got + (uint64_t)i)) {
			printf("failed: wrong byte at %llu\n", (unsigned long long)*got + (unsigned long long)i);
			exit(1);
		}
	*got += n > 0 ? (uint64_t)n : 0;
	return n != 0;
}

int
main(int argc, char **argv)
{
	uint64_t sent = 0, got = 0;
	bool more = true, enough = false;
	int fd;

	if (argc != 4)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("pid %d\n", (int)getpid());
	fd = open_end(argv);
	puts("connected");
	while (more || !enough) {
		struct pollfd p = { .fd = fd, .events = (short)((more ? POLLIN : 0) | (enough ? 0 : POLLOUT)) };

		if (poll(&p, 1, 100) < 0 && errno != EINTR)
			fail("poll");
		if (more && p.revents & (POLLIN | POLLERR | POLLHUP))
			more = receive_some(fd, &got);
		if (!enough && p.revents & (POLLOUT | POLLERR | POLLHUP))
			send_some(fd, &sent);
		if (!enough && (enough = access("enough", F_OK) == 0) && shutdown(fd, SHUT_WR) != 0)
			fail("shutdown");
		/* some tens of MiB a second */
		nanosleep(&(struct timespec){ .tv_nsec = 500000 }, NULL);
	}
	printf("sum %llu %llu\n", (unsigned long long)sent, (unsigned long long)got);
	pause();
	return 0;
}
