/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The graph as a whole: what there must be exactly one of, who belongs to
 * whom, and chains that must end.
 */
#include <stdlib.h>

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

/* ---- GRA-4: exactly one ---- */

static const struct snap_object *
only_one(struct check *v, uint32_t kind)
{
	size_t n;
	const struct snap_object *const *all = snap_get_kind(v->s, kind, &n);

	if (n == 0)								/* GRA-4 */
		check_corrupt(v, NULL, "GRA-4", "there is no %s record", snap_kind_name(kind));
	for (size_t i = 1; i < n; i++)
		check_corrupt(v, all[i], "GRA-4", "a second %s record", snap_kind_name(kind));
	return n > 0 ? all[0] : NULL;
}

/* ---- GRA-5, GRA-6: Instance.process_ids ---- */

static void
check_process_list(struct check *v, const struct snap_object *instance, uint8_t *listed)
{
	const Psnap__Instance *in = CHECK_MESSAGE(Psnap__Instance, instance);
	const struct snap_object *const *all;
	size_t n;

	if (in->n_process_ids == 0 || in->process_ids[0] != in->root_process_id)	/* GRA-6 */
		check_corrupt(v, instance, "GRA-6", "root_process_id %llu is not the first of process_ids",
		    (unsigned long long)in->root_process_id);
	for (size_t i = 0; i < in->n_process_ids && !v->stopped; i++) {
		const struct snap_object *o = snap_get_object(v->s, in->process_ids[i]), *parent;
		const Psnap__Process *p;

		if (o == NULL || o->kind != PSNAP_KIND_PROCESS || o->message == NULL)
			continue;
		p = CHECK_MESSAGE(Psnap__Process, o);
		if (listed[check_index(v, o)]++ == 1)				/* GRA-5 */
			check_corrupt(v, instance, "GRA-5", "process_ids names process %llu twice",
			    (unsigned long long)o->id);
		if ((p->parent_id == 0) != (o->id == in->root_process_id))	/* GRA-6 */
			check_corrupt(v, o, "GRA-6", p->parent_id == 0 ?
			    "has no parent, but is not the root process" : "is the root process, but has a parent");
		parent = snap_get_object(v->s, p->parent_id);
		if (parent != NULL && parent->kind == PSNAP_KIND_PROCESS && parent != o &&
		    listed[check_index(v, parent)] == 0)			/* GRA-6 */
			check_corrupt(v, instance, "GRA-6",
			    "process_ids names process %llu before its parent %llu",
			    (unsigned long long)o->id, (unsigned long long)parent->id);
	}
	all = snap_get_kind(v->s, PSNAP_KIND_PROCESS, &n);
	for (size_t i = 0; i < n; i++)
		if (listed[check_index(v, all[i])] == 0)			/* GRA-5 */
			check_corrupt(v, all[i], "GRA-5", "is not in the instance's process_ids");
}

/* ---- GRA-7: chains that must end ---- */

static uint64_t
next_in_chain(const struct snap_object *o)
{
	if (o->message == NULL)
		return 0;
	return o->kind == PSNAP_KIND_PROCESS ? CHECK_MESSAGE(Psnap__Process, o)->parent_id :
	    CHECK_MESSAGE(Psnap__SeccompFilter, o)->previous_id;
}

/*
 * mark: 0 unseen, 1 on the chain being followed, 2 known to end (or reported).
 * Every object is entered once, so long chains cost no more than short ones.
 */
static void
check_chains(struct check *v, uint32_t kind, uint8_t *mark)
{
	size_t n;
	const struct snap_object *const *all = snap_get_kind(v->s, kind, &n);

	for (size_t i = 0; i < n && !v->stopped; i++) {
		const struct snap_object *o = all[i];

		while (o != NULL && o->kind == kind && mark[check_index(v, o)] == 0) {
			mark[check_index(v, o)] = 1;
			o = snap_get_object(v->s, next_in_chain(o));
		}
		if (o != NULL && o->kind == kind && mark[check_index(v, o)] == 1)	/* GRA-7 */
			check_corrupt(v, o, "GRA-7", kind == PSNAP_KIND_PROCESS ?
			    "is its own ancestor" : "comes before itself");
		for (o = all[i]; o != NULL && o->kind == kind && mark[check_index(v, o)] == 1;
		    o = snap_get_object(v->s, next_in_chain(o)))
			mark[check_index(v, o)] = 2;
	}
}

/* ---- GRA-8, GRA-9: owners ---- */

static void
check_owners(struct check *v)
{
	static const uint32_t shared[] = {
		PSNAP_KIND_SIGNAL_HANDLERS, PSNAP_KIND_FS_CONTEXT, PSNAP_KIND_ADDRESS_SPACE,
		PSNAP_KIND_DESCRIPTOR_TABLE,
	};
	const struct snap_object *const *all;
	size_t n;

	all = snap_get_kind(v->s, PSNAP_KIND_THREAD, &n);
	for (size_t i = 0; i < n; i++)
		if (v->users[check_index(v, all[i])] != 1)			/* GRA-8 */
			check_corrupt(v, all[i], "GRA-8", "is in the thread_ids of %u processes, not of one",
			    v->users[check_index(v, all[i])]);
	for (size_t k = 0; k < sizeof shared / sizeof shared[0]; k++) {
		all = snap_get_kind(v->s, shared[k], &n);
		for (size_t i = 0; i < n; i++)
			if (v->users[check_index(v, all[i])] == 0)		/* GRA-9 */
				check_corrupt(v, all[i], "GRA-9", "belongs to no process");
	}
}

