/* SPDX-License-Identifier: BSD-2-Clause */
/* eventfd, epoll, timerfd, signalfd, inotify, pidfd, namespaces. */
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

static int fd, fd2, fds[2];
static uint64_t v;

static void
event_setup(void)
{
	EXPECT((fd = eventfd(5, EFD_NONBLOCK)) >= 0);
}

static void
event_check(void)
{
	EXPECT(read(fd, &v, 8) == 8);
	EQUAL(v, 5);
	EXPECT(read(fd, &v, 8) == -1 && errno == EAGAIN);
}

static void
semaphore_setup(void)
{
	EXPECT((fd = eventfd(2, EFD_SEMAPHORE | EFD_NONBLOCK)) >= 0);
}

static void
semaphore_check(void)
{
	for (int i = 0; i < 2; i++) {
		EXPECT(read(fd, &v, 8) == 8);
		EQUAL(v, 1);
	}
	EXPECT(read(fd, &v, 8) == -1);
}

static void
event_large_setup(void)
{
	fd = eventfd(0, EFD_NONBLOCK);
	v = UINT64_C(1) << 40;
	EXPECT(write(fd, &v, 8) == 8);
}

static void
event_large_check(void)
{
	EXPECT(read(fd, &v, 8) == 8);
	EXPECT(v == UINT64_C(1) << 40);
}

static void
add(int ep, int what, uint32_t events, uint64_t data)
{
	struct epoll_event e = { .events = events, .data.u64 = data };

	EXPECT(epoll_ctl(ep, EPOLL_CTL_ADD, what, &e) == 0);
}

static void
epoll_setup(void)
{
	EXPECT(pipe(fds) == 0);
	fd = epoll_create1(0);
	add(fd, fds[0], EPOLLIN, 0x1234567890);
}

static void
epoll_check(void)
{
	struct epoll_event e;

	EXPECT(epoll_wait(fd, &e, 1, 0) == 0);
	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 1000) == 1);
	EXPECT(e.events == EPOLLIN && e.data.u64 == 0x1234567890);
	e.events = EPOLLOUT;
	/* known by the number it was added under */
	EXPECT(
	    epoll_ctl(fd, EPOLL_CTL_MOD, fds[0], &e) == 0 && epoll_ctl(fd, EPOLL_CTL_DEL, fds[0], NULL) == 0);
}

static void
epoll_edge_setup(void)
{
	EXPECT(pipe(fds) == 0);
	fd = epoll_create1(EPOLL_CLOEXEC);
	add(fd, fds[0], EPOLLIN | EPOLLET, 1);
}

static void
epoll_edge_check(void)
{
	struct epoll_event e;
	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 1000) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 0) == 0);
	EQUAL(fcntl(fd, F_GETFD), FD_CLOEXEC);
}

static void
epoll_oneshot_setup(void)
{
	EXPECT(pipe(fds) == 0);
	fd = epoll_create1(0);
	add(fd, fds[0], EPOLLIN | EPOLLONESHOT, 1);
}

static void
epoll_edge_oneshot_check(void)
{
	struct epoll_event e;
	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 1000) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 0) == 0);
}

static void
epoll_nested_setup(void)
{
	EXPECT(pipe(fds) == 0);
	fd2 = epoll_create1(0);
	add(fd2, fds[0], EPOLLIN, 2);
	fd = epoll_create1(0);
	add(fd, fd2, EPOLLIN, 3);
}

static void
epoll_nested_check(void)
{
	struct epoll_event e;
	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(epoll_wait(fd, &e, 1, 1000) == 1 && e.data.u64 == 3);
	EXPECT(epoll_wait(fd2, &e, 1, 0) == 1 && e.data.u64 == 2);
}

static int event[100];
static void
epoll_many_setup(void)
{
	fd = epoll_create1(0);
	for (int i = 0; i < 100; i++)
		add(fd, event[i] = eventfd(0, 0), EPOLLIN, (uint64_t)i);
}

static void
epoll_many_check(void)
{
	struct epoll_event e[100];
	EXPECT(epoll_wait(fd, e, 100, 0) == 0);
	v = 1;
	for (int i = 0; i < 100; i++)
		EXPECT(write(event[i], &v, 8) == 8);
	EQUAL(epoll_wait(fd, e, 100, 1000), 100);
}

static void
epoll_pending_setup(void)
{
	epoll_setup();
	EXPECT(write(fds[1], "y", 1) == 1);
}

static void
epoll_pending_check(void)
{
	struct epoll_event e;
	EXPECT(epoll_wait(fd, &e, 1, 0) == 1);
}

static void
timer_setup(void)
{
	struct itimerspec t = { { 3, 0 }, { 50, 0 } };
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	EXPECT(timerfd_settime(fd, 0, &t, NULL) == 0);
}

static void
timer_check(void)
{
	struct itimerspec t;
	EXPECT(timerfd_gettime(fd, &t) == 0);
	EQUAL(t.it_interval.tv_sec, 3);
	EXPECT(t.it_value.tv_sec > 20 && t.it_value.tv_sec <= 50);
}

static void
timer_off_setup(void)
{
	fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK);
}

static void
timer_off_check(void)
{
	struct itimerspec t;
	EXPECT(timerfd_gettime(fd, &t) == 0 && t.it_value.tv_sec == 0 && t.it_value.tv_nsec == 0);
	EXPECT(read(fd, &v, 8) == -1 && errno == EAGAIN);
}

static void
timer_ticks_setup(void)
{
	struct itimerspec t = { { 0, 0 }, { 0, 1000000 } };
	fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK);
	EXPECT(timerfd_settime(fd, 0, &t, NULL) == 0);
	idle(0.05);
}

