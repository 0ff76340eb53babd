#!/bin/sh
# SPDX-License-Identifier: ISC
# The shell's way to a VM's network: `ip` for each link, `iptables` for each
# rule. As root in the bench's namespaces; RULES is a directory with what
# `iptables -S` and iptables-save say in a VM of ours.
# ipseq.sh ipseq|iprestore RULES; ipseq.sh down
set -eu
v=bseq

in_vm()
{
	ip netns exec $v "$@"
}

links()
{
	ip netns add $v
	in_vm ip tuntap add tap0 mode tap
	ip link add bseq0 type veth peer name v0 netns $v
	in_vm ip addr add 172.16.0.1/30 dev tap0
	in_vm ip addr add 10.202.0.1/31 dev v0
	ip addr add 10.202.0.0/31 dev bseq0
	ip link set bseq0 up
	in_vm ip link set v0 up
	in_vm ip link set tap0 up
	in_vm ip route add default via 10.202.0.0
	in_vm ip neigh replace 172.16.0.2 lladdr 06:00:ac:10:00:02 dev tap0
}

case $1 in
ipseq)
	links
	# one command a rule, already quoted as the shell wants it
	# shellcheck source=/dev/null
	. "$2/commands"
	;;
iprestore)
	links
	in_vm iptables-restore < "$2/save"
	;;
down)
	ip link del bseq0
	ip netns del $v
	;;
esac
