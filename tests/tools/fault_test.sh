# SPDX-License-Identifier: BSD-2-Clause
#
# The dump made to fail, system call by system call: either it succeeds and
# verifies, or it says so and leaves nothing; the target goes on in any case.

. "$SNAP_SRC/tests/programs/common.sh"

atf_test_case each_call_fails_in_turn cleanup
each_call_fails_in_turn_head() {
	atf_set require.user root
	atf_set require.progs strace
}
each_call_fails_in_turn_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "the sanitizer's own calls would fail"
	[ "$SNAP_ARCH" = amd64 ] && TARGET=unharmed || TARGET=unharmed32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	strace -o /dev/null true 2>/dev/null || atf_skip "strace does not work here"
	start_target log
	mkdir out
	calls="ptrace wait4 mmap close openat read readlinkat process_vm_readv pidfd_open pidfd_getfd kcmp fcntl ioctl getdents64
	    write pwrite64 pread64 linkat fdatasync rename madvise munmap
	    recvmsg setsockopt getsockopt"
	[ "$SNAP_ARCH" = amd64 ] && calls="$calls newfstatat" || calls="$calls statx"
	for call in $calls; do
		for n in 1 2 3 5 8 13 21 34 55 89 144 233; do
			# the first ones are the dynamic loader's, which does not bear it
			[ $call != mmap ] || [ $n -gt 34 ] || continue
			strace -f -qq -o trace -e trace="$call" -e inject="$call:error=EIO:when=$n" \
			    "$snapctl" dump "$target" -o out/x.psnap >stdout 2>stderr
			status=$?
			# fewer such calls than n: nothing was made to fail
			grep -q INJECTED trace || { rm -f out/x.psnap; break; }
			if [ $status -eq 0 ]; then
				atf_check -o ignore "$snapinspect" verify out/x.psnap
				rm -f out/x.psnap
			elif [ $status -gt 1 ] && [ $status -ne 127 ]; then
				atf_fail "$call $n: exit status $status"
			else
				[ -s stderr ] || atf_fail "$call $n: failed without a word"
				[ -z "$(ls -A out)" ] || atf_fail "$call $n: left behind $(ls -A out)"
			fi
			grep -q '^TracerPid:	0$' "/proc/$target/status" || atf_fail "$call $n: still traced"
		done
		target_is_alive log
	done
}
each_call_fails_in_turn_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case each_call_fails_in_turn
}
