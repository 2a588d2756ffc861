/* SPDX-License-Identifier: BSD-2-Clause */
#include "tools/snapinspect/view.h"

json_t *
coverage_make(struct snap *s, const struct options *o, int *status)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_COVERAGE, &n);
	json_t *list = json_array();
	char w[64];

	(void)status;
	for (size_t i = 0; i < n; i++) {
		const Psnap__Coverage *c = (const void *)v[i]->message;

		if (c == NULL || (o->pid != 0 && c->pid != o->pid))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:i, s:i, s:o, s:o, s:o}", "severity",
		    word(&psnap__coverage_severity__descriptor, (int)c->severity, w), "pid", (int)c->pid,
		    "tid", (int)c->tid, "fd", c->has_fd ? json_integer(c->fd) : json_null(),
		    "feature", json_text(c->feature), "reason", json_text(c->reason)));
	}
	return list;
}

void
coverage_print(const json_t *list)
{
	const json_t *j;
	size_t i;

	if (json_array_size(list) == 0)
		puts("everything was carried");
	json_array_foreach(list, i, j) {
		printf("%-9s", str(j, "severity"));
		if (num(j, "pid") != 0)
			printf(" pid %lld", (long long)num(j, "pid"));
		if (json_is_integer(json_object_get(j, "fd")))
			printf(" fd %lld", (long long)num(j, "fd"));
		printf(" %s: %s\n", str(j, "feature"), str(j, "reason"));
	}
}
