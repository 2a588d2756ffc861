/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Page contents, every block checked as it is read.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

static bool
all_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int
read_chunk(struct restore *r, const struct target *t, uint64_t owner, uint64_t addr, size_t n)
{
	struct snap_error err;

	if (snap_read_memory(r->s, owner, addr, r->buffer, n, NULL, &err) == 0)
		return 0;
	/* the snapshot's fault, in its own words */
	if (!r->failed) {
		*r->err = err;
		r->failed = true;
	}
	(void)t;
	return err.code;
}

static int
write_chunk(struct restore *r, struct target *t, const Psnap__Mapping *m, uint64_t addr, size_t n)
{
	int e;

	if (!m->writable)
		return mem_force(r, t, addr, r->buffer, n);
	e = task_write(t->p->pid, addr, r->buffer, n);
	return e == 0 ? 0 : restore_fail(r, t, t->p->address_space_id, -e, "writing memory at 0x%llx",
	    (unsigned long long)addr);
}

/* What the process had written in one mapping. */
static int
write_mapping(struct restore *r, struct target *t, const Psnap__Mapping *m)
{
	uint64_t owner = t->p->address_space_id, page = r->p->page, last = m->end / page;
	struct snap_run run = { .owner = owner, .first = m->start / page };
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first * page, end = (run.first + run.count) * page;

		at = at < m->start ? m->start : at;
		end = end > m->end ? m->end : end;
		/* fresh anonymous memory is zero already */
		if (run.kind == PSNAP_RUN_ZERO && m->kind == PSNAP__MAPPING_KIND__MAPPING_ANONYMOUS)
			continue;
		for (size_t n; at < end; at += n) {
			n = end - at < BUFFER_SIZE ? (size_t)(end - at) : BUFFER_SIZE;
			if ((e = read_chunk(r, t, owner, at, n)) != 0 ||
			    (e = write_chunk(r, t, m, at, n)) != 0)
				return e;
			r->result->bytes += n;
			r->result->pages += n / page;
		}
	}
	return more == 0 ? 0 : restore_fail(r, t, owner, 0, "%s", err.msg);
}

int
pages_write(struct restore *r)
{
	int e;

	for (size_t i = 0; i < r->p->n; i++) {
		struct target *t = &r->p->targets[i];
		size_t n;
		const struct snap_object *const *v =
		    snap_get_children(r->s, t->p->address_space_id, PSNAP_KIND_MAPPING, &n);

		if (t->zombie || t->space != t)
			continue;
		for (size_t k = 0; k < n; k++) {
			const Psnap__Mapping *m = (const void *)v[k]->message;

			if (m->held_pages == 0 || m->kind == PSNAP__MAPPING_KIND__MAPPING_VDSO)
				continue;
			if ((e = write_mapping(r, t, m)) != 0)
				return e;
			if (r->p->o->cancel != NULL && *r->p->o->cancel)
				return restore_fail(r, NULL, 0, 0, "interrupted");
		}
	}
	return 0;
}

int
pages_read_object(struct restore *r, uint64_t id, int fd, uint64_t size)
{
	uint64_t page = r->p->page, last = (size + page - 1) / page;
	struct snap_run run = { .owner = id };
	struct snap_error err;
	int more, e;

	while ((more = snap_next_run(r->s, &run, last, &err)) == 1) {
		uint64_t at = run.first * page, end = (run.first + run.count) * page;

		if (run.kind == PSNAP_RUN_ZERO)
			continue;
		end = end > size ? size : end;
		for (size_t n; at < end; at += n) {
			n = end - at < BUFFER_SIZE ? (size_t)(end - at) : BUFFER_SIZE;
			if ((e = read_chunk(r, NULL, id, at, n)) != 0)
				return e;
			if (!all_zero(r->buffer, n) && pwrite(fd, r->buffer, n, (off_t)at) != (ssize_t)n)
				return restore_fail(r, NULL, id, errno, "writing a memory object");
			r->result->bytes += n;
			r->result->pages += (n + page - 1) / page;
		}
	}
	return more == 0 ? 0 : restore_fail(r, NULL, id, 0, "%s", err.msg);
}
