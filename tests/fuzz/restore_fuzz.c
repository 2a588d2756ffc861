/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first byte is how to restore, the rest what a file is made of
 * (structured.h).  Only what comes before anything is made: the plan and what
 * does not fit this machine.  What is told is told in words; what is refused
 * was told, or is an error.
 */
#include "tests/fuzz/structured.h"

static void
hear(void *ctx, const struct snap_problem *problem)
{
	if (problem->what[0] == '\0' || problem->message[0] == '\0' || problem->advice == NULL)
		abort();
	*(unsigned *)ctx += problem->severity == SNAP_FATAL;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t how = size > 0 ? data[0] : 0;
	/* nothing is open at a number so high: what asks through it is told so */
	const struct snap_own_net net = { .outside = 1 << 20 };
	const struct snap_restore_options o = {
		.allow_partial = how & 1, .allow_changed = how & 2, .own_session = how & 4, .lazy = how & 8,
		.own_ipc = how & 16, .own_time = how & 32, .own_uts = how & 32, .first = how >> 6 & 1,
		.own_net = how & 128 ? &net : NULL,
	};
	struct snap_error err = { .code = SNAP_OK };
	int fd = fuzz_file(), r;
	unsigned fatal = 0;
	struct snap *s;

	if (size == 0 || fuzz_write(fd, data + 1, size - 1) != 0 || snap_open_fd(&s, fd, &fuzz_limits, &err) != 0)
		return 0;
	r = snap_restore_check(s, &o, hear, &fatal, &err);
	if ((r == 0 && fatal > 0) || (r != 0 && ((int)err.code != r || err.msg[0] == '\0')))
		abort();
	snap_close(s);
	return 0;
}
