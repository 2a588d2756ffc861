/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

struct findings {
	struct snap	*s;
	json_t		*list;
};

static int
add(void *ctx, const struct snap_error *e)
{
	struct findings *f = ctx;
	const struct snap_object *o = e->record != SNAP_NO_RECORD ? snap_get_object(f->s, e->record) : NULL;
	const char *kind = o != NULL ? snap_kind_name(o->kind) : NULL;

	json_array_append_new(f->list, json_pack("{s:s, s:s, s:o, s:o, s:s, s:o}", "code",
	    snap_code_name(e->code), "rule", e->rule, "offset", json_hex(e->offset), "object",
	    e->record != SNAP_NO_RECORD ? json_integer((json_int_t)e->record) : json_null(), "kind",
	    kind != NULL ? kind : "", "message", json_text(e->msg)));
	return 0;
}

json_t *
verify_make(struct snap *s, const struct options *o, int *status)
{
	struct findings f = { s, json_array() };
	struct snap_summary sum;
	struct snap_error err;
	int file, graph;

	file = snap_verify(s, add, &f, &err);
	if (file != 0 && json_array_size(f.list) == 0)
		*status = report_error(o->file, s, &err);
	graph = snap_validate(s, add, &f, &err);
	if (file != 0 || graph != 0)
		*status = EXIT_REFUSED;
	snap_get_summary(s, &sum);
	return json_pack("{s:b, s:I, s:I, s:I, s:o}", "good", file == 0 && graph == 0, "blocks",
	    (json_int_t)sum.blocks, "objects", (json_int_t)sum.objects, "pages",
	    (json_int_t)(sum.stored_pages + sum.zero_pages), "findings", f.list);
}

void
verify_print(const json_t *j)
{
	const json_t *f;
	size_t i;

	json_array_foreach(json_object_get(j, "findings"), i, f) {
		printf("%s at %s: ", str(f, "code"), str(f, "offset"));
		if (json_is_integer(json_object_get(f, "object")))
			printf("%s %lld: ", str(f, "kind")[0] != '\0' ? str(f, "kind") : "record",
			    (long long)num(f, "object"));
		printf("%s (%s)\n", str(f, "message"), str(f, "rule"));
	}
	printf("%s: %lld blocks, %lld objects, %lld pages\n", is_true(j, "good") ? "good" : "bad",
	    (long long)num(j, "blocks"), (long long)num(j, "objects"), (long long)num(j, "pages"));
}
