/* SPDX-License-Identifier: BSD-2-Clause */
/* POSIX message queues.  All run in one IPC namespace at a time: each has names of its own. */
#include <mqueue.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

#define SIZE	64	/* of a message */

static mqd_t q, other;
static char text[SIZE];

static mqd_t
new_queue(const char *name, int flags, long max)
{
	struct mq_attr a = { .mq_maxmsg = max, .mq_msgsize = SIZE };
	mqd_t fd;

	mq_unlink(name);
	fd = mq_open(name, O_CREAT | O_EXCL | flags, 0640, &a);
	EXPECT(fd >= 0);
	return fd;
}

static struct mq_attr
attributes(mqd_t fd)
{
	struct mq_attr a;

	EXPECT(mq_getattr(fd, &a) == 0);
	return a;
}

static void
put(mqd_t to, unsigned priority, const char *what)
{
	EXPECT(mq_send(to, what, strlen(what), priority) == 0);
}

/* The next one is this. */
static void
take(mqd_t from, unsigned priority, const char *what)
{
	unsigned p = ~0u;
	ssize_t n = mq_receive(from, text, sizeof text, &p);

	EQUAL(n, strlen(what));
	EQUAL(p, priority);
	EXPECT(memcmp(text, what, strlen(what)) == 0);
}

static void
none_left(mqd_t from)
{
	EQUAL(attributes(from).mq_curmsgs, 0);
}

static void
order_setup(void)
{
	q = new_queue("/behave-order", O_RDWR, 9);
	put(q, 3, "first of 3");
	put(q, 0, "first of 0");
	put(q, 32767, "the highest");
	put(q, 3, "second of 3");
	put(q, 0, "second of 0");
	put(q, 1, "one");
}

static void
order_check(void)
{
	EQUAL(attributes(q).mq_curmsgs, 6);
	take(q, 32767, "the highest");
	put(q, 3, "third of 3");
	take(q, 3, "first of 3");
	take(q, 3, "second of 3");
	take(q, 3, "third of 3");
	take(q, 1, "one");
	take(q, 0, "first of 0");
	take(q, 0, "second of 0");
	none_left(q);
	EXPECT(mq_unlink("/behave-order") == 0);
}

static void
lengths_setup(void)
{
	memset(text, 'm', sizeof text);
	q = new_queue("/behave-lengths", O_RDWR, 4);
	put(q, 0, "");
	EXPECT(mq_send(q, text, sizeof text, 0) == 0);
	put(q, 0, "x");
	put(q, 0, "");
}

static void
lengths_check(void)
{
	char whole[SIZE + 1] = { 0 };

	memset(whole, 'm', SIZE);
	take(q, 0, "");
	take(q, 0, whole);
	take(q, 0, "x");
	take(q, 0, "");
	none_left(q);
	EXPECT(mq_send(q, whole, SIZE + 1, 0) == -1 && errno == EMSGSIZE);
	EXPECT(mq_unlink("/behave-lengths") == 0);
}

static void
full_setup(void)
{
	q = new_queue("/behave-full", O_RDWR | O_NONBLOCK, 2);
	put(q, 5, "a");
	put(q, 5, "b");
}

static void
full_check(void)
{
	EXPECT(mq_send(q, "c", 1, 9) == -1 && errno == EAGAIN);
	take(q, 5, "a");
	put(q, 9, "c");
	take(q, 9, "c");
	take(q, 5, "b");
	EXPECT(mq_receive(q, text, sizeof text, NULL) == -1 && errno == EAGAIN);
	EXPECT(mq_unlink("/behave-full") == 0);
}

/* Nothing in it: its attributes are all there is. */
static void
empty_setup(void)
{
	q = new_queue("/behave-empty", O_RDWR, 7);
	EXPECT(fchown(q, 1001, 1002) == 0 && fchmod(q, 0622) == 0);
}

