/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Inside of struct container, shared by the files that read at random.
 */
#ifndef LIBSNAP_CONTAINER_READER_H
#define LIBSNAP_CONTAINER_READER_H

#include "libsnap/container/container.h"
#include "libsnap/container/tables.h"

#define CHUNK_SLOTS	16	/* index chunks kept decoded */
#define PAGE_SLOTS	8	/* page blocks kept decompressed, */
#define PAGE_BYTES	(64u << 20)	/* or fewer, if they are large */

/* The directory entries of one table. */
struct table_range {
	size_t		first, count;	/* in dir[] */
	uint64_t	entries;
};

struct chunk_slot {
	size_t		dir;		/* which, SIZE_MAX: empty */
	uint64_t	used;		/* clock of the last use */
	uint8_t		*bytes;
	size_t		cap;
};

struct page_slot {
	uint32_t	seq;
	bool		valid;
	uint64_t	used;
	uint8_t		*raw;
	size_t		cap;
	uint32_t	raw_len;
};

/* What a thread reads blocks with. */
struct block_buffer {
	uint8_t		*stored;	/* the block as in the file */
	size_t		cap;
	struct ZSTD_DCtx_s *zstd;
};

struct container {
	int		fd;
	bool		own_fd;
	uint64_t	length;
	struct snap_limits limits;
	struct file_header header;
	uint8_t		header_bytes[PSNAP_HDR_LEN];
	struct trailer	trailer;

	struct dir_entry *dir;
	size_t		ndir;
	struct table_range tables[PSNAP_TABLE_DIRECTORY];	/* by table number */

	struct meta_block *meta;
	size_t		nmeta;
	uint64_t	meta_bytes;
	struct arena	*arena;		/* holds the raw metadata */

	struct chunk_slot chunks[CHUNK_SLOTS];
	struct page_slot pages[PAGE_SLOTS];
	uint64_t	clock;
	struct block_buffer own;
};

/* Room for n bytes in *buf, whose content is lost; SNAP_E_NOMEM. */
int	reader_room(uint8_t **buf, size_t *cap, size_t n, struct snap_error *err);

/* Read n bytes at offset; the end of the file is SNAP_E_TRUNCATED. */
int	reader_pread(const struct container *c, void *buf, size_t n, uint64_t offset, struct snap_error *err);

/* Read and check header and entries of the directory; fills dir and tables (DIR, IDX). */
int	reader_load_directory(struct container *c, struct snap_error *err);

/* Raw bytes of the index block dir[i]; valid until CHUNK_SLOTS others were asked for. */
int	reader_chunk(struct container *c, size_t i, const uint8_t **bytes, struct snap_error *err);

/* The BLOCKS entry of block seq. */
int	reader_block_entry(struct container *c, uint32_t seq, struct block_entry *e,
	    struct snap_error *err);

/*
 * Read block seq as the entry describes it into b->stored, checked by
 * checksums and digest.  Of any thread that has a buffer.
 */
int	reader_block(const struct container *c, struct block_buffer *b, uint32_t seq,
	    const struct block_entry *e, struct block_header *h, struct snap_error *err);

/* Whether n bytes of the run at `start` of its block are within the block's raw_len. */
int	reader_run_fits(const struct container *c, const struct snap_run *run, uint64_t start, uint64_t n,
	    uint32_t raw_len, struct snap_error *err);

/* The raw payload of page block seq, from the cache or the file. */
int	reader_page_block(struct container *c, uint32_t seq, const uint8_t **raw, uint32_t *raw_len,
	    struct snap_error *err);

/* n bytes at offset at of a stored run's, in the cache: valid until another page block is read. */
int	reader_run(struct container *c, const struct snap_run *run, uint64_t at, size_t n, const uint8_t **bytes,
	    struct snap_error *err);

/* Decoders of table entries. */
void	block_entry_decode(struct block_entry *e, const uint8_t in[PSNAP_IDX_BLOCK_LEN]);
void	run_entry_decode(struct run_entry *e, const uint8_t in[PSNAP_IDX_RUN_LEN]);

#endif
