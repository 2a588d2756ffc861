/* SPDX-License-Identifier: BSD-2-Clause */
#include "libsnap/core/arena.h"
#include "libsnap/model/signal_set.h"

Psnap__SignalSet *
signal_set_make(struct arena *a, uint64_t mask)
{
	Psnap__SignalSet *set = arena_alloc(a, sizeof *set);

	if (set == NULL)
		return NULL;
	psnap__signal_set__init(set);
	if (mask != 0 && (set->bits.data = arena_alloc(a, sizeof mask)) == NULL)
		return NULL;
	for (; mask != 0; mask >>= 8)
		set->bits.data[set->bits.len++] = (uint8_t)mask;
	return set;
}

uint64_t
signal_set_mask(const Psnap__SignalSet *set)
{
	uint64_t mask = 0;

	for (size_t i = 0; set != NULL && i < set->bits.len && i < sizeof mask; i++)
		mask |= (uint64_t)set->bits.data[i] << 8 * i;
	return mask;
}

int
signal_set_is_mask(const Psnap__SignalSet *set)
{
	return set == NULL || set->bits.len <= sizeof(uint64_t);
}
