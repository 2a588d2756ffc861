/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seccomp filters: classic BPF programs, each installed on top of the one
 * before, and inherited; tasks with the same chain share its records.
 */
#include <errno.h>
#include <linux/filter.h>
#include <string.h>
#include <sys/ptrace.h>

#include "kernel-glue/linux/task.h"

#define GET_FILTER	0x420c	/* PTRACE_SECCOMP_GET_FILTER: 0 is the oldest; size back */
#define GET_METADATA	0x420d	/* PTRACE_SECCOMP_GET_METADATA */
#define FLAG_LOG	2	/* SECCOMP_FILTER_FLAG_LOG */

static struct seccomp_filter *
intern(struct dump *d, struct seccomp_filter *previous, const uint8_t *program, size_t len, bool log)
{
	struct seccomp_filter *f;

	for (size_t i = 0; i < d->filters.n; i++) {
		f = d->filters.v[i];
		if (f->previous == previous && f->len == len && f->log == log &&
		    memcmp(f->program, program, len) == 0)
			return f;
	}
	if ((f = dump_alloc(d, sizeof *f)) == NULL || (f->program = dump_memdup(d, program, len)) == NULL ||
	    list_add(d, &d->filters, f) != 0)
		return NULL;
	f->id = dump_new_id(d);
	f->previous = previous;
	f->len = len;
	f->log = log;
	return f;
}

/* Little-endian as the format wants it: this kernel's own order. */
int
filters_collect(struct dump *d, struct task *t)
{
	static struct sock_filter program[BPF_MAXINSNS];
	struct seccomp_filter *f = NULL;

	for (uintptr_t at = 0;; at++) {
		struct { uint64_t at, flags; } meta = { .at = at };
		long n = ptrace((enum __ptrace_request)GET_FILTER, t->tid, (void *)at, program);

		if (n < 0 && errno == ENOENT)
			break;
		if (n <= 0) {
			dump_cover(d, PSNAP_COVERAGE_DEGRADES, t->proc, 0, -1, 0, "seccomp-filter",
			    "seccomp filters are noted, but their programs cannot be read: %s", strerror(errno));
			return d->err->code;
		}
		if (ptrace((enum __ptrace_request)GET_METADATA, t->tid, (void *)sizeof meta, &meta) < 0)
			meta.flags = 0;
		f = intern(d, f, (uint8_t *)program, (size_t)n * sizeof program[0], meta.flags & FLAG_LOG);
		if (f == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, t->proc, "out of memory");
	}
	t->state->filter = f;
	return 0;
}

void
filter_fields(struct glue_emit *e, const void *object)
{
	const struct seccomp_filter *f = object;

	glue_emit_bytes(e, PSNAP_F_SECCOMP_FILTER_PROGRAM, f->program, f->len);
	glue_emit_uint(e, PSNAP_F_SECCOMP_FILTER_PREVIOUS_ID, f->previous != NULL ? f->previous->id : 0);
	glue_emit_uint(e, PSNAP_F_SECCOMP_FILTER_LOG, f->log);
}
