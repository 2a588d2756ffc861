/* SPDX-License-Identifier: BSD-2-Clause */
#include <netinet/in.h>		/* before linux/netfilter.h, which needs it */

#include <linux/netfilter.h>
#include <stddef.h>
#include <string.h>

#include "format/psnap_fields.h"
#include "linux/net_filters.h"

/* By the format's number. */
static const uint8_t families[] = {
	[PSNAP_FILTER_INET] = NFPROTO_INET, [PSNAP_FILTER_IPV4] = NFPROTO_IPV4, [PSNAP_FILTER_IPV6] = NFPROTO_IPV6,
	[PSNAP_FILTER_ARP] = NFPROTO_ARP, [PSNAP_FILTER_BRIDGE] = NFPROTO_BRIDGE, [PSNAP_FILTER_DEVICE] = NFPROTO_NETDEV,
};
static const char *const types[] = {
	[PSNAP_FILTER_CHAIN_FILTER] = "filter", [PSNAP_FILTER_CHAIN_NAT] = "nat", [PSNAP_FILTER_CHAIN_ROUTE] = "route",
};

/* By the kernel's. */
static const uint8_t hooks[] = { PSNAP_FILTER_PREROUTING, PSNAP_FILTER_INPUT, PSNAP_FILTER_FORWARD,
	PSNAP_FILTER_OUTPUT, PSNAP_FILTER_POSTROUTING };
static const uint8_t inet_hooks[] = { PSNAP_FILTER_PREROUTING, PSNAP_FILTER_INPUT, PSNAP_FILTER_FORWARD,
	PSNAP_FILTER_OUTPUT, PSNAP_FILTER_POSTROUTING, PSNAP_FILTER_INGRESS };
static const uint8_t arp_hooks[] = { PSNAP_FILTER_INPUT, PSNAP_FILTER_OUTPUT, PSNAP_FILTER_FORWARD };
static const uint8_t device_hooks[] = { PSNAP_FILTER_INGRESS, PSNAP_FILTER_EGRESS };

static const uint8_t *
hooks_of(uint8_t nfproto, size_t *n)
{
	const uint8_t *v = nfproto == NFPROTO_ARP ? arp_hooks : nfproto == NFPROTO_NETDEV ? device_hooks :
	    nfproto == NFPROTO_INET ? inet_hooks : hooks;

	*n = v == arp_hooks ? sizeof arp_hooks : v == device_hooks ? sizeof device_hooks :
	    v == inet_hooks ? sizeof inet_hooks : sizeof hooks;
	return v;
}

uint32_t
net_filter_family_of(uint8_t nfproto)
{
	for (uint32_t i = 1; i < sizeof families; i++)
		if (families[i] == nfproto)
			return i;
	return 0;
}

uint8_t
net_filter_family_number(uint32_t family)
{
	return family < sizeof families ? families[family] : 0;
}

uint32_t
net_filter_hook_of(uint8_t nfproto, uint32_t number)
{
	size_t n;
	const uint8_t *v = hooks_of(nfproto, &n);

	return number < n ? v[number] : 0;
}

int
net_filter_hook_number(uint8_t nfproto, uint32_t hook)
{
	size_t n;
	const uint8_t *v = hooks_of(nfproto, &n);

	for (size_t i = 0; i < n; i++)
		if (v[i] == hook)
			return (int)i;
	return -1;
}

uint32_t
net_filter_type_of(const char *name)
{
	for (uint32_t i = 1; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i], name) == 0)
			return i;
	return 0;
}

const char *
net_filter_type_name(uint32_t type)
{
	return type < sizeof types / sizeof types[0] ? types[type] : NULL;
}
