/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "format/psnap_fields.h"
#include "tools/common/input.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

struct request {
	struct snap_restore_options options;
	struct snap_path_map *paths;
	struct snap_file_rule *files;
	struct snap_own_net net;
	struct snap_own_mounts mounts;
	struct snap_pair_end *pairs;
	const char	*input;
	const char	*cgroup;	/* path; NULL: none is made */
	struct snap	*snap;		/* it, open */
	bool		check, json, detach, pidns, instance, quiet;
	bool		told;		/* why it cannot be restored */
	json_t		*problems;
};

static volatile int cancel;
static volatile pid_t child;

static void
help(void)
{
	puts("usage: snapctl restore FILE [options]\n"
	    "\n"
	    "      --check           tell what does not fit this machine, and do nothing\n"
	    "  -d, --detach          return once it runs, and print the root's pid\n"
	    "      --instance        a container, in new namespaces of every kind of which it had its own\n"
	    "      --pidns           in a new pid namespace, where no number is taken\n"
	    "      --ipcns           in a new IPC namespace, where no id or key is taken\n"
	    "      --utsns           in a new UTS namespace, with the name the host had\n"
	    "      --timens          in a new time namespace, whose monotonic clock goes on from where it was\n"
	    "      --netns           in a new network namespace, with the network stack that was dumped\n"
	    "      --mntns           in a new mount namespace, with what was mounted when it was dumped\n"
	    "      --cgroup PATH     with --instance: its cgroup is made there, with what limited it\n"
	    "      --veth NAME=OUTSIDE\n"
	    "                        the other end of NAME, which was outside, is made here as OUTSIDE\n"
	    "      --lazy            map pages from the snapshot instead of reading them (dump --raw)\n"
	    "      --path FROM=TO    paths beginning with FROM begin with TO instead\n"
	    "      --file PATTERN=POLICY\n"
	    "                        of files whose path matches: exact, grown, changed, or carry\n"
	    "      --tcp POLICY      connections: keep (without the option), or close, as if reset\n"
	    "      --allow-changed   use files although they have changed\n"
	    "      --allow-partial   although the snapshot does not hold everything\n"
	    "      --stopped         leave every process stopped; SIGCONT lets it go on\n"
	    "      --json            tell problems and figures as JSON\n"
	    "  -q, --quiet           print nothing but errors");
}

/* ---- telling ---- */

static void
tell_problem(void *ctx, const struct snap_problem *p)
{
	struct request *q = ctx;
	bool fatal = p->severity == SNAP_FATAL;

	q->told = q->told || fatal;
	json_array_append_new(q->problems, json_pack("{s:s, s:s, s:i, s:I, s:s, s:s}",
	    "severity", fatal ? "fatal" : "warning", "what", p->what, "pid", (int)p->pid,
	    "object", (json_int_t)p->object, "message", p->message, "advice", p->advice));
	if (q->json || (q->quiet && !fatal))
		return;
	if (p->pid != 0)
		report("pid %d: %s (%s: %s)", (int)p->pid, p->message, p->what, p->advice);
	else
		report("%s (%s: %s)", p->message, p->what, p->advice);
}

static void
print_json(struct request *q, const struct snap_restore_result *r)
{
	json_t *j = r == NULL ? json_pack("{s:O}", "problems", q->problems) :
	    json_pack("{s:I, s:I, s:I, s:I, s:I, s:O}", "pid", (json_int_t)r->root_pid,
	    "processes", (json_int_t)r->processes, "threads", (json_int_t)r->threads,
	    "bytes", (json_int_t)r->bytes, "total_ns", (json_int_t)r->total_ns, "problems", q->problems);

	if (j == NULL || json_dumpf(j, stdout, JSON_INDENT(2)) != 0)
		report("writing JSON failed");
	putchar('\n');
	json_decref(j);
}

