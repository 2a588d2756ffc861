/* SPDX-License-Identifier: BSD-2-Clause */
/* Trees, sessions, groups, zombies, limits, attributes. */
#include <pthread.h>
#include <sched.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "tests/behaviour/behave.h"

static pid_t child, other, own;
static int fds[2];

static void
forever(void)
{
	for (;;)
		pause();
}

static void
pid_setup(void)
{
	own = getpid();
}

static void
pid_check(void)
{
	EQUAL(getpid(), own);
	EQUAL(syscall(SYS_gettid), own);
}

static void
child_setup(void)
{
	if ((child = fork()) == 0)
		forever();
}

static void
child_check(void)
{
	int st;
	EXPECT(kill(child, SIGTERM) == 0);
	EXPECT(waitpid(child, &st, 0) == child);
	EXPECT(WIFSIGNALED(st) && WTERMSIG(st) == SIGTERM);
}

static void
exits_setup(void)
{
	EXPECT(pipe(fds) == 0);
	if ((child = fork()) == 0) {
		char c;

		_exit(read(fds[0], &c, 1) == 1 && getppid() == own ? 33 : 1);
	}
}

static void
exits_start(void)
{
	own = getpid();
	exits_setup();
}

static void
exits_check(void)
{
	int st;
	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(waitpid(child, &st, 0) == child && WIFEXITED(st));
	EQUAL(WEXITSTATUS(st), 33);
}

static void
grandchild_setup(void)
{
	EXPECT(pipe(fds) == 0);
	if ((child = fork()) == 0) {
		if ((other = fork()) == 0)
			forever();
		EXPECT(write(fds[1], &other, sizeof other) == sizeof other);
		forever();
	}
	EXPECT(read(fds[0], &other, sizeof other) == sizeof other);
}

static pid_t
parent_of(pid_t pid)
{
	char path[40], line[256];
	int ppid = -1;
	FILE *f;

	sprintf(path, "/proc/%d/status", (int)pid);
	EXPECT((f = fopen(path, "r")) != NULL);
	while (fgets(line, sizeof line, f) != NULL)
		sscanf(line, "PPid: %d", &ppid);
	fclose(f);
	return ppid;
}

static void
grandchild_check(void)
{
	EQUAL(parent_of(other), child);
	EQUAL(parent_of(child), getpid());
	kill(other, SIGKILL);
	kill(child, SIGKILL);
}

static void
zombie_setup(void)
{
	if ((child = fork()) == 0)
		_exit(42);
	idle(0.1);
}

static void
zombie_check(void)
{
	int st;
	EXPECT(waitpid(child, &st, 0) == child && WIFEXITED(st));
	EQUAL(WEXITSTATUS(st), 42);
}

static void
zombie_signal_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	kill(child, SIGUSR1);
	idle(0.1);
}

static void
zombie_signal_check(void)
{
	int st;
	EXPECT(waitpid(child, &st, 0) == child && WIFSIGNALED(st));
	EQUAL(WTERMSIG(st), SIGUSR1);
}

/* What its second thread ended the process with, its first one had ended alone. */
static void *
ends_the_process(void *first)
{
	EXPECT(pthread_join(*(pthread_t *)first, NULL) == 0);
	_exit(42);
}

static void
zombie_of_threads_setup(void)
{
	static pthread_t first, second;

	if ((child = fork()) == 0) {
		first = pthread_self();
		EXPECT(pthread_create(&second, NULL, ends_the_process, &first) == 0);
		pthread_exit(NULL);
	}
	EXPECT(waitid(P_PID, (id_t)child, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
}

static void
zombie_killed_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	kill(child, SIGKILL);
	idle(0.1);
}

static void
zombie_killed_check(void)
{
	int st;
	EXPECT(waitpid(child, &st, 0) == child && WIFSIGNALED(st));
	EQUAL(WTERMSIG(st), SIGKILL);
}

static volatile sig_atomic_t chlds;
static void
on_child(int sig)
{
	(void)sig;
	chlds++;
}

/* The parent heard of its zombie before the dump, and must not hear of it again. */
static void
zombie_quiet_setup(void)
{
	signal(SIGCHLD, on_child);
	if ((child = fork()) == 0)
		_exit(1);
	while (chlds == 0)
		idle(0.01);
}

static void
zombie_quiet_check(void)
{
	idle(0.05);
	EQUAL(chlds, 1);
	EXPECT(waitpid(child, NULL, 0) == child);
}

static void
stopped_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	kill(child, SIGSTOP);
	EXPECT(waitpid(child, NULL, WUNTRACED) == child);
}

static void
stopped_check(void)
{
	char path[40], buf[256];
	int f, st;

	sprintf(path, "/proc/%d/stat", (int)child);
	f = open(path, O_RDONLY);
	EXPECT(read(f, buf, sizeof buf) > 0 && strstr(buf, ") T ") != NULL);
	kill(child, SIGCONT);
	EXPECT(waitpid(child, &st, WCONTINUED) == child);
	kill(child, SIGKILL);
}

static void
session_setup(void)
{
	if ((child = fork()) == 0) {
		setsid();
		forever();
	}
	idle(0.05);
}

static void
session_check(void)
{
	EQUAL(getsid(child), child);
	EQUAL(getpgid(child), child);
	EQUAL(getsid(0), own);
	kill(child, SIGKILL);
}

static void
session_start(void)
{
	own = getsid(0);
	session_setup();
}

static void
group_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	EXPECT(setpgid(child, child) == 0);
	if ((other = fork()) == 0)
		forever();
	EXPECT(setpgid(other, child) == 0);
	own = getpgrp();
}

static void
group_check(void)
{
	EQUAL(getpgid(child), child);
	EQUAL(getpgid(other), child);
	EQUAL(getpgrp(), own);
	EXPECT(kill(-child, SIGKILL) == 0);
}

static void
group_dead_leader_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	EXPECT(setpgid(child, child) == 0);
	if ((other = fork()) == 0)
		forever();
	EXPECT(setpgid(other, child) == 0);
	kill(child, SIGKILL);
	idle(0.05); /* a zombie, whose number names the group still */
}

static void
group_dead_leader_check(void)
{
	EQUAL(getpgid(other), child);
	kill(other, SIGKILL);
}

/* The leader of a group goes to another one, others stay in its own. */
static void
group_moved_leader_setup(void)
{
	if ((child = fork()) == 0)
		forever();
	EXPECT(setpgid(child, child) == 0);
	if ((other = fork()) == 0)
		forever();
	EXPECT(setpgid(other, child) == 0);
	EXPECT(setpgid(child, getpgrp()) == 0);
}

static void
group_moved_leader_check(void)
{
	EQUAL(getpgid(other), child);
	EQUAL(getpgid(child), getpgrp());
	kill(other, SIGKILL);
	kill(child, SIGKILL);
}

static void
tree_setup(void)
{
	for (int i = 0; i < 30; i++)
		if (fork() == 0) {
			if (i % 3 == 0 && fork() == 0)
				forever();
			forever();
		}
	idle(0.1);
}

