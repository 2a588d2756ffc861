/* SPDX-License-Identifier: BSD-2-Clause */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "linux/posix_queue.h"

#define MQUEUE_MAGIC	0x19800202	/* statfs(2) */

bool
posix_queue_is(int fd)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fs.f_type == MQUEUE_MAGIC && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
}

/* ---- what is known of one ---- */

int
posix_queue_look(int fd, struct posix_queue_state *s)
{
	unsigned long long bytes;
	struct mq_attr a;
	char text[128];
	ssize_t n;

	if (mq_getattr(fd, &a) != 0 || (n = pread(fd, text, sizeof text - 1, 0)) < 0)
		return errno;
	text[n] = '\0';
	*s = (struct posix_queue_state){ .max_messages = (uint32_t)a.mq_maxmsg,
	    .message_size = (uint32_t)a.mq_msgsize, .count = (size_t)a.mq_curmsgs };
	if (sscanf(text, "QSIZE:%llu NOTIFY:%d SIGNO:%d NOTIFY_PID:%d", &bytes, &s->notify, &s->signal,
	    &s->notified) != 4)
		return EPROTO;
	s->bytes = bytes;
	return 0;
}

/* ---- messages ---- */

/*
 * What is out of the queue, in memory that we and the process that takes and
 * puts have in common.  Each step is noted after it was made: a process that
 * was killed has made one more than it noted, or not, which the queue tells.
 */
struct transfer {
	int		fd;
	const struct posix_queue_state *before;
	struct posix_message *v;
	uint8_t		*data;		/* room for all, and one of the longest behind them */
	volatile size_t	taken, put, used;
	volatile bool	all_taken;
	volatile int	error;		/* of taking */
};

static void
note_taken(struct transfer *t, size_t len)
{
	t->v[t->taken].len = len;
	t->v[t->taken].data = t->data + t->used;
	t->used += len;
	t->taken++;
}

static void
take(struct transfer *t)
{
	while (t->taken < t->before->count && t->used <= t->before->bytes) {
		ssize_t n = mq_receive(t->fd, (char *)t->data + t->used, t->before->message_size,
		    &t->v[t->taken].priority);

		if (n < 0) {
			t->error = errno;
			break;
		}
		note_taken(t, (size_t)n);
	}
	t->all_taken = true;
}

/* There is room for what was there: a failure is for want of memory, and for the moment. */
static void
put_back(struct transfer *t)
{
	while (t->put < t->taken) {
		const struct posix_message *m = &t->v[t->put];

		if (mq_send(t->fd, (const char *)m->data, m->len, m->priority) == 0)
			t->put++;
		else if (errno == EAGAIN || errno == EBADF)
			break;	/* others have filled it */
	}
}

static int
take_and_put_back(void *arg)
{
	take(arg);
	put_back(arg);
	return 0;
}

/* After the other process was killed.  Of one priority those that were there first are put back first: all must be out. */
static void
go_on(struct transfer *t)
{
	struct posix_queue_state now;
	size_t there = t->before->count - t->taken + t->put;

	if (posix_queue_look(t->fd, &now) != 0)
		return;
	if (!t->all_taken && now.count + 1 == there)
		note_taken(t, (size_t)(t->before->bytes - t->used - now.bytes));
	else if (t->all_taken && now.count == there + 1)
		t->put++;
	if (!t->all_taken)
		take(t);
	put_back(t);
	t->error = EINTR;
}

#define STACK	(64u << 10)

static int
transfer(struct transfer *t)
{
	uint8_t *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	sigset_t all, old;
	int status = 0;
	pid_t pid;

	if (stack == MAP_FAILED)
		return errno;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &old);
	/* a copy of what the dump holds would take long */
	pid = clone(take_and_put_back, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, t);
	if (pid < 0)
		t->error = errno;
	else
		while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
			;
	sigprocmask(SIG_SETMASK, &old, NULL);
	munmap(stack, STACK);
	if (WIFSIGNALED(status))
		go_on(t);
	return t->error;
}

int
posix_queue_read(int fd, const struct posix_queue_state *s, struct posix_message **messages)
{
	struct transfer t = { .fd = fd, .before = s };
	struct posix_queue_state after;
	size_t head = s->count * sizeof *t.v;
	int e;

	if (s->bytes > SIZE_MAX / 2 - head - s->message_size ||
	    (t.v = calloc(1, head + (size_t)s->bytes + s->message_size)) == NULL)
		return ENOMEM;
	t.data = (uint8_t *)t.v + head;
	e = transfer(&t);
	if (e == 0 && (t.put != s->count || t.used != s->bytes || posix_queue_look(fd, &after) != 0 ||
	    after.count != s->count || after.bytes != s->bytes))
		e = EBUSY;
	if (e == 0)
		*messages = t.v;
	else
		free(t.v);
	return e;
}

/* ---- who uses it ---- */

/* fds: /proc/PID/fd; of who cannot be looked at nothing is known. */
static bool
has_open(const char *fds, const struct stat *queue)
{
	DIR *dir = opendir(fds);
	bool found = false;
	struct dirent *x;
	struct stat st;

	while (dir != NULL && !found && (x = readdir(dir)) != NULL)
		found = fstatat(dirfd(dir), x->d_name, &st, 0) == 0 && st.st_ino == queue->st_ino &&
		    st.st_dev == queue->st_dev;
	if (dir != NULL)
		closedir(dir);
	return found;
}

bool
posix_queue_is_used(const struct stat *queue, bool (*ours)(const void *arg, pid_t pid), const void *arg)
{
	DIR *proc = opendir("/proc");
	bool found = false;
	struct dirent *x;
	char path[32];

	while (proc != NULL && !found && (x = readdir(proc)) != NULL) {
		pid_t pid = (pid_t)strtol(x->d_name, NULL, 10);

		if (pid <= 0 || ours(arg, pid))
			continue;
		snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
		found = has_open(path, queue);
	}
	if (proc != NULL)
		closedir(proc);
	return found;
}
