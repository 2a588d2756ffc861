/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Plain programs to dump: each mode has one thing in plenty.
 *
 *	target small		one process, asleep
 *	target fill MIB [N]	MIB of touched memory, half of it compressible; N children with the same
 *	target maps N		N mappings that cannot merge
 *	target threads N	N threads that count
 *	target idle N		N threads that count once a second
 *	target sleepers		threads that wait 1,000 seconds, each in another call
 *	target tree N FDS	N children with FDS open files each
 *	target sockets N PAIRS	N children with PAIRS pairs of unix sockets each
 *	target connections N	N TCP connections, both ends in one process, with a byte unread in each
 *	target storm N		N children that fork, map, open and close all the time
 *	target orphans N	N children, of a session and half of them of a group
 *				whose leaders are dead and gone
 *	target odd		a zombie child (exit status 42) and a stopped one
 *	target rights		descriptors under way in sockets, which are under way themselves
 *	target seccomp		a filter that kills whoever calls prctl
 *	target open PATH...	these open for appending
 *	target map PATH...	these mapped, and not open
 *
 * Prints "ready" when set up.  On SIGUSR1 it checks its state and prints
 * "alive" or what is wrong; children die with it.
 */
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/helpers/rights.h"

static const char *(*check)(void);

static void
fail(const char *what)
{
	perror(what);
	exit(1);
}

/* ---- fill ---- */

static uint64_t *filled;
static size_t filled_words;

/* xorshift64: every second word is random, the others their own number. */
static const char *
fill_walk(int write)
{
	uint64_t x = 88172645463325252, want;

	for (size_t i = 0; i < filled_words; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		want = i & 1 ? x : i;
		if (write)
			filled[i] = want;
		else if (filled[i] != want)
			return "memory changed";
	}
	return NULL;
}

static const char *
fill_check(void)
{
	return fill_walk(0);
}

static void
fill(size_t bytes)
{
	filled_words = bytes / sizeof *filled;
	filled = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (filled == MAP_FAILED)
		fail("mmap");
	fill_walk(1);
	check = fill_check;
}

/* ---- maps ---- */

static char *maps_base;
static size_t maps_count;

static const char *
maps_check(void)
{
	for (size_t i = 0; i < maps_count; i++)
		if (maps_base[i * 4096] != (char)(i % 251))
			return "a mapping changed";
	return NULL;
}

static void
maps(size_t count)
{
	maps_count = count;
	maps_base = mmap(NULL, count * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (maps_base == MAP_FAILED)
		fail("mmap");
	for (size_t i = 0; i < count; i++) {
		maps_base[i * 4096] = (char)(i % 251);
		/* every second one read-only: neighbours differ and do not merge */
		if (i & 1 && mprotect(maps_base + i * 4096, 4096, PROT_READ) != 0)
			fail("mprotect");
	}
	check = maps_check;
}

/* ---- threads ---- */

static atomic_uint_least64_t *counters;
static size_t thread_count;
static useconds_t period = 20000;

static void *
count_up(void *arg)
{
	atomic_uint_least64_t *c = arg;

	for (;;) {
		atomic_fetch_add(c, 1);
		usleep(period);
	}
	return NULL;
}

static const char *
threads_check(void)
{
	uint64_t *before = calloc(thread_count, sizeof *before);
	const char *wrong = NULL;

	for (size_t i = 0; i < thread_count; i++)
		before[i] = atomic_load(&counters[i]);
	usleep(period < 200000 ? 500000 : 3 * period);
	for (size_t i = 0; i < thread_count; i++)
		if (atomic_load(&counters[i]) == before[i])
			wrong = "a thread stands still";
	free(before);
	return wrong;
}

static void
threads(size_t count)
{
	pthread_attr_t attr;
	pthread_t t;

	thread_count = count;
	counters = calloc(count, sizeof *counters);
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	for (size_t i = 0; i < count; i++)
		if (pthread_create(&t, &attr, count_up, &counters[i]) != 0)
			fail("pthread_create");
	check = threads_check;
}

/* ---- sleepers ---- */

static const struct timespec long_time = { 1000, 0 };

static void *
sleep_plainly(void *arg)
{
	nanosleep(&long_time, NULL);
	return arg;
}

static void *
sleep_by_clock(void *arg)
{
	clock_nanosleep(CLOCK_BOOTTIME, 0, &long_time, NULL);
	return arg;
}

static void *
sleep_in_poll(void *arg)
{
	poll(NULL, 0, (int)long_time.tv_sec * 1000);
	return arg;
}

static void *
sleep_in_futex(void *arg)
{
	static int word;

#ifdef SYS_futex_time64
	syscall(SYS_futex_time64, &word, FUTEX_WAIT, 0, (int64_t[]){ long_time.tv_sec, 0 }, NULL, 0);
#else
	syscall(SYS_futex, &word, FUTEX_WAIT, 0, &long_time, NULL, 0);
#endif
	return arg;
}

static void
sleepers(void)
{
	void *(*const fn[])(void *) = { sleep_plainly, sleep_by_clock, sleep_in_poll, sleep_in_futex };
	pthread_t t;

	for (size_t i = 0; i < sizeof fn / sizeof *fn; i++)
		if (pthread_create(&t, NULL, fn[i], NULL) != 0)
			fail("pthread_create");
	usleep(200000);
}

/* ---- tree ---- */

static pid_t *children;
static int child_count;

static const char *
tree_check(void)
{
	for (int i = 0; i < child_count; i++)
		if (waitpid(children[i], NULL, WNOHANG) != 0)
			return "a child is gone";
	return NULL;
}

static void
child_body(pid_t root)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != root)
		_exit(0);
}

