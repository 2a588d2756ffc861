# SPDX-License-Identifier: BSD-2-Clause
#
# TCP connections between two hosts: network namespaces that a test makes, joined
# by a pair of devices.  Both ends are tests/helpers/stream, which sends until it
# is told that it is enough, and checks every byte that it gets.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

cases="server_restored_ten_times client_restored_ten_times both_restored moved_to_another_host
    with_its_namespace with_its_namespace_by_ipv6 ipv6 asked_meanwhile asked_meanwhile_by_ipv6
    asked_meanwhile_on_any_address connecting accepted_first accepted_first_by_ipv6
    accepted_first_on_any_address half_connected_first never_accepted waiting_to_be_accepted
    replaced_meanwhile refused_in_the_end ended_meanwhile closed_instead
    address_missing taken failing_leaves_it_connected unharmed by_views"

for case in $cases; do
	eval "
	atf_test_case $case
	${case}_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft'; }
	${case}_body() { in_hosts $case; }"
done

bpf_cases="asked_meanwhile_of_what_bpf_told accepted_first_of_what_bpf_told"

for case in $bpf_cases; do
	eval "
	atf_test_case $case cleanup
	${case}_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft'; }
	${case}_body() { need_bpf; in_hosts $case; }
	${case}_cleanup() { kill_remembered; }"
done

fault_cases="each_call_fails each_call_of_a_dump_fails"

for case in $fault_cases; do
	eval "
	atf_test_case $case
	${case}_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft strace'; }
	${case}_body() { can_inject; in_hosts $case; }"
done

atf_init_test_cases() {
	for case in $cases $bpf_cases $fault_cases; do atf_add_test_case "$case"; done
}
