/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the backend does about a user namespace of the processes; nothing, if
 * they have none.
 */
#ifndef LIBSNAP_RESTORE_LINUX_USERS_H
#define LIBSNAP_RESTORE_LINUX_USERS_H

#include <sys/resource.h>

#include "libsnap/restore/linux/linux.h"

/* A message of this length to the first process, before its orders: copy your mounts; it answers with an errno. */
#define FIRST_COPY_MOUNTS	1

/* Be its root to file systems until users_leave(). */
int	users_enter(struct restore *r);
void	users_leave(struct plan *p);
/* Call fn, which may do what only somebody in it can; what it returned, or a code. */
int	users_run_inside(struct restore *r, int (*fn)(void *arg), void *arg);
/* The mounts that we and its first process are in become its own, with us. */
int	users_take_mounts(struct restore *r);
/* Who may set limits of processes in it: its owner may, whatever capabilities we have. */
void	users_act_as_owner(const struct restore *r);
void	users_act_as_before(const struct restore *r);
/* Of its first process, so that it may do what takes a capability outside; they become what they were at the end. */
void	users_lift_limits(const struct restore *r, pid_t pid);

#endif
