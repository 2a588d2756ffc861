/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Settings of the stack, of all interfaces, of new ones and of each.
 */
#include <errno.h>
#include <string.h>

#include "kernel-glue/linux/net.h"
#include "linux/net_settings.h"

_Static_assert(sizeof((struct setting *)0)->values / sizeof(int64_t) == NET_SETTING_VALUES, "room for any");

#define STABLE_PRIVACY	2	/* addr_gen_mode: with a secret, that is not told */

/* Those that this kernel has. */
static int
collect(struct dump *d, bool of_interfaces, const char *interface, struct list *to)
{
	size_t n;
	const struct net_setting *all = net_settings(&n);

	for (size_t i = 0; i < n; i++) {
		struct setting *s;
		int r;

		if (all[i].of_interfaces != of_interfaces)
			continue;
		if ((s = dump_alloc(d, sizeof *s)) == NULL)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
		if ((r = net_setting_read(&all[i], interface, s->values)) == -ENOENT)
			continue;
		if (r != 0)
			return dump_fail(d, GLUE_E_SYSTEM, -r, NULL, "reading a setting of the network stack (%s)",
			    all[i].path);
		s->kind = all[i].kind;
		s->n = all[i].values;
		if (s->kind == PSNAP_NET_IPV6_LINK_LOCAL && s->values[0] == STABLE_PRIVACY) {
			if ((r = dump_cover(d, PSNAP_COVERAGE_DEGRADES, NULL, 0, -1, 0, "network-setting",
			    "link-local addresses are made from a secret, which is not carried")) != 0)
				return r;
			continue;
		}
		if (list_add(d, to, s) != 0)
			return dump_fail(d, GLUE_E_NOMEM, 0, NULL, "out of memory");
	}
	return 0;
}

int
settings_collect(struct dump *d, struct net *net)
{
	int r;

	if ((r = collect(d, false, "", &net->settings)) != 0 ||
	    (r = collect(d, true, NET_SETTING_ALL, &net->for_all)) != 0 ||
	    (r = collect(d, true, NET_SETTING_NEW, &net->for_new)) != 0)
		return r;
	for (size_t i = 0; i < net->interfaces.n && r == 0; i++) {
		struct net_object *o = net->interfaces.v[i];

		r = collect(d, true, netlink_get_text(o->a[IFLA_IFNAME]), &o->settings);
	}
	return r;
}
