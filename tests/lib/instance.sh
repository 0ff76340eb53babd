# SPDX-License-Identifier: ISC
# A whole Postern of its own for one test: its own name, directories, ids,
# network namespace (which plays "the host") and supervisor loop. Sourced by
# the atf-sh programs of tests/system. Everything it makes goes again with
# instance_down; host_snapshot before and after must be equal.
#
# POSTERN_SLOW, if set, makes every wait that many times as long.
# POSTERN_LIBEXEC and POSTERN_BIN say where the programs under test are,
# POSTERN_GUEST where the test guest is.
# shellcheck shell=sh disable=SC2034,SC2086 # used there; INSTANCE_UNSHARE

TENANT=61050
TENANT2=61051
STRANGER=61052
ADMIN=61053
GROUP=61010
PY=/usr/bin/python3

# instance_case NAME TEXT [TIMEOUT]: declares a test case that needs root
instance_case()
{
	atf_set "descr" "$2"
	atf_set "require.user" "root"
	atf_set "require.progs" "curl nft nsenter setpriv $PY"
	atf_set "timeout" "${3-120}"
}

# instance_new: I is its directory, NS its netns; nothing runs yet.
# INSTANCE_UNSHARE: further namespaces (-m).
instance_new()
{
	: "${POSTERN_LIBEXEC:?}" "${POSTERN_BIN:?}" "${POSTERN_GUEST:?}"
	I=$(mktemp -d /run/pt.XXXXXX) || atf_fail "mktemp"
	chmod 755 "$I"
	echo "$I" > instance.dir
	mkdir "$I/state" "$I/img"
	# which ids are somebody else's? Instances run side by side
	ID_BASE=$((1880096768 + $$ % 256 * 2048))
	echo "$ID_BASE" > "$I/id_base"
	# outlives the body of the test: the cleanup needs it
	setsid unshare -n ${INSTANCE_UNSHARE-} sleep 100000 > /dev/null 2>&1 &
	echo $! > "$I/ns.pid"
	instance_vars
	while [ "$(readlink "/proc/$NS/ns/net")" = \
	    "$(readlink /proc/self/ns/net)" ] ||
	    [ "$(cat "/proc/$NS/comm")" != sleep ]; do
		sleep 0.02
	done
	in_ns ip link set lo up
	cp "$POSTERN_GUEST" "$GUEST" && chmod 644 "$GUEST"
}

instance_vars()
{
	INST=t$(echo "${I#/run/pt.}" | tr '[:upper:]' '[:lower:]' | cut -c1-6)
	NS=$(cat "$I/ns.pid")
	ID_BASE=$(cat "$I/id_base")
	SOCK=$I/run/io.postern.Vm
	GUEST=$I/img/guest.elf
	CG=/sys/fs/cgroup/unified/$INST-vms
	[ -d /sys/fs/cgroup/unified ] || CG=/sys/fs/cgroup/$INST-vms
}

# instance_conf [TEXT]: write its configuration; TEXT are further sections
instance_conf()
{
	cat > "$I/postern.conf" <<-END
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
	members = $TENANT $TENANT2 $ADMIN
	admins = $ADMIN
	[vms]
	id_base = $ID_BASE
	id_count = 2048
	slots = 512
	max_vms = 200
	${1-}
	END
}

# instance_up [TEXT]: all of it
instance_up()
{
	instance_new
	instance_conf "${1-}"
	daemon_up
}

in_ns()
{
	nsenter -t "$NS" -n ${INSTANCE_UNSHARE-} "$@"
}

# the supervisor: starts privd anew whenever it ends
daemon_up()
{
	# shellcheck disable=SC2016 # its own arguments
	setsid nsenter -t "$NS" -n ${INSTANCE_UNSHARE-} sh -c '
		while [ -e "$1/postern.conf" ] && [ ! -e "$1/stop" ]; do
			"$2/privd" -c "$1/postern.conf" 2>> "$1/log"
			sleep 0.1
		done' sh "$I" "$POSTERN_LIBEXEC" > /dev/null 2>&1 &
	echo $! > "$I/loop.pid"
	wait_for 200 "the daemon" as "$TENANT" list
}

daemon_back()
{
	wait_for 200 "the daemon to be back" as "$TENANT" list
}

# wait_for TENTHS WHAT COMMAND...
wait_for()
{
	_n=$(($1 * ${POSTERN_SLOW-1})) _what=$2
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

# as_exec UID ARGS...: the same in place of this shell, for `&` and kill
as_exec()
{
	_uid=$1
	shift
	exec nsenter -t "$NS" -n ${INSTANCE_UNSHARE-} setpriv \
	    --reuid "$_uid" --regid "$_uid" --groups "$GROUP" \
	    "$POSTERN_BIN" --socket "$SOCK" "$@"
}

# me ARGS...: as TENANT
me()
{
	as "$TENANT" "$@"
}

# good COMMAND...: it must succeed and say nothing on standard error
good()
{
	"$@" > out.txt 2> err.txt && [ ! -s err.txt ] && return 0
	cat out.txt err.txt >&2
	tail -30 "$I/log" >&2
	atf_fail "failed: $*"
}

# refused CODE PATTERN COMMAND...: it must end so, with one line that has it
refused()
{
	_code=$1 _pattern=$2
	shift 2
	"$@" > out.txt 2> err.txt
	_rc=$?
	[ "$_rc" = "$_code" ] && [ "$(wc -l < err.txt)" = 1 ] &&
	    grep -Eq -- "$_pattern" err.txt && return 0
	cat out.txt err.txt >&2
	tail -30 "$I/log" >&2
	atf_fail "exit $_rc, not $_code with '$_pattern': $*"
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
	me start "$_name" --kernel "$GUEST" --memory 32M "$@"
}

# page PORT: the guest's page through a published port of localhost
page()
{
	in_ns curl -sS -m 5 "http://127.0.0.1:$1/" | grep -q 'test guest'
}

# role_pids: "PID PROGRAM" of every live role of the instance. privd becomes
# privd-front in the same process; the others are its children.
role_pids()
{
	_loop=$(cat "$I/loop.pid") || return 1
	for _front in $(pgrep -P "$_loop"); do
		for _p in $_front $(pgrep -P "$_front"); do
			_exe=$(readlink "/proc/$_p/exe") || continue
			case $_exe in
			"$POSTERN_LIBEXEC"/*) echo "$_p ${_exe##*/}" ;;
			esac
		done
	done
}

