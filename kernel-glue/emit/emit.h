/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * emit: encode PSNAP object records into a bounded buffer, without allocating.
 *
 * Free-standing: it needs nothing but memcpy, keeps nothing between calls but
 * what the caller owns, takes no lock and never sleeps, so a kernel can use it
 * with locks held; tests/glue/freestanding_test builds it as kernels are built.
 *
 * A record is written whole or not at all:
 *
 *	glue_emit_begin(e, PSNAP_KIND_PIPE, id, PSNAP_CRITICAL_REFUSE);
 *	glue_emit_uint(e, PSNAP_F_PIPE_CAPACITY, capacity);
 *	if (glue_emit_end(e) == GLUE_EMIT_NO_ROOM)
 *		... hand glue_emit_bytes_ready() to the consumer, glue_emit_reset(),
 *		    and emit the same record again
 *
 * Fields must be given in ascending field number and with protobuf's proto3
 * rules (a zero scalar is left out), which makes the bytes equal to
 * protobuf-c's for the same message; a test holds the two equal.
 */
#ifndef KERNEL_GLUE_EMIT_EMIT_H
#define KERNEL_GLUE_EMIT_EMIT_H

#include "format/psnap.h"

#define GLUE_EMIT_DEPTH	8	/* nested messages */

enum glue_emit_result {
	GLUE_EMIT_OK		= 0,
	GLUE_EMIT_NO_ROOM	= -1,	/* buffer as before the record: make room, emit it again */
	GLUE_EMIT_TOO_LARGE	= -2,	/* above PSNAP_MAX_RECORD: no buffer will do */
	GLUE_EMIT_MISUSE	= -3,	/* unbalanced open/close, field order, or too deep */
};

struct glue_emit {
	uint8_t		*buf;		/* the caller's */
	size_t		cap;
	size_t		len;		/* bytes of whole records */
	size_t		pos;		/* where the record under way continues */
	size_t		open[GLUE_EMIT_DEPTH];	/* where each open message's content starts */
	uint32_t	last[GLUE_EMIT_DEPTH + 1]; /* last field number, by depth */
	unsigned	depth;
	int		result;		/* first failure of the record under way */
	int		active;		/* between begin and end */
};

/* Use buf[0..cap); nothing is written until the first record. */
void	glue_emit_init(struct glue_emit *e, void *buf, size_t cap);

/* Forget the whole records (the caller has taken buf[0..len)). */
void	glue_emit_reset(struct glue_emit *e);

/* Start a record of this kind and object id. */
void	glue_emit_begin(struct glue_emit *e, uint32_t kind, uint64_t id,
	    enum psnap_criticality critical);

/* Finish it: the first failure since begin, after which the buffer is as it was. */
int	glue_emit_end(struct glue_emit *e);

/* uint32, uint64, bool and enum fields; and int32/int64, sign-extended. */
void	glue_emit_uint(struct glue_emit *e, uint32_t field, uint64_t value);
void	glue_emit_int(struct glue_emit *e, uint32_t field, int64_t value);

/* bytes and string fields; nothing for length 0. */
void	glue_emit_bytes(struct glue_emit *e, uint32_t field, const void *p, size_t n);
void	glue_emit_string(struct glue_emit *e, uint32_t field, const char *s);

/* One element of a repeated string or bytes field: written even if empty. */
void	glue_emit_element(struct glue_emit *e, uint32_t field, const void *p, size_t n);

/* A packed repeated uint32/uint64/enum field; nothing for count 0. */
void	glue_emit_packed32(struct glue_emit *e, uint32_t field, const uint32_t *v, size_t count);
void	glue_emit_packed64(struct glue_emit *e, uint32_t field, const uint64_t *v, size_t count);

/* A nested message, present even if empty; the same field may repeat. */
void	glue_emit_open(struct glue_emit *e, uint32_t field);
void	glue_emit_close(struct glue_emit *e);

#endif
