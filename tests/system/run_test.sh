# SPDX-License-Identifier: ISC
# postern run on a terminal: keys reach the guest, its end is the status, and
# the terminal is as before on every way out. Runs as root to make the
# instance; every call is a tenant's.
# shellcheck shell=sh

# on_terminal MODE COMMAND...: on a terminal of its own
on_terminal()
{
	_mode=$1
	shift
	"$PY" "$(atf_config_get top_srcdir)/tests/system/console.py" "$_mode" \
	    nsenter -t "$NS" -n setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$@" || atf_fail "console.py $_mode"
}

# run_job MODE ARGS...
run_job()
{
	_m=$1
	shift
	on_terminal "$_m" "$POSTERN_BIN" --socket "$SOCK" run job \
	    --kernel "$GUEST" --memory 32M "$@"
}

said()
{
	me logs "$1" | grep -qx "$2"
}

atf_test_case input cleanup
input_head()
{
	instance_case input "keys are the guest's; ^] leaves; a pipe with -i"
}
input_body()
{
	instance_up
	made > made.before
	run_job run_talk --rm --boot-args echo
	run_job run_panic --rm --boot-args echo
	# left: it runs on, and whoever left must remove it
	run_job run_leave --rm --boot-args echo
	good me status job
	grep -qx Running out.txt || atf_fail "left: $(cat out.txt)"
	wait_for 200 "what was typed before ^]" said job 'serial: bye'
	good me rm -f job
	# a pipe is the guest's only when that is said
	printf 'typed\ndo poweroff\n' | me run job --rm -i --kernel "$GUEST" \
	    --memory 32M --boot-args 'echo' > out.txt 2> err.txt ||
	    atf_fail "-i: $(cat out.txt err.txt)"
	grep -qx 'serial: typed' out.txt || atf_fail "$(cat out.txt)"
	echo 'do panic' | {
		me run job --rm --kernel "$GUEST" --memory 32M --boot-args \
		    'echo sleep,300 poweroff' > out.txt 2> err.txt ||
		    atf_fail "pipe: $(cat out.txt err.txt)"
		read -r line && [ "$line" = 'do panic' ]
	} || atf_fail "a loop's input was eaten"
	refused 2 'for run' me start x --kernel "$GUEST" -i
	nothing_made made.before
}
input_cleanup()
{
	instance_down
}

atf_test_case ways_out cleanup
ways_out_head()
{
	instance_case ways_out "signals, hang-ups, a held terminal, no daemon" \
	    300
}
ways_out_body()
{
	instance_up
	made > made.before
	for mode in run_term run_lost run_hung_up; do
		run_job $mode --rm --boot-args echo
		refused 3 'no VM' me status job
		nothing_made made.before
	done
	run_job run_lost --boot-args echo
	good me logs job
	grep -q 'power button' out.txt || atf_fail "not asked"
	good me rm job
	run_job run_held --boot-args echo
	good me rm -f job
	# behind a shell: not its turn to read
	# shellcheck disable=SC2016 # its own arguments
	on_terminal run_background bash -c 'set -m
		"$@" run job --kernel "$0" --memory 32M --rm --boot-args \
		    "echo sleep,1000 say,later poweroff" &
		wait $!' "$GUEST" "$POSTERN_BIN" --socket "$SOCK"
	nothing_made made.before
	run_job run_daemon --boot-args echo > daemon.out &
	_p=$!
	wait_for 100 "the run" grep -q attached daemon.out
	kill -9 "$(role_pid ctld)"
	wait $_p || atf_fail "no daemon"
	daemon_back
	good me status job
	grep -qx Running out.txt || atf_fail "$(cat out.txt)"
	good me rm -f job
	nothing_made made.before
}
ways_out_cleanup()
{
	instance_down
}

atf_test_case no_console cleanup
no_console_head()
{
	instance_case no_console "run without a console for input still shows"
}
no_console_body()
{
	instance_up '[compose]
console = off'
	me run job --rm -i --kernel "$GUEST" --memory 32M --boot-args \
	    'say,seen sleep,300 poweroff' > out.txt 2> err.txt < /dev/null ||
	    atf_fail "$(cat out.txt err.txt)"
	grep -qx seen out.txt || atf_fail "$(cat out.txt)"
	grep -q 'takes no input: .*operator' err.txt ||
	    atf_fail "$(cat err.txt)"
}
no_console_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in input ways_out no_console; do
		atf_add_test_case $c
	done
}
