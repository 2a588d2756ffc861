# SPDX-License-Identifier: BSD-2-Clause
libsnap_pub_headers := libsnap/snap.h format/psnap.h

libsnap_srcs := $(sort $(wildcard libsnap/*/*.c libsnap/*/*/*.c))
