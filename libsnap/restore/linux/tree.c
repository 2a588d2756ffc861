/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Processes with their pids, sessions, groups and threads.
 *
 * The root is cloned from us, every other process by its maker (lineage.c), as
 * a rule while that is still a seed; session leaders lead before those that are
 * born in their session are made.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static int
prepare(struct restore *r, struct target *t)
{
	if (t->zombie && (t->tasks = plan_alloc(r->p, sizeof *t->tasks)) != NULL) {
		/* it needs a thread to die */
		static const Psnap__Thread nobody = PSNAP__THREAD__INIT;

		t->ntasks = 1;
		t->tasks[0].t = &nobody;
		t->tasks[0].id = t->id;
		t->tasks[0].target = t;
	}
	if (t->tasks == NULL || (t->host = plan_alloc(r->p, sizeof *t->host)) == NULL)
		return restore_nomem(r);
	if (t->zombie)
		t->space = t->table = t->handlers = t->fs = t;
	for (size_t i = 0; i < t->ntasks; i++)
		if ((t->tasks[i].remote = plan_alloc(r->p, sizeof *t->tasks[i].remote)) == NULL)
			return restore_nomem(r);
	return 0;
}

static uint64_t
sharing_flags(const struct target *t)
{
	return (t->space != t ? CLONE_VM : 0) | (t->table != t ? CLONE_FILES : 0) |
	    (t->handlers != t ? CLONE_SIGHAND : 0) | (t->fs != t ? CLONE_FS : 0);
}

/* A new task has stopped on its own: it is ours by inheritance. */
static int
meet(struct restore *r, struct task *k, pid_t tid)
{
	int status, e;

	k->remote->tid = tid;
	k->remote->made = true;
	if (restore_list_add(r, &r->all, k) != 0) {
		kill(tid, SIGKILL);
		return restore_nomem(r);
	}
	if ((e = task_wait(tid, &status)) != 0 || !WIFSTOPPED(status)) {
		k->remote->made = e != 0;	/* what was not told to have ended is to be killed */
		return restore_fail(r, k->target, k->id, -e, "the new thread %d did not stop", (int)tid);
	}
	if ((e = task_get_regs(tid, &k->remote->base)) != 0)
		return restore_fail(r, k->target, k->id, -e, "reading registers");
	return 0;
}

/*
 * Memory for arguments before t has a scratch of its own: its parent's, of
 * which it has a copy, or the seed's stack.
 */
static uint64_t
early_scratch(const struct target *t)
{
	const struct host *h = t->space->host;

	return h->scratch != 0 ? h->scratch : (t->tasks[0].remote->base.sp - 2048) & ~UINT64_C(63);
}

/* A fresh space, or the other bitness: what its parent is, is not for it. */
static int
exec_seed(struct restore *r, struct target *t)
{
	struct task *k = &t->tasks[0];
	uint64_t empty = early_scratch(t), zeros[2] = { 0 };
	int e;

	if ((e = task_write(k->remote->tid, empty, zeros, sizeof zeros)) != 0)
		return restore_fail(r, t, t->id, -e, "writing arguments of system calls");
	/* its result is read by the rules of the new program */
	if ((e = ask_now(r, k, NR_EXECVEAT, WANT_ANY, "executing the seed program", t->id,
	    ARGS((uint64_t)r->seed_fd + t->is32, empty, empty + 8, empty + 8, AT_EMPTY_PATH), NULL)) != 0)
		return e;
	t->host->mode32 = t->is32;
	t->host->scratch = 0;
	if ((e = task_get_regs(k->remote->tid, &k->remote->base)) != 0)
		return restore_fail(r, t, t->id, -e, "reading registers");
	if (r->wide && (k->remote->base.cs == 0x33) == t->is32)
		return restore_fail(r, t, t->id, ENOEXEC, "executing the seed program");
	if ((e = seed_layout(r, t)) != 0)
		return e;
	t->host->insn = t->host->layout.insn;
	return 0;
}

/* clone3 in a task, its arguments being at `at` there; a number that stays taken is -EEXIST in *got. */
static int
clone_by(struct restore *r, struct task *by, const char *what, uint64_t object, uint64_t at, int64_t *got)
{
	int e;

	for (int i = 0; i < TAKEN_TRIES; i++) {
		if ((e = ask_now(r, by, NR_CLONE3, WANT_ANY, what, object,
		    ARGS(at, sizeof(struct clone_arguments)), got)) != 0)
			return e;
		if (*got != -EEXIST)
			break;
		nanosleep(&(struct timespec){ .tv_nsec = TAKEN_PAUSE_NS }, NULL);
	}
	return 0;
}

