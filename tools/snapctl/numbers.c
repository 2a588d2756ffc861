/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdlib.h>

#include "format/host.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "tools/common/report.h"
#include "tools/snapctl/snapctl.h"

const Psnap__Instance *
instance_of(const struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_INSTANCE, &n);

	return n > 0 ? (const void *)v[0]->message : NULL;
}

const Psnap__Process *
root_of(const struct snap *s)
{
	const Psnap__Instance *in = instance_of(s);

	return in != NULL ? snap_get_message(s, in->root_process_id, PSNAP_KIND_PROCESS) : NULL;
}

bool
root_is_first(const struct snap *s)
{
	const Psnap__Process *root = root_of(s);

	return root != NULL && root->pid == 1;
}

static int32_t
number_of(const struct snap_object *o)
{
	const void *m = o->message;

	switch (o->kind) {
	case PSNAP_KIND_PROCESS:
		return ((const Psnap__Process *)m)->pid;
	case PSNAP_KIND_THREAD:
		return ((const Psnap__Thread *)m)->tid;
	case PSNAP_KIND_SESSION:
		return ((const Psnap__Session *)m)->sid;
	case PSNAP_KIND_PROCESS_GROUP:
		return ((const Psnap__ProcessGroup *)m)->pgid;
	default:
		return 0;
	}
}

static int
compare(const void *a, const void *b)
{
	const int32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

int32_t
unused_number(const struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_objects(s, &n);
	int32_t *taken = malloc((n + 1) * sizeof *taken), number = 2;

	if (taken == NULL) {
		report("out of memory");
		return 0;
	}
	for (size_t i = 0; i < n; i++)
		taken[i] = number_of(v[i]);
	qsort(taken, n, sizeof *taken, compare);
	for (size_t i = 0; i < n; i++)
		number += taken[i] == number;
	free(taken);
	return number;
}
