/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Which tasks or descriptors share one kernel object: kcmp(2) orders what it
 * compares, so a sorted set finds each in a logarithm of steps.
 */
#ifndef KERNEL_GLUE_LINUX_SHARE_H
#define KERNEL_GLUE_LINUX_SHARE_H

#include "kernel-glue/linux/dump.h"

enum { SHARE_FILE = 0, SHARE_VM = 1, SHARE_FILES = 2, SHARE_FS = 3, SHARE_SIGHAND = 4, SHARE_UNDO = 6 };	/* kcmp(2) */

struct share_entry {
	pid_t		pid;
	int		fd;
	void		*object;
};

/*
 * The entry of the same object, or a new one whose object is NULL, to be
 * filled in by the caller.  NULL without memory.
 */
struct share_entry *share_find(struct dump *d, struct share_set *set, int type, pid_t pid, int fd);

#endif
