# SPDX-License-Identifier: BSD-2-Clause
#
# Sockets that are refused by name, and restores of others that fail.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

# sockets CODE: a python3 with what CODE opens; its pid is $target
sockets() {
	tr -d "\t" >program.py <<-PY
		import os, signal, socket, struct
		os.closerange(3, 1024)
		udp = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		$1
		print("ready", flush=True)
		signal.pause()
	PY
	: >log
	setsid python3 program.py </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log
}

# refused WORD CODE
refused() {
	sockets "$2"
	atf_check -s exit:1 -o ignore -e match:"pid $target fd 3: $1: " "$snapctl" dump "$target" -o x.psnap --kill
	kill -9 "$target"
}

# The first 8 bytes of a program that lets all pass, and where it is, for bpf(2).
extended='import ctypes
		code = ctypes.create_string_buffer(bytes.fromhex("b700000000000000" "9500000000000000"))
		license = ctypes.create_string_buffer(b"BSD")
		load = ctypes.create_string_buffer(struct.pack("=IIQQ", 1, 2, ctypes.addressof(code), ctypes.addressof(license)), 128)
		s = udp()
		s.setsockopt(1, 50, ctypes.CDLL(None, use_errno=True).syscall(321, 5, load, 128))'

atf_test_case refused_by_name cleanup
refused_by_name_head() { atf_set require.user root; atf_set require.progs python3; }
refused_by_name_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	refused udp-corked 's = udp()
		s.setsockopt(17, 1, 1)
		s.sendto(b"held back", ("127.0.0.1", 9))'
	refused socket-filter "$extended"
	# a key of three bytes for 10.0.0.7
	refused tcp-keys 's = socket.socket()
		s.setsockopt(6, 14, struct.pack("=HH4s120xBBHi80s", 2, 0, bytes([10, 0, 0, 7]), 0, 0, 3, 0, b"key"))
		s.bind(("127.0.0.1", 0))
		s.listen()'
	# what was sent is not shown; nor who has closed; and who listens elsewhere does not come along
	refused unix-pending 's = socket.socket(socket.AF_UNIX)
		l = socket.socket(socket.AF_UNIX)
		l.bind("sent")
		l.listen()
		s.connect("sent")
		s.send(b"hello")'
	refused unix-pending 's = socket.socket(socket.AF_UNIX)
		s.bind("closed")
		s.listen()
		c = socket.socket(socket.AF_UNIX)
		c.connect("closed")
		c.close()'
	python3 -c 'import signal, socket; s = socket.socket(socket.AF_UNIX); s.bind("elsewhere"); s.listen(); signal.pause()' &
	remember $!
	wait_for 20 test -S elsewhere
	refused unix-outside 's = socket.socket(socket.AF_UNIX)
		s.settimeout(20)
		while s.connect_ex("elsewhere"): pass'
	! python3 -c 'import socket; socket.socket(2, 1, 262)' 2>/dev/null ||
	    refused unknown-socket 's = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262)'
}
refused_by_name_cleanup() { kill_remembered; }

# Wherever it is restored from.
atf_test_case a_name_begins_where_the_process_is cleanup
a_name_begins_where_the_process_is_head() { atf_set require.user root; atf_set require.progs python3; }
a_name_begins_where_the_process_is_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	mkdir its elsewhere
	sockets 'os.chdir("its")
		l = socket.socket(socket.AF_UNIX)
		l.bind("l")
		l.listen()
		c = socket.socket(socket.AF_UNIX)
		c.connect("l")
		d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		d.bind("d")
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.bind("s")
		s.connect("d")
		s.send(b"unread")'
	for generation in 1 2; do
		atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
		wait_for 20 sh -c "! kill -0 $target"
		atf_check -o ignore -e ignore -x "cd elsewhere && '$snapctl' restore --detach ../x.psnap"
		[ "$(ls its)" = "$(printf 'd\nl\ns')" ] && [ -z "$(ls elsewhere)" ] || atf_fail "$(ls its elsewhere)"
		atf_check python3 -c 'import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).connect("its/d")'
	done
	atf_check python3 -c 'import socket; socket.socket(socket.AF_UNIX).connect("its/l")'
}
a_name_begins_where_the_process_is_cleanup() { kill_remembered; }

