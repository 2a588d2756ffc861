/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Stopping a tree of processes, and letting it go as it was.
 *
 * Tasks are seized and interrupted, never signalled.  A process whose tasks
 * are all stopped cannot make new ones, so the tree is complete when a pass
 * over tasks and children finds nothing new.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/regs.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP	128
#endif
#define SUSPEND_SECCOMP		(1 << 21)	/* PTRACE_O_SUSPEND_SECCOMP, needs CAP_SYS_ADMIN */
#define STOP_TIMEOUT_MS		5000

/* ---- seizing ---- */

static int
explain_seize(struct dump *d, struct proc *p, pid_t tid, int e)
{
	char path[48], status[4096];
	uint64_t tracer;

	snprintf(path, sizeof path, "task/%d/status", (int)tid);
	if (proc_read_small(p, path, status, sizeof status) > 0 &&
	    (tracer = field_number(status, "TracerPid", 10)) != 0)
		return dump_fail(d, GLUE_E_BUSY, 0, p, "is traced by pid %d: detach that first", (int)tracer);
	if (e == EPERM)
		return dump_fail(d, GLUE_E_DENIED, e, p,
		    "may not be traced: dump as root or as its owner (see ptrace_scope in ptrace(2))");
	return dump_fail(d, e == ESRCH ? GLUE_E_GONE : GLUE_E_SYSTEM, e, p, "seizing thread %d", (int)tid);
}

/* 1: seized, 0: it is gone or dead, negative: failure */
static int
seize(struct dump *d, struct task *t)
{
	long options = PTRACE_O_TRACESYSGOOD;
	struct proc *p = t->proc;
	pid_t tid = t->tid;
	int e;

	if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)(options | SUSPEND_SECCOMP)) == 0) {
		t->seccomp_suspended = true;
		return 1;
	}
	e = errno;
	/* without the privilege, or a kernel without seccomp suspension */
	if (e == EPERM || e == EINVAL || e == EIO) {
		if (ptrace(PTRACE_SEIZE, tid, NULL, (void *)options) == 0)
			return 1;
		e = errno;
	}
	if (e == ESRCH)
		return 0;
	if (e == EPERM) {
		struct proc_stat st;
		char path[48];

		snprintf(path, sizeof path, "task/%d/stat", (int)tid);
		if (stat_read(p, path, &st) != 0 || st.state == 'Z' || st.state == 'X')
			return 0;
	}
	return explain_seize(d, p, tid, e);
}

static struct task *
find_task(const struct proc *p, pid_t tid)
{
	for (size_t i = 0; i < p->tasks.n; i++)
		if (((struct task *)p->tasks.v[i])->tid == tid)
			return p->tasks.v[i];
	return NULL;
}

/* The value of a line of /proc/PID/sched; 0 if there is none. */
static double
sched_value(const char *text, const char *name)
{
	const char *value = strstr(text, name);

	return value != NULL && (value = strchr(value, ':')) != NULL ? strtod(value + 1, NULL) : 0;
}

/*
 * When the task went to sleep, for a sleep whose remaining time the kernel
 * will not tell (restore-engine section 5), and how often it changed its CPU.
 */
static uint64_t
exec_start(const struct proc *p, pid_t tid, uint64_t *migrations)
{
	char path[48], buf[1024];

	snprintf(path, sizeof path, "task/%d/sched", (int)tid);
	if (proc_read_small(p, path, buf, sizeof buf) < 0)
		return 0;
	*migrations = (uint64_t)sched_value(buf, "se.nr_migrations");
	return (uint64_t)(sched_value(buf, "se.exec_start") * 1e6);
}

/*
 * The same clock now, if it is the same one: each CPU has its own, which
 * stands still while a hypervisor runs others on it, so that they are seconds
 * apart.
 */
static uint64_t
exec_now(const struct task *t)
{
	uint64_t migrations, now = exec_start(t->proc, t->tid, &migrations);

	return now != 0 && migrations == t->migrations ? now : 0;
}

