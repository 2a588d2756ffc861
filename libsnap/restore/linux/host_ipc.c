/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Whether the System V objects that the processes share can have their ids and
 * keys here, and POSIX queues their names.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/model/sysv_identity.h"
#include "libsnap/restore/linux/ipc.h"

#define SLOTS		0x8000		/* ids that differ by a multiple of it have one place */
#define SLOTS_EXTENDED	0x1000000

/* ipcmni_extend on the kernel's command line. */
static int32_t
slots(void)
{
	char text[4096] = "";
	int fd = open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;

	if (fd >= 0)
		close(fd);
	return n > 0 && strstr(text, "ipcmni_extend") != NULL ? SLOTS_EXTENDED : SLOTS;
}

/* The id of whoever has the place or the key; -1 nobody. */
static int
find_taker(const struct ipc_kind *kind, const Psnap__SysvIdentity *i)
{
	FILE *f = fopen(kind->table, "re");
	int32_t n = slots(), taker = -1;
	char line[512];

	while (f != NULL && taker < 0 && fgets(line, sizeof line, f) != NULL) {
		char *at;
		uint32_t key = (uint32_t)strtoll(line, &at, 10);
		long id = strtol(at, &at, 10);

		if (at != line && (id % n == i->id % n || (key != 0 && key == i->key)))
			taker = (int)id;
	}
	if (f != NULL)
		fclose(f);
	return taker;
}

static int
check(struct plan *p, const struct ipc_kind *kind, const struct snap_object *o, const Psnap__SysvIdentity *i,
    ipc_same *is_same, struct snap_error *err)
{
	int taker = find_taker(kind, i), r;
	bool same = false;

	if (taker < 0)
		return 0;
	if (taker == i->id && (r = is_same(p, o, &same, err)) != 0)
		return r;
	if (same)
		plan_problem(p, SNAP_WARNING, NULL, o->id, "ipc-kept", "none is needed",
		    "System V %s %d, key 0x%08x, is here as it was, and is used", kind->name, (int)i->id, i->key);
	else
		plan_problem(p, SNAP_FATAL, NULL, o->id, "ipc-taken",
		    "end who uses it and remove it (ipcrm), or restore in a new IPC namespace (--ipcns)",
		    "System V %s %d, key 0x%08x: its id or key is taken by %s %d", kind->name, (int)i->id, i->key,
		    kind->name, taker);
	return 0;
}

static void
check_posix(struct plan *p, const struct snap_object *o)
{
	const Psnap__PosixQueue *q = (const void *)o->message;
	bool same;

	if (!posix_queue_is_here(o, &same))
		return;
	if (same)
		plan_problem(p, SNAP_WARNING, NULL, o->id, "ipc-kept", "none is needed",
		    "POSIX message queue /%.*s is here as it was, and is used", (int)q->name.len,
		    (const char *)q->name.data);
	else
		plan_problem(p, SNAP_FATAL, NULL, o->id, "ipc-taken",
		    "end who uses it and remove it, or restore in a new IPC namespace (--ipcns)",
		    "POSIX message queue /%.*s: its name is taken", (int)q->name.len, (const char *)q->name.data);
}

/* All that is restored is in one namespace: the caller's. */
static void
check_namespace(struct plan *p, const struct snap_object *o, uint64_t namespace_id, uint64_t *only)
{
	if (*only == 0)
		*only = namespace_id;
	if (*only != namespace_id)
		plan_problem(p, SNAP_FATAL, NULL, o->id, "ipc-namespace", "none but to dump them apart",
		    "it is of more than one IPC namespace");
}

int
host_check_ipc(struct plan *p, struct snap_error *err)
{
	static const struct {
		uint32_t kind;
		const struct ipc_kind *ipc;
		ipc_same *same;
	} kinds[] = {
		{ PSNAP_KIND_SYSV_SEGMENT, &ipc_segment, segment_same },
		{ PSNAP_KIND_SYSV_SEMAPHORES, &ipc_semaphores, semaphores_same },
		{ PSNAP_KIND_SYSV_QUEUE, &ipc_queue, queue_same },
	};
	const struct snap_object *const *v;
	uint64_t only = 0;
	size_t n;
	int r;

	for (size_t k = 0; k < sizeof kinds / sizeof kinds[0]; k++) {
		v = snap_get_kind(p->s, kinds[k].kind, &n);
		for (size_t i = 0; i < n; i++) {
			check_namespace(p, v[i], sysv_identity(v[i])->namespace_id, &only);
			if ((r = check(p, kinds[k].ipc, v[i], sysv_identity(v[i]), kinds[k].same, err)) != 0)
				return r;
		}
	}
	v = snap_get_kind(p->s, PSNAP_KIND_POSIX_QUEUE, &n);
	for (size_t i = 0; i < n; i++) {
		check_namespace(p, v[i], ((const Psnap__PosixQueue *)(const void *)v[i]->message)->namespace_id, &only);
		check_posix(p, v[i]);
	}
	return 0;
}
