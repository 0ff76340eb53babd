# SPDX-License-Identifier: ISC
# postern doctor, doctor --verify and check on a live instance. Each thing
# that --verify claims to find is put there and must be found: a stray link,
# a cgroup without a VM, a VM without its rules, an id that runs elsewhere, a
# supervisor in the wrong place, lists of the host's that lie.
# shellcheck shell=sh

verify()
{
	in_ns "$POSTERN_BIN" --socket "$SOCK" doctor --verify "$@"
}

# finds PATTERN: --verify says so and exits 1
finds()
{
	verify > found.txt 2>&1
	_rc=$?
	[ "$_rc" = 1 ] && grep -Eq -- "$1" found.txt && return 0
	atf_fail "exit $_rc, nothing of '$1': $(cat found.txt)"
}

clean()
{
	verify > found.txt 2>&1 || atf_fail "$(cat found.txt)"
	grep -q '^all that exists is accounted for' found.txt ||
	    atf_fail "$(cat found.txt)"
}

# in a VM's network namespace: in_vm CGROUP COMMAND...
in_vm()
{
	_p=$(vm_pid "$1" sup)
	shift
	nsenter -t "$_p" -n "$@"
}

# a VM without its filter, without its guard, with a rule of somebody's
lost_rules()
{
	in_vm "$v" nft flush table ip postern
	finds '^I3 +vm-[0-9a-f]+ in slot [0-9]+: rule'
	again
	v=$(vm_cg web)
	clean
	in_vm "$v" nft delete table netdev postern
	finds '^I3 +vm-'
	again
	v=$(vm_cg web)
	in_vm "$v" nft insert rule ip postern forward accept
	finds '^I3 +vm-'
	again
	v=$(vm_cg web)
	clean
}

again()
{
	me restart web 2> /dev/null || atf_fail "restart"
}

