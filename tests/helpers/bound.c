/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * bound SET PROGRAM [ARGUMENT...]
 *
 * Runs it with no capability outside SET (hexadecimal, as CapBnd of
 * /proc/PID/status): so that what root is dumped with, root elsewhere has.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	unsigned long long set = argc > 2 ? strtoull(argv[1], NULL, 16) : 0;

	if (argc <= 2)
		return 2;
	for (unsigned cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
		if (!(set >> cap & 1) && prctl(PR_CAPBSET_DROP, cap) != 0) {
			perror("bound");
			return 1;
		}
	execvp(argv[2], argv + 2);
	perror(argv[2]);
	return 127;
}
