# SPDX-License-Identifier: BSD-2-Clause
#
# What the dumper and the restore backend both ask of Linux.
linux_srcs := \
	linux/cgroup_limits.c \
	linux/cgroup_mounts.c \
	linux/net_filters.c \
	linux/net_lock.c \
	linux/net_messages.c \
	linux/net_routes.c \
	linux/net_settings.c \
	linux/nft.c \
	linux/nft_put.c \
	linux/nft_tell.c \
	linux/nft_words.c \
	linux/posix_queue.c \
	linux/socket_options.c \
	linux/sysv_memory.c \
	linux/tcp_state.c \
	linux/time_offsets.c \
	linux/words.c
