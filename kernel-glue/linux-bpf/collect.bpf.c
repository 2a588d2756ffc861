/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel-glue/linux-bpf/collect.h"

/* Set before loading. */
const volatile struct rec_key key = { { 0 } };

char LICENSE[] SEC("license") = "GPL";

__noinline __u64
identity_of(__u64 address)
{
	return rec_identity(&key, address);
}

__noinline __u64
identity_of_both(__u64 first, __u64 second)
{
	return rec_identity2(&key, first, second);
}
