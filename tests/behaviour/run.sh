# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh SNAPCTL PROGRAM GENERATIONS PREFIX
#
# Every case of PROGRAM whose name begins with PREFIX: set up, GENERATIONS
# times dumped, killed and restored, then checked.  All at the same time, each
# in a folder of its own under the current one.  Prints a line for each case
# that does not pass, then "N passed, M failed".
#
# Meant to be the first process of a pid namespace: nobody else takes the
# numbers of what is dead for the moment.
snapctl=$1 program=$2 generations=$3 prefix=$4
top=$PWD
names=$("$program" --list | grep "^$prefix")
go=$(kill -l RTMAX 2>/dev/null || echo 64)
case $go in *[!0-9]*) go=64 ;; esac

tell() {
	printf 'FAIL %s: %s\n' "$1" "$2"
	echo "$2" >"$top/$1/failed"
}

for n in $names; do
	mkdir -p "$top/$n"
	cd "$top/$n" || exit 1
	: >log
	setsid "$program" "$n" </dev/null >>log 2>err &
	echo $! >pid
done
for n in $names; do
	cd "$top/$n" || exit 1
	tries=500
	until grep -q ready log || [ $tries = 0 ]; do sleep 0.02; tries=$((tries - 1)); done
	[ $tries -gt 0 ] || tell "$n" "not ready: $(cat log err)"
done
for g in $(seq "$generations"); do
	for n in $names; do
		cd "$top/$n" || exit 1
		[ ! -e failed ] || continue
		"$snapctl" dump "$(cat pid)" -q -o s.psnap --kill 2>dump.err || tell "$n" "dump $g: $(cat dump.err)"
	done
	for n in $names; do
		cd "$top/$n" || exit 1
		[ ! -e failed ] || continue
		"$snapctl" restore --detach -q s.psnap >restore.out 2>restore.err ||
		    tell "$n" "restore $g: $(cat restore.err)"
	done
done
for n in $names; do
	[ -e "$top/$n/failed" ] || kill -$go "$(cat "$top/$n/pid")" 2>/dev/null || tell "$n" "it is gone: $(cat "$top/$n/log")"
done
passed=0 failed=0
for n in $names; do
	cd "$top/$n" || exit 1
	tries=1000
	until [ -e failed ] || grep -qE 'PASS|FAIL' log || [ $tries = 0 ]; do sleep 0.02; tries=$((tries - 1)); done
	[ -e failed ] || grep -q PASS log || tell "$n" "$(tail -n 1 log)"
	if [ -e failed ]; then failed=$((failed + 1)); else passed=$((passed + 1)); fi
	kill -9 "$(cat pid)" 2>/dev/null
done
echo "$passed passed, $failed failed"
[ $failed = 0 ] && [ $passed -gt 0 ]
