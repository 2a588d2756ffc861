/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/records/table.h"

/* Fixed sizes by kind; 0: no such kind. */
static const size_t fixed[REC_KINDS] = {
	[REC_THREAD] = sizeof(struct rec_thread), [REC_PROCESS] = sizeof(struct rec_process),
	[REC_HANDLERS] = sizeof(struct rec_handlers), [REC_MAPPING] = sizeof(struct rec_mapping),
	[REC_DESCRIPTOR] = sizeof(struct rec_descriptor), [REC_EPOLL] = sizeof(struct rec_epoll),
	[REC_SOCKET] = sizeof(struct rec_socket), [REC_ADJUSTMENT] = sizeof(struct rec_adjustment),
};

void *
rec_table_room(struct rec_table *t, size_t n)
{
	size_t cap = t->cap > 0 ? t->cap : (size_t)1 << 20;
	uint8_t *bigger;

	if (n > SIZE_MAX / 4 - t->len)
		return NULL;
	while (cap < t->len + n)
		cap *= 2;
	if (cap > t->cap) {
		if ((bigger = realloc(t->bytes, cap)) == NULL)
			return NULL;
		t->bytes = bigger;
		t->cap = cap;
	}
	return t->bytes + t->len;
}

void
rec_table_added(struct rec_table *t, size_t n)
{
	t->len += n;
}

/* ---- checking ---- */

static bool
name_fits(const struct rec_header *h, uint32_t size)
{
	size_t room = h->size - fixed[h->kind];
	const char *name = rec_name(h);

	return size >= 1 && size <= REC_NAME_MAX && size <= room && memchr(name, '\0', size) == name + size - 1;
}

/* Counts inside arrays, and names. */
static bool
contents_fit(const struct rec_header *h)
{
	const void *r = h;

	switch (h->kind) {
	case REC_THREAD: {
		const struct rec_thread *t = r;

		return t->numbers.count <= REC_LEVELS && memchr(t->comm, '\0', sizeof t->comm) != NULL &&
		    (!(t->have & REC_HAVE_GROUPS) || t->ngroups <= REC_GROUPS);
	}
	case REC_PROCESS: {
		const struct rec_process *p = r;

		return p->group.count <= REC_LEVELS && p->session.count <= REC_LEVELS &&
		    (p->auxv_words == 0 || p->auxv_word == 4 || p->auxv_word == 8) &&
		    p->auxv_words * (uint64_t)p->auxv_word <= sizeof p->auxv;
	}
	case REC_MAPPING: {
		const struct rec_mapping *m = r;

		return m->end > m->start && name_fits(h, m->name_size);
	}
	case REC_DESCRIPTOR: {
		const struct rec_descriptor *d = r;

		return d->fd >= 0 && name_fits(h, d->name_size);
	}
	case REC_SOCKET: {
		const struct rec_socket *s = r;

		return s->local_size <= sizeof s->local && s->remote_size <= sizeof s->remote &&
		    memchr(s->congestion_control, '\0', sizeof s->congestion_control) != NULL;
	}
	default:
		return true;
	}
}

static bool
is_record(const struct rec_table *t, size_t at)
{
	const struct rec_header *h = (const void *)(t->bytes + at);
	size_t left = t->len - at;

	return left >= sizeof *h && h->size <= left && h->size <= REC_MAX && h->size % 8 == 0 &&
	    h->kind < REC_KINDS && fixed[h->kind] != 0 && h->size >= fixed[h->kind] &&
	    h->version == REC_VERSION && contents_fit(h);
}

/* ---- sorting ---- */

/* Records of a task stay in the order of the stream, which is that of their addresses. */
static int
compare(const void *a, const void *b)
{
	const struct rec_header *x = *(const struct rec_header *const *)a;
	const struct rec_header *y = *(const struct rec_header *const *)b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return (x > y) - (x < y);
}

int
rec_table_index(struct rec_table *t)
{
	const struct rec_header *h;

	for (size_t at = 0; at < t->len; at += h->size) {
		h = (const void *)(t->bytes + at);
		if (!is_record(t, at)) {
			t->bad_offset = at;
			return -EINVAL;
		}
		t->of[h->kind].n++;
	}
	for (size_t k = 0; k < REC_KINDS; k++) {
		if (t->of[k].n > 0 && (t->of[k].v = calloc(t->of[k].n, sizeof *t->of[k].v)) == NULL)
			return -ENOMEM;
		t->of[k].n = 0;
	}
	for (size_t at = 0; at < t->len; at += h->size) {
		h = (const void *)(t->bytes + at);
		t->of[h->kind].v[t->of[h->kind].n++] = h;
	}
	for (size_t k = 0; k < REC_KINDS; k++)
		if (t->of[k].n > 1)
			qsort(t->of[k].v, t->of[k].n, sizeof *t->of[k].v, compare);
	return 0;
}

/* ---- finding ---- */

/* How many records of this kind have a smaller tid. */
static size_t
before(const struct rec_table *t, enum rec_kind kind, int64_t tid)
{
	size_t lo = 0, hi = t->of[kind].n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (t->of[kind].v[mid]->tid < tid)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct rec_slice
rec_table_find(const struct rec_table *t, enum rec_kind kind, int32_t tid)
{
	size_t from = before(t, kind, tid), to = before(t, kind, (int64_t)tid + 1);
	struct rec_slice s = { NULL, to - from };

	if (s.n > 0)
		s.v = t->of[kind].v + from;
	return s;
}

const void *
rec_table_one(const struct rec_table *t, enum rec_kind kind, int32_t tid)
{
	struct rec_slice s = rec_table_find(t, kind, tid);

	return s.n == 1 ? s.v[0] : NULL;
}

const char *
rec_name(const struct rec_header *h)
{
	return (const char *)h + fixed[h->kind];
}

void
rec_table_free(struct rec_table *t)
{
	for (size_t k = 0; k < REC_KINDS; k++)
		free(t->of[k].v);
	free(t->bytes);
	*t = (struct rec_table){ 0 };
}
