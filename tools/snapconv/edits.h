/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Edits as the command line tells them.
 */
#ifndef TOOLS_SNAPCONV_EDITS_H
#define TOOLS_SNAPCONV_EDITS_H

#include "libsnap/snap.h"

struct edits {
	struct snap_edit *v;
	size_t		n;
};

/*
 * Add WHAT=TO, or WHAT:FROM=TO; arg is cut into its parts, which are used.
 * FROM ends at the first '='.  False: it is not of that form.
 */
bool	edits_set(struct edits *e, char *arg);
bool	edits_map(struct edits *e, char *arg);

#endif
