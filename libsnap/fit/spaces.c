/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the kernel told programs when they started, and pages with protection
 * keys.  Memory keeps what was told even if it was restored elsewhere since.
 */
#include "libsnap/fit/fit.h"

#define AT_HWCAP	16	/* CPUID leaf 1, EDX */
#define AT_HWCAP2	26
#define HWCAP2_FSGSBASE	2

/* Told by HWCAP, by feature number. */
struct told {
	struct witness	w[FEATURES_MAX];
};

static void
look_at_auxv(struct told *t, const Psnap__AuxiliaryEntry *a, int32_t pid, uint64_t space)
{
	for (size_t n = 0; n < feature_count(); n++) {
		const struct feature *f = feature_at(n);
		bool first = f->leaf == 1 && f->reg == EDX;
		bool fsgsbase = f->leaf == 7 && f->subleaf == 0 && f->reg == EBX && f->bit == 0;

		if ((a->type == AT_HWCAP && first && a->value >> f->bit & 1) ||
		    (a->type == AT_HWCAP2 && fsgsbase && a->value & HWCAP2_FSGSBASE))
			witness_add(&t->w[n], pid, space, NULL);
	}
}

static void
look_at_keys(const struct fit *f, struct witness *keys, int32_t pid, uint64_t space)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(f->s, space, PSNAP_KIND_MAPPING, &n);

	for (size_t i = 0; i < n; i++)
		if (((const Psnap__Mapping *)(const void *)v[i]->message)->protection_key != 0)
			witness_add(keys, pid, v[i]->id, NULL);
}

void
fit_spaces(struct fit *f)
{
	struct told told = { 0 };
	struct witness keys = { 0 };
	size_t n;
	const struct snap_object *const *v = snap_get_kind(f->s, PSNAP_KIND_PROCESS, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;
		const Psnap__AddressSpace *a =
		    snap_get_message(f->s, p->address_space_id, PSNAP_KIND_ADDRESS_SPACE);

		for (size_t k = 0; a != NULL && k < a->n_auxiliary; k++)
			look_at_auxv(&told, a->auxiliary[k], p->pid, p->address_space_id);
		look_at_keys(f, &keys, p->pid, p->address_space_id);
	}
	if (keys.count > 0)
		fit_feature(f, SNAP_FIT_FATAL, (size_t)feature_find("ospke", 5), "protection-key", &keys,
		    "a mapping has a protection key");
	for (size_t i = 0; i < feature_count(); i++)
		if (told.w[i].count > 0)
			fit_feature(f, SNAP_FIT_POSSIBLE, i, "hwcap", &told.w[i],
			    "the kernel told it when the program started");
}
