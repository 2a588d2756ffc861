/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes depend on, and whether a host has it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libsnap/core/error.h"
#include "libsnap/fit/fit.h"

#define NAMES_MAX	(256u << 20)	/* bytes of symbols' names kept */

/* ---- telling ---- */

void
witness_add(struct witness *w, int32_t pid, uint64_t object, const char *name)
{
	if (w->count++ == 0) {
		w->pid = pid;
		w->object = object;
		w->name = name;
	}
}

bool
fit_lists(const Psnap__Host *h, const char *name)
{
	for (size_t i = 0; i < h->n_cpu_features; i++)
		if (strcmp(h->cpu_features[i], name) == 0)
			return true;
	return false;
}

static void
count(struct snap_fit_result *r, enum snap_fit_grade grade)
{
	if (grade == SNAP_FIT_FATAL)
		r->fatal++;
	else if (grade == SNAP_FIT_POSSIBLE)
		r->possible++;
	else
		r->harmless++;
}

static void
tell(struct fit *f, enum snap_fit_grade grade, bool missing, const char *feature, const char *evidence,
    const struct witness *w, const char *fmt, va_list ap)
{
	struct snap_fit_finding finding = {
		.grade = grade, .missing = missing, .feature = feature, .evidence = evidence,
		.pid = w->pid, .object = w->object, .count = w->count,
	};

	vsnprintf(finding.message, sizeof finding.message, fmt, ap);
	if (missing)
		count(f->result, grade);
	if (f->fn != NULL)
		f->fn(f->ctx, &finding);
}

void
fit_tell(struct fit *f, enum snap_fit_grade grade, bool missing, const char *feature, const char *evidence,
    const struct witness *w, const char *fmt, ...)
{
	int n = feature_find(feature, strlen(feature));
	va_list ap;

	if (grade == SNAP_FIT_FATAL && n >= 0)
		set_add(&f->proven, (size_t)n);
	va_start(ap, fmt);
	tell(f, grade, missing, feature, evidence, w, fmt, ap);
	va_end(ap);
}

void
fit_feature(struct fit *f, enum snap_fit_grade grade, size_t n, const char *evidence, const struct witness *w,
    const char *fmt, ...)
{
	va_list ap;

	if (grade == SNAP_FIT_FATAL)
		set_add(&f->proven, n);
	va_start(ap, fmt);
	tell(f, grade, !set_has(&f->has, n), feature_at(n)->name, evidence, w, fmt, ap);
	va_end(ap);
}

void
fit_level(struct fit *f, enum snap_fit_grade grade, enum level level, const char *evidence,
    const struct witness *w, const char *fmt, ...)
{
	struct feature_set set = level_features(level);
	va_list ap;

	if (grade == SNAP_FIT_FATAL)
		set_join(&f->proven, &set);
	va_start(ap, fmt);
	tell(f, grade, !set_within(&set, &f->has), level_name(level), evidence, w, fmt, ap);
	va_end(ap);
}

/* ---- the CPU it was taken on ---- */

static void
fit_source(struct fit *f)
{
	struct witness all = { .count = 1 };
	bool lists_others = false;

	for (size_t i = 0; i < feature_count(); i++)
		if (set_has(&f->source_has, i))
			fit_feature(f, SNAP_FIT_POSSIBLE, i, "source-cpu", &all,
			    "programs may have found it when they started");
	/* a description may name only what programs can use */
	for (size_t i = 0; i < f->host->n_cpu_features; i++)
		lists_others |= feature_find(f->host->cpu_features[i], strlen(f->host->cpu_features[i])) < 0;
	for (size_t i = 0; lists_others && f->source != NULL && i < f->source->n_cpu_features; i++) {
		const char *name = f->source->cpu_features[i];

		if (feature_find(name, strlen(name)) < 0 && !fit_lists(f->host, name))
			fit_tell(f, SNAP_FIT_HARMLESS, true, name, "source-cpu", &all,
			    "the kernel's business, or about speed");
	}
}

/* ---- the outline ---- */

/* The lowest level that has all the proven features, or NULL. */
static const char *
lowest_level(const struct feature_set *proven)
{
	for (unsigned level = LEVEL_I686; level <= LEVEL_V4; level++) {
		struct feature_set set = level_features((enum level)level);

		if (set_within(proven, &set))
			return level_name((enum level)level);
	}
	return NULL;
}

static int
look(struct fit *f, const struct snap_fit_options *o)
{
	int r;

	fit_threads(f);
	fit_spaces(f);
	if ((r = fit_images(f, !o->no_files)) != 0)
		return r;
	fit_source(f);
	f->result->level = lowest_level(&f->proven);
	return 0;
}

int
snap_fit(struct snap *s, const struct snap_fit_options *o, snap_fit_fn *fn, void *ctx,
    struct snap_fit_result *result, struct snap_error *err)
{
	struct fit f = { .s = s, .fn = fn, .ctx = ctx, .result = result, .err = err, .host = o->host };
	struct snap_summary summary;
	Psnap__Host *here = NULL;
	size_t n;
	const struct snap_object *const *hosts = snap_get_kind(s, PSNAP_KIND_HOST, &n);
	int r = 0;

	memset(result, 0, sizeof *result);
	for (size_t i = 0; i < sizeof o->reserved / sizeof *o->reserved; i++)
		if (o->reserved[i] != 0)
			return error_misuse(err, "reserved members must be zero");
	if (o->host == NULL && (r = snap_host_describe(&here, NULL, err)) != 0)
		return r;
	if (o->host == NULL)
		f.host = here;
	snap_get_summary(s, &summary);
	f.page = summary.page_size;
	f.has = host_features(f.host);
	if (n > 0) {
		f.source = (const void *)hosts[0]->message;
		f.source_has = host_features(f.source);
	}
	f.arena = arena_new(NAMES_MAX);
	r = f.arena != NULL ? look(&f, o) : error_nomem(err);
	arena_free(f.arena);
	if (here != NULL)
		psnap__host__free_unpacked(here, NULL);
	return r;
}
