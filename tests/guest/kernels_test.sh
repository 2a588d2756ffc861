# SPDX-License-Identifier: BSD-2-Clause
#
# The tools on Debian's kernels, in emulated machines: an i386 one, and another
# version than ours.

. "$SNAP_SRC/tests/programs/common.sh"

# Cases of the behaviour suite that go to another kernel: of each area, without
# those that compare clocks of two boots.
travellers='eventfd_c signal_[ai] signal_nested pipe_[uw] process_child thread_f thread_local memory_p timer_vdso wait_flock wait_futex$ wait_mutex python'

# prepare ARCH: what a guest gets goes to ./files
prepare() {
	case $1 in
	amd64) tools=$SNAP_O/static suffix= fixtures=$SNAP_HELPERS ;;
	i386) tools=$SNAP_GUEST_I386 suffix=32 fixtures=$SNAP_GUEST_I386/../tests/helpers ;;
	esac
	unshare --pid --fork --mount-proc true 2>/dev/null || atf_skip "no pid namespaces here"
	[ -x "$tools/snapctl" ] || atf_skip "the libraries of $1 are missing: static tools were not built"
	[ -x "$SNAP_HELPERS/behave$suffix" ] || atf_skip "no 32-bit compiler: behave32 was not built"
	top=$PWD
	mkdir files
	cp "$tools"/* "$SNAP_SRC/tests/behaviour/run.sh" "$SNAP_SRC/tests/guest/cases" files/
	cp "$SNAP_HELPERS/behave$suffix" files/behave
	cp "$SNAP_HELPERS/bound$suffix" files/bound
	cp "$fixtures/records" files/
	sed -n 's/^CapBnd:[[:space:]]*//p' /proc/self/status >files/capabilities
	: >files/areas
}

# with_module ARCH: the kernel module goes there, too, if it could be built
with_module() {
	[ -e "$SNAP_O/module/$1/psnap.ko" ] || return 0
	cp "$SNAP_O/module/$1/psnap.ko" "$SNAP_SRC/tests/guest/module.job" files/
	cp "$SNAP_HELPERS/collected$suffix" files/collected
	cp "$SNAP_HELPERS/device$suffix" files/device
}

# with_networks: of the kinds of network interfaces, those that this kernel may not have
with_networks() {
	command -v ip >/dev/null || atf_skip "no ip(8)"
	grep 'dummy\|vlan' "$SNAP_SRC/tests/tools/net_stacks" >files/net_stacks
	cp "$(command -v ip)" "$SNAP_SRC/tests/tools/net_stack.sh" "$SNAP_SRC/tests/guest/network.job" files/
}

# with_cgroups: of version 1 and 2, whatever this kernel has
with_cgroups() {
	cp "$(command -v unshare)" "$SNAP_SRC/tests/tools/cgroups.sh" "$SNAP_SRC/tests/guest/cgroup.job" files/
}

# That all else is well is known when this is said.
module_or_skip() { [ -e files/psnap.ko ] || atf_skip "no headers of this kernel: all but the module was tested"; }

# one_of NAME...: as a regular expression
one_of() { echo "\\($(echo "$*" | sed 's/ /\\|/g')\\)"; }

# guest ARCH: run the job with ./files, into ./guest
guest() {
	status=0
	GUEST_SECONDS=600 "$SNAP_SRC/tests/guest/run.sh" "$1" guest "$SNAP_SRC/tests/guest/kernel.job" files/* || status=$?
	[ $status != 77 ] || atf_skip "$(cat guest/why)"
	cat guest/log
	[ $status = 0 ] || atf_fail "the job ended with status $status"
}

# Makes programs live below 3 GiB, as on an i386 kernel, if anything.
below=

# here STEPS NAMES [RESTORE-OPTIONS...]: cases of the behaviour suite in the current folder
here() {
	atf_check -o match:' 0 failed' unshare --pid --fork --mount-proc --kill-child \
	    $below sh "$SNAP_SRC/tests/behaviour/run.sh" "$snapctl" "$top/files/cases" "$@"
}

# convert ABI FOLDER: every snapshot in there, for a kernel of that kind
convert() {
	for s in "$2"/*/s.psnap; do
		atf_check -e ignore "$snapconv" -t psnap --abi "$1" "$s" "$s.converted"
		mv "$s.converted" "$s"
	done
}

