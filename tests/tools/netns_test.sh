# SPDX-License-Identifier: BSD-2-Clause
#
# Network namespaces: what ip(8) tells of one is the same after a restore, and
# outside of it nothing changes.  TCP connections in one: tcp_test.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"
. "$SNAP_SRC/tests/tools/net_stack.sh"

case_programs='unshare nsenter ip'

# made_of COMMANDS: the target in a network namespace made by them; 1 if this kernel cannot
made_of() {
	unshare --net true 2>/dev/null || atf_skip "no network namespaces here"
	pick
	start_in_stack "$1" "$SNAP_HELPERS/$TARGET"
	remember $target
	wait_for 20 sh -c "grep -q ready log || ! kill -0 $target"
	grep -q ready log
}

# What there is outside.
tell_outside() {
	ip -o link
	ip address
	ip route show table all
	ip rule
	sysctl -a 2>/dev/null | grep -E '^net\.ipv[46]\.conf'
}

# there_and_back [OPTIONS]: away, and back in a namespace like it
there_and_back() {
	tell "$target" >before
	tell_outside >outside
	dump_away --netns
	atf_check -o ignore -e ignore "$snapctl" restore --netns --detach x.psnap "$@"
	tell "$target" >after
	atf_check -o file:before cat after
	atf_check -o ignore "$snapinspect" verify x.psnap
}

# The bridge has no carrier, and so no address of its own, until twice its delay is over: for a minute.
rich='ip link set lo up
ip link add br0 type bridge stp_state 1 ageing_time 6000 forward_delay 3000 priority 1000 mcast_snooping 0
ip link add va type veth peer name vb
ip link set va master br0
bridge link set dev va cost 77 hairpin on isolated on learning off
ip link add link vb name mac0 type macvlan mode private
ip tuntap add tun0 mode tun user 1000
ip tuntap add tap0 mode tap group 7
ip link set vb alias "the other end" address 02:00:00:00:00:07 mtu 1400 txqueuelen 500 group 5
ip link set br0 up
ip link set va up
ip link set vb up promisc on
ip link set mac0 up allmulticast on
ip link set tun0 up
ip address add 10.1.0.1/24 dev br0 label br0:x
ip address add 10.1.0.2/24 dev br0
ip address add 10.2.0.1 peer 10.2.0.2/32 dev tun0
ip address add 10.3.0.1/24 broadcast + dev vb metric 70
ip address add 10.4.0.1/24 dev vb noprefixroute valid_lft 3600 preferred_lft 1800
ip address add fd00:1::1/64 dev br0 nodad
ip address add fd00:1::2/64 dev br0 nodad
ip address add fd00:2::1/64 dev vb
ip route add default via 10.1.0.254 metric 50
ip route add 10.9.0.0/16 via 10.1.0.253 src 10.1.0.2 mtu lock 1300 advmss 1000 proto static
ip route add blackhole 10.66.0.0/16
ip route add throw 10.67.0.0/16 table 100
ip route add 10.77.0.0/16 nexthop via 10.1.0.250 weight 2 nexthop via 10.3.0.250 weight 5
ip route add 10.88.0.0/16 dev tun0 table 1000
ip route add 10.99.0.0/16 via 172.16.0.1 dev vb onlink proto 99 tos 8
ip route add 10.111.0.0/16 via inet6 fd00:1::9
ip -6 route add fd00:9::/64 via fd00:1::9 pref high
ip -6 route add unreachable fd00:66::/64
ip -6 route add fd00:a::/64 dev br0 table 100
ip -6 route add fd00:b::/64 nexthop via fd00:1::7 weight 2 nexthop via fd00:1::8 weight 3
ip rule add from 10.1.0.0/24 table 100 priority 1000
ip rule add not fwmark 0x10/0xff lookup 1000 priority 1001
ip rule add iif br0 oif nothere ipproto tcp sport 7 dport 80-90 prohibit priority 1002
ip -6 rule add to fd00:9::/64 lookup 100 priority 1003
ip rule add priority 2000 lookup 100 suppress_prefixlength 0
ip rule add uidrange 5-9 goto 2000 priority 1004
ip rule delete lookup default
ip neighbour add 10.1.0.77 lladdr 02:00:00:00:00:77 dev br0
ip neighbour add fd00:1::77 lladdr 02:00:00:00:00:78 dev br0 router
ip neighbour add proxy 10.1.0.99 dev br0
sysctl -q -w net.ipv4.ip_forward=1 net.ipv4.conf.br0.rp_filter=2 net.ipv6.conf.vb.accept_ra=0 net.core.somaxconn=777
sysctl -q -w net.ipv4.ip_local_port_range="20000 30000" net.ipv4.tcp_rmem="4096 100000 2000000"
sysctl -q -w net.ipv6.conf.default.forwarding=1 net.ipv4.conf.all.arp_ignore=1 net.ipv6.conf.mac0.disable_ipv6=1
for i in $(seq 300); do ip -6 address show tentative | grep -q inet6 || break; sleep 0.1; done'

