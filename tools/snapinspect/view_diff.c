/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What changed between two snapshots: processes, threads, mappings down to
 * their pages, descriptors, IPC objects.  Objects are matched by meaning (pid,
 * tid, address, fd, System V id, name), since ids are a snapshot's own.
 */
#include <stdlib.h>
#include <string.h>

#include "format/ipc.pb-c.h"
#include "libsnap/model/sysv_identity.h"
#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

struct diff {
	struct snap	*a, *b;
	const struct options *o;
	json_t		*list;
	uint8_t		*pages;		/* two pages */
	struct snap	*failed;	/* whose pages could not be read: err */
	struct snap_error err;
};

static void
change(struct diff *d, int32_t pid, const char *what, const char *how, json_t *detail)
{
	json_array_append_new(d->list, json_pack("{s:i, s:s, s:s, s:o}", "pid", (int)pid, "what", what,
	    "change", how, "detail", detail));
}

/* ---- messages, field by field ---- */

/*
 * References are a snapshot's own numbers: what they lead to is compared, so
 * far as it is part of the object and not another one that is compared by
 * itself, or its owner.
 */
static bool
is_reference(const char *name)
{
	size_t n = strlen(name);

	return (n > 3 && strcmp(name + n - 3, "_id") == 0) || (n > 4 && strcmp(name + n - 4, "_ids") == 0);
}

static bool
is_part(const char *name)
{
	static const char *const parts[] = {
		"content_object_id", "credentials_id", "cwd_file_id", "executable_file_id", "file_id",
		"fs_context_id", "memory_object_id", "open_file_id", "pipe_id", "process_group_id",
		"root_file_id", "seccomp_filter_id", "session_id", "signal_handlers_id", "socket_id",
		"terminal_id",
	};

	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
		if (strcmp(parts[i], name) == 0)
			return true;
	return false;
}

#define DEPTH_MAX	4	/* an epoll's entry's open file's file */

static bool
same_value(struct diff *d, const ProtobufCFieldDescriptor *f, const void *x, const void *y, int depth);
static bool
same_message(struct diff *d, const ProtobufCMessage *x, const ProtobufCMessage *y, int depth);

static bool
same_reference(struct diff *d, uint64_t x, uint64_t y, int depth)
{
	const struct snap_object *o = snap_get_object(d->a, x), *p = snap_get_object(d->b, y);

	if (o == NULL || p == NULL || o->message == NULL || p->message == NULL)
		return o == p;
	return o->kind == p->kind && (depth >= DEPTH_MAX || same_message(d, o->message, p->message, depth + 1));
}

/* The depth is the schema's, not the input's. */
static bool
same_field(struct diff *d, const ProtobufCFieldDescriptor *f, const ProtobufCMessage *x,
    const ProtobufCMessage *y, int depth)
{
	const char *p = (const char *)x + f->offset, *q = (const char *)y + f->offset;
	size_t n, m, size;

	if (f->label != PROTOBUF_C_LABEL_REPEATED)
		return same_value(d, f, p, q, depth);
	n = *(const size_t *)((const char *)x + f->quantifier_offset);
	m = *(const size_t *)((const char *)y + f->quantifier_offset);
	if (n != m)
		return false;
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		size = 8;
		break;
	case PROTOBUF_C_TYPE_BYTES:
		size = sizeof(ProtobufCBinaryData);
		break;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		size = sizeof(void *);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		size = sizeof(protobuf_c_boolean);
		break;
	default:
		size = 4;
		break;
	}
	for (size_t i = 0; i < n; i++)
		if (!same_value(d, f, *(char *const *)p + i * size, *(char *const *)q + i * size, depth))
			return false;
	return true;
}

/* Numbers that name the object on its producer, and what it costs: no change of the object. */
static bool
is_identity(const ProtobufCFieldDescriptor *f, const ProtobufCMessage *x)
{
	return (x->descriptor == &psnap__memory_object__descriptor &&
	    (f->id == PSNAP_F_MEMORY_OBJECT_DEVICE || f->id == PSNAP_F_MEMORY_OBJECT_INODE)) ||
	    (x->descriptor == &psnap__pipe__descriptor && f->id == PSNAP_F_PIPE_INODE) ||
	    (x->descriptor == &psnap__socket__descriptor && f->id == PSNAP_F_SOCKET_INODE);
}

static bool
same_member(struct diff *d, const ProtobufCFieldDescriptor *f, const ProtobufCMessage *x,
    const ProtobufCMessage *y, int depth)
{
	if (is_identity(f, x))
		return true;
	if (!is_reference(f->name))
		return same_field(d, f, x, y, depth);
	return !is_part(f->name) || same_reference(d, *(const uint64_t *)((const char *)x + f->offset),
	    *(const uint64_t *)((const char *)y + f->offset), depth);
}

static bool
same_message(struct diff *d, const ProtobufCMessage *x, const ProtobufCMessage *y, int depth)
{
	for (unsigned i = 0; i < x->descriptor->n_fields; i++)
		if (!same_member(d, &x->descriptor->fields[i], x, y, depth))
			return false;
	return true;
}

static bool
same_value(struct diff *d, const ProtobufCFieldDescriptor *f, const void *x, const void *y, int depth)
{
	const ProtobufCBinaryData *p, *q;
	const ProtobufCMessage *m, *n;

	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		return *(const uint64_t *)x == *(const uint64_t *)y;
	case PROTOBUF_C_TYPE_BOOL:
		return *(const protobuf_c_boolean *)x == *(const protobuf_c_boolean *)y;
	case PROTOBUF_C_TYPE_STRING:
		return strcmp(*(char *const *)x, *(char *const *)y) == 0;
	case PROTOBUF_C_TYPE_BYTES:
		p = x, q = y;
		return p->len == q->len && (p->len == 0 || memcmp(p->data, q->data, p->len) == 0);
	case PROTOBUF_C_TYPE_MESSAGE:
		m = *(ProtobufCMessage *const *)x, n = *(ProtobufCMessage *const *)y;
		return m == NULL || n == NULL ? m == n : same_message(d, m, n, depth);
	default:
		return *(const uint32_t *)x == *(const uint32_t *)y;
	}
}

/* Names of the fields that differ, a reference by what it leads to; NULL if none does. */
static json_t *
changed_fields(struct diff *d, const ProtobufCMessage *x, const ProtobufCMessage *y)
{
	json_t *list = json_array();

	for (unsigned i = 0; i < x->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &x->descriptor->fields[i];

		if (!same_member(d, f, x, y, 0))
			json_array_append_new(list, json_stringn(f->name,
			    strlen(f->name) - (is_reference(f->name) ? 3 : 0)));
	}
	if (json_array_size(list) > 0)
		return list;
	json_decref(list);
	return NULL;
}

/* ---- pages ---- */

/* First page at or after `page` that either holds; last if none. */
static uint64_t
next_page(struct diff *d, struct snap *s, uint64_t owner, uint64_t page, uint64_t last)
{
	struct snap_run run = { .owner = owner, .first = page };
	int r = snap_next_run(s, &run, last, &d->err);

	if (r < 0)
		d->failed = s;
	return r != 1 ? last : run.first > page ? run.first : page;
}

static bool
same_page(struct diff *d, uint64_t oa, uint64_t ob, uint64_t addr, size_t size)
{
	if (snap_read_memory(d->a, oa, addr, d->pages, size, NULL, &d->err) != 0)
		d->failed = d->a;
	else if (snap_read_memory(d->b, ob, addr, d->pages + size, size, NULL, &d->err) != 0)
		d->failed = d->b;
	return d->failed == NULL && memcmp(d->pages, d->pages + size, size) == 0;
}