# Of a pair, and connected by name; the latter may connect again.
atf_test_case other_ends_outside cleanup
other_ends_outside_head() { atf_set require.user root; atf_set require.progs python3; }
other_ends_outside_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	cat >server.py <<-'PY'
		import os, socket, sys
		d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		d.bind("letters")
		l = socket.socket(socket.AF_UNIX)
		l.bind("server")
		l.listen()
		print("listens", flush=True)
		while True:
		    c, _ = l.accept()
		    print(c.recv(100).decode(), d.recv(100).decode(), flush=True)
		    c.send(b"heard")
		    kept = c
	PY
	python3 server.py >served 2>&1 &
	server=$!
	remember $server
	wait_for 20 grep -q listens served
	sockets 's = socket.socket(socket.AF_UNIX)
		s.connect("server")
		d = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		d.connect("letters")
		def speak(*_):
		    d.send(b"and by letter")
		    s.send(b"spoken")
		    print(s.recv(100).decode(), flush=True)
		signal.signal(signal.SIGUSR1, speak)
		while True:
		    print("ready", flush=True)
		    signal.pause()
		'
	kill -USR1 "$target"
	wait_for 20 grep -q heard log
	atf_check -s exit:1 -e match:"pid $target fd 3: unix-outside: the other end is of descriptor [0-9]+ of pid $server .python3. outside the tree .--external.* .breaks.$" \
	    "$snapctl" dump "$target" -o x.psnap --kill
	for generation in 2 3; do
		atf_check -o ignore -e match:"pid $target fd 3: unix-external: it connects again to server, outside the tree .degrades.$" \
		    "$snapctl" dump "$target" -o x.psnap --kill --external
		wait_for 20 sh -c "! kill -0 $target"
		atf_check -o ignore -e ignore "$snapctl" restore --detach x.psnap
		kill -USR1 "$target"
		wait_for 20 sh -c "[ \$(grep -c heard log) = $generation ]"
	done
	[ "$(grep -c '^spoken and by letter$' served)" = 3 ] || atf_fail "$(cat served)"
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill --external
	kill -9 $server
	wait_for 20 sh -c "! kill -0 $target"
	atf_check -s exit:1 -e match:'connecting a socket: Connection refused' "$snapctl" restore --detach x.psnap
	# one that has no name
	sockets 's, t = socket.socketpair()
		if os.fork() == 0:
		    s.close()
		    print("ready", flush=True)
		    signal.pause()
		t.close()'
	child=$(cat "/proc/$target/task/$target/children")
	atf_check -s exit:1 -o ignore -e match:"pid ${child% } fd 4: unix-outside: the other end is of descriptor 3 of pid $target .python3. outside the tree .breaks." \
	    "$snapctl" dump "${child% }" -o x.psnap --external
}
other_ends_outside_cleanup() { kill_remembered; }

# The calls that sockets are made with.
atf_test_case each_call_fails_in_turn cleanup
each_call_fails_in_turn_head() { atf_set require.user root; atf_set require.progs 'python3 strace'; }
each_call_fails_in_turn_body() {
	can_inject
	sockets 's = udp()
		s.bind(("127.0.0.1", 0))
		for i in range(3): s.sendto(b"unread", s.getsockname())
		s.setsockopt(0, 35, socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1"))
		code = struct.pack("=HBBI", 6, 0, 0, 0xffffffff)
		import ctypes
		b = ctypes.create_string_buffer(code)
		s.setsockopt(1, 26, struct.pack("=HxxxxxxQ", 1, ctypes.addressof(b)))'
	TARGET=python3
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
	atf_check -o save:pid "$snapctl" restore --detach x.psnap
	target=$(cat pid)
	kill -9 "$target"
	gone
	fail_each "socket setsockopt getsockopt bind sendmsg getsockname"
}
each_call_fails_in_turn_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case refused_by_name
	atf_add_test_case a_name_begins_where_the_process_is
	atf_add_test_case other_ends_outside
	atf_add_test_case each_call_fails_in_turn
}
