/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The records of process.proto.
 */
#include <stdio.h>
#include <string.h>

#include "kernel-glue/linux/cgroup.h"
#include "kernel-glue/linux/fd.h"
#include "kernel-glue/linux/mem.h"
#include "kernel-glue/linux/task.h"

/* Ids of a list whose items begin with theirs. */
static void
emit_ids(struct glue_emit *e, uint32_t field, const struct list *l)
{
	uint64_t ids[64];
	size_t n = 0;

	for (; n < l->n && n < 64; n++)
		ids[n] = *(const uint64_t *)l->v[n];
	glue_emit_packed64(e, field, ids, n);
}

static void
emit_s32s(struct glue_emit *e, uint32_t field, const int32_t *v, size_t n)
{
	uint64_t wide[32];

	for (size_t i = 0; i < n; i++)
		wide[i] = (uint64_t)(int64_t)v[i];
	glue_emit_packed64(e, field, wide, n);
}

/* ---- small ones ---- */

static void
emit_id_map(struct glue_emit *e, uint32_t field, const struct id_map *m)
{
	for (size_t i = 0; i < m->n; i++) {
		glue_emit_open(e, field);
		glue_emit_uint(e, PSNAP_F_ID_RANGE_INSIDE, m->v[i].inside);
		glue_emit_uint(e, PSNAP_F_ID_RANGE_OUTSIDE, m->v[i].outside);
		glue_emit_uint(e, PSNAP_F_ID_RANGE_LENGTH, m->v[i].length);
		glue_emit_close(e);
	}
}

static void
ns_fields(struct glue_emit *e, const void *object)
{
	const struct ns *n = object;

	glue_emit_uint(e, PSNAP_F_NAMESPACE_KIND, n->kind);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_INODE, n->ino);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_OF_DUMPER, n->of_dumper);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_FOR_CHILDREN, n->for_children);
	if (n->hostname != NULL)
		glue_emit_string(e, PSNAP_F_NAMESPACE_HOSTNAME, n->hostname);
	if (n->domainname != NULL)
		glue_emit_string(e, PSNAP_F_NAMESPACE_DOMAINNAME, n->domainname);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_MONOTONIC_NS, n->monotonic);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_BOOTTIME_NS, n->boottime);
	emit_id_map(e, PSNAP_F_NAMESPACE_UID_MAP, &n->uids);
	emit_id_map(e, PSNAP_F_NAMESPACE_GID_MAP, &n->gids);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_SETGROUPS_DENIED, n->setgroups_denied);
	glue_emit_uint(e, PSNAP_F_NAMESPACE_OWNER, n->owner);
}

static void
session_fields(struct glue_emit *e, const void *object)
{
	const struct session *s = object;

	glue_emit_int(e, PSNAP_F_SESSION_SID, s->sid);
	glue_emit_uint(e, PSNAP_F_SESSION_TERMINAL_ID, s->terminal_id);
	glue_emit_int(e, PSNAP_F_SESSION_FOREGROUND_PGID, s->foreground);
	glue_emit_uint(e, PSNAP_F_SESSION_LEADER_OUTSIDE, s->leader_outside);
}

static void
group_fields(struct glue_emit *e, const void *object)
{
	const struct group *g = object;

	glue_emit_int(e, PSNAP_F_PROCESS_GROUP_PGID, g->pgid);
	glue_emit_uint(e, PSNAP_F_PROCESS_GROUP_SESSION_ID, g->session->id);
	glue_emit_uint(e, PSNAP_F_PROCESS_GROUP_LEADER_OUTSIDE, g->leader_outside);
}

static void
fs_fields(struct glue_emit *e, const void *object)
{
	const struct fs_context *fs = object;

	if (fs->cwd != NULL)
		glue_emit_uint(e, PSNAP_F_FS_CONTEXT_CWD_FILE_ID, file_id(fs->cwd));
	if (fs->root != NULL)
		glue_emit_uint(e, PSNAP_F_FS_CONTEXT_ROOT_FILE_ID, file_id(fs->root));
	glue_emit_uint(e, PSNAP_F_FS_CONTEXT_UMASK, fs->umask);
}

/* ---- processes ---- */

