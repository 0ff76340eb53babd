# SPDX-License-Identifier: ISC
# Two tenants on one node: names are their own, a foreign VM is as absent as
# one that is not, ceilings are told and held, root and admins see all. Runs
# as root to make the instance.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# its TENANT NAME [ARGS...]: the test guest as that tenant
its()
{
	_t=$1 _n=$2
	shift 2
	as "$_t" start "$_n" --kernel "$GUEST" --memory 32M "$@"
}

atf_test_case names cleanup
names_head()
{
	instance_case names "both have web; neither sees the other's"
}
names_body()
{
	instance_up
	good its "$TENANT" web -p 8080:80 --boot-args say,first
	good its "$TENANT2" web -p 8081:80 --boot-args say,second
	good its "$TENANT2" own
	good as "$TENANT" list
	[ "$(wc -l < out.txt)" = 2 ] || atf_fail "$(cat out.txt)"
	in_ns curl -sS http://127.0.0.1:8080/ | grep -q say,first ||
	    atf_fail "8080 is not the first one's"
	in_ns curl -sS http://127.0.0.1:8081/ | grep -q say,second ||
	    atf_fail "8081 is not the second one's"
	# each verb answers for a foreign VM as for one that is not there,
	# by name, by owner and by id, and does nothing
	id=$(as "$TENANT2" info own --json | json '["id"]')
	for verb in stop kill rm 'rm -f' status info network logs \
	    'logs -f'; do
		# shellcheck disable=SC2086 # words
		alike $verb
	done
	good as "$TENANT2" status own
	grep -qx Running out.txt || atf_fail "own was touched"
	refused 4 'only root and admins start VMs for others' \
	    its "$TENANT" "$TENANT2"/mine
	# nobody's member
	refused 4 'not a member' as "$STRANGER" list
	refused 4 'not a member' its "$STRANGER" web
	in_ns setpriv --reuid "$STRANGER" --regid "$STRANGER" --clear-groups \
	    "$POSTERN_BIN" --socket "$SOCK" list > out.txt 2> err.txt
	[ $? = 4 ] && [ "$(wc -l < err.txt)" = 1 ] ||
	    atf_fail "without the group: $(cat err.txt)"
	good as "$TENANT" stop --all
	grep -qx '1 stopped' out.txt || atf_fail "stop --all: $(cat out.txt)"
	good as "$TENANT2" status web
	grep -qx Running out.txt || atf_fail "stop --all took a foreign one"
}
names_cleanup()
{
	instance_down
}

# alike VERB...: on a foreign VM and on none at all, the same words
alike()
{
	for target in own "$TENANT2/own" "$id" absent "$TENANT2/absent" \
	    vm-0123456789abcdef; do
		refused 3 'no VM of that name' as "$TENANT" "$@" "$target"
		sed "s,$target,X,g" err.txt > "said.$(echo "$target" |
		    tr / _)"
	done
	for f in said.*; do
		cmp -s "$f" said.absent || atf_fail "$*: $(cat "$f")"
	done
	rm -f said.*
}

atf_test_case admin cleanup
admin_head()
{
	instance_case admin "root and admins see all, and may stop all"
}
admin_body()
{
	instance_up
	good its "$TENANT" web
	good its "$TENANT2" web
	for who in 0 $ADMIN; do
		good as "$who" list -a
		grep -q " $TENANT " out.txt && grep -q " $TENANT2 " out.txt ||
		    atf_fail "$who sees: $(cat out.txt)"
		good as "$who" info "$TENANT/web" --json
		[ "$(json '["owner"]' < out.txt)" = "$TENANT" ] ||
		    atf_fail "$who: owner"
		good as "$who" logs "$TENANT2/web"
	done
	good as "$ADMIN" stop "$TENANT/web"
	good as "$TENANT" status web
	grep -qx Stopped out.txt || atf_fail "not stopped"
	good as "$TENANT2" status web
	grep -qx Running out.txt || atf_fail "the wrong one"
	good as 0 kill "$TENANT2/web"
	good as 0 rm "$TENANT/web" "$TENANT2/web"
	# root starts for a tenant; it is the tenant's
	good as 0 start "$TENANT/given" --kernel "$GUEST" --memory 32M
	good as "$TENANT" stop given
	good as "$TENANT" rm given
	good its "$TENANT" a
	good its "$TENANT2" a
	good as 0 stop --everybody
	grep -qx '2 stopped' out.txt || atf_fail "--everybody: $(cat out.txt)"
}
admin_cleanup()
{
	instance_down
}

# ceiling RESOURCE LIMIT ARGS...: a start that is one too many
ceiling()
{
	_r=$1 _l=$2
	shift 2
	refused 5 "$_r: your ceiling of $_l " its "$TENANT" more "$@"
	its "$TENANT" more --json "$@" > out.txt 2>&1
	[ $? = 5 ] || atf_fail "exit code of --json"
	grep -q "\"QuotaExceeded\|QuotaExceeded\"" out.txt &&
	    [ "$(json '["parameters"]["limit"]' < out.txt)" = "$_l" ] ||
	    atf_fail "$(cat out.txt)"
	nothing_made made.now_full
}

