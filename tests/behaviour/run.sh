# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh SNAPCTL PROGRAM STEPS PREFIX [RESTORE-OPTIONS...]
#
# Every case of PROGRAM whose name begins with the regular expression PREFIX,
# each in a folder of its own under the current one, all at the same time,
# taken through STEPS:
#
#	start	set up
#	hold	the same, as children of one process
#	collect	which is stopped and dumped through /proc and by COLLECTOR (bpf): they must tell the same
#	dump	dumped and killed
#	restore	restored
#	check	told to look at its state; then it ends
#
# Steps may be in several runs, on several kernels.  Prints a line for each case
# that does not pass, then "N passed, M failed".
#
# Meant to be the first process of a pid namespace: nobody else takes the
# numbers of what is dead for the moment.
snapctl=$1 program=$2 steps=$3 prefix=$4
shift 4
top=$PWD
case $steps in
start*|hold*) names=$("$program" --list | grep "^$prefix") ;;
*) names=$(ls | grep "^$prefix") ;;	# those of a run before
esac
go=$(kill -l RTMAX 2>/dev/null || echo 64)
case $go in *[!0-9]*) go=64 ;; esac

tell() {
	printf 'FAIL %s: %s\n' "$1" "$2"
	echo "$2" >"$top/$1/failed"
}

# enter NAME: its folder, if nothing is wrong with it yet
enter() {
	cd "$top/$1" || exit 1
	[ ! -e failed ]
}

wait_for_all() {
	for n in $names; do
		enter "$n" || continue
		tries=6000
		until grep -q ready log || [ $tries = 0 ]; do sleep 0.02; tries=$((tries - 1)); done
		[ $tries -gt 0 ] || tell "$n" "not ready: $(cat log err)"
	done
}

start() {
	for n in $names; do
		mkdir -p "$top/$n"
		enter "$n" || continue
		: >log
		setsid "$program" "$n" </dev/null >>log 2>err &
		echo $! >pid
	done
	wait_for_all
}

hold() {
	for n in $names; do
		mkdir -p "$top/$n"
		: >"$top/$n/log"
	done
	cd "$top" || exit 1
	"$program" --hold $names </dev/null >/dev/null 2>&1 &
	holder=$!
	wait_for_all
}

dump() {
	for n in $names; do
		enter "$n" || continue
		"$snapctl" dump "$(cat pid)" -q -o s.psnap --kill 2>dump.err || tell "$n" "dump: $(cat dump.err)"
	done
}

collector=${COLLECTOR:-bpf}

# Timers go on, even of what is stopped, and one may expire between two dumps:
# what differs is looked at again.  The first dump through /proc makes pages of
# the vdso resident.
alike() {
	for c in proc "$collector" proc; do
		"$snapctl" dump "$holder" -q -o collect.$c --collector $c &&
		    "${program%/*}/records" --no-times collect.$c >collect.$c.records || return 1
	done
	cmp -s collect.proc.records "collect.$collector.records"
}

collect() {
	# a program's folder is part of its snapshot
	mkdir "$top.out" && cd "$top.out" || exit 1
	"$snapctl" suspend "$holder" || tell . "suspend"
	alike || { sleep 5 && alike; } ||
	    tell . "$("${snapctl%/*}/snapinspect" diff collect.proc "collect.$collector" | head -n 20)"
	kill -9 "$holder"
	cd "$top" && rm -r "$top.out"
}

restore() {
	# our own helpers take none of the numbers that are to come
	[ $$ != 1 ] || echo 20000 >/proc/sys/kernel/ns_last_pid
	for n in $names; do
		enter "$n" || continue
		"$snapctl" restore --detach -q "$@" s.psnap >restore.out 2>restore.err ||
		    tell "$n" "restore: $(cat restore.err)"
	done
}

check() {
	for n in $names; do
		enter "$n" || continue
		kill -$go "$(cat pid)" 2>/dev/null || tell "$n" "it is gone: $(cat log)"
	done
	for n in $names; do
		enter "$n" || continue
		tries=6000
		until grep -qE 'PASS|FAIL' log || [ $tries = 0 ]; do sleep 0.02; tries=$((tries - 1)); done
		grep -q PASS log || tell "$n" "$(tail -n 1 log)"
	done
	for n in $names; do kill -9 "$(cat "$top/$n/pid")" 2>/dev/null; done
}

for step in $steps; do
	case $step in
	start) start ;;
	hold) hold ;;
	collect) collect ;;
	dump) dump ;;
	restore) restore "$@" ;;
	check) check ;;
	esac
done
passed=0 failed=0
for n in $names; do
	if enter "$n"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ] && [ ! -e "$top/failed" ]
