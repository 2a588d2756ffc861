/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Working for processes in a user namespace of their own, from outside of it.
 *
 * They are born in it: their first process, which our caller made, is there.
 * We keep our privileges, so what we do for them succeeds as ever, but what we
 * make in its file systems must belong to a user it has: our file system ids
 * are those of its root.  File systems belong to it only if they are made by
 * who is in it, for which a process of ours goes there.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libsnap/restore/linux/users.h"

#define FIRST	"/proc/1"	/* the first process, as we see it in its pid namespace */

struct entered {
	uid_t		euid, fsuid;	/* ours */
	gid_t		fsgid;
	int		securebits, dumpable;
};

/* ---- whether it is as it was ---- */

static bool
has_range(Psnap__IdRange *const *map, size_t n, const Psnap__IdRange *x)
{
	for (size_t i = 0; i < n; i++)
		if (map[i]->inside == x->inside && map[i]->outside == x->outside && map[i]->length == x->length)
			return true;
	return false;
}

/* Whether a file of /proc has just these lines, "inside outside length", in any order: no two are the same (NS-8). */
static bool
is_map(const char *path, Psnap__IdRange *const *map, size_t n)
{
	FILE *f = fopen(path, "re");
	Psnap__IdRange x = PSNAP__ID_RANGE__INIT;
	size_t lines = 0;
	bool same = f != NULL;

	for (; same && fscanf(f, "%" SCNu32 " %" SCNu32 " %" SCNu32, &x.inside, &x.outside, &x.length) == 3; lines++)
		same = has_range(map, n, &x);
	if (f != NULL)
		fclose(f);
	return same && lines == n;
}

static int
check_first(struct restore *r)
{
	const Psnap__Namespace *u = r->p->users;
	struct stat here, there;

	if (stat("/proc/self/ns/user", &here) != 0 || stat(FIRST "/ns/user", &there) != 0)
		return restore_fail(r, NULL, 0, errno, "the user namespace of the first process");
	return here.st_ino != there.st_ino && is_map(FIRST "/uid_map", u->uid_map, u->n_uid_map) &&
	    is_map(FIRST "/gid_map", u->gid_map, u->n_gid_map) ? 0 : restore_fail(r, NULL, 0, 0,
	    "the first process is not in a user namespace with the maps it had");
}

/* ---- who we are ---- */

static bool
root_of(Psnap__IdRange *const *map, size_t n, uint32_t *outside)
{
	for (size_t i = 0; i < n; i++)
		if (i == 0 || map[i]->inside == 0)
			*outside = map[i]->outside;
	return n > 0;
}

/* Our capabilities stay whatever user we are. */
int
users_enter(struct restore *r)
{
	const Psnap__Namespace *u = r->p->users;
	struct entered *e;
	uint32_t uid, gid;
	int error;

	if (u == NULL)
		return 0;
	if ((error = check_first(r)) != 0)
		return error;
	if (!root_of(u->uid_map, u->n_uid_map, &uid) || !root_of(u->gid_map, u->n_gid_map, &gid))
		return restore_fail(r, NULL, 0, 0, "its user namespace has no users");
	if ((e = plan_alloc(r->p, sizeof *e)) == NULL)
		return restore_nomem(r);
	e->euid = geteuid();
	e->securebits = prctl(PR_GET_SECUREBITS);
	e->dumpable = prctl(PR_GET_DUMPABLE);
	if (prctl(PR_SET_SECUREBITS, e->securebits | SECBIT_NO_SETUID_FIXUP) != 0)
		return restore_fail(r, NULL, 0, errno, "keeping our capabilities");
	e->fsgid = (gid_t)setfsgid(gid);
	e->fsuid = (uid_t)setfsuid(uid);
	r->p->entered = e;
	if (e->dumpable == 1)	/* the kernel has cleared it */
		prctl(PR_SET_DUMPABLE, 1);
	return 0;
}

