/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * linux/nft_text.h: expressions as text, to attributes and back; and what is
 * no such text.
 */
#include <arpa/inet.h>
#include <atf-c.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "linux/nft_text.h"

#define LIST	NFTA_RULE_EXPRESSIONS

/* The same text again, by way of the kernel's attributes. */
static void
comes_back(const char *text)
{
	struct netlink_batch b = { 0 };
	struct nft_text t = { 0 };
	struct nft_what what;

	ATF_REQUIRE_EQ_MSG(0, nft_put_list(&b, LIST, text, &what), "%s: %s", text, what.s);
	ATF_REQUIRE_EQ(0, b.error);
	ATF_REQUIRE_EQ(0, nft_tell_list(&t, (const void *)b.buf, &what));
	ATF_CHECK_STREQ(text, t.s != NULL ? t.s : "");
	free(t.s);
	free(b.buf);
}

ATF_TC_WITHOUT_HEAD(what_is_told_is_what_was_put);
ATF_TC_BODY(what_is_told_is_what_was_put, tc)
{
	comes_back("");
	comes_back("notrack");
	comes_back("meta to=r15 key=input-name\ncmp from=r15 is=neq value=name:eth0\nimmediate to=verdict value=drop");
	comes_back("payload to=r0 header=transport offset=4294967295 length=2\nlookup set=a%20b%25 from=r0 to=verdict flags=1");
	comes_back("immediate to=verdict value=jump:web%0a\nimmediate to=verdict value=goto:x\nimmediate to=r4 value=0x00ff");
	comes_back("counter packets=18446744073709551615 bytes=0\nquota bytes=5 used=3 flags=1\nreject by=icmpx code=255");
	comes_back("ct to=r0 key=source direction=reply\nlog prefix= level=6\nnat of=source family=ipv6 first-address=r4 flags=1");
	comes_back("dynset set=s operation=update key=r0 timeout-ms=1\n+ counter packets=1 bytes=2\nnotrack");
	comes_back("dynset set=s operation=add key=r0 flags=2\n+ counter packets=1 bytes=2\n+ last set=0");
}

ATF_TC_WITHOUT_HEAD(a_verdict_and_an_object_come_back);
ATF_TC_BODY(a_verdict_and_an_object_come_back, tc)
{
	struct netlink_batch b = { 0 };
	struct nft_text t = { 0 };
	struct nft_what what;
	uint32_t object = 0;

	ATF_REQUIRE_EQ(0, nft_put_object(&b, NFTA_OBJ_DATA, "limit rate=10 seconds=60 burst=5 of=bytes", &object, &what));
	ATF_CHECK_EQ(NFT_OBJECT_LIMIT, object);
	ATF_REQUIRE_EQ(0, nft_tell_object(&t, object, (const void *)b.buf, &what));
	ATF_CHECK_STREQ("limit rate=10 seconds=60 burst=5 of=bytes", t.s);
	free(t.s);
	free(b.buf);
	memset(&b, 0, sizeof b);
	ATF_CHECK_EQ(-EINVAL, nft_put_object(&b, NFTA_OBJ_DATA, "notrack", &object, &what));
	ATF_CHECK_EQ(-EINVAL, nft_put_verdict(&b, NFTA_SET_ELEM_DATA, "jump:", &what));
	free(b.buf);
}

/* What it says is none. */
static void
is_refused(const char *text, const char *none)
{
	struct netlink_batch b = { 0 };
	struct nft_what what = { "" };

	ATF_CHECK_EQ_MSG(-EINVAL, nft_put_list(&b, LIST, text, &what), "%s", text);
	ATF_CHECK_STREQ(none, what.s);
	free(b.buf);
}

