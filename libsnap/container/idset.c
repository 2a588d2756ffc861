/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/idset.h"

/* The finisher of splitmix64: ids are counted up, and must not land side by side. */
static uint64_t
mix(uint64_t x)
{
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

/* The slot that holds id, or the free one where it would go. */
static uint64_t *
find(const struct idset *s, uint64_t id)
{
	size_t i = (size_t)mix(id) & (s->size - 1);

	while (s->slots[i] != 0 && s->slots[i] != id)
		i = (i + 1) & (s->size - 1);
	return &s->slots[i];
}

static int
grow(struct idset *s)
{
	struct idset bigger = { .size = s->size == 0 ? 256 : s->size * 2, .used = s->used };

	if (bigger.size > SIZE_MAX / 2 ||
	    (bigger.slots = calloc(bigger.size, sizeof *bigger.slots)) == NULL)
		return -1;
	for (size_t i = 0; i < s->size; i++)
		if (s->slots[i] != 0)
			*find(&bigger, s->slots[i]) = s->slots[i];
	free(s->slots);
	*s = bigger;
	return 0;
}

int
idset_add(struct idset *s, uint64_t id)
{
	uint64_t *slot;

	if (s->used >= s->size / 2 && grow(s) != 0)
		return -1;
	slot = find(s, id);
	if (*slot == id)
		return 0;
	*slot = id;
	s->used++;
	return 1;
}

void
idset_fini(struct idset *s)
{
	free(s->slots);
	memset(s, 0, sizeof *s);
}
