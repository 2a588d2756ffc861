/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory given out piece by piece, up to a limit, and freed all at once.
 */
#ifndef LIBSNAP_CORE_ARENA_H
#define LIBSNAP_CORE_ARENA_H

#include <stddef.h>
#include <stdint.h>

struct arena;

/* An empty arena that will hand out at most limit bytes; NULL without memory. */
struct arena *arena_new(uint64_t limit);
void	arena_free(struct arena *a);

/* Uninitialised memory aligned for any object; NULL without memory or above the limit. */
void	*arena_alloc(struct arena *a, size_t size);

/* Whether an arena_alloc() failed because of the limit. */
int	arena_exhausted(const struct arena *a);

/* Whether one failed for want of memory. */
int	arena_failed(const struct arena *a);

/* Bytes handed out. */
uint64_t arena_used(const struct arena *a);

#endif
