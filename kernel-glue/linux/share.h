/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks or descriptors share one kernel object: by its identity where
 * the facts tell it; else by kcmp(2), which orders what it compares, so that a
 * sorted set finds each in a logarithm of steps.
 */
#ifndef KERNEL_GLUE_LINUX_SHARE_H
#define KERNEL_GLUE_LINUX_SHARE_H

#include "kernel-glue/linux/dump.h"

enum { SHARE_FILE = 0, SHARE_VM = 1, SHARE_FILES = 2, SHARE_FS = 3, SHARE_SIGHAND = 4, SHARE_UNDO = 6 };	/* kcmp(2) */

/*
 * The place of what is known of this object of p, NULL if new, to be filled
 * in by the caller.  NULL without memory.
 */
void	**share_find(struct dump *d, struct share_set *set, int type, const struct proc *p, int fd);

/* The same of a task by kcmp alone, for what no facts tell. */
void	**share_find_by_kcmp(struct dump *d, struct share_set *set, int type, pid_t tid, int fd);

#endif
