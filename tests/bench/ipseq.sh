#!/bin/sh
# SPDX-License-Identifier: ISC
# The shell's way to a VM's network: `ip` for each link, and `iptables` for
# each rule of a list like a VM of ours has it, or one iptables-restore. As root
# in the bench's namespaces; SAVED is what iptables-save said after ipseq.
# ipseq.sh ipseq; ipseq.sh iprestore SAVED; ipseq.sh save > SAVED; ipseq.sh down
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

t()
{
	in_vm iptables "$@"
}

DENIED='0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16
172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.168.0.0/16 198.18.0.0/15
198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4'

rules()
{
	t -P INPUT DROP
	t -P OUTPUT DROP
	t -P FORWARD DROP
	t -N EGRESS
	t -N ALLOW
	t -N PUB
	t -t raw -A PREROUTING -i tap0 -m mac ! --mac-source \
	    06:00:ac:10:00:02 -j DROP
	t -t raw -A PREROUTING -i tap0 ! -s 172.16.0.2 -j DROP
	t -t nat -A PREROUTING -i v0 -p tcp --dport 80 -j DNAT \
	    --to-destination 172.16.0.2:80
	t -t nat -A POSTROUTING -o v0 -j MASQUERADE
	t -A FORWARD -m conntrack --ctstate INVALID -j DROP
	t -A FORWARD -i tap0 -o v0 -j EGRESS
	t -A FORWARD -i v0 -o tap0 -j PUB
	t -A EGRESS -p udp -d 9.9.9.9 --dport 53 -j ACCEPT
	t -A EGRESS -p tcp -d 9.9.9.9 --dport 53 -j ACCEPT
	for d in $DENIED; do
		t -A EGRESS -d "$d" -j DROP
	done
	t -A EGRESS -j ALLOW
	t -A ALLOW -p tcp -d 93.184.215.7 --dport 443 -j ACCEPT
	t -A ALLOW -p udp -d 93.184.215.0/24 --dport 53 -j ACCEPT
	t -A PUB -p tcp --dport 80 -m conntrack --ctstate DNAT -j ACCEPT
	t -A PUB -m conntrack --ctstate ESTABLISHED -j ACCEPT
}

case $1 in
ipseq)
	links
	rules
	;;
iprestore)
	links
	in_vm iptables-restore < "$2"
	;;
save)
	in_vm iptables-save
	;;
down)
	ip link del bseq0
	ip netns del $v
	;;
esac
