# SPDX-License-Identifier: BSD-2-Clause
#
# Cgroups of either version, for tests here and in guests.

controllers='pids memory cpu cpuset'

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
	for controller in $controllers; do
		folder=$(cgroups_with $controller) && below $controller "$folder" && mkdir -p "$folder/$1" || return 1
	done 2>/dev/null
	limit pids "$1" 12 pids.max && limit memory "$1" 67108864 memory.max memory.limit_in_bytes &&
	    limit memory "$1" 33554432 memory.low memory.soft_limit_in_bytes || return 1
	if [ -e "$(cgroups_with cpu)/$1/cpu.max" ]; then
		limit cpu "$1" '50000 100000' cpu.max && limit cpu "$1" 50 cpu.weight
	else
		limit cpu "$1" 50000 cpu.cfs_quota_us && limit cpu "$1" 512 cpu.shares
	fi
	limit_cpus "$(cgroups_with cpuset)" "$1"
}

# limit_cpus FOLDER NAME: to the first there is; nobody can be in a cgroup of version 1 without memory nodes
limit_cpus() {
	if [ -e "$1/$2/cgroup.clone_children" ]; then
		cat "$1/cpuset.mems" >"$1/$2/cpuset.mems" && echo 1 >"$1/$2/cgroup.clone_children"
	fi
	cat "$1/cpuset.cpus" "$1/cpuset.cpus.effective" 2>/dev/null | sed 's/[-,].*//;q' >"$1/$2/cpuset.cpus"
}

# split NAME: as a container does itself: all in it are in a cgroup within from then on; there is another one
split() {
	for controller in $controllers; do
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
	for controller in $controllers; do
		echo "$2" 2>/dev/null >"$(cgroups_with $controller)/$1/cgroup.procs" || return 1
	done
}

# tell_limits NAME: what was set by make_limited
tell_limits() {
	for f in pids:pids.max pids:sub/pids.max memory:memory.max memory:memory.limit_in_bytes memory:memory.low \
	    memory:memory.soft_limit_in_bytes cpu:cpu.max cpu:cpu.weight cpu:cpu.cfs_quota_us cpu:cpu.cfs_period_us \
	    cpu:cpu.shares cpuset:cpuset.cpus cpuset:main/cpuset.cpus; do
		file=$(cgroups_with ${f%%:*})/$1/${f#*:}
		[ ! -e "$file" ] || echo "$f $(cat "$file")"
	done
}

# is_in PID CGROUP: of each of these controllers
is_in() {
	for controller in $controllers; do
		grep -qx "$1" "$(cgroups_with $controller)/$2/cgroup.procs" || return 1
	done
}

# left NAME: the folders there are, in any hierarchy
left() {
	sed -n 's/^[^ ]* \([^ ]*\) cgroup2* .*/\1/p' /proc/self/mounts | sort -u | while read -r f; do
		[ ! -d "$f/$1" ] || find "$f/$1" -type d
	done
}

# drop NAME: all of them, when nobody is in them
drop() { left "$1" | sort -r | while read -r f; do rmdir "$f" || exit 1; done; }

# write_maker FOLDER: work.sh, which says in there whether it could make 30 processes, whenever it is asked to
write_maker() {
	cat >work.sh <<-SHELL
		cd $1 || exit 1
	SHELL
	cat >>work.sh <<-'SHELL'
		make() {
			trap 'kill $made' EXIT
			for n in $(seq 30); do
				sleep 100 &
				made="$made $!"
			done
		}
		sleep 1000 &
		echo ready
		while :; do
			if [ -e ask ]; then
				rm ask
				if (make) 2>/dev/null; then echo free; else echo limited; fi >new
				mv new answer
			fi
			sleep 0.1
		done
	SHELL
}

# sleeper_of PID: the child of work.sh that sleeps for good
sleeper_of() {
	for p in $(cat "/proc/$1/task/$1/children"); do
		! tr '\0' ' ' <"/proc/$p/cmdline" | grep -q 'sleep 1000' || echo "$p"
	done 2>/dev/null
}
