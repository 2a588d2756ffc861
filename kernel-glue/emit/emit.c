/* SPDX-License-Identifier: BSD-2-Clause */
#include "kernel-glue/emit/emit.h"

/* Free-standing: declared here, since there may be no <string.h>. */
void *memcpy(void *restrict, const void *restrict, size_t);

/* Protobuf wire types (protobuf.dev, "Encoding"). */
enum { WIRE_VARINT = 0, WIRE_LEN = 2 };

#define VARINT_MAX	10	/* bytes of a 64-bit varint */
#define MOVE_CHUNK	128	/* of stack, by which content moves */

void
glue_emit_init(struct glue_emit *e, void *buf, size_t cap)
{
	e->buf = buf;
	e->cap = cap;
	e->active = 0;
	glue_emit_reset(e);
}

void
glue_emit_reset(struct glue_emit *e)
{
	e->len = 0;
	e->pos = 0;
}

static void
fail(struct glue_emit *e, int result)
{
	if (e->result == GLUE_EMIT_OK)
		e->result = result;
}

static void
put(struct glue_emit *e, const void *p, size_t n)
{
	if (e->result != GLUE_EMIT_OK)
		return;
	if (n > e->cap - e->pos) {
		fail(e, GLUE_EMIT_NO_ROOM);
		return;
	}
	if (n > 0)
		memcpy(e->buf + e->pos, p, n);
	e->pos += n;
}

static size_t
varint(uint8_t out[VARINT_MAX], uint64_t v)
{
	size_t n = 0;

	while (v >= 0x80) {
		out[n++] = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	out[n++] = (uint8_t)v;
	return n;
}

static size_t
varint_len(uint64_t v)
{
	size_t n = 1;

	while (v >= 0x80) {
		v >>= 7;
		n++;
	}
	return n;
}

static void
put_varint(struct glue_emit *e, uint64_t v)
{
	uint8_t b[VARINT_MAX];

	put(e, b, varint(b, v));
}

/* Every field starts here, so the order rule is kept in one place. */
static void
put_tag(struct glue_emit *e, uint32_t field, unsigned wire)
{
	if (!e->active || field < e->last[e->depth]) {
		fail(e, GLUE_EMIT_MISUSE);
		return;
	}
	e->last[e->depth] = field;
	put_varint(e, (uint64_t)field << 3 | wire);
}

void
glue_emit_begin(struct glue_emit *e, uint32_t kind, uint64_t id, enum psnap_criticality critical)
{
	uint8_t h[PSNAP_REC_LEN];

	e->result = e->active || id == 0 || kind > UINT16_MAX ? GLUE_EMIT_MISUSE : GLUE_EMIT_OK;
	e->active = 1;
	e->depth = 0;
	e->last[0] = 0;
	e->pos = e->len;
	psnap_put16(h + PSNAP_REC_OFF_KIND, (uint16_t)kind);
	h[PSNAP_REC_OFF_REVISION] = 0;
	h[PSNAP_REC_OFF_CRITICAL] = (uint8_t)critical;
	psnap_put32(h + PSNAP_REC_OFF_LEN, 0);
	psnap_put64(h + PSNAP_REC_OFF_ID, id);
	put(e, h, sizeof h);
}

int
glue_emit_end(struct glue_emit *e)
{
	size_t payload;

	if (!e->active || e->depth != 0)
		fail(e, GLUE_EMIT_MISUSE);
	e->active = 0;
	if (e->result == GLUE_EMIT_OK) {
		payload = e->pos - e->len - PSNAP_REC_LEN;
		if (payload > PSNAP_MAX_RECORD)
			fail(e, GLUE_EMIT_TOO_LARGE);
		else
			psnap_put32(e->buf + e->len + PSNAP_REC_OFF_LEN, (uint32_t)payload);
	}
	if (e->result == GLUE_EMIT_OK)
		e->len = e->pos;
	else
		e->pos = e->len;
	return e->result;
}

void
glue_emit_uint(struct glue_emit *e, uint32_t field, uint64_t value)
{
	if (value == 0)
		return;
	put_tag(e, field, WIRE_VARINT);
	put_varint(e, value);
}

void
glue_emit_int(struct glue_emit *e, uint32_t field, int64_t value)
{
	glue_emit_uint(e, field, (uint64_t)value);
}

void
glue_emit_element(struct glue_emit *e, uint32_t field, const void *p, size_t n)
{
	put_tag(e, field, WIRE_LEN);
	put_varint(e, n);
	put(e, p, n);
}

void
glue_emit_bytes(struct glue_emit *e, uint32_t field, const void *p, size_t n)
{
	if (n > 0)
		glue_emit_element(e, field, p, n);
}

void
glue_emit_string(struct glue_emit *e, uint32_t field, const char *s)
{
	size_t n = 0;

	while (s[n] != '\0')
		n++;
	glue_emit_bytes(e, field, s, n);
}

void
glue_emit_packed32(struct glue_emit *e, uint32_t field, const uint32_t *v, size_t count)
{
	size_t len = 0;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		len += varint_len(v[i]);
	put_tag(e, field, WIRE_LEN);
	put_varint(e, len);
	for (size_t i = 0; i < count; i++)
		put_varint(e, v[i]);
}

void
glue_emit_packed64(struct glue_emit *e, uint32_t field, const uint64_t *v, size_t count)
{
	size_t len = 0;

	if (count == 0)
		return;
	for (size_t i = 0; i < count; i++)
		len += varint_len(v[i]);
	put_tag(e, field, WIRE_LEN);
	put_varint(e, len);
	for (size_t i = 0; i < count; i++)
		put_varint(e, v[i]);
}

void
glue_emit_open(struct glue_emit *e, uint32_t field)
{
	put_tag(e, field, WIRE_LEN);
	if (e->depth == GLUE_EMIT_DEPTH) {
		fail(e, GLUE_EMIT_MISUSE);
		return;
	}
	e->open[e->depth++] = e->pos;
	e->last[e->depth] = 0;
}

/* Move n bytes at p up by `by`, last ones first: a memmove made of what every kernel has. */
static void
move_up(uint8_t *p, size_t n, size_t by)
{
	uint8_t chunk[MOVE_CHUNK];

	while (n > 0) {
		size_t k = n < sizeof chunk ? n : sizeof chunk;

		n -= k;
		memcpy(chunk, p + n, k);
		memcpy(p + n + by, chunk, k);
	}
}

/* The length goes in front of the content, which moves up to make place. */
void
glue_emit_close(struct glue_emit *e)
{
	uint8_t b[VARINT_MAX];
	size_t start, content, n;

	if (!e->active || e->depth == 0) {
		fail(e, GLUE_EMIT_MISUSE);
		return;
	}
	start = e->open[--e->depth];
	if (e->result != GLUE_EMIT_OK)
		return;
	content = e->pos - start;
	n = varint(b, content);
	if (n > e->cap - e->pos) {
		fail(e, GLUE_EMIT_NO_ROOM);
		return;
	}
	move_up(e->buf + start, content, n);
	memcpy(e->buf + start, b, n);
	e->pos += n;
}
