# SPDX-License-Identifier: ISC
# Runs in the clean host when systemd is its init (tests/run clean): the
# installed units, as an operator has them. Restarts, crashes, a hung front
# and other programs change no VM; guests are stopped in order.
# shellcheck shell=sh disable=SC2154 # host.sh's variables
# shellcheck disable=SC2015 # atf_fail ends a test

FLEET=20

# property UNIT NAME
property()
{
	systemctl show "$1" -p "$2" --value
}

# The unit has another main process than this, and is ready
other_main()
{
	[ "$(property postern MainPID)" != "$1" ] &&
	    [ "$(property postern ActiveState)" = active ]
}

atf_test_case crash
crash_head()
{
	operator_case "each role killed: the unit starts all, no VM changes"
}
crash_body()
{
	here systemd
	ok systemctl start postern-guests.service
	start_vms $FLEET
	for role in privd-front privd-net privd-jail ctld ctld-client; do
		main=$(property postern MainPID)
		pid=$(role $role)
		[ -n "$pid" ] || atf_fail "no $role"
		kill -9 "$pid"
		wait_until "a new daemon after $role" other_main "$main"
		wait_until "its answer" postern list
	done
	unchanged 'five crashes'
}

# role PROGRAM: its process in the unit
role()
{
	for p in $(pgrep -P 1) $(pgrep -P "$(property postern MainPID)"); do
		[ "$(readlink "/proc/$p/exe")" != \
		    "/usr/local/libexec/postern/$1" ] || {
			echo "$p"
			return
		}
	done
}

atf_test_case hang
hang_head()
{
	operator_case "a front that hangs is started anew by the watchdog"
}
hang_body()
{
	here systemd
	ok systemctl start postern-guests.service
	start_vms $FLEET
	main=$(property postern MainPID)
	[ "$(property postern WatchdogUSec)" = 30s ] || atf_fail "watchdog"
	# thirty seconds are for operators; the least that privd takes here
	mkdir -p /run/systemd/system/postern.service.d
	conf=/run/systemd/system/postern.service.d/watchdog.conf
	printf '[Service]\nWatchdogSec=10\n' > $conf
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	wait_until 'another front' other_main "$main"
	main=$(property postern MainPID)
	kill -STOP "$main"
	wait_until 'a front after the hung one' other_main "$main"
	unchanged 'the watchdog'
	# one that it could not serve is refused, by its name
	printf '[Service]\nWatchdogSec=5\n' > $conf
	ok systemctl daemon-reload
	systemctl restart postern.service 2> /dev/null && atf_fail "accepted"
	grep -q 'WatchdogSec=10 or more' "$LOG" || atf_fail "$(tail "$LOG")"
	rm $conf
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	unchanged 'after a bad configuration'
}

atf_test_case new_build
new_build_head()
{
	operator_case "other programs, another version: VMs go on, are served"
}
new_build_body()
{
	here systemd
	next=$(dirname "$(atf_config_get top_builddir)")/next/root/usr/local
	[ -d "$next" ] || atf_fail "no second build in $next"
	ok systemctl start postern-guests.service
	start_vms $FLEET
	ok postern version
	cp out.txt version.before
	old=$(sha256sum < /usr/local/libexec/postern/vmsup)
	traffic
	# as packages do it: new files under the old names
	cp -a --remove-destination "$next/." /usr/local/
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	unchanged 'an upgrade'
	traffic_end 'an upgrade'
	ok postern version
	diff version.before out.txt && atf_fail "the same version"
	# vm1's supervisor is of the first build, and serves the second ctld
	sup=$(head -n 1 "$(vm_leaf vm1)/sup/cgroup.procs")
	[ "$(sha256sum < "/proc/$sup/exe")" = "$old" ] ||
	    atf_fail "another supervisor"
	wait_until 'an old console' echoes vm1 after-the-upgrade
	ok postern pause vm1
	ok postern resume vm1
	ok postern stop vm1 --grace 300
	ok postern start vm1
	sup=$(head -n 1 "$(vm_leaf vm1)/sup/cgroup.procs")
	[ "$(sha256sum < "/proc/$sup/exe")" != "$old" ] ||
	    atf_fail "an old supervisor"
	wait_until 'a new console' echoes vm1 new-and-new
	start_vms $FLEET
}

