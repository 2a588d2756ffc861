/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The ELF core's bytes: headers, notes and memory where a debugger looks for
 * them, the same on every machine.
 */
#include <atf-c.h>
#include <elf.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "libsnap/core/checksum.h"
#include "libsnap/export/core/core.h"
#include "tests/libsnap/world.h"

struct file {
	uint8_t	*p;
	size_t	n;
	bool	wide;
};

static struct snap *
open_world(const struct world *w)
{
	struct snap_error err;
	struct snap *s;
	FILE *f = fopen("core.psnap", "w+");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_MSG(world_write(w, fileno(f), &err) == 0, "%s", err.msg);
	fclose(f);
	ATF_REQUIRE_MSG(snap_open(&s, "core.psnap", NULL, &err) == 0, "%s", err.msg);
	return s;
}

static int
export(const struct world *w, uint32_t pid, struct file *out, struct snap_error *err)
{
	struct snap_export_options options = { .pid = pid };
	struct snap *s = open_world(w);
	FILE *f = fopen("core", "w+");
	int r;

	ATF_REQUIRE(f != NULL);
	memset(err, 0, sizeof *err);
	r = snap_export(s, "core", &options, fileno(f), err);
	snap_close(s);
	memset(out, 0, sizeof *out);
	ATF_REQUIRE(fseek(f, 0, SEEK_END) == 0);
	out->n = (size_t)ftell(f);
	rewind(f);
	ATF_REQUIRE((out->p = malloc(out->n + 1)) != NULL);
	ATF_REQUIRE_EQ(fread(out->p, 1, out->n, f), out->n);
	fclose(f);
	out->wide = out->n > EI_CLASS && out->p[EI_CLASS] == ELFCLASS64;
	return r;
}

static void
core_of(const struct world *w, struct file *out)
{
	struct snap_error err;

	ATF_REQUIRE_MSG(export(w, 0, out, &err) == 0, "%s", err.msg);
}

/* ---- looking into it ---- */

struct phdr {
	uint32_t	type, flags;
	uint64_t	offset, addr, filesz, memsz, align;
};

static struct phdr
phdr_at(const struct file *f, size_t i)
{
	const uint8_t *p = f->p + (f->wide ? 64 + i * 56 : 52 + i * 32);

	if (f->wide)
		return (struct phdr){ psnap_get32(p), psnap_get32(p + 4), psnap_get64(p + 8),
		    psnap_get64(p + 16), psnap_get64(p + 32), psnap_get64(p + 40), psnap_get64(p + 48) };
	return (struct phdr){ psnap_get32(p), psnap_get32(p + 24), psnap_get32(p + 4), psnap_get32(p + 8),
	    psnap_get32(p + 16), psnap_get32(p + 20), psnap_get32(p + 28) };
}

static uint32_t
phdrs(const struct file *f)
{
	return psnap_get16(f->p + (f->wide ? 56 : 44));
}

/* The n-th note of a type, counted from 0, or NULL. */
static const uint8_t *
note(const struct file *f, uint32_t type, unsigned n, uint32_t *len)
{
	struct phdr h = phdr_at(f, 0);
	const uint8_t *p = f->p + h.offset, *end = p + h.filesz;

	ATF_REQUIRE(h.type == PT_NOTE && h.offset + h.filesz <= f->n);
	while (p < end) {
		uint32_t name = psnap_get32(p), desc = psnap_get32(p + 4), t = psnap_get32(p + 8);
		const uint8_t *d = p + 12 + (name + 3) / 4 * 4;

		ATF_REQUIRE(name == 5 || name == 6);
		ATF_CHECK_STREQ((const char *)p + 12,
		    t == 0x200 || t == 0x202 || t == 0x46e62b7f ? "LINUX" : "CORE");
		if (t == type && n-- == 0) {
			*len = desc;
			return d;
		}
		p = d + (desc + 3) / 4 * 4;
	}
	ATF_REQUIRE(p == end);
	return NULL;
}

