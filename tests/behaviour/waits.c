/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A thread blocked in one call: it must go on waiting, for the time that was
 * left, and see no EINTR.
 */
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

static pthread_t waiter;
static volatile int result = -12345, error;
static volatile double begun, ended;
static int fds[2];

static void
in_thread(void *(*fn)(void *))
{
	begun = now();
	EXPECT(pthread_create(&waiter, NULL, fn, NULL) == 0);
	idle(0.15); /* it is in its call by then */
}

static void
note(long r)
{
	error = errno;
	ended = now();
	result = (int)r;
}

/* Slept as long as asked for: all of it, and not twice. */
static void
expect_slept(double asked, int want)
{
	pthread_join(waiter, NULL);
	if (result != want)
		errno = error;
	EQUAL(result, want);
	EXPECT(ended - begun >= asked - 0.01);
}

static void *
do_nanosleep(void *a)
{
	struct timespec t = { 2, 500000000 };
	note(nanosleep(&t, NULL));
	return a;
}

static void
nanosleep_setup(void)
{
	in_thread(do_nanosleep);
}

static void
nanosleep_check(void)
{
	expect_slept(2.5, 0);
}

static void *
do_rem(void *a)
{
	struct timespec t = { 2, 500000000 }, left = { 9, 9 };
	note(nanosleep(&t, &left));
	return a;
}

static void
rem_setup(void)
{
	in_thread(do_rem);
}

static void *
do_clock(void *a)
{
	struct timespec t = { 2, 0 };
	note(clock_nanosleep(CLOCK_BOOTTIME, 0, &t, NULL));
	return a;
}

static void
clock_setup(void)
{
	in_thread(do_clock);
}

static void
clock_check(void)
{
	expect_slept(2, 0);
}

static void *
do_absolute(void *a)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += 2;
	note(clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL));
	return a;
}

static void
absolute_setup(void)
{
	in_thread(do_absolute);
}

static void *
do_poll(void *a)
{
	note(poll(NULL, 0, 2000));
	return a;
}

static void
poll_setup(void)
{
	in_thread(do_poll);
}

static void
poll_check(void)
{
	expect_slept(2, 0);
}

static void *
do_poll_fd(void *a)
{
	struct pollfd p = { fds[0], POLLIN, 0 };
	note(poll(&p, 1, -1));
	return a;
}

static void
poll_fd_setup(void)
{
	EXPECT(pipe(fds) == 0);
	in_thread(do_poll_fd);
}

static void
wake_pipe(void)
{
	EXPECT(write(fds[1], "x", 1) == 1);
	expect_slept(0, 1);
}

static void *
do_ppoll(void *a)
{
	struct timespec t = { 2, 0 };
	note(ppoll(NULL, 0, &t, NULL));
	return a;
}

static void
ppoll_setup(void)
{
	in_thread(do_ppoll);
}

static void *
do_select(void *a)
{
	struct timeval t = { 2, 0 };
	note(select(0, NULL, NULL, NULL, &t));
	return a;
}

static void
select_setup(void)
{
	in_thread(do_select);
}

static void *
do_select_fd(void *a)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	note(select(fds[0] + 1, &set, NULL, NULL, NULL));
	return a;
}

static void
select_fd_setup(void)
{
	EXPECT(pipe(fds) == 0);
	in_thread(do_select_fd);
}

static void *
do_read(void *a)
{
	char c;
	note(read(fds[0], &c, 1));
	return a;
}

static void
read_setup(void)
{
	EXPECT(pipe(fds) == 0);
	in_thread(do_read);
}

