# SPDX-License-Identifier: ISC
# Runs in the clean host after it was reset in the middle of everything
# (tests/run clean): what ran is Failed and says why, nothing is half made,
# all of it starts again.
# shellcheck shell=sh disable=SC2154 # host.sh's variables
# shellcheck disable=SC2015 # atf_fail ends a test

atf_test_case reset
reset_head()
{
	operator_case "after a reset: nothing half made, the reason told; starts again"
}
reset_body()
{
	here plain
	wait_until "the daemon" postern list
	ok postern list -a
	cp out.txt list.txt
	# as the job of the boot before left them
	for name in vm1 vm2 over half; do
		ok postern status $name
		cat out.txt
		case $name in
		vm[12]) grep -q '^Failed: host restarted' out.txt ;;
		half) grep -q '^Stopped' out.txt ;;
		over) grep -q '^Stopped' out.txt ;;
		esac || atf_fail "the state of $name"
	done
	grep Running list.txt && atf_fail "runs"
	find "$PLACE" -maxdepth 1 -name 'v*' | grep . && atf_fail "cgroups"
	ip -o link | grep pst && atf_fail "links"
	find /run/postern -name 'v*' | grep . && atf_fail "sockets"
	nft list table ip postern | grep -E 'elements|: 10\.200' &&
	    atf_fail "elements"
	no_errors 0
	ok postern logs vm1
	ok postern doctor --verify
	for name in vm1 vm2 over half; do
		ok postern start $name
	done
	PORTS='8001 8002'
	wait_until "pages" pages
	ok postern stop --everybody
	ok postern rm vm1 vm2 over half
	find /var/lib/postern/ctld -type f ! -name events > left.txt
	[ ! -s left.txt ] || atf_fail "left: $(paste -s left.txt)"
}

atf_init_test_cases()
{
	# shellcheck source=tests/clean/host.sh
	. "$(atf_config_get top_srcdir)/tests/clean/host.sh"
	atf_add_test_case reset
}
