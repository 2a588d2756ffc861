/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V IPC and POSIX queues in the IPC namespace we are in.
 *
 * An object that is there with the same id, key, owners and content is used as
 * it is: it outlived its processes.  Any other with that id or key stands in
 * the way.
 */
#ifndef LIBSNAP_RESTORE_LINUX_IPC_H
#define LIBSNAP_RESTORE_LINUX_IPC_H

#include <sys/ipc.h>

#include "format/ipc.pb-c.h"
#include "libsnap/restore/linux/linux.h"

/* What the three kinds differ in. */
struct ipc_kind {
	const char	*name;			/* "segment" */
	const char	*table;			/* of /proc/sysvipc */
	const char	*next_id;		/* file that chooses the id of the next one made */
	int		(*remove)(int id);	/* 0, or -1 and errno */
};
extern const struct ipc_kind ipc_segment, ipc_semaphores, ipc_queue;

/* Makes one with a key and mode: its id, or -1 and errno. */
typedef int ipc_create(const Psnap__SysvIdentity *i, const void *arg);

/* Make one with this identity but for its owners, as its creator; it is removed again should we fail. */
int	ipc_make(struct restore *r, const struct ipc_kind *kind, uint64_t object, const Psnap__SysvIdentity *i,
	    ipc_create *create, const void *arg);

/* Whether the object with that id is here with this identity and content; a code only if that cannot be told. */
typedef int ipc_same(struct plan *p, const struct snap_object *o, bool *same, struct snap_error *err);
ipc_same segment_same, semaphores_same, queue_same;

/* Whether the name of a POSIX queue is taken here; *same: by that queue, as it was. */
bool	posix_queue_is_here(const struct snap_object *o, bool *same);

/* Whether what the kernel tells of one is its key, permission bits, owner and creator. */
bool	ipc_is_identity(const struct ipc_perm *here, const Psnap__SysvIdentity *i);

/* Have undo(id, arg) called should we fail, after all processes are gone; for what was here before. */
int	ipc_remember(struct restore *r, int id, void (*undo)(int id, const void *arg), const void *arg);

#endif
