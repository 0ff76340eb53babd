# SPDX-License-Identifier: ISC
# shellcheck shell=sh
#
# The starter: what it makes, whom it refuses, that one fate holds, and that
# `privd -D` leaves nothing. As root, with an instance, uids and a network
# namespace of its own; kills only what it started.

# A script for the private network namespace: $dir is the installed tree, $conf
# the configuration, $P the daemon that up starts.
# shellcheck disable=SC2016 # for the inner shell
prelude='
dir=$PWD
conf=$dir/etc/postern.conf
err() { echo "$*" >&2; exit 1; }
up() {
	"$dir/libexec/privd" -u 61006 -c "$conf" 2>>"$dir/log" &
	P=$!
	n=0
	until grep -q "front: info: ready" "$dir/log"; do
		kill -0 $P 2>/dev/null || err "privd ended"
		n=$((n + 1))
		[ $n -lt 200 ] || err "not ready"
		sleep 0.05
	done
}
gone() {
	n=0
	while ! flock -n "$dir/run/lock" true; do
		n=$((n + 1))
		[ $n -lt 200 ] || err "processes are left"
		sleep 0.05
	done
	: >"$dir/log"
}
refused() {
	timeout -s KILL 15 "$dir/libexec/privd" -u 61006 -c "$conf" \
	    2>"$dir/refusal" && err "was not refused"
	grep -q "$1" "$dir/refusal" || err "not said: $1: $(cat "$dir/refusal")"
}
'

tree()
{
	b=$(atf_config_get top_builddir)
	umask 022
	chmod 755 .
	mkdir libexec etc
	cp "$b/privd/privd" "$b/ctld/ctld" "$b/privd-front" "$b/privd-net" \
	    "$b/privd-jail" "$b/ctld-client" "$b/ctld-conf" "$b/vmsup" libexec
	cat >etc/postern.conf <<EOF
[daemon]
instance = psttst
interface_prefix = pstt
run_dir = $PWD/run
state_dir = $PWD/state
libexec_dir = $PWD/libexec
[users]
front = 61001
net = 61002
jail = 61003
ctld = 61004
client = 61005
conf = 61006
fetch = 61007
group = 61010
members = 61050
[vms]
slots = 64
max_vms = 32
[network]
pool = 10.233.0.0/16
EOF
	: >log
}

# inside SCRIPT: run it there.
inside()
{
	tree
	printf '%s\n%s\n' "$prelude" "$1" >script
	atf_check -s exit:0 -o ignore -e save:stderr \
	    unshare -n sh -e script || {
		cat stderr log >&2
		atf_fail "see standard error"
	}
}

down()
{
	[ ! -f etc/postern.conf ] || [ ! -d run ] ||
	    unshare -n ./libexec/privd -u 61006 -c "$PWD/etc/postern.conf" -D
}

atf_test_case up_and_down cleanup
up_and_down_head()
{
	atf_set require.user root
	atf_set descr 'what is made is right, and all of it goes again'
}
up_and_down_body()
{
	# shellcheck disable=SC2016 # for the inner shell
	inside '
	ip link add va type veth peer name vb
	echo 1 >/proc/sys/net/ipv4/conf/va/forwarding
	look() {
		grep . /proc/sys/net/ipv4/conf/*/forwarding \
		    /proc/sys/net/ipv4/conf/*/accept_redirects \
		    /proc/sys/net/ipv4/ip_forward
		find /sys/fs/cgroup -maxdepth 3 -name "*psttst*"
		nft list ruleset
		ip -o link
	}
	look >before
	up
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || err forwarding
	[ "$(stat -c "%a %u %g" run/io.postern.Vm)" = "660 0 61010" ] ||
	    err "control socket"
	[ "$(stat -c "%a %u" run/ctld)" = "700 61004" ] || err run/ctld
	[ "$(stat -c "%a %u" state/ctld)" = "700 61004" ] || err state/ctld
	[ "$(stat -c "%a %u" run/front/ledger)" = "600 0" ] || err ledger
	for p in $P $(pgrep -P $P); do
		[ -z "$(tr -d "\0" </proc/$p/environ)" ] || err environment
		grep -q "^Uid:.6100[1-5]" /proc/$p/status || err uid
	done
	[ "$(pgrep -P $P | wc -l)" = 4 ] || err "processes"
	refused "runs already"
	"$dir/libexec/privd" -u 61006 -c "$conf" -D 2>/dev/null &&
	    err "down under a live daemon"
	kill -9 $P
	gone
	cg=$(find /sys/fs/cgroup -maxdepth 3 -name "*psttst*" | head -1)
	mkdir "$cg/v1-1-61050"
	"$dir/libexec/privd" -u 61006 -c "$conf" -D 2>said && err "down with a VM"
	grep -q "still has VMs" said || err "not said"
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || err "undone"
	rmdir "$cg/v1-1-61050"
	"$dir/libexec/privd" -u 61006 -c "$conf" -D || err down
	look >after
	diff before after >&2
	[ ! -e run ] || err "run is left"
	'
}
up_and_down_cleanup()
{
	down
}

