# SPDX-License-Identifier: BSD-2-Clause
#
# tcp_hosts.sh CASE, run by tcp_test.sh as the first process of namespaces of its
# own: hosts `here' and `there', a stream between them, and what CASE does to it;
# cases of real programs are in tests/programs/talks.sh.
# Prints "fine", or what is wrong.

wrong() {
	echo "wrong: $*"
	cat ./*.log ./*.err 2>/dev/null
	for h in here there; do ip netns exec $h ss -Htnoi; done
	exit 1
}

# on HOST COMMAND...
on() {
	_host=$1
	shift
	ip netns exec "$_host" "$@"
}

# until_true COMMAND...: within two minutes
until_true() {
	_tries=1200
	until "$@" >/dev/null 2>&1; do
		_tries=$((_tries - 1))
		[ $_tries -gt 0 ] || wrong "waited in vain for: $*"
		sleep 0.1
	done
}

hosts() {
	mount -t tmpfs none /run && mkdir -p /run/netns
	for h in here there; do
		ip netns add $h && ip -n $h link set lo up || wrong "no namespace"
	done
	ip link add east netns here type veth peer name west netns there || wrong "no devices"
	ip -n here addr add 10.9.0.1/24 dev east
	ip -n there addr add 10.9.0.2/24 dev west
	ip -n here addr add fd09::1/64 dev east nodad
	ip -n there addr add fd09::2/64 dev west nodad
	ip -n here link set east up
	ip -n there link set west up
}

connected() { [ -n "$(on "$1" ss -Htn state established)" ]; }

# serve ADDRESS: a server here, whose pid is $server
serve() {
	: >server.log
	on here setsid "$stream" serve "$1" 7000 </dev/null >server.log 2>server.err &
	until_true grep -q listening server.log
	server=$(sed -n 's/^pid //p' server.log)
}

# connect ADDRESS: a client there
connect() {
	: >client.log
	on there setsid "$stream" connect "$1" 7000 </dev/null >client.log 2>client.err &
	until_true grep -q pid client.log
	client=$(sed -n 's/^pid //p' client.log)
}

both_connected() {
	until_true grep -q connected server.log
	until_true grep -q connected client.log
}

# begin [ADDRESS]: the server here, the client there, talking
begin() {
	echo 100 >/proc/sys/kernel/ns_last_pid
	serve "${1:-10.9.0.1}"
	connect "${1:-10.9.0.1}"
	both_connected
	# others do not take their numbers meanwhile
	echo 2000 >/proc/sys/kernel/ns_last_pid
	sleep 0.2
}

# kill_with_dump PID FILE [OPTIONS]
kill_with_dump() { "$snapctl" dump "$1" -q -o "$2" --kill $3 >dump.out 2>dump.err || wrong "dump: $(cat dump.err)"; }
# who reads from a pipe outside the tree gets that of the restore
bring_back() {
	on "$1" "$snapctl" restore -d -q "$2" <"${typed:-/dev/null}" >restore.out 2>restore.err ||
	    wrong "restore: $(cat restore.err)"
}
locks() { on "$1" nft list tables | grep -c libsnap-; }

flowing() {
	[ "$(on there ss -Htin state established | sed -n 's/.*bytes_received:\([0-9]*\).*/\1/p')" -gt 1000000 ]
}

# Both have sent and got everything, and nothing is left behind.
all_arrived() {
	until_true flowing
	: >enough
	until_true grep -q '^sum ' server.log
	until_true grep -q '^sum ' client.log
	set -- $(grep '^sum ' server.log) $(grep '^sum ' client.log)
	[ "$2 $3" = "$6 $5" ] && [ "$2" -gt 1000000 ] || wrong "not the same bytes: $*"
	for h in here there; do
		[ "$(locks $h)" = 0 ] || wrong "a lock is left $h"
	done
	echo fine
}

server_restored_ten_times() {
	begin
	for i in 1 2 3 4 5 6 7 8 9 10; do
		kill_with_dump "$server" s.psnap
		[ "$(locks here)" = 1 ] || wrong "not locked"
		sleep 0.1
		bring_back here s.psnap
		[ "$(locks here)" = 0 ] || wrong "still locked"
		sleep 0.1
	done
	all_arrived
}