static void
empty_check(void)
{
	struct mq_attr a = attributes(q);
	struct stat st;

	EQUAL(a.mq_maxmsg, 7);
	EQUAL(a.mq_msgsize, SIZE);
	EQUAL(a.mq_flags, 0);
	EXPECT(fstat(q, &st) == 0);
	EQUAL(st.st_uid, 1001);
	EQUAL(st.st_gid, 1002);
	EQUAL(st.st_mode & 07777, 0622);
	none_left(q);
	other = mq_open("/behave-empty", O_RDWR);
	put(other, 1, "by its name");
	take(q, 1, "by its name");
	EXPECT(mq_unlink("/behave-empty") == 0);
}

/* Two descriptions, of which each can do one thing; one of them does not wait. */
static void
access_setup(void)
{
	q = new_queue("/behave-access", O_RDONLY, 3);
	other = mq_open("/behave-access", O_WRONLY | O_NONBLOCK);
	put(other, 2, "there");
}

static void
access_check(void)
{
	EXPECT(mq_send(q, "x", 1, 0) == -1 && errno == EBADF);
	EXPECT(mq_receive(other, text, sizeof text, NULL) == -1 && errno == EBADF);
	EQUAL(attributes(q).mq_flags, 0);
	EQUAL(attributes(other).mq_flags, O_NONBLOCK);
	EQUAL(fcntl(q, F_GETFD), FD_CLOEXEC);
	put(other, 1, "and here");
	take(q, 2, "there");
	take(q, 1, "and here");
	EXPECT(mq_unlink("/behave-access") == 0);
}

/* One description under two numbers. */
static void
shared_setup(void)
{
	q = new_queue("/behave-shared", O_RDWR, 3);
	other = dup(q);
	put(q, 0, "one");
}

static void
shared_check(void)
{
	struct mq_attr a = { .mq_flags = O_NONBLOCK };

	EXPECT(mq_setattr(q, &a, NULL) == 0);
	EQUAL(attributes(other).mq_flags, O_NONBLOCK);
	take(other, 0, "one");
	EXPECT(mq_unlink("/behave-shared") == 0);
}

/* Its name is gone, and then another's. */
static void
unlinked_setup(void)
{
	q = new_queue("/behave-unlinked", O_RDWR, 3);
	put(q, 4, "of the old");
	EXPECT(mq_unlink("/behave-unlinked") == 0);
	other = new_queue("/behave-unlinked", O_RDWR, 2);
	put(other, 6, "of the new");
}

static void
unlinked_check(void)
{
	struct stat st;

	EXPECT(fstat(q, &st) == 0 && st.st_nlink == 0);
	EXPECT(fstat(other, &st) == 0 && st.st_nlink == 1);
	EQUAL(attributes(q).mq_maxmsg, 3);
	EQUAL(attributes(other).mq_maxmsg, 2);
	take(q, 4, "of the old");
	take(other, 6, "of the new");
	EXPECT(mq_unlink("/behave-unlinked") == 0);
}

/* A child waits in its own process, and is sent a message. */
static pid_t child;

static void
child_setup(void)
{
	q = new_queue("/behave-child", O_RDWR, 3);
	if ((child = fork()) == 0) {
		take(q, 8, "for the child");
		_exit(17);
	}
	idle(0.15);
}

static void
child_check(void)
{
	int status;

	EXPECT(waitpid(child, &status, WNOHANG) == 0);
	put(q, 8, "for the child");
	EXPECT(waitpid(child, &status, 0) == child && WEXITSTATUS(status) == 17);
	none_left(q);
	EXPECT(mq_unlink("/behave-child") == 0);
}

/* ---- waiting ---- */

static pthread_t waiter;
static volatile ssize_t result = -1;
static double begun;

static void
in_thread(void *(*fn)(void *))
{
	begun = now();
	EXPECT(pthread_create(&waiter, NULL, fn, NULL) == 0);
	idle(0.15);	/* it is in its call by then */
	EQUAL(result, -1);
}

static void *
do_send(void *a)
{
	result = mq_send(q, "at last", 7, 7);
	return a;
}

static void
send_setup(void)
{
	q = new_queue("/behave-send", O_RDWR, 1);
	put(q, 1, "in the way");
	in_thread(do_send);
}

static void
send_check(void)
{
	EQUAL(result, -1);
	EQUAL(attributes(q).mq_curmsgs, 1);
	take(q, 1, "in the way");
	pthread_join(waiter, NULL);
	EQUAL(result, 0);
	take(q, 7, "at last");
	EXPECT(mq_unlink("/behave-send") == 0);
}

