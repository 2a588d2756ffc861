/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A user namespace like the one a container had: the first process of its pid
 * namespace is born in it, and makes the other namespaces, so that they belong
 * to it.  We stay outside, with all that we may do there.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

/* ---- from outside ---- */

/* What the root has for supplementary groups: in there they may have no number, or be nobody's to change. */
static const Psnap__Credentials *
credentials_of_root(const struct snap *s)
{
	const Psnap__Process *root = root_of(s);
	const Psnap__Thread *t = root == NULL || root->n_thread_ids == 0 ? NULL :
	    snap_get_message(s, root->thread_ids[0], PSNAP_KIND_THREAD);

	return t == NULL ? NULL : snap_get_message(s, t->credentials_id, PSNAP_KIND_CREDENTIALS);
}

/* Whoever makes it owns it. */
static pid_t
fork_as(uid_t owner, pid_t (*fork_in)(int *pidfd), int *pidfd)
{
	uid_t uid = geteuid();
	pid_t pid;
	int e;

	if (owner != uid && seteuid(owner) != 0)
		return -1;
	pid = fork_in(pidfd);
	e = errno;
	if (pid != 0 && owner != uid && seteuid(uid) != 0)
		report("becoming user %u again: %s", (unsigned)uid, strerror(errno));
	errno = e;
	return pid;
}

/* What it is born among, and then mounts its file systems from, is nobody else's; we go back. */
static pid_t
fork_among_copies(uid_t owner, pid_t (*fork_in)(int *pidfd), int *pidfd)
{
	int own = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC), cwd = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC), e;
	pid_t pid = -1;

	if (own >= 0 && cwd >= 0 && unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0)
		pid = fork_as(owner, fork_in, pidfd);
	e = errno;
	if (pid != 0 && (setns(own, CLONE_NEWNS) != 0 || fchdir(cwd) != 0))
		report("going back to our mount namespace: %s", strerror(errno));
	if (own >= 0)
		close(own);
	if (cwd >= 0)
		close(cwd);
	errno = e;
	return pid;
}

pid_t
users_fork(const struct users *u, pid_t (*fork_in)(int *pidfd), int *pidfd)
{
	const Psnap__Credentials *c = credentials_of_root(u->s);
	int n = getgroups(0, NULL), e = EINVAL;
	gid_t *own = n >= 0 ? malloc(((size_t)n + 1) * sizeof *own) : NULL;
	pid_t pid = -1;

	if (c != NULL && own != NULL && (n = getgroups(n, own)) >= 0) {
		if (setgroups(c->n_groups, c->groups) == 0)
			pid = fork_among_copies(u->map->owner, fork_in, pidfd);
		e = errno;
		if (pid != 0)
			setgroups((size_t)n, own);
	}
	free(own);
	errno = e;
	return pid;
}

/* At once: a map is written only once. */
static int
write_file(pid_t pid, const char *name, const char *text, size_t n)
{
	char path[48];
	int fd, e = 0;

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, name);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) < 0 || write(fd, text, n) != (ssize_t)n)
		e = errno;
	if (fd >= 0)
		close(fd);
	return e;
}

#define LINE_MAX_BYTES	36	/* three numbers of 32 bits, and what is between them */

static int
write_map(pid_t pid, const char *name, Psnap__IdRange *const *map, size_t count)
{
	char *text = malloc(count * LINE_MAX_BYTES + 1);
	size_t n = 0;
	int e;

	if (text == NULL)
		return ENOMEM;
	for (size_t i = 0; i < count; i++)
		n += (size_t)sprintf(text + n, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n", map[i]->inside, map[i]->outside,
		    map[i]->length);
	e = write_file(pid, name, text, n);
	free(text);
	return e;
}

bool
users_map(const struct users *u, pid_t pid)
{
	const Psnap__Namespace *m = u->map;
	const char *what = "setgroups";
	int e;

	if (m->n_uid_map == 0 || m->n_gid_map == 0) {
		report("%s: its user namespace has no users, or no groups", u->input);
		return false;
	}
	e = m->setgroups_denied ? write_file(pid, "setgroups", "deny", 4) : 0;
	if (e == 0)
		e = write_map(pid, what = "uid_map", m->uid_map, m->n_uid_map);
	if (e == 0)
		e = write_map(pid, what = "gid_map", m->gid_map, m->n_gid_map);
	if (e != 0)
		report("%s of a new user namespace: %s", what, strerror(e));
	return e == 0;
}

/* ---- in the first process ---- */

static uint32_t
root_in(Psnap__IdRange *const *map, size_t n)
{
	uint32_t id = n > 0 ? map[0]->inside : 0;

	for (size_t i = 0; i < n; i++)
		id = map[i]->inside == 0 ? 0 : id;
	return id;
}

/* All it has, through the program it will execute, too: there nobody but number 0 has any. */
static int
keep_capabilities(void)
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &head, data) != 0)
		return errno;
	for (int i = 0; i < 2; i++)
		data[i].inheritable = data[i].permitted;
	if (syscall(SYS_capset, &head, data) != 0)
		return errno;
	for (unsigned long cap = 0; prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, cap, 0, 0) == 0; cap++)
		;
	return 0;
}

static int
become_root(const Psnap__Namespace *m)
{
	uint32_t uid = root_in(m->uid_map, m->n_uid_map), gid = root_in(m->gid_map, m->n_gid_map);

	if (setresgid(gid, gid, gid) != 0 || setresuid(uid, uid, uid) != 0 || prctl(PR_SET_DUMPABLE, 1) != 0)
		return errno;
	return uid != 0 ? keep_capabilities() : 0;
}

bool
users_begin(const struct users *u)
{
	int e = become_root(u->map);

	if (e != 0)
		report("becoming the root of a new user namespace: %s", strerror(e));
	return e == 0 && make_namespaces(u->s, u->input, u->options);
}

/* ---- in who makes the processes ---- */

bool
users_join(const struct users *u, int pidfd)
{
	const struct snap_restore_options *o = u->options;
	int kinds = CLONE_NEWNS | (o->own_ipc ? CLONE_NEWIPC : 0) | (o->own_uts ? CLONE_NEWUTS : 0) |
	    (o->own_time ? CLONE_NEWTIME : 0) | (o->own_net != NULL ? CLONE_NEWNET : 0) | (has_own_cgroups(u->s, o) ? CLONE_NEWCGROUP : 0);

	if (setns(pidfd, kinds) != 0)
		report("the namespaces of the new user namespace: %s", strerror(errno));
	else if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		report("mounting /proc of the new user namespace: %s", strerror(errno));
	else
		return true;
	return false;
}
