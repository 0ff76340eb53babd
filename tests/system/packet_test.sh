# SPDX-License-Identifier: ISC
# What a hostile guest's packets reach, judged where they would arrive: in its
# own namespace, on the host, at another VM and in the world beyond (a network
# namespace with a cable to the instance's). Runs as root. Negative control:
# with the rules taken away the same probes do get through.
# shellcheck shell=sh disable=SC2015,SC2119,SC2016 # atf_fail ends a test

# Each probe has a port of its own, so that what arrives names itself.
P_GATEWAY=4201 P_HOST=4202 P_VETH=4203 P_VM=4204 P_META=4205 P_TEN=4206
P_HOME=4207 P_DOCKER=4208 P_LOOP=4209 P_OTHER=4210 P_FAR=4211 P_SRC=4212
P_MAC=4213 P_ALLOWED=4214 P_SIX=4215 P_PUBLISHED=4216

HOST=93.184.215.1
ALLOWED=93.184.215.10
OTHER=93.184.215.11

in_world()
{
	nsenter -t "$(cat "$I/world.pid")" -n "$@"
}

# in_vm NAME COMMAND...: in the VM's own network namespace
in_vm()
{
	_sup=$(vm_pid "$(cat "cg.$1")" sup)
	shift
	nsenter -t "$_sup" -n "$@"
}

# watch HOOK PRIORITY WHERE...: note UDP and TCP destinations that arrive
watch()
{
	_hook=$1 _prio=$2
	shift 2
	"$@" nft -f - <<-END || atf_fail "nft"
	table inet probe
	delete table inet probe
	table inet probe {
		set seen { type inet_service; flags dynamic; size 1024; }
		chain arrived {
			type filter hook $_hook priority $_prio;
			udp dport 4200-4299 add @seen { udp dport }
			tcp dport 4200-4299 add @seen { tcp dport }
		}
	}
	END
}

# seen: every probe that arrived anywhere, by port
seen()
{
	sleep 0.3
	for where in in_world in_ns 'in_vm web' 'in_vm two'; do
		$where nft list set inet probe seen 2> /dev/null
	done | grep -oE '42[0-9][0-9]' | sort -u > seen.txt
}

watch_all()
{
	watch prerouting -400 in_world
	# behind everything that may drop
	watch input 300 in_ns
	watch input 300 in_vm web
	watch input 300 in_vm two
}

# world: the instance's host gets a cable into a world of its own
world()
{
	setsid unshare -n sleep 100000 > /dev/null 2>&1 &
	echo $! > "$I/world.pid"
	wait_for 150 "the world" sh -c '[ "$(readlink /proc/$1/ns/net)" != \
	    "$(readlink /proc/self/ns/net)" ]' sh "$(cat "$I/world.pid")"
	in_ns ip link add up0 type veth peer name down0 \
	    netns "$(cat "$I/world.pid")"
	in_ns ip addr add $HOST/24 dev up0
	in_ns ip -6 addr add 2001:db8::1/64 dev up0 nodad
	in_ns ip link set up0 up
	in_ns ip route add default via $ALLOWED
	in_world ip link set lo up
	for a in $ALLOWED/24 $OTHER/24 169.254.169.254/32 10.9.9.9/32 \
	    192.168.7.7/32 172.17.0.9/32 8.8.4.4/32; do
		in_world ip addr add "$a" dev down0
	done
	in_world ip -6 addr add 2001:db8::2/64 dev down0 nodad
	in_world ip link set down0 up
	in_world ip route add default via $HOST
	# the rules are under test, not this
	for w in in_ns in_world; do
		$w sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do
			echo 0 > $f; done'
	done
}

