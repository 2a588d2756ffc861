/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>

#include "kernel-glue/linux/regs.h"

#ifdef __x86_64__

_Static_assert(sizeof(struct regs) == sizeof(struct user_regs_struct), "same 27 registers");

int
regs_get(pid_t tid, struct regs *r)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, r) != 0 ? -errno : 0;
}

int
regs_set(pid_t tid, const struct regs *r)
{
	return ptrace(PTRACE_SETREGS, tid, NULL, r) != 0 ? -errno : 0;
}

#else	/* an i386 dumper sees i386 tasks only */

int
regs_get(pid_t tid, struct regs *r)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &u) != 0)
		return -errno;
	memset(r, 0, sizeof *r);
	r->bx = (uint32_t)u.ebx;
	r->cx = (uint32_t)u.ecx;
	r->dx = (uint32_t)u.edx;
	r->si = (uint32_t)u.esi;
	r->di = (uint32_t)u.edi;
	r->bp = (uint32_t)u.ebp;
	r->sp = (uint32_t)u.esp;
	r->ip = (uint32_t)u.eip;
	r->flags = (uint32_t)u.eflags;
	r->ax = (uint64_t)(int64_t)u.eax;
	r->orig_ax = (uint64_t)(int64_t)u.orig_eax;
	r->cs = (uint16_t)u.xcs;
	r->ss = (uint16_t)u.xss;
	r->ds = (uint16_t)u.xds;
	r->es = (uint16_t)u.xes;
	r->fs = (uint16_t)u.xfs;
	r->gs = (uint16_t)u.xgs;
	return 0;
}

int
regs_set(pid_t tid, const struct regs *r)
{
	struct user_regs_struct u = {
		.ebx = (long)r->bx, .ecx = (long)r->cx, .edx = (long)r->dx, .esi = (long)r->si,
		.edi = (long)r->di, .ebp = (long)r->bp, .esp = (long)r->sp, .eip = (long)r->ip,
		.eflags = (long)r->flags, .eax = (long)r->ax, .orig_eax = (long)r->orig_ax,
		.xcs = (long)r->cs, .xss = (long)r->ss, .xds = (long)r->ds, .xes = (long)r->es,
		.xfs = (long)r->fs, .xgs = (long)r->gs,
	};

	return ptrace(PTRACE_SETREGS, tid, NULL, &u) != 0 ? -errno : 0;
}

#endif

int64_t
regs_syscall(const struct regs *r)
{
	int64_t nr = regs_is32(r) ? (int32_t)r->orig_ax : (int64_t)r->orig_ax;

	return nr < 0 ? -1 : nr;
}

int64_t
regs_result(const struct regs *r)
{
	return regs_is32(r) ? (int32_t)r->ax : (int64_t)r->ax;
}
