/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * ELF core of one process, for debuggers: registers.c makes machine state,
 * notes.c the notes, segments.c the memory, core.c the file.
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
	bool		native32;	/* taken on an i386 kernel, which has other selectors */
	uint32_t	page;
	uint32_t	xcr0;		/* components the XSTATE notes have */
	uint32_t	ticks;		/* clock ticks a second */
	const struct snap_object *const *maps;
	size_t		nmaps;
};

/* Bits of XCR0 (Intel's manual). */
#define XCR0_X87	(1u << 0)
#define XCR0_SSE	(1u << 1)
#define XCR0_AVX	(1u << 2)
#define XCR0_AVX512	(7u << 5)	/* opmask, zmm high halves, zmm16 to 31: all or none */
#define XCR0_PKRU	(1u << 9)

#define FXSAVE_LEN	512
#define FSAVE_LEN	108
#define XSAVE_MAX	2696
#define REGSET_MAX	(27 * 8)

/* Machine state from names to what notes hold; an absent FPU is in its initial state. */
size_t	core_regset(const struct core *c, const Psnap__X86Registers *r, uint8_t out[REGSET_MAX]);
void	core_fxsave(const Psnap__Fpu *f, uint8_t out[FXSAVE_LEN]);
void	core_fsave(const Psnap__Fpu *f, uint8_t out[FSAVE_LEN]);
size_t	core_xsave(const struct core *c, const Psnap__Fpu *f, uint8_t out[XSAVE_MAX]);
uint32_t core_xcr0(const struct core *c, const Psnap__Host *host);
/* struct user_desc of one slot; t is NULL if it is empty. */
void	core_tls(const struct core *c, uint32_t slot, const Psnap__TlsDescriptor *t, struct buf *b);


/* All notes, in the order a kernel writes them. */
int	core_notes(struct core *c, struct buf *out, struct snap_error *err);

/* A stretch of a mapping that comes from one place. */
struct segment {
	uint64_t	start, end;	/* addresses */
	uint32_t	flags;		/* PF_* */
	bool		held;		/* its bytes are in the file */
	bool		joined;		/* continues the program header of the one before */
	uint64_t	owner, base;	/* bytes of owner from offset base on; owner 0: zeros */
};
struct segments {
	struct segment	*v;
	size_t		n, cap;
	size_t		loads;		/* program headers they make */
};
/* Every mapping, cut where pages are held and where they are not. */
int	core_segments(struct core *c, struct segments *out, struct snap_error *err);

#endif
