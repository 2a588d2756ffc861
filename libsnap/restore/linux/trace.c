/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ptrace, and system calls made by stopped tasks for us.
 *
 * A task is pointed at a system call instruction in its vdso and run from the
 * entry stop to the exit stop.  Calls are queued and made for many tasks at a
 * time: while we wait for one, the others run on the other CPUs.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

#ifndef PTRACE_EVENT_STOP
#define PTRACE_EVENT_STOP	128
#endif
#define LANES	16

static const struct { const char *name; int nr[2]; } calls[NR_COUNT] = {	/* amd64, i386 */
	[NR_MMAP] = { "mmap", { 9, 192 } },	/* mmap2 */
	[NR_MUNMAP] = { "munmap", { 11, 91 } },
	[NR_MREMAP] = { "mremap", { 25, 163 } },
	[NR_MADVISE] = { "madvise", { 28, 219 } },
	[NR_MLOCK2] = { "mlock2", { 325, 376 } },
	[NR_MLOCKALL] = { "mlockall", { 151, 152 } },
	[NR_PRCTL] = { "prctl", { 157, 172 } },
	[NR_CLONE3] = { "clone3", { 435, 435 } },
	[NR_EXECVEAT] = { "execveat", { 322, 358 } },
	[NR_SETSID] = { "setsid", { 112, 66 } },
	[NR_SETPGID] = { "setpgid", { 109, 57 } },
	[NR_RT_SIGTIMEDWAIT] = { "rt_sigtimedwait", { 128, 177 } },
	[NR_RECVMSG] = { "recvmsg", { 47, 372 } },
	[NR_CLOSE_RANGE] = { "close_range", { 436, 436 } },
	[NR_DUP3] = { "dup3", { 292, 330 } },
	[NR_CLOSE] = { "close", { 3, 6 } },
	[NR_FCNTL] = { "fcntl", { 72, 221 } },	/* fcntl64 */
	[NR_IOCTL] = { "ioctl", { 16, 54 } },
	[NR_RT_SIGACTION] = { "rt_sigaction", { 13, 174 } },
	[NR_SIGALTSTACK] = { "sigaltstack", { 131, 186 } },
	[NR_SET_TID_ADDRESS] = { "set_tid_address", { 218, 258 } },
	[NR_SET_ROBUST_LIST] = { "set_robust_list", { 273, 311 } },
	[NR_RSEQ] = { "rseq", { 334, 386 } },
	[NR_SETITIMER] = { "setitimer", { 38, 104 } },
	[NR_TIMER_CREATE] = { "timer_create", { 222, 259 } },
	[NR_TIMER_DELETE] = { "timer_delete", { 226, 263 } },
	[NR_TIMER_SETTIME] = { "timer_settime", { 223, 260 } },
	[NR_UMASK] = { "umask", { 95, 60 } },
	[NR_FCHDIR] = { "fchdir", { 81, 133 } },
	[NR_CHROOT] = { "chroot", { 161, 61 } },
	[NR_PERSONALITY] = { "personality", { 135, 136 } },
	[NR_SETGROUPS] = { "setgroups", { 116, 206 } },
	[NR_SETRESGID] = { "setresgid", { 119, 210 } },
	[NR_SETRESUID] = { "setresuid", { 117, 208 } },
	[NR_SETFSUID] = { "setfsuid", { 122, 215 } },
	[NR_SETFSGID] = { "setfsgid", { 123, 216 } },
	[NR_CAPSET] = { "capset", { 126, 185 } },
	[NR_SECCOMP] = { "seccomp", { 317, 354 } },
	[NR_RT_SIGQUEUEINFO] = { "rt_sigqueueinfo", { 129, 178 } },
	[NR_RT_TGSIGQUEUEINFO] = { "rt_tgsigqueueinfo", { 297, 335 } },
	[NR_WAIT4] = { "wait4", { 61, 114 } },
	[NR_MEMBARRIER] = { "membarrier", { 324, 375 } },
	[NR_MPROTECT] = { "mprotect", { 10, 125 } },
	[NR_SHMAT] = { "shmat", { 30, 397 } },
	[NR_SEMTIMEDOP] = { "semtimedop", { 220, 420 } },	/* semtimedop_time64 */
	[NR_MQ_NOTIFY] = { "mq_notify", { 244, 281 } },
};

