/* SPDX-License-Identifier: BSD-2-Clause */
#include <pthread.h>
#include <string.h>

#include <sodium.h>

#include "libsnap/core/checksum.h"

/* Slicing by 8: table[k][b] is the CRC of byte b followed by k zero bytes. */
static uint32_t table[8][256];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static pthread_once_t sodium_once = PTHREAD_ONCE_INIT;

static void
make_table(void)
{
	for (uint32_t n = 0; n < 256; n++) {
		uint32_t c = n;

		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
		table[0][n] = c;
	}
	for (int k = 1; k < 8; k++)
		for (int n = 0; n < 256; n++)
			table[k][n] = table[k - 1][n] >> 8 ^ table[0][table[k - 1][n] & 0xff];
}

static uint32_t
crc_portable(uint32_t crc, const uint8_t *p, size_t n)
{
	pthread_once(&table_once, make_table);
	for (; n >= 8; n -= 8, p += 8) {
		uint32_t lo = psnap_get32(p) ^ crc, hi = psnap_get32(p + 4);

		crc = table[7][lo & 0xff] ^ table[6][lo >> 8 & 0xff] ^
		    table[5][lo >> 16 & 0xff] ^ table[4][lo >> 24] ^
		    table[3][hi & 0xff] ^ table[2][hi >> 8 & 0xff] ^
		    table[1][hi >> 16 & 0xff] ^ table[0][hi >> 24];
	}
	while (n-- > 0)
		crc = crc >> 8 ^ table[0][(crc ^ *p++) & 0xff];
	return crc;
}

#if defined(__x86_64__) || defined(__i386__)
#define HAVE_CRC_SSE42	1

__attribute__((target("sse4.2"))) static uint32_t
crc_sse42(uint32_t crc, const uint8_t *p, size_t n)
{
#ifdef __x86_64__
	uint64_t c = crc, word;

	for (; n >= 8; n -= 8, p += 8) {
		memcpy(&word, p, 8);
		c = __builtin_ia32_crc32di(c, word);
	}
	crc = (uint32_t)c;
#else
	uint32_t word;

	for (; n >= 4; n -= 4, p += 4) {
		memcpy(&word, p, 4);
		crc = __builtin_ia32_crc32si(crc, word);
	}
#endif
	while (n-- > 0)
		crc = __builtin_ia32_crc32qi(crc, *p++);
	return crc;
}
#endif

uint32_t
crc32c_portable(const void *p, size_t n)
{
	return ~crc_portable(~0u, p, n);
}

uint32_t
crc32c(const void *p, size_t n)
{
#ifdef HAVE_CRC_SSE42
	if (__builtin_cpu_supports("sse4.2"))
		return ~crc_sse42(~0u, p, n);
#endif
	return crc32c_portable(p, n);
}

/* Lets sodium pick its fastest implementation. */
static void
start_sodium(void)
{
	if (sodium_init() < 0)
		return;		/* then the portable one serves */
}

void
digest(uint8_t out[PSNAP_DIGEST_LEN], uint8_t domain, const void *a, size_t an,
    const void *b, size_t bn, const void *c, size_t cn)
{
	crypto_generichash_state s;

	pthread_once(&sodium_once, start_sodium);
	crypto_generichash_init(&s, NULL, 0, PSNAP_DIGEST_LEN);
	crypto_generichash_update(&s, &domain, 1);
	crypto_generichash_update(&s, a, an);
	if (bn > 0)
		crypto_generichash_update(&s, b, bn);
	if (cn > 0)
		crypto_generichash_update(&s, c, cn);
	crypto_generichash_final(&s, out, PSNAP_DIGEST_LEN);
}
