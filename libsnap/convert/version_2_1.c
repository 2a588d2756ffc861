/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 2.1 has System V IPC and TCP connections.  Nothing stands for them in an
 * earlier version: without them programs would lose what they share, or whom
 * they talk to, so that is refused.
 */
#include "libsnap/convert/convert.h"

static bool
is_new(uint32_t kind)
{
	return (kind >= PSNAP_KIND_SYSV_SEGMENT && kind <= PSNAP_KIND_SYSV_QUEUE) ||
	    kind == PSNAP_KIND_TCP_CONNECTION;
}

bool
records_need_2_1(const struct conversion *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_new(c->objects[i].kind))
			return true;
	return false;
}

static int
up(struct conversion *c)
{
	(void)c;	/* what 2.0 holds is what 2.1 holds */
	return 0;
}

static int
down(struct conversion *c)
{
	for (size_t i = 0; i < c->count; i++)
		if (is_new(c->objects[i].kind))
			records_refuse(c, i, "no version before 2.1 can hold it");
	return 0;
}

const struct pass pass_2_0_to_2_1 = { "version 2.0 to 2.1", up };
const struct pass pass_2_1_to_2_0 = { "version 2.1 to 2.0", down };
