/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * i386 programs from one kernel ABI to the other.  The records are the same
 * for both; what differs is in memory (abi_frames.c), and what the programs
 * see.  Before anything is changed, everything that stands in the way is told.
 */
#include <stdlib.h>

#include "libsnap/convert/convert.h"
#include "libsnap/core/error.h"

#define ULL(n)		((unsigned long long)(n))
#define I386_TOP	UINT64_C(0xc0000000)	/* of what an i386 kernel gives a process */
#define I386_HUGE_PAGE	UINT64_C(0x200000)	/* with PAE, the only size both kernels have */
#define FLAGS_SPECIAL	0x23000u		/* virtual 8086 mode, I/O privilege */

/* What a process is looked at for. */
struct crossing {
	struct conversion *c;
	Psnap__Abi	to;
	bool		home;		/* back to what it was taken under */
	bool		*seen;		/* address spaces, by index */
	const Psnap__Process *p;
	size_t		at;		/* index of p */
};

Psnap__Abi
abi_taken(const Psnap__Host *h, Psnap__Abi kernel_abi)
{
	Psnap__Abi first = h->taken_abi != PSNAP__ABI__ABI_UNKNOWN ? h->taken_abi : h->kernel_abi;

	return first != kernel_abi ? first : PSNAP__ABI__ABI_UNKNOWN;
}

/* ---- threads ---- */

static void
check_segments(const struct crossing *x, size_t at, const Psnap__Thread *t)
{
	static const char *const names[] = { "cs", "ss", "ds", "es", "fs", "gs" };
	const Psnap__X86Registers *r = t->registers;
	const Psnap__Segment *const segments[] = { r->cs, r->ss, r->ds, r->es, r->fs, r->gs };

	for (size_t i = 0; i < sizeof segments / sizeof *segments; i++)
		switch (segments[i]->kind) {
		case PSNAP__SEGMENT_KIND__SEGMENT_NULL:
		case PSNAP__SEGMENT_KIND__SEGMENT_USER_CODE32:
		case PSNAP__SEGMENT_KIND__SEGMENT_USER_DATA:
		case PSNAP__SEGMENT_KIND__SEGMENT_TLS:
			break;
		case PSNAP__SEGMENT_KIND__SEGMENT_LDT:
			records_refuse(x->c, at, "pid %d, thread %d: %s is a segment of a local descriptor table",
			    (int)x->p->pid, (int)t->tid, names[i]);
			break;
		default:
			records_refuse(x->c, at, "pid %d, thread %d: %s is a segment that only its kernel has",
			    (int)x->p->pid, (int)t->tid, names[i]);
		}
}

static void
check_thread(const struct crossing *x, uint64_t id)
{
	const Psnap__Thread *t = snap_get_message(x->c->in, id, PSNAP_KIND_THREAD);
	size_t at = records_index(x->c, id);

	if (t->dead)
		return;
	if (t->abi != PSNAP__ABI__ABI_I386) {
		records_refuse(x->c, at, "pid %d, thread %d: it runs code that is not of i386", (int)x->p->pid,
		    (int)t->tid);
		return;
	}
	check_segments(x, at, t);
	if (t->registers->rflags & FLAGS_SPECIAL)
		records_refuse(x->c, at, "pid %d, thread %d: it has I/O privilege or is in virtual 8086 mode",
		    (int)x->p->pid, (int)t->tid);
	if (t->fpu != NULL && (t->fpu->amx_config.len > 0 || t->fpu->amx_data.len > 0))
		records_refuse(x->c, at, "pid %d, thread %d: it uses AMX, which i386 kernels have not",
		    (int)x->p->pid, (int)t->tid);
}

/* ---- memory ---- */

static void
check_marks(const struct crossing *x)
{
	uint64_t id = x->p->address_space_id, top = 0;
	const Psnap__AddressSpace *s = snap_get_message(x->c->in, id, PSNAP_KIND_ADDRESS_SPACE);
	const uint64_t marks[] = { s->code_end, s->data_end, s->heap_end, s->stack_start, s->arguments_end,
	    s->environment_end };

	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		top = marks[i] > top ? marks[i] : top;
	if (top > I386_TOP)
		records_refuse(x->c, records_index(x->c, id), "pid %d: what it has up to 0x%llx is above 3 GiB",
		    (int)x->p->pid, ULL(top));
}

static void
check_mapping(const struct crossing *x, const struct snap_object *o)
{
	const Psnap__Mapping *m = (const void *)o->message;
	size_t at = records_index(x->c, o->id);
	int pid = x->p->pid;

	if (m->end > I386_TOP)
		records_refuse(x->c, at, "pid %d: 0x%llx-0x%llx is above 3 GiB", pid, ULL(m->start), ULL(m->end));
	if (m->huge_page_size > I386_HUGE_PAGE)
		records_refuse(x->c, at, "pid %d: 0x%llx-0x%llx is of pages of %llu bytes", pid, ULL(m->start),
		    ULL(m->end), ULL(m->huge_page_size));
	if (m->protection_key != 0)
		records_refuse(x->c, at, "pid %d: 0x%llx-0x%llx has a protection key, which i386 kernels have not",
		    pid, ULL(m->start), ULL(m->end));
	if (m->sealed)
		records_refuse(x->c, at, "pid %d: 0x%llx-0x%llx is sealed, which i386 kernels cannot do", pid,
		    ULL(m->start), ULL(m->end));
}

