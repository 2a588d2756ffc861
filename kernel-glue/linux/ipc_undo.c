/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What semaphores owe to processes (SEM_UNDO): no call tells it, but semop(2)
 * answers questions about it.
 *
 * An operation that would bring an adjustment out of its range fails with
 * ERANGE before anything happens; one that would have to wait fails with
 * EAGAIN, if asked to, and what the operations before it in the same call did
 * is taken back, all under the lock of the set.  So a call that ends with a wait
 * for zero of a semaphore that is not zero changes nothing, whatever comes
 * before it, and says whether that stays in range.  How much can be taken from
 * an adjustment until it does not is what the adjustment is.
 *
 * Processes make these calls themselves, as adjustments are their own; only
 * those that have any list of them are asked, which kcmp(2) knows, or the facts.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/ipc.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/task.h"

#define VALUE_MAX	32767
#define OPERATIONS_MAX	400	/* of a call; the kernel's own limit is 500, if nobody lowers it */
#define UNDO		0x1000	/* SEM_UNDO */
#define NO_WAIT		04000	/* IPC_NOWAIT */
#define TIMES		8	/* that a question is asked which may be of other values, if the set is in use */
#define PATIENCE	512	/* and at most, of semaphores that others use all the time */
#define CALL_SEMOP	1	/* of ipc(2) */
#define EACH_MAX	9	/* operations that ask_whether_zero() makes of a semaphore */

/* struct sembuf, alike on i386 and amd64 */
struct operation {
	uint16_t	semaphore;
	int16_t		change;
	int16_t		flags;
};

struct question {
	struct operation v[OPERATIONS_MAX];
	size_t		n;
};

static void
add(struct question *q, size_t semaphore, int change, int flags)
{
	q->v[q->n++] = (struct operation){ (uint16_t)semaphore, (int16_t)change, (int16_t)(flags | NO_WAIT) };
}

/* ---- asking ---- */

static int
take_answer(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d;
	(void)t;
	(void)out;
	*(int64_t *)object = ret;
	return 0;
}

/* *fits: the operations stay in range.  The last semaphore named is not zero after them. */
static int
ask(struct dump *d, struct proc *p, const struct semaphores *s, struct question *q, int64_t *ret)
{
	struct task *t = first_live(p);
	int r;

	add(q, q->v[q->n - 1].semaphore, 0, 0);
	if ((r = mem_write(p, p->scratch, q->v, q->n * sizeof *q->v)) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, -r, p, "writing arguments of remote calls");
	r = p->is32 ? remote_ask(d, t, REMOTE_SEMOP, REMOTE_ARGS(CALL_SEMOP, (uint64_t)s->identity.id, q->n, 0,
	    p->scratch), 0, 0, take_answer, ret) : remote_ask(d, t, REMOTE_SEMOP,
	    REMOTE_ARGS((uint64_t)s->identity.id, p->scratch, q->n), 0, 0, take_answer, ret);
	return r != 0 ? r : remote_run(d);
}

/* That it stays in range is believed if it is answered so many times: a value was another meanwhile, perhaps. */
static int
ask_again(struct dump *d, struct proc *p, const struct semaphores *s, const struct question *q, int times,
    int64_t *ret)
{
	int r;

	do {
		struct question again = *q;

		r = ask(d, p, s, &again, ret);
	} while (r == 0 && *ret == -EAGAIN && --times > 0);
	return r;
}

/* Waits if it has another value by now: ERANGE is about the adjustment only, and always true. */
static void
add_zero(struct question *q, const struct semaphores *s, size_t i)
{
	if (s->values[i] > 0)
		add(q, i, -(int)s->values[i], 0);
	add(q, i, 0, 0);
}

/* Whether nothing is owed for semaphores [first, last): one more or less would be too much otherwise. */
static int
ask_whether_zero(struct dump *d, struct proc *p, const struct semaphores *s, size_t first, size_t last, int64_t *ret)
{
	struct question q = { .n = 0 };

	for (size_t i = first; i < last; i++) {
		add_zero(&q, s, i);
		add(&q, i, VALUE_MAX, 0);
		add(&q, i, -VALUE_MAX, UNDO);	/* up to the highest there is */
		add(&q, i, VALUE_MAX, UNDO);
		add(&q, i, -VALUE_MAX, 0);
		add(&q, i, VALUE_MAX, UNDO);
		add(&q, i, -VALUE_MAX, 0);
		add(&q, i, 1, UNDO);		/* and down to the lowest */
	}
	return ask_again(d, p, s, &q, s->quiet ? 1 : TIMES, ret);
}

