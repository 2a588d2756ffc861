# SPDX-License-Identifier: BSD-2-Clause
tools_common_srcs := \
	tools/common/input.c \
	tools/common/output.c \
	tools/common/report.c

snapctl_srcs := \
	tools/snapctl/cmd_dump.c \
	tools/snapctl/cmd_restore.c \
	tools/snapctl/cmd_suspend.c \
	tools/snapctl/guard.c \
	tools/snapctl/main.c \
	tools/snapctl/namespaces.c \
	tools/snapctl/numbers.c \
	tools/snapctl/pidns.c \
	tools/snapctl/users.c

snapinspect_srcs := \
	tools/snapinspect/cgroups.c \
	tools/snapinspect/common.c \
	tools/snapinspect/host.c \
	tools/snapinspect/main.c \
	tools/snapinspect/net_filter.c \
	tools/snapinspect/net_stack.c \
	tools/snapinspect/view_coverage.c \
	tools/snapinspect/view_diff.c \
	tools/snapinspect/view_files.c \
	tools/snapinspect/view_fit.c \
	tools/snapinspect/view_info.c \
	tools/snapinspect/view_ipc.c \
	tools/snapinspect/view_maps.c \
	tools/snapinspect/view_mem.c \
	tools/snapinspect/view_mounts.c \
	tools/snapinspect/view_net.c \
	tools/snapinspect/view_regs.c \
	tools/snapinspect/view_tree.c \
	tools/snapinspect/view_verify.c

snapconv_srcs := \
	tools/snapconv/edits.c \
	tools/snapconv/main.c

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
