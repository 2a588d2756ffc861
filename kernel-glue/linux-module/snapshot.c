// SPDX-License-Identifier: BSD-2-Clause
/*
 * Memory for records: contiguous, so that it can be mapped, and grown while no
 * lock is held.
 */
#include <linux/dcache.h>
#include <linux/mm.h>
#include <linux/moduleparam.h>
#include <linux/pid.h>
#include <linux/pid_namespace.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/vmalloc.h>

#include "module.h"

#define SNAPSHOT_FIRST	((size_t)1 << 20)

static unsigned long max_bytes = IS_ENABLED(CONFIG_64BIT) ? 256ul << 20 : 16ul << 20;
module_param(max_bytes, ulong, 0600);
MODULE_PARM_DESC(max_bytes, "limit of the records of one collection");

struct snapshot *
snapshot_new(void)
{
	struct snapshot *s = kzalloc(sizeof *s, GFP_KERNEL);

	if (s == NULL)
		return NULL;
	kref_init(&s->refs);
	s->cap = SNAPSHOT_FIRST;
	if ((s->bytes = vmalloc_user(s->cap)) == NULL) {
		kfree(s);
		return NULL;
	}
	return s;
}

static void
snapshot_free(struct kref *refs)
{
	struct snapshot *s = container_of(refs, struct snapshot, refs);

	vfree(s->bytes);
	kfree(s);
}

void
snapshot_put(struct snapshot *s)
{
	if (s != NULL)
		kref_put(&s->refs, snapshot_free);
}

int
snapshot_grow(struct snapshot *s)
{
	u8 *bigger;

	if (s->cap > READ_ONCE(max_bytes) / 2)
		return -ENOSPC;
	if ((bigger = vmalloc_user(s->cap * 2)) == NULL)
		return -ENOMEM;
	memcpy(bigger, s->bytes, s->len);
	vfree(s->bytes);
	s->bytes = bigger;
	s->cap *= 2;
	return 0;
}

/* ---- records ---- */

/* Any record fits into REC_MAX, so that none is found too long half-way. */
void *
record_begin(struct collector *c, enum rec_kind kind, size_t fixed, struct task_struct *t)
{
	struct snapshot *s = c->to;
	struct rec_header *h;

	if (REC_MAX > s->cap - s->len)
		return NULL;
	h = (void *)(s->bytes + s->len);
	memset(h, 0, fixed);
	h->kind = kind;
	h->version = REC_VERSION;
	h->tgid = task_tgid_nr_ns(t, c->pids);
	h->tid = task_pid_nr_ns(t, c->pids);
	return h;
}

/* d_path() writes the name at the end of the room it is given. */
u32
record_path(void *record, size_t fixed, const struct path *path)
{
	char *at = (char *)record + fixed, *name = d_path(path, at, REC_NAME_MAX);
	size_t n;

	if (IS_ERR(name))
		return 0;
	n = strlen(name) + 1;
	memmove(at, name, n);
	return n;
}

u32
record_name(void *record, size_t fixed, const char *before, const char *name, const char *after)
{
	int n = snprintf((char *)record + fixed, REC_NAME_MAX, "%s%s%s", before, name, after);

	return n < REC_NAME_MAX ? n + 1 : 0;
}

void
record_end(struct collector *c, void *record, size_t fixed, u32 name_size)
{
	struct rec_header *h = record;

	h->size = ALIGN(fixed + name_size, 8);
	memset((u8 *)record + fixed + name_size, 0, h->size - fixed - name_size);
	c->to->len += h->size;
}

/* ---- parts of them ---- */

u64
identity(const struct collector *c, const void *object)
{
	return rec_identity(c->key, (unsigned long)object);
}

u64
path_identity(const struct collector *c, const struct path *path)
{
	return rec_identity2(c->key, (unsigned long)path->dentry, (unsigned long)path->mnt);
}

void
numbers(const struct collector *c, struct rec_numbers *n, const struct pid *task, struct pid *pid)
{
	unsigned int level = c->pids->level;

	if (task == NULL || level > task->level || task->numbers[level].ns != c->pids)
		return;
	for (; level <= task->level && n->count < REC_LEVELS; level++)
		n->number[n->count++] = pid_nr_ns(pid, task->numbers[level].ns);
}
