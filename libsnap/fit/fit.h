/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What the processes of a snapshot depend on of a CPU and its kernel.
 * features.c has the features, host.c descriptions of hosts; the others look
 * for evidence, one source each: threads.c machine state, spaces.c what the
 * kernel told, images.c mapped ELF files, variants.c what was chosen of them.
 */
#ifndef LIBSNAP_FIT_FIT_H
#define LIBSNAP_FIT_FIT_H

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "libsnap/core/arena.h"
#include "libsnap/snap.h"

/* ---- features.c ---- */

/* Sets of CPUs that are known by a name; each has all of those before it. */
enum level { LEVEL_NONE, LEVEL_I686, LEVEL_AMD64, LEVEL_V2, LEVEL_V3, LEVEL_V4 };
const char *level_name(enum level level);	/* "x86-64-v2" */
enum level level_find(const char *name);	/* LEVEL_NONE: there is none of that name */

#define FEATURES_MAX	128

/* Instructions that programs can use, and that are missing or mean something else without it. */
struct feature {
	const char	*name;		/* as Linux spells it */
	uint32_t	leaf, subleaf;	/* where CPUID tells it */
	enum { EAX, EBX, ECX, EDX } reg;
	uint32_t	bit;
	Psnap__FpuComponentKind component;	/* that the kernel must have enabled, FPU_NONE none */
	enum level	level;		/* the first that has it, or LEVEL_NONE */
};
size_t	feature_count(void);
const struct feature *feature_at(size_t n);
int	feature_find(const char *name, size_t len);	/* its number, or -1 */

struct feature_set {
	uint64_t	w[FEATURES_MAX / 64];
};
void	set_add(struct feature_set *set, size_t n);
bool	set_has(const struct feature_set *set, size_t n);
bool	set_within(const struct feature_set *set, const struct feature_set *whole);
void	set_join(struct feature_set *set, const struct feature_set *other);

struct feature_set level_features(enum level level);
struct feature_set host_features(const Psnap__Host *h);
/* Features a program used when this component of the FPU is in use. */
const char *component_feature(Psnap__FpuComponentKind kind);

/* ---- fit.c ---- */

struct fit {
	struct snap	*s;
	const Psnap__Host *host;	/* asked about */
	const Psnap__Host *source;	/* it was taken on, or NULL */
	uint32_t	page;		/* bytes of one of the snapshot's */
	struct feature_set has, source_has;
	struct feature_set proven;	/* features somebody was seen to use */
	snap_fit_fn	*fn;
	void		*ctx;
	struct snap_fit_result *result;
	struct snap_error *err;
	struct arena	*arena;
};

/* Who shows a piece of evidence: the first one, and how many others do. */
struct witness {
	int32_t		pid;
	uint64_t	object;
	size_t		count;
	const char	*name;		/* for people; lives in the arena or longer */
};
void	witness_add(struct witness *w, int32_t pid, uint64_t object, const char *name);

/* Tell that feature n is depended on; what fatal findings name becomes part of `proven`. */
void	fit_feature(struct fit *f, enum snap_fit_grade grade, size_t n, const char *evidence,
	    const struct witness *w, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Tell anything; fmt is what the finding's message says. */
void	fit_tell(struct fit *f, enum snap_fit_grade grade, bool missing, const char *feature,
	    const char *evidence, const struct witness *w, const char *fmt, ...)
	    __attribute__((format(printf, 7, 8)));

/* The same of all features of a level. */
void	fit_level(struct fit *f, enum snap_fit_grade grade, enum level level, const char *evidence,
	    const struct witness *w, const char *fmt, ...) __attribute__((format(printf, 6, 7)));
/* Whether the host's description lists this name. */
bool	fit_lists(const Psnap__Host *h, const char *name);

/* ---- sources of evidence ---- */

void	fit_threads(struct fit *f);
void	fit_spaces(struct fit *f);
int	fit_images(struct fit *f, bool open_files);

/*
 * Whether a thread's component holds something: one that was used, and whose
 * contents are those of a fresh one, can be left out.
 */
bool	fit_component_used(const Psnap__Fpu *fpu, Psnap__FpuComponentKind kind);

#endif
