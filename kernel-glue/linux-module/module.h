/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The collector as a kernel module, between its files.
 *
 *	device.c	/dev/psnap: open, ioctl, read, mmap
 *	collect.c	which tasks, in which order, what is tried again
 *	thread.c process.c mapping.c descriptor.c	one kind of record each
 *	snapshot.c	the memory records are put into
 *
 * A function that makes records returns 0, -ENOBUFS (no room: it holds no
 * lock any more, and goes on where it was when called again), or another
 * negative errno.  References on tasks are held by collect.c all the while.
 */
#ifndef KERNEL_GLUE_LINUX_MODULE_MODULE_H
#define KERNEL_GLUE_LINUX_MODULE_MODULE_H

#include <linux/kref.h>
#include <linux/path.h>
#include <linux/sched.h>
#include <linux/version.h>

#include "kernel-glue/records/identity.h"
#include "kernel-glue/records/records.h"

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0) || LINUX_VERSION_CODE >= KERNEL_VERSION(6, 2, 0)
#error "psnap.ko is written for the structures of Linux 6.1; newer kernels have BTF for the BPF collector"
#endif

/* What one collection made.  Once published nothing in it changes. */
struct snapshot {
	struct kref	refs;
	u8		*bytes;		/* vmalloc_user: may be mapped */
	size_t		len, cap;
};

/* A collection under way. */
struct collector {
	const struct rec_key	*key;
	struct pid_namespace	*pids;	/* the caller's */
	struct user_namespace	*users;
	struct snapshot		*to;
	bool			mappings;	/* wanted, too */
	unsigned long		next;	/* address or descriptor where a walk goes on */
};

/* ---- snapshot.c ---- */

struct snapshot *snapshot_new(void);
void	snapshot_put(struct snapshot *s);
/* Twice the room, records kept: 0, -ENOMEM, or -ENOSPC above the limit.  Sleeps. */
int	snapshot_grow(struct snapshot *s);

/* Room for a record of t, zeroed but for its header; NULL: -ENOBUFS. */
void	*record_begin(struct collector *c, enum rec_kind kind, size_t fixed, struct task_struct *t);
/* The name of a path behind the fixed part, as /proc has it: its size, 0 if it has none that fits. */
u32	record_path(void *record, size_t fixed, const struct path *path);
u32	record_name(void *record, size_t fixed, const char *before, const char *name, const char *after);
/* It is whole: its fixed part and a name of so many bytes. */
void	record_end(struct collector *c, void *record, size_t fixed, u32 name_size);

u64	identity(const struct collector *c, const void *object);
u64	path_identity(const struct collector *c, const struct path *path);
/* Those of a task, group or session where the task has numbers; under rcu_read_lock(). */
void	numbers(const struct collector *c, struct rec_numbers *n, const struct pid *task, struct pid *pid);

/* ---- collect.c ---- */

/* Everything of these processes into c->to; *missing is set with -ESRCH. */
int	collect(struct collector *c, const __s32 *pids, u32 count, u32 *missing);

/* ---- one kind of record each ---- */

int	thread_record(struct collector *c, struct task_struct *t);
int	process_record(struct collector *c, struct task_struct *t);
int	handlers_record(struct collector *c, struct task_struct *t);
int	mapping_records(struct collector *c, struct task_struct *t);
int	descriptor_records(struct collector *c, struct task_struct *t);

/* Lock what t does with signals, or NULL: it is dead.  Unlocked by spin_unlock_irqrestore(). */
struct sighand_struct *lock_signals(struct task_struct *t, unsigned long *flags);

#endif
