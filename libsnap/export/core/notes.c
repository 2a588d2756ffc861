/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notes of a Linux core (elf.h, and criu-and-core-formats section 9):
 * sizes and offsets are the kernel's for the process's own ABI.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/export/core/core.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE	0x202
#endif
#define NT_TLS		0x200	/* NT_386_TLS */
#define NT_FXSR		0x46e62b7f	/* NT_PRXFPREG */

/* ---- buffers ---- */

void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (b->failed)
		return;
	if (n > b->cap - b->len) {
		size_t cap = (b->cap + n) * 2;
		uint8_t *bigger = cap > b->cap ? realloc(b->p, cap) : NULL;

		if (bigger == NULL) {
			b->failed = true;
			return;
		}
		b->p = bigger;
		b->cap = cap;
	}
	if (p != NULL && n > 0)
		memcpy(b->p + b->len, p, n);
	else
		memset(b->p + b->len, 0, n);
	b->len += n;
}

void
buf_u16(struct buf *b, uint32_t v)
{
	uint8_t x[2];

	psnap_put16(x, (uint16_t)v);
	buf_put(b, x, sizeof x);
}

void
buf_u32(struct buf *b, uint32_t v)
{
	uint8_t x[4];

	psnap_put32(x, v);
	buf_put(b, x, sizeof x);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	uint8_t x[8];

	psnap_put64(x, v);
	buf_put(b, x, sizeof x);
}

void
buf_word(struct buf *b, bool wide, uint64_t v)
{
	if (wide)
		buf_u64(b, v);
	else
		buf_u32(b, (uint32_t)v);
}

static void
note(struct buf *out, const char *owner, uint32_t type, const struct buf *desc)
{
	size_t name = strlen(owner) + 1;

	buf_u32(out, (uint32_t)name);
	buf_u32(out, (uint32_t)desc->len);
	buf_u32(out, type);
	buf_put(out, owner, name);
	buf_put(out, NULL, -name & 3);
	buf_put(out, desc->p, desc->len);
	buf_put(out, NULL, -desc->len & 3);
	out->failed |= desc->failed;
}

/* ---- registers ---- */

static uint32_t
selector(const Psnap__Segment *seg, bool wide)
{
	(void)wide;
	if (seg == NULL)
		return 0;
	switch (seg->kind) {	/* an amd64 kernel's GDT */
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE32:
		return 0x23;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE64:
		return 0x33;
	case PSNAP__SEGMENT_KIND__SEGMENT_USER_DATA:
		return 0x2b;
	case PSNAP__SEGMENT_KIND__SEGMENT_TLS:
		return (12 + seg->slot) << 3 | 3;
	case PSNAP__SEGMENT_KIND__SEGMENT_LDT:
		return seg->slot << 3 | 7;
	case PSNAP__SEGMENT_KIND__SEGMENT_OTHER:
		return seg->slot;
	default:
		return 0;
	}
}

static void
registers(struct buf *b, const Psnap__X86Registers *r, bool wide)
{
	const uint64_t wide_order[] = { r->r15, r->r14, r->r13, r->r12, r->rbp, r->rbx, r->r11, r->r10,
	    r->r9, r->r8, r->rax, r->rcx, r->rdx, r->rsi, r->rdi, r->orig_rax, r->rip, selector(r->cs, true),
	    r->rflags, r->rsp, selector(r->ss, true), r->fs_base, r->gs_base, selector(r->ds, true),
	    selector(r->es, true), selector(r->fs, true), selector(r->gs, true) };
	const uint64_t narrow_order[] = { r->rbx, r->rcx, r->rdx, r->rsi, r->rdi, r->rbp, r->rax,
	    selector(r->ds, false), selector(r->es, false), selector(r->fs, false), selector(r->gs, false),
	    r->orig_rax, r->rip, selector(r->cs, false), r->rflags, r->rsp, selector(r->ss, false) };

	if (wide)
		for (size_t i = 0; i < sizeof wide_order / sizeof *wide_order; i++)
			buf_u64(b, wide_order[i]);
	else
		for (size_t i = 0; i < sizeof narrow_order / sizeof *narrow_order; i++)
			buf_u32(b, (uint32_t)narrow_order[i]);
}

static int32_t
group_of(struct core *c)
{
	const Psnap__ProcessGroup *g =
	    snap_get_message(c->s, c->process->process_group_id, PSNAP_KIND_PROCESS_GROUP);

	return g != NULL ? g->pgid : 0;
}

