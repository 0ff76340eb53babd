# SPDX-License-Identifier: ISC
# A host, or one role, that has come to an end: descriptors, memory, room; a
# VM that cannot be killed; a file that never answers. What is said is true,
# other VMs run on, and nothing is left. Runs as root; limits and kills only
# processes of its own instance.
# shellcheck shell=sh disable=SC2015,SC2119 # atf_fail ends a test

# told RC FILE: the step and the errno of a failure, or that the daemon ended
told()
{
	[ "$1" = 7 ] && return 0
	[ "$(wc -l < "$2")" = 1 ] &&
	    grep -Eq 'step [a-z-]+: E[A-Z]+|did not boot:|Too many open|allocate' "$2" &&
	    ! grep -q 'step none' "$2"
}

# life WHAT: a start and a stop with a role that is short of something
life()
{
	start_guest half -p 8002:80 > half.out 2> half.err
	rc=$?
	if [ $rc = 0 ]; then
		page 8002 || me list | grep -q '^half.*Running' ||
		    atf_fail "$1: said to run, and does not answer"
	else
		told $rc half.err || atf_fail "$1: $rc: $(cat half.err)"
	fi
	me stop half --grace 0 > half.out 2> half.err
	rc=$?
	# not there, ended, or told why not
	[ $rc = 0 ] || [ $rc = 3 ] || [ $rc = 6 ] || told $rc half.err ||
	    atf_fail "$1: stop: $rc: $(cat half.err)"
}

# limit PID ARGUMENT...: prlimit as its own ids, which may
limit()
{
	_p=$1
	shift
	setpriv --reuid "$(awk '/^Uid:/ { print $2 }' "/proc/$_p/status")" \
	    --regid "$(awk '/^Gid:/ { print $2 }' "/proc/$_p/status")" \
	    --clear-groups prlimit --pid "$_p" "$@"
}

# short ROLE OPTION BASE STEP...: its limit is BASE and STEP more, in turn
short()
{
	_role=$1 _option=$2 _base=$3
	shift 3
	for _more; do
		_pid=$(role_pid "$_role")
		_most=$($_base "$_pid")
		_was=$(limit "$_pid" --output SOFT,HARD --noheadings \
		    "--$_option" | awk '{ print $1 ":" $2 }')
		# it may be starting anew just now
		limit "$_pid" "--$_option=$((_most + _more)):" || continue
		life "$_role, $_option $_most + $_more"
		limit "$_pid" "--$_option=$_was" 2> /dev/null
		daemon_back
		me rm -f half > half.out 2>&1 || grep -q 'no VM' half.out ||
		    atf_fail "$_role $_option: rm: $(cat half.out)"
		nothing_made made.stay
		page 8001 || atf_fail "$_role $_option $_more: the other VM"
	done
}

highest_fd()
{
	find "/proc/$1/fd" -mindepth 1 | sed 's,.*/,,' | sort -n |
	    awk '{ n = $1 + 1 } END { print n }'
}

address_space()
{
	awk '/^VmSize:/ { print $2 * 1024 }' "/proc/$1/status"
}

# the control: a role was refused something
was_short()
{
	grep -Eq "$1" "$I/log" || atf_fail "nothing was short: $1"
	good start_guest half -p 8002:80
	good page 8002
	good me rm -f half stay
	nothing_made made.before
}

begin()
{
	instance_up
	made > made.before
	good start_guest stay -p 8001:80
	good page 8001
	made > made.stay
}

atf_test_case nofile cleanup
nofile_head()
{
	instance_case nofile "EMFILE in each role, sooner and later" 600
}
nofile_body()
{
	begin
	for r in privd-front privd-net privd-jail ctld; do
		short $r nofile highest_fd 0 2 5 9 14
	done
	was_short 'Too many open files'
}
nofile_cleanup()
{
	instance_down
}

atf_test_case nomem cleanup
nomem_head()
{
	instance_case nomem "ENOMEM in each role, sooner and later" 600
}
nomem_body()
{
	begin
	for r in privd-front privd-net privd-jail ctld; do
		short $r as address_space 0 65536 1048576
	done
	# the heaps of most have room for one VM more: S and the VMM, which are
	# under jail's limit, have not
	was_short 'allocate memory|ut of memory|No child processes|signal 11'
}
nomem_cleanup()
{
	instance_down
}