static void
timer_ticks_check(void)
{
	EXPECT(read(fd, &v, 8) == 8);
	EQUAL(v, 1);
}

static void
timer_fires_setup(void)
{
	struct itimerspec t = { { 0, 0 }, { 1, 500000000 } };
	fd = timerfd_create(CLOCK_MONOTONIC, 0);
	EXPECT(timerfd_settime(fd, 0, &t, NULL) == 0);
}

static void
timer_fires_check(void)
{
	struct pollfd p = { fd, POLLIN, 0 };
	EXPECT(poll(&p, 1, 10000) == 1);
	EXPECT(read(fd, &v, 8) == 8);
	EQUAL(v, 1);
}

static void
signal_setup(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGRTMIN + 5);
	sigprocmask(SIG_BLOCK, &set, NULL);
	EXPECT((fd = signalfd(-1, &set, SFD_NONBLOCK)) >= 0);
	raise(SIGUSR1);
}

static void
signal_check(void)
{
	struct signalfd_siginfo info;

	EXPECT(read(fd, &info, sizeof info) == sizeof info);
	EQUAL(info.ssi_signo, SIGUSR1);
	kill(getpid(), SIGRTMIN + 5);
	EXPECT(read(fd, &info, sizeof info) == sizeof info);
	EQUAL(info.ssi_signo, (unsigned)SIGRTMIN + 5);
}

static int wd[3];
static void
inotify_setup(void)
{
	mkdir("watched", 0755);
	EXPECT((fd = inotify_init1(IN_NONBLOCK)) >= 0);
	wd[0] = inotify_add_watch(fd, "watched", IN_CREATE);
}

static void
inotify_check(void)
{
	char buf[4096];
	const struct inotify_event *e = (const void *)buf;

	EXPECT(read(fd, buf, sizeof buf) == -1 && errno == EAGAIN);
	close(open("watched/new", O_CREAT | O_WRONLY, 0600));
	EXPECT(read(fd, buf, sizeof buf) > 0);
	EQUAL(e->wd, wd[0]);
	EXPECT(e->mask == IN_CREATE && strcmp(e->name, "new") == 0);
	EXPECT(inotify_rm_watch(fd, wd[0]) == 0);
}

static void
inotify_many_setup(void)
{
	EXPECT((fd = inotify_init1(IN_NONBLOCK)) >= 0);
	for (int i = 0; i < 3; i++) {
		char name[16];

		sprintf(name, "w%d", i);
		mkdir(name, 0755);
		EXPECT((wd[i] = inotify_add_watch(fd, name, IN_CREATE | IN_DELETE)) > 0);
	}
	EXPECT(inotify_rm_watch(fd, wd[1]) == 0);
	{
		char buf[4096];

		EXPECT(read(fd, buf, sizeof buf) > 0); /* IN_IGNORED */
	}
}

static void
inotify_many_check(void)
{
	char buf[4096];
	const struct inotify_event *e = (const void *)buf;

	unlink("w2/x");
	close(open("w2/x", O_CREAT | O_WRONLY, 0600));
	EXPECT(read(fd, buf, sizeof buf) > 0);
	EQUAL(e->wd, wd[2]);
	EXPECT(inotify_rm_watch(fd, wd[1]) == -1);
	EXPECT(inotify_rm_watch(fd, wd[0]) == 0);
}

static pid_t child;

static void
pidfd_setup(void)
{
	if ((child = fork()) == 0)
		for (;;)
			pause();
	EXPECT((fd = (int)syscall(SYS_pidfd_open, child, 0)) >= 0);
}

static void
pidfd_check(void)
{
	struct pollfd p = { fd, POLLIN, 0 };
	siginfo_t info;

	EXPECT(poll(&p, 1, 0) == 0);
	EXPECT(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) == 0);
	EXPECT(poll(&p, 1, 5000) == 1);
	EXPECT(waitid(P_PIDFD, (id_t)fd, &info, WEXITED) == 0);
	EQUAL(info.si_pid, child);
}

static void
namespace_setup(void)
{
	EXPECT((fd = open("/proc/self/ns/net", O_RDONLY)) >= 0);
}

static void
namespace_check(void)
{
	struct stat a, b;
	EXPECT(fstat(fd, &a) == 0 && stat("/proc/self/ns/net", &b) == 0);
	EXPECT(a.st_ino == b.st_ino && a.st_dev == b.st_dev);
}

const struct behaviour anonymous[] = {
	{ "eventfd_count", event_setup, event_check },
	{ "eventfd_semaphore", semaphore_setup, semaphore_check },
	{ "eventfd_large", event_large_setup, event_large_check },
	{ "epoll_level", epoll_setup, epoll_check },
	{ "epoll_edge", epoll_edge_setup, epoll_edge_check },
	{ "epoll_one_shot", epoll_oneshot_setup, epoll_edge_oneshot_check },
	{ "epoll_nested", epoll_nested_setup, epoll_nested_check },
	{ "epoll_100_entries", epoll_many_setup, epoll_many_check },
	{ "epoll_event_pending", epoll_pending_setup, epoll_pending_check },
	{ "timerfd_armed", timer_setup, timer_check },
	{ "timerfd_disarmed", timer_off_setup, timer_off_check },
	{ "timerfd_expired", timer_ticks_setup, timer_ticks_check },
	{ "timerfd_fires", timer_fires_setup, timer_fires_check },
	{ "signalfd_mask", signal_setup, signal_check },
	{ "inotify_directory", inotify_setup, inotify_check },
	{ "inotify_numbers", inotify_many_setup, inotify_many_check },
	{ "pidfd_child", pidfd_setup, pidfd_check },
	{ "namespace_own", namespace_setup, namespace_check },
	{ NULL, NULL, NULL },
};
