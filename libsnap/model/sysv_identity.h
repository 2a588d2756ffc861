/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_MODEL_SYSV_IDENTITY_H
#define LIBSNAP_MODEL_SYSV_IDENTITY_H

#include "format/ipc.pb-c.h"
#include "libsnap/snap.h"

/* Of a System V object of any of the three kinds; NULL if it has none (IPC-1). */
const Psnap__SysvIdentity *sysv_identity(const struct snap_object *o);

#endif