static const uint8_t *
the_note(const struct file *f, uint32_t type, unsigned n, uint32_t want)
{
	uint32_t len = 0;
	const uint8_t *p = note(f, type, n, &len);

	ATF_REQUIRE_MSG(p != NULL, "no note 0x%x", (unsigned)type);
	ATF_CHECK_MSG(want == 0 || len == want, "note 0x%x has %u bytes", (unsigned)type, (unsigned)len);
	return p;
}

/* The segment with this address. */
static struct phdr
segment(const struct file *f, uint64_t addr)
{
	for (size_t i = 1; i < phdrs(f); i++) {
		struct phdr h = phdr_at(f, i);

		if (h.type == PT_LOAD && addr >= h.addr && addr - h.addr < h.memsz)
			return h;
	}
	return (struct phdr){ 0 };
}

static const uint8_t *
memory(const struct file *f, uint64_t addr)
{
	struct phdr h = segment(f, addr);

	ATF_REQUIRE_MSG(addr - h.addr < h.filesz, "0x%llx is not in the core", (unsigned long long)addr);
	return f->p + h.offset + (addr - h.addr);
}

/* ---- tests ---- */

ATF_TC_WITHOUT_HEAD(amd64_notes_are_where_linux_has_them);
ATF_TC_BODY(amd64_notes_are_where_linux_has_them, tc)
{
	static struct world w;
	struct file f;
	const uint8_t *p;

	world_init(&w);
	w.leader.signal_mask = 0x55;
	w.leader.last_signal = &w.signal;
	core_of(&w, &f);
	ATF_CHECK(memcmp(f.p, "\177ELF\2\1\1\0\0\0\0\0\0\0\0\0", 16) == 0);
	ATF_CHECK_EQ(psnap_get16(f.p + 16), ET_CORE);
	ATF_CHECK_EQ(psnap_get16(f.p + 18), EM_X86_64);
	p = the_note(&f, NT_PRSTATUS, 0, 336);
	ATF_CHECK_EQ(psnap_get64(p + 24), 0x55);
	ATF_CHECK_EQ(psnap_get32(p + 32), 100);			/* tid */
	ATF_CHECK_EQ(psnap_get32(p + 40), 100);			/* pgrp */
	ATF_CHECK_EQ(psnap_get64(p + 112), UINT64_C(0x0123456789abcdef));	/* r15 */
	ATF_CHECK_EQ(psnap_get64(p + 112 + 16 * 8), 0x401000);	/* rip */
	ATF_CHECK_EQ(psnap_get64(p + 112 + 17 * 8), 0x33);	/* cs */
	ATF_CHECK_EQ(psnap_get64(p + 112 + 20 * 8), 0x2b);	/* ss */
	ATF_CHECK_EQ(psnap_get64(p + 112 + 21 * 8), 0x7f0000000740);	/* fs_base */
	ATF_CHECK_EQ(psnap_get32(p + 328), 1);
	p = the_note(&f, NT_PRSTATUS, 1, 336);
	ATF_CHECK_EQ(psnap_get32(p + 32), 101);
	ATF_CHECK(note(&f, NT_PRSTATUS, 2, &(uint32_t){ 0 }) == NULL);
	p = the_note(&f, NT_PRPSINFO, 0, 136);
	ATF_CHECK_EQ(psnap_get32(p + 16), 1000);		/* uid */
	ATF_CHECK_EQ(psnap_get32(p + 24), 100);			/* pid */
	ATF_CHECK_STREQ((const char *)p + 40, "world");
	ATF_CHECK_STREQ((const char *)p + 56, "world --fast");
	p = the_note(&f, 0x53494749, 0, 128);
	ATF_CHECK_EQ(psnap_get32(p), 11);
	ATF_CHECK_EQ(psnap_get32(p + 8), 1);
	ATF_CHECK_EQ(psnap_get64(p + 16), 0x1234);
	p = the_note(&f, NT_AUXV, 0, 32);
	ATF_CHECK_EQ(psnap_get64(p), 3);
	ATF_CHECK_EQ(psnap_get64(p + 8), 0x400040);
	ATF_CHECK_EQ(psnap_get64(p + 16), 0);
	p = the_note(&f, 0x46494c45, 0, 0);
	ATF_CHECK_EQ(psnap_get64(p), 1);
	ATF_CHECK_EQ(psnap_get64(p + 8), WORLD_PAGE);
	ATF_CHECK_EQ(psnap_get64(p + 16), 0x400000);
	ATF_CHECK_EQ(psnap_get64(p + 24), 0x404000);
	ATF_CHECK_STREQ((const char *)p + 40, "/bin/world (deleted)");
	ATF_CHECK(note(&f, 0x200, 0, &(uint32_t){ 0 }) == NULL);
	free(f.p);
}

