# SPDX-License-Identifier: ISC
# Console and guest channel, from the command to the guest and back: on
# terminals that go away, by other programs, across a daemon's restart, and
# who is kept out. Runs as root to make the instance.
# shellcheck shell=sh

# on_terminal MODE ARGS...: postern console on a terminal, as TENANT
on_terminal()
{
	_mode=$1
	shift
	"$PY" "$(atf_config_get top_srcdir)/tests/system/console.py" "$_mode" \
	    nsenter -t "$NS" -n setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$POSTERN_BIN" --socket "$SOCK" console "$@" ||
	    atf_fail "console.py $_mode"
}

# dial UID PATH PORT TEXT WANT
dial()
{
	_uid=$1
	shift
	in_ns setpriv --reuid "$_uid" --regid "$_uid" --groups "$GROUP" \
	    "$PY" "$(atf_config_get top_srcdir)/tests/system/channel.py" "$@"
}

# hold_console VM N: attached until the pipe "hold" ends. The terminals before
# may still be on their way out, so it may have to ask again.
hold_console()
{
	tries=50
	until me console "$1" < hold > "console.$2" 2> "held.$2"; do
		tries=$((tries - 1))
		[ $tries -gt 0 ] || return 1
		sleep 0.1
	done
}

atf_test_case console cleanup
console_head()
{
	instance_case console "postern console on terminals of every fate" 300
}
console_body()
{
	instance_up
	good start_guest web --boot-args echo
	for mode in talk term interrupt stop lost; do
		on_terminal $mode web
	done
	on_terminal raw --raw web
	# several at a time, and one too many
	mkfifo hold
	sleep 300 > hold &
	hold=$!
	for n in 1 2 3 4; do
		hold_console web $n &
	done
	# each hears what one of them asked for
	wait_for 100 "all four" all_hear hold
	refused 5 'consoles: your ceiling of 4' me console web
	echo hello | me connect web 7 > /dev/null 2>&1 &&
	    atf_fail "a port that was never declared"
	# pipes: answered, then left when the input has ended
	end_all $hold
	wait_for 100 "room" room web
	good sh -c 'echo "do say,piped" | "$@"' sh nsenter -t "$NS" -n \
	    setpriv --reuid "$TENANT" --regid "$TENANT" --groups "$GROUP" \
	    "$POSTERN_BIN" --socket "$SOCK" console web
	grep -qx piped out.txt || atf_fail "through pipes: $(cat out.txt)"
	# everything that was said is in the log as well
	good me logs web
	grep -qx 'serial: hello' out.txt || atf_fail "the log"
	# the VM ends meanwhile
	on_terminal ends web > ends.out &
	e=$!
	wait_for 100 "the console" grep -q attached ends.out
	good me stop web
	wait $e || atf_fail "the VM's end"
	refused 6 'web.*Stopped.*postern start' me console web
	refused 3 'no VM' me console absent
	refused 3 'no VM' as "$TENANT2" console "$TENANT/web"
}
console_cleanup()
{
	instance_down
}

all_hear()
{
	echo "do say,four" > "$1"
	[ "$(grep -l '^four' console.[1-4] | wc -l)" = 4 ]
}

room()
{
	! echo | me console "$1" 2>&1 | grep -q ceiling
}

# end_all PID...: these processes and their children
end_all()
{
	for _p; do
		pkill -P "$_p"
		kill "$_p" 2> /dev/null
	done
}

atf_test_case flood cleanup
flood_head()
{
	instance_case flood "a console's flood: memory flat, nobody waits" 300
}
flood_body()
{
	instance_up
	good start_guest web --boot-args echo
	# one that reads everything, one that reads nothing, one that is held
	me console web < /dev/zero > /dev/null 2>&1 &
	reader=$!
	mkfifo full
	exec 9<> full
	me console web < /dev/null > full 2> /dev/null 9>&- &
	stalled=$!
	on_terminal held web
	sleep 1
	sup=$(vm_pid "$(vm_cg web)" sup)
	before=$(awk '/^Anonymous/ { print $2 }' "/proc/$sup/smaps_rollup")
	sleep 5
	after=$(awk '/^Anonymous/ { print $2 }' "/proc/$sup/smaps_rollup")
	[ "$after" -le $((before + 48)) ] || atf_fail "$before, $after KiB"
	rss=$(awk '/^VmRSS/ { print $2 }' "/proc/$(role_pid ctld)/status")
	[ "$rss" -lt 24576 ] || atf_fail "ctld has $rss KiB"
	# others are served meanwhile
	t0=$(date +%s%N)
	good me list
	good start_guest other
	good me logs -n 3 web
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ $ms -lt 10000 ] || atf_fail "$ms ms"
	end_all $reader $stalled
	good me kill web
}
flood_cleanup()
{
	instance_down
}

