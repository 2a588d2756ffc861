#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make bench: what a dump and a restore cost, beside CRIU where one works, and
# a conversion, beside cp.
#
# usage: bench.sh BINDIR HELPERDIR
# Each figure is the median of RUNS runs (default 5).  Output goes to WORK
# (default a folder under /dev/shm, so that no disk is measured).
set -eu

bin=${1:?usage: bench.sh BINDIR HELPERDIR}
helpers=${2:?usage: bench.sh BINDIR HELPERDIR}
runs=${RUNS:-5}
work=${WORK:-$(mktemp -d /dev/shm/snapbench.XXXXXX)}
target=

cleanup() {
	[ -z "$target" ] || kill -9 "$target" 2>/dev/null || true
	rm -rf "$work"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)] }'; }
kib() { du -sk --apparent-size "$1" | cut -f 1; }

# "name: value" of CRIU's stats, a number in its log or 0
criu_frozen_ms() {
	crit show "$1/stats-dump" 2>/dev/null | tr ',' '\n' |
	    sed -n 's/.*"frozen_time": *\([0-9]*\).*/\1/p' | awk '{ printf "%.1f\n", $1 / 1000 }'
}

have_criu() {
	criu_label="criu: not installed"
	command -v criu >/dev/null && command -v crit >/dev/null || return 1
	criu_label="criu: cannot dump here"
	setsid "$helpers/target" small </dev/null >"$work/probe" 2>&1 &
	target=$!
	sleep 0.3
	mkdir -p "$work/probe.d"
	ok=1
	criu dump -t "$target" -D "$work/probe.d" --leave-running -v0 >/dev/null 2>&1 || ok=0
	kill -9 "$target"
	wait "$target" 2>/dev/null || true
	target=
	[ $ok = 1 ] || return 1
	criu_label=criu
}

row() { printf '%-28s %-24s %10s %10s %10s %10s\n' "$@"; }

ours() {	# name pid label options...
	name=$1 pid=$2 label=$3
	shift 3
	: >"$work/frozen"; : >"$work/total"; : >"$work/rss"
	for _ in $(seq "$runs"); do
		rm -f "$work/x.psnap"
		"$helpers/measure" "$bin/snapctl" dump "$pid" -o "$work/x.psnap" --json "$@" \
		    >"$work/json" 2>"$work/cost"
		sed -n 's/.*"frozen_ns": *\([0-9]*\).*/\1/p' "$work/json" |
		    awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/frozen"
		tail -n 1 "$work/cost" | cut -d ' ' -f 1 >>"$work/total"
		tail -n 1 "$work/cost" | cut -d ' ' -f 2 >>"$work/rss"
	done
	row "$name" "$label" "$(median <"$work/frozen")" "$(median <"$work/total")" \
	    "$(kib "$work/x.psnap")" "$(median <"$work/rss")"
	rm -f "$work/x.psnap"
}

peer() {	# name pid
	$criu_works || { row "$1" "$criu_label" - - - -; return; }
	: >"$work/frozen"; : >"$work/total"; : >"$work/rss"
	for _ in $(seq "$runs"); do
		rm -rf "$work/c"
		mkdir "$work/c"
		"$helpers/measure" criu dump -t "$2" -D "$work/c" --leave-running --tcp-established \
		    --ext-unix-sk --file-locks -v0 2>"$work/cost" >/dev/null || {
			row "$1" "criu" failed - - -
			return
		}
		criu_frozen_ms "$work/c" >>"$work/frozen"
		tail -n 1 "$work/cost" | cut -d ' ' -f 1 >>"$work/total"
		tail -n 1 "$work/cost" | cut -d ' ' -f 2 >>"$work/rss"
	done
	row "$1" "criu" "$(median <"$work/frozen")" "$(median <"$work/total")" \
	    "$(kib "$work/c")" "$(median <"$work/rss")"
	rm -rf "$work/c"
}

