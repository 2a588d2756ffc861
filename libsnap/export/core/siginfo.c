/* SPDX-License-Identifier: BSD-2-Clause */
#include "libsnap/export/core/core.h"

#define SIGINFO_LEN	128

/* si_code of Linux (sigaction(2)). */
static int32_t
code_of(const Psnap__SigInfo *si)
{
	switch (si->origin) {
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_KERNEL:
		return 0x80;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_QUEUE:
		return -1;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_TIMER:
		return -2;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_MESSAGE:
		return -3;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_ASYNC_IO:
		return -4;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SIGIO:
		return -5;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_THREAD:
		return -6;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_FAULT:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_CHILD:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_POLL:
		return (int32_t)si->detail;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SYSCALL:
		return 1;
	default:
		return 0;
	}
}

/* AUDIT_ARCH_* of seccomp(2). */
static uint32_t
audit_arch(Psnap__Abi abi)
{
	return abi == PSNAP__ABI__ABI_I386 ? 0x40000003 : abi == PSNAP__ABI__ABI_AMD64 ? 0xc000003e : 0;
}

/* What follows the three ints: a union, of which the origin tells the member. */
static void
fields(const struct core *c, const Psnap__SigInfo *si, struct buf *b)
{
	uint64_t tick = UINT64_C(1000000000) / c->ticks;

	switch (si->origin) {
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_FAULT:
		buf_word(b, c->wide, si->address);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_POLL:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SIGIO:
		buf_word(b, c->wide, (uint64_t)si->band);
		buf_u32(b, (uint32_t)si->fd);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SYSCALL:
		buf_word(b, c->wide, si->address);
		buf_u32(b, (uint32_t)si->syscall);
		buf_u32(b, audit_arch(si->abi));
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_TIMER:
		buf_u32(b, (uint32_t)si->timer);
		buf_u32(b, (uint32_t)si->overrun);
		buf_word(b, c->wide, si->value);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_CHILD:
		buf_u32(b, (uint32_t)si->pid);
		buf_u32(b, si->uid);
		buf_u32(b, (uint32_t)si->status);
		if (c->wide)
			buf_u32(b, 0);
		buf_word(b, c->wide, si->user_ns / tick);
		buf_word(b, c->wide, si->system_ns / tick);
		break;
	default:
		buf_u32(b, (uint32_t)si->pid);
		buf_u32(b, si->uid);
		buf_word(b, c->wide, si->value);
		break;
	}
}

void
core_siginfo(const struct core *c, const Psnap__SigInfo *si, struct buf *b)
{
	size_t start = b->len;

	/* signals up to 64 have Linux's numbers */
	if (si != NULL && (uint32_t)si->signal <= 64) {
		buf_u32(b, (uint32_t)si->signal);
		buf_u32(b, (uint32_t)si->error);
		buf_u32(b, (uint32_t)code_of(si));
		if (c->wide)
			buf_u32(b, 0);
		fields(c, si, b);
	}
	if (!b->failed)
		buf_put(b, NULL, SIGINFO_LEN - (b->len - start));
}
