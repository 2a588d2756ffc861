/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The object graph: what is found by id, kind and owner, what is refused and
 * what is carried along.
 */
#include <atf-c.h>
#include <stdlib.h>
#include <time.h>

#include "libsnap/model/model.h"
#include "tests/libsnap/world.h"

static const struct snap_writer_options one_thread = { .codec = PSNAP_CODEC_ZSTD, .threads = 1 };

static struct snap_writer *
begin(FILE **f)
{
	struct snap_error err;
	struct snap_writer *w;

	ATF_REQUIRE((*f = fopen("model.psnap", "w+")) != NULL);
	ATF_REQUIRE_MSG(snap_writer_open_fd(&w, fileno(*f), &one_thread, &err) == 0, "%s", err.msg);
	return w;
}

static int
finish(struct snap_writer *w, FILE *f, struct snap **s, const struct snap_limits *limits,
    struct snap_error *err)
{
	ATF_REQUIRE_MSG(snap_writer_finish(w, NULL, err) == 0, "%s", err->msg);
	snap_writer_free(w);
	fclose(f);
	memset(err, 0, sizeof *err);
	return snap_open(s, "model.psnap", limits, err);
}

static void
put_raw(struct snap_writer *w, uint32_t kind, uint64_t id, uint8_t revision, uint8_t critical,
    const char *payload)
{
	uint8_t record[PSNAP_REC_LEN + 100] = { 0 };
	struct snap_error err;
	size_t n = strlen(payload);

	psnap_put16(record + PSNAP_REC_OFF_KIND, (uint16_t)kind);
	record[PSNAP_REC_OFF_REVISION] = revision;
	record[PSNAP_REC_OFF_CRITICAL] = critical;
	psnap_put64(record + PSNAP_REC_OFF_ID, id);
	psnap_put32(record + PSNAP_REC_OFF_LEN, (uint32_t)n);
	memcpy(record + PSNAP_REC_LEN, payload, n);
	ATF_REQUIRE_MSG(snap_writer_records(w, record, PSNAP_REC_LEN + n, &err) == 0, "%s", err.msg);
}

ATF_TC_WITHOUT_HEAD(kinds_are_sorted_and_named_once);
ATF_TC_BODY(kinds_are_sorted_and_named_once, tc)
{
	const struct kind *k, *prev = NULL;
	size_t n = 0;

	for (; (k = kind_at(n)) != NULL; n++) {
		ATF_CHECK(prev == NULL || prev->number < k->number);
		ATF_CHECK(kind_find(k->number) == k);
		ATF_CHECK_STREQ(snap_kind_name(k->number), k->name);
		/* what the table calls the owner is a reference of that message */
		if (k->owner_field != 0) {
			const ProtobufCFieldDescriptor *f =
			    protobuf_c_message_descriptor_get_field(k->message, k->owner_field);

			ATF_CHECK(f != NULL && f->type == PROTOBUF_C_TYPE_UINT64);
		}
		prev = k;
	}
	/* every kind the schema names */
	ATF_CHECK_EQ(n + 1, psnap__kind__descriptor.n_values);
	ATF_CHECK(kind_find(PSNAP_KIND_UNSPECIFIED) == NULL);
	ATF_CHECK(snap_kind_name(79) == NULL);
}

