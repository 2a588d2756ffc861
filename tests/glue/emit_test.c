/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel-glue/emit against protobuf-c: the same message gives the same bytes,
 * and a record is written whole or not at all whatever the buffer's size.
 *
 * Messages are made at random from their descriptors (fixed seed), so that a
 * field added to the schema is covered without touching this file.
 */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include <protobuf-c/protobuf-c.h>

#include "format/file.pb-c.h"
#include "format/host.pb-c.h"
#include "format/memory.pb-c.h"
#include "format/process.pb-c.h"
#include "format/socket.pb-c.h"
#include "kernel-glue/emit/emit.h"

static const ProtobufCMessageDescriptor *const samples[] = {
	&psnap__provenance__descriptor,
	&psnap__host__descriptor,
	&psnap__instance__descriptor,
	&psnap__namespace__descriptor,
	&psnap__cgroup__descriptor,
	&psnap__coverage__descriptor,
	&psnap__process__descriptor,
	&psnap__thread__descriptor,
	&psnap__credentials__descriptor,
	&psnap__signal_handlers__descriptor,
	&psnap__address_space__descriptor,
	&psnap__mapping__descriptor,
	&psnap__memory_object__descriptor,
	&psnap__descriptor_table__descriptor,
	&psnap__open_file__descriptor,
	&psnap__file__descriptor,
	&psnap__pipe__descriptor,
	&psnap__terminal__descriptor,
	&psnap__socket__descriptor,
};
#define NSAMPLES (sizeof samples / sizeof samples[0])

/* xorshift64: the same messages on every machine. */
static uint64_t
next_random(uint64_t *seed)
{
	*seed ^= *seed << 13;
	*seed ^= *seed >> 7;
	*seed ^= *seed << 17;
	return *seed;
}

/* Small, huge and zero values alike, so that every varint length occurs. */
static uint64_t
some_number(uint64_t *seed)
{
	return next_random(seed) >> (next_random(seed) % 64) & -(next_random(seed) % 4 != 0);
}

static ProtobufCMessage *make_message(const ProtobufCMessageDescriptor *desc, uint64_t *seed, int depth);

static size_t
element_size(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM:
		return 4;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		return 8;
	case PROTOBUF_C_TYPE_BOOL:
		return sizeof(protobuf_c_boolean);
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_MESSAGE:
		return sizeof(void *);
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	default:
		atf_tc_fail("%s: a type the schema does not use", f->name);
	}
}

static void
make_value(const ProtobufCFieldDescriptor *f, void *at, uint64_t *seed, int depth)
{
	size_t n;

	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_ENUM:
		*(uint32_t *)at = (uint32_t)some_number(seed);
		break;
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_UINT64:
		*(uint64_t *)at = some_number(seed);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		*(protobuf_c_boolean *)at = next_random(seed) & 1;
		break;
	case PROTOBUF_C_TYPE_STRING: {
		char *s;

		n = next_random(seed) % 200;
		s = calloc(1, n + 1);
		memset(s, 'a' + (int)(n % 26), n);
		*(char **)at = s;
		break;
	}
	case PROTOBUF_C_TYPE_BYTES: {
		ProtobufCBinaryData *b = at;

		b->len = next_random(seed) % 300;
		b->data = calloc(1, b->len + 1);
		for (size_t i = 0; i < b->len; i++)
			b->data[i] = (uint8_t)next_random(seed);
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = make_message(f->descriptor, seed, depth + 1);
		break;
	default:
		break;
	}
}

static ProtobufCMessage *
make_message(const ProtobufCMessageDescriptor *desc, uint64_t *seed, int depth)
{
	ProtobufCMessage *m = calloc(1, desc->sizeof_message);

	ATF_REQUIRE(m != NULL);
	desc->message_init(m);
	for (unsigned i = 0; i < desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &desc->fields[i];
		void *member = (char *)m + f->offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED) {
			size_t count = next_random(seed) % 4, size = element_size(f);
			char *array = calloc(count + 1, size);

			for (size_t k = 0; k < count; k++)
				make_value(f, array + k * size, seed, depth);
			*(size_t *)((char *)m + f->quantifier_offset) = count;
			*(void **)member = array;
		} else if (f->type != PROTOBUF_C_TYPE_MESSAGE || next_random(seed) % 3 != 0) {
			make_value(f, member, seed, depth);
		}
	}
	return m;
}

