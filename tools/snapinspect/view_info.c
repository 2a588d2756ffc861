/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include "tools/common/report.h"
#include "tools/snapinspect/view.h"

static json_int_t
count(struct snap *s, uint32_t kind)
{
	size_t n;

	snap_get_kind(s, kind, &n);
	return (json_int_t)n;
}

static const void *
only(struct snap *s, uint32_t kind)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, kind, &n);

	return n > 0 ? v[0]->message : NULL;
}

/* UTC, by hand: no locale and no time zone (civil-from-days). */
static json_t *
utc(int64_t ns)
{
	int64_t seconds = ns / 1000000000, days = seconds / 86400, rest = seconds % 86400, era, y;
	unsigned doe, yoe, doy, mp, d, m;

	if (ns <= 0)
		return json_null();
	days += 719468;
	era = days / 146097;
	doe = (unsigned)(days - era * 146097);
	yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	mp = (5 * doy + 2) / 153;
	d = doy - (153 * mp + 2) / 5 + 1;
	m = mp < 10 ? mp + 3 : mp - 9;
	y = (int64_t)yoe + era * 400 + (m <= 2);
	return json_sprintf("%04d-%02u-%02uT%02d:%02d:%02dZ", (int)y, m, d, (int)(rest / 3600),
	    (int)(rest / 60 % 60), (int)(rest % 60));
}

static json_t *
host_info(const Psnap__Host *h)
{
	Psnap__Abi taken = h->taken_abi != PSNAP__ABI__ABI_UNKNOWN ? h->taken_abi : h->kernel_abi;
	json_t *j = host_json(h);
	char w[64];

	json_object_set_new(j, "taken_abi", json_string(word(&psnap__abi__descriptor, (int)taken, w)));
	json_object_set_new(j, "hostname", json_text(h->hostname));
	json_object_set_new(j, "taken", utc(h->realtime_ns));
	return j;
}

static json_t *
coverage_info(struct snap *s)
{
	json_int_t counts[4] = { 0 };
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_COVERAGE, &n);

	for (size_t i = 0; i < n; i++) {
		const Psnap__Coverage *c = (const void *)v[i]->message;

		if (c != NULL)
			counts[(unsigned)c->severity < 4 ? (unsigned)c->severity : 0]++;
	}
	return json_pack("{s:I, s:I, s:I}", "breaks", counts[PSNAP_COVERAGE_BREAKS], "degrades",
	    counts[PSNAP_COVERAGE_DEGRADES], "notes", counts[PSNAP_COVERAGE_NOTE]);
}

static json_t *
id_map(Psnap__IdRange *const *map, size_t n)
{
	json_t *all = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(all, json_pack("{s:I, s:I, s:I}", "inside", (json_int_t)map[i]->inside,
		    "outside", (json_int_t)map[i]->outside, "length", (json_int_t)map[i]->length));
	return all;
}

/* Those that are not the dumper's. */
static json_t *
namespaces_info(struct snap *s)
{
	size_t n;
	const struct snap_object *const *v = snap_get_kind(s, PSNAP_KIND_NAMESPACE, &n);
	json_t *all = json_array();
	char w[64];

	for (size_t i = 0; i < n; i++) {
		const Psnap__Namespace *x = (const void *)v[i]->message;

		if (x == NULL || x->of_dumper)
			continue;
		json_array_append_new(all, json_pack("{s:s, s:I, s:o, s:o, s:I, s:I, s:o, s:o, s:b, s:I}",
		    "kind", word(&psnap__namespace_kind__descriptor, (int)x->kind, w), "inode", (json_int_t)x->inode,
		    "hostname", json_text(x->hostname), "domainname", json_text(x->domainname),
		    "monotonic_ns", (json_int_t)x->monotonic_ns, "boottime_ns", (json_int_t)x->boottime_ns,
		    "uid_map", id_map(x->uid_map, x->n_uid_map), "gid_map", id_map(x->gid_map, x->n_gid_map),
		    "setgroups_denied", x->setgroups_denied, "owner", (json_int_t)x->owner));
	}
	return all;
}

static json_t *
root_digest(const uint8_t root[PSNAP_DIGEST_LEN])
{
	char hex[2 * PSNAP_DIGEST_LEN + 1];

	for (size_t i = 0; i < PSNAP_DIGEST_LEN; i++)
		sprintf(hex + 2 * i, "%02x", root[i]);
	return json_string(hex);
}

