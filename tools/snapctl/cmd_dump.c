/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "format/psnap_fields.h"
#include "kernel-glue/linux/linux.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

#define HOLD_REQUESTS_S	60	/* most programs give up later, and the kernel asks again at least five times */
#define NAME_MAX_BYTES	64	/* of an instance, as of a host */

struct request {
	struct glue_linux_options glue;
	const char	**carry;
	struct snap_writer_options writer;
	const char	*output;
	bool		json, quiet;
	struct snap_writer *w;
	struct snap_error werr;		/* of the writer, when the sink gave up */
	const volatile int *cancel;
	const struct glue_linux_result *result;
};

static void
help(void)
{
	puts("usage: snapctl dump PID -o FILE [options]\n"
	    "\n"
	    "  -o, --output FILE     where to write; '-' is standard output\n"
	    "      --kill            end the processes once the snapshot is written\n"
	    "      --stop            leave them stopped then; SIGCONT lets them go on\n"
	    "      --tcp POLICY      established connections: keep (without the option), close, refuse\n"
	    "      --hold-requests S after --kill, whoever wants to connect to its TCP listeners is not\n"
	    "                        answered for S seconds, 0 to 86400 (60)\n"
	    "      --allow-partial   dump even if something cannot be carried\n"
	    "      --external        unix sockets connected to a name outside the tree connect to it again\n"
	    "      --ipc-all         every System V object of the IPC namespace, not only those in use\n"
	    "      --netns           the network namespace of the tree: interfaces, addresses, routes, ...\n"
	    "      --mntns           the mount namespace of the tree: what is mounted, and what is in temporary\n"
	    "                        file systems that only the tree has\n"
	    "      --instance[=NAME] a container by its first process: every namespace of its own\n"
	    "      --carry PATTERN   hold the content of files whose path matches, too\n"
	    "      --collector WHICH what tells the state of the processes: auto (without the option),\n"
	    "                        module, bpf, proc\n"
	    "      --raw             do not compress pages; they can be mapped from the file\n"
	    "      --level N         zstd level, -7 to 19 (1)\n"
	    "      --threads N       threads that compress (one a CPU)\n"
	    "      --buffer MIB      memory to hold pages in while the tree is stopped\n"
	    "      --json            tell the figures as JSON\n"
	    "  -q, --quiet           print nothing but errors");
}

/* ---- sink: from the dumper to the writer ---- */

static bool
cancelled(struct request *q)
{
	if (!*q->cancel)
		return false;
	q->werr.code = SNAP_E_REFUSED;
	snprintf(q->werr.msg, sizeof q->werr.msg, "interrupted");
	q->werr.record = SNAP_NO_RECORD;
	return true;
}

/* The writer is opened with the first bytes: a dump that fails before has touched nothing. */
static int
writer_ready(struct request *q)
{
	if (cancelled(q))
		return -1;
	if (q->w != NULL)
		return 0;
	q->writer.major = q->result->major;
	q->writer.minor = q->result->minor;
	if (strcmp(q->output, "-") == 0)
		return snap_writer_open_fd(&q->w, STDOUT_FILENO, &q->writer, &q->werr);
	return snap_writer_create(&q->w, q->output, &q->writer, &q->werr);
}

static int
sink_records(void *ctx, const void *bytes, size_t len)
{
	struct request *q = ctx;

	return writer_ready(q) != 0 ? -1 : snap_writer_records(q->w, bytes, len, &q->werr);
}

static int
sink_pages(void *ctx, uint64_t owner, uint64_t first, const void *pages, size_t count)
{
	struct request *q = ctx;
	const uint8_t *p = pages;

	/* in pieces, so that an interrupt is noticed */
	while (count > 0) {
		size_t n = count < 4096 ? count : 4096;

		if (writer_ready(q) != 0 || snap_writer_pages(q->w, owner, first, p, n, &q->werr) != 0)
			return -1;
		p += n * 4096;
		first += n;
		count -= n;
	}
	return 0;
}

static int
sink_zero(void *ctx, uint64_t owner, uint64_t first, uint64_t count)
{
	struct request *q = ctx;

	return writer_ready(q) != 0 ? -1 : snap_writer_zero(q->w, owner, first, count, &q->werr);
}

static int
sink_finish(void *ctx)
{
	struct request *q = ctx;

	return cancelled(q) ? -1 : snap_writer_finish(q->w, NULL, &q->werr);
}

/* ---- telling ---- */

static void
tell_finding(void *ctx, const struct glue_finding *f)
{
	static const char *const words[] = { "", "breaks", "degrades", "note" };
	const struct request *q = ctx;
	char where[48] = "";

	if (f->severity == PSNAP_COVERAGE_NOTE || (q->quiet && f->severity != PSNAP_COVERAGE_BREAKS))
		return;
	if (f->pid != 0 && f->fd >= 0)
		snprintf(where, sizeof where, "pid %d fd %d: ", (int)f->pid, f->fd);
	else if (f->pid != 0)
		snprintf(where, sizeof where, "pid %d: ", (int)f->pid);
	report("%s%s: %s (%s)", where, f->feature, f->reason, words[f->severity & 3]);
}

