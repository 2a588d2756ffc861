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

#include "kernel-glue/linux/cgroup.h"
#include "kernel-glue/linux/facts.h"
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

/* In the kernel's unit. */
static int
add_limit(struct dump *d, struct proc *p, size_t i, uint64_t soft, uint64_t hard)
{
	struct limit *l = dump_alloc(d, sizeof *l);

	if (l == NULL || list_add(d, &p->state->limits, l) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	l->kind = limits[i].kind;
	l->soft = soft != UINT64_MAX ? soft * limits[i].unit : soft;
	l->hard = hard != UINT64_MAX ? hard * limits[i].unit : hard;
	return 0;
}

/* From /proc, which needs no privilege: prlimit wants CAP_SYS_RESOURCE for others' processes. */
static int
read_limits(struct dump *d, struct proc *p)
{
	char text[4096], *at, *end;
	int r = 0;

	if (proc_read_small(p, "limits", text, sizeof text) < 0)
		return dump_note(d, "limits of pid %d could not be read", (int)p->pid);
	for (size_t i = 0; i < sizeof limits / sizeof limits[0] && r == 0; i++) {
		uint64_t soft;

		if ((at = strstr(text, limits[i].name)) == NULL)
			continue;
		soft = limit_value(at + strlen(limits[i].name), &end);
		r = add_limit(d, p, i, soft, limit_value(end, &end));
	}
	return r;
}

static int
take_limits(struct dump *d, struct proc *p, const struct rec_process *k)
{
	int r = 0;

	for (size_t i = 0; i < sizeof limits / sizeof limits[0] && r == 0; i++)
		r = add_limit(d, p, i, k->limit[limits[i].resource][0], k->limit[limits[i].resource][1]);
	return r;
}

/* ---- namespaces and cgroups ---- */

static const struct {
	const char *name;
	uint32_t kind;
	bool for_children;
} ns_kinds[REC_NS_COUNT] = {
	[REC_NS_MOUNT] = { "mnt", PSNAP_NAMESPACE_MOUNT, false },
	[REC_NS_UTS] = { "uts", PSNAP_NAMESPACE_UTS, false },
	[REC_NS_IPC] = { "ipc", PSNAP_NAMESPACE_IPC, false },
	[REC_NS_PID] = { "pid", PSNAP_NAMESPACE_PID, false },
	[REC_NS_PID_CHILDREN] = { "pid_for_children", PSNAP_NAMESPACE_PID, true },
	[REC_NS_NET] = { "net", PSNAP_NAMESPACE_NET, false },
	[REC_NS_USER] = { "user", PSNAP_NAMESPACE_USER, false },
	[REC_NS_CGROUP] = { "cgroup", PSNAP_NAMESPACE_CGROUP, false },
	[REC_NS_TIME] = { "time", PSNAP_NAMESPACE_TIME, false },
	[REC_NS_TIME_CHILDREN] = { "time_for_children", PSNAP_NAMESPACE_TIME, true },
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

/* The inode of its namespace; 0 if there is none. */
static uint64_t
namespace_number(const struct proc *p, const struct rec_process *k, size_t i)
{
	char path[48];
	struct stat st;

	if (k != NULL && k->have & REC_HAVE_NAMESPACES)
		return k->ns[i];
	snprintf(path, sizeof path, "ns/%s", ns_kinds[i].name);
	return fstatat(p->proc_fd, path, &st, 0) == 0 ? st.st_ino : 0;
}

static int
read_namespaces(struct dump *d, struct proc *p, const struct rec_process *k)
{
	uint64_t own[PSNAP_NAMESPACE_TIME + 1] = { 0 };

	for (size_t i = 0; i < REC_NS_COUNT; i++) {
		uint64_t ino = namespace_number(p, k, i);
		struct ns *n;

		if (ino == 0)
			continue;
		if (!ns_kinds[i].for_children)
			own[ns_kinds[i].kind] = ino;
		else if (own[ns_kinds[i].kind] == ino)
			continue;
		n = ns_intern(d, ns_kinds[i].kind, ino, ns_kinds[i].name, ns_kinds[i].for_children);
		if (n == NULL || list_add(d, &p->state->namespaces, n) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	}
	return 0;
}

struct reader {
	struct dump	*d;
	struct proc	*p;
};

/* A zombie's may be gone: nobody can be in it. */
static bool
is_gone(const char *path)
{
	static const char end[] = " (deleted)";
	size_t n = strlen(path);

	return n >= sizeof end && strcmp(path + n - (sizeof end - 1), end) == 0;
}

static int
add_cgroup(void *ctx, uint32_t hierarchy, const char *controllers, const char *path)
{
	struct reader *r = ctx;
	struct cgroup *c;

	if (is_gone(path))
		return 0;
	c = cgroup_intern(r->d, hierarchy, controllers, path);
	return c != NULL && list_add(r->d, &r->p->state->cgroups, c) == 0 ? 0 :
	    dump_fail(r->d, GLUE_E_NOMEM, 0, r->p, "out of memory");
}

static int
read_cgroups(struct dump *d, struct proc *p)
{
	struct reader r = { d, p };
	char text[8192];

	return proc_read_small(p, "cgroup", text, sizeof text) < 0 ? 0 : cgroup_lines(text, add_cgroup, &r);
}

/* Who is in the same ones has the same css_set. */
static int
find_cgroups(struct dump *d, struct proc *p, const struct rec_process *k)
{
	void **known = NULL;
	int r;

	if (k == NULL || k->cgroups == 0)
		return read_cgroups(d, p);
	if ((known = facts_known(d, k->cgroups)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (*known != NULL) {
		p->state->cgroups = *(const struct list *)*known;
		return 0;
	}
	r = read_cgroups(d, p);
	*known = &p->state->cgroups;
	return r;
}

/* ---- shared things ---- */

/* The directory behind a link of /proc/PID; *out stays NULL, and it is covered, if that cannot be examined. */
static int
read_directory(struct dump *d, struct proc *p, const struct fs_context *fs, const char *name, struct file **out)
{
	int fd = openat(p->proc_fd, name, O_PATH | O_CLOEXEC);
	char *link;

	if (fd < 0 || proc_readlink(d, p, name, &link) != 0) {
		if (fd >= 0)
			close(fd);
		dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, fs->id, name,
		    "the %s directory cannot be examined: %s", name, strerror(errno));
		return 0;
	}
	*out = file_intern(d, p, fd, link);
	close(fd);
	return *out != NULL ? 0 : d->err->code;
}

/* The same, of a path that other processes may have, too. */
static int
find_directory(struct dump *d, struct proc *p, const struct fs_context *fs, const char *name, uint64_t path,
    struct file **out)
{
	void **known;
	int r;

	if (path == 0)
		return read_directory(d, p, fs, name, out);
	if ((known = facts_known(d, path)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	r = *known != NULL ? 0 : read_directory(d, p, fs, name, (struct file **)known);
	*out = *known;
	return r;
}

static int
read_fs(struct dump *d, struct proc *p, const struct rec_process *k)
{
	void **shared = share_find(d, &d->shared_fs, SHARE_FS, p, 0);
	struct fs_context *fs;
	int r;

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if ((p->fs = *shared) != NULL)
		return 0;
	if ((fs = dump_alloc(d, sizeof *fs)) == NULL || list_add(d, &d->fs_contexts, fs) != 0)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	p->fs = *shared = fs;
	fs->id = dump_new_id(d);
	fs->umask = p->state->umask;
	r = find_directory(d, p, fs, "cwd", k != NULL ? k->cwd_path : 0, &fs->cwd);
	return r != 0 ? r : find_directory(d, p, fs, "root", k != NULL ? k->root_path : 0, &fs->root);
}

static int
find_handlers(struct dump *d, struct proc *p)
{
	void **shared = share_find(d, &d->shared_handlers, SHARE_SIGHAND, p, 0);

	if (shared == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (*shared == NULL) {
		struct handlers *h = dump_alloc(d, sizeof *h);

		if (h == NULL || list_add(d, &d->handlers, h) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
		h->id = dump_new_id(d);
		*shared = h;
	}
	p->handlers = *shared;
	return 0;
}

/* ---- the process ---- */

/* In the tree's own pid namespace, which is the root's. */
static void
take_numbers(struct dump *d, struct proc *p, const struct rec_numbers *pid, const struct rec_numbers *group,
    const struct rec_numbers *session)
{
	struct proc_state *s = p->state;

	if (p->parent == NULL)
		numbers_begin(d, pid);
	s->nns_pids = numbers_inside(d, pid, p->pid, s->ns_pids, sizeof s->ns_pids / sizeof *s->ns_pids);
	p->inner_pid = s->ns_pids[0];
	numbers_inside(d, group, p->pgid, &p->inner_pgid, 1);
	numbers_inside(d, session, p->sid, &p->inner_sid, 1);
}

static void
read_numbers(struct dump *d, struct proc *p, const char *status)
{
	struct rec_numbers pid = numbers_of_status(status, "NSpid");
	struct rec_numbers group = numbers_of_status(status, "NSpgid");
	struct rec_numbers session = numbers_of_status(status, "NSsid");

	take_numbers(d, p, &pid, &group, &session);
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

/*
 * As cputime_adjust() of the kernel: what was measured in ticks, in proportion
 * to what was measured exactly; and neither is ever less than what was told last.
 */
static void
adjust_times(const struct rec_process *k, uint64_t *user, uint64_t *system, uint64_t exact)
{
	if (k->prev_utime + k->prev_stime >= exact) {
		*user = k->prev_utime;
		*system = k->prev_stime;
		return;
	}
	if (*user + *system > 0)
		*system = (uint64_t)((double)*system / (double)(*user + *system) * (double)exact);
	*system = *system > k->prev_stime ? *system : k->prev_stime;
	*user = exact > *system ? exact - *system : 0;
	if (*user < k->prev_utime) {
		*user = k->prev_utime;
		*system = exact - *user;
	}
}

/* Of its threads, those that are gone, and of children waited for. */
static void
take_times(const struct dump *d, struct proc *p, const struct rec_process *k)
{
	uint64_t user = k->utime, system = k->stime, exact = k->runtime, *times = p->state->times;

	for (size_t i = 0; i < p->tasks.n; i++) {
		const struct rec_thread *t = facts_thread(d, ((struct task *)p->tasks.v[i])->tid);

		if (t == NULL)
			continue;
		user += t->utime;
		system += t->stime;
		exact += t->runtime_used;
	}
	adjust_times(k, &user, &system, exact);
	times[0] = user / TICK_NS * TICK_NS;
	times[1] = system / TICK_NS * TICK_NS;
	times[2] = k->cutime / TICK_NS * TICK_NS;
	times[3] = k->cstime / TICK_NS * TICK_NS;
}

/* Dispositions as SigCgt and SigIgn of status tell them. */
static void
take_dispositions(struct proc_state *s, const struct rec_handlers *h)
{
	for (unsigned n = 0; n < 64; n++) {
		s->caught |= (uint64_t)(h->action[n].handler > 1) << n;
		s->ignored |= (uint64_t)(h->action[n].handler == 1) << n;
	}
}

/* What stat and status tell of any, dead ones included. */
static void
take_identity(struct dump *d, struct proc *p, const struct rec_process *k)
{
	const struct rec_thread *leader = facts_thread(d, p->pid);
	const struct rec_process *by_leader = facts_leader(d, p);
	struct proc_state *s = p->state;

	memcpy(s->comm, leader->comm, sizeof leader->comm);
	s->tty_nr = (int32_t)k->tty;
	s->tpgid = k->tty_group;
	take_times(d, p, k);
	s->start_ns = by_leader->start / TICK_NS * TICK_NS;
	s->child_exit_signal = (uint32_t)by_leader->exit_signal;
	take_numbers(d, p, &leader->numbers, &by_leader->group, &by_leader->session);
}

/* What stat, status and the small files tell. */
static void
take_facts(struct dump *d, struct proc *p, const struct rec_process *k)
{
	struct proc_state *s = p->state;

	take_identity(d, p, k);
	if (p->zombie) {
		s->exit_code = k->exit_status;
		return;
	}
	take_dispositions(s, facts_handlers(d, p));
	s->personality = k->personality;
	s->oom_adjust = k->oom_adjust;
	s->login_uid = k->login_uid;
	s->has_login_uid = s->login_uid != UINT32_MAX;
	s->umask = k->umask;
}

static int
read_facts(struct dump *d, struct proc *p)
{
	char *status, *leader_status = NULL, word[64], path[48];
	struct proc_state *s = p->state;
	struct proc_stat st, leader_st;
	int r;

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
	s->umask = (uint32_t)field_number(status, "Umask", 8);
	if (proc_read_small(p, "personality", word, sizeof word) > 0)
		s->personality = strtoull(word, NULL, 16);
	if (proc_read_small(p, "oom_score_adj", word, sizeof word) > 0)
		s->oom_adjust = (int32_t)strtol(word, NULL, 10);
	if (proc_read_small(p, "loginuid", word, sizeof word) > 0) {
		s->login_uid = (uint32_t)strtoul(word, NULL, 10);
		s->has_login_uid = s->login_uid != UINT32_MAX;
	}
	return 0;
}

/* Pending signals of the process; facts tell whether there are any. */
static int
pending(struct dump *d, struct proc *p)
{
	struct task *t = first_live(p);
	const struct rec_thread *k = facts_thread(d, t->tid);

	if (k != NULL && k->have & REC_HAVE_PENDING && k->shared_pending == 0)
		return 0;
	return queue_collect(d, t, true, &p->state->pending);
}

#define OF_ALL		(REC_HAVE_TIMES | REC_HAVE_TERMINAL)
#define OF_LIVE		(OF_ALL | REC_HAVE_LIMITS | REC_HAVE_NAMESPACES)
#define OF_ZOMBIE	(OF_ALL | REC_HAVE_EXIT)

/* The record of p, if it has all that is wanted. */
static const struct rec_process *
whole_record(const struct dump *d, const struct proc *p)
{
	const struct rec_process *k = facts_process(d, p);
	uint64_t wanted = p->zombie ? OF_ZOMBIE : OF_LIVE;

	return k != NULL && (k->have & wanted) == wanted ? k : NULL;
}

static bool
leader_is_told(const struct dump *d, const struct proc *p)
{
	const struct rec_process *k = facts_leader(d, p);

	return k != NULL && k->have & REC_HAVE_TIMES && facts_thread(d, p->pid) != NULL;
}

int
proc_collect(struct dump *d, struct proc *p)
{
	const struct rec_process *k = whole_record(d, p);
	bool no_timers = k != NULL && k->have & REC_HAVE_TIMERS && !(k->flags & REC_PROCESS_POSIX_TIMERS);
	int r = 0;

	if ((p->state = dump_alloc(d, sizeof *p->state)) == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
	if (k != NULL && leader_is_told(d, p))
		take_facts(d, p, k);
	else
		r = read_facts(d, p);
	if (r != 0 || p->zombie)
		return r;
	if ((r = pending(d, p)) != 0 ||
	    (r = k != NULL ? take_limits(d, p, k) : read_limits(d, p)) != 0 ||
	    (r = read_namespaces(d, p, k)) != 0 ||
	    (r = find_cgroups(d, p, k)) != 0 ||
	    (r = no_timers ? 0 : timers_collect(d, p)) != 0 ||
	    (r = read_fs(d, p, k)) != 0)
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
	return (r = host_collect(d)) != 0 ? r : namespaces_collect(d);
}