ATF_TC_WITHOUT_HEAD(i386_notes_are_where_linux_has_them);
ATF_TC_BODY(i386_notes_are_where_linux_has_them, tc)
{
	static struct world w;
	struct file f;
	const uint8_t *p;

	for (int native = 0; native < 2; native++) {
		world_init(&w);
		world_i386(&w);
		if (native)
			w.host.kernel_abi = PSNAP__ABI__ABI_I386;
		core_of(&w, &f);
		ATF_CHECK(!f.wide && f.p[EI_CLASS] == ELFCLASS32);
		ATF_CHECK_EQ(psnap_get16(f.p + 18), EM_386);
		p = the_note(&f, NT_PRSTATUS, 0, 144);
		ATF_CHECK_EQ(psnap_get32(p + 24), 100);				/* tid */
		ATF_CHECK_EQ(psnap_get32(p + 72 + 7 * 4), native ? 0x7b : 0x2b);	/* ds */
		ATF_CHECK_EQ(psnap_get32(p + 72 + 10 * 4), native ? 0x33 : 0x63);	/* gs: TLS slot 0 */
		ATF_CHECK_EQ(psnap_get32(p + 72 + 11 * 4), UINT32_MAX);		/* orig_eax */
		ATF_CHECK_EQ(psnap_get32(p + 72 + 12 * 4), 0x401000);		/* eip */
		ATF_CHECK_EQ(psnap_get32(p + 72 + 13 * 4), native ? 0x73 : 0x23);	/* cs */
		ATF_CHECK_EQ(psnap_get32(p + 140), 1);
		p = the_note(&f, NT_PRPSINFO, 0, 124);
		ATF_CHECK_EQ(psnap_get16(p + 8), 1000);
		ATF_CHECK_STREQ((const char *)p + 28, "world");
		ATF_CHECK_STREQ((const char *)p + 44, "world --fast");
		the_note(&f, 0x53494749, 1, 128);
		the_note(&f, NT_AUXV, 0, 16);
		the_note(&f, NT_FPREGSET, 1, 108);
		p = the_note(&f, 0x46e62b7f, 1, 512);
		ATF_CHECK_EQ(psnap_get16(p), 0x37f);
		p = the_note(&f, 0x200, 0, 48);
		ATF_CHECK_EQ(psnap_get32(p), native ? 6 : 12);
		ATF_CHECK_EQ(psnap_get32(p + 4), 0xf7d00740);
		ATF_CHECK_EQ(psnap_get32(p + 8), 0xfffff);
		ATF_CHECK_EQ(psnap_get32(p + 12), 0x51);
		ATF_CHECK_EQ(psnap_get32(p + 28), 0x28);			/* an empty slot */
		free(f.p);
	}
}

