# SPDX-License-Identifier: BSD-2-Clause
#
# Containers as a whole: made by unshare(1) or by crun, they go on as they were.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"
. "$SNAP_SRC/tests/tools/cgroups.sh"

case_programs='unshare nsenter'

all='--pid --mount --uts --ipc --net --time --cgroup --mount-proc'

# What begins a container: in a cgroup; in a user namespace.
within=
in=

# container COMMANDS [PROGRAM...]: one whose first process sets it up, and then is PROGRAM, or our helper
container() {
	$in unshare --fork $all true 2>/dev/null || atf_skip "no namespaces of all kinds here"
	pick
	printf '%s\n' "set -e" "$1" 'exec "$@"' >setup.sh
	shift
	[ $# -gt 0 ] || set -- "$SNAP_HELPERS/$TARGET" rights
	: >log
	: >err
	setsid $within $in unshare --fork $all sh setup.sh "$@" </dev/null >>log 2>>err &
	up=$!
	remember $up
	wait_for 20 sh -c "grep -q ready log || ! kill -0 $up"
	grep -q ready log || atf_fail "$(cat err)"
	target=$(cat /proc/$up/task/$up/children)
	target=${target% }
	remember $target
}

inside() { nsenter --target "$target" --all "$@"; }

# What can be told of it from within.
tell() {
	tell_mounts "$target"
	inside sh -c 'hostname; ls -ln --time-style=full-iso /mnt; cat /mnt/file'
	inside sh -c 'for p in /proc/[0-9]*; do readlink $p/exe; done' | grep -c "$TARGET"
	inside sh -c '! command -v ip >/dev/null || ip -o address' | sed 's/  *valid_lft.*//'
	inside ipcs -q
}

# away_and_back [OPTIONS]: and what is outside is as it was
away_and_back() {
	tell_mounts self >outside
	uname -n >>outside
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 sh -c "! kill -0 $target"
	atf_check -o match:'good: ' "$snapinspect" verify x.psnap
	atf_check -o match:'it can be restored here' -e ignore "$snapctl" restore --check --instance x.psnap
	atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach "$@" x.psnap
	target=$(cat pid)
	remember "$target"
	tell_mounts self >outside.after
	uname -n >>outside.after
	atf_check -o file:outside cat outside.after
}

case_for_root a_container_goes_on 'ipcs ipcmk'
a_container_goes_on_body() {
	container 'hostname inner; mount -t tmpfs -o size=1m,mode=755 mine /mnt; echo of it >/mnt/file; mount -t mqueue queues /srv
	    ln -s file /mnt/link; ! command -v ip >/dev/null || ip link set lo up; ipcmk -Q >/dev/null'
	for generation in 1 2; do
		tell >before
		away_and_back
		tell >after
		atf_check -o file:before cat after
		target_is_alive log
		atf_check -o match:'^instance +inner, host inner; own: mount uts ipc pid net( cgroup)? time$' "$snapinspect" info x.psnap
	done
	# it is in namespaces of its own, and its number is the first
	for ns in mnt uts ipc pid net time; do
		[ "$(readlink /proc/self/ns/$ns)" != "$(readlink /proc/$target/ns/$ns)" ] || atf_fail "it is in our $ns"
	done
	grep -q '^NSpid:.*	1$' /proc/$target/status || atf_fail "$(grep NSpid /proc/$target/status)"
	atf_check -s exit:1 -e match:'which namespaces and cgroups are its own|no version before' \
	    "$snapconv" -t psnap:2.0 --strict x.psnap old.psnap
	# which it may be called by another name
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance=shop --kill -o y.psnap
	atf_check -o match:'^instance +shop, host inner' "$snapinspect" info y.psnap
	atf_check -o match:'"name": "shop"' "$snapinspect" info --json y.psnap
}

# Whichever of its threads is the last to end waits for all others.
case_for_root the_threads_of_its_first_process_end
the_threads_of_its_first_process_end_body() {
	pick
	container : "$SNAP_HELPERS/$TARGET" threads 8
	for generation in 1 2 3 4 5 6; do
		away_and_back
		target_is_alive log
	done
}

# A shell with a script in python3 that counts, and one that sleeps.
case_for_root its_programs_go_on 'python3'
its_programs_go_on_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "its programs are amd64 ones"
	cat >count.py <<-'PYTHON'
		import os, socket, time
		n = 0
		f = open("/dev/shm/count", "w")
		while True:
		    n += 1
		    f.seek(0)
		    f.write("%d %s %d\n" % (n, socket.gethostname(), os.getpid()))
		    f.flush()
		    time.sleep(0.01)
	PYTHON
	cat >work.sh <<-'SHELL'
		python3 count.py &
		(while :; do sleep 1; done) &
		echo ready
		wait
	SHELL
	container 'hostname inner; mount -t tmpfs shm /dev/shm' sh work.sh
	# counts NUMBER: beyond it, by the same process on the same host
	counts() {
		inside cat /dev/shm/count >count
		read -r n host pid <count && [ "${n:-0}" -gt "$1" ] && [ "$host" = inner ] && [ "$pid" = "${first:-$pid}" ]
	}
	wait_for 20 counts 5
	first=$pid
	for generation in 1 2; do
		counts 1 || atf_fail "$(cat count)"
		away_and_back
		wait_for 20 counts $((n + 5))
	done
}

