# SPDX-License-Identifier: BSD-2-Clause
#
# libsnap.  One make, sources listed in each folder's module.mk.
#
#   make                    build into $(O); installs nothing
#   make check              build and run the tests of this configuration
#   make test               ./configure-deps, then every configuration CI has
#   make demo               ./configure-deps, then the tour of README.md
#   make bench fuzz         measure; look for crashes
#   make install DESTDIR= PREFIX=
#   make module KDIR=       the kernel module, for the kernel of these headers
#
# O=FOLDER  CC=gcc|clang  SANITIZE=address,undefined  ARCH=amd64|i386|arm64|s390x
# V=1  WERROR=  CFLAGS= CPPFLAGS= LDFLAGS= as usual

O	?= build
PREFIX	?= /usr/local
WERROR	?= -Werror
VERSION	:= 1.0.0

all:

include mk/toolchain.mk
include format/module.mk
include linux/module.mk
include libsnap/module.mk
include kernel-glue/module.mk
include tools/module.mk
include tests/module.mk
include mk/rules.mk
include mk/check.mk
include mk/install.mk
