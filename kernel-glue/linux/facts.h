/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a collector inside the kernel has told of the stopped tree.
 *
 * With facts, /proc is asked only for what they do not hold: every function
 * here answers NULL or none when there are no facts at all, so that a
 * collector of the dumper asks here first and goes on as ever.
 */
#ifndef KERNEL_GLUE_LINUX_FACTS_H
#define KERNEL_GLUE_LINUX_FACTS_H

#include "kernel-glue/linux/dump.h"
#include "kernel-glue/records/table.h"

/* Before the tree is stopped: load what --collector wants, if it is worth it.  processes: of the tree, about. */
int	facts_open(struct dump *d, size_t processes);
/* Once it is stopped: collect. */
int	facts_collect(struct dump *d);
void	facts_close(struct dump *d);
/* Who collects: "module", "bpf" or "proc". */
const char *facts_collector(const struct dump *d);

const struct rec_thread *facts_thread(const struct dump *d, pid_t tid);
const struct rec_process *facts_process(const struct dump *d, const struct proc *p);
/* What the leader has told, dead or not. */
const struct rec_process *facts_leader(const struct dump *d, const struct proc *p);
const struct rec_handlers *facts_handlers(const struct dump *d, const struct proc *p);
struct rec_slice facts_of_thread(const struct dump *d, pid_t tid, enum rec_kind kind);
struct rec_slice facts_of(const struct dump *d, const struct proc *p, enum rec_kind kind);

/* The second since 1970 before which nothing was collected. */
int64_t	facts_began(const struct dump *d);

/* [vsyscall], the same in every process that has it; NULL: this kernel has none. */
const struct mapping *facts_vsyscall(const struct dump *d);

/*
 * What is already known by the identity of a kernel object, of any kind:
 * the place for it, NULL if new.  NULL without memory.
 */
void	**facts_known(struct dump *d, uint64_t identity);

#endif
