#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Get what a guest boots from Debian's packages, which are unpacked and not
# installed: FOLDER/vmlinux, FOLDER/modules/*.ko, FOLDER/busybox.
#
# usage: fetch.sh [--have] i386|amd64 FOLDER
#
# --have: only tell by the status whether it is all there.
set -eu

only_tell=false
if [ "$1" = --have ]; then
	only_tell=true
	shift
fi
arch=$1 folder=$2
case $arch in
i386) image=linux-image-686-pae ;;
amd64) image=linux-image-amd64 ;;
*)
	echo "fetch.sh: $arch: not i386 or amd64" >&2
	exit 2
	;;
esac

# one made for another list of modules is made anew
modules=$(sed -n 's/^modules="\(.*\)"$/\1/p' "$(dirname "$0")/init")
[ "$(cat "$folder/complete" 2>/dev/null)" != "$modules" ] || exit 0
! $only_tell || exit 1

# the package that $image stands for
kernel=$(apt-cache depends "$image:$arch" | sed -n 's/^ *Depends: \(linux-image-[^: ]*\).*/\1/p' | head -n 1)
if [ -z "$kernel" ]; then
	echo "fetch.sh: no package $image" >&2
	exit 1
fi

new=$folder.new
rm -rf "$new"
mkdir -p "$new/debs" "$new/modules"
(cd "$new/debs" && apt-get -qq -o APT::Sandbox::User=root download "$kernel:$arch" "busybox-static:$arch")
for deb in "$new"/debs/*.deb; do dpkg -x "$deb" "$new/root"; done
mv "$new/root/bin/busybox" "$new/busybox"
for m in $modules; do
	find "$new/root" -name "$m.ko" -exec mv {} "$new/modules/" \;
	if [ ! -e "$new/modules/$m.ko" ]; then
		echo "fetch.sh: $kernel has no module $m" >&2
		exit 1
	fi
done

# The kernel without its unpacker, found by the header of the boot protocol:
# under emulation, unpacking would be most of a boot.
bz=$new/root/boot/vmlinuz-${kernel#linux-image-}
field() { od -An -v "-tu$2" -j "$1" -N "$2" "$bz" | tr -d ' '; }
start=$((($(field 497 1) + 1) * 512 + $(field 584 4)))
# the last four bytes are the unpacked length
tail -c +$((start + 1)) "$bz" | head -c $(($(field 588 4) - 4)) | xz -dc >"$new/vmlinux"

rm -rf "$new/debs" "$new/root"
echo "$modules" >"$new/complete"
rm -rf "$folder"
mv "$new" "$folder"