/* Seize and interrupt every task of p not seen yet; *found counts them. */
static int
seize_tasks(struct dump *d, struct proc *p, size_t *found)
{
	size_t n = 0, known = p->tasks.n;
	int *tids = NULL, r;

	if ((r = proc_list_numbers(p, "task", &tids, &n)) != 0) {
		r = r == -ENOENT || r == -ESRCH ? 0 : dump_fail(d, GLUE_E_SYSTEM, -r, p, "listing threads");
		goto out;
	}
	for (size_t i = 0; i < n; i++) {
		struct task *t;
		char path[48];

		/* both lists ascend but for the leader: most are known by place */
		if (i < known && ((struct task *)p->tasks.v[i])->tid == tids[i])
			continue;
		if (find_task(p, tids[i]) != NULL)
			continue;
		if ((t = dump_alloc(d, sizeof *t)) == NULL || (t->regs = dump_alloc(d, sizeof *t->regs)) == NULL ||
		    list_add(d, &p->tasks, t) != 0) {
			r = dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
			goto out;
		}
		t->proc = p;
		t->tid = tids[i];
		t->slept_since = exec_start(p, t->tid, &t->migrations);
		snprintf(path, sizeof path, "task/%d/wchan", (int)t->tid);
		if (proc_read_small(p, path, t->wchan, sizeof t->wchan) < 0)
			t->wchan[0] = '\0';
		if ((r = seize(d, t)) < 0)
			goto out;
		t->seized = r == 1;
		t->dead = r == 0;
		if (t->seized && (r = trace(PTRACE_INTERRUPT, t->tid, 0, 0)) != 0 && r != -ESRCH) {
			r = dump_fail(d, GLUE_E_SYSTEM, -r, p, "interrupting thread %d", (int)t->tid);
			goto out;
		}
		r = 0;
		++*found;
	}
out:
	free(tids);
	return r;
}

/* ---- waiting ---- */

/*
 * EINTR at the stop of a task with no signal to deliver is our doing: epoll
 * and semaphore waits, sigtimedwait, and socket calls with a timeout come
 * back so from a mere stop (signal(7), "Spurious EINTR" in restore-engine
 * section 5).  Doing the call again is right, but for those that have acted
 * on a descriptor by then: close, dup2, dup3.
 */
static bool
can_begin_again(const struct regs *r)
{
	int64_t nr = regs_syscall(r);

	if (regs_is32(r))
		return nr >= 0 && nr != 6 && nr != 63 && nr != 330;
	return nr >= 0 && nr != 3 && nr != 33 && nr != 292;
}

static bool
signal_deliverable(struct dump *d, const struct task *t)
{
	char path[48], *status;

	/* as long as its list of groups makes it */
	snprintf(path, sizeof path, "task/%d/status", (int)t->tid);
	if (proc_try_read(d, t->proc, path, &status, NULL) != 0)
		return false;
	return ((field_number(status, "SigPnd", 16) | field_number(status, "ShdPnd", 16)) &
	    ~field_number(status, "SigBlk", 16)) != 0;
}

#define ERESTARTNOINTR	513

/*
 * First thing at a stop, so that even a dumper killed at once leaves no EINTR
 * behind, or one with no memory: there is room for the registers already.
 */
static int
after_stop(struct dump *d, struct task *t)
{
	int r;

	if ((r = regs_get(t->tid, t->regs)) != 0)
		return dump_fail(d, r == -ESRCH ? GLUE_E_GONE : GLUE_E_SYSTEM, -r, t->proc,
		    "reading registers of thread %d", (int)t->tid);
#ifndef __x86_64__
	/* half a register file must not be written back */
	if (t->regs->cs == CS_USER64)
		return dump_fail(d, GLUE_E_DENIED, 0, t->proc,
		    "is a 64-bit process: a 32-bit snapctl cannot read it");
#endif
	if (regs_result(t->regs) == -EINTR && can_begin_again(t->regs) && !signal_deliverable(d, t)) {
		t->regs->ax = (uint64_t)-ERESTARTNOINTR;
		if ((r = regs_set(t->tid, t->regs)) != 0)
			return dump_fail(d, GLUE_E_SYSTEM, -r, t->proc, "setting registers");
	}
	if (t->slept_since != 0)
		t->sched_now = exec_now(t);
	return 0;
}

