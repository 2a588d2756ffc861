/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What of the snapshot does not fit this host, found without touching
 * anything.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libsnap/restore/linux/linux.h"

/* ---- the machine ---- */

static void
tell_missing(void *ctx, const struct snap_fit_finding *f)
{
	struct plan *p = ctx;

	/* check_abi() knows better what this build can make */
	if (f->missing && f->grade == SNAP_FIT_FATAL && strcmp(f->evidence, "abi") != 0)
		plan_problem(p, SNAP_FATAL, plan_find(p, f->pid), f->object, "cpu-feature",
		    "restore on a machine that has it", "%s is not here: %s", f->feature[0] != '\0' ? f->feature :
		    "what it needs", f->message);
}

/* Files are looked into only if this CPU lacks something that programs could have chosen. */
static int
check_cpu(struct plan *p, struct snap_error *err)
{
	struct snap_fit_options options = { .no_files = true };
	struct snap_fit_result found;
	int r = snap_fit(p->s, &options, NULL, NULL, &found, err);

	if (r != 0 || found.fatal + found.possible == 0)
		return r;
	options.no_files = false;
	if ((r = snap_fit(p->s, &options, tell_missing, p, &found, err)) != 0)
		return r;
	if (found.possible > 0)
		plan_problem(p, SNAP_WARNING, NULL, 0, "cpu-choice", "snapinspect fit tells which",
		    "%llu things that programs may have found when they started are missing on this CPU",
		    (unsigned long long)found.possible);
	return 0;
}

/* By our own code segment: uname(2) may be told to lie. */
bool
host_is_i386(void)
{
	unsigned cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return (cs & 0xffff) == 0x73;
}

/* What the kernel left in memory, signal frames, is only understood by one of its kind. */
static void
check_kernel_abi(struct plan *p)
{
	Psnap__Abi is = p->host->kernel_abi;

	if (is == PSNAP__ABI__ABI_I386 && !host_is_i386())
		plan_problem(p, SNAP_FATAL, NULL, 0, "kernel-abi", "convert it: snapconv -t psnap --abi amd64",
		    "it is for an i386 kernel, and this is an amd64 one");
	if (is == PSNAP__ABI__ABI_AMD64 && host_is_i386())
		plan_problem(p, SNAP_FATAL, NULL, 0, "kernel-abi", "convert it: snapconv -t psnap --abi i386",
		    "it is for an amd64 kernel, and this is an i386 one");
}

static void
check_abi(struct plan *p)
{
	bool wide = sizeof(void *) == 8;

	for (size_t i = 0; i < p->n; i++) {
		const struct target *t = &p->targets[i];

		if (!t->zombie && t->p->abi != PSNAP__ABI__ABI_I386 &&
		    (t->p->abi != PSNAP__ABI__ABI_AMD64 || !wide))
			plan_problem(p, SNAP_FATAL, t, t->id, "abi", wide ? "restore on a machine of its kind" :
			    "use the amd64 build of libsnap", "its programs are not of a kind that can be restored here");
	}
}

/* ---- numbers ---- */

#define REAP_WAIT_NS	(3 * NS)	/* for zombies to be waited for */
#define REAP_PAUSE_NS	10000000

/* A number is taken, too, as long as a group or a session is called by it. */
static bool
is_session(int32_t number)
{
	DIR *d = opendir("/proc");
	bool found = false;
	struct dirent *e;

	while (d != NULL && !found && (e = readdir(d)) != NULL)
		found = e->d_name[0] >= '1' && e->d_name[0] <= '9' && getsid(atoi(e->d_name)) == number;
	if (d != NULL)
		closedir(d);
	return found;
}

