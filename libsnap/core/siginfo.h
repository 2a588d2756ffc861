/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's siginfo (sigaction(2)) from a SigInfo: for cores, and to queue
 * signals again.  The first 64 signals have Linux's numbers.
 */
#ifndef LIBSNAP_CORE_SIGINFO_H
#define LIBSNAP_CORE_SIGINFO_H

#include <stdbool.h>

#include "format/common.pb-c.h"
#include "format/psnap.h"

#define SIGINFO_LEN	128

/* wide: a 64-bit task's layout; ticks: clock ticks a second, not 0. */
void	siginfo_encode(const Psnap__SigInfo *i, bool wide, uint32_t ticks, uint8_t info[SIGINFO_LEN]);

#endif
