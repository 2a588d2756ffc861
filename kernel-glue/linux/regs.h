/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * General registers of a stopped task: amd64's 27, in PTRACE_GETREGS order,
 * whichever bitness the task and the dumper have (restore-engine: the 64-bit
 * layout is what a 64-bit tracer always gets).
 */
#ifndef KERNEL_GLUE_LINUX_REGS_H
#define KERNEL_GLUE_LINUX_REGS_H

#include "kernel-glue/linux/dump.h"

struct regs {
	uint64_t r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, orig_ax, ip, cs,
	    flags, sp, ss, fs_base, gs_base, ds, es, fs, gs;
};

#define CS_USER32		0x23	/* 32-bit code on an amd64 kernel */
#define CS_USER64		0x33
#define CS_NATIVE32		0x73	/* on an i386 kernel */

static inline bool
regs_is32(const struct regs *r)
{
	return r->cs == CS_USER32 || r->cs == CS_NATIVE32;
}

/*
 * ptrace(2), tried again when it fails for another reason than the task's
 * death: what undoes our doings has nothing to fall back on.  0 or -errno.
 */
int	trace(int request, pid_t tid, uintptr_t addr, uintptr_t data);

/* waitpid(2) for a traced task, tried again unless there is no such child. */
pid_t	wait_task(pid_t tid, int *status, int flags);

/* Each 0 or -errno. */
int	regs_get(pid_t tid, struct regs *r);
int	regs_set(pid_t tid, const struct regs *r);

/* The system call the task is in (or was interrupted in), or -1; in its own numbering. */
int64_t	regs_syscall(const struct regs *r);
/* Its result register, sign-extended. */
int64_t	regs_result(const struct regs *r);

#endif