/* How many of pages [first, last) of an owner changed; with shift added their addresses go to list, unless NULL. */
static uint64_t
changed_pages(struct diff *d, uint64_t oa, uint64_t ob, uint64_t first, uint64_t last, uint64_t shift, json_t *list)
{
	struct snap_summary sum;
	uint64_t size, changed = 0;

	snap_get_summary(d->a, &sum);
	size = sum.page_size;
	for (uint64_t page = first; page < last && d->failed == NULL; page++) {
		uint64_t na = next_page(d, d->a, oa, page, last), nb = next_page(d, d->b, ob, page, last);

		page = na < nb ? na : nb;
		if (page >= last)
			break;
		/* held by one only: written to, or dropped */
		if (na == nb && same_page(d, oa, ob, page * size, size))
			continue;
		changed++;
		if (list != NULL)
			json_array_append_new(list, json_hex(page * size + shift));
	}
	return changed;
}

/* The same, told of a mapping; shift makes pages its addresses. */
static void
diff_pages(struct diff *d, int32_t pid, uint64_t oa, uint64_t ob, uint64_t first, uint64_t last,
    uint64_t shift, const Psnap__Mapping *m)
{
	json_t *list = d->o->pages ? json_array() : NULL, *detail;
	uint64_t changed = changed_pages(d, oa, ob, first, last, shift, list);

	if (changed > 0) {
		detail = json_pack("{s:o, s:o, s:I}", "start", json_hex(m->start), "name",
		    mapping_name(d->b, m), "pages", (json_int_t)changed);
		if (list != NULL)
			json_object_set(detail, "addresses", list);
		change(d, pid, "pages", "changed", detail);
	}
	json_decref(list);
}

/* Its private pages, and those of the shared object behind it. */
static void
diff_contents(struct diff *d, const Psnap__Process *p, const Psnap__Process *q, const Psnap__Mapping *m,
    const Psnap__Mapping *n)
{
	struct snap_summary sum;
	uint64_t size;

	snap_get_summary(d->a, &sum);
	size = sum.page_size;
	diff_pages(d, p->pid, p->address_space_id, q->address_space_id, n->start / size, n->end / size, 0, n);
	if (m->memory_object_id != 0 && n->memory_object_id != 0 && m->offset == n->offset)
		diff_pages(d, p->pid, m->memory_object_id, n->memory_object_id, n->offset / size,
		    (n->offset + (n->end - n->start)) / size, n->start - n->offset, n);
}

/* ---- mappings ---- */

static json_t *
mapping_detail(struct snap *s, const Psnap__Mapping *m)
{
	return json_pack("{s:o, s:o, s:o}", "start", json_hex(m->start), "end", json_hex(m->end), "name",
	    mapping_name(s, m));
}

static void
diff_maps(struct diff *d, const Psnap__Process *p, const Psnap__Process *q)
{
	size_t na, nb, i = 0, k = 0;
	const struct snap_object *const *a =
	    snap_get_children(d->a, p->address_space_id, PSNAP_KIND_MAPPING, &na);
	const struct snap_object *const *b =
	    snap_get_children(d->b, q->address_space_id, PSNAP_KIND_MAPPING, &nb);

	while (i < na || k < nb) {
		const Psnap__Mapping *m = i < na ? (const void *)a[i]->message : NULL;
		const Psnap__Mapping *n = k < nb ? (const void *)b[k]->message : NULL;
		json_t *fields;

		if (n == NULL || (m != NULL && m->start < n->start)) {
			change(d, p->pid, "mapping", "removed", mapping_detail(d->a, m));
			i++;
			continue;
		}
		if (m == NULL || n->start < m->start) {
			change(d, p->pid, "mapping", "added", mapping_detail(d->b, n));
			k++;
			continue;
		}
		if ((fields = changed_fields(d, &m->base, &n->base)) != NULL) {
			json_t *detail = mapping_detail(d->b, n);

			json_object_set_new(detail, "fields", fields);
			change(d, p->pid, "mapping", "changed", detail);
		}
		diff_contents(d, p, q, m, n);
		i++;
		k++;
	}
}

/* ---- threads and descriptors ---- */

