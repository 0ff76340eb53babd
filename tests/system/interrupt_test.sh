# SPDX-License-Identifier: ISC
# Whoever waits is interrupted, does not read, or loses the daemon: each ends
# or goes on cleanly, what was asked for is done or undone, and nobody else is
# delayed. Runs as root to make the instance; every call is a tenant's.
# shellcheck shell=sh disable=SC2015,SC2016,SC2094 # atf_fail ends a test

# interrupted WHEN ARGS...: postern ARGS, sent SIGINT when it waits and WHEN is
# true, ends by that signal
interrupted()
{
	_when=$1
	shift
	as_exec "$TENANT" "$@" > int.out 2> int.err &
	_pid=$!
	wait_for 100 "$* to wait" waits $_pid
	# shellcheck disable=SC2086 # words
	wait_for 100 "$_when" $_when
	kill -INT $_pid
	wait $_pid
	_rc=$?
	[ "$_rc" = 130 ] || atf_fail "$*: exit $_rc: $(cat int.err)"
}

# waits PID: it is the command, and sleeps, in two looks
waits()
{
	for _ in 1 2; do
		[ "$(cat "/proc/$1/comm")" = postern ] &&
		    grep -q '^State:.S' "/proc/$1/status" || return 1
		sleep 0.1
	done
}

deaf()
{
	me logs "$1" | grep -qx hears-nothing
}

is()
{
	me status "$1" | grep -qx "$2"
}

atf_test_case waiting cleanup
waiting_head()
{
	instance_case waiting "an interrupt in the middle of each command" 200
}
waiting_body()
{
	instance_up
	made > made.before
	# a start whose guest runs already: it stays, ready or not
	interrupted 'is late Running' start late --kernel "$GUEST" --memory 32M \
	    --ready console:never
	is late Running || atf_fail "it does not stay"
	good me rm -f late
	nothing_made made.before
	# the daemon has answered already: it stays
	interrupted 'is tcp Running' start tcp --kernel "$GUEST" --memory 32M \
	    -p 8081:81 --ready tcp:81
	is tcp Running || atf_fail "tcp"
	good me rm -f tcp
	good start_guest web --boot-args 'deaf say,hears-nothing'
	wait_for 100 "web" deaf web
	# what was accepted is done
	interrupted true stop --grace 4 web
	wait_for 200 "the stop" is web Stopped
	good me start web
	wait_for 100 "web" deaf web
	# stopped, and not started again
	interrupted true restart --grace 4 web
	wait_for 200 "the stop" is web Stopped
	good me start web
	for _args in 'wait web' 'logs -f web' 'events -f' 'top' \
	    'wait --timeout 60 web'; do
		# shellcheck disable=SC2086 # words
		interrupted true $_args
	done
	mkfifo in
	sleep 100 > in &
	_hold=$!
	interrupted true console web < in
	kill $_hold
	# all their connections are free again
	for _n in 1 2 3; do
		good me list
	done
	good me rm -f web
	nothing_made made.before
}
waiting_cleanup()
{
	instance_down
}

atf_test_case storm cleanup
storm_head()
{
	instance_case storm "rm -f of everything while starts run" 200
}
storm_body()
{
	instance_up
	made > made.before
	for _round in 1 2 3; do
		_pids=
		for _n in 1 2 3 4 5 6 7 8; do
			start_guest s$_n > "start.$_n" 2>&1 &
			_pids="$_pids $!"
		done
		for _try in 1 2 3 4; do
			# shellcheck disable=SC2046 # words
			set -- $(me list -a | awk 'NR > 1 { print $1 }')
			[ $# -eq 0 ] || me rm -f "$@" > rm.out 2>&1
		done
		_n=0
		for _pid in $_pids; do
			_n=$((_n + 1))
			wait "$_pid"
			_rc=$?
			case $_rc in
			0) ;;
			1|3|6) [ "$(wc -l < start.$_n)" = 1 ] ;;
			*) false ;;
			esac || atf_fail "start: exit $_rc: $(cat start.$_n)"
		done
		# whoever was told that it runs: it does, or was removed
		me list -a | awk 'NR > 1 { print $1, $2 }' > list.out
		grep -v ' Running$' list.out | grep -q ' ' &&
		    atf_fail "neither: $(cat list.out)"
		# shellcheck disable=SC2046 # words
		set -- $(cut -d' ' -f1 list.out)
		[ $# -eq 0 ] || good me rm -f "$@"
		nothing_made made.before
	done
}
storm_cleanup()
{
	instance_down
}

