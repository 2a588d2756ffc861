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
#include "kernel-glue/linux/task.h"

#define SETSIGMASK	0x420b	/* PTRACE_SETSIGMASK, size in addr */
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
	[REMOTE_MODIFY_LDT]		= { 154, 123 },
	[REMOTE_SEMOP]			= { 65, 117 },	/* ipc */
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

struct remote_call {
	enum remote_nr	nr;
	uint64_t	arg[6];
	uint64_t	out;		/* where it writes size bytes */
	size_t		size;
	int64_t		ret;
	remote_answer	*answer;
	void		*object;
};

int
remote_ask(struct dump *d, struct task *t, enum remote_nr nr, const uint64_t *arg, size_t nargs,
    uint64_t out, size_t size, remote_answer *answer, void *object)
{
	struct remote_call *c = dump_alloc(d, sizeof *c);

	if (size > 0 && out == 0)
		return dump_fail(d, GLUE_E_SYSTEM, ENOMEM, t->proc, "no scratch memory left");
	if (c == NULL || list_add(d, &t->calls, c) != 0 ||
	    (t->calls.n == 1 && list_add(d, &d->asked, t) != 0))
		return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
	*c = (struct remote_call){ .nr = nr, .out = out, .size = size, .answer = answer, .object = object };
	memcpy(c->arg, arg, nargs * sizeof *arg);
	return 0;
}

uint64_t
remote_out(struct proc *p, size_t n)
{
	uint64_t at = p->scratch + p->scratch_used;

	n = (n + 15) & ~(size_t)15;
	if (p->scratch == 0 || n > p->scratch_size - p->scratch_used)
		return 0;
	p->scratch_used += n;
	return at;
}

static int
resume(struct dump *d, struct task *t)
{
	int r = trace(PTRACE_SYSCALL, t->tid, 0, 0);

	return r == 0 ? 0 : dump_fail(d, GLUE_E_GONE, -r, t->proc, "resuming thread %d", (int)t->tid);
}

/* Off to the entry stop of its next call. */
static int
start_call(struct dump *d, struct task *t)
{
	const struct remote_call *c = t->calls.v[t->calls_made];
	const uint64_t *a = c->arg;
	struct regs r = *t->regs;
	int err;

	r.ip = t->proc->syscall_insn;
	r.flags &= ~(uint64_t)TRAP_FLAG;
	r.orig_ax = (uint64_t)-1;	/* or the kernel would restart these registers */
	r.ax = (uint64_t)numbers[c->nr][t->proc->is32];
	if (t->proc->is32) {
		r.bx = a[0], r.cx = a[1], r.dx = a[2], r.si = a[3], r.di = a[4], r.bp = a[5];
	} else {
		r.di = a[0], r.si = a[1], r.dx = a[2], r.r10 = a[3], r.r8 = a[4], r.r9 = a[5];
	}
	t->regs_changed = true;
	if ((err = regs_set(t->tid, &r)) != 0)
		return dump_fail(d, GLUE_E_GONE, -err, t->proc, "setting registers of thread %d", (int)t->tid);
	return resume(d, t);
}

/* Until the entry or exit stop it was let go to. */
static int
wait_stop(struct dump *d, struct task *t)
{
	int status, r;

	for (;;) {
		if (wait_task(t->tid, &status, 0) != t->tid)
			return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "waiting for thread %d", (int)t->tid);
		if (!WIFSTOPPED(status)) {
			t->seized = t->stopped = false;
			t->dead = true;
			return dump_fail(d, GLUE_E_GONE, 0, t->proc, "thread %d was killed meanwhile",
			    (int)t->tid);
		}
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if ((r = resume(d, t)) != 0)
			return r;
	}
}

static int
take_result(struct dump *d, struct task *t)
{
	struct remote_call *c = t->calls.v[t->calls_made++];
	struct regs r;
	int err;

	if ((err = regs_get(t->tid, &r)) != 0)
		return dump_fail(d, GLUE_E_GONE, -err, t->proc, "reading registers of thread %d", (int)t->tid);
	if (!t->proc->is32)
		c->ret = (int64_t)r.ax;
	else	/* an address is not an error because of its sign */
		c->ret = (uint32_t)r.ax >= 0xfffff001 ? (int32_t)r.ax : (int64_t)(uint32_t)r.ax;
	return 0;
}

/* One task on its way through its calls. */
struct lane {
	struct task	*task;
	bool		entered;	/* past the entry stop: the next one is the exit */
};

/*
 * Take lane l on by one stop; *done: its task has made all its calls, or a
 * call is over and failing is set.
 */
static int
advance(struct dump *d, struct lane *l, bool failing, bool *done)
{
	struct task *t = l->task;
	int r;

	*done = false;
	if ((r = wait_stop(d, t)) != 0) {
		*done = true;
		return r;
	}
	l->entered = !l->entered;
	if (l->entered) {
		if ((r = resume(d, t)) != 0)
			*done = true;
		return r;
	}
	r = take_result(d, t);
	if (r == 0 && t->calls_made < t->calls.n && !failing)
		r = start_call(d, t);
	else
		*done = true;
	if (r != 0)
		*done = true;
	return r;
}

/*
 * Several tasks at a time: while we wait for the first, the others run to
 * their next stop on the other CPUs.  After a failure every task under way is
 * still taken to the end of its call, or it would run on into its program
 * with the wrong registers.
 */
#define LANES	16

