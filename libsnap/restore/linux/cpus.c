/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where we and the tasks we make run.  A task makes each call while we wait
 * for it, so nothing is gained by another CPU, and waking that one up takes
 * longer than most calls: all stay on one until they are let go.
 *
 * A mask that cannot be read or set is no failure, it only takes longer.
 */
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

void
cpus_choose(struct restore *r)
{
	unsigned cpu;

	if (syscall(SYS_sched_getaffinity, 0, sizeof r->cpus_all, r->cpus_all) <= 0 ||
	    syscall(SYS_getcpu, &cpu, NULL, NULL) != 0 || cpu >= CPUS_MAX)
		return;
	r->cpus_one[cpu / 64] = UINT64_C(1) << cpu % 64;
	cpus_gather(r, 0);
}

void
cpus_gather(const struct restore *r, pid_t tid)
{
	syscall(SYS_sched_setaffinity, tid, sizeof r->cpus_one, r->cpus_one);
}

void
cpus_scatter(const struct restore *r)
{
	syscall(SYS_sched_setaffinity, 0, sizeof r->cpus_all, r->cpus_all);
}

size_t
cpus_count(const struct restore *r)
{
	size_t n = 0;

	for (size_t i = 0; i < CPUS_MAX; i++)
		n += r->cpus_all[i / 64] >> i % 64 & 1;
	return n;
}
