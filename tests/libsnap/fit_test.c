/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What a snapshot is said to depend on: each kind of evidence gives just its
 * finding, with its grade, and hostile ELF files give none.
 */
#include <atf-c.h>
#include <elf.h>
#include <stdlib.h>

#include "tests/libsnap/world.h"

static struct world world;

#define MAX	1000
struct findings {
	struct snap_fit_finding v[MAX];
	char		features[MAX][24];	/* v's, which live during the callback only */
	size_t		n;
	struct snap_fit_result result;
};

static void
add(void *ctx, const struct snap_fit_finding *finding)
{
	struct findings *f = ctx;

	ATF_REQUIRE(f->n < MAX);
	f->v[f->n] = *finding;
	snprintf(f->features[f->n], sizeof f->features[0], "%s", finding->feature);
	f->v[f->n].feature = f->features[f->n];
	f->n++;
}

static struct snap *
open_world(const struct world *w)
{
	struct snap_error err;
	struct snap *s;
	FILE *f = fopen("fit.psnap", "w+");

	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE_MSG(world_write(w, fileno(f), &err) == 0, "%s", err.msg);
	fclose(f);
	ATF_REQUIRE_MSG(snap_open(&s, "fit.psnap", NULL, &err) == 0, "%s", err.msg);
	return s;
}

static Psnap__Host *
host(const char *name)
{
	struct snap_error err;
	Psnap__Host *h;

	ATF_REQUIRE_MSG(snap_host_describe(&h, name, &err) == 0, "%s", err.msg);
	return h;
}

static void
fit_host(const struct world *w, const Psnap__Host *h, struct findings *f)
{
	struct snap_fit_options options = { .host = h };
	struct snap *s = open_world(w);
	struct snap_error err;

	f->n = 0;
	ATF_REQUIRE_MSG(snap_fit(s, &options, add, f, &f->result, &err) == 0, "%s", err.msg);
	snap_close(s);
}

static void
fit(const struct world *w, const char *name, struct findings *f)
{
	Psnap__Host *h = host(name);

	fit_host(w, h, f);
	psnap__host__free_unpacked(h, NULL);
}

/* The finding with this evidence, about this feature unless that is NULL; NULL if there is none. */
static const struct snap_fit_finding *
find(const struct findings *f, const char *evidence, const char *feature)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->v[i].evidence, evidence) == 0 && (feature == NULL ||
		    strcmp(f->v[i].feature, feature) == 0))
			return &f->v[i];
	return NULL;
}

static bool
is(const struct findings *f, const char *evidence, const char *feature, enum snap_fit_grade grade, bool missing)
{
	const struct snap_fit_finding *x = find(f, evidence, feature);

	return x != NULL && x->grade == grade && x->missing == missing;
}

ATF_TC_WITHOUT_HEAD(each_level_has_all_of_the_one_before);
ATF_TC_BODY(each_level_has_all_of_the_one_before, tc)
{
	static const struct { const char *name; size_t features, components; } levels[] = {
		{ "i686", 4, 1 }, { "x86-64", 10, 2 }, { "x86-64-v2", 17, 2 }, { "x86-64-v3", 26, 3 },
		{ "x86-64-v4", 31, 6 },
	};
	struct snap_error err;
	Psnap__Host *h, *before = NULL;

	for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
		size_t shared = 0;

		h = host(levels[i].name);
		ATF_CHECK_EQ(h->n_cpu_features, levels[i].features);
		ATF_CHECK_EQ(h->n_fpu_components, levels[i].components);
		for (size_t k = 0; k < h->n_cpu_features; k++) {
			ATF_CHECK(k == 0 || strcmp(h->cpu_features[k - 1], h->cpu_features[k]) < 0);
			for (size_t m = 0; before != NULL && m < before->n_cpu_features; m++)
				shared += strcmp(before->cpu_features[m], h->cpu_features[k]) == 0;
		}
		if (before != NULL) {
			ATF_CHECK_EQ(shared, before->n_cpu_features);
			psnap__host__free_unpacked(before, NULL);
		}
		before = h;
	}
	psnap__host__free_unpacked(before, NULL);
	ATF_CHECK_EQ(snap_host_describe(&h, "x86-64-v5", &err), SNAP_E_NOT_FOUND);
	ATF_CHECK(h == NULL);
}

