/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * An opened snapshot file, as the model and the exporters see it: checked
 * metadata records, the index on demand, and pages.
 */
#ifndef LIBSNAP_CONTAINER_CONTAINER_H
#define LIBSNAP_CONTAINER_CONTAINER_H

#include "libsnap/container/block.h"

struct container;

/* A block's place and what the index vouches for. */
struct block_entry {
	uint64_t	offset;
	uint32_t	length;
	uint8_t		type, codec;
	uint16_t	flags;
	uint8_t		digest[PSNAP_DIGEST_LEN];
};

/* One metadata block, decompressed; lives as long as the container. */
struct meta_block {
	uint32_t	seq, count;
	uint64_t	offset;		/* of the block header in the file */
	const uint8_t	*raw;
	uint32_t	raw_len;
};

/* own_fd: fd is closed with the container, and on failure; else it stays the caller's. */
int	container_open(struct container **cp, int fd, bool own_fd, const struct snap_limits *limits,
	    struct snap_error *err);
void	container_close(struct container *c);

const struct snap_limits *container_limits(const struct container *c);
/* The name of the newest thing its reader must know, "" if that is nothing new. */
const char *container_needs(const struct container *c);
void	container_summary(const struct container *c, struct snap_summary *s);
const struct meta_block *container_meta(const struct container *c, size_t *count);

/* The record at raw + at: REC-1 to REC-5. offset is ERR-1's. */
struct record {
	uint64_t	id, offset;
	uint32_t	kind, payload_len;
	uint8_t		revision, critical;
	const uint8_t	*payload;
};
int	record_decode(struct record *r, const uint8_t *raw, uint32_t raw_len, uint32_t at,
	    uint64_t block_offset, struct snap_error *err);

int	container_next_run(struct container *c, struct snap_run *run, uint64_t last,
	    struct snap_error *err);
/* The smallest owner of runs from *owner on; 1, or 0 if there is none. */
int	container_next_owner(struct container *c, uint64_t *owner, struct snap_error *err);
/*
 * Where in the file fd the bytes of a stored run are, if they can be mapped
 * from it (not compressed, at a multiple of the page size): 1; 0 if not.
 * Only the block's header is checked.
 */
int	container_map(struct container *c, const struct snap_run *run, int *fd, uint64_t *offset,
	    struct snap_error *err);

/*
 * Pages read by several threads at a time: one after the other asks the
 * container where a page block is, then reads it with a cursor of its own.
 */
int	container_find_pages(struct container *c, uint32_t seq, struct block_entry *e,
	    struct snap_error *err);

struct page_cursor;
struct page_cursor *page_cursor_new(const struct container *c);		/* NULL without memory */
void	page_cursor_free(struct page_cursor *p);
/* The bytes of a stored run, whose block e describes; valid until a run of another block is read. */
int	page_cursor_read(struct page_cursor *p, const struct snap_run *run, const struct block_entry *e,
	    const uint8_t **bytes, struct snap_error *err);

int	container_read(struct container *c, uint64_t owner, uint64_t addr, void *buf, size_t len,
	    size_t *done, struct snap_error *err);
int	container_verify(struct container *c, snap_finding_fn *fn, void *ctx, struct snap_error *err);

#endif