/* Whoever has the number, and its state; false if nobody does. */
static bool
is_taken(int32_t tid, char by[80], char *state)
{
	char path[32], text[512] = "", *name, *paren;
	int fd;

	if (kill(tid, 0) != 0 && errno == ESRCH) {
		*state = 'Z';	/* those in it may be waited for */
		snprintf(by, 80, "a group that lives on");
		return kill(-tid, 0) == 0 || errno != ESRCH;
	}
	*state = '?';
	snprintf(by, 80, "another process");
	snprintf(path, sizeof path, "/proc/%d/stat", (int)tid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
		return errno != ENOENT;
	if (read(fd, text, sizeof text - 1) < 0)
		text[0] = '\0';
	close(fd);
	if ((paren = strrchr(text, ')')) != NULL && (name = strchr(text, '(')) != NULL) {
		*paren = '\0';
		snprintf(by, 80, "another process: %s", name + 1);
		*state = paren[1] != '\0' ? paren[2] : '?';
	}
	return true;
}

/* The original may have been killed a moment ago: its parent is given time to wait for it. */
static bool
stays_taken(int32_t tid, char by[80], uint64_t *patience_ns)
{
	bool taken;
	char state;

	while ((taken = is_taken(tid, by, &state)) && (state == 'Z' || state == 'X') && *patience_ns > 0) {
		nanosleep(&(struct timespec){ .tv_nsec = REAP_PAUSE_NS }, NULL);
		*patience_ns -= REAP_PAUSE_NS;
	}
	return taken;
}

#define TAKEN_ADVICE	"end that process, or restore in a new pid namespace (--pidns)"

static void
check_pid(struct plan *p, const struct target *t, int32_t tid, uint64_t *patience_ns)
{
	char by[80];

	if (tid == 1 && p->o->first != 0)
		return;
	if (tid == 1)
		plan_problem(p, SNAP_FATAL, t, t->id, "pid-taken", "restore in a new pid namespace (--pidns)",
		    "it is the first process of its pid namespace");
	else if (stays_taken(tid, by, patience_ns))
		plan_problem(p, SNAP_FATAL, t, t->id, "pid-taken", TAKEN_ADVICE, "number %d belongs to %s",
		    (int)tid, by);
}

/* Without its helper a group gets another number, and the root's session is the caller's or one of its own. */
static void
check_helper(struct plan *p, struct target *t, uint64_t *patience_ns)
{
	bool session = plan_leads_session(p, t), fatal = session && t->parent != NULL;
	/* it may be the very one, alive outside the tree */
	bool leads = session ? getsid(t->p->pid) == t->p->pid : getpgid(t->p->pid) == t->p->pid;
	char by[80];

	if (!stays_taken(t->p->pid, by, patience_ns)) {
		if (!session || !is_session(t->p->pid))
			return;
		snprintf(by, sizeof by, "a session that lives on");
	}
	plan_problem(p, fatal ? SNAP_FATAL : SNAP_WARNING, NULL, t->id, "pid-taken", TAKEN_ADVICE,
	    "number %d, whose process led %s%s, belongs to %s%s", (int)t->p->pid,
	    session ? "a session" : "a group", leads ? "" : " and is dead", by, fatal ? "" :
	    !session ? "; the group gets another number" :
	    p->o->own_session ? "; the session gets another number" : "; the session will be the caller's");
	if (fatal)
		return;
	t->given_up = true;
	if (session)
		p->targets[0].maker = NULL;
}

static void
check_pids(struct plan *p)
{
	uint64_t patience = REAP_WAIT_NS;

	for (size_t i = 0; i < p->n; i++) {
		struct target *t = &p->targets[i];

		if (t->helper)
			check_helper(p, t, &patience);
		else if (t->zombie)
			check_pid(p, t, t->p->pid, &patience);
		for (size_t k = 0; k < t->ntasks; k++)
			check_pid(p, t, t->tasks[k].t->tid, &patience);
	}
}

/* ---- what cannot be made ---- */

static bool
is_own_again(const struct plan *p, Psnap__NamespaceKind kind)
{
	switch (kind) {
	case PSNAP__NAMESPACE_KIND__NAMESPACE_PID:
		return p->o->first != 0;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_IPC:
		return p->o->own_ipc;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_UTS:
		return p->o->own_uts;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_TIME:
		return p->o->own_time;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_NET:
		return p->o->own_net != NULL;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_MOUNT:
		return p->o->own_mounts != NULL;
	case PSNAP__NAMESPACE_KIND__NAMESPACE_USER:
		return p->users != NULL;
	default:
		return false;
	}
}

static const char *
option_of(Psnap__NamespaceKind kind)
{
	switch (kind) {
	case PSNAP__NAMESPACE_KIND__NAMESPACE_IPC:
		return "restore in a new one (--ipcns)";
	case PSNAP__NAMESPACE_KIND__NAMESPACE_UTS:
		return "restore in a new one (--utsns)";
	case PSNAP__NAMESPACE_KIND__NAMESPACE_TIME:
		return "restore in a new one (--timens)";
	case PSNAP__NAMESPACE_KIND__NAMESPACE_NET:
		return "dump and restore it with its network stack (--netns), or enter one first";
	case PSNAP__NAMESPACE_KIND__NAMESPACE_MOUNT:
		return "dump and restore it with what is mounted there (--mntns), or enter one first";
	case PSNAP__NAMESPACE_KIND__NAMESPACE_USER:
		return "dump and restore it as a whole (--instance)";
	default:
		return NULL;
	}
}

static void
check_objects(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_MEMORY_OBJECT, &n);

	for (size_t i = 0; i < n; i++)
		if (((const Psnap__MemoryObject *)(const void *)v[i]->message)->kind ==
		    PSNAP__MEMORY_OBJECT_KIND__MEMORY_OBJECT_SYSV && segment_find(p->s, v[i]->id) == NULL)
			plan_problem(p, SNAP_WARNING, NULL, v[i]->id, "sysv-memory", "do not rely on its id",
			    "System V shared memory comes back as shared memory without an id");
	v = snap_get_kind(p->s, PSNAP_KIND_NAMESPACE, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Namespace *ns = (const void *)v[i]->message;
		const char *option = option_of(ns->kind);
		bool users = ns->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_USER;

		if (ns->of_dumper || ns->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_CGROUP || is_own_again(p, ns->kind))
			continue;
		plan_problem(p, users && !p->o->allow_partial ? SNAP_FATAL : SNAP_WARNING, NULL, v[i]->id,
		    users ? "user-namespace" : "namespace",
		    option != NULL ? option : "enter such a namespace first, if it matters",
		    "it was in a namespace of its own (kind %d); it will be in the caller's%s", (int)ns->kind,
		    users ? ", with the capabilities it had in there" : "");
	}
	v = snap_get_kind(p->s, PSNAP_KIND_TERMINAL, &n);
	for (size_t i = 0; i < n; i++) {
		const Psnap__Terminal *t = (const void *)v[i]->message;

		if ((t->outside || t->kind != PSNAP__TERMINAL_KIND__TERMINAL_PTY) && !isatty(0) && !isatty(1) &&
		    !isatty(2))
			plan_problem(p, SNAP_FATAL, NULL, v[i]->id, "terminal", "restore it from a terminal",
			    "its terminal is not in the snapshot, and the caller has none");
	}
}

