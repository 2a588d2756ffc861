# SPDX-License-Identifier: BSD-2-Clause
#
# Cgroups of either version, for tests here and in guests.

# cgroups_with CONTROLLER: the folder of the hierarchy that has it, and can be used
cgroups_with() {
	while read -r _ folder type options _; do
		case $type:,$options, in
		cgroup2:*) grep -qw "$1" "$folder/cgroup.controllers" || continue ;;
		cgroup:*,"$1",*) ;;
		*) continue ;;
		esac
		echo "$folder"
		return 0
	done </proc/self/mounts
	return 1
}

# below CONTROLLER FOLDER: the cgroups in there have it, as those of version 1 do anyway
below() {
	[ -e "$2/cgroup.subtree_control" ] || return 0
	echo "+$1" >"$2/cgroup.subtree_control"
}

# make_limited NAME: a cgroup with limits; false where there are none
make_limited() {
	for controller in pids memory cpu; do
		folder=$(cgroups_with $controller) && below $controller "$folder" && mkdir -p "$folder/$1" || return 1
	done 2>/dev/null
	limit pids "$1" 12 pids.max && limit memory "$1" 67108864 memory.max memory.limit_in_bytes &&
	    limit memory "$1" 33554432 memory.low memory.soft_limit_in_bytes || return 1
	if [ -e "$(cgroups_with cpu)/$1/cpu.max" ]; then
		limit cpu "$1" '50000 100000' cpu.max && limit cpu "$1" 50 cpu.weight
	else
		limit cpu "$1" 50000 cpu.cfs_quota_us && limit cpu "$1" 512 cpu.shares
	fi
}

# split NAME: as a container does itself: all in it are in a cgroup within from then on; there is another one
split() {
	for controller in pids memory cpu; do
		_folder=$(cgroups_with $controller)/$1
		mkdir -p "$_folder/main" "$_folder/sub" || return 1
		# some end meanwhile, others are new
		for _ in $(seq 200); do
			for pid in $(cat "$_folder/cgroup.procs"); do
				echo "$pid" >"$_folder/main/cgroup.procs"
			done 2>/dev/null
			! grep -q . "$_folder/cgroup.procs" || continue
			break
		done
	done
	below pids "$(cgroups_with pids)/$1" && limit pids "$1/sub" 5 pids.max
}

# limit CONTROLLER CGROUP VALUE FILE...: by the first of these that there is
limit() {
	_folder=$(cgroups_with "$1")/$2
	_value=$3
	shift 3
	for f; do
		[ ! -e "$_folder/$f" ] || { echo "$_value" >"$_folder/$f" 2>/dev/null; return; }
	done
	return 1
}

# join NAME PID: be in it
join() {
	for controller in pids memory cpu; do
		echo "$2" 2>/dev/null >"$(cgroups_with $controller)/$1/cgroup.procs" || return 1
	done
}

# tell_limits NAME: what was set by make_limited
tell_limits() {
	for f in pids:pids.max pids:sub/pids.max memory:memory.max memory:memory.limit_in_bytes memory:memory.low \
	    memory:memory.soft_limit_in_bytes cpu:cpu.max cpu:cpu.weight cpu:cpu.cfs_quota_us cpu:cpu.cfs_period_us \
	    cpu:cpu.shares; do
		file=$(cgroups_with ${f%%:*})/$1/${f#*:}
		[ ! -e "$file" ] || echo "$f $(cat "$file")"
	done
}

# is_in PID CGROUP: of each of these controllers
is_in() {
	for controller in pids memory cpu; do
		grep -qx "$1" "$(cgroups_with $controller)/$2/cgroup.procs" || return 1
	done
}

# left NAME: the folders there are
left() {
	for controller in pids memory cpu; do
		_folder=$(cgroups_with $controller)
		[ ! -d "$_folder/$1" ] || find "$_folder/$1" -type d
	done | sort -u
}

# drop NAME: all of them, when nobody is in them
drop() { left "$1" | sort -r | while read -r f; do rmdir "$f" || exit 1; done; }
