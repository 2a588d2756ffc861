/* SPDX-License-Identifier: BSD-2-Clause */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/restore/restore.h"

void *
plan_alloc(struct plan *p, size_t size)
{
	void *m = arena_alloc(p->arena, size);

	if (m != NULL)
		memset(m, 0, size);
	return m;
}

struct target *
plan_find(const struct plan *p, int32_t pid)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->targets[i].p->pid == pid)
			return &p->targets[i];
	return NULL;
}

/* The place of plan.first for an object; NULL: there is no such object. */
static struct target **
first_with(const struct plan *p, uint64_t id)
{
	const struct snap_object *o = snap_get_object(p->s, id);

	return o != NULL ? &p->first[o - p->s->objects] : NULL;
}

struct target *
plan_with(const struct plan *p, uint64_t id)
{
	struct target **first = first_with(p, id);

	return first != NULL ? *first : NULL;
}

const char *
plan_path(struct plan *p, const ProtobufCBinaryData *path)
{
	const struct snap_path_map *best = NULL;
	size_t skip = 0, prefix;
	char *out;

	/* the longest one that matches whole components */
	for (size_t i = 0; i < p->o->npaths; i++) {
		const struct snap_path_map *m = &p->o->paths[i];
		size_t n = strlen(m->from);

		if (n <= path->len && memcmp(m->from, path->data, n) == 0 &&
		    (n == path->len || path->data[n] == '/') && (best == NULL || n > skip)) {
			best = m;
			skip = n;
		}
	}
	prefix = best != NULL ? strlen(best->to) : 0;
	if ((out = arena_alloc(p->arena, prefix + path->len - skip + 1)) == NULL)
		return NULL;
	if (prefix > 0)
		memcpy(out, best->to, prefix);
	if (path->len > skip)
		memcpy(out + prefix, path->data + skip, path->len - skip);
	out[prefix + path->len - skip] = '\0';
	return out;
}

enum snap_file_policy
plan_file_policy(const struct plan *p, const char *path)
{
	for (size_t i = 0; i < p->o->nfiles; i++)
		if (fnmatch(p->o->files[i].pattern, path, 0) == 0)
			return p->o->files[i].policy;
	return p->o->allow_changed ? SNAP_FILE_CHANGED : SNAP_FILE_DEFAULT;
}

void
plan_problem(struct plan *p, enum snap_severity severity, const struct target *t, uint64_t object,
    const char *what, const char *advice, const char *fmt, ...)
{
	struct snap_problem problem = { .severity = severity, .pid = t != NULL ? t->p->pid : 0,
	    .object = object, .what = what, .advice = advice };
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(problem.message, sizeof problem.message, fmt, ap);
	va_end(ap);
	if (severity == SNAP_FATAL)
		p->fatal++;
	if (p->problem != NULL)
		p->problem(p->problem_ctx, &problem);
}

/* ---- sharing ---- */

static uint64_t
shared_id(const struct target *t, size_t what)
{
	const uint64_t ids[] = { t->p->address_space_id, t->p->descriptor_table_id,
	    t->p->signal_handlers_id, t->p->fs_context_id };

	return ids[what];
}

/*
 * Shared things are inherited by clone3(2), so the first process that has
 * one is its owner, and every other one must have a maker that has it.
 */
static int
find_owners(struct plan *p, struct target *t, struct snap_error *err)
{
	static const char *const names[] = { "address space", "descriptor table", "signal handlers",
	    "working directory" };
	struct target **owners[] = { &t->space, &t->table, &t->handlers, &t->fs };

	for (size_t what = 0; what < 4; what++) {
		struct target **first = first_with(p, shared_id(t, what));

		if (first == NULL)
			return error_object(err, SNAP_E_CORRUPT, "GRA-2", t->id, 0, "no such %s", names[what]);
		if (*first == NULL)
			*first = t;
		else if (t->maker == NULL || shared_id(t->maker, what) != shared_id(t, what))
			return error_object(err, SNAP_E_REFUSED, "", t->id, 0,
			    "pid %d shares its %s with pid %d, which is not its parent",
			    (int)t->p->pid, names[what], (int)(*first)->p->pid);
		*owners[what] = *first;
	}
	return 0;
}

/* ---- processes and threads ---- */

static int
add_threads(struct plan *p, struct target *t, struct snap_error *err)
{
	if ((t->tasks = plan_alloc(p, (t->p->n_thread_ids + 1) * sizeof *t->tasks)) == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < t->p->n_thread_ids; i++) {
		struct task *task = &t->tasks[t->ntasks++];

		task->id = t->p->thread_ids[i];
		task->t = snap_get_message(p->s, task->id, PSNAP_KIND_THREAD);
		task->target = t;
		if (task->t == NULL)
			return error_object(err, SNAP_E_CORRUPT, "GRA-2", t->id, 0, "no such thread");
	}
	p->threads += t->ntasks;
	return 0;
}

static const Psnap__Instance *
instance(struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_INSTANCE, &n);

	return n == 1 ? (const void *)v[0]->message : NULL;
}

static const Psnap__Host *
host(struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_HOST, &n);

	return n == 1 ? (const void *)v[0]->message : NULL;
}

/* With room for a helper for every session and group. */
static int
add_targets(struct plan *p, const Psnap__Instance *in, struct snap_error *err)
{
	size_t sessions, groups;

	snap_get_kind(p->s, PSNAP_KIND_SESSION, &sessions);
	snap_get_kind(p->s, PSNAP_KIND_PROCESS_GROUP, &groups);
	p->targets = plan_alloc(p, (in->n_process_ids + sessions + groups + 1) * sizeof *p->targets);
	p->first = plan_alloc(p, (p->s->count + 1) * sizeof *p->first);
	if (p->targets == NULL || p->first == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < in->n_process_ids; i++) {
		struct target *t = &p->targets[p->n];

		t->id = in->process_ids[i];
		if ((t->p = snap_get_message(p->s, t->id, PSNAP_KIND_PROCESS)) == NULL)
			return error_object(err, SNAP_E_CORRUPT, "GRA-2", t->id, 0, "no such process");
		t->parent = plan_with(p, t->p->parent_id);
		*first_with(p, t->id) = t;
		t->zombie = t->p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE;
		t->is32 = t->p->abi == PSNAP__ABI__ABI_I386;
		if (t->zombie && t->parent != NULL)
			t->is32 = t->parent->is32;	/* whatever it was, it will not run */
		p->n++;
	}
	return p->n != 0 ? 0 : error_set(err, SNAP_E_CORRUPT, "GRA-5", 0, "no process");
}

int
plan_make(struct plan *p, struct snap_error *err)
{
	const Psnap__Instance *in = instance(p->s);
	struct snap_summary sum;
	int r;

	if ((p->arena = arena_new(UINT64_C(1) << 34)) == NULL)
		return error_nomem(err);
	snap_get_summary(p->s, &sum);
	p->page = sum.page_size;
	p->host = host(p->s);
	if (in == NULL || p->host == NULL)
		return error_set(err, SNAP_E_CORRUPT, "GRA-4", 0, "no instance or no host");
	if ((r = add_targets(p, in, err)) != 0 || (r = plan_lineage(p, err)) != 0)
		return r;
	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		if (!t->zombie && ((r = add_threads(p, t, err)) != 0 || (r = find_owners(p, t, err)) != 0))
			return r;
	}
	return 0;
}

void
plan_free(struct plan *p)
{
	arena_free(p->arena);
}