/* A signal of 0: helpers end without a word, and CLONE_PARENT gives the maker's. */
static uint64_t
exit_signal(const struct target *t)
{
	if (t->helper || t->parent == NULL)
		return 0;
	return t->p->child_exit_signal != 0 ? (uint64_t)t->p->child_exit_signal : SIGCHLD;
}

/* As a copy of `by`; pid 0 any, the one it got is in its task. */
static int
clone_process(struct restore *r, struct target *by, struct target *t, int32_t pid)
{
	struct host *from = by->space->host;
	uint64_t at = early_scratch(by);
	struct { struct clone_arguments a; int32_t pid; } args = {
		.a = { .flags = sharing_flags(t) | (t->parent == NULL ? CLONE_PARENT : 0),
		    .set_tid = pid != 0 ? at + sizeof args.a : 0, .set_tid_size = pid != 0,
		    .exit_signal = exit_signal(t) },
		.pid = pid,
	};
	int64_t got = -1;
	int e;

	if ((e = task_write(by->tasks[0].remote->tid, at, &args, sizeof args)) != 0)
		return restore_fail(r, by, by->id, -e, "writing arguments of system calls");
	if ((e = clone_by(r, &by->tasks[0], "making a process", t->id, at, &got)) != 0)
		return e;
	if (got <= 0 || (pid != 0 && got != pid))
		return restore_fail(r, t, t->id, got < 0 ? (int)-got : EINVAL, got == -EEXIST ?
		    "its number is taken" : "making the process (clone3 with set_tid)");
	t->host->spawned = true;
	t->host->mode32 = by->host->mode32;
	t->host->layout = from->layout;
	t->host->insn = by->host->insn;
	t->host->built = t->zombie && from->built;
	if (t->space == t) {
		t->host->scratch = from->scratch;
		t->host->scratch_size = from->scratch_size;
	}
	return (e = meet(r, &t->tasks[0], (pid_t)got)) != 0 ? e : cgroups_join(r, t, by);
}

/* What begins as a seed or as a copy of its maker. */
static int
begin_process(struct restore *r, struct target *t, struct target *by)
{
	const struct host *from = by->space->host;
	int e;

	if ((e = clone_process(r, by, t, t->p->pid)) != 0)
		return e;
	t->host->inherits = from->built && space_inherits(r, t);
	if (t->zombie || t->space != t || t->host->inherits || (t->is32 == by->host->mode32 && !from->built))
		return 0;
	return exec_seed(r, t);
}

/* ---- orphans ---- */

static bool
is_number_of_tree(const struct plan *p, pid_t number)
{
	for (size_t i = 0; i < p->n; i++) {
		if (p->targets[i].p->pid == number)
			return true;
		for (size_t k = 1; k < p->targets[i].ntasks; k++)
			if (p->targets[i].tasks[k].t->tid == number)
				return true;
	}
	return false;
}

/* What t shares with its maker, b has in common with both. */
static void
share_through(struct target *b, const struct target *t)
{
	b->space = t->space != t ? t->space : b;
	b->table = t->table != t ? t->table : b;
	b->handlers = t->handlers != t ? t->handlers : b;
	b->fs = t->fs != t ? t->fs : b;
}

/* A process between t and its maker, with whatever number the tree has no use for. */
static int
make_between(struct restore *r, const struct target *t, struct target *b)
{
	int e;

	for (;;) {
		*b = (struct target){ .id = t->id, .p = t->maker->p, .parent = t->maker, .maker = t->maker,
		    .zombie = true, .helper = true };
		if ((e = prepare(r, b)) != 0)
			return e;
		share_through(b, t);
		if ((e = clone_process(r, t->maker, b, 0)) != 0 ||
		    !is_number_of_tree(r->p, b->tasks[0].remote->tid))
			return e;
		/* the kernel counts on: the next one gets another */
		if ((e = helper_end(r, b)) != 0)
			return e;
	}
}

static int
set_subreaper(struct restore *r, struct target *t, bool on)
{
	return ask_now(r, &t->tasks[0], NR_PRCTL, WANT_ZERO, "becoming a child subreaper", t->id,
	    ARGS(PR_SET_CHILD_SUBREAPER, on, 0, 0, 0), NULL);
}