# send: cases dumped here go to the guest as "theirs"
send() {
	mkdir files/theirs
	cd files/theirs || exit 1
	here "start dump" "$(one_of $travellers)"
	cd "$top" || exit 1
	echo "$top/files" >files/from
}

# goes_on FOLDER: what came from the guest is as it was, dumped and restored once more
goes_on() {
	cd "$top/guest/out/$1" || atf_fail "the guest left no $1"
	here "restore dump restore check" '.*' --path "/job=$top/files" --path "/job/out=$top/guest/out"
	cd "$top" || exit 1
}

# read_here COUNT: at least so many snapshots came back, and are good
read_here() {
	count=0
	for s in guest/out/*/x.psnap guest/out/*/y.psnap; do
		atf_check -o match:'^good: ' "$snapinspect" verify "$s"
		atf_check -o match:'6\.1\.' "$snapinspect" info "$s"
		atf_check -o not-empty "$snapinspect" tree "$s"
		count=$((count + 1))
	done
	[ $count -ge "$1" ] || atf_fail "only $count snapshots came back"
}

atf_test_case i386_kernel
i386_kernel_head() { atf_set require.user root; atf_set require.progs unshare; }
i386_kernel_body() {
	prepare i386
	cp "$SNAP_HELPERS/target32" files/target
	cp "$SNAP_HELPERS/unharmed32" files/unharmed
	echo 'signal_[ai] pipe_f process_m timer_posix wait_[ef] thread_[fr]' >files/areas
	with_module i386
	guest i386
	read_here 14
	module_or_skip
}

atf_test_case amd64_kernel
amd64_kernel_head() { atf_set require.user root; atf_set require.progs unshare; }
amd64_kernel_body() {
	prepare amd64
	cp "$SNAP_HELPERS/target" "$SNAP_HELPERS/unharmed" files/
	[ ! -x "$SNAP_HELPERS/target32" ] || cp "$SNAP_HELPERS/target32" files/
	echo 'process_m timer_posix thread_r' >files/areas
	echo bpf >files/collector
	with_module amd64
	with_networks
	with_cgroups
	guest amd64
	read_here 14
	atf_check -o ignore grep "^$(wc -l <files/net_stacks) network stacks were there and back" guest/log
	atf_check -o ignore grep '^a container was limited by both versions of cgroups' guest/log
	module_or_skip
}

atf_test_case between_kernels_of_two_versions
between_kernels_of_two_versions_head() {
	atf_set require.user root
	atf_set require.progs unshare
}
between_kernels_of_two_versions_body() {
	prepare amd64
	# the emulated CPU has no AVX-512, nor XSAVEC, which symbols are bound with when first called
	export LD_BIND_NOW=1 GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX512F,-AVX512VL,-AVX512BW,-AVX512CD,-AVX512DQ
	send
	unset LD_BIND_NOW GLIBC_TUNABLES
	one_of $travellers >files/ours
	guest amd64
	# what that kernel does not tell
	atf_check -o match:eventfd-semaphore "$snapinspect" coverage guest/out/ours/eventfd_count/s.psnap
	goes_on ours
	goes_on theirs
}

atf_test_case between_i386_and_amd64_kernels
between_i386_and_amd64_kernels_head() {
	atf_set require.user root
	atf_set require.progs unshare
}
between_i386_and_amd64_kernels_body() {
	prepare i386
	python=${SYSROOTS:-/var/cache/libsnap}/python-i386
	[ -d "$python" ] || atf_skip "no i386 Python from Debian: run ./configure-deps"
	cp -Rp "$python" files/python
	cp "$SNAP_SRC/tests/guest/compute.py" files/
	below='setarch --3gb'
	send
	below=
	convert i386 files/theirs
	one_of $travellers >files/ours
	guest i386
	for who in ours theirs; do
		convert amd64 guest/out/$who
		goes_on $who
	done
}

atf_init_test_cases() {
	atf_add_test_case i386_kernel
	atf_add_test_case amd64_kernel
	atf_add_test_case between_kernels_of_two_versions
	atf_add_test_case between_i386_and_amd64_kernels
}