ATF_TC_WITHOUT_HEAD(this_machine_is_described_or_refused);
ATF_TC_BODY(this_machine_is_described_or_refused, tc)
{
	struct snap_error err;
	Psnap__Host *h;
	int r = snap_host_describe(&h, NULL, &err);

#if defined(__x86_64__) || defined(__i386__)
	ATF_REQUIRE_EQ(r, 0);
	ATF_CHECK(h->n_cpu_features > 4 && h->n_fpu_components >= 2 && h->cpu_vendor[0] != '\0');
	psnap__host__free_unpacked(h, NULL);
#else
	ATF_CHECK_EQ(r, SNAP_E_UNSUPPORTED);
	ATF_CHECK(h == NULL);
#endif
}

ATF_TC_WITHOUT_HEAD(a_value_in_a_register_is_fatal_and_a_fresh_one_is_not);
ATF_TC_BODY(a_value_in_a_register_is_fatal_and_a_fresh_one_is_not, tc)
{
	static struct findings f;

	world_init(&world);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(is(&f, "registers", "avx", SNAP_FIT_FATAL, true));
	ATF_CHECK(is(&f, "registers", "sse", SNAP_FIT_FATAL, false));
	ATF_CHECK(find(&f, "fresh-registers", NULL) == NULL);
	ATF_CHECK_EQ(find(&f, "registers", "avx")->pid, 100);
	fit(&world, "x86-64-v3", &f);
	ATF_CHECK(is(&f, "registers", "avx", SNAP_FIT_FATAL, false));
	/* in all three threads */
	ATF_CHECK_EQ(find(&f, "registers", "avx")->count, 3);
	memset(world.avx, 0, 256);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(find(&f, "registers", "avx") == NULL);
	ATF_CHECK(is(&f, "fresh-registers", "avx", SNAP_FIT_POSSIBLE, true));
	ATF_CHECK_EQ(f.result.fatal, 0);
}

ATF_TC_WITHOUT_HEAD(protection_keys_count_when_they_differ_from_what_all_are_given);
ATF_TC_BODY(protection_keys_count_when_they_differ_from_what_all_are_given, tc)
{
	static struct findings f;

	world_init(&world);
	world.present[2] = PSNAP__FPU_COMPONENT_KIND__FPU_PKRU;
	world.fpu.avx.len = 0;
	world.fpu.has_pkru = true;
	for (int used = 0; used < 2; used++) {
		world.fpu.pkru = used ? 0x55555550 : 0x55555554;
		fit(&world, "x86-64-v4", &f);
		ATF_CHECK_EQ(find(&f, "registers", "ospke") != NULL, used);
		ATF_CHECK(find(&f, "fresh-registers", "ospke") == NULL);
		ATF_CHECK_EQ(f.result.fatal, (uint64_t)used);
	}
	world.fpu.pkru = 0x55555554;
	world.heap.protection_key = 3;
	fit(&world, "x86-64-v4", &f);
	ATF_CHECK(is(&f, "protection-key", "ospke", SNAP_FIT_FATAL, true));
	ATF_CHECK_EQ(find(&f, "protection-key", "ospke")->object, HEAP);
}

ATF_TC_WITHOUT_HEAD(what_the_kernel_told_is_possible);
ATF_TC_BODY(what_the_kernel_told_is_possible, tc)
{
	static struct findings f;

	world_init(&world);
	world.aux.type = 16;		/* AT_HWCAP */
	world.aux.value = UINT64_C(1) << 26;
	fit(&world, "i686", &f);
	ATF_CHECK(is(&f, "hwcap", "sse2", SNAP_FIT_POSSIBLE, true));
	ATF_CHECK(find(&f, "hwcap", "sse") == NULL);
	world.aux.type = 26;		/* AT_HWCAP2 */
	world.aux.value = 2;
	fit(&world, "x86-64", &f);
	ATF_CHECK(is(&f, "hwcap", "fsgsbase", SNAP_FIT_POSSIBLE, true));
	ATF_CHECK(find(&f, "hwcap", "sse2") == NULL);
}