atf_test_case verify cleanup
verify_head()
{
	instance_case verify "leaks and lies are found, and nothing else"
}
verify_body()
{
	instance_up "[owner $TENANT]
	bind = 127.0.0.1 0.0.0.0"
	clean
	start_guest web -p 8080:80 -p 0.0.0.0:8081:7/udp -p 8082:81 \
	    --allow tcp:198.51.99.0/24:443 2> /dev/null || atf_fail "start"
	good start_guest bare --net none
	good start_guest old
	good me stop old
	clean
	v=$(vm_cg web)
	refused 4 'run it as root' me doctor --verify

	in_ns ip link add pt77 type veth peer name zz77
	finds '^I1 +link pt77 is no VM'
	in_ns ip link del pt77
	clean

	mkdir "$CG/v9-9-$TENANT" "$CG/nonsense"
	finds "^I1 .*/v9-9-$TENANT belongs to no VM"
	finds '^I7 .*/nonsense is no VM'
	rmdir "$CG/v9-9-$TENANT" "$CG/nonsense"
	clean

	lost_rules

	setpriv --reuid $((ID_BASE + 101)) --regid $((ID_BASE + 101)) \
	    --clear-groups sleep 60 &
	stray=$!
	finds "^I4 +process $stray runs as uid $((ID_BASE + 101)), which"
	kill $stray
	wait $stray
	clean

	in_ns nft add element ip "$INST" vm '{ "pt70" . 10.200.0.141 }'
	finds '^I1 +an element of vm for 10.200.0.141'
	in_ns nft delete element ip "$INST" vm '{ "pt70" . 10.200.0.141 }'
	clean
	slot=${v%%-*}
	slot=${slot#v}
	# net puts it back within a second: look while it cannot
	net=$(role_pid privd-net)
	kill -STOP "$net"
	in_ns nft delete element ip "$INST" vm \
	    "{ \"pt$slot\" . 10.200.$((slot * 2 / 256)).$((slot * 2 % 256 + 1)) }"
	finds "^I1 +slot $slot: 0 elements and 3 ports .* not 1 and 3"
	kill -CONT "$net"
	wait_for 50 "the element is back" in_ns nft get element ip "$INST" vm \
	    "{ \"pt$slot\" . 10.200.$((slot * 2 / 256)).$((slot * 2 % 256 + 1)) }"
	clean
	verify --json > out.txt || atf_fail "--json"
	[ "$(cat out.txt)" = '[]' ] || atf_fail "$(cat out.txt)"
}
verify_cleanup()
{
	instance_down
}

atf_test_case host cleanup
host_head()
{
	instance_case host "doctor's rows, whoever asks"
}
host_body()
{
	instance_up
	in_ns "$POSTERN_BIN" --socket "$SOCK" doctor --json > rows.json
	rc=$?
	$PY - $rc <<-'END' || atf_fail "$(cat rows.json)"
	import json, sys
	rows = json.load(open("rows.json"))
	levels = ["ok", "unseen", "warn", "refuse"]
	worst = max(levels.index(r["level"]) for r in rows)
	assert {0: 0, 1: 0, 2: 1, 3: 2}[worst] == int(sys.argv[1]), worst
	assert len(rows) > 40, len(rows)
	for r in rows:
	    assert all(r[k] for k in ("group", "check", "found", "wanted",
	                              "why", "fix")), r
	by = {r["check"]: r for r in rows}
	assert by["daemon"]["level"] == "ok", by["daemon"]
	assert by["compose"]["found"] == "all on", by["compose"]
	mounts = open("/proc/self/mountinfo").read()
	hybrid = " - cgroup " in mounts
	assert ("not fit for several tenants" in by["cgroups"]["found"]) == \
	    hybrid, by["cgroups"]
	assert by["cgroups"]["level"] == ("refuse" if hybrid else "ok")
	END
	me doctor > out.txt
	grep -Eq '^[0-9]+ ok, [0-9]+ unseen, [0-9]+ warnings, [0-9]+ refusals$' \
	    out.txt || atf_fail "$(cat out.txt)"
	# an unfit setting is seen
	in_ns sysctl -qw net.ipv4.conf.all.route_localnet=1
	me doctor > out.txt
	grep -q '^warn   network: route_localnet: 1' out.txt ||
	    atf_fail "$(cat out.txt)"
	in_ns sysctl -qw net.ipv4.conf.all.route_localnet=0
	me doctor > out.txt
	grep -q 'network: route_localnet' out.txt && atf_fail "still"
	# somebody's route into the pool
	in_ns ip link add other type veth peer name rehto
	in_ns ip link set rehto up
	in_ns ip link set other up
	in_ns ip route add 10.200.128.0/24 dev other
	me doctor > out.txt
	grep -q '^refuse network: pool: 10.200.128.0 by other' out.txt ||
	    atf_fail "$(cat out.txt)"
	return 0
}
host_cleanup()
{
	instance_down
}

atf_test_case silent cleanup
silent_head()
{
	instance_case silent "a VM that answers where nothing is published"
}
silent_body()
{
	instance_up
	good start_guest web
	me doctor -a > out.txt
	grep -q '^ok     network: packets: 1 VMs are silent' out.txt ||
	    atf_fail "$(cat out.txt)"
	in_vm "$(vm_cg web)" nft delete table ip postern
	me doctor -a > out.txt
	grep -q '^ok     network: packets: 1 VMs are silent' out.txt ||
	    atf_fail "one wall alone: $(cat out.txt)"
	# net would put the other one up again
	net=$(role_pid privd-net)
	kill -STOP "$net"
	for chain in input output; do
		in_ns nft insert rule ip "$INST" $chain accept
	done
	me doctor > out.txt
	kill -CONT "$net"
	grep -q '^refuse network: packets: web answers at' out.txt ||
	    atf_fail "$(cat out.txt)"
	good me kill web
}
silent_cleanup()
{
	instance_down
}

atf_test_case check cleanup
check_head()
{
	instance_case check "check says who refuses"
}
check_body()
{
	instance_up
	good start_guest web -p 8080:80 -p 8081:81
	good me check web 8080
	grep -q '^ok  127.0.0.1:8080 to guest port 80: the guest answers$' \
	    out.txt || atf_fail "$(cat out.txt)"
	good me check web 80
	me check web 8081 > out.txt && atf_fail "a closed port passes"
	grep -q '^NO  .*: the guest refuses: nothing listens there$' out.txt ||
	    atf_fail "$(cat out.txt)"
	me check web 9999 > out.txt && atf_fail "an unpublished port passes"
	grep -q '^NO  publication: port 9999 is not published$' out.txt ||
	    atf_fail "$(cat out.txt)"
	# the way in is cut on the host: no packet reaches the VM
	in_ns nft add table ip evil
	in_ns nft add chain ip evil output \
	    '{ type filter hook output priority 0; policy drop; }'
	in_ns "$POSTERN_BIN" --socket "$SOCK" check "$TENANT/web" 8080 \
	    > out.txt && atf_fail "a foreign drop passes"
	grep -q 'foreign rules: chain ip evil output drops' out.txt ||
	    atf_fail "$(cat out.txt)"
	grep -q '^NO  127.0.0.1:8080 .*: no packet reaches the VM' out.txt ||
	    atf_fail "$(cat out.txt)"
	in_ns nft delete table ip evil
	# the way is cut inside
	in_vm "$(vm_cg web)" nft insert rule ip postern pre drop
	me check web 8080 > out.txt && atf_fail "a drop inside passes"
	grep -q '^NO  .*: packets reach the VM, which is silent$' out.txt ||
	    atf_fail "$(cat out.txt)"
	good me stop web
	me check web 8080 > out.txt && atf_fail "a stopped VM passes"
	grep -q '^NO  VM: Stopped$' out.txt || atf_fail "$(cat out.txt)"
	refused 3 'no VM of that name' me check nobody
	refused 2 'port x: ' me check web x
}
check_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case verify
	atf_add_test_case host
	atf_add_test_case silent
	atf_add_test_case check
}
