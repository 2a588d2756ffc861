/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Descriptions of hosts, as Host records: this machine's by CPUID, and those
 * of CPUs known by a name.  protobuf-c frees them, so each piece is malloc'd.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#define IS_X86	1
#endif

#include "libsnap/core/error.h"
#include "libsnap/fit/fit.h"

/* Components of the FPU by their bit in XCR0. */
static const struct { unsigned bit; Psnap__FpuComponentKind kind; } components[] = {
	{ 0, PSNAP__FPU_COMPONENT_KIND__FPU_X87 }, { 1, PSNAP__FPU_COMPONENT_KIND__FPU_SSE },
	{ 2, PSNAP__FPU_COMPONENT_KIND__FPU_AVX }, { 5, PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK },
	{ 6, PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH }, { 7, PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER },
	{ 9, PSNAP__FPU_COMPONENT_KIND__FPU_PKRU }, { 17, PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG },
	{ 18, PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA },
};
#define FLAGS_MAX	16384
#define NAMES_MAX	1024		/* features of a CPU; Linux knows some 700 */
#define NCOMPONENTS	(sizeof components / sizeof *components)

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool
copy(char **field, const char *text)
{
	char *s = strdup(text);

	if (s != NULL)
		*field = s;
	return s != NULL;
}

static bool
add_name(Psnap__Host *h, const char *name)
{
	if (h->n_cpu_features == NAMES_MAX || (h->cpu_features[h->n_cpu_features] = strdup(name)) == NULL)
		return false;
	h->n_cpu_features++;
	return true;
}

/* The names of a set and other names, divided by blanks, sorted, and the components of xcr0. */
static int
fill(Psnap__Host *h, const struct feature_set *set, char *others, uint64_t xcr0, struct snap_error *err)
{
	char *rest = NULL;

	h->cpu_features = calloc(NAMES_MAX, sizeof *h->cpu_features);
	h->fpu_components = calloc(NCOMPONENTS, sizeof *h->fpu_components);
	if (h->cpu_features == NULL || h->fpu_components == NULL)
		return error_nomem(err);
	for (size_t i = 0; i < feature_count(); i++)
		if (set_has(set, i) && !add_name(h, feature_at(i)->name))
			return error_nomem(err);
	for (char *w = strtok_r(others, " \n", &rest); w != NULL; w = strtok_r(NULL, " \n", &rest))
		if (feature_find(w, strlen(w)) < 0 && !add_name(h, w))
			return error_nomem(err);
	qsort(h->cpu_features, h->n_cpu_features, sizeof *h->cpu_features, compare_names);
	for (size_t i = 0; i < NCOMPONENTS; i++)
		if (xcr0 >> components[i].bit & 1)
			h->fpu_components[h->n_fpu_components++] = components[i].kind;
	return 0;
}

/* ---- by name ---- */

static int
describe_level(Psnap__Host *h, enum level level, struct snap_error *err)
{
	static const uint64_t xcr0[] = {
		[LEVEL_I686] = 0x1, [LEVEL_AMD64] = 0x3, [LEVEL_V2] = 0x3, [LEVEL_V3] = 0x7, [LEVEL_V4] = 0xe7,
	};
	struct feature_set set = level_features(level);
	char others[] = "";

	h->kernel_abi = level == LEVEL_I686 ? PSNAP__ABI__ABI_I386 : PSNAP__ABI__ABI_AMD64;
	if (!copy(&h->cpu_model, level_name(level)))
		return error_nomem(err);
	return fill(h, &set, others, xcr0[level], err);
}

/* ---- this machine ---- */

#ifdef IS_X86

/* One leaf, remembered: under a hypervisor each question is expensive. */
static uint32_t
cpuid(uint32_t leaf, uint32_t subleaf, int reg)
{
	static _Thread_local struct { uint32_t leaf, subleaf, r[4]; bool valid; } last;

	if (!last.valid || last.leaf != leaf || last.subleaf != subleaf) {
		memset(&last, 0, sizeof last);
		last.leaf = leaf;
		last.subleaf = subleaf;
		last.valid = true;
		if (!__get_cpuid_count(leaf, subleaf, &last.r[EAX], &last.r[EBX], &last.r[ECX], &last.r[EDX]))
			memset(last.r, 0, sizeof last.r);
	}
	return last.r[reg];
}