# probes: the words that send all of them, by a guest that lies
probes()
{
	_veth=$(me network web --json | json '["host_address"]')
	_two=$(me info two --json | json '["address"]')
	_gwmac=$(in_vm web cat /sys/class/net/tap0/address 2> /dev/null ||
	    in_vm web ip -o link show | sed -n 's/.*tap.*ether \([^ ]*\).*/\1/p')
	_gwmac=$(echo "$_gwmac" | tr -d :)
	# UDP over IPv6 from 2001:db8::66 to 2001:db8::2, no checksum needed:
	# it is counted where it is routed
	_six=${_gwmac}0600ac10000286dd60000000000c1140
	_six=${_six}20010db8000000000000000000000066
	_six=${_six}20010db8000000000000000000000002
	_six=${_six}9c40$(printf %04x $P_SIX)000c1234706f7374
	echo "udp,172.16.0.1,$P_GATEWAY syn,172.16.0.1,$P_GATEWAY" \
	    "udp,$HOST,$P_HOST syn,$HOST,$P_HOST" \
	    "udp,$_veth,$P_VETH syn,$_veth,$P_VETH" \
	    "udp,$_two,$P_VM syn,$_two,$P_VM" \
	    "udp,169.254.169.254,$P_META syn,169.254.169.254,$P_META" \
	    "udp,10.9.9.9,$P_TEN udp,192.168.7.7,$P_HOME" \
	    "udp,172.17.0.9,$P_DOCKER udp,127.0.0.1,$P_LOOP" \
	    "udp,$OTHER,$P_OTHER syn,$OTHER,$P_OTHER udp,8.8.4.4,$P_FAR" \
	    "ip,93.184.215.77 udp,$ALLOWED,$P_SRC ip,10.200.0.9" \
	    "udp,$ALLOWED,$P_SRC ip,172.16.0.2" \
	    "mac,060000000001 udp,$ALLOWED,$P_MAC mac,0600ac100002" \
	    "send,1,$_six" \
	    "udp,$ALLOWED,$P_ALLOWED"
}

two_guests()
{
	good start_guest web -p 9001:9999/udp -p 8001:80 "$@"
	good start_guest two -p 9002:9999/udp -p $P_PUBLISHED:7/udp
	vm_cg web > cg.web
	vm_cg two > cg.two
}

is_seen()
{
	[ "$(tr '\n' ' ' < seen.txt)" = "$1" ] ||
	    atf_fail "$2: arrived: $(tr '\n' ' ' < seen.txt); wanted: $1"
}

packet_down()
{
	I=$(cat instance.dir 2> /dev/null) || return 0
	[ ! -f "$I/world.pid" ] || kill "$(cat "$I/world.pid")"
	instance_down
}

atf_test_case deny cleanup
deny_head()
{
	instance_case deny "without --allow nothing arrives anywhere"
}
deny_body()
{
	instance_new
	instance_conf
	world
	daemon_up
	two_guests
	watch_all
	say web "$(probes)" > /dev/null
	seen
	is_seen "" "no --allow"
	[ "$(say two count | grep -oE ' udp [0-9]+')" = " udp 1" ] ||
	    atf_fail "the other VM heard something: $(say two count)"
	say web "clear ping,172.16.0.1 ping,$HOST ping,$ALLOWED" > /dev/null
	say web "ping,$(me info two --json | json '["address"]')" > /dev/null
	sleep 0.3
	say web count | grep -q ' pong 0 ' || atf_fail "$(say web count)"
	# the answers to who asks from outside go through, and only they
	good page 8001
}
deny_cleanup()
{
	packet_down
}

# say NAME WORDS: to that guest, through its published port on localhost
say()
{
	_port=9001
	[ "$1" = web ] || _port=9002
	cat > say.py <<-'END'
	import socket, sys
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(1)
	for attempt in range(5):
	    s.sendto(sys.argv[3].encode(), (sys.argv[2], int(sys.argv[1])))
	    try:
	        print(s.recv(2000).decode(), end="")
	        sys.exit(0)
	    except socket.timeout:
	        pass
	sys.exit("no answer")
	END
	in_ns "$PY" say.py $_port 127.0.0.1 "$2" ||
	    atf_fail "no answer from $1"
}

