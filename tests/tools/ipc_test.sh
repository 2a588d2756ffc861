# SPDX-License-Identifier: BSD-2-Clause
#
# IPC around the processes: which objects a dump takes, what stands in
# the way of a restore, and that nothing is left behind when it fails.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

# An IPC namespace that lives as long as the test; $enter brings a command into it.
new_namespace() {
	unshare --ipc true 2>/dev/null || atf_skip "no IPC namespaces here"
	[ -d /proc/sysvipc ] || atf_skip "no System V IPC here"
	[ "$SNAP_ARCH" = amd64 ] && _behave=behave || _behave=behave32
	[ -x "$SNAP_HELPERS/$_behave" ] || atf_skip "no 32-bit compiler: $_behave was not built"
	# others of that name may run at the same time
	TARGET=ipc$$
	cp "$SNAP_HELPERS/$_behave" $TARGET
	unshare --ipc sleep 3600 &
	_holder=$!
	remember $_holder
	wait_for 5 sh -c "! cmp -s /proc/$_holder/comm /proc/$$/comm && [ \$(readlink /proc/$_holder/ns/ipc) != \$(readlink /proc/self/ns/ipc) ]"
	enter="nsenter --ipc=/proc/$_holder/ns/ipc"
}

# start NAME: one of the behaviours, in there
start() {
	: >log
	setsid $enter "$PWD/$TARGET" "$1" </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log
	for _child in $(cat /proc/$target/task/$target/children); do remember "$_child"; done
}

# take_away [OPTIONS]: dumped from in there, to x.psnap, and killed
take_away() {
	atf_check -o ignore -e save:dump.err $enter "$snapctl" dump "$target" -o x.psnap --kill "$@"
	wait "$target" 2>/dev/null
	gone
}

# passes: it says that all is as it was
passes() {
	kill -RTMAX "$target"
	wait_for 20 grep -qE 'PASS|FAIL' log
	[ "$(tail -n 1 log)" = PASS ] || atf_fail "$(tail -n 1 log)"
}

# number_of FIELD: the first in the snapshot
number_of() { "$snapinspect" ipc --json x.psnap | sed -n "s/^.*\"$1\": \([0-9]*\).*/\1/p" | head -n 1; }

case_for_root ipcs_tells_the_same 'unshare nsenter ipcmk ipcs'
ipcs_tells_the_same_body() {
	new_namespace
	start sysv_shm_in_part
	for size in 1 4096 100000; do
		atf_check -o ignore $enter ipcmk -M $size -p 0640
	done
	for n in 1 3; do
		atf_check -o ignore $enter ipcmk -S $n -p 0666
	done
	atf_check -o ignore $enter ipcmk -Q -p 0622
	# made by a process that has ended: they bear no mark of the tree
	atf_check -o ignore -e ignore $enter "$snapctl" dump "$target" -o some.psnap
	atf_check -o match:'^segment' $enter "$snapinspect" ipc some.psnap
	[ "$("$snapinspect" ipc some.psnap | wc -l)" -eq 1 ] || atf_fail "$("$snapinspect" ipc some.psnap)"
	$enter ipcs >before
	take_away --ipc-all
	[ "$("$snapinspect" ipc x.psnap | wc -l)" -eq 7 ] || atf_fail "$("$snapinspect" ipc x.psnap)"
	atf_check -o ignore -e ignore "$snapctl" restore --detach --ipcns x.psnap
	nsenter --ipc=/proc/"$target"/ns/ipc ipcs >after
	atf_check -o file:before cat after
	# from outside, all that is in there is the tree's
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o again.psnap
	"$snapinspect" ipc x.psnap >x.list
	atf_check -o file:x.list "$snapinspect" ipc again.psnap
	passes
}