static void
check_space(const struct crossing *x)
{
	size_t n, at = records_index(x->c, x->p->address_space_id);
	const struct snap_object *const *v =
	    snap_get_children(x->c->in, x->p->address_space_id, PSNAP_KIND_MAPPING, &n);

	if (x->seen[at])
		return;
	x->seen[at] = true;
	check_marks(x);
	for (size_t i = 0; i < n; i++)
		check_mapping(x, v[i]);
}

static void
check_process(const struct crossing *x)
{
	if (x->p->abi != PSNAP__ABI__ABI_I386) {
		records_refuse(x->c, x->at, "pid %d: %s is not an i386 program", (int)x->p->pid, x->p->comm);
		return;
	}
	for (size_t i = 0; i < x->p->n_thread_ids; i++)
		check_thread(x, x->p->thread_ids[i]);
	if (x->to == PSNAP__ABI__ABI_I386)
		check_space(x);
}

/* ---- what will be different ---- */

/* Of a file or device: what is there is not in the snapshot, and cannot be changed. */
static bool
is_outside(const struct crossing *x, uint64_t addr)
{
	const Psnap__Mapping *m = records_mapping(x->c, x->p->address_space_id, addr);

	return m != NULL && (m->kind == PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED ||
	    m->kind == PSNAP__MAPPING_KIND__MAPPING_DEVICE);
}

static int
tell_stacks(const struct crossing *x)
{
	int r = 0;

	for (size_t i = 0; i < x->p->n_thread_ids && r == 0; i++) {
		const Psnap__Thread *t = snap_get_message(x->c->in, x->p->thread_ids[i], PSNAP_KIND_THREAD);
		const Psnap__SignalStack *own = t->signal_stack;

		if (!t->dead && (is_outside(x, t->registers->rsp) ||
		    (own != NULL && !own->disabled && is_outside(x, own->address))))
			r = records_lose(x->c, records_index(x->c, x->p->thread_ids[i]),
			    "pid %d, thread %d: signal frames on its stack, which is in a shared file, stay as they are",
			    (int)x->p->pid, (int)t->tid);
	}
	return r;
}

static int
tell_limits(const struct crossing *x)
{
	int r = 0;

	for (size_t i = 0; i < x->p->n_limits && r == 0; i++) {
		const Psnap__Limit *l = x->p->limits[i];

		if (l->soft >= UINT32_MAX || l->hard >= UINT32_MAX)
			r = records_lose(x->c, x->at, "pid %d: limit %d of 4 GiB or more will be unlimited",
			    (int)x->p->pid, (int)l->kind);
	}
	return r;
}

/* What was taken under an i386 kernel is restored so that it sees no difference. */
static int
tell_process(const struct crossing *x)
{
	const Psnap__Personality *own = x->p->personality;
	int r = tell_stacks(x);

	if (x->to != PSNAP__ABI__ABI_I386 || x->home)
		return r;
	if (r == 0 && (own == NULL || !own->linux32))
		r = records_lose(x->c, x->at, "pid %d: uname will tell i686 instead of x86_64", (int)x->p->pid);
	if (r == 0 && (own == NULL || !own->address_limit_3gb))
		r = records_lose(x->c, x->at, "pid %d: it can map 3 GiB instead of 4", (int)x->p->pid);
	return r != 0 ? r : tell_limits(x);
}

/* ---- the passes ---- */

/* Everything that is in the way, and only if nothing is, what will be different. */
static int
look_at_processes(struct crossing *x)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(x->c->in, PSNAP_KIND_PROCESS, &n);
	int r = 0;

	for (size_t i = 0; i < 2 * n && r == 0; i++) {
		x->p = (const void *)v[i % n]->message;
		x->at = records_index(x->c, v[i % n]->id);
		if (x->p->state == PSNAP__PROCESS_STATE__PROCESS_ZOMBIE)
			continue;
		if (i < n)
			check_process(x);
		else if (x->c->refused == 0)
			r = tell_process(x);
	}
	return r;
}

static int
cross(struct conversion *c, Psnap__Abi to)
{
	size_t at;
	Psnap__Abi taken = abi_taken(records_host(c, &at), to);
	struct crossing x = { .c = c, .to = to, .home = taken == PSNAP__ABI__ABI_UNKNOWN };
	Psnap__Host *h;
	int r;

	if ((x.seen = calloc(c->count, sizeof *x.seen)) == NULL)
		return error_nomem(c->err);
	r = look_at_processes(&x);
	free(x.seen);
	if (r != 0 || c->refused > 0)
		return r;
	if ((h = records_edit(c, at, sizeof *h)) == NULL)
		return c->err->code;
	h->kernel_abi = to;
	h->taken_abi = taken;
	return frames_rewrite(c, to);
}

static int
to_amd64(struct conversion *c)
{
	return cross(c, PSNAP__ABI__ABI_AMD64);
}

static int
to_i386(struct conversion *c)
{
	return cross(c, PSNAP__ABI__ABI_I386);
}

const struct pass pass_i386_to_amd64 = { "abi i386 to amd64", to_amd64 };
const struct pass pass_amd64_to_i386 = { "abi amd64 to i386", to_i386 };
