# SPDX-License-Identifier: ISC
# Runs in the clean host without systemd (tests/run clean), as its operator:
# what the shipped run and finish do under a supervisor like runsv(8), and
# what a wrong clock and a long standstill of the host do to VMs.
# shellcheck shell=sh disable=SC2154 # host.sh's variables
# shellcheck disable=SC2015 # atf_fail ends a test

atf_test_case clock
clock_head()
{
	operator_case "the clock a year back, on, and all stopped: VMs go on"
}
clock_body()
{
	here plain
	wait_until "the daemon" postern list
	start_vms 2
	read -r up _ < /proc/uptime
	was=$(date +%s) since=${up%.*}
	# kyua bears no test that ends before it began
	trap clock_right EXIT
	traffic
	year=31536000
	for years in -1 2; do
		date -s "@$(($(date +%s) + years * year))" > /dev/null
		unchanged "$years years"
		# deadlines are of another clock
		ok postern start later --kernel "$GUEST" --memory 32M \
		    --boot-args 'deaf echo' --ready console:POSTERN \
		    --timeout 300
		wait_until "the deaf one" echoes later ready
		as_now
		ok postern list
		grep -q '^later .* Running ' out.txt || atf_fail "list"
		kill -9 "$(pgrep -o -f '^privd: front')"
		unchanged "$years years and a new daemon"
		ok postern stop later --grace 1
		ok postern status later
		grep -q Stopped out.txt || atf_fail "$(cat out.txt)"
		ok postern rm later
		as_now
	done
	# as if the host had been suspended: nobody runs for a while
	all=$(pgrep -f '^(privd|ctld): '; cut -d' ' -f1 processes.now)
	# shellcheck disable=SC2086 # words
	{
		kill -STOP $all
		sleep 15
		kill -CONT $all
	}
	unchanged standstill
	traffic_end 'clocks'
	ok postern stop --everybody
	ok postern rm vm1 vm2
}

clock_right()
{
	read -r up _ < /proc/uptime
	date -s "@$((was + ${up%.*} - since))" > /dev/null
}

atf_test_case service
service_head()
{
	operator_case "run and finish of service/, as runit and s6 use them"
}
service_body()
{
	here plain
	wait_until "the daemon" postern list
	start_vms 2
	front=$(pgrep -o -f '^privd: front')
	grep -q '^Max open files  *65536 ' "/proc/$front/limits" ||
	    atf_fail "$(cat "/proc/$front/limits")"
	traffic
	# a crash, and what sv restart does
	for signal in KILL TERM; do
		front=$(pgrep -o -f '^privd: front')
		kill -$signal "$front"
		wait_until "another daemon" other_front "$front"
		unchanged "$signal"
	done
	traffic_end 'restarts'
	nft list table ip postern > /dev/null || atf_fail "no table"
	# the last VM gone, the next end undoes what was made
	ok postern stop --everybody
	ok postern rm vm1 vm2
	: > /run/service.down
	kill "$(pgrep -o -f '^privd: front')"
	wait_until "finish" test ! -e /run/service.down
	nft list tables | grep postern && atf_fail "tables are left"
	[ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ] || atf_fail "forwarding"
	find /sys/fs/cgroup -name '*postern*' | grep . && atf_fail "cgroups"
	[ ! -e /run/postern ] || atf_fail "$(find /run/postern)"
}

other_front()
{
	now=$(pgrep -o -f '^privd: front') && [ "$now" != "$1" ]
}

atf_init_test_cases()
{
	# shellcheck source=tests/clean/host.sh
	. "$(atf_config_get top_srcdir)/tests/clean/host.sh"
	atf_add_test_case clock
	atf_add_test_case service
}
