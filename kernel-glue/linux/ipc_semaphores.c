/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V semaphores; ipc_undo.c finds what they owe to processes.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sem.h>
#include <time.h>

#include "kernel-glue/linux/ipc.h"

/* /proc/sysvipc/sem */
enum { KEY, ID, MODE, COUNT, UID, GID, CREATOR_UID, CREATOR_GID, USED, CHANGED };
#define NS	INT64_C(1000000000)

union semun {		/* semctl(2) has the caller declare it */
	int		val;
	struct semid_ds	*buf;
	unsigned short	*array;
};

/* 0, or errno. */
static int
read_values(const struct semaphores *s, uint32_t *values)
{
	unsigned short *raw = calloc(s->n, sizeof *raw);
	int e = raw == NULL || semctl(s->identity.id, 0, GETALL, (union semun){ .array = raw }) != 0 ? errno : 0;

	for (size_t i = 0; e == 0 && i < s->n; i++)
		values[i] = raw[i];
	free(raw);
	return e;
}

/* Whether no operation succeeds between two looks shows by the second of the last one, if that is over. */
static bool
is_over(int64_t second)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	return second < now.tv_sec - 1;
}

/* The same. */
static int
read_set(const struct semaphores *s)
{
	int e = read_values(s, s->values);

	for (size_t i = 0; e == 0 && i < s->n; i++) {
		int pid = semctl(s->identity.id, (int)i, GETPID);

		if (pid < 0)
			return errno;
		s->last_pids[i] = (uint32_t)pid;
	}
	return e;
}

static bool
is_used_by_us(const struct dump *d, const struct semaphores *s)
{
	for (size_t i = 0; i < s->n; i++)
		if (ipc_is_ours(d, s->last_pids[i]))
			return true;
	return ipc_is_waited_for(d, IPC_WAIT_SEMAPHORES, s->identity.id);
}

static int
take_line(struct dump *d, struct ipc *ipc, const int64_t *v)
{
	struct semaphores *s = dump_alloc(d, sizeof *s);
	int e;

	if (s == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	*s = (struct semaphores){
		.ipc = ipc, .n = (size_t)v[COUNT], .used = v[USED] * NS, .changed = v[CHANGED] * NS,
		.identity = { (int32_t)v[ID], (uint32_t)v[KEY], v[MODE] & 0777, (uint32_t)v[UID], (uint32_t)v[GID],
		    (uint32_t)v[CREATOR_UID], (uint32_t)v[CREATOR_GID] },
	};
	if ((s->values = dump_alloc(d, s->n * sizeof *s->values)) == NULL ||
	    (s->last_pids = dump_alloc(d, s->n * sizeof *s->last_pids)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	s->quiet = is_over(v[USED]);
	e = read_set(s);
	s->marked = ipc->all || (e == 0 && is_used_by_us(d, s));
	if (e != 0 && !s->marked)
		return 0;
	if (e != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "sysv-sem",
		    "System V semaphores %d: %s", (int)s->identity.id, strerror(e));
	s->id = dump_new_id(d);
	return list_add(d, &ipc->semaphores, s) == 0 ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
}

int
semaphores_collect(struct dump *d, struct ipc *ipc)
{
	return ipc_read_table(d, ipc, "sem", take_line);
}

void
semaphores_drop_others(struct ipc *ipc)
{
	size_t kept = 0;

	for (size_t i = 0; i < ipc->semaphores.n; i++) {
		struct semaphores *s = ipc->semaphores.v[i];

		if (s->marked || s->adjustments.n > 0)
			ipc->semaphores.v[kept++] = s;
	}
	ipc->semaphores.n = kept;
}

void
semaphores_look_again(struct semaphores *s)
{
	uint32_t *now = calloc(s->n, sizeof *now);
	struct semid_ds set;

	if (now != NULL && read_values(s, now) == 0 &&
	    semctl(s->identity.id, 0, IPC_STAT, (union semun){ .buf = &set }) == 0) {
		s->settled = memcmp(now, s->values, s->n * sizeof *now) == 0 &&
		    (!s->quiet || s->used == set.sem_otime * NS);
		memcpy(s->values, now, s->n * sizeof *now);
		s->used = set.sem_otime * NS;
		s->changed = set.sem_ctime * NS;
		s->quiet = is_over(set.sem_otime);
	}
	if (!s->settled)
		s->adjustments.n = 0;
	free(now);
}

void
semaphores_translate(const struct dump *d, struct ipc *ipc)
{
	for (size_t i = 0; i < ipc->semaphores.n; i++) {
		struct semaphores *s = ipc->semaphores.v[i];

		for (size_t k = 0; k < s->n; k++)
			s->last_pids[k] = (uint32_t)number_of_task(d, (int32_t)s->last_pids[k]);
	}
}

static void
semaphores_fields(struct glue_emit *e, const void *object)
{
	const struct semaphores *s = object;

	ipc_emit_identity(e, s->ipc, &s->identity);
	glue_emit_packed32(e, PSNAP_F_SYSV_SEMAPHORES_VALUES, s->values, s->n);
	glue_emit_packed32(e, PSNAP_F_SYSV_SEMAPHORES_LAST_PIDS, s->last_pids, s->n);
	for (size_t i = 0; i < s->adjustments.n; i++) {
		const struct adjustment *a = s->adjustments.v[i];

		glue_emit_open(e, PSNAP_F_SYSV_SEMAPHORES_ADJUSTMENTS);
		glue_emit_uint(e, PSNAP_F_SEMAPHORE_ADJUSTMENT_PROCESS_ID, a->proc->id);
		glue_emit_uint(e, PSNAP_F_SEMAPHORE_ADJUSTMENT_SEMAPHORE, a->semaphore);
		glue_emit_int(e, PSNAP_F_SEMAPHORE_ADJUSTMENT_VALUE, a->value);
		glue_emit_close(e);
	}
	glue_emit_int(e, PSNAP_F_SYSV_SEMAPHORES_USED_NS, s->used);
	glue_emit_int(e, PSNAP_F_SYSV_SEMAPHORES_CHANGED_NS, s->changed);
}

int
semaphores_emit(struct dump *d, const struct ipc *ipc)
{
	int r;

	for (size_t i = 0; i < ipc->semaphores.n; i++) {
		const struct semaphores *s = ipc->semaphores.v[i];

		if ((r = dump_record(d, PSNAP_KIND_SYSV_SEMAPHORES, s->id, semaphores_fields, s)) != 0)
			return r;
	}
	return 0;
}