static void
emit_personality(struct glue_emit *e, uint64_t bits)
{
	static const struct { uint32_t bit, field; } known[] = {	/* personality(2) */
		{ 0x0000008, PSNAP_F_PERSONALITY_LINUX32 },
		{ 0x0040000, PSNAP_F_PERSONALITY_NO_RANDOMIZE },
		{ 0x8000000, PSNAP_F_PERSONALITY_ADDRESS_LIMIT_3GB },
		{ 0x0200000, PSNAP_F_PERSONALITY_LEGACY_LAYOUT },
		{ 0x0400000, PSNAP_F_PERSONALITY_READ_IMPLIES_EXEC },
		{ 0x0100000, PSNAP_F_PERSONALITY_MMAP_PAGE_ZERO },
		{ 0x1000000, PSNAP_F_PERSONALITY_SHORT_INODE },
		{ 0x2000000, PSNAP_F_PERSONALITY_WHOLE_SECONDS },
		{ 0x4000000, PSNAP_F_PERSONALITY_STICKY_TIMEOUTS },
		{ 0x0020000, PSNAP_F_PERSONALITY_UNAME26 },
		{ 0x0080000, PSNAP_F_PERSONALITY_FDPIC_FUNCPTRS },
	};

	if (bits == 0)
		return;
	glue_emit_open(e, PSNAP_F_PROCESS_PERSONALITY);
	for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
		glue_emit_uint(e, known[i].field, (bits & known[i].bit) != 0);
		bits &= ~(uint64_t)known[i].bit;
	}
	glue_emit_uint(e, PSNAP_F_PERSONALITY_OTHER, bits & UINT32_MAX);
	glue_emit_close(e);
}

static void
emit_limits(struct glue_emit *e, const struct list *limits)
{
	for (size_t i = 0; i < limits->n; i++) {
		const struct limit *l = limits->v[i];

		glue_emit_open(e, PSNAP_F_PROCESS_LIMITS);
		glue_emit_uint(e, PSNAP_F_LIMIT_KIND, l->kind);
		glue_emit_uint(e, PSNAP_F_LIMIT_SOFT, l->soft == UINT64_MAX ? 0 : l->soft);
		glue_emit_uint(e, PSNAP_F_LIMIT_HARD, l->hard == UINT64_MAX ? 0 : l->hard);
		glue_emit_uint(e, PSNAP_F_LIMIT_SOFT_UNLIMITED, l->soft == UINT64_MAX);
		glue_emit_uint(e, PSNAP_F_LIMIT_HARD_UNLIMITED, l->hard == UINT64_MAX);
		glue_emit_close(e);
	}
}

static void
emit_timers(struct glue_emit *e, const struct proc_state *s)
{
	for (uint32_t i = 0; i < 3; i++) {
		if (s->itimer[i][0] == 0 && s->itimer[i][1] == 0)
			continue;
		glue_emit_open(e, PSNAP_F_PROCESS_INTERVAL_TIMERS);
		glue_emit_uint(e, PSNAP_F_INTERVAL_TIMER_KIND, PSNAP_INTERVAL_TIMER_REAL + i);
		glue_emit_uint(e, PSNAP_F_INTERVAL_TIMER_REMAINING_NS, s->itimer[i][0]);
		glue_emit_uint(e, PSNAP_F_INTERVAL_TIMER_INTERVAL_NS, s->itimer[i][1]);
		glue_emit_close(e);
	}
	for (size_t i = 0; i < s->timers.n; i++) {
		const struct posix_timer *t = s->timers.v[i];

		glue_emit_open(e, PSNAP_F_PROCESS_POSIX_TIMERS);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_ID, t->id);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_CLOCK, t->clock);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_NOTIFY, t->notify);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_SIGNAL, t->signal);
		glue_emit_uint(e, PSNAP_F_POSIX_TIMER_VALUE, t->value);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_TID, t->tid);
		glue_emit_uint(e, PSNAP_F_POSIX_TIMER_ARMED, t->remaining_ns != 0);
		glue_emit_uint(e, PSNAP_F_POSIX_TIMER_REMAINING_NS, t->remaining_ns);
		glue_emit_uint(e, PSNAP_F_POSIX_TIMER_INTERVAL_NS, t->interval_ns);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_OVERRUN, t->overrun);
		glue_emit_int(e, PSNAP_F_POSIX_TIMER_CLOCK_PID, t->clock_pid);
		glue_emit_close(e);
	}
}

/* Signal that stopped the group: from the stop's wait status. */
static uint32_t
stop_signal(const struct proc *p)
{
	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct task *t = p->tasks.v[i];
		uint32_t sig = t->wait_status >> 8 & 0xff;

		if (t->stopped_once && sig != PSNAP_SIGNAL_TRAP)
			return sig;
	}
	return PSNAP_SIGNAL_STOP;
}

