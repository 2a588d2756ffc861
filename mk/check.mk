# SPDX-License-Identifier: BSD-2-Clause
#
# Tests: ATF programs under $(O)/tests, run by kyua.

tests_dir := $(O)/tests
helpers_dir := $(tests_dir)/helpers

c_tests := $(if $(live),$(tests_c)) $(tests_offline_c)
sh_tests := $(if $(live),$(tests_sh)) $(tests_offline_sh) $(if $(SNAP_ONCE),$(tests_once_sh)) $(if $(SNAP_GUESTS),$(tests_guest_sh))
c_test_bins := $(c_tests:tests/%.c=$(tests_dir)/%)
sh_test_bins := $(sh_tests:tests/%.sh=$(tests_dir)/%)
atf_libs := $(call libs,--libs,atf-c)

$(call objs,$(tests_c)): own_flags := $(linux_flags)
$(call objs,$(tests_offline_c)): own_flags := $(posix_flags)
$(call objs,$(tests_c) $(tests_offline_c)): all_cflags += -Wno-missing-prototypes -Wno-unused-parameter

$(c_test_bins): $(tests_dir)/%: $(O)/obj/tests/%.o $(if $(live),$(glue_objs)) $(libsnap_a)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_ldflags) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(atf_libs) $(tools_libs) $(libsnap_libs) $(if $(live),$(live_libs))

$(sh_test_bins): $(tests_dir)/%: tests/%.sh
	@mkdir -p $(@D)
	$(Q){ echo '#!/usr/bin/env atf-sh'; cat $<; } >$@ && chmod +x $@

# Programs to be dumped, and fixtures: plain, never sanitized.
helper_flags := -std=c11 -D_GNU_SOURCE -Wall -Wextra -O1 -g -pthread -I.
helpers := $(if $(live),$(test_helpers:tests/helpers/%.c=$(helpers_dir)/%))
flags_32 := -m32 -idirafter /usr/include/x86_64-linux-gnu
can_32 := $(shell echo 'int main(void){return 0;}' | $(CC) $(flags_32) -include sys/prctl.h -x c -o /dev/null - 2>/dev/null && echo yes)
helpers32 := $(if $(and $(live),$(can_32)),$(helpers:%=%32))

$(helpers_dir)/%: tests/helpers/%.c tests/helpers/rights.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(if $(filter i386,$(ARCH)),-m64) $(helper_flags) -o $@ $< $(helper_libs)
$(helpers_dir)/%32: tests/helpers/%.c tests/helpers/rights.h
	@mkdir -p $(@D)
	$(Q)$(CC) $(flags_32) $(helper_flags) -o $@ $< $(helper_libs)

# The behaviour suite: many programs in one.
behaviour_headers := tests/behaviour/behave.h tests/helpers/rights.h
behave := $(if $(live),$(helpers_dir)/behave $(if $(can_32),$(helpers_dir)/behave32))
$(helpers_dir)/behave: $(behaviour_srcs) $(behaviour_headers)
	@mkdir -p $(@D)
	$(Q)$(CC) $(if $(filter i386,$(ARCH)),-m64) $(helper_flags) -o $@ $(behaviour_srcs) -lm -lutil
$(helpers_dir)/behave32: $(behaviour_srcs) $(behaviour_headers)
	@mkdir -p $(@D)
	$(Q)$(CC) $(flags_32) $(helper_flags) -o $@ $(behaviour_srcs) -lm -lutil

# What runs on kernels of both architectures.
guest_i386 := build/i386
guest_tools:
	$(if $(wildcard $(SYSROOTS)/i386),$(Q)$(MAKE) --no-print-directory O=$(guest_i386) $(matrix_i386) SNAP_ONCE= SANITIZE= static $(guest_i386)/tests/helpers/records)

# The kernel module for each of them whose headers are here.
guest_modules:
	$(Q)for a in amd64 i386; do kdir=$(SYSROOTS)/guest-$$a/headers/build; [ ! -d $$kdir ] || \
	$(MAKE) --no-print-directory module MODULE=$$a KDIR=$$kdir || exit 1; done

