# SPDX-License-Identifier: BSD-2-Clause
#
# The same stopped programs dumped by both collectors: the snapshots are the
# same, byte for byte, but for the provenance and times.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/behaviour/areas.sh"

# On one CPU: a thread's rseq area, which is its memory, tells on which it was last.
#
# same PREFIX PROGRAM
same() {
	[ -x "$SNAP_HELPERS/$2" ] || atf_skip "no 32-bit compiler: $2 was not built"
	mkdir "$2"
	cd "$2" || atf_fail "$2"
	atf_check -o match:' 0 failed' taskset -c 0 unshare --pid --ipc --fork --mount-proc --kill-child \
	    sh "$SNAP_SRC/tests/behaviour/run.sh" "$snapctl" "$SNAP_HELPERS/$2" "hold collect" "$1"
	cd ..
}

for area in $areas; do
	eval "
	atf_test_case ${area} cleanup
	${area}_head() { atf_set require.user root; atf_set require.progs unshare; }
	${area}_body() {
		need_bpf
		same ${area}_ behave
		same ${area}_ behave32
	}
	${area}_cleanup() { kill_remembered; }"
done

# compare WHAT: the target, stopped, as each collector tells it
compare() {
	atf_check -o ignore "$snapctl" suspend "$target"
	for c in proc bpf proc; do
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o $c.psnap --allow-partial --collector $c
		"$SNAP_HELPERS/records" --no-times $c.psnap >$c.records || atf_fail "$c.psnap"
	done
	cmp -s proc.records bpf.records || atf_fail "$1: $("$snapinspect" diff proc.psnap bpf.psnap)"
	atf_check -o match:'"collector": "bpf"' "$snapinspect" info --json bpf.psnap
	atf_check -o match:'"collector": "proc"' "$snapinspect" info --json proc.psnap
	atf_check -o ignore "$snapctl" resume "$target"
}

# The target and its children.
on_one_cpu() { for p in "$target" $(pgrep -P "$target"); do taskset -a -p 1 "$p" >/dev/null; done; }

# same_target MODE...: our own helpers, several processes each
same_target() {
	for TARGET in target target32; do
		[ -x "$SNAP_HELPERS/$TARGET" ] || continue
		# not in its own folder, which is part of its snapshot
		mkdir -p away
		cd away || atf_fail away
		start_target ../log "$@"
		cd ..
		on_one_cpu
		compare "$*"
		kill -9 "$target"
	done
}

atf_test_case targets cleanup
targets_head() { atf_set require.user root; }
targets_body() {
	need_bpf
	same_target small
	same_target fill 8
	same_target maps 1000
	same_target threads 20
	same_target sleepers
	same_target tree 20 20
	same_target orphans 6
	same_target sockets 10 20
	same_target odd
	same_target rights
	same_target seccomp
}
targets_cleanup() { kill_remembered; }

atf_test_case programs_of_both_kinds cleanup
programs_of_both_kinds_head() { atf_set require.user root; atf_set require.progs taskset; }
programs_of_both_kinds_body() {
	need_bpf
	[ -x "$SNAP_HELPERS/target32" ] || atf_skip "no 32-bit compiler: target32 was not built"
	mkdir away
	cd away || atf_fail away
	taskset -c 0 setsid sh -c '"$0" tree 4 5 >../log 2>&1 & "${0}32" tree 4 5 >../log32 2>&1 & wait' \
	    "$SNAP_HELPERS/target" </dev/null >/dev/null 2>&1 &
	target=$!
	remember $target
	cd ..
	wait_for 20 grep -q ready log
	wait_for 20 grep -q ready log32
	for p in $(pgrep -P $target); do remember "$p"; done
	compare "both kinds"
	atf_check -o match:'[(]i386[)]' "$snapinspect" tree bpf.psnap
}
programs_of_both_kinds_cleanup() { kill_remembered; }

# Every kind of socket with every value of its options, and in the states that leave marks.
atf_test_case sockets_of_every_kind cleanup
sockets_of_every_kind_head() { atf_set require.user root; atf_set require.progs taskset; }
sockets_of_every_kind_body() {
	need_bpf
	TARGET=inet
	mkdir away
	for mode in options elsewhere; do
		cd away || atf_fail away
		start_target ../log $mode
		cd ..
		on_one_cpu
		compare "$mode"
		kill -9 "$target"
	done
}
sockets_of_every_kind_cleanup() { kill_remembered; }