ATF_TC_WITHOUT_HEAD(fpu_components_are_where_debuggers_look);
ATF_TC_BODY(fpu_components_are_where_debuggers_look, tc)
{
	static struct world w;
	static uint8_t zmm[1024];
	static uint64_t k[8] = { 1, 2, 3, 4, 5, 6, 7, 0x8877665544332211 };
	struct file f;
	const uint8_t *p;

	world_init(&w);
	core_of(&w, &f);
	p = the_note(&f, NT_FPREGSET, 0, 512);
	ATF_CHECK(memcmp(p + 160, w.xmm, 256) == 0);
	p = the_note(&f, 0x202, 0, 832);
	ATF_CHECK_EQ(psnap_get64(p + 464), 7);
	ATF_CHECK_EQ(psnap_get64(p + 512), 7);
	ATF_CHECK(memcmp(p + 576, w.avx, 256) == 0);
	free(f.p);

	/* one thread with AVX-512 and a protection key gives all of them room */
	memset(zmm, 0x5a, sizeof zmm);
	w.bad_fpu = w.fpu;
	w.bad_fpu.n_opmask = 8;
	w.bad_fpu.opmask = k;
	w.bad_fpu.zmm_high = (ProtobufCBinaryData){ 512, w.avx };
	w.bad_fpu.zmm_upper = (ProtobufCBinaryData){ 1024, zmm };
	w.bad_fpu.has_pkru = true;
	w.bad_fpu.pkru = 0x55555554;
	w.worker.fpu = &w.bad_fpu;
	core_of(&w, &f);
	p = the_note(&f, 0x202, 0, 2696);
	ATF_CHECK_EQ(psnap_get64(p + 464), 0x2e7);
	ATF_CHECK_EQ(psnap_get64(p + 512), 7);
	p = the_note(&f, 0x202, 1, 2696);
	ATF_CHECK_EQ(psnap_get64(p + 512), 0x2e7);
	ATF_CHECK_EQ(psnap_get64(p + 1088 + 56), k[7]);
	ATF_CHECK(memcmp(p + 1152, w.avx, 512) == 0);
	ATF_CHECK(memcmp(p + 1664, zmm, 1024) == 0);
	ATF_CHECK_EQ(psnap_get32(p + 2688), 0x55555554);
	free(f.p);

	/* a thread whose FPU is as after a reset */
	w.worker.fpu = NULL;
	w.host.n_fpu_components = 0;
	w.leader.fpu = NULL;
	core_of(&w, &f);
	p = the_note(&f, 0x202, 0, 576);
	ATF_CHECK_EQ(psnap_get16(p), 0x37f);
	ATF_CHECK_EQ(psnap_get32(p + 24), 0x1f80);
	ATF_CHECK_EQ(psnap_get64(p + 464), 3);
	ATF_CHECK_EQ(psnap_get64(p + 512), 0);
	free(f.p);
}

/* FSAVE's tags are by register and say what is in it. */
ATF_TC_WITHOUT_HEAD(fsave_tags_tell_zero_valid_and_special);
ATF_TC_BODY(fsave_tags_tell_zero_valid_and_special, tc)
{
	static const uint8_t one[10] = { 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x3f };
	static const uint8_t infinite[10] = { 0, 0, 0, 0, 0, 0, 0, 0x80, 0xff, 0x7f };
	Psnap__Fpu fpu = PSNAP__FPU__INIT;
	Psnap__FpuX87 x87 = PSNAP__FPU_X87__INIT;
	uint8_t st[80] = { 0 }, out[FSAVE_LEN];

	/* three pushed: top is 5; st0 = 1.0 is register 5, st1 = 0 is 6, st2 = infinity is 7 */
	memcpy(st, one, 10);
	memcpy(st + 20, infinite, 10);
	fpu.x87 = &x87;
	x87.control = 0x27f;
	x87.status = 5 << 11;
	x87.tag = 0xe0;
	x87.opcode = 0x123;
	x87.instruction = 0x401234;
	x87.registers = (ProtobufCBinaryData){ sizeof st, st };
	core_fsave(&fpu, out);
	ATF_CHECK_EQ(psnap_get32(out), 0xffff027f);
	ATF_CHECK_EQ(psnap_get32(out + 4), 0xffff2800);
	ATF_CHECK_EQ_MSG(psnap_get32(out + 8), 0xffff93ff, "0x%x", (unsigned)psnap_get32(out + 8));
	ATF_CHECK_EQ(psnap_get32(out + 12), 0x401234);
	ATF_CHECK_EQ(psnap_get32(out + 16), 0x1230000);
	ATF_CHECK(memcmp(out + 28, st, 80) == 0);
}

