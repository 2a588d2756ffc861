/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * The first byte is which of its kinds, the rest a text of expressions of
 * nftables (linux/nft_text.h), as a snapshot may hold it.  What is taken is
 * told in a text that is taken as the same.
 */
#include <linux/netfilter/nf_tables.h>

#include "linux/nft_text.h"
#include "tests/fuzz/fuzz.h"

static int
put(struct netlink_batch *b, uint8_t kind, const char *text, uint32_t *object)
{
	struct nft_what what = { "" };

	switch (kind % 4) {
	case 0:
		return nft_put_list(b, NFTA_RULE_EXPRESSIONS, text, &what);
	case 1:
		return nft_put_some(b, NFTA_SET_ELEM_EXPR, NFTA_SET_ELEM_EXPRESSIONS, text, &what);
	case 2:
		return nft_put_object(b, NFTA_OBJ_DATA, text, object, &what);
	default:
		return nft_put_verdict(b, NFTA_SET_ELEM_DATA, text, &what);
	}
}

static int
tell(struct nft_text *t, const struct netlink_batch *b, uint8_t kind, uint32_t object)
{
	const struct rtattr *all = (const void *)b->buf;
	struct nft_what what;

	switch (kind % 4) {
	case 1:
		return (all->rta_type & NLA_TYPE_MASK) == NFTA_SET_ELEM_EXPR ? nft_tell_one(t, all, &what) :
		    nft_tell_list(t, all, &what);
	case 2:
		return nft_tell_object(t, object, all, &what);
	case 3:
		return nft_tell_verdict(t, RTA_DATA(all), &what);
	default:
		return nft_tell_list(t, all, &what);
	}
}

/* Told to t; whether it was taken. */
static bool
put_and_tell(uint8_t kind, const char *text, struct nft_text *t)
{
	struct netlink_batch b = { 0 };
	uint32_t object = 0;
	bool taken = put(&b, kind, text, &object) == 0 && b.error == 0;

	if (taken && b.buf != NULL && tell(t, &b, kind, object) != 0)
		abort();
	free(b.buf);
	return taken;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct nft_text t = { 0 }, again = { 0 };
	char *text = malloc(size + 1);

	if (text == NULL || size == 0)
		goto out;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (!put_and_tell(data[0], text, &t) || t.s == NULL)
		goto out;
	if (!put_and_tell(data[0], t.s, &again) || again.s == NULL || strcmp(t.s, again.s) != 0)
		abort();
out:
	free(again.s);
	free(t.s);
	free(text);
	return 0;
}