ATF_TC_WITHOUT_HEAD(what_the_source_had_is_possible_or_harmless);
ATF_TC_BODY(what_the_source_had_is_possible_or_harmless, tc)
{
	static struct findings f;
	Psnap__Host *h = host("x86-64");
	char *lists[] = { "cx8", "lm", "smep" };

	world_init(&world);
	memset(world.avx, 0, 256);
	world.features[0] = "avx";
	world.features[1] = "erms";
	fit_host(&world, h, &f);
	ATF_CHECK(is(&f, "source-cpu", "avx", SNAP_FIT_POSSIBLE, true));
	/* one that lists nothing of the kind cannot be said to lack it */
	ATF_CHECK(find(&f, "source-cpu", "erms") == NULL);
	psnap__host__free_unpacked(h, NULL);
	h = malloc(sizeof *h);
	psnap__host__init(h);
	h->cpu_features = lists;
	h->n_cpu_features = 3;
	fit_host(&world, h, &f);
	ATF_CHECK(is(&f, "source-cpu", "erms", SNAP_FIT_HARMLESS, true));
	ATF_CHECK_EQ(f.result.harmless, 1);
	free(h);
}

ATF_TC_WITHOUT_HEAD(programs_need_a_kernel_of_their_kind_and_age);
ATF_TC_BODY(programs_need_a_kernel_of_their_kind_and_age, tc)
{
	static struct findings f;
	Psnap__Rseq rseq;
	Psnap__Host *h;

	world_init(&world);
	fit(&world, "i686", &f);
	ATF_CHECK(is(&f, "abi", "lm", SNAP_FIT_FATAL, true));
	fit(&world, "x86-64", &f);
	ATF_CHECK(is(&f, "abi", "lm", SNAP_FIT_FATAL, false));
	world_i386(&world);
	fit(&world, "x86-64", &f);
	ATF_CHECK(is(&f, "abi", "", SNAP_FIT_FATAL, false));
	psnap__rseq__init(&rseq);
	rseq.address = 0x70000000;
	world.leader.rseq = &rseq;
	h = host("x86-64-v4");
	h->os = PSNAP__OS__OS_LINUX;
	h->kernel_release = "4.17.19-generic";
	fit_host(&world, h, &f);
	ATF_CHECK(is(&f, "rseq", "", SNAP_FIT_FATAL, true));
	h->kernel_release = "4.18.0";
	fit_host(&world, h, &f);
	ATF_CHECK(is(&f, "rseq", "", SNAP_FIT_FATAL, false));
	h->kernel_release = (char *)(uintptr_t)protobuf_c_empty_string;
	psnap__host__free_unpacked(h, NULL);
}

ATF_TC_WITHOUT_HEAD(a_folder_of_glibc_tells_its_level);
ATF_TC_BODY(a_folder_of_glibc_tells_its_level, tc)
{
	static struct findings f;

	world_init(&world);
	world.exe.path = world_bytes("/lib/glibc-hwcaps/x86-64-v3/libworld.so");
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(is(&f, "hwcaps-folder", "x86-64-v3", SNAP_FIT_FATAL, true));
	ATF_CHECK_STREQ(f.result.level, "x86-64-v3");
	fit(&world, "x86-64-v4", &f);
	ATF_CHECK(is(&f, "hwcaps-folder", "x86-64-v3", SNAP_FIT_FATAL, false));
	world.exe.path = world_bytes("/lib/glibc-hwcaps/x86-64-v9/libworld.so");
	fit(&world, "x86-64", &f);
	ATF_CHECK(find(&f, "hwcaps-folder", NULL) == NULL);
}

/* ---- ELF files, in the snapshot as contents of a deleted one ---- */

/*
 * World's executable, loaded at 0x400000.  Its third page is held, and begins
 * with a slot; `f_avx2` is at 0x400800, `g` is chosen by CPU.
 */
enum {
	NOTE = 0x100, RELA = 0x200, SYMTAB = 0x300, STRTAB = 0x400, SECTIONS = 0x500, IMAGE = 0x800,
	SLOT = 0x402000, FUNCTION = 0x400800,
};