ATF_TC_WITHOUT_HEAD(memory_is_held_pages_files_and_zeros);
ATF_TC_BODY(memory_is_held_pages_files_and_zeros, tc)
{
	static struct world w;
	static const uint8_t zeros[WORLD_PAGE];
	struct file f;
	struct phdr h;

	world_init(&w);
	core_of(&w, &f);
	/* an unchanged page of the file is left to the debugger, the changed one is there */
	h = segment(&f, 0x400000);
	ATF_CHECK(h.addr == 0x400000 && h.memsz == 2 * WORLD_PAGE && h.filesz == 0 && h.flags == (PF_R | PF_X));
	ATF_CHECK(memcmp(memory(&f, 0x402000), w.pages, WORLD_PAGE) == 0);
	h = segment(&f, 0x403000);
	ATF_CHECK(h.addr == 0x403000 && h.memsz == WORLD_PAGE && h.filesz == 0);
	/* the heap: two pages, a long stretch of nothing, a page, 23 pages of nothing */
	ATF_CHECK(memcmp(memory(&f, 0x70000000), w.pages + WORLD_PAGE, 2 * WORLD_PAGE) == 0);
	h = segment(&f, 0x70002000);
	ATF_CHECK(h.addr == 0x70002000 && h.memsz == 38 * WORLD_PAGE && h.filesz == 0);
	ATF_CHECK(memcmp(memory(&f, 0x70028000), w.pages + 3 * WORLD_PAGE, WORLD_PAGE) == 0);
	/* shared: the object's second and third page */
	ATF_CHECK(memcmp(memory(&f, 0x70100000), w.pages + 5 * WORLD_PAGE, 2 * WORLD_PAGE) == 0);
	ATF_CHECK(memcmp(memory(&f, 0x71000000), w.pages + 4 * WORLD_PAGE, WORLD_PAGE) == 0);
	ATF_CHECK_EQ(segment(&f, 0x71001000).type, 0);		/* vvar */
	for (size_t i = 1; i < phdrs(&f); i++) {
		h = phdr_at(&f, i);
		ATF_CHECK(h.offset % WORLD_PAGE == 0 && h.offset + h.filesz <= f.n && h.align == WORLD_PAGE);
	}
	free(f.p);

	/* gaps of up to 16 pages are written as zeros, in one segment with what is around them */
	w.runs[2].first = 0x70000 + 18;
	core_of(&w, &f);
	h = segment(&f, 0x70000000);
	ATF_CHECK(h.memsz == 19 * WORLD_PAGE && h.filesz == h.memsz);
	ATF_CHECK(memcmp(memory(&f, 0x70002000), zeros, WORLD_PAGE) == 0);
	ATF_CHECK(memcmp(memory(&f, 0x70012000), w.pages + 3 * WORLD_PAGE, WORLD_PAGE) == 0);
	free(f.p);

	/* a private mapping of an object shows the object where it was not written to */
	w.shared.kind = PSNAP__MAPPING_KIND__MAPPING_OBJECT_PRIVATE;
	w.runs[5].owner = SPACE;
	w.runs[5].first = 0x70101;
	w.runs[5].count = 1;
	core_of(&w, &f);
	ATF_CHECK(memcmp(memory(&f, 0x70100000), w.pages + 5 * WORLD_PAGE, WORLD_PAGE) == 0);
	ATF_CHECK(memcmp(memory(&f, 0x70101000), w.pages + 7 * WORLD_PAGE, WORLD_PAGE) == 0);
	free(f.p);
}

