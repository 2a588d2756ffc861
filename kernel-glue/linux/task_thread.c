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

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/task.h"

#define ROBUST_LEN	24	/* of struct robust_list_head, and of a 32-bit task's: */
#define ROBUST_LEN32	12

struct rseq_configuration {	/* linux/ptrace.h, 5.13 */
	uint64_t	pointer;
	uint32_t	size, signature, flags, pad;
};

static void
read_rseq(struct task *t, const struct rec_thread *k)
{
	struct rseq_configuration c;

	if (k != NULL && k->have & REC_HAVE_RSEQ) {
		t->state->rseq = k->rseq;
		t->state->rseq_size = k->rseq != 0 ? k->rseq_size : 0;
		t->state->rseq_sig = k->rseq != 0 ? k->rseq_signature : 0;
		return;
	}
	/* 0x420f: PTRACE_GET_RSEQ_CONFIGURATION */
	if (ptrace((enum __ptrace_request)0x420f, t->tid, (void *)sizeof c, &c) <= 0)
		return;
	t->state->rseq = c.pointer;
	t->state->rseq_size = c.size;
	t->state->rseq_sig = c.signature;
}

static const uint32_t policies[] = {	/* sched(7) */
	PSNAP_SCHEDULING_OTHER, PSNAP_SCHEDULING_FIFO, PSNAP_SCHEDULING_ROUND_ROBIN,
	PSNAP_SCHEDULING_BATCH, PSNAP_SCHEDULING_UNKNOWN, PSNAP_SCHEDULING_IDLE,
	PSNAP_SCHEDULING_DEADLINE,
};
#define POLICIES	(sizeof policies / sizeof *policies)
#define POLICY_FIFO	1
#define POLICY_RR	2
#define POLICY_DEADLINE	6

static void
read_cpus(struct task *t)
{
	struct thread_state *s = t->state;
	long n;

	if ((n = syscall(SYS_sched_getaffinity, t->tid, sizeof s->cpus, s->cpus)) > 0)
		s->ncpus = (size_t)n / 8;
	while (s->ncpus > 0 && s->cpus[s->ncpus - 1] == 0)
		s->ncpus--;
}

static void
read_io_priority(struct task *t)
{
	long n;

	if ((n = syscall(SYS_ioprio_get, 1 /* IOPRIO_WHO_PROCESS */, t->tid)) >= 0)
		t->state->ioprio = (uint32_t)n;
}

static void
read_scheduling(struct task *t)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { 0 };
	struct thread_state *s = t->state;

	if (syscall(SYS_sched_getattr, t->tid, &a, 48u, 0u) == 0 && a.policy < POLICIES) {
		s->policy = policies[a.policy];
		s->nice = a.nice;
		s->priority = a.priority;
		s->reset_on_fork = a.flags & 1;
		if (a.policy == POLICY_DEADLINE) {
			s->runtime_ns = a.runtime;
			s->deadline_ns = a.deadline;
			s->period_ns = a.period;
		}
	}
	read_cpus(t);
	read_io_priority(t);
}

/*
 * The facts have CPUs that are off line, too, and no default I/O priority:
 * one thread that was asked answers for all that have the same.
 */
static void
take_scheduling(struct dump *d, struct task *t, const struct rec_thread *k)
{
	struct thread_state *s = t->state;
	const struct rec_thread *asked = d->scheduled != NULL ? facts_thread(d, d->scheduled->tid) : NULL;

	s->policy = policies[k->policy];
	s->reset_on_fork = k->flags & REC_THREAD_RESET_ON_FORK;
	if (k->policy == POLICY_FIFO || k->policy == POLICY_RR) {
		s->priority = k->priority;
	} else if (k->policy == POLICY_DEADLINE) {
		s->runtime_ns = k->runtime;
		s->deadline_ns = k->deadline;
		s->period_ns = k->period;
	} else {
		s->nice = k->nice;
	}
	if (asked != NULL && memcmp(asked->cpus, k->cpus, sizeof k->cpus) == 0 && asked->policy == k->policy &&
	    asked->nice == k->nice && !((asked->flags | k->flags) & REC_THREAD_IO_CONTEXT)) {
		memcpy(s->cpus, d->scheduled->state->cpus, sizeof s->cpus);
		s->ncpus = d->scheduled->state->ncpus;
		s->ioprio = d->scheduled->state->ioprio;
		return;
	}
	read_cpus(t);
	read_io_priority(t);
	d->scheduled = t;
}

