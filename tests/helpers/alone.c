/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * alone COMMAND [ARGUMENTS]: run it as on a machine of its own: in new pid,
 * IPC, network and mount namespaces, if we may make any.
 *
 * Several runs of the tests see nothing of each other then, not even terminals,
 * and what killed programs leave behind (semaphores, segments, processes) ends
 * with the run.  Whoever is left without a parent is waited for at once, which
 * some inits do only every few seconds: until then the dead have their numbers.
 */
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int
status_of(int status)
{
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void
set_up_loopback(void)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq lo = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &lo) != 0)
		perror("setting up lo");
	close(fd);
}

static void
mount_own(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 || mount("proc", "/proc", "proc", 0, NULL) != 0 ||
	    mount("tmpfs", "/dev/shm", "tmpfs", 0, NULL) != 0 ||
	    mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666,mode=0620,gid=5") != 0)
		perror("mounting");
}

/* Runs the command and waits for all, until it has ended. */
static int
be_init(char **command)
{
	pid_t first = fork(), pid;
	int status;

	if (first == 0) {
		execvp(command[0], command);
		perror(command[0]);
		_exit(127);
	}
	do
		pid = waitpid(-1, &status, 0);
	while (pid != first && (pid > 0 || errno == EINTR));
	return pid == first ? status_of(status) : 125;
}

int
main(int argc, char **argv)
{
	int status;
	pid_t init;

	if (argc < 2)
		return 125;
	if (unshare(CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWNS) != 0) {
		prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
		return be_init(argv + 1);
	}
	if ((init = fork()) == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);	/* and all of the namespace with it */
		mount_own();
		set_up_loopback();
		return be_init(argv + 1);
	}
	return init > 0 && waitpid(init, &status, 0) == init ? status_of(status) : 125;
}
