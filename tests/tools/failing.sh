# SPDX-License-Identifier: BSD-2-Clause
#
# A restore whose system calls fail, one after the other, and what it may leave
# behind: nothing.  Sourced by the ATF shell programs, after common.sh.

# What brings a command to where the processes are to be: into an IPC namespace.
enter=

# queues COMMAND...: with the POSIX queues of that IPC namespace in the folder it runs in
queues() {
	$enter unshare --mount sh -c 'mount -t mqueue none /dev/shm && cd /dev/shm && "$@"' sh "$@"
}

# What exists of this machine that a restore could leave behind; seeds are
# called by the number of the descriptor they were, or "memfd:snap-seed".
inventory() {
	ps -e -o comm= | grep -cE "$TARGET|^5[0-9]+\$|snap-seed" || true
	ls -A . /dev/shm | sort
	wc -l </proc/mounts
	[ ! -d /proc/sysvipc ] || $enter sh -c 'for t in /proc/sysvipc/*; do wc -l <$t; done'
	[ -z "$enter" ] || queues ls
}

# Whoever inherits what was killed takes its time waiting for it.
nothing_left() {
	for _ in $(seq 200); do
		inventory >after
		! cmp -s before after || return 0
		sleep 0.1
	done
	return 1
}

can_inject() {
	[ -z "$SNAP_SANITIZE" ] && [ "$SNAP_ARCH" = amd64 ] || atf_skip "for the plain configuration"
	strace -o /dev/null true 2>/dev/null || atf_skip "strace does not work here"
}
every_call="clone3 ptrace wait4 pipe2 socketpair sendmsg memfd_create openat fcntl lseek process_vm_writev
    process_vm_readv pread64 write prlimit64 close sched_setattr ioctl"

# fail_each CALLS [OPTIONS]: restore x.psnap with each of them made to fail in turn.
fail_each() {
	_calls=$1
	shift
	# so that these are in the inventory
	: >stdout; : >stderr; : >trace; : >after
	inventory >before
	for call in $_calls; do
		for n in 1 2 3 5 8 13 34 89; do
			timeout 60 $enter strace -qq -o trace -e trace="$call" -e inject="$call:error=EIO:when=$n" \
			    "$snapctl" restore "$@" --detach x.psnap >stdout 2>stderr
			status=$?
			echo "$call $n: exit status $status"
			injected=false
			! grep -q INJECTED trace || injected=true
			if [ $status -eq 0 ]; then
				target=$(cat stdout)
				kill -9 "$target" $(cat /proc/$target/task/$target/children) 2>/dev/null
				# these outlive their processes
				[ -z "$enter" ] || { $enter ipcrm --all; queues sh -c 'rm -f -- *'; }
			elif [ $status -ne 1 ] && [ $status -ne 127 ]; then
				atf_fail "$call $n: exit status $status"
			elif [ ! -s stderr ]; then
				atf_fail "$call $n: failed without a word"
			fi
			nothing_left || { diff before after; cat stderr; atf_fail "$call $n: something is left"; }
			$injected || break
		done
	done
}
