/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One thread: what ptrace, /proc and its own remote calls tell.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/task.h"

struct rseq_configuration {	/* linux/ptrace.h, 5.13 */
	uint64_t	pointer;
	uint32_t	size, signature, flags, pad;
};

static void
read_rseq(struct task *t)
{
	struct rseq_configuration c;

	/* 0x420f: PTRACE_GET_RSEQ_CONFIGURATION */
	if (ptrace((enum __ptrace_request)0x420f, t->tid, (void *)sizeof c, &c) <= 0)
		return;
	t->state->rseq = c.pointer;
	t->state->rseq_size = c.size;
	t->state->rseq_sig = c.signature;
}

static void
read_scheduling(struct task *t)
{
	static const uint32_t policies[] = {	/* sched(7) */
		PSNAP_SCHEDULING_OTHER, PSNAP_SCHEDULING_FIFO, PSNAP_SCHEDULING_ROUND_ROBIN,
		PSNAP_SCHEDULING_BATCH, PSNAP_SCHEDULING_UNKNOWN, PSNAP_SCHEDULING_IDLE,
		PSNAP_SCHEDULING_DEADLINE,
	};
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { 0 };
	struct thread_state *s = t->state;
	long n;

	if (syscall(SYS_sched_getattr, t->tid, &a, 48u, 0u) == 0 && a.policy < 7) {
		s->policy = policies[a.policy];
		s->nice = a.nice;
		s->priority = a.priority;
		s->reset_on_fork = a.flags & 1;
		if (a.policy == 6) {
			s->runtime_ns = a.runtime;
			s->deadline_ns = a.deadline;
			s->period_ns = a.period;
		}
	}
	if ((n = syscall(SYS_sched_getaffinity, t->tid, sizeof s->cpus, s->cpus)) > 0)
		s->ncpus = (size_t)n / 8;
	while (s->ncpus > 0 && s->cpus[s->ncpus - 1] == 0)
		s->ncpus--;
	if ((n = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, t->tid)) >= 0)
		s->ioprio = (uint32_t)n;
}

static void
read_robust(struct task *t)
{
	/* a compat task's list is another one: asked by a remote call (restore-engine 3.6) */
	if (t->proc->is32 && sizeof(void *) == 8)
		return;
	void *head = NULL;
	size_t len = 0;

	if (syscall(SYS_get_robust_list, t->tid, &head, &len) == 0) {
		t->state->robust = (uintptr_t)head;
		t->state->robust_len = len;
	}
}

/* A name as status has it: a newline is \\n there, a backslash doubled. */
static void
read_name(struct thread_state *s, const char *name)
{
	size_t n = 0;

	while (name != NULL && *name != '\n' && *name != '\0' && n < sizeof s->comm - 1) {
		bool escaped = name[0] == '\\' && (name[1] == '\\' || name[1] == 'n');

		s->comm[n++] = !escaped ? name[0] : name[1] == 'n' ? '\n' : '\\';
		name += escaped ? 2 : 1;
	}
}

/* What the format has once a process, and this thread has for itself: unshare(2). */
static int
own_things(struct dump *d, const struct task *t)
{
	static const char *const namespaces[] = { "net", "mnt", "uts", "ipc", "cgroup" };
	const struct proc *p = t->proc;
	char path[64], process[16];
	struct stat own, shared;

	if (t->tid == p->live)
		return 0;
	if (syscall(SYS_kcmp, p->live, t->tid, SHARE_FILES, 0, 0) > 0)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-descriptor-table",
		    "the thread has a descriptor table of its own");
	if (syscall(SYS_kcmp, p->live, t->tid, SHARE_FS, 0, 0) > 0)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-fs-context",
		    "the thread has a working directory, root and umask of its own");
	for (size_t i = 0; i < sizeof namespaces / sizeof namespaces[0]; i++) {
		snprintf(path, sizeof path, "task/%d/ns/%s", (int)t->tid, namespaces[i]);
		snprintf(process, sizeof process, "ns/%s", namespaces[i]);
		if (fstatat(p->proc_fd, path, &own, 0) == 0 &&
		    fstatat(p->proc_fd, process, &shared, 0) == 0 && own.st_ino != shared.st_ino)
			dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-namespace",
			    "the thread is in another %s namespace than its process", namespaces[i]);
	}
	return d->err->code;
}

