# SPDX-License-Identifier: BSD-2-Clause
#
# Shapes of trees: much of one thing, and odd states.

. "$SNAP_SRC/tests/programs/common.sh"

# shape NAME MODE... -- description: dump it twice; it must not notice
shape() {
	TARGET=$1
	shift
	start_target log "$@"
	snapshot "$target" one.psnap
	target_is_alive log
	snapshot "$target" two.psnap
	target_is_alive log
}

# json_number VIEW KEY FILE
json_number() {
	"$snapinspect" "$1" --json "$3" | tr ',' '\n' | sed -n "s/.*\"$2\": *\([0-9]*\).*/\1/p" | head -1
}

atf_test_case ten_thousand_mappings cleanup
ten_thousand_mappings_head() { atf_set require.user root; }
ten_thousand_mappings_body() {
	shape target maps 10000
	[ "$(json_number info mappings one.psnap)" -ge 10000 ] || atf_fail "mappings are missing"
}
ten_thousand_mappings_cleanup() { kill_remembered; }

atf_test_case thousand_threads cleanup
thousand_threads_head() { atf_set require.user root; }
thousand_threads_body() {
	shape target threads 1000
	[ "$(json_number info threads one.psnap)" -eq 1001 ] || atf_fail "threads are missing"
}
thousand_threads_cleanup() { kill_remembered; }

atf_test_case tree_of_five_hundred cleanup
tree_of_five_hundred_head() { atf_set require.user root; }
tree_of_five_hundred_body() {
	# a dump needs more, and may have it
	ulimit -Sn 256
	shape target tree 499 20
	[ "$(json_number info processes one.psnap)" -eq 500 ] || atf_fail "processes are missing"
}
tree_of_five_hundred_cleanup() { kill_remembered; }

atf_test_case zombie_and_stopped_task cleanup
zombie_and_stopped_task_head() { atf_set require.user root; }
zombie_and_stopped_task_body() {
	TARGET=target
	start_target log odd
	snapshot "$target" odd.psnap
	atf_check -o match:zombie -o match:stopped "$snapinspect" tree odd.psnap
	target_is_alive log
}
zombie_and_stopped_task_cleanup() { kill_remembered; }

atf_test_case threads_of_32_bits cleanup
threads_of_32_bits_head() { atf_set require.user root; }
threads_of_32_bits_body() {
	[ -x "$SNAP_HELPERS/target32" ] || atf_skip "no 32-bit compiler: target32 was not built"
	shape target32 threads 20
	atf_check -o match:'eip' "$snapinspect" regs one.psnap
	[ "$(json_number info threads one.psnap)" -eq 21 ] || atf_fail "threads are missing"
}
threads_of_32_bits_cleanup() { kill_remembered; }

atf_test_case memory_is_held_byte_for_byte cleanup
memory_is_held_byte_for_byte_head() {
	atf_set require.user root
	atf_set require.progs gdb
}
memory_is_held_byte_for_byte_body() {
	shape target fill 64
	atf_check -o ignore -e ignore "$snapconv" -t core one.psnap one.core
	# gdb walks the same numbers the program did, but in the snapshot
	cat >walk.gdb <<-'GDB'
		set pagination off
		printf "words %lu\n", filled_words
		printf "word0 %lu\n", filled[0]
		printf "word2 %lu\n", filled[filled_words - 2]
	GDB
	gdb -batch -nx -x walk.gdb "$SNAP_HELPERS/target" one.core >gdb.log 2>&1
	atf_check -o match:'^words 8388608$' -o match:'^word0 0$' -o match:'^word2 8388606$' cat gdb.log
}
memory_is_held_byte_for_byte_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case ten_thousand_mappings
	atf_add_test_case thousand_threads
	atf_add_test_case tree_of_five_hundred
	atf_add_test_case zombie_and_stopped_task
	atf_add_test_case threads_of_32_bits
	atf_add_test_case memory_is_held_byte_for_byte
}
