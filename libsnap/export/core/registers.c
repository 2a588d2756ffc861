/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "libsnap/export/core/core.h"

/* ---- general registers ---- */

/* The first of three GDT entries for thread-local storage. */
static uint32_t
tls_entry(const struct core *c)
{
	return c->native32 ? 6 : 12;
}

/* The selector that means this on the kernel the process ran under. */
static uint32_t
selector(const struct core *c, const Psnap__Segment *s)
{
	if (s == NULL)
		return 0;
	switch (s->kind) {
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE32:
		return c->native32 ? 0x73 : 0x23;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE64:
		return 0x33;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_DATA:
		return c->native32 ? 0x7b : 0x2b;
	case PSNAP__SEGMENT_KIND__SEGMENT_TLS:
		return (tls_entry(c) + s->slot) << 3 | 3;
	case PSNAP__SEGMENT_KIND__SEGMENT_LDT:
		return s->slot << 3 | 7;
	case PSNAP__SEGMENT_KIND__SEGMENT_OTHER:
		return s->slot;
	default:
		return 0;
	}
}

/* In the order of elf_gregset_t. */
size_t
core_regset(const struct core *c, const Psnap__X86Registers *r, uint8_t out[REGSET_MAX])
{
	const uint64_t amd64[27] = {
		r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10, r->r9, r->r8, r->rax,
		r->rcx, r->rdx, r->rsi, r->rdi, r->orig_rax, r->rip, selector(c, r->cs), r->rflags, r->rsp,
		selector(c, r->ss), r->fs_base, r->gs_base, selector(c, r->ds), selector(c, r->es),
		selector(c, r->fs), selector(c, r->gs),
	};
	const uint64_t i386[17] = {
		r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rax, selector(c, r->ds),
		selector(c, r->es), selector(c, r->fs), selector(c, r->gs), r->orig_rax, r->rip,
		selector(c, r->cs), r->rflags, r->rsp, selector(c, r->ss),
	};

	if (c->wide) {
		for (size_t i = 0; i < 27; i++)
			psnap_put64(out + 8 * i, amd64[i]);
		return sizeof amd64;
	}
	for (size_t i = 0; i < 17; i++)
		psnap_put32(out + 4 * i, (uint32_t)i386[i]);
	return 17 * 4;
}

/* ---- FPU ---- */

static void
copy(uint8_t *out, const ProtobufCBinaryData *b, size_t max)
{
	if (b->len > 0)
		memcpy(out, b->data, b->len < max ? b->len : max);
}

void
core_fxsave(const Psnap__Fpu *f, uint8_t out[FXSAVE_LEN])
{
	memset(out, 0, FXSAVE_LEN);
	psnap_put16(out, 0x37f);		/* the control word's initial value */
	psnap_put32(out + 24, 0x1f80);		/* MXCSR's */
	if (f == NULL)
		return;
	if (f->x87 != NULL) {
		const Psnap__FpuX87 *x = f->x87;

		psnap_put16(out, (uint16_t)x->control);
		psnap_put16(out + 2, (uint16_t)x->status);
		out[4] = (uint8_t)x->tag;
		psnap_put16(out + 6, (uint16_t)x->opcode);
		psnap_put64(out + 8, x->instruction);
		psnap_put64(out + 16, x->operand);
		for (size_t i = 0; i < 8 && 10 * (i + 1) <= x->registers.len; i++)
			memcpy(out + 32 + 16 * i, x->registers.data + 10 * i, 10);
	}
	if (f->sse != NULL) {
		psnap_put32(out + 24, f->sse->mxcsr);
		copy(out + 160, &f->sse->registers, 256);
	}
	psnap_put32(out + 28, f->mxcsr_mask);
}

/* The two bits FSAVE has for a register in use: 0 valid, 1 zero, 2 special. */
static unsigned
full_tag(const uint8_t *st)
{
	unsigned exponent = psnap_get16(st + 8) & 0x7fff;
	bool integer = st[7] & 0x80;

	if (exponent == 0x7fff)
		return 2;
	if (exponent == 0)
		return psnap_get64(st) == 0 ? 1 : 2;
	return integer ? 0 : 2;
}

void
core_fsave(const Psnap__Fpu *f, uint8_t out[FSAVE_LEN])
{
	uint8_t fx[FXSAVE_LEN];
	unsigned top, tags = 0;

	core_fxsave(f, fx);
	top = psnap_get16(fx + 2) >> 11 & 7;
	for (unsigned i = 0; i < 8; i++)	/* tags are by register, the values by place in the stack */
		tags |= (fx[4] >> i & 1 ? full_tag(fx + 32 + 16 * ((i - top) & 7)) : 3) << 2 * i;
	memset(out, 0, FSAVE_LEN);
	psnap_put32(out, 0xffff0000 | psnap_get16(fx));
	psnap_put32(out + 4, 0xffff0000 | psnap_get16(fx + 2));
	psnap_put32(out + 8, 0xffff0000 | tags);
	psnap_put32(out + 12, psnap_get32(fx + 8));
	psnap_put32(out + 16, (uint32_t)psnap_get16(fx + 6) << 16);
	psnap_put32(out + 20, psnap_get32(fx + 16));
	for (size_t i = 0; i < 8; i++)
		memcpy(out + 28 + 10 * i, fx + 32 + 16 * i, 10);
}

