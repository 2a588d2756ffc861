/* SPDX-License-Identifier: BSD-2-Clause */
#include "tests/behaviour/behave.h"

static const struct behaviour *const all[] = {
	anonymous, credentials, files, ipc, memory, pipes, processes, signals, sockets, tcp, terminals, threads, timers,
	waits,
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

int
main(int argc, char **argv)
{
	bool list = argc == 2 && strcmp(argv[1], "--list") == 0;

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		for (const struct behaviour *b = all[i]; b->name != NULL; b++) {
			if (list)
				puts(b->name);
			else if (argc == 2 && strcmp(argv[1], b->name) == 0)
				run(b);
		}
	return list ? 0 : 2;
}
