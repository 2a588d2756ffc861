/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The bytes are what a file is made of (structured.h).  The graph is walked by
 * the validator and by every exporter.
 */
#include "tests/fuzz/structured.h"

static int
see(void *ctx, const struct snap_error *finding)
{
	if (finding->code == SNAP_OK || finding->msg[0] == '\0' || finding->rule[0] == '\0')
		abort();
	return ++*(unsigned *)ctx > 1000;
}

/* Every format there is; what is written does not matter. */
static void
export_all(struct snap *s)
{
	static int null = -1;
	const struct snap_format *f;

	if (null < 0 && (null = open("/dev/null", O_WRONLY)) < 0)
		abort();
	for (size_t i = 0; (f = snap_get_format(i)) != NULL; i++)
		if (f->can_write)
			snap_export(s, f->name, NULL, null, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = fuzz_file(), r;
	unsigned findings = 0;
	struct snap_error err = { .code = SNAP_OK };
	struct snap *s;

	if (fuzz_write(fd, data, size) != 0)
		return 0;
	if (snap_open_fd(&s, fd, &fuzz_limits, &err) != 0)
		return 0;
	r = snap_validate(s, see, &findings, &err);
	if ((r == 0) != (findings == 0) || (r != 0 && (int)err.code != r))
		abort();
	export_all(s);
	if (snap_verify(s, NULL, NULL, &err) != 0)
		abort();
	snap_close(s);
	return 0;
}
