/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pid namespace of its own, with a /proc of its own, whose first process we
 * are: it makes the tree and then waits for whoever ends in there.
 */
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

static volatile pid_t forward_to;

static void
pass_on(int sig)
{
	if (forward_to > 0)
		kill(forward_to, sig);
}

static void
pass_signals_to(pid_t pid)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = pass_on, .sa_flags = SA_RESTART };

	forward_to = pid;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &sa, NULL);
}

static int
exit_status(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* ---- inside ---- */

static int
mount_proc(void)
{
	/* what is mounted in here is nobody else's */
	if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
	    mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) {
		report("mounting /proc in a new namespace: %s", strerror(errno));
		return -1;
	}
	return 0;
}

/* Until nobody is left; the status is the root's. */
static int
wait_for_all(pid_t root)
{
	int status, result = EXIT_REFUSED;
	pid_t pid;

	pass_signals_to(root);
	while ((pid = wait(&status)) > 0 || errno == EINTR)
		if (pid == root) {
			result = exit_status(status);
			forward_to = 0;
		}
	return result;
}

static int
first_process(struct pidns *p)
{
	pid_t root;
	int status;

	if (mount_proc() != 0 || (status = p->make(p->arg, &root)) != EXIT_DONE)
		return EXIT_REFUSED;
	if (p->detach && (setsid() < 0 || write(p->ready[1], "", 1) != 1))
		return EXIT_REFUSED;
	close(p->ready[1]);
	if (p->detach) {
		/* whoever waits for our output is not to wait for us */
		freopen("/dev/null", "r", stdin);
		freopen("/dev/null", "w", stdout);
		freopen("/dev/null", "w", stderr);
	}
	return wait_for_all(root);
}

/* ---- outside ---- */

/* The root's number out here: the only child the first process has. */
static void
print_root(pid_t first)
{
	char path[64];
	FILE *f;
	int pid;

	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)first, (int)first);
	if ((f = fopen(path, "re")) == NULL)
		return;
	if (fscanf(f, "%d", &pid) == 1)
		printf("%d\n", pid);
	fclose(f);
}

int
in_pidns(struct pidns *p)
{
	struct { uint64_t flags, unused[3], exit_signal, rest[3]; } args = {	/* clone3(2) */
		.flags = CLONE_NEWPID, .exit_signal = SIGCHLD };
	int status;
	char c;
	pid_t pid;

	if (pipe(p->ready) != 0) {
		report("pipe: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	fflush(NULL);
	/* a fork, but for the namespace, which is the child's alone */
	if ((pid = (pid_t)syscall(SYS_clone3, &args, sizeof args)) < 0) {
		report("a new pid namespace: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	if (pid == 0) {
		close(p->ready[0]);
		status = first_process(p);
		fflush(NULL);
		_exit(status);
	}
	close(p->ready[1]);
	if (p->detach && read(p->ready[0], &c, 1) == 1) {
		print_root(pid);
		if ((status = finish_output()) != EXIT_DONE) {
			kill(pid, SIGKILL);	/* and with it all of the namespace */
			waitpid(pid, NULL, 0);
		}
		return status;
	}
	pass_signals_to(pid);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_REFUSED;
	return exit_status(status);
}