atf_test_case run_full cleanup
run_full_head()
{
	instance_case run_full "no room beneath /run: refused, stop works"
}
run_full_body()
{
	INSTANCE_UNSHARE=-m
	instance_new
	instance_conf
	mkdir "$I/run"
	in_ns mount -t tmpfs -o size=8m,nr_inodes=64,mode=755 none "$I/run"
	daemon_up
	good start_guest old -p 8001:80
	# shellcheck disable=SC2016 # its own arguments
	in_ns sh -c 'i=0
		while : > "$1/run/fill$i"; do i=$((i + 1)); done 2> /dev/null
		cat /dev/zero > "$1/run/fill0"' sh "$I" 2> /dev/null
	made > made.full
	refused 1 'at step [a-z-]+: ENOSPC' start_guest new
	nothing_made made.full
	good page 8001
	good me stop old
	good me rm old
	# shellcheck disable=SC2016 # its own arguments
	in_ns sh -c 'rm "$1"/run/fill*' sh "$I"
	good start_guest new -p 8001:80
	good page 8001
	good me rm -f new
}
run_full_cleanup()
{
	# shellcheck disable=SC2034 # instance.sh's
	INSTANCE_UNSHARE=-m
	instance_down
}

# freeze NAME STATE: v1's freezer, which holds back even SIGKILL
freeze()
{
	echo "$2" > "/sys/fs/cgroup/freezer/$INST-vms/$1/freezer.state"
}

atf_test_case unkillable cleanup
unkillable_head()
{
	instance_case unkillable "a VM in D: told so, others stop, none is lost"
}
unkillable_body()
{
	[ -d /sys/fs/cgroup/freezer ] || atf_skip "no v1 freezer"
	begin
	good start_guest stuck -p 8003:80
	good page 8003
	cg=$(vm_cg stuck)
	echo "$cg" > stuck.cg
	freeze "$cg" FROZEN
	me stop stuck --grace 0 > stuck.out 2> stuck.err &
	stop=$!
	# nobody waits for it
	good start_guest half -p 8002:80
	good page 8002
	good me rm -f half
	wait $stop && atf_fail "said to be stopped: $(cat stuck.out)"
	told 1 stuck.err || atf_fail "$(cat stuck.err)"
	# nor does a new daemon, which knows of it
	pid=$(role_pid privd-jail)
	kill -9 "$pid"
	wait_for 300 "another jail" other_role privd-jail "$pid"
	daemon_back
	me list -a | grep -q '^stuck' || atf_fail "lost: $(me list -a)"
	good page 8001
	freeze "$cg" THAWED
	wait_for 300 "its end" me rm -f stuck
	nothing_made made.stay
	good page 8001
}
unkillable_cleanup()
{
	I=$(cat instance.dir 2> /dev/null) && instance_vars &&
	    [ -f stuck.cg ] && freeze "$(cat stuck.cg)" THAWED 2> /dev/null
	instance_down
}

# start_file FILE: a client that only opens it
start_file()
{
	as_py='import json, os, socket, sys
fd = os.open(sys.argv[2], os.O_RDONLY)
s = socket.socket(socket.AF_UNIX)
s.connect(sys.argv[1])
call = {"method": "io.postern.Vm.Start", "parameters": {"config":
        {"name": "hang", "kernel_fd": 0, "memory_mib": 32}}}
socket.send_fds(s, [json.dumps(call).encode() + b"\0"], [fd])
print(s.recv(4096).decode(), flush=True)
os._exit(0)'
	in_ns setpriv --reuid "$TENANT" --regid "$TENANT" --groups "$GROUP" \
	    "$PY" -c "$as_py" "$SOCK" "$1"
}

atf_test_case hanging_file cleanup
hanging_file_head()
{
	instance_case hanging_file "a file that never answers: refused at once"
}
hanging_file_body()
{
	[ -e /dev/fuse ] || atf_skip "no /dev/fuse"
	INSTANCE_UNSHARE=-m
	begin
	mkdir "$I/hang"
	nsenter -t "$NS" -n -m \
	    "$(atf_config_get top_builddir)/tests/faults/hang" "$I/hang" \
	    > hang.out &
	echo $! > hang.pid
	wait_for 50 "the mount" grep -q ready hang.out
	roles=$(role_pids)
	start_file "$I/hang/file" > answer.txt &
	wait_for 100 "an answer" grep -q InvalidArgument answer.txt
	good start_guest half -p 8002:80
	good page 8002
	good me rm -f half
	[ "$roles" = "$(role_pids)" ] || atf_fail "roles ended: $(role_pids)"
	# the control: whoever asks about it hangs
	nsenter -t "$NS" -m stat "$I/hang/file" > /dev/null 2>&1 &
	asks=$!
	sleep 0.5
	kill -0 $asks || atf_fail "the file answers"
	kill "$(cat hang.pid)"
	wait $asks
	rm hang.pid
	good me rm -f stay
	nothing_made made.before
}
hanging_file_cleanup()
{
	# shellcheck disable=SC2034 # instance.sh's
	INSTANCE_UNSHARE=-m
	# first, or all that asked about the file stays
	[ ! -f hang.pid ] || kill "$(cat hang.pid)" 2> /dev/null
	instance_down
}

atf_init_test_cases()
{
	# shellcheck source=tests/lib/instance.sh
	. "$(atf_config_get top_srcdir)/tests/lib/instance.sh"
	for c in nofile nomem run_full unkillable hanging_file; do
		atf_add_test_case $c
	done
}