case_for_root what_is_none_is_refused
what_is_none_is_refused_body() {
	pick
	start_target log small
	atf_check -s exit:1 -e match:'not the first process of a pid namespace other than ours' \
	    "$snapctl" dump "$target" --instance -o x.psnap
	dump_away
	atf_check -s exit:1 -e match:'not of an instance as a whole' "$snapctl" restore --instance --detach x.psnap
	atf_check -s exit:2 -e match:'--instance wants a name' "$snapctl" dump 1 --instance= -o x.psnap
	# one with another in it
	container 'unshare --uts "$@" >/dev/null & until [ "$(readlink /proc/$!/ns/uts)" != "$(readlink /proc/self/ns/uts)" ]; do :; done'
	atf_check -s exit:1 -o ignore -e match:'uts-namespace: it is in another one than' "$snapctl" dump "$target" --instance -o x.psnap
	target_is_alive log
}

# users: who its first process is, and may be
users() { (cd "/proc/$target" && grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs)' status; cat uid_map gid_map setgroups); }

# Whose only user has no capabilities but those that programs inherit.
case_for_root nobody_is_root_inside
nobody_is_root_inside_body() {
	all="--user --map-user=1000 --map-group=1000 --keep-caps $all"
	container 'mount -t tmpfs mine /mnt'
	users >before
	away_and_back
	users >after
	atf_check -o file:before cat after
	target_is_alive log
}

# A container that root made for itself: root in there is root here.
case_for_root users_of_its_own_are_there_again
users_of_its_own_are_there_again_body() {
	all="--user --map-root-user $all"
	container 'hostname inner; mount -t tmpfs -o size=1m,mode=755 mine /mnt; echo of it >/mnt/file; mount -t mqueue queues /srv
	    ln -s file /mnt/link; mount -t tmpfs under /mnt; umount /mnt; ! command -v ip >/dev/null || ip link set lo up'
	for generation in 1 2; do
		tell >before
		users >users.before
		away_and_back
		tell >after
		atf_check -o file:before cat after
		users >users.after
		atf_check -o file:users.before cat users.after
		target_is_alive log
	done
	for ns in user mnt uts ipc pid net time; do
		[ "$(readlink /proc/self/ns/$ns)" != "$(readlink /proc/$target/ns/$ns)" ] || atf_fail "it is in our $ns"
	done
	# what it mounted is its own, what was the host's is not
	inside sh -c 'mount -t tmpfs more /srv && umount /srv && umount /srv && umount /mnt && [ ! -e /mnt/file ]' ||
	    atf_fail "it cannot mount and unmount"
	# it says whose rights it has
	atf_check -o ignore -e match:'users 0 to 0 in its user namespace will be 0 to 0 here .user-map: root of this machine' \
	    "$snapctl" restore --check --instance x.psnap
	# as another user it has a user namespace that is another's
	kill -9 "$target"
	wait_for 20 sh -c "! kill -0 $target"
	atf_check "$snapconv" -t psnap --map uid:0=1234 --map gid:0=1234 x.psnap other.psnap
	atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --file '*=changed' other.psnap
	target=$(cat pid)
	remember "$target"
	atf_check -o match:'^ *0 *1234 *1$' cat "/proc/$target/uid_map"
	atf_check -o match:'^Uid:.1234.1234.1234.1234$' cat "/proc/$target/status"
	target_is_alive log
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance -o y.psnap
	atf_check -o match:'^namespace   user made by 1234, without setgroups; uid 0 is 1234 outside' "$snapinspect" info y.psnap
}

# users_namespace RANGE...: a user namespace with these maps of users and groups
users_namespace() {
	unshare --user true 2>/dev/null || atf_skip "no user namespaces here"
	unshare --user sleep 600 &
	holder=$!
	remember $holder
	wait_for 20 sh -c "[ \"\$(readlink /proc/$holder/ns/user)\" != \"\$(readlink /proc/self/ns/user)\" ]"
	printf '%s\n' "$@" >map	# which is written at once
	dd if=map of="/proc/$holder/uid_map" bs=4k 2>dd.err && dd if=map of="/proc/$holder/gid_map" bs=4k 2>dd.err ||
	    atf_skip "maps of users cannot be made here: $(cat dd.err)"
	in="nsenter --user=/proc/$holder/ns/user --setuid 0 --setgid 0"
}

# ask: what its users say of themselves
ask() {
	for who in root user; do
		inside sh -c "umask 0; : >/mnt/ask.$who"
		wait_for 20 inside test -e /mnt/told.$who
		inside sh -c "cat /mnt/told.$who; rm /mnt/told.$who"
	done
}

case_for_root several_users_go_on 'python3 ip'
several_users_go_on_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "its programs are amd64 ones"
	chmod 755 .
	cp "$SNAP_SRC/tests/tools/users.py" .
	users_namespace '0 100000 1000' '1000 200000 1'
	container 'hostname inner; ip link set lo up; mount -t tmpfs -o mode=777,gid=5 mine /mnt' python3 users.py
	ask >before
	atf_check -o match:'^root .0, 0, 0. .*becomes done 22 .* mounts done host inner$' \
	    -o match:'^user .1000, 1000, 1000. .*\[5, 1000\].*files .*becomes done 22 1 mounts 1 host inner$' cat before
	for generation in 1 2; do
		tell_mounts "$target" >mounts.before
		away_and_back
		tell_mounts "$target" >mounts.after
		atf_check -o file:mounts.before cat mounts.after
		ask >after
		atf_check -o file:before cat after
	done
	atf_check -o match:'200000' stat -c %u "/proc/$target/root/mnt/user"
	atf_check -o match:'; uid 0-999 are 100000-100999 outside, 1000 is 200000 outside; gid 0-999 are' "$snapinspect" info x.psnap
}

