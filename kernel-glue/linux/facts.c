/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux-bpf/collector.h"
#include "kernel-glue/linux-module/client.h"
#include "kernel-glue/linux/facts.h"

/*
 * Loading takes some 150 ms, most of it the kernel's types and the verifier;
 * /proc takes 2 ms and more for a process: below so many, it does not pay.
 */
#define WORTH_PROCESSES		64
/* The programs pass by every task there is: the tree has to be this much of them, 1 in so many. */
#define WORTH_SHARE		16
#define INITIAL_USER_NS		0xeffffffd	/* PROC_USER_INIT_INO */

struct known {
	uint64_t	identity;	/* 0: free */
	void		*object;
};

struct facts {
	struct bpf_collector *bpf;	/* NULL: the module, */
	int		device;		/* which is asked by this */
	struct rec_table table;
	int64_t		began;		/* collecting, in seconds since 1970 as the kernel counts them */
	const struct mapping *vsyscall;
	bool		mappings;	/* to be collected: smaps is not needed for what is resident */
	struct known	*known;		/* open addressing; cap a power of two, at most half full */
	size_t		nknown, cap;
};

/* ---- loading ---- */

static bool
in_initial_user_ns(void)
{
	struct stat st;

	return stat("/proc/self/ns/user", &st) == 0 && st.st_ino == INITIAL_USER_NS;
}

static bool
is_worth_it(size_t processes)
{
	struct sysinfo all;

	return processes >= WORTH_PROCESSES && sysinfo(&all) == 0 && all.procs / WORTH_SHARE <= processes;
}

/* Its numbers of users are those of the initial user namespace. */
static struct bpf_collector *
load(char *why, size_t size)
{
	if (in_initial_user_ns())
		return bpf_collector_load(why, size);
	snprintf(why, size, "we are not in the initial user namespace");
	return NULL;
}

/* Whether a security module labels processes, ours among them. */
static bool
have_labels(void)
{
	FILE *f = fopen("/proc/self/attr/current", "re");
	bool have = f != NULL && fgetc(f) != EOF;

	if (f != NULL)
		fclose(f);
	return have;
}

