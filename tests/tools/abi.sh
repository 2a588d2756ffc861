# SPDX-License-Identifier: BSD-2-Clause
#
# What the tests of snapconv --abi share.

# signal_frames FILE CODE DATA: how many contexts in memory have these selectors, in hex
signal_frames() {
	"$snapinspect" mem --find-hex "$3 00 00 00 $3 00 00 00 $(printf '?? %.0s' $(seq 44)) $2 00 00 00 $(printf '?? %.0s' $(seq 8)) $3 00 00 00" "$1" | wc -l
}

# there_and_back FILE FRAMES: from amd64 to i386, i.psnap, and back, b.psnap
there_and_back() {
	atf_check -o inline:'version 1.0 to 1.1\nabi amd64 to i386\n' "$snapconv" -t psnap --abi i386 --plan "$1"
	atf_check -e save:losses "$snapconv" -t psnap --abi i386 "$1" i.psnap
	atf_check -o inline:'abi i386 to amd64\nversion 1.1 to 1.0\n' "$snapconv" -t psnap --abi amd64 --plan i.psnap
	atf_check "$snapconv" --strict -t psnap --abi amd64 i.psnap b.psnap
	for f in i b; do
		atf_check -o ignore "$snapinspect" verify $f.psnap
	done
	atf_check -o match:'^restore +under a kernel of i386' -o match:'^kernel .* amd64 on ' \
	    -o match:"note +abi amd64 to i386: $2 signal frames rewritten" "$snapinspect" info i.psnap
	atf_check -o not-match:'^restore' "$snapinspect" info b.psnap
	# as many as there are, in the numbers of one kernel, then of the other
	[ "$(signal_frames "$1" 23 2b)" -eq $2 ] && [ "$(signal_frames "$1" 73 7b)" -eq 0 ] || atf_fail "before"
	[ "$(signal_frames i.psnap 73 7b)" -eq $2 ] && [ "$(signal_frames i.psnap 23 2b)" -eq 0 ] || atf_fail "there"
	# home again, nothing is different
	atf_check -o ignore "$snapinspect" diff --exit-code "$1" b.psnap
	atf_check -o save:before "$SNAP_HELPERS/records" "$1"
	atf_check -o save:after "$SNAP_HELPERS/records" b.psnap
	atf_check cmp before after
	# nothing to be done
	atf_check -o empty "$snapconv" -t psnap --abi amd64 --plan "$1"
}
