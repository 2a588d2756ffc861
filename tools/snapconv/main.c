/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/common/input.h"
#include "tools/common/output.h"
#include "tools/common/report.h"

static void
help(void)
{
	puts("usage: snapconv [-f FROM] -t TO [options] IN OUT\n"
	    "       snapconv --list\n"
	    "\n"
	    "  -f, --from FORMAT   of IN (psnap)\n"
	    "  -t, --to FORMAT     of OUT\n"
	    "  -p, --pid N         core: the process wanted (the root)\n"
	    "      --raw           psnap: do not compress pages\n"
	    "      --level N       psnap: zstd level, -7 to 19 (1)\n"
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

static int
convert(const char *in, const char *out, const char *to, const struct snap_export_options *options)
{
	struct snap *s = input_open(in);
	struct output_file o;
	struct snap_error err;
	int status = EXIT_REFUSED;

	if (s == NULL)
		return EXIT_REFUSED;
	if (output_open(&o, out) != 0)
		goto close;
	if (snap_export(s, to, options, o.fd, &err) != 0) {
		report_error(err.code == SNAP_E_IO ? out : in, s, &err);
		output_drop(&o);
	} else if (output_done(&o) == 0) {
		status = EXIT_DONE;
	}
close:
	snap_close(s);
	return status;
}

static bool
number(const char *text, long min, long max, long *n)
{
	char *end;

	errno = 0;
	*n = strtol(text, &end, 10);
	return end != text && *end == '\0' && errno == 0 && *n >= min && *n <= max;
}

int
main(int argc, char **argv)
{
	enum { LIST = 256, VERSION, RAW, LEVEL };
	static const struct option options[] = {
		{ "from", required_argument, NULL, 'f' }, { "to", required_argument, NULL, 't' },
		{ "pid", required_argument, NULL, 'p' }, { "list", no_argument, NULL, LIST },
		{ "raw", no_argument, NULL, RAW }, { "level", required_argument, NULL, LEVEL },
		{ "help", no_argument, NULL, 'h' }, { "version", no_argument, NULL, VERSION },
		{ NULL, 0, NULL, 0 },
	};
	struct snap_export_options export = { 0 };
	const char *from = "psnap", *to = NULL;
	const struct snap_format *f;
	long n;
	int c;

	tool_name = "snapconv";
	opterr = 0;
	while ((c = getopt_long(argc, argv, "f:t:p:h", options, NULL)) != -1) {
		switch (c) {
		case 'f':
			from = optarg;
			break;
		case 't':
			to = optarg;
			break;
		case 'p':
			if (!number(optarg, 1, INT32_MAX, &n))
				return usage_error("'%s' is not a process id", optarg);
			export.pid = (uint32_t)n;
			break;
		case RAW:
			export.raw = 1;
			break;
		case LEVEL:
			if (!number(optarg, -7, 19, &n) || n == 0)
				return usage_error("'%s' is not a level from -7 to 19", optarg);
			export.level = (int32_t)n;
			break;
		case LIST:
			list();
			return finish_output();
		case 'h':
			help();
			return finish_output();
		case VERSION:
			printf("snapconv %s\n", snap_version());
			return finish_output();
		default:
			return usage_error("unknown option or missing value: %s", argv[optind - 1]);
		}
	}
	if (to == NULL || argc - optind != 2)
		return usage_error("-t FORMAT IN OUT are wanted");
	if ((f = find_format(from)) == NULL || !f->can_read)
		return usage_error("cannot read format '%s'", from);
	if ((f = find_format(to)) == NULL || !f->can_write)
		return usage_error("cannot write format '%s'", to);
	if (strcmp(argv[optind + 1], "-") == 0 && isatty(STDOUT_FILENO))
		return usage_error("OUT is a terminal");
	return convert(argv[optind], argv[optind + 1], to, &export);
}