/* The same bytes on every machine. */
ATF_TC_WITHOUT_HEAD(bytes_do_not_depend_on_the_machine);
ATF_TC_BODY(bytes_do_not_depend_on_the_machine, tc)
{
	static const uint32_t want[] = { 0x4308ae21, 0x57572a71 };
	static struct world w;
	struct file f;

	for (size_t i = 0; i < 2; i++) {
		world_init(&w);
		if (i == 1)
			world_i386(&w);
		core_of(&w, &f);
		ATF_CHECK_MSG(crc32c(f.p, f.n) == want[i], "%s: 0x%08x", i == 0 ? "amd64" : "i386",
		    (unsigned)crc32c(f.p, f.n));
		free(f.p);
	}
}

ATF_TC_WITHOUT_HEAD(seventy_thousand_mappings_are_counted_in_section_0);
ATF_TC_BODY(seventy_thousand_mappings_are_counted_in_section_0, tc)
{
	enum { N = 70000 };
	static const struct snap_writer_options options = { .threads = 1 };
	static struct world w;
	struct snap_error err;
	struct snap_writer *sw;
	struct snap *s;
	struct file f = { .wide = true };
	FILE *out = fopen("many.psnap", "w+"), *core = fopen("core", "w+");

	world_init(&w);
	ATF_REQUIRE_EQ(snap_writer_open_fd(&sw, fileno(out), &options, &err), 0);
	ATF_REQUIRE_EQ(world_put(&w, sw, &err), 0);
	for (uint64_t i = 0; i < N; i++) {
		Psnap__Mapping m;

		world_mapping(&m, SPACE, 0x100000000 + i * 0x40000, 32, PSNAP_MAPPING_ANONYMOUS);
		ATF_REQUIRE_EQ(snap_writer_message(sw, PSNAP_KIND_MAPPING, 10000 + i, 0, &m.base, &err), 0);
	}
	ATF_REQUIRE_EQ(snap_writer_finish(sw, NULL, &err), 0);
	snap_writer_free(sw);
	fclose(out);
	ATF_REQUIRE_EQ(snap_open(&s, "many.psnap", NULL, &err), 0);
	ATF_REQUIRE_MSG(snap_export(s, "core", NULL, fileno(core), &err) == 0, "%s", err.msg);
	snap_close(s);
	ATF_REQUIRE(fseek(core, 0, SEEK_END) == 0);
	f.n = (size_t)ftell(core);
	rewind(core);
	ATF_REQUIRE((f.p = malloc(f.n)) != NULL);
	ATF_REQUIRE_EQ(fread(f.p, 1, f.n, core), f.n);
	fclose(core);
	ATF_CHECK_EQ(phdrs(&f), PN_XNUM);
	ATF_CHECK_EQ(psnap_get16(f.p + 60), 1);			/* section headers */
	ATF_CHECK_EQ(psnap_get16(f.p + 58), 64);
	uint64_t shoff = psnap_get64(f.p + 40);
	uint32_t count = psnap_get32(f.p + shoff + 44);		/* sh_info */

	ATF_CHECK_EQ_MSG(count, 1 + N + 9, "%u", (unsigned)count);
	ATF_CHECK_EQ(shoff, 64 + (uint64_t)count * 56);
	struct phdr last = phdr_at(&f, count - 1);

	ATF_CHECK_EQ(last.type, PT_LOAD);
	ATF_CHECK_EQ(last.addr, 0x100000000 + (N - 1) * UINT64_C(0x40000));
	free(f.p);
}

