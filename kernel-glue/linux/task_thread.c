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

static size_t
read_ids(const char *status, const char *name, int32_t *v, size_t max)
{
	const char *at = field_find(status, name);
	size_t n = 0;
	char *end;

	while (at != NULL && *at >= '0' && *at <= '9' && n < max) {
		v[n++] = (int32_t)strtol(at, &end, 10);
		at = end + strspn(end, "\t ");
	}
	return n;
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
	s->nns_tids = read_ids(status, "NSpid", s->ns_tids, 32);
	if (field_find(status, "x86_Thread_features") != NULL &&
	    strstr(field_find(status, "x86_Thread_features"), "shstk") ==
	    field_find(status, "x86_Thread_features"))
		dump_cover(d, PSNAP_COVERAGE_BREAKS, t->proc, t->tid, -1, t->id, "shadow-stack",
		    "the thread has a shadow stack");
	if (s->seccomp_mode == PSNAP_SECCOMP_MODE_FILTERED)
		dump_cover(d, PSNAP_COVERAGE_DEGRADES, t->proc, 0, -1, 0, "seccomp-filter",
		    "seccomp filters are noted, their programs are not held");
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
	if (!t->stopped)
		return 0;
	/* 0x420a: PTRACE_GETSIGMASK */
	if (ptrace((enum __ptrace_request)0x420a, t->tid, (void *)8, &t->state->sigmask) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading a signal mask");
	read_rseq(t);
	restart_classify(t);
	if ((r = rseq_fix(d, t)) != 0 ||
	    (r = fpu_collect(d, t)) != 0 ||
	    (r = tls_collect(d, t)) != 0 ||
	    (r = queue_collect(d, t, false, &t->state->pending)) != 0)
		return r;
	t->state->regs = *t->regs;
	read_scheduling(t);
	read_robust(t);
	return (r = read_status(d, t)) != 0 ? r : own_things(d, t);
}

/* What only the thread itself can be asked. */
static int
thread_remote(struct dump *d, struct proc *p, struct task *t)
{
	struct thread_state *s = t->state;
	uint64_t at = p->scratch, v[3] = { 0 };
	uint32_t n[3] = { 0 };
	int64_t ret;
	int r;

	if ((r = remote_call(d, t, REMOTE_SIGALTSTACK, 0, at, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret == 0 && p->is32 && mem_read(p, at, n, 12) == 0) {
		s->ss_sp = n[0];
		s->ss_flags = n[1];
		s->ss_size = n[2];
	} else if (ret == 0 && !p->is32 && mem_read(p, at, v, 24) == 0) {
		s->ss_sp = v[0];
		s->ss_flags = (uint32_t)v[1];
		s->ss_size = v[2];
	}
	/* PR_GET_TID_ADDRESS writes 8 bytes for a compat task too */
	if ((r = remote_call(d, t, REMOTE_PRCTL, 40, at, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret == 0 && mem_read(p, at, v, 8) == 0)
		s->clear_tid = p->is32 ? (uint32_t)v[0] : v[0];
	if (p->is32 && sizeof(void *) == 8) {
		if ((r = remote_call(d, t, REMOTE_GET_ROBUST_LIST, 0, at, at + 16, 0, 0, 0, &ret)) != 0)
			return r;
		if (ret == 0 && mem_read(p, at, n, 4) == 0)
			s->robust = n[0];
		if (ret == 0 && mem_read(p, at + 16, n, 4) == 0)
			s->robust_len = n[0];
	}
	/* PR_GET_PDEATHSIG, PR_GET_TIMERSLACK */
	if ((r = remote_call(d, t, REMOTE_PRCTL, 2, at, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret == 0 && mem_read(p, at, n, 4) == 0)
		s->death_signal = n[0];
	if ((r = remote_call(d, t, REMOTE_PRCTL, 30, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret > 0)
		s->timer_slack = (uint64_t)ret;
	/* PR_GET_SECUREBITS */
	if ((r = remote_call(d, t, REMOTE_PRCTL, 27, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret >= 0) {
		s->creds->securebits = (uint32_t)ret;
		s->creds->securebits_known = true;
	}
	return 0;
}

static int
process_remote(struct dump *d, struct proc *p, struct task *t)
{
	uint32_t word = 0;
	int64_t ret, mdwe, dumpable;
	int r;

	if ((r = remote_call(d, t, REMOTE_BRK, 0, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	mem_set_brk(p->mm, (uint64_t)ret);
	/* PR_GET_MDWE 66, PR_GET_DUMPABLE 3, PR_GET_CHILD_SUBREAPER 37, PR_GET_THP_DISABLE 42 */
	if ((r = remote_call(d, t, REMOTE_PRCTL, 66, 0, 0, 0, 0, 0, &mdwe)) != 0 ||
	    (r = remote_call(d, t, REMOTE_PRCTL, 3, 0, 0, 0, 0, 0, &dumpable)) != 0)
		return r;
	mem_set_prctl(p->mm, mdwe > 0 && mdwe & 1, (int)dumpable);
	if ((r = remote_call(d, t, REMOTE_PRCTL, 37, p->scratch, 0, 0, 0, 0, &ret)) != 0)
		return r;
	if (ret == 0 && mem_read(p, p->scratch, &word, 4) == 0)
		p->state->subreaper = word != 0;
	if ((r = remote_call(d, t, REMOTE_PRCTL, 42, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	p->state->thp_disabled = ret == 1;
	/* MEMBARRIER_CMD_GET_REGISTRATIONS, 6.3 */
	if ((r = remote_call(d, t, REMOTE_MEMBARRIER, 1 << 9, 0, 0, 0, 0, 0, &ret)) != 0)
		return r;
	p->state->membarrier = ret > 0 ? (uint32_t)ret : 0;
	/* reading: the length, 0 without a table; an error comes zero-extended */
	if ((r = remote_call(d, t, REMOTE_MODIFY_LDT, 0, p->scratch, 8, 0, 0, 0, &ret)) != 0)
		return r;
	if ((int32_t)ret > 0)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, 0, "ldt", "the process has a local descriptor table");
	if ((r = handlers_collect(d, p, t)) != 0)
		return r;
	return timers_collect(d, p, t);
}

int
task_collect_remote(struct dump *d, struct proc *p)
{
	bool first = true;
	int r;

	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (!t->stopped)
			continue;
		if (first && (r = process_remote(d, p, t)) != 0)
			return r;
		first = false;
		if ((r = thread_remote(d, p, t)) != 0)
			return r;
	}
	return 0;
}