/* Of a socket, or NULL. */
static const struct snap_object *
connection_of(struct snap *s, uint64_t socket_id)
{
	size_t n;
	const struct snap_object *const *v = snap_get_children(s, socket_id, PSNAP_KIND_TCP_CONNECTION, &n);

	return socket_id != 0 && n > 0 ? v[0] : NULL;
}

static bool
same_parts(struct diff *d, const struct snap_object *a, const struct snap_object *b)
{
	size_t n, m;
	const struct snap_object *const *v = snap_get_children(d->a, a->id, PSNAP_KIND_TCP_QUEUE_PART, &n);
	const struct snap_object *const *w = snap_get_children(d->b, b->id, PSNAP_KIND_TCP_QUEUE_PART, &m);
	bool same = n == m;

	for (size_t i = 0; same && i < n; i++)
		same = same_message(d, v[i]->message, w[i]->message, 0);
	return same;
}

static bool
same_connection(struct diff *d, const Psnap__OpenFile *x, const Psnap__OpenFile *y)
{
	const struct snap_object *a = connection_of(d->a, x->socket_id), *b = connection_of(d->b, y->socket_id);

	return a == NULL || b == NULL ? a == b : same_message(d, a->message, b->message, 0) && same_parts(d, a, b);
}

static json_t *
add_field(json_t *fields, const char *name)
{
	fields = fields != NULL ? fields : json_array();
	json_array_append_new(fields, json_string(name));
	return fields;
}

static const Psnap__Thread *
find_thread(struct snap *s, const Psnap__Process *p, int32_t tid)
{
	for (size_t i = 0; i < p->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(s, p->thread_ids[i], PSNAP_KIND_THREAD);

		if (t != NULL && t->tid == tid)
			return t;
	}
	return NULL;
}

static void
diff_threads(struct diff *d, const Psnap__Process *p, const Psnap__Process *q)
{
	json_t *fields;

	for (size_t i = 0; i < p->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(d->a, p->thread_ids[i], PSNAP_KIND_THREAD), *u;

		if (t == NULL)
			continue;
		if ((u = find_thread(d->b, q, t->tid)) == NULL)
			change(d, p->pid, "thread", "removed", json_pack("{s:i}", "tid", (int)t->tid));
		else if ((fields = changed_fields(d, &t->base, &u->base)) != NULL)
			change(d, p->pid, "thread", "changed",
			    json_pack("{s:i, s:o}", "tid", (int)t->tid, "fields", fields));
	}
	for (size_t i = 0; i < q->n_thread_ids; i++) {
		const Psnap__Thread *t = snap_get_message(d->b, q->thread_ids[i], PSNAP_KIND_THREAD);

		if (t != NULL && find_thread(d->a, p, t->tid) == NULL)
			change(d, p->pid, "thread", "added", json_pack("{s:i}", "tid", (int)t->tid));
	}
}

static void
diff_descriptors(struct diff *d, const Psnap__Process *p, const Psnap__Process *q)
{
	const Psnap__DescriptorTable *a =
	    snap_get_message(d->a, p->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);
	const Psnap__DescriptorTable *b =
	    snap_get_message(d->b, q->descriptor_table_id, PSNAP_KIND_DESCRIPTOR_TABLE);
	size_t i = 0, k = 0, na = a != NULL ? a->n_descriptors : 0, nb = b != NULL ? b->n_descriptors : 0;

	while (i < na || k < nb) {
		const Psnap__OpenFile *x, *y;
		json_t *fields;

		if (k == nb || (i < na && a->descriptors[i]->fd < b->descriptors[k]->fd)) {
			change(d, p->pid, "descriptor", "removed",
			    json_pack("{s:i}", "fd", (int)a->descriptors[i++]->fd));
			continue;
		}
		if (i == na || b->descriptors[k]->fd < a->descriptors[i]->fd) {
			change(d, p->pid, "descriptor", "added",
			    json_pack("{s:i}", "fd", (int)b->descriptors[k++]->fd));
			continue;
		}
		x = snap_get_message(d->a, a->descriptors[i]->open_file_id, PSNAP_KIND_OPEN_FILE);
		y = snap_get_message(d->b, b->descriptors[k]->open_file_id, PSNAP_KIND_OPEN_FILE);
		if (x == NULL || y == NULL)
			fields = NULL;
		else
			fields = changed_fields(d, &x->base, &y->base);
		if (x != NULL && y != NULL && !same_connection(d, x, y))
			fields = add_field(fields, "connection");
		if (a->descriptors[i]->close_on_exec != b->descriptors[k]->close_on_exec)
			fields = add_field(fields, "close_on_exec");
		if (fields != NULL)
			change(d, p->pid, "descriptor", "changed", json_pack("{s:i, s:o}", "fd",
			    (int)a->descriptors[i]->fd, "fields", fields));
		i++;
		k++;
	}
}

