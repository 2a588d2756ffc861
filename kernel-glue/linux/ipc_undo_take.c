/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What semaphores owe to processes, by the facts: nobody has to make a call.
 */
#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/ipc.h"

#define NS	INT64_C(1000000000)

bool
undo_lists_are_told(const struct dump *d)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		for (size_t k = 0; k < p->tasks.n; k++) {
			const struct task *t = p->tasks.v[k];
			const struct rec_thread *told = facts_thread(d, t->tid);

			if (t->stopped && (told == NULL || !(told->have & REC_HAVE_UNDO)))
				return false;
		}
	}
	return true;
}

/* The first thread with a list, which is that of all who have one. */
static const struct rec_thread *
owner(const struct dump *d, const struct proc *p)
{
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct rec_thread *k = facts_thread(d, ((const struct task *)p->tasks.v[i])->tid);

		if (k != NULL && k->undo != 0)
			return k;
	}
	return NULL;
}

/* Who sets the value of a semaphore takes what it owes to others: not since the facts were collected. */
bool
undo_is_told(const struct dump *d, const struct proc *p, const struct semaphores *s)
{
	const struct rec_thread *k = owner(d, p);

	return k != NULL && k->have & REC_HAVE_ADJUSTMENTS && s->changed / NS < facts_began(d);
}

int
undo_take(struct dump *d, struct proc *p, struct semaphores *s)
{
	struct rec_slice all = facts_of_thread(d, owner(d, p)->h.tid, REC_ADJUSTMENT);
	int r = 0;

	for (size_t i = 0; r == 0 && i < all.n; i++) {
		const struct rec_adjustment *a = (const void *)all.v[i];

		if (a->set == s->identity.id && a->semaphore < s->n)
			r = undo_add(d, p, s, a->semaphore, a->value);
	}
	return r;
}