# Who came in from outside may be nobody in there.
case_for_root who_has_no_number_is_refused
who_has_no_number_is_refused_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "its programs are amd64 ones"
	chmod 755 .
	users_namespace '0 100000 1000'
	container 'echo ready' sleep 600
	nsenter --target "$target" --all --preserve-credentials sh -c 'sleep 600 & sleep 601 &' </dev/null >/dev/null 2>&1
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 sh -c "! kill -0 $target"
	for check in --check --detach; do
		atf_check -s exit:1 -e match:'user 0 has no number in its user namespace' \
		    -e match:'group 0 has no number in its user namespace' "$snapctl" restore --instance $check x.psnap
	done
}

# One with users of its own, who are told; another of these in it is refused.
case_for_root users_of_its_own_are_told
users_of_its_own_are_told_body() {
	all="--user --map-root-user $all"
	container :
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance -o x.psnap
	target_is_alive log
	atf_check -o match:'^instance .*; own: mount uts ipc pid net user( cgroup)? time$' \
	    -o match:'^namespace   user made by 0, without setgroups; uid 0 is 0 outside; gid 0 is 0 outside$' "$snapinspect" info x.psnap
	atf_check -o match:'"inside": 0' -o match:'"setgroups_denied": true' "$snapinspect" info --json x.psnap
	atf_check -s exit:1 -e match:'2.1' "$snapconv" -t psnap:2.0 x.psnap old.psnap
	atf_check "$snapconv" -t psnap --map uid:0=1234 --map gid:0=1234 x.psnap other.psnap
	atf_check -o match:'user made by 1234, .*; uid 0 is 1234 outside; gid 0 is 1234 outside$' "$snapinspect" info other.psnap
	atf_check -s exit:1 -o ignore -e match:'user-namespace: ' "$snapctl" restore --pidns --detach x.psnap
	container 'unshare --user "$@" >/dev/null & until [ "$(readlink /proc/$!/ns/user)" != "$(readlink /proc/self/ns/user)" ]; do :; done'
	atf_check -s exit:1 -o ignore -e match:'pid [0-9]*: user-namespace: it is in another one than pid [0-9]' \
	    "$snapctl" dump "$target" --instance -o y.psnap
	target_is_alive log
}

