# SPDX-License-Identifier: BSD-2-Clause
tools_common_srcs := $(sort $(wildcard tools/common/*.c))
snapctl_srcs := $(sort $(wildcard tools/snapctl/*.c))
snapinspect_srcs := $(sort $(wildcard tools/snapinspect/*.c))
snapconv_srcs := $(sort $(wildcard tools/snapconv/*.c))

offline_tools := snapinspect snapconv
tools := $(offline_tools) $(if $(live),snapctl)

man_pages := \
	tools/snapconv/snapconv.1 \
	tools/snapctl/snapctl.1 \
	tools/snapinspect/snapinspect.1

completions := \
	tools/completion/snapconv \
	tools/completion/snapctl \
	tools/completion/snapinspect