atf_test_case connect cleanup
connect_head()
{
	instance_case connect "postern connect and channel, and who may" 300
}
connect_body()
{
	instance_up
	good start_guest web --channel 7 --channel 9 --boot-args 'echo shut,9'
	good start_guest plain
	wait_for 50 "the port" answers 7
	printf 'one\ntwo\n' | me connect web 7 > out.txt 2> err.txt ||
	    atf_fail "connect: $(cat err.txt)"
	printf '7: one\n7: two\n' | cmp -s - out.txt ||
	    atf_fail "the answer: $(cat out.txt)"
	refused 6 'guest has not opened this port' me connect web 9
	refused 1 'PORT: the VM has no such channel port.*--channel' \
	    me connect web 8
	refused 2 'port 0' me connect web 0
	refused 1 'backend qemu cannot do this: guest channel' \
	    me channel plain
	good me channel web --json
	path=$(json '["UnixSocket"]["path"]' < out.txt)
	[ "$(json '.keys() == {"UnixSocket": 0}.keys()' < out.txt)" = True ] ||
	    atf_fail "channel --json: $(cat out.txt)"
	[ "$(stat -c %a%F "$path")" = 666socket ] || atf_fail "its mode"
	[ "$(stat -c %a "${path%/*}")" = 711 ] || atf_fail "its directory"
	good dial "$TENANT" "$path" 7 hello "OK 7
7: hello
"
	good dial "$ADMIN" "$path" 7 admin "OK 7
7: admin
"
	good dial "$TENANT2" "$path" 7 mine "ERR this VM is not yours
"
	good dial "$TENANT" "$path" 9 hello "ERR the guest has not opened \
this port
"
	# members see a foreign VM as none at all
	refused 3 'no VM' as "$TENANT2" connect "$TENANT/web" 7
	refused 3 'no VM' as "$TENANT2" channel "$TENANT/web"
	good as "$ADMIN" channel "$TENANT/web"
	in_ns setpriv --reuid "$TENANT2" --regid "$TENANT2" \
	    --clear-groups ls "${path%/*}" > /dev/null 2>&1 &&
	    atf_fail "names of channels can be listed"
	good me stop web
	[ ! -e "$path" ] || atf_fail "its socket is left"
	refused 6 'web.*Stopped' me connect web 7
	refused 6 'web.*Stopped' me channel web
}
connect_cleanup()
{
	instance_down
}

atf_test_case across cleanup
across_head()
{
	instance_case across "a connection across a new daemon, to its end" 300
}
across_body()
{
	instance_up
	made > made.before
	good start_guest web --channel 7 --channel 9 --boot-args 'echo shut,9'
	wait_for 50 "the port" answers 7
	good me channel web --json
	path=$(json '["UnixSocket"]["path"]' < out.txt)
	# one at a time
	mkfifo in
	sleep 300 > in &
	hold=$!
	me connect web 7 < in > busy.out 2>&1 &
	echo first > in
	wait_for 50 "the first" grep -q '7: first' busy.out
	refused 6 'somebody is connected' me connect web 7
	end_all $hold
	# a new daemon: the connection stays, new ones work
	wait_for 100 "the first to be gone" answers 7
	sleep 300 > in &
	hold=$!
	me connect web 7 < in > across.out 2>&1 &
	echo before > in
	wait_for 50 "before" grep -q '7: before' across.out
	old=$(role_pid ctld)
	kill -9 "$old"
	wait_for 100 "a new ctld" other_role ctld "$old"
	daemon_back
	echo after > in
	wait_for 50 "after" grep -q '7: after' across.out
	good me channel web
	refused 6 'somebody is connected' me connect web 7
	end_all $hold
	wait_for 100 "free" answers 7
	good dial "$TENANT" "$path" 7 again "OK 7
7: again
"
	echo 'do open,9' | me connect web 7 > /dev/null
	wait_for 50 "port 9" answers 9
	# the VM's end is the connection's
	sleep 300 > in &
	hold=$!
	me connect web 7 < in > end.out 2>&1 &
	end=$!
	echo last > in
	wait_for 50 "the last" grep -q '7: last' end.out
	good me stop --all
	[ ! -e "$path" ] || atf_fail "its socket is left"
	wait $end || atf_fail "the connection's end: $(cat end.out)"
	end_all $hold
	refused 6 'web.*Stopped' me connect web 7
	good me rm web
	nothing_made made.before
	daemon_down
	daemon_undo
	[ ! -e "$I/run" ] || atf_fail "left: $(find "$I/run")"
}
across_cleanup()
{
	instance_down
}

answers()
{
	echo ping | me connect web "$1" 2>&1 | grep -q "$1: ping"
}

atf_test_case agent cleanup
agent_head()
{
	instance_case agent "--ready agent: the guest opens its port 1"
}
agent_body()
{
	instance_up
	t0=$(date +%s%N)
	good start_guest web --ready agent \
	    --boot-args 'shut,1 sleep,1500 open,1'
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ $ms -ge 1500 ] || atf_fail "too early: $ms ms"
	echo hi | me connect web 1 > out.txt || atf_fail "its port"
	grep -qx '1: hi' out.txt || atf_fail "$(cat out.txt)"
	start_guest mute --ready agent --timeout 1 --boot-args shut,1 \
	    > out.txt 2> err.txt
	[ $? = 124 ] || atf_fail "not timed out"
	grep -q 'agent did not open channel port 1' err.txt ||
	    atf_fail "$(cat err.txt)"
	good me status mute
	grep -qx Running out.txt || atf_fail "it does not stay"
	refused 1 '--channel: .*twice' start_guest x --channel 7 --channel 7
	refused 2 '--channel 0' start_guest x --channel 0
	# eight at most, and with all eight the agent's must be among them
	many=
	for n in 2 3 4 5 6 7 8 9; do
		many="$many --channel $n"
	done
	# shellcheck disable=SC2086 # a list of words
	good start_guest eight $many
	# shellcheck disable=SC2086
	refused 1 'needs port 1' start_guest nine $many --ready agent
}
agent_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in console flood connect across agent; do
		atf_add_test_case $c
	done
}
