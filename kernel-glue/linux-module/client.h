/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module from user space.
 */
#ifndef KERNEL_GLUE_LINUX_MODULE_CLIENT_H
#define KERNEL_GLUE_LINUX_MODULE_CLIENT_H

#include <stdbool.h>

#include "kernel-glue/records/table.h"

/* The device, to be closed by the caller; or a negative errno, -ENOENT: the module is not there. */
int	module_open(void);

/*
 * Records of these processes (by thread group), with or without their
 * mappings, into t, to be indexed by the caller: 0, or a negative errno;
 * -ESRCH: one of them is not there.
 */
int	module_collect(int fd, struct rec_table *t, const int32_t *pids, size_t count, bool mappings);

#endif