client_restored_ten_times() {
	begin
	for i in 1 2 3 4 5 6 7 8 9 10; do
		kill_with_dump "$client" c.psnap
		sleep 0.1
		bring_back there c.psnap
		sleep 0.1
	done
	all_arrived
}

both_restored() {
	begin
	for i in 1 2 3; do
		kill_with_dump "$server" s.psnap
		kill_with_dump "$client" c.psnap
		sleep 0.2
		bring_back there c.psnap
		sleep 0.2
		bring_back here s.psnap
		sleep 0.1
	done
	all_arrived
}

# move SERVER: to host `elsewhere', with the same address; the device leads to one of them
move() {
	ip netns add elsewhere && ip -n elsewhere link set lo up
	kill_with_dump "$1" s.psnap
	[ "$(locks here)" = 1 ] || wrong "not locked"
	ip link add new-east netns elsewhere type veth peer name new-west netns there
	ip -n elsewhere addr add 10.9.0.1/24 dev new-east
	ip -n elsewhere link set new-east up
	ip -n there link del west
	bring_back elsewhere s.psnap
	ip -n there addr add 10.9.0.2/24 dev new-west
	ip -n there link set new-west up
	ip netns del here
	until_true connected elsewhere
	ip netns add here
}

moved_to_another_host() {
	begin
	move "$server"
	all_arrived
}

# The host goes with the server, and comes again where the client is, by another cable.
with_its_namespace() {
	begin "$@"
	for i in 1 2 3; do
		kill_with_dump "$server" s.psnap --netns
		# one with a name ends when the name does
		if [ $i = 1 ]; then
			[ -n "$(ip -n here -o link show east up)" ] || wrong "a namespace that stays was touched"
			ip -n here link set east down
			ip netns del here
		fi
		# its other end goes with it, in its own time
		until_true sh -c '! ip -n there link show west'
		on there "$snapctl" restore --netns --check s.psnap >check.out 2>check.err && wrong "checked: $(cat check.out)"
		grep -q 'east was outside.*network-pair' check.err || wrong "$(cat check.err)"
		on there "$snapctl" restore --netns --veth east=west -d -q s.psnap >restore.out 2>restore.err ||
		    wrong "restore: $(cat restore.err)"
		ip -n there addr add 10.9.0.2/24 dev west
		ip -n there addr add fd09::2/64 dev west nodad
		ip -n there link set west up
		sleep 0.1
	done
	nsenter --net=/proc/$server/ns/net nft list tables | grep libsnap- && wrong "a lock is left in the namespace"
	ip netns add here
	all_arrived
}

with_its_namespace_by_ipv6() { with_its_namespace fd09::1; }

ipv6() {
	begin fd09::1
	kill_with_dump "$server" s.psnap
	kill_with_dump "$client" c.psnap
	bring_back here s.psnap
	bring_back there c.psnap
	all_arrived
}

# The client ends while there is no server: that is what it finds.
ended_meanwhile() {
	begin
	kill_with_dump "$server" s.psnap
	kill -9 "$client"
	sleep 0.5
	bring_back here s.psnap
	until_true grep -q 'failed: ' server.log
	grep -qE 'reset|ended|Broken' server.log || wrong "told otherwise"
	[ "$(locks here)" = 0 ] || wrong "still locked"
	echo fine
}

asking() { [ -n "$(on there ss -Htn state syn-sent)" ]; }

# waiting_for_the_server LISTENING CONNECTING [OPTIONS]: who connects while it is down is connected when it is back
waiting_for_the_server() {
	serve "$1"
	kill_with_dump "$server" s.psnap "${3:-}"
	[ "$(locks here)" = 1 ] || wrong "requests are not held back"
	connect "$2"
	until_true asking
	bring_back here s.psnap
	both_connected
	all_arrived
}

asked_meanwhile() { waiting_for_the_server 10.9.0.1 10.9.0.1; }
asked_meanwhile_by_ipv6() { waiting_for_the_server fd09::1 fd09::1; }
asked_meanwhile_of_what_bpf_told() { waiting_for_the_server 10.9.0.1 10.9.0.1 '--collector bpf'; }
asked_meanwhile_on_any_address() { waiting_for_the_server :: 10.9.0.1; }

