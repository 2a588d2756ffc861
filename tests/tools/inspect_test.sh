# SPDX-License-Identifier: BSD-2-Clause
#
# snapinspect on the conformance vectors: the same bytes on every machine.

inspect=$SNAP_BIN/snapinspect
good=$SNAP_VECTORS/good-minimal.psnap

atf_test_case views_have_exact_output
views_have_exact_output_body() {
	cat >info <<-'OUT'
		of          pid 10, v
		holds       1 process, 1 thread, 1 mapping, 0 open files
		pages       1 stored (0.0 MiB), 0 of zeros
		size        5731 bytes, format 1.0
		taken        by vectors 1 (none)
		kernel      linux 6.1 amd64 on h
		cpu         , ; x87 sse
		coverage    0 break a restore, 0 degrade it, 0 notes
	OUT
	atf_check -o save:out "$inspect" info "$good"
	grep -vE '^(snapshot|root) ' out >got
	atf_check -o file:info cat got
	atf_check -o inline:'10 [v]\n' "$inspect" tree "$good"
	atf_check -o match:'400000-401000 +r-x +anonymous +0 +1 ' "$inspect" maps "$good"
	atf_check -o inline:'pid 10 v\n' "$inspect" files "$good"
	atf_check -o match:'rip +0x400000' -o match:'rsp +0x401000' -o match:'cs +user-code64' \
	    "$inspect" regs "$good"
	atf_check -o inline:'everything was carried\n' "$inspect" coverage "$good"
	atf_check -o inline:'good: 2 blocks, 14 objects, 1 pages\n' "$inspect" verify "$good"
	atf_check -o inline:'0x400ff8         90 90 90 90 90 90 90 90                          |........|\n' \
	    "$inspect" mem --addr 0x400ff8 --len 8 "$good"
	atf_check -o inline:'note      pid 10 x: y\n' "$inspect" coverage "$SNAP_VECTORS/good-zstd.psnap"
}

atf_test_case newer_is_refused_by_name
newer_is_refused_by_name_body() {
	atf_check -s exit:1 -e match:'format version 9.0 for feature shadow-stacks; this library reads up to' \
	    "$inspect" info "$SNAP_VECTORS/bad-newer.psnap"
}

atf_test_case ipc_is_listed
ipc_is_listed_body() {
	atf_check "$SNAP_HELPERS/world" ipc.psnap ipc
	cat >want <<-'OUT'
		segment 0 key 0x5a000001 mode 0640 owner 0:0, 5000 bytes, 0 pages held
		segment 32768 key 0x00000000 mode 0640 owner 0:0, 5000 bytes, 0 pages held, deleted
		semaphores 0 key 0x5a000001 mode 0640 owner 0:0, 3: 32767 0 4
		      -32768 to 0 when pid 200 ends
		      +1 to 2 when pid 200 ends
		semaphores 32768 key 0x00000000 mode 0640 owner 0:0, 1: 32767
		queue 0 key 0x5a000001 mode 0640 owner 0:0, 2 messages, 5 of 16384 bytes
		queue 32768 key 0x00000000 mode 0640 owner 0:0, 0 messages, 0 of 0 bytes
		POSIX queue /queue mode 0640 owner 0:0, 3 of 3 messages of at most 16 bytes
		POSIX queue /queue (unlinked) mode 0640 owner 0:0, 0 of 3 messages of at most 16 bytes
		      usr1 to pid 200 with the next message
	OUT
	atf_check -o file:want "$inspect" ipc ipc.psnap
	atf_check -o match:'"key": "0x5a000001"' -o match:'"attached_by": \[\]' "$inspect" ipc --json ipc.psnap
	atf_check -o inline:'no System V or POSIX IPC\n' "$inspect" ipc "$good"
}