/*
 * Whether they have the values that were read: no adjustment is so much that
 * twice as many as there are can be taken, so it is ERANGE if they have.
 */
static int
ask_whether_seen(struct dump *d, struct proc *p, const struct semaphores *s, size_t first, size_t last, int64_t *ret)
{
	struct question q = { .n = 0 };

	for (size_t i = first; i < last; i++)
		add_zero(&q, s, i);
	for (int i = 0; i < 3; i++) {
		add(&q, last - 1, VALUE_MAX, 0);
		add(&q, last - 1, -VALUE_MAX, UNDO);
	}
	add(&q, last - 1, 1, 0);
	return ask_again(d, p, s, &q, TIMES, ret);
}

/* Whether this much can be taken from what is owed, or added to it. */
static int
ask_whether_fits(struct dump *d, struct proc *p, const struct semaphores *s, size_t i, int amount, bool taken,
    int times, int64_t *ret)
{
	struct question q = { .n = 0 };

	add_zero(&q, s, i);
	while (amount > 0) {
		int part = amount < VALUE_MAX ? amount : VALUE_MAX;

		add(&q, i, part, taken ? UNDO : 0);
		add(&q, i, -part, taken ? 0 : UNDO);
		amount -= part;
	}
	add(&q, i, 1, 0);
	return ask_again(d, p, s, &q, times, ret);
}

/* ---- finding ---- */

static int
cannot_ask(struct dump *d, struct proc *p, const struct semaphores *s, int64_t ret)
{
	/* what may not be changed has hardly been */
	if (ret == -EACCES && !s->marked)
		return 0;
	return dump_cover(d, ret == -EACCES ? PSNAP_COVERAGE_NOTE : PSNAP_COVERAGE_BREAKS, p, 0, -1, 0, "sysv-undo",
	    "what System V semaphores %d owe to it is not known: %s", (int)s->identity.id, strerror((int)-ret));
}

#define NOTHING_OWED	(VALUE_MAX + 1)		/* an amount that just fits then */
#define ALL_AMOUNTS	(2 * NOTHING_OWED)

/* Between what fits and what is too much: most adjustments are small, so further and further from nothing. */
static int
next_amount(int fits, int too_much)
{
	if (fits == 0 && too_much == ALL_AMOUNTS)
		return NOTHING_OWED;
	if (too_much == ALL_AMOUNTS)
		return fits + (fits - NOTHING_OWED) + 1 < too_much ? fits + (fits - NOTHING_OWED) + 1 : too_much - 1;
	if (fits == 0)
		return too_much - (NOTHING_OWED - too_much) - 1 > 0 ? too_much - (NOTHING_OWED - too_much) - 1 : 1;
	return fits + (too_much - fits) / 2;
}

/* *fits: the most that can be taken.  *ret is what was answered last. */
static int
search(struct dump *d, struct proc *p, const struct semaphores *s, size_t i, int times, int *fits, int64_t *ret)
{
	int too_much = ALL_AMOUNTS, r;

	*fits = 0;
	while (too_much - *fits > 1) {
		int amount = next_amount(*fits, too_much);

		if ((r = ask_whether_fits(d, p, s, i, amount, true, times, ret)) != 0)
			return r;
		if (*ret != -EAGAIN && *ret != -ERANGE)
			return 0;
		*(*ret == -EAGAIN ? fits : &too_much) = amount;
	}
	/* one more than there is room for above it: what is too much both ways is proven */
	return ask_whether_fits(d, p, s, i, ALL_AMOUNTS - *fits, false, times, ret);
}