asks_from() { "$snapinspect" net "$1" | grep -o 'will send from [0-9]*'; }

# The client is dumped and restored while it waits for an answer, and asks with the same number.
connecting() {
	serve 10.9.0.1
	on here nft 'table inet deaf { chain in { type filter hook input priority 0; tcp dport 7000 drop; }; }'
	connect 10.9.0.1
	until_true asking
	for i in 1 2; do
		kill_with_dump "$client" $i.psnap
		[ "$(locks there)" = 1 ] || wrong "its packets are not held back"
		bring_back there $i.psnap
		until_true asking
	done
	[ -n "$(asks_from 1.psnap)" ] && [ "$(asks_from 1.psnap)" = "$(asks_from 2.psnap)" ] ||
	    wrong "asks otherwise: $("$snapinspect" net 1.psnap) $("$snapinspect" net 2.psnap)"
	on here nft delete table inet deaf
	both_connected
	all_arrived
}

# serve_callers ADDRESS: a server here that accepts while there is a file called `accept'
serve_callers() {
	: >server.log
	on here setsid "$callers" serve "$1" 7000 </dev/null >server.log 2>&1 &
	until_true grep -q listening server.log
	server=$(sed -n 's/^pid //p' server.log)
}

# call ADDRESS: five there, who wait for it
call() {
	: >client.log
	on there setsid "$callers" call "$1" 7000 5 </dev/null >client.log 2>&1 &
	until_true grep -q connected client.log
}

# Nobody is left out, and a machine that is slow is not held to what is patience on others.
all_answered() {
	until_true grep -qE 'answered|failed' client.log
	grep -q answered client.log || wrong "$(cat client.log)"
	[ "$(locks here)" = 0 ] || wrong "held back: $(on here nft list ruleset)"
}

# dump_begins [OPTIONS]: and holds back who asks, if it is not over already; its pid is $dump
dump_begins() {
	"$snapctl" dump "$server" -q -o s.psnap "$@" >dump.out 2>dump.err &
	dump=$!
	until_true sh -c "! kill -0 $dump || ip netns exec here nft list tables | grep -q libsnap-"
}

# accepted_while_dumped ADDRESS [OPTIONS]: those who wait when it begins; so slow a machine that they are too late tries again
accepted_while_dumped() {
	_address=$1
	shift
	for _ in 1 2 3 4 5; do
		rm -f accept
		call "$_address"
		dump_begins "$@"
		: >accept
		wait $dump && return
		grep -q 'tcp-pending: [1-5] connection' dump.err || wrong "dump: $(cat dump.err)"
		all_answered
	done
	wrong "never dumped: $(cat dump.err)"
}

# accepted LISTENING CONNECTING [OPTIONS]
accepted() {
	serve_callers "$1"
	accepted_while_dumped "$2" $3
	all_answered
	accepted_while_dumped "$2" --stop $3
	until_true "$snapctl" resume "$server"
	all_answered
	accepted_while_dumped "$2" --kill $3
	[ "$(locks here)" = 1 ] || wrong "$(locks here) locks"
	bring_back here s.psnap
	all_answered
	call "$2"
	all_answered
	kill -9 "$server"
	echo fine
}

accepted_first() { accepted 10.9.0.1 10.9.0.1; }
accepted_first_by_ipv6() { accepted fd09::1 fd09::1; }
accepted_first_on_any_address() { accepted :: 10.9.0.1; }
accepted_first_of_what_bpf_told() { accepted 10.9.0.1 10.9.0.1 '--collector bpf'; }

# The last packet of each handshake is lost: it comes again when the server asks for it, a second later.
half_connected_first() {
	serve_callers 10.9.0.1
	: >accept
	on there nft 'table inet lossy { chain out { type filter hook output priority 0;
	    tcp dport 7000 tcp flags & (syn | ack) == ack quota until 300 bytes drop; }; }'
	call 10.9.0.1
	kill_with_dump "$server" s.psnap
	bring_back here s.psnap
	all_answered
	kill -9 "$server"
	echo fine
}

