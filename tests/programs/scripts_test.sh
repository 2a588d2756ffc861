# SPDX-License-Identifier: BSD-2-Clause
#
# Interpreters and shells: dumped in the middle of a computation, they give
# the result they would have given.

. "$SNAP_SRC/tests/programs/common.sh"

atf_test_case python3_with_threads cleanup
python3_with_threads_head() {
	atf_set require.user root
	atf_set require.progs "python3 gdb"
}
python3_with_threads_body() {
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
		for n in range(600): jobs.put(n)
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
		snapshot $python p$i.psnap --allow-partial
		sleep 0.2
	done
	wait $python || { cat got; atf_fail "python3 failed"; }
	atf_check cmp want got
	atf_check -o match:'python3' "$snapinspect" tree p1.psnap
	atf_check -o ignore -e ignore "$snapconv" -t core p1.psnap core
	gdb -batch -nx -ex 'thread apply all backtrace' "$(readlink -f /usr/bin/python3)" core >gdb.log 2>&1
	cat gdb.log
	[ "$(grep -c '^#1 ' gdb.log)" -eq 5 ] || atf_fail "a backtrace is missing"
}
python3_with_threads_cleanup() { kill_remembered; }

atf_test_case node cleanup
node_head() {
	atf_set require.user root
	atf_set require.progs "node"
}
node_body() {
	cat >work.js <<-'JS'
		let n = 0, sum = 0;
		const fs = require("fs");
		fs.watch(".", () => {});
		const t = setInterval(() => {
			for (let i = 0; i < 1e5; i++) sum = (sum * 31 + i) % 1000003;
			if (n++ == 0) console.log("ready");
			if (n == 100) { clearInterval(t); console.log(sum); process.exit(0); }
		}, 10);
	JS
	node work.js >want
	setsid node work.js </dev/null >got 2>&1 &
	node=$!
	remember $node
	wait_for 20 grep -q ready got
	for i in 1 2 3; do
		snapshot $node n$i.psnap --allow-partial
	done
	wait $node || { cat got; atf_fail "node failed"; }
	atf_check cmp want got
}
node_cleanup() { kill_remembered; }

atf_test_case shell_pipeline cleanup
shell_pipeline_head() {
	atf_set require.user root
}
shell_pipeline_body() {
	cat >work.sh <<-'SH'
		seq 1 400000 | while read -r n; do echo $((n * 7 % 1000)); done | sort -n | uniq -c | sha256sum
	SH
	sh work.sh >want
	setsid sh work.sh </dev/null >got 2>&1 &
	shell=$!
	remember $shell
	sleep 0.3
	for i in 1 2 3 4 5; do
		snapshot $shell s$i.psnap
		sleep 0.1
	done
	wait $shell || atf_fail "the pipeline failed"
	atf_check cmp want got
	atf_check -o match:sort "$snapinspect" tree s1.psnap
	atf_check -o match:pipe "$snapinspect" files s1.psnap
}
shell_pipeline_cleanup() { kill_remembered; }

atf_test_case shell_in_a_terminal cleanup
shell_in_a_terminal_head() {
	atf_set require.user root
	atf_set require.progs "tmux"
}
shell_in_a_terminal_body() {
	tmux -S "$PWD/tmux.sock" new-session -d -x 80 -y 24 'exec sh'
	wait_for 10 tmux -S "$PWD/tmux.sock" list-panes
	shell=$(tmux -S "$PWD/tmux.sock" list-panes -F '#{pane_pid}')
	remember "$(tmux -S "$PWD/tmux.sock" display-message -p '#{pid}')"
	tmux -S "$PWD/tmux.sock" send-keys 'sleep 1 && echo slept-$((6 * 7))' Enter
	sleep 0.4
	snapshot "$shell" tty.psnap --allow-partial
	atf_check -o match:'pts/' "$snapinspect" files tty.psnap
	wait_for 10 sh -c "tmux -S '$PWD/tmux.sock' capture-pane -p | grep -q slept-42"
}
shell_in_a_terminal_cleanup() {
	kill_remembered
	tmux -S "$PWD/tmux.sock" kill-server 2>/dev/null || true
}

atf_init_test_cases() {
	atf_add_test_case python3_with_threads
	atf_add_test_case node
	atf_add_test_case shell_pipeline
	atf_add_test_case shell_in_a_terminal
}
