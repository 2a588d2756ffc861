/* SPDX-License-Identifier: BSD-2-Clause */
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "tools/common/input.h"
#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

/* Options that not every view takes, as bits. */
enum { PID = 1, TID = 2, FPU = 4, ENV = 8, MEM = 16, DIFF = 32, FILES = 64, HOST = 128 };

static const struct view {
	const char	*name, *what;
	unsigned	takes;
	/* NULL: a message was printed.  *status may be set to EXIT_REFUSED. */
	json_t		*(*make)(struct snap *s, const struct options *o, int *status);
	void		(*print)(const json_t *j);
} views[] = {
	{ "info", "where it comes from and what it holds", 0, info_make, info_print },
	{ "tree", "processes, threads and command lines", PID | ENV, tree_make, tree_print },
	{ "maps", "mappings with resident and held pages", PID, maps_make, maps_print },
	{ "files", "descriptors, what they are and who shares them", PID, files_make, files_print },
	{ "ipc", "System V shared memory, semaphores and messages", 0, ipc_make, ipc_print },
	{ "net", "sockets, connections and network stacks", PID, net_make, net_print },
	{ "mounts", "what is mounted, and how much of it is held", 0, mounts_make, mounts_print },
	{ "regs", "registers of every thread", PID | TID | FPU, regs_make, regs_print },
	{ "mem", "memory: a range, or a search", PID | MEM, mem_make, mem_print },
	{ "coverage", "what could not be carried", PID, coverage_make, coverage_print },
	{ "fit", "which CPU features it depends on, and whether a host has them", FILES, fit_make, fit_print },
	{ "verify", "every checksum, digest and rule", 0, verify_make, verify_print },
};
#define NVIEWS		(sizeof views / sizeof *views)
#define DIFF_TAKES	(PID | DIFF)

static void
help(void)
{
	puts("usage: snapinspect [VIEW] [options] FILE\n"
	    "       snapinspect diff [options] FILE FILE\n"
	    "       snapinspect fit [options] FILE [HOST]\n"
	    "       snapinspect fit --host\n");
	for (size_t i = 0; i < NVIEWS; i++)
		printf("  %-10s%s\n", views[i].name, views[i].what);
	puts("  diff      what changed from one snapshot to another\n"
	    "\n"
	    "without a view: info and tree.  FILE may be '-'.\n"
	    "HOST: i686, x86-64, x86-64-v2 to -v4, or a file made by fit --host.\n"
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
	    "      --no-files        fit: open no files that the snapshot names\n"
	    "      --host            fit: describe this machine\n"
	    "      --pages           diff: list the pages\n"
	    "      --exit-code       diff: exit 1 if anything differs");
}

static int
print_json(const json_t *j)
{
	if (json_dumpf(j, stdout, JSON_INDENT(2)) != 0) {
		report("writing JSON: %s", ferror(stdout) ? strerror(errno) : "out of memory");
		return EXIT_REFUSED;
	}
	putchar('\n');
	return EXIT_DONE;
}

static int
show(const struct view *v, struct snap *s, const struct options *o)
{
	int status = EXIT_DONE;
	json_t *j = v->make(s, o, &status);

	if (j != NULL && o->json)
		status = print_json(j) != EXIT_DONE ? EXIT_REFUSED : status;
	else if (j != NULL)
		v->print(j);
	json_decref(j);
	return status;
}

/* At a glance: info and tree. */
static int
show_summary(struct snap *s, const struct options *o)
{
	int status = EXIT_DONE;
	json_t *j;

	if (!o->json) {
		status = show(&views[0], s, o);
		putchar('\n');
		return show(&views[1], s, o) != EXIT_DONE ? EXIT_REFUSED : status;
	}
	j = json_pack("{s:o, s:o}", "info", info_make(s, o, &status), "tree", tree_make(s, o, &status));
	if (j == NULL) {
		report("out of memory");
		return EXIT_REFUSED;
	}
	status = print_json(j) != EXIT_DONE ? EXIT_REFUSED : status;
	json_decref(j);
	return status;
}

static bool
has_process(struct snap *s, const struct options *o)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);

	for (size_t i = 0; i < n; i++)
		if (wanted(o, (const void *)v[i]->message))
			return true;
	report("%s: no process %d", o->file, (int)o->pid);
	return false;
}

/* v NULL: the summary */
static int
one_file(const struct view *v, const struct options *o)
{
	struct snap *s = input_open(o->file);
	int status = EXIT_REFUSED;

	if (s == NULL)
		return EXIT_REFUSED;
	if (o->pid == 0 || has_process(s, o))
		status = v != NULL ? show(v, s, o) : show_summary(s, o);
	snap_close(s);
	return finish_output() != EXIT_DONE ? EXIT_REFUSED : status;
}

static int
two_files(const struct options *o, bool exit_code)
{
	struct snap *x = input_open(o->file), *y = x != NULL ? input_open(o->other) : NULL;
	int status = EXIT_REFUSED;
	json_t *j = NULL;

	if (y == NULL || (j = diff_make(x, y, o)) == NULL)
		goto out;
	if (!o->json)
		diff_print(j);
	else if (print_json(j) != EXIT_DONE)
		goto out;
	status = exit_code && json_array_size(j) > 0 ? EXIT_REFUSED : EXIT_DONE;
	if (finish_output() != EXIT_DONE)
		status = EXIT_REFUSED;
out:
	json_decref(j);
	snap_close(x);
	snap_close(y);
	return status;
}