# case_with_cgroup NAME [PROGRAMS]: what is called as in the file cgroup goes at its end
case_with_cgroup() {
	case_for_root "$1" "${2:-}"
	eval "$1_cleanup() {
		kill_remembered
		[ ! -s cgroup ] || wait_for 20 drop \"\$(cat cgroup)\"
	}"
}

# limited_container COMMANDS [PROGRAM...]: in a cgroup of its own, of a name that nobody else has
limited_container() {
	name=$(mktemp -u snap.XXXXXXXXXX)
	echo "$name" >cgroup
	make_limited "$name" || atf_skip "no cgroups that limit processes, memory and CPU can be made here"
	printf '%s\n' ". '$SNAP_SRC/tests/tools/cgroups.sh'" "join $name \$\$ && exec \"\$@\"" >enter.sh
	within='sh enter.sh'
	container "$@"
	# what waits for it is not in there
	join . $up && is_in "$target" "$name" || atf_skip "processes cannot be put into cgroups here"
}

# dump_limited: the cgroup goes with it
dump_limited() {
	atf_check -o ignore -e not-match:' cgroup' "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 sh -c "! kill -0 $target"
	wait_for 20 drop "$name"
}

nothing_of_it() { [ -z "$(left "$name")" ] || atf_fail "there are $(left "$name")"; }

# answers WORD: the container says so
answers() {
	inside sh -c 'rm -f /mnt/answer; : >/mnt/ask'
	wait_for 20 inside test -e /mnt/answer
	atf_check -o inline:"$1\n" nsenter --target "$target" --all cat /mnt/answer
}

case_with_cgroup limits_come_back
limits_come_back_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "its programs are amd64 ones"
	write_maker /mnt
	limited_container 'mount -t tmpfs none /mnt' sh work.sh
	answers limited
	split "$name" && join "$name/sub" $(sleeper_of "$target") || atf_fail "no cgroups can be made in one of a container's own"
	at=$name
	for generation in 1 2; do
		tell_limits "$at" >before
		dump_limited
		atf_check -o match:"^cgroup +/$at .*12 processes and threads" -o match:'64.0 MiB of memory' \
		    -o match:'CPU 50.0 ms of 100.0 ms' -o match:'CPU weight 0.500' -o match:"/$at/sub .*5 processes and" \
		    "$snapinspect" info x.psnap
		atf_check "$snapconv" -t psnap --map "cgroup:/$at=/other/one" x.psnap y.psnap
		atf_check -o match:'^cgroup +/other/one/sub .*5 processes' "$snapinspect" info y.psnap
		# one above it is made, too
		at=$name/box
		atf_check -o match:'it can be restored here' -e ignore "$snapctl" restore --check --instance --cgroup "/$at" x.psnap
		nothing_of_it
		atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --cgroup "/$at" x.psnap
		target=$(cat pid)
		remember "$target"
		tell_limits "$at" >after
		atf_check -o file:before cat after
		is_in "$target" "$at/main" && is_in "$(sleeper_of "$target")" "$at/sub" || atf_fail "$(left "$name"; cat /proc/$target/cgroup)"
		# and sees no more than before
		atf_check -o match:'[:,]pids.*:/main$|^0::/main$' nsenter --target "$target" --all cat /proc/1/cgroup
		answers limited
	done
	dump_limited
	# without --detach they go when it has ended
	"$snapctl" restore --instance --cgroup "/$at" x.psnap >/dev/null 2>&1 &
	waiting=$!
	remember $waiting
	wait_for 20 grep -q . "$(cgroups_with pids)/$at/sub/cgroup.procs"
	kill -9 $(cat "$(cgroups_with pids)/$at/main/cgroup.procs")
	wait $waiting
	nothing_of_it
}

