/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/ipc.pb-c.h"
#include "tools/snapinspect/view.h"

static json_t *
identity_json(const Psnap__SysvIdentity *i)
{
	if (i == NULL)
		return json_object();
	return json_pack("{s:i, s:o, s:o, s:I, s:I, s:I, s:I}", "id", (int)i->id, "key",
	    json_sprintf("0x%08x", (unsigned)i->key), "mode", json_sprintf("%04o", (unsigned)i->mode), "uid",
	    (json_int_t)i->uid, "gid", (json_int_t)i->gid, "creator_uid", (json_int_t)i->creator_uid, "creator_gid",
	    (json_int_t)i->creator_gid);
}

/* ---- shared memory ---- */

static bool
maps(struct snap *s, const Psnap__Process *p, uint64_t memory_object_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, p->address_space_id, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++)
		if (((const Psnap__Mapping *)(const void *)v[i]->message)->memory_object_id == memory_object_id)
			return true;
	return false;
}

static json_t *
pids_json(struct snap *s, uint64_t memory_object_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
	json_t *pids = json_array();

	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (p != NULL && p->address_space_id != 0 && maps(s, p, memory_object_id))
			json_array_append_new(pids, json_integer(p->pid));
	}
	return pids;
}

static json_t *
segment_json(struct snap *s, const ProtobufCMessage *message)
{
	const Psnap__SysvSegment *g = (const void *)message;
	const Psnap__MemoryObject *m = snap_get_message(s, g->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);
	json_t *j = identity_json(g->identity);

	json_object_update_new(j, json_pack("{s:I, s:I, s:b, s:b, s:o, s:I, s:i, s:i, s:I, s:I, s:I}", "bytes",
	    (json_int_t)(m != NULL ? m->size : 0), "held_pages", (json_int_t)(m != NULL ? m->held_pages : 0), "deleted",
	    (int)g->deleted, "locked", (int)g->locked, "attached_by", pids_json(s, g->memory_object_id), "attachments",
	    (json_int_t)g->attachments, "creator_pid", (int)g->creator_pid, "last_pid", (int)g->last_pid,
	    "attached_ns", (json_int_t)g->attached_ns, "detached_ns", (json_int_t)g->detached_ns, "changed_ns",
	    (json_int_t)g->changed_ns));
	return j;
}

/* ---- semaphores ---- */

static json_t *
adjustments_json(struct snap *s, const Psnap__SysvSemaphores *x)
{
	json_t *list = json_array();

	for (size_t i = 0; i < x->n_adjustments; i++) {
		const Psnap__SemaphoreAdjustment *a = x->adjustments[i];
		const Psnap__Process *p = get_process(s, a->process_id);

		json_array_append_new(list, json_pack("{s:i, s:I, s:i}", "pid", p != NULL ? (int)p->pid : 0, "semaphore",
		    (json_int_t)a->semaphore, "value", (int)a->value));
	}
	return list;
}

static json_t *
semaphores_json(struct snap *s, const ProtobufCMessage *message)
{
	const Psnap__SysvSemaphores *x = (const void *)message;
	json_t *j = identity_json(x->identity), *values = json_array(), *pids = json_array();

	for (size_t i = 0; i < x->n_values; i++)
		json_array_append_new(values, json_integer(x->values[i]));
	for (size_t i = 0; i < x->n_last_pids; i++)
		json_array_append_new(pids, json_integer(x->last_pids[i]));
	json_object_update_new(j, json_pack("{s:o, s:o, s:o, s:I, s:I}", "values", values, "last_pids", pids,
	    "adjustments", adjustments_json(s, x), "used_ns", (json_int_t)x->used_ns, "changed_ns",
	    (json_int_t)x->changed_ns));
	return j;
}

/* ---- queues ---- */

static json_t *
queue_json(struct snap *s, const ProtobufCMessage *message)
{
	const Psnap__SysvQueue *q = (const void *)message;
	json_t *j = identity_json(q->identity), *list = json_array();

	(void)s;
	for (size_t i = 0; i < q->n_messages; i++)
		json_array_append_new(list, json_pack("{s:I, s:I}", "type", (json_int_t)q->messages[i]->type, "bytes",
		    (json_int_t)q->messages[i]->data.len));
	json_object_update_new(j, json_pack("{s:I, s:o, s:i, s:i, s:I, s:I, s:I}", "capacity", (json_int_t)q->capacity,
	    "messages", list, "last_sender_pid", (int)q->last_sender_pid, "last_receiver_pid",
	    (int)q->last_receiver_pid, "sent_ns", (json_int_t)q->sent_ns, "received_ns", (json_int_t)q->received_ns,
	    "changed_ns", (json_int_t)q->changed_ns));
	return j;
}

/* ---- POSIX queues ---- */

static json_t *
notification_json(struct snap *s, const Psnap__PosixNotification *n)
{
	const Psnap__Process *p = n != NULL ? get_process(s, n->process_id) : NULL;
	char w[64];

	if (n == NULL)
		return json_null();
	return json_pack("{s:i, s:i, s:s, s:o}", "pid", p != NULL ? (int)p->pid : 0, "fd", (int)n->fd, "signal",
	    word(&psnap__signal__descriptor, (int)n->signal, w), "value", json_hex(n->value));
}

