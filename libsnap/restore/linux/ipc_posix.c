/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues: made by us, with their messages, or found here as they
 * were.
 */
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "libsnap/restore/linux/ipc.h"
#include "linux/posix_queue.h"

/* One in our hands: id PosixQueue. */
struct posix_queue {
	uint64_t	id;
	int		fd;
};

static const Psnap__PosixQueue *
queue_of(const struct snap_object *o)
{
	return (const void *)o->message;
}

/* As mq_open(3) wants it, with a number behind it if that is not 0. */
static void
name_of(const Psnap__PosixQueue *q, unsigned number, char name[POSIX_QUEUE_NAME_MAX + 2])
{
	char suffix[16] = "";
	int n, len = (int)q->name.len;	/* at most NAME_MAX, PMQ-1 */

	n = number == 0 ? 0 : snprintf(suffix, sizeof suffix, ".%u", number);
	if (len > POSIX_QUEUE_NAME_MAX - n)
		len = POSIX_QUEUE_NAME_MAX - n;
	snprintf(name, POSIX_QUEUE_NAME_MAX + 2, "/%.*s%s", len, (const char *)q->name.data, suffix);
}

/* ---- the same? ---- */

static bool
is_us(const void *arg, pid_t pid)
{
	(void)arg;
	return pid == getpid();
}

static bool
same_messages(const Psnap__PosixQueue *q, int fd, const struct posix_queue_state *s)
{
	struct posix_message *v;
	bool same = true;

	if (posix_queue_read(fd, s, &v) != 0)
		return false;
	for (size_t i = 0; i < s->count && same; i++) {
		const Psnap__PosixMessage *m = q->messages[i];

		same = v[i].priority == m->priority && v[i].len == m->data.len &&
		    (m->data.len == 0 || memcmp(v[i].data, m->data.data, m->data.len) == 0);
	}
	free(v);
	return same;
}

/* Nobody else may be using one whose messages are to be looked at. */
static bool
is_same(const Psnap__PosixQueue *q, int fd)
{
	struct posix_queue_state s;
	struct stat st;

	if (fstat(fd, &st) != 0 || posix_queue_look(fd, &s) != 0)
		return false;
	return (st.st_mode & 07777) == q->mode && st.st_uid == q->uid && st.st_gid == q->gid &&
	    s.max_messages == q->max_messages && s.message_size == q->message_size && s.count == q->n_messages &&
	    s.notified == 0 && (s.count == 0 || (!posix_queue_is_used(&st, is_us, NULL) && same_messages(q, fd, &s)));
}

bool
posix_queue_is_here(const struct snap_object *o, bool *same)
{
	const Psnap__PosixQueue *q = queue_of(o);
	char name[POSIX_QUEUE_NAME_MAX + 2];
	int fd;

	*same = false;
	if (q->unlinked)
		return false;
	name_of(q, 0, name);
	if ((fd = mq_open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC)) < 0)
		return errno != ENOENT;
	*same = is_same(q, fd);
	close(fd);
	return true;
}

/* ---- made ---- */

static void
unlink_queue(int id, const void *name)
{
	(void)id;
	mq_unlink(name);
}

/* Its size counts against our limit, whoever we are. */
static int
create(const Psnap__PosixQueue *q, const char *name)
{
	const struct rlimit none = { RLIM_INFINITY, RLIM_INFINITY };
	struct mq_attr a = { .mq_maxmsg = (long)q->max_messages, .mq_msgsize = (long)q->message_size };
	struct rlimit old;
	int fd, e;

	getrlimit(RLIMIT_MSGQUEUE, &old);
	setrlimit(RLIMIT_MSGQUEUE, &none);	/* if we may */
	fd = mq_open(name, O_CREAT | O_EXCL | O_RDWR | O_NONBLOCK | O_CLOEXEC, 0600, &a);
	e = errno;
	setrlimit(RLIMIT_MSGQUEUE, &old);
	errno = e;
	return fd;
}

#define NAMES_MAX	100

/* The name of one that has none any more may be another's by now. */
static int
create_unlinked(const Psnap__PosixQueue *q)
{
	char name[POSIX_QUEUE_NAME_MAX + 2];
	int fd = -1;

	for (unsigned i = 0; i < NAMES_MAX && fd < 0; i++) {
		name_of(q, i, name);
		if ((fd = create(q, name)) < 0 && errno != EEXIST)
			break;
	}
	if (fd >= 0)
		mq_unlink(name);
	return fd;
}