void
users_leave(struct plan *p)
{
	const struct entered *e = p->entered;

	if (e == NULL)
		return;
	setfsuid(e->fsuid);
	setfsgid(e->fsgid);
	prctl(PR_SET_SECUREBITS, e->securebits);
	if (e->dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
	p->entered = NULL;
}

/* ---- a process of ours in it ---- */

#define STACK_SIZE	(256u << 10)

struct inside {
	struct restore	*r;
	int		(*fn)(void *arg);
	void		*arg;
	int		result;
};

/* In it, with mounts of its own, as nobody in it may mount in ours. */
static int
run_inside(void *arg)
{
	struct inside *x = arg;
	int fd = open(FIRST "/ns/user", O_RDONLY | O_CLOEXEC);

	if (fd < 0 || setns(fd, CLONE_NEWUSER) != 0 || unshare(CLONE_NEWNS) != 0)
		x->result = restore_fail(x->r, NULL, 0, errno, "a process in its user namespace");
	else
		x->result = x->fn(x->arg);
	if (fd >= 0)
		close(fd);
	return 0;
}

/* It has our memory and descriptors, and we wait for it: what it makes is ours. */
int
users_run_inside(struct restore *r, int (*fn)(void *arg), void *arg)
{
	struct inside x = { .r = r, .fn = fn, .arg = arg };
	int dumpable = prctl(PR_GET_DUMPABLE), status;
	uint8_t *stack = mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
	pid_t pid;

	if (stack == MAP_FAILED)
		return restore_nomem(r);
	x.result = SNAP_E_IO;
	if ((pid = clone(run_inside, stack + STACK_SIZE, CLONE_VM | CLONE_FILES | CLONE_VFORK | SIGCHLD, &x)) < 0)
		restore_fail(r, NULL, 0, errno, "a process in its user namespace");
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	munmap(stack, STACK_SIZE);
	if (dumpable == 1)	/* entering another namespace clears it */
		prctl(PR_SET_DUMPABLE, 1);
	return x.result;
}

/* ---- its mounts ---- */

int
users_take_mounts(struct restore *r)
{
	int fd = -1, e = 0;

	if (send(r->p->o->first, "", FIRST_COPY_MOUNTS, MSG_NOSIGNAL) != FIRST_COPY_MOUNTS ||
	    recv(r->p->o->first, &e, sizeof e, 0) != (ssize_t)sizeof e)
		return restore_fail(r, NULL, 0, EPIPE, "a mount namespace of its user namespace");
	if (e != 0 || (fd = open(FIRST "/ns/mnt", O_RDONLY | O_CLOEXEC)) < 0 || setns(fd, CLONE_NEWNS) != 0)
		restore_fail(r, NULL, 0, e = e != 0 ? e : errno, "a mount namespace of its user namespace");
	if (fd >= 0)
		close(fd);
	return e != 0 ? r->err->code : 0;
}

/* ---- its limits ---- */

/* With another effective user, and the same file system ids. */
static void
act_as(const struct restore *r, uid_t uid)
{
	uid_t fsuid = (uid_t)setfsuid((uid_t)-1);

	if (uid == geteuid())
		return;
	seteuid(uid);	/* if it cannot be, what follows fails */
	setfsuid(fsuid);
	if (r->p->entered->dumpable == 1)
		prctl(PR_SET_DUMPABLE, 1);
}

void
users_act_as_owner(const struct restore *r)
{
	if (r->p->users != NULL)
		act_as(r, r->p->users->owner);
}

void
users_act_as_before(const struct restore *r)
{
	if (r->p->users != NULL)
		act_as(r, r->p->entered->euid);
}

void
users_lift_limits(const struct restore *r, pid_t pid)
{
	static const int kinds[] = { RLIMIT_MEMLOCK, RLIMIT_NPROC };
	struct rlimit64 all = { RLIM64_INFINITY, RLIM64_INFINITY }, have;

	if (r->p->users == NULL)
		return;
	users_act_as_owner(r);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
		if (prlimit64(pid, kinds[i], &all, NULL) != 0 && prlimit64(pid, kinds[i], NULL, &have) == 0) {
			have.rlim_cur = have.rlim_max;
			prlimit64(pid, kinds[i], &have, NULL);
		}
	users_act_as_before(r);
}
