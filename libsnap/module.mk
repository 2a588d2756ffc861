# SPDX-License-Identifier: BSD-2-Clause
libsnap_pub_headers := libsnap/snap.h format/psnap.h

# Restoring needs the operating system it restores on.
restore_linux_srcs := \
	libsnap/restore/api.c \
	libsnap/restore/lineage.c \
	libsnap/restore/linux/cpus.c \
	libsnap/restore/linux/credentials.c \
	libsnap/restore/linux/descriptors.c \
	libsnap/restore/linux/fill.c \
	libsnap/restore/linux/host.c \
	libsnap/restore/linux/host_files.c \
	libsnap/restore/linux/host_ipc.c \
	libsnap/restore/linux/ipc.c \
	libsnap/restore/linux/ipc_segment.c \
	libsnap/restore/linux/object_anon.c \
	libsnap/restore/linux/object_carried.c \
	libsnap/restore/linux/object_file.c \
	libsnap/restore/linux/object_pipe.c \
	libsnap/restore/linux/object_queue.c \
	libsnap/restore/linux/object_socket.c \
	libsnap/restore/linux/object_terminal.c \
	libsnap/restore/linux/objects.c \
	libsnap/restore/linux/pages.c \
	libsnap/restore/linux/process.c \
	libsnap/restore/linux/restore.c \
	libsnap/restore/linux/root.c \
	libsnap/restore/linux/seed.c \
	libsnap/restore/linux/space.c \
	libsnap/restore/linux/thread.c \
	libsnap/restore/linux/timers.c \
	libsnap/restore/linux/trace.c \
	libsnap/restore/linux/tree.c \
	libsnap/restore/linux/vdso.c \
	libsnap/restore/linux/x86.c \
	libsnap/restore/linux/zombies.c \
	libsnap/restore/plan.c \
	libsnap/restore/preflight.c

libsnap_srcs := \
	libsnap/container/block.c \
	libsnap/container/cursor.c \
	libsnap/container/idset.c \
	libsnap/container/index.c \
	libsnap/container/output.c \
	libsnap/container/pack.c \
	libsnap/container/pages.c \
	libsnap/container/reader.c \
	libsnap/container/stream.c \
	libsnap/container/tables.c \
	libsnap/container/verify.c \
	libsnap/container/writer.c \
	libsnap/container/writer_blocks.c \
	libsnap/container/writer_copy.c \
	libsnap/container/writer_index.c \
	libsnap/container/writer_pages.c \
	libsnap/container/writer_records.c \
	libsnap/core/arena.c \
	libsnap/core/checksum.c \
	libsnap/core/elf.c \
	libsnap/core/error.c \
	libsnap/core/io.c \
	libsnap/core/limits.c \
	libsnap/core/siginfo.c \
	libsnap/convert/abi.c \
	libsnap/convert/abi_frames.c \
	libsnap/convert/convert.c \
	libsnap/convert/edit.c \
	libsnap/convert/edit_environment.c \
	libsnap/convert/edit_fields.c \
	libsnap/convert/edit_records.c \
	libsnap/convert/plan.c \
	libsnap/convert/records.c \
	libsnap/convert/version_1_1.c \
	libsnap/convert/version_2_0.c \
	libsnap/convert/version_2_1.c \
	libsnap/convert/write.c \
	libsnap/export/core/core.c \
	libsnap/export/core/notes.c \
	libsnap/export/core/registers.c \
	libsnap/export/core/segments.c \
	libsnap/export/export.c \
	libsnap/export/psnap.c \
	libsnap/fit/elf.c \
	libsnap/fit/features.c \
	libsnap/fit/fit.c \
	libsnap/fit/host.c \
	libsnap/fit/images.c \
	libsnap/fit/spaces.c \
	libsnap/fit/threads.c \
	libsnap/fit/variants.c \
	libsnap/model/kinds.c \
	libsnap/model/model.c \
	libsnap/model/open.c \
	libsnap/model/revision.c \
	libsnap/model/signal_set.c \
	$(if $(live),$(restore_linux_srcs),libsnap/restore/none.c) \
	libsnap/validate/validate.c \
	libsnap/validate/validate_file.c \
	libsnap/validate/validate_graph.c \
	libsnap/validate/validate_host.c \
	libsnap/validate/validate_ipc.c \
	libsnap/validate/validate_memory.c \
	libsnap/validate/validate_pages.c \
	libsnap/validate/validate_process.c \
	libsnap/validate/validate_record.c \
	libsnap/validate/validate_socket.c
