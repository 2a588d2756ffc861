/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Bits of words in sockets.  The kernel has names for them, but of an
 * enumeration without one, which programs cannot ask for: the loader finds
 * them, and sets these before loading.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_NAMES_H
#define KERNEL_GLUE_LINUX_BPF_NAMES_H

#include "kernel-glue/records/records.h"

struct socket_bits {
	__u32	known;			/* all were found */
	__u8	option[REC_FLAGS];	/* 1 + the bit of an option; 0: it is not in this word */
	__u64	rare;			/* 1 << bit of those that no record has a place for */
};

/* By the running kernel's BTF; what is not found stays as it is. */
void	bpf_names_find(struct socket_bits *inet, struct socket_bits *netlink);

#endif
