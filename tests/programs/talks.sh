# SPDX-License-Identifier: BSD-2-Clause
#
# Servers people run, here, and a client of each, there; one of them or both are
# dumped with --kill and restored ten times meanwhile.  Sourced by tcp_hosts.sh.

. "$SNAP_SRC/tests/programs/nginx.sh"

# ten_times server|client|both SERVER CLIENT: these pids; commands that $meanwhile and $afterwards
# name run each time while they are gone, and when they are there again
ten_times() {
	case $1 in
	server) _ends="here:$2" ;;
	client) _ends="there:$3" ;;
	both) _ends="here:$2 there:$3" ;;
	esac
	for i in 1 2 3 4 5 6 7 8 9 10; do
		for _end in $_ends; do kill_with_dump "${_end#*:}" "${_end%:*}.psnap"; done
		sleep 0.1
		${meanwhile:-:}
		for _end in $_ends; do bring_back "${_end%:*}" "${_end%:*}.psnap"; done
		sleep 0.1
		${afterwards:-:}
	done
}

# talk PROTOCOL: a client that checks every answer
talk() {
	on there setsid /usr/bin/python3 "$SNAP_SRC/tests/programs/talk.py" "$1" 10.9.0.1 </dev/null >talk.log 2>&1 &
	until_true grep -q talking talk.log
	client=$(sed -n 's/^pid //p' talk.log)
}

talked() {
	: >enough
	until_true sh -c '! kill -0 '"$client"
	grep -q '^answers' talk.log || wrong "$(cat talk.log)"
	echo fine
}

# serve_by_nginx WORKERS FILE SIZE: it sends such a file
serve_by_nginx() {
	nginx_conf "$1" 10.9.0.1:80
	head -c "$3" /dev/urandom >"www/$2"
	chmod -R a+rX .
	on here setsid nginx -p "$PWD" -c "$PWD/nginx.conf" </dev/null >nginx.log 2>&1 &
	until_true on there curl -sfI "http://10.9.0.1/$2"
}
nginx_ends() { kill -9 $(cat /proc/$(cat nginx.pid)/task/*/children) "$(cat nginx.pid)"; }

nginx_sends_large_files() {
	serve_by_nginx 1 big 20000000
	talk http
	ten_times "$1" "$(cat nginx.pid)" "$client"
	talked
	nginx_ends
}

# There is nearly always somebody who waits to be accepted.
nginx_is_visited() {
	serve_by_nginx 2 page 5000
	talk visits
	ten_times server "$(cat nginx.pid)"
	talked
	nginx_ends
}

redis() {
	on here setsid redis-server --bind 10.9.0.1 --protected-mode no --port 6379 --save '' --appendonly no \
	    --pidfile "$PWD/redis.pid" --daemonize no </dev/null >redis.log 2>&1 &
	until_true on there redis-cli -h 10.9.0.1 ping
	talk redis
}

redis_counts() {
	redis
	ten_times "$1" "$(cat redis.pid)" "$client"
	talked
	kill -9 "$(cat redis.pid)"
}

redis_moves_to_another_host() {
	redis
	move "$(cat redis.pid)"
	talked
	kill -9 "$(cat redis.pid)"
}

# type_to COMMAND...: a client there that is told by `say' what to do; its pid is $client
type_to() {
	typed=typed
	mkfifo $typed
	exec 7<>$typed
	on there setsid "$@" <$typed >answers.log 2>client.err &
	until_true pgrep -nx "${1##*/}"
	client=$(pgrep -ox "${1##*/}")
}
say() { echo "$1" >&7; }

postgresql_goes_on_with_a_transaction() {
	initdb=$(ls /usr/lib/postgresql/*/bin/initdb | tail -n 1)
	chmod a+rx .
	mkdir pg
	chown postgres pg
	as="setpriv --reuid=postgres --regid=postgres --clear-groups --"
	(cd pg && $as "$initdb" -D "$PWD/data" -A trust >initdb.log 2>&1) || wrong "$(cat pg/initdb.log)"
	echo 'host all all 10.9.0.0/24 trust' >>pg/data/pg_hba.conf
	(cd pg && exec ip netns exec here setsid $as "${initdb%/initdb}/postgres" -D "$PWD/data" -k "$PWD" \
	    -c listen_addresses=10.9.0.1 -c fsync=off </dev/null >../pg.log 2>&1) &
	until_true on there psql -h 10.9.0.1 -U postgres -c 'select 1' postgres
	server=$(head -n 1 pg/data/postmaster.pid)
	type_to "$(dirname "$initdb")/psql" -qAt -h 10.9.0.1 -U postgres postgres
	say "create table t (n int); begin; insert into t select generate_series(1, 1000); select 'inserted';"
	until_true grep -q inserted answers.log
	ten_times "$1" "$server" "$client"
	say 'select count(*) from t; commit; select sum(n) from t;'
	until_true grep -q '^500500$' answers.log
	[ "$(tr '\n' ' ' <answers.log)" = 'inserted 1000 500500 ' ] || wrong "$(cat answers.log)"
	kill -9 "$client"
	kill -QUIT "$server"
	echo fine
}

count_up() { say 'n=$((n + 1)); echo "count $n"'; }
counted() { until_true grep -q "^count $i" answers.log; }

# Keys of its own, and a session on a terminal, with a command typed each time.
ssh_goes_on_with_a_session() {
	mkdir -p /run/sshd
	ssh-keygen -q -t ed25519 -N '' -f host && ssh-keygen -q -t ed25519 -N '' -f user || wrong "no keys"
	cat >sshd_config <<-CONF
		ListenAddress 10.9.0.1:22
		HostKey $PWD/host
		AuthorizedKeysFile $PWD/user.pub
		PidFile $PWD/sshd.pid
		PermitRootLogin yes
		StrictModes no
		PrintMotd no
	CONF
	on here setsid /usr/sbin/sshd -D -e -f "$PWD/sshd_config" </dev/null >sshd.log 2>&1 &
	until_true test -s sshd.pid
	type_to ssh -tt -i user -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \
	    root@10.9.0.1 exec bash --norc --noprofile --noediting
	say "stty -echo; PS1=; n=0; echo be''gun"
	until_true grep -q begun answers.log
	meanwhile=count_up afterwards=counted
	ten_times "$1" "$(cat sshd.pid)" "$client"
	say tty
	until_true grep -q ^/dev/pts answers.log
	[ "$(grep -c ^count answers.log)" = 10 ] || wrong "$(cat answers.log)"
	kill -9 "$client" $(cat /proc/$(cat sshd.pid)/task/*/children) "$(cat sshd.pid)"
	echo fine
}
