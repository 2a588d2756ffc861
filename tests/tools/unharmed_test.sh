# SPDX-License-Identifier: BSD-2-Clause
#
# The target runs on as if nothing had happened: after a dump, after a failed
# dump, and when the dumper is killed.

. "$SNAP_SRC/tests/programs/common.sh"

# one_program NAME: twenty dumps in a row
dumped_often() {
	[ -x "$SNAP_HELPERS/$1" ] || atf_skip "no 32-bit compiler: $1 was not built"
	TARGET=$1
	start_target log
	for i in $(seq 20); do
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap
	done
	target_is_alive log
}

atf_test_case dumped_often_amd64 cleanup
dumped_often_amd64_head() { atf_set require.user root; }
dumped_often_amd64_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	dumped_often unharmed
}
dumped_often_amd64_cleanup() { kill_remembered; }

atf_test_case dumped_often_i386 cleanup
dumped_often_i386_head() { atf_set require.user root; }
dumped_often_i386_body() { dumped_often unharmed32; }
dumped_often_i386_cleanup() { kill_remembered; }

atf_test_case killed_at_200_moments cleanup
killed_at_200_moments_head() { atf_set require.user root; }
killed_at_200_moments_body() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=unharmed || TARGET=unharmed32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	start_target log
	mkdir out
	# a linear walk with jitter through the time a dump takes
	seed=12345
	for i in $(seq 200); do
		seed=$(((seed * 1103515245 + 12345) % 2147483648))
		"$snapctl" dump "$target" -o out/x.psnap >/dev/null 2>&1 &
		dumper=$!
		sleep "0.0$(printf %04d $((seed / 65536 % 600 + i)))"
		kill -9 $dumper 2>/dev/null
		wait $dumper 2>/dev/null
		# either it was done, or there is nothing
		for f in out/* out/.*; do
			case $f in
			out/.|out/..|'out/*'|'out/.*') ;;
			out/x.psnap) atf_check -o ignore "$snapinspect" verify "$f"; rm "$f" ;;
			*) atf_fail "left behind: $f" ;;
			esac
		done
	done
	wait_for 10 grep -q '^TracerPid:	0$' "/proc/$target/status"
	target_is_alive log
	# and it can still be dumped
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o out/x.psnap
	target_is_alive log
}
killed_at_200_moments_cleanup() { kill_remembered; }

atf_test_case failing_output cleanup
failing_output_head() { atf_set require.user root; }
failing_output_body() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=unharmed || TARGET=unharmed32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	start_target log
	atf_check -s exit:1 -e match:'No such file' "$snapctl" dump "$target" -o nowhere/x.psnap
	atf_check -s exit:1 -e match:'s a directory' "$snapctl" dump "$target" -o .
	atf_check -s exit:1 -e match:'No space left' sh -c "'$snapctl' dump '$target' -o - >/dev/full"
	target_is_alive log
}
failing_output_cleanup() { kill_remembered; }

atf_test_case refused
refused_head() { atf_set require.user root; }
refused_body() {
	atf_check -s exit:1 -e match:'no process' "$snapctl" dump 2147483647 -o x
	atf_check -s exit:1 -e match:'contains snapctl itself' sh -c "'$snapctl' dump \$\$ -o x; exit \$?"
	atf_check -s exit:2 -e match:'not a process id' "$snapctl" dump abc -o x
	atf_check -s exit:2 -e match:'where to' "$snapctl" dump 1
	atf_check -s exit:2 -e match:'no command' "$snapctl" frobnicate
	[ ! -e x ] || atf_fail "a file appeared"
}

atf_test_case own_process_without_root cleanup
own_process_without_root_head() { atf_set require.user root; atf_set require.progs setpriv; }
own_process_without_root_body() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=unharmed || TARGET=unharmed32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	dir=$(mktemp -d /tmp/snap-own.XXXXXX)
	echo "$dir" >dir
	cp "$SNAP_HELPERS/$TARGET" "$snapctl" "$dir"
	chmod 777 "$dir"
	as="setpriv --reuid=65534 --regid=65534 --clear-groups --"
	$as "$dir/$TARGET" </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 10 grep -q ready log
	atf_check -o ignore -e ignore $as "$dir/snapctl" dump $target -o "$dir/x.psnap"
	atf_check -o match:good "$snapinspect" verify "$dir/x.psnap"
	target_is_alive log
	# another user's is not for it
	sleep 60 &
	other=$!
	remember $other
	atf_check -s exit:1 -e match:'may not be traced|Permission denied' \
	    $as "$dir/snapctl" dump $other -o "$dir/y.psnap"
}
own_process_without_root_cleanup() {
	kill_remembered
	[ ! -f dir ] || rm -rf "$(cat dir)"
}

atf_test_case seccomp_filter_is_not_hit cleanup
seccomp_filter_is_not_hit_head() { atf_set require.user root; atf_set require.progs setpriv; }
seccomp_filter_is_not_hit_body() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=target || TARGET=target32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	start_target log seccomp
	atf_check -o ignore -e not-match:seccomp-filter "$snapctl" dump "$target" -o x.psnap
	target_is_alive log
	# who may not suspend the filter must not make calls it would see
	atf_check -s exit:1 -e match:seccomp setpriv --bounding-set -sys_admin --inh-caps -sys_admin \
	    "$snapctl" dump "$target" -o y.psnap
	target_is_alive log
}
seccomp_filter_is_not_hit_cleanup() { kill_remembered; }

# no memory to be had in the target: its stack lends some
atf_test_case no_memory_in_target cleanup
no_memory_in_target_head() { atf_set require.user root; atf_set require.progs prlimit; }
no_memory_in_target_body() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=unharmed || TARGET=unharmed32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	start_target log
	atf_check prlimit --pid "$target" --as=65536
	for i in 1 2 3; do
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap
		atf_check -o match:good "$snapinspect" verify x.psnap
	done
	target_is_alive log
}
no_memory_in_target_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case dumped_often_amd64
	atf_add_test_case dumped_often_i386
	atf_add_test_case killed_at_200_moments
	atf_add_test_case failing_output
	atf_add_test_case refused
	atf_add_test_case own_process_without_root
	atf_add_test_case seccomp_filter_is_not_hit
	atf_add_test_case no_memory_in_target
}
