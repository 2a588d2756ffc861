# SPDX-License-Identifier: BSD-2-Clause
proto_srcs := \
	format/common.proto \
	format/file.proto \
	format/filter.proto \
	format/host.proto \
	format/ipc.proto \
	format/memory.proto \
	format/mount.proto \
	format/net.proto \
	format/process.proto \
	format/socket.proto

proto_hdrs := $(proto_srcs:%.proto=$(O)/gen/%.pb-c.h)
fields_hdr := $(O)/gen/format/psnap_fields.h

$(O)/gen/format/%.pb-c.c $(O)/gen/format/%.pb-c.h: format/%.proto
	@mkdir -p $(O)/gen
	$(Q)protoc-c --c_out=$(O)/gen $<

$(fields_hdr): format/fields.awk $(proto_srcs)
	@mkdir -p $(@D)
	$(Q)awk -f format/fields.awk $(proto_srcs) >$@.tmp && mv $@.tmp $@

# What was released is never changed.
released := $(sort $(wildcard format/released/*))
schema_checked := $(O)/gen/schema-checked
$(schema_checked): format/compare.sh $(proto_srcs) $(wildcard spec/rules-*.md format/released/*/*)
	@mkdir -p $(@D)
	$(Q)for r in $(released); do sh format/compare.sh $$r format spec || exit 1; done
	@touch $@