static void
open_files(int fds)
{
	for (int k = 3; k < fds; k++)
		open("/dev/null", O_RDWR);
}

static void
open_pairs(int pairs)
{
	int s[2];

	for (int k = 0; k < pairs; k++)
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, s) != 0)
			_exit(1);
}

/* ---- TCP connections ---- */

static int (*connections)[2], connection_count;

/* The byte under way arrives, and the next one is. */
static const char *
connections_hold(void)
{
	for (int i = 0; i < connection_count; i++) {
		char byte;

		if (recv(connections[i][1], &byte, 1, 0) != 1 || byte != (char)i)
			return "a connection has lost its byte";
		if (send(connections[i][0], &byte, 1, MSG_NOSIGNAL) != 1)
			return "a connection is broken";
	}
	return NULL;
}

static void
connect_all(int count)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	const struct rlimit room = { 2 * (rlim_t)count + 64, 2 * (rlim_t)count + 64 };
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	socklen_t len = sizeof a;

	setrlimit(RLIMIT_NOFILE, &room);
	connections = calloc((size_t)count, sizeof *connections);
	connection_count = count;
	if (bind(listener, (void *)&a, len) != 0 || listen(listener, 16) != 0 ||
	    getsockname(listener, (void *)&a, &len) != 0)
		fail("connections");
	for (int i = 0; i < count; i++) {
		char byte = (char)i;

		connections[i][0] = socket(AF_INET, SOCK_STREAM, 0);
		if (connect(connections[i][0], (void *)&a, len) != 0 ||
		    (connections[i][1] = accept(listener, NULL, NULL)) < 0 ||
		    send(connections[i][0], &byte, 1, 0) != 1)
			fail("connections");
	}
	check = connections_hold;
}

static void
tree(int count, void (*open_more)(int), int n)
{
	pid_t root = getpid();

	children = calloc((size_t)count, sizeof *children);
	child_count = count;
	for (int i = 0; i < count; i++) {
		if ((children[i] = fork()) != 0)
			continue;
		child_body(root);
		open_more(n);
		for (;;)
			pause();
	}
	usleep(200000);
	check = tree_check;
}

/* ---- storm ---- */