static int32_t
session_of(struct core *c)
{
	const Psnap__Session *s = snap_get_message(c->s, c->process->session_id, PSNAP_KIND_SESSION);

	return s != NULL ? s->sid : 0;
}

static int32_t
parent_of(struct core *c)
{
	const Psnap__Process *p = snap_get_message(c->s, c->process->parent_id, PSNAP_KIND_PROCESS);

	return p != NULL ? p->pid : c->process->ppid;
}

static uint64_t
pending_mask(const Psnap__Thread *t)
{
	uint64_t mask = 0;

	for (size_t i = 0; i < t->n_pending; i++)
		if (t->pending[i]->signal >= 1 && t->pending[i]->signal <= 64)
			mask |= UINT64_C(1) << (t->pending[i]->signal - 1);
	return mask;
}

static void
time_value(struct buf *b, bool wide, uint64_t ns)
{
	buf_word(b, wide, ns / 1000000000);
	buf_word(b, wide, ns % 1000000000 / 1000);
}

static void
prstatus(struct core *c, struct buf *out, const Psnap__Thread *t, bool first)
{
	const Psnap__Process *p = c->process;
	struct buf b = { 0 };

	buf_put(&b, NULL, 12);			/* signal number, code, errno: not a crash */
	buf_u16(&b, 0);
	buf_put(&b, NULL, 2);
	buf_word(&b, c->wide, pending_mask(t));
	buf_word(&b, c->wide, t->signal_mask);
	buf_u32(&b, (uint32_t)t->tid);
	buf_u32(&b, (uint32_t)parent_of(c));
	buf_u32(&b, (uint32_t)group_of(c));
	buf_u32(&b, (uint32_t)session_of(c));
	time_value(&b, c->wide, first ? p->user_ns : 0);
	time_value(&b, c->wide, first ? p->system_ns : 0);
	time_value(&b, c->wide, first ? p->children_user_ns : 0);
	time_value(&b, c->wide, first ? p->children_system_ns : 0);
	registers(&b, t->registers, c->wide);
	buf_u32(&b, t->fpu != NULL);		/* floating point state follows */
	if (c->wide)
		buf_put(&b, NULL, 4);
	note(out, "CORE", NT_PRSTATUS, &b);
	free(b.p);
}

/* ---- FPU ---- */

#define XSAVE_SIZE	2696

static void
copy(uint8_t *to, const ProtobufCBinaryData *from, size_t max)
{
	if (from->len > 0)
		memcpy(to, from->data, from->len < max ? from->len : max);
}

/* The legacy area, which is also FXSAVE's image. */
static void
fxsave(uint8_t x[512], const Psnap__Fpu *f, bool wide)
{
	memset(x, 0, 512);
	psnap_put16(x, 0x37f);			/* initial control word */
	psnap_put32(x + 24, 0x1f80);		/* initial MXCSR */
	if (f->x87 != NULL) {
		psnap_put16(x, (uint16_t)f->x87->control);
		psnap_put16(x + 2, (uint16_t)f->x87->status);
		x[4] = (uint8_t)f->x87->tag;
		psnap_put16(x + 6, (uint16_t)f->x87->opcode);
		if (wide) {
			psnap_put64(x + 8, f->x87->instruction);
			psnap_put64(x + 16, f->x87->operand);
		} else {
			psnap_put32(x + 8, (uint32_t)f->x87->instruction);
			psnap_put32(x + 16, (uint32_t)f->x87->operand);
		}
		for (size_t i = 0; i < 8 && (i + 1) * 10 <= f->x87->registers.len; i++)
			memcpy(x + 32 + i * 16, f->x87->registers.data + i * 10, 10);
	}
	if (f->sse != NULL) {
		psnap_put32(x + 24, f->sse->mxcsr);
		copy(x + 160, &f->sse->registers, 256);
	}
	psnap_put32(x + 28, f->mxcsr_mask);
}