/* ---- processes ---- */

static const Psnap__Process *
find_process(struct snap *s, int32_t pid)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (p != NULL && p->pid == pid)
			return p;
	}
	return NULL;
}

static void
diff_process(struct diff *d, const Psnap__Process *p, const Psnap__Process *q)
{
	const Psnap__AddressSpace *m = get_space(d->a, p->address_space_id);
	const Psnap__AddressSpace *n = get_space(d->b, q->address_space_id);
	json_t *fields = changed_fields(d, &p->base, &q->base);

	if (fields != NULL)
		change(d, p->pid, "process", "changed", json_pack("{s:o}", "fields", fields));
	if (m != NULL && n != NULL && (fields = changed_fields(d, &m->base, &n->base)) != NULL)
		change(d, p->pid, "address space", "changed", json_pack("{s:o}", "fields", fields));
	diff_threads(d, p, q);
	diff_descriptors(d, p, q);
	diff_maps(d, p, q);
}

/* ---- what an IPC namespace holds ---- */

/* What it is known by, as its detail begins. */
static json_t *
ipc_detail(const struct snap_object *o)
{
	const Psnap__PosixQueue *q = (const void *)o->message;
	const Psnap__SysvIdentity *i;

	if (o->kind == PSNAP_KIND_POSIX_QUEUE)
		return json_pack("{s:o, s:b}", "name", json_bytes(q->name.data, q->name.len), "unlinked", (int)q->unlinked);
	i = sysv_identity(o);
	return json_pack("{s:i}", "id", i != NULL ? (int)i->id : -1);
}

static const struct snap_object *
find_ipc(struct snap *s, const struct snap_object *o)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, o->kind, &n), *found = NULL;
	json_t *wanted = ipc_detail(o);

	for (size_t i = 0; i < n && found == NULL; i++) {
		json_t *detail = v[i]->message != NULL ? ipc_detail(v[i]) : NULL;

		if (json_equal(detail, wanted))
			found = v[i];
		json_decref(detail);
	}
	json_decref(wanted);
	return found;
}

/* Pages of a segment, whether or not somebody has it attached. */
static uint64_t
changed_content(struct diff *d, const struct snap_object *x, const struct snap_object *y)
{
	const Psnap__SysvSegment *p = (const void *)x->message, *q = (const void *)y->message;
	const Psnap__MemoryObject *m = snap_get_message(d->b, q->memory_object_id, PSNAP_KIND_MEMORY_OBJECT);
	struct snap_summary sum;

	snap_get_summary(d->a, &sum);
	return m == NULL ? 0 : changed_pages(d, p->memory_object_id, q->memory_object_id, 0,
	    m->size / sum.page_size + (m->size % sum.page_size != 0), 0, NULL);
}

static void
diff_ipc_object(struct diff *d, const struct snap_object *x, const struct snap_object *y)
{
	json_t *fields = changed_fields(d, x->message, y->message), *detail;
	uint64_t pages = x->kind == PSNAP_KIND_SYSV_SEGMENT ? changed_content(d, x, y) : 0;

	if (fields == NULL && pages == 0)
		return;
	detail = ipc_detail(y);
	if (pages > 0)
		json_object_set_new(detail, "pages", json_integer((json_int_t)pages));
	if (fields != NULL)
		json_object_set_new(detail, "fields", fields);
	change(d, 0, snap_kind_name(x->kind), "changed", detail);
}

