/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
} commands[] = {
	{ "dump", cmd_dump },
	{ "restore", cmd_restore },
	{ "resume", cmd_resume },
	{ "suspend", cmd_suspend },
};

static void
help(void)
{
	puts("usage: snapctl dump PID -o FILE [options]\n"
	    "       snapctl restore FILE [options]\n"
	    "       snapctl suspend|resume PID\n"
	    "\n"
	    "  dump      write a snapshot of the process tree rooted at PID; it runs on\n"
	    "  restore   make the processes of a snapshot again, and let them go on\n"
	    "  suspend   stop a whole process tree\n"
	    "  resume    let it go on\n"
	    "\n"
	    "'snapctl COMMAND --help' lists its options; snapctl(1) has everything.");
}

int
main(int argc, char **argv)
{
	tool_name = "snapctl";
	if (argc < 2)
		return usage_error("which command?");
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		help();
		return finish_output();
	}
	if (strcmp(argv[1], "--version") == 0) {
		printf("snapctl %s\n", snap_version());
		return finish_output();
	}
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	return usage_error("no command '%s'", argv[1]);
}