static void
tree_check(void)
{
	int n = 0;
	char path[64];
	FILE *f;
	int c;
	sprintf(path, "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "r");
	while (fscanf(f, "%d", &c) == 1) {
		n++;
		kill(c, SIGKILL);
	}
	EQUAL(n, 30);
}

static void
limit_setup(void)
{
	struct rlimit r = { 123, 456 };
	EXPECT(setrlimit(RLIMIT_NOFILE, &r) == 0);
}

static void
limit_check(void)
{
	struct rlimit r;
	EXPECT(getrlimit(RLIMIT_NOFILE, &r) == 0);
	EQUAL(r.rlim_cur, 123);
	EQUAL(r.rlim_max, 456);
}

static void
limit_stack_setup(void)
{
	struct rlimit r;
	getrlimit(RLIMIT_STACK, &r);
	r.rlim_cur = 3 << 20;
	EXPECT(setrlimit(RLIMIT_STACK, &r) == 0);
}

static void
limit_stack_check(void)
{
	struct rlimit r;
	EXPECT(getrlimit(RLIMIT_STACK, &r) == 0);
	EQUAL(r.rlim_cur, 3 << 20);
}

static void
limit_memory_setup(void)
{
	struct rlimit r = { 64 << 20, 64 << 20 };
	EXPECT(setrlimit(RLIMIT_AS, &r) == 0);
}

static void
limit_memory_check(void)
{
	struct rlimit r;
	EXPECT(getrlimit(RLIMIT_AS, &r) == 0);
	EQUAL(r.rlim_cur, 64 << 20);
}

static void
limit_core_setup(void)
{
	struct rlimit r = { 0, 0 };
	EXPECT(setrlimit(RLIMIT_CORE, &r) == 0);
	r.rlim_cur = r.rlim_max = 100000;
	EXPECT(setrlimit(RLIMIT_CPU, &r) == 0);
}

static void
limit_core_check(void)
{
	struct rlimit r;
	EXPECT(getrlimit(RLIMIT_CORE, &r) == 0 && r.rlim_max == 0);
	EXPECT(getrlimit(RLIMIT_CPU, &r) == 0);
	EQUAL(r.rlim_cur, 100000);
}

static void
nice_setup(void)
{
	EXPECT(setpriority(PRIO_PROCESS, 0, 7) == 0);
}

static void
nice_check(void)
{
	EQUAL(getpriority(PRIO_PROCESS, 0), 7);
}

static void
batch_setup(void)
{
	struct sched_param p = { 0 };
	EXPECT(sched_setscheduler(0, SCHED_BATCH, &p) == 0);
}

static void
batch_check(void)
{
	EQUAL(sched_getscheduler(0), SCHED_BATCH);
}

static void
idle_setup(void)
{
	struct sched_param p = { 0 };
	EXPECT(sched_setscheduler(0, SCHED_IDLE | SCHED_RESET_ON_FORK, &p) == 0);
}

static void
idle_check(void)
{
	EQUAL(sched_getscheduler(0), SCHED_IDLE | SCHED_RESET_ON_FORK);
}

static void
affinity_setup(void)
{
	cpu_set_t s;
	CPU_ZERO(&s);
	CPU_SET(0, &s);
	EXPECT(sched_setaffinity(0, sizeof s, &s) == 0);
}

static void
affinity_check(void)
{
	cpu_set_t s;
	EXPECT(sched_getaffinity(0, sizeof s, &s) == 0);
	EXPECT(CPU_COUNT(&s) == 1 && CPU_ISSET(0, &s));
}

static void
ioprio_setup(void)
{
	EXPECT(syscall(SYS_ioprio_set, 1, 0, 2 << 13 | 6) == 0);
}

static void
ioprio_check(void)
{
	EQUAL(syscall(SYS_ioprio_get, 1, 0), 2 << 13 | 6);
}

static void
personality_setup(void)
{
	EXPECT(personality((unsigned long)personality(0xffffffff) | ADDR_NO_RANDOMIZE) >= 0);
}

static void
personality_check(void)
{
	EXPECT(personality(0xffffffff) & ADDR_NO_RANDOMIZE);
}

static void
subreaper_setup(void)
{
	EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
}

static void
subreaper_check(void)
{
	int v = 0;
	EXPECT(prctl(PR_GET_CHILD_SUBREAPER, &v) == 0);
	EQUAL(v, 1);
}

/* The root's own goes with its parent. */
static void
pdeathsig_setup(void)
{
	EXPECT(pipe(fds) == 0);
	if ((child = fork()) == 0) {
		int v = 0;
		char c;

		prctl(PR_SET_PDEATHSIG, SIGUSR2);
		_exit(read(fds[0], &c, 1) == 1 && prctl(PR_GET_PDEATHSIG, &v) == 0 ? v : 0);
	}
	idle(0.05);
}

static void
pdeathsig_check(void)
{
	int st;

	EXPECT(write(fds[1], "x", 1) == 1);
	EXPECT(waitpid(child, &st, 0) == child);
	EQUAL(WEXITSTATUS(st), SIGUSR2);
}

static void
slack_setup(void)
{
	EXPECT(prctl(PR_SET_TIMERSLACK, 123456) == 0);
}

static void
slack_check(void)
{
	EQUAL(prctl(PR_GET_TIMERSLACK), 123456);
}

static void
dumpable_setup(void)
{
	EXPECT(prctl(PR_SET_DUMPABLE, 0) == 0);
}

static void
dumpable_check(void)
{
	EQUAL(prctl(PR_GET_DUMPABLE), 0);
}

static void
oom_setup(void)
{
	int f = open("/proc/self/oom_score_adj", O_WRONLY);
	EXPECT(write(f, "321", 3) == 3);
	close(f);
}

static void
oom_check(void)
{
	char b[16] = "";
	int f = open("/proc/self/oom_score_adj", O_RDONLY);
	EXPECT(read(f, b, 15) > 0);
	EQUAL(atoi(b), 321);
}

static void
membarrier_setup(void)
{
	EXPECT(syscall(SYS_membarrier, 1 << 4, 0, 0) == 0);
}

static void
membarrier_check(void)
{
	EXPECT(syscall(SYS_membarrier, 1 << 3, 0, 0) == 0);
}

static void
vfork_shares_setup(void)
{
	own = getpid();
	/* a child on the same descriptor table */
	child = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		forever();
}

static void
vfork_shares_check(void)
{
	char path[64];
	int fd = open("/dev/null", O_RDONLY);

	sprintf(path, "/proc/%d/fd/%d", (int)child, fd);
	EXPECT(access(path, F_OK) == 0);
	kill(child, SIGKILL);
}

static void
fs_shares_setup(void)
{
	child = (pid_t)syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (child == 0)
		forever();
}

static void
fs_shares_check(void)
{
	char path[64], link[64] = "";
	EXPECT(chdir("/") == 0);
	sprintf(path, "/proc/%d/cwd", (int)child);
	EXPECT(readlink(path, link, 63) == 1 && link[0] == '/');
	kill(child, SIGKILL);
}

static void
exit_signal_setup(void)
{
	child = (pid_t)syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
	if (child == 0)
		forever();
	signal(SIGUSR1, on_child);
}

static void
exit_signal_check(void)
{
	kill(child, SIGKILL);
	while (chlds == 0)
		idle(0.01);
	EXPECT(waitpid(child, NULL, __WALL) == child);
}

/* ---- leaders that are dead and gone, and orphans ---- */

/* Where a process is among the others. */
static struct place {
	pid_t	pid, parent, group, session;
} members[8];
static int nmembers;
static int go_on[2];

/* Whoever is orphaned stays in the tree. */
static void
begin_members(void)
{
	EXPECT(pipe(fds) == 0);
	EXPECT(pipe(go_on) == 0);
	EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
	own = getpid();
}

/* In a member: n tells which it is; once it may go on it ends with that status. */
static void
stay(int n)
{
	struct place m = { .pid = getpid(), .group = n };
	char c;

	EXPECT(write(fds[1], &m, sizeof m) == sizeof m);
	_exit(read(go_on[0], &c, 1) == 1 ? 40 + n : 1);
}

static void
member(int n)
{
	if (fork() == 0)
		stay(n);
}

/* In a process that ends when those it made are there: its number stays theirs. */
static void
wait_for_child(pid_t pid)
{
	EXPECT(waitpid(pid, NULL, 0) == pid);
}

/* Everyone is in place. */
static void
look_at_members(int n)
{
	struct place m;

	for (nmembers = 0; nmembers < n; nmembers++) {
		EXPECT(read(fds[0], &m, sizeof m) == sizeof m);
		members[m.group] = m;
	}
	for (int i = 0; i < n; i++) {
		members[i].parent = parent_of(members[i].pid);
		members[i].group = getpgid(members[i].pid);
		members[i].session = getsid(members[i].pid);
	}
}

/* The same, and their parent hears of their end. */
static void
members_check(void)
{
	int st;

	for (int i = 0; i < nmembers; i++) {
		EQUAL(parent_of(members[i].pid), members[i].parent);
		EQUAL(getpgid(members[i].pid), members[i].group);
		EQUAL(getsid(members[i].pid), members[i].session);
	}
	EXPECT(write(go_on[1], "12345678", (size_t)nmembers) == nmembers);
	for (int i = 0; i < nmembers; i++) {
		if (members[i].parent != own)
			continue;
		EXPECT(waitpid(members[i].pid, &st, 0) == members[i].pid && WIFEXITED(st));
		EQUAL(WEXITSTATUS(st), 40 + i);
	}
}

static void
group_gone_leader_setup(void)
{
	group_dead_leader_setup();
	wait_for_child(child);
}

static void
session_gone_leader_setup(void)
{
	begin_members();
	if ((child = fork()) == 0) {
		setsid();
		member(0);
		_exit(0);
	}
	wait_for_child(child);
	look_at_members(1);
	EQUAL(members[0].session, child);
	EQUAL(members[0].parent, own);
}

static void
session_zombie_leader_setup(void)
{
	begin_members();
	if ((child = fork()) == 0) {
		setsid();
		member(0);
		_exit(3);
	}
	look_at_members(1);
	while (parent_of(members[0].pid) != own)
		idle(0.01);
	members[0].parent = own;
}

static void
session_zombie_leader_check(void)
{
	int st;

	members_check();
	EXPECT(waitpid(child, &st, 0) == child && WIFEXITED(st));
	EQUAL(WEXITSTATUS(st), 3);
}

/* Groups and a second session in one, of all of which the leaders are gone. */
static void
gone_leaders_nested_setup(void)
{
	begin_members();
	if ((child = fork()) == 0) {
		setsid();
		member(0);
		if ((other = fork()) == 0) {
			setpgid(0, 0);
			member(1);
			_exit(0);
		}
		wait_for_child(other);
		if ((other = fork()) == 0) {
			setsid();
			member(2);
			if ((other = fork()) == 0) {
				setpgid(0, 0);
				member(3);
				stay(4);
			}
			_exit(0);
		}
		wait_for_child(other);
		_exit(0);
	}
	wait_for_child(child);
	look_at_members(5);
	EQUAL(members[0].group, child);
	EXPECT(members[1].session == child && members[1].group != child && members[1].parent == own);
	EXPECT(members[2].session != child && members[2].group == members[2].session);
	EXPECT(members[3].group == members[4].pid && members[3].parent == members[4].pid);
	EXPECT(members[3].session == members[2].session && members[4].parent == own);
}

/* What a shell leaves in the background, once whoever began it is gone. */
static void
orphan_of_live_session_setup(void)
{
	begin_members();
	if ((child = fork()) == 0) {
		setsid();
		if ((other = fork()) == 0) {
			setpgid(0, 0);
			member(1);
			_exit(0);
		}
		wait_for_child(other);
		stay(0);
	}
	look_at_members(2);
	EXPECT(members[1].session == child && members[1].group != child);
	EQUAL(members[1].parent, own);
}

/* One was orphaned before its grandparent took in such, the other after. */
static void
orphans_of_two_setup(void)
{
	int up[2], down[2];
	char c;

	begin_members();
	EXPECT(pipe(up) == 0 && pipe(down) == 0);
	if ((child = fork()) == 0) {
		if ((child = fork()) == 0) {
			setsid();
			if ((other = fork()) == 0) {
				member(0);
				_exit(0);
			}
			wait_for_child(other);
			EXPECT(write(up[1], "x", 1) == 1 && read(down[0], &c, 1) == 1);
			member(1);
			_exit(0);
		}
		EXPECT(read(up[0], &c, 1) == 1);
		EXPECT(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
		EXPECT(write(down[1], "x", 1) == 1);
		wait_for_child(child);
		stay(2);
	}
	look_at_members(3);
	EQUAL(members[0].parent, own);
	EQUAL(members[1].parent, child);
	EQUAL(members[2].pid, child);
	EXPECT(members[0].session == members[1].session && members[0].session != members[2].session);
}

/* Made before its parent, and that one's parent, led sessions of their own. */
static void
session_of_birth_setup(void)
{
	begin_members();
	if ((child = fork()) == 0) {
		if (fork() == 0) {
			member(0);
			setsid();
			stay(1);
		}
		idle(0.05);
		setsid();
		stay(2);
	}
	look_at_members(3);
	EXPECT(members[0].session == getsid(0) && members[0].parent == members[1].pid);
	EXPECT(members[1].session == members[1].pid && members[1].parent == child);
}

const struct behaviour processes[] = {
	{ "process_pid", pid_setup, pid_check },
	{ "process_child_killed_after", child_setup, child_check },
	{ "process_child_exits_after", exits_start, exits_check },
	{ "process_grandchild", grandchild_setup, grandchild_check },
	{ "process_zombie", zombie_setup, zombie_check },
	{ "process_zombie_by_signal", zombie_signal_setup, zombie_signal_check },
	{ "process_zombie_of_threads", zombie_of_threads_setup, zombie_check },
	{ "process_zombie_killed", zombie_killed_setup, zombie_killed_check },
	{ "process_zombie_heard_once", zombie_quiet_setup, zombie_quiet_check },
	{ "process_stopped", stopped_setup, stopped_check },
	{ "process_session", session_start, session_check },
	{ "process_group", group_setup, group_check },
	{ "process_group_zombie_leader", group_dead_leader_setup, group_dead_leader_check },
	{ "process_group_moved_leader", group_moved_leader_setup, group_moved_leader_check },
	{ "process_group_gone_leader", group_gone_leader_setup, group_dead_leader_check },
	{ "process_session_gone_leader", session_gone_leader_setup, members_check },
	{ "process_session_zombie_leader", session_zombie_leader_setup, session_zombie_leader_check },
	{ "process_session_of_birth", session_of_birth_setup, members_check },
	{ "process_gone_leaders_nested", gone_leaders_nested_setup, members_check },
	{ "process_orphan_of_live_session", orphan_of_live_session_setup, members_check },
	{ "process_orphans_of_two_subreapers", orphans_of_two_setup, members_check },
	{ "process_tree_of_40", tree_setup, tree_check },
	{ "process_limit_open_files", limit_setup, limit_check },
	{ "process_limit_stack", limit_stack_setup, limit_stack_check },
	{ "process_limit_address_space", limit_memory_setup, limit_memory_check },
	{ "process_limit_core_cpu", limit_core_setup, limit_core_check },
	{ "process_nice", nice_setup, nice_check },
	{ "process_batch", batch_setup, batch_check },
	{ "process_idle_reset_on_fork", idle_setup, idle_check },
	{ "process_cpu_affinity", affinity_setup, affinity_check },
	{ "process_io_priority", ioprio_setup, ioprio_check },
	{ "process_personality", personality_setup, personality_check },
	{ "process_subreaper", subreaper_setup, subreaper_check },
	{ "process_parent_death_signal", pdeathsig_setup, pdeathsig_check },
	{ "process_timer_slack", slack_setup, slack_check },
	{ "process_not_dumpable", dumpable_setup, dumpable_check },
	{ "process_oom_score", oom_setup, oom_check },
	{ "process_membarrier", membarrier_setup, membarrier_check },
	{ "process_shared_descriptors", vfork_shares_setup, vfork_shares_check },
	{ "process_shared_cwd", fs_shares_setup, fs_shares_check },
	{ "process_exit_signal", exit_signal_setup, exit_signal_check },
	{ NULL, NULL, NULL },
};
