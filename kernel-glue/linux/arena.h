/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef KERNEL_GLUE_LINUX_ARENA_H
#define KERNEL_GLUE_LINUX_ARENA_H

#include <stddef.h>

/* Memory of one dump: zeroed pieces, freed all at once. */
struct arena;

struct arena *glue_arena_new(void);
void	*glue_arena_alloc(struct arena *a, size_t size);
void	glue_arena_free(struct arena *a);

#endif