static int
read_status(struct dump *d, struct task *t)
{
	struct thread_state *s = t->state;
	char path[64], *status;
	int r;

	snprintf(path, sizeof path, "task/%d/status", (int)t->tid);
	/* as long as its list of groups makes it */
	if ((r = proc_try_read(d, t->proc, path, &status, NULL)) != 0)
		return dump_fail(d, GLUE_E_GONE, -r, t->proc, "reading %s", path);
	read_name(s, field_find(status, "Name"));
	s->seccomp_mode = (uint32_t)field_number(status, "Seccomp", 10) + PSNAP_SECCOMP_MODE_OFF;
	s->seccomp_count = (uint32_t)field_number(status, "Seccomp_filters", 10);
	/* a remote call that its filter does not let pass would be the end of it */
	if (s->seccomp_mode > PSNAP_SECCOMP_MODE_OFF && !t->seccomp_suspended)
		return dump_fail(d, GLUE_E_DENIED, 0, t->proc,
		    "thread %d runs under seccomp, which only CAP_SYS_ADMIN may suspend: dump as root", (int)t->tid);
	s->nns_tids = numbers_inside(d, status, "NSpid", t->tid, s->ns_tids, sizeof s->ns_tids / sizeof *s->ns_tids);
	t->inner_tid = s->ns_tids[0];
	if (field_find(status, "x86_Thread_features") != NULL &&
	    strstr(field_find(status, "x86_Thread_features"), "shstk") ==
	    field_find(status, "x86_Thread_features"))
		dump_cover(d, PSNAP_COVERAGE_BREAKS, t->proc, t->tid, -1, t->id, "shadow-stack",
		    "the thread has a shadow stack");
	if (s->seccomp_mode == PSNAP_SECCOMP_MODE_FILTERED && (r = filters_collect(d, t)) != 0)
		return r;
	s->creds = creds_read(d, t->proc, t, status);
	return s->creds != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
}

int
task_collect(struct dump *d, struct task *t)
{
	int r;

	t->id = dump_new_id(d);
	if ((t->state = dump_alloc(d, sizeof *t->state)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
	t->inner_tid = t->proc->inner_pid;	/* should it be a leader that has exited */
	if (!t->stopped)
		return 0;
	/* 0x420a: PTRACE_GETSIGMASK */
	if (ptrace((enum __ptrace_request)0x420a, t->tid, (void *)8, &t->state->sigmask) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading a signal mask");
	read_rseq(t);
	if ((r = rseq_fix(d, t)) != 0 ||
	    (r = fpu_collect(d, t)) != 0 ||
	    (r = tls_collect(d, t)) != 0 ||
	    (r = queue_collect(d, t, false, &t->state->pending)) != 0)
		return r;
	restart_classify(t);
	read_scheduling(t);
	read_robust(t);
	return (r = read_status(d, t)) != 0 ? r : own_things(d, t);
}

/* ---- what only the thread itself can be asked ---- */

static int
got_altstack(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	struct thread_state *s = t->state;
	bool is32 = t->proc->is32;

	(void)d, (void)object, (void)ret;
	if (out == NULL)
		return 0;
	s->ss_sp = is32 ? psnap_get32(out) : psnap_get64(out);
	s->ss_flags = psnap_get32(out + (is32 ? 4 : 8));
	s->ss_size = is32 ? psnap_get32(out + 8) : psnap_get64(out + 16);
	return 0;
}

static int
got_clear_tid(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)ret;
	if (out != NULL)
		t->state->clear_tid = t->proc->is32 ? psnap_get32(out) : psnap_get64(out);
	return 0;
}

static int
got_robust(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)ret;
	if (out != NULL) {
		t->state->robust = psnap_get32(out);
		t->state->robust_len = psnap_get32(out + 16);
	}
	return 0;
}

static int
got_death_signal(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)ret;
	if (out != NULL)
		t->state->death_signal = psnap_get32(out);
	return 0;
}

static int
got_timer_slack(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	if (ret > 0)
		t->state->timer_slack = (uint64_t)ret;
	return 0;
}

static int
got_securebits(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	if (ret >= 0) {
		t->state->creds->securebits = (uint32_t)ret;
		t->state->creds->securebits_known = true;
	}
	return 0;
}

static int
ask_prctl(struct dump *d, struct task *t, uint64_t option, size_t size, remote_answer *answer)
{
	uint64_t out = size > 0 ? remote_out(t->proc, size) : 0;

	return remote_ask(d, t, REMOTE_PRCTL, REMOTE_ARGS(option, out), out, size, answer, NULL);
}

/* A privileged dumper reads it without disturbing the thread; its own numbers only. */
static bool
read_timer_slack(struct task *t)
{
	struct proc thread = { .pid = t->tid, .live = t->tid };
	char word[32];
	int n;

	if (proc_open(&thread) != 0)
		return false;
	n = proc_read_small(&thread, "timerslack_ns", word, sizeof word);
	close(thread.proc_fd);
	if (n <= 0)
		return false;
	t->state->timer_slack = strtoull(word, NULL, 10);
	return true;
}

