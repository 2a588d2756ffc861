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

# failing CALL ERROR N COLLECTOR [STRACE-OPTIONS...]: the target, stopped, is dumped
# to out/x.psnap with the Nth such call failing; the status
failing() {
	_call=$1 _error=$2 _nth=$3 _collector=$4
	shift 4
	strace --seccomp-bpf -f -qq -o trace -e signal=none -e trace="$_call" "$@" \
	    -e inject="$_call:error=$_error:when=$_nth" \
	    "$snapctl" dump "$target" -q -o out/x.psnap --allow-partial --collector "$_collector" >stdout 2>stderr
}

# whole_or_nothing MESSAGE: what failing() left is all of the target, as /proc tells it; or it is a clear word
whole_or_nothing() {
	grep -q INJECTED trace || atf_fail "nothing was made to fail"
	grep -q '^State:	T' "/proc/$target/status" && grep -q '^TracerPid:	0$' "/proc/$target/status" ||
	    atf_fail "the target is not as it was"
	if [ $status -eq 0 ]; then
		"$SNAP_HELPERS/records" --no-times out/x.psnap | cmp - want >differs 2>&1 ||
		    atf_fail "another picture: $(cat differs)"
	else
		[ $status -eq 1 ] || atf_fail "exit status $status: $(cat stderr)"
		grep -q "$1" stderr || atf_fail "not a clear word: $(cat stderr)"
		[ -z "$(ls -A out)" ] || atf_fail "left behind $(ls -A out)"
	fi
}

# stopped_target MODE...: it stands still, and what /proc tells of it is in want
stopped_target() {
	# on one CPU: which it was is in a thread's memory; and not in our own folder, which is part of its snapshot
	taskset -p 1 $$ >/dev/null
	mkdir -p away
	cd away || atf_fail away
	start_target ../log "$@"
	cd ..
	atf_check -o ignore "$snapctl" suspend "$target"
	# the first dump through /proc makes pages of the vdso resident
	for _ in 1 2; do
		atf_check -e ignore "$snapctl" dump "$target" -q -o want.psnap --allow-partial --collector proc
	done
	"$SNAP_HELPERS/records" --no-times want.psnap >want || atf_fail want.psnap
}

let_go() {
	atf_check -o ignore "$snapctl" resume "$target"
	target_is_alive log
	kill -9 "$target"
}

# The last calls begin the passes over tasks, mappings and descriptors, with the target stopped; those before load.
atf_test_case bpf_fails cleanup
bpf_fails_head() {
	atf_set require.user root
	atf_set require.progs strace
}
bpf_fails_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "the sanitizer's own calls would fail"
	need_bpf
	strace --seccomp-bpf -f -o /dev/null true 2>/dev/null || atf_skip "strace does not work here"
	mkdir out
	stopped_target small
	strace -f -qq -o trace -e signal=none -e trace=bpf "$snapctl" dump "$target" -q -o out/x.psnap --collector bpf
	calls=$(wc -l <trace) loading=
	# libbpf does without some of them
	for n in $(seq 1 4 $((calls - 6))); do
		rm -f out/x.psnap
		failing bpf EPERM "$n" bpf && status=0 || status=$?
		whole_or_nothing 'cannot collect by BPF: '
		[ $status -eq 0 ] || loading=$n
	done
	[ -n "$loading" ] || atf_fail "programs were loaded without any of $calls calls"
	rm -f out/x.psnap
	for n in $(seq $((calls - 5)) "$calls"); do
		failing bpf EPERM "$n" bpf && atf_fail "collected without call $n of $calls" || status=$?
		whole_or_nothing 'collecting by bpf: Operation not permitted'
	done
	for n in 1 2 3; do
		failing read EIO "$n" bpf -P anon_inode:bpf_iter && status=0 || status=$?
		whole_or_nothing 'collecting by bpf: Input/output error'
	done
	let_go

	# who may choose goes on through /proc, even if BPF fails when all is stopped, and says so
	stopped_target tree 70 5
	for n in "$loading" $((calls - 5)) "$calls"; do
		failing bpf EPERM "$n" auto && status=0 || status=$?
		whole_or_nothing 'never'
		atf_check -o match:'"collector": "proc"' -o match:'collected through /proc: ' \
		    "$snapinspect" info --json out/x.psnap
	done
	failing read EIO 2 auto -P anon_inode:bpf_iter && status=0 || status=$?
	whole_or_nothing 'never'
	atf_check -o match:'collected through /proc: bpf: Input/output error' "$snapinspect" info --json out/x.psnap
	let_go
}
bpf_fails_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case each_call_fails_in_turn
	atf_add_test_case bpf_fails
}