/* A call to be made. */
struct call {
	enum nr		nr;
	enum want	want;
	const char	*what;
	uint64_t	object, insn;
	uint64_t	arg[6];
	int64_t		*ret;
};

/* ---- a stopped task ---- */

#ifdef __x86_64__

_Static_assert(sizeof(struct regs) == sizeof(struct user_regs_struct), "same 27 registers");

int
task_get_regs(pid_t tid, struct regs *r)
{
	return ptrace(PTRACE_GETREGS, tid, NULL, r) != 0 ? -errno : 0;
}

int
task_set_regs(pid_t tid, const struct regs *r)
{
	return ptrace(PTRACE_SETREGS, tid, NULL, r) != 0 ? -errno : 0;
}

#else

int
task_get_regs(pid_t tid, struct regs *r)
{
	struct user_regs_struct u;

	if (ptrace(PTRACE_GETREGS, tid, NULL, &u) != 0)
		return -errno;
	*r = (struct regs){
		.bx = (uint32_t)u.ebx, .cx = (uint32_t)u.ecx, .dx = (uint32_t)u.edx, .si = (uint32_t)u.esi,
		.di = (uint32_t)u.edi, .bp = (uint32_t)u.ebp, .sp = (uint32_t)u.esp, .ip = (uint32_t)u.eip,
		.flags = (uint32_t)u.eflags, .ax = (uint64_t)(int64_t)u.eax,
		.orig_ax = (uint64_t)(int64_t)u.orig_eax, .cs = (uint16_t)u.xcs, .ss = (uint16_t)u.xss,
		.ds = (uint16_t)u.xds, .es = (uint16_t)u.xes, .fs = (uint16_t)u.xfs, .gs = (uint16_t)u.xgs,
	};
	return 0;
}

int
task_set_regs(pid_t tid, const struct regs *r)
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

int
task_write(pid_t pid, uint64_t addr, const void *buf, size_t n)
{
	struct iovec local = { (void *)(uintptr_t)buf, n }, remote = { (void *)(uintptr_t)addr, n };
	ssize_t k = process_vm_writev(pid, &local, 1, &remote, 1, 0);

	return k == (ssize_t)n ? 0 : k < 0 ? -errno : -EFAULT;
}

int
task_read(pid_t pid, uint64_t addr, void *buf, size_t n)
{
	struct iovec local = { buf, n }, remote = { (void *)(uintptr_t)addr, n };
	ssize_t k = process_vm_readv(pid, &local, 1, &remote, 1, 0);

	return k == (ssize_t)n ? 0 : k < 0 ? -errno : -EFAULT;
}

int
task_force_write(pid_t pid, uint64_t addr, const void *buf, size_t n)
{
	char path[32];
	int fd, e = 0;

	snprintf(path, sizeof path, "/proc/%d/mem", (int)pid);
	if ((fd = open(path, O_RDWR | O_CLOEXEC)) < 0 || pwrite(fd, buf, n, (off_t)addr) != (ssize_t)n)
		e = errno != 0 ? -errno : -EIO;
	if (fd >= 0)
		close(fd);
	return e;
}

int
task_wait(pid_t tid, int *status)
{
	pid_t got;

	do
		got = waitpid(tid, status, __WALL);
	while (got < 0 && errno == EINTR);
	return got == tid ? 0 : -errno;
}

/* ---- scratch ---- */

uint64_t
put(struct restore *r, struct task *k, const void *bytes, size_t n)
{
	struct host *h = k->target->space->host;
	size_t at = h->data_used;

	if (h->data == NULL && (h->data = plan_alloc(r->p, h->scratch_size)) == NULL)
		return 0;
	if (h->scratch == 0 || n > h->scratch_size - at)
		return 0;
	memcpy(h->data + at, bytes, n);
	h->data_used = (at + n + 15) & ~(size_t)15;
	if (h->data_used > h->scratch_size)
		h->data_used = h->scratch_size;
	return h->scratch + at;
}