/* Somebody has to say where cgroups are to be: they are the host's. */
static void
check_cgroups(struct plan *p)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(p->s, PSNAP_KIND_INSTANCE, &n);

	if (p->o->cgroups == NULL && ((const Psnap__Instance *)(const void *)v[0]->message)->n_cgroup_ids > 0)
		plan_problem(p, SNAP_WARNING, NULL, v[0]->id, "cgroup", "name a cgroup for it (--cgroup PATH)",
		    "it was in cgroups of its own; it will be in the caller's, and their limits are not set");
}

/* Clocks that count from boot are this boot's now. */
static void
check_boot(struct plan *p)
{
	char id[64] = "";
	int fd = p->o->own_time ? -1 : open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (read(fd, id, sizeof id - 1) > 0)
		id[strcspn(id, "\n")] = '\0';
	close(fd);
	if (p->host->boot_id[0] != '\0' && id[0] != '\0' && strcmp(id, p->host->boot_id) != 0)
		plan_problem(p, SNAP_WARNING, NULL, 0, "clock", "restore in a new time namespace (--timens), if it keeps such times",
		    "the machine was booted since: times of CLOCK_MONOTONIC kept in memory mean others now");
}

static void
check_privilege(struct plan *p)
{
	if (geteuid() != 0)
		plan_problem(p, SNAP_WARNING, NULL, 0, "privilege", "restore as root",
		    "choosing process numbers takes CAP_CHECKPOINT_RESTORE");
}

int
host_preflight(struct plan *p, struct snap_error *err)
{
	int r;

	if (p->host->os != PSNAP__OS__OS_LINUX)
		plan_problem(p, SNAP_FATAL, NULL, 0, "os", "restore it where it came from", "it was not taken on Linux");
	if (p->page != PAGE_SIZE_LINUX)
		plan_problem(p, SNAP_FATAL, NULL, 0, "page-size", "restore on a machine of its kind",
		    "pages of %u bytes", p->page);
	check_privilege(p);
	credentials_preflight(p);
	check_kernel_abi(p);
	check_abi(p);
	if ((r = check_cpu(p, err)) != 0)
		return r;
	check_boot(p);
	check_pids(p);
	check_objects(p);
	check_cgroups(p);
	if ((r = host_check_ipc(p, err)) != 0)
		return r;
	host_check_net(p);
	tcp_preflight(p);
	return host_check_files(p, err);
}