case_with_cgroup without_cgroup_it_is_told
without_cgroup_it_is_told_body() {
	limited_container :
	dump_limited
	atf_check -o save:pid -e match:'cgroups of its own; .* limits are not set .cgroup: name a cgroup for it .--cgroup PATH' \
	    "$snapctl" restore --instance --detach x.psnap
	target=$(cat pid)
	remember "$target"
	target_is_alive log
	nothing_of_it
}

case_with_cgroup what_of_cgroups_is_not_taken_is_told
what_of_cgroups_is_not_taken_is_told_body() {
	pick
	limited_container : "$SNAP_HELPERS/$TARGET" tree 2 1
	first_child() { cut -d' ' -f1 "/proc/$target/task/$target/children"; }
	join . "$(first_child)"
	limit cpu "$name" 1000 cpu.cfs_burst_us cpu.max.burst || atf_skip "no bursts of CPU time here"
	atf_check -o ignore -e match:"pid $(first_child): cgroup: it is in cgroup /, outside of the instance's own" \
	    -e match:"cgroup-limit: not made again: cpu[.].*burst.* of /$name" "$snapctl" dump "$target" --instance -o x.psnap
	# where it is not mounted, which the container's other mount is not carried for
	atf_check -o ignore -e match:"what limits cgroup .*/$name is not known: no cgroup file system that has it is mounted" \
	    unshare --mount sh -c "umount -l '$(cgroups_with pids)' && exec '$snapctl' dump $target --instance --allow-partial -o y.psnap"
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 drop "$name"
	atf_check -o save:pid -e match:'not made again: cpu' "$snapctl" restore --instance --detach --cgroup "/$name" x.psnap
	target=$(cat pid)
	remember "$target"
	# it is where its parent is
	is_in "$target" "$name" && is_in "$(first_child)" "$name" || atf_fail "$(cat /proc/$target/cgroup)"
	target_is_alive log
	[ -e "$(cgroups_with pids)/$name/tasks" ] || return 0
	# a thread somewhere else, which version 2 does not have
	kill -9 "$target"
	wait_for 20 drop "$name"
	limited_container : "$SNAP_HELPERS/$TARGET" threads 2
	ls /proc/$target/task | tail -n 1 >"$(cgroups_with pids)/tasks"
	atf_check -o ignore -e match:'cgroup-thread: it is in other cgroups than its process' \
	    "$snapctl" dump "$target" --instance -o x.psnap
	target_is_alive log
}

