/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "libsnap/core/siginfo.h"

/* si_code of sigaction(2). */
static int32_t
code(const Psnap__SigInfo *i)
{
	switch (i->origin) {
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
		return (int32_t)i->detail;
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

/* A machine word of the task. */
static void
put_word(uint8_t *p, bool wide, uint64_t v)
{
	if (wide)
		psnap_put64(p, v);
	else
		psnap_put32(p, (uint32_t)v);
}

void
siginfo_encode(const Psnap__SigInfo *i, bool wide, uint32_t ticks, uint8_t info[SIGINFO_LEN])
{
	uint64_t tick = UINT64_C(1000000000) / ticks;
	uint8_t *u = info + (wide ? 16 : 12);	/* the union; the origin tells the member */
	size_t word = wide ? 8 : 4;

	memset(info, 0, SIGINFO_LEN);
	psnap_put32(info, (uint32_t)i->signal);
	psnap_put32(info + 4, (uint32_t)i->error);
	psnap_put32(info + 8, (uint32_t)code(i));
	switch (i->origin) {
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_TIMER:
		psnap_put32(u, (uint32_t)i->timer);
		psnap_put32(u + 4, (uint32_t)i->overrun);
		put_word(u + 8, wide, i->value);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_FAULT:
		put_word(u, wide, i->address);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_POLL:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SIGIO:
		put_word(u, wide, (uint64_t)i->band);
		psnap_put32(u + word, (uint32_t)i->fd);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_CHILD:
		psnap_put32(u, (uint32_t)i->pid);
		psnap_put32(u + 4, i->uid);
		psnap_put32(u + 8, (uint32_t)i->status);
		put_word(u + (wide ? 16 : 12), wide, i->user_ns / tick);
		put_word(u + (wide ? 24 : 16), wide, i->system_ns / tick);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SYSCALL:
		put_word(u, wide, i->address);
		psnap_put32(u + word, (uint32_t)i->syscall);
		psnap_put32(u + word + 4, audit_arch(i->abi));
		break;
	default:
		psnap_put32(u, (uint32_t)i->pid);
		psnap_put32(u + 4, i->uid);
		put_word(u + 8, wide, i->value);
		break;
	}
}