atf_test_case quotas cleanup
quotas_head()
{
	instance_case quotas "VMs, cpus, memory, ports: told, and held"
}
quotas_body()
{
	instance_up "[owner $TENANT]
vms = 3
cpus = 5
memory = 256
ports = 4
connections = 4"
	made > made.before
	good its "$TENANT" a --cpus 2 -p 8001:80 -p 8002:7/udp
	made > made.now_full
	ceiling cpus 5 --cpus 4
	ceiling memory_mib 256 --memory 256M
	ceiling ports 4 -p 8003:80 -p 8004:81 -p 8005:82
	good its "$TENANT" b --cpus 2
	good its "$TENANT" c
	made > made.now_full
	ceiling vms 3
	# the other tenant's ceiling is its own
	good its "$TENANT2" a --cpus 4 --memory 256M
	made > made.now_full
	# and a stop gives back
	good as "$TENANT" stop a
	good its "$TENANT" d --cpus 2 -p 8001:80 -p 8002:7/udp
	made > made.now_full
	ceiling vms 3
	good as "$TENANT" rm -f a b c d
	good as "$TENANT2" rm -f a
	nothing_made made.before
}
quotas_cleanup()
{
	instance_down
}

atf_test_case quota_race cleanup
quota_race_head()
{
	instance_case quota_race "ten starts at once against a ceiling of three"
}
quota_race_body()
{
	instance_up "[owner $TENANT]
vms = 3"
	made > made.before
	jobs=
	for i in 1 2 3 4 5 6 7 8 9 10; do
		its "$TENANT" "r$i" > "r$i.out" 2>&1 &
		jobs="$jobs $!"
	done
	won=0
	for j in $jobs; do
		wait "$j"
		case $? in
		0) won=$((won + 1)) ;;
		5) ;;
		*) atf_fail "$(cat r*.out)" ;;
		esac
	done
	[ $won = 3 ] || atf_fail "$won of 3 run: $(cat r*.out)"
	good as "$TENANT" list
	[ "$(grep -c Running out.txt)" = 3 ] || atf_fail "$(cat out.txt)"
	# after a restart it is the same ceiling
	kill -9 "$(role_pid privd-front)"
	sleep 0.3
	daemon_back
	refused 5 'vms: your ceiling of 3' its "$TENANT" more
	good as "$TENANT" stop --all
	for n in $(as "$TENANT" list -a | awk 'NR > 1 { print $1 }'); do
		good as "$TENANT" rm "$n"
	done
	nothing_made made.before
}
quota_race_cleanup()
{
	instance_down
}

atf_test_case connections cleanup
connections_head()
{
	instance_case connections "connections: a flood ends at its ceiling"
}
connections_body()
{
	instance_up "[owner $TENANT]
connections = 4"
	good its "$TENANT" web
	follows=
	for i in 1 2 3 4; do
		as_exec "$TENANT" logs -f web > "f$i.out" 2>&1 &
		follows="$follows $!"
		wait_for 150 "logs -f" grep -q TEST-GUEST "f$i.out"
	done
	refused 5 'connections: your ceiling of 4' as "$TENANT" list
	good as "$TENANT2" list
	good as 0 list
	# shellcheck disable=SC2086 # ids
	kill $follows
	wait_for 60 "room again" as "$TENANT" list
	good as "$TENANT" rm -f web
}
connections_cleanup()
{
	instance_down
}

atf_test_case node cleanup
node_head()
{
	instance_case node "the node's ceilings, over all owners"
}
node_body()
{
	instance_up "max_cpus = 3
max_ports = 1"
	good its "$TENANT" a --cpus 2 -p 8001:80
	made > made.before
	refused 5 "node-cpus: the node's ceiling of 3 is reached: 2 in use, 2 \
more asked for; stop a VM or ask for fewer cpus, or ask the operator" \
	    its "$TENANT2" b --cpus 2
	refused 5 "node-ports: the node's ceiling of 1 is reached: 1 in use" \
	    its "$TENANT2" b -p 8002:80
	nothing_made made.before
	good its "$TENANT2" b
	good as "$TENANT2" policy
	grep -Eq '^  cpus +32 +3  front' out.txt || atf_fail "$(cat out.txt)"
	good as "$TENANT2" policy --json
	[ "$(json '["daemon"]["node"]["ports"]' < out.txt)" = 1 ] ||
	    atf_fail "$(cat out.txt)"
	good as 0 rm -f "$TENANT/a" "$TENANT2/b"
}
node_cleanup()
{
	instance_down
}

atf_test_case memory cleanup
memory_head()
{
	instance_case memory "the host's memory is looked at before a start"
}
memory_body()
{
	instance_up "memory_reserve = 60T"
	made > made.before
	refused 1 "the host failed at step host-memory: ENOMEM: [0-9]+ MiB are \
needed with what the host keeps and what other starts were promised, [0-9]+ \
are available; ask for less memory, or stop a VM" its "$TENANT" a
	nothing_made made.before
	# max_memory is what the host has, where nobody says another figure
	good as "$TENANT" policy --json
	[ "$(json '["daemon"]["node"]["memory_mib"]' < out.txt)" = \
	    "$(awk '/MemTotal/ { print int($2 / 1024) }' /proc/meminfo)" ] ||
	    atf_fail "$(cat out.txt)"
	# control: with a reserve that is there
	daemon_down
	instance_conf "memory_reserve = 1M"
	daemon_up
	good its "$TENANT" a
	good as "$TENANT" rm -f a
}
memory_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in names admin quotas quota_race connections node memory; do
		atf_add_test_case $c
	done
}