# counts COLLECTOR: of calls, as it dumps the target
counts() {
	strace --seccomp-bpf -f -qq -o calls -e signal=none -e trace=pidfd_getfd,getsockopt,sendto \
	    "$snapctl" dump "$target" -q -o x.psnap --allow-partial --collector "$1" 2>err || atf_fail "$(cat err)"
	for call in pidfd_getfd getsockopt sendto; do grep -c "$call(" calls; done | xargs
}

# Sockets with nothing unread: the kernel tells all of them, and none is duplicated.  New ones are made to compare with.
atf_test_case sockets_are_told cleanup
sockets_are_told_head() { atf_set require.user root; atf_set require.progs strace; }
sockets_are_told_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "for the plain configuration"
	need_bpf
	start_target log sockets 10 20
	counts bpf >unix.bpf
	counts proc >unix.proc
	target_is_alive log
	TARGET=inet
	start_target log 10 40
	counts bpf >inet.bpf
	counts proc >inet.proc
	read -r fds options diag <unix.bpf
	# twice, of IPv4 and IPv6: who waits to be accepted by TCP
	[ "$fds" -lt 10 ] && [ "$options" = 0 ] && [ "$diag" = 2 ] || atf_fail "unix, by BPF: $(cat unix.bpf)"
	read -r fds options diag <unix.proc
	[ "$fds" -ge 400 ] && [ "$options" -ge 4000 ] && [ "$diag" -ge 3 ] || atf_fail "unix, by /proc: $(cat unix.proc)"
	read -r fds options diag <inet.bpf
	[ "$fds" -lt 10 ] && [ "$options" -lt 300 ] || atf_fail "internet, by BPF: $(cat inet.bpf)"
	read -r fds options diag <inet.proc
	[ "$fds" -ge 400 ] && [ "$options" -ge 10000 ] || atf_fail "internet, by /proc: $(cat inet.proc)"
}
sockets_are_told_cleanup() { kill_remembered; }

# left FILE: what sleepers have left, ms, a line each
left() { "$snapinspect" regs --json "$1" | sed -n 's/.*"remaining_ns": *\([0-9]*\)[0-9]\{6\},$/\1/p'; }

# Each dump stops them, which /proc takes for the end of their sleep: by BPF, what is left is what it is.
atf_test_case sleepers_have_less_left cleanup
sleepers_have_less_left_head() { atf_set require.user root; }
sleepers_have_less_left_body() {
	need_bpf
	for TARGET in target target32; do
		[ -x "$SNAP_HELPERS/$TARGET" ] || continue
		start_target log sleepers
		for i in 1 2; do
			atf_check -o ignore "$snapctl" dump "$target" -q -o $i.psnap --collector bpf
			left $i.psnap >$i.left
			sleep 1
		done
		paste 1.left 2.left | awk '$1 > 1000000 || $1 - $2 < 1000 || $2 < 900000 { bad = 1 }
		    END { exit bad || NR != 4 }' || atf_fail "$TARGET: $(paste 1.left 2.left)"
		kill -9 "$target"
	done
}
sleepers_have_less_left_cleanup() { kill_remembered; }

# What semaphores owe is read in the kernel: nobody is made to ask for it by a call.
atf_test_case semaphores_are_told cleanup
semaphores_are_told_head() { atf_set require.user root; atf_set require.progs "unshare strace"; }
semaphores_are_told_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "for the plain configuration"
	need_bpf
	cat >job <<-'END'
		: >log
		"$SNAP_HELPERS/behave" sysv_sem_undo_many </dev/null >log 2>&1 &
		until grep -q ready log; do kill -0 $! || exit 1; sleep 0.1; done
		sleep 1.1	# of what was set this very second, nothing is believed
		for c in bpf proc; do
			strace --seccomp-bpf -f -qq -o $c.calls -e signal=none -e trace=ptrace,kcmp \
			    "$SNAP_BIN/snapctl" dump $! -q -o $c.psnap --collector $c || exit 1
			"$SNAP_HELPERS/records" --no-times $c.psnap | grep ' kind 97 ' >$c.sets
		done
	END
	atf_check unshare --ipc --pid --fork --mount-proc --kill-child sh job
	[ "$(grep -c 'PTRACE_SYSCALL\|kcmp' bpf.calls)" = 0 ] || atf_fail "by BPF: $(grep -m 1 'SYSCALL\|kcmp' bpf.calls)"
	[ "$(grep -c PTRACE_SYSCALL proc.calls)" -ge 500 ] || atf_fail "by /proc nothing was asked"
	[ -s bpf.sets ] && cmp -s bpf.sets proc.sets || atf_fail "different adjustments"
}
semaphores_are_told_cleanup() { kill_remembered; }

# opens COLLECTOR: how often which files of processes are opened to dump the target
opens() {
	strace --seccomp-bpf -f -qq -o calls -e signal=none -e trace=openat \
	    "$snapctl" dump "$target" -q -o x.psnap --collector "$1" 2>err || atf_fail "$(cat err)"
	grep -c '"status"\|"task/[0-9]*/status"' calls >"$1.status" || true
	grep -c '"personality"\|"loginuid"' calls >"$1.small" || true
}

# behave_target CASE
behave_target() {
	: >log
	"$SNAP_HELPERS/behave" "$1" </dev/null >log 2>&1 &
	target=$!
	remember "$target"
	wait_for 20 grep -q ready log
}

# A zombie, and a process whose leader has exited: what it takes to find and stop them is all that /proc is asked.
atf_test_case dead_are_told cleanup
dead_are_told_head() { atf_set require.user root; atf_set require.progs strace; }
dead_are_told_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "for the plain configuration"
	need_bpf
	for case in process_zombie thread_leader_exited; do
		behave_target $case
		opens proc
		opens bpf
		[ "$(cat bpf.small)" = 0 ] && [ "$(cat bpf.status)" -eq $(($(cat proc.status) - 3)) ] ||
		    atf_fail "$case: status $(cat proc.status bpf.status | xargs), small files $(cat bpf.small)"
	done
}
dead_are_told_cleanup() { kill_remembered; }

# Whatever it was about when it was stopped: nobody lost, nobody harmed, and all of it restored.
atf_test_case storm cleanup
storm_head() { atf_set require.user root; }
storm_body() {
	need_bpf
	for c in proc bpf; do
		start_target log storm 30
		snapshot "$target" x.psnap --collector $c
		target_is_alive log
		dump_away --collector $c
		atf_check -o match:"\"collector\": \"$c\"" "$snapinspect" info --json x.psnap
		atf_check -o ignore "$snapinspect" verify x.psnap
		atf_check -o ignore -e ignore "$snapctl" restore --detach x.psnap
		target_is_alive log
		kill -9 "$target"
		gone
	done
}
storm_cleanup() { kill_remembered; }

# ---- which collector ----

# collector_is NAME [NOTE]: of x.psnap
collector_is() {
	atf_check -o save:info "$snapinspect" info --json x.psnap
	atf_check -o match:"\"collector\": \"$1\"" cat info
	[ -z "${2-}" ] || atf_check -o match:"$2" cat info
}

atf_test_case small_tree cleanup
small_tree_head() { atf_set descr "auto does not load programs for a few processes"; atf_set require.user root; }
small_tree_body() {
	pick
	start_target log small
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap
	collector_is proc "the tree is small"
	target_is_alive log
}
small_tree_cleanup() { kill_remembered; }

atf_test_case large_tree cleanup
large_tree_head() { atf_set descr "auto loads programs for many"; atf_set require.user root; }
large_tree_body() {
	need_bpf
	start_target log tree 100 20
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap
	collector_is bpf
	target_is_alive log
}
large_tree_cleanup() { kill_remembered; }

# Without CAP_SYS_ADMIN there is no BPF: a clear error, or /proc.
atf_test_case refused cleanup
refused_head() { atf_set require.user root; atf_set require.progs "setpriv"; }
refused_body() {
	pick
	start_target log tree 100 5
	less="setpriv --bounding-set -sys_admin,-bpf,-perfmon --inh-caps -sys_admin,-bpf,-perfmon"
	atf_check -s exit:1 -e match:'cannot collect by BPF: ' \
	    $less "$snapctl" dump "$target" -o x.psnap --collector bpf
	[ ! -e x.psnap ] || atf_fail "a refused dump left x.psnap"
	target_is_alive log
	atf_check -o ignore -e ignore $less "$snapctl" dump "$target" -o x.psnap
	collector_is proc "collected through /proc: "
	atf_check -o ignore "$snapinspect" verify x.psnap
	target_is_alive log
	atf_check -s exit:2 -e match:'--collector wants' "$snapctl" dump "$target" -o x.psnap --collector ebpf
}
refused_cleanup() { kill_remembered; }

atf_init_test_cases() {
	for area in $areas; do atf_add_test_case $area; done
	atf_add_test_case targets
	atf_add_test_case programs_of_both_kinds
	atf_add_test_case sockets_of_every_kind
	atf_add_test_case sockets_are_told
	atf_add_test_case sleepers_have_less_left
	atf_add_test_case semaphores_are_told
	atf_add_test_case dead_are_told
	atf_add_test_case storm
	atf_add_test_case small_tree
	atf_add_test_case large_tree
	atf_add_test_case refused
}
