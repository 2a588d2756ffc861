/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * POSIX message queues: those that are open, and in an IPC namespace that is
 * the tree's those that only have a name.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/ipc.h"
#include "linux/posix_queue.h"

#define FEATURE		"posix-mqueue"
#define DELETED		" (deleted)"
#define ROOM		(PSNAP_MAX_RECORD - (1u << 20))	/* for messages, in a record */
#define OVERHEAD	16		/* of a message there, at most */

struct posix_queue {
	uint64_t	id;
	const struct dump *dump;
	struct stat	st;
	const char	*name;			/* without the slash */
	int		fd, error;		/* ours, for looking; -1: why not */
	const struct open_file *open;		/* one that is on it; NULL: it has only its name */
	bool		looked;
	struct posix_queue_state state;
	const struct posix_message *messages;
	size_t		n;
	const struct proc *notified;		/* NULL: nobody; else it has the queue open as: */
	int		notified_fd;
};

/* ---- finding ---- */

static struct posix_queue *
intern(struct dump *d, int fd, const char *name, size_t name_len)
{
	struct posix_queue *q;
	struct stat st;
	char self[40];
	char *copy;

	if (fstat(fd, &st) != 0) {
		dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "examining POSIX message queue /%s", name);
		return NULL;
	}
	for (size_t i = 0; i < d->posix_queues.n; i++) {
		q = d->posix_queues.v[i];
		if (q->st.st_ino == st.st_ino && q->st.st_dev == st.st_dev)
			return q;
	}
	if ((q = dump_alloc(d, sizeof *q)) == NULL || (copy = dump_memdup(d, name, name_len)) == NULL ||
	    list_add(d, &d->posix_queues, q) != 0) {
		dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		return NULL;
	}
	copy[name_len] = '\0';
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	*q = (struct posix_queue){ .id = dump_new_id(d), .dump = d, .st = st, .name = copy };
	q->fd = open(self, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	q->error = q->fd < 0 ? errno : 0;
	return q;
}

/* The link's text is its path in the file system it was opened in, or only its name. */
int
posix_queue_collect(struct dump *d, struct open_file *o, int local)
{
	const char *slash = strrchr(o->link, '/'), *name = slash != NULL ? slash + 1 : o->link;
	size_t n = strlen(name), suffix = strlen(DELETED);

	if (o->st.st_nlink == 0 && n > suffix && strcmp(name + n - suffix, DELETED) == 0)
		n -= suffix;
	o->what = FD_POSIX_QUEUE;
	if ((o->on.posix_queue = intern(d, local, name, n)) == NULL)
		return d->err->code;
	if (o->on.posix_queue->open == NULL)
		o->on.posix_queue->open = o;
	return 0;
}

uint64_t
posix_queue_id(const struct posix_queue *q)
{
	return q->id;
}

