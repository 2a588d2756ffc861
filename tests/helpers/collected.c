/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * collected PID...
 *
 * Has the kernel module collect these processes, which stand still, and
 * compares every record with what /proc and kcmp(2) tell of them.  Prints a
 * line for each difference, then the number of records and the time; the status
 * tells if there was any difference.
 */
#define _FILE_OFFSET_BITS 64
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include "kernel-glue/linux-module/client.h"

enum { KCMP_FILE, KCMP_VM, KCMP_FILES, KCMP_FS, KCMP_SIGHAND };

#define TEXT	(1 << 16)

static struct rec_table table;
static const struct rec_header *now;	/* what is being compared */
static int different;

static void __attribute__((format(printf, 1, 2)))
differ(const char *fmt, ...)
{
	va_list ap;

	printf("task %d of %d, record of kind %d: ", now->tid, now->tgid, now->kind);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
	different = 1;
}

static void
equal(const char *what, uint64_t record, uint64_t proc)
{
	if (record != proc)
		differ("%s is %" PRIx64 ", in /proc %" PRIx64, what, record, proc);
}

/* A file of the task's folder in /proc, as a string; its length, -1 if there is none. */
static ssize_t
slurp(const char *name, char text[TEXT])
{
	char path[96];
	ssize_t n, len = 0;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/task/%d/%s", now->tgid, now->tid, name);
	if ((fd = open(path, O_RDONLY)) < 0)
		return -1;
	while ((n = read(fd, text + len, TEXT - 1 - (size_t)len)) > 0)
		len += n;
	close(fd);
	text[len] = '\0';
	return len;
}

/* What follows "NAME:" at the beginning of a line. */
static const char *
line_of(const char *text, const char *name)
{
	size_t n = strlen(name);

	for (; text != NULL; text = (text = strchr(text, '\n')) != NULL ? text + 1 : NULL)
		if (strncmp(text, name, n) == 0 && text[n] == ':')
			return text + n + 1;
	differ("/proc has no %s", name);
	return "";
}

static void
numbers_equal(const char *name, const char *text, int base, const uint64_t *v, size_t n)
{
	const char *at = line_of(text, name);
	char *end;

	for (size_t i = 0; i < n; i++, at = end)
		equal(name, v[i], strtoull(at, &end, base));
}

static void
number_equal(const char *name, const char *text, int base, uint64_t v)
{
	numbers_equal(name, text, base, &v, 1);
}

static void
namespace_numbers_equal(const char *name, const char *text, const struct rec_numbers *r)
{
	const char *at = line_of(text, name);
	uint32_t n = 0;
	char *end;

	for (; *at == '\t'; at = end, n++)
		equal(name, n < r->count ? (uint64_t)r->number[n] : 0, strtoull(at, &end, 10));
	equal(name, r->count, n);
}

/* Field of stat by its number in proc(5), from 3. */
static uint64_t
stat_field(const char *stat, int field)
{
	const char *at = strrchr(stat, ')') + 2;

	for (; field > 3; field--)
		at = strchr(at, ' ') + 1;
	return strtoull(at, NULL, 10);	/* a negative one as its bits */
}

static void
same_object(int type, const char *what, uint64_t mine, const struct rec_header *other, uint64_t its,
    int fd, int its_fd)
{
	long r = syscall(SYS_kcmp, now->tid, other->tid, type, fd, its_fd);

	if (r < 0)
		differ("kcmp of %s: %s", what, strerror(errno));
	else if ((mine == its) != (r == 0))
		differ("%s of %d (descriptors %d, %d): kcmp says %ld", what, other->tid, fd, its_fd, r);
}

/* ---- threads ---- */

static void
credentials(const struct rec_thread *t, const char *status)
{
	uint64_t uid[4], gid[4], group[REC_GROUPS] = { 0 };

	for (int i = 0; i < 4; i++) {
		uid[i] = t->uid[i];
		gid[i] = t->gid[i];
	}
	for (size_t i = 0; i < REC_GROUPS && i < t->ngroups; i++)
		group[i] = t->group[i];
	numbers_equal("Uid", status, 10, uid, 4);
	numbers_equal("Gid", status, 10, gid, 4);
	numbers_equal("Groups", status, 10, group, t->ngroups < REC_GROUPS ? t->ngroups : REC_GROUPS);
	number_equal("CapInh", status, 16, t->cap[0]);
	number_equal("CapPrm", status, 16, t->cap[1]);
	number_equal("CapEff", status, 16, t->cap[2]);
	number_equal("CapBnd", status, 16, t->cap[3]);
	number_equal("CapAmb", status, 16, t->cap[4]);
}

static void
thread_equal(const struct rec_header *h)
{
	const struct rec_thread *t = (const void *)h;
	char status[TEXT], stat[TEXT], slack[TEXT];

	if (slurp("status", status) < 0 || slurp("stat", stat) < 0) {
		differ("/proc does not know it");
		return;
	}
	credentials(t, status);
	number_equal("SigBlk", status, 16, t->mask);
	number_equal("SigPnd", status, 16, t->pending);
	number_equal("ShdPnd", status, 16, t->shared_pending);
	number_equal("NoNewPrivs", status, 10, (t->flags & REC_THREAD_NO_NEW_PRIVS) != 0);
	number_equal("Seccomp", status, 10, t->seccomp_mode);
	number_equal("Seccomp_filters", status, 10, t->seccomp_filters);
	namespace_numbers_equal("NSpid", status, &t->numbers);
	if (strncmp(line_of(status, "Name") + 1, t->comm, strlen(t->comm)) != 0)
		differ("its name is %s", t->comm);
	equal("nice", (uint64_t)(int64_t)t->nice, stat_field(stat, 19));
	equal("priority", t->priority, stat_field(stat, 40));
	equal("policy", t->policy, stat_field(stat, 41));
	if (slurp("../../timerslack_ns", slack) > 0 && now->tid == now->tgid)
		equal("timer slack", t->timer_slack, strtoull(slack, NULL, 10));
}

/* Every thread there is, and no other. */
static void
threads_complete(int32_t pid)
{
	char path[32];
	struct dirent *e;
	DIR *tasks;
	size_t n = 0, have = 0;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	if ((tasks = opendir(path)) == NULL)
		return;
	while ((e = readdir(tasks)) != NULL)
		n += e->d_name[0] != '.';
	closedir(tasks);
	for (size_t i = 0; i < table.of[REC_THREAD].n; i++)
		have += table.of[REC_THREAD].v[i]->tgid == pid;
	equal("number of threads", have, n);
}

/* ---- processes ---- */

static void
limits_equal(const struct rec_process *p)
{
	for (int i = 0; i < RLIM_NLIMITS; i++) {
		struct rlimit64 l;

		if (prlimit64(p->h.tgid, i, NULL, &l) != 0)
			continue;
		equal("soft limit", p->limit[i][0], l.rlim_cur);
		equal("hard limit", p->limit[i][1], l.rlim_max);
	}
}

static void
namespaces_equal(const struct rec_process *p)
{
	static const char *const names[REC_NS_COUNT] = { "mnt", "uts", "ipc", "pid", "pid_for_children", "net",
	    "user", "cgroup", "time", "time_for_children" };
	char path[64];
	struct stat st;

	for (int i = 0; i < REC_NS_COUNT; i++) {
		snprintf(path, sizeof path, "/proc/%d/ns/%s", now->tgid, names[i]);
		if (stat(path, &st) == 0)
			equal(names[i], p->ns[i], st.st_ino);
	}
}

static void
address_space_equal(const struct rec_process *p, const char *stat)
{
	static const int fields[REC_MARKS] = { [REC_MARK_START_CODE] = 26, [REC_MARK_END_CODE] = 27,
	    [REC_MARK_START_STACK] = 28, [REC_MARK_START_DATA] = 45, [REC_MARK_END_DATA] = 46,
	    [REC_MARK_START_BRK] = 47, [REC_MARK_ARG_START] = 48, [REC_MARK_ARG_END] = 49,
	    [REC_MARK_ENV_START] = 50, [REC_MARK_ENV_END] = 51 };
	char auxv[TEXT];
	ssize_t n = slurp("auxv", auxv);

	for (int i = 0; i < REC_MARKS; i++)
		if (fields[i] != 0)
			equal("mark", p->mark[i], stat_field(stat, fields[i]));
	if (p->mm != 0 && (n <= 0 || (size_t)n > p->auxv_words * p->auxv_word || memcmp(auxv, p->auxv, (size_t)n) != 0))
		differ("auxv is another, of %zd bytes", n);
}

static void
process_equal(const struct rec_header *h)
{
	const struct rec_process *p = (const void *)h;
	char status[TEXT], stat[TEXT], word[TEXT];
	long tick = 1000000000 / sysconf(_SC_CLK_TCK);

	if (slurp("status", status) < 0 || slurp("stat", stat) < 0) {
		differ("/proc does not know it");
		return;
	}
	namespace_numbers_equal("NSpgid", status, &p->group);
	namespace_numbers_equal("NSsid", status, &p->session);
	if (p->fs != 0)		/* it has not ended */
		number_equal("Umask", status, 8, p->umask);
	equal("tty", p->tty, stat_field(stat, 7));
	equal("foreground group", (uint64_t)p->tty_group, stat_field(stat, 8));
	equal("start", p->start / (uint64_t)tick, stat_field(stat, 22));
	equal("exit signal", (uint64_t)p->exit_signal, stat_field(stat, 38));
	equal("children's time", p->cutime / (uint64_t)tick, stat_field(stat, 16));
	if (slurp("personality", word) > 0)
		equal("personality", p->personality, strtoull(word, NULL, 16));
	if (slurp("../../oom_score_adj", word) > 0)
		equal("oom_score_adj", (uint64_t)p->oom_adjust, strtoull(word, NULL, 10));
	if (slurp("loginuid", word) > 0)
		equal("loginuid", p->login_uid, strtoull(word, NULL, 10));
	limits_equal(p);
	namespaces_equal(p);
	address_space_equal(p, stat);
}

static void
handlers_equal(const struct rec_header *h)
{
	const struct rec_handlers *r = (const void *)h;
	uint64_t caught = 0, ignored = 0;
	char status[TEXT];

	for (int i = 0; i < 64; i++) {
		caught |= (uint64_t)(r->action[i].handler > 1) << i;
		ignored |= (uint64_t)(r->action[i].handler == 1) << i;
	}
	slurp("status", status);
	number_equal("SigCgt", status, 16, caught);
	number_equal("SigIgn", status, 16, ignored);
}

/* ---- mappings ---- */

static void
mapping_equal(const struct rec_mapping *m, const char *line)
{
	unsigned long long start, end, offset, ino;
	unsigned dev[2];
	char bits[5], permissions[5];
	int name = 0;

	if (sscanf(line, "%llx-%llx %4s %llx %x:%x %llu %n", &start, &end, bits, &offset, &dev[0], &dev[1],
	    &ino, &name) < 7) {
		differ("maps: %s", line);
		return;
	}
	/* VM_READ, VM_WRITE, VM_EXEC, VM_MAYSHARE */
	snprintf(permissions, sizeof permissions, "%c%c%c%c", m->vm_flags & 1 ? 'r' : '-',
	    m->vm_flags & 2 ? 'w' : '-', m->vm_flags & 4 ? 'x' : '-', m->vm_flags & 0x80 ? 's' : 'p');
	if (strcmp(bits, permissions) != 0 || strcmp(line + name, rec_name(&m->h)) != 0)
		differ("is %s %s, in maps %s", permissions, rec_name(&m->h), line);
	equal("start", m->start, start);
	equal("end", m->end, end);
	equal("offset", m->offset, offset);
	equal("inode", m->ino, ino);
	equal("device", m->dev, dev[0] << 20 | dev[1]);
}

static void
mappings_equal(const struct rec_header *process)
{
	struct rec_slice s = rec_table_find(&table, REC_MAPPING, process->tid);
	char text[TEXT];
	size_t n = 0;

	if (slurp("maps", text) < 0)
		return;
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		if (strstr(line, "[vsyscall]") != NULL)
			continue;
		if (n < s.n)
			mapping_equal((const void *)(now = s.v[n]), line);
		n++;
	}
	now = process;
	equal("number of mappings", s.n, n);
}

/* ---- descriptors ---- */

static void
descriptor_equal(const struct rec_descriptor *d)
{
	char name[TEXT], path[64], info[TEXT];
	struct stat st;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/%d/task/%d/fd/%d", now->tgid, now->tid, d->fd);
	if ((n = readlink(path, name, sizeof name - 1)) < 0 || stat(path, &st) != 0) {
		differ("descriptor %d: %s", d->fd, strerror(errno));
		return;
	}
	name[n] = '\0';
	if (strcmp(name, rec_name(&d->h)) != 0)
		differ("descriptor %d is %s, in /proc %s", d->fd, rec_name(&d->h), name);
	equal("inode", d->ino, st.st_ino);
	equal("mode", d->mode, st.st_mode);
	equal("device", d->dev, major(st.st_dev) << 20 | minor(st.st_dev));
	equal("device it is", d->rdev, major(st.st_rdev) << 20 | minor(st.st_rdev));
	snprintf(path, sizeof path, "fdinfo/%d", d->fd);
	slurp(path, info);
	number_equal("pos", info, 10, d->position);
	number_equal("flags", info, 8, d->open_flags | (d->bits & REC_DESCRIPTOR_CLOSE_ON_EXEC ? 02000000 : 0));
	if ((strstr(info, "\nlock:") != NULL) && !(d->bits & REC_DESCRIPTOR_LOCKS))
		differ("descriptor %d has locks", d->fd);
}

