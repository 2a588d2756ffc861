/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A program that notices when it is disturbed: each thread sits in one
 * blocking call and reports EINTR, an early return, a changed signal
 * disposition or mask, or a change of what waits in a socket.  No signal is ever sent to it but SIGUSR1, for which
 * main() waits, checks and prints "alive" or what is wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ipc.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "tests/helpers/rights.h"

#define WAIT_MS		150
#define PATIENCE_MS	30000

static _Atomic(const char *) wrong;
static atomic_long rounds[16];

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Each returns 0 if it timed out, as it should. */

static int
in_epoll(void)
{
	static __thread int fd = -1;
	struct epoll_event e;

	if (fd < 0)
		fd = epoll_create1(0);
	return epoll_wait(fd, &e, 1, WAIT_MS);
}

static int
in_poll(void)
{
	return poll(NULL, 0, WAIT_MS);
}

static int
in_select(void)
{
	struct timeval tv = { 0, WAIT_MS * 1000 };

	return select(0, NULL, NULL, NULL, &tv);
}

static int
in_nanosleep(void)
{
	return nanosleep(&(struct timespec){ 0, WAIT_MS * 1000000L }, NULL);
}

static int
in_nanosleep_rem(void)
{
	struct timespec rem;

	return nanosleep(&(struct timespec){ 0, WAIT_MS * 1000000L }, &rem);
}

static int
in_sigtimedwait(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	if (sigtimedwait(&set, NULL, &(struct timespec){ 0, WAIT_MS * 1000000L }) < 0 && errno == EAGAIN)
		return 0;
	return -1;
}

static int
in_semtimedop(void)
{
	static __thread int id = -1;
	struct sembuf op = { 0, -1, 0 };
	int r;

	if (id < 0 && (id = semget(IPC_PRIVATE, 1, 0600)) < 0)
		return 0;
	r = semtimedop(id, &op, 1, &(struct timespec){ 0, WAIT_MS * 1000000L });
	if (r < 0 && errno == EAGAIN)
		return 0;
	return -1;
}

static int
in_cond(void)
{
	pthread_mutex_t m = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t c = PTHREAD_COND_INITIALIZER;
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_nsec += WAIT_MS * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000;
	t.tv_nsec %= 1000000000;
	pthread_mutex_lock(&m);
	return pthread_cond_timedwait(&c, &m, &t) == ETIMEDOUT ? 0 : -1;
}

static int
in_recv(void)
{
	static __thread int s[2] = { -1, -1 };
	struct timeval tv = { 0, WAIT_MS * 1000 };
	char c;

	if (s[0] < 0) {
		socketpair(AF_UNIX, SOCK_STREAM, 0, s);
		setsockopt(s[0], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv);
	}
	if (recv(s[0], &c, 1, 0) < 0 && errno == EAGAIN)
		return 0;
	return -1;
}

static int
in_pipe(void)
{
	static __thread int p[2] = { -1, -1 };
	char c = 'x', d;

	/* through the pipe and back, so that it ends */
	if (p[0] < 0 && pipe(p) != 0)
		return -1;
	usleep(WAIT_MS * 1000);
	return write(p[1], &c, 1) == 1 && read(p[0], &d, 1) == 1 && c == d ? 0 : -1;
}

/* A timeout of a socket is counted in ticks, and these come late where a hypervisor takes the CPU away. */
#define CALL(f, name, early_ms)	{ f, early_ms, name " failed", name " was early", name " does not go on" }

static const struct {
	int		(*call)(void);
	int		early_ms;
	const char	*failed, *early, *stands;
} calls[] = {
	CALL(in_epoll, "epoll_wait", 2), CALL(in_poll, "poll", 2), CALL(in_select, "select", 2),
	CALL(in_nanosleep, "nanosleep", 2), CALL(in_nanosleep_rem, "nanosleep with rmtp", 2),
	CALL(in_sigtimedwait, "sigtimedwait", 2), CALL(in_semtimedop, "semtimedop", 2),
	CALL(in_cond, "pthread_cond_timedwait", 2), CALL(in_recv, "recv", 40), CALL(in_pipe, "pipe", 2),
};
#define NCALLS (sizeof calls / sizeof *calls)

