/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * New namespaces for what is restored, with what the snapshot's had of their
 * own.  Ours from here on: whoever is made by us is in them.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

/* What the root's had of its own; NULL: it was the dumper's. */
static const Psnap__Namespace *
namespace_of_root(const struct snap *s, Psnap__NamespaceKind kind)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_INSTANCE, &n);
	const Psnap__Instance *in = n > 0 ? (const void *)v[0]->message : NULL;
	const Psnap__Process *root = in != NULL ?
	    snap_get_message(s, in->root_process_id, PSNAP_KIND_PROCESS) : NULL;

	for (size_t i = 0; root != NULL && i < root->n_namespace_ids; i++) {
		const Psnap__Namespace *ns = snap_get_message(s, root->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (ns != NULL && ns->kind == kind && !ns->for_children && !ns->of_dumper)
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
enter_uts(const struct snap *s)
{
	const Psnap__Namespace *ns = namespace_of_root(s, PSNAP__NAMESPACE_KIND__NAMESPACE_UTS);
	const Psnap__Host *h = host_of(s);
	const char *hostname = ns != NULL ? ns->hostname : h->hostname;
	const char *domainname = ns != NULL ? ns->domainname : h->domainname;

	if (unshare(CLONE_NEWUTS) != 0 || sethostname(hostname, strlen(hostname)) != 0 ||
	    setdomainname(domainname, strlen(domainname)) != 0)
		return errno;
	return 0;
}

#define SECOND	INT64_C(1000000000)
#define OFFSETS	"/proc/self/timens_offsets"	/* time_namespaces(7): "clock seconds nanoseconds" a line */

/* Of our own namespace to the first one; 0 if that is not told. */
static int64_t
own_offset(const char *clock)
{
	FILE *f = fopen(OFFSETS, "re");
	int64_t seconds, ns, offset = 0;
	char name[16];

	while (f != NULL && fscanf(f, "%15s %" SCNd64 " %" SCNd64, name, &seconds, &ns) == 3)
		if (strcmp(name, clock) == 0)
			offset = seconds * SECOND + ns;
	if (f != NULL)
		fclose(f);
	return offset;
}

/* The line that makes a clock of a new namespace be at ns. */
static void
offset_line(char *line, size_t size, const char *name, clockid_t clock, uint64_t ns)
{
	struct timespec now;
	int64_t offset, rest;

	clock_gettime(clock, &now);
	offset = (int64_t)ns - ((int64_t)now.tv_sec * SECOND + now.tv_nsec) + own_offset(name);
	rest = (offset % SECOND + SECOND) % SECOND;
	snprintf(line, size, "%s %" PRId64 " %" PRId64 "\n", name, (offset - rest) / SECOND, rest);
}

static int
write_offsets(const char *monotonic, const char *boottime)
{
	int fd = open(OFFSETS, O_WRONLY | O_CLOEXEC), e = 0;

	if (fd < 0 || write(fd, monotonic, strlen(monotonic)) < 0 || write(fd, boottime, strlen(boottime)) < 0)
		e = errno;
	if (fd >= 0)
		close(fd);
	return e;
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
enter_time(const struct snap *s)
{
	const Psnap__Namespace *ns = namespace_of_root(s, PSNAP__NAMESPACE_KIND__NAMESPACE_TIME);
	const Psnap__Host *h = host_of(s);
	bool own = ns != NULL && ns->monotonic_ns != 0;
	char monotonic[64], boottime[64];
	int e;

	offset_line(monotonic, sizeof monotonic, "monotonic", CLOCK_MONOTONIC,
	    own ? ns->monotonic_ns : h->monotonic_ns);
	offset_line(boottime, sizeof boottime, "boottime", CLOCK_BOOTTIME, own ? ns->boottime_ns : h->boottime_ns);
	if (unshare(CLONE_NEWTIME) != 0)
		return errno;
	return (e = write_offsets(monotonic, boottime)) != 0 ? e : go_to_that_of_children();
}

bool
enter_namespaces(const struct snap *s, const struct snap_restore_options *o)
{
	const char *what = NULL;
	int e = 0;

	if (o->own_ipc && unshare(CLONE_NEWIPC) != 0)
		what = "an IPC", e = errno;
	else if (o->own_net != NULL && unshare(CLONE_NEWNET) != 0)
		what = "a network", e = errno;
	else if (o->own_uts && (e = enter_uts(s)) != 0)
		what = "a UTS";
	else if (o->own_time && (e = enter_time(s)) != 0)
		what = "a time";
	if (e != 0)
		report("%s namespace for it: %s", what, strerror(e));
	return e == 0;
}
