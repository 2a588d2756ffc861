/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The public calls: validate, plan, preflight, and only then the backend.  What
 * the preflight is to look at may have to be mounted first.
 */
#include <string.h>

#include "libsnap/restore/restore.h"

static int
check_options(const struct snap_restore_options *o, struct snap_error *err)
{
	for (size_t i = 0; i < sizeof o->reserved / sizeof o->reserved[0]; i++)
		if (o->reserved[i] != 0)
			return error_misuse(err, "reserved members must be zero");
	for (size_t i = 0; i < o->nfiles; i++)
		if (o->files[i].pattern == NULL || (unsigned)o->files[i].policy > SNAP_FILE_CARRY)
			return error_misuse(err, "file rule %zu has no pattern or no such policy", i);
	if ((unsigned)o->tcp > SNAP_TCP_CLOSE)
		return error_misuse(err, "no such policy for TCP connections");
	return 0;
}

static int
prepare(struct plan *p, struct snap *s, const struct snap_restore_options *o, snap_problem_fn *fn,
    void *ctx, struct snap_error *err)
{
	int r;

	memset(p, 0, sizeof *p);
	p->s = s;
	p->o = o;
	p->problem = fn;
	p->problem_ctx = ctx;
	if ((r = check_options(o, err)) != 0 || (r = snap_validate(s, NULL, NULL, err)) != 0 ||
	    (r = plan_make(p, err)) != 0 || (r = plan_users(p, err)) != 0 ||
	    (r = host_enter(p, err)) != 0 || (r = preflight(p, err)) != 0)
		return r;
	if (o->first != 0 && (p->targets[0].p->pid != 1 || p->targets[0].maker != NULL))
		return error_misuse(err, "the root is not the first process of its namespace");
	return p->fatal == 0 ? 0 : error_set(err, SNAP_E_REFUSED, "", 0, "cannot be restored here");
}

int
snap_restore_check(struct snap *s, const struct snap_restore_options *o, snap_problem_fn *fn, void *ctx,
    struct snap_error *err)
{
	struct plan p;
	int r = prepare(&p, s, o, fn, ctx, err);

	host_leave(&p);
	plan_free(&p);
	return r;
}

int
snap_restore(struct snap *s, const struct snap_restore_options *o, snap_problem_fn *fn, void *ctx,
    struct snap_restore_result *result, struct snap_error *err)
{
	struct plan p;
	int r = prepare(&p, s, o, fn, ctx, err);

	memset(result, 0, sizeof *result);
	if (r == 0)
		r = host_restore(&p, result, err);
	host_leave(&p);
	plan_free(&p);
	return r;
}
