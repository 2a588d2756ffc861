/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/validate/validate.h"

/* ---- processes ---- */

static void
check_alive(struct check *v, const struct snap_object *o, const Psnap__Process *p)
{
	const Psnap__Thread *leader;

	if (p->abi == PSNAP__ABI__ABI_UNKNOWN)					/* PRC-2 */
		check_corrupt(v, o, "PRC-2", "pid %d is alive without an abi", (int)p->pid);
	if (p->address_space_id == 0 || p->descriptor_table_id == 0 || p->signal_handlers_id == 0 ||
	    p->fs_context_id == 0 || p->n_thread_ids == 0)			/* PRC-2 */
		check_corrupt(v, o, "PRC-2", "pid %d is alive without %s", (int)p->pid,
		    p->address_space_id == 0 ? "address space" :
		    p->descriptor_table_id == 0 ? "descriptor table" :
		    p->signal_handlers_id == 0 ? "signal handlers" :
		    p->fs_context_id == 0 ? "fs context" : "threads");
	if (p->n_thread_ids > 0 &&
	    (leader = snap_get_message(v->s, p->thread_ids[0], PSNAP_KIND_THREAD)) != NULL &&
	    leader->tid != p->pid)						/* PRC-3 */
		check_corrupt(v, o, "PRC-3", "the first thread's tid is %d, pid is %d", (int)leader->tid,
		    (int)p->pid);
	for (size_t i = 0; i < p->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(v->s, p->thread_ids[i], PSNAP_KIND_THREAD);

		if (t != NULL && t->process_id != o->id)			/* GRA-8 */
			check_corrupt(v, o, "GRA-8", "thread_ids names thread %llu of process %llu",
			    (unsigned long long)p->thread_ids[i], (unsigned long long)t->process_id);
	}
	if (p->exit_code != 0 || p->exit_signal != 0 || p->exit_core)		/* PRC-4 */
		check_corrupt(v, o, "PRC-4", "pid %d has an exit status, but is no zombie", (int)p->pid);
}

static void
check_zombie(struct check *v, const struct snap_object *o, const Psnap__Process *p)
{
	if (p->address_space_id != 0 || p->descriptor_table_id != 0 || p->signal_handlers_id != 0 ||
	    p->fs_context_id != 0 || p->n_thread_ids != 0)			/* PRC-5 */
		check_corrupt(v, o, "PRC-5", "zombie %d has %s", (int)p->pid,
		    p->address_space_id != 0 ? "an address space" :
		    p->descriptor_table_id != 0 ? "a descriptor table" :
		    p->signal_handlers_id != 0 ? "signal handlers" :
		    p->fs_context_id != 0 ? "an fs context" : "threads");
	if ((p->exit_signal != 0 && p->exit_code != 0) || (p->exit_core && p->exit_signal == 0))
		check_corrupt(v, o, "PRC-4", "zombie %d: exit code %d, signal %d and core cannot be together",
		    (int)p->pid, (int)p->exit_code, (int)p->exit_signal);	/* PRC-4 */
}

static void
check_limits(struct check *v, const struct snap_object *o, const Psnap__Process *p)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < p->n_limits; i++) {
		const Psnap__Limit *l = p->limits[i];
		unsigned kind = (unsigned)l->kind;

		if (kind < 64 && seen >> kind & 1)				/* PRC-7 */
			check_corrupt(v, o, "PRC-7", "limit of kind %u is given twice", kind);
		if (kind < 64)
			seen |= UINT64_C(1) << kind;
		if (!l->hard_unlimited && (l->soft_unlimited || l->soft > l->hard))	/* PRC-7 */
			check_corrupt(v, o, "PRC-7", "limit of kind %u: soft is above hard", kind);
		if ((l->soft_unlimited && l->soft != 0) || (l->hard_unlimited && l->hard != 0))
			check_corrupt(v, o, "PRC-7", "limit of kind %u is unlimited and has a value", kind);
	}
}

static void
check_timers(struct check *v, const struct snap_object *o, const Psnap__Process *p)
{
	uint64_t seen = 0;

	for (size_t i = 0; i < p->n_interval_timers; i++) {
		unsigned kind = (unsigned)p->interval_timers[i]->kind;

		if (kind < 64 && seen >> kind & 1)				/* PRC-8 */
			check_corrupt(v, o, "PRC-8", "interval timer of kind %u is given twice", kind);
		if (kind < 64)
			seen |= UINT64_C(1) << kind;
	}
	for (size_t i = 0; i < p->n_posix_timers; i++) {
		const Psnap__PosixTimer *t = p->posix_timers[i];

		if (i > 0 && t->id <= p->posix_timers[i - 1]->id)		/* PRC-9 */
			check_corrupt(v, o, "PRC-9", "posix timers are not ascending at id %d", (int)t->id);
		if (!t->armed && t->remaining_ns != 0)				/* PRC-9 */
			check_corrupt(v, o, "PRC-9", "posix timer %d is not armed, but has time left",
			    (int)t->id);
	}
}

