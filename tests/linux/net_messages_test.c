/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Messages to the kernel's network stack: what does not fit an attribute, of
 * which a snapshot says how long it is, is never sent with another length.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linux/net_messages.h"

#define LONGEST	(UINT16_MAX - sizeof(struct nlattr))

static const struct rtmsg header = { .rtm_family = AF_INET };
static uint8_t bytes[UINT16_MAX + 1];

/* What a message with n bytes in an attribute, alone or in a nest, comes to. */
static int
transact(size_t n, bool nested)
{
	int fd = netlink_open(-1, NETLINK_ROUTE), r;
	struct netlink_batch b = { 0 };
	size_t at = 0;

	ATF_REQUIRE_MSG(fd >= 0, "netlink: %s", strerror(-fd));
	netlink_begin(&b, RTM_GETROUTE, NLM_F_ACK, &header, sizeof header);
	if (nested)
		at = netlink_nest(&b, RTA_METRICS);
	netlink_put(&b, RTA_DST, bytes, n);
	if (nested)
		netlink_nest_end(&b, at);
	r = netlink_transact(fd, &b);
	free(b.buf);
	close(fd);
	return r;
}

ATF_TC(no_attribute_is_cut);
ATF_TC_HEAD(no_attribute_is_cut, tc)
{
	atf_tc_set_md_var(tc, "descr", "An attribute of 64 KiB is refused, and the longest is sent");
}
ATF_TC_BODY(no_attribute_is_cut, tc)
{
	ATF_CHECK(transact(LONGEST, false) != -EMSGSIZE);
	ATF_CHECK_EQ(transact(LONGEST + 1, false), -EMSGSIZE);
	ATF_CHECK_EQ(transact(UINT16_MAX + 1, false), -EMSGSIZE);
	ATF_CHECK(transact(LONGEST - sizeof(struct nlattr) - 3, true) != -EMSGSIZE);
	ATF_CHECK_EQ(transact(LONGEST, true), -EMSGSIZE);
}

ATF_TC(nothing_is_told_of_a_namespace_that_is_none);
ATF_TC_HEAD(nothing_is_told_of_a_namespace_that_is_none, tc)
{
	atf_tc_set_md_var(tc, "descr", "A descriptor of something else opens nothing");
}
ATF_TC_BODY(nothing_is_told_of_a_namespace_that_is_none, tc)
{
	int p[2];

	ATF_REQUIRE(pipe(p) == 0);
	ATF_CHECK_EQ(netlink_open(p[0], NETLINK_ROUTE), -EINVAL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, no_attribute_is_cut);
	ATF_TP_ADD_TC(tp, nothing_is_told_of_a_namespace_that_is_none);
	return atf_no_error();
}
