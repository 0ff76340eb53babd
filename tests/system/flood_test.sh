# SPDX-License-Identifier: ISC
# One tenant's worst day: connections, calls, garbage, starts that work and
# starts that fail, readers that stall, a console without end, flows without
# end. Ceilings hold exactly; another tenant's start and an admin's list go on.
# The control has the same floods under ceilings that are far away: there they
# pass the counts that are asserted here. Times are printed, and only a wide
# margin is asserted. Runs as root to make the instance.
# shellcheck shell=sh disable=SC2015 # atf_fail ends a test

# bg OUT UID TRICK...: flood.py as that user in the background, with what it
# counts in out.OUT. It is nice: its own time is the scheduler's matter.
bg()
{
	_o=$1 _fu=$2
	shift 2
	nsenter -t "$NS" -n nice -n 19 setpriv --reuid "$_fu" --regid "$_fu" \
	    --groups "$GROUP" "$PY" "$FLOOD" "$SOCK" "$@" > "out.$_o" \
	    2> "err.$_o" &
	echo $! >> pids
}

# calm UID TRICK...: the same, without being nice: whose time is measured
calm()
{
	_fu=$1
	shift
	in_ns setpriv --reuid "$_fu" --regid "$_fu" --groups "$GROUP" \
	    "$PY" "$FLOOD" "$SOCK" "$@"
}

# up TEXT: the instance, with what the floods need
up()
{
	FLOOD=$(atf_config_get top_srcdir)/tests/system/flood.py
	instance_up "[owner $TENANT]
$1"
	mkdir "$I/work" && chown "$TENANT" "$I/work"
	cd "$I/work" || atf_fail "cd"
}

# no_connections: whoever had one is gone, and counted no more
no_connections()
{
	[ -z "$(pgrep -P "$(role_pid ctld-client)")" ]
}

# held TRICK...: start one that stays; its counts are in out.TRICK
held()
{
	wait_for 100 "connections to end" no_connections
	bg "$1" "$TENANT" "$@"
	wait_for 300 "$1" test -s "out.$1"
}

# let_go: end what held() started
let_go()
{
	# shellcheck disable=SC2046 # ids
	kill $(cat pids) 2> /dev/null
	all_end
	wait_for 100 "connections to end" no_connections
}

# all_end: wait for everything in the background
all_end()
{
	while read -r _p; do
		wait "$_p"
	done < pids
	rm -f pids
}

# n TRICK KEY: a count of that flood
n()
{
	json ".get('$2', 0)" < "out.$1"
}

# is WHAT VALUE OP BOUND
is()
{
	test "$2" "$3" "$4" || atf_fail "$1: $2, not $3 $4: $(cat out.* err.*)"
}

atf_test_case exact cleanup
exact_head()
{
	instance_case exact "connections, streams, starts, flows: to the number"
}
exact_body()
{
	up "connections = 12
streams = 5
vms = 2
start_rate = 2
connect_rate = 1000"
	good start_guest web
	held hold 20 100
	is connections "$(n hold good)" = 12
	is "connections refused" "$(n hold connections)" = 8
	# root, an admin and the other tenant come in meanwhile
	for who in 0 "$ADMIN" "$TENANT2"; do
		good as "$who" list
	done
	let_go
	held follow web 8 100
	is streams "$(n follow good)" = 5
	is "streams refused" "$(n follow streams)" = 3
	# what is left is for a stop
	good me info web
	refused 5 'streams: your ceiling of 5 is reached: 5 in use; end one' \
	    me events -f
	let_go
	held events 6 100
	is "events -f" "$(n events good)" = 5
	let_go
	# what each ceiling says
	good start_guest web2
	refused 5 'vms: your ceiling of 2 is reached: 2 in use; stop a VM' \
	    start_guest web3
	good me rm -f web web2
}
exact_cleanup()
{
	instance_down
}

# flows_of NAME: what the kernel tracks of that VM in its own namespace
flows_of()
{
	_v=$(vm_cg "$TENANT/$1" 0)
	nsenter -t "$(vm_pid "$_v" sup)" -n \
	    cat /proc/sys/net/netfilter/nf_conntrack_count
}

# some_flows N: flood has at least N by now
some_flows()
{
	[ "$(flows_of flood)" -ge "$1" ]
}

# flood SECONDS: at the daemon, all of them at once, in the background
flood()
{
	bg follow "$TENANT" follow web 3 "$1"
	bg events "$TENANT" events 3 "$1"
	for _k in connect list garbage; do
		bg "$_k" "$TENANT" "$_k" "$1"
	done
	for _k in a b c d; do
		bg "starts.$_k" "$TENANT" starts "$GUEST" "$_k" "$1"
	done
	_begun=$(date +%s)
}