void
put_reset(struct target *t)
{
	t->space->host->data_used = t->space->host->data_sent = 0;
}

static int
send_scratch(struct restore *r, struct task *k)
{
	struct host *h = k->target->space->host;
	int e;

	if (h->data_sent >= h->data_used)
		return 0;
	if ((e = task_write(k->remote->tid, h->scratch + h->data_sent, h->data + h->data_sent,
	    h->data_used - h->data_sent)) != 0)
		return restore_fail(r, k->target, k->id, -e, "writing arguments of system calls");
	h->data_sent = h->data_used;
	return 0;
}

/* ---- calls ---- */

int
ask(struct restore *r, struct task *k, enum nr nr, enum want want, const char *what, uint64_t object,
    const uint64_t *arg, size_t nargs)
{
	struct call *c = plan_alloc(r->p, sizeof *c);

	if (c == NULL || restore_list_add(r, &k->remote->calls, c) != 0 ||
	    (k->remote->calls.n == 1 && restore_list_add(r, &r->asked, k) != 0))
		return restore_nomem(r);
	*c = (struct call){ .nr = nr, .want = want, .what = what, .object = object,
	    .insn = k->target->space->host->insn };
	memcpy(c->arg, arg, nargs * sizeof *arg);
	return 0;
}

static int
resume(struct restore *r, struct task *k)
{
	if (ptrace(PTRACE_SYSCALL, k->remote->tid, NULL, NULL) != 0)
		return restore_fail(r, k->target, k->id, errno, "resuming thread %d", (int)k->t->tid);
	return 0;
}

static int
start_call(struct restore *r, struct task *k)
{
	const struct call *c = k->remote->calls.v[k->remote->calls_made];
	const uint64_t *a = c->arg;
	struct regs g = k->remote->base;
	int e;

	g.ip = c->insn;
	g.orig_ax = (uint64_t)-1;
	g.ax = (uint64_t)calls[c->nr].nr[k->target->host->mode32];
	if (k->target->host->mode32) {
		g.bx = a[0], g.cx = a[1], g.dx = a[2], g.si = a[3], g.di = a[4], g.bp = a[5];
	} else {
		g.di = a[0], g.si = a[1], g.dx = a[2], g.r10 = a[3], g.r8 = a[4], g.r9 = a[5];
	}
	if ((e = task_set_regs(k->remote->tid, &g)) != 0)
		return restore_fail(r, k->target, k->id, -e, "setting registers");
	return resume(r, k);
}

/* The next stop of any kind; a task that ended instead is a failure. */
static int
wait_any_stop(struct restore *r, struct task *k, int *status)
{
	int e;

	if ((e = task_wait(k->remote->tid, status)) != 0)
		return restore_fail(r, k->target, k->id, -e, "waiting for thread %d", (int)k->t->tid);
	if (WIFSTOPPED(*status))
		return 0;
	k->remote->made = false;
	return restore_fail(r, k->target, k->id, 0, "thread %d was killed while being restored", (int)k->t->tid);
}

/* The next entry or exit stop; events on the way are passed. */
static int
wait_stop(struct restore *r, struct task *k)
{
	int status, e;

	for (;;) {
		if ((e = wait_any_stop(r, k, &status)) != 0)
			return e;
		if (WSTOPSIG(status) == (SIGTRAP | 0x80))
			return 0;
		if ((e = resume(r, k)) != 0)
			return e;
	}
}

static int
take_result(struct restore *r, struct task *k)
{
	const struct call *c = k->remote->calls.v[k->remote->calls_made++];
	struct regs g;
	int64_t ret;
	int e;

	if ((e = task_get_regs(k->remote->tid, &g)) != 0)
		return restore_fail(r, k->target, k->id, -e, "reading registers");
	ret = (int64_t)g.ax;
	if (k->target->host->mode32)	/* an address is not an error because of its sign */
		ret = (uint32_t)g.ax >= 0xfffff001 ? (int32_t)g.ax : (int64_t)(uint32_t)g.ax;
	if (c->ret != NULL)
		*c->ret = ret;
	if ((c->want == WANT_ZERO && ret == 0) || (c->want == WANT_SAME && ret == (int64_t)c->arg[0]) ||
	    (c->want == WANT_AT && ret == (int64_t)c->arg[1]) || (c->want == WANT_NOT_NEGATIVE && ret >= 0) || c->want == WANT_ANY)
		return 0;
	return restore_fail(r, k->target, c->object != 0 ? c->object : k->id,
	    ret < 0 ? (int)-ret : EINVAL, "%s: %s", c->what, calls[c->nr].name);
}

