/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>

#include "kernel-glue/linux/regs.h"

int
trace(int request, pid_t tid, uintptr_t addr, uintptr_t data)
{
	int tries = 3;

	while (ptrace((enum __ptrace_request)request, tid, (void *)addr, (void *)data) != 0)
		if (errno == ESRCH || --tries == 0)
			return -errno;
	return 0;
}

pid_t
wait_task(pid_t tid, int *status, int flags)
{
	pid_t got;

	do
		got = waitpid(tid, status, __WALL | flags);
	while (got < 0 && errno != ECHILD);
	return got;
}

#ifdef __x86_64__

_Static_assert(sizeof(struct regs) == sizeof(struct user_regs_struct), "same 27 registers");

int
regs_get(pid_t tid, struct regs *r)
{
	return trace(PTRACE_GETREGS, tid, 0, (uintptr_t)r);
}

int
regs_set(pid_t tid, const struct regs *r)
{
	return trace(PTRACE_SETREGS, tid, 0, (uintptr_t)r);
}

#else	/* an i386 dumper sees i386 tasks only */

int
regs_get(pid_t tid, struct regs *r)
{
	struct user_regs_struct u;
	int e;

	if ((e = trace(PTRACE_GETREGS, tid, 0, (uintptr_t)&u)) != 0)
		return e;
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

	return trace(PTRACE_SETREGS, tid, 0, (uintptr_t)&u);
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
