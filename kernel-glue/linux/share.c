/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/share.h"

struct share_entry {
	pid_t		tid;
	int		fd;
	void		*object;
};

void **
share_find_by_kcmp(struct dump *d, struct share_set *set, int type, pid_t tid, int fd)
{
	size_t lo = 0, hi = set->entries.n;
	struct share_entry *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		long order;

		e = set->entries.v[mid];
		order = syscall(SYS_kcmp, e->tid, tid, type, (unsigned long)e->fd, (unsigned long)fd);
		if (order == 0)
			return &e->object;
		if (order == 1)
			lo = mid + 1;
		else if (order == 2)
			hi = mid;
		else	/* refused or not there: nothing is known to be shared */
			break;
	}
	if ((e = dump_alloc(d, sizeof *e)) == NULL || list_add(d, &set->entries, e) != 0)
		return NULL;
	e->tid = tid;
	e->fd = fd;
	memmove(&set->entries.v[lo + 1], &set->entries.v[lo],
	    (set->entries.n - 1 - lo) * sizeof *set->entries.v);
	set->entries.v[lo] = e;
	return &e->object;
}

/* Of what a process has one of; 0 not known. */
static uint64_t
identity(const struct rec_process *k, int type)
{
	switch (type) {
	case SHARE_VM:
		return k->mm;
	case SHARE_FILES:
		return k->files;
	case SHARE_FS:
		return k->fs;
	case SHARE_SIGHAND:
		return k->handlers;
	default:
		return 0;
	}
}

void **
share_find(struct dump *d, struct share_set *set, int type, const struct proc *p, int fd)
{
	const struct rec_process *k = facts_process(d, p);
	uint64_t known = k != NULL ? identity(k, type) : 0;

	return known != 0 ? facts_known(d, known) : share_find_by_kcmp(d, set, type, p->live, fd);
}
