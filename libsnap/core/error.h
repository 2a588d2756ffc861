/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Filling the caller's struct snap_error.
 */
#ifndef LIBSNAP_CORE_ERROR_H
#define LIBSNAP_CORE_ERROR_H

#include "libsnap/snap.h"

/*
 * Fill err (which may be NULL) and return code, so that a caller can write
 * `return error_set(...)`.  offset is the place in the file the message is
 * about; rule the rule of the specification it cites, or "".
 */
int	error_set(struct snap_error *err, enum snap_code code, const char *rule, uint64_t offset,
	    const char *fmt, ...) __attribute__((format(printf, 5, 6)));

/* The same, about one object. */
int	error_object(struct snap_error *err, enum snap_code code, const char *rule, uint64_t record,
	    uint64_t offset, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* A failed system call; takes errno. */
int	error_io(struct snap_error *err, uint64_t offset, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

int	error_nomem(struct snap_error *err);
int	error_misuse(struct snap_error *err, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif
