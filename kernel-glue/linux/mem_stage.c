/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The stage: where page contents wait from the stop of the tree until after
 * its release.
 *
 * It is mapped and faulted in before the tree is stopped, so that while it
 * stands still pages are only copied into warm memory (fresh memory would
 * cost three times the copy; restore-engine section 8).  What does not fit
 * goes to an unnamed file.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "kernel-glue/linux/mem.h"

#define JOB_BYTES	(4u << 20)
#define JOB_IOVS	512
#define SLACK		(16u << 20)
#define COPY_THREADS	2

/* A piece of copying: some runs of one process, side by side in the stage. */
struct job {
	struct proc	*proc;
	uint64_t	stage, bytes;
	struct iovec	*remote;
	size_t		nremote;
	bool		cow;		/* not to be pinned: copy_shared() */
	int		failed;		/* errno */
	uint64_t	failed_addr;
};

struct stage {
	uint8_t		*base;
	uint64_t	size;		/* mapped */
	uint64_t	used;		/* given out, spilled bytes included */
	int		spill;		/* -1: none yet; holds what is at size and above */
	struct job	*jobs;
	size_t		njobs, jobs_cap;
	atomic_size_t	next;
};

/* ---- before ---- */

static uint64_t
available(void)
{
	char line[256];
	uint64_t kib = 0;
	FILE *f = fopen("/proc/meminfo", "re");

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "MemAvailable:", 13) == 0)
			kib = strtoull(line + 13, NULL, 10);
	fclose(f);
	return kib << 10;
}

struct populate {
	uint8_t		*p;
	size_t		n;
};

static void *
populate(void *arg)
{
	const struct populate *a = arg;

	if (madvise(a->p, a->n, 23 /* MADV_POPULATE_WRITE, 5.14 */) != 0)
		for (size_t i = 0; i < a->n; i += DUMP_PAGE)
			a->p[i] = 0;
	return NULL;
}

int
stage_open(struct dump *d, uint64_t estimate)
{
	uint64_t budget = d->options->stage_bytes != 0 ? d->options->stage_bytes : available() / 2;
	uint64_t size = estimate + estimate / 16 + SLACK;
	struct populate half[2];
	struct stage *s;
	pthread_t thread;

	if ((s = dump_alloc(d, sizeof *s)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	s->spill = -1;
	d->stage = s;
	if (size > budget)
		size = budget;
	if (size > SIZE_MAX / 4)
		size = SIZE_MAX / 4;
	size &= ~(uint64_t)((2u << 20) - 1);
	if (size == 0)
		return 0;
	s->base = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (s->base == MAP_FAILED) {
		s->base = NULL;
		return 0;	/* everything spills */
	}
	s->size = size;
	madvise(s->base, (size_t)size, MADV_HUGEPAGE);
	half[0] = (struct populate){ s->base, (size_t)size / 2 };
	half[1] = (struct populate){ s->base + size / 2, (size_t)(size - size / 2) };
	if (pthread_create(&thread, NULL, populate, &half[1]) == 0) {
		populate(&half[0]);
		pthread_join(thread, NULL);
	} else {
		populate(&half[0]);
		populate(&half[1]);
	}
	return 0;
}

void
stage_close(struct dump *d)
{
	struct stage *s = d->stage;

	if (s == NULL)
		return;
	if (s->base != NULL)
		munmap(s->base, (size_t)s->size);
	if (s->spill >= 0)
		close(s->spill);
	free(s->jobs);
	for (size_t i = 0; i < d->memory_objects.n; i++) {
		struct memory_object *o = d->memory_objects.v[i];

		if (o->fd >= 0)
			close(o->fd);
	}
	d->stage = NULL;
}

/* ---- while the tree is stopped ---- */

static int
spill_file(struct dump *d)
{
	const char *dir = d->options->spill_dir != NULL ? d->options->spill_dir : "/tmp";
	struct stage *s = d->stage;

	if (s->spill >= 0)
		return 0;
	if ((s->spill = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)) < 0) {
		char name[PATH_MAX];

		snprintf(name, sizeof name, "%s/.snapctl.%d.spill", dir, (int)getpid());
		s->spill = open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
		if (s->spill >= 0)
			unlink(name);
	}
	return s->spill >= 0 ? 0 :
	    dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "creating a file in %s for pages", dir);
}

