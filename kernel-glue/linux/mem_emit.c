/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory objects, and the records of memory.proto.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/mem.h"

/* A segment's inode is its id, which another's may be, too. */
static struct memory_object *
find_object(const struct dump *d, uint64_t dev, uint64_t ino, uint32_t kind)
{
	struct memory_object *o;

	for (size_t at = 0; (o = index_next(&d->memory_by_inode, ino, &at)) != NULL;)
		if (o->dev == dev &&
		    (o->kind == PSNAP_MEMORY_OBJECT_SYSV) == (kind == PSNAP_MEMORY_OBJECT_SYSV))
			return o;
	return NULL;
}

bool
mem_object_is_open(const struct dump *d, uint64_t dev, uint64_t ino, uint32_t kind)
{
	const struct memory_object *o = find_object(d, dev, ino, kind);

	return o != NULL && o->fd >= 0;
}

struct memory_object *
mem_object(struct dump *d, uint64_t dev, uint64_t ino, uint32_t kind, int fd)
{
	struct memory_object *o;
	struct stat st;
	int seals;

	if ((o = find_object(d, dev, ino, kind)) != NULL)
		goto have;
	if ((o = dump_alloc(d, sizeof *o)) == NULL || list_add(d, &d->memory_objects, o) != 0 ||
	    index_add(d, &d->memory_by_inode, ino, o) != 0)
		return NULL;
	o->id = dump_new_id(d);
	o->dev = dev;
	o->ino = ino;
	o->kind = kind;
	o->fd = -1;
have:
	if (o->fd >= 0 || fd < 0 || (o->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return o;
	if (fstat(o->fd, &st) == 0) {
		o->size = (uint64_t)st.st_size;
		o->mode = st.st_mode & 07777;
		o->uid = st.st_uid;
		o->gid = st.st_gid;
	}
	/* any shmem file answers; only a memfd's seals were its maker's choice */
	if (kind == PSNAP_MEMORY_OBJECT_MEMFD && (seals = fcntl(o->fd, F_GET_SEALS)) > 0)
		o->seals = (uint32_t)seals;
	return o;
}

uint64_t
mem_object_id(const struct memory_object *o)
{
	return o->id;
}

static void
object_fields(struct glue_emit *e, const void *object)
{
	const struct memory_object *o = object;

	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_KIND, o->kind);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_SIZE, o->size);
	if (o->name != NULL)
		glue_emit_string(e, PSNAP_F_MEMORY_OBJECT_NAME, o->name);
	/* F_SEAL_*: seal 1, shrink 2, grow 4, write 8, future write 16, exec 32 */
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_SEALS, o->seals);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_HUGE_PAGE_SIZE, o->huge_page_size);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_HELD_PAGES, o->held);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_DEVICE, o->dev);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_INODE, o->ino);
	glue_emit_int(e, PSNAP_F_MEMORY_OBJECT_SYSV_ID, o->sysv_id);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_SYSV_DELETED, o->sysv_deleted);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_MODE, o->mode);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_UID, o->uid);
	glue_emit_uint(e, PSNAP_F_MEMORY_OBJECT_GID, o->gid);
}

static void
emit_auxv(struct glue_emit *e, const struct mm *mm)
{
	size_t word = mm->is32 ? 4 : 8;

	for (size_t i = 0; i + 2 * word <= mm->auxv_len; i += 2 * word) {
		uint64_t type = 0, value = 0;

		memcpy(&type, mm->auxv + i, word);
		memcpy(&value, mm->auxv + i + word, word);
		if (type == 0)
			break;
		glue_emit_open(e, PSNAP_F_ADDRESS_SPACE_AUXILIARY);
		glue_emit_uint(e, PSNAP_F_AUXILIARY_ENTRY_TYPE, type);
		glue_emit_uint(e, PSNAP_F_AUXILIARY_ENTRY_VALUE, value);
		glue_emit_close(e);
	}
}

static void
mm_fields(struct glue_emit *e, const void *object)
{
	const struct mm *mm = object;
	uint64_t resident = 0;

	for (size_t i = 0; i < mm->mappings.n; i++)
		resident += ((struct mapping *)mm->mappings.v[i])->resident_kib / 4;
	if (mm->exe != NULL)
		glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_EXECUTABLE_FILE_ID, file_id(mm->exe));
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_CODE_START, mm->marks[MARK_START_CODE]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_CODE_END, mm->marks[MARK_END_CODE]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_DATA_START, mm->marks[MARK_START_DATA]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_DATA_END, mm->marks[MARK_END_DATA]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_HEAP_START, mm->marks[MARK_START_BRK]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_HEAP_END, mm->marks[MARK_BRK]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_STACK_START, mm->marks[MARK_START_STACK]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_ARGUMENTS_START, mm->marks[MARK_ARG_START]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_ARGUMENTS_END, mm->marks[MARK_ARG_END]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_ENVIRONMENT_START, mm->marks[MARK_ENV_START]);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_ENVIRONMENT_END, mm->marks[MARK_ENV_END]);
	emit_auxv(e, mm);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_VDSO_START, mm->vdso);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_DENY_WRITE_EXEC, mm->deny_write_exec);
	if (mm->dumpable >= 0) {
		glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_DUMPABLE, (uint64_t)mm->dumpable);
		glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_DUMPABLE_KNOWN, 1);
	}
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_RESIDENT_PAGES, resident);
	glue_emit_uint(e, PSNAP_F_ADDRESS_SPACE_AUXILIARY_RAW_SIZE, mm->auxv_len);
}