static void
put_section(uint8_t *image, unsigned n, uint32_t type, uint64_t flags, uint64_t offset, uint64_t size,
    uint32_t link, uint64_t entry)
{
	uint8_t *p = image + SECTIONS + n * 64;

	psnap_put32(p + 4, type);
	psnap_put64(p + 8, flags);
	psnap_put64(p + 24, offset);
	psnap_put64(p + 32, size);
	psnap_put32(p + 40, link);
	psnap_put64(p + 48, 8);
	psnap_put64(p + 56, entry);
}

static void
put_symbol(uint8_t *image, unsigned n, uint32_t name, unsigned type, uint64_t value)
{
	uint8_t *p = image + SYMTAB + n * 24;

	psnap_put32(p, name);
	p[4] = (uint8_t)type;
	psnap_put16(p + 6, 1);
	psnap_put64(p + 8, value);
}

static void
put_segment(uint8_t *image, unsigned n, uint32_t type, uint64_t offset, uint64_t addr, uint64_t size)
{
	uint8_t *p = image + 64 + n * 56;

	psnap_put32(p, type);
	psnap_put64(p + 8, offset);
	psnap_put64(p + 16, addr);
	psnap_put64(p + 32, size);
	psnap_put64(p + 40, size);
	psnap_put64(p + 48, 8);
}

/* A note of one property; its lengths are the caller's. */
static void
put_property(uint8_t *image, uint32_t kind, uint32_t value, uint32_t note_len, uint32_t property_len)
{
	uint8_t *p = image + NOTE;

	psnap_put32(p, 4);
	psnap_put32(p + 4, note_len);
	psnap_put32(p + 8, 5);
	memcpy(p + 12, "GNU", 4);
	psnap_put32(p + 16, kind);
	psnap_put32(p + 20, property_len);
	psnap_put32(p + 24, value);
}

static void
make_image(uint8_t *image)
{
	static const char strings[] = "\0f_avx2\0g";

	memset(image, 0, IMAGE);
	memcpy(image, "\177ELF\2\1\1", 7);
	psnap_put16(image + 16, ET_DYN);
	psnap_put16(image + 18, EM_X86_64);
	psnap_put32(image + 20, 1);
	psnap_put64(image + 32, 64);
	psnap_put64(image + 40, SECTIONS);
	psnap_put16(image + 52, 64);
	psnap_put16(image + 54, 56);
	psnap_put16(image + 56, 2);
	psnap_put16(image + 58, 64);
	psnap_put16(image + 60, 4);
	put_segment(image, 0, PT_LOAD, 0, 0x400000, IMAGE);
	put_segment(image, 1, PT_NOTE, NOTE, 0x400000 + NOTE, 32);
	put_property(image, GNU_PROPERTY_X86_ISA_1_NEEDED, 1, 16, 4);
	psnap_put64(image + RELA, SLOT);
	psnap_put64(image + RELA + 8, R_X86_64_IRELATIVE);
	put_symbol(image, 1, 1, STT_FUNC, FUNCTION);
	put_symbol(image, 2, 8, STT_GNU_IFUNC, FUNCTION);
	memcpy(image + STRTAB, strings, sizeof strings);
	put_section(image, 1, SHT_RELA, SHF_ALLOC, RELA, 24, 2, 24);
	put_section(image, 2, SHT_SYMTAB, 0, SYMTAB, 72, 3, 24);
	put_section(image, 3, SHT_STRTAB, 0, STRTAB, sizeof strings, 0, 0);
}

/* The world with this image, and with a value in its slot, which is the first word of the first run. */
static void
world_of(struct world *w, const uint8_t *image, uint64_t slot)
{
	uint64_t pages = 0;

	world_init(w);
	w->exe.size = w->content.size = IMAGE;
	psnap_put64(w->pages, slot);
	for (size_t i = 0; i < 5; i++)
		pages += w->runs[i].count;
	w->runs[5].owner = CONTENT;
	w->runs[5].count = 1;
	memcpy(w->pages + pages * WORLD_PAGE, image, IMAGE);
}

