/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef LIBSNAP_CORE_CHECKSUM_H
#define LIBSNAP_CORE_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

#include "format/psnap.h"

/* CRC32C of n bytes (spec section 2), with the processor's instruction where it has one. */
uint32_t crc32c(const void *p, size_t n);
/* The same by table, as on processors without. */
uint32_t crc32c_portable(const void *p, size_t n);

/* BLAKE2b-256 over a domain byte and up to three pieces, the later ones possibly empty. */
void	digest(uint8_t out[PSNAP_DIGEST_LEN], uint8_t domain, const void *a, size_t an,
	    const void *b, size_t bn, const void *c, size_t cn);

#endif