static void
emit_advice(struct glue_emit *e, const struct mapping *m)
{
	if (!(m->sr || m->rr || m->dc || m->wf || m->dd || m->hg || m->nh || m->mg))
		return;
	glue_emit_open(e, PSNAP_F_MAPPING_ADVICE);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_SEQUENTIAL, m->sr);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_RANDOM, m->rr);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_DONT_FORK, m->dc);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_WIPE_ON_FORK, m->wf);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_DONT_DUMP, m->dd);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_HUGE_PAGE, m->hg);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_NO_HUGE_PAGE, m->nh);
	glue_emit_uint(e, PSNAP_F_MAPPING_ADVICE_MERGEABLE, m->mg);
	glue_emit_close(e);
}

/* "[anon:name]" holds the name itself; a kernel's label is kept as it is. */
static void
emit_name(struct glue_emit *e, const struct mapping *m)
{
	size_t n = strlen(m->name);

	if (m->role == PSNAP_MAPPING_ROLE_NAMED && n > 7)
		glue_emit_bytes(e, PSNAP_F_MAPPING_NAME, m->name + 6, n - 7);
	else if (m->name[0] == '[' && m->role == PSNAP_MAPPING_ROLE_NONE)
		glue_emit_bytes(e, PSNAP_F_MAPPING_NAME, m->name, n);
}

static void
mapping_fields(struct glue_emit *e, const void *object)
{
	const struct mapping *m = object;

	glue_emit_uint(e, PSNAP_F_MAPPING_ADDRESS_SPACE_ID, m->mm->id);
	glue_emit_uint(e, PSNAP_F_MAPPING_START, m->start);
	glue_emit_uint(e, PSNAP_F_MAPPING_END, m->end);
	glue_emit_uint(e, PSNAP_F_MAPPING_READABLE, m->r);
	glue_emit_uint(e, PSNAP_F_MAPPING_WRITABLE, m->w);
	glue_emit_uint(e, PSNAP_F_MAPPING_EXECUTABLE, m->x);
	glue_emit_uint(e, PSNAP_F_MAPPING_KIND, m->kind);
	glue_emit_uint(e, PSNAP_F_MAPPING_ROLE, m->role);
	emit_name(e, m);
	if (m->file != NULL)
		glue_emit_uint(e, PSNAP_F_MAPPING_FILE_ID, file_id(m->file));
	if (m->object != NULL)
		glue_emit_uint(e, PSNAP_F_MAPPING_MEMORY_OBJECT_ID, m->object->id);
	if (m->file != NULL || m->object != NULL)
		glue_emit_uint(e, PSNAP_F_MAPPING_OFFSET, m->offset);
	glue_emit_uint(e, PSNAP_F_MAPPING_GROWS_DOWN, m->gd);
	glue_emit_uint(e, PSNAP_F_MAPPING_LOCKED, m->lo);
	glue_emit_uint(e, PSNAP_F_MAPPING_LOCK_ON_FAULT, m->lf);
	glue_emit_uint(e, PSNAP_F_MAPPING_NO_RESERVE, m->nr);
	glue_emit_uint(e, PSNAP_F_MAPPING_HUGE_TLB, m->ht);
	if (m->ht)
		glue_emit_uint(e, PSNAP_F_MAPPING_HUGE_PAGE_SIZE, m->huge_page_size);
	emit_advice(e, m);
	glue_emit_uint(e, PSNAP_F_MAPPING_RESIDENT_PAGES, m->resident_kib / 4);
	glue_emit_uint(e, PSNAP_F_MAPPING_HELD_PAGES, m->held);
	glue_emit_uint(e, PSNAP_F_MAPPING_MAY_READ, m->mr);
	glue_emit_uint(e, PSNAP_F_MAPPING_MAY_WRITE, m->mw);
	glue_emit_uint(e, PSNAP_F_MAPPING_MAY_EXEC, m->me);
	glue_emit_uint(e, PSNAP_F_MAPPING_OPENED_WRITABLE, m->shared && m->mw);
	glue_emit_uint(e, PSNAP_F_MAPPING_PROTECTION_KEY, m->key);
	glue_emit_uint(e, PSNAP_F_MAPPING_SEALED, m->sl);
	for (size_t i = 0; i < m->guards.n; i++) {
		const struct range *g = m->guards.v[i];

		glue_emit_open(e, PSNAP_F_MAPPING_GUARDS);
		glue_emit_uint(e, PSNAP_F_PAGE_RANGE_START, g->start);
		glue_emit_uint(e, PSNAP_F_PAGE_RANGE_END, g->end);
		glue_emit_close(e);
	}
}

int
mem_emit(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->memory_objects.n; i++) {
		const struct memory_object *o = d->memory_objects.v[i];

		if ((r = dump_record(d, PSNAP_KIND_MEMORY_OBJECT, o->id, object_fields, o)) != 0)
			return r;
	}
	for (size_t i = 0; i < d->mms.n; i++) {
		const struct mm *mm = d->mms.v[i];

		if ((r = dump_record(d, PSNAP_KIND_ADDRESS_SPACE, mm->id, mm_fields, mm)) != 0)
			return r;
		for (size_t k = 0; k < mm->mappings.n; k++) {
			const struct mapping *m = mm->mappings.v[k];

			if ((r = dump_record(d, PSNAP_KIND_MAPPING, m->id, mapping_fields, m)) != 0)
				return r;
		}
		d->result->mappings += mm->mappings.n;
	}
	return 0;
}

int
mem_emit_pages(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->mms.n; i++) {
		const struct mm *mm = d->mms.v[i];

		if ((r = stage_emit(d, mm->id, &mm->runs)) != 0)
			return r;
	}
	for (size_t i = 0; i < d->memory_objects.n; i++) {
		const struct memory_object *o = d->memory_objects.v[i];

		if ((r = stage_emit(d, o->id, &o->runs)) != 0)
			return r;
	}
	return 0;
}
