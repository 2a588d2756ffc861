#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# run.sh i386|amd64 OUTDIR JOB FILES...
#
# Run the shell script JOB as root on Debian's kernel of that architecture, in
# an emulated machine: in a folder /job that holds FILES (and the shared
# libraries they need are where they are here).  Its exit status is this
# program's, its output becomes OUTDIR/log, and what it leaves in ./out becomes
# OUTDIR/out; the kernel's own messages are OUTDIR/console.
#
# GUEST_SECONDS (300) is how long it may take.  Status 125: the guest did not
# come to the end of the job, 77: there is no guest here; OUTDIR/why says why.
set -eu
arch=$1 out=$2 job=$3
shift 3
here=$(dirname "$0")
guest=${SYSROOTS:-/var/cache/libsnap}/guest-$arch

mkdir -p "$out"
missing() {
	echo "no $1: run ./configure-deps" | tee "$out/why" >&2
	exit 77
}
for p in qemu-system-x86_64 cpio; do
	command -v $p >/dev/null || missing $p
done
[ -s "$guest/vmlinux" ] || missing "$arch kernel from Debian"

work=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX")
qemu=
trap '[ -z "$qemu" ] || kill -9 $qemu 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 125' INT TERM HUP

# what the kernel unpacks as its root
root=$work/root
mkdir -p "$root/modules" "$work/share/in"
for d in bin sbin lib lib32 lib64; do
	mkdir -p "$root/usr/$d"
	ln -s "usr/$d" "$root/$d"
done
cp "$guest/busybox" "$root/bin/"
cp "$guest"/modules/*.ko "$root/modules/"
install -m 755 "$here/init" "$root/init"
ldd "$@" 2>/dev/null | sed -n 's/^\(.*=> \|	\)\(\/.*\) (0x.*)$/\2/p' |
    # pthread_exit loads it by itself
    sed 's,^\(.*/\)libc.so.6$,&\n\1libgcc_s.so.1,' | sort -u | while read -r l; do
	file=$(readlink -f "$l")
	mkdir -p "$root$(dirname "$l")" "$root$(dirname "$file")"
	cp -p "$file" "$root$file"
	[ -e "$root$l" ] || ln -s "$file" "$root$l"
done
(cd "$root" && find . | LC_ALL=C sort | cpio -o -H newc -R 0:0 --quiet) >"$work/initrd"

cp "$job" "$work/share/in/job"
[ $# = 0 ] || cp -Rp "$@" "$work/share/in/"
rm -rf "$out/log" "$out/out" "$out/console"

timeout --foreground -s KILL "${GUEST_SECONDS:-300}" setpriv --pdeathsig KILL qemu-system-x86_64 \
    -accel tcg -cpu max -m 1024 -display none -no-reboot -nodefaults -serial "file:$out/console" \
    -kernel "$guest/vmlinux" -initrd "$work/initrd" -append "console=ttyS0 panic=-1 quiet" \
    -fsdev "local,id=host,path=$work/share,security_model=none" -device virtio-9p-pci,fsdev=host,mount_tag=host \
    </dev/null >"$work/qemu.log" 2>&1 &
qemu=$!
wait $qemu || true
qemu=

[ ! -e "$work/share/log" ] || cp "$work/share/log" "$out/log"
[ ! -e "$work/share/out.tar" ] || tar -C "$out" -xf "$work/share/out.tar"
[ -s "$work/share/status" ] || {
	cat "$work/qemu.log" "$out/console" >&2
	exit 125
}
exit "$(cat "$work/share/status")"
