/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdio.h>
#include <string.h>

#include "libsnap/restore/restore.h"

/* What the dumper itself could not carry. */
static void
tell_coverage(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_COVERAGE, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Coverage *c = (const void *)v[i]->message;

		bool fatal;

		if (c == NULL || c->severity == PSNAP__COVERAGE_SEVERITY__COVERAGE_NOTE)
			continue;
		fatal = c->severity == PSNAP__COVERAGE_SEVERITY__COVERAGE_BREAKS && !p->o->allow_partial;
		plan_problem(p, fatal ? SNAP_FATAL : SNAP_WARNING, plan_find(p, c->pid), v[i]->id,
		    "not-in-the-snapshot", fatal ? "allow a partial restore, or dump again without it" :
		    "it will differ from before", "%s: %s", c->feature, c->reason);
	}
}

int
preflight(struct plan *p, struct snap_error *err)
{
	tell_coverage(p);
	return host_preflight(p, err);
}
