/* SPDX-License-Identifier: BSD-2-Clause */
/* Ptys of the program's own. */
#include <fcntl.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>

#include "tests/behaviour/behave.h"

static int master, slave;
static char name[64], buf[256];

static void
pty_setup(void)
{
	EXPECT(openpty(&master, &slave, name, NULL, NULL) == 0);
}

static void
pty_check(void)
{
	EXPECT(write(master, "line\n", 5) == 5);
	EXPECT(read(slave, buf, sizeof buf) == 5 && memcmp(buf, "line\n", 5) == 0);
	EXPECT(strcmp(ttyname(slave), name) == 0);
	EQUAL(fcntl(slave, F_GETFD), 0);
}

static void
raw_setup(void)
{
	struct termios t;

	pty_setup();
	tcgetattr(slave, &t);
	cfmakeraw(&t);
	t.c_cc[VMIN] = 3;
	t.c_cc[VTIME] = 7;
	cfsetspeed(&t, B9600);
	EXPECT(tcsetattr(slave, TCSANOW, &t) == 0);
}

static void
raw_check(void)
{
	struct termios t;

	EXPECT(tcgetattr(slave, &t) == 0);
	EXPECT(!(t.c_lflag & (ICANON | ECHO)) && !(t.c_oflag & OPOST));
	EQUAL(t.c_cc[VMIN], 3);
	EQUAL(t.c_cc[VTIME], 7);
	EQUAL(cfgetospeed(&t), B9600);
}

static void
size_setup(void)
{
	struct winsize w = { 33, 99, 0, 0 };
	pty_setup();
	EXPECT(ioctl(master, TIOCSWINSZ, &w) == 0);
}

static void
size_check(void)
{
	struct winsize w;
	EXPECT(ioctl(slave, TIOCGWINSZ, &w) == 0);
	EQUAL(w.ws_row, 33);
	EQUAL(w.ws_col, 99);
}

static pid_t child;

/* A child that leads a session on the slave: interrupts typed at the master reach it. */
static volatile sig_atomic_t interrupted;
static void
on_int(int sig)
{
	interrupted = sig;
}

static void
control_setup(void)
{
	char c;
	int fds[2];

	EXPECT(pipe(fds) == 0);
	child = forkpty(&master, NULL, NULL, NULL);
	EXPECT(child >= 0);
	if (child == 0) {
		signal(SIGINT, on_int);
		EXPECT(write(fds[1], "x", 1) == 1);
		while (!interrupted)
			idle(0.01);
		_exit(tcgetpgrp(0) == getpid() ? 9 : 1);
	}
	EXPECT(read(fds[0], &c, 1) == 1);
}

static void
control_check(void)
{
	int status;

	EXPECT(write(master, "\003", 1) == 1);
	EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 9);
}

static int others[3][2];
static void
three_setup(void)
{
	for (int i = 0; i < 3; i++)
		EXPECT(openpty(&others[i][0], &others[i][1], NULL, NULL, NULL) == 0);
}

static void
three_check(void)
{
	for (int i = 0; i < 3; i++) {
		char c = (char)('a' + i), line[2] = { c, '\n' };
		EXPECT(write(others[i][0], line, 2) == 2);
		EXPECT(read(others[i][1], buf, sizeof buf) == 2 && buf[0] == c);
	}
}

static void
nonblock_setup(void)
{
	pty_setup();
	fcntl(master, F_SETFL, O_RDWR | O_NONBLOCK);
}

static void
nonblock_check(void)
{
	EXPECT(read(master, buf, 1) == -1 && errno == EAGAIN);
	EQUAL(fcntl(slave, F_GETFL) & O_NONBLOCK, 0);
}

static void
twice_setup(void)
{
	pty_setup();
	EXPECT((others[0][0] = open(name, O_RDWR | O_NOCTTY)) >= 0);
}

static void
twice_check(void)
{
	EXPECT(write(others[0][0], "out", 3) == 3);
	EXPECT(read(master, buf, sizeof buf) == 3);
}

/* A child that reads from its controlling terminal by /dev/tty. */
static void
role_setup(void)
{
	int fds[2], fd;
	char c;

	EXPECT(pipe(fds) == 0);
	EXPECT((child = forkpty(&master, NULL, NULL, NULL)) >= 0);
	if (child == 0) {
		EXPECT((fd = open("/dev/tty", O_RDWR)) >= 0);
		EXPECT(write(fds[1], "x", 1) == 1);
		EXPECT(read(fd, &c, 1) == 1 && write(fd, "seen", 4) == 4);
		_exit(c);
	}
	EXPECT(read(fds[0], &c, 1) == 1);
}

static void
role_check(void)
{
	int status;

	EXPECT(write(master, "A\n", 2) == 2);
	EXPECT(waitpid(child, &status, 0) == child && WIFEXITED(status));
	EQUAL(WEXITSTATUS(status), 'A');
	for (ssize_t n = 0, got; n < 7; n += got)
		EXPECT((got = read(master, buf + n, sizeof buf - (size_t)n)) > 0);
	EXPECT(memcmp(buf, "A\r\nseen", 7) == 0);
}

const struct behaviour terminals[] = {
	{ "terminal_pty", pty_setup, pty_check },
	{ "terminal_raw_modes", raw_setup, raw_check },
	{ "terminal_size", size_setup, size_check },
	{ "terminal_controlling", control_setup, control_check },
	{ "terminal_three", three_setup, three_check },
	{ "terminal_nonblocking", nonblock_setup, nonblock_check },
	{ "terminal_opened_twice", twice_setup, twice_check },
	{ "terminal_by_role", role_setup, role_check },
	{ NULL, NULL, NULL },
};