/* Its first page is what it was made with, whatever happened meanwhile. */
static void
storm_child(pid_t root)
{
	child_body(root);
	for (unsigned i = 1;; i++) {
		size_t size = 4096 * (size_t)(1 + i % 64);
		unsigned *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		int fd = open("/dev/null", O_RDWR), status;
		pid_t pid;

		if (p == MAP_FAILED || fd < 0)
			_exit(1);
		*p = i;
		if ((pid = fork()) == 0)
			_exit(*p == i && write(fd, p, 4) == 4 ? 42 : 1);
		if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 42)
			_exit(2);
		if (*p != i || close(fd) != 0 || munmap(p, size) != 0)
			_exit(3);
	}
}

static void
storm(int count)
{
	pid_t root = getpid();

	children = calloc((size_t)count, sizeof *children);
	child_count = count;
	for (int i = 0; i < count; i++)
		if ((children[i] = fork()) == 0)
			storm_child(root);
	check = tree_check;
}

/* ---- orphans ---- */

static pid_t session;

static const char *
orphans_check(void)
{
	for (int i = 0; i < child_count; i++)
		if (getsid(children[i]) != session)
			return "a child is in another session";
	return tree_check();
}

static void
make_orphans(int count, pid_t root, int tell)
{
	pid_t own;

	for (int i = 0; i < count; i++) {
		if (fork() != 0)
			continue;
		while (getppid() != root)
			usleep(1000);
		child_body(root);
		own = getpid();
		if (write(tell, &own, sizeof own) != sizeof own)
			_exit(1);
		for (;;)
			pause();
	}
}

static void
orphans(int count)
{
	pid_t root = getpid(), group;
	int told[2];

	children = calloc((size_t)count, sizeof *children);
	if (pipe(told) != 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) != 0)
		fail("prctl");
	if ((session = fork()) == 0) {
		setsid();
		make_orphans(count / 2, root, told[1]);
		if ((group = fork()) == 0) {
			setpgid(0, 0);
			make_orphans(count - count / 2, root, told[1]);
			_exit(0);
		}
		waitpid(group, NULL, 0);
		_exit(0);
	}
	waitpid(session, NULL, 0);
	while (child_count < count && read(told[0], &children[child_count], sizeof *children) == sizeof *children)
		child_count++;
	check = orphans_check;
}

/* ---- odd ---- */

static pid_t zombie, stopped;

static const char *
odd_check(void)
{
	char path[64], line[512];
	FILE *f;
	int status;

	snprintf(path, sizeof path, "/proc/%d/stat", (int)stopped);
	if ((f = fopen(path, "r")) == NULL || fgets(line, sizeof line, f) == NULL)
		return "the stopped child is gone";
	fclose(f);
	if (strstr(line, ") T ") == NULL)
		return "the stopped child runs";
	if (waitpid(zombie, &status, WNOHANG) != zombie)
		return "the zombie was taken";
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 42)
		return "the zombie's exit status changed";
	return NULL;
}

static void
odd(void)
{
	pid_t root = getpid();

	if ((zombie = fork()) == 0)
		_exit(42);
	if ((stopped = fork()) == 0) {
		child_body(root);
		for (;;)
			pause();
	}
	usleep(100000);
	kill(stopped, SIGSTOP);
	usleep(100000);
	check = odd_check;
}

/* ---- rights ---- */

static int queue;

/* What is taken out of one queue is where the next is looked for. */
static const char *
rights_check(void)
{
	static const size_t sizes[] = { 5, 4, 3 };
	int v[RIGHTS_MAX], from = queue;
	char text[8];
	size_t n;

	for (size_t i = 0; i < 3; i++) {
		if (rights_receive(from, text, sizeof text, MSG_PEEK, v, &n) != (ssize_t)sizes[i])
			return "a message is gone";
		if (n != 1)
			return "a descriptor under way is gone";
		from = v[0];
	}
	return NULL;
}

static void
rights(void)
{
	char text[] = "text";
	int s[2], carried = open("/dev/null", O_RDWR);

	for (size_t n = 3; n <= 5; n++) {
		if (socketpair(AF_UNIX, SOCK_DGRAM, 0, s) != 0 || rights_send(s[0], text, n, &carried, 1) != (ssize_t)n)
			fail("a message");
		close(carried);
		close(s[0]);
		carried = s[1];
	}
	queue = carried;
	check = rights_check;
}

