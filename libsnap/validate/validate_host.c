/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "format/host.pb-c.h"
#include "libsnap/validate/validate.h"

void
check_provenance(struct check *v, const struct snap_object *o)
{
	const Psnap__Provenance *p = CHECK_MESSAGE(Psnap__Provenance, o);

	if (p->parent_root.len != 0 && p->parent_root.len != PSNAP_DIGEST_LEN)	/* PRV-1 */
		check_corrupt(v, o, "PRV-1", "parent_root has %lu bytes, a digest has %d",
		    (unsigned long)p->parent_root.len, PSNAP_DIGEST_LEN);
}

void
check_host(struct check *v, const struct snap_object *o)
{
	const Psnap__Host *h = CHECK_MESSAGE(Psnap__Host, o);

	if (h->page_size != v->page_size)					/* HST-1 */
		check_corrupt(v, o, "HST-1", "page_size %u is not the file's, %llu", h->page_size,
		    (unsigned long long)v->page_size);
	if (h->taken_abi == h->kernel_abi && h->taken_abi != PSNAP__ABI__ABI_UNKNOWN)	/* HST-4 */
		check_corrupt(v, o, "HST-4", "taken_abi is kernel_abi, %d", (int)h->taken_abi);
	for (size_t i = 1; i < h->n_fpu_components; i++)
		if (h->fpu_components[i] <= h->fpu_components[i - 1]) {		/* HST-2 */
			check_corrupt(v, o, "HST-2", "fpu_components are not ascending at %lu",
			    (unsigned long)i);
			break;
		}
	for (size_t i = 1; i < h->n_cpu_features; i++)
		if (strcmp(h->cpu_features[i - 1], h->cpu_features[i]) > 0) {	/* HST-3 */
			check_corrupt(v, o, "HST-3", "cpu_features are not sorted at \"%.40s\"",
			    h->cpu_features[i]);
			break;
		}
}

void
check_instance(struct check *v, const struct snap_object *o)
{
	const Psnap__Instance *in = CHECK_MESSAGE(Psnap__Instance, o);
	int before = 0;

	for (size_t i = 0; i < in->n_namespace_ids; i++) {
		const Psnap__Namespace *n = snap_get_message(v->s, in->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (n != NULL && (n->of_dumper || n->for_children || (int)n->kind <= before))	/* INS-1 */
			check_corrupt(v, o, "INS-1", "namespace %llu is not its own, or not in its place",
			    (unsigned long long)in->namespace_ids[i]);
		before = n != NULL ? (int)n->kind : before;
	}
	check_instance_cgroups(v, o);
}

/* ---- maps of users ---- */

#define RANGES_MAX	340		/* of Linux */
#define IDS		UINT32_MAX	/* the last number is nobody's */

static bool
ranges_meet(uint32_t a, uint32_t alen, uint32_t b, uint32_t blen)
{
	return a <= b ? b - a < alen : a - b < blen;
}

static bool
is_range(const Psnap__IdRange *x)
{
	return x->length > 0 && x->inside <= IDS - x->length && x->outside <= IDS - x->length;
}

static void
check_id_map(struct check *v, const struct snap_object *o, Psnap__IdRange *const *map, size_t n, const char *of)
{
	if (n > RANGES_MAX) {							/* NS-7 */
		check_corrupt(v, o, "NS-7", "%lu ranges of %s", (unsigned long)n, of);
		return;
	}
	for (size_t i = 0; i < n; i++) {
		if (!is_range(map[i])) {					/* NS-7 */
			check_corrupt(v, o, "NS-7", "range %lu of %s", (unsigned long)i, of);
			return;
		}
		for (size_t k = 0; k < i; k++)
			if (ranges_meet(map[k]->inside, map[k]->length, map[i]->inside, map[i]->length) ||
			    ranges_meet(map[k]->outside, map[k]->length, map[i]->outside, map[i]->length)) {	/* NS-8 */
				check_corrupt(v, o, "NS-8", "ranges %lu and %lu of %s have numbers in common",
				    (unsigned long)k, (unsigned long)i, of);
				return;
			}
	}
}

/* ---- namespaces ---- */

#define NAME_BYTES	64	/* of a host; HOST_NAME_MAX of POSIX systems is at most this */

void
check_namespace(struct check *v, const struct snap_object *o)
{
	const Psnap__Namespace *n = CHECK_MESSAGE(Psnap__Namespace, o);

	if (n->for_children && n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_PID &&
	    n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_TIME)			/* NS-1 */
		check_corrupt(v, o, "NS-1", "for_children, but of kind %d", (int)n->kind);
	if ((n->hostname[0] != '\0' || n->domainname[0] != '\0') &&
	    (n->of_dumper || n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_UTS))	/* NS-3 */
		check_corrupt(v, o, "NS-3", "a name, but of kind %d%s", (int)n->kind, n->of_dumper ? ", the dumper's" : "");
	if (strlen(n->hostname) > NAME_BYTES || strlen(n->domainname) > NAME_BYTES)	/* NS-4 */
		check_corrupt(v, o, "NS-4", "a name of more than %d bytes", NAME_BYTES);
	if ((n->monotonic_ns != 0 || n->boottime_ns != 0) &&
	    (n->of_dumper || n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_TIME))	/* NS-5 */
		check_corrupt(v, o, "NS-5", "clocks, but of kind %d%s", (int)n->kind, n->of_dumper ? ", the dumper's" : "");
	if ((n->n_uid_map != 0 || n->n_gid_map != 0 || n->setgroups_denied || n->owner != 0) &&
	    (n->of_dumper || n->kind != PSNAP__NAMESPACE_KIND__NAMESPACE_USER))	/* NS-6 */
		check_corrupt(v, o, "NS-6", "a map of users, but of kind %d%s", (int)n->kind,
		    n->of_dumper ? ", the dumper's" : "");
	check_id_map(v, o, n->uid_map, n->n_uid_map, "users");
	check_id_map(v, o, n->gid_map, n->n_gid_map, "groups");
}

void
check_coverage(struct check *v, const struct snap_object *o)
{
	const Psnap__Coverage *c = CHECK_MESSAGE(Psnap__Coverage, o);
	const Psnap__Instance *in;
	size_t n;
	const struct snap_object *const *instances = snap_get_kind(v->s, PSNAP_KIND_INSTANCE, &n);

	if (c->feature[0] == '\0' || c->reason[0] == '\0')			/* COV-1 */
		check_corrupt(v, o, "COV-1", "without a %s", c->feature[0] == '\0' ? "feature" : "reason");
	if (c->fd != 0 && !c->has_fd)						/* COV-2 */
		check_corrupt(v, o, "COV-2", "fd %d without has_fd", (int)c->fd);
	if (n == 0 || instances[0]->message == NULL)
		return;
	in = CHECK_MESSAGE(Psnap__Instance, instances[0]);
	if (c->severity == PSNAP__COVERAGE_SEVERITY__COVERAGE_BREAKS && !in->partial)	/* COV-3 */
		check_corrupt(v, o, "COV-3", "breaks a restore, but the instance is not partial");
}
