/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * IPC: which namespace, and which of its objects are the tree's.
 *
 * In an IPC namespace of its own everything is.  In one that others use, too,
 * an object is the tree's if it bears a mark of one of its processes: it is
 * attached, a process of the tree has made it or was the last to use it, waits
 * for it, or is owed by it.  A POSIX queue is if a process has it open.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/ipc.h"
#include "kernel-glue/linux/task.h"

/* ---- tables ---- */

#define MODE_COLUMN	2	/* of every table; in octal */

static size_t
parse_line(const char *line, int64_t *v)
{
	size_t n = 0;
	char *end;

	for (const char *at = line; n < IPC_COLUMNS; at = end) {
		int64_t value = strtoll(at, &end, n == MODE_COLUMN ? 8 : 10);

		if (end == at)
			break;
		v[n++] = value;
	}
	return n;
}

int
ipc_read_table(struct dump *d, struct ipc *ipc, const char *name, ipc_line *line)
{
	char path[32], text[512];
	int r = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/sysvipc/%s", name);
	if ((f = fopen(path, "re")) == NULL)
		return errno == ENOENT ? 0 : dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "opening %s", path);
	while (r == 0 && fgets(text, sizeof text, f) != NULL) {
		int64_t v[IPC_COLUMNS] = { 0 };

		if (parse_line(text, v) > 0)	/* the first line is in words */
			r = line(d, ipc, v);
	}
	fclose(f);
	return r;
}

bool
ipc_is_ours(const struct dump *d, int64_t pid)
{
	return pid > 0 && pid <= INT32_MAX && find_proc(d, (pid_t)pid) != NULL;
}

/* Calls that wait, by what of; numbers by ABI, and of ipc(2) on i386. */
static const struct { enum ipc_wait what; int amd64, i386, call; } waits[] = {
	{ IPC_WAIT_SEMAPHORES, 65, 420, 1 },	/* semop; semtimedop_time64 */
	{ IPC_WAIT_SEMAPHORES, 220, 420, 4 },	/* semtimedop */
	{ IPC_WAIT_QUEUE, 69, 400, 11 },	/* msgsnd */
	{ IPC_WAIT_QUEUE, 70, 401, 12 },	/* msgrcv */
};
#define CALL_IPC	117

static bool
waits_for(const struct task *t, enum ipc_wait what, int32_t id)
{
	int64_t nr = t->stopped ? regs_syscall(t->regs) : -1;

	for (size_t i = 0; nr >= 0 && i < sizeof waits / sizeof waits[0]; i++) {
		if (waits[i].what != what)
			continue;
		if (!regs_is32(t->regs)) {
			if (nr == waits[i].amd64 && (int32_t)t->regs->di == id)
				return true;
		} else if ((nr == waits[i].i386 && (int32_t)t->regs->bx == id) || (nr == CALL_IPC &&
		    (t->regs->bx & 0xffff) == (uint64_t)waits[i].call && (int32_t)t->regs->cx == id)) {
			return true;
		}
	}
	return false;
}

bool
ipc_is_waited_for(const struct dump *d, enum ipc_wait what, int32_t id)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		for (size_t k = 0; k < p->tasks.n; k++)
			if (waits_for(p->tasks.v[k], what, id))
				return true;
	}
	return false;
}

/* ---- namespaces ---- */

static const struct ns *
ipc_namespace_of(const struct proc *p)
{
	return namespace_of(p, PSNAP_NAMESPACE_IPC);
}

/* Whether a process before p is in the same. */
static bool
is_seen(const struct dump *d, const struct proc *p)
{
	for (size_t i = 0; d->procs.v[i] != p; i++)
		if (ipc_namespace_of(d->procs.v[i]) == ipc_namespace_of(p))
			return true;
	return false;
}

static int
take_objects(struct dump *d, struct ipc *ipc)
{
	int r;

	if ((r = segments_collect(d, ipc)) != 0 || (r = semaphores_collect(d, ipc)) != 0)
		return r;
	if ((r = queues_collect(d, ipc)) != 0)
		return r;
	return posix_queues_find(d, ipc);
}

static int
count_line(struct dump *d, struct ipc *ipc, const int64_t *v)
{
	(void)d;
	(void)v;
	ipc->all = true;
	return 0;
}

static int
count_name(struct dump *d, struct ipc *ipc, int dir, const char *name)
{
	(void)d;
	(void)dir;
	(void)name;
	ipc->all = true;
	return 0;
}

