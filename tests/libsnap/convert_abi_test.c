/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From one kernel ABI to the other: which bytes of memory are signal frames,
 * and what cannot go over.
 */
#include <atf-c.h>
#include <stdlib.h>

#include "tests/libsnap/world.h"

#define HEAP_PAGES	WORLD_PAGE	/* of the world's first two pages of heap, in w.pages */
#define HEAP		0x70000000u

static struct world w;
static uint8_t before[16 * WORLD_PAGE];	/* w.pages as they were written */

struct told {
	size_t	n;
	char	text[64][256];
};

static void
keep(void *ctx, const struct snap_loss *loss)
{
	struct told *t = ctx;

	ATF_REQUIRE(t->n < 64);
	memcpy(t->text[t->n++], loss->message, sizeof loss->message);
}

static bool
was_told(const struct told *t, const char *text)
{
	for (size_t i = 0; i < t->n; i++)
		if (strstr(t->text[i], text) != NULL)
			return true;
	return false;
}

/* The world of i386 programs, under this kernel. */
static void
begin(Psnap__Abi kernel_abi)
{
	world_init(&w);
	world_all_i386(&w);
	w.host.kernel_abi = kernel_abi;
}

/* Each page in a block of its own. */
static struct snap *
write_world(const char *path)
{
	const struct snap_writer_options options = { .codec = PSNAP_CODEC_ZSTD, .threads = 1, .block_pages = 1 };
	struct snap_writer *sw;
	struct snap_error err;
	struct snap *s;

	memcpy(before, w.pages, sizeof before);
	ATF_REQUIRE_MSG(snap_writer_create(&sw, path, &options, &err) == 0 && world_put(&w, sw, &err) == 0 &&
	    snap_writer_finish(sw, NULL, &err) == 0, "%s", err.msg);
	snap_writer_free(sw);
	ATF_REQUIRE_MSG(snap_open(&s, path, NULL, &err) == 0, "%s", err.msg);
	return s;
}

static int
convert(struct snap *s, int to, bool strict, struct told *told, struct snap **out, struct snap_error *err)
{
	const struct snap_convert_options o = { .abi = (uint32_t)to, .strict = strict };
	FILE *f;
	int r;

	remove("out.psnap");	/* s may be the one before */
	ATF_REQUIRE((f = fopen("out.psnap", "w+")) != NULL);
	told->n = 0;
	r = snap_convert(s, &o, keep, told, fileno(f), err);
	fclose(f);
	if (r == 0)
		ATF_REQUIRE_MSG(snap_open(out, "out.psnap", NULL, err) == 0, "%s", err->msg);
	return r;
}

/* The pages as the snapshot has them, in the place of w.pages. */
static void
read_pages(struct snap *s)
{
	uint8_t *p = w.pages;
	struct snap_error err;

	for (size_t i = 0; i < sizeof w.runs / sizeof *w.runs; i++) {
		size_t n = (size_t)w.runs[i].count * WORLD_PAGE;

		ATF_REQUIRE_MSG(snap_read_memory(s, w.runs[i].owner, w.runs[i].first * WORLD_PAGE, p, n, NULL, &err) == 0,
		    "%s", err.msg);
		p += n;
	}
}

static const Psnap__Host *
host_of(struct snap *s)
{
	return snap_get_message(s, HOST, PSNAP_KIND_HOST);
}

/* Convert what w is: w.pages are as they are then.  The number of frames it says it rewrote. */
static unsigned
cross(int to, struct told *told)
{
	struct snap *s = write_world("in.psnap"), *out;
	const Psnap__Provenance *p;
	struct snap_error err;
	unsigned n = 0;

	ATF_REQUIRE_MSG(convert(s, to, false, told, &out, &err) == 0, "%s", err.msg);
	ATF_CHECK_EQ((int)host_of(out)->kernel_abi, to);
	read_pages(out);
	p = snap_get_message(out, PROVENANCE, PSNAP_KIND_PROVENANCE);
	if (p->n_notes > 0)
		ATF_CHECK_EQ(sscanf(p->notes[0], "abi %*s to %*s %u signal frames rewritten", &n), 1);
	snap_close(out);
	snap_close(s);
	return n;
}

static void
put_word(uint8_t *context, unsigned n, uint32_t v)
{
	psnap_put32(context + 4 * (size_t)n, v);
}

/* ---- what is rewritten ---- */