# Somebody's FORWARD policy of DROP, in either variant of iptables and both.
atf_test_case hooks cleanup
hooks_head()
{
	atf_set require.user root
	atf_set require.progs "iptables-legacy iptables-nft"
	atf_set descr 'our hook in legacy iptables, nf_tables and both; gone after -D'
}
hooks_body()
{
	# shellcheck disable=SC2016 # for the inner shell
	inside '
	name=$(echo psttst | tr a-z A-Z)
	theirs() {
		[ -z "$(cat /proc/net/ip_tables_names)" ] || iptables-legacy -S
		iptables-nft -S 2>/dev/null
	}
	hooked() {
		"$1" -S | grep -q -- "^-A $2 .*-j $name\$" ||
		    err "$1: no jump from $2"
		[ "$("$1" -S "$name" | grep -c ACCEPT)" = 2 ] ||
		    err "$1: our chain"
	}
	up_down() {
		theirs >before
		up
		for v in $1; do hooked "$v" "$2"; done
		kill -9 $P
		gone
		# again, and nothing is there twice
		up
		for v in $1; do
			[ "$("$v" -S | grep -c -- "-j $name")" = 1 ] ||
			    err "$v: twice"
		done
		kill -9 $P
		gone
		"$dir/libexec/privd" -u 61006 -c "$conf" -D || err down
		theirs >after
		cmp before after || err "$(diff before after)"
	}
	[ -z "$(cat /proc/net/ip_tables_names)" ] || err "not a fresh host"
	iptables-nft -P FORWARD DROP
	up_down iptables-nft FORWARD
	[ -z "$(cat /proc/net/ip_tables_names)" ] || err "we loaded legacy"
	iptables-legacy -P FORWARD DROP
	up_down "iptables-legacy iptables-nft" FORWARD
	for v in iptables-legacy iptables-nft; do
		$v -N DOCKER-USER
		$v -A DOCKER-USER -j RETURN
		$v -A FORWARD -j DOCKER-USER
	done
	up_down "iptables-legacy iptables-nft" DOCKER-USER
	'
}
hooks_cleanup()
{
	down
}

atf_test_case one_fate cleanup
one_fate_head()
{
	atf_set require.user root
	atf_set descr 'kill -9 of any one ends all, and the next start works'
}
one_fate_body()
{
	# shellcheck disable=SC2016 # for the inner shell
	inside '
	for i in 0 1 2 3 4; do
		up
		all="$P $(pgrep -P $P)"
		set -- $all
		shift $i
		kill -9 "$1"
		n=0
		for p in $all; do
			while [ -d /proc/$p ] &&
			    ! grep -q "^State:.Z" /proc/$p/status; do
				n=$((n + 1))
				[ $n -lt 100 ] || err "$p lives on"
				sleep 0.02
			done
		done
		: >"$dir/log"
	done
	'
}
one_fate_cleanup()
{
	down
}

