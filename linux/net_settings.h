/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Where Linux keeps a NetworkSetting, and how it is read and changed: of the
 * network namespace the caller is in.
 */
#ifndef LINUX_NET_SETTINGS_H
#define LINUX_NET_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NET_SETTING_VALUES	3	/* none has more */

struct net_setting {
	uint32_t	kind;		/* NetworkSettingKind */
	bool		of_interfaces;	/* of each, of all and of new ones; else of the stack */
	uint8_t		values;
	const char	*path;		/* below /proc/sys/net; %s: the interface */
};

/* Ascending by kind. */
const struct net_setting *net_settings(size_t *n);
/* NULL: there is no such kind. */
const struct net_setting *net_setting_find(uint32_t kind);

/* For `interface`: what stands for all of them, or for those made from now on. */
#define NET_SETTING_ALL		"all"
#define NET_SETTING_NEW		"default"

/* interface: its name, or as above; of the stack it is not looked at.  0 or -errno; -ENOENT: not here. */
int	net_setting_read(const struct net_setting *s, const char *interface, int64_t values[NET_SETTING_VALUES]);
int	net_setting_write(const struct net_setting *s, const char *interface, const int64_t *values);

#endif
