# SPDX-License-Identifier: BSD-2-Clause
#
# Servers people run and a client of each on another host: one of them or both are
# dumped with --kill and restored ten times, and nobody notices anything but pauses.

. "$SNAP_SRC/tests/programs/common.sh"

cases=

# case_of NAME "PROGRAMS": of talks.sh, for each of the ends
case_of() {
	for end in server client both; do
		cases="$cases ${1}_$end"
		eval "
		atf_test_case ${1}_$end
		${1}_${end}_head() { atf_set require.user root; atf_set require.progs 'unshare ip nft $2'; }
		${1}_${end}_body() { with_$1 $end; }"
	done
}

case_of nginx_sends_large_files "nginx curl /usr/bin/python3"
case_of redis_counts "redis-server redis-cli /usr/bin/python3"
case_of postgresql_goes_on_with_a_transaction "setpriv psql pgrep"
case_of ssh_goes_on_with_a_session "/usr/sbin/sshd ssh ssh-keygen pgrep"

with_nginx_sends_large_files() { in_hosts nginx_sends_large_files "$1"; }
with_redis_counts() { in_hosts redis_counts "$1"; }
with_ssh_goes_on_with_a_session() { in_hosts ssh_goes_on_with_a_session "$1"; }
with_postgresql_goes_on_with_a_transaction() {
	ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || atf_skip "postgresql is not installed"
	id postgres >/dev/null 2>&1 || atf_skip "there is no user postgres"
	in_hosts postgresql_goes_on_with_a_transaction "$1"
}

atf_test_case redis_moves_to_another_host
redis_moves_to_another_host_head() {
	atf_set require.user root
	atf_set require.progs "unshare ip nft redis-server redis-cli /usr/bin/python3"
}
redis_moves_to_another_host_body() { in_hosts redis_moves_to_another_host; }

atf_test_case nginx_is_visited
nginx_is_visited_head() {
	atf_set require.user root
	atf_set require.progs "unshare ip nft nginx curl /usr/bin/python3"
}
nginx_is_visited_body() { in_hosts nginx_is_visited; }

atf_init_test_cases() {
	for case in $cases redis_moves_to_another_host nginx_is_visited; do atf_add_test_case "$case"; done
}