# Until the processes run again.  They end, and come back each time.
back() {	# name pid label "dump options" restore options...
	name=$1 pid=$2 label=$3 how=$4
	shift 4
	"$bin/snapctl" dump "$pid" -o "$work/x.psnap" --kill -q $how 2>/dev/null
	wait "$pid" 2>/dev/null || true
	: >"$work/total"
	for _ in $(seq "$runs"); do
		"$bin/snapctl" restore --detach --json --allow-partial "$@" "$work/x.psnap" >"$work/json" 2>/dev/null || {
			row "$name" "$label" failed - - -
			return
		}
		sed -n 's/.*"total_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/total"
		kill -9 "-$pid" 2>/dev/null || kill -9 "$pid"
		while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
		sleep 0.5
	done
	row "$name" "$label" - "$(median <"$work/total")" "$(kib "$work/x.psnap")" -
	rm -f "$work/x.psnap"
}

compare() {	# name pid
	ours "$1" "$2" "snapctl"
	ours "$1" "$2" "snapctl --raw" --raw
	peer "$1" "$2"
}

# Dumped with --kill and restored, again and again: nothing else ends connections without a word.
away_and_back() {	# name pid
	: >"$work/frozen"; : >"$work/away"; : >"$work/total"
	for _ in $(seq "$runs"); do
		"$bin/snapctl" dump "$2" -o "$work/x.psnap" --kill --json >"$work/json" 2>/dev/null || {
			row "$1" "snapctl --kill" failed - - -
			return
		}
		sed -n 's/.*"frozen_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/frozen"
		sed -n 's/.*"total_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/away"
		wait "$2" 2>/dev/null || true
		"$bin/snapctl" restore --detach --json "$work/x.psnap" >"$work/json" 2>/dev/null || {
			row "$1" "restore" failed - - -
			return
		}
		sed -n 's/.*"total_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/total"
	done
	row "$1" "snapctl --kill" "$(median <"$work/frozen")" "$(median <"$work/away")" "$(kib "$work/x.psnap")" -
	row "$1" "restore" - "$(median <"$work/total")" "$(kib "$work/x.psnap")" -
	rm -f "$work/x.psnap"
}

# The targets of our own are started anew for each way back.
there_and_back() {	# name arguments of target
	name=$1
	shift
	start "$@"
	compare "$name" "$target"
	back "$name" "$target" "restore" "--allow-partial"
	start "$@"
	back "$name" "$target" "restore, of --raw" "--raw --allow-partial"
	start "$@"
	back "$name" "$target" "restore --lazy" "--raw --allow-partial" --lazy
	target=
}

# A command that makes $work/out, beside others of the same input.
timed() {	# name label command...
	name=$1 label=$2
	shift 2
	: >"$work/total"; : >"$work/rss"
	for _ in $(seq "$runs"); do
		rm -f "$work/out"
		"$helpers/measure" "$@" >/dev/null 2>"$work/cost"
		tail -n 1 "$work/cost" | cut -d ' ' -f 1 >>"$work/total"
		tail -n 1 "$work/cost" | cut -d ' ' -f 2 >>"$work/rss"
	done
	row "$name" "$label" - "$(median <"$work/total")" "$(kib "$work/out")" "$(median <"$work/rss")"
	rm -f "$work/out"
}

conversion() {	# name format options...: of the target
	name=$1
	shift
	"$bin/snapctl" dump "$target" -o "$work/x.psnap" --raw -q 2>/dev/null
	stop
	timed "$name" "cp" cp "$work/x.psnap" "$work/out"
	timed "$name" "snapconv $*" "$bin/snapconv" -t "$@" "$work/x.psnap" "$work/out"
	rm -f "$work/x.psnap"
}

