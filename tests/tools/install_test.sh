# SPDX-License-Identifier: BSD-2-Clause
#
# What make install puts in place works from there.

atf_test_case installed_files_work
installed_files_work_head() {
	atf_set require.progs "make cc pkg-config mandoc file bash"
}
installed_files_work_body() {
	[ "$SNAP_ARCH" = amd64 ] && [ -z "$SNAP_SANITIZE" ] || atf_skip "for the plain configuration"
	unset MAKEFLAGS MAKELEVEL MAKEOVERRIDES MFLAGS
	atf_check -o ignore -e ignore make -C "$SNAP_SRC" O="$SNAP_O" install DESTDIR="$PWD/root" PREFIX=/usr
	root=$PWD/root/usr
	for tool in snapctl snapinspect snapconv; do
		atf_check -o match:'^usage: ' "$root/bin/$tool" --help
		atf_check -o match:"^$tool 1\.0\.0$" "$root/bin/$tool" --version
		atf_check -o match:'EXIT STATUS' mandoc -T markdown "$root/share/man/man1/$tool.1"
		atf_check bash -n "$root/share/bash-completion/completions/$tool"
	done
	atf_check -o match:'PSNAP process snapshot version 1.0, pages of 4 KiB' \
	    file -m "$root/share/libsnap/magic" "$SNAP_VECTORS/good-minimal.psnap"

	# a program of a user's, against header, library and pkg-config file
	cat >user.c <<-'C'
		#include <stdio.h>
		#include <libsnap/snap.h>
		#include <format/process.pb-c.h>
		#include <format/psnap_fields.h>
		int
		main(int argc, char **argv)
		{
			struct snap_error err;
			struct snap *s;
			size_t n;
			const struct snap_object *const *v;

			if (argc != 2 || snap_open(&s, argv[1], NULL, &err) != 0)
				return 1;
			v = snap_get_kind(s, PSNAP_KIND_PROCESS, &n);
			for (size_t i = 0; i < n; i++)
				printf("%d\n", ((const Psnap__Process *)(const void *)v[i]->message)->pid);
			snap_close(s);
			return 0;
		}
	C
	export PKG_CONFIG_PATH="$root/lib/pkgconfig" PKG_CONFIG_SYSROOT_DIR="$PWD/root"
	atf_check cc -o user user.c $(pkg-config --cflags --libs libsnap) -lprotobuf-c
	atf_check -o inline:'10\n' env LD_LIBRARY_PATH="$root/lib" ./user "$SNAP_VECTORS/good-minimal.psnap"
	atf_check -o ignore -e ignore make -C "$SNAP_SRC" O="$SNAP_O" uninstall DESTDIR="$PWD/root" PREFIX=/usr
	[ -z "$(find root -type f)" ] || atf_fail "left: $(find root -type f | tr '\n' ' ')"
}

atf_init_test_cases() {
	atf_add_test_case installed_files_work
}
