/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * 1.1 can tell that a conversion changed the kernel ABI: Host.taken_abi.
 */
#include "libsnap/convert/convert.h"

static int
up(struct conversion *c)
{
	(void)c;	/* what 1.0 holds is what 1.1 holds */
	return 0;
}

static int
down(struct conversion *c)
{
	size_t i;
	Psnap__Host *h;
	int r;

	if (records_host(c, &i)->taken_abi == PSNAP__ABI__ABI_UNKNOWN)
		return 0;
	if ((h = records_edit(c, i, sizeof *h)) == NULL)
		return c->err->code;
	r = records_lose(c, i, "taken_abi: the processes may be told another machine by uname");
	h->taken_abi = PSNAP__ABI__ABI_UNKNOWN;
	return r;
}

const struct pass pass_1_0_to_1_1 = { "version 1.0 to 1.1", up };
const struct pass pass_1_1_to_1_0 = { "version 1.1 to 1.0", down };
