/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What threads show: values in components of the FPU, the kind of code they
 * run, and what they registered with the kernel.
 */
#include <stdio.h>
#include <string.h>

#include "libsnap/fit/fit.h"

#define NKINDS		(PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA + 1)
#define MXCSR_FRESH	0x1f80
/* Linux starts programs with every key but 0 closed, which is not what the CPU starts with */
#define PKRU_FRESH	0x55555554

/* ---- the FPU ---- */

static bool
is_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

static bool
has_bytes(const ProtobufCBinaryData *b)
{
	return !is_zero(b->data, b->len);
}

static bool
has_masks(const Psnap__Fpu *f)
{
	for (size_t i = 0; i < f->n_opmask; i++)
		if (f->opmask[i] != 0)
			return true;
	return false;
}

bool
fit_component_used(const Psnap__Fpu *f, Psnap__FpuComponentKind kind)
{
	switch (kind) {
	case PSNAP__FPU_COMPONENT_KIND__FPU_X87:
		return f->x87 != NULL;
	case PSNAP__FPU_COMPONENT_KIND__FPU_SSE:
		return f->sse != NULL && (f->sse->mxcsr != MXCSR_FRESH || has_bytes(&f->sse->registers));
	case PSNAP__FPU_COMPONENT_KIND__FPU_AVX:
		return has_bytes(&f->avx);
	case PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK:
		return has_masks(f);
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH:
		return has_bytes(&f->zmm_high);
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER:
		return has_bytes(&f->zmm_upper);
	case PSNAP__FPU_COMPONENT_KIND__FPU_PKRU:
		return f->has_pkru && f->pkru != 0 && f->pkru != PKRU_FRESH;
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG:
		return has_bytes(&f->amx_config);
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA:
		return has_bytes(&f->amx_data);
	default:
		return true;
	}
}

static bool
host_lacks(const struct fit *f, Psnap__FpuComponentKind kind)
{
	for (size_t i = 0; i < f->host->n_fpu_components; i++)
		if (f->host->fpu_components[i] == kind)
			return false;
	return true;
}

struct fpu_evidence {
	struct witness	used[NKINDS];	/* holds values */
	struct witness	ran[NKINDS];	/* was used, and is as fresh again */
};

static void
look_at_fpu(struct fpu_evidence *e, const struct snap_object *o, const Psnap__Thread *t, int32_t pid)
{
	for (size_t i = 0; t->fpu != NULL && i < t->fpu->n_present; i++) {
		Psnap__FpuComponentKind kind = t->fpu->present[i];

		if (kind <= PSNAP__FPU_COMPONENT_KIND__FPU_NONE || kind >= NKINDS)
			continue;
		witness_add(fit_component_used(t->fpu, kind) ? &e->used[kind] : &e->ran[kind], pid, o->id, NULL);
	}
}

static void
tell_fpu(struct fit *f, const struct fpu_evidence *e)
{
	for (int kind = PSNAP__FPU_COMPONENT_KIND__FPU_X87; kind < NKINDS; kind++) {
		const char *feature = component_feature((Psnap__FpuComponentKind)kind);
		bool missing = host_lacks(f, (Psnap__FpuComponentKind)kind);

		if (feature == NULL)
			continue;
		if (e->used[kind].count > 0)
			fit_tell(f, SNAP_FIT_FATAL, missing, feature, "registers", &e->used[kind],
			    "a thread has values in its registers");
		/* every thread is given its protection keys by the kernel */
		if (e->ran[kind].count > 0 && kind != PSNAP__FPU_COMPONENT_KIND__FPU_PKRU)
			fit_tell(f, SNAP_FIT_POSSIBLE, missing, feature, "fresh-registers", &e->ran[kind],
			    "a thread has used its registers, and left them empty");
	}
}

/* ---- the kernel ---- */

static bool
runs(const Psnap__Host *h, Psnap__Abi abi)
{
	return h->kernel_abi == PSNAP__ABI__ABI_UNKNOWN || h->kernel_abi == abi ||
	    (h->kernel_abi == PSNAP__ABI__ABI_AMD64 && abi == PSNAP__ABI__ABI_I386);
}

static void
tell_abi(struct fit *f, const struct witness *amd64, const struct witness *i386)
{
	if (amd64->count > 0)
		fit_tell(f, SNAP_FIT_FATAL, !fit_lists(f->host, "lm") || !runs(f->host, PSNAP__ABI__ABI_AMD64),
		    "lm", "abi", amd64, "it is a 64-bit program");
	if (i386->count > 0)
		fit_tell(f, SNAP_FIT_FATAL, !runs(f->host, PSNAP__ABI__ABI_I386), "", "abi", i386,
		    "it is a 32-bit program");
}

/* "6.1.0-18-amd64" is at least 4.18; what is not a Linux release is taken to be. */
static bool
is_release(const Psnap__Host *h, unsigned major, unsigned minor)
{
	unsigned a, b;

	if (h->os != PSNAP__OS__OS_LINUX || sscanf(h->kernel_release, "%5u.%5u", &a, &b) != 2)
		return true;
	return a > major || (a == major && b >= minor);
}

static void
tell_rseq(struct fit *f, const struct witness *w)
{
	if (w->count > 0)
		fit_tell(f, SNAP_FIT_FATAL, !is_release(f->host, 4, 18), "", "rseq", w,
		    "a thread has registered rseq(2), which Linux has since 4.18");
}

void
fit_threads(struct fit *f)
{
	struct fpu_evidence e = { 0 };
	struct witness amd64 = { 0 }, i386 = { 0 }, rseq = { 0 };
	size_t n;
	const struct snap_object *const *v = snap_get_kind(f->s, PSNAP_KIND_THREAD, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Thread *t = (const void *)v[i]->message;
		const Psnap__Process *p = snap_get_message(f->s, t->process_id, PSNAP_KIND_PROCESS);
		int32_t pid = p != NULL ? p->pid : 0;

		look_at_fpu(&e, v[i], t, pid);
		if (t->rseq != NULL && t->rseq->address != 0)
			witness_add(&rseq, pid, v[i]->id, NULL);
	}
	v = snap_get_kind(f->s, PSNAP_KIND_PROCESS, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE)
			continue;
		if (p->abi == PSNAP__ABI__ABI_AMD64)
			witness_add(&amd64, p->pid, v[i]->id, NULL);
		else if (p->abi == PSNAP__ABI__ABI_I386)
			witness_add(&i386, p->pid, v[i]->id, NULL);
	}
	tell_abi(f, &amd64, &i386);
	tell_rseq(f, &rseq);
	tell_fpu(f, &e);
}
