# SPDX-License-Identifier: BSD-2-Clause
#
# UTS and time namespaces: what they have of their own is taken, and there
# again in a new one.

. "$SNAP_SRC/tests/programs/common.sh"

# The program in namespaces of its own, on a host named "elsewhere" that has run for 5,000,000 s more.
start_clock() {
	[ "$SNAP_ARCH" = amd64 ] && clock=clock || clock=clock32
	[ -x "$SNAP_HELPERS/$clock" ] || atf_skip "no 32-bit compiler: $clock was not built"
	unshare --uts --time true 2>/dev/null || atf_skip "no time namespaces here"
	now=$(cut -d. -f1 /proc/uptime)
	unshare --uts --time --monotonic 5000000 --boottime 5000000 --fork sh -c \
	    'hostname elsewhere; setsid "$0" out </dev/null >/dev/null 2>&1 & echo $! >pid' "$SNAP_HELPERS/$clock"
	target=$(cat pid)
	remember "$target"
	TARGET=$clock
	wait_for 20 tells elsewhere 5000000
}

# tells HOST LEAST: it goes on, is on that host, that long after boot, and no time was lost
tells() {
	rm -f out
	sleep 0.3
	read -r host seconds longest <out
	[ "$host" = "$1" ] && [ "$seconds" -ge "$2" ] && [ "$longest" -lt 300 ]
}

# restored OPTIONS...: what stood in the way before is to be told
restored() {
	atf_check -o save:pid -e save:restore.err "$snapctl" restore --detach "$@" x.psnap
	target=$(cat pid)
	remember "$target"
}

atf_test_case they_go_on_in_new_ones cleanup
they_go_on_in_new_ones_head() { atf_set require.user root; atf_set require.progs unshare; }
they_go_on_in_new_ones_body() {
	start_clock
	here=$(uname -n)
	for options in "--utsns --timens" "--utsns --timens --pidns" "--pidns --timens --utsns"; do
		dump_away
		atf_check -o match:'good: ' "$snapinspect" verify x.psnap
		restored $options
		! grep -q 'namespace of its own (kind [28])' restore.err || atf_fail "$(cat restore.err)"
		wait_for 20 tells elsewhere 5000000
	done
	[ "$(uname -n)" = "$here" ] || atf_fail "the host's name is another"
}
they_go_on_in_new_ones_cleanup() { kill_remembered; }

atf_test_case those_of_the_host_go_on_elsewhere cleanup
those_of_the_host_go_on_elsewhere_head() { atf_set require.user root; atf_set require.progs unshare; }
those_of_the_host_go_on_elsewhere_body() {
	start_clock
	kill -9 "$target"
	setsid "$SNAP_HELPERS/$clock" out </dev/null >/dev/null 2>&1 &
	target=$!
	remember $target
	here=$(uname -n)
	wait_for 20 tells "$here" "$now"
	dump_away
	atf_check -o match:'format 1\.0' "$snapinspect" info x.psnap
	# as if this were another host that has run for longer
	unshare --uts --time --monotonic 5000000 --boottime 5000000 --fork sh -c \
	    'hostname elsewhere; exec "$@"' sh "$snapctl" restore --detach -q --utsns --timens x.psnap >pid ||
	    atf_fail "not restored"
	target=$(cat pid)
	remember "$target"
	wait_for 20 tells "$here" "$now"
	[ "$seconds" -lt $((now + 1000)) ] || atf_fail "its clock is the other host's: $seconds"
}
those_of_the_host_go_on_elsewhere_cleanup() { kill_remembered; }

atf_test_case without_them_it_is_told cleanup
without_them_it_is_told_head() { atf_set require.user root; atf_set require.progs unshare; }
without_them_it_is_told_body() {
	start_clock
	dump_away
	restored
	atf_check -o ignore grep -e --utsns restore.err
	atf_check -o ignore grep -e --timens restore.err
	# 2.1, and no earlier version can say it
	atf_check -o match:'format 2\.1' -o match:'^namespace +uts elsewhere, domain \(none\)$' \
	    -o match:'^namespace +time 5[0-9]{6}\.[0-9]{3} s after its boot, monotonic 5[0-9]{6}\.[0-9]{3} s$' \
	    "$snapinspect" info x.psnap
	atf_check -o match:'"hostname": "elsewhere"' -o match:'"boottime_ns": 5[0-9]{15}' "$snapinspect" info --json x.psnap
	atf_check -s exit:1 -e match:'the name and clocks of a namespace' \
	    "$snapconv" -t psnap:2.0 --strict x.psnap older.psnap
	atf_check -o ignore -e match:'the name and clocks of a namespace' "$snapconv" -t psnap:2.0 x.psnap older.psnap
	atf_check -o ignore "$snapinspect" verify older.psnap
}
without_them_it_is_told_cleanup() { kill_remembered; }

atf_test_case what_no_clock_tells_is_refused
what_no_clock_tells_is_refused_head() { atf_set require.user root; atf_set require.progs unshare; }
what_no_clock_tells_is_refused_body() {
	unshare --time true 2>/dev/null || atf_skip "no time namespaces here"
	atf_check -s exit:1 -e match:'bad-no-host.psnap: GRA-4' \
	    "$snapctl" restore --check --utsns "$SNAP_VECTORS/bad-no-host.psnap"
	atf_check -s exit:1 -e match:'a time namespace for it: Numerical result out of range' \
	    "$snapctl" restore --check --timens "$SNAP_VECTORS/good-late-clocks.psnap"
}

atf_init_test_cases() {
	atf_add_test_case what_no_clock_tells_is_refused
	atf_add_test_case they_go_on_in_new_ones
	atf_add_test_case those_of_the_host_go_on_elsewhere
	atf_add_test_case without_them_it_is_told
}
