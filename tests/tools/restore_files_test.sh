# SPDX-License-Identifier: BSD-2-Clause
#
# Files of a restore: deleted ones and those carried along, which the snapshot
# holds, and what may have become of the others.

. "$SNAP_SRC/tests/programs/common.sh"

# away [OPTIONS]: the target, dumped to x.psnap
away() {
	dump_away "$@"
	cp log log.then
}

# restored [OPTIONS]: the target, from x.psnap; all is as it was
restored() {
	cat log.then >log
	atf_check -o ignore -e save:restore.err "$snapctl" restore --detach "$@" x.psnap
	target_is_alive log
}

# ended: the target is, at once
ended() {
	kill -9 "$target"
	gone
}

# fits [OPTIONS], refuses REGEXP [OPTIONS]: what the preflight says
fits() { atf_check -o match:'it can be restored here' -e save:check.err "$snapctl" restore --check "$@" x.psnap; }
refuses() {
	_what=$1
	shift
	atf_check -s exit:1 -o empty -e match:"$_what" "$snapctl" restore --check "$@" x.psnap
}

# attributes FILE...
attributes() { stat -c '%a %u %g %s %.9Y' "$@"; }

# ---- policies ----

atf_test_case usage
usage_body() {
	for arg in x =exact x= x=so x=Exact; do
		atf_check -s exit:2 -e match:'PATTERN=POLICY' "$snapctl" restore --file "$arg" x.psnap
	done
	atf_check -s exit:2 -e match:'pattern' "$snapctl" dump 1 -o x.psnap --carry ''
}

atf_test_case policies_of_an_open_file cleanup
policies_of_an_open_file_head() { atf_set require.user root; }
policies_of_an_open_file_body() {
	seq 1000 >data
	pick
	start_target log open data
	away
	cp -p data was
	f=$PWD/data
	for policy in exact grown changed; do
		fits --file "$f=$policy"
	done
	# another time
	touch data
	fits
	fits --file "$f=grown"
	refuses 'data was modified since .file-changed: .*--file PATTERN=grown' --file "$f=exact"
	# grown, as a log does
	echo more >>data
	fits
	fits --file "$f=grown"
	refuses 'data has .* bytes instead of .* .file-changed: .*--file PATTERN=grown' --file "$f=exact"
	# the first that matches counts
	refuses file-changed --file '*/da?a=exact' --file "$f=changed"
	fits --file "$f=changed" --file '*=exact' --file "$PWD/log=changed"
	atf_check -s exit:1 -o match:'"advice": ".*--file PATTERN=grown"' "$snapctl" restore --check --json \
	    --file "$f=exact" x.psnap
	# shrunk
	seq 500 >data
	refuses 'data has .* bytes instead of .* .file-changed: .*--file PATTERN=changed'
	refuses file-changed --file "$f=grown"
	fits --file "$f=changed"
	atf_check grep -q 'data has .* (file-changed' check.err
	fits --allow-changed
	refuses file-changed --allow-changed --file "$f=exact"
	restored --file "$f=changed"
	ended
	# of another kind, or gone
	rm data
	mkdir data
	refuses 'data is of another kind now .file-changed' --file "$f=changed"
	rmdir data
	refuses 'data: No such file.* .file-missing: bring it back, or name another with --path' --file "$f=changed"
	# there is nothing to be made of
	refuses file-missing --file "$f=carry"
	cp -p was data
	fits --file "$f=carry"
	touch data
	refuses file-changed --file "$f=carry"
}
policies_of_an_open_file_cleanup() { kill_remembered; }

atf_test_case policies_of_a_mapped_file cleanup
policies_of_a_mapped_file_head() { atf_set require.user root; }
policies_of_a_mapped_file_body() {
	pick
	seq 1000 >data
	cp "$SNAP_HELPERS/$TARGET" program
	setsid ./program map data </dev/null >log 2>&1 &
	target=$!
	remember "$target"
	wait_for 20 grep -q ready log
	away
	f=$PWD/data
	fits --file '*=exact' --file "$PWD/log=grown"
	touch data
	fits
	atf_check grep -q 'data is mapped, and was modified since (file-time' check.err
	refuses 'data is mapped, and was modified since .file-changed' --file "$f=exact"
	fits --file "$f=grown"
	echo more >>data
	refuses 'data is mapped, and has .* .file-changed: .*--file PATTERN=grown'
	fits --file "$f=changed"
	# a build id stands for the bytes
	touch program
	fits --file "$f=grown" --file "$PWD/program=exact"
	restored --file "$f=grown" --file "$PWD/program=exact"
	ended
	cp "$SNAP_HELPERS/measure" program
	refuses 'program is mapped, and is of another build now .file-changed: .*--file PATTERN=changed' --file "$f=grown"
}
policies_of_a_mapped_file_cleanup() { kill_remembered; }

