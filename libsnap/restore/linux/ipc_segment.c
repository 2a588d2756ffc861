/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V shared memory: made and filled by us, attached by its processes.
 */
#include <errno.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <unistd.h>

#include "libsnap/restore/linux/ipc.h"
#include "linux/sysv_memory.h"

/* Flags in the mode of a segment; of shmat(2). */
#define MODE_DELETED	01000
#define ATTACH_READ	010000
#define ATTACH_EXECUTE	0100000

static int
remove_segment(int id)
{
	return shmctl(id, IPC_RMID, NULL);
}

const struct ipc_kind ipc_segment = { "segment", "/proc/sysvipc/shm", "/proc/sys/kernel/shm_next_id", remove_segment };

static const Psnap__MemoryObject *
memory_of(struct snap *s, const Psnap__SysvSegment *g)
{
	return snap_get_message(s, g->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);
}

static uint64_t
whole_pages(uint64_t size)
{
	return (size + PAGE_SIZE_LINUX - 1) & ~(uint64_t)(PAGE_SIZE_LINUX - 1);
}

/* ---- the same? ---- */

int
segment_same(struct plan *p, const struct snap_object *o, bool *same, struct snap_error *err)
{
	const Psnap__SysvSegment *g = (const void *)o->message;
	const Psnap__SysvIdentity *i = g->identity;
	uint64_t size = memory_of(p->s, g)->size;
	struct shmid_ds ds;
	int fd, e;

	*same = shmctl(i->id, IPC_STAT, &ds) == 0 && ipc_is_identity(&ds.shm_perm, i) && ds.shm_segsz == size &&
	    (ds.shm_perm.mode & MODE_DELETED) == (g->deleted ? MODE_DELETED : 0);
	if (!*same || (fd = sysv_memory_open(i->id, size, false)) < 0) {
		*same = false;
		return 0;
	}
	e = content_compare(p, g->memory_object_id, size, fd, same, err);
	close(fd);
	return e;
}

/* ---- made ---- */

const struct snap_object *
segment_find(struct snap *s, uint64_t memory_object_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_SYSV_SEGMENT, &n);

	for (size_t i = 0; i < n; i++)
		if (((const Psnap__SysvSegment *)(const void *)v[i]->message)->memory_object_id == memory_object_id)
			return v[i];
	return NULL;
}

static int
create(const Psnap__SysvIdentity *i, const void *arg)
{
	const Psnap__MemoryObject *m = arg;

	if (m->size > SIZE_MAX) {
		errno = ENOMEM;
		return -1;
	}
	return shmget((key_t)i->key, (size_t)m->size, IPC_CREAT | IPC_EXCL | (int)i->mode);
}

static int
set_owner(struct restore *r, const struct snap_object *o)
{
	const Psnap__SysvIdentity *i = ((const Psnap__SysvSegment *)(const void *)o->message)->identity;
	struct shmid_ds ds = { .shm_perm = { .uid = i->uid, .gid = i->gid, .mode = (unsigned short)i->mode } };

	return shmctl(i->id, IPC_SET, &ds) == 0 ? 0 :
	    restore_fail(r, NULL, o->id, errno, "setting the owner of System V segment %d", (int)i->id);
}

int
segment_make(struct restore *r, const struct snap_object *o, int *fd, bool *filled)
{
	const Psnap__SysvSegment *g = (const void *)o->message;
	const Psnap__MemoryObject *m = memory_of(r->s, g);
	struct snap_error err;
	int e;

	if (segment_same(r->p, o, filled, &err) != 0)
		return restore_unreadable(r, &err);
	if (!*filled && ((e = ipc_make(r, &ipc_segment, o->id, g->identity, create, m)) != 0 ||
	    (e = set_owner(r, o)) != 0))
		return e;
	*fd = sysv_memory_open(g->identity->id, m->size, true);
	return *fd >= 0 ? 0 : restore_fail(r, NULL, o->id, errno, "attaching System V segment %d",
	    (int)g->identity->id);
}

/* ---- attached ---- */

/* Part of a segment: attached in a gap, and moved from there to its place. */
static int
attach_part(struct restore *r, struct target *t, const struct snap_object *o, const Psnap__SysvIdentity *i,
    uint64_t size, uint64_t flags)
{
	const Psnap__Mapping *m = (const void *)o->message;
	uint64_t n = m->end - m->start, rest = size - m->offset - n, at;
	struct task *k = &t->tasks[0];
	int e;

	if ((e = space_find_gap(r, t, size, &at)) != 0 ||
	    (e = ask(r, k, NR_SHMAT, WANT_AT, "attaching System V memory", o->id, ARGS((uint64_t)i->id, at, flags))) != 0 ||
	    (e = ask(r, k, NR_MREMAP, WANT_NOT_NEGATIVE, "moving System V memory", o->id,
	    ARGS(at + m->offset, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, m->start))) != 0)
		return e;
	if (m->offset > 0 && (e = ask(r, k, NR_MUNMAP, WANT_ZERO, "trimming System V memory", o->id,
	    ARGS(at, m->offset))) != 0)
		return e;
	return rest == 0 ? 0 : ask(r, k, NR_MUNMAP, WANT_ZERO, "trimming System V memory", o->id,
	    ARGS(at + m->offset + n, rest));
}

int
segment_attach(struct restore *r, struct target *t, const struct snap_object *o, const struct shared *s)
{
	const Psnap__Mapping *m = (const void *)o->message;
	const Psnap__SysvIdentity *i = ((const Psnap__SysvSegment *)(const void *)s->segment->message)->identity;
	uint64_t size = whole_pages(s->m->size), prot = (m->readable ? PROT_READ : 0) |
	    (m->writable ? PROT_WRITE : 0) | (m->executable ? PROT_EXEC : 0);
	uint64_t flags = (m->may_write ? 0 : ATTACH_READ) | (m->executable ? ATTACH_EXECUTE : 0);
	uint64_t given = PROT_READ | (m->may_write ? PROT_WRITE : 0) | (m->executable ? PROT_EXEC : 0);
	int e;

	if (m->offset > size || m->end - m->start > size - m->offset)
		return restore_fail(r, t, o->id, EINVAL, "mapping beyond the end of System V segment %d", (int)i->id);
	e = m->offset == 0 && m->end - m->start == size ?
	    ask(r, &t->tasks[0], NR_SHMAT, WANT_AT, "attaching System V memory", o->id,
	    ARGS((uint64_t)i->id, m->start, flags)) : attach_part(r, t, o, i, size, flags);
	if (e != 0 || prot == given)
		return e;
	return ask(r, &t->tasks[0], NR_MPROTECT, WANT_ZERO, "protecting System V memory", o->id,
	    ARGS(m->start, m->end - m->start, prot));
}

int
segments_settle(struct restore *r)
{
	for (size_t i = 0; i < r->nshared; i++) {
		const struct snap_object *o = r->shared[i].segment;
		const Psnap__SysvSegment *g = o != NULL ? (const void *)o->message : NULL;

		if (g == NULL || r->shared[i].kept)
			continue;
		if (g->locked && shmctl(g->identity->id, SHM_LOCK, NULL) != 0)
			return restore_fail(r, NULL, o->id, errno, "locking System V segment %d",
			    (int)g->identity->id);
		/* once all have it: it goes with the last of them */
		if (g->deleted && shmctl(g->identity->id, IPC_RMID, NULL) != 0)
			return restore_fail(r, NULL, o->id, errno, "deleting System V segment %d",
			    (int)g->identity->id);
	}
	return 0;
}
