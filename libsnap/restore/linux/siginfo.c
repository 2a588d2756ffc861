/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The kernel's siginfo from a SigInfo: sigaction(2); the union begins at 16
 * on amd64, at 12 on i386.
 */
#include <string.h>

#include "libsnap/restore/linux/linux.h"

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
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_USER:
		return 0;
	default:
		return (int32_t)i->detail;
	}
}

/* A machine word of the task. */
static void
put_word(uint8_t *p, bool is32, uint64_t v)
{
	if (is32)
		psnap_put32(p, (uint32_t)v);
	else
		psnap_put64(p, v);
}

#define TICK_NS	UINT64_C(10000000)	/* USER_HZ is 100 */

void
siginfo_make(const Psnap__SigInfo *i, bool is32, uint8_t info[128])
{
	uint8_t *u = info + (is32 ? 12 : 16);
	size_t word = is32 ? 4 : 8;

	memset(info, 0, 128);
	psnap_put32(info, (uint32_t)i->signal);
	psnap_put32(info + 4, (uint32_t)i->error);
	psnap_put32(info + 8, (uint32_t)code(i));
	switch (i->origin) {
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_TIMER:
		psnap_put32(u, (uint32_t)i->timer);
		psnap_put32(u + 4, (uint32_t)i->overrun);
		put_word(u + 8, is32, i->value);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_FAULT:
		put_word(u, is32, i->address);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_POLL:
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SIGIO:
		put_word(u, is32, (uint64_t)i->band);
		psnap_put32(u + word, (uint32_t)i->fd);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_CHILD:
		psnap_put32(u, (uint32_t)i->pid);
		psnap_put32(u + 4, i->uid);
		psnap_put32(u + 8, (uint32_t)i->status);
		put_word(u + (is32 ? 12 : 16), is32, i->user_ns / TICK_NS);
		put_word(u + (is32 ? 16 : 24), is32, i->system_ns / TICK_NS);
		break;
	case PSNAP__SIGNAL_ORIGIN__SIGNAL_ORIGIN_SYSCALL:
		put_word(u, is32, i->address);
		psnap_put32(u + word, (uint32_t)i->syscall);
		psnap_put32(u + word + 4, i->abi == PSNAP__ABI__ABI_AMD64 ? 0xc000003e : 0x40000003);
		break;
	default:
		psnap_put32(u, (uint32_t)i->pid);
		psnap_put32(u + 4, i->uid);
		put_word(u + 8, is32, i->value);
		break;
	}
}
