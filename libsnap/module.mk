# SPDX-License-Identifier: BSD-2-Clause
libsnap_pub_headers := libsnap/snap.h format/psnap.h

libsnap_srcs := \
	libsnap/container/block.c \
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
	libsnap/container/writer_index.c \
	libsnap/container/writer_pages.c \
	libsnap/container/writer_records.c \
	libsnap/core/arena.c \
	libsnap/core/checksum.c \
	libsnap/core/error.c \
	libsnap/core/io.c \
	libsnap/core/limits.c \
	libsnap/export/core/core.c \
	libsnap/export/core/notes.c \
	libsnap/export/core/registers.c \
	libsnap/export/core/segments.c \
	libsnap/export/core/siginfo.c \
	libsnap/export/export.c \
	libsnap/export/psnap.c \
	libsnap/model/kinds.c \
	libsnap/model/model.c \
	libsnap/model/open.c \
	libsnap/validate/validate.c \
	libsnap/validate/validate_file.c \
	libsnap/validate/validate_graph.c \
	libsnap/validate/validate_host.c \
	libsnap/validate/validate_memory.c \
	libsnap/validate/validate_pages.c \
	libsnap/validate/validate_process.c \
	libsnap/validate/validate_record.c \
	libsnap/validate/validate_socket.c
