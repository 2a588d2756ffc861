/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86 machine state by name: general registers, segments by meaning, FPU by
 * component, thread-local storage descriptors.
 */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include <cpuid.h>

#include "kernel-glue/linux/task.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE	0x202
#endif
#ifndef NT_386_TLS
#define NT_386_TLS	0x200
#endif
#define NT_FXSR		0x46e62b7f	/* NT_PRXFPREG, 32-bit view */

/* ---- general registers ---- */

/*
 * A selector's meaning (restore-engine section 7): an amd64 kernel has TLS in
 * GDT entries 12 to 14, an i386 kernel in 6 to 8.
 */
static void
segment_emit(struct glue_emit *e, uint32_t field, uint64_t selector, bool native32)
{
	uint32_t tls = native32 ? 6 : 12, kind, slot = 0;

	if (selector <= 3)
		kind = PSNAP_SEGMENT_NULL;
	else if (selector & 4) {
		kind = PSNAP_SEGMENT_LDT;
		slot = (uint32_t)selector >> 3;
	} else if (selector == (native32 ? 0x73 : 0x23))
		kind = PSNAP_SEGMENT_USER_CODE32;
	else if (!native32 && selector == 0x33)
		kind = PSNAP_SEGMENT_USER_CODE64;
	else if (selector == (native32 ? 0x7b : 0x2b))
		kind = PSNAP_SEGMENT_USER_DATA;
	else if (selector >> 3 >= tls && selector >> 3 < tls + 3) {
		kind = PSNAP_SEGMENT_TLS;
		slot = (uint32_t)(selector >> 3) - tls;
	} else {
		kind = PSNAP_SEGMENT_OTHER;
		slot = (uint32_t)selector;
	}
	glue_emit_open(e, field);
	glue_emit_uint(e, PSNAP_F_SEGMENT_KIND, kind);
	glue_emit_uint(e, PSNAP_F_SEGMENT_SLOT, slot);
	glue_emit_close(e);
}

void
registers_emit(struct glue_emit *e, const struct regs *r)
{
	bool is32 = regs_is32(r), native = r->cs == CS_NATIVE32;
	uint64_t mask = is32 ? UINT32_MAX : UINT64_MAX;

	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RAX, r->ax & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RBX, r->bx & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RCX, r->cx & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RDX, r->dx & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RSI, r->si & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RDI, r->di & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RBP, r->bp & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RSP, r->sp & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RIP, r->ip & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_RFLAGS, r->flags & mask);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_ORIG_RAX, r->orig_ax & mask);
	segment_emit(e, PSNAP_F_X86_REGISTERS_CS, r->cs, native);
	segment_emit(e, PSNAP_F_X86_REGISTERS_SS, r->ss, native);
	segment_emit(e, PSNAP_F_X86_REGISTERS_DS, r->ds, native);
	segment_emit(e, PSNAP_F_X86_REGISTERS_ES, r->es, native);
	segment_emit(e, PSNAP_F_X86_REGISTERS_FS, r->fs, native);
	segment_emit(e, PSNAP_F_X86_REGISTERS_GS, r->gs, native);
	if (is32)
		return;
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R8, r->r8);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R9, r->r9);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R10, r->r10);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R11, r->r11);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R12, r->r12);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R13, r->r13);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R14, r->r14);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_R15, r->r15);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_FS_BASE, r->fs_base);
	glue_emit_uint(e, PSNAP_F_X86_REGISTERS_GS_BASE, r->gs_base);
}

/* ---- FPU ---- */