role_pid()
{
	role_pids | sed -n "s/ $1\$//p" | head -1
}

# other_role ROLE PID: it lives, in another process
other_role()
{
	_now=$(role_pid "$1")
	[ -n "$_now" ] && [ "$_now" != "$2" ]
}

# vm_pid SLOTGLOB sup|vmm: a process in a VM's leaf
vm_pid()
{
	head -n 1 "$CG/$1/$2/cgroup.procs" 2> /dev/null
}

# vm_cg NAME [UID]: the directory of a VM's cgroup, by its address
vm_cg()
{
	_addr=$(as "${2-$TENANT}" info "$1" --json |
	    json '["address"].split(".")')
	_slot=$($PY -c "a = $_addr
print((int(a[2]) * 256 + int(a[3])) // 2)")
	basename "$CG/v$_slot-"*
}

# json EXPRESSION: of the object on standard input
json()
{
	$PY -c "import json, sys
print(json.load(sys.stdin)$1)"
}

# everything that a VM could leave behind, as long as nothing else runs
made()
{
	find /sys/fs/cgroup -type d -path "*/$INST-vms/*" 2> /dev/null | sort
	in_ns ip -o link | awk '$2 ~ /^pt/ { print "link", $2 }'
	in_ns nft list table ip "$INST" 2> /dev/null |
	    grep -E 'elements|: 10\.200' | sed 's/^[[:space:]]*//'
	in_ns find "$I/state" "$I/run/ctld" "$I/run/channel" -type f -o \
	    -type s | sort
	vm_processes
}

# nothing_made FILE: made() is again as it was when written there
nothing_made()
{
	_n=$((50 * ${POSTERN_SLOW-1}))
	while made > made.now; ! cmp -s "$1" made.now; do
		_n=$((_n - 1))
		if [ "$_n" -le 0 ]; then
			diff "$1" made.now >&2
			tail -40 "$I/log" >&2
			atf_fail "left behind"
		fi
		sleep 0.1
	done
}

daemon_down()
{
	[ -f "$I/loop.pid" ] || return 0
	touch "$I/stop"
	_loop=$(cat "$I/loop.pid")
	# its only child is privd (front, once started)
	pkill -P "$_loop"
	_n=$((100 * ${POSTERN_SLOW-1}))
	while kill -0 "$_loop" 2> /dev/null && [ "$_n" -gt 0 ]; do
		sleep 0.1
		_n=$((_n - 1))
	done
	kill "$_loop" 2> /dev/null
	rm -f "$I/loop.pid" "$I/stop"
}

# privd -D: what the daemon changed on the host is undone
daemon_undo()
{
	in_ns "$POSTERN_LIBEXEC/privd" -c "$I/postern.conf" -D
}

instance_down()
{
	I=$(cat instance.dir 2> /dev/null) || return 0
	[ -d "$I" ] || return 0
	instance_vars
	as 0 stop --everybody --grace 0 > /dev/null 2>&1
	daemon_down
	# whatever the test broke: no process and no cgroup may stay
	for _v in "$CG"/v*; do
		[ -d "$_v" ] && echo 1 > "$_v/cgroup.kill"
	done
	for _n in 1 2 3 4 5 6 7 8 9 10; do
		find /sys/fs/cgroup -mindepth 2 -depth -type d \
		    -path "*/$INST-vms/*" -exec rmdir {} + 2> /dev/null &&
		    break
		sleep 0.1
	done
	daemon_undo
	kill "$NS" 2> /dev/null
	rm -rf "$I"
}

# host_snapshot: everything of the host that a VM could leave something in
host_snapshot()
{
	in_ns ip -o link | sed 's/ qlen.*//'
	in_ns ip -o addr
	in_ns ip route show table all
	in_ns ip rule
	in_ns ip neigh
	in_ns iptables-save 2> /dev/null | grep -v '^#' | sed 's/\[.*\]//'
	in_ns ip6tables-save 2> /dev/null | grep -v '^#' | sed 's/\[.*\]//'
	in_ns nft list ruleset | sed 's/counter packets .* bytes [0-9]*/counter/'
	in_ns cut -d' ' -f5- /proc/self/mountinfo | sort
	find /sys/fs/cgroup -type d -name "*$INST*"
	in_ns find /proc/sys/net/ipv4/conf /proc/sys/net/ipv4/ip_forward \
	    /proc/sys/net/ipv6/conf /proc/sys/net/ipv4/neigh -type f \
	    ! -name stable_secret -exec grep -H . {} + 2> /dev/null |
	    grep -v '/pt[0-9]*/' | sort
	in_ns ls /run/netns 2> /dev/null
	find "$I/run" "$I/state" \( -type f -o -type s \) ! -name '*.lock' \
	    ! -name events 2> /dev/null | sort # the daemon's memory stays
	vm_processes
}

# processes with an id of the instance's VM range
vm_processes()
{
	ps -eo uid=,pid=,comm= | awk -v base="$ID_BASE" \
	    '$1 >= base && $1 < base + 2048'
}
