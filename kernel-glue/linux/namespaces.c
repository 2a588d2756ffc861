/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What namespaces other than the dumper's say themselves: a name of the host,
 * clocks, and who its users are (users.c).  Of the dumper's own that is in the Host record.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "kernel-glue/linux/cgroup.h"
#include "linux/time_offsets.h"

struct ns *
namespace_of(const struct proc *p, uint32_t kind)
{
	for (size_t i = 0; p->state != NULL && i < p->state->namespaces.n; i++) {
		struct ns *n = p->state->namespaces.v[i];

		if (n->kind == kind && !n->for_children)
			return n;
	}
	return NULL;
}

bool
namespace_is_own(const struct dump *d, uint32_t kind)
{
	const struct ns *n = namespace_of(d->procs.v[0], kind);

	return n != NULL && !n->of_dumper;
}

int
namespaces_cover_others(struct dump *d, const struct ns *only, const char *feature)
{
	int r = 0;

	for (size_t i = 0; i < d->procs.n && r == 0 && only != NULL; i++) {
		const struct proc *p = d->procs.v[i];
		const struct ns *n = namespace_of(p, only->kind);

		if (n != NULL && n != only)
			r = dump_cover(d, PSNAP_COVERAGE_BREAKS, p, 0, -1, 0, feature,
			    "it is in another one than pid %d", (int)((const struct proc *)d->procs.v[0])->pid);
	}
	return r;
}

/* ---- being in another ---- */

static int
enter(const struct proc *p, const char *path, int type)
{
	int fd = openat(p->proc_fd, path, O_RDONLY | O_CLOEXEC), e = 0;

	if (fd < 0 || setns(fd, type) != 0)
		e = errno;
	if (fd >= 0)
		close(fd);
	return e;
}

int
in_namespace(struct dump *d, struct proc *p, const char *name, int type, int *error,
    int (*fn)(struct dump *d, struct proc *p))
{
	char own_path[32], path[16];
	int own, r = 0;

	snprintf(own_path, sizeof own_path, "/proc/self/ns/%s", name);
	snprintf(path, sizeof path, "ns/%s", name);
	if ((own = open(own_path, O_RDONLY | O_CLOEXEC)) < 0) {
		*error = errno;
		return 0;
	}
	if ((*error = enter(p, path, type)) == 0) {
		r = fn(d, p);
		setns(own, type);	/* cannot be refused to whom the other was not */
	}
	close(own);
	return r;
}

/* ---- UTS ---- */

static int
read_names(struct dump *d, struct proc *p)
{
	struct ns *n = namespace_of(p, PSNAP_NAMESPACE_UTS);
	struct utsname u;

	uname(&u);
	n->hostname = dump_strdup(d, u.nodename);
	n->domainname = dump_strdup(d, u.domainname);
	return n->hostname != NULL && n->domainname != NULL ? 0 : dump_fail(d, GLUE_E_NOMEM, 0, p, "out of memory");
}

/* ---- time ---- */

static bool
has_another_for_children(const struct proc *p)
{
	for (size_t i = 0; i < p->state->namespaces.n; i++) {
		const struct ns *n = p->state->namespaces.v[i];

		if (n->kind == PSNAP_NAMESPACE_TIME && n->for_children)
			return true;
	}
	return false;
}

/* 0, or an errno why they are not known. */
static int
read_clocks(const struct dump *d, const struct proc *p, struct ns *n)
{
	struct time_offsets its, own;
	int e;

	if (has_another_for_children(p))
		return ENOTSUP;		/* the offsets told are that one's */
	if ((e = time_offsets_read(p->proc_fd, "timens_offsets", &its)) != 0 ||
	    (e = time_offsets_read(AT_FDCWD, TIME_OFFSETS_OWN, &own)) != 0)
		return e;
	host_clocks(d, &n->monotonic, &n->boottime);
	n->monotonic += (uint64_t)its.monotonic_ns - (uint64_t)own.monotonic_ns;
	n->boottime += (uint64_t)its.boottime_ns - (uint64_t)own.boottime_ns;
	return 0;
}

/* ---- all ---- */

static int
ask(struct dump *d, struct proc *p, struct ns *n)
{
	int error = 0, r = 0;

	const char *name = "time";

	if (n->kind == PSNAP_NAMESPACE_UTS) {
		name = "UTS";
		r = in_namespace(d, p, "uts", CLONE_NEWUTS, &error, read_names);
	} else if (n->kind == PSNAP_NAMESPACE_USER) {
		name = "user";
		error = users_read(d, p, n);
	} else {
		error = read_clocks(d, p, n);
	}
	if (r == 0 && error != 0)
		r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, p, 0, -1, 0, "namespace",
		    "what its %s namespace has of its own is not known: %s", name, strerror(error));
	return r;
}

/* Of a namespace: the first process in it is asked. */
static int
ask_of(struct dump *d, uint32_t kind)
{
	int r;

	for (size_t i = 0; i < d->procs.n; i++) {
		struct proc *p = d->procs.v[i];
		struct ns *n = namespace_of(p, kind);

		if (n == NULL || n->of_dumper || n->asked)
			continue;
		n->asked = true;
		if ((r = ask(d, p, n)) != 0)
			return r;
	}
	return 0;
}

/* Of an instance nothing is left out: what a restore cannot make as one is refused. */
static int
check_instance(struct dump *d)
{
	static const struct { uint32_t kind; const char *feature; } kinds[] = {
		{ PSNAP_NAMESPACE_UTS, "uts-namespace" }, { PSNAP_NAMESPACE_PID, "pid-namespace" },
		{ PSNAP_NAMESPACE_TIME, "time-namespace" }, { PSNAP_NAMESPACE_USER, "user-namespace" },
	};
	struct proc *root = d->procs.v[0];
	int r = 0;

	if (!namespace_is_own(d, PSNAP_NAMESPACE_PID) || root->inner_pid != 1)
		return dump_fail(d, GLUE_E_PARTIAL, 0, root,
		    "it is not the first process of a pid namespace other than ours (--instance)");
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0] && r == 0; i++)
		r = namespaces_cover_others(d, namespace_of(root, kinds[i].kind), kinds[i].feature);
	if (r == 0 && namespace_is_own(d, PSNAP_NAMESPACE_USER))
		r = users_check_instance(d, root);
	return r == 0 ? cgroups_collect(d) : r;
}

int
namespaces_collect(struct dump *d)
{
	int r;

	if ((d->options->instance && (r = check_instance(d)) != 0) ||
	    (r = ask_of(d, PSNAP_NAMESPACE_UTS)) != 0 || (r = ask_of(d, PSNAP_NAMESPACE_USER)) != 0)
		return r;
	return ask_of(d, PSNAP_NAMESPACE_TIME);
}

bool
namespaces_are_told(const struct dump *d)
{
	for (size_t i = 0; i < d->namespaces.n; i++) {
		const struct ns *n = d->namespaces.v[i];

		if (n->hostname != NULL || n->monotonic != 0 || n->uids.n > 0 || n->gids.n > 0 ||
		    n->setgroups_denied || n->owner != 0)
			return true;
	}
	return false;
}