case_with_cgroup cgroups_that_cannot_be_are_refused
cgroups_that_cannot_be_are_refused_body() {
	container :
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance -o x.psnap
	kill -9 "$target"
	atf_check -s exit:1 -e match:'it was in no cgroups of its own' "$snapctl" restore --check --instance --cgroup /a x.psnap
	limited_container :
	dump_limited
	for path in / a/b /../a /a/./b /a/ ''; do
		atf_check -s exit:1 -e match:'no path of a cgroup' "$snapctl" restore --instance --cgroup "$path" x.psnap
	done
	atf_check -s exit:2 -e match:'--cgroup is of use with --instance only' "$snapctl" restore --cgroup /a x.psnap
	# not where others are, and no limit is changed then
	make_limited "$name" && limit pids "$name" 77 pids.max
	sleep 1000 &
	other=$!
	remember $other
	join "$name" $other
	for check in --check --detach; do
		atf_check -s exit:1 -e match:"there are processes in cgroup /$name on " \
		    "$snapctl" restore $check --instance --cgroup "/$name" x.psnap
	done
	kill -9 $other
	wait $other
	# a restore that fails after they are there: the log it has open is another one
	mv log old
	: >log
	tell_limits "$name" >before
	for at in "$name" "$name/new/one"; do
		left "$name" >folders
		atf_check -s exit:1 -o ignore -e match:'cannot be restored here' "$snapctl" restore --detach --instance --cgroup "/$at" x.psnap
		tell_limits "$name" >after
		atf_check -o file:before cat after
		[ "$(left "$name")" = "$(cat folders)" ] || atf_fail "$(left "$name")"
	done
	# one that fails when all processes are in them: no part of version 1 may have more than the whole
	mv old log
	if [ -e "$(cgroups_with cpu)/$name/cpu.cfs_quota_us" ]; then
		limit cpu "$name" 10000 cpu.cfs_quota_us
		atf_check -s exit:1 -o ignore -e match:"cgroup /$name/new/one: writing 50000 to cpu.cfs_quota_us: Invalid" \
		    "$snapctl" restore --detach --instance --cgroup "/$name/new/one" x.psnap
		[ "$(left "$name")" = "$(cat folders)" ] || atf_fail "$(left "$name")"
	fi
	# and one that goes where nobody is any more
	atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --cgroup "/$name" x.psnap
	target=$(cat pid)
	remember "$target"
	tell_limits "$name" | grep -qx 'pids:pids.max 12' || atf_fail "$(tell_limits "$name")"
	target_is_alive log
}

# What was passed in from outside is not in there: it is the host's.
case_for_root files_from_outside
files_from_outside_body() {
	container "cd /; mount -t tmpfs over $PWD"
	for generation in 1 2; do
		away_and_back
		target_is_alive log
		atf_check -o match:" $PWD/log .outside.$" "$snapinspect" files x.psnap
	done
	kill -9 "$target"
	wait_for 20 sh -c "! kill -0 $target"
	mkdir moved
	mv log moved/
	atf_check -s exit:1 -e match:"$PWD/log: No such file" "$snapctl" restore --instance --detach x.psnap
	atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --path "$PWD/log=$PWD/moved/log" x.psnap
	target=$(cat pid)
	remember "$target"
	target_is_alive moved/log
}

case_for_root what_cannot_be_reached_is_refused
what_cannot_be_reached_is_refused_body() {
	mkdir place
	container "cd /; mount -t tmpfs one $PWD/place; exec 7>$PWD/place/file; mount -t tmpfs two $PWD/place"
	atf_check -s exit:1 -o ignore -e match:'file-outside: .*/file is open or mapped, but is not in its mount namespace' \
	    "$snapctl" dump "$target" --instance -o x.psnap
	target_is_alive log
	# a folder would be a way out
	container "cd /; exec 7<$PWD/place; mount -t tmpfs over $PWD"
	atf_check -s exit:1 -o ignore -e match:'file-outside: .*/place is open or mapped, but is not in its mount namespace' \
	    "$snapctl" dump "$target" --instance -o x.psnap
	target_is_alive log
}

# make_box CONFIGURATION: what crun makes a container of, in box; changed by these statements of Python
make_box() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "its programs are amd64 ones"
	TARGET=busybox
	chmod 755 .
	mkdir -p box/rootfs/bin box/rootfs/proc box/rootfs/dev box/rootfs/sys box/rootfs/tmp
	cp "$(command -v busybox)" box/rootfs/bin/ && ln -s busybox box/rootfs/bin/sh
	for a in sleep cat hostname; do ln -s busybox box/rootfs/bin/$a; done
	(cd box && crun spec) || atf_skip "crun makes no configuration"
	python3 - "$1" <<-'PYTHON'
		import json, sys
		with open("box/config.json") as f:
		    c = json.load(f)
		c["process"]["terminal"] = False
		c["process"]["args"] = ["/bin/sh", "-c", "n=0; while :; do n=$((n+1)); echo $n >/tmp/new; mv /tmp/new /tmp/count; sleep 0.05; done"]
		c["process"]["cwd"] = "/tmp"
		c["root"]["readonly"] = True
		c["hostname"] = "box"
		c["mounts"] = [m for m in c["mounts"] if m["type"] != "cgroup"]
		c["mounts"].append({"destination": "/tmp", "type": "tmpfs", "source": "tmpfs", "options": ["mode=1777"]})
		c["linux"].pop("resources", None)
		c["linux"]["namespaces"] = [{"type": t} for t in ("pid", "network", "ipc", "uts", "mount")]
		exec(sys.argv[1])
		with open("box/config.json", "w") as f:
		    json.dump(c, f)
	PYTHON
}

