/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A pid namespace of its own, with a /proc of its own.
 *
 * Its first process is one of ours, that makes the tree and then waits for
 * whoever ends in there; or, if the root is number 1, it is the root, and one of
 * ours makes it and ends.
 */
#include <errno.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
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

/* A fork, but for what is new, or has the number; 0 any. */
static pid_t
fork_with(uint64_t flags, int *pidfd, pid_t number)
{
	struct { uint64_t flags, pidfd, unused[2], exit_signal, rest[3], set_tid, set_tid_size; } args = {
		.flags = flags | (pidfd != NULL ? CLONE_PIDFD : 0), .pidfd = (uintptr_t)pidfd,
		.exit_signal = SIGCHLD, .set_tid = number != 0 ? (uintptr_t)&number : 0,
		.set_tid_size = number != 0 };	/* clone3(2) */

	fflush(NULL);
	return (pid_t)syscall(SYS_clone3, &args, sizeof args);
}

static int
wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR) {
			report("waiting for pid %d: %s", (int)pid, strerror(errno));
			return EXIT_REFUSED;
		}
	return exit_status(status);
}

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

/* ---- ours is the first ---- */

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

	if (mount_proc() != 0 || (status = p->make(p->arg, 0, &root)) != EXIT_DONE)
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

/* Tell it, or there is nothing: what is killed takes all of its namespace with it. */
static int
finish_or_kill(pid_t first)
{
	int status = finish_output();

	if (status != EXIT_DONE) {
		kill(first, SIGKILL);
		wait_for(first);
	}
	return status;
}

static int
with_ours_first(struct pidns *p)
{
	int status;
	char c;
	pid_t pid;

	if (pipe(p->ready) != 0) {
		report("pipe: %s", strerror(errno));
		return EXIT_REFUSED;
	}
	if ((pid = fork_with(CLONE_NEWPID, NULL, 0)) < 0) {
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
	pass_signals_to(pid);
	if (p->detach && read(p->ready[0], &c, 1) == 1) {
		print_root(pid);
		return finish_or_kill(pid);
	}
	return wait_for(pid);
}

/* ---- the root is the first ---- */

static bool
has_users(const struct pidns *p)
{
	return p->users.map != NULL;
}

/* To the other end, which waits for that. */
static bool
tell(int way)
{
	return send(way, "", 1, MSG_NOSIGNAL) == 1;
}

static bool
is_told(int way)
{
	char c;

	return recv(way, &c, 1, 0) == 1;
}

/* In the first process: wait to become the root. */
static void
wait_as_root(const struct pidns *p, int way)
{
	struct snap_error err;
	bool ready = has_users(p) ? is_told(way) && users_begin(&p->users) : mount_proc() == 0;

	if (ready && tell(way))
		snap_restore_first(way, &err);
	_exit(EXIT_REFUSED);
}

static pid_t
fork_first(int *pidfd)
{
	return fork_with(CLONE_NEWPID, pidfd, 0);
}

static pid_t
fork_first_with_users(int *pidfd)
{
	return fork_with(CLONE_NEWUSER | CLONE_NEWPID, pidfd, 0);
}

/* The first process of a new namespace, and its /proc; the way to it, and a pidfd. */
static pid_t
begin_root(const struct pidns *p, int *way, int *pidfd)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
		report("socketpair: %s", strerror(errno));
		return -1;
	}
	pid = has_users(p) ? users_fork(&p->users, fork_first_with_users, pidfd) : fork_first(pidfd);
	if (pid == 0) {
		close(ends[0]);
		wait_as_root(p, ends[1]);
	}
	close(ends[1]);
	*way = ends[0];
	if (pid < 0)
		report("a new %s namespace: %s", has_users(p) ? "user and pid" : "pid", strerror(errno));
	else if ((has_users(p) && (!users_map(&p->users, pid) || !tell(ends[0]))) || !is_told(ends[0])) {
		report("the first process of a new pid namespace did not begin");
		kill(pid, SIGKILL);	/* nothing comes of the rest then */
	}
	return pid;
}

/* In that namespace, too. */
static pid_t
fork_beside(int pidfd, pid_t number)
{
	int own = (int)syscall(SYS_pidfd_open, getpid(), 0), e;
	pid_t pid = -1;

	if (own >= 0 && setns(pidfd, CLONE_NEWPID) == 0)
		pid = fork_with(0, NULL, number);
	e = errno;
	if (pid != 0 && own >= 0)
		setns(own, CLONE_NEWPID);
	errno = e;
	return pid;
}

/* Where the first process is, with the pids it sees in /proc. */
static bool
join(const struct pidns *p, int pidfd)
{
	if (has_users(p))
		return users_join(&p->users, pidfd);
	if (setns(pidfd, CLONE_NEWNS) != 0)
		report("the new mount namespace: %s", strerror(errno));
	else
		return true;
	return false;
}

/* It ends with us, and the root with it, unless that has been let go. */
static int
make_root(struct pidns *p, int way, int pidfd)
{
	pid_t pid = fork_beside(pidfd, p->maker), root;
	int status = EXIT_REFUSED;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (join(p, pidfd))
			status = p->make(p->arg, way, &root);
		fflush(NULL);
		_exit(status);
	}
	if (pid > 0) {
		pass_signals_to(pid);
		return wait_for(pid);
	}
	report("a process in the new pid namespace: %s", strerror(errno));
	return EXIT_REFUSED;
}

/* Of all of ours: it ends when nobody is left in there. */
static void
end_root(pid_t root)
{
	kill(root, SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static int
with_root_first(struct pidns *p)
{
	int way, pidfd;
	pid_t root = begin_root(p, &way, &pidfd);

	if (root < 0)
		return EXIT_REFUSED;
	if (make_root(p, way, pidfd) != EXIT_DONE) {
		end_root(root);
		return EXIT_REFUSED;
	}
	close(way);
	if (p->detach) {
		printf("%d\n", (int)root);
		return finish_or_kill(root);
	}
	pass_signals_to(root);
	return wait_for(root);
}

/* With a first process that is in a user namespace. */
static int
check_with_users(struct pidns *p)
{
	int way, pidfd, status;
	pid_t root = begin_root(p, &way, &pidfd);

	if (root < 0)
		return EXIT_REFUSED;
	status = make_root(p, way, pidfd);
	end_root(root);
	return status;
}

int
check_in_pidns(struct pidns *p)
{
	pid_t pid, root;
	int status;

	if (has_users(p))
		return check_with_users(p);
	if ((pid = fork_with(CLONE_NEWPID, NULL, 0)) == 0) {
		/* where it may change its root, we keep ours */
		status = mount_proc() == 0 ? p->make(p->arg, p->maker != 0, &root) : EXIT_REFUSED;
		fflush(NULL);
		_exit(status);
	}
	if (pid > 0)
		return wait_for(pid);
	report("a new pid namespace: %s", strerror(errno));
	return EXIT_REFUSED;
}

int
in_pidns(struct pidns *p)
{
	return p->maker != 0 ? with_root_first(p) : with_ours_first(p);
}
