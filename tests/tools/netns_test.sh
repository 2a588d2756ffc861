# SPDX-License-Identifier: BSD-2-Clause
#
# Network namespaces: what ip(8) tells of one is the same after a restore, and
# outside of it nothing changes.  TCP connections in one: tcp_test.

. "$SNAP_SRC/tests/programs/common.sh"
. "$SNAP_SRC/tests/tools/failing.sh"
. "$SNAP_SRC/tests/tools/net_stack.sh"

case_for_root() {
	eval "
	atf_test_case $1 cleanup
	$1_head() { atf_set require.user root; atf_set require.progs 'unshare nsenter ip $2'; }
	$1_cleanup() { kill_remembered; }"
}

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

case_for_root what_cannot_be_taken_is_refused nft
what_cannot_be_taken_is_refused_body() {
	made_of 'nft add table inet firewall' || atf_skip "no nftables in this kernel"
	atf_check -s exit:1 -e match:'network-filter: .*rules of nftables' "$snapctl" dump "$target" --netns -o x.psnap
	kill -9 "$target"
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
	made_of 'ip link set lo up; ip link add eth0 index 9 type veth peer name gone; ip link set eth0 up; ip address add 192.0.2.1/24 dev eth0' ||
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
		nft list tables 2>/dev/null
	}
	fail_each 'unshare sendto ioctl' --netns --veth eth0=snap$$
}

atf_init_test_cases() {
	for case in all_of_it_comes_back each_kind_comes_back_alone what_cannot_be_taken_is_refused \
	    an_end_outside_has_the_name_it_is_given the_host_is_not_touched each_call_fails_in_turn; do
		atf_add_test_case $case
	done
}