static void
read_robust(struct task *t, const struct rec_thread *k)
{
	/* a compat task's list is another one: asked by a remote call (restore-engine 3.6) */
	if (t->proc->is32 && sizeof(void *) == 8)
		return;
	void *head = NULL;
	size_t len = 0;

	if (k != NULL && k->have & REC_HAVE_POINTERS) {
		t->state->robust = k->robust;
		t->state->robust_len = t->proc->is32 ? ROBUST_LEN32 : ROBUST_LEN;
		return;
	}
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

static const struct {
	const char	*name;
	size_t		at;		/* in the facts */
} thread_namespaces[] = {
	{ "net", offsetof(struct rec_thread, ns_net) }, { "mnt", offsetof(struct rec_thread, ns_mount) },
	{ "uts", offsetof(struct rec_thread, ns_uts) }, { "ipc", offsetof(struct rec_thread, ns_ipc) },
	{ "cgroup", offsetof(struct rec_thread, ns_cgroup) },
};

static bool
has_own(const struct task *t, const struct rec_thread *k, const struct rec_thread *process, int type)
{
	if (k == NULL)
		return syscall(SYS_kcmp, t->proc->live, t->tid, type, 0, 0) > 0;
	return type == SHARE_FILES ? k->files != process->files : k->fs != process->fs;
}

static bool
has_own_namespace(const struct task *t, const struct rec_thread *k, const struct rec_thread *process, size_t i)
{
	size_t at = thread_namespaces[i].at;
	char path[64], of_process[16];
	struct stat own, shared;

	if (k != NULL)
		return memcmp((const char *)k + at, (const char *)process + at, sizeof k->ns_net) != 0;
	snprintf(path, sizeof path, "task/%d/ns/%s", (int)t->tid, thread_namespaces[i].name);
	snprintf(of_process, sizeof of_process, "ns/%s", thread_namespaces[i].name);
	return fstatat(t->proc->proc_fd, path, &own, 0) == 0 &&
	    fstatat(t->proc->proc_fd, of_process, &shared, 0) == 0 && own.st_ino != shared.st_ino;
}

/* What the format has once a process, and this thread has for itself: unshare(2). */
static int
own_things(struct dump *d, const struct task *t, const struct rec_thread *k)
{
	const struct proc *p = t->proc;
	const struct rec_thread *process = facts_thread(d, p->live);

	if (t->tid == p->live)
		return 0;
	if (k != NULL && !(k->have & process->have & REC_HAVE_OWN))
		k = NULL;
	if (has_own(t, k, process, SHARE_FILES))
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-descriptor-table",
		    "the thread has a descriptor table of its own");
	if (has_own(t, k, process, SHARE_FS))
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-fs-context",
		    "the thread has a working directory, root and umask of its own");
	for (size_t i = 0; i < sizeof thread_namespaces / sizeof thread_namespaces[0]; i++)
		if (has_own_namespace(t, k, process, i))
			dump_cover(d, PSNAP_COVERAGE_BREAKS, p, t->tid, -1, t->id, "thread-namespace",
			    "the thread is in another %s namespace than its process", thread_namespaces[i].name);
	return d->err->code;
}

/* Its filters, and whether a remote call would get past them. */
static int
read_filters(struct dump *d, struct task *t)
{
	struct thread_state *s = t->state;

	/* a remote call that its filter does not let pass would be the end of it */
	if (s->seccomp_mode > PSNAP_SECCOMP_MODE_OFF && !t->seccomp_suspended)
		return dump_fail(d, GLUE_E_DENIED, 0, t->proc,
		    "thread %d runs under seccomp, which only CAP_SYS_ADMIN may suspend: dump as root", (int)t->tid);
	return s->seccomp_mode == PSNAP_SECCOMP_MODE_FILTERED ? filters_collect(d, t) : 0;
}

