# SPDX-License-Identifier: BSD-2-Clause
#
# snapctl restore: what it refuses, what it tells, and that nothing is left
# behind when it fails.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

atf_test_case refused cleanup
refused_head() { atf_set require.user root; }
refused_body() {
	atf_check -s exit:1 -e match:'No such file' "$snapctl" restore nowhere
	atf_check -s exit:1 -e match:'not a PSNAP' "$snapctl" restore "$SNAP_SRC/README.md"
	atf_check -s exit:2 -e match:'which snapshot' "$snapctl" restore
	atf_check -s exit:2 -e match:'/FROM=/TO' "$snapctl" restore --path x x.psnap
	pick
	start_target log small
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap
	# its numbers are taken by itself
	atf_check -s exit:1 -e match:'pid-taken' "$snapctl" restore x.psnap
	atf_check -s exit:1 -o match:'"what": "pid-taken"' "$snapctl" restore --check --json x.psnap
	target_is_alive log
	# damage anywhere in the memory is found before anything runs
	size=$(stat -c %s x.psnap)
	cp x.psnap bad.psnap
	printf '\377\377\377\377' | dd of=bad.psnap bs=1 seek=$((size / 3)) conv=notrunc 2>/dev/null
	kill -9 "$target"
	wait "$target" 2>/dev/null
	gone
	atf_check -s exit:1 -o ignore -e not-empty "$snapctl" restore --detach bad.psnap
	! kill -0 "$target" 2>/dev/null || atf_fail "a damaged snapshot runs"
	atf_check -o match:'it can be restored here' -e ignore "$snapctl" restore --check x.psnap
}
refused_cleanup() { kill_remembered; }

atf_test_case files_changed cleanup
files_changed_head() { atf_set require.user root; }
files_changed_body() {
	pick
	mkdir -p one two
	cp "$SNAP_HELPERS/$TARGET" one/program
	cp "$SNAP_HELPERS/$TARGET" two/program
	setsid one/program small </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log
	dump_away
	mv one/program one/hidden
	atf_check -s exit:1 -o ignore -e match:"one/program: No such file.*file-missing" "$snapctl" restore --detach x.psnap
	cp "$SNAP_HELPERS/measure" one/program
	atf_check -s exit:1 -o ignore -e match:'file-changed' "$snapctl" restore --detach x.psnap
	rm one/program
	atf_check -o ignore -e ignore "$snapctl" restore --detach --path "$PWD/one=$PWD/two" x.psnap
	target_is_alive log
	[ "$(readlink /proc/$target/exe)" = "$PWD/two/program" ] || atf_fail "$(readlink /proc/$target/exe)"
}
files_changed_cleanup() { kill_remembered; }

atf_test_case foreground cleanup
foreground_head() { atf_set require.user root; }
foreground_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl restores 32-bit processes"
	setsid sh -c 'echo ready; sleep 4; exit 7' </dev/null >log 2>&1 &
	target=$!
	wait_for 20 grep -q ready log
	atf_check -o ignore -e ignore "$snapctl" dump $target -o x.psnap --kill
	wait $target 2>/dev/null
	sleep 1
	# its exit status is ours
	atf_check -s exit:7 -o ignore -e match:'restored in' "$snapctl" restore x.psnap
	sleep 1
	atf_check -s exit:7 -o ignore -e ignore "$snapctl" restore --pidns x.psnap
}

atf_test_case stopped_and_resumed cleanup
stopped_and_resumed_head() { atf_set require.user root; }
stopped_and_resumed_body() {
	dead tree 5 3
	atf_check -o ignore -e ignore "$snapctl" restore --detach --stopped x.psnap
	for p in $target $(cat /proc/$target/task/*/children); do
		wait_for 5 grep -q '^State:	T' /proc/$p/status
	done
	atf_check "$snapctl" resume $target
	target_is_alive log
	atf_check "$snapctl" suspend $target
	for p in $target $(cat /proc/$target/task/*/children); do
		grep -q '^State:	T' /proc/$p/status || atf_fail "pid $p runs"
	done
	atf_check "$snapctl" resume $target
	target_is_alive log
}
stopped_and_resumed_cleanup() { kill_remembered; }

