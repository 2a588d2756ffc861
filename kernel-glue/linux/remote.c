/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System calls made by a stopped task for us (restore-engine section 2).
 *
 * The task's registers are pointed at a system call instruction it already
 * has, and it is run from the entry stop to the exit stop of that call with
 * all signals blocked.  No single step and no breakpoint: either would reset
 * a target's SIGTRAP disposition.
 */
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <stdio.h>
#include <fcntl.h>

#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/regs.h"

#define GETSIGMASK	0x420a	/* PTRACE_GETSIGMASK, size in addr */
#define SETSIGMASK	0x420b
#define TRAP_FLAG	0x100

/* Numbers by ABI: amd64, i386. */
static const int numbers[REMOTE_COUNT][2] = {
	[REMOTE_MMAP]			= { 9, 192 },	/* mmap2 */
	[REMOTE_MUNMAP]			= { 11, 91 },
	[REMOTE_BRK]			= { 12, 45 },
	[REMOTE_RT_SIGACTION]		= { 13, 174 },
	[REMOTE_SIGALTSTACK]		= { 131, 186 },
	[REMOTE_PRCTL]			= { 157, 172 },
	[REMOTE_GETITIMER]		= { 36, 105 },
	[REMOTE_GET_ROBUST_LIST]	= { 274, 312 },
	[REMOTE_MEMBARRIER]		= { 324, 375 },
	[REMOTE_TIMER_GETTIME]		= { 224, 261 },
	[REMOTE_TIMER_GETOVERRUN]	= { 225, 262 },
	[REMOTE_IOPRIO_GET]		= { 252, 290 },
	[REMOTE_ARCH_PRCTL]		= { 158, 384 },
	[REMOTE_GETPID]			= { 39, 20 },
	[REMOTE_MODIFY_LDT]		= { 154, 123 },
};

/* ---- the target's memory ---- */

static int
mem_file(struct proc *p, uint64_t addr, void *in, const void *out, size_t n)
{
	int fd = openat(p->proc_fd, "mem", (out != NULL ? O_RDWR : O_RDONLY) | O_CLOEXEC), r = 0;
	ssize_t k;

	if (fd < 0)
		return -errno;
	k = out != NULL ? pwrite(fd, out, n, (off_t)addr) : pread(fd, in, n, (off_t)addr);
	if (k != (ssize_t)n)
		r = k < 0 ? -errno : -EFAULT;
	close(fd);
	return r;
}

int
mem_read(struct proc *p, uint64_t addr, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)addr, n };

	if (process_vm_readv(p->live, &local, 1, &remote, 1, 0) == (ssize_t)n)
		return 0;
	return mem_file(p, addr, buf, NULL, n);
}

int
mem_write(struct proc *p, uint64_t addr, const void *buf, size_t n)
{
	struct iovec local = { (void *)(uintptr_t)buf, n }, remote = { (void *)(uintptr_t)addr, n };

	if (process_vm_writev(p->live, &local, 1, &remote, 1, 0) == (ssize_t)n)
		return 0;
	return mem_file(p, addr, NULL, buf, n);
}

/* ---- the instruction ---- */

static bool
search(struct proc *p, const struct mapping *m, const uint8_t insn[2], uint64_t *found)
{
	uint8_t buf[65536];

	/* overlap by one: the two bytes may straddle two reads */
	for (uint64_t at = m->start; at < m->end; at += sizeof buf - 1) {
		size_t n = m->end - at < sizeof buf ? (size_t)(m->end - at) : sizeof buf;
		const uint8_t *hit = buf, *end = buf + n - 1;

		if (mem_read(p, at, buf, n) != 0)
			return false;
		while ((hit = memchr(hit, insn[0], (size_t)(end - hit))) != NULL) {
			if (hit[1] == insn[1]) {
				*found = at + (uint64_t)(hit - buf);
				return true;
			}
			hit++;
		}
	}
	return false;
}

/* syscall or int 0x80: in the vdso, else in any code. */
static int
find_instruction(struct dump *d, struct proc *p)
{
	const uint8_t insn[2] = { p->is32 ? 0xcd : 0x0f, p->is32 ? 0x80 : 0x05 };

	for (int vdso = 1; vdso >= 0; vdso--)
		for (size_t i = 0; i < p->mm->mappings.n; i++) {
			const struct mapping *m = p->mm->mappings.v[i];

			if (m->x && m->r && (m->kind == PSNAP_MAPPING_VDSO) == vdso &&
			    m->kind != PSNAP_MAPPING_VSYSCALL && search(p, m, insn, &p->syscall_insn))
				return 0;
		}
	return dump_fail(d, GLUE_E_SYSTEM, 0, p, "has no system call instruction in its code");
}

