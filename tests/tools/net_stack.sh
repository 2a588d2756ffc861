# SPDX-License-Identifier: BSD-2-Clause
#
# Network stacks for tests: sourced by netns_test, and read on a guest's kernel by
# network.job.  net_stacks has commands that make some, a line each.

# start_in_stack COMMANDS PROGRAM: the target in a network namespace made by them; its pid in $target
start_in_stack() {
	printf '%s\n' "set -e" "$1" 'exec "$@"' >setup.sh
	: >log
	setsid unshare --net sh setup.sh "$2" rights </dev/null >log 2>&1 &
	target=$!
}

# What there is in the namespace of a process, but for what only time tells.
tell() {
	for what in '-d link' '-d address' '-d -4 route show table all' '-d -6 route show table all' '-d rule' '-d -6 rule' \
	    'neighbour show nud permanent' 'neighbour show proxy'; do
		echo "$what"
		nsenter --net=/proc/"$1"/ns/net ip -o $what
	done | sed -E 's/[a-z_]+_timer +[0-9.]+//g;
	    s/ state (listening|learning|forwarding|disabled|UP|DOWN|UNKNOWN|LOWERLAYERDOWN)//; s/ (linkdown|tentative|NO-CARRIER,)//g;
	    s/NO-CARRIER,//; s/,LOWER_UP//; s/valid_lft [0-9]+sec preferred_lft [0-9]+sec/for a while/;
	    s/link-netns(id)? [^ ]+//; s/qdisc [a-z_]+//; s/topology_change(_ack|_detected)? [01]//g; s/config_pending [01]//' | sort
	nsenter --net=/proc/"$1"/ns/net sysctl -a 2>/dev/null | grep -E '^net\.(ipv[46]\.(conf|ip|tcp|icmp_echo|ping|bindv6)|core.somaxconn)' |
	    grep -vE 'tcp_fastopen_key|ipv6.conf.*.stable_secret|\.mtu ='
}
