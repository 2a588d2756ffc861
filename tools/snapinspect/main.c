/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/input.h"
#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

const struct view views[] = {
	{ "info", "where it comes from and what it holds", info_make, info_print },
	{ "tree", "processes, threads and command lines", tree_make, tree_print },
	{ "maps", "mappings with resident and held pages", maps_make, maps_print },
	{ "files", "descriptors, what they are and who shares them", files_make, files_print },
	{ "regs", "registers of every thread", regs_make, regs_print },
	{ "mem", "memory: a range, or a search", mem_make, mem_print },
	{ "coverage", "what could not be carried", coverage_make, coverage_print },
	{ "verify", "every checksum, digest and rule", verify_make, verify_print },
};
const size_t nviews = sizeof views / sizeof *views;

static void
help(void)
{
	puts("usage: snapinspect [VIEW] [options] FILE\n"
	    "       snapinspect diff [options] FILE FILE\n");
	for (size_t i = 0; i < nviews; i++)
		printf("  %-10s%s\n", views[i].name, views[i].what);
	puts("  diff      what changed from one snapshot to another\n"
	    "\n"
	    "without a view: info and tree.  FILE may be '-'.\n"
	    "\n"
	    "      --json            machine-readable, documented in snapinspect(1)\n"
	    "  -p, --pid N           one process\n"
	    "  -t, --tid N           regs: one thread\n"
	    "      --fpu             regs: the FPU, too\n"
	    "      --env             tree: environments, which may hold secrets\n"
	    "      --addr A --len N  mem: N bytes from address A\n"
	    "      --find TEXT       mem: search for bytes\n"
	    "      --find-hex BYTES  mem: search for hex bytes, ?\? is any\n"
	    "      --map M           mem: only in mappings named like M, or at address M\n"
	    "      --range A-B       mem: only between these addresses\n"
	    "      --pages           diff: list the pages\n"
	    "      --exit-code       diff: exit 1 if anything differs");
}

static int
show(const struct view *v, struct snap *s, const struct options *o)
{
	int status = EXIT_DONE;
	json_t *j = v->make(s, o, &status);

	if (j != NULL && o->json) {
		json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
	} else if (j != NULL) {
		v->print(j);
	}
	json_decref(j);
	return status;
}

static int
one_file(const char *name, struct options *o)
{
	struct snap *s;
	int status = EXIT_USAGE;

	for (size_t i = 0; i < nviews; i++) {
		if (name != NULL ? strcmp(views[i].name, name) != 0 : i > 0)
			continue;
		if ((s = input_open(o->file)) == NULL)
			return EXIT_REFUSED;
		status = show(&views[i], s, o);
		if (name == NULL && !o->json) {
			putchar('\n');
			show(&views[1], s, o);
		}
		snap_close(s);
		break;
	}
	if (finish_output() != EXIT_DONE)
		return EXIT_REFUSED;
	return status;
}

static int
two_files(const char *a, const char *b, const struct options *o, bool exit_code)
{
	struct snap *x = input_open(a), *y = x != NULL ? input_open(b) : NULL;
	int status = EXIT_REFUSED;
	json_t *j;

	if (y == NULL)
		goto out;
	if ((j = diff_make(x, y, o)) == NULL) {
		report("%s and %s have different page sizes", a, b);
		goto out;
	}
	if (o->json) {
		json_dumpf(j, stdout, JSON_INDENT(2));
		putchar('\n');
	} else {
		diff_print(j);
	}
	status = exit_code && json_array_size(j) > 0 ? EXIT_REFUSED : EXIT_DONE;
	json_decref(j);
	if (finish_output() != EXIT_DONE)
		status = EXIT_REFUSED;
out:
	snap_close(x);
	snap_close(y);
	return status;
}

static bool
number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

int
main(int argc, char **argv)
{
	enum { JSON = 256, ENV, FPU, ADDR, LEN, FIND, FIND_HEX, MAP, RANGE, PAGES, EXIT_CODE, VERSION };
	static const struct option options[] = {
		{ "json", no_argument, NULL, JSON }, { "pid", required_argument, NULL, 'p' },
		{ "tid", required_argument, NULL, 't' }, { "env", no_argument, NULL, ENV },
		{ "fpu", no_argument, NULL, FPU }, { "addr", required_argument, NULL, ADDR },
		{ "len", required_argument, NULL, LEN }, { "find", required_argument, NULL, FIND },
		{ "find-hex", required_argument, NULL, FIND_HEX }, { "map", required_argument, NULL, MAP },
		{ "range", required_argument, NULL, RANGE }, { "pages", no_argument, NULL, PAGES },
		{ "exit-code", no_argument, NULL, EXIT_CODE }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION }, { NULL, 0, NULL, 0 },
	};
	struct options o = { 0 };
	bool exit_code = false, ok = true;
	const char *view = NULL;
	uint64_t v = 0;
	int c;

	tool_name = "snapinspect";
	opterr = 0;
	while ((c = getopt_long(argc, argv, "p:t:h", options, NULL)) != -1) {
		switch (c) {
		case JSON:
			o.json = true;
			break;
		case 'p':
			ok = number(optarg, INT32_MAX, &v);
			o.pid = (int32_t)v;
			break;
		case 't':
			ok = number(optarg, INT32_MAX, &v);
			o.tid = (int32_t)v;
			break;
		case ENV:
			o.env = true;
			break;
		case FPU:
			o.fpu = true;
			break;
		case ADDR:
			ok = number(optarg, UINT64_MAX, &o.addr);
			o.has_addr = true;
			break;
		case LEN:
			ok = number(optarg, UINT64_MAX, &o.len);
			break;
		case FIND:
			o.find = optarg;
			break;
		case FIND_HEX:
			o.find_hex = optarg;
			break;
		case MAP:
			o.map = optarg;
			break;
		case RANGE:
			o.range = optarg;
			break;
		case PAGES:
			o.pages = true;
			break;
		case EXIT_CODE:
			exit_code = true;
			break;
		case 'h':
			help();
			return finish_output();
		case VERSION:
			printf("snapinspect %s\n", snap_version());
			return finish_output();
		default:
			return usage_error("unknown option or missing value: %s", argv[optind - 1]);
		}
		if (!ok)
			return usage_error("'%s' is not a number that fits", optarg);
	}
	argc -= optind;
	argv += optind;
	if (argc == 3 && strcmp(argv[0], "diff") == 0)
		return two_files(argv[1], argv[2], &o, exit_code);
	if (argc == 2) {
		view = argv[0];
		for (size_t i = 0; i < nviews; i++)
			if (strcmp(views[i].name, view) == 0) {
				o.file = argv[1];
				return one_file(view, &o);
			}
		return usage_error(strcmp(view, "diff") == 0 ? "diff: two files" : "no view '%s'", view);
	}
	if (argc != 1)
		return usage_error("which snapshot?");
	o.file = argv[0];
	return one_file(NULL, &o);
}
