/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of the stack and of its interfaces.  The kernel makes link-local
 * addresses when an interface goes up, unless it is told not to: it is told so
 * until all addresses are there.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <string.h>

#include "libsnap/restore/linux/net.h"
#include "linux/net_settings.h"

#define NO_ADDRESS	1	/* NET_IPV6_LINK_LOCAL */

/* Only what is not so yet: a value that is there may be one that cannot be chosen. */
static int
set(struct net *n, uint64_t object, const struct net_setting *s, const char *interface, const int64_t *values)
{
	int64_t now[NET_SETTING_VALUES] = { 0 };
	int e, r;

	if ((r = net_setting_read(s, interface, now)) == 0 && memcmp(now, values, s->values * sizeof *values) == 0)
		return 0;
	if ((e = net_is_ours(n, n->fd)) != 0)
		return e;
	return (r = net_setting_write(s, interface, values)) == 0 ? 0 :
	    restore_fail(n->r, NULL, object, -r, "a setting of the network stack (%s)", s->path);
}

static int
set_all(struct net *n, uint64_t object, const char *interface, Psnap__NetworkSetting *const *v, size_t count)
{
	int e = 0;

	for (size_t i = 0; i < count && e == 0; i++) {
		const struct net_setting *s = net_setting_find(v[i]->kind);

		if (v[i]->kind == PSNAP__NETWORK_SETTING_KIND__NET_IPV6_LINK_LOCAL && strcmp(interface, NET_SETTING_NEW) != 0)
			continue;
		if (s == NULL || v[i]->n_values != s->values)
			return restore_fail(n->r, NULL, object, EINVAL, "a setting of the network stack");
		e = set(n, object, s, interface, v[i]->values);
	}
	return e;
}

/* No link-local addresses by themselves; a kernel without IPv6 makes none. */
static int
hold_addresses(struct net *n, uint64_t object, const char *interface)
{
	const struct net_setting *s = net_setting_find(PSNAP_NET_IPV6_LINK_LOCAL);
	const int64_t none[NET_SETTING_VALUES] = { NO_ADDRESS };
	int64_t now[NET_SETTING_VALUES];

	return net_setting_read(s, interface, now) == -ENOENT ? 0 : set(n, object, s, interface, none);
}

int
settings_restore(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_NETWORK_STACK, &count);
	const Psnap__NetworkStack *s = (const void *)v[0]->message;
	uint64_t id = v[0]->id;
	int e;

	/* what is set for all is set of each: each comes last */
	if ((e = set_all(n, id, "", s->settings, s->n_settings)) != 0 ||
	    (e = set_all(n, id, NET_SETTING_ALL, s->for_all, s->n_for_all)) != 0 ||
	    (e = set_all(n, id, NET_SETTING_NEW, s->for_new, s->n_for_new)) != 0)
		return e;
	v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE, &count);
	for (size_t i = 0; i < count && e == 0; i++) {
		const Psnap__Interface *x = (const void *)v[i]->message;

		/* that of the loopback interface is always made */
		if (x->kind != PSNAP__INTERFACE_KIND__INTERFACE_LOOPBACK)
			e = hold_addresses(n, v[i]->id, x->name);
		if (e == 0)
			e = set_all(n, v[i]->id, x->name, x->settings, x->n_settings);
	}
	return e;
}

/* Not by writing the setting: then the kernel would make an address even where there was none. */
static int
release_addresses(struct net *n, uint64_t object, const Psnap__Interface *i, uint8_t mode)
{
	const struct ifinfomsg h = { .ifi_family = AF_UNSPEC, .ifi_index = (int)i->index };
	struct netlink_batch b = { 0 };
	size_t families, six;

	netlink_begin(&b, RTM_NEWLINK, NLM_F_ACK, &h, sizeof h);
	families = netlink_nest(&b, IFLA_AF_SPEC);
	six = netlink_nest(&b, AF_INET6);
	netlink_put8(&b, IFLA_INET6_ADDR_GEN_MODE, mode);
	netlink_nest_end(&b, six);
	netlink_nest_end(&b, families);
	return net_send(n, &b, object, "setting which addresses are made of interface", i->name);
}

int
settings_finish(struct net *n)
{
	size_t count;
	const struct snap_object *const *v = snap_get_kind(n->r->s, PSNAP_KIND_INTERFACE, &count);
	int e = 0;

	for (size_t i = 0; i < count && e == 0; i++) {
		const Psnap__Interface *x = (const void *)v[i]->message;

		for (size_t k = 0; k < x->n_settings && e == 0; k++)
			if (x->settings[k]->kind == PSNAP__NETWORK_SETTING_KIND__NET_IPV6_LINK_LOCAL)
				e = release_addresses(n, v[i]->id, x, (uint8_t)x->settings[k]->values[0]);
	}
	return e;
}
