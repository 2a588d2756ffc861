/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * How the first process begins: the root, or the helper it begins as.
 *
 * It is a copy of us, made with its number, that waits to be traced and told
 * what to become.  The first process of a pid namespace can only be made with
 * that: where the root is number 1, our caller has made it, and it waits in
 * snap_restore_first().
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/restore/linux/users.h"

#define TRACE_OPTIONS	(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | \
	PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL)

#define SUSPEND_SECCOMP	(1 << 21)	/* PTRACE_O_SUSPEND_SECCOMP, needs CAP_SYS_ADMIN */

/* What to become; with the common channel and the two seeds, in this order. */
struct orders {
	int		common_fd, seed_fd, last_fd;	/* as in struct restore */
	bool		is32;
	unsigned	layout;				/* flags of personality(2) */
	uint64_t	stack;				/* limit, 0 as it is */
};
#define ORDERS_FDS	3

/* ---- in the process itself ---- */

/* Ours, out of the way of the numbers they are to have. */
static int
take_fds(const struct cmsghdr *h, const struct orders *o, int fds[ORDERS_FDS])
{
	int got[ORDERS_FDS];

	if (h == NULL || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(sizeof got))
		return EPROTO;
	memcpy(got, CMSG_DATA(h), sizeof got);
	for (size_t i = 0; i < ORDERS_FDS; i++)
		if ((fds[i] = fcntl(got[i], F_DUPFD_CLOEXEC, o->last_fd + 1)) < 0)
			return errno;
	return 0;
}

/* To have its mounts for its own is asked for before its orders, if at all. */
static int
receive_orders(int socket, struct orders *o, int fds[ORDERS_FDS])
{
	union { struct cmsghdr h; uint8_t bytes[CMSG_SPACE(ORDERS_FDS * sizeof(int))]; } control;
	struct iovec io = { o, sizeof *o };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes,
	    .msg_controllen = sizeof control.bytes };
	ssize_t n;
	int e;

	while ((n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC)) == FIRST_COPY_MOUNTS) {
		e = unshare(CLONE_NEWNS) != 0 ? errno : 0;
		if (send(socket, &e, sizeof e, MSG_NOSIGNAL) != (ssize_t)sizeof e)
			return errno;
		m.msg_controllen = sizeof control.bytes;
	}
	if (n != (ssize_t)sizeof *o)
		return n < 0 ? errno : EPROTO;
	return take_fds(CMSG_FIRSTHDR(&m), o, fds);
}

/*
 * Everything of ours goes but the channel and the seeds.  The stack limit and
 * the layout flags must be as they were before the exec: they fix where new
 * mappings go, for good (restore-engine section 4).
 */
static int
become_seed(const struct orders *o, const int fds[ORDERS_FDS])
{
	char *const none[] = { NULL };
	struct sigaction dfl = { .sa_handler = SIG_DFL };
	struct rlimit rl;

	for (int sig = 1; sig <= 64; sig++)
		sigaction(sig, &dfl, NULL);
	if (dup2(fds[0], o->common_fd) < 0 || dup2(fds[1], o->seed_fd) < 0 || dup2(fds[2], o->seed_fd + 1) < 0)
		return errno;
	syscall(SYS_close_range, 0u, (unsigned)o->seed_fd - 1, 0u);
	syscall(SYS_close_range, (unsigned)o->last_fd + 1, ~0u, 0u);
	personality(o->layout);
	if (getrlimit(RLIMIT_STACK, &rl) == 0 && o->stack != 0 && o->stack <= rl.rlim_max) {
		rl.rlim_cur = (rlim_t)o->stack;
		setrlimit(RLIMIT_STACK, &rl);
	}
	syscall(SYS_execveat, o->seed_fd + o->is32, "", none, none, AT_EMPTY_PATH);
	return errno;
}

/* The numbers may be above its own limit; nothing is delivered before it is whole. */
int
snap_restore_first(int socket, struct snap_error *err)
{
	struct rlimit files;
	struct orders o;
	int fds[ORDERS_FDS], e;
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	if ((e = receive_orders(socket, &o, fds)) == 0)
		e = become_seed(&o, fds);
	errno = e;
	return error_io(err, 0, "becoming the root of a snapshot");
}

/* ---- and in us ---- */

static uint64_t
stack_limit(const Psnap__Process *p)
{
	for (size_t i = 0; i < p->n_limits; i++)
		if (p->limits[i]->kind == PSNAP__LIMIT_KIND__LIMIT_STACK && !p->limits[i]->soft_unlimited)
			return p->limits[i]->soft;
	return 0;
}

