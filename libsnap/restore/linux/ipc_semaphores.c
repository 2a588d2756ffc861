/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V semaphores: made by us with their values; what they owe to a process
 * (SEM_UNDO) and that it was the last to use one only it can bring about.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>

#include "libsnap/restore/linux/ipc.h"

#define VALUE_MAX	32767

union semun {		/* semctl(2) has the caller declare it */
	int		val;
	struct semid_ds	*buf;
	unsigned short	*array;
};

static int
remove_set(int id)
{
	return semctl(id, 0, IPC_RMID);
}

const struct ipc_kind ipc_semaphores = { "set of semaphores", "/proc/sysvipc/sem", "/proc/sys/kernel/sem_next_id",
    remove_set };

/* ---- the same? ---- */

static bool
same_identity(const Psnap__SysvSemaphores *s)
{
	struct semid_ds ds;

	return semctl(s->identity->id, 0, IPC_STAT, (union semun){ .buf = &ds }) == 0 &&
	    ipc_is_identity(&ds.sem_perm, s->identity) && ds.sem_nsems == s->n_values;
}

/* What a semaphore was left with when all that it owes to had ended. */
static int64_t
value_left(const Psnap__SysvSemaphores *s, size_t at)
{
	int64_t value = s->values[at];

	for (size_t i = 0; i < s->n_adjustments; i++)
		if (s->adjustments[i]->semaphore == at)
			value += s->adjustments[i]->value;
	return value < 0 ? 0 : value > VALUE_MAX ? VALUE_MAX : value;
}

int
semaphores_same(struct plan *p, const struct snap_object *o, bool *same, struct snap_error *err)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;
	unsigned short *now = plan_alloc(p, s->n_values * sizeof *now);

	if (now == NULL)
		return error_nomem(err);
	*same = same_identity(s) && semctl(s->identity->id, 0, GETALL, (union semun){ .array = now }) == 0;
	for (size_t i = 0; *same && i < s->n_values; i++)
		*same = now[i] == s->values[i] || now[i] == value_left(s, i);
	return 0;
}

/* ---- made ---- */

static int
create(const Psnap__SysvIdentity *i, const void *arg)
{
	const Psnap__SysvSemaphores *s = arg;

	return semget((key_t)i->key, (int)s->n_values, IPC_CREAT | IPC_EXCL | (int)i->mode);
}

static int
set_owner(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvIdentity *i = ((const Psnap__SysvSemaphores *)(const void *)o->message)->identity;
	struct semid_ds ds = { .sem_perm = { .uid = i->uid, .gid = i->gid, .mode = (unsigned short)i->mode } };

	return semctl(i->id, 0, IPC_SET, (union semun){ .buf = &ds }) == 0 ? 0 :
	    restore_fail(r, NULL, o->id, errno, "setting the owner of System V semaphores %d", (int)i->id);
}

/* One that nobody has used has no last pid, which setting its value would give it. */
static int
set_values(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;

	for (size_t i = 0; i < s->n_values; i++)
		if ((s->values[i] != 0 || s->last_pids[i] != 0) &&
		    semctl(s->identity->id, (int)i, SETVAL, (union semun){ .val = (int)s->values[i] }) != 0)
			return restore_fail(r, NULL, o->id, errno, "setting System V semaphore %zu of %d", i,
			    (int)s->identity->id);
	return 0;
}

static void
put_back(int id, const void *arg)
{
	semctl(id, 0, SETALL, (union semun){ .array = (unsigned short *)(uintptr_t)arg });
}

/* The killed processes gave back what they owed, and now have it again. */
static int
take_over(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;
	unsigned short *before = plan_alloc(r->p, s->n_values * sizeof *before);
	int e;

	if (before == NULL)
		return restore_nomem(r);
	if (semctl(s->identity->id, 0, GETALL, (union semun){ .array = before }) != 0)
		return restore_fail(r, NULL, o->id, errno, "reading System V semaphores %d", (int)s->identity->id);
	for (size_t i = 0; i < s->n_values; i++)
		if (before[i] != s->values[i])
			return (e = ipc_remember(r, s->identity->id, put_back, before)) != 0 ? e : set_values(r, o);
	return 0;
}

