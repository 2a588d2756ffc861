/* SPDX-License-Identifier: BSD-2-Clause */
/* File locks: who has them, by which descriptors, and who waits for one. */
#define _FILE_OFFSET_BITS 64	/* i386: locks anywhere */
#include <pthread.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

#define FAR	((off_t)5 << 30)	/* not in 32 bits */
#define MANY	1500	/* more than a page of them */

static int fd, fd2;
static pid_t child;

static int
set(int on, int command, short type, off_t start, off_t len)
{
	struct flock l = { .l_type = type, .l_whence = SEEK_SET, .l_start = start, .l_len = len };

	return fcntl(on, command, &l);
}

/* A child that does something, and stays until told to do another thing and end. */
static void
in_child(void (*first)(void), void (*then)(void))
{
	int up[2];
	char c;

	EXPECT(pipe(up) == 0);
	if ((child = fork()) == 0) {
		sigset_t go;
		int sig;

		sigemptyset(&go);
		sigaddset(&go, SIGUSR1);
		sigprocmask(SIG_BLOCK, &go, NULL);
		first();
		EXPECT(write(up[1], "", 1) == 1);
		sigwait(&go, &sig);
		if (then != NULL)
			then();
		_exit(0);
	}
	EXPECT(read(up[0], &c, 1) == 1);
	close(up[0]);
	close(up[1]);
}

static void
end_child(void)
{
	int status;

	EXPECT(kill(child, SIGUSR1) == 0 && waitpid(child, &status, 0) == child);
	EQUAL(status, 0);
}

/* Who has what bars a POSIX lock of ours there; 0 nobody, -1 an open file description. */
static pid_t
holder(off_t at, short type)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = at, .l_len = 1 };

	EXPECT(fcntl(fd, F_GETLK, &l) == 0);
	if (l.l_type == F_UNLCK)
		return 0;
	EQUAL(l.l_type, type);
	return l.l_pid;
}

/* ---- POSIX locks ---- */

static void
lock_tens(void)
{
	EXPECT(set(fd, F_SETLK, F_WRLCK, 10, 10) == 0);
}

/* By a description of its parent's, who has none. */
static void
child_setup(void)
{
	fd = new_file("lock_child", "text");
	in_child(lock_tens, NULL);
}

static void
child_check(void)
{
	EQUAL(holder(10, F_WRLCK), child);
	EQUAL(holder(19, F_WRLCK), child);
	EQUAL(holder(20, F_WRLCK), 0);
	end_child();
	EQUAL(holder(10, F_WRLCK), 0);
}

static void
expect_parent(void)
{
	EQUAL(holder(0, F_RDLCK), getppid());
	EQUAL(holder(30, F_WRLCK), getppid());
	EQUAL(holder(10, F_WRLCK), 0);
}

/* Each has its own, by the same description. */
static void
both_setup(void)
{
	fd = new_file("lock_both", "text");
	EXPECT(set(fd, F_SETLK, F_RDLCK, 0, 5) == 0 && set(fd, F_SETLK, F_WRLCK, 30, 0) == 0);
	in_child(lock_tens, expect_parent);
}

static void
both_check(void)
{
	EQUAL(holder(10, F_WRLCK), child);
	EQUAL(holder(0, F_RDLCK), 0);
	end_child();
}

/* It is the process's, whichever of its descriptors; this one cannot have taken it. */
static void
read_only_setup(void)
{
	fd2 = open("lock_read_only", O_RDONLY | O_CREAT, 0600);
	fd = open("lock_read_only", O_RDWR);
	lock_tens();
	EXPECT(dup(fd) >= 0);
}

static void
not_ours(void)
{
	EQUAL(holder(10, F_WRLCK), getppid());
}

static void
nothing(void)
{
}

static void
read_only_check(void)
{
	in_child(nothing, not_ours);
	end_child();
	EXPECT(close(fd2) == 0);	/* any of them */
	in_child(lock_tens, NULL);
	end_child();
}

static void
many_setup(void)
{
	fd = new_file("lock_many", "");
	for (int i = 0; i < MANY; i++)
		EXPECT(set(fd, F_SETLK, i % 2 ? F_RDLCK : F_WRLCK, 3 * i, 2) == 0);
}

static void
expect_many(void)
{
	for (int i = 0; i < MANY; i++) {
		EQUAL(holder(3 * i, i % 2 ? F_RDLCK : F_WRLCK), getppid());
		EQUAL(holder(3 * i + 2, 0), 0);
	}
}

static void
many_check(void)
{
	in_child(nothing, expect_many);
	end_child();
}

