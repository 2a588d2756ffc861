/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * File locks, as fdinfo tells them: those of the open file description, and,
 * POSIX ones, those that the process has on the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/fd.h"

static const struct { const char *name; uint32_t kind; } kinds[] = {	/* proc_locks(5) */
	{ "POSIX", PSNAP_FILE_LOCK_POSIX }, { "OFDLCK", PSNAP_FILE_LOCK_OFD }, { "FLOCK", PSNAP_FILE_LOCK_FLOCK },
	{ "LEASE", PSNAP_FILE_LOCK_LEASE },
};

/* "1: POSIX  ADVISORY  WRITE 123 08:01:42 0 EOF", or kind 0. */
static struct file_lock
parse(const char *line)
{
	char kind[16], access[16], end[32];
	struct file_lock l = { 0 };
	unsigned long long start;

	if (sscanf(line, "%*d: %15s %*s %15s %*d %*s %llu %31s", kind, access, &start, end) != 4)
		return l;
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (strcmp(kind, kinds[i].name) == 0)
			l.kind = kinds[i].kind;
	l.write = strcmp(access, "WRITE") == 0;
	l.start = start;
	l.to_end = strcmp(end, "EOF") == 0;
	l.end = l.to_end ? 0 : strtoull(end, NULL, 10);
	return l;
}

/* No two that a process has on a file have one byte in common. */
static bool
is_known(const struct open_file *o, const struct file_lock *l)
{
	for (size_t i = 0; i < o->locks.n; i++) {
		const struct file_lock *x = o->locks.v[i];

		if (x->kind == l->kind && x->proc == l->proc && x->start == l->start)
			return true;
	}
	return false;
}

int
locks_take(struct dump *d, struct open_file *o, const struct proc *p, const char *info, bool first)
{
	for (const char *line = info; line != NULL && (line = strstr(line, "\nlock:\t")) != NULL; line++) {
		struct file_lock l = parse(line + 7), *x;

		l.proc = l.kind == PSNAP_FILE_LOCK_POSIX ? p : NULL;
		if (l.kind == 0 || (!first && (l.proc == NULL || is_known(o, &l))))
			continue;
		if ((x = dump_memdup(d, &l, sizeof l)) == NULL || list_add(d, &o->locks, x) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	return 0;
}

void
locks_emit(struct glue_emit *e, const struct open_file *o)
{
	for (size_t i = 0; i < o->locks.n; i++) {
		const struct file_lock *l = o->locks.v[i];

		glue_emit_open(e, PSNAP_F_OPEN_FILE_LOCKS);
		glue_emit_uint(e, PSNAP_F_FILE_LOCK_KIND, l->kind);
		glue_emit_uint(e, PSNAP_F_FILE_LOCK_WRITE, l->write);
		glue_emit_uint(e, PSNAP_F_FILE_LOCK_START, l->start);
		glue_emit_uint(e, PSNAP_F_FILE_LOCK_END, l->end);
		glue_emit_uint(e, PSNAP_F_FILE_LOCK_TO_END, l->to_end);
		glue_emit_int(e, PSNAP_F_FILE_LOCK_PID, l->proc != NULL ? l->proc->inner_pid : 0);
		glue_emit_close(e);
	}
}
