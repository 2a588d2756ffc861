/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Cgroups of an instance: where they are, and what they limit.
 */
#include <string.h>

#include "libsnap/model/cgroups.h"
#include "libsnap/validate/validate.h"

#define NUMBER_MAX	65535	/* of a CPU or a node */

void
check_instance_cgroups(struct check *v, const struct snap_object *o)
{
	const Psnap__Instance *in = CHECK_MESSAGE(Psnap__Instance, o);
	const Psnap__Cgroup *before = NULL;

	if (in->n_cgroup_ids > INSTANCE_CGROUPS_MAX)				/* INS-2 */
		check_corrupt(v, o, "INS-2", "%lu cgroups", (unsigned long)in->n_cgroup_ids);
	for (size_t i = 0; i < in->n_cgroup_ids && i < INSTANCE_CGROUPS_MAX; i++) {
		const Psnap__Cgroup *c = snap_get_message(v->s, in->cgroup_ids[i], PSNAP_KIND_CGROUP);

		if (c != NULL && before != NULL && c->hierarchy <= before->hierarchy)	/* INS-2 */
			check_corrupt(v, o, "INS-2", "cgroup %llu is not in its place",
			    (unsigned long long)in->cgroup_ids[i]);
		before = c != NULL ? c : before;
	}
}

/* ---- limits ---- */

static bool
has_numbers(Psnap__Resource r)
{
	return r == PSNAP__RESOURCE__RESOURCE_CPUS || r == PSNAP__RESOURCE__RESOURCE_MEMORY_NODES;
}

static bool
are_apart(const Psnap__ResourceLimit *l)
{
	for (size_t i = 0; i < l->n_numbers; i++) {
		const Psnap__NumberRange *n = l->numbers[i];

		if (n->first > n->last || n->last > NUMBER_MAX || (i > 0 && n->first <= l->numbers[i - 1]->last + 1))
			return false;
	}
	return true;
}

static void
check_limit(struct check *v, const struct snap_object *o, const Psnap__ResourceLimit *l)
{
	bool time = l->resource == PSNAP__RESOURCE__RESOURCE_CPU_TIME, numbers = has_numbers(l->resource);

	if (time != (l->period_ns != 0) || numbers != (l->n_numbers > 0) || (numbers && l->value != 0) ||
	    ((time || l->resource == PSNAP__RESOURCE__RESOURCE_CPU_WEIGHT) && l->value == 0))	/* CGR-4 */
		check_corrupt(v, o, "CGR-4", "what limits resource %d is not of its kind", (int)l->resource);
	if (!are_apart(l))							/* CGR-5 */
		check_corrupt(v, o, "CGR-5", "numbers of resource %d are not ascending and apart", (int)l->resource);
}

void
check_cgroup(struct check *v, const struct snap_object *o)
{
	const Psnap__Cgroup *c = CHECK_MESSAGE(Psnap__Cgroup, o);
	bool own = cgroup_place(v->s, c) != NULL;

	if (own && !cgroup_path_is_plain(c->path))					/* CGR-1 */
		check_corrupt(v, o, "CGR-1", "path \"%.60s\" is not one of an instance's cgroup", c->path);
	if (!own && (c->n_limits > 0 || c->n_handed_down > 0))			/* CGR-2 */
		check_corrupt(v, o, "CGR-2", "it limits, but is not the instance's");
	for (size_t i = 1; i < c->n_limits; i++)
		if (c->limits[i]->resource <= c->limits[i - 1]->resource)	/* CGR-3 */
			check_corrupt(v, o, "CGR-3", "limits are not ascending at %lu", (unsigned long)i);
	for (size_t i = 1; i < c->n_handed_down; i++)
		if (strcmp(c->handed_down[i - 1], c->handed_down[i]) >= 0)	/* CGR-3 */
			check_corrupt(v, o, "CGR-3", "controllers are not sorted at %lu", (unsigned long)i);
	for (size_t i = 0; i < c->n_limits; i++)
		check_limit(v, o, c->limits[i]);
}
