/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Programs in the kernel that walk the tasks we have stopped and hand out
 * records of them.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_COLLECTOR_H
#define KERNEL_GLUE_LINUX_BPF_COLLECTOR_H

#include <stdbool.h>
#include <stddef.h>

#include "kernel-glue/records/table.h"

struct bpf_collector;

/*
 * Load the programs: some 150 ms, nothing is stopped for it.  NULL with a
 * reason where the kernel, the privileges or this build do not allow it.
 */
struct bpf_collector *bpf_collector_load(char *why, size_t size);

/* Records of every task that this process traces, with or without their mappings, into t: 0 or -errno. */
int	bpf_collector_run(struct bpf_collector *c, bool mappings, struct rec_table *t);

void	bpf_collector_free(struct bpf_collector *c);

#endif
