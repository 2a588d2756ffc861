/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_SNAPCTL_SNAPCTL_H
#define TOOLS_SNAPCTL_SNAPCTL_H

#include <stdbool.h>
#include <sys/types.h>

/* Commands: argv[0] is the command's name; the exit status. */
int	cmd_dump(int argc, char **argv);
int	cmd_restore(int argc, char **argv);
int	cmd_resume(int argc, char **argv);
int	cmd_suspend(int argc, char **argv);

/*
 * Run fn in a guard process and return its exit status.
 *
 * The guard does the tracing: whoever kills snapctl kills this process, and
 * the guard, told by a signal, undoes what it did to the target and ends.
 * *cancel becomes non-zero when that happens, or on SIGINT and SIGTERM.
 */
int	guarded(int (*fn)(void *arg, const volatile int *cancel), void *arg);

/* Something to be made in a pid namespace of its own. */
struct pidns {
	int	(*make)(void *arg, pid_t *root);	/* an exit status; root: whom to wait for */
	void	*arg;
	bool	detach;		/* return, and print the root's pid, once it is made */
	int	ready[2];
};
/* The root's exit status, or that of making it. */
int	in_pidns(struct pidns *p);

#endif
