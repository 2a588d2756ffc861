#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# make demo: dump a running redis-server, look into the snapshot, open it in
# gdb, show that redis never noticed; then end it and bring it back.
#
# usage: demo.sh BINDIR
set -eu

bin=${1:?usage: demo.sh BINDIR}
dir=$(mktemp -d)
sock=$dir/redis.sock
redis=
load=

cleanup() {
	[ -z "$load" ] || kill "$load" 2>/dev/null || true
	[ -z "$redis" ] || kill "$redis" 2>/dev/null || true
	wait 2>/dev/null || true
	rm -rf "$dir"
}
trap cleanup EXIT
trap 'exit 130' INT TERM

say() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
run() { printf '$ %s\n' "$*"; "$@"; }
cli() { redis-cli -s "$sock" "$@"; }

say "a redis-server with 100,000 keys"
# as a service is: not a job of ours
setsid redis-server --port 0 --unixsocket "$sock" --save '' --appendonly no \
    --dir "$dir" --daemonize no </dev/null >"$dir/redis.log" 2>&1 &
redis=$!
tries=0
until [ "$(cli ping 2>/dev/null)" = PONG ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { cat "$dir/redis.log"; echo "redis-server did not start" >&2; exit 1; }
	sleep 0.1
done
cli eval 'for i = 1, 100000 do redis.call("set", "key:" .. i, "value " .. i) end' 0 >/dev/null
cli set greeting 'hello from before the snapshot' >/dev/null
echo "pid $redis, $(cli dbsize) keys, $(cli info memory | tr -d '\r' | sed -n 's/^used_memory_human://p') used"

say "dump it; it runs on"
run "$bin/snapctl" dump "$redis" -o "$dir/redis.psnap"

say "what is in the snapshot"
run "$bin/snapinspect" info "$dir/redis.psnap"
run "$bin/snapinspect" tree "$dir/redis.psnap"
printf '$ snapinspect files redis.psnap | head -12\n'
"$bin/snapinspect" files "$dir/redis.psnap" | head -12

say "is it whole and consistent"
run "$bin/snapinspect" verify "$dir/redis.psnap"

say "find a value in its memory, offline"
run "$bin/snapinspect" mem --find 'hello from before the snapshot' "$dir/redis.psnap"

say "which CPU does it need"
run "$bin/snapinspect" fit "$dir/redis.psnap"
printf '$ snapinspect fit redis.psnap x86-64-v2\n'
"$bin/snapinspect" fit "$dir/redis.psnap" x86-64-v2 || [ $? -eq 1 ]

say "open it in gdb"
run "$bin/snapconv" -t core "$dir/redis.psnap" "$dir/redis.core"
gdb -batch -nx -ex 'info threads' -ex 'thread apply all backtrace' \
    "$(command -v redis-server)" "$dir/redis.core" >"$dir/gdb.log" 2>&1 || true
grep -E '^ *\*? *[0-9]+ +(LWP|Thread)|^#' "$dir/gdb.log" | head -25
grep -qE '^#[0-9]+ .* in ' "$dir/gdb.log" || { cat "$dir/gdb.log"; echo "gdb gave no backtrace" >&2; exit 1; }

say "dump it again under load: no client sees an error"
redis-benchmark -s "$sock" -t set,get -n 200000 -c 20 -q >"$dir/load.log" 2>&1 &
load=$!
sleep 0.3
n=0
while kill -0 "$load" 2>/dev/null && [ $n -lt 5 ]; do
	n=$((n + 1))
	"$bin/snapctl" dump "$redis" -o "$dir/load-$n.psnap" --allow-partial 2>/dev/null
done
if wait "$load"; then :; else cat "$dir/load.log"; echo "a client saw an error" >&2; exit 1; fi
load=
if grep -i error "$dir/load.log"; then echo "a client saw an error" >&2; exit 1; fi
tr '\r' '\n' <"$dir/load.log" | grep 'requests per second'
echo "$n dumps taken meanwhile"
run "$bin/snapinspect" verify "$dir/load-1.psnap"

say "redis answers as before"
[ "$(cli get greeting)" = 'hello from before the snapshot' ]
[ "$(cli get key:77777)" = 'value 77777' ]
echo "greeting: $(cli get greeting)"
echo "dbsize:   $(cli dbsize)"

say "dump it once more, end it, and bring it back"
run "$bin/snapctl" dump "$redis" -o "$dir/last.psnap" --kill
wait "$redis" 2>/dev/null || true
printf '$ redis-cli ping\n%s\n' "$(cli ping 2>&1 || true)"
printf '$ snapctl restore --detach last.psnap\n'
"$bin/snapctl" restore --detach "$dir/last.psnap"
tries=0
until [ "$(cli ping 2>/dev/null)" = PONG ]; do
	tries=$((tries + 1))
	[ $tries -lt 100 ] || { echo "redis-server did not come back" >&2; exit 1; }
	sleep 0.1
done
[ "$(cli get greeting)" = 'hello from before the snapshot' ]
[ "$(cli get key:77777)" = 'value 77777' ]
echo "pid $redis is back, with $(cli dbsize) keys; greeting: $(cli get greeting)"
echo
echo "demo: done"
