/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New namespaces for what is restored, with what the snapshot's had of their
 * own.  Ours from here on: whoever is made by us is in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <time.h>
#include <unistd.h>

#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "linux/time_offsets.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

bool
is_instance(const struct snap *s)
{
	const Psnap__Instance *in = instance_of(s);

	return in != NULL && in->n_namespace_ids > 0;
}

bool
instance_has(const struct snap *s, int kind)
{
	const Psnap__Instance *in = instance_of(s);

	for (size_t i = 0; in != NULL && i < in->n_namespace_ids; i++) {
		const Psnap__Namespace *ns = snap_get_message(s, in->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (ns != NULL && (int)ns->kind == kind)
			return true;
	}
	return false;
}

const Psnap__Namespace *
namespace_of_root(const struct snap *s, int kind)
{
	const Psnap__Process *root = root_of(s);

	for (size_t i = 0; root != NULL && i < root->n_namespace_ids; i++) {
		const Psnap__Namespace *ns = snap_get_message(s, root->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (ns != NULL && (int)ns->kind == kind && !ns->for_children && !ns->of_dumper)
			return ns;
	}
	return NULL;
}

static const Psnap__Host *
host_of(const struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_HOST, &n);

	return n > 0 ? (const void *)v[0]->message : NULL;
}

/* 0, or an errno */
static int
enter_uts(const struct snap *s, const Psnap__Host *h)
{
	const Psnap__Namespace *ns = namespace_of_root(s, PSNAP__NAMESPACE_KIND__NAMESPACE_UTS);
	const char *hostname = ns != NULL ? ns->hostname : h->hostname;
	const char *domainname = ns != NULL ? ns->domainname : h->domainname;

	if (unshare(CLONE_NEWUTS) != 0 || sethostname(hostname, strlen(hostname)) != 0 ||
	    setdomainname(domainname, strlen(domainname)) != 0)
		return errno;
	return 0;
}

/*
 * What makes `clock`, at `offset` to that of the first namespace here, be at
 * `wanted` in another; what is too far stays so.
 */
static int64_t
offset_to(uint64_t wanted, clockid_t clock, int64_t offset)
{
	struct timespec now;

	if (wanted > TIME_OFFSET_MAX)
		return INT64_MAX;
	clock_gettime(clock, &now);
	return (int64_t)wanted - ((int64_t)now.tv_sec * 1000000000 + now.tv_nsec) + offset;
}

/* Ourselves, too: a process cannot make threads while its children are to be in another. */
static int
go_to_that_of_children(void)
{
	int fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC), e = 0;

	if (fd < 0 || setns(fd, CLONE_NEWTIME) != 0)
		e = errno;
	if (fd >= 0)
		close(fd);
	return e;
}

static int
enter_time(const struct snap *s, const Psnap__Host *h)
{
	const Psnap__Namespace *ns = namespace_of_root(s, PSNAP__NAMESPACE_KIND__NAMESPACE_TIME);
	bool has_clocks = ns != NULL && ns->monotonic_ns != 0;
	struct time_offsets o;
	int e;

	if ((e = time_offsets_read(AT_FDCWD, TIME_OFFSETS_OWN, &o)) != 0)
		return e;
	o.monotonic_ns = offset_to(has_clocks ? ns->monotonic_ns : h->monotonic_ns, CLOCK_MONOTONIC, o.monotonic_ns);
	o.boottime_ns = offset_to(has_clocks ? ns->boottime_ns : h->boottime_ns, CLOCK_BOOTTIME, o.boottime_ns);
	if (unshare(CLONE_NEWTIME) != 0)
		return errno;
	return (e = time_offsets_write(&o)) != 0 ? e : go_to_that_of_children();
}

/* If it had one: its mounts of cgroup file systems show them. */
bool
has_own_cgroups(const struct snap *s, const struct snap_restore_options *o)
{
	return o->own_mounts != NULL && namespace_of_root(s, PSNAP__NAMESPACE_KIND__NAMESPACE_CGROUP) != NULL;
}

/* Of those made for it. */
static bool
enter_cgroups(const char *input, const struct snap_restore_options *o)
{
	struct snap_error err;

	return o->cgroups == NULL || snap_cgroups_enter(o->cgroups, &err) == 0 || report_error(input, NULL, &err) == EXIT_DONE;
}

bool
make_namespaces(const struct snap *s, const char *input, const struct snap_restore_options *o)
{
	const Psnap__Host *h = host_of(s);
	const char *what = NULL;
	int e = 0;

	if (h == NULL && (o->own_uts || o->own_time)) {
		report("%s: GRA-4: it has no Host record", input);
		return false;
	}
	if (o->own_ipc && unshare(CLONE_NEWIPC) != 0)
		what = "an IPC", e = errno;
	else if (o->own_net != NULL && unshare(CLONE_NEWNET) != 0)
		what = "a network", e = errno;
	else if (o->own_uts && (e = enter_uts(s, h)) != 0)
		what = "a UTS";
	else if (o->own_time && (e = enter_time(s, h)) != 0)
		what = "a time";
	else if (has_own_cgroups(s, o) && unshare(CLONE_NEWCGROUP) != 0)
		what = "a cgroup", e = errno;
	if (e != 0)
		report("%s namespace for it: %s", what, strerror(e));
	return e == 0 && enter_cgroups(input, o);
}

bool
enter_namespaces(const struct snap *s, const char *input, const struct snap_restore_options *o)
{
	if (o->own_users)
		return true;
	if (!make_namespaces(s, input, o))
		return false;
	if (o->own_mounts == NULL || (unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0))
		return true;
	report("a mount namespace for it: %s", strerror(errno));
	return false;
}
