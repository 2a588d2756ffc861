/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "libsnap/core/arena.h"

#define CHUNK	(256u << 10)
#define ALIGN	(2 * sizeof(void *))

struct chunk {
	struct chunk	*next;
	size_t		size, used;
	_Alignas(max_align_t) unsigned char data[];
};

struct arena {
	struct chunk	*chunks;	/* the newest first */
	uint64_t	limit, used;
	int		exhausted, failed;
};

struct arena *
arena_new(uint64_t limit)
{
	struct arena *a = calloc(1, sizeof *a);

	if (a != NULL)
		a->limit = limit;
	return a;
}

void
arena_free(struct arena *a)
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

void *
arena_alloc(struct arena *a, size_t size)
{
	struct chunk *c = a->chunks;
	void *p;

	if (size > a->limit - a->used) {
		a->exhausted = 1;
		return NULL;
	}
	if (size > SIZE_MAX - sizeof *c - ALIGN) {
		a->failed = 1;
		return NULL;
	}
	size = (size + ALIGN - 1) & ~(ALIGN - 1);
	if (c == NULL || size > c->size - c->used) {
		size_t room = size > CHUNK ? size : CHUNK;

		if ((c = malloc(sizeof *c + room)) == NULL) {
			a->failed = 1;
			return NULL;
		}
		c->size = room;
		c->used = 0;
		/* a large piece of its own does not end the chunk in use */
		if (room > CHUNK && a->chunks != NULL) {
			c->next = a->chunks->next;
			a->chunks->next = c;
		} else {
			c->next = a->chunks;
			a->chunks = c;
		}
	}
	p = c->data + c->used;
	c->used += size;
	a->used = size > a->limit - a->used ? a->limit : a->used + size;
	return p;
}

int
arena_exhausted(const struct arena *a)
{
	return a->exhausted;
}

int
arena_failed(const struct arena *a)
{
	return a->failed;
}

uint64_t
arena_used(const struct arena *a)
{
	return a->used;
}