case_for_root all_of_it_comes_back 'bridge sysctl'
all_of_it_comes_back_body() {
	made_of "$rich" || atf_fail "$(cat log)"
	there_and_back
	target_is_alive log
	# what is written of it is the same, and so is the next generation
	"$snapinspect" net x.psnap | sed -n "/^network/,\$p" >first
	there_and_back
	"$snapinspect" net x.psnap | sed -n "/^network/,\$p" >second
	atf_check -o file:first cat second
	target_is_alive log
	tell_outside >outside.after
	atf_check -o file:outside cat outside.after
	atf_check -o match:'2: br0 bridge up, mtu 1500' -o match:'route  unicast 10.9.0.0/16 via 10.1.0.253 on br0 from 10.1.0.2' \
	    -o match:'rule   1001: ipv4 not from any mark 0x10/0xff: lookup table 1000' -o match:'rule   32766: ipv4 from any: lookup main table' \
	    -o match:'neighbour 10.1.0.99 on br0 proxy' \
	    cat first
	atf_check -o match:'"alias": "the other end"' -o match:'"local-ports": \[' "$snapinspect" net --json x.psnap
	atf_check -o match:'^no difference' "$snapinspect" diff x.psnap x.psnap
	atf_check -s exit:1 -e match:'interface .* no version before 2.1' "$snapconv" -t psnap:2.0 x.psnap old.psnap
}

# One of each, alone: what this kernel cannot make is passed over, but not all of it.
case_for_root each_kind_comes_back_alone
each_kind_comes_back_alone_body() {
	tried=0
	while read -r commands; do
		made_of "$commands" || continue
		there_and_back
		kill -9 "$target"
		gone
		tried=$((tried + 1))
	done <"$SNAP_SRC/tests/tools/net_stacks"
	[ $tried -ge 8 ] || atf_fail "only $tried could be tried: $(cat log)"
}

