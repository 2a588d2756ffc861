/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF core of one process, for debuggers: notes.c makes the notes, segments.c
 * the memory, core.c the file.
 */
#ifndef LIBSNAP_EXPORT_CORE_CORE_H
#define LIBSNAP_EXPORT_CORE_CORE_H

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "format/psnap_fields.h"
#include "libsnap/snap.h"

/* A growing buffer; failed once memory ran out. */
struct buf {
	uint8_t		*p;
	size_t		len, cap;
	bool		failed;
};
void	buf_put(struct buf *b, const void *p, size_t n);	/* p NULL: zeros */
void	buf_u16(struct buf *b, uint32_t v);
void	buf_u32(struct buf *b, uint32_t v);
void	buf_u64(struct buf *b, uint64_t v);
void	buf_word(struct buf *b, bool wide, uint64_t v);		/* 8 or 4 bytes */

struct core {
	struct snap	*s;
	const Psnap__Process *process;
	const Psnap__AddressSpace *space;
	bool		wide;		/* ELFCLASS64 */
	uint32_t	page;
	const struct snap_object *const *maps;
	size_t		nmaps;
};

/* All notes, in the order a kernel writes them. */
int	core_notes(struct core *c, struct buf *out, struct snap_error *err);

struct segment {
	uint64_t	start, end;	/* addresses */
	uint32_t	flags;		/* PF_* */
	bool		held;		/* its bytes are in the file */
	uint64_t	owner, base;	/* bytes of owner from offset base on */
};
struct segments {
	struct segment	*v;
	size_t		n, cap;
};
/* Every mapping, cut where pages are held and where they are not. */
int	core_segments(struct core *c, struct segments *out, struct snap_error *err);

#endif