atf_test_case refusals cleanup
refusals_head()
{
	atf_set require.user root
	atf_set descr 'places where somebody else could put something'
}
refusals_body()
{
	# shellcheck disable=SC2016 # for the inner shell
	inside '
	chmod 777 libexec
	refused "may be written by others"
	chmod 755 libexec
	chown 61050 libexec/privd-jail
	refused "belongs to uid 61050"
	chown 0 libexec/privd-jail
	chmod 666 etc/postern.conf
	refused "whoever writes it"
	chmod 644 etc/postern.conf
	mkdir real
	[ ! -e run ] || err "something was made"
	ln -s real run
	refused "remove it"
	rm run
	mkdir -m 777 run
	refused "has owner 0 and mode 777"
	rmdir run
	mkdir -p state/ctld
	chown 61050 state/ctld
	refused "has owner 61050"
	rm -r state
	"$dir/libexec/privd" -x 2>/dev/null && err usage
	[ $? = 2 ] || err "usage is not 2"
	setpriv --reuid 61050 --clear-groups "$dir/libexec/privd" -c "$conf" \
	    2>said && err "not by root"
	grep -q "started by root" said || err "not said: root"
	echo "nonsense = 1" >>etc/postern.conf
	refused "configuration was refused"
	sed -i /nonsense/d etc/postern.conf
	up # negative control
	kill -9 $P
	gone
	'
}
refusals_cleanup()
{
	down
}

atf_test_case notify cleanup
notify_head()
{
	atf_set require.user root
	atf_set require.progs python3
	atf_set descr 'front itself tells a service manager: ready, alive'
}
notify_body()
{
	# shellcheck disable=SC2016 # for the inner shell
	inside '
	cat >hear.py <<EOT
import socket, struct
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
s.bind("notify")
while True:
    text, anc, _, _ = s.recvmsg(256, 64)
    pid = struct.unpack("3i", anc[0][2])[0]
    print(text.decode(), pid, flush=True)
EOT
	python3 hear.py >heard &
	H=$!
	trap "kill \$H" EXIT
	n=0
	until [ -S notify ]; do
		n=$((n + 1))
		[ $n -lt 100 ] || err "no listener"
		sleep 0.05
	done
	# the control: nobody is told who did not ask
	up
	kill -9 $P
	gone
	[ ! -s heard ] || err "told: $(cat heard)"
	export NOTIFY_SOCKET=$dir/notify WATCHDOG_USEC=10000000
	up
	n=0
	until grep -qx "WATCHDOG=1 $P" heard; do
		n=$((n + 1))
		[ $n -lt 200 ] || err "no ping: $(cat heard)"
		sleep 0.1
	done
	[ "$(head -n 1 heard)" = "READY=1 $P" ] || err "$(cat heard)"
	# a manager that is gone is no reason to end
	kill $H
	rm notify
	sleep 6
	kill -0 $P || err "ended with the manager"
	kill -9 $P
	gone
	python3 hear.py >heard &
	H=$!
	sleep 1
	WATCHDOG_USEC=9000000 refused "WatchdogSec=10 or more"
	WATCHDOG_USEC=often refused "is no number"
	NOTIFY_SOCKET=notify refused "neither a path nor"
	'
}
notify_cleanup()
{
	down
}

atf_test_case conf_user cleanup
conf_user_head()
{
	atf_set require.user root
	atf_set descr 'the configuration is read as _ctld-conf, if there is one'
}
conf_user_body()
{
	inside '
	chown 0:61006 "$conf"
	chmod 640 "$conf"
	grep -v "^_ctld-conf:" /etc/passwd >passwd
	bind() { unshare -m sh -c "mount --bind passwd /etc/passwd && \
	    exec \"$dir/libexec/privd\" -c \"$conf\" -D" 2>said; }
	# the control: nobody may not read it
	bind && err "read without the user"
	echo "_ctld-conf:x:61006:61006::/:/bin/false" >>passwd
	bind || err "not read as _ctld-conf: $(cat said)"
	# root is no user for it
	sed -i s/:61006:61006:/:0:0:/ passwd
	bind && err "read as root"
	true
	'
}
conf_user_cleanup()
{
	down
}

atf_init_test_cases()
{
	atf_add_test_case up_and_down
	atf_add_test_case hooks
	atf_add_test_case one_fate
	atf_add_test_case refusals
	atf_add_test_case notify
	atf_add_test_case conf_user
}
