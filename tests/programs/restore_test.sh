# SPDX-License-Identifier: BSD-2-Clause
#
# Real programs dumped in the middle of what they do, killed, and restored:
# each goes on and gives the result it would have given.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/programs/nginx.sh"

# again PID [OPTIONS]: dump, kill, restore
again() {
	_pid=$1
	shift
	atf_check -o ignore -e save:dump.err "$snapctl" dump "$_pid" -o again.psnap --kill --allow-partial
	wait "$_pid" 2>/dev/null
	atf_check -o ignore -e save:restore.err "$snapctl" restore --detach --allow-partial again.psnap "$@"
}

# finished PID: a process that is no child of ours
finished() { wait_for 60 sh -c "! kill -0 $1"; }

atf_test_case redis cleanup
redis_head() {
	atf_set require.user root
	atf_set require.progs "redis-server redis-cli"
}
redis_body() {
	setsid redis-server --port 0 --unixsocket "$PWD/redis.sock" --save '' --appendonly no --enable-debug-command yes \
	    </dev/null >redis.log 2>&1 &
	redis=$!
	remember $redis
	wait_for 20 sh -c 'redis-cli -s redis.sock ping | grep -q PONG'
	redis-cli -s redis.sock eval \
	    'for i = 1, 100000 do redis.call("set", "key:" .. i, "value " .. i) end' 0 >/dev/null
	digest=$(redis-cli -s redis.sock debug digest)
	for i in 1 2 3; do
		again $redis
		wait_for 20 sh -c 'redis-cli -s redis.sock ping | grep -q PONG'
		[ "$(redis-cli -s redis.sock debug digest)" = "$digest" ] || atf_fail "the data changed"
	done
	atf_check -o inline:'OK\n' redis-cli -s redis.sock set new 1
	atf_check -o inline:'value 4711\n' redis-cli -s redis.sock get key:4711
}
redis_cleanup() { kill_remembered; }

atf_test_case nginx cleanup
nginx_head() {
	atf_set require.user root
	atf_set require.progs "nginx curl"
}
nginx_body() {
	nginx_conf 2 "unix:$PWD/nginx.sock"
	head -c 3000000 /dev/urandom >www/big
	want=$(sha256sum <www/big)
	chmod -R a+rX .
	setsid nginx -p "$PWD" -c "$PWD/nginx.conf" </dev/null >nginx.log 2>&1 &
	nginx=$!
	remember $nginx
	wait_for 20 curl -sf --unix-socket nginx.sock -o /dev/null http://x/big
	for worker in $(cat /proc/$nginx/task/$nginx/children); do remember "$worker"; done
	for i in 1 2; do
		again $nginx
		atf_check -o save:got curl -sf --max-time 20 --unix-socket nginx.sock http://x/big
		[ "$(sha256sum <got)" = "$want" ] || atf_fail "the download is damaged"
	done
	# the master still minds its workers
	kill -HUP $nginx
	wait_for 20 curl -sf --max-time 5 --unix-socket nginx.sock -o /dev/null http://x/big
	kill -TERM $nginx
	wait_for 20 sh -c "! kill -0 $nginx"
}
nginx_cleanup() { kill_remembered; }

atf_test_case postgresql cleanup
postgresql_head() {
	atf_set require.user root
	atf_set require.progs "setpriv psql"
}
postgresql_body() {
	initdb=$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null | tail -1)
	[ -n "$initdb" ] || atf_skip "postgresql is not installed"
	id postgres >/dev/null 2>&1 || atf_skip "there is no user postgres"
	pgbin=${initdb%/initdb}
	dir=$(mktemp -d /tmp/snap-pg.XXXXXX)
	echo "$dir" >pgdir
	chown postgres "$dir"
	as="setpriv --reuid=postgres --regid=postgres --clear-groups --"
	(cd "$dir" && $as "$initdb" -D "$dir/data" -A trust >initdb.log 2>&1) || atf_fail "initdb"
	segments=$(wc -l </proc/sysvipc/shm)
	# server and client in one tree, a transaction open between them
	cat >both.sh <<-SH
		cd $dir
		$as $pgbin/postgres -D $dir/data -k $dir -c listen_addresses= -c fsync=off >$dir/pg.log 2>&1 &
		until psql -h $dir -U postgres -c 'select 1' postgres >/dev/null 2>&1; do sleep 0.1; done
		( echo 'create table t (n int); begin; insert into t select generate_series(1, 1000);'
		  echo "select 'inserted';"
		  until [ -e $dir/go ]; do sleep 0.1; done
		  echo 'select count(*) from t; commit; select sum(n) from t;'
		) | psql -qAt -h $dir -U postgres postgres >$dir/answers 2>&1
		kill \$!
		wait
	SH
	setsid sh both.sh </dev/null >both.log 2>&1 &
	tree=$!
	remember $tree
	wait_for 60 grep -q inserted "$dir/answers"
	sleep 0.3
	again $tree
	atf_check -o match:'^segment .*, attached by [0-9]' "$snapinspect" ipc again.psnap
	: >"$dir/go"
	finished $tree
	atf_check -o inline:'inserted\n1000\n500500\n' cat "$dir/answers"
	# the server knows its System V segment again, and removes it
	[ "$(wc -l </proc/sysvipc/shm)" -eq "$segments" ] || atf_fail "$(cat /proc/sysvipc/shm)"
}
postgresql_cleanup() {
	kill_remembered
	sleep 0.5
	[ ! -f pgdir ] || rm -rf "$(cat pgdir)"
}

