/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TOOLS_SNAPCTL_SNAPCTL_H
#define TOOLS_SNAPCTL_SNAPCTL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "libsnap/snap.h"

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

/* NULL: it has none, or names what is not there. */
const struct Psnap__Instance *instance_of(const struct snap *s);
const struct Psnap__Process *root_of(const struct snap *s);
/* Whether the root was the first process of its pid namespace. */
bool	root_is_first(const struct snap *s);
/* A number that no process, thread, group or session has; 0 without memory. */
int32_t	unused_number(const struct snap *s);

/* Whether the snapshot is of an instance as a whole, and whether that had such a namespace (NamespaceKind). */
bool	is_instance(const struct snap *s);
bool	instance_has(const struct snap *s, int kind);

/*
 * Make the namespaces that the options say the caller is in, and be in them;
 * false: told, of input, its name.  With a user namespace it makes none, which
 * are for its first process to make.
 */
bool	enter_namespaces(const struct snap *s, const char *input, const struct snap_restore_options *o);
bool	make_namespaces(const struct snap *s, const char *input, const struct snap_restore_options *o);
/* Whether among these is one of cgroups. */
bool	has_own_cgroups(const struct snap *s, const struct snap_restore_options *o);
/* What the root's had of its own; NULL: it was the dumper's. */
const struct Psnap__Namespace *namespace_of_root(const struct snap *s, int kind);

/* A user namespace to be made. */
struct users {
	const struct snap *s;
	const char	*input;
	const struct snap_restore_options *options;
	const struct Psnap__Namespace *map;	/* the one it is to be like; NULL: none is made */
};
/* fork_in() by whom it belongs to. */
pid_t	users_fork(const struct users *u, pid_t (*fork_in)(int *pidfd), int *pidfd);
/* Say which users are which, for pid, which waits in it for that; false: told, as for all of these. */
bool	users_map(const struct users *u, pid_t pid);
/* In the first process then: be its root, and make what else belongs to it. */
bool	users_begin(const struct users *u);
/* From outside: be where that process is, and see its pids in /proc. */
bool	users_join(const struct users *u, int pidfd);

/* Something to be made in a pid namespace of its own. */
struct pidns {
	int	(*make)(void *arg, int first, pid_t *root);	/* an exit status; root: whom to wait for */
	void	*arg;
	bool	detach;		/* return, and print the root's pid, once it is made */
	int32_t	maker;		/* number of the process that makes it, which then ends, if the root is number 1 */
	struct users users;	/* then */
	int	ready[2];
};
/* The root's exit status, or that of making it. */
int	in_pidns(struct pidns *p);
/* The exit status of make, called where no number is taken; it is to make nothing. */
int	check_in_pidns(struct pidns *p);

#endif
