/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V message queues; messages are copied, and stay where they are.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/msg.h>

#include "kernel-glue/linux/ipc.h"

/* /proc/sysvipc/msg */
enum { KEY, ID, MODE, BYTES, COUNT, SENDER, RECEIVER, UID, GID, CREATOR_UID, CREATOR_GID, SENT, RECEIVED, CHANGED };
#define NS		INT64_C(1000000000)
#define COPY		040000		/* MSG_COPY: the n-th, without receiving it */
#define ROOM		(PSNAP_MAX_RECORD - (1u << 20))	/* for messages, in a record */
#define OVERHEAD	32		/* of a message there, at most */

struct buffer {		/* as msgrcv(2) wants it */
	long		type;
	uint8_t		data[];
};

static int
copy_message(struct dump *d, struct queue_object *q, struct buffer *b, size_t room, size_t at)
{
	ssize_t n = msgrcv(q->identity.id, b, room, (long)at, COPY | IPC_NOWAIT);
	struct message *m;

	if (n < 0)
		return errno;
	if ((m = dump_alloc(d, sizeof *m)) == NULL || list_add(d, &q->messages, m) != 0)
		return ENOMEM;
	*m = (struct message){ b->type, (size_t)n, dump_memdup(d, b->data, (size_t)n) };
	return m->data != NULL ? 0 : ENOMEM;
}

static bool
is_unchanged(int id, const struct msqid_ds *before)
{
	struct msqid_ds now;

	return msgctl(id, IPC_STAT, &now) == 0 && now.msg_qnum == before->msg_qnum && now.msg_lspid == before->msg_lspid &&
	    now.msg_lrpid == before->msg_lrpid && now.msg_stime == before->msg_stime &&
	    now.msg_rtime == before->msg_rtime && now.msg_cbytes == before->msg_cbytes;
}

/* 0, or errno: EBUSY if others use it, EFBIG if there is too much in it. */
static int
copy_messages(struct dump *d, struct queue_object *q)
{
	struct msqid_ds ds;
	struct buffer *b;
	int e = 0;

	if (msgctl(q->identity.id, IPC_STAT, &ds) != 0)
		return errno;
	q->capacity = ds.msg_qbytes;
	if (ds.msg_cbytes > ROOM || ds.msg_qnum > (ROOM - ds.msg_cbytes) / OVERHEAD)
		return EFBIG;
	if ((b = malloc(sizeof *b + ds.msg_cbytes)) == NULL)
		return ENOMEM;
	for (size_t i = 0; i < ds.msg_qnum && e == 0; i++)
		e = copy_message(d, q, b, ds.msg_cbytes, i);
	free(b);
	return e != 0 && e != ENOMSG ? e : is_unchanged(q->identity.id, &ds) ? e : EBUSY;
}

static int
take_line(struct dump *d, struct ipc *ipc, const int64_t *v)
{
	struct queue_object *q;
	int e;

	if (!ipc->all && !ipc_is_ours(d, v[SENDER]) && !ipc_is_ours(d, v[RECEIVER]) &&
	    !ipc_is_waited_for(d, IPC_WAIT_QUEUE, (int32_t)v[ID]))
		return 0;
	if ((q = dump_alloc(d, sizeof *q)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	*q = (struct queue_object){
		.ipc = ipc, .sender_pid = (int32_t)v[SENDER], .receiver_pid = (int32_t)v[RECEIVER],
		.sent = v[SENT] * NS, .received = v[RECEIVED] * NS, .changed = v[CHANGED] * NS,
		.identity = { (int32_t)v[ID], (uint32_t)v[KEY], v[MODE] & 0777, (uint32_t)v[UID], (uint32_t)v[GID],
		    (uint32_t)v[CREATOR_UID], (uint32_t)v[CREATOR_GID] },
	};
	if ((e = copy_messages(d, q)) == ENOMEM)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	if (e != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "sysv-msg", "System V message queue %d: %s",
		    (int)q->identity.id, e == EBUSY ? "in use by processes outside the tree" : strerror(e));
	q->id = dump_new_id(d);
	return list_add(d, &ipc->queues, q) == 0 ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

int
queues_collect(struct dump *d, struct ipc *ipc)
{
	return ipc_read_table(d, ipc, "msg", take_line);
}

void
queues_translate(const struct dump *d, struct ipc *ipc)
{
	for (size_t i = 0; i < ipc->queues.n; i++) {
		struct queue_object *q = ipc->queues.v[i];

		q->sender_pid = number_of_task(d, q->sender_pid);
		q->receiver_pid = number_of_task(d, q->receiver_pid);
	}
}

static void
queue_fields(struct glue_emit *e, const void *object)
{
	const struct queue_object *q = object;

	ipc_emit_identity(e, q->ipc, &q->identity);
	glue_emit_uint(e, PSNAP_F_SYSV_QUEUE_CAPACITY, q->capacity);
	for (size_t i = 0; i < q->messages.n; i++) {
		const struct message *m = q->messages.v[i];

		glue_emit_open(e, PSNAP_F_SYSV_QUEUE_MESSAGES);
		glue_emit_int(e, PSNAP_F_SYSV_MESSAGE_TYPE, m->type);
		glue_emit_bytes(e, PSNAP_F_SYSV_MESSAGE_DATA, m->data, m->len);
		glue_emit_close(e);
	}
	glue_emit_int(e, PSNAP_F_SYSV_QUEUE_LAST_SENDER_PID, q->sender_pid);
	glue_emit_int(e, PSNAP_F_SYSV_QUEUE_LAST_RECEIVER_PID, q->receiver_pid);
	glue_emit_int(e, PSNAP_F_SYSV_QUEUE_SENT_NS, q->sent);
	glue_emit_int(e, PSNAP_F_SYSV_QUEUE_RECEIVED_NS, q->received);
	glue_emit_int(e, PSNAP_F_SYSV_QUEUE_CHANGED_NS, q->changed);
}

int
queues_emit(struct dump *d, const struct ipc *ipc)
{
	int r;

	for (size_t i = 0; i < ipc->queues.n; i++) {
		const struct queue_object *q = ipc->queues.v[i];

		if ((r = dump_record(d, PSNAP_KIND_SYSV_QUEUE, q->id, queue_fields, q)) != 0)
			return r;
	}
	return 0;
}