atf_test_case python3 cleanup
python3_head() { atf_set require.user root; atf_set require.progs python3; }
python3_body() {
	cat >work.py <<-'PY'
		import hashlib, queue, threading
		jobs, done = queue.Queue(), queue.Queue()
		def worker():
		    while (n := jobs.get()) is not None:
		        h = hashlib.sha256()
		        for i in range(20000):
		            h.update(b"%d %d" % (n, i))
		        done.put((n, h.hexdigest()))
		pool = [threading.Thread(target=worker) for _ in range(4)]
		for t in pool: t.start()
		print("ready", flush=True)
		for n in range(400): jobs.put(n)
		for t in pool: jobs.put(None)
		for t in pool: t.join()
		results = sorted(done.queue)
		print(len(results), hashlib.sha256(repr(results).encode()).hexdigest(), flush=True)
	PY
	/usr/bin/python3 work.py >want
	setsid /usr/bin/python3 work.py </dev/null >got 2>&1 &
	python=$!
	remember $python
	wait_for 20 grep -q ready got
	for i in 1 2 3; do
		again $python
		sleep 0.3
	done
	finished $python
	atf_check cmp want got
}
python3_cleanup() { kill_remembered; }

atf_test_case node cleanup
node_head() { atf_set require.user root; atf_set require.progs node; }
node_body() {
	cat >work.js <<-'JS'
		let n = 0, sum = 0;
		const t = setInterval(() => {
			for (let i = 0; i < 1e5; i++) sum = (sum * 31 + i) % 1000003;
			if (n++ == 0) console.log("ready");
			if (n == 150) { clearInterval(t); console.log(sum); process.exit(0); }
		}, 10);
	JS
	node work.js >want
	setsid node work.js </dev/null >got 2>&1 &
	node=$!
	remember $node
	wait_for 20 grep -q ready got
	again $node
	sleep 0.2
	again $node
	finished $node
	atf_check cmp want got
}
node_cleanup() { kill_remembered; }

atf_test_case pipeline_under_tmux cleanup
pipeline_under_tmux_head() { atf_set require.user root; atf_set require.progs tmux; }
pipeline_under_tmux_body() {
	cat >work.sh <<-'SH'
		seq 1 300000 | while read -r n; do echo $((n * 7 % 1000)); done | sort -n | uniq -c | sha256sum >$1
		echo finished >>$1
	SH
	sh work.sh want
	tmux -S "$PWD/tmux.sock" -f /dev/null new-session -d -x 100 -y 30 "sh work.sh got; sleep 100"
	server=$(tmux -S "$PWD/tmux.sock" display-message -p '#{pid}')
	remember "$server"
	sleep 0.5
	again "$server"
	wait_for 60 grep -q finished got
	atf_check cmp want got
	# the terminal is one still
	wait_for 20 tmux -S "$PWD/tmux.sock" send-keys -t 0 'x'
	atf_check -o match:100x30 tmux -S "$PWD/tmux.sock" display-message -p '#{window_width}x#{window_height}'
}
pipeline_under_tmux_cleanup() { kill_remembered; }

# A job of a shell, dumped by itself: its terminal is the one it is restored from.
atf_test_case job_in_a_terminal cleanup
job_in_a_terminal_head() { atf_set require.user root; atf_set require.progs "tmux bash"; }
job_in_a_terminal_body() {
	t="tmux -S $PWD/tmux.sock -f /dev/null"
	screen() { $t capture-pane -p | grep -q "$1"; }
	$t new-session -d -x 150 -y 30 "bash --norc --noprofile"
	remember "$($t display-message -p '#{pid}')"
	$t send-keys "PS1='> '" Enter 'sh -c "echo \$\$ >job; while read l; do echo got \$l; done"' Enter
	wait_for 20 test -s job
	$t send-keys 'one' Enter
	wait_for 20 screen '^got one'
	atf_check -o ignore -e ignore "$snapctl" dump "$(cat job)" -o x.psnap --kill
	wait_for 20 screen '^Killed'
	$t send-keys "$snapctl restore -q $PWD/x.psnap" Enter
	wait_for 20 kill -0 "$(cat job)"
	sleep 1
	$t send-keys 'two' Enter
	wait_for 20 screen '^got two'
	# stopped and continued by the shell's job control
	$t send-keys C-z
	wait_for 20 screen 'Stopped'
	$t send-keys 'fg' Enter
	sleep 0.5
	$t send-keys 'three' Enter
	wait_for 20 screen '^got three'
	$t send-keys C-c
	sleep 0.5
	$t send-keys 'echo status $?' Enter
	wait_for 20 screen '^status 130'
}
job_in_a_terminal_cleanup() { kill_remembered; }

