/* SPDX-License-Identifier: BSD-2-Clause */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "format/psnap_fields.h"
#include "linux/net_settings.h"

#define STACK(kind, values, path)	{ PSNAP_NET_ ## kind, false, values, path }
#define CONF4(kind, name)		{ PSNAP_NET_ ## kind, true, 1, "ipv4/conf/%s/" name }
#define CONF6(kind, name)		{ PSNAP_NET_ ## kind, true, 1, "ipv6/conf/%s/" name }

static const struct net_setting settings[] = {
	STACK(DEFAULT_HOP_LIMIT, 1, "ipv4/ip_default_ttl"),
	STACK(NONLOCAL_BIND, 1, "ipv4/ip_nonlocal_bind"),
	STACK(IPV6_NONLOCAL_BIND, 1, "ipv6/ip_nonlocal_bind"),
	STACK(LOCAL_PORTS, 2, "ipv4/ip_local_port_range"),
	STACK(FIRST_UNPRIVILEGED_PORT, 1, "ipv4/ip_unprivileged_port_start"),
	STACK(PING_GROUPS, 2, "ipv4/ping_group_range"),
	STACK(ECHO_IGNORE, 1, "ipv4/icmp_echo_ignore_all"),
	STACK(ECHO_IGNORE_BROADCAST, 1, "ipv4/icmp_echo_ignore_broadcasts"),
	STACK(IPV6_ONLY, 1, "ipv6/bindv6only"),
	STACK(LISTEN_BACKLOG_MAX, 1, "core/somaxconn"),
	STACK(TCP_SYN_COOKIES, 1, "ipv4/tcp_syncookies"),
	STACK(TCP_SYN_BACKLOG, 1, "ipv4/tcp_max_syn_backlog"),
	STACK(TCP_SYN_RETRIES, 1, "ipv4/tcp_syn_retries"),
	STACK(TCP_SYN_ACK_RETRIES, 1, "ipv4/tcp_synack_retries"),
	STACK(TCP_RETRIES_REPORT, 1, "ipv4/tcp_retries1"),
	STACK(TCP_RETRIES_MAX, 1, "ipv4/tcp_retries2"),
	STACK(TCP_FIN_TIMEOUT, 1, "ipv4/tcp_fin_timeout"),
	STACK(TCP_KEEPALIVE_IDLE, 1, "ipv4/tcp_keepalive_time"),
	STACK(TCP_KEEPALIVE_INTERVAL, 1, "ipv4/tcp_keepalive_intvl"),
	STACK(TCP_KEEPALIVE_PROBES, 1, "ipv4/tcp_keepalive_probes"),
	STACK(TCP_ECN, 1, "ipv4/tcp_ecn"),
	STACK(TCP_SELECTIVE_ACKS, 1, "ipv4/tcp_sack"),
	STACK(TCP_TIMESTAMPS, 1, "ipv4/tcp_timestamps"),
	STACK(TCP_WINDOW_SCALING, 1, "ipv4/tcp_window_scaling"),
	STACK(TCP_RECEIVE_BUFFER, 3, "ipv4/tcp_rmem"),
	STACK(TCP_SEND_BUFFER, 3, "ipv4/tcp_wmem"),
	STACK(TCP_MTU_PROBING, 1, "ipv4/tcp_mtu_probing"),
	STACK(TCP_SLOW_START_AFTER_IDLE, 1, "ipv4/tcp_slow_start_after_idle"),
	CONF4(FORWARDING, "forwarding"),
	CONF4(REVERSE_PATH_FILTER, "rp_filter"),
	CONF4(ACCEPT_REDIRECTS, "accept_redirects"),
	CONF4(SECURE_REDIRECTS, "secure_redirects"),
	CONF4(SEND_REDIRECTS, "send_redirects"),
	CONF4(ACCEPT_SOURCE_ROUTE, "accept_source_route"),
	CONF4(ACCEPT_LOCAL, "accept_local"),
	CONF4(ROUTE_LOCALNET, "route_localnet"),
	CONF4(LOG_IMPOSSIBLE, "log_martians"),
	CONF4(PROXY_ARP, "proxy_arp"),
	CONF4(ARP_FILTER, "arp_filter"),
	CONF4(ARP_ANNOUNCE, "arp_announce"),
	CONF4(ARP_IGNORE, "arp_ignore"),
	CONF4(ARP_NOTIFY, "arp_notify"),
	CONF4(ARP_ACCEPT, "arp_accept"),
	CONF4(PROMOTE_SECONDARIES, "promote_secondaries"),
	CONF6(IPV6_DISABLED, "disable_ipv6"),
	CONF6(IPV6_FORWARDING, "forwarding"),
	CONF6(IPV6_ACCEPT_ADVERTISEMENTS, "accept_ra"),
	CONF6(IPV6_ACCEPT_REDIRECTS, "accept_redirects"),
	CONF6(IPV6_AUTOCONFIGURE, "autoconf"),
	CONF6(IPV6_HOP_LIMIT, "hop_limit"),
	CONF6(IPV6_DUPLICATE_PROBES, "dad_transmits"),
	CONF6(IPV6_DUPLICATE_DETECTION, "accept_dad"),
	CONF6(IPV6_TEMPORARY_ADDRESSES, "use_tempaddr"),
	CONF6(IPV6_LINK_LOCAL, "addr_gen_mode"),
	CONF6(IPV6_PROXY_NEIGHBOURS, "proxy_ndp"),
	CONF6(IPV6_KEEP_ADDRESSES, "keep_addr_on_down"),
};
#define NSETTINGS (sizeof settings / sizeof settings[0])

const struct net_setting *
net_settings(size_t *n)
{
	*n = NSETTINGS;
	return settings;
}

const struct net_setting *
net_setting_find(uint32_t kind)
{
	for (size_t i = 0; i < NSETTINGS; i++)
		if (settings[i].kind == kind)
			return &settings[i];
	return NULL;
}

static int
open_setting(const struct net_setting *s, const char *interface, int flags)
{
	char path[128];
	int n = snprintf(path, sizeof path, "/proc/sys/net/"), fd;

	snprintf(path + n, sizeof path - (size_t)n, s->path, interface);
	fd = open(path, flags | O_CLOEXEC);
	return fd >= 0 ? fd : -errno;
}

int
net_setting_read(const struct net_setting *s, const char *interface, int64_t values[NET_SETTING_VALUES])
{
	int fd = open_setting(s, interface, O_RDONLY);
	char text[128], *at = text, *end;
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	for (unsigned i = 0; i < s->values; i++, at = end) {
		values[i] = strtoll(at, &end, 10);
		if (end == at)
			return -EPROTO;
	}
	return 0;
}

int
net_setting_write(const struct net_setting *s, const char *interface, const int64_t *values)
{
	int fd = open_setting(s, interface, O_WRONLY), e = 0;
	char text[128];
	size_t n = 0;

	if (fd < 0)
		return fd;
	for (unsigned i = 0; i < s->values; i++)
		n += (size_t)snprintf(text + n, sizeof text - n, "%" PRId64 " ", values[i]);
	if (write(fd, text, n) != (ssize_t)n)
		e = -errno;
	close(fd);
	return e;
}
