/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The writer's memory of what it wrote, from which the index is made.
 */
#ifndef LIBSNAP_CONTAINER_TABLES_H
#define LIBSNAP_CONTAINER_TABLES_H

#include "libsnap/container/block.h"

struct object_entry {
	uint64_t	id;
	uint16_t	kind;
	uint32_t	block, offset, length;
};

struct run_entry {
	uint64_t	owner, first;
	uint32_t	count, kind;
	uint32_t	block, page;	/* in memory also of runs that are not stored; 0 in the index */
};

struct dir_entry {
	uint32_t	table, count, length;
	uint64_t	offset, key, key2;
	uint8_t		digest[PSNAP_DIGEST_LEN];
};

struct tables {
	uint8_t		*block_bytes;	/* encoded entries of BLOCKS */
	size_t		blocks, blocks_cap;
	struct object_entry *objects;
	size_t		nobjects, objects_cap;
	struct run_entry *runs;
	size_t		nruns, runs_cap;
	struct dir_entry *dir;
	size_t		ndir, dir_cap;
};

void	tables_fini(struct tables *t);

/* Each 0, or -1 without memory. A page block's runs are taken from aux by tables_add_runs(). */
int	tables_add_block(struct tables *t, uint64_t offset, const struct block_header *h,
	    const uint8_t leaf[PSNAP_DIGEST_LEN]);
int	tables_add_runs(struct tables *t, const struct block_header *h, const uint8_t *aux);
int	tables_add_object(struct tables *t, const struct object_entry *o);
int	tables_add_dir(struct tables *t, const struct dir_entry *e);

/*
 * Sort; `code` with rule REC-6 or RUN-6 for an id or a page that occurs
 * twice, with the place of the later one (ERR-1).
 */
int	tables_sort(struct tables *t, enum snap_code code, struct snap_error *err);

#define TABLES_NOMEM	(-1)

/* A table's next index block: start with all but `table` zero; bytes is malloc'ed and reused. */
struct table_chunk {
	uint32_t	table, count;
	uint64_t	key, key2;	/* of the first entry */
	uint8_t		*bytes;
	size_t		len, cap;
	size_t		done;		/* entries given so far */
};
/* 1: chunk filled, 0: no more, TABLES_NOMEM */
int	tables_next_chunk(const struct tables *t, struct table_chunk *chunk);

const struct dir_entry *tables_last_dir(const struct tables *t);

/* One entry's bytes; shared with the readers that compare. */
void	block_entry_encode(uint8_t out[PSNAP_IDX_BLOCK_LEN], uint64_t offset, const struct block_header *h,
	    const uint8_t leaf[PSNAP_DIGEST_LEN]);
void	object_entry_encode(uint8_t out[PSNAP_IDX_OBJECT_LEN], const struct object_entry *o);
void	run_entry_encode(uint8_t out[PSNAP_IDX_RUN_LEN], const struct run_entry *r);

#endif