ATF_TC_WITHOUT_HEAD(objects_are_found_by_id_kind_and_owner);
ATF_TC_BODY(objects_are_found_by_id_kind_and_owner, tc)
{
	static struct world world;
	const struct snap_object *const *v;
	struct snap_error err;
	struct snap *s;
	struct snap_summary sum;
	size_t n, total = 0;
	FILE *f;
	struct snap_writer *w = begin(&f);

	world_init(&world);
	world_ipc(&world);
	ATF_REQUIRE_EQ(world_put(&world, w, &err), 0);
	ATF_REQUIRE_MSG(finish(w, f, &s, NULL, &err) == 0, "%s", err.msg);
	v = snap_get_objects(s, &n);
	ATF_CHECK_EQ(n, WORLD_IPC_IDS - 1);
	for (size_t i = 0; i < n; i++) {
		ATF_CHECK_EQ(v[i]->id, i + 1);
		ATF_CHECK(v[i]->message != NULL && snap_get_object(s, i + 1) == v[i]);
	}
	ATF_CHECK(snap_get_object(s, 0) == NULL && snap_get_object(s, FREE_ID) == NULL);
	ATF_CHECK(snap_get_message(s, ROOT, PSNAP_KIND_THREAD) == NULL);
	ATF_CHECK_EQ(((const Psnap__Process *)snap_get_message(s, ROOT, PSNAP_KIND_PROCESS))->pid, 100);
	for (size_t i = 0; kind_at(i) != NULL; i++) {
		v = snap_get_kind(s, kind_at(i)->number, &n);
		ATF_CHECK_MSG(n > 0, "no %s", kind_at(i)->name);
		for (size_t k = 1; k < n; k++)
			ATF_CHECK(v[k - 1]->id < v[k]->id);
		total += n;
	}
	ATF_CHECK_EQ(total, WORLD_IPC_IDS - 1);
	ATF_CHECK(snap_get_kind(s, 79, &n) == NULL && n == 0);
	ATF_CHECK(snap_get_kind(s, UINT32_MAX, &n) == NULL && n == 0);
	v = snap_get_children(s, ROOT, PSNAP_KIND_THREAD, &n);
	ATF_CHECK(n == 2 && v[0]->id == LEADER && v[1]->id == WORKER);
	v = snap_get_children(s, SPACE, PSNAP_KIND_MAPPING, &n);
	ATF_CHECK_EQ(n, 5);
	for (size_t i = 1; i < n; i++)
		ATF_CHECK(((const Psnap__Mapping *)(const void *)v[i - 1]->message)->start <
		    ((const Psnap__Mapping *)(const void *)v[i]->message)->start);
	ATF_CHECK(snap_get_children(s, SPACE, PSNAP_KIND_THREAD, &n) == NULL && n == 0);
	snap_get_summary(s, &sum);
	ATF_CHECK_EQ(sum.objects, WORLD_IPC_IDS - 1);
	ATF_CHECK_EQ(sum.stored_pages, 7);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(unknown_records_are_refused_or_carried_as_they_ask);
ATF_TC_BODY(unknown_records_are_refused_or_carried_as_they_ask, tc)
{
	static const struct {
		uint32_t kind;
		uint8_t revision, critical;
		int result;
	} cases[] = {
		{ 79, 0, PSNAP_CRITICAL_REFUSE, SNAP_E_UNSUPPORTED },
		{ 79, 0, PSNAP_CRITICAL_WARN, 0 },
		{ 79, 0, PSNAP_CRITICAL_CARRY, 0 },
		{ PSNAP_KIND_HOST, 1, PSNAP_CRITICAL_REFUSE, SNAP_E_UNSUPPORTED },
		{ PSNAP_KIND_HOST, 1, PSNAP_CRITICAL_CARRY, 0 },
		{ 0, 0, PSNAP_CRITICAL_REFUSE, SNAP_E_UNSUPPORTED },
	};

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct snap_object *o;
		struct snap_error err;
		struct snap *s;
		FILE *f;
		struct snap_writer *w = begin(&f);

		put_raw(w, cases[i].kind, 7, cases[i].revision, cases[i].critical, "\xff not protobuf");
		ATF_CHECK_EQ(finish(w, f, &s, NULL, &err), cases[i].result);
		if (cases[i].result != 0) {
			ATF_CHECK(s == NULL && err.record == 7 && strcmp(err.rule, "REC-7") == 0);
			continue;
		}
		o = snap_get_object(s, 7);
		ATF_CHECK(o != NULL && o->message == NULL && o->revision == cases[i].revision);
		ATF_CHECK(o->payload_len == 14 && memcmp(o->payload, "\xff not protobuf", 14) == 0);
		snap_close(s);
	}
}

ATF_TC_WITHOUT_HEAD(what_is_no_message_is_corrupt);
ATF_TC_BODY(what_is_no_message_is_corrupt, tc)
{
	static const char *const payloads[] = { "\xff", "\x0a\x7f", "\x0d", "\x08\xff\xff\xff\xff\xff\xff",
	    "\x0b", "\x07" };

	for (size_t i = 0; i < sizeof payloads / sizeof payloads[0]; i++) {
		struct snap_error err;
		struct snap *s;
		FILE *f;
		struct snap_writer *w = begin(&f);

		put_raw(w, PSNAP_KIND_CGROUP, 1, 0, 0, "");
		put_raw(w, PSNAP_KIND_PROVENANCE, 9, 0, 0, payloads[i]);
		ATF_CHECK_EQ_MSG(finish(w, f, &s, NULL, &err), SNAP_E_CORRUPT, "payload %zu", i);
		ATF_CHECK(s == NULL && err.record == 9 && strcmp(err.rule, "REC-8") == 0);
		ATF_CHECK_MSG(err.offset == PSNAP_HDR_LEN + PSNAP_REC_LEN, "0x%llx",
		    (unsigned long long)err.offset);
	}
}

