/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

static const char *const grades[] = {
	[SNAP_FIT_FATAL] = "fatal", [SNAP_FIT_POSSIBLE] = "possible", [SNAP_FIT_HARMLESS] = "harmless",
};

static void
add(void *ctx, const struct snap_fit_finding *f)
{
	json_array_append_new(ctx, json_pack("{s:s, s:b, s:o, s:s, s:i, s:I, s:I, s:o}", "grade",
	    grades[f->grade], "missing", f->missing, "feature", json_text(f->feature), "evidence", f->evidence,
	    "pid", (int)f->pid, "object", (json_int_t)f->object, "count", (json_int_t)f->count, "message",
	    json_text(f->message)));
}

json_t *
fit_make(struct snap *s, const struct options *o, int *status)
{
	struct snap_fit_options options = { .host = host_open(o->other), .no_files = o->no_files };
	Psnap__Host *host = (Psnap__Host *)(uintptr_t)options.host;
	struct snap_fit_result result;
	struct snap_error err;
	json_t *j = NULL, *findings = json_array();

	*status = EXIT_REFUSED;
	if (host == NULL)
		goto out;
	if (snap_fit(s, &options, add, findings, &result, &err) != 0) {
		report_error(o->file, s, &err);
		goto out;
	}
	j = json_pack("{s:s, s:o, s:b, s:I, s:I, s:I, s:s?, s:O}", "host_name",
	    o->other != NULL ? o->other : "this machine", "host", host_json(host), "fits", result.fatal == 0,
	    "fatal", (json_int_t)result.fatal, "possible", (json_int_t)result.possible, "harmless",
	    (json_int_t)result.harmless, "level", result.level, "findings", findings);
	if (j == NULL)
		report("out of memory");
	else
		*status = result.fatal == 0 ? EXIT_DONE : EXIT_REFUSED;
out:
	if (host != NULL)
		psnap__host__free_unpacked(host, NULL);
	json_decref(findings);
	return j;
}

static void
print_finding(const json_t *f)
{
	printf("%-9s%-8s", str(f, "grade"), is_true(f, "missing") ? "missing" : "there");
	printf(" %-12s %-16s ", str(f, "feature"), str(f, "evidence"));
	if (num(f, "pid") != 0)
		printf("pid %lld: ", (long long)num(f, "pid"));
	fputs(str(f, "message"), stdout);
	if (num(f, "count") > 1)
		printf(", and %lld more", (long long)num(f, "count") - 1);
	putchar('\n');
}

/* What the CPU it was taken on had, and the host lacks: their names on one line. */
static void
print_source(const json_t *list, const char *grade)
{
	const json_t *f;
	size_t i, n = 0;

	json_array_foreach(list, i, f)
		if (strcmp(str(f, "evidence"), "source-cpu") == 0 && is_true(f, "missing") &&
		    strcmp(str(f, "grade"), grade) == 0) {
			if (n++ == 0)
				printf("%-9s%-8s of the CPU it was taken on:", grade, "missing");
			printf(" %s", str(f, "feature"));
		}
	if (n > 0)
		putchar('\n');
}

void
fit_print(const json_t *j)
{
	const json_t *list = json_object_get(j, "findings"), *f;
	const char *level = str(j, "level");
	size_t i;

	/* what is in use, there or not; of the rest what is missing */
	json_array_foreach(list, i, f)
		if (strcmp(str(f, "evidence"), "source-cpu") != 0 &&
		    (is_true(f, "missing") || strcmp(str(f, "grade"), "fatal") == 0))
			print_finding(f);
	print_source(list, "possible");
	print_source(list, "harmless");
	printf("it uses %s\n", level[0] != '\0' ? level : "more than any level has");
	printf("%s %s: %lld fatal, %lld possible, %lld harmless\n", str(j, "host_name"),
	    is_true(j, "fits") ? "fits" : "does not fit", (long long)num(j, "fatal"),
	    (long long)num(j, "possible"), (long long)num(j, "harmless"));
}
