/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "tools/common/report.h"

const char *tool_name = "snap";

void
report(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", tool_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

/* Whether an error of this code has a place in the file even when no object is to blame. */
static bool
about_bytes(enum snap_code code)
{
	return code == SNAP_E_NOT_SNAPSHOT || code == SNAP_E_UNSUPPORTED || code == SNAP_E_CORRUPT ||
	    code == SNAP_E_TRUNCATED || code == SNAP_E_LIMIT;
}

int
report_error(const char *file, const struct snap *s, const struct snap_error *err)
{
	const struct snap_object *o = s != NULL && err->record != SNAP_NO_RECORD ?
	    snap_get_object(s, err->record) : NULL;
	const char *kind = o != NULL ? snap_kind_name(o->kind) : NULL;

	fprintf(stderr, "%s: %s: ", tool_name, file);
	if (err->record != SNAP_NO_RECORD)
		fprintf(stderr, "%s %llu ", kind != NULL ? kind : "record",
		    (unsigned long long)err->record);
	if (err->record != SNAP_NO_RECORD || about_bytes(err->code))
		fprintf(stderr, "at 0x%llx: ", (unsigned long long)err->offset);
	fputs(err->msg, stderr);
	if (err->os_errno != 0)
		fprintf(stderr, ": %s", strerror(err->os_errno));
	if (err->rule[0] != '\0')
		fprintf(stderr, " (%s)", err->rule);
	fputc('\n', stderr);
	return EXIT_REFUSED;
}

const char *
plural(uint64_t n, const char *ending)
{
	return n == 1 ? "" : ending;
}

int
finish_output(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	report("standard output: %s", strerror(errno));
	return EXIT_REFUSED;
}

int
usage_error(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "%s: ", tool_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fprintf(stderr, "\ntry '%s --help'\n", tool_name);
	return EXIT_USAGE;
}