# Collecting alone: system calls of the whole dump, and time.
collecting() {	# name pid
	row "case" "collector" "frozen ms" "collect ms" "calls" "-"
	for c in proc bpf; do
		: >"$work/frozen"; : >"$work/total"
		for _ in $(seq "$runs"); do
			"$bin/snapctl" dump "$2" -o "$work/x.psnap" --json -q --collector $c >"$work/json" || {
				row "$1" $c failed - - -
				continue 2
			}
			sed -n 's/.*"frozen_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/frozen"
			sed -n 's/.*"collect_ns": *\([0-9]*\).*/\1/p' "$work/json" | awk '{ printf "%.1f\n", $1 / 1e6 }' >>"$work/total"
		done
		strace -f -c -e signal=none -o "$work/calls" "$bin/snapctl" dump "$2" -o "$work/x.psnap" -q --collector $c
		row "$1" $c "$(median <"$work/frozen")" "$(median <"$work/total")" \
		    "$(awk '/ total$/ { print $4 }' "$work/calls")" -
	done
	rm -f "$work/x.psnap"
	$criu_works || { row "$1" "$criu_label" - - - -; return; }
	mkdir -p "$work/c"
	strace -f -c -o "$work/calls" criu dump -t "$2" -D "$work/c" --leave-running --tcp-established \
	    --ext-unix-sk --file-locks -v0 >/dev/null 2>&1 || { row "$1" criu failed - - -; return; }
	calls=$(awk '/ total$/ { print $4 }' "$work/calls")
	rm -rf "$work/c"
	mkdir "$work/c"
	criu dump -t "$2" -D "$work/c" --leave-running --tcp-established --ext-unix-sk --file-locks -v0 >/dev/null 2>&1
	row "$1" criu "$(criu_frozen_ms "$work/c")" - "$calls" -
	rm -rf "$work/c"
}

# What start() starts.
program=$helpers/target

start() {	# arguments of target
	setsid $program "$@" </dev/null >"$work/ready" 2>&1 &
	target=$!
	until grep -q ready "$work/ready"; do kill -0 "$target"; sleep 0.05; done
}

stop() {
	kill -9 "$target" 2>/dev/null || true
	wait "$target" 2>/dev/null || true
	target=
}

criu_works=false
if have_criu; then criu_works=true; fi

row "case" "tool" "frozen ms" "total ms" "size KiB" "memory KiB"

there_and_back "one small process" small
there_and_back "one process of 1 GiB" fill 1024
there_and_back "200 processes of 20 fds" tree 200 20

start connections 1000
compare "1,000 TCP connections" "$target"
away_and_back "1,000 TCP connections" "$target"
stop

start tree 1000 20
collecting "1,000 of 20 fds, 25 maps" "$target"
stop
start sockets 200 20
collecting "200 of 40 unix sockets" "$target"
stop
program=$helpers/inet
start 200 40
collecting "200 of 40 UDP, TCP, netlink" "$target"
stop
program=$helpers/target

start fill 4096
conversion "a snapshot of 4 GiB" psnap:2.0
if [ -x "$helpers/target32" ]; then
	program="setarch --3gb $helpers/target32"
	start fill 1024 3
	conversion "4 GiB of i386 processes" psnap --abi i386
	program=$helpers/target
else
	echo "target32: not built, there is no 32-bit compiler" >&2
fi

if command -v redis-server >/dev/null; then
	setsid redis-server --port 0 --unixsocket "$work/redis.sock" --save '' --appendonly no \
	    --dir "$work" </dev/null >"$work/redis.log" 2>&1 &
	target=$!
	until [ "$(redis-cli -s "$work/redis.sock" ping 2>/dev/null)" = PONG ]; do sleep 0.1; done
	redis-cli -s "$work/redis.sock" eval \
	    'for i = 1, 1200000 do redis.call("set", "key:" .. i, string.rep(i, 8)) end' 0 >/dev/null
	compare "redis, about 200 MiB" "$target"
	stop
else
	echo "redis: not installed" >&2
fi