# One rule in a file of its own for each line: what this kernel has no part for is passed over.
filter_rules='ct state established,related accept
ct state vmap { invalid : drop, new : continue }
tcp dport { 7001, 7002 } counter packets 1 bytes 2 goto web
tcp dport vmap @ports
ip saddr @guests limit rate 5/second accept
ip saddr . tcp dport @pairs drop
ip daddr 192.0.2.7 update @seen { ip saddr timeout 1m }
ip daddr 192.0.2.8 add @seen { ip saddr limit rate over 10/second burst 5 packets } drop
counter name hits
ip daddr 192.0.2.9 quota name "spent" drop
limit name "slowly" continue
counter name ip saddr map @counters
ip daddr 192.0.2.10 log prefix "dropped: " level info
iifname "eth*" meta mark set 0x17
iifname "gone0" oif lo accept
tcp flags & (syn|ack) == syn ct mark set jhash ip saddr mod 16
ip6 saddr fe80::/10 reject with icmpx type admin-prohibited
ip daddr 192.0.2.11 fib saddr . iif oif missing drop
ip daddr 192.0.2.12 meta mark set numgen inc mod 10
ip daddr 192.0.2.13 ct count over 20 drop
udp dport 7009 counter drop comment "nobody is told"'
filter='table inet filter {
	comment "of a test"
	counter hits { packets 5 bytes 77
		comment "all of them"
	}
	quota spent { over 25 mbytes used 3 kbytes
	}
	limit slowly { rate 10/second burst 5 packets
	}
	set guests { type ipv4_addr; flags timeout, interval; timeout 1h; gc-interval 10m
		elements = { 10.0.0.1 timeout 30m expires 20m, 10.1.0.0/16 comment "neighbours", 10.2.0.0/16 }
	}
	set seen { type ipv4_addr; size 65535; flags dynamic, timeout; timeout 5m
		elements = { 10.3.0.4, 10.3.0.5 timeout 50m expires 40m }
	}
	set counted { type inet_service; counter; comment "with what they had"
		elements = { 80 counter packets 5 bytes 6, 81 counter packets 1 bytes 2 }
	}
	set pairs { type ipv4_addr . inet_service; flags interval
		elements = { 10.0.0.0/8 . 80-90, 10.4.0.4 . 7 }
	}
	map ports { type inet_service : verdict
		elements = { 7022 : accept, 7080 : jump web }
	}
	map addresses { type ipv4_addr . inet_service : ipv4_addr . inet_service
		elements = { 10.5.0.1 . 80 : 10.5.0.2 . 90 }
	}
	map counters { type ipv4_addr : counter
		elements = { 10.6.0.1 : "hits" }
	}
	set many { type inet_service
		elements = { 20000'$(for i in $(seq 20001 23000); do printf ', %d' "$i"; done)' }
	}
	map others { type inet_service : ipv4_addr
		elements = { 1 : 10.7.0.1, * : 10.7.0.2 }
	}
	chain web { comment "the web"
		counter packets 3 bytes 4 accept comment "let in"
	}
	chain in { type filter hook input priority filter - 5; policy accept
	}
	chain through { type filter hook forward priority 10; policy drop
	}
}
table ip nat {
	chain post { type nat hook postrouting priority srcnat
		oifname "gone0" masquerade random
		ip protocol tcp oifname "gone0" snat to 10.8.0.1:100-200
	}
	chain pre { type nat hook prerouting priority dstnat
		ip daddr 192.0.2.1 tcp dport 80 dnat to 10.8.0.2:8080
		ip daddr 192.0.2.2 dnat to ip saddr map { 10.8.0.3 : 10.8.0.4 }
		ip daddr 192.0.2.3 tcp dport 8000 redirect to :80
	}
}
table ip6 asleep { flags dormant
	chain a { type filter hook input priority 0
		ip6 daddr ::1 drop
	}
}'

# rules_of LINE...: those of a chain in a table of its own, as nft -f wants them
rules_of() {
	printf '%s\n' 'table inet t {' '	chain c {' "$@" '	}' '}'
}

# filtered: the target in a namespace with the filter above, and a lock of connections that nobody brings back
filtered() {
	printf '%s\n' "$filter" >rules
	rules_of 'type filter hook forward priority 0' 'ether type ip accept' | sed s/inet/bridge/ >bridge
	rules_of 'type filter hook ingress device "lo" priority 0' 'ip saddr 192.0.2.99 drop' | sed s/inet/netdev/ >netdev
	rules_of 'type filter hook input priority 0' 'arp operation request accept' | sed s/inet/arp/ >arp
	made_of 'ip link set lo up
nft -f rules
printf "%s\n" "$filter_rules" | while read -r rule; do
	nft "add rule inet filter in $rule" || echo "not here: $rule"
done
for table in bridge netdev arp; do
	nft -f $table || echo "not here: $table"
done
nft add table inet libsnap-0123456789abcdef'
}

# What nft(8) tells of the namespace of a process, but for what only time tells and how it calls and keeps it.
tell_filter() {
	nsenter --net=/proc/"$1"/ns/net nft -j list ruleset | python3 -c '
import json, sys
def plain(x):
    if isinstance(x, dict):
        x = {k: plain(v) for k, v in x.items() if k not in ("handle", "expires")}
        if isinstance(x.get("elem"), list):
            x["elem"].sort(key=lambda e: json.dumps(e, sort_keys=True))
        return x
    return [plain(v) for v in x] if isinstance(x, list) else x
for x in json.load(sys.stdin)["nftables"]:
    if not any("libsnap" in str(v.get("name")) for v in x.values()):
        print(json.dumps(plain(x), sort_keys=True))'
}

