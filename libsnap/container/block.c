/* SPDX-License-Identifier: BSD-2-Clause */
#include <string.h>

#include <zstd.h>

#include "libsnap/container/block.h"
#include "libsnap/core/checksum.h"
#include "libsnap/core/error.h"

static bool
all_zero(const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != 0)
			return false;
	return true;
}

/* ---- file header ---- */

void
file_header_encode(uint8_t out[PSNAP_HDR_LEN], const struct file_header *h)
{
	memset(out, 0, PSNAP_HDR_LEN);
	memcpy(out + PSNAP_HDR_MAGIC, PSNAP_MAGIC, PSNAP_MAGIC_LEN);
	psnap_put16(out + PSNAP_HDR_MAJOR, h->major);
	psnap_put16(out + PSNAP_HDR_MINOR, h->minor);
	psnap_put32(out + PSNAP_HDR_HEADER_LEN, PSNAP_HDR_LEN);
	psnap_put64(out + PSNAP_HDR_INCOMPAT, h->incompat);
	psnap_put64(out + PSNAP_HDR_COMPAT, h->compat);
	psnap_put64(out + PSNAP_HDR_AUTOCLEAR, h->autoclear);
	out[PSNAP_HDR_PAGE_SHIFT] = h->page_shift;
	out[PSNAP_HDR_HASH] = PSNAP_HASH_BLAKE2B_256;
	out[PSNAP_HDR_CHECKSUM] = PSNAP_CHECKSUM_CRC32C;
	memcpy(out + PSNAP_HDR_NEEDS, h->needs, strnlen(h->needs, PSNAP_NEEDS_LEN));
	psnap_put32(out + PSNAP_HDR_CRC, crc32c(out, PSNAP_HDR_CRC));
}

static unsigned
lowest_bit(uint64_t mask)
{
	unsigned n = 0;

	while ((mask & 1) == 0) {
		mask >>= 1;
		n++;
	}
	return n;
}

/* HDR-9: graphic ASCII, then zeros. */
static bool
decode_needs(char name[PSNAP_NEEDS_LEN + 1], const uint8_t *in)
{
	size_t n = 0;

	while (n < PSNAP_NEEDS_LEN && in[n] > ' ' && in[n] < 0x7f)
		n++;
	memcpy(name, in, n);
	name[n] = '\0';
	return all_zero(in + n, PSNAP_NEEDS_LEN - n);
}

