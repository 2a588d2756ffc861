# SPDX-License-Identifier: BSD-2-Clause
#
# 32-bit programs dumped here, converted for an i386 kernel and back, and
# restored.  (On a real i386 kernel they are tried under QEMU.)

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/abi.sh"

# start_low CASE [SETARCH-NAME]: behave32, with everything below 3 GiB; its pid in $target
start_low() {
	[ -x "$SNAP_HELPERS/behave32" ] || atf_skip "no 32-bit compiler: behave32 was not built"
	setsid setarch "${2:-x86_64}" --3gb "$SNAP_HELPERS/behave32" "$1" </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log
}

# dead_low CASE: started, dumped to x.psnap and killed
dead_low() {
	start_low "$1"
	atf_check -o ignore -e ignore "$snapctl" dump $target -o x.psnap --kill
	wait $target 2>/dev/null
	wait_for 20 sh -c "! kill -0 $target"
}

restore() {
	atf_check -o ignore -e ignore "$snapctl" restore --detach "$1"
}

# What it held is still as it was.
passes() {
	kill -$(kill -l RTMAX) $target
	wait_for 20 grep -qE 'PASS|FAIL' log
	grep -q PASS log || atf_fail "$(tail -n 1 log)"
}

# there_and_back_runs CASE FRAMES
there_and_back_runs() {
	dead_low "$1"
	there_and_back x.psnap "$2"
	restore b.psnap
	passes
}

for case in signal_nested_handlers:2 signal_inside_handler:1 signal_mask:0 thread_local_storage:0; do
	name=${case%:*}
	eval "
	atf_test_case $name cleanup
	${name}_head() { atf_set require.user root; atf_set require.progs setarch; }
	${name}_body() { there_and_back_runs $name ${case#*:}; }
	${name}_cleanup() { kill_remembered; }"
done

# Version 1.0 has no place for what a snapshot was taken under: this one is as if of an i386 kernel.
atf_test_case of_an_i386_kernel cleanup
of_an_i386_kernel_head() { atf_set require.user root; atf_set require.progs setarch; }
of_an_i386_kernel_body() {
	dead_low signal_nested_handlers
	atf_check -e ignore "$snapconv" -t psnap:1.0 --abi i386 x.psnap i386.psnap
	atf_check -s exit:1 -e match:'kernel-abi: convert it: snapconv -t psnap --abi amd64' \
	    "$snapctl" restore --detach i386.psnap
	! kill -0 $target 2>/dev/null || atf_fail "it runs"
	atf_check "$snapconv" --strict -t psnap --abi amd64 i386.psnap amd64.psnap
	restore amd64.psnap
	# uname tells i686, new mappings stay below 3 GiB: of the process, and of what it executes
	atf_check -o inline:'08000008\n' cat /proc/$target/personality
	# from then on it is one like others
	atf_check -o ignore -e ignore "$snapctl" dump $target -o again.psnap --kill
	wait_for 20 sh -c "! kill -0 $target"
	atf_check -o match:'"kernel_abi": "amd64"' -o match:'"taken_abi": "amd64"' "$snapinspect" info --json again.psnap
	[ "$(signal_frames again.psnap 23 2b)" -eq 2 ] || atf_fail "signal frames are gone"
	restore again.psnap
	atf_check -o inline:'08000008\n' cat /proc/$target/personality
	passes
}
of_an_i386_kernel_cleanup() { kill_remembered; }

# Neither the dumped process nor the dumper is believed what uname tells it.
atf_test_case uname_is_not_asked cleanup
uname_is_not_asked_head() { atf_set require.user root; atf_set require.progs setarch; }
uname_is_not_asked_body() {
	start_low signal_mask i386
	atf_check -o ignore -e ignore setarch i386 "$snapctl" dump $target -o x.psnap --kill
	atf_check -o match:'"kernel_abi": "amd64"' "$snapinspect" info --json x.psnap
	# it was told i686 before
	atf_check "$snapconv" --strict -t psnap --abi i386 x.psnap i.psnap
}
uname_is_not_asked_cleanup() { kill_remembered; }

atf_init_test_cases() {
	for case in signal_nested_handlers signal_inside_handler signal_mask thread_local_storage of_an_i386_kernel \
	    uname_is_not_asked; do
		atf_add_test_case $case
	done
}