atf_test_case memory_is_searched
memory_is_searched_body() {
	# 4096 bytes of 90: a pattern of four begins at 4093 of them
	atf_check -o save:out "$inspect" mem --find-hex '90 ??9090' "$good"
	[ "$(wc -l <out)" -eq 4093 ] || atf_fail "$(wc -l <out) matches"
	atf_check -o empty "$inspect" mem --find-hex 9091 "$good"
	atf_check -o save:out "$inspect" mem --find-hex 9090 --range 400ffe-401000 "$good"
	[ "$(wc -l <out)" -eq 1 ] || atf_fail "$(cat out)"
	atf_check -s exit:2 -e match:'pattern' "$inspect" mem --find-hex 9 "$good"
	atf_check -s exit:1 -o empty -e match:'not in the snapshot' "$inspect" mem --addr 0x1000 "$good"
}

atf_test_case json_is_json
json_is_json_head() { atf_set require.progs python3; }
json_is_json_body() {
	for v in info tree maps files ipc net mounts regs coverage verify; do
		for f in "$SNAP_VECTORS"/good-*.psnap; do
			atf_check -o save:out "$inspect" $v --json "$f"
			atf_check -o ignore python3 -m json.tool out
		done
	done
	atf_check -o save:out "$inspect" --json "$good"
	atf_check -o match:'"tree"' python3 -m json.tool out
	atf_check -o save:out "$inspect" diff --json "$good" "$SNAP_VECTORS/good-zstd.psnap"
	atf_check -o ignore python3 -m json.tool out
}

atf_test_case standard_input_and_output
standard_input_and_output_body() {
	atf_check -o inline:'10 [v]\n' -x "cat '$good' | '$inspect' tree -"
	atf_check -s exit:1 -e match:'standard output' sh -c "'$inspect' info '$good' >/dev/full"
}

atf_test_case differences
differences_body() {
	atf_check -o inline:'no difference\n' "$inspect" diff --exit-code "$good" "$good"
	atf_check -s exit:1 -o match:'mapping added 0x500000' "$inspect" diff --exit-code "$good" \
	    "$SNAP_VECTORS/good-zstd.psnap"
	atf_check -o match:'mapping removed 0x500000' "$inspect" diff "$SNAP_VECTORS/good-zstd.psnap" "$good"
	# what IPC objects hold, and a connection with its socket
	ipc=$SNAP_VECTORS/good-ipc.psnap other=$SNAP_VECTORS/good-ipc-changed.psnap
	atf_check -o inline:'no difference\n' "$inspect" diff --exit-code "$ipc" "$ipc"
	cat >want <<-'OUT'
		pid 10: descriptor changed 3: connection
		sysv-segment changed 0: 2
		sysv-semaphores removed 32768
		sysv-queue changed 2147483647: messages
		posix-queue changed /queue: messages
		posix-queue removed /queue (unlinked)
		posix-queue added /new
	OUT
	atf_check -s exit:1 -o file:want "$inspect" diff --exit-code "$ipc" "$other"
	atf_check -o inline:'pid 10: descriptor changed 3: connection\n' "$inspect" diff -p 10 "$ipc" "$other"
}

atf_test_case fit_is_the_same_everywhere
fit_is_the_same_everywhere_body() {
	cat >fit <<-'OUT'
		fatal    missing  lm           abi              pid 10: it is a 64-bit program
		it uses x86-64
		i686 does not fit: 1 fatal, 0 possible, 0 harmless
	OUT
	atf_check -s exit:1 -o file:fit "$inspect" fit "$good" i686
	atf_check -o match:'x86-64 fits: 0 fatal' "$inspect" fit "$good" x86-64
	echo '{"cpu_features": ["lm"], "fpu": ["x87", "sse"]}' >host.json
	atf_check -o match:'host.json fits: 0 fatal' "$inspect" fit "$good" host.json
}