/*
 * An orphan again: the one that made it ends, and its parent, which is the only
 * subreaper between here and there for that moment, has it.
 */
static int
begin_orphan(struct restore *r, struct target *t)
{
	struct target *between = plan_alloc(r->p, sizeof *between);
	int e;

	if (between == NULL)
		return restore_nomem(r);
	if ((e = make_between(r, t, between)) != 0 ||
	    (e = begin_process(r, t, between)) != 0 ||
	    (e = set_subreaper(r, t->parent, true)) != 0 ||
	    (e = helper_end(r, between)) != 0)
		return e;
	return set_subreaper(r, t->parent, false);
}

/* ---- sessions ---- */

static const Psnap__Session *
session(const struct restore *r, const struct target *t)
{
	return snap_get_message(r->s, t->p->session_id, PSNAP_KIND_SESSION);
}

/* The root's, led from outside, is the caller's, or one of its own if that is wanted. */
static bool
leads_session(const struct restore *r, const struct target *t)
{
	const Psnap__Session *s = session(r, t);

	return plan_leads_session(r->p, t) || (t == &r->p->targets[0] && t->maker == NULL &&
	    r->p->o->own_session && s != NULL && s->leader_outside);
}

static int
lead_session(struct restore *r, struct target *t)
{
	return !leads_session(r, t) ? 0 : ask_now(r, &t->tasks[0], NR_SETSID, WANT_NOT_NEGATIVE,
	    "making a session", t->p->session_id, ARGS(0), NULL);
}

/* Of those t makes, not there yet, the ones born in its session or not; those that inherit if asked for. */
static int
spawn_made(struct restore *r, struct target *t, bool of_session, bool inheriting)
{
	int e;

	for (size_t i = 0; i < t->nmade; i++) {
		struct target *c = t->made[i];

		if (c->host->spawned || c->given_up || (c->born_in == t->p->session_id) != of_session ||
		    (!inheriting && space_inherits(r, c)))
			continue;
		if ((e = c->parent == t || c->parent == NULL ? begin_process(r, c, t) : begin_orphan(r, c)) != 0)
			return e;
	}
	return 0;
}

/* A copy of t that is born in another session has to be made before t leads its own. */
static bool
leads_late(struct restore *r, const struct target *t)
{
	for (size_t i = 0; i < t->nmade; i++)
		if (t->made[i]->born_in != t->p->session_id && space_inherits(r, t->made[i]))
			return true;
	return false;
}

/* While t is a seed: those that have nothing of it are cheapest now. */
static int
spawn_strangers(struct restore *r, struct target *t)
{
	int e;

	if ((e = spawn_made(r, t, false, false)) != 0 || leads_late(r, t))
		return e;
	return (e = lead_session(r, t)) != 0 ? e : spawn_made(r, t, true, false);
}

static int
spawn_copies(struct restore *r, struct target *t)
{
	bool leads = t->host->inherits || leads_late(r, t);
	int e;

	if ((e = spawn_made(r, t, false, true)) != 0 || (e = leads ? lead_session(r, t) : 0) != 0)
		return e;
	return spawn_made(r, t, true, true);
}

/*
 * Level by level: those that are there are built together, then make those
 * that begin as copies of them.
 */
static int
grow(struct restore *r, struct target *first)
{
	struct target **level = plan_alloc(r->p, (r->p->n + 1) * sizeof *level);
	struct target **next = plan_alloc(r->p, (r->p->n + 1) * sizeof *next);
	size_t n = 1, nnext;
	int e;

	if (level == NULL || next == NULL)
		return restore_nomem(r);
	for (level[0] = first; n > 0; n = nnext) {
		struct target **swap = level;

		for (size_t i = 0; i < n; i++) {
			struct target *t = level[i];

			if (!t->host->inherits && (e = spawn_strangers(r, t)) != 0)
				return e;
			for (size_t k = 0; k < t->nmade; k++)
				if (t->made[k]->host->spawned)
					level[n++] = t->made[k];
		}
		if ((e = space_make(r, level, n)) != 0)
			return e;
		nnext = 0;
		for (size_t i = 0; i < n; i++) {
			struct target *t = level[i];

			for (size_t k = 0; k < t->nmade; k++)
				if (!t->made[k]->host->spawned && !t->made[k]->given_up)
					next[nnext++] = t->made[k];
			if ((e = spawn_copies(r, t)) != 0)
				return e;
		}
		level = next;
		next = swap;
	}
	return 0;
}

