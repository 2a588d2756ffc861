# SPDX-License-Identifier: BSD-2-Clause
#
# Files of a restore: deleted ones, which the snapshot holds.

. "$SNAP_SRC/tests/programs/common.sh"

# restored [OPTIONS]: the target, from x.psnap; all is as it was
restored() {
	atf_check -o ignore -e ignore "$snapctl" restore --detach "$@" x.psnap
	target_is_alive log
}

atf_test_case held_from_small_blocks cleanup
held_from_small_blocks_head() {
	atf_set require.user root
	atf_set require.progs mkfs.ext4
	atf_set timeout 60
}
held_from_small_blocks_body() {
	mkdir disk
	truncate -s 8M image
	mkfs.ext4 -q -b 1024 image
	mount -o loop image disk 2>/dev/null || atf_skip "nothing can be mounted here"
	# data, a hole and data in one page
	for at in 0 2 9; do
		dd if="$SNAP_SRC/README.md" of=disk/file bs=1024 count=1 skip=$((at % 3)) seek=$at conv=notrunc,fsync \
		    2>/dev/null
	done
	cp disk/file was
	pick
	start_target log open disk/file
	rm disk/file
	dump_away
	restored
	cmp was "/proc/$target/fd/3" || atf_fail "a block is not as it was"
	kill -9 "$target"
	gone
}
held_from_small_blocks_cleanup() {
	kill_remembered
	umount -l disk 2>/dev/null || true
}

atf_test_case more_held_than_descriptors cleanup
more_held_than_descriptors_head() { atf_set require.user root; atf_set timeout 60; }
more_held_than_descriptors_body() {
	pick
	for i in $(seq 50); do
		echo "number $i" >$i
	done
	start_target log open $(seq 50)
	rm $(seq 50)
	ulimit -S -n 40
	dump_away
	restored
}
more_held_than_descriptors_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case more_held_than_descriptors
	atf_add_test_case held_from_small_blocks
}
