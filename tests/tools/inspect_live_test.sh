# SPDX-License-Identifier: BSD-2-Clause
#
# snapinspect on snapshots of a program that changes between them.

. "$SNAP_SRC/tests/programs/common.sh"

cat_program() {
	cat >program.py <<-'PY'
		import array, ctypes, mmap, os, signal, socket, sys
		shared = mmap.mmap(-1, 3 * 4096)
		shared[4096:4096 + 12] = b"a rare word "
		libc = ctypes.CDLL(None)
		watch = libc.inotify_init1(0)
		libc.inotify_add_watch(watch, b"/etc/passwd", 2)
		pidfd = os.pidfd_open(os.getpid())
		netns = os.open("/proc/self/ns/net", os.O_RDONLY)
		other = os.open("/etc/hostname", os.O_RDONLY)
		left, right = socket.socketpair()
		left.sendmsg([b"take these"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [watch, right.fileno()]))])
		def change(*_):
		    os.chdir("/")
		    os.dup2(os.open("/etc/passwd", os.O_RDONLY), other)
		    shared[8192] = 1
		    print("changed", flush=True)
		udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		udp.bind(("127.0.0.1", 0))
		udp.sendto(b"to itself", udp.getsockname())
		udp.setsockopt(0, 35, socket.inet_aton("239.1.2.3") + socket.inet_aton("127.0.0.1"))
		netlink = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
		netlink.bind((os.getpid(), 1))
		signal.signal(signal.SIGUSR1, change)
		print("ready", flush=True)
		while True:
		    signal.pause()
	PY
}

atf_test_case kinds_and_differences cleanup
kinds_and_differences_head() { atf_set require.user root; atf_set require.progs python3; }
kinds_and_differences_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	cat_program
	setsid python3 program.py </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 grep -q ready log
	snapshot $target a.psnap
	atf_check -o match:'inotify +read +1 watches: /etc/passwd' \
	    -o match:"pidfd +read-write pid $target" -o match:"namespace +read +net:.*the dumper's own" \
	    -o match:'socket .* 10 bytes unread, 2 descriptors under way' \
	    -o match:'under way: inotify +read +1 watches' -o match:'under way: socket +read-write +unix stream' \
	    "$snapinspect" files a.psnap
	atf_check -o match:' udp +unconnected +9 ' -o match:' 9 bytes unread from 127\.0\.0\.1:[0-9]+$' \
	    -o match:' in group 239\.1\.2\.3 on lo$' -o match:" netlink-raw .* port $target\$" \
	    "$snapinspect" net a.psnap
	atf_check -o match:'"bytes": 9' "$snapinspect" net --json a.psnap
	atf_check -o match:'format 2\.1' "$snapinspect" info a.psnap
	atf_check -s exit:1 -o ignore -e match:'socket [0-9]+: no version before 2.1 can hold it' \
	    "$snapconv" -t psnap:2.0 a.psnap older.psnap
	atf_check -o match:'"message": 0' "$snapinspect" files --json a.psnap
	atf_check -o match:'anonymous object.*: a rare word ' "$snapinspect" mem --find 'a rare word' \
	    --map 'object' a.psnap
	kill -USR1 $target
	wait_for 20 grep -q changed log
	snapshot $target b.psnap
	atf_check -o save:diff "$snapinspect" diff a.psnap b.psnap
	atf_check -o ignore grep -E 'process changed:.* fs_context' diff
	atf_check -o ignore grep -E 'descriptor changed [0-9]+: file' diff
	atf_check -o ignore grep -E 'pages changed 0x[0-9a-f]+ anonymous object [0-9]+: 1' diff
	atf_check -s exit:1 -o ignore "$snapinspect" diff --exit-code a.psnap b.psnap
	# a page that cannot be read is no difference: it is an error
	cp b.psnap cut.psnap
	size=$(stat -c %s cut.psnap)
	dd if=/dev/zero of=cut.psnap bs=1 seek=$((size / 2)) count=64 conv=notrunc 2>/dev/null
	atf_check -s exit:1 -o empty -e match:'cut.psnap' "$snapinspect" diff a.psnap cut.psnap
}
kinds_and_differences_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case kinds_and_differences
}
