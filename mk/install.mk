# SPDX-License-Identifier: BSD-2-Clause

dest = $(DESTDIR)$(PREFIX)

install: all
	install -d $(dest)/bin $(dest)/lib/pkgconfig $(dest)/include/libsnap/format $(dest)/share/man/man1 \
	    $(dest)/share/bash-completion/completions $(dest)/share/libsnap
	install -m 755 $(tools:%=$(O)/bin/%) $(dest)/bin
	install -m 644 $(libsnap_a) $(dest)/lib
	install -m 755 $(libsnap_so) $(dest)/lib/libsnap.so.$(VERSION)
	ln -sf libsnap.so.$(VERSION) $(dest)/lib/libsnap.so.1
	ln -sf libsnap.so.1 $(dest)/lib/libsnap.so
	install -m 644 libsnap/snap.h $(dest)/include/libsnap
	install -m 644 format/psnap.h $(proto_hdrs) $(fields_hdr) $(proto_srcs) $(dest)/include/libsnap/format
	sed -e 's,@PREFIX@,$(PREFIX),' -e 's,@VERSION@,$(VERSION),' libsnap/libsnap.pc.in \
	    >$(dest)/lib/pkgconfig/libsnap.pc
	install -m 644 $(man_pages) $(dest)/share/man/man1
	install -m 644 $(completions) $(dest)/share/bash-completion/completions
	install -m 644 tools/magic/psnap $(dest)/share/libsnap/magic

uninstall:
	rm -f $(tools:%=$(dest)/bin/%) $(dest)/lib/libsnap.* $(dest)/lib/pkgconfig/libsnap.pc
	rm -rf $(dest)/include/libsnap $(dest)/share/libsnap
	rm -f $(addprefix $(dest)/share/man/man1/,$(notdir $(man_pages)))
	rm -f $(addprefix $(dest)/share/bash-completion/completions/,$(notdir $(completions)))

.PHONY: install uninstall
