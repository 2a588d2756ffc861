# SPDX-License-Identifier: BSD-2-Clause
#
# TCP connections between two hosts: network namespaces that a test makes, joined
# by a pair of devices.  Both ends are tests/helpers/stream, which sends until it
# is told that it is enough, and checks every byte that it gets.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

cases="server_restored_ten_times client_restored_ten_times both_restored moved_to_another_host
    with_its_namespace with_its_namespace_by_ipv6 ipv6 asked_meanwhile asked_meanwhile_by_ipv6
    asked_meanwhile_on_any_address connecting waiting_to_be_accepted
    replaced_meanwhile refused_in_the_end ended_meanwhile closed_instead
    address_missing taken failing_leaves_it_connected unharmed by_views"

for case in $cases; do
	eval "
	atf_test_case $case
	${case}_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft'; }
	${case}_body() { in_hosts $case; }"
done

atf_test_case asked_meanwhile_of_what_bpf_told cleanup
asked_meanwhile_of_what_bpf_told_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft'; }
asked_meanwhile_of_what_bpf_told_body() {
	need_bpf
	in_hosts asked_meanwhile_of_what_bpf_told
}
asked_meanwhile_of_what_bpf_told_cleanup() { kill_remembered; }

atf_test_case each_call_fails_in_turn
each_call_fails_in_turn_head() {
	atf_set require.user root
	atf_set require.progs 'unshare ip nft strace'
}
each_call_fails_in_turn_body() {
	can_inject
	in_hosts each_call_fails
}

atf_init_test_cases() {
	for case in $cases; do atf_add_test_case "$case"; done
	atf_add_test_case asked_meanwhile_of_what_bpf_told
	atf_add_test_case each_call_fails_in_turn
}
