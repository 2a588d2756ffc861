/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What System V semaphores owe to a thread (SEM_UNDO), for task.bpf.c: an entry
 * for each set, with as many adjustments as the set has semaphores.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_UNDO_H
#define KERNEL_GLUE_LINUX_BPF_UNDO_H

#include "kernel-glue/linux-bpf/collect.h"

#define STEPS_MAX	8192	/* entries and adjustments */
#define WRITTEN_MAX	256	/* they have to fit in the iterator's 32 KiB */
#define INDEX_MASK	0x7fff	/* of an id: where its set is; ipcmni_extend has more bits */
#define SLOT_MASK	63	/* of xa_node.slots */
#define LEVELS		3	/* that an index of 15 bits takes */

struct undo_walk {
	struct seq_file	*seq;
	struct rec_adjustment r;
	const struct ipc_ids *sets;
	const struct list_head *head, *at;
	const short	*adjustment;	/* of semaphore r.semaphore of r.set, */
	__u32		n;		/* which has so many */
	__u32		written;
	bool		done;
};

/* A set by its place in the table of its namespace, or NULL. */
static __always_inline const struct sem_array *
set_at(const struct ipc_ids *sets, __u32 index)
{
	unsigned long entry = (unsigned long)BPF_CORE_READ(sets, ipcs_idr.idr_rt.xa_head);

	for (int i = 0; i < LEVELS; i++) {
		const struct xa_node *node = (const void *)(entry & ~3ul);
		__u32 slot;

		if ((entry & 3) != 2)	/* not a node: an entry */
			break;
		slot = index >> BPF_CORE_READ(node, shift);
		bpf_probe_read_kernel(&entry, sizeof entry, (const void *)node +
		    bpf_core_field_offset(struct xa_node, slots) + (slot & SLOT_MASK) * sizeof entry);
	}
	return (entry & 3) == 0 ? (const void *)entry : NULL;
}

/* Go on to the next entry; false: it cannot be read. */
static __always_inline bool
next_set(struct undo_walk *w)
{
	const struct list_head *at = w->at;
	const struct sem_undo *u = (const void *)at - bpf_core_field_offset(struct sem_undo, list_proc);
	const struct sem_undo___pointer *old = (const void *)u;
	const struct sem_array *set;

	w->at = BPF_CORE_READ(at, next);
	w->r.set = BPF_CORE_READ(u, semid);
	w->r.semaphore = w->n = 0;
	if (w->r.set < 0)	/* it was removed */
		return 1;
	set = set_at(w->sets, w->r.set & INDEX_MASK);
	if (set == NULL || BPF_CORE_READ(set, sem_perm.id) != w->r.set)
		return 0;
	w->adjustment = bpf_core_field_exists(u->semadj) ? (const void *)u + bpf_core_field_offset(u->semadj) :
	    BPF_CORE_READ(old, semadj);
	w->n = BPF_CORE_READ(set, sem_nsems);
	return 1;
}

/* 0 go on, 1 the end: done, if it came to that. */
static long
undo_step(__u32 index, struct undo_walk *w)
{
	short value = 0;

	(void)index;
	if (w->r.semaphore >= w->n) {
		w->done = w->at == w->head;
		return w->done || !next_set(w);
	}
	bpf_probe_read_kernel(&value, sizeof value, w->adjustment + w->r.semaphore);
	if (value != 0) {
		if (w->written++ == WRITTEN_MAX)
			return 1;
		w->r.value = value;
		bpf_seq_write(w->seq, &w->r, sizeof w->r);
	}
	w->r.semaphore++;
	return 0;
}

/* The list, and what is in it if it can be walked to its end. */
static __always_inline void
write_undo(struct seq_file *seq, struct rec_thread *r, struct task_struct *t)
{
	const struct sem_undo_list *list;
	struct undo_walk w = { .seq = seq };

	if (!bpf_core_field_exists(t->sysvsem.undo_list))
		return;
	list = BPF_CORE_READ(t, sysvsem.undo_list);
	r->undo = identity(list);
	r->have |= REC_HAVE_UNDO;
	if (list == NULL || !bpf_core_type_exists(struct sem_undo) || !bpf_core_type_exists(struct sem_array))
		return;
	w.r.h = r->h;
	w.r.h.size = sizeof w.r;
	w.r.h.kind = REC_ADJUSTMENT;
	w.sets = (const void *)BPF_CORE_READ(t, nsproxy, ipc_ns) + bpf_core_field_offset(struct ipc_namespace, ids);
	w.head = &list->list_proc;
	w.at = BPF_CORE_READ(list, list_proc.next);
	bpf_loop(STEPS_MAX, undo_step, &w, 0);
	if (w.done)
		r->have |= REC_HAVE_ADJUSTMENTS;
}

#endif
