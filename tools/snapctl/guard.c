/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

static volatile int cancel;
static volatile pid_t guard;

static void
on_cancel(int sig)
{
	(void)sig;
	cancel = 1;
}

static void
pass_on(int sig)
{
	(void)sig;
	if (guard > 0)
		kill(guard, SIGTERM);
}

static void
handle(int sig, void (*handler)(int))
{
	struct sigaction sa = { .sa_handler = handler, .sa_flags = SA_RESTART };

	sigaction(sig, &sa, NULL);
}

/* Out of reach of the terminal and of signals meant for snapctl's group. */
static void
become_guard(pid_t parent)
{
	handle(SIGTERM, on_cancel);
	handle(SIGINT, SIG_IGN);
	handle(SIGHUP, SIG_IGN);
	handle(SIGQUIT, SIG_IGN);
	handle(SIGPIPE, SIG_IGN);
	setsid();
	prctl(PR_SET_NAME, "snap-guard");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	if (getppid() != parent)
		cancel = 1;
}

int
guarded(int (*fn)(void *arg, const volatile int *cancel), void *arg)
{
	pid_t self = getpid();
	int status;

	fflush(NULL);
	handle(SIGINT, pass_on);
	handle(SIGTERM, pass_on);
	handle(SIGHUP, pass_on);
	if ((guard = fork()) < 0) {
		report("fork: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	if (guard == 0) {
		become_guard(self);
		status = fn(arg, &cancel);
		fflush(NULL);
		_exit(status);
	}
	while (waitpid(guard, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_REFUSED;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	report("the guard process was killed by signal %d", WTERMSIG(status));
	return EXIT_REFUSED;
}
