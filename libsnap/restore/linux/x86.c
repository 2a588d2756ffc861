/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * x86 machine state from its names: registers, FPU by component, TLS.
 */
#include <cpuid.h>
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>

#include "libsnap/fit/fit.h"
#include "libsnap/restore/linux/linux.h"
#include "libsnap/restore/linux/x86.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE	0x202
#endif
#ifndef NT_386_TLS
#define NT_386_TLS	0x200
#endif
#define NT_FXSR		0x46e62b7f	/* NT_PRXFPREG, 32-bit view */
#define XSAVE_MAX	16384
#define LEGACY		512		/* FXSAVE */

/* ---- general registers ---- */

/* Entries of the GDT for TLS: 12 on an amd64 kernel, 6 on an i386 one (restore-engine section 7). */
static uint32_t
first_tls(const struct restore *r)
{
	return r->native32 ? 6 : 12;
}

static uint64_t
selector(const struct restore *r, const Psnap__Segment *s)
{
	switch (s->kind) {
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE32:
		return r->native32 ? 0x73 : 0x23;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE64:
		return 0x33;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_DATA:
		return r->native32 ? 0x7b : 0x2b;
	case PSNAP__SEGMENT_KIND__SEGMENT_TLS:
		return (first_tls(r) + s->slot) << 3 | 3;
	default:
		return 0;
	}
}

/* With FSGSBASE a selector's base is not taken from its descriptor by itself. */
static uint64_t
segment_base(const Psnap__Thread *t, const Psnap__Segment *s, uint64_t own)
{
	if (s->kind != PSNAP__SEGMENT_KIND__SEGMENT_TLS)
		return own;
	for (size_t i = 0; i < t->n_tls; i++)
		if (t->tls[i]->slot == s->slot)
			return t->tls[i]->base_address;
	return own;
}

void
x86_registers(const struct restore *r, const Psnap__Thread *t, struct regs *out)
{
	const Psnap__X86Registers *x = t->registers;
	bool is32 = t->abi == PSNAP__ABI__ABI_I386;

	*out = (struct regs){
		.r15 = x->r15, .r14 = x->r14, .r13 = x->r13, .r12 = x->r12, .bp = x->rbp, .bx = x->rbx,
		.r11 = x->r11, .r10 = x->r10, .r9 = x->r9, .r8 = x->r8, .ax = x->rax, .cx = x->rcx,
		.dx = x->rdx, .si = x->rsi, .di = x->rdi, .orig_ax = x->orig_rax, .ip = x->rip,
		.flags = x->rflags, .sp = x->rsp,
		.cs = selector(r, x->cs), .ss = selector(r, x->ss), .ds = selector(r, x->ds),
		.es = selector(r, x->es), .fs = selector(r, x->fs), .gs = selector(r, x->gs),
		.fs_base = segment_base(t, x->fs, x->fs_base), .gs_base = segment_base(t, x->gs, x->gs_base),
	};
	if (is32) {	/* results and call numbers are signed */
		out->ax = (uint64_t)(int64_t)(int32_t)x->rax;
		out->orig_ax = (uint64_t)(int64_t)(int32_t)x->orig_rax;
	}
}

/* ---- FPU ---- */

/* XSTATE components by number in XCR0, with what we call them. */
static const struct { unsigned bit; Psnap__FpuComponentKind kind; uint32_t size; } components[] = {
	{ 2, PSNAP__FPU_COMPONENT_KIND__FPU_AVX, 256 },
	{ 5, PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK, 64 },
	{ 6, PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH, 512 },
	{ 7, PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER, 1024 },
	{ 9, PSNAP__FPU_COMPONENT_KIND__FPU_PKRU, 4 },
	{ 17, PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG, 64 },
	{ 18, PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA, 8192 },
};

/* The bytes of a component as the hardware has them; NULL absent. */
static const uint8_t *
bytes_of(const Psnap__Fpu *f, Psnap__FpuComponentKind kind, uint8_t buf[64])
{
	switch (kind) {
	case PSNAP__FPU_COMPONENT_KIND__FPU_AVX:
		return f->avx.len > 0 ? f->avx.data : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK:
		for (size_t i = 0; i < f->n_opmask && i < 8; i++)
			psnap_put64(buf + 8 * i, f->opmask[i]);
		return f->n_opmask == 8 ? buf : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH:
		return f->zmm_high.len > 0 ? f->zmm_high.data : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER:
		return f->zmm_upper.len > 0 ? f->zmm_upper.data : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_PKRU:
		psnap_put32(buf, f->pkru);
		return f->has_pkru ? buf : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG:
		return f->amx_config.len > 0 ? f->amx_config.data : NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA:
		return f->amx_data.len > 0 ? f->amx_data.data : NULL;
	default:
		return NULL;
	}
}