# Refused as long as nobody is accepted, by whatever way it ends, and nothing has changed.
never_accepted() {
	serve_callers 10.9.0.1
	call 10.9.0.1
	for after in '' --kill; do
		"$snapctl" dump "$server" -q -o s.psnap $after >dump.out 2>dump.err && wrong "dumped"
		grep -q 'tcp-pending: 5 connections' dump.err || wrong "$(cat dump.err)"
		[ "$(locks here)" = 0 ] || wrong "locked after a failed dump"
	done
	dump_begins --kill
	kill -TERM $dump
	wait $dump && wrong "dumped"
	until_true sh -c '! ip netns exec here nft list tables | grep -q libsnap-'
	[ ! -e s.psnap ] || wrong "a file is left"
	: >accept
	all_answered
	kill -9 "$server"
	echo fine
}

# A server that is stopped accepts nobody.
waiting_to_be_accepted() {
	serve 10.9.0.1
	kill -STOP "$server"
	connect 10.9.0.1
	until_true grep -q connected client.log
	"$snapctl" dump "$server" -q -o s.psnap --kill >dump.out 2>dump.err && wrong "dumped"
	grep -q 'tcp-pending: 1 connection' dump.err || wrong "$(cat dump.err)"
	[ "$(locks here)" = 0 ] || wrong "locked after a failed dump"
	"$snapctl" dump "$server" -o s.psnap --tcp close >dump.out 2>dump.err || wrong "dump: $(cat dump.err)"
	grep -q 'tcp-closed: 1 connection' dump.err || wrong "not told: $(cat dump.err)"
	kill -CONT "$server"
	both_connected
	all_arrived
}

# Another one has its place at once.
replaced_meanwhile() {
	serve 0.0.0.0
	kill_with_dump "$server" s.psnap
	serve 0.0.0.0
	connect 10.9.0.1
	both_connected
	"$snapctl" dump "$server" -q -o new.psnap --kill --hold-requests 0 >dump.out 2>dump.err ||
	    wrong "dump: $(cat dump.err)"
	bring_back here new.psnap
	[ "$(locks here)" = 1 ] || wrong "the first one's lock is gone"
	on here nft delete $(on here nft list tables)
	all_arrived
}

refused() { on there "$stream" connect 10.9.0.1 7000 </dev/null 2>&1 | grep -q 'connect: Connection refused'; }

refused_in_the_end() {
	serve 10.9.0.1
	"$snapctl" dump "$server" -q -o s.psnap --kill --hold-requests 0 >dump.out 2>dump.err || wrong "$(cat dump.err)"
	[ "$(locks here)" = 0 ] || wrong "a lock of nothing"
	refused || wrong "not refused"
	bring_back here s.psnap
	"$snapctl" dump "$server" -q -o s.psnap --kill --hold-requests 1 >dump.out 2>dump.err || wrong "$(cat dump.err)"
	until_true refused
	bring_back here s.psnap
	connect 10.9.0.1
	both_connected
	all_arrived
}

closed_instead() {
	begin
	kill_with_dump "$server" s.psnap
	on here "$snapctl" restore -d -q --tcp close s.psnap >restore.out 2>restore.err || wrong "$(cat restore.err)"
	until_true grep -q 'failed: .*reset' server.log
	echo fine
}

address_missing() {
	begin
	kill_with_dump "$server" s.psnap
	ip -n here addr del 10.9.0.1/24 dev east
	for bindable in 0 1; do
		on here sh -c "echo $bindable >/proc/sys/net/ipv4/ip_nonlocal_bind"
		on here "$snapctl" restore -d -q s.psnap >restore.out 2>restore.err && wrong "restored without its address"
		grep -q tcp-address restore.err || wrong "$(cat restore.err)"
	done
	ip -n here addr add 10.9.0.1/24 dev east
	bring_back here s.psnap
	all_arrived
}

