/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where and by whom: the records Provenance, Host and Instance.
 */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux/cgroup.h"
#include "kernel-glue/linux/coverage.h"
#include "kernel-glue/linux/facts.h"
#include "kernel-glue/linux/task.h"

struct host {
	uint64_t	provenance_id, id, instance_id;
	struct utsname	uts;
	char		vendor[64], model[96], boot_id[48];
	struct list	features;	/* char *, sorted */
	uint64_t	components[16];
	size_t		ncomponents;
	int64_t		realtime;
	uint64_t	monotonic, boottime;
	struct dump	*d;
};

static uint64_t
read_clock(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int
compare_strings(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void
copy_value(char *out, size_t cap, const char *line)
{
	const char *value = strchr(line, ':');

	if (value != NULL)
		snprintf(out, cap, "%.*s", (int)strcspn(value + 2, "\n"), value + 2);
}

static int
read_cpu(struct dump *d, struct host *h)
{
	static char line[16384];
	FILE *f = fopen("/proc/cpuinfo", "re");
	bool flags = false;

	while (f != NULL && !flags && fgets(line, sizeof line, f) != NULL) {
		if (strncmp(line, "vendor_id", 9) == 0)
			copy_value(h->vendor, sizeof h->vendor, line);
		else if (strncmp(line, "model name", 10) == 0)
			copy_value(h->model, sizeof h->model, line);
		else if (strncmp(line, "flags", 5) == 0 && strchr(line, ':') != NULL) {
			flags = true;
			for (char *w = strtok(strchr(line, ':') + 1, " \n"); w != NULL; w = strtok(NULL, " \n")) {
				char *copy = dump_strdup(d, w);

				if (copy == NULL || list_add(d, &h->features, copy) != 0) {
					fclose(f);
					return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
				}
			}
		}
	}
	if (f != NULL)
		fclose(f);
	if (h->features.n > 1)
		qsort(h->features.v, h->features.n, sizeof *h->features.v, compare_strings);
	return 0;
}

/* XCR0, as CPUID leaf 0xd tells which bits of it the kernel may set; xgetbv tells which it did. */
static void
read_components(struct host *h)
{
	static const struct { unsigned bit; uint32_t kind; } bits[] = {
		{ 0, PSNAP_FPU_X87 }, { 1, PSNAP_FPU_SSE }, { 2, PSNAP_FPU_AVX },
		{ 5, PSNAP_FPU_OPMASK }, { 6, PSNAP_FPU_ZMM_HIGH }, { 7, PSNAP_FPU_ZMM_UPPER },
		{ 9, PSNAP_FPU_PKRU }, { 17, PSNAP_FPU_AMX_CONFIG }, { 18, PSNAP_FPU_AMX_DATA },
	};
	uint32_t a, b, c, x, lo = 3, hi = 0;

	if (__get_cpuid(1, &a, &b, &c, &x) && c & bit_OSXSAVE)
		__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	(void)hi;
	for (size_t i = 0; i < sizeof bits / sizeof bits[0]; i++)
		if (lo >> bits[i].bit & 1)
			h->components[h->ncomponents++] = bits[i].kind;
}

int
host_collect(struct dump *d)
{
	struct host *h = dump_alloc(d, sizeof *h);
	FILE *f;

	if (h == NULL)
		return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	d->host = h;
	h->d = d;
	h->provenance_id = dump_new_id(d);
	h->id = dump_new_id(d);
	h->instance_id = dump_new_id(d);
	h->realtime = (int64_t)read_clock(CLOCK_REALTIME);
	h->monotonic = read_clock(CLOCK_MONOTONIC);
	h->boottime = read_clock(CLOCK_BOOTTIME);
	uname(&h->uts);
	if ((f = fopen("/proc/sys/kernel/random/boot_id", "re")) != NULL) {
		if (fgets(h->boot_id, sizeof h->boot_id, f) != NULL)
			h->boot_id[strcspn(h->boot_id, "\n")] = '\0';
		fclose(f);
	}
	read_components(h);
	return read_cpu(d, h);
}

void
host_clocks(const struct dump *d, uint64_t *monotonic, uint64_t *boottime)
{
	*monotonic = d->host->monotonic;
	*boottime = d->host->boottime;
}

static void
provenance_fields(struct glue_emit *e, const void *object)
{
	const struct host *h = object;

	glue_emit_string(e, PSNAP_F_PROVENANCE_PROGRAM, h->d->options->program);
	glue_emit_string(e, PSNAP_F_PROVENANCE_VERSION, h->d->options->version);
	glue_emit_string(e, PSNAP_F_PROVENANCE_COLLECTOR, facts_collector(h->d));
	for (size_t i = 0; i < h->d->notes.n; i++)
		glue_emit_element(e, PSNAP_F_PROVENANCE_NOTES, h->d->notes.v[i], strlen(h->d->notes.v[i]));
}

/* By our own code segment: a personality may have uname(2) tell another machine. */
static bool
kernel_is_i386(void)
{
	unsigned cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return (cs & 0xffff) == CS_NATIVE32;
}

static void
host_fields(struct glue_emit *e, const void *object)
{
	const struct host *h = object;

	glue_emit_uint(e, PSNAP_F_HOST_OS, PSNAP_OS_LINUX);
	glue_emit_string(e, PSNAP_F_HOST_KERNEL_RELEASE, h->uts.release);
	glue_emit_string(e, PSNAP_F_HOST_KERNEL_VERSION, h->uts.version);
	glue_emit_uint(e, PSNAP_F_HOST_KERNEL_ABI, kernel_is_i386() ? PSNAP_ABI_I386 : PSNAP_ABI_AMD64);
	glue_emit_string(e, PSNAP_F_HOST_HOSTNAME, h->uts.nodename);
	if (strcmp(h->uts.domainname, "(none)") != 0)
		glue_emit_string(e, PSNAP_F_HOST_DOMAINNAME, h->uts.domainname);
	glue_emit_uint(e, PSNAP_F_HOST_PAGE_SIZE, DUMP_PAGE);
	glue_emit_uint(e, PSNAP_F_HOST_TICKS_PER_SECOND, (uint64_t)sysconf(_SC_CLK_TCK));
	glue_emit_string(e, PSNAP_F_HOST_CPU_VENDOR, h->vendor);
	glue_emit_string(e, PSNAP_F_HOST_CPU_MODEL, h->model);
	for (size_t i = 0; i < h->features.n; i++)
		glue_emit_element(e, PSNAP_F_HOST_CPU_FEATURES, h->features.v[i],
		    strlen(h->features.v[i]));
	glue_emit_packed64(e, PSNAP_F_HOST_FPU_COMPONENTS, h->components, h->ncomponents);
	glue_emit_string(e, PSNAP_F_HOST_BOOT_ID, h->boot_id);
	glue_emit_int(e, PSNAP_F_HOST_REALTIME_NS, h->realtime);
	glue_emit_uint(e, PSNAP_F_HOST_MONOTONIC_NS, h->monotonic);
	glue_emit_uint(e, PSNAP_F_HOST_BOOTTIME_NS, h->boottime);
}

static const char *
instance_name(const struct dump *d)
{
	const struct proc *root = d->procs.v[0];
	const struct ns *uts = namespace_of(root, PSNAP_NAMESPACE_UTS);

	if (d->options->instance_name != NULL)
		return d->options->instance_name;
	return d->options->instance && uts != NULL && uts->hostname != NULL && uts->hostname[0] != '\0' ?
	    uts->hostname : root->state->comm;
}

/* Ascending by kind, as they were read. */
static void
own_namespaces_emit(struct glue_emit *e, const struct proc *root)
{
	uint64_t ids[PSNAP_NAMESPACE_TIME + 1];
	size_t n = 0;

	for (size_t i = 0; i < root->state->namespaces.n; i++) {
		const struct ns *x = root->state->namespaces.v[i];

		if (!x->of_dumper && !x->for_children && n < sizeof ids / sizeof ids[0])
			ids[n++] = x->id;
	}
	glue_emit_packed64(e, PSNAP_F_INSTANCE_NAMESPACE_IDS, ids, n);
}

static void
own_cgroups_emit(struct glue_emit *e, const struct dump *d)
{
	uint64_t ids[OWN_CGROUPS_MAX];

	for (size_t i = 0; i < d->own_cgroups.n; i++)
		ids[i] = ((const struct cgroup *)d->own_cgroups.v[i])->id;
	glue_emit_packed64(e, PSNAP_F_INSTANCE_CGROUP_IDS, ids, d->own_cgroups.n);
}

static void
instance_fields(struct glue_emit *e, const void *object)
{
	const struct host *h = object;
	const struct dump *d = h->d;
	const struct proc *root = d->procs.v[0];
	uint64_t *ids = dump_alloc(h->d, d->procs.n * sizeof *ids);

	for (size_t i = 0; ids != NULL && i < d->procs.n; i++)
		ids[i] = ((struct proc *)d->procs.v[i])->id;
	glue_emit_string(e, PSNAP_F_INSTANCE_NAME, instance_name(d));
	glue_emit_uint(e, PSNAP_F_INSTANCE_ROOT_PROCESS_ID, root->id);
	glue_emit_packed64(e, PSNAP_F_INSTANCE_PROCESS_IDS, ids, ids != NULL ? d->procs.n : 0);
	glue_emit_uint(e, PSNAP_F_INSTANCE_PARTIAL, coverage_partial(d));
	if (d->options->instance)
		own_namespaces_emit(e, root);
	own_cgroups_emit(e, d);
}

int
host_emit(struct dump *d)
{
	const struct host *h = d->host;
	int r;

	if ((r = dump_record(d, PSNAP_KIND_PROVENANCE, h->provenance_id, provenance_fields, h)) != 0 ||
	    (r = dump_record(d, PSNAP_KIND_HOST, h->id, host_fields, h)) != 0)
		return r;
	return dump_record(d, PSNAP_KIND_INSTANCE, h->instance_id, instance_fields, h);
}
