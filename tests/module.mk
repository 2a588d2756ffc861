# SPDX-License-Identifier: BSD-2-Clause
#
# tests_c, tests_sh		need a live Linux: amd64 and i386
# tests_offline_c, _sh		run everywhere, under qemu-user too
# tests_once_sh			heavy programs, in the first configuration only
# tests_guest_sh		on kernels of their own, in a configuration of their own
# test_helpers			programs to be dumped, or to run them; also built with -m32
# test_fixtures			makers of snapshots, linked with libsnap
# behaviour_srcs		one such program, of many small ones
# fuzz_targets			libFuzzer programs

tests_c := \
	tests/glue/emit_test.c \
	tests/glue/records_test.c \
	tests/linux/cgroup_limits_test.c \
	tests/linux/fuzz_replay_test.c \
	tests/linux/net_messages_test.c \
	tests/linux/nft_text_test.c

tests_sh := \
	tests/behaviour/behaviour_test.sh \
	tests/glue/freestanding_test.sh \
	tests/tools/convert_abi_live_test.sh \
	tests/tools/convert_edit_live_test.sh \
	tests/tools/core_test.sh \
	tests/tools/fault_test.sh \
	tests/tools/fit_test.sh \
	tests/tools/inspect_live_test.sh \
	tests/tools/install_test.sh \
	tests/tools/instance_test.sh \
	tests/tools/ipc_test.sh \
	tests/tools/mntns_test.sh \
	tests/tools/namespaces_test.sh \
	tests/tools/netns_test.sh \
	tests/tools/restore_files_test.sh \
	tests/tools/restore_test.sh \
	tests/tools/sockets_test.sh \
	tests/tools/tcp_test.sh \
	tests/tools/unharmed_test.sh

tests_offline_c := \
	tests/libsnap/container_damage_test.c \
	tests/libsnap/container_limits_test.c \
	tests/libsnap/container_memory_test.c \
	tests/libsnap/container_roundtrip_test.c \
	tests/libsnap/container_rules_test.c \
	tests/libsnap/container_writer_test.c \
	tests/libsnap/convert_abi_test.c \
	tests/libsnap/convert_edit_test.c \
	tests/libsnap/core_export_test.c \
	tests/libsnap/fit_test.c \
	tests/libsnap/fuzz_replay_test.c \
	tests/libsnap/model_graph_test.c \
	tests/libsnap/model_memory_test.c \
	tests/libsnap/validate_rules_test.c \
	tests/libsnap/vectors_test.c

tests_offline_sh := \
	tests/tools/compat_test.sh \
	tests/tools/convert_abi_test.sh \
	tests/tools/convert_edit_test.sh \
	tests/tools/inspect_test.sh \
	tests/tools/snapconv_test.sh

tests_once_sh := \
	tests/behaviour/collectors_test.sh \
	tests/programs/restore_test.sh \
	tests/programs/scripts_test.sh \
	tests/programs/servers_test.sh \
	tests/programs/shapes_test.sh \
	tests/programs/tcp_test.sh

tests_guest_sh := \
	tests/guest/kernels_test.sh

test_helpers := \
	tests/helpers/alone.c \
	tests/helpers/backtrace.c \
	tests/helpers/bound.c \
	tests/helpers/callers.c \
	tests/helpers/clock.c \
	tests/helpers/collected.c \
	tests/helpers/device.c \
	tests/helpers/inet.c \
	tests/helpers/measure.c \
	tests/helpers/stream.c \
	tests/helpers/target.c \
	tests/helpers/unharmed.c \
	tests/helpers/vector.c

# Static and with its symbols, so that the C library's choices can be read anywhere.
$(O)/tests/helpers/vector $(O)/tests/helpers/vector32: helper_libs := -static -Wl,-z,x86-64-v3

$(O)/tests/helpers/collected $(O)/tests/helpers/collected32: helper_libs := \
	$(glue_module_client_srcs) $(glue_records_srcs)

behaviour_srcs := \
	tests/behaviour/anonymous.c \
	tests/behaviour/credentials.c \
	tests/behaviour/datagrams.c \
	tests/behaviour/files.c \
	tests/behaviour/ipc.c \
	tests/behaviour/locks.c \
	tests/behaviour/main.c \
	tests/behaviour/memory.c \
	tests/behaviour/mqueue.c \
	tests/behaviour/pipes.c \
	tests/behaviour/processes.c \
	tests/behaviour/raw.c \
	tests/behaviour/signals.c \
	tests/behaviour/sockets.c \
	tests/behaviour/tcp.c \
	tests/behaviour/terminals.c \
	tests/behaviour/threads.c \
	tests/behaviour/timers.c \
	tests/behaviour/waits.c

test_fixtures := \
	tests/helpers/records.c \
	tests/helpers/refilter.c \
	tests/helpers/refpu.c \
	tests/helpers/reipc.c \
	tests/helpers/remount.c \
	tests/helpers/revdso.c \
	tests/helpers/world.c

fuzz_targets := \
	tests/fuzz/convert_fuzz.c \
	tests/fuzz/filter_fuzz.c \
	tests/fuzz/reader_fuzz.c \
	tests/fuzz/restore_fuzz.c \
	tests/fuzz/unpack_fuzz.c \
	tests/fuzz/validate_fuzz.c

# They make the library's allocations fail, one after the other.
$(O)/tests/libsnap/container_memory_test $(O)/tests/libsnap/model_memory_test: all_ldflags += \
	-Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc
