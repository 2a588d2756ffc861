/* SPDX-License-Identifier: BSD-2-Clause */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/output.h"
#include "tools/common/report.h"

/* For the signal handler: what to leave no trace of when interrupted. */
static struct snap_output *volatile unfinished;

static void
interrupted(int sig)
{
	if (unfinished != NULL)
		snap_output_abandon(unfinished);
	signal(sig, SIG_DFL);
	raise(sig);
}

int
output_open(struct output_file *o, const char *path)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	struct snap_error err;

	o->path = path;
	o->out = NULL;
	o->fd = STDOUT_FILENO;
	if (strcmp(path, "-") == 0)
		return 0;
	if (snap_output_create(&o->out, path, &err) != 0) {
		report_error(path, NULL, &err);
		return -1;
	}
	o->fd = snap_output_fd(o->out);
	unfinished = o->out;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], interrupted);
	return 0;
}

int
output_done(struct output_file *o)
{
	struct snap_error err;
	int r = 0;

	if (o->out != NULL && (r = snap_output_commit(o->out, &err)) != 0)
		report_error(o->path, NULL, &err);
	output_drop(o);
	return r != 0 ? -1 : 0;
}

void
output_drop(struct output_file *o)
{
	unfinished = NULL;
	snap_output_free(o->out);
	o->out = NULL;
}
