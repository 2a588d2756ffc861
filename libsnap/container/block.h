/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Blocks, file header and trailer: bytes to fields and back, with the checks
 * that need nothing but those bytes.
 */
#ifndef LIBSNAP_CONTAINER_BLOCK_H
#define LIBSNAP_CONTAINER_BLOCK_H

#include "libsnap/snap.h"

struct file_header {
	uint16_t	major, minor;
	uint64_t	incompat, compat, autoclear;
	uint8_t		page_shift;
	char		needs[PSNAP_NEEDS_LEN + 1];	/* "": nothing by name */
};

void	file_header_encode(uint8_t out[PSNAP_HDR_LEN], const struct file_header *h);
/* HDR-1 to HDR-8; got: bytes of in that there were, for a file shorter than a header. */
int	file_header_decode(struct file_header *h, const uint8_t *in, size_t got, struct snap_error *err);

struct trailer {
	uint64_t	file_length;
	uint64_t	dir_offset;
	uint32_t	dir_length;
	uint8_t		root[PSNAP_DIGEST_LEN];
	uint64_t	blocks, objects, stored_pages, zero_pages;
};

void	trailer_encode(uint8_t out[PSNAP_TRL_LEN], const struct trailer *t);
/* TRL-1 to TRL-5; offset: where in the file the trailer is, which ends there. */
int	trailer_decode(struct trailer *t, const uint8_t in[PSNAP_TRL_LEN], uint64_t offset,
	    struct snap_error *err);

struct block_header {
	uint8_t		type, codec;
	uint16_t	flags;
	uint32_t	seq, count;
	uint32_t	aux_len, stored_len, raw_len;
	uint32_t	table;
	uint32_t	aux_crc, data_crc;
};

void	block_header_encode(uint8_t out[PSNAP_BLK_LEN], const struct block_header *h);
/* BLK-1 to BLK-8 and the limits; offset of the header in the file; seq expected. */
int	block_header_decode(struct block_header *h, const uint8_t in[PSNAP_BLK_LEN], uint64_t offset,
	    uint32_t seq, uint32_t page_shift, struct snap_error *err);

/* What the limits leave: zstd adds at most 1/256 to what it cannot shrink. */
#define BLOCK_STORED_MAX	(PSNAP_MAX_BLOCK_RAW + PSNAP_MAX_BLOCK_RAW / 256)
#define BLOCK_LENGTH_MAX	(PSNAP_BLK_LEN + PSNAP_MAX_BLOCK_RUNS * PSNAP_RUN_LEN + BLOCK_STORED_MAX)

/* Bytes of a block in the file; at most BLOCK_LENGTH_MAX. */
static inline uint32_t
block_length(const struct block_header *h)
{
	return PSNAP_BLK_LEN + h->aux_len + h->stored_len;
}

/* BLK-9 and the run table's own rules (RUN): of a page block whose payload is not looked at. */
int	block_runs_check(const struct block_header *h, const uint8_t *aux, uint64_t offset,
	    uint32_t page_shift, uint64_t incompat, struct snap_error *err);

/* BLK-9, BLK-10 and the run table's own rules (RUN). body: aux and payload. */
int	block_body_check(const struct block_header *h, const uint8_t *body, uint64_t offset,
	    uint32_t page_shift, uint64_t incompat, struct snap_error *err);

/*
 * The raw payload into out, which has h->raw_len bytes (BLK-11, BLK-12).
 * zstd is a decompressing context, made once so that no memory is needed here.
 */
struct ZSTD_DCtx_s;
int	block_payload(const struct block_header *h, const uint8_t *body, uint64_t offset, uint8_t *out,
	    struct ZSTD_DCtx_s *zstd, struct snap_error *err);

/* Entry i of a run table; checked by block_body_check(). */
struct run {
	uint64_t	owner, first;
	uint32_t	count, kind;
};
void	run_decode(struct run *r, const uint8_t in[PSNAP_RUN_LEN]);

#endif
