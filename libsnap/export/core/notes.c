/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The notes of a Linux core (elf.h, and criu-and-core-formats section 9):
 * sizes and offsets are the kernel's for the process's own ABI.
 */
#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/core/siginfo.h"
#include "libsnap/export/core/core.h"
#include "libsnap/model/signal_set.h"

#ifndef NT_X86_XSTATE
#define NT_X86_XSTATE	0x202
#endif
#define NT_TLS		0x200	/* NT_386_TLS */
#define NT_FXSR		0x46e62b7f	/* NT_PRXFPREG */

#define DELETED		" (deleted)"

/* ---- buffers ---- */

void
buf_put(struct buf *b, const void *p, size_t n)
{
	if (b->failed || n == 0)
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
	if (p != NULL)
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

/* ---- threads ---- */

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
	/* a process that was only looked at had no signal; ours up to 64 are Linux's numbers */
	uint32_t signal = (uint32_t)p->stop_signal <= 64 ? (uint32_t)p->stop_signal : 0;
	uint8_t regs[REGSET_MAX];
	struct buf b = { 0 };

	buf_u32(&b, signal);
	buf_put(&b, NULL, 8);			/* code, errno */
	buf_u16(&b, signal);
	buf_put(&b, NULL, 2);
	buf_word(&b, c->wide, pending_mask(t));
	buf_word(&b, c->wide, signal_set_mask(t->blocked));
	buf_u32(&b, (uint32_t)t->tid);
	buf_u32(&b, (uint32_t)parent_of(c));
	buf_u32(&b, (uint32_t)group_of(c));
	buf_u32(&b, (uint32_t)session_of(c));
	time_value(&b, c->wide, first ? p->user_ns : 0);
	time_value(&b, c->wide, first ? p->system_ns : 0);
	time_value(&b, c->wide, first ? p->children_user_ns : 0);
	time_value(&b, c->wide, first ? p->children_system_ns : 0);
	buf_put(&b, regs, core_regset(c, t->registers, regs));
	buf_u32(&b, 1);				/* floating point state follows */
	if (c->wide)
		buf_put(&b, NULL, 4);
	note(out, "CORE", NT_PRSTATUS, &b);
	free(b.p);
}

static void
fpu(struct core *c, struct buf *out, const Psnap__Thread *t)
{
	struct buf b = { 0 };
	uint8_t fx[FXSAVE_LEN], fs[FSAVE_LEN], xs[XSAVE_MAX];

	core_fxsave(t->fpu, fx);
	core_fsave(t->fpu, fs);
	if (c->wide)
		buf_put(&b, fx, sizeof fx);
	else
		buf_put(&b, fs, sizeof fs);
	note(out, "CORE", NT_FPREGSET, &b);
	b.len = 0;
	if (!c->wide) {
		buf_put(&b, fx, sizeof fx);
		note(out, "LINUX", NT_FXSR, &b);
		b.len = 0;
	}
	buf_put(&b, xs, core_xsave(c, t->fpu, xs));
	note(out, "LINUX", NT_X86_XSTATE, &b);
	free(b.p);
}

static void
tls(struct core *c, struct buf *out, const Psnap__Thread *t)
{
	struct buf b = { 0 };

	for (uint32_t slot = 0; slot < 3; slot++) {
		const Psnap__TlsDescriptor *d = NULL;

		for (size_t i = 0; i < t->n_tls; i++)
			if (t->tls[i]->slot == slot)
				d = t->tls[i];
		core_tls(c, slot, d, &b);
	}
	note(out, "LINUX", NT_TLS, &b);
	free(b.p);
}

static void
siginfo(struct core *c, struct buf *out, const Psnap__Thread *t)
{
	uint8_t info[SIGINFO_LEN] = { 0 };
	struct buf b = { 0 };

	/* the first 64 signals have Linux's numbers; none: zeros */
	if (t->last_signal != NULL && (uint32_t)t->last_signal->signal <= 64)
		siginfo_encode(t->last_signal, c->wide, c->ticks, info);
	buf_put(&b, info, sizeof info);
	note(out, "CORE", NT_SIGINFO, &b);
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
			if (f->deleted)		/* as the kernel says it: nobody must take another file */
				buf_put(&names, DELETED, strlen(DELETED));
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
		if (first)
			prpsinfo(c, out, t);
		siginfo(c, out, t);
		if (first) {
			auxv(c, out);
			files(c, out);
		}
		fpu(c, out, t);
		if (!c->wide)
			tls(c, out, t);
		first = false;
	}
	if (out->failed)
		return error_nomem(err);
	if (first)
		return error_set(err, SNAP_E_REFUSED, "", 0, "pid %d has no thread with registers",
		    (int)c->process->pid);
	return 0;
}
