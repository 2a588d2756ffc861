/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Numbers of processes, threads, groups and sessions in the tree's own pid
 * namespace.
 *
 * To stop a tree and to read of it takes the numbers it has here.  In a nested
 * pid namespace it knows itself by others: they are in its memory, and they are
 * what a restore has to bring back.  Whatever is in no process of that
 * namespace has no number there: 0.
 */
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/coverage.h"
#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/task.h"

/* Past a number of a line of status; NULL at its end. */
static const char *
next_number(const char *at, int32_t *number)
{
	char *end;

	if (at == NULL || *at < '0' || *at > '9')
		return NULL;
	*number = (int32_t)strtol(at, &end, 10);
	return end + strspn(end, "\t ");
}

struct rec_numbers
numbers_of_status(const char *status, const char *name)
{
	const char *at = field_find(status, name);
	struct rec_numbers all = { 0 };

	while (all.count < REC_LEVELS && (at = next_number(at, &all.number[all.count])) != NULL)
		all.count++;
	return all;
}

void
numbers_begin(struct dump *d, const struct rec_numbers *pid)
{
	d->pid_level = pid->count > 0 ? pid->count - 1 : 0;
}

size_t
numbers_inside(const struct dump *d, const struct rec_numbers *all, int32_t here, int32_t *v, size_t max)
{
	size_t n = 0;

	v[0] = all->count > 0 ? all->number[all->count - 1] : here;
	for (size_t i = d->pid_level; i < all->count && n < max; i++)
		v[n++] = all->number[i];
	return n;
}

int32_t
number_of_task(const struct dump *d, int32_t here)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		if (p->pid == here)
			return p->inner_pid;
		for (size_t k = 0; k < p->tasks.n; k++)
			if (((const struct task *)p->tasks.v[k])->tid == here)
				return ((const struct task *)p->tasks.v[k])->inner_tid;
	}
	return 0;
}

static int32_t
group_number(const struct dump *d, int32_t here)
{
	for (size_t i = 0; i < d->procs.n; i++)
		if (((const struct proc *)d->procs.v[i])->pgid == here)
			return ((const struct proc *)d->procs.v[i])->inner_pgid;
	return 0;
}

static int32_t
session_number(const struct dump *d, int32_t here)
{
	for (size_t i = 0; i < d->procs.n; i++)
		if (((const struct proc *)d->procs.v[i])->sid == here)
			return ((const struct proc *)d->procs.v[i])->inner_sid;
	return 0;
}

static void
translate_process(const struct dump *d, struct proc *p)
{
	p->ppid = number_of_task(d, p->ppid);
	for (size_t i = 0; i < p->state->timers.n; i++) {
		struct posix_timer *t = p->state->timers.v[i];

		t->tid = number_of_task(d, t->tid);
	}
}

static void
translate_open_file(const struct dump *d, struct open_file *o)
{
	o->owner_id = o->owner_kind == PSNAP_OWNER_GROUP ? group_number(d, o->owner_id) :
	    number_of_task(d, o->owner_id);
	if (o->owner_id == 0)
		o->owner_kind = PSNAP_OWNER_NONE;
	o->target_pid = number_of_task(d, o->target_pid);
}

void
numbers_translate(struct dump *d)
{
	ipc_translate(d);
	if (d->pid_level == 0)
		return;
	for (size_t i = 0; i < d->sessions.n; i++) {
		struct session *s = d->sessions.v[i];

		s->foreground = group_number(d, s->foreground);
	}
	for (size_t i = 0; i < d->procs.n; i++)
		translate_process(d, d->procs.v[i]);
	for (size_t i = 0; i < d->open_files.n; i++)
		translate_open_file(d, d->open_files.v[i]);
	for (size_t i = 0; i < d->sockets.n; i++) {
		struct socket_object *s = d->sockets.v[i];

		s->peer_cred[0] = number_of_task(d, s->peer_cred[0]);
		for (size_t k = 0; k < s->queue.n; k++) {
			struct socket_message *m = s->queue.v[k];

			m->cred[0] = number_of_task(d, m->cred[0]);
		}
	}
	for (size_t i = 0; i < d->terminals.n; i++) {
		struct terminal *t = d->terminals.v[i];

		t->sid = session_number(d, t->sid);
		t->pgid = group_number(d, t->pgid);
	}
	coverage_translate(d);
}
