/* SPDX-License-Identifier: BSD-2-Clause */
#include <sys/prctl.h>
#include <sys/socket.h>

#include "tests/behaviour/behave.h"

static const struct behaviour *const all[] = {
	anonymous, credentials, datagrams, file_locks, files, ipc, memory, mqueue, pipes, processes, raw, signals, sockets,
	tcp, terminals, threads, timers, waits,
};

void
fail(const char *file, int line, const char *what)
{
	printf("FAIL %s:%d: %s (errno %d: %s)\n", file, line, what, errno, strerror(errno));
	fflush(stdout);
	_exit(1);
}

void
equal(const char *file, int line, const char *what, long long got, long long want)
{
	if (got == want)
		return;
	printf("FAIL %s:%d: %s is %lld, not %lld\n", file, line, what, got, want);
	fflush(stdout);
	_exit(1);
}

double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

void
idle(double seconds)
{
	struct timespec t = { (time_t)seconds, (long)((seconds - (double)(time_t)seconds) * 1e9) };

	while (nanosleep(&t, &t) != 0)
		;
}

int
new_file(const char *name, const char *text)
{
	int fd = open(name, O_RDWR | O_CREAT | O_TRUNC, 0640);

	EXPECT(fd >= 0);
	EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	return fd;
}

void
set_option(int s, int level, int name, int value)
{
	EXPECT(setsockopt(s, level, name, &value, sizeof value) == 0);
}

int
get_option(int s, int level, int name)
{
	socklen_t len = sizeof(int);
	int value = -1;

	EXPECT(getsockopt(s, level, name, &value, &len) == 0);
	return value;
}

static void
run(const struct behaviour *b)
{
	sigset_t go;
	int sig;

	sigemptyset(&go);
	sigaddset(&go, SIGRTMAX);
	sigprocmask(SIG_BLOCK, &go, NULL);
	b->setup();
	puts("ready");
	fflush(stdout);
	if (sigwait(&go, &sig) != 0 || sig != SIGRTMAX)
		fail(__FILE__, __LINE__, "sigwait");
	b->check();
	puts("PASS");
	fflush(stdout);
	_exit(0);
}

/* In its folder and in a session of its own, as run.sh starts it. */
static void
start(const char *self, const char *name)
{
	int null = open("/dev/null", O_RDONLY), log, err;

	if (setsid() < 0 || chdir(name) != 0 || (log = open("log", O_WRONLY | O_CREAT | O_APPEND, 0644)) < 0 ||
	    (err = open("err", O_WRONLY | O_CREAT | O_TRUNC, 0644)) < 0)
		_exit(126);
	dup2(null, 0);
	dup2(log, 1);
	dup2(err, 2);
	close_range(3, ~0U, 0);
	execl(self, self, name, (char *)NULL);
	_exit(127);
}

/* The parent of all: one dump holds them, and whoever of theirs loses its parent. */
static int
hold(char **names)
{
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

	if (n < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
		return 1;
	self[n] = '\0';
	for (; *names != NULL; names++)
		if (fork() == 0)
			start(self, *names);
	for (;;)
		pause();
}

int
main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;

	if (argc > 2 && strcmp(argv[1], "--hold") == 0)
		return hold(argv + 2);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (const struct behaviour *b = all[i]; b->name != NULL; b++) {
			if (list)
				puts(b->name);
			else if (argc == 2 && strcmp(argv[1], b->name) == 0)
				run(b);
		}
	return list ? 0 : 2;
}
