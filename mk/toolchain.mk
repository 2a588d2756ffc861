# SPDX-License-Identifier: BSD-2-Clause
#
# Compiler, flags and libraries for one architecture.

comma := ,
Q := $(if $(V),,@)
host_arch := $(shell dpkg --print-architecture 2>/dev/null || uname -m)
ARCH ?= $(host_arch)

# Foreign libraries are unpacked here by configure-deps.
SYSROOTS ?= /var/cache/libsnap
sysroot :=
run :=

ifeq ($(ARCH),$(host_arch))
  live := yes
else ifeq ($(ARCH),i386)
  live := yes
  # headers without gcc-multilib, which excludes the cross compilers
  arch_flags := -m32 -idirafter /usr/include/$(host_arch:amd64=x86_64)-linux-gnu
  triplet := i386-linux-gnu
  sysroot := $(SYSROOTS)/i386
else ifeq ($(ARCH),arm64)
  triplet := aarch64-linux-gnu
  qemu := qemu-aarch64-static
else ifeq ($(ARCH),s390x)
  triplet := s390x-linux-gnu
  qemu := qemu-s390x-static
else
  $(error ARCH=$(ARCH): not one of $(host_arch) i386 arm64 s390x)
endif

# arm64 and s390x: the offline half only, run by qemu-user.
ifdef qemu
  CC := $(triplet)-gcc
  sysroot := $(SYSROOTS)/$(ARCH)
  run := $(qemu) -L /usr/$(triplet)
endif

ifdef triplet
  libdirs := $(sysroot)/usr/lib/$(triplet)
  # Debian keeps zlib in /lib
  libpath := $(libdirs):$(sysroot)/lib/$(triplet)
  pkg_config := PKG_CONFIG_LIBDIR=$(libdirs)/pkgconfig:$(sysroot)/usr/share/pkgconfig \
	PKG_CONFIG_SYSROOT_DIR=$(sysroot) pkg-config
else
  pkg_config := pkg-config
endif

# $(call libs,FLAG,PACKAGES)
libs = $(shell $(pkg_config) $(1) $(2) 2>/dev/null)

pkgs_libsnap := libzstd libprotobuf-c libelf libsodium
pkgs_tools := jansson

ifneq ($(filter clean distclean test demo,$(MAKECMDGOALS)),)
else ifeq ($(shell $(pkg_config) --exists $(pkgs_libsnap) $(pkgs_tools) && echo yes),)
  $(error libraries for ARCH=$(ARCH) are missing: run ./configure-deps as root)
endif

# Collection inside the kernel: for an amd64 snapctl, where its builders are.
bpftool := PATH=$$PATH:/usr/sbin bpftool
bpf := $(if $(and $(live),$(filter amd64,$(ARCH))),$(shell $(bpftool) version >/dev/null 2>&1 && \
	command -v clang >/dev/null && $(pkg_config) --exists libbpf && echo yes))
pkgs_live := $(if $(bpf),libbpf)

CFLAGS ?= -O2 -g
sanitize_flags := $(if $(SANITIZE),-fsanitize=$(SANITIZE) -fno-omit-frame-pointer -fno-sanitize-recover=all)
warn_flags := -Wall -Wextra -Wstrict-prototypes -Wmissing-prototypes -Wshadow -Wpointer-arith \
	-Wvla $(WERROR)
all_cflags := -std=c11 $(arch_flags) $(warn_flags) -fPIC -fvisibility=hidden -pthread $(sanitize_flags) \
	-I. -I$(O)/gen -DSNAP_VERSION='"$(VERSION)"' $(call libs,--cflags,$(pkgs_libsnap) $(pkgs_tools))
posix_flags := -D_POSIX_C_SOURCE=200809L -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
linux_flags := -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -D_TIME_BITS=64
all_ldflags := $(arch_flags) -pthread $(sanitize_flags) $(if $(sysroot),-L$(libdirs) \
	-Wl$(comma)-rpath-link$(comma)$(libpath) $(if $(live),-Wl$(comma)--disable-new-dtags$(comma)-rpath$(comma)$(libpath)))
libsnap_libs := $(call libs,--libs,$(pkgs_libsnap))
tools_libs := $(call libs,--libs,$(pkgs_tools))
live_libs := $(if $(pkgs_live),$(call libs,--libs,$(pkgs_live)))
static_libs := $(call libs,--static --libs,$(pkgs_libsnap) $(pkgs_tools) $(pkgs_live))
