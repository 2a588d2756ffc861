/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Open addressing: an item is at its place or, if others have that, behind it,
 * with no gap between.
 */
#include "kernel-glue/linux/dump.h"

#define SLOTS_MIN	64u

struct index_slot {
	uint64_t	key;
	void		*item;		/* NULL: free */
};

static size_t
place_of(const struct index *x, uint64_t key)
{
	/* 2^64 / golden ratio: numbers that follow each other come apart */
	return (size_t)(key * UINT64_C(11400714819323198485) >> 32) & (x->cap - 1);
}

static void
put(struct index *x, uint64_t key, void *item)
{
	size_t i = place_of(x, key);

	while (x->v[i].item != NULL)
		i = (i + 1) & (x->cap - 1);
	x->v[i] = (struct index_slot){ key, item };
	x->n++;
}

static int
grow(struct dump *d, struct index *x)
{
	struct index bigger = { .cap = x->cap == 0 ? SLOTS_MIN : x->cap * 2 };

	if ((bigger.v = dump_alloc(d, bigger.cap * sizeof *bigger.v)) == NULL)
		return GLUE_E_NOMEM;
	for (size_t i = 0; i < x->cap; i++)
		if (x->v[i].item != NULL)
			put(&bigger, x->v[i].key, x->v[i].item);
	*x = bigger;
	return 0;
}

int
index_add(struct dump *d, struct index *x, uint64_t key, void *item)
{
	/* at most half full: the way to a free one is short */
	if (2 * (x->n + 1) > x->cap && grow(d, x) != 0)
		return GLUE_E_NOMEM;
	put(x, key, item);
	return 0;
}

/* *at: how many places behind the first have been looked at. */
void *
index_next(const struct index *x, uint64_t key, size_t *at)
{
	while (*at < x->cap) {
		const struct index_slot *s = &x->v[(place_of(x, key) + *at) & (x->cap - 1)];

		if (s->item == NULL)
			return NULL;
		++*at;
		if (s->key == key)
			return s->item;
	}
	return NULL;
}