/* Room for n bytes; what would straddle the end of memory goes to the file whole. */
static uint64_t
allot(struct stage *s, uint64_t n)
{
	uint64_t at = s->used;

	if (at < s->size && n > s->size - at)
		at = s->size;
	s->used = at + n;
	return at;
}

static int
put(struct dump *d, uint64_t at, const void *p, size_t n)
{
	struct stage *s = d->stage;
	const uint8_t *from = p;
	int r;

	if (at < s->size) {
		memcpy(s->base + at, p, n);
		return 0;
	}
	if ((r = spill_file(d)) != 0)
		return r;
	while (n > 0) {
		ssize_t k = pwrite(s->spill, from, n, (off_t)(at - s->size));

		if (k <= 0)
			return dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "writing pages aside");
		from += k;
		at += (uint64_t)k;
		n -= (size_t)k;
	}
	return 0;
}

static struct job *
new_job(struct dump *d, struct proc *p)
{
	struct stage *s = d->stage;
	struct job *j;

	if (s->njobs == s->jobs_cap) {
		size_t cap = s->jobs_cap == 0 ? 256 : s->jobs_cap * 2;

		if ((j = realloc(s->jobs, cap * sizeof *j)) == NULL)
			return NULL;
		s->jobs = j;
		s->jobs_cap = cap;
	}
	j = &s->jobs[s->njobs];
	memset(j, 0, sizeof *j);
	j->proc = p;
	if ((j->remote = dump_alloc(d, JOB_IOVS * sizeof *j->remote)) == NULL)
		return NULL;
	s->njobs++;
	return j;
}

/* Cut the runs of an address space into jobs. */
static int
plan(struct dump *d, struct mm *mm)
{
	struct job *j = NULL;

	for (size_t i = 0; i < mm->runs.n; i++) {
		struct page_run *run = mm->runs.v[i];
		uint64_t addr = run->first * DUMP_PAGE, left = run->count * DUMP_PAGE;

		run->stage = allot(d->stage, left);
		for (uint64_t at = run->stage; left > 0;) {
			uint64_t n = left < JOB_BYTES ? left : JOB_BYTES;

			if (j == NULL || j->nremote == JOB_IOVS || j->bytes + n > JOB_BYTES ||
			    j->stage + j->bytes != at) {
				if ((j = new_job(d, mm->proc)) == NULL)
					return dump_fail(d, GLUE_E_NOMEM, 0, mm->proc, "out of memory");
				j->stage = at;
				j->cow = mm->cow;
			}
			j->remote[j->nremote].iov_base = (void *)(uintptr_t)addr;
			j->remote[j->nremote++].iov_len = (size_t)n;
			j->bytes += n;
			addr += n;
			at += n;
			left -= n;
		}
	}
	return 0;
}

/* What process_vm_readv refuses (PROT_NONE, write-only) /proc/PID/mem gives. */
static void
copy_pages(struct job *j, uint8_t *to, uint64_t skip)
{
	for (size_t i = 0; i < j->nremote; i++) {
		uint64_t addr = (uintptr_t)j->remote[i].iov_base;

		for (uint64_t n = j->remote[i].iov_len; n > 0; n -= DUMP_PAGE, addr += DUMP_PAGE,
		    to += DUMP_PAGE) {
			if (skip >= DUMP_PAGE) {
				skip -= DUMP_PAGE;
				continue;
			}
			if (mem_read(j->proc, addr, to, DUMP_PAGE) != 0 && j->failed == 0) {
				j->failed = errno != 0 ? errno : EFAULT;
				j->failed_addr = addr;
			}
		}
	}
}

/*
 * Pages that a process shares with its child or parent until one writes:
 * process_vm_readv pins what it reads, and the kernel gives a pinned page a
 * copy of its own.  The tree would need more memory for having been dumped.
 */