static void
far_setup(void)
{
	fd = new_file("lock_far", "");
	EXPECT(set(fd, F_SETLK, F_WRLCK, FAR, 1) == 0 && set(fd, F_SETLK, F_RDLCK, 1, FAR - 2) == 0);
}

static void
expect_far(void)
{
	EQUAL(holder(FAR, F_WRLCK), getppid());
	EQUAL(holder(FAR - 2, F_RDLCK), getppid());
	EQUAL(holder(FAR - 1, 0), 0);
	EQUAL(holder(FAR + 1, 0), 0);
}

static void
far_check(void)
{
	in_child(nothing, expect_far);
	end_child();
}

static char *map;

/* Nothing that the restored process closes is of that file. */
static void
mapped_setup(void)
{
	fd = new_file("lock_mapped", "mapped");
	map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	EXPECT(map != MAP_FAILED);
	lock_tens();
}

static void
mapped_check(void)
{
	EXPECT(memcmp(map, "mapped", 6) == 0);
	in_child(nothing, not_ours);
	end_child();
}

static void
deleted_setup(void)
{
	fd = new_file("lock_deleted", "gone");
	EXPECT(unlink("lock_deleted") == 0);
	in_child(lock_tens, NULL);
}

/* ---- waiting ---- */

static pthread_t waiter;
static volatile int result = -1;

static void
in_thread(void *(*fn)(void *))
{
	EXPECT(pthread_create(&waiter, NULL, fn, NULL) == 0);
	idle(0.15);	/* it is in its call by then */
	EQUAL(result, -1);
}

static void
expect_got(void)
{
	idle(0.05);
	EQUAL(result, -1);
	end_child();
	pthread_join(waiter, NULL);
	EQUAL(result, 0);
}

static void *
do_posix(void *a)
{
	result = set(fd, F_SETLKW, F_WRLCK, 15, 10);
	return a;
}

static void
wait_setup(void)
{
	fd = new_file("lock_wait", "");
	in_child(lock_tens, NULL);
	in_thread(do_posix);
}

static void
wait_check(void)
{
	expect_got();
	EQUAL(holder(15, F_WRLCK), 0);	/* not another's */
}

static void
hold_flock(void)
{
	fd2 = open("lock_flock_wait", O_RDWR);
	EXPECT(flock(fd2, LOCK_EX) == 0);
}

static void *
do_flock(void *a)
{
	result = flock(fd, LOCK_SH);
	return a;
}

static void
flock_wait_setup(void)
{
	fd = new_file("lock_flock_wait", "");
	in_child(hold_flock, NULL);
	in_thread(do_flock);
}

static void
hold_ofd(void)
{
	fd2 = open("lock_ofd_wait", O_RDWR);
	EXPECT(set(fd2, F_OFD_SETLK, F_WRLCK, 0, 0) == 0);
}

static void *
do_ofd(void *a)
{
	result = set(fd, F_OFD_SETLKW, F_WRLCK, 100, 1);
	return a;
}

static void
ofd_wait_setup(void)
{
	fd = new_file("lock_ofd_wait", "");
	in_child(hold_ofd, NULL);
	in_thread(do_ofd);
}

/* ---- of descriptions ---- */

/* It stays until the last descriptor goes. */
static void
ofd_shared_setup(void)
{
	fd = new_file("lock_ofd_shared", "");
	fd2 = dup(fd);
	EXPECT(set(fd, F_OFD_SETLK, F_WRLCK, 3, 4) == 0);
	in_child(nothing, NULL);
}

static void
ofd_shared_check(void)
{
	int other = open("lock_ofd_shared", O_RDWR);

	EXPECT(close(fd) == 0);
	EXPECT(set(other, F_OFD_SETLK, F_WRLCK, 6, 1) == -1 && errno == EAGAIN);
	EXPECT(close(fd2) == 0);
	EXPECT(set(other, F_OFD_SETLK, F_WRLCK, 6, 1) == -1 && errno == EAGAIN);
	end_child();
	EXPECT(set(other, F_OFD_SETLK, F_WRLCK, 6, 1) == 0);
}

/* Of one file in one process. */
static void
ofd_two_setup(void)
{
	fd = new_file("lock_ofd_two", "");
	fd2 = open("lock_ofd_two", O_RDWR);
	EXPECT(set(fd, F_OFD_SETLK, F_WRLCK, 0, 10) == 0 && set(fd2, F_OFD_SETLK, F_WRLCK, 10, 10) == 0);
	EXPECT(set(fd, F_OFD_SETLK, F_RDLCK, 20, 10) == 0 && set(fd2, F_OFD_SETLK, F_RDLCK, 20, 0) == 0);
}