/* The file system of the IPC namespace we are in, mounted nowhere; NULL fails as errno says. */
static DIR *
open_file_system(void)
{
	int fs = fsopen("mqueue", FSOPEN_CLOEXEC), mount = -1, fd = -1, e;
	DIR *dir = NULL;

	if (fs >= 0 && fsconfig(fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0) == 0 &&
	    (mount = fsmount(fs, FSMOUNT_CLOEXEC, 0)) >= 0 &&
	    (fd = openat(mount, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
		dir = fdopendir(fd);
	e = errno;
	if (dir == NULL && fd >= 0)
		close(fd);
	if (mount >= 0)
		close(mount);
	if (fs >= 0)
		close(fs);
	errno = e;
	return dir;
}

int
posix_queues_list(struct dump *d, struct ipc *ipc, posix_queue_name *name)
{
	DIR *dir = open_file_system();
	struct dirent *x;
	struct stat st;
	int r = 0;

	if (dir == NULL || fstat(dirfd(dir), &st) != 0) {
		ipc->posix_error = errno;	/* ENODEV: this kernel has none */
		if (dir != NULL)
			closedir(dir);
		return 0;
	}
	ipc->posix_dev = st.st_dev;
	while (r == 0 && (x = readdir(dir)) != NULL)
		if (strcmp(x->d_name, ".") != 0 && strcmp(x->d_name, "..") != 0)
			r = name(d, ipc, dirfd(dir), x->d_name);
	closedir(dir);
	return r;
}

static int
find_name(struct dump *d, struct ipc *ipc, int dir, const char *name)
{
	int fd, r;

	if (!ipc->all)
		return 0;
	if ((fd = openat(dir, name, O_RDONLY | O_CLOEXEC)) < 0)
		return errno == ENOENT ? 0 : dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, FEATURE,
		    "POSIX message queue /%s: %s", name, strerror(errno));
	r = intern(d, fd, name, strlen(name)) != NULL ? 0 : d->err->code;
	close(fd);
	return r;
}

int
posix_queues_find(struct dump *d, struct ipc *ipc)
{
	return posix_queues_list(d, ipc, find_name);
}

/* ---- looking ---- */

static int
refuse(struct dump *d, const struct posix_queue *q, const char *why)
{
	const struct open_file *o = q->open;

	return dump_cover(d, PSNAP_COVERAGE_BREAKS, o != NULL ? o->proc : NULL, 0, o != NULL ? o->fd : -1, q->id,
	    FEATURE, "POSIX message queue /%s: %s", q->name, why);
}

/* Processes of the tree, who are stopped, and us. */
static bool
is_harmless(const void *dump, pid_t pid)
{
	return pid == getpid() || ipc_is_ours(dump, pid);
}

static int
keep_messages(struct dump *d, struct posix_queue *q, const struct posix_message *v)
{
	struct posix_message *copy = dump_memdup(d, v, q->state.count * sizeof *v);

	for (size_t i = 0; copy != NULL && i < q->state.count; i++)
		if ((copy[i].data = dump_memdup(d, v[i].data, v[i].len)) == NULL)
			copy = NULL;
	if (copy == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	q->messages = copy;
	q->n = q->state.count;
	return 0;
}

static int
read_messages(struct dump *d, struct posix_queue *q)
{
	struct posix_message *v;
	int e, r;

	if (q->state.count == 0)
		return 0;
	if (q->state.bytes > ROOM || q->state.count > (ROOM - q->state.bytes) / OVERHEAD)
		return refuse(d, q, strerror(EFBIG));
	/* the next one that comes to the empty queue would be told, and ours are none */
	if (q->state.notified != 0)
		return refuse(d, q, "its messages cannot be looked at while somebody is to be notified of the next");
	if (posix_queue_is_used(&q->st, is_harmless, d))
		return refuse(d, q, "its messages cannot be looked at while processes outside the tree have it open");
	if ((e = posix_queue_read(q->fd, &q->state, &v)) != 0)
		return refuse(d, q, e == EBUSY ? "in use by processes outside the tree" : strerror(e));
	r = keep_messages(d, q, v);
	free(v);
	return r;
}

/* The lowest descriptor of p that is of the queue, or -1. */
static int
find_descriptor(const struct proc *p, const struct posix_queue *q)
{
	for (size_t i = 0; i < p->table->fds.n; i++) {
		const struct descriptor *x = p->table->fds.v[i];

		if (x->open->what == FD_POSIX_QUEUE && x->open->on.posix_queue == q)
			return x->fd;
	}
	return -1;
}

static int
take_notification(struct dump *d, struct posix_queue *q)
{
	if (q->state.notified == 0)
		return 0;
	if (!ipc_is_ours(d, q->state.notified))
		return refuse(d, q, "a process outside the tree is to be notified of the next message");
	if (q->state.notify != SIGEV_NONE)
		return refuse(d, q, "a process is to be notified of the next message, and the kernel does not tell "
		    "with which value");
	q->notified = find_proc(d, q->state.notified);
	q->notified_fd = find_descriptor(q->notified, q);
	return q->notified_fd >= 0 ? 0 : refuse(d, q, "who is to be notified of the next message has no descriptor of it");
}

static int
look(struct dump *d, struct posix_queue *q)
{
	int e, r;

	if (d->ipc->posix_error != 0)
		return refuse(d, q, strerror(d->ipc->posix_error));
	if (q->st.st_dev != d->ipc->posix_dev)
		return refuse(d, q, "it is of another IPC namespace than that of the tree's first process");
	if (q->fd < 0 || (e = posix_queue_look(q->fd, &q->state)) != 0)
		return refuse(d, q, strerror(q->fd < 0 ? q->error : e));
	r = take_notification(d, q);
	return r != 0 ? r : read_messages(d, q);
}

int
posix_queues_look(struct dump *d)
{
	int r = 0;

	for (size_t i = 0; i < d->posix_queues.n && r == 0; i++) {
		struct posix_queue *q = d->posix_queues.v[i];

		if (!q->looked)
			r = look(d, q);
		q->looked = true;
	}
	return r;
}

void
posix_queues_close(struct dump *d)
{
	for (size_t i = 0; i < d->posix_queues.n; i++) {
		const struct posix_queue *q = d->posix_queues.v[i];

		if (q->fd >= 0)
			close(q->fd);
	}
}

/* ---- records ---- */

static void
emit_notification(struct glue_emit *e, const struct posix_queue *q)
{
	if (q->notified == NULL)
		return;
	glue_emit_open(e, PSNAP_F_POSIX_QUEUE_NOTIFICATION);
	glue_emit_uint(e, PSNAP_F_POSIX_NOTIFICATION_PROCESS_ID, q->notified->id);
	glue_emit_int(e, PSNAP_F_POSIX_NOTIFICATION_FD, q->notified_fd);
	glue_emit_close(e);
}

static void
queue_fields(struct glue_emit *e, const void *object)
{
	const struct posix_queue *q = object;

	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_NAMESPACE_ID, q->dump->ipc->namespace_id);
	glue_emit_bytes(e, PSNAP_F_POSIX_QUEUE_NAME, q->name, strlen(q->name));
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_UNLINKED, q->st.st_nlink == 0);
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_MODE, q->st.st_mode & 07777);
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_UID, q->st.st_uid);
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_GID, q->st.st_gid);
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_MAX_MESSAGES, q->state.max_messages);
	glue_emit_uint(e, PSNAP_F_POSIX_QUEUE_MESSAGE_SIZE, q->state.message_size);
	for (size_t i = 0; i < q->n; i++) {
		const struct posix_message *m = &q->messages[i];

		glue_emit_open(e, PSNAP_F_POSIX_QUEUE_MESSAGES);
		glue_emit_uint(e, PSNAP_F_POSIX_MESSAGE_PRIORITY, m->priority);
		glue_emit_bytes(e, PSNAP_F_POSIX_MESSAGE_DATA, m->data, m->len);
		glue_emit_close(e);
	}
	emit_notification(e, q);
}

int
posix_queues_emit(struct dump *d)
{
	int r = 0;

	for (size_t i = 0; i < d->posix_queues.n && r == 0; i++) {
		const struct posix_queue *q = d->posix_queues.v[i];

		r = dump_record(d, PSNAP_KIND_POSIX_QUEUE, q->id, queue_fields, q);
	}
	return r;
}
