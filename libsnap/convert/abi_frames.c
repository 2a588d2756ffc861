/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Signal frames in memory.  A kernel that runs a handler saves the registers
 * on the stack, segment selectors among them, and loads them from there when
 * the handler returns.  The numbers of the selectors are the kernel's own, so
 * each saved context gets those of the other.
 *
 * Where contexts are is not recorded anywhere: all memory that can be written
 * to is searched, and what passes every test is one.  What is left of handlers
 * that have returned passes, too, and takes no harm.
 */
#include <stdlib.h>
#include <string.h>

#include "libsnap/container/reader.h"
#include "libsnap/convert/convert.h"
#include "libsnap/core/error.h"

/* struct sigcontext of i386 Linux: words of 32 bits. */
enum {
	GS, FS, ES, DS, EDI, ESI, EBP, ESP, EBX, EDX, ECX, EAX, TRAPNO, ERR, EIP, CS, EFLAGS, ESP_AT_SIGNAL,
	SS, FPSTATE, OLDMASK, CR2, WORDS
};
#define CONTEXT_SIZE	((size_t)4 * WORDS)
#define ANCHOR		((size_t)4 * ES)	/* the word that is searched for */

#define TRAPNO_MAX	32
#define ERR_MAX		0xffffu
#define FLAGS_SET	0x202u			/* always set; interrupts enabled */
#define FLAGS_MAY	0x254fd7u		/* what a program can have: no I/O privilege, no virtual 8086 mode */

/* The same segments under both kernels (restore-engine section 7). */
enum { UNDER_I386, UNDER_AMD64 };
enum { NONE, CODE, DATA, TLS, SEGMENTS = TLS + 3 };
static const uint32_t selectors[SEGMENTS][2] = {
	[NONE] = { 0, 0 }, [CODE] = { 0x73, 0x23 }, [DATA] = { 0x7b, 0x2b },
	[TLS] = { 0x33, 0x63 }, [TLS + 1] = { 0x3b, 0x6b }, [TLS + 2] = { 0x43, 0x73 },
};

/* Pages of an owner, and an address space they are a part of. */
struct range {
	uint64_t	owner, first, end;
	uint64_t	space;
};

struct search {
	struct conversion *c;
	unsigned	from, to;	/* columns of selectors */
	uint32_t	anchors[2];	/* DATA of both, as it is in memory */
	uint32_t	page_size;
	struct range	*ranges;
	size_t		nranges;

	/* of those of one owner that overlap, whose pages are read once */
	const struct range *now;
	size_t		nnow;
	uint64_t	rewritten;	/* in all */
	uint64_t	alike;		/* of this owner: what looks like one of the other kernel already */
};

/* ---- what is a context ---- */

static uint32_t
word(const uint8_t *context, unsigned n)
{
	return psnap_get32(context + 4 * n);
}

/* Which segment a selector means, SEGMENTS: none of them. */
static unsigned
meaning(uint32_t selector, unsigned under)
{
	unsigned i = 0;

	while (i < SEGMENTS && selectors[i][under] != selector)
		i++;
	return i;
}

static bool
is_extra_segment(uint32_t selector, unsigned under)
{
	unsigned is = meaning(selector, under);

	return is != CODE && is != SEGMENTS;
}

static bool
is_context(const uint8_t *p, unsigned under)
{
	uint32_t data = selectors[DATA][under], flags = word(p, EFLAGS);

	return word(p, ES) == data && word(p, DS) == data && word(p, SS) == data &&
	    word(p, CS) == selectors[CODE][under] &&
	    is_extra_segment(word(p, GS), under) && is_extra_segment(word(p, FS), under) &&
	    word(p, ESP) == word(p, ESP_AT_SIGNAL) &&
	    (flags & FLAGS_SET) == FLAGS_SET && (flags & ~FLAGS_MAY) == 0 &&
	    word(p, TRAPNO) <= TRAPNO_MAX && word(p, ERR) <= ERR_MAX;
}

