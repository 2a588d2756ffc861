# SPDX-License-Identifier: BSD-2-Clause
#
# Mount namespaces: what is mounted there and what is in its temporary file
# systems is the same after a restore, and outside of it nothing changes.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"

case_programs='unshare nsenter'

# made_of COMMANDS: the target in a mount namespace made by them; 1 if this kernel cannot
made_of() {
	unshare --mount true 2>/dev/null || atf_skip "no mount namespaces here"
	pick
	printf '%s\n' "set -e" "$1" 'exec "$@"' >setup.sh
	: >log
	setsid unshare --mount sh setup.sh "$SNAP_HELPERS/$TARGET" rights </dev/null >log 2>&1 &
	target=$!
	remember $target
	wait_for 20 sh -c "grep -q ready log || ! kill -0 $target"
	grep -q ready log
}

# FOLDER...: every file in there, with all that makes it but what only time tells.
tell_files() {
	python3 -c '
import hashlib, os, stat, sys
numbers = {}
for top in sys.argv[1:]:
    for folder, folders, files in sorted(os.walk(top)):
        for path in [folder] + sorted(os.path.join(folder, f) for f in files + folders):
            s = os.lstat(path)
            line = [path, oct(s.st_mode), s.st_nlink, s.st_uid, s.st_gid, s.st_rdev, s.st_mtime_ns,
                numbers.setdefault((s.st_dev, s.st_ino), len(numbers)),
                [(a, os.getxattr(path, a, follow_symlinks=False)) for a in sorted(os.listxattr(path, follow_symlinks=False))]]
            if stat.S_ISREG(s.st_mode):
                line += [s.st_size, s.st_blocks, hashlib.sha256(open(path, "rb").read()).hexdigest()]
            if stat.S_ISLNK(s.st_mode):
                line.append(os.readlink(path))
            print(*line)' "$@"
}

# tell FOLDER...: both, of the target
tell() {
	tell_mounts "$target"
	nsenter --mount=/proc/"$target"/ns/mnt sh -c "$(command -V tell_files | sed 1d)
	"'tell_files "$@"' sh "$@"
}

# there_and_back FOLDER...: away, and back in a namespace like it
there_and_back() {
	tell "$@" >before
	tell_mounts self >outside
	dump_away --mntns
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach x.psnap
	tell "$@" >after
	atf_check -o file:before cat after
	tell_mounts self >outside.after
	atf_check -o file:outside cat outside.after
	atf_check -o ignore "$snapinspect" verify x.psnap
}

rich='mkdir -p point source/below lower upper work layers
echo of the host >source/below/file
mount -t tmpfs -o size=8m,mode=1770,nosuid "a name" "$PWD/point"
cd point
mkdir -p d/e/f empty
echo hello >d/file
ln d/file d/e/same
ln -s ../d/file empty/link
ln -s /nowhere dangling
mkfifo -m 600 fifo
mknod -m 640 device c 1 3
head -c 300000 /dev/urandom >big
truncate -s 3000000 holes
echo end >>holes
: >nothing
printf "%s\n" "it is $(printf "\001\n")" >"a name with
two lines"
chown 1234:4321 d/file d/e
chmod 6755 d/file
touch -h -d "2001-02-03 04:05:06.789" dangling d/file d/e
touch -d "1960-01-01" empty
touch -h -d "2001-02-03 04:05:06.789" .
python3 -c "import os; os.setxattr(\"d/file\", \"trusted.x\", bytes(range(256))); os.setxattr(\"dangling\", \"trusted.y\", b\"\", follow_symlinks=False); os.setxattr(\".\", \"trusted.z\", b\"1\")"
cd ..
mount --bind point/d point/empty
mount -o remount,bind,ro,noexec,noatime point/empty
mount --bind source point/d/e
mount --bind source/below/file point/nothing
mount --make-unbindable point/nothing
mount -t tmpfs -o size=64k,mode=755 over point/d/e/below
echo deep >point/d/e/below/deep
mount -o remount,ro point/d/e/below
mount --make-shared point
mount -t proc proc "$PWD/point/d/e/f" 2>/dev/null || true
mount -t devpts -o newinstance,mode=620,ptmxmode=666 pts "$PWD/lower"
mount -t mqueue mqueue "$PWD/upper"
cd point/d
sync'