/* Before it runs: a pid that cannot be told is a tree nobody finds. */
static int
tell_result(void *ctx, const struct snap_restore_result *r)
{
	struct request *q = ctx;

	if (q->json)
		print_json(q, r);
	else if (q->detach && !q->pidns)
		printf("%d\n", (int)r->root_pid);
	else if (!q->quiet && !q->detach)
		fprintf(stderr, "pid %d: %" PRIu64 " process%s, %" PRIu64 " thread%s, %.1f MiB; restored in %.1f ms\n",
		    (int)r->root_pid, r->processes, plural(r->processes, "es"), r->threads,
		    plural(r->threads, "s"), (double)r->bytes / (1 << 20), (double)r->total_ns / 1e6);
	return finish_output();
}

/* ---- what is outside ---- */

/* The namespaces that we are about to leave. */
static bool
hold_outside(struct request *q)
{
	const char *what = NULL;

	if (q->options.own_net != NULL && (q->net.outside = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) < 0)
		what = "network";
	else if (q->options.own_mounts != NULL &&
	    (q->mounts.outside = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC)) < 0)
		what = "mount";
	if (what != NULL)
		report("our %s namespace: %s", what, strerror(errno));
	return what == NULL;
}

static void
leave_outside(struct request *q)
{
	int *const held[] = { &q->net.outside, &q->mounts.outside };

	for (size_t i = 0; i < sizeof held / sizeof held[0]; i++) {
		if (*held[i] >= 0)
			close(*held[i]);
		*held[i] = -1;
	}
}

/* ---- the work ---- */

static void
on_signal(int sig)
{
	cancel = 1;
	if (child > 0)
		kill(child, sig);
}

static void
catch_signals(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };

	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
		sigaction(signals[i], &sa, NULL);
}

/* ---- cgroups ---- */

/* Made unless this is but a check; false: told why not. */
static bool
begin_cgroups(struct request *q)
{
	struct snap_error err;
	int r;

	if (q->cgroup == NULL)
		return true;
	/* it would belong to ours, where it belonged to theirs */
	if (q->options.own_users && instance_has(q->snap, PSNAP_NAMESPACE_CGROUP)) {
		report("%s: the cgroup namespace of a user namespace is not made in another cgroup (--cgroup)", q->input);
		return false;
	}
	/* from here on they have to be removed if somebody interrupts us */
	catch_signals();
	r = snap_cgroups_open(&q->options.cgroups, q->snap, q->cgroup, q->options.allow_partial, tell_problem, q, &err);
	if (r == 0 && !q->check)
		r = snap_cgroups_make(q->options.cgroups, &err);
	if (r == 0)
		return true;
	if (q->json)
		print_json(q, NULL);
	report_error(q->input, q->snap, &err);
	return false;
}

/* They stay with who lives on in them. */
static void
end_cgroups(struct request *q, bool stay)
{
	struct snap_error err;

	if (!stay && q->options.cgroups != NULL && snap_cgroups_undo(q->options.cgroups, &err) != 0)
		report_error(q->input, NULL, &err);
	snap_cgroups_close(q->options.cgroups);
}

/* ---- the root as our child ---- */

/* Our terminal, if the group in its foreground is ours: -1 none. */
static int
own_terminal(void)
{
	for (int fd = 0; fd <= 2; fd++)
		if (isatty(fd) && tcgetpgrp(fd) == getpgrp())
			return fd;
	return -1;
}

/* To hand the terminal on and take it back, from the background, too. */
static void
give_terminal(int tty, pid_t group)
{
	sigset_t ttou, old;

	if (tty < 0 || group <= 0)
		return;
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	sigprocmask(SIG_BLOCK, &ttou, &old);
	tcsetpgrp(tty, group);
	sigprocmask(SIG_SETMASK, &old, NULL);
}

/*
 * As a shell would: the root's group has the terminal while it runs; when it
 * stops, so do we.  The root's exit status, or 128 and its signal.
 */