static void emit_message(struct glue_emit *e, const ProtobufCMessage *m);

static void
emit_one(struct glue_emit *e, const ProtobufCFieldDescriptor *f, const void *at, bool element)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM:
		glue_emit_int(e, f->id, *(const int32_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		glue_emit_uint(e, f->id, *(const uint32_t *)at);
		break;
	case PROTOBUF_C_TYPE_INT64:
		glue_emit_int(e, f->id, *(const int64_t *)at);
		break;
	case PROTOBUF_C_TYPE_UINT64:
		glue_emit_uint(e, f->id, *(const uint64_t *)at);
		break;
	case PROTOBUF_C_TYPE_BOOL:
		glue_emit_uint(e, f->id, *(const protobuf_c_boolean *)at != 0);
		break;
	case PROTOBUF_C_TYPE_STRING:
		if (element)
			glue_emit_element(e, f->id, *(char *const *)at, strlen(*(char *const *)at));
		else
			glue_emit_string(e, f->id, *(char *const *)at);
		break;
	case PROTOBUF_C_TYPE_BYTES: {
		const ProtobufCBinaryData *b = at;

		if (element)
			glue_emit_element(e, f->id, b->data, b->len);
		else
			glue_emit_bytes(e, f->id, b->data, b->len);
		break;
	}
	case PROTOBUF_C_TYPE_MESSAGE:
		if (*(ProtobufCMessage *const *)at == NULL)
			break;
		glue_emit_open(e, f->id);
		emit_message(e, *(ProtobufCMessage *const *)at);
		glue_emit_close(e);
		break;
	default:
		break;
	}
}

static void
emit_repeated(struct glue_emit *e, const ProtobufCFieldDescriptor *f, const char *array, size_t count)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_UINT64:
		glue_emit_packed64(e, f->id, (const uint64_t *)array, count);
		break;
	case PROTOBUF_C_TYPE_UINT32:
		glue_emit_packed32(e, f->id, (const uint32_t *)array, count);
		break;
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_ENUM: {
		/* sign-extended on the wire */
		uint64_t wide[4];

		for (size_t k = 0; k < count; k++)
			wide[k] = (uint64_t)(int64_t)((const int32_t *)array)[k];
		glue_emit_packed64(e, f->id, wide, count);
		break;
	}
	default:
		for (size_t k = 0; k < count; k++)
			emit_one(e, f, array + k * element_size(f), true);
		break;
	}
}

/* Descriptors list fields by ascending number, which is emit's order too. */
static void
emit_message(struct glue_emit *e, const ProtobufCMessage *m)
{
	for (unsigned i = 0; i < m->descriptor->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &m->descriptor->fields[i];
		const void *member = (const char *)m + f->offset;

		if (f->label == PROTOBUF_C_LABEL_REPEATED)
			emit_repeated(e, f, *(char *const *)member,
			    *(const size_t *)((const char *)m + f->quantifier_offset));
		else
			emit_one(e, f, member, false);
	}
}

static int
emit_record(struct glue_emit *e, const ProtobufCMessage *m)
{
	glue_emit_begin(e, PSNAP__KIND__KIND_PROCESS, 7, PSNAP_CRITICAL_WARN);
	emit_message(e, m);
	return glue_emit_end(e);
}