case_for_root all_of_it_comes_back python3
all_of_it_comes_back_body() {
	made_of "$rich" || atf_fail "$(cat log)"
	there_and_back "$PWD/point"
	target_is_alive log
	[ "$(readlink /proc/$target/cwd)" = "$PWD/point/d" ] || atf_fail "it is in $(readlink /proc/$target/cwd)"
	[ ! -e point/big ] || atf_fail "it is out here, too"
	# and the next generation
	"$snapinspect" mounts x.psnap >first
	there_and_back "$PWD/point"
	"$snapinspect" mounts x.psnap >second
	atf_check -o file:first cat second
	target_is_alive log
	atf_check -o match:"$PWD/point +temporary +a name /, [0-9]+ files, .* bytes, no_suid, shared" \
	    -o match:"$PWD/point/d/e +host +$PWD/source$" cat first
	atf_check -o match:'"kind": "temporary"' -o match:'"size=64k"' "$snapinspect" mounts --json x.psnap
	atf_check -o match:'^no difference' "$snapinspect" diff x.psnap x.psnap
	atf_check -s exit:1 -e match:'mount .* no version before 2.1' "$snapconv" -t psnap:2.0 x.psnap old.psnap
}

# A place on the host that has moved, and one whose owner has another number.
case_for_root paths_of_the_host_can_be_others python3
paths_of_the_host_can_be_others_body() {
	mkdir source place
	echo here >source/file
	made_of 'mount --bind source place; mount -t tmpfs none /mnt; echo x >/mnt/x; chown 1000:1000 /mnt/x' || atf_fail "$(cat log)"
	dump_away --mntns
	mv source moved
	atf_check -s exit:1 -e match:"to be mounted on $PWD/place: No such file" "$snapctl" restore --mntns --detach x.psnap
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach --path "$PWD/source=$PWD/moved" x.psnap
	atf_check -o inline:'here\n' cat "/proc/$target/root$PWD/place/file"
	target_is_alive log
	kill -9 "$target"
	gone
	atf_check -e ignore "$snapconv" -t psnap --map "path:$PWD/source=$PWD/moved" --map uid:1000=7 x.psnap y.psnap
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach y.psnap
	atf_check -o inline:'here\n' cat "/proc/$target/root$PWD/place/file"
	atf_check -o inline:'7 1000\n' stat -c '%u %g' "/proc/$target/root/mnt/x"
}

# Its folders are named; what was written there is written there.
case_for_root layers_are_named
layers_are_named_body() {
	mkdir lower1 lower2 upper work place
	echo low >lower2/file
	made_of 'mount -t overlay -o lowerdir=$PWD/lower1:$PWD/lower2,upperdir=$PWD/upper,workdir=$PWD/work none place
	    echo new >place/written' || atf_skip "no overlay file systems here"
	tell_mounts $target >before
	dump_away --mntns
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach x.psnap
	tell_mounts $target >after
	atf_check -o file:before cat after
	atf_check -o inline:'low\nnew\n' cat "/proc/$target/root$PWD/place/file" "/proc/$target/root$PWD/place/written"
	target_is_alive log
}

case_for_root what_cannot_be_taken_is_refused python3
what_cannot_be_taken_is_refused_body() {
	made_of 'mount -t ramfs ram /mnt' || atf_skip "no ramfs here"
	atf_check -s exit:1 -e match:'mount /mnt \(ramfs\): a file system of this type is not carried' \
	    "$snapctl" dump "$target" --mntns -o x.psnap
	target_is_alive log
	kill -9 "$target"
	made_of 'mount -t tmpfs -o size=2g none /mnt; head -c 1100000000 /dev/zero >/mnt/x' || atf_skip "no room here"
	atf_check -s exit:1 -e match:'mount-content: x of the file system none is not carried: .* more than 1 GiB' \
	    "$snapctl" dump "$target" --mntns -o x.psnap
	kill -9 "$target"
	# what is covered is left out
	made_of 'mount -t tmpfs none /mnt; mount -t tmpfs over /mnt; mkdir /mnt/x; mount -t tmpfs in /mnt/x' || atf_fail "$(cat log)"
	tell_mounts $target >before
	atf_check -o ignore -e match:'mount-covered: mount .* it is covered, and left out' "$snapctl" dump "$target" --mntns --kill -o x.psnap
	gone
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach x.psnap
	tell_mounts $target >after
	atf_check -o file:before cat after
	kill -9 "$target"
	gone
	start_target log small
	atf_check -s exit:1 -e match:'our own mount namespace' "$snapctl" dump "$target" --mntns -o x.psnap
	# and what was not taken cannot be made
	dump_away
	atf_check -s exit:1 -e match:'holds no mounts' "$snapctl" restore --mntns --detach x.psnap
}

