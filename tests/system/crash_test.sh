# SPDX-License-Identifier: ISC
# kill -9 of every process, alone and together: VMs keep running and answering,
# and every answer stays true. Runs as root; kills only processes of its own
# instance, by their ids.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# running N: so many of the tenant's VMs run
running()
{
	[ "$(me list | grep -c ' Running ')" = "$1" ]
}

failed()
{
	me status "$1" | grep -q "$2"
}

two_vms()
{
	good start_guest one -p 8001:80
	good start_guest two -p 8002:80
	sups=$(for v in "$CG"/v*; do vm_pid "${v##*/}" sup; done)
}

# both answer, in the processes that they began with
both_answer()
{
	page 8001 && page 8002 || atf_fail "$1: a VM does not answer"
	[ "$sups" = "$(for v in "$CG"/v*; do vm_pid "${v##*/}" sup; done)" ] ||
	    atf_fail "$1: other processes"
}

# after_restart WHAT: what a tenant can do works, old VMs included
after_restart()
{
	daemon_back
	running 2 || atf_fail "$1: $(me list)"
	both_answer "$1"
	good me logs one
	grep -q TEST-GUEST out.txt || atf_fail "$1: the console is lost"
	good start_guest three -p 8003:80
	page 8003 || atf_fail "$1: a new VM does not answer"
	good me rm -f three
}

atf_test_case role cleanup
role_head()
{
	instance_case role "kill -9 of each role: VMs answer, all comes back"
}
role_body()
{
	instance_up
	made > made.before
	two_vms
	for role in ctld ctld-client privd-front privd-jail privd-net; do
		pid=$(role_pid $role)
		[ -n "$pid" ] || atf_fail "no $role"
		kill -9 "$pid"
		both_answer "$role killed"
		wait_for 150 "another $role" other_role $role "$pid"
		after_restart "$role restarted"
	done
	good me stop --all
	good me rm one two
	nothing_made made.before
}
role_cleanup()
{
	instance_down
}

atf_test_case together cleanup
together_head()
{
	instance_case together "kill -9 of all roles at once, several times"
}
together_body()
{
	instance_up
	made > made.before
	two_vms
	for round in 1 2 3 4; do
		# shellcheck disable=SC2046 # a list of ids
		kill -9 $(role_pids | cut -d' ' -f1)
		both_answer "all killed"
		sleep 0.$round
	done
	after_restart "all restarted"
	good me stop --all
	good me rm one two
	nothing_made made.before
}
together_cleanup()
{
	instance_down
}

atf_test_case vm cleanup
vm_head()
{
	instance_case vm "a killed vmsup or VMM is Failed within a second"
}
vm_body()
{
	instance_up
	made > made.before
	two_vms
	kill -9 "$(vm_pid "$(vm_cg one)" vmm)"
	wait_for 60 "the VMM's end" failed one 'Failed.*signal 9'
	good me logs one
	grep -q TEST-GUEST out.txt || atf_fail "the last console"
	page 8002 || atf_fail "the other VM"
	good me rm one
	good start_guest one -p 8001:80
	page 8001 || atf_fail "a new one"
	kill -9 "$(vm_pid "$(vm_cg one)" sup)"
	wait_for 60 "the vmsup's end" failed one 'Failed.*supervisor was killed'
	good me logs one
	grep -q TEST-GUEST out.txt || atf_fail "the last console (vmsup)"
	page 8002 || atf_fail "the other VM"
	good me rm one
	# while nobody is there to see it
	touch "$I/stop"
	kill -9 "$(role_pid privd-front)"
	kill -9 "$(vm_pid "$(basename "$CG"/v*)" vmm)"
	sleep 0.3
	rm "$I/stop"
	daemon_up
	wait_for 60 "the truth after a restart" failed two Failed
	good me logs two
	grep -q TEST-GUEST out.txt || atf_fail "the last console (no daemon)"
	good me rm two
	nothing_made made.before
}
vm_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in role together vm; do
		atf_add_test_case $c
	done
}
