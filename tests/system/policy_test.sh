# SPDX-License-Identifier: ISC
# `postern policy` against the live processes: ids, capabilities and limits
# from /proc, and the seccomp programs that the kernel has loaded, call by
# call. Runs as root. The control compares with tables that have one call
# more.
# shellcheck shell=sh

probe()
{
	"$(atf_config_get top_builddir)/tests/lib/policyprobe" "$@"
}

# list_of PROGRAM: the name of its seccomp list
list_of()
{
	case $1 in
	privd-front) echo front ;;
	privd-net) echo net ;;
	privd-jail) echo jail ;;
	ctld) echo ctld ;;
	ctld-client) echo client ;;
	esac
}

atf_test_case live cleanup
live_head()
{
	instance_case live "policy says what /proc and the kernel say"
}
live_body()
{
	instance_up
	good start_guest web
	me policy --json > policy.json || atf_fail "policy"
	role_pids > roles.txt
	[ "$(wc -l < roles.txt)" = 5 ] || atf_fail "$(cat roles.txt)"
	$PY "$(atf_config_get top_srcdir)/tests/system/policy.py" \
	    policy.json roles.txt > found.txt ||
	    atf_fail "$(cat found.txt)"
	while read -r pid program; do
		probe "$pid" "$(list_of "$program")" > found.txt 2>&1 ||
		    atf_fail "$program: $(cat found.txt)"
	done < roles.txt
	_v=$(vm_cg web)
	probe "$(vm_pid "$_v" sup)" sup > found.txt 2>&1 ||
	    atf_fail "vmsup: $(cat found.txt)"
	probe "$(vm_pid "$_v" vmm)" qemu > found.txt 2>&1 ||
	    atf_fail "qemu: $(cat found.txt)"
	# the control: another list, and one call more in the right one
	probe "$(role_pid ctld)" front > found.txt 2>&1 &&
	    atf_fail "ctld passes for front"
	"$(atf_config_get top_builddir)/tests/lib/policyprobe_more" \
	    "$(role_pid privd-front)" front > found.txt 2>&1 &&
	    atf_fail "one call more is not found"
	[ "$(cat found.txt)" = "front: getpid (39): the table allows it, the\
 process may not" ] || atf_fail "$(cat found.txt)"
	sed 's/"NET_ADMIN"/"NET_RAW"/' policy.json > other.json
	$PY "$(atf_config_get top_srcdir)/tests/system/policy.py" \
	    other.json roles.txt > found.txt &&
	    atf_fail "another capability is not found"
	# without a daemon the tables can be read
	as "$TENANT" --socket /nonexistent policy > out.txt ||
	    atf_fail "policy without a daemon"
	grep -q 'is not reached' out.txt || atf_fail "$(cat out.txt)"
	grep -q 'NET_ADMIN' out.txt || atf_fail "$(cat out.txt)"
	good me policy net
	grep -q 'allow  sendto .*explicit destination' out.txt ||
	    atf_fail "$(cat out.txt)"
	refused 2 'no seccomp list' me policy nonsense
}
live_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case live
}
