/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * Socket options of which a snapshot tells only what differs from a new socket
 * of the same kind: their fields in SocketOptions, and their names here.
 */
#ifndef LINUX_SOCKET_OPTIONS_H
#define LINUX_SOCKET_OPTIONS_H

#include <stddef.h>
#include <stdint.h>

enum option_form {
	OPTION_PLAIN,
	OPTION_PLUS_1,		/* 0, too, is a value */
	OPTION_INVERTED,	/* a new socket has it on */
};

struct socket_option {
	uint32_t	field;
	int		level, name;
	enum option_form form;
};

/* All of them, in the order in which they are set. */
extern const struct socket_option socket_options[];
extern const size_t socket_options_n;

/* Whether a socket can have options of this level. */
int	socket_option_fits(const struct socket_option *o, int family, int type, int protocol);

#endif
