/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What nftables' tables and chains are called in records.
 */
#ifndef LINUX_NET_FILTERS_H
#define LINUX_NET_FILTERS_H

#include <stdint.h>

/* FilterFamily; NFPROTO_*.  0: there is none. */
uint32_t net_filter_family_of(uint8_t nfproto);
uint8_t	net_filter_family_number(uint32_t family);

/* FilterHook, 0 none; the hook's number in tables of a family, -1 none. */
uint32_t net_filter_hook_of(uint8_t nfproto, uint32_t number);
int	net_filter_hook_number(uint8_t nfproto, uint32_t hook);

/* FilterChainType, 0 none; NULL */
uint32_t net_filter_type_of(const char *name);
const char *net_filter_type_name(uint32_t type);

#endif
