# SPDX-License-Identifier: ISC
# Trouble: races, guests that crash, a full disk, clients that misbehave. Each
# has one outcome, costs its own connection or VM, and delays nobody else.
# Runs as root to make the instance; every call is a tenant's.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# raw WORD...: one of raw.py's tricks, as the tenant
raw()
{
	in_ns setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$PY" \
	    "$(atf_config_get top_srcdir)/tests/system/raw.py" "$SOCK" "$@"
}

# at_once: others are served while something goes on
at_once()
{
	_t0=$(date +%s%N)
	good as "$TENANT2" list
	_ms=$((($(date +%s%N) - _t0) / 1000000))
	[ $_ms -lt 2000 ] || atf_fail "others wait: $_ms ms ($1)"
}

failed()
{
	me status "$1" | grep -Eq "$2"
}

atf_test_case races cleanup
races_head()
{
	instance_case races "two starts of a name; a stop during a start"
}
races_body()
{
	instance_up
	made > made.before
	for _ in 1 2 3; do
		start_guest web -p 8080:80 > a.out 2>&1 &
		a=$!
		start_guest web -p 8080:80 > b.out 2>&1 &
		b=$!
		wait $a
		ca=$?
		wait $b
		cb=$?
		[ "$ca$cb" = 01 ] || [ "$ca$cb" = 10 ] ||
		    atf_fail "$ca and $cb: $(cat a.out b.out)"
		grep -q taken a.out b.out || atf_fail "$(cat a.out b.out)"
		good page 8080
		good me rm -f web
		nothing_made made.before
	done
	for ms in 0 5 10 20 30 40 60 90; do
		start_guest web > a.out 2>&1 &
		a=$!
		sleep "$(printf '0.%03d' $ms)"
		me stop --grace 0 web > b.out 2>&1
		cb=$?
		wait $a
		ca=$?
		# not there yet, stopped in the middle, or stopped after it ran
		case $ca$cb in
		03|00|10|60|06) ;;
		*) atf_fail "$ms ms: start $ca, stop $cb: $(cat a.out b.out)" ;;
		esac
		me rm -f web > /dev/null 2>&1
		nothing_made made.before
	done
}
races_cleanup()
{
	instance_down
}

atf_test_case client_dies cleanup
client_dies_head()
{
	instance_case client_dies "a client killed in the middle of a start"
}
client_dies_body()
{
	instance_up
	made > made.before
	for s in 0 0.005 0.01 0.02 0.04 0.08; do
		raw vanish "$GUEST" $s 2> /dev/null
		sleep 0.3
		# a busy machine is not at its end yet
		n=50
		while me status x 2>&1 | grep -qx Starting && [ $n -gt 0 ]; do
			n=$((n - 1))
			sleep 0.1
		done
		# one outcome: it runs, or it was never there
		if me status x > x.out 2>&1; then
			grep -qx Running x.out || atf_fail "$s: $(cat x.out)"
			good me rm -f x
		else
			grep -q 'no VM' x.out || atf_fail "$s: $(cat x.out)"
		fi
		nothing_made made.before
		good start_guest x
		good me rm -f x
	done
}
client_dies_cleanup()
{
	instance_down
}

atf_test_case guests cleanup
guests_head()
{
	instance_case guests "guests that panic, fault, reset, power off, hang"
}
guests_body()
{
	instance_up
	made > made.before
	good start_guest quiet -p 8080:80
	good start_guest pan --boot-args 'say,last-words sleep,300 panic'
	wait_for 60 "panic" failed pan 'Failed.*panic'
	good me logs pan
	grep -qx last-words out.txt || atf_fail "the last console"
	good me info pan --json
	[ "$(json '["state"]' < out.txt)" = Failed ] || atf_fail "state"
	good start_guest fault --boot-args 'say,last-words sleep,300 fault'
	wait_for 60 "fault" over fault
	good me logs fault
	grep -qx last-words out.txt || atf_fail "the last console (fault)"
	good start_guest reset --boot-args 'say,last-words sleep,300 reboot'
	wait_for 60 "reset" over reset
	good start_guest hang --boot-args halt
	good start_guest busy --boot-args spin
	good page 8080
	good me stop --grace 0.2 hang busy
	# at once, before the start was answered: the start or the state says so
	if start_guest early --boot-args panic > out.txt 2>&1; then
		wait_for 60 "early" failed early 'Failed.*panic'
	else
		grep -q panic out.txt || atf_fail "early: $(cat out.txt)"
	fi
	# ready text that never comes, as the guest is dead
	start_guest notready --ready console:never --boot-args panic \
	    > out.txt 2>&1 && atf_fail "said to be ready"
	grep -q panic out.txt || atf_fail "not ready: $(cat out.txt)"
	# a kernel that is none
	printf '\177ELF no kernel' > "$I/img/text"
	me start none --kernel "$I/img/text" > out.txt 2>&1 &&
	    atf_fail "a text runs"
	[ "$(wc -l < out.txt)" = 1 ] || atf_fail "none: $(cat out.txt)"
	good page 8080
	for n in $(me list -a | awk 'NR > 1 { print $1 }'); do
		good me rm -f "$n"
	done
	nothing_made made.before
}
guests_cleanup()
{
	instance_down
}

