/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V message queues: made by us, with their messages.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

#include "libsnap/restore/linux/ipc.h"

#define COPY	040000		/* MSG_COPY: the n-th, without receiving it */

struct buffer {		/* as msgrcv(2) and msgsnd(2) want it */
	long		type;
	uint8_t		data[];
};

static int
remove_queue(int id)
{
	return msgctl(id, IPC_RMID, NULL);
}

const struct ipc_kind ipc_queue = { "message queue", "/proc/sysvipc/msg", "/proc/sys/kernel/msg_next_id", remove_queue };

/* Room for the largest of its messages, or NULL. */
static struct buffer *
new_buffer(struct plan *p, const Psnap__SysvQueue *q)
{
	size_t most = 0;

	for (size_t i = 0; i < q->n_messages; i++)
		most = q->messages[i]->data.len > most ? q->messages[i]->data.len : most;
	return plan_alloc(p, sizeof(struct buffer) + most + 1);
}

/* ---- the same? ---- */

static bool
same_identity(const Psnap__SysvQueue *q)
{
	struct msqid_ds ds;

	return msgctl(q->identity->id, IPC_STAT, &ds) == 0 && ipc_is_identity(&ds.msg_perm, q->identity) &&
	    ds.msg_qbytes == q->capacity && ds.msg_qnum == q->n_messages;
}

/* One byte more than it has would be too long. */
static bool
same_message(const Psnap__SysvQueue *q, size_t at, struct buffer *b)
{
	const Psnap__SysvMessage *m = q->messages[at];

	return msgrcv(q->identity->id, b, m->data.len, (long)at, COPY | IPC_NOWAIT) == (ssize_t)m->data.len &&
	    b->type == m->type && (m->data.len == 0 || memcmp(b->data, m->data.data, m->data.len) == 0);
}

int
queue_same(struct plan *p, const struct snap_object *o, bool *same, struct snap_error *err)
{
	const Psnap__SysvQueue *q = (const void *)o->message;
	struct buffer *b = new_buffer(p, q);

	if (b == NULL)
		return error_nomem(err);
	*same = same_identity(q);
	for (size_t i = 0; *same && i < q->n_messages; i++)
		*same = same_message(q, i, b);
	return 0;
}

/* ---- made ---- */

static int
create(const Psnap__SysvIdentity *i, const void *arg)
{
	(void)arg;
	return msgget((key_t)i->key, IPC_CREAT | IPC_EXCL | (int)i->mode);
}

static int
set_owner(struct restore *r, const struct snap_object *o, uint64_t capacity)
{
	const Psnap__SysvIdentity *i = ((const Psnap__SysvQueue *)(const void *)o->message)->identity;
	struct msqid_ds ds = { .msg_perm = { .uid = i->uid, .gid = i->gid, .mode = (unsigned short)i->mode },
	    .msg_qbytes = (msglen_t)capacity };

	if (ds.msg_qbytes == capacity && msgctl(i->id, IPC_SET, &ds) == 0)
		return 0;
	return restore_fail(r, NULL, o->id, ds.msg_qbytes == capacity ? errno : ERANGE,
	    "setting the owner and capacity of System V message queue %d", (int)i->id);
}

static int
send_message(struct restore *r, const struct snap_object *o, const Psnap__SysvMessage *m, struct buffer *b)
{
	int id = ((const Psnap__SysvQueue *)(const void *)o->message)->identity->id;

	b->type = (long)m->type;
	if (m->data.len > 0)
		memcpy(b->data, m->data.data, m->data.len);
	if (b->type != m->type || msgsnd(id, b, m->data.len, IPC_NOWAIT) != 0)
		return restore_fail(r, NULL, o->id, b->type != m->type ? ERANGE : errno,
		    "sending %zu bytes to System V message queue %d", m->data.len, id);
	return 0;
}

/* As much as is in it has room: bytes, and that number of messages. */
static uint64_t
room_needed(const Psnap__SysvQueue *q)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < q->n_messages; i++)
		bytes += q->messages[i]->data.len;
	bytes = bytes > q->n_messages ? bytes : q->n_messages;
	return bytes > q->capacity ? bytes : q->capacity;
}

static int
make_queue(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvQueue *q = (const void *)o->message;
	struct buffer *b = new_buffer(r->p, q);
	struct snap_error err;
	bool same;
	int e;

	if (b == NULL)
		return restore_nomem(r);
	if (queue_same(r->p, o, &same, &err) != 0)
		return restore_unreadable(r, &err);
	if (same)
		return 0;
	if ((e = ipc_make(r, &ipc_queue, o->id, q->identity, create, NULL)) != 0 ||
	    (e = set_owner(r, o, room_needed(q))) != 0)
		return e;
	for (size_t i = 0; i < q->n_messages; i++)
		if ((e = send_message(r, o, q->messages[i], b)) != 0)
			return e;
	return room_needed(q) > q->capacity ? set_owner(r, o, q->capacity) : 0;
}

int
queues_make(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_SYSV_QUEUE, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		e = make_queue(r, v[i]);
	return e;
}
