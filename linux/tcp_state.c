/* SPDX-License-Identifier: BSD-2-Clause */
#include "format/psnap_fields.h"
#include "linux/tcp_state.h"

bool
tcp_has_sent_fin(uint32_t state)
{
	return state == PSNAP_TCP_STATE_FIN_WAIT_1 || state == PSNAP_TCP_STATE_FIN_WAIT_2 ||
	    state == PSNAP_TCP_STATE_CLOSING || state == PSNAP_TCP_STATE_LAST_ACK;
}

bool
tcp_has_received_fin(uint32_t state)
{
	return state == PSNAP_TCP_STATE_CLOSE_WAIT || state == PSNAP_TCP_STATE_CLOSING ||
	    state == PSNAP_TCP_STATE_LAST_ACK;
}