# ---- what a dump holds ----

atf_test_case more_held_than_descriptors cleanup
more_held_than_descriptors_head() { atf_set require.user root; }
more_held_than_descriptors_body() {
	pick
	for i in $(seq 50); do
		echo "number $i" >$i
	done
	start_target log open $(seq 50)
	rm $(seq 50)
	ulimit -S -n 40
	away
	restored
}
more_held_than_descriptors_cleanup() { kill_remembered; }

atf_test_case held_from_small_blocks cleanup
held_from_small_blocks_head() {
	atf_set require.user root
	atf_set require.progs mkfs.ext4
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
	away
	restored
	cmp was "/proc/$target/fd/3" || atf_fail "a block is not as it was"
	ended
}
held_from_small_blocks_cleanup() {
	kill_remembered
	umount -l disk 2>/dev/null || true
}

# ---- carried along ----

# carrying MODE FILE...: a helper with these, held; dumped away
carrying() {
	pick
	start_target log "$@"
	away --carry "$PWD/d*"
}

atf_test_case carry cleanup
carry_head() { atf_set require.user root; }
carry_body() {
	seq 100000 >data
	truncate -s 3M data		# ends in a hole
	printf 'last' >>data
	chown 12:34 data
	chmod 4751 data
	touch -d '1969-12-31 23:59:58.123456789 UTC' data
	cp -p data was
	carrying open data
	atf_check -o match:' /.*/data, held$' "$snapinspect" files x.psnap
	atf_check -o match:'"held": true' "$snapinspect" files --json x.psnap
	f=$PWD/data
	# it is there: used as it is, whatever its time
	inode=$(stat -c %i data)
	touch data
	fits --file "$f=carry"
	restored --file "$f=carry"
	ended
	[ "$(stat -c %i data)" = "$inode" ] || atf_fail "the file was replaced"
	# it is missing: nothing is made unless that is asked for
	rm data
	refuses 'data: No such file.* .file-missing: .*--file PATTERN=carry'
	refuses file-missing --file '/somewhere/*=carry'
	[ ! -e data ] || atf_fail "a check made a file"
	fits --file "$f=carry"
	atf_check grep -q 'data is missing: it is made with the content held (file-carried' check.err
	[ ! -e data ] || atf_fail "a check made a file"
	restored --file "$f=carry"
	cmp was data || atf_fail "the content is another"
	[ "$(attributes data)" = "$(attributes was)" ] || atf_fail "$(echo $(attributes data was))"
	[ "$(readlink "/proc/$target/fd/3")" = "$f" ] || atf_fail "$(readlink "/proc/$target/fd/3")"
	# and once more, from there
	away --carry "$f"
	rm data
	restored --file "$f=carry"
	ended
	cmp was data || atf_fail "the content is another"
	# what is there and is not the same stays
	echo mine >data
	refuses 'data has another content than the one held .file-changed: it is not replaced' --file "$f=carry"
	refuses file-changed --allow-changed --file "$f=carry"
	printf 'x' | dd of=was bs=1 seek=2000000 conv=notrunc 2>/dev/null
	cp was data
	refuses 'data has another content than the one held' --file "$f=carry"
	cmp was data || atf_fail "a file was touched"
	# elsewhere it may be made; the path it is made at is the one that must match
	mkdir two
	refuses 'two/data: No such file' --path "$PWD=$PWD/two" --file "$f=carry" --file "$PWD/two/log=carry"
	mkdir two/sub
	restored --path "$f=$PWD/two/sub/data" --file "$PWD/two/*=carry"
	ended
	[ -e two/sub/data ] || atf_fail "it was not made elsewhere"
}
carry_cleanup() { kill_remembered; }

atf_test_case carry_everything cleanup
carry_everything_head() { atf_set require.user root; }
carry_everything_body() {
	pick
	seq 1000 >data
	: >empty
	ln data name
	cp "$SNAP_HELPERS/$TARGET" program
	setsid ./program open data name empty </dev/null >log 2>&1 &
	target=$!
	remember "$target"
	wait_for 20 grep -q ready log
	# /proc and its like are the kernel's, everything else can be held
	away --carry '*'
	rm data name empty program
	restored --file "$PWD/*=carry" --file '*=exact'
	[ "$(readlink "/proc/$target/exe")" = "$PWD/program" ] || atf_fail "$(readlink "/proc/$target/exe")"
	[ data -ef name ] || atf_fail "two names of one file are two files"
	[ -f empty ] && [ ! -s empty ] || atf_fail "an empty file is not there or not empty"
	cmp "$SNAP_HELPERS/$TARGET" program || atf_fail "the program is another"
}
carry_everything_cleanup() { kill_remembered; }