static void
descriptors_equal(const struct rec_header *process)
{
	struct rec_slice s = rec_table_find(&table, REC_DESCRIPTOR, process->tid);
	char path[48];
	struct dirent *e;
	size_t n = 0;
	DIR *fds;

	snprintf(path, sizeof path, "/proc/%d/task/%d/fd", process->tgid, process->tid);
	if ((fds = opendir(path)) == NULL)
		return;
	while ((e = readdir(fds)) != NULL)
		n += e->d_name[0] != '.';
	closedir(fds);
	equal("number of descriptors", s.n, n);
	for (size_t i = 0; i < s.n; i++)
		descriptor_equal((const void *)(now = s.v[i]));
	now = process;
}

/* Each with the next, which is of the same process or a relative. */
static void
identities_equal(void)
{
	for (size_t i = 1; i < table.of[REC_PROCESS].n; i++) {
		const struct rec_process *p = (const void *)(now = table.of[REC_PROCESS].v[i]);
		const struct rec_process *q = (const void *)table.of[REC_PROCESS].v[i - 1];

		if (p->mm == 0 || q->mm == 0)
			continue;
		same_object(KCMP_VM, "address space", p->mm, &q->h, q->mm, 0, 0);
		same_object(KCMP_FILES, "descriptor table", p->files, &q->h, q->files, 0, 0);
		same_object(KCMP_FS, "file system context", p->fs, &q->h, q->fs, 0, 0);
		same_object(KCMP_SIGHAND, "dispositions", p->handlers, &q->h, q->handlers, 0, 0);
	}
	for (size_t i = 0; i < table.of[REC_DESCRIPTOR].n; i++) {
		const struct rec_descriptor *d = (const void *)(now = table.of[REC_DESCRIPTOR].v[i]);

		for (size_t k = i > 16 ? i - 16 : 0; k < i; k++) {
			const struct rec_descriptor *e = (const void *)table.of[REC_DESCRIPTOR].v[k];

			same_object(KCMP_FILE, "open file", d->file, &e->h, e->file, d->fd, e->fd);
		}
	}
}

int
main(int argc, char **argv)
{
	int32_t *pids = calloc((size_t)argc, sizeof *pids);
	size_t n = (size_t)argc - 1;
	struct timespec from, to;
	int fd = module_open(), r;

	for (size_t i = 0; i < n; i++)
		pids[i] = atoi(argv[i + 1]);
	clock_gettime(CLOCK_MONOTONIC, &from);
	if ((r = fd < 0 ? fd : module_collect(fd, &table, pids, n, true)) != 0 ||
	    (r = rec_table_index(&table)) != 0) {
		fprintf(stderr, "collected: %s\n", strerror(-r));
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	for (size_t i = 0; i < table.of[REC_THREAD].n; i++)
		thread_equal(now = table.of[REC_THREAD].v[i]);
	for (size_t i = 0; i < table.of[REC_PROCESS].n; i++) {
		process_equal(now = table.of[REC_PROCESS].v[i]);
		threads_complete(now->tgid);
		mappings_equal(now);
		descriptors_equal(now);
	}
	for (size_t i = 0; i < table.of[REC_HANDLERS].n; i++)
		handlers_equal(now = table.of[REC_HANDLERS].v[i]);
	if (table.of[REC_PROCESS].n != n || table.of[REC_HANDLERS].n != n) {
		printf("%zu records of processes, %zu of dispositions\n", table.of[REC_PROCESS].n,
		    table.of[REC_HANDLERS].n);
		different = 1;
	}
	identities_equal();
	printf("%zu processes, %zu threads, %zu mappings, %zu descriptors: %zu bytes in %.1f ms\n",
	    table.of[REC_PROCESS].n, table.of[REC_THREAD].n, table.of[REC_MAPPING].n,
	    table.of[REC_DESCRIPTOR].n, table.len,
	    (double)(to.tv_sec - from.tv_sec) * 1e3 + (double)(to.tv_nsec - from.tv_nsec) / 1e6);
	return different;
}