static void
tell_result(const struct request *q, const struct glue_linux_result *r, uint64_t bytes)
{
	if (q->json) {
		json_t *j = json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		    "pid", (json_int_t)q->glue.pid, "processes", (json_int_t)r->processes,
		    "threads", (json_int_t)r->threads, "mappings", (json_int_t)r->mappings,
		    "open_files", (json_int_t)r->open_files, "pages", (json_int_t)r->pages,
		    "bytes", (json_int_t)bytes, "collect_ns", (json_int_t)r->collect_ns, "frozen_ns", (json_int_t)r->frozen_ns,
		    "total_ns", (json_int_t)r->total_ns);

		json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
		json_decref(j);
	} else if (!q->quiet) {
		fprintf(strcmp(q->output, "-") == 0 ? stderr : stdout,
		    "pid %d: %" PRIu64 " process%s, %" PRIu64 " thread%s, %" PRIu64 " mapping%s, %" PRIu64
		    " open file%s, %.1f MiB of pages; stopped for %.1f ms, %.1f ms in all\n",
		    (int)q->glue.pid, r->processes, plural(r->processes, "es"), r->threads,
		    plural(r->threads, "s"), r->mappings, plural(r->mappings, "s"), r->open_files,
		    plural(r->open_files, "s"), (double)r->pages / 256,
		    (double)r->frozen_ns / 1e6, (double)r->total_ns / 1e6);
	}
}

static int
tell_failure(const struct request *q, const struct glue_error *err)
{
	if (err->code == GLUE_E_SINK)
		return report_error(q->output, NULL, &q->werr);
	if (err->os_errno != 0)
		report("%s: %s", err->msg, strerror(err->os_errno));
	else
		report("%s", err->msg);
	return EXIT_REFUSED;
}

/* ---- the work, in the guard ---- */

static int
dump(void *arg, const volatile int *cancel)
{
	struct request *q = arg;
	struct glue_linux_result result = { .finding = tell_finding, .finding_ctx = q };
	struct glue_sink sink = { q, sink_records, sink_pages, sink_zero, sink_finish };
	struct glue_error err;
	struct stat st = { 0 };
	int r;

	q->cancel = cancel;
	q->glue.cancel = cancel;
	q->result = &result;
	if (glue_linux_dump(&q->glue, &sink, &result, &err) != 0) {
		r = tell_failure(q, &err);
	} else {
		if (strcmp(q->output, "-") != 0)
			stat(q->output, &st);
		tell_result(q, &result, (uint64_t)st.st_size);
		r = finish_output();
	}
	snap_writer_free(q->w);
	return r;
}

/* ---- options ---- */

static bool
number(const char *s, long min, long max, long *out)
{
	char *end;

	errno = 0;
	*out = strtol(s, &end, 10);
	return *s != '\0' && *end == '\0' && errno == 0 && *out >= min && *out <= max;
}