/* Components the kernel has enabled; what every x86 has where it cannot be asked. */
static uint64_t
read_xcr0(void)
{
	uint32_t lo, hi;

	if (!(cpuid(1, 0, ECX) & bit_OSXSAVE))
		return cpuid(1, 0, EDX) & bit_SSE ? 0x3 : 0x1;
	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (uint64_t)hi << 32 | lo;
}

static bool
is_enabled(Psnap__FpuComponentKind kind, uint64_t xcr0)
{
	for (size_t i = 0; i < NCOMPONENTS; i++)
		if (components[i].kind == kind)
			return xcr0 >> components[i].bit & 1;
	return true;
}

static struct feature_set
read_features(uint64_t xcr0)
{
	struct feature_set set = { 0 };

	for (size_t i = 0; i < feature_count(); i++) {
		const struct feature *f = feature_at(i);

		if (cpuid(f->leaf, f->subleaf, f->reg) >> f->bit & 1 && is_enabled(f->component, xcr0))
			set_add(&set, i);
	}
	return set;
}

/* Registers of a leaf as text. */
static void
append_text(char *out, uint32_t leaf, const int *regs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t r = cpuid(leaf, 0, regs[i]);

		memcpy(out + 4 * i, &r, 4);
	}
}

static bool
read_names(Psnap__Host *h)
{
	static const int vendor_order[] = { EBX, EDX, ECX }, order[] = { EAX, EBX, ECX, EDX };
	char vendor[13] = "", model[49] = "", *p = model;

	append_text(vendor, 0, vendor_order, 3);
	for (uint32_t i = 0; i < 3; i++)
		append_text(model + 16 * i, 0x80000002 + i, order, 4);
	p += strspn(p, " ");
	for (size_t n = strlen(p); n > 0 && p[n - 1] == ' '; n--)
		p[n - 1] = '\0';
	return copy(&h->cpu_vendor, vendor) && copy(&h->cpu_model, p);
}

/* Every name Linux has for this CPU; "" elsewhere. */
static void
read_flags(char *line, int size)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	bool found = false;
	char *colon = NULL;

	while (f != NULL && !found && fgets(line, size, f) != NULL)
		found = strncmp(line, "flags", 5) == 0 && (colon = strchr(line, ':')) != NULL;
	if (f != NULL)
		fclose(f);
	if (found)
		memmove(line, colon + 1, strlen(colon));
	else
		line[0] = '\0';
}

static int
describe_here(Psnap__Host *h, struct snap_error *err)
{
	uint64_t xcr0 = read_xcr0();
	struct feature_set set = read_features(xcr0);
	char others[FLAGS_MAX];
	struct utsname uts;

	if (uname(&uts) < 0)
		return error_io(err, 0, "uname");
	h->os = strcmp(uts.sysname, "Linux") == 0 ? PSNAP__OS__OS_LINUX :
	    strcmp(uts.sysname, "FreeBSD") == 0 ? PSNAP__OS__OS_FREEBSD : PSNAP__OS__OS_UNKNOWN;
	/* a personality may hide it from 32-bit programs only */
	h->kernel_abi = sizeof(void *) == 8 || strcmp(uts.machine, "x86_64") == 0 ||
	    strcmp(uts.machine, "amd64") == 0 ? PSNAP__ABI__ABI_AMD64 : PSNAP__ABI__ABI_I386;
	read_flags(others, sizeof others);
	if (!copy(&h->kernel_release, uts.release) || !read_names(h))
		return error_nomem(err);
	return fill(h, &set, others, xcr0, err);
}

#else

static int
describe_here(Psnap__Host *h, struct snap_error *err)
{
	(void)h;
	return error_set(err, SNAP_E_UNSUPPORTED, "", 0, "this machine is not an x86");
}

#endif

int
snap_host_describe(struct Psnap__Host **hp, const char *name, struct snap_error *err)
{
	enum level level = name != NULL ? level_find(name) : LEVEL_NONE;
	Psnap__Host *h;
	int r;

	*hp = NULL;
	if (name != NULL && level == LEVEL_NONE)
		return error_set(err, SNAP_E_NOT_FOUND, "", 0, "no CPU is known as '%.40s'", name);
	if ((h = malloc(sizeof *h)) == NULL)
		return error_nomem(err);
	psnap__host__init(h);
	r = name != NULL ? describe_level(h, level, err) : describe_here(h, err);
	if (r == 0)
		*hp = h;
	else
		psnap__host__free_unpacked(h, NULL);
	return r;
}