# filter_there_and_back: away, and back with the same filter
filter_there_and_back() {
	tell_filter "$target" >before
	dump_away --netns
	atf_check -o ignore -e ignore "$snapctl" restore --netns --detach x.psnap
	tell_filter "$target" >after
	atf_check -o file:before cat after
	atf_check -o ignore "$snapinspect" verify x.psnap
	target_is_alive log
}

# Datagrams to 7009 are lost and counted, whoever sends them to 7010 is told that nobody is there.
filters_packets() {
	nsenter --net=/proc/"$target"/ns/net python3 -c '
import socket, sys
s = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for port in (7009, 7010)]
for i in 0, 1:
    s[i].connect(("127.0.0.1", 7009 + i))
    s[i].send(b"x")
s[1].settimeout(60)
try:
    s[1].recv(1)
    sys.exit("7010 answers")
except ConnectionRefusedError:
    pass
s[0].setblocking(False)
try:
    s[0].recv(1)
except BlockingIOError:
    pass'
	nsenter --net=/proc/"$target"/ns/net nft list chain inet filter in >listed
	grep -q "udp dport 7009 counter packets $1 bytes" listed || atf_fail "not $1 packets were dropped: $(cat listed)"
}

# What the snapshot has of it, but for what goes on meanwhile.
show_filter() {
	"$snapinspect" net x.psnap | sed -E -n '/^filter/,$ { s/ for [0-9]+ s//; s/(packets|bytes)=[0-9]+/\1=N/g; p; }'
}

case_for_root filters_come_back 'nft nsenter python3'
filters_come_back_body() {
	unshare --net nft list ruleset >/dev/null 2>&1 || atf_skip "no nftables in this kernel"
	export filter_rules
	filtered || atf_fail "$(cat log)"
	[ "$(grep -c 'not here' log)" -le 8 ] || atf_fail "too few rules could be tried: $(cat log)"
	filters_packets 1
	filter_there_and_back
	show_filter >first
	filters_packets 2
	filter_there_and_back
	show_filter >second
	filters_packets 3
	nsenter --net=/proc/"$target"/ns/net nft list ruleset >listed
	# the time left is less than it was, and not all of it anew
	atf_check -o match:'10.0.0.1 timeout 30m expires 1[0-9]m' -o match:'10.3.0.5 timeout 50m expires 3[0-9]m' \
	    -o not-match:libsnap cat listed
	atf_check -o file:first cat second
	atf_check -o match:'^filter inet filter "of a test"' -o match:'object hits: counter packets=N bytes=N "all of them"' \
	    -o match:'0x0a010000 "neighbours"' -o match:'0x1ba8: jump:web' -o match:'chain in: filter input -5, policy accept' \
	    -o match:'counter packets=N bytes=N; immediate to=verdict value=drop "nobody is told"' cat first
	atf_check -o match:'"verdict": "jump:web"' "$snapinspect" net --json x.psnap
	atf_check -o match:'^no difference' "$snapinspect" diff x.psnap x.psnap
	atf_check -s exit:1 -e match:'filter-.* no version before 2.1' "$snapconv" -t psnap:2.0 x.psnap old.psnap
}

# edited TEXT: x.psnap in which rules are that
edited() { atf_check "$SNAP_HELPERS/refilter" x.psnap edited.psnap "$1"; }