/* This machine, for another's fit. */
static int
show_host(void)
{
	Psnap__Host *h = host_open(NULL);
	int status;
	json_t *j;

	if (h == NULL)
		return EXIT_REFUSED;
	j = host_json(h);
	status = print_json(j);
	json_decref(j);
	psnap__host__free_unpacked(h, NULL);
	return finish_output() != EXIT_DONE ? EXIT_REFUSED : status;
}

static const struct view *
find_view(const char *name)
{
	for (size_t i = 0; i < NVIEWS; i++)
		if (strcmp(views[i].name, name) == 0)
			return &views[i];
	return NULL;
}

static bool
number(const char *text, uint64_t max, uint64_t *out)
{
	char *end;

	errno = 0;
	*out = strtoull(text, &end, 0);
	return *text >= '0' && *text <= '9' && *end == '\0' && errno == 0 && *out <= max;
}

/* A-B, hexadecimal with or without 0x */
static bool
range(const char *text, struct options *o)
{
	char *end;

	if (!isxdigit((unsigned char)text[0]))
		return false;
	errno = 0;
	o->low = strtoull(text, &end, 16);
	if (*end != '-' || !isxdigit((unsigned char)end[1]))
		return false;
	o->high = strtoull(end + 1, &end, 16);
	return *end == '\0' && errno == 0 && o->low < o->high;
}

static int
run(int argc, char **argv, struct options *o, unsigned given, bool exit_code)
{
	const struct view *v = argc > 1 ? find_view(argv[0]) : NULL;
	bool diff = argc > 1 && strcmp(argv[0], "diff") == 0, fit = argc > 0 && strcmp(argv[0], "fit") == 0;
	unsigned takes = v != NULL ? v->takes : diff ? DIFF_TAKES : PID | ENV;

	if (fit && argc == 1 && given == HOST)
		return show_host();
	if (argc < 1 || argc > (diff || fit ? 3 : 2))
		return usage_error("which snapshot?");
	if (diff && argc != 3)
		return usage_error("diff: two files");
	if (argc > 1 && v == NULL && !diff)
		return usage_error("no view '%s'", argv[0]);
	if ((given & ~takes) != 0)
		return usage_error("%s does not take %s", argc > 1 ? argv[0] : "the summary",
		    given & ~takes & PID ? "--pid" : given & ~takes & TID ? "--tid" :
		    given & ~takes & FPU ? "--fpu" : given & ~takes & ENV ? "--env" :
		    given & ~takes & MEM ? "--addr, --len, --find, --find-hex, --map or --range" :
		    given & ~takes & FILES ? "--no-files" : given & ~takes & HOST ? "--host" :
		    "--pages or --exit-code");
	o->file = argv[argc > 1];
	o->other = argc > 2 ? argv[2] : NULL;
	return diff ? two_files(o, exit_code) : one_file(v, o);
}

int
main(int argc, char **argv)
{
	enum { JSON = 256, O_ENV, O_FPU, ADDR, LEN, FIND, FIND_HEX, MAP, RANGE, PAGES, EXIT_CODE, NO_FILES,
	    O_HOST, VERSION };
	static const struct option options[] = {
		{ "json", no_argument, NULL, JSON }, { "pid", required_argument, NULL, 'p' },
		{ "tid", required_argument, NULL, 't' }, { "env", no_argument, NULL, O_ENV },
		{ "fpu", no_argument, NULL, O_FPU }, { "addr", required_argument, NULL, ADDR },
		{ "len", required_argument, NULL, LEN }, { "find", required_argument, NULL, FIND },
		{ "find-hex", required_argument, NULL, FIND_HEX }, { "map", required_argument, NULL, MAP },
		{ "range", required_argument, NULL, RANGE }, { "pages", no_argument, NULL, PAGES },
		{ "exit-code", no_argument, NULL, EXIT_CODE }, { "no-files", no_argument, NULL, NO_FILES },
		{ "host", no_argument, NULL, O_HOST }, { "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, VERSION }, { NULL, 0, NULL, 0 },
	};
	struct options o = { .high = UINT64_MAX };
	bool exit_code = false, ok = true;
	unsigned given = 0;
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
			given |= PID;
			break;
		case 't':
			ok = number(optarg, INT32_MAX, &v);
			o.tid = (int32_t)v;
			given |= TID;
			break;
		case O_ENV:
			o.env = true;
			given |= ENV;
			break;
		case O_FPU:
			o.fpu = true;
			given |= FPU;
			break;
		case ADDR:
			ok = number(optarg, UINT64_MAX, &o.addr);
			o.has_addr = true;
			given |= MEM;
			break;
		case LEN:
			ok = number(optarg, UINT64_MAX, &o.len);
			given |= MEM;
			break;
		case FIND:
			o.find = optarg;
			given |= MEM;
			break;
		case FIND_HEX:
			o.find_hex = optarg;
			given |= MEM;
			break;
		case MAP:
			o.map = optarg;
			given |= MEM;
			break;
		case RANGE:
			if (!range(optarg, &o))
				return usage_error("'%s' is not a range of addresses A-B", optarg);
			given |= MEM;
			break;
		case PAGES:
			o.pages = true;
			given |= DIFF;
			break;
		case EXIT_CODE:
			exit_code = true;
			given |= DIFF;
			break;
		case NO_FILES:
			o.no_files = true;
			given |= FILES;
			break;
		case O_HOST:
			given |= HOST;
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
	return run(argc - optind, argv + optind, &o, given, exit_code);
}
