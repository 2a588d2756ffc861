# SPDX-License-Identifier: BSD-2-Clause
#
# Programs that hold one kernel feature each, dumped, killed and restored
# twice over.  One test case for each area and kind of program.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/behaviour/areas.sh"

# behaviour PREFIX PROGRAM [RESTORE-OPTION]
behaviour() {
	[ -x "$SNAP_HELPERS/$2" ] || atf_skip "no 32-bit compiler: $2 was not built"
	unshare --pid --fork --mount-proc true 2>/dev/null || atf_skip "no pid namespaces here"
	atf_check -o match:' 0 failed' unshare --pid --ipc --net --fork --mount-proc --kill-child sh -c \
	    'ip link set lo up && exec sh "$0" "$@"' "$SNAP_SRC/tests/behaviour/run.sh" "$snapctl" "$SNAP_HELPERS/$2" "start dump restore dump restore check" "$1" $3
}

for area in $areas; do
	eval "
	atf_test_case ${area}_amd64
	${area}_amd64_head() { atf_set require.user root; atf_set require.progs unshare; }
	${area}_amd64_body() {
		[ \"\$SNAP_ARCH\" = amd64 ] || atf_skip 'a 32-bit snapctl restores 32-bit processes'
		behaviour ${area}_ behave
	}
	atf_test_case ${area}_i386
	${area}_i386_head() { atf_set require.user root; atf_set require.progs unshare; }
	${area}_i386_body() {
		[ \"\$SNAP_ARCH\" = i386 ] || [ -z \"\$SNAP_SANITIZE\" ] || atf_skip 'in the plain configuration'
		behaviour ${area}_ behave32
	}"
done

# Each in an IPC namespace of its own, where nothing is left of what was killed.
for area in mqueue sysv; do
	eval "
	atf_test_case ${area}_elsewhere_amd64
	${area}_elsewhere_amd64_head() { atf_set require.user root; atf_set require.progs unshare; }
	${area}_elsewhere_amd64_body() {
		[ \"\$SNAP_ARCH\" = amd64 ] || atf_skip 'a 32-bit snapctl restores 32-bit processes'
		behaviour ${area}_ behave --ipcns
	}
	atf_test_case ${area}_elsewhere_i386
	${area}_elsewhere_i386_head() { atf_set require.user root; atf_set require.progs unshare; }
	${area}_elsewhere_i386_body() {
		[ \"\$SNAP_ARCH\" = i386 ] || [ -z \"\$SNAP_SANITIZE\" ] || atf_skip 'in the plain configuration'
		behaviour ${area}_ behave32 --ipcns
	}"
done

atf_init_test_cases() {
	for area in mqueue sysv; do
		atf_add_test_case ${area}_elsewhere_amd64
		atf_add_test_case ${area}_elsewhere_i386
	done
	for area in $areas; do
		atf_add_test_case ${area}_amd64
		atf_add_test_case ${area}_i386
	done
}
