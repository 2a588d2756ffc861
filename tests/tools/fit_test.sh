# SPDX-License-Identifier: BSD-2-Clause
#
# snapinspect fit on real programs, against CPUs known by name and hosts
# described by files.

. "$SNAP_SRC/tests/programs/common.sh"

# helper NAME: the one that the snapctl under test can dump
helper() {
	[ "$SNAP_ARCH" = amd64 ] && TARGET=$1 || TARGET=${1}32
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
}

need_feature() {
	grep -q "^flags.*: .*\b$1\b" /proc/cpuinfo || atf_skip "this CPU has no $1"
}

# fits HOST / lacks HOST: what fit says of x.psnap; its findings are in out
fits() { atf_check -s exit:0 -o save:out "$snapinspect" fit x.psnap "$@"; }
lacks() { atf_check -s exit:1 -o save:out "$snapinspect" fit x.psnap "$@"; }
# says PATTERN / silent PATTERN
says() { grep -qE "$1" out || { cat out; atf_fail "fit does not say '$1'"; }; }
silent() { ! grep -qE "$1" out || { cat out; atf_fail "fit says '$1'"; }; }

plain() {
	TARGET=$1
	[ -x "$SNAP_HELPERS/$TARGET" ] || atf_skip "no 32-bit compiler: $TARGET was not built"
	start_target log small
	snapshot "$target" x.psnap
	atf_check -s exit:0 -o save:out "$snapinspect" fit x.psnap
	says '^this machine fits: 0 fatal, 0 possible'
	silent missing
	fits x86-64 --no-files
	says '^fatal +there +.* abi +pid '
	says 'not-examined.*not to be opened'
	silent '^fatal +missing'
}

atf_test_case a_plain_program_needs_the_baseline_amd64 cleanup
a_plain_program_needs_the_baseline_amd64_head() { atf_set require.user root; }
a_plain_program_needs_the_baseline_amd64_body() {
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "a 32-bit snapctl cannot read 64-bit processes"
	plain target
	lacks i686 --no-files
	says '^fatal +missing +lm +abi .*64-bit'
}
a_plain_program_needs_the_baseline_amd64_cleanup() { kill_remembered; }

atf_test_case a_plain_program_needs_the_baseline_i386 cleanup
a_plain_program_needs_the_baseline_i386_head() { atf_set require.user root; }
a_plain_program_needs_the_baseline_i386_body() {
	plain target32
	fits x86-64-v2 --no-files
	says 'abi .*32-bit'
	silent '^[a-z]+ +[a-z]+ +lm +abi'
}
a_plain_program_needs_the_baseline_i386_cleanup() { kill_remembered; }

atf_test_case live_registers_are_fatal cleanup
live_registers_are_fatal_head() { atf_set require.user root; }
live_registers_are_fatal_body() {
	need_feature avx
	helper vector
	start_target log live
	snapshot "$target" x.psnap
	lacks x86-64-v2 --no-files
	says "^fatal +missing +avx +registers +pid $target: "
	fits x86-64-v3 --no-files
	says '^fatal +there +avx +registers'
}
live_registers_are_fatal_cleanup() { kill_remembered; }

atf_test_case a_program_linked_for_a_level_needs_it cleanup
a_program_linked_for_a_level_needs_it_head() { atf_set require.user root; }
a_program_linked_for_a_level_needs_it_body() {
	helper vector
	start_target log
	snapshot "$target" x.psnap
	lacks x86-64-v2
	says "^fatal +missing +x86-64-v3 +needed-property +pid $target: .*/$TARGET was linked for it"
	atf_check -s ignore -o save:out "$snapinspect" fit x.psnap x86-64-v3
	says '^fatal +there +x86-64-v3 +needed-property'
	fits x86-64-v2 --no-files
	silent needed-property
}
a_program_linked_for_a_level_needs_it_cleanup() { kill_remembered; }

atf_test_case what_the_c_library_chose_is_named cleanup
what_the_c_library_chose_is_named_head() { atf_set require.user root; }
what_the_c_library_chose_is_named_body() {
	need_feature avx2
	[ "$SNAP_ARCH" = amd64 ] || atf_skip "the 32-bit C library has no variants with AVX2"
	helper vector
	start_target log
	snapshot "$target" x.psnap
	lacks x86-64-v2
	says '^fatal +missing +(avx2|avx512vl) +variant +pid .*: __[a-z]+_(avx2|evex).* of .*/vector was chosen'
	name=$(sed -nE 's/.*variant .*: (__[a-z0-9_]+) of .*/\1/p' out | head -n 1)
	nm "$SNAP_HELPERS/vector" | grep -q " $name\$" || atf_fail "there is no '$name'"
}
what_the_c_library_chose_is_named_cleanup() { kill_remembered; }