/* Removed again should we fail. */
static int
create_named(struct restore *r, const Psnap__PosixQueue *q)
{
	char *name = plan_alloc(r->p, POSIX_QUEUE_NAME_MAX + 2);
	int fd;

	if (name == NULL) {
		errno = ENOMEM;
		return -1;
	}
	name_of(q, 0, name);
	if ((fd = create(q, name)) >= 0 && ipc_remember(r, 0, unlink_queue, name) != 0) {
		mq_unlink(name);
		close(fd);
		errno = ENOMEM;
		return -1;
	}
	return fd;
}

static int
fill(struct restore *r, const struct snap_object *o, int fd)
{
	const Psnap__PosixQueue *q = queue_of(o);

	for (size_t i = 0; i < q->n_messages; i++) {
		const Psnap__PosixMessage *m = q->messages[i];

		if (mq_send(fd, m->data.len > 0 ? (const char *)m->data.data : "", m->data.len, m->priority) != 0)
			return restore_fail(r, NULL, o->id, errno, "sending %zu bytes to POSIX message queue /%.*s",
			    m->data.len, (int)q->name.len, (const char *)q->name.data);
	}
	if (fchown(fd, q->uid, q->gid) != 0 || fchmod(fd, q->mode) != 0)
		return restore_fail(r, NULL, o->id, errno, "setting the owner and mode of POSIX message queue /%.*s",
		    (int)q->name.len, (const char *)q->name.data);
	return 0;
}

static int
keep_queue(struct restore *r, const struct snap_object *o, int fd)
{
	const Psnap__PosixQueue *q = queue_of(o);
	struct posix_queue *x = plan_alloc(r->p, sizeof *x);
	int e = errno;

	if (x == NULL || restore_list_add(r, &r->posix_queues, x) != 0) {
		if (fd >= 0)
			close(fd);
		return restore_nomem(r);
	}
	errno = e;
	*x = (struct posix_queue){ o->id, keep_fd(r, fd) };
	return x->fd >= 0 ? 0 : restore_fail(r, NULL, o->id, errno, "making POSIX message queue /%.*s",
	    (int)q->name.len, (const char *)q->name.data);
}

static int
make_queue(struct restore *r, const struct snap_object *o)
{
	const Psnap__PosixQueue *q = queue_of(o);
	char name[POSIX_QUEUE_NAME_MAX + 2];
	bool same;
	int e;

	if (posix_queue_is_here(o, &same) && same) {
		name_of(q, 0, name);
		return keep_queue(r, o, mq_open(name, O_RDWR | O_NONBLOCK | O_CLOEXEC));
	}
	if ((e = keep_queue(r, o, q->unlinked ? create_unlinked(q) : create_named(r, q))) != 0)
		return e;
	return fill(r, o, posix_queue_find(r, o->id));
}

int
posix_queues_make(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_POSIX_QUEUE, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		e = make_queue(r, v[i]);
	return e;
}

int
posix_queue_find(struct restore *r, uint64_t id)
{
	for (size_t i = 0; i < r->posix_queues.n; i++) {
		const struct posix_queue *x = r->posix_queues.v[i];

		if (x->id == id)
			return x->fd;
	}
	return -1;
}

/* ---- by its processes ---- */

static int
notify(struct restore *r, const struct snap_object *o, const Psnap__PosixNotification *n)
{
	struct target *t = plan_with(r->p, n->process_id);
	struct task *k = &t->tasks[0];
	uint64_t at;

	put_reset(t);
	at = sigevent_put(r, k, n->signal == PSNAP__SIGNAL__SIGNAL_NONE ? SIGEV_NONE : SIGEV_SIGNAL,
	    (uint32_t)n->signal, n->value, 0);
	if (at == 0)
		return restore_nomem(r);
	return ask_now(r, k, NR_MQ_NOTIFY, WANT_ZERO, "asking to be notified of messages", o->id,
	    ARGS((uint64_t)n->fd, at), NULL);
}

int
posix_queues_settle(struct restore *r)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(r->s, PSNAP_KIND_POSIX_QUEUE, &n);
	int e = 0;

	for (size_t i = 0; i < n && e == 0; i++)
		if (queue_of(v[i])->notification != NULL)
			e = notify(r, v[i], queue_of(v[i])->notification);
	return e;
}