ATF_TC_WITHOUT_HEAD(properties_tell_the_level_a_file_was_linked_for);
ATF_TC_BODY(properties_tell_the_level_a_file_was_linked_for, tc)
{
	static struct findings f;
	static uint8_t image[IMAGE];

	make_image(image);
	world_of(&world, image, 0);
	fit(&world, "x86-64", &f);
	ATF_CHECK(find(&f, "not-examined", NULL) == NULL);
	ATF_CHECK(find(&f, "needed-property", NULL) == NULL);
	put_property(image, GNU_PROPERTY_X86_ISA_1_NEEDED, 4, 16, 4);
	world_of(&world, image, 0);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(is(&f, "needed-property", "x86-64-v3", SNAP_FIT_FATAL, true));
	fit(&world, "x86-64-v3", &f);
	ATF_CHECK(is(&f, "needed-property", "x86-64-v3", SNAP_FIT_FATAL, false));
	ATF_CHECK_EQ(f.result.fatal, 0);
	put_property(image, GNU_PROPERTY_X86_ISA_1_NEEDED, 16, 16, 4);
	world_of(&world, image, 0);
	fit(&world, "x86-64-v4", &f);
	ATF_CHECK(is(&f, "needed-property", "", SNAP_FIT_FATAL, true));
	put_property(image, GNU_PROPERTY_X86_ISA_1_USED, 8, 16, 4);
	world_of(&world, image, 0);
	fit(&world, "x86-64-v3", &f);
	ATF_CHECK(is(&f, "used-property", "x86-64-v4", SNAP_FIT_POSSIBLE, true));
	ATF_CHECK_EQ(f.result.fatal, 0);
	put_property(image, GNU_PROPERTY_X86_FEATURE_1_AND, GNU_PROPERTY_X86_FEATURE_1_SHSTK, 16, 4);
	world_of(&world, image, 0);
	fit(&world, "x86-64-v3", &f);
	ATF_CHECK(is(&f, "marked-property", "user_shstk", SNAP_FIT_HARMLESS, true));
	ATF_CHECK(find(&f, "marked-property", "ibt") == NULL);
}

ATF_TC_WITHOUT_HEAD(a_slot_tells_which_variant_was_chosen);
ATF_TC_BODY(a_slot_tells_which_variant_was_chosen, tc)
{
	static struct findings f;
	static uint8_t image[IMAGE];

	make_image(image);
	world_of(&world, image, FUNCTION);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(is(&f, "variant", "avx2", SNAP_FIT_FATAL, true));
	ATF_CHECK(strstr(find(&f, "variant", "avx2")->message, "f_avx2 of /bin/world") != NULL);
	/* not where a variant begins */
	world_of(&world, image, FUNCTION + 1);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(find(&f, "variant", NULL) == NULL);
	/* a function called by name counts if that name is chosen by CPU, here the second and not the first */
	for (uint64_t symbol = 1; symbol <= 2; symbol++) {
		psnap_put64(image + RELA + 8, symbol << 32 | R_X86_64_JUMP_SLOT);
		world_of(&world, image, FUNCTION);
		fit(&world, "x86-64-v2", &f);
		ATF_CHECK_EQ(find(&f, "variant", "avx2") != NULL, symbol == 2);
	}
	/* a relocation of another kind */
	psnap_put64(image + RELA + 8, R_X86_64_RELATIVE);
	world_of(&world, image, FUNCTION);
	fit(&world, "x86-64-v2", &f);
	ATF_CHECK(find(&f, "variant", NULL) == NULL);
}

