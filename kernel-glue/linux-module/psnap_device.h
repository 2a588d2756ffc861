/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * /dev/psnap as programs see it; psnap(4).
 */
#ifndef KERNEL_GLUE_LINUX_MODULE_PSNAP_DEVICE_H
#define KERNEL_GLUE_LINUX_MODULE_PSNAP_DEVICE_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define PSNAP_DEVICE		"/dev/psnap"
#define PSNAP_COLLECT_MAX	4096	/* processes at a time */

/* The same on amd64, i386, and for an i386 program on an amd64 kernel. */
struct psnap_collect {
	__u64	pids;		/* address of __s32[count]: processes, by their numbers in the caller's pid namespace */
	__u32	count;		/* 1 to PSNAP_COLLECT_MAX */
	__u32	flags;		/* PSNAP_MAPPINGS or 0 */
	__u64	bytes;		/* told: of records to be read or mapped */
	__u32	missing;	/* told with ESRCH: index of the one that there is not */
	__u32	reserved;	/* 0 */
};

#define PSNAP_MAPPINGS	1	/* theirs, too */

#define PSNAP_COLLECT	_IOWR(0xb7, 0x50, struct psnap_collect)

#endif
