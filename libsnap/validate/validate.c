/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/core/error.h"
#include "libsnap/validate/validate.h"

/* Ascending by kind. */
static const struct {
	uint32_t kind;
	void (*check)(struct check *, const struct snap_object *);
} checks[] = {
	{ PSNAP_KIND_PROVENANCE, check_provenance },
	{ PSNAP_KIND_HOST, check_host },
	{ PSNAP_KIND_NAMESPACE, check_namespace },
	{ PSNAP_KIND_CGROUP, check_cgroup },
	{ PSNAP_KIND_COVERAGE, check_coverage },
	{ PSNAP_KIND_INSTANCE, check_instance },
	{ PSNAP_KIND_PROCESS, check_process },
	{ PSNAP_KIND_THREAD, check_thread },
	{ PSNAP_KIND_CREDENTIALS, check_credentials },
	{ PSNAP_KIND_SIGNAL_HANDLERS, check_signal_handlers },
	{ PSNAP_KIND_FS_CONTEXT, check_fs_context },
	{ PSNAP_KIND_SECCOMP_FILTER, check_seccomp_filter },
	{ PSNAP_KIND_ADDRESS_SPACE, check_address_space },
	{ PSNAP_KIND_MAPPING, check_mapping },
	{ PSNAP_KIND_MEMORY_OBJECT, check_memory_object },
	{ PSNAP_KIND_DESCRIPTOR_TABLE, check_descriptor_table },
	{ PSNAP_KIND_OPEN_FILE, check_open_file },
	{ PSNAP_KIND_FILE, check_file },
	{ PSNAP_KIND_PIPE, check_pipe },
	{ PSNAP_KIND_TERMINAL, check_terminal },
	{ PSNAP_KIND_SOCKET, check_socket },
	{ PSNAP_KIND_TCP_CONNECTION, check_tcp_connection },
	{ PSNAP_KIND_SYSV_SEGMENT, check_sysv_segment },
	{ PSNAP_KIND_SYSV_SEMAPHORES, check_sysv_semaphores },
	{ PSNAP_KIND_SYSV_QUEUE, check_sysv_queue },
	{ PSNAP_KIND_POSIX_QUEUE, check_posix_queue },
	{ PSNAP_KIND_NETWORK_STACK, check_network_stack },
	{ PSNAP_KIND_INTERFACE, check_interface },
	{ PSNAP_KIND_INTERFACE_ADDRESS, check_interface_address },
	{ PSNAP_KIND_ROUTE, check_route },
	{ PSNAP_KIND_ROUTE_RULE, check_route_rule },
	{ PSNAP_KIND_NEIGHBOUR, check_neighbour },
	{ PSNAP_KIND_FILTER_TABLE, check_filter_table },
	{ PSNAP_KIND_FILTER_CHAIN, check_filter_chain },
	{ PSNAP_KIND_FILTER_SET, check_filter_set },
	{ PSNAP_KIND_FILTER_RULE, check_filter_rule },
	{ PSNAP_KIND_FILE_SYSTEM, check_file_system },
	{ PSNAP_KIND_MOUNT, check_mount },
	{ PSNAP_KIND_FILE_SYSTEM_ENTRY, check_file_system_entry },
};

/* ---- reporting ---- */

static void
found(struct check *v, enum snap_code code, const struct snap_object *o, const char *rule,
    const char *fmt, va_list ap)
{
	struct snap_error finding;
	char msg[sizeof finding.msg];

	if (v->stopped)
		return;
	vsnprintf(msg, sizeof msg, fmt, ap);
	error_object(&finding, code, rule, o != NULL ? o->id : SNAP_NO_RECORD, o != NULL ? o->offset : 0,
	    "%s", msg);
	if (v->first.code == SNAP_OK)
		v->first = finding;
	if (v->fn != NULL && v->fn(v->ctx, &finding) != 0)
		v->stopped = true;
}

void
check_corrupt(struct check *v, const struct snap_object *o, const char *rule, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	found(v, SNAP_E_CORRUPT, o, rule, fmt, ap);
	va_end(ap);
}