static json_t *
posix_queue_json(struct snap *s, const ProtobufCMessage *message)
{
	const Psnap__PosixQueue *q = (const void *)message;
	json_t *list = json_array();

	for (size_t i = 0; i < q->n_messages; i++)
		json_array_append_new(list, json_pack("{s:I, s:I}", "priority", (json_int_t)q->messages[i]->priority,
		    "bytes", (json_int_t)q->messages[i]->data.len));
	return json_pack("{s:o, s:b, s:o, s:I, s:I, s:I, s:I, s:o, s:o}", "name", json_bytes(q->name.data, q->name.len),
	    "unlinked", (int)q->unlinked, "mode", json_sprintf("%04o", (unsigned)q->mode), "uid", (json_int_t)q->uid,
	    "gid", (json_int_t)q->gid, "max_messages", (json_int_t)q->max_messages, "message_size",
	    (json_int_t)q->message_size, "messages", list, "notification", notification_json(s, q->notification));
}

/* ---- all ---- */

static json_t *
list_json(struct snap *s, uint32_t kind, json_t *(*make)(struct snap *s, const ProtobufCMessage *m))
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, kind, &n);
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++)
		if (v[i]->message != NULL)
			json_array_append_new(list, make(s, v[i]->message));
	return list;
}

json_t *
ipc_make(struct snap *s, const struct options *o, int *status)
{
	(void)o;
	(void)status;
	return json_pack("{s:o, s:o, s:o, s:o}", "segments", list_json(s, PSNAP_KIND_SYSV_SEGMENT, segment_json),
	    "semaphores", list_json(s, PSNAP_KIND_SYSV_SEMAPHORES, semaphores_json), "queues",
	    list_json(s, PSNAP_KIND_SYSV_QUEUE, queue_json), "posix_queues",
	    list_json(s, PSNAP_KIND_POSIX_QUEUE, posix_queue_json));
}

/* ---- for people ---- */

static void
print_identity(const char *what, const json_t *j)
{
	printf("%s %lld key %s mode %s owner %lld:%lld", what, (long long)num(j, "id"), str(j, "key"), str(j, "mode"),
	    (long long)num(j, "uid"), (long long)num(j, "gid"));
}

static void
print_segment(const json_t *j)
{
	const json_t *pid;
	size_t i;

	print_identity("segment", j);
	printf(", %lld bytes, %lld pages held%s%s", (long long)num(j, "bytes"), (long long)num(j, "held_pages"),
	    is_true(j, "locked") ? ", locked" : "", is_true(j, "deleted") ? ", deleted" : "");
	json_array_foreach(json_object_get(j, "attached_by"), i, pid)
		printf("%s %lld", i == 0 ? ", attached by" : "", (long long)json_integer_value(pid));
	putchar('\n');
}

#define SHOWN	16	/* values of a set */

static void
print_semaphores(const json_t *j)
{
	const json_t *values = json_object_get(j, "values"), *x;
	size_t i;

	print_identity("semaphores", j);
	printf(", %zu:", json_array_size(values));
	json_array_foreach(values, i, x) {
		if (i == SHOWN) {
			printf(" and %zu more", json_array_size(values) - SHOWN);
			break;
		}
		printf(" %lld", (long long)json_integer_value(x));
	}
	putchar('\n');
	json_array_foreach(json_object_get(j, "adjustments"), i, x)
		printf("      %+lld to %lld when pid %lld ends\n", (long long)num(x, "value"),
		    (long long)num(x, "semaphore"), (long long)num(x, "pid"));
}

static void
print_queue(const json_t *j)
{
	const json_t *messages = json_object_get(j, "messages"), *x;
	long long bytes = 0;
	size_t i;

	json_array_foreach(messages, i, x)
		bytes += (long long)num(x, "bytes");
	print_identity("queue", j);
	printf(", %zu messages, %lld of %lld bytes\n", json_array_size(messages), bytes, (long long)num(j, "capacity"));
}

static void
print_posix_queue(const json_t *j)
{
	const json_t *messages = json_object_get(j, "messages"), *told = json_object_get(j, "notification");

	printf("POSIX queue /%s%s mode %s owner %lld:%lld, %zu of %lld messages of at most %lld bytes\n", str(j, "name"),
	    is_true(j, "unlinked") ? " (unlinked)" : "", str(j, "mode"), (long long)num(j, "uid"),
	    (long long)num(j, "gid"), json_array_size(messages), (long long)num(j, "max_messages"),
	    (long long)num(j, "message_size"));
	if (json_is_object(told))
		printf("      %s to pid %lld with the next message\n", str(told, "signal"), (long long)num(told, "pid"));
}

void
ipc_print(const json_t *j)
{
	static const struct {
		const char *key;
		void (*print)(const json_t *j);
	} lists[] = { { "segments", print_segment }, { "semaphores", print_semaphores },
	    { "queues", print_queue }, { "posix_queues", print_posix_queue } };
	size_t i, none = 0;
	const json_t *x;

	for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
		none += json_array_size(json_object_get(j, lists[k].key)) == 0;
		json_array_foreach(json_object_get(j, lists[k].key), i, x)
			lists[k].print(x);
	}
	if (none == sizeof lists / sizeof lists[0])
		puts("no System V or POSIX IPC");
}