case_for_root what_outlived_its_processes_is_used 'unshare nsenter ipcrm python3'
what_outlived_its_processes_is_used_body() {
	new_namespace
	start sysv_shm_detached
	take_away
	id=$(number_of id)
	atf_check -o match:'it can be restored' -e match:"segment $id, key 0x5a000002, is here as it was.*ipc-kept" \
	    $enter "$snapctl" restore --check x.psnap
	# with another owner it is another one
	cat >chown.py <<-'PY'
		import ctypes, struct, sys
		libc, buf = ctypes.CDLL(None), ctypes.create_string_buffer(256)
		assert libc.shmctl(int(sys.argv[1]), 2, buf) == 0
		uid = int(sys.argv[2])
		struct.pack_into("I", buf, 4, uid)
		assert libc.shmctl(int(sys.argv[1]), 1, buf) == 0
	PY
	atf_check $enter python3 chown.py "$id" 1007
	atf_check -s exit:1 -o ignore -e match:"segment $id, .*taken by segment $id.*ipc-taken.*" \
	    $enter "$snapctl" restore --detach x.psnap
	atf_check $enter python3 chown.py "$id" 0
	# and so it is with other content
	atf_check $enter python3 -c "
import ctypes
libc = ctypes.CDLL(None)
libc.shmat.restype = ctypes.c_void_p
ctypes.memset(libc.shmat($id, None, 0), 0x55, 1)"
	atf_check -s exit:1 -o ignore -e match:"segment $id, .*taken by segment $id.*ipc-taken.*" \
	    $enter "$snapctl" restore --detach x.psnap
	atf_check $enter ipcrm -m "$id"
	atf_check -o ignore -e not-match:ipc- $enter "$snapctl" restore --detach x.psnap
	passes
}

case_for_root a_key_or_place_that_is_taken_is_refused 'unshare nsenter ipcmk ipcrm'
a_key_or_place_that_is_taken_is_refused_body() {
	new_namespace
	start sysv_shm_attached
	take_away
	id=$(number_of id)
	atf_check $enter ipcrm -m "$id"
	# the place of an id is taken by one that differs by a multiple of the number of places
	$enter sh -c "echo $((id + 32768)) >/proc/sys/kernel/shm_next_id; ipcmk -M 10" >made
	atf_check -s exit:1 -o ignore -e match:"segment $id, .*taken by segment $((id + 32768))" \
	    $enter "$snapctl" restore --detach x.psnap
	atf_check -o match:" $((id + 32768)) " $enter ipcs -m
	atf_check -o ignore -e not-match:ipc- "$snapctl" restore --detach --ipcns x.psnap
	passes
}

case_for_root what_was_given_back_is_owed_again 'unshare nsenter'
what_was_given_back_is_owed_again_body() {
	new_namespace
	start sysv_sem_undo_lock
	take_away
	id=$(number_of id)
	# the end of the killed processes has released the lock
	[ "$($enter ipcs -s -i "$id" | awk '$1 == "0" { print $2 }')" = 1 ] || atf_fail "$($enter ipcs -s -i "$id")"
	atf_check -o ignore -e match:ipc-kept $enter "$snapctl" restore --detach --stopped x.psnap
	[ "$($enter ipcs -s -i "$id" | awk '$1 == "0" { print $2 }')" = 0 ] || atf_fail "$($enter ipcs -s -i "$id")"
	atf_check "$snapctl" resume "$target"
	passes
}

case_for_root used_outside_all_the_while 'unshare nsenter python3'
used_outside_all_the_while_body() {
	new_namespace
	start sysv_sem_undo_lock
	id=$($enter awk 'NR == 2 { print $2 }' /proc/sysvipc/sem)
	# up and down, and the last to use it is never one of the tree
	$enter python3 -c "
import ctypes, struct, time
libc = ctypes.CDLL(None)
up, down = struct.pack('Hhh', 0, 1, 0), struct.pack('Hhh', 0, -1, 0)
print('begins', flush=True)
while libc.semop($id, up, 1) == 0 and libc.semop($id, down, 1) == 0:
    time.sleep(0.001)" >outsider.log &
	remember $!
	wait_for 10 grep -q begins outsider.log
	for _ in $(seq 20); do
		if $enter "$snapctl" dump "$target" -o x.psnap >/dev/null 2>dump.err; then
			atf_check -o match:'[+]1 to 0 when pid' "$snapinspect" ipc x.psnap
		else
			atf_check -o match:'sysv-sem: .* in use by processes outside|sysv-undo: .* busy' cat dump.err
		fi
	done
	kill -0 "$target" || atf_fail "it does not run"
}

case_for_root attached_outside_is_told 'unshare nsenter python3'
attached_outside_is_told_body() {
	new_namespace
	start sysv_shm_attached
	id=$($enter awk 'NR == 2 { print $2 }' /proc/sysvipc/shm)
	$enter python3 -c "
import ctypes, time
ctypes.CDLL(None).shmat($id, None, 0)
print('attached', flush=True)
time.sleep(600)" >outsider.log 2>&1 &
	remember $!
	wait_for 10 grep -q attached outsider.log
	atf_check -o ignore -e match:"sysv-shm-outside: System V segment $id: 1 of its 2 attachments" \
	    $enter "$snapctl" dump "$target" -o x.psnap
	atf_check -o match:"\"attachments\": 2" "$snapinspect" ipc --json x.psnap
}