atf_test_case fifty_at_once cleanup
fifty_at_once_head() { atf_set require.user root; }
fifty_at_once_body() {
	[ -z "$SNAP_SANITIZE" ] || atf_skip "fifty sanitized programs are too much for a small machine"
	dead tree 2 3
	unshare --pid --fork true 2>/dev/null || atf_skip "no pid namespaces here"
	for i in $(seq 50); do
		"$snapctl" restore --pidns --detach -q x.psnap >pid.$i 2>err.$i &
	done
	wait
	cat err.* >&2
	for i in $(seq 50); do
		p=$(cat pid.$i)
		remember "$p"
		kill -0 "$p" || atf_fail "number $i does not run"
		[ "$(wc -w </proc/"$p"/task/"$p"/children)" -eq 2 ] || atf_fail "number $i is not whole"
	done
}
fifty_at_once_cleanup() { kill_remembered; }

atf_test_case each_call_fails_in_turn cleanup
each_call_fails_in_turn_head() {
	atf_set require.user root
	atf_set require.progs strace
}
each_call_fails_in_turn_body() {
	can_inject
	dead tree 3 4
	fail_each "$every_call"
	dead rights
	fail_each "socketpair sendmsg setsockopt fcntl close"
}
each_call_fails_in_turn_cleanup() { kill_remembered; }

atf_test_case each_call_fails_with_helpers cleanup
each_call_fails_with_helpers_head() {
	atf_set require.user root
	atf_set require.progs strace
}
each_call_fails_with_helpers_body() {
	can_inject
	dead orphans 4
	fail_each "$every_call"
}
each_call_fails_with_helpers_cleanup() { kill_remembered; }

atf_test_case pid_not_told cleanup
pid_not_told_head() { atf_set require.user root; }
pid_not_told_body() {
	dead tree 3 2
	for option in "" --json --pidns; do
		"$snapctl" restore --detach $option x.psnap >/dev/full 2>stderr
		[ $? -eq 1 ] || atf_fail "$option: not refused"
		grep -q 'No space left' stderr || atf_fail "$option: $(cat stderr)"
		gone
	done
	atf_check -o inline:"$target\n" -e ignore "$snapctl" restore --detach x.psnap
	target_is_alive log
}
pid_not_told_cleanup() { kill_remembered; }

atf_test_case fewer_capabilities cleanup
fewer_capabilities_head() { atf_set require.user root; }
fewer_capabilities_body() {
	dead tree 3 2
	all=$(sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status)
	without_chown=$(printf %x $((0x$all & ~1)))
	atf_check -s exit:1 -e match:'has not: 1 \(capability' \
	    "$SNAP_HELPERS/bound" "$without_chown" "$snapctl" restore --detach x.psnap
	gone
	atf_check -o ignore -e ignore "$SNAP_HELPERS/bound" "$all" "$snapctl" restore --detach x.psnap
	target_is_alive log
}
fewer_capabilities_cleanup() { kill_remembered; }

# whole_or_gone N: the helper runs, with N children, or nothing does
whole_or_gone() {
	! kill -0 "$target" || [ "$(wc -w </proc/$target/task/$target/children)" -eq "$1" ]
}

atf_test_case killed_in_the_middle cleanup
killed_in_the_middle_head() { atf_set require.user root; }
killed_in_the_middle_body() {
	dead tree 10 5
	for i in $(seq 4 4 80); do
		"$snapctl" restore --detach x.psnap >stdout 2>stderr &
		restorer=$!
		sleep "0.0$(printf %02d $i)"
		if kill -9 $restorer 2>/dev/null; then
			wait $restorer 2>/dev/null
		fi
		# all of it or nothing of it, once those that were killed are gone
		wait_for 20 whole_or_gone 10
		kill -9 "$target" $(cat /proc/$target/task/$target/children) 2>/dev/null
		wait_for 20 sh -c "! ps -e -o comm= | grep -q '$TARGET\$'"
	done
}
killed_in_the_middle_cleanup() { kill_remembered; }

# take_number N: a process with that number, which is remembered
take_number() {
	_last=/proc/sys/kernel/ns_last_pid
	[ -w $_last ] || atf_skip "numbers cannot be chosen here"
	read -r _was <$_last
	for _try in $(seq 100); do
		echo $(($1 - 1)) >$_last
		sleep 300 &
		remember $!
		[ $! -ne "$1" ] || break
		kill $!
	done
	# those after it are the tree's
	echo "$_was" >$_last
	[ $! -eq "$1" ] || atf_fail "number $1 could not be taken"
}