static json_t *
conversions(const Psnap__Provenance *p)
{
	json_t *all = json_array();

	for (size_t i = 0; i < p->n_conversions; i++) {
		const Psnap__Conversion *c = p->conversions[i];
		json_t *one = json_object(), *losses = json_array();

		json_object_set_new(one, "program", json_text(c->program));
		json_object_set_new(one, "version", json_text(c->version));
		json_object_set_new(one, "pass", json_text(c->pass));
		for (size_t k = 0; k < c->n_losses; k++)
			json_array_append_new(losses, json_text(c->losses[k]));
		json_object_set_new(one, "losses", losses);
		json_array_append_new(all, one);
	}
	return all;
}

/* What it is called, and the namespaces and cgroups that are its own; none of what is not dumped as a whole. */
static json_t *
instance_info(struct snap *s, const Psnap__Instance *in)
{
	json_t *kinds = json_array();
	const char *hostname = "";
	char w[64];

	for (size_t i = 0; i < in->n_namespace_ids; i++) {
		const Psnap__Namespace *n = snap_get_message(s, in->namespace_ids[i], PSNAP_KIND_NAMESPACE);

		if (n == NULL)
			continue;
		json_array_append_new(kinds, json_string(word(&psnap__namespace_kind__descriptor, (int)n->kind, w)));
		if (n->kind == PSNAP__NAMESPACE_KIND__NAMESPACE_UTS)
			hostname = n->hostname;
	}
	return json_pack("{s:o, s:o, s:o, s:o}", "name", json_text(in->name), "hostname", json_text(hostname),
	    "namespaces", kinds, "cgroups", cgroups_json(s, in));
}

json_t *
info_make(struct snap *s, const struct options *o, int *status)
{
	const Psnap__Provenance *p = only(s, PSNAP_KIND_PROVENANCE);
	const Psnap__Instance *i = only(s, PSNAP_KIND_INSTANCE);
	const Psnap__Host *h = only(s, PSNAP_KIND_HOST);
	const Psnap__Process *root;
	struct snap_summary sum;
	json_t *j = json_object(), *notes = json_array();

	(void)status;
	snap_get_summary(s, &sum);
	json_object_set_new(j, "file", json_text(o->file));
	json_object_set_new(j, "format", json_sprintf("%u.%u", sum.major, sum.minor));
	json_object_set_new(j, "root", root_digest(sum.root));
	json_object_set_new(j, "file_bytes", json_integer((json_int_t)sum.file_bytes));
	json_object_set_new(j, "page_size", json_integer(sum.page_size));
	json_object_set_new(j, "stored_pages", json_integer((json_int_t)sum.stored_pages));
	json_object_set_new(j, "zero_pages", json_integer((json_int_t)sum.zero_pages));
	json_object_set_new(j, "objects", json_integer((json_int_t)sum.objects));
	json_object_set_new(j, "processes", json_integer(count(s, PSNAP_KIND_PROCESS)));
	json_object_set_new(j, "threads", json_integer(count(s, PSNAP_KIND_THREAD)));
	json_object_set_new(j, "mappings", json_integer(count(s, PSNAP_KIND_MAPPING)));
	json_object_set_new(j, "open_files", json_integer(count(s, PSNAP_KIND_OPEN_FILE)));
	if (p != NULL) {
		json_object_set_new(j, "program", json_text(p->program));
		json_object_set_new(j, "program_version", json_text(p->version));
		json_object_set_new(j, "collector", json_text(p->collector));
		for (size_t k = 0; k < p->n_notes; k++)
			json_array_append_new(notes, json_text(p->notes[k]));
		json_object_set_new(j, "conversions", json_integer((json_int_t)p->n_conversions));
		json_object_set_new(j, "passes", conversions(p));
	}
	json_object_set_new(j, "notes", notes);
	json_object_set_new(j, "host", h != NULL ? host_info(h) : json_null());
	json_object_set_new(j, "instance", i != NULL ? instance_info(s, i) : json_null());
	json_object_set_new(j, "namespaces", namespaces_info(s));
	json_object_set_new(j, "partial", json_boolean(i != NULL && i->partial));
	json_object_set_new(j, "coverage", coverage_info(s));
	if (i != NULL && (root = get_process(s, i->root_process_id)) != NULL) {
		json_object_set_new(j, "root_pid", json_integer(root->pid));
		json_object_set_new(j, "root_comm", json_text(root->comm));
	}
	return j;
}

