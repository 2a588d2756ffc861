/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A dump from beginning to end, and what all its parts use.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux/arena.h"
#include "kernel-glue/linux/coverage.h"
#include "kernel-glue/linux/dump.h"
#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/procfs.h"

#define EMIT_BUFFER	(1u << 20)

/* ---- errors and memory ---- */

int
dump_fail(struct dump *d, enum glue_code code, int os_errno, const struct proc *p, const char *fmt, ...)
{
	struct glue_error *err = d->err;
	size_t n = 0;
	va_list ap;

	if (err->code != GLUE_OK)	/* the first one tells what happened */
		return err->code;
	err->code = code;
	err->os_errno = os_errno;
	err->pid = p != NULL ? p->pid : 0;
	if (p != NULL)
		n = (size_t)snprintf(err->msg, sizeof err->msg, "pid %d: ", (int)p->pid);
	va_start(ap, fmt);
	vsnprintf(err->msg + n, sizeof err->msg - n, fmt, ap);
	va_end(ap);
	return code;
}

void *
dump_alloc(struct dump *d, size_t size)
{
	return glue_arena_alloc(d->arena, size);
}

void *
dump_memdup(struct dump *d, const void *p, size_t n)
{
	void *copy = dump_alloc(d, n + 1);

	if (copy != NULL && n > 0)
		memcpy(copy, p, n);
	return copy;
}

char *
dump_strdup(struct dump *d, const char *s)
{
	return dump_memdup(d, s, strlen(s));
}

static char *
format(struct dump *d, const char *fmt, va_list ap)
{
	char buf[1024];

	vsnprintf(buf, sizeof buf, fmt, ap);
	return dump_strdup(d, buf);
}

char *
dump_printf(struct dump *d, const char *fmt, ...)
{
	va_list ap;
	char *s;

	va_start(ap, fmt);
	s = format(d, fmt, ap);
	va_end(ap);
	return s;
}

/* Grown by doubling into fresh arena memory. */
int
list_add(struct dump *d, struct list *l, void *item)
{
	if (l->n == l->cap) {
		size_t cap = l->cap == 0 ? 8 : l->cap * 2;
		void **v = dump_alloc(d, cap * sizeof *v);

		if (v == NULL)
			return GLUE_E_NOMEM;
		if (l->n > 0)
			memcpy(v, l->v, l->n * sizeof *v);
		l->v = v;
		l->cap = cap;
	}
	l->v[l->n++] = item;
	return 0;
}

uint64_t
dump_new_id(struct dump *d)
{
	return ++d->next_id;
}