# Makers of snapshots, linked with the library.
fixtures := $(test_fixtures:tests/helpers/%.c=$(helpers_dir)/%)
$(call objs,$(test_fixtures)): own_flags := $(posix_flags)
$(fixtures): $(helpers_dir)/%: $(O)/obj/tests/helpers/%.o $(libsnap_a)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_ldflags) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) $(tools_libs) $(libsnap_libs)

# Under qemu-user a test cannot exec its program by itself: a script does.
ifneq ($(run),)
  wrap = $(Q)mkdir -p $(dir $(1))run && for t in $(2); do \
	printf '\#!/bin/sh\nexec %s %s "$$@"\n' '$(run) -E LD_LIBRARY_PATH=$(libpath)' "$$(realpath $$t)" >$(dir $(1))run/$$(basename $$t); \
	chmod +x $(dir $(1))run/$$(basename $$t); done
  snap_bin := $(O)/bin/run
  snap_helpers := $(helpers_dir)/run
else
  snap_bin := $(O)/bin
  snap_helpers := $(helpers_dir)
endif

vectors := $(O)/vectors/manifest
$(vectors): spec/vectors/make.py $(wildcard spec/vectors/*.txt) $(proto_srcs)
	$(Q)python3 spec/vectors/make.py $(O)/vectors
vectors: $(vectors)

# Ends what hangs, on the slowest of machines, too: no test is a measurement.
test_timeout := 900

# Which tests there are depends on SNAP_ONCE and SNAP_GUESTS, too: changed only when they are others.
$(tests_dir)/list: always
	$(Q)mkdir -p $(@D); echo $(c_test_bins) $(sh_test_bins) | cmp -s - $@ || echo $(c_test_bins) $(sh_test_bins) >$@

$(tests_dir)/Kyuafile: $(tests_dir)/list $(c_test_bins) $(sh_test_bins) Makefile mk/check.mk tests/module.mk
	$(Q)rm -f $(tests_dir)/Kyuafile $(tests_dir)/*/Kyuafile
	$(Q){ echo 'syntax(2)'; echo 'test_suite("libsnap")'; \
	for d in $(sort $(dir $(c_test_bins) $(sh_test_bins))); do \
		echo "include(\"$${d#$(tests_dir)/}Kyuafile\")"; \
		{ echo 'syntax(2)'; echo 'test_suite("libsnap")'; } >$${d}Kyuafile; \
	done; } >$@
	$(Q)for t in $(sort $(c_test_bins) $(sh_test_bins)); do \
		echo "atf_test_program{name=\"$$(basename $$t)\", timeout=$(test_timeout)}" >>$$(dirname $$t)/Kyuafile; done

kyua = SNAP_BIN=$(abspath $(snap_bin)) SNAP_SRC=$(CURDIR) SNAP_HELPERS=$(abspath $(snap_helpers)) \
	SNAP_VECTORS=$(abspath $(O)/vectors) SNAP_O=$(abspath $(O)) SNAP_ARCH=$(ARCH) SNAP_SANITIZE=$(SANITIZE) \
	SNAP_GUEST_I386=$(abspath $(guest_i386)/static) \
	ASAN_OPTIONS=$${ASAN_OPTIONS:-detect_leaks=1} \
	LSAN_OPTIONS=suppressions=$(CURDIR)/tests/lsan.supp:print_suppressions=0 \
	$(if $(live),$(helpers_dir)/alone) kyua

# RUN tells runs of one folder apart.
results := $(O)/results$(RUN).db
log := $(O)/kyua$(RUN).log
counts := $(O)/counts$(RUN)

check: all $(tests_dir)/Kyuafile $(helpers) $(helpers32) $(behave) $(fixtures) $(vectors) $(if $(SNAP_GUESTS),static guest_tools guest_modules)
ifneq ($(run),)
	$(call wrap,$(O)/bin/x,$(tools:%=$(O)/bin/%))
	$(call wrap,$(helpers_dir)/x,$(fixtures))
	$(Q)for t in $(c_test_bins); do case $$(head -c 4 $$t | od -An -c | tr -d ' ') in *ELF) mv $$t $$t.bin; \
	printf '#!/bin/sh\nexec %s %s "$$@"\n' '$(run) -E LD_LIBRARY_PATH=$(libpath)' "$$(realpath $$t.bin)" >$$t; chmod +x $$t;; esac; done
