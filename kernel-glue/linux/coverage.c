/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What was met and cannot be carried.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "kernel-glue/linux/coverage.h"

struct coverage {
	uint64_t	id, process_id, object_id;
	uint32_t	severity;
	pid_t		pid, tid;
	int		fd;
	const char	*feature, *reason;
};

int
dump_cover(struct dump *d, uint32_t severity, const struct proc *p, pid_t tid, int fd,
    uint64_t object_id, const char *feature, const char *fmt, ...)
{
	pid_t pid = p != NULL ? p->pid : 0;
	struct coverage *c;
	char reason[256];
	va_list ap;

	for (size_t i = 0; i < d->coverage.n; i++) {
		c = d->coverage.v[i];
		if (c->pid == pid && c->fd == fd && c->tid == tid && strcmp(c->feature, feature) == 0)
			return 0;
	}
	va_start(ap, fmt);
	vsnprintf(reason, sizeof reason, fmt, ap);
	va_end(ap);
	if ((c = dump_alloc(d, sizeof *c)) == NULL || list_add(d, &d->coverage, c) != 0 ||
	    (c->reason = dump_strdup(d, reason)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	c->id = dump_new_id(d);
	c->severity = severity;
	c->process_id = p != NULL ? p->id : 0;
	c->object_id = object_id;
	c->pid = pid;
	c->tid = tid;
	c->fd = fd;
	c->feature = feature;
	return 0;
}

bool
coverage_partial(const struct dump *d)
{
	for (size_t i = 0; i < d->coverage.n; i++)
		if (((struct coverage *)d->coverage.v[i])->severity == PSNAP_COVERAGE_BREAKS)
			return true;
	return false;
}

int
coverage_decide(struct dump *d)
{
	size_t breaks = 0;

	for (size_t i = 0; i < d->coverage.n; i++) {
		const struct coverage *c = d->coverage.v[i];
		struct glue_finding f = {
			.severity = c->severity,
			.pid = c->pid,
			.tid = c->tid,
			.fd = c->fd,
			.feature = c->feature,
			.reason = c->reason,
		};

		if (c->severity == PSNAP_COVERAGE_BREAKS)
			breaks++;
		if (d->result->finding != NULL)
			d->result->finding(d->result->finding_ctx, &f);
	}
	if (breaks > 0 && !d->options->allow_partial)
		return dump_fail(d, GLUE_E_PARTIAL, 0, NULL,
		    "%zu thing%s cannot be carried and would break a restore (--allow-partial dumps the rest)",
		    breaks, breaks == 1 ? "" : "s");
	return 0;
}

void
coverage_translate(struct dump *d)
{
	for (size_t i = 0; i < d->coverage.n; i++) {
		struct coverage *c = d->coverage.v[i];

		c->pid = number_of_task(d, c->pid);
		c->tid = number_of_task(d, c->tid);
	}
}

static void
fields(struct glue_emit *e, const void *object)
{
	const struct coverage *c = object;

	glue_emit_uint(e, PSNAP_F_COVERAGE_SEVERITY, c->severity);
	glue_emit_uint(e, PSNAP_F_COVERAGE_PROCESS_ID, c->process_id);
	glue_emit_int(e, PSNAP_F_COVERAGE_PID, c->pid);
	glue_emit_int(e, PSNAP_F_COVERAGE_TID, c->tid);
	if (c->fd >= 0) {
		glue_emit_int(e, PSNAP_F_COVERAGE_FD, c->fd);
		glue_emit_uint(e, PSNAP_F_COVERAGE_HAS_FD, 1);
	}
	glue_emit_string(e, PSNAP_F_COVERAGE_FEATURE, c->feature);
	glue_emit_string(e, PSNAP_F_COVERAGE_REASON, c->reason);
	glue_emit_uint(e, PSNAP_F_COVERAGE_OBJECT_ID, c->object_id);
}

int
coverage_emit(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->coverage.n; i++) {
		const struct coverage *c = d->coverage.v[i];

		if ((r = dump_record(d, PSNAP_KIND_COVERAGE, c->id, fields, c)) != 0)
			return r;
	}
	return 0;
}
