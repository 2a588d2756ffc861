/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * kernel-glue/records: identities, and a stream read back whole, cut and
 * damaged.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "kernel-glue/records/identity.h"
#include "kernel-glue/records/table.h"

ATF_TC_WITHOUT_HEAD(identity);
ATF_TC_BODY(identity, tc)
{
	static const uint32_t secret[4] = { 0x03020100, 0x0b0a0908, 0x13121110, 0x1b1a1918 };
	struct rec_key key;

	rec_key_make(&key, secret);
	/* the vector of the cipher's paper */
	ATF_CHECK_EQ(UINT64_C(0x8c6fa548454e028b), rec_identity(&key, UINT64_C(0x3b7265747475432d)));
	ATF_CHECK_EQ(0, rec_identity(&key, 0));
	ATF_CHECK(rec_identity2(&key, 1, 2) != rec_identity2(&key, 2, 1));
}

static void *
begin(struct rec_table *t, enum rec_kind kind, int32_t tid, size_t fixed, const char *name)
{
	size_t size = (fixed + (name != NULL ? strlen(name) + 1 : 0) + 7) & ~(size_t)7;
	struct rec_header *h = rec_table_room(t, size);

	ATF_REQUIRE(h != NULL);
	memset(h, 0, size);
	*h = (struct rec_header){ .size = (uint32_t)size, .kind = (uint16_t)kind, .version = REC_VERSION,
	    .tgid = tid, .tid = tid };
	if (name != NULL)
		memcpy((char *)h + fixed, name, strlen(name) + 1);
	rec_table_added(t, size);
	return h;
}

static void
add_mapping(struct rec_table *t, int32_t tid, uint64_t start, const char *name)
{
	struct rec_mapping *m = begin(t, REC_MAPPING, tid, sizeof *m, name);

	m->start = start;
	m->end = start + 4096;
	m->name_size = (uint32_t)strlen(name) + 1;
}

/* Two passes over tasks 9 and 7, as two collectors behind each other. */
static void
fill(struct rec_table *t)
{
	struct rec_descriptor *d;

	for (int32_t tid = 9; tid >= 7; tid -= 2)
		begin(t, REC_THREAD, tid, sizeof(struct rec_thread), NULL);
	add_mapping(t, 9, 0x1000, "");
	add_mapping(t, 9, 0x3000, "/bin/true");
	add_mapping(t, 7, 0x2000, "[heap]");
	d = begin(t, REC_DESCRIPTOR, 7, sizeof *d, "pipe:[1]");
	d->fd = 3;
	d->name_size = sizeof "pipe:[1]";
}

ATF_TC_WITHOUT_HEAD(find);
ATF_TC_BODY(find, tc)
{
	struct rec_table t = { 0 };
	struct rec_slice s;

	fill(&t);
	ATF_REQUIRE_EQ(0, rec_table_index(&t));
	s = rec_table_find(&t, REC_MAPPING, 9);
	ATF_REQUIRE_EQ(2, s.n);
	ATF_CHECK_EQ(0x1000, ((const struct rec_mapping *)(const void *)s.v[0])->start);
	ATF_CHECK_STREQ("/bin/true", rec_name(s.v[1]));
	ATF_CHECK_EQ(0, rec_table_find(&t, REC_MAPPING, 8).n);
	ATF_CHECK_EQ(0, rec_table_find(&t, REC_EPOLL, 9).n);
	ATF_CHECK(rec_table_one(&t, REC_THREAD, 7) != NULL);
	ATF_CHECK(rec_table_one(&t, REC_THREAD, INT32_MAX) == NULL);
	ATF_CHECK_MSG(rec_table_one(&t, REC_MAPPING, 9) == NULL, "two are not one");
	rec_table_free(&t);
}

/* In memory of exactly its size, so that a sanitizer sees a byte read too many. */
static int
index_copy(const uint8_t *bytes, size_t len)
{
	struct rec_table t = { .bytes = malloc(len + (len == 0)), .len = len, .cap = len };
	int r;

	ATF_REQUIRE(t.bytes != NULL);
	memcpy(t.bytes, bytes, len);
	r = rec_table_index(&t);
	rec_table_free(&t);
	return r;
}

ATF_TC_WITHOUT_HEAD(cut);
ATF_TC_BODY(cut, tc)
{
	struct rec_table t = { 0 };
	size_t whole = 0;

	fill(&t);
	for (size_t n = 0; n <= t.len; n++)
		whole += index_copy(t.bytes, n) == 0;
	ATF_CHECK_EQ_MSG(7, whole, "cuts between six records, and none within: %zu", whole);
	rec_table_free(&t);
}

ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	static const struct { size_t at; uint8_t byte; } fields[] = {	/* of struct rec_header */
		{ 0, 0 }, { 0, 1 }, { 0, 8 }, { 2, 1 }, { 3, 0xff }, { 4, 0 }, { 4, 99 }, { 5, 1 }, { 6, 2 },
	};
	struct rec_table t = { 0 };
	struct rec_descriptor *d;
	struct rec_socket *k;

	fill(&t);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
		uint8_t was = t.bytes[fields[i].at];

		t.bytes[fields[i].at] = fields[i].byte;
		ATF_CHECK_EQ_MSG(-EINVAL, index_copy(t.bytes, t.len), "header field %zu", i);
		t.bytes[fields[i].at] = was;
	}
	ATF_CHECK_EQ(0, index_copy(t.bytes, t.len));
	d = (struct rec_descriptor *)(void *)(t.bytes + t.len - sizeof *d - 16);
	for (uint32_t size = 0; size < 5000; size++) {
		d->name_size = size;
		ATF_CHECK_EQ_MSG(size == sizeof "pipe:[1]" ? 0 : -EINVAL, index_copy(t.bytes, t.len),
		    "name of %u bytes", size);
	}
	d->name_size = sizeof "pipe:[1]";
	k = begin(&t, REC_SOCKET, 7, sizeof *k, NULL);
	for (uint32_t size = 0; size < 2 * REC_ADDRESS; size++) {
		k->local_size = size;
		k->remote_size = REC_ADDRESS - size;
		ATF_CHECK_EQ_MSG(size <= REC_ADDRESS ? 0 : -EINVAL, index_copy(t.bytes, t.len), "address of %u bytes",
		    size);
	}
	/* any byte of anything: no more than an answer is asked for */
	for (size_t at = 0; at < t.len; at++) {
		t.bytes[at] ^= 0xff;
		(void)index_copy(t.bytes, t.len);
		t.bytes[at] ^= 0xff;
	}
	rec_table_free(&t);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, identity);
	ATF_TP_ADD_TC(tp, find);
	ATF_TP_ADD_TC(tp, cut);
	ATF_TP_ADD_TC(tp, damaged);
	return atf_no_error();
}