/* Take in one wait status: 1 stopped, 0 goes on, negative failure. */
static int
take_status(struct dump *d, struct task *t, int status)
{
	int event = status >> 16, r;

	if (WIFEXITED(status) || WIFSIGNALED(status)) {
		t->seized = false;
		t->dead = true;
		return 1;
	}
	if (!WIFSTOPPED(status))
		return 0;
	if (event == PTRACE_EVENT_STOP) {
		t->stopped = t->stopped_once = true;
		t->wait_status = (uint32_t)status;
		if (WSTOPSIG(status) != SIGTRAP)
			t->proc->group_stopped = true;
		return after_stop(d, t) != 0 ? d->err->code : 1;
	}
	/* a signal on its way to the task: let it be delivered, the stop follows */
	r = trace(PTRACE_CONT, t->tid, 0, (uintptr_t)WSTOPSIG(status));
	return r == 0 || r == -ESRCH ? 0 : dump_fail(d, GLUE_E_SYSTEM, -r, t->proc, "passing a signal on");
}

static int
cannot_stop(struct dump *d, const struct task *t)
{
	char path[48], buf[64];
	const char *why = "";

	snprintf(path, sizeof path, "task/%d/wchan", (int)t->tid);
	if (proc_read_small(t->proc, path, buf, sizeof buf) > 0 && strstr(buf, "vfork") != NULL)
		why = ": it waits for a vfork child to exec or exit";
	return dump_fail(d, GLUE_E_TIMEOUT, 0, t->proc,
	    "thread %d did not stop in time%s; everything goes on as before", (int)t->tid, why);
}

/*
 * Until every seized task of processes [from, ...) is stopped or gone.
 * releasing: a failure is being undone, so no cancelling and no complaint.
 */
static int
wait_stopped(struct dump *d, size_t from, bool releasing)
{
	uint32_t ms = d->options->stop_timeout_ms != 0 ? d->options->stop_timeout_ms : STOP_TIMEOUT_MS;
	uint64_t deadline = dump_now() + (uint64_t)ms * 1000000;
	long pause_ns = 10000;

	for (;;) {
		struct task *waiting = NULL;
		bool progress = false;
		int r;

		for (size_t i = from; i < d->procs.n; i++) {
			struct proc *p = d->procs.v[i];

			for (size_t k = 0; k < p->tasks.n; k++) {
				struct task *t = p->tasks.v[k];
				int status;
				pid_t got;

				if (!t->seized || t->stopped)
					continue;
				got = wait_task(t->tid, &status, WNOHANG);
				if (got < 0) {
					t->seized = false;
					t->dead = true;
					continue;
				}
				if (got == 0) {
					waiting = t;
					continue;
				}
				progress = true;
				if ((r = take_status(d, t, status)) < 0 && !releasing)
					return r;
				if (r == 0)
					waiting = t;
			}
		}
		if (waiting == NULL)
			return 0;
		if (!releasing && (r = dump_cancelled(d)) != 0)
			return r;
		if (progress)
			continue;
		if (dump_now() > deadline)
			return releasing ? GLUE_E_TIMEOUT : cannot_stop(d, waiting);
		nanosleep(&(struct timespec){ .tv_nsec = pause_ns }, NULL);
		if (pause_ns < 500000)
			pause_ns *= 2;
	}
}

/* ---- the tree ---- */

static int
compare_tasks(const void *a, const void *b)
{
	const struct task *x = *(struct task *const *)a, *y = *(struct task *const *)b;
	bool xl = x->tid == x->proc->pid, yl = y->tid == y->proc->pid;

	if (xl != yl)
		return xl ? -1 : 1;
	return (x->tid > y->tid) - (x->tid < y->tid);
}

struct proc *
find_proc(const struct dump *d, pid_t pid)
{
	for (size_t i = 0; i < d->procs.n; i++)
		if (((struct proc *)d->procs.v[i])->pid == pid)
			return d->procs.v[i];
	return NULL;
}

struct task *
first_live(const struct proc *p)
{
	for (size_t i = 0; i < p->tasks.n; i++)
		if (((struct task *)p->tasks.v[i])->stopped)
			return p->tasks.v[i];
	return NULL;
}