ATF_TC(emit_equals_protobuf_c);
ATF_TC_HEAD(emit_equals_protobuf_c, tc)
{
	atf_tc_set_md_var(tc, "descr", "random messages of every kind encode to protobuf-c's bytes");
}
ATF_TC_BODY(emit_equals_protobuf_c, tc)
{
	static uint8_t ours[1 << 20], theirs[1 << 20];
	uint64_t seed = 0x9e3779b97f4a7c15;

	for (size_t i = 0; i < NSAMPLES; i++) {
		for (int round = 0; round < 100; round++) {
			ProtobufCMessage *m = make_message(samples[i], &seed, 0);
			size_t n = protobuf_c_message_pack(m, theirs);
			struct glue_emit e;

			glue_emit_init(&e, ours, sizeof ours);
			ATF_REQUIRE_EQ(emit_record(&e, m), GLUE_EMIT_OK);
			ATF_REQUIRE_EQ_MSG(e.len, PSNAP_REC_LEN + n, "%s: %zu bytes, protobuf-c %zu",
			    samples[i]->name, e.len - PSNAP_REC_LEN, n);
			ATF_REQUIRE_MSG(memcmp(ours + PSNAP_REC_LEN, theirs, n) == 0, "%s",
			    samples[i]->name);
			ATF_REQUIRE_EQ(psnap_get16(ours + PSNAP_REC_OFF_KIND), PSNAP__KIND__KIND_PROCESS);
			ATF_REQUIRE_EQ(ours[PSNAP_REC_OFF_CRITICAL], PSNAP_CRITICAL_WARN);
			ATF_REQUIRE_EQ(psnap_get32(ours + PSNAP_REC_OFF_LEN), n);
			ATF_REQUIRE_EQ(psnap_get64(ours + PSNAP_REC_OFF_ID), 7);
			protobuf_c_message_free_unpacked(m, NULL);
		}
	}
}

/* One record of every kind, the same every time. */
static void
make_samples(ProtobufCMessage *m[NSAMPLES])
{
	uint64_t seed = 42;

	for (size_t i = 0; i < NSAMPLES; i++)
		m[i] = make_message(samples[i], &seed, 0);
}

static void
free_samples(ProtobufCMessage *m[NSAMPLES])
{
	for (size_t i = 0; i < NSAMPLES; i++)
		protobuf_c_message_free_unpacked(m[i], NULL);
}

ATF_TC(record_is_whole_or_absent_at_every_buffer_size);
ATF_TC_HEAD(record_is_whole_or_absent_at_every_buffer_size, tc)
{
	atf_tc_set_md_var(tc, "descr", "behind another or alone, a record either fits or leaves the buffer as it was");
}
ATF_TC_BODY(record_is_whole_or_absent_at_every_buffer_size, tc)
{
	static uint8_t whole[1 << 16];
	ProtobufCMessage *m[NSAMPLES];

	make_samples(m);
	for (size_t i = 0; i < NSAMPLES; i++) {
		struct glue_emit e;
		size_t first, need;

		/* its neighbour, and it */
		glue_emit_init(&e, whole, sizeof whole);
		ATF_REQUIRE_EQ(emit_record(&e, m[(i + 1) % NSAMPLES]), GLUE_EMIT_OK);
		first = e.len;
		ATF_REQUIRE_EQ(emit_record(&e, m[i]), GLUE_EMIT_OK);
		need = e.len - first;

		for (size_t cap = 0; cap <= first + need; cap++) {
			/* exactly `cap` bytes, so that ASan sees one byte too many */
			uint8_t *buf = malloc(cap);
			int r;

			ATF_REQUIRE(cap == 0 || buf != NULL);
			glue_emit_init(&e, buf, cap);
			r = emit_record(&e, m[(i + 1) % NSAMPLES]);
			ATF_REQUIRE_EQ(r, cap < first ? GLUE_EMIT_NO_ROOM : GLUE_EMIT_OK);
			ATF_REQUIRE_EQ(e.len, cap < first ? 0 : first);
			if (cap >= first) {
				r = emit_record(&e, m[i]);
				ATF_REQUIRE_EQ(r, cap < first + need ? GLUE_EMIT_NO_ROOM : GLUE_EMIT_OK);
				ATF_REQUIRE_EQ(e.len, cap < first + need ? first : first + need);
			}
			ATF_REQUIRE(e.len == 0 || memcmp(buf, whole, e.len) == 0);
			free(buf);
		}
	}
	free_samples(m);
}