/* A few bytes in the file that unpack to many are stopped by the limit. */
ATF_TC_WITHOUT_HEAD(decoding_stops_at_the_limit);
ATF_TC_BODY(decoding_stops_at_the_limit, tc)
{
	enum { N = 1 << 20 };
	static uint8_t record[PSNAP_REC_LEN + 2 * N];
	struct snap_limits limits = { .max_meta_bytes = 8 << 20 };
	struct snap_error err;
	struct snap *s;
	FILE *f;
	struct snap_writer *w = begin(&f);

	/* empty messages in a repeated field: two bytes each, a structure each */
	psnap_put16(record + PSNAP_REC_OFF_KIND, PSNAP_KIND_SOCKET);
	psnap_put64(record + PSNAP_REC_OFF_ID, 1);
	psnap_put32(record + PSNAP_REC_OFF_LEN, 2 * N);
	for (size_t i = 0; i < N; i++)
		record[PSNAP_REC_LEN + 2 * i] = PSNAP_F_SOCKET_QUEUE << 3 | 2;
	ATF_REQUIRE_EQ(snap_writer_records(w, record, sizeof record, &err), 0);
	ATF_CHECK_EQ_MSG(finish(w, f, &s, &limits, &err), SNAP_E_LIMIT, "%s", err.msg);
	ATF_CHECK(s == NULL && err.record == 1);
	limits.max_meta_bytes = 512 << 20;
	ATF_CHECK_EQ_MSG(snap_open(&s, "model.psnap", &limits, &err), 0, "%s", err.msg);
	snap_close(s);
}

ATF_TC_WITHOUT_HEAD(ten_thousand_mappings_open_in_a_moment);
ATF_TC_BODY(ten_thousand_mappings_open_in_a_moment, tc)
{
	Psnap__Mapping m = PSNAP__MAPPING__INIT;
	Psnap__Thread t = PSNAP__THREAD__INIT;
	const struct snap_object *const *v;
	struct timespec from, to;
	struct snap_error err;
	struct snap *s;
	size_t n;
	long us;
	FILE *f;
	struct snap_writer *w = begin(&f);

	m.address_space_id = 1;
	for (uint64_t i = 0; i < 10000; i++) {
		m.start = (10000 - i) * 8192;
		m.end = m.start + 4096;
		ATF_REQUIRE_EQ(snap_writer_message(w, PSNAP_KIND_MAPPING, 100 + i, 0, &m.base, &err), 0);
	}
	t.process_id = 2;
	for (uint64_t i = 0; i < 1000; i++)
		ATF_REQUIRE_EQ(snap_writer_message(w, PSNAP_KIND_THREAD, 20000 + i, 0, &t.base, &err), 0);
	clock_gettime(CLOCK_MONOTONIC, &from);
	ATF_REQUIRE_MSG(finish(w, f, &s, NULL, &err) == 0, "%s", err.msg);
	clock_gettime(CLOCK_MONOTONIC, &to);
	us = (to.tv_sec - from.tv_sec) * 1000000 + (to.tv_nsec - from.tv_nsec) / 1000;
	printf("%ld us\n", us);
	/* a few ms; the bound leaves room for emulation and sanitizers */
	ATF_CHECK_MSG(us < 1000000, "%ld us", us);
	v = snap_get_children(s, 1, PSNAP_KIND_MAPPING, &n);
	ATF_CHECK(n == 10000 && v[0]->id == 10099 && v[9999]->id == 100);
	v = snap_get_children(s, 2, PSNAP_KIND_THREAD, &n);
	ATF_CHECK(n == 1000 && v[0]->id == 20000 && v[999]->id == 20999);
	snap_close(s);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kinds_are_sorted_and_named_once);
	ATF_TP_ADD_TC(tp, objects_are_found_by_id_kind_and_owner);
	ATF_TP_ADD_TC(tp, unknown_records_are_refused_or_carried_as_they_ask);
	ATF_TP_ADD_TC(tp, what_is_no_message_is_corrupt);
	ATF_TP_ADD_TC(tp, decoding_stops_at_the_limit);
	ATF_TP_ADD_TC(tp, ten_thousand_mappings_open_in_a_moment);
	return atf_no_error();
}
