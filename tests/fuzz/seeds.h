/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Seeds for the fuzz targets, made from the world of tests/libsnap/world.h:
 * one for each record for unpack_fuzz, the whole for the others.
 */
#ifndef TESTS_FUZZ_SEEDS_H
#define TESTS_FUZZ_SEEDS_H

#include <protobuf-c/protobuf-c.h>

#include "tests/fuzz/structured.h"

enum { SEED_MAX = 1 << 16 };

/* Bytes written to out, at most SEED_MAX; 0: there is no n-th record. */
static inline size_t
seed_unpack(const struct world *w, size_t n, uint8_t *out)
{
	if (n >= w->nrecords)
		return 0;
	psnap_put16(out, (uint16_t)w->records[n].kind);
	return 2 + protobuf_c_message_pack(w->records[n].message, out + 2);
}

/* pages: what is in them, FUZZ_*. */
static inline size_t
seed_validate(const struct world *w, uint8_t pages, uint8_t *out)
{
	size_t at = 0;

	for (size_t i = 0; i < w->nrecords; i++) {
		size_t n = protobuf_c_message_pack(w->records[i].message, out + at + 4);

		out[at] = (uint8_t)w->records[i].kind;
		out[at + 1] = (uint8_t)w->records[i].id;
		psnap_put16(out + at + 2, (uint16_t)n);
		at += 4 + n;
	}
	for (size_t i = 0; i < sizeof w->runs / sizeof w->runs[0]; i++) {
		if (w->runs[i].count == 0)
			continue;
		out[at] = 0xff;
		out[at + 1] = (uint8_t)w->runs[i].owner;
		psnap_put32(out + at + 2, (uint32_t)w->runs[i].first);
		out[at + 6] = (uint8_t)(pages + w->runs[i].count - 1);
		at += 7;
	}
	return at;
}

/* The same, to be converted as the first byte tells; 0: there is no n-th. */
static inline size_t
seed_convert(struct world *w, size_t n, uint8_t *out)
{
	/* to each version; to the other kernel ABI, also with pages anew */
	static const uint8_t how[] = { 1, 2, 3, 4, 8, 11, 44, 72, 131, 128 };

	if (n >= 2 * sizeof how)
		return 0;
	world_init(w);
	world_all_i386(w);
	if (how[n / 2] & 128)
		world_ipc(w);
	w->host.kernel_abi = n % 2 == 0 ? PSNAP__ABI__ABI_I386 : PSNAP__ABI__ABI_AMD64;
	out[0] = how[n / 2];
	return 1 + seed_validate(w, n % 2 == 0 ? FUZZ_I386 : FUZZ_AMD64, out + 1);
}

#endif