taken() {
	begin
	"$snapctl" dump "$server" -q -o s.psnap >dump.out 2>dump.err || wrong "dump: $(cat dump.err)"
	on here "$snapctl" restore -d -q s.psnap >restore.out 2>restore.err && wrong "restored beside itself"
	grep -q tcp-taken restore.err || wrong "$(cat restore.err)"
	all_arrived
}

failing_leaves_it_connected() {
	begin
	# nothing can be written there
	"$snapctl" dump "$server" -q -o /dev/full/x --kill >dump.out 2>dump.err && wrong "dumped to nowhere"
	[ "$(locks here)" = 0 ] || wrong "locked after a failed dump"
	"$snapctl" dump "$server" -q -o s.psnap --tcp refuse >dump.out 2>dump.err && wrong "not refused"
	grep -q 'tcp-established' dump.err || wrong "$(cat dump.err)"
	all_arrived
}

unharmed() {
	begin
	for i in 1 2 3 4 5; do
		"$snapctl" dump "$server" -q -o s.psnap >dump.out 2>dump.err || wrong "dump: $(cat dump.err)"
		"$snapctl" dump "$client" -q -o c.psnap >dump.out 2>dump.err || wrong "dump: $(cat dump.err)"
	done
	"$snapinspect" verify s.psnap >/dev/null || wrong "not valid"
	all_arrived
}

by_views() {
	begin
	kill_with_dump "$server" s.psnap
	"$snapinspect" net s.psnap >net.out
	grep -qE ' tcp +established +.* 10.9.0.1:7000, 10.9.0.2:' net.out || wrong "$(cat net.out)"
	grep -q 'sends from .*selective acks, timestamps' net.out || wrong "$(cat net.out)"
	"$snapinspect" net --json s.psnap | grep -q '"max_segment": 1460' || wrong "$(cat net.out)"
	"$snapinspect" info s.psnap | grep -q 'format 2.1' || wrong "$("$snapinspect" info s.psnap)"
	bring_back here s.psnap
	all_arrived
}

# Whatever fails, the connection can be brought back after it, or was.
each_call_fails() {
	begin
	kill_with_dump "$server" s.psnap
	for call in socket setsockopt getsockopt bind connect sendto fcntl close; do
		for n in 1 2 3 5 8 13 21 34 55 89; do
			on here strace -qq -o trace -e trace=$call -e inject=$call:error=EIO:when=$n \
			    "$snapctl" restore -d -q s.psnap >restore.out 2>restore.err
			status=$?
			connected there || wrong "$call $n: the other end is not connected any more"
			if [ $status = 0 ]; then
				"$snapctl" dump "$server" -q -o s.psnap --kill >dump.out 2>dump.err ||
				    wrong "$call $n: dump: $(cat dump.err)"
			elif ! [ -s restore.err ]; then
				wrong "$call $n: failed without a word"
			fi
			! kill -0 "$server" 2>/dev/null || wrong "$call $n: it runs"
			[ "$(locks here)" = 1 ] || wrong "$call $n: $(locks here) locks"
			grep -q INJECTED trace || break
		done
	done
	bring_back here s.psnap
	until_true connected here
	kill -9 "$server" "$client"
	echo fine
}

# The dump of a server fails at a call, or is fine; nobody is held back after it, and the server goes on.
each_call_of_a_dump_fails() {
	serve_callers 10.9.0.1
	: >accept
	echo 2000 >/proc/sys/kernel/ns_last_pid
	for call in socket setns sendto recvfrom setsockopt; do
		for n in 2 3 8 20 27; do
			strace -f -qq -o trace -e signal=none -e trace=$call -e inject=$call:error=EIO:when=$n \
			    "$snapctl" dump "$server" -q -o s.psnap --kill >dump.out 2>dump.err
			status=$?
			if [ $status = 0 ]; then
				bring_back here s.psnap
			else
				[ -s dump.err ] || wrong "$call $n: failed without a word"
			fi
			[ "$(locks here)" = 0 ] || wrong "$call $n: $(on here nft list ruleset)"
			call 10.9.0.1
			all_answered
			grep -q INJECTED trace || break
		done
	done
	kill -9 "$server"
	echo fine
}

. "$SNAP_SRC/tests/programs/talks.sh"
hosts
"$@"