atf_test_case gcc_compiling cleanup
gcc_compiling_head() { atf_set require.user root; atf_set require.progs gcc; }
gcc_compiling_body() {
	{
		for i in $(seq 1000); do echo "int f$i(int a, int *b) { for (int i = 0; i < a; i++) b[i] = b[i] * $i + b[a - i] / (i + 1); return b[0] ^ $i; }"; done
	} >big.c
	gcc -O2 -c big.c -o want.o
	setsid gcc -O2 -c big.c -o got.o </dev/null >gcc.log 2>&1 &
	gcc=$!
	remember $gcc
	sleep 0.7
	again $gcc
	sleep 0.5
	kill -0 $gcc || atf_skip "it was too fast"
	again $gcc
	finished $gcc
	cat gcc.log
	atf_check cmp want.o got.o
}
gcc_compiling_cleanup() { kill_remembered; }

atf_test_case sqlite_writing cleanup
sqlite_writing_head() { atf_set require.user root; atf_set require.progs python3; }
sqlite_writing_body() {
	cat >work.py <<-'PY'
		import sqlite3, time
		db = sqlite3.connect("test.db")
		db.execute("create table t (n integer primary key, s text)")
		print("ready", flush=True)
		for i in range(200):
		    with db:
		        db.executemany("insert into t values (?, ?)", ((i * 50 + k, str(k) * 20) for k in range(50)))
		    time.sleep(0.005)
		print(db.execute("select count(*), sum(n) from t").fetchone(), db.execute("pragma integrity_check").fetchone())
	PY
	setsid /usr/bin/python3 work.py </dev/null >got 2>&1 &
	python=$!
	remember $python
	wait_for 20 grep -q ready got
	for i in 1 2 3; do
		again $python
		sleep 0.1
	done
	finished $python
	atf_check -o match:"\(10000, 49995000\) \('ok',\)" cat got
}
sqlite_writing_cleanup() { kill_remembered; }

atf_test_case memory_stays_shared cleanup
memory_stays_shared_head() { atf_set require.user root; atf_set require.progs python3; }
memory_stays_shared_body() {
	cat >work.py <<-'PY'
		import os, time
		data = bytearray(os.urandom(1 << 20)) * 50
		kids = []
		for i in range(4):
		    p = os.fork()
		    if p == 0:
		        data[i * 4096] = 1
		        while True: time.sleep(1)
		    kids.append(p)
		def pss():
		    return sum(int(l.split()[1]) for p in [os.getpid()] + kids
		        for l in open(f"/proc/{p}/smaps_rollup") if l.startswith("Pss:"))
		time.sleep(0.3)
		for i in range(1000):
		    print(pss(), flush=True)
		    time.sleep(0.3)
	PY
	setsid /usr/bin/python3 work.py </dev/null >log 2>&1 &
	python=$!
	remember $python
	wait_for 20 test -s log
	before=$(tail -n 1 log)
	# a dump does not make the tree larger
	snapshot $python x.psnap --allow-partial
	: >log
	wait_for 20 test -s log
	dumped=$(tail -n 1 log)
	again $python
	: >log
	wait_for 20 test -s log
	after=$(tail -n 1 log)
	echo "before $before, after a dump $dumped, restored $after KiB"
	[ "$dumped" -le $((before * 105 / 100)) ] || atf_fail "the dump made it larger"
	[ "$after" -le $((before * 105 / 100)) ] || atf_fail "restored, it is larger"
	kill -9 $(cat /proc/$python/task/$python/children)
}
memory_stays_shared_cleanup() { kill_remembered; }

atf_test_case ten_thousand_threads cleanup
ten_thousand_threads_head() { atf_set require.user root; }
ten_thousand_threads_body() {
	[ "$(cat /proc/sys/kernel/threads-max)" -gt 20000 ] && [ "$(cat /proc/sys/kernel/pid_max)" -gt 20000 ] ||
	    atf_skip "this kernel does not allow so many"
	TARGET=target
	start_target log idle 10000
	start=$(date +%s)
	again $target
	cat restore.err
	echo "dumped and restored in $(($(date +%s) - start)) s"
	[ "$(ls /proc/$target/task | wc -l)" -eq 10001 ] || atf_fail "threads are missing"
	target_is_alive log
}
ten_thousand_threads_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case redis
	atf_add_test_case nginx
	atf_add_test_case postgresql
	atf_add_test_case python3
	atf_add_test_case node
	atf_add_test_case pipeline_under_tmux
	atf_add_test_case job_in_a_terminal
	atf_add_test_case gcc_compiling
	atf_add_test_case sqlite_writing
	atf_add_test_case memory_stays_shared
	atf_add_test_case ten_thousand_threads
}