ATF_TC_WITHOUT_HEAD(each_selector_gets_its_counterpart);
ATF_TC_BODY(each_selector_gets_its_counterpart, tc)
{
	static const uint32_t extra[][2] = { { 0, 0 }, { 0x33, 0x63 }, { 0x3b, 0x6b }, { 0x43, 0x73 }, { 0x7b, 0x2b } };
	static const Psnap__Abi kernels[] = { PSNAP__ABI__ABI_I386, PSNAP__ABI__ABI_AMD64 };
	static struct told told;
	uint8_t want[4 * CONTEXT_WORDS];

	for (size_t from = 0; from < 2; from++)
		for (size_t gs = 0; gs < 5; gs++)
			for (size_t fs = 0; fs < 5; fs++) {
				uint8_t *p;

				begin(kernels[from]);
				p = w.pages + HEAP_PAGES + 1004;
				world_context(p, (int)kernels[from]);
				put_word(p, CONTEXT_GS, extra[gs][from]);
				put_word(p, CONTEXT_FS, extra[fs][from]);
				ATF_CHECK_EQ(cross((int)kernels[1 - from], &told), 1u);
				world_context(want, (int)kernels[1 - from]);
				put_word(want, CONTEXT_GS, extra[gs][1 - from]);
				put_word(want, CONTEXT_FS, extra[fs][1 - from]);
				ATF_CHECK(memcmp(p, want, sizeof want) == 0);
				/* and nothing around it */
				memcpy(p, before + (p - w.pages), sizeof want);
				ATF_CHECK(memcmp(w.pages, before, sizeof before) == 0);
			}
}

ATF_TC_WITHOUT_HEAD(across_pages_and_blocks);
ATF_TC_BODY(across_pages_and_blocks, tc)
{
	static struct told told;
	uint8_t want[4 * CONTEXT_WORDS];

	world_context(want, PSNAP_ABI_I386);
	for (size_t words = 0; words <= CONTEXT_WORDS; words++) {
		uint8_t *p;

		begin(PSNAP__ABI__ABI_AMD64);
		p = w.pages + HEAP_PAGES + WORLD_PAGE - 4 * words;
		world_context(p, PSNAP_ABI_AMD64);
		ATF_CHECK_EQ_MSG(cross(PSNAP_ABI_I386, &told), 1u, "%zu words in the first page", words);
		ATF_CHECK_MSG(memcmp(p, want, sizeof want) == 0, "%zu words in the first page", words);
	}
	/* the page before or behind is not there */
	for (size_t words = 1; words < CONTEXT_WORDS; words++) {
		uint8_t context[4 * CONTEXT_WORDS];

		begin(PSNAP__ABI__ABI_AMD64);
		world_context(context, PSNAP_ABI_AMD64);
		memcpy(w.pages + HEAP_PAGES, context + 4 * words, sizeof context - 4 * words);
		memcpy(w.pages + HEAP_PAGES + 2 * WORLD_PAGE - 4 * words, context, 4 * words);
		ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), 0u);
		ATF_CHECK(memcmp(w.pages, before, sizeof before) == 0);
	}
}

/* The object's page is mapped at 0x70100000, and a second time. */
ATF_TC_WITHOUT_HEAD(shared_memory_once);
ATF_TC_BODY(shared_memory_once, tc)
{
	static struct told told;
	Psnap__Mapping again;
	uint8_t want[4 * CONTEXT_WORDS], *p;

	world_context(want, PSNAP_ABI_I386);
	for (int writable = 0; writable < 2; writable++) {
		begin(PSNAP__ABI__ABI_AMD64);
		w.shared.writable = w.shared.may_write = writable;
		again = w.shared;
		again.start += 0x10000;
		again.end += 0x10000;
		world_add(&w, FREE_ID, PSNAP_KIND_MAPPING, &again.base);
		p = w.pages + 6 * WORLD_PAGE - 60;	/* from its first page into its second */
		world_context(p, PSNAP_ABI_AMD64);
		ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), (unsigned)writable);
		if (writable)
			ATF_CHECK(memcmp(p, want, sizeof want) == 0);
		else
			ATF_CHECK(memcmp(w.pages, before, sizeof before) == 0);
	}
}

/* ---- what is not ---- */

