/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * What has passed in a connection by its state: PSNAP_TCP_STATE_*.
 */
#ifndef LINUX_TCP_STATE_H
#define LINUX_TCP_STATE_H

#include <stdbool.h>
#include <stdint.h>

/* Which counts as a byte behind what was sent, or received. */
bool	tcp_has_sent_fin(uint32_t state);
bool	tcp_has_received_fin(uint32_t state);

#endif
