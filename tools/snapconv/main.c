/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "format/psnap_fields.h"
#include "tools/common/input.h"
#include "tools/common/output.h"
#include "tools/common/report.h"
#include "tools/snapconv/edits.h"

struct request {
	const char	*from, *to;	/* names of formats */
	const char	*in, *out;
	bool		is_psnap, plan;
	struct snap_export_options export;
	struct edits	edits;
	struct snap_convert_options convert;
};

static void
help(void)
{
	puts("usage: snapconv [-f FROM] -t TO [options] IN OUT\n"
	    "       snapconv -t psnap[:VERSION] [options] --plan IN\n"
	    "       snapconv --list\n"
	    "\n"
	    "  -f, --from FORMAT   of IN (psnap)\n"
	    "  -t, --to FORMAT     of OUT: core, psnap, psnap:1.0, psnap:1.1, psnap:2.0,\n"
	    "                      psnap:2.1\n"
	    "  -p, --pid N         core: the process wanted (the root)\n"
	    "      --abi ABI       psnap: to be restored under an i386 or amd64 kernel\n"
	    "      --strict        psnap: refuse what would lose anything\n"
	    "      --plan          psnap: tell the passes, and do nothing\n"
	    "      --raw           psnap: pages anew, not compressed\n"
	    "      --level N       psnap: pages anew, at zstd level -7 to 19\n"
	    "      --set WHAT=TO   psnap: hostname, domainname, name, env:VARIABLE\n"
	    "      --map WHAT:FROM=TO\n"
	    "                      psnap: path, cgroup, uid, gid, wherever it is\n"
	    "      --list          the formats\n"
	    "\n"
	    "IN and OUT may be '-'.");
}

static void
list(void)
{
	const struct snap_format *f;

	for (size_t i = 0; (f = snap_get_format(i)) != NULL; i++)
		printf("%-8s %s %s  %s\n", f->name, f->can_read ? "read" : "    ",
		    f->can_write ? "write" : "     ", f->description);
}

static const struct snap_format *
find_format(const char *name)
{
	const struct snap_format *f;

	for (size_t i = 0; (f = snap_get_format(i)) != NULL; i++)
		if (strcmp(f->name, name) == 0)
			return f;
	return NULL;
}

static void
tell_loss(void *ctx, const struct snap_loss *loss)
{
	(void)ctx;
	report("%s: %s", loss->pass, loss->message);
}

static int
write_to(const struct request *q, struct snap *s, int fd, struct snap_error *err)
{
	if (q->is_psnap)
		return snap_convert(s, &q->convert, tell_loss, NULL, fd, err);
	return snap_export(s, q->to, &q->export, fd, err);
}

static int
convert(const struct request *q)
{
	struct snap *s = input_open(q->in);
	struct output_file o;
	struct snap_error err;
	int status = EXIT_REFUSED;

	if (s == NULL)
		return EXIT_REFUSED;
	if (output_open(&o, q->out) != 0)
		goto close;
	if (write_to(q, s, o.fd, &err) != 0) {
		report_error(err.code == SNAP_E_IO ? q->out : q->in, s, &err);
		output_drop(&o);
	} else if (output_done(&o) == 0) {
		status = EXIT_DONE;
	}
close:
	snap_close(s);
	return status;
}

static void
tell_pass(void *ctx, const char *pass)
{
	(void)ctx;
	puts(pass);
}

static int
plan(const struct request *q)
{
	struct snap *s = input_open(q->in);
	struct snap_error err;
	int status = EXIT_DONE;

	if (s == NULL)
		return EXIT_REFUSED;
	if (snap_convert_plan(s, &q->convert, tell_pass, NULL, &err) != 0)
		status = report_error(q->in, s, &err);
	snap_close(s);
	return status != EXIT_DONE ? status : finish_output();
}

/* "psnap", or "psnap:2.0" */
static bool
parse_psnap(struct request *q)
{
	unsigned major = 0, minor = 0;
	int n = 0;

	if (strcmp(q->to, "psnap") != 0 &&
	    (sscanf(q->to, "psnap:%2u.%2u%n", &major, &minor, &n) != 2 || q->to[n] != '\0' || major == 0))
		return false;
	q->convert.major = (uint16_t)major;
	q->convert.minor = (uint16_t)minor;
	return q->is_psnap = true;
}