static bool
copy_shared(struct job *j, uint8_t *to)
{
	int fd = openat(j->proc->proc_fd, "mem", O_RDONLY | O_CLOEXEC);
	bool whole = fd >= 0;

	for (size_t i = 0; i < j->nremote && whole; i++) {
		size_t n = j->remote[i].iov_len;

		whole = pread(fd, to, n, (off_t)(uintptr_t)j->remote[i].iov_base) == (ssize_t)n;
		to += n;
	}
	if (fd >= 0)
		close(fd);
	return whole;
}

static void
copy(struct job *j, uint8_t *to)
{
	struct iovec local = { to, (size_t)j->bytes };
	ssize_t n;

	if (j->cow && copy_shared(j, to))
		return;
	n = process_vm_readv(j->proc->live, &local, 1, j->remote, j->nremote, 0);

	if (n != (ssize_t)j->bytes)
		copy_pages(j, to, n > 0 ? (uint64_t)n & ~(uint64_t)(DUMP_PAGE - 1) : 0);
}

static void *
copier(void *arg)
{
	struct stage *s = arg;
	size_t i;

	while ((i = atomic_fetch_add(&s->next, 1)) < s->njobs)
		if (s->jobs[i].stage < s->size)
			copy(&s->jobs[i], s->base + s->jobs[i].stage);
	return NULL;
}

