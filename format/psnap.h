/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The PSNAP container: every constant and offset of the bytes around the
 * object records.  spec/psnap.md is the authority; the rule names in the
 * comments (BLK-3) are its headings.  All integers are little-endian, all
 * offsets are in bytes, all structures are read and written field by field:
 * nothing here is overlaid on input.
 *
 * Free-standing: fit for kernel code.
 */
#ifndef FORMAT_PSNAP_H
#define FORMAT_PSNAP_H

#include <stddef.h>
#include <stdint.h>

/*
 * File := header block* index-block+ directory-block trailer
 *
 * Blocks are numbered from 0 in file order (their sequence number); index
 * blocks and the directory go on counting.  A writer appends only.
 */

/* ---- file header (HDR) ------------------------------------------------ */
#define PSNAP_MAGIC		"\x89PSNAP\r\n"	/* 8 bytes, no NUL */
#define PSNAP_MAGIC_LEN		8
/* The newest this library reads; a writer uses the lowest that holds its content. */
#define PSNAP_VERSION_MAJOR	2
#define PSNAP_VERSION_MINOR	1

#define PSNAP_HDR_LEN		64
#define PSNAP_HDR_MAGIC		0	/* 8 bytes */
#define PSNAP_HDR_MAJOR		8	/* u16 */
#define PSNAP_HDR_MINOR		10	/* u16 */
#define PSNAP_HDR_HEADER_LEN	12	/* u32, PSNAP_HDR_LEN */
#define PSNAP_HDR_INCOMPAT	16	/* u64, refuse unknown bits */
#define PSNAP_HDR_COMPAT	24	/* u64, ignore unknown bits */
#define PSNAP_HDR_AUTOCLEAR	32	/* u64, clear unknown bits when rewriting */
#define PSNAP_HDR_PAGE_SHIFT	40	/* u8, log2 of the page size: 12..16 */
#define PSNAP_HDR_HASH		41	/* u8, enum psnap_hash */
#define PSNAP_HDR_CHECKSUM	42	/* u8, enum psnap_checksum */
#define PSNAP_HDR_NEEDS		43	/* 16 bytes: ASCII name of the newest thing a reader must know */
#define PSNAP_HDR_RESERVED	59	/* 1 byte of zero */
#define PSNAP_HDR_CRC		60	/* u32 over bytes 0..59 */

#define PSNAP_PAGE_SHIFT_MIN	12
#define PSNAP_PAGE_SHIFT_MAX	16

#define PSNAP_NEEDS_LEN		16	/* zeros behind the name, if it is shorter */
#define PSNAP_NEEDS_2_0		"signal-sets"
#define PSNAP_NEEDS_2_1		"ipc+sockets+net"

/* sid and pgid of what is outside the tree's pid namespace and has no number in it (SES-1, PGR-1) */
#define PSNAP_NO_NUMBER		INT32_MAX

enum psnap_hash {
	PSNAP_HASH_BLAKE2B_256	= 1,
};
#define PSNAP_DIGEST_LEN	32

enum psnap_checksum {
	PSNAP_CHECKSUM_CRC32C	= 1,	/* Castagnoli, reflected, init and xor ~0 */
};

/* Feature bits.  Whoever adds one names it in spec/psnap.md, section FEAT. */
#define PSNAP_INCOMPAT_PARENT	(UINT64_C(1) << 0)	/* pages may be the parent's */
#define PSNAP_INCOMPAT_KNOWN	UINT64_C(0)	/* what this library reads */
#define PSNAP_COMPAT_KNOWN	UINT64_C(0)
#define PSNAP_AUTOCLEAR_KNOWN	UINT64_C(0)

/* ---- block header (BLK) ----------------------------------------------- */
/* block := header aux payload;  aux is not compressed, payload may be. */
#define PSNAP_BLK_MAGIC		"PBK1"	/* 4 bytes, no NUL */
#define PSNAP_BLK_MAGIC_LEN	4

#define PSNAP_BLK_LEN		48
#define PSNAP_BLK_OFF_MAGIC	0	/* 4 bytes */
#define PSNAP_BLK_OFF_TYPE	4	/* u8, enum psnap_block_type */
#define PSNAP_BLK_OFF_CODEC	5	/* u8, enum psnap_codec */
#define PSNAP_BLK_OFF_FLAGS	6	/* u16, PSNAP_BLK_F_* */
#define PSNAP_BLK_OFF_SEQ	8	/* u32, sequence number */
#define PSNAP_BLK_OFF_COUNT	12	/* u32, records, pages or entries */
#define PSNAP_BLK_OFF_AUX_LEN	16	/* u32, bytes of aux */
#define PSNAP_BLK_OFF_STORED	20	/* u32, bytes of payload in the file */
#define PSNAP_BLK_OFF_RAW	24	/* u32, bytes of payload decompressed */
#define PSNAP_BLK_OFF_TABLE	28	/* u32, enum psnap_table in an index block, else 0 */
#define PSNAP_BLK_OFF_AUX_CRC	32	/* u32 over aux */
#define PSNAP_BLK_OFF_DATA_CRC	36	/* u32 over the stored payload */
#define PSNAP_BLK_OFF_RESERVED	40	/* u32, 0 */
#define PSNAP_BLK_OFF_CRC	44	/* u32 over bytes 0..43 */

