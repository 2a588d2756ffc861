/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The module from user space.
 */
#ifndef KERNEL_GLUE_LINUX_MODULE_CLIENT_H
#define KERNEL_GLUE_LINUX_MODULE_CLIENT_H

#include "kernel-glue/records/table.h"

/*
 * Have the module collect these processes (by thread group), and put its
 * records into t, to be indexed by the caller: 0, or a negative errno.
 * -ENOENT: there is no module; -ESRCH: one of the processes is not there.
 */
int	module_collect(struct rec_table *t, const int32_t *pids, size_t count);

#endif
