# SPDX-License-Identifier: BSD-2-Clause
#
# snapconv --set and --map: on snapshots of every kind, there and back, and
# what is refused.

snapconv=$SNAP_BIN/snapconv
snapinspect=$SNAP_BIN/snapinspect
compat=$SNAP_SRC/tests/compat/1.0

# edit IN OUT OPTIONS...: nothing is lost, and the result is good
edit() {
	_in=$1 _out=$2
	shift 2
	atf_check "$snapconv" --strict -t psnap "$@" "$_in" "$_out"
	atf_check -o ignore "$snapinspect" verify "$_out"
}

# same_content A B: but for provenance
same_content() {
	atf_check -o save:content.a "$SNAP_HELPERS/records" "$1"
	atf_check -o save:content.b "$SNAP_HELPERS/records" "$2"
	atf_check cmp content.a content.b
}

atf_test_case there_and_back
there_and_back_body() {
	for f in "$compat"/*.psnap; do
		edit "$f" a.psnap --map path:/=/srv/w --map uid:0=7777 --map gid:0=8888 --set name=shop
		atf_check -s exit:1 -o not-empty "$snapinspect" diff --exit-code "$f" a.psnap
		atf_check -o match:'edit path:/=/srv/w, uid:0=7777, gid:0=8888, name=shop' "$snapinspect" info a.psnap
		name=$("$snapinspect" info --json "$f" | sed -n 's/^  "root_comm": "\(.*\)",*$/\1/p')
		case $f in */world*) name= ;; esac
		edit a.psnap b.psnap --map path:/srv/w=/ --map uid:7777=0 --map gid:8888=0 ${name:+--set name="$name"}
		[ -n "$name" ] || edit "$f" c.psnap --set name=shop
		[ -z "$name" ] || cp "$f" c.psnap
		same_content b.psnap c.psnap
	done
}

atf_test_case with_other_versions
with_other_versions_body() {
	f=$compat/amd64-tree.psnap
	atf_check -o inline:'edit hostname=web2\nversion 1.0 to 1.1\nversion 1.1 to 2.0\n' \
	    "$snapconv" -t psnap:2.0 --set hostname=web2 --plan "$f"
	atf_check "$snapconv" --strict -t psnap:2.0 --set hostname=web2 --map path:/tmp/compat=/srv/x "$f" new.psnap
	atf_check -o match:'format 2.0' -o match:' on web2$' "$snapinspect" info new.psnap
	atf_check -o match:'/srv/x/log' "$snapinspect" files new.psnap
	atf_check -o match:'/srv/x/target' -o not-match:'/tmp/compat' "$snapinspect" maps new.psnap
	# of revision 1, and back
	edit new.psnap back.psnap --map path:/srv/x=/tmp/compat --set hostname=compat
	atf_check "$snapconv" --strict -t psnap:1.0 back.psnap old.psnap
	same_content old.psnap "$f"
	# pages anew
	for how in --raw '--level 3'; do
		atf_check "$snapconv" $how -t psnap --map path:/tmp/compat=/srv/x "$f" anew.psnap
		atf_check -o ignore "$snapinspect" verify anew.psnap
	done
	# the same bytes each time, through a pipe, too
	"$snapconv" -t psnap --set name=a - - <"$f" >p.psnap || atf_fail "not through a pipe"
	edit "$f" q.psnap --set name=a
	atf_check cmp p.psnap q.psnap
}

# refused WORDS OPTIONS...: by this message, and nothing is written
refused() {
	_words=$1
	shift
	atf_check -s exit:1 -e match:"$_words" "$snapconv" -t psnap "$@" "$compat/amd64-tree.psnap" x.psnap
	[ ! -e x.psnap ] || atf_fail "refused, but written"
}

atf_test_case wrong_edits_are_refused
wrong_edits_are_refused_body() {
	refused 'edit uid:4711=1: nothing in the snapshot is concerned' --map uid:4711=1
	refused 'edit path:/tmp/comp=/x: nothing' --map path:/tmp/comp=/x
	refused 'edit env:HOME: nothing' --set env:HOME=/root
	refused 'edit uid:0=4294967295: numbers from 0' --map uid:0=4294967295
	refused 'edit uid:x=1: numbers from 0' --map uid:x=1
	refused 'edit path:/tmp=/a/../b: absolute paths' --map path:/tmp=/a/../b
	refused 'edit path:tmp=/a: absolute paths' --map path:tmp=/a
	refused 'edit hostname=a b: printable' --set 'hostname=a b'
	refused 'edit hostname=x+: hostname would have 65 bytes' --set hostname=$(printf '%065d' 0 | tr 0 x)
	refused 'edit pid:9=10: there is nothing of this name' --map pid:9=10
	refused 'edit uid=5: it is mapped, not set' --set uid=5
	refused 'edit hostname:a=b: it is set, not mapped' --map hostname:a=b
	refused 'edit uid:0=2: it contradicts another one' --map uid:0=1 --map uid:0=2
	# one of several is enough, with --plan too
	refused 'edit uid:4711=1: nothing' --set hostname=web2 --map uid:4711=1
	atf_check -s exit:1 -e match:'edit uid:x=1' "$snapconv" -t psnap --map uid:x=1 --plan "$compat/amd64-tree.psnap"
	for args in '--set hostname' '--map uid=5' '--map path:/a' '--set' '--map'; do
		atf_check -s exit:2 -e match:'^snapconv: ' "$snapconv" -t psnap "$compat/amd64-tree.psnap" x.psnap $args
	done
	atf_check -s exit:2 -e match:'--set and --map are for psnap' \
	    "$snapconv" -t core --set hostname=web2 "$compat/amd64-tree.psnap" x.core
}

atf_init_test_cases() {
	atf_add_test_case there_and_back
	atf_add_test_case with_other_versions
	atf_add_test_case wrong_edits_are_refused
}