static int
use(struct dump *d, struct bpf_collector *bpf, int device)
{
	struct facts *f = dump_alloc(d, sizeof *f);

	if (f == NULL) {
		bpf_collector_free(bpf);
		if (device >= 0)
			close(device);
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	f->bpf = bpf;
	f->device = device;
	d->facts = f;
	d->labels = have_labels();
	f->vsyscall = mem_own_vsyscall(d);
	f->mappings = mem_learn_scan(d) == 0;
	return 0;
}

int
facts_open(struct dump *d, size_t processes)
{
	enum glue_collector wanted = d->options->collector;
	struct bpf_collector *bpf;
	char why[128];
	int device;

	if (wanted == GLUE_COLLECT_PROC)
		return 0;
	if (wanted != GLUE_COLLECT_BPF && (device = module_open()) >= 0)
		return use(d, NULL, device);
	if (wanted == GLUE_COLLECT_MODULE)
		return dump_fail(d, GLUE_E_DENIED, -device, NULL, "cannot collect by the kernel module psnap");
	if (wanted == GLUE_COLLECT_AUTO && !is_worth_it(processes))
		return dump_note(d, "collected through /proc: the tree is small");
	if ((bpf = load(why, sizeof why)) != NULL)
		return use(d, bpf, -1);
	return wanted == GLUE_COLLECT_BPF ? dump_fail(d, GLUE_E_DENIED, 0, NULL, "cannot collect by BPF: %s", why) :
	    dump_note(d, "collected through /proc: %s", why);
}

void
facts_close(struct dump *d)
{
	struct facts *f = d->facts;

	if (f == NULL)
		return;
	bpf_collector_free(f->bpf);
	if (f->device >= 0)
		close(f->device);
	rec_table_free(&f->table);
	free(f->known);
	d->facts = NULL;
}

/* ---- collecting ---- */

const char *
facts_collector(const struct dump *d)
{
	return d->facts == NULL ? "proc" : d->facts->bpf != NULL ? "bpf" : "module";
}

static int
run_module(const struct dump *d, struct facts *f)
{
	int32_t *pids = calloc(d->procs.n + 1, sizeof *pids);
	size_t n = 0;
	int r;

	if (pids == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		if (!p->zombie)
			pids[n++] = p->pid;
	}
	r = module_collect(f->device, &f->table, pids, n, f->mappings);
	free(pids);
	return r;
}

/* Of every task we have stopped there is a record, and of every process. */
static bool
is_whole(const struct dump *d)
{
	for (size_t i = 0; i < d->procs.n; i++) {
		const struct proc *p = d->procs.v[i];

		if (p->zombie)
			continue;
		if (facts_process(d, p) == NULL || facts_handlers(d, p) == NULL)
			return false;
		for (size_t k = 0; k < p->tasks.n; k++) {
			const struct task *t = p->tasks.v[k];

			if (t->stopped && facts_thread(d, t->tid) == NULL)
				return false;
		}
	}
	return true;
}

int
facts_collect(struct dump *d)
{
	struct facts *f = d->facts;
	struct timespec now;
	const char *by;
	int r;

	if (f == NULL)
		return 0;
	clock_gettime(CLOCK_REALTIME_COARSE, &now);
	f->began = now.tv_sec;
	r = f->bpf != NULL ? bpf_collector_run(f->bpf, f->mappings, &f->table) : run_module(d, f);
	if (r == 0)
		r = rec_table_index(&f->table);
	if (r == 0 && is_whole(d))
		return 0;
	by = facts_collector(d);
	facts_close(d);
	if (d->options->collector != GLUE_COLLECT_AUTO)
		return r != 0 ? dump_fail(d, GLUE_E_SYSTEM, -r, NULL, "collecting by %s", by) :
		    dump_fail(d, GLUE_E_SYSTEM, 0, NULL, "collecting by %s: a task is missing", by);
	return dump_note(d, "collected through /proc: %s: %s", by, r != 0 ? strerror(-r) : "not all tasks were found");
}

/* ---- finding ---- */

const struct rec_thread *
facts_thread(const struct dump *d, pid_t tid)
{
	return d->facts != NULL ? rec_table_one(&d->facts->table, REC_THREAD, tid) : NULL;
}

const struct rec_process *
facts_process(const struct dump *d, const struct proc *p)
{
	return d->facts != NULL ? rec_table_one(&d->facts->table, REC_PROCESS, p->live) : NULL;
}

const struct rec_process *
facts_leader(const struct dump *d, const struct proc *p)
{
	return d->facts != NULL ? rec_table_one(&d->facts->table, REC_PROCESS, p->pid) : NULL;
}

const struct rec_handlers *
facts_handlers(const struct dump *d, const struct proc *p)
{
	return d->facts != NULL ? rec_table_one(&d->facts->table, REC_HANDLERS, p->live) : NULL;
}

struct rec_slice
facts_of_thread(const struct dump *d, pid_t tid, enum rec_kind kind)
{
	return d->facts != NULL ? rec_table_find(&d->facts->table, kind, tid) : (struct rec_slice){ 0 };
}

struct rec_slice
facts_of(const struct dump *d, const struct proc *p, enum rec_kind kind)
{
	return facts_of_thread(d, p->live, kind);
}

int64_t
facts_began(const struct dump *d)
{
	return d->facts->began;
}

const struct mapping *
facts_vsyscall(const struct dump *d)
{
	return d->facts->vsyscall;
}

/* Identities are as good as random. */
static struct known *
place(struct known *v, size_t cap, uint64_t identity)
{
	size_t at = (size_t)identity & (cap - 1);

	while (v[at].identity != 0 && v[at].identity != identity)
		at = (at + 1) & (cap - 1);
	return &v[at];
}

static bool
grow(struct facts *f)
{
	size_t cap = f->cap > 0 ? f->cap * 2 : 4096;
	struct known *v = calloc(cap, sizeof *v);

	if (v == NULL)
		return false;
	for (size_t i = 0; i < f->cap; i++)
		if (f->known[i].identity != 0)
			*place(v, cap, f->known[i].identity) = f->known[i];
	free(f->known);
	f->known = v;
	f->cap = cap;
	return true;
}

void **
facts_known(struct dump *d, uint64_t identity)
{
	struct facts *f = d->facts;
	struct known *k;

	if (f->nknown * 2 >= f->cap && !grow(f))
		return NULL;
	k = place(f->known, f->cap, identity);
	if (k->identity == 0) {
		k->identity = identity;
		f->nknown++;
	}
	return &k->object;
}