static int
ask_thread(struct dump *d, struct task *t)
{
	struct proc *p = t->proc;
	size_t size = p->is32 ? 12 : 24;
	uint64_t out = remote_out(p, size);
	int r;

	if ((r = remote_ask(d, t, REMOTE_SIGALTSTACK, REMOTE_ARGS(0, out), out, size, got_altstack, NULL)) != 0 ||
	    /* PR_GET_TID_ADDRESS writes 8 bytes for a compat task too */
	    (r = ask_prctl(d, t, 40, 8, got_clear_tid)) != 0 ||
	    (r = ask_prctl(d, t, 2 /* PR_GET_PDEATHSIG */, 4, got_death_signal)) != 0 ||
	    (r = ask_prctl(d, t, 27 /* PR_GET_SECUREBITS */, 0, got_securebits)) != 0)
		return r;
	if (!read_timer_slack(t) && (r = ask_prctl(d, t, 30 /* PR_GET_TIMERSLACK */, 0, got_timer_slack)) != 0)
		return r;
	if (!p->is32 || sizeof(void *) == 4)
		return 0;
	out = remote_out(p, 32);
	return remote_ask(d, t, REMOTE_GET_ROBUST_LIST, REMOTE_ARGS(0, out, out + 16), out, 32, got_robust, NULL);
}

/* ---- what any thread of the process can be asked ---- */

static int
got_brk(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	mem_set_brk(t->proc->mm, (uint64_t)ret);
	return 0;
}

static int
got_write_exec(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	mem_set_deny_write_exec(t->proc->mm, ret > 0 && ret & 1);
	return 0;
}

static int
got_dumpable(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	mem_set_dumpable(t->proc->mm, (int)ret);
	return 0;
}

static int
got_subreaper(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)ret;
	t->proc->state->subreaper = out != NULL && psnap_get32(out) != 0;
	return 0;
}

/* Newer kernels return flags beside the first bit. */
static int
got_thp_disabled(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	t->proc->state->thp_disabled = ret > 0 && ret & 1;
	return 0;
}

static int
got_membarrier(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)d, (void)object, (void)out;
	t->proc->state->membarrier = ret > 0 ? (uint32_t)ret : 0;
	return 0;
}

/* Only who is registered may use these: (1 << use), which is registered for by the bit above it. */
static const unsigned membarrier_uses[] = { 3, 5, 7 };	/* private expedited, sync core, rseq */

static int
tried_membarrier(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	const unsigned *use = object;

	(void)d, (void)out;
	if (ret == 0)
		t->proc->state->membarrier |= UINT32_C(2) << *use;
	return 0;
}

/* MEMBARRIER_CMD_GET_REGISTRATIONS is of 6.3: before, by trying; a barrier changes nothing. */
static int
ask_membarrier(struct dump *d, struct task *t)
{
	int r = 0;

	if (syscall(SYS_membarrier, 1 << 9, 0, 0) >= 0)
		return remote_ask(d, t, REMOTE_MEMBARRIER, REMOTE_ARGS(1 << 9), 0, 0, got_membarrier, NULL);
	for (size_t i = 0; i < sizeof membarrier_uses / sizeof *membarrier_uses && r == 0; i++)
		r = remote_ask(d, t, REMOTE_MEMBARRIER, REMOTE_ARGS(UINT64_C(1) << membarrier_uses[i]), 0, 0,
		    tried_membarrier, (void *)(uintptr_t)&membarrier_uses[i]);
	return r;
}

/* The length, 0 without a table; an error comes zero-extended. */
static int
got_ldt(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *out)
{
	(void)object, (void)out;
	if ((int32_t)ret > 0)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, t->proc, 0, -1, 0, "ldt",
		    "the process has a local descriptor table");
	return 0;
}

static int
ask_process(struct dump *d, struct proc *p, struct task *t)
{
	uint64_t out = remote_out(p, 8);
	int r;

	if ((r = remote_ask(d, t, REMOTE_BRK, REMOTE_ARGS(0), 0, 0, got_brk, NULL)) != 0 ||
	    (r = ask_prctl(d, t, 66 /* PR_GET_MDWE */, 0, got_write_exec)) != 0 ||
	    (r = ask_prctl(d, t, 3 /* PR_GET_DUMPABLE */, 0, got_dumpable)) != 0 ||
	    (r = ask_prctl(d, t, 37 /* PR_GET_CHILD_SUBREAPER */, 4, got_subreaper)) != 0 ||
	    (r = ask_prctl(d, t, 42 /* PR_GET_THP_DISABLE */, 0, got_thp_disabled)) != 0 ||
	    (r = ask_membarrier(d, t)) != 0 ||
	    (r = remote_ask(d, t, REMOTE_MODIFY_LDT, REMOTE_ARGS(0, out, 8), 0, 0, got_ldt, NULL)) != 0 ||
	    (r = handlers_ask(d, p, t)) != 0)
		return r;
	return timers_ask(d, p, t);
}

int
task_ask(struct dump *d, struct proc *p)
{
	bool first = true;
	int r;

	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (!t->stopped)
			continue;
		if (first && (r = ask_process(d, p, t)) != 0)
			return r;
		first = false;
		if ((r = ask_thread(d, t)) != 0)
			return r;
	}
	return 0;
}
