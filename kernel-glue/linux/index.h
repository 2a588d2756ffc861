/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Items found again by a number that several of them may have, as files by
 * inode number: a process may have a million of them open.
 */
#ifndef KERNEL_GLUE_LINUX_INDEX_H
#define KERNEL_GLUE_LINUX_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct dump;

/* Zero it; its memory is the dump's. */
struct index {
	struct index_slot *v;
	size_t		n, cap;		/* cap: a power of two, or 0 */
};

int	index_add(struct dump *d, struct index *x, uint64_t key, void *item);

/* One after the other, of those with that key; *at is 0 at first.  NULL: there are no more. */
void	*index_next(const struct index *x, uint64_t key, size_t *at);

#endif