/* Standard-format XSAVE image at Intel's offsets, which is what debuggers know. */
static void
xstate(struct buf *out, const Psnap__Fpu *f, bool wide)
{
	uint8_t x[XSAVE_SIZE] = { 0 };
	uint64_t in_use = 0, enabled = 3;
	struct buf b = { 0 };

	fxsave(x, f, wide);
	if (f->x87 != NULL)
		in_use |= 1;
	if (f->sse != NULL)
		in_use |= 2;
	if (f->avx.len > 0) {
		copy(x + 576, &f->avx, 256);
		in_use |= 4;
	}
	if (f->n_opmask > 0) {
		for (size_t i = 0; i < f->n_opmask && i < 8; i++)
			psnap_put64(x + 1088 + 8 * i, f->opmask[i]);
		in_use |= 0x20;
	}
	if (f->zmm_high.len > 0) {
		copy(x + 1152, &f->zmm_high, 512);
		in_use |= 0x40;
	}
	if (f->zmm_upper.len > 0) {
		copy(x + 1664, &f->zmm_upper, 1024);
		in_use |= 0x80;
	}
	if (f->has_pkru) {
		psnap_put32(x + 2688, f->pkru);
		in_use |= 0x200;
	}
	enabled |= in_use | 4;			/* debuggers show ymm for any AVX machine */
	if (in_use & 0xe0)
		enabled |= 0xe0;
	psnap_put64(x + 464, enabled);		/* XCR0 */
	psnap_put64(x + 512, in_use);
	buf_put(&b, x, enabled & 0x200 ? 2696 : enabled & 0xe0 ? 2688 : 832);
	note(out, "LINUX", NT_X86_XSTATE, &b);
	free(b.p);
}

/* i386: the 108-byte FSAVE image made of the same state. */
static void
fsave(struct buf *b, const Psnap__Fpu *f)
{
	uint32_t tag = 0;
	bool x87 = f->x87 != NULL;

	for (unsigned i = 0; i < 8; i++)	/* empty registers are 3, others valid */
		tag |= (x87 && f->x87->tag >> i & 1 ? 0u : 3u) << (2 * i);
	buf_u32(b, 0xffff0000 | (x87 ? f->x87->control : 0x37f));
	buf_u32(b, 0xffff0000 | (x87 ? f->x87->status : 0));
	buf_u32(b, 0xffff0000 | tag);
	buf_u32(b, x87 ? (uint32_t)f->x87->instruction : 0);
	buf_u32(b, x87 ? f->x87->opcode << 16 : 0);
	buf_u32(b, x87 ? (uint32_t)f->x87->operand : 0);
	buf_u32(b, 0);
	if (x87 && f->x87->registers.len == 80)
		buf_put(b, f->x87->registers.data, 80);
	else
		buf_put(b, NULL, 80);
}

static void
fpu(struct core *c, struct buf *out, const Psnap__Thread *t)
{
	struct buf b = { 0 };
	uint8_t x[512];

	if (t->fpu == NULL)
		return;
	fxsave(x, t->fpu, c->wide);
	if (c->wide) {
		buf_put(&b, x, sizeof x);
		note(out, "CORE", NT_FPREGSET, &b);
	} else {
		fsave(&b, t->fpu);
		note(out, "CORE", NT_FPREGSET, &b);
		b.len = 0;
		buf_put(&b, x, sizeof x);
		note(out, "LINUX", NT_FXSR, &b);
	}
	free(b.p);
	xstate(out, t->fpu, c->wide);
}

static void
tls(struct buf *out, const Psnap__Thread *t)
{
	struct buf b = { 0 };

	for (uint32_t slot = 0; slot < 3; slot++) {
		const Psnap__TlsDescriptor *d = NULL;

		for (size_t i = 0; i < t->n_tls; i++)
			if (t->tls[i]->slot == slot)
				d = t->tls[i];
		buf_u32(&b, 12 + slot);
		buf_u32(&b, d != NULL ? d->base_address : 0);
		buf_u32(&b, d != NULL ? d->limit : 0);
		buf_u32(&b, d == NULL ? 0x28 : (uint32_t)d->is_32bit |
		    (uint32_t)(d->code ? 2 | d->conforming : d->expand_down) << 1 |
		    (uint32_t)d->read_only << 3 | (uint32_t)d->limit_in_pages << 4 |
		    (uint32_t)d->not_present << 5 | (uint32_t)d->useable << 6);
	}
	note(out, "LINUX", NT_TLS, &b);
	free(b.p);
}

/* ---- the process ---- */

/* Command line with blanks, as ps shows it, at most 79 bytes. */
static void
arguments(struct core *c, char out[80])
{
	size_t done = 0;

	memset(out, 0, 80);
	if (c->space->arguments_end <= c->space->arguments_start)
		return;
	snap_read_memory(c->s, c->process->address_space_id, c->space->arguments_start, out,
	    c->space->arguments_end - c->space->arguments_start < 79 ?
	    (size_t)(c->space->arguments_end - c->space->arguments_start) : 79, &done, NULL);
	for (size_t i = 0; i < done; i++)
		if (out[i] == '\0')
			out[i] = ' ';
	while (done > 0 && out[done - 1] == ' ')
		out[--done] = '\0';
}