int
file_header_decode(struct file_header *h, const uint8_t *in, size_t got, struct snap_error *err)
{
	uint64_t unknown;
	bool named;

	/* HDR-1: what there is of the magic must be right */
	if (memcmp(in, PSNAP_MAGIC, got < PSNAP_MAGIC_LEN ? got : PSNAP_MAGIC_LEN) != 0 || got == 0)
		return error_set(err, SNAP_E_NOT_SNAPSHOT, "HDR-1", 0, "not a PSNAP snapshot");
	if (got < PSNAP_HDR_LEN)
		return error_set(err, SNAP_E_TRUNCATED, "HDR-1", got, "file ends in its header");
	if (psnap_get32(in + PSNAP_HDR_CRC) != crc32c(in, PSNAP_HDR_CRC))	/* HDR-2 */
		return error_set(err, SNAP_E_CORRUPT, "HDR-2", PSNAP_HDR_CRC,
		    "file header checksum does not match");
	h->major = psnap_get16(in + PSNAP_HDR_MAJOR);
	h->minor = psnap_get16(in + PSNAP_HDR_MINOR);
	named = decode_needs(h->needs, in + PSNAP_HDR_NEEDS);
	if (h->major == 0 || h->major > PSNAP_VERSION_MAJOR)			/* HDR-3 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-3", PSNAP_HDR_MAJOR,
		    "format version %u.%u%s%s; this library reads up to %u", h->major, h->minor,
		    h->needs[0] != '\0' ? " for feature " : "", h->needs, PSNAP_VERSION_MAJOR);
	h->incompat = psnap_get64(in + PSNAP_HDR_INCOMPAT);
	h->compat = psnap_get64(in + PSNAP_HDR_COMPAT);
	h->autoclear = psnap_get64(in + PSNAP_HDR_AUTOCLEAR);
	unknown = h->incompat & ~PSNAP_INCOMPAT_KNOWN;
	if (unknown & PSNAP_INCOMPAT_PARENT)					/* HDR-4 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-4", PSNAP_HDR_INCOMPAT,
		    "needs feature \"parent\": pages of a parent snapshot");
	if (unknown != 0)
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-4", PSNAP_HDR_INCOMPAT,
		    "needs feature bit %u%s%s, which this library does not know", lowest_bit(unknown),
		    h->needs[0] != '\0' ? ", " : "", h->needs);
	if (psnap_get32(in + PSNAP_HDR_HEADER_LEN) != PSNAP_HDR_LEN)		/* HDR-5 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-5", PSNAP_HDR_HEADER_LEN,
		    "file header of %u bytes", psnap_get32(in + PSNAP_HDR_HEADER_LEN));
	h->page_shift = in[PSNAP_HDR_PAGE_SHIFT];
	if (h->page_shift < PSNAP_PAGE_SHIFT_MIN || h->page_shift > PSNAP_PAGE_SHIFT_MAX) /* HDR-6 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-6", PSNAP_HDR_PAGE_SHIFT,
		    "page size 2^%u", h->page_shift);
	if (in[PSNAP_HDR_HASH] != PSNAP_HASH_BLAKE2B_256)			/* HDR-7 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-7", PSNAP_HDR_HASH,
		    "hash algorithm %u", in[PSNAP_HDR_HASH]);
	if (in[PSNAP_HDR_CHECKSUM] != PSNAP_CHECKSUM_CRC32C)
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-7", PSNAP_HDR_CHECKSUM,
		    "checksum algorithm %u", in[PSNAP_HDR_CHECKSUM]);
	if (!all_zero(in + PSNAP_HDR_RESERVED, PSNAP_HDR_CRC - PSNAP_HDR_RESERVED)) /* HDR-8 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-8", PSNAP_HDR_RESERVED,
		    "reserved bytes of the file header are in use");
	if (!named)								/* HDR-9 */
		return error_set(err, SNAP_E_UNSUPPORTED, "HDR-9", PSNAP_HDR_NEEDS,
		    "the name of what it needs is none");
	return 0;
}

/* ---- trailer ---- */

void
trailer_encode(uint8_t out[PSNAP_TRL_LEN], const struct trailer *t)
{
	memset(out, 0, PSNAP_TRL_LEN);
	memcpy(out + PSNAP_TRL_OFF_MAGIC, PSNAP_TRL_MAGIC, 8);
	psnap_put64(out + PSNAP_TRL_FILE_LEN, t->file_length);
	psnap_put64(out + PSNAP_TRL_DIR_OFFSET, t->dir_offset);
	psnap_put32(out + PSNAP_TRL_DIR_LENGTH, t->dir_length);
	memcpy(out + PSNAP_TRL_ROOT, t->root, PSNAP_DIGEST_LEN);
	psnap_put64(out + PSNAP_TRL_BLOCKS, t->blocks);
	psnap_put64(out + PSNAP_TRL_OBJECTS, t->objects);
	psnap_put64(out + PSNAP_TRL_STORED, t->stored_pages);
	psnap_put64(out + PSNAP_TRL_ZERO, t->zero_pages);
	psnap_put32(out + PSNAP_TRL_CRC, crc32c(out, PSNAP_TRL_CRC));
}

int
trailer_decode(struct trailer *t, const uint8_t in[PSNAP_TRL_LEN], uint64_t offset,
    struct snap_error *err)
{
	uint64_t end = offset + PSNAP_TRL_LEN;