/* Its addresses are of the address space: code, a stack (an empty one ends at it), saved FPU state. */
static bool
points_into(const struct search *s, uint64_t space, const uint8_t *p)
{
	const Psnap__Mapping *code = records_mapping(s->c, space, word(p, EIP));
	uint32_t esp = word(p, ESP), fpstate = word(p, FPSTATE);

	return code != NULL && code->executable &&
	    esp > 0 && records_mapping(s->c, space, (uint64_t)esp - 1) != NULL &&
	    (fpstate == 0 || records_mapping(s->c, space, fpstate) != NULL);
}

/* Whether an address space with this page of the owner could have a context in it. */
static bool
fits_a_space(const struct search *s, uint64_t page, const uint8_t *p)
{
	for (size_t i = 0; i < s->nnow; i++)
		if (page >= s->now[i].first && page < s->now[i].end && points_into(s, s->now[i].space, p))
			return true;
	return false;
}

static int
rewrite(struct search *s, uint64_t owner, uint64_t at, const uint8_t *p)
{
	static const unsigned saved[] = { GS, FS, ES, DS, CS, SS };
	uint8_t bytes[4];
	int r = 0;

	for (size_t i = 0; i < sizeof saved / sizeof *saved && r == 0; i++) {
		uint32_t old = word(p, saved[i]), new = selectors[meaning(old, s->from)][s->to];

		psnap_put32(bytes, new);
		if (new != old)
			r = patch_add(s->c, owner, at + 4 * saved[i], bytes, sizeof bytes);
	}
	s->rewritten++;
	return r;
}

/* ---- where they are searched for ---- */

#define CHUNK	64

static bool
has_anchor(const struct search *s, const uint8_t *p)
{
	uint32_t words[CHUNK / 4], hit = 0;

	memcpy(words, p, sizeof words);
	for (size_t i = 0; i < CHUNK / 4; i++)
		hit |= (uint32_t)(words[i] == s->anchors[0]) | (uint32_t)(words[i] == s->anchors[1]);
	return hit != 0;
}

/* The first place from at on, a multiple of 4, with one of the anchors; n, a multiple of CHUNK, if there is none. */
static size_t
next_anchor(const struct search *s, const uint8_t *p, size_t at, size_t n)
{
	uint32_t w;

	while (at < n) {
		if (at % CHUNK == 0 && !has_anchor(s, p + at)) {
			at += CHUNK;
			continue;
		}
		memcpy(&w, p + at, sizeof w);
		if (w == s->anchors[0] || w == s->anchors[1])
			return at;
		at += 4;
	}
	return n;
}

/*
 * The context around an anchor at `at` of a page of owner, whose bytes are p:
 * where it is, or a copy if it reaches into another page, which may be in
 * another block.  NULL: not all of it is there, or *r.
 */
static const uint8_t *
context_at(struct search *s, uint64_t page, const uint8_t *p, size_t at, uint8_t *copy, int *r)
{
	uint64_t addr = page * s->page_size + at;

	if (at >= ANCHOR && s->page_size - at >= CONTEXT_SIZE - ANCHOR)
		return p + at - ANCHOR;
	if (addr < ANCHOR)
		return NULL;
	*r = snap_read_memory(s->c->in, s->now->owner, addr - ANCHOR, copy, CONTEXT_SIZE, NULL, s->c->err);
	if (*r == SNAP_E_NOT_FOUND)
		*r = 0;
	else if (*r == 0)
		return copy;
	return NULL;
}

static int
search_page(struct search *s, const struct snap_run *run, uint64_t page)
{
	uint64_t start = (page - run->first) * s->page_size;
	uint8_t copy[CONTEXT_SIZE];
	const uint8_t *p, *context;
	int r;

	for (size_t at = 0;; at += 4) {
		/* each time: what was read for a context may have taken the place of the block */
		if ((r = reader_run(s->c->in->container, run, start, s->page_size, &p, s->c->err)) != 0 ||
		    (at = next_anchor(s, p, at, s->page_size)) == s->page_size)
			return r;
		context = context_at(s, page, p, at, copy, &r);
		if (context == NULL)
			;	/* r tells */
		else if (is_context(context, s->from) && fits_a_space(s, page, context))
			r = rewrite(s, s->now->owner, page * s->page_size + at - ANCHOR, context);
		else if (is_context(context, s->to) && fits_a_space(s, page, context))
			s->alike++;
		if (r != 0)
			return r;
	}
}

