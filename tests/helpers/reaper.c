/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * reaper COMMAND [ARGUMENTS]: run it as init would, waiting at once for
 * whoever is left without a parent.  Some inits only look every few seconds,
 * and until then a dead process has its number.
 *
 * If we may, in an IPC namespace of its own: what killed programs leave there
 * is nobody's, and every dump would look through it.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	pid_t command, pid;
	int status;

	(void)unshare(CLONE_NEWIPC);
	if (argc < 2 || prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0 || (command = fork()) < 0) {
		perror("reaper");
		return 125;
	}
	if (command == 0) {
		execvp(argv[1], argv + 1);
		perror(argv[1]);
		return 127;
	}
	do
		pid = waitpid(-1, &status, 0);
	while (pid != command && (pid > 0 || errno == EINTR));
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
