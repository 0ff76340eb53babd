# SPDX-License-Identifier: ISC
# A whole Postern of its own for one test: its own name, directories, ids,
# network namespace (which plays "the host") and supervisor loop. Sourced by
# the atf-sh programs of tests/system. Everything it makes goes again with
# instance_down; host_snapshot before and after must be equal.
#
# POSTERN_LIBEXEC and POSTERN_BIN say where the programs under test are.
# shellcheck shell=sh

TENANT=61050
TENANT2=61051
GROUP=61010

# instance_up [extra configuration lines]: I is its directory, NS its netns
instance_up()
{
	I=$(mktemp -d /run/pt.XXXXXX) || atf_fail "mktemp"
	chmod 755 "$I"
	echo "$I" > instance.dir
	INST=t$(echo "${I#/run/pt.}" | tr '[:upper:]' '[:lower:]' | cut -c1-6)
	cat > "$I/postern.conf" <<-EOF
	[daemon]
	instance = $INST
	run_dir = $I/run
	state_dir = $I/state
	libexec_dir = $POSTERN_LIBEXEC
	interface_prefix = pt
	[users]
	front = 61001
	net = 61002
	jail = 61003
	ctld = 61004
	client = 61005
	conf = 61006
	fetch = 61007
	group = $GROUP
	members = $TENANT, $TENANT2
	[vms]
	id_base = 1880096768
	id_count = 2048
	slots = 512
	max_vms = 200
	${1-}
	EOF
	mkdir "$I/state" "$I/img"
	unshare -n sleep 100000 &
	echo $! > "$I/ns.pid"
	NS=$(cat "$I/ns.pid")
	SOCK=$I/run/io.postern.Vm
	sleep 0.1
	in_ns ip link set lo up
	daemon_up
}

in_ns()
{
	nsenter -t "$NS" -n "$@"
}

# the supervisor: starts privd anew whenever it ends
daemon_up()
{
	setsid nsenter -t "$NS" -n sh -c '
		while [ -e "$1/postern.conf" ] && [ ! -e "$1/stop" ]; do
			"$2/privd" -c "$1/postern.conf" 2>> "$1/log"
			sleep 0.1
		done' sh "$I" "$POSTERN_LIBEXEC" > /dev/null 2>&1 &
	echo $! > "$I/loop.pid"
	wait_for 100 "the daemon" as "$TENANT" version
}

# wait_for TENTHS WHAT COMMAND...
wait_for()
{
	_n=$1 _what=$2
	shift 2
	while ! "$@" > /dev/null 2>&1; do
		_n=$((_n - 1))
		if [ "$_n" -le 0 ]; then
			tail -40 "$I/log" >&2
			atf_fail "timed out: $_what"
		fi
		sleep 0.1
	done
}

# as UID ARGS...: the postern command, as that user in the group
as()
{
	_uid=$1
	shift
	in_ns setpriv --reuid "$_uid" --regid "$_uid" --groups "$GROUP" \
	    "$POSTERN_BIN" --socket "$SOCK" "$@"
}

# image NAME SIZE [UID]: an empty raw image of that owner
image()
{
	truncate -s "$2" "$I/img/$1"
	chown "${3-$TENANT}" "$I/img/$1"
	chmod 600 "$I/img/$1"
}

# start_guest NAME [ARGS...]: the bare-metal test guest as TENANT
start_guest()
{
	_name=$1
	shift
	as "$TENANT" start "$_name" --kernel "$POSTERN_GUEST" --memory 32M "$@"
}

daemon_down()
{
	[ -f "$I/loop.pid" ] || return 0
	touch "$I/stop"
	_loop=$(cat "$I/loop.pid")
	# its only child is privd (front, once started)
	pkill -P "$_loop"
	_n=100
	while kill -0 "$_loop" 2> /dev/null && [ "$_n" -gt 0 ]; do
		sleep 0.1
		_n=$((_n - 1))
	done
	kill "$_loop" 2> /dev/null
	rm -f "$I/loop.pid" "$I/stop"
}

instance_down()
{
	I=$(cat instance.dir 2> /dev/null) || return 0
	[ -d "$I" ] || return 0
	NS=$(cat "$I/ns.pid")
	SOCK=$I/run/io.postern.Vm
	as 0 stop --all --grace 0 > /dev/null 2>&1
	daemon_down
	in_ns "$POSTERN_LIBEXEC/privd" -c "$I/postern.conf" -D
	kill "$NS" 2> /dev/null
	rm -rf "$I"
}

# host_snapshot: everything of the host that a VM could leave something in
host_snapshot()
{
	in_ns ip -o link | sed 's/ qlen.*//'
	in_ns ip -o addr
	in_ns ip route show table all
	in_ns ip neigh
	in_ns iptables-save 2> /dev/null | grep -v '^#' | sed 's/\[.*\]//'
	in_ns ip6tables-save 2> /dev/null | grep -v '^#' | sed 's/\[.*\]//'
	in_ns nft list ruleset | sed 's/counter packets .* bytes [0-9]*/counter/'
	sort /proc/self/mountinfo | cut -d' ' -f5-
	find /sys/fs/cgroup -type d | sort
	in_ns sh -c 'grep -H . /proc/sys/net/ipv4/ip_forward \
	    /proc/sys/net/ipv4/conf/*/forwarding \
	    /proc/sys/net/ipv4/conf/*/route_localnet'
	vm_processes
	ls "$I/run/ctld" 2> /dev/null
}

# processes with an id of the instance's VM range, or of a test guest
vm_processes()
{
	ps -eo uid=,pid=,comm= | awk '$1 >= 1880096768 && $1 < 1880098816'
}
