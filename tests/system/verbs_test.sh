# SPDX-License-Identifier: ISC
# The rest of a VM's day: defined VMs, restart, pause, run in the foreground,
# wait, events, and what happens when a terminal, a reader or a VM goes away.
# shellcheck shell=sh

atf_test_case defined cleanup
defined_head()
{
	instance_case defined "create, start by name, restart; files opened anew"
}
defined_body()
{
	instance_up
	made > made.before
	image disk 1M
	good me create web --kernel "$GUEST" --memory 32M -p 8080:80 \
	    --rootfs "$I/img/disk"
	grep -qx 'web is defined' out.txt || atf_fail "create's words"
	# nothing on the host but its file
	made > made.now
	diff made.before made.now | grep '^>' | grep -qv 'state/.*json$' &&
	    atf_fail "a definition made something: $(cat made.now)"
	good me list -a
	grep -Eq '^web +Stopped' out.txt || atf_fail "not listed"
	good me start web
	good page 8080
	refused 6 'state: Running' me start web
	refused 1 'name is taken; start the old one by its name alone' \
	    me start web --kernel "$GUEST" --cpus 2
	good me restart web
	good page 8080
	# what cannot be opened again stops nothing
	mv "$I/img/disk" "$I/img/away"
	refused 1 'rootfs: .*disk: No such file' me restart web
	good page 8080
	mv "$I/img/away" "$I/img/disk"
	good me stop web
	chown "$TENANT2" "$I/img/disk"
	refused 1 'rootfs: .*disk: Permission denied' me start web
	chown "$TENANT" "$I/img/disk"
	# nobody else opens what its owner wrote down, root least of all
	refused 4 "uid $TENANT's" as "$ADMIN" start "$TENANT/web"
	refused 4 "uid $TENANT's" as 0 restart "$TENANT/web"
	refused 3 'no VM of that name' as "$TENANT2" start web
	me start web --ready tcp:80 --timeout 20 > out.txt || atf_fail "tcp"
	good me restart web
	good me rm -f web
	nothing_made made.before
	good start_guest gone --rm
	refused 6 'removed when it ends' me restart gone
	good me stop gone
}
defined_cleanup()
{
	instance_down
}

atf_test_case still cleanup
still_head()
{
	instance_case still "a paused guest answers nobody, then goes on"
}
still_body()
{
	instance_up
	good start_guest web -p 8080:80
	good page 8080
	refused 6 'state: Running' me resume web
	good me pause web
	good me status web
	grep -qx Paused out.txt || atf_fail "not paused"
	in_ns curl -sS -m 1 http://127.0.0.1:8080/ > /dev/null 2>&1 &&
	    atf_fail "a paused guest answers"
	refused 6 'state: Paused' me pause web
	old=$(role_pid ctld)
	kill -9 "$old"
	wait_for 50 "a new ctld" other_role ctld "$old"
	daemon_back
	good me status web
	grep -qx Paused out.txt || atf_fail "not paused after a restart"
	good me resume web
	good page 8080
	good me pause web
	t0=$(date +%s%N)
	good me stop web --grace 20
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ "$ms" -lt 10000 ] || atf_fail "a paused guest was not asked: $ms ms"
	good me logs web
	grep -q 'power button' out.txt || atf_fail "not asked"
	refused 6 'state: Stopped' me pause web
}
still_cleanup()
{
	instance_down
}

atf_test_case foreground cleanup
foreground_head()
{
	instance_case foreground "run: console, exit status, signals"
}
foreground_body()
{
	instance_up
	made > made.before
	run job --rm --boot-args 'say,hi sleep,200 poweroff'
	ran 0 '^hi$' out.txt
	run job --rm --boot-args 'poweroff'
	ran 0 '^POSTERN-TEST' out.txt
	run job --rm --boot-args 'sleep,100 panic'
	ran 1 'failed: panic' err.txt
	run job --rm --kernel "$I/none"
	ran 125 'kernel: .*none: No such file' err.txt
	run job --frobnicate
	ran 2 'unknown option' err.txt
	signalled INT '' 0
	grep -q 'power button' out.txt || atf_fail "the guest was not asked"
	signalled TERM 'deaf' 137
	nothing_made made.before
	# without --rm it stays, and is run again
	run job --boot-args 'sleep,100 poweroff'
	good me info job
	grep -q 'guest powered off' out.txt || atf_fail "gone without --rm"
	me run job > out.txt || atf_fail "run of a defined VM"
	good me rm job
	nothing_made made.before
}
foreground_cleanup()
{
	instance_down
}

# run NAME ARGS: in the foreground; RC, out.txt, err.txt
run()
{
	_name=$1
	shift
	me run "$_name" --kernel "$GUEST" --memory 32M "$@" > out.txt 2> err.txt
	RC=$?
}

# ran STATUS PATTERN FILE
ran()
{
	if [ "$RC" != "$1" ] || ! grep -q "$2" "$3"; then
		atf_fail "exit $RC, not $1 with '$2': $(cat out.txt err.txt)"
	fi
}

