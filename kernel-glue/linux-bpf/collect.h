/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the programs share: whom they look at, and how records begin.
 */
#ifndef KERNEL_GLUE_LINUX_BPF_COLLECT_H
#define KERNEL_GLUE_LINUX_BPF_COLLECT_H

#include "kernel-glue/linux-bpf/kernel.h"

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "kernel-glue/records/identity.h"
#include "kernel-glue/records/records.h"

/* collect.bpf.c; not static, so that the verifier looks at it once and not at every call. */
__u64	identity_of(__u64 address);
/* Of two objects together: a dentry and its mount. */
__u64	identity_of_both(__u64 first, __u64 second);

/* After a record's fixed part; the verifier wants room for the rounding, too. */
#define NAME_ROOM	(REC_NAME_MAX + 8)
#define ROUND8(n)	(((n) + 7) & ~7u)

/* One scratch record a program: it runs for one reader at a time. */
#define SCRATCH(map, record) \
	struct { \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, 1); \
		__type(key, __u32); \
		__type(value, record); \
	} map SEC(".maps")

static __always_inline void *
scratch(void *map)
{
	__u32 first = 0;

	return bpf_map_lookup_elem(map, &first);
}

/* A read that fails leaves zeros; clang has no memset of this size for BPF. */
static __always_inline void
clear(void *record, __u32 size)
{
	bpf_probe_read_kernel(record, size, NULL);
}

/* Of any pointer, one that the verifier knows the kind of and lets nobody count with included. */
static __always_inline __u64
identity(const void *object)
{
	__u64 address = 0;

	bpf_probe_read_kernel(&address, sizeof address, &object);
	return identity_of(address);
}

static __always_inline __u64
path_identity(const struct path *p)
{
	return identity_of_both((__u64)BPF_CORE_READ(p, dentry), (__u64)BPF_CORE_READ(p, mnt));
}

#define MONOTONIC	1	/* CLOCK_*, */
#define BOOTTIME	7	/* which programs can read */

/* From now on, by one of these. */
static __always_inline __u64
until(__s64 end, int clock)
{
	__s64 now = clock == BOOTTIME ? bpf_ktime_get_boot_ns() : bpf_ktime_get_ns();

	return end > now ? end - now : 0;
}

/* The reader stopped it by ptrace: it is of the tree, and holds still. */
static __always_inline bool
is_ours(struct task_struct *t)
{
	return BPF_CORE_READ(t, ptrace) != 0 && BPF_CORE_READ(t, parent, tgid) == (int)(bpf_get_current_pid_tgid() >> 32);
}

static __always_inline unsigned int
reader_level(void)
{
	struct task_struct *reader = (void *)bpf_get_current_task();

	return BPF_CORE_READ(reader, thread_pid, level);
}

static __always_inline struct upid
upid_at(const struct pid *p, unsigned int level)
{
	struct upid u = { 0 };

	bpf_probe_read_kernel(&u, sizeof u, (const void *)p + bpf_core_field_offset(struct pid, numbers) +
	    level * sizeof u);
	return u;
}

/* In the reader's pid namespace; 0: none there. */
static __always_inline int
number_of(const struct pid *p)
{
	struct task_struct *reader = (void *)bpf_get_current_task();
	unsigned int level = reader_level();
	struct upid u;

	if (p == NULL || level >= REC_LEVELS || BPF_CORE_READ(p, level) < level)
		return 0;
	u = upid_at(p, level);
	return u.ns == upid_at(BPF_CORE_READ(reader, thread_pid), level).ns ? u.nr : 0;
}

static __always_inline void
begin(struct rec_header *h, __u32 size, __u16 kind, struct task_struct *t)
{
	h->size = size;
	h->kind = kind;
	h->version = REC_VERSION;
	h->tid = number_of(BPF_CORE_READ(t, thread_pid));
	h->tgid = number_of(BPF_CORE_READ(t, signal, pids[PIDTYPE_TGID]));
}

#endif