ATF_TC_WITHOUT_HEAD(near_misses_stay);
ATF_TC_BODY(near_misses_stay, tc)
{
	static const struct { unsigned word; uint32_t value; } misses[] = {
		{ CONTEXT_GS, 0x33 }, { CONTEXT_GS, 0x23 }, { CONTEXT_GS, 0x10063 }, { CONTEXT_GS, 0x7b },
		{ CONTEXT_FS, 0x43 }, { CONTEXT_FS, 1 }, { CONTEXT_FS, 0x80000000 },
		{ CONTEXT_ES, 0x7b }, { CONTEXT_ES, 0 }, { CONTEXT_ES, 0x1002b }, { CONTEXT_DS, 0x7b }, { CONTEXT_DS, 0x63 },
		{ CONTEXT_CS, 0x73 }, { CONTEXT_CS, 0x33 }, { CONTEXT_CS, 0x10023 }, { CONTEXT_SS, 0x7b },
		{ CONTEXT_SS, 0x2a }, { CONTEXT_ESP, 0x70000104 }, { CONTEXT_ESP_AT_SIGNAL, 0 },
		{ CONTEXT_EFLAGS, 0x10046 }, { CONTEXT_EFLAGS, 0x10244 }, { CONTEXT_EFLAGS, 0x30246 },
		{ CONTEXT_EFLAGS, 0x13246 }, { CONTEXT_EFLAGS, 0x80010246 }, { CONTEXT_EFLAGS, 0x18246 },
		{ CONTEXT_TRAPNO, 33 }, { CONTEXT_ERR, 0x10000 },
		{ CONTEXT_EIP, 0 }, { CONTEXT_EIP, 0x404000 }, { CONTEXT_EIP, HEAP }, { CONTEXT_EIP, 0x3fffff },
		{ CONTEXT_FPSTATE, 0x6fffffff }, { CONTEXT_FPSTATE, 1 },
	};
	static struct told told;
	uint8_t *p;

	for (size_t i = 0; i < sizeof misses / sizeof *misses; i++) {
		begin(PSNAP__ABI__ABI_AMD64);
		p = w.pages + HEAP_PAGES + 2000;
		world_context(p, PSNAP_ABI_AMD64);
		put_word(p, misses[i].word, misses[i].value);
		ATF_CHECK_EQ_MSG(cross(PSNAP_ABI_I386, &told), 0u, "word %u is 0x%x", misses[i].word, misses[i].value);
		ATF_CHECK(memcmp(w.pages, before, sizeof before) == 0);
		ATF_CHECK(!was_told(&told, "look converted"));
	}
	/* both stack pointers, above what is mapped */
	begin(PSNAP__ABI__ABI_AMD64);
	world_context(p, PSNAP_ABI_AMD64);
	put_word(p, CONTEXT_ESP, HEAP);
	put_word(p, CONTEXT_ESP_AT_SIGNAL, HEAP);
	ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), 0u);
	/* not at a multiple of 4 */
	begin(PSNAP__ABI__ABI_AMD64);
	world_context(p + 2, PSNAP_ABI_AMD64);
	ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), 0u);
	/* not in memory that can be written to */
	begin(PSNAP__ABI__ABI_AMD64);
	world_context(w.pages + 100, PSNAP_ABI_AMD64);
	ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), 0u);
	/* without FPU state, and with an empty stack, it is one */
	begin(PSNAP__ABI__ABI_AMD64);
	world_context(p, PSNAP_ABI_AMD64);
	put_word(p, CONTEXT_FPSTATE, 0);
	put_word(p, CONTEXT_ESP, HEAP + 64 * WORLD_PAGE);
	put_word(p, CONTEXT_ESP_AT_SIGNAL, HEAP + 64 * WORLD_PAGE);
	ATF_CHECK_EQ(cross(PSNAP_ABI_I386, &told), 1u);
}

ATF_TC_WITHOUT_HEAD(what_looks_converted_is_told);
ATF_TC_BODY(what_looks_converted_is_told, tc)
{
	static struct told told;
	struct snap_error err;
	struct snap *s, *out;

	begin(PSNAP__ABI__ABI_I386);
	world_context(w.pages + HEAP_PAGES + 400, PSNAP_ABI_AMD64);
	world_context(w.pages + HEAP_PAGES + 800, PSNAP_ABI_AMD64);
	world_context(w.pages + HEAP_PAGES + 1200, PSNAP_ABI_I386);
	ATF_CHECK_EQ(cross(PSNAP_ABI_AMD64, &told), 1u);
	ATF_CHECK_EQ(told.n, 1u);
	ATF_CHECK(was_told(&told, "address-space 22: 2 places look converted already"));
	s = write_world("in.psnap");
	ATF_CHECK_EQ(convert(s, PSNAP_ABI_AMD64, true, &told, &out, &err), SNAP_E_REFUSED);
	snap_close(s);
}