atf_test_case bad_hosts_are_refused
bad_hosts_are_refused_body() {
	# refused SAYS TEXT: as a description of a host
	refused() {
		printf '%s' "$2" >host.json
		atf_check -s exit:1 -o empty -e match:"$1" "$inspect" fit "$good" host.json
	}
	refused 'not a description' ''
	refused 'line 1' '{'
	refused 'not a description' '[]'
	refused 'cpu_features is not a list' '{}'
	refused 'fpu is not a list' '{"cpu_features": []}'
	refused 'cpu_features is not a list' '{"cpu_features": [1], "fpu": []}'
	refused 'fpu is not a list' '{"cpu_features": [], "fpu": "sse"}'
	refused 'fpu has a part' '{"cpu_features": [], "fpu": ["none"]}'
	refused 'fpu has a part' '{"cpu_features": [], "fpu": ["mmx"]}'
	refused 'kernel_abi is not known' '{"kernel_abi": "vax", "cpu_features": [], "fpu": []}'
	refused 'kernel_abi is not known' '{"kernel_abi": 2, "cpu_features": [], "fpu": []}'
	refused 'kernel is not a string' '{"kernel": 6.1, "cpu_features": [], "fpu": []}'
	refused 'duplicate' '{"fpu": [], "cpu_features": [], "fpu": []}'
	refused 'line 1' "$(printf '%2000s' '' | tr ' ' '[')"
	printf '{"cpu_features": ["\\u0000"], "fpu": []}' >host.json
	atf_check -s exit:1 -e match:'line 1' "$inspect" fit "$good" host.json
	{ echo '{"cpu_features": ['; head -c 1100000 /dev/zero | tr '\0' ' '; } >host.json
	atf_check -s exit:1 -e match:'too long' "$inspect" fit "$good" host.json
	atf_check -s exit:1 -e match:'x86-64-v5: No such file' "$inspect" fit "$good" x86-64-v5
	atf_check -s exit:2 -e match:'tree does not take --no-files' "$inspect" tree --no-files "$good"
	atf_check -s exit:2 -e match:'fit does not take --host' "$inspect" fit --host "$good"
	atf_check -s exit:2 -e match:'which snapshot' "$inspect" fit "$good" x86-64 more
	atf_check -s exit:2 -e match:'which snapshot' "$inspect" tree "$good" x86-64
}

atf_test_case bad_input_is_refused
bad_input_is_refused_body() {
	for f in "$SNAP_VECTORS"/bad-*.psnap; do
		atf_check -s exit:1 -o ignore -e ignore "$inspect" verify "$f"
	done
	: >empty
	atf_check -s exit:1 -e match:'not a PSNAP snapshot' "$inspect" empty
	atf_check -s exit:1 -e match:'No such file' "$inspect" nowhere
	atf_check -s exit:1 -e match:'directory' "$inspect" .
	atf_check -s exit:2 -e match:'no view' "$inspect" frobnicate "$good"
	atf_check -s exit:2 -e match:'which snapshot' "$inspect"
	atf_check -s exit:2 -e match:'unknown option' "$inspect" --frobnicate "$good"
	atf_check -s exit:2 -e match:'tree does not take .*--find' "$inspect" tree --find x "$good"
	atf_check -s exit:2 -e match:'regs does not take --pages' "$inspect" regs --pages "$good"
	for range in 5 x-y 1000-400 10-; do
		atf_check -s exit:2 -e match:'not a range' "$inspect" mem --find x --range $range "$good"
	done
	atf_check -s exit:1 -e match:'no process 11' "$inspect" maps --pid 11 "$good"
}

atf_init_test_cases() {
	atf_add_test_case views_have_exact_output
	atf_add_test_case newer_is_refused_by_name
	atf_add_test_case ipc_is_listed
	atf_add_test_case memory_is_searched
	atf_add_test_case json_is_json
	atf_add_test_case standard_input_and_output
	atf_add_test_case differences
	atf_add_test_case fit_is_the_same_everywhere
	atf_add_test_case bad_hosts_are_refused
	atf_add_test_case bad_input_is_refused
}