static int
copy_spilled(struct dump *d)
{
	uint8_t *buf = NULL;
	int r = 0;

	for (size_t i = 0; i < d->stage->njobs && r == 0; i++) {
		struct job *j = &d->stage->jobs[i];

		if (j->stage < d->stage->size)
			continue;
		if (buf == NULL && (buf = malloc(JOB_BYTES)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		memset(buf, 0, (size_t)j->bytes);
		copy(j, buf);
		r = put(d, j->stage, buf, (size_t)j->bytes);
	}
	free(buf);
	return r;
}

static int
copy_all(struct dump *d)
{
	struct stage *s = d->stage;
	pthread_t threads[COPY_THREADS - 1];
	size_t n = 0;
	int r;

	/* a second thread pays from a few MiB on */
	while (s->njobs > 2 && n < COPY_THREADS - 1 && pthread_create(&threads[n], NULL, copier, s) == 0)
		n++;
	copier(s);
	while (n > 0)
		pthread_join(threads[--n], NULL);
	if ((r = copy_spilled(d)) != 0)
		return r;
	for (size_t i = 0; i < s->njobs; i++)
		if (s->jobs[i].failed != 0 && (r = dump_cover(d, PSNAP_COVERAGE_BREAKS, s->jobs[i].proc, 0,
		    -1, 0, "unreadable-page", "page 0x%llx and perhaps others: %s",
		    (unsigned long long)s->jobs[i].failed_addr, strerror(s->jobs[i].failed))) != 0)
			return r;
	return 0;
}

/* Allocated extents of an object's file. */
static int
stage_file(struct dump *d, struct memory_object *o)
{
	uint8_t *buf = malloc(JOB_BYTES);
	off_t data = 0, hole;
	int r = 0;

	if (buf == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	while (r == 0 && (uint64_t)data < o->size && (data = lseek(o->fd, data, SEEK_DATA)) >= 0) {
		if ((hole = lseek(o->fd, data, SEEK_HOLE)) >= 0)	/* blocks may be smaller than pages */
			hole = (hole + DUMP_PAGE - 1) & ~(off_t)(DUMP_PAGE - 1);
		if (hole < 0 || (uint64_t)hole > o->size)
			hole = (off_t)o->size;
		data &= ~(off_t)(DUMP_PAGE - 1);
		while (data < hole && r == 0) {
			size_t want = hole - data < (off_t)JOB_BYTES ? (size_t)(hole - data) : JOB_BYTES;
			ssize_t n = pread(o->fd, buf, want, data);
			uint64_t pages;
			struct page_run *run;

			if (n <= 0) {
				r = n < 0 ? dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "reading what a memory object holds") : 0;
				hole = data;
				break;
			}
			pages = ((uint64_t)n + DUMP_PAGE - 1) / DUMP_PAGE;
			memset(buf + n, 0, (size_t)(pages * DUMP_PAGE - (uint64_t)n));
			if ((run = dump_alloc(d, sizeof *run)) == NULL || list_add(d, &o->runs, run) != 0) {
				r = dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
				break;
			}
			run->first = (uint64_t)data / DUMP_PAGE;
			run->count = pages;
			run->stage = allot(d->stage, pages * DUMP_PAGE);
			o->held += pages;
			r = put(d, run->stage, buf, (size_t)(pages * DUMP_PAGE));
			data += (off_t)(pages * DUMP_PAGE);
		}
	}
	free(buf);
	return r;
}

int
mem_object_hold(struct dump *d, struct memory_object *o)
{
	int r = o->fd >= 0 ? stage_file(d, o) : dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "duplicating a descriptor");

	if (o->fd >= 0)
		close(o->fd);
	o->fd = -1;
	return r;
}

/* Without a descriptor: what a process maps of it. */
static int
stage_mapped(struct dump *d, struct memory_object *o)
{
	uint64_t pages = (o->map->end - o->map->start) / DUMP_PAGE;
	uint8_t page[DUMP_PAGE];
	int r = 0;

	for (uint64_t i = 0; i < pages && r == 0; i++) {
		struct page_run *run;

		if (mem_read(o->proc, o->map->start + i * DUMP_PAGE, page, sizeof page) != 0)
			continue;
		if ((run = dump_alloc(d, sizeof *run)) == NULL || list_add(d, &o->runs, run) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		run->first = o->map->offset / DUMP_PAGE + i;
		run->count = 1;
		run->stage = allot(d->stage, DUMP_PAGE);
		o->held++;
		r = put(d, run->stage, page, sizeof page);
	}
	return r;
}

int
mem_stage_pages(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->mms.n; i++)
		if ((r = plan(d, d->mms.v[i])) != 0)
			return r;
	if ((r = copy_all(d)) != 0)
		return r;
	for (size_t i = 0; i < d->memory_objects.n; i++) {
		struct memory_object *o = d->memory_objects.v[i];

		if ((r = o->fd >= 0 ? stage_file(d, o) : o->map != NULL ? stage_mapped(d, o) : 0) != 0)
			return r;
	}
	return 0;
}

/* ---- after ---- */

static int
emit_run(struct dump *d, uint64_t owner, const struct page_run *run, uint8_t *buf)
{
	const struct stage *s = d->stage;
	uint64_t first = run->first, left = run->count, at = run->stage;

	d->result->pages += left;
	if (at < s->size)
		return d->sink->pages(d->sink->ctx, owner, first, s->base + at, (size_t)left) == 0 ? 0 :
		    dump_fail(d, GLUE_E_SINK, 0, NULL, "output failed");
	while (left > 0) {
		uint64_t n = left < JOB_BYTES / DUMP_PAGE ? left : JOB_BYTES / DUMP_PAGE;
		size_t bytes = (size_t)n * DUMP_PAGE;

		if (pread(s->spill, buf, bytes, (off_t)(at - s->size)) != (ssize_t)bytes)
			return dump_fail(d, GLUE_E_SYSTEM, errno, NULL, "reading pages put aside");
		if (d->sink->pages(d->sink->ctx, owner, first, buf, (size_t)n) != 0)
			return dump_fail(d, GLUE_E_SINK, 0, NULL, "output failed");
		first += n;
		at += bytes;
		left -= n;
	}
	return 0;
}

int
stage_emit(struct dump *d, uint64_t owner, const struct list *runs)
{
	uint8_t *buf = d->stage->spill >= 0 ? malloc(JOB_BYTES) : NULL;
	int r = 0;

	if (d->stage->spill >= 0 && buf == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	for (size_t i = 0; i < runs->n && r == 0; i++)
		r = emit_run(d, owner, runs->v[i], buf);
	free(buf);
	return r;
}
