# SPDX-License-Identifier: ISC
# `postern firewall` and `postern port` on running and stopped VMs, end to end
# with the test guest: what changes is seen by its packets. Runs as root to
# make the instance, and as the tenant for every call.
# shellcheck shell=sh disable=SC2015,SC2016,SC2119 # atf_fail ends a test

HOST=93.184.215.1
ALLOWED=93.184.215.10

in_world()
{
	nsenter -t "$(cat "$I/world.pid")" -n "$@"
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
	in_ns ip link set up0 up
	in_ns ip route add default via $ALLOWED
	in_world ip link set lo up
	in_world ip addr add $ALLOWED/24 dev down0
	in_world ip link set down0 up
}

# ask WORDS: the guest's words by its published port 9001, and its report
ask()
{
	$PY - "$NS" "$1" <<-'END'
	import ctypes, os, socket, sys
	fd = os.open("/proc/%s/ns/net" % sys.argv[1], os.O_RDONLY)
	if ctypes.CDLL(None).setns(fd, 0x40000000) != 0:
	    sys.exit("setns")
	s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
	s.settimeout(5)
	s.sendto(sys.argv[2].encode(), ("127.0.0.1", 9001))
	print(s.recv(2000).decode(errors="replace"))
	END
}

# pongs: how many of three pings are answered
pongs()
{
	ask clear > /dev/null
	ask "ping,$ALLOWED ping,$ALLOWED ping,$ALLOWED" > /dev/null
	sleep 0.3
	ask count | sed -n 's/.*pong \([0-9]*\).*/\1/p'
}

expect_pongs()
{
	_got=$(pongs)
	[ "$_got" = "$1" ] || atf_fail "$2: $_got of 3 pings answered, not $1"
}

firewall_down()
{
	I=$(cat instance.dir 2> /dev/null) || return 0
	[ ! -f "$I/world.pid" ] || kill "$(cat "$I/world.pid")"
	instance_down
}

atf_test_case lists cleanup
lists_head()
{
	instance_case lists "a running VM's list: shown, replaced, counted" 200
}
lists_body()
{
	instance_up
	world
	made > made.before
	start_guest web -p 9001:9999/udp --allow tcp:1.1.1.1:443 2> /dev/null ||
	    atf_fail "start"
	expect_pongs 0 "not listed"
	good me firewall add web icmp:$ALLOWED
	expect_pongs 3 "added"
	good me firewall show web
	grep -Eq "^icmp:$ALLOWED/32 +6 +" out.txt || atf_fail "show's count"
	grep -Eq '^tcp:1.1.1.1/32:443 +0 +0$' out.txt &&
	    grep -Eq '^not listed +3 ' out.txt &&
	    grep -Eq '^127.0.0.1:9001:9999/udp +[1-9]' out.txt &&
	    grep -q 'no packet met; -a' out.txt || { cat out.txt >&2; atf_fail "show"; }
	good me firewall show -a web
	grep -Eq '^denied 169.254.0.0/16 +0 ' out.txt || atf_fail "show -a"
	good me firewall show web --json
	[ "$(json '["allow"][1]["packets"]' < out.txt)" = 6 ] &&
	    [ "$(json '["running"]' < out.txt)" = True ] || atf_fail "json"
	# a restart of the daemon changes nothing, and the list still can
	old=$(role_pid privd-net)
	kill -9 "$old"
	wait_for 200 "another privd-net" other_role privd-net "$old"
	daemon_back
	expect_pongs 3 "after a restart"
	good me firewall remove web icmp:$ALLOWED
	expect_pongs 0 "removed"
	good me firewall set web "icmp:$ALLOWED/32" udp:9.9.9.9:53 --json
	expect_pongs 3 "set"
	good me network web
	grep -q '^allow *udp:9.9.9.9/32:53' out.txt || atf_fail "network"
	# somebody else's is not there at all
	refused 3 'no VM' as "$TENANT2" firewall show web
	refused 3 'no VM' as "$TENANT2" firewall reset "$TENANT/web"
	good as "$ADMIN" firewall show "$TENANT/web"
	good me firewall reset web
	expect_pongs 0 "reset"
	good me stop web
	# kept, and changed, in the definition
	good me firewall add web tcp:1.1.1.1:80
	good me firewall show web --json
	[ "$(json '["running"]' < out.txt)" = False ] &&
	    [ "$(json '["allow"][0]["packets"]' < out.txt)" = None ] ||
	    atf_fail "stopped: $(cat out.txt)"
	good me rm web
	refused 3 'no VM' me firewall show web
	nothing_made made.before
}
lists_cleanup()
{
	firewall_down
}

