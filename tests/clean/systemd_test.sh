# SPDX-License-Identifier: ISC
# Runs inside the clean host when systemd is its init (tests/run clean): the
# installed units, as an operator has them. A restart of the daemons, a reload
# of systemd and a hung front change no VM; guests are stopped in order. Runs
# as root with the one instance of that host.
# shellcheck shell=sh disable=SC2013,SC2015 # words; atf_fail ends a test

VMS=3
LOG=/run/postern.log

# a case needs root and the clean host's systemd
systemd_case()
{
	atf_set "descr" "$1"
	atf_set "require.user" "root"
	atf_set "timeout" 300
}

on_systemd()
{
	[ "$(cat /proc/1/comm)" = systemd ] && [ -e /run/postern-clean ] ||
	    atf_skip "this host is not the clean one with systemd"
	PLACE=/sys/fs/cgroup/system.slice/postern-vms.service
}

ok()
{
	"$@" > out.txt 2> err.txt && return 0
	cat out.txt err.txt >&2
	tail -n 30 $LOG >&2
	systemctl --no-pager status postern.service >&2
	atf_fail "failed: $*"
}

# property UNIT NAME
property()
{
	systemctl show "$1" -p "$2" --value
}

# wait_until SECONDS WHAT COMMAND...
wait_until()
{
	end=$(($(date +%s) + $1)) what=$2
	shift 2
	until "$@" > /dev/null 2>&1; do
		[ "$(date +%s)" -lt "$end" ] || {
			tail -n 30 $LOG >&2
			atf_fail "timed out: $what"
		}
		sleep 0.2
	done
}

page()
{
	curl -sS -m 5 "http://127.0.0.1:$1/" | grep -q 'test guest'
}

# every process of every VM, with its start time
processes()
{
	for p in $(cat "$PLACE"/v*/sup/cgroup.procs "$PLACE"/v*/vmm/cgroup.procs)
	do
		echo "$p $(cut -d' ' -f22 "/proc/$p/stat")"
	done
}

limits()
{
	grep . "$PLACE"/v*/vmm/memory.max "$PLACE"/v*/vmm/pids.max \
	    "$PLACE"/v*/vmm/cpu.max
}

start_vms()
{
	cp "$POSTERN_GUEST" /var/lib/guest.elf
	for i in $(seq $VMS); do
		postern rm -f "vm$i" > /dev/null 2>&1
		ok postern start "vm$i" --kernel /var/lib/guest.elf \
		    --memory 32M -p $((8000 + i)):80
	done
	processes > processes.before
	limits > limits.before
	[ "$(grep -c . processes.before)" -ge $((2 * VMS)) ] &&
	    [ "$(grep -c . limits.before)" = $((3 * VMS)) ] ||
	    atf_fail "$(cat processes.before limits.before)"
}

# unchanged WHAT: same processes, same limits, all answer
unchanged()
{
	wait_until 60 "$1: the daemon" postern list
	processes > processes.now
	diff processes.before processes.now || atf_fail "$1: processes"
	limits > limits.now
	diff limits.before limits.now || atf_fail "$1: limits"
	[ "$(postern list | grep -c ' Running ')" = $VMS ] ||
	    atf_fail "$1: $(postern list)"
	for i in $(seq $VMS); do
		page $((8000 + i)) || atf_fail "$1: vm$i does not answer"
	done
}

atf_test_case restart
restart_head()
{
	systemd_case "what restarts the daemons changes no VM"
}
restart_body()
{
	on_systemd
	ok systemctl start postern-guests.service
	for unit in postern postern-vms postern-guests; do
		[ "$(property $unit ActiveState)" = active ] ||
		    atf_fail "$unit is $(property $unit ActiveState)"
	done
	# Type=notify: it was told, so it answers at once
	[ "$(property postern Type)" = notify ] || atf_fail "type"
	ok postern list
	start_vms
	ok systemctl restart postern.service
	unchanged restart
	ok systemctl daemon-reload
	unchanged daemon-reload
	ok systemctl restart postern.service
	unchanged 'reload and restart'
	# whatever else comes and goes in the slice, limits stay possible
	printf '[Service]\n%s\n%s\n%s\n%s\n' Type=oneshot MemoryMax=100M \
	    CPUQuota=50% ExecStart=/bin/true > /run/systemd/system/other.service
	ok systemctl start other.service
	ok postern start more --kernel /var/lib/guest.elf --memory 32M
	ok postern rm -f more
	unchanged 'a unit came and went'
	systemctl stop postern-vms.service 2> /dev/null &&
	    atf_fail "postern-vms.service was stopped"
	systemctl restart postern-vms.service 2> /dev/null &&
	    atf_fail "postern-vms.service was restarted"
	unchanged 'refused'
}

atf_test_case watchdog
watchdog_head()
{
	systemd_case "a front that hangs is started anew by the watchdog"
}
watchdog_body()
{
	on_systemd
	ok systemctl start postern-guests.service
	[ "$(property postern WatchdogUSec)" = 30s ] || atf_fail "no watchdog"
	mkdir -p /run/systemd/system/postern.service.d
	printf '[Service]\nWatchdogSec=10\n' \
	    > /run/systemd/system/postern.service.d/watchdog.conf
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	start_vms
	main=$(property postern MainPID)
	# the control: it lives longer than that when nothing is wrong
	sleep 15
	[ "$(property postern MainPID)" = "$main" ] || atf_fail "killed early"
	kill -STOP "$main"
	wait_until 60 "the watchdog" other_main "$main"
	unchanged watchdog
	# what front does not reach in time is refused, with the remedy
	printf '[Service]\nWatchdogSec=5\nRestart=no\n' \
	    > /run/systemd/system/postern.service.d/watchdog.conf
	ok systemctl daemon-reload
	systemctl restart postern.service 2> /dev/null && atf_fail "accepted"
	grep -q 'WatchdogSec=10 or more' $LOG || atf_fail "$(tail $LOG)"
	rm /run/systemd/system/postern.service.d/watchdog.conf
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	unchanged 'after a bad configuration'
}

other_main()
{
	now=$(property postern MainPID)
	[ "$now" != 0 ] && [ "$now" != "$1" ]
}

atf_test_case guests
guests_head()
{
	systemd_case "postern-guests stops all guests, and nothing else does"
}
guests_body()
{
	on_systemd
	ok systemctl start postern-guests.service
	start_vms
	ok systemctl stop postern.service
	[ "$(find "$PLACE" -maxdepth 1 -name 'v*' | grep -c .)" -gt 0 ] ||
	    atf_fail "the daemon's end ended VMs"
	page 8001 || atf_fail "no page while the daemon is away"
	ok systemctl start postern.service
	ok systemctl stop postern-guests.service
	[ "$(property postern-guests Result)" = success ] || atf_fail "result"
	[ "$(property postern ActiveState)" = active ] || atf_fail "daemon"
	find "$PLACE" -maxdepth 1 -name 'v*' | grep . && atf_fail "VMs are left"
	ok postern list -a
	[ "$(grep -c Stopped out.txt)" -ge $VMS ] || atf_fail "$(cat out.txt)"
	ok postern logs vm1
	grep -q 'power button' out.txt || atf_fail "the guest was not asked"
	# no VM is left: the daemon takes its things off this host
	ok systemctl stop postern.service
	nft list tables | grep postern && atf_fail "tables are left"
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || atf_fail "forwarding"
	ok systemctl start postern-guests.service
}

atf_init_test_cases()
{
	for c in restart watchdog guests; do
		atf_add_test_case $c
	done
}