atf_test_case gone_leader cleanup
gone_leader_head() { atf_set require.user root; }
gone_leader_body() {
	dead orphans 4
	leader=$("$snapinspect" tree --json x.psnap | grep -oE '"sid": [0-9]+' | grep -v " $target\$" | head -n 1 | cut -d' ' -f2)
	take_number "$leader"
	atf_check -o match:'it can be restored here' -e ignore "$snapctl" restore --check --pidns x.psnap
	atf_check -s exit:1 -o ignore -e match:"number $leader, whose process led a session and is dead, .*pid-taken" \
	    "$snapctl" restore --check x.psnap
	kill "$leader"
	wait "$leader" 2>/dev/null
	atf_check -o ignore -e not-match:pid-taken "$snapctl" restore --detach x.psnap
	# it looks at their sessions
	target_is_alive log
	[ ! -e "/proc/$leader" ] || atf_fail "the helper still runs"
	[ "$(wc -w </proc/$target/task/$target/children)" -eq 4 ] || atf_fail "$(ps -e -o pid,ppid,comm)"
}
gone_leader_cleanup() { kill_remembered; }

atf_test_case gone_leader_of_the_root cleanup
gone_leader_of_the_root_head() { atf_set require.user root; }
gone_leader_of_the_root_body() {
	pick
	setsid sh -c '"$0" small </dev/null >log 2>&1 & echo $! >pid; sleep 300 & echo $! >member; echo $$ >sid' \
	    "$SNAP_HELPERS/$TARGET"
	target=$(cat pid) session=$(cat sid)
	remember "$target"
	remember "$(cat member)"
	wait_for 20 grep -q ready log
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
	gone
	# a member outside keeps the number
	atf_check -o match:"^$target\$" -e match:"number $session, .*the session gets another number .*pid-taken" \
	    "$snapctl" restore --detach x.psnap
	atf_check -o match:"^ *$target +$target\$" ps -o pgid=,sid= -p "$target"
	kill -9 "$target" "$(cat member)"
	gone
	wait_for 20 sh -c "! kill -0 $(cat member)"
	atf_check -o match:"^$target\$" -e not-match:pid-taken "$snapctl" restore --detach x.psnap
	atf_check -o match:"^ *$session +$session\$" ps -o pgid=,sid= -p "$target"
	target_is_alive log
	[ ! -e "/proc/$session" ] || atf_fail "the helper still runs"
}
gone_leader_of_the_root_cleanup() { kill_remembered; }

# start_first LOG MODE...: the helper as the first process of a pid namespace; its pid out here in $target
start_first() {
	pick
	unshare --pid --fork --mount-proc true 2>/dev/null || atf_skip "no pid namespaces here"
	_log=$1
	shift
	unshare --pid --fork --mount-proc sh -c 'log=$1; shift; exec setsid "$0" "$@" >"$log" 2>&1' \
	    "$SNAP_HELPERS/$TARGET" "$_log" "$@" </dev/null >/dev/null 2>&1 &
	unshared=$!
	wait_for 20 grep -q ready "$_log"
	target=$(cat /proc/$unshared/task/$unshared/children)
	target=${target% }
	remember "$target"
}

# inner PID: the numbers of its children in their own namespace
inner() { for _p in $(cat "/proc/$1/task/$1/children"); do sed -n 's/^NSpid:.*	//p' "/proc/$_p/status"; done | sort -n; }

atf_test_case first_process cleanup
first_process_head() { atf_set require.user root; }
first_process_body() {
	start_first log orphans 4
	inner "$target" >before
	atf_check -s exit:1 -e match:'cannot be killed from inside' \
	    nsenter -t "$target" -p -m "$snapctl" dump 1 -o "$PWD/x.psnap" --kill
	# the same numbers from inside and from outside
	atf_check -o ignore -e ignore nsenter -t "$target" -p -m "$snapctl" dump 1 -o "$PWD/inside.psnap"
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
	wait "$unshared" 2>/dev/null
	gone
	for s in inside x; do
		"$snapinspect" tree --json $s.psnap | grep -oE '"(pid|ppid|pgid|sid|tid)": [0-9]+' >$s.numbers
	done
	atf_check cmp inside.numbers x.numbers
	atf_check -o match:'"pid": 1$' cat x.numbers
	atf_check -s exit:1 -o ignore -e match:'pid 1: it is the first process .*--pidns' \
	    "$snapctl" restore --detach x.psnap
	atf_check -o match:'it can be restored here' -e ignore "$snapctl" restore --check --pidns x.psnap
	for generation in 1 2; do
		atf_check -o save:pid -e not-match:pid-taken "$snapctl" restore --pidns --detach x.psnap
		target=$(cat pid)
		remember "$target"
		# it looks at the sessions of its children
		target_is_alive log
		atf_check -o match:'	1$' grep NSpid "/proc/$target/status"
		inner "$target" >after
		atf_check cmp before after
		atf_check -o match:'^1 ' nsenter -t "$target" -p -m sh -c 'cd /proc && echo [0-9]*'
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
		gone
	done
}
first_process_cleanup() { kill_remembered; }