static int
take_status(struct dump *d, struct task *t, const struct rec_numbers *numbers, bool shadow_stack)
{
	struct thread_state *s = t->state;

	s->nns_tids = numbers_inside(d, numbers, t->tid, s->ns_tids, sizeof s->ns_tids / sizeof *s->ns_tids);
	t->inner_tid = s->ns_tids[0];
	if (shadow_stack)
		dump_cover(d, PSNAP_COVERAGE_BREAKS, t->proc, t->tid, -1, t->id, "shadow-stack",
		    "the thread has a shadow stack");
	return read_filters(d, t);
}

static int
read_status(struct dump *d, struct task *t)
{
	struct thread_state *s = t->state;
	struct rec_numbers numbers;
	const char *features;
	char path[64], *status;
	int r;

	snprintf(path, sizeof path, "task/%d/status", (int)t->tid);
	/* as long as its list of groups makes it */
	if ((r = proc_try_read(d, t->proc, path, &status, NULL)) != 0)
		return dump_fail(d, GLUE_E_GONE, -r, t->proc, "reading %s", path);
	read_name(s, field_find(status, "Name"));
	s->seccomp_mode = (uint32_t)field_number(status, "Seccomp", 10) + PSNAP_SECCOMP_MODE_OFF;
	s->seccomp_count = (uint32_t)field_number(status, "Seccomp_filters", 10);
	features = field_find(status, "x86_Thread_features");
	numbers = numbers_of_status(status, "NSpid");
	if ((r = take_status(d, t, &numbers, features != NULL && strncmp(features, "shstk", 5) == 0)) != 0)
		return r;
	s->creds = creds_read(d, t->proc, t, status);
	return s->creds != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
}

/* What the facts must hold for status not to be read. */
#define STATUS	(REC_HAVE_CREDENTIALS | REC_HAVE_GROUPS | REC_HAVE_SECCOMP | REC_HAVE_FEATURES)

static int
find_status(struct dump *d, struct task *t, const struct rec_thread *k)
{
	struct thread_state *s = t->state;
	int r;

	if (k == NULL || (k->have & STATUS) != STATUS)
		return read_status(d, t);
	memcpy(s->comm, k->comm, sizeof k->comm);
	s->seccomp_mode = k->seccomp_mode + PSNAP_SECCOMP_MODE_OFF;
	s->seccomp_count = k->seccomp_filters;
	if ((r = take_status(d, t, &k->numbers, k->flags & REC_THREAD_SHADOW_STACK)) != 0)
		return r;
	s->creds = creds_take(d, t->proc, t, k);
	return s->creds != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
}