atf_test_case a_changed_file_is_not_looked_into cleanup
a_changed_file_is_not_looked_into_head() { atf_set require.user root; }
a_changed_file_is_not_looked_into_body() {
	helper vector
	cp "$SNAP_HELPERS/$TARGET" program
	SNAP_HELPERS=$PWD TARGET=program
	start_target log
	snapshot "$target" x.psnap
	lacks x86-64-v2
	says 'needed-property'
	rm program
	atf_check -s ignore -o save:out "$snapinspect" fit x.psnap x86-64-v2
	says '^possible +missing +not-examined .*/program: it is not on this machine'
	silent 'needed-property|variant'
	# a device, a link and a program of another build are not what was recorded
	mkfifo program
	atf_check -s ignore -o save:out timeout 10 "$snapinspect" fit x.psnap x86-64-v2
	says 'not-examined .*/program: it cannot be read'
	rm program
	ln -s "$snapinspect" program
	atf_check -s ignore -o save:out "$snapinspect" fit x.psnap x86-64-v2
	says 'not-examined .*/program: it cannot be read'
	rm program
	cp "$snapinspect" program
	atf_check -s ignore -o save:out "$snapinspect" fit x.psnap x86-64-v2
	says 'not-examined .*/program: it is of another build'
	silent 'needed-property|variant'
}
a_changed_file_is_not_looked_into_cleanup() { kill_remembered; }

atf_test_case hosts_are_described_by_files cleanup
hosts_are_described_by_files_head() { atf_set require.user root; atf_set require.progs python3; }
hosts_are_described_by_files_body() {
	need_feature avx2
	helper vector
	start_target log live
	snapshot "$target" x.psnap
	atf_check -o save:here.json "$snapinspect" fit --host
	fits here.json
	says '^here.json fits: 0 fatal, 0 possible, 0 harmless'
	# the snapshot's own words do as well
	atf_check -o save:info.json "$snapinspect" info --json x.psnap
	python3 -c 'import json; json.dump(json.load(open("info.json"))["host"], open("taken.json", "w"))'
	fits taken.json
	# a host that is like this one but for one thing
	cat >without.py <<-'PY'
		import json, sys
		h = json.load(open("here.json"))
		for name in sys.argv[1:]:
		    h["cpu_features"] = [f for f in h["cpu_features"] if f != name]
		    h["fpu"] = [f for f in h["fpu"] if f != name]
		json.dump(h, open("host.json", "w"))
	PY
	python3 without.py clflush erms
	atf_check -s exit:0 -o save:out -x "'$snapinspect' fit --no-files x.psnap - <host.json"
	says '^possible +missing +.*clflush'
	silent '^fatal +missing'
	python3 without.py avx
	lacks host.json --no-files
	says '^fatal +missing +avx +registers'
	atf_check -s exit:1 -o save:out.json "$snapinspect" fit --json x.psnap host.json
	python3 - <<-'PY' || atf_fail "$(cat out.json)"
		import json
		j = json.load(open("out.json"))
		missing = [f for f in j["findings"] if f["missing"]]
		assert not j["fits"] and j["host_name"] == "host.json"
		for grade in "fatal", "possible", "harmless":
		    assert j[grade] == sum(f["grade"] == grade for f in missing)
		assert {"avx"} <= {f["feature"] for f in missing if f["evidence"] == "registers"}
		for key in "pid", "object", "count", "message":
		    assert all(key in f for f in j["findings"])
		assert "avx" not in j["host"]["fpu"]
	PY
}
hosts_are_described_by_files_cleanup() { kill_remembered; }

atf_init_test_cases() {
	atf_add_test_case a_plain_program_needs_the_baseline_amd64
	atf_add_test_case a_plain_program_needs_the_baseline_i386
	atf_add_test_case live_registers_are_fatal
	atf_add_test_case a_program_linked_for_a_level_needs_it
	atf_add_test_case what_the_c_library_chose_is_named
	atf_add_test_case a_changed_file_is_not_looked_into
	atf_add_test_case hosts_are_described_by_files
}
