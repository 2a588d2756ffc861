# SPDX-License-Identifier: BSD-2-Clause
#
# From the lists of the module.mk files to objects, libraries and programs.

# $(call objs,SOURCES)
objs = $(patsubst %.c,$(O)/obj/%.o,$(1))

proto_objs := $(proto_srcs:%.proto=$(O)/obj/gen/%.pb-c.o)
libsnap_objs := $(call objs,$(libsnap_srcs)) $(proto_objs)
glue_objs := $(call objs,$(glue_emit_srcs) $(glue_records_srcs) $(glue_module_client_srcs) $(glue_linux_srcs) \
    $(glue_bpf_srcs))

$(call objs,$(filter-out $(restore_linux_srcs) $(linux_srcs),$(libsnap_srcs)) $(glue_emit_srcs) $(tools_common_srcs) $(snapinspect_srcs) \
    $(snapconv_srcs)): own_flags := $(posix_flags)
$(call objs,$(glue_records_srcs) $(glue_module_client_srcs) $(glue_linux_srcs) $(glue_bpf_srcs) \
    $(restore_linux_srcs) $(linux_srcs) $(snapctl_srcs)): own_flags := $(linux_flags)

# A changed compiler or flag rebuilds; installing takes what was built.
flags := $(O)/flags
flags_now := $(CC) $(all_cflags) $(posix_flags) $(linux_flags) $(CPPFLAGS) $(CFLAGS) $(all_ldflags) $(LDFLAGS)
quote = '$(subst ','\'',$(1))'

$(flags): $(if $(filter-out install uninstall,$(or $(MAKECMDGOALS),all)),FORCE)
	@mkdir -p $(@D)
	@echo $(call quote,$(flags_now)) | cmp -s - $@ || echo $(call quote,$(flags_now)) >$@
FORCE:

$(O)/obj/%.o: %.c $(flags) | $(proto_hdrs) $(fields_hdr)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  CC    $<")
	$(Q)$(CC) $(all_cflags) $(own_flags) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c -o $@ $<

$(O)/obj/gen/%.o: $(O)/gen/%.c $(proto_hdrs) $(flags)
	@mkdir -p $(@D)
	$(Q)$(CC) $(all_cflags) -fvisibility=default -Wno-shadow $(CPPFLAGS) $(CFLAGS) -c -o $@ $<

.SECONDARY: $(proto_srcs:%.proto=$(O)/gen/%.pb-c.c) $(proto_hdrs)

# ---- programs for the kernel: one object, and the header that carries it ----

bpf_objs := $(bpf_srcs:%.c=$(O)/obj/%.o)
bpf_skeleton := $(O)/gen/kernel-glue/linux-bpf/collect.skel.h

$(bpf_objs): $(O)/obj/%.o: %.c $(flags)
	@mkdir -p $(@D)
	$(if $(V),,@echo "  BPF   $<")
	$(Q)clang -target bpf -std=gnu11 -D__TARGET_ARCH_x86 -Wall -Wextra $(WERROR) -O2 -g -I. \
	    -idirafter /usr/include/x86_64-linux-gnu -MMD -MP -c -o $@ $<

$(bpf_skeleton): $(bpf_objs)
	@mkdir -p $(@D)
	$(Q)$(bpftool) gen object $(@:.skel.h=.o) $^
	$(Q)$(bpftool) gen skeleton $(@:.skel.h=.o) name collect_bpf >$@.new && mv $@.new $@

$(call objs,kernel-glue/linux-bpf/collector.c): $(bpf_skeleton)

# ---- the library ----

libsnap_a := $(O)/lib/libsnap.a
libsnap_so := $(O)/lib/libsnap.so.1

$(libsnap_a): $(libsnap_objs) libsnap/module.mk format/module.mk
	@mkdir -p $(@D)
	@rm -f $@
	$(if $(V),,@echo "  AR    $@")
	$(Q)$(AR) rcsD $@ $(libsnap_objs)

$(libsnap_so): $(libsnap_objs) libsnap/libsnap.map libsnap/module.mk format/module.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(Q)$(CC) $(all_ldflags) $(LDFLAGS) -shared -Wl,-soname,libsnap.so.1 \
	    -Wl,--version-script=libsnap/libsnap.map -o $@ $(libsnap_objs) $(libsnap_libs)
	$(Q)ln -sf libsnap.so.1 $(O)/lib/libsnap.so

# ---- programs; those in static/ need no library where they run ----

link = $(Q)$(CC) $(all_ldflags) $(LDFLAGS) -o $@ $(filter %.o,$^) $(filter %.a,$^) \
	$(if $(filter $(O)/static/%,$@),-static $(static_libs),$(tools_libs) $(libsnap_libs) $(if $(filter %/snapctl,$@),$(live_libs)))

$(O)/bin/snapctl $(O)/static/snapctl: $(call objs,$(snapctl_srcs) $(tools_common_srcs)) $(glue_objs) $(libsnap_a) tools/module.mk kernel-glue/module.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(link)

$(foreach t,$(offline_tools),$(eval $(O)/bin/$(t) $(O)/static/$(t): $$(call objs,$$($(t)_srcs) $$(tools_common_srcs))))
$(offline_tools:%=$(O)/bin/%) $(offline_tools:%=$(O)/static/%): $(libsnap_a) tools/module.mk
	@mkdir -p $(@D)
	$(if $(V),,@echo "  LD    $@")
	$(link)

all: $(schema_checked) $(libsnap_a) $(libsnap_so) $(tools:%=$(O)/bin/%)

-include $(shell find $(O)/obj -name '*.d' 2>/dev/null)

static: $(tools:%=$(O)/static/%)

# ---- the kernel module, by the make of a kernel's headers, from a folder of links to its sources ----

module_dir := $(O)/module$(if $(MODULE),/$(MODULE))

module:
	$(if $(KDIR),,$(error make module KDIR=FOLDER: of the headers of the kernel it is for))
	$(Q)mkdir -p $(module_dir) && ln -sf $(abspath $(glue_module_files)) $(module_dir)
	$(Q)env -i PATH="$$PATH" $(MAKE) -C $(KDIR) M=$(abspath $(module_dir)) -s modules >$(module_dir)/log 2>&1 || \
	{ cat $(module_dir)/log >&2; exit 1; }

.PHONY: all static module clean distclean FORCE
clean:
	rm -rf $(O)
distclean: clean
	rm -rf build
