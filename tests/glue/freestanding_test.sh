# SPDX-License-Identifier: BSD-2-Clause
#
# kernel-glue/emit under the rules of a kernel: built with the flags kernels are
# built with, it needs nothing and keeps nothing.

kernel_flags="-std=c11 -O2 -ffreestanding -nostdlib -fno-common -fno-stack-protector -fno-strict-aliasing
	-fno-asynchronous-unwind-tables -fno-pic -mno-mmx -mno-sse -mno-avx -mgeneral-regs-only
	-Wall -Wextra -Werror -Wvla -Wframe-larger-than=1024"

# allowed FILE TYPES NAMES: symbols of these types (nm) have no other names
allowed() {
	others=$(nm "$1" | sed -n "s/^[0-9a-f ]* \\([$2]\\) //p" | grep -vxE "$3")
	[ -z "$others" ] || atf_fail "$1, of type $2: $others"
}

# kernel_build COMPILER ARCH FLAGS...
kernel_build() {
	command -v "$1" >/dev/null || return 0
	compiler=$1 out=$1-$2.o
	shift 2
	# shellcheck disable=SC2086
	atf_check "$compiler" $kernel_flags "$@" -I"$SNAP_SRC" -c -o "$out" "$SNAP_SRC/kernel-glue/emit/emit.c"
	allowed "$out" Uu 'memcpy|memset'
	allowed "$out" BbCcDdGgSs ''
	# what was looked at is the encoder
	atf_check -o match:' T glue_emit_end$' nm "$out"
	built=$((built + 1))
}

atf_test_case emit_needs_only_memcpy_and_keeps_no_state
emit_needs_only_memcpy_and_keeps_no_state_head() { atf_set require.progs nm; }
emit_needs_only_memcpy_and_keeps_no_state_body() {
	built=0
	for compiler in gcc clang; do
		kernel_build $compiler amd64 -m64 -mno-red-zone -mcmodel=kernel
		kernel_build $compiler i386 -m32 -march=i686 -mregparm=3
	done
	[ $built -gt 0 ] || atf_skip "neither gcc nor clang"
}

atf_init_test_cases() {
	atf_add_test_case emit_needs_only_memcpy_and_keeps_no_state
}