static bool
number(const char *text, long min, long max, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 && *n >= min && *n <= max;
}

static bool
parse_abi(struct request *q, const char *name)
{
	if (strcmp(name, "i386") == 0)
		q->convert.abi = PSNAP_ABI_I386;
	else if (strcmp(name, "amd64") == 0)
		q->convert.abi = PSNAP_ABI_AMD64;
	return q->convert.abi != 0;
}

/* 0: go on; else *status is what to exit with. */
static int
parse(struct request *q, int argc, char **argv, int *status)
{
	enum { LIST = 256, VERSION, RAW, LEVEL, STRICT, PLAN, SET, MAP, ABI };
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' }, { "to", required_argument, NULL, 't' },
		{ "pid", required_argument, NULL, 'p' }, { "list", no_argument, NULL, LIST },
		{ "raw", no_argument, NULL, RAW }, { "level", required_argument, NULL, LEVEL },
		{ "abi", required_argument, NULL, ABI }, { "strict", no_argument, NULL, STRICT },
		{ "plan", no_argument, NULL, PLAN },
		{ "set", required_argument, NULL, SET }, { "map", required_argument, NULL, MAP },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	const struct snap_format *f;
	long n;
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "f:t:p:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			q->from = optarg;
			break;
		case 't':
			q->to = optarg;
			break;
		case 'p':
			if (!number(optarg, 1, INT32_MAX, &n))
				return *status = usage_error("'%s' is not a process id", optarg);
			q->export.pid = (uint32_t)n;
			break;
		case RAW:
			q->convert.raw = true;
			break;
		case LEVEL:
			if (!number(optarg, -7, 19, &n) || n == 0)
				return *status = usage_error("'%s' is not a level from -7 to 19", optarg);
			q->convert.level = (int32_t)n;
			break;
		case ABI:
			if (!parse_abi(q, optarg))
				return *status = usage_error("'%s' is not i386 or amd64", optarg);
			break;
		case STRICT:
			q->convert.strict = true;
			break;
		case PLAN:
			q->plan = true;
			break;
		case SET:
			if (!edits_set(&q->edits, optarg))
				return *status = usage_error("--set wants WHAT=TO");
			break;
		case MAP:
			if (!edits_map(&q->edits, optarg))
				return *status = usage_error("--map wants WHAT:FROM=TO");
			break;
		case LIST:
			list();
			*status = finish_output();
			return 1;
		case 'h':
			help();
			*status = finish_output();
			return 1;
		case VERSION:
			printf("snapconv %s\n", snap_version());
			*status = finish_output();
			return 1;
		default:
			return *status = usage_error("unknown option or missing value: %s", argv[optind - 1]);
		}
	}
	if (q->to == NULL || argc - optind != (q->plan ? 1 : 2))
		return *status = usage_error(q->plan ? "-t FORMAT IN are wanted" : "-t FORMAT IN OUT are wanted");
	q->in = argv[optind];
	q->out = argv[optind + 1];	/* NULL with --plan */
	if ((f = find_format(q->from)) == NULL || !f->can_read)
		return *status = usage_error("cannot read format '%s'", q->from);
	if (!parse_psnap(q) && ((f = find_format(q->to)) == NULL || !f->can_write))
		return *status = usage_error("cannot write format '%s'", q->to);
	if ((q->plan || q->edits.n > 0 || q->convert.abi != 0) && !q->is_psnap)
		return *status = usage_error("%s for psnap", q->plan ? "--plan is" : q->edits.n > 0 ?
		    "--set and --map are" : "--abi is");
	q->convert.edits = q->edits.v;
	q->convert.nedits = q->edits.n;
	if (!q->plan && strcmp(q->out, "-") == 0 && isatty(STDOUT_FILENO))
		return *status = usage_error("OUT is a terminal");
	return 0;
}

int
main(int argc, char **argv)
{
	struct request q = { .from = "psnap" };
	int status;

	tool_name = "snapconv";
	if (parse(&q, argc, argv, &status) == 0)
		status = q.plan ? plan(&q) : convert(&q);
	free(q.edits.v);
	return status;
}