	t->file_length = psnap_get64(in + PSNAP_TRL_FILE_LEN);
	if (memcmp(in + PSNAP_TRL_OFF_MAGIC, PSNAP_TRL_MAGIC, 8) != 0) {	/* TRL-1 */
		/* a trailer that knows the file's length is one, damaged */
		if (t->file_length == end)
			return error_set(err, SNAP_E_CORRUPT, "TRL-1", offset, "trailer magic is damaged");
		return error_set(err, SNAP_E_TRUNCATED, "TRL-1", offset,
		    "file does not end with a trailer: it is cut short, or something follows it");
	}
	if (psnap_get32(in + PSNAP_TRL_CRC) != crc32c(in, PSNAP_TRL_CRC))	/* TRL-2 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-2", offset + PSNAP_TRL_CRC,
		    "trailer checksum does not match");
	if (t->file_length != end)						/* TRL-3 */
		return error_set(err, t->file_length > end ? SNAP_E_TRUNCATED : SNAP_E_CORRUPT,
		    "TRL-3", offset + PSNAP_TRL_FILE_LEN,
		    "trailer tells a file of %llu bytes, this one has %llu",
		    (unsigned long long)t->file_length, (unsigned long long)end);
	t->dir_offset = psnap_get64(in + PSNAP_TRL_DIR_OFFSET);
	t->dir_length = psnap_get32(in + PSNAP_TRL_DIR_LENGTH);
	if (t->dir_offset < PSNAP_HDR_LEN || t->dir_offset > offset ||
	    t->dir_length < PSNAP_BLK_LEN || t->dir_length != offset - t->dir_offset) /* TRL-4 */
		return error_set(err, SNAP_E_CORRUPT, "TRL-4", offset + PSNAP_TRL_DIR_OFFSET,
		    "directory is not just before the trailer");
	if (!all_zero(in + PSNAP_TRL_RESERVED1, 4) ||
	    !all_zero(in + PSNAP_TRL_RESERVED2, PSNAP_TRL_CRC - PSNAP_TRL_RESERVED2)) /* TRL-5 */
		return error_set(err, SNAP_E_UNSUPPORTED, "TRL-5", offset + PSNAP_TRL_RESERVED1,
		    "reserved bytes of the trailer are in use");
	memcpy(t->root, in + PSNAP_TRL_ROOT, PSNAP_DIGEST_LEN);
	t->blocks = psnap_get64(in + PSNAP_TRL_BLOCKS);
	t->objects = psnap_get64(in + PSNAP_TRL_OBJECTS);
	t->stored_pages = psnap_get64(in + PSNAP_TRL_STORED);
	t->zero_pages = psnap_get64(in + PSNAP_TRL_ZERO);
	return 0;
}

/* ---- block header ---- */

void
block_header_encode(uint8_t out[PSNAP_BLK_LEN], const struct block_header *h)
{
	memset(out, 0, PSNAP_BLK_LEN);
	memcpy(out + PSNAP_BLK_OFF_MAGIC, PSNAP_BLK_MAGIC, PSNAP_BLK_MAGIC_LEN);
	out[PSNAP_BLK_OFF_TYPE] = h->type;
	out[PSNAP_BLK_OFF_CODEC] = h->codec;
	psnap_put16(out + PSNAP_BLK_OFF_FLAGS, h->flags);
	psnap_put32(out + PSNAP_BLK_OFF_SEQ, h->seq);
	psnap_put32(out + PSNAP_BLK_OFF_COUNT, h->count);
	psnap_put32(out + PSNAP_BLK_OFF_AUX_LEN, h->aux_len);
	psnap_put32(out + PSNAP_BLK_OFF_STORED, h->stored_len);
	psnap_put32(out + PSNAP_BLK_OFF_RAW, h->raw_len);
	psnap_put32(out + PSNAP_BLK_OFF_TABLE, h->table);
	psnap_put32(out + PSNAP_BLK_OFF_AUX_CRC, h->aux_crc);
	psnap_put32(out + PSNAP_BLK_OFF_DATA_CRC, h->data_crc);
	psnap_put32(out + PSNAP_BLK_OFF_CRC, crc32c(out, PSNAP_BLK_OFF_CRC));
}