static void
prpsinfo(struct core *c, struct buf *out, const Psnap__Thread *t)
{
	const Psnap__Credentials *cr = snap_get_message(c->s, t->credentials_id, PSNAP_KIND_CREDENTIALS);
	uint32_t uid = cr != NULL ? cr->ruid : 0, gid = cr != NULL ? cr->rgid : 0;
	bool stopped = c->process->state == PSNAP__PROCESS_STATE__PROCESS_STOPPED;
	char comm[16] = "", args[80];
	uint8_t head[4] = { stopped ? 3 : 0, stopped ? 'T' : 'R', 0, 0 };
	struct buf b = { 0 };

	head[3] = (uint8_t)(t->scheduling != NULL ? t->scheduling->nice : 0);
	strncpy(comm, c->process->comm, sizeof comm - 1);
	arguments(c, args);
	buf_put(&b, head, sizeof head);
	if (c->wide)
		buf_put(&b, NULL, 4);
	buf_word(&b, c->wide, 0);
	if (c->wide) {
		buf_u32(&b, uid);
		buf_u32(&b, gid);
	} else {	/* 16 bits wide: what does not fit is the overflow id */
		buf_u16(&b, uid > UINT16_MAX ? 65534 : uid);
		buf_u16(&b, gid > UINT16_MAX ? 65534 : gid);
	}
	buf_u32(&b, (uint32_t)c->process->pid);
	buf_u32(&b, (uint32_t)parent_of(c));
	buf_u32(&b, (uint32_t)group_of(c));
	buf_u32(&b, (uint32_t)session_of(c));
	buf_put(&b, comm, sizeof comm);
	buf_put(&b, args, sizeof args);
	note(out, "CORE", NT_PRPSINFO, &b);
	free(b.p);
}

static void
siginfo(struct buf *out)
{
	struct buf b = { 0 };

	buf_put(&b, NULL, 128);		/* no signal: the process was only looked at */
	note(out, "CORE", NT_SIGINFO, &b);
	free(b.p);
}

static void
auxv(struct core *c, struct buf *out)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < c->space->n_auxiliary; i++) {
		buf_word(&b, c->wide, c->space->auxiliary[i]->type);
		buf_word(&b, c->wide, c->space->auxiliary[i]->value);
	}
	buf_word(&b, c->wide, AT_NULL);
	buf_word(&b, c->wide, 0);
	note(out, "CORE", NT_AUXV, &b);
	free(b.p);
}

static void
files(struct core *c, struct buf *out)
{
	struct buf b = { 0 }, names = { 0 };
	uint64_t count = 0;

	for (int pass = 0; pass < 2; pass++) {
		if (pass == 1) {
			buf_word(&b, c->wide, count);
			buf_word(&b, c->wide, c->page);
		}
		for (size_t i = 0; i < c->nmaps; i++) {
			const Psnap__Mapping *m = (const void *)c->maps[i]->message;
			const Psnap__File *f = m == NULL ? NULL :
			    snap_get_message(c->s, m->file_id, PSNAP_KIND_FILE);

			if (f == NULL)
				continue;
			if (pass == 0) {
				count++;
				continue;
			}
			buf_word(&b, c->wide, m->start);
			buf_word(&b, c->wide, m->end);
			buf_word(&b, c->wide, m->offset / c->page);
			buf_put(&names, f->path.data, f->path.len);
			buf_put(&names, NULL, 1);
		}
	}
	buf_put(&b, names.p, names.len);
	b.failed |= names.failed;
	note(out, "CORE", NT_FILE, &b);
	free(b.p);
	free(names.p);
}

int
core_notes(struct core *c, struct buf *out, struct snap_error *err)
{
	bool first = true;

	for (size_t i = 0; i < c->process->n_thread_ids; i++) {
		const Psnap__Thread *t =
		    snap_get_message(c->s, c->process->thread_ids[i], PSNAP_KIND_THREAD);

		if (t == NULL || t->registers == NULL)	/* an exited leader */
			continue;
		prstatus(c, out, t, first);
		if (first) {
			prpsinfo(c, out, t);
			siginfo(out);
			auxv(c, out);
			files(c, out);
		}
		fpu(c, out, t);
		if (!c->wide)
			tls(out, t);
		first = false;
	}
	if (out->failed)
		return error_nomem(err);
	if (first)
		return error_set(err, SNAP_E_REFUSED, "", 0, "process %d has no thread with registers",
		    (int)c->process->pid);
	return 0;
}