atf_test_case first_process_exits cleanup
first_process_exits_head() { atf_set require.user root; }
first_process_exits_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl restores 32-bit processes"
	unshare --pid --fork --mount-proc true 2>/dev/null || atf_skip "no pid namespaces here"
	# in a session and a group that have no number in there
	unshare --pid --fork --mount-proc sh -c 'echo ready; sleep 4; exit 7' </dev/null >log 2>&1 &
	wait_for 20 grep -q ready log
	target=$(cat /proc/$!/task/$!/children)
	atf_check -o ignore -e ignore "$snapctl" dump ${target% } -o x.psnap --kill
	wait $! 2>/dev/null
	for i in 1 2; do
		atf_check -s exit:7 -o ignore -e match:'pid 1: .* restored in' "$snapctl" restore --pidns x.psnap
	done
}

atf_test_case first_process_fails cleanup
first_process_fails_head() {
	atf_set require.user root
	atf_set require.progs strace
}
first_process_fails_body() {
	can_inject
	start_first log orphans 4
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
	wait "$unshared" 2>/dev/null
	gone
	# in the process outside; the one inside is killed, or refuses
	fail_each "socketpair clone3 recvfrom pidfd_open setns wait4 write" --pidns
	for i in $(seq 4 4 80); do
		"$snapctl" restore --pidns --detach x.psnap >stdout 2>stderr &
		sleep "0.0$(printf %02d $i)"
		kill -9 $! 2>/dev/null
		wait $! 2>/dev/null
		wait_for 20 sh -c "case \$(ps -e -o comm= | grep -c '$TARGET\$') in 0 | 5) ;; *) false ;; esac"
		for p in $(ps -e -o pid=,comm= | sed -n "s/ $TARGET\$//p"); do kill -9 "$p" 2>/dev/null; done
		wait_for 20 sh -c "! ps -e -o comm= | grep -qE '$TARGET|snapctl|snap-seed'"
	done
	mv "$SNAP_HELPERS/$TARGET" hidden
	"$snapctl" restore --pidns --detach x.psnap >stdout 2>stderr
	status=$?
	mv hidden "$SNAP_HELPERS/$TARGET"
	[ $status -eq 1 ] || atf_fail "restored without its program"
	atf_check -o match:file-missing cat stderr
	inventory >after
	atf_check cmp before after
}
first_process_fails_cleanup() { kill_remembered; }

atf_test_case vdso_of_another_kernel cleanup
vdso_of_another_kernel_head() { atf_set require.user root; atf_set require.progs python3; }
vdso_of_another_kernel_body() {
	pick
	# one that asks for the time all the while, by way of the vdso
	[ $TARGET = target ] && TARGET=unharmed || TARGET=unharmed32
	start_target log
	dump_away
	atf_check "$SNAP_HELPERS/revdso" x.psnap y.psnap
	atf_check -s exit:1 -o match:'pages changed .*vdso.*: 1' "$snapinspect" diff --exit-code x.psnap y.psnap
	atf_check -o ignore -e ignore "$snapctl" restore --detach y.psnap
	target_is_alive log
	[ "$(grep -c vdso /proc/$target/maps)" -eq 1 ] || atf_fail "$(cat /proc/$target/maps)"
	# and once more, from there
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o z.psnap --kill
	gone
	atf_check -o ignore -e ignore "$snapctl" restore --detach z.psnap
	target_is_alive log
}
vdso_of_another_kernel_cleanup() { kill_remembered; }

atf_test_case another_cpu cleanup
another_cpu_head() { atf_set require.user root; }
another_cpu_body() {
	! grep -q amx_tile /proc/cpuinfo || atf_skip "this CPU has AMX"
	dead small
	# a component in use that this CPU lacks; one that is as fresh is left out
	atf_check "$SNAP_HELPERS/refpu" x.psnap used.psnap used
	atf_check -s exit:1 -o ignore -e match:'amx_tile is not here.*cpu-feature' "$snapctl" restore --detach used.psnap
	atf_check "$SNAP_HELPERS/refpu" x.psnap fresh.psnap fresh
	atf_check -o ignore -e match:'cpu-choice' "$snapctl" restore --detach fresh.psnap
	target_is_alive log
}
another_cpu_cleanup() { kill_remembered; }