static int
make_set(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;
	struct snap_error err;
	bool same;
	int e;

	if (semaphores_same(r->p, o, &same, &err) != 0)
		return restore_unreadable(r, &err);
	if (same)
		return take_over(r, o);
	if ((e = ipc_make(r, &ipc_semaphores, o->id, s->identity, create, s)) != 0 || (e = set_owner(r, o)) != 0)
		return e;
	return set_values(r, o);
}

int
semaphores_make(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SYSV_SEMAPHORES, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		e = make_set(r, v[i]);
	return e;
}

/* ---- by its processes ---- */

#define UNDO		0x1000	/* SEM_UNDO */

/* struct sembuf, alike on i386 and amd64 */
struct operation {
	uint16_t	semaphore;
	int16_t		change, flags;
};
#define OPERATIONS_MAX	8	/* that any of the below makes at once */

struct operations {
	struct operation v[OPERATIONS_MAX];
	size_t		n;
};

static void
add(struct operations *a, size_t semaphore, int change, int flags)
{
	if (change != 0)
		a->v[a->n++] = (struct operation){ (uint16_t)semaphore, (int16_t)change, (int16_t)flags };
}

/* All at once, so that nobody sees a value in between. */
static int
operate(struct restore *r, struct target *t, const struct snap_object *o, const struct operations *a)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;
	struct task *k = &t->tasks[0];
	uint64_t at;

	put_reset(t);
	if ((at = put(r, k, a->v, a->n * sizeof *a->v)) == 0)
		return restore_nomem(r);
	return ask_now(r, k, NR_SEMTIMEDOP, WANT_ZERO, "using a System V semaphore", o->id,
	    ARGS((uint64_t)s->identity->id, at, a->n, 0), NULL);
}

/* With the semaphore at 0 for a moment there is room for any adjustment. */
static int
owe(struct restore *r, struct target *t, const struct snap_object *o, const Psnap__SemaphoreAdjustment *a)
{
	int value = (int)((const Psnap__SysvSemaphores *)(const void *)o->message)->values[a->semaphore];
	struct operations all = { .n = 0 };
	int left = a->value;

	add(&all, a->semaphore, -value, 0);
	while (left < 0) {
		int part = left < -VALUE_MAX ? VALUE_MAX : -left;

		add(&all, a->semaphore, part, UNDO);
		add(&all, a->semaphore, -part, 0);
		left += part;
	}
	add(&all, a->semaphore, left, 0);
	add(&all, a->semaphore, -left, UNDO);
	add(&all, a->semaphore, value, 0);
	return operate(r, t, o, &all);
}

static int
touch(struct restore *r, struct target *t, const struct snap_object *o, size_t semaphore, uint32_t value)
{
	struct operations all = { .n = 0 };
	int first = value < VALUE_MAX ? 1 : -1;

	add(&all, semaphore, first, 0);
	add(&all, semaphore, -first, 0);
	return operate(r, t, o, &all);
}

static int
settle_set(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvSemaphores *s = (const void *)o->message;
	struct target *t;
	int e = 0;

	for (size_t i = 0; i < s->n_adjustments && e == 0; i++)
		if ((t = plan_with(r->p, s->adjustments[i]->process_id)) != NULL)
			e = owe(r, t, o, s->adjustments[i]);
	for (size_t i = 0; i < s->n_values && e == 0; i++) {
		t = s->last_pids[i] != 0 ? plan_find(r->p, s->last_pids[i]) : NULL;
		if (t != NULL && !t->zombie)
			e = touch(r, t, o, i, s->values[i]);
	}
	return e;
}

int
semaphores_settle(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SYSV_SEMAPHORES, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		e = settle_set(r, v[i]);
	return e;
}