# run_box MANAGER: with no files of ours open
run_box() {
	crun --cgroup-manager="$1" --root "$PWD/crun" --log "$PWD/crun.log" run -d --pid-file "$PWD/pid" --bundle box box$$ \
	    </dev/null >/dev/null 2>&1
	chown 0:0 /dev/null	# in a user namespace it gives away what it was started with
	[ -s pid ] || return 1
	target=$(cat pid)
	remember "$target"
	wait_for 20 box_counts 3
}

box_counts() { n=$(inside /bin/cat /tmp/count) && [ "${n:-0}" -gt "$1" ]; }

# box_goes_on: and again, and from another folder
box_goes_on() {
	# it wants cgroups of version 2 alone
	mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null || atf_skip "no cgroups of version 2 here"
	run_box disabled && umount /sys/fs/cgroup || { umount /sys/fs/cgroup; atf_skip "crun does not work here: $(cat crun.log)"; }
	for generation in 1 2; do
		tell_mounts "$target" >before
		box_counts 1 || atf_fail "it does not count"
		away_and_back
		tell_mounts "$target" >after
		atf_check -o file:before cat after
		wait_for 20 box_counts $((n + 3))
		atf_check -o inline:'box\n' nsenter --target "$target" --all /bin/hostname
	done
	atf_check -o match:'^/ +host +.*/box/rootfs, read_only$' -o match:'^/proc/sys +processes +proc /sys, read_only$' \
	    "$snapinspect" mounts x.psnap
	# what makes a container can be moved with it
	cp -a box moved
	kill -9 "$target"
	rm -rf box
	wait_for 20 sh -c "! kill -0 $target"
	atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --path "$PWD/box=$PWD/moved" --file '*=changed' x.psnap
	target=$(cat pid)
	remember "$target"
	wait_for 20 box_counts $((n - 1))
}

case_for_root one_made_by_crun_goes_on 'crun busybox python3'
one_made_by_crun_goes_on_body() {
	make_box ''
	box_goes_on
}

# And one of which nobody is root here.
case_for_root one_made_by_crun_with_users_goes_on 'crun busybox python3'
one_made_by_crun_with_users_goes_on_body() {
	unshare --user true 2>/dev/null || atf_skip "no user namespaces here"
	make_box "
c['linux']['namespaces'].append({'type': 'user'})
c['linux']['uidMappings'] = c['linux']['gidMappings'] = [{'containerID': 0, 'hostID': 100000, 'size': 65536}]"
	box_goes_on
	atf_check -o match:'; uid 0-65535 are 100000-165535 outside; gid 0-65535 are 100000-165535 outside$' "$snapinspect" info x.psnap
	atf_check -o match:'^ *0 *100000 *65536$' cat "/proc/$target/uid_map"
}

# Those of version 1 alone, or, if there are none, of version 2: it refuses both together.
mount_for_crun() {
	version1=$(sed -n 's/^[1-9][0-9]*:\([^:]*\):.*/\1/p' /proc/self/cgroup)
	if [ -z "$version1" ]; then
		mount -t cgroup2 cgroup2 /sys/fs/cgroup
		return
	fi
	mount -t tmpfs none /sys/fs/cgroup
	for c in $version1; do
		options=$c
		[ "$c" = "${c#name=}" ] || options=none,$c
		mkdir "/sys/fs/cgroup/${c#name=}" && mount -t cgroup -o "$options" none "/sys/fs/cgroup/${c#name=}" || return 1
	done
}