case_for_root several_namespaces_are_refused 'unshare nsenter'
several_namespaces_are_refused_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "the shell is a 64-bit program"
	new_namespace
	setsid $enter sh -c '"$0" sysv_shm_private >log 2>&1 & unshare --ipc "$0" sysv_shm_private >log2 2>&1 & wait' \
	    "$PWD/$TARGET" </dev/null >/dev/null 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log2
	for p in $(cat /proc/$target/task/$target/children); do remember "$p"; done
	atf_check -s exit:1 -o ignore -e match:'ipc-namespace: it is in an IPC namespace with objects' \
	    $enter "$snapctl" dump "$target" -o x.psnap
	kill -0 $target || atf_fail "it does not run"
}

# cannot_be_made HOW MESSAGE: x.psnap, changed, is refused, and nothing is left
cannot_be_made() {
	$enter ipcrm --all
	atf_check "$SNAP_HELPERS/reipc" x.psnap "$1.psnap" "$1"
	: >after
	inventory >before
	atf_check -s exit:1 -o ignore -e match:"$2" $enter "$snapctl" restore "$1.psnap"
	nothing_left || { diff before after; atf_fail "something is left"; }
}

case_for_root what_cannot_be_made_is_told_and_leaves_nothing 'unshare nsenter ipcrm'
what_cannot_be_made_is_told_and_leaves_nothing_body() {
	new_namespace
	start sysv_shm_in_a_gap
	take_away
	cannot_be_made huge 'making System V segment [0-9]+: '
	start sysv_shm_sparse
	take_away
	cannot_be_made small 'PAG-3'
	start sysv_shm_of_a_child
	take_away
	cannot_be_made small 'PAG-3'
	start sysv_shm_creator
	take_away
	cannot_be_made huge 'making System V segment [0-9]+: '
	start sysv_sem_values
	take_away
	cannot_be_made many 'making System V set of semaphores [0-9]+: Invalid argument'
}

# messages QUEUE: what is in it, taken out
messages() {
	$enter python3 -c "
import ctypes, os
libc, text, p = ctypes.CDLL(None), ctypes.create_string_buffer(8192), ctypes.c_uint()
q = libc.mq_open(b'$1', os.O_RDONLY | os.O_NONBLOCK)
while (n := libc.mq_receive(q, text, 8192, ctypes.byref(p))) >= 0:
    print(p.value, text.raw[:n].decode())"
}

case_for_root posix_queues_by_name_only 'unshare nsenter python3'
posix_queues_by_name_only_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "python3 is a 64-bit program"
	new_namespace
	start mqueue_order
	# no process has it open
	$enter python3 -c "
import ctypes, os
libc = ctypes.CDLL(None)
q = libc.mq_open(b'/alone', os.O_CREAT | os.O_RDWR, 0o600, None)
for p, text in (1, b'low'), (9, b'high'), (1, b'low too'):
    assert libc.mq_send(q, text, len(text), p) == 0"
	atf_check -o ignore -e ignore $enter "$snapctl" dump "$target" -o some.psnap
	atf_check -o not-match:alone -o match:'POSIX queue /behave-order mode 0640 .*, 6 of 9 messages of at most 64' \
	    $enter "$snapinspect" ipc some.psnap
	take_away --ipc-all
	atf_check -o match:'POSIX queue /alone mode 0600 .*, 3 of 10 messages of at most 8192' "$snapinspect" ipc x.psnap
	atf_check -o ignore -e match:'/alone is here as it was.*ipc-kept' $enter "$snapctl" restore --detach x.psnap
	[ "$(messages /alone)" = "9 high
1 low
1 low too" ] || atf_fail "$(messages /alone)"
	passes
	# neither of them is as it was
	atf_check -s exit:1 -o ignore -e match:'/alone: its name is taken.*ipc-taken' \
	    $enter "$snapctl" restore --check x.psnap
	atf_check -o match:'it can be restored' -e not-match:ipc- "$snapctl" restore --check --ipcns x.psnap
}

case_for_root posix_queues_used_outside_are_refused 'unshare nsenter python3'
posix_queues_used_outside_are_refused_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "python3 is a 64-bit program"
	new_namespace
	start mqueue_order
	$enter python3 -c "