int
undo_add(struct dump *d, struct proc *p, struct semaphores *s, size_t semaphore, int32_t value)
{
	struct adjustment *a = dump_alloc(d, sizeof *a);

	if (a == NULL || list_add(d, &s->adjustments, a) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	*a = (struct adjustment){ p, (uint32_t)semaphore, value };
	return 0;
}

static int
find_one(struct dump *d, struct proc *p, struct semaphores *s, size_t i)
{
	int64_t ret = -EAGAIN;
	int fits, r;

	for (int times = 1; ret == -EAGAIN && times <= PATIENCE; times *= 8)
		if ((r = search(d, p, s, i, times, &fits, &ret)) != 0)
			return r;
	if (ret != -ERANGE)
		return cannot_ask(d, p, s, ret == -EAGAIN ? -EBUSY : ret);
	return fits == NOTHING_OWED ? 0 : undo_add(d, p, s, i, fits - NOTHING_OWED);
}

static int
find_all(struct dump *d, struct proc *p, struct semaphores *s)
{
	const size_t step = (OPERATIONS_MAX - 1) / EACH_MAX;
	int r = 0;

	for (size_t first = 0; first < s->n && r == 0; first += step) {
		size_t last = s->n - first < step ? s->n : first + step;
		int64_t ret;

		if ((r = ask_whether_zero(d, p, s, first, last, &ret)) != 0 || (ret == -EAGAIN && s->quiet))
			continue;
		if (ret == -EAGAIN) {
			if ((r = ask_whether_seen(d, p, s, first, last, &ret)) == 0 && ret != -ERANGE)
				r = cannot_ask(d, p, s, ret == -EAGAIN ? -EBUSY : ret);
			continue;
		}
		if (ret != -ERANGE)
			return cannot_ask(d, p, s, ret);
		for (size_t i = first; i < last && r == 0; i++)
			r = find_one(d, p, s, i);
	}
	return r;
}

/* ---- whose ---- */

static char none;	/* stands for whose list is empty */

/* The place of the process whose list the thread's is. */
static void **
place_of_list(struct dump *d, struct share_set *lists, const struct task *t)
{
	static void *nobody = &none;
	const struct rec_thread *k = facts_thread(d, t->tid);

	if (k == NULL || !(k->have & REC_HAVE_UNDO))
		return share_find_by_kcmp(d, lists, SHARE_UNDO, t->tid, 0);
	return k->undo != 0 ? facts_known(d, k->undo) : &nobody;
}

/* Threads mostly have one list together, which a process never has with another. */
static int
check_lists(struct dump *d, struct proc *p, struct share_set *lists, bool *any)
{
	*any = false;
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct task *t = p->tasks.v[i];
		void **owner;

		if (!t->stopped)
			continue;
		if ((owner = place_of_list(d, lists, t)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		if (*owner == &none)
			continue;
		if ((*owner != NULL && *owner != p) || (*owner == NULL && *any))
			return dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, 0, "sysv-undo",
			    "thread %d has what semaphores owe to it with others than those of its process",
			    (int)t->tid);
		*owner = p;
		*any = true;
	}
	return 0;
}

static int
compare_adjustments(const void *a, const void *b)
{
	const struct adjustment *x = *(struct adjustment *const *)a, *y = *(struct adjustment *const *)b;

	if (x->proc != y->proc)
		return x->proc->id < y->proc->id ? -1 : 1;
	return (x->semaphore > y->semaphore) - (x->semaphore < y->semaphore);
}

static void
sort(struct ipc *ipc)
{
	for (size_t i = 0; i < ipc->semaphores.n; i++) {
		struct list *l = &((struct semaphores *)ipc->semaphores.v[i])->adjustments;

		if (l->n > 1)
			qsort(l->v, l->n, sizeof *l->v, compare_adjustments);
	}
}

static int
find_in_all(struct dump *d, struct ipc *ipc, struct proc *p)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ipc->semaphores.n; i++) {
		struct semaphores *s = ipc->semaphores.v[i];

		if (s->settled)
			continue;
		if (undo_is_told(d, p, s))
			r = undo_take(d, p, s);
		else if ((r = remote_begin_process(d, p)) == 0)
			r = find_all(d, p, s);
	}
	return r;
}

static int
ask_all(struct dump *d, struct ipc *ipc, struct share_set *lists)
{
	bool any;
	int r;

	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		if (p->zombie)
			continue;
		if ((r = check_lists(d, p, lists, &any)) != 0 || (any && (r = find_in_all(d, ipc, p)) != 0))
			return r;
	}
	sort(ipc);
	return 0;
}

/* Whoever makes a thread has a list from then on, we as well; who was just forked has none. */
static pid_t
fork_idle(void)
{
	pid_t self = getpid(), pid = fork();

	if (pid != 0)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	while (getppid() == self)	/* or we were too late to be told */
		pause();
	_exit(0);
}

int
undo_ask(struct dump *d, struct ipc *ipc)
{
	struct share_set lists = { { 0 } };
	void **own;
	pid_t idle;
	int r;

	if (undo_lists_are_told(d))
		return ask_all(d, ipc, &lists);
	if ((idle = fork_idle()) < 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "forking");
	/* whoever is equal to it has none either */
	if ((own = share_find_by_kcmp(d, &lists, SHARE_UNDO, idle, 0)) != NULL) {
		*own = &none;
		r = ask_all(d, ipc, &lists);
	} else {
		r = dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	kill(idle, SIGKILL);
	waitpid(idle, NULL, 0);
	return r;
}