atf_test_case carry_of_mapped_files cleanup
carry_of_mapped_files_head() { atf_set require.user root; }
carry_of_mapped_files_body() {
	seq 1000 >data
	carrying map data
	rm data
	restored --file "$PWD/data=carry"
	grep -q "$PWD/data\$" "/proc/$target/maps" || atf_fail "it is not mapped"
	# files of the kernel's own are not read, and that is told
	ended
	start_target log open /proc/self/comm
	atf_check -o ignore -e match:'comm is not held.*degrades' "$snapctl" dump "$target" -o y.psnap --carry '/proc/*'
}
carry_of_mapped_files_cleanup() { kill_remembered; }

atf_test_case carry_goes_nowhere_else cleanup
carry_goes_nowhere_else_head() { atf_set require.user root; }
carry_goes_nowhere_else_body() {
	mkdir dir elsewhere
	seq 1000 >dir/data
	carrying open dir/data
	f=$PWD/dir/data
	rm -r dir
	refuses 'data cannot be made: No such file' --file "$f=carry"
	ln -s elsewhere dir
	refuses 'data cannot be made: a symbolic link leads to its folder' --file "$f=carry"
	refuses 'data cannot be made: its path has a ".."' --path "$PWD/dir=$PWD/elsewhere/../elsewhere" --file '*=carry'
	rm dir
	mkdir dir
	ln -s ../elsewhere/data dir/data
	refuses 'data cannot be made: a symbolic link that leads nowhere' --file "$f=carry"
	[ -z "$(ls elsewhere)" ] || atf_fail "a file was made elsewhere"
	rm dir/data
	restored --file "$f=carry"
}
carry_goes_nowhere_else_cleanup() { kill_remembered; }

atf_test_case carry_fails_in_turn cleanup
carry_fails_in_turn_head() {
	atf_set require.user root
	atf_set require.progs strace
}
carry_fails_in_turn_body() {
	[ -z "$SNAP_SANITIZE" ] && [ "$SNAP_ARCH" = amd64 ] || atf_skip "for the plain configuration"
	strace -o /dev/null true 2>/dev/null || atf_skip "strace does not work here"
	mkdir dir
	seq 100000 >dir/data
	ln dir/data dir/name
	carrying open dir/data dir/name
	cp -p dir/data was
	rm dir/*
	for call in openat2 openat ftruncate pwrite64 fchown fchmod utimensat fdatasync linkat clone3 memfd_create \
	    sendmsg ptrace process_vm_writev; do
		failed=0
		for n in 1 2 3 5 8 13 21; do
			timeout 60 strace -qq -o trace -e trace="$call" -e inject="$call:error=EIO:when=$n" "$snapctl" \
			    restore --detach --file "$PWD/dir/*=carry" x.psnap >stdout 2>stderr
			status=$?
			if [ $status -eq 0 ]; then
				ended
				rm dir/*
			else
				[ -s stderr ] || atf_fail "$call $n: failed without a word"
				[ -z "$(ls -A dir)" ] || { cat stderr; atf_fail "$call $n: left $(echo $(ls -A dir))"; }
				gone
				failed=$((failed + 1))
			fi
			grep -q INJECTED trace || break
		done
		[ $failed -gt 0 ] || { cat trace; atf_fail "$call never failed"; }
	done
	# a file system without unnamed files: a hidden name, which goes
	atf_check -o ignore -e ignore strace -qq -o trace -e trace=access -e inject=access:error=ENOENT "$snapctl" \
	    restore --detach --file "$PWD/dir/*=carry" x.psnap
	grep -q INJECTED trace || atf_fail "nothing was injected"
	[ "$(ls -A dir | tr '\n' ' ')" = "data name " ] || atf_fail "$(echo $(ls -A dir))"
	cmp was dir/data || atf_fail "the content is another"
}
carry_fails_in_turn_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case usage
	atf_add_test_case policies_of_an_open_file
	atf_add_test_case policies_of_a_mapped_file
	atf_add_test_case more_held_than_descriptors
	atf_add_test_case held_from_small_blocks
	atf_add_test_case carry
	atf_add_test_case carry_everything
	atf_add_test_case carry_of_mapped_files
	atf_add_test_case carry_goes_nowhere_else
	atf_add_test_case carry_fails_in_turn
}