static void
process_fields(struct glue_emit *e, const void *object)
{
	const struct proc *p = object;
	const struct proc_state *s = p->state;

	glue_emit_int(e, PSNAP_F_PROCESS_PID, p->inner_pid);
	glue_emit_uint(e, PSNAP_F_PROCESS_PARENT_ID, p->parent != NULL ? p->parent->id : 0);
	glue_emit_int(e, PSNAP_F_PROCESS_PPID, p->ppid);
	glue_emit_uint(e, PSNAP_F_PROCESS_PROCESS_GROUP_ID, s->group->id);
	glue_emit_uint(e, PSNAP_F_PROCESS_SESSION_ID, s->session->id);
	glue_emit_uint(e, PSNAP_F_PROCESS_STATE, p->zombie ? PSNAP_PROCESS_ZOMBIE :
	    p->group_stopped ? PSNAP_PROCESS_STOPPED : PSNAP_PROCESS_ALIVE);
	if (p->group_stopped)
		glue_emit_uint(e, PSNAP_F_PROCESS_STOP_SIGNAL, stop_signal(p));
	if (p->zombie) {	/* wait(2)'s status */
		glue_emit_uint(e, PSNAP_F_PROCESS_EXIT_CODE, s->exit_code >> 8 & 0xff);
		glue_emit_uint(e, PSNAP_F_PROCESS_EXIT_SIGNAL, s->exit_code & 0x7f);
		glue_emit_uint(e, PSNAP_F_PROCESS_EXIT_CORE, s->exit_code >> 7 & 1);
	}
	if (!p->zombie)
		glue_emit_uint(e, PSNAP_F_PROCESS_ABI, p->is32 ? PSNAP_ABI_I386 : PSNAP_ABI_AMD64);
	glue_emit_string(e, PSNAP_F_PROCESS_COMM, s->comm);
	if (!p->zombie) {
		glue_emit_uint(e, PSNAP_F_PROCESS_ADDRESS_SPACE_ID, p->mm->id);
		glue_emit_uint(e, PSNAP_F_PROCESS_DESCRIPTOR_TABLE_ID, fd_table_id(p->table));
		glue_emit_uint(e, PSNAP_F_PROCESS_SIGNAL_HANDLERS_ID, p->handlers->id);
		glue_emit_uint(e, PSNAP_F_PROCESS_FS_CONTEXT_ID, p->fs->id);
		glue_emit_packed64(e, PSNAP_F_PROCESS_THREAD_IDS, p->thread_ids, p->tasks.n);
		emit_ids(e, PSNAP_F_PROCESS_NAMESPACE_IDS, &s->namespaces);
		emit_ids(e, PSNAP_F_PROCESS_CGROUP_IDS, &s->cgroups);
	}
	if (s->nns_pids > 1)
		emit_s32s(e, PSNAP_F_PROCESS_NAMESPACE_PIDS, s->ns_pids, s->nns_pids);
	emit_personality(e, s->personality);
	emit_limits(e, &s->limits);
	queue_emit(e, PSNAP_F_PROCESS_PENDING, &s->pending);
	emit_timers(e, s);
	glue_emit_uint(e, PSNAP_F_PROCESS_CHILD_EXIT_SIGNAL, s->child_exit_signal & 0x7f);
	glue_emit_uint(e, PSNAP_F_PROCESS_CHILD_SUBREAPER, s->subreaper);
	glue_emit_int(e, PSNAP_F_PROCESS_OOM_SCORE_ADJUST, s->oom_adjust);
	if (s->has_login_uid) {
		glue_emit_uint(e, PSNAP_F_PROCESS_LOGIN_UID, s->login_uid);
		glue_emit_uint(e, PSNAP_F_PROCESS_HAS_LOGIN_UID, 1);
	}
	glue_emit_uint(e, PSNAP_F_PROCESS_START_NS, s->start_ns);
	glue_emit_uint(e, PSNAP_F_PROCESS_USER_NS, s->times[0]);
	glue_emit_uint(e, PSNAP_F_PROCESS_SYSTEM_NS, s->times[1]);
	glue_emit_uint(e, PSNAP_F_PROCESS_CHILDREN_USER_NS, s->times[2]);
	glue_emit_uint(e, PSNAP_F_PROCESS_CHILDREN_SYSTEM_NS, s->times[3]);
	glue_emit_uint(e, PSNAP_F_PROCESS_MEMBARRIER, s->membarrier);
	glue_emit_uint(e, PSNAP_F_PROCESS_THP_DISABLED, s->thp_disabled);
}

