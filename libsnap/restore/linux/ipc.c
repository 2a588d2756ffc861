/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * System V IPC objects of any kind: made with the ids they had, and removed
 * again after a failure.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "libsnap/restore/linux/ipc.h"

#ifdef SYS_setresuid32
#define SETRESUID	SYS_setresuid32
#define SETRESGID	SYS_setresgid32
#else
#define SETRESUID	SYS_setresuid
#define SETRESGID	SYS_setresgid
#endif
#define SAME		((uid_t)-1)

/* One we made, or changed: undo is then what takes that back. */
struct made {
	const struct ipc_kind *kind;
	int		id;
	void		(*undo)(int id, const void *arg);
	const void	*arg;
};

static int
choose_next(const struct ipc_kind *kind, int id)
{
	char text[16];
	int n = snprintf(text, sizeof text, "%d", id), fd = open(kind->next_id, O_WRONLY | O_CLOEXEC), e = 0;

	if (fd < 0)
		return errno;
	if (write(fd, text, (size_t)n) != n)
		e = errno;
	close(fd);
	return e;
}

/* Effective ids of this thread; 0 or errno. */
static int
become(uid_t uid, gid_t gid)
{
	/* whichever is privileged goes last on the way down and comes first on the way up */
	if (geteuid() == 0)
		return syscall(SETRESGID, SAME, gid, SAME) != 0 || syscall(SETRESUID, SAME, uid, SAME) != 0 ? errno : 0;
	return syscall(SETRESUID, SAME, uid, SAME) != 0 || syscall(SETRESGID, SAME, gid, SAME) != 0 ? errno : 0;
}

/* Who makes an object is its creator for good; file system ids follow the effective ones. */
static int
create_as(const Psnap__SysvIdentity *i, ipc_create *create, const void *arg)
{
	uid_t uid = geteuid();
	gid_t gid = getegid();
	uid_t fsuid;
	gid_t fsgid;
	int dumpable, id = -1, e;

	if (i->creator_uid == uid && i->creator_gid == gid)
		return create(i, arg);
	dumpable = prctl(PR_GET_DUMPABLE);
	fsuid = (uid_t)setfsuid(SAME);
	fsgid = (gid_t)setfsgid(SAME);
	if ((e = become(i->creator_uid, i->creator_gid)) == 0 && (id = create(i, arg)) < 0)
		e = errno;
	become(uid, gid);
	setfsgid(fsgid);
	setfsuid(fsuid);
	if (dumpable == 1)	/* the kernel has cleared it */
		prctl(PR_SET_DUMPABLE, 1);
	errno = e;
	return id;
}

int
ipc_make(struct restore *r, const struct ipc_kind *kind, uint64_t object, const Psnap__SysvIdentity *i,
    ipc_create *create, const void *arg)
{
	struct made *m = plan_alloc(r->p, sizeof *m);
	int e;

	if (m == NULL)
		return restore_nomem(r);
	if ((e = choose_next(kind, i->id)) != 0)
		return restore_fail(r, NULL, object, e, "choosing the id of System V %s %d: %s", kind->name,
		    (int)i->id, kind->next_id);
	*m = (struct made){ .kind = kind, .id = create_as(i, create, arg) };
	if (m->id < 0)
		return restore_fail(r, NULL, object, errno, "making System V %s %d", kind->name, (int)i->id);
	if (restore_list_add(r, &r->ipc, m) != 0) {
		kind->remove(m->id);
		return restore_nomem(r);
	}
	return m->id == i->id ? 0 : restore_fail(r, NULL, object, EEXIST, "making System V %s %d", kind->name,
	    (int)i->id);
}

int
ipc_remember(struct restore *r, int id, void (*undo)(int id, const void *arg), const void *arg)
{
	struct made *m = plan_alloc(r->p, sizeof *m);

	if (m == NULL || restore_list_add(r, &r->ipc, m) != 0)
		return restore_nomem(r);
	*m = (struct made){ .id = id, .undo = undo, .arg = arg };
	return 0;
}

bool
ipc_is_identity(const struct ipc_perm *here, const Psnap__SysvIdentity *i)
{
	return (uint32_t)here->__key == i->key && (here->mode & 0777) == i->mode && here->uid == i->uid &&
	    here->gid == i->gid && here->cuid == i->creator_uid && here->cgid == i->creator_gid;
}

void
ipc_remove(struct restore *r)
{
	for (size_t i = 0; i < r->ipc.n; i++) {
		const struct made *m = r->ipc.v[i];

		if (m->undo != NULL)
			m->undo(m->id, m->arg);
		else
			m->kind->remove(m->id);
	}
}