static int
wait_for_root(pid_t pid)
{
	int tty = own_terminal(), status = 0;
	pid_t group = getpgid(pid);

	child = pid;
	if (getsid(pid) != getsid(0) || group == getpgrp())
		tty = -1;
	give_terminal(tty, group);
	while (waitpid(pid, &status, WUNTRACED) < 0 || WIFSTOPPED(status)) {
		if (!WIFSTOPPED(status) && errno != EINTR)
			break;
		if (!WIFSTOPPED(status))
			continue;
		/* it asked for the terminal before it had it */
		if (tty < 0 || (WSTOPSIG(status) != SIGTTIN && WSTOPSIG(status) != SIGTTOU)) {
			give_terminal(tty, getpgrp());
			raise(SIGSTOP);
			give_terminal(tty, group);
		}
		kill(-group, SIGCONT);
		status = 0;
	}
	give_terminal(tty, getpgrp());
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int
check(void *arg, int first, pid_t *root)
{
	struct request *q = arg;
	struct snap_error err;
	int r;

	(void)root;
	q->options.first = first;
	r = snap_restore_check(q->snap, &q->options, tell_problem, q, &err);
	if (r != 0 && (r != SNAP_E_REFUSED || !q->told))
		report_error(q->input, q->snap, &err);
	if (r != 0 && r != SNAP_E_REFUSED)
		return EXIT_REFUSED;
	if (q->json)
		print_json(q, NULL);
	else if (r == 0 && !q->quiet)
		puts("it can be restored here");
	return finish_output() != EXIT_DONE || r != 0 ? EXIT_REFUSED : EXIT_DONE;
}

/* Makes it all; *root is our child then, or the first process, which waits for that. */
static int
make(void *arg, int first, pid_t *root)
{
	struct request *q = arg;
	struct snap_restore_result result;
	struct snap_error err;

	q->options.first = first;
	q->options.cancel = &cancel;
	q->options.own_session = q->detach;
	q->options.ready = tell_result;
	catch_signals();
	if (snap_restore(q->snap, &q->options, tell_problem, q, &result, &err) != 0) {
		if (q->json)
			print_json(q, NULL);
		report_error(q->input, q->snap, &err);
		return EXIT_REFUSED;
	}
	snap_close(q->snap);
	q->snap = NULL;
	leave_outside(q);
	*root = result.root_pid;
	return EXIT_DONE;
}

/* In a pid namespace; its first process is our own if the root is not. */
static struct pidns
describe(struct request *q, int (*fn)(void *arg, int first, pid_t *root))
{
	return (struct pidns){ .make = fn, .arg = q, .detach = q->detach,
	    .maker = root_is_first(q->snap) ? unused_number(q->snap) : 0,
	    .users = { .s = q->snap, .input = q->input, .options = &q->options,
	    .map = q->options.own_users ? namespace_of_root(q->snap, PSNAP_NAMESPACE_USER) : NULL } };
}

static int
check_or_restore(struct request *q)
{
	struct pidns ns = describe(q, q->check ? check : make);
	pid_t root;
	int status;

	if (q->pidns && root_is_first(q->snap) && ns.maker == 0)
		return EXIT_REFUSED;
	if (q->pidns)
		return q->check ? check_in_pidns(&ns) : in_pidns(&ns);
	status = ns.make(q, 0, &root);
	return status != EXIT_DONE || q->detach || q->check ? status : wait_for_root(root);
}

/* ---- options ---- */

static bool
add_path(struct request *q, char *arg)
{
	char *to = strchr(arg, '=');
	struct snap_path_map *v;

	if (to == NULL || to == arg || arg[0] != '/' || to[1] != '/')
		return false;
	*to++ = '\0';
	if ((v = realloc(q->paths, (q->options.npaths + 1) * sizeof *v)) == NULL)
		return false;
	v[q->options.npaths++] = (struct snap_path_map){ arg, to };
	q->options.paths = q->paths = v;
	return true;
}

static bool
add_pair(struct request *q, char *arg)
{
	char *outside = strchr(arg, '=');
	struct snap_pair_end *v;

	if (outside == NULL || outside == arg || outside[1] == '\0' || strlen(outside + 1) >= IF_NAMESIZE ||
	    strpbrk(outside + 1, "/:% ") != NULL)
		return false;
	*outside++ = '\0';
	if ((v = realloc(q->pairs, (q->net.npairs + 1) * sizeof *v)) == NULL)
		return false;
	v[q->net.npairs++] = (struct snap_pair_end){ arg, outside };
	q->net.pairs = q->pairs = v;
	return true;
}

static bool
add_file(struct request *q, char *arg)
{
	static const struct { const char *word; enum snap_file_policy policy; } policies[] = {
		{ "exact", SNAP_FILE_EXACT }, { "grown", SNAP_FILE_GROWN }, { "changed", SNAP_FILE_CHANGED },
		{ "carry", SNAP_FILE_CARRY },
	};
	char *word = strrchr(arg, '=');
	struct snap_file_rule *v;
	size_t i = 0;

	if (word == NULL || word == arg)
		return false;
	*word++ = '\0';
	while (i < sizeof policies / sizeof *policies && strcmp(policies[i].word, word) != 0)
		i++;
	if (i == sizeof policies / sizeof *policies ||
	    (v = realloc(q->files, (q->options.nfiles + 1) * sizeof *v)) == NULL)
		return false;
	v[q->options.nfiles++] = (struct snap_file_rule){ arg, policies[i].policy };
	q->options.files = q->files = v;
	return true;
}

/* What --instance stands for; false: told. */
static bool
choose_namespaces(struct request *q)
{
	if (!q->instance)
		return true;
	if (!is_instance(q->snap)) {
		report("%s: it is not of an instance as a whole (dump --instance)", q->input);
		return false;
	}
	q->pidns = true;
	q->options.own_users = instance_has(q->snap, PSNAP_NAMESPACE_USER);
	q->options.own_ipc = q->options.own_ipc || instance_has(q->snap, PSNAP_NAMESPACE_IPC);
	q->options.own_uts = q->options.own_uts || instance_has(q->snap, PSNAP_NAMESPACE_UTS);
	q->options.own_time = q->options.own_time || instance_has(q->snap, PSNAP_NAMESPACE_TIME);
	if (instance_has(q->snap, PSNAP_NAMESPACE_NET))
		q->options.own_net = &q->net;
	if (instance_has(q->snap, PSNAP_NAMESPACE_MOUNT))
		q->options.own_mounts = &q->mounts;
	return true;
}

/* 0: go on; else *status is what to exit with. */
static int
parse(struct request *q, int argc, char **argv, int *status)
{
	enum { CHECK = 256, LAZY, PIDNS, IPCNS, UTSNS, TIMENS, PATH, ALLOW_CHANGED, ALLOW_PARTIAL, STOPPED, JSON,
		FILE_POLICY, TCP, NETNS, VETH, MNTNS, INSTANCE, CGROUP };
	static const struct option options[] = {
		{ "check", no_argument, NULL, CHECK }, { "detach", no_argument, NULL, 'd' },
		{ "lazy", no_argument, NULL, LAZY }, { "pidns", no_argument, NULL, PIDNS },
		{ "ipcns", no_argument, NULL, IPCNS }, { "utsns", no_argument, NULL, UTSNS },
		{ "timens", no_argument, NULL, TIMENS }, { "netns", no_argument, NULL, NETNS },
		{ "veth", required_argument, NULL, VETH }, { "mntns", no_argument, NULL, MNTNS },
		{ "instance", no_argument, NULL, INSTANCE }, { "cgroup", required_argument, NULL, CGROUP },
		{ "path", required_argument, NULL, PATH }, { "file", required_argument, NULL, FILE_POLICY },
		{ "tcp", required_argument, NULL, TCP }, { "allow-changed", no_argument, NULL, ALLOW_CHANGED },
		{ "allow-partial", no_argument, NULL, ALLOW_PARTIAL }, { "stopped", no_argument, NULL, STOPPED },
		{ "json", no_argument, NULL, JSON }, { "quiet", no_argument, NULL, 'q' },
		{ "help", no_argument, NULL, 'h' }, { NULL, 0, NULL, 0 },
	};
	int c;

	opterr = 0;
	while ((c = getopt_long(argc, argv, "dqh", options, NULL)) != -1) {
		switch (c) {
		case CHECK:
			q->check = true;
			break;
		case 'd':
			q->detach = true;
			break;
		case LAZY:
			q->options.lazy = true;
			break;
		case PIDNS:
			q->pidns = true;
			break;
		case IPCNS:
			q->options.own_ipc = true;
			break;
		case UTSNS:
			q->options.own_uts = true;
			break;
		case TIMENS:
			q->options.own_time = true;
			break;
		case NETNS:
			q->options.own_net = &q->net;
			break;
		case INSTANCE:
			q->instance = true;
			break;
		case MNTNS:
			q->options.own_mounts = &q->mounts;
			break;
		case CGROUP:
			q->cgroup = optarg;
			break;
		case VETH:
			if (!add_pair(q, optarg))
				return *status = usage_error("--veth wants NAME=OUTSIDE: names of interfaces");
			break;
		case PATH:
			if (!add_path(q, optarg))
				return *status = usage_error("--path wants /FROM=/TO");
			break;
		case FILE_POLICY:
			if (!add_file(q, optarg))
				return *status = usage_error("--file wants PATTERN=POLICY: exact, grown, changed or carry");
			break;
		case TCP:
			if (strcmp(optarg, "keep") != 0 && strcmp(optarg, "close") != 0)
				return *status = usage_error("--tcp wants keep or close");
			q->options.tcp = strcmp(optarg, "close") == 0 ? SNAP_TCP_CLOSE : SNAP_TCP_KEEP;
			break;
		case ALLOW_CHANGED:
			q->options.allow_changed = true;
			break;
		case ALLOW_PARTIAL:
			q->options.allow_partial = true;
			break;
		case STOPPED:
			q->options.stopped = true;
			break;
		case JSON:
			q->json = true;
			break;
		case 'q':
			q->quiet = true;
			break;
		case 'h':
			help();
			*status = finish_output();
			return 1;
		default:
			return *status = usage_error("restore: unknown option or missing value: %s", argv[optind - 1]);
		}
	}
	if (optind + 1 != argc)
		return *status = usage_error("restore: which snapshot?");
	if (q->net.npairs > 0 && q->options.own_net == NULL && !q->instance)
		return *status = usage_error("restore: --veth is of use with --netns or --instance only");
	if (q->cgroup != NULL && !q->instance)
		return *status = usage_error("restore: --cgroup is of use with --instance only");
	q->input = argv[optind];
	return 0;
}

int
cmd_restore(int argc, char **argv)
{
	struct request q = { .problems = json_array(), .net = { .outside = -1 },
	    .mounts = { .outside = -1 } };
	int status;

	if (parse(&q, argc, argv, &status) == 0) {
		status = EXIT_REFUSED;
		if ((q.snap = input_open(q.input)) != NULL && choose_namespaces(&q) && begin_cgroups(&q) &&
		    hold_outside(&q) && enter_namespaces(q.snap, q.input, &q.options))
			status = check_or_restore(&q);
		end_cgroups(&q, q.detach && status == EXIT_DONE);
		snap_close(q.snap);
	}
	json_decref(q.problems);
	free(q.files);
	free(q.paths);
	free(q.pairs);
	leave_outside(&q);
	return status;
}
