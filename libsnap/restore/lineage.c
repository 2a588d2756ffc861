/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Who is made by whom.
 *
 * A session is only inherited: a process has to be made by one that is in its
 * session at that moment.  Mostly its parent is, before or after it leads one
 * of its own.  An orphan's is not: its parent is a subreaper that took it in.
 * The leader of its session makes it then, by way of a process that ends at
 * once, so that the kernel hands it to its parent again.
 *
 * A leader that is dead and gone is made anew, as a helper that dies before the
 * tree is let go.
 */
#include "libsnap/restore/restore.h"

static const Psnap__Session *
session(const struct plan *p, uint64_t id)
{
	return snap_get_message(p->s, id, PSNAP_KIND_SESSION);
}

bool
plan_leads_session(const struct plan *p, const struct target *t)
{
	const Psnap__Session *s = session(p, t->p->session_id);

	return s != NULL && s->sid == t->p->pid;
}

static struct target *
session_leader(const struct plan *p, uint64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i].p->session_id == id && plan_leads_session(p, &p->targets[i]))
			return &p->targets[i];
	return NULL;
}

/* A session loses its terminal with its leader: this one lives, and not in the tree, or not in its namespace. */
static bool
is_led_from_outside(const struct plan *p, uint64_t id)
{
	const Psnap__Session *s = session(p, id);

	return s != NULL && s->leader_outside &&
	    (s->terminal_id != 0 || s->foreground_pgid != 0 || s->sid == PSNAP_NO_NUMBER);
}

/* ---- helpers ---- */

static uint64_t
group_with_number(const struct plan *p, int32_t pgid)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_PROCESS_GROUP, &n);

	for (size_t i = 0; i < n; i++)
		if (((const Psnap__ProcessGroup *)(const void *)v[i]->message)->pgid == pgid)
			return v[i]->id;
	return 0;
}

/* To the backend it is a zombie, killed; without a parent it is ours, and what the root begins as. */
static struct target *
add_helper(struct plan *p, int32_t pid, uint64_t session_id, struct target *parent)
{
	struct target *t = &p->targets[p->n];
	const struct target *like = parent != NULL ? parent : &p->targets[0];
	Psnap__Process *process = plan_alloc(p, sizeof *process);

	if (process == NULL)
		return NULL;
	psnap__process__init(process);
	process->pid = pid;
	process->session_id = session_id;
	process->process_group_id = group_with_number(p, pid);
	process->personality = like->p->personality;
	process->limits = like->p->limits;
	process->n_limits = like->p->n_limits;
	process->state = PSNAP__PROCESS_STATE__PROCESS_ZOMBIE;
	process->exit_signal = PSNAP__SIGNAL__SIGNAL_KILL;
	*t = (struct target){ .id = session_id, .p = process, .parent = parent, .maker = parent,
	    .zombie = true, .helper = true, .is32 = like->is32 };
	p->n++;
	p->helpers++;
	return t;
}

/* ---- births ---- */

/*
 * A child that is not in the session its parent leads may have been made
 * before that: if a session in common is found further up, all between were
 * born in it.
 */
static void
find_early_birth(struct plan *p, const struct target *t)
{
	uint64_t id = t->p->session_id;
	struct target *a = t->parent;

	while (a != NULL && a->p->session_id != id) {
		if (!plan_leads_session(p, a) || (a->born_in != 0 && a->born_in != id))
			return;
		a = a->parent;
	}
	if (a == NULL && !is_led_from_outside(p, id))
		return;
	for (struct target *b = t->parent; b != a; b = b->parent)
		b->born_in = id;
}

static void
find_births(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++)
		if (!plan_leads_session(p, &p->targets[i]))
			p->targets[i].born_in = p->targets[i].p->session_id;
	for (size_t i = 1; i < p->n; i++)
		if (p->targets[i].born_in != 0)
			find_early_birth(p, &p->targets[i]);
}

/* ---- makers ---- */

static bool
parent_can_make(const struct target *t)
{
	return t->born_in == 0 || t->born_in == t->parent->p->session_id || t->born_in == t->parent->born_in;
}

/*
 * The leader of the session t is born in.  A helper is a child of the lowest
 * of those that take its children in, which are all on one line of ancestors.
 */