atf_test_case allow cleanup
allow_head()
{
	instance_case allow "--allow opens what it names and nothing else"
}
allow_body()
{
	instance_new
	# (or each start would note that names do not resolve)
	instance_conf '[network]
dns = 93.184.215.53'
	world
	daemon_up
	two_guests --allow "udp:$ALLOWED:$P_ALLOWED" --allow "tcp:$ALLOWED:80"
	watch_all
	in_world "$PY" -c 'import os, socket, time
s = socket.socket(); s.bind(("93.184.215.10", 80)); s.listen()
with open("web.pid", "w") as f: print(os.getpid(), file=f)
time.sleep(60)' &
	wait_for 150 "the world's server" test -s web.pid
	# it answers once: a second SYN-ACK would be counted late
	in_world sh -c 'echo 0 > /proc/sys/net/ipv4/tcp_synack_retries'
	say web clear > /dev/null
	say web "$(probes)" > /dev/null
	seen
	is_seen "$P_ALLOWED " "one --allow"
	say web "clear syn,$ALLOWED,80" > /dev/null
	sleep 0.3
	say web count | grep -q ' synack 1 ' ||
	    atf_fail "no answer from the allowed server: $(say web count)"
	say web "clear syn,$OTHER,80 syn,$ALLOWED,81 ping,$ALLOWED" > /dev/null
	sleep 0.3
	say web count | grep -q ' pong 0 synack 0 rst 0 unreach 0 ' ||
	    atf_fail "answers: $(say web count)"
	good me rm -f web
	# everything public, and still neither host, VMs nor metadata
	good start_guest web -p 9001:9999/udp -p 8001:80 --allow any:0.0.0.0/0
	vm_cg web > cg.web
	watch_all
	say web "$(probes)" > /dev/null
	seen
	is_seen "$P_OTHER $P_FAR $P_ALLOWED " "--allow any"
	say web "clear ping,$ALLOWED" > /dev/null
	sleep 0.3
	say web count | grep -q ' pong 1 ' || atf_fail "$(say web count)"
	say web "udp,$HOST,$P_PUBLISHED udp,$HOST,9002" > /dev/null
	seen
	is_seen "$P_OTHER $P_FAR $P_ALLOWED " "another VM's published port"
}
allow_cleanup()
{
	[ ! -s web.pid ] || kill "$(cat web.pid)" 2> /dev/null
	packet_down
}

atf_test_case control cleanup
control_head()
{
	instance_case control "without the rules the same probes get through"
}
control_body()
{
	instance_new
	instance_conf
	world
	daemon_up
	two_guests
	_words=$(probes)
	# it would put the host's rules back; the VMs live on without it
	daemon_down
	for vm in web two; do
		in_vm $vm nft flush ruleset
		in_vm $vm sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter
		do echo 0 > $f; done'
	done
	in_ns nft flush ruleset
	in_ns sh -c 'for f in /proc/sys/net/ipv4/conf/*/rp_filter; do
		echo 0 > $f; done'
	# IPv6 is off in there; a guest's frames are seen once it is on
	in_vm web sh -c 'for f in /proc/sys/net/ipv6/conf/*/disable_ipv6; do
		echo 0 > $f; done; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'
	watch_all
	watch prerouting -400 in_vm web
	in_vm web "$PY" -c 'import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.sendto(sys.argv[1].encode(), ("172.16.0.2", 9999))' "$_words"
	seen
	# not those to 127/8, which the kernel itself refuses
	for p in $P_GATEWAY $P_HOST $P_VETH $P_VM $P_META $P_TEN $P_HOME \
	    $P_DOCKER $P_OTHER $P_FAR $P_SRC $P_MAC $P_ALLOWED $P_SIX; do
		grep -qx "$p" seen.txt || atf_fail \
		    "the probe $p is blind: $(tr '\n' ' ' < seen.txt)"
	done
	# and where they are meant to be seen, not only on the way
	in_world nft list set inet probe seen > world.txt
	for p in $P_META $P_TEN $P_HOME $P_DOCKER $P_OTHER $P_FAR $P_SRC \
	    $P_MAC $P_ALLOWED; do
		grep -q "$p" world.txt || atf_fail \
		    "$p does not reach the world: $(cat world.txt)"
	done
	in_ns nft list set inet probe seen | grep -q $P_HOST ||
	    atf_fail "the host is not reached"
	in_vm two nft list set inet probe seen | grep -q $P_VM ||
	    atf_fail "the other VM is not reached"
	daemon_up
}
control_cleanup()
{
	packet_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in deny allow control; do
		atf_add_test_case $c
	done
}