int
check_graph(struct check *v)
{
	const struct snap_object *provenance, *instance;
	uint8_t *mark;

	if ((mark = calloc(v->s->count + 1, 1)) == NULL)
		return error_nomem(v->err);
	provenance = only_one(v, PSNAP_KIND_PROVENANCE);
	if (provenance != NULL && v->s->order[0] != provenance)			/* GRA-4 */
		check_corrupt(v, provenance, "GRA-4", "is not the first record");
	only_one(v, PSNAP_KIND_HOST);
	instance = only_one(v, PSNAP_KIND_INSTANCE);
	if (instance != NULL && instance->message != NULL)
		check_process_list(v, instance, mark);
	for (size_t i = 0; i < v->s->count; i++)
		mark[i] = 0;
	check_chains(v, PSNAP_KIND_PROCESS, mark);
	check_chains(v, PSNAP_KIND_SECCOMP_FILTER, mark);
	check_owners(v);
	free(mark);
	return 0;
}

/* ---- numbers that must differ ---- */

struct number {
	int32_t		value;
	const struct snap_object *object;
};

static int
compare_numbers(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

static int32_t
number_of(const struct snap_object *o)
{
	switch (o->kind) {
	case PSNAP_KIND_SESSION:
		return CHECK_MESSAGE(Psnap__Session, o)->sid;
	case PSNAP_KIND_PROCESS_GROUP:
		return CHECK_MESSAGE(Psnap__ProcessGroup, o)->pgid;
	case PSNAP_KIND_PROCESS:
		return CHECK_MESSAGE(Psnap__Process, o)->pid;
	default:
		return CHECK_MESSAGE(Psnap__Thread, o)->tid;
	}
}

/* No two objects of a kind with one number, and none below 1. */
static int
check_unique(struct check *v, uint32_t kind, const char *rule, const char *name)
{
	size_t n, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, kind, &n);
	struct number *numbers = malloc((n + 1) * sizeof *numbers);

	if (numbers == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < n; i++)
		if (all[i]->message != NULL)
			numbers[used++] = (struct number){ number_of(all[i]), all[i] };
	qsort(numbers, used, sizeof *numbers, compare_numbers);
	for (size_t i = 0; i < used && !v->stopped; i++) {
		if (numbers[i].value <= 0)
			check_corrupt(v, numbers[i].object, rule, "%s %d is not positive", name,
			    (int)numbers[i].value);
		else if (i > 0 && numbers[i].value == numbers[i - 1].value)
			check_corrupt(v, numbers[i].object, rule, "%s %d is also %s %llu's", name,
			    (int)numbers[i].value, snap_kind_name(kind),
			    (unsigned long long)numbers[i - 1].object->id);
	}
	free(numbers);
	return 0;
}

int
check_numbers(struct check *v)
{
	int r;

	if ((r = check_unique(v, PSNAP_KIND_SESSION, "SES-1", "sid")) != 0 ||
	    (r = check_unique(v, PSNAP_KIND_PROCESS_GROUP, "PGR-1", "pgid")) != 0 ||
	    (r = check_unique(v, PSNAP_KIND_PROCESS, "PRC-1", "pid")) != 0)
		return r;
	return check_unique(v, PSNAP_KIND_THREAD, "THR-1", "tid");
}

/* ---- OPN-6: an epoll that waits for itself ---- */

static const Psnap__Epoll *
epoll_of(const struct snap_object *o)
{
	return o != NULL && o->kind == PSNAP_KIND_OPEN_FILE && o->message != NULL ?
	    CHECK_MESSAGE(Psnap__OpenFile, o)->epoll : NULL;
}

/* One step down: the next entry of o that is an epoll, counting in at[]. */
static const struct snap_object *
next_epoll(struct check *v, const struct snap_object *o, size_t *at)
{
	const Psnap__Epoll *e = epoll_of(o);

	while (e != NULL && at[check_index(v, o)] < e->n_entries) {
		const struct snap_object *to =
		    snap_get_object(v->s, e->entries[at[check_index(v, o)]++]->open_file_id);

		if (epoll_of(to) != NULL)
			return to;
	}
	return NULL;
}

/* Depth first, with the way back in stack[]: each entry is looked at once. */
int
check_epolls(struct check *v)
{
	size_t n, depth, *at = calloc(v->s->count + 1, sizeof *at);
	const struct snap_object *const *all = snap_get_kind(v->s, PSNAP_KIND_OPEN_FILE, &n);
	const struct snap_object **stack = calloc(n + 1, sizeof *stack), *to;
	uint8_t *mark = calloc(v->s->count + 1, 1);
	int r = 0;

	if (at == NULL || stack == NULL || mark == NULL) {
		r = error_nomem(v->err);
		goto out;
	}
	for (size_t i = 0; i < n && !v->stopped; i++) {
		if (epoll_of(all[i]) == NULL || mark[check_index(v, all[i])] != 0)
			continue;
		stack[0] = all[i];
		mark[check_index(v, all[i])] = 1;
		for (depth = 1; depth > 0;) {
			if ((to = next_epoll(v, stack[depth - 1], at)) == NULL) {
				mark[check_index(v, stack[--depth])] = 2;
				continue;
			}
			if (mark[check_index(v, to)] == 1)			/* OPN-6 */
				check_corrupt(v, to, "OPN-6", "waits for itself, through open file %llu",
				    (unsigned long long)stack[depth - 1]->id);
			if (mark[check_index(v, to)] != 0)
				continue;
			mark[check_index(v, to)] = 1;
			stack[depth++] = to;
		}
	}
out:
	free(at);
	free(stack);
	free(mark);
	return r;
}