ATF_TC_WITHOUT_HEAD(a_pipe_gets_the_same_bytes);
ATF_TC_BODY(a_pipe_gets_the_same_bytes, tc)
{
	static struct world w;
	struct snap_error err;
	struct file f;
	struct snap *s;
	uint8_t *got;
	size_t n = 0;
	ssize_t k;
	int fds[2], status;
	pid_t pid;

	world_init(&w);
	core_of(&w, &f);
	s = open_world(&w);
	ATF_REQUIRE_EQ(pipe(fds), 0);
	ATF_REQUIRE((pid = fork()) >= 0);
	if (pid == 0) {
		close(fds[0]);
		_exit(snap_export(s, "core", NULL, fds[1], &err) == 0 ? 0 : 1);
	}
	close(fds[1]);
	ATF_REQUIRE((got = malloc(f.n + 1)) != NULL);
	while ((k = read(fds[0], got + n, f.n + 1 - n)) > 0)
		n += (size_t)k;
	ATF_REQUIRE_EQ(waitpid(pid, &status, 0), pid);
	ATF_CHECK_EQ(status, 0);
	ATF_CHECK(n == f.n && memcmp(got, f.p, n) == 0);
	free(got);
	free(f.p);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(what_has_no_core_is_refused_by_name);
ATF_TC_BODY(what_has_no_core_is_refused_by_name, tc)
{
	static struct world w;
	struct snap_export_options bad = { .reserved = { 1 } };
	struct snap_error err;
	struct snap *s;
	struct file f;

	world_init(&w);
	ATF_CHECK_EQ(export(&w, 300, &f, &err), SNAP_E_REFUSED);
	ATF_CHECK_EQ(err.record, ZOMBIE);
	ATF_CHECK_EQ(f.n, 0);
	free(f.p);
	ATF_CHECK_EQ(export(&w, 301, &f, &err), SNAP_E_NOT_FOUND);
	free(f.p);
	ATF_CHECK_EQ(export(&w, 200, &f, &err), 0);		/* the child */
	ATF_CHECK_EQ(psnap_get32(the_note(&f, NT_PRSTATUS, 0, 336) + 32), 200);
	free(f.p);
	w.child.abi = PSNAP__ABI__ABI_ARM64;
	ATF_CHECK_EQ(export(&w, 200, &f, &err), SNAP_E_UNSUPPORTED);
	free(f.p);
	w.child.abi = PSNAP__ABI__ABI_AMD64;
	w.child.address_space_id = FREE_ID;
	ATF_CHECK_EQ(export(&w, 200, &f, &err), SNAP_E_CORRUPT);
	free(f.p);
	w.child_map.start++;
	w.child.address_space_id = CHILD_SPACE;
	ATF_CHECK_EQ(export(&w, 200, &f, &err), SNAP_E_CORRUPT);
	ATF_CHECK_STREQ(err.rule, "MAP-1");
	ATF_CHECK_EQ(f.n, 0);
	free(f.p);
	world_init(&w);
	world_i386(&w);
	w.vdso.start = UINT64_C(0x100000000);
	w.vdso.end = w.vdso.start + WORLD_PAGE;
	ATF_CHECK_EQ(export(&w, 0, &f, &err), SNAP_E_REFUSED);
	ATF_CHECK_EQ(f.n, 0);
	free(f.p);
	s = open_world(&w);
	ATF_CHECK_EQ(snap_export(s, "core", &bad, 1, &err), SNAP_E_MISUSE);
	ATF_CHECK_EQ(snap_export(s, "nonsense", NULL, 1, &err), SNAP_E_NOT_FOUND);
	snap_close(s);
}

/* Rewriting keeps every record byte for byte, unknown ones too, and every page. */
ATF_TC_WITHOUT_HEAD(psnap_export_keeps_records_and_pages);
ATF_TC_BODY(psnap_export_keeps_records_and_pages, tc)
{
	static const struct snap_writer_options plain = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 };
	struct snap_export_options options = { .raw = 1 };
	static struct world w;
	uint8_t odd[PSNAP_REC_LEN + 3] = { 0 };
	const struct snap_object *const *a, *const *b;
	struct snap_summary sa, sb;
	struct snap_error err;
	struct snap_writer *sw;
	struct snap *s, *t;
	uint8_t pa[2 * WORLD_PAGE], pb[2 * WORLD_PAGE];
	size_t na, nb;
	FILE *in = fopen("in.psnap", "w+"), *out = fopen("out.psnap", "w+");

	world_init(&w);
	w.child_map.held_pages = 2;
	ATF_REQUIRE_EQ(snap_writer_open_fd(&sw, fileno(in), &plain, &err), 0);
	ATF_REQUIRE_EQ(world_put(&w, sw, &err), 0);
	psnap_put16(odd + PSNAP_REC_OFF_KIND, 79);
	odd[PSNAP_REC_OFF_REVISION] = 9;
	odd[PSNAP_REC_OFF_CRITICAL] = PSNAP_CRITICAL_CARRY;
	psnap_put32(odd + PSNAP_REC_OFF_LEN, 3);
	psnap_put64(odd + PSNAP_REC_OFF_ID, FREE_ID);
	ATF_REQUIRE_EQ(snap_writer_records(sw, odd, sizeof odd, &err), 0);
	ATF_REQUIRE_EQ(snap_writer_zero(sw, CHILD_SPACE, 0x70000, 2, &err), 0);
	ATF_REQUIRE_EQ(snap_writer_finish(sw, NULL, &err), 0);
	snap_writer_free(sw);
	fclose(in);
	ATF_REQUIRE_EQ(snap_open(&s, "in.psnap", NULL, &err), 0);
	ATF_REQUIRE_MSG(snap_export(s, "psnap", &options, fileno(out), &err) == 0, "%s", err.msg);
	fclose(out);
	ATF_REQUIRE_MSG(snap_open(&t, "out.psnap", NULL, &err) == 0, "%s", err.msg);
	a = snap_get_objects(s, &na);
	b = snap_get_objects(t, &nb);
	ATF_REQUIRE_EQ(na, nb);
	for (size_t i = 0; i < na; i++) {
		ATF_CHECK(a[i]->id == b[i]->id && a[i]->kind == b[i]->kind &&
		    a[i]->revision == b[i]->revision && a[i]->critical == b[i]->critical);
		ATF_CHECK(i == 0 || (a[i]->payload_len == b[i]->payload_len &&
		    memcmp(a[i]->payload, b[i]->payload, a[i]->payload_len) == 0));
	}
	const Psnap__Provenance *p = snap_get_message(t, PROVENANCE, PSNAP_KIND_PROVENANCE);

	ATF_CHECK_STREQ(p->program, "world");
	ATF_REQUIRE_EQ(p->n_conversions, 1);
	ATF_CHECK_STREQ(p->conversions[0]->program, "libsnap");
	ATF_CHECK_STREQ(p->conversions[0]->version, snap_version());
	snap_get_summary(s, &sa);
	snap_get_summary(t, &sb);
	ATF_CHECK(sa.stored_pages == sb.stored_pages && sa.zero_pages == 2 && sb.zero_pages == 2);
	ATF_CHECK_EQ(snap_read_memory(s, OBJECT, WORLD_PAGE, pa, sizeof pa, NULL, &err), 0);
	ATF_CHECK_EQ(snap_read_memory(t, OBJECT, WORLD_PAGE, pb, sizeof pb, NULL, &err), 0);
	ATF_CHECK(memcmp(pa, pb, sizeof pa) == 0);
	ATF_CHECK_EQ(snap_verify(t, NULL, NULL, &err), 0);
	snap_close(s);
	snap_close(t);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, amd64_notes_are_where_linux_has_them);
	ATF_TP_ADD_TC(tp, i386_notes_are_where_linux_has_them);
	ATF_TP_ADD_TC(tp, fpu_components_are_where_debuggers_look);
	ATF_TP_ADD_TC(tp, fsave_tags_tell_zero_valid_and_special);
	ATF_TP_ADD_TC(tp, memory_is_held_pages_files_and_zeros);
	ATF_TP_ADD_TC(tp, bytes_do_not_depend_on_the_machine);
	ATF_TP_ADD_TC(tp, seventy_thousand_mappings_are_counted_in_section_0);
	ATF_TP_ADD_TC(tp, a_pipe_gets_the_same_bytes);
	ATF_TP_ADD_TC(tp, what_has_no_core_is_refused_by_name);
	ATF_TP_ADD_TC(tp, psnap_export_keeps_records_and_pages);
	return atf_no_error();
}