static char full[1 << 20];
/* A stop may cut a long write short, as a signal may: never to nothing, and never to an error. */
static void *
do_write(void *a)
{
	size_t done = 0;

	while (done < sizeof full) {
		ssize_t n = write(fds[1], full + done, sizeof full - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	note((long)done);
	return a;
}

static void
write_setup(void)
{
	EXPECT(pipe(fds) == 0);
	memset(full, 'w', sizeof full);
	in_thread(do_write);
}

static void
write_check(void)
{
	size_t got = 0;
	char buf[65536];

	while (got < sizeof full) {
		ssize_t n = read(fds[0], buf, sizeof buf);

		EXPECT(n > 0);
		got += (size_t)n;
	}
	EQUAL(got, sizeof full);
	pthread_join(waiter, NULL);
	EQUAL(result, sizeof full);
}

static int ep;
static void *
do_epoll(void *a)
{
	struct epoll_event e;
	note(epoll_wait(ep, &e, 1, -1));
	return a;
}

static void
epoll_setup(void)
{
	struct epoll_event e = { .events = EPOLLIN };

	EXPECT(
	    pipe(fds) == 0 && (ep = epoll_create1(0)) >= 0 && epoll_ctl(ep, EPOLL_CTL_ADD, fds[0], &e) == 0);
	in_thread(do_epoll);
}

static void *
do_epoll_timeout(void *a)
{
	struct epoll_event e;
	note(epoll_wait(ep, &e, 1, 2000));
	return a;
}

static void
epoll_timeout_setup(void)
{
	EXPECT((ep = epoll_create1(0)) >= 0);
	in_thread(do_epoll_timeout);
}
/* epoll_wait cannot be told what is left: it waits again, and says nothing wrong */
static void
epoll_timeout_check(void)
{
	expect_slept(2, 0);
}

static void *
do_recv(void *a)
{
	char c;
	note(recv(fds[0], &c, 1, 0));
	return a;
}

static void
recv_setup(void)
{
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0);
	in_thread(do_recv);
}

static void
recv_check(void)
{
	EXPECT(send(fds[1], "y", 1, 0) == 1);
	expect_slept(0, 1);
}

static void *
do_accept(void *a)
{
	note(accept(fds[0], NULL, NULL) >= 0 ? 1 : -1);
	return a;
}

static void
accept_setup(void)
{
	struct sockaddr_storage a = { .ss_family = AF_UNIX };

	EXPECT((fds[0] = socket(AF_UNIX, SOCK_STREAM, 0)) >= 0);
	sprintf((char *)&a + 3, "behave-accept-%d", (int)getpid());
	EXPECT(bind(fds[0], (void *)&a, 32) == 0 && listen(fds[0], 5) == 0);
	in_thread(do_accept);
}

static void
accept_check(void)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);

	EXPECT(getsockname(fds[0], (void *)&a, &len) == 0);
	EXPECT(connect(s, (void *)&a, len) == 0);
	expect_slept(0, 1);
}

static uint32_t word;
static void *
do_futex(void *a)
{
	note(syscall(SYS_futex, &word, FUTEX_WAIT, 0, NULL, NULL, 0));
	return a;
}

static void
futex_setup(void)
{
	in_thread(do_futex);
}

static void
futex_check(void)
{
	/* the waiter has to be asleep again */
	for (int i = 0; i < 200 && syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0) == 0; i++)
		idle(0.01);
	expect_slept(0, 0);
}

static void *
do_futex_timeout(void *a)
{
	struct {
		long s, ns;
	} t = { 2, 0 };

	note(syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t, NULL, 0) == -1 && errno == ETIMEDOUT ? 110 : -1);
	return a;
}

static void
futex_timeout_setup(void)
{
	in_thread(do_futex_timeout);
}

static void
futex_timeout_check(void)
{
	expect_slept(2, 110);
}

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static void *
do_mutex(void *a)
{
	note(pthread_mutex_lock(&mutex));
	return a;
}

static void
mutex_setup(void)
{
	pthread_mutex_lock(&mutex);
	in_thread(do_mutex);
}

static void
mutex_check(void)
{
	pthread_mutex_unlock(&mutex);
	expect_slept(0, 0);
}

static void *
do_cond(void *a)
{
	pthread_mutex_lock(&mutex);
	note(pthread_cond_wait(&condition, &mutex));
	return a;
}

static void
cond_setup(void)
{
	in_thread(do_cond);
}

static void
cond_check(void)
{
	pthread_mutex_lock(&mutex);
	pthread_cond_signal(&condition);
	pthread_mutex_unlock(&mutex);
	expect_slept(0, 0);
}

static void *
do_timedwait(void *a)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 2;
	pthread_mutex_lock(&mutex);
	note(pthread_cond_timedwait(&condition, &mutex, &t));
	return a;
}

static void
timedwait_setup(void)
{
	in_thread(do_timedwait);
}

static void
timedwait_check(void)
{
	expect_slept(2, ETIMEDOUT);
}

static sem_t sem;
static void *
do_sem(void *a)
{
	note(sem_wait(&sem));
	return a;
}

static void
sem_setup(void)
{
	sem_init(&sem, 0, 0);
	in_thread(do_sem);
}

static void
sem_check(void)
{
	sem_post(&sem);
	expect_slept(0, 0);
}

static void *
do_sigwait(void *a)
{
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	note(sigwaitinfo(&set, &info));
	return a;
}

static void
sigwait_setup(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	in_thread(do_sigwait);
}

static void
sigwait_check(void)
{
	kill(getpid(), SIGUSR1);
	expect_slept(0, SIGUSR1);
}

static void *
do_sigtimedwait(void *a)
{
	struct timespec t = { 2, 0 };
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	note(sigtimedwait(&set, NULL, &t) == -1 && errno == EAGAIN ? 11 : -1);
	return a;
}

static void
sigtimedwait_setup(void)
{
	in_thread(do_sigtimedwait);
}

static void
sigtimedwait_check(void)
{
	expect_slept(2, 11);
}

static pid_t child;
static void *
do_wait(void *a)
{
	int st;
	note(waitpid(child, &st, 0) == child && WIFEXITED(st) ? WEXITSTATUS(st) : -1);
	return a;
}