/* 0 or errno */
static int
send_orders(const struct restore *r, const struct target *t, int theirs, int socket)
{
	const int fds[ORDERS_FDS] = { theirs, r->seed[0], r->seed[1] };
	struct orders o = { .common_fd = r->common_fd, .seed_fd = r->seed_fd, .last_fd = r->last_fd,
	    .is32 = t->is32, .stack = stack_limit(t->p),
	    .layout = personality_bits(r, t) & (ADDR_LIMIT_3GB | ADDR_COMPAT_LAYOUT | ADDR_NO_RANDOMIZE) };
	struct iovec io = { &o, sizeof o };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };

	return descriptors_message(socket, &m, 0, fds, ORDERS_FDS, NULL) == (ssize_t)sizeof o ? 0 : errno;
}

static pid_t
clone_first(const struct target *t)
{
	pid_t pid = t->p->pid;
	struct clone_arguments a = { .exit_signal = SIGCHLD, .set_tid = (uintptr_t)&pid, .set_tid_size = 1 };
	long got = -1;

	for (int i = 0; i < TAKEN_TRIES; i++) {
		if ((got = syscall(SYS_clone3, &a, sizeof a)) >= 0 || errno != EEXIST)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = TAKEN_PAUSE_NS }, NULL);
	}
	return (pid_t)got;
}

/* A copy of us with its number, that waits at the other end of *socket. */
static int
make_first(struct restore *r, struct target *t, int *socket)
{
	struct remote *m = t->tasks[0].remote;
	int ends[2], e;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return restore_fail(r, t, t->id, errno, "making a socket pair");
	if ((m->tid = clone_first(t)) == 0) {
		close(ends[0]);		/* or it would not be told of our end */
		snap_restore_first(ends[1], NULL);
		_exit(98);
	}
	e = errno;
	close(ends[1]);
	*socket = ends[0];
	m->made = m->tid > 0;
	return m->made ? 0 : restore_fail(r, t, t->id, e, e == EEXIST ? "its number is taken" :
	    "making the process (clone3 with set_tid)");
}

/* The caller's, which is not ours to kill: it ends with us, and all of its namespace with it. */
static int
adopt_first(struct restore *r, struct target *t, int *socket)
{
	struct remote *m = t->tasks[0].remote;

	m->tid = t->p->pid;
	m->made = m->adopted = true;
	cpus_gather(r, m->tid);
	users_lift_limits(r, m->tid);
	if ((*socket = fcntl(r->p->o->first, F_DUPFD_CLOEXEC, 0)) < 0)
		return restore_fail(r, t, t->id, errno, "the way to the first process");
	return 0;
}

/* From its waiting to the first stop in the seed program. */
static int
start_seed(struct restore *r, struct target *t, int theirs, int socket)
{
	struct remote *m = t->tasks[0].remote;
	pid_t pid = m->tid;
	int status = 0, e;

	/* filters, once they are there, do not see what we do after */
	e = ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)(TRACE_OPTIONS | SUSPEND_SECCOMP)) != 0 &&
	    ptrace(PTRACE_SEIZE, pid, NULL, (void *)(long)TRACE_OPTIONS) != 0 ? errno : 0;
	if (e != 0 || (e = send_orders(r, t, theirs, socket)) != 0)
		return restore_fail(r, t, t->id, e, "tracing the new process");
	if ((e = task_wait(pid, &status)) != 0 || !WIFSTOPPED(status) ||
	    status >> 8 != (SIGTRAP | PTRACE_EVENT_EXEC << 8)) {
		m->made = e != 0 || WIFSTOPPED(status);	/* what was not told to have ended is to be killed */
		return restore_fail(r, t, t->id, -e, "the seed program did not start (status 0x%x)", (unsigned)status);
	}
	/* on to the end of the exec */
	if (ptrace(PTRACE_SYSCALL, pid, NULL, NULL) != 0 || (e = task_wait(pid, &status)) != 0)
		return restore_fail(r, t, t->id, e != 0 ? -e : errno, "starting the seed program");
	if ((e = task_get_regs(pid, &m->base)) != 0)
		return restore_fail(r, t, t->id, -e, "reading registers");
	t->host->spawned = true;
	t->host->mode32 = t->is32;
	if ((e = seed_layout(r, t)) != 0)
		return e;
	t->host->insn = t->host->layout.insn;
	return 0;
}

int
root_begin(struct restore *r, struct target *t, int theirs)
{
	int socket = -1, e;

	if (restore_list_add(r, &r->all, &t->tasks[0]) != 0)
		return restore_nomem(r);
	if ((e = r->p->o->first != 0 ? adopt_first(r, t, &socket) : make_first(r, t, &socket)) == 0)
		e = start_seed(r, t, theirs, socket);
	if (socket >= 0)
		close(socket);
	return e != 0 ? e : cgroups_join(r, t, NULL);
}