int
dump_note(struct dump *d, const char *fmt, ...)
{
	va_list ap;
	char *note;

	va_start(ap, fmt);
	note = format(d, fmt, ap);
	va_end(ap);
	if (note == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	for (size_t i = 0; i < d->notes.n; i++)
		if (strcmp(d->notes.v[i], note) == 0)
			return 0;
	return list_add(d, &d->notes, note);
}

/* ---- records ---- */

static int
flush(struct dump *d)
{
	if (d->emit.len > 0 && d->sink->records(d->sink->ctx, d->emit.buf, d->emit.len) != 0)
		return dump_fail(d, GLUE_E_SINK, 0, NULL, "output failed");
	glue_emit_reset(&d->emit);
	return 0;
}

int
dump_record(struct dump *d, uint32_t kind, uint64_t id,
    void (*fields)(struct glue_emit *e, const void *object), const void *object)
{
	/* what a restore or a reader can do without is carried by those who do not know it */
	enum psnap_criticality critical = kind == PSNAP_KIND_PROVENANCE || kind == PSNAP_KIND_COVERAGE ?
	    PSNAP_CRITICAL_CARRY : PSNAP_CRITICAL_REFUSE;

	for (;;) {
		uint8_t *bigger;
		int r;

		glue_emit_begin(&d->emit, kind, id, critical);
		fields(&d->emit, object);
		if ((r = glue_emit_end(&d->emit)) == GLUE_EMIT_OK)
			return 0;
		if (r != GLUE_EMIT_NO_ROOM)
			return dump_fail(d, GLUE_E_PARTIAL, 0, NULL,
			    "record %llu of kind %u cannot be encoded (%d)", (unsigned long long)id, kind, r);
		if (d->emit.len > 0) {
			if ((r = flush(d)) != 0)
				return r;
			continue;
		}
		/* one record larger than the buffer */
		if ((bigger = realloc(d->emit.buf, d->emit.cap * 2)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		glue_emit_init(&d->emit, bigger, d->emit.cap * 2);
	}
}

/* ---- the order of it all ---- */

uint64_t
dump_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

int
dump_cancelled(struct dump *d)
{
	if (d->options->cancel == NULL || !*d->options->cancel)
		return 0;
	return dump_fail(d, GLUE_E_INTERRUPTED, 0, NULL, "interrupted");
}

/* Resident bytes of the tree as it is now, and its processes; a guess, for the stage and the collector. */
static uint64_t
estimate(struct dump *d, pid_t pid, int depth, size_t *processes)
{
	struct proc p = { .pid = pid, .live = pid };
	uint64_t bytes = 0;
	char text[8192];
	char path[64];

	if (depth > 64 || proc_open(&p) != 0)
		return 0;
	++*processes;
	if (proc_read_small(&p, "status", text, sizeof text) > 0)
		bytes = (field_number(text, "RssAnon", 10) + field_number(text, "RssShmem", 10)) << 10;
	snprintf(path, sizeof path, "task/%d/children", (int)pid);
	if (proc_read_small(&p, path, text, sizeof text) > 0)
		for (char *at = text, *end;; at = end) {
			long child = strtol(at, &end, 10);

			if (end == at)
				break;
			bytes += estimate(d, (pid_t)child, depth + 1, processes);
		}
	close(p.proc_fd);
	return bytes;
}

static int
collect_process(struct dump *d, struct proc *p)
{
	int r;

	if ((r = proc_collect(d, p)) != 0)
		return r;
	if (p->zombie)
		return 0;
	for (size_t i = 0; i < p->tasks.n; i++)
		if ((r = task_collect(d, p->tasks.v[i])) != 0)
			return r;
	r = mem_collect(d, p);
	return r != 0 ? r : fd_collect(d, p);
}

/* What the tree has to be asked itself. */
static int
collect_remote(struct dump *d)
{
	int r;

	if ((r = remote_begin(d)) != 0)
		return r;
	for (size_t i = 0; i < d->procs.n; i++)
		if ((r = task_ask(d, d->procs.v[i])) != 0)
			return r;
	if ((r = remote_run(d)) != 0 || (r = ipc_ask(d)) != 0)
		return r;
	return remote_end(d);
}

/* Everything that needs the tree to stand still. */
static int
collect(struct dump *d)
{
	int r;

	if ((r = facts_collect(d)) != 0)
		return r;
	for (size_t i = 0; i < d->procs.n; i++) {
		if ((r = dump_cancelled(d)) != 0 || (r = collect_process(d, d->procs.v[i])) != 0)
			return r;
	}
	if ((r = ipc_collect(d)) != 0 ||
	    (r = collect_remote(d)) != 0 ||
	    (r = task_resolve(d)) != 0 ||
	    (r = fd_resolve(d)) != 0 ||
	    (r = net_collect(d)) != 0 ||
	    (r = mounts_collect(d)) != 0 ||
	    (r = coverage_decide(d)) != 0)
		return r;
	numbers_translate(d);
	return 0;
}

static int
collect_and_stage(struct dump *d)
{
	uint64_t began = dump_now();
	int r = collect(d);

	d->result->collect_ns = dump_now() - began;
	return r != 0 ? r : mem_stage_pages(d);
}

static int
emit_all(struct dump *d)
{
	int r;

	if ((r = task_emit(d)) != 0 ||
	    (r = mem_emit(d)) != 0 ||
	    (r = fd_emit(d)) != 0 ||
	    (r = ipc_emit(d)) != 0 ||
	    (r = net_emit(d)) != 0 ||
	    (r = mounts_emit(d)) != 0 ||
	    (r = coverage_emit(d)) != 0 ||
	    (r = flush(d)) != 0)
		return r;
	return mem_emit_pages(d);
}

static void
count(struct dump *d)
{
	d->result->processes = d->procs.n;
	d->result->open_files = d->open_files.n;
	for (size_t i = 0; i < d->procs.n; i++)
		d->result->threads += ((struct proc *)d->procs.v[i])->zombie ? 0 :
		    ((struct proc *)d->procs.v[i])->tasks.n;
}

static bool
needs_2_1(const struct dump *d)
{
	return !ipc_is_empty(d) || d->connections.n > 0 || namespaces_are_told(d) || sockets_need_2_1(d) ||
	    d->net != NULL || d->mounts != NULL || d->options->instance;
}

static int
emit_and_finish(struct dump *d)
{
	int r;

	count(d);
	/* the lowest version that holds it */
	d->result->major = needs_2_1(d) ? 2 : 1;
	d->result->minor = needs_2_1(d) ? 1 : 0;
	if ((r = emit_all(d)) != 0)
		return r;
	return d->sink->finish(d->sink->ctx) == 0 ? 0 : dump_fail(d, GLUE_E_SINK, 0, NULL, "output failed");
}

/* ---- stopping ---- */

static void
let_go(struct dump *d, enum glue_after after)
{
	freeze_release(d, after);
	d->result->frozen_ns += dump_now() - d->stopped;
}

/* The tree, with nobody waiting to be accepted by it, if it accepts: so it may have to run on once more. */
static int
stop(struct dump *d)
{
	const uint64_t first_id = d->next_id;
	int r;

	for (;;) {
		d->stopped = dump_now();
		if ((r = freeze_tree(d)) != 0 ||
		    (r = tree_namespaces_find(d)) != 0 ||
		    (r = tcp_accept_look(d)) <= 0)
			return r;
		let_go(d, GLUE_RUN_ON);
		d->procs.n = 0;
		d->next_id = first_id;
		if ((r = tcp_accept_wait(d)) != 0)
			return r;
	}
}

/* Two for every process, one for each file held and for what is only under way in sockets. */
static void
allow_descriptors(struct dump *d)
{
	struct rlimit rl;

	getrlimit(RLIMIT_NOFILE, &d->files_limit);
	rl = d->files_limit;
	rl.rlim_cur = rl.rlim_max;
	setrlimit(RLIMIT_NOFILE, &rl);
}

static int
begin(struct dump *d, uint64_t began)
{
	void *buf;

	memset(d->err, 0, sizeof *d->err);
	allow_descriptors(d);
	d->began = began;
	d->privileged = geteuid() == 0;
	if ((d->arena = glue_arena_new()) == NULL || (buf = malloc(EMIT_BUFFER)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	glue_emit_init(&d->emit, buf, EMIT_BUFFER);
	return 0;
}

static void
end(struct dump *d)
{
	posix_queues_close(d);
	mounts_close(d);
	free(d->emit.buf);
	glue_arena_free(d->arena);
	setrlimit(RLIMIT_NOFILE, &d->files_limit);
	d->result->total_ns = dump_now() - d->began;
}

int
glue_linux_dump(const struct glue_linux_options *options, const struct glue_sink *sink,
    struct glue_linux_result *result, struct glue_error *err)
{
	struct dump d = { .options = options, .sink = sink, .result = result, .err = err };
	bool hold = options->after != GLUE_RUN_ON;
	uint64_t bytes;
	size_t processes = 0;
	int r;

	if ((r = begin(&d, dump_now())) != 0)
		goto out;
	bytes = estimate(&d, options->pid, 0, &processes);
	if ((r = stage_open(&d, bytes)) != 0 || (r = facts_open(&d, processes)) != 0)
		goto out;
	if ((r = stop(&d)) == 0)
		r = collect_and_stage(&d);
	if (r != 0)
		remote_undo(&d);
	else if (hold)
		r = emit_and_finish(&d);
	tcp_before_release(&d, r == 0 && options->after == GLUE_KILL);
	let_go(&d, r == 0 ? options->after : GLUE_RUN_ON);
	tcp_after_release(&d);
	if (r == 0 && !hold)
		r = emit_and_finish(&d);
out:
	facts_close(&d);
	stage_close(&d);
	end(&d);
	return r;
}

int
glue_linux_suspend(const struct glue_linux_options *options, struct glue_linux_result *result,
    struct glue_error *err)
{
	struct dump d = { .options = options, .result = result, .err = err };
	int r;

	if ((r = begin(&d, dump_now())) == 0) {
		r = freeze_tree(&d);
		freeze_release(&d, r == 0 ? GLUE_STOP : GLUE_RUN_ON);
		count(&d);
	}
	end(&d);
	return r;
}
