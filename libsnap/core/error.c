/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libsnap/core/error.h"

static const struct {
	enum snap_code	code;
	const char	*name;
} codes[] = {
	{ SNAP_OK,		"ok" },
	{ SNAP_E_NOT_SNAPSHOT,	"not-a-snapshot" },
	{ SNAP_E_UNSUPPORTED,	"unsupported" },
	{ SNAP_E_CORRUPT,	"corrupt" },
	{ SNAP_E_TRUNCATED,	"truncated" },
	{ SNAP_E_LIMIT,		"limit" },
	{ SNAP_E_IO,		"io" },
	{ SNAP_E_NOMEM,		"no-memory" },
	{ SNAP_E_REFUSED,	"refused" },
	{ SNAP_E_MISUSE,	"misuse" },
	{ SNAP_E_NOT_FOUND,	"not-found" },
};

const char *
snap_code_name(enum snap_code code)
{
	for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++)
		if (codes[i].code == code)
			return codes[i].name;
	return "unknown";
}

static int
fill(struct snap_error *err, enum snap_code code, int os_errno, const char *rule, uint64_t record,
    uint64_t offset, const char *fmt, va_list ap)
{
	if (err == NULL)
		return code;
	memset(err, 0, sizeof *err);
	err->code = code;
	err->os_errno = os_errno;
	err->record = record;
	err->offset = offset;
	snprintf(err->rule, sizeof err->rule, "%s", rule);
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
	/* a path may hold anything; a message is one line */
	for (char *p = err->msg; *p != '\0'; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return code;
}

int
error_set(struct snap_error *err, enum snap_code code, const char *rule, uint64_t offset,
    const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, 0, rule, SNAP_NO_RECORD, offset, fmt, ap);
	va_end(ap);
	return code;
}

int
error_object(struct snap_error *err, enum snap_code code, const char *rule, uint64_t record,
    uint64_t offset, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, code, 0, rule, record, offset, fmt, ap);
	va_end(ap);
	return code;
}

int
error_io(struct snap_error *err, uint64_t offset, const char *fmt, ...)
{
	int os_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	fill(err, SNAP_E_IO, os_errno, "", SNAP_NO_RECORD, offset, fmt, ap);
	va_end(ap);
	return SNAP_E_IO;
}

int
error_nomem(struct snap_error *err)
{
	return error_set(err, SNAP_E_NOMEM, "", 0, "out of memory");
}

int
error_misuse(struct snap_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	fill(err, SNAP_E_MISUSE, 0, "", SNAP_NO_RECORD, 0, fmt, ap);
	va_end(ap);
	return SNAP_E_MISUSE;
}