#define PSNAP_BLK_F_ALIGNED	0x0001	/* raw pages; payload starts at a multiple of the page size */

enum psnap_block_type {
	PSNAP_BLOCK_META	= 1,	/* object records */
	PSNAP_BLOCK_PAGES	= 2,	/* page contents; aux is the run table */
	PSNAP_BLOCK_INDEX	= 3,	/* a chunk of a table, or the directory */
	PSNAP_BLOCK_PAD		= 4,	/* zeros, so that the next payload is aligned */
};

enum psnap_codec {
	PSNAP_CODEC_NONE	= 0,
	PSNAP_CODEC_ZSTD	= 1,	/* one independent frame, content size in its header */
};

/* Limits a writer keeps and a reader enforces before it allocates (LIM). */
#define PSNAP_MAX_RECORD	(16u << 20)	/* payload bytes of one record */
#define PSNAP_MAX_BLOCK_RAW	(32u << 20)	/* raw payload of any block */
#define PSNAP_MAX_BLOCK_PAGES	4096u		/* stored pages of a page block */
#define PSNAP_MAX_BLOCK_RUNS	8192u		/* run entries in aux */
#define PSNAP_MAX_BLOCKS	UINT32_MAX	/* sequence numbers are 32 bits */

/* ---- object record (REC), back to back in a META payload --------------- */
#define PSNAP_REC_LEN		16	/* header; payload follows */
#define PSNAP_REC_OFF_KIND	0	/* u16, enum Kind of format/common.proto */
#define PSNAP_REC_OFF_REVISION	2	/* u8, revision of the kind, 0 in version 1 */
#define PSNAP_REC_OFF_CRITICAL	3	/* u8, enum psnap_criticality */
#define PSNAP_REC_OFF_LEN	4	/* u32, payload bytes */
#define PSNAP_REC_OFF_ID	8	/* u64, object id, unique in the file, not 0 */

/* What a reader does with a record whose kind or revision it does not know. */
enum psnap_criticality {
	PSNAP_CRITICAL_REFUSE	= 0,
	PSNAP_CRITICAL_WARN	= 1,	/* say so, carry it unchanged */
	PSNAP_CRITICAL_CARRY	= 2,	/* carry it unchanged */
};

/* ---- run table in the aux of a PAGES block (RUN) ------------------------ */
/*
 * A run is `count` consecutive pages of one owner (an address space or a
 * memory object), starting with page number `first`: in an address space the
 * address shifted right by the page shift, in a memory object the offset
 * shifted likewise.  Stored runs take their pages from the payload in order;
 * zero runs have none.
 */
#define PSNAP_RUN_LEN		24
#define PSNAP_RUN_OFF_OWNER	0	/* u64, object id */
#define PSNAP_RUN_OFF_FIRST	8	/* u64, page number */
#define PSNAP_RUN_OFF_COUNT	16	/* u32, pages, not 0 */
#define PSNAP_RUN_OFF_KIND	20	/* u32, enum psnap_run_kind */

enum psnap_run_kind {
	PSNAP_RUN_STORED	= 0,
	PSNAP_RUN_ZERO		= 1,
	PSNAP_RUN_PARENT	= 2,	/* with PSNAP_INCOMPAT_PARENT only */
};

/* ---- index tables (IDX) -------------------------------------------------- */
enum psnap_table {
	PSNAP_TABLE_BLOCKS	= 1,	/* one entry for each META, PAGES and PAD block, by sequence */
	PSNAP_TABLE_OBJECTS	= 2,	/* one entry for each record, by id */
	PSNAP_TABLE_RUNS	= 3,	/* every run, by (owner, first), none overlapping */
	PSNAP_TABLE_DIRECTORY	= 4,	/* one entry for each index block before it */
};
#define PSNAP_TABLE_CHUNK	4096u	/* entries in each index block but a table's last */

#define PSNAP_IDX_BLOCK_LEN	48
#define PSNAP_IDX_BLOCK_OFFSET	0	/* u64, of the block header in the file */
#define PSNAP_IDX_BLOCK_LENGTH	8	/* u32, header, aux and stored payload */
#define PSNAP_IDX_BLOCK_TYPE	12	/* u8 */
#define PSNAP_IDX_BLOCK_CODEC	13	/* u8 */
#define PSNAP_IDX_BLOCK_FLAGS	14	/* u16 */
#define PSNAP_IDX_BLOCK_DIGEST	16	/* 32 bytes, HASH-1 */

