# SPDX-License-Identifier: ISC
# Twenty VMs at once: each limited by its cgroup, each reachable on its own
# port, and nothing of them left in the host afterwards. Runs as root to make
# the instance; its network namespace plays the host.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

NVMS=20

# cgroup_value CONTROLLER V1FILE V2FILE VM
cgroup_value()
{
	if [ -d "/sys/fs/cgroup/$1/$INST-vms/$4" ]; then
		cat "/sys/fs/cgroup/$1/$INST-vms/$4/$2"
	else
		cat "$CG/$4/vmm/$3"
	fi
}

# limited VM: every limit stands in its cgroup, and its processes are in it
limited()
{
	[ "$(cgroup_value pids pids.max pids.max "$1")" != max ] ||
	    atf_fail "$1: no limit of processes"
	mem=$(cgroup_value memory memory.limit_in_bytes memory.max "$1")
	# guest memory and the stated overhead of the VMM
	[ "$mem" -ge $((32 << 20)) ] && [ "$mem" -le $((1056 << 20)) ] ||
	    atf_fail "$1: memory $mem"
	if [ -d "/sys/fs/cgroup/cpu/$INST-vms/$1" ]; then
		quota=$(cat "/sys/fs/cgroup/cpu/$INST-vms/$1/cpu.cfs_quota_us")
		[ "$quota" -gt 0 ] || atf_fail "$1: cpu $quota"
	else
		grep -qv '^max' "$CG/$1/vmm/cpu.max" || atf_fail "$1: cpu"
	fi
	vmm=$(vm_pid "$1" vmm)
	[ -n "$vmm" ] || atf_fail "$1: no VMM in its leaf"
	for c in cpu memory pids devices; do
		[ -d "/sys/fs/cgroup/$c/$INST-vms" ] || continue
		grep -q ":.*$c.*:.*/$INST-vms/$1\$" "/proc/$vmm/cgroup" ||
		    atf_fail "$1: its VMM is outside of its $c cgroup"
	done
}

start_all()
{
	pids=
	for i in $(seq $NVMS); do
		start_guest "vm$i" -p $((8000 + i)):80 \
		    --boot-args "number,$i" > "start.$i" 2>&1 &
		pids="$pids $!"
	done
	for p in $pids; do
		wait "$p" || atf_fail "$(cat start.*)"
	done
}

all_answer()
{
	for i in $(seq $NVMS); do
		in_ns curl -sS -m 5 "http://127.0.0.1:$((8000 + i))/" |
		    grep -q "number,$i\$" || atf_fail "vm$i does not answer"
	done
}

atf_test_case fleet cleanup
fleet_head()
{
	instance_case fleet "20 VMs started, limited, listed, stopped; no trace"
}
fleet_body()
{
	instance_new
	instance_conf
	host_snapshot > snapshot.none
	daemon_up
	host_snapshot > snapshot.daemon
	start_all
	good me list
	[ "$(grep -c Running out.txt)" = $NVMS ] || atf_fail "$(cat out.txt)"
	[ "$(find "$CG" -mindepth 1 -maxdepth 1 -name 'v*' | wc -l)" = \
	    $NVMS ] || atf_fail "cgroups"
	for v in "$CG"/v*; do
		limited "${v##*/}"
	done
	# as many ids as VMs: nobody shares one
	[ "$(for v in "$CG"/v*; do
		awk '/^Uid/ { print $2 }' \
		    "/proc/$(vm_pid "${v##*/}" vmm)/status" \
		    "/proc/$(vm_pid "${v##*/}" sup)/status"
	done | sort -u | wc -l)" = $((2 * NVMS)) ] || atf_fail "shared uids"
	all_answer
	# the snapshot would see them
	host_snapshot > snapshot.full
	cmp -s snapshot.daemon snapshot.full && atf_fail "the snapshot is blind"
	good me stop --all
	grep -qx "$NVMS stopped" out.txt || atf_fail "$(cat out.txt)"
	good me list -a
	[ "$(grep -c Stopped out.txt)" = $NVMS ] || atf_fail "list -a"
	# shellcheck disable=SC2046 # a list of names
	good me rm $(seq -f 'vm%g' $NVMS)
	same snapshot.daemon
	daemon_down
	good daemon_undo
	same snapshot.none
}
fleet_cleanup()
{
	instance_down
}

# same FILE: the host is again as it was when written there
same()
{
	n=30
	while host_snapshot > snapshot.now; ! cmp -s "$1" snapshot.now; do
		n=$((n - 1))
		if [ $n -le 0 ]; then
			diff "$1" snapshot.now >&2
			atf_fail "the host is not as before"
		fi
		sleep 0.1
	done
}

atf_test_case limits cleanup
limits_head()
{
	instance_case limits "a guest that burns and floods costs only itself"
}
limits_body()
{
	instance_up
	good start_guest quiet -p 8080:80
	good start_guest spin --boot-args spin
	good start_guest flood --boot-args flood
	good start_guest small --cpus 1 --memory 64M -p 8081:80
	sleep 1
	good page 8080
	good page 8081
	# the flood's console is bounded
	[ "$(me logs --raw flood | wc -c)" -le 65536 ] || atf_fail "console"
	v=$(vm_cg small)
	mem=$(cgroup_value memory memory.limit_in_bytes memory.max "$v")
	v=$(vm_cg quiet)
	less=$(cgroup_value memory memory.limit_in_bytes memory.max "$v")
	[ $((mem - less)) -ge $((32 << 20)) ] &&
	    [ $((mem - less)) -le $((40 << 20)) ] ||
	    atf_fail "memory does not follow the guest's: $mem, $less"
	good me stop --grace 0 --all
}
limits_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case fleet
	atf_add_test_case limits
}
