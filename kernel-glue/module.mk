# SPDX-License-Identifier: BSD-2-Clause
glue_emit_srcs := \
	kernel-glue/emit/emit.c

glue_linux_srcs := $(sort $(wildcard kernel-glue/linux/*.c))
