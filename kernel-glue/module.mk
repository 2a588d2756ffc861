# SPDX-License-Identifier: BSD-2-Clause
glue_emit_srcs := \
	kernel-glue/emit/emit.c

glue_records_srcs := \
	kernel-glue/records/table.c

# what of the module runs in programs, and what the kernel's make builds
glue_module_client_srcs := \
	kernel-glue/linux-module/client.c

glue_module_files := \
	kernel-glue/linux-module/Kbuild \
	kernel-glue/linux-module/collect.c \
	kernel-glue/linux-module/descriptor.c \
	kernel-glue/linux-module/device.c \
	kernel-glue/linux-module/mapping.c \
	kernel-glue/linux-module/module.h \
	kernel-glue/linux-module/namespaces.h \
	kernel-glue/linux-module/process.c \
	kernel-glue/linux-module/snapshot.c \
	kernel-glue/linux-module/thread.c

glue_module_man := kernel-glue/linux-module/psnap.4
bpf_srcs := \
	kernel-glue/linux-bpf/collect.bpf.c \
	kernel-glue/linux-bpf/file.bpf.c \
	kernel-glue/linux-bpf/task.bpf.c \
	kernel-glue/linux-bpf/vma.bpf.c

glue_bpf_srcs := $(addprefix kernel-glue/linux-bpf/,$(if $(bpf),collector.c names.c,none.c))

glue_linux_srcs := \
	kernel-glue/linux/arena.c \
	kernel-glue/linux/cgroup.c \
	kernel-glue/linux/coverage.c \
	kernel-glue/linux/dump.c \
	kernel-glue/linux/facts.c \
	kernel-glue/linux/fd_anon.c \
	kernel-glue/linux/fd_diag.c \
	kernel-glue/linux/fd_emit.c \
	kernel-glue/linux/fd_file.c \
	kernel-glue/linux/fd_filter.c \
	kernel-glue/linux/fd_inotify.c \
	kernel-glue/linux/fd_link.c \
	kernel-glue/linux/fd_lock.c \
	kernel-glue/linux/fd_multicast.c \
	kernel-glue/linux/fd_options.c \
	kernel-glue/linux/fd_outside.c \
	kernel-glue/linux/fd_pending.c \
	kernel-glue/linux/fd_pipe.c \
	kernel-glue/linux/fd_queue.c \
	kernel-glue/linux/fd_socket.c \
	kernel-glue/linux/fd_socket_take.c \
	kernel-glue/linux/fd_table.c \
	kernel-glue/linux/fd_tcp.c \
	kernel-glue/linux/fd_tcp_accept.c \
	kernel-glue/linux/fd_tcp_connecting.c \
	kernel-glue/linux/fd_tcp_keys.c \
	kernel-glue/linux/fd_tcp_lock.c \
	kernel-glue/linux/fd_tty.c \
	kernel-glue/linux/freeze.c \
	kernel-glue/linux/index.c \
	kernel-glue/linux/ipc.c \
	kernel-glue/linux/ipc_posix.c \
	kernel-glue/linux/ipc_queue.c \
	kernel-glue/linux/ipc_segment.c \
	kernel-glue/linux/ipc_semaphores.c \
	kernel-glue/linux/ipc_undo.c \
	kernel-glue/linux/ipc_undo_take.c \
	kernel-glue/linux/mem_emit.c \
	kernel-glue/linux/mem_maps.c \
	kernel-glue/linux/mem_scan.c \
	kernel-glue/linux/mem_stage.c \
	kernel-glue/linux/mount.c \
	kernel-glue/linux/mount_content.c \
	kernel-glue/linux/mount_emit.c \
	kernel-glue/linux/mount_host.c \
	kernel-glue/linux/mount_table.c \
	kernel-glue/linux/mount_visit.c \
	kernel-glue/linux/namespaces.c \
	kernel-glue/linux/net.c \
	kernel-glue/linux/net_address.c \
	kernel-glue/linux/net_ending.c \
	kernel-glue/linux/net_filter.c \
	kernel-glue/linux/net_filter_set.c \
	kernel-glue/linux/net_interface.c \
	kernel-glue/linux/net_route.c \
	kernel-glue/linux/net_setting.c \
	kernel-glue/linux/numbers.c \
	kernel-glue/linux/procfs.c \
	kernel-glue/linux/regs.c \
	kernel-glue/linux/remote.c \
	kernel-glue/linux/share.c \
	kernel-glue/linux/task_cred.c \
	kernel-glue/linux/task_emit.c \
	kernel-glue/linux/task_host.c \
	kernel-glue/linux/task_proc.c \
	kernel-glue/linux/task_restart.c \
	kernel-glue/linux/task_seccomp.c \
	kernel-glue/linux/task_signal.c \
	kernel-glue/linux/task_thread.c \
	kernel-glue/linux/task_timer.c \
	kernel-glue/linux/task_x86.c \
	kernel-glue/linux/users.c
