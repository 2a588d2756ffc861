/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The conformance vectors of spec/vectors: each gets exactly the answer its
 * source expects, from the random reader, and from the stream reader where
 * the container decides it.
 */
#include <atf-c.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libsnap/snap.h"

struct vector {
	char		name[128], code[32], rule[16], offset[32];
};

static int
keep_first(void *ctx, const struct snap_error *finding)
{
	struct snap_error *first = ctx;

	if (first->code == SNAP_OK)
		*first = *finding;
	return 0;
}

/* Open, verify, validate: the first thing found. */
static void
judge(const char *path, struct snap_error *first)
{
	struct snap_error err;
	struct snap *s;

	memset(first, 0, sizeof *first);
	if (snap_open(&s, path, NULL, &err) != 0) {
		*first = err;
		return;
	}
	snap_verify(s, keep_first, first, &err);
	if (first->code == SNAP_OK)
		snap_validate(s, keep_first, first, &err);
	snap_close(s);
}

static enum snap_code
judge_stream(const char *path)
{
	struct snap_stream_item item = { .type = SNAP_ITEM_RECORD };
	struct snap_stream *s;
	struct snap_error err;
	int fd = open(path, O_RDONLY), r;

	ATF_REQUIRE(fd >= 0);
	r = snap_stream_open(&s, fd, NULL, &err);
	while (r == 0 && item.type != SNAP_ITEM_END)
		r = snap_stream_next(s, &item, &err);
	snap_stream_close(s);
	close(fd);
	return (enum snap_code)r;
}

/* Rules of the graph and of payloads are not the stream reader's. */
static bool
of_container(const char *rule)
{
	static const char *const families[] = { "HDR", "BLK", "LIM", "RUN", "IDX", "DIR", "TRL", "HASH" };

	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if (strncmp(rule, families[i], strlen(families[i])) == 0)
			return true;
	return strcmp(rule, "REC-7") < 0 && strncmp(rule, "REC", 3) == 0;
}

static void
check(const char *dir, const struct vector *v)
{
	struct snap_error got;
	char path[1024], offset[32];
	enum snap_code stream;

	snprintf(path, sizeof path, "%s/%s.psnap", dir, v->name);
	judge(path, &got);
	snprintf(offset, sizeof offset, "%llu", (unsigned long long)got.offset);
	ATF_CHECK_MSG(strcmp(snap_code_name(got.code), v->code) == 0, "%s: %s, expected %s (%s)", v->name,
	    snap_code_name(got.code), v->code, got.msg);
	stream = judge_stream(path);
	if (got.code == SNAP_OK) {
		ATF_CHECK_EQ_MSG(stream, SNAP_OK, "%s: stream says %s", v->name, snap_code_name(stream));
		return;
	}
	ATF_CHECK_MSG(strcmp(got.rule, v->rule) == 0, "%s: rule %s, expected %s (%s)", v->name, got.rule,
	    v->rule, got.msg);
	ATF_CHECK_MSG(strcmp(offset, v->offset) == 0, "%s: offset %s, expected %s (%s)", v->name, offset,
	    v->offset, got.msg);
	if (of_container(v->rule))
		ATF_CHECK_MSG(stream != SNAP_OK, "%s: the stream reader accepts it", v->name);
}

ATF_TC_WITHOUT_HEAD(every_vector_gets_its_answer);
ATF_TC_BODY(every_vector_gets_its_answer, tc)
{
	const char *dir = getenv("SNAP_VECTORS");
	char path[1024];
	struct vector v;
	size_t n = 0;
	FILE *f;

	ATF_REQUIRE_MSG(dir != NULL, "SNAP_VECTORS is not set");
	snprintf(path, sizeof path, "%s/manifest", dir);
	ATF_REQUIRE_MSG((f = fopen(path, "r")) != NULL, "%s", path);
	while (fscanf(f, "%127s %31s %15s %31s", v.name, v.code, v.rule, v.offset) == 4) {
		check(dir, &v);
		n++;
	}
	fclose(f);
	ATF_CHECK_MSG(n >= 20, "only %zu vectors", n);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_vector_gets_its_answer);
	return atf_no_error();
}
