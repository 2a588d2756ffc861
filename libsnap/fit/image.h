/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * A mapped ELF file: what is to be known of it, read once, kept in the arena.
 */
#ifndef LIBSNAP_FIT_IMAGE_H
#define LIBSNAP_FIT_IMAGE_H

#include "libsnap/fit/fit.h"

/* A place in memory that the dynamic linker fills with the address of a function. */
struct slot {
	uint64_t	vaddr;		/* in the file's own addresses */
	const char	*name;		/* of the function wanted; NULL: the file's own choice by CPU */
};

/* A function whose name says which instructions it was written with. */
struct variant {
	uint64_t	vaddr;
	const char	*name;
	struct feature_set features;
};

struct image {
	uint64_t	file_id;
	const Psnap__File *file;
	struct witness	mapped;		/* processes */

	/* filled by image_read() */
	bool		is_elf, wide;
	const char	*unknown;	/* why nothing more is known, or NULL */
	uint64_t	first_vaddr, first_offset;	/* of the first loaded segment */
	uint32_t	needed, used, features;	/* GNU properties: ISA_1_NEEDED, ISA_1_USED, FEATURE_1_AND */
	struct slot	*slots;		/* ascending by address */
	size_t		nslots;
	struct variant	*variants;	/* ascending by address */
	size_t		nvariants;
	const char	**choosers;	/* sorted: functions that are chosen by CPU (IFUNC) */
	size_t		nchoosers;
	bool		named;		/* a table of all its symbols was found */

	/* variants.c: where it is loaded in the process looked at */
	size_t		placed_for;	/* that process */
	bool		placed;
	uint64_t	bias;		/* how far above its own addresses */
	struct witness	chosen[FEATURES_MAX];	/* of its variants, by a feature they use */
};

/* elf.c: fill im from the file of its path and build id, or from the snapshot. */
int	image_read(struct fit *f, struct image *im);
void	image_free(struct image *im);

/* variants.c: note which variants were chosen in the spaces of all processes. */
int	variants_find(struct fit *f, struct image *images, size_t n);
/* The features a function's name tells; false: none. */
bool	variant_features(const char *name, struct feature_set *out);
/* The image of a file, or NULL. */
struct image *image_find(struct image *images, size_t n, uint64_t file_id);

#endif