static void
check_namespaces(struct check *v, const struct snap_object *o, const Psnap__Process *p)
{
	const Psnap__Namespace *prev = NULL;

	for (size_t i = 0; i < p->n_namespace_ids; i++) {
		const Psnap__Namespace *n =
		    snap_get_message(v->s, p->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		/* pid and time may be there a second time, for children */
		if (n != NULL && prev != NULL && (n->kind < prev->kind ||
		    (n->kind == prev->kind && n->for_children == prev->for_children)))	/* NS-2 */
			check_corrupt(v, o, "NS-2", "namespace_ids: kind %d after kind %d", (int)n->kind,
			    (int)prev->kind);
		prev = n;
	}
}

void
check_process(struct check *v, const struct snap_object *o)
{
	const Psnap__Process *p = CHECK_MESSAGE(Psnap__Process, o);
	const Psnap__ProcessGroup *g = snap_get_message(v->s, p->process_group_id, PSNAP_KIND_PROCESS_GROUP);
	bool stopped = p->state == PSNAP__PROCESS_STATE__PROCESS_STOPPED;

	if (p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE)
		check_zombie(v, o, p);
	else
		check_alive(v, o, p);
	if (stopped != (p->stop_signal != PSNAP__SIGNAL__SIGNAL_NONE))		/* PRC-6 */
		check_corrupt(v, o, "PRC-6", "pid %d is %sstopped, stop signal is %d", (int)p->pid,
		    stopped ? "" : "not ", (int)p->stop_signal);
	check_limits(v, o, p);
	check_timers(v, o, p);
	check_namespaces(v, o, p);
	if (g != NULL && g->session_id != p->session_id)			/* PRC-10 */
		check_corrupt(v, o, "PRC-10", "session %llu is not the one of its group, %llu",
		    (unsigned long long)p->session_id, (unsigned long long)g->session_id);
	if (p->oom_score_adjust < -1000 || p->oom_score_adjust > 1000)		/* PRC-11 */
		check_corrupt(v, o, "PRC-11", "oom_score_adjust %d is not in -1000 to 1000",
		    (int)p->oom_score_adjust);
}

/* ---- threads ---- */

static void
check_registers(struct check *v, const struct snap_object *o, const Psnap__Thread *t)
{
	const Psnap__X86Registers *r = t->registers;
	const Psnap__Segment *segments[] = { r->cs, r->ss, r->ds, r->es, r->fs, r->gs };

	if (t->abi == PSNAP__ABI__ABI_I386) {
		uint64_t low = r->rax | r->rbx | r->rcx | r->rdx | r->rsi | r->rdi | r->rbp | r->rsp |
		    r->rip | r->rflags | r->orig_rax;
		uint64_t others = r->r8 | r->r9 | r->r10 | r->r11 | r->r12 | r->r13 | r->r14 | r->r15 |
		    r->fs_base | r->gs_base;

		if (low > UINT32_MAX || others != 0)				/* THR-4 */
			check_corrupt(v, o, "THR-4", "i386 thread %d has registers of amd64", (int)t->tid);
	}
	for (size_t i = 0; i < sizeof segments / sizeof segments[0]; i++) {
		const Psnap__Segment *s = segments[i];

		if (s == NULL)							/* THR-5 */
			check_corrupt(v, o, "THR-5", "segment register %lu is missing", (unsigned long)i);
		else if (s->kind == PSNAP__SEGMENT_KIND__SEGMENT_TLS && s->slot > 2)	/* THR-5 */
			check_corrupt(v, o, "THR-5", "segment register %lu names TLS slot %u",
			    (unsigned long)i, s->slot);
	}
}

/* A component by the number of bytes it has and may have, 0: absent. */
static void
check_component(struct check *v, const struct snap_object *o, const char *name, size_t len, size_t want,
    size_t or_want)
{
	if (len != 0 && len != want && len != or_want)				/* THR-6 */
		check_corrupt(v, o, "THR-6", "fpu: %s has %lu bytes, not %lu", name, (unsigned long)len,
		    (unsigned long)want);
}

static void
check_fpu(struct check *v, const struct snap_object *o, const Psnap__Fpu *f)
{
	uint32_t have = 0, named = 0;

	if (f->x87 != NULL)
		check_component(v, o, "x87", f->x87->registers.len, 80, 80);
	if (f->sse != NULL)
		check_component(v, o, "sse", f->sse->registers.len, 256, 128);
	check_component(v, o, "avx", f->avx.len, 256, 256);
	check_component(v, o, "opmask", f->n_opmask * 8, 64, 64);
	check_component(v, o, "zmm_high", f->zmm_high.len, 512, 512);
	check_component(v, o, "zmm_upper", f->zmm_upper.len, 1024, 1024);
	check_component(v, o, "amx_config", f->amx_config.len, 64, 64);
	check_component(v, o, "amx_data", f->amx_data.len, 8192, 8192);
	have |= (uint32_t)(f->x87 != NULL) << PSNAP_FPU_X87;
	have |= (uint32_t)(f->sse != NULL) << PSNAP_FPU_SSE;
	have |= (uint32_t)(f->avx.len != 0) << PSNAP_FPU_AVX;
	have |= (uint32_t)(f->n_opmask != 0) << PSNAP_FPU_OPMASK;
	have |= (uint32_t)(f->zmm_high.len != 0) << PSNAP_FPU_ZMM_HIGH;
	have |= (uint32_t)(f->zmm_upper.len != 0) << PSNAP_FPU_ZMM_UPPER;
	have |= (uint32_t)(f->has_pkru != 0) << PSNAP_FPU_PKRU;
	have |= (uint32_t)(f->amx_config.len != 0) << PSNAP_FPU_AMX_CONFIG;
	have |= (uint32_t)(f->amx_data.len != 0) << PSNAP_FPU_AMX_DATA;
	for (size_t i = 0; i < f->n_present; i++) {
		if (i > 0 && f->present[i] <= f->present[i - 1]) {		/* THR-7 */
			check_corrupt(v, o, "THR-7", "fpu: present is not ascending at %lu", (unsigned long)i);
			return;
		}
		if ((unsigned)f->present[i] < 32)
			named |= UINT32_C(1) << (unsigned)f->present[i];
	}
	if (have != named)							/* THR-7 */
		check_corrupt(v, o, "THR-7", "fpu: components 0x%x are held, present says 0x%x",
		    (unsigned)have, (unsigned)named);
}

static void
check_tls(struct check *v, const struct snap_object *o, const Psnap__Thread *t)
{
	for (size_t i = 0; i < t->n_tls; i++)
		if (t->tls[i]->slot > 2 || (i > 0 && t->tls[i]->slot <= t->tls[i - 1]->slot)) {	/* THR-8 */
			check_corrupt(v, o, "THR-8", "tls: slot %u is above 2 or not ascending",
			    t->tls[i]->slot);
			return;
		}
}

static void
check_scheduling(struct check *v, const struct snap_object *o, const Psnap__Scheduling *s)
{
	bool realtime = s->policy == PSNAP__SCHEDULING_POLICY__SCHEDULING_FIFO ||
	    s->policy == PSNAP__SCHEDULING_POLICY__SCHEDULING_ROUND_ROBIN;

	if (s->nice < -20 || s->nice > 19)					/* THR-9 */
		check_corrupt(v, o, "THR-9", "nice %d is not in -20 to 19", (int)s->nice);
	if (realtime ? s->priority < 1 || s->priority > 99 : s->priority != 0)	/* THR-9 */
		check_corrupt(v, o, "THR-9", "priority %u with policy %d", s->priority, (int)s->policy);
	if (s->policy == PSNAP__SCHEDULING_POLICY__SCHEDULING_DEADLINE &&
	    (s->runtime_ns > s->deadline_ns || (s->period_ns != 0 && s->deadline_ns > s->period_ns)))
		check_corrupt(v, o, "THR-9", "deadline scheduling: not runtime <= deadline <= period");
}

static void
check_thread_state(struct check *v, const struct snap_object *o, const Psnap__Thread *t)
{
	const Psnap__SignalStack *st = t->signal_stack;

	if (t->registers == NULL || t->credentials_id == 0 || t->abi == PSNAP__ABI__ABI_UNKNOWN)
		check_corrupt(v, o, "THR-2", "thread %d is alive without %s", (int)t->tid,	/* THR-2 */
		    t->registers == NULL ? "registers" : t->credentials_id == 0 ? "credentials" : "an abi");
	if (t->registers != NULL)
		check_registers(v, o, t);
	if (t->fpu != NULL)
		check_fpu(v, o, t->fpu);
	check_tls(v, o, t);
	if (t->scheduling != NULL)
		check_scheduling(v, o, t->scheduling);
	if (st != NULL && !st->disabled && st->size > UINT64_MAX - st->address)	/* THR-10 */
		check_corrupt(v, o, "THR-10", "signal stack of %llu bytes at 0x%llx wraps around",
		    (unsigned long long)st->size, (unsigned long long)st->address);
	if (st != NULL && st->disabled && st->in_use)				/* THR-10 */
		check_corrupt(v, o, "THR-10", "signal stack is disabled and in use");
	if (t->seccomp_filter_id != 0 && t->seccomp_mode != PSNAP__SECCOMP_MODE__SECCOMP_MODE_FILTERED)
		check_corrupt(v, o, "THR-11", "a seccomp filter, but mode %d", (int)t->seccomp_mode);	/* THR-11 */
}

void
check_thread(struct check *v, const struct snap_object *o)
{
	const Psnap__Thread *t = CHECK_MESSAGE(Psnap__Thread, o);
	const Psnap__Process *p = snap_get_message(v->s, t->process_id, PSNAP_KIND_PROCESS);

	if (t->dead && p != NULL && p->n_thread_ids > 0 && p->thread_ids[0] != o->id)	/* THR-3 */
		check_corrupt(v, o, "THR-3", "thread %d is dead, but not the leader", (int)t->tid);
	if (t->dead) {
		if (t->registers != NULL || t->credentials_id != 0)		/* THR-3 */
			check_corrupt(v, o, "THR-3", "dead thread %d has registers or credentials",
			    (int)t->tid);
		return;
	}
	check_thread_state(v, o, t);
}

/* ---- what they share ---- */

void
check_credentials(struct check *v, const struct snap_object *o)
{
	const Psnap__Credentials *c = CHECK_MESSAGE(Psnap__Credentials, o);

	for (size_t i = 1; i < c->n_groups; i++)
		if (c->groups[i] < c->groups[i - 1]) {				/* CRD-1 */
			check_corrupt(v, o, "CRD-1", "groups: %u after %u", c->groups[i], c->groups[i - 1]);
			break;
		}
	if (c->cap_effective & ~c->cap_permitted)				/* CRD-2 */
		check_corrupt(v, o, "CRD-2", "effective capabilities 0x%llx are not permitted",
		    (unsigned long long)(c->cap_effective & ~c->cap_permitted));
	if (c->cap_ambient & ~(c->cap_permitted & c->cap_inheritable))		/* CRD-2 */
		check_corrupt(v, o, "CRD-2", "ambient capabilities 0x%llx are not permitted and inheritable",
		    (unsigned long long)(c->cap_ambient & ~(c->cap_permitted & c->cap_inheritable)));
}

void
check_signal_handlers(struct check *v, const struct snap_object *o)
{
	const Psnap__SignalHandlers *h = CHECK_MESSAGE(Psnap__SignalHandlers, o);

	for (size_t i = 0; i < h->n_actions; i++) {
		const Psnap__SignalAction *a = h->actions[i];

		if (i > 0 && a->signal <= h->actions[i - 1]->signal)		/* SIG-1 */
			check_corrupt(v, o, "SIG-1", "actions: signal %d after %d", (int)a->signal,
			    (int)h->actions[i - 1]->signal);
		if (a->signal == PSNAP__SIGNAL__SIGNAL_KILL || a->signal == PSNAP__SIGNAL__SIGNAL_STOP)
			check_corrupt(v, o, "SIG-2", "signal %d cannot have an action", (int)a->signal);	/* SIG-2 */
		if (a->ignore && a->handler != 0)				/* SIG-3 */
			check_corrupt(v, o, "SIG-3", "signal %d is ignored and handled at 0x%llx",
			    (int)a->signal, (unsigned long long)a->handler);
	}
}

void
check_fs_context(struct check *v, const struct snap_object *o)
{
	const Psnap__FsContext *f = CHECK_MESSAGE(Psnap__FsContext, o);

	if (f->umask > 0777)							/* FSC-1 */
		check_corrupt(v, o, "FSC-1", "umask 0%o has bits beyond 0777", (unsigned)f->umask);
}

void
check_seccomp_filter(struct check *v, const struct snap_object *o)
{
	const Psnap__SeccompFilter *f = CHECK_MESSAGE(Psnap__SeccompFilter, o);

	if (f->program.len == 0 || f->program.len % 8 != 0 || f->program.len / 8 > 4096)	/* SEC-1 */
		check_corrupt(v, o, "SEC-1", "program has %lu bytes: not 1 to 4096 instructions of 8",
		    (unsigned long)f->program.len);
}