import ctypes, os, time
assert ctypes.CDLL(None).mq_open(b'/behave-order', os.O_RDWR) >= 0
print('open', flush=True)
time.sleep(600)" >outsider.log &
	outsider=$!
	remember $outsider
	wait_for 10 grep -q open outsider.log
	atf_check -s exit:1 -o ignore -e match:'posix-mqueue: .*/behave-order: .* processes outside the tree have it open' \
	    $enter "$snapctl" dump "$target" -o x.psnap
	kill $outsider
	wait $outsider 2>/dev/null
	atf_check -o ignore -e ignore $enter "$snapctl" dump "$target" -o x.psnap
	passes
}

two_are_sent() { [ "$(grep -c 'mq_timedsend(.*) = 0' trace)" -ge 2 ]; }
are_all_there() { [ "$(queues cat behave-order)" = "$whole" ]; }

# The process that takes messages out goes on alone, and so does who waits for it.
case_for_root messages_are_put_back_by_who_is_left 'unshare nsenter strace'
messages_are_put_back_by_who_is_left_body() {
	can_inject
	new_namespace
	start mqueue_order
	whole=$(queues cat behave-order)	# how many bytes are in it
	# who goes on makes fewer calls than would have it killed, too
	for n in receive=4 receive=5 receive=6 send=4 send=5 send=6; do
		timeout 60 $enter strace -f -qq -o trace -e trace=mq_timed${n%=*} \
		    -e inject=mq_timed${n%=*}:signal=KILL:when=${n#*=} "$snapctl" dump "$target" -o x.psnap >stdout 2>stderr
		grep -q SIGKILL trace || atf_fail "$n: nobody was killed"
		[ "$(queues cat behave-order)" = "$whole" ] || atf_fail "$n: $(queues cat behave-order)"
	done
	# two of them are back, the third is under way; who looks into the queue has it open, which a dump refuses
	: >trace
	$enter strace -f -qq -o trace -e signal=none -e trace=mq_timedsend \
	    -e inject=mq_timedsend:delay_enter=5000000:when=3 "$snapctl" dump "$target" -o x.psnap >stdout 2>stderr &
	remember $!
	wait_for 20 two_are_sent
	dumper=$(sed -n 's/^TracerPid:.//p' /proc/$target/status)
	[ "$dumper" != 0 ] || atf_fail "the dump was over: $(cat stderr)"
	kill -9 "$dumper"
	wait_for 20 are_all_there
	passes
}

case_for_root each_call_fails_in_turn 'unshare nsenter strace'
each_call_fails_in_turn_body() {
	can_inject
	new_namespace
	start sysv_shm_in_a_gap
	take_away
	for id in $("$snapinspect" ipc --json x.psnap | sed -n 's/^.*"id": \([0-9]*\).*/\1/p'); do
		$enter ipcrm -m "$id"
	done
	fail_each "shmget shmat shmctl shmdt openat write setresuid fcntl ptrace clone3 process_vm_writev"
	start sysv_shm_creator
	take_away
	$enter ipcrm -m "$(number_of id)"
	fail_each "shmget shmat shmctl setresuid setresgid"
	start sysv_sem_undo_most
	take_away
	$enter ipcrm -s "$(number_of id)"
	fail_each "semget semctl openat write ptrace"
	start sysv_msg_over_its_capacity
	take_away
	$enter ipcrm -q "$(number_of id)"
	fail_each "msgget msgctl msgsnd openat write"
	start mqueue_unlinked
	take_away
	queues sh -c 'rm -f -- *'
	fail_each "mq_open mq_timedsend fchown"
	# what is there is left as it was
	start sysv_sem_undo_lock
	take_away
	for n in 2 3 5 8; do
		timeout 60 $enter strace -qq -o trace -e trace=semctl -e inject=semctl:error=EIO:when=$n \
		    "$snapctl" restore --detach x.psnap >stdout 2>stderr && break
		[ "$($enter ipcs -s -i "$(number_of id)" | awk '$1 == "0" { print $2 }')" = 1 ] || atf_fail "not put back"
	done
}

atf_init_test_cases() {
	atf_add_test_case ipcs_tells_the_same
	atf_add_test_case what_outlived_its_processes_is_used
	atf_add_test_case a_key_or_place_that_is_taken_is_refused
	atf_add_test_case what_was_given_back_is_owed_again
	atf_add_test_case used_outside_all_the_while
	atf_add_test_case attached_outside_is_told
	atf_add_test_case several_namespaces_are_refused
	atf_add_test_case posix_queues_by_name_only
	atf_add_test_case posix_queues_used_outside_are_refused
	atf_add_test_case messages_are_put_back_by_who_is_left
	atf_add_test_case what_cannot_be_made_is_told_and_leaves_nothing
	atf_add_test_case each_call_fails_in_turn
}
