# SPDX-License-Identifier: ISC
# Runs in the clean host after systemd shut it down with guests running, and
# started it again (tests/run clean): the units are up by themselves, guests
# are Stopped as they were asked to, and start again.
# shellcheck shell=sh disable=SC2154 # host.sh's variables
# shellcheck disable=SC2015 # atf_fail ends a test

atf_test_case booted
booted_head()
{
	operator_case "after an orderly reboot: Stopped, and starts again"
}
booted_body()
{
	here systemd
	for unit in postern postern-vms postern-guests; do
		wait_until $unit systemctl is-active $unit.service
	done
	for name in last-one last-two last-deaf; do
		ok postern status $name
		grep -q '^Stopped' out.txt || atf_fail "$name: $(cat out.txt)"
	done
	ok postern list
	grep Running out.txt && atf_fail "runs"
	no_errors 0
	ok postern start last-one
	PORTS=8001
	wait_until "its page" pages
	ok postern stop --everybody
	ok postern rm last-one last-two last-deaf
}

atf_init_test_cases()
{
	# shellcheck source=tests/clean/host.sh
	. "$(atf_config_get top_srcdir)/tests/clean/host.sh"
	atf_add_test_case booted
}