/* ---- threads ---- */

static void
emit_scheduling(struct glue_emit *e, const struct thread_state *s)
{
	glue_emit_open(e, PSNAP_F_THREAD_SCHEDULING);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_POLICY, s->policy);
	glue_emit_int(e, PSNAP_F_SCHEDULING_NICE, s->nice);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_PRIORITY, s->priority);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_RESET_ON_FORK, s->reset_on_fork);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_RUNTIME_NS, s->runtime_ns);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_DEADLINE_NS, s->deadline_ns);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_PERIOD_NS, s->period_ns);
	glue_emit_packed64(e, PSNAP_F_SCHEDULING_CPU_MASK, s->cpus, s->ncpus);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_IO_CLASS, s->ioprio >> 13);
	glue_emit_uint(e, PSNAP_F_SCHEDULING_IO_PRIORITY, s->ioprio & 0x1fff);
	glue_emit_close(e);
}

static void
emit_stack(struct glue_emit *e, const struct thread_state *s)
{
	/* sigaltstack(2): SS_ONSTACK 1, SS_DISABLE 2, SS_AUTODISARM 1 << 31 */
	glue_emit_open(e, PSNAP_F_THREAD_SIGNAL_STACK);
	glue_emit_uint(e, PSNAP_F_SIGNAL_STACK_ADDRESS, s->ss_sp);
	glue_emit_uint(e, PSNAP_F_SIGNAL_STACK_SIZE, s->ss_size);
	glue_emit_uint(e, PSNAP_F_SIGNAL_STACK_DISABLED, s->ss_flags >> 1 & 1);
	glue_emit_uint(e, PSNAP_F_SIGNAL_STACK_AUTO_DISARM, s->ss_flags >> 31);
	glue_emit_uint(e, PSNAP_F_SIGNAL_STACK_IN_USE, s->ss_flags & 1);
	glue_emit_close(e);
}

static void
emit_restart(struct glue_emit *e, const struct thread_state *s)
{
	glue_emit_open(e, PSNAP_F_THREAD_RESTART);
	glue_emit_uint(e, PSNAP_F_RESTART_KIND, s->restart);
	if (s->in_syscall) {
		glue_emit_uint(e, PSNAP_F_RESTART_SYSCALL, (uint64_t)regs_syscall(&s->regs));
		glue_emit_uint(e, PSNAP_F_RESTART_IN_SYSCALL, 1);
	}
	glue_emit_uint(e, PSNAP_F_RESTART_REMAINING_NS, s->remaining_ns);
	glue_emit_uint(e, PSNAP_F_RESTART_REMAINING_KNOWN, s->remaining_known);
	glue_emit_uint(e, PSNAP_F_RESTART_CLOCK, s->restart_clock);
	glue_emit_close(e);
}

static void
thread_fields(struct glue_emit *e, const void *object)
{
	const struct task *t = object;
	const struct thread_state *s = t->state;

	glue_emit_int(e, PSNAP_F_THREAD_TID, t->inner_tid);
	glue_emit_uint(e, PSNAP_F_THREAD_PROCESS_ID, t->proc->id);
	glue_emit_string(e, PSNAP_F_THREAD_COMM, s->comm);
	if (t->dead) {
		glue_emit_uint(e, PSNAP_F_THREAD_DEAD, 1);
		return;
	}
	glue_emit_uint(e, PSNAP_F_THREAD_ABI, regs_is32(&s->regs) ? PSNAP_ABI_I386 : PSNAP_ABI_AMD64);
	glue_emit_open(e, PSNAP_F_THREAD_REGISTERS);
	registers_emit(e, &s->regs);
	glue_emit_close(e);
	glue_emit_open(e, PSNAP_F_THREAD_FPU);
	fpu_emit(e, s->xsave, s->xsave_len, regs_is32(&s->regs));
	glue_emit_close(e);
	tls_emit(e, s->tls, s->ntls);
	glue_emit_uint(e, PSNAP_F_THREAD_SIGNAL_MASK, s->sigmask);
	queue_emit(e, PSNAP_F_THREAD_PENDING, &s->pending);
	emit_stack(e, s);
	glue_emit_uint(e, PSNAP_F_THREAD_ROBUST_LIST, s->robust);
	glue_emit_uint(e, PSNAP_F_THREAD_ROBUST_LIST_SIZE, s->robust_len);
	glue_emit_uint(e, PSNAP_F_THREAD_CLEAR_TID_ADDRESS, s->clear_tid);
	if (s->rseq != 0) {
		glue_emit_open(e, PSNAP_F_THREAD_RSEQ);
		glue_emit_uint(e, PSNAP_F_RSEQ_ADDRESS, s->rseq);
		glue_emit_uint(e, PSNAP_F_RSEQ_SIZE, s->rseq_size);
		glue_emit_uint(e, PSNAP_F_RSEQ_SIGNATURE, s->rseq_sig);
		glue_emit_close(e);
	}
	emit_restart(e, s);
	glue_emit_uint(e, PSNAP_F_THREAD_CREDENTIALS_ID, s->creds->id);
	emit_scheduling(e, s);
	glue_emit_uint(e, PSNAP_F_THREAD_PARENT_DEATH_SIGNAL, s->death_signal);
	glue_emit_uint(e, PSNAP_F_THREAD_TIMER_SLACK_NS, s->timer_slack);
	glue_emit_uint(e, PSNAP_F_THREAD_SECCOMP_MODE, s->seccomp_mode);
	if (s->filter != NULL)
		glue_emit_uint(e, PSNAP_F_THREAD_SECCOMP_FILTER_ID, s->filter->id);
	glue_emit_uint(e, PSNAP_F_THREAD_SECCOMP_FILTER_COUNT, s->seccomp_count);
	if (s->nns_tids > 1)
		emit_s32s(e, PSNAP_F_THREAD_NAMESPACE_TIDS, s->ns_tids, s->nns_tids);
}