/* ---- groups ---- */

/*
 * Without its leader or a helper: the caller's group goes on where the root was
 * in it, else the first member stands in.
 */
static int32_t
group_number(const struct restore *r, const struct target *t)
{
	const Psnap__ProcessGroup *g =
	    snap_get_message(r->s, t->p->process_group_id, PSNAP_KIND_PROCESS_GROUP);
	const struct target *root = &r->p->targets[0], *leader;

	if (g == NULL || g->pgid == PSNAP_NO_NUMBER)
		return 0;
	if (!g->leader_outside || ((leader = plan_find(r->p, g->pgid)) != NULL && !leader->given_up))
		return g->pgid;
	if (t->p->process_group_id == root->p->process_group_id)
		return r->p->o->own_session ? root->p->pid : getpgrp();
	for (size_t i = 0; i < r->p->n; i++)
		if (r->p->targets[i].p->process_group_id == t->p->process_group_id)
			return r->p->targets[i].p->pid;
	return 0;
}

/* A leader may have moved on to another group: it does so once others are in its own. */
enum phase { LEAD, JOIN, MOVE_ON, PHASES };

static int32_t
group_in_phase(const struct target *t, int32_t group, enum phase phase)
{
	bool own = group == t->p->pid;

	switch (phase) {
	case LEAD:
		return own || t->leads_group ? t->p->pid : 0;
	case JOIN:
		return own || t->leads_group ? 0 : group;
	default:
		return !own && t->leads_group ? group : 0;
	}
}

static int
make_groups(struct restore *r)
{
	int e;

	for (enum phase phase = LEAD; phase < PHASES; phase++) {
		for (size_t i = 0; i < r->p->n; i++) {
			struct target *t = &r->p->targets[i];
			int32_t group = group_in_phase(t, group_number(r, t), phase);

			/* a session's leader leads its group already */
			if (group == 0 || t->given_up || leads_session(r, t))
				continue;
			if ((e = ask(r, &t->tasks[0], NR_SETPGID, WANT_ZERO, "joining its process group",
			    t->p->process_group_id, ARGS(0, (uint64_t)group))) != 0)
				return e;
		}
		if ((e = run(r)) != 0)
			return e;
	}
	return 0;
}

/* ---- all ---- */

int
tree_make(struct restore *r)
{
	struct target *root = &r->p->targets[0], *first = root->maker != NULL ? root->maker : root;
	int ends[2], e;

	for (size_t i = 0; i < r->p->n; i++)
		if ((e = prepare(r, &r->p->targets[i])) != 0)
			return e;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
		return restore_fail(r, NULL, 0, errno, "making a socket pair");
	r->channel = keep_fd(r, ends[0]);
	ends[1] = keep_fd(r, ends[1]);
	if (r->channel < 0 || ends[1] < 0)
		return restore_fail(r, NULL, 0, errno, "making a socket pair");
	if ((e = root_begin(r, first, ends[1])) != 0 || (e = grow(r, first)) != 0)
		return e;
	return make_groups(r);
}

/* ---- threads ---- */

#define THREAD_FLAGS	(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM)

static int
make_thread(struct restore *r, struct task *k)
{
	struct task *leader = &k->target->tasks[0];
	struct clone_arguments a = { .flags = THREAD_FLAGS, .set_tid_size = 1 };
	int32_t tid = k->t->tid;
	int64_t got = -1;
	uint64_t at;
	int e;

	put_reset(k->target);
	if ((a.set_tid = put(r, leader, &tid, sizeof tid)) == 0 || (at = put(r, leader, &a, sizeof a)) == 0)
		return restore_nomem(r);
	if ((e = clone_by(r, leader, "making a thread", k->id, at, &got)) != 0)
		return e;
	if (got != tid)
		return restore_fail(r, k->target, k->id, got < 0 ? (int)-got : EINVAL, got == -EEXIST ?
		    "thread number %d is taken" : "making thread %d (clone3 with set_tid)", (int)tid);
	return meet(r, k, tid);
}

int
tree_threads(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];

		for (size_t k = 1; k < t->ntasks; k++)
			if ((e = make_thread(r, &t->tasks[k])) != 0)
				return e;
	}
	return 0;
}
