/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Memory that runs out at every allocation in turn, while a snapshot is
 * opened, validated, exported and converted: SNAP_E_NOMEM each time, nothing leaked.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdlib.h>

#include "tests/libsnap/failing_alloc.h"
#include "tests/libsnap/world.h"

#define EDITED	"edited"

static int
write_as(struct snap *s, const char *format, int fd, struct snap_error *err)
{
	static const struct snap_edit edits[] = {
		{ "path", "/bin", "/usr/bin" }, { "gid", "1000", "2" }, { "env:A", NULL, "c" },
	};
	const struct snap_convert_options o = { .edits = edits, .nedits = 3 };

	return strcmp(format, EDITED) == 0 ? snap_convert(s, &o, NULL, NULL, fd, err) :
	    snap_export(s, format, NULL, fd, err);
}

static int
use(const char *format, struct snap_error *err)
{
	struct snap *s;
	int fd, r;

	if ((r = snap_open(&s, "memory.psnap", NULL, err)) != 0) {
		ATF_REQUIRE(s == NULL);
		return r;
	}
	if (format == NULL) {
		r = snap_validate(s, NULL, NULL, err);
	} else {
		fd = open("out", O_WRONLY | O_CREAT | O_TRUNC, 0600);
		r = write_as(s, format, fd, err);
		close(fd);
	}
	snap_close(s);
	return r;
}

static void
each_failure(const char *format)
{
	static struct world w;
	struct snap_error err;
	FILE *f = fopen("memory.psnap", "w+");

	world_init(&w);
	memcpy(w.pages + WORLD_PAGE + 16, "A=b", 4);
	w.space.environment_start = 0x70000010;
	w.space.environment_end = 0x70000014;
	ATF_REQUIRE_EQ(world_write(&w, fileno(f), &err), 0);
	fclose(f);
	for (unsigned long n = 1;; n++) {
		bool used_up;
		int r;

		memset(&err, 0, sizeof err);
		countdown = n;
		r = use(format, &err);
		used_up = countdown > 0;
		countdown = 0;
		if (used_up) {
			ATF_REQUIRE_MSG(r == 0, "%s", err.msg);
			ATF_CHECK_MSG(n > 10, "only %lu allocations", n);
			return;
		}
		/* a compressing thread fewer is not a failure */
		if (r == 0)
			continue;
		ATF_REQUIRE_MSG(r == SNAP_E_NOMEM && err.code == SNAP_E_NOMEM, "allocation %lu: %d %s", n, r,
		    err.msg);
	}
}

ATF_TC_WITHOUT_HEAD(validating_without_memory_fails_cleanly);
ATF_TC_BODY(validating_without_memory_fails_cleanly, tc)
{
	each_failure(NULL);
}

ATF_TC_WITHOUT_HEAD(core_export_without_memory_fails_cleanly);
ATF_TC_BODY(core_export_without_memory_fails_cleanly, tc)
{
	each_failure("core");
}

ATF_TC_WITHOUT_HEAD(psnap_export_without_memory_fails_cleanly);
ATF_TC_BODY(psnap_export_without_memory_fails_cleanly, tc)
{
	each_failure("psnap");
}

ATF_TC_WITHOUT_HEAD(editing_without_memory_fails_cleanly);
ATF_TC_BODY(editing_without_memory_fails_cleanly, tc)
{
	each_failure(EDITED);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, validating_without_memory_fails_cleanly);
	ATF_TP_ADD_TC(tp, core_export_without_memory_fails_cleanly);
	ATF_TP_ADD_TC(tp, psnap_export_without_memory_fails_cleanly);
	ATF_TP_ADD_TC(tp, editing_without_memory_fails_cleanly);
	return atf_no_error();
}
