/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What every tool prints the same way.
 */
#ifndef TOOLS_COMMON_REPORT_H
#define TOOLS_COMMON_REPORT_H

#include <stdint.h>
#include <stdio.h>

#include "libsnap/snap.h"

enum { EXIT_DONE = 0, EXIT_REFUSED = 1, EXIT_USAGE = 2 };

/* Set once by main(); used by all the others. */
extern const char *tool_name;

/* "tool: message" on standard error. */
void	report(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* "tool: FILE: mapping 12 at 0x50: message (MAP-2)"; s may be NULL. Returns EXIT_REFUSED. */
int	report_error(const char *file, const struct snap *s, const struct snap_error *err);

/* What makes a word of n things: ending, or nothing for one. */
const char *plural(uint64_t n, const char *ending);

/* Flush standard output: EXIT_DONE, or EXIT_REFUSED with a message if it could not be written. */
int	finish_output(void);

/* One line of usage on standard error, and where there is more. Returns EXIT_USAGE. */
int	usage_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