# two_guests: one prints and one opens flows, as fast as a processor each can
two_guests()
{
	start_guest flood --allow udp:1.1.1.1 \
	    --boot-args "arp,172.16.0.1 sleep,500 flows,1.1.1.1" 2> err.txt ||
	    atf_fail "$(cat err.txt)"
	good start_guest print --boot-args flood
}

# reserved UID: starts of that owner that came as far as privd
reserved()
{
	grep -c "reserved .*owner=$1\$" "$I/log"
}

# median UID TRICK...: of that measurement
median()
{
	calm "$@" > m.txt 2> m.err || atf_fail "$*: $(cat m.err)
$(tail -30 "$I/log")"
	json '["ms"]' < m.txt
}

# verdict WHAT QUIET BUSY TIMES MS WIDE: print it against TIMES of the quiet
# one, or against MS; only WIDE times is asserted
verdict()
{
	$PY -c '
import sys
quiet, busy, times, ms, wide = map(float, sys.argv[2:])
bound = ms or times * quiet
print(f"flood: {sys.argv[1]}: quiet {quiet:.1f} ms, flooded {busy:.1f} ms, "
      f"{busy / quiet:.2f} x, bound {bound:.1f} ms: "
      + ("OK" if busy <= bound else "MISS"))
sys.exit(busy > wide * quiet)' "$@" || atf_fail "$1: more than $6 times"
}

atf_test_case others cleanup
others_head()
{
	instance_case others "another's start and an admin's list go on" 300
}
others_body()
{
	up "connections = 24
streams = 8
vms = 6
cpus = 6
starts = 3
start_rate = 1
connect_rate = 20
request_rate = 50
console_rate = 64K
[network]
flows = 64"
	good start_guest web
	log=$(wc -l < "$I/log")
	q_start=$(median "$TENANT2" measure "$GUEST" 9)
	q_list=$(median "$ADMIN" lists 9)
	had=$(reserved "$TENANT")
	flood 15
	sleep 2
	verdict "another owner's start" "$q_start" \
	    "$(median "$TENANT2" measure "$GUEST" 9)" 2 0 30
	verdict "an admin's list" "$q_list" "$(median "$ADMIN" lists 15)" \
	    0 100 60
	all_end
	# what came of it is looked at before the guests' part
	is starts "$(($(reserved "$TENANT") - had))" -le \
	    $(($(date +%s) - _begun + 5))
	sleep 5 # the tenant's own pace
	two_guests
	verdict "another's start beside two busy guests" "$q_start" \
	    "$(median "$TENANT2" measure "$GUEST" 9)" 2 0 30
	verdict "an admin's list beside them" "$q_list" \
	    "$(median "$ADMIN" lists 15)" 0 100 60
	# the flows are capped, and the flood does reach the cap
	wait_for 100 "a flood of flows" some_flows 60
	is flows "$(flows_of flood)" -le 66
	# it was refused for its pace, and never in silence
	is "refused connections" "$(n connect connect_rate)" -gt 0
	is "starts of one connection" "$(n starts.a good)" -gt 0
	# 50 calls a second, all together, and four seconds' worth
	is lists "$(n list good)" -le $((50 * 15 + 50 * 4 + 10))
	# nothing of a tenant's fills the log: lines of its starts and ends,
	# and of nothing else more than five a second
	log=$(($(wc -l < "$I/log") - log))
	is "lines in the log" "$log" -le 3000
	good as "$TENANT2" list
	good as 0 rm -f "$TENANT/flood" "$TENANT/print" "$TENANT/web"
}
others_cleanup()
{
	instance_down
}

atf_test_case control cleanup
control_head()
{
	instance_case control "with ceilings far away, the counts are passed" 300
}
control_body()
{
	up "connections = 64
streams = 64
vms = 40
cpus = 80
starts = 64
start_rate = 1000
connect_rate = 1000
request_rate = 10000
console_rate = 64M
[network]
flows = 4096"
	good start_guest web
	held hold 20 100
	is connections "$(n hold good)" = 20
	let_go
	held follow web 8 100
	is streams "$(n follow good)" = 8
	let_go
	had=$(reserved "$TENANT")
	flood 12
	sleep 2
	two_guests
	wait_for 100 "a flood of flows" some_flows 100
	calm "$TENANT2" measure "$GUEST" 5 || atf_fail "another's start"
	all_end
	# what the ceilings of the other case would have let through
	is starts "$(($(reserved "$TENANT") - had))" -gt \
	    $((12 + 5))
	is lists "$(n list good)" -gt $((50 * 12 + 50 * 4 + 10))
	is "refused connections" "$(n connect connect_rate)" = 0
	good as 0 rm -f "$TENANT/flood" "$TENANT/print" "$TENANT/web"
}
control_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in exact others control; do
		atf_add_test_case $c
	done
}