/* ---- all ---- */

static int
emit_list(struct dump *d, const struct list *l, uint32_t kind,
    void (*fields)(struct glue_emit *, const void *))
{
	int r;

	/* every object begins with its id */
	for (size_t i = 0; i < l->n; i++)
		if ((r = dump_record(d, kind, *(const uint64_t *)l->v[i], fields, l->v[i])) != 0)
			return r;
	return 0;
}

static int
emit_process(struct dump *d, struct proc *p)
{
	if ((p->thread_ids = dump_alloc(d, (p->tasks.n + 1) * sizeof *p->thread_ids)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	for (size_t i = 0; i < p->tasks.n; i++)
		p->thread_ids[i] = ((struct task *)p->tasks.v[i])->id;
	return dump_record(d, PSNAP_KIND_PROCESS, p->id, process_fields, p);
}

/* The controlling terminal, if a descriptor of the tree is open on it. */
static void
find_terminals(struct dump *d)
{
	for (size_t i = 0; i < d->sessions.n; i++) {
		struct session *s = d->sessions.v[i];
		/* new_encode_dev: minor's low byte, major, minor's high bits */
		uint32_t maj = s->tty >> 8 & 0xfff, min = (s->tty & 0xff) | (s->tty >> 12 & 0xfff00);

		for (size_t k = 0; s->tty != 0 && k < d->terminals.n; k++) {
			const struct terminal *t = d->terminals.v[k];

			if (t->kind == PSNAP_TERMINAL_PTY && maj >= 136 && maj <= 143 &&
			    t->index == (maj - 136) * 256 + min)
				s->terminal_id = t->id;
		}
	}
}

int
task_emit(struct dump *d)
{
	int r;

	find_terminals(d);
	if ((r = host_emit(d)) != 0 ||
	    (r = emit_list(d, &d->namespaces, PSNAP_KIND_NAMESPACE, ns_fields)) != 0 ||
	    (r = emit_list(d, &d->cgroups, PSNAP_KIND_CGROUP, cgroup_fields)) != 0 ||
	    (r = emit_list(d, &d->sessions, PSNAP_KIND_SESSION, session_fields)) != 0 ||
	    (r = emit_list(d, &d->groups, PSNAP_KIND_PROCESS_GROUP, group_fields)) != 0 ||
	    (r = emit_list(d, &d->creds, PSNAP_KIND_CREDENTIALS, creds_fields)) != 0 ||
	    (r = emit_list(d, &d->filters, PSNAP_KIND_SECCOMP_FILTER, filter_fields)) != 0 ||
	    (r = emit_list(d, &d->handlers, PSNAP_KIND_SIGNAL_HANDLERS, handlers_fields)) != 0 ||
	    (r = emit_list(d, &d->fs_contexts, PSNAP_KIND_FS_CONTEXT, fs_fields)) != 0)
		return r;
	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		if ((r = emit_process(d, p)) != 0)
			return r;
		if (!p->zombie &&
		    (r = emit_list(d, &p->tasks, PSNAP_KIND_THREAD, thread_fields)) != 0)
			return r;
	}
	return 0;
}