/* ---- seccomp ---- */

static void
forbid_prctl(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { sizeof code / sizeof *code, code };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) != 0)
		fail("seccomp");
}

/* ---- open, map ---- */

#define HEAD		64

static struct {
	int		fd;		/* -1: mapped */
	const char	*map;
	char		head[HEAD];	/* how it began */
} file[64];
static int file_count;

static const char *
files_check(void)
{
	for (int i = 0; i < file_count; i++) {
		char now[HEAD] = { 0 };

		if (file[i].fd < 0)
			memcpy(now, file[i].map, HEAD);
		else if (pread(file[i].fd, now, HEAD, 0) < 0)
			return "a file cannot be read";
		if (memcmp(now, file[i].head, HEAD) != 0)
			return "a file changed";
	}
	return NULL;
}

static void
files(int count, char **paths, int mapped)
{
	for (int i = 0; i < count && i < 64; i++) {
		int fd = open(paths[i], mapped ? O_RDONLY : O_RDWR | O_APPEND);

		if (fd < 0 || pread(fd, file[i].head, HEAD, 0) < 0)
			fail(paths[i]);
		file[i].fd = mapped ? -1 : fd;
		if (mapped) {
			file[i].map = mmap(NULL, HEAD, PROT_READ, MAP_PRIVATE, fd, 0);
			close(fd);
			if (file[i].map == MAP_FAILED)
				fail("mmap");
		}
		file_count++;
	}
	check = files_check;
}

int
main(int argc, char **argv)
{
	const char *mode = argc > 1 ? argv[1] : "", *wrong;
	sigset_t usr1;
	int sig;

	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	sigprocmask(SIG_BLOCK, &usr1, NULL);

	if (strcmp(mode, "fill") == 0 && (argc == 3 || argc == 4)) {
		fill((size_t)strtoul(argv[2], NULL, 10) << 20);
		if (argc == 4)
			tree(atoi(argv[3]), open_files, 0);
	} else if (strcmp(mode, "sleepers") == 0 && argc == 2)
		sleepers();
	else if (strcmp(mode, "maps") == 0 && argc == 3)
		maps(strtoul(argv[2], NULL, 10));
	else if (strcmp(mode, "threads") == 0 && argc == 3)
		threads(strtoul(argv[2], NULL, 10));
	else if (strcmp(mode, "idle") == 0 && argc == 3) {
		period = 1000000;
		threads(strtoul(argv[2], NULL, 10));
	} else if (strcmp(mode, "tree") == 0 && argc == 4)
		tree(atoi(argv[2]), open_files, atoi(argv[3]));
	else if (strcmp(mode, "sockets") == 0 && argc == 4)
		tree(atoi(argv[2]), open_pairs, atoi(argv[3]));
	else if (strcmp(mode, "connections") == 0 && argc == 3)
		connect_all(atoi(argv[2]));
	else if (strcmp(mode, "storm") == 0 && argc == 3)
		storm(atoi(argv[2]));
	else if (strcmp(mode, "orphans") == 0 && argc == 3)
		orphans(atoi(argv[2]));
	else if (strcmp(mode, "odd") == 0 && argc == 2)
		odd();
	else if (strcmp(mode, "rights") == 0 && argc == 2)
		rights();
	else if (strcmp(mode, "seccomp") == 0 && argc == 2)
		forbid_prctl();
	else if (strcmp(mode, "open") == 0 || strcmp(mode, "map") == 0)
		files(argc - 2, argv + 2, mode[0] == 'm');
	else if (strcmp(mode, "small") != 0 || argc != 2)
		return 2;

	puts("ready");
	fflush(stdout);
	for (;;) {
		if (sigwait(&usr1, &sig) != 0)
			return 1;
		wrong = check != NULL ? check() : NULL;
		puts(wrong != NULL ? wrong : "alive");
		fflush(stdout);
	}
}
