#!/bin/sh
# SPDX-License-Identifier: ISC
#
# quickstart_room.sh TOP WORK GUEST: `quickstart` from nothing to nothing, as
# quickstart_test.sh has it run: as root, first process of a pid namespace,
# in mount and network namespaces of its own. What it writes to goes into
# overlays that end with this script; only cgroups are the machine's. Says
# what fails, and then exits 1.
set -u
top=$1 work=$2 guest=$3
export LC_ALL=C PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
unset SUDO_USER
home=/var/lib/postern-quickstart

fail()
{
	echo "FAILED: $*"
	exit 1
}

# The same machine, but what is changed in it is not.
room()
{
	mount -t tmpfs -o mode=755 none "$work" || fail "tmpfs"
	for d in /etc /home /root /usr/local /var/cache /var/lib; do
		mkdir -p "$work$d/upper" "$work$d/work"
		mount -t overlay -o "lowerdir=$d,upperdir=$work$d/upper" \
		    -o "workdir=$work$d/work" none "$d" || fail "overlay $d"
	done
	mount -t tmpfs -o mode=755 none /run || fail "tmpfs on /run"
	ip link set lo up || fail "lo"
	cd "$work" || fail "$work"
}

# Everything that "as before" is about, but for sysctls.
snapshot()
{
	ip -o link | sed 's/ qlen.*//'
	ip -o addr
	ip route show table all
	ip rule
	nft list ruleset
	iptables-save | grep -v '^#'
	ip6tables-save | grep -v '^#'
	ip netns list 2>/dev/null
	cut -d' ' -f5- /proc/self/mountinfo | sort
	find /sys/fs/cgroup -maxdepth 2 -name '*postern*'
	# the tools' own copies of the last but one state come and go, and
	# who runs the tests writes, too
	find /etc /home /root /run /usr/local /var/lib -xdev \
	    ! -name '.pwd.lock' ! -path '/etc/*-' ! -path '*/.kyua*' \
	    -printf '%p %y %m %U:%G %l\n' | sort
	find /etc -xdev -type f ! -path '/etc/*-' ! -name .pwd.lock \
	    -exec cksum {} + | sort
	# pid 1 reaps late; this pipeline is no leftover
	ps -eo stat=,uid=,comm= | awk '$1 !~ /^Z/ && !/ps$|awk$|sh$|sed$/'
}

sysctls()
{
	find /proc/sys/net -type f ! -name stable_secret \
	    ! -name 'nf_conntrack_*' -exec grep -H . {} + 2>/dev/null | sort
}

# quickstart ARGUMENT...: it, with how long it took
quickstart()
{
	t0=$(date +%s)
	"$top/quickstart" "$@" >out 2>&1
	rc=$?
	cat out
	echo "# exit $rc after $(($(date +%s) - t0)) s"
	return $rc
}

demo()
{
	runuser -u postern-demo -- postern "$@"
}

page()
{
	curl -sS -m 10 http://localhost:8080/ |
	    grep -q 'Linux guest of Postern' || fail "no page: $1"
}

# A holder of the port is named, and nothing is made.
busy()
{
	python3 -m http.server 8080 >/dev/null 2>&1 &
	holder=$!
	until ss -Hltn 'sport = :8080' | grep -q 8080; do
		sleep 0.1
	done
	! quickstart || fail "started on a busy port"
	grep -q "8080 is taken by python3 (pid $holder)" out ||
	    fail "the holder is not named"
	kill $holder
	wait $holder
	[ ! -e /usr/local/bin/postern ] || fail "installed on a busy port"
}

# The five commands that it prints do what they say.
try_next()
{
	sed -n '/^Try next:/,$p' out | sed -n 's/^  //p' >next
	[ "$(wc -l <next)" = 5 ] || fail "not five commands"
	while read -r line; do
		echo "# $line"
		sh -c "$line" </dev/null || fail "$line"
	done <next
	demo list -a | grep -Eq '^hello +Stopped' || fail "not stopped"
}

room
snapshot >before
sysctls >before.sysctl
mkdir -p $home
cp -a "$guest" $home/guest || fail "no guest"
busy
timeout -s INT 4 "$top/quickstart"
echo "# interrupted"
quickstart || fail "first run"
page "first run"
demo list | grep -Eq '^hello +Running' || fail "list: $(demo list)"
sort $home/manifest >manifest
demo info hello --json >info.json
quickstart || fail "second run"
grep -q 'runs already' out || fail "started a second time"
sort $home/manifest | cmp - manifest || fail "another manifest"
demo info hello --json | cmp - info.json || fail "another VM"
page "second run"
try_next
quickstart || fail "third run"
page "third run"
quickstart down || fail "down"
snapshot >after
diff before after || fail "not as before (see above)"
sysctls >after.sysctl
# new ones may have come with modules; what was there is as it was
[ -z "$(comm -23 before.sysctl after.sysctl)" ] ||
    fail "sysctls: $(comm -3 before.sysctl after.sysctl)"
quickstart down || fail "down once more"
grep -q 'nothing of quickstart' out || fail "down twice"
echo "# all is as before"
