/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdint.h>
#include <stdlib.h>

#include "kernel-glue/linux/arena.h"

#define CHUNK	(1u << 20)
#define ALIGN	16

struct chunk {
	struct chunk	*next;
	size_t		size, used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk	*chunks;
};

struct arena *
glue_arena_new(void)
{
	return calloc(1, sizeof(struct arena));
}

void *
glue_arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	void *p;

	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (c == NULL || size > c->size - c->used) {
		size_t room = size > CHUNK ? size : CHUNK;

		if ((c = calloc(1, sizeof *c + room)) == NULL)
			return NULL;
		c->size = room;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->data + c->used;
	c->used += size;
	return p;
}

void
glue_arena_free(struct arena *a)
{
	struct chunk *next;

	if (a == NULL)
		return;
	for (struct chunk *c = a->chunks; c != NULL; c = next) {
		next = c->next;
		free(c);
	}
	free(a);
}
