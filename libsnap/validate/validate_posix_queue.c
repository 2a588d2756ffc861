/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues.
 */
#include <stdlib.h>
#include <string.h>

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/ipc.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

#define NAME_LEN_MAX	255
#define MODE_MAX	07777
#define PRIORITY_MAX	32767

static bool
is_name(const ProtobufCBinaryData *n)
{
	return n->len > 0 && n->len <= NAME_LEN_MAX && memchr(n->data, '\0', n->len) == NULL &&
	    memchr(n->data, '/', n->len) == NULL && !(n->len <= 2 && memcmp(n->data, "..", n->len) == 0);
}

static void
check_messages(struct check *v, const struct snap_object *o, const Psnap__PosixQueue *q)
{
	if (q->max_messages == 0 || q->message_size == 0 || q->n_messages > q->max_messages)	/* PMQ-2 */
		check_corrupt(v, o, "PMQ-2", "%lu messages, of at most %u with %u bytes", (unsigned long)q->n_messages,
		    q->max_messages, q->message_size);
	for (size_t i = 0; i < q->n_messages; i++) {
		const Psnap__PosixMessage *m = q->messages[i];

		if (m->data.len > q->message_size)				/* PMQ-2 */
			check_corrupt(v, o, "PMQ-2", "message %lu has %lu bytes", (unsigned long)i,
			    (unsigned long)m->data.len);
		if (m->priority > (i > 0 ? q->messages[i - 1]->priority : PRIORITY_MAX))	/* PMQ-3 */
			check_corrupt(v, o, "PMQ-3", "message %lu is of priority %u", (unsigned long)i, m->priority);
	}
}

/* Whether this descriptor of the process is of the queue; tables are sorted (TAB-2). */
static bool
has_open(struct check *v, const Psnap__Process *p, int32_t fd, uint64_t queue_id)
{
	const Psnap__DescriptorTable *t =
	    snap_get_message(v->s, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);
	size_t lo = 0, hi = t != NULL ? t->n_descriptors : 0;
	const Psnap__OpenFile *f;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->descriptors[mid]->fd < fd)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (t == NULL || lo == t->n_descriptors || t->descriptors[lo]->fd != fd)
		return false;
	f = snap_get_message(v->s, t->descriptors[lo]->open_file_id, PSNAP_KIND_OPEN_FILE);
	return f != NULL && f->posix_queue_id == queue_id;
}

static void
check_notification(struct check *v, const struct snap_object *o, const Psnap__PosixNotification *n)
{
	const Psnap__Process *p = snap_get_message(v->s, n->process_id, PSNAP_KIND_PROCESS);

	if (p != NULL && (p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE || !has_open(v, p, n->fd, o->id)))	/* PMQ-5 */
		check_corrupt(v, o, "PMQ-5", "pid %d, which is to be notified, does not have it open as %d", (int)p->pid,
		    (int)n->fd);
	if (n->signal == PSNAP__SIGNAL__SIGNAL_NONE && n->value != 0)		/* PMQ-5 */
		check_corrupt(v, o, "PMQ-5", "a notification without a signal has value 0x%llx",
		    (unsigned long long)n->value);
}

void
check_posix_queue(struct check *v, const struct snap_object *o)
{
	const Psnap__PosixQueue *q = CHECK_MESSAGE(Psnap__PosixQueue, o);
	const Psnap__Namespace *n = snap_get_message(v->s, q->namespace_id, PSNAP_KIND_NAMESPACE);

	if (!is_name(&q->name) || q->mode > MODE_MAX)				/* PMQ-1 */
		check_corrupt(v, o, "PMQ-1", "a name of %lu bytes, mode 0%o", (unsigned long)q->name.len,
		    (unsigned)q->mode);
	if (n != NULL && n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_IPC)	/* PMQ-1 */
		check_corrupt(v, o, "PMQ-1", "it is in a namespace of kind %d", (int)n->kind);
	check_messages(v, o, q);
	if (q->notification != NULL)
		check_notification(v, o, q->notification);
}

/* ---- what no two have ---- */

static int
compare(const void *a, const void *b)
{
	const struct snap_object *x = *(const struct snap_object *const *)a, *y = *(const struct snap_object *const *)b;
	const Psnap__PosixQueue *q = CHECK_MESSAGE(Psnap__PosixQueue, x), *r = CHECK_MESSAGE(Psnap__PosixQueue, y);
	int c;

	if (q->namespace_id != r->namespace_id)
		return q->namespace_id < r->namespace_id ? -1 : 1;
	if (q->name.len != r->name.len)
		return q->name.len < r->name.len ? -1 : 1;
	c = q->name.len == 0 ? 0 : memcmp(q->name.data, r->name.data, q->name.len);
	return c != 0 ? c : (x->id > y->id) - (x->id < y->id);
}

static bool
same_name(const struct snap_object *a, const struct snap_object *b)
{
	const Psnap__PosixQueue *q = CHECK_MESSAGE(Psnap__PosixQueue, a), *r = CHECK_MESSAGE(Psnap__PosixQueue, b);

	return q->namespace_id == r->namespace_id && q->name.len == r->name.len &&
	    (q->name.len == 0 || memcmp(q->name.data, r->name.data, q->name.len) == 0);
}

int
check_posix_queues(struct check *v)
{
	size_t n, used = 0;
	const struct snap_object *const *all = snap_get_kind(v->s, PSNAP_KIND_POSIX_QUEUE, &n);
	const struct snap_object **named = malloc((n + 1) * sizeof *named);

	if (named == NULL)
		return error_nomem(v->err);
	for (size_t i = 0; i < n; i++)
		if (all[i]->message != NULL && !CHECK_MESSAGE(Psnap__PosixQueue, all[i])->unlinked)
			named[used++] = all[i];
	qsort(named, used, sizeof *named, compare);
	for (size_t i = 1; i < used && !v->stopped; i++)
		if (same_name(named[i], named[i - 1]))				/* PMQ-4 */
			check_corrupt(v, named[i], "PMQ-4", "its name is also posix-queue %llu's",
			    (unsigned long long)named[i - 1]->id);
	free(named);
	return 0;
}