endif
	$(Q)rm -f $(results)
	$(Q)$(kyua) test -k $(tests_dir)/Kyuafile -r $(results) $(TESTS) >$(log) 2>&1; status=$$?; \
	sh mk/summary.sh $(O)$(RUN) $(results) $(log) $(counts); exit $$status

# ---- every configuration of CI ----

matrix := gcc clang-asan i386 i386-asan guests arm64 s390x
matrix_gcc := CC=gcc SNAP_ONCE=yes
matrix_clang-asan := CC=clang SANITIZE=address,undefined
matrix_i386 := CC=gcc ARCH=i386
matrix_i386-asan := CC=clang ARCH=i386 SANITIZE=address,undefined
matrix_arm64 := ARCH=arm64
matrix_s390x := ARCH=s390x
matrix_guests := CC=gcc SNAP_GUESTS=yes TESTS=guest

# Several configurations at a time, which share the jobs; tests wait as often as
# they compute, so there is one more than CPUs.  No two build the same folder.
test:
	./configure-deps
	$(Q)rm -f build/*/counts*
	$(Q)$(MAKE) --no-print-directory -j$$(($$(nproc) + 1)) -Otarget $(matrix:%=test-%) && sh mk/total.sh build/*/counts*

folder = $(or $(folder_$*),build/$*)
folder_guests := build/gcc
run_guests := -guests

# One that fails without a failed test (it does not build) is counted, too.
$(matrix:%=test-%): test-%:
	$(Q)counts=$(folder)/counts$(run_$*); \
	$(MAKE) --no-print-directory O=$(folder) RUN=$(run_$*) $(matrix_$*) check || grep -q ' [1-9][0-9]* ' $$counts || \
	{ mkdir -p $(folder); echo 0 1 0 >$$counts; }
# What runs in guests is of these folders.
test-guests: | test-gcc test-i386

demo:
	./configure-deps
	$(Q)$(MAKE) --no-print-directory -j$$(nproc) all
	$(Q)sh tests/demo.sh $(O)/bin

bench: all $(helpers) $(helpers32)
	$(Q)sh tests/bench/bench.sh $(O)/bin $(helpers_dir)

# ---- fuzzing, with clang's libFuzzer ----

FUZZ_SECONDS ?= 60
fuzz_bins := $(fuzz_targets:tests/fuzz/%.c=build/fuzz/bin/%)
fuzz:
	$(Q)$(MAKE) --no-print-directory O=build/fuzz CC=clang SANITIZE=address,undefined,fuzzer-no-link fuzz-run
fuzz-run: $(libsnap_a) $(vectors) $(helpers_dir)/world
	$(Q)$(helpers_dir)/world $(O)/seeds seeds
	$(Q)for c in tests/fuzz/corpus/*.hex; do python3 tests/fuzz/unhex.py $$c $(O)/seeds/$$(basename $$c .hex)_fuzz; done
	$(Q)mkdir -p $(O)/bin; for t in $(fuzz_targets); do n=$$(basename $$t .c); mkdir -p $(O)/corpus/$$n; \
	$(CC) $(all_cflags) $(posix_flags) $(CFLAGS) -Wno-missing-prototypes -fsanitize=fuzzer,address,undefined -o $(O)/bin/$$n \
	    $$t $(libsnap_a) $(libsnap_libs) && \
	$(O)/bin/$$n -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
	    $(O)/corpus/$$n $(O)/vectors $(O)/seeds/$$n || exit 1; done

lint:
	$(Q)cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,portability -I. -I$(O)/gen \
	    --suppress=missingIncludeSystem $(libsnap_srcs) $(glue_emit_srcs) $(tools_common_srcs) \
	    $(snapinspect_srcs) $(snapconv_srcs)
	$(Q)mandoc -T lint -W warning $(man_pages) $(glue_module_man)

.PHONY: always check guest_tools guest_modules test $(matrix:%=test-%) demo bench fuzz fuzz-run lint vectors
