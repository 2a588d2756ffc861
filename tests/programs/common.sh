# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests on real programs share.  Sourced by the ATF shell programs.

snapctl=$SNAP_BIN/snapctl
snapinspect=$SNAP_BIN/snapinspect
snapconv=$SNAP_BIN/snapconv

# Processes to be killed by the cleanup part, which is a process of its own.
remember() { echo "$1" >>pids; }

kill_remembered() {
	[ ! -f pids ] || while read -r p; do kill -9 "$p" 2>/dev/null; done <pids
	return 0
}

# case_for_root NAME [PROGRAMS]: a case that needs these, and $case_programs in all of a file
case_for_root() {
	eval "
	atf_test_case $1 cleanup
	$1_head() { atf_set require.user root; atf_set require.progs '${case_programs:-} ${2:-}'; }
	$1_cleanup() { kill_remembered; }"
}

# wait_for SECONDS COMMAND...: until it succeeds; that long on a fast machine, and slow ones have five times that
wait_for() {
	_left=$(($1 * 50))
	shift
	until "$@" >/dev/null 2>&1; do
		_left=$((_left - 1))
		[ $_left -gt 0 ] || atf_fail "waited in vain for: $*"
		sleep 0.1
	done
}

# In the initial user namespace, and bpftool is let in, too.
can_load_bpf() {
	[ -r /sys/kernel/btf/vmlinux ] && [ "$(stat -L -c %i /proc/self/ns/user)" = 4026531837 ] &&
	    PATH=$PATH:/usr/sbin bpftool prog show >/dev/null 2>&1
}

# need_bpf: snapctl can collect by BPF; where the host lets programs be loaded, not being able to is a failure
need_bpf() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl has no BPF collector"
	TARGET=target
	start_target probe.log small
	"$snapctl" dump "$target" -q -o probe.psnap --collector bpf 2>probe.err || {
		! can_load_bpf || grep -q 'built without' probe.err || atf_fail "$(cat probe.err)"
		atf_skip "$(cat probe.err)"
	}
	kill -9 "$target"
}

# snapshot PID FILE [OPTIONS]: dump, and everything that must hold of any dump
snapshot() {
	_pid=$1 _file=$2
	shift 2
	atf_check -s exit:0 -o ignore -e save:dump.err "$snapctl" dump "$_pid" -o "$_file" "$@"
	atf_check -s exit:0 -o ignore -e empty "$snapinspect" verify "$_file"
	atf_check -s exit:0 -o ignore -e empty "$snapinspect" info "$_file"
	grep -q '^TracerPid:	0$' "/proc/$_pid/status" || atf_fail "pid $_pid is still traced"
}

# start_target LOG MODE...: our own helper, set up; its pid in $target
start_target() {
	_log=$1
	shift
	: >"$_log"	# another one's, of the same name, says ready, too
	setsid "$SNAP_HELPERS/$TARGET" "$@" </dev/null >"$_log" 2>&1 &
	target=$!
	remember "$target"
	wait_for 20 grep -q ready "$_log"
}

# target_is_alive LOG: it checks its own state and says so
target_is_alive() {
	_lines=$(wc -l <"$1")
	kill -USR1 "$target"
	wait_for 20 sh -c "[ \$(wc -l <$1) -gt $_lines ]"
	[ "$(tail -n 1 "$1")" = alive ] || atf_fail "$(tail -n 1 "$1")"
}

# The helper that the snapctl under test can restore.
pick() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=target || TARGET=target32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
}

# dump_away [OPTIONS]: the target, to x.psnap; it is gone then
dump_away() {
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill "$@"
	wait "$target" 2>/dev/null
	gone
}

# dead MODE...: a helper, dumped away; its log is log
dead() {
	pick
	start_target log "$@"
	dump_away
}
# Children, too, once whoever inherits them has waited for them.
gone() { wait_for 20 sh -c "! kill -0 $target && ! ps -e -o comm= | grep -q '$TARGET\$'"; }

# in_hosts CASE: a case of tests/tools/tcp_hosts.sh, in namespaces of its own that go with it
in_hosts() {
	stream=$SNAP_HELPERS/stream callers=$SNAP_HELPERS/callers
	[ "$SNAP_ARCH" = amd64 ] || stream=${stream}32 callers=${callers}32
	[ -x "$stream" ] || atf_skip "no 32-bit compiler: $stream was not built"
	unshare --net --mount true 2>/dev/null || atf_skip "no network namespaces here"
	unshare --net sh -c "ip link add type veth" 2>/dev/null || atf_skip "no pairs of network devices here"
	unshare --net nft list ruleset >/dev/null 2>&1 || atf_skip "no nftables in this kernel"
	atf_check -o save:result -e ignore unshare --net --mount --pid --fork --mount-proc --kill-child \
	    env snapctl="$snapctl" snapinspect="$snapinspect" stream="$stream" callers="$callers" \
	    sh "$SNAP_SRC/tests/tools/tcp_hosts.sh" "$@"
	grep -q '^fine$' result || atf_fail "$(cat result)"
}

# tell_mounts PID: mounts as the process sees them, but for numbers that no two have, and for those under another.
tell_mounts() { awk '{ at[$5] = $0 } END { for (p in at) print at[p] }' /proc/"$1"/mountinfo | cut -d' ' -f4- |
	sed 's/ shared:[0-9]*/ shared/' | sort; }