static struct target *
leader_for(struct plan *p, struct target *t)
{
	struct target *l = session_leader(p, t->born_in);

	if (l == NULL)
		return add_helper(p, session(p, t->born_in)->sid, t->born_in, t->parent);
	if (l->helper && l->parent != NULL && t->parent > l->parent)
		l->parent = l->maker = t->parent;
	return l;
}

static int
find_makers(struct plan *p, struct snap_error *err)
{
	struct target *root = &p->targets[0];
	size_t n = p->n;

	/* a job of the caller's now, as it was one of somebody else's */
	if (root->born_in != 0 && !is_led_from_outside(p, root->born_in) &&
	    (root->maker = leader_for(p, root)) == NULL)
		return error_nomem(err);
	for (struct target *t = root + 1; t < root + n; t++)
		if ((t->maker = parent_can_make(t) ? t->parent : leader_for(p, t)) == NULL)
			return error_nomem(err);
	return 0;
}

/* ---- what cannot be ---- */

static bool
is_ancestor(const struct target *a, const struct target *of)
{
	while (of != NULL && of != a)
		of = of->parent;
	return of == a;
}

/* Each must come from us in the end; 1 on the way, 2 known to. */
static bool
has_beginning(struct plan *p, struct target *t, uint8_t *mark)
{
	struct target *a = t;
	bool ends;

	for (; a != NULL && mark[a - p->targets] == 0; a = a->maker)
		mark[a - p->targets] = 1;
	ends = a == NULL || mark[a - p->targets] == 2;
	for (a = t; ends && a != NULL && mark[a - p->targets] == 1; a = a->maker)
		mark[a - p->targets] = 2;
	return ends;
}

static int
check_makers(struct plan *p, struct snap_error *err)
{
	uint8_t *mark = plan_alloc(p, p->n + 1);

	if (mark == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		if (!has_beginning(p, t, mark) || (t->parent != NULL && !is_ancestor(t->parent, t->maker)))
			plan_problem(p, SNAP_FATAL, t, t->p->session_id, "session",
			    "dump a tree that holds its leader", "it is in a session that it cannot be made in");
	}
	return 0;
}

/* ---- groups ---- */

static struct target *
first_of_session(const struct plan *p, uint64_t id)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i].p->session_id == id)
			return &p->targets[i];
	return NULL;
}

/* Where the root was in such a one, or nobody of its namespace led it. */
static bool
is_callers_group(const struct plan *p, uint64_t id, const Psnap__ProcessGroup *g)
{
	const struct target *root = &p->targets[0];

	return (root->p->process_group_id == id && root->maker == NULL) || g->pgid == PSNAP_NO_NUMBER;
}

static int
find_group_leaders(struct plan *p, struct snap_error *err)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_PROCESS_GROUP, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__ProcessGroup *g = (const void *)v[i]->message;
		struct target *leader = plan_find(p, g->pgid), *member = first_of_session(p, g->session_id);

		if (leader == NULL && member != NULL && !is_callers_group(p, v[i]->id, g)) {
			if ((leader = add_helper(p, g->pgid, g->session_id, member)) == NULL)
				return error_nomem(err);
			leader->born_in = g->session_id;
		}
		if (leader != NULL)
			leader->leads_group = true;
	}
	return 0;
}

/* ---- all ---- */

static int
link_made(struct plan *p, struct snap_error *err)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i].maker != NULL)
			p->targets[i].maker->nmade++;
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		if ((t->made = plan_alloc(p, (t->nmade + 1) * sizeof *t->made)) == NULL)
			return error_nomem(err);
		t->nmade = 0;
	}
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		if (t->maker != NULL)
			t->maker->made[t->maker->nmade++] = t;
	}
	return 0;
}

/* Whoever only dies is passed over. */
static void
find_origins(struct plan *p)
{
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		for (t->origin = t->maker; t->origin != NULL && t->origin->zombie;)
			t->origin = t->origin->maker;
	}
}

int
plan_lineage(struct plan *p, struct snap_error *err)
{
	int r;

	find_births(p);
	if ((r = find_makers(p, err)) != 0 || (r = find_group_leaders(p, err)) != 0 ||
	    (r = check_makers(p, err)) != 0 || p->fatal != 0)
		return r;
	find_origins(p);
	return link_made(p, err);
}
