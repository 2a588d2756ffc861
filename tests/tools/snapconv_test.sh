# SPDX-License-Identifier: BSD-2-Clause
#
# snapconv: output whole or not at all, exit codes, messages.

snapconv=$SNAP_BIN/snapconv

world() {
	atf_check "$SNAP_HELPERS/world" "$@"
}

atf_test_case usage
usage_body() {
	atf_check -o match:'^usage: snapconv' "$snapconv" --help
	atf_check -o match:'^snapconv [0-9]' "$snapconv" --version
	atf_check -o match:'^core +write' -o match:'^psnap +read write' "$snapconv" --list
	for args in '' '-t core' '-t core x.psnap' '-t core a b c' '-t nonsense a b' '-f core -t psnap a b' \
	    '-t core --pid 0 a b' '-t core --pid 12x a b' '-t psnap --level 20 a b' '--nonsense'; do
		atf_check -s exit:2 -e match:'^snapconv: ' "$snapconv" $args
	done
}

atf_test_case output_is_whole_or_not_there
output_is_whole_or_not_there_body() {
	world a.psnap
	mkdir out
	atf_check "$snapconv" -t core a.psnap out/x
	atf_check -o match:'^-rw-------' ls -l out/x
	cp out/x before
	# a failure leaves what was there, and nothing beside it
	atf_check -s exit:1 -e match:'pid 300 is a zombie' "$snapconv" -t core --pid 300 a.psnap out/x
	atf_check cmp out/x before
	head -c $(($(wc -c <a.psnap) - 100)) a.psnap >cut.psnap
	atf_check -s exit:1 -e match:'^snapconv: cut.psnap: at 0x' "$snapconv" -t core cut.psnap out/y
	# no more than a block may be written
	atf_check -s exit:1 -e match:'^snapconv: out/y: .*File too large' \
	    sh -c 'trap "" XFSZ; ulimit -f 1; exec "$0" -t core a.psnap out/y' "$snapconv"
	[ "$(ls -A out)" = x ] || atf_fail "left behind: $(ls -A out)"
	# a device would be replaced for everybody
	mkfifo fifo
	atf_check -s exit:1 -e match:'fifo is not a regular file' "$snapconv" -t core a.psnap fifo
	[ -p fifo ] || atf_fail "the fifo is gone"
	atf_check -s exit:1 -e match:'^snapconv: none/x: ' "$snapconv" -t core a.psnap none/x
	atf_check -s exit:1 -e match:'^snapconv: none: ' "$snapconv" -t core none out/y
}

atf_test_case pipes_give_the_same_bytes
pipes_give_the_same_bytes_body() {
	world a.psnap
	for to in core psnap; do
		atf_check "$snapconv" -t $to a.psnap x
		"$snapconv" -t $to - - <a.psnap >y || atf_fail "from a file"
		cat a.psnap | "$snapconv" -t $to - - | cat >z || atf_fail "from a pipe"
		atf_check cmp x y
		atf_check cmp x z
	done
}

atf_test_case messages_name_object_place_and_rule
messages_name_object_place_and_rule_body() {
	world bad.psnap reversed
	atf_check -s exit:1 \
	    -e match:'^snapconv: bad.psnap: mapping 25 at 0x[0-9a-f]+: range 0x70000000-0x6ffff000 .*\(MAP-2\)$' \
	    "$snapconv" -t core bad.psnap x
	world new.psnap refused
	atf_check -s exit:1 \
	    -e match:'^snapconv: new.psnap: record 999 at 0x[0-9a-f]+: .*kind 79.*for feature ipc.*\(REC-7\)$' \
	    "$snapconv" -t core new.psnap x
}

atf_test_case rewriting_is_verified_and_says_so
rewriting_is_verified_and_says_so_body() {
	world a.psnap
	atf_check "$snapconv" -t psnap --raw a.psnap raw.psnap
	atf_check "$snapconv" -t psnap --level 19 raw.psnap b.psnap
	for f in raw b; do
		atf_check -o ignore "$SNAP_BIN/snapinspect" verify $f.psnap
	done
	atf_check "$snapconv" -t core a.psnap a.core
	atf_check "$snapconv" -t core b.psnap b.core
	atf_check cmp a.core b.core
	[ "$(wc -c <raw.psnap)" -gt "$(wc -c <b.psnap)" ] || atf_fail "--raw made it smaller"
}

atf_test_case a_core_is_one_for_readelf
a_core_is_one_for_readelf_body() {
	command -v readelf >/dev/null || atf_skip "readelf is not installed"
	world a.psnap
	world b.psnap i386
	atf_check "$snapconv" -t core a.psnap a.core
	atf_check "$snapconv" -t core b.psnap b.core
	atf_check -o match:'ELF64' -o match:'Type: +CORE' -o match:'X86-64' readelf -h a.core
	atf_check -o match:'ELF32' -o match:'Type: +CORE' -o match:'80386' readelf -h b.core
	readelf -n a.core >a.notes 2>&1
	readelf -n b.core >b.notes 2>&1
	for n in PRSTATUS PRPSINFO SIGINFO AUXV FILE FPREGSET X86_XSTATE; do
		grep -q "NT_$n" a.notes && grep -q "NT_$n" b.notes || atf_fail "no NT_$n"
	done
	atf_check -o ignore grep -E 'NT_PRXFPREG' b.notes
	atf_check -o ignore grep -E 'NT_386_TLS' b.notes
}

atf_init_test_cases() {
	atf_add_test_case usage
	atf_add_test_case output_is_whole_or_not_there
	atf_add_test_case pipes_give_the_same_bytes
	atf_add_test_case messages_name_object_place_and_rule
	atf_add_test_case rewriting_is_verified_and_says_so
	atf_add_test_case a_core_is_one_for_readelf
}
