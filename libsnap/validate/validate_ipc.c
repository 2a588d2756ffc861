/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V IPC objects, each by itself, and what no two of a kind share.
 */
#include <stdlib.h>

#include "format/host.pb-c.h"
#include "format/ipc.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/model/sysv_identity.h"
#include "libsnap/validate/validate.h"

#define MODE_MAX	0777
#define SET_MAX		65536	/* what 16 bits can number */
#define SEMAPHORE_MAX	32767

static void
check_identity(struct check *v, const struct snap_object *o, const Psnap__SysvIdentity *i)
{
	const Psnap__Namespace *n;

	if (i == NULL) {							/* IPC-1 */
		check_corrupt(v, o, "IPC-1", "it has no identity");
		return;
	}
	if (i->id < 0 || i->mode > MODE_MAX)					/* IPC-1 */
		check_corrupt(v, o, "IPC-1", "id %d, mode 0%o", (int)i->id, (unsigned)i->mode);
	n = snap_get_message(v->s, i->namespace_id, PSNAP_KIND_NAMESPACE);
	if (n != NULL && n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_IPC)	/* IPC-1 */
		check_corrupt(v, o, "IPC-1", "it is in a namespace of kind %d", (int)n->kind);
}

void
check_sysv_segment(struct check *v, const struct snap_object *o)
{
	const Psnap__SysvSegment *s = CHECK_MESSAGE(Psnap__SysvSegment, o);
	const Psnap__MemoryObject *m = snap_get_message(v->s, s->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);

	check_identity(v, o, s->identity);
	if (m != NULL && (m->kind != PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_SYSV || m->size == 0))	/* SHM-1 */
		check_corrupt(v, o, "SHM-1", "its memory object is of kind %d and has %llu bytes", (int)m->kind,
		    (unsigned long long)m->size);
	if (s->deleted && s->identity != NULL && s->identity->key != 0)		/* SHM-3 */
		check_corrupt(v, o, "SHM-3", "it is deleted, but has key 0x%x", (unsigned)s->identity->key);
}

static bool
is_sound(const struct check *v, const Psnap__SysvSemaphores *s, const Psnap__SemaphoreAdjustment *a)
{
	const Psnap__Process *p = snap_get_message(v->s, a->process_id, PSNAP_KIND_PROCESS);

	return a->semaphore < s->n_values && a->value != 0 && a->value >= -SEMAPHORE_MAX - 1 &&
	    a->value <= SEMAPHORE_MAX && (p == NULL || p->state != PSNAP__PROCESS_STATE__PROCESS_ZOMBIE);
}

static bool
follows(const Psnap__SemaphoreAdjustment *a, const Psnap__SemaphoreAdjustment *b)
{
	return a->process_id != b->process_id ? a->process_id > b->process_id : a->semaphore > b->semaphore;
}

void
check_sysv_semaphores(struct check *v, const struct snap_object *o)
{
	const Psnap__SysvSemaphores *s = CHECK_MESSAGE(Psnap__SysvSemaphores, o);

	check_identity(v, o, s->identity);
	if (s->n_values == 0 || s->n_values > SET_MAX || s->n_last_pids != s->n_values)	/* SEM-1 */
		check_corrupt(v, o, "SEM-1", "%lu values, %lu last pids", (unsigned long)s->n_values,
		    (unsigned long)s->n_last_pids);
	for (size_t i = 0; i < s->n_values; i++)
		if (s->values[i] > SEMAPHORE_MAX)				/* SEM-2 */
			check_corrupt(v, o, "SEM-2", "semaphore %lu is %u", (unsigned long)i, s->values[i]);
	for (size_t i = 0; i < s->n_adjustments; i++) {
		const Psnap__SemaphoreAdjustment *a = s->adjustments[i];

		if (!is_sound(v, s, a) || (i > 0 && !follows(a, s->adjustments[i - 1])))	/* SEM-3 */
			check_corrupt(v, o, "SEM-3", "adjustment %lu is %d, of semaphore %u", (unsigned long)i,
			    (int)a->value, a->semaphore);
	}
}

void
check_sysv_queue(struct check *v, const struct snap_object *o)
{
	const Psnap__SysvQueue *q = CHECK_MESSAGE(Psnap__SysvQueue, o);

	check_identity(v, o, q->identity);
	for (size_t i = 0; i < q->n_messages; i++)
		if (q->messages[i]->type <= 0)					/* MSQ-1 */
			check_corrupt(v, o, "MSQ-1", "message %lu is of type %lld", (unsigned long)i,
			    (long long)q->messages[i]->type);
}

/* ---- what no two have ---- */

struct number {
	uint64_t	within, value;	/* a namespace or 0; what is to be unique there */
	const struct snap_object *object;
};

/* Of an object that has one. */
typedef bool number_fn(const struct snap_object *o, struct number *n);

static bool
number_is_id(const struct snap_object *o, struct number *n)
{
	const Psnap__SysvIdentity *i = sysv_identity(o);

	if (i != NULL)
		*n = (struct number){ i->namespace_id, (uint64_t)i->id, o };
	return i != NULL;
}

static bool
number_is_key(const struct snap_object *o, struct number *n)
{
	const Psnap__SysvIdentity *i = sysv_identity(o);

	if (i != NULL)
		*n = (struct number){ i->namespace_id, i->key, o };
	return i != NULL && i->key != 0;
}

static bool
number_is_memory(const struct snap_object *o, struct number *n)
{
	*n = (struct number){ 0, CHECK_MESSAGE(Psnap__SysvSegment, o)->memory_object_id, o };
	return n->value != 0;
}

static int
compare(const void *a, const void *b)
{
	const struct number *x = a, *y = b;

	if (x->within != y->within)
		return x->within < y->within ? -1 : 1;
	if (x->value != y->value)
		return x->value < y->value ? -1 : 1;
	return (x->object > y->object) - (x->object < y->object);
}

static int
check_unique(struct check *v, uint32_t kind, const char *rule, const char *name, number_fn *number)
{
	size_t n, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, kind, &n);
	struct number *numbers = malloc((n + 1) * sizeof *numbers);

	if (numbers == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < n; i++)
		used += all[i]->message != NULL && number(all[i], &numbers[used]);
	qsort(numbers, used, sizeof *numbers, compare);
	for (size_t i = 1; i < used && !v->stopped; i++)
		if (numbers[i].within == numbers[i - 1].within && numbers[i].value == numbers[i - 1].value)
			check_corrupt(v, numbers[i].object, rule, "%s 0x%llx is also %s %llu's", name,
			    (unsigned long long)numbers[i].value, snap_kind_name(kind),
			    (unsigned long long)numbers[i - 1].object->id);
	free(numbers);
	return 0;
}

int
check_sysv(struct check *v)
{
	static const uint32_t kinds[] = { PSNAP_KIND_SYSV_SEGMENT, PSNAP_KIND_SYSV_SEMAPHORES, PSNAP_KIND_SYSV_QUEUE };
	int r;

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if ((r = check_unique(v, kinds[i], "IPC-2", "id", number_is_id)) != 0 ||
		    (r = check_unique(v, kinds[i], "IPC-3", "key", number_is_key)) != 0)
			return r;
	return check_unique(v, PSNAP_KIND_SYSV_SEGMENT, "SHM-2", "memory object", number_is_memory);
}
