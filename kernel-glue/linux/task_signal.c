/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Pending signals and dispositions.
 */
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>

#include "kernel-glue/linux/task.h"

#define INFO_SIZE	128
#define PEEK_SHARED	1	/* PTRACE_PEEKSIGINFO_SHARED */
#define PEEK_MAX	64

struct peek_args {
	uint64_t	off;
	uint32_t	flags;
	int32_t		nr;
};

int
queue_collect(struct dump *d, struct task *t, bool shared, struct queue *q)
{
	static uint8_t buf[PEEK_MAX * INFO_SIZE];
	struct peek_args args = { .flags = shared ? PEEK_SHARED : 0, .nr = PEEK_MAX };
	long n;

	while ((n = ptrace((enum __ptrace_request)0x4209 /* PTRACE_PEEKSIGINFO */, t->tid, &args, buf)) > 0) {
		uint8_t *all = dump_alloc(d, (q->count + (size_t)n) * INFO_SIZE);

		if (all == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
		if (q->count > 0)
			memcpy(all, q->infos, q->count * INFO_SIZE);
		memcpy(all + q->count * INFO_SIZE, buf, (size_t)n * INFO_SIZE);
		q->infos = all;
		q->count += (size_t)n;
		args.off += (uint64_t)n;
	}
	return n < 0 ? dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading pending signals") : 0;
}

static int32_t
s32(const uint8_t *p)
{
	return (int32_t)psnap_get32(p);
}

static uint32_t
origin(int signo, int code)
{
	switch (code) {
	case 0:
		return PSNAP_SIGNAL_ORIGIN_USER;
	case 0x80:
		return PSNAP_SIGNAL_ORIGIN_KERNEL;
	case -1:
		return PSNAP_SIGNAL_ORIGIN_QUEUE;
	case -2:
		return PSNAP_SIGNAL_ORIGIN_TIMER;
	case -3:
		return PSNAP_SIGNAL_ORIGIN_MESSAGE;
	case -4:
		return PSNAP_SIGNAL_ORIGIN_ASYNC_IO;
	case -5:
		return PSNAP_SIGNAL_ORIGIN_SIGIO;
	case -6:
		return PSNAP_SIGNAL_ORIGIN_THREAD;
	}
	if (code < 0)
		return PSNAP_SIGNAL_ORIGIN_QUEUE;
	switch (signo) {
	case PSNAP_SIGNAL_ILL:
	case PSNAP_SIGNAL_FPE:
	case PSNAP_SIGNAL_SEGV:
	case PSNAP_SIGNAL_BUS:
	case PSNAP_SIGNAL_TRAP:
		return PSNAP_SIGNAL_ORIGIN_FAULT;
	case PSNAP_SIGNAL_CHLD:
		return PSNAP_SIGNAL_ORIGIN_CHILD;
	case PSNAP_SIGNAL_SYS:
		return PSNAP_SIGNAL_ORIGIN_SYSCALL;
	default:
		return PSNAP_SIGNAL_ORIGIN_POLL;
	}
}

/* si_arch: linux/audit.h */
static uint32_t
audit_abi(uint32_t arch)
{
	return arch == 0xc000003e ? PSNAP_ABI_AMD64 : arch == 0x40000003 ? PSNAP_ABI_I386 : PSNAP_ABI_UNKNOWN;
}

/* siginfo of sigaction(2): the union begins at 16 on amd64, at 12 on i386. */
void
siginfo_emit(struct glue_emit *e, const uint8_t *info, bool is32)
{
	int signo = s32(info), code = s32(info + 8);
	const uint8_t *u = info + (is32 ? 12 : 16);
	uint32_t from = origin(signo, code);
	uint64_t ticks = 10000000;	/* ns of a clock tick, USER_HZ 100 */
	uint64_t word2 = is32 ? psnap_get32(u + 8) : psnap_get64(u + 8);

	glue_emit_uint(e, PSNAP_F_SIG_INFO_SIGNAL, (uint64_t)signo);
	glue_emit_uint(e, PSNAP_F_SIG_INFO_ORIGIN, from);
	if (code > 0 && code != 0x80)
		glue_emit_uint(e, PSNAP_F_SIG_INFO_DETAIL, (uint64_t)(code & 0xff));
	glue_emit_int(e, PSNAP_F_SIG_INFO_ERROR, s32(info + 4));
	switch (from) {
	case PSNAP_SIGNAL_ORIGIN_TIMER:
		glue_emit_uint(e, PSNAP_F_SIG_INFO_VALUE, word2);
		glue_emit_int(e, PSNAP_F_SIG_INFO_TIMER, s32(u));
		glue_emit_int(e, PSNAP_F_SIG_INFO_OVERRUN, s32(u + 4));
		break;
	case PSNAP_SIGNAL_ORIGIN_FAULT:
		glue_emit_uint(e, PSNAP_F_SIG_INFO_ADDRESS, is32 ? psnap_get32(u) : psnap_get64(u));
		break;
	case PSNAP_SIGNAL_ORIGIN_POLL:
	case PSNAP_SIGNAL_ORIGIN_SIGIO:
		glue_emit_int(e, PSNAP_F_SIG_INFO_BAND, is32 ? s32(u) : (int64_t)psnap_get64(u));
		glue_emit_int(e, PSNAP_F_SIG_INFO_FD, s32(u + (is32 ? 4 : 8)));
		break;
	case PSNAP_SIGNAL_ORIGIN_CHILD:
		glue_emit_int(e, PSNAP_F_SIG_INFO_PID, s32(u));
		glue_emit_uint(e, PSNAP_F_SIG_INFO_UID, psnap_get32(u + 4));
		glue_emit_int(e, PSNAP_F_SIG_INFO_STATUS, s32(u + 8));
		glue_emit_uint(e, PSNAP_F_SIG_INFO_USER_NS,
		    (is32 ? psnap_get32(u + 12) : psnap_get64(u + 16)) * ticks);
		glue_emit_uint(e, PSNAP_F_SIG_INFO_SYSTEM_NS,
		    (is32 ? psnap_get32(u + 16) : psnap_get64(u + 24)) * ticks);
		break;
	case PSNAP_SIGNAL_ORIGIN_SYSCALL:
		glue_emit_uint(e, PSNAP_F_SIG_INFO_ADDRESS, is32 ? psnap_get32(u) : psnap_get64(u));
		glue_emit_int(e, PSNAP_F_SIG_INFO_SYSCALL, s32(u + (is32 ? 4 : 8)));
		glue_emit_uint(e, PSNAP_F_SIG_INFO_ABI, audit_abi(psnap_get32(u + (is32 ? 8 : 12))));
		break;
	default:
		glue_emit_int(e, PSNAP_F_SIG_INFO_PID, s32(u));
		glue_emit_uint(e, PSNAP_F_SIG_INFO_UID, psnap_get32(u + 4));
		glue_emit_uint(e, PSNAP_F_SIG_INFO_VALUE, word2);
		break;
	}
}

void
queue_emit(struct glue_emit *e, uint32_t field, const struct queue *q)
{
	for (size_t i = 0; i < q->count; i++) {
		glue_emit_open(e, field);
		/* in the dumper's own layout, whatever the task's */
		siginfo_emit(e, q->infos + i * INFO_SIZE, sizeof(void *) == 4);
		glue_emit_close(e);
	}
}

/* ---- dispositions ---- */

#define SIGCHLD_BIT	(UINT64_C(1) << (PSNAP_SIGNAL_CHLD - 1))

static int
got_action(struct dump *d, struct task *t, void *object, int64_t ret, const uint8_t *raw)
{
	struct action *a = object;

	(void)d, (void)ret;
	if (raw == NULL)
		return 0;
	if (t->proc->is32) {
		a->handler = psnap_get32(raw);
		a->flags = psnap_get32(raw + 4);
		a->restorer = psnap_get32(raw + 8);
		a->mask = psnap_get64(raw + 12);
	} else {
		a->handler = psnap_get64(raw);
		a->flags = psnap_get64(raw + 8);
		a->restorer = psnap_get64(raw + 16);
		a->mask = psnap_get64(raw + 24);
	}
	return 0;
}

/* Asked of the process itself, and only for signals /proc says are not default. */
int
handlers_ask(struct dump *d, struct proc *p, struct task *t)
{
	/* SA_NOCLDWAIT counts for a SIGCHLD left at its default, too */
	uint64_t wanted = p->state->caught | p->state->ignored | SIGCHLD_BIT;
	size_t size = p->is32 ? 20 : 32;
	struct handlers *h = p->handlers;
	int r;

	if (h->asked)
		return 0;
	h->asked = true;
	for (unsigned n = 1; n <= 64; n++) {
		uint64_t out;

		if (!(wanted >> (n - 1) & 1))
			continue;
		out = remote_out(p, size);
		if ((r = remote_ask(d, t, REMOTE_RT_SIGACTION, REMOTE_ARGS(n, 0, out, 8), out, size,
		    got_action, &h->actions[n])) != 0)
			return r;
	}
	return 0;
}

/* The kernel's own flags, which sigaction(2) does not show: SA_X32_ABI, SA_IA32_ABI, SA_IMMUTABLE. */
#define HIDDEN_FLAGS	UINT64_C(0x03800000)

void
handlers_take(struct proc *p, const struct rec_handlers *k)
{
	uint64_t wanted = p->state->caught | p->state->ignored | SIGCHLD_BIT;
	struct handlers *h = p->handlers;

	if (h->asked)
		return;
	h->asked = true;
	for (unsigned n = 1; n <= 64; n++) {
		const struct rec_action *a = &k->action[n - 1];

		if (wanted >> (n - 1) & 1)
			h->actions[n] = (struct action){ a->handler, a->flags & ~HIDDEN_FLAGS, a->restorer, a->mask };
	}
}

void
handlers_fields(struct glue_emit *e, const void *object)
{
	static const struct { uint64_t flag; uint32_t field; } flags[] = {	/* sigaction(2) */
		{ 0x1, PSNAP_F_SIGNAL_ACTION_NO_CHILD_STOP },
		{ 0x2, PSNAP_F_SIGNAL_ACTION_NO_CHILD_WAIT },
		{ 0x4, PSNAP_F_SIGNAL_ACTION_WITH_INFO },
		{ 0x08000000, PSNAP_F_SIGNAL_ACTION_ON_STACK },
		{ 0x10000000, PSNAP_F_SIGNAL_ACTION_RESTART },
		{ 0x40000000, PSNAP_F_SIGNAL_ACTION_NO_DEFER },
		{ 0x80000000, PSNAP_F_SIGNAL_ACTION_RESET_HAND },
		{ 0x04000000, PSNAP_F_SIGNAL_ACTION_HAS_RESTORER },
		{ 0x800, PSNAP_F_SIGNAL_ACTION_EXPOSE_TAGBITS },
	};
	const struct handlers *h = object;

	for (unsigned n = 1; n <= 64; n++) {
		const struct action *a = &h->actions[n];
		uint64_t other;

		if (a->handler == 0 && a->flags == 0)
			continue;
		other = a->flags & UINT32_MAX;
		glue_emit_open(e, PSNAP_F_SIGNAL_HANDLERS_ACTIONS);
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_SIGNAL, n);
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_IGNORE, a->handler == 1);
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_HANDLER, a->handler == 1 ? 0 : a->handler);
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_MASK, a->mask);
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_RESTORER, a->restorer);
		for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
			glue_emit_uint(e, flags[i].field, (other & flags[i].flag) != 0);
			other &= ~flags[i].flag;
		}
		glue_emit_uint(e, PSNAP_F_SIGNAL_ACTION_OTHER_FLAGS, other);
		glue_emit_close(e);
	}
}
