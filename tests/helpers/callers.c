/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A server that makes its clients wait.
 *
 *	callers serve ADDRESS PORT	accepts whoever is there, while there is a file called "accept"
 *	callers call ADDRESS PORT N	N connections at once
 *
 * Each one accepted gets a byte.  Prints "listening"; "connected" when all are,
 * and "answered" when each has its byte and the end of the connection; or "failed: WHY".
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CALLERS_MAX	64

static void
fail(const char *what)
{
	printf("failed: %s: %s\n", what, strerror(errno));
	exit(1);
}

static int
open_socket(const struct addrinfo *a)
{
	int fd = socket(a->ai_family, SOCK_STREAM, 0);

	if (fd < 0)
		fail("socket");
	return fd;
}

static void
serve(const struct addrinfo *a)
{
	struct pollfd p = { .fd = open_socket(a), .events = POLLIN };
	int on = 1, one;

	if (setsockopt(p.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
	    bind(p.fd, a->ai_addr, a->ai_addrlen) != 0 || listen(p.fd, CALLERS_MAX) != 0)
		fail("listen");
	puts("listening");
	for (;;) {
		if (access("accept", F_OK) != 0) {
			poll(NULL, 0, 10);
			continue;
		}
		if (poll(&p, 1, 10) != 1)
			continue;
		if ((one = accept(p.fd, NULL, NULL)) < 0 || send(one, "!", 1, MSG_NOSIGNAL) != 1)
			fail("accept");
		close(one);
	}
}

static void
call(const struct addrinfo *a, int n)
{
	int fd[CALLERS_MAX];
	char byte;

	for (int i = 0; i < n; i++)
		if (connect(fd[i] = open_socket(a), a->ai_addr, a->ai_addrlen) != 0)
			fail("connect");
	puts("connected");
	for (int i = 0; i < n; i++)
		if (recv(fd[i], &byte, 1, 0) != 1 || recv(fd[i], &byte, 1, 0) != 0)
			fail("receive");
	puts("answered");
}

int
main(int argc, char **argv)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST };
	int n = argc == 5 ? atoi(argv[4]) : 0;
	struct addrinfo *a;

	if (argc < 4 || n < 0 || n > CALLERS_MAX)
		return 2;
	setvbuf(stdout, NULL, _IONBF, 0);
	printf("pid %d\n", (int)getpid());
	if (getaddrinfo(argv[2], argv[3], &hints, &a) != 0)
		fail("address");
	if (strcmp(argv[1], "serve") == 0)
		serve(a);
	call(a, n);
	return 0;
}
