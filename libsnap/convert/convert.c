/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Validated, planned, converted, validated again, and only then written.
 */
#include <stdlib.h>

#include "libsnap/convert/convert.h"
#include "libsnap/core/arena.h"
#include "libsnap/core/error.h"

static int
begin(struct conversion *c)
{
	int r;

	for (size_t i = 0; i < sizeof c->o->reserved / sizeof c->o->reserved[0]; i++)
		if (c->o->reserved[i] != 0)
			return error_misuse(c->err, "conversion options: reserved members must be zero");
	if ((r = snap_validate(c->in, NULL, NULL, c->err)) != 0 || (r = records_take(c)) != 0)
		return r;
	return plan_steps(c);
}

static void
end(struct conversion *c)
{
	arena_free(c->arena);
	free(c->objects);
	free(c->changed);
	free(c->patches);
}

static void
tell_step(struct conversion *c, const char *name)
{
	Psnap__Conversion *now = &c->told[c->ntold++];

	psnap__conversion__init(now);
	now->program = (char *)(uintptr_t)"libsnap";
	now->version = (char *)(uintptr_t)snap_version();
	now->pass = (char *)(uintptr_t)name;
	c->losses_cap = 0;
}

static int
run_steps(struct conversion *c)
{
	int r;

	for (size_t i = 0; i < c->nsteps; i++) {
		tell_step(c, c->steps[i]->name);
		if ((r = c->steps[i]->run(c)) != 0)
			return r;
		if (c->refused > 0)
			return error_set(c->err, SNAP_E_REFUSED, "", 0, "%s: %zu things stand in the way",
			    c->steps[i]->name, c->refused);
	}
	if (c->nsteps == 0)
		tell_step(c, "psnap to psnap");
	if (c->lossy && c->o->strict)
		return error_set(c->err, SNAP_E_REFUSED, "", 0, "something would be lost, and must not be");
	return records_encode(c);
}

/* What comes out is a snapshot, too. */
static int
check_result(struct conversion *c)
{
	struct snap out = { 0 };
	int r;

	if ((r = model_rebuild(&out, c->in->container, c->objects, c->count, c->err)) == 0)
		r = snap_validate(&out, NULL, NULL, c->err);
	model_free(&out);
	return r;
}

int
snap_convert_plan(struct snap *s, const struct snap_convert_options *o, snap_pass_fn *fn, void *ctx,
    struct snap_error *err)
{
	struct snap_error ignored;
	struct conversion c = { .in = s, .o = o, .err = err != NULL ? err : &ignored };
	int r = begin(&c);

	for (size_t i = 0; r == 0 && i < c.nsteps; i++)
		fn(ctx, c.steps[i]->name);
	end(&c);
	return r;
}

int
snap_convert(struct snap *s, const struct snap_convert_options *o, snap_loss_fn *fn, void *ctx, int fd,
    struct snap_error *err)
{
	struct snap_error ignored;
	struct conversion c = { .in = s, .o = o, .fn = fn, .ctx = ctx, .err = err != NULL ? err : &ignored };
	int r;

	if ((r = begin(&c)) == 0 && (r = run_steps(&c)) == 0 && (r = check_result(&c)) == 0)
		r = conversion_write(&c, fd);
	end(&c);
	return r;
}