static void
row(const char *name, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void
row(const char *name, const char *fmt, ...)
{
	va_list ap;

	printf("%-12s", name);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

static void
print_instance(const json_t *in)
{
	const json_t *kinds = json_object_get(in, "namespaces"), *kind, *cgroup;
	size_t i;

	if (json_array_size(kinds) == 0)
		return;
	printf("%-12s%s", "instance", str(in, "name"));
	if (str(in, "hostname")[0] != '\0')
		printf(", host %s", str(in, "hostname"));
	printf("; own:");
	json_array_foreach(kinds, i, kind)
		printf(" %s", json_string_value(kind));
	putchar('\n');
	json_array_foreach(json_object_get(in, "cgroups"), i, cgroup)
		cgroup_print(cgroup);
}

/* "; uid 0-65535 are 100000-165535 outside, 70000 is 5 outside" */
static void
print_id_map(const char *of, const json_t *map)
{
	const json_t *x;
	size_t i;

	json_array_foreach(map, i, x) {
		printf("%s %lld", i == 0 ? of : ",", (long long)num(x, "inside"));
		if (num(x, "length") > 1)
			printf("-%lld", (long long)(num(x, "inside") + num(x, "length") - 1));
		printf(" %s %lld", num(x, "length") > 1 ? "are" : "is", (long long)num(x, "outside"));
		if (num(x, "length") > 1)
			printf("-%lld", (long long)(num(x, "outside") + num(x, "length") - 1));
		printf(" outside");
	}
}

/* What one has of its own is behind its kind. */
static void
print_namespace(const json_t *j)
{
	printf("%-12s%s", "namespace", str(j, "kind"));
	if (str(j, "hostname")[0] != '\0')
		printf(" %s", str(j, "hostname"));
	if (str(j, "domainname")[0] != '\0')
		printf(", domain %s", str(j, "domainname"));
	if (num(j, "boottime_ns") != 0)
		printf(" %.3f s after its boot, monotonic %.3f s", (double)num(j, "boottime_ns") / 1e9,
		    (double)num(j, "monotonic_ns") / 1e9);
	if (json_array_size(json_object_get(j, "uid_map")) > 0)
		printf(" made by %lld%s", (long long)num(j, "owner"),
		    is_true(j, "setgroups_denied") ? ", without setgroups" : "");
	print_id_map("; uid", json_object_get(j, "uid_map"));
	print_id_map("; gid", json_object_get(j, "gid_map"));
	putchar('\n');
}

void
info_print(const json_t *j)
{
	const json_t *host = json_object_get(j, "host"), *cov = json_object_get(j, "coverage"), *fpu, *note, *pass;
	const json_t *space;
	long long page = num(j, "page_size");
	size_t i, k;

	row("snapshot", "%s", str(j, "file"));
	row("of", "pid %lld, %s", (long long)num(j, "root_pid"), str(j, "root_comm"));
	print_instance(json_object_get(j, "instance"));
	row("holds", "%lld process%s, %lld thread%s, %lld mapping%s, %lld open file%s",
	    (long long)num(j, "processes"), plural((uint64_t)num(j, "processes"), "es"),
	    (long long)num(j, "threads"), plural((uint64_t)num(j, "threads"), "s"),
	    (long long)num(j, "mappings"), plural((uint64_t)num(j, "mappings"), "s"),
	    (long long)num(j, "open_files"), plural((uint64_t)num(j, "open_files"), "s"));
	row("pages", "%lld stored (%.1f MiB), %lld of zeros", (long long)num(j, "stored_pages"),
	    (double)(num(j, "stored_pages") * page) / 1048576, (long long)num(j, "zero_pages"));
	row("size", "%lld bytes, format %s", (long long)num(j, "file_bytes"), str(j, "format"));
	row("taken", "%s by %s %s (%s)", str(host, "taken"), str(j, "program"), str(j, "program_version"),
	    str(j, "collector"));
	row("kernel", "%s %s %s on %s", str(host, "os"), str(host, "kernel"), str(host, "taken_abi"),
	    str(host, "hostname"));
	if (strcmp(str(host, "taken_abi"), str(host, "kernel_abi")) != 0)
		row("restore", "under a kernel of %s", str(host, "kernel_abi"));
	printf("%-12s%s, %s;", "cpu", str(host, "cpu_vendor"), str(host, "cpu_model"));
	fpu = json_object_get(host, "fpu");
	for (i = 0; i < json_array_size(fpu); i++)
		printf(" %s", json_string_value(json_array_get(fpu, i)));
	putchar('\n');
	json_array_foreach(json_object_get(j, "namespaces"), i, space)
		print_namespace(space);
	row("coverage", "%lld break a restore, %lld degrade it, %lld notes%s", (long long)num(cov, "breaks"),
	    (long long)num(cov, "degrades"), (long long)num(cov, "notes"),
	    is_true(j, "partial") ? "; partial" : "");
	json_array_foreach(json_object_get(j, "notes"), i, note)
		row("note", "%s", json_string_value(note));
	json_array_foreach(json_object_get(j, "passes"), i, pass) {
		row("converted", "%s, by %s %s", str(pass, "pass"), str(pass, "program"), str(pass, "version"));
		json_array_foreach(json_object_get(pass, "losses"), k, note)
			row("lost", "%s", json_string_value(note));
	}
	row("root", "%s", str(j, "root"));
}
