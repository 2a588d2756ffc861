/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Conversion passes over the records of a snapshot, chained by a planner, and
 * the snapshot written anew with its page blocks copied.
 *
 *	convert.c	the public calls
 *	plan.c		which passes, in which order
 *	records.c	records under conversion
 *	write.c		blocks
 *	edit.c		what the caller wants to be changed
 *	edit_*.c	in which fields, in records, in the environment
 *	version_*.c	to the version and back
 *	abi.c		to another kernel ABI: what stands in the way, what differs
 *	abi_frames.c	signal frames in memory
 */
#ifndef LIBSNAP_CONVERT_CONVERT_H
#define LIBSNAP_CONVERT_CONVERT_H

#include "format/common.pb-c.h"
#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "libsnap/model/model.h"

struct conversion;
struct edit;

struct pass {
	const char	*name;		/* as the plan and provenance tell it */
	int		(*run)(struct conversion *c);	/* 0 or a snap_code, told in c->err */
};
extern const struct pass pass_1_0_to_1_1, pass_1_1_to_1_0;
extern const struct pass pass_1_1_to_2_0, pass_2_0_to_1_1;
extern const struct pass pass_2_0_to_2_1, pass_2_1_to_2_0;
extern const struct pass pass_i386_to_amd64, pass_amd64_to_i386;

/* Bytes of a page to be changed. */
struct patch {
	uint32_t	block, at;	/* sequence number, place in the raw payload */
	uint8_t		n, bytes[8];
};

#define STEPS_MAX	8

struct conversion {
	struct snap	*in;
	const struct snap_convert_options *o;
	snap_loss_fn	*fn;
	void		*ctx;
	struct snap_error *err;
	struct arena	*arena;

	/* in file order; messages are in the newest form, payloads are made by records_encode() */
	struct snap_object *objects;
	bool		*changed;
	size_t		count;
	struct edit	*edits;		/* the options' */
	bool		inside;		/* there is a user namespace with maps: what processes were told are its numbers */
	struct patch	*patches;	/* by block and place after patches_sort() */
	size_t		npatches, patches_cap;

	uint16_t	major, minor;	/* of what is written */
	const struct pass *steps[STEPS_MAX];
	size_t		nsteps;
	/* what provenance will tell: one of each step, the current one last */
	Psnap__Conversion told[STEPS_MAX];
	size_t		ntold, losses_cap;
	char		*notes[STEPS_MAX];
	size_t		nnotes;
	bool		lossy;		/* something was lost although it must not be */
	size_t		refused;	/* what stands in the way */
};

/* ---- plan.c ---- */
int	plan_steps(struct conversion *c);

/* ---- records.c ---- */
int	records_take(struct conversion *c);
/* The message of object i, to be changed: a copy of its own, size bytes; NULL without memory. */
void	*records_edit(struct conversion *c, size_t i, size_t size);
/* From the arena; NULL without memory, told in c->err. */
void	*records_alloc(struct conversion *c, size_t size);
/* What the current pass cannot carry; i: which object it is of. */
int	records_lose(struct conversion *c, size_t i, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* What forbids the current pass, which goes on to find all of it, and changes nothing. */
void	records_refuse(struct conversion *c, size_t i, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));
/* A sentence for provenance, at most one of each pass. */
int	records_note(struct conversion *c, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Payloads of what was changed, provenance included. */
int	records_encode(struct conversion *c);
const Psnap__Host *records_host(const struct conversion *c, size_t *i);
/* Where the object with this id is, which there must be. */
size_t	records_index(const struct conversion *c, uint64_t id);
/* The mapping with this address, or NULL. */
const Psnap__Mapping *records_mapping(const struct conversion *c, uint64_t space, uint64_t addr);

/* Change n bytes, within one page, of what owner has at addr; a page that is not held is an error. */
int	patch_add(struct conversion *c, uint64_t owner, uint64_t addr, const void *bytes, size_t n);
void	patches_sort(struct conversion *c);

/* ---- edit.c ---- */
/* Check the options' edits and add the step that makes them, if there are any. */
int	edit_plan(struct conversion *c);
/* ---- version_2_1.c ---- */
/* Whether there is a record of a kind that came with version 2.1. */
bool	records_need_2_1(const struct conversion *c);

/* ---- abi.c ---- */

/* Host.taken_abi once the kernel ABI is this one. */
Psnap__Abi abi_taken(const Psnap__Host *h, Psnap__Abi kernel_abi);

/* ---- abi_frames.c ---- */

/* i386 signal frames in memory get the selectors of this kernel ABI. */
int	frames_rewrite(struct conversion *c, Psnap__Abi to);

/* ---- write.c ---- */
int	conversion_write(struct conversion *c, int fd);

#endif
