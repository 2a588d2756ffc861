/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * One process, from /proc, and what processes share.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel-glue/linux/procfs.h"
#include "kernel-glue/linux/share.h"
#include "kernel-glue/linux/task.h"

#define TICK_NS	10000000	/* USER_HZ is 100 */

/* ---- limits ---- */

static const struct {
	const char *name;	/* in /proc/PID/limits */
	int resource;
	uint32_t kind;
	uint64_t unit;		/* ours in the kernel's */
} limits[] = {
	{ "Max cpu time", RLIMIT_CPU, PSNAP_LIMIT_CPU_NS, 1000000000 },
	{ "Max file size", RLIMIT_FSIZE, PSNAP_LIMIT_FILE_SIZE, 1 },
	{ "Max data size", RLIMIT_DATA, PSNAP_LIMIT_DATA, 1 },
	{ "Max stack size", RLIMIT_STACK, PSNAP_LIMIT_STACK, 1 },
	{ "Max core file size", RLIMIT_CORE, PSNAP_LIMIT_CORE, 1 },
	{ "Max resident set", RLIMIT_RSS, PSNAP_LIMIT_RSS, 1 },
	{ "Max processes", RLIMIT_NPROC, PSNAP_LIMIT_PROCESSES, 1 },
	{ "Max open files", RLIMIT_NOFILE, PSNAP_LIMIT_OPEN_FILES, 1 },
	{ "Max locked memory", RLIMIT_MEMLOCK, PSNAP_LIMIT_LOCKED_MEMORY, 1 },
	{ "Max address space", RLIMIT_AS, PSNAP_LIMIT_ADDRESS_SPACE, 1 },
	{ "Max file locks", RLIMIT_LOCKS, PSNAP_LIMIT_LOCKS, 1 },
	{ "Max pending signals", RLIMIT_SIGPENDING, PSNAP_LIMIT_PENDING_SIGNALS, 1 },
	{ "Max msgqueue size", RLIMIT_MSGQUEUE, PSNAP_LIMIT_MESSAGE_QUEUE_BYTES, 1 },
	{ "Max nice priority", RLIMIT_NICE, PSNAP_LIMIT_NICE, 1 },
	{ "Max realtime priority", RLIMIT_RTPRIO, PSNAP_LIMIT_REALTIME_PRIORITY, 1 },
	{ "Max realtime timeout", RLIMIT_RTTIME, PSNAP_LIMIT_REALTIME_NS, 1000 },
};

static uint64_t
limit_value(const char *text, char **end)
{
	text += strspn(text, " ");
	if (strncmp(text, "unlimited", 9) == 0) {
		*end = (char *)(uintptr_t)text + 9;
		return UINT64_MAX;
	}
	return strtoull(text, end, 10);
}

/* From /proc, which needs no privilege: prlimit wants CAP_SYS_RESOURCE for others' processes. */
static int
read_limits(struct dump *d, struct proc *p)
{
	char text[4096], *at, *end;
	struct limit *l;

	if (proc_read_small(p, "limits", text, sizeof text) < 0)
		return dump_note(d, "limits of pid %d could not be read", (int)p->pid);
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		if ((at = strstr(text, limits[i].name)) == NULL)
			continue;
		if ((l = dump_alloc(d, sizeof *l)) == NULL || list_add(d, &p->state->limits, l) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		l->kind = limits[i].kind;
		l->soft = limit_value(at + strlen(limits[i].name), &end);
		l->hard = limit_value(end, &end);
		if (l->soft != UINT64_MAX)
			l->soft *= limits[i].unit;
		if (l->hard != UINT64_MAX)
			l->hard *= limits[i].unit;
	}
	return 0;
}

/* ---- namespaces and cgroups ---- */