#define PSNAP_IDX_OBJECT_LEN	24
#define PSNAP_IDX_OBJECT_ID	0	/* u64 */
#define PSNAP_IDX_OBJECT_KIND	8	/* u16 */
#define PSNAP_IDX_OBJECT_RESERVED 10	/* u16, 0 */
#define PSNAP_IDX_OBJECT_BLOCK	12	/* u32, sequence number */
#define PSNAP_IDX_OBJECT_OFFSET	16	/* u32, of the record header in the raw payload */
#define PSNAP_IDX_OBJECT_LENGTH	20	/* u32, payload bytes */

#define PSNAP_IDX_RUN_LEN	32
#define PSNAP_IDX_RUN_OWNER	0	/* u64 */
#define PSNAP_IDX_RUN_FIRST	8	/* u64 */
#define PSNAP_IDX_RUN_COUNT	16	/* u32 */
#define PSNAP_IDX_RUN_KIND	20	/* u32 */
#define PSNAP_IDX_RUN_BLOCK	24	/* u32, sequence number; 0 unless stored */
#define PSNAP_IDX_RUN_PAGE	28	/* u32, first page's position in the raw payload; 0 unless stored */

#define PSNAP_IDX_DIR_LEN	72
#define PSNAP_IDX_DIR_TABLE	0	/* u32, enum psnap_table */
#define PSNAP_IDX_DIR_COUNT	4	/* u32, entries */
#define PSNAP_IDX_DIR_OFFSET	8	/* u64, of the index block */
#define PSNAP_IDX_DIR_LENGTH	16	/* u32, header and stored payload */
#define PSNAP_IDX_DIR_RESERVED	20	/* u32, 0 */
#define PSNAP_IDX_DIR_KEY	24	/* u64, first entry's sequence, id or owner */
#define PSNAP_IDX_DIR_KEY2	32	/* u64, first entry's page number in RUNS, else 0 */
#define PSNAP_IDX_DIR_DIGEST	40	/* 32 bytes, HASH-2 */

/* ---- trailer (TRL), the last 128 bytes ---------------------------------- */
#define PSNAP_TRL_MAGIC		"PSNAPEND"	/* 8 bytes, no NUL */
#define PSNAP_TRL_LEN		128
#define PSNAP_TRL_OFF_MAGIC	0	/* 8 bytes */
#define PSNAP_TRL_FILE_LEN	8	/* u64, the whole file's, this trailer included */
#define PSNAP_TRL_DIR_OFFSET	16	/* u64, of the directory block */
#define PSNAP_TRL_DIR_LENGTH	24	/* u32, header and stored payload */
#define PSNAP_TRL_RESERVED1	28	/* u32, 0 */
#define PSNAP_TRL_ROOT		32	/* 32 bytes, HASH-3 */
#define PSNAP_TRL_BLOCKS	64	/* u64, META, PAGES and PAD blocks */
#define PSNAP_TRL_OBJECTS	72	/* u64, records */
#define PSNAP_TRL_STORED	80	/* u64, stored pages */
#define PSNAP_TRL_ZERO		88	/* u64, zero pages */
#define PSNAP_TRL_RESERVED2	96	/* 28 bytes of zero */
#define PSNAP_TRL_CRC		124	/* u32 over bytes 0..123 */

/*
 * The hash tree (HASH): BLAKE2b-256 with a leading domain byte.
 *   HASH-1  leaf   = H(0x00 || block as stored: header, aux, payload)
 *   HASH-2  chunk  = H(0x01 || index block as stored)
 *   HASH-3  root   = H(0x02 || file header || directory block as stored)
 * The BLOCKS table holds the leaves, the directory the chunks, the trailer the root.
 */
#define PSNAP_HASH_LEAF		0x00
#define PSNAP_HASH_CHUNK	0x01
#define PSNAP_HASH_ROOT		0x02

/* ---- versions ------------------------------------------------------------- */
static inline int
psnap_version_is_known(uint16_t major, uint16_t minor)
{
	return (major == 1 || major == 2) && minor <= 1;
}

/* ---- integers ------------------------------------------------------------ */
static inline uint16_t
psnap_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] | p[1] << 8);
}

static inline uint32_t
psnap_get32(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline uint64_t
psnap_get64(const uint8_t *p)
{
	return psnap_get32(p) | (uint64_t)psnap_get32(p + 4) << 32;
}

static inline void
psnap_put16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)v;
	p[1] = (uint8_t)(v >> 8);
}

static inline void
psnap_put32(uint8_t *p, uint32_t v)
{
	psnap_put16(p, (uint16_t)v);
	psnap_put16(p + 2, (uint16_t)(v >> 16));
}

static inline void
psnap_put64(uint8_t *p, uint64_t v)
{
	psnap_put32(p, (uint32_t)v);
	psnap_put32(p + 4, (uint32_t)(v >> 32));
}

#endif