# at_once: others are served while something goes on
at_once()
{
	_t0=$(date +%s%N)
	good as "$TENANT2" list
	good me list
	_ms=$((($(date +%s%N) - _t0) / 1000000))
	[ $_ms -lt 4000 ] || atf_fail "others wait: $_ms ms ($1)"
}

connections()
{
	pgrep -P "$(role_pid ctld-client)" | wc -l
}

fewer()
{
	[ "$(connections)" -lt "$1" ]
}

atf_test_case stalled cleanup
stalled_head()
{
	instance_case stalled "logs -f and events -f whose reader stalls" 300
}
stalled_body()
{
	instance_up
	good start_guest flood --boot-args flood
	mkfifo logs events
	exec 8<> logs 9<> events
	as_exec "$TENANT" logs -f flood > logs 2> logs.err 8>&- 9>&- &
	_logs=$!
	as_exec "$TENANT" events -f > events 2> events.err 8>&- 9>&- &
	_events=$!
	wait_for 50 "both" sh -c "[ \$(pgrep -P $(role_pid ctld-client) |
	    wc -l) -ge 2 ]"
	# more than the pipe and the socket hold
	_n=0
	while [ $_n -lt 10 ]; do
		good me create x --kernel "$GUEST" --memory 32M
		good me rm x
		_n=$((_n + 1))
	done
	at_once "stalled"
	# the daemon does not hold a place for a reader that does not read
	wait_for 300 "the stalled one to be dropped" fewer 2
	at_once "dropped"
	good me kill flood
	# read again: it says that something is missing, and ends with the VM
	cat <&8 > logs.out &
	_cat=$!
	wait $_logs || atf_fail "logs: $(cat logs.err)"
	grep -q 'some output may be left out' logs.err ||
	    atf_fail "nothing is said: $(cat logs.err)"
	kill $_cat $_events
	exec 8>&- 9>&-
	good me rm flood
}
stalled_cleanup()
{
	instance_down
}

# What is said before the log's reader is back is left out, as it is told.
heard_again()
{
	echo 'say-so' | me console web
	sleep 0.2
	grep -q 'serial: say-so' logs.out
}

atf_test_case upgraded cleanup
upgraded_head()
{
	instance_case upgraded "logs -f and events -f across a new daemon" 200
}
upgraded_body()
{
	instance_up
	good start_guest web --boot-args echo
	as_exec "$TENANT" logs -f web > logs.out 2> logs.err &
	_logs=$!
	as_exec "$ADMIN" events -f --json > events.out 2> events.err &
	_events=$!
	wait_for 50 "the log" grep -q POSTERN-TEST logs.out
	wait_for 50 "the events" grep -q started events.out
	for _ in 1 2; do
		_old=$(role_pid ctld)
		kill -9 "$_old"
		wait_for 100 "a new ctld" other_role ctld "$_old"
		daemon_back
	done
	wait_for 100 "the new daemon's" sh -c \
	    '[ $(grep -c "daemon-started" events.out) = 3 ]'
	grep -q 'was killed or failed' events.out || atf_fail "not killed"
	# none twice
	sed 's/.*"seq": *\([0-9]*\).*/\1/' events.out > seq.out
	sort -un seq.out | cmp -s - seq.out || atf_fail "told twice"
	wait_for 100 "the log goes on" heard_again
	good me stop web
	wait $_logs || atf_fail "logs: $(cat logs.err)"
	kill $_events
	# and when nobody comes back
	good me start web
	as_exec "$TENANT" logs -f web > logs.out 2> logs.err &
	_logs=$!
	wait_for 50 "the log" grep -q POSTERN-TEST logs.out
	daemon_down
	wait $_logs
	_rc=$?
	[ $_rc = 7 ] && grep -q 'the daemon broke off' logs.err ||
	    atf_fail "exit $_rc: $(cat logs.err)"
	daemon_up
	good me rm -f web
}
upgraded_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in waiting storm stalled upgraded; do
		atf_add_test_case $c
	done
}