ATF_TC(retried_records_make_the_same_stream_at_every_buffer_size);
ATF_TC_HEAD(retried_records_make_the_same_stream_at_every_buffer_size, tc)
{
	atf_tc_set_md_var(tc, "descr", "room made and the record emitted again, nothing is lost or repeated");
}
ATF_TC_BODY(retried_records_make_the_same_stream_at_every_buffer_size, tc)
{
	static uint8_t whole[1 << 18], taken[1 << 18];
	ProtobufCMessage *m[NSAMPLES];
	struct glue_emit e;
	size_t len, largest = 0;

	make_samples(m);
	glue_emit_init(&e, whole, sizeof whole);
	for (size_t i = 0; i < NSAMPLES; i++) {
		len = e.len;
		ATF_REQUIRE_EQ(emit_record(&e, m[i]), GLUE_EMIT_OK);
		if (e.len - len > largest)
			largest = e.len - len;
	}
	len = e.len;

	for (size_t cap = 0; cap <= largest; cap++) {
		size_t size = cap, at = 0;
		uint8_t *buf = malloc(size);

		ATF_REQUIRE(size == 0 || buf != NULL);
		glue_emit_init(&e, buf, size);
		for (size_t i = 0; i < NSAMPLES;) {
			if (emit_record(&e, m[i]) == GLUE_EMIT_OK) {
				i++;
				continue;
			}
			if (e.len == 0) {	/* larger than the buffer */
				free(buf);
				size = size * 2 + 1;
				buf = malloc(size);
				ATF_REQUIRE(buf != NULL);
				glue_emit_init(&e, buf, size);
				continue;
			}
			ATF_REQUIRE(e.len <= sizeof taken - at);
			memcpy(taken + at, buf, e.len);
			at += e.len;
			glue_emit_reset(&e);
		}
		ATF_REQUIRE_EQ(at + e.len, len);
		memcpy(taken + at, buf, e.len);
		ATF_REQUIRE_MSG(memcmp(taken, whole, len) == 0, "with a buffer of %zu bytes", cap);
		free(buf);
	}
	free_samples(m);
}

ATF_TC_WITHOUT_HEAD(misuse_is_told_and_writes_nothing);
ATF_TC_BODY(misuse_is_told_and_writes_nothing, tc)
{
	uint8_t buf[256];
	struct glue_emit e;

	glue_emit_init(&e, buf, sizeof buf);

	glue_emit_begin(&e, 1, 0, PSNAP_CRITICAL_REFUSE);	/* id 0 */
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_MISUSE);

	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);	/* left open */
	glue_emit_open(&e, 1);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_MISUSE);

	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);	/* closed too often */
	glue_emit_close(&e);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_MISUSE);

	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);	/* descending fields */
	glue_emit_uint(&e, 3, 1);
	glue_emit_uint(&e, 2, 1);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_MISUSE);

	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);	/* too deep */
	for (int i = 0; i <= GLUE_EMIT_DEPTH; i++)
		glue_emit_open(&e, 1);
	for (int i = 0; i <= GLUE_EMIT_DEPTH; i++)
		glue_emit_close(&e);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_MISUSE);

	ATF_CHECK_EQ(e.len, 0);
	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_OK);
}

ATF_TC_WITHOUT_HEAD(record_above_the_limit_is_refused);
ATF_TC_BODY(record_above_the_limit_is_refused, tc)
{
	size_t cap = PSNAP_MAX_RECORD + 4096;
	uint8_t *buf = malloc(cap), *data = calloc(1, PSNAP_MAX_RECORD);
	struct glue_emit e;

	ATF_REQUIRE(buf != NULL && data != NULL);
	glue_emit_init(&e, buf, cap);
	glue_emit_begin(&e, 1, 1, PSNAP_CRITICAL_REFUSE);
	glue_emit_bytes(&e, 1, data, PSNAP_MAX_RECORD);
	ATF_CHECK_EQ(glue_emit_end(&e), GLUE_EMIT_TOO_LARGE);
	ATF_CHECK_EQ(e.len, 0);
	free(buf);
	free(data);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, emit_equals_protobuf_c);
	ATF_TP_ADD_TC(tp, record_is_whole_or_absent_at_every_buffer_size);
	ATF_TP_ADD_TC(tp, retried_records_make_the_same_stream_at_every_buffer_size);
	ATF_TP_ADD_TC(tp, misuse_is_told_and_writes_nothing);
	ATF_TP_ADD_TC(tp, record_above_the_limit_is_refused);
	return atf_no_error();
}
