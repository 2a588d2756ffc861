/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_CORE_LIMITS_H
#define LIBSNAP_CORE_LIMITS_H

#include "libsnap/snap.h"

/* The caller's limits with defaults filled in; given may be NULL. SNAP_E_MISUSE: reserved not zero. */
int	limits_resolve(struct snap_limits *out, const struct snap_limits *given, struct snap_error *err);

#endif