ATF_TC_WITHOUT_HEAD(what_is_no_expression_is_refused);
ATF_TC_BODY(what_is_no_expression_is_refused, tc)
{
	static char many[NFT_TEXT_BYTES + 2];

	is_refused("match name=tcp", "match");
	is_refused("notrack\n\nnotrack", "");
	is_refused("+ counter", "+");
	is_refused("notrack\n+ counter", "+ counter");
	is_refused("dynset set=s\n+ match", "match");
	is_refused("counter  packets=1", "");
	is_refused("counter packets", "packets");
	is_refused("counter bytes=1 packets=1", "packets=1");
	is_refused("counter packets=1 packets=1", "packets=1");
	is_refused("counter packets=18446744073709551616", "packets=18446744073709551616");
	is_refused("counter packets=-1", "packets=-1");
	is_refused("counter packets=", "packets=");
	is_refused("reject code=256", "code=256");
	is_refused("meta to=r16 key=mark", "to=r16");
	is_refused("meta to=r0 key=secmark", "key=secmark");
	is_refused("meta to=r0 key=", "key=");
	is_refused("cmp from=r0 is=eq value=0x0", "value=0x0");
	is_refused("cmp from=r0 is=eq value=0x", "value=0x");
	is_refused("cmp from=r0 is=eq value=0xGG", "value=0xGG");
	is_refused("cmp from=r0 is=eq value=name:sixteen-bytes-xx", "value=name:sixteen-bytes-xx");
	is_refused("immediate to=verdict value=queue", "value=queue");
	is_refused("lookup set=%00", "set=%00");
	is_refused("lookup set=%4", "set=%4");
	memset(many, 'a', sizeof many - 1);
	memcpy(many, "lookup set=", 11);
	many[400] = '\0';
	is_refused(many, "set=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
	for (size_t i = 0; i + 8 < sizeof many; i += 8)
		memcpy(many + i, "notrack\n", 9);
	is_refused(many, "notrack\nnotrack\nnotrack\nnotrack\nnotrack\nnotrack");
}

/* Whatever is taken is told in a text that comes back. */
static bool
is_taken(const char *text)
{
	struct netlink_batch b = { 0 };
	struct nft_text t = { 0 };
	struct nft_what what;
	bool taken = nft_put_list(&b, LIST, text, &what) == 0;

	if (taken) {
		ATF_REQUIRE_EQ(0, nft_tell_list(&t, (const void *)b.buf, &what));
		comes_back(t.s != NULL ? t.s : "");
	}
	free(t.s);
	free(b.buf);
	return taken;
}

/* A letter becomes one that texts are made of, and a stretch is copied over another. */
ATF_TC_WITHOUT_HEAD(changed_texts_do_no_harm);
ATF_TC_BODY(changed_texts_do_no_harm, tc)
{
	static const char good[] = "dynset set=a%20 operation=update key=r0 timeout-ms=1 flags=2\n+ counter packets=1 bytes=2\n"
	    "+ last set=0\nmeta to=r4 key=mark\ncmp from=r4 is=eq value=0x00ff\ncmp from=r4 is=neq value=name:lo\n"
	    "immediate to=verdict value=jump:x\nlog prefix=%25 group=3\nnotrack";
	static const char letters[] = " =\n+%:0x1frae-name";
	uint32_t seed = 1;
	unsigned taken = 0;

	for (unsigned i = 0; i < 20000; i++) {
		char text[sizeof good];
		size_t from, to;

		memcpy(text, good, sizeof good);
		for (unsigned k = 0; k < 1 + i % 3; k++) {
			seed = seed * 1664525 + 1013904223;
			text[(seed >> 8) % (sizeof good - 1)] = letters[(seed >> 20) % (sizeof letters - 1)];
		}
		from = (seed >> 4) % (sizeof good - 32);
		to = (seed >> 12) % (sizeof good - 32);
		if (i % 2 == 0)
			memmove(text + to, text + from, 24);
		taken += is_taken(text);
	}
	ATF_CHECK_MSG(taken > 100 && taken < 20000, "%u of them were taken", taken);
}

/* As any other attribute than those that there are words for. */
ATF_TC_WITHOUT_HEAD(what_there_are_no_words_for_is_named);
ATF_TC_BODY(what_there_are_no_words_for_is_named, tc)
{
	struct netlink_batch b = { 0 };
	struct nft_text t = { 0 };
	struct nft_what what;
	size_t list = netlink_nest(&b, LIST), element = netlink_nest(&b, NFTA_LIST_ELEM), data;

	netlink_put_text(&b, NFTA_EXPR_NAME, "meta");
	data = netlink_nest(&b, NFTA_EXPR_DATA);
	netlink_put32(&b, NFTA_META_KEY, htonl(NFT_META_SECMARK));
	netlink_nest_end(&b, data);
	netlink_nest_end(&b, element);
	netlink_nest_end(&b, list);
	ATF_CHECK_EQ(-EOPNOTSUPP, nft_tell_list(&t, (const void *)b.buf, &what));
	ATF_CHECK_STREQ("meta, key 14", what.s);
	/* one more, of a type above all */
	((struct nlattr *)(void *)(b.buf + data + NLA_HDRLEN))->nla_type = 99;
	ATF_CHECK_EQ(-EOPNOTSUPP, nft_tell_list(&t, (const void *)b.buf, &what));
	ATF_CHECK_STREQ("meta with something new", what.s);
	free(t.s);
	free(b.buf);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, what_is_told_is_what_was_put);
	ATF_TP_ADD_TC(tp, a_verdict_and_an_object_come_back);
	ATF_TP_ADD_TC(tp, what_is_no_expression_is_refused);
	ATF_TP_ADD_TC(tp, changed_texts_do_no_harm);
	ATF_TP_ADD_TC(tp, what_there_are_no_words_for_is_named);
	return atf_no_error();
}
