/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Identities of kernel objects: the address enciphered by Speck64/128
 * (Beaulieu and others, 2013) with a key made for each dump.  A block cipher
 * maps different addresses to different identities, always, and tells no
 * address to who has not the key; it is small enough for a BPF program.
 */
#ifndef KERNEL_GLUE_RECORDS_IDENTITY_H
#define KERNEL_GLUE_RECORDS_IDENTITY_H

#include <linux/types.h>

#define REC_ROUNDS	27

struct rec_key {
	__u32	round[REC_ROUNDS];
};

static inline __attribute__((always_inline)) __u32
rec_right(__u32 x, int n)
{
	return x >> n | x << (32 - n);
}

static inline __attribute__((always_inline)) __u32
rec_left(__u32 x, int n)
{
	return x << n | x >> (32 - n);
}

/* secret: 128 random bits */
static inline void
rec_key_make(struct rec_key *key, const __u32 secret[4])
{
	__u32 a = secret[0], l[3] = { secret[1], secret[2], secret[3] };

	for (__u32 i = 0; i < REC_ROUNDS; i++) {
		__u32 *b = &l[i % 3];

		key->round[i] = a;
		*b = (a + rec_right(*b, 8)) ^ i;
		a = rec_left(a, 3) ^ *b;
	}
}

/* No object is 0. */
static inline __attribute__((always_inline)) __u64
rec_identity(const volatile struct rec_key *key, __u64 address)
{
	__u32 x = (__u32)(address >> 32), y = (__u32)address;

	if (address == 0)
		return 0;
	for (int i = 0; i < REC_ROUNDS; i++) {
		x = (rec_right(x, 8) + y) ^ key->round[i];
		y = rec_left(y, 3) ^ x;
	}
	return (__u64)x << 32 | y;
}

/* Of two objects together: a dentry and its mount. */
static inline __attribute__((always_inline)) __u64
rec_identity2(const volatile struct rec_key *key, __u64 first, __u64 second)
{
	return rec_identity(key, rec_identity(key, first) ^ second);
}

#endif
