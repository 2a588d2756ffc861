/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V shared memory.  What is attached was found with the mappings; the
 * rest is attached here, for as long as it takes to get a descriptor on it.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "kernel-glue/linux/ipc.h"
#include "kernel-glue/linux/mem.h"
#include "linux/sysv_memory.h"

/* /proc/sysvipc/shm; its mode has flags beside permission bits */
enum { KEY, ID, MODE, SIZE, CREATOR, LAST, ATTACHMENTS, UID, GID, CREATOR_UID, CREATOR_GID, ATTACHED, DETACHED,
    CHANGED };
#define MODE_DELETED	01000
#define MODE_LOCKED	02000
#define NS		INT64_C(1000000000)

static struct memory_object *
find_attached(const struct dump *d, int64_t id)
{
	for (size_t i = 0; i < d->memory_objects.n; i++) {
		struct memory_object *o = d->memory_objects.v[i];

		if (o->kind == PSNAP_MEMORY_OBJECT_SYSV && o->sysv_id == id)
			return o;
	}
	return NULL;
}

/* Mappings of it in the tree: each is an attachment to the kernel. */
static uint64_t
count_mappings(const struct dump *d, const struct memory_object *o)
{
	uint64_t n = 0;

	for (size_t i = 0; i < d->mms.n; i++) {
		const struct mm *mm = d->mms.v[i];

		for (size_t k = 0; k < mm->mappings.n; k++)
			n += ((const struct mapping *)mm->mappings.v[k])->object == o;
	}
	return n;
}

static int
take_detached(struct dump *d, struct segment *s, uint64_t size)
{
	int fd = sysv_memory_open(s->identity.id, size, false);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0) {
		if (fd >= 0)
			close(fd);
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, 0, "sysv-shm",
		    "System V segment %d: %s", (int)s->identity.id, errno == ENOENT ?
		    "it is of huge pages" : strerror(errno));
	}
	s->object = mem_object(d, (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev), st.st_ino,
	    PSNAP_MEMORY_OBJECT_SYSV, fd);
	close(fd);
	if (s->object == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	s->object->sysv_id = s->identity.id;
	return 0;
}

static int
look_closer(struct dump *d, const struct segment *s)
{
	uint64_t ours = count_mappings(d, s->object);

	if (s->object->huge_page_size != 0)
		return dump_cover(d, PSNAP_COVERAGE_BREAKS, NULL, 0, -1, s->object->id, "sysv-shm",
		    "System V segment %d: it is of huge pages", (int)s->identity.id);
	if (s->attachments > ours)
		return dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, s->object->id, "sysv-shm-outside",
		    "System V segment %d: %llu of its %llu attachments are of processes outside the tree",
		    (int)s->identity.id, (unsigned long long)(s->attachments - ours),
		    (unsigned long long)s->attachments);
	return 0;
}

static int
take_line(struct dump *d, struct ipc *ipc, const int64_t *v)
{
	struct memory_object *attached = find_attached(d, v[ID]);
	struct segment *s;
	int r;

	if (attached == NULL && !ipc->all && !ipc_is_ours(d, v[CREATOR]) && !ipc_is_ours(d, v[LAST]))
		return 0;
	/* it goes with the last of those outside who have it */
	if (attached == NULL && v[MODE] & MODE_DELETED)
		return 0;
	if ((s = dump_alloc(d, sizeof *s)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	*s = (struct segment){
		.ipc = ipc, .object = attached,
		.identity = { (int32_t)v[ID], (uint32_t)v[KEY], v[MODE] & 0777, (uint32_t)v[UID], (uint32_t)v[GID],
		    (uint32_t)v[CREATOR_UID], (uint32_t)v[CREATOR_GID] },
		.deleted = v[MODE] & MODE_DELETED, .locked = v[MODE] & MODE_LOCKED,
		.creator_pid = (int32_t)v[CREATOR], .last_pid = (int32_t)v[LAST],
		.attachments = (uint64_t)v[ATTACHMENTS], .attached = v[ATTACHED] * NS,
		.detached = v[DETACHED] * NS, .changed = v[CHANGED] * NS,
	};
	if (attached == NULL && ((r = take_detached(d, s, (uint64_t)v[SIZE])) != 0 || s->object == NULL))
		return r;
	s->id = dump_new_id(d);
	s->object->size = (uint64_t)v[SIZE];
	s->object->sysv_deleted = s->deleted;
	if (list_add(d, &ipc->segments, s) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	return look_closer(d, s);
}

static bool
is_taken(const struct ipc *ipc, const struct memory_object *o)
{
	for (size_t i = 0; i < ipc->segments.n; i++)
		if (((const struct segment *)ipc->segments.v[i])->object == o)
			return true;
	return false;
}

int
segments_collect(struct dump *d, struct ipc *ipc)
{
	return ipc_read_table(d, ipc, "shm", take_line);
}

/* Attached before its process went to another namespace. */
int
segments_cover_rest(struct dump *d, const struct ipc *ipc)
{
	int r = 0;

	for (size_t i = 0; i < d->memory_objects.n && r == 0; i++) {
		const struct memory_object *o = d->memory_objects.v[i];

		if (o->kind == PSNAP_MEMORY_OBJECT_SYSV && !is_taken(ipc, o))
			r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, o->id, "sysv-shm",
			    "System V segment %lld is not in the IPC namespace of the tree: it will have no id",
			    (long long)o->sysv_id);
	}
	return r;
}

void
segments_translate(const struct dump *d, struct ipc *ipc)
{
	for (size_t i = 0; i < ipc->segments.n; i++) {
		struct segment *s = ipc->segments.v[i];

		s->creator_pid = number_of_task(d, s->creator_pid);
		s->last_pid = number_of_task(d, s->last_pid);
	}
}

static void
segment_fields(struct glue_emit *e, const void *object)
{
	const struct segment *s = object;

	ipc_emit_identity(e, s->ipc, &s->identity);
	glue_emit_uint(e, PSNAP_F_SYSV_SEGMENT_MEMORY_OBJECT_ID, s->object->id);
	glue_emit_uint(e, PSNAP_F_SYSV_SEGMENT_DELETED, s->deleted);
	glue_emit_uint(e, PSNAP_F_SYSV_SEGMENT_LOCKED, s->locked);
	glue_emit_int(e, PSNAP_F_SYSV_SEGMENT_CREATOR_PID, s->creator_pid);
	glue_emit_int(e, PSNAP_F_SYSV_SEGMENT_LAST_PID, s->last_pid);
	glue_emit_uint(e, PSNAP_F_SYSV_SEGMENT_ATTACHMENTS, s->attachments);
	glue_emit_int(e, PSNAP_F_SYSV_SEGMENT_ATTACHED_NS, s->attached);
	glue_emit_int(e, PSNAP_F_SYSV_SEGMENT_DETACHED_NS, s->detached);
	glue_emit_int(e, PSNAP_F_SYSV_SEGMENT_CHANGED_NS, s->changed);
}

int
segments_emit(struct dump *d, const struct ipc *ipc)
{
	int r;

	for (size_t i = 0; i < ipc->segments.n; i++) {
		const struct segment *s = ipc->segments.v[i];

		if ((r = dump_record(d, PSNAP_KIND_SYSV_SEGMENT, s->id, segment_fields, s)) != 0)
			return r;
	}
	return 0;
}