/* ---- records ---- */

ATF_TC_WITHOUT_HEAD(back_home_nothing_is_different);
ATF_TC_BODY(back_home_nothing_is_different, tc)
{
	static struct told told;
	struct snap_summary sum;
	struct snap_error err;
	struct snap *s, *there, *back;

	begin(PSNAP__ABI__ABI_I386);
	world_context(w.pages + HEAP_PAGES + 400, PSNAP_ABI_I386);
	s = write_world("in.psnap");
	ATF_REQUIRE_MSG(convert(s, PSNAP_ABI_AMD64, true, &told, &there, &err) == 0, "%s", err.msg);
	ATF_CHECK_EQ(told.n, 0u);
	ATF_CHECK_EQ(host_of(there)->taken_abi, PSNAP__ABI__ABI_I386);
	snap_get_summary(there, &sum);
	ATF_CHECK_EQ(sum.minor, 1);
	ATF_REQUIRE_MSG(convert(there, PSNAP_ABI_I386, true, &told, &back, &err) == 0, "%s", err.msg);
	ATF_CHECK_EQ(told.n, 0u);
	ATF_CHECK_EQ(host_of(back)->taken_abi, PSNAP__ABI__ABI_UNKNOWN);
	snap_get_summary(back, &sum);
	ATF_CHECK_EQ(sum.minor, 0);
	read_pages(back);
	ATF_CHECK(memcmp(w.pages, before, sizeof before) == 0);
	snap_close(back);
	snap_close(there);
	snap_close(s);
}

