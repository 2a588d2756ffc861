# SPDX-License-Identifier: BSD-2-Clause
#
# Snapshots of earlier releases, and every version to every version.

snapconv=$SNAP_BIN/snapconv
snapinspect=$SNAP_BIN/snapinspect
compat=$SNAP_SRC/tests/compat
versions="1.0 1.1 2.0 2.1"

# as FILE TEXT: says its version
is_version() { "$snapinspect" info "$1" | grep -q "format $2\$" || atf_fail "$1 is not $2"; }

atf_test_case were_not_touched
were_not_touched_head() { atf_set require.progs sha256sum; }
were_not_touched_body() {
	cd "$compat" || atf_fail "no $compat"
	atf_check -o ignore sha256sum -c --strict SHA256SUMS
	[ "$(wc -l <SHA256SUMS)" -eq "$(ls 1.0/*.psnap | wc -l)" ] || atf_fail "not all are in SHA256SUMS"
}

atf_test_case are_read
are_read_body() {
	for f in "$compat"/*/*.psnap; do
		for view in info tree maps files regs coverage verify; do
			atf_check -o not-empty "$snapinspect" $view "$f"
		done
	done
}

atf_test_case every_version_to_every_version
every_version_to_every_version_body() {
	set -- "$compat"/*/*.psnap "$SNAP_VECTORS"/good-*.psnap
	case $SNAP_ARCH$SNAP_SANITIZE in
	amd64 | i386) ;;
	*) set -- "$compat"/*/world*.psnap "$compat"/*/*-inotify.psnap ;;	# emulated or sanitized: slow
	esac
	for f; do
		case $f in
		*/good-ipc* | */good-network.psnap | */good-mounts.psnap | */good-waiting.psnap | */good-external.psnap | */good-users.psnap)
			atf_check -s exit:1 -e match:'no version before 2.1' "$snapconv" -t psnap:2.0 "$f" a.psnap
			continue ;;
		*/good-cgroups.psnap)
			atf_check -s exit:1 -e match:'cgroup' "$snapconv" --strict -t psnap:2.0 "$f" a.psnap
			atf_check -e match:'which namespaces and cgroups are its own' -e match:'the limits of a cgroup' \
			    "$snapconv" -t psnap:2.0 "$f" a.psnap
			atf_check -o match:'good: ' "$snapinspect" verify a.psnap
			continue ;;
		esac
		for a in $versions; do
			atf_check "$snapconv" --strict -t psnap:$a "$f" a.psnap
			atf_check -o ignore "$snapinspect" verify a.psnap
			is_version a.psnap $a
			atf_check -o ignore "$snapinspect" diff --exit-code "$f" a.psnap
			for b in $versions; do
				atf_check "$snapconv" --strict -t psnap:$b a.psnap b.psnap
				is_version b.psnap $b
				# and back: nothing is lost on the way
				atf_check "$snapconv" --strict -t psnap:$a b.psnap c.psnap
				atf_check -o ignore "$snapinspect" verify c.psnap
				atf_check -o ignore "$snapinspect" diff --exit-code a.psnap c.psnap
			done
		done
	done
}