static void
ofd_two_check(void)
{
	EXPECT(set(fd2, F_OFD_SETLK, F_RDLCK, 9, 1) == -1 && errno == EAGAIN);
	EXPECT(set(fd, F_OFD_SETLK, F_RDLCK, 10, 1) == -1 && errno == EAGAIN);
	EXPECT(set(fd, F_OFD_SETLK, F_WRLCK, 29, 1) == -1 && errno == EAGAIN);
	EXPECT(set(fd2, F_OFD_SETLK, F_WRLCK, 30, 0) == 0);
}

static void
close_it(void)
{
	EXPECT(close(fd) == 0);
}

static void
flock_shared_setup(void)
{
	fd = new_file("lock_flock_shared", "");
	EXPECT(flock(fd, LOCK_EX) == 0);
	in_child(nothing, close_it);
}

static void
flock_shared_check(void)
{
	int other = open("lock_flock_shared", O_RDWR);

	end_child();
	EXPECT(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
	EXPECT(close(fd) == 0 && flock(other, LOCK_SH | LOCK_NB) == 0);
}

/* None of them bars another: ranges are apart, and flock is of its own. */
static void
kinds_setup(void)
{
	fd = new_file("lock_kinds", "");
	lock_tens();
	EXPECT(flock(fd, LOCK_EX) == 0);
	EXPECT(set(fd, F_OFD_SETLK, F_WRLCK, 40, 10) == 0);
}

static void
expect_kinds(void)
{
	int other = open("lock_kinds", O_RDWR);

	EQUAL(holder(10, F_WRLCK), getppid());
	EQUAL(holder(40, F_WRLCK), -1);
	EXPECT(flock(other, LOCK_SH | LOCK_NB) == -1 && errno == EWOULDBLOCK);
}

static void
kinds_check(void)
{
	in_child(nothing, expect_kinds);
	end_child();
}

/* ---- leases ---- */

static void
lease_setup(void)
{
	fd = new_file("lock_lease", "");
	EXPECT(fcntl(fd, F_SETLEASE, F_WRLCK) == 0);
	in_child(nothing, NULL);
}

static void
lease_check(void)
{
	EQUAL(fcntl(fd, F_GETLEASE), F_WRLCK);
	end_child();
}

/* Told by the signal it has chosen when somebody wants to write. */
static volatile sig_atomic_t told;

static void
on_break(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	told = info->si_fd + 1;
}

static void
broken_setup(void)
{
	struct sigaction sa = { .sa_sigaction = on_break, .sa_flags = SA_SIGINFO | SA_RESTART };

	close(new_file("lock_broken", ""));
	fd = open("lock_broken", O_RDONLY);
	EXPECT(sigaction(SIGRTMIN + 3, &sa, NULL) == 0);
	EXPECT(fcntl(fd, F_SETSIG, SIGRTMIN + 3) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0);
}

static void
want_to_write(void)
{
	EXPECT(open("lock_broken", O_WRONLY | O_NONBLOCK) == -1 && errno == EWOULDBLOCK);
}

static void
broken_check(void)
{
	in_child(want_to_write, NULL);
	end_child();
	EQUAL(told, fd + 1);
	EXPECT(fcntl(fd, F_SETLEASE, F_UNLCK) == 0);
}

const struct behaviour file_locks[] = {
	{ "lock_posix_of_a_child", child_setup, child_check },
	{ "lock_posix_of_both", both_setup, both_check },
	{ "lock_posix_read_only_too", read_only_setup, read_only_check },
	{ "lock_posix_many", many_setup, many_check },
	{ "lock_posix_far", far_setup, far_check },
	{ "lock_posix_mapped", mapped_setup, mapped_check },
	{ "lock_posix_deleted", deleted_setup, child_check },
	{ "lock_posix_wait", wait_setup, wait_check },
	{ "lock_flock_wait", flock_wait_setup, expect_got },
	{ "lock_flock_shared", flock_shared_setup, flock_shared_check },
	{ "lock_ofd_wait", ofd_wait_setup, expect_got },
	{ "lock_ofd_shared", ofd_shared_setup, ofd_shared_check },
	{ "lock_ofd_two", ofd_two_setup, ofd_two_check },
	{ "lock_all_kinds", kinds_setup, kinds_check },
	{ "lock_lease_to_write", lease_setup, lease_check },
	{ "lock_lease_broken", broken_setup, broken_check },
	{ NULL, NULL, NULL },
};
