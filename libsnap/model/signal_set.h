/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Sets of signals, of the messages and as masks of the first 64.
 */
#ifndef LIBSNAP_MODEL_SIGNAL_SET_H
#define LIBSNAP_MODEL_SIGNAL_SET_H

#include "format/common.pb-c.h"

struct arena;

#define SIGNAL_SET_BYTES	16	/* SGS-1 */

/* Bit n-1 of mask: Signal n.  In the arena; NULL without memory. */
Psnap__SignalSet *signal_set_make(struct arena *a, uint64_t mask);

/* The same back; set may be NULL, which is empty.  Signals above 64 are left out. */
uint64_t signal_set_mask(const Psnap__SignalSet *set);

/* Whether the mask says it all. */
int	signal_set_is_mask(const Psnap__SignalSet *set);

#endif
