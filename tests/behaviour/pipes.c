/* SPDX-License-Identifier: BSD-2-Clause */
/* Pipes and FIFOs. */
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

static int fds[2], other[2];
static char buf[70000];

static void
expect_bytes(int fd, const char *want)
{
	ssize_t n = read(fd, buf, sizeof buf);

	EXPECT(n == (ssize_t)strlen(want) && memcmp(buf, want, strlen(want)) == 0);
}

static void
data_setup(void)
{
	EXPECT(pipe(fds) == 0);
	EXPECT(write(fds[1], "unread data", 11) == 11);
}

static void
data_check(void)
{
	expect_bytes(fds[0], "unread data");
	EXPECT(write(fds[1], "more", 4) == 4);
	expect_bytes(fds[0], "more");
}

static void
full_setup(void)
{
	EXPECT(pipe2(fds, O_NONBLOCK) == 0);
	while (write(fds[1], buf, 4096) > 0)
		;
}

static void
full_check(void)
{
	EXPECT(write(fds[1], buf, 1) == -1 && errno == EAGAIN);
	ssize_t n, all = 0;
	while ((n = read(fds[0], buf, sizeof buf)) > 0)
		all += n;
	EQUAL(all, 65536);
}

static void
size_setup(void)
{
	EXPECT(pipe(fds) == 0 && fcntl(fds[1], F_SETPIPE_SZ, 131072) == 131072);
	memset(buf, 'a', sizeof buf);
	EXPECT(write(fds[1], buf, sizeof buf) == sizeof buf);
}

static void
size_check(void)
{
	int n;
	EQUAL(fcntl(fds[0], F_GETPIPE_SZ), 131072);
	EXPECT(ioctl(fds[0], FIONREAD, &n) == 0);
	EQUAL(n, sizeof buf);
}

static void
eof_setup(void)
{
	EXPECT(pipe(fds) == 0);
	EXPECT(write(fds[1], "last", 4) == 4);
	close(fds[1]);
}

static void
eof_check(void)
{
	expect_bytes(fds[0], "last");
	EQUAL(read(fds[0], buf, 1), 0);
}

static void
epipe_setup(void)
{
	EXPECT(pipe(fds) == 0);
	close(fds[0]);
	signal(SIGPIPE, SIG_IGN);
}

static void
epipe_check(void)
{
	EXPECT(write(fds[1], "x", 1) == -1 && errno == EPIPE);
}

static void
nonblock_setup(void)
{
	EXPECT(pipe(fds) == 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static void
nonblock_check(void)
{
	EXPECT(read(fds[0], buf, 1) == -1 && errno == EAGAIN);
	EQUAL(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
}

static void
dup_setup(void)
{
	EXPECT(pipe(fds) == 0);
	other[0] = dup(fds[0]);
	other[1] = dup(fds[1]);
}

static void
dup_check(void)
{
	EXPECT(write(other[1], "via dup", 7) == 7);
	expect_bytes(other[0], "via dup");
	close(fds[1]);
	close(other[1]);
	EQUAL(read(fds[0], buf, 1), 0);
}

static void
two_setup(void)
{
	EXPECT(pipe(fds) == 0 && pipe(other) == 0);
	EXPECT(write(fds[1], "one", 3) == 3 && write(other[1], "two", 3) == 3);
}

static void
two_check(void)
{
	expect_bytes(other[0], "two");
	expect_bytes(fds[0], "one");
}

static pid_t child;

/* Echoes in upper case until end of file. */
static void
child_setup(void)
{
	EXPECT(pipe(fds) == 0 && pipe(other) == 0);
	if ((child = fork()) == 0) {
		char c;

		close(fds[1]);
		close(other[0]);
		while (read(fds[0], &c, 1) == 1) {
			c = (char)(c - 32);
			EXPECT(write(other[1], &c, 1) == 1);
		}
		_exit(7);
	}
	close(fds[0]);
	close(other[1]);
}

static void
child_check(void)
{
	int status;

	EXPECT(write(fds[1], "abc", 3) == 3);
	for (int i = 0; i < 3; i++) {
		EXPECT(read(other[0], buf, 1) == 1);
		EQUAL(buf[0], "ABC"[i]);
	}
	close(fds[1]);
	EXPECT(waitpid(child, &status, 0) == child);
	EQUAL(WEXITSTATUS(status), 7);
	EQUAL(read(other[0], buf, 1), 0);
}

static void
fifo_setup(void)
{
	unlink("fifo");
	EXPECT(mkfifo("fifo", 0600) == 0);
	EXPECT((fds[0] = open("fifo", O_RDONLY | O_NONBLOCK)) >= 0 && (fds[1] = open("fifo", O_WRONLY)) >= 0);
	EXPECT(write(fds[1], "in a fifo", 9) == 9);
}

static void
fifo_check(void)
{
	expect_bytes(fds[0], "in a fifo");
	close(fds[1]);
	EQUAL(read(fds[0], buf, 1), 0);
}

static void
fifo_both_setup(void)
{
	unlink("fifo2");
	EXPECT(mkfifo("fifo2", 0600) == 0);
	EXPECT((fds[0] = open("fifo2", O_RDWR)) >= 0);
	EXPECT(write(fds[0], "both", 4) == 4);
}

static void
fifo_both_check(void)
{
	expect_bytes(fds[0], "both");
}

static void
packet_setup(void)
{
	EXPECT(pipe2(fds, O_DIRECT) == 0);
	EXPECT(write(fds[1], "first", 5) == 5);
}

static void
packet_check(void)
{
	EXPECT(write(fds[1], "second", 6) == 6);
	expect_bytes(fds[0], "first");
	expect_bytes(fds[0], "second");
}

static void
reopened_setup(void)
{
	char path[40];
	EXPECT(pipe(fds) == 0);
	sprintf(path, "/proc/self/fd/%d", fds[0]);
	EXPECT((other[0] = open(path, O_RDONLY | O_NONBLOCK)) >= 0);
}

static void
reopened_check(void)
{
	EXPECT(write(fds[1], "r", 1) == 1);
	expect_bytes(other[0], "r");
	EXPECT(read(other[0], buf, 1) == -1 && errno == EAGAIN);
	EQUAL(fcntl(fds[0], F_GETFL) & O_NONBLOCK, 0);
}

const struct behaviour pipes[] = {
	{ "pipe_unread_data", data_setup, data_check },
	{ "pipe_full", full_setup, full_check },
	{ "pipe_capacity", size_setup, size_check },
	{ "pipe_end_of_file", eof_setup, eof_check },
	{ "pipe_reader_gone", epipe_setup, epipe_check },
	{ "pipe_nonblocking_end", nonblock_setup, nonblock_check },
	{ "pipe_duplicated", dup_setup, dup_check },
	{ "pipe_two", two_setup, two_check },
	{ "pipe_with_child", child_setup, child_check },
	{ "pipe_fifo", fifo_setup, fifo_check },
	{ "pipe_fifo_both_ways", fifo_both_setup, fifo_both_check },
	{ "pipe_packets", packet_setup, packet_check },
	{ "pipe_reopened", reopened_setup, reopened_check },
	{ NULL, NULL, NULL },
};
