/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * suspend and resume: a whole tree stopped, and let go on.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/linux/linux.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

/* The only argument, a process id; 0: *status is what to exit with. */
static pid_t
the_pid(int argc, char **argv, const char *what, int *status)
{
	char *end;
	long v;

	*status = EXIT_USAGE;
	if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		printf("usage: snapctl %s PID\n\n%s\n", argv[0], what);
		*status = finish_output();
		return 0;
	}
	if (argc != 2) {
		usage_error("%s: which process?", argv[0]);
		return 0;
	}
	errno = 0;
	v = strtol(argv[1], &end, 10);
	if (*end != '\0' || end == argv[1] || errno != 0 || v < 1 || v > INT_MAX) {
		usage_error("%s: '%s' is not a process id", argv[0], argv[1]);
		return 0;
	}
	return (pid_t)v;
}

static int
suspend(void *arg, const volatile int *cancel)
{
	struct glue_linux_options o = { .pid = *(const pid_t *)arg, .cancel = cancel };
	struct glue_linux_result result = { 0 };
	struct glue_error err;

	if (glue_linux_suspend(&o, &result, &err) == 0)
		return EXIT_DONE;
	if (err.os_errno != 0)
		report("%s: %s", err.msg, strerror(err.os_errno));
	else
		report("%s", err.msg);
	return EXIT_REFUSED;
}

int
cmd_suspend(int argc, char **argv)
{
	int status;
	pid_t pid = the_pid(argc, argv, "Stops every process of the tree (SIGSTOP), leaving none out.", &status);

	return pid == 0 ? status : guarded(suspend, &pid);
}

/* ---- resume ---- */

struct pids {
	pid_t	*v;
	size_t	n, cap;
};

static bool
add(struct pids *p, pid_t pid)
{
	if (p->n == p->cap) {
		size_t cap = p->cap == 0 ? 64 : p->cap * 2;
		pid_t *v = realloc(p->v, cap * sizeof *v);

		if (v == NULL)
			return false;
		p->v = v;
		p->cap = cap;
	}
	p->v[p->n++] = pid;
	return true;
}

/* Of every thread; stopped processes make no more of them: one pass finds them all. */
static bool
add_children(struct pids *p, pid_t pid)
{
	char path[320];
	struct dirent *e;
	bool ok = true;
	DIR *d;

	snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
	if ((d = opendir(path)) == NULL)
		return true;
	while (ok && (e = readdir(d)) != NULL) {
		FILE *f;
		int child;

		snprintf(path, sizeof path, "/proc/%d/task/%s/children", (int)pid, e->d_name);
		if (e->d_name[0] == '.' || (f = fopen(path, "re")) == NULL)
			continue;
		while (ok && fscanf(f, "%d", &child) == 1)
			ok = add(p, child);
		fclose(f);
	}
	closedir(d);
	return ok;
}

int
cmd_resume(int argc, char **argv)
{
	struct pids p = { 0 };
	int status;
	pid_t pid = the_pid(argc, argv, "Lets every process of the tree go on (SIGCONT).", &status);
	bool whole = true;

	if (pid == 0)
		return status;
	status = EXIT_DONE;
	if (kill(pid, 0) != 0) {
		report("pid %d: %s", (int)pid, strerror(errno));
		return EXIT_REFUSED;
	}
	whole = add(&p, pid);
	for (size_t i = 0; whole && i < p.n; i++)
		whole = add_children(&p, p.v[i]);
	if (!whole) {
		report("out of memory");
		status = EXIT_REFUSED;
	}
	/* children first: a parent must not find one stopped that it never saw stop */
	while (whole && p.n-- > 0)
		if (kill(p.v[p.n], SIGCONT) != 0 && errno != ESRCH) {
			report("pid %d: %s", (int)p.v[p.n], strerror(errno));
			status = EXIT_REFUSED;
		}
	free(p.v);
	return status;
}
