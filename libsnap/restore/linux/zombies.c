/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Those that die before the tree is let go: zombies, which their parents have
 * yet to wait for, and helpers, which are waited for.
 */
#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "libsnap/restore/linux/linux.h"

static int
die_by_signal(struct restore *r, struct task *k, int sig)
{
	uint64_t none = 0;
	int status = 0, e;

	if (ptrace((enum __ptrace_request)0x420b /* PTRACE_SETSIGMASK */, k->remote->tid, (void *)8, &none) != 0 ||
	    kill(k->remote->tid, sig) != 0)
		return restore_fail(r, k->target, k->id, errno, "ending the process");
	for (;;) {
		if (sig != SIGKILL && ptrace(PTRACE_CONT, k->remote->tid, NULL,
		    (void *)(long)(WIFSTOPPED(status) && WSTOPSIG(status) == sig ? sig : 0)) != 0)
			return restore_fail(r, k->target, k->id, errno, "ending the process");
		if ((e = task_wait(k->remote->tid, &status)) != 0)
			return restore_fail(r, k->target, k->id, -e, "ending the process");
		if (!WIFSTOPPED(status))
			return 0;
	}
}

static int
die_by_exit(struct restore *r, struct task *k, int code)
{
	struct regs g = k->remote->base;
	int status, e;

	g.ip = k->target->host->insn;
	g.orig_ax = (uint64_t)-1;
	g.ax = k->target->host->mode32 ? 252 : 231;
	if (k->target->host->mode32)
		g.bx = (uint64_t)code;
	else
		g.di = (uint64_t)code;
	if ((e = enter_call(r, k, &g)) != 0)
		return e;
	if (ptrace(PTRACE_CONT, k->remote->tid, NULL, NULL) != 0 || (e = task_wait(k->remote->tid, &status)) != 0)
		return restore_fail(r, k->target, k->id, errno, "making a zombie");
	return WIFEXITED(status) ? 0 : restore_fail(r, k->target, k->id, 0, "a zombie did not die");
}

/* ---- helpers ---- */

/* It is traced, so it dies for us first; then its parent has to wait for it. */
int
helper_end(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	pid_t pid = k->remote->tid;
	int e;

	if ((e = die_by_signal(r, k, SIGKILL)) != 0)
		return e;
	k->remote->made = false;
	return t->parent == NULL ? 0 : ask_now(r, &t->parent->tasks[0], NR_WAIT4, WANT_SAME,
	    "waiting for a helper", t->id, ARGS((uint64_t)pid, 0, __WALL, 0), NULL);
}

/* ---- zombies ---- */

/* The parent heard of it long ago. */
static int
forget_child_signal(struct restore *r, struct target *parent)
{
	struct task *k = &parent->tasks[0];
	uint64_t mask = UINT64_C(1) << (SIGCHLD - 1), zero[2] = { 0 }, set, time;

	put_reset(parent);
	set = put(r, k, &mask, sizeof mask);
	time = put(r, k, zero, sizeof zero);
	if (set == 0 || time == 0)
		return restore_nomem(r);
	return ask_now(r, k, NR_RT_SIGTIMEDWAIT, WANT_ANY, "dropping a signal", parent->id,
	    ARGS(set, 0, time, 8), NULL);
}

static int
make_zombie(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	int e;

	if (t->p->exit_signal != 0)
		e = die_by_signal(r, k, (int)t->p->exit_signal);
	else
		e = die_by_exit(r, k, t->p->exit_code);
	if (e != 0)
		return e;
	k->remote->made = false;	/* its parent waits for it, not we */
	return t->parent != NULL ? forget_child_signal(r, t->parent) : 0;
}

/* The last first: helpers, which may be children of zombies. */
int
tree_zombies(struct restore *r)
{
	int e;

	for (size_t i = r->p->n; i-- > 0;) {
		struct target *t = &r->p->targets[i];

		if (!t->zombie || t->given_up)
			continue;
		if ((e = t->helper ? helper_end(r, t) : make_zombie(r, t)) != 0)
			return e;
	}
	return 0;
}