# registers_come_back FILE: restored, and dumped before it runs; they are in regs
registers_come_back() {
	atf_check -o ignore -e ignore "$snapctl" restore --detach --stopped "$1"
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o again.psnap --kill
	gone
	atf_check -o save:before "$snapinspect" regs --fpu --json "$1"
	atf_check -o save:regs "$snapinspect" regs --fpu --json again.psnap
	cmp before regs || { diff before regs; atf_fail "registers changed"; }
}

atf_test_case fewer_components cleanup
fewer_components_head() { atf_set require.user root; }
fewer_components_body() {
	grep -q '^flags.* avx ' /proc/cpuinfo || atf_skip "this CPU has no AVX"
	dead small
	atf_check "$SNAP_HELPERS/refpu" x.psnap avx.psnap avx
	registers_come_back avx.psnap
	atf_check -o match:'"ymm1_high": "5a5a5a5a' cat regs
	# what the other CPU did not have is as if never used
	atf_check "$SNAP_HELPERS/refpu" avx.psnap legacy.psnap legacy
	registers_come_back legacy.psnap
	! grep -q avx regs || atf_fail "AVX is in use"
	atf_check -o ignore -e ignore "$snapctl" restore --detach legacy.psnap
	target_is_alive log
}
fewer_components_cleanup() { kill_remembered; }

atf_test_case lazy cleanup
lazy_head() { atf_set require.user root; }
lazy_body() {
	pick
	start_target log fill 40
	dump_away --raw
	atf_check -o ignore -e ignore "$snapctl" restore --detach --lazy x.psnap
	grep -q x.psnap "/proc/$target/maps" || atf_fail "nothing is mapped from the snapshot"
	target_is_alive log
	# and again from there, into memory of its own
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o y.psnap
	target_is_alive log
}
lazy_cleanup() { kill_remembered; }

atf_test_case every_cpu_is_theirs_again cleanup
every_cpu_is_theirs_again_head() { atf_set require.user root; }
every_cpu_is_theirs_again_body() {
	[ "$(nproc)" -gt 1 ] || atf_skip "there is only one CPU"
	dead idle 4
	atf_check -o ignore -e ignore "$snapctl" restore --detach x.psnap
	ours=$(grep '^Cpus_allowed:' /proc/self/status)
	for t in /proc/$target/task/*; do
		[ "$(grep '^Cpus_allowed:' $t/status)" = "$ours" ] || atf_fail "$t: $(grep '^Cpus_allowed:' $t/status)"
	done
}
every_cpu_is_theirs_again_cleanup() { kill_remembered; }

# flip FILE OFFSET
flip() { printf '\377\377\377\377' | dd of="$1" bs=1 seek="$2" conv=notrunc 2>/dev/null; }

atf_test_case damage_is_told_alike_by_all_threads cleanup
damage_is_told_alike_by_all_threads_head() { atf_set require.user root; }
damage_is_told_alike_by_all_threads_body() {
	pick
	for how in "" --raw; do
		start_target log fill 64
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill $how
		wait "$target" 2>/dev/null
		gone
		size=$(stat -c %s x.psnap)
		cp x.psnap bad.psnap
		flip bad.psnap $((size / 2))
		atf_check -s exit:1 -o ignore -e save:first -e match:'BLK-10' "$snapctl" restore --detach bad.psnap
		# of many bad blocks the first one is told
		for i in $(seq 100); do
			flip bad.psnap $((size / 2 + i * 100000))
		done
		for _ in 1 2 3 4 5; do
			atf_check -s exit:1 -o ignore -e file:first "$snapctl" restore --detach bad.psnap
			gone
		done
		atf_check -o ignore -e ignore "$snapctl" restore --detach x.psnap
		target_is_alive log
		kill -9 "$target"
		gone
	done
}
damage_is_told_alike_by_all_threads_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case refused
	atf_add_test_case files_changed
	atf_add_test_case foreground
	atf_add_test_case stopped_and_resumed
	atf_add_test_case fifty_at_once
	atf_add_test_case each_call_fails_in_turn
	atf_add_test_case pid_not_told
	atf_add_test_case fewer_capabilities
	atf_add_test_case each_call_fails_with_helpers
	atf_add_test_case gone_leader
	atf_add_test_case gone_leader_of_the_root
	atf_add_test_case first_process
	atf_add_test_case first_process_exits
	atf_add_test_case first_process_fails
	atf_add_test_case killed_in_the_middle
	atf_add_test_case vdso_of_another_kernel
	atf_add_test_case another_cpu
	atf_add_test_case fewer_components
	atf_add_test_case lazy
	atf_add_test_case every_cpu_is_theirs_again
	atf_add_test_case damage_is_told_alike_by_all_threads
}
