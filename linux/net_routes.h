/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Linux's numbers of routes and rules, and the format's.  0: there is none.
 */
#ifndef LINUX_NET_ROUTES_H
#define LINUX_NET_ROUTES_H

#include <stdint.h>

uint32_t net_route_type_of(uint8_t rtn);		/* RTN_* to RouteType */
uint8_t	net_route_type_number(uint32_t type);

uint32_t net_rule_action_of(uint8_t fr_act);		/* FR_ACT_* to RuleAction */
uint8_t	net_rule_action_number(uint32_t action);

uint32_t net_metric_kind(uint32_t rtax);		/* RTAX_* to RouteMetricKind */
uint32_t net_metric_number(uint32_t kind);

uint32_t net_origin_of(uint8_t protocol);		/* RTPROT_* to RouteOrigin */
uint8_t	net_origin_number(uint32_t origin, uint32_t number);

#endif