ATF_TC_WITHOUT_HEAD(hostile_files_tell_nothing_and_do_no_harm);
ATF_TC_BODY(hostile_files_tell_nothing_and_do_no_harm, tc)
{
	static const uint32_t lengths[] = { 0, 1, 5, 7, 8, 9, 15, 17, 0x7fffffff, 0xfffffff0, 0xffffffff };
	static struct findings f;
	static uint8_t image[IMAGE], good[IMAGE];

	make_image(good);
	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++)
		for (int which = 0; which < 2; which++) {
			memcpy(image, good, IMAGE);
			put_property(image, GNU_PROPERTY_X86_ISA_1_NEEDED, 4, which ? 16 : lengths[i],
			    which ? lengths[i] : 4);
			world_of(&world, image, FUNCTION);
			fit(&world, "x86-64-v2", &f);
			/* a longer note reaches beyond its segment; a short one has no whole property */
			ATF_CHECK_EQ(find(&f, "needed-property", NULL) != NULL, !which && lengths[i] == 15);
		}
	/* every byte of headers, relocations and sections, in turn */
	for (size_t at = 0; at < IMAGE; at += at >= 64 + 112 && at < NOTE ? 64 : 1)
		for (int value = 0; value < 256; value += 255) {
			memcpy(image, good, IMAGE);
			if (image[at] == value)
				continue;
			image[at] = (uint8_t)value;
			world_of(&world, image, FUNCTION);
			fit(&world, "x86-64-v4", &f);
		}
}

ATF_TC_WITHOUT_HEAD(only_files_of_the_recorded_build_are_looked_into);
ATF_TC_BODY(only_files_of_the_recorded_build_are_looked_into, tc)
{
	static const struct { const char *path, *why; } cases[] = {
		{ "/nowhere/at/all", "not on this machine" }, { "relative", "not a path" },
		{ "/dev/zero", "cannot be read" }, { "/", "cannot be read" }, { "/proc/self/exe", "cannot be read" },
		{ "/etc/passwd", "another build" },
	};
	static struct findings f;
	struct snap_fit_options options = { .no_files = true };
	struct snap_error err;
	struct snap *s;

	world_init(&world);
	world.exe.deleted = false;
	world.exe.content_object_id = 0;
	world.runs[5].count = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		world.exe.path = world_bytes(cases[i].path);
		world.exe.build_id = world_bytes("01234567890123456789");
		fit(&world, "x86-64", &f);
		ATF_REQUIRE(is(&f, "not-examined", "", SNAP_FIT_POSSIBLE, true));
		ATF_CHECK_MSG(strstr(find(&f, "not-examined", "")->message, cases[i].why) != NULL, "%s: %s",
		    cases[i].path, find(&f, "not-examined", "")->message);
	}
	world.exe.build_id.len = 0;
	fit(&world, "x86-64", &f);
	ATF_CHECK(strstr(find(&f, "not-examined", "")->message, "no build id") != NULL);
	s = open_world(&world);
	options.host = host("x86-64");
	f.n = 0;
	ATF_REQUIRE_EQ(snap_fit(s, &options, add, &f, &f.result, &err), 0);
	ATF_CHECK(strstr(find(&f, "not-examined", "")->message, "not to be opened") != NULL);
	options.reserved[0] = 1;
	ATF_CHECK_EQ(snap_fit(s, &options, NULL, NULL, &f.result, &err), SNAP_E_MISUSE);
	psnap__host__free_unpacked((Psnap__Host *)(uintptr_t)options.host, NULL);
	snap_close(s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, each_level_has_all_of_the_one_before);
	ATF_TP_ADD_TC(tp, this_machine_is_described_or_refused);
	ATF_TP_ADD_TC(tp, a_value_in_a_register_is_fatal_and_a_fresh_one_is_not);
	ATF_TP_ADD_TC(tp, protection_keys_count_when_they_differ_from_what_all_are_given);
	ATF_TP_ADD_TC(tp, what_the_kernel_told_is_possible);
	ATF_TP_ADD_TC(tp, what_the_source_had_is_possible_or_harmless);
	ATF_TP_ADD_TC(tp, programs_need_a_kernel_of_their_kind_and_age);
	ATF_TP_ADD_TC(tp, a_folder_of_glibc_tells_its_level);
	ATF_TP_ADD_TC(tp, properties_tell_the_level_a_file_was_linked_for);
	ATF_TP_ADD_TC(tp, a_slot_tells_which_variant_was_chosen);
	ATF_TP_ADD_TC(tp, hostile_files_tell_nothing_and_do_no_harm);
	ATF_TP_ADD_TC(tp, only_files_of_the_recorded_build_are_looked_into);
	return atf_no_error();
}
