/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where no backend can make processes.
 */
#include <string.h>

#include "libsnap/core/error.h"

static int
refuse(struct snap_error *err)
{
	return error_set(err, SNAP_E_UNSUPPORTED, "", 0, "this build of libsnap cannot restore");
}

int
snap_restore_check(struct snap *s, const struct snap_restore_options *o, snap_problem_fn *fn, void *ctx,
    struct snap_error *err)
{
	(void)s, (void)o, (void)fn, (void)ctx;
	return refuse(err);
}

int
snap_restore_first(int socket, struct snap_error *err)
{
	(void)socket;
	return refuse(err);
}

int
snap_restore(struct snap *s, const struct snap_restore_options *o, snap_problem_fn *fn, void *ctx,
    struct snap_restore_result *result, struct snap_error *err)
{
	memset(result, 0, sizeof *result);
	return snap_restore_check(s, o, fn, ctx, err);
}

int
snap_cgroups_open(struct snap_cgroups **cp, struct snap *s, const char *path, bool partial, snap_problem_fn *fn,
    void *ctx, struct snap_error *err)
{
	(void)s, (void)path, (void)partial, (void)fn, (void)ctx;
	*cp = NULL;
	return refuse(err);
}

int
snap_cgroups_make(struct snap_cgroups *c, struct snap_error *err)
{
	(void)c;
	return refuse(err);
}

int
snap_cgroups_enter(const struct snap_cgroups *c, struct snap_error *err)
{
	(void)c;
	return refuse(err);
}

int
snap_cgroups_undo(struct snap_cgroups *c, struct snap_error *err)
{
	(void)c;
	return refuse(err);
}

void
snap_cgroups_close(struct snap_cgroups *c)
{
	(void)c;
}
