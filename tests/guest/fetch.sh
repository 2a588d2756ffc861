#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# Get what a guest boots from Debian's packages, which are unpacked and not
# installed: FOLDER/vmlinux, FOLDER/modules/*.ko, FOLDER/busybox; and what
# modules for it are built with: FOLDER/headers/build.
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

# one made for another list of modules is made anew, and one without headers
modules=$(echo $(sed -n 's/^[a-z_]*modules="\(.*\)"$/\1/p' "$(dirname "$0")/init"))
stamp="$modules headers"
[ "$(cat "$folder/complete" 2>/dev/null)" != "$stamp" ] || exit 0
! $only_tell || exit 1

# the package that $image stands for
kernel=$(apt-cache depends "$image:$arch" | sed -n 's/^ *Depends: \(linux-image-[^: ]*\).*/\1/p' | head -n 1)
if [ -z "$kernel" ]; then
	echo "fetch.sh: no package $image" >&2
	exit 1
fi

download() (cd "$1" && shift && apt-get -qq -o APT::Sandbox::User=root download "$@")

new=$folder.new
rm -rf "$new"
mkdir -p "$new/debs" "$new/modules"
download "$new/debs" "$kernel:$arch" "busybox-static:$arch"
for deb in "$new"/debs/*.deb; do dpkg -x "$deb" "$new/root"; done
version=$(dpkg-deb -f "$new/debs/$kernel"_*.deb Version)
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

# Headers of the very same build.  Those of all configurations are in a package
# of their own, the programs of the kernel's make are this machine's.
release=${kernel#linux-image-}
headers=linux-headers-$release
mkdir "$new/headers" "$new/headers/debs"
download "$new/headers/debs" "$headers:$arch=$version" \
    "linux-headers-$(echo "$release" | cut -d- -f1,2)-common=$version" "linux-kbuild-$(echo "$release" | cut -d. -f1,2)"
for deb in "$new"/headers/debs/*.deb; do dpkg -x "$deb" "$new/headers"; done
ln -s "usr/src/$headers" "$new/headers/build"
# it names the others by where they would be installed
sed -i "s,/usr/src/,$(realpath "$(dirname "$folder")")/$(basename "$folder")/headers/usr/src/," "$new/headers/build/Makefile"
rm -rf "$new/headers/debs"

rm -rf "$new/debs" "$new/root"
echo "$stamp" >"$new/complete"
rm -rf "$folder"
mv "$new" "$folder"