/* The way to this kernel is refused; all that is told, in t. */
static void
refuse(int to, struct told *t)
{
	struct snap_error err = { 0 };
	struct snap *s = write_world("in.psnap"), *out;

	ATF_CHECK_EQ(convert(s, to, false, t, &out, &err), SNAP_E_REFUSED);
	ATF_CHECK(strstr(err.msg, "stand in the way") != NULL);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(refused_by_name);
ATF_TC_BODY(refused_by_name, tc)
{
	static const int kernels[] = { PSNAP_ABI_I386, PSNAP_ABI_AMD64 };
	static struct told t;
	Psnap__Segment own;

	for (size_t i = 0; i < 2; i++) {
		begin((Psnap__Abi)kernels[1 - i]);
		w.child.abi = PSNAP__ABI__ABI_AMD64;
		w.worker.abi = PSNAP__ABI__ABI_AMD64;
		refuse(kernels[i], &t);
		ATF_CHECK_EQ(t.n, 2u);
		ATF_CHECK(was_told(&t, "process 10: pid 200: world is not an i386 program"));
		ATF_CHECK(was_told(&t, "thread 13: pid 100, thread 101: it runs code that is not of i386"));

		begin((Psnap__Abi)kernels[1 - i]);
		own = w.segments[3];
		w.regs32.es = &own;
		own.kind = PSNAP__SEGMENT_KIND__SEGMENT_LDT;
		w.regs32.rflags = 0x20202;
		refuse(kernels[i], &t);
		ATF_CHECK_EQ(t.n, 6u);		/* three threads */
		ATF_CHECK(was_told(&t, "pid 100, thread 100: es is a segment of a local descriptor table"));
		ATF_CHECK(was_told(&t, "pid 200, thread 200: it has I/O privilege or is in virtual 8086 mode"));
		own.kind = PSNAP__SEGMENT_KIND__SEGMENT_OTHER;
		refuse(kernels[i], &t);
		ATF_CHECK(was_told(&t, "pid 100, thread 101: es is a segment that only its kernel has"));
	}
}

ATF_TC_WITHOUT_HEAD(what_i386_has_no_place_for);
ATF_TC_BODY(what_i386_has_no_place_for, tc)
{
	static struct told t;

	begin(PSNAP__ABI__ABI_AMD64);
	w.child_map.start = 0xbffff000;
	w.child_map.end = 0xc0001000;
	w.space.heap_start = 0xc0000000;
	w.space.heap_end = 0xc0000001;
	w.heap.protection_key = 1;
	w.shared.sealed = true;
	refuse(PSNAP_ABI_I386, &t);
	ATF_CHECK_EQ(t.n, 4u);
	ATF_CHECK(was_told(&t, "mapping 29: pid 200: 0xbffff000-0xc0001000 is above 3 GiB"));
	ATF_CHECK(was_told(&t, "address-space 22: pid 100: what it has up to 0xc0000001 is above 3 GiB"));
	ATF_CHECK(was_told(&t, "mapping 25: pid 100: 0x70000000-0x70040000 has a protection key"));
	ATF_CHECK(was_told(&t, "mapping 26: pid 100: 0x70100000-0x70102000 is sealed"));
	/* the last page there is, is one */
	begin(PSNAP__ABI__ABI_AMD64);
	w.child_map.start = 0xbffff000;
	w.child_map.end = 0xc0000000;
	cross(PSNAP_ABI_I386, &t);
	/* what an amd64 kernel has room for stays */
	begin(PSNAP__ABI__ABI_I386);
	w.child_map.start = 0xbffff000;
	w.child_map.end = 0xc0001000;
	cross(PSNAP_ABI_AMD64, &t);
	ATF_CHECK_EQ(t.n, 0u);
}

ATF_TC_WITHOUT_HEAD(what_programs_will_see_is_told);
ATF_TC_BODY(what_programs_will_see_is_told, tc)
{
	Psnap__Personality quiet = PSNAP__PERSONALITY__INIT;
	static struct told t;

	begin(PSNAP__ABI__ABI_AMD64);
	quiet.linux32 = quiet.address_limit_3gb = true;
	w.child.personality = &quiet;
	w.limits[1].hard = UINT64_C(1) << 33;
	cross(PSNAP_ABI_I386, &t);
	ATF_CHECK_EQ(t.n, 3u);
	ATF_CHECK(was_told(&t, "process 9: pid 100: uname will tell i686"));
	ATF_CHECK(was_told(&t, "process 9: pid 100: it can map 3 GiB instead of 4"));
	ATF_CHECK(was_told(&t, "process 9: pid 100: limit 5 of 4 GiB or more will be unlimited"));
	begin(PSNAP__ABI__ABI_I386);
	w.shared.kind = PSNAP__MAPPING_KIND__MAPPING_FILE_SHARED;
	w.shared.memory_object_id = 0;
	w.shared.file_id = EXE;
	w.stack.disabled = false;
	w.stack.address = 0x70101000;
	cross(PSNAP_ABI_AMD64, &t);
	ATF_CHECK_EQ(t.n, 1u);
	ATF_CHECK(was_told(&t, "thread 12: pid 100, thread 100: signal frames on its stack, which is in a shared file"));
}

ATF_TC_WITHOUT_HEAD(only_between_these_two);
ATF_TC_BODY(only_between_these_two, tc)
{
	struct snap_convert_options o = { .abi = PSNAP_ABI_AMD64 };
	struct snap_error err;
	struct snap *s;

	begin(PSNAP__ABI__ABI_I386);
	s = write_world("in.psnap");
	for (uint32_t abi = PSNAP_ABI_ARM64; abi < 300; abi += 100) {
		o.abi = abi;
		ATF_CHECK_EQ(snap_convert_plan(s, &o, NULL, NULL, &err), SNAP_E_UNSUPPORTED);
	}
	snap_close(s);
	begin(PSNAP__ABI__ABI_I386);
	w.host.os = PSNAP__OS__OS_FREEBSD;
	s = write_world("in.psnap");
	o.abi = PSNAP_ABI_AMD64;
	ATF_CHECK_EQ(snap_convert_plan(s, &o, NULL, NULL, &err), SNAP_E_UNSUPPORTED);
	snap_close(s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_selector_gets_its_counterpart);
	ATF_TP_ADD_TC(tp, across_pages_and_blocks);
	ATF_TP_ADD_TC(tp, shared_memory_once);
	ATF_TP_ADD_TC(tp, near_misses_stay);
	ATF_TP_ADD_TC(tp, what_looks_converted_is_told);
	ATF_TP_ADD_TC(tp, back_home_nothing_is_different);
	ATF_TP_ADD_TC(tp, refused_by_name);
	ATF_TP_ADD_TC(tp, what_i386_has_no_place_for);
	ATF_TP_ADD_TC(tp, what_programs_will_see_is_told);
	ATF_TP_ADD_TC(tp, only_between_these_two);
	return atf_no_error();
}