/* What each type allows; in the order of the rules. */
static int
header_by_type(const struct block_header *h, uint64_t offset, uint32_t page_shift,
    struct snap_error *err)
{
	bool pages = h->type == PSNAP_BLOCK_PAGES;

	if (h->codec > PSNAP_CODEC_ZSTD)					/* BLK-4 */
		return error_set(err, SNAP_E_UNSUPPORTED, "BLK-4", offset + PSNAP_BLK_OFF_CODEC,
		    "codec %u", h->codec);
	if (h->flags & ~PSNAP_BLK_F_ALIGNED)					/* BLK-5 */
		return error_set(err, SNAP_E_UNSUPPORTED, "BLK-5", offset + PSNAP_BLK_OFF_FLAGS,
		    "block flags 0x%x", h->flags);
	if (h->flags & PSNAP_BLK_F_ALIGNED && (!pages || h->codec != PSNAP_CODEC_NONE))
		return error_set(err, SNAP_E_CORRUPT, "BLK-5", offset + PSNAP_BLK_OFF_FLAGS,
		    "only uncompressed page blocks can be aligned");
	if ((h->type == PSNAP_BLOCK_INDEX) != (h->table != 0))			/* BLK-6 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-6", offset + PSNAP_BLK_OFF_TABLE,
		    "table %u in a block of type %u", h->table, h->type);
	if (h->table > PSNAP_TABLE_DIRECTORY)
		return error_set(err, SNAP_E_UNSUPPORTED, "BLK-6", offset + PSNAP_BLK_OFF_TABLE,
		    "table %u", h->table);
	if (h->raw_len > PSNAP_MAX_BLOCK_RAW)					/* LIM-2 */
		return error_set(err, SNAP_E_CORRUPT, "LIM-2", offset + PSNAP_BLK_OFF_RAW,
		    "block of %u bytes", h->raw_len);
	if (h->codec == PSNAP_CODEC_NONE ? h->stored_len != h->raw_len :
	    h->stored_len > BLOCK_STORED_MAX)					/* BLK-7 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-7", offset + PSNAP_BLK_OFF_STORED,
		    "%u bytes stored for %u", h->stored_len, h->raw_len);
	if (pages ? h->aux_len % PSNAP_RUN_LEN != 0 : h->aux_len != 0)		/* BLK-8 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-8", offset + PSNAP_BLK_OFF_AUX_LEN,
		    "%u bytes of aux in a block of type %u", h->aux_len, h->type);
	if (h->aux_len / PSNAP_RUN_LEN > PSNAP_MAX_BLOCK_RUNS)			/* LIM-4 */
		return error_set(err, SNAP_E_CORRUPT, "LIM-4", offset + PSNAP_BLK_OFF_AUX_LEN,
		    "%u runs in a block", h->aux_len / PSNAP_RUN_LEN);
	if (pages && h->count > PSNAP_MAX_BLOCK_PAGES)				/* LIM-3 */
		return error_set(err, SNAP_E_CORRUPT, "LIM-3", offset + PSNAP_BLK_OFF_COUNT,
		    "%u pages in a block", h->count);
	if (pages && (uint64_t)h->count << page_shift != h->raw_len)		/* BLK-13 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-13", offset + PSNAP_BLK_OFF_COUNT,
		    "%u pages in %u bytes", h->count, h->raw_len);
	if (h->type == PSNAP_BLOCK_PAD && (h->count != 0 || h->codec != PSNAP_CODEC_NONE)) /* BLK-14 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-14", offset + PSNAP_BLK_OFF_COUNT,
		    "padding with content");
	return 0;
}

int
block_header_decode(struct block_header *h, const uint8_t in[PSNAP_BLK_LEN], uint64_t offset,
    uint32_t seq, uint32_t page_shift, struct snap_error *err)
{
	int r;

	if (memcmp(in + PSNAP_BLK_OFF_MAGIC, PSNAP_BLK_MAGIC, PSNAP_BLK_MAGIC_LEN) != 0) /* BLK-1 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-1", offset, "no block begins here");
	if (psnap_get32(in + PSNAP_BLK_OFF_CRC) != crc32c(in, PSNAP_BLK_OFF_CRC))	/* BLK-2 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-2", offset + PSNAP_BLK_OFF_CRC,
		    "block header checksum does not match");
	h->type = in[PSNAP_BLK_OFF_TYPE];
	h->codec = in[PSNAP_BLK_OFF_CODEC];
	h->flags = psnap_get16(in + PSNAP_BLK_OFF_FLAGS);
	h->seq = psnap_get32(in + PSNAP_BLK_OFF_SEQ);
	h->count = psnap_get32(in + PSNAP_BLK_OFF_COUNT);
	h->aux_len = psnap_get32(in + PSNAP_BLK_OFF_AUX_LEN);
	h->stored_len = psnap_get32(in + PSNAP_BLK_OFF_STORED);
	h->raw_len = psnap_get32(in + PSNAP_BLK_OFF_RAW);
	h->table = psnap_get32(in + PSNAP_BLK_OFF_TABLE);
	h->aux_crc = psnap_get32(in + PSNAP_BLK_OFF_AUX_CRC);
	h->data_crc = psnap_get32(in + PSNAP_BLK_OFF_DATA_CRC);
	if (h->type < PSNAP_BLOCK_META || h->type > PSNAP_BLOCK_PAD)			/* BLK-3 */
		return error_set(err, SNAP_E_UNSUPPORTED, "BLK-3", offset + PSNAP_BLK_OFF_TYPE,
		    "block type %u", h->type);
	if ((r = header_by_type(h, offset, page_shift, err)) != 0)
		return r;
	if (!all_zero(in + PSNAP_BLK_OFF_RESERVED, 4))					/* BLK-15 */
		return error_set(err, SNAP_E_UNSUPPORTED, "BLK-15", offset + PSNAP_BLK_OFF_RESERVED,
		    "reserved bytes of the block header are in use");
	if (h->seq != seq)								/* BLK-16 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-16", offset + PSNAP_BLK_OFF_SEQ,
		    "sequence number %u, expected %u", h->seq, seq);
	return 0;
}

/* ---- block body ---- */

void
run_decode(struct run *r, const uint8_t in[PSNAP_RUN_LEN])
{
	r->owner = psnap_get64(in + PSNAP_RUN_OFF_OWNER);
	r->first = psnap_get64(in + PSNAP_RUN_OFF_FIRST);
	r->count = psnap_get32(in + PSNAP_RUN_OFF_COUNT);
	r->kind = psnap_get32(in + PSNAP_RUN_OFF_KIND);
}

static int
run_table_check(const struct block_header *h, const uint8_t *aux, uint64_t offset,
    uint32_t page_shift, uint64_t incompat, struct snap_error *err)
{
	uint64_t stored = 0, at = offset + PSNAP_BLK_LEN;
	struct run r;

	for (uint32_t i = 0; i < h->aux_len; i += PSNAP_RUN_LEN) {
		run_decode(&r, aux + i);
		if (r.kind > PSNAP_RUN_PARENT)						/* RUN-1 */
			return error_set(err, SNAP_E_UNSUPPORTED, "RUN-1", at + i + PSNAP_RUN_OFF_KIND,
			    "run of kind %u", r.kind);
		if (r.kind == PSNAP_RUN_PARENT && !(incompat & PSNAP_INCOMPAT_PARENT))
			return error_set(err, SNAP_E_CORRUPT, "RUN-1", at + i + PSNAP_RUN_OFF_KIND,
			    "pages of a parent, but the snapshot has none");
		if (r.owner == 0)							/* RUN-2 */
			return error_set(err, SNAP_E_CORRUPT, "RUN-2", at + i, "run without an owner");
		if (r.count == 0)							/* RUN-3 */
			return error_set(err, SNAP_E_CORRUPT, "RUN-3", at + i + PSNAP_RUN_OFF_COUNT,
			    "run of no pages");
		if (r.first > (UINT64_MAX >> page_shift) - r.count)			/* RUN-4 */
			return error_set(err, SNAP_E_CORRUPT, "RUN-4", at + i + PSNAP_RUN_OFF_FIRST,
			    "run ends beyond the last address");
		if (r.kind == PSNAP_RUN_STORED)
			stored += r.count;
	}
	if (stored != h->count)								/* RUN-5 */
		return error_set(err, SNAP_E_CORRUPT, "RUN-5", offset + PSNAP_BLK_OFF_COUNT,
		    "%u pages in the block, %llu in its runs", h->count, (unsigned long long)stored);
	return 0;
}

static int
aux_check(const struct block_header *h, const uint8_t *aux, uint64_t offset, struct snap_error *err)
{
	if (h->aux_crc != crc32c(aux, h->aux_len))					/* BLK-9 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-9", offset + PSNAP_BLK_LEN,
		    "checksum of the run table does not match");
	return 0;
}

int
block_runs_check(const struct block_header *h, const uint8_t *aux, uint64_t offset,
    uint32_t page_shift, uint64_t incompat, struct snap_error *err)
{
	int r = aux_check(h, aux, offset, err);

	return r != 0 ? r : run_table_check(h, aux, offset, page_shift, incompat, err);
}

int
block_body_check(const struct block_header *h, const uint8_t *body, uint64_t offset,
    uint32_t page_shift, uint64_t incompat, struct snap_error *err)
{
	const uint8_t *data = body + h->aux_len;
	int r;

	if ((r = aux_check(h, body, offset, err)) != 0)
		return r;
	if (h->data_crc != crc32c(data, h->stored_len))					/* BLK-10 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-10", offset + PSNAP_BLK_LEN + h->aux_len,
		    "checksum of the block does not match");
	if (h->flags & PSNAP_BLK_F_ALIGNED &&
	    (offset + PSNAP_BLK_LEN + h->aux_len) % (UINT64_C(1) << page_shift) != 0)	/* BLK-17 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-17", offset,
		    "pages of an aligned block start at 0x%llx",
		    (unsigned long long)(offset + PSNAP_BLK_LEN + h->aux_len));
	if (h->type == PSNAP_BLOCK_PAD && !all_zero(data, h->stored_len))		/* BLK-14 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-14", offset + PSNAP_BLK_LEN,
		    "padding with content");
	if (h->type == PSNAP_BLOCK_PAGES)
		return run_table_check(h, body, offset, page_shift, incompat, err);
	return 0;
}

int
block_payload(const struct block_header *h, const uint8_t *body, uint64_t offset, uint8_t *out,
    struct ZSTD_DCtx_s *zstd, struct snap_error *err)
{
	const uint8_t *data = body + h->aux_len;
	uint64_t at = offset + PSNAP_BLK_LEN + h->aux_len;
	size_t n;

	if (h->codec == PSNAP_CODEC_NONE) {
		if (h->raw_len > 0)
			memcpy(out, data, h->raw_len);
		return 0;
	}
	/* the magic by hand: libzstd also takes skippable frames and those of its first versions */
	if (h->stored_len < 4 || psnap_get32(data) != ZSTD_MAGICNUMBER ||
	    ZSTD_getFrameContentSize(data, h->stored_len) != h->raw_len ||
	    ZSTD_findFrameCompressedSize(data, h->stored_len) != h->stored_len)		/* BLK-11 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-11", at,
		    "not one zstd frame of %u bytes", h->raw_len);
	n = ZSTD_decompressDCtx(zstd, out, h->raw_len, data, h->stored_len);
	if (ZSTD_isError(n) || n != h->raw_len)						/* BLK-12 */
		return error_set(err, SNAP_E_CORRUPT, "BLK-12", at, "zstd: %s",
		    ZSTD_isError(n) ? ZSTD_getErrorName(n) : "wrong length");
	return 0;
}
