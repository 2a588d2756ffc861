/* SPDX-License-Identifier: BSD-2-Clause */
#include <stddef.h>
#include <sys/socket.h>		/* before linux/rtnetlink.h, which needs it */

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include "format/psnap_fields.h"
#include "linux/net_routes.h"

/* By the format's number. */
static const uint8_t types[] = {
	[PSNAP_ROUTE_UNICAST] = RTN_UNICAST, [PSNAP_ROUTE_LOCAL] = RTN_LOCAL, [PSNAP_ROUTE_BLACKHOLE] = RTN_BLACKHOLE,
	[PSNAP_ROUTE_UNREACHABLE] = RTN_UNREACHABLE, [PSNAP_ROUTE_PROHIBIT] = RTN_PROHIBIT,
	[PSNAP_ROUTE_THROW] = RTN_THROW,
};
static const uint8_t actions[] = {
	[PSNAP_RULE_LOOKUP] = FR_ACT_TO_TBL, [PSNAP_RULE_GOTO] = FR_ACT_GOTO, [PSNAP_RULE_NOTHING] = FR_ACT_NOP,
	[PSNAP_RULE_BLACKHOLE] = FR_ACT_BLACKHOLE, [PSNAP_RULE_UNREACHABLE] = FR_ACT_UNREACHABLE,
	[PSNAP_RULE_PROHIBIT] = FR_ACT_PROHIBIT,
};
static const uint8_t metrics[] = {
	[PSNAP_ROUTE_MTU] = RTAX_MTU, [PSNAP_ROUTE_WINDOW] = RTAX_WINDOW, [PSNAP_ROUTE_SEGMENT] = RTAX_ADVMSS,
	[PSNAP_ROUTE_HOP_LIMIT] = RTAX_HOPLIMIT, [PSNAP_ROUTE_INITIAL_WINDOW] = RTAX_INITCWND,
	[PSNAP_ROUTE_INITIAL_RECEIVE_WINDOW] = RTAX_INITRWND, [PSNAP_ROUTE_REORDERING] = RTAX_REORDERING,
	[PSNAP_ROUTE_QUICK_ACK] = RTAX_QUICKACK,
};

static uint32_t
find(const uint8_t *v, size_t n, uint32_t number)
{
	for (uint32_t i = 1; number != 0 && i < n; i++)
		if (v[i] == number)
			return i;
	return 0;
}

uint32_t
net_route_type_of(uint8_t rtn)
{
	return find(types, sizeof types, rtn);
}

uint8_t
net_route_type_number(uint32_t type)
{
	return type < sizeof types ? types[type] : 0;
}

uint32_t
net_rule_action_of(uint8_t fr_act)
{
	return find(actions, sizeof actions, fr_act);
}

uint8_t
net_rule_action_number(uint32_t action)
{
	return action < sizeof actions ? actions[action] : 0;
}

uint32_t
net_metric_kind(uint32_t rtax)
{
	return find(metrics, sizeof metrics, rtax);
}

uint32_t
net_metric_number(uint32_t kind)
{
	return kind < sizeof metrics ? metrics[kind] : 0;
}

uint32_t
net_origin_of(uint8_t protocol)
{
	switch (protocol) {
	case RTPROT_UNSPEC:
		return 0;
	case RTPROT_KERNEL:
		return PSNAP_ROUTE_KERNEL;
	case RTPROT_BOOT:
		return PSNAP_ROUTE_BOOT;
	case RTPROT_STATIC:
		return PSNAP_ROUTE_STATIC;
	default:
		return PSNAP_ROUTE_DAEMON;
	}
}

uint8_t
net_origin_number(uint32_t origin, uint32_t number)
{
	switch (origin) {
	case PSNAP_ROUTE_KERNEL:
		return RTPROT_KERNEL;
	case PSNAP_ROUTE_BOOT:
		return RTPROT_BOOT;
	case PSNAP_ROUTE_STATIC:
		return RTPROT_STATIC;
	case PSNAP_ROUTE_DAEMON:
		return (uint8_t)number;
	default:
		return RTPROT_UNSPEC;
	}
}