static void
diff_ipc(struct diff *d, uint32_t kind)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(d->a, kind, &n), *o;

	for (size_t i = 0; i < n; i++) {
		if (v[i]->message == NULL)
			continue;
		if ((o = find_ipc(d->b, v[i])) != NULL)
			diff_ipc_object(d, v[i], o);
		else
			change(d, 0, snap_kind_name(kind), "removed", ipc_detail(v[i]));
	}
	v = snap_get_kind(d->b, kind, &n);
	for (size_t i = 0; i < n; i++)
		if (v[i]->message != NULL && find_ipc(d->a, v[i]) == NULL)
			change(d, 0, snap_kind_name(kind), "added", ipc_detail(v[i]));
}

json_t *
diff_make(struct snap *a, struct snap *b, const struct options *o)
{
	struct diff d = { .a = a, .b = b, .o = o, .list = json_array() };
	struct snap_summary sum, other;
	size_t n;
	const struct snap_object *const *v = snap_get_kind(a, PSNAP_KIND_PROCESS, &n);

	snap_get_summary(a, &sum);
	snap_get_summary(b, &other);
	if (sum.page_size != other.page_size) {
		report("the snapshots have different page sizes: %u and %u", sum.page_size, other.page_size);
		goto fail;
	}
	if ((d.pages = malloc(2 * sum.page_size)) == NULL) {
		report("out of memory");
		goto fail;
	}
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message, *q;

		if (!wanted(o, p))
			continue;
		if ((q = find_process(b, p->pid)) == NULL)
			change(&d, p->pid, "process", "removed", json_object());
		else
			diff_process(&d, p, q);
	}
	v = snap_get_kind(b, PSNAP_KIND_PROCESS, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Process *p = (const void *)v[i]->message;

		if (wanted(o, p) && find_process(a, p->pid) == NULL)
			change(&d, p->pid, "process", "added", json_object());
	}
	for (uint32_t kind = PSNAP_KIND_SYSV_SEGMENT; kind <= PSNAP_KIND_POSIX_QUEUE && o->pid == 0; kind++)
		diff_ipc(&d, kind);
	if (d.failed != NULL) {
		report_error(d.failed == a ? o->file : o->other, d.failed, &d.err);
		goto fail;
	}
	free(d.pages);
	return d.list;
fail:
	free(d.pages);
	json_decref(d.list);
	return NULL;
}

void
diff_print(const json_t *list)
{
	const json_t *j, *detail, *x;
	size_t i, k;

	json_array_foreach(list, i, j) {
		detail = json_object_get(j, "detail");
		if (num(j, "pid") != 0)
			printf("pid %lld: ", (long long)num(j, "pid"));
		printf("%s %s", str(j, "what"), str(j, "change"));
		if (json_object_get(detail, "start") != NULL)
			printf(" %s %s", str(detail, "start"), str(detail, "name"));
		if (json_object_get(detail, "tid") != NULL)
			printf(" %lld", (long long)num(detail, "tid"));
		if (json_object_get(detail, "fd") != NULL)
			printf(" %lld", (long long)num(detail, "fd"));
		if (json_object_get(detail, "id") != NULL)
			printf(" %lld", (long long)num(detail, "id"));
		if (json_object_get(detail, "unlinked") != NULL)
			printf(" /%s%s", str(detail, "name"), is_true(detail, "unlinked") ? " (unlinked)" : "");
		if (json_object_get(detail, "pages") != NULL)
			printf(": %lld", (long long)num(detail, "pages"));
		if (json_array_size(json_object_get(detail, "fields")) > 0)
			putchar(':');
		json_array_foreach(json_object_get(detail, "fields"), k, x)
			printf(" %s", json_string_value(x));
		putchar('\n');
		json_array_foreach(json_object_get(detail, "addresses"), k, x)
			printf("  %s\n", json_string_value(x));
	}
	if (json_array_size(list) == 0)
		puts("no difference");
}
