/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * In place of collector.c where what builds it is missing.
 */
#include <errno.h>
#include <stdio.h>

#include "kernel-glue/linux-bpf/collector.h"

struct bpf_collector *
bpf_collector_load(char *why, size_t size)
{
	snprintf(why, size, "this snapctl is built without BPF");
	return NULL;
}

int
bpf_collector_run(struct bpf_collector *c, bool mappings, struct rec_table *t)
{
	(void)c, (void)mappings, (void)t;
	return -ENOSYS;
}

void
bpf_collector_free(struct bpf_collector *c)
{
	(void)c;
}