static int
make_calls(struct dump *d)
{
	struct lane lanes[LANES];
	size_t next = 0, n = 0, at = 0;
	int first = 0, r;

	for (;;) {
		bool done;

		while (n < LANES && next < d->asked.n && first == 0) {
			struct task *t = d->asked.v[next++];

			if ((first = start_call(d, t)) == 0)
				lanes[n++] = (struct lane){ .task = t };
		}
		if (n == 0)
			return first;
		if (at >= n)
			at = 0;
		r = advance(d, &lanes[at], first != 0, &done);
		if (first == 0)
			first = r;
		if (done)
			lanes[at] = lanes[--n];
		else
			at++;
	}
}

/* What the calls of p's tasks wrote, in one read. */
static int
answer_process(struct dump *d, struct proc *p)
{
	uint8_t *out = NULL;
	int r;

	if (p->scratch_used > 0) {
		if ((out = dump_alloc(d, p->scratch_used)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		if ((r = mem_read(p, p->scratch, out, p->scratch_used)) != 0)
			return dump_fail(d, GLUE_E_SYSTEM, -r, p, "reading the answers of remote calls");
	}
	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		for (size_t k = 0; k < t->calls.n; k++) {
			const struct remote_call *c = t->calls.v[k];

			if (c->answer != NULL && (r = c->answer(d, t, c->object, c->ret,
			    c->ret >= 0 && c->size > 0 ? out + (c->out - p->scratch) : NULL)) != 0)
				return r;
		}
		t->calls.n = t->calls_made = 0;
	}
	return 0;
}

int
remote_run(struct dump *d)
{
	int r = make_calls(d);

	for (size_t i = 0; i < d->asked.n && r == 0; i++) {
		const struct task *t = d->asked.v[i];

		if (t->calls.n > 0)	/* 0: answered with another thread of its process */
			r = answer_process(d, t->proc);
	}
	d->asked.n = 0;
	return r;
}

/* ---- scratch memory ---- */

/*
 * No memory to be had (RLIMIT_AS, vm.max_map_count): the stack's own, below
 * what the ABI lets a function use without moving the stack pointer.
 */
static int
borrow_stack(struct dump *d, struct task *t, int error)
{
	struct proc *p = t->proc;
	uint64_t at = (t->regs->sp - 4096 - p->scratch_size) & ~(uint64_t)15;

	for (size_t i = 0; i < p->mm->mappings.n; i++) {
		const struct mapping *m = p->mm->mappings.v[i];

		if (!m->w || at < m->start || t->regs->sp > m->end)
			continue;
		if ((p->scratch_saved = dump_alloc(d, p->scratch_size)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		if (mem_read(p, at, p->scratch_saved, p->scratch_size) != 0)
			break;
		p->scratch = at;
		return 0;
	}
	p->scratch_saved = NULL;
	return dump_fail(d, GLUE_E_SYSTEM, error, p, "mapping %zu bytes in it, nor has its stack room",
	    p->scratch_size);
}

static int
scratch_mapped(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)object;
	(void)out;
	if (ret < 0 && ret > -4096)
		return borrow_stack(d, t, (int)-ret);
	t->proc->scratch = (uint64_t)ret;
	return 0;
}

/* As much as task_ask() will want: dispositions, timers, and a little for each thread. */
static size_t
scratch_need(const struct proc *p)
{
	size_t n = 66 * 32 + 4 * 32 + p->tasks.n * 128 + p->state->timers.n * 32;

	return (n + DUMP_PAGE - 1) & ~(size_t)(DUMP_PAGE - 1);
}

static int
begin_process(struct dump *d, struct proc *p)
{
	uint64_t all = ~(uint64_t)0;
	int r;

	if (p->syscall_insn == 0 && (r = find_instruction(d, p)) != 0)
		return r;
	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (!t->stopped)
			continue;
		t->old_sigmask = t->state->sigmask;
		if ((r = trace(SETSIGMASK, t->tid, 8, (uintptr_t)&all)) != 0)
			return dump_fail(d, GLUE_E_GONE, -r, p, "blocking signals of thread %d", (int)t->tid);
		t->mask_changed = true;
	}
	p->scratch_size = scratch_need(p);
	return remote_ask(d, first_live(p), REMOTE_MMAP, REMOTE_ARGS(0, p->scratch_size,
	    PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, (uint64_t)-1), 0, 0, scratch_mapped, NULL);
}

int
remote_begin(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		p->told = !p->zombie && task_is_told(d, p);
		if (!p->zombie && !p->told && (r = begin_process(d, p)) != 0)
			return r;
	}
	return remote_run(d);
}

int
remote_begin_process(struct dump *d, struct proc *p)
{
	int r = p->scratch == 0 ? begin_process(d, p) : 0;

	return r != 0 ? r : remote_run(d);
}

/* Queue the unmapping, or put the borrowed bytes back. */
static int
end_process(struct dump *d, struct proc *p)
{
	uint64_t at = p->scratch;

	p->scratch = 0;
	if (at == 0)
		return 0;
	if (p->scratch_saved != NULL)
		return mem_write(p, at, p->scratch_saved, p->scratch_size) == 0 ? 0 :
		    dump_fail(d, GLUE_E_SYSTEM, EFAULT, p, "putting its stack back");
	return remote_ask(d, first_live(p), REMOTE_MUNMAP, REMOTE_ARGS(at, p->scratch_size), 0, 0, NULL, NULL);
}

int
remote_end(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		p->scratch_used = 0;
		if ((r = end_process(d, p)) != 0)
			return r;
	}
	return remote_run(d);
}

void
remote_undo(struct dump *d)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		for (size_t k = 0; k < p->tasks.n; k++) {
			struct task *t = p->tasks.v[k];

			t->calls.n = t->calls_made = 0;
		}
		d->asked.n = 0;
		/* one by one: what fails in one process is no reason to leave the others' */
		if (first_live(p) != NULL && end_process(d, p) == 0)
			make_calls(d);
	}
}