int
fpu_collect(struct dump *d, struct task *t)
{
	static uint8_t buf[XSAVE_MAX];
	struct iovec io = { buf, sizeof buf };

	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_X86_XSTATE, &io) != 0) {
		/* a CPU without XSAVE */
		io.iov_len = 512;
		if (ptrace(PTRACE_GETREGSET, t->tid,
		    (void *)(uintptr_t)(t->proc->is32 ? NT_FXSR : NT_PRFPREG), &io) != 0)
			return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading the FPU of thread %d",
			    (int)t->tid);
	}
	t->state->xsave_len = io.iov_len;
	if ((t->state->xsave = dump_memdup(d, buf, io.iov_len)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
	return 0;
}

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

/* XSTATE components by number in the Intel manual's XCR0, with what we call them. */
static const struct {
	unsigned bit;
	uint32_t kind, field;
	uint32_t size;
} components[] = {
	{ 2, PSNAP_FPU_AVX, PSNAP_F_FPU_AVX, 256 },
	{ 5, PSNAP_FPU_OPMASK, PSNAP_F_FPU_OPMASK, 64 },
	{ 6, PSNAP_FPU_ZMM_HIGH, PSNAP_F_FPU_ZMM_HIGH, 512 },
	{ 7, PSNAP_FPU_ZMM_UPPER, PSNAP_F_FPU_ZMM_UPPER, 1024 },
	{ 9, PSNAP_FPU_PKRU, PSNAP_F_FPU_PKRU, 4 },
	{ 17, PSNAP_FPU_AMX_CONFIG, PSNAP_F_FPU_AMX_CONFIG, 64 },
	{ 18, PSNAP_FPU_AMX_DATA, PSNAP_F_FPU_AMX_DATA, 8192 },
};

/* Where this CPU keeps a component (CPUID leaf 0xd: vendors differ). */
static const uint8_t *
component(const uint8_t *xsave, size_t len, unsigned bit, uint32_t size)
{
	uint32_t a, b, c, x;

	if (!__get_cpuid_count(0xd, bit, &a, &b, &c, &x) || a < size || b > len || a > len - b)
		return NULL;
	return xsave + b;
}

static void
x87_emit(struct glue_emit *e, const uint8_t *fx, bool is32)
{
	uint8_t st[80];

	for (int i = 0; i < 8; i++)
		memcpy(st + i * 10, fx + 32 + i * 16, 10);
	glue_emit_open(e, PSNAP_F_FPU_X87);
	glue_emit_uint(e, PSNAP_F_FPU_X87_CONTROL, get16(fx));
	glue_emit_uint(e, PSNAP_F_FPU_X87_STATUS, get16(fx + 2));
	glue_emit_uint(e, PSNAP_F_FPU_X87_TAG, fx[4]);
	glue_emit_uint(e, PSNAP_F_FPU_X87_OPCODE, get16(fx + 6));
	glue_emit_uint(e, PSNAP_F_FPU_X87_INSTRUCTION, is32 ? psnap_get32(fx + 8) : psnap_get64(fx + 8));
	glue_emit_uint(e, PSNAP_F_FPU_X87_OPERAND, is32 ? psnap_get32(fx + 16) : psnap_get64(fx + 16));
	glue_emit_bytes(e, PSNAP_F_FPU_X87_REGISTERS, st, sizeof st);
	glue_emit_close(e);
}

void
fpu_emit(struct glue_emit *e, const uint8_t *x, size_t len, bool is32)
{
	uint64_t in_use = len > 520 ? psnap_get64(x + 512) : 3;
	uint64_t present[16];
	size_t npresent = 0;

	if (in_use & 1) {
		x87_emit(e, x, is32);
		present[npresent++] = PSNAP_FPU_X87;
	}
	if (in_use & 6) {	/* MXCSR belongs to SSE and AVX */
		glue_emit_open(e, PSNAP_F_FPU_SSE);
		glue_emit_uint(e, PSNAP_F_FPU_SSE_MXCSR, psnap_get32(x + 24));
		glue_emit_bytes(e, PSNAP_F_FPU_SSE_REGISTERS, x + 160, is32 ? 128 : 256);
		glue_emit_close(e);
		present[npresent++] = PSNAP_FPU_SSE;
	}
	for (size_t i = 0; i < sizeof components / sizeof components[0]; i++) {
		const uint8_t *p;
		uint64_t k[8];

		if (!(in_use >> components[i].bit & 1) ||
		    (p = component(x, len, components[i].bit, components[i].size)) == NULL)
			continue;
		switch (components[i].kind) {
		case PSNAP_FPU_OPMASK:
			for (int n = 0; n < 8; n++)
				k[n] = psnap_get64(p + 8 * n);
			glue_emit_packed64(e, PSNAP_F_FPU_OPMASK, k, 8);
			break;
		case PSNAP_FPU_PKRU:
			glue_emit_uint(e, PSNAP_F_FPU_PKRU, psnap_get32(p));
			glue_emit_uint(e, PSNAP_F_FPU_HAS_PKRU, 1);
			break;
		default:
			glue_emit_bytes(e, components[i].field, p, components[i].size);
			break;
		}
		present[npresent++] = components[i].kind;
	}
	glue_emit_packed64(e, PSNAP_F_FPU_PRESENT, present, npresent);
	glue_emit_uint(e, PSNAP_F_FPU_MXCSR_MASK, psnap_get32(x + 28));
}

/* ---- thread-local storage of i386 tasks ---- */

int
tls_collect(struct dump *d, struct task *t)
{
	struct iovec io = { t->state->tls, sizeof t->state->tls };

	if (!regs_is32(t->regs))
		return 0;
	if (ptrace(PTRACE_GETREGSET, t->tid, (void *)NT_386_TLS, &io) != 0)
		return dump_fail(d, GLUE_E_SYSTEM, errno, t->proc, "reading TLS of thread %d", (int)t->tid);
	t->state->ntls = io.iov_len / sizeof t->state->tls[0];
	return 0;
}

/* struct user_desc of set_thread_area(2): flags from bit 0 seg_32bit, contents:2, read_exec_only, ... */
void
tls_emit(struct glue_emit *e, const struct tls_entry *tls, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t f = tls[i].flags;

		/* an empty slot: read_exec_only and seg_not_present, nothing else */
		if (tls[i].base == 0 && tls[i].limit == 0 && (f & 0x28) == 0x28)
			continue;
		glue_emit_open(e, PSNAP_F_THREAD_TLS);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_SLOT, i);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_BASE_ADDRESS, tls[i].base);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_LIMIT, tls[i].limit);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_IS_32BIT, f & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_CODE, f >> 2 & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_EXPAND_DOWN, !(f & 4) && f & 2);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_READ_ONLY, f >> 3 & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_LIMIT_IN_PAGES, f >> 4 & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_NOT_PRESENT, f >> 5 & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_USEABLE, f >> 6 & 1);
		glue_emit_uint(e, PSNAP_F_TLS_DESCRIPTOR_CONFORMING, f & 4 && f & 2);
		glue_emit_close(e);
	}
}