over()
{
	! me status "$1" | grep -qx Running
}

atf_test_case disk_full cleanup
disk_full_head()
{
	instance_case disk_full "no room for state: refused, old state intact"
}
disk_full_body()
{
	INSTANCE_UNSHARE=-m
	instance_new
	instance_conf
	in_ns mount -t tmpfs -o size=512k,mode=755 none "$I/state"
	daemon_up
	good start_guest old -p 8080:80
	# shellcheck disable=SC2016 # its own arguments
	in_ns sh -c 'cat /dev/zero > "$1/state/fill" 2> /dev/null' sh "$I"
	made > made.full
	refused 1 'space' start_guest new
	nothing_made made.full
	good page 8080
	good me status old
	# stop works without room, and is remembered as soon as there is some
	good me stop old
	good me status old
	grep -qx Stopped out.txt || atf_fail "$(cat out.txt)"
	kill -9 "$(role_pid privd-front)"
	sleep 0.3
	daemon_back
	good me list -a
	grep -q '^old ' out.txt || atf_fail "lost: $(cat out.txt)"
	in_ns rm "$I/state/fill"
	good start_guest new
	good me rm -f old new
}
disk_full_cleanup()
{
	# shellcheck disable=SC2034 # instance.sh's
	INSTANCE_UNSHARE=-m
	instance_down
}

atf_test_case hostile cleanup
hostile_head()
{
	instance_case hostile "malformed, deep, half, deaf, too many" 150
}
hostile_body()
{
	instance_up
	made > made.none
	good start_guest flood --boot-args flood
	made > made.before
	raw deaf flood > deaf.out 2>&1 &
	deaf=$!
	raw half > half.out 2>&1 &
	half=$!
	wait_for 150 "the deaf one" grep -q asked deaf.out
	at_once "deaf and half"
	raw malformed || atf_fail "malformed"
	at_once "malformed"
	raw deep || atf_fail "deep"
	at_once "deep"
	sleep 0.5 # the ones above are reaped
	mkfifo go
	raw connections 30 32 > conn.out 2>&1 < go &
	conn=$!
	exec 9> go
	wait_for 150 "30 connections" grep . conn.out
	grep -q full conn.out || atf_fail "$(cat conn.out)"
	at_once "30 connections of another tenant"
	good as "$ADMIN" list
	refused 5 'connections: your ceiling of 32' me list
	exec 9>&-
	wait $conn || atf_fail "connections: $(cat conn.out)"
	wait $half || atf_fail "half: $(cat half.out)"
	at_once "half"
	wait $deaf || atf_fail "deaf: $(cat deaf.out)"
	good me list
	nothing_made made.before
	# no daemon was lost on the way
	grep -cx 'privd: front: info: ready' "$I/log" > ready.out
	[ "$(cat ready.out)" = 1 ] || atf_fail "a daemon was lost"
	good me rm -f flood
	nothing_made made.none
}
hostile_cleanup()
{
	instance_down
}

atf_test_case no_daemon cleanup
no_daemon_head()
{
	instance_case no_daemon "the daemon is not running: one line, exit 7"
}
no_daemon_body()
{
	instance_up
	good start_guest web -p 8080:80
	daemon_down
	for verb in list 'status web' 'stop web' 'stop --all' 'logs web' \
	    'kill web' 'rm web' 'info web' 'network web'; do
		# shellcheck disable=SC2086 # words
		refused 7 'daemon is not running.*start it with' me $verb
	done
	refused 7 'daemon is not running' start_guest other
	good page 8080
	# undone only when no VM needs it
	refused 3 'nothing undone: .*VMs .1.' daemon_undo
	good page 8080
	daemon_up
	good me stop web
}
no_daemon_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in races client_dies guests disk_full hostile no_daemon; do
		atf_add_test_case $c
	done
}