static void
wait_setup(void)
{
	EXPECT(pipe(fds) == 0);
	if ((child = fork()) == 0) {
		char c;

		_exit(read(fds[0], &c, 1) == 1 ? 42 : 1);
	}
	in_thread(do_wait);
}

static void
wait_check(void)
{
	EXPECT(write(fds[1], "x", 1) == 1);
	expect_slept(0, 42);
}

static int efd;
static void *
do_eventfd(void *a)
{
	uint64_t v = 0;
	note(read(efd, &v, 8) == 8 ? (long)v : -1);
	return a;
}

static void
eventfd_setup(void)
{
	EXPECT((efd = eventfd(0, 0)) >= 0);
	in_thread(do_eventfd);
}

static void
eventfd_check(void)
{
	uint64_t v = 17;
	EXPECT(write(efd, &v, 8) == 8);
	expect_slept(0, 17);
}

static void
timerfd_setup(void)
{
	struct itimerspec v = { { 0, 0 }, { 2, 0 } };

	EXPECT((efd = timerfd_create(CLOCK_MONOTONIC, 0)) >= 0 && timerfd_settime(efd, 0, &v, NULL) == 0);
	in_thread(do_eventfd);
}

static void
timerfd_check(void)
{
	expect_slept(2, 1);
}

static void *
do_flock(void *a)
{
	note(flock(efd, LOCK_EX));
	return a;
}

static void
flock_setup(void)
{
	close(new_file("flocked", "x"));
	fds[0] = open("flocked", O_RDWR);
	efd = open("flocked", O_RDWR);
	EXPECT(flock(fds[0], LOCK_EX) == 0);
	in_thread(do_flock);
}

static void
flock_check(void)
{
	EXPECT(flock(fds[0], LOCK_UN) == 0);
	expect_slept(0, 0);
}

static void
nobody(int sig)
{
	(void)sig;
}

static void *
do_pause(void *a)
{
	note(pause() == -1 && errno == EINTR ? 4 : 0);
	return a;
}

static void
pause_setup(void)
{
	sigset_t set;

	signal(SIGUSR2, nobody);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	in_thread(do_pause);
	pthread_sigmask(SIG_BLOCK, &set, NULL); /* in this one: the other is to have it */
}

static void
pause_check(void)
{
	EQUAL(result, -12345);
	kill(getpid(), SIGUSR2);
	expect_slept(0, 4);
}

/* No system call: it computes. */
static volatile uint64_t spins;
static volatile int stop;
static void *
do_spin(void *a)
{
	while (!stop)
		spins++;
	note(0);
	return a;
}

static void
spin_setup(void)
{
	in_thread(do_spin);
}

static void
spin_check(void)
{
	uint64_t before = spins;
	idle(0.1);
	EXPECT(spins > before);
	stop = 1;
	expect_slept(0, 0);
}

const struct behaviour waits[] = {
	{ "wait_nanosleep", nanosleep_setup, nanosleep_check },
	{ "wait_nanosleep_remaining", rem_setup, nanosleep_check },
	{ "wait_clock_nanosleep", clock_setup, clock_check },
	{ "wait_nanosleep_absolute", absolute_setup, clock_check },
	{ "wait_poll_timeout", poll_setup, poll_check },
	{ "wait_poll_fd", poll_fd_setup, wake_pipe },
	{ "wait_ppoll", ppoll_setup, poll_check },
	{ "wait_select_timeout", select_setup, poll_check },
	{ "wait_select_fd", select_fd_setup, wake_pipe },
	{ "wait_pipe_read", read_setup, wake_pipe },
	{ "wait_pipe_write", write_setup, write_check },
	{ "wait_epoll", epoll_setup, wake_pipe },
	{ "wait_epoll_timeout", epoll_timeout_setup, epoll_timeout_check },
	{ "wait_recv", recv_setup, recv_check },
	{ "wait_accept", accept_setup, accept_check },
	{ "wait_futex", futex_setup, futex_check },
	{ "wait_futex_timeout", futex_timeout_setup, futex_timeout_check },
	{ "wait_mutex", mutex_setup, mutex_check },
	{ "wait_condition", cond_setup, cond_check },
	{ "wait_condition_timed", timedwait_setup, timedwait_check },
	{ "wait_semaphore", sem_setup, sem_check },
	{ "wait_sigwaitinfo", sigwait_setup, sigwait_check },
	{ "wait_sigtimedwait", sigtimedwait_setup, sigtimedwait_check },
	{ "wait_child", wait_setup, wait_check },
	{ "wait_eventfd", eventfd_setup, eventfd_check },
	{ "wait_timerfd", timerfd_setup, timerfd_check },
	{ "wait_flock", flock_setup, flock_check },
	{ "wait_pause", pause_setup, pause_check },
	{ "wait_computing", spin_setup, spin_check },
	{ NULL, NULL, NULL },
};
