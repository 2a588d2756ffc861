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

/* The same, to be restored as the first byte tells. */
static inline size_t
seed_restore(struct world *w, size_t n, uint8_t *out)
{
	/* as it is; partial, and in namespaces of its own; lazily, and changed; the latter in a network stack of its own */
	static const uint8_t how[] = { 0, 1 | 16 | 32 | 64, 1 | 2 | 4 | 8, 1 | 2 | 128 };

	if (n >= 2 * sizeof how)
		return 0;
	world_init(w);
	if (n % 2 == 0)
		world_ipc(w);
	else
		world_i386(w);
	out[0] = how[n / 2];
	return 1 + seed_validate(w, FUZZ_BOTH, out + 1);
}

/* Texts of expressions, each kind of them. */
static inline size_t
seed_filter(size_t n, uint8_t *out)
{
	static const char *const texts[] = {
		"\0payload to=r0 header=network offset=12 length=4\ncmp from=r0 is=eq value=0x0a000001\n"
		"immediate to=verdict value=jump:web",
		"\0dynset set=a%20 operation=update key=r0 timeout-ms=1 flags=2\n+ counter packets=1 bytes=2\n+ last set=0\n"
		"ct to=r0 key=source direction=reply\nnat of=source family=ipv6 first-address=r4 flags=1",
		"\1counter packets=1 bytes=2", "\1counter packets=1 bytes=2\nquota bytes=5 used=3 flags=1",
		"\2limit rate=10 seconds=60 burst=5 of=bytes", "\3goto:web%25", "\3accept",
	};
	size_t len;

	if (n >= sizeof texts / sizeof texts[0])
		return 0;
	len = 1 + strlen(texts[n] + 1);
	memcpy(out, texts[n], len);
	return len;
}

#endif
