# SPDX-License-Identifier: BSD-2-Clause
#
# Servers people run and a client of each on another host: the server is dumped
# with --kill and restored ten times, and the client notices nothing but pauses.

. "$SNAP_SRC/tests/programs/common.sh"

atf_test_case nginx_sends_a_large_file
nginx_sends_a_large_file_head() {
	atf_set require.user root
	atf_set require.progs "unshare ip nft nginx curl"
}
nginx_sends_a_large_file_body() { in_hosts nginx_sends_a_large_file; }

atf_test_case redis_keeps_its_client
redis_keeps_its_client_head() {
	atf_set require.user root
	atf_set require.progs "unshare ip nft redis-server redis-cli"
}
redis_keeps_its_client_body() { in_hosts redis_keeps_its_client; }

atf_test_case postgresql_goes_on_with_a_transaction
postgresql_goes_on_with_a_transaction_head() {
	atf_set require.user root
	atf_set require.progs "unshare ip nft setpriv psql"
}
postgresql_goes_on_with_a_transaction_body() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || atf_skip "postgresql is not installed"
	id postgres >/dev/null 2>&1 || atf_skip "there is no user postgres"
	in_hosts postgresql_goes_on_with_a_transaction
}

atf_init_test_cases() {
	atf_add_test_case nginx_sends_a_large_file
	atf_add_test_case redis_keeps_its_client
	atf_add_test_case postgresql_goes_on_with_a_transaction
}
