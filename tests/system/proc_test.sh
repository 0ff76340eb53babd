# SPDX-License-Identifier: ISC
# /proc of every live process against policy/roles.def and common/rolefd.h:
# ids, capabilities, no_new_privs, seccomp, dumpable, descriptors. Runs as
# root, reads only. The checker is first shown processes that break each rule.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# kinds: KIND:PID of everything that lives
kinds()
{
	role_pids | while read -r pid program; do
		echo "$program:$pid"
		[ "$program" != ctld-client ] ||
		    pgrep -P "$pid" | sed 's/^/connection:/'
	done
	for v in "$CG"/v*; do
		echo "vmsup:$(vm_pid "${v##*/}" sup)"
		echo "vmm:$(vm_pid "${v##*/}" vmm)"
	done
}

look()
{
	# shellcheck disable=SC2046 # a list of words
	$PY "$(atf_config_get top_srcdir)/tests/system/procs.py" \
	    "$(atf_config_get top_srcdir)" "$@"
}

atf_test_case live cleanup
live_head()
{
	instance_case live "every live process has what its row says, no more"
}
live_body()
{
	instance_up
	image disk 1M
	good start_guest web --rootfs "$I/img/disk" -p 8080:80
	good start_guest other -p 8081:80 -p 8082:7/udp
	good page 8080
	# a client's own process, while it lives
	as_exec "$TENANT" logs -f web > follow.txt &
	follow=$!
	wait_for 150 "logs -f" grep -q TEST-GUEST follow.txt
	kinds > kinds.txt
	for k in privd-front privd-net privd-jail ctld ctld-client \
	    connection vmsup vmm; do
		grep -q "^$k:[0-9]" kinds.txt || atf_fail "no $k: $(cat kinds.txt)"
	done
	[ "$(wc -l < kinds.txt)" = 10 ] || atf_fail "$(cat kinds.txt)"
	# shellcheck disable=SC2046 # a list of words
	look $(cat kinds.txt) > found.txt || {
		cat found.txt >&2
		atf_fail "see standard error"
	}
	kill $follow
	# after a restart they are the same
	kill -9 "$(role_pid ctld)"
	sleep 0.3
	daemon_back
	good me status web
	kinds > kinds.txt
	# shellcheck disable=SC2046 # a list of words
	look $(grep -v connection kinds.txt) > found.txt || {
		cat found.txt >&2
		atf_fail "after a restart; see standard error"
	}
}
live_cleanup()
{
	instance_down
}

atf_test_case control cleanup
control_head()
{
	instance_case control "the checker finds each rule broken"
}
control_body()
{
	setpriv --reuid 61001 --regid 61001 --groups 61010 \
	    sleep 60 3< /etc/passwd &
	a=$!
	echo $a > control.pid
	sleep 0.2
	look "privd-front:$a" > found.txt && atf_fail "nothing found"
	for rule in Groups CapBnd NoNewPrivs Seccomp dumpable core \
	    'descriptor 3' session; do
		grep -q "privd-front ($a): .*$rule" found.txt ||
		    atf_fail "the checker does not see: $rule; $(cat found.txt)"
	done
	sleep 60 &
	b=$!
	echo $b >> control.pid
	look "privd-net:$b" "ctld:$b" > found.txt && atf_fail "nothing found"
	for rule in 'Uid' 'Gid' 'CapPrm' 'CapEff' 'shares uid' \
	    'shares session'; do
		grep -q "($b): .*$rule" found.txt ||
		    atf_fail "the checker does not see: $rule; $(cat found.txt)"
	done
	setpriv --inh-caps +net_raw --ambient-caps +net_raw sleep 60 &
	c=$!
	echo $c >> control.pid
	sleep 0.2
	look "ctld:$c" > found.txt && atf_fail "nothing found"
	grep -q CapInh found.txt && grep -q CapAmb found.txt ||
	    atf_fail "the checker does not see CapInh and CapAmb"
}
control_cleanup()
{
	# shellcheck disable=SC2046 # a list of ids
	[ ! -f control.pid ] || kill $(cat control.pid) 2> /dev/null
	return 0
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case live
	atf_add_test_case control
}
