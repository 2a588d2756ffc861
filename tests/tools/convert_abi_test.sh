# SPDX-License-Identifier: BSD-2-Clause
#
# snapconv --abi: snapshots of i386 programs for the other kernel.

snapconv=$SNAP_BIN/snapconv
snapinspect=$SNAP_BIN/snapinspect
compat=$SNAP_SRC/tests/compat/1.0

. "$SNAP_SRC/tests/tools/abi.sh"

atf_test_case usage
usage_body() {
	atf_check -s exit:2 -e match:"'sparc' is not i386 or amd64" "$snapconv" -t psnap --abi sparc a b
	atf_check -s exit:2 -e match:'--abi is for psnap' "$snapconv" -t core --abi i386 a b
}

atf_test_case there_and_back_the_same_bytes
there_and_back_the_same_bytes_body() {
	atf_check "$SNAP_HELPERS/world" world.psnap all-i386
	there_and_back world.psnap 2
	atf_check -o match:'uname will tell i686 instead of x86_64' -o match:'pid 200: it can map 3 GiB' cat losses
	atf_check -s exit:1 -e match:'something would be lost' "$snapconv" --strict -t psnap --abi i386 world.psnap x
	# in other versions, and with pages encoded anew
	atf_check -e ignore "$snapconv" -t psnap:2.0 --abi i386 --raw world.psnap new.psnap
	atf_check -o match:'format 2.0' "$snapinspect" info new.psnap
	atf_check -o ignore "$snapinspect" diff --exit-code i.psnap new.psnap
	# 1.0 cannot tell what it was taken under: a snapshot as of an i386 kernel
	atf_check -e match:'taken_abi' "$snapconv" -t psnap:1.0 --abi i386 world.psnap native.psnap
	atf_check "$snapconv" --strict -t psnap --abi amd64 native.psnap x.psnap
	atf_check -o match:'"taken_abi": "i386"' "$snapinspect" info --json x.psnap
}

atf_test_case there_and_back_the_same_blocks
there_and_back_the_same_blocks_body() {
	atf_check "$SNAP_HELPERS/world" world.psnap all-i386
	atf_check -e ignore "$snapconv" -t psnap --abi i386 world.psnap i.psnap
	atf_check "$snapconv" -t psnap --abi amd64 i.psnap b.psnap
	# from the header of a page block to the index: the bytes of the page blocks
	for f in world b; do
		at=$(grep -abo PBK1 $f.psnap | sed -n 2p | cut -d : -f 1)
		end=$(grep -abo PBK1 $f.psnap | sed -n 3p | cut -d : -f 1)
		dd if=$f.psnap of=$f.pages bs=1 skip=$at count=$((end - at)) 2>/dev/null
		[ -s $f.pages ] || atf_fail "no page block in $f"
	done
	atf_check cmp world.pages b.pages
}

atf_test_case what_does_not_fit_is_named
what_does_not_fit_is_named_body() {
	for f in i386-nested-handlers i386-tree i386-signal_mask; do
		atf_check -s exit:1 -e save:err "$snapconv" -t psnap --abi i386 "$compat/$f.psnap" x.psnap
		[ ! -e x.psnap ] || atf_fail "refused, but written"
		"$snapinspect" maps "$compat/$f.psnap" | grep -c '^ *[c-f][0-9a-f]\{7\}-' >above
		[ "$(grep -c 'mapping [0-9]*: pid [0-9]*: 0x[c-f].* is above 3 GiB' err)" -eq "$(cat above)" ] ||
		    atf_fail "$f: $(cat above) mappings are above 3 GiB"
		atf_check -o match:'things stand in the way' tail -n 1 err
		atf_check "$snapconv" -t psnap --abi amd64 "$compat/$f.psnap" same.psnap
	done
	atf_check -s exit:1 -e match:'process [0-9]+: pid [0-9]+: .* is not an i386 program' \
	    "$snapconv" -t psnap --abi i386 "$compat/amd64-tree.psnap" x.psnap
}

atf_init_test_cases() {
	atf_add_test_case usage
	atf_add_test_case there_and_back_the_same_bytes
	atf_add_test_case there_and_back_the_same_blocks
	atf_add_test_case what_does_not_fit_is_named
}
