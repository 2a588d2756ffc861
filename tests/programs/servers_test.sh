# SPDX-License-Identifier: BSD-2-Clause
#
# Servers people run, with clients: dumped while they work, they must answer
# as before.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/programs/nginx.sh"

atf_test_case redis cleanup
redis_head() {
	atf_set require.user root
	atf_set require.progs "redis-server redis-cli redis-benchmark gdb"
}
redis_body() {
	setsid redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --appendonly no \
	    </dev/null >redis.log 2>&1 &
	redis=$!
	remember "$redis"
	wait_for 20 sh -c 'redis-cli -s redis.sock ping | grep -q PONG'
	redis-cli -s redis.sock eval \
	    'for i = 1, 50000 do redis.call("set", "key:" .. i, "value " .. i) end' 0 >/dev/null

	snapshot "$redis" idle.psnap
	atf_check -o inline:'value 4711\n' redis-cli -s redis.sock get key:4711
	atf_check -o match:redis-server "$snapinspect" tree idle.psnap
	atf_check -o match:'value 49999' "$snapinspect" mem --find 'value 49999' idle.psnap

	# under load no client sees an error
	redis-benchmark -s redis.sock -t set,get -n 100000 -c 20 -q >load.log 2>&1 &
	load=$!
	remember $load
	for i in 1 2 3; do
		snapshot "$redis" load$i.psnap --allow-partial
	done
	wait $load || { cat load.log; atf_fail "a client saw an error"; }
	! grep -i error load.log || { cat load.log; atf_fail "a client saw an error"; }
	atf_check -o inline:'value 4711\n' redis-cli -s redis.sock get key:4711

	# every thread has a backtrace
	atf_check -o ignore -e ignore "$snapconv" -t core idle.psnap idle.core
	gdb -batch -nx -ex 'thread apply all backtrace' "$(command -v redis-server)" idle.core \
	    >gdb.log 2>&1
	threads=$(ls /proc/$redis/task | wc -l)
	cat gdb.log
	[ "$(grep -c '^Thread [0-9]' gdb.log)" -eq "$threads" ] || atf_fail "threads are missing"
	[ "$(grep -c '^#1 ' gdb.log)" -eq "$threads" ] || atf_fail "a backtrace is missing"
}
redis_cleanup() { kill_remembered; }

atf_test_case nginx_with_workers cleanup
nginx_with_workers_head() {
	atf_set require.user root
	atf_set require.progs "nginx curl"
}
nginx_with_workers_body() {
	nginx_conf 2 "unix:$PWD/nginx.sock"
	head -c 3000000 /dev/urandom >www/big
	want=$(sha256sum <www/big)
	chmod -R a+rX .
	setsid nginx -p "$PWD" -c "$PWD/nginx.conf" </dev/null >nginx.log 2>&1 &
	nginx=$!
	remember $nginx
	wait_for 20 curl -sf --unix-socket nginx.sock -o /dev/null http://x/big
	for worker in $(cat /proc/$nginx/task/$nginx/children); do remember "$worker"; done

	snapshot "$nginx" idle.psnap
	atf_check -o match:'nginx' "$snapinspect" tree idle.psnap
	[ "$("$snapinspect" tree idle.psnap | grep -c 'worker process')" -eq 2 ] ||
	    atf_fail "the workers are not in the tree"

	# a download that is dumped in the middle arrives whole
	curl -sf --limit-rate 1500000 --unix-socket nginx.sock -o got http://x/big &
	client=$!
	sleep 0.5
	snapshot "$nginx" busy.psnap --allow-partial
	wait $client || atf_fail "the client saw an error"
	[ "$(sha256sum <got)" = "$want" ] || atf_fail "the download is damaged"
}
nginx_with_workers_cleanup() { kill_remembered; }

atf_test_case postgresql_with_clients cleanup
postgresql_with_clients_head() {
	atf_set require.user root
	atf_set require.progs "setpriv"
}
postgresql_with_clients_body() {
	initdb=$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)
	[ -n "$initdb" ] || atf_skip "postgresql is not installed"
	id postgres >/dev/null 2>&1 || atf_skip "there is no user postgres"
	pgbin=${initdb%/initdb}
	dir=$(mktemp -d /tmp/snap-pg.XXXXXX)
	echo "$dir" >pgdir
	chown postgres "$dir"
	as="setpriv --reuid=postgres --regid=postgres --clear-groups --"
	(cd "$dir" && $as "$initdb" -D "$dir/data" -A trust >initdb.log 2>&1) || atf_fail "initdb"
	(cd "$dir" && exec setsid $as "$pgbin/postgres" -D "$dir/data" -k "$dir" \
	    -c listen_addresses= -c fsync=off </dev/null >"$dir/pg.log" 2>&1) &
	wait_for 30 psql -h "$dir" -U postgres -c 'select 1' postgres
	pg=$(head -1 "$dir/data/postmaster.pid")
	remember "$pg"

	# a client with a transaction open while the server is dumped
	mkfifo sql
	psql -qAt -h "$dir" -U postgres postgres <sql >answers 2>&1 &
	client=$!
	exec 7>sql
	echo 'create table t (n int); begin; insert into t select generate_series(1, 1000);' >&7
	echo "select 'inserted';" >&7
	wait_for 20 grep -q inserted answers
	snapshot "$pg" pg.psnap --allow-partial
	echo 'select count(*) from t; commit; select sum(n) from t;' >&7
	exec 7>&-
	wait $client || { cat answers; atf_fail "the client failed"; }
	atf_check -o inline:'inserted\n1000\n500500\n' cat answers
	atf_check -o match:checkpointer "$snapinspect" tree pg.psnap
}
postgresql_with_clients_cleanup() {
	kill_remembered
	sleep 0.5
	[ ! -f pgdir ] || rm -rf "$(cat pgdir)"
}

atf_init_test_cases() {
	atf_add_test_case redis
	atf_add_test_case nginx_with_workers
	atf_add_test_case postgresql_with_clients
}
