/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kernel-glue/linux/share.h"

struct share_entry *
share_find(struct dump *d, struct share_set *set, int type, pid_t pid, int fd)
{
	size_t lo = 0, hi = set->entries.n;
	struct share_entry *e;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		long order;

		e = set->entries.v[mid];
		order = syscall(SYS_kcmp, e->pid, pid, type, (unsigned long)e->fd, (unsigned long)fd);
		if (order == 0)
			return e;
		if (order == 1)
			lo = mid + 1;
		else if (order == 2)
			hi = mid;
		else	/* refused or not there: nothing is known to be shared */
			break;
	}
	if ((e = dump_alloc(d, sizeof *e)) == NULL || list_add(d, &set->entries, e) != 0)
		return NULL;
	e->pid = pid;
	e->fd = fd;
	memmove(&set->entries.v[lo + 1], &set->entries.v[lo],
	    (set->entries.n - 1 - lo) * sizeof *set->entries.v);
	set->entries.v[lo] = e;
	return e;
}
