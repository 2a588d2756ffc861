/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The features programs can depend on, with their places in CPUID (Intel's and
 * AMD's manuals) and the levels of the x86-64 psABI.  What Linux lists besides
 * these is the kernel's business (smep, vmx) or only about speed (erms, hle).
 */
#include <string.h>

#include "libsnap/fit/fit.h"

#define AVX	PSNAP__FPU_COMPONENT_KIND__FPU_AVX
#define ZMM	PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH
#define KEYS	PSNAP__FPU_COMPONENT_KIND__FPU_PKRU
#define AMX	PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA

static const struct feature features[] = {
	/* tsc and clflush are not named by the psABI, but every CPU of their level has them */
	{ "fpu", 1, 0, EDX, 0, 0, LEVEL_I686 },
	{ "tsc", 1, 0, EDX, 4, 0, LEVEL_I686 },
	{ "cx8", 1, 0, EDX, 8, 0, LEVEL_I686 },
	{ "cmov", 1, 0, EDX, 15, 0, LEVEL_I686 },
	{ "clflush", 1, 0, EDX, 19, 0, LEVEL_AMD64 },
	{ "mmx", 1, 0, EDX, 23, 0, LEVEL_AMD64 },
	{ "fxsr", 1, 0, EDX, 24, 0, LEVEL_AMD64 },
	{ "sse", 1, 0, EDX, 25, 0, LEVEL_AMD64 },
	{ "sse2", 1, 0, EDX, 26, 0, LEVEL_AMD64 },
	{ "pni", 1, 0, ECX, 0, 0, LEVEL_V2 },
	{ "pclmulqdq", 1, 0, ECX, 1, 0, 0 },
	{ "ssse3", 1, 0, ECX, 9, 0, LEVEL_V2 },
	{ "fma", 1, 0, ECX, 12, AVX, LEVEL_V3 },
	{ "cx16", 1, 0, ECX, 13, 0, LEVEL_V2 },
	{ "sse4_1", 1, 0, ECX, 19, 0, LEVEL_V2 },
	{ "sse4_2", 1, 0, ECX, 20, 0, LEVEL_V2 },
	{ "movbe", 1, 0, ECX, 22, 0, LEVEL_V3 },
	{ "popcnt", 1, 0, ECX, 23, 0, LEVEL_V2 },
	{ "aes", 1, 0, ECX, 25, 0, 0 },
	{ "xsave", 1, 0, ECX, 26, 0, LEVEL_V3 },
	{ "avx", 1, 0, ECX, 28, AVX, LEVEL_V3 },
	{ "f16c", 1, 0, ECX, 29, AVX, LEVEL_V3 },
	{ "rdrand", 1, 0, ECX, 30, 0, 0 },
	{ "fsgsbase", 7, 0, EBX, 0, 0, 0 },
	{ "bmi1", 7, 0, EBX, 3, 0, LEVEL_V3 },
	{ "avx2", 7, 0, EBX, 5, AVX, LEVEL_V3 },
	{ "bmi2", 7, 0, EBX, 8, 0, LEVEL_V3 },
	{ "rtm", 7, 0, EBX, 11, 0, 0 },
	{ "avx512f", 7, 0, EBX, 16, ZMM, LEVEL_V4 },
	{ "avx512dq", 7, 0, EBX, 17, ZMM, LEVEL_V4 },
	{ "rdseed", 7, 0, EBX, 18, 0, 0 },
	{ "adx", 7, 0, EBX, 19, 0, 0 },
	{ "avx512ifma", 7, 0, EBX, 21, ZMM, 0 },
	{ "clflushopt", 7, 0, EBX, 23, 0, 0 },
	{ "clwb", 7, 0, EBX, 24, 0, 0 },
	{ "avx512pf", 7, 0, EBX, 26, ZMM, 0 },
	{ "avx512er", 7, 0, EBX, 27, ZMM, 0 },
	{ "avx512cd", 7, 0, EBX, 28, ZMM, LEVEL_V4 },
	{ "sha_ni", 7, 0, EBX, 29, 0, 0 },
	{ "avx512bw", 7, 0, EBX, 30, ZMM, LEVEL_V4 },
	{ "avx512vl", 7, 0, EBX, 31, ZMM, LEVEL_V4 },
	{ "avx512vbmi", 7, 0, ECX, 1, ZMM, 0 },
	{ "ospke", 7, 0, ECX, 4, KEYS, 0 },
	{ "waitpkg", 7, 0, ECX, 5, 0, 0 },
	{ "avx512_vbmi2", 7, 0, ECX, 6, ZMM, 0 },
	{ "gfni", 7, 0, ECX, 8, 0, 0 },
	{ "vaes", 7, 0, ECX, 9, AVX, 0 },
	{ "vpclmulqdq", 7, 0, ECX, 10, AVX, 0 },
	{ "avx512_vnni", 7, 0, ECX, 11, ZMM, 0 },
	{ "avx512_bitalg", 7, 0, ECX, 12, ZMM, 0 },
	{ "avx512_vpopcntdq", 7, 0, ECX, 14, ZMM, 0 },
	{ "rdpid", 7, 0, ECX, 22, 0, 0 },
	{ "movdiri", 7, 0, ECX, 27, 0, 0 },
	{ "movdir64b", 7, 0, ECX, 28, 0, 0 },
	{ "enqcmd", 7, 0, ECX, 29, 0, 0 },
	{ "avx512_4vnniw", 7, 0, EDX, 2, ZMM, 0 },
	{ "avx512_4fmaps", 7, 0, EDX, 3, ZMM, 0 },
	{ "avx512_vp2intersect", 7, 0, EDX, 8, ZMM, 0 },
	{ "serialize", 7, 0, EDX, 14, 0, 0 },
	{ "tsxldtrk", 7, 0, EDX, 16, 0, 0 },
	{ "amx_bf16", 7, 0, EDX, 22, AMX, 0 },
	{ "avx512_fp16", 7, 0, EDX, 23, ZMM, 0 },
	{ "amx_tile", 7, 0, EDX, 24, AMX, 0 },
	{ "amx_int8", 7, 0, EDX, 25, AMX, 0 },
	{ "avx_vnni", 7, 1, EAX, 4, AVX, 0 },
	{ "avx512_bf16", 7, 1, EAX, 5, ZMM, 0 },
	{ "cmpccxadd", 7, 1, EAX, 7, 0, 0 },
	{ "amx_fp16", 7, 1, EAX, 21, AMX, 0 },
	{ "avx_ifma", 7, 1, EAX, 23, AVX, 0 },
	{ "xsaveopt", 0xd, 1, EAX, 0, 0, 0 },
	{ "xsavec", 0xd, 1, EAX, 1, 0, 0 },
	{ "xgetbv1", 0xd, 1, EAX, 2, 0, 0 },
	{ "lahf_lm", 0x80000001, 0, ECX, 0, 0, LEVEL_V2 },
	{ "abm", 0x80000001, 0, ECX, 5, 0, LEVEL_V3 },
	{ "sse4a", 0x80000001, 0, ECX, 6, 0, 0 },
	{ "xop", 0x80000001, 0, ECX, 11, AVX, 0 },
	{ "fma4", 0x80000001, 0, ECX, 16, AVX, 0 },
	{ "tbm", 0x80000001, 0, ECX, 21, 0, 0 },
	{ "mwaitx", 0x80000001, 0, ECX, 29, 0, 0 },
	{ "rdtscp", 0x80000001, 0, EDX, 27, 0, 0 },
	{ "lm", 0x80000001, 0, EDX, 29, 0, LEVEL_AMD64 },
	{ "3dnowext", 0x80000001, 0, EDX, 30, 0, 0 },
	{ "3dnow", 0x80000001, 0, EDX, 31, 0, 0 },
	{ "clzero", 0x80000008, 0, EBX, 0, 0, 0 },
	{ "rdpru", 0x80000008, 0, EBX, 4, 0, 0 },
};
#define NFEATURES	(sizeof features / sizeof *features)

_Static_assert(NFEATURES <= FEATURES_MAX, "a feature_set has room for all");

static const char *const level_names[] = {
	[LEVEL_I686] = "i686", [LEVEL_AMD64] = "x86-64", [LEVEL_V2] = "x86-64-v2",
	[LEVEL_V3] = "x86-64-v3", [LEVEL_V4] = "x86-64-v4",
};
#define NLEVELS		(sizeof level_names / sizeof *level_names)

const char *
level_name(enum level level)
{
	return level_names[level];
}

enum level
level_find(const char *name)
{
	for (unsigned i = LEVEL_I686; i < NLEVELS; i++)
		if (strcmp(level_names[i], name) == 0)
			return (enum level)i;
	return LEVEL_NONE;
}

size_t
feature_count(void)
{
	return NFEATURES;
}

const struct feature *
feature_at(size_t n)
{
	return &features[n];
}

int
feature_find(const char *name, size_t len)
{
	for (size_t i = 0; i < NFEATURES; i++)
		if (strlen(features[i].name) == len && memcmp(features[i].name, name, len) == 0)
			return (int)i;
	return -1;
}

void
set_add(struct feature_set *set, size_t n)
{
	set->w[n / 64] |= UINT64_C(1) << n % 64;
}

bool
set_has(const struct feature_set *set, size_t n)
{
	return set->w[n / 64] >> n % 64 & 1;
}

bool
set_within(const struct feature_set *set, const struct feature_set *whole)
{
	for (size_t i = 0; i < FEATURES_MAX / 64; i++)
		if ((set->w[i] & ~whole->w[i]) != 0)
			return false;
	return true;
}

void
set_join(struct feature_set *set, const struct feature_set *other)
{
	for (size_t i = 0; i < FEATURES_MAX / 64; i++)
		set->w[i] |= other->w[i];
}

struct feature_set
level_features(enum level level)
{
	struct feature_set set = { 0 };

	for (size_t i = 0; i < NFEATURES; i++)
		if (features[i].level != LEVEL_NONE && features[i].level <= level)
			set_add(&set, i);
	return set;
}

struct feature_set
host_features(const Psnap__Host *h)
{
	struct feature_set set = { 0 };

	for (size_t i = 0; i < h->n_cpu_features; i++) {
		int n = feature_find(h->cpu_features[i], strlen(h->cpu_features[i]));

		if (n >= 0)
			set_add(&set, (size_t)n);
	}
	return set;
}

const char *
component_feature(Psnap__FpuComponentKind kind)
{
	switch (kind) {
	case PSNAP__FPU_COMPONENT_KIND__FPU_X87:
		return "fpu";
	case PSNAP__FPU_COMPONENT_KIND__FPU_SSE:
		return "sse";
	case PSNAP__FPU_COMPONENT_KIND__FPU_AVX:
		return "avx";
	case PSNAP__FPU_COMPONENT_KIND__FPU_OPMASK:
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_HIGH:
	case PSNAP__FPU_COMPONENT_KIND__FPU_ZMM_UPPER:
		return "avx512f";
	case PSNAP__FPU_COMPONENT_KIND__FPU_PKRU:
		return "ospke";
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_CONFIG:
	case PSNAP__FPU_COMPONENT_KIND__FPU_AMX_DATA:
		return "amx_tile";
	default:
		return NULL;
	}
}