/* ---- calls ---- */

static int
wait_stop(struct dump *d, struct task *t, bool syscall_stop)
{
	int status;

	for (;;) {
		if (waitpid(t->tid, &status, __WALL) != t->tid)
			return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "waiting for thread %d", (int)t->tid);
		if (!WIFSTOPPED(status)) {
			t->seized = t->stopped = false;
			t->dead = true;
			return dump_fail(d, GLUE_E_GONE, 0, t->proc, "thread %d was killed meanwhile",
			    (int)t->tid);
		}
		if (syscall_stop && WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) != 0)
			return dump_fail(d, GLUE_E_GONE, errno, t->proc, "resuming thread %d", (int)t->tid);
	}
}

int
remote_call(struct dump *d, struct task *t, enum remote_nr nr, uint64_t a, uint64_t b, uint64_t c,
    uint64_t e, uint64_t f, uint64_t g, int64_t *ret)
{
	struct regs r = *t->regs;
	int err;

	r.ip = t->proc->syscall_insn;
	r.flags &= ~(uint64_t)TRAP_FLAG;
	r.orig_ax = (uint64_t)-1;	/* or the kernel would restart these registers */
	r.ax = (uint64_t)numbers[nr][t->proc->is32];
	if (t->proc->is32) {
		r.bx = a, r.cx = b, r.dx = c, r.si = e, r.di = f, r.bp = g;
	} else {
		r.di = a, r.si = b, r.dx = c, r.r10 = e, r.r8 = f, r.r9 = g;
	}
	t->regs_changed = true;
	if ((err = regs_set(t->tid, &r)) != 0)
		return dump_fail(d, GLUE_E_GONE, -err, t->proc, "setting registers of thread %d", (int)t->tid);
	for (int stop = 0; stop < 2; stop++) {
		if (ptrace(PTRACE_SYSCALL, t->tid, NULL, NULL) != 0)
			return dump_fail(d, GLUE_E_GONE, errno, t->proc, "resuming thread %d", (int)t->tid);
		if ((err = wait_stop(d, t, true)) != 0)
			return err;
	}
	if ((err = regs_get(t->tid, &r)) != 0)
		return dump_fail(d, GLUE_E_GONE, -err, t->proc, "reading registers of thread %d", (int)t->tid);
	if (!t->proc->is32)
		*ret = (int64_t)r.ax;
	else	/* an address is not an error because of its sign */
		*ret = (uint32_t)r.ax >= 0xfffff001 ? (int32_t)r.ax : (int64_t)(uint32_t)r.ax;
	return 0;
}

static struct task *
first_live(struct proc *p)
{
	for (size_t i = 0; i < p->tasks.n; i++)
		if (((struct task *)p->tasks.v[i])->stopped)
			return p->tasks.v[i];
	return NULL;
}

int
remote_begin(struct dump *d, struct proc *p)
{
	uint64_t all = ~(uint64_t)0;
	int64_t addr;
	int r;

	if (p->syscall_insn == 0 && (r = find_instruction(d, p)) != 0)
		return r;
	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (!t->stopped)
			continue;
		if (ptrace(GETSIGMASK, t->tid, (void *)8, &t->old_sigmask) != 0 ||
		    ptrace(SETSIGMASK, t->tid, (void *)8, &all) != 0)
			return dump_fail(d, GLUE_E_GONE, errno, p, "blocking signals of thread %d", (int)t->tid);
		t->mask_changed = true;
	}
	if ((r = remote_call(d, first_live(p), REMOTE_MMAP, 0, SCRATCH_SIZE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1, 0, &addr)) != 0)
		return r;
	if (addr < 0 && addr > -4096)
		return dump_fail(d, GLUE_E_SYSTEM, (int)-addr, p, "mapping two pages in it");
	p->scratch = (uint64_t)addr;
	return 0;
}

int
remote_end(struct dump *d, struct proc *p)
{
	struct task *t = first_live(p);
	int64_t ret;
	int r = 0;

	if (p->scratch != 0 && t != NULL)
		r = remote_call(d, t, REMOTE_MUNMAP, p->scratch, SCRATCH_SIZE, 0, 0, 0, 0, &ret);
	p->scratch = 0;
	return r;
}