# What a snapshot says leads nowhere but into the namespace that is made.
case_for_root a_forged_snapshot_leads_nowhere python3
a_forged_snapshot_leads_nowhere_body() {
	mkdir host
	echo the host >host/file
	made_of 'mount -t tmpfs -o size=1m,mode=700 none /mnt; ln -s / /mnt/out; mkdir /mnt/in; mount -t tmpfs inner /mnt/in; echo x >/mnt/in/file' ||
	    atf_fail "$(cat log)"
	dump_away --mntns
	tell_mounts self >outside
	while read -r field from to expect; do
		atf_check -e ignore "$SNAP_HELPERS/remount" x.psnap bad.psnap $field $from $to
		atf_check -s exit:1 -o ignore -e match:"$expect" "$snapctl" restore --mntns --detach bad.psnap
		atf_check -s exit:1 -o ignore -e match:"$expect" "$snapctl" restore --mntns --check bad.psnap
		tell_mounts self >outside.after
		atf_check -o file:outside cat outside.after
	done <<-FORGED
		point /mnt/in /mnt/out mounting on /mnt/out: Too many levels of symbolic links
		point /mnt/in /mnt/out$PWD/host mounting on /mnt/out.*: Too many levels of symbolic links
		point /mnt/in /mnt/../etc MNT-3
		point /mnt/in /etc MNT-4
		host / /proc/1/root to be mounted on /: Too many levels of symbolic links
		name file ../../out MNT|FSE-3
		name in .. FSE-3
		option size=1024k lowerdir=/etc option lowerdir=/etc is not one
	FORGED
	[ "$(cat host/file)" = "the host" ] || atf_fail "a file of the host is another"
	atf_check -o ignore -e ignore "$snapctl" restore --mntns --detach x.psnap
	target_is_alive log
}

# What is mounted is not touched, whatever the caller says of where it is.
case_for_root the_host_is_not_touched strace
the_host_is_not_touched_body() {
	can_inject
	made_of 'mount -t tmpfs none /mnt' || atf_fail "$(cat log)"
	dump_away --mntns
	tell_mounts self >outside
	# it believes that it has left
	atf_check -s exit:1 -o ignore -e match:'mount namespace of their own, and we are in the one outside' \
	    strace -qq -o trace -e trace=unshare -e inject=unshare:retval=0 "$snapctl" restore --mntns --detach x.psnap
	tell_mounts self >outside.after
	atf_check -o file:outside cat outside.after
}

case_for_root each_call_fails_in_turn strace
each_call_fails_in_turn_body() {
	can_inject
	made_of 'mount -t tmpfs -o mode=700 none /mnt; ln -s x /mnt/out; mkfifo /mnt/f; echo x >/mnt/x; ln /mnt/x /mnt/y; mount -t tmpfs -o ro r /mnt' ||
	    atf_fail "$(cat log)"
	dump_away --mntns
	eval "old_$(command -V inventory | sed 1d)"
	inventory() {
		old_inventory
		tell_mounts self
	}
	fail_each 'unshare mount openat2 fsopen fsconfig fsmount move_mount open_tree mount_setattr pivot_root umount2 mkdirat
	    symlinkat fchownat utimensat linkat fspick' --mntns
}

atf_init_test_cases() {
	for case in all_of_it_comes_back paths_of_the_host_can_be_others layers_are_named what_cannot_be_taken_is_refused \
	    a_forged_snapshot_leads_nowhere the_host_is_not_touched each_call_fails_in_turn; do
		atf_add_test_case $case
	done
}