/* Folder of the output: pages that do not fit in memory are put aside beside it. */
static char *
folder(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash == NULL ? strdup(".") : slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static bool
add_carry(struct request *q, const char *pattern)
{
	const char **v;

	if (*pattern == '\0' || (v = realloc(q->carry, (q->glue.ncarry + 1) * sizeof *v)) == NULL)
		return false;
	v[q->glue.ncarry++] = pattern;
	q->glue.carry = q->carry = v;
	return true;
}

static const char *const tcp_policies[] = {
	[GLUE_TCP_KEEP] = "keep", [GLUE_TCP_CLOSE] = "close", [GLUE_TCP_REFUSE] = "refuse", NULL,
};
static const char *const collectors[] = {
	[GLUE_COLLECT_AUTO] = "auto", [GLUE_COLLECT_BPF] = "bpf", [GLUE_COLLECT_MODULE] = "module",
	[GLUE_COLLECT_PROC] = "proc", NULL,
};

/* Which of the words, or -1. */
static int
choose(const char *word, const char *const *words)
{
	for (int i = 0; words[i] != NULL; i++)
		if (strcmp(word, words[i]) == 0)
			return i;
	return -1;
}

/* 0: go on; else *status is what to exit with. */
static int
parse(struct request *q, int argc, char **argv, int *status)
{
	enum { ALLOW_PARTIAL = 256, RAW, LEVEL, THREADS, BUFFER, JSON, KILL, STOP, CARRY, EXTERNAL, IPC_ALL, TCP, COLLECTOR,
		NETNS, HOLD_REQUESTS, MNTNS, INSTANCE };
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' }, { "allow-partial", no_argument, NULL, ALLOW_PARTIAL },
		{ "external", no_argument, NULL, EXTERNAL }, { "ipc-all", no_argument, NULL, IPC_ALL }, { "netns", no_argument, NULL, NETNS },
		{ "mntns", no_argument, NULL, MNTNS },
		{ "instance", optional_argument, NULL, INSTANCE },
		{ "tcp", required_argument, NULL, TCP }, { "hold-requests", required_argument, NULL, HOLD_REQUESTS },
		{ "carry", required_argument, NULL, CARRY }, { "collector", required_argument, NULL, COLLECTOR },
		{ "raw", no_argument, NULL, RAW },
		{ "level", required_argument, NULL, LEVEL }, { "threads", required_argument, NULL, THREADS },
		{ "buffer", required_argument, NULL, BUFFER }, { "json", no_argument, NULL, JSON },
		{ "quiet", no_argument, NULL, 'q' }, { "kill", no_argument, NULL, KILL }, { "stop", no_argument, NULL, STOP },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	long v;
	int c, chosen;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "o:qh", options, NULL)) != -1) {
		switch (c) {
		case 'o':
			q->output = optarg;
			break;
		case ALLOW_PARTIAL:
			q->glue.allow_partial = true;
			break;
		case EXTERNAL:
			q->glue.external = true;
			break;
		case IPC_ALL:
			q->glue.ipc_all = true;
			break;
		case NETNS:
			q->glue.netns = true;
			break;
		case MNTNS:
			q->glue.mntns = true;
			break;
		case INSTANCE:
			if (optarg != NULL && (*optarg == '\0' || strlen(optarg) > NAME_MAX_BYTES))
				return *status = usage_error("--instance wants a name of 1 to %d bytes, or none", NAME_MAX_BYTES);
			q->glue.instance = true;
			q->glue.instance_name = optarg;
			break;
		case CARRY:
			if (!add_carry(q, optarg))
				return *status = usage_error("--carry wants a pattern of paths");
			break;
		case TCP:
			if ((chosen = choose(optarg, tcp_policies)) < 0)
				return *status = usage_error("--tcp wants keep, close or refuse");
			q->glue.tcp = (enum glue_tcp)chosen;
			break;
		case HOLD_REQUESTS:
			if (!number(optarg, 0, 86400, &v))
				return *status = usage_error("--hold-requests wants a number of seconds from 0 to 86400");
			q->glue.hold_requests_s = (uint32_t)v;
			break;
		case COLLECTOR:
			if ((chosen = choose(optarg, collectors)) < 0)
				return *status = usage_error("--collector wants auto, module, bpf or proc");
			q->glue.collector = (enum glue_collector)chosen;
			break;
		case RAW:
			q->writer.codec = PSNAP_CODEC_NONE;
			break;
		case LEVEL:
			if (!number(optarg, -7, 19, &v))
				return *status = usage_error("--level wants a number from -7 to 19");
			q->writer.level = (int)v;
			break;
		case THREADS:
			if (!number(optarg, 1, 64, &v))
				return *status = usage_error("--threads wants a number from 1 to 64");
			q->writer.threads = (uint32_t)v;
			break;
		case BUFFER:
			if (!number(optarg, 1, LONG_MAX >> 21, &v))
				return *status = usage_error("--buffer wants a number of MiB");
			q->glue.stage_bytes = (uint64_t)v << 20;
			break;
		case JSON:
			q->json = true;
			break;
		case KILL:
		case STOP:
			q->glue.after = c == KILL ? GLUE_KILL : GLUE_STOP;
			break;
		case 'q':
			q->quiet = true;
			break;
		case 'h':
			help();
			*status = finish_output();
			return 1;
		default:
			return *status = usage_error("dump: unknown option or missing value: %s", argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		return *status = usage_error("dump: which process?");
	if (!number(argv[optind], 1, INT_MAX, &v))
		return *status = usage_error("dump: '%s' is not a process id", argv[optind]);
	q->glue.pid = (pid_t)v;
	if (q->output == NULL)
		return *status = usage_error("dump: where to? (-o FILE)");
	if (strcmp(q->output, "-") == 0 && (isatty(STDOUT_FILENO) || q->json))
		return *status = usage_error("dump: -o - writes the snapshot to standard output: redirect it, without --json");
	return 0;
}

int
cmd_dump(int argc, char **argv)
{
	struct request q = {
		.glue = { .program = "snapctl", .version = snap_version(), .hold_requests_s = HOLD_REQUESTS_S },
		.writer = { .codec = PSNAP_CODEC_ZSTD },
	};
	char *aside = NULL;
	int status;

	if (parse(&q, argc, argv, &status) == 0) {
		q.glue.spill_dir = aside = strcmp(q.output, "-") == 0 ? strdup("/tmp") : folder(q.output);
		status = guarded(dump, &q);
	}
	free(aside);
	free(q.carry);
	return status;
}