/* Another namespace than the root's: what is in there has nobody to bring it back. */
static int
refuse_objects(struct dump *d, const struct proc *p)
{
	static const char *const tables[] = { "shm", "sem", "msg" };
	struct ipc found = { 0 };
	int r;

	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++)
		if ((r = ipc_read_table(d, &found, tables[i], count_line)) != 0)
			return r;
	if ((r = posix_queues_list(d, &found, count_name)) != 0)
		return r;
	return !found.all ? 0 : dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, 0, "ipc-namespace",
	    "it is in an IPC namespace with objects, and not in that of pid %d",
	    (int)((const struct proc *)d->procs.v[0])->pid);
}

/* fn() in p's namespace, and back; an error of entering it is told. */
static int
in_its_namespace(struct dump *d, struct proc *p, int (*fn)(struct dump *d, struct proc *p))
{
	int error, r;

	if (ipc_namespace_of(p)->of_dumper)
		return fn(d, p);
	r = in_namespace(d, p, "ipc", CLONE_NEWIPC, &error, fn);
	return error == 0 ? r : dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, -1, 0, "ipc-namespace",
	    "what its IPC namespace holds is not known: %s", strerror(error));
}

static int
collect_namespace(struct dump *d, struct proc *p)
{
	const struct ns *n = ipc_namespace_of(p);

	if (p != d->procs.v[0])
		return refuse_objects(d, p);
	d->ipc->namespace_id = n->id;
	d->ipc->all = !n->of_dumper || d->options->ipc_all;
	return take_objects(d, d->ipc);
}

int
ipc_collect(struct dump *d)
{
	int r = 0;

	if ((d->ipc = dump_alloc(d, sizeof *d->ipc)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	for (size_t i = 0; i < d->procs.n && r == 0; i++) {
		struct proc *p = d->procs.v[i];

		if (ipc_namespace_of(p) != NULL && !is_seen(d, p))
			r = in_its_namespace(d, p, collect_namespace);
	}
	if (r == 0)
		r = posix_queues_look(d);
	return r != 0 ? r : segments_cover_rest(d, d->ipc);
}

/* What was asked of a set holds only if nobody has used it meanwhile. */
static int
look_again(struct dump *d, struct proc *p)
{
	(void)p;
	for (size_t i = 0; i < d->ipc->semaphores.n; i++) {
		struct semaphores *s = d->ipc->semaphores.v[i];

		if (!s->settled)
			semaphores_look_again(s);
	}
	return 0;
}

static bool
all_settled(const struct dump *d)
{
	for (size_t i = 0; i < d->ipc->semaphores.n; i++)
		if (!((const struct semaphores *)d->ipc->semaphores.v[i])->settled)
			return false;
	return true;
}

static int
cover_unsettled(struct dump *d)
{
	int r = 0;

	for (size_t i = 0; i < d->ipc->semaphores.n && r == 0; i++) {
		const struct semaphores *s = d->ipc->semaphores.v[i];

		if (!s->settled)
			r = dump_cover(d, s->marked ? PSNAP_COVERAGE_BREAKS : PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0,
			    "sysv-sem", "System V semaphores %d are in use by processes outside the tree",
			    (int)s->identity.id);
	}
	return r;
}

#define TRIES	16

int
ipc_ask(struct dump *d)
{
	int r = 0;

	for (int i = 0; i < TRIES && r == 0 && !all_settled(d); i++)
		if ((r = undo_ask(d, d->ipc)) == 0)
			r = in_its_namespace(d, d->procs.v[0], look_again);
	if (r == 0)
		r = cover_unsettled(d);
	semaphores_drop_others(d->ipc);
	return r;
}

void
ipc_translate(struct dump *d)
{
	segments_translate(d, d->ipc);
	semaphores_translate(d, d->ipc);
	queues_translate(d, d->ipc);
}

bool
ipc_is_empty(const struct dump *d)
{
	return d->ipc->segments.n + d->ipc->semaphores.n + d->ipc->queues.n + d->posix_queues.n == 0;
}

/* ---- records ---- */

void
ipc_emit_identity(struct glue_emit *e, const struct ipc *ipc, const struct ipc_identity *i)
{
	glue_emit_open(e, PSNAP_F_SYSV_SEGMENT_IDENTITY);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_NAMESPACE_ID, ipc->namespace_id);
	glue_emit_int(e, PSNAP_F_SYSV_IDENTITY_ID, i->id);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_KEY, i->key);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_MODE, i->mode);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_UID, i->uid);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_GID, i->gid);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_CREATOR_UID, i->creator_uid);
	glue_emit_uint(e, PSNAP_F_SYSV_IDENTITY_CREATOR_GID, i->creator_gid);
	glue_emit_close(e);
}

int
ipc_emit(struct dump *d)
{
	int r;

	if ((r = segments_emit(d, d->ipc)) != 0 || (r = semaphores_emit(d, d->ipc)) != 0)
		return r;
	if ((r = queues_emit(d, d->ipc)) != 0)
		return r;
	return posix_queues_emit(d);
}