static int
read_mask(struct dump *d, struct task *t, const struct rec_thread *k)
{
	if (k != NULL && k->have & REC_HAVE_MASK) {
		t->state->sigmask = k->mask;
		return 0;
	}
	/* 0x420a: PTRACE_GETSIGMASK */
	if (ptrace((enum __ptrace_request)0x420a, t->tid, (void *)8, &t->state->sigmask) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading a signal mask");
	return 0;
}

int
task_collect(struct dump *d, struct task *t)
{
	const struct rec_thread *k = facts_thread(d, t->tid);
	bool none_pending = k != NULL && k->have & REC_HAVE_PENDING && k->pending == 0;
	int r;

	t->id = dump_new_id(d);
	if ((t->state = dump_alloc(d, sizeof *t->state)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
	t->inner_tid = t->proc->inner_pid;	/* should it be a leader that has exited */
	if (!t->stopped)
		return 0;
	if ((r = read_mask(d, t, k)) != 0)
		return r;
	read_rseq(t, k);
	if ((r = rseq_fix(d, t)) != 0 ||
	    (r = fpu_collect(d, t)) != 0 ||
	    (r = tls_collect(d, t)) != 0 ||
	    (r = none_pending ? 0 : queue_collect(d, t, false, &t->state->pending)) != 0)
		return r;
	restart_classify(t, k);
	if (k != NULL && k->have & REC_HAVE_SCHEDULING && k->policy < POLICIES)
		take_scheduling(d, t, k);
	else
		read_scheduling(t);
	read_robust(t, k);
	return (r = find_status(d, t, k)) != 0 ? r : own_things(d, t, k);
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

/* ---- what the facts tell instead ---- */

#define ASKED_OF_THREAD	(REC_HAVE_ALT_STACK | REC_HAVE_POINTERS | REC_HAVE_CREDENTIALS | REC_HAVE_SLACK)
#define ASKED_OF_PROCESS (REC_HAVE_MM | REC_HAVE_TIMERS)
/* These need the process itself. */
#define ONLY_ASKED	(REC_PROCESS_THP | REC_PROCESS_POSIX_TIMERS | REC_PROCESS_CPU_TIMERS)

bool
task_is_told(const struct dump *d, const struct proc *p)
{
	const struct rec_process *k = facts_process(d, p);

	if (k == NULL || (k->have & ASKED_OF_PROCESS) != ASKED_OF_PROCESS || k->flags & ONLY_ASKED)
		return false;
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct rec_thread *t = facts_thread(d, ((const struct task *)p->tasks.v[i])->tid);

		if (((const struct task *)p->tasks.v[i])->stopped && (t->have & ASKED_OF_THREAD) != ASKED_OF_THREAD)
			return false;
	}
	return true;
}

/* MEMBARRIER_STATE_*: two bits for each use; as MEMBARRIER_CMD_GET_REGISTRATIONS tells them. */
static uint32_t
membarrier_registrations(uint32_t state)
{
	static const struct { uint32_t bits, command; } uses[] = {
		{ 0x0c, 1 << 2 }, { 0x03, 1 << 4 }, { 0x30, 1 << 6 }, { 0xc0, 1 << 8 },
	};
	uint32_t commands = 0;

	for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
		if (state & uses[i].bits)
			commands |= uses[i].command;
	return commands;
}

#define AUTODISARM	0x80000000	/* SS_AUTODISARM */

/* As sigaltstack(2) would tell the thread. */
static void
take_altstack(struct task *t, const struct rec_thread *k)
{
	struct thread_state *s = t->state;

	s->ss_sp = k->ss_sp;
	s->ss_size = k->ss_size;
	s->ss_flags = k->ss_flags & AUTODISARM;
	if (k->ss_size == 0)
		s->ss_flags |= SS_DISABLE;
	else if (!(k->ss_flags & AUTODISARM) && t->regs->sp > k->ss_sp && t->regs->sp - k->ss_sp <= k->ss_size)
		s->ss_flags |= SS_ONSTACK;
}

static void
take_thread(struct task *t, const struct rec_thread *k)
{
	struct thread_state *s = t->state;

	take_altstack(t, k);
	s->clear_tid = k->clear_tid;
	s->death_signal = k->death_signal;
	s->creds->securebits = k->securebits;
	s->creds->securebits_known = true;
	s->timer_slack = k->timer_slack;
	if (t->proc->is32) {
		s->robust = k->compat_robust;
		s->robust_len = ROBUST_LEN32;
	}
}

static int
take_process(struct dump *d, struct proc *p, const struct rec_process *k)
{
	mem_set_brk(p->mm, k->mark[REC_MARK_BRK]);
	mem_set_deny_write_exec(p->mm, k->flags & REC_PROCESS_NO_WRITE_EXEC);
	mem_set_dumpable(p->mm, (int)k->dumpable);
	p->state->subreaper = k->flags & REC_PROCESS_SUBREAPER;
	p->state->membarrier = membarrier_registrations(k->membarrier);
	handlers_take(p, facts_handlers(d, p));
	timers_take(p, k);
	for (size_t i = 0; i < p->tasks.n; i++) {
		struct task *t = p->tasks.v[i];

		if (t->stopped)
			take_thread(t, facts_thread(d, t->tid));
	}
	return !(k->flags & REC_PROCESS_LDT) ? 0 : got_ldt(d, p->tasks.v[0], NULL, 1, NULL);
}

int
task_ask(struct dump *d, struct proc *p)
{
	bool first = true;
	int r;

	if (p->told)
		return take_process(d, p, facts_process(d, p));
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