static void
put16(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static void
fill_legacy(const Psnap__Fpu *f, uint8_t *x, uint32_t mxcsr_mask)
{
	memset(x, 0, LEGACY);
	put16(x, 0x37f);		/* as after finit */
	psnap_put32(x + 24, 0x1f80);
	if (f->x87 != NULL) {
		put16(x, f->x87->control);
		put16(x + 2, f->x87->status);
		x[4] = (uint8_t)f->x87->tag;
		put16(x + 6, f->x87->opcode);
		psnap_put64(x + 8, f->x87->instruction);
		psnap_put64(x + 16, f->x87->operand);
		for (size_t i = 0; i < 8 && f->x87->registers.len == 80; i++)
			memcpy(x + 32 + i * 16, f->x87->registers.data + i * 10, 10);
	}
	if (f->sse != NULL) {
		psnap_put32(x + 24, f->sse->mxcsr & mxcsr_mask);
		memcpy(x + 160, f->sse->registers.data, f->sse->registers.len <= 256 ? f->sse->registers.len : 256);
	}
	psnap_put32(x + 28, mxcsr_mask);
}

/* This CPU's place for a component. */
static uint8_t *
place(uint8_t *x, size_t len, unsigned bit, uint32_t size)
{
	uint32_t a, b, c, d;

	if (!__get_cpuid_count(0xd, bit, &a, &b, &c, &d) || a < size || b > len || a > len - b)
		return NULL;
	return x + b;
}

int
x86_fpu(struct restore *r, struct task *k)
{
	static const Psnap__Fpu none = PSNAP__FPU__INIT;
	const Psnap__Fpu *f = k->t->fpu != NULL ? k->t->fpu : &none;
	uint8_t x[XSAVE_MAX] __attribute__((aligned(64)));
	struct iovec io = { x, sizeof x };
	pid_t tid = k->remote->tid;
	uint64_t in_use = 0;
	uint32_t mask;

	if (ptrace(PTRACE_GETREGSET, tid, (void *)NT_X86_XSTATE, &io) != 0) {
		/* a CPU without XSAVE */
		io.iov_len = LEGACY;
		fill_legacy(f, x, 0xffff);
		if (ptrace(PTRACE_SETREGSET, tid, (void *)(uintptr_t)(k->target->is32 ? NT_FXSR : NT_PRFPREG),
		    &io) != 0)
			return restore_fail(r, k->target, k->id, errno, "setting the FPU of thread %d", (int)tid);
		return 0;
	}
	mask = psnap_get32(x + 28) != 0 ? psnap_get32(x + 28) : 0xffbf;	/* Intel's default */
	fill_legacy(f, x, mask);
	memset(x + LEGACY, 0, io.iov_len - LEGACY);
	in_use |= f->x87 != NULL ? 1 : 0;
	in_use |= f->sse != NULL ? 2 : 0;
	for (size_t i = 0; i < sizeof components / sizeof *components; i++) {
		uint8_t buf[64], *to;
		const uint8_t *from = bytes_of(f, components[i].kind, buf);

		if (from == NULL)
			continue;
		if ((to = place(x, io.iov_len, components[i].bit, components[i].size)) == NULL &&
		    !fit_component_used(f, components[i].kind))
			continue;
		if (to == NULL)
			return restore_fail(r, k->target, k->id, ENODEV, "this CPU lacks an FPU component in use");
		memcpy(to, from, components[i].size);
		in_use |= UINT64_C(1) << components[i].bit;
	}
	psnap_put64(x + LEGACY, in_use);
	if (ptrace(PTRACE_SETREGSET, tid, (void *)NT_X86_XSTATE, &io) != 0)
		return restore_fail(r, k->target, k->id, errno, "setting the FPU of thread %d", (int)tid);
	return 0;
}

/* ---- TLS ---- */

/* The regset exists while the task runs i386 code. */
int
x86_tls(struct restore *r, struct task *k)
{
	struct { uint32_t entry, base, limit, flags; } tls[3];
	struct iovec io = { tls, sizeof tls };

	if (!k->target->is32)
		return 0;
	for (uint32_t i = 0; i < 3; i++) {
		tls[i].entry = first_tls(r) + i;
		tls[i].base = tls[i].limit = 0;
		tls[i].flags = 0x28;	/* empty: read_exec_only, seg_not_present */
	}
	for (size_t i = 0; i < k->t->n_tls; i++) {
		const Psnap__TlsDescriptor *d = k->t->tls[i];

		tls[d->slot].base = d->base_address;
		tls[d->slot].limit = d->limit;
		tls[d->slot].flags = (d->is_32bit ? 1 : 0) | (d->expand_down || d->conforming ? 2 : 0) |
		    (d->code ? 4 : 0) | (d->read_only ? 8 : 0) | (d->limit_in_pages ? 0x10 : 0) |
		    (d->not_present ? 0x20 : 0) | (d->useable ? 0x40 : 0);
	}
	if (ptrace(PTRACE_SETREGSET, k->remote->tid, (void *)NT_386_TLS, &io) != 0)
		return restore_fail(r, k->target, k->id, errno, "setting TLS of thread %d", (int)k->remote->tid);
	return 0;
}
