/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A set of object ids: has this one been used?
 */
#ifndef LIBSNAP_CONTAINER_IDSET_H
#define LIBSNAP_CONTAINER_IDSET_H

#include <stddef.h>
#include <stdint.h>

/* Empty when all zero. */
struct idset {
	uint64_t	*slots;		/* 0: free; size is a power of two */
	size_t		size, used;
};

/* id is not 0. 1: added; 0: was there; -1: no memory. */
int	idset_add(struct idset *s, uint64_t id);
void	idset_fini(struct idset *s);

#endif