/* A process into the list, unless it went away meanwhile (p NULL then). */
static int
add_proc(struct dump *d, struct proc *parent, pid_t pid)
{
	struct proc_stat st;
	struct proc *p;
	int r;

	if ((p = dump_alloc(d, sizeof *p)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	p->pid = p->live = pid;
	p->parent = parent;
	p->proc_fd = p->pid_fd = -1;
	if ((r = proc_open(p)) == 0)
		r = stat_read(p, "stat", &st);
	if (r != 0) {
		if (p->proc_fd >= 0)
			close(p->proc_fd);
		if (parent != NULL)
			return 0;
		return dump_fail(d, GLUE_E_GONE, 0, NULL, "no process %d", (int)pid);
	}
	if (parent == NULL && st.field[9] & 0x00200000)		/* PF_KTHREAD */
		return dump_fail(d, GLUE_E_DENIED, 0, p, "is a kernel thread");
	p->ppid = (pid_t)st.field[4];
	p->pgid = (pid_t)st.field[5];
	p->sid = (pid_t)st.field[6];
	p->id = dump_new_id(d);
	if (list_add(d, &d->procs, p) != 0) {
		close(p->proc_fd);
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	return 0;
}

/* Children of every thread of p, as /proc tells them. */
static int
add_children(struct dump *d, struct proc *p)
{
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct task *t = p->tasks.v[i];
		char path[48], *text;
		int r;

		snprintf(path, sizeof path, "task/%d/children", (int)t->tid);
		if ((r = proc_try_read(d, p, path, &text, NULL)) != 0) {
			if (r == -ESRCH || (r == -ENOENT && t->dead))
				continue;
			return dump_fail(d, GLUE_E_SYSTEM, -r, p, "reading %s (CONFIG_PROC_CHILDREN)", path);
		}
		for (char *at = text, *end;; at = end) {
			long child = strtol(at, &end, 10);

			if (end == at)
				break;
			if (find_proc(d, (pid_t)child) == NULL && (r = add_proc(d, p, (pid_t)child)) != 0)
				return r;
		}
	}
	return 0;
}

/* Threads that ended before they could be stopped, but for the leader, which remains. */
static void
forget_ended(struct proc *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (!t->dead || t->tid == p->pid)
			p->tasks.v[n++] = t;
	}
	p->tasks.n = n;
}

/*
 * A process none of whose tasks could be seized is a zombie.  One whose leader
 * has exited has its memory and files in /proc under its other threads only.
 */
static int
classify(struct dump *d, struct proc *p)
{
	const struct task *live;
	int r;

	forget_ended(p);
	if (p->tasks.n > 1)
		qsort(p->tasks.v, p->tasks.n, sizeof *p->tasks.v, compare_tasks);
	live = first_live(p);
	p->zombie = live == NULL;
	if (live == NULL)
		return 0;
	p->is32 = regs_is32(live->regs);
	if (live->tid == p->pid)
		return 0;
	p->live = live->tid;
	close(p->proc_fd);
	if ((r = proc_open(p)) != 0)
		return dump_fail(d, GLUE_E_GONE, -r, p, "opening /proc/%d", (int)p->live);
	return 0;
}

static int
compare_procs(const void *a, const void *b)
{
	const struct proc *x = *(struct proc *const *)a, *y = *(struct proc *const *)b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* Stop the processes from index `from` on, completely. */
static int
stop_level(struct dump *d, size_t from)
{
	size_t found;
	int r;

	do {
		found = 0;
		for (size_t i = from; i < d->procs.n; i++)
			if ((r = seize_tasks(d, d->procs.v[i], &found)) != 0)
				return r;
		if ((r = wait_stopped(d, from, false)) != 0)
			return r;
	} while (found > 0);
	return 0;
}

/* Whoever runs us cannot be stopped by us, and the first process not killed: refused before anything is touched. */
static int
refuse_ancestor(struct dump *d)
{
	struct proc p = { .pid = getpid(), .live = getpid() };
	struct proc_stat st;

	if (d->options->pid == 1 && d->options->after == GLUE_KILL)
		return dump_fail(d, GLUE_E_DENIED, 0, NULL,
		    "the first process of a pid namespace cannot be killed from inside: dump it from outside");
	while (p.pid != 0) {
		int r;

		if (p.pid == d->options->pid)
			return dump_fail(d, GLUE_E_DENIED, 0, &p, "the tree contains snapctl itself");
		if (proc_open(&p) != 0)
			break;
		r = stat_read(&p, "stat", &st);
		close(p.proc_fd);
		if (r != 0)
			break;
		p.pid = p.live = (pid_t)st.field[4];
	}
	return 0;
}

int
freeze_tree(struct dump *d)
{
	size_t from = 0, end;
	int r;

	if ((r = refuse_ancestor(d)) != 0 || (r = add_proc(d, NULL, d->options->pid)) != 0)
		return r;
	while (from < d->procs.n) {
		if ((r = stop_level(d, from)) != 0)
			return r;
		end = d->procs.n;
		/* of all processes: a child may have been made before its parent stopped */
		for (size_t i = 0; i < end; i++)
			if ((r = add_children(d, d->procs.v[i])) != 0)
				return r;
		from = end;
		qsort(d->procs.v + from, d->procs.n - from, sizeof *d->procs.v, compare_procs);
	}
	for (size_t i = 0; i < d->procs.n; i++)
		if ((r = classify(d, d->procs.v[i])) != 0)
			return r;
	if (((struct proc *)d->procs.v[0])->zombie)
		return dump_fail(d, GLUE_E_GONE, 0, d->procs.v[0], "has exited");
	return 0;
}

/* ---- letting go ---- */

/*
 * Bring a task that made remote calls from its system call stop to a stop of
 * the signal kind, where the kernel takes care of restarting the call it was
 * interrupted in (restore-engine section 3.7).
 */
static bool
park(struct task *t)
{
	int status;

	if (trace(PTRACE_INTERRUPT, t->tid, 0, 0) != 0 || trace(PTRACE_CONT, t->tid, 0, 0) != 0)
		return false;
	for (;;) {
		if (wait_task(t->tid, &status, 0) != t->tid || !WIFSTOPPED(status))
			return false;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return true;
		if (trace(PTRACE_CONT, t->tid, 0, (uintptr_t)
		    (WSTOPSIG(status) == (SIGTRAP | 0x80) ? 0 : WSTOPSIG(status))) != 0)
			return false;
	}
}

static void
release_task(struct task *t)
{
	if (!t->seized)
		return;
	if (t->stopped) {
		/* registers before the mask: no signal can come between */
		if (t->regs_changed && regs_set(t->tid, t->regs) == 0 && park(t))
			regs_set(t->tid, t->regs);
		if (t->mask_changed)
			trace(0x420b /* PTRACE_SETSIGMASK */, t->tid, 8, (uintptr_t)&t->old_sigmask);
	}
	trace(PTRACE_DETACH, t->tid, 0, 0);
	t->seized = t->stopped = false;
}

/* Wait for its end, whatever stops come before; flags as of waitpid(2).  Whether it has come. */
static bool
has_ended(struct task *t, int flags)
{
	int status;
	pid_t r;

	do
		r = wait_task(t->tid, &status, flags);
	while (r == t->tid && WIFSTOPPED(status));
	t->stopped = false;
	t->seized = r == 0;
	return r != 0;
}

/*
 * Threads in any order: the last one of the first process of a pid namespace
 * ends when all others have been waited for, and which one that is nobody knows.
 */
static void
wait_ended(const struct proc *p)
{
	int flags = p->tasks.n > 1 ? WNOHANG : 0;

	for (bool all = false; !all;) {
		all = true;
		for (size_t k = p->tasks.n; k-- > 0;) {
			struct task *t = p->tasks.v[k];

			if (t->seized && !has_ended(t, flags))
				all = false;
		}
		if (!all)
			nanosleep(&(struct timespec){ .tv_nsec = 10000 }, NULL);
	}
}

/*
 * All at once, then each is waited for: when we return they are gone.  Parents
 * last: the first process of a pid namespace ends when all others have.
 */
static void
kill_tree(struct dump *d)
{
	for (size_t i = 0; i < d->procs.n; i++)
		kill(((struct proc *)d->procs.v[i])->pid, SIGKILL);
	for (size_t i = d->procs.n; i-- > 0;)
		wait_ended(d->procs.v[i]);
}

void
freeze_release(struct dump *d, enum glue_after after)
{
	/* a stop under way must be met, or its EINTR would reach the program */
	wait_stopped(d, 0, true);
	if (after == GLUE_KILL)
		kill_tree(d);
	for (size_t i = d->procs.n; i-- > 0;) {
		struct proc *p = d->procs.v[i];

		/* waits until the task is let go, and stops the process then */
		if (after == GLUE_STOP && !p->zombie)
			kill(p->pid, SIGSTOP);
		for (size_t k = p->tasks.n; k-- > 0;)
			release_task(p->tasks.v[k]);
		if (p->proc_fd >= 0)
			close(p->proc_fd);
		if (p->pid_fd >= 0)
			close(p->pid_fd);
		p->proc_fd = p->pid_fd = -1;
	}
}