static void *
do_timed(void *a)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	t.tv_sec += 2;
	result = mq_timedreceive(q, text, sizeof text, NULL, &t) == -1 ? errno : 0;
	return a;
}

static void
timed_setup(void)
{
	q = new_queue("/behave-timed", O_RDWR, 1);
	in_thread(do_timed);
}

static void
timed_check(void)
{
	pthread_join(waiter, NULL);
	EQUAL(result, ETIMEDOUT);
	EXPECT(now() - begun >= 1.99);
	EXPECT(mq_unlink("/behave-timed") == 0);
}

static int epoll;

static void
epoll_setup(void)
{
	struct epoll_event e = { .events = EPOLLIN, .data.u64 = 77 };

	q = new_queue("/behave-epoll", O_RDWR, 3);
	epoll = epoll_create1(0);
	EXPECT(epoll_ctl(epoll, EPOLL_CTL_ADD, q, &e) == 0);
}

static void
epoll_check(void)
{
	struct epoll_event e;

	EQUAL(epoll_wait(epoll, &e, 1, 0), 0);
	put(q, 0, "x");
	EQUAL(epoll_wait(epoll, &e, 1, 0), 1);
	EQUAL(e.data.u64, 77);
	EXPECT(mq_unlink("/behave-epoll") == 0);
}

/* Open nowhere but in a message. */
static int pair[2];

static void
passed_setup(void)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } c = { .h = { .cmsg_len = CMSG_LEN(sizeof(int)),
	    .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS } };
	struct iovec iov = { (void *)(uintptr_t)"x", 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };

	q = new_queue("/behave-passed", O_RDWR, 3);
	put(q, 2, "inside");
	memcpy(CMSG_DATA(&c.h), &q, sizeof q);
	EXPECT(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	EXPECT(sendmsg(pair[0], &m, 0) == 1);
	EXPECT(mq_close(q) == 0 && mq_unlink("/behave-passed") == 0);
}

static void
passed_check(void)
{
	union { struct cmsghdr h; char room[CMSG_SPACE(sizeof(int))]; } c;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr m = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &c, .msg_controllen = sizeof c };

	EXPECT(recvmsg(pair[1], &m, 0) == 1);
	memcpy(&q, CMSG_DATA(&c.h), sizeof q);
	take(q, 2, "inside");
}

/* ---- being told ---- */

/* Nobody else can ask to be told. */
static void
is_taken(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };
	int status;

	if ((child = fork()) == 0)
		_exit(mq_notify(q, &none) == -1 && errno == EBUSY ? 0 : 1);
	EXPECT(waitpid(child, &status, 0) == child);
	EQUAL(status, 0);
}

static void
silent_setup(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };

	q = new_queue("/behave-silent", O_RDWR, 3);
	EXPECT(mq_notify(q, &none) == 0);
}

static void
silent_check(void)
{
	struct sigevent none = { .sigev_notify = SIGEV_NONE };

	is_taken();
	EXPECT(mq_notify(q, &none) == -1 && errno == EBUSY);
	put(q, 0, "x");
	EXPECT(mq_notify(q, &none) == 0);
	EXPECT(mq_unlink("/behave-silent") == 0);
}

const struct behaviour mqueue[] = {
	{ "mqueue_order", order_setup, order_check },
	{ "mqueue_lengths", lengths_setup, lengths_check },
	{ "mqueue_full", full_setup, full_check },
	{ "mqueue_empty", empty_setup, empty_check },
	{ "mqueue_access", access_setup, access_check },
	{ "mqueue_shared", shared_setup, shared_check },
	{ "mqueue_unlinked", unlinked_setup, unlinked_check },
	{ "mqueue_wait_in_a_child", child_setup, child_check },
	{ "mqueue_wait_to_send", send_setup, send_check },
	{ "mqueue_wait_timed", timed_setup, timed_check },
	{ "mqueue_epoll", epoll_setup, epoll_check },
	{ "mqueue_passed", passed_setup, passed_check },
	{ "mqueue_notify_silently", silent_setup, silent_check },
	{ NULL, NULL, NULL },
};