# vm_leaf NAME: its cgroup, by its address
vm_leaf()
{
	address=$(postern info "$1" --json |
	    sed -n 's/.*"address": *"\([0-9.]*\)".*/\1/p')
	two=${address#*.*.}
	echo "$PLACE/v$(((${two%.*} * 256 + ${two#*.}) / 2))"-*
}

atf_test_case restart
restart_head()
{
	operator_case "restart and reload with $FLEET VMs: none is changed"
}
restart_body()
{
	here systemd
	ok systemctl start postern-guests.service
	for unit in postern postern-vms postern-guests; do
		[ "$(property $unit ActiveState)" = active ] ||
		    atf_fail "$unit is $(property $unit ActiveState)"
	done
	# Type=notify: it was told, so it answers at once
	[ "$(property postern Type)" = notify ] || atf_fail "type"
	ok postern list
	start_vms $FLEET
	lines=$(wc -l < "$LOG")
	traffic
	ok systemctl restart postern.service
	# what is to be undone after the last VM is no error before that
	[ "$(property postern Result)" = success ] || atf_fail "result"
	grep -q 'info: nothing undone: .*VMs' "$LOG" || atf_fail "$(tail "$LOG")"
	no_errors "$lines"
	unchanged restart
	ok systemctl daemon-reload
	ok systemctl restart postern.service
	unchanged 'reload and restart'
	traffic_end 'two restarts'
	wait_until 'a console' echoes vm1 still-here
	wait_until 'the last console' echoes vm$FLEET still-there
	# whatever else comes and goes in the slice, limits stay possible
	printf '[Service]\n%s\n%s\n%s\n%s\n' Type=oneshot MemoryMax=100M \
	    CPUQuota=50% ExecStart=/bin/true > /run/systemd/system/other.service
	ok systemctl start other.service
	ok postern stop vm$FLEET
	ok postern start vm$FLEET
	as_now
	wait_until 'its page' pages
	systemctl stop postern-vms.service 2> /dev/null &&
	    atf_fail "postern-vms.service was stopped"
	systemctl restart postern-vms.service 2> /dev/null &&
	    atf_fail "postern-vms.service was restarted"
	unchanged 'a unit came and went, and two stayed'
}

atf_test_case stop
stop_head()
{
	operator_case "postern-guests stops all guests, and nothing else does"
}
stop_body()
{
	here systemd
	ok systemctl start postern-guests.service
	start_vms $FLEET
	ok systemctl stop postern.service
	[ "$(property postern Result)" = success ] || atf_fail "result"
	[ "$(find "$PLACE" -maxdepth 1 -name 'v*' | wc -l)" = $FLEET ] ||
	    atf_fail "the daemon's end ended VMs"
	pages || atf_fail "no page while the daemon is away"
	ok systemctl start postern.service
	ok systemctl stop postern-guests.service
	[ "$(property postern-guests Result)" = success ] || atf_fail "result"
	[ "$(property postern ActiveState)" = active ] || atf_fail "daemon"
	find "$PLACE" -maxdepth 1 -name 'v*' | grep . && atf_fail "VMs are left"
	ok postern list -a
	[ "$(grep -c Stopped out.txt)" -ge $FLEET ] || atf_fail "$(cat out.txt)"
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
	# shellcheck source=tests/clean/host.sh
	. "$(atf_config_get top_srcdir)/tests/clean/host.sh"
	for c in crash hang new_build restart stop; do
		atf_add_test_case $c
	done
}
