# SPDX-License-Identifier: BSD-2-Clause
#
# Edited snapshots come to life as someone else, somewhere else.

. "$SNAP_SRC/tests/programs/common.sh"

# A folder with the helper that the snapctl under test can restore, for everyone.
prepare() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=target || TARGET=target32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	here=$(mktemp -d /tmp/edit.XXXXXX)
	echo "$here" >>folders
	chmod 755 "$here"
	mkdir "$here/one"
	cp "$SNAP_HELPERS/$TARGET" "$here/one/$TARGET"
}

clean() {
	kill_remembered
	[ ! -f folders ] || while read -r f; do rm -rf "$f"; done <folders
}

# dead COMMAND...: run in folder one with its log there, dumped to x.psnap and killed
dead() {
	(cd "$here/one" && exec setsid "$@" </dev/null >"$here/one/log" 2>&1) &
	target=$!
	remember "$target"
	wait_for 20 grep -q ready "$here/one/log"
	atf_check -o ignore -e ignore "$snapctl" dump "$target" -o x.psnap --kill
	wait "$target" 2>/dev/null
	wait_for 20 sh -c "! kill -0 $target && ! ps -e -o comm= | grep -q '$TARGET\$'"
}

live() { atf_check -o inline:"$target\n" -e ignore "$snapctl" restore --detach "$1"; }

atf_test_case another_folder cleanup
another_folder_head() { atf_set require.user root; }
another_folder_body() {
	prepare
	dead "$here/one/$TARGET" tree 3 2
	mv "$here/one" "$here/two"
	atf_check -s exit:1 -o ignore -e match:'file-missing' "$snapctl" restore --detach x.psnap
	atf_check "$snapconv" --strict -t psnap --map "path:$here/one=$here/two" x.psnap y.psnap
	live y.psnap
	target_is_alive "$here/two/log"
	for p in $target $(cat "/proc/$target/task/$target/children"); do
		[ "$(readlink "/proc/$p/exe")" = "$here/two/$TARGET" ] || atf_fail "$(readlink "/proc/$p/exe")"
		[ "$(readlink "/proc/$p/cwd")" = "$here/two" ] || atf_fail "$(readlink "/proc/$p/cwd")"
		[ "$(readlink "/proc/$p/fd/1")" = "$here/two/log" ] || atf_fail "$(readlink "/proc/$p/fd/1")"
	done
	[ ! -e "$here/one" ] || atf_fail "the old folder is there again"
}
another_folder_cleanup() { clean; }

# variable PID NAME: its value, as the kernel shows it
variable() { tr '\0' '\n' <"/proc/$1/environ" | sed -n "s/^$2=//p"; }

atf_test_case another_environment cleanup
another_environment_head() { atf_set require.user root; }
another_environment_body() {
	prepare
	dead env -i GREETING='good evening' GREET=x LAST=1 "$here/one/$TARGET" tree 2 2
	atf_check -s exit:1 -e match:'edit env:GREETING: there is room for 12 bytes only' \
	    "$snapconv" -t psnap --set env:GREETING='good afternoon' x.psnap y.psnap
	atf_check -s exit:1 -e match:'copies that the program made' -e match:'must not be' \
	    "$snapconv" --strict -t psnap --set env:GREETING=hello x.psnap y.psnap
	atf_check -e match:'edit env:GREETING, env:GREET: address-space [0-9]+: environment variable GREETING: copies' \
	    "$snapconv" -t psnap --set env:GREETING=hello --set env:GREET=y x.psnap y.psnap
	atf_check -o match:'edit env:GREETING' -o match:'lost +address-space' -o not-match:hello "$snapinspect" info y.psnap
	live y.psnap
	target_is_alive "$here/one/log"
	for p in $target $(cat "/proc/$target/task/$target/children"); do
		for want in GREETING=hello GREET=y LAST=1; do
			[ "$(variable "$p" "${want%=*}")" = "${want#*=}" ] ||
			    atf_fail "$p: $want: $(tr '\0' '\n' <"/proc/$p/environ")"
		done
	done
}
another_environment_cleanup() { clean; }

atf_test_case another_user cleanup
another_user_head() {
	atf_set require.user root
	atf_set require.progs setpriv
}
another_user_body() {
	prepare
	dead setpriv --reuid 7001 --regid 7002 --groups 7002,7004 "$here/one/$TARGET" small
	atf_check "$snapconv" --strict -t psnap --map uid:7001=8001 --map gid:7002=8002 x.psnap y.psnap
	live y.psnap
	target_is_alive "$here/one/log"
	atf_check -o match:'^Uid:	8001	8001	8001	8001$' -o match:'^Gid:	8002	8002	8002	8002$' \
	    -o match:'^Groups:	7004 8002 *$' cat "/proc/$target/status"
}
another_user_cleanup() { clean; }

atf_init_test_cases() {
	atf_add_test_case another_folder
	atf_add_test_case another_environment
	atf_add_test_case another_user
}
