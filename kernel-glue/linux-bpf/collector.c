/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "kernel-glue/linux-bpf/collector.h"
#include "kernel-glue/linux-bpf/names.h"
#include "kernel-glue/records/identity.h"
/* made by the build; it wants the types of what is set in the programs */
#include "kernel-glue/linux-bpf/collect.skel.h"

#define READ_SIZE	((size_t)1 << 20)

struct bpf_collector {
	struct collect_bpf *programs;
};

/* libbpf prints; what it says is only a reason among others here. */
static int
silent(enum libbpf_print_level level, const char *format, va_list ap)
{
	(void)level, (void)format, (void)ap;
	return 0;
}

static const char *
reason(int error)
{
	switch (error) {
	case EPERM:
	case EACCES:
		return "the kernel does not let us load BPF programs (CAP_BPF and CAP_PERFMON, or root)";
	case ESRCH:
	case ENOENT:
		return "the kernel has no BTF, or not what the BPF programs look for in it";
	case ENOSYS:
		return "the kernel has no BPF";
	default:
		return strerror(error);
	}
}

/* The programs see these as constants. */
static void
set_up(struct collect_bpf__rodata *constants, const uint32_t secret[4])
{
	struct socket_bits inet = { 0 }, netlink = { 0 };
	struct rec_key key;

	rec_key_make(&key, secret);
	bpf_names_find(&inet, &netlink);
	memcpy((void *)&constants->key, &key, sizeof key);
	memcpy((void *)&constants->inet_bits, &inet, sizeof inet);
	memcpy((void *)&constants->netlink_bits, &netlink, sizeof netlink);
}

struct bpf_collector *
bpf_collector_load(char *why, size_t size)
{
	struct bpf_collector *c = calloc(1, sizeof *c);
	uint32_t secret[4];
	int error;

	libbpf_set_print(silent);
	if (c == NULL) {
		error = ENOMEM;
	} else if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret ||
	    (c->programs = collect_bpf__open()) == NULL) {
		error = errno;
	} else {
		set_up(c->programs->rodata, secret);
		error = -collect_bpf__load(c->programs);
	}
	if (error == 0)
		return c;
	snprintf(why, size, "%s", reason(error));
	bpf_collector_free(c);
	return NULL;
}

static int
drain(int fd, struct rec_table *t)
{
	for (;;) {
		void *room = rec_table_room(t, READ_SIZE);
		ssize_t n;

		if (room == NULL)
			return -ENOMEM;
		n = read(fd, room, READ_SIZE);
		if (n == 0)
			return 0;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0)
			rec_table_added(t, (size_t)n);
	}
}

static int
run(struct bpf_program *program, struct rec_table *t)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, r;

	if (link == NULL)
		return -errno;
	if ((fd = bpf_iter_create(bpf_link__fd(link))) < 0) {
		r = -errno;
	} else {
		r = drain(fd, t);
		close(fd);
	}
	bpf_link__destroy(link);
	return r;
}

int
bpf_collector_run(struct bpf_collector *c, bool mappings, struct rec_table *t)
{
	int r;

	if ((r = run(c->programs->progs.collect_task, t)) != 0 ||
	    (mappings && (r = run(c->programs->progs.collect_vma, t)) != 0))
		return r;
	return run(c->programs->progs.collect_file, t);
}

void
bpf_collector_free(struct bpf_collector *c)
{
	if (c == NULL)
		return;
	if (c->programs != NULL)
		collect_bpf__destroy(c->programs);
	free(c);
}