/* Components in use. */
static uint32_t
in_use(const Psnap__Fpu *f)
{
	if (f == NULL)
		return 0;
	return (f->x87 != NULL ? XCR0_X87 : 0) | (f->sse != NULL ? XCR0_SSE : 0) |
	    (f->avx.len != 0 ? XCR0_AVX : 0) | (f->n_opmask != 0 ? 1u << 5 : 0) |
	    (f->zmm_high.len != 0 ? 1u << 6 : 0) | (f->zmm_upper.len != 0 ? 1u << 7 : 0) |
	    (f->has_pkru ? XCR0_PKRU : 0);
}

static uint32_t
enabled(const Psnap__Host *h)
{
	uint32_t mask = 0;

	for (size_t i = 0; h != NULL && i < h->n_fpu_components; i++)
		switch (h->fpu_components[i]) {
		case PSNAP__FPU_COMPONENT_KIND__FPU_AVX:
			mask |= XCR0_AVX;
			break;
		case PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK:
		case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH:
		case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER:
			mask |= XCR0_AVX512;
			break;
		case PSNAP__FPU_COMPONENT_KIND__FPU_PKRU:
			mask |= XCR0_PKRU;
			break;
		default:
			break;
		}
	return mask;
}

/*
 * What the CPU had, so that a register in its initial state is shown as such
 * and not as unknown; one mask for all threads, for debuggers take the first.
 */
uint32_t
core_xcr0(const struct core *c, const Psnap__Host *host)
{
	const Psnap__Process *p = c->process;
	uint32_t mask = XCR0_X87 | XCR0_SSE | enabled(host);

	for (size_t i = 0; i < p->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(c->s, p->thread_ids[i], PSNAP_KIND_THREAD);

		if (t != NULL)
			mask |= in_use(t->fpu);
	}
	if (mask & XCR0_AVX512)
		mask |= XCR0_AVX512 | XCR0_AVX;
	return mask;
}

/*
 * Standard layout at Intel's offsets.  Debuggers tell a layout by mask and
 * length: these are the lengths they know.
 */
size_t
core_xsave(const struct core *c, const Psnap__Fpu *f, uint8_t out[XSAVE_MAX])
{
	size_t len = c->xcr0 & XCR0_PKRU ? 2696 : c->xcr0 & XCR0_AVX512 ? 2688 :
	    c->xcr0 & XCR0_AVX ? 832 : 576;

	memset(out, 0, XSAVE_MAX);
	core_fxsave(f, out);
	psnap_put64(out + 464, c->xcr0);
	psnap_put64(out + 512, in_use(f));
	if (f == NULL)
		return len;
	if (c->xcr0 & XCR0_AVX)
		copy(out + 576, &f->avx, 256);
	if (c->xcr0 & XCR0_AVX512) {
		for (size_t i = 0; i < 8 && i < f->n_opmask; i++)
			psnap_put64(out + 1088 + 8 * i, f->opmask[i]);
		copy(out + 1152, &f->zmm_high, 512);
		copy(out + 1664, &f->zmm_upper, 1024);
	}
	if (c->xcr0 & XCR0_PKRU)
		psnap_put32(out + 2688, f->pkru);
	return len;
}

/* ---- i386 thread-local storage ---- */

void
core_tls(const struct core *c, uint32_t slot, const Psnap__TlsDescriptor *t, struct buf *b)
{
	uint32_t contents, flags = 0x28;	/* an empty slot: read-only and not present */

	if (t != NULL) {
		contents = t->code ? 2 | (uint32_t)(t->conforming != 0) : (uint32_t)(t->expand_down != 0);
		flags = (uint32_t)(t->is_32bit != 0) | contents << 1 | (uint32_t)(t->read_only != 0) << 3 |
		    (uint32_t)(t->limit_in_pages != 0) << 4 | (uint32_t)(t->not_present != 0) << 5 |
		    (uint32_t)(t->useable != 0) << 6;
	}
	buf_u32(b, tls_entry(c) + slot);
	buf_u32(b, t != NULL ? t->base_address : 0);
	buf_u32(b, t != NULL ? t->limit : 0);
	buf_u32(b, flags);
}
