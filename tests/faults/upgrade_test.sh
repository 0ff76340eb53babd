# SPDX-License-Identifier: ISC
# A daemon that is upgraded while VMs run: their vmsups are of older versions
# (tests/faults/oldsup.c) and are understood; what they do not know is refused
# with the remedy, and never asked of them. Runs as root.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# old_vmsup VERSION: an instance whose programs are of today but for vmsup
old_vmsup()
{
	instance_new
	_new=$POSTERN_LIBEXEC
	cp -a "$_new" "$I/libexec"
	cp "$(atf_config_get top_builddir)/tests/faults/vmsup_v$1" \
	    "$I/libexec/vmsup"
	POSTERN_LIBEXEC=$I/libexec
	instance_conf
	daemon_up
	made > made.before
}

# upgrade: now vmsup is of today, too, and the daemon another one
upgrade()
{
	cp "$_new/vmsup" "$I/libexec/vmsup.new" &&
	    mv "$I/libexec/vmsup.new" "$I/libexec/vmsup" || atf_fail "cp"
	_pid=$(role_pid privd-front)
	kill -9 "$_pid"
	wait_for 150 "another front" other_role privd-front "$_pid"
	daemon_back
}

# as_ever NAME: what every version knows
as_ever()
{
	good me status "$1"
	grep -qx Running out.txt || atf_fail "status: $(cat out.txt)"
	good me logs "$1"
	grep -q TEST-GUEST out.txt || atf_fail "its console ring"
	good me pause "$1"
	good me resume "$1"
	good page 8001
}

# ends NAME: the guest is asked, its end is told
ends()
{
	good me stop "$1"
	good me logs "$1"
	grep -q 'power button' out.txt || atf_fail "the guest was not asked"
	good me status "$1"
	grep -qx Stopped out.txt || atf_fail "$(cat out.txt)"
	good me rm "$1"
}

# typed NAME: a line into its console, which answers
typed()
{
	echo 'do say,old-but-alive' | me console "$1" > console.txt 2> console.err
	grep -q '^old-but-alive' console.txt
}

atf_test_case first cleanup
first_head()
{
	instance_case first "a vmsup of version 1, without console and channels"
}
first_body()
{
	old_vmsup 1
	good start_guest old -p 8001:80 --boot-args echo
	upgrade
	as_ever old
	refused 1 'older version; restart it' me console old
	# the refusal cost nothing
	as_ever old
	good start_guest new -p 8002:80 --boot-args echo
	typed new || atf_fail "today's console: $(cat console.txt console.err)"
	good me rm -f new
	# its end while nobody looks is told by it
	ends old
	nothing_made made.before
}
first_cleanup()
{
	instance_down
}

atf_test_case previous cleanup
previous_head()
{
	instance_case previous "a vmsup of the version before, with consoles"
}
previous_body()
{
	old_vmsup 2
	good start_guest old -p 8001:80 --boot-args echo
	upgrade
	as_ever old
	typed old || atf_fail "its console: $(cat console.txt console.err)"
	as_ever old
	ends old
	nothing_made made.before
}
previous_cleanup()
{
	instance_down
}

atf_test_case control cleanup
control_head()
{
	instance_case control "an old vmsup drops who asks what it cannot know"
}
control_body()
{
	old_vmsup 1
	good start_guest old -p 8001:80 --boot-args echo
	# so it is what it is said to be: HELLO tells its version
	refused 1 'older version; restart it' me console old
	good me rm -f old
	upgrade
	good start_guest old -p 8001:80 --boot-args echo
	typed old || atf_fail "today's console: $(cat console.txt console.err)"
	good me rm -f old
}
control_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in first previous control; do
		atf_add_test_case $c
	done
}