void
check_unsupported(struct check *v, const struct snap_object *o, const char *rule, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	found(v, SNAP_E_UNSUPPORTED, o, rule, fmt, ap);
	va_end(ap);
}

/* ---- running ---- */

size_t
check_index(const struct check *v, const struct snap_object *o)
{
	return (size_t)(o - v->s->objects);
}

static void
use(struct check *v, uint64_t id, uint32_t kind, int abi)
{
	const struct snap_object *o = snap_get_object(v->s, id);

	if (o == NULL || o->kind != kind)
		return;
	v->users[check_index(v, o)]++;
	if (abi > v->abi[check_index(v, o)] && abi <= PSNAP_ABI_ARM64)
		v->abi[check_index(v, o)] = (uint8_t)abi;
}

/* Who uses what, before any check asks. */
static void
note_users(struct check *v)
{
	const struct snap_object *const *all;
	size_t n;

	all = snap_get_kind(v->s, PSNAP_KIND_PROCESS, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = CHECK_MESSAGE(Psnap__Process, all[i]);

		if (p == NULL)
			continue;
		use(v, p->address_space_id, PSNAP_KIND_ADDRESS_SPACE, (int)p->abi);
		use(v, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE, 0);
		use(v, p->signal_handlers_id, PSNAP_KIND_SIGNAL_HANDLERS, 0);
		use(v, p->fs_context_id, PSNAP_KIND_FS_CONTEXT, 0);
		for (size_t k = 0; k < p->n_thread_ids; k++)
			use(v, p->thread_ids[k], PSNAP_KIND_THREAD, 0);
	}
	all = snap_get_kind(v->s, PSNAP_KIND_COVERAGE, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Coverage *c = CHECK_MESSAGE(Psnap__Coverage, all[i]);
		const struct snap_object *o = c != NULL ? snap_get_object(v->s, c->object_id) : NULL;

		if (o != NULL)
			v->covered[check_index(v, o)] = true;
	}
}

static int
check_objects(struct check *v)
{
	const struct snap_object *o;
	int r;

	for (size_t i = 0; i < v->s->count && !v->stopped; i++) {
		o = v->s->order[i];
		if (o->message == NULL)
			continue;
		if ((r = check_record(v, o)) != 0)
			return r;
		for (size_t k = 0; k < sizeof checks / sizeof checks[0]; k++)
			if (checks[k].kind == o->kind)
				checks[k].check(v, o);
	}
	return 0;
}

int
snap_validate(struct snap *s, snap_finding_fn *fn, void *ctx, struct snap_error *err)
{
	struct check v = { .s = s, .fn = fn, .ctx = ctx, .err = err };
	struct snap_summary summary;
	int r;

	snap_get_summary(s, &summary);
	v.page_size = summary.page_size;
	while (UINT64_C(1) << v.page_shift < v.page_size)
		v.page_shift++;
	v.users = calloc(s->count + 1, sizeof *v.users);
	v.abi = calloc(s->count + 1, sizeof *v.abi);
	v.covered = calloc(s->count + 1, sizeof *v.covered);
	if (v.users == NULL || v.abi == NULL || v.covered == NULL) {
		r = error_nomem(err);
		goto out;
	}
	note_users(&v);
	if ((r = check_objects(&v)) != 0 ||
	    (!v.stopped && (r = check_graph(&v)) != 0) ||
	    (!v.stopped && (r = check_numbers(&v)) != 0) ||
	    (!v.stopped && (r = check_epolls(&v)) != 0) ||
	    (!v.stopped && (r = check_sysv(&v)) != 0) ||
	    (!v.stopped && (r = check_posix_queues(&v)) != 0) ||
	    (!v.stopped && (r = check_networks(&v)) != 0) ||
	    (!v.stopped && (r = check_filters(&v)) != 0) ||
	    (!v.stopped && (r = check_mounts(&v)) != 0) ||
	    (!v.stopped && (r = check_pages(&v)) != 0))
		goto out;
	r = v.first.code;
	if (r != 0 && err != NULL)
		*err = v.first;
out:
	free(v.users);
	free(v.abi);
	free(v.covered);
	return r;
}