case_with_cgroup one_made_by_crun_keeps_its_limits 'crun busybox python3'
one_made_by_crun_keeps_its_limits_body() {
	name=$(mktemp -u snap.XXXXXXXXXX)
	echo "$name" >cgroup
	make_box "
c['linux']['namespaces'].append({'type': 'cgroup'})
c['linux']['cgroupsPath'] = '/$name/box'
c['linux']['resources'] = { 'pids': { 'limit': 20 }, 'memory': { 'limit': 67108864 },
    'cpu': { 'quota': 50000, 'period': 100000, 'shares': 512 } }"
	mount_for_crun 2>/dev/null || { umount -R /sys/fs/cgroup; atf_skip "cgroups cannot be mounted for crun"; }
	run_box cgroupfs && [ -n "$(left "$name/box")" ] || {
		umount -R /sys/fs/cgroup
		atf_skip "crun does not limit here: $(cat crun.log)"
	}
	for generation in 1 2; do
		tell_limits "$name/box" >before
		cut -d: -f3- /proc/$target/cgroup | sort >cgroups
		grep -qx 'pids:pids.max 20' before || atf_fail "$(cat before)"
		atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
		wait_for 20 drop "$name"
		atf_check -o save:pid -e ignore "$snapctl" restore --instance --detach --cgroup "/$name/box" x.psnap
		target=$(cat pid)
		remember "$target"
		tell_limits "$name/box" >after
		atf_check -o file:before cat after
		atf_check -o file:cgroups sh -c "cut -d: -f3- /proc/$target/cgroup | sort"
		wait_for 20 box_counts $((n + 3))
	done
	kill -9 "$target"
	wait_for 20 drop "$name"
	umount -R /sys/fs/cgroup
}

case_for_root each_call_fails_in_turn strace
each_call_fails_in_turn_body() {
	can_inject
	container 'hostname inner; mount -t tmpfs -o mode=700 mine /mnt; mkfifo /mnt/f'
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 sh -c "! kill -0 $target"
	eval "old_$(command -V inventory | sed 1d)"
	inventory() {
		old_inventory
		tell_mounts self
		uname -n
	}
	fail_each 'clone3 unshare setns sethostname mount pivot_root umount2 mknodat move_mount' --instance
}

case_with_cgroup each_call_for_cgroups_fails_in_turn strace
each_call_for_cgroups_fails_in_turn_body() {
	can_inject
	limited_container :
	dump_limited
	eval "old_$(command -V inventory | sed 1d)"
	inventory() {
		old_inventory
		# they outlive who was in them
		[ "${status:-1}" -ne 0 ] || drop "$name" 2>/dev/null
		left "$name"
	}
	fail_each 'mkdirat openat2 pipe2 clone setns' --instance --cgroup "/$name/box"
}

case_for_root each_call_for_users_fails_in_turn strace
each_call_for_users_fails_in_turn_body() {
	can_inject
	all="--user --map-root-user $all"
	container 'hostname inner; mount -t tmpfs -o mode=700 mine /mnt'
	atf_check -o ignore -e ignore "$snapctl" dump "$target" --instance --kill -o x.psnap
	wait_for 20 sh -c "! kill -0 $target"
	fail_each 'clone3 unshare setns mount setgroups write sendto recvfrom' --instance
}

atf_init_test_cases() {
	for case in a_container_goes_on the_threads_of_its_first_process_end its_programs_go_on what_is_none_is_refused users_of_its_own_are_told \
	    users_of_its_own_are_there_again nobody_is_root_inside several_users_go_on who_has_no_number_is_refused limits_come_back \
	    without_cgroup_it_is_told what_of_cgroups_is_not_taken_is_told cgroups_that_cannot_be_are_refused \
	    files_from_outside what_cannot_be_reached_is_refused one_made_by_crun_goes_on one_made_by_crun_with_users_goes_on \
	    one_made_by_crun_keeps_its_limits each_call_fails_in_turn each_call_for_cgroups_fails_in_turn \
	    each_call_for_users_fails_in_turn; do
		atf_add_test_case $case
	done
}