# but for provenance
atf_test_case round_trips_give_the_same_bytes
round_trips_give_the_same_bytes_body() {
	for f in "$compat"/1.0/*.psnap; do
		atf_check "$snapconv" -t psnap:2.0 "$f" up.psnap
		atf_check "$snapconv" -t psnap:1.0 up.psnap down.psnap
		atf_check -o save:before "$SNAP_HELPERS/records" "$f"
		atf_check -o save:after "$SNAP_HELPERS/records" down.psnap
		atf_check cmp before after
	done
}

atf_test_case page_blocks_are_copied
page_blocks_are_copied_body() {
	f=$compat/1.0/amd64-tree.psnap
	atf_check "$snapconv" -t psnap:2.0 "$f" new.psnap
	# damage goes over as it is, and is found there
	cp "$f" bad.psnap
	size=$(wc -c <"$f")
	printf '\377\377\377\377' | dd of=bad.psnap bs=1 seek=$((size / 2)) conv=notrunc 2>/dev/null
	atf_check -s exit:1 -o ignore -e ignore "$snapinspect" verify bad.psnap
	atf_check "$snapconv" -t psnap:2.0 bad.psnap badnew.psnap
	atf_check -s exit:1 -o match:'BLK-10|HASH-1' -e ignore "$snapinspect" verify badnew.psnap
	# uncompressed pages stay where they can be mapped
	atf_check "$snapconv" -t psnap:2.0 "$compat/1.0/amd64-raw.psnap" raw.psnap
	atf_check -o ignore "$snapinspect" verify raw.psnap
}

atf_test_case plans_and_losses
plans_and_losses_body() {
	f=$compat/1.0/amd64-signal_mask.psnap
	atf_check -o inline:'version 1.0 to 1.1\nversion 1.1 to 2.0\n' "$snapconv" -t psnap:2.0 --plan "$f"
	atf_check -o empty "$snapconv" -t psnap --plan "$f"
	atf_check "$snapconv" -t psnap:2.0 "$f" new.psnap
	atf_check -o inline:'version 2.0 to 1.1\nversion 1.1 to 1.0\n' "$snapconv" -t psnap:1.0 --plan new.psnap
	atf_check -o match:'version 1.1 to 2.0' "$snapinspect" info new.psnap
	atf_check -s exit:1 -e match:'no version 1.7' "$snapconv" -t psnap:1.7 "$f" x.psnap
	atf_check -s exit:2 -e match:"cannot write format 'psnap:x'" "$snapconv" -t psnap:x "$f" x.psnap
	atf_check -s exit:2 -e match:'for psnap' "$snapconv" -t core --plan "$f"
	# a signal that version 1 has no place for
	atf_check "$SNAP_HELPERS/world" wide.psnap wide
	atf_check -o match:'format 2.0' "$snapinspect" info wide.psnap
	atf_check -s exit:1 -e match:'version 2.0 to 1.1: thread [0-9]+: the signal mask: signals above 64' \
	    "$snapconv" --strict -t psnap:1.0 wide.psnap x.psnap
	[ ! -e x.psnap ] || atf_fail "refused, but written"
	atf_check -e match:'signals above 64' "$snapconv" -t psnap:1.0 wide.psnap x.psnap
	atf_check -o match:'signals above 64' "$snapinspect" info x.psnap
	# what no earlier version can stand in for
	atf_check "$SNAP_HELPERS/world" ipc.psnap ipc
	atf_check "$snapconv" -t psnap ipc.psnap y.psnap
	atf_check -o match:'format 2.1' "$snapinspect" info y.psnap
	atf_check -s exit:1 -e match:'version 2.1 to 2.0: sysv-segment [0-9]+: no version before 2.1 can hold it' \
	    "$snapconv" -t psnap:2.0 ipc.psnap z.psnap
	[ ! -e z.psnap ] || atf_fail "refused, but written"
	atf_check "$snapconv" -t psnap:2.1 wide.psnap w.psnap
	atf_check "$snapconv" -t psnap w.psnap v.psnap
	atf_check -o match:'format 2.0' "$snapinspect" info v.psnap
}

atf_test_case schema_changes_are_noticed
schema_changes_are_noticed_body() {
	compare="sh $SNAP_SRC/format/compare.sh $SNAP_SRC/format/released/1.0"
	atf_check $compare "$SNAP_SRC/format" "$SNAP_SRC/spec"
	mkdir format spec
	cp "$SNAP_SRC"/format/*.proto format
	cp "$SNAP_SRC"/spec/rules-*.md spec
	change() {
		sed "$1" "$SNAP_SRC/format/process.proto" >format/process.proto
		cmp -s format/process.proto "$SNAP_SRC/format/process.proto" && atf_fail "nothing changed by $1"
		atf_check -s exit:1 -o match:"$2" $compare format spec
	}
	change 's/uint64 signal_mask = 8;/uint32 signal_mask = 8;/' 'Thread.8 signal_mask was uint64, and is uint32'
	change 's/int32 tid = 1;/int32 other = 1;/' 'Thread.1 was tid, and is other'
	change '/uint64 robust_list = 11/d' 'Thread.11 robust_list is gone'
	change 's/reserved 38;/uint32 again = 38;/' 'Process.38 was retired'
	change 's/PROCESS_ZOMBIE = 3;/PROCESS_GHOST = 3;/' 'PROCESS_GHOST'
	cp "$SNAP_SRC/format/process.proto" format
	sed -i '/^| THR-7 |/d' spec/rules-objects.md
	atf_check -s exit:1 -o inline:'rule THR-7 was dropped\n' $compare format spec
}

atf_init_test_cases() {
	atf_add_test_case were_not_touched
	atf_add_test_case are_read
	atf_add_test_case every_version_to_every_version
	atf_add_test_case round_trips_give_the_same_bytes
	atf_add_test_case page_blocks_are_copied
	atf_add_test_case plans_and_losses
	atf_add_test_case schema_changes_are_noticed
}