atf_test_case bad_entry cleanup
bad_entry_head()
{
	instance_case bad_entry "one bad entry among ten changes nothing" 200
}
bad_entry_body()
{
	instance_up
	world
	start_guest web -p 9001:9999/udp --allow icmp:$ALLOWED 2> /dev/null ||
	    atf_fail "start"
	expect_pongs 3 "listed"
	# one bad entry among ten: nothing changed
	set -- icmp:1.0.0.1 icmp:1.0.0.2 icmp:1.0.0.3 icmp:1.0.0.4 \
	    icmp:1.0.0.5 icmp:1.0.0.6 icmp:1.0.0.7 icmp:1.0.0.8 icmp:1.0.0.9
	refused 1 'allow\[9\].*names are not looked up' \
	    me firewall set web "$@" tcp:example.com:80
	refused 1 'allow\[9\].*no bit set' me firewall set web "$@" \
	    tcp:1.2.3.4/24
	refused 1 'allow\[9\]' me firewall set web "$@" tcp:1.2.3.4:90-80
	refused 4 'entry 10, 10.0.0.0/8, is private' \
	    me firewall set web "$@" any:10.0.0.0/8
	refused 1 'entry 1, 7.7.7.7/32, is not in the list' \
	    me firewall remove web icmp:7.7.7.7
	refused 2 'nonsense: write PROTO:CIDR' me firewall add web nonsense
	refused 2 'say an entry' me firewall set web
	expect_pongs 3 "after refusals"
	# the control: without it the ten are taken
	good me firewall set web "$@"
	expect_pongs 0 "replaced"
}
bad_entry_cleanup()
{
	firewall_down
}

atf_test_case ports cleanup
ports_head()
{
	instance_case ports "ports of a running VM come and go" 200
}
ports_body()
{
	instance_up
	made > made.before
	good start_guest web
	good start_guest two -p 8081:80
	! page 8080 2> /dev/null || atf_fail "answers before"
	good me port add web 8080:80 8082:80
	good page 8080
	good page 8082
	good me list
	grep -q '8080:80 8082:80' out.txt || atf_fail "list: $(cat out.txt)"
	refused 1 'port 8081/tcp is in use' me port add web 8083:80 8081:80
	! page 8083 2> /dev/null || atf_fail "half of a refused wish"
	refused 1 'published already' me port add web 8080:80
	refused 1 'is not published' me port remove web 8099:80
	refused 4 'you may publish ports 1024' me port add web 80:80
	in_ns "$PY" -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 8090)); s.listen()
print("ready", flush=True)
import time; time.sleep(600)' > listener.out &
	listener=$!
	wait_for 100 "the listener" grep -q ready listener.out
	refused 1 'port 8090/tcp is in use' me port add web 8090:80
	kill $listener
	# front dies right after: its ledger has them
	old=$(role_pid privd-front)
	kill -9 "${old:-$(role_pid privd)}"
	sleep 0.5
	daemon_back
	good page 8080
	# somebody flushes the host's rules: the ports are back within a second
	in_ns nft flush ruleset
	sleep 1
	good page 8080
	good me port remove web 8080:80
	! page 8080 2> /dev/null || atf_fail "answers after"
	good page 8082
	good me port add web 8080:80
	good page 8080
	good me stop --all
	good me rm web two
	nothing_made made.before
}
ports_cleanup()
{
	firewall_down
}

atf_test_case without_network cleanup
without_network_head()
{
	instance_case without_network "a VM without a network says so"
}
without_network_body()
{
	instance_up
	good start_guest web --net none
	refused 1 'without a network' me firewall show web
	refused 1 'without a network' me port add web 8080:80
	good me rm -f web
}
without_network_cleanup()
{
	firewall_down
}

atf_test_case thousand cleanup
thousand_head()
{
	instance_case thousand "a list of a thousand entries, and not one more" 200
}
# entries FROM TO: that many, one address each
entries()
{
	seq "$1" "$2" | awk '{ printf "tcp:8.%d.%d.1:443 ",
	    int($1 / 250), $1 % 250 }'
}
thousand_body()
{
	instance_up
	world
	start_guest web -p 9001:9999/udp 2> /dev/null || atf_fail "start"
	# shellcheck disable=SC2046 # words are meant
	good me firewall set web $(entries 1 999) icmp:$ALLOWED
	expect_pongs 3 "the last of a thousand"
	good me firewall show web --json
	[ "$("$PY" -c 'import json, sys
f = json.load(sys.stdin)
print(len(f["allow"]), f["allow"][999]["packets"])' < out.txt)" = "1000 6" ] ||
	    atf_fail "show"
	refused 1 '1000' me firewall add web tcp:9.9.9.9:53
	# shellcheck disable=SC2046
	refused 1 '1000' me firewall set web $(entries 1 1001)
	refused 1 'names are not looked up' me firewall add web \
	    tcp:example.org:443
	expect_pongs 3 "after the refusals"
	# it is there after a restart of the daemon, and of the VM
	old=$(role_pid privd-net)
	kill -9 "$old"
	wait_for 200 "another privd-net" other_role privd-net "$old"
	daemon_back
	good me firewall remove web tcp:8.0.7.1:443
	expect_pongs 3 "one less"
	good me firewall set web tcp:9.9.9.9:53
	expect_pongs 0 "another list"
}
thousand_cleanup()
{
	firewall_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in lists bad_entry thousand ports without_network; do
		atf_add_test_case $c
	done
}