/* A message that nobody reads, with its socket and a file under way in it. */
static int queue[2];

static int
fill_queue(void)
{
	char before[] = "before", text[] = "text";
	int v[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, queue) != 0 || (v[0] = open("/dev/null", O_RDWR)) < 0)
		return -1;
	v[1] = queue[1];
	if (send(queue[0], before, 6, 0) != 6 || rights_send(queue[0], text, 4, v, 2) != 4)
		return -1;
	return close(v[0]);
}

static const char *
check_queue(void)
{
	int v[RIGHTS_MAX], offset = 0;
	socklen_t len = sizeof offset;
	char text[16];
	size_t n;
	bool same = rights_receive(queue[1], text, sizeof text, MSG_PEEK, v, &n) == 10 &&
	    memcmp(text, "beforetext", 10) == 0 && n == 2;

	for (size_t i = 0; i < n && i < RIGHTS_MAX; i++)
		close(v[i]);
	if (!same)
		return "unread message";
	return getsockopt(queue[1], SOL_SOCKET, SO_PEEK_OFF, &offset, &len) == 0 && offset == -1 ? NULL :
	    "peek offset";
}

static void *
sit(void *arg)
{
	size_t i = (size_t)(uintptr_t)arg;
	/* exact in every precision, and held in a register */
	double x = (double)(i + 1) * 0.125;

	for (;;) {
		int64_t before = now_ms();

		if (calls[i].call() != 0)
			wrong = calls[i].failed;
		else if (now_ms() - before < WAIT_MS - calls[i].early_ms)
			wrong = calls[i].early;
		if (x != (double)(i + 1) * 0.125)
			wrong = "floating point";
		rounds[i]++;
	}
	return NULL;
}

static volatile sig_atomic_t traps;

static void
on_trap(int sig)
{
	(void)sig;
	traps++;
}

static const char *
check(void)
{
	long before[NCALLS];
	struct sigaction sa;
	sigset_t mask;

	for (size_t i = 0; i < NCALLS; i++)
		before[i] = rounds[i];
	/* two rounds: the one under way, which a dump may have met, and another one; a loaded machine takes its time */
	for (size_t i = 0; i < NCALLS; i++)
		for (int64_t deadline = now_ms() + PATIENCE_MS; rounds[i] < before[i] + 2;) {
			if (now_ms() > deadline)
				return calls[i].stands;
			usleep(WAIT_MS * 100);
		}
	if (sigaction(SIGTRAP, NULL, &sa) != 0 || sa.sa_handler != on_trap || traps != 0)
		return "SIGTRAP handler";
	if (sigaction(SIGHUP, NULL, &sa) != 0 || sa.sa_handler != SIG_IGN)
		return "SIGHUP ignored";
	if (sigprocmask(SIG_SETMASK, NULL, &mask) != 0 || !sigismember(&mask, SIGUSR1) ||
	    !sigismember(&mask, SIGTRAP) || sigismember(&mask, SIGTERM))
		return "signal mask";
	return wrong != NULL ? wrong : check_queue();
}

int
main(void)
{
	const char *what;
	sigset_t set;
	pthread_t t;
	int sig;

	signal(SIGTRAP, on_trap);
	signal(SIGHUP, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigaddset(&set, SIGTRAP);
	sigprocmask(SIG_BLOCK, &set, NULL);
	if (fill_queue() != 0)
		return 1;
	for (size_t i = 0; i < NCALLS; i++)
		if (pthread_create(&t, NULL, sit, (void *)(uintptr_t)i) != 0)
			return 1;
	puts("ready");
	fflush(stdout);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	for (;;) {
		if (sigwait(&set, &sig) != 0)
			return 1;
		what = check();
		puts(what != NULL ? what : "alive");
		fflush(stdout);
	}
}