static int
search_pages(struct search *s, uint64_t first, uint64_t end)
{
	struct snap_run run = { .owner = s->now->owner, .first = first };
	int r;

	while ((r = snap_next_run(s->c->in, &run, end, s->c->err)) == 1) {
		uint64_t page = run.first > first ? run.first : first;
		uint64_t last = run.first + run.count < end ? run.first + run.count : end;

		for (; run.kind == PSNAP_RUN_STORED && page < last; page++)
			if ((r = search_page(s, &run, page)) != 0)
				return r;
	}
	return r;
}

static int
tell_alike(struct search *s)
{
	uint64_t n = s->alike;

	s->alike = 0;
	return n == 0 ? 0 : records_lose(s->c, records_index(s->c, s->now->owner),
	    "%llu places look converted already: the way back would change them, too", (unsigned long long)n);
}

/* ---- all of it ---- */

static void
add_range(struct search *s, const Psnap__Mapping *m)
{
	struct range *g = &s->ranges[s->nranges];
	uint64_t start = m->start;

	switch (m->kind) {
	case PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS:
	case PSNAP__MAPPING_KIND__MAPPING_FILE_PRIVATE:
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE:
		g->owner = m->address_space_id;
		break;
	case PSNAP__MAPPING_KIND__MAPPING_OBJECT_SHARED:
		g->owner = m->memory_object_id;
		start = m->offset;
		break;
	default:
		return;
	}
	g->first = start / s->page_size;
	g->end = g->first + (m->end - m->start) / s->page_size;
	g->space = m->address_space_id;
	s->nranges += m->writable;
}

static int
compare_ranges(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	return (x->first > y->first) - (x->first < y->first);
}

static int
search_all(struct search *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s->c->in, PSNAP_KIND_MAPPING, &n);
	int r = 0;

	if ((s->ranges = malloc((n + 1) * sizeof *s->ranges)) == NULL)
		return error_nomem(s->c->err);
	for (size_t i = 0; i < n; i++)
		add_range(s, (const void *)v[i]->message);
	qsort(s->ranges, s->nranges, sizeof *s->ranges, compare_ranges);
	for (size_t i = 0; i < s->nranges && r == 0; i += s->nnow) {
		uint64_t end = s->ranges[i].end;

		s->now = &s->ranges[i];
		for (s->nnow = 1; i + s->nnow < s->nranges && s->now[s->nnow].owner == s->now->owner &&
		    s->now[s->nnow].first < end; s->nnow++)
			end = s->now[s->nnow].end > end ? s->now[s->nnow].end : end;
		r = search_pages(s, s->now->first, end);
		if (r == 0 && (i + s->nnow == s->nranges || s->now[s->nnow].owner != s->now->owner))
			r = tell_alike(s);
	}
	free(s->ranges);
	return r;
}

int
frames_rewrite(struct conversion *c, Psnap__Abi to)
{
	struct search s = { .c = c, .to = to == PSNAP__ABI__ABI_I386 ? UNDER_I386 : UNDER_AMD64 };
	struct snap_summary sum;
	int r;

	s.from = 1 - s.to;
	snap_get_summary(c->in, &sum);
	s.page_size = sum.page_size;
	for (unsigned i = 0; i < 2; i++)
		psnap_put32((uint8_t *)&s.anchors[i], selectors[DATA][i]);
	if ((r = search_all(&s)) != 0)
		return r;
	return records_note(c, "%s: %llu signal frames rewritten", c->told[c->ntold - 1].pass,
	    (unsigned long long)s.rewritten);
}