static const struct {
	const char *name;
	uint32_t kind;
	bool for_children;
} ns_kinds[] = {
	{ "mnt", PSNAP_NAMESPACE_MOUNT, false }, { "uts", PSNAP_NAMESPACE_UTS, false },
	{ "ipc", PSNAP_NAMESPACE_IPC, false }, { "pid", PSNAP_NAMESPACE_PID, false },
	{ "pid_for_children", PSNAP_NAMESPACE_PID, true }, { "net", PSNAP_NAMESPACE_NET, false },
	{ "user", PSNAP_NAMESPACE_USER, false }, { "cgroup", PSNAP_NAMESPACE_CGROUP, false },
	{ "time", PSNAP_NAMESPACE_TIME, false }, { "time_for_children", PSNAP_NAMESPACE_TIME, true },
};

static struct ns *
ns_intern(struct dump *d, uint32_t kind, uint64_t ino, const char *name, bool for_children)
{
	char path[64];
	struct stat st;
	struct ns *n;

	for (size_t i = 0; i < d->namespaces.n; i++) {
		n = d->namespaces.v[i];
		if (n->kind == kind && n->ino == ino && n->for_children == for_children)
			return n;
	}
	if ((n = dump_alloc(d, sizeof *n)) == NULL || list_add(d, &d->namespaces, n) != 0)
		return NULL;
	n->id = dump_new_id(d);
	n->kind = kind;
	n->ino = ino;
	n->for_children = for_children;
	snprintf(path, sizeof path, "/proc/self/ns/%s", name);
	n->of_dumper = stat(path, &st) == 0 && st.st_ino == ino;
	return n;
}

struct ns *
ns_of_link(struct dump *d, const char *link, uint64_t ino)
{
	size_t n = strcspn(link, ":");

	for (size_t i = 0; i < sizeof ns_kinds / sizeof ns_kinds[0]; i++)
		if (!ns_kinds[i].for_children && strlen(ns_kinds[i].name) == n &&
		    strncmp(ns_kinds[i].name, link, n) == 0)
			return ns_intern(d, ns_kinds[i].kind, ino, ns_kinds[i].name, false);
	return NULL;
}

