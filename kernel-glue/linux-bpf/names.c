/* SPDX-License-Identifier: BSD-2-Clause */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <bpf/btf.h>

#include "kernel-glue/linux-bpf/names.h"

struct name {
	const char	*name;
	enum rec_option	option;		/* REC_OPTION_NONE: rare */
};

static const struct name inet[] = {
	{ "INET_FLAGS_PKTINFO", REC_OPTION_IP_DESTINATION_NOTES },
	{ "INET_FLAGS_TTL", REC_OPTION_IP_TTL_NOTES },
	{ "INET_FLAGS_TOS", REC_OPTION_IP_TOS_NOTES },
	{ "INET_FLAGS_RECVOPTS", REC_OPTION_IP_OPTION_NOTES },
	{ "INET_FLAGS_RETOPTS", REC_OPTION_IP_RETURN_OPTION_NOTES },
	{ "INET_FLAGS_ORIGDSTADDR", REC_OPTION_IP_ORIGINAL_DESTINATION_NOTES },
	{ "INET_FLAGS_CHECKSUM", REC_OPTION_IP_CHECKSUM_NOTES },
	{ "INET_FLAGS_RECVFRAGSIZE", REC_OPTION_IP_FRAGMENT_NOTES },
	{ "INET_FLAGS_RECVERR", REC_OPTION_IP_ERROR_QUEUE },
	{ "INET_FLAGS_BIND_ADDRESS_NO_PORT", REC_OPTION_IP_LATE_PORT },
	{ "INET_FLAGS_MC_LOOP", REC_OPTION_IP_MULTICAST_LOOP },
	{ "INET_FLAGS_MC_ALL", REC_OPTION_IP_MULTICAST_ALL },
	{ "INET_FLAGS_FREEBIND", REC_OPTION_FREE_BIND },
	{ "INET_FLAGS_TRANSPARENT", REC_OPTION_TRANSPARENT },
	{ "INET_FLAGS_MC6_LOOP", REC_OPTION_IPV6_MULTICAST_LOOP },
	{ "INET_FLAGS_MC6_ALL", REC_OPTION_IPV6_MULTICAST_ALL },
	{ "INET_FLAGS_DONTFRAG", REC_OPTION_IPV6_DONT_FRAGMENT },
	{ "INET_FLAGS_RECVERR6", REC_OPTION_IPV6_ERROR_QUEUE },
	{ "INET_FLAGS_AUTOFLOWLABEL_SET", REC_OPTION_NONE },
	{ "INET_FLAGS_SNDFLOW", REC_OPTION_NONE },	/* addresses have flow labels */
	{ 0 }
};

static const struct name netlink[] = {
	{ "NETLINK_F_RECV_PKTINFO", REC_OPTION_NETLINK_GROUP_NOTES },
	{ "NETLINK_F_BROADCAST_SEND_ERROR", REC_OPTION_NETLINK_BROADCAST_ERRORS },
	{ "NETLINK_F_RECV_NO_ENOBUFS", REC_OPTION_NETLINK_NO_OVERRUN_ERRORS },
	{ "NETLINK_F_LISTEN_ALL_NSID", REC_OPTION_NETLINK_ALL_NAMESPACES },
	{ "NETLINK_F_CAP_ACK", REC_OPTION_NETLINK_SHORT_ACKS },
	{ "NETLINK_F_EXT_ACK", REC_OPTION_NETLINK_LONG_ACKS },
	{ "NETLINK_F_STRICT_CHK", REC_OPTION_NETLINK_STRICT_CHECKS },
	{ 0 }
};

/* Its number in the enumeration, or -1. */
static int
number_in(const struct btf *btf, const struct btf_type *t, const char *name)
{
	const struct btf_enum *e = btf_enum(t);

	for (unsigned i = 0; i < btf_vlen(t); i++)
		if (strcmp(btf__name_by_offset(btf, e[i].name_off), name) == 0)
			return e[i].val;
	return -1;
}

/* The enumeration without a name that has the first of them has all, or the kernel has others. */
static bool
take(const struct btf *btf, const struct btf_type *t, const struct name *names, struct socket_bits *out)
{
	struct socket_bits found = { .known = 1 };

	for (; names->name != NULL; names++) {
		int bit = number_in(btf, t, names->name);

		if (bit < 0 || bit > 63)
			return false;
		if (names->option == REC_OPTION_NONE)
			found.rare |= UINT64_C(1) << bit;
		else
			found.option[names->option] = (uint8_t)(bit + 1);
	}
	*out = found;
	return true;
}

void
bpf_names_find(struct socket_bits *inet_bits, struct socket_bits *netlink_bits)
{
	struct btf *btf = btf__load_vmlinux_btf();

	for (unsigned id = 1; btf != NULL && id < btf__type_cnt(btf); id++) {
		const struct btf_type *t = btf__type_by_id(btf, id);

		if (btf_is_enum(t) && t->name_off == 0 && !take(btf, t, inet, inet_bits))
			take(btf, t, netlink, netlink_bits);
	}
	btf__free(btf);
}