# What somebody has written is taken if the kernel takes it, and nowhere but in the new namespace.
case_for_root edited_filters_are_made_or_refused nft
edited_filters_are_made_or_refused_body() {
	unshare --net nft list ruleset >/dev/null 2>&1 || atf_skip "no nftables in this kernel"
	rules_of 'type filter hook output priority 0' 'ip daddr 192.0.2.9 drop' >rules
	made_of 'nft -f rules' || atf_fail "$(cat log)"
	dump_away --netns
	{ nft list ruleset; tell_outside; } >outside
	edited 'counter packets=7 bytes=8 flags=1'
	atf_check -s exit:1 -e match:'no expression of a filter: flags=1.*network-filter' \
	    "$snapctl" restore --netns --detach edited.psnap
	edited "$(printf 'immediate to=verdict value=accept\nimmediate to=verdict value=jump:nowhere')"
	atf_check -s exit:1 -e match:'filter-rule .*making a filter of packets .c.: No such file' \
	    "$snapctl" restore --netns --detach edited.psnap
	gone
	edited "$(printf 'counter packets=7 bytes=8\nimmediate to=verdict value=accept')"
	atf_check -o ignore -e ignore "$snapctl" restore --netns --detach edited.psnap
	atf_check -o match:'counter packets 7 bytes 8 accept' nsenter --net=/proc/"$target"/ns/net nft list ruleset
	target_is_alive log
	{ nft list ruleset; tell_outside; } >outside.after
	atf_check -o file:outside cat outside.after
}

# refused_filter NAME COMMANDS: a namespace made by them is not dumped, and the table named
refused_filter() {
	made_of "$2" || return 0
	atf_check -s exit:1 -e match:"network-filter: .*$1" "$snapctl" dump "$target" --netns -o x.psnap
	target_is_alive log
	kill -9 "$target"
}

case_for_root filters_without_words_are_refused nft
filters_without_words_are_refused_body() {
	unshare --net nft add table inet firewall 2>/dev/null || atf_skip "no nftables in this kernel"
	rules_of 'jump {' accept '}' >rules
	made_of 'nft -f rules' || atf_fail "$(cat log)"
	atf_check -s exit:1 -e match:'network-filter: table t of nftables .* chain __chain' \
	    "$snapctl" dump "$target" --netns -o x.psnap
	kill -9 "$target"
	refused_filter 'flow table f' 'ip link set lo up; nft add table inet t;
	    nft "add flowtable inet t f { hook ingress priority 0; devices = { lo }; }"'
	refused_filter 'rule in chain INPUT: match' 'iptables-nft -A INPUT -m ttl --ttl-eq 5 -j DROP'
	refused_filter 'tables of iptables without nftables' 'iptables-legacy -A INPUT -j ACCEPT'
	# a table goes whole, and no other
	made_of 'nft -f rules; nft add table inet other; nft "add chain inet other c { type filter hook input priority 0; policy drop; }"' || atf_fail "$(cat log)"
	atf_check -o ignore -e match:network-filter "$snapctl" dump "$target" --netns --allow-partial -o x.psnap
	atf_check -o match:'chain c: filter input 0, policy drop' -o not-match:'filter inet t' "$snapinspect" net x.psnap
	kill -9 "$target"
}

case_for_root what_cannot_be_taken_is_refused ip
what_cannot_be_taken_is_refused_body() {
	if made_of 'ip xfrm policy add src 192.0.2.0/24 dst 198.51.100.0/24 dir out'; then
		# most 64-bit kernels do not tell it to a 32-bit snapctl
		if [ "$SNAP_ARCH" = i386 ] && [ "$(uname -m)" = x86_64 ]; then
			atf_check -o ignore -e match:'network-ipsec: whether .* is not known' \
			    "$snapctl" dump "$target" --netns -o x.psnap
		else
			atf_check -s exit:1 -e match:'network-ipsec: .*not carried' \
			    "$snapctl" dump "$target" --netns -o x.psnap
		fi
		kill -9 "$target"
	fi
	made_of 'ip link add v type vxlan id 5 dstport 4789' || made_of 'ip link add i type ifb' || atf_skip "no other kind of interface"
	atf_check -s exit:1 -e match:'network-interface: interface [vi]: it is of a kind' "$snapctl" dump "$target" --netns -o x.psnap
	target_is_alive log
	kill -9 "$target"
	# what is on top of it goes with it
	if made_of 'ip link set lo up; ip link add vx type vxlan id 5 dstport 4789; ip link add link vx name mac0 type macvlan; ip link set vx up;
	    ip link set mac0 up; ip address add 192.0.2.1/24 dev mac0; ip route add 198.51.100.0/24 dev vx'; then
		atf_check -o ignore -e match:'network-interface: interface vx' "$snapctl" dump "$target" --netns --allow-partial -o x.psnap
		atf_check -o ignore "$snapinspect" verify x.psnap
		atf_check -o match:': lo loopback' -o not-match:'mac0|vx|192.0.2|198.51' "$snapinspect" net x.psnap
		kill -9 "$target"
	fi
	start_target log small
	atf_check -s exit:1 -e match:'our own network namespace' "$snapctl" dump "$target" --netns -o x.psnap
	# and what was not taken cannot be made
	dump_away
	atf_check -s exit:1 -e match:'holds no network stack.*network-namespace' "$snapctl" restore --netns --detach x.psnap
}

