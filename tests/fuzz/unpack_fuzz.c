/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Two bytes of kind, the rest is a record's payload: unpacked into an arena,
 * and what was unpacked is packed and unpacked again.
 */
#include <protobuf-c/protobuf-c.h>

#include "format/common.pb-c.h"
#include "libsnap/core/arena.h"
#include "libsnap/model/model.h"
#include "tests/fuzz/fuzz.h"

static void *
from_arena(void *arena, size_t n)
{
	return arena_alloc(arena, n);
}

static void
to_arena(void *arena, void *p)
{
	(void)arena;
	(void)p;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(64 << 20);
	ProtobufCAllocator allocator = { from_arena, to_arena, arena };
	const struct kind *kind;
	ProtobufCMessage *m, *again;
	uint8_t *packed;
	size_t n;

	if (size < 2 || arena == NULL)
		goto out;
	/* any two bytes are some kind: few are numbers of one */
	if ((kind = kind_find(psnap_get16(data))) == NULL)
		kind = kind_at(psnap_get16(data) % (psnap__kind__descriptor.n_values - 1));
	m = protobuf_c_message_unpack(kind->message, &allocator, size - 2, data + 2);
	if (m == NULL || arena_used(arena) > 32 << 20)
		goto out;
	n = protobuf_c_message_get_packed_size(m);
	if ((packed = malloc(n + 1)) == NULL)
		goto out;
	if (protobuf_c_message_pack(m, packed) != n)
		abort();
	/* protobuf-c takes a field number 0 in some disguises, but not plain: REC-9 finds those */
	again = protobuf_c_message_unpack(kind->message, &allocator, n, packed);
	if (again != NULL && protobuf_c_message_get_packed_size(again) != n)
		abort();
	free(packed);
out:
	arena_free(arena);
	return 0;
}