# signalled SIGNAL WORDS STATUS: a signal (and, to a deaf guest, another)
# ends a run so
signalled()
{
	me_exec run job --kernel "$GUEST" --memory 32M --rm --grace 30 \
	    --boot-args "$2" > out.txt 2> err.txt &
	_pid=$!
	wait_for 50 "the run" me status job
	wait_for 50 "the console" grep -q POSTERN-TEST out.txt
	kill "-$1" $_pid
	if [ "$2" = deaf ]; then
		sleep 0.3
		kill "-$1" $_pid
	fi
	wait $_pid
	RC=$?
	[ "$RC" = "$3" ] || atf_fail "$1: exit $RC: $(cat out.txt err.txt)"
}

# the same as me, but in this process: for signals
me_exec()
{
	exec nsenter -t "$NS" -n setpriv --reuid "$TENANT" --regid "$TENANT" \
	    --groups "$GROUP" "$POSTERN_BIN" --socket "$SOCK" "$@"
}

atf_test_case terminal cleanup
terminal_head()
{
	instance_case terminal "the terminal of a run disappears: a clean end"
}
terminal_body()
{
	instance_up
	made > made.before
	cat > term.py <<-'END'
	import os, pty, sys, time
	pid, fd = pty.fork()
	if pid == 0:
	    os.execvp(sys.argv[1], sys.argv[1:])
	seen = b''
	while b'POSTERN-TEST' not in seen:
	    seen += os.read(fd, 4096)
	os.close(fd)
	status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
	print(status)
	END
	$PY term.py nsenter -t "$NS" -n setpriv --reuid "$TENANT" \
	    --regid "$TENANT" --groups "$GROUP" "$POSTERN_BIN" \
	    --socket "$SOCK" run job --kernel "$GUEST" --memory 32M --rm \
	    > out.txt || atf_fail "pty"
	grep -qx 0 out.txt || atf_fail "status $(cat out.txt)"
	refused 3 'no VM' me status job
	# a pipe whose reader goes away
	me run job --kernel "$GUEST" --memory 32M --rm --boot-args flood \
	    --grace 0.2 2> err.txt | head -1 > out.txt
	# shellcheck disable=SC2016 # for the inner shell
	wait_for 50 "its end" sh -c '! "$@"' sh nsenter -t "$NS" -n setpriv \
	    --reuid "$TENANT" --regid "$TENANT" --groups "$GROUP" \
	    "$POSTERN_BIN" --socket "$SOCK" status job
	nothing_made made.before
}
terminal_cleanup()
{
	instance_down
}

atf_test_case watching cleanup
watching_head()
{
	instance_case watching "wait and events; a VM removed meanwhile; a \
reader that stalls"
}
watching_body()
{
	instance_up
	good start_guest web
	refused 124 'has not ended yet' me wait --timeout 0.3 web
	refused 3 'no VM' as "$TENANT2" wait web
	me wait web > waited.txt 2>&1 &
	_w1=$!
	me events -f --json > events.txt 2>&1 &
	_f=$!
	wait_for 50 "the follower" grep -q '"started"' events.txt
	# one that never reads
	$PY - "$SOCK" "$GROUP" "$TENANT" <<-'END' &
	import os, socket, sys, time
	os.setgroups([int(sys.argv[2])])
	os.setgid(int(sys.argv[3]))
	os.setuid(int(sys.argv[3]))
	s = socket.socket(socket.AF_UNIX)
	s.connect(sys.argv[1])
	s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
	for i in range(200):
	    s.send(b'{"method":"io.postern.Vm.Events","more":true,'
	           b'"parameters":{"follow":true}}\0')
	time.sleep(60)
	END
	_stalled=$!
	good me rm -f web
	wait $_w1 || atf_fail "wait: $(cat waited.txt)"
	grep -qx 'web: Stopped: killed (removed)' waited.txt ||
	    atf_fail "wait: $(cat waited.txt)"
	n=0
	while [ $n -lt 40 ]; do
		good me create web --kernel "$GUEST" --memory 32M
		good me rm web
		n=$((n + 1))
	done
	t0=$(date +%s%N)
	good me list
	ms=$((($(date +%s%N) - t0) / 1000000))
	[ "$ms" -lt 2000 ] || atf_fail "list waits for a stalled reader: $ms"
	# shellcheck disable=SC2016 # for the inner shell
	wait_for 50 "all events" sh -c \
	    '[ "$(grep -c "\"created\"" events.txt)" = 40 ]'
	kill $_stalled
	good me events
	[ "$(grep -c ' created ' out.txt)" = 40 ] || atf_fail "events"
	grep -q "stopped  *$TENANT/web: killed" out.txt || atf_fail "reason"
	good as "$TENANT2" events
	[ -s out.txt ] && atf_fail "another's events"
	good as "$ADMIN" events
	[ "$(grep -c ' created ' out.txt)" = 40 ] || atf_fail "admin's events"
	kill $_f 2> /dev/null
	good me backends
	grep -q '^qemu: available' out.txt || atf_fail "backends"
	grep -Eq '^  version  QEMU emulator version [0-9]' out.txt ||
	    atf_fail "backends: $(cat out.txt)"
	good me call List '{"all":true}'
	grep -qx '{"vms":\[\]}' out.txt || atf_fail "call: $(cat out.txt)"
}
watching_cleanup()
{
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	atf_add_test_case defined
	atf_add_test_case still
	atf_add_test_case foreground
	atf_add_test_case terminal
	atf_add_test_case watching
}
