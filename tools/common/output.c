/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/common/output.h"
#include "tools/common/report.h"

/* For the signal handler: the file to remove when interrupted. */
static const char *volatile unfinished;

static void
interrupted(int sig)
{
	if (unfinished != NULL)
		unlink(unfinished);
	signal(sig, SIG_DFL);
	raise(sig);
}

int
output_open(struct output_file *o, const char *path)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
	size_t size = strlen(path) + 8;

	o->path = path;
	o->temp = NULL;
	if (strcmp(path, "-") == 0) {
		o->fd = STDOUT_FILENO;
		return 0;
	}
	if ((o->temp = malloc(size)) == NULL)
		return -1;
	snprintf(o->temp, size, "%s.XXXXXX", path);
	if ((o->fd = mkstemp(o->temp)) < 0) {
		report("%s: %s", path, strerror(errno));
		free(o->temp);
		o->temp = NULL;
		return -1;
	}
	unfinished = o->temp;
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		signal(signals[i], interrupted);
	return 0;
}

int
output_done(struct output_file *o)
{
	if (o->temp == NULL)
		return 0;
	if (close(o->fd) != 0 || rename(o->temp, o->path) != 0) {
		report("%s: %s", o->path, strerror(errno));
		o->fd = -1;
		output_drop(o);
		return -1;
	}
	unfinished = NULL;
	free(o->temp);
	o->temp = NULL;
	return 0;
}

void
output_drop(struct output_file *o)
{
	if (o->temp == NULL)
		return;
	unlink(o->temp);
	unfinished = NULL;
	if (o->fd >= 0)
		close(o->fd);
	free(o->temp);
	o->temp = NULL;
}