# A target that is dumped away, and had an interface whose other end was here.
outside_pair() {
	rules_of 'type filter hook input priority 0' 'ip saddr { 192.0.2.9, 192.0.2.10 } drop' >rules
	made_of 'ip link set lo up; ip link add eth0 index 9 type veth peer name gone; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0
nft -f rules || echo "no nftables in this kernel"' ||
	    atf_skip "no pairs of network devices here"
	nsenter --net=/proc/$target/ns/net ip link set gone netns $$ || atf_fail "no pair"
	dump_away --netns
	wait_for 20 sh -c '! ip link show gone'
}

case_for_root an_end_outside_has_the_name_it_is_given python3
an_end_outside_has_the_name_it_is_given_body() {
	outside_pair
	atf_check -s exit:1 -e match:'end of interface eth0 was outside.*--veth.*' "$snapctl" restore --netns --detach x.psnap
	atf_check -s exit:1 -e match:'no interface eth1 had' "$snapctl" restore --netns --veth eth0=o --veth eth1=p --detach x.psnap
	atf_check -s exit:2 -e match:'NAME=OUTSIDE' "$snapctl" restore --netns --veth eth0=../x x.psnap
	atf_check -s exit:2 -e match:'with --netns or --instance only' "$snapctl" restore --veth eth0=o x.psnap
	atf_check -s exit:1 -e match:'making interface eth0: File exists' "$snapctl" restore --netns --veth eth0=lo --detach x.psnap
	atf_check -o ignore -e ignore "$snapctl" restore --netns --veth eth0=snap$$ --detach x.psnap
	ip address add 192.0.2.2/24 dev snap$$
	ip link set snap$$ up
	# nobody listens there, but somebody is there
	wait_for 20 python3 -c "
import errno, socket, sys
sys.exit(socket.socket().connect_ex(('192.0.2.1', 9)) != errno.ECONNREFUSED)"
	target_is_alive log
	kill -9 "$target"
	wait_for 20 sh -c "! ip link show snap$$"
}

# A namespace that is in use is not touched, whatever the caller says of it.
case_for_root the_host_is_not_touched strace
the_host_is_not_touched_body() {
	can_inject
	made_of "ip link set lo up; ip link add br0 type bridge; ip route add blackhole 10.66.0.0/16" || atf_fail "$(cat log)"
	dump_away --netns
	tell_outside >outside
	# it believes that it has left
	atf_check -s exit:1 -o ignore -e match:'in use.*network-not-new' \
	    strace -qq -o trace -e trace=unshare -e inject=unshare:retval=0 "$snapctl" restore --netns --detach x.psnap
	tell_outside >outside.after
	atf_check -o file:outside cat outside.after
}

case_for_root each_call_fails_in_turn strace
each_call_fails_in_turn_body() {
	can_inject
	outside_pair
	eval "old_$(command -V inventory | sed 1d)"
	inventory() {
		old_inventory
		tell_outside
		nft list ruleset 2>/dev/null
	}
	fail_each 'unshare sendto ioctl' --netns --veth eth0=snap$$
}

atf_init_test_cases() {
	for case in all_of_it_comes_back each_kind_comes_back_alone filters_come_back edited_filters_are_made_or_refused \
	    filters_without_words_are_refused what_cannot_be_taken_is_refused an_end_outside_has_the_name_it_is_given \
	    the_host_is_not_touched each_call_fails_in_turn; do
		atf_add_test_case $case
	done
}