static int
read_namespaces(struct dump *d, struct proc *p)
{
	uint64_t own[PSNAP_NAMESPACE_TIME + 1] = { 0 };

	for (size_t i = 0; i < sizeof ns_kinds / sizeof ns_kinds[0]; i++) {
		char path[48];
		struct stat st;
		struct ns *n;

		snprintf(path, sizeof path, "ns/%s", ns_kinds[i].name);
		if (fstatat(p->proc_fd, path, &st, 0) != 0)
			continue;
		if (!ns_kinds[i].for_children)
			own[ns_kinds[i].kind] = st.st_ino;
		else if (own[ns_kinds[i].kind] == st.st_ino)
			continue;
		n = ns_intern(d, ns_kinds[i].kind, st.st_ino, ns_kinds[i].name, ns_kinds[i].for_children);
		if (n == NULL || list_add(d, &p->state->namespaces, n) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	}
	return 0;
}

/* "hierarchy:controllers:path" a line */
static int
read_cgroups(struct dump *d, struct proc *p)
{
	char text[8192];

	if (proc_read_small(p, "cgroup", text, sizeof text) < 0)
		return 0;
	for (char *line = text, *next; line != NULL && *line != '\0'; line = next) {
		char *controllers, *path;
		struct cgroup *c = NULL;
		uint32_t hierarchy;

		if ((next = strchr(line, '\n')) != NULL)
			*next++ = '\0';
		hierarchy = (uint32_t)strtoul(line, &controllers, 10);
		if (*controllers != ':' || (path = strchr(controllers + 1, ':')) == NULL)
			continue;
		*path++ = '\0';
		controllers++;
		for (size_t i = 0; i < d->cgroups.n && c == NULL; i++) {
			struct cgroup *have = d->cgroups.v[i];

			if (have->hierarchy == hierarchy && strcmp(have->path, path) == 0)
				c = have;
		}
		if (c == NULL) {
			if ((c = dump_alloc(d, sizeof *c)) == NULL || list_add(d, &d->cgroups, c) != 0 ||
			    (c->controllers = dump_strdup(d, controllers)) == NULL ||
			    (c->path = dump_strdup(d, path)) == NULL)
				return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
			c->id = dump_new_id(d);
			c->hierarchy = hierarchy;
		}
		if (list_add(d, &p->state->cgroups, c) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	}
	return 0;
}

/* ---- shared things ---- */

static int
read_fs(struct dump *d, struct proc *p, uint32_t umask)
{
	struct share_entry *shared = share_find(d, &d->shared_fs, SHARE_FS, p->live, 0);
	struct fs_context *fs;
	char *link;
	int fd;

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if ((p->fs = shared->object) != NULL)
		return 0;
	if ((fs = dump_alloc(d, sizeof *fs)) == NULL || list_add(d, &d->fs_contexts, fs) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	p->fs = shared->object = fs;
	fs->id = dump_new_id(d);
	fs->umask = umask;
	for (int i = 0; i < 2; i++) {
		const char *name = i == 0 ? "cwd" : "root";
		struct file *f;

		if ((fd = openat(p->proc_fd, name, O_PATH | O_CLOEXEC)) < 0 ||
		    proc_readlink(d, p, name, &link) != 0) {
			if (fd >= 0)
				close(fd);
			dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, fs->id, name,
			    "the %s directory cannot be examined: %s", name, strerror(errno));
			continue;
		}
		f = file_intern(d, p, fd, link);
		close(fd);
		if (f == NULL)
			return d->err->code;
		*(i == 0 ? &fs->cwd : &fs->root) = f;
	}
	return 0;
}

static int
find_handlers(struct dump *d, struct proc *p)
{
	struct share_entry *shared = share_find(d, &d->shared_handlers, SHARE_SIGHAND, p->live, 0);

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (shared->object == NULL) {
		struct handlers *h = dump_alloc(d, sizeof *h);

		if (h == NULL || list_add(d, &d->handlers, h) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		h->id = dump_new_id(d);
		shared->object = h;
	}
	p->handlers = shared->object;
	return 0;
}

/* ---- the process ---- */

/* In the tree's own pid namespace, which is the root's. */
static void
read_numbers(struct dump *d, struct proc *p, const char *status)
{
	struct proc_state *s = p->state;

	if (p->parent == NULL)
		numbers_begin(d, status);
	s->nns_pids = numbers_inside(d, status, "NSpid", p->pid, s->ns_pids, sizeof s->ns_pids / sizeof *s->ns_pids);
	p->inner_pid = s->ns_pids[0];
	numbers_inside(d, status, "NSpgid", p->pgid, &p->inner_pgid, 1);
	numbers_inside(d, status, "NSsid", p->sid, &p->inner_sid, 1);
}

static void
from_stat(struct proc *p, const struct proc_stat *st)
{
	struct proc_state *s = p->state;

	snprintf(s->comm, sizeof s->comm, "%s", st->comm);
	s->tty_nr = (int32_t)st->field[7];
	s->tpgid = (int32_t)st->field[8];
	s->times[0] = st->field[14] * TICK_NS;
	s->times[1] = st->field[15] * TICK_NS;
	s->times[2] = st->field[16] * TICK_NS;
	s->times[3] = st->field[17] * TICK_NS;
	s->start_ns = st->field[22] * TICK_NS;
	s->child_exit_signal = (uint32_t)st->field[38];
	s->exit_code = (uint32_t)st->field[52];
}

int
proc_collect(struct dump *d, struct proc *p)
{
	char *status, *leader_status = NULL, word[64], path[48];
	struct task *leader = p->tasks.n > 0 ? p->tasks.v[0] : NULL;
	struct proc_state *s;
	struct proc_stat st, leader_st;
	int r;

	if ((p->state = s = dump_alloc(d, sizeof *s)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	/* the leader's own for what is not the same in every thread, should it have exited */
	snprintf(path, sizeof path, "task/%d/stat", (int)p->pid);
	if ((r = stat_read(p, "stat", &st)) != 0 ||
	    (r = p->live != p->pid ? stat_read(p, path, &leader_st) : 0) != 0 ||
	    (r = proc_try_read(d, p, "status", &status, NULL)) != 0)
		return dump_fail(d, GLUE_E_GONE, -r, p, "reading stat and status");
	if (p->live != p->pid) {
		memcpy(st.comm, leader_st.comm, sizeof st.comm);
		st.field[22] = leader_st.field[22];
		st.field[38] = leader_st.field[38];
	}
	from_stat(p, &st);
	if (p->live != p->pid) {
		snprintf(path, sizeof path, "task/%d/status", (int)p->pid);
		if ((r = proc_try_read(d, p, path, &leader_status, NULL)) != 0)
			return dump_fail(d, GLUE_E_GONE, -r, p, "reading %s", path);
	}
	read_numbers(d, p, p->live != p->pid ? leader_status : status);
	if (p->zombie)
		return 0;
	s->caught = field_number(status, "SigCgt", 16);
	s->ignored = field_number(status, "SigIgn", 16);
	if (proc_read_small(p, "personality", word, sizeof word) > 0)
		s->personality = strtoull(word, NULL, 16);
	if (proc_read_small(p, "oom_score_adj", word, sizeof word) > 0)
		s->oom_adjust = (int32_t)strtol(word, NULL, 10);
	if (proc_read_small(p, "loginuid", word, sizeof word) > 0) {
		s->login_uid = (uint32_t)strtoul(word, NULL, 10);
		s->has_login_uid = s->login_uid != UINT32_MAX;
	}
	for (size_t i = 0; i < p->tasks.n && (leader == NULL || !leader->stopped); i++)
		leader = p->tasks.v[i];
	if ((r = queue_collect(d, leader, true, &s->pending)) != 0 ||
	    (r = read_limits(d, p)) != 0 ||
	    (r = read_namespaces(d, p)) != 0 ||
	    (r = read_cgroups(d, p)) != 0 ||
	    (r = timers_collect(d, p)) != 0 ||
	    (r = read_fs(d, p, (uint32_t)field_number(status, "Umask", 8))) != 0)
		return r;
	return find_handlers(d, p);
}

/* ---- sessions and groups ---- */

/* One from outside the tree's pid namespace has no number there. */
static int32_t
number_or_none(int32_t number)
{
	return number != 0 ? number : PSNAP_NO_NUMBER;
}

static int
find_session(struct dump *d, struct proc *p)
{
	int32_t sid = number_or_none(p->inner_sid);
	struct session *s;

	for (size_t i = 0; i < d->sessions.n; i++) {
		s = d->sessions.v[i];
		if (s->sid == sid) {
			p->state->session = s;
			return 0;
		}
	}
	if ((s = dump_alloc(d, sizeof *s)) == NULL || list_add(d, &d->sessions, s) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	s->id = dump_new_id(d);
	s->sid = sid;
	s->leader_outside = find_proc(d, p->sid) == NULL;
	s->tty = (uint32_t)p->state->tty_nr;
	s->foreground = s->tty != 0 && p->state->tpgid > 0 ? p->state->tpgid : 0;
	p->state->session = s;
	return 0;
}

static int
find_group(struct dump *d, struct proc *p)
{
	int32_t pgid = number_or_none(p->inner_pgid);
	struct group *g;

	for (size_t i = 0; i < d->groups.n; i++) {
		g = d->groups.v[i];
		if (g->pgid == pgid && g->session == p->state->session) {
			p->state->group = g;
			return 0;
		}
	}
	if ((g = dump_alloc(d, sizeof *g)) == NULL || list_add(d, &d->groups, g) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	g->id = dump_new_id(d);
	g->pgid = pgid;
	g->session = p->state->session;
	g->leader_outside = find_proc(d, p->pgid) == NULL;
	p->state->group = g;
	return 0;
}

int
task_resolve(struct dump *d)
{
	int r;

	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];

		if ((r = find_session(d, p)) != 0 || (r = find_group(d, p)) != 0)
			return r;
		for (size_t k = 0; k < p->tasks.n; k++) {
			struct task *t = p->tasks.v[k];

			if (t->state != NULL && t->state->creds != NULL &&
			    (t->state->creds = creds_share(d, t->state->creds)) == NULL)
				return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		}
	}
	return host_collect(d);
}