struct lane {
	struct task	*task;
	bool		entered;
};

/* One stop further; *done: all its calls are made. */
static int
advance(struct restore *r, struct lane *l, bool *done)
{
	struct task *k = l->task;
	int e;

	*done = false;
	if ((e = wait_stop(r, k)) != 0)
		return e;
	l->entered = !l->entered;
	if (l->entered)
		return resume(r, k);
	if ((e = take_result(r, k)) != 0)
		return e;
	*done = k->remote->calls_made == k->remote->calls.n;
	return *done ? 0 : start_call(r, k);
}

int
run(struct restore *r)
{
	struct lane lanes[LANES];
	size_t next = 0, n = 0, at = 0;
	int e;

	while (next < r->asked.n || n > 0) {
		bool done;

		while (n < LANES && next < r->asked.n) {
			struct task *k = r->asked.v[next++];

			if ((e = send_scratch(r, k)) != 0 || (e = start_call(r, k)) != 0)
				return e;
			lanes[n++] = (struct lane){ .task = k };
		}
		if (at >= n)
			at = 0;
		if ((e = advance(r, &lanes[at], &done)) != 0)
			return e;
		if (!done) {
			at++;
			continue;
		}
		lanes[at].task->remote->calls.n = lanes[at].task->remote->calls_made = 0;
		lanes[at] = lanes[--n];
	}
	r->asked.n = 0;
	return restore_goes_on(r);
}

int
ask_now(struct restore *r, struct task *k, enum nr nr, enum want want, const char *what, uint64_t object,
    const uint64_t *arg, size_t nargs, int64_t *ret)
{
	struct call *c;
	int e;

	if ((e = ask(r, k, nr, want, what, object, arg, nargs)) != 0)
		return e;
	c = k->remote->calls.v[k->remote->calls.n - 1];
	c->ret = ret;
	return run(r);
}

int
enter_call(struct restore *r, struct task *k, const struct regs *regs)
{
	int e;

	if ((e = task_set_regs(k->remote->tid, regs)) != 0)
		return restore_fail(r, k->target, k->id, -e, "setting registers");
	return (e = resume(r, k)) != 0 ? e : wait_stop(r, k);
}

int
park(struct restore *r, struct task *k)
{
	int status, e;

	if (ptrace(PTRACE_INTERRUPT, k->remote->tid, NULL, NULL) != 0 ||
	    ptrace(PTRACE_CONT, k->remote->tid, NULL, NULL) != 0)
		return restore_fail(r, k->target, k->id, errno, "stopping thread %d", (int)k->t->tid);
	for (;;) {
		if ((e = wait_any_stop(r, k, &status)) != 0)
			return e;
		if (status >> 16 == PTRACE_EVENT_STOP)
			return 0;
		if (ptrace(PTRACE_CONT, k->remote->tid, NULL, NULL) != 0)
			return restore_fail(r, k->target, k->id, errno, "stopping thread %d", (int)k->t->tid);
	}
}

/* Nothing remains: every task is killed, and waited for, but one that was there before. */
void
kill_all(struct restore *r)
{
	for (size_t i = r->all.n; i-- > 0;) {
		struct task *k = r->all.v[i];

		if (k->remote->made && !k->remote->adopted)
			kill(k->remote->tid, SIGKILL);
	}
	for (size_t i = r->all.n; i-- > 0;) {
		struct task *k = r->all.v[i];
		int status;

		while (k->remote->made && !k->remote->adopted && task_wait(k->remote->tid, &status) == 0)
			if (WIFEXITED(status) || WIFSIGNALED(status))
				k->remote->made = false;
	}
}
