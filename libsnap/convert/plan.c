/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * From what a snapshot is to what is wanted, in single steps.
 */
#include "libsnap/convert/convert.h"
#include "libsnap/core/error.h"

/* Every version, with the step to it from the one before and back. */
static const struct {
	uint16_t	major, minor;
	const struct pass *up, *down;
} versions[] = {
	{ 1, 0, NULL, NULL },
	{ 1, 1, &pass_1_0_to_1_1, &pass_1_1_to_1_0 },
	{ 2, 0, &pass_1_1_to_2_0, &pass_2_0_to_1_1 },
	{ 2, 1, &pass_2_0_to_2_1, &pass_2_1_to_2_0 },
};
#define NVERSIONS	(sizeof versions / sizeof versions[0])
enum { VERSION_1_0, VERSION_1_1, VERSION_2_0, VERSION_2_1 };

/* NVERSIONS: not known. */
static size_t
find_version(uint16_t major, uint16_t minor)
{
	size_t i = 0;

	while (i < NVERSIONS && (versions[i].major != major || versions[i].minor != minor))
		i++;
	return i;
}

static void
go_to(struct conversion *c, size_t *at, size_t to)
{
	while (*at < to)
		c->steps[c->nsteps++] = versions[++*at].up;
	while (*at > to)
		c->steps[c->nsteps++] = versions[(*at)--].down;
}

/* The ABI of the kernel it is to be restored under. */
static Psnap__Abi
wanted_abi(const struct conversion *c)
{
	return c->o->abi != 0 ? (Psnap__Abi)c->o->abi : records_host(c, NULL)->kernel_abi;
}

/* A pass between kernel ABIs needs a version that can tell of it. */
static int
change_abi(struct conversion *c, size_t *at)
{
	const Psnap__Host *h = records_host(c, NULL);
	Psnap__Abi to = wanted_abi(c);
	const struct pass *pass = NULL;

	if (to == h->kernel_abi)
		return 0;
	if (to == PSNAP__ABI__ABI_AMD64 && h->kernel_abi == PSNAP__ABI__ABI_I386)
		pass = &pass_i386_to_amd64;
	if (to == PSNAP__ABI__ABI_I386 && h->kernel_abi == PSNAP__ABI__ABI_AMD64)
		pass = &pass_amd64_to_i386;
	if (pass == NULL || h->os != PSNAP__OS__OS_LINUX)
		return error_set(c->err, SNAP_E_UNSUPPORTED, "", 0,
		    "no conversion from kernel abi %d to %d on system %d", (int)h->kernel_abi, (int)to, (int)h->os);
	if (*at < VERSION_1_1)
		go_to(c, at, VERSION_1_1);
	c->steps[c->nsteps++] = pass;
	return 0;
}

/* The lowest version of the same major that holds what there will be. */
static size_t
lowest(const struct conversion *c, size_t at)
{
	const Psnap__Host *h = records_host(c, NULL);
	Psnap__Abi to = wanted_abi(c), taken = to == h->kernel_abi ? h->taken_abi : abi_taken(h, to);

	if (versions[at].major > 1)
		return records_need_2_1(c) ? VERSION_2_1 : VERSION_2_0;
	return taken != PSNAP__ABI__ABI_UNKNOWN ? VERSION_1_1 : VERSION_1_0;
}

int
plan_steps(struct conversion *c)
{
	struct snap_summary sum;
	size_t at, to;
	int r;

	snap_get_summary(c->in, &sum);
	if ((at = find_version(sum.major, sum.minor)) == NVERSIONS)
		return error_set(c->err, SNAP_E_UNSUPPORTED, "", 0, "version %u.%u can be read, but not converted",
		    sum.major, sum.minor);
	to = c->o->major == 0 ? lowest(c, at) : find_version(c->o->major, c->o->minor);
	if (to == NVERSIONS)
		return error_set(c->err, SNAP_E_NOT_FOUND, "", 0, "no version %u.%u", c->o->major, c->o->minor);
	if ((r = change_abi(c, &at)) != 0 || (r = edit_plan(c)) != 0)
		return r;
	go_to(c, &at, to);
	c->major = versions[to].major;
	c->minor = versions[to].minor;
	return 0;
}
